"""Compute inherent risk, which is what facts alone say about a country, sector and corridor, in steps that can be explained.

Each context of a model closes a share of the remaining gap to 1: H := H + lift * x * (1 - H), starting at 0, where x is the mean
of the context's facts, each scaled to 0..1. No fact therefore dilutes another, a greater hazard never lowers H, and each fact has
its own points. Individual indicators may name a sharper context: c = max(H, x).

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
)
from risk_models.model import Context, Model, ScaledFact

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

    ``context`` c, with low and high, has one row for each distinct context (m, n); ``context_row`` (k,) gives the row of each
    indicator. ``known_share`` (n,): the share of facts about country and sector that are known; ``place_known`` (n,): whether
    country and sector are known.
    """

    context: Floats
    context_low: Floats
    context_high: Floats
    context_row: NDArray[np.intp]
    parts: tuple[InherentRiskPart, ...]
    known_share: Floats
    place_known: Flags

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
        self.questions.add(question)
        return self.answers.column(question)


@dataclass(frozen=True)
class _CachedRisk:
    """A cached result. It refers to the model and facts so that their ids, which are part of the key, are not reused."""

    model: Model
    facts: FactSnapshot
    inherent: InherentRisk


MAX_CACHED_PLACES = 1024
_questions_read: dict[
    int, frozenset[str]
] = {}  # by id of the model: the questions that its contexts have been observed to read
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
    return id(model), id(facts), given, frozenset(agency_scores.items())


def _compute_uncached(
    answers: Answers, model: Model, facts: FactSnapshot, agency_scores: Mapping[str, float]
) -> InherentRisk:
    scaler = FactScaler(answers, model, facts)
    place = _compute_place_risk(scaler, list_place_contexts(model))
    (h, low, high), context_parts = _add_further_contexts(scaler, model, place)
    parts = [*place.parts, *context_parts]
    for part in parts:
        part.points[:] *= 100.0

    sharper = {context.id: _scale_sharper_context(scaler, context.facts) for context in model.sharper_contexts}
    sharper["agency"] = scaler.scale_agency_score(agency_scores)
    weighted_gains = {name: np.zeros(len(answers)) for name in sharper}
    has_values = {name: not (np.isnan(s.x) & np.isnan(s.high)).all() for name, s in sharper.items()}
    rows: list[tuple[Floats, Floats, Floats]] = []
    row_by_names: dict[tuple[str, ...], int] = {}
    gains: list[list[Floats]] = []
    context_row = []
    for indicator in model.indicators:
        names = tuple(filter(has_values.__getitem__, indicator.sharper_contexts))
        if names not in row_by_names:
            row_by_names[names] = len(rows)
            row, row_gains = _raise_by_sharper((h, low, high), [sharper[name] for name in names])
            rows.append(row)
            gains.append(row_gains)
        context_row.append(row_by_names[names])
        for name, gain in zip(names, gains[row_by_names[names]], strict=True):
            weighted_gains[name] += indicator.weight * gain
    c, c_low, c_high = (np.array(values) for values in zip(*rows, strict=True))
    for name, gain in weighted_gains.items():
        s = sharper[name]
        points = 100.0 * gain / model.total_weight
        parts.append(InherentRiskPart(name, name, fill_unknown(s.x, 0.0), s.value, s.state, points))
    context_rows = np.array(context_row, dtype=np.intp)
    return InherentRisk(c, c_low, c_high, context_rows, tuple(parts), place.known_share, place.known)


def _raise_by_sharper(
    base: tuple[Floats, Floats, Floats], sharper: Sequence[ScaledFactColumn]
) -> tuple[tuple[Floats, Floats, Floats], list[Floats]]:
    """Return a context (c, low, high) raised by sharper contexts, and the amount by which each of them raises c."""
    c, low, high = base
    gains = []
    for s in sharper:
        raised = (
            s.x > c
        )  # comparisons with NaN are false, so an unknown sharper context leaves the inherent risk unchanged
        gains.append(np.where(raised, s.x - c, 0.0))
        c = np.where(raised, s.x, c)
        low = np.where(np.isnan(s.x), low, np.maximum(low, s.low))
        high = np.where(np.isnan(s.high), high, np.maximum(high, s.high))
    return (c, low, high), gains


