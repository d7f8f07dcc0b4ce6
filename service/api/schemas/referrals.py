"""The referral directory: contacts that help workers, and what is missing in each country."""

from __future__ import annotations

from marshmallow import fields

from service.api.fields import StrictBoolean, StrictChoice, StrictDay, StrictInteger, StrictList, StrictString
from service.api.schemas.base import ApiSchema, page_of
from service.db.referral_tables import KINDS
from service.referrals.contact_file import MOST_ROWS
from service.referrals.contacts import LONGEST, load_directory_rules

COUNTRY, LANGUAGE = "^[A-Z]{2}$", "^[a-z]{2,3}$"
GROUPS = tuple(load_directory_rules()["groups"])


class ReferralContactSchema(ApiSchema):
    """An organisation that helps workers in a country. Never enter the details of a person.

    `called_on` is the day on which someone last called the organisation and

    confirmed that the entry is correct. If you change the country, kind, name

    or contact details, someone has to call again.
    """

    id = fields.String(dump_only=True)
    version = fields.Integer(dump_only=True)
    country = StrictString(2, COUNTRY, required=True)
    kind = StrictChoice(KINDS, required=True)
    name = StrictString(LONGEST["name"], required=True)
    reach = StrictString(
        LONGEST["reach"], required=True, metadata={"description": "Telephone number, address or website."}
    )
    languages = StrictList(
        StrictString(3, LANGUAGE), 0, 30, load_default=list, metadata={"description": "ISO 639 codes, such as `km`."}
    )
    hours = StrictString(LONGEST["hours"], shortest=0, load_default="")
    not_safe_for = StrictList(StrictChoice(GROUPS), 0, len(GROUPS), load_default=list)
    note = StrictString(LONGEST["note"], shortest=0, load_default="")
    called_on = fields.Date(dump_only=True, allow_none=True)
    called_by = fields.String(dump_only=True, allow_none=True)
    created_at = fields.DateTime(dump_only=True)


class ReferralCallSchema(ApiSchema):
    """A call to a contact that confirmed its entry. `called_on` must not be in the future."""

    called_on = StrictDay(required=True)


class ReferralFileSchema(ApiSchema):
    """A CSV file of contacts, as text, with the columns of the file that can be downloaded."""

    csv = StrictString(900_000, required=True)


class ReferralImportSchema(ApiSchema):
    """What was changed in the directory by a file."""

    added = StrictInteger(0, MOST_ROWS)
    changed = StrictInteger(0, MOST_ROWS)
    unchanged = StrictInteger(0, MOST_ROWS)


class ReferralReadinessSchema(ApiSchema):
    """Whether steps that involve contacting workers in a country are shown.

    `missing` lists the kinds of contacts that are not in the directory or

    have not been called within the last 90 days. `until` is the last day on

    which the calls made so far are still valid.
    """

    country = fields.String()
    suppliers = StrictInteger(0)
    ready = StrictBoolean()
    missing = fields.List(fields.String())
    until = fields.Date(allow_none=True)


NEW_REFERRAL_CONTACT = ReferralContactSchema()
REFERRAL_CHANGE = ReferralContactSchema(partial=True, sent_as="ReferralContactChange")
REFERRAL_CONTACTS = page_of(ReferralContactSchema, "ReferralContactList")
REFERRAL_READINESS = page_of(ReferralReadinessSchema, "ReferralReadinessList")
