"""One fact on the scale 0..1, in an invented world: what is known, what is not, and what was declined."""

from dataclasses import replace

import numpy as np
import pytest

from risk_models.answers import from_rows
from risk_models.facts.facts import Good
from risk_models.facts.inherent import PART_STATES
from risk_models.facts.scales import FactScaler, ScaledFactColumn, fill_unknown, list_place_contexts, scale
from risk_models.model import Model, ScaledFact
from risk_models.name_normalize import name_key
from tests.test_risk_models.world import (
    AGENCY,
    FACTS,
    GOVERNANCE,
    SITE,
    TRADE,
    build_context,
    build_facts,
    build_scaled_fact,
)

COST = build_scaled_fact("corridor.cost")
LISTED = build_scaled_fact("goods.listed", 0.0, 3.0)


def build_scaler(*rows: dict[str, object], model: Model = SITE) -> FactScaler:
    return FactScaler(from_rows(rows), model, FACTS)


def get_single(column: ScaledFactColumn) -> tuple[float, float, float, str]:
    """Return the values of a single supplier: x, its lowest, its highest, and how it is known."""
    return (
        pytest.approx(float(column.x[0]), nan_ok=True),
        pytest.approx(float(column.low[0]), nan_ok=True),
        pytest.approx(float(column.high[0]), nan_ok=True),
        PART_STATES[column.state[0]],
    )


def read_fact(fact: ScaledFact, model: Model = SITE, **answers: object) -> tuple[float, float, float, str]:
    return get_single(build_scaler(answers, model=model).scale_fact(fact))


UNKNOWN = (pytest.approx(np.nan, nan_ok=True),) * 3 + ("unknown",)
DECLINED = (1.0, 1.0, 1.0, "declined")


def known(x: float) -> tuple[float, float, float, str]:
    return (pytest.approx(x), pytest.approx(x), pytest.approx(x), "known")


def test_a_scale_is_linear_between_its_bounds_and_flat_outside() -> None:
    rising, falling = build_scaled_fact("country.law", 2.0, 4.0), build_scaled_fact("country.law", 4.0, 2.0)
    values = np.array([0.0, 2.0, 3.5, 4.0, 9.0, np.nan])
    assert scale(rising, values).tolist() == pytest.approx([0, 0, 0.75, 1, 1, np.nan], nan_ok=True)
    assert scale(falling, values).tolist() == pytest.approx([1, 1, 0.25, 0, 0, np.nan], nan_ok=True)


def test_unknown_values_are_replaced() -> None:
    assert fill_unknown(np.array([0.3, np.nan]), 1.0).tolist() == [0.3, 1.0]


def test_the_place_is_made_of_facts_of_country_and_sector_that_act_whether_known_or_not() -> None:
    mixed = build_context("mixed", 0.1, build_scaled_fact("country.law"), build_scaled_fact("answer.migrant_pct"))
    card = build_context("card", 0.1, build_scaled_fact("country.card"), only_where_known=True)
    model = replace(SITE, contexts=(GOVERNANCE, TRADE, mixed, card))
    assert list_place_contexts(model) == (GOVERNANCE, TRADE)


# --- the sector


def test_the_hazard_of_a_sector_is_that_of_the_longest_code_known() -> None:
    assert get_single(build_scaler({"sector": ["1020"]}).scale_sector_hazard()) == known(0.6)
    assert get_single(build_scaler({"sector": ["1079"]}).scale_sector_hazard()) == known(0.4)


def test_of_several_sectors_the_one_of_the_largest_hazard_counts() -> None:
    assert get_single(build_scaler({"sector": ["4100", "1020", "99"]}).scale_sector_hazard()) == known(0.6)


@pytest.mark.parametrize("answers", [{}, {"sector": ["99"]}, {"sector": "declined"}])
def test_a_sector_of_a_site_that_is_not_known_or_declined_is_unknown(answers: dict[str, object]) -> None:
    assert get_single(build_scaler(answers).scale_sector_hazard()) == UNKNOWN


def test_an_agency_is_in_the_recruitment_business_whatever_it_places_in() -> None:
    placed = [{}, {"placement_sectors": ["4100"]}, {"placement_sectors": ["1020"]}]
    assert build_scaler(*placed, model=AGENCY).scale_sector_hazard().x.tolist() == [0.5, 0.5, 0.6]


