"""Inherent risk: what facts alone say of a place, a trade and a corridor, built step by step so that it can be read.

Each context of a model closes a share of what is left to 1:  H := H + lift * x * (1 - H),  starting at 0, where x is the mean
of the context's facts, each scaled to 0..1. So no fact ever dilutes another, more hazard never lowers H, and each fact has
its own points. Single indicators may name a sharper context: c = max(H, x).

Where the country or the sector is unknown, the step-by-step value of country and sector is replaced by the 75th percentile of
the same value over the release's own fact table, with the whole span as its range (method section 3).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from risk_models.answers import Answers, Column
from risk_models.facts.facts import FactsOn
from risk_models.facts.scales import FactReader, Scaled, known_or, place_contexts
from risk_models.model import Context, Model, ScaledFact

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

UNKNOWN_PLACE = "unknown_place"


@dataclass(frozen=True)
class Part:
    """One fact's share of the inherent risk: points (n,), the scaled fact x (n,), its raw value per supplier, how it is known.

    ``state`` (n,): 0 known, 1 filled from the nearest countries (our gap), 2 unknown, 3 declined.
    """

    id: str
    context: str
    x: Floats
    value: Floats
    state: NDArray[np.int8]
    points: Floats


@dataclass(frozen=True)
class Inherent:
    """Contexts of n suppliers, and the parts whose points add up to the base.

    ``context`` c with low and high has a row for each that differs (m, n); ``context_of`` (k,) says which row an indicator has.
    """

    context: Floats
    context_low: Floats
    context_high: Floats
    context_of: NDArray[np.intp]
    parts: tuple[Part, ...]
    known: Floats
    place_known: Flags

    @cached_property
    def rests_on_silence(self) -> bool:
        """Whether any fact of any supplier counts as the worst there is because it was declined."""
        return any((part.state == PART_STATES.index("declined")).any() for part in self.parts)


PART_STATES = ("known", "filled", "unknown", "declined")


def inherent_risk(answers: Answers, model: Model, facts: FactsOn, agency_scores: Mapping[str, float]) -> Inherent:
    """Context c of every indicator for n suppliers, and the parts it is made of.

    100 x sum(w c) / sum(w) equals the sum of the parts' points, to rounding. Of one supplier the result is remembered for the
    next in the same place, and cannot be written to.
    """
    return (
        _remembered(answers, model, facts, agency_scores)
        if len(answers) == 1
        else _worked_out(answers, model, facts, agency_scores)
    )


class _Seen:
    """Answers that note which questions they were asked for."""

    def __init__(self, answers: Answers, questions: set[str]) -> None:
        self.answers, self.questions = answers, questions

    def __len__(self) -> int:
        return len(self.answers)

    def column(self, question: str) -> Column:
        self.questions.add(question)
        return self.answers.column(question)


@dataclass(frozen=True)
class _Place:
    """What was worked out once; model and facts are held so that no other can come to stand at their address."""

    model: Model
    facts: FactsOn
    inherent: Inherent


MOST_PLACES = 1024
_questions: dict[int, frozenset[str]] = {}  # by model: the questions that its contexts were seen to read
_places: dict[Any, _Place] = {}


def _remembered(answers: Answers, model: Model, facts: FactsOn, agency_scores: Mapping[str, float]) -> Inherent:
    """The inherent risk of one supplier, worked out once for all that answer alike what the model's contexts read.

    What is kept under some answers was worked out from these and no others; whoever answers alike would have it worked out the
    same way, step by step, whatever else it answers.
    """
    known = _questions.get(id(model), frozenset())
    kept = _places.get(_place_key(answers, known, model, facts, agency_scores))
    if kept is not None:
        return kept.inherent
    read: set[str] = set()
    found = _worked_out(cast(Answers, _Seen(answers, read)), model, facts, agency_scores)
    for part in (found, *found.parts):
        for array in vars(part).values():
            if isinstance(array, np.ndarray):
                array.setflags(write=False)
    if len(_places) >= MOST_PLACES:
        _places.clear()
        _questions.clear()
    _questions[id(model)] = known | read
    _places[_place_key(answers, known | read, model, facts, agency_scores)] = _Place(model, facts, found)
    return found


def _place_key(
    answers: Answers, questions: Iterable[str], model: Model, facts: FactsOn, agency_scores: Mapping[str, float]
) -> Any:
    columns = ((question, answers.columns.get(question)) for question in questions)
    said = frozenset((q, c.values[c.codes[0]]) for q, c in columns if c is not None and c.codes[0] >= 0)
    return id(model), id(facts), said, frozenset(agency_scores.items())


def _worked_out(answers: Answers, model: Model, facts: FactsOn, agency_scores: Mapping[str, float]) -> Inherent:
    of_the_place = place_contexts(model)
    reader = FactReader(answers, model, facts)
    h, low, high, parts, place_known, known = _place(reader, model, of_the_place)
    for context in model.contexts:
        if context in of_the_place:
            continue
        scaled = [reader.scaled(fact) for fact in context.facts]
        before, m = h, len(scaled)
        for fact, s in zip(context.facts, scaled, strict=True):
            x = known_or(s.x, 0.0)
            gain = context.lift * x / m * (1.0 - before)
            h = h + gain
            parts.append(Part(fact.fact, context.id, x, s.value, s.state, gain))
        low = low + context.lift * sum(np.where(np.isnan(s.x), 0.0, s.low) for s in scaled) / m * (1.0 - low)
        high = high + context.lift * sum(np.where(np.isnan(s.x), 1.0, s.high) for s in scaled) / m * (1.0 - high)

    sharper = {s.id: _sharper(reader, s.facts) for s in model.sharper}
    sharper["agency"] = reader.agency(agency_scores)
    extra = {name: np.zeros(len(answers)) for name in sharper}
    speaks = {name: not (np.isnan(s.x) & np.isnan(s.high)).all() for name, s in sharper.items()}
    rows: list[tuple[Floats, Floats, Floats]] = []
    row_of: dict[tuple[str, ...], int] = {}
    gains: list[list[Floats]] = []
    context_of = []
    for indicator in model.indicators:
        names = tuple(filter(speaks.__getitem__, indicator.sharper))
        if names not in row_of:
            row_of[names] = len(rows)
            row, gained = _sharpened((h, low, high), [sharper[name] for name in names])
            rows.append(row)
            gains.append(gained)
        context_of.append(row_of[names])
        for name, gain in zip(names, gains[row_of[names]], strict=True):
            extra[name] += indicator.weight * gain
    c, c_low, c_high = (np.array(of) for of in zip(*rows, strict=True))
    for part in parts:
        part.points[:] *= 100.0
    for name, weighted in extra.items():
        s = sharper[name]
        parts.append(Part(name, name, known_or(s.x, 0.0), s.value, s.state, 100.0 * weighted / model.weight))
    return Inherent(c, c_low, c_high, np.array(context_of, dtype=np.intp), tuple(parts), known, place_known)


def _sharpened(
    usual: tuple[Floats, Floats, Floats], sharper: Sequence[Scaled]
) -> tuple[tuple[Floats, Floats, Floats], list[Floats]]:
    """A context with low and high that sharper ones raise, and by how much each of them does."""
    c, low, high = usual
    gains = []
    for s in sharper:
        over = s.x > c  # NaN compares false: an unknown sharper context leaves the inherent risk
        gains.append(np.where(over, s.x - c, 0.0))
        c = np.where(over, s.x, c)
        low = np.where(np.isnan(s.x), low, np.maximum(low, s.low))
        high = np.where(np.isnan(s.high), high, np.maximum(high, s.high))
    return (c, low, high), gains


def _sharper(reader: FactReader, facts: Sequence[ScaledFact]) -> Scaled:
    """A sharper context: the largest of its facts."""
    return _largest([reader.scaled(fact) for fact in facts])


def _largest(columns: Sequence[Scaled]) -> Scaled:
    """The largest of several readings, supplier by supplier; an unknown one only raises the top of the range."""
    x, low, high, value, state = (columns[0].x, columns[0].low, columns[0].high, columns[0].value, columns[0].state)
    for other in columns[1:]:
        over = np.isnan(x) | (other.x > x)
        over &= ~np.isnan(other.x)
        x, value, state = (
            np.where(over, other.x, x),
            np.where(over, other.value, value),
            np.where(over, other.state, state),
        )
        low, high = np.fmax(low, other.low), np.fmax(high, other.high)
    return Scaled(x, low, high, value, state)


def _place(
    reader: FactReader, model: Model, contexts: Sequence[Context]
) -> tuple[Floats, Floats, Floats, list[Part], Flags, Floats]:
    """H of country and sector with its range and parts; the worst of the states a vessel answers to (country, flag, owner)."""
    n = reader.n
    hazard = reader.hazard()
    facts = [fact for context in contexts for fact in context.facts]
    unknown_sector = np.isnan(hazard.x)
    best_h = np.full(n, -1.0)
    low, high, known = np.zeros(n), np.zeros(n), np.zeros(n)
    shares = {fact.fact: (np.zeros(n), np.zeros(n), np.full(n, np.nan), np.zeros(n, dtype=np.int8)) for fact in facts}
    unknown_points, unknown_state = np.zeros(n), np.full(n, 2, dtype=np.int8)
    place_known = np.zeros(n, dtype=bool)
    for question in ("country", "flag", "owner_country"):
        place = reader.states(question)
        # Country and sector are exempt from the rule on silence: unknown is insufficient evidence.
        declined = reader.declined(question) & (question != "country")
        if question != "country" and not ((place >= 0) | declined).any():
            continue
        unknown = unknown_sector | (place < 0)
        h, h_low, h_high = np.zeros(n), np.zeros(n), np.zeros(n)
        gains: dict[str, Floats] = {}
        scaled: dict[str, Scaled] = {}
        counted = np.zeros(n)
        for context in contexts:
            m = len(context.facts)
            rows = [hazard if f.fact.startswith("sector.") else reader.country(f, place) for f in context.facts]
            before = h
            for fact, s in zip(context.facts, rows, strict=True):
                gains[fact.fact] = context.lift * known_or(s.x, 0.0) / m * (1.0 - before)
                h = h + gains[fact.fact]
                scaled[fact.fact] = s
                counted += s.state == 0
            h_low = h_low + context.lift * sum(known_or(s.low, 0.0) for s in rows) / m * (1.0 - h_low)
            h_high = h_high + context.lift * sum(known_or(s.high, 1.0) for s in rows) / m * (1.0 - h_high)
        if unknown.any():
            at, lowest, highest = reader.unknown_place(contexts, place, hazard.x, unknown)
            h, h_low, h_high = (
                np.where(unknown, np.where(declined, highest, at), h),
                np.where(unknown, lowest, h_low),
                np.where(unknown, highest, h_high),
            )
        # A flag or an owner's state adds only where it is itself named, or declined (as the worst there is); the country always.
        counts = np.full(n, True) if question == "country" else (place >= 0) | declined
        over = (h > best_h) & counts
        if question == "country":
            place_known, known = ~unknown, counted / max(1, len(facts))
        best_h = np.where(over, h, best_h)
        low = np.where(counts & ~declined, np.maximum(low, h_low), low)
        high = np.where(counts, np.maximum(high, h_high), high)
        unknown_points = np.where(over, np.where(unknown, h, 0.0), unknown_points)
        unknown_state = np.where(over, np.where(declined, 3, 2), unknown_state).astype(np.int8)
        for name, (points, x, value, state) in shares.items():
            s = scaled[name]
            points[:] = np.where(over, np.where(unknown, 0.0, gains[name]), points)
            x[:] = np.where(over, known_or(s.x, 0.0), x)
            value[:] = np.where(over, s.value, value)
            state[:] = np.where(over, s.state, state)
    parts = [
        Part(
            UNKNOWN_PLACE,
            UNKNOWN_PLACE,
            unknown_points,
            np.full(n, np.nan),
            unknown_state,
            unknown_points.copy(),
        )
    ]
    context_of = {fact.fact: context.id for context in contexts for fact in context.facts}
    parts += [
        Part(name, context_of[name], x, value, state, points) for name, (points, x, value, state) in shares.items()
    ]
    return best_h, low, high, parts, place_known, known
