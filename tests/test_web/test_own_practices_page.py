"""The page "Our own practices": filled in, sent as a file, read, and closed to roles without access."""

import io
import re
from collections.abc import Iterator
from html import unescape
from pathlib import Path

import openpyxl
import pytest
from flask import Flask
from flask.testing import FlaskClient
from playwright.sync_api import Page, expect
from test_service.callers import form_token, make_browser, make_organisation, make_user
from test_web.every_page import find_accessibility_faults
from werkzeug.test import TestResponse

from questionnaires.form import load_form
from service.db.session import Database, open_engine
from service.db.tables import Base, new_id
from service.settings import Settings
from service.wiring.app import create_app

ROLES = ("admin", "officer", "viewer", "approver", "case_handler")


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    folder = tmp_path_factory.mktemp("own-practices")
    engine = open_engine(f"sqlite:///{folder / 'pages.db'}")
    Base.metadata.create_all(engine)
    yield create_app(Settings(data=folder, plain_http=True), Database(engine))
    engine.dispose()


@pytest.fixture
def harbour(app: Flask) -> str:
    """An organisation that has answered nothing yet."""
    return make_organisation(app.extensions["database"], new_id(), "Asia/Bangkok")


def sign_in_as(app: Flask, harbour: str, role: str = "officer") -> FlaskClient:
    return make_browser(app, make_user(app.extensions["database"], harbour, role))


def fill_in(client: FlaskClient, **answers: str) -> TestResponse:
    return client.post("/our-practices", data={"csrf_token": form_token(client), **answers})


def text_of(client: FlaskClient, address: str = "/our-practices") -> str:
    answer = client.get(address)
    assert answer.status_code == 200
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", answer.get_data(as_text=True))).split())


def test_the_page_asks_everything_that_the_form_asks_about_practices(app: Flask, harbour: str) -> None:
    text = text_of(sign_in_as(app, harbour))
    assert "No answers yet" in text
    assert [q.id for q in load_form("buyer").questions if q.feeds and q.ask not in text] == []


def test_saved_answers_are_shown_with_reasons_actions_and_open_questions(app: Flask, harbour: str) -> None:
    client = sign_in_as(app, harbour)
    answers = {"name": "Outdoor wear", "price_covers_labour": "below", "payment_days": "20", "change_costs": "declined"}
    assert fill_in(client, **answers).status_code == 303
    text = text_of(client)
    for expected in (
        "1 practice needs to change", "Whether prices cover legal wages: Some prices are too low.", "SD-62",
        "Pay prices that cover legal wages", "Suppliers pay for our changes left blank",
        "1 practice raises no concerns", "Answers from Outdoor wear", "entered on this page, form 2026.5",
    ):  # fmt: skip
        assert expected in text
    assert "Steep seasonal peaks" in text.partition("Unanswered questions")[2].partition("no concerns")[0]


def test_an_invalid_answer_is_reported_beside_its_question_and_nothing_is_lost(app: Flask, harbour: str) -> None:
    client = sign_in_as(app, harbour)
    answer = fill_in(client, name="Outdoor wear", payment_days="soon", peak_ratio="2")
    page = answer.get_data(as_text=True)
    assert answer.status_code == 422
    assert re.search(r'name="payment_days" aria-invalid="true" aria-describedby="help-payment_days" value="soon"', page)
    assert re.search(r'name="peak_ratio"[^>]*value="2"', page)
    assert "No answers yet" in text_of(client)


def test_a_unit_that_answered_is_filled_in_and_another_starts_blank(app: Flask, harbour: str) -> None:
    client = sign_in_as(app, harbour)
    fill_in(client, name="Outdoor wear", price_covers_labour="below", recruitment_monitored_on="declined")
    page = client.get("/our-practices").get_data(as_text=True)
    assert '<option value="below" selected>' in page
    assert re.search(r'<input class="form-control" [^>]*name="recruitment_monitored_on"[^>]* value="declined"', page)
    assert '<option value="below" selected>' not in client.get("/our-practices?unit=new").get_data(as_text=True)