def _scale_sharper_context(scaler: FactScaler, facts: Sequence[ScaledFact]) -> ScaledFactColumn:
    """Return the value of a sharper context, which is the highest of its facts."""
    return _take_largest([scaler.scale_fact(fact) for fact in facts])


def _take_largest(columns: Sequence[ScaledFactColumn]) -> ScaledFactColumn:
    """Return the highest of several facts for each supplier; an unknown fact only raises the top of the range."""
    x, low, high, value, state = (columns[0].x, columns[0].low, columns[0].high, columns[0].value, columns[0].state)
    for column in columns[1:]:
        larger = np.isnan(x) | (column.x > x)
        larger &= ~np.isnan(column.x)
        x, value, state = (
            np.where(larger, column.x, x),
            np.where(larger, column.value, value),
            np.where(larger, column.state, state),
        )
        low, high = np.fmax(low, column.low), np.fmax(high, column.high)
    return ScaledFactColumn(x, low, high, value, state)


def _add_further_contexts(
    scaler: FactScaler, model: Model, place: _PlaceRisk
) -> tuple[tuple[Floats, Floats, Floats], list[InherentRiskPart]]:
    """Return H with its range after adding the contexts other than country and sector, and their parts (points still 0..1)."""
    h, low, high = place.h, place.low, place.high
    parts = []
    place_contexts = list_place_contexts(model)
    for context in model.contexts:
        if context in place_contexts:
            continue
        scaled = [scaler.scale_fact(fact) for fact in context.facts]
        before, m = h, len(scaled)
        for fact, s in zip(context.facts, scaled, strict=True):
            x = fill_unknown(s.x, 0.0)
            gain = context.lift * x / m * (1.0 - before)
            h = h + gain
            parts.append(InherentRiskPart(fact.fact, context.id, x, s.value, s.state, gain))
        low = low + context.lift * sum(np.where(np.isnan(s.x), 0.0, s.low) for s in scaled) / m * (1.0 - low)
        high = high + context.lift * sum(np.where(np.isnan(s.x), 1.0, s.high) for s in scaled) / m * (1.0 - high)
    return (h, low, high), parts


class _PlaceRisk(NamedTuple):
    """H of country and sector (n,) with its range and parts (points still 0..1), and how much is known about both."""

    h: Floats
    low: Floats
    high: Floats
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
    unknown: Flags
    gains: dict[str, Floats]
    scaled: dict[str, ScaledFactColumn]
    facts_known: Floats


def _compute_state_risk(
    scaler: FactScaler, contexts: Sequence[Context], hazard: ScaledFactColumn, place_rows: Codes, declined: Flags
) -> _StateRisk:
    h, low, high = np.zeros(scaler.n), np.zeros(scaler.n), np.zeros(scaler.n)
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
    unknown = np.isnan(hazard.x) | (place_rows < 0)
    if unknown.any():
        estimate, lowest, highest = scaler.estimate_unknown_place(contexts, place_rows, hazard.x, unknown)
        h = np.where(unknown, np.where(declined, highest, estimate), h)
        low, high = np.where(unknown, lowest, low), np.where(unknown, highest, high)
    return _StateRisk(h, low, high, unknown, gains, scaled, facts_known)


def _compute_place_risk(scaler: FactScaler, contexts: Sequence[Context]) -> _PlaceRisk:
    """Compute H of country and sector; for a vessel, the worst of the states responsible counts (country, flag, owner's
    country)."""
    n = scaler.n
    hazard = scaler.scale_sector_hazard()
    context_by_fact = {fact.fact: context.id for context in contexts for fact in context.facts}
    fact_count = sum(len(context.facts) for context in contexts)
    best_h = np.full(n, -1.0)
    low, high, known_share = np.zeros(n), np.zeros(n), np.zeros(n)
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
    return _PlaceRisk(best_h, low, high, [unknown_part, *parts], place_known, known_share)
