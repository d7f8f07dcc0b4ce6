"""The what-if page, and what a supplier's page shows of evidence and the states of answers."""

import re
from collections.abc import Iterator
from datetime import date, timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from test_service.callers import form_token, make_browser, make_organisation, make_user

from service.clock import now
from service.db.session import Database, open_engine
from service.db.tables import Base
from service.settings import Settings
from service.suppliers import repository as suppliers
from service.wiring.app import create_app

ANSWERS = {
    "reference": "S-1", "name": "Blue Pier Mill", "country": "TH", "sector": ["1410"], "papers_retention": "held",
    "violence": "open", "recruitment_fees": "none", "wage_payment": "declined", "housing": "cannot_apply",
    "weekly_hours": 44.0, "workers_migrant": 40, "agencies": ["Kite Placement"],
    "reported_harms": ["threats"], "reported_by": "workers",
    "answered_on": "2024-01-05",
    "evidence": [
        {"grade": "document", "date": "2026-10-03", "covers": ["recruitment_fees"], "source": "SMETA-123"},
        {"grade": "document", "date": "2026-10-03", "covers": ["housing"]},
    ],
}  # fmt: skip


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    """The application with one site."""
    folder = tmp_path_factory.mktemp("what-if")
    engine = open_engine(f"sqlite:///{folder / 'pages.db'}")
    Base.metadata.create_all(engine)
    database = Database(engine)
    app = create_app(Settings(data=folder, plain_http=True), database)
    app.extensions["harbour"] = make_organisation(database, "Harbour Foods", "Asia/Bangkok")
    with database.for_organisation(app.extensions["harbour"]) as session:
        supplier, _ = suppliers.save_supplier(
            session, "site", ANSWERS, date(2026, 11, 20), now() - timedelta(days=1), "system:test", "api"
        )
        app.extensions["site"] = f"/suppliers/{supplier.id}"
    yield app
    engine.dispose()


def sign_in_as(app: Flask, role: str) -> FlaskClient:
    return make_browser(app, make_user(app.extensions["database"], app.extensions["harbour"], role))


def page(app: Flask, role: str, more: str = "") -> str:
    answer = sign_in_as(app, role).get(app.extensions["site"] + more)
    assert answer.status_code == 200
    return answer.get_data(as_text=True)


def post_changes(app: Flask, **answers: str) -> str:
    """The page after a form was sent."""
    client = sign_in_as(app, "officer")
    address = app.extensions["site"] + "/what-if"
    data = {
        "csrf_token": form_token(client),
        **{name.replace("__", "."): value for name, value in answers.items()},
    }
    answer = client.post(address, data=data)
    assert answer.status_code == 200, answer.get_data(as_text=True)[:400]
    return answer.get_data(as_text=True)


def line_of(text: str, title: str) -> str:
    """The text of the reason with this title."""
    found = next(part for part in text.split('<details class="reason">') if f'<span class="what">{title}' in part)
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", found.partition("</details>")[0]))


def test_officers_and_admins_try_changes_and_nobody_else_is_offered_it(app: Flask) -> None:
    for role in ("admin", "officer"):
        assert "Try changes" in page(app, role)
        assert "Fewest actions needed to change the level" in page(app, role, "/what-if")
    for role in ("viewer", "approver", "case_handler"):
        assert "Try changes" not in page(app, role)
        assert sign_in_as(app, role).get(app.extensions["site"] + "/what-if").status_code == 403


def test_a_changed_answer_shows_the_points_before_and_after_and_stores_nothing(app: Flask) -> None:
    before = page(app, "officer")
    text = post_changes(app, answer__papers_retention="worker_holds", evidence_grade="worker_voice")
    assert "Papers withheld" in text.partition("What would change")[2].partition("Fewest actions")[0]
    tokens = re.compile(r"[\w-]{50,}\.[\w-]+\.[\w-]+|user:[\w-]{36}")  # of sessions and of those who signed in
    assert tokens.sub("", page(app, "officer")) == tokens.sub("", before)


def test_an_action_done_moves_what_it_was_called_for(app: Flask) -> None:
    text = post_changes(app, action__stop_violence="1", evidence_grade="worker_voice")
    moved = text.partition("What would change")[2].partition("Fewest actions")[0]
    assert "Violence" in moved
    assert "Papers withheld" not in moved


def test_ending_the_relationship_cannot_be_tried(app: Flask) -> None:
    with app.extensions["database"].for_organisation(app.extensions["harbour"]) as session:
        answers = {**ANSWERS, "reference": "S-2", "state_placement": "prison"}
        supplier, _ = suppliers.save_supplier(session, "site", answers, date(2026, 11, 20), now(), "system:test", "api")
        address = f"/suppliers/{supplier.id}"
    client = sign_in_as(app, "officer")
    assert "decide on leaving" in client.get(address).get_data(as_text=True)
    text = client.get(f"{address}/what-if").get_data(as_text=True)
    assert "action.stop_violence" in text
    assert "action.decide_state_imposed" not in text
    assert "decide on leaving" not in text


def test_nothing_changed_says_so(app: Flask) -> None:
    assert "Nothing would change." in post_changes(app, agencies="Kite Placement", agencies_now="Kite Placement")


def test_an_answer_that_no_form_offers_is_refused(app: Flask) -> None:
    client = sign_in_as(app, "officer")
    address = app.extensions["site"] + "/what-if"
    answers = {"csrf_token": form_token(client), "answer.papers_retention": "in a drawer"}
    assert client.post(address, data=answers).status_code == 422


def test_the_evidence_behind_an_answer_is_one_click_away(app: Flask) -> None:
    text = page(app, "officer")
    assert "Document dated 3 October 2026 (SMETA-123): weight 0.40 out of 1 today." in line_of(
        text, "Workers pay for the job"
    )
    assert "SMETA-123" not in page(app, "viewer")  # evidence may come from workers: not for everyone


def test_states_are_distinguished_on_the_page_of_a_supplier(app: Flask) -> None:
    text = page(app, "officer")
    answers = {
        "Workers pay for the job": "answered", "Wages withheld": "declined", "Threats": "reported",
        "Poor housing": "does not apply", "Long hours": "expired",
    }  # fmt: skip
    for title, state in answers.items():
        line = next(part for part in text.split('<details class="reason">') if f'<span class="what">{title}' in part)
        assert re.search(rf'<span class="tag[^"]*">{state}</span>', line), title
    assert "this does not apply here" in line_of(text, "Poor housing")
    unchecked = text.partition('aria-labelledby="unchecked"')[2].partition("</section>")[0]
    assert "Isolation" in unchecked


def test_a_question_about_agencies_that_was_left_blank_names_none(app: Flask) -> None:
    with app.extensions["database"].for_organisation(app.extensions["harbour"]) as session:
        answers = {"reference": "S-2", "name": "Heron Mill", "country": "TH", "agencies": "declined"}
        supplier, _ = suppliers.save_supplier(
            session, "site", answers, date(2026, 11, 20), now() - timedelta(days=1), "system:test", "api"
        )
        path = f"/suppliers/{supplier.id}/what-if"
    text = sign_in_as(app, "officer").get(path).text
    assert re.search(r'name="agencies" value=""', text)
