"""Signing in through an identity provider (OpenID Connect), tried with a real one over HTTP."""

import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from callers import PASSWORD, freeze_time, make_browser, make_key, make_organisation, make_user, send
from flask import Flask
from flask.testing import FlaskClient
from joserfc.jwk import OctKey
from openid_provider import Provider, run_provider
from portal import make_portal
from sqlalchemy import select
from werkzeug.test import TestResponse

from service.auth import calendar_links, keys, openid, providers
from service.auth.provider_http import ProviderSession, ProviderUnreachable
from service.clock import now
from service.db.account_tables import SignIn, User
from service.db.session import Database
from service.db.sign_in_tables import IdentityProvider, ProviderAccount
from service.db.tables import AuditEvent, new_id
from service.errors import DomainError
from service.settings import Settings
from service.wiring.app import connect

pytestmark = [
    pytest.mark.usefixtures("quick_hashes"),
    pytest.mark.filterwarnings(
        "ignore::DeprecationWarning"
    ),  # the provider uses what its own libraries have deprecated
]
ROLES = {"staff": "viewer", "buyers": "officer", "owners": "admin"}
MIA = {"email": "mia@harbour.example", "email_verified": True, "name": "Mia Ruiz", "groups": ["staff", "buyers"]}


@pytest.fixture(scope="module")
def provider() -> Iterator[Provider]:
    with run_provider() as running:
        yield running


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data=tmp_path, plain_http=True, provider_hosts=("localhost",))


@pytest.fixture
def organisation_id(app: Flask, database: Database, settings: Settings, provider: Provider) -> str:
    """An organisation with that provider, in which Mia has an account there and none here."""
    connect(app, settings, database)
    provider.set_user("mia", **MIA)
    organisation_id = make_organisation(database)
    save_provider(database, settings, provider, organisation_id)
    return organisation_id


def save_provider(
    database: Database, settings: Settings, provider: Provider, organisation_id: str, **more: object
) -> str:
    fields = {"name": "Harbour ID", "issuer": provider.issuer, "client_id": "diligence", "client_secret": "s3cret"}
    form = providers.ProviderForm(**{**fields, "group_claim": "groups", "roles": ROLES, **more})
    with database.for_organisation(organisation_id) as session:
        return providers.save_provider(session, form, settings, "user:ana").id


def begin(client: FlaskClient, database: Database, **query: str) -> str:
    """The address at the provider to which a browser is sent."""
    with database.unscoped(write=False) as session:
        provider_id = session.scalars(select(IdentityProvider.id)).one()
    return client.get(f"/sign-in/with/{provider_id}", query_string=query).location


def enter(
    app: Flask, database: Database, provider: Provider, subject: str = "mia", **query: str
) -> tuple[FlaskClient, TestResponse]:
    """A browser that signs in through the provider, and the last response."""
    client = app.test_client()
    back = provider.consent(begin(client, database, **query), subject)
    return client, client.get(back.removeprefix("http://localhost"))


def find_user(database: Database, email: str = "mia@harbour.example") -> User | None:
    with database.unscoped(write=False) as session:
        return session.scalars(select(User).where(User.email == email)).first()


def test_the_first_sign_in_creates_a_user_with_the_highest_role_of_their_groups(
    app: Flask, database: Database, provider: Provider, organisation_id: str
):
    client, answer = enter(app, database, provider, next="/agencies")
    assert answer.location == "/agencies"
    assert client.get("/suppliers").status_code == 200
    user = find_user(database)
    assert (user.role, user.name, user.organisation_id) == ("officer", "Mia Ruiz", organisation_id)
    assert enter(app, database, provider)[1].status_code == 303
    with database.unscoped(write=False) as session:
        assert len(session.scalars(select(ProviderAccount)).all()) == 1


def test_the_browser_is_sent_there_with_pkce_a_state_and_a_nonce(
    app: Flask, database: Database, provider: Provider, organisation_id: str
):
    first, second = (parse_qs(urlsplit(begin(app.test_client(), database)).query) for _ in range(2))
    assert first["code_challenge_method"] == ["S256"]
    assert first["redirect_uri"] == ["http://localhost/sign-in/callback"]
    for secret in ("state", "nonce", "code_challenge"):
        assert first[secret] != second[secret]


