"""API keys: creation, look-up, expiry and revocation, and responses without a valid key."""

from concurrent.futures import ThreadPoolExecutor, wait
from datetime import timedelta

import pytest
from callers import freeze_time, make_browser, make_key, make_organisation, make_user, send
from databases import Empty
from flask import Flask
from portal import Portal
from sqlalchemy import select, text

from service.auth import keys, users
from service.auth.access import ACCESS
from service.auth.accounts import create_key, hand_over_key
from service.auth.caller import get_caller
from service.clock import now
from service.db.account_tables import ApiKey
from service.db.session import Database
from service.db.tables import AuditEvent
from service.errors import DomainError


@pytest.fixture
def called(new_app: Flask, monkeypatch: pytest.MonkeyPatch) -> str:
    """The address of a route of the API that wants the scope `assess` and says who called."""
    monkeypatch.setitem(ACCESS.api, "GET who", "assess")
    new_app.add_url_rule(
        "/api/v1/who", "who", lambda: {"actor": get_caller().actor, "organisation": get_caller().organisation}
    )
    return "/api/v1/who"


def key(database: Database, text: str) -> keys.ActiveKey | None:
    with database.unscoped() as session:
        return keys.find_key(session, text)


def test_a_key_opens_its_scope_for_its_organisation(new_app: Flask, database: Database, called: str):
    answer = new_app.test_client().get(called, headers=make_key(database, make_organisation(database), "assess"))
    assert answer.status_code == 200
    assert answer.json["organisation"] == "Harbour Foods"
    assert answer.json["actor"].startswith("key:")


@pytest.mark.parametrize(
    ("header", "code"),
    [
        ({}, "key.missing"),
        ({"Authorization": "Basic YTpi"}, "key.missing"),
        ({"Authorization": "Bearer "}, "key.missing"),
        ({"Authorization": "Bearer something"}, "key.invalid"),
        ({"Authorization": "Bearer dk_abcdefgh_" + "x" * 43}, "key.invalid"),
    ],
)
def test_a_request_without_a_key_is_refused_with_instructions(
    new_app: Flask, called: str, header: dict[str, str], code: str
):
    answer = new_app.test_client().get(called, headers=header)
    assert (answer.status_code, answer.json["code"]) == (401, code)
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")
    assert answer.content_type == "application/problem+json"


def test_a_key_without_the_scope_learns_which_one_it_needs(new_app: Flask, database: Database, called: str):
    answer = new_app.test_client().get(
        called, headers=make_key(database, make_organisation(database), "suppliers:read")
    )
    assert (answer.status_code, answer.json["code"], answer.json["scope"]) == (403, "key.scope", "assess")


def test_a_key_is_stored_as_a_hash_and_shown_once(database: Database):
    text = make_key(database, make_organisation(database), "assess")["Authorization"].removeprefix("Bearer ")
    with database.unscoped() as session:
        stored = session.scalars(select(ApiKey)).one()
    assert text.startswith(f"dk_{stored.prefix}_")
    assert len(text.split("_", 2)[2]) == 43
    assert text.split("_", 2)[2] not in repr(vars(stored))


def test_a_key_is_found_by_its_whole_text_alone(database: Database):
    text = make_key(database, make_organisation(database), "assess")["Authorization"].removeprefix("Bearer ")
    assert key(database, text) is not None
    last = "A" if text[-1] != "A" else "B"
    for other_organisation in (text[:-1], text + "x", text[:-1] + last, text.upper(), text[3:], "dk__", ""):
        assert key(database, other_organisation) is None


def test_a_key_is_looked_up_by_the_index_of_its_hash(sqlite: Empty):
    with sqlite() as engine, engine.connect() as connection:
        query = keys._SELECT_BY_HASH.params(hash="0").compile(engine, compile_kwargs={"literal_binds": True})
        plan = connection.execute(text(f"EXPLAIN QUERY PLAN {query}")).all()
    assert any("api_key USING INDEX" in step.detail and "key_hash=?" in step.detail for step in plan)


def test_a_key_ends_on_its_day(database: Database, monkeypatch: pytest.MonkeyPatch):
    at = now()
    freeze_time(monkeypatch, at)
    text = make_key(database, make_organisation(database), "assess", days=7)["Authorization"].removeprefix("Bearer ")
    freeze_time(monkeypatch, at + timedelta(days=7, seconds=-5))
    assert key(database, text) is not None
    freeze_time(monkeypatch, at + timedelta(days=7, seconds=5))
    assert key(database, text) is None


def test_a_revoked_key_is_refused_at_once(new_app: Flask, database: Database, called: str):
    organisation_id = make_organisation(database)
    header = make_key(database, organisation_id, "assess")
    with database.for_organisation(organisation_id) as session:
        keys.revoke_key(session, keys.list_keys(session)[0].id, "user:ana")
    answer = new_app.test_client().get(called, headers=header)
    assert (answer.status_code, answer.json["code"]) == (401, "key.invalid")


