"""Tests generated from service/auth/access.toml: every route is listed, and every line holds for every role and scope."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import pytest
from callers import form_token, make_browser, make_key, make_organisation, make_user
from flask import Flask
from flask.testing import FlaskClient
from sample_objects import OBJECTS, WORDS, build_unknown_ids, create_all
from stored_keys import SECRET_KEYS
from werkzeug.routing import Rule
from werkzeug.test import TestResponse

from service.auth.access import ACCESS, Access, AccessFileError, format_route, load_access
from service.db.session import Database, open_engine
from service.db.tables import Base
from service.settings import Settings
from service.wiring.app import create_app

CALLED = [*ACCESS.pages, *ACCESS.api]


@dataclass(frozen=True)
class World:
    """Two organisations: in one a user of every role and an object of every kind, in the other an admin."""

    app: Flask
    database: Database
    own_ids: str
    users: dict[str, str]
    objects: dict[str, str]
    other_admin: str
    other_ids: str
    browsers: dict[str, tuple[FlaskClient, str]] = field(default_factory=dict)
    keys: dict[tuple[str, ...], dict[str, str]] = field(default_factory=dict)

    @cached_property
    def rules(self) -> dict[str, Rule]:
        """Every route of the application, as access.toml writes it."""
        rules = self.app.url_map.iter_rules()
        return {format_route(method, rule.endpoint): rule for rule in rules for method in rule.methods or ()}

    def sign_in(self, user: str) -> tuple[FlaskClient, str]:
        """A browser of a user and the CSRF token of its forms: the same again until a page signs the user out."""
        client, _token = self.browsers.get(user, (None, ""))
        if client is None or client.get_cookie("diligence") is None:
            client = make_browser(self.app, user)
            self.browsers[user] = client, form_token(client)
        return self.browsers[user]

    def send_key(self, organisation: str, *scopes: str) -> dict[str, str]:
        """The header with a key of an organisation for some scopes."""
        if (organisation, *scopes) not in self.keys:
            self.keys[organisation, *scopes] = make_key(self.database, organisation, *scopes)
        return self.keys[organisation, *scopes]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder: Path = tmp_path_factory.mktemp("access")
    database = Database(open_engine(f"sqlite:///{folder / 'test.db'}"), SECRET_KEYS)
    Base.metadata.create_all(database.engine)
    own_ids, other_ids = make_organisation(database), make_organisation(database, "Quay Textiles")
    users = {role: make_user(database, own_ids, role) for role in ACCESS.roles}
    with database.for_organisation(own_ids) as session:
        objects = create_all(session)
    app = create_app(Settings(data=folder, plain_http=True, api_per_minute=10_000), database)
    yield World(app, database, own_ids, users, objects, make_user(database, other_ids, "admin"), other_ids)
    database.engine.dispose()


def variables(rule: Rule) -> set[str]:
    """The variables in the address of a route."""
    return rule.arguments - (rule.defaults or {}).keys()


def call(world: World, client: FlaskClient, route: str, objects: dict[str, str], **more: object) -> TestResponse:
    """Calls a route of the file with these objects in its address."""
    method, endpoint = route.split(" ")
    rule = world.rules[route]
    requested = variables(rule)
    unknown = requested - objects.keys() - WORDS.keys()
    assert not unknown, f"tests/test_service/sample_objects.py cannot make {unknown}, which {route} asks for"
    with world.app.test_request_context():
        address = world.app.url_for(endpoint, **{name: {**objects, **WORDS}[name] for name in requested})
    return client.open(address, method=method, **more)


def call_as_page(world: World, user: str, route: str, objects: dict[str, str]) -> TestResponse:
    """Calls a route as a page does: with the token of its form, where it sends a form."""
    client, token = world.sign_in(user)
    more = {} if route.startswith("GET ") else {"data": {"csrf_token": token}}
    return call(world, client, route, objects, **more)


def test_every_route_has_a_line_and_every_line_a_route(world: World):
    assert world.rules.keys() == {*ACCESS.open, *ACCESS.machines, *ACCESS.links, *ACCESS.pages, *ACCESS.api}


@pytest.mark.parametrize("route", ACCESS.pages)
def test_a_page_is_open_to_its_listed_roles_only(world: World, route: str):
    opened = set()
    for role, user in world.users.items():
        answer = call_as_page(world, user, route, build_unknown_ids())
        if answer.status_code != 403:
            opened.add(role)
        assert answer.status_code < 500, role
        assert "sign_out" in route or not (answer.location or "").startswith("/sign-in"), role
    assert opened == ACCESS.pages[route]


@pytest.mark.parametrize("route", ACCESS.pages)
def test_a_page_redirects_unknown_callers_to_sign_in(world: World, route: str):
    answer = call(world, world.app.test_client(), route, world.objects)
    assert answer.status_code == 303
    assert answer.location.startswith("/sign-in")


@pytest.mark.parametrize("route", [route for route in ACCESS.pages if not route.startswith("GET ")])
def test_a_page_that_changes_something_needs_the_csrf_token_of_its_form(world: World, route: str):
    client, _token = world.sign_in(world.users["admin"])
    assert call(world, client, route, world.objects).status_code == 400
    _stranger, token = world.sign_in(world.other_admin)
    assert call(world, client, route, world.objects, data={"csrf_token": token}).status_code == 400


@pytest.mark.parametrize("route", ACCESS.api)
def test_an_api_route_is_open_to_its_scope_only(world: World, route: str):
    scope, nowhere = ACCESS.api[route], build_unknown_ids()
    client = world.app.test_client()
    allowed = call(world, client, route, nowhere, headers=world.send_key(world.own_ids, scope))
    assert allowed.status_code not in (401, 403)
    assert allowed.status_code < 500
    all_others = world.send_key(world.own_ids, *sorted(ACCESS.scopes.keys() - {scope}))
    refused = call(world, client, route, nowhere, headers=all_others)
    assert refused.status_code == 403
    if not route.endswith(" scim.handle"):  # whose answers have no code
        assert refused.json["code"] == "key.scope"


@pytest.mark.parametrize("route", ACCESS.api)
def test_an_api_route_accepts_keys_and_no_cookies(world: World, route: str):
    for client in (world.app.test_client(), world.sign_in(world.users["admin"])[0]):
        assert call(world, client, route, world.objects).status_code == 401


@pytest.mark.parametrize("route", CALLED)
def test_an_object_of_another_organisation_is_not_found(world: World, route: str):
    if not variables(world.rules[route]) & OBJECTS.keys():
        return
    headers = world.send_key(world.other_ids, *ACCESS.scopes)
    answers = []
    for objects in (world.objects, build_unknown_ids()):
        if route in ACCESS.api:
            answer = call(world, world.app.test_client(), route, objects, headers=headers)
        else:
            answer = call_as_page(world, world.other_admin, route, objects)
        message = answer.get_data(as_text=True)
        for marked in (*objects.values(), answer.headers["X-Request-Id"]):
            message = message.replace(marked, "")
        answers.append((answer.status_code, re.sub(r'(name="csrf_token" value=|CSRFToken)[^>]*', "", message)))
    theirs, none = answers
    assert theirs == none
    assert theirs[0] >= 400


def test_a_route_without_a_line_is_refused_to_everybody(new_app: Flask, database: Database):
    new_app.add_url_rule("/new", "new", lambda: "what nobody thought about")
    admin = make_browser(new_app, make_user(database, make_organisation(database), "admin"))
    for client in (new_app.test_client(), admin):
        answer = client.get("/new")
        assert answer.status_code == 500
        assert "nobody thought" not in answer.get_data(as_text=True)


@pytest.mark.parametrize("role", [*ACCESS.roles, "nobody", ""])
def test_nobody_may_call_a_page_that_is_not_listed(role: str):
    for endpoint, method in (("pages.nowhere", "GET"), ("pages.suppliers", "DELETE"), ("", "GET")):
        assert format_route(method, endpoint) not in ACCESS.pages
        assert not ACCESS.may_open(role, endpoint, method)
    for route in ACCESS.api:
        method, endpoint = route.split(" ")
        assert not ACCESS.may_open(role, endpoint, method), "a role opens pages, a scope the API"


def test_a_role_may_call_its_listed_pages_only():
    for route, roles in ACCESS.pages.items():
        method, endpoint = route.split(" ")
        assert {role for role in (*ACCESS.roles, "nobody") if ACCESS.may_open(role, endpoint, method)} == roles


def test_a_head_request_needs_the_same_access_as_a_get_request(world: World):
    assert make_browser(world.app, world.users["viewer"]).head("/users").status_code == 403
    assert make_browser(world.app, world.users["admin"]).head("/users").status_code == 200


FAULTLESS = """
[roles]
admin = "All"
officer = "Most"
handler = "What workers reported"
[scopes]
read = "Reads"
"cases:read" = "Reads what workers reported"
"cases:write" = "Records what workers reported"
[role_scopes]
admin = "all"
officer = ["read"]
handler = []
[worker_derived]
roles = ["officer", "handler"]
scope = "cases:read"
[case_records]
roles = ["handler"]
scope = "cases:write"
[audited_reads]
"GET list" = "list.read"
[second_factor]
roles = ["admin"]
[sign_in_again]
routes = ["GET list"]
[open]
"GET door" = "the way in"
[machines]
"POST token" = "a secret"
[links]
"GET plan" = "plan"
[pages]
"GET list" = "everyone"
"POST list" = ["admin"]
[api]
"GET api" = "read"
"""


def access(tmp_path: Path, before: str = "", after: str = "") -> Access:
    """What a faultless file says, with one thing in it changed."""
    assert before in FAULTLESS
    file = tmp_path / "access.toml"
    file.write_text(FAULTLESS.replace(before, after, 1) if before else FAULTLESS, encoding="utf-8")
    return load_access(file)


def test_nobody_may_call_a_page_that_is_not_listed_by_its_method(tmp_path: Path):
    listed = access(tmp_path)
    assert [listed.may_open(role, "list") for role in ("admin", "officer", "", "unheard of")] == [
        True,
        True,
        False,
        False,
    ]
    assert [listed.may_open(role, "list", "POST") for role in ("admin", "officer")] == [True, False]
    assert listed.may_open("officer", "list", "HEAD")
    for endpoint, method in (("list", "DELETE"), ("new", "GET"), ("door", "GET"), ("api", "GET")):
        assert not listed.may_open("admin", endpoint, method)


def test_what_workers_reported_is_open_to_its_roles_and_scopes_alone(tmp_path: Path):
    listed = access(tmp_path)
    callers = [("admin", ()), ("officer", ()), ("handler", ()), (None, ()), (None, ("read",)), (None, ("cases:read",))]
    callers.append((None, ("cases:write",)))
    # that an indicator is raised by them; the case records themselves; recording them
    assert [listed.sees_worker_derived(*who) for who in callers] == [False, True, True, False, False, True, False]
    assert [listed.reads_cases(*who) for who in callers] == [False, False, True, False, False, True, True]
    assert [listed.handles_cases(*who) for who in callers] == [False, False, True, False, False, False, True]


@pytest.mark.parametrize(
    ("before", "after", "says"),
    [
        ('"POST list" = ["admin"]', '"POST list" = ["nobody"]', "POST list: no such role: nobody"),
        ('"GET api" = "read"', '"GET api" = "everything"', "GET api: no such scope: everything"),
        ('"GET api" = "read"', '"GET list" = "read"', "GET list: is listed in two tables"),
        ('officer = ["read"]', 'officer = ["everything"]', "role_scopes.officer: no such scope: everything"),
        ("handler = []\n", "", "role_scopes: must name every role: admin, officer, handler"),
        ('"GET list" = "list.read"', '"GET nothing" = "list.read"', "audited_reads: no such route: GET nothing"),
        ('roles = ["officer", "handler"]', 'roles = ["nobody"]', "worker_derived: no such role: nobody"),
        ('scope = "cases:read"', 'scope = "everything"', "worker_derived: no such scope: everything"),
        ('roles = ["handler"]', 'roles = ["nobody"]', "case_records: no such role: nobody"),
        ('scope = "cases:write"', 'scope = "everything"', "case_records: no such scope: everything"),
    ],
)
def test_a_faulty_file_is_refused_by_name(tmp_path: Path, before: str, after: str, says: str):
    with pytest.raises(AccessFileError, match=says):
        access(tmp_path, before=before, after=after)


def test_a_role_may_give_a_key_no_more_than_its_own_pages_let_it_do():
    may_write = {"suppliers:write": "pages.merge_site", "imports:write": "pages.send", "cases:write": "pages.open_case"}
    for role, scopes in ACCESS.role_scopes.items():
        for scope, page in may_write.items():
            assert (scope in scopes) <= ACCESS.may_open(role, page, "POST"), (role, scope)
        assert ("cases:read" in scopes) <= ACCESS.may_open(role, "pages.one_case"), role
        assert ("admin" in scopes) == ACCESS.may_own_keys(role), role


def test_the_description_of_the_approver_role_matches_its_pages():
    opens = {role: {route for route, roles in ACCESS.pages.items() if role in roles} for role in ACCESS.roles}
    more = opens["approver"] - opens["viewer"]
    assert "POST pages.move_step" in more
    assert not opens["viewer"] - opens["approver"]
    assert "steps that protect people" in ACCESS.roles["approver"]
