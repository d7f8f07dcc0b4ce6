"""Evidence on pages: its state on a supplier's page, confirming and withdrawing it there, and confirming it in bulk."""

import re
from collections.abc import Iterator
from datetime import timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from fourth_release import fourth_release_in_force
from test_service.callers import form_token, make_browser, make_organisation, make_user

from service.clock import now, today
from service.db.session import Database, open_engine
from service.db.tables import AuditEvent, Base, Supplier
from service.settings import Settings
from service.suppliers import repository as suppliers
from service.wiring.app import create_app

WHO = {"country": "TH", "sector": ["1410"], "answered_on": "2026-10-05"}
SAFE = {"papers_retention": "worker_holds", "recruitment_fees": "none", "wage_payment": "on_time"}
AUDIT = {"grade": "audit", "date": "2026-10-03", "source": "SMETA-123"}
LETTER = {"grade": "document", "date": "2026-10-04"}
VOICES = {"grade": "worker_voice", "date": "2026-10-02", "covers": ["wage_payment"]}


@pytest.fixture
def app(tmp_path) -> Iterator[Flask]:  # type: ignore[no-untyped-def]
    """The application with two sites, under the models of 2026.4."""
    engine = open_engine(f"sqlite:///{tmp_path / 'pages.db'}")
    Base.metadata.create_all(engine)
    database = Database(engine)
    app = create_app(Settings(data=tmp_path, plain_http=True), database)
    with fourth_release_in_force():
        app.extensions["harbour"] = make_organisation(database, "Harbour Foods", "UTC")
        with database.for_organisation(app.extensions["harbour"]) as session:
            for number, pieces in enumerate(([AUDIT, LETTER, VOICES], [AUDIT])):
                answers = {"reference": f"S-{number}", "name": f"Mill {number}", **WHO, **SAFE, "evidence": pieces}
                supplier, _ = suppliers.save_supplier(
                    session, "site", answers, today("UTC"), now() - timedelta(days=1), "system:test", "api"
                )
                app.extensions[f"S-{number}"] = supplier.id
        yield app
    engine.dispose()


def sign_in_as(app: Flask, role: str) -> FlaskClient:
    return make_browser(app, make_user(app.extensions["database"], app.extensions["harbour"], role, name="Ana Marín"))


def page(client: FlaskClient, address: str) -> str:
    answer = client.get(address)
    assert answer.status_code == 200
    return answer.get_data(as_text=True)


def evidence_of(text: str) -> str:
    """The section about evidence on a supplier's page, as words."""
    section = text.split('<h2 id="evidence">')[1].partition("</section>")[0]
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", section))


def piece_id(text: str, title: str) -> str:
    part = next(part for part in text.split('<details class="reason">') if f'<span class="what">{title}' in part)
    return re.search(r"/evidence/([0-9a-f-]+)/confirm", part)[1]


def send(client: FlaskClient, address: str, **fields: object) -> str:
    answer = client.post(address, data={"csrf_token": form_token(client), **fields}, follow_redirects=True)
    assert answer.status_code == 200, answer.get_data(as_text=True)[:400]
    return answer.get_data(as_text=True)


def score_of(app: Flask) -> float:
    with app.extensions["database"].for_organisation(app.extensions["harbour"], write=False) as session:
        return float(session.get_one(Supplier, app.extensions["S-0"]).score)


def test_claimed_evidence_says_so_and_an_officer_confirms_and_withdraws_it(app: Flask):
    officer, address = sign_in_as(app, "officer"), f"/suppliers/{app.extensions['S-0']}"
    text, before = page(officer, address), score_of(app)
    assert evidence_of(text).count("claimed, not confirmed") == 3
    assert "Claimed, not confirmed: " in text.split('<h2 id="why">')[1]
    audit = piece_id(text, "Audit")
    text = send(officer, f"{address}/evidence/{audit}/confirm", covers=["papers_retention"], reference="file 7")
    on = today("UTC")
    confirmed = f"Confirmed by Ana Marín on {on.day} {on:%b %Y}, reference file 7. This evidence supports 1 answer."
    assert confirmed in evidence_of(text)
    assert score_of(app) < before
    text = send(officer, f"{address}/evidence/{audit}/withdraw")
    assert evidence_of(text).count("claimed, not confirmed") == 3
    assert score_of(app) == before
    with app.extensions["database"].for_organisation(app.extensions["harbour"], write=False) as session:
        actions = [event.action for event in session.query(AuditEvent) if "evidence" in event.action]
    assert actions == ["site.evidence_confirmed", "site.evidence_withdrawn"]


