"""Users of an organisation: creation, roles, deactivation and password resets."""

import pytest
from callers import PASSWORD, make_browser, make_organisation, make_user, send
from flask import Flask
from sqlalchemy import select

from service.auth import passwords, users
from service.auth.accounts import create_organisation, create_user, reset_password
from service.db.account_tables import User
from service.db.session import Database
from service.db.tables import AuditEvent, Organisation
from service.errors import DomainError

pytestmark = pytest.mark.usefixtures("quick_hashes")


def shown_once(page: str) -> str:
    return page.partition('id="shown-once"')[2].partition('value="')[2].partition('"')[0]


def test_a_new_user_signs_in_with_the_password_that_was_shown_and_chooses_their_own(app: Flask, database: Database):
    admin = make_browser(app, make_user(database, make_organisation(database), "admin"))
    page = send(admin, "/users", name="Bo", email="Bo@Harbour.example", role="officer").get_data(as_text=True)
    password = shown_once(page)
    assert password not in admin.get("/users").get_data(as_text=True)
    bo = app.test_client()
    assert send(bo, "/sign-in", email="bo@harbour.example", password=password).status_code == 303
    assert bo.get("/password").status_code == 200


def test_a_locked_out_admin_gets_a_new_one_time_password_on_the_command_line(app: Flask, database: Database):
    organisation_id = create_organisation(database, "Harbour Foods")
    first = create_user(database, "Harbour Foods", "ana@harbour.example", "Ana", "admin")
    ana = app.test_client()
    send(ana, "/sign-in", email="ana@harbour.example", password=first)
    second = reset_password(database, "Harbour Foods", " Ana@Harbour.example")
    assert ana.get("/password").status_code == 303, "the session has ended"
    assert send(ana, "/sign-in", email="ana@harbour.example", password=first).status_code == 403
    assert send(ana, "/sign-in", email="ana@harbour.example", password=second).status_code == 303
    assert ana.get("/suppliers").location == "/password", "Ana has to choose her own password"
    with database.for_organisation(organisation_id) as session:
        event = session.scalars(select(AuditEvent).where(AuditEvent.action == "user.password_reset")).one()
        assert event.actor == "system:command_line"
    with pytest.raises(DomainError, match="no user with the email address bo@harbour"):
        reset_password(database, "Harbour Foods", "bo@harbour.example")


@pytest.mark.parametrize(
    ("inputs", "code", "status"),
    [
        ({"email": "no address"}, "user.email", 422),
        ({"email": f"{'x' * 64}@{'y' * 190}.example"}, "user.email", 422),
        ({"name": " "}, "user.name", 422),
        ({"role": "owner"}, "user.role", 422),
        ({"email": "ana@harbour.example"}, "user.email_taken", 409),
    ],
)
def test_a_user_needs_an_address_of_their_own_a_name_and_a_role(
    database: Database, inputs: dict[str, str], code: str, status: int
):
    organisation_id = make_organisation(database)
    make_user(database, organisation_id, email="ana@harbour.example")
    fields = {"email": "bo@harbour.example", "name": "Bo", "role": "viewer", **inputs}
    with database.for_organisation(organisation_id) as session, pytest.raises(DomainError) as refused:
        users.create_user(session, **fields, by="user:ana")
    assert (refused.value.code, refused.value.status) == (code, status)


def test_an_address_of_another_organisation_is_refused_like_an_invalid_one(database: Database):
    make_user(database, make_organisation(database, "Quay Textiles"), email="eve@quay.example")
    message = []
    with database.for_organisation(make_organisation(database)) as session:
        for email in ("eve@quay.example", "eve at quay"):
            with pytest.raises(DomainError) as refused:
                users.create_user(session, email, "Eve", "viewer", "user:ana")
            message.append((refused.value.code, refused.value.status, refused.value.detail, refused.value.extra))
    assert message[0] == message[1]


def test_a_duplicate_address_does_not_break_the_transaction(database: Database):
    organisation_id = make_organisation(database)
    make_user(database, organisation_id, email="ana@harbour.example")
    with database.for_organisation(organisation_id) as session:
        with pytest.raises(DomainError):
            users.create_user(session, "ana@harbour.example", "Ana", "viewer", "user:ana")
        users.create_user(session, "bo@harbour.example", "Bo", "viewer", "user:ana")
    with database.for_organisation(organisation_id) as session:
        assert {user.email for user in users.list_users(session)} == {"ana@harbour.example", "bo@harbour.example"}


