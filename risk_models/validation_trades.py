"""Validate the order of countries in each trade: ``docs/validation.md``, from "Trades" on.

Each country is scored as one supplier of a trade of which nothing but the country is known (and, for a vessel, that it flies the
flag of the country). :func:`render_trades` gives the lines of the page, the same bytes for the same facts, models and day.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from risk_models.answers import Confirmation, EvidencePiece, from_rows
from risk_models.engine.score import score
from risk_models.facts.facts import Facts, FactSnapshot
from risk_models.facts.inherent import InherentRisk, compute_inherent_risk
from risk_models.facts.scales import KNOWN_STATE, list_place_contexts
from risk_models.features import build_features
from risk_models.model import LEVELS, Indicator, Model, get_version_key
from risk_models.ranking import BootstrapSamples, Floats, assign_thirds, rank_values
from risk_models.transforms import Choices

VALIDATION_FILE = Path(__file__).with_name("validation.toml")
SUBREGIONS_FILE = Path(__file__).with_name("subregions.toml")
OUTCOME = "vdem_free_from_forced_labour_note"
SAME_ORDER = 0.95  # from this rank correlation on, a trade has no geography of its own
MOVED = 8  # how many countries that fall or rise most are listed in a trade
# Between two editions of the list. The edition of 2022 named no country that was not named before.
FORWARD_DAYS = (date(2018, 12, 31),)
Flags = NDArray[np.bool_]


@dataclass(frozen=True)
class Trade:
    """One trade of ``validation.toml``: its model, ISIC code, product, and the countries with documented problems in it."""

    id: str
    title: str
    model: str
    sector: str
    product: str
    documented: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class TradeRankings:
    """The inherent risk (0..100) of every country in every trade, by one version of the models.

    ``has_fact``: by trade, where a fact of that trade is known, beyond country and sector; ``governance``: H of governance alone.
    """

    codes: tuple[str, ...]
    models: Mapping[str, Model]
    risk: Mapping[str, Floats]
    has_fact: Mapping[str, Flags]
    governance: Floats

    @cached_property
    def position(self) -> dict[str, int]:
        """Return the position of each country."""
        return {code: j for j, code in enumerate(self.codes)}


def read_trades() -> tuple[Trade, ...]:
    """Return the trades of ``validation.toml``."""
    return tuple(
        Trade(
            **{key: raw[key] for key in ("id", "title", "model", "sector", "product")},
            documented=tuple(raw["documented"].split()),
        )
        for raw in tomllib.loads(VALIDATION_FILE.read_text(encoding="utf-8"))["trade"]
    )


def list_places(snapshot: FactSnapshot) -> tuple[str, ...]:
    """Return the countries that are ranked: those of a subregion whose governance is known."""
    members = tomllib.loads(SUBREGIONS_FILE.read_text(encoding="utf-8")).values()
    known = snapshot.get_country_table()["wgi_voice"].dropna().index
    return tuple(sorted(set(known) & {code for listed in members for code in listed.split()}))


def list_regions(codes: Sequence[str]) -> tuple[str, ...]:
    """Return the world region of each country."""
    members = tomllib.loads(SUBREGIONS_FILE.read_text(encoding="utf-8"))
    regions: dict[str, list[str]] = tomllib.loads(VALIDATION_FILE.read_text(encoding="utf-8"))["regions"]
    region_by_code = {
        code: region for region, names in regions.items() for name in names for code in members[name].split()
    }
    return tuple(region_by_code[code] for code in codes)


def _build_row(code: str, trade: Trade) -> dict[str, Any]:
    row: dict[str, Any] = {"country": code, "sector": (trade.sector,)}
    return row | {"flag": code} if trade.model == "site_fishing" else row


def _compute_inherent(codes: Sequence[str], trade: Trade, model: Model, snapshot: FactSnapshot) -> InherentRisk:
    return compute_inherent_risk(from_rows(_build_row(code, trade) for code in codes), model, snapshot, {})


def compute_trade_risk(codes: Sequence[str], trade: Trade, model: Model, snapshot: FactSnapshot) -> Floats:
    """Return the inherent risk 0..100 of each country in a trade, before the contexts of single indicators."""
    single = {context.id for context in model.sharper_contexts} | {"agency"}
    parts = _compute_inherent(codes, trade, model, snapshot).parts
    risk: Floats = np.sum([part.points for part in parts if part.context not in single], axis=0)
    return risk


def rank_trades(snapshot: FactSnapshot, models: Sequence[Model], version: str) -> TradeRankings:
    """Rank all countries in every trade by the models of one version."""
    codes, by_id = list_places(snapshot), {model.id: model for model in models if model.version == version}
    trades = read_trades()
    risk = {trade.id: compute_trade_risk(codes, trade, by_id[trade.model], snapshot) for trade in trades}
    has_fact = {}
    for trade in trades:
        model = by_id[trade.model]
        place = {context.id for context in list_place_contexts(model)} | {"unknown_place"}
        further = {context.id for context in model.contexts} - place
        parts = _compute_inherent(codes, trade, model, snapshot).parts
        known = [(part.state == KNOWN_STATE) & ~np.isnan(part.value) for part in parts if part.context in further]
        has_fact[trade.id] = np.logical_or.reduce(known)
    general = by_id[trades[0].model]
    parts = _compute_inherent(codes, trades[0], general, snapshot).parts
    governance: Floats = np.sum([part.points for part in parts if part.context == "governance"], axis=0)
    return TradeRankings(codes, by_id, risk, has_fact, governance)


def compare_orders(ranked: TradeRankings) -> dict[tuple[str, str], tuple[float, float, int]]:
    """Return Spearman's correlation of each two trades: over all countries, over those with a fact of either, their number."""
    result = {}
    names = list(ranked.risk)
    for i, one in enumerate(names):
        for other in names[i + 1 :]:
            own = ranked.has_fact[one] | ranked.has_fact[other]
            over_all = correlate(ranked.risk[one], ranked.risk[other])
            over_own = correlate(ranked.risk[one][own], ranked.risk[other][own])
            result[one, other] = (over_all, over_own, int(own.sum()))
    return result


