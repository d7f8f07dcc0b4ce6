"""The inherent risk of suppliers in an invented world, built step by step from its facts, with the range of what is not known."""

from dataclasses import replace

import numpy as np
import pytest

from risk_models.answers import from_rows
from risk_models.facts import inherent
from risk_models.facts.inherent import PART_STATES, UNKNOWN_PLACE, InherentRisk, compute_inherent_risk
from risk_models.model import Model
from risk_models.name_normalize import name_key
from tests.test_risk_models.suppliers import POSITION
from tests.test_risk_models.world import (
    AGENCY,
    FACTS,
    SITE,
    TRADE,
    build_context,
    build_scaled_fact,
    build_sharper_context,
)

IN_AA = {"country": "AA", "sector": ["1020"]}
# Governance: half the mean of 0.2 and 0.4. Trade: half of 0.6, of what is left.
H_IN_AA = 0.15 + 0.5 * 0.6 * 0.85
SWIFT = {name_key("Swift Hands"): 80.0}


def compute_inherent(
    *rows: dict[str, object], model: Model = SITE, agencies: dict[str, float] | None = None
) -> InherentRisk:
    return compute_inherent_risk(from_rows(rows), model, FACTS, agencies or {})


def get_context(risk: InherentRisk, indicator: str = "hours") -> tuple[float, float, float]:
    """Return the context of an indicator of the first supplier, its lowest and its highest; "hours" has no sharper context."""
    row = risk.context_row[POSITION[indicator]]
    point, lowest, highest = (float(array[row, 0]) for array in (risk.context, risk.context_low, risk.context_high))
    return point, lowest, highest


def approximate(*points: float) -> object:
    """Return a context, its lowest and its highest, to compare except for the last bits."""
    return pytest.approx(points)


def list_parts(risk: InherentRisk) -> dict[str, tuple[float, str]]:
    """Return the points of each part of the first supplier, and how it is known."""
    return {part.id: (pytest.approx(float(part.points[0])), PART_STATES[part.state[0]]) for part in risk.parts}


def compute_base(risk: InherentRisk, model: Model = SITE) -> float:
    """Return 100 times the weighted mean context of the first supplier."""
    weights = np.array([indicator.weight for indicator in model.indicators])
    return float(100 * (weights * risk.context[risk.context_row, 0]).sum() / weights.sum())


# --- step by step


def test_each_context_closes_a_share_of_the_remaining_gap() -> None:
    risk = compute_inherent(IN_AA)
    assert get_context(risk)[:2] == approximate(H_IN_AA, H_IN_AA)
    assert list_parts(risk) == {
        UNKNOWN_PLACE: (0, "unknown"),
        "country.law": (100 * 0.5 * 0.2 / 2, "known"),
        "country.crises": (100 * 0.5 * 0.4 / 2, "known"),
        "sector.hazard": (100 * 0.5 * 0.6 * 0.85, "known"),
        "answer.migrant_pct": (0, "unknown"),
        "corridor_fees": (0, "unknown"),
        "agency": (0, "unknown"),
    }


@pytest.mark.parametrize(
    "answers",
    [
        IN_AA,
        {},
        IN_AA | {"migrant_pct": 40.0, "worker_origin_countries": ["NN"], "agencies": ["Swift Hands"]},
        IN_AA | {"flag": "CC", "owner_country": "BB"},
        IN_AA | {"flag": "declined", "worker_origin_countries": "declined", "agencies": "declined"},
    ],
)
def test_the_points_of_the_parts_add_up_to_the_weighted_mean_of_the_contexts(answers: dict[str, object]) -> None:
    risk = compute_inherent(answers, agencies=SWIFT)
    assert sum(part.points[0] for part in risk.parts) == pytest.approx(compute_base(risk), abs=1e-9)


def test_a_further_fact_does_not_dilute_earlier_ones() -> None:
    crises_alone = replace(SITE, contexts=(build_context("crises", 0.5, build_scaled_fact("country.crises")), TRADE))
    migrants_too = replace(
        SITE, contexts=(*crises_alone.contexts, build_context("migrants", 0.2, build_scaled_fact("answer.migrant_pct")))
    )
    assert (
        get_context(compute_inherent(IN_AA | {"migrant_pct": 0.0}, model=migrants_too))[0]
        == get_context(compute_inherent(IN_AA, model=crises_alone))[0]
    )
    assert (
        get_context(compute_inherent(IN_AA | {"migrant_pct": 5.0}, model=migrants_too))[0]
        > get_context(compute_inherent(IN_AA, model=crises_alone))[0]
    )


