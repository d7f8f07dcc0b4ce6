"""Organisations, people, browsers and keys for the tests of the service."""

import functools
import itertools
import re
from datetime import datetime

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from service.auth import keys, passwords, sessions
from service.clock import now
from service.db.account_tables import User
from service.db.session import Database
from service.db.tables import Organisation, new_id

PASSWORD = "seven quiet herons wade"
_number = itertools.count(1)


def make_organisation(database: Database, name: str = "Harbour Foods", time_zone: str = "UTC") -> str:
    """A new organisation; its id."""
    organisation = Organisation(id=new_id(), name=name, time_zone=time_zone, created_at=now())
    with database.unscoped() as session:
        session.add(organisation)
    return organisation.id


def make_user(
    database: Database,
    organisation_id: str,
    role: str = "officer",
    email: str | None = None,
    name: str = "Ana Marín",
    **more: object,
) -> str:
    """A new user whose password is `PASSWORD`, not a one-time one; their id."""
    user = User(
        id=new_id(),
        email=email or f"user{next(_number)}@harbour.example",
        name=name,
        password_hash=_hash_of_password(passwords.HASHER),
        role=role,
        created_at=now(),
        **more,
    )
    with database.for_organisation(organisation_id) as session:
        session.add(user)
    return user.id


@functools.cache  # a hash takes its time
def _hash_of_password(_hasher: object) -> str:
    return passwords.hash_password(PASSWORD)


def make_browser(app: Flask, user_id: str) -> FlaskClient:
    """A browser in which a user is signed in."""
    client = app.test_client()
    database, settings = app.extensions["database"], app.extensions["settings"]
    with database.unscoped() as session:
        token = sessions.start_session(session, session.get_one(User, user_id), settings)
    client.set_cookie("diligence" if settings.plain_http else "__Host-diligence", token)
    return client


def form_token(client: FlaskClient) -> str:
    """The CSRF token of this browser, read from a page with a form that every role may send."""
    page = client.get("/password", follow_redirects=True).get_data(as_text=True)
    return re.search(r'name="csrf_token" value="([^"]+)"', page)[1]


def send(client: FlaskClient, path: str, **fields: object) -> TestResponse:
    """Sends a form as a page does."""
    return client.post(path, data={"csrf_token": form_token(client), **fields})


def make_key(database: Database, organisation_id: str, *scopes: str, days: int = 30) -> dict[str, str]:
    """The header that a new API key is sent in."""
    with database.for_organisation(organisation_id) as session:
        _key, text = keys.create_key(session, "Portal", scopes, days, "system:test")
    return {"Authorization": f"Bearer {text}"}


def freeze_time(monkeypatch: pytest.MonkeyPatch, at: datetime) -> None:
    """Set the time that `service.clock` returns."""

    class Stopped(datetime):
        @classmethod
        def now(cls, tz: object = None) -> datetime:
            return at

    monkeypatch.setattr("service.clock.datetime", Stopped)
