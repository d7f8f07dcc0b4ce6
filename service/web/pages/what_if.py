"""The "What if" page of a site or an agency, which shows the score for other answers. For officers and admins; nothing is
stored."""

from __future__ import annotations

from typing import Any, NamedTuple

from flask import render_template, request
from marshmallow import ValidationError

from questionnaires.form import build_answers_schema, load_combined_form
from questionnaires.parse.answer import NOT_APPLICABLE
from risk_models.answers import to_json_value
from risk_models.evidence import GRADE_TITLES, needs_confirmation
from service.assessment.evidence_entries import describe_piece, list_entries
from service.auth.caller import read_session
from service.db.tables import Result
from service.errors import DomainError, not_found
from service.queries.what_if import (
    Baseline,
    compute_if_confirmed,
    compute_what_if,
    find_fewest_actions,
    list_blocks,
    list_confirmable_ids,
    load_baseline,
    map_closed_indicators,
)
from service.report_content.labels import format_answer
from service.suppliers import repository as suppliers

AS_NOW = "as_now"
NOT_ASKED = "not_asked"


class QuestionOptions(NamedTuple):
    """A question of the form: the current answer, and the options to try as pairs of code and title."""

    id: str
    title: str
    current: str
    options: list[tuple[str, str]]


def show_form(kind: str, supplier_id: str) -> str:
    """Show the changes that can be tried, and the fewest actions that would change the level."""
    return _render_page(kind, supplier_id, None)


def try_changes(kind: str, supplier_id: str) -> str:
    """Show what the changes would do to the score. Raises DomainError, ``what_if.impossible``."""
    return _render_page(kind, supplier_id, request.form.to_dict())


def _render_page(kind: str, supplier_id: str, form: dict[str, str] | None) -> str:
    with read_session() as session:
        supplier = suppliers.get_supplier(session, kind, supplier_id)
        result = session.get(Result, supplier.latest_id) if supplier.latest_id else None
        if result is None:
            raise not_found(f"{kind.capitalize()} not found.")
        baseline = load_baseline(session, result)
        block, *other_blocks = list_blocks(baseline.assess([baseline.answers]))
        closed_indicators = map_closed_indicators(block, *other_blocks)
        grade = (form or {}).get("evidence_grade", "worker_voice") or None
        comparison = None
        confirmable = list_confirmable_ids(baseline)
        supposed = [name for name in confirmable if (form or {}).get(f"evidence.{name}")]
        if form is not None:
            changes = _parse_changes(kind, form)
            scores = suppliers.get_agency_scores(session, [changes]) if "agencies" in changes else None
            done = [name for name in closed_indicators if form.get(f"action.{name}")]
            try:
                comparison = compute_what_if(baseline, changes, done, grade, scores, supposed)
            except ValueError as error:
                raise DomainError("what_if.impossible", 422, f"{error}.") from error
        fewest = find_fewest_actions(baseline, grade) if grade else find_fewest_actions(baseline)
        if_confirmed = compute_if_confirmed(baseline)
    return render_template(
        "what_if.html",
        kind=kind,
        supplier=supplier,
        values=form or {},
        comparison=comparison,
        fewest=fewest,
        if_confirmed=if_confirmed,
        needs_confirmation=needs_confirmation(baseline.model),
        claimed=[
            (entry.id, describe_piece(entry.piece))
            for entry in list_entries(baseline.answers)
            if entry.id in confirmable
        ],
        supposed=supposed,
        grade=grade,
        grades=GRADE_TITLES,
        actions=[
            action for action in block.plan.actions if closed_indicators.get(action.id) and not action.ends_relationship
        ],
        questions=_list_questions(kind, baseline),
        agencies=_format_agencies(baseline.answers.get("agencies")) if kind == "site" else "",
        AS_NOW=AS_NOW,
    )


def _format_agencies(answer: object) -> str:
    """Return the agencies that an answer names; none if it is declined or does not apply."""
    return "; ".join(map(str, answer)) if isinstance(answer, list) else ""


def _list_questions(kind: str, baseline: Baseline) -> list[QuestionOptions]:
    """Return the questions with choices that are used by the indicators of the model."""
    form = load_combined_form(kind)
    questions = {}
    for indicator in baseline.model.indicators:
        question = form.by_id.get(indicator.question)
        if question is None or question.type not in ("choice", "yes_no"):
            continue
        choices = [(choice.code, choice.title) for choice in question.choices] or [("yes", "Yes"), ("no", "No")]
        answer = baseline.answers.get(question.id)
        current = "not asked" if answer is None else format_answer(form, question.id, answer)
        more = [("declined", "left blank"), (NOT_ASKED, "not asked")]
        if question.not_applicable is not None:
            more.insert(1, (NOT_APPLICABLE, "does not apply"))
        questions[question.id] = QuestionOptions(question.id, question.title, current, [*choices, *more])
    return list(questions.values())


def _parse_changes(kind: str, form: dict[str, str]) -> dict[str, Any]:
    """Return the answers that the form changes, as JSON values, None for those to remove.

    Raises DomainError, ``what_if.impossible``, for an answer that the form does not offer.
    """
    chosen = {
        name.removeprefix("answer."): value
        for name, value in form.items()
        if name.startswith("answer.") and value != AS_NOW
    }
    removed = {question: None for question, value in chosen.items() if value == NOT_ASKED}
    answers = {question: value for question, value in chosen.items() if question not in removed}
    if form.get("agencies", "").strip() != form.get("agencies_now", "").strip():
        answers["agencies"] = form.get("agencies", "")
    try:
        parsed = build_answers_schema(load_combined_form(kind)).load(answers)
    except ValidationError as error:
        raise DomainError("what_if.impossible", 422, "One of these answers is not available on the form.") from error
    return {**{question: to_json_value(answer) for question, answer in parsed.items()}, **removed}
