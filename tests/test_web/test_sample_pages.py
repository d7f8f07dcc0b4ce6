"""The empty portfolio: the tour, a template, and the sample list that is loaded and removed with one click each."""

import re
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from test_service.callers import make_browser, make_organisation, make_user, send

from service.clock import now
from service.db.session import Database, open_engine
from service.db.tables import Base, new_id
from service.jobs.table import claim_job
from service.jobs.worker import run_job
from service.settings import Settings
from service.suppliers import repository as suppliers
from service.wiring.app import create_app
from service.wiring.job_handlers import build_handlers

NOTE = "You are looking at sample data"


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Flask:
    folder: Path = tmp_path_factory.mktemp("sample")
    engine = open_engine(f"sqlite:///{folder / 'pages.db'}")
    Base.metadata.create_all(engine)
    yield create_app(Settings(data=folder, plain_http=True), Database(engine))
    engine.dispose()


@pytest.fixture
def harbour(app: Flask) -> str:
    """Return an organisation without suppliers."""
    return make_organisation(app.extensions["database"], new_id())


def sign_in_as(app: Flask, harbour: str, role: str) -> FlaskClient:
    return make_browser(app, make_user(app.extensions["database"], harbour, role))


def read(client: FlaskClient, address: str = "/") -> str:
    return client.get(address).get_data(as_text=True)


def work(app: Flask) -> None:
    """Run every job that waits."""
    database: Database = app.extensions["database"]
    handlers = build_handlers(app.extensions["blob_store"])
    while (claimed := claim_job(database, "test", kinds=handlers)) is not None:
        run_job(database, claimed, handlers[claimed.kind])


def test_an_empty_portfolio_offers_a_tour_a_template_and_a_sample(app: Flask, harbour: str):
    client = sign_in_as(app, harbour, "officer")
    page = read(client)
    assert "No suppliers yet" in page
    assert 'class="tour"' in page
    template = re.search(r'href="(/templates/[^"]+)"', page)[1]
    assert client.get(template).status_code == 200
    assert "Load sample data" in page


def test_the_sample_is_loaded_and_removed_with_one_click_each(app: Flask, harbour: str):
    client = sign_in_as(app, harbour, "officer")
    loading = send(client, "/sample")
    assert loading.status_code == 303
    assert loading.location.startswith("/imports/")
    assert "sample data is being loaded" in read(client)
    work(app)
    page = read(client)
    assert NOTE in page
    assert "Remove sample data" in page
    assert "No suppliers yet" not in page
    assert "SAMPLE-001" in read(client, "/suppliers")
    assert send(client, "/sample/remove").status_code == 303
    page = read(client)
    assert "No suppliers yet" in page
    assert re.search(r"\d+ sample suppliers were removed\.", page)
    assert NOTE not in page
    assert client.get(loading.location).status_code == 404


def test_whoever_removes_the_sample_learns_that_kept_suppliers_keep_its_answers(app: Flask, harbour: str):
    client = sign_in_as(app, harbour, "officer")
    send(client, "/sample")
    work(app)
    with app.extensions["database"].for_organisation(harbour) as session:
        answers = {"reference": "SAMPLE-001", "name": "Blue Pier Foods", "country": "TH"}
        suppliers.save_supplier(session, "site", answers, now().date(), now(), "user:ana", "api")
    send(client, "/sample/remove")
    assert (
        "1 other supplier was not removed and keeps its sample answers, because it also came from another source."
        in read(client)
    )


@pytest.mark.parametrize("role", ["viewer", "approver", "case_handler"])
def test_only_those_who_may_upload_load_or_remove_the_sample(app: Flask, harbour: str, role: str):
    officer, other = sign_in_as(app, harbour, "officer"), sign_in_as(app, harbour, role)
    assert "Load sample data" not in read(other)
    assert send(other, "/sample").status_code == 403
    send(officer, "/sample")
    work(app)
    page = read(other)
    assert NOTE in page
    assert "Remove sample data" not in page
    assert send(other, "/sample/remove").status_code == 403
    assert NOTE in read(officer)


def test_the_sample_is_not_offered_beside_suppliers_of_ones_own(app: Flask, harbour: str):
    client = sign_in_as(app, harbour, "admin")
    send(client, "/sample")
    work(app)
    assert "Load sample data" not in read(client)


def test_the_page_of_an_import_says_what_became_of_its_rows(app: Flask, harbour: str):
    client = sign_in_as(app, harbour, "officer")
    page = send(client, "/sample").location
    work(app)
    assert "31 suppliers scored, 1 row not used." in read(client, page)


def test_the_page_of_an_import_counts_insufficient_evidence_by_inherent_risk(app: Flask, harbour: str):
    client = sign_in_as(app, harbour, "officer")
    page = send(client, "/sample").location
    work(app)
    links = re.findall(
        r'href="(/suppliers\?[^"]*inherent_level=\w+[^"]*)">(Critical|High|Medium|Low) (\d+)</a>', read(client, page)
    )
    assert links
    for address, _, count in links:
        assert "imported=" in address
        assert f"<strong>{count} supplier" in read(client, address.replace("&amp;", "&"))
