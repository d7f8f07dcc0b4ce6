"""The inherent country model against outcomes from outside, and the page that tells how it fares."""

from dataclasses import replace
from datetime import date
from functools import cache

import numpy as np

from risk_models.facts.facts import load_facts
from risk_models.model import load_all
from risk_models.ranking import BootstrapSamples
from risk_models.validation import EXPOSURE, MODEL, CountryRankings, compare_rankings, count_listed_goods, render_page, rank_countries

ON = date(2026, 9, 1)
FEW = 60


@cache
def ranked() -> CountryRankings:
    return rank_countries(load_facts(), load_all(), ON)


@cache
def told() -> str:
    return render_page(load_facts(), load_all(), ON, {"MY": "Malaysia"}, draws=FEW)


def test_every_country_has_a_subregion_and_a_value_from_every_contestant() -> None:
    assert len(ranked().codes) == len(ranked().subregions) > 180
    assert all(np.isfinite(values).all() for values in ranked().rankings.values())


def test_the_model_is_compared_with_each_complete_fact_it_reads_their_mean_and_exposure() -> None:
    read = {f.fact for c in ranked().model.contexts for f in c.facts if f.fact.startswith("country.")}
    known = load_facts().as_of(ON).descriptions
    titles = {known[name].title for name in read if not known[name].partial}
    assert set(ranked().rankings) == {MODEL, "Equal-weight mean of these facts", EXPOSURE} | titles


def test_editions_are_counted_apart_and_withdrawn_goods_are_not_counted() -> None:
    listed = count_listed_goods(load_facts(), "forced_labour", ranked().codes)
    assert list(listed) == sorted(listed)
    assert len(listed) >= 4
    rows = load_facts().rows["goods"]
    here = rows[(rows["fact"] == "forced_labour") & (rows["year"] == "2022") & (rows["value"] == 1)]
    thai = here[here["code"].str.startswith("TH/")]
    assert listed["2022"][ranked().codes.index("TH")] == len(thai) > 0


def test_superiority_is_claimed_only_where_the_interval_of_the_difference_excludes_0() -> None:
    goods = count_listed_goods(load_facts(), "forced_labour", ranked().codes)["2022"]
    table = compare_rankings(ranked(), goods, BootstrapSamples(len(ranked().codes), FEW, 2026))
    claim = next(line for line in told().splitlines() if "forced labour, over all countries" in line)
    better = claim.partition("better than")[2].partition(";")[0]
    for contestant in table[1:]:
        assert contestant.ahead is not None
        assert (f"*{contestant.name}*" in better) == (contestant.ahead.low > 0), contestant.name


def test_a_ranking_that_knows_the_outcome_is_told_better_than_the_model() -> None:
    goods = count_listed_goods(load_facts(), "forced_labour", ranked().codes)["2022"]
    oracle = replace(ranked(), rankings={**ranked().rankings, "Oracle": goods})
    last = compare_rankings(oracle, goods, BootstrapSamples(len(goods), FEW, 2026))[-1]
    assert (last.raw.value, last.within.value) == (1.0, 1.0)
    assert last.ahead is not None
    assert last.ahead.high < 0


def test_the_page_names_blind_spots_what_lists_lean_to_and_the_digests_it_rests_on() -> None:
    assert "Listed and ranked lowest:" in told()
    assert "Malaysia (" in told()
    assert "leans to traded goods and to countries that are watched" in told()
    assert ranked().model.digest[:16] in told()
    assert load_facts().as_of(ON).digest[:16] in told()


def test_the_page_is_the_same_bytes_again() -> None:
    assert render_page(load_facts(), load_all(), ON, {"MY": "Malaysia"}, draws=FEW) == told()
