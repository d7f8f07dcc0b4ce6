"""API views of suppliers, agencies, companies and changes; each calls a use case.

A view takes the session of the request (scoped to the caller's organisation), the arguments in the path, and ``query`` and
``body`` as loaded by the route. The schema of the route serialises what it returns.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from hashlib import sha256
from typing import Any

import orjson
from flask import current_app
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from service.api.answers import load_answers
from service.api.body import parse_day
from service.api.responses import Reply, check_version, page_reply
from service.api.schemas.assessments import DecisionRequestSchema
from service.api.schemas.base import Resource
from service.api.schemas.suppliers import PLURALS
from service.api.validation import load_body
from service.api.vouching import check_confirmed_pieces, take_confirmed_pieces, take_voucher, vouch
from service.assessment.decision import CorrectivePlan
from service.assessment.export_json import ENGINE_VERSION
from service.auth.caller import get_caller
from service.clock import now, today
from service.db import change_feed
from service.db.tables import Result, Supplier
from service.erasure import erase as erasure
from service.errors import DomainError, not_found
from service.identity import pairs
from service.queries import lists, stored_results
from service.queries.lists import Company
from service.queries.supplier_filter import SupplierFilter, parse_filter
from service.queries.supplier_list import get_next_step
from service.questionnaires_sent import requests as questionnaire_requests
from service.questionnaires_sent.asked_back import list_asked_back
from service.referrals.readiness import load_gate
from service.remediation.gate import NOTHING_KNOWN, GateFacts, load_gate_facts
from service.report_content import redaction
from service.report_content.decided import Onboarding, decide_result
from service.suppliers import identity, merging, repository
from service.suppliers.organisation_models import get_organisation, get_release_on

Values = Mapping[str, Any]
DECISION_REQUEST = DecisionRequestSchema()


def assess(session: Session, body: dict[str, Any]) -> Reply:
    """Assess one supplier without storing anything, and return the onboarding decision."""
    data = dict(body)
    kind = data.pop("kind", "site")
    if not isinstance(kind, str) or kind not in PLURALS:
        raise DomainError("field.value", 422, "kind: Enter site or agency.")
    on = today(get_caller().time_zone)
    given = {name: data.pop(name) for name in DECISION_REQUEST.fields if name in data}
    plan, informed_on = _load_plan(load_body(DECISION_REQUEST, given), on)
    voucher = take_voucher(kind, data)
    data = _as_returned_form(session, kind, data, on)
    answers, issues = vouch(kind, load_answers(kind, data), voucher)
    scores = repository.get_agency_scores(session, [answers]) if kind == "site" else {}
    release = get_release_on(get_organisation(session), on)
    sees_all = get_caller().sees_worker_derived
    supplier = Onboarding(kind, answers, on, scores, release, plan, informed_on, sees_all)
    return Reply(with_issues(current_app.extensions["decide"](supplier), issues))


def _as_returned_form(session: Session, kind: str, data: dict[str, Any], on: date) -> dict[str, Any]:
    """Return a body without ``questionnaire_id``; if it has one, with the form and return date of that request.

    Raises DomainError, 422, for an unknown request, or one to another kind of supplier.
    """
    if "questionnaire_id" not in data:
        return data
    found = questionnaire_requests.find_request(session, data["questionnaire_id"])
    if found is None or found[1].kind != kind:
        raise DomainError("asking.unknown", 422, "questionnaire_id: This questionnaire request does not exist.")
    if list_asked_back(session, data["questionnaire_id"]):
        detail = (
            "questionnaire_id: This is a request for clarification. The supplier has to answer it through its link or "
            "workbook."
        )
        raise DomainError("asking.asked_back", 422, detail)
    sent, returned = found[0], found[0].returned_on or on
    answers = {name: value for name, value in data.items() if name != "questionnaire_id"}
    return {**answers, "form_version": f"{sent.form} {sent.form_version}", "form_returned": returned.isoformat()}


def decide_on_supplier(session: Session, kind: str, supplier_id: str, body: Values) -> Reply:
    """Return a stored supplier or agency with the decision, taking an agreed plan into account. Nothing is stored.

    What is stored counts as well as what the request says (:meth:`GateFacts.combine`).
    """
    supplier, result = _get_latest(session, kind, supplier_id)
    stored = load_gate_facts(session, supplier.id)
    plan, informed_on = _load_plan(body, today(get_caller().time_zone))
    asked = stored.combine(plan, informed_on)
    return Reply(_supplier(session, supplier, result, asked), etag=etag(supplier, asked))


def _load_plan(body: Values, on: date) -> tuple[CorrectivePlan | None, date | None]:
    """Return the plan of a request and the day on which the supplier was informed. Raises DomainError ``date.future``, 422."""
    informed_on = _parse_past_day("supplier_informed_on", body.get("supplier_informed_on"), on)
    given = body.get("plan")
    if given is None:
        return None, informed_on
    agreed_on = _parse_past_day("plan.agreed_on", given["agreed_on"], on)
    assert agreed_on is not None  # the schema requires it
    steps: dict[str, bool] = {}
    for step in given["steps"]:  # a step that is listed twice is done when it is so both times
        steps[step["action"]] = steps.get(step["action"], True) and step["state"] == "done"
    next_due = parse_day("plan.next_due", given["next_due"]) if given.get("next_due") else None
    return CorrectivePlan(agreed_on, tuple(given["covers"]), steps, next_due), informed_on


def _parse_past_day(field: str, text: str | None, on: date) -> date | None:
    day = None if text is None else parse_day(field, text)
    if day is not None and day > on:
        raise DomainError("date.future", 422, f"{field}: This date is in the future.")
    return day


def with_issues(values: dict[str, Any], issues: list[dict[str, str]]) -> dict[str, Any]:
    """Return a response with the issues of the answers that cannot be used, if there are any."""
    return {**values, "issues": issues} if issues else values


def _supplier(session: Session, supplier: Supplier, result: Result, known: GateFacts) -> dict[str, Any]:
    """Return a supplier or agency with its latest result, the decision, and what else it is found under."""
    names = ("id", "version", "silent", "assessed_at", "review_due", "ended_on", "fell_on")
    merged = identity.list_aliases(session, supplier)
    return {
        **_result(session, result, known),
        **{name: getattr(supplier, name) for name in names},
        "exited_on": known.exited_on,
        "also_found_under": merged,
    }


def _result(session: Session, result: Result, known: GateFacts = NOTHING_KNOWN) -> dict[str, Any]:
    """Return a stored result without the steps that the referral directory does not allow yet, and what replaces them."""
    assessed, facts = stored_results.reassess_result(result)
    now_on, sees_all = today(get_caller().time_zone), get_caller().sees_worker_derived
    gate = load_gate(session, now_on)
    gated = gate.apply(assessed if sees_all else redaction.with_supplier_visible_plan(assessed))
    given = (known.plan, known.informed_on, gated.assessed, known.exited_on)
    decided = decide_result(assessed, facts, result.on, *given, today=now_on, sees_worker_derived=sees_all)
    return {**decided, "actions_withheld": gate.describe(gated.places) or None}


def supplier_line(supplier: Supplier) -> Resource:
    """Return a supplier or agency in a list, with the next step that the caller may see."""
    return Resource(supplier, next_step=get_next_step(supplier, own_answers_only=not get_caller().sees_worker_derived))


def put_supplier(session: Session, kind: str, supplier_id: str, body: dict[str, Any]) -> Reply:
    """Store a supplier under the buyer's own reference, and assess it."""
    if body.get("reference", supplier_id) != supplier_id:
        raise DomainError("field.read_only", 422, "reference: This must be the same as the reference in the URL.")
    on, data = today(get_caller().time_zone), {**body, "reference": supplier_id}
    voucher, confirmed = take_voucher(kind, data), take_confirmed_pieces(data)
    data = _as_returned_form(session, kind, data, on)
    answers, issues = vouch(kind, load_answers(kind, data), voucher)
    if answers.get("reference") is None:
        raise DomainError("reference.empty", 422, "The reference in the URL is empty or a placeholder.")
    existing = identity.find_supplier(session, kind, answers)
    named_before = None if existing is None else pairs.get_identity(existing)
    check_version(None if existing is None else etag(existing, load_gate_facts(session, existing.id)))
    check_confirmed_pieces(confirmed, {} if existing is None else existing.answers)
    if "questionnaire_id" in body:
        found = questionnaire_requests.find_request(session, body["questionnaire_id"])
        if found is None or existing is None or found[1].id != existing.id:
            raise DomainError(
                "asking.supplier", 422, "questionnaire_id: This questionnaire was sent to another supplier."
            )
        questionnaire_requests.receive_returned_form(session, found[0].id, get_caller().actor, on)
    try:
        supplier, result = repository.save_supplier(session, kind, answers, on, now(), get_caller().actor, "api")
        if existing is None or named_before != pairs.get_identity(supplier):
            pairs.propose_pairs(session, [supplier.id])
    except IntegrityError as error:
        raise DomainError(
            "supplier.at_work", 409, "Another request is saving this supplier at the same time. Try again."
        ) from error
    location = {"Location": f"/api/v1/{PLURALS[kind]}/{supplier.id}"}
    known = load_gate_facts(session, supplier.id)
    values, tag = with_issues(_supplier(session, supplier, result, known), issues), etag(supplier, known)
    return Reply(values, 201, location, tag) if existing is None else Reply(values, etag=tag)


