"""What a buyer's units answer about themselves, as the service keeps it: from files, the API and pages, with its past."""

import io
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from callers import a_browser, a_user, an_organisation, send, stop_the_clock
from flask import Flask
from portal import Portal, a_portal, work_off
from sqlalchemy import func, select
from test_buying import fill_form
from test_buying import write_supplier_file as a_supplier_file

from reports.view_model import BUYER_STATES
from service import report_jobs
from service.blob_store import BlobStore
from service.buyer import own_practices
from service.clock import now
from service.db.buyer_tables import BuyerAnswers
from service.db.session import Database
from service.db.tables import AuditEvent, Import, Supplier
from service.imports import jobs as import_jobs
from service.jobs.table import claim_job
from service.jobs.worker import Handler, run_job
from service.retention import erase_organisation, purge_expired
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
    return an_organisation(database)


@pytest.fixture
def portal(app: Flask, harbour: str) -> Portal:
    return a_portal(app, harbour)


@pytest.fixture
def blobs(tmp_path: Path) -> BlobStore:
    return BlobStore(tmp_path / "blobs")


def save_answers(
    database: Database, organisation_id: str, *rows: dict[str, Any], on: date = ON, at: datetime = AT
) -> None:
    with database.for_organisation(organisation_id) as session:
        own_practices.save_answers(session, rows, on, at, "user:ana")


def get_states(database: Database, organisation_id: str, on: date = ON) -> dict[str, dict[str, str]]:
    """By unit and practice how things stand on a day."""
    with database.for_organisation(organisation_id, write=False) as session:
        found = own_practices.list_units(session, on)
    return {unit.name: {each.finding.practice.id: each.finding.state for each in unit.findings} for unit in found}


def count_rows(database: Database) -> int:
    with database.unscoped(write=False) as session:
        return session.scalars(select(func.count(BuyerAnswers.id))).one()


def test_the_newest_answers_of_a_unit_count_and_earlier_ones_stay_as_its_past(database: Database, harbour: str):
    save_answers(database, harbour, ANSWERS)
    save_answers(
        database, harbour, {"name": "OUTDOOR-WEAR", "price_covers_labour": "checked"}, at=AT + timedelta(days=1)
    )
    save_answers(database, harbour, {"name": "Home goods", "payment_days": 95}, at=AT + timedelta(days=2))
    found = get_states(database, harbour)
    assert sorted(found) == ["Home goods", "OUTDOOR-WEAR"]
    assert found["OUTDOOR-WEAR"]["price_below_cost"] == "answered"
    assert found["OUTDOOR-WEAR"]["change_costs_passed_on"] == "not_asked"
    assert count_rows(database) == 3


def test_of_two_rows_of_one_unit_in_a_file_the_last_stands(database: Database, harbour: str):
    save_answers(database, harbour, ANSWERS, {**ANSWERS, "price_covers_labour": "checked"})
    assert count_rows(database) == 1
    assert get_states(database, harbour)["Outdoor wear"]["price_below_cost"] == "answered"


def test_an_old_look_becomes_a_finding_with_time_and_its_action_is_due_from_the_day_it_did(
    database: Database, harbour: str
):
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
                for each in unit.findings
                if each.finding.practice.id == "monitoring_old" and (actions := each.actions)
            }
            for day in (after, later)
        }
    assert due[after] == due[later]
    assert min(due[after]) > after


def test_what_stood_out_from_the_first_is_due_from_the_day_of_the_answers(database: Database, harbour: str):
    save_answers(database, harbour, {**ANSWERS, "answered_on": "2026-10-01"})
    with database.for_organisation(harbour, write=False) as session:
        [unit] = own_practices.list_units(session, AT.date())
        [price] = [each for each in unit.findings if each.finding.practice.id == "price_below_cost"]
    assert unit.record.on == date(2026, 10, 1)
    assert price.actions[0][2] == date(2026, 10, 1) + timedelta(days=price.actions[0][1])


def test_another_organisation_has_no_units_of_ours(database: Database, harbour: str):
    save_answers(database, harbour, ANSWERS)
    assert get_states(database, an_organisation(database, "Quay")) == {}