def test_a_piece_is_confirmed_for_ticked_questions_only(app: Flask):
    officer, address = sign_in_as(app, "officer"), f"/suppliers/{app.extensions['S-0']}"
    letter = piece_id(page(officer, address), "Document")
    path = f"{address}/evidence/{letter}/confirm"
    refused = officer.post(path, data={"csrf_token": form_token(officer)})
    assert refused.status_code == 422
    assert "Tick at least one question" in refused.get_data(as_text=True)
    assert "This evidence supports 2 answers" in evidence_of(
        send(officer, path, covers=["papers_retention", "wage_payment"])
    )


def test_a_case_handler_enters_what_workers_found(app: Flask):
    handler, address = sign_in_as(app, "case_handler"), f"/suppliers/{app.extensions['S-1']}"
    fields = {"grade": "worker_voice", "date": "2026-10-09", "covers": ["papers_retention"], "reference": "visit 3"}
    text = evidence_of(send(handler, f"{address}/evidence", **fields))
    assert "Workers, union or NGO, 9 Oct 2026" in text
    assert "reference visit 3. This evidence supports 1 answer." in text


def test_a_viewer_sees_no_evidence_and_no_list_of_it(app: Flask):
    viewer = sign_in_as(app, "viewer")
    text = page(viewer, f"/suppliers/{app.extensions['S-0']}")
    assert "SMETA-123" not in text
    assert "/evidence" not in text
    assert viewer.get("/evidence").status_code == 403


def test_evidence_is_confirmed_in_bulk_from_a_filtered_list(app: Flask):
    officer = sign_in_as(app, "officer")
    text = page(officer, "/evidence?grade=audit")
    values = re.findall(r'name="piece" value="([^"]+)"', text)
    assert (len(values), text.count('id="select-all"')) == (2, 1)
    text = send(officer, "/evidence/confirm", piece=values, reference="audits of October", grade="audit")
    assert "2 pieces of evidence confirmed for 2 suppliers." in text
    assert "No claimed evidence matches these filters." in text
    assert "no questions listed" in page(officer, "/evidence")
    nothing = officer.post("/evidence/confirm", data={"csrf_token": form_token(officer)})
    assert (nothing.status_code, "Select at least one piece" in nothing.get_data(as_text=True)) == (422, True)


def test_what_if_shows_what_confirming_the_claimed_evidence_would_change(app: Flask):
    officer, address = sign_in_as(app, "officer"), f"/suppliers/{app.extensions['S-0']}/what-if"
    text = page(officer, address)
    assert "If you confirmed the claimed evidence" in text
    assert (
        "Audit, 2026-10-03, SMETA-123; Workers, union or NGO, 2026-10-02. Evidence that is not linked to specific questions"
        in text
    )
    name = re.search(r'name="(evidence\.[0-9a-f]+)"', text)[1]
    text = send(officer, address, **{name: "1", "evidence_grade": ""})
    assert "This assumes that you have confirmed: Audit, 2026-10-03, SMETA-123</p>" in text


def test_no_evidence_is_confirmed_for_answers_that_came_after_the_page_was_opened(app: Flask):
    officer, address = sign_in_as(app, "officer"), f"/suppliers/{app.extensions['S-0']}"
    text = page(officer, address)
    seen = {"seen": re.search(r'name="seen" value="(\d+)"', text)[1], "covers": "papers_retention"}
    selected = re.findall(r'name="piece" value="([^"]+)"', page(officer, "/evidence?grade=audit"))
    with app.extensions["database"].for_organisation(app.extensions["harbour"]) as session:
        answers = {"reference": "S-0", "name": "Mill 0", **WHO, **SAFE, "recruitment_fees": "some", "evidence": [AUDIT]}
        suppliers.save_supplier(session, "site", answers, today("UTC"), now(), "system:test", "api")
    before, token = score_of(app), form_token(officer)
    path = f"{address}/evidence/{piece_id(text, 'Audit')}/confirm"
    assert officer.post(path, data={"csrf_token": token, **seen}).status_code == 409
    assert "Not confirmed: The supplier was reassessed" in send(
        officer, "/evidence/confirm", piece=selected, grade="audit"
    )
    assert score_of(app) == before
