"""Test repeated imports of a supplier through the API, duplicate rows, and column maps per sheet."""

from datetime import date

import pytest
from callers import make_organisation
from flask import Flask
from portal import Portal, make_portal
from sheets import workbook
from sqlalchemy import select

from service.clock import now
from service.db.session import Database
from service.db.tables import AgencyName, Supplier
from service.imports import saving
from service.imports.pipeline import Choices, parse_files
from service.suppliers import repository as suppliers

CANNERY = {"name": "Blue Pier Cannery", "country": "TH", "sector": ["1020"], "owner": "Nine Herons Holding"}
ANSWERS = {
    "papers_retention": "held",
    "violence": "none_asked",
    "evidence_grade": "audit",
    "evidence_date": "2026-03-01",
}
SCORE_FIELDS = ("level", "score", "range", "confidence", "coverage", "reasons", "decision")


@pytest.fixture
def portal(app: Flask, database: Database) -> Portal:
    return make_portal(app, make_organisation(database))


def confirm(portal: Portal, import_: dict, body: dict) -> dict:
    address = f"/imports/{import_['id']}"
    assert portal.post(f"{address}/confirm", body).status_code == 202
    portal.work()
    return portal.get(address).json


def list_codes(import_: dict) -> list[str]:
    return [issue["code"] for issue in import_["issues"]]


LIST = """
    | Reference | Name | Country | Sector |
    |---|---|---|---|
    | S-1 | Blue Pier Foods | Thailand | 1020 |
    | S-9 | Red Quay | Thailand | 1020 |
    """


def test_a_plain_list_and_a_nightly_put_keep_the_answers_of_a_supplier(portal: Portal):
    before = portal.put("/suppliers/S-1", {**CANNERY, **ANSWERS}).json
    result = portal.import_file("list.xlsx", workbook(LIST))
    (issue,) = result["issues"]
    assert (issue["code"], issue["severity"]) == ("known.listed", "info")
    assert issue["seen"] == "1 of 2 suppliers is"
    after = portal.put("/suppliers/S-1", {"name": "Blue Pier Foods", "country": "TH"}).json
    assert after["answers"] == {**before["answers"], "name": "Blue Pier Foods"}
    assert {name: after[name] for name in SCORE_FIELDS if name in before} == {
        n: before[n] for n in SCORE_FIELDS if n in before
    }


def test_new_answers_replace_earlier_ones_and_the_preview_says_what_remains(portal: Portal):
    portal.put("/suppliers/S-1", {**CANNERY, **ANSWERS})
    sheet = """
        | Reference | Name | Country | Wages paid in full and on time |
        |---|---|---|---|
        | S-1 | Blue Pier Cannery | Thailand | on_time |
        """
    assert "known.answers" in list_codes(portal.import_file("answers.xlsx", workbook(sheet)))
    answers = portal.get("/suppliers/S-1").json["answers"]
    assert answers["papers_retention"] == "held"
    assert answers["wage_payment"] == "on_time"
    assert answers["owner"] == "Nine Herons Holding"
    assert not answers.keys() & {"violence", "evidence_grade", "evidence_date"}


def test_undated_answers_get_the_day_of_their_import(portal: Portal):
    database, then = portal.app.extensions["database"], date(2026, 1, 20)
    who = {"reference": "S-1", "name": "Blue Pier Cannery", "country": "TH"}
    with database.for_organisation(make_organisation(database, "Quay Textiles")) as session:
        suppliers.save_supplier(
            session, "site", {**who, "papers_retention": "worker_holds"}, then, now(), "user:1", "api"
        )
        supplier, _ = suppliers.save_supplier(session, "site", who, date(2026, 11, 1), now(), "user:1", "api")
        assert supplier.answers["answered_on"] == "2026-01-20"
        supplier, _ = suppliers.save_supplier(session, "site", who, date(2026, 11, 2), now(), "user:1", "api")
        assert supplier.answers["answered_on"] == "2026-01-20"


