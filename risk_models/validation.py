"""Validate the ranking of countries by inherent risk against outcomes that it does not use, for ``docs/validation.md``.

The ranking is based on country facts alone: all countries are scored in one sector, without a product, corridor or workforce.
The outcomes are lists of goods, which the country contexts do not use. :func:`render_page` returns the whole document, which is
identical byte for byte for the same facts, models and date.
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
from risk_models.model import Context, Model, ScaledFact
from risk_models.ranking import BootstrapSamples, Floats, Interval, assign_thirds, compute_difference, compute_interval
from risk_models.transforms import Ramp
from risk_models.validation_trades import get_outcome, list_regions, measure_agreement, render_trades

VALIDATION_FILE = Path(__file__).with_name("validation.toml")
SUBREGIONS_FILE = Path(__file__).with_name("subregions.toml")
DRAWS, SEED = 2000, 2026
SECTOR = "14"  # all countries are scored in the same sector: the manufacture of clothes
MIN_PLACES = 3  # a subregion is ranked only if it has this many countries with the outcome and as many without it
MAX_BLIND_SPOTS = 12  # how many blind spots of each kind are listed
MODEL_NAME = "This model"
POPULATION_NAME = "Population (a measure of exposure, not risk)"


@dataclass(frozen=True)
class CountryRankings:
    """The ranked countries with their codes, populations, subregions and values in each ranking, with the model first.

    A higher value means a higher risk. ``same`` lists other site models that rank the countries in the same order.
    """

    codes: tuple[str, ...]
    population: Floats
    subregions: tuple[str, ...]
    model: Model
    same: tuple[Model, ...]
    rankings: Mapping[str, Floats]


def rank_countries(facts: Facts, models: Sequence[Model], on: date) -> CountryRankings:
    """Rank all countries with a known population by the newest general site model and by everything it is compared with.

    The rankings are the model, each country fact it reads, the equal-weight mean of those facts, and population, which measures
    exposure.
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
    """Return the inherent risk (0 to 100) of each country in one sector, based only on the country's own facts."""
    answers = from_rows({"country": code, "sector": (SECTOR,)} for code in codes)
    own = {context.id for context in model.contexts if not _reads_list(context)} | {UNKNOWN_PLACE}
    parts = compute_inherent_risk(answers, model, facts.as_of(on), {}).parts
    risk: Floats = np.sum([part.points for part in parts if part.context in own], axis=0)
    return risk


def _reads_list(context: Context) -> bool:
    """Return whether a context reads the list of goods, which is an outcome here."""
    return any("goods." in fact.fact or ".fish_" in fact.fact for fact in context.facts)


def _list_subregions(codes: Sequence[str]) -> tuple[str, ...]:
    members_by_name = tomllib.loads(SUBREGIONS_FILE.read_text(encoding="utf-8"))
    name_by_code = {code: name for name, members in members_by_name.items() for code in members.split()}
    return tuple(name_by_code[code] for code in codes)


def count_listed_goods(facts: Facts, fact: str, codes: Sequence[str]) -> dict[str, Floats]:
    """Return, for each edition of the list, how many goods it names for each country (0 for most countries)."""
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
    """How well one ranking agrees with an outcome.

    It holds the AUC, both across all countries and within population groups, and the rank correlation with the number of goods.
    ``model_lead`` is the model's AUC minus that of this ranking on the same samples; it is None for the model itself.
    """

    name: str
    raw: Interval
    within: Interval
    correlation: Interval
    model_lead: Interval | None
    model_lead_within: Interval | None


def compare_rankings(ranked: CountryRankings, goods: Floats, samples: BootstrapSamples) -> list[Comparison]:
    """Compare every ranking, starting with the model, with whether any goods are listed for each country."""
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
    """Return the whole document. ``names`` maps country codes to names; ``draws`` is the number of bootstrap samples."""
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
        *_render_claims(tables),
    ]
    for outcome, table in tables.items():
        lines += ["", f"## Goods listed for {outcome}, {newest}", "", *_render_table(table)]
    lines += ["", "## By edition of the list", "", *_render_editions(ranked, forced, samples)]
    lines += ["", "## By population size", "", *_render_thirds(ranked, forced[newest], samples)]
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
    lines += ["", *render_trades(facts, models, on, names)]
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
    yield f"- Facts: as known on {on}, sha256 `{facts.as_of(on).digest[:16]}`."
    yield (
        f"- {len(ranked.codes)} countries with a known population, each scored on its own facts in one sector (ISIC {SECTOR}), "
        "without a product, corridor or workforce."
    )
    yield (
        "- Outcome: whether the US Department of Labor's List of Goods names any goods made with forced labour in the "
        f"country, and how many ({int((forced[newest] > 0).sum())} of these countries were listed in {newest}). The country "
        "ranking leaves out the contexts that read this list. Supplier scores do use it, for the product and the sector."
    )
    yield (
        "- AUC: the probability that a listed country ranks above one that is not listed; 0.5 is no better than chance, "
        "and 1 is perfect. "
        "*Within population groups* means that countries are compared only with others of similar population (in three groups "
        "of equal size), because large countries are listed more often, which reflects exposure rather than risk. The model's "
        "advantage is its AUC minus that of the other ranking. Correlation: Spearman's rank correlation with the number of goods."
    )
    yield (
        f"- Figures in brackets: 95% intervals from {draws:,} bootstrap samples of countries (seed {SEED}). "
        "Differences are paired: both rankings are compared on the same samples."
    )