def test_a_context_that_counts_only_where_known_widens_the_worst_case_while_unknown() -> None:
    forty, unknown, declined = (
        compute_inherent(IN_AA | answer) for answer in ({"migrant_pct": 40.0}, {}, {"migrant_pct": "declined"})
    )
    left = 1 - H_IN_AA
    with_forty, with_all = (H_IN_AA + 0.2 * share * left for share in (0.4, 1.0))
    assert get_context(forty) == approximate(with_forty, with_forty, with_forty)
    assert get_context(unknown) == approximate(H_IN_AA, H_IN_AA, with_all)
    assert get_context(declined) == approximate(with_all, with_all, with_all)
    assert list_parts(declined)["answer.migrant_pct"] == (pytest.approx(100 * 0.2 * left), "declined")


def test_of_several_facts_of_a_context_the_mean_counts_and_each_has_its_own_points() -> None:
    both = build_context(
        "both",
        0.2,
        build_scaled_fact("answer.migrant_pct", 0.0, 100.0),
        build_scaled_fact("flag.card", 0.0, 1.0),
        only_where_known=True,
    )
    model = replace(SITE, contexts=(*SITE.contexts[:2], both))
    left = 1 - H_IN_AA
    known = compute_inherent(IN_AA | {"migrant_pct": 40.0, "flag": "AA"}, model=model)
    half_known = compute_inherent(IN_AA | {"migrant_pct": 40.0}, model=model)
    # Under the first edition, so that what was declined is no other place as well.
    declined = compute_inherent(IN_AA | {"migrant_pct": 40.0, "flag": "declined"}, model=replace(model, method=1))
    assert get_context(known) == approximate(*[H_IN_AA + 0.2 * (0.4 + 0.0) / 2 * left] * 3)
    assert get_context(half_known)[0] == pytest.approx(H_IN_AA + 0.2 * 0.4 / 2 * left)
    assert get_context(half_known)[2] == pytest.approx(H_IN_AA + 0.2 * (0.4 + 1.0) / 2 * left)
    points = list_parts(declined)
    assert points["answer.migrant_pct"][0] == pytest.approx(100 * 0.2 * 0.4 / 2 * left)
    assert points["flag.card"] == (pytest.approx(100 * 0.2 * 1.0 / 2 * left), "declined")


def test_a_context_that_is_known_in_part_has_its_own_range() -> None:
    fees = build_context("fees", 0.2, build_scaled_fact("corridor.cost"), only_where_known=True)
    risk = compute_inherent(
        IN_AA | {"worker_origin_countries": ["NN", "XX"]}, model=replace(SITE, contexts=(*SITE.contexts[:2], fees))
    )
    assert get_context(risk) == approximate(*(H_IN_AA + 0.2 * x * (1 - H_IN_AA) for x in (0.4, 0.4, 1.0)))


def test_a_fact_that_is_filled_has_the_range_of_its_neighbours_and_is_not_known() -> None:
    risk = compute_inherent({"country": "DD", "sector": ["1020"], "migrant_pct": 0.0})
    # Law is 6; crises are 8, from 4 to 10.
    assert get_context(risk) == approximate(*(governance + 0.3 * (1 - governance) for governance in (0.35, 0.25, 0.4)))
    assert list_parts(risk)["country.crises"][1] == "filled"
    assert risk.known_share[0] == pytest.approx(2 / 3)  # law and the trade, of three facts
    assert risk.place_known[0]


# --- sharper contexts


def test_an_indicator_takes_the_sharper_context_that_it_names_where_that_is_higher() -> None:
    risk = compute_inherent(IN_AA | {"worker_origin_countries": ["NN"], "country": "BB"})
    usual = get_context(risk)[0]
    assert get_context(risk, "fees")[:2] == approximate(0.8, 0.8)  # a corridor of 8
    assert usual < 0.8
    assert list_parts(risk)["corridor_fees"] == (pytest.approx(100 * 4 / 23 * (0.8 - usual)), "known")


