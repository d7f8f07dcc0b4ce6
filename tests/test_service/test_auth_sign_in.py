"""Signing in and out, sessions, and changing one's own password."""

from datetime import timedelta
from pathlib import Path

import pytest
from argon2 import PasswordHasher
from callers import PASSWORD, form_token, freeze_time, make_browser, make_organisation, make_user, send
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import event, select
from werkzeug.test import TestResponse

from service.auth import passwords, users
from service.clock import now
from service.db.account_tables import SignIn, User
from service.db.session import Database
from service.db.tables import AuditEvent
from service.settings import Settings
from service.wiring.app import create_app

EMAIL = "ana@harbour.example"
NEW = "nine grey seals drift by"


pytestmark = pytest.mark.usefixtures("quick_hashes")


@pytest.fixture
def ana(database: Database) -> str:
    """A user who signs in with `EMAIL` and `PASSWORD`; her id."""
    return make_user(database, make_organisation(database), "admin", EMAIL)


def enter(client: FlaskClient, password: str = PASSWORD, email: str = EMAIL, next_path: str = "") -> TestResponse:
    return send(client, "/sign-in", email=email, password=password, next=next_path)


def is_signed_in(client: FlaskClient) -> bool:
    return client.get("/password").status_code == 200


def token_of(client: FlaskClient) -> str:
    return client.get_cookie("diligence").value


def test_the_right_password_signs_in_and_returns_to_the_requested_page(app: Flask, ana: str):
    client = app.test_client()
    requested = client.get("/audit?action=user.created")
    assert requested.location == "/sign-in?next=/audit?action%3Duser.created"
    answer = enter(client, next_path="/audit?action=user.created")
    assert (answer.status_code, answer.location) == (303, "/audit?action=user.created")
    assert is_signed_in(client)


@pytest.mark.parametrize(
    "elsewhere",
    [
        "https://evil.example/",
        "//evil.example",
        "/\\evil.example",
        "evil",
        "javascript:x",
        "/\tx",
        "/\n/evil",
        "http://[",
        "//[evil",
    ],
)
def test_signing_in_never_redirects_to_another_site(app: Flask, ana: str, elsewhere: str):
    assert enter(app.test_client(), next_path=elsewhere).location == "/"


def test_the_e_mail_address_is_found_however_it_is_typed(app: Flask, ana: str):
    assert enter(app.test_client(), email=" Ana@Harbour.example ").status_code == 303


def test_wrong_passwords_unknown_and_inactive_accounts_get_the_same_response_after_the_same_work(
    app: Flask, database: Database, ana: str, monkeypatch: pytest.MonkeyPatch
):
    compared = []
    fits = passwords.verify_password
    monkeypatch.setattr(
        passwords, "verify_password", lambda typed, stored: compared.append(stored) or fits(typed, stored)
    )
    with database.unscoped() as session:
        organisation_id = session.get_one(User, ana).organisation_id
    make_user(database, organisation_id, email="bo@harbour.example", active=False)
    client, commits, answers = app.test_client(), list[int](), []

    def count(_connection: object) -> None:
        commits.append(len(answers))

    event.listen(database.engine, "commit", count)
    answers.append(enter(client, "not the password"))
    answers.append(enter(client, email="nobody@harbour.example"))
    answers.append(enter(client, email="bo@harbour.example"))
    event.remove(database.engine, "commit", count)
    assert len({commits.count(answer) for answer in range(3)}) == 1
    statuses = {answer.get_data(as_text=True).partition('role="alert"')[2].partition("</p>")[0] for answer in answers}
    assert {answer.status_code for answer in answers} == {403}
    assert statuses == {">Incorrect email address or password."}
    assert len(compared) == 3
    parameters = {stored.rsplit("$", 2)[0] for stored in compared}
    assert len(parameters) == 1


def test_a_token_from_before_signing_in_is_not_reused(app: Flask, ana: str):
    client = app.test_client()
    client.set_cookie("diligence", "chosen-by-somebody-else")
    enter(client)
    assert token_of(client) != "chosen-by-somebody-else"
    stranger = app.test_client()
    stranger.set_cookie("diligence", "chosen-by-somebody-else")
    assert not is_signed_in(stranger)


