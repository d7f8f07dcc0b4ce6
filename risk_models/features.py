"""Answers and facts joined: what a model reads, and how each value came to be.

This is the only place where answers meet facts. What a model may read is a prefix and a name: ``answer.``, ``country.``,
``sector.``, ``goods.``, ``corridor.`` and ``flag.``; the score of the worst agency named comes in as the sharper context
``agency``. Answers arrive as a frame of categorical columns (one per question, distinct values once), so that every rule is
applied to distinct values and spread by their codes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from functools import lru_cache, partial
from typing import Final

import numpy as np
from numpy.typing import NDArray

from risk_models.answers import DECLINED, Answers, said, spread, spread_all
from risk_models.engine.frame import Frame, shares
from risk_models.engine.score import threshold
from risk_models.evidence import Belief, report_belief, reported_by
from risk_models.facts.facts import FactsOn
from risk_models.facts.inherent import Inherent, inherent_risk
from risk_models.model import LEVELS, Model
from risk_models.transforms import Rule, on_day

CANNOT_APPLY: Final = "cannot_apply"


def _risk(rule: Rule, answer: object) -> float:
    """r of an answer: "cannot apply" is 0, a declined answer has none."""
    return 0.0 if answer == CANNOT_APPLY else np.nan if answer == DECLINED else rule.risk(answer)


def _closed(confirmed: Mapping[str, float], answer: object) -> float:
    """r of an answer that workers or an authority confirm; NaN where that changes nothing."""
    return confirmed.get(answer, np.nan) if isinstance(answer, str) else np.nan


@lru_cache(maxsize=64)
def _rules(model: Model, on: date) -> tuple[tuple[str, Callable[[object], float]], ...]:
    """The question of each indicator, and what makes r of an answer to it on a day."""
    return tuple((indicator.question, partial(_risk, on_day(indicator.rule, on))) for indicator in model.indicators)


@lru_cache(maxsize=64)
def _least(model: Model) -> NDArray[np.float64]:
    """r of the best answer to each indicator (k, 1)."""
    least = np.array([[indicator.rule.least] for indicator in model.indicators])
    least.flags.writeable = False
    return least


@dataclass(frozen=True)
class Features:
    """The frame a model scores and, beside it, what made its contexts (shown as reasons)."""

    frame: Frame
    inherent: Inherent


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
    evidence = Belief(answers, model, on)
    belief, expired = evidence.of_all([indicator.question for indicator in model.indicators])
    risk = np.full((k, n), np.nan)
    declined, ruled_out, gated, reported = (np.zeros((k, n), dtype=bool) for _ in range(4))

    rules = _rules(model, on)
    asked_of = [i for i, (question, _) in enumerate(rules) if question in answers.columns]
    risk[asked_of] = spread_all(answers, [rules[i] for i in asked_of], np.nan)
    for i, indicator in enumerate(model.indicators):
        asked = indicator.question
        if asked in answers.columns:
            if indicator.confirmed and said(answers, asked, tuple(indicator.confirmed)).any():
                closed = spread(answers, asked, partial(_closed, indicator.confirmed), np.nan)
                risk[i] = np.where(evidence.confirmed(asked) & ~np.isnan(closed), closed, risk[i])
            if DECLINED in answers.columns[asked].values:
                declined[i] = said(answers, asked, (DECLINED,))
        for question, values in indicator.ruled_out.items():
            if question in answers.columns:
                ruled_out[i] |= said(answers, question, values)
        told = reported_by(answers, indicator)
        if told is not None:
            reported[i] = told

    gate_belief = [evidence.row[0]] * k
    for gate in model.gates:
        # A declaration whose evidence has run out reassures nobody.
        declared, run_out = evidence.of(gate.question)
        none = said(answers, gate.question, gate.none) & ~run_out
        if not none.any():
            continue
        for i, indicator in enumerate(model.indicators):
            if indicator.id in gate.indicators:
                gated[i] |= none
                if evidence.pieces.values:
                    gate_belief[i] = np.where(none, np.maximum(gate_belief[i], declared), gate_belief[i])

    answered = ~np.isnan(risk)
    frame = Frame(
        risk=risk,
        least=_least(model),
        belief=belief,
        context=inherent.context,
        context_low=inherent.context_low,
        context_high=inherent.context_high,
        context_of=inherent.context_of,
        answered=answered,
        declined=declined,
        expired=expired,
        ruled_out=ruled_out,
        reported=reported,
        report=np.broadcast_to(model.reported, (k, n)),
        report_belief=np.broadcast_to(report_belief(answers, model, on), (k, n)),
        gated=gated,
        gate_belief=np.array(gate_belief) if evidence.pieces.values else np.broadcast_to(evidence.row[0], (k, n)),
        inherent_known=inherent.known,
        place_known=inherent.place_known,
        critical_by_silence=_critical_by_silence(answers, inherent, model, facts, agency_scores),
        case=np.zeros(n, dtype=np.int8) if case is None else case,
    )
    return Features(frame, inherent)


def _critical_by_silence(
    answers: Answers, inherent: Inherent, model: Model, facts: FactsOn, agency_scores: Mapping[str, float]
) -> NDArray[np.bool_]:
    """Where the inherent risk is critical, and would not be if what was declined had not been asked (method section 3: through
    declined answers alone a level is high at most).
    """
    nowhere = np.zeros(len(answers), dtype=bool)
    if model.method < 2 or not inherent.rests_on_silence:
        return nowhere
    unasked = inherent_risk(answers.without(DECLINED), model, facts, agency_scores)
    with_it, without = (
        threshold(100.0 * (shares(model) * of.context[of.context_of]).sum(axis=0), model) for of in (inherent, unasked)
    )
    critical: NDArray[np.bool_] = (with_it == LEVELS.index("critical")) & (without < LEVELS.index("critical"))
    return critical
