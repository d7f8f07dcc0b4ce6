"""The Help page and the glossary: every term once, the same in the documentation, and every link to a term leads to it."""

import re
from pathlib import Path

import pytest
from flask import Flask
from test_service.callers import make_browser, make_organisation, make_user

from service.db.session import Database, open_engine
from service.db.tables import Base
from service.settings import Settings
from service.web.pages.help_page import load_glossary, load_terms
from service.wiring.app import create_app

TEMPLATES = Path("service/web/templates")


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Flask:
    folder: Path = tmp_path_factory.mktemp("help")
    engine = open_engine(f"sqlite:///{folder / 'pages.db'}")
    Base.metadata.create_all(engine)
    app = create_app(Settings(data=folder, plain_http=True), Database(engine))
    app.extensions["harbour"] = make_organisation(app.extensions["database"])
    yield app
    engine.dispose()


def read_help(app: Flask, role: str) -> str:
    client = make_browser(app, make_user(app.extensions["database"], app.extensions["harbour"], role))
    return client.get("/help").get_data(as_text=True)


def test_every_term_is_explained_on_the_help_page_under_its_anchor(app: Flask):
    page = read_help(app, "viewer")
    ids = re.findall(r' id="([^"]+)"', page)
    assert len(ids) == len(set(ids))
    assert load_terms().keys() <= set(ids)


def test_every_term_is_explained_once():
    terms = [term for terms in load_glossary().values() for term in terms]
    assert len({term.id for term in terms}) == len({term.title for term in terms}) == len(terms)
    assert [term.title for term in terms if not term.text.endswith(".")] == []


def test_every_link_to_a_term_leads_to_it():
    linked = {
        (path.name, term_id)
        for path in TEMPLATES.glob("*.html")
        for term_id in re.findall(r'\bterm\("([^"]+)"', path.read_text(encoding="utf-8"))
    }
    assert len(linked) > 5
    assert {(name, term_id) for name, term_id in linked if term_id not in load_terms()} == set()


def test_the_glossary_in_the_documentation_says_the_same():
    text = Path("docs/glossary.md").read_text(encoding="utf-8")
    rows = [f"| **{term.title}** | {term.text} |" for term in load_terms().values()]
    assert [row for row in rows if row not in text] == []


def test_the_help_page_lists_only_pages_that_the_role_may_open(app: Flask):
    assert 'href="/upload"' in read_help(app, "officer")
    assert 'href="/upload"' not in read_help(app, "viewer")
    assert 'href="/cases"' in read_help(app, "case_handler")
    assert 'href="/cases"' not in read_help(app, "officer")
