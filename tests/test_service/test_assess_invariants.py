"""Test the invariants of the method on the newest models, from answers to results."""

import random
from functools import partial
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
    answers,
    list_indicator_questions,
    list_newest_models,
    possible_answers,
)
from tests.test_service.answers import assess_row as assess_row_by
from tests.test_service.answers import assess_rows as assess_rows_by

TOLERANCE = 1e-9
MODELS = list_newest_models()
assess_row, assess_rows = partial(assess_row_by, models=MODELS), partial(assess_rows_by, models=MODELS)
SITE, AGENCY = list_indicator_questions("site"), list_indicator_questions("agency")
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
few_examples = examples(40)
kinds = st.sampled_from(["site", "agency"])


def get_queue_rank(result: dict[str, Any]) -> tuple[float, ...]:
    """Return the rank of a result in the queue; higher comes first."""
    level = result["inherent_level"] if result["level"] == "insufficient_evidence" else result["level"]
    return (
        2 * RANK[level] - (result["level"] == "insufficient_evidence"),
        result["inherent"],
        result["worst"],
        result["score"],
    )


@few_examples
@given(kinds.flatmap(lambda kind: st.tuples(st.just(kind), answers(kind))))
def test_reasons_and_uplift_add_up_to_the_score(drawn: tuple[str, Answers]) -> None:
    result = assess_row(drawn[1], drawn[0])
    assert abs(sum(x["points"] for x in result["reasons"]) + result["uplift"] - result["score"]) < TOLERANCE
    assert abs(sum(x["points"] for x in result["reasons"] if x["kind"] == "context") - result["inherent"]) < TOLERANCE
    assert result["best"] <= result["score"] <= result["worst"]
    assert 0 <= result["confidence"] <= 100
    assert result["next_step"] is not None


@few_examples
@given(answers(), st.sampled_from(ORIGINS))
def test_a_second_corridor_never_lowers_a_score(row: Answers, origin: str) -> None:
    before = row.get("worker_origin_countries", ())
    assume(origin not in before)
    assert (
        assess_row({**row, "worker_origin_countries": (*before, origin)})["score"]
        >= assess_row(row)["score"] - TOLERANCE
    )


@few_examples
@given(answers("agency"), st.sampled_from(COUNTRIES))
def test_a_second_destination_of_an_agency_never_lowers_a_score(row: Answers, country: str) -> None:
    before = row.get("destination_countries", ())
    assume(country not in before)
    assert (
        assess_row({**row, "destination_countries": (*before, country)}, "agency")["score"]
        >= assess_row(row, "agency")["score"] - TOLERANCE
    )


@few_examples
@given(answers(), st.sampled_from(SECTORS))
def test_a_second_sector_never_lowers_a_score(row: Answers, sector: str) -> None:
    before = row.get("sector", ())
    assume(before and sector not in before)
    assert assess_row({**row, "sector": (*before, sector)})["score"] >= assess_row(row)["score"] - TOLERANCE


@few_examples
@given(answers(), answers("agency"), answers("agency"))
def test_a_second_agency_never_lowers_a_score(row: Answers, first: Answers, second: Answers) -> None:
    known = ({**first, "name": "First Agency"}, {**second, "name": "Second Agency"})
    one_agency, two_agencies = (
        {**row, "agencies": names} for names in (("First Agency",), ("First Agency", "Second Agency"))
    )
    assert (
        assess_row(two_agencies, agencies=known)["score"] >= assess_row(one_agency, agencies=known)["score"] - TOLERANCE
    )


@few_examples
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
def test_declaring_more_migrants_never_lowers_a_score(row: Answers, step: tuple[str, float | None, float]) -> None:
    question, few_migrants, more = step
    base = {q: a for q, a in row.items() if q not in ("migrant_pct", "workers_migrant")}
    before = base if few_migrants is None else {**base, question: few_migrants}
    assert assess_row({**base, question: more})["score"] >= assess_row(before)["score"] - TOLERANCE


@few_examples
@given(st.data())
def test_a_declined_answer_scores_at_least_as_high_as_any_answer(data: st.DataObject) -> None:
    kind = data.draw(kinds)
    row = data.draw(answers(kind))
    question = data.draw(st.sampled_from(SITE if kind == "site" else AGENCY))
    truth = data.draw(possible_answers(question))
    # A blank that a screening question covers is not declined (method section 3).
    assume(not (row.get("licence_status") == "not_required" and question.id == "licence_expiry"))
    answered, declined = (assess_row({**row, question.id: answer}, kind) for answer in (truth, "declined"))
    assert declined["score"] >= answered["score"] - TOLERANCE


@few_examples
@given(st.data())
def test_a_declined_context_scores_at_least_as_high_as_any_answer(data: st.DataObject) -> None:
    kind, question, truths = data.draw(st.sampled_from(CONTEXTS))
    row = data.draw(answers(kind)) | (
        {"sector": data.draw(st.sampled_from([("0311",), ("14",)]))} if kind == "site" else {}
    )
    answered, declined = (
        assess_row({**row, question: answer}, kind) for answer in (data.draw(st.sampled_from(truths)), "declined")
    )
    assert declined["score"] >= answered["score"] - TOLERANCE
    assert declined["worst"] >= answered["worst"] - TOLERANCE


