"""Made from service/auth/access.toml: every route has a line, and every line holds for every role and scope."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from callers import a_browser, a_key, a_user, an_organisation, form_token
from flask import Flask
from flask.testing import FlaskClient
from objects import OBJECTS, WORDS, make_all, none_of_them
from werkzeug.routing import Rule
from werkzeug.test import TestResponse

from service.auth.access import ACCESS, Access, BadAccess, line, load
from service.db.session import Database, open_engine
from service.db.tables import Base
from service.settings import Settings
from service.wiring.app import create_app

PAGES = [(route, role) for route in ACCESS.pages for role in ACCESS.roles]
CALLED = [*ACCESS.pages, *ACCESS.api]


@dataclass(frozen=True)
class World:
    """Two organisations: in one a user of every role and an object of every kind, in the other an admin."""

    app: Flask
    database: Database
    ours: str
    users: dict[str, str]
    objects: dict[str, str]
    other_admin: str
    other: str


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder: Path = tmp_path_factory.mktemp("access")
    database = Database(open_engine(f"sqlite:///{folder / 'test.db'}"))
    Base.metadata.create_all(database.engine)
    ours, other = an_organisation(database), an_organisation(database, "Quay Textiles")
    users = {role: a_user(database, ours, role) for role in ACCESS.roles}
    with database.of(ours) as session:
        objects = make_all(session)
    app = create_app(Settings(data=folder, plain_http=True), database)
    yield World(app, database, ours, users, objects, a_user(database, other, "admin"), other)
    database.engine.dispose()


def rules(app: Flask) -> dict[str, Rule]:
    """Every route of the application, as access.toml writes it."""
    found = {}
    for rule in app.url_map.iter_rules():
        found.update({line(method, rule.endpoint): rule for method in rule.methods or ()})
    return found


def variables(rule: Rule) -> set[str]:
    """What stands in the address of a route."""
    return rule.arguments - (rule.defaults or {}).keys()


def call(world: World, client: FlaskClient, route: str, objects: dict[str, str], **more: object) -> TestResponse:
    """Calls a route of the file with these objects in its address."""
    method, endpoint = route.split(" ")
    rule = rules(world.app)[route]
    asked_for = variables(rule)
    unknown = asked_for - objects.keys() - WORDS.keys()
    assert not unknown, f"tests/test_service/objects.py cannot make {unknown}, which {route} asks for"
    with world.app.test_request_context():
        address = world.app.url_for(endpoint, **{name: {**objects, **WORDS}[name] for name in asked_for})
    return client.open(address, method=method, **more)


def test_every_route_has_a_line_and_every_line_a_route(world: World):
    assert rules(world.app).keys() == {*ACCESS.open, *ACCESS.pages, *ACCESS.api}


@pytest.mark.parametrize(("route", "role"), PAGES)
def test_a_page_opens_to_the_roles_of_its_line_and_to_no_other(world: World, route: str, role: str):
    client = a_browser(world.app, world.users[role])
    answer = call(world, client, route, none_of_them(), data={"csrf_token": form_token(client)})
    assert (answer.status_code == 403) == (role not in ACCESS.pages[route])
    assert answer.status_code < 500


@pytest.mark.parametrize("route", ACCESS.pages)
def test_a_page_sends_whom_nobody_knows_to_sign_in(world: World, route: str):
    answer = call(world, world.app.test_client(), route, world.objects)
    assert answer.status_code == 303
    assert answer.location.startswith("/sign-in")


@pytest.mark.parametrize("route", [route for route in ACCESS.pages if not route.startswith("GET ")])
def test_a_page_that_changes_something_wants_the_mark_of_its_own_form(world: World, route: str):
    client = a_browser(world.app, world.users["admin"])
    assert call(world, client, route, world.objects).status_code == 400
    stranger = form_token(a_browser(world.app, world.users["admin"]))
    assert call(world, client, route, world.objects, data={"csrf_token": stranger}).status_code == 400


@pytest.mark.parametrize("route", ACCESS.api)
def test_a_route_of_the_api_opens_to_its_scope_and_to_no_other(world: World, route: str):
    scope, nowhere = ACCESS.api[route], none_of_them()
    client = world.app.test_client()
    allowed = call(world, client, route, nowhere, headers=a_key(world.database, world.ours, scope))
    assert allowed.status_code not in (401, 403)
    assert allowed.status_code < 500
    all_others = a_key(world.database, world.ours, *(ACCESS.scopes.keys() - {scope}))
    refused = call(world, client, route, nowhere, headers=all_others)
    assert (refused.status_code, refused.json["code"]) == (403, "key.scope")


@pytest.mark.parametrize("route", ACCESS.api)
def test_a_route_of_the_api_takes_keys_alone_and_no_cookie(world: World, route: str):
    for client in (world.app.test_client(), a_browser(world.app, world.users["admin"])):
        assert call(world, client, route, world.objects).status_code == 401


@pytest.mark.parametrize("route", CALLED)
def test_an_object_of_another_organisation_looks_exactly_like_none(world: World, route: str):
    if not variables(rules(world.app)[route]) & OBJECTS.keys():
        return
    client = a_browser(world.app, world.other_admin)
    more = {"data": {"csrf_token": form_token(client)}}
    if route in ACCESS.api:
        more = {"headers": a_key(world.database, world.other, *ACCESS.scopes)}
    answers = []
    for objects in (world.objects, none_of_them()):
        answer = call(world, client, route, objects, **more)
        said = answer.get_data(as_text=True)
        for marked in (*objects.values(), answer.headers["X-Request-Id"]):
            said = said.replace(marked, "")
        answers.append((answer.status_code, re.sub(r'(name="csrf_token" value=|CSRFToken)[^>]*', "", said)))
    theirs, none = answers
    assert theirs == none
    assert theirs[0] >= 400


def test_a_route_without_a_line_is_refused_to_everybody(app: Flask, database: Database):
    app.add_url_rule("/new", "new", lambda: "what nobody thought about")
    admin = a_browser(app, a_user(database, an_organisation(database), "admin"))
    for client in (app.test_client(), admin):
        answer = client.get("/new")
        assert answer.status_code == 500
        assert "nobody thought" not in answer.get_data(as_text=True)


@pytest.mark.parametrize("role", [*ACCESS.roles, "nobody", ""])
def test_nobody_may_call_a_page_that_is_not_listed(role: str):
    for endpoint, method in (("pages.nowhere", "GET"), ("pages.suppliers", "DELETE"), ("", "GET")):
        assert line(method, endpoint) not in ACCESS.pages
        assert not ACCESS.may(role, endpoint, method)
    for route in ACCESS.api:
        method, endpoint = route.split(" ")
        assert not ACCESS.may(role, endpoint, method), "a role opens pages, a scope the API"


def test_a_role_may_call_the_pages_of_its_lines_and_no_others():
    for route, roles in ACCESS.pages.items():
        method, endpoint = route.split(" ")
        assert {role for role in (*ACCESS.roles, "nobody") if ACCESS.may(role, endpoint, method)} == roles


def test_asking_for_the_head_of_a_page_is_like_asking_for_the_page(world: World):
    assert a_browser(world.app, world.users["viewer"]).head("/users").status_code == 403
    assert a_browser(world.app, world.users["admin"]).head("/users").status_code == 200


FAULTLESS = """
[roles]
admin = "All"
officer = "Most"
handler = "What workers reported"
[scopes]
read = "Reads"
"cases:read" = "Reads what workers reported"
"cases:write" = "Records what workers reported"
[worker_derived]
roles = ["officer", "handler"]
scope = "cases:read"
[case_records]
roles = ["handler"]
scope = "cases:write"
[open]
"GET door" = "the way in"
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
    return load(file)


