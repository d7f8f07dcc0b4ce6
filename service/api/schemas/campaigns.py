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
from service.outbox.mail_texts import list_mail_languages

FORMS = {kind: [form for form in list_form_ids() if load_form(form).kind == kind] for kind in JUDGED_KINDS}
CHANGES = ("pause", "resume", "cancel")
CHANNELS = (MAIL, MERGE_FILE)


class SupplierContactSchema(ApiSchema):
    """The address to which a supplier's questionnaires are sent: a shared mailbox of its management, never a worker's address."""

    email = StrictString(254, required=True)
    language = StrictString(
        35,
        allow_none=True,
        metadata={
            "enum": [*list_mail_languages(), None],
            "description": "The language chosen by the respondent; null if it is the default for the supplier's country.",
        },
    )
    confirmed = StrictBoolean(
        load_only=True,
        required=True,
        metadata={"description": "True if you have confirmed that the address belongs to the supplier's management."},
    )
    confirmed_at = fields.DateTime(dump_only=True)


class CampaignPlanSchema(ApiSchema):
    """Which suppliers to ask, the due date, and how to ask them."""

    name = StrictString(100, required=True, documented_pattern=NOT_BLANK)
    due_on = StrictDay(required=True)
    channel = StrictChoice(CHANNELS, load_default=MAIL)
    filter = StrictNested(
        TableFilterSchema, metadata={"description": "The filter that selects the suppliers to ask (default: all)."}
    )
    suppliers = StrictList(
        StrictString(36, "^[0-9a-f-]+$"), metadata={"description": "Ask only these suppliers (at most 50 IDs)."}
    )
    site_form = StrictString(
        40,
        metadata={"enum": FORMS["site"], "description": "The form to send (default: the form for each site's sector)."},
    )
    agency_form = StrictString(40, metadata={"enum": FORMS["agency"]})
    first = StrictInteger(
        1,
        load_rules()["most"],
        metadata={
            "description": "Ask at most this many suppliers, in the order of the filter (default: highest risk first)."
        },
    )
    again = StrictBoolean(metadata={"description": "Also ask suppliers that were asked recently."})


class NewCampaignSchema(CampaignPlanSchema):
    """A campaign to start."""

    digest = StrictString(
        16,
        metadata={
            "description": "The digest returned by the preview. The campaign starts only if the list of suppliers has not "
            "changed since."
        },
    )


class CampaignPreviewSchema(ApiSchema):
    """Which suppliers a campaign would ask, and which it would leave out."""

    digest = fields.String()
    asked = StrictList(fields.String(), metadata={"description": "The IDs of the suppliers."})
    no_address = StrictList(fields.String())
    asked_recently = StrictList(fields.String())
    state_imposed = StrictList(
        fields.String(),
        metadata={
            "description": "Suppliers where state-imposed labour is documented. People there may be punished for their "
            "answers, so these suppliers are assessed from outside."
        },
    )
    sensitive = StrictInteger(
        0,
        metadata={
            "description": "The number of suppliers that would be sent the form without the questions that could endanger the "
            "person answering."
        },
    )
    forms = fields.Dict(metadata={"description": "The number of suppliers that would be sent each form."})
    languages = fields.Dict(metadata={"description": "The number of emails in each language."})


class CampaignSchema(ApiSchema):
    """A campaign, with the number of its suppliers in each state."""

    id = fields.String()
    name = fields.String()
    due_on = fields.Date()
    channel = StrictChoice(CHANNELS)
    state = StrictChoice(("running", "paused", "cancelled"))
    created_by = fields.String()
    created_at = fields.DateTime()
    counts = fields.Dict(metadata={"description": f"The number of suppliers in each state: {', '.join(STATES)}."})


class CampaignLineSchema(ApiSchema):
    """A campaign, as returned in a list."""

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
    """A supplier in a campaign, and the state of its questionnaire."""

    id = fields.String()
    supplier_id = fields.String()
    questionnaire_id = fields.String(attribute="asking_id", allow_none=True)
    form = fields.String()
    form_version = fields.String()
    state = StrictChoice(STATES)
    reason = fields.String(allow_none=True)
    due_at = fields.DateTime(
        metadata={"description": "The time at which the due date ends in the supplier's time zone."}
    )
    answered = StrictInteger(0)
    questions = StrictInteger(0)
    opened_at = fields.DateTime(allow_none=True)
    returned_on = fields.Date(allow_none=True)
    review = StrictChoice(
        REVIEW_STATES, allow_none=True, metadata={"description": "The state of the review; null if it has not started."}
    )
    declined_on = fields.Date(allow_none=True)
    level = fields.String(allow_none=True)
    level_before = fields.String(
        allow_none=True, metadata={"description": "The supplier's level when the campaign started."}
    )


CAMPAIGN_SUPPLIERS = page_of(CampaignSupplierSchema, "CampaignSupplierList")


class CampaignSuppliersQuerySchema(PageQuerySchema):
    """The parameters for listing the suppliers of a campaign."""

    state = StrictChoice(STATES)


class CampaignChangeSchema(ApiSchema):
    """Pause, resume or cancel a campaign."""

    change = StrictChoice(CHANGES, required=True)


class CampaignSuppliersChangeSchema(ApiSchema):
    """An action on some suppliers of a campaign, given by their IDs in the campaign."""

    ids = StrictList(StrictString(36, "^[0-9a-f-]+$"), required=True)
    action = StrictChoice(ACTIONS, required=True)
    reason = StrictString(2000, metadata={"description": "Required for `bounced`, `refused` and `declined`."})
    how = StrictChoice(
        HOW_REFUSED,
        metadata={"description": "How the supplier refused: by email or in conversation with one of your officers."},
    )


class ChangedSuppliersSchema(ApiSchema):
    """The number of suppliers changed. The others are in a state that does not allow the action."""

    changed = StrictInteger(0)


class CampaignLinksRequestSchema(ApiSchema):
    """Which suppliers get a new link: those that have none yet, or all that have not returned the questionnaire."""

    scope = StrictChoice(SCOPES, load_default="unsent")


class CampaignLinkSchema(ApiSchema):
    """A new link for a supplier, for you to send."""

    supplier_id = fields.String()
    supplier = fields.String()
    reference = fields.String()
    email = fields.String()
    link = fields.String(metadata=ONCE)
    due_on = fields.Date()


CAMPAIGN_LINKS = page_of(CampaignLinkSchema, "CampaignLinkList")