def test_signing_in_again_ends_the_previous_session_of_the_browser(app: Flask, ana: str):
    client = app.test_client()
    enter(client)
    before = token_of(client)
    send(client, "/sign-in", email=EMAIL, password=PASSWORD)
    stranger = app.test_client()
    stranger.set_cookie("diligence", before)
    assert not is_signed_in(stranger)
    assert is_signed_in(client)


def test_a_form_from_before_signing_in_is_stale_after_it(app: Flask, ana: str):
    client = app.test_client()
    before = form_token(client)
    client.post("/sign-in", data={"csrf_token": before, "email": EMAIL, "password": PASSWORD})
    assert client.post("/sign-out", data={"csrf_token": before}).status_code == 400


def test_signing_in_needs_the_csrf_token_of_its_form(app: Flask, ana: str):
    assert app.test_client().post("/sign-in", data={"email": EMAIL, "password": PASSWORD}).status_code == 400


def test_the_database_holds_no_token_and_no_password(app: Flask, database: Database, ana: str):
    client = app.test_client()
    enter(client)
    with database.unscoped() as session:
        stored = session.scalars(select(SignIn)).one()
        assert token_of(client) not in (stored.token_hash, stored.id)
        assert session.get_one(User, ana).password_hash.startswith("$argon2id$")


def test_the_cookie_is_protected_from_scripts_other_sites_and_other_hosts(tmp_path: Path, database: Database):
    make_user(database, make_organisation(database), "admin", EMAIL)
    client = create_app(Settings(data=tmp_path), database).test_client()
    cookies = [cookie.split("; ") for cookie in enter(client).headers.getlist("Set-Cookie")]
    named = {cookie[0].partition("=")[0]: set(cookie[1:]) for cookie in cookies}
    assert "__Host-diligence" in named
    for attributes in named.values():
        assert attributes >= {"HttpOnly", "Secure", "Path=/", "SameSite=Lax"}
        assert not any(attribute.startswith("Domain") for attribute in attributes)


def test_signing_out_ends_the_session_on_the_server(app: Flask, ana: str):
    client = app.test_client()
    enter(client)
    token = token_of(client)
    send(client, "/sign-out")
    assert client.get_cookie("diligence") is None
    client.set_cookie("diligence", token)
    assert not is_signed_in(client)


def test_signing_out_everywhere_ends_every_browser_of_this_user_and_of_no_other(
    app: Flask, database: Database, ana: str
):
    first, second = make_browser(app, ana), make_browser(app, ana)
    other_browser = make_browser(app, make_user(database, make_organisation(database, "Quay Textiles")))
    send(first, "/sign-out-everywhere")
    assert [is_signed_in(client) for client in (first, second, other_browser)] == [False, False, True]


def test_an_idle_session_expires(app: Flask, ana: str, monkeypatch: pytest.MonkeyPatch):
    client, at = make_browser(app, ana), now()
    for minutes in (50, 100, 150):
        freeze_time(monkeypatch, at + timedelta(minutes=minutes))
        assert is_signed_in(client)
    freeze_time(monkeypatch, at + timedelta(minutes=150 + 60))
    assert not is_signed_in(client)


def test_a_session_expires_after_its_hours_even_if_it_is_busy(app: Flask, ana: str, monkeypatch: pytest.MonkeyPatch):
    client, at = make_browser(app, ana), now()
    for minutes in range(0, 12 * 60, 45):
        freeze_time(monkeypatch, at + timedelta(minutes=minutes))
        assert is_signed_in(client)
    freeze_time(monkeypatch, at + timedelta(hours=12))
    assert not is_signed_in(client)


def test_expired_sessions_are_deleted(app: Flask, database: Database, ana: str, monkeypatch):
    at = now()
    make_browser(app, ana)
    freeze_time(monkeypatch, at + timedelta(hours=13))
    make_browser(app, ana)
    with database.unscoped() as session:
        assert len(session.scalars(select(SignIn)).all()) == 1


def test_a_deactivated_user_is_signed_out_at_once(app: Flask, database: Database, ana: str):
    client = make_browser(app, ana)
    with database.unscoped() as session:
        session.get_one(User, ana).active = False
    assert not is_signed_in(client)


