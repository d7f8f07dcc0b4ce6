"""Pages without a browser: what each role is offered, which addresses are accepted, and that no script or style is inline."""

import io
import re
from collections.abc import Iterator
from datetime import timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import event
from test_service.callers import form_token, make_browser, make_organisation, make_user
from test_web.office import build_portfolio, save_suppliers

from reports.formats import KINDS
from service.auth.access import ACCESS
from service.clock import now
from service.db.session import Database, open_engine
from service.db.tables import Base
from service.settings import Settings
from service.wiring.app import create_app


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    """The application with a small portfolio of one organisation."""
    folder = tmp_path_factory.mktemp("pages")
    engine = open_engine(f"sqlite:///{folder / 'pages.db'}")
    Base.metadata.create_all(engine)
    database = Database(engine)
    app = create_app(Settings(data=folder, plain_http=True), database)
    app.extensions["harbour"] = make_organisation(database, "Harbour Foods", "Asia/Bangkok")
    save_suppliers(database, app.extensions["harbour"], build_portfolio(14), now().date() - timedelta(days=10))
    yield app
    engine.dispose()


def sign_in_as(app: Flask, role: str) -> FlaskClient:
    return make_browser(app, make_user(app.extensions["database"], app.extensions["harbour"], role))


def every_page(client: FlaskClient) -> dict[str, str]:
    """The pages that a person can walk to from the first, by address, with their text."""
    seen: dict[str, str] = {}
    waiting = ["/"]
    while waiting and len(seen) < 60:
        path = waiting.pop(0)
        answer = client.get(path)
        assert answer.status_code == 200, (path, answer.status_code)
        seen[path] = answer.get_data(as_text=True) if answer.mimetype == "text/html" else ""
        for found in re.findall(r'<a [^>]*href="(/[^"#]*)', seen[path]):
            address = found.replace("&amp;", "&")
            like = re.sub(r"[0-9a-f-]{36}|=[^&]*", "", address)
            if all(re.sub(r"[0-9a-f-]{36}|=[^&]*", "", other) != like for other in (*seen, *waiting)):
                waiting.append(address)
    return seen


@pytest.mark.parametrize("role", ["admin", "officer", "viewer", "approver", "case_handler"])
def test_links_and_forms_that_a_role_may_not_use_are_hidden(app: Flask, role: str) -> None:
    router = app.url_map.bind("localhost")
    pages = every_page(sign_in_as(app, role))  # every link was followed, and none was refused
    addresses = r'<form [^>]*method="post" action="([^"?]*)|formmethod="post" formaction="([^"?]*)'
    sent = {form or button for text in pages.values() for form, button in re.findall(addresses, text)}
    refused = [path for path in sent if not ACCESS.may_open(role, router.match(path, "POST")[0], "POST")]
    assert refused == []
    assert len(pages) > 15
    assert "/reports" in sent


def test_pages_have_no_inline_code_as_the_content_security_policy_demands(app: Flask) -> None:
    for path, text in every_page(sign_in_as(app, "admin")).items():
        assert not re.search(r"<style|\sstyle=|\son\w+=|javascript:|<script(?![^>]*\ssrc=)", text), path
        assert "http://" not in text.replace("http://www.w3.org/", ""), path


@pytest.mark.parametrize(
    "address",
    [
        "/suppliers?page=-1", "/suppliers?page=999999999999999999999", "/suppliers?page=x", "/suppliers?sort=;drop",
        "/suppliers?country=XX", "/suppliers?text=%25%27%22%3Cscript%3E", "/suppliers?sector=%25", "/suppliers?review=soon",
    ],
)  # fmt: skip
def test_invalid_query_parameters_show_the_unfiltered_table(app: Flask, address: str) -> None:
    answer = sign_in_as(app, "viewer").get(address)
    assert answer.status_code == 200
    assert "<script>" not in answer.get_data(as_text=True)


@pytest.mark.parametrize(
    "path",
    [
        "/suppliers/none", "/suppliers/none/erase", "/agencies/none", "/imports/none", "/reports/none",
        "/reports/none/file", "/maps/moon.svg", "/method/none", "/templates/none.xlsx",
    ],
)  # fmt: skip
def test_an_unknown_address_shows_a_not_found_page(app: Flask, path: str) -> None:
    assert sign_in_as(app, "admin").get(path).status_code == 404


def test_a_name_that_looks_like_markup_is_shown_as_text(app: Flask) -> None:
    on = now().date()
    save_suppliers(
        app.extensions["database"], app.extensions["harbour"], [("site", {"name": "<b onclick=x>Bold</b>"})], on
    )
    text = sign_in_as(app, "viewer").get("/suppliers?text=Bold").get_data(as_text=True)
    assert "&lt;b onclick=x&gt;Bold&lt;/b&gt;" in text
    assert "<b onclick" not in text


