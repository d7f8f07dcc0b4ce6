"""Returned forms: the blanks in a returned form count as declined by its supplier and by no other."""

import re
from datetime import date
from io import BytesIO

import pytest
from callers import make_browser, make_organisation, make_user
from flask import Flask
from openpyxl import load_workbook
from portal import Portal, make_portal
from sheets import workbook
from sqlalchemy import select

from questionnaires.form import load_form
from reports.document import DRAFT
from service.db.session import Database
from service.db.tables import Supplier
from service.questionnaires_sent.requests import build_request_workbook, create_request
from service.reporting.stored_reports import build_internal_report, build_supplier_copy

CANNERY = {"name": "Blue Pier Cannery", "country": "TH", "sector": ["1020"]}
FORM = load_form("site")
ASKED = {q.id for q in FORM.questions if q.declinable}


@pytest.fixture
def portal(app: Flask, database: Database) -> Portal:
    return make_portal(app, make_organisation(database))


def request_form(portal: Portal, reference: str = "S-1") -> tuple[str, str]:
    """Keeps a supplier and asks it; the id of the record, and where its form is."""
    portal.put(f"/suppliers/{reference}", CANNERY)
    response = portal.post(f"/suppliers/{reference}/questionnaires", {"form": "site", "sent_to": "the desk"})
    return response.json["id"], response.location.removeprefix("/api/v1")


def filled_in(portal: Portal, form: str, *rows: dict[str, object]) -> bytes:
    """The form with answers put in by question, from its first row on."""
    return fill_in(portal.get(form).get_data(), *rows)


def fill_in(form: bytes, *rows: dict[str, object]) -> bytes:
    book = load_workbook(BytesIO(form))
    sheet = book.worksheets[1]
    at = {
        q.id: [h.value for h in sheet[2]].index(q.title) + 1
        for q in FORM.questions
        if q.title in [h.value for h in sheet[2]]
    }
    for number, row in enumerate(rows, 3):
        for question, answer in row.items():
            sheet.cell(number, at[question], answer)
    buffer = BytesIO()
    book.save(buffer)
    return buffer.getvalue()


def take_in(portal: Portal, name: str, data: bytes) -> dict[str, object]:
    response = portal.send(name, data)
    portal.work()
    done = portal.get(response.location.removeprefix("/api/v1")).json
    assert done["state"] == "done", done
    return done


def declined(portal: Portal, reference: str = "S-1") -> set[str]:
    answers = portal.get(f"/suppliers/{reference}").json["answers"]
    return {question for question, answer in answers.items() if answer == "declined"}


def test_blanks_in_a_returned_form_are_declined_and_the_request_is_marked_as_returned(portal: Portal):
    request_id, form = request_form(portal)
    assert declined(portal) == set()
    take_in(portal, "back.xlsx", filled_in(portal, form, {"papers_retention": "own"}))
    answer = portal.get("/suppliers/S-1").json
    assert answer["answers"]["papers_retention"] == "worker_holds"
    assert declined(portal) == ASKED - {"papers_retention"}
    (record,) = portal.get("/suppliers/S-1/questionnaires").json["items"]
    assert (record["id"], record["returned_on"]) == (request_id, answer["answers"]["form_returned"])
    assert answer["answers"]["form_version"] == f"site {FORM.version}"


def test_a_returned_form_is_scored_by_the_known_sector_if_it_has_none(portal: Portal):
    portal.put("/suppliers/S-1", CANNERY | {"sector": ["0311"]})
    response = portal.post("/suppliers/S-1/questionnaires", {"form": "site_fishing", "sent_to": "the desk"})
    take_in(portal, "back.xlsx", portal.get(response.location.removeprefix("/api/v1")).get_data())
    answer = portal.get("/suppliers/S-1").json
    assert (answer["answers"]["sector"], answer["model"]) == (["0311"], "site_fishing")


def test_an_unreadable_cell_costs_no_less_than_a_blank_one_and_is_reported(portal: Portal):
    _, form = request_form(portal)
    result = take_in(portal, "back.xlsx", filled_in(portal, form, {"papers_retention": "who knows, ask Bo"}))
    assert "papers_retention" in declined(portal)
    assert ("answer.unknown", "who knows, ask Bo") in [(issue["code"], issue["seen"]) for issue in result["issues"]]