def test_last_used_is_written_at_most_once_a_minute(new_app: Flask, database: Database, called: str, monkeypatch):
    organisation_id, at = make_organisation(database), now()
    header = make_key(database, organisation_id, "assess")
    seen = []
    for seconds in (0, 30, 59, 60, 100):
        freeze_time(monkeypatch, at + timedelta(seconds=seconds))
        new_app.test_client().get(called, headers=header)
        with database.for_organisation(organisation_id) as session:
            seen.append((keys.list_keys(session)[0].used_at - at).total_seconds())
    assert seen == [0, 0, 0, 60, 60]


@pytest.mark.parametrize(
    ("name", "scopes", "days", "code"),
    [
        (" ", ["assess"], 30, "key.name"),
        ("x" * 201, ["assess"], 30, "key.name"),
        ("Portal", [], 30, "key.scopes"),
        ("Portal", ["assess", "everything"], 30, "key.scopes"),
        ("Portal", ["assess"], 0, "key.days"),
        ("Portal", ["assess"], 366, "key.days"),
    ],
)
def test_a_key_needs_a_name_existing_scopes_and_an_expiry(
    database: Database, name: str, scopes: list[str], days: int, code: str
):
    with database.for_organisation(make_organisation(database)) as session, pytest.raises(DomainError) as refused:
        keys.create_key(session, name, scopes, days, "user:ana")
    assert refused.value.code == code


def test_the_command_line_creates_a_key_for_an_organisation_by_name(database: Database):
    make_organisation(database)
    assert key(database, create_key(database, "Harbour Foods", "Portal", ["assess"], 30)) is not None
    with pytest.raises(DomainError, match=r"no organisation called Quay"):
        create_key(database, "Quay", "Portal", ["assess"], 30)


def test_the_page_shows_a_new_key_once_and_revokes_it(app: Flask, database: Database):
    client = make_browser(app, make_user(database, make_organisation(database), "admin"))
    page = send(client, "/keys", name="Portal", days="90", scopes=["assess"]).get_data(as_text=True)
    text = page.partition('id="shown-once"')[2].partition('value="')[2].partition('"')[0]
    stored = key(database, text)
    assert stored is not None
    assert text not in client.get("/keys").get_data(as_text=True)
    send(client, f"/keys/{stored.id}/revoke")
    assert key(database, text) is None
    assert "revoked" in client.get("/keys").get_data(as_text=True)


def test_the_page_keeps_the_input_when_it_is_refused(app: Flask, database: Database):
    client = make_browser(app, make_user(database, make_organisation(database), "admin"))
    answer = send(client, "/keys", name="Portal", days="90")
    assert answer.status_code == 422
    assert 'value="Portal"' in answer.get_data(as_text=True)


def make_admins(database: Database) -> tuple[str, str, str]:
    """An organisation with two admins; its id and theirs."""
    organisation_id = make_organisation(database)
    return organisation_id, make_user(database, organisation_id, "admin"), make_user(database, organisation_id, "admin")


def make_key_of(database: Database, organisation_id: str, owner_id: str, *scopes: str) -> tuple[str, str]:
    """A key of a user; its id and its text."""
    with database.for_organisation(organisation_id) as session:
        made, text = keys.create_key(session, "Portal", scopes or ["assess"], 30, f"user:{owner_id}", owner_id=owner_id)
    return made.id, text


def list_events(database: Database, action: str) -> list[tuple[str, str, dict]]:
    with database.unscoped(write=False) as session:
        events = session.scalars(select(AuditEvent).where(AuditEvent.action == action).order_by(AuditEvent.id))
        return [(event.actor, event.object_id, event.details) for event in events]


@pytest.mark.parametrize("end", ["deactivate", "demote"])
def test_a_key_stops_with_the_access_of_its_owner(new_app: Flask, database: Database, called: str, end: str):
    organisation_id, ana, bo = make_admins(database)
    key_id, text = make_key_of(database, organisation_id, ana)
    _other, other_text = make_key_of(database, organisation_id, bo)
    header = {"Authorization": f"Bearer {text}"}
    assert new_app.test_client().get(called, headers=header).status_code == 200
    with database.for_organisation(organisation_id) as session:
        if end == "deactivate":
            users.deactivate(session, ana, f"user:{bo}")
        else:
            users.change_role(session, ana, "officer", f"user:{bo}")
    refused = new_app.test_client().get(called, headers=header)
    assert (refused.status_code, refused.json["code"]) == (401, "key.invalid")
    assert key(database, other_text) is not None
    assert list_events(database, "key.stopped") == [(f"user:{bo}", key_id, {"owner": ana})]


def test_a_key_does_not_come_back_with_its_owner(database: Database):
    organisation_id, ana, bo = make_admins(database)
    _id, text = make_key_of(database, organisation_id, ana)
    with database.for_organisation(organisation_id) as session:
        users.deactivate(session, ana, f"user:{bo}")
        users.activate(session, ana, f"user:{bo}")
    assert key(database, text) is None


