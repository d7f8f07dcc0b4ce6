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
import pandas as pd
from numpy.typing import NDArray

from risk_models.facts import FactsOn
from risk_models.inherent import Inherent, inherent_risk
from risk_models.model import Credibility, Model
from risk_models.score import Flags, Floats, Frame
from risk_models.transforms import Rule

DECLINED: Final = "declined"
CANNOT_APPLY: Final = "cannot_apply"
DAYS_A_MONTH: Final = 30.4375


def said(answers: pd.DataFrame, question: str, values: Sequence[object]) -> Flags:
    """Where the answer to a question is one of these values."""
    categories, codes = codes_of(answers, question)
    flags: Flags = np.array([*(answer in values for answer in categories), False], dtype=np.bool_)[codes]
    return flags


def _risk(rule: Rule, answer: object) -> float:
    """r of an answer: "cannot apply" is 0, a declined answer has none."""
    return 0.0 if answer == CANNOT_APPLY else np.nan if answer == DECLINED else rule.risk(answer)


@dataclass(frozen=True)
class Features:
    """The frame a model scores and, beside it, what made its contexts (shown as reasons)."""

    frame: Frame
    inherent: Inherent


def codes_of(answers: pd.DataFrame, question: str) -> tuple[Sequence[object], NDArray[np.int32]]:
    """The distinct answers to a question and, per supplier, the position of its own (-1: nothing said)."""
    if question not in answers.columns:
        return (), np.full(len(answers), -1, dtype=np.int32)
    column = answers[question].cat
    return tuple(column.categories), column.codes.to_numpy().astype(np.int32)


def spread(answers: pd.DataFrame, question: str, value_of: Callable[[object], float], missing: float) -> Floats:
    """One number per supplier, worked out once per distinct answer; ``missing`` where nothing was said."""
    categories, codes = codes_of(answers, question)
    return np.array([value_of(answer) for answer in categories] + [missing], dtype=np.float64)[codes]


def features(
    answers: pd.DataFrame,
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
    reports, report_codes = codes_of(answers, "reported_harms")

    for i, indicator in enumerate(model.indicators):
        risk[i] = spread(answers, indicator.question, partial(_risk, indicator.rule), np.nan)
        declined[i] = said(answers, indicator.question, (DECLINED,))
        for question, values in indicator.ruled_out.items():
            ruled_out[i] |= said(answers, question, values)
        named = [isinstance(told, tuple) and indicator.id in told for told in reports]
        report[i] = np.where(np.array([*named, False])[report_codes], model.reported, np.nan)

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


def credibility(grade: Credibility, months: float) -> float:
    """q of a piece of evidence: full for half its shelf life, then falling linearly to 0; a future date counts 0 (EN-3)."""
    if months < 0:
        return 0.0
    half = grade.months / 2
    return grade.q if months <= half else max(0.0, grade.q * (grade.months - months) / half)


def _rows(answers: pd.DataFrame, questions: Sequence[str]) -> tuple[list[tuple[object, ...]], NDArray[np.intp]]:
    """The distinct combinations of answers to a few questions, and which one each supplier has."""
    columns = [codes_of(answers, question) for question in questions]
    stacked = np.column_stack([codes for _, codes in columns])
    distinct, which = np.unique(stacked, axis=0, return_inverse=True)
    combos = [
        tuple(None if code < 0 else categories[code] for (categories, _), code in zip(columns, row, strict=True))
        for row in distinct.tolist()
    ]
    return combos, np.asarray(which).reshape(-1)


def _belief(answers: pd.DataFrame, model: Model, on: date, audit_void: Flags) -> tuple[Floats, Flags]:
    """q of the best unexpired evidence of each supplier's answers, and where all of it is past its shelf life.

    Two pieces stand behind an answer: the declaration itself, as old as its form, and the graded evidence of the row.
    Graded evidence without a date counts as a declaration; a declaration without any date counts as made today.
    """
    combos, which = _rows(answers, ("evidence_grade", "evidence_date", "answered_on", "form_returned"))
    values = np.zeros((len(combos), 3))
    for j, (grade, evidence_date, answered_on, returned) in enumerate(combos):
        told = next((d for d in (answered_on, returned, evidence_date) if isinstance(d, str) and d != DECLINED), None)
        age = age_in_months(told, on)
        pieces = [("self_declared", 0.0 if np.isnan(age) else age)]
        graded = age_in_months(evidence_date, on)
        if isinstance(grade, str) and grade in model.credibility and not np.isnan(graded):
            pieces.append((grade, graded))
        values[j, 0] = max(credibility(model.credibility[g], months) for g, months in pieces)
        values[j, 1] = max(credibility(model.credibility[g], months) for g, months in pieces if g != "audit")
        # A void audit is believed no more, yet the answers stay answered: finding harm never lowers coverage.
        values[j, 2] = float(all(months >= model.credibility[g].months for g, months in pieces))
    of_row = values[which]
    return np.where(audit_void, of_row[:, 1], of_row[:, 0]), of_row[:, 2] > 0


def _report_belief(answers: pd.DataFrame, model: Model, on: date) -> Floats:
    """q of reports by workers, unions, NGOs (worker voice) or officials, by their date; it only feeds confidence."""
    combos, which = _rows(answers, ("reported_by", "evidence_date", "answered_on"))
    values = []
    for by, evidence_date, answered_on in combos:
        grade = model.credibility["official" if by == "official" else "worker_voice"]
        age = age_in_months(evidence_date or answered_on, on)
        values.append(credibility(grade, 0.0 if np.isnan(age) else age))
    return np.array(values)[which]


def _audit_void(answers: pd.DataFrame, model: Model) -> Flags:
    """Where an audit proves nothing: private homes, state-imposed labour, coached sites (method section 3, FLS-d, CD08)."""
    void = np.full(len(answers), not model.audit_counts)
    reports, report_codes = codes_of(answers, "reported_harms")
    for indicator in model.indicators:
        if indicator.id in model.audit_void_when:
            void |= np.nan_to_num(spread(answers, indicator.question, indicator.rule.risk, np.nan)) >= 0.5
            named = [isinstance(told, tuple) and indicator.id in told for told in reports]
            void |= np.array([*named, False])[report_codes]
    return void
