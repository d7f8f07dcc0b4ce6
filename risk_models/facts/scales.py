"""One fact of n suppliers on the scale 0..1: looked up once for each distinct answer, and spread by the codes of the answers.

What is not known is NaN, with the range it may lie in; what was declined stands at the top of its scale (of a country or a good:
at the worst that a truthful answer could have named).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from risk_models.answers import DECLINED, Answers, combinations, said
from risk_models.facts.facts import FactsOn
from risk_models.model import Context, Model, ScaledFact
from risk_models.name_normalize import name_key

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

# An agency is in the recruitment business whatever else its row says: ISIC division 78.
AGENCY_SECTOR = "78"


@dataclass(frozen=True)
class Scaled:
    """A fact of n suppliers on the scale 0..1, NaN x where unknown, with its range and raw value."""

    x: Floats
    low: Floats
    high: Floats
    value: Floats
    state: NDArray[np.int8]


@dataclass(frozen=True)
class PlaceTable:
    """Facts of every country and hazards of every sector, as all models read them that want the same facts."""

    countries: Mapping[str, int]
    values: Mapping[str, Floats]
    lows: Mapping[str, Floats]
    highs: Mapping[str, Floats]
    filled: Mapping[str, Flags]
    hazards: Floats


def place_contexts(model: Model) -> tuple[Context, ...]:
    return tuple(
        c
        for c in model.contexts
        if not c.where_known and all(f.fact.startswith(("country.", "sector.")) for f in c.facts)
    )


@lru_cache(maxsize=32)
def place_table(facts: FactsOn, wanted: tuple[str, ...]) -> PlaceTable:
    table = facts.fill([name.removeprefix("country.") for name in wanted])
    columns = {name: name.removeprefix("country.") for name in wanted}
    # Of some territories no fact is known at all: they are places unknown to us and stay out of the table.
    something = table.values.notna().all(axis=1).to_numpy()
    return PlaceTable(
        countries={code: i for i, code in enumerate(table.values.index[something])},
        values={name: table.values[column].to_numpy(dtype=np.float64)[something] for name, column in columns.items()},
        lows={name: table.low[column].to_numpy(dtype=np.float64)[something] for name, column in columns.items()},
        highs={name: table.high[column].to_numpy(dtype=np.float64)[something] for name, column in columns.items()},
        filled={name: table.filled[column].to_numpy(dtype=bool)[something] for name, column in columns.items()},
        hazards=facts.division_hazards(),
    )


class FactReader:
    """Reads one fact for n suppliers at a time: distinct answers are looked up once and spread by their codes."""

    def __init__(self, answers: Answers, model: Model, facts: FactsOn) -> None:
        self.answers, self.model, self.facts, self.n = answers, model, facts, len(answers)
        scored = [f.fact for c in place_contexts(model) for f in c.facts if f.fact.startswith("country.")]
        self.table = place_table(facts, tuple(dict.fromkeys(scored)))

    def column(self, question: str) -> tuple[Sequence[object], NDArray[np.int32]]:
        column = self.answers.column(question)
        return column.values, column.codes

    def declined(self, question: str) -> Flags:
        """Where a state that the place may lie in was asked for and declined, under an edition of the method that minds."""
        return said(self.answers, question, (DECLINED,)) & (self.model.method > 1)

    def states(self, question: str) -> NDArray[np.int32]:
        """Per supplier the row of its country in the place table, -1 where it is unknown or nothing is known of it."""
        categories, codes = self.column(question)
        rows = [self.table.countries.get(str(code), -1) for code in categories]
        return np.array([*rows, -1], dtype=np.int32)[codes]

    def hazard(self) -> Scaled:
        """The hazard of the sector, the largest where several are given; NaN where the sector is unknown.

        The sectors an agency places in, declined, stand at the largest hazard of all; a site's own sector is exempt from that.
        """
        question = "sector" if self.model.kind == "site" else "placement_sectors"
        own = () if self.model.kind == "site" else (AGENCY_SECTOR,)
        categories, codes = self.column(question)
        hazards, declined = [], []
        for given in (*categories, ()):
            named = given if isinstance(given, tuple) else ()
            found = [v for v in (self.facts.sector_hazard(str(code)) for code in (*own, *named)) if v is not None]
            declined.append(given == DECLINED and self.model.kind == "agency" and self.model.method > 1)
            hazards.append(self.facts.largest_hazard() if declined[-1] else max(found) if found else np.nan)
        x = np.array(hazards)[codes]
        return Scaled(x, x, x, x, np.where(np.array(declined)[codes], 3, np.where(np.isnan(x), 2, 0)).astype(np.int8))

    def country(self, fact: ScaledFact, place: NDArray[np.int32]) -> Scaled:
        """A filled country fact, scaled; the range of a filled value is that of its nearest countries."""
        t = self.table
        raw, lo, hi = (np.append(v[fact.fact], np.nan)[place] for v in (t.values, t.lows, t.highs))
        filled = np.append(t.filled[fact.fact], False)[place]
        x, a, b = (scale(fact, v) for v in (raw, lo, hi))
        state = np.where(place < 0, 2, np.where(filled, 1, 0)).astype(np.int8)
        return Scaled(x, np.fmin(a, b), np.fmax(a, b), raw, state)

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
                    x = x + scale(fact, self.table.values[fact.fact][rows])[:, np.newaxis]
            h = h + context.lift * x / len(context.facts) * (1.0 - h)
        return h

    def scaled(self, fact: ScaledFact) -> Scaled:
        """Any other fact: NaN where it is not known; a declined answer stands at the top of its scale."""
        table, name = fact.fact.split(".", 1)
        if table == "answer":
            return self._answer(fact, name)
        if table in ("country", "flag"):
            return self._looked_up(fact, "country" if table == "country" else "flag", name)
        if table == "corridor":
            return self._corridor(fact, name)
        if table == "destination":
            return self._destination(fact, name)
        if table == "goods":
            return self._goods(fact, name)
        raise ValueError(f"{fact.fact}: facts of a sector belong to the contexts of country and sector")

    def _spread(
        self, fact: ScaledFact, raw: Sequence[float], declined: Sequence[bool], codes: NDArray[np.int32]
    ) -> Scaled:
        value = np.array([*raw, np.nan])[codes]
        refused = np.array([*declined, False])[codes]
        x = np.where(refused, 1.0, scale(fact, value))
        state = np.where(refused, 3, np.where(np.isnan(x), 2, 0)).astype(np.int8)
        return Scaled(x, x, x, value, state)

    def _answer(self, fact: ScaledFact, question: str) -> Scaled:
        categories, codes = self.column(question)
        raw = [float(a) if isinstance(a, (int, float)) else np.nan for a in categories]
        return self._spread(fact, raw, [a == DECLINED for a in categories], codes)

    def _looked_up(self, fact: ScaledFact, question: str, name: str) -> Scaled:
        categories, codes = self.column(question)
        raw = [self.facts.number("country", str(code), name) for code in categories]
        return self._spread(fact, raw, [a == DECLINED and question == "flag" for a in categories], codes)

    def _corridor(self, fact: ScaledFact, name: str) -> Scaled:
        """The largest over all corridors between the countries of origin and of work."""
        to_question = "country" if self.model.kind == "site" else "destination_countries"
        origins, origin_codes = self.column("worker_origin_countries")
        places, place_codes = self.column(to_question)
        pairs, which = combinations(origin_codes, place_codes)
        found, declined = [], []
        for o, p in pairs:
            origin, place = origins[o] if o >= 0 else (), places[p] if p >= 0 else ()
            declined.append(DECLINED in (origin, place))
            froms = [str(v) for v in origin] if isinstance(origin, tuple) else []
            to = [str(v) for v in place] if isinstance(place, tuple) else [str(place)] if isinstance(place, str) else []
            found.append([self._worst_in_corridor(fact, a, b, name) for a in froms for b in to if a != b])
        return self._largest_known(fact, found, declined, which.astype(np.int32))

    def _destination(self, fact: ScaledFact, name: str) -> Scaled:
        """The largest over the countries where an agency's workers are placed, and the one where it is established itself."""
        places, place_codes = self.column("destination_countries")
        homes, home_codes = self.column("country")
        pairs, which = combinations(place_codes, home_codes)
        found, declined = [], []
        for p, h in pairs:
            place, home = places[p] if p >= 0 else (), homes[h] if h >= 0 else ""
            named = [str(v) for v in place] if isinstance(place, tuple) else []
            values = [self._worst_in_corridor(fact, "*", to, name) for to in named]
            at_home = self._worst_in_corridor(fact, "*", str(home), name)
            # Its own country is a gap in what we know only where it names no other.
            found.append([*values, at_home] if not named or not np.isnan(at_home) else values)
            declined.append(place == DECLINED)
        return self._largest_known(fact, found, declined, which.astype(np.int32))

    def _largest_known(
        self, fact: ScaledFact, found: Sequence[Sequence[float]], declined: Sequence[bool], codes: NDArray[np.int32]
    ) -> Scaled:
        """The riskiest of several values of a fact; one of them unknown may lie anywhere: the top of the range is open."""
        known = [[v for v in values if not np.isnan(v)] for values in found]
        raw = [max(values, key=fact.ramp.risk) if values else np.nan for values in known]
        gaps = [len(values) < len(all_of_them) for values, all_of_them in zip(known, found, strict=True)]
        column = self._spread(fact, raw, declined, codes)
        return Scaled(
            column.x,
            column.low,
            np.where(np.array([*gaps, False])[codes], 1.0, column.high),
            column.value,
            column.state,
        )

    def _worst_in_corridor(self, fact: ScaledFact, origin: str, destination: str, name: str) -> float:
        values = [known.value for known in self.facts.corridor(origin, destination, name)]
        return max(values, key=fact.ramp.risk) if values else np.nan

    def _goods(self, fact: ScaledFact, name: str) -> Scaled:
        """Goods of the product text that are listed for the country of work; not listed proves nothing.

        Products that are declined count as listed where any good is listed for the country.
        """
        products, product_codes = self.column("product")
        places, place_codes = self.column("country")
        pairs, which = combinations(product_codes, place_codes)
        raw, declined = [], []
        for product, place in pairs:
            refused = product >= 0 and products[product] == DECLINED and self.model.method > 1
            values = []
            if product >= 0 and place >= 0:
                goods = self.facts.goods if refused else self.facts.goods_in(str(products[product]))
                values = [self.facts.number("goods", f"{places[place]}/{good}", name) for good in goods]
            known = [v for v in values if not np.isnan(v)]
            raw.append(max(known) if known else np.nan)
            declined.append(refused and bool(known))
        return self._spread(fact, raw, declined, which.astype(np.int32))

    def agency(self, agency_scores: Mapping[str, float]) -> Scaled:
        """The score of the worst agency named; declined stands at the top, one not assessed leaves the range open."""
        categories, codes = self.column("agencies")
        raw, declined, gaps = [], [], []
        for named in categories:
            names = named if isinstance(named, tuple) else (named,)
            scores = [agency_scores[key] for key in (name_key(str(name)) for name in names) if key in agency_scores]
            raw.append(max(scores) if scores else np.nan)
            declined.append(named == DECLINED)
            gaps.append(named != "cannot_apply" and len(scores) < len(names))
        value = np.array([*raw, np.nan])[codes]
        refused, gap = np.array([*declined, False])[codes], np.array([*gaps, False])[codes]
        x = np.where(refused, 1.0, value / 100.0)
        state = np.where(refused, 3, np.where(np.isnan(x), 2, 0)).astype(np.int8)
        return Scaled(x, x, np.where(gap, 1.0, x), value, state)


def known_or(values: Floats, otherwise: float) -> Floats:
    """The values, and another one where they are unknown."""
    return np.where(np.isnan(values), otherwise, values)


def scale(fact: ScaledFact, values: Floats) -> Floats:
    """Values on the fact's scale 0..1; NaN stays NaN."""
    return np.clip((values - fact.ramp.zero) / (fact.ramp.one - fact.ramp.zero), 0.0, 1.0)