def test_a_key_that_is_handed_over_works_again_and_ends_with_its_new_owner(database: Database):
    organisation_id, ana, bo = make_admins(database)
    officer = make_user(database, organisation_id, "officer")
    key_id, text = make_key_of(database, organisation_id, ana, "suppliers:read")
    with database.for_organisation(organisation_id) as session:
        users.deactivate(session, ana, f"user:{bo}")
        keys.hand_over_key(session, key_id, officer, f"user:{bo}")
    assert key(database, text) is not None
    assert list_events(database, "key.handed_over") == [(f"user:{bo}", key_id, {"from": ana, "to": officer})]
    with database.for_organisation(organisation_id) as session:
        users.change_role(session, officer, "viewer", f"user:{bo}")
    assert key(database, text) is None


def test_a_key_is_not_handed_over_to_somebody_who_may_do_less(database: Database):
    organisation_id, ana, bo = make_admins(database)
    gone = make_user(database, organisation_id, "admin", active=False)
    viewer = make_user(database, organisation_id, "viewer")
    stranger = make_user(database, make_organisation(database, "Pier Retail"), "admin")
    key_id, _text = make_key_of(database, organisation_id, ana, "suppliers:write")
    for owner_id in (viewer, gone, stranger, "nobody"):
        with database.for_organisation(organisation_id) as session, pytest.raises(DomainError) as refused:
            keys.hand_over_key(session, key_id, owner_id, f"user:{bo}")
        assert (refused.value.code, refused.value.status) == ("key.owner", 409)


def test_a_key_that_has_ended_is_not_handed_over(database: Database):
    organisation_id, ana, bo = make_admins(database)
    key_id, _text = make_key_of(database, organisation_id, ana)
    with database.for_organisation(organisation_id) as session:
        keys.revoke_key(session, key_id, f"user:{bo}")
    with database.for_organisation(organisation_id) as session, pytest.raises(DomainError) as refused:
        keys.hand_over_key(session, key_id, bo, f"user:{bo}")
    assert refused.value.code == "key.ended"


def test_a_key_creates_and_hands_over_keys_within_its_own_scopes(app: Flask, database: Database):
    organisation_id, ana, bo = make_admins(database)
    _id, text = make_key_of(database, organisation_id, ana, "admin", "assess")
    portal = Portal(app, {"Authorization": f"Bearer {text}"})
    beyond = portal.post("/keys", {"name": "Portal", "scopes": ["assess", "cases:read"], "days": 30})
    assert (beyond.status_code, beyond.json["code"]) == (403, "key.scope_not_grantable")
    made = portal.post("/keys", {"name": "Portal", "scopes": ["assess"], "days": 30}).json
    assert made["owner_id"] == ana
    handed = portal.call("PATCH", f"/keys/{made['id']}", json={"owner_id": bo})
    assert (handed.status_code, handed.json["owner_id"]) == (200, bo)
    with database.for_organisation(organisation_id) as session:
        users.deactivate(session, ana, f"user:{bo}")
    assert key(database, text) is None
    assert key(database, made["key"]) is not None


def test_the_page_hands_a_stopped_key_over(app: Flask, database: Database):
    organisation_id, ana, bo = make_admins(database)
    key_id, text = make_key_of(database, organisation_id, ana)
    client = make_browser(app, bo)
    send(client, f"/users/{ana}/deactivate")
    assert "stopped" in client.get("/keys").get_data(as_text=True)
    assert send(client, f"/keys/{key_id}/owner", owner=ana).status_code == 409
    assert send(client, f"/keys/{key_id}/owner", owner=bo).status_code == 303
    assert key(database, text) is not None


def test_the_command_line_hands_a_key_over(database: Database):
    organisation_id = make_organisation(database)
    ana = make_user(database, organisation_id, "admin", "ana@harbour.example")
    make_user(database, organisation_id, "admin", "bo@harbour.example")
    text = create_key(database, "Harbour Foods", "Portal", ["assess"], 30, owner="ana@harbour.example")
    with database.for_organisation(organisation_id) as session:
        users.deactivate(session, ana, "system:test")
    assert key(database, text) is None
    hand_over_key(database, "Harbour Foods", text[:11], "Bo@harbour.example")
    assert key(database, text) is not None
    with pytest.raises(DomainError, match="no API key that begins with dk_nothing_"):
        hand_over_key(database, "Harbour Foods", "dk_nothing", "bo@harbour.example")


@pytest.mark.fault
def test_a_key_does_not_outlive_an_access_that_ends_while_it_is_created(database: Database):
    organisation_id, ana, bo = make_admins(database)

    def end() -> None:
        with database.for_organisation(organisation_id) as session:
            users.deactivate(session, ana, f"user:{bo}")

    with ThreadPoolExecutor(1) as thread:
        with database.for_organisation(organisation_id) as session:
            _key, text = keys.create_key(session, "Portal", ["assess"], 30, f"user:{ana}", owner_id=ana)
            ending = thread.submit(end)
            wait([ending], timeout=0.3)
        ending.result()
    assert key(database, text) is None
