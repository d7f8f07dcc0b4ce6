"""API views for questionnaires: forms as workbooks, the requests sent to suppliers, and their return."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import date
from typing import Any

from flask import Response
from sqlalchemy.orm import Session

from questionnaires.form import JUDGED_KINDS, list_form_ids, load_form
from risk_models.facts.facts import load_facts
from risk_models.facts.goods import list_recognised_goods
from service.api.responses import Reply, attachment, whole_list
from service.api.schemas.base import Resource
from service.api.schemas.suppliers import PLURALS
from service.auth.caller import get_blob_store, get_caller, read_session
from service.clock import today
from service.db.tables import QuestionnaireRequest
from service.errors import DomainError, not_found
from service.online_questionnaires import files
from service.online_questionnaires.progress import describe_progress
from service.questionnaires_sent import requests as questionnaire_requests
from service.questionnaires_sent.asked_back import load_asked_back, load_review_states
from service.questionnaires_sent.form_files import build_form_file, build_request_file, load_form_languages
from service.suppliers import repository as suppliers


def list_forms(session: Session) -> Reply:
    """Return the forms that can be sent out, each in its newest version."""
    return whole_list([load_form(form_id) for form_id in list_form_ids()])


def blank_form(form_id: str, query: Mapping[str, Any]) -> Response:
    """Return a blank form as a file."""
    if form_id not in list_form_ids():
        raise not_found("Form not found.")
    form, on = load_form(form_id), today(get_caller().time_zone)
    if form.kind not in JUDGED_KINDS and query["layout"] != "table":
        raise DomainError("form.layout", 422, "layout: This form is available only as a table.")
    goods = list_recognised_goods(load_facts().as_of(on))
    with read_session() as session:
        languages = load_form_languages(session, query["language"])
    file = build_form_file(form, query["layout"], on, languages=languages, goods=goods)
    return attachment(file.data, file.media_type, file.name)


def list_requests(session: Session, kind: str, supplier_id: str) -> Reply:
    """Return the questionnaires sent to a supplier, newest first."""
    sent = questionnaire_requests.list_requests(session, suppliers.get_supplier(session, kind, supplier_id))
    return whole_list(describe_requests(session, sent))


def create(session: Session, kind: str, supplier_id: str, body: Mapping[str, Any]) -> Reply:
    """Record that a questionnaire is being sent to a supplier."""
    supplier = suppliers.get_supplier(session, kind, supplier_id)
    on = today(get_caller().time_zone)
    request = questionnaire_requests.create_request(
        session, supplier, body["form"], body["sent_to"], on, get_caller().actor, body.get("version")
    )
    session.flush()
    location = f"/api/v1/{PLURALS[kind]}/{supplier.id}/questionnaires/{request.id}/form"
    return Reply(describe_requests(session, [request])[0], 201, {"Location": location})


def filled_form(kind: str, supplier_id: str, questionnaire_id: str, query: Mapping[str, Any]) -> Response:
    """Return the form of a request, ready to send to the supplier."""
    with read_session() as session:
        supplier = suppliers.get_supplier(session, kind, supplier_id)
        request = questionnaire_requests.get_request(session, supplier, questionnaire_id)
        file = build_request_file(session, request, supplier, query["layout"], query["language"])
    return attachment(file.data, file.media_type, file.name)


def mark_returned(
    session: Session, kind: str, supplier_id: str, questionnaire_id: str, body: Mapping[str, Any]
) -> Reply:
    """Record the date on which a form was returned; today if the body gives no date."""
    supplier = suppliers.get_supplier(session, kind, supplier_id)
    questionnaire_requests.get_request(session, supplier, questionnaire_id)
    request = questionnaire_requests.mark_form_returned(
        session, questionnaire_id, _day(body.get("on")), get_caller().actor
    )
    return Reply(describe_requests(session, [request])[0])


def list_answer_files(session: Session, kind: str, supplier_id: str) -> Reply:
    """Return the documents that a supplier sent with its questionnaires, newest first."""
    supplier = suppliers.get_supplier(session, kind, supplier_id)
    return whole_list(list(files.list_supplier_files(session, supplier.id)))


def download_answer_file(kind: str, supplier_id: str, file_id: str) -> Response:
    """Return a document that a supplier sent with a questionnaire."""
    with read_session() as session:
        supplier = suppliers.get_supplier(session, kind, supplier_id)
        file = files.get_supplier_file(session, supplier.id, file_id)
    return attachment(get_blob_store().get(file.sha256), file.media_type, files.build_file_name(file))


def describe_requests(session: Session, sent: Sequence[QuestionnaireRequest]) -> list[Resource]:
    """Return requests as resources, with how far each has got."""
    progress = describe_progress(session, sent, today(get_caller().time_zone))
    ids = [request.id for request in sent]
    reviews, asked_back = load_review_states(session, ids), load_asked_back(session, ids)
    return [
        Resource(
            request,
            **asdict(progress[request.id]),
            review=reviews.get(request.id),
            asked_back=sorted(asked_back.get(request.id, ())),
        )
        for request in sent
    ]


def _day(text: str | None) -> date:
    """Return the date in a body, or today if it has none. Raises DomainError, 422."""
    try:
        return today(get_caller().time_zone) if text is None else date.fromisoformat(text)
    except ValueError as error:
        raise DomainError("date.invalid", 422, "on: Enter the date as YYYY-MM-DD.") from error
