"""Redact what workers, unions, NGOs or officials reported, for readers who may not see it.

These readers see that an indicator is raised, and its points; not that it was reported, by whom, or in which words. Who may see
it is defined under ``worker_derived`` in ``service/auth/access.toml``; what is redacted is defined here, for pages, the API and
reports. Reports by NGOs and officials are redacted too: otherwise a missing reporter would reveal that a worker spoke.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from typing import Any

from questionnaires.form import load_combined_form
from questionnaires.question import Question
from reports.document import Detail, Headline, Reason, Report
from reports.redaction import steps_from_own_answers
from risk_models.answers import CASE_HARMS, EVIDENCE
from risk_models.model import load_models
from service.assessment.assess import ROW_EVIDENCE_QUESTIONS, AssessedBatch
from service.assessment.evidence_entries import (
    REPORTED_STEP,
    get_step_id,
    is_of_survey,
    limit_confirmation,
    without_confirmation,
)

RAISED_STATE = "raised"
REDACTED = "not_shown"  # replaces the strength of case evidence
RAISED_TEXT = "This indicator is raised. The information behind it is shown only to case handlers, officers and admins."
WORKER_DERIVED_QUESTIONS = ("reported_harms", "reported_by", "reported_on", "worker_reported_items", CASE_HARMS)
WORKER_VOICE = "worker_voice"  # the grade of evidence that comes from workers


def with_supplier_visible_plan(assessed: AssessedBatch) -> AssessedBatch:
    """Return the same scores with the plan that follows from the suppliers' own answers alone. An action that only reports or
    cases require would reveal that there are some.
    """
    return replace(assessed, blocks=tuple(replace(block, plan=block.plan.own_answer_plan) for block in assessed.blocks))


def filter_own_answers(kind: str, answers: Mapping[str, Any], form_answers: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return those of a supplier's stored answers that it gave itself; its copy of a report is based on them.

    ``form_answers``: its answers in the last form it returned. Then only these, with their evidence, count as its own on
    practice: what arrived later may come from its workers, however it is marked. Where no form was returned, answers whose
    evidence is worker voice count as the workers'. Reports by others, the buyer's answers about its own checks, and worker-voice
    evidence are always left out.
    """
    form = load_combined_form(kind)
    if form_answers is not None:
        practice_questions = {question.id for question in form.questions if question.feeds} | set(
            ROW_EVIDENCE_QUESTIONS
        )
        context = {question: answer for question, answer in answers.items() if question not in practice_questions}
        answers = _with_confirmations({**form_answers, **context}, answers)
    evidence = answers.get(EVIDENCE)
    pieces = [*(evidence if isinstance(evidence, list) else ()), {"grade": answers.get("evidence_grade")}]
    worker_covers = [
        piece.get("covers") or ()
        for piece in pieces
        # What a closed step or a survey supports was checked by somebody else: the answer stays the supplier's own.
        if piece["grade"] == WORKER_VOICE and not _supports_own_answer(piece) and "form_returned" not in answers
    ]

    def is_own(question: Question) -> bool:
        return not question.feeds or not (
            question.audience == "buyer" or any(not covers or question.id in covers for covers in worker_covers)
        )

    excluded = {question.id for question in form.questions if not is_own(question)}
    return {
        question: answer for question, answer in _remove_worker_derived(answers).items() if question not in excluded
    }


def _supports_own_answer(piece: Mapping[str, Any]) -> bool:
    return get_step_id(piece) is not None or is_of_survey(piece)


def _with_confirmations(form_answers: Mapping[str, Any], stored: Mapping[str, Any]) -> dict[str, Any]:
    """Return the answers of a form with the evidence that the buyer confirmed for those answers which still stand."""

    def is_same(question: str) -> bool:
        return bool(form_answers.get(question) == stored.get(question))

    given, current = form_answers.get(EVIDENCE), stored.get(EVIDENCE)
    pieces = list(given) if isinstance(given, list) else []
    for piece in current if isinstance(current, list) else ():
        limited = limit_confirmation(piece, is_same)
        if not limited.get("confirmed"):
            continue
        if (claimed := without_confirmation(limited)) in pieces:
            pieces[pieces.index(claimed)] = limited
        else:
            pieces.append({**limited, "covers": list(limited["confirmed"]["covers"])})
    return {**form_answers, **({EVIDENCE: pieces} if pieces else {})}