def etag(supplier: Supplier, known: GateFacts) -> str:
    """Return the version tag of a supplier, and of what else decides on it, under this version of the scoring method."""
    tag = f"{supplier.id}-{supplier.version}-{ENGINE_VERSION}"
    if known == NOTHING_KNOWN:
        return tag
    return f"{tag}-{sha256(orjson.dumps(known, option=orjson.OPT_SORT_KEYS)).hexdigest()[:16]}"


def filter_from(values: Values) -> SupplierFilter:
    """Return the supplier filter in a query or body, limited to what the caller may use."""
    return parse_filter(values, own_answers_only=not get_caller().sees_worker_derived)


def list_suppliers(session: Session, kind: str, query: Values) -> Reply:
    """Return suppliers or agencies, highest risk first."""
    conditions = dict(query)
    page = {name: conditions.pop(name) for name in ("company", "cursor", "limit") if name in conditions}
    found = lists.list_suppliers(session, kind, filter_from(conditions), today(get_caller().time_zone), **page)
    return page_reply(found, supplier_line)


def get_supplier(session: Session, kind: str, supplier_id: str) -> Reply:
    """Return a supplier or agency, by id or the buyer's reference, with the decision that its stored plan leads to."""
    supplier, result = _get_latest(session, kind, supplier_id)
    known = load_gate_facts(session, supplier.id)
    return Reply(_supplier(session, supplier, result, known), etag=etag(supplier, known))


