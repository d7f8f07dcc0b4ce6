"""What an admin does, through the API: users, their filters, keys, the audit trail, how long things are kept."""

from datetime import UTC, date, datetime

import pytest
from callers import freeze_time, make_organisation, make_user
from diligence_client import AuthenticatedClient
from diligence_client.api.audit import list_audit_events
from diligence_client.api.keys import create_key, list_keys, revoke_key
from diligence_client.api.organisation import change_organisation, get_organisation
from diligence_client.api.suppliers import list_suppliers
from diligence_client.api.users import (
    change_user,
    create_user,
    delete_filter,
    list_filters,
    list_users,
    reset_password,
    save_filter,
)
from diligence_client.models import NewFilter, NewKey, NewUser, OrganisationChange, UserChange
from flask import Flask
from portal import Portal, make_portal
from sqlalchemy import select

from service.db.idempotency_tables import IdempotentResponse
from service.db.session import Database

pytestmark = pytest.mark.usefixtures("quick_hashes")
BO = {"email": "bo@harbour.example", "name": "Bo Lindqvist", "role": "officer"}


@pytest.fixture
def ours(database: Database) -> str:
    return make_organisation(database)


@pytest.fixture
def portal(app: Flask, ours: str) -> Portal:
    return make_portal(app, ours)


@pytest.fixture
def stranger(app: Flask, database: Database) -> Portal:
    return make_portal(app, make_organisation(database, "Quay Textiles"))


def test_a_user_is_made_changed_and_given_a_new_password(portal: Portal, database: Database, ours: str):
    make_user(database, ours, "admin")
    client = portal.client
    response = create_user.sync_detailed(client=client, body=NewUser(**BO))
    user = response.parsed
    assert (response.status_code, user.role, user.must_change_password) == (201, "officer", True)
    changed = change_user.sync(user.id, client=client, body=UserChange(role="viewer", active=False))
    assert (changed.role, changed.active) == ("viewer", False)
    assert reset_password.sync(user.id, client=client).password != user.password
    listed = {one.email: one for one in list_users.sync(client=client).items}
    assert listed["bo@harbour.example"].role == "viewer"
    assert "password" not in listed["bo@harbour.example"].to_dict()


def test_the_last_admin_stays_whoever_asks(portal: Portal, database: Database, ours: str):
    admin = make_user(database, ours, "admin")
    answer = portal.call("PATCH", f"/users/{admin}", json={"active": False})
    assert (answer.status_code, answer.json["code"]) == (409, "user.last_admin")


def test_what_is_shown_once_is_not_stored_under_an_idempotency_key(portal: Portal, database: Database):
    for path, body in (("/users", BO), ("/keys", {"name": "ERP", "scopes": ["assess"], "days": 3})):
        answer = portal.post(path, body, Idempotency_Key="k-1")
        assert (answer.status_code, answer.json["code"]) == (400, "idempotency.secret")
    with database.unscoped(write=False) as session:
        assert session.scalars(select(IdempotentResponse)).all() == []


def test_a_key_is_made_opens_the_api_and_is_revoked(portal: Portal, app: Flask):
    new = NewKey(name="ERP", scopes=["suppliers:read"], days=3)
    key = create_key.sync(client=portal.client, body=new)
    erp = Portal(app, {"Authorization": f"Bearer {key.key}"}).client
    assert list_suppliers.sync_detailed(client=erp).status_code == 200
    assert list_keys.sync_detailed(client=erp).status_code == 403
    assert key.key not in list_keys.sync_detailed(client=portal.client).content.decode()
    assert revoke_key.sync_detailed(key.id, client=portal.client).status_code == 204
    assert list_suppliers.sync_detailed(client=erp).status_code == 401


def test_a_key_of_scopes_that_do_not_exist_or_of_no_days_is_refused(portal: Portal):
    for body in ({"scopes": ["everything"], "days": 3}, {"scopes": ["assess"], "days": 0}, {"scopes": [], "days": 3}):
        assert portal.post("/keys", {"name": "ERP", **body}).status_code == 422


