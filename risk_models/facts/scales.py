"""Scale the facts of n suppliers to 0..1. Each distinct answer is looked up once and mapped to suppliers by code.

An unknown fact is NaN, with the range of its possible values. A declined fact is at the top of its scale (for a country or a
good, this is the worst that a truthful answer could have named).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from risk_models.answers import DECLINED, Answers, find_combinations, is_answer_in
from risk_models.facts.facts import FactSnapshot
from risk_models.model import Context, Model, ScaledFact
from risk_models.name_normalize import name_key

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
Codes = NDArray[np.int32]
States = NDArray[np.int8]

# An agency always belongs to ISIC division 78 (recruitment), whatever else its row says.
AGENCY_SECTOR = "78"
KNOWN_STATE, FILLED_STATE, UNKNOWN_STATE, DECLINED_STATE = range(4)


@dataclass(frozen=True)
class ScaledFactColumn:
    """A fact of n suppliers on the scale 0..1: ``x``, NaN where unknown, its range ``low`` to ``high``, and the raw ``value``.

    ``state``: 0 known, 1 filled from the nearest countries, 2 unknown, 3 declined.
    """

    x: Floats
    low: Floats
    high: Floats
    value: Floats
    state: States


@dataclass(frozen=True)
class PlaceTable:
    """Facts by country (``countries`` gives the row of each code) and the hazards of all sectors.

    Shared by all models that read the same facts.
    """

    countries: Mapping[str, int]
    values: Mapping[str, Floats]
    lows: Mapping[str, Floats]
    highs: Mapping[str, Floats]
    filled: Mapping[str, Flags]
    hazards: Floats


def list_place_contexts(model: Model) -> tuple[Context, ...]:
    """Return the contexts that read only facts of country and sector and apply whether or not these are known."""
    return tuple(
        context
        for context in model.contexts
        if not context.only_where_known and all(fact.fact.startswith(("country.", "sector.")) for fact in context.facts)
    )


def _drop_later_facts(contexts: Sequence[Context], model: Model, facts: FactSnapshot) -> tuple[Context, ...]:
    """Return the contexts without country facts of which nothing had been published on the day (method 4 on).

    Else an assessment as of a past day would take every place for unknown.
    """
    if model.method < 4:
        return tuple(contexts)

    def is_published(fact: ScaledFact) -> bool:
        table, _, name = fact.fact.partition(".")
        return table != "country" or facts.is_known_anywhere(name)

    kept = [replace(context, facts=tuple(filter(is_published, context.facts))) for context in contexts]
    return tuple(context for context in kept if context.facts)


@lru_cache(maxsize=32)
def build_place_table(facts: FactSnapshot, names: tuple[str, ...]) -> PlaceTable:
    """Build the table of these country facts ("country.wgi_voice"), with gaps filled.

    Territories without any known facts are not in the table; they count as unknown places.
    """
    columns = {name: name.removeprefix("country.") for name in names}
    table = facts.fill_gaps(list(columns.values()))
    known = table.values.notna().all(axis=1).to_numpy()
    return PlaceTable(
        countries={code: i for i, code in enumerate(table.values.index[known])},
        values={name: table.values[column].to_numpy(dtype=np.float64)[known] for name, column in columns.items()},
        lows={name: table.low[column].to_numpy(dtype=np.float64)[known] for name, column in columns.items()},
        highs={name: table.high[column].to_numpy(dtype=np.float64)[known] for name, column in columns.items()},
        filled={name: table.filled[column].to_numpy(dtype=bool)[known] for name, column in columns.items()},
        hazards=facts.list_division_hazards(),
    )


class FactScaler:
    """Scales the facts that a model reads, one fact at a time for all n suppliers."""

    def __init__(self, answers: Answers, model: Model, facts: FactSnapshot) -> None:
        self.answers, self.model, self.facts, self.n = answers, model, facts, len(answers)
        self.place_contexts = _drop_later_facts(list_place_contexts(model), model, facts)
        names = [fact.fact for context in self.place_contexts for fact in context.facts]
        self.table = build_place_table(
            facts, tuple(dict.fromkeys(name for name in names if name.startswith("country.")))
        )

    def get_column(self, question: str) -> tuple[Sequence[object], Codes]:
        """Return the distinct answers to a question, and the code of each supplier (n,)."""
        column = self.answers.column(question)
        return column.values, column.codes

    def is_declined(self, question: str) -> Flags:
        """Return which suppliers declined a question about a place (n,); none under method 1, which does not count this."""
        return is_answer_in(self.answers, question, (DECLINED,)) & (self.model.method > 1)

    def find_place_rows(self, question: str) -> Codes:
        """Return the row of each supplier's country in the place table (n,), or -1 if it is unknown or has no known facts."""
        values, codes = self.get_column(question)
        rows = [self.table.countries.get(str(value), -1) for value in values]
        return np.array([*rows, -1], dtype=np.int32)[codes]

    def scale_sector_hazard(self) -> ScaledFactColumn:
        """Return the hazard of the sector, or the highest one if there are several; NaN if the sector is unknown.

        If an agency declines to say in which sectors it places workers, it gets the highest hazard of all; a site's own sector is
        exempt from this rule.
        """
        is_site = self.model.kind == "site"
        values, codes = self.get_column("sector" if is_site else "placement_sectors")
        hazards, declined = [], []
        for value in (*values, ()):
            sectors = (*(() if is_site else (AGENCY_SECTOR,)), *(value if isinstance(value, tuple) else ()))
            known = [h for h in (self.facts.get_sector_hazard(str(sector)) for sector in sectors) if h is not None]
            declined.append(value == DECLINED and self.model.kind == "agency" and self.model.method > 1)
            hazards.append(self.facts.get_largest_hazard() if declined[-1] else max(known) if known else np.nan)
        x = np.array(hazards)[codes]
        return ScaledFactColumn(x, x, x, x, _find_states(x, np.array(declined)[codes]))

    def scale_country_fact(self, fact: ScaledFact, place_rows: Codes) -> ScaledFactColumn:
        """Return a country fact for rows of the place table; the range of a filled value is that of the nearest countries."""
        table = self.table
        raw, raw_low, raw_high = (
            np.append(column[fact.fact], np.nan)[place_rows] for column in (table.values, table.lows, table.highs)
        )
        filled = np.append(table.filled[fact.fact], False)[place_rows]
        x, at_low, at_high = (scale(fact, values) for values in (raw, raw_low, raw_high))
        state = np.where(place_rows < 0, UNKNOWN_STATE, np.where(filled, FILLED_STATE, KNOWN_STATE)).astype(np.int8)
        return ScaledFactColumn(x, np.fmin(at_low, at_high), np.fmax(at_low, at_high), raw, state)

    def estimate_unknown_place(
        self, contexts: Sequence[Context], place_rows: Codes, hazard: Floats, unknown: Flags
    ) -> tuple[Floats, Floats, Floats]:
        """Return H for suppliers of unknown country or sector: its 75th percentile, minimum and maximum over the place table.

        Other suppliers get 0. If the country or the sector is known, only the matching part of the table is used.
        """
        result = np.zeros((3, self.n))
        rows, hazards = np.where(unknown, place_rows, -2), np.where(np.isnan(hazard), -1.0, hazard)
        estimates: dict[tuple[int, float], tuple[float, float, float]] = {}
        for j in np.flatnonzero(unknown).tolist():
            key = (int(rows[j]), float(hazards[j]))
            if key not in estimates:
                possible_rows = slice(None) if key[0] < 0 else slice(key[0], key[0] + 1)
                possible_hazards = self.table.hazards if key[1] < 0 else np.array([key[1]])
                grid = self._compute_risk_grid(contexts, possible_rows, possible_hazards)
                estimates[key] = (float(np.percentile(grid, 75)), float(grid.min()), float(grid.max()))
            result[:, j] = estimates[key]
        return result[0], result[1], result[2]

    def _compute_risk_grid(self, contexts: Sequence[Context], rows: slice, hazards: Floats) -> Floats:
        """Return H for every combination of table row and hazard (rows, hazards)."""
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

    def is_given(self, fact: ScaledFact) -> Flags:
        """Return where the supplier gave what a fact is looked up by (n,): an unknown value is then a gap in our tables."""
        table = fact.fact.split(".", 1)[0]
        place = "country" if self.model.kind == "site" else "destination_countries"
        if table == "destination":
            return self._is_answered("destination_countries") | self._is_answered("country")
        if table == "vessel":
            return self._is_answered("country") | self._is_answered("flag")
        questions = {
            "country": ("country",),
            "flag": ("flag",),
            "sector_goods": ("country", "sector"),
            "corridor": ("worker_origin_countries", place),
            "goods": ("product", "country"),
        }.get(table)
        if questions is None:
            return np.zeros(self.n, dtype=bool)
        questions += tuple(s.fact.removeprefix("answer.") for s in fact.share_facts if s.fact.startswith("answer."))
        given: Flags = np.logical_and.reduce([self._is_answered(question) for question in questions])
        return given

    def _is_answered(self, question: str) -> Flags:
        values, codes = self.get_column(question)
        answered: Flags = np.array([*(value != DECLINED for value in values), False], dtype=np.bool_)[codes]
        return answered

    def scale_fact(self, fact: ScaledFact) -> ScaledFactColumn:
        """Return any fact except those of the place contexts: NaN if unknown, the top of its scale if declined.

        Raises ValueError for a fact of a sector.
        """
        if fact.share_facts:
            return self._scale_for_share(fact)
        table, name = fact.fact.split(".", 1)
        if table == "answer":
            return self._scale_answer(fact, name)
        if table in ("country", "flag"):
            return self._scale_answered_country(fact, "country" if table == "country" else "flag", name)
        if table == "vessel":
            return self._scale_vessel(fact, name)
        if table == "sector_goods":
            return self._scale_sector_goods(fact, name)
        if table == "corridor":
            return self._scale_corridor(fact, name)
        if table == "destination":
            return self._scale_destination(fact, name)
        if table == "goods":
            return self._scale_goods(fact, name)
        raise ValueError(f"{fact.fact}: facts about a sector belong in the country and sector contexts")

    def _build_column(
        self, fact: ScaledFact, raw: Sequence[float], declined: Sequence[bool], codes: Codes
    ) -> ScaledFactColumn:
        """Build a column from the raw value of each distinct answer, whether it was declined, and the suppliers' codes."""
        value = np.array([*raw, np.nan])[codes]
        is_declined = np.array([*declined, False])[codes]
        x = np.where(is_declined, 1.0, scale(fact, value))
        return ScaledFactColumn(x, x, x, value, _find_states(x, is_declined))

    def _scale_answer(self, fact: ScaledFact, question: str) -> ScaledFactColumn:
        values, codes = self.get_column(question)
        raw = [float(value) if isinstance(value, (int, float)) else np.nan for value in values]
        return self._build_column(fact, raw, [value == DECLINED for value in values], codes)

    def _scale_answered_country(self, fact: ScaledFact, question: str, name: str) -> ScaledFactColumn:
        values, codes = self.get_column(question)
        raw = [self.facts.get_value("country", str(value), name) for value in values]
        return self._build_column(fact, raw, [value == DECLINED and question == "flag" for value in values], codes)

    def _scale_vessel(self, fact: ScaledFact, name: str) -> ScaledFactColumn:
        """Return the riskiest value of the states a vessel answers to: country, flag and owner's country.

        A flag or an owner's country counts only if it is given or declined; one of them without a value may be the worst.
        """
        columns = []
        for question in ("country", "flag", "owner_country"):
            column, given = self._scale_answered_country(fact, question, name), self.get_column(question)[1] >= 0
            declined = self.is_declined(question) & (question != "country")
            x, is_unknown = np.where(declined, 1.0, column.x), given & ~declined & np.isnan(column.x)
            high = np.where(is_unknown, 1.0, x)
            columns.append(
                ScaledFactColumn(x, np.where(is_unknown, 0.0, x), high, column.value, _find_states(x, declined))
            )
        return take_largest(columns)

    def _scale_for_share(self, fact: ScaledFact) -> ScaledFactColumn:
        """Return a fact that applies to a share of the workers: it counts for that share, and in full if it is unknown."""
        column = self.scale_fact(replace(fact, share_facts=()))
        shares = [self.scale_fact(share_fact) for share_fact in fact.share_facts]
        share = take_largest(shares)
        high_share = np.where(np.any([np.isnan(s.high) for s in shares], axis=0), 1.0, share.high)
        x = column.x * fill_unknown(share.x, 1.0)
        low = fill_unknown(column.low, 0.0) * fill_unknown(share.low, 0.0)
        high = fill_unknown(column.high, 1.0) * high_share
        return ScaledFactColumn(x, low, high, column.value, column.state)

    def _scale_sector_goods(self, fact: ScaledFact, name: str) -> ScaledFactColumn:
        """Return the largest value of the goods of the site's sectors that are listed for the country of work."""
        sectors, sector_codes = self.get_column("sector")
        countries, country_codes = self.get_column("country")
        pairs, which = find_combinations(sector_codes, country_codes)
        goods_by_sector = [*(self.facts.list_goods_of(a if isinstance(a, tuple) else ()) for a in sectors), ()]
        raw = []
        for sector, country in pairs:
            goods = goods_by_sector[sector] if country >= 0 else ()
            values = [self.facts.get_value("goods", f"{countries[country]}/{good}", name) for good in goods]
            known = [value for value in values if not np.isnan(value)]
            raw.append(max(known) if known else np.nan)
        return self._build_column(fact, raw, [False] * len(raw), which.astype(np.int32))

    def _scale_corridor(self, fact: ScaledFact, name: str) -> ScaledFactColumn:
        """Return the riskiest value over all corridors between the countries of origin and of work."""
        to_question = "country" if self.model.kind == "site" else "destination_countries"
        origin_values, origin_codes = self.get_column("worker_origin_countries")
        place_values, place_codes = self.get_column(to_question)
        pairs, which = find_combinations(origin_codes, place_codes)
        values, declined = [], []
        for origin_code, place_code in pairs:
            origin = origin_values[origin_code] if origin_code >= 0 else ()
            place = place_values[place_code] if place_code >= 0 else ()
            declined.append(DECLINED in (origin, place))
            origins = _list_countries(origin if isinstance(origin, tuple) else ())
            places = _list_countries(place)
            values.append([self._get_riskiest_in_corridor(fact, a, b, name) for a in origins for b in places if a != b])
        return self._take_riskiest(fact, values, declined, which.astype(np.int32))

    def _scale_destination(self, fact: ScaledFact, name: str) -> ScaledFactColumn:
        """Return the riskiest value over the countries where an agency places workers and the one where it is established."""
        place_values, place_codes = self.get_column("destination_countries")
        home_values, home_codes = self.get_column("country")
        pairs, which = find_combinations(place_codes, home_codes)
        values, declined = [], []
        for place_code, home_code in pairs:
            place = place_values[place_code] if place_code >= 0 else ()
            home = home_values[home_code] if home_code >= 0 else ""
            destinations = _list_countries(place if isinstance(place, tuple) else ())
            at_destinations = [self._get_riskiest_in_corridor(fact, "*", country, name) for country in destinations]
            at_home = self._get_riskiest_in_corridor(fact, "*", str(home), name)
            # An unknown value for the agency's own country is a gap only if it names no other country.
            counts_home = not destinations or not np.isnan(at_home)
            values.append([*at_destinations, at_home] if counts_home else at_destinations)
            declined.append(place == DECLINED)
        return self._take_riskiest(fact, values, declined, which.astype(np.int32))

    def _take_riskiest(
        self, fact: ScaledFact, values: Sequence[Sequence[float]], declined: Sequence[bool], codes: Codes
    ) -> ScaledFactColumn:
        """Return the riskiest of the values for each combination; if any is unknown, the top of the range is 1."""
        known = [[value for value in combination if not np.isnan(value)] for combination in values]
        raw = [max(combination, key=fact.ramp.risk) if combination else np.nan for combination in known]
        has_gap = [len(known_values) < len(all_values) for known_values, all_values in zip(known, values, strict=True)]
        column = self._build_column(fact, raw, declined, codes)
        high = np.where(np.array([*has_gap, False])[codes], 1.0, column.high)
        return ScaledFactColumn(column.x, column.low, high, column.value, column.state)

    def _get_riskiest_in_corridor(self, fact: ScaledFact, origin: str, destination: str, name: str) -> float:
        values = [row.value for row in self.facts.find_corridor_facts(origin, destination, name)]
        return max(values, key=fact.ramp.risk) if values else np.nan

    def _scale_goods(self, fact: ScaledFact, name: str) -> ScaledFactColumn:
        """Return the highest value among the goods in the product text that are listed for the country of work.

        If a good is not listed, this proves nothing. Declined products count as listed if any good is listed for the country.
        """
        products, product_codes = self.get_column("product")
        countries, country_codes = self.get_column("country")
        pairs, which = find_combinations(product_codes, country_codes)
        raw, declined = [], []
        for product, country in pairs:
            is_declined = product >= 0 and products[product] == DECLINED and self.model.method > 1
            values = []
            if product >= 0 and country >= 0:
                goods = self.facts.goods if is_declined else self.facts.find_goods(str(products[product]))
                values = [self.facts.get_value("goods", f"{countries[country]}/{good}", name) for good in goods]
            known = [value for value in values if not np.isnan(value)]
            raw.append(max(known) if known else np.nan)
            declined.append(is_declined and bool(known))
        return self._build_column(fact, raw, declined, which.astype(np.int32))

    def scale_agency_score(self, agency_scores: Mapping[str, float]) -> ScaledFactColumn:
        """Return the score of the worst agency named, 0..1; 1 if declined, up to 1 if a named agency has not been assessed."""
        values, codes = self.get_column("agencies")
        raw, declined, has_gap = [], [], []
        for value in values:
            names = value if isinstance(value, tuple) else (value,)
            scores = [agency_scores[key] for key in (name_key(str(name)) for name in names) if key in agency_scores]
            raw.append(max(scores) if scores else np.nan)
            declined.append(value == DECLINED)
            has_gap.append(value != "cannot_apply" and len(scores) < len(names))
        score = np.array([*raw, np.nan])[codes]
        is_declined, gap = np.array([*declined, False])[codes], np.array([*has_gap, False])[codes]
        x = np.where(is_declined, 1.0, score / 100.0)
        return ScaledFactColumn(x, x, np.where(gap, 1.0, x), score, _find_states(x, is_declined))


def take_largest(columns: Sequence[ScaledFactColumn]) -> ScaledFactColumn:
    """Return the largest of several facts, supplier by supplier; an unknown one only raises the top of the range."""
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


def _list_countries(answer: object) -> list[str]:
    if isinstance(answer, tuple):
        return [str(code) for code in answer]
    return [str(answer)] if isinstance(answer, str) else []


def _find_states(x: Floats, declined: Flags) -> States:
    """Return the state of each value that has not been filled: declined, unknown or known (n,)."""
    return np.where(declined, DECLINED_STATE, np.where(np.isnan(x), UNKNOWN_STATE, KNOWN_STATE)).astype(np.int8)


def fill_unknown(values: Floats, default: float) -> Floats:
    """Return the values with unknown ones (NaN) replaced by a default."""
    return np.where(np.isnan(values), default, values)


def scale(fact: ScaledFact, values: Floats) -> Floats:
    """Return values on the fact's scale 0..1; NaN stays NaN."""
    return np.clip(
        (values - fact.ramp.lowest_risk_at) / (fact.ramp.highest_risk_at - fact.ramp.lowest_risk_at), 0.0, 1.0
    )