def test_the_sectors_an_agency_places_in_declined_count_as_the_largest_hazard_of_all() -> None:
    declined = {"placement_sectors": "declined"}
    assert get_single(build_scaler(declined, model=AGENCY).scale_sector_hazard()) == DECLINED
    assert get_single(build_scaler(declined, model=replace(AGENCY, method=1)).scale_sector_hazard()) == known(0.5)


# --- the country


def test_a_fact_of_a_country_that_is_not_known_is_filled_from_its_neighbours_and_lies_in_their_range() -> None:
    of = build_scaler({"country": "BB"}, {"country": "DD"})
    crises = of.scale_country_fact(build_scaled_fact("country.crises"), of.find_place_rows("country"))
    # Of 4, 6 and 10, which the neighbours have, three quarters do not exceed 8.
    assert crises.x.tolist() == pytest.approx([0.6, 0.8])
    assert (crises.low.tolist(), crises.high.tolist()) == (pytest.approx([0.6, 0.4]), pytest.approx([0.6, 1.0]))
    assert [PART_STATES[state] for state in crises.state] == ["known", "filled"]
    assert crises.value.tolist() == pytest.approx([6, 8])


def test_the_range_of_a_filled_fact_lies_the_right_way_round_where_less_of_it_is_riskier() -> None:
    of = build_scaler({"country": "DD"})
    crises = of.scale_country_fact(build_scaled_fact("country.crises", 10.0, 0.0), of.find_place_rows("country"))
    assert (crises.low[0], crises.high[0]) == (pytest.approx(0.0), pytest.approx(0.6))


@pytest.mark.parametrize("answers", [{}, {"country": "ZZ"}, {"country": "EE"}, {"country": "declined"}])
def test_a_country_of_which_nothing_is_known_is_an_unknown_place(answers: dict[str, object]) -> None:
    of = build_scaler(answers)
    assert of.find_place_rows("country").tolist() == [-1]
    assert get_single(of.scale_country_fact(build_scaled_fact("country.law"), of.find_place_rows("country"))) == UNKNOWN


def test_a_declined_place_counts_since_method_2() -> None:
    flags = [{"flag": "declined"}, {"flag": "AA"}, {}]
    assert build_scaler(*flags).is_declined("flag").tolist() == [True, False, False]
    assert build_scaler(*flags, model=replace(SITE, method=1)).is_declined("flag").tolist() == [False] * 3


def test_an_unknown_place_counts_as_three_quarters_of_the_fact_table_and_may_be_any_of_it() -> None:
    of = build_scaler({}, {"country": "AA"}, {"sector": ["1020"]}, {"country": "AA", "sector": ["1020"]})
    place, hazard = of.find_place_rows("country"), of.scale_sector_hazard().x
    point, lowest, highest = of.estimate_unknown_place(
        (GOVERNANCE, TRADE), place, hazard, np.array([True, True, True, False])
    )
    law_and_crises = [0.15, 0.35, 0.475, 0.35]  # half the mean of each country; of Dunland crises are filled
    hazards = [0.4, 0.2, 0.5, 1.0]  # of divisions alone

    def h(governance: float, trade: float) -> float:
        return governance + 0.5 * trade * (1 - governance)

    every = [h(g, t) for g in law_and_crises for t in hazards]
    in_aa, in_the_trade = [h(0.15, t) for t in hazards], [h(g, 0.6) for g in law_and_crises]
    assert point.tolist() == pytest.approx([*(np.percentile(of, 75) for of in (every, in_aa, in_the_trade)), 0])
    assert lowest.tolist() == pytest.approx([min(every), min(in_aa), min(in_the_trade), 0])
    assert highest.tolist() == pytest.approx([max(every), max(in_aa), max(in_the_trade), 0])


# --- answers, and facts of a country or a flag that are not of the place


def test_a_number_that_was_answered_is_read_on_its_scale() -> None:
    share = build_scaled_fact("answer.migrant_pct", 0.0, 100.0)
    assert read_fact(share, migrant_pct=40.0) == known(0.4)
    assert read_fact(share, migrant_pct="declined") == DECLINED
    assert read_fact(share) == read_fact(share, migrant_pct="many") == UNKNOWN


