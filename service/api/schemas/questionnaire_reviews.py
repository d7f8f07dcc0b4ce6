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
    "description": "Required to request clarification (`asked_back`). The supplier will read this text, so do not quote "
    "workers or name anyone."
}


class ReviewPointSchema(ApiSchema):
    """An objection to an answer, for example another answer that contradicts it, or what is known about the corridor."""

    code = fields.String()
    text = fields.String()


class AnswerDecisionSchema(ApiSchema):
    """The decision on an answer."""

    decision = StrictChoice((ACCEPTED, ASKED_BACK))
    reason = fields.String(allow_none=True)
    follow_up_id = fields.String(
        allow_none=True, metadata={"description": "The questionnaire request in which clarification is requested."}
    )
    decided_by = fields.String()
    decided_at = fields.DateTime()


class ReviewedAnswerSchema(ApiSchema):
    """An answer under review."""

    question = fields.String()
    title = fields.String()
    answer = fields.Raw(metadata={"description": "The answer in the format used for a supplier's answers."})
    text = fields.String(metadata={"description": "The answer in readable form."})
    earlier = fields.String(metadata={"description": "The previous answer in readable form; empty if there was none."})
    state = StrictChoice(ANSWER_STATES)
    points = StrictList(StrictNested(ReviewPointSchema))
    evidence = StrictList(
        fields.String(), metadata={"description": "The IDs of the pieces of evidence that cover the answer."}
    )
    files = StrictList(fields.String(), metadata={"description": "The IDs of the documents sent with the answer."})
    decisions = StrictList(StrictNested(AnswerDecisionSchema))


class QuestionnaireReviewSchema(ApiSchema):
    """The review of a returned questionnaire. Accepting an answer does not change the score."""

    questionnaire_id = fields.String()
    state = StrictChoice(
        REVIEW_STATES, allow_none=True, metadata={"description": "Null if no decision has been made yet."}
    )
    follow_ups = StrictList(
        fields.String(), metadata={"description": "The questionnaire requests in which clarification is requested."}
    )
    answers = StrictList(StrictNested(ReviewedAnswerSchema))


class AnswerChoiceSchema(ApiSchema):
    """The decision to record on the answer to a question."""

    question = StrictString(80, required=True)
    decision = StrictChoice((ACCEPTED, ASKED_BACK), required=True)
    reason = StrictString(MAX_REASON, metadata=REASON)


class AnswerChoicesSchema(ApiSchema):
    """The decisions to record on some answers. Either all of them are saved or none."""

    decisions = StrictList(StrictNested(AnswerChoiceSchema), required=True)


class ClarificationEndSchema(ApiSchema):
    """Why a reply to a request for clarification is no longer expected."""

    closed_as = StrictChoice(
        ENDS, required=True, metadata={"description": "`refused` means that the supplier said it would not reply."}
    )


class AskedBackSchema(ApiSchema):
    """A request for clarification, and its link."""

    id = fields.String()
    due_on = fields.Date()
    questions = StrictList(fields.String())
    address = fields.String(metadata=ONCE)
    email = fields.String(
        allow_none=True,
        metadata={"description": "The address to which the link is sent; null if no address has been confirmed."},
    )
