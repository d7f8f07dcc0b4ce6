"""The invariants of the method on the released models: from answers to results, as a sender would meet them."""

import random
from typing import Any

import numpy as np
from examples import examples
from hypothesis import assume, given
from hypothesis import strategies as st

from risk_models.answers import from_rows
from risk_models.engine.score import CHUNK_SIZE
from service.assessment.assess import Batch, assess
from service.assessment.export_json import iter_result_json
from service.report_content.build import build_report
from tests.test_service.answers import (
    COUNTRIES,
    FACTS,
    ON,
    ORIGINS,
    SECTORS,
    Answers,
    answer_to,
    answers,
    indicator_questions,
    result,
    results,
)

SMALL = 1e-9
SITE, AGENCY = indicator_questions("site"), indicator_questions("agency")
CONTEXTS: list[tuple[str, str, list[Any]]] = [
    ("site", "product", ["shrimp", "bricks", "cotton", "gold", "software"]),
    ("site", "flag", [*COUNTRIES, "PA", "KP", "CF"]),
    ("site", "owner_country", [*COUNTRIES, "SO", "KP"]),
    ("site", "worker_origin_countries", [(origin,) for origin in ORIGINS]),
    ("site", "migrant_pct", [0.0, 50.0, 100.0]),
    ("agency", "placement_sectors", [(sector,) for sector in (*SECTORS, "0729", "032")]),
    ("agency", "destination_countries", [(country,) for country in COUNTRIES]),
]
RANK = {"critical": 4, "high": 3, "medium": 2, "low": 1}
few = examples(40)
either = st.sampled_from(["site", "agency"])


def place(r: dict[str, Any]) -> tuple[float, ...]:
    """Where a result stands in the queue; larger comes first."""
    level = r["inherent_level"] if r["level"] == "insufficient_evidence" else r["level"]
    return (2 * RANK[level] - (r["level"] == "insufficient_evidence"), r["inherent"], r["worst"], r["score"])


@few
@given(either.flatmap(lambda kind: st.tuples(st.just(kind), answers(kind))))
def test_a_result_is_explained_to_the_last_point(drawn: tuple[str, Answers]) -> None:
    r = result(drawn[1], drawn[0])
    assert abs(sum(x["points"] for x in r["reasons"]) + r["uplift"] - r["score"]) < SMALL
    assert abs(sum(x["points"] for x in r["reasons"] if x["kind"] == "context") - r["inherent"]) < SMALL
    assert r["best"] <= r["score"] <= r["worst"]
    assert 0 <= r["confidence"] <= 100
    assert r["next_step"] is not None


@few
@given(answers(), st.sampled_from(ORIGINS))
def test_a_second_corridor_never_lowers_a_score(row: Answers, origin: str) -> None:
    before = row.get("worker_origin_countries", ())
    assume(origin not in before)
    assert result({**row, "worker_origin_countries": (*before, origin)})["score"] >= result(row)["score"] - SMALL


@few
@given(answers("agency"), st.sampled_from(COUNTRIES))
def test_a_second_destination_of_an_agency_never_lowers_a_score(row: Answers, country: str) -> None:
    before = row.get("destination_countries", ())
    assume(country not in before)
    assert (
        result({**row, "destination_countries": (*before, country)}, "agency")["score"]
        >= result(row, "agency")["score"] - SMALL
    )


@few
@given(answers(), st.sampled_from(SECTORS))
def test_a_second_sector_never_lowers_a_score(row: Answers, sector: str) -> None:
    before = row.get("sector", ())
    assume(before and sector not in before)
    assert result({**row, "sector": (*before, sector)})["score"] >= result(row)["score"] - SMALL


@few
@given(answers(), answers("agency"), answers("agency"))
def test_a_second_agency_never_lowers_a_score(row: Answers, first: Answers, second: Answers) -> None:
    known = ({**first, "name": "First Agency"}, {**second, "name": "Second Agency"})
    one, two = ({**row, "agencies": names} for names in (("First Agency",), ("First Agency", "Second Agency")))
    assert result(two, agencies=known)["score"] >= result(one, agencies=known)["score"] - SMALL


@few
@given(
    answers(),
    st.sampled_from(
        [
            ("migrant_pct", 0.0, 5.0),
            ("migrant_pct", 5.0, 90.0),
            ("workers_migrant", 0.0, 4.0),
            ("migrant_pct", None, 1.0),
            ("workers_migrant", None, 1.0),
        ]
    ),
)
def test_a_migrant_declared_never_lowers_a_score(row: Answers, step: tuple[str, float | None, float]) -> None:
    question, few_migrants, more = step
    base = {q: a for q, a in row.items() if q not in ("migrant_pct", "workers_migrant")}
    before = base if few_migrants is None else {**base, question: few_migrants}
    assert result({**base, question: more})["score"] >= result(before)["score"] - SMALL


@few
@given(st.data())
def test_a_declined_answer_costs_at_least_as_much_as_any_truth(data: st.DataObject) -> None:
    kind = data.draw(either)
    row = data.draw(answers(kind))
    question = data.draw(st.sampled_from(SITE if kind == "site" else AGENCY))
    truth = data.draw(answer_to(question))
    # A blank behind a gate that is declared is not declined (method section 3).
    assume(not (row.get("licence_status") == "not_required" and question.id == "licence_expiry"))
    told, silent = (result({**row, question.id: answer}, kind) for answer in (truth, "declined"))
    assert silent["score"] >= told["score"] - SMALL


