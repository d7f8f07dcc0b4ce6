"""The page "what if" of a site or an agency: try changes, see points move. For officers and admins; nothing is kept."""

from __future__ import annotations

from typing import Any, NamedTuple

from flask import render_template, request
from marshmallow import ValidationError

from questionnaires.form import build_answers_schema, load_combined_form
from risk_models.answers import to_json_value
from risk_models.evidence import GRADE_TITLES
from risk_models.plan import load_actions
from service.auth.caller import read_session
from service.db.tables import Result
from service.errors import DomainError, not_found
from service.queries.what_if import (
    Baseline,
    compute_what_if,
    find_fewest_actions,
    list_blocks,
    load_baseline,
    map_closed_indicators,
)
from service.report_content.labels import format_answer
from service.suppliers import repository as suppliers

AS_NOW = "as_now"
NOT_ASKED = "not_asked"


class Asked(NamedTuple):
    """One question of the form: what is said now, and what may be tried (code, words)."""

    id: str
    title: str
    now: str
    offered: list[tuple[str, str]]


def form(kind: str, supplier_id: str) -> str:
    """What can be tried, and the fewest actions that would move the level."""
    return _page(kind, supplier_id, None)


def tried(kind: str, supplier_id: str) -> str:
    """What the changes would move. Raises Refused ``what_if.impossible``."""
    return _page(kind, supplier_id, request.form.to_dict())


def _page(kind: str, supplier_id: str, told: dict[str, str] | None) -> str:
    with read_session() as session:
        supplier = suppliers.get_supplier(session, kind, supplier_id)
        result = session.get(Result, supplier.latest_id) if supplier.latest_id else None
        if result is None:
            raise not_found(f"There is no such {kind}.")
        stands = load_baseline(result)
        block, *beside = list_blocks(stands.assess([stands.answers]))
        closed = map_closed_indicators(block, *beside)
        grade = (told or {}).get("evidence_grade", "worker_voice") or None
        made = None
        if told is not None:
            changed = _changed(kind, told)
            scores = suppliers.get_agency_scores(session, [changed]) if "agencies" in changed else None
            done = [name for name in closed if told.get(f"action.{name}")]
            try:
                made = compute_what_if(stands, changed, done, grade, scores)
            except ValueError as fault:
                raise DomainError("what_if.impossible", 422, f"{fault}.") from fault
        fewest = find_fewest_actions(stands, grade) if grade else find_fewest_actions(stands)
    return render_template(
        "what_if.html",
        kind=kind,
        supplier=supplier,
        told=told or {},
        made=made,
        fewest=fewest,
        grade=grade,
        grades=GRADE_TITLES,
        actions=[action for action in load_actions() if closed.get(action.id) and not action.ends_relationship],
        questions=_questions(kind, stands),
        agencies="; ".join(map(str, stands.answers.get("agencies") or ())) if kind == "site" else "",
        AS_NOW=AS_NOW,
    )


def _questions(kind: str, stands: Baseline) -> list[Asked]:
    """The questions that the model's indicators read and that offer a choice."""
    asked = load_combined_form(kind)
    found = {}
    for indicator in stands.model.indicators:
        question = asked.by_id.get(indicator.question)
        if question is None or question.type not in ("choice", "yes_no"):
            continue
        choices = [(choice.code, choice.title) for choice in question.choices] or [("yes", "Yes"), ("no", "No")]
        said = stands.answers.get(question.id)
        now = "not asked" if said is None else format_answer(asked, question.id, said)
        more = [("declined", "asked and left blank"), ("cannot_apply", "does not apply"), (NOT_ASKED, "not asked")]
        found[question.id] = Asked(question.id, question.title, now, [*choices, *more])
    return list(found.values())


def _changed(kind: str, told: dict[str, str]) -> dict[str, Any]:
    """The answers that the form changes, as JSON. Raises Refused ``what_if.impossible``."""
    said = {
        name.removeprefix("answer."): value
        for name, value in told.items()
        if name.startswith("answer.") and value != AS_NOW
    }
    gone = {question: None for question, value in said.items() if value == NOT_ASKED}
    asked = {question: value for question, value in said.items() if question not in gone}
    if told.get("agencies", "").strip() != told.get("agencies_now", "").strip():
        asked["agencies"] = told.get("agencies", "")
    try:
        read = build_answers_schema(load_combined_form(kind)).load(asked)
    except ValidationError as fault:
        raise DomainError("what_if.impossible", 422, "One of the answers is none that the form offers.") from fault
    return {**{question: to_json_value(answer) for question, answer in read.items()}, **gone}
