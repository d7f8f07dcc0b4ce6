"""The audit trail: append-only, read in pages, and without any text that a person typed."""

from datetime import UTC, datetime, timedelta

import pytest
from callers import freeze_time, make_browser, make_organisation, make_user
from flask import Flask
from portal import make_portal
from sqlalchemy import Executable, delete, func, insert, select, update
from sqlalchemy.exc import DatabaseError

from service import audit
from service.db.account_tables import ApiKey
from service.db.session import Database
from service.db.tables import AuditEvent, Organisation

CASE = {
    "number": "C-1",
    "nationality": "MM",
    "people": 12,
    "acts": ["transport"],
    "findings": [{"finding": "locked_in"}],
}
AT = datetime(2026, 11, 25, 9, tzinfo=UTC)


def record_events(database: Database, organisation_id: str, count: int = 3) -> None:
    with database.for_organisation(organisation_id) as session:
        for n in range(count):
            audit.record_event(session, "user:ana", "report.asked", "report", f"r{n}", {"format": "pdf", "rows": n})


@pytest.mark.parametrize("statement", [update(AuditEvent).values(actor="user:bo"), delete(AuditEvent)])
def test_the_database_itself_refuses_to_change_or_remove_an_event(database: Database, statement: Executable):
    record_events(database, make_organisation(database))
    with database.unscoped() as session, pytest.raises(DatabaseError, match="append-only"):
        session.execute(statement)
    with database.unscoped() as session:
        assert set(session.scalars(select(AuditEvent.actor))) == {"user:ana"}


def test_an_event_cannot_be_replaced_by_one_with_its_number(database: Database):
    organisation_id = make_organisation(database)
    record_events(database, organisation_id)
    detail = {"id": 1, "at": AT, "actor": "user:bo", "action": "x", "object_type": "x", "object_id": "x", "details": {}}
    replacement = insert(AuditEvent).prefix_with("OR REPLACE", dialect="sqlite").values(**detail)
    with database.for_organisation(organisation_id) as session, pytest.raises(DatabaseError):
        session.execute(replacement)
    with database.unscoped() as session:
        assert set(session.scalars(select(AuditEvent.actor))) == {"user:ana"}


def test_events_are_deleted_with_their_organisation_and_no_others(database: Database):
    own_organisation, other_organisation = make_organisation(database), make_organisation(database, "Quay Textiles")
    record_events(database, own_organisation)
    record_events(database, other_organisation)
    with database.unscoped() as session:
        session.execute(delete(Organisation).where(Organisation.id == own_organisation))
    with database.unscoped() as session:
        assert set(session.scalars(select(AuditEvent.organisation_id))) == {other_organisation}


@pytest.mark.parametrize("text", ["Nguyen Van An", "he paid 2,000 dollars", "a" * 91, "ok\n", "<b>", {"a": 1}, ["x y"]])
def test_details_that_are_free_text_are_a_bug(database: Database, text: object):
    with (
        database.for_organisation(make_organisation(database)) as session,
        pytest.raises(ValueError, match="'name' of supplier.changed"),
    ):
        audit.record_event(session, "user:ana", "supplier.changed", "supplier", "1", {"name": text})


def test_codes_numbers_and_dates_are_stored(database: Database):
    details = {
        "role": "case_handler",
        "rows": 3,
        "on": "2026-11-25",
        "model": "site/2026.1",
        "scopes": ["a:read"],
        "x": None,
    }
    organisation_id = make_organisation(database)
    with database.for_organisation(organisation_id) as session:
        audit.record_event(session, "user:ana", "a.b", "c", "d", details)
    with database.for_organisation(organisation_id) as session:
        assert audit.list_events(session).events[0].details == details


def test_pages_of_the_trail_neither_skip_nor_repeat_events(database: Database):
    organisation_id = make_organisation(database)
    record_events(database, organisation_id, 25)
    seen, before = [], None
    with database.for_organisation(organisation_id) as session:
        for size in (10, 10, 5):
            page = audit.list_events(session, before=before, limit=10)
            assert len(page.events) == size
            seen += [event.object_id for event in page.events]
            before = page.next_before
    assert before is None
    assert seen == [f"r{n}" for n in range(24, -1, -1)]


@pytest.mark.parametrize(
    ("filters", "matching"),
    [
        ({"action": "key.created"}, ["k"]),
        ({"actor": "key:portal"}, ["s"]),
        ({"object_type": "supplier"}, ["s"]),
        ({"object_id": "u"}, ["u"]),
        ({"since": AT + timedelta(hours=1)}, ["s", "k"]),
        ({"until": AT + timedelta(hours=1)}, ["u"]),
        ({"action": "key.created", "actor": "key:portal"}, []),
    ],
)
def test_the_trail_is_filtered_by_every_given_field(database: Database, monkeypatch, filters, matching):
    organisation_id = make_organisation(database)
    events = [
        ("user:ana", "user.created", "user", "u"),
        ("user:ana", "key.created", "api_key", "k"),
        ("key:portal", "supplier.put", "supplier", "s"),
    ]
    for hour, event in enumerate(events):
        freeze_time(monkeypatch, AT + timedelta(hours=hour))
        with database.for_organisation(organisation_id) as session:
            audit.record_event(session, *event)
    with database.for_organisation(organisation_id) as session:
        assert [event.object_id for event in audit.list_events(session, **filters).events] == matching
        assert audit.list_actions(session) == ["key.created", "supplier.put", "user.created"]


