"""Second factors: codes of an authenticator app, recovery codes, who needs one, and who may remove it."""

import base64
import re
from contextlib import nullcontext
from datetime import timedelta

import pytest
from callers import PASSWORD, form_token, freeze_time, make_browser, make_key, make_organisation, make_user, send
from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.twofactor.totp import TOTP
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from werkzeug.test import TestResponse

from service.auth import second_factors, sign_in_rules
from service.clock import now
from service.db.account_tables import User
from service.db.outbox_tables import Message
from service.db.session import Database
from service.db.sign_in_tables import SecondFactor
from service.db.tables import Organisation
from service.errors import DomainError
from service.secret_keys import decrypt

pytestmark = pytest.mark.usefixtures("quick_hashes")
EMAIL = "ana@harbour.example"
KEYS = (b"k" * 64,)
SECRET = base64.b32encode(b"a key of twenty byte").decode()


def show_code(secret: str = SECRET, steps: int = 0) -> str:
    """The code that an app shows, so many half minutes from now."""
    key = base64.b32decode(secret.replace(" ", ""))
    return TOTP(key, 6, SHA1(), 30).generate(int(now().timestamp()) + 30 * steps).decode()


@pytest.fixture
def organisation_id(database: Database) -> str:
    return make_organisation(database)


def require_second_factor(database: Database, organisation_id: str) -> None:
    with database.for_organisation(organisation_id) as session:
        sign_in_rules.set_second_factor(session, organisation_id, True, "user:ana")


def enrol(client: FlaskClient) -> tuple[str, list[str]]:
    """Sets up an app as a person does; its key and the recovery codes."""
    page = client.get("/account/second-factor").get_data(as_text=True)
    secret = re.search(r"<code>([A-Z2-7 ]+)</code>", page)[1]
    shown = send(client, "/account/second-factor/app", code=show_code(secret)).get_data(as_text=True)
    return secret, re.findall(r"<code>([a-z2-9-]{29})</code>", shown)


def enter(client: FlaskClient, code: str | None = None) -> TestResponse:
    """Signs in with the password, and a code if one is given."""
    answer = send(client, "/sign-in", email=EMAIL, password=PASSWORD, next="/agencies")
    return answer if code is None else send(client, "/sign-in/second-step", code=code)


def test_a_password_is_followed_by_a_code_and_opens_nothing_by_itself(
    app: Flask, database: Database, organisation_id: str, monkeypatch: pytest.MonkeyPatch
):
    secret, _codes = enrol(make_browser(app, make_user(database, organisation_id, email=EMAIL)))
    freeze_time(monkeypatch, now() + timedelta(minutes=2))
    client = app.test_client()
    assert enter(client).location == "/sign-in/second-step"
    assert client.get("/suppliers").location.startswith("/sign-in")
    assert send(client, "/sign-in/second-step", code="000000").status_code == 422
    assert send(client, "/sign-in/second-step", code=show_code(secret)).location == "/agencies"
    assert client.get("/suppliers").status_code == 200


def test_a_code_is_accepted_once_and_never_an_earlier_one(database: Database, monkeypatch: pytest.MonkeyPatch):
    organisation_id = make_organisation(database)
    user_id = make_user(database, organisation_id)
    with database.for_organisation(organisation_id) as session:
        second_factors.add_totp(session, user_id, SECRET, show_code(steps=-1), KEYS)
    for steps, accepted in ((0, True), (0, False), (-1, False), (1, True), (0, False), (3, False)):
        expected = nullcontext() if accepted else pytest.raises(DomainError, match="wrong or has already been used")
        with expected, database.for_organisation(organisation_id) as session:
            second_factors.check_code(session, user_id, show_code(steps=steps), KEYS)


def test_a_recovery_code_replaces_the_app_once(
    app: Flask, database: Database, organisation_id: str, monkeypatch: pytest.MonkeyPatch
):
    _secret, codes = enrol(make_browser(app, make_user(database, organisation_id, email=EMAIL)))
    assert len(codes) == second_factors.RECOVERY_CODES
    assert enter(app.test_client(), codes[0].upper().replace("-", " ")).location == "/agencies"
    assert enter(app.test_client(), codes[0]).status_code == 422


def test_guessing_codes_is_slowed_down_from_wherever_it_comes(app: Flask, database: Database, organisation_id: str):
    enrol(make_browser(app, make_user(database, organisation_id, email=EMAIL)))
    answers = []
    for number in range(7):
        client = app.test_client()
        client.environ_base["REMOTE_ADDR"] = f"10.0.0.{number}"
        answers.append(enter(client, "000000").status_code)
    assert answers[:5] == [422] * 5
    assert answers[-1] == 429


