"""Error responses, and the headers of every kind of response."""

import json
import logging
import re
import uuid
from collections.abc import Iterator
from io import StringIO
from pathlib import Path

import pytest
from callers import form_token, make_browser, make_organisation, make_user
from databases import Empty
from flask import Flask, abort, request
from flask.testing import FlaskClient

from service.auth.access import ACCESS
from service.db.session import Database
from service.errors import DomainError, not_found
from service.settings import Settings
from service.wiring.app import HEADERS, connect, create_app

SECRET = "Nguyen Van An paid 2,000 dollars"


def open_to_all(app: Flask, monkeypatch: pytest.MonkeyPatch, address: str, answer: object, *methods: str) -> None:
    """Puts a route on the application that anybody may call."""
    endpoint = address.strip("/").replace("/", "-")
    for method in methods or ("GET",):
        monkeypatch.setitem(ACCESS.open, f"{method} {endpoint}", "a test")
    app.add_url_rule(address, endpoint, answer, methods=list(methods or ("GET",)))


@pytest.fixture(scope="module")
def breaking_app(sqlite: Empty, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    """An application whose routes refuse and break, as pages and in the API."""

    def breaks() -> str:
        raise RuntimeError(SECRET)

    def refuses() -> str:
        raise DomainError("file.too_long", 422, "The file has too many rows.", headers={"Retry-After": "3"}, rows=12)

    def nothing() -> str:
        raise not_found()

    with sqlite() as engine, pytest.MonkeyPatch.context() as patch:
        app = create_app(Settings(data=tmp_path_factory.mktemp("errors"), plain_http=True), Database(engine))
        for face in ("/page", "/api/v1"):
            open_to_all(app, patch, f"{face}/breaks", breaks)
            open_to_all(app, patch, f"{face}/refuses", refuses)
            open_to_all(app, patch, f"{face}/nothing", nothing)
            for status in (400, 406, 409, 413, 415, 429, 503):
                open_to_all(app, patch, f"{face}/{status}", lambda status=status: abort(status))
        yield app


@pytest.fixture
def client(breaking_app: Flask, sqlite_database: Database, tmp_path: Path) -> FlaskClient:
    """Return a browser before that application, on an empty database."""
    connect(breaking_app, Settings(data=tmp_path, plain_http=True), sqlite_database)
    return breaking_app.test_client()


def lines(written: StringIO) -> list[dict]:
    return [json.loads(line) for line in written.getvalue().splitlines()]


@pytest.mark.parametrize(
    ("address", "status", "code"),
    [
        ("refuses", 422, "file.too_long"),
        ("nothing", 404, "not_found"),
        ("nowhere", 404, "not_found"),
        ("400", 400, "request.bad"),
        ("406", 406, "not_acceptable"),
        ("409", 409, "http.409"),
        ("413", 413, "request.too_large"),
        ("415", 415, "media_type.unsupported"),
        ("429", 429, "too_many_requests"),
        ("503", 500, "fault"),
        ("breaks", 500, "fault"),
    ],
)
def test_the_api_returns_problem_objects_and_pages_return_an_error_page(
    client: FlaskClient, address: str, status: int, code: str
):
    answer = client.get(f"/api/v1/{address}")
    assert answer.status_code == status
    assert answer.content_type == "application/problem+json"
    problem = json.loads(answer.data)
    assert problem.keys() >= {"type", "title", "status", "detail", "code", "instance"}
    assert (problem["status"], problem["code"]) == (status, code)
    assert problem["type"] == f"urn:diligence:problem:{code}"
    assert problem["instance"] == f"urn:uuid:{answer.headers['X-Request-Id']}"

    page = client.get(f"/page/{address}")
    assert page.status_code == status
    assert page.content_type.startswith("text/html")
    assert page.headers["X-Request-Id"] in page.get_data(as_text=True)


def test_a_form_with_too_many_parts_is_not_said_to_have_too_many_bytes(client: FlaskClient):
    many = {f"field-{number}": "x" for number in range(1_001)}
    page = client.post("/sign-in", data=many, content_type="multipart/form-data")
    assert page.status_code == 413
    assert "at most 1,000 fields and files, with 500,000 bytes of text" in page.text
    page = client.post("/sign-in", data=b"x" * 3_000_000, content_type="multipart/form-data; boundary=y")
    assert (page.status_code, "The request is too large" in page.text) == (413, True)


def test_an_error_response_has_its_extra_members_and_headers(client: FlaskClient):
    answer = client.get("/api/v1/refuses")
    assert json.loads(answer.data)["rows"] == 12
    assert answer.headers["Retry-After"] == "3"
    assert client.get("/page/refuses").headers["Retry-After"] == "3"


def test_a_wrong_method_gets_the_allowed_methods(client: FlaskClient):
    answer = client.post("/api/v1/refuses")
    assert (answer.status_code, json.loads(answer.data)["code"]) == (405, "method.not_allowed")
    assert set(answer.headers["Allow"].split(", ")) == {"GET", "HEAD"}
    assert client.options("/api/v1/refuses").status_code == 405


def test_an_unexpected_error_is_hidden_from_callers_and_logged_by_place_without_its_text(
    client: FlaskClient, written: StringIO
):
    for address in ("/api/v1/breaks", "/page/breaks"):
        answer = client.get(address)
        assert SECRET not in answer.get_data(as_text=True)
        assert "RuntimeError" not in answer.get_data(as_text=True)
        assert SECRET not in written.getvalue()
        entry = [line for line in lines(written) if line["event"] == "unexpected_error"][-1]
        assert entry["request_id"] == answer.headers["X-Request-Id"]
        assert entry["error"][0]["type"] == "RuntimeError"
        assert re.search(r"test_errors\.py:\d+ breaks$", entry["error"][0]["at"][-1])


def test_log_lines_of_libraries_have_the_same_format_without_the_text_of_errors(written: StringIO):
    try:
        raise KeyError(SECRET)
    except KeyError:
        logging.getLogger("library").exception("it failed")
    (line,) = lines(written)
    assert (line["event"], line["logger"], line["level"]) == ("it failed", "library", "error")
    assert line["error"][0]["type"] == "KeyError"
    assert SECRET not in json.dumps(line)


def test_a_request_is_logged_without_its_address(app: Flask, database: Database, written: StringIO):
    client = make_browser(app, make_user(database, make_organisation(database), "admin"))
    client.get("/audit?actor=Nguyen+Van+An")
    (line,) = lines(written)
    assert (line["event"], line["method"], line["route"], line["status"]) == ("request", "GET", "/audit", 200)
    assert line["actor"].startswith("user:")
    assert "Nguyen" not in json.dumps(line)


def test_every_request_has_an_id_of_its_own_whatever_the_caller_sends(client: FlaskClient):
    ids = {client.get("/sign-in", headers={"X-Request-Id": "mine"}).headers["X-Request-Id"] for _ in range(3)}
    assert len(ids) == 3
    assert all(uuid.UUID(one) for one in ids)


@pytest.mark.parametrize(
    ("method", "address", "status"),
    [
        ("GET", "/sign-in", 200),
        ("GET", "/users", 303),
        ("GET", "/static/app.css", 200),
        ("GET", "/static/none.css", 404),
        ("GET", "/nowhere", 404),
        ("POST", "/nowhere", 404),
        ("DELETE", "/sign-in", 405),
        ("POST", "/sign-in", 400),
        ("GET", "/page/breaks", 500),
        ("GET", "/api/v1/breaks", 500),
        ("GET", "/api/v1/nowhere", 404),
        ("GET", "/page/413", 413),
    ],
)
def test_every_kind_of_response_has_the_security_headers(client: FlaskClient, method: str, address: str, status: int):
    answer = client.open(address, method=method)
    answer.close()
    assert answer.status_code == status
    assert {name: answer.headers.get(name) for name in HEADERS} == HEADERS
    assert answer.headers["Cache-Control"] == (
        "public, max-age=3600" if status == 200 and "static" in address else "no-store"
    )


def test_the_content_security_policy_allows_nothing_inline_or_from_other_origins():
    policy = HEADERS["Content-Security-Policy"]
    assert "default-src 'self'" in policy
    assert "frame-ancestors 'none'" in policy
    assert not re.search(r"unsafe|https?:|\*", policy)


def test_no_page_has_inline_scripts_or_styles(app: Flask, database: Database):
    client = make_browser(app, make_user(database, make_organisation(database), "admin"))
    for address in ("/users", "/keys", "/audit", "/password", "/nowhere"):
        page = client.get(address).get_data(as_text=True)
        assert not re.search(r"<style|\sstyle=|\son\w+=|<script(?![^>]*\ssrc=)|javascript:", page)


def test_with_tls_the_response_has_hsts(tmp_path: Path, database: Database, app: Flask):
    secure = create_app(Settings(data=tmp_path), database).test_client()
    assert "max-age" in secure.get("/sign-in").headers["Strict-Transport-Security"]
    assert "Strict-Transport-Security" not in app.test_client().get("/sign-in").headers


def test_an_unknown_host_is_refused_with_every_header(tmp_path: Path, database: Database):
    client = create_app(Settings(data=tmp_path, plain_http=True, hosts=("diligence.example",)), database).test_client()
    answer = client.get("/sign-in", headers={"Host": "evil.example"})
    assert answer.status_code == 400
    assert answer.headers["X-Frame-Options"] == "DENY"
    assert client.get("/sign-in", headers={"Host": "diligence.example"}).status_code == 200


def test_a_request_that_is_too_large_gets_a_proper_error_response(tmp_path: Path, database: Database):
    app = create_app(Settings(data=tmp_path, plain_http=True, upload_bytes=1_000), database)
    client = make_browser(app, make_user(database, make_organisation(database), "admin"))
    answer = client.post("/users", data={"csrf_token": form_token(client), "name": "x" * 2_000})
    assert answer.status_code == 413
    assert "Too large" in answer.get_data(as_text=True)


@pytest.mark.parametrize(("proxies", "seen"), [(0, "127.0.0.1"), (1, "192.0.2.7")])
def test_the_callers_address_is_accepted_from_configured_proxies_only(
    tmp_path: Path, database: Database, monkeypatch: pytest.MonkeyPatch, proxies: int, seen: str
):
    app = create_app(Settings(data=tmp_path, plain_http=True, proxies=proxies), database)
    open_to_all(app, monkeypatch, "/page/address", lambda: request.remote_addr)
    answer = app.test_client().get("/page/address", headers={"X-Forwarded-For": "10.9.9.9, 192.0.2.7"})
    assert answer.get_data(as_text=True) == seen


def test_a_page_refuses_a_nul_that_the_database_could_not_look_for(database: Database, app: Flask):
    client = make_browser(app, make_user(database, make_organisation(database)))
    for address, status in (("/search?q=a%00b", 400), ("/suppliers?text=%00", 400), ("/suppliers/a%00b", 404)):
        assert client.get(address).status_code == status, address
    form = {"csrf_token": form_token(client), "filter_name": "a\0b"}
    assert client.post("/suppliers/filters", data=form).status_code == 400
    assert app.test_client().get("/api/v1/suppliers/a%00b").status_code == 404


def test_style_sheets_have_another_address_after_an_upgrade(app: Flask):
    page = app.test_client().get("/sign-in").text
    (address,) = re.findall(r'href="(/static/app\.css\?v=[0-9a-f]{8})"', page)
    with app.test_client().get(address) as reply:
        assert reply.status_code == 200
