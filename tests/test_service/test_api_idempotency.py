"""Requests that come again, and requests that come too often."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from callers import freeze_time, make_organisation
from flask import Flask
from portal import Portal, make_portal
from sqlalchemy import select

from service.db.idempotency_tables import IdempotentResponse
from service.db.session import Database
from service.settings import Settings
from service.wiring.app import create_app

SCHEDULE = {"name": "Every morning", "rule": {"kind": "rolling", "time": "06:00"}, "time_zone": "Asia/Bangkok"}
CSV = b"Supplier name,Country,Sector\nBlue Pier Cannery,Thailand,1020\n"


@pytest.fixture
def portal(app: Flask, database: Database) -> Portal:
    return make_portal(app, make_organisation(database))


def test_a_request_that_comes_again_gets_its_first_answer_and_has_one_effect(portal: Portal):
    first = portal.post("/schedules", SCHEDULE, Idempotency_Key="monday")
    again = portal.post("/schedules", SCHEDULE, Idempotency_Key="monday")
    assert (again.status_code, again.json, again.location) == (201, first.json, first.location)
    assert "Idempotency-Replayed" not in first.headers
    assert again.headers["Idempotency-Replayed"] == "true"
    assert len(portal.get("/schedules").json["items"]) == 1
    assert portal.post("/schedules", SCHEDULE).json["id"] != first.json["id"]


def test_a_key_that_was_used_for_something_else_is_refused(portal: Portal):
    portal.post("/schedules", SCHEDULE, Idempotency_Key="monday")
    other_body = portal.post("/schedules", {**SCHEDULE, "name": "Another"}, Idempotency_Key="monday")
    other_route = portal.post("/reports", SCHEDULE | {"format": "csv"}, Idempotency_Key="monday")
    assert (other_body.status_code, other_body.json["code"]) == (422, "idempotency.reused")
    assert other_route.status_code == 422
    assert len(portal.get("/schedules").json["items"]) == 1


def test_the_order_of_fields_makes_no_other_request(portal: Portal):
    first = portal.post("/schedules", SCHEDULE, Idempotency_Key="monday")
    turned = dict(reversed(SCHEDULE.items()))
    assert portal.post("/schedules", turned, Idempotency_Key="monday").json == first.json


def test_a_key_holds_for_a_request_that_stores_nothing_else(portal: Portal):
    first, again = (portal.post("/assessments", {"country": "TH"}, Idempotency_Key="gate-1") for _ in range(2))
    assert (first.status_code, again.status_code, again.json) == (200, 200, first.json)
    assert again.headers["Idempotency-Replayed"] == "true"


def test_a_refused_request_may_be_corrected_under_its_key(portal: Portal):
    assert portal.post("/schedules", {**SCHEDULE, "time_zone": "Nowhere"}, Idempotency_Key="monday").status_code == 422
    assert portal.post("/schedules", SCHEDULE, Idempotency_Key="monday").status_code == 201


def test_an_answer_that_cannot_be_stored_takes_its_effect_back(portal: Portal, monkeypatch: pytest.MonkeyPatch):
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("service.api.idempotency.store", full)
    assert portal.post("/schedules", SCHEDULE, Idempotency_Key="monday").status_code == 503
    assert portal.get("/schedules").json["items"] == []


def test_keys_of_two_callers_are_two_keys(app: Flask, database: Database):
    ours = make_organisation(database, "Pier Retail")
    first, colleague = make_portal(app, ours), make_portal(app, ours)
    stranger = make_portal(app, make_organisation(database, "Quay Textiles"))
    answers = [one.post("/schedules", SCHEDULE, Idempotency_Key="monday") for one in (first, colleague, stranger)]
    assert [answer.status_code for answer in answers] == [201, 201, 201]
    assert not [answer for answer in answers if "Idempotency-Replayed" in answer.headers]


def test_the_same_body_sent_to_another_address_is_another_request(portal: Portal):
    for reference in ("S-1", "S-2", "S-3"):
        portal.put(f"/suppliers/{reference}", {"country": "TH"})
    assert portal.post("/suppliers/S-1/merge", {"into": "S-3"}, Idempotency_Key="monday").status_code == 200
    other = portal.post("/suppliers/S-2/merge", {"into": "S-3"}, Idempotency_Key="monday")
    assert (other.status_code, other.json["code"]) == (422, "idempotency.reused")
    assert portal.get("/suppliers/S-2").json["reference"] == "S-2"


def test_answers_are_deleted_once_their_day_is_over(
    portal: Portal, database: Database, monkeypatch: pytest.MonkeyPatch
):
    start = datetime(2026, 11, 1, 12, 0, tzinfo=UTC)
    for hours, key in ((0, "monday"), (23, "evening"), (25, "tuesday")):
        freeze_time(monkeypatch, start + timedelta(hours=hours))
        portal.post("/schedules", SCHEDULE, Idempotency_Key=key)
    with database.unscoped(write=False) as session:
        stored = session.scalars(select(IdempotentResponse.key)).all()
    assert sorted(key.partition(":")[2] for key in stored) == ["evening", "tuesday"]


def test_of_two_requests_at_once_under_one_key_one_has_an_effect(portal: Portal):
    with ThreadPoolExecutor(4) as threads:
        sent = [threads.submit(portal.post, "/schedules", SCHEDULE, Idempotency_Key="monday") for _ in range(4)]
        answers = [one.result() for one in sent]
    assert {answer.status_code for answer in answers} <= {201, 409}
    assert len({answer.json["id"] for answer in answers if answer.status_code == 201}) == 1
    assert len(portal.get("/schedules").json["items"]) == 1


def test_an_answer_is_kept_for_a_day(portal: Portal, monkeypatch: pytest.MonkeyPatch):
    start = datetime(2026, 11, 1, 12, 0, tzinfo=UTC)
    freeze_time(monkeypatch, start)
    portal.post("/schedules", SCHEDULE, Idempotency_Key="monday")
    freeze_time(monkeypatch, start + timedelta(hours=23))
    assert portal.post("/schedules", SCHEDULE, Idempotency_Key="monday").headers.get("Idempotency-Replayed")
    freeze_time(monkeypatch, start + timedelta(hours=25))
    assert not portal.post("/schedules", SCHEDULE, Idempotency_Key="monday").headers.get("Idempotency-Replayed")


def test_an_upload_that_comes_again_is_one_import(portal: Portal):
    first = portal.send("suppliers.csv", CSV, once="upload-1")
    again = portal.send("suppliers.csv", CSV, once="upload-1")
    assert (again.status_code, again.json["id"]) == (202, first.json["id"])
    assert portal.send("suppliers.csv", CSV + b"Cold Fjord,Norway,1020\n", once="upload-1").status_code == 422
    assert len(portal.get("/imports").json["items"]) == 1


def test_of_two_uploads_at_once_under_one_key_one_is_taken(portal: Portal):
    with ThreadPoolExecutor(4) as threads:
        sent = [threads.submit(portal.send, "suppliers.csv", CSV, once="upload-1") for _ in range(4)]
        answers = [one.result() for one in sent]
    assert {answer.status_code for answer in answers} <= {202, 409}
    assert len(portal.get("/imports").json["items"]) == 1


@pytest.mark.parametrize("key", ["", "x" * 101, "ä"])
def test_a_key_that_is_no_key_is_refused(portal: Portal, key: str):
    answer = portal.post("/schedules", SCHEDULE, Idempotency_Key=key)
    assert (answer.status_code, answer.json["code"]) == (400, "idempotency.key")


def test_a_key_makes_so_many_requests_a_minute_over_all_processes(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    freeze_time(monkeypatch, datetime(2026, 11, 1, 12, 0, 15, tzinfo=UTC))
    settings = Settings(data=tmp_path, plain_http=True, api_per_minute=50)
    first = make_portal(create_app(settings, database), make_organisation(database))
    second = Portal(create_app(settings, database), first.key)
    answers = [portal.get("/schedules") for _ in range(40) for portal in (first, second)]
    assert sum(answer.status_code == 200 for answer in answers) == 50
    refused = answers[-1]
    assert (refused.status_code, refused.json["code"]) == (429, "too_many_requests")
    assert 1 <= int(refused.headers["Retry-After"]) <= 46
    freeze_time(monkeypatch, datetime(2026, 11, 1, 12, 1, 1, tzinfo=UTC))
    assert first.get("/schedules").status_code == second.get("/schedules").status_code == 200


def test_an_answer_tells_what_is_left_of_the_minute(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    freeze_time(monkeypatch, datetime(2026, 11, 1, 12, 0, 15, tzinfo=UTC))
    app = create_app(Settings(data=tmp_path, plain_http=True, api_per_minute=3), database)
    portal = make_portal(app, make_organisation(database))
    left = [portal.get("/schedules").headers["RateLimit-Remaining"] for _ in range(4)]
    assert left == ["2", "1", "0", "0"]
    headers = portal.get("/schedules").headers
    assert (headers["RateLimit-Limit"], headers["RateLimit-Reset"]) == ("3", "46")
    other = make_portal(app, make_organisation(database, "Quay Textiles"))
    assert other.get("/schedules").status_code == 200


def test_counting_does_not_write_with_every_request(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    freeze_time(monkeypatch, datetime(2026, 11, 1, 12, 0, 15, tzinfo=UTC))
    app = create_app(Settings(data=tmp_path, plain_http=True, api_per_minute=400), database)
    portal = make_portal(app, make_organisation(database))
    shares = []
    limiter = app.extensions["rate_limiter"]
    next_share = limiter._next_share
    monkeypatch.setattr(limiter, "_next_share", lambda *args: shares.append(1) or next_share(*args))
    for _ in range(100):
        portal.get("/schedules")
    assert len(shares) <= 8
