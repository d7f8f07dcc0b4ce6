"""Test the stored answers of a buyer's units about themselves: from files, the API and pages, with their history."""

import io
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from callers import freeze_time, make_browser, make_organisation, make_user, send
from flask import Flask
from portal import Portal, make_portal, run_jobs
from sqlalchemy import func, select
from test_practice_findings import fill_form, write_supplier_file

from questionnaires.limits import Limits
from reports.view_model import BUYER_STATES
from service.blob_store import BlobStore
from service.buyer import own_practices
from service.db.buyer_tables import BuyerAnswers
from service.db.import_tables import Import
from service.db.session import Database
from service.db.tables import AuditEvent, Supplier
from service.erasure.organisation import erase_organisation
from service.imports import reading, receiving, saving
from service.jobs.table import claim_job
from service.jobs.worker import Handler, run_job
from service.reporting import report_jobs
from service.retention import purge_expired
from tests.test_reports.read_back import workbook_rows

AT = datetime(2026, 11, 25, 9, 0, tzinfo=UTC)
ON = AT.date()
ANSWERS = {"name": "Outdoor wear", "price_covers_labour": "below", "change_costs": "declined", "payment_days": 20}
SHEET_ANSWERS = {
    "Business unit": "Outdoor wear",
    "Prices and legal wages": "Some are below",
    "Days from delivery to payment": 20,
}


@pytest.fixture
def harbour(database: Database) -> str:
    return make_organisation(database)


@pytest.fixture
def portal(app: Flask, harbour: str) -> Portal:
    return make_portal(app, harbour)


def save_answers(
    database: Database, organisation_id: str, *rows: dict[str, Any], on: date = ON, at: datetime = AT
) -> None:
    with database.for_organisation(organisation_id) as session:
        own_practices.save_answers(session, rows, on, at, "user:ana")


def get_states(database: Database, organisation_id: str, on: date = ON) -> dict[str, dict[str, str]]:
    """Return the state of each practice on a day, by unit and practice."""
    with database.for_organisation(organisation_id, write=False) as session:
        units = own_practices.list_units(session, on)
    return {
        unit.name: {finding.finding.practice.id: finding.finding.state for finding in unit.findings} for unit in units
    }


def count_rows(database: Database) -> int:
    with database.unscoped(write=False) as session:
        return session.scalars(select(func.count(BuyerAnswers.id))).one()


def test_the_newest_answers_of_a_unit_count_and_earlier_ones_are_kept(database: Database, harbour: str):
    save_answers(database, harbour, ANSWERS)
    save_answers(
        database, harbour, {"name": "OUTDOOR-WEAR", "price_covers_labour": "checked"}, at=AT + timedelta(days=1)
    )
    save_answers(database, harbour, {"name": "Home goods", "payment_days": 95}, at=AT + timedelta(days=2))
    states = get_states(database, harbour)
    assert sorted(states) == ["Home goods", "OUTDOOR-WEAR"]
    assert states["OUTDOOR-WEAR"]["price_below_cost"] == "answered"
    assert states["OUTDOOR-WEAR"]["change_costs_passed_on"] == "not_asked"
    assert count_rows(database) == 3


def test_the_last_of_several_rows_of_a_unit_counts(database: Database, harbour: str):
    save_answers(database, harbour, ANSWERS, {**ANSWERS, "price_covers_labour": "checked"})
    assert count_rows(database) == 1
    assert get_states(database, harbour)["Outdoor wear"]["price_below_cost"] == "answered"


def test_an_expired_check_becomes_a_finding_with_a_due_date_from_that_day(database: Database, harbour: str):
    save_answers(database, harbour, {"name": "Outdoor wear", "recruitment_monitored_on": "2026-11-20"})
    before, after, later = date(2027, 11, 20), date(2027, 11, 21), date(2028, 3, 1)
    assert [get_states(database, harbour, day)["Outdoor wear"]["monitoring_old"] for day in (before, after, later)] == [
        "answered", "harm", "harm",
    ]  # fmt: skip
    with database.for_organisation(harbour, write=False) as session:
        due = {
            day: {
                actions[0][2]
                for unit in own_practices.list_units(session, day)
                for finding in unit.findings
                if finding.finding.practice.id == "monitoring_old" and (actions := finding.actions)
            }
            for day in (after, later)
        }
    assert due[after] == due[later]
    assert min(due[after]) > after


def test_actions_of_initial_findings_are_due_from_the_day_of_the_answers(database: Database, harbour: str):
    save_answers(database, harbour, {**ANSWERS, "answered_on": "2026-10-01"})
    with database.for_organisation(harbour, write=False) as session:
        [unit] = own_practices.list_units(session, AT.date())
        [price] = [finding for finding in unit.findings if finding.finding.practice.id == "price_below_cost"]
    assert unit.record.on == date(2026, 10, 1)
    assert price.actions[0][2] == date(2026, 10, 1) + timedelta(days=price.actions[0][1])