def test_a_flag_that_was_declined_counts_as_the_top_of_the_scale_and_a_country_is_unknown() -> None:
    flag, country = build_scaled_fact("flag.card", 0.0, 1.0), build_scaled_fact("country.card", 0.0, 1.0)
    assert read_fact(flag, flag="CC") == read_fact(country, country="CC") == known(1.0)
    assert read_fact(flag, flag="AA") == known(0.0)
    assert read_fact(flag, flag="BB") == UNKNOWN
    assert read_fact(flag, flag="declined") == DECLINED
    assert read_fact(country, country="declined") == UNKNOWN


def test_facts_of_the_sector_are_read_with_the_place_alone() -> None:
    with pytest.raises(ValueError, match=r"sector\.hazard: facts about a sector belong"):
        build_scaler({}).scale_fact(build_scaled_fact("sector.hazard"))


# --- corridors


def test_of_all_that_is_known_of_a_corridor_and_its_ends_the_riskiest_counts() -> None:
    assert read_fact(COST, worker_origin_countries=["NN"], country="AA") == known(
        0.4
    )  # 4 there, 2 from there to anywhere
    assert read_fact(COST, worker_origin_countries=["NN"], country="BB") == known(0.8)  # 2 from there, 8 to there


def test_where_less_of_it_is_riskier_the_least_that_is_known_of_corridors_counts() -> None:
    protection = build_scaled_fact("corridor.protection", 10.0, 0.0)
    assert read_fact(protection, worker_origin_countries=["PP"], country="BB") == known(0.8)  # 2 there, 9 to there
    assert read_fact(protection, worker_origin_countries=["NN", "PP"], country="AA") == known(0.7)  # 6 and 3


def test_a_second_corridor_counts_where_it_is_riskier_and_one_unknown_may_be_anything() -> None:
    assert read_fact(COST, worker_origin_countries=["PP", "NN"], country="AA") == known(0.4)
    x, low, high, state = read_fact(COST, worker_origin_countries=["NN", "XX"], country="AA")
    assert (x, low, high, state) == (pytest.approx(0.4), pytest.approx(0.4), 1.0, "known")


def test_of_corridors_of_which_nothing_is_known_only_the_top_is_open() -> None:
    unknown = (pytest.approx(np.nan, nan_ok=True),) * 2
    assert read_fact(COST, worker_origin_countries=["XX"], country="AA") == (*unknown, 1.0, "unknown")
    assert read_fact(COST, country="AA") == UNKNOWN  # no origin was answered


def test_people_from_the_country_itself_came_through_no_corridor() -> None:
    assert read_fact(COST, worker_origin_countries=["AA"], country="AA") == UNKNOWN


def test_declined_origins_count_as_the_top_of_the_scale() -> None:
    assert read_fact(COST, worker_origin_countries="declined", country="AA") == DECLINED


def test_the_corridors_of_an_agency_lead_to_its_destinations() -> None:
    sent = {"worker_origin_countries": ["NN"], "country": "AA", "destination_countries": ["BB"]}
    assert read_fact(COST, AGENCY, **sent) == known(0.8)
    assert read_fact(COST, AGENCY, **sent | {"destination_countries": "declined"}) == DECLINED


def test_of_the_places_an_agency_sends_people_to_and_its_own_the_riskiest_counts() -> None:
    tied = build_scaled_fact("destination.tied", 0.0, 1.0)
    assert read_fact(tied, AGENCY, destination_countries=["CC", "BB"], country="AA") == known(1.0)
    assert read_fact(tied, AGENCY, destination_countries=["CC"], country="BB") == known(1.0)
    assert read_fact(tied, AGENCY, destination_countries="declined", country="CC") == DECLINED


def test_its_own_country_is_a_gap_in_what_is_known_of_an_agency_only_where_it_names_no_other() -> None:
    tied = build_scaled_fact("destination.tied", 0.0, 1.0)
    assert read_fact(tied, AGENCY, destination_countries=["CC"], country="AA") == known(0.0)
    assert read_fact(tied, AGENCY, destination_countries=["CC", "AA"], country="AA")[2] == 1.0
    assert read_fact(tied, AGENCY, country="AA")[2:] == (1.0, "unknown")


# --- goods