def test_a_user_keeps_filters_that_the_pages_show_too(portal: Portal, database: Database, ours: str):
    user = make_user(database, ours)
    client, fishing = portal.client, NewFilter(name="Fishing", sector="03", sort="score")
    saved = save_filter.sync(user, client=client, body=fishing)
    assert saved.wanted.to_dict() == {"sector": "03", "sort": "score"}
    assert list_filters.sync(user, client=client).items == [saved]
    assert save_filter.sync_detailed(user, client=client, body=NewFilter(name="Fishing")).status_code == 409
    assert delete_filter.sync_detailed(user, saved.id, client=client).status_code == 204
    assert list_filters.sync(user, client=client).items == []


def create_keys(client: AuthenticatedClient, *days: int) -> None:
    for each in days:
        create_key.sync(client=client, body=NewKey(name="ERP", scopes=["assess"], days=each))


def test_the_audit_trail_comes_newest_first_and_in_pages(portal: Portal):
    create_keys(portal.client, 1, 2, 3)
    first = list_audit_events.sync(client=portal.client, action="key.created", limit=2)
    assert [event.details["days"] for event in first.items] == [3, 2]
    second = portal.get(first.next_.removeprefix("/api/v1")).json
    assert [event["details"]["days"] for event in second["items"]][:1] == [1]
    assert portal.get("/audit?until=2020-01-01").json["items"] == []
    assert portal.get("/audit?until=2020-13-01").status_code == 422
    assert portal.get("/audit?since=0001-01-01&until=9999-12-31").json[
        "items"
    ]  # the ends of the calendar are no bounds


def test_the_audit_trail_is_narrowed_to_days_of_the_organisation_the_last_one_included(
    app: Flask, database: Database, monkeypatch: pytest.MonkeyPatch
):
    freeze_time(monkeypatch, datetime(2026, 11, 1, 12, 0, tzinfo=UTC))
    portal = make_portal(
        app, make_organisation(database, "Kiritimati Foods", "Pacific/Kiritimati")
    )  # where it is 2 November
    create_keys(portal.client, 1)

    def days(since: int, until: int) -> list[int]:
        between = {"since": date(2026, 11, since), "until": date(2026, 11, until)}
        found = list_audit_events.sync(client=portal.client, action="key.created", **between).items
        return [event.details["days"] for event in found if event.actor != "system:test"]

    assert days(2, 2) == days(1, 30) == [1]
    assert days(1, 1) == days(3, 30) == []


def test_the_retention_period_is_set_within_bounds_and_recorded_in_the_audit_trail(portal: Portal):
    client = portal.client
    assert get_organisation.sync(client=client).keep_months == 84
    changed = change_organisation.sync(client=client, body=OrganisationChange(keep_months=60))
    assert changed.keep_months == get_organisation.sync(client=client).keep_months == 60
    (event,) = list_audit_events.sync(client=client, action="organisation.keep_months_changed").items
    assert event.details.to_dict() == {"from": 84, "to": 60}
    assert (
        portal.call("PATCH", "/organisation", json={"keep_months": 61.0}).json["keep_months"] == 61
    )  # a whole number in JSON
    for months in (0, 5, 100_000, "60", True, 60.5, None):
        assert portal.call("PATCH", "/organisation", json={"keep_months": months}).status_code == 422


def test_another_organisation_sees_none_of_it(portal: Portal, stranger: Portal, database: Database, ours: str):
    user = make_user(database, ours)
    key = portal.get("/keys").json["items"][0]["id"]
    for method, path in (
        ("PATCH", f"/users/{user}"), ("POST", f"/users/{user}/password"), ("GET", f"/users/{user}/filters"),
        ("DELETE", f"/keys/{key}"),
    ):  # fmt: skip
        body = {"json": {}} if method == "PATCH" else {}
        assert stranger.call(method, path, **body).status_code == 404
    assert stranger.post(f"/users/{user}/filters", {"name": "Fishing"}).status_code == 404
    assert user not in stranger.get("/users").get_data(as_text=True)
