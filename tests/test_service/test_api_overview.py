"""The portfolio, what to do, the table, connections, asking and the method, through the API."""

from datetime import UTC, date, datetime
from io import BytesIO

import pytest
from callers import freeze_time, make_organisation
from diligence_client.api.actions import list_actions
from diligence_client.api.agencies import get_agency_connections, put_agency
from diligence_client.api.assessments import get_score_changes
from diligence_client.api.forms import download_form, list_forms
from diligence_client.api.jobs import cancel_job, list_jobs
from diligence_client.api.method import get_method
from diligence_client.api.models import get_model, list_models
from diligence_client.api.portfolio import get_portfolio
from diligence_client.api.sources import list_sources
from diligence_client.api.suppliers import (
    create_supplier_request,
    download_supplier_form,
    get_supplier,
    get_supplier_connections,
    list_supplier_assessments,
    list_supplier_requests,
    list_suppliers,
    mark_supplier_form_returned,
    put_supplier,
)
from diligence_client.api.table import download_table
from diligence_client.models import (
    AgencyAnswers,
    NewSiteQuestionnaireRequest,
    QuestionnaireReturn,
    SiteAnswers,
)
from flask import Flask
from openpyxl import load_workbook
from portal import Portal, make_portal
from pypdf import PdfReader

from questionnaires.form import load_form
from service.db.session import Database

CANNERY = {"name": "Blue Pier Cannery", "country": "TH", "sector": ["1020"]}


@pytest.fixture
def portal(app: Flask, database: Database) -> Portal:
    return make_portal(app, make_organisation(database))


@pytest.fixture
def stranger(app: Flask, database: Database) -> Portal:
    return make_portal(app, make_organisation(database, "Quay Textiles"))


def put(portal: Portal, reference: str, **more: object) -> None:
    assert put_supplier.sync_detailed(reference, client=portal.client, body=SiteAnswers(**CANNERY | more)).parsed.id


def test_the_portfolio_counts_queues_maps_and_tells_who_moved_and_why(portal: Portal):
    put(portal, "S-1")
    put(portal, "S-1", reported_harms=["papers_withheld"], reported_by="workers")
    put(portal, "S-2", country="NO")
    portfolio = get_portfolio.sync(client=portal.client)
    levels = [get_supplier.sync(name, client=portal.client).level for name in ("S-1", "S-2")]
    counts = portfolio.counts.to_dict()
    assert counts == {level: levels.count(level) for level in counts}
    assert portfolio.kinds.to_dict() == {"site": 2, "agency": 0}
    places = {place.country for place in portfolio.places}
    assert {cell.country for cell in portfolio.heat_map} == places == {"TH", "NO"}
    (mover,) = portfolio.movers
    assert (mover.supplier.reference, mover.from_) == ("S-1", "insufficient_evidence")
    assert mover.moves[0].points > 0


def test_what_rests_on_blanks_is_marked_in_lists_on_the_maps_and_for_the_supplier_itself(portal: Portal):
    blanks = dict.fromkeys(("papers_retention", "worker_debt", "recruitment_fees", "threats", "violence"), "declined")
    put(portal, "S-1", **blanks)
    put(portal, "S-2", country="NO", papers_retention="declined", violence="none_known")
    put(portal, "S-3", country="DE", papers_retention="until_end")
    expected = {"TH": (True, True), "NO": (False, True), "DE": (False, False)}  # a bound, rests on blanks
    portfolio, listed = get_portfolio.sync(client=portal.client), list_suppliers.sync(client=portal.client)
    for lines in (portfolio.heat_map, portfolio.places, portfolio.worst, listed.items):
        assert {line.country: (line.up_to, line.silent) for line in lines} == expected
    whole = [get_supplier.sync(f"S-{n}", client=portal.client) for n in (1, 2, 3)]
    assert [(one.up_to, one.silent) for one in whole] == [*expected.values()]


def test_what_to_do_first_comes_with_the_suppliers_it_concerns(portal: Portal):
    put(portal, "S-1")
    step = list_actions.sync(client=portal.client).items[0]
    assert (step.total, step.suppliers[0].reference) == (1, "S-1")
    assert step.action["id"] == get_supplier.sync("S-1", client=portal.client).next_step
    assert step.action["proof"]


def test_the_table_comes_as_a_file_as_the_filter_says(portal: Portal):
    put(portal, "S-1")
    put(portal, "S-2", name="Fjord Foods", country="NO")
    text = download_table.sync(client=portal.client, country="NO").payload.read().decode()
    assert "Fjord Foods" in text
    assert "Blue Pier" not in text
    book = load_workbook(download_table.sync(client=portal.client, format_="xlsx", sort="name").payload)
    assert [row[2] for row in book.active.iter_rows(values_only=True)] == ["Name", "Blue Pier Cannery", "Fjord Foods"]


