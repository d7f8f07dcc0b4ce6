"""Schedules that send reports: only users who may see them get an email, once, and it contains a link and nothing else."""

import threading
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path

import pytest
from callers import freeze_time, make_browser, make_key, make_organisation, make_user, send
from flask import Flask
from portal import Portal, make_portal
from sqlalchemy import select, update
from test_supplier_copy import CANNERY, save_supplier

from service.auth.access import ACCESS
from service.blob_store.folder import FolderStore
from service.db.account_tables import User
from service.db.job_tables import Job, ScheduleRun
from service.db.outbox_tables import Message
from service.db.session import Database
from service.errors import DomainError
from service.jobs.table import claim_job
from service.jobs.worker import Handler, run_job
from service.outbox import delivery, mail, messages
from service.outbox.delivery import Channels
from service.outbox.exchange import Receiving
from service.reporting import report_jobs
from service.schedules import reports
from service.schedules import service as schedules
from service.wiring import scheduler

START = datetime(2026, 3, 1, 5, tzinfo=UTC)
DUE = START + timedelta(hours=1)
DAILY = {"kind": "fixed", "every": "day", "time": "06:00"}
BRIEF = {"document": "brief", "format": "html"}


@pytest.fixture
def harbour(database: Database, monkeypatch: pytest.MonkeyPatch) -> str:
    """An organisation with a supplier, at five in the morning of the first of March."""
    freeze_time(monkeypatch, START)
    organisation = make_organisation(database)
    save_supplier(database, organisation, "site", CANNERY)
    return organisation


def make_schedule(database: Database, organisation: str, *users: str, **report: object) -> str:
    """A schedule that sends a report to users every day; its id."""
    with database.for_organisation(organisation) as session:
        wanted = {**BRIEF, **report, "recipients": users}
        made = schedules.create_schedule(
            session, "Every day", DAILY, "UTC", "user:1", report=wanted, sees_worker_derived=True
        )
        return made.id


def render(database: Database, folder: Path) -> None:
    blobs = FolderStore(folder)
    handler = Handler(lambda db, claimed: report_jobs.render_report(db, blobs, claimed))
    while (claimed := claim_job(database, "test", kinds={"render_report"})) is not None:
        run_job(database, claimed, handler)


def list_mails(database: Database, organisation: str) -> list[Message]:
    with database.for_organisation(organisation, write=False) as session:
        return list(session.scalars(select(Message).order_by(Message.recipient)))


def build_email(database: Database, message: Message) -> EmailMessage:
    with database.for_organisation(message.organisation_id, write=False) as session:
        file = messages.build_file(session, message.id, "diligence@harbour.example", "https://harbour.example")
    return message_from_bytes(file, policy=policy.default)


def test_two_schedulers_send_a_report_to_each_recipient_once(database: Database, harbour: str, tmp_path: Path):
    ana, ben = make_user(database, harbour, "officer"), make_user(database, harbour, "viewer")
    make_schedule(database, harbour, ana, ben)
    both = [threading.Thread(target=scheduler.trigger_due_schedules, args=(database, DUE)) for _ in range(2)]
    for each in both:
        each.start()
    for each in both:
        each.join()
    render(database, tmp_path)
    with database.for_organisation(harbour, write=False) as session:
        job, run = session.scalars(select(Job)).one(), session.scalars(select(ScheduleRun)).one()
        assert (run.job_id, job.state) == (job.id, "done")
    mails = list_mails(database, harbour)
    assert [(each.event, each.user_id) for each in mails] == [("report.ready", user) for user in sorted((ana, ben))]
    assert mails[0].payload == {"report_id": job.id, "document": "brief"}