def correlate(a: Floats, b: Floats) -> float:
    """Return Spearman's rank correlation; NaN for fewer than three places."""
    if len(a) < 3:
        return float("nan")
    x, y = rank_values(np.round(a, 6)), rank_values(np.round(b, 6))
    x, y = x - x.mean(), y - y.mean()
    scale = np.sqrt((x * x).sum() * (y * y).sum())
    return float((x * y).sum() / scale) if scale else float("nan")


def measure_agreement(risk: Floats, outcome: Floats, groups: Sequence[str] | None = None) -> tuple[float, int]:
    """Return the share of pairs of places that a ranking orders as an outcome does, and the number of pairs.

    Ties in the ranking count half. A higher outcome is worse. Pairs with an equal or unknown outcome do not count, nor, with
    ``groups``, pairs across two of them.
    """
    names = np.array(["" if groups is None else str(group) for group in (groups or range(len(risk)))])
    known = ~np.isnan(outcome)
    r, o, g = np.round(risk[known], 6), outcome[known], names[known]
    higher = (o[:, None] > o[None, :]) & (g[:, None] == g[None, :])
    won = (r[:, None] > r[None, :]) + 0.5 * (r[:, None] == r[None, :])
    pairs = int(higher.sum())
    return (float((won * higher).sum() / pairs) if pairs else float("nan")), pairs


def measure_documented(ranked: TradeRankings, trade: Trade, risk: Floats | None = None) -> tuple[float, int, int]:
    """Return how often a documented place ranks above a middling one (ties half), and the number of either.

    Middling: the middle third of countries by governance, as far as nothing is documented there in this trade.
    """
    values = np.round(ranked.risk[trade.id] if risk is None else risk, 6)
    documented = [ranked.position[code] for code in trade.documented if code in ranked.position]
    middle = np.flatnonzero(assign_thirds(ranked.governance) == 1)
    middling = [int(j) for j in middle if ranked.codes[j] not in trade.documented]
    difference = values[documented][:, None] - values[middling][None, :]
    return float(((difference > 0) + 0.5 * (difference == 0)).mean()), len(documented), len(middling)