@pytest.mark.parametrize("name", ["<r><x></r>", "=1+1", "http://example.test/x", "007"])
def test_a_name_in_the_table_stays_text(portal: Portal, name: str):
    portal.put("/suppliers/S-1", {**CANNERY, "name": name})
    book = load_workbook(BytesIO(portal.get("/table?format=xlsx").get_data()))
    cell = book.active.cell(2, 3)
    assert (cell.value, cell.data_type, cell.hyperlink) == (name, "s", None)


def test_a_list_is_narrowed_as_the_page_narrows_it(portal: Portal):
    put(portal, "S-1")
    put_supplier.sync("S-2", client=portal.client, body=SiteAnswers(name="Nowhere Foods"))

    def references(**narrowed: str) -> list[str | None]:
        return [line.reference for line in list_suppliers.sync(client=portal.client, **narrowed).items]

    assert references(country="unknown") == ["S-2"]
    assert "S-1" in references(step=get_supplier.sync("S-1", client=portal.client).next_step)
    assert references(review="overdue") == []


def test_agencies_sites_and_corridors_hang_together(portal: Portal):
    agency = AgencyAnswers(name="Swift Hands", country="NP", destination_countries=["TH"])
    put_agency.sync("A-1", client=portal.client, body=agency)
    put(portal, "S-1", agencies=["Swift Hands", "Nobody Knows"], worker_origin_countries=["NP"])
    of_site = get_supplier_connections.sync("S-1", client=portal.client)
    found = {one.named: one.agency and one.agency.reference for one in of_site.agencies}
    assert found == {"Swift Hands": "A-1", "Nobody Knows": None}
    assert [corridor.to_dict() for corridor in of_site.corridors] == [{"from": "Nepal", "to": "Thailand"}]
    of_agency = get_agency_connections.sync("A-1", client=portal.client)
    assert [site.reference for site in of_agency.sites] == ["S-1"]


def test_an_agency_is_listed_with_the_sites_and_workers_it_reaches(portal: Portal):
    portal.put("/agencies/A-1", {"name": "Swift Hands", "licence_number": "NP-77", "country": "NP"})
    assert portal.get("/agencies/A-1/others").json["reach"] == {"sites": 0, "tell": 0, "workers": 0}
    for number, told in enumerate(
        (
            {"agencies": ["Swift Hands", "Other"], "workers_by_agency": ["SWIFT HANDS: 60", "Other: 500"]},
            {"agencies": ["NP-77"], "workers_total": 200, "workers_by_agency": ["NP-77: 15%"]},
            {"agencies": ["Swift Hands"], "workers_by_agency": ["Swift Hands: 15%"]},  # of how many, it does not say
            {"agencies": ["Other"], "workers_by_agency": ["Other: 7"]},
        )
    ):
        assert portal.put(f"/suppliers/S-{number}", {**CANNERY, **told}).status_code == 201
    assert portal.get("/agencies/A-1/others").json["reach"] == {"sites": 3, "tell": 2, "workers": 90}
    assert portal.get("/suppliers/S-1/others").json["reach"] is None


def test_what_moved_a_score_is_stated_for_each_assessment(portal: Portal):
    put(portal, "S-1")
    put(portal, "S-1", country="NO")
    last, first = list_supplier_assessments.sync("S-1", client=portal.client).items
    moved = get_score_changes.sync(last.id, client=portal.client)
    assert moved.change == pytest.approx(last.score - first.score)
    assert sum(move.points for move in moved.moves) == pytest.approx(moved.change, abs=1e-4)
    assert get_score_changes.sync(first.id, client=portal.client).change is None


def test_asking_is_recorded_fetched_and_marked_as_returned(portal: Portal, stranger: Portal):
    client, to_the_desk = portal.client, NewSiteQuestionnaireRequest("site", sent_to="the desk")
    put(portal, "S-1")
    response = create_supplier_request.sync_detailed("S-1", client=client, body=to_the_desk)
    request = response.parsed
    assert (response.status_code, request.form_version) == (201, load_form("site").version)
    assert response.headers["Location"].endswith(f"/questionnaires/{request.id}/form")
    book = load_workbook(download_supplier_form.sync("S-1", request.id, client=client).payload)
    assert dict(book["_form"].values)["asking"] == request.id
    early = mark_supplier_form_returned.sync(
        "S-1", request.id, client=client, body=QuestionnaireReturn(date(2020, 1, 1))
    )
    assert early.code == "asking.returned_on"
    returned = mark_supplier_form_returned.sync("S-1", request.id, client=client, body=QuestionnaireReturn())
    assert returned.returned_on == request.sent_on
    assert list_supplier_requests.sync("S-1", client=client).items == [returned]
    put(portal, "S-2")
    elsewhere = mark_supplier_form_returned.sync_detailed("S-2", request.id, client=client, body=QuestionnaireReturn())
    assert elsewhere.status_code == 404
    assert list_supplier_requests.sync_detailed("S-1", client=stranger.client).status_code == 404


