"""Links for suppliers: who is let in, what a stranger learns, and what is recorded."""

import logging
import re
from datetime import timedelta
from io import StringIO

import pytest
from callers import freeze_time, make_browser, make_key, make_organisation, make_user, send
from flask import Flask
from portal import Portal
from sample_objects import make_supplier
from sqlalchemy import select
from werkzeug.test import TestResponse

from service.auth import rate_limit, throttle
from service.auth.access import ACCESS
from service.auth.rate_limit import RateLimiter
from service.clock import now
from service.db.link_tables import DraftAnswer, SupplierLink
from service.db.outbox_tables import Message
from service.db.session import Database
from service.db.tables import AuditEvent, Supplier, new_id
from service.errors import DomainError
from service.log import configure_logging
from service.outbox.mail import build_mail
from service.questionnaires_sent.requests import create_request
from service.supplier_links import links


@pytest.fixture
def supplier(database: Database) -> tuple[str, str]:
    """The ids of an organisation and of its supplier."""
    organisation_id = make_organisation(database)
    with database.for_organisation(organisation_id) as session:
        made = make_supplier(session, {})
        session.add(made)
        session.flush()
        return organisation_id, made.id


def create_link(database: Database, supplier: tuple[str, str], days: int = 30) -> tuple[str, str]:
    """A new link for the supplier: its id and its token."""
    organisation_id, supplier_id = supplier
    with database.for_organisation(organisation_id) as session:
        link, token = links.create_link(session, session.get_one(Supplier, supplier_id), "management", days, "user:ana")
        return link.id, token


def without_request_id(answer: TestResponse) -> tuple[int, str, dict[str, str]]:
    """What a stranger can tell two answers apart by."""
    request_id = answer.headers["X-Request-Id"]
    headers = {name: value for name, value in answer.headers.items() if name != "X-Request-Id"}
    return answer.status_code, answer.get_data(as_text=True).replace(request_id, ""), headers


def list_actions(database: Database, organisation_id: str) -> list[tuple[str, str]]:
    """The actor and action of every event of an organisation, in order."""
    with database.for_organisation(organisation_id) as session:
        return [(event.actor, event.action) for event in session.scalars(select(AuditEvent).order_by(AuditEvent.id))]


def test_a_link_is_stored_as_a_hash(database: Database, supplier: tuple[str, str]):
    _id, token = create_link(database, supplier)
    with database.unscoped() as session:
        stored = session.scalars(select(SupplierLink)).one()
        assert len(token) == 43, "256 bits"
        assert token not in repr(vars(stored))
        assert links.find_link(session, token, links.PLAN).id == stored.id
        assert links.find_link(session, token, "questionnaire") is None
        assert links.find_link(session, token[:-1], links.PLAN) is None


@pytest.mark.parametrize(
    ("addressee", "days", "code"),
    [("Mr Bo", 30, "link.addressee"), ("other", 91, "link.days"), ("other", 0, "link.days")],
)
def test_a_link_names_no_person_and_lasts_no_longer_than_it_may(
    database: Database, supplier: tuple[str, str], addressee: str, days: int, code: str
):
    organisation_id, supplier_id = supplier
    with database.for_organisation(organisation_id) as session, pytest.raises(DomainError) as refused:
        links.create_link(session, session.get_one(Supplier, supplier_id), addressee, days, "user:ana")
    assert refused.value.code == code


def test_a_link_is_mailed_only_to_an_address_that_was_confirmed_and_the_address_is_in_no_audit_event(
    app: Flask, database: Database, supplier: tuple[str, str]
):
    organisation_id, supplier_id = supplier
    browser = make_browser(app, make_user(database, organisation_id))
    path, fields = f"/suppliers/{supplier_id}/links", {"addressee": "management", "days": "30"}
    for refused in ({"email": "boss@pier.example"}, {"email": "Boss <boss@pier.example>", "confirmed": "yes"}):
        assert send(browser, path, **fields, **refused).status_code == 422
    assert list_actions(database, organisation_id) == []
    shown = send(browser, path, **fields, email="boss@pier.example", confirmed="yes").get_data(as_text=True)
    assert "No mail server is set up" in shown
    address = re.search(r"http://localhost/shared/[^\"]+", shown)[0]
    with database.for_organisation(organisation_id) as session:
        (message,) = session.scalars(select(Message))
        letter = build_mail(session, message, "diligence@harbour.example", "https://diligence.example", now())
        name = session.get_one(Supplier, supplier_id).name
        events = [event.details for event in session.scalars(select(AuditEvent))]
    assert (letter["To"], letter["Subject"]) == ("boss@pier.example", f"Harbour Foods asks {name} to reply")
    assert address in letter.get_content()
    assert "boss" not in repr(events)
    assert address not in repr(message.payload)


