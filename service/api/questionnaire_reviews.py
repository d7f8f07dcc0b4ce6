"""API views for the review of returned questionnaires."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import url_for
from sqlalchemy.orm import Session

from service.api.questionnaire_requests import describe_requests
from service.api.responses import Reply
from service.api.schemas.base import Resource
from service.auth.caller import get_caller
from service.clock import today
from service.questionnaire_reviews.clarifications import close_clarification
from service.questionnaire_reviews.contents import Review, ReviewedAnswer, load_review
from service.questionnaire_reviews.decisions import Choice, decide, send_asked_back
from service.questionnaires_sent.asked_back import list_asked_back
from service.questionnaires_sent.requests import get_request
from service.suppliers import repository as suppliers


def get_review(session: Session, kind: str, supplier_id: str, questionnaire_id: str) -> Reply:
    """Return the review of a returned questionnaire."""
    caller = get_caller()
    sent = get_request(session, suppliers.get_supplier(session, kind, supplier_id), questionnaire_id)
    on, sees = today(caller.time_zone), caller.sees_worker_derived
    return Reply(_describe(load_review(session, sent, on, sees_worker_derived=sees)))


def decide_answers(
    session: Session, kind: str, supplier_id: str, questionnaire_id: str, body: Mapping[str, Any]
) -> Reply:
    """Accept answers or mark them to be asked back, and return the review."""
    caller = get_caller()
    sent = get_request(session, suppliers.get_supplier(session, kind, supplier_id), questionnaire_id)
    choices = [Choice(one["question"], one["decision"], one.get("reason", "")) for one in body["decisions"]]
    on, sees = today(caller.time_zone), caller.sees_worker_derived
    return Reply(_describe(decide(session, sent, choices, caller.actor, on, sees_worker_derived=sees)))


def ask_back(session: Session, kind: str, supplier_id: str, questionnaire_id: str) -> Reply:
    """Send what is to be asked back as one request, and return it with its link."""
    caller = get_caller()
    sent = get_request(session, suppliers.get_supplier(session, kind, supplier_id), questionnaire_id)
    path = url_for("questionnaire.show", token="TOKEN", _external=True).replace("TOKEN", "{token}")
    on, sees = today(caller.time_zone), caller.sees_worker_derived
    asked = send_asked_back(session, sent, caller.actor, on, path, sees_worker_derived=sees)
    questions = sorted(list_asked_back(session, asked.request.id))
    values = {"questions": questions, "address": path.format(token=asked.token), "email": asked.email}
    return Reply(Resource(asked.request, **values), 201)


def close(session: Session, kind: str, supplier_id: str, questionnaire_id: str, body: Mapping[str, Any]) -> Reply:
    """Stop waiting for a clarification, and return its request."""
    sent = get_request(session, suppliers.get_supplier(session, kind, supplier_id), questionnaire_id)
    close_clarification(session, sent, body["closed_as"], get_caller().actor)
    return Reply(describe_requests(session, [sent])[0])


def _describe(review: Review) -> dict[str, Any]:
    return {
        "questionnaire_id": review.request.id,
        "state": review.review.state if review.review else None,
        "follow_ups": [request.id for request in review.follow_ups],
        "answers": [_describe_answer(answer) for answer in review.answers],
    }


def _describe_answer(answer: ReviewedAnswer) -> dict[str, Any]:
    return {
        "question": answer.question.id,
        "title": answer.question.title,
        "answer": answer.answer,
        "text": answer.text,
        "earlier": answer.earlier,
        "state": answer.state,
        "points": answer.points,
        "evidence": [entry.id for entry in answer.evidence],
        "files": [file.id for file in answer.files],
        "decisions": answer.decisions,
    }
