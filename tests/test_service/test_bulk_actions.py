"""Bulk actions on the suppliers selected in a list: reassess, send a questionnaire, export, report; for whom and how many."""

import csv
import html
import io
import re
import zipfile
from datetime import UTC, datetime, timedelta

import pytest
from callers import form_token, make_browser, make_organisation, make_user
from flask import Flask
from flask.testing import FlaskClient
from openpyxl import load_workbook
from sqlalchemy import func, select
from werkzeug.test import TestResponse

from service.campaigns import sending
from service.clock import now
from service.db.job_tables import Job
from service.db.session import Database
from service.db.tables import AuditEvent, QuestionnaireRequest, Result, Supplier
from service.jobs.kinds import RUN_CAMPAIGN
from service.jobs.table import claim_job
from service.jobs.worker import Handler, run_job
from service.queries.supplier_filter import PAGE
from service.reporting.stored_reports import build_internal_report
from service.suppliers import repository as suppliers

AT = datetime(2026, 11, 20, 9, tzinfo=UTC)


@pytest.fixture
def organisation(database: Database) -> str:
    """An organisation with three sites and an agency."""
    organisation = make_organisation(database)
    with database.for_organisation(organisation) as session:
        for kind, name in (
            ("site", "Alder Mill"),
            ("site", "Birch Mill"),
            ("site", "Cedar Mill"),
            ("agency", "Dogwood"),
        ):
            answers = {"reference": f"R {name[0]}", "name": name, "country": "TH"}
            suppliers.save_supplier(session, kind, answers, AT.date(), AT, "user:ana", "import")
    return organisation


@pytest.fixture
def ids(database: Database, organisation: str) -> dict[str, str]:
    """The ids of the suppliers by name."""
    with database.for_organisation(organisation, write=False) as session:
        return dict(session.execute(select(Supplier.name, Supplier.id)).all())


@pytest.fixture
def officer(app: Flask, database: Database, organisation: str) -> FlaskClient:
    return make_browser(app, make_user(database, organisation, "officer"))


def post(client: FlaskClient, path: str, **fields: object) -> TestResponse:
    return client.post(path, data={"csrf_token": form_token(client), **fields}, follow_redirects=True)


def count_results(database: Database, organisation: str) -> dict[str, int]:
    with database.for_organisation(organisation, write=False) as session:
        query = select(Supplier.name, func.count(Result.id)).join(Result, Result.supplier_id == Supplier.id)
        return dict(session.execute(query.group_by(Supplier.name)).all())


def test_only_the_selected_suppliers_are_reassessed_and_the_audit_trail_records_it(
    database: Database, organisation: str, officer: FlaskClient, ids: dict[str, str]
):
    chosen = [ids["Alder Mill"], ids["Dogwood"]]
    answer = post(officer, "/reassess", selected=chosen, list="suppliers", country="TH", sort="name")
    assert "2 suppliers reassessed." in answer.text
    assert answer.request.path == "/suppliers"
    assert answer.request.args.to_dict() == {"country": "TH", "sort": "name"}
    assert count_results(database, organisation) == {"Alder Mill": 2, "Birch Mill": 1, "Cedar Mill": 1, "Dogwood": 2}
    with database.for_organisation(organisation, write=False) as session:
        query = select(AuditEvent.action, AuditEvent.object_id).where(AuditEvent.action.like("%.reassessed"))
        events = session.execute(query).all()
    assert set(map(tuple, events)) == {("site.reassessed", chosen[0]), ("agency.reassessed", chosen[1])}


def test_suppliers_of_another_organisation_cannot_be_selected(
    app: Flask, database: Database, organisation: str, ids: dict[str, str]
):
    other = make_organisation(database, "Quay Trading")
    stranger = make_browser(app, make_user(database, other, "admin"))
    for path in ("/reassess", "/questionnaires"):
        assert post(stranger, path, selected=list(ids.values()), site_form="site", sent_to="me").status_code == 404
    assert stranger.get("/questionnaires/new", query_string={"selected": list(ids.values())}).status_code == 404
    assert set(count_results(database, organisation).values()) == {1}
    exported = stranger.get("/suppliers.csv", query_string={"selected": list(ids.values())}).text
    assert len(exported.splitlines()) == 1


