"""The page "Our own practices": the form for the buyer's own units, and the findings from their answers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import Response, flash, make_response, redirect, render_template, request, url_for
from flask_babel import gettext as _
from marshmallow import ValidationError
from werkzeug.wrappers import Response as AnyResponse

from questionnaires.form import build_answers_schema, load_form
from questionnaires.question import Question
from risk_models.answers import to_json_value
from service.auth.caller import get_caller, read_session, write_session
from service.buyer import own_practices
from service.clock import now, today
from service.queries import lists

NEW_UNIT = "new"  # the value of the parameter ``unit`` for a unit that has not answered yet
NOT_TYPED = ("form_version", "form_returned")  # these questions are about a form that was sent out


def list_questions() -> list[Question]:
    """Return the questions of the page, in order."""
    return [question for question in load_form(own_practices.FORM_ID).questions if question.id not in NOT_TYPED]


def show_practices() -> Response:
    """Show the findings, the unanswered questions and the form."""
    return _render_page(None, {})


def save_answers() -> AnyResponse:
    """Save the answers of a unit; the errors of invalid answers are shown beside their questions."""
    values = {question.id: request.form.get(question.id, "").strip() for question in list_questions()}
    filled_in = {question: text for question, text in values.items() if text}
    on = today(get_caller().time_zone)
    try:
        parsed = build_answers_schema(load_form(own_practices.FORM_ID), on.isoformat()).load(filled_in)
    except ValidationError as error:
        return _render_page(
            values, {question: _format_error(errors) for question, errors in error.messages_dict.items()}
        )
    answers = {question: to_json_value(answer) for question, answer in parsed.items() if answer is not None}
    with write_session() as session:
        own_practices.save_answers(session, [answers], on, now(), get_caller().actor)
    flash(_("Answers saved. The findings are below."))
    return redirect(url_for("pages.buyer"), 303)


def erase_unit(answers_id: str) -> AnyResponse:
    """Erase a unit with all its answers."""
    with write_session() as session:
        own_practices.erase_unit(session, answers_id, get_caller().actor)
    flash(_("All of this unit's answers were erased. The audit trail shows who erased them and when."))
    return redirect(url_for("pages.buyer"), 303)


def _render_page(values: Mapping[str, str] | None, errors: Mapping[str, str]) -> Response:
    form = load_form(own_practices.FORM_ID)
    with read_session() as session:
        units = own_practices.list_units(session, today(get_caller().time_zone))
        history = lists.list_buyer_answers(session, limit=12).items
    findings, steps = own_practices.build_report_lines(units)
    unit_id = request.args.get("unit", units[0].record.id if units else NEW_UNIT)
    selected_unit = next((unit for unit in units if unit.record.id == unit_id), None)
    if values is None:
        answers = selected_unit.record.answers if selected_unit else {}
        values = {question: _format_answer(answer) for question, answer in answers.items()}
    page = render_template(
        "buyer.html",
        form=form,
        questions=list_questions(),
        sections=list(dict.fromkeys(question.section for question in list_questions())),
        units=units,
        findings=findings,
        steps=steps,
        history=history,
        selected_unit=selected_unit,
        values=values,
        errors=errors,
        NEW_UNIT=NEW_UNIT,
    )
    return make_response(page, 422 if errors else 200)


def _format_answer(answer: Any) -> str:
    """Return an answer as a user would type it."""
    return f"{answer:.12g}" if isinstance(answer, float) else str(answer)


def _format_error(errors: Any) -> str:
    """Return how to correct an invalid answer, taken from its first error."""
    error = errors[0] if isinstance(errors, list) else errors
    return str(error.get("cure") or error["code"]) if isinstance(error, dict) else str(error)
