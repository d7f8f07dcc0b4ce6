"""Validation of the order of countries in each trade: what the page says about it, and what the models must reach."""

import tomllib
from datetime import date
from functools import cache

import numpy as np
import pytest

from risk_models.facts.facts import load_facts
from risk_models.model import load_models
from risk_models.validation_trades import (
    SUBREGIONS_FILE,
    VALIDATION_FILE,
    Trade,
    TradeRankings,
    apply_alternative,
    compare_orders,
    compute_trade_risk,
    correlate,
    count_low,
    get_outcome,
    list_regions,
    measure_agreement,
    measure_documented,
    rank_trades,
    read_trades,
    render_trades,
)

ON = date(2026, 12, 1)
SNAPSHOT = load_facts().as_of(ON)
TRADES = read_trades()


@cache
def ranked(version: str = "2026.5") -> TradeRankings:
    return rank_trades(SNAPSHOT, load_models(), version)


@cache
def page_text() -> str:
    return "\n".join(render_trades(load_facts(), load_models(), ON, {"TW": "Taiwan"}))


def get_risk(trade: str, country: str) -> float:
    return float(ranked().risk[trade][ranked().position[country]])


@pytest.mark.parametrize("trade", TRADES, ids=lambda trade: trade.id)
def test_documented_places_rank_above_middling_ones_four_times_out_of_five(trade: Trade) -> None:
    share, documented, middling = measure_documented(ranked(), trade)
    assert documented >= 12
    assert middling > 40
    assert share >= 0.80


@pytest.mark.parametrize("trade", TRADES, ids=lambda trade: trade.id)
def test_a_perfect_confirmed_site_is_low_in_many_countries_and_never_where_a_state_imposes_labour(trade: Trade) -> None:
    n, countries = count_low(ranked(), trade, SNAPSHOT)
    assert n == len(countries) > 100
    assert {"NO", "UY", "JP"} <= set(countries)
    assert not {"KP", "ER"} & set(countries)


def test_agreement_within_world_regions_is_better_than_in_the_version_before() -> None:
    outcome, regions = get_outcome(ranked().codes, SNAPSHOT), list_regions(ranked().codes)
    for trade in TRADES:
        now, _ = measure_agreement(ranked().risk[trade.id], outcome, regions)
        before, _ = measure_agreement(ranked("2026.3").risk[trade.id], outcome, regions)
        assert now > before, trade.id


def test_fishing_has_a_geography_of_its_own_and_the_page_says_which_trades_have_none() -> None:
    assert max(order[0] for pair, order in compare_orders(ranked()).items() if "fishing" in pair) <= 0.95
    assert "- Fishing: ranks countries in its own order" in page_text()
    assert "- Mining: almost the same order as" in page_text()


@pytest.mark.parametrize(
    ("trade", "riskier", "safer"),
    [
        ("construction", "QA", "UY"),
        ("construction", "KW", "MA"),
        ("construction", "AE", "SG"),
        ("construction", "MY", "CL"),
        ("construction", "SA", "DE"),
        ("domestic_work", "SA", "OM"),
        ("domestic_work", "LB", "UY"),
        ("domestic_work", "SG", "JP"),
        ("domestic_work", "HK", "DE"),
        ("domestic_work", "TW", "KR"),
        ("fishing", "TW", "JP"),
        ("fishing", "TH", "MY"),
        ("fishing", "CN", "PE"),
        ("fishing", "GH", "ZA"),
        ("fishing", "VU", "MU"),
        ("garments", "CN", "RO"),
        ("garments", "TM", "KZ"),
        ("garments", "MM", "LK"),
        ("farming", "TM", "UZ"),
        ("farming", "IN", "BW"),
        ("mining", "CD", "CL"),
    ],
)
def test_no_expert_would_dispute_which_country_is_riskier_in_a_trade(trade: str, riskier: str, safer: str) -> None:
    assert get_risk(trade, riskier) > get_risk(trade, safer)


def test_a_reform_does_not_help_a_trade_it_leaves_out() -> None:
    saudi = {
        name: SNAPSHOT.get_value("country", "SA", f"tied_law_{name}")
        for name in ("general", "construction", "domestic")
    }
    assert saudi["general"] == saudi["construction"] == 0.5 < saudi["domestic"] == 1.0


def test_agreement_counts_pairs_within_groups_and_half_of_ties() -> None:
    risk, outcome = np.array([1.0, 2.0, 2.0, 5.0]), np.array([1.0, 2.0, 3.0, np.nan])
    share, pairs = measure_agreement(risk, outcome)
    assert (round(share, 6), pairs) == (0.833333, 3)
    assert measure_agreement(risk, outcome, ["a", "a", "b", "b"]) == (1.0, 1)
    assert np.isnan(measure_agreement(risk, outcome, ["a", "b", "c", "d"])[0])


def test_a_correlation_is_that_of_ranks_and_needs_three_places() -> None:
    assert correlate(np.array([1.0, 2.0, 9.0]), np.array([10.0, 11.0, 12.0])) == 1.0
    assert correlate(np.array([1.0, 2.0, 9.0]), np.array([3.0, 2.0, 1.0])) == -1.0
    assert np.isnan(correlate(np.array([1.0, 2.0]), np.array([1.0, 2.0])))


def test_every_alternative_changes_the_order_or_the_points_of_its_trade() -> None:
    by_id = {trade.id: trade for trade in TRADES}
    for raw in tomllib.loads(VALIDATION_FILE.read_text(encoding="utf-8"))["alternative"]:
        trade = by_id[raw["trade"]]
        model = ranked().models[trade.model]
        assert set(raw["contexts"]) <= {context.id for context in model.contexts}, raw["title"]
        changed = compute_trade_risk(ranked().codes, trade, apply_alternative(model, raw), SNAPSHOT)
        assert not np.allclose(changed, ranked().risk[trade.id]), raw["title"]


def test_every_subregion_belongs_to_one_world_region() -> None:
    subregions = list(tomllib.loads(SUBREGIONS_FILE.read_text(encoding="utf-8")))
    regions = tomllib.loads(VALIDATION_FILE.read_text(encoding="utf-8"))["regions"]
    assert sorted(subregions) == sorted(name for names in regions.values() for name in names)


def test_the_page_says_who_moves_most_what_was_tried_and_what_the_model_does_not_see() -> None:
    for text in (
        "Taiwan (+",
        "Tied law left out",
        "facts as known on",
        "perfect, confirmed site",
        "### Known blind spots",
    ):
        assert text in page_text()


def test_no_model_reads_the_outcome() -> None:
    read = {fact.fact for model in load_models() for context in model.all_contexts for fact in context.all_facts}
    assert not any("free_from_forced_labour" in fact for fact in read)
    assert SNAPSHOT.get_use("country.vdem_free_from_forced_labour_note") == "note"