def test_too_many_files_are_refused_above_the_form(app: Flask) -> None:
    client = sign_in_as(app, "officer")
    files = [(io.BytesIO(b"Name\nOak\n"), f"{i}.csv") for i in range(21)]
    answer = client.post("/upload", data={"csrf_token": form_token(client), "files": files})
    assert answer.status_code == 413
    assert "at most 20 files" in answer.get_data(as_text=True)


def test_no_page_queries_the_database_once_per_supplier(app: Flask) -> None:
    client, statements = sign_in_as(app, "viewer"), 0

    def count(*_: object) -> None:
        nonlocal statements
        statements += 1

    pages = every_page(client)
    event.listen(app.extensions["database"].engine, "before_cursor_execute", count)
    statement_counts = {}
    for path in pages:
        statements = 0
        client.get(path)
        statement_counts[path] = statements
    assert min(statement_counts.values()) > 0
    assert {path: statements for path, statements in statement_counts.items() if statements > 25} == {}


@pytest.mark.parametrize("address", ["/", "/suppliers"])
def test_a_page_offers_a_report_in_every_format_and_no_other(app: Flask, address: str):
    titles = {"report": "Full report", "brief": "Board brief", "scorecard": "Scorecards for suppliers (ZIP)"}
    page = sign_in_as(app, "officer").get(address).text
    select = re.search(r'<select[^>]* name="format">(.*?)</select>', page, re.DOTALL)[1]
    offered = re.findall(r'<option value="([\w.]+)">([^<]+)</option>', select)
    assert offered == [
        (name if document == "report" else f"{document}.{name}", f"{titles[document]}: {format_.title}")
        for document, kind in KINDS.items()
        for name, format_ in kind.formats.items()
    ]


def test_each_cell_of_the_heat_map_and_country_of_a_map_leads_to_the_suppliers_it_counts(app: Flask) -> None:
    client = sign_in_as(app, "viewer")
    pattern = r'<a (?:class="heat-[^"]*" )?href="(/suppliers\?country=[^"]+)"[^>]*aria-label="([^"]+)"'
    cells = re.findall(pattern, client.get("/").text)
    countries = re.findall(pattern, client.get("/maps/world.svg").text)
    assert len(cells) > 5
    assert any("country=unknown" in address for address, _ in cells)
    assert len(countries) > 5
    for address, label in cells + countries:
        table = client.get(address.replace("&amp;", "&")).text.partition("<tbody>")[2]
        assert table.count("<tr") == int(re.search(r"(\d+) (?:result|supplier)s?\b", label)[1]), label


def test_after_a_first_list_the_portfolio_shows_its_suppliers_once(app: Flask) -> None:
    database = app.extensions["database"]
    organisation_id = make_organisation(database, "Pier Foods", "Asia/Bangkok")
    browser = make_browser(app, make_user(database, organisation_id))
    assert "Send questionnaires to the first 50" not in browser.get("/campaigns").text, "there are none yet"
    rows = [("site", {"name": f"Cannery {i}", "country": "TH", "sector": ["1020"]}) for i in range(7)]
    save_suppliers(database, organisation_id, rows, now().date())
    assert "Send questionnaires to the first 50" in browser.get("/campaigns").text
    page = browser.get("/").text
    assert page.count("Cannery 0</a>") == 1
    assert "The suppliers with the highest priority all have insufficient evidence" in page
    assert "Send questionnaires to the first 50" not in page, "there are only seven"


def test_no_questionnaire_is_offered_where_a_state_imposes_the_labour(app: Flask) -> None:
    database = app.extensions["database"]
    organisation = make_organisation(database, "Meridian Trading")
    mill = {"reference": "M-1", "name": "Poplar Mill", "country": "CN", "region": "Xinjiang", "sector": ["1311"]}
    returned = {**mill, "reference": "M-2", "form_version": "site 2026.6", "form_returned": "2026-01-01"}
    save_suppliers(database, organisation, [("site", mill), ("site", returned)], now().date())
    browser = make_browser(app, make_user(database, organisation, "officer"))
    for reference in ("M-1", "M-2"):
        text = browser.get(f"/suppliers/{reference}").get_data(as_text=True)
        assert "State-imposed labour is documented here" in text
        assert "Record request" not in text


def test_a_site_says_which_agencies_its_last_questionnaire_no_longer_names(app: Flask) -> None:
    database = app.extensions["database"]
    organisation = make_organisation(database, "Pontoon Trading")
    site = {"reference": "P-1", "name": "Blue Pier Cannery", "country": "TH", "sector": ["1020"]}
    returned = {**site, "form_version": "site 2026.6", "form_returned": "2026-01-01", "agencies": ["Fern Crew"]}
    for answers in ({**site, "agencies": ["Kite Placement"]}, returned):
        save_suppliers(database, organisation, [("site", answers)], now().date())
    text = make_browser(app, make_user(database, organisation, "officer")).get("/suppliers/P-1").get_data(as_text=True)
    assert "The last questionnaire no longer names Kite Placement." in text