@pytest.mark.parametrize(
    ("count", "text"),
    [(0, "Select at least one supplier in the list."), (PAGE + 1, f"Select at most {PAGE} suppliers")],
)
def test_too_few_or_too_many_suppliers_are_refused(
    database: Database, organisation: str, officer: FlaskClient, ids: dict[str, str], count: int, text: str
):
    selected = [ids["Alder Mill"]] * count
    for answer in (
        post(officer, "/reassess", selected=selected),
        officer.get("/questionnaires/new", query_string={"selected": selected}),
    ):
        assert answer.status_code == 422
        assert text in answer.text
    assert set(count_results(database, organisation).values()) == {1}


def test_an_export_of_too_many_selected_suppliers_is_refused_rather_than_cut_short(
    officer: FlaskClient, ids: dict[str, str]
):
    answer = officer.get("/suppliers.csv", query_string={"selected": ",".join([ids["Alder Mill"]] * (PAGE + 1))})
    assert answer.status_code == 422
    assert f"Select at most {PAGE} suppliers" in answer.text


def test_a_request_is_recorded_for_each_selected_supplier_with_a_form_of_its_kind(
    database: Database, organisation: str, officer: FlaskClient, ids: dict[str, str]
):
    selected = [ids["Alder Mill"], ids["Cedar Mill"], ids["Dogwood"]]
    form = officer.get("/questionnaires/new", query_string={"selected": selected}).text
    assert "Send a questionnaire to 3 suppliers" in form
    assert "Form for suppliers" in form
    assert "Form for recruitment agencies" in form
    answer = post(
        officer, "/questionnaires", selected=selected, site_form="site", agency_form="agency", sent_to="the manager"
    )
    assert "3 requests recorded." in answer.text
    with database.for_organisation(organisation, write=False) as session:
        sent = session.scalars(select(QuestionnaireRequest)).all()
    assert {(each.supplier_id, each.form, each.sent_to) for each in sent} == {
        (ids["Alder Mill"], "site", "the manager"),
        (ids["Cedar Mill"], "site", "the manager"),
        (ids["Dogwood"], "agency", "the manager"),
    }
    for each in sent:
        assert f"/questionnaires/{each.id}" in answer.text


def test_requests_of_another_organisation_are_not_found(
    app: Flask, database: Database, officer: FlaskClient, ids: dict[str, str]
):
    sent = post(officer, "/questionnaires", selected=[ids["Alder Mill"]], site_form="site", sent_to="the desk")
    stranger = make_browser(app, make_user(database, make_organisation(database, "Quay Trading"), "admin"))
    for path in ("/questionnaires/sent", "/questionnaires/sent.zip"):
        assert officer.get(path, query_string=sent.request.args).status_code == 200
        assert stranger.get(path, query_string=sent.request.args).status_code == 404


def test_the_forms_to_send_come_in_one_file_each_with_its_supplier(
    database: Database, organisation: str, officer: FlaskClient, ids: dict[str, str]
):
    selected = [ids["Alder Mill"], ids["Birch Mill"]]
    answer = post(officer, "/questionnaires", selected=selected, site_form="site", sent_to="the desk")
    data = officer.get("/questionnaires/sent.zip", query_string=answer.request.args).data
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert sorted(archive.namelist()) == ["01_R_A_site.xlsx", "02_R_B_site.xlsx"]
        cells = [
            cell.value
            for sheet in load_workbook(io.BytesIO(archive.read("01_R_A_site.xlsx"))).worksheets
            for row in sheet.iter_rows()
            for cell in row
        ]
    assert "Alder Mill" in cells


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"site_form": "site", "sent_to": " "}, "Enter the recipient"),
        ({"site_form": "agency", "sent_to": "the desk"}, "This form is for agencies"),
        ({"sent_to": "the desk"}, "This form or version does not exist"),
    ],
)
def test_a_request_that_cannot_be_recorded_is_recorded_for_none(
    database: Database, organisation: str, officer: FlaskClient, ids: dict[str, str], fields: dict[str, str], text: str
):
    answer = post(officer, "/questionnaires", selected=[ids["Alder Mill"], ids["Birch Mill"]], **fields)
    assert answer.status_code == 422
    assert text in answer.text.split('role="alert"')[1]
    with database.for_organisation(organisation, write=False) as session:
        assert session.scalars(select(QuestionnaireRequest)).all() == []


