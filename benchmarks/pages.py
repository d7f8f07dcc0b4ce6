"""How long a large upload takes by the pages, and each page after it: `python benchmarks/pages.py` (README.md says more).

`diligence serve` runs in a process of its own on an empty folder. An officer signs in over HTTP, sends a workbook of 10,000
suppliers, confirms what was found, and then reads the pages of a hundred of them; meanwhile somebody else keeps opening pages.
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

from workbook import write

from service.auth import users
from service.auth.accounts import create_organisation
from service.db.migrations import migrate
from service.db.session import Database, open_engine
from service.settings import Settings

MOST_PREVIEW, MOST_SCORED, MOST_PAGE, MOST_MEANWHILE = 5.0, 20.0, 0.5, 1.0  # seconds
EVERY = 0.1  # seconds between two looks at how far it is
SUPPLIERS = 100
ALIVE = ("/", "/suppliers", "/imports", "/method")
EMAIL = "ana@harbour.example"
FILE_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


@dataclass
class Browser:
    """A browser that keeps its cookies and one connection."""

    port: int
    cookies: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)

    def call(self, method: str, path: str, body: bytes | None = None, kind: str = "") -> tuple[int, str, str]:
        """Status, Location and text of an answer."""
        headers = {"Cookie": "; ".join(f"{name}={value}" for name, value in self.cookies.items())}
        self.connection.request(method, path, body, headers | ({"Content-Type": kind} if kind else {}))
        answer = self.connection.getresponse()
        for told in answer.headers.get_all("Set-Cookie", []):
            name, _, value = told.split(";")[0].partition("=")
            self.cookies[name] = value
        text = answer.read().decode()
        if answer.status >= 400:
            raise SystemExit(f"{method} {path}: {answer.status}")
        return answer.status, answer.headers.get("Location", ""), text

    def get(self, path: str) -> str:
        return self.call("GET", path)[2]

    def send(self, form_of: str, to: str, **fields: str) -> str:
        """Sends a form, with what keeps strangers from sending it; where it leads to."""
        told = urlencode({"csrf_token": self.token(form_of), **fields}).encode()
        return self.call("POST", to, told, "application/x-www-form-urlencoded")[1]

    def token(self, form_of: str) -> str:
        found = re.search(r'name="csrf_token" value="([^"]+)"', self.get(form_of))
        if found is None:
            raise SystemExit(f"{form_of} has no form")
        return found[1]

    def upload(self, path: Path) -> str:
        """Sends a file by the page; where it leads to."""
        edge = "edge-of-a-part"
        head = f'--{edge}\r\nContent-Disposition: form-data; name="%s"%s\r\n\r\n'
        file = f'; filename="{path.name}"\r\nContent-Type: {FILE_TYPE}'
        parts = (head % ("csrf_token", "") + self.token("/upload") + "\r\n" + head % ("files", file)).encode()
        body = parts + path.read_bytes() + f"\r\n--{edge}--\r\n".encode()
        return self.call("POST", "/upload", body, f"multipart/form-data; boundary={edge}")[1]


def seconds_until(browser: Browser, page: str, state: str, began: float) -> float:
    """Seconds from a beginning until an import has come to a state, as its page says."""
    while state not in (text := browser.get(page)):
        if "note-refused" in text:
            raise SystemExit(f"{page} came to no end")
        time.sleep(EVERY)
    return time.perf_counter() - began


@contextmanager
def opening_pages(browser: Browser) -> Iterator[list[float]]:
    """Somebody who keeps opening pages; the seconds that each took."""
    times: list[float] = []
    stop = threading.Event()

    def open_one_after_another() -> None:
        while not stop.is_set():
            for path in ALIVE:
                times.append(timed(browser, path))
                stop.wait(EVERY)

    thread = threading.Thread(target=open_one_after_another)
    thread.start()
    yield times
    stop.set()
    thread.join()


def timed(browser: Browser, path: str) -> float:
    began = time.perf_counter()
    browser.get(path)
    return time.perf_counter() - began


@contextmanager
def service(folder: Path) -> Iterator[tuple[int, str]]:
    """The whole service on an empty folder: its port, and the password of an officer."""
    with Database(open_engine(Settings(data=folder).database)) as database:
        migrate(database.engine)
        with database.for_organisation(create_organisation(database, "Harbour Foods")) as session:
            user, password = users.create_user(session, EMAIL, "Ana", "officer", "system:bench")
            user.must_change_password = False
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    words = ("serve", "--data", str(folder), "--port", str(port))
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1"}
    server = subprocess.Popen(
        [sys.executable, "-m", "service.cli", *words], env=environment, stdout=subprocess.PIPE, text=True
    )
    try:
        assert server.stdout is not None
        server.stdout.readline()
        yield port, password
    finally:
        server.terminate()
        server.wait()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=10_000)
    told = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        workbook, data = Path(name) / "suppliers.xlsx", Path(name) / "data"
        data.mkdir()
        write(told.rows, workbook)
        with service(data) as (port, password):
            officer, other = Browser(port), Browser(port)
            for browser in (officer, other):
                browser.send("/sign-in", "/sign-in", email=EMAIL, password=password)
            with opening_pages(other) as meanwhile:
                began = time.perf_counter()
                page = officer.upload(workbook)
                previewed = seconds_until(officer, page, "What was found", began)
                began = time.perf_counter()
                officer.send(page, f"{page}/confirm")
                scored = seconds_until(officer, page, "<h1>Assessed", began)
            suppliers: list[str] = []
            while len(suppliers) < SUPPLIERS:
                listed = officer.get(f"/suppliers?page={len(suppliers) // 50 + 1}")
                suppliers += dict.fromkeys(re.findall(r'href="(/suppliers/[0-9a-f-]{36})"', listed))
            pages = [timed(officer, path) for path in suppliers[:SUPPLIERS]]
            lists = {path: timed(officer, path) for path in (*ALIVE, page)}
    rows = (
        (f"{told.rows:,} rows previewed", previewed, MOST_PREVIEW),
        (f"{told.rows:,} rows scored after that", scored, MOST_SCORED),
        (f"slowest of {len(meanwhile)} pages opened meanwhile", max(meanwhile), MOST_MEANWHILE),
        (f"slowest of {len(pages)} suppliers' pages", max(pages), MOST_PAGE),
        *((f"page {path.split('/')[1] or 'portfolio'}", took, MOST_PAGE) for path, took in lists.items()),
    )
    for what, took, most in rows:
        print(f"{what:50}{took:8.2f} s   (at most {most:.1f}){'' if took <= most else '   not held'}")
    print(f"median: {statistics.median(meanwhile):.2f} s meanwhile, {statistics.median(pages):.2f} s of suppliers")
    raise SystemExit(0 if all(took <= most for _, took, most in rows) else 1)


if __name__ == "__main__":
    main()
