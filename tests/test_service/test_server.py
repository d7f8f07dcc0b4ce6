"""The HTTP server before strangers who send slowly, too much or nothing at all, and when it is stopped; through real sockets."""

import http.client
import json
import select
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from threading import Event, Thread
from typing import Any

import pytest
from callers import make_key, make_organisation
from flask import Flask, request
from patience import PATIENCE, wait_until
from stored_keys import SECRET_KEYS

from service.auth.access import ACCESS
from service.db.session import Database
from service.settings import Settings
from service.wiring import server as serving
from service.wiring.app import create_app

pytestmark = pytest.mark.fault
UPLOAD_BYTES = 3_000_000


@contextmanager
def served(app: Flask, tmp_path: Path, grace_seconds: float = 5.0) -> Iterator[serving.Server]:
    """The server of an application, at a free port of this machine."""
    server = serving.Server(app, Settings(data=tmp_path, port=0, upload_bytes=UPLOAD_BYTES, plain_http=True))
    thread = Thread(target=server.run, args=(grace_seconds,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.stop()
        thread.join(PATIENCE)
    assert not thread.is_alive()


@pytest.fixture
def small_app(sqlite_database: Database, tmp_path: Path) -> Flask:
    return create_app(Settings(data=tmp_path, upload_bytes=UPLOAD_BYTES, plain_http=True), sqlite_database)


@pytest.fixture
def sqlite_database(sqlite: Callable) -> Iterator[Database]:
    with sqlite() as engine:
        yield Database(engine, SECRET_KEYS)


def connect(server: serving.Server) -> socket.socket:
    return socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE)


def ask(server: serving.Server, path: str = "/health/live") -> tuple[int, bytes]:
    """The status and the body of a response."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=PATIENCE)
    connection.request("GET", path)
    response = connection.getresponse()
    body = response.read()
    connection.close()
    return response.status, body


def is_disconnected(sock: socket.socket) -> bool:
    """Wait for the other side; return whether it closed the connection without a word."""
    try:
        return sock.recv(1_000) == b""
    except ConnectionResetError:
        return True


def read_response(sock: socket.socket) -> tuple[http.client.HTTPResponse, bytes]:
    response = http.client.HTTPResponse(sock)
    response.begin()
    return response, response.read()


def head(method: str, path: str, *lines: str) -> bytes:
    return "\r\n".join((f"{method} {path} HTTP/1.1", "Host: localhost", *lines, "", "")).encode()


def open_to_all(app: Flask, monkeypatch: pytest.MonkeyPatch, address: str, answer: Callable[[], str]) -> None:
    """Put a route on the application that anybody may call."""
    endpoint = address.strip("/")
    monkeypatch.setitem(ACCESS.open, f"GET {endpoint}", "a test")
    app.add_url_rule(address, endpoint, answer)


@pytest.mark.parametrize(
    "beginning", [b"", b"GET /health/live HTTP/1.1\r\nHost:", head("POST", "/sign-in", "Content-Length: 9")]
)
def test_any_number_of_half_open_connections_leaves_room_for_others(
    small_app: Flask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, beginning: bytes
):
    monkeypatch.setattr(serving, "MOST_CONNECTIONS", 40)
    with served(small_app, tmp_path) as server:
        strangers = [connect(server) for _ in range(98)]
        for stranger in strangers:
            stranger.sendall(beginning)
        assert [ask(server)[0] for _ in range(20)] == [200] * 20
        for stranger in strangers:
            stranger.close()


def test_whoever_connects_in_the_turn_in_which_all_others_send_is_served(
    small_app: Flask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(serving, "MOST_CONNECTIONS", 40)
    halt, halted, go_on, take_turn = Event(), Event(), Event(), serving.wasyncore.loop

    def take_turn_or_halt(**options: Any) -> None:
        if halt.is_set():
            halted.set()
            go_on.wait(PATIENCE)
        take_turn(**options)

    monkeypatch.setattr(serving.wasyncore, "loop", take_turn_or_halt)
    with served(small_app, tmp_path) as server, ExitStack() as sockets:
        strangers = [sockets.enter_context(connect(server)) for _ in range(39)]
        wait_until(lambda: len(server.list_channels()) == 39)
        halt.set()
        assert halted.wait(PATIENCE)
        for stranger in strangers:
            stranger.sendall(b"GET /health/live HT")
        newcomer = sockets.enter_context(connect(server))
        newcomer.sendall(head("GET", "/health/live"))
        go_on.set()
        assert read_response(newcomer)[0].status == 200


def test_a_request_that_does_not_arrive_in_time_is_disconnected(
    small_app: Flask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(serving, "CLEANUP_SECONDS", 0)
    with served(small_app, tmp_path) as server:
        with monkeypatch.context() as hasty:
            hasty.setattr(serving, "HEADER_SECONDS", 0)
            for beginning in (
                b"GET /health/live HT",
                head("POST", "/sign-in", "Content-Length: 9000") + b"x" * 10,
                head("POST", "/scim/v2/Users", "Transfer-Encoding: chunked") + b"1\r\n{\r\n",
            ):
                with connect(server) as stranger:
                    stranger.sendall(beginning)
                    assert is_disconnected(stranger)
        assert ask(server)[0] == 200


def test_whoever_connects_while_a_slow_client_is_disconnected_is_served(
    small_app: Flask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(serving, "CLEANUP_SECONDS", 0)
    monkeypatch.setattr(serving, "HEADER_SECONDS", 0.05)
    with served(small_app, tmp_path) as server, ExitStack() as sockets:
        for _ in range(40):
            slow = sockets.enter_context(connect(server))
            slow.sendall(b"GET /health/live HT")
            while not has_answer(slow):
                assert ask(server)[0] == 200


def has_answer(sock: socket.socket) -> bool:
    """Return whether the other side has sent something or closed the connection."""
    return bool(select.select([sock], [], [], 0)[0])


@pytest.mark.parametrize("sends_it_all", [False, True])
@pytest.mark.parametrize(
    ("path", "size", "code"),
    [
        ("/api/v1/assessments", 1_000_001, "body.too_large"),
        ("/api/v1/assessments", 200_000_000, "body.too_large"),
        ("/api/v1/imports", UPLOAD_BYTES + 1, "request.too_large"),
    ],
)
def test_a_body_that_is_too_large_for_its_route_is_refused_before_it_is_received(
    small_app: Flask, sqlite_database: Database, tmp_path: Path, path: str, size: int, code: str, sends_it_all: bool
):
    key = make_key(sqlite_database, make_organisation(sqlite_database), "assess", "imports:write")
    kind = "application/json" if path.endswith("assessments") else "multipart/form-data; boundary=x"
    lines = [f"Authorization: {key['Authorization']}", f"Content-Type: {kind}", f"Content-Length: {size}"]
    with served(small_app, tmp_path) as server, connect(server) as sock:
        sock.sendall(head("POST", path, *lines))
        if sends_it_all:
            Thread(target=send_quietly, args=(sock, size), daemon=True).start()
        response, body = read_response(sock)
    problem = json.loads(body)
    assert (response.status, problem["code"]) == (413, code)
    assert problem["type"] == f"urn:diligence:problem:{code}"
    assert problem["limit"] == (1_000_000 if kind == "application/json" else UPLOAD_BYTES)
    assert problem.get("decision") == ("ask" if path.endswith("assessments") else None)
    assert response.headers["X-Request-Id"]


def send_quietly(sock: socket.socket, size: int) -> None:
    try:
        for _ in range(size // 100_000 + 1):
            sock.sendall(b"x" * 100_000)
    except OSError:
        pass


def test_a_body_of_unknown_length_is_refused_once_it_is_too_long(small_app: Flask, tmp_path: Path):
    with served(small_app, tmp_path) as server, connect(server) as sock:
        sock.sendall(
            head("POST", "/sign-in", "Transfer-Encoding: chunked", "Content-Type: application/x-www-form-urlencoded")
        )
        Thread(target=send_quietly, args=(Chunked(sock), 5_000_000), daemon=True).start()
        response, body = read_response(sock)
    assert response.status == 413
    assert b"1000000 bytes" in body


class Chunked:
    """A socket that sends each piece as a chunk."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock

    def sendall(self, data: bytes) -> None:
        self.sock.sendall(f"{len(data):x}\r\n".encode() + data + b"\r\n")


def test_bodies_that_have_arrived_are_bounded_together(small_app: Flask, tmp_path: Path):
    lines = ("Content-Type: multipart/form-data; boundary=x", f"Content-Length: {UPLOAD_BYTES}")
    with served(small_app, tmp_path) as server:
        senders = [connect(server) for _ in range(4)]
        for sender in senders:
            sender.sendall(head("POST", "/api/v1/imports", *lines) + b"x" * (UPLOAD_BYTES - 10))
        wait_until(lambda: server.held.bytes == 4 * (UPLOAD_BYTES - 10))
        with connect(server) as sock:
            sock.sendall(head("POST", "/api/v1/imports", *lines) + b"x" * 1_000)
            response, body = read_response(sock)
        assert (response.status, json.loads(body)["code"]) == (503, "uploads.busy")
        assert response.headers["Retry-After"] == "10"
        assert server.held.bytes == 4 * (UPLOAD_BYTES - 10)
        for sender in senders:
            sender.close()
        wait_until(lambda: server.held.bytes == 0)


def test_a_server_that_is_stopped_answers_what_it_has_begun_and_accepts_no_more(
    small_app: Flask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    begun, go_on = Event(), Event()

    def slow() -> str:
        begun.set()
        go_on.wait(PATIENCE)
        return "whole"

    open_to_all(small_app, monkeypatch, "/slow", slow)
    with served(small_app, tmp_path, PATIENCE) as server:
        answers: list[tuple[int, bytes]] = []
        client = Thread(target=lambda: answers.append(ask(server, "/slow")))
        with connect(server) as idle:
            client.start()
            begun.wait(PATIENCE)
            server.stop()
            assert is_disconnected(idle)
        wait_until(lambda: not is_listening(server))
        go_on.set()
        client.join(PATIENCE)
        assert answers == [(200, b"whole")]


def is_listening(server: serving.Server) -> bool:
    try:
        connect(server).close()
    except ConnectionRefusedError:
        return False
    return True


def test_a_request_that_takes_longer_than_the_grace_period_does_not_keep_the_server_from_stopping(
    small_app: Flask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    begun, go_on = Event(), Event()
    open_to_all(small_app, monkeypatch, "/slow", lambda: (begun.set(), go_on.wait(PATIENCE), "")[2])
    with served(small_app, tmp_path, 0.2) as server, connect(server) as sock:
        sock.sendall(head("GET", "/slow"))
        begun.wait(PATIENCE)
    go_on.set()


def test_a_request_whose_client_has_left_is_not_handled(
    small_app: Flask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    go_on, handled, lock = Event(), [], threading.Lock()

    def slow() -> str:
        with lock:
            handled.append(request.args["n"])
        go_on.wait(PATIENCE)
        return ""

    open_to_all(small_app, monkeypatch, "/slow", slow)
    with served(small_app, tmp_path) as server:
        busy = [connect(server) for _ in range(serving.THREADS)]
        for sock in busy:
            sock.sendall(head("GET", "/slow?n=busy"))
        wait_until(lambda: len(handled) == serving.THREADS)
        left = connect(server)
        left.sendall(head("GET", "/slow?n=left"))
        stays = connect(server)
        stays.sendall(head("GET", "/slow?n=stays"))
        wait_until(lambda: len(server.list_channels()) == serving.THREADS + 2)
        left.close()
        wait_until(lambda: len(server.list_channels()) == serving.THREADS + 1)
        go_on.set()
        assert read_response(stays)[0].status == 200
        assert set(handled) == {"busy", "stays"}
        for sock in (*busy, stays):
            sock.close()
