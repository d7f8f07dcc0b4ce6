"""The page "Our own practices": the buyer's form filled in, and what its answers say of the buyer itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import Response, flash, make_response, redirect, render_template, request, url_for
from flask_babel import gettext as _
from marshmallow import ValidationError
from werkzeug.wrappers import Response as AnyResponse

from questionnaires.form import Question, build_answers_schema, load_form
from risk_models.answers import to_json_value
from service.auth.caller import get_caller, read_session, write_session
from service.buyer import own_practices
from service.clock import now, today
from service.queries import lists

NEW = "new"  # the unit to be filled in is none of those that answered already
NOT_TYPED = ("form_version", "form_returned")  # they tell of a form that was sent out


def questions() -> list[Question]:
    """What the page asks, in order."""
    return [question for question in load_form(own_practices.FORM_ID).questions if question.id not in NOT_TYPED]


def show() -> Response:
    """The findings, what was not answered, and the form."""
    return _page(None, {})


def answer() -> AnyResponse:
    """Keeps what the form says of a unit; what cannot be read is said beside its question."""
    typed = {question.id: request.form.get(question.id, "").strip() for question in questions()}
    told = {question: text for question, text in typed.items() if text}
    on = today(get_caller().time_zone)
    try:
        read = build_answers_schema(load_form(own_practices.FORM_ID), on.isoformat()).load(told)
    except ValidationError as fault:
        return _page(typed, {question: _fault(found) for question, found in fault.messages_dict.items()})
    answers = {question: to_json_value(said) for question, said in read.items() if said is not None}
    with write_session() as session:
        own_practices.save_answers(session, [answers], on, now(), get_caller().actor)
    flash(_("Kept. What it says of us stands below."))
    return redirect(url_for("pages.buyer"), 303)


def erase(answers_id: str) -> AnyResponse:
    """Erases a unit with all it ever answered."""
    with write_session() as session:
        own_practices.erase_unit(session, answers_id, get_caller().actor)
    flash(_("Erased, with its earlier answers. The audit trail keeps that it happened, and by whom."))
    return redirect(url_for("pages.buyer"), 303)


def _page(typed: Mapping[str, str] | None, faults: Mapping[str, str]) -> Response:
    form = load_form(own_practices.FORM_ID)
    with read_session() as session:
        units = own_practices.list_units(session, today(get_caller().time_zone))
        past = lists.list_buyer_answers(session, limit=12).items
    findings, steps = own_practices.build_report_lines(units)
    wanted = request.args.get("unit", units[0].record.id if units else NEW)
    filled = next((unit for unit in units if unit.record.id == wanted), None)
    given = (
        typed
        if typed is not None
        else {q: _typed(said) for q, said in (filled.record.answers if filled else {}).items()}
    )
    page = render_template(
        "buyer.html",
        form=form,
        questions=questions(),
        sections=list(dict.fromkeys(question.section for question in questions())),
        units=units,
        findings=findings,
        steps=steps,
        past=past,
        filled=filled,
        given=given,
        faults=faults,
        NEW=NEW,
    )
    return make_response(page, 422 if faults else 200)


def _typed(said: Any) -> str:
    """An answer as somebody would type it."""
    return f"{said:g}" if isinstance(said, float) else str(said)


def _fault(found: Any) -> str:
    """What is wrong with an answer, and what to do."""
    told = found[0] if isinstance(found, list) else found
    return str(told.get("cure") or told["code"]) if isinstance(told, dict) else str(told)
