"""Test that more case records never lower a score, alone or in a batch, and that policies do not outweigh them."""

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
from risk_models.cases.rules import find_case_rules_in_force
from risk_models.facts.facts import load_facts
from service.assessment.assess import Batch, assess
from service.assessment.export_json import iter_result_json
from tests.test_service.answers import Answers, answers

ON = date(2026, 11, 25)
TOLERANCE = 1e-9
FACTS = load_facts().as_of(ON)
RULES = find_case_rules_in_force(ON)

finding = st.builds(Finding, st.sampled_from(sorted(RULES.findings)), st.sampled_from(list(RULES.phases)))
cases = st.lists(st.lists(finding, min_size=1, max_size=4).map(tuple), max_size=3)
few_examples = examples(40)


def assess_with_cases(rows: list[Answers], cases_by_row: list[list[tuple[Finding, ...]]]) -> list[dict[str, Any]]:
    """Return the results of sites, each assessed with its cases."""
    readings = [
        [read_case(Case(str(number), findings, "adults"), ON) for number, findings in enumerate(row_cases)]
        for row_cases in cases_by_row
    ]
    batch = Batch(
        "site", from_rows(rows), "x.xlsx", "Sites", np.arange(len(rows)) + 2, build_evidence_from_readings(readings)
    )
    return [orjson.loads(row) for row in iter_result_json(assess([batch], FACTS, ON)[0], ON)]


@few_examples
@given(answers(), cases, st.lists(finding, min_size=1, max_size=3).map(tuple))
def test_one_more_case_never_lowers_score_range_floors_or_evidence(
    row: Answers, cases_of_site: list[tuple[Finding, ...]], extra_case: tuple[Finding, ...]
) -> None:
    before, after = (
        assess_with_cases([row], [cases_of_site])[0],
        assess_with_cases([row], [[*cases_of_site, extra_case]])[0],
    )
    for part in ("score", "best", "worst"):
        assert after[part] >= before[part] - TOLERANCE
    assert set(after["floors"]) >= set(before["floors"])
    order = ("none_recorded", "signals", "pattern", "emergency")
    assert order.index(after["case_evidence"]) >= order.index(before["case_evidence"])


@few_examples
@given(answers(), cases)
def test_points_add_up_with_cases_and_answers_do_not_change(
    row: Answers, cases_of_site: list[tuple[Finding, ...]]
) -> None:
    with_cases, without = assess_with_cases([row], [cases_of_site])[0], assess_with_cases([row], [[]])[0]
    points = sum(reason["points"] for reason in with_cases["reasons"])
    assert abs(points + with_cases["uplift"] - with_cases["score"]) < TOLERANCE
    assert with_cases["answers"] == without["answers"]


@few_examples
@given(st.lists(st.tuples(answers(), cases), min_size=2, max_size=4))
def test_a_site_with_cases_scores_the_same_alone_and_in_a_batch(
    drawn: list[tuple[Answers, list[tuple[Finding, ...]]]],
) -> None:
    rows, cases_by_row = [row for row, _ in drawn], [row_cases for _, row_cases in drawn]
    together = assess_with_cases(rows, cases_by_row)
    for index, result in enumerate(together):
        alone = assess_with_cases([rows[index]], [cases_by_row[index]])[0]
        assert {**alone, "row": None} == {**result, "row": None}


def test_part_of_a_batch_keeps_its_case_evidence() -> None:
    readings = [[], [read_case(Case("1", (Finding("violence", "work"),), "adults"), ON)], []]
    batch = Batch(
        "site",
        from_rows([{"name": n} for n in "abc"]),
        "x.xlsx",
        "Sites",
        np.arange(3) + 2,
        build_evidence_from_readings(readings),
    )
    part = batch.take([1, 2])
    assert part.case_evidence is not None
    assert part.case_evidence.strength.tolist() == [3, 0]
    assert part.case_evidence.harms.values[part.case_evidence.harms.codes[0]] == ("violence",)
    assert replace(batch, case_evidence=None).take([0]).case_evidence is None


def test_good_policies_do_not_outweigh_a_case() -> None:
    reassuring = {
        "name": "A",
        "country": "TH",
        "sector": ["10"],
        "papers_retention": "worker_holds",
        "evidence_grade": "audit",
        "evidence_date": "2026-11-01",
    }
    result = assess_with_cases([reassuring], [[(Finding("papers_held", "work"),)]])[0]
    reason = next(r for r in result["reasons"] if r["indicator"] == "papers_withheld")
    assert (reason["state"], reason["e"] >= 0.8, reason["points"] > 0) == ("reported", True, True)
    assert "strong_sign" in result["floors"]
