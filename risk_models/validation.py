"""Validate the ranking of countries by inherent risk against outcomes that it does not use: ``docs/validation.md``.

Only country facts are ranked: the same trade everywhere, no product, no corridor, no workforce. The outcomes are lists of goods
that no context of a country reads. :func:`render_page` gives the whole document, the same bytes for the same facts, models and
day.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np

from risk_models.answers import from_rows
from risk_models.facts.facts import Facts
from risk_models.facts.inherent import UNKNOWN_PLACE, compute_inherent_risk
from risk_models.model import Model, ScaledFact
from risk_models.ranking import BootstrapSamples, Floats, Interval, assign_thirds, compute_difference, compute_interval
from risk_models.transforms import Ramp

VALIDATION_FILE = Path(__file__).with_name("validation.toml")
SUBREGIONS_FILE = Path(__file__).with_name("subregions.toml")
DRAWS, SEED = 2000, 2026
SECTOR = "14"  # the same trade for all countries: making clothes
MIN_PLACES = 3  # places that a subregion needs both with and without the outcome to be ranked
MAX_BLIND_SPOTS = 12  # how many blind spots of each kind are listed
MODEL_NAME = "This model"
POPULATION_NAME = "Population (a measure of exposure, not risk)"


@dataclass(frozen=True)
class CountryRankings:
    """The countries ranked: codes, population, subregion, and the values of each ranking (higher: more risk), the model first.

    ``same``: other models of sites that give the same order of countries.
    """

    codes: tuple[str, ...]
    population: Floats
    subregions: tuple[str, ...]
    model: Model
    same: tuple[Model, ...]
    rankings: Mapping[str, Floats]


def rank_countries(facts: Facts, models: Sequence[Model], on: date) -> CountryRankings:
    """Rank all countries of known population by the newest general model of sites and by everything it is compared with.

    Rankings: the model, each country fact it reads, the equal-weight mean of those facts, and population, which is exposure.
    """
    snapshot = facts.as_of(on)
    table = snapshot.get_country_table()
    codes = tuple(table.index[table["population"].notna()])
    sites = [model for model in models if model.kind == "site"]
    newest = max((m for m in sites if "" in m.serves), key=lambda m: (m.effective, m.version))
    risk = _compute_country_risk(newest, codes, facts, on)
    order = np.argsort(risk, kind="stable")
    same_order = (
        m for m in sites if np.array_equal(np.argsort(_compute_country_risk(m, codes, facts, on), kind="stable"), order)
    )
    rankings = {MODEL_NAME: risk}
    scaled = []
    for fact in (f for context in newest.contexts for f in context.facts if f.fact.startswith("country.")):
        description = snapshot.descriptions[fact.fact]
        if description.partial:  # known of some countries only: it can raise the model, but is no ranking of its own
            continue
        name = fact.fact.removeprefix("country.")
        values = snapshot.fill_gaps([name]).values[name].loc[list(codes)].to_numpy(dtype=np.float64)
        rankings[description.title] = values if description.riskier_when_higher else -values
        scaled.append(np.array([fact.ramp.risk(float(value)) for value in values]))
    rankings["Equal-weight mean of these facts"] = np.mean(scaled, axis=0)
    population = table["population"].loc[list(codes)].to_numpy(dtype=np.float64)
    rankings[POPULATION_NAME] = population
    same = tuple(m for m in same_order if m is not newest)
    return CountryRankings(codes, population, _list_subregions(codes), newest, same, rankings)


def _compute_country_risk(model: Model, codes: Sequence[str], facts: Facts, on: date) -> Floats:
    """Return the inherent risk 0..100 of each country in one trade, by the facts of the country itself."""
    answers = from_rows({"country": code, "sector": (SECTOR,)} for code in codes)
    own = {context.id for context in model.contexts} | {UNKNOWN_PLACE}
    parts = compute_inherent_risk(answers, model, facts.as_of(on), {}).parts
    risk: Floats = np.sum([part.points for part in parts if part.context in own], axis=0)
    return risk


def _list_subregions(codes: Sequence[str]) -> tuple[str, ...]:
    members_by_name = tomllib.loads(SUBREGIONS_FILE.read_text(encoding="utf-8"))
    name_by_code = {code: name for name, members in members_by_name.items() for code in members.split()}
    return tuple(name_by_code[code] for code in codes)


def count_listed_goods(facts: Facts, fact: str, codes: Sequence[str]) -> dict[str, Floats]:
    """Return by edition of the list how many goods of each country are on it (0 for most)."""
    rows = facts.rows["goods"]
    rows = rows[(rows["fact"] == fact) & (rows["value"] == 1)]
    country = rows["code"].str.partition("/")[0]
    return {
        str(edition): country[rows["year"] == edition]
        .value_counts()
        .reindex(list(codes))
        .fillna(0)
        .to_numpy(dtype=np.float64)
        for edition in sorted(set(rows["year"]))
    }


@dataclass(frozen=True)
class Comparison:
    """One ranking against an outcome: AUC raw and within thirds of population, rank correlation with the number of goods.

    ``model_lead``: by how much the model's AUC exceeds it on the same samples, raw and within thirds; None for the model itself.
    """

    name: str
    raw: Interval
    within: Interval
    correlation: Interval
    model_lead: Interval | None
    model_lead_within: Interval | None


def compare_rankings(ranked: CountryRankings, goods: Floats, samples: BootstrapSamples) -> list[Comparison]:
    """Compare every ranking with the presence of a listed good, the model first."""
    listed, third = goods > 0, assign_thirds(ranked.population).tolist()
    raw = {name: samples.auc(values, listed) for name, values in ranked.rankings.items()}
    within = {name: samples.auc(values, listed, third) for name, values in ranked.rankings.items()}
    return [
        Comparison(
            name,
            compute_interval(raw[name]),
            compute_interval(within[name]),
            compute_interval(samples.rank_correlation(values, goods)),
            None if name == MODEL_NAME else compute_difference(raw[MODEL_NAME], raw[name]),
            None if name == MODEL_NAME else compute_difference(within[MODEL_NAME], within[name]),
        )
        for name, values in ranked.rankings.items()
    ]


def render_page(facts: Facts, models: Sequence[Model], on: date, names: Mapping[str, str], draws: int = DRAWS) -> str:
    """Return the whole document. ``names``: of countries by code; ``draws``: number of bootstrap samples."""
    ranked = rank_countries(facts, models, on)
    forced, child = (count_listed_goods(facts, fact, ranked.codes) for fact in ("forced_labour", "child_labour"))
    newest = max(forced)
    samples = BootstrapSamples(len(ranked.codes), draws, SEED)
    tables = {
        "forced labour": compare_rankings(ranked, forced[newest], samples),
        "child labour": compare_rankings(ranked, child[newest], samples),
    }
    lines = [
        *_render_opening(ranked, facts, on, draws, forced, newest),
        *_render_claims(tables, newest),
    ]
    for outcome, table in tables.items():
        lines += ["", f"## Goods listed for {outcome}, {newest}", "", *_render_table(table)]
    lines += ["", "## By edition of the list", "", *_render_editions(ranked, forced, samples)]
    lines += ["", "## By size of population", "", *_render_thirds(ranked, forced[newest], samples)]
    lines += ["", "## By subregion", "", *_render_subregions(ranked, forced[newest])]
    lines += ["", "## Blind spots", "", *_render_blind_spots(ranked, forced[newest], names)]
    texts = tomllib.loads(VALIDATION_FILE.read_text(encoding="utf-8"))
    lines += [
        "",
        "## Alternative country models",
        "",
        *_render_variants(ranked, facts, on, forced[newest], child[newest], samples),
    ]
    lines += ["", texts["tied"], "", texts["size"]]
    lines += ["", "## Limitations", "", *(f"- {limit}" for limit in texts["limits"])]
    return "\n".join(lines) + "\n"


def _render_opening(
    ranked: CountryRankings, facts: Facts, on: date, draws: int, forced: Mapping[str, Floats], newest: str
) -> Iterator[str]:
    model, same = ranked.model, ", ".join(f"{m.id} {m.version}" for m in ranked.same)
    yield "# Validation of the country ranking"
    yield ""
    yield "This page is generated by `diligence models validate --out docs/validation.md`. Do not edit it by hand."
    yield ""
    yield f"- Model: {model.id} {model.version}, sha256 `{model.digest[:16]}`." + (
        f" These models rank countries in the same order: {same}." if same else ""
    )
    yield f"- Facts as known on {on}, sha256 `{facts.as_of(on).digest[:16]}`."
    yield (
        f"- {len(ranked.codes)} countries with a known population, each scored on its own facts in one sector (ISIC {SECTOR}), "
        "without a product, corridor or workforce."
    )
    yield (
        "- Outcome: whether the US Department of Labor's List of Goods names any goods made with forced labour in the "
        f"country ({int((forced[newest] > 0).sum())} of these countries were listed in {newest}), and how many. Country risk "
        "does not use this list. Supplier scores do use it, but only for individual goods."
    )
    yield (
        "- AUC: the probability that a listed country ranks above one that is not listed; 0.5 is no better than chance, "
        "and 1 is perfect. "
        "*Within population thirds* compares only countries in the same third by population, because large countries are listed "
        "more often, which reflects exposure rather than risk. The model's advantage is its AUC minus that of the other "
        "ranking. Correlation: Spearman's rank correlation with the number of goods."
    )
    yield (
        f"- Figures in brackets: 95% intervals from {draws:,} bootstrap samples of countries (seed {SEED}). "
        "Differences are paired."
    )


def _render_claims(tables: Mapping[str, list[Comparison]], newest: str) -> Iterator[str]:
    yield ""
    yield "## Findings"
    yield ""
    yield "A ranking is called better or worse only if the interval of the paired difference does not include 0."
    yield ""
    for outcome, table in tables.items():
        compared = [comparison for comparison in table if comparison.name != MODEL_NAME]
        leads = (
            ("across all countries", {comparison.name: comparison.model_lead for comparison in compared}),
            ("within population thirds", {comparison.name: comparison.model_lead_within for comparison in compared}),
        )
        for scope, lead_by_name in leads:
            better = [name for name, lead in lead_by_name.items() if lead and lead.low > 0]
            worse = [name for name, lead in lead_by_name.items() if lead and lead.high < 0]
            claims = [f"is better than {_join_names(better)}"] if better else []
            claims += [f"is worse than {_join_names(worse)}"] if worse else []
            undecided = len(lead_by_name) - len(better) - len(worse)
            claims += [f"cannot be distinguished from the other {undecided} rankings"] if undecided and claims else []
            result = "; it ".join(claims) or "is neither better nor worse than any of the other rankings"
            yield f"- Goods listed for {outcome}, {scope}: the model {result}."


def _join_names(names: Sequence[str]) -> str:
    *first, last = (f"*{name}*" for name in names)
    return f"{', '.join(first)} and {last}" if first else last


def _render_table(table: Sequence[Comparison]) -> Iterator[str]:
    yield "| | AUC | AUC within population thirds | correlation | model's advantage | advantage within population thirds |"
    yield "|---|---|---|---|---|---|"
    for comparison in table:
        figures = (comparison.raw, comparison.within, comparison.correlation)
        leads = [
            _format_difference(lead) if lead else "" for lead in (comparison.model_lead, comparison.model_lead_within)
        ]
        yield f"| {comparison.name} | {' | '.join(map(_format_interval, figures))} | {' | '.join(leads)} |"


def _render_editions(ranked: CountryRankings, forced: Mapping[str, Floats], samples: BootstrapSamples) -> Iterator[str]:
    yield (
        "All editions name nearly the same countries. Using several of them therefore repeats the same test of the ranking, and "
        "says nothing about change over time. Every edition is compared with today's facts."
    )
    yield ""
    yield (
        "| edition | countries listed | new since the previous one | AUC of the model | AUC within population thirds "
        "| AUC of population |"
    )
    yield "|---|---|---|---|---|---|"
    third, before = assign_thirds(ranked.population).tolist(), None
    for edition, goods in forced.items():
        listed = goods > 0
        model = ranked.rankings[MODEL_NAME]
        figures = (
            samples.auc(model, listed),
            samples.auc(model, listed, third),
            samples.auc(ranked.rankings[POPULATION_NAME], listed),
        )
        added = "" if before is None else str(int((listed & ~before).sum()))
        intervals = " | ".join(_format_interval(compute_interval(figure)) for figure in figures)
        yield f"| {edition} | {int(listed.sum())} | {added} | {intervals} |"
        before = listed


def _render_thirds(ranked: CountryRankings, goods: Floats, samples: BootstrapSamples) -> Iterator[str]:
    yield "| population third | countries | listed | AUC of the model |"
    yield "|---|---|---|---|"
    third, listed = assign_thirds(ranked.population), goods > 0
    for number, name in enumerate(("smallest", "middle", "largest")):
        in_third = third == number
        # Each country of another third is a group of its own, so that it is compared with none.
        groups = [0 if inside else code for inside, code in zip(in_third.tolist(), ranked.codes, strict=True)]
        n_listed = int((listed & in_third).sum())
        figure = (
            _format_interval(compute_interval(samples.auc(ranked.rankings[MODEL_NAME], listed, groups)))
            if n_listed >= MIN_PLACES
            else "too few"
        )
        yield f"| {name} | {int(in_third.sum())} | {n_listed} | {figure} |"


def _render_subregions(ranked: CountryRankings, goods: Floats) -> Iterator[str]:
    yield (
        f"No intervals are given, because subregions are small. A subregion is ranked only if at least {MIN_PLACES} of its "
        f"countries are listed and at least {MIN_PLACES} are not."
    )
    yield ""
    yield "| subregion | countries | listed | mean inherent risk | AUC of the model |"
    yield "|---|---|---|---|---|"
    model, listed = ranked.rankings[MODEL_NAME], goods > 0
    for name in sorted(set(ranked.subregions)):
        inside = np.array([subregion == name for subregion in ranked.subregions])
        n_listed, n = int((listed & inside).sum()), int(inside.sum())
        figure = "not ranked"
        if n_listed >= MIN_PLACES and n - n_listed >= MIN_PLACES:
            figure = f"{BootstrapSamples(n, 1, SEED).auc(model[inside], listed[inside])[0]:.2f}"
        yield f"| {name} | {n} | {n_listed} | {model[inside].mean():.0f} | {figure} |"


def _render_blind_spots(ranked: CountryRankings, goods: Floats, names: Mapping[str, str]) -> Iterator[str]:
    model, listed = ranked.rankings[MODEL_NAME], goods > 0
    rank = {int(j): number + 1 for number, j in enumerate(np.argsort(-model, kind="stable"))}

    def list_countries(positions: Sequence[int]) -> str:
        return "; ".join(f"{names.get(ranked.codes[j], ranked.codes[j])} ({rank[j]})" for j in positions)

    low = [int(j) for j in np.argsort(model, kind="stable") if listed[j]][:MAX_BLIND_SPOTS]
    high = [int(j) for j in np.argsort(-model, kind="stable") if not listed[j]][:MAX_BLIND_SPOTS]
    yield f"The figure in brackets is the rank among {len(ranked.codes)} countries, where 1 is the highest risk."
    yield ""
    yield (
        f"- Lowest-ranked countries that are listed: {list_countries(low)}. "
        "For these countries, look at the goods, the corridor and the workforce first, and only then at the country itself."
    )
    yield (
        f"- Highest-ranked countries that are not listed: {list_countries(high)}. Most of these states are at war or closed to "
        "observers. Absence from the list does not clear a country."
    )


def _render_variants(
    ranked: CountryRankings, facts: Facts, on: date, forced: Floats, child: Floats, samples: BootstrapSamples
) -> Iterator[str]:
    """Render by how much each other model of ``validation.toml`` is ahead of the model."""
    third = assign_thirds(ranked.population).tolist()
    outcomes = [(goods > 0, groups) for goods in (forced, child) for groups in (None, third)]
    model_aucs = [samples.auc(ranked.rankings[MODEL_NAME], listed, groups) for listed, groups in outcomes]
    table = facts.as_of(on).get_country_table()
    known = set(table.columns[table.notna().any()])
    yield (
        "The figures are the AUC of each alternative minus that of the model. An asterisk means that the interval does not "
        "include 0."
    )
    yield ""
    yield "| | forced labour | within population thirds | child labour | within population thirds |"
    yield "|---|---|---|---|---|"
    for variant in tomllib.loads(VALIDATION_FILE.read_text(encoding="utf-8"))["variant"]:
        if not {f["fact"].removeprefix("country.") for f in variant.get("add", ())} <= known:
            yield f"| {variant['title']} | its facts were not known on that date | | | |"
            continue
        values = _compute_country_risk(_apply_variant(ranked.model, variant), ranked.codes, facts, on)
        leads = [
            compute_difference(samples.auc(values, listed, groups), model_auc)
            for (listed, groups), model_auc in zip(outcomes, model_aucs, strict=True)
        ]
        yield f"| {variant['title']} | {' | '.join(map(_format_difference, leads))} |"


def _apply_variant(model: Model, variant: Mapping[str, Any]) -> Model:
    added = tuple(ScaledFact(f["fact"], Ramp(f["from"], f["to"])) for f in variant.get("add", ()))
    contexts = tuple(
        replace(
            context,
            facts=(*(f for f in context.facts if f.fact not in variant.get("drop", ())), *added),
            lift=variant.get("lift", context.lift),
        )
        if context.id == variant["context"]
        else context
        for context in model.contexts
    )
    return replace(model, contexts=contexts, digest=f"{model.digest} {variant['title']}")


def _format_interval(figure: Interval) -> str:
    return f"{figure.value:.2f} [{figure.low:.2f}, {figure.high:.2f}]"


def _format_difference(figure: Interval) -> str:
    return f"{figure.value:+.2f} [{figure.low:+.2f}, {figure.high:+.2f}]{' *' if figure.excludes_zero else ''}"