def count_low(ranked: TradeRankings, trade: Trade, snapshot: FactSnapshot) -> tuple[int, tuple[str, ...]]:
    """Return in how many countries a perfect, confirmed site of a trade is low, and which.

    Perfect: the best answer to every question, no migrants, all of it confirmed by workers in private half a year before.
    """
    model, on = ranked.models[trade.model], snapshot.on
    best = {indicator.question: _get_best_answer(indicator) for indicator in model.indicators}
    seen = date(on.year, on.month, 1).isoformat()
    questions = tuple(best)
    piece = EvidencePiece("worker_voice", seen, None, questions, None, Confirmation("A buyer", seen, None, questions))
    regions = {
        region.country: region.title for region in snapshot.regions if region.id not in _list_documented(snapshot)
    }
    rows = [
        _build_row(code, trade)
        | best
        | {"evidence": (piece,), "response_date": seen, "migrant_pct": 0.0, "product": trade.product}
        | {"owner_country": code, "distant_water_pct": 0.0, "non_psma_ports_pct": 0.0}
        | ({"region": regions[code]} if code in regions else {})
        for code in ranked.codes
    ]
    answers = from_rows(rows)
    scores, _ = score(build_features(answers, model, snapshot, on, {}).frame, model)
    low = np.flatnonzero(scores.level == LEVELS.index("low"))
    return len(low), tuple(ranked.codes[j] for j in low)


def _list_documented(snapshot: FactSnapshot) -> set[str]:
    return {row.region for row in snapshot.imposed_labour if row.region and row.grade == "documented"}


def _get_best_answer(indicator: Indicator) -> object:
    """Return the answer with the lowest risk."""
    rule = indicator.rule
    if isinstance(rule, Choices):
        return min(rule.table, key=rule.table.__getitem__)
    return next(value for value in (0.0, 24.0, 100.0) if rule.risk(value) <= rule.lowest_risk)


def render_trades(facts: Facts, models: Sequence[Model], on: date, names: Mapping[str, str]) -> Iterator[str]:
    """Yield the lines of the page about trades, by the newest models. ``names``: of countries by code."""
    snapshot = facts.as_of(on)
    texts = tomllib.loads(VALIDATION_FILE.read_text(encoding="utf-8"))
    version, former = find_versions_to_compare(models)
    newest, earlier = rank_trades(snapshot, models, version), rank_trades(snapshot, models, former)
    trades = read_trades()
    yield from ("## Trades", "", texts["trades"], "", "### Whether each trade ranks countries in its own order", "")
    yield from _render_matrix(newest, trades)
    yield from ("", "### Agreement within world regions", "", texts["agreement"], "")
    yield from _render_agreement(newest, earlier, trades, snapshot)
    yield from ("", "### Documented places compared with mid-ranking ones", "", texts["documented"], "")
    yield from _render_documented(newest, earlier, trades)
    yield from ("", "### Predicting later listings", "", texts["forward"], "")
    yield from _render_forward(facts, models, version, on)
    yield from ("", "### Alternatives tried", "", texts["alternatives"], "")
    yield from _render_alternatives(newest, trades, snapshot, texts["alternative"])
    yield from ("", f"### Largest falls and rises from {former} to {version}", "", texts["moves"], "")
    yield from _render_moves(newest, earlier, trades, names)
    yield from ("", "### Where Low can be reached", "", texts["low"], "")
    yield from _render_low(newest, trades, snapshot)
    yield from ("", "### Known blind spots", "", *(f"- {text}" for text in texts["blind_spots"]))


def find_versions_to_compare(models: Sequence[Model]) -> tuple[str, str]:
    """Return the newest version of the site models, and the last one of the method before it.

    Versions of one method differ in texts and single rules, so that a comparison of these would show little.
    """
    general = sorted(
        (m for m in models if m.kind == "site" and "" in m.serves), key=lambda m: get_version_key(m.version)
    )
    newest = general[-1]
    former = [model for model in general[:-1] if model.method < newest.method] or general[:-1]
    return newest.version, former[-1].version


