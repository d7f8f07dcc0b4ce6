"""Build the features that a model scores from answers and facts, and record how each value was derived.

This is the only place where answers and facts are combined. A model may read names with one of these prefixes: ``answer.``,
``country.``, ``sector.``, ``goods.``, ``corridor.`` and ``flag.``; the score of the worst agency named is read as the sharper
context ``agency``. Answers hold each distinct value once, so that every rule is applied to distinct values and mapped to
suppliers by code.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from functools import lru_cache, partial
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from risk_models.answers import DECLINED, Answers, Flags, Floats, is_answer_in, map_answers, map_questions
from risk_models.engine.frame import Frame, get_weight_shares
from risk_models.engine.score import assign_levels
from risk_models.evidence import Belief, compute_report_belief, is_reported
from risk_models.facts.facts import FactSnapshot
from risk_models.facts.goods import read_unrecognised_goods_as_blank
from risk_models.facts.inherent import InherentRisk, compute_inherent_risk
from risk_models.model import LEVELS, Model
from risk_models.transforms import Rule, bind_day

CANNOT_APPLY: Final = "cannot_apply"  # offered to every question by the forms 2026.1 and 2026.2
NOT_APPLICABLE: Final = "not_applicable"  # given where the form allows it (method-4, section 2)


def _compute_answer_risk(rule: Rule, method: int, answer: object) -> float:
    """Return r of an answer: 0 where it does not apply, NaN for a declined answer and, since method 4, "cannot apply"."""
    if answer == NOT_APPLICABLE or (answer == CANNOT_APPLY and method < 4):
        return 0.0
    return np.nan if answer in (DECLINED, CANNOT_APPLY) else rule.risk(answer)


def _get_confirmed_risk(confirmed: Mapping[str, float], answer: object) -> float:
    """Return r of an answer that workers or an authority confirm; NaN if confirmation does not change it."""
    return confirmed.get(answer, np.nan) if isinstance(answer, str) else np.nan


@lru_cache(maxsize=64)
def _build_risk_functions(model: Model, on: date) -> tuple[tuple[str, Callable[[object], float]], ...]:
    """Return the question of each indicator, and the function that gives r of an answer to it on a day."""
    return tuple(
        (indicator.question, partial(_compute_answer_risk, bind_day(indicator.rule, on), model.method))
        for indicator in model.indicators
    )


@lru_cache(maxsize=64)
def _list_lowest_risks(model: Model) -> NDArray[np.float64]:
    """Return r of the best answer to each indicator (k, 1)."""
    lowest = np.array([[indicator.rule.lowest_risk] for indicator in model.indicators])
    lowest.flags.writeable = False
    return lowest


@dataclass(frozen=True)
class Features:
    """The frame that a model scores, and the parts of its contexts (shown as reasons)."""

    frame: Frame
    inherent: InherentRisk


def build_features(
    answers: Answers,
    model: Model,
    facts: FactSnapshot,
    on: date,
    agency_scores: Mapping[str, float],
    case: NDArray[np.int8] | None = None,
) -> Features:
    """Build the frame of n suppliers under one model on a day, and the parts of their inherent risk.

    ``agency_scores``: score 0..100 of each assessed agency, by ``name_key`` of its name, reference or licence number.
    ``case``: the strength of each supplier's case records (see Frame), or None if there are none.
    """
    if model.unrecognised_goods_blank:
        answers = read_unrecognised_goods_as_blank(answers, facts)
    n, k = len(answers), len(model.indicators)
    inherent = compute_inherent_risk(answers, model, facts, agency_scores)
    evidence = Belief(answers, model, on)
    belief, expired = evidence.get_beliefs([indicator.question for indicator in model.indicators])
    imposed_labour = inherent.imposed_labour
    believable = np.ones(n, dtype=bool) if imposed_labour is None else ~imposed_labour.documented
    indicators = _read_indicators(answers, model, evidence, on, believable)
    screened_out, screening_belief = _read_screening_questions(answers, model, evidence)
    frame = Frame(
        risk=indicators.risk,
        lowest_risk=_list_lowest_risks(model),
        belief=belief,
        context=inherent.context,
        context_low=inherent.context_low,
        context_high=inherent.context_high,
        context_row=inherent.context_row,
        answered=~np.isnan(indicators.risk),
        declined=indicators.declined,
        expired=expired,
        ruled_out=indicators.ruled_out,
        reported=indicators.reported,
        report_risk=np.broadcast_to(model.reported_risk, (k, n)),
        report_belief=np.broadcast_to(compute_report_belief(answers, model, on), (k, n)),
        screened_out=screened_out,
        screening_belief=screening_belief,
        inherent_known=inherent.known_share,
        place_known=inherent.place_known,
        critical_by_declined=_find_critical_by_declined_answers(answers, inherent, model, facts, agency_scores),
        case=np.zeros(n, dtype=np.int8) if case is None else case,
    )
    if inherent.imposed_labour is not None:
        frame = _add_method_4(frame, answers, model, inherent, evidence)
    return Features(frame, inherent)


def _add_method_4(frame: Frame, answers: Answers, model: Model, inherent: InherentRisk, evidence: Belief) -> Frame:
    """Return a frame with what counts since method 4: confirmations, labour imposed by a state, and our own gaps.

    Where labour is documented as imposed by a state, no answer, declaration or piece of evidence is believed (section 5).
    """
    imposed_labour = inherent.imposed_labour
    if imposed_labour is None:
        raise ValueError(f"{model.id} {model.version} does not cover state-imposed labour")
    documented = imposed_labour.documented
    shape = frame.risk.shape
    believable = ~documented
    confirmed = np.broadcast_to(np.zeros(shape[1], dtype=bool), shape)
    screening_confirmed = confirmed
    if evidence.pieces.values:
        confirmed = np.array([evidence.has_evidence(i.question) & believable for i in model.indicators])
        screening_confirmed = _find_confirmed_declarations(answers, model, evidence) & believable
    return replace(
        frame,
        belief=frame.belief * believable,
        screening_belief=frame.screening_belief * believable,
        context_high_given=inherent.context_high_given,
        confirmed=confirmed,
        screening_confirmed=screening_confirmed,
        documented=documented,
        place_open=imposed_labour.place_open,
    )


def _find_confirmed_declarations(answers: Answers, model: Model, evidence: Belief) -> Flags:
    """Return where a declaration that rules an indicator out is supported by confirmed evidence (k, n)."""
    confirmed = np.zeros((len(model.indicators), len(answers)), dtype=bool)
    for screening in model.screening_questions:
        declared = is_answer_in(answers, screening.question, screening.none_answers)
        declared &= evidence.has_evidence(screening.question)
        for i, indicator in enumerate(model.indicators):
            if indicator.id in screening.indicators:
                confirmed[i] |= declared
    return confirmed


class _IndicatorReadings(NamedTuple):
    """What the answers say about each indicator (k, n): its risk (NaN if not answered) and the flags of the frame."""

    risk: Floats
    declined: Flags
    ruled_out: Flags
    reported: Flags


def _read_indicators(
    answers: Answers, model: Model, evidence: Belief, on: date, believable: Flags
) -> _IndicatorReadings:
    """Read the indicators; ``believable`` (n,): where evidence may count at all."""
    shape = (len(model.indicators), len(answers))
    risk = np.full(shape, np.nan)
    declined, ruled_out, reported = (np.zeros(shape, dtype=bool) for _ in range(3))
    functions = _build_risk_functions(model, on)
    positions = [i for i, (question, _) in enumerate(functions) if question in answers.columns]
    risk[positions] = map_questions(answers, [functions[i] for i in positions], np.nan)
    for i, indicator in enumerate(model.indicators):
        question = indicator.question
        if question in answers.columns:
            if indicator.confirmed_risks and is_answer_in(answers, question, tuple(indicator.confirmed_risks)).any():
                confirmed = map_answers(
                    answers, question, partial(_get_confirmed_risk, indicator.confirmed_risks), np.nan
                )
                remedied = evidence.is_confirmed(question) & ~np.isnan(confirmed) & believable
                risk[i] = np.where(remedied, confirmed, risk[i])
            if DECLINED in answers.columns[question].values:
                declined[i] = is_answer_in(answers, question, (DECLINED,))
        for other_source, values in indicator.ruled_out_by.items():
            if other_source in answers.columns:
                ruled_out[i] |= is_answer_in(answers, other_source, values)
        indicator_reported = is_reported(answers, indicator)
        if indicator_reported is not None:
            reported[i] = indicator_reported
    return _IndicatorReadings(risk, declined, ruled_out, reported)


def _read_screening_questions(answers: Answers, model: Model, evidence: Belief) -> tuple[Flags, Floats]:
    """Return where a screening question rules out an indicator (k, n), and how credible that answer is (k, n)."""
    k, n = len(model.indicators), len(answers)
    screened_out = np.zeros((k, n), dtype=bool)
    screening_belief = [evidence.row[0]] * k
    for screening in model.screening_questions:
        belief, expired = evidence.get_belief(screening.question)
        # A declaration with expired evidence does not rule anything out.
        ruled_out = is_answer_in(answers, screening.question, screening.none_answers) & ~expired
        if not ruled_out.any():
            continue
        for i, indicator in enumerate(model.indicators):
            if indicator.id in screening.indicators:
                screened_out[i] |= ruled_out
                if evidence.pieces.values:
                    screening_belief[i] = np.where(
                        ruled_out, np.maximum(screening_belief[i], belief), screening_belief[i]
                    )
    return screened_out, np.array(screening_belief) if evidence.pieces.values else np.broadcast_to(
        evidence.row[0], (k, n)
    )


def _find_critical_by_declined_answers(
    answers: Answers, inherent: InherentRisk, model: Model, facts: FactSnapshot, agency_scores: Mapping[str, float]
) -> Flags:
    """Return where the inherent risk is critical only because of declined answers (n,).

    Declined answers alone can raise a level no further than High (method section 3).
    """
    if model.method < 2 or not inherent.has_declined_facts:
        return np.zeros(len(answers), dtype=bool)
    without_declined = compute_inherent_risk(answers.drop_answer(DECLINED), model, facts, agency_scores)
    level, level_without = (
        assign_levels(100.0 * (get_weight_shares(model) * risk.context[risk.context_row]).sum(axis=0), model)
        for risk in (inherent, without_declined)
    )
    critical: Flags = (level == LEVELS.index("critical")) & (level_without < LEVELS.index("critical"))
    return critical