def _render_claims(tables: Mapping[str, list[Comparison]]) -> Iterator[str]:
    yield ""
    yield "## Findings"
    yield ""
    yield "A ranking is called better or worse only if the interval of the paired difference does not include 0."
    yield ""
    for outcome, table in tables.items():
        compared = [comparison for comparison in table if comparison.name != MODEL_NAME]
        leads = (
            ("across all countries", {comparison.name: comparison.model_lead for comparison in compared}),
            ("within population groups", {comparison.name: comparison.model_lead_within for comparison in compared}),
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
    yield "| | AUC | AUC within population groups | correlation | model's advantage | advantage within population groups |"
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
        "says nothing about change over time. Every edition is compared with the current facts."
    )
    yield ""
    yield (
        "| edition | countries listed | newly listed | AUC of the model | AUC of the model within population groups "
        "| AUC of the population ranking |"
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
    yield "| population group | countries | listed | AUC of the model |"
    yield "|---|---|---|---|"
    third, listed = assign_thirds(ranked.population), goods > 0
    for number, name in enumerate(("smallest third", "middle third", "largest third")):
        in_third = third == number
        # Each country outside this third forms a group of its own, so that it is not compared with any other.
        groups = [0 if inside else code for inside, code in zip(in_third.tolist(), ranked.codes, strict=True)]
        n_listed = int((listed & in_third).sum())
        figure = (
            _format_interval(compute_interval(samples.auc(ranked.rankings[MODEL_NAME], listed, groups)))
            if n_listed >= MIN_PLACES
            else "too few listed"
        )
        yield f"| {name} | {int(in_third.sum())} | {n_listed} | {figure} |"


def _render_subregions(ranked: CountryRankings, goods: Floats) -> Iterator[str]:
    yield (
        "No intervals are given, because each subregion contains few countries. A subregion is ranked only if at least "
        f"{MIN_PLACES} of its countries are listed and at least {MIN_PLACES} are not."
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
        f"- Listed countries that rank lowest: {list_countries(low)}. "
        "For these countries, look at the goods, the corridor and the workforce first, and only then at the country itself."
    )
    yield (
        f"- Countries that rank highest but are not listed: {list_countries(high)}. Most of these states are at war or closed to "
        "observers. A country that is not on the list is not necessarily free of forced labour."
    )


def _render_variants(
    ranked: CountryRankings, facts: Facts, on: date, forced: Floats, child: Floats, samples: BootstrapSamples
) -> Iterator[str]:
    """Render how the AUC of each alternative model in ``validation.toml`` differs from that of the model."""
    third = assign_thirds(ranked.population).tolist()
    outcomes = [(goods > 0, groups) for goods in (forced, child) for groups in (None, third)]
    model_aucs = [samples.auc(ranked.rankings[MODEL_NAME], listed, groups) for listed, groups in outcomes]
    table = facts.as_of(on).get_country_table()
    known = set(table.columns[table.notna().any()])
    yield (
        "Each figure is the alternative's AUC minus the model's. An asterisk means that the interval does not "
        "include 0. The last column is the agreement within world regions with V-Dem's rating of freedom from forced labour "
        f"(see Trades), which is {_measure_outcome(ranked, ranked.rankings[MODEL_NAME], facts, on):.3f} for the model."
    )
    yield ""
    yield (
        "| | forced labour | forced labour, within population groups | child labour | child labour, within population groups "
        "| agreement within regions |"
    )
    yield "|---|---|---|---|---|---|"
    for variant in tomllib.loads(VALIDATION_FILE.read_text(encoding="utf-8"))["variant"]:
        if not {f["fact"].removeprefix("country.") for f in variant.get("add", ())} <= known:
            yield f"| {variant['title']} | its facts were not known on that date | | | | |"
            continue
        values = _compute_country_risk(_apply_variant(ranked.model, variant), ranked.codes, facts, on)
        leads = [
            compute_difference(samples.auc(values, listed, groups), model_auc)
            for (listed, groups), model_auc in zip(outcomes, model_aucs, strict=True)
        ]
        agreement = _measure_outcome(ranked, values, facts, on)
        yield f"| {variant['title']} | {' | '.join(map(_format_difference, leads))} | {agreement:.3f} |"


def _measure_outcome(ranked: CountryRankings, values: Floats, facts: Facts, on: date) -> float:
    outcome = get_outcome(ranked.codes, facts.as_of(on))
    return measure_agreement(values, outcome, list_regions(ranked.codes))[0]


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