def test_the_api_keeps_answers_and_tells_findings_with_reasons_sources_and_actions(portal: Portal):
    assert portal.get("/buyer").json["units"] == []
    told = portal.put("/buyer", ANSWERS).json
    assert portal.get("/buyer").json == told
    [unit] = told["units"]
    found = {each["practice"]: each for each in unit["findings"]}
    price = found["price_below_cost"]
    assert (price["state"], price["value"], "SD-62" in price["sources"]) == ("harm", "below", True)
    assert price["text"].startswith("Whether prices cover legal wages: Some are below.")
    assert (found["change_costs_passed_on"]["state"], found["peaks_steep"]["state"]) == ("declined", "not_asked")
    actions = {action["id"]: action for action in told["actions"]}
    assert {action["owner"] for action in told["actions"]} == {"buyer"}
    assert all(each["id"] in actions and each["due"] >= actions[each["id"]]["due"] for each in price["actions"])


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"name": "A", "colour": "red"}, "field.unknown"),
        ({"price_covers_labour": "maybe"}, "answer.unknown"),
        ({"payment_days": 9000}, "number.range"),
        ({"country": "TH"}, "field.read_only"),
    ],
)
def test_the_api_refuses_what_the_form_does_not_ask(portal: Portal, body: dict[str, Any], code: str):
    said = portal.put("/buyer", body)
    assert (said.status_code, said.json["code"]) == (422, code)
    assert portal.get("/buyer").json["units"] == []


def test_a_null_in_a_form_that_came_back_was_left_blank(portal: Portal):
    body = {"name": "A", "lead_time": None, "form_version": "buyer 2026.1", "form_returned": "2026-03-01"}
    found = {each["practice"]: each["state"] for each in portal.put("/buyer", body).json["units"][0]["findings"]}
    assert (found["lead_time_short"], found["paid_late"]) == ("declined", "not_asked")


def test_the_api_shows_the_past_in_pages_and_erases_a_unit_with_it(portal: Portal, database: Database):
    for days in (95, 20, 30):
        portal.put("/buyer", {"name": "Outdoor wear", "payment_days": days})
    first = portal.get("/buyer/answers?limit=2").json
    rest = portal.get(first["next"].removeprefix("/api/v1")).json
    assert [row["answers"]["payment_days"] for row in (*first["items"], *rest["items"])] == [30, 20, 95]
    assert portal.call("DELETE", f"/buyer/answers/{rest['items'][0]['id']}").status_code == 204
    assert (portal.get("/buyer").json["units"], count_rows(database)) == ([], 0)
    actions = [event["action"] for event in portal.get("/audit").json["items"]]
    assert (actions[0], actions.count("buyer.answered")) == ("buyer.erased", 3)


def test_a_key_may_read_or_write_as_its_scope_says(app: Flask, harbour: str):
    reads = a_portal(app, harbour, "suppliers:read")
    assert reads.get("/buyer").status_code == 200
    assert reads.put("/buyer", ANSWERS).status_code == 403


@pytest.mark.parametrize("told", [{}, {"kind": "buyer"}], ids=["by its stamp", "by choice"])
def test_a_form_alone_is_an_import_that_scores_nobody_and_keeps_the_answers(
    portal: Portal, database: Database, harbour: str, tmp_path: Path, told: dict[str, str]
):
    sent = portal.send("ours.xlsx", fill_form(tmp_path / "ours.xlsx", SHEET_ANSWERS).read_bytes(), **told)
    portal.work()
    taken = portal.get(f"/imports/{sent.json['id']}").json
    assert (taken["state"], taken["rows"], taken["accepted"]) == ("done", 0, 0)
    [unit] = portal.get("/buyer").json["units"]
    assert (unit["name"], unit["import_id"]) == ("Outdoor wear", taken["id"])
    assert portal.get("/suppliers").json["items"] == []


def test_a_plain_sheet_is_read_as_the_form_where_that_is_chosen(portal: Portal, database: Database):
    data = b"Brand,Days to payment\nOutdoor wear,95\nHome goods,20\n"
    portal.send("ours.csv", data, kind="buyer")
    portal.work()
    assert {unit["name"] for unit in portal.get("/buyer").json["units"]} == {"Outdoor wear", "Home goods"}


def test_answers_that_came_with_suppliers_move_no_supplier(
    database: Database, harbour: str, blobs: BlobStore, tmp_path: Path
):
    scores = []
    for more in ([], [("ours.xlsx", fill_form(tmp_path / "ours.xlsx", SHEET_ANSWERS).read_bytes())]):
        files = [("sites.csv", a_supplier_file(tmp_path / "sites.csv").read_bytes()), *more]
        import_jobs.receive_upload(database, blobs, harbour, files, {"confirm": True}, "user:ana", import_jobs.Limits())
        work_off(database, blobs)
        with database.for_organisation(harbour, write=False) as session:
            scores.append(session.scalars(select(Supplier.score)).all())
    assert scores[0] == scores[1]
    assert list(get_states(database, harbour)) == ["Outdoor wear"]


