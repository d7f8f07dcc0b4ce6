"""Sessions: when they end, who ends them, and signing in again before what cannot be undone."""

from datetime import timedelta

import pytest
from callers import PASSWORD, form_token, freeze_time, make_browser, make_key, make_organisation, make_user, send
from flask import Flask
from sqlalchemy import select

from service.auth import sessions, sign_in_rules
from service.clock import now
from service.db.account_tables import SignIn, User
from service.db.session import Database
from service.db.tables import AuditEvent, Organisation
from service.errors import DomainError
from service.settings import Settings

pytestmark = pytest.mark.usefixtures("quick_hashes")
WINDOWS_EDGE = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) Chrome/140.0 Safari/537.36 Edg/140.0"


@pytest.fixture
def organisation_id(database: Database) -> str:
    return make_organisation(database)


def list_sessions(database: Database, user_id: str) -> list[SignIn]:
    with database.unscoped(write=False) as session:
        return list(sessions.list_sessions(session, user_id, Settings()))


def test_an_organisation_ends_its_sessions_sooner_than_the_installation(
    app: Flask, database: Database, organisation_id: str, monkeypatch: pytest.MonkeyPatch
):
    admin = make_browser(app, make_user(database, organisation_id, "admin"))
    start = now()
    assert send(admin, "/organisation/sign-in", idle_minutes="10", session_hours="1").status_code == 303
    freeze_time(monkeypatch, start + timedelta(minutes=9))
    assert admin.get("/password").status_code == 200
    freeze_time(monkeypatch, start + timedelta(minutes=20))
    assert admin.get("/password").location.startswith("/sign-in")


@pytest.mark.parametrize(("idle", "hours"), [(4, 8), (61, 8), (30, 0), (30, 13)])
def test_sessions_last_no_longer_than_the_installation_allows(sqlite_database: Database, idle: int, hours: int):
    organisation_id = make_organisation(sqlite_database)
    with sqlite_database.for_organisation(organisation_id) as session, pytest.raises(DomainError) as refused:
        sign_in_rules.set_session_limits(session, organisation_id, idle, hours, Settings(), "user:ana")
    assert refused.value.code == "sign_in.session_limits"


def test_a_session_ends_after_its_time_even_if_it_is_used(
    database: Database, organisation_id: str, monkeypatch: pytest.MonkeyPatch
):
    user_id, start = make_user(database, organisation_id), now()
    with database.for_organisation(organisation_id) as session:
        sign_in_rules.set_session_limits(session, organisation_id, 60, 1, Settings(), "user:ana")
        token = sessions.start_session(session, session.get_one(User, user_id), Settings())
    with database.for_organisation(organisation_id) as session:
        session.scalars(select(SignIn)).one().seen_at = start + timedelta(minutes=61)
    freeze_time(monkeypatch, start + timedelta(minutes=61))
    with database.unscoped(write=False) as session:
        assert sessions.find_session(session, token, Settings()) is None


def test_a_user_ends_one_session_and_keeps_the_others(app: Flask, database: Database, organisation_id: str):
    user_id = make_user(database, organisation_id, "viewer")
    here, there = make_browser(app, user_id), make_browser(app, user_id)
    page = here.get("/account").get_data(as_text=True)
    assert page.count("/account/sessions/") == 1  # not that of this browser
    other = next(each for each in list_sessions(database, user_id) if each.id in page)
    assert send(here, f"/account/sessions/{other.id}/end").status_code == 303
    assert there.get("/account").location.startswith("/sign-in")
    assert here.get("/account").status_code == 200


def test_nobody_ends_a_session_of_somebody_else(app: Flask, database: Database, organisation_id: str):
    ana, bo = make_user(database, organisation_id, "viewer"), make_user(database, organisation_id, "viewer")
    browser, _other = make_browser(app, ana), make_browser(app, bo)
    (of_bo,) = list_sessions(database, bo)
    assert send(browser, f"/account/sessions/{of_bo.id}/end").status_code == 404
    eve = make_user(database, make_organisation(database, "Quay Trading"), "admin")
    assert send(make_browser(app, eve), f"/users/{bo}/sessions/{of_bo.id}/end").status_code == 404
    assert list_sessions(database, bo)