def test_a_code_that_another_browser_asked_for_signs_nobody_in(
    app: Flask, database: Database, provider: Provider, organisation_id: str
):
    back = provider.consent(begin(app.test_client(), database), "mia").removeprefix("http://localhost")
    assert app.test_client().get(back).status_code == 403
    other = app.test_client()
    begin(other, database)
    assert other.get(back).status_code == 403
    assert find_user(database) is None


def test_an_id_token_for_another_nonce_is_refused(
    app: Flask, database: Database, provider: Provider, organisation_id: str, monkeypatch: pytest.MonkeyPatch
):
    reads = openid.Client.read_id_token
    monkeypatch.setattr(openid.Client, "read_id_token", lambda client, tokens, _: reads(client, tokens, "another"))
    assert enter(app, database, provider)[1].status_code == 502


@pytest.mark.parametrize(
    "changed",
    [
        {"iss": "http://localhost:1"},
        {"aud": "another"},
        {"exp": 1},
        {"exp": 10**18},
        {"nonce": "another"},
        {"alg": "HS256"},
    ],
)
def test_what_a_token_says_has_to_hold(
    app: Flask, database: Database, provider: Provider, organisation_id: str, settings: Settings, changed: dict
):
    client = openid.Client(provider.issuer, "diligence", "s3cret", ProviderSession(settings.provider_hosts))
    client.load_metadata()
    at = int(now().timestamp())
    claims = {"iss": provider.issuer, "aud": "diligence", "sub": "mia", "iat": at, "exp": at + 60, "nonce": "n"}
    assert client.read_id_token({"id_token": provider.sign(claims)}, "n")["sub"] == "mia"
    if "alg" in changed:
        forged = openid.jwt.encode({"alg": "HS256"}, claims, OctKey.import_key("s3cret of a client that is long"))
    else:
        forged = provider.sign({**claims, **changed})
    with pytest.raises(openid.ProviderRefused):
        client.read_id_token({"id_token": forged}, "n")


def test_groups_without_a_role_open_nothing_and_a_changed_group_changes_the_role(
    app: Flask, database: Database, provider: Provider, organisation_id: str
):
    provider.set_user("mia", **{**MIA, "groups": ["canteen"]})
    client, answer = enter(app, database, provider)
    assert answer.status_code == 403
    assert "None of your groups has a role" in answer.get_data(as_text=True)
    assert find_user(database) is None
    provider.set_user("mia", **MIA)
    enter(app, database, provider)
    provider.set_user("mia", **{**MIA, "groups": ["staff"]})
    enter(app, database, provider)
    assert find_user(database).role == "viewer"


@pytest.mark.parametrize("verified", [True, False])
def test_an_existing_user_is_linked_only_by_an_address_that_the_provider_has_verified(
    app: Flask, database: Database, provider: Provider, organisation_id: str, verified: bool
):
    user_id = make_user(database, organisation_id, email="mia@harbour.example")
    provider.set_user("mia", **{**MIA, "email_verified": verified})
    _client, answer = enter(app, database, provider)
    assert answer.status_code == (303 if verified else 403)
    with database.unscoped(write=False) as session:
        assert session.scalars(select(ProviderAccount.user_id)).all() == ([user_id] if verified else [])


def test_a_user_of_another_organisation_is_never_linked(
    app: Flask, database: Database, provider: Provider, organisation_id: str
):
    make_user(database, make_organisation(database, "Quay Trading"), "admin", "mia@harbour.example")
    assert enter(app, database, provider)[1].status_code == 403


def test_somebody_whose_access_an_admin_ended_stays_out(
    app: Flask, database: Database, provider: Provider, organisation_id: str
):
    enter(app, database, provider)
    with database.for_organisation(organisation_id) as session:
        session.get_one(User, find_user(database).id).active = False
    assert enter(app, database, provider)[1].status_code == 403


