"""Validation of the inherent country model against external outcomes, and the page that reports it."""

from dataclasses import replace
from datetime import date
from functools import cache

import numpy as np

from risk_models.facts.facts import load_facts
from risk_models.model import load_models
from risk_models.ranking import BootstrapSamples
from risk_models.validation import (
    MODEL_NAME,
    POPULATION_NAME,
    CountryRankings,
    compare_rankings,
    count_listed_goods,
    rank_countries,
    render_page,
)

ON = date(2026, 12, 1)
DRAWS = 60


@cache
def ranked() -> CountryRankings:
    return rank_countries(load_facts(), load_models(), ON)


@cache
def page_text() -> str:
    return render_page(load_facts(), load_models(), ON, {"MY": "Malaysia"}, draws=DRAWS)


def test_every_country_has_a_subregion_and_a_value_in_every_ranking() -> None:
    assert len(ranked().codes) == len(ranked().subregions) > 180
    assert all(np.isfinite(values).all() for values in ranked().rankings.values())


def test_the_model_is_compared_with_each_complete_fact_it_reads_their_mean_and_population() -> None:
    read = {f.fact for c in ranked().model.contexts for f in c.facts if f.fact.startswith("country.")}
    descriptions = load_facts().as_of(ON).descriptions
    titles = {descriptions[name].title for name in read if not descriptions[name].partial}
    assert set(ranked().rankings) == {MODEL_NAME, "Equal-weight mean of these facts", POPULATION_NAME} | titles


def test_goods_are_counted_by_edition_without_withdrawn_ones() -> None:
    listed = count_listed_goods(load_facts(), "forced_labour", ranked().codes)
    assert list(listed) == sorted(listed)
    assert len(listed) >= 4
    rows = load_facts().rows["goods"]
    in_2022 = rows[(rows["fact"] == "forced_labour") & (rows["year"] == "2022") & (rows["value"] == 1)]
    thai = in_2022[in_2022["code"].str.startswith("TH/")]
    assert listed["2022"][ranked().codes.index("TH")] == len(thai) > 0


def test_superiority_is_claimed_only_where_the_interval_of_the_difference_excludes_0() -> None:
    goods = count_listed_goods(load_facts(), "forced_labour", ranked().codes)["2022"]
    table = compare_rankings(ranked(), goods, BootstrapSamples(len(ranked().codes), DRAWS, 2026))
    claim = next(line for line in page_text().splitlines() if "forced labour, across all countries" in line)
    better = claim.partition("better than")[2].partition(";")[0]
    for comparison in table[1:]:
        assert comparison.model_lead is not None
        assert (f"*{comparison.name}*" in better) == (comparison.model_lead.low > 0), comparison.name


def test_a_ranking_that_knows_the_outcome_is_better_than_the_model() -> None:
    goods = count_listed_goods(load_facts(), "forced_labour", ranked().codes)["2022"]
    oracle = replace(ranked(), rankings={**ranked().rankings, "Oracle": goods})
    last = compare_rankings(oracle, goods, BootstrapSamples(len(goods), DRAWS, 2026))[-1]
    assert (last.raw.value, last.within.value) == (1.0, 1.0)
    assert last.model_lead is not None
    assert last.model_lead.high < 0


def test_the_page_names_blind_spots_the_bias_of_lists_and_the_digests_of_its_inputs() -> None:
    assert "Listed countries that rank lowest:" in page_text()
    assert "Malaysia (" in page_text()
    assert "favours traded goods and closely monitored countries" in page_text()
    assert ranked().model.digest[:16] in page_text()
    assert load_facts().as_of(ON).digest[:16] in page_text()


def test_rendering_the_page_again_gives_the_same_bytes() -> None:
    assert render_page(load_facts(), load_models(), ON, {"MY": "Malaysia"}, draws=DRAWS) == page_text()
