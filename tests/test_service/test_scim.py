"""SCIM: an identity provider provisions users and groups, and decides who has access."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated, Any
from uuid import uuid4

import pytest
from callers import make_browser, make_key, make_organisation, make_user
from flask import Flask
from flask.testing import FlaskClient
from pydantic import Field
from sqlalchemy import select
from werkzeug.test import TestResponse

from service.auth import users
from service.auth.scim.provisioning import Person, create_account, save_group, update_account
from service.clock import now
from service.db.account_tables import ApiKey, User
from service.db.session import Database
from service.db.sign_in_tables import IdentityProvider
from service.db.tables import AuditEvent

PATCH = "urn:ietf:params:scim:api:messages:2.0:PatchOp"
DAY = timedelta(days=1)
REPLACE = {"op": "replace", "path": "externalId", "value": "1"}
USER = "urn:ietf:params:scim:schemas:core:2.0:User"
GROUP = "urn:ietf:params:scim:schemas:core:2.0:Group"


class Provider:
    """An identity provider that writes to one organisation."""

    def __init__(self, app: Flask, organisation_id: str) -> None:
        self.client: FlaskClient = app.test_client()
        self.headers = make_key(app.extensions["database"], organisation_id, "scim")

    def call(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> TestResponse:
        return self.client.open(f"/scim/v2{path}", method=method, json=body, headers=self.headers)

    def patch(self, path: str, op: str, attribute: str, value: Any = None) -> TestResponse:
        operation = {"op": op, "path": attribute} | ({"value": value} if value is not None else {})
        return self.call("PATCH", path, {"schemas": [PATCH], "Operations": [operation]})

    def create_user(self, email: str, **more: Any) -> str:
        answer = self.call("POST", "/Users", {"schemas": [USER], "userName": email, "active": True, **more})
        assert answer.status_code == 201, answer.text
        return str(answer.json["id"])

    def create_group(self, name: str, *members: str, **more: Any) -> str:
        listed = [{"value": member} for member in members]
        answer = self.call("POST", "/Groups", {"schemas": [GROUP], "displayName": name, "members": listed, **more})
        assert answer.status_code == 201, answer.text
        return str(answer.json["id"])


def map_groups(database: Database, organisation_id: str, roles: Mapping[str, str], **more: Any) -> None:
    fields = {"issuer": "https://login.example", "client_id": "diligence", "client_secret": "k.x"}
    with database.for_organisation(organisation_id) as session:
        row = IdentityProvider(name="Harbour ID", group_claim="groups", changed_at=now(), **fields)
        row.roles = dict(roles)
        for name, value in more.items():
            setattr(row, name, value)
        session.add(row)


def read_user(database: Database, organisation_id: str, user_id: str) -> tuple[bool, str]:
    """Whether a user has access, and their role."""
    with database.for_organisation(organisation_id, write=False) as session:
        user = session.get_one(User, user_id)
        return user.active, user.role


@pytest.fixture
def organisation_id(database: Database) -> str:
    return make_organisation(database)


@pytest.fixture
def provider(app: Flask, database: Database, organisation_id: str) -> Provider:
    make_user(database, organisation_id, "admin")
    return Provider(app, organisation_id)


@pytest.mark.long
def test_the_server_follows_the_rfcs_as_far_as_the_tester_of_python_scim_checks_them(provider: Provider) -> None:
    # Here, since loading them takes longer than all other tests of this module.
    from scim2_client.engines.wsgi import WSGISCIMClient  # noqa: PLC0415
    from scim2_models import Required, ScimProvider, Uniqueness  # noqa: PLC0415
    from scim2_tester import Status, check_server  # noqa: PLC0415

    from service.auth.scim import server  # noqa: PLC0415

    class User(server.User):
        """The tester makes up a userName unless it is given examples, and ours is an email address if there is no other."""

        __schema__ = server.User.__schema__
        user_name: Annotated[str | None, Uniqueness.server, Required.true] = Field(
            None, examples=[f"{uuid4()}@harbour.example" for _ in range(200)]
        )

    described = ScimProvider(models=[User, server.Group], config=server.CONFIG)
    client = WSGISCIMClient(
        provider.client.application, "http://localhost/scim/v2", headers=provider.headers, provider=described
    )
    results = check_server(client)
    assert len(results) > 20
    faults = [f"{each.title}: {each.reason}" for each in results if each.status in (Status.ERROR, Status.CRITICAL)]
    assert not faults


def test_a_provisioned_user_has_access_with_the_role_of_a_group_until_the_provider_ends_it(
    provider: Provider, database: Database, organisation_id: str, app: Flask
) -> None:
    map_groups(database, organisation_id, {"Buyers": "officer", "8f14": "admin"})
    assert provider.call("GET", '/Users?filter=userName eq "Bo@harbour.example"').json["totalResults"] == 0
    bo = provider.create_user(
        "Bo@harbour.example", displayName="Bo Lind", externalId="17", phoneNumbers=[{"value": "1"}]
    )
    assert read_user(database, organisation_id, bo) == (False, "viewer")
    for lookup in ('userName eq "bo@HARBOUR.example"', 'externalId eq "17"', 'displayName sw "Bo L"'):
        found = provider.call("GET", f"/Users?filter={lookup}").json
        assert [each["id"] for each in found["Resources"]] == [bo]
    assert "phoneNumbers" not in found["Resources"][0]

    buyers = provider.create_group("Buyers", bo)
    assert read_user(database, organisation_id, bo) == (True, "officer")
    assert provider.call("GET", f"/Users/{bo}").json["groups"][0]["display"] == "Buyers"
    admins = provider.create_group("Renamed", externalId="8f14")
    assert provider.patch(f"/Groups/{admins}", "Add", "members", [{"value": bo}]).status_code == 204
    assert read_user(database, organisation_id, bo) == (True, "admin")
    with database.for_organisation(organisation_id) as session:
        session.add(make_key_of(bo))
    browser = make_browser(app, bo)
    assert browser.get("/suppliers").status_code == 200

    assert provider.patch(f"/Users/{bo}", "Replace", "active", "False").status_code == 204
    assert provider.call("GET", f"/Users/{bo}").json["active"] is False
    assert read_user(database, organisation_id, bo)[0] is False
    assert browser.get("/suppliers").status_code == 303
    with database.for_organisation(organisation_id, write=False) as session:
        assert session.scalars(select(ApiKey).where(ApiKey.owner_id == bo)).one().stopped_at is not None

    provider.patch(f"/Users/{bo}", "replace", "active", True)
    assert read_user(database, organisation_id, bo) == (True, "admin")
    assert provider.patch(f"/Groups/{admins}", "remove", f'members[value eq "{bo}"]').status_code == 204
    assert read_user(database, organisation_id, bo) == (True, "officer")
    assert provider.call("DELETE", f"/Groups/{buyers}").status_code == 204
    assert read_user(database, organisation_id, bo)[0] is False
    assert provider.call("DELETE", f"/Users/{bo}").status_code == 204
    assert provider.call("GET", f"/Users/{bo}").status_code == 404


def make_key_of(user_id: str) -> ApiKey:
    at = now()
    fields = {
        "prefix": "abcdefgh",
        "key_hash": "0" * 64,
        "scopes": ["assess"],
        "created_at": at,
        "expires_at": at + DAY,
    }
    return ApiKey(name="Portal", owner_id=user_id, **fields)


def test_a_user_who_was_here_before_keeps_their_role_until_a_group_gives_them_one(
    provider: Provider, database: Database, organisation_id: str
) -> None:
    map_groups(database, organisation_id, {"Buyers": "officer"})
    ana = make_user(database, organisation_id, "approver")
    listed = provider.call("GET", "/Users").json["Resources"]
    (resource,) = [each for each in listed if each["id"] == ana]
    changed = {"schemas": [USER], "userName": resource["userName"], "displayName": "Ana", "active": True}
    assert provider.call("PUT", f"/Users/{ana}", changed).json["displayName"] == "Ana"
    provider.create_group("Everyone", ana)
    assert read_user(database, organisation_id, ana) == (True, "approver")

    buyers = provider.create_group("Buyers", ana)
    assert read_user(database, organisation_id, ana) == (True, "officer")
    provider.patch(f"/Groups/{buyers}", "remove", "members")
    assert read_user(database, organisation_id, ana)[0] is False


def test_whom_an_admin_has_deactivated_stays_out_whatever_the_provider_says(
    provider: Provider, database: Database, organisation_id: str
) -> None:
    map_groups(database, organisation_id, {"Buyers": "officer", "Staff": "viewer"})
    bo = provider.create_user("bo@harbour.example")
    provider.create_group("Buyers", bo)
    with database.for_organisation(organisation_id) as session:
        users.deactivate(session, bo, "user:ana")
    provider.create_group("Staff", bo)
    provider.patch(f"/Users/{bo}", "replace", "active", True)
    assert read_user(database, organisation_id, bo)[0] is False
    for active in (False, True):
        provider.patch(f"/Users/{bo}", "replace", "active", active)
    assert read_user(database, organisation_id, bo)[0] is False


def test_the_last_admin_and_the_admin_for_emergencies_cannot_be_provisioned_away(
    provider: Provider, database: Database, organisation_id: str
) -> None:
    (ana,) = [each["id"] for each in provider.call("GET", "/Users").json["Resources"]]
    refused = provider.patch(f"/Users/{ana}", "replace", "active", False)
    assert (refused.status_code, refused.json["status"]) == (409, "409")
    assert refused.mimetype == "application/scim+json"
    assert "last admin" in refused.json["detail"]
    assert provider.call("DELETE", f"/Users/{ana}").status_code == 409

    eve = make_user(database, organisation_id, "admin", "eve@harbour.example")
    map_groups(database, organisation_id, {"Staff": "viewer"}, required=True, break_glass_id=eve)
    provider.create_group("Staff", ana, eve)
    assert read_user(database, organisation_id, ana) == (True, "viewer")
    assert read_user(database, organisation_id, eve) == (True, "admin")
    assert provider.patch(f"/Users/{eve}", "replace", "active", False).status_code == 409
    assert read_user(database, organisation_id, eve) == (True, "admin")


def test_the_sign_in_rules_show_the_address_and_the_last_request(
    provider: Provider, app: Flask, database: Database, organisation_id: str
) -> None:
    map_groups(database, organisation_id, {"Buyers": "officer"})
    browser = make_browser(app, make_user(database, organisation_id, "admin"))
    assert "None yet." in browser.get("/organisation/sign-in").text
    provider.call("GET", "/Users")
    page = browser.get("/organisation/sign-in").text
    assert "http://localhost/scim/v2</code>" in page
    assert "None yet." not in page


def test_users_and_groups_of_another_organisation_do_not_exist(
    provider: Provider, app: Flask, database: Database
) -> None:
    other_id = make_organisation(database, "Quay Textiles")
    other = Provider(app, other_id)
    cy = other.create_user("cy@quay.example")
    staff = other.create_group("Staff", cy)
    for path in (f"/Users/{cy}", f"/Groups/{staff}"):
        for method, body in (("GET", None), ("DELETE", None), ("PATCH", {"schemas": [PATCH], "Operations": [REPLACE]})):
            assert provider.call(method, path, body).status_code == 404
    assert provider.call("GET", '/Users?filter=userName eq "cy@quay.example"').json["totalResults"] == 0
    assert provider.call("GET", "/Groups").json["totalResults"] == 0
    group = {"schemas": [GROUP], "displayName": "Staff", "members": [{"value": cy}]}
    assert provider.call("POST", "/Groups", group).json["scimType"] == "invalidValue"
    taken = provider.call("POST", "/Users", {"schemas": [USER], "userName": "cy@quay.example"})
    assert (taken.status_code, taken.json["scimType"]) == (400, "invalidValue")
    assert read_user(database, other_id, cy) == (False, "viewer")


def test_refused_requests_are_answered_as_scim_says(provider: Provider, app: Flask, database: Database) -> None:
    other_scope = {**make_key(database, make_organisation(database, "Quay Textiles"), "admin")}
    for headers, status in (({}, 401), (other_scope, 403)):
        refused = provider.client.get("/scim/v2/Users", headers=headers)
        assert (refused.status_code, refused.mimetype) == (status, "application/scim+json")
        assert refused.json["schemas"] == ["urn:ietf:params:scim:api:messages:2.0:Error"]
    provider.create_user("bo@harbour.example")
    again = provider.call("POST", "/Users", {"schemas": [USER], "userName": "BO@harbour.example"})
    assert (again.status_code, again.json["scimType"]) == (409, "uniqueness")
    assert provider.call("GET", "/Users?filter=userName like x").json["scimType"] == "invalidFilter"
    address = {"userName": "lu@harbour.example"}
    for body in (
        {"userName": "bo"},
        {"userName": "bo\0@harbour.example"},
        {"displayName": "Bo"},
        {**address, "externalId": "1" * 256},
        {**address, "emails": [{"value": f"lu{n}@harbour.example"} for n in range(600)]},
    ):
        assert provider.call("POST", "/Users", {"schemas": [USER], **body}).status_code == 400
    assert (
        provider.call("POST", "/Groups", {"schemas": [GROUP], "displayName": "G", "externalId": "1" * 256}).status_code
        == 400
    )
    for text in (r"\ud800", r"\u0000"):
        assert provider.call("GET", f'/Users?filter=userName eq "{text}"').json["totalResults"] == 0
    assert provider.call("GET", "/Nothing").status_code == 404
    page = provider.call("GET", "/Users?startIndex=2&count=1").json
    assert (page["totalResults"], page["startIndex"], len(page["Resources"])) == (2, 2, 1)


def test_provisioning_is_recorded_without_names_on_both_databases(database: Database) -> None:
    organisation_id = make_organisation(database)
    map_groups(database, organisation_id, {"Buyers": "officer"})
    bo = Person("bo", "bo@harbour.example", "Bo Lind", None, True, {"userName": "bo"})
    with database.for_organisation(organisation_id) as session:
        user_id = create_account(session, bo, "key:1").user.id
    with database.for_organisation(organisation_id) as session:
        save_group(session, None, "Buyers", None, [user_id], "key:1")
    assert read_user(database, organisation_id, user_id) == (True, "officer")
    renamed = Person("bo", "lind@harbour.example", "Bo Lind", "17", False, {"userName": "bo", "active": False})
    with database.for_organisation(organisation_id) as session:
        assert update_account(session, user_id, renamed, "key:1").user.email == "lind@harbour.example"
    assert read_user(database, organisation_id, user_id) == (False, "officer")
    with database.for_organisation(organisation_id, write=False) as session:
        events = session.execute(select(AuditEvent.action, AuditEvent.details).order_by(AuditEvent.id)).all()
    assert {"user.created", "user.provisioned", "group.saved", "user.activated", "user.renamed"} < {
        row[0] for row in events
    }
    assert not any(word in str(events) for word in ("Lind", "lind", "Buyers"))