def test_a_sharper_context_below_the_inherent_risk_changes_nothing() -> None:
    risk = compute_inherent({**IN_AA, "migrant_pct": 0.0, "worker_origin_countries": ["PP"]})  # a corridor of 1
    assert get_context(risk, "fees") == get_context(risk)
    assert list_parts(risk)["corridor_fees"] == (0, "known")


def test_a_sharper_context_that_is_not_known_opens_the_top_of_the_range_alone() -> None:
    risk = compute_inherent({**IN_AA, "migrant_pct": 0.0, "worker_origin_countries": ["XX"]})
    assert get_context(risk, "fees") == approximate(H_IN_AA, H_IN_AA, 1.0)
    assert get_context(risk) == approximate(H_IN_AA, H_IN_AA, H_IN_AA)


def test_the_worst_agency_is_a_sharper_context_after_the_corridor() -> None:
    risk = compute_inherent(IN_AA | {"worker_origin_countries": ["NN"], "agencies": ["Swift Hands"]}, agencies=SWIFT)
    # The corridor of 4 lies below the inherent risk, the agency's 80 above.
    assert get_context(risk, "fees")[0] == pytest.approx(0.8)
    assert list_parts(risk)["agency"] == (pytest.approx(100 * 4 / 23 * (0.8 - H_IN_AA)), "known")


def test_of_the_facts_of_a_sharper_context_the_largest_counts_and_an_unknown_one_raises_the_top_alone() -> None:
    two = build_sharper_context(
        "corridor_fees", build_scaled_fact("corridor.cost"), build_scaled_fact("corridor.tied", 0.0, 1.0)
    )
    model = replace(SITE, sharper_contexts=(two,))
    to_bb = {"country": "BB", "sector": ["1020"], "worker_origin_countries": ["NN"]}
    assert get_context(compute_inherent(to_bb, model=model), "fees") == (1.0, 1.0, 1.0)  # cost 8 of 10, and tied
    # Of AA it is not known whether people are tied; the cost of 4 lies above the inherent risk of a calm trade there.
    to_aa = {"country": "AA", "sector": ["4100"], "migrant_pct": 0.0, "worker_origin_countries": ["NN"]}
    for facts in (two.facts, two.facts[::-1]):
        other_order = replace(SITE, sharper_contexts=(replace(two, facts=facts),))
        assert get_context(compute_inherent(to_aa, model=other_order), "fees") == approximate(0.4, 0.4, 1.0)


def test_indicators_that_name_the_same_share_a_row_of_contexts() -> None:
    risk = compute_inherent(IN_AA | {"worker_origin_countries": ["NN"]})
    others = [i for name, i in POSITION.items() if name != "fees"]
    assert len(risk.context) == 2
    assert len(set(risk.context_row[others])) == 1
    assert risk.context_row[POSITION["fees"]] != risk.context_row[others[0]]


# --- the states that a vessel answers to


def test_the_worst_of_country_flag_and_owner_counts_with_its_parts() -> None:
    at_home = {**IN_AA, "migrant_pct": 0.0}
    worst = compute_inherent({"country": "CC", "sector": ["1020"], "migrant_pct": 0.0})
    for question in ("flag", "owner_country"):
        risk = compute_inherent(at_home | {question: "CC"})
        assert get_context(risk)[0] == get_context(worst)[0]
        assert list_parts(risk)["country.law"] == (pytest.approx(22.5), "known")
        assert list_parts(risk)["sector.hazard"] == list_parts(worst)["sector.hazard"]
    flagged = compute_inherent({"country": "CC", "sector": ["1020"], "migrant_pct": 0.0, "flag": "AA"})
    assert (get_context(flagged), list_parts(flagged)) == (get_context(worst), list_parts(worst))


def test_a_flag_of_which_nothing_is_known_adds_nothing() -> None:
    assert get_context(compute_inherent(IN_AA | {"flag": "ZZ"})) == get_context(compute_inherent(IN_AA))


def test_of_two_states_the_range_is_the_worse_at_both_ends() -> None:
    flagged = compute_inherent({"country": "BB", "sector": ["1020"], "migrant_pct": 0.0, "flag": "DD"})
    country, flag = (
        compute_inherent({"country": code, "sector": ["1020"], "migrant_pct": 0.0}) for code in ("BB", "DD")
    )
    assert get_context(flag)[1] < get_context(country)[1]  # Dunland is filled, and less sure
    assert get_context(country)[2] < get_context(flag)[2]
    assert get_context(flagged)[1:] == (get_context(country)[1], get_context(flag)[2])


