"""What workers, unions, NGOs or officials reported, closed to whoever may not see it.

They see that an indicator is raised, and its points; not that it was reported, by whom, or in which words. Who may see it
stands in one place, under ``worker_derived`` in ``service/auth/access.toml``; what is closed stands here, for pages, the API and
reports alike. A report by an NGO or an official is closed too: what is left would else tell that a worker spoke.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from typing import Any

from questionnaires.form import Question, load_combined_form
from reports.document import Detail, Headline, Reason, Report
from reports.redaction import steps_from_own_answers
from risk_models.answers import CASE_HARMS, EVIDENCE
from risk_models.model import load_all
from service.assessment.assess import ROW_EVIDENCE_QUESTIONS, AssessedBatch

RAISED = "raised"
NOT_SHOWN = "not_shown"  # instead of the strength of case evidence
SENTENCE = "This indicator is raised. What that rests on is shown to case handlers, officers and admins."
ANSWERS = ("reported_harms", "reported_by", "worker_reported_items", CASE_HARMS)
VOICE = "worker_voice"  # the grade of evidence that is what workers said


def with_own_plan(assessed: AssessedBatch) -> AssessedBatch:
    """The same scores, with what suppliers' own answers alone call for: an action that only reports or cases ask for would tell
    of them.
    """
    return replace(assessed, blocks=tuple(replace(block, plan=block.plan.own) for block in assessed.blocks))


def own_answers(kind: str, answers: Mapping[str, Any], in_form: Mapping[str, Any] | None) -> dict[str, Any]:
    """What a supplier itself said, of all that is kept of it: what its copy of a report is made of.

    ``in_form``: what it answered in the form that came back from it last. Of its practice that alone is its own then, with the
    evidence it gave: whatever came in since may be what its workers said, however it is marked. Where no form came back, the
    answers that stand on what workers said are the workers'. Left out in any case is what others reported, what the buyer
    answers about its own checks, and the evidence that is what workers said.
    """
    form = load_combined_form(kind)
    if in_form is not None:
        practice = {question.id for question in form.questions if question.feeds} | set(ROW_EVIDENCE_QUESTIONS)
        answers = {**in_form, **{question: told for question, told in answers.items() if question not in practice}}
    said = answers.get(EVIDENCE)
    pieces = [*(said if isinstance(said, list) else ()), {"grade": answers.get("evidence_grade")}]
    voiced = [p.get("covers") or () for p in pieces if p["grade"] == VOICE and "form_returned" not in answers]

    def its_own(question: Question) -> bool:
        return not question.buyer_answered and not (
            question.feeds and any(not covers or question.id in covers for covers in voiced)
        )

    left_out = {question.id for question in form.questions if not its_own(question)}
    return {question: told for question, told in _openly(answers).items() if question not in left_out}


def _openly(answers: Mapping[str, Any]) -> dict[str, Any]:
    """Answers without those that tell what was reported, and without the evidence that is what workers said."""
    told = {question: said for question, said in answers.items() if not _tells(question, said)}
    if isinstance(told.get(EVIDENCE), list):
        told[EVIDENCE] = [piece for piece in told[EVIDENCE] if not _tells("evidence_grade", piece["grade"])]
    return told


def without(result: Mapping[str, Any]) -> dict[str, Any]:
    """A result object of the contract without its worker-derived detail. It is made from an assessment :func:`with_own_plan`."""
    answers = _openly(result["answers"])
    hidden = _case_floors()
    floors = [floor for floor in result["floors"] if floor not in hidden]
    reasons = [{**r, "state": RAISED, "value": None} if r["state"] == "reported" else r for r in result["reasons"]]
    told = {"answers": answers, "reasons": reasons, "case_evidence": NOT_SHOWN, "floors": floors}
    return {**result, **told}


@cache
def _case_floors() -> frozenset[str]:
    """Ids and titles of the rules that hold a score up because of case records: of every version of the models."""
    floors = [floor for model in load_all() for floor in model.floors if floor.case is not None]
    return frozenset(name for floor in floors for name in (floor.id, floor.title))


def _tells(question: str, said: object) -> bool:
    return question in ANSWERS or (question, said) == ("evidence_grade", VOICE)


def detail_without(detail: Detail) -> Detail:
    """A result explained, without its worker-derived detail."""
    reasons = tuple(_closed(reason) for reason in detail.reasons)
    floors = tuple(floor for floor in detail.floors if floor.title not in _case_floors())
    steps = steps_from_own_answers(detail.steps)
    headline = replace(_headline(detail.headline), next_step=steps[0].title if steps else "")
    return replace(detail, headline=headline, reasons=reasons, floors=floors, steps=steps)


def _headline(headline: Headline) -> Headline:
    floors = tuple(title for title in headline.floors if title not in _case_floors())
    return replace(headline, case_evidence=NOT_SHOWN.replace("_", " "), floors=floors)


def report_without(report: Report) -> Report:
    """A report without the worker-derived detail of its results. It is made from assessments :func:`with_own_plan`."""
    details = tuple(detail_without(detail) for detail in report.details)
    return replace(report, results=tuple(map(_headline, report.results)), details=details, cases=())


def _closed(reason: Reason) -> Reason:
    if reason.state != "reported":
        return replace(reason, evidence="")  # it names what workers said, and its absence would name it too
    return replace(reason, text=SENTENCE, state=RAISED, value="", sources=(), year=None)