def test_the_onboarding_check_ignores_stored_answers(portal: Portal):
    portal.put("/suppliers/S-1", {**CANNERY, **ANSWERS})
    assert "papers_retention" not in portal.post("/assessments", {**CANNERY, "reference": "S-1"}).json["answers"]


TWICE = """
    | Reference | Site name | Country | Sector | Who holds workers' identity papers |
    |---|---|---|---|---|
    | V-100 | Vee | Thailand | 1020 | held |
    | V-101 | Wee | Thailand | 1020 | worker_holds |
    | V-100 | Vee Ltd | Thailand | 1020 | worker_holds |
    """


@pytest.mark.parametrize("chunk", [500, 1])
def test_harm_in_either_of_two_rows_with_one_reference_is_kept_and_both_cells_are_named(
    portal: Portal, monkeypatch: pytest.MonkeyPatch, chunk: int
):
    monkeypatch.setattr(saving, "CHUNK", chunk)
    result = portal.import_file("twice.xlsx", workbook(TWICE))
    contradicted, same = result["issues"]
    assert (contradicted["code"], contradicted["severity"]) == ("row.contradicted", "warning")
    assert contradicted["cells"] == ["E2", "E4"]
    assert (same["code"], same["severity"], same["cells"]) == ("row.same_supplier", "info", ["A2", "A4"])
    assert "Site name" in same["seen"]
    supplier = portal.get("/suppliers/V-100").json
    assert supplier["answers"]["papers_retention"] == "held"
    assert supplier["version"] == 1
    assert sum(result["counts"].values()) == 2


def test_an_agency_is_found_by_every_name_in_its_rows_even_after_a_later_list(portal: Portal):
    agencies = """
        | Licence number | Agency name | Country | Identity papers of workers |
        |---|---|---|---|
        | MM-2231 | Mandalay Star | Myanmar | |
        | MM-2231 | Mandalay Star Example Agency | Myanmar | |
        """
    result = portal.import_file("agencies.xlsx", workbook(agencies), kind="agency")
    assert "row.same_supplier" in list_codes(result)
    database = portal.app.extensions["database"]

    def list_agency_keys() -> set[str]:
        with database.unscoped(write=False) as session:
            return set(session.scalars(select(AgencyName.key)))

    both = {"mandalaystar", "mandalaystarexampleagency", "mm2231"}
    assert list_agency_keys() == both
    for name in ("Mandalay Star", "Mandalay Star Example Agency"):
        site = portal.put("/suppliers/S-1", {**CANNERY, "agencies": [name]}).json
        assert [agency["named"] for agency in portal.get(f"/suppliers/{site['id']}/others").json["agencies"]] == [name]
        assert portal.get(f"/suppliers/{site['id']}/others").json["agencies"][0]["agency"] is not None
    portal.import_file(
        "again.csv", b"Licence number,Agency name,Country\nMM-2231,Mandalay Star,Myanmar\n", kind="agency"
    )
    with database.unscoped(write=False) as session:
        agency = session.scalars(select(Supplier).where(Supplier.kind == "agency")).one()
        organisation = agency.organisation_id
    with database.for_organisation(organisation) as session:
        suppliers.reassess(session, [agency.id], date(2026, 11, 2), now(), "user:1")
    assert list_agency_keys() == both


def test_thousands_of_repeated_rows_are_summarized_in_a_few_issues():
    rows = "".join(f"R-{number},Site {number},TH,{1 + at}\n" for at in (0, 1) for number in range(300))
    found = parse_files([("s.csv", f"Reference,Name,Country,Tier\n{rows}".encode())], Choices(), date(2026, 11, 1))
    same = [issue for issue in found.issues if issue.code == "row.same_supplier"]
    assert len(same) == 41
    assert sum(issue.count for issue in same) == 600
    assert "260 more" in same[-1].seen


# ---------------------------------------------------------------- columns, sheet by sheet


def two_sheets() -> bytes:
    sites = """
        | Reference | Name | Whereabouts |
        |---|---|---|
        | S-1 | Blue Pier | Thailand |
        """
    agencies = """
        | Reference | Agency name | Nation state | Known to us as |
        |---|---|---|---|
        | A-1 | Swift Hands | Nepal | Swift |
        """
    return workbook(sites, name="Sites", Agencies=agencies)


