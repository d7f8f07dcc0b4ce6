"""Test that reasons name the worst agency of a site and its share of workers, and that the share does not change the score."""

from datetime import date
from typing import Any

import numpy as np
import pytest
from callers import make_browser, make_organisation, make_user
from examples import examples
from flask import Flask
from hypothesis import given
from hypothesis import strategies as st
from portal import make_portal
from sheets import workbook

from questionnaires.validation.rules import normalize_agency_count
from reports.document import Reason
from risk_models.answers import from_rows
from risk_models.facts.facts import load_facts
from service.assessment.assess import Batch, assess
from service.db.session import Database
from service.imports.pipeline import Choices, parse_files
from service.report_content.build import build_details

ON = date(2026, 11, 25)
WORSE = {
    "name": "Fern Crew",
    "country": "NP",
    "recruitment_fees": "most",
    "worker_debt": "bound",
    "destination_countries": ["QA"],
}
BETTER = {"name": "Kite Placement", "country": "NP", "recruitment_fees": "none_checked", "licence_status": "valid"}
SITE = {"name": "Invented Camp", "country": "NO", "sector": ["62"], "agencies": ["Kite Placement", "Fern Crew"]}


def get_score_and_agency_reason(
    site: dict[str, Any], *agencies: dict[str, Any], on: date = ON
) -> tuple[float, Reason | None]:
    """Return the score of a site, and the reason for its worst agency."""
    batches = [Batch("site", from_rows([site]), "", "", np.array([2]))]
    if agencies:
        batches.insert(0, Batch("agency", from_rows(agencies), "", "", np.arange(len(agencies)) + 2))
    facts = load_facts().as_of(on)
    detail = build_details(assess(batches, facts, on)[-1], facts, on)[0]
    return detail.headline.score, next((r for r in detail.reasons if r.title == "Highest-scoring agency named"), None)


def test_the_reason_names_the_worst_agency_its_score_and_its_share() -> None:
    answers = {**SITE, "workers_total": 100.0, "workers_by_agency": ["Kite Placement: 90", "FERN CREW: 10"]}
    _, reason = get_score_and_agency_reason(answers, WORSE, BETTER)
    assert reason is not None
    score = f"{float(reason.value.split()[1]):.1f}"
    assert reason.text.startswith(
        f"The score of Fern Crew ({score}), which supplies 10 of 100 workers, sets the baseline"
    )
    assert "the highest score among the 2 assessed agencies named here" in reason.text


@pytest.mark.parametrize(
    ("extra", "share"),
    [
        ({"workers_by_agency": ["Fern Crew: 12.5%"], "workers_total": 80.0}, ", which supplies 12.5% of the workers,"),
        ({"workers_by_agency": ["Fern Crew: 60"]}, ", which supplies 60 workers,"),
        ({"workers_by_agency": ["Fern Crew: 60"], "workers_total": 40.0}, ", which supplies 60 workers,"),
        ({"workers_by_agency": ["Kite Placement: 60"], "workers_total": 100.0}, ""),
        ({"workers_by_agency": "declined"}, ""),
        ({}, ""),
    ],
)  # fmt: skip
def test_the_reason_gives_the_share_as_far_as_it_is_known(extra: dict[str, Any], share: str) -> None:
    _, reason = get_score_and_agency_reason({**SITE, **extra}, WORSE, BETTER)
    assert reason is not None
    assert f"({float(reason.value.split()[1]):.1f}){share} sets the baseline" in reason.text


@examples(15)
@given(st.integers(0, 1000), st.integers(1, 1000))
def test_the_share_of_workers_does_not_change_the_score(workers: int, total: int) -> None:
    alone, _ = get_score_and_agency_reason(SITE, WORSE, BETTER)
    answers = {**SITE, "workers_total": float(total), "workers_by_agency": [f"Fern Crew: {workers}"]}
    assert get_score_and_agency_reason(answers, WORSE, BETTER)[0] == alone


