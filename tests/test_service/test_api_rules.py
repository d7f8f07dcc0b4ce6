"""A JSON answer passes the rules that a sheet passes: the same codes, as issues of the answer."""

from datetime import date

import pytest
from callers import make_organisation
from flask import Flask
from portal import Portal, make_portal
from sheets import workbook

from questionnaires.form import load_combined_form
from service.db.session import Database
from service.imports.pipeline import Choices, parse_files

CANNERY = {"name": "Blue Pier Cannery", "country": "TH", "sector": ["1020"]}
# What is sent, what code it gets, and which answers are left of it.
CASES = [
    ({"workers_total": 2, "migrant_pct": 100}, "placeholder", {}),
    ({"workers_total": 0}, "placeholder", {}),
    ({"workers_total": 9999}, "placeholder", {}),
    (
        {"workers_total": 20, "workers_migrant": 30},
        "workers.contradiction",
        {"workers_migrant": 30},
    ),
    ({"workers_total": 100, "workers_female": 120}, "workers.women", {"workers_total": 100}),
    ({"imo": "9074728"}, "identifier.invalid", {}),
    ({"imo": "IMO 9074729"}, None, {"imo": "9074729"}),
    ({"lei": "5493001KJTIIGC8Y1R13"}, "identifier.invalid", {}),
    ({"registration_number": "4SFXXXX"}, "placeholder", {}),
    ({"address": "12 Pier Road, Cambodia"}, "country.contradicted", {"address": "12 Pier Road, Cambodia"}),
    ({"region": "Cambodia"}, "country.contradicted", {"region": "Cambodia"}),
    (
        {"city": "Phnom Penh", "region": "Cambodia"},
        "country.city",
        {"city": "Phnom Penh", "region": "Cambodia"},
    ),
    ({"uses_agencies": "no", "agencies": ["Kite"]}, "answer.contradicted", {"agencies": ["Kite"]}),
    ({"workers_migrant": 0, "migrant_pct": 30}, "answer.contradicted", {"migrant_pct": 30}),
    (
        {"fees_repaid": "none_found", "recruitment_fees": "some"},
        "answer.contradicted",
        {"recruitment_fees": "some"},
    ),
    (
        {"workers_migrant": 0, "worker_origin_countries": ["MM"]},
        "answer.contradicted",
        {"worker_origin_countries": ["MM"]},
    ),
    (
        {"workers_total": 200, "workers_migrant": 150, "migrant_pct": 10},
        "workers.share",
        {"workers_total": 200, "workers_migrant": 150, "migrant_pct": 75},
    ),
    (
        {"workers_total": 200, "workers_migrant": 150},
        "workers.share_counted",
        {"workers_total": 200, "workers_migrant": 150},
    ),
    ({"evidence_date": "2019"}, "date.part", {"evidence_date": "2019-01-01"}),
    ({"form_version": "1999.1", "form_returned": "2026-03-01"}, "form.unknown_version", None),
]


@pytest.fixture
def portal(app: Flask, database: Database) -> Portal:
    return make_portal(app, make_organisation(database))


@pytest.mark.parametrize(("sent", "code", "left"), CASES)
def test_an_answer_that_cannot_be_right_is_reported_with_its_code_and_counts_as_unknown(
    portal: Portal, sent: dict[str, object], code: str | None, left: dict[str, object] | None
):
    for answer in (portal.post("/assessments", CANNERY | sent), portal.put("/suppliers/S-1", CANNERY | sent)):
        assert answer.status_code in (200, 201)
        assert [issue["code"] for issue in answer.json.get("issues", ())] == ([code] if code else [])
        if left is not None:
            assert {q: a for q, a in answer.json["answers"].items() if q in sent} == left


@pytest.mark.parametrize(("sent", "code", "left"), CASES)
def test_a_sheet_gets_the_same_code_for_the_same_answer(sent: dict[str, object], code: str | None, left: object):
    titles = {question.id: question.title for question in load_combined_form("site").questions}
    row = {"name": "Blue Pier Cannery", "country": "Thailand", **sent}
    texts = [value[0] if isinstance(value, list) else str(value) for value in row.values()]
    cells = [[titles[question] for question in row], ["---"] * len(row), texts]
    table = "\n".join(f"| {' | '.join(line)} |" for line in cells)
    found = parse_files([("a.xlsx", workbook(table))], Choices(), date(2026, 11, 1))
    codes = [issue.code for issue in found.issues if not issue.code.startswith(("schema.", "sheet."))]
    assert codes == ([code] if code else [])


def test_a_contradiction_is_reported_with_both_answers_as_they_were_sent(portal: Portal):
    sent = {**CANNERY, "uses_agencies": "no", "agencies": ["Kite", "Heron"]}
    (issue,) = portal.put("/suppliers/S-1", sent).json["issues"]
    assert (issue["question"], issue["seen"]) == ("uses_agencies", "no")
    assert issue["expected"] == "'Kite; Heron' under *agencies*"


def test_a_body_with_a_day_of_return_declines_what_it_leaves_out_and_any_other_declines_nothing(portal: Portal):
    form = load_combined_form("site")
    fed = [question.id for question in form.questions if question.feeds and question.type == "choice"][:2]
    body = {**CANNERY, fed[0]: None}
    back = {"form_version": "2026.1", "form_returned": "2026-03-01"}
    assert fed[0] not in portal.post("/assessments", body).json["answers"]
    for record in ({}, {"form_version": "1999.1"}, {"form_version": None}):
        answers = portal.post("/assessments", body | back | record).json["answers"]
        assert [answers[question] for question in fed] == ["declined", "declined"]


def test_a_day_of_return_still_to_come_is_refused_with_its_code(portal: Portal):
    body = {**CANNERY, "form_version": "2026.1", "form_returned": "2100-01-01"}
    for answer in (portal.post("/assessments", body), portal.put("/suppliers/S-1", body)):
        assert (answer.status_code, answer.json["code"]) == (422, "date.future")


def test_what_is_read_from_another_answer_is_read_as_in_a_sheet(portal: Portal):
    body = portal.post("/assessments", {"country": "TH", "naics": "311710", "name_local": "บริษัท"}).json
    assert (body["sector"], body["name"]) == ("1020", "บริษัท")
    body = portal.post("/assessments", CANNERY | {"workers_total": 200, "workers_migrant": 150}).json
    assert body["answers"]["migrant_pct"] == 75