def test_a_name_that_looks_like_markup_is_shown_as_text(app: Flask, harbour: str) -> None:
    client = sign_in_as(app, harbour)
    fill_in(client, name="<b onclick=x>Wear", payment_days="95")
    page = client.get("/our-practices").get_data(as_text=True)
    assert "&lt;b onclick=x&gt;Wear" in page
    assert "<b onclick" not in page


@pytest.mark.parametrize("role", ROLES)
def test_everyone_reads_those_who_act_answer_and_admins_erase(app: Flask, harbour: str, role: str) -> None:
    fill_in(sign_in_as(app, harbour), name="Outdoor wear", payment_days="95")
    client = sign_in_as(app, harbour, role)
    page = client.get("/our-practices").get_data(as_text=True)
    assert "Late payment of suppliers" in page
    assert ("Save answers" in page) is (role in ("admin", "officer"))
    assert ("Erase permanently" in page) is (role == "admin")
    assert fill_in(client, payment_days="20").status_code == (303 if role in ("admin", "officer") else 403)


def test_an_admin_erases_a_unit(app: Flask, harbour: str) -> None:
    client = sign_in_as(app, harbour, "admin")
    fill_in(client, name="Outdoor wear", payment_days="95")
    address = re.search(r'action="(/our-practices/[^"]+/erase)"', client.get("/our-practices").get_data(as_text=True))[
        1
    ]
    assert client.post(address, data={"csrf_token": form_token(client)}).status_code == 303
    assert "No answers yet" in text_of(client)


def the_form(path: Path, **answers: object) -> None:
    """The template that the page offers, filled in."""
    book = openpyxl.load_workbook(path)
    sheet = book["Buying"]
    column = {cell.value: cell.column for cell in sheet[2]}
    for title, answer in answers.items():
        sheet.cell(3, column[title.replace("_", " ")], answer)
    book.save(path)


def test_an_officer_downloads_the_form_uploads_it_filled_in_and_reads_the_findings(ana: Page, tmp_path: Path) -> None:
    ana.get_by_role("navigation", name="Main").get_by_role("link", name="Our own practices").click()
    assert find_accessibility_faults(ana, "own practices, empty") == []
    with ana.expect_download() as download:
        ana.get_by_role("link", name="Download the blank form").click()
    download.value.save_as(tmp_path / "ours.xlsx")
    the_form(
        tmp_path / "ours.xlsx", Business_unit="Outdoor wear", Lead_times="Often shorter than suppliers say they need"
    )
    ana.set_input_files("#own-file", tmp_path / "ours.xlsx")
    ana.get_by_role("button", name="Check file").click()
    expect(
        ana.get_by_role("heading", name="1 business unit answered questions about our own practices")
    ).to_be_visible()
    assert find_accessibility_faults(ana, "own practices, looked at") == []
    ana.get_by_role("button", name="Save answers").click()
    expect(ana.get_by_text("Answers about our own practices saved for 1 business unit.")).to_be_visible()
    assert find_accessibility_faults(ana, "own practices, kept") == []
    ana.get_by_role("link", name="View findings about our own practices").click()
    expect(ana.get_by_role("heading", name="1 practice needs to change")).to_be_visible()
    ana.get_by_label("How many days after delivery are suppliers actually paid").fill("95")
    ana.get_by_role("button", name="Save answers").click()
    expect(ana.get_by_role("heading", name="2 practices need to change")).to_be_visible()
    for width in (1280, 390):
        ana.set_viewport_size({"width": width, "height": 900})
        assert find_accessibility_faults(ana, f"own practices, {width} wide") == []
    ana.goto("/")
    box = ana.locator("section[aria-labelledby=own]")
    expect(box).to_contain_text("2 practices need to change; 12 questions are unanswered.")
    expect(box).to_contain_text("Late payment of suppliers")
    assert find_accessibility_faults(ana, "portfolio, narrow") == []


def test_the_workbook_of_the_page_is_the_buyers_form(app: Flask, harbour: str) -> None:
    data = sign_in_as(app, harbour, "viewer").get("/templates/buyer.xlsx").data
    assert "Buying" in openpyxl.load_workbook(io.BytesIO(data)).sheetnames