def test_a_hash_with_old_parameters_is_renewed_at_sign_in(app: Flask, database: Database, ana: str):
    weak = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(PASSWORD)
    with database.unscoped() as session:
        session.get_one(User, ana).password_hash = weak
    assert enter(app.test_client()).status_code == 303
    with database.unscoped() as session:
        renewed = session.get_one(User, ana).password_hash
    assert renewed != weak
    assert not passwords.needs_rehash(renewed)
    assert passwords.verify_password(PASSWORD, renewed)


def test_signing_in_and_out_are_recorded_in_the_audit_trail(app: Flask, database: Database, ana: str):
    client = app.test_client()
    enter(client)
    send(client, "/sign-out")
    with database.unscoped() as session:
        events = session.scalars(select(AuditEvent).order_by(AuditEvent.id)).all()
    assert [(event.action, event.actor) for event in events] == [
        ("user.signed_in", f"user:{ana}"),
        ("user.signed_out", f"user:{ana}"),
    ]


def test_a_page_fragment_requested_when_signed_out_redirects_the_whole_page_to_sign_in(app: Flask):
    answer = app.test_client().get("/users", headers={"HX-Request": "true"})
    assert (answer.status_code, answer.headers["HX-Redirect"]) == (401, "/sign-in")


def test_a_one_time_password_only_allows_choosing_a_new_one(app: Flask, database: Database):
    user_id = make_user(database, make_organisation(database), "admin", EMAIL, must_change_password=True)
    client = make_browser(app, user_id)
    assert client.get("/users").location == "/password"
    assert send(client, "/users", name="Bo", email="bo@harbour.example", role="viewer").location == "/password"
    send(client, "/password", current=PASSWORD, new=NEW, again=NEW)
    assert client.get("/users").status_code == 200


def test_a_one_time_password_ends_and_a_new_one_can_be_set(
    app: Flask, database: Database, monkeypatch: pytest.MonkeyPatch
):
    at, organisation_id = now(), make_organisation(database)
    freeze_time(monkeypatch, at)
    with database.for_organisation(organisation_id) as session:
        user, first = users.create_user(session, EMAIL, "Ana Marín", "officer", "system:test", 48)
    freeze_time(monkeypatch, at + timedelta(hours=48, seconds=-5))
    assert enter(app.test_client(), first).status_code == 303
    freeze_time(monkeypatch, at + timedelta(hours=48))
    refused = enter(app.test_client(), first)
    assert refused.status_code == 403
    assert "This temporary password has expired" in refused.get_data(as_text=True)
    with database.for_organisation(organisation_id) as session:
        second = users.reset_password(session, user.id, "system:test")
    client = app.test_client()
    assert enter(client, second).status_code == 303
    send(client, "/password", current=second, new=NEW, again=NEW)
    freeze_time(monkeypatch, at + timedelta(days=400))
    assert enter(app.test_client(), NEW).status_code == 303


def test_a_new_password_ends_all_other_sessions_and_keeps_this_one(app: Flask, ana: str):
    browser, elsewhere = make_browser(app, ana), make_browser(app, ana)
    before = token_of(browser)
    send(browser, "/password", current=PASSWORD, new=NEW, again=NEW)
    assert token_of(browser) != before
    assert [is_signed_in(browser), is_signed_in(elsewhere)] == [True, False]
    assert enter(app.test_client()).status_code == 403
    assert enter(app.test_client(), NEW).status_code == 303


@pytest.mark.parametrize(
    ("current", "new", "again", "says"),
    [
        ("wrong", NEW, NEW, "current password is incorrect"),
        (PASSWORD, NEW, NEW + "s", "do not match"),
        (PASSWORD, PASSWORD, PASSWORD, "is different from your current one"),
        (PASSWORD, "short", "short", "at least 12 characters"),
        (PASSWORD, "x" * 129, "x" * 129, "at most 128 characters"),
        (PASSWORD, "aaaaabbbbbccccc", "aaaaabbbbbccccc", "easy to guess"),
        (PASSWORD, f"{EMAIL}1", f"{EMAIL}1", "easy to guess"),
        (PASSWORD, "password1234", "password1234", "Many people use this password"),
    ],
)
def test_an_invalid_password_is_refused_with_the_reason(
    app: Flask, ana: str, current: str, new: str, again: str, says: str
):
    client = make_browser(app, ana)
    answer = send(client, "/password", current=current, new=new, again=again)
    assert answer.status_code == 422
    assert says in answer.get_data(as_text=True)
    assert enter(app.test_client()).status_code == 303