def test_units_are_separate_between_organisations(database: Database, harbour: str):
    save_answers(database, harbour, ANSWERS)
    assert get_states(database, make_organisation(database, "Quay")) == {}


def test_the_api_stores_answers_and_returns_findings_with_sources_and_actions(portal: Portal):
    assert portal.get("/buyer").json["units"] == []
    body = portal.put("/buyer", ANSWERS).json
    assert portal.get("/buyer").json == body
    [unit] = body["units"]
    findings = {item["practice"]: item for item in unit["findings"]}
    price = findings["price_below_cost"]
    assert (price["state"], price["value"], "SD-62" in price["sources"]) == ("harm", "below", True)
    assert price["text"].startswith("Whether prices cover legal wages: ")
    assert (findings["change_costs_passed_on"]["state"], findings["peaks_steep"]["state"]) == ("declined", "not_asked")
    actions = {action["id"]: action for action in body["actions"]}
    assert {action["owner"] for action in body["actions"]} == {"buyer"}
    assert all(item["id"] in actions and item["due"] >= actions[item["id"]]["due"] for item in price["actions"])


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"name": "A", "colour": "red"}, "field.unknown"),
        ({"price_covers_labour": "maybe"}, "answer.unknown"),
        ({"payment_days": 9000}, "number.range"),
        ({"country": "TH"}, "field.read_only"),
    ],
)
def test_the_api_rejects_fields_that_the_form_does_not_ask(portal: Portal, body: dict[str, Any], code: str):
    response = portal.put("/buyer", body)
    assert (response.status_code, response.json["code"]) == (422, code)
    assert portal.get("/buyer").json["units"] == []


def test_a_null_in_a_returned_form_counts_as_declined(portal: Portal):
    body = {"name": "A", "lead_time": None, "form_version": "buyer 2026.1", "form_returned": "2026-03-01"}
    states = {
        finding["practice"]: finding["state"] for finding in portal.put("/buyer", body).json["units"][0]["findings"]
    }
    assert (states["lead_time_short"], states["paid_late"]) == ("declined", "not_asked")


def test_the_api_lists_earlier_answers_and_erases_a_unit_with_them(portal: Portal, database: Database):
    for days in (95, 20, 30):
        portal.put("/buyer", {"name": "Outdoor wear", "payment_days": days})
    first = portal.get("/buyer/answers?limit=2").json
    rest = portal.get(first["next"].removeprefix("/api/v1")).json
    assert [row["answers"]["payment_days"] for row in (*first["items"], *rest["items"])] == [30, 20, 95]
    assert portal.call("DELETE", f"/buyer/answers/{rest['items'][0]['id']}").status_code == 204
    assert (portal.get("/buyer").json["units"], count_rows(database)) == ([], 0)
    actions = [event["action"] for event in portal.get("/audit").json["items"]]
    assert (actions[0], actions.count("buyer.answered")) == ("buyer.erased", 3)


def test_a_read_only_key_cannot_write_answers(app: Flask, harbour: str):
    reader = make_portal(app, harbour, "suppliers:read")
    assert reader.get("/buyer").status_code == 200
    assert reader.put("/buyer", ANSWERS).status_code == 403


@pytest.mark.parametrize("choices", [{}, {"kind": "buyer"}], ids=["by its stamp", "by choice"])
def test_a_form_alone_can_be_imported_and_scores_no_supplier(
    portal: Portal, database: Database, harbour: str, tmp_path: Path, choices: dict[str, str]
):
    response = portal.send("ours.xlsx", fill_form(tmp_path / "ours.xlsx", SHEET_ANSWERS).read_bytes(), **choices)
    portal.work()
    import_ = portal.get(f"/imports/{response.json['id']}").json
    assert (import_["state"], import_["rows"], import_["accepted"]) == ("done", 0, 0)
    [unit] = portal.get("/buyer").json["units"]
    assert (unit["name"], unit["import_id"]) == ("Outdoor wear", import_["id"])
    assert portal.get("/suppliers").json["items"] == []


def test_a_plain_sheet_can_be_imported_as_the_buyers_form(portal: Portal, database: Database):
    data = b"Brand,Days to payment\nOutdoor wear,95\nHome goods,20\n"
    portal.send("ours.csv", data, kind="buyer")
    portal.work()
    assert {unit["name"] for unit in portal.get("/buyer").json["units"]} == {"Outdoor wear", "Home goods"}


def test_the_buyers_answers_do_not_change_suppliers_of_the_same_import(
    database: Database, harbour: str, blobs: BlobStore, tmp_path: Path
):
    scores = []
    for extra_files in ([], [("ours.xlsx", fill_form(tmp_path / "ours.xlsx", SHEET_ANSWERS).read_bytes())]):
        files = [("sites.csv", write_supplier_file(tmp_path / "sites.csv").read_bytes()), *extra_files]
        receiving.receive_upload(database, blobs, harbour, files, {"confirm": True}, "user:ana", Limits())
        run_jobs(database, blobs)
        with database.for_organisation(harbour, write=False) as session:
            scores.append(session.scalars(select(Supplier.score)).all())
    assert scores[0] == scores[1]
    assert list(get_states(database, harbour)) == ["Outdoor wear"]


