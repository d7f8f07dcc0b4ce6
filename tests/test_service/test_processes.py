"""The running service: all in one process on SQLite, and several processes on PostgreSQL."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.cookiejar import CookieJar
from io import BytesIO
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.parse import urlencode
from urllib.request import HTTPCookieProcessor, Request, build_opener

import pytest
from callers import PASSWORD
from databases import Empty, connect, describe_addresses
from patience import PATIENCE, wait_until
from processes import ROOT
from werkzeug.datastructures import FileStorage
from werkzeug.test import encode_multipart

from service.auth.accounts import create_key, create_organisation

LIST = "Supplier,Country,Sector\nBlue Lagoon Seafoods,Thailand,fishing\nDune Builders,Qatar,construction\n"


def find_free_port() -> int:
    """A free port."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


@dataclass
class Browser:
    """A client of an address, with cookies."""

    address: str
    opener: object = field(default_factory=lambda: build_opener(HTTPCookieProcessor(CookieJar())))

    def get(self, path: str, data: bytes | None = None, headers: dict[str, str] | None = None) -> str:
        """The page at a path; with data it is sent there."""
        with self.opener.open(Request(self.address + path, data, headers or {}), timeout=PATIENCE) as response:
            return response.read().decode()

    def send(self, path: str, **fields: str) -> str:
        """Sends the form of a page; the page that comes of it."""
        token = re.search(r'name="csrf_token" value="([^"]+)"', self.get(path))[1]
        return self.get(path, urlencode({"csrf_token": token, **fields}).encode())

    def is_up(self) -> bool:
        """Whether the service says it is ready."""
        try:
            return json.loads(self.get("/health/ready")) == {"status": "ready"}
        except (URLError, ConnectionError):
            return False


@contextmanager
def running(*words: object, **environment: str) -> Iterator[subprocess.Popen[str]]:
    """A command of ours as a process; killed at the end if it still runs."""
    command = [sys.executable, "-m", "service.cli", *map(str, words)]
    message = {**os.environ, "PYTHONPATH": str(ROOT), **environment}
    process = subprocess.Popen(command, env=message, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def read_start_lines(process: subprocess.Popen[str]) -> tuple[Browser, str, str | None]:
    """What `serve --demo` prints at its start: the address, who signs in, and with which password."""
    address, sign_in = process.stdout.readline(), process.stdout.readline()
    email, password = re.search(r"as (\S+) with (?:the password (\S+)|your password)", sign_in).groups()
    return Browser(re.search(r"http://\S+", address)[0]), email, password


def stopped(process: subprocess.Popen[str], number: int) -> str:
    """Stop a process by a signal, which it must follow soon and without an error; return its standard error."""
    process.send_signal(number)
    assert process.wait(PATIENCE) == 0
    return process.stderr.read()


def test_serve_prints_its_address_and_user_stops_cleanly_and_starts_again(tmp_path: Path):
    words = ("serve", "--demo", "--data", tmp_path / "data", "--port", find_free_port())
    with running(*words) as process:
        browser, email, password = read_start_lines(process)
        browser.send("/sign-in", email=email, password=password)
        browser.send("/password", current=password, new=PASSWORD, again=PASSWORD)
        assert "Highest priority" in browser.get("/")
        assert stopped(process, signal.SIGINT) == ""
    with running(*words) as process:
        browser, email, password = read_start_lines(process)
        assert browser.is_up()
        assert password is None
        assert "Highest priority" in browser.send("/sign-in", email=email, password=PASSWORD)
        assert stopped(process, signal.SIGTERM) == ""


def test_web_worker_and_scheduler_share_the_work_on_postgresql(postgresql: Empty, tmp_path: Path):
    with postgresql() as engine:
        port = find_free_port()
        environment = {
            **describe_addresses(engine),
            "DILIGENCE_DATA": str(tmp_path / "data"),
            "DILIGENCE_PLAIN_HTTP": "1",
        }

        database = connect(engine)
        create_organisation(database, "Harbour Foods")
        key = create_key(database, "Harbour Foods", "Portal", ["imports:write", "suppliers:read"], 1)
        with (
            running("web", "--port", port, **environment) as web,
            running("worker", **environment) as worker,
            running("scheduler", **environment) as scheduler,
        ):
            portal, headers = Browser(f"http://127.0.0.1:{port}"), {"Authorization": f"Bearer {key}"}
            wait_until(portal.is_up)
            with pytest.raises(HTTPError, match="401"):
                portal.get("/api/v1/suppliers")
            boundary, body = encode_multipart({"file": FileStorage(stream=BytesIO(LIST.encode()), filename="list.csv")})
            more = {"Content-Type": f"multipart/form-data; boundary={boundary}"}
            sent = json.loads(portal.get("/api/v1/imports", body, {**headers, **more}))
            wait_until(
                lambda: json.loads(portal.get(f"/api/v1/imports/{sent['id']}", None, headers))["state"] == "done"
            )
            page = json.loads(portal.get("/api/v1/suppliers", None, headers))
            assert {row["name"] for row in page["items"]} == {"Blue Lagoon Seafoods", "Dune Builders"}
            log = "".join(stopped(process, signal.SIGTERM) for process in (web, worker, scheduler))
        assert '"event":"request"' in log
        assert "Blue Lagoon" not in log
