"""Campaigns: what to ask of whom, the preview, the board; and the addresses for questionnaires."""

from __future__ import annotations

from marshmallow import fields

from questionnaires.form import JUDGED_KINDS, list_form_ids, load_form
from service.api.fields import (
    NOT_BLANK,
    StrictBoolean,
    StrictChoice,
    StrictDay,
    StrictInteger,
    StrictList,
    StrictNested,
    StrictString,
)
from service.api.schemas.admin import ONCE
from service.api.schemas.base import ApiSchema, PageQuerySchema, page_of
from service.api.schemas.suppliers import TableFilterSchema
from service.campaigns.board import REVIEW_STATES, STATES
from service.campaigns.merge_file import SCOPES
from service.campaigns.outcomes import ACTIONS, HOW_REFUSED
from service.campaigns.rules import load_rules
from service.campaigns.selection import MAIL, MERGE_FILE
from service.outbox.mail_texts import list_default_texts

FORMS = {kind: [form for form in list_form_ids() if load_form(form).kind == kind] for kind in JUDGED_KINDS}
CHANGES = ("pause", "resume", "cancel")
CHANNELS = (MAIL, MERGE_FILE)


class SupplierContactSchema(ApiSchema):
    """The address to which questionnaires for a supplier go: a shared mailbox of its management, never that of a worker."""

    email = StrictString(254, required=True)
    language = StrictString(
        35,
        allow_none=True,
        metadata={
            "enum": [*list_default_texts(), None],
            "description": "The language that the respondent chose; null for the default of its country.",
        },
    )
    confirmed = StrictBoolean(
        load_only=True,
        required=True,
        metadata={"description": "You have confirmed that the address belongs to the supplier's management."},
    )
    confirmed_at = fields.DateTime(dump_only=True)


class CampaignPlanSchema(ApiSchema):
    """The suppliers to ask, the due date, and how they are asked."""

    name = StrictString(100, required=True, documented_pattern=NOT_BLANK)
    due_on = StrictDay(required=True)
    channel = StrictChoice(CHANNELS, load_default=MAIL)
    filter = StrictNested(TableFilterSchema, metadata={"description": "Which suppliers to ask; by default all."})
    suppliers = StrictList(
        StrictString(36, "^[0-9a-f-]+$"), metadata={"description": "Ask these suppliers only, at most 50 IDs."}
    )
    site_form = StrictString(
        40, metadata={"enum": FORMS["site"], "description": "By default, the form for the sector of each site."}
    )
    agency_form = StrictString(40, metadata={"enum": FORMS["agency"]})
    first = StrictInteger(
        1,
        load_rules()["most"],
        metadata={
            "description": "Ask only this many suppliers, in the order of the filter: by default, highest risk first."
        },
    )
    again = StrictBoolean(metadata={"description": "Also ask suppliers that were asked recently."})


class NewCampaignSchema(CampaignPlanSchema):
    """A campaign to start."""

    digest = StrictString(
        16,
        metadata={"description": "The digest of the preview: the campaign starts only if its list is still the same."},
    )


class CampaignPreviewSchema(ApiSchema):
    """Who would be asked by a campaign, and who would be left out."""

    digest = fields.String()
    asked = StrictList(fields.String(), metadata={"description": "IDs of the suppliers."})
    no_address = StrictList(fields.String())
    asked_recently = StrictList(fields.String())
    sensitive = StrictInteger(
        0,
        metadata={"description": "How many get the form without questions that could endanger whoever answers them."},
    )
    forms = fields.Dict(metadata={"description": "How many suppliers get each form."})
    languages = fields.Dict(metadata={"description": "How many emails are in each language."})


class CampaignSchema(ApiSchema):
    """A campaign, with how many of its suppliers are in each state."""

    id = fields.String()
    name = fields.String()
    due_on = fields.Date()
    channel = StrictChoice(CHANNELS)
    state = StrictChoice(("running", "paused", "cancelled"))
    created_by = fields.String()
    created_at = fields.DateTime()
    counts = fields.Dict(metadata={"description": f"By state: {', '.join(STATES)}."})


class CampaignLineSchema(ApiSchema):
    """A campaign in the list."""

    id = fields.String()
    name = fields.String()
    due_on = fields.Date()
    state = StrictChoice(("running", "paused", "cancelled"))
    created_at = fields.DateTime()
    listed = StrictInteger(0)
    asked = StrictInteger(0)
    returned = StrictInteger(0)


CAMPAIGNS = page_of(CampaignLineSchema, "CampaignList")


class CampaignSupplierSchema(ApiSchema):
    """A supplier of a campaign, and what became of its questionnaire."""

    id = fields.String()
    supplier_id = fields.String()
    asking_id = fields.String(allow_none=True)
    form = fields.String()
    form_version = fields.String()
    state = StrictChoice(STATES)
    reason = fields.String(allow_none=True)
    due_at = fields.DateTime(metadata={"description": "When the due date ends in the supplier's time zone."})
    answered = StrictInteger(0)
    questions = StrictInteger(0)
    opened_at = fields.DateTime(allow_none=True)
    returned_on = fields.Date(allow_none=True)
    review = StrictChoice(
        REVIEW_STATES, allow_none=True, metadata={"description": "How far its review has got; null before it."}
    )
    declined_on = fields.Date(allow_none=True)
    level = fields.String(allow_none=True)
    level_before = fields.String(allow_none=True, metadata={"description": "Its level when the campaign started."})


CAMPAIGN_SUPPLIERS = page_of(CampaignSupplierSchema, "CampaignSupplierList")


class CampaignSuppliersQuerySchema(PageQuerySchema):
    """The state of the suppliers to list, and the page."""

    state = StrictChoice(STATES)


class CampaignChangeSchema(ApiSchema):
    """Pause, resume or cancel a campaign."""

    change = StrictChoice(CHANGES, required=True)


class CampaignSuppliersChangeSchema(ApiSchema):
    """What to do about some suppliers of a campaign, by their IDs in it."""

    ids = StrictList(StrictString(36, "^[0-9a-f-]+$"), required=True)
    action = StrictChoice(ACTIONS, required=True)
    reason = StrictString(2000, metadata={"description": "Required for bounced, refused and declined."})
    how = StrictChoice(
        HOW_REFUSED, metadata={"description": "How the supplier refused: by email, or to one of your officers."}
    )


class ChangedSuppliersSchema(ApiSchema):
    """How many suppliers were changed; the state of the others does not allow it."""

    changed = StrictInteger(0)


class CampaignLinksRequestSchema(ApiSchema):
    """The suppliers that get a new link: those without one so far, or all that have not returned the questionnaire."""

    scope = StrictChoice(SCOPES, load_default="unsent")


class CampaignLinkSchema(ApiSchema):
    """A new link for a supplier, to send it yourself."""

    supplier_id = fields.String()
    supplier = fields.String()
    reference = fields.String()
    email = fields.String()
    link = fields.String(metadata=ONCE)
    due_on = fields.Date()


CAMPAIGN_LINKS = page_of(CampaignLinkSchema, "CampaignLinkList")