def test_an_export_of_the_selection_holds_these_suppliers_in_the_order_of_the_list(
    officer: FlaskClient, ids: dict[str, str]
):
    selected = [ids["Dogwood"], ids["Alder Mill"]]
    answer = officer.get("/suppliers.csv", query_string={"selected": selected, "sort": "name", "format": "html"})
    rows = list(csv.reader(io.StringIO(answer.data.decode("utf-8-sig"))))
    assert [row[2] for row in rows[1:]] == ["Alder Mill", "Dogwood"]


def test_a_report_on_the_selection_holds_these_suppliers(
    database: Database, organisation: str, officer: FlaskClient, ids: dict[str, str]
):
    selected = [ids["Birch Mill"], ids["Cedar Mill"]]
    post(officer, "/reports", selected=selected, format="html")
    with database.for_organisation(organisation, write=False) as session:
        wanted = session.scalars(select(Job)).one().payload["wanted"]
        assert wanted == {"selected": ",".join(selected)}
        report = build_internal_report(session, wanted["selected"].split(","))
    assert {result.name for result in report.results} == {"Birch Mill", "Cedar Mill"}


@pytest.mark.parametrize(
    ("role", "may_change"), [("admin", True), ("officer", True), ("viewer", False), ("approver", False)]
)
def test_a_role_is_offered_only_the_bulk_actions_it_may_use(
    app: Flask, database: Database, organisation: str, role: str, may_change: bool
):
    page = make_browser(app, make_user(database, organisation, role)).get("/suppliers").text
    assert ('formaction="/reassess"' in page) == may_change
    assert ('formaction="/campaigns/new"' in page) == may_change
    assert 'formaction="/suppliers.csv"' in page
    assert 'formaction="/reports"' in page


def test_without_a_mail_server_a_campaign_is_sent_with_links_that_people_can_open(
    database: Database, officer: FlaskClient
):
    page = officer.get("/campaigns/new", query_string={"text": "Alder", "kind": "site"}).text
    assert "Start with 1 supplier" in page
    started = re.search(r'formaction="(/campaigns\?[^"]*)"', page)[1].replace("&amp;", "&")
    due = now().date() + timedelta(days=20)
    fields = {"text": "Alder", "kind": "site", "name": "Mills", "due_on": due.isoformat(), "channel": "merge_file"}
    board = post(officer, started, **fields)
    assert f"due {due.day} {due:%b %Y}" in re.sub(r"<[^>]+>", "", board.text), "a day changed after the preview counts"
    run_job(database, claim_job(database, "worker", kinds=[RUN_CAMPAIGN]), Handler(sending.run_campaign))
    data = post(officer, f"{board.request.path}/links", scope="unsent", format="csv").text
    (row,) = csv.DictReader(io.StringIO(data.lstrip("\ufeff")))
    assert row["Link"].startswith("http://localhost/questionnaire/")


def test_who_enters_addresses_for_a_campaign_comes_back_to_it(officer: FlaskClient):
    preview = officer.get("/campaigns/new?text=Alder&name=Mills&channel=mail").text
    contacts = html.unescape(re.search(r'href="(/campaigns/contacts[^"]*)"', preview)[1])
    saved = post(
        officer, contacts, confirmed="yes", file=(io.BytesIO(b"Name,Email\nNo Such Site,a@b.example\n"), "a.csv")
    )
    for page in (officer.get(contacts), saved):
        assert 'href="/campaigns/new?text=Alder&name=Mills&channel=mail"' in html.unescape(page.text)


def test_no_address_holds_the_token_of_a_form(officer: FlaskClient, ids: dict[str, str]):
    page = officer.get("/suppliers").text
    form = page.split('id="selection"')[1].split("</form>")[0]
    assert 'type="hidden" name="csrf_token"' not in form
