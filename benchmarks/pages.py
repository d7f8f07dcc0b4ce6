"""Measure a large upload through the web pages, and pages opened later: run `python benchmarks/pages.py` (see README.md).

`diligence serve` runs in a separate process on an empty data folder. An officer signs in over HTTP, uploads a workbook of 10,000
suppliers, confirms the import, and then opens the pages of a hundred of them. Meanwhile, another user keeps opening pages.
"""

import argparse
import http.client
import os
import re
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlencode

from workbook import write_workbook

from service.auth import users
from service.auth.accounts import create_organisation
from service.db.migrations import migrate
from service.db.session import Database, open_engine
from service.settings import Settings

MOST_PREVIEW, MOST_SCORED, MOST_PAGE, MOST_POLLED = 5.0, 20.0, 0.5, 1.0  # seconds
POLL_INTERVAL = 0.1  # seconds
SUPPLIERS = 100
POLLED_PAGES = ("/", "/suppliers", "/imports", "/method")
EMAIL = "ana@harbour.example"
FILE_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


@dataclass
class Browser:
    """A simple browser with cookies and one persistent connection."""

    port: int
    cookies: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)

    def call(self, method: str, path: str, body: bytes | None = None, kind: str = "") -> tuple[int, str, str]:
        """Send a request, and return the status, Location header and text of the response. An error status ends the benchmark."""
        headers = {"Cookie": "; ".join(f"{name}={value}" for name, value in self.cookies.items())}
        self.connection.request(method, path, body, headers | ({"Content-Type": kind} if kind else {}))
        response = self.connection.getresponse()
        for cookie in response.headers.get_all("Set-Cookie", []):
            name, _, value = cookie.split(";")[0].partition("=")
            self.cookies[name] = value
        text = response.read().decode()
        if response.status >= 400:
            raise SystemExit(f"{method} {path}: {response.status}")
        return response.status, response.headers.get("Location", ""), text

    def get(self, path: str) -> str:
        """Return the text of a page."""
        return self.call("GET", path)[2]

    def submit_form(self, form_path: str, to: str, **fields: str) -> str:
        """Submit a form with its CSRF token, and return the address to which it redirects."""
        body = urlencode({"csrf_token": self.get_csrf_token(form_path), **fields}).encode()
        return self.call("POST", to, body, "application/x-www-form-urlencoded")[1]

    def get_csrf_token(self, form_path: str) -> str:
        """Return the CSRF token of the form on a page. A page without a form ends the benchmark."""
        match = re.search(r'name="csrf_token" value="([^"]+)"', self.get(form_path))
        if match is None:
            raise SystemExit(f"{form_path} has no form")
        return match[1]

    def upload(self, path: Path) -> str:
        """Upload a file on the Upload page, and return the address to which it redirects."""
        boundary = "boundary-of-a-part"
        head = f'--{boundary}\r\nContent-Disposition: form-data; name="%s"%s\r\n\r\n'
        file = f'; filename="{path.name}"\r\nContent-Type: {FILE_TYPE}'
        parts = (head % ("csrf_token", "") + self.get_csrf_token("/upload") + "\r\n" + head % ("files", file)).encode()
        body = parts + path.read_bytes() + f"\r\n--{boundary}--\r\n".encode()
        return self.call("POST", "/upload", body, f"multipart/form-data; boundary={boundary}")[1]


def wait_for_state(browser: Browser, page: str, state: str, start: float) -> float:
    """Return the number of seconds from ``start`` until the page of an import shows a given state."""
    while state not in (text := browser.get(page)):
        if "note-refused" in text:
            raise SystemExit(f"{page} did not finish")
        time.sleep(POLL_INTERVAL)
    return time.perf_counter() - start


@contextmanager
def keep_opening_pages(browser: Browser) -> Iterator[list[float]]:
    """Keep opening pages in the background, and yield a list to which the time of each page is added, in seconds."""
    times: list[float] = []
    stop = threading.Event()

    def open_pages() -> None:
        while not stop.is_set():
            for path in POLLED_PAGES:
                times.append(time_page(browser, path))
                stop.wait(POLL_INTERVAL)

    thread = threading.Thread(target=open_pages)
    thread.start()
    yield times
    stop.set()
    thread.join()


def time_page(browser: Browser, path: str) -> float:
    """Return how many seconds a page takes to load."""
    start = time.perf_counter()
    browser.get(path)
    return time.perf_counter() - start


@contextmanager
def run_service(folder: Path) -> Iterator[tuple[int, str]]:
    """Run the whole service with an empty data folder, and yield its port and the password of an officer."""
    with Database(open_engine(Settings(data=folder).database)) as database:
        migrate(database.engine)
        with database.for_organisation(create_organisation(database, "Harbour Foods")) as session:
            user, password = users.create_user(session, EMAIL, "Ana", "officer", "system:bench")
            user.must_change_password = False
    with socket.create_server(("127.0.0.1", 0)) as free_socket:
        port = free_socket.getsockname()[1]
    arguments = ("serve", "--data", str(folder), "--port", str(port))
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1"}
    server = subprocess.Popen(
        [sys.executable, "-m", "service.cli", *arguments], env=environment, stdout=subprocess.PIPE, text=True
    )
    try:
        assert server.stdout is not None
        server.stdout.readline()
        yield port, password
    finally:
        server.terminate()
        server.wait()


def main() -> None:
    """Run the benchmark and print its results. The exit status is 1 if a limit is exceeded."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=10_000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        workbook, data = Path(name) / "suppliers.xlsx", Path(name) / "data"
        data.mkdir()
        write_workbook(options.rows, workbook)
        with run_service(data) as (port, password):
            officer, other_user = Browser(port), Browser(port)
            for browser in (officer, other_user):
                browser.submit_form("/sign-in", "/sign-in", email=EMAIL, password=password)
            with keep_opening_pages(other_user) as polled:
                start = time.perf_counter()
                page = officer.upload(workbook)
                previewed = wait_for_state(officer, page, "Review the import", start)
                start = time.perf_counter()
                officer.submit_form(page, f"{page}/confirm")
                scored = wait_for_state(officer, page, "<h1>Import complete", start)
            suppliers: list[str] = []
            while len(suppliers) < SUPPLIERS:
                listed = officer.get(f"/suppliers?page={len(suppliers) // 50 + 1}")
                suppliers += dict.fromkeys(re.findall(r'href="(/suppliers/[0-9a-f-]{36})"', listed))
            pages = [time_page(officer, path) for path in suppliers[:SUPPLIERS]]
            lists = {path: time_page(officer, path) for path in (*POLLED_PAGES, page)}
    rows = (
        (f"{options.rows:,} rows: time until the preview", previewed, MOST_PREVIEW),
        (f"{options.rows:,} rows: time until all are scored", scored, MOST_SCORED),
        (f"slowest of {len(polled)} pages opened during scoring", max(polled), MOST_POLLED),
        (f"slowest of {len(pages)} supplier pages", max(pages), MOST_PAGE),
        *((f"the page {path.split('/')[1] or 'portfolio'}", seconds, MOST_PAGE) for path, seconds in lists.items()),
    )
    for label, seconds, most in rows:
        print(f"{label:50}{seconds:8.2f} s   (at most {most:.1f}){'' if seconds <= most else '   not met'}")
    print(
        f"median: {statistics.median(polled):.2f} s during scoring, {statistics.median(pages):.2f} s for supplier pages"
    )
    raise SystemExit(0 if all(seconds <= most for _, seconds, most in rows) else 1)


if __name__ == "__main__":
    main()