def _render_matrix(ranked: TradeRankings, trades: Sequence[Trade]) -> Iterator[str]:
    orders, titles = compare_orders(ranked), {trade.id: trade.title for trade in trades}
    yield (
        "Spearman's rank correlation across all countries; in brackets, across countries with a fact about either trade, and "
        "their number."
    )
    yield ""
    yield f"| | {' | '.join(titles[trade.id] for trade in trades[1:])} |"
    yield "|---" * len(trades) + "|"
    for i, row in enumerate(trades[:-1]):
        cells = []
        for j, column in enumerate(trades[1:], 1):
            over_all, over_own, n = orders.get((row.id, column.id), (np.nan, np.nan, 0))
            cells.append(f"{over_all:.3f} ({over_own:.3f}, {n})" if j > i else "")
        yield f"| {titles[row.id]} | {' | '.join(cells)} |"
    yield ""
    for one in trades:
        closest = max(
            (orders.get((one.id, other.id)) or orders[other.id, one.id], other.title)
            for other in trades
            if other is not one
        )
        (over_all, over_own, _), other_title = closest
        if over_all <= SAME_ORDER:
            yield f"- {one.title}: ranks countries in its own order; closest to {other_title} ({over_all:.3f})."
        elif over_own <= SAME_ORDER:
            yield (
                f"- {one.title}: almost the same order as {other_title} across all countries "
                f"({over_all:.3f}), but not among countries with a fact about either trade ({over_own:.3f})."
            )
        else:
            yield f"- {one.title}: almost the same order as {other_title} ({over_all:.3f})."


def get_outcome(codes: Sequence[str], snapshot: FactSnapshot) -> Floats:
    """Return how far people are from being free from forced labour, as V-Dem's experts rate it; NaN if unknown."""
    return np.array([-snapshot.get_value("country", code, OUTCOME) for code in codes])


def _render_agreement(
    newest: TradeRankings, earlier: TradeRankings, trades: Sequence[Trade], snapshot: FactSnapshot
) -> Iterator[str]:
    outcome, regions = get_outcome(newest.codes, snapshot), list_regions(newest.codes)
    if np.isnan(outcome).all():
        yield "The outcome was not known on this day."
        return
    yield "| ranking | within regions | across all countries |"
    yield "|---|---|---|"
    rankings = {f"{trade.title}": newest.risk[trade.id] for trade in trades}
    rankings |= {f"{trade.title}, previous method": earlier.risk[trade.id] for trade in trades}
    rankings |= {"Governance alone": newest.governance, "Governance alone, previous method": earlier.governance}
    for title, risk in rankings.items():
        within, _ = measure_agreement(risk, outcome, regions)
        over_all, _ = measure_agreement(risk, outcome)
        yield f"| {title} | {within:.3f} | {over_all:.3f} |"
    yield ""
    yield f"By region, for {trades[0].title.lower()}:"
    yield ""
    yield "| region | countries | agreement |"
    yield "|---|---|---|"
    for region in sorted(set(regions)):
        inside = np.array([name == region for name in regions])
        share, pairs = measure_agreement(newest.risk[trades[0].id][inside], outcome[inside])
        yield f"| {region} | {int((inside & ~np.isnan(outcome)).sum())} | {share:.3f} ({pairs} pairs) |"


def _render_documented(newest: TradeRankings, earlier: TradeRankings, trades: Sequence[Trade]) -> Iterator[str]:
    yield "| trade | documented | mid-ranking | documented ranks above mid-ranking | previous method |"
    yield "|---|---|---|---|---|"
    for trade in trades:
        share, documented, middling = measure_documented(newest, trade)
        before, _, _ = measure_documented(newest, trade, earlier.risk[trade.id])
        yield f"| {trade.title} | {documented} | {middling} | {share:.2f} | {before:.2f} |"


