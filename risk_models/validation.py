"""How well the inherent country risk ranks countries against outcomes it was not built from: ``docs/validation.md``.

Country facts alone are ranked: one trade everywhere, no product, no corridor, no workforce. The outcomes are lists of goods that
no context of a country reads. ``page`` is the whole document, the same bytes for the same facts, models and day.
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
from risk_models.ranking import BootstrapSamples, Floats, Interval, compute_difference, compute_interval, assign_thirds
from risk_models.transforms import Ramp

SAID = Path(__file__).with_name("validation.toml")
SUBREGIONS = Path(__file__).with_name("subregions.toml")
DRAWS, SEED = 2000, 2026
TRADE = "14"  # one trade for all: making clothes
FEWEST = 3  # places with and without the outcome that a subregion needs to be ranked
BLIND = 12  # how many blind spots are named
MODEL = "This model"
EXPOSURE = "Population (exposure, no risk)"


@dataclass(frozen=True)
class CountryRankings:
    """The countries ranked: codes, people, subregion, and what each contestant says of them (higher: more risk), the model first.

    ``same``: other models of sites that put the countries in the same order.
    """

    codes: tuple[str, ...]
    population: Floats
    subregions: tuple[str, ...]
    model: Model
    same: tuple[Model, ...]
    rankings: Mapping[str, Floats]


def rank_countries(facts: Facts, models: Sequence[Model], on: date) -> CountryRankings:
    """All countries whose population is known, under the newest general model of sites and everything it is compared with.

    Contestants: the model, each country fact it reads, the equal-weight mean of those facts, and population, which is exposure.
    """
    known = facts.as_of(on)
    table = known.get_country_table()
    codes = tuple(table.index[table["population"].notna()])
    sites = [model for model in models if model.kind == "site"]
    newest = max((m for m in sites if "" in m.serves), key=lambda m: (m.effective, m.version))
    own = _inherent(newest, codes, facts, on)
    order = np.argsort(own, kind="stable")
    same = (m for m in sites if np.array_equal(np.argsort(_inherent(m, codes, facts, on), kind="stable"), order))
    contestants = {MODEL: own}
    scaled = []
    for fact in (f for context in newest.contexts for f in context.facts if f.fact.startswith("country.")):
        about = known.descriptions[fact.fact]
        if about.partial:  # known of some countries alone: it can raise the model, and is no ranking of its own
            continue
        name = fact.fact.removeprefix("country.")
        values = known.fill_gaps([name]).values[name].loc[list(codes)].to_numpy(dtype=np.float64)
        contestants[about.title] = values if about.riskier_when_higher else -values
        scaled.append(np.array([fact.ramp.risk(float(value)) for value in values]))
    contestants["Equal-weight mean of these facts"] = np.mean(scaled, axis=0)
    population = table["population"].loc[list(codes)].to_numpy(dtype=np.float64)
    contestants[EXPOSURE] = population
    return CountryRankings(codes, population, _subregions(codes), newest, tuple(m for m in same if m is not newest), contestants)


def _inherent(model: Model, codes: Sequence[str], facts: Facts, on: date) -> Floats:
    """The inherent risk 0..100 of each country, in one trade, by its own facts."""
    answers = from_rows({"country": code, "sector": (TRADE,)} for code in codes)
    own = {context.id for context in model.contexts} | {UNKNOWN_PLACE}
    parts = compute_inherent_risk(answers, model, facts.as_of(on), {}).parts
    risk: Floats = np.sum([part.points for part in parts if part.context in own], axis=0)
    return risk


def _subregions(codes: Sequence[str]) -> tuple[str, ...]:
    listed = tomllib.loads(SUBREGIONS.read_text(encoding="utf-8"))
    of = {code: name for name, members in listed.items() for code in members.split()}
    return tuple(of[code] for code in codes)


def count_listed_goods(facts: Facts, fact: str, codes: Sequence[str]) -> dict[str, Floats]:
    """By edition, how many goods of each country are listed (0 for most)."""
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
    """One contestant against an outcome: AUC raw and within thirds of population, rank correlation with the number of goods,
    and by how much the model is above it on the same draws, raw and within thirds (None for the model itself)."""

    name: str
    raw: Interval
    within: Interval
    correlation: Interval
    ahead: Interval | None
    ahead_within: Interval | None


def compare_rankings(ranked: CountryRankings, goods: Floats, draws: BootstrapSamples) -> list[Comparison]:
    """Every contestant against the presence of a listed good, the model first."""
    listed, third = goods > 0, assign_thirds(ranked.population).tolist()
    raw = {name: draws.auc(values, listed) for name, values in ranked.rankings.items()}
    within = {name: draws.auc(values, listed, third) for name, values in ranked.rankings.items()}
    return [
        Comparison(
            name,
            compute_interval(raw[name]),
            compute_interval(within[name]),
            compute_interval(draws.rank_correlation(values, goods)),
            None if name == MODEL else compute_difference(raw[MODEL], raw[name]),
            None if name == MODEL else compute_difference(within[MODEL], within[name]),
        )
        for name, values in ranked.rankings.items()
    ]


def render_page(facts: Facts, models: Sequence[Model], on: date, names: Mapping[str, str], draws: int = DRAWS) -> str:
    """The document. ``names``: countries by code."""
    ranked = rank_countries(facts, models, on)
    forced, child = (count_listed_goods(facts, fact, ranked.codes) for fact in ("forced_labour", "child_labour"))
    newest = max(forced)
    drawn = BootstrapSamples(len(ranked.codes), draws, SEED)
    tables = {
        "forced labour": compare_rankings(ranked, forced[newest], drawn),
        "child labour": compare_rankings(ranked, child[newest], drawn),
    }
    lines = [
        *_opening(ranked, facts, on, draws, forced, newest),
        *_claims(tables, newest),
    ]
    for outcome, table in tables.items():
        lines += ["", f"## Goods listed for {outcome}, {newest}", "", *_table(table)]
    lines += ["", "## Editions apart", "", *_editions(ranked, forced, drawn)]
    lines += ["", "## Within each third of population", "", *_thirds(ranked, forced[newest], drawn)]
    lines += ["", "## By subregion", "", *_by_subregion(ranked, forced[newest])]
    lines += ["", "## Blind spots", "", *_blind_spots(ranked, forced[newest], names)]
    said = tomllib.loads(SAID.read_text(encoding="utf-8"))
    lines += [
        "",
        "## Other country models tried",
        "",
        *_variants(ranked, facts, on, forced[newest], child[newest], drawn),
    ]
    lines += ["", said["tied"], "", said["size"]]
    lines += ["", "## What this cannot show", "", *(f"- {limit}" for limit in said["limits"])]
    return "\n".join(lines) + "\n"


def _opening(
    ranked: CountryRankings, facts: Facts, on: date, draws: int, forced: Mapping[str, Floats], newest: str
) -> Iterator[str]:
    model, same = ranked.model, ", ".join(f"{m.id} {m.version}" for m in ranked.same)
    yield "# Does the inherent country risk rank countries truly?"
    yield ""
    yield "Written by `diligence models validate --out docs/validation.md`; never edited by hand."
    yield ""
    yield f"- Model: {model.id} {model.version}, sha256 `{model.digest[:16]}`." + (
        f" Same order of countries: {same}." if same else ""
    )
    yield f"- Facts as known on {on}, sha256 `{facts.as_of(on).digest[:16]}`."
    yield (
        f"- {len(ranked.codes)} countries with a known population, each scored by its own facts in one trade (ISIC {TRADE}): no "
        "product, corridor or workforce."
    )
    yield (
        "- Outcome: whether the List of Goods of the US Department of Labor names a good of the country made with forced labour "
        f"({int((forced[newest] > 0).sum())} of these countries in {newest}), and how many. No context of a country reads it; "
        "the scores of suppliers do, good by good."
    )
    yield (
        "- AUC: the chance that a listed country ranks above one that is not; 0.5 is chance, 1 perfect. *Within thirds* "
        "compares only countries of one third of population, since large countries are listed more: that is exposure, not risk. "
        "Correlation: Spearman's, with the number of goods."
    )
    yield f"- Brackets: 95 % intervals of {draws:,} bootstrap samples of countries, seed {SEED}. Differences are paired."


def _claims(tables: Mapping[str, list[Comparison]], newest: str) -> Iterator[str]:
    yield ""
    yield "## What may be claimed"
    yield ""
    yield "A contestant is called better or worse only where the interval of the paired difference excludes 0."
    yield ""
    for outcome, table in tables.items():
        for where, ahead in (("over all countries", "ahead"), ("within thirds of population", "ahead_within")):
            figures = {c.name: getattr(c, ahead) for c in table if c.name != MODEL}
            better = [name for name, d in figures.items() if d.low > 0]
            worse = [name for name, d in figures.items() if d.high < 0]
            said = [f"better than {_series(better)}"] if better else []
            said += [f"worse than {_series(worse)}"] if worse else []
            rest = len(figures) - len(better) - len(worse)
            said += [f"not told apart from the other {rest}"] if rest and said else []
            result = "; ".join(said) or "no better and no worse than any of them"
            yield f"- Goods listed for {outcome}, {where}: the model ranks {result}."


def _series(names: Sequence[str]) -> str:
    return ", ".join(f"*{name}*" for name in names)


def _table(table: Sequence[Comparison]) -> Iterator[str]:
    yield "| | AUC | within thirds | correlation | model ahead by | within thirds |"
    yield "|---|---|---|---|---|---|"
    for c in table:
        figures = (c.raw, c.within, c.correlation)
        ahead = [_signed(d) if d else "" for d in (c.ahead, c.ahead_within)]
        yield f"| {c.name} | {' | '.join(map(_range, figures))} | {' | '.join(ahead)} |"


def _editions(ranked: CountryRankings, forced: Mapping[str, Floats], draws: BootstrapSamples) -> Iterator[str]:
    yield (
        "The editions name nearly the same countries, so they test the ranking again, and not change. All are ranked by "
        "the facts of today."
    )
    yield ""
    yield "| edition | countries listed | joined since the one before | AUC of the model | within thirds | AUC of population |"
    yield "|---|---|---|---|---|---|"
    third, before = assign_thirds(ranked.population).tolist(), None
    for edition, goods in forced.items():
        listed = goods > 0
        model = ranked.rankings[MODEL]
        figures = (
            draws.auc(model, listed),
            draws.auc(model, listed, third),
            draws.auc(ranked.rankings[EXPOSURE], listed),
        )
        joined = "" if before is None else str(int((listed & ~before).sum()))
        yield f"| {edition} | {int(listed.sum())} | {joined} | {' | '.join(_range(compute_interval(f)) for f in figures)} |"
        before = listed


def _thirds(ranked: CountryRankings, goods: Floats, draws: BootstrapSamples) -> Iterator[str]:
    yield "| third of population | countries | listed | AUC of the model |"
    yield "|---|---|---|---|"
    third, listed = assign_thirds(ranked.population), goods > 0
    for number, name in enumerate(("smallest", "middle", "largest")):
        here = third == number
        # Countries of other thirds stand alone in groups of their own: they are compared with none.
        groups = [0 if inside else code for inside, code in zip(here.tolist(), ranked.codes, strict=True)]
        of = int((listed & here).sum())
        figure = (
            _range(compute_interval(draws.auc(ranked.rankings[MODEL], listed, groups)))
            if of >= FEWEST
            else "too few"
        )
        yield f"| {name} | {int(here.sum())} | {of} | {figure} |"


def _by_subregion(ranked: CountryRankings, goods: Floats) -> Iterator[str]:
    yield f"No interval: a subregion is small. One with fewer than {FEWEST} countries listed, or not listed, is not ranked."
    yield ""
    yield "| subregion | countries | listed | mean inherent risk | AUC of the model |"
    yield "|---|---|---|---|---|"
    model, listed = ranked.rankings[MODEL], goods > 0
    for name in sorted(set(ranked.subregions)):
        here = np.array([s == name for s in ranked.subregions])
        of, n = int((listed & here).sum()), int(here.sum())
        figure = "not ranked"
        if of >= FEWEST and n - of >= FEWEST:
            figure = f"{BootstrapSamples(n, 1, SEED).auc(model[here], listed[here])[0]:.2f}"
        yield f"| {name} | {n} | {of} | {model[here].mean():.0f} | {figure} |"


def _blind_spots(ranked: CountryRankings, goods: Floats, names: Mapping[str, str]) -> Iterator[str]:
    model, listed = ranked.rankings[MODEL], goods > 0
    place = {int(j): number + 1 for number, j in enumerate(np.argsort(-model, kind="stable"))}

    def told(chosen: Sequence[int]) -> str:
        return "; ".join(f"{names.get(ranked.codes[j], ranked.codes[j])} ({place[j]})" for j in chosen)

    low = [int(j) for j in np.argsort(model, kind="stable") if listed[j]][:BLIND]
    high = [int(j) for j in np.argsort(-model, kind="stable") if not listed[j]][:BLIND]
    yield f"Place among {len(ranked.codes)} in brackets, 1 the highest risk."
    yield ""
    yield f"- Listed and ranked lowest: {told(low)}. There, look at the good, the corridor and the workforce before the country."
    yield (
        f"- Ranked highest and not listed: {told(high)}. Mostly states at war or closed to anyone who could see: "
        "not listed is not cleared."
    )


def _variants(
    ranked: CountryRankings, facts: Facts, on: date, forced: Floats, child: Floats, draws: BootstrapSamples
) -> Iterator[str]:
    """Each other model of ``validation.toml``: by how much it is ahead of the model."""
    third = assign_thirds(ranked.population).tolist()
    outcomes = [(goods > 0, groups) for goods in (forced, child) for groups in (None, third)]
    model = [draws.auc(ranked.rankings[MODEL], listed, groups) for listed, groups in outcomes]
    table = facts.as_of(on).get_country_table()
    known = set(table.columns[table.notna().any()])
    yield "By how much each is ahead of the model; * where the interval excludes 0."
    yield ""
    yield "| | forced labour | within thirds | child labour | within thirds |"
    yield "|---|---|---|---|---|"
    for variant in tomllib.loads(SAID.read_text(encoding="utf-8"))["variant"]:
        if not {f["fact"].removeprefix("country.") for f in variant.get("add", ())} <= known:
            yield f"| {variant['title']} | its facts were not known on that day | | | |"
            continue
        values = _inherent(_varied(ranked.model, variant), ranked.codes, facts, on)
        ahead = [
            compute_difference(draws.auc(values, listed, groups), own)
            for (listed, groups), own in zip(outcomes, model, strict=True)
        ]
        yield f"| {variant['title']} | {' | '.join(map(_signed, ahead))} |"


def _varied(model: Model, variant: Mapping[str, Any]) -> Model:
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


def _range(figure: Interval) -> str:
    return f"{figure.value:.2f} [{figure.low:.2f}, {figure.high:.2f}]"


def _signed(figure: Interval) -> str:
    return f"{figure.value:+.2f} [{figure.low:+.2f}, {figure.high:+.2f}]{' *' if figure.excludes_zero else ''}"
