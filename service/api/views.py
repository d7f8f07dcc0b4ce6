"""What the API does with suppliers, agencies, companies, changes and reports: each a use case, read and shown.

A view takes the session of the request (scoped to the caller's organisation), what the address names, and ``query`` and
``body`` as the route reads them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from threading import Lock
from typing import Any
from urllib.parse import urlencode

import numpy as np
from flask import request
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from risk_models.answers import from_rows
from risk_models.facts import load as load_facts
from service.api import read, shown
from service.api.responses import Reply, check_version
from service.assessing.assess import Batch, assess_batch
from service.assessing.contract import ENGINE
from service.auth.caller import caller
from service.clock import now, today
from service.db.tables import Result, Supplier
from service.refusal import Refused, not_found
from service.register import changes, found_again, listings, suppliers
from service.register.listings import Page
from service.register.supplier_list import Wanted, wanted_from
from service.reporting import report_jobs

Told = Mapping[str, Any]
# Requests that are assessed at once would take the interpreter from each other at every call of numpy: each then costs half as
# much again, and all of them wait longer.
TURN = Lock()


def listed(page: Page, show: Callable[[Any], Any]) -> Reply:
    """A page of a list; the next one stands in ``next`` and in the Link header."""
    following = None
    if page.next_cursor is not None:
        following = f"{request.path}?{urlencode({**request.args.to_dict(), 'cursor': page.next_cursor})}"
    headers = {"Link": f'<{following}>; rel="next"'} if following else {}
    return Reply({"items": [show(item) for item in page.items], "next": following}, headers=headers)


def assess(session: Session, body: dict[str, Any]) -> Reply:
    """The onboarding gate: one supplier assessed and nothing of it kept."""
    told = dict(body)
    kind = told.pop("kind", "site")
    if not isinstance(kind, str) or kind not in shown.PLURALS:
        raise Refused("field.value", 422, "kind: It is site or agency.")
    on = today(caller().time_zone)
    with TURN:
        answers, issues = read.answers(kind, told)
        scores = suppliers.scores_of_agencies(session, [answers]) if kind == "site" else {}
        batch = Batch(kind, from_rows([answers]), "", "", np.array([1]))
        assessed = assess_batch(batch, load_facts().as_of(on), on, scores)
        return Reply(_with(issues, shown.assessment(assessed, on)))


def _with(issues: list[dict[str, str]], answer: dict[str, Any]) -> dict[str, Any]:
    """The answer to what was sent, with what of it does not stand."""
    return {**answer, "issues": issues} if issues else answer


def put(session: Session, kind: str, supplier_id: str, body: dict[str, Any]) -> Reply:
    """Keeps a supplier under the buyer's own reference, and assesses it."""
    if body.get("reference", supplier_id) != supplier_id:
        raise Refused(
            "field.read_only", 422, "reference: It stands in the address, and differs from the one in the body."
        )
    answers, issues = read.answers(kind, {**body, "reference": supplier_id})
    if answers.get("reference") is None:
        raise Refused("reference.empty", 422, "The reference in the address says nothing.")
    there = found_again.find(session, kind, answers)
    check_version(None if there is None else tag(there))
    try:
        kept, result = suppliers.put(session, kind, answers, today(caller().time_zone), now(), caller().actor, "api")
    except IntegrityError as taken:
        raise Refused("supplier.at_work", 409, "Somebody is keeping this supplier just now. Send it again.") from taken
    address = {"Location": f"/api/v1/{shown.PLURALS[kind]}/{kept.id}"}
    created = there is None
    shown_now = _with(issues, shown.supplier(session, kept, result))
    return Reply(shown_now, 201 if created else 200, address if created else {}, tag(kept))


def tag(kept: Supplier) -> str:
    """The tag of a version of a supplier, as this release of the method shows it."""
    return f"{kept.id}-{kept.version}-{ENGINE}"


def _wanted(told: Told) -> Wanted:
    return wanted_from(told, own=not caller().sees_worker_derived)


def list_suppliers(session: Session, kind: str, query: Told) -> Reply:
    """Suppliers or agencies, worst first."""
    told = dict(query)
    page = {name: told.pop(name) for name in ("company", "cursor", "limit") if name in told}
    found = listings.suppliers(session, kind, _wanted(told), today(caller().time_zone), **page)
    return listed(found, shown.headline)


def one(session: Session, kind: str, supplier_id: str) -> Reply:
    """A supplier or agency, by id or the buyer's reference."""
    kept = suppliers.get(session, kind, supplier_id)
    result = session.get(Result, kept.latest_id) if kept.latest_id else None
    if result is None:
        raise not_found(f"There is no such {kind}.")
    return Reply(shown.supplier(session, kept, result), etag=tag(kept))


def history(session: Session, kind: str, supplier_id: str, query: Told) -> Reply:
    """What a supplier was assessed at, newest first."""
    return listed(listings.results(session, suppliers.get(session, kind, supplier_id), **query), shown.result_line)


def result(session: Session, result_id: str) -> Reply:
    """A result, reasons and all, as of its day."""
    found = session.get(Result, result_id)
    if found is None:
        raise not_found("There is no such assessment.")
    return Reply(shown.result_(found))


def erase(session: Session, kind: str, supplier_id: str) -> Reply:
    """Erases a supplier or agency with all its results."""
    kept = suppliers.get(session, kind, supplier_id, itself=True)
    check_version(tag(kept))
    suppliers.erase(session, kept, now(), caller().actor)
    return Reply(None, 204)


def merge(session: Session, kind: str, supplier_id: str, body: Told) -> Reply:
    """One supplier turns out to be another."""
    source, target = suppliers.get(session, kind, supplier_id, itself=True), suppliers.get(session, kind, body["into"])
    suppliers.merge(session, source, target, now(), caller().actor)
    return one(session, kind, target.id)


def let_go(session: Session, kind: str, supplier_id: str, merged_key_id: str) -> Reply:
    """A supplier is no longer found by the key of one that was merged into it."""
    kept = suppliers.get(session, kind, supplier_id)
    found_again.let_go(session, kept, merged_key_id, caller().actor)
    return Reply(None, 204)


def companies(session: Session, query: Told) -> Reply:
    """Companies by name, with the worst of their sites."""
    return listed(listings.companies(session, **query), shown.company)


def read_changes(session: Session, query: Told) -> Reply:
    """What happened since a cursor, in order; ``cursor`` is the one to ask with next, also when there is nothing new."""
    page = changes.read(session, query.get("since"), query["limit"])
    return Reply({"items": [shown.change(item) for item in page.items], "cursor": page.next_cursor})


def ask_report(session: Session, body: Told) -> Reply:
    """Asks for a report of one supplier, or of all that a filter wants."""
    asked = dict(body)
    form, audience, supplier_id = asked.pop("format"), asked.pop("audience"), asked.pop("supplier_id", None)
    who = caller()
    job = report_jobs.request(
        session, form, who.actor, _wanted(asked), supplier_id, audience, worker_derived=who.sees_worker_derived
    )
    session.flush()
    made = shown.report(report_jobs.state(session, job.id))
    return Reply(made, 202, {"Location": f"/api/v1/reports/{job.id}"})


def list_reports(session: Session, query: Told) -> Reply:
    """Reports that were asked for, newest first."""
    page = listings.reports(session, **query)
    return listed(page, lambda job: shown.report(report_jobs.State(job, job.state == "done")))


def report(session: Session, job_id: str) -> Reply:
    """How far a report is."""
    return Reply(shown.report(report_jobs.state(session, job_id)))