def test_an_admin_ends_a_session_of_a_user_on_a_page_or_through_the_api(
    app: Flask, database: Database, organisation_id: str
):
    admin = make_browser(app, make_user(database, organisation_id, "admin"))
    user_id = make_user(database, organisation_id, "viewer")
    make_browser(app, user_id), make_browser(app, user_id)
    first, second = list_sessions(database, user_id)
    assert send(admin, f"/users/{user_id}/sessions/{first.id}/end").status_code == 303
    key = make_key(database, organisation_id, "admin")
    listed = app.test_client().get(f"/api/v1/users/{user_id}/sessions", headers=key).get_json()
    assert [each["id"] for each in listed["items"]] == [second.id]
    ended = app.test_client().delete(f"/api/v1/users/{user_id}/sessions/{second.id}", headers=key)
    assert ended.status_code == 204
    assert list_sessions(database, user_id) == []
    with database.unscoped(write=False) as session:
        actions = session.scalars(select(AuditEvent.action).where(AuditEvent.object_id == user_id)).all()
    assert actions.count("session.ended") == 2


def test_what_cannot_be_undone_asks_for_the_password_after_ten_minutes(
    app: Flask, database: Database, organisation_id: str, monkeypatch: pytest.MonkeyPatch
):
    admin = make_browser(app, make_user(database, organisation_id, "admin"))
    fields = {"name": "Portal", "scopes": "assess", "days": "30"}
    start = now()
    freeze_time(monkeypatch, start + timedelta(minutes=11))
    before = admin.get_cookie("diligence").value
    for path in ("/keys", "/users"):
        page = admin.get(path).text
        assert f'action="{path}"' not in page, "nobody fills in a form that is then lost"
        assert f'href="/sign-in/again?next={path}"' in page
    headers = {"Referer": "http://localhost/keys"}
    asked = admin.post("/keys", data={"csrf_token": form_token(admin), **fields}, headers=headers)
    assert asked.location == "/sign-in/again?next=/keys"
    assert send(admin, "/sign-in/again", password="not the password", next="/keys").status_code == 422
    assert send(admin, "/sign-in/again", password=PASSWORD, next="/keys").location == "/keys"
    assert admin.get_cookie("diligence").value != before
    assert 'action="/keys"' in admin.get("/keys").text
    assert "dk_" in send(admin, "/keys", **fields).get_data(as_text=True)


@pytest.mark.parametrize("referrer", ["https://evil.example/keys", "http://["])
def test_a_page_of_another_site_is_not_opened_after_confirming(
    app: Flask, database: Database, organisation_id: str, monkeypatch: pytest.MonkeyPatch, referrer: str
):
    admin = make_browser(app, make_user(database, organisation_id, "admin"))
    freeze_time(monkeypatch, now() + timedelta(minutes=11))
    fields = {"csrf_token": form_token(admin), "name": "Portal", "scopes": "assess", "days": "30"}
    asked = admin.post("/keys", data=fields, headers={"Referer": referrer})
    assert (asked.status_code, asked.location) == (303, "/sign-in/again")
    answer = send(admin, "/sign-in/again", password=PASSWORD, next="https://evil.example/")
    assert answer.location == "/"


def test_a_session_is_listed_by_its_browser():
    assert sessions.describe_browser(WINDOWS_EDGE) == "Edge, Windows"
    assert sessions.describe_browser("curl/8") is None


def test_the_rules_are_read_and_changed_through_the_api(app: Flask, database: Database, organisation_id: str):
    key = make_key(database, organisation_id, "admin")
    changed = app.test_client().patch("/api/v1/organisation/sign-in", json={"idle_minutes": 15}, headers=key)
    assert changed.get_json()["idle_minutes"] == 15
    with database.unscoped(write=False) as session:
        assert session.get_one(Organisation, organisation_id).session_hours == Settings().sign_in_hours
