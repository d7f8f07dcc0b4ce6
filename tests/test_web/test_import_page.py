"""The page of an import in progress: how each sheet was read, and what an officer changes there."""

import html
import re
from collections.abc import Iterator
from io import BytesIO

import pytest
from flask import Flask
from flask.testing import FlaskClient
from test_service.callers import form_token, make_browser, make_organisation, make_user
from test_service.workbooks import TWO_TABLES, build_workbook

from service.db.session import Database, open_engine
from service.db.tables import Base
from service.jobs.table import claim_job
from service.jobs.worker import run_job
from service.settings import Settings
from service.wiring.app import create_app
from service.wiring.job_handlers import build_handlers


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    folder = tmp_path_factory.mktemp("imports")
    engine = open_engine(f"sqlite:///{folder / 'pages.db'}")
    Base.metadata.create_all(engine)
    app = create_app(Settings(data=folder, plain_http=True), Database(engine))
    database = app.extensions["database"]
    app.extensions["officer"] = make_browser(app, make_user(database, make_organisation(database), "officer"))
    yield app
    engine.dispose()


def upload(app: Flask, data: bytes, name: str = "list.xlsx") -> tuple[FlaskClient, str]:
    """Upload a file as an officer, and return the address of the import's page."""
    officer = app.extensions["officer"]
    assert officer.get("/upload").status_code == 200
    form = {"files": (BytesIO(data), name), "csrf_token": form_token(officer)}
    address = officer.post("/upload", data=form).location
    work(app)
    return officer, address


def work(app: Flask) -> None:
    """Do every job that waits."""
    database, handlers = app.extensions["database"], build_handlers(app.extensions["blob_store"])
    while (claimed := claim_job(database, "test", kinds=handlers)) is not None:
        run_job(database, claimed, handlers[claimed.kind])


def read_form(page: str) -> dict[str, list[str]]:
    """Return the fields of the form as a browser would send them."""
    form = re.search(r'<form method="post" action="[^"]+/correct">(.*?)</form>', page, re.DOTALL)[1]
    fields: dict[str, list[str]] = {}
    for tag in re.findall(r"<input[^>]*>", form):
        name, value = (re.search(rf'{key}="([^"]*)"', tag) for key in ("name", "value"))
        if 'type="checkbox"' not in tag or " checked" in tag:
            fields.setdefault(name[1], []).append(html.unescape(value[1]))
    for name, options in re.findall(r'<select[^>]*name="([^"]+)"[^>]*>(.*?)</select>', form, re.DOTALL):
        chosen = re.search(r'<option value="([^"]*)" selected', options)
        fields[name] = [chosen[1] if chosen else re.search(r'value="([^"]*)"', options)[1]]
    return fields


def correct(app: Flask, officer: FlaskClient, address: str, **changes: object) -> str:
    """Send the form of an import with changes (None removes a field), and return the page after the files were read again."""
    fields = read_form(officer.get(address).get_data(as_text=True)) | changes
    response = officer.post(
        f"{address}/correct", data={name: value for name, value in fields.items() if value is not None}
    )
    assert response.status_code == 303, response.get_data(as_text=True)
    work(app)
    return officer.get(address).get_data(as_text=True)


def name_columns(page: str) -> dict[str, str]:
    """Return what each column is read as."""
    return {name: value[0] for name, value in read_form(page).items() if name.startswith("column-")}


def test_the_page_shows_every_table_with_its_headers_columns_and_rows_left_out(app: Flask):
    officer, address = upload(app, build_workbook(Both=TWO_TABLES))
    page = officer.get(address).get_data(as_text=True)
    assert name_columns(page) == {
        "column-0-0-0": "name",
        "column-0-0-1": "country",
        "column-0-0-2": "",
        "column-0-1-0": "name",
        "column-0-1-1": "country",
        "column-0-1-2": "",
    }
    assert "Subtotals" in page
    assert "Subtotal Norway" in page
    assert read_form(page)["header-first-0-1"] == ["5"]


def test_columns_rows_and_headers_are_changed_in_one_go(app: Flask):
    officer, address = upload(app, build_workbook(Both=TWO_TABLES))
    changes = {"column-0-1-0": "", "column-0-1-2": "name", "read-row-0": "3", "leave-out-0": "7"}
    page = correct(app, officer, address, **changes)
    assert name_columns(page)["column-0-1-2"] == "name"
    assert page.count('<span class="tag">your choice</span>') == 2
    assert "Left out at your request" in page
    assert "Read at your request" in page
    assert read_form(page)["leave-out-0"] == ["7"]
    page = correct(app, officer, address, **{"read-row-0": None, "leave-out-0": ""})
    assert "Subtotal Norway" in page
    assert "Left out at your request" not in page


def test_a_sheet_is_not_read_once_its_box_is_unticked(app: Flask):
    rows = [["Supplier"], ["Alder Nets"]]
    officer, address = upload(app, build_workbook(One=rows, Two=rows))
    page = correct(app, officer, address, **{"read-1": None, "country-0": "NO"})
    fields = read_form(page)
    assert "read-0" in fields
    assert "read-1" not in fields
    assert fields["country-0"] == ["NO"]
    assert "1 row can be assessed" in page