UNREADABLE = """
    | Reference | Name | Country | Recruitment fees paid by workers | Harm that workers or others report |
    |---|---|---|---|---|
    | S-1 | Blue Pier Cannery | Thailand | yes - most | they told us |
    | S-2 | Red Quay Foods | Thailand | most | |
    """


def test_an_unreadable_answer_is_shown_on_the_page_of_its_supplier(portal: Portal, database: Database):
    take_in(portal, "list.xlsx", workbook(UNREADABLE))
    result = page_of(portal, database, "S-1")
    assert "Some answers could not be read." in result
    assert "yes - most" in result
    assert "they told us" not in result
    assert "Some answers could not be read." not in page_of(portal, database, "S-2")
    take_in(portal, "mended.xlsx", workbook(UNREADABLE.replace("yes - most", "most")))
    assert "Some answers could not be read." not in page_of(portal, database, "S-1")


@pytest.mark.parametrize(
    ("sector", "form"),
    [("0311", "site_fishing"), ("4100", "site_construction"), ("9700", "site_domestic_work"), ("1020", "site")],
)
def test_the_page_offers_the_form_of_the_suppliers_sector_first(
    portal: Portal, database: Database, sector: str, form: str
):
    portal.put("/suppliers/S-1", CANNERY | {"sector": [sector]})
    offered = re.findall(r'<option value="(site\w*|agency)"( selected)?>', page_of(portal, database, "S-1", "officer"))
    assert ([id_ for id_, selected in offered if selected] or [offered[0][0]]) == [form]
    listed = [item["id"] for item in portal.get("/forms").json["items"]]
    assert listed == sorted(listed)


def page_of(portal: Portal, database: Database, reference: str, role: str = "viewer") -> str:
    supplier_id = portal.get(f"/suppliers/{reference}").json["id"]
    with database.unscoped() as session:
        organisation = session.scalars(select(Supplier.organisation_id).where(Supplier.id == supplier_id)).one()
    return (
        make_browser(portal.app, make_user(database, organisation, role))
        .get(f"/suppliers/{supplier_id}")
        .get_data(as_text=True)
    )


def test_only_the_form_itself_takes_the_draft_mark_away(portal: Portal, database: Database):
    asking, form = request_form(portal)
    with database.unscoped() as session:
        supplier = session.scalars(select(Supplier)).one()

    def list_drafts() -> list[bool]:
        """Return whether the page of the supplier, its report and its copy are drafts."""
        with database.for_organisation(supplier.organisation_id, write=False) as session:
            reports = build_internal_report(session, [supplier.id]), build_supplier_copy(session, supplier.id)
        return [DRAFT in page_of(portal, database, "S-1"), *(report.draft == DRAFT for report in reports)]

    assert list_drafts() == [True, True, True]
    assert portal.post(f"/suppliers/S-1/questionnaires/{asking}/returned", {}).status_code == 200
    assert list_drafts() == [True, True, True]
    assert "form not uploaded" in page_of(portal, database, "S-1")
    take_in(portal, "returned.xlsx", filled_in(portal, form, {"reference": "S-1", "papers_retention": "Worker holds"}))
    assert list_drafts() == [False, False, False]


SISTER = {"reference": "S-2", "name": "Red Quay Foods", "country": "TH", "sector": ["1020"]}


SISTERS = """
    | Reference | Name | Country | Sector | Who holds workers' identity documents |
    |---|---|---|---|---|
    | {} | Red Quay Foods | Thailand | 1020 | held by the employer |
    """


def read_all(database: Database) -> dict[str, dict[str, object]]:
    """The answers of all suppliers, by name."""
    with database.unscoped() as session:
        return {supplier.name: dict(supplier.answers) for supplier in session.scalars(select(Supplier))}


