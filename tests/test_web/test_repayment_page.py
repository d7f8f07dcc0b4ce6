"""What workers are owed, on its page: sent, shown, downloaded, with and without a browser."""

import io
import re
from base64 import b64decode
from collections.abc import Iterator
from pathlib import Path

import openpyxl
import pytest
from flask import Flask
from flask.testing import FlaskClient
from playwright.sync_api import Page, expect
from test_service import cohorts
from test_service.callers import form_token, make_browser, make_organisation, make_user
from test_web.every_page import find_accessibility_faults
from werkzeug.test import TestResponse

from service.db.session import Database, open_engine
from service.db.tables import Base
from service.settings import Settings
from service.wiring.app import create_app


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    folder = tmp_path_factory.mktemp("repayment")
    engine = open_engine(f"sqlite:///{folder / 'pages.db'}")
    Base.metadata.create_all(engine)
    database = Database(engine)
    app = create_app(Settings(data=folder, plain_http=True), database)
    app.extensions["harbour"] = make_organisation(database, "Harbour Foods", "Asia/Bangkok")
    yield app
    engine.dispose()


def sign_in_as(app: Flask, role: str) -> FlaskClient:
    return make_browser(app, make_user(app.extensions["database"], app.extensions["harbour"], role))


def send(client: FlaskClient, data: bytes | None, rates: bytes | None = cohorts.RATES, **fields: str) -> TestResponse:
    files = {"cohorts": (io.BytesIO(data), "cohorts.xlsx")} if data is not None else {}
    files |= {"rates": (io.BytesIO(rates), "rates.csv")} if rates is not None else {}
    return client.post("/repayment", data={"csrf_token": form_token(client), "on": "2026-01-01", **fields, **files})


def test_the_result_is_shown_with_its_workbook(app: Flask) -> None:
    answer = send(sign_in_as(app, "officer"), cohorts.sheet())
    text = answer.get_data(as_text=True)
    assert answer.status_code == 200
    assert "USD 4,500.00" in text
    assert "half" in text
    link = re.search(r'href="data:[^;]+;base64,([^"]+)" download="repayment.xlsx"', text)
    summary = openpyxl.load_workbook(io.BytesIO(b64decode(link[1])))["Summary"]
    assert {row[0].value: row[2].value for row in summary.iter_rows(max_col=3)}["Owed to workers"] == 4500
    assert not re.search(r"<style|\sstyle=|\son\w+=|javascript:|<script(?![^>]*\ssrc=)", text)


@pytest.mark.parametrize(
    ("data", "fields", "expected"),
    [
        (None, {}, "Choose a cohorts file"), (b"nothing", {}, "cohorts.xlsx"),
        (cohorts.sheet(), {"interest": "much"},
            "is not a valid number"), (cohorts.sheet(), {"currency": "EUR"}, "per_eur"),
        (cohorts.sheet(), {"instalments": "99"}, "lump sum"),
        (cohorts.sheet(*[f"{row} | Xyz" for row in cohorts.ROWS], headers=(*cohorts.HEADERS, "Worker name")), {}, "Remove the"),
    ],
)  # fmt: skip
def test_an_error_is_shown_above_the_form(app: Flask, data: bytes | None, fields: dict, expected: str) -> None:
    answer = send(sign_in_as(app, "officer"), data, **fields)
    assert answer.status_code == 422
    assert expected in answer.get_data(as_text=True)
    assert "Xyz" not in answer.get_data(as_text=True)


def test_a_name_that_looks_like_markup_is_shown_as_text(app: Flask) -> None:
    row = cohorts.NP_19.replace("NP-19", "<b onclick=x>9")
    text = send(sign_in_as(app, "officer"), cohorts.sheet(cohorts.NP_18, row)).get_data(as_text=True)
    assert "&lt;b onclick=x&gt;9" in text
    assert "<b onclick" not in text


@pytest.mark.parametrize("role", ["viewer", "approver"])
def test_only_roles_that_may_act_open_the_page(app: Flask, role: str) -> None:
    client = sign_in_as(app, role)
    assert client.get("/repayment").status_code == 403
    assert send(client, cohorts.sheet()).status_code == 403
    assert 'href="/repayment"' not in client.get("/").get_data(as_text=True)


def test_an_officer_sends_cohorts_reads_the_figures_and_downloads_the_workbook(ana: Page, tmp_path: Path) -> None:
    ana.get_by_role("link", name="Fee repayment", exact=True).click()
    assert find_accessibility_faults(ana, "repayment, empty") == []
    for name, data in (("cohorts", cohorts.sheet()), ("rates", cohorts.RATES)):
        sent = {"name": f"{name}.xlsx" if name == "cohorts" else "rates.csv", "mimeType": "text/plain", "buffer": data}
        ana.set_input_files(f"#{name}-file", [sent])
    ana.fill("#on", "2026-01-01")
    ana.fill("#management_figure", "1500")
    ana.get_by_role("button", name="Calculate").click()
    expect(ana.get_by_role("heading", name="USD 4,500.00")).to_be_visible()
    expect(ana.get_by_text("is 3.00 times as high")).to_be_visible()
    cohort = ana.locator("details.reason", has_text="NP-19").first
    cohort.locator("summary").click()
    expect(cohort.get_by_text("partly counted (0.50) because of a zero-fee policy")).to_be_visible()
    with ana.expect_download() as download:
        ana.get_by_role("link", name="Download workbook").click()
    download.value.save_as(tmp_path / "repayment.xlsx")
    assert "Reconciliation" in openpyxl.load_workbook(tmp_path / "repayment.xlsx").sheetnames
    assert find_accessibility_faults(ana, "repayment") == []
    ana.set_viewport_size({"width": 360, "height": 800})
    assert find_accessibility_faults(ana, "repayment, narrow") == []