@pytest.mark.parametrize("loss", ["role", "deactivate"])
def test_the_last_admin_cannot_be_removed(app: Flask, database: Database, loss: str):
    organisation_id = make_organisation(database)
    first = make_user(database, organisation_id, "admin")
    make_user(database, organisation_id, "admin", active=False)
    make_user(database, make_organisation(database, "Quay Textiles"), "admin")
    client = make_browser(app, first)
    assert send(client, f"/users/{first}/{loss}", role="viewer").status_code == 409
    make_user(database, organisation_id, "admin")
    assert send(client, f"/users/{first}/{loss}", role="viewer").status_code == 303


def test_a_role_change_applies_from_the_next_request(app: Flask, database: Database):
    organisation_id = make_organisation(database)
    admin, bo = make_user(database, organisation_id, "admin"), make_user(database, organisation_id, "viewer")
    browser = make_browser(app, bo)
    assert browser.get("/users").status_code == 403
    send(make_browser(app, admin), f"/users/{bo}/role", role="admin")
    assert browser.get("/users").status_code == 200


def test_deactivating_signs_the_user_out_and_reactivating_lets_them_in(app: Flask, database: Database):
    organisation_id = make_organisation(database)
    admin = make_browser(app, make_user(database, organisation_id, "admin"))
    bo = make_user(database, organisation_id, email="bo@harbour.example")
    browser = make_browser(app, bo)
    send(admin, f"/users/{bo}/deactivate")
    assert browser.get("/password").status_code == 303
    send(admin, f"/users/{bo}/activate")
    assert browser.get("/password").status_code == 303
    assert send(app.test_client(), "/sign-in", email="bo@harbour.example", password=PASSWORD).location == "/"


def test_a_password_reset_ends_sessions_and_gives_a_one_time_password(app: Flask, database: Database):
    organisation_id = make_organisation(database)
    admin = make_browser(app, make_user(database, organisation_id, "admin"))
    bo = make_user(database, organisation_id, email="bo@harbour.example")
    browser = make_browser(app, bo)
    password = shown_once(send(admin, f"/users/{bo}/password").get_data(as_text=True))
    assert browser.get("/password").status_code == 303
    with database.for_organisation(organisation_id) as session:
        user = users.get_user(session, bo)
    assert passwords.verify_password(password, user.password_hash)
    assert user.must_change_password


def test_changes_to_a_user_are_recorded_in_the_audit_trail_without_their_name(app: Flask, database: Database):
    organisation_id = make_organisation(database)
    admin_id = make_user(database, organisation_id, "admin")
    admin, bo = make_browser(app, admin_id), make_user(database, organisation_id, "viewer", name="Bo Lindqvist")
    send(admin, f"/users/{bo}/role", role="officer")
    send(admin, f"/users/{bo}/password")
    send(admin, f"/users/{bo}/deactivate")
    send(admin, f"/users/{bo}/activate")
    with database.for_organisation(organisation_id) as session:
        events = session.scalars(select(AuditEvent).order_by(AuditEvent.id)).all()
    done = ["user.role_changed", "user.password_reset", "user.deactivated", "user.activated"]
    assert [event.action for event in events] == done
    assert {(event.actor, event.object_id) for event in events} == {(f"user:{admin_id}", bo)}
    assert events[0].details == {"from": "viewer", "to": "officer"}


def test_the_command_line_creates_an_organisation_and_its_first_user(database: Database):
    organisation_id = create_organisation(database, "Harbour Foods", "Asia/Bangkok")
    password = create_user(database, "Harbour Foods", "ana@harbour.example", "Ana", "admin")
    with database.unscoped() as session:
        user = session.scalars(select(User)).one()
        actions = session.scalars(select(AuditEvent.action).order_by(AuditEvent.id)).all()
    assert (user.organisation_id, user.must_change_password) == (organisation_id, True)
    assert passwords.verify_password(password, user.password_hash)
    assert actions == ["organisation.created", "user.created"]


@pytest.mark.parametrize(
    ("name", "zone", "code"),
    [
        ("Harbour Foods", "UTC", "organisation.taken"),
        (" ", "UTC", "organisation.name"),
        ("Quay", "Asia/Nowhere", "time_zone.unknown"),
    ],
)
def test_an_organisation_needs_a_unique_name_and_a_time_zone(database: Database, name: str, zone: str, code: str):
    make_organisation(database)
    with pytest.raises(DomainError) as refused:
        create_organisation(database, name, zone)
    assert refused.value.code == code
    with database.unscoped() as session:
        assert session.scalars(select(Organisation.name)).all() == ["Harbour Foods"]
