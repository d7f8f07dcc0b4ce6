"""The plan for a supplier: what was agreed with it and with those who speak for its workers."""

from __future__ import annotations

from marshmallow import fields

from service.api.fields import StrictChoice, StrictDay, StrictInteger, StrictString
from service.api.schemas.base import ApiSchema
from service.remediation.plans import AGREED_HOW, SPOKESPEOPLE


class AgreedPlanSchema(ApiSchema):
    """What was agreed with a supplier.

    Each agreement creates a new version; anything that a request omits counts as not agreed.
    """

    id = fields.String(dump_only=True)
    supplier_id = fields.String(dump_only=True)
    version = fields.Integer(dump_only=True)
    agreed_on = StrictDay(allow_none=True)
    agreed_how = StrictChoice(
        AGREED_HOW, allow_none=True, metadata={"description": "How the supplier gave its agreement."}
    )
    workers_agreed_on = StrictDay(allow_none=True)
    spokesperson = StrictChoice(
        SPOKESPEOPLE,
        allow_none=True,
        metadata={"description": "The kind of people who agreed on behalf of the workers, never a name."},
    )
    cost = StrictString(24, allow_none=True, metadata={"description": "A decimal number."})
    currency = StrictString(3, "^[A-Z]{3}$", 3, allow_none=True)
    employer_share = StrictInteger(0, 100, allow_none=True, metadata={"description": "As a percentage of the cost."})
    agency_share = StrictInteger(0, 100, allow_none=True, metadata={"description": "As a percentage of the cost."})
    buyer_share = StrictInteger(0, 100, allow_none=True, metadata={"description": "As a percentage of the cost."})
    created_by = fields.String(dump_only=True)
    created_at = fields.DateTime(dump_only=True)


AGREEMENT = AgreedPlanSchema(sent_as="Agreement")