def test_the_reason_for_a_declined_context_has_the_state_declined() -> None:
    vessel = {"name": "Invented Heron", "country": "NO", "sector": ("0311",)}
    for question, reason in (("flag", "unknown_place"), ("owner_country", "unknown_place")):
        reasons = {x["indicator"]: x for x in assess_row({**vessel, question: "declined"})["reasons"]}
        assert reasons[reason]["state"] == "declined"
    site = {"name": "Invented Mill", "country": "TH", "sector": ("10",), "product": "declined"}
    reasons = {x["indicator"]: x for x in assess_row(site)["reasons"]}
    assert reasons["goods.forced_labour"]["state"] == "declined"
    assert "goods.forced_labour" not in {x["indicator"] for x in assess_row({**site, "country": "NO"})["reasons"]}
    agency = {"name": "Invented Placers", "country": "PH", "placement_sectors": "declined"}
    reasons = {x["indicator"]: x for x in assess_row(agency, "agency")["reasons"]}
    assert reasons["sector.hazard"]["state"] == "declined"


def test_a_declined_context_makes_a_level_critical_only_with_harm_or_a_critical_country() -> None:
    vessel = {"name": "Invented Heron", "country": "NO", "sector": ("0311",), "owner_country": "declined"}
    declined = assess_row({**vessel, "papers_retention": "declined"})
    assert (declined["inherent_level"], declined["level"], declined["up_to"]) == ("critical", "high", True)
    harmed = assess_row({**vessel, "papers_retention": "held"})
    assert (harmed["level"], harmed["up_to"]) == ("critical", False)
    critical_country = assess_row({**vessel, "country": "MM", "papers_retention": "declined"})
    assert (critical_country["level"], critical_country["up_to"]) == ("critical", False)


@few_examples
@given(st.data())
def test_not_asking_a_core_question_never_gives_low(data: st.DataObject) -> None:
    kind = data.draw(kinds)
    result = assess_row(data.draw(answers(kind)), kind)
    if result["level"] == "low":
        assert not [
            x
            for x in result["reasons"]
            if x["state"] in ("not_asked", "declined") and x["kind"] == "answer" and x["points"] > 0
        ]
        assert result["worst"] < 75


@few_examples
@given(st.data())
def test_reporting_harm_lowers_nothing(data: st.DataObject) -> None:
    kind = data.draw(kinds)
    row = {q: a for q, a in data.draw(answers(kind)).items() if q != "reported_harms"}
    before = assess_row(row, kind)
    harm = data.draw(st.sampled_from([x["indicator"] for x in before["reasons"] if x["kind"] == "answer"]))
    after = assess_row({**row, "reported_harms": (harm,), "reported_by": "workers"}, kind)
    assert after["model"] == before["model"] or after["score"] >= before["score"]
    for number in ("score", "best", "worst"):
        assert after[number] >= before[number] - TOLERANCE, number
    assert set(before["floors"]) <= set(after["floors"])
    assert get_queue_rank(after)[0] >= get_queue_rank(before)[0]


@few_examples
@given(st.lists(answers(), min_size=2, max_size=4), st.integers(0, 99))
def test_results_do_not_depend_on_the_batch_or_the_order_of_rows(rows: list[Answers], seed: int) -> None:
    order = list(range(len(rows)))
    random.Random(seed).shuffle(order)
    batch = assess_rows(*(rows[j] for j in order))
    for position, j in enumerate(order):
        alone = assess_row(rows[j])
        assert {**batch[position], "row": None} == {**alone, "row": None}


VESSEL_AND_SITE = {
    "sector": ("0311", "4100"),
    "crew_losses": "declined",
    "papers_retention": "held",
    "wage_delay": 20.0,
}


@examples(5)
@given(st.lists(answers(), min_size=1, max_size=3))
def test_results_in_a_large_batch_equal_those_in_a_small_one(rows: list[Answers]) -> None:
    rows = [{"name": "Invented Vessel and Yard", "country": "TH", **VESSEL_AND_SITE}, *rows]
    copies = CHUNK_SIZE + 1  # more copies of each row than one chunk holds
    single = np.arange(len(rows))
    repeated = np.random.default_rng(copies).permutation(np.repeat(single, copies))
    small_batch, large_batch = (
        assess([Batch("site", from_rows(rows).take(positions), "s.xlsx", "Rows", positions + 2)], FACTS, ON, MODELS)[0]
        for positions in (single, repeated)
    )
    single_results = list(iter_result_json(small_batch, ON))
    assert all(
        row == single_results[j] for j, row in zip(repeated.tolist(), iter_result_json(large_batch, ON), strict=True)
    )
    assert np.array_equal(large_batch.unanswered_driven, small_batch.unanswered_driven[repeated])
    small_open, large_open = (
        build_report([batch], FACTS, ON, [], [], "Suppliers").not_checked for batch in (small_batch, large_batch)
    )
    assert [(q.title, q.unasked * copies, q.of * copies) for q in small_open] == [
        (q.title, q.unasked, q.of) for q in large_open
    ]


@few_examples
@given(answers(), st.sampled_from(["country", "sector"]))
def test_a_supplier_of_unknown_country_or_sector_has_insufficient_evidence(row: Answers, question: str) -> None:
    result = assess_row({q: a for q, a in row.items() if q != question})
    assert result[question] is None
    has_harm_or_blank = any(
        x["state"] in ("reported", "declined")
        or (x["kind"] == "answer" and x["state"] in ("answered", "expired") and x["e"] >= 0.5)
        for x in result["reasons"]
    )
    assert result["level"] == "insufficient_evidence" or has_harm_or_blank
