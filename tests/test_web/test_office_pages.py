"""The register of sources, earlier assessments, the organisation, a column that is to answer nothing, texts to translate."""

import re
import subprocess
import sys
from io import BytesIO
from pathlib import Path

import pytest
from babel.messages.pofile import read_po
from flask import Flask
from flask.testing import FlaskClient
from test_service.callers import form_token, make_browser, make_key, make_organisation, make_user, send

from service.db.import_tables import ColumnMapping, Import
from service.db.session import Database, open_engine
from service.db.tables import Base, Organisation
from service.queries import supplier_detail
from service.report_content import sources
from service.settings import Settings
from service.wiring.app import create_app

CANNERY = {"name": "Blue Pier Cannery", "country": "TH", "sector": ["1020"]}
TRANSLATIONS = Path("service/web/translations/messages.pot")


@pytest.fixture
def app(tmp_path: Path) -> Flask:
    engine = open_engine(f"sqlite:///{tmp_path / 'pages.db'}")
    Base.metadata.create_all(engine)
    app = create_app(Settings(data=tmp_path, plain_http=True), Database(engine))
    app.extensions["harbour"] = make_organisation(app.extensions["database"])
    yield app
    engine.dispose()


def sign_in_as(app: Flask, role: str = "admin") -> FlaskClient:
    return make_browser(app, make_user(app.extensions["database"], app.extensions["harbour"], role))


def put(app: Flask, times: int) -> None:
    key = make_key(app.extensions["database"], app.extensions["harbour"], "suppliers:write")
    for month in range(times):
        body = {**CANNERY, "workers_total": 100 + month}
        assert app.test_client().put("/api/v1/suppliers/S-1", json=body, headers=key).status_code in (200, 201)


def test_every_source_that_a_page_names_leads_to_its_line_in_the_register(app: Flask):
    put(app, 1)
    client = sign_in_as(app, "viewer")
    register = client.get("/method/sources").get_data(as_text=True)
    there = set(re.findall(r'<tr id="([^"]+)"', register))
    assert there == sources.load_sources().keys()
    one = next(iter(sources.load_sources().values()))
    assert one.title in register.replace("&#39;", "'").replace("&amp;", "&")
    for path in ("/method", "/method/site_general", "/suppliers/S-1"):
        named = set(re.findall(r'href="/method/sources#([^"]+)"', client.get(path).get_data(as_text=True)))
        assert named
        assert named <= there | {f"family-{family.id}" for family in sources.load_source_families()}


def test_the_method_page_counts_what_was_not_seen_of_each_publication(app: Flask):
    page = sign_in_as(app, "viewer").get("/method").get_data(as_text=True)
    table = page.split('id="checked"')[1].split("</table>")[0]
    rows = dict(re.findall(r'#family-(\w+)">.*?</td>(.*?)</tr>', table))
    families = {family.id: family for family in sources.load_source_families()}
    assert rows.keys() == {name for name, family in families.items() if family.unseen or family.unconfirmed}
    for name, cells in rows.items():
        family = families[name]
        counts = [int(n) for n in re.findall(r">(\d+)</td>", cells)]
        assert counts == [len(family.sources), len(family.unseen), len(family.unconfirmed)]


def test_all_earlier_assessments_are_shown_in_pages(app: Flask):
    put(app, 2 * supplier_detail.HISTORY_PAGE_SIZE + 1)
    client = sign_in_as(app, "viewer")
    path, pages = "/suppliers/S-1/history", []
    while path:
        page = client.get(path).get_data(as_text=True)
        pages.append(page.count("<li><div><strong>"))
        older = re.search(r'href="(/suppliers/[^"]+/history[^"]+)"', page)
        path = older[1].replace("&amp;", "&") if older else ""
    assert pages == [supplier_detail.HISTORY_PAGE_SIZE, supplier_detail.HISTORY_PAGE_SIZE, 1]
    assert "/history?cursor=" in client.get("/suppliers/S-1").get_data(as_text=True)
    assert client.get("/suppliers/S-1/history?cursor=nonsense").status_code == 400


def test_an_admin_sets_how_long_data_is_retained(app: Flask):
    admin = sign_in_as(app)
    assert send(admin, "/organisation", keep_months="36").status_code == 303
    assert 'value="36"' in admin.get("/organisation").get_data(as_text=True)
    for months in ("5", "x", "", "99999"):
        assert send(admin, "/organisation", keep_months=months).status_code == 422
    database: Database = app.extensions["database"]
    with database.unscoped(write=False) as session:
        assert session.get_one(Organisation, app.extensions["harbour"]).keep_months == 36
    assert sign_in_as(app, "officer").get("/organisation").status_code == 403


def create_previewed_import(**choices: object) -> Import:
    columns = {"name": "Name", "city": "Place"}
    sheet = {"name": "S", "kind": "site", "header_row": 1, "rows": 1, "columns": columns, "unmapped": ["Colour"]}
    return Import(choices=choices, found={"files": [{"name": "a.xlsx", "sheets": [sheet]}]})


def test_remembered_columns_are_named_on_the_page_of_an_import_and_forgotten_on_their_own(app: Flask):
    database: Database = app.extensions["database"]
    with database.for_organisation(app.extensions["harbour"]) as session:
        at = session.get_one(Organisation, app.extensions["harbour"]).created_at
        by = {"confirmed_by": "user:gone", "confirmed_at": at}
        mapping = ColumnMapping(fingerprint="0" * 64, kind="site", headers=["Name"], columns={"name": "Name"}, **by)
        import_ = create_previewed_import()
        import_.uploads, import_.state, import_.created_by, import_.created_at = [], "previewed", "user:ana", at
        used = {"file": "a.xlsx", "sheet": "S", "columns": {"name": "Name"}, **by, "confirmed_at": at.isoformat()}
        import_.found = {**import_.found, "issues": [], "remembered": [used]}
        session.add_all([mapping, import_])
        session.flush()
        path, mapping_path = f"/imports/{import_.id}", f"/column-mappings/{mapping.id}/delete"
    client = sign_in_as(app, "officer")
    page = client.get(path).get_data(as_text=True)
    assert "Columns as confirmed by" in page
    assert page.count('<span class="tag">remembered</span>') == 1
    assert mapping_path in client.get("/column-mappings").get_data(as_text=True)
    assert client.post(mapping_path, data={"csrf_token": form_token(client)}).status_code == 303
    assert "No column mappings have been remembered yet." in client.get("/column-mappings").get_data(as_text=True)


def test_every_text_of_the_pages_is_in_the_translation_template(tmp_path: Path):
    fresh = tmp_path / "messages.pot"
    arguments = (
        "extract",
        "--mapping",
        "service/web/babel.toml",
        "--keywords",
        "lazy_gettext",
        "--output",
        str(fresh),
        "service",
    )
    command = [sys.executable, "-m", "babel.messages.frontend", "-q", *arguments]
    subprocess.run(command, check=True, capture_output=True)
    catalogues = [read_po(BytesIO(file.read_bytes())) for file in (fresh, TRANSLATIONS)]
    ids = [{message.id for message in catalogue if message.id} for catalogue in catalogues]
    assert ids[0] == ids[1], "run scripts/messages"
    assert len(ids[0]) > 300