@pytest.mark.parametrize("reference", ["S-2", ""])
def test_a_row_about_a_sister_site_is_left_out_and_named_before_confirming(
    portal: Portal, database: Database, reference: str
):
    portal.import_file("list.xlsx", workbook(SISTERS.format(reference)))
    _, form = request_form(portal)
    before = read_all(database)
    row = {"name": "Red Quay Foods", "country": "Thailand", "papers_retention": "own"}
    row |= {"reference": reference} if reference else {}
    data = filled_in(portal, form, {"papers_retention": "own"}, row, {"name": "New Quay Mill", "country": "Thailand"})
    preview = portal.import_file("back.xlsx", data, confirm="false")
    (issue,) = (issue for issue in preview["issues"] if issue["code"] == "row.other_supplier")
    assert (issue["seen"], [cell[1:] for cell in issue["cells"]]) == ("Blue Pier Cannery", ["4", "5"])
    assert [(group["reason"], group["count"]) for group in preview["left_out"]] == [("another_supplier", 2)]
    assert [preview[count] for count in ("rows", "accepted", "rejected")] == [1, 1, 0]
    done = take_in(portal, "back.xlsx", data)
    assert done["left_out"] == preview["left_out"]
    after = read_all(database)
    assert after["Blue Pier Cannery"]["papers_retention"] == "worker_holds"
    assert after == {**before, "Blue Pier Cannery": after["Blue Pier Cannery"]}


def test_a_returned_form_without_a_row_about_its_supplier_says_why_it_cannot_be_used(portal: Portal):
    _, form = request_form(portal)
    portal.import_file("list.xlsx", workbook(SISTERS.format("S-2")))
    data = filled_in(portal, form, {"reference": "S-2", "name": "Red Quay Foods", "papers_retention": "own"})
    refused = portal.import_file("back.xlsx", data)
    assert "This questionnaire was sent to Blue Pier Cannery" in refused["problem"]["detail"]
    assert portal.get("/suppliers/S-1/questionnaires").json["items"][0]["returned_on"] is None


def organisation_of(database: Database) -> str:
    with database.unscoped() as session:
        return session.scalars(select(Supplier.organisation_id)).first()


def test_a_supplier_that_adds_its_registration_number_declines_the_rest_all_the_same(
    portal: Portal, database: Database
):
    portal.import_file("list.xlsx", workbook(SISTERS.format("")))
    with database.for_organisation(organisation_of(database)) as session:
        supplier = session.scalars(select(Supplier)).one()
        request = create_request(session, supplier, "site", "the desk", date(2026, 11, 1), "Ana")
        form = build_request_workbook(request, supplier, FORM)
    row = {"registration_number": "0105536000315", "papers_retention": "own"}
    take_in(portal, "back.xlsx", fill_in(form, row))
    (answers,) = read_all(database).values()
    assert (answers["papers_retention"], answers["movement"]) == ("worker_holds", "declined")


LIST = """
    | Reference | Name | Country | Workers' papers |
    |---|---|---|---|
    | S-1 | Blue Pier Cannery | Thailand | |
    """


def test_blanks_in_a_plain_list_are_not_declined(portal: Portal):
    request_form(portal)
    take_in(portal, "list.xlsx", workbook(LIST))
    assert declined(portal) == set()


def test_answers_and_declines_stay_when_a_list_is_imported_later(portal: Portal):
    _, form = request_form(portal)
    take_in(portal, "back.xlsx", filled_in(portal, form, {"papers_retention": "own"}))
    refused, level = declined(portal), portal.get("/suppliers/S-1").json["level"]
    for _ in range(2):
        take_in(portal, "list.xlsx", workbook(LIST))
        assert declined(portal) == refused
        assert portal.get("/suppliers/S-1").json["level"] == level
    assert portal.get("/suppliers/S-1").json["answers"]["papers_retention"] == "worker_holds"


def test_declined_questions_stay_declined_in_a_later_put_until_answered(portal: Portal):
    _, form = request_form(portal)
    take_in(portal, "back.xlsx", filled_in(portal, form, {}))
    refused = declined(portal)
    portal.put("/suppliers/S-1", {**CANNERY, "papers_retention": "never"})
    assert declined(portal) == refused - {"papers_retention"}
    portal.put("/suppliers/S-1", CANNERY)
    assert declined(portal) == refused - {"papers_retention"}


def test_explicitly_declined_questions_stay_declined_until_answered_without_a_returned_form(portal: Portal):
    request_form(portal)
    portal.put("/suppliers/S-1", {**CANNERY, "papers_retention": "declined"})
    for later in ({}, {"contract_language": "all"}):
        portal.put("/suppliers/S-1", {**CANNERY, **later})
        assert declined(portal) == {"papers_retention"}
    portal.put("/suppliers/S-1", {**CANNERY, "papers_retention": "never"})
    assert declined(portal) == set()