def test_a_supplier_has_a_limited_number_of_valid_links(
    database: Database, supplier: tuple[str, str], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(links, "MOST_LINKS", 2)
    organisation_id, supplier_id = supplier
    first, _token = create_link(database, supplier)
    create_link(database, supplier)
    with pytest.raises(DomainError, match="Revoke one first"):
        create_link(database, supplier)
    with database.for_organisation(organisation_id) as session:
        links.revoke_link(session, supplier_id, first, "user:ana")
    create_link(database, supplier)


def test_a_stranger_cannot_tell_an_expired_or_revoked_link_from_one_that_never_was(
    app: Flask, database: Database, supplier: tuple[str, str], monkeypatch: pytest.MonkeyPatch
):
    revoked, revoked_token = create_link(database, supplier)
    _id, expired_token = create_link(database, supplier, days=1)
    with database.for_organisation(supplier[0]) as session:
        links.revoke_link(session, supplier[1], revoked, "user:ana")
    freeze_time(monkeypatch, now() + timedelta(days=1, seconds=1))
    stranger = app.test_client()
    answers = [
        without_request_id(stranger.get(f"/shared/{token}")) for token in ("x" * 43, revoked_token, expired_token)
    ]
    assert answers[0][0] == 404
    assert answers[0] == answers[1] == answers[2]


@pytest.mark.parametrize("route", ACCESS.links)
def test_no_page_of_a_link_opens_without_its_token(app: Flask, database: Database, route: str):
    method, endpoint = route.split(" ")
    rule = next(rule for rule in app.url_map.iter_rules(endpoint) if method in rule.methods)
    with app.test_request_context():
        values = {"token": "x" * 43, "number": 1}
        address = app.url_for(endpoint, **{name: values.get(name, new_id()) for name in rule.arguments})
    assert app.test_client().open(address, method=method).status_code == 404


def test_the_pages_of_a_link_set_no_cookie_and_tell_no_other_site_where_they_are(
    app: Flask, database: Database, supplier: tuple[str, str]
):
    _id, token = create_link(database, supplier)
    client = app.test_client()
    for answer in (client.get(f"/shared/{token}"), client.post(f"/shared/{token}/open"), client.get("/shared/x")):
        assert "Set-Cookie" not in answer.headers
        assert answer.headers["Referrer-Policy"] == "no-referrer"
        assert answer.headers["X-Robots-Tag"] == "noindex, nofollow"
        assert answer.headers["Cache-Control"] == "no-store"
        assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
        assert not re.search(r"(?:src|href|action)=\"(?:https?:)?//", answer.get_data(as_text=True))
        scripts = re.findall("<script[^>]*>", answer.get_data(as_text=True))
        assert all(script.startswith('<script src="/static/forms.js?') for script in scripts)


def test_looking_at_a_link_records_nothing_and_continuing_records_the_first_opening(
    app: Flask, database: Database, supplier: tuple[str, str]
):
    link_id, token = create_link(database, supplier)
    client = app.test_client()
    assert "Continue" in client.get(f"/shared/{token}").get_data(as_text=True)
    client.head(f"/shared/{token}")
    before = list_actions(database, supplier[0])
    assert ("user:ana", "link.created") in before
    for _ in range(2):
        assert client.post(f"/shared/{token}/open").status_code == 303
    assert list_actions(database, supplier[0]) == [*before, (f"link:{link_id}", "link.opened")]


def test_the_log_contains_no_token(
    app: Flask, database: Database, supplier: tuple[str, str], monkeypatch: pytest.MonkeyPatch
):
    _id, token = create_link(database, supplier)
    written = StringIO()
    configure_logging("INFO", written)
    try:
        client = app.test_client()
        client.get(f"/shared/{token}")
        client.post(f"/shared/{token}/open")
        monkeypatch.setattr("service.web.shared_plan.render_template", lambda *_names, **_values: 1 / 0)
        assert client.get(f"/shared/{token}").status_code == 500
    finally:
        configure_logging("WARNING", StringIO())
        logging.getLogger().handlers.clear()
    assert "/shared/<token>" in written.getvalue()
    assert "unexpected_error" in written.getvalue()
    assert token not in written.getvalue()


def test_a_link_may_be_used_so_many_times_a_minute(
    app: Flask, database: Database, supplier: tuple[str, str], monkeypatch: pytest.MonkeyPatch
):
    freeze_time(monkeypatch, now())
    limiter = app.extensions["link_limiter"] = RateLimiter(database, 3, SupplierLink)
    _id, token = create_link(database, supplier)
    _id, other = create_link(database, supplier)
    client = app.test_client()
    assert [client.get(f"/shared/{token}").status_code for _ in range(4)] == [200, 200, 200, 429]
    assert client.get(f"/shared/{other}").status_code == 200
    monkeypatch.setattr(rate_limit, "MOST_ROWS", 2)
    _id, third = create_link(database, supplier)
    assert [client.get(f"/shared/{each}").status_code for each in (third, token)] == [200, 429]
    assert len(limiter.shares) == 2, "a process forgets links before there are too many, and their limits still hold"


def test_an_address_that_tries_tokens_has_to_wait(
    app: Flask, database: Database, supplier: tuple[str, str], monkeypatch: pytest.MonkeyPatch
):
    at = now()
    freeze_time(monkeypatch, at)
    monkeypatch.setattr(throttle, "ADDRESS", throttle.Limit(2, timedelta(seconds=5)))
    _id, token = create_link(database, supplier)
    client = app.test_client()
    assert [client.get(f"/shared/{number}").status_code for number in range(3)] == [404, 404, 429]
    assert client.get(f"/shared/{token}").status_code == 200, "somebody with a link does not wait for strangers"
    freeze_time(monkeypatch, at + timedelta(seconds=2))
    assert client.get("/shared/y").status_code == 404


def test_an_officer_creates_and_revokes_a_link_whose_address_is_shown_once(
    app: Flask, database: Database, supplier: tuple[str, str]
):
    organisation_id, supplier_id = supplier
    browser = make_browser(app, make_user(database, organisation_id))
    page = send(browser, f"/suppliers/{supplier_id}/links", addressee="compliance", days="30").get_data(as_text=True)
    address = re.search(r'value="http://localhost(/shared/[\w-]{43})"', page)[1]
    assert app.test_client().get(address).status_code == 200
    again = browser.get(f"/suppliers/{supplier_id}/links").get_data(as_text=True)
    assert "Compliance or sustainability" in again
    assert address not in again
    with database.for_organisation(organisation_id) as session:
        (link,) = links.list_links(session, supplier_id)
    assert send(browser, f"/suppliers/{supplier_id}/links/{link.id}/revoke").status_code == 303
    assert app.test_client().get(address).status_code == 404
    refused = send(browser, f"/suppliers/{supplier_id}/links", addressee="compliance", days="1000")
    assert refused.status_code == 422
    assert "from 1 to 90" in refused.get_data(as_text=True)


def test_a_program_creates_lists_and_revokes_links(app: Flask, database: Database, supplier: tuple[str, str]):
    organisation_id, supplier_id = supplier
    portal = Portal(app, make_key(database, organisation_id, "remediation:read", "remediation:write"))
    made = portal.post(f"/suppliers/{supplier_id}/links", {"addressee": "management", "days": 7})
    assert made.status_code == 201
    assert app.test_client().get(made.json["address"]).status_code == 200
    (listed,) = portal.get(f"/suppliers/{supplier_id}/links").json["items"]
    assert listed["id"] == made.json["id"]
    assert "address" not in listed
    assert portal.call("DELETE", f"/suppliers/{supplier_id}/links/{listed['id']}").status_code == 204
    assert app.test_client().get(made.json["address"]).status_code == 404
    assert portal.call("DELETE", f"/suppliers/{supplier_id}/links/{new_id()}").status_code == 404


class RevokingLimiter:
    """Counts no requests, and has the link of one revoked by the buyer as soon as it was let in."""

    def __init__(self, database: Database) -> None:
        self.database = database

    def hit(self, link: links.ActiveLink) -> rate_limit.Hit:
        with self.database.for_organisation(link.organisation_id) as session:
            links.revoke_link(session, link.supplier_id, link.id, "user:ana")
        return rate_limit.Hit(allowed=True, limit=60, remaining=59, seconds=60)


@pytest.mark.parametrize(
    ("page", "fields"),
    [
        ("/questionnaire/{}/open", {}),
        ("/questionnaire/{}/sections/1", {"name": "Another Cannery", "seen-name": "0"}),
        ("/questionnaire/{}/sections/1/links", {"addressee": "recruitment"}),
        ("/questionnaire/{}/send", {"confirmed": "yes"}),
        ("/shared/{}/open", {}),
    ],
)
def test_nothing_is_saved_through_a_link_that_is_revoked_while_a_request_is_under_way(
    app: Flask, database: Database, supplier: tuple[str, str], page: str, fields: dict[str, str]
):
    organisation_id, supplier_id = supplier
    with database.for_organisation(organisation_id) as session:
        asked = session.get_one(Supplier, supplier_id)
        if page.startswith("/questionnaire"):
            sent = create_request(session, asked, "site", "the manager", now().date(), "user:ana")
            session.flush()
            until = now() + timedelta(days=30)
            _, token = links.create_questionnaire_link(session, sent, "management", until, "user:ana")
        else:
            _, token = links.create_link(session, asked, "management", 30, "user:ana")
    app.extensions["link_limiter"] = RevokingLimiter(database)
    assert app.test_client().post(page.format(token), data=fields).status_code == 404
    assert [action for _, action in list_actions(database, organisation_id)][-1] == "link.revoked"
    with database.for_organisation(organisation_id) as session:
        assert session.scalars(select(DraftAnswer)).all() == []
        (link,) = links.list_links(session, supplier_id)
        assert link.opened_at is None