def test_nobody_may_call_a_page_that_is_not_listed_by_its_method(tmp_path: Path):
    listed = access(tmp_path)
    assert [listed.may(role, "list") for role in ("admin", "officer", "", "unheard of")] == [True, True, False, False]
    assert [listed.may(role, "list", "POST") for role in ("admin", "officer")] == [True, False]
    assert listed.may("officer", "list", "HEAD")
    for endpoint, method in (("list", "DELETE"), ("new", "GET"), ("door", "GET"), ("api", "GET")):
        assert not listed.may("admin", endpoint, method)


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
        ('"GET api" = "read"', '"GET list" = "read"', "GET list stands in two tables"),
        ('roles = ["officer", "handler"]', 'roles = ["nobody"]', "worker_derived: no such role: nobody"),
        ('scope = "cases:read"', 'scope = "everything"', "worker_derived: no such scope: everything"),
        ('roles = ["handler"]', 'roles = ["nobody"]', "case_records: no such role: nobody"),
        ('scope = "cases:write"', 'scope = "everything"', "case_records: no such scope: everything"),
    ],
)
def test_a_faulty_file_is_refused_by_name(tmp_path: Path, before: str, after: str, says: str):
    with pytest.raises(BadAccess, match=says):
        access(tmp_path, before=before, after=after)


def test_the_role_of_an_approver_is_described_as_what_it_opens():
    opens = {role: {route for route, roles in ACCESS.pages.items() if role in roles} for role in ACCESS.roles}
    assert opens["approver"] == opens["viewer"]  # once it opens more, say so on the page of users
    assert "viewer" in ACCESS.roles["approver"]
    assert "approves" not in ACCESS.roles["approver"]