@few
@given(st.data())
def test_context_that_is_declined_costs_at_least_as_much_as_any_truth(data: st.DataObject) -> None:
    kind, question, truths = data.draw(st.sampled_from(CONTEXTS))
    row = data.draw(answers(kind)) | (
        {"sector": data.draw(st.sampled_from([("0311",), ("14",)]))} if kind == "site" else {}
    )
    told, silent = (result({**row, question: said}, kind) for said in (data.draw(st.sampled_from(truths)), "declined"))
    assert silent["score"] >= told["score"] - SMALL
    assert silent["worst"] >= told["worst"] - SMALL


def test_a_context_that_is_declined_is_told_so() -> None:
    vessel = {"name": "Invented Heron", "country": "NO", "sector": ("0311",)}
    for question, reason in (("flag", "unknown_place"), ("owner_country", "unknown_place")):
        told = {x["indicator"]: x for x in result({**vessel, question: "declined"})["reasons"]}
        assert told[reason]["state"] == "declined"
    told = {x["indicator"]: x for x in result({**vessel, "country": "TH", "product": "declined"})["reasons"]}
    assert told["goods.forced_labour"]["state"] == "declined"
    assert "goods.forced_labour" not in {x["indicator"] for x in result({**vessel, "product": "declined"})["reasons"]}
    agency = {"name": "Invented Placers", "country": "PH", "placement_sectors": "declined"}
    told = {x["indicator"]: x for x in result(agency, "agency")["reasons"]}
    assert told["sector.hazard"]["state"] == "declined"


def test_a_level_is_critical_through_what_was_declined_of_a_place_only_where_harm_or_the_place_itself_makes_it_so() -> (
    None
):
    vessel = {"name": "Invented Heron", "country": "NO", "sector": ("0311",), "owner_country": "declined"}
    silent = result({**vessel, "papers_retention": "declined"})
    assert (silent["inherent_level"], silent["level"], silent["up_to"]) == ("critical", "high", True)
    harmed = result({**vessel, "papers_retention": "held"})
    assert (harmed["level"], harmed["up_to"]) == ("critical", False)
    there = result({**vessel, "country": "MM", "papers_retention": "declined"})
    assert (there["level"], there["up_to"]) == ("critical", False)


@few
@given(st.data())
def test_not_asking_a_core_question_never_gives_low(data: st.DataObject) -> None:
    kind = data.draw(either)
    r = result(data.draw(answers(kind)), kind)
    if r["level"] == "low":
        assert not [
            x
            for x in r["reasons"]
            if x["state"] in ("not_asked", "declined") and x["kind"] == "answer" and x["points"] > 0
        ]
        assert r["worst"] < 75


@few
@given(st.data())
def test_reporting_harm_lowers_nothing(data: st.DataObject) -> None:
    kind = data.draw(either)
    row = {q: a for q, a in data.draw(answers(kind)).items() if q != "reported_harms"}
    before = result(row, kind)
    harm = data.draw(st.sampled_from([x["indicator"] for x in before["reasons"] if x["kind"] == "answer"]))
    after = result({**row, "reported_harms": (harm,), "reported_by": "workers"}, kind)
    assert after["model"] == before["model"] or after["score"] >= before["score"]
    for number in ("score", "best", "worst"):
        assert after[number] >= before[number] - SMALL, number
    assert set(before["floors"]) <= set(after["floors"])
    assert place(after)[0] >= place(before)[0]


@few
@given(st.lists(answers(), min_size=2, max_size=4), st.integers(0, 99))
def test_alone_or_in_a_batch_in_any_order_the_results_are_the_same(rows: list[Answers], seed: int) -> None:
    order = list(range(len(rows)))
    random.Random(seed).shuffle(order)
    batch = results(*(rows[j] for j in order))
    for position, j in enumerate(order):
        alone = result(rows[j])
        assert {**batch[position], "row": None} == {**alone, "row": None}


VESSEL_AND_SITE = {
    "sector": ("0311", "4100"),
    "crew_losses": "declined",
    "papers_retention": "held",
    "wage_delay": 20.0,
}


@examples(5)
@given(st.lists(answers(), min_size=1, max_size=3))
def test_among_thousands_of_suppliers_each_result_is_what_it_is_among_a_few(rows: list[Answers]) -> None:
    rows = [{"name": "Invented Vessel and Yard", "country": "TH", **VESSEL_AND_SITE}, *rows]
    each = CHUNK_SIZE + 1  # more of every kind than are worked out at once
    once = np.arange(len(rows))
    again = np.random.default_rng(each).permutation(np.repeat(once, each))
    few_of_them, many = (
        assess([Batch("site", from_rows(rows).take(which), "s.xlsx", "Rows", which + 2)], FACTS, ON)[0]
        for which in (once, again)
    )
    alone = list(iter_result_json(few_of_them, ON))
    assert all(row == alone[j] for j, row in zip(again.tolist(), iter_result_json(many, ON), strict=True))
    assert np.array_equal(many.unanswered_driven, few_of_them.unanswered_driven[again])
    open_here, open_there = (build_report([of], FACTS, ON, [], [], "Suppliers").not_checked for of in (few_of_them, many))
    assert [(q.title, q.unasked * each, q.of * each) for q in open_here] == [
        (q.title, q.unasked, q.of) for q in open_there
    ]


@few
@given(answers(), st.sampled_from(["country", "sector"]))
def test_an_unknown_place_is_never_passed(row: Answers, question: str) -> None:
    r = result({q: a for q, a in row.items() if q != question})
    assert r[question] is None
    harm_or_silence = any(
        x["state"] in ("reported", "declined")
        or (x["kind"] == "answer" and x["state"] in ("answered", "expired") and x["e"] >= 0.5)
        for x in r["reasons"]
    )
    assert r["level"] == "insufficient_evidence" or harm_or_silence