def test_a_body_that_names_its_request_is_a_returned_form(portal: Portal):
    request_id, _ = request_form(portal)
    portal.put("/suppliers/S-2", CANNERY)
    body = {**CANNERY, "papers_retention": "worker_holds", "questionnaire_id": request_id}
    gate = portal.post("/assessments", body).json["answers"]
    assert (gate["movement"], gate["form_version"]) == ("declined", f"site {FORM.version}")
    portal.put("/suppliers/S-1", body)
    assert declined(portal) == ASKED - {"papers_retention"}
    assert portal.get("/suppliers/S-1/questionnaires").json["items"][0]["returned_on"]
    for reference, questionnaire_id, code in (
        ("S-2", request_id, "asking.supplier"),
        ("S-1", "none", "asking.unknown"),
    ):
        refused = portal.put(f"/suppliers/{reference}", body | {"questionnaire_id": questionnaire_id})
        assert (refused.status_code, refused.json["code"]) == (422, code)


def test_what_is_not_asked_takes_no_refusal_back(portal: Portal):
    request_form(portal)
    portal.put("/suppliers/S-1", {**CANNERY, "papers_retention": "declined", "movement": "locked"})
    for later in ({"papers_retention": None}, {"papers_retention": "not_applicable", "contract_language": "all"}):
        portal.put("/suppliers/S-1", {**CANNERY, **later})
        assert declined(portal) == {"papers_retention"}
    portal.put("/suppliers/S-1", {**CANNERY, "movement": "not_applicable", "wage_payment": "on_time"})
    assert portal.get("/suppliers/S-1").json["answers"]["movement"] == "locked"


def test_questionnaire_requests_move_along_when_a_supplier_is_merged(portal: Portal):
    request_id, _ = request_form(portal)
    portal.put("/suppliers/S-2", CANNERY)
    portal.post("/suppliers/S-1/merge", {"into": "S-2"})
    assert [request["id"] for request in portal.get("/suppliers/S-2/questionnaires").json["items"]] == [request_id]


def test_a_form_sent_by_another_organisation_counts_as_a_plain_list(app: Flask, database: Database, portal: Portal):
    stranger = make_portal(app, make_organisation(database, "Quay Textiles"))
    _, form = request_form(stranger)
    data = filled_in(stranger, form, {})
    portal.put("/suppliers/S-1", CANNERY)
    take_in(portal, "back.xlsx", data)
    assert declined(portal) == set()
    assert stranger.get("/suppliers/S-1/questionnaires").json["items"][0]["returned_on"] is None


def test_a_suppliers_own_workbook_names_its_agencies_but_does_not_answer_for_them(portal: Portal):
    agency = {"name": "Hard Placers", "country": "NP", "papers_retention": "held", "answered_on": "2026-11-01"}
    before = portal.put("/agencies/A-1", agency).json
    data = workbook(
        """
        | Reference | Site name         | Country  | Sector    | Agencies and labour suppliers | Violence |
        | S-1       | Blue Pier Cannery | Thailand | Canneries | Hard Placers                  | none     |
        """,
        name="Sites",
        Agencies="""
        | Reference | Agency name  | Country | Who holds workers' identity documents | Violence |
        | A-1       | Hard Placers | Nepal   | each worker                           | none     |
        | A-2       | New Placers  | Nepal   | each worker                           | none     |
        """,
    )
    done = portal.import_file("answers.xlsx", data, answered_by="supplier")
    (issue,) = (issue for issue in done["issues"] if issue["code"] == "agency.not_asked")
    assert (issue["sheet"], issue["count"]) == ("Agencies", 2)
    assert "Violence" in issue["seen"]
    after = portal.get("/agencies/A-1").json
    assert (after["answers"], after["score"]) == (before["answers"], before["score"])
    assert portal.get("/agencies/A-2").json["answers"] == {"reference": "A-2", "name": "New Placers", "country": "NP"}
    alone = portal.import_file("agency.xlsx", data, answered_by="supplier", sheet="Agencies")
    assert "agency.not_asked" not in {issue["code"] for issue in alone["issues"]}
