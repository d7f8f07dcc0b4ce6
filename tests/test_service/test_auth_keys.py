"""API keys: creation, look-up, expiry and revocation, and responses without a valid key."""

from datetime import timedelta

import pytest
from callers import freeze_time, make_browser, make_key, make_organisation, make_user, send
from databases import Empty
from flask import Flask
from sqlalchemy import select, text

from service.auth import keys
from service.auth.access import ACCESS
from service.auth.accounts import create_key
from service.auth.caller import get_caller
from service.clock import now
from service.db.session import Database
from service.db.tables import ApiKey
from service.errors import DomainError


@pytest.fixture
def called(app: Flask, monkeypatch: pytest.MonkeyPatch) -> str:
    """The address of a route of the API that wants the scope `assess` and says who called."""
    monkeypatch.setitem(ACCESS.api, "GET who", "assess")
    app.add_url_rule(
        "/api/v1/who", "who", lambda: {"actor": get_caller().actor, "organisation": get_caller().organisation}
    )
    return "/api/v1/who"


def key(database: Database, text: str) -> keys.ActiveKey | None:
    with database.unscoped() as session:
        return keys.find_key(session, text)


def test_a_key_opens_its_scope_for_its_organisation(app: Flask, database: Database, called: str):
    answer = app.test_client().get(called, headers=make_key(database, make_organisation(database), "assess"))
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
    app: Flask, called: str, header: dict[str, str], code: str
):
    answer = app.test_client().get(called, headers=header)
    assert (answer.status_code, answer.json["code"]) == (401, code)
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")
    assert answer.content_type == "application/problem+json"


def test_a_key_without_the_scope_is_told_which_one(app: Flask, database: Database, called: str):
    answer = app.test_client().get(called, headers=make_key(database, make_organisation(database), "suppliers:read"))
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


def test_a_revoked_key_is_refused_at_once(app: Flask, database: Database, called: str):
    organisation_id = make_organisation(database)
    header = make_key(database, organisation_id, "assess")
    with database.for_organisation(organisation_id) as session:
        keys.revoke_key(session, keys.list_keys(session)[0].id, "user:ana")
    answer = app.test_client().get(called, headers=header)
    assert (answer.status_code, answer.json["code"]) == (401, "key.invalid")


def test_last_used_is_written_at_most_once_a_minute(app: Flask, database: Database, called: str, monkeypatch):
    organisation_id, at = make_organisation(database), now()
    header = make_key(database, organisation_id, "assess")
    seen = []
    for seconds in (0, 30, 59, 60, 100):
        freeze_time(monkeypatch, at + timedelta(seconds=seconds))
        app.test_client().get(called, headers=header)
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