def test_a_repeated_job_stores_the_answers_once(database: Database, harbour: str, blobs: BlobStore, tmp_path: Path):
    files = [("ours.xlsx", fill_form(tmp_path / "ours.xlsx", SHEET_ANSWERS).read_bytes())]
    receiving.receive_upload(database, blobs, harbour, files, {"confirm": True}, "user:ana", Limits())
    read = Handler(lambda db, claimed: reading.read_import(db, blobs, claimed))
    assess = Handler(lambda db, claimed: saving.assess_import(db, blobs, claimed))
    run_job(database, claim_job(database, "test", kinds={"read_import": read}), read)
    claimed = claim_job(database, "test", kinds={"assess_import": assess})
    run_job(database, claimed, assess)
    run_job(database, claimed, assess)  # as a worker does that was presumed lost
    assert count_rows(database) == 1


def render_report(database: Database, organisation_id: str, blobs: BlobStore, **options: Any) -> bytes:
    with database.for_organisation(organisation_id) as session:
        job = report_jobs.request_report(session, "xlsx", "user:ana", **options)
    run_jobs(database, blobs)
    with database.for_organisation(organisation_id, write=False) as session:
        return report_jobs.download_report(session, blobs, job.id, sees_worker_derived=True).data


def test_only_the_portfolio_report_includes_the_buyer(
    database: Database, harbour: str, blobs: BlobStore, tmp_path: Path
):
    files = [
        ("sites.csv", write_supplier_file(tmp_path / "sites.csv").read_bytes()),
        ("ours.xlsx", fill_form(tmp_path / "ours.xlsx", SHEET_ANSWERS).read_bytes()),
    ]
    receiving.receive_upload(database, blobs, harbour, files, {"confirm": True}, "user:ana", Limits())
    run_jobs(database, blobs)
    with database.for_organisation(harbour, write=False) as session:
        supplier_id = session.scalars(select(Supplier.id)).one()
    lines = workbook_rows(render_report(database, harbour, blobs), "Buyer")
    assert (lines[0]["State"], lines[0]["Unit"]) == (BUYER_STATES["harm"], "Outdoor wear")
    for audience in report_jobs.AUDIENCES:
        copy = render_report(database, harbour, blobs, supplier_id=supplier_id, audience=audience)
        assert "Buyer" not in openpyxl.load_workbook(io.BytesIO(copy)).sheetnames


def test_answers_are_purged_when_expired_and_with_their_organisation(
    database: Database, blobs: BlobStore, harbour: str
):
    save_answers(database, harbour, ANSWERS, at=AT)
    save_answers(database, harbour, ANSWERS, at=AT + timedelta(days=400))
    purge_expired(database, blobs, AT + timedelta(days=84 * 30))
    assert count_rows(database) == 2
    purge_expired(database, blobs, AT + timedelta(days=84 * 31))
    assert count_rows(database) == 1
    assert erase_organisation(database, blobs, harbour, "user:ana")["buyer_answers"] == 1
    assert count_rows(database) == 0


def test_the_audit_trail_does_not_contain_the_answers(app: Flask, database: Database, harbour: str):
    send(make_browser(app, make_user(database, harbour)), "/our-practices", name="Outdoor wear", payment_days="95")
    with database.for_organisation(harbour, write=False) as session:
        [event] = session.scalars(select(AuditEvent).where(AuditEvent.action == "buyer.answered"))
        assert session.scalars(select(Import)).all() == []
    assert (event.object_type, event.details) == ("buyer", {})


def test_a_portfolio_report_evaluates_the_buyer_on_the_current_day(
    database: Database, harbour: str, blobs: BlobStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    today = datetime(2026, 12, 1, 9, 0, tzinfo=UTC)  # both reports follow the rules 2026.4
    freeze_time(monkeypatch, today)
    files = [("sites.csv", write_supplier_file(tmp_path / "sites.csv").read_bytes())]
    receiving.receive_upload(database, blobs, harbour, files, {"confirm": True}, "user:ana", Limits())
    run_jobs(database, blobs)
    save_answers(database, harbour, {"name": "Outdoor wear", "recruitment_monitored_on": "2026-11-20"})
    report_now = render_report(database, harbour, blobs)
    freeze_time(monkeypatch, today + timedelta(days=400))
    report_later = render_report(database, harbour, blobs)
    practice = "No recent check of recruitment"
    states = [
        {row["Practice"]: row["State"] for row in workbook_rows(data, "Buyer")}[practice]
        for data in (report_now, report_later)
    ]
    assert states == [BUYER_STATES["answered"], BUYER_STATES["harm"]]