def test_a_leaver_is_out_within_a_minute_with_sessions_keys_and_calendars_until_they_come_back(
    app: Flask, database: Database, provider: Provider, organisation_id: str, monkeypatch: pytest.MonkeyPatch
):
    provider.set_user("mia", **{**MIA, "groups": ["owners"]})
    client, _answer = enter(app, database, provider)
    with database.for_organisation(organisation_id) as session:
        owner_id = find_user(database).id
        _key, text = keys.create_key(session, "Portal", ["suppliers:read"], 30, "user:mia", owner_id=owner_id)
        feed = f"/calendar/{calendar_links.create_link(session, owner_id, 'mine', 'user:mia')}/steps.ics"
    header = {"Authorization": f"Bearer {text}"}
    assert client.get(feed).status_code == 200
    provider.remove_user("mia")
    assert client.get("/suppliers").status_code == 200  # asked a moment ago
    freeze_time(monkeypatch, now() + timedelta(seconds=60))
    assert app.test_client().get(feed).status_code == 404
    assert app.test_client().get("/api/v1/suppliers", headers=header).status_code == 401
    assert client.get("/suppliers").location.startswith("/sign-in")
    with database.unscoped(write=False) as session:
        assert session.scalars(select(SignIn)).all() == []
        actions = session.scalars(select(AuditEvent.action).where(AuditEvent.object_id == owner_id)).all()
    assert "user.refused_by_provider" in actions
    assert enter(app, database, provider)[1].status_code == 303
    assert app.test_client().get("/api/v1/suppliers", headers=header).status_code == 200


def test_a_leaver_is_out_though_the_clock_was_set_back_meanwhile(
    app: Flask, database: Database, provider: Provider, organisation_id: str, monkeypatch: pytest.MonkeyPatch
):
    client, _answer = enter(app, database, provider)
    provider.remove_user("mia")
    freeze_time(monkeypatch, now() - timedelta(hours=1))
    assert client.get("/suppliers").location.startswith("/sign-in")


def test_a_provider_that_does_not_answer_holds_up_few_threads_and_is_left_alone(
    provider: Provider, settings: Settings, monkeypatch: pytest.MonkeyPatch
):
    client = openid.Client(provider.issuer, "diligence", "s3cret", ProviderSession(settings.provider_hosts))
    asked = []

    def hang(*_: object, **__: object) -> None:
        asked.append("hangs")
        if len(asked) < 5:  # while this one waits, others ask as well
            with pytest.raises(ProviderUnreachable):
                client.refresh("another token")
        raise ProviderUnreachable("unreachable")

    monkeypatch.setattr(openid, "_failed", {})
    monkeypatch.setattr(ProviderSession, "post", hang)
    for _ in range(3):
        with pytest.raises(ProviderUnreachable):
            client.refresh("token")
    assert len(asked) == openid.MOST_ASKING