def test_admins_and_case_handlers_set_one_up_before_anything_else_and_others_need_not(
    app: Flask, database: Database, organisation_id: str
):
    require_second_factor(database, organisation_id)
    for role in ("admin", "case_handler"):
        client = make_browser(app, make_user(database, organisation_id, role))
        assert client.get("/suppliers").location == "/account/second-factor"
        _secret, codes = enrol(client)
        assert codes
        assert client.get("/suppliers").status_code == 200
    assert make_browser(app, make_user(database, organisation_id, "officer")).get("/suppliers").status_code == 200


def test_the_last_one_is_removed_only_where_none_is_needed(app: Flask, database: Database, organisation_id: str):
    require_second_factor(database, organisation_id)
    admin = make_browser(app, make_user(database, organisation_id, "admin"))
    enrol(admin)
    with database.unscoped(write=False) as session:
        (factor,) = session.scalars(select(SecondFactor)).all()
    assert send(admin, f"/account/second-factors/{factor.id}/remove").status_code == 409
    send(admin, "/organisation/sign-in/second-factor", required="no")
    assert send(admin, f"/account/second-factors/{factor.id}/remove").status_code == 303


@pytest.mark.parametrize("through", ["page", "api"])
def test_an_admin_removes_it_for_somebody_who_is_signed_out_and_told(
    app: Flask, database: Database, organisation_id: str, through: str
):
    user_id = make_user(database, organisation_id, email=EMAIL)
    client = make_browser(app, user_id)
    enrol(client)
    if through == "page":
        admin = make_browser(app, make_user(database, organisation_id, "admin"))
        assert send(admin, f"/users/{user_id}/second-factor/reset").status_code == 303
    else:
        key = make_key(database, organisation_id, "admin")
        path = f"/api/v1/users/{user_id}/second-factor/reset"
        assert app.test_client().post(path, headers=key).status_code == 200
    assert client.get("/account").location.startswith("/sign-in")
    assert enter(app.test_client()).location == "/agencies"
    with database.unscoped(write=False) as session:
        assert session.scalars(select(Message.user_id).where(Message.event == "second_factor.reset")).all() == [user_id]


def test_confirming_who_one_is_takes_the_code_too(
    app: Flask, database: Database, organisation_id: str, monkeypatch: pytest.MonkeyPatch
):
    client = make_browser(app, make_user(database, organisation_id, "admin", EMAIL))
    secret, _codes = enrol(client)
    freeze_time(monkeypatch, now() + timedelta(minutes=11))
    assert send(client, "/sign-in/again", password=PASSWORD, next="/users").status_code == 422
    answer = send(client, "/sign-in/again", password=PASSWORD, code=show_code(secret), next="/users")
    assert answer.location == "/users"


def test_the_key_of_an_app_is_not_in_the_database(app: Flask, database: Database, organisation_id: str):
    user_id = make_user(database, organisation_id)
    secret, _codes = enrol(make_browser(app, user_id))
    with database.unscoped(write=False) as session:
        stored = session.scalars(select(SecondFactor.secret)).one()
    plain = secret.replace(" ", "")
    assert plain not in stored
    secret_keys = app.extensions["settings"].get_secret_keys()
    assert decrypt(secret_keys, stored, second_factors.TOTP_PURPOSE, user_id).decode() == plain


def test_a_passkey_is_refused_without_a_challenge_of_this_browser(app: Flask, database: Database, organisation_id: str):
    client = app.test_client()
    token = form_token(client)
    answer = client.post("/sign-in/passkey", data={"csrf_token": token, "credential": "{}"})
    assert answer.status_code == 422
    assert client.post("/sign-in/passkey", data={"csrf_token": token, "credential": "{}"}).status_code == 422


def test_a_second_factor_is_needed_from_the_day_that_the_organisation_has_set(sqlite_database: Database):
    organisation_id = make_organisation(sqlite_database)
    user_id = make_user(sqlite_database, organisation_id, "admin")
    with sqlite_database.for_organisation(organisation_id) as session:
        organisation, user = session.get_one(Organisation, organisation_id), session.get_one(User, user_id)
        organisation.second_factor_from = now() + timedelta(days=1)
        assert not second_factors.needs_factor(user, organisation)
        organisation.second_factor_from = now()
        assert second_factors.needs_factor(user, organisation)
