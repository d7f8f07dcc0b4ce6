"""Letters to suppliers about findings, their replies, and what they propose for steps."""

from __future__ import annotations

from marshmallow import fields

from service.api.fields import NOT_BLANK, StrictChoice, StrictList, StrictString
from service.api.schemas.base import ApiSchema, page_of
from service.remediation.replies import MAX_TEXT
from service.remediation.rules import MAX_REASON
from service.shared_plans.proofs import KINDS
from service.shared_plans.submissions import COST_SHARING, POSITIONS


class FindingAnswerSchema(ApiSchema):
    """A supplier's reply to one finding."""

    finding_id = fields.String(dump_only=True)
    position = fields.String(dump_only=True, metadata={"enum": list(POSITIONS)})
    text = fields.String(dump_only=True)


class LetterSchema(ApiSchema):
    """Findings put to a supplier, the date on which the letter was delivered, and the supplier's reply."""

    id = fields.String(dump_only=True)
    text = fields.String(dump_only=True)
    findings = fields.List(fields.String(), dump_only=True)
    safety = fields.Boolean(dump_only=True)
    sent_on = fields.Date(dump_only=True)
    due_at = fields.DateTime(dump_only=True)
    delivered_at = fields.DateTime(dump_only=True, allow_none=True)
    delivered_how = fields.String(
        dump_only=True,
        allow_none=True,
        metadata={
            "enum": ["opened", "noted", None],
            "description": "How the letter was delivered: the supplier opened it, or a user recorded its delivery.",
        },
    )
    answered_at = fields.DateTime(dump_only=True, allow_none=True)
    answer = fields.String(dump_only=True, allow_none=True)
    answers = fields.List(fields.Nested(FindingAnswerSchema), dump_only=True)
    response = fields.String(dump_only=True, allow_none=True)


class NewLetterSchema(ApiSchema):
    """Findings to put to a supplier, worded so that no worker can be identified."""

    findings = StrictList(StrictString(36), 1, 200, required=True)
    text = StrictString(MAX_TEXT, required=True, documented_pattern=NOT_BLANK)


class LetterResponseSchema(ApiSchema):
    """The response to a supplier's reply. The supplier sees it."""

    response = StrictString(MAX_TEXT, required=True, documented_pattern=NOT_BLANK)


class StepProposalSchema(ApiSchema):
    """A supplier's proposal for a step: another date, or what it cannot do and who should share the cost."""

    id = fields.String(dump_only=True)
    step_id = fields.String(dump_only=True)
    due = fields.Date(dump_only=True, allow_none=True)
    text = fields.String(dump_only=True)
    cost_shared_by = fields.String(dump_only=True, allow_none=True, metadata={"enum": [*COST_SHARING, None]})
    sent_at = fields.DateTime(dump_only=True)
    state = fields.String(dump_only=True, metadata={"enum": ["open", "accepted", "declined"]})
    response = fields.String(dump_only=True, allow_none=True)
    responded_at = fields.DateTime(dump_only=True, allow_none=True)


class StepProposalDecisionSchema(ApiSchema):
    """A decision about a proposal, with its reason, which the supplier sees."""

    decision = StrictChoice(("accept", "decline"), required=True)
    reason = StrictString(MAX_REASON, required=True, documented_pattern=NOT_BLANK)


class ProofSchema(ApiSchema):
    """A file sent by a supplier to prove that a step was taken."""

    id = fields.String(dump_only=True)
    step_id = fields.String(dump_only=True)
    kind = fields.String(dump_only=True, metadata={"enum": list(KINDS)})
    media_type = fields.String(dump_only=True)
    size = fields.Integer(dump_only=True, metadata={"description": "Bytes."})
    sha256 = fields.String(dump_only=True)
    personal_columns = fields.Integer(
        dump_only=True,
        allow_none=True,
        metadata={"description": "The number of columns in a sheet whose headers indicate personal data."},
    )
    submitted_at = fields.DateTime(dump_only=True)


PROOFS = page_of(ProofSchema, "ProofList")
LETTERS = page_of(LetterSchema, "LetterList")
STEP_PROPOSALS = page_of(StepProposalSchema, "StepProposalList")