def test_while_the_provider_does_not_answer_users_go_on_for_a_quarter_of_an_hour(
    app: Flask, database: Database, provider: Provider, organisation_id: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(openid, "_failed", {})
    client, _answer = enter(app, database, provider)
    monkeypatch.setattr(ProviderSession, "post", lambda *_, **__: (_ for _ in ()).throw(ProviderUnreachable("away")))
    start = now()
    freeze_time(monkeypatch, start + timedelta(minutes=10))
    assert client.get("/suppliers").status_code == 200
    freeze_time(monkeypatch, start + timedelta(minutes=17))
    assert client.get("/suppliers").status_code == 503


def test_a_logout_token_ends_the_sessions_of_the_person_it_names_and_a_forged_one_does_not(
    app: Flask, database: Database, provider: Provider, organisation_id: str
):
    client, _answer = enter(app, database, provider)
    with database.unscoped(write=False) as session:
        path = f"/sign-in/back-channel-logout/{session.scalars(select(IdentityProvider.id)).one()}"
    at = int(now().timestamp())
    claims = {"iss": provider.issuer, "aud": "diligence", "iat": at, "exp": at + 60, "jti": "1", "sub": "mia"}
    claims["events"] = {openid.LOGOUT_EVENT: {}}
    for wrong in ({"aud": "another"}, {"nonce": "n"}, {"events": {}}, {"iat": at - 3600}):
        assert (
            app.test_client().post(path, data={"logout_token": provider.sign({**claims, **wrong})}).status_code == 400
        )
    assert client.get("/suppliers").status_code == 200
    assert app.test_client().post(path, data={"logout_token": provider.sign(claims)}).status_code == 200
    assert client.get("/suppliers").location.startswith("/sign-in")


def test_signing_out_ends_the_session_at_the_provider_too(
    app: Flask, database: Database, provider: Provider, organisation_id: str
):
    client, _answer = enter(app, database, provider)
    answer = send(client, "/sign-out")
    url = answer.headers["Refresh"].partition("url=")[2]
    assert url.startswith(f"{provider.issuer}/oauth2/end_session?")
    assert parse_qs(urlsplit(url).query)["post_logout_redirect_uri"] == ["http://localhost/sign-in"]
    assert client.get("/suppliers").location.startswith("/sign-in")


def test_only_the_chosen_admin_may_use_a_password_where_everyone_has_to_come_through_the_provider(
    app: Flask, database: Database, provider: Provider, organisation_id: str, settings: Settings
):
    ana = make_user(database, organisation_id, "admin", "ana@harbour.example")
    make_user(database, organisation_id, "admin", "bo@harbour.example")
    with pytest.raises(DomainError, match="Choose an admin"):
        save_provider(database, settings, provider, organisation_id, required=True)
    save_provider(database, settings, provider, organisation_id, required=True, break_glass_id=ana)
    for email, status in (("ana@harbour.example", 303), ("bo@harbour.example", 403)):
        assert send(app.test_client(), "/sign-in", email=email, password=PASSWORD).status_code == status
    admin = make_browser(app, ana)
    assert send(admin, f"/users/{ana}/deactivate").status_code == 409
    assert enter(app, database, provider)[1].status_code == 303


def test_only_an_admin_can_be_the_one_with_a_password_and_no_secret_goes_to_another_issuer(
    app: Flask, database: Database
):
    portal = make_portal(app, make_organisation(database))
    form = {"name": "Harbour ID", "issuer": "https://id.example", "client_id": "diligence", "client_secret": "s3cret"}
    viewer = portal.post("/users", {"email": "ana@harbour.example", "name": "Ana", "role": "viewer"}).json["id"]
    saved = {**form, "roles": {"staff": "viewer"}}
    assert portal.put("/organisation/identity-provider", saved).status_code == 200
    elsewhere = {name: value for name, value in saved.items() if name != "client_secret"}
    for moved, status in (({"name": "ID"}, 200), ({"issuer": "https://evil.example"}, 422), ({"client_id": "b"}, 422)):
        assert portal.put("/organisation/identity-provider", {**elsewhere, **moved}).status_code == status, moved
    for someone in (new_id(), viewer):
        body = {**form, "roles": {"staff": "viewer"}, "break_glass_id": someone}
        assert portal.put("/organisation/identity-provider", body).json["code"] == "provider.break_glass"


def test_an_admin_sets_the_provider_up_on_a_page_and_its_secret_is_never_shown(
    app: Flask, database: Database, provider: Provider, organisation_id: str
):
    admin = make_browser(app, make_user(database, organisation_id, "admin"))
    fields = {"name": "Harbour ID", "issuer": provider.issuer, "client_id": "diligence", "client_secret": "n3w-s3cret"}
    saved = send(
        admin, "/organisation/sign-in/provider", **fields, group_claim="groups", **{"groups-viewer": "staff, canteen"}
    )
    assert saved.status_code == 303
    page = admin.get("/organisation/sign-in").get_data(as_text=True)
    assert "n3w-s3cret" not in page
    assert "canteen, staff" in page
    key = make_key(database, organisation_id, "admin")
    read = app.test_client().get("/api/v1/organisation/identity-provider", headers=key)
    assert read.get_json()["roles"] == {"staff": "viewer", "canteen": "viewer"}
    assert "s3cret" not in read.get_data(as_text=True)
    with database.unscoped(write=False) as session:
        assert "s3cret" not in session.scalars(select(IdentityProvider.client_secret)).one()


@pytest.mark.parametrize(
    "issuer", ["http://login.example", "https://127.0.0.1/x", "https://10.0.0.1", "http://localhost:1", "ftp://x", "x"]
)
def test_a_provider_in_a_private_network_is_asked_only_if_the_operator_names_it(issuer: str):
    client = openid.Client(issuer, "diligence", "s3cret", ProviderSession())
    with pytest.raises(ProviderUnreachable, match=r"address_refused|webhook\.url"):
        client.load_metadata()


def test_the_sign_in_page_offers_the_only_provider(
    app: Flask, database: Database, provider: Provider, organisation_id: str, settings: Settings
):
    page = app.test_client().get("/sign-in").get_data(as_text=True)
    assert re.search(r'href="/sign-in/with/[0-9a-f-]{36}">Sign in with Harbour ID', page)
    save_provider(database, settings, provider, make_organisation(database, "Quay Trading"))
    assert "Harbour ID" not in app.test_client().get("/sign-in").get_data(as_text=True)