def map_columns_by_sheet(import_: dict) -> dict[str, dict[str, str]]:
    return {sheet["name"]: sheet["columns"] for file in import_["files"] for sheet in file["sheets"]}


def test_each_sheet_of_a_workbook_gets_a_map_of_its_own(portal: Portal):
    import_ = portal.import_file("two.xlsx", two_sheets(), confirm="false")
    columns = [
        {"sheet": "Sites", "columns": {"country": "Whereabouts"}},
        {"file": "two.xlsx", "sheet": "Agencies", "columns": {"country": "Nation state"}},
    ]
    assert confirm(portal, import_, {"columns": columns})["state"] == "done"
    assert portal.get("/suppliers/S-1").json["country"] == "TH"
    assert portal.get("/agencies/A-1").json["country"] == "NP"


def test_a_map_for_all_sheets_keeps_sheets_without_its_header(portal: Portal):
    import_ = portal.import_file("two.xlsx", two_sheets(), confirm="false")
    done = confirm(portal, import_, {"columns": {"country": "Whereabouts"}})
    assert set(map_columns_by_sheet(done)) == {"Sites", "Agencies"}
    assert portal.get("/suppliers/S-1").json["country"] == "TH"
    assert portal.get("/agencies/A-1").json["country"] is None


@pytest.mark.parametrize(
    "columns",
    [
        {"name": "No such header"},
        [{"sheet": "Agencies", "columns": {"name": "", "reference": ""}}],
        [{"sheet": "Agencies", "columns": {"name": "Nobody"}}],
    ],
)
def test_unusable_choices_leave_the_preview_unchanged_with_the_error(portal: Portal, columns: object):
    import_ = portal.import_file("two.xlsx", two_sheets(), confirm="false")
    after = confirm(portal, import_, {"columns": columns})
    assert after["state"] == "previewed"
    assert map_columns_by_sheet(after) == map_columns_by_sheet(import_)
    assert after["choices"] == import_["choices"]
    assert after["problem"]["detail"]
    assert portal.get("/suppliers").json["items"] == []
    done = confirm(portal, after, {})
    assert (done["state"], done["problem"], done["accepted"]) == ("done", None, 2)


def test_the_sender_may_still_choose_to_read_one_sheet_alone(portal: Portal):
    import_ = portal.import_file("two.xlsx", two_sheets(), confirm="false")
    assert set(map_columns_by_sheet(confirm(portal, import_, {"sheet": "Sites"}))) == {"Sites"}


@pytest.mark.parametrize(
    ("columns", "code"),
    [
        ([], "field.type"),
        ([{"sheet": "Sites"}], "field.type"),
        ([{"sheet": 1, "columns": {}}], "field.type"),
        ([{"tab": "Sites", "columns": {}}], "field.unknown"),
        ([{"columns": {"nme": "Name"}}], "field.unknown"),
    ],
)
def test_an_invalid_map_of_sheets_is_refused(portal: Portal, columns: object, code: str):
    import_ = portal.import_file("two.xlsx", two_sheets(), confirm="false")
    answer = portal.post(f"/imports/{import_['id']}/confirm", {"columns": columns})
    assert (answer.status_code, answer.json["code"]) == (422, code)


def test_a_sheet_without_any_country_or_sector_is_reported_with_its_row_count():
    found = parse_files(
        [("s.csv", b"Name,Colour\nBlue Pier,red\nRed Quay,blue\n")], Choices(kind="site"), date(2026, 11, 1)
    )
    result = {issue.code: issue for issue in found.issues}
    assert {code for code in result if code.startswith("sheet.")} == {"sheet.no_country", "sheet.no_sector"}
    assert result["sheet.no_country"].severity == "warning"
    assert "Rows affected: 2." in result["sheet.no_country"].describe()
    filled = parse_files(
        [("s.csv", b"Name\nBlue\n")], Choices(kind="site", country="TH", sector="1020"), date(2026, 11, 1)
    )
    assert not [issue for issue in filled.issues if issue.code.startswith("sheet.")]
