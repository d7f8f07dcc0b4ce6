"""What case records do to a score: more of them never lowers anything, alone or in a batch, and policies never outvote them."""

from dataclasses import replace
from datetime import date
from typing import Any

import numpy as np
import orjson
from examples import examples
from hypothesis import given
from hypothesis import strategies as st

from risk_models.answers import from_rows
from risk_models.cases.evidence import build_evidence_from_readings
from risk_models.cases.readings import Case, Finding, read_case
from risk_models.cases.rules import load_case_rules
from risk_models.facts.facts import load_facts
from service.assessment.assess import Batch, assess
from service.assessment.export_json import iter_result_json
from tests.test_service.answers import Answers, answers

ON = date(2026, 11, 25)
SMALL = 1e-9
FACTS = load_facts().as_of(ON)

finding = st.builds(
    Finding, st.sampled_from(sorted(load_case_rules().findings)), st.sampled_from(list(load_case_rules().phases))
)
cases = st.lists(st.lists(finding, min_size=1, max_size=4).map(tuple), max_size=3)
few = examples(40)


def scored(rows: list[Answers], told: list[list[tuple[Finding, ...]]]) -> list[dict[str, Any]]:
    """The results of sites, each with its cases."""
    readings = [[read_case(Case(str(n), each, "adults"), ON) for n, each in enumerate(of)] for of in told]
    batch = Batch(
        "site", from_rows(rows), "x.xlsx", "Sites", np.arange(len(rows)) + 2, build_evidence_from_readings(readings)
    )
    return [orjson.loads(row) for row in iter_result_json(assess([batch], FACTS, ON)[0], ON)]


@few
@given(answers(), cases, st.lists(finding, min_size=1, max_size=3).map(tuple))
def test_one_more_case_never_lowers_score_range_floors_or_evidence(
    row: Answers, told: list[tuple[Finding, ...]], one: tuple[Finding, ...]
) -> None:
    before, after = scored([row], [told])[0], scored([row], [[*told, one]])[0]
    for part in ("score", "best", "worst"):
        assert after[part] >= before[part] - SMALL
    assert set(after["floors"]) >= set(before["floors"])
    order = ("none_recorded", "signals", "pattern", "emergency")
    assert order.index(after["case_evidence"]) >= order.index(before["case_evidence"])


@few
@given(answers(), cases)
def test_points_add_up_and_answers_stay_the_suppliers_own(row: Answers, told: list[tuple[Finding, ...]]) -> None:
    with_cases, without = scored([row], [told])[0], scored([row], [[]])[0]
    points = sum(reason["points"] for reason in with_cases["reasons"])
    assert abs(points + with_cases["uplift"] - with_cases["score"]) < SMALL
    assert with_cases["answers"] == without["answers"]


@few
@given(st.lists(st.tuples(answers(), cases), min_size=2, max_size=4))
def test_a_site_with_cases_scores_alone_as_among_others(drawn: list[tuple[Answers, list[tuple[Finding, ...]]]]) -> None:
    rows, told = [row for row, _ in drawn], [of for _, of in drawn]
    together = scored(rows, told)
    for j, result in enumerate(together):
        alone = scored([rows[j]], [told[j]])[0]
        assert {**alone, "row": None} == {**result, "row": None}


def test_some_of_a_batch_keep_their_cases() -> None:
    readings = [[], [read_case(Case("1", (Finding("violence", "work"),), "adults"), ON)], []]
    batch = Batch(
        "site",
        from_rows([{"name": n} for n in "abc"]),
        "x.xlsx",
        "Sites",
        np.arange(3) + 2,
        build_evidence_from_readings(readings),
    )
    few_of_them = batch.take([1, 2])
    assert few_of_them.case_evidence is not None
    assert few_of_them.case_evidence.strength.tolist() == [3, 0]
    assert few_of_them.case_evidence.harms.values[few_of_them.case_evidence.harms.codes[0]] == ("violence",)
    assert replace(batch, case=None).take([0]).case_evidence is None


def test_no_policy_outvotes_what_workers_told() -> None:
    reassuring = {
        "name": "A",
        "country": "TH",
        "sector": ["10"],
        "papers_retention": "worker_holds",
        "evidence_grade": "audit",
        "evidence_date": "2026-11-01",
    }
    told = scored([reassuring], [[(Finding("papers_held", "work"),)]])[0]
    reason = next(r for r in told["reasons"] if r["indicator"] == "papers_withheld")
    assert (reason["state"], reason["e"] >= 0.8, reason["points"] > 0) == ("reported", True, True)
    assert "strong_sign" in told["floors"]
