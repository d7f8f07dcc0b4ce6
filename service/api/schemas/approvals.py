"""What waits for an approver."""

from __future__ import annotations

from marshmallow import fields

from service.api.fields import CurrentChoice
from service.api.schemas.base import ApiSchema, page_of

KINDS = ("step", "date_proposal", "exit_paper", "closing", "watch_end")
CHANGES = ("due", "withheld")


class ApprovalSchema(ApiSchema):
    """A decision that waits for an approver. A person makes it on the page Approvals, never a program."""

    kind = CurrentChoice(
        KINDS,
        metadata={
            "description": "A change to a step that protects people, a later date that a supplier proposes for one, an exit "
            "paper, closing an emergency, or ending a retaliation watch early."
        },
    )
    id = fields.String(metadata={"description": "The ID of the request, proposal, exit paper, case or watch."})
    supplier_id = fields.String(allow_none=True)
    step_id = fields.String(allow_none=True)
    case_id = fields.String(allow_none=True)
    change = CurrentChoice(
        CHANGES, allow_none=True, metadata={"description": "The change to the step that is requested."}
    )
    due = fields.Date(allow_none=True, metadata={"description": "The date that is requested."})
    reason = fields.String(
        allow_none=True,
        metadata={"description": "Null for callers without access to what workers reported, if it might reveal that."},
    )
    asked_at = fields.DateTime()


APPROVALS = page_of(ApprovalSchema, "ApprovalList")