def _remove_worker_derived(answers: Mapping[str, Any]) -> dict[str, Any]:
    """Return answers without reports and without worker-voice evidence."""
    open_answers = {
        question: answer for question, answer in answers.items() if not _is_worker_derived(question, answer)
    }
    if isinstance(open_answers.get(EVIDENCE), list):
        open_answers[EVIDENCE] = [
            piece for piece in open_answers[EVIDENCE] if not comes_from_workers(piece["grade"], piece.get("source"))
        ]
    return open_answers


def comes_from_workers(grade: str, source: str | None) -> bool:
    """Return whether a piece of evidence would tell that workers have spoken: it is theirs, or of a step known from them only."""
    return grade == WORKER_VOICE or (source or "").startswith(f"{REPORTED_STEP} ")


def redact_result(result: Mapping[str, Any]) -> dict[str, Any]:
    """Return a result object without worker-derived details. It must come from an assessment made
    :func:`with_supplier_visible_plan`.
    """
    answers = _remove_worker_derived(result["answers"])
    case_floors = _list_case_floors()
    floors = [floor for floor in result["floors"] if floor not in case_floors]
    reasons = [
        {**reason, "state": RAISED_STATE, "value": None} if reason["state"] == "reported" else reason
        for reason in result["reasons"]
    ]
    redacted = {"answers": answers, "reasons": reasons, "case_evidence": REDACTED, "floors": floors}
    if EVIDENCE in result:  # since method 4
        redacted[EVIDENCE] = [
            piece for piece in result[EVIDENCE] if not comes_from_workers(piece["grade"], piece["reference"])
        ]
    return {**result, **redacted}


@cache
def _list_case_floors() -> frozenset[str]:
    """Return the ids and titles of floors that depend on case records, of every version of the models."""
    floors = [floor for model in load_models() for floor in model.floors if floor.case is not None]
    return frozenset(name for floor in floors for name in (floor.id, floor.title))


def _is_worker_derived(question: str, answer: object) -> bool:
    return question in WORKER_DERIVED_QUESTIONS or (question, answer) == ("evidence_grade", WORKER_VOICE)


def redact_detail(detail: Detail) -> Detail:
    """Return the details of a result without those that are worker-derived."""
    reasons = tuple(_redact_reason(reason) for reason in detail.reasons)
    floors = tuple(floor for floor in detail.floors if floor.title not in _list_case_floors())
    steps = steps_from_own_answers(detail.steps)
    headline = replace(_redact_headline(detail.headline), next_step=steps[0].title if steps else "")
    return replace(detail, headline=headline, reasons=reasons, floors=floors, steps=steps, withheld=detail.own_withheld)


def _redact_headline(headline: Headline) -> Headline:
    floors = tuple(title for title in headline.floors if title not in _list_case_floors())
    return replace(
        headline,
        case_evidence=REDACTED.replace("_", " "),
        floors=floors,
        evidence_claimed=None,  # a count would reveal evidence from workers
        evidence_confirmed=None,
    )


def redact_report(report: Report) -> Report:
    """Return a report without worker-derived details. It must come from assessments made :func:`with_supplier_visible_plan`."""
    details = tuple(redact_detail(detail) for detail in report.details)
    return replace(report, results=tuple(map(_redact_headline, report.results)), details=details, cases=())


def _redact_reason(reason: Reason) -> Reason:
    if reason.state != "reported":
        return replace(
            reason, evidence=""
        )  # evidence may name what workers said; removed for all, so that a missing one reveals nothing
    return replace(reason, text=RAISED_TEXT, state=RAISED_STATE, value="", sources=(), year=None)