def test_the_page_shows_times_of_the_organisation_and_days_as_it_counts_them(
    app: Flask, database: Database, monkeypatch
):
    organisation_id = make_organisation(database, time_zone="Asia/Bangkok")
    admin = make_user(database, organisation_id, "admin")
    freeze_time(monkeypatch, datetime(2026, 11, 25, 20, 30, tzinfo=UTC))
    record_events(database, organisation_id, 1)
    client = make_browser(app, admin)
    assert "26 Nov 2026, 03:30" in client.get("/audit").get_data(as_text=True)
    assert "report.asked</code>" in client.get("/audit?since=2026-11-26").get_data(as_text=True)
    assert "report.asked</code>" not in client.get("/audit?until=2026-11-25").get_data(as_text=True)


def test_the_page_shows_details_in_plain_words(app: Flask, database: Database):
    organisation_id = make_organisation(database)
    details = {
        "active": True,
        "found": False,
        "level_before": None,
        "rows": 0,
        "scopes": ["assess", "admin"],
        "unknown": [],
    }
    with database.for_organisation(organisation_id) as session:
        audit.record_event(session, "user:ana", "a.b", "c", "d", details)
    page = (
        make_browser(app, make_user(database, organisation_id, "admin")).get("/audit?action=a.b").get_data(as_text=True)
    )
    page_text = (
        page.partition('<td class="quiet">')[2].partition("</td>")[0].replace("<code>", "").replace("</code>", "")
    )
    assert page_text == "active yes; found no; level before none; rows 0; scopes assess, admin; unknown none"


@pytest.mark.parametrize(
    "query", ["before=x", "before=" + "9" * 40, "since=yesterday", "until=9999-12-31", "actor=<script>"]
)
def test_the_page_accepts_any_query(app: Flask, database: Database, query: str):
    client = make_browser(app, make_user(database, make_organisation(database), "admin"))
    answer = client.get(f"/audit?{query}")
    assert answer.status_code == 200
    assert "<script>" not in answer.get_data(as_text=True).partition("<main")[2]


def test_the_page_links_to_older_events_and_keeps_the_filter(app: Flask, database: Database):
    organisation_id = make_organisation(database)
    record_events(database, organisation_id, 60)
    client = make_browser(app, make_user(database, organisation_id, "admin"))
    first = client.get("/audit?action=report.asked").get_data(as_text=True)
    older = first.rpartition('rel="next"')[0].rpartition('href="')[2].partition('"')[0].replace("&amp;", "&")
    assert "action=report.asked" in older
    second = client.get(older).get_data(as_text=True)
    assert (first.count("report.asked</code>"), second.count("report.asked</code>")) == (50, 10)
    assert 'rel="next"' not in second


def test_whoever_reads_a_case_or_takes_data_out_as_a_file_is_in_the_audit_trail(app: Flask, database: Database):
    organisation_id = make_organisation(database)
    admin, portal = make_user(database, organisation_id, "admin"), make_portal(app, organisation_id)
    browser = make_browser(app, admin)
    portal.put("/suppliers/S-1", {"name": "Blue Pier", "country": "TH"})
    case = portal.post("/cases", CASE).json["id"]
    report = portal.post("/reports", {"format": "csv", "audience": "internal"}).json["id"]
    with database.unscoped(write=False) as session:
        before = session.scalars(select(func.max(AuditEvent.id))).one()
        key_id = session.scalars(select(ApiKey.id)).one()
    assert portal.get(f"/reports/{report}/file").status_code == 409  # nothing is read, and nothing recorded
    portal.work()
    for path in (f"/cases/{case}", "/cases", "/table?format=csv", f"/reports/{report}/file", "/suppliers/S-1"):
        assert portal.get(path).status_code == 200
    for path in (f"/cases/{case}", "/cases", "/suppliers.xlsx", f"/reports/{report}/file", "/suppliers"):
        assert browser.get(path).status_code == 200
    with database.unscoped(write=False) as session:
        events = session.scalars(select(AuditEvent).where(AuditEvent.id > before).order_by(AuditEvent.id)).all()
    reads = [
        ("case.read", case),
        ("cases.listed", "all"),
        ("suppliers.exported", "all"),
        ("report.downloaded", report),
    ]
    assert [(event.actor, event.action, event.object_id) for event in events if event.action != "report.made"] == [
        (actor, *read) for actor in (f"key:{key_id}", f"user:{admin}") for read in reads
    ]


def test_what_cannot_be_recorded_is_not_handed_out(app: Flask, database: Database, monkeypatch: pytest.MonkeyPatch):
    portal = make_portal(app, make_organisation(database))
    case = portal.post("/cases", CASE).json["id"]

    def refuse(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("service.auth.middleware.record_event", refuse)
    answer = portal.get(f"/cases/{case}")
    assert answer.status_code >= 500
    assert "findings" not in answer.json