def test_what_cannot_be_used_is_shown_again_with_what_was_entered(app: Flask):
    officer, address = upload(app, build_workbook(Both=TWO_TABLES))
    fields = read_form(officer.get(address).get_data(as_text=True))
    response = officer.post(f"{address}/correct", data=fields | {"leave-out-0": "seven", "column-0-0-2": "city"})
    page = response.get_data(as_text=True)
    assert response.status_code == 422
    assert "Enter row numbers and ranges such as 4, 17-20" in page
    assert read_form(page)["leave-out-0"] == ["seven"]
    assert read_form(page)["column-0-0-2"] == ["city"]
    unchanged = officer.post(f"{address}/correct", data=fields)
    assert "Nothing has changed" in unchanged.get_data(as_text=True)


def test_two_columns_cannot_answer_one_question_and_both_are_named(app: Flask):
    officer, address = upload(app, build_workbook(Both=TWO_TABLES))
    fields = read_form(officer.get(address).get_data(as_text=True))
    response = officer.post(f"{address}/correct", data=fields | {"column-0-0-2": "country"})
    assert response.status_code == 422
    assert "'Country' and 'Note' cannot both answer" in html.unescape(response.get_data(as_text=True))


def test_a_form_that_is_out_of_date_changes_nothing(app: Flask):
    officer, address = upload(app, build_workbook(Both=TWO_TABLES))
    fields = read_form(officer.get(address).get_data(as_text=True))
    correct(app, officer, address, **{"column-0-0-2": "city"})
    late = officer.post(f"{address}/correct", data=fields | {"column-0-0-1": ""})
    assert late.status_code == 412
    assert "read again in the meantime" in late.get_data(as_text=True)


@pytest.mark.parametrize("header_row", [1, 3])
def test_a_file_that_is_not_understood_is_read_once_its_headers_and_names_are_specified(app: Flask, header_row: int):
    rows = [["", "Alpha", "Beta"], ["", "Gamma", "Delta"], ["", "Epsilon", "Zeta"], ["", "Alder Nets", "Trat"]]
    officer, address = upload(app, build_workbook(List=rows[header_row - 1 :] if header_row == 1 else rows))
    assert "but not yet read as a table" in officer.get(address).get_data(as_text=True)
    changes = {"header-first-0-0": str(header_row), "header-last-0-0": str(header_row), "column-0-0-1": "name"}
    page = correct(app, officer, address, **changes)
    assert f"{4 - header_row} row" in page.split('id="confirm"')[1]
    assert name_columns(page)["column-0-0-1"] == "name"


def test_an_officer_chooses_how_the_words_of_a_text_file_are_spelled(app: Flask):
    officer, address = upload(app, "Supplier,City,Country\nAlder Nets,Cantù,Italy\n".encode("cp1252"), "list.csv")
    page = officer.get(address).get_data(as_text=True)
    assert "<strong>Cantù</strong>" in page
    assert "<strong>Cantů</strong>" in page
    assert 'name="column-0-0-1"' not in page
    page = correct(app, officer, address, **{"encoding-0": "cp1250"})
    assert "1 row" in page.split('id="confirm"')[1]
    assert "<td>Cantů</td>" in page


def test_a_list_without_headers_is_read_from_its_first_row(app: Flask):
    rows = [["Alder Nets", "Norway"], ["Birch Foods", "Peru"], ["Cedar Shoes", "Peru"]]
    officer, address = upload(app, build_workbook(List=rows))
    page = correct(
        app, officer, address, **{"no-headers-0-0": "yes", "column-0-0-0": "name", "column-0-0-1": "country"}
    )
    assert "3 rows" in page.split('id="confirm"')[1]
    form = read_form(page)
    assert (form["no-headers-0-0"], form["header-first-0-0"]) == (["yes"], ["1"])
    del form["no-headers-0-0"]  # the officer unticks the box: the first row is a header after all
    assert officer.post(f"{address}/correct", data=form).status_code == 303
    work(app)
    page = officer.get(address).get_data(as_text=True)
    assert "no-headers-0-0" not in read_form(page)
    assert read_form(page)["header-first-0-0"] == ["1"]


def test_a_value_is_corrected_in_all_its_cells_with_one_click_and_taken_back(app: Flask):
    rows = [["Supplier", "Country"], ["Alder Nets", "Austrlia"], ["Birch Foods", "Austrlia"], ["Cedar Shoes", "Peru"]]
    officer, address = upload(app, build_workbook(List=rows))
    page = officer.get(address).get_data(as_text=True)
    assert "Read as Australia in 2 cells" in page
    form = dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', page))
    for text, told in (("Australia", "“Austrlia” is read as “Australia”"), ("", "Read as Australia in 2 cells")):
        response = officer.post(f"{address}/corrections", data={**form, "text": text} | {"seen": "Austrlia"})
        assert response.status_code == 303, response.get_data(as_text=True)
        work(app)
        assert told in officer.get(address).get_data(as_text=True)
