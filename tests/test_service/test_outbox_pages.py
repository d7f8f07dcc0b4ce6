"""Admins see what leaves, send what was held, and set up webhooks, on pages."""

import re
from datetime import timedelta
from email import message_from_bytes

import pytest
from callers import make_browser, make_key, make_organisation, make_user, send
from flask import Flask
from flask.testing import FlaskClient
from portal import make_portal
from sqlalchemy import select, update

from service.clock import now
from service.db.outbox_tables import Message, WebhookEndpoint
from service.db.session import Database
from service.outbox.events import EventType, list_events
from service.outbox.messages import measure_oldest, purge_messages
from service.outbox.queue import Event, queue_events


@pytest.fixture
def organisation_id(database: Database) -> str:
    return make_organisation(database)


@pytest.fixture
def admin(app: Flask, database: Database, organisation_id: str, quick_hashes: None) -> FlaskClient:
    return make_browser(app, make_user(database, organisation_id, "admin"))


def hold_mail(database: Database, organisation_id: str, state: str = "held") -> str:
    with database.for_organisation(organisation_id) as session:
        queue_events(session, Event(code="case.emergency", occasion=state, payload={"case_id": "c1"}))
        session.execute(update(Message).where(Message.occasion == state).values(state=state, finished_at=now()))
        return session.scalars(select(Message.id).where(Message.occasion == state)).one()


def read_message(database: Database, organisation_id: str) -> Message:
    with database.for_organisation(organisation_id, write=False) as session:
        return session.scalars(select(Message)).one()


def test_a_mail_that_is_held_can_be_downloaded_and_marked_as_sent(
    admin: FlaskClient, database: Database, organisation_id: str
):
    message_id = hold_mail(database, organisation_id)
    page = admin.get("/messages?state=held").get_data(as_text=True)
    assert "No mail server is set" in page
    assert f"/messages/{message_id}/file" in page
    mail = message_from_bytes(admin.get(f"/messages/{message_id}/file").data)
    assert mail["Subject"] == "Emergency: a case needs your attention now"
    assert "/cases/c1" in mail.get_payload()
    send(admin, f"/messages/{message_id}/sent")
    message = read_message(database, organisation_id)
    assert (message.state, message.code) == ("sent", "sent_by_hand")
    assert send(admin, f"/messages/{message_id}/retry").status_code == 409


def test_a_message_that_failed_can_be_tried_for_another_day(
    admin: FlaskClient, database: Database, organisation_id: str
):
    message_id = hold_mail(database, organisation_id, "given_up")
    assert send(admin, f"/messages/{message_id}/retry").status_code == 303
    message = read_message(database, organisation_id)
    assert (message.state, message.code) == ("queued", None)
    assert message.give_up_at > now() + timedelta(hours=23)
    assert "No attempts yet." in admin.get(f"/messages/{message_id}").get_data(as_text=True)


def test_the_secret_of_an_endpoint_is_shown_once(admin: FlaskClient, database: Database):
    page = send(admin, "/webhooks", url="https://erp.example/hook", events="level.changed").get_data(as_text=True)
    secret = re.search(r"whsec_[A-Za-z0-9+/=]+", page)
    assert secret is not None
    later = admin.get("/webhooks").get_data(as_text=True)
    assert "https://erp.example/hook" in later
    assert "whsec_" not in later
    with database.unscoped(write=False) as session:
        endpoint_id = session.scalars(select(WebhookEndpoint.id)).one()
    rotated = send(admin, f"/webhooks/{endpoint_id}/secret").get_data(as_text=True)
    assert "whsec_" in rotated
    assert secret[0] not in rotated
    send(admin, f"/webhooks/{endpoint_id}", enabled="0")
    assert "Enable" in admin.get("/webhooks").get_data(as_text=True)
    send(admin, f"/webhooks/{endpoint_id}/delete")
    assert "No webhook endpoints yet." in admin.get("/webhooks").get_data(as_text=True)


@pytest.mark.parametrize(
    "fields", [{"url": "http://erp.example/", "events": "level.changed"}, {"url": "https://erp.example/"}]
)
def test_an_endpoint_that_is_refused_says_why(admin: FlaskClient, fields: dict[str, str]):
    answer = send(admin, "/webhooks", **fields)
    assert answer.status_code == 422
    assert 'role="alert"' in answer.get_data(as_text=True)


