"""Case records, for those who handle them: the list, a case with its readings, and what can be done to it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from flask import Response, flash, make_response, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response as AnyResponse

from questionnaires.form import Question, load_form
from questionnaires.lookups import load_countries
from questionnaires.sheet import Limits
from risk_models.cases.rules import STRENGTHS, load_case_rules
from service.auth.caller import get_blob_store, get_caller, get_database, get_settings, read_session, write_session
from service.cases import service as case_service
from service.clock import now, today
from service.db.tables import Supplier
from service.errors import DomainError
from service.imports import jobs as import_jobs
from service.queries import lists

STATES = ("open", "closed")
STRENGTH_WORDS = {name: name.replace("_", " ") for name in STRENGTHS}


def listing() -> Response:
    """Cases in a state, open ones unless told; the strongest evidence first."""
    return _list(None)


def _list(refused: DomainError | None) -> Response:
    state = request.args.get("state", "")
    state = state if state in STATES else "open"
    with read_session() as session:
        page = lists.list_cases(session, state=state, cursor=request.args.get("cursor"))
        about = {case.supplier_id for case in page.items if case.supplier_id}
        found = {supplier_id: session.get(Supplier, supplier_id) for supplier_id in about}
    told = {"state": state, "cases": page.items, "next": page.next_cursor, "suppliers": found, "refused": refused}
    made = render_template("cases.html", **told, **_words(), given=request.form)
    return make_response(made, refused.status if refused else 200)


def _words() -> dict[str, Any]:
    """What the templates say things with: questions of the form, and titles."""
    form, rules = load_form(case_service.FORM_ID), load_case_rules()
    return {
        "asked": {question.id: question for question in form.questions},
        "countries": sorted(load_countries().names.items(), key=lambda pair: pair[1]),
        "title": _title,
        "strengths": STRENGTHS,
        "strength_words": STRENGTH_WORDS,
        "outcomes": case_service.list_outcomes(),
        "dimensions": {told["number"]: told["title"] for told in rules.raw["dimension"]},
        "phases": rules.phases,
    }


def _title(question: Question, code: str | None) -> str:
    """The words of a choice."""
    return next((choice.title for choice in question.choices if choice.code == code), code or "")


def open_case() -> AnyResponse:
    """Opens a case from the form; what is refused is said above it."""
    told: dict[str, Any] = _told(case_service.CASE_QUESTIONS)
    for name in ("acts", "asked_in_full"):
        told[name] = request.form.getlist(name)
    if "people" in told and told["people"].isascii() and told["people"].isdigit():
        told["people"] = int(told["people"])
    finding = _told(case_service.FINDING_QUESTIONS)
    try:
        with write_session() as session:
            case = case_service.open_case(session, told, [finding] if "finding" in finding else [], *_now())
    except DomainError as refused:
        return _list(refused)
    flash(_("The case is open."))
    return redirect(url_for("pages.one_case", case_id=case.id), 303)


def send() -> AnyResponse:
    """Takes a sheet of case records in."""
    sent = [(file.filename or "", file.read()) for file in request.files.getlist("files") if file.filename]
    if len(sent) > get_settings().upload_files:
        return _list(
            DomainError(
                "upload.too_many", 413, _("Send at most %(most)s files at once.", most=get_settings().upload_files)
            )
        )
    who = get_caller()
    try:
        taken = import_jobs.receive_upload(
            get_database(),
            get_blob_store(),
            who.organisation_id,
            sent,
            {"kind": "case"},
            who.actor,
            Limits(),
            may_bring_cases=who.handles_cases,
        )
    except DomainError as refused:
        return _list(refused)
    return redirect(url_for("pages.one_import", import_id=taken.id), 303)


def one(case_id: str) -> Response:
    """A case: who the group is, what was found, how it reads, and what does not wait."""
    return _one(case_id, None)


def _one(case_id: str, refused: DomainError | None) -> Response:
    with read_session() as session:
        told = case_service.get_case_detail(
            session, case_service.get_case(session, case_id), today(get_caller().time_zone)
        )
    made = render_template("case.html", c=told, refused=refused, left=left, given=request.form, **_words())
    return make_response(made, refused.status if refused else 200)


def left(by: datetime) -> str:
    """How long there is until a moment, or since when it is past."""
    hours = (by - now()).total_seconds() / 3600
    if hours >= 48:
        return str(_("%(days)s days left", days=int(hours // 24)))
    if hours >= 1:
        return str(_("%(hours)s hours left", hours=int(hours)))
    return str(_("less than an hour left") if hours > 0 else _("overdue by %(hours)s hours", hours=int(-hours)))


def add_finding(case_id: str) -> AnyResponse:
    """Adds a finding; what is refused is said above the form."""
    try:
        with write_session() as session:
            case_service.add_finding(session, case_id, _told(case_service.FINDING_QUESTIONS), *_now())
    except DomainError as refused:
        if refused.code == "not_found":
            raise
        return _one(case_id, refused)
    flash(_("Recorded. Whom the case is about has been assessed again."))
    return redirect(url_for("pages.one_case", case_id=case_id), 303)


def close(case_id: str) -> AnyResponse:
    """Closes a case with an outcome."""
    try:
        with write_session() as session:
            case_service.close_case(session, case_id, request.form.get("outcome", ""), *_now())
    except DomainError as refused:
        if refused.code == "not_found":
            raise
        return _one(case_id, refused)
    flash(_("The case is closed."))
    return redirect(url_for("pages.one_case", case_id=case_id), 303)


def _told(names: tuple[str, ...]) -> dict[str, Any]:
    told = {name: request.form.get(name, "").strip() for name in names}
    return {name: value for name, value in told.items() if value}


def _now() -> tuple[Any, ...]:
    return today(get_caller().time_zone), now(), get_caller().actor
