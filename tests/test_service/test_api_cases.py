"""Case records through the API: opened, read, added to and closed by keys that may; no person in a body, an answer or the log."""

import pytest
from callers import make_browser, make_organisation, make_user
from flask import Flask
from portal import Portal, make_portal, run_jobs
from sheets import text

from service.blob_store import BlobStore
from service.db.session import Database

LOCKED = {"finding": "locked_in", "phase": "work", "source": "grievance", "found_on": "2026-10-30"}
CASE = {
    "number": "C-1",
    "linked_reference": "S-1",
    "nationality": "MM",
    "job": "Packer",
    "people": 12,
    "acts": ["transport"],
}
SITE = {"name": "Blue Pier Cannery", "country": "TH", "sector": ["1020"]}
SHEET = text("| Case | Site reference | Finding | Phase |", "| C-9 | S-1 | Locked in | at work |")


@pytest.fixture
def harbour(database: Database) -> str:
    return make_organisation(database)


@pytest.fixture
def portal(app: Flask, harbour: str) -> Portal:
    portal = make_portal(app, harbour)
    assert portal.put("/suppliers/S-1", SITE).status_code == 201
    return portal


def test_a_case_is_opened_read_added_to_and_closed(portal: Portal):
    answer = portal.post("/cases", {**CASE, "findings": [LOCKED]})
    assert answer.status_code == 201
    address = answer.headers["Location"].removeprefix("/api/v1")
    body = portal.get(address).json
    assert body == answer.json
    assert (body["number"], body["strength"], body["state"]) == ("C-1", "emergency", "open")
    assert (body["cohort"]["nationality"], body["acts"]) == ("MM", ["transport"])
    assert body["first_steps"][0]["id"] == "keep_people_safe"
    assert body["first_steps"][0]["within_hours"] == 6
    assert portal.get("/suppliers/S-1").json["case_evidence"] == "emergency"

    added = portal.post(f"{address}/findings", {"finding": "violence", "phase": "work", "found": False})
    assert added.status_code == 201
    assert [(f["number"], f["finding"], f["found"]) for f in added.json["findings"]] == [
        (1, "locked_in", True), (2, "violence", False),
    ]  # fmt: skip

    closed = portal.post(f"{address}/close", {"outcome": "remedied"}).json
    assert (closed["state"], closed["outcome"], closed["first_steps"]) == ("closed", "remedied", [])
    assert portal.get("/suppliers/S-1").json["case_evidence"] == "none_recorded"
    history = portal.get("/suppliers/S-1/assessments").json["items"]
    assert len(history) == 4
    strengths = [portal.get(f"/assessments/{one['id']}").json["case_evidence"] for one in history]
    assert strengths == ["none_recorded", "emergency", "emergency", "none_recorded"]


def test_cases_are_listed_the_strongest_first_by_state_and_supplier(portal: Portal):
    for number, findings in (("C-1", []), ("C-2", [LOCKED])):
        portal.post("/cases", {**CASE, "number": number, "findings": findings})
    elsewhere = portal.post("/cases", {"number": "C-3", "findings": [LOCKED]}).json
    portal.post(f"/cases/{elsewhere['id']}/close", {"outcome": "entered_by_mistake"})
    site = portal.get("/suppliers/S-1").json["id"]

    def numbers(query: str) -> list[str]:
        return [case["number"] for case in portal.get(f"/cases{query}").json["items"]]

    assert numbers("?state=open") == ["C-2", "C-1"]
    assert numbers("?state=closed") == ["C-3"]
    assert numbers(f"?supplier_id={site}") == ["C-2", "C-1"]
    first = portal.get("/cases?limit=1").json
    assert [case["number"] for case in first["items"]] == ["C-3"]  # equally strong, and the newer
    assert [c["number"] for c in portal.get(first["next"].removeprefix("/api/v1")).json["items"]] == ["C-2"]


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"number": "told by Somchai Jaidee"}, "person.name"),
        ({"findings": [{**LOCKED, "note": "ring +66 81 234 5678"}]}, "person.phone"),
        ({"job": "passport MB1234567"}, "person.identity_number"),
        ({"linked_name": "somchai.j@mail.example"}, "person.email"),
        ({"worker_name": "x"}, "field.unknown"),
        ({"findings": [{"finding": "no_such_thing"}]}, "field.value"),
        ({"people": 0}, "field.value"),
    ],
)
def test_a_body_that_names_a_person_or_is_no_case_is_refused_and_not_repeated(
    portal: Portal, capfd: pytest.CaptureFixture[str], change: dict[str, object], code: str
):
    answer = portal.post("/cases", {**CASE, **change})
    assert (answer.status_code, answer.content_type, answer.json["code"]) == (422, "application/problem+json", code)
    everything = answer.get_data(as_text=True) + "".join(capfd.readouterr())
    assert not [word for word in ("Somchai", "somchai", "234 5678", "MB1234567") if word in everything]
    assert portal.get("/cases").json["items"] == []


def test_a_number_in_use_is_a_conflict_and_a_closed_case_is_closed_once(portal: Portal):
    case = portal.post("/cases", CASE).json
    again = portal.post("/cases", CASE)
    assert (again.status_code, again.json["code"]) == (409, "case.taken")
    assert portal.post(f"/cases/{case['id']}/close", {"outcome": "passed_on"}).status_code == 200
    twice = portal.post(f"/cases/{case['id']}/close", {"outcome": "passed_on"})
    assert (twice.status_code, twice.json["code"]) == (409, "case.closed")


def test_a_key_that_sends_files_but_handles_no_cases_leaves_none_of_them(
    app: Flask, database: Database, portal: Portal, harbour: str
):
    blobs = BlobStore(app.extensions["settings"].files)
    sender = make_portal(app, harbour, "imports:write", "cases:read")
    refused = sender.send("cases.csv", SHEET, confirm="true").json["id"]
    run_jobs(database, blobs)
    document = sender.get(f"/imports/{refused}").json
    assert (document["state"], document["problem"]["code"]) == ("refused", "cases.closed")
    assert blobs.list_digests() == ()
    body = portal.send("cases.csv", SHEET, confirm="true").json["id"]
    run_jobs(database, blobs)
    assert portal.get(f"/imports/{body}").json["state"] == "done"
    assert [case["number"] for case in portal.get("/cases").json["items"]] == ["C-9"]


def test_an_import_of_cases_is_open_to_those_who_may_read_them_alone(
    app: Flask, database: Database, portal: Portal, harbour: str
):
    sent = portal.send("cases.csv", SHEET).json["id"]
    run_jobs(database, BlobStore(app.extensions["settings"].files))
    answer = make_portal(app, harbour, "imports:write").get(f"/imports/{sent}")
    assert (answer.status_code, answer.json["code"]) == (403, "import.closed")
    statuses = {
        role: make_browser(app, make_user(database, harbour, role)).get(f"/imports/{sent}").status_code
        for role in ("admin", "case_handler", "officer", "viewer", "approver")
    }
    assert statuses == {"admin": 200, "case_handler": 200, "officer": 403, "viewer": 403, "approver": 403}