def test_a_job_that_is_done_again_keeps_the_answers_once(
    database: Database, harbour: str, blobs: BlobStore, tmp_path: Path
):
    files = [("ours.xlsx", fill_form(tmp_path / "ours.xlsx", SHEET_ANSWERS).read_bytes())]
    import_jobs.receive_upload(database, blobs, harbour, files, {"confirm": True}, "user:ana", import_jobs.Limits())
    read = Handler(lambda db, claimed: import_jobs.read_import(db, blobs, claimed))
    assess = Handler(lambda db, claimed: import_jobs.assess_import(db, blobs, claimed))
    run_job(database, claim_job(database, "test", kinds={"read_import": read}), read)
    claimed = claim_job(database, "test", kinds={"assess_import": assess})
    run_job(database, claimed, assess)
    run_job(database, claimed, assess)  # a worker that was thought lost comes back
    assert count_rows(database) == 1


def render_report(database: Database, organisation_id: str, blobs: BlobStore, **asked: Any) -> bytes:
    with database.for_organisation(organisation_id) as session:
        job = report_jobs.request_report(session, "xlsx", "user:ana", **asked)
    work_off(database, blobs)
    with database.for_organisation(organisation_id, write=False) as session:
        return report_jobs.download_report(session, blobs, job.id, sees_worker_derived=True).data


def test_the_report_on_the_portfolio_tells_of_the_buyer_and_that_on_one_supplier_does_not(
    database: Database, harbour: str, blobs: BlobStore, tmp_path: Path
):
    files = [
        ("sites.csv", a_supplier_file(tmp_path / "sites.csv").read_bytes()),
        ("ours.xlsx", fill_form(tmp_path / "ours.xlsx", SHEET_ANSWERS).read_bytes()),
    ]
    import_jobs.receive_upload(database, blobs, harbour, files, {"confirm": True}, "user:ana", import_jobs.Limits())
    work_off(database, blobs)
    with database.for_organisation(harbour, write=False) as session:
        supplier_id = session.scalars(select(Supplier.id)).one()
    told = workbook_rows(render_report(database, harbour, blobs), "Buyer")
    assert (told[0]["State"], told[0]["Unit"]) == (BUYER_STATES["harm"], "Outdoor wear")
    for audience in report_jobs.AUDIENCES:
        copy = render_report(database, harbour, blobs, supplier_id=supplier_id, audience=audience)
        assert "Buyer" not in openpyxl.load_workbook(io.BytesIO(copy)).sheetnames


def test_answers_go_when_their_time_is_over_and_with_their_organisation(
    database: Database, blobs: BlobStore, harbour: str
):
    save_answers(database, harbour, ANSWERS, at=AT)
    save_answers(database, harbour, ANSWERS, at=AT + timedelta(days=400))
    purge_expired(database, blobs, AT + timedelta(days=84 * 30))
    assert count_rows(database) == 2
    purge_expired(database, blobs, AT + timedelta(days=84 * 31))
    assert count_rows(database) == 1
    assert erase_organisation(database, blobs, harbour, now(), "user:ana")["buyer_answers"] == 1
    assert count_rows(database) == 0


def test_the_audit_trail_holds_no_word_of_the_answers(app: Flask, database: Database, harbour: str):
    send(a_browser(app, a_user(database, harbour)), "/our-practices", name="Outdoor wear", payment_days="95")
    with database.for_organisation(harbour, write=False) as session:
        [event] = session.scalars(select(AuditEvent).where(AuditEvent.action == "buyer.answered"))
        assert session.scalars(select(Import)).all() == []
    assert (event.object_type, event.details) == ("buyer", {})


def test_a_portfolio_report_speaks_of_the_buyer_as_it_stands_today(
    database: Database, harbour: str, blobs: BlobStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    stop_the_clock(monkeypatch, AT)
    files = [("sites.csv", a_supplier_file(tmp_path / "sites.csv").read_bytes())]
    import_jobs.receive_upload(database, blobs, harbour, files, {"confirm": True}, "user:ana", import_jobs.Limits())
    work_off(database, blobs)
    save_answers(database, harbour, {"name": "Outdoor wear", "recruitment_monitored_on": "2026-11-20"})
    fresh = render_report(database, harbour, blobs)
    stop_the_clock(monkeypatch, AT + timedelta(days=400))
    stale = render_report(database, harbour, blobs)
    look = "Our look at recruitment is old"
    states_of = [
        {row["Practice"]: row["State"] for row in workbook_rows(data, "Buyer")}[look] for data in (fresh, stale)
    ]
    assert states_of == [BUYER_STATES["answered"], BUYER_STATES["harm"]]