def test_only_assessed_agencies_are_named_in_the_reason() -> None:
    _, reason = get_score_and_agency_reason({**SITE, "agencies": ["Nobody Knows", "Fern Crew"]}, WORSE)
    assert reason is not None
    assert reason.text.startswith("The score of Fern Crew (")
    assert "highest score among" not in reason.text
    assert get_score_and_agency_reason({**SITE, "agencies": ["Nobody Knows"]}, WORSE)[1] is None


@pytest.mark.parametrize(
    ("day", "blank"),
    [
        (ON, "was left blank, so the top"),
        (date(2027, 1, 1), "was left blank or the answer was not recognised, so the top"),  # models 2026.5
    ],
)
def test_agencies_left_blank_are_reported_as_declined(day: date, blank: str) -> None:
    _, reason = get_score_and_agency_reason({**SITE, "agencies": "declined"}, on=day)
    assert reason is not None
    assert blank in reason.text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Kite Placement: 60", "Kite Placement: 60"), ("Kite = 1,200", "Kite: 1200"), ("Kite (60)", "Kite: 60"),
        ("Kite: 15 %", "Kite: 15%"), ("Kite: 12,5%", "Kite: 12.5%"), ("Kite: 60 workers", "Kite: 60"),
        ("Crew 24: 7", "Crew 24: 7"), ("บริษัทจัดหางาน：30", "บริษัทจัดหางาน: 30"), ("Kite", ""), ("Kite: many", ""), (": 60", ""),
        ("Kite: 120%", ""), ("Kite: 2.5", ""),
    ],
)  # fmt: skip
def test_agency_counts_are_parsed_in_many_notations(text: str, expected: str) -> None:
    assert normalize_agency_count(text) == expected


@examples(50)
@given(st.text(max_size=40))
def test_normalizing_an_agency_count_twice_changes_nothing(text: str) -> None:
    assert normalize_agency_count(normalize_agency_count(text)) == normalize_agency_count(text)


def test_readable_entries_of_a_cell_are_parsed_and_others_are_reported() -> None:
    sheet = workbook(
        "| Supplier | Country | Agencies | Workers of each agency |",
        "| Invented Camp | NO | Fern Crew; Kite | Fern Crew: 1,200; Kite |",
        "| Other Camp | NO | Kite | Kite |",
    )
    parsed = parse_files([("s.xlsx", sheet)], Choices(), ON)
    first, second = parsed.batches[0].answers.to_rows()
    assert first["workers_by_agency"] == ["Fern Crew: 1200"]
    assert "workers_by_agency" not in second
    issues = [(i.code, i.seen, i.cells) for i in parsed.issues if i.code.startswith("workers")]
    assert issues == [("workers_by_agency.unread", "Kite", ("D2", "D3"))]


def test_the_page_of_a_site_names_the_agency_and_its_share(app: Flask, database: Database) -> None:
    organisation = make_organisation(database)
    portal = make_portal(app, organisation)
    assert portal.put("/agencies/A-1", WORSE).status_code == 201
    answers = {**SITE, "workers_total": 100, "workers_by_agency": "Fern Crew: 60 workers; Kite"}
    supplier = portal.put("/suppliers/S-1", answers).json
    assert supplier["answers"]["workers_by_agency"] == ["Fern Crew: 60"]
    assert [issue["code"] for issue in supplier["issues"]] == ["workers_by_agency.unread"]
    ana = make_browser(app, make_user(database, organisation))
    page = ana.get(f"/suppliers/{supplier['id']}").get_data(as_text=True)
    assert "The score of Fern Crew (" in page
    assert "which supplies 60 of 100 workers" in page
    agency = ana.get("/agencies/A-1").get_data(as_text=True)
    assert "1 site uses this agency. According to this site, the agency placed 60 workers." in agency
    assert portal.put("/suppliers/S-2", {"name": "Other Camp", "agencies": "Fern Crew"}).status_code == 201
    assert "2 sites use this agency. In total, the agency placed 60 workers, according to 1 of these sites." in ana.get(
        "/agencies/A-1"
    ).get_data(as_text=True)