def test_a_good_counts_where_it_is_listed_for_the_country_of_work() -> None:
    assert read_fact(LISTED, product="Frozen prawns", country="AA") == known(1 / 3)
    assert read_fact(LISTED, product="Cotton and shrimp", country="BB") == known(1.0)


@pytest.mark.parametrize(
    "answers",
    [
        {"product": "Steel", "country": "AA"},
        {"product": "Shrimp", "country": "CC"},
        {"product": "Shrimp"},
        {"country": "AA"},
    ],
)
def test_a_good_that_is_not_listed_there_proves_nothing(answers: dict[str, object]) -> None:
    assert read_fact(LISTED, **answers) == UNKNOWN


def test_products_that_were_declined_count_as_listed_where_any_good_is_listed() -> None:
    assert read_fact(LISTED, product="declined", country="BB") == DECLINED
    assert read_fact(LISTED, product="declined", country="CC") == UNKNOWN
    assert read_fact(LISTED, replace(SITE, method=1), product="declined", country="BB") == UNKNOWN


# --- agencies


def test_the_worst_agency_that_is_named_counts_under_any_spelling_of_its_name() -> None:
    scores = {name_key("Swift Hands"): 30.0, name_key("Quay Crew"): 70.0}
    assert get_single(build_scaler({"agencies": ["Swift Hands", "Quay Crew"]}).scale_agency_score(scores)) == known(0.7)
    assert get_single(build_scaler({"agencies": ["SWIFT  hands"]}).scale_agency_score(scores)) == known(0.3)


def test_an_agency_that_was_not_assessed_leaves_the_top_of_the_range_open() -> None:
    of = build_scaler({"agencies": ["Swift Hands", "Nobody Known"]})
    x, low, high, state = get_single(of.scale_agency_score({name_key("Swift Hands"): 30.0}))
    assert (x, low, high, state) == (pytest.approx(0.3), pytest.approx(0.3), 1.0, "known")
    assert get_single(build_scaler({"agencies": ["Nobody Known"]}).scale_agency_score({}))[2:] == (1.0, "unknown")


def test_agencies_that_were_declined_stand_at_the_top_and_where_none_is_used_nothing_is_open() -> None:
    assert get_single(build_scaler({"agencies": "declined"}).scale_agency_score({})) == DECLINED
    assert get_single(build_scaler({"agencies": "cannot_apply"}).scale_agency_score({})) == UNKNOWN
    assert get_single(build_scaler({}).scale_agency_score({})) == UNKNOWN


def test_facts_of_a_supplier_are_the_same_alone_or_among_others() -> None:
    rows = [
        {"worker_origin_countries": ["NN"], "country": "AA", "product": "Shrimp", "migrant_pct": 10.0, "flag": "CC"},
        {},
        {"worker_origin_countries": "declined", "country": "BB", "product": "declined", "flag": "declined"},
        {"worker_origin_countries": ["NN", "XX"], "country": "BB", "product": "Cotton", "migrant_pct": "declined"},
    ]
    for fact in (
        COST,
        LISTED,
        build_scaled_fact("answer.migrant_pct"),
        build_scaled_fact("flag.card"),
        build_scaled_fact("country.card"),
    ):
        together = build_scaler(*rows).scale_fact(fact)
        for j, row in enumerate(rows):
            alone = build_scaler(row).scale_fact(fact)
            for name in ("x", "low", "high", "value", "state"):
                assert np.array_equal(getattr(together, name)[j : j + 1], getattr(alone, name), equal_nan=True), name


def test_in_a_world_without_gaps_nothing_is_filled() -> None:
    whole = build_facts({"AA": {"law": 2.0, "crises": 4.0}, "BB": {"law": 8.0, "crises": 6.0}})
    of = FactScaler(from_rows([{"country": "AA"}]), SITE, whole)
    assert get_single(
        of.scale_country_fact(build_scaled_fact("country.crises"), of.find_place_rows("country"))
    ) == known(0.4)


# --- facts of method 4


CARD = build_scaled_fact("vessel.card", 0.0, 2.0)
VESSELS = build_facts({"AA": {"law": 2.0, "card": 1.0}, "BB": {"law": 8.0, "card": 2.0}, "CC": {"law": 9.0}})