def _render_forward(facts: Facts, models: Sequence[Model], version: str, on: date) -> Iterator[str]:
    """Yield how well the facts of an earlier day ranked the countries that were first listed afterwards."""
    rows = facts.rows["goods"]
    rows = rows[(rows["fact"] == "forced_labour") & (rows["value"] == 1) & (rows["known_from"] <= on.isoformat())]
    general = next(
        model for model in models if "" in model.serves and model.kind == "site" and model.version == version
    )
    blind = replace(
        general,
        contexts=tuple(c for c in general.contexts if not any("goods." in fact.fact for fact in c.facts)),
        digest=f"{general.digest} without goods",
    )
    trade = read_trades()[0]
    yield "| facts as known on | first listed afterwards | AUC among countries not listed before |"
    yield "|---|---|---|"
    for day in FORWARD_DAYS:
        # The hazard of a sector is our own and younger; it is the same for all countries, so it orders none.
        hazards = {"sector": facts.as_of(on).tables["sector"]}
        snapshot = replace(facts.as_of(day), tables={**facts.as_of(day).tables, **hazards})
        codes = list_places(snapshot)
        country = rows["code"].str[:2]
        before = set(country[rows["known_from"] <= day.isoformat()])
        after = set(country[rows["known_from"] > day.isoformat()]) - before
        open_codes = [code for code in codes if code not in before]
        risk = compute_trade_risk(open_codes, trade, blind, snapshot)
        listed = np.array([code in after for code in open_codes])
        figure = f"{BootstrapSamples(len(open_codes), 1, 0).auc(risk, listed)[0]:.2f}" if listed.any() else "none"
        yield f"| {day} | {int(listed.sum())}: {', '.join(sorted(after & set(open_codes)))} | {figure} |"


def _render_alternatives(
    ranked: TradeRankings, trades: Sequence[Trade], snapshot: FactSnapshot, alternatives: Sequence[Mapping[str, Any]]
) -> Iterator[str]:
    outcome, regions = get_outcome(ranked.codes, snapshot), list_regions(ranked.codes)
    by_id = {trade.id: trade for trade in trades}
    yield "| trade | alternative | agreement within regions | documented above mid-ranking | correlation with garments |"
    yield "|---|---|---|---|---|"
    garments = ranked.risk[trades[0].id]
    chosen = [{"trade": trade.id, "title": "as released", "contexts": {}} for trade in trades if trade.id != "mining"]
    for raw in (*chosen, *alternatives):
        trade = by_id[raw["trade"]]
        model = apply_alternative(ranked.models[trade.model], raw)
        risk = compute_trade_risk(ranked.codes, trade, model, snapshot)
        within, _ = measure_agreement(risk, outcome, regions)
        share, _, _ = measure_documented(ranked, trade, risk)
        yield f"| {trade.title} | {raw['title']} | {within:.3f} | {share:.2f} | {correlate(risk, garments):.3f} |"


def apply_alternative(model: Model, raw: Mapping[str, Any]) -> Model:
    """Return a model with other lifts, by context (0 leaves it out)."""
    lifts: Mapping[str, float] = raw["contexts"]
    contexts = tuple(replace(context, lift=lifts.get(context.id, context.lift)) for context in model.contexts)
    return replace(model, contexts=contexts, digest=f"{model.digest} {raw['title']}")


def _render_moves(
    newest: TradeRankings, earlier: TradeRankings, trades: Sequence[Trade], names: Mapping[str, str]
) -> Iterator[str]:
    yield "| trade | falls most | rises most |"
    yield "|---|---|---|"
    for trade in trades:
        change = newest.risk[trade.id] - earlier.risk[trade.id]
        order = np.argsort(change, kind="stable")

        def list_countries(positions: NDArray[np.intp], change: Floats = change) -> str:
            return ", ".join(f"{names.get(newest.codes[j], newest.codes[j])} ({change[j]:+.0f})" for j in positions)

        yield f"| {trade.title} | {list_countries(order[:MOVED])} | {list_countries(order[::-1][:MOVED])} |"


def _render_low(ranked: TradeRankings, trades: Sequence[Trade], snapshot: FactSnapshot) -> Iterator[str]:
    yield "| trade | countries where a perfect, confirmed site is rated Low | out of |"
    yield "|---|---|---|"
    for trade in trades:
        n, _ = count_low(ranked, trade, snapshot)
        yield f"| {trade.title} | {n} | {len(ranked.codes)} |"
