"""The service in a browser: one server with a worker, two organisations, and Debian's Chromium without a window."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

import pytest
from patience import PATIENCE
from playwright.sync_api import Browser, BrowserContext, Page, StorageState, expect, sync_playwright
from test_service.callers import PASSWORD, make_organisation, make_user
from test_web.office import create_settled_organisation, run_service

from service.db.session import Database

ANA, EVE = "ana@harbour.example", "eve@quay.example"


class Office(NamedTuple):
    """Where the service is, its database, and the ids of Ana's organisation (settled) and Eve's (empty)."""

    address: str
    database: Database
    harbour: str
    quay: str


@pytest.fixture(scope="session")
def office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    """The service with the two organisations."""

    def prepare(database: Database) -> tuple[str, str]:
        harbour = create_settled_organisation(database, "Harbour Foods", ANA)
        quay = make_organisation(database, "Quay Trading")
        make_user(database, quay, "admin", EVE)
        return harbour, quay

    with run_service(tmp_path_factory.mktemp("web"), prepare) as (address, database, (harbour, quay)):
        yield Office(address, database, harbour, quay)


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """The browser."""
    expect.set_options(timeout=1000 * PATIENCE)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path="/usr/bin/chromium",
            args=["--no-sandbox", "--disable-dev-shm-usage"],
            timeout=1000 * PATIENCE,
        )
        yield browser
        browser.close()


def sign_in(context: BrowserContext, office: Office, email: str) -> Page:
    """A browser page, signed in through the form."""
    page = context.new_page()
    page.set_default_timeout(1000 * PATIENCE)
    page.goto(f"{office.address}/sign-in")
    page.fill("#email", email)
    page.fill("#password", PASSWORD)
    page.click("main button")
    page.wait_for_url(f"{office.address}/")
    return page


@pytest.fixture(scope="session")
def cookies(chromium: Browser, office: Office) -> dict[str, StorageState]:
    """Return the browser state after signing in, by e-mail address."""
    states = {}
    for email in (ANA, EVE):
        context = chromium.new_context(base_url=office.address)
        sign_in(context, office, email)
        states[email] = context.storage_state()
        context.close()
    return states


@contextmanager
def open_browser(chromium: Browser, office: Office, storage_state: StorageState) -> Iterator[Page]:
    """A signed-in browser, at the portfolio."""
    context = chromium.new_context(
        base_url=office.address, viewport={"width": 1280, "height": 900}, storage_state=storage_state
    )
    page = context.new_page()
    page.set_default_timeout(1000 * PATIENCE)
    page.goto("/")
    yield page
    context.close()


@pytest.fixture
def ana(chromium: Browser, office: Office, cookies: dict[str, StorageState]) -> Iterator[Page]:
    """Ana's browser."""
    with open_browser(chromium, office, cookies[ANA]) as page:
        yield page


@pytest.fixture
def eve(chromium: Browser, office: Office, cookies: dict[str, StorageState]) -> Iterator[Page]:
    """Eve's browser."""
    with open_browser(chromium, office, cookies[EVE]) as page:
        yield page