def read_vessel(**answers: object) -> tuple[float, float, float, str]:
    scaler = FactScaler(from_rows([answers]), replace(SITE, method=4), VESSELS)
    return get_single(scaler.scale_fact(CARD))


def test_a_vessel_takes_the_riskiest_of_its_country_flag_and_owners_country() -> None:
    assert read_vessel(country="AA") == known(0.5)
    assert read_vessel(country="AA", flag="BB") == read_vessel(country="BB", flag="AA") == known(1.0)
    assert read_vessel(country="AA", flag="AA", owner_country="BB") == known(1.0)


def test_a_state_of_a_vessel_without_a_value_may_be_the_worst_and_one_not_given_adds_nothing() -> None:
    assert read_vessel(country="AA", flag="CC") == (pytest.approx(0.5), pytest.approx(0.5), 1.0, "known")
    assert read_vessel(country="AA", owner_country="CC") == (pytest.approx(0.5), pytest.approx(0.5), 1.0, "known")


@pytest.mark.parametrize("question", ["flag", "owner_country"])
def test_a_declined_flag_or_owner_of_a_vessel_counts_as_the_worst(question: str) -> None:
    assert read_vessel(country="AA", **{question: "declined"}) == DECLINED


SHARE = replace(
    build_scaled_fact("country.law"),
    share_facts=(build_scaled_fact("country.crises", 0.0, 8.0), build_scaled_fact("answer.migrant_pct", 0.0, 50.0)),
)


def test_a_fact_for_a_share_of_the_workers_counts_for_the_larger_of_the_shares() -> None:
    assert read_fact(SHARE, country="AA", migrant_pct=0.0) == known(0.2 * 0.5)
    assert read_fact(SHARE, country="AA", migrant_pct=40.0) == known(0.2 * 0.8)
    assert read_fact(SHARE, country="AA", migrant_pct=90.0) == known(0.2)


def test_a_share_that_is_not_known_counts_in_full_and_one_not_given_may_be_everyone() -> None:
    assert read_fact(SHARE, country="DD", migrant_pct=None) == (pytest.approx(0.6), 0.0, pytest.approx(0.6), "known")
    assert read_fact(SHARE, country="AA") == (pytest.approx(0.1), pytest.approx(0.1), pytest.approx(0.2), "known")


def test_where_the_law_is_not_known_the_share_limits_the_worst_case() -> None:
    unknown = replace(SHARE, fact="country.card")
    point, low, high, state = read_fact(unknown, country="BB", migrant_pct=10.0)
    assert (point, low, high, state) == (pytest.approx(np.nan, nan_ok=True), 0.0, pytest.approx(0.75), "unknown")


SECTOR_GOODS = build_scaled_fact("sector_goods.listed", 0.0, 6.0)


def test_a_site_is_in_a_sector_of_the_goods_listed_for_its_country() -> None:
    goods = {"shrimp": Good(("shrimp",), ("0311", "1020"), ()), "cotton": Good(("cotton",), ("0116",), ())}
    facts = replace(FACTS, goods=goods)

    def read(**answers: object) -> tuple[float, float, float, str]:
        return get_single(FactScaler(from_rows([answers]), SITE, facts).scale_fact(SECTOR_GOODS))

    assert read(country="BB", sector=["0116"]) == known(2 / 6)
    assert read(country="BB", sector=["01"]) == known(2 / 6)
    assert read(country="BB", sector=["0116", "1020"], product="chairs") == known(3 / 6)
    assert read(country="AA", sector=["0116"]) == read(country="BB", sector=["41"]) == UNKNOWN
    assert read(sector=["0116"]) == read(country="BB") == UNKNOWN


def test_since_method_4_facts_of_which_nothing_was_published_by_the_day_are_left_out_of_the_place() -> None:
    later = build_context("governance", 0.5, build_scaled_fact("country.law"), build_scaled_fact("country.not_yet"))
    facts = replace(FACTS, descriptions={**FACTS.descriptions, "country.not_yet": FACTS.descriptions["country.law"]})
    rows = [{"country": "AA", "sector": ["41"]}]
    scaler = FactScaler(from_rows(rows), replace(SITE, contexts=(later, TRADE), method=4), facts)
    assert [fact.fact for fact in scaler.place_contexts[0].facts] == ["country.law"]
    assert scaler.find_place_rows("country").tolist() == [0]