def test_a_flag_that_was_declined_counts_as_the_worst_place_of_the_fact_table() -> None:
    risk, worst = (
        compute_inherent({**IN_AA, "flag": "declined"}),
        compute_inherent({"country": "CC", "sector": ["1020"]}),
    )
    assert get_context(risk)[0] == get_context(worst)[0]
    assert list_parts(risk)[UNKNOWN_PLACE] == (pytest.approx(100 * (0.475 + 0.3 * 0.525)), "declined")
    assert list_parts(risk)["country.law"][0] == 0
    assert risk.has_declined_facts
    assert get_context(risk)[1] == pytest.approx(H_IN_AA)  # the best case hears no silence
    assert risk.place_known[0]


def test_before_the_second_edition_of_the_method_a_flag_that_was_declined_added_nothing() -> None:
    first = replace(SITE, method=1)
    risk = compute_inherent({**IN_AA, "flag": "declined"}, model=first)
    assert get_context(risk)[0] == pytest.approx(H_IN_AA)
    assert not risk.has_declined_facts


# --- a place that is not known


@pytest.mark.parametrize("country", [{}, {"country": "declined"}, {"country": "EE"}])
def test_an_unknown_country_counts_as_three_quarters_of_the_table_and_may_be_any_of_it(
    country: dict[str, object],
) -> None:
    risk = compute_inherent({**country, "sector": ["1020"], "migrant_pct": 0.0})
    every = [g + 0.3 * (1 - g) for g in (0.15, 0.35, 0.475, 0.35)]
    assert get_context(risk) == approximate(float(np.percentile(every, 75)), min(every), max(every))
    assert list_parts(risk)[UNKNOWN_PLACE] == (pytest.approx(100 * float(np.percentile(every, 75))), "unknown")
    assert [list_parts(risk)[name][0] for name in ("country.law", "country.crises", "sector.hazard")] == [0, 0, 0]
    assert not risk.place_known[0]


def test_a_known_country_counts_without_a_known_sector() -> None:
    risk = compute_inherent({"country": "AA", "migrant_pct": 0.0})
    every = [0.15 + 0.5 * hazard * 0.85 for hazard in (0.4, 0.2, 0.5, 1.0)]
    assert get_context(risk) == approximate(float(np.percentile(every, 75)), min(every), max(every))
    assert not risk.place_known[0]
    assert risk.known_share[0] == pytest.approx(2 / 3)


def test_a_known_flag_is_no_answer_to_which_country_it_is() -> None:
    risk = compute_inherent({"flag": "CC", "sector": ["1020"]})
    assert not risk.place_known[0]
    assert get_context(risk)[0] == get_context(compute_inherent({"country": "CC", "sector": ["1020"]}))[0]
    assert list_parts(risk)[UNKNOWN_PLACE][0] == 0  # the flag's own facts explain it


def test_the_place_of_an_agency_is_known_without_a_sector() -> None:
    risk = compute_inherent({"country": "AA"}, model=AGENCY)
    assert risk.place_known[0]
    assert list_parts(risk)["sector.hazard"] == (pytest.approx(100 * 0.5 * 0.5 * 0.85), "known")


# --- one supplier and many, and what is remembered of one

ROWS = [
    IN_AA,
    {},
    IN_AA | {"migrant_pct": 40.0},
    IN_AA | {"worker_origin_countries": ["NN"], "agencies": ["Swift Hands"]},
    IN_AA | {"worker_origin_countries": "declined", "flag": "declined"},
    {"country": "DD", "flag": "CC", "sector": ["97", "41"]},
    {"sector": ["1020"], "migrant_pct": "declined"},
]


def assert_same(alone: InherentRisk, together: InherentRisk, j: int) -> None:
    for name in ("context", "context_low", "context_high"):
        for i in range(len(SITE.indicators)):
            one, other = (
                getattr(alone, name)[alone.context_row[i], 0],
                getattr(together, name)[together.context_row[i], j],
            )
            assert one == other, name
    assert (alone.known_share[0], alone.place_known[0]) == (together.known_share[j], together.place_known[j])
    for one, other in zip(alone.parts, together.parts, strict=True):
        for name in ("x", "value", "state", "points"):
            assert np.array_equal(getattr(one, name)[0], getattr(other, name)[j], equal_nan=True), (one.id, name)