def test_the_email_contains_a_link_to_the_report_and_names_no_supplier(
    sqlite_database: Database, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    freeze_time(monkeypatch, START)
    harbour = make_organisation(sqlite_database)
    save_supplier(sqlite_database, harbour, "site", CANNERY)
    make_schedule(sqlite_database, harbour, make_user(sqlite_database, harbour))
    scheduler.trigger_due_schedules(sqlite_database, DUE)
    render(sqlite_database, tmp_path)
    (message,) = list_mails(sqlite_database, harbour)
    email = build_email(sqlite_database, message)
    assert f"https://harbour.example/reports/{message.payload['report_id']}" in email.get_content()
    assert CANNERY["name"] not in email.as_string()
    assert not email.is_multipart()


def test_whoever_lost_access_before_the_report_was_ready_gets_no_email(
    database: Database, harbour: str, tmp_path: Path
):
    ana, ben, eve = (make_user(database, harbour, "officer") for _ in range(3))
    make_schedule(database, harbour, ana, ben, eve, worker_derived=True)
    with database.unscoped() as session:
        session.execute(update(User).where(User.id == ben).values(role="viewer"))
        session.execute(update(User).where(User.id == eve).values(active=False))
    scheduler.trigger_due_schedules(database, DUE)
    render(database, tmp_path)
    assert [each.user_id for each in list_mails(database, harbour)] == [ana]


def test_whoever_loses_access_while_the_email_waits_does_not_get_it(
    database: Database, harbour: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    ana = make_user(database, harbour, "officer")
    make_schedule(database, harbour, ana, worker_derived=True)
    scheduler.trigger_due_schedules(database, DUE)
    render(database, tmp_path)
    with database.unscoped() as session:
        session.execute(update(User).where(User.id == ana).values(role="viewer"))
    sent = []
    monkeypatch.setattr(mail, "send_mail", lambda *built: sent.append(built))
    server = mail.MailServer(
        "localhost", 25, "none", "", "", "diligence@harbour.example", "", "https://harbour.example"
    )
    delivery.deliver_next(database, Channels(server, Receiving(), (b"k" * 32,)), "mail")
    (message,) = list_mails(database, harbour)
    assert (message.state, sent) == ("failed", [])
    with pytest.raises(DomainError) as refused:
        build_email(database, message)
    assert refused.value.code == "message.user_inactive"


def test_nobody_is_told_about_the_report_of_a_schedule_that_was_removed(
    database: Database, harbour: str, tmp_path: Path
):
    schedule = make_schedule(database, harbour, make_user(database, harbour))
    scheduler.trigger_due_schedules(database, DUE)
    with database.for_organisation(harbour) as session:
        schedules.delete_schedule(session, schedule, "user:1")
    render(database, tmp_path)
    assert list_mails(database, harbour) == []


def test_the_action_plan_is_announced_with_the_run_and_never_stored(database: Database, harbour: str):
    ana = make_user(database, harbour, "approver")
    make_schedule(database, harbour, ana, document="action_plan", format="xlsx")
    for _ in range(2):
        assert scheduler.trigger_due_schedules(database, DUE) == []
    (message,) = list_mails(database, harbour)
    assert (message.event, message.user_id) == ("action_plan.ready", ana)
    with database.for_organisation(harbour, write=False) as session:
        assert session.scalars(select(ScheduleRun)).one().job_id is None
        assert session.scalars(select(Job)).all() == []
    assert "https://harbour.example/remediation/workbook" in build_email(database, message).get_content()


def test_the_roles_that_get_reports_are_those_that_can_open_them():
    rules = reports.load_rules()
    assert set(rules["worker_derived"]["roles"]) == ACCESS.worker_derived_roles
    assert set(rules["documents"]["action_plan"]["page_roles"]) == ACCESS.pages["GET pages.plan_workbook"]
    assert ACCESS.pages["GET pages.report_file"] == ACCESS.roles.keys()


def create(portal: Portal, rule: dict[str, object] = DAILY, **report: object):
    wanted = {**BRIEF, **report}
    return portal.post("/schedules", {"name": "Board", "rule": rule, "time_zone": "UTC", "report": wanted})


def test_the_api_creates_and_changes_a_schedule_of_a_report(app: Flask, database: Database):
    harbour = make_organisation(database)
    portal = make_portal(app, harbour)
    ana, ben = make_user(database, harbour), make_user(database, harbour)
    made = create(portal, recipients=[ana])
    assert made.status_code == 201
    assert made.json["report"] == {**BRIEF, "worker_derived": False, "recipients": [ana]}
    path = f"/schedules/{made.json['id']}"
    changed = portal.call("PATCH", path, json={"report": {**BRIEF, "recipients": [ben]}})
    assert changed.json["report"]["recipients"] == [ben]
    paused = portal.call("PATCH", path, json={"active": False})
    assert (paused.json["active"], paused.json["report"]["recipients"]) == (False, [ben])
    rolling = portal.call("PATCH", path, json={"rule": {"kind": "rolling"}})
    assert (rolling.status_code, rolling.json["code"]) == (422, "schedule.kind")


@pytest.mark.parametrize(
    ("report", "code"),
    [
        ({"document": "brief", "format": "csv"}, "schedule.format"),
        ({"document": "action_plan", "format": "xlsx", "worker_derived": True}, "schedule.worker_derived"),
        ({"worker_derived": True, "to": "viewer"}, "schedule.recipients"),
        ({"document": "action_plan", "format": "xlsx", "to": "viewer"}, "schedule.recipients"),
        ({"to": "somebody@pier.example"}, "schedule.recipients"),
    ],
)
def test_a_report_that_cannot_be_sent_is_refused(app: Flask, database: Database, report: dict[str, object], code: str):
    harbour = make_organisation(database)
    to = report.pop("to", "officer")
    recipient = to if "@" in to else make_user(database, harbour, to)
    refused = create(make_portal(app, harbour), **{**report, "recipients": [recipient]})
    assert (refused.status_code, refused.json["code"]) == (422, code)


def test_a_user_of_another_organisation_gets_no_report(app: Flask, database: Database):
    stranger = make_user(database, make_organisation(database, "Pier Foods"))
    refused = create(make_portal(app, make_organisation(database)), recipients=[stranger])
    assert refused.json["code"] == "schedule.recipients"


def test_a_schedule_of_reviews_does_not_become_one_of_a_report(app: Flask, database: Database):
    harbour = make_organisation(database)
    portal, ana = make_portal(app, harbour), make_user(database, harbour)
    made = portal.post("/schedules", {"name": "Reviews", "rule": DAILY, "time_zone": "UTC"})
    assert made.json["report"] is None
    refused = portal.call("PATCH", f"/schedules/{made.json['id']}", json={"report": {**BRIEF, "recipients": [ana]}})
    assert refused.json["code"] == "schedule.of_reviews"
    rolling = create(portal, {"kind": "rolling"}, recipients=[ana])
    assert rolling.json["code"] == "schedule.kind"


def test_whoever_may_not_see_what_workers_reported_cannot_have_it_sent(app: Flask, database: Database):
    harbour = make_organisation(database)
    ana = make_user(database, harbour)
    limited = Portal(app, make_key(database, harbour, "schedules:write"))
    refused = create(limited, recipients=[ana], worker_derived=True)
    assert (refused.status_code, refused.json["code"]) == (403, "schedule.worker_derived")


def test_an_officer_schedules_a_report_on_the_page_and_changes_who_gets_it(app: Flask, database: Database):
    harbour = make_organisation(database)
    ana = make_user(database, harbour, "officer", name="Ana Marín")
    ben = make_user(database, harbour, "viewer", name="Ben Osei")
    browser = make_browser(app, ana)
    fields = {
        "name": "Board",
        "kind": "fixed",
        "every": "week",
        "weekday": "monday",
        "time": "07:00",
        "time_zone": "UTC",
    }
    refused = send(browser, "/schedules", **fields, report="brief.pdf")
    assert 'value="rolling" checked' in refused.get_data(as_text=True), "the form for reviews stays as it was"
    assert refused.status_code == 422
    assert "Choose 1 to 50 active users" in refused.get_data(as_text=True)
    assert send(browser, "/schedules", **fields, report="brief.pdf", recipients=ben).status_code == 303
    page = browser.get("/schedules").get_data(as_text=True)
    assert "Board brief (PDF), every Monday at 07:00" in page
    assert "Recipients: Ben Osei" in page
    with database.for_organisation(harbour, write=False) as session:
        (schedule,) = schedules.list_schedules(session)
    changed = send(browser, f"/schedules/{schedule.id}", recipients_of=schedule.id, recipients=ana)
    assert changed.status_code == 303
    assert "Recipients: Ana Marín" in browser.get("/schedules").get_data(as_text=True)
    assert send(browser, f"/schedules/{schedule.id}", recipients_of=schedule.id).status_code == 422
