"""The review of a returned questionnaire: its answers, what speaks against them, and what was decided."""

from __future__ import annotations

from marshmallow import fields

from service.api.fields import StrictChoice, StrictList, StrictNested, StrictString
from service.api.schemas.admin import ONCE
from service.api.schemas.base import ApiSchema
from service.campaigns.board import REVIEW_STATES
from service.questionnaire_reviews.clarifications import ENDS
from service.questionnaire_reviews.decisions import ACCEPTED, ASKED_BACK, MAX_REASON

ANSWER_STATES = ("open", "accepted", "to_ask", "asked_back")
REASON = {
    "description": "Required to request clarification (`asked_back`). The supplier reads it: do not quote workers or name anyone."
}


class ReviewPointSchema(ApiSchema):
    """An objection to an answer, for example another answer that contradicts it, or what is known about the corridor."""

    code = fields.String()
    text = fields.String()


class AnswerDecisionSchema(ApiSchema):
    """What was decided about an answer."""

    decision = StrictChoice((ACCEPTED, ASKED_BACK))
    reason = fields.String(allow_none=True)
    follow_up_id = fields.String(
        allow_none=True, metadata={"description": "The questionnaire request that asks for the clarification."}
    )
    decided_by = fields.String()
    decided_at = fields.DateTime()


class ReviewedAnswerSchema(ApiSchema):
    """An answer under review."""

    question = fields.String()
    title = fields.String()
    answer = fields.Raw(metadata={"description": "As in the answers of a supplier."})
    text = fields.String(metadata={"description": "The answer in words."})
    earlier = fields.String(
        metadata={"description": "The answer before this questionnaire in words; empty if there was none."}
    )
    state = StrictChoice(ANSWER_STATES)
    points = StrictList(StrictNested(ReviewPointSchema))
    evidence = StrictList(fields.String(), metadata={"description": "IDs of the pieces of evidence that cover it."})
    files = StrictList(fields.String(), metadata={"description": "IDs of the documents that were sent with it."})
    decisions = StrictList(StrictNested(AnswerDecisionSchema))


class QuestionnaireReviewSchema(ApiSchema):
    """The review of a returned questionnaire. Accepting an answer changes no score."""

    asking_id = fields.String()
    state = StrictChoice(REVIEW_STATES, allow_none=True, metadata={"description": "null: nothing was decided yet."})
    follow_ups = StrictList(
        fields.String(), metadata={"description": "Questionnaire requests that ask for clarification."}
    )
    answers = StrictList(StrictNested(ReviewedAnswerSchema))


class AnswerChoiceSchema(ApiSchema):
    """What to do about the answer to a question."""

    question = StrictString(80, required=True)
    decision = StrictChoice((ACCEPTED, ASKED_BACK), required=True)
    reason = StrictString(MAX_REASON, metadata=REASON)


class AnswerChoicesSchema(ApiSchema):
    """What to do about some answers: all of it is saved, or none."""

    decisions = StrictList(StrictNested(AnswerChoiceSchema), required=True)


class ClarificationEndSchema(ApiSchema):
    """Why no reply to a request for clarification is expected any more."""

    closed_as = StrictChoice(ENDS, required=True, metadata={"description": "refused: the supplier said so."})


class AskedBackSchema(ApiSchema):
    """A request for clarification, and its link."""

    id = fields.String()
    due_on = fields.Date()
    questions = StrictList(fields.String())
    address = fields.String(metadata=ONCE)
    email = fields.String(
        allow_none=True, metadata={"description": "Where the link is sent; null if no address is confirmed."}
    )