def test_the_form_of_a_request_comes_back_from_a_workbook_with_a_row_per_question(portal: Portal):
    put(portal, "S-1")
    to_the_desk = NewSiteQuestionnaireRequest("site", sent_to="the desk")
    request = create_supplier_request.sync("S-1", client=portal.client, body=to_the_desk)
    book = load_workbook(
        download_supplier_form.sync("S-1", request.id, client=portal.client, layout="questions").payload
    )
    sheet = book["Questionnaire"]
    rows = {cell.value: cell.row for cell in sheet["D"]}
    assert sheet.cell(rows["name"], 5).value == CANNERY["name"]
    sheet.cell(rows["recruitment_fees"], 5).value = "declined"
    sheet.cell(rows["papers_retention"], 5).value = "Workers hold their own documents"
    filled = BytesIO()
    book.save(filled)
    portal.import_file("form.xlsx", filled.getvalue())
    answers = get_supplier.sync("S-1", client=portal.client).answers
    assert (answers["papers_retention"], answers["recruitment_fees"]) == ("worker_holds", "declined")
    assert list_supplier_requests.sync("S-1", client=portal.client).items[0].returned_on


def test_the_form_of_a_request_can_be_printed(portal: Portal):
    put(portal, "S-1")
    to_the_desk = NewSiteQuestionnaireRequest("site", sent_to="the desk")
    request = create_supplier_request.sync("S-1", client=portal.client, body=to_the_desk)
    printed = PdfReader(download_supplier_form.sync("S-1", request.id, client=portal.client, layout="pdf").payload)
    text = "".join(page.extract_text() for page in printed.pages)
    assert "Who holds workers' passports and other documents?" in text
    assert "Thailand" in text  # what is known can be corrected
    assert "reported" not in text.casefold().split("if someone is in danger")[0]


def test_a_form_is_not_printed_in_a_script_without_a_font(portal: Portal):
    problem = portal.get("/forms/site/template?layout=pdf&language=si")
    assert (problem.status_code, problem.json["code"]) == (422, "form.language")
    assert "There is no PDF in Sinhala" in problem.json["detail"]
    assert portal.get("/forms/site/template?layout=questions&language=si").status_code == 200


def test_only_forms_for_suppliers_have_other_layouts(portal: Portal):
    for form in list_forms.sync(client=portal.client).items:
        response = portal.get(f"/forms/{form.id}/template?layout=xlsform")
        assert response.status_code == (200 if form.kind in ("site", "agency") else 422)


def test_the_former_paths_of_questionnaires_still_work(portal: Portal):
    portal.put("/suppliers/S-1", CANNERY)
    sent = portal.post("/suppliers/S-1/askings", {"form": "site", "sent_to": "the desk"}).json
    assert portal.get("/suppliers/S-1/askings").json["items"] == [sent]
    assert portal.get(f"/suppliers/S-1/askings/{sent['id']}/form").status_code == 200
    assert portal.post(f"/suppliers/S-1/askings/{sent['id']}/returned", {}).json["returned_on"]


def test_a_form_comes_back_today_where_the_organisation_is(
    app: Flask, database: Database, monkeypatch: pytest.MonkeyPatch
):
    freeze_time(monkeypatch, datetime(2026, 11, 1, 12, 0, tzinfo=UTC))
    portal = make_portal(
        app, make_organisation(database, "Kiritimati Foods", "Pacific/Kiritimati")
    )  # where it is 2 November
    portal.put("/suppliers/S-1", CANNERY)
    body = portal.post("/suppliers/S-1/questionnaires", {"form": "site", "sent_to": "the desk"}).json
    back = portal.post(f"/suppliers/S-1/questionnaires/{body['id']}/returned", {}).json
    assert (body["sent_on"], back["returned_on"]) == ("2026-11-02", "2026-11-02")


def test_the_forms_are_listed_and_fetched_empty(portal: Portal):
    forms = list_forms.sync(client=portal.client).items
    assert {"site", "agency"} <= {form.id for form in forms}
    for form in forms:
        assert load_workbook(download_form.sync(form.id, client=portal.client).payload)["_form"]
    assert download_form.sync_detailed("none", client=portal.client).status_code == 404


def test_a_model_is_returned_whole_and_every_source_it_names_is_in_the_register(portal: Portal):
    client = portal.client
    sources = {source.id: source for source in list_sources.sync(client=client).items}
    for line in list_models.sync(client=client).items:
        model = get_model.sync(line.id, client=client)
        assert model.digest == line.digest
        for part in (model.indicators, model.contexts, model.floors):
            assert all(sources[name].title for item in part for name in item["sources"])
        assert all(item["weight_because"] for item in model.indicators)
    assert get_model.sync_detailed("none", client=client).status_code == 404
    assert {fact["id"] for fact in get_method.sync(client=client).facts} >= {"country.wgi_rule_of_law"}


def test_jobs_are_listed_and_cancelled(portal: Portal):
    portal.send("a.csv", b"Name,Country\nBlue Pier,Thailand\n")
    (job,) = list_jobs.sync(client=portal.client).items
    assert (job.kind, job.state) == ("read_import", "queued")
    assert cancel_job.sync_detailed(job.id, client=portal.client).status_code == 202
    assert cancel_job.sync_detailed("none", client=portal.client).status_code == 404