def test_the_context_of_a_supplier_is_the_same_alone_repeated_or_among_others() -> None:
    together = compute_inherent(*ROWS, agencies=SWIFT)
    for _ in range(2):  # what is remembered of one place never serves another
        for j, row in enumerate(ROWS):
            assert_same(compute_inherent(row, agencies=SWIFT), together, j)


def test_the_first_place_that_a_model_meets_is_not_mistaken_for_one_without_answers() -> None:
    new_model = replace(SITE, title="Met for the first time")
    assert compute_inherent(IN_AA, model=new_model).place_known[0]
    assert not compute_inherent({}, model=new_model).place_known[0]


def test_another_score_of_an_agency_is_not_mistaken_for_the_one_before() -> None:
    named = IN_AA | {"agencies": ["Swift Hands"]}
    points = [
        get_context(compute_inherent(named, agencies={name_key("Swift Hands"): score}), "fees")[0]
        for score in (80.0, 90.0, 80.0)
    ]
    assert points == [0.8, 0.9, 0.8]


def test_cached_arrays_of_a_place_are_read_only() -> None:
    risk = compute_inherent(IN_AA)
    assert risk is compute_inherent(IN_AA | {"name": "Another in the same place"})
    for array in (risk.context, risk.known_share, risk.parts[0].points):
        with pytest.raises(ValueError, match="read-only"):
            array[...] = 0


def test_more_places_than_the_cache_holds_are_each_computed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inherent, "MAX_CACHED_PLACES", 2)
    together = compute_inherent(*ROWS, agencies=SWIFT)
    for j, row in enumerate(ROWS):
        assert_same(compute_inherent(row, agencies=SWIFT), together, j)


def test_more_hazard_never_lowers_the_inherent_risk() -> None:
    worse = {"country": "CC", "sector": ["97"], "migrant_pct": 100.0}
    for question in worse:
        better = {**IN_AA, "migrant_pct": 0.0}
        assert (
            get_context(compute_inherent(better | {question: worse[question]}))[0]
            > get_context(compute_inherent(better))[0]
        ), question


# --- the largest of several facts


LARGEST = replace(
    build_context(
        "conduct",
        0.4,
        build_scaled_fact("country.card"),
        build_scaled_fact("answer.migrant_pct", 0.0, 100.0),
        only_where_known=True,
    ),
    takes_largest=True,
)
WITH_LARGEST = replace(SITE, contexts=(*SITE.contexts[:2], LARGEST))


@pytest.mark.parametrize(("migrants", "x"), [(0.0, 0.1), (5.0, 0.1), (30.0, 0.3), (100.0, 1.0)])
def test_of_facts_that_describe_one_conduct_the_largest_counts_and_has_all_the_points(
    migrants: float, x: float
) -> None:
    risk = compute_inherent({"country": "CC", "sector": ["1020"], "migrant_pct": migrants}, model=WITH_LARGEST)
    before = compute_inherent({"country": "CC", "sector": ["1020"]}, model=replace(SITE, contexts=SITE.contexts[:2]))
    h = get_context(before)[0]
    assert get_context(risk)[0] == pytest.approx(h + 0.4 * x * (1 - h))
    points = {part.id: float(part.points[0]) for part in risk.parts}
    counted = "country.card" if x == 0.1 else "answer.migrant_pct"
    assert points[counted] == pytest.approx(100 * 0.4 * x * (1 - h))
    assert points["country.card" if counted != "country.card" else "answer.migrant_pct"] == 0
    assert sum(points.values()) == pytest.approx(compute_base(risk, WITH_LARGEST))


def test_of_facts_that_describe_one_conduct_an_unknown_one_may_be_the_worst() -> None:
    point, low, high = get_context(compute_inherent({"country": "CC", "sector": ["1020"]}, model=WITH_LARGEST))
    before = get_context(
        compute_inherent({"country": "CC", "sector": ["1020"]}, model=replace(SITE, contexts=SITE.contexts[:2]))
    )
    assert (point, low) == (
        pytest.approx(before[0] + 0.04 * (1 - before[0])),
        pytest.approx(before[1] + 0.04 * (1 - before[1])),
    )
    assert high == pytest.approx(before[2] + 0.4 * (1 - before[2]))
