"""Answers and facts joined: what a model reads, and how each value came to be.

This is the only place where answers meet facts. What a model may read is a prefix and a name: ``answer.``, ``country.``,
``sector.``, ``goods.``, ``corridor.`` and ``flag.``; the score of the worst agency named comes in as the sharper context
``agency``. Answers arrive as a frame of categorical columns (one per question, distinct values once), so that every rule is
applied to distinct values and spread by their codes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import partial
from typing import Final

import numpy as np
from numpy.typing import NDArray

from risk_models.answers import Answers
from risk_models.facts import FactsOn
from risk_models.inherent import Inherent, inherent_risk
from risk_models.model import Credibility, Model
from risk_models.score import Flags, Floats, Frame
from risk_models.transforms import Rule

DECLINED: Final = "declined"
CANNOT_APPLY: Final = "cannot_apply"
DAYS_A_MONTH: Final = 30.4375


def said(answers: Answers, question: str, values: Sequence[object]) -> Flags:
    """Where the answer to a question is one of these values."""
    column = answers.column(question)
    flags: Flags = np.array([*(answer in values for answer in column.values), False], dtype=np.bool_)[column.codes]
    return flags


def _risk(rule: Rule, answer: object) -> float:
    """r of an answer: "cannot apply" is 0, a declined answer has none."""
    return 0.0 if answer == CANNOT_APPLY else np.nan if answer == DECLINED else rule.risk(answer)


@dataclass(frozen=True)
class Features:
    """The frame a model scores and, beside it, what made its contexts (shown as reasons)."""

    frame: Frame
    inherent: Inherent


def spread(answers: Answers, question: str, value_of: Callable[[object], float], missing: float) -> Floats:
    """One number per supplier, worked out once per distinct answer; ``missing`` where nothing was said."""
    column = answers.column(question)
    return np.array([value_of(answer) for answer in column.values] + [missing], dtype=np.float64)[column.codes]


def features(
    answers: Answers,
    model: Model,
    facts: FactsOn,
    on: date,
    agency_scores: Mapping[str, float],
    case: NDArray[np.int8] | None = None,
) -> Features:
    """The frame for n suppliers under one model on a day, and the parts of their inherent risk.

    ``agency_scores``: score 0..100 of each assessed agency, by ``name_key`` of its name, reference or licence number.
    ``case``: per supplier the strength of its case records (see Frame); none recorded when left out.
    """
    n, k = len(answers), len(model.indicators)
    inherent = inherent_risk(answers, model, facts, agency_scores)
    void = _audit_void(answers, model)
    row_belief, row_expired = _belief(answers, model, on, void)
    report_belief = _report_belief(answers, model, on)
    risk, report = np.full((k, n), np.nan), np.full((k, n), np.nan)
    declined, ruled_out, gated = (np.zeros((k, n), dtype=bool) for _ in range(3))
    reports = answers.column("reported_harms")

    for i, indicator in enumerate(model.indicators):
        if indicator.question in answers.columns:
            risk[i] = spread(answers, indicator.question, partial(_risk, indicator.rule), np.nan)
            declined[i] = said(answers, indicator.question, (DECLINED,))
        for question, values in indicator.ruled_out.items():
            if question in answers.columns:
                ruled_out[i] |= said(answers, question, values)
        if reports.values:
            named = [isinstance(told, tuple) and indicator.id in told for told in reports.values]
            report[i] = np.where(np.array([*named, False])[reports.codes], model.reported, np.nan)

    gate_belief = np.broadcast_to(row_belief, (k, n))
    for gate in model.gates:
        # A declaration whose evidence has run out reassures nobody.
        none = said(answers, gate.question, gate.none) & ~row_expired
        for i, indicator in enumerate(model.indicators):
            if indicator.id in gate.indicators:
                gated[i] |= none

    answered = ~np.isnan(risk)
    frame = Frame(
        risk=risk,
        least=np.array([[indicator.rule.least] for indicator in model.indicators]),
        belief=np.broadcast_to(row_belief, (k, n)),
        context=inherent.context,
        context_low=inherent.context_low,
        context_high=inherent.context_high,
        answered=answered,
        declined=declined,
        expired=np.broadcast_to(row_expired, (k, n)),
        ruled_out=ruled_out,
        report=report,
        report_belief=np.broadcast_to(report_belief, (k, n)),
        gated=gated,
        gate_belief=gate_belief,
        inherent_known=inherent.known,
        place_known=inherent.place_known,
        case=np.zeros(n, dtype=np.int8) if case is None else case,
    )
    return Features(frame, inherent)


def age_in_months(written: object, on: date) -> float:
    """Months between an ISO date and a day; negative for a future date, NaN where there is no date."""
    if not isinstance(written, str):
        return np.nan
    try:
        return (on - date.fromisoformat(written)).days / DAYS_A_MONTH
    except ValueError:
        return np.nan


def _ages(answers: Answers, question: str, on: date) -> Floats:
    """Months since the day that a question gives, per supplier; NaN where it gives none."""
    return spread(answers, question, lambda day: age_in_months(day, on), np.nan)


def _credibility(grade: Credibility, months: Floats) -> Floats:
    """q of evidence of one grade at several ages: full for half its shelf life, then falling linearly to 0 (EN-3)."""
    half = grade.months / 2
    fading = np.clip(grade.q * (grade.months - months) / half, 0.0, grade.q)
    # A future date counts 0; age itself never leaves 0 to the shelf life.
    return np.where(months < 0, 0.0, fading)


def _belief(answers: Answers, model: Model, on: date, audit_void: Flags) -> tuple[Floats, Flags]:
    """q of the best unexpired evidence of each supplier's answers, and where all of it is past its shelf life.

    Two pieces stand behind an answer: the declaration itself, as old as its form, and the graded evidence of the row.
    Graded evidence without a date counts as a declaration; a declaration without any date counts as made today.
    """
    shown = _ages(answers, "evidence_date", on)
    told = shown
    for question in ("form_returned", "answered_on"):
        day = _ages(answers, question, on)
        told = np.where(np.isnan(day), told, day)
    told = np.where(np.isnan(told), 0.0, told)
    own = model.credibility["self_declared"]
    belief, expired = _credibility(own, told), told >= own.months
    for name, grade in model.credibility.items():
        here = said(answers, "evidence_grade", (name,)) & ~np.isnan(shown)
        months = np.where(here, shown, 0.0)
        # A void audit is believed no more, yet the answers stay answered: finding harm never lowers coverage.
        counts = here & ~audit_void if name == "audit" else here
        belief = np.where(counts, np.maximum(belief, _credibility(grade, months)), belief)
        expired = np.where(here, expired & (months >= grade.months), expired)
    return belief, expired


def _report_belief(answers: Answers, model: Model, on: date) -> Floats:
    """q of reports by workers, unions, NGOs (worker voice) or officials, by their date; it only feeds confidence."""
    shown, told = _ages(answers, "evidence_date", on), _ages(answers, "answered_on", on)
    age = np.where(np.isnan(shown), np.where(np.isnan(told), 0.0, told), shown)
    by_officials = said(answers, "reported_by", ("official",))
    voice, official = (_credibility(model.credibility[grade], age) for grade in ("worker_voice", "official"))
    return np.where(by_officials, official, voice)


def _audit_void(answers: Answers, model: Model) -> Flags:
    """Where an audit proves nothing: private homes, state-imposed labour, coached sites (method section 3, FLS-d, CD08)."""
    void = np.full(len(answers), not model.audit_counts)
    reports = answers.column("reported_harms")
    for indicator in model.indicators:
        if indicator.id in model.audit_void_when:
            void |= np.nan_to_num(spread(answers, indicator.question, indicator.rule.risk, np.nan)) >= 0.5
            named = [isinstance(told, tuple) and indicator.id in told for told in reports.values]
            void |= np.array([*named, False])[reports.codes]
    return void