def test_the_text_of_a_mail_is_previewed_and_saved(admin: FlaskClient):
    text = {"subject": "Soon: {due}", "body": "See {link}"}
    shown = send(admin, "/mail-texts/step.due/en", do="preview", **text).get_data(as_text=True)
    assert "Soon: 4 Dec 2026" in shown
    assert "Soon" not in admin.get("/mail-texts").get_data(as_text=True)
    send(admin, "/mail-texts/step.due/en", do="save", **text)
    assert "Soon: {due}" in admin.get("/mail-texts").get_data(as_text=True)
    refused = send(admin, "/mail-texts/step.due/en", do="save", subject="{name}", body="x")
    assert refused.status_code == 422
    assert admin.get("/mail-texts/step.due/th").status_code == 404, "emails to users are in English only"
    assert admin.get("/mail-texts/link.sent/th").status_code == 200
    send(admin, "/mail-texts/step.due/en/reset")
    assert "Soon" not in admin.get("/mail-texts").get_data(as_text=True)


def test_the_metrics_give_the_age_of_the_oldest_message_that_waits(
    app: Flask, database: Database, organisation_id: str, admin: FlaskClient
):
    hold_mail(database, organisation_id)
    assert measure_oldest(database)["mail"] == 0.0
    hold_mail(database, organisation_id, "queued")
    with database.unscoped() as session:
        session.execute(update(Message).values(created_at=now() - timedelta(hours=1)))
    assert measure_oldest(database)["mail"] >= 3600
    key = make_key(database, organisation_id, "metrics:read")
    metrics = app.test_client().get("/metrics", headers=key).get_data(as_text=True)
    assert 'diligence_oldest_message_age_seconds{kind="webhook"} 0.0' in metrics


def test_messages_that_ended_are_purged_and_those_that_wait_are_kept(
    database: Database, organisation_id: str, admin: FlaskClient
):
    for state in ("sent", "queued"):
        hold_mail(database, organisation_id, state)
    later, long_ago = now() + timedelta(days=1), now() - timedelta(days=1)
    with database.for_organisation(organisation_id) as session:
        assert purge_messages(session, later, long_ago) == 1
    assert read_message(database, organisation_id).state == "queued"


def test_the_api_manages_endpoints_and_makes_a_call_again(app: Flask, database: Database, organisation_id: str):
    portal = make_portal(app, organisation_id, "webhooks:manage")
    made = portal.post("/webhooks", {"url": "https://erp.example/hook", "events": ["step.closed"]})
    assert (made.status_code, made.json["secret"][:6], made.json["enabled"]) == (201, "whsec_", True)
    path = made.headers["Location"].removeprefix("/api/v1")
    tag = portal.get(path).headers["ETag"]
    assert "secret" not in portal.get(path).json
    changed = portal.call("PATCH", path, json={"enabled": False}, headers={"If-Match": tag})
    assert (changed.status_code, changed.json["disabled_code"]) == (200, "disabled_by_hand")
    assert portal.call("PATCH", path, json={"enabled": True}, headers={"If-Match": tag}).status_code == 412
    assert portal.call("PATCH", path, json={"enabled": True}, headers={"If-Match": changed.headers["ETag"]}).json[
        "enabled"
    ]
    assert portal.post(f"{path}/secret").json["secret"] != made.json["secret"]
    with database.for_organisation(organisation_id) as session:
        queue_events(session, Event(code="step.closed", occasion="1", payload={"step_id": "s1"}))
        session.execute(update(Message).values(state="sent", finished_at=now()))
    (listed,) = portal.get(f"{path}/deliveries").json["items"]
    assert listed["payload"] == {"step_id": "s1"}
    again = portal.post(f"{path}/deliveries/{listed['id']}/retry")
    assert (again.status_code, again.json["state"], again.json["log"]) == (202, "queued", [])
    assert portal.get("/messages").status_code == 403
    assert portal.call("DELETE", path).status_code == 204


def test_the_api_changes_the_texts_of_emails(app: Flask, organisation_id: str):
    portal = make_portal(app, organisation_id, "admin")
    path = "/mail-texts/step.due/en"
    assert portal.put(path, {"subject": "Soon: {due}", "body": "See {link}"}).json["is_own"]
    assert portal.put(path, {"subject": "{name}", "body": "x"}).json["code"] == "mail_text.placeholder"
    assert portal.call("DELETE", path).status_code == 204
    assert not any(text["is_own"] for text in portal.get("/mail-texts").json["items"])


@pytest.mark.parametrize("event", list_events().values(), ids=lambda event: event.code)
def test_the_page_that_a_mail_links_to_exists(app: Flask, event: EventType):
    for register in ("suppliers", "agencies"):
        page = event.page.partition("?")[0].replace("{register}", register)
        app.url_map.bind("localhost").match(re.sub(r"\{[a-z_]{1,40}\}", "1", page))
