"""Compute inherent risk, which is what facts alone say about a country, sector and corridor, in steps that can be explained.

Each context of a model closes a share of the remaining gap to 1: H := H + lift * x * (1 - H), starting at 0, where x is the mean
of the context's facts, each scaled to 0..1. No fact therefore dilutes another, a greater hazard never lowers H, and each fact has
its own points. Individual indicators may name a sharper context: c = max(H, x).

Labour that a state imposes closes a share of its own, and if it is documented, H is at least as high as the model says
(method-4, section 5).

Where the country or the sector is unknown, the step-by-step value of country and sector is replaced by the 75th percentile of
that value over the release's own fact table, and its range runs from the lowest to the highest value (method section 3).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple, cast

import numpy as np
from numpy.typing import NDArray

from risk_models.answers import Answers, Column
from risk_models.facts.facts import FactSnapshot
from risk_models.facts.scales import (
    DECLINED_STATE,
    FILLED_STATE,
    KNOWN_STATE,
    UNKNOWN_STATE,
    Codes,
    FactScaler,
    Flags,
    Floats,
    ScaledFactColumn,
    States,
    fill_unknown,
    list_place_contexts,
    take_largest,
)
from risk_models.facts.state_imposed import (
    GRADES,
    PLACE_QUESTIONS,
    ImposedLabourFinder,
    ImposedLabourFindings,
    build_region_index,
)
from risk_models.model import Context, ImposedLabourContext, Model, ScaledFact

UNKNOWN_PLACE = "unknown_place"
PART_STATES = ("known", "filled", "unknown", "declined")


@dataclass(frozen=True)
class InherentRiskPart:
    """One fact's share of the inherent risk: points (n,), the scaled fact x (n,), raw values by supplier, and state.

    ``state`` (n,), an index of PART_STATES: 0 known, 1 filled from the nearest countries (our gap), 2 unknown, 3 declined.
    """

    id: str
    context: str
    x: Floats
    value: Floats
    state: States
    points: Floats


@dataclass(frozen=True)
class InherentRisk:
    """The contexts of n suppliers, and the parts whose points add up to the base.

    ``context`` c with low and high has a row for each that differs (m, n); ``context_row`` (k,) says which row an indicator has.
    ``context_high_given`` takes our own gaps, facts that the tables lack about what was given, at their point value (method-4,
    section 8). ``known_share`` (n,): the share of the place's facts that are known; ``place_known`` (n,): whether country and
    sector are; ``imposed_labour``: what is known of labour imposed by a state, None before method 4.
    """

    context: Floats
    context_low: Floats
    context_high: Floats
    context_high_given: Floats
    context_row: NDArray[np.intp]
    parts: tuple[InherentRiskPart, ...]
    known_share: Floats
    place_known: Flags
    imposed_labour: ImposedLabourFindings | None

    @cached_property
    def has_declined_facts(self) -> bool:
        """Return whether any supplier has a fact with the worst value because the question was declined."""
        return any((part.state == DECLINED_STATE).any() for part in self.parts)


def compute_inherent_risk(
    answers: Answers, model: Model, facts: FactSnapshot, agency_scores: Mapping[str, float]
) -> InherentRisk:
    """Compute the context c of every indicator for n suppliers, and the parts that make it up.

    100 x sum(w c) / sum(w) equals the sum of the parts' points, to rounding. The result for a single supplier is cached for the
    next one with the same country and sector, and its arrays are read-only.
    """
    compute = _get_cached_or_compute if len(answers) == 1 else _compute_uncached
    return compute(answers, model, facts, agency_scores)


class _RecordingAnswers:
    """Answers that record which questions are read."""

    def __init__(self, answers: Answers, questions: set[str]) -> None:
        self.answers, self.questions = answers, questions

    def __len__(self) -> int:
        return len(self.answers)

    def column(self, question: str) -> Column:
        if question not in PLACE_QUESTIONS:  # only the region that they name counts
            self.questions.add(question)
        return self.answers.column(question)


@dataclass(frozen=True)
class _CachedRisk:
    """A cached result. It refers to the model and facts so that their ids, which are part of the key, are not reused."""

    model: Model
    facts: FactSnapshot
    inherent: InherentRisk


MAX_CACHED_PLACES = 1024
LOCATING_QUESTIONS = (*PLACE_QUESTIONS, "country", "flag", "destination_countries")
_questions_read: dict[int, frozenset[str]] = {}  # by id of the model: the questions that its contexts were seen to read
_cached_risks: dict[Any, _CachedRisk] = {}


def _get_cached_or_compute(
    answers: Answers, model: Model, facts: FactSnapshot, agency_scores: Mapping[str, float]
) -> InherentRisk:
    """Return the inherent risk of one supplier, computed once for all suppliers with the same answers to the context questions.

    The key holds exactly the answers that were read: the computation takes the same steps for any supplier with the same ones.
    """
    questions = _questions_read.get(id(model), frozenset())
    cached = _cached_risks.get(_build_cache_key(answers, questions, model, facts, agency_scores))
    if cached is not None:
        return cached.inherent
    read: set[str] = set()
    inherent = _compute_uncached(cast(Answers, _RecordingAnswers(answers, read)), model, facts, agency_scores)
    for item in (inherent, *inherent.parts):
        for array in vars(item).values():
            if isinstance(array, np.ndarray):
                array.setflags(write=False)
    if len(_cached_risks) >= MAX_CACHED_PLACES:
        _cached_risks.clear()
        _questions_read.clear()
    _questions_read[id(model)] = questions | read
    key = _build_cache_key(answers, questions | read, model, facts, agency_scores)
    _cached_risks[key] = _CachedRisk(model, facts, inherent)
    return inherent


def _build_cache_key(
    answers: Answers, questions: Iterable[str], model: Model, facts: FactSnapshot, agency_scores: Mapping[str, float]
) -> Any:
    columns = ((question, answers.columns.get(question)) for question in questions)
    given = frozenset((q, c.values[c.codes[0]]) for q, c in columns if c is not None and c.codes[0] >= 0)
    place = _locate(answers, facts) if model.imposed_labour is not None else None
    return id(model), id(facts), given, place, frozenset(agency_scores.items())


def _locate(answers: Answers, facts: FactSnapshot) -> Any:
    """Return the regions that the answers of one supplier name, as far as labour imposed by a state depends on them."""
    columns = ((question, answers.columns.get(question)) for question in LOCATING_QUESTIONS)
    row = {q: c.values[c.codes[0]] for q, c in columns if c is not None and c.codes[0] >= 0}
    return build_region_index(facts.regions).locate(row)


def _compute_uncached(
    answers: Answers, model: Model, facts: FactSnapshot, agency_scores: Mapping[str, float]
) -> InherentRisk:
    scaler = FactScaler(answers, model, facts)
    place = _compute_place_risk(scaler, scaler.place_contexts)
    imposed_labour = None if model.imposed_labour is None else find_imposed_labour(answers, model.kind, facts)
    base, context_parts = _add_further_contexts(scaler, model, place, imposed_labour)
    parts = [*place.parts, *context_parts]
    if model.imposed_labour is not None and imposed_labour is not None:
        base, part = _add_imposed_labour(base, model.imposed_labour, imposed_labour)
        parts.append(part)
    for part in parts:
        part.points[:] *= 100.0

    sharper = {context.id: _scale_sharper_context(scaler, context.facts) for context in model.sharper_contexts}
    sharper["agency"] = scaler.scale_agency_score(agency_scores)
    given = {context.id: _is_any_given(scaler, context.facts) for context in model.sharper_contexts}
    given["agency"] = np.zeros(len(answers), dtype=bool)  # an agency that nobody assessed is no gap in our tables
    weighted_gains = {name: np.zeros(len(answers)) for name in sharper}
    has_values = {name: not (np.isnan(s.x) & np.isnan(s.high)).all() for name, s in sharper.items()}
    rows: list[_Range] = []
    row_by_names: dict[tuple[str, ...], int] = {}
    gains: list[list[Floats]] = []
    context_row = []
    for indicator in model.indicators:
        names = tuple(filter(has_values.__getitem__, indicator.sharper_contexts))
        if names not in row_by_names:
            row_by_names[names] = len(rows)
            row, row_gains = _raise_by_sharper(base, [(sharper[name], given[name]) for name in names])
            rows.append(row)
            gains.append(row_gains)
        context_row.append(row_by_names[names])
        for name, gain in zip(names, gains[row_by_names[names]], strict=True):
            weighted_gains[name] += indicator.weight * gain
    c, c_low, c_high, c_high_given = (np.array(values) for values in zip(*rows, strict=True))
    for name, gain in weighted_gains.items():
        s = sharper[name]
        points = 100.0 * gain / model.total_weight
        parts.append(InherentRiskPart(name, name, fill_unknown(s.x, 0.0), s.value, s.state, points))
    context_rows = np.array(context_row, dtype=np.intp)
    return InherentRisk(
        c,
        c_low,
        c_high,
        c_high_given,
        context_rows,
        tuple(parts),
        place.known_share,
        place.known,
        imposed_labour,
    )


class _Range(NamedTuple):
    """A risk 0..1 of n suppliers at its point, with its range; ``high_given`` takes our own gaps at their point value."""

    point: Floats
    low: Floats
    high: Floats
    high_given: Floats


def find_imposed_labour(answers: Answers, kind: str, facts: FactSnapshot) -> ImposedLabourFindings:
    """Return where the answers of n sites or agencies (``kind``) show that a state imposes the labour, by the table of facts."""
    isic = {name: good.isic for name, good in facts.goods.items()}
    return ImposedLabourFinder(answers, kind, facts.imposed_labour, facts.regions, facts.find_goods, isic).find()


def _add_imposed_labour(
    base: _Range, context: ImposedLabourContext, findings: ImposedLabourFindings
) -> tuple[_Range, InherentRiskPart]:
    """Return the inherent risk raised by labour that a state imposes, and its part (points still 0..1).

    A place that was not given is documented in the worst case; what was declined counts at the point, not at the low end.
    """
    lifts = np.array([0.0, context.named_lift, context.documented_lift])
    minimums = np.array([0.0, 0.0, context.documented_minimum])
    documented = len(lifts) - 1

    def raise_by(h: Floats, grade: Codes) -> Floats:
        raised: Floats = np.maximum(h + lifts[grade] * (1.0 - h), minimums[grade])
        return raised

    grade, worst_grade = findings.grade, np.where(findings.place_open, documented, findings.grade)
    risk = _Range(
        raise_by(base.point, grade),
        raise_by(base.low, findings.grade_without_declined),
        raise_by(base.high, worst_grade),
        raise_by(base.high_given, worst_grade),
    )
    state = np.where(grade > findings.grade_without_declined, DECLINED_STATE, KNOWN_STATE)
    state = np.where((grade == 0) & findings.place_open, UNKNOWN_STATE, state).astype(np.int8)
    points = risk.point - base.point
    return risk, InherentRiskPart(context.id, context.id, lifts[grade], np.full(len(grade), np.nan), state, points)


def _is_any_given(scaler: FactScaler, facts: Sequence[ScaledFact]) -> Flags:
    """Return where the supplier gave what any of the facts is looked up by (n,)."""
    given: Flags = np.logical_or.reduce([scaler.is_given(fact) for fact in facts])
    return given


def _raise_by_sharper(base: _Range, sharper: Sequence[tuple[ScaledFactColumn, Flags]]) -> tuple[_Range, list[Floats]]:
    """Return a context raised by sharper ones, and by how much each of them raises its point.

    Each comes with where the supplier gave what it is looked up by.
    """
    c, low, high, high_given = base
    gains = []
    for s, given in sharper:
        raised = s.x > c  # NaN compares false: an unknown sharper context leaves the inherent risk
        gains.append(np.where(raised, s.x - c, 0.0))
        c = np.where(raised, s.x, c)
        low = np.where(np.isnan(s.x), low, np.maximum(low, s.low))
        high = np.where(np.isnan(s.high), high, np.maximum(high, s.high))
        top = np.where(given, s.x, s.high)
        high_given = np.where(np.isnan(top), high_given, np.maximum(high_given, top))
    return _Range(c, low, high, high_given), gains


def _scale_sharper_context(scaler: FactScaler, facts: Sequence[ScaledFact]) -> ScaledFactColumn:
    """Return a sharper context: the largest of its facts."""
    return take_largest([scaler.scale_fact(fact) for fact in facts])


def _add_further_contexts(
    scaler: FactScaler, model: Model, place: _PlaceRisk, imposed_labour: ImposedLabourFindings | None
) -> tuple[_Range, list[InherentRiskPart]]:
    """Return H with its range after the contexts beyond country and sector, and their parts (points still 0..1)."""
    h, low, high, high_given = place.h, place.low, place.high, place.high_given
    parts = []
    place_contexts = list_place_contexts(model)
    for context in model.contexts:
        if context in place_contexts:
            continue
        scaled = [scaler.scale_fact(fact) for fact in context.facts]
        replaced = _NOTHING_REPLACED
        if imposed_labour is not None and model.imposed_labour is not None:
            # One conduct counts once: a good on the table adds nothing as a listed good, and where imposed labour is documented,
            # neither do the contexts that it replaces.
            if context.id in model.imposed_labour.replaced_contexts:
                replaced = _find_replaced(imposed_labour)
            scaled = [
                _clear_column(s, imposed_labour.by_good) if "goods.forced_labour" in fact.fact else s
                for fact, s in zip(context.facts, scaled, strict=True)
            ]
        before, m = h, 1 if context.takes_largest else len(scaled)
        given = [fill_unknown(s.x, 0.0) for s in scaled]
        xs = [np.where(replaced.point, 0.0, x) for x in given]
        lows = [np.where(replaced.low, 0.0, fill_unknown(s.low, 0.0)) for s in scaled]
        tops = [fill_unknown(s.high, 1.0) for s in scaled]
        highs = [np.where(replaced.high, 0.0, top) for top in tops]
        highs_given = [
            np.where(replaced.high, 0.0, np.where(scaler.is_given(fact), x, top))
            for fact, x, top in zip(context.facts, given, tops, strict=True)
        ]
        counts = _find_largest(xs) if context.takes_largest else [np.ones(scaler.n)] * m
        for fact, s, x, counted in zip(context.facts, scaled, xs, counts, strict=True):
            gain = context.lift * (x * counted) / m * (1.0 - before)
            h = h + gain
            parts.append(InherentRiskPart(fact.fact, context.id, x, s.value, s.state, gain))
        combine = _get_largest if context.takes_largest else sum
        low = low + context.lift * combine(lows) / m * (1.0 - low)
        high = high + context.lift * combine(highs) / m * (1.0 - high)
        high_given = high_given + context.lift * combine(highs_given) / m * (1.0 - high_given)
    return _Range(h, low, high, high_given), parts


class _Replaced(NamedTuple):
    """Where documented imposed labour replaces a context (n,): at the point, at the low end and in the worst case."""

    point: Flags
    low: Flags
    high: Flags


_NOTHING_REPLACED = _Replaced(*(np.zeros(1, dtype=bool) for _ in _Replaced._fields))


def _find_replaced(imposed_labour: ImposedLabourFindings) -> _Replaced:
    """Return where imposed labour counts as documented, which weighs more than any context that it replaces."""
    documented = GRADES.index("documented")
    return _Replaced(
        imposed_labour.documented,
        imposed_labour.grade_without_declined == documented,
        imposed_labour.documented | imposed_labour.place_open,
    )


def _clear_column(column: ScaledFactColumn, where: Flags) -> ScaledFactColumn:
    """Return a fact that is 0, and certain, for some of the suppliers."""
    x, low, high = (np.where(where, 0.0, values) for values in (column.x, column.low, column.high))
    return ScaledFactColumn(x, low, high, column.value, column.state)


def _get_largest(columns: Sequence[Floats]) -> Floats:
    """Return the largest of several columns, supplier by supplier (n,)."""
    largest = columns[0]
    for column in columns[1:]:
        largest = np.maximum(largest, column)
    return largest


def _find_largest(columns: Sequence[Floats]) -> list[Floats]:
    """Return 1 where a column is the first of the largest, 0 elsewhere: (n,) for each column."""
    largest, found = _get_largest(columns), np.zeros(len(columns[0]), dtype=bool)
    counts = []
    for column in columns:
        is_first = (column == largest) & ~found
        found |= is_first
        counts.append(is_first.astype(np.float64))
    return counts


class _PlaceRisk(NamedTuple):
    """H of country and sector (n,) with its range and parts (points still 0..1), and how much is known about both."""

    h: Floats
    low: Floats
    high: Floats
    high_given: Floats
    parts: list[InherentRiskPart]
    known: Flags
    known_share: Floats


class _StateRisk(NamedTuple):
    """H with its range for one of a supplier's states (country, flag or owner's country), and whether it is estimated (n,).

    For each fact: its gain and scaled values. ``facts_known`` (n,): the number of known facts.
    """

    h: Floats
    low: Floats
    high: Floats
    high_given: Floats
    unknown: Flags
    gains: dict[str, Floats]
    scaled: dict[str, ScaledFactColumn]
    facts_known: Floats


def _compute_state_risk(
    scaler: FactScaler, contexts: Sequence[Context], hazard: ScaledFactColumn, place_rows: Codes, declined: Flags
) -> _StateRisk:
    h, low, high, high_given = np.zeros((4, scaler.n))
    gains: dict[str, Floats] = {}
    scaled: dict[str, ScaledFactColumn] = {}
    facts_known = np.zeros(scaler.n)
    for context in contexts:
        m = len(context.facts)
        columns = [
            hazard if fact.fact.startswith("sector.") else scaler.scale_country_fact(fact, place_rows)
            for fact in context.facts
        ]
        before = h
        for fact, s in zip(context.facts, columns, strict=True):
            gains[fact.fact] = context.lift * fill_unknown(s.x, 0.0) / m * (1.0 - before)
            h = h + gains[fact.fact]
            scaled[fact.fact] = s
            facts_known += s.state == KNOWN_STATE
        low = low + context.lift * sum(fill_unknown(s.low, 0.0) for s in columns) / m * (1.0 - low)
        high = high + context.lift * sum(fill_unknown(s.high, 1.0) for s in columns) / m * (1.0 - high)
        tops = [np.where(s.state == FILLED_STATE, s.x, fill_unknown(s.high, 1.0)) for s in columns]
        high_given = high_given + context.lift * sum(tops) / m * (1.0 - high_given)
    unknown = np.isnan(hazard.x) | (place_rows < 0)
    if unknown.any():
        estimate, lowest, highest = scaler.estimate_unknown_place(contexts, place_rows, hazard.x, unknown)
        h = np.where(unknown, np.where(declined, highest, estimate), h)
        low, high = np.where(unknown, lowest, low), np.where(unknown, highest, high)
        high_given = np.where(unknown, highest, high_given)
    return _StateRisk(h, low, high, high_given, unknown, gains, scaled, facts_known)


def _compute_place_risk(scaler: FactScaler, contexts: Sequence[Context]) -> _PlaceRisk:
    """Compute H of country and sector; for a vessel, the worst of the states responsible counts (country, flag, owner's
    country)."""
    n = scaler.n
    hazard = scaler.scale_sector_hazard()
    context_by_fact = {fact.fact: context.id for context in contexts for fact in context.facts}
    fact_count = sum(len(context.facts) for context in contexts)
    best_h = np.full(n, -1.0)
    low, high, high_given, known_share = np.zeros((4, n))
    place_known = np.zeros(n, dtype=bool)
    parts = [
        InherentRiskPart(name, context, np.zeros(n), np.full(n, np.nan), np.zeros(n, dtype=np.int8), np.zeros(n))
        for name, context in context_by_fact.items()
    ]
    unknown_points, unknown_state = np.zeros(n), np.full(n, UNKNOWN_STATE, dtype=np.int8)
    for question in ("country", "flag", "owner_country"):
        place_rows = scaler.find_place_rows(question)
        # Country and sector are exempt from the rule on declined answers: if they are unknown, the result is insufficient
        # evidence.
        declined = scaler.is_declined(question) & (question != "country")
        named_or_declined = (place_rows >= 0) | declined
        if question != "country" and not named_or_declined.any():
            continue
        state_risk = _compute_state_risk(scaler, contexts, hazard, place_rows, declined)
        h, unknown = state_risk.h, state_risk.unknown
        # A flag or an owner's state counts only if it was named, or declined (which counts as the worst); the country always
        # counts.
        counts = np.full(n, True) if question == "country" else named_or_declined
        worse = (h > best_h) & counts
        if question == "country":
            place_known, known_share = ~unknown, state_risk.facts_known / max(1, fact_count)
        best_h = np.where(worse, h, best_h)
        low = np.where(counts & ~declined, np.maximum(low, state_risk.low), low)
        high = np.where(counts, np.maximum(high, state_risk.high), high)
        high_given = np.where(counts, np.maximum(high_given, state_risk.high_given), high_given)
        unknown_points = np.where(worse, np.where(unknown, h, 0.0), unknown_points)
        unknown_state = np.where(worse, np.where(declined, DECLINED_STATE, UNKNOWN_STATE), unknown_state).astype(
            np.int8
        )
        for part in parts:
            s = state_risk.scaled[part.id]
            part.points[:] = np.where(worse, np.where(unknown, 0.0, state_risk.gains[part.id]), part.points)
            part.x[:] = np.where(worse, fill_unknown(s.x, 0.0), part.x)
            part.value[:] = np.where(worse, s.value, part.value)
            part.state[:] = np.where(worse, s.state, part.state)
    unknown_part = InherentRiskPart(
        UNKNOWN_PLACE, UNKNOWN_PLACE, unknown_points, np.full(n, np.nan), unknown_state, unknown_points.copy()
    )
    return _PlaceRisk(best_h, low, high, high_given, [unknown_part, *parts], place_known, known_share)
