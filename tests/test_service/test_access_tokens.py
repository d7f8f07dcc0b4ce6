"""Access tokens for OAuth 2.0 clients (client credentials), which are API keys."""

import base64
from datetime import timedelta
from typing import Any

import pytest
from callers import freeze_time, make_key, make_organisation
from flask import Flask
from sqlalchemy import select, update

from service.clock import now
from service.db.account_tables import ApiKey
from service.db.session import Database
from service.db.sign_in_tables import AccessToken
from service.db.tables import AuditEvent

GRANT = {"grant_type": "client_credentials"}


@pytest.fixture
def client(app: Flask, database: Database) -> tuple[str, str]:
    """The ID and the secret of a client that may read suppliers and assess."""
    key = make_key(database, make_organisation(database), "suppliers:read", "assess")
    secret = key["Authorization"].removeprefix("Bearer ")
    return secret.split("_")[1], secret


def ask(app: Flask, client: tuple[str, str], **form: str) -> Any:
    """The answer to a request for a token with the credentials in the header."""
    basic = base64.b64encode(":".join(client).encode()).decode()
    headers = {"Authorization": f"Basic {basic}"}
    return app.test_client().post("/api/v1/oauth/token", data=form or GRANT, headers=headers)


def read_suppliers(app: Flask, token: str) -> int:
    return app.test_client().get("/api/v1/suppliers", headers={"Authorization": f"Bearer {token}"}).status_code


def test_a_client_gets_a_token_that_opens_what_its_key_does_for_a_quarter_of_an_hour(
    app: Flask, database: Database, client: tuple[str, str], monkeypatch: pytest.MonkeyPatch
):
    answer = ask(app, client)
    granted = answer.get_json()
    assert (granted["token_type"], granted["expires_in"], granted["scope"]) == ("Bearer", 900, "assess suppliers:read")
    assert answer.headers["Cache-Control"] == "no-store"
    assert read_suppliers(app, granted["access_token"]) == 200
    with database.unscoped(write=False) as session:
        assert granted["access_token"] not in session.scalars(select(AccessToken.token_hash)).one()
        assert "token.issued" in session.scalars(select(AuditEvent.action)).all()
    freeze_time(monkeypatch, now() + timedelta(minutes=16))
    assert read_suppliers(app, granted["access_token"]) == 401


def test_the_credentials_may_be_in_the_form_and_fewer_scopes_be_asked_for(app: Flask, client: tuple[str, str]):
    form = {**GRANT, "client_id": f"dk_{client[0]}", "client_secret": client[1], "scope": "assess"}
    granted = app.test_client().post("/api/v1/oauth/token", data=form).get_json()
    assert granted["scope"] == "assess"
    assert read_suppliers(app, granted["access_token"]) == 403


@pytest.mark.parametrize("column", ["revoked_at", "stopped_at", "expires_at"])
def test_a_token_ends_with_its_key(app: Flask, database: Database, client: tuple[str, str], column: str):
    token = ask(app, client).get_json()["access_token"]
    with database.unscoped() as session:
        session.execute(update(ApiKey).values(**{column: now()}))
    assert read_suppliers(app, token) == 401
    assert ask(app, client).get_json()["error"] == "invalid_client"


@pytest.mark.parametrize(
    ("form", "status", "error"),
    [
        ({"grant_type": "password"}, 400, "unsupported_grant_type"),
        ({**GRANT, "scope": "assess cases:read"}, 400, "invalid_scope"),
        ({**GRANT, "client_secret": "twice"}, 400, "invalid_request"),
    ],
)
def test_errors_are_those_of_the_standard(
    app: Flask, client: tuple[str, str], form: dict[str, str], status: int, error: str
):
    answer = ask(app, client, **form)
    assert (answer.status_code, answer.get_json()["error"]) == (status, error)


def test_a_wrong_client_is_told_how_to_authenticate(app: Flask, client: tuple[str, str]):
    for wrong in ((client[0], "dk_x"), ("another", client[1])):
        answer = ask(app, wrong)
        assert (answer.status_code, answer.get_json()["error"]) == (401, "invalid_client")
        assert answer.headers["WWW-Authenticate"].startswith("Basic")
