"""What waits for an approver."""

from __future__ import annotations

from marshmallow import fields

from service.api.fields import CurrentChoice
from service.api.schemas.base import ApiSchema, page_of

KINDS = ("step", "date_proposal", "exit_paper", "closing", "watch_end")
CHANGES = ("due", "withheld")


class ApprovalSchema(ApiSchema):
    """A decision waiting for an approver. Only a person can make it, on the Approvals page; the API cannot."""

    kind = CurrentChoice(
        KINDS,
        metadata={
            "description": "What has to be decided: a change to a step that protects people, a later date proposed by a "
            "supplier for such a step, an exit paper, the closure of an emergency, or the early end of a "
            "retaliation watch."
        },
    )
    id = fields.String(metadata={"description": "The ID of the request, proposal, exit paper, case or watch."})
    supplier_id = fields.String(allow_none=True)
    step_id = fields.String(allow_none=True)
    case_id = fields.String(allow_none=True)
    change = CurrentChoice(CHANGES, allow_none=True, metadata={"description": "The requested change to the step."})
    due = fields.Date(allow_none=True, metadata={"description": "The requested date."})
    reason = fields.String(
        allow_none=True,
        metadata={
            "description": "Null if it might reveal what workers reported and the caller is not allowed to see that."
        },
    )
    asked_at = fields.DateTime()


APPROVALS = page_of(ApprovalSchema, "ApprovalList")