def _get_latest(session: Session, kind: str, supplier_id: str) -> tuple[Supplier, Result]:
    """Return a supplier or agency and its latest result. Raises DomainError, 404."""
    supplier = repository.get_supplier(session, kind, supplier_id)
    result = session.get(Result, supplier.latest_id) if supplier.latest_id else None
    if result is None:
        raise not_found(f"{kind.capitalize()} not found.")
    return supplier, result


def list_results(session: Session, kind: str, supplier_id: str, query: Values) -> Reply:
    """Return the results of a supplier, newest first."""
    return page_reply(lists.list_results(session, repository.get_supplier(session, kind, supplier_id), **query))


def get_result(session: Session, result_id: str) -> Reply:
    """Return a result with its reasons, as of its assessment date."""
    result = session.get(Result, result_id)
    if result is None:
        raise not_found("Assessment not found.")
    return Reply(_result(session, result))


def erase_supplier(session: Session, kind: str, supplier_id: str) -> Reply:
    """Erase a supplier or agency with all its results."""
    supplier = repository.get_supplier(session, kind, supplier_id, itself=True, lock=True)
    check_version(etag(supplier, load_gate_facts(session, supplier.id)))
    erasure.erase_supplier(session, supplier, now(), get_caller().actor)
    return Reply(None, 204)


def merge_supplier(session: Session, kind: str, supplier_id: str, body: Values) -> Reply:
    """Merge a supplier into another one, and return the remaining supplier."""
    source, target = (
        repository.get_supplier(session, kind, supplier_id, itself=True),
        repository.get_supplier(session, kind, body["into"]),
    )
    merging.merge_suppliers(session, source, target, now(), get_caller().actor)
    return get_supplier(session, kind, target.id)


def remove_alias(session: Session, kind: str, supplier_id: str, merged_key_id: str) -> Reply:
    """Remove the key of a merged supplier from the supplier it was merged into."""
    supplier = repository.get_supplier(session, kind, supplier_id)
    identity.remove_alias(session, supplier, merged_key_id, get_caller().actor)
    return Reply(None, 204)


def list_companies(session: Session, query: Values) -> Reply:
    """Return companies by name, each with its highest-risk site."""
    return page_reply(lists.list_companies(session, **query), _company)


def _company(company: Company) -> Resource:
    return Resource(company, worst=supplier_line(company.worst))


def list_changes(session: Session, query: Values) -> Reply:
    """Return the changes since a cursor, in order. ``cursor`` is the one to send next time, even if there is nothing new."""
    page = change_feed.read(session, query.get("since"), query["limit"])
    return Reply({"items": page.items, "cursor": page.next_cursor})
