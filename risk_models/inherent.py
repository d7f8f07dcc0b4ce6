"""Inherent risk: what facts alone say of a place, a trade and a corridor, built step by step so that it can be read.

Each context of a model closes a share of what is left to 1:  H := H + lift * x * (1 - H),  starting at 0, where x is the mean
of the context's facts, each scaled to 0..1. So no fact ever dilutes another, more hazard never lowers H, and each fact has
its own points. Single indicators may name a sharper context: c = max(H, x).

Where the country or the sector is unknown, the step-by-step value of country and sector is replaced by the 75th percentile of
the same value over the release's own fact table, with the whole span as its range (method section 3).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from risk_models.answers import Answers, combinations
from risk_models.facts import FactsOn
from risk_models.identity import name_key
from risk_models.model import Context, Model, ScaledFact

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

# An agency is in the recruitment business whatever else its row says: ISIC division 78.
AGENCY_SECTOR = "78"
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
    """Contexts of n suppliers: (k, n) ``context`` c with low and high; the parts whose points add up to the base."""

    context: Floats
    context_low: Floats
    context_high: Floats
    parts: tuple[Part, ...]
    known: Floats
    place_known: Flags


PART_STATES = ("known", "filled", "unknown", "declined")


@dataclass(frozen=True)
class _Scaled:
    """A fact of n suppliers on the scale 0..1, NaN x where unknown, with its range and raw value."""

    x: Floats
    low: Floats
    high: Floats
    value: Floats
    state: NDArray[np.int8]


@dataclass(frozen=True)
class _PlaceTable:
    """Facts of every country and hazards of every sector as one model reads them, and the spread of their combined value."""

    countries: Mapping[str, int]
    values: Mapping[str, Floats]
    lows: Mapping[str, Floats]
    highs: Mapping[str, Floats]
    filled: Mapping[str, Flags]
    hazards: Floats


def _place_contexts(model: Model) -> tuple[Context, ...]:
    return tuple(
        c
        for c in model.contexts
        if not c.where_known and all(f.fact.startswith(("country.", "sector.")) for f in c.facts)
    )


@lru_cache(maxsize=32)
def _place_table(model_digest: str, facts: FactsOn, wanted: tuple[str, ...]) -> _PlaceTable:
    table = facts.fill([name.removeprefix("country.") for name in wanted])
    columns = {name: name.removeprefix("country.") for name in wanted}
    # Of some territories no fact is known at all: they are places unknown to us and stay out of the table.
    something = table.values.notna().all(axis=1).to_numpy()
    return _PlaceTable(
        countries={code: i for i, code in enumerate(table.values.index[something])},
        values={name: table.values[column].to_numpy(dtype=np.float64)[something] for name, column in columns.items()},
        lows={name: table.low[column].to_numpy(dtype=np.float64)[something] for name, column in columns.items()},
        highs={name: table.high[column].to_numpy(dtype=np.float64)[something] for name, column in columns.items()},
        filled={name: table.filled[column].to_numpy(dtype=bool)[something] for name, column in columns.items()},
        hazards=facts.division_hazards(),
    )


def inherent_risk(answers: Answers, model: Model, facts: FactsOn, agency_scores: Mapping[str, float]) -> Inherent:
    """Context c of every indicator for n suppliers, and the parts it is made of.

    100 x sum(w c) / sum(w) equals the sum of the parts' points, to rounding.
    """
    place_contexts = _place_contexts(model)
    reader = _FactReader(answers, model, facts)
    h, low, high, parts, place_known, known = _place(reader, model, place_contexts)
    for context in model.contexts:
        if context in place_contexts:
            continue
        scaled = [reader.scaled(fact) for fact in context.facts]
        before, m = h, len(scaled)
        for fact, s in zip(context.facts, scaled, strict=True):
            x = _or(s.x, 0.0)
            gain = context.lift * x / m * (1.0 - before)
            h = h + gain
            parts.append(Part(fact.fact, context.id, x, s.value, s.state, gain))
        low = low + context.lift * sum(np.where(np.isnan(s.x), 0.0, s.low) for s in scaled) / m * (1.0 - low)
        high = high + context.lift * sum(np.where(np.isnan(s.x), 1.0, s.high) for s in scaled) / m * (1.0 - high)

    k, n = len(model.indicators), len(answers)
    c, c_low, c_high = (np.broadcast_to(v, (k, n)).copy() for v in (h, low, high))
    sharper = {s.id: _sharper(reader, s.facts) for s in model.sharper}
    sharper["agency"] = reader.agency(agency_scores)
    extra = {name: np.zeros(n) for name in sharper}
    speaks = {name: not (np.isnan(s.x) & np.isnan(s.high)).all() for name, s in sharper.items()}
    for i, indicator in enumerate(model.indicators):
        for name in filter(speaks.__getitem__, indicator.sharper):
            s = sharper[name]
            over = s.x > c[i]  # NaN compares false: an unknown sharper context leaves the inherent risk
            extra[name] += np.where(over, indicator.weight * (s.x - c[i]), 0.0)
            c[i] = np.where(over, s.x, c[i])
            c_low[i] = np.where(np.isnan(s.x), c_low[i], np.maximum(c_low[i], s.low))
            c_high[i] = np.where(np.isnan(s.high), c_high[i], np.maximum(c_high[i], s.high))
    for part in parts:
        part.points[:] *= 100.0
    for name, weighted in extra.items():
        s = sharper[name]
        parts.append(Part(name, name, _or(s.x, 0.0), s.value, s.state, 100.0 * weighted / model.weight))
    return Inherent(c, c_low, c_high, tuple(parts), known, place_known)


def _sharper(reader: _FactReader, facts: Sequence[ScaledFact]) -> _Scaled:
    """A sharper context: the largest of its facts."""
    return _largest([reader.scaled(fact) for fact in facts])


def _largest(columns: Sequence[_Scaled]) -> _Scaled:
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
    return _Scaled(x, low, high, value, state)


def _place(
    reader: _FactReader, model: Model, contexts: Sequence[Context]
) -> tuple[Floats, Floats, Floats, list[Part], Flags, Floats]:
    """H of country and sector with its range and parts; the worst of the states a vessel answers to (country, flag, owner)."""
    n = reader.n
    hazard = reader.hazard()
    facts = [fact for context in contexts for fact in context.facts]
    unknown_sector = np.isnan(hazard.x)
    best_h = np.full(n, -1.0)
    low, high, known = np.zeros(n), np.zeros(n), np.zeros(n)
    shares = {fact.fact: (np.zeros(n), np.zeros(n), np.full(n, np.nan), np.zeros(n, dtype=np.int8)) for fact in facts}
    unknown_points = np.zeros(n)
    place_known = np.zeros(n, dtype=bool)
    for question in ("country", "flag", "owner_country"):
        place = reader.states(question)
        if question != "country" and not (place >= 0).any():
            continue
        unknown = unknown_sector | (place < 0)
        h, h_low, h_high = np.zeros(n), np.zeros(n), np.zeros(n)
        gains: dict[str, Floats] = {}
        scaled: dict[str, _Scaled] = {}
        counted = np.zeros(n)
        for context in contexts:
            m = len(context.facts)
            rows = [hazard if f.fact.startswith("sector.") else reader.country(f, place) for f in context.facts]
            before = h
            for fact, s in zip(context.facts, rows, strict=True):
                gains[fact.fact] = context.lift * _or(s.x, 0.0) / m * (1.0 - before)
                h = h + gains[fact.fact]
                scaled[fact.fact] = s
                counted += s.state == 0
            h_low = h_low + context.lift * sum(_or(s.low, 0.0) for s in rows) / m * (1.0 - h_low)
            h_high = h_high + context.lift * sum(_or(s.high, 1.0) for s in rows) / m * (1.0 - h_high)
        if unknown.any():
            at, lowest, highest = reader.unknown_place(contexts, place, hazard.x, unknown)
            h, h_low, h_high = (
                np.where(unknown, at, h),
                np.where(unknown, lowest, h_low),
                np.where(unknown, highest, h_high),
            )
        # A flag or an owner's state adds to what is known only where it is itself named; the country always counts.
        over = (h > best_h) if question == "country" else (h > best_h) & (place >= 0)
        if question == "country":
            place_known, known = ~unknown, counted / max(1, len(facts))
        best_h = np.where(over, h, best_h)
        named = np.full(n, True) if question == "country" else place >= 0
        low, high = np.where(named, np.maximum(low, h_low), low), np.where(named, np.maximum(high, h_high), high)
        unknown_points = np.where(over, np.where(unknown, h, 0.0), unknown_points)
        for name, (points, x, value, state) in shares.items():
            s = scaled[name]
            points[:] = np.where(over, np.where(unknown, 0.0, gains[name]), points)
            x[:] = np.where(over, _or(s.x, 0.0), x)
            value[:] = np.where(over, s.value, value)
            state[:] = np.where(over, s.state, state)
    parts = [
        Part(
            UNKNOWN_PLACE,
            UNKNOWN_PLACE,
            unknown_points,
            np.full(n, np.nan),
            np.full(n, 2, dtype=np.int8),
            unknown_points.copy(),
        )
    ]
    context_of = {fact.fact: context.id for context in contexts for fact in context.facts}
    parts += [
        Part(name, context_of[name], x, value, state, points) for name, (points, x, value, state) in shares.items()
    ]
    return best_h, low, high, parts, place_known, known


class _FactReader:
    """Reads one fact for n suppliers at a time: distinct answers are looked up once and spread by their codes."""

    def __init__(self, answers: Answers, model: Model, facts: FactsOn) -> None:
        self.answers, self.model, self.facts, self.n = answers, model, facts, len(answers)
        scored = [f.fact for c in _place_contexts(model) for f in c.facts if f.fact.startswith("country.")]
        self.table = _place_table(model.digest, facts, tuple(dict.fromkeys(scored)))

    def column(self, question: str) -> tuple[Sequence[object], NDArray[np.int32]]:
        column = self.answers.column(question)
        return column.values, column.codes

    def states(self, question: str) -> NDArray[np.int32]:
        """Per supplier the row of its country in the place table, -1 where it is unknown or nothing is known of it."""
        categories, codes = self.column(question)
        rows = [self.table.countries.get(str(code), -1) for code in categories]
        return np.array([*rows, -1], dtype=np.int32)[codes]

    def hazard(self) -> _Scaled:
        """The hazard of the sector, the largest where several are given; NaN where the sector is unknown."""
        question = "sector" if self.model.kind == "site" else "placement_sectors"
        own = () if self.model.kind == "site" else (AGENCY_SECTOR,)
        categories, codes = self.column(question)
        hazards = []
        for given in (*categories, ()):
            named = given if isinstance(given, tuple) else ()
            found = [v for v in (self.facts.sector_hazard(str(code)) for code in (*own, *named)) if v is not None]
            hazards.append(max(found) if found else np.nan)
        x = np.array(hazards)[codes]
        return _Scaled(x, x, x, x, np.where(np.isnan(x), 2, 0).astype(np.int8))

    def country(self, fact: ScaledFact, place: NDArray[np.int32]) -> _Scaled:
        """A filled country fact, scaled; the range of a filled value is that of its nearest countries."""
        t = self.table
        raw, lo, hi = (np.append(v[fact.fact], np.nan)[place] for v in (t.values, t.lows, t.highs))
        filled = np.append(t.filled[fact.fact], False)[place]
        x, a, b = (_ramp(fact, v) for v in (raw, lo, hi))
        state = np.where(place < 0, 2, np.where(filled, 1, 0)).astype(np.int8)
        return _Scaled(x, np.fmin(a, b), np.fmax(a, b), raw, state)

    def unknown_place(
        self, contexts: Sequence[Context], place: NDArray[np.int32], hazard: Floats, unknown: Flags
    ) -> tuple[Floats, Floats, Floats]:
        """For suppliers of unknown country or sector: the 75th percentile and the span of H over the fact table."""
        result = np.zeros((3, self.n))
        keys = np.where(unknown, place, -2), np.where(np.isnan(hazard), -1.0, hazard)
        seen: dict[tuple[int, float], tuple[float, float, float]] = {}
        for j in np.flatnonzero(unknown).tolist():
            key = (int(keys[0][j]), float(keys[1][j]))
            if key not in seen:
                rows = slice(None) if key[0] < 0 else slice(key[0], key[0] + 1)
                columns = self.table.hazards if key[1] < 0 else np.array([key[1]])
                grid = self._grid(contexts, rows, columns)
                seen[key] = (float(np.percentile(grid, 75)), float(grid.min()), float(grid.max()))
            result[:, j] = seen[key]
        return result[0], result[1], result[2]

    def _grid(self, contexts: Sequence[Context], rows: slice, hazards: Floats) -> Floats:
        h = np.zeros((1, 1))
        for context in contexts:
            x: Floats = np.zeros((1, 1))
            for fact in context.facts:
                if fact.fact.startswith("sector."):
                    x = x + hazards[np.newaxis, :]
                else:
                    x = x + _ramp(fact, self.table.values[fact.fact][rows])[:, np.newaxis]
            h = h + context.lift * x / len(context.facts) * (1.0 - h)
        return h

    def scaled(self, fact: ScaledFact) -> _Scaled:
        """Any other fact: NaN where it is not known; a declined answer stands at the top of its scale."""
        table, name = fact.fact.split(".", 1)
        if table == "answer":
            return self._answer(fact, name)
        if table in ("country", "flag"):
            return self._looked_up(fact, "country" if table == "country" else "flag", name)
        if table == "corridor":
            return self._corridor(fact, name)
        if table == "goods":
            return self._goods(fact, name)
        raise ValueError(f"{fact.fact}: facts of a sector belong to the contexts of country and sector")

    def _spread(
        self, fact: ScaledFact, raw: Sequence[float], declined: Sequence[bool], codes: NDArray[np.int32]
    ) -> _Scaled:
        value = np.array([*raw, np.nan])[codes]
        refused = np.array([*declined, False])[codes]
        x = np.where(refused, 1.0, _ramp(fact, value))
        state = np.where(refused, 3, np.where(np.isnan(x), 2, 0)).astype(np.int8)
        return _Scaled(x, x, x, value, state)

    def _answer(self, fact: ScaledFact, question: str) -> _Scaled:
        categories, codes = self.column(question)
        raw = [float(a) if isinstance(a, (int, float)) else np.nan for a in categories]
        return self._spread(fact, raw, [a == "declined" for a in categories], codes)

    def _looked_up(self, fact: ScaledFact, question: str, name: str) -> _Scaled:
        categories, codes = self.column(question)
        raw = [self.facts.number("country", str(code), name) for code in categories]
        return self._spread(fact, raw, [a == "declined" and question == "flag" for a in categories], codes)

    def _corridor(self, fact: ScaledFact, name: str) -> _Scaled:
        """The largest over all corridors between the countries of origin and of work."""
        to_question = "country" if self.model.kind == "site" else "destination_countries"
        origins, origin_codes = self.column("worker_origin_countries")
        places, place_codes = self.column(to_question)
        pairs, which = combinations(origin_codes, place_codes)
        raw, declined, gaps = [], [], []
        for o, p in pairs:
            origin, place = origins[o] if o >= 0 else (), places[p] if p >= 0 else ()
            declined.append("declined" in (origin, place))
            froms = [str(v) for v in origin] if isinstance(origin, tuple) else []
            to = [str(v) for v in place] if isinstance(place, tuple) else [str(place)] if isinstance(place, str) else []
            values = [self._worst_in_corridor(fact, a, b, name) for a in froms for b in to if a != b]
            known = [v for v in values if not np.isnan(v)]
            raw.append(max(known, key=fact.ramp.risk) if known else np.nan)
            gaps.append(len(known) < len(values))
        column = self._spread(fact, raw, declined, which.astype(np.int32))
        # A corridor that is declared and missing from our table may lie anywhere: the top of its range is open.
        high = np.where(np.array([*gaps, False])[which], 1.0, column.high)
        return _Scaled(column.x, column.low, high, column.value, column.state)

    def _worst_in_corridor(self, fact: ScaledFact, origin: str, destination: str, name: str) -> float:
        values = [known.value for known in self.facts.corridor(origin, destination, name)]
        return max(values, key=fact.ramp.risk) if values else np.nan

    def _goods(self, fact: ScaledFact, name: str) -> _Scaled:
        """Goods of the product text that are listed for the country of work; not listed proves nothing."""
        products, product_codes = self.column("product")
        places, place_codes = self.column("country")
        pairs, which = combinations(product_codes, place_codes)
        raw = []
        for product, place in pairs:
            listed = np.nan
            if product >= 0 and place >= 0:
                values = [
                    self.facts.number("goods", f"{places[place]}/{good}", name)
                    for good in self.facts.goods_in(str(products[product]))
                ]
                known = [v for v in values if not np.isnan(v)]
                listed = max(known) if known else np.nan
            raw.append(listed)
        return self._spread(fact, raw, [False] * len(raw), which.astype(np.int32))

    def agency(self, agency_scores: Mapping[str, float]) -> _Scaled:
        """The score of the worst agency named; declined stands at the top, one not assessed leaves the range open."""
        categories, codes = self.column("agencies")
        raw, declined, gaps = [], [], []
        for named in categories:
            names = named if isinstance(named, tuple) else (named,)
            scores = [agency_scores[key] for key in (name_key(str(name)) for name in names) if key in agency_scores]
            raw.append(max(scores) if scores else np.nan)
            declined.append(named == "declined")
            gaps.append(named != "cannot_apply" and len(scores) < len(names))
        value = np.array([*raw, np.nan])[codes]
        refused, gap = np.array([*declined, False])[codes], np.array([*gaps, False])[codes]
        x = np.where(refused, 1.0, value / 100.0)
        state = np.where(refused, 3, np.where(np.isnan(x), 2, 0)).astype(np.int8)
        return _Scaled(x, x, np.where(gap, 1.0, x), value, state)


def _or(values: Floats, otherwise: float) -> Floats:
    """The values, and another one where they are unknown."""
    return np.where(np.isnan(values), otherwise, values)


def _ramp(fact: ScaledFact, values: Floats) -> Floats:
    """Values on the fact's scale 0..1; NaN stays NaN."""
    return np.clip((values - fact.ramp.zero) / (fact.ramp.one - fact.ramp.zero), 0.0, 1.0)
