"""Case records through the API: opened, read, added to and closed by keys that may; no person in a body, an answer or the log."""

import pytest
from callers import make_browser, make_organisation, make_user
from diligence_client.api.assessments import get_assessment
from diligence_client.api.cases import add_finding, close_case, get_case, list_cases, open_case
from diligence_client.api.suppliers import get_supplier, list_supplier_assessments
from diligence_client.models import CaseClosing, NewCase, NewFinding
from flask import Flask
from portal import Portal, make_portal, run_jobs
from sheets import text

from service.clock import now
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
    client = portal.client
    answer = open_case.sync_detailed(client=client, body=NewCase(**CASE, findings=[NewFinding(**LOCKED)]))
    assert answer.status_code == 201
    case = answer.parsed
    assert answer.headers["Location"] == f"/api/v1/cases/{case.id}"
    assert get_case.sync(case.id, client=client) == case
    assert (case.number, case.strength, case.state) == ("C-1", "emergency", "open")
    assert (case.cohort["nationality"], case.acts) == ("MM", ["transport"])
    first = [(step.id, step.within_hours) for step in case.first_steps[:2]]
    assert first == [("prepare_referral", 6), ("keep_people_safe", 6)]  # referral comes before any contact with workers
    assert get_supplier.sync("S-1", client=client).case_evidence == "emergency"

    added = add_finding.sync(case.id, client=client, body=NewFinding("violence", phase="work", found=False))
    assert [(f.number, f.finding, f.found) for f in added.findings] == [(1, "locked_in", True), (2, "violence", False)]

    history = list_supplier_assessments.sync("S-1", client=client).items
    strengths = [get_assessment.sync(one.id, client=client).case_evidence for one in history]
    assert strengths == ["emergency", "emergency", "none_recorded"]


def test_a_case_below_an_emergency_is_closed(portal: Portal):
    client = portal.client
    case = open_case.sync(client=client, body=NewCase(**CASE, findings=[NewFinding("papers_held", phase="work")]))
    closed = close_case.sync(case.id, client=client, body=CaseClosing("remedied"))
    assert (closed.state, closed.outcome, closed.closing) == ("closed", "remedied", None)
    assert get_supplier.sync("S-1", client=client).case_evidence == "none_recorded"


def test_a_key_can_only_propose_to_close_an_emergency(portal: Portal):
    case = portal.post("/cases", {**CASE, "findings": [LOCKED]}).json
    close = f"/cases/{case['id']}/close"
    without = portal.post(close, {"outcome": "remedied"})
    assert (without.status_code, without.json["code"]) == (422, "case.closing_check")
    spoken = {"checked_on": now().date().isoformat(), "workers": 7, "chosen_by": "workers"}
    no_day = portal.post(close, {"outcome": "remedied", **spoken, "checked_on": "2026-02-31"})
    assert (no_day.status_code, no_day.json["code"]) == (422, "field.value")
    for _ in range(2):  # proposing twice does not close it either
        proposed = portal.post(close, {"outcome": "remedied", **spoken}).json
        assert (proposed["state"], proposed["outcome"]) == ("open", None)
        assert {name: proposed["closing"][name] for name in spoken} == spoken
    assert proposed["closing"]["by"].startswith("key:")
    assert portal.get("/cases").json["items"][0]["closing"]["outcome"] == "remedied"


def test_cases_are_listed_the_strongest_first_by_state_and_supplier(portal: Portal):
    client, locked = portal.client, NewFinding(**LOCKED)
    for number, findings in (("C-1", []), ("C-2", [locked])):
        open_case.sync(client=client, body=NewCase(**CASE | {"number": number}, findings=findings))
    elsewhere = open_case.sync(client=client, body=NewCase("C-3", findings=[NewFinding("papers_held", phase="work")]))
    close_case.sync(elsewhere.id, client=client, body=CaseClosing("entered_by_mistake"))
    open_case.sync(client=client, body=NewCase("C-4", findings=[locked]))
    site = get_supplier.sync("S-1", client=client).id

    def numbers(**narrowed: str) -> list[str]:
        return [case.number for case in list_cases.sync(client=client, **narrowed).items]

    assert numbers(state="open") == ["C-4", "C-2", "C-1"]
    assert numbers(state="closed") == ["C-3"]
    assert numbers(supplier_id=site) == ["C-2", "C-1"]
    first = portal.get("/cases?limit=1").json
    assert [case["number"] for case in first["items"]] == ["C-4"]  # equally strong, and the newer
    assert [c["number"] for c in portal.get(first["next"].removeprefix("/api/v1")).json["items"]] == ["C-2"]


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"number": "told by Somchai Jaidee"}, "person.name"),
        ({"linked_name": "ring +66 81 234 5678"}, "person.phone"),
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


def test_a_note_that_names_a_person_is_removed_and_the_response_says_so(portal: Portal):
    note = "told by Mr Somchai Jaidee"
    case = portal.post("/cases", {**CASE, "findings": [{**LOCKED, "note": note}, {**LOCKED, "note": "gate chained"}]})
    assert (case.status_code, case.json["strength"]) == (201, "emergency")
    assert [finding["note"] for finding in case.json["findings"]] == [None, "gate chained"]
    assert [issue["code"] for issue in case.json["issues"]] == ["note.removed"]
    added = portal.post(f"/cases/{case.json['id']}/findings", {**LOCKED, "note": note})
    assert (added.status_code, [issue["question"] for issue in added.json["issues"]]) == (201, ["Note"])
    assert "Somchai" not in case.get_data(as_text=True) + added.get_data(as_text=True)
    assert "issues" not in portal.get(f"/cases/{case.json['id']}").json


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
    blobs = app.extensions["blob_store"]
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
    run_jobs(database, app.extensions["blob_store"])
    answer = make_portal(app, harbour, "imports:write").get(f"/imports/{sent}")
    assert (answer.status_code, answer.json["code"]) == (403, "import.closed")
    statuses = {
        role: make_browser(app, make_user(database, harbour, role)).get(f"/imports/{sent}").status_code
        for role in ("admin", "case_handler", "officer", "viewer", "approver")
    }
    assert statuses == {"admin": 200, "case_handler": 200, "officer": 403, "viewer": 403, "approver": 403}


def test_a_note_that_may_point_to_one_person_is_saved_with_a_warning(portal: Portal):
    finding = {**LOCKED, "note": "room 14, bed 12"}
    case = portal.post("/cases", {**CASE, "findings": [finding]}).json
    assert [(warning["code"], warning["seen"]) for warning in case["warnings"]] == [("note.one_person", "")]
    assert case["findings"][0]["note"] == finding["note"]
    assert "warnings" not in portal.get(f"/cases/{case['id']}").json


def test_a_case_and_its_note_are_corrected_and_the_case_deleted(portal: Portal):
    sent = {**CASE, "findings": [{**LOCKED, "finding": "papers_held", "note": "taken at the gate"}]}
    case = portal.post("/cases", sent, Idempotency_Key="one").json
    address = f"/cases/{case['id']}"
    corrected = portal.call("PATCH", f"{address}/findings/1", json={"note": "the only woman on deck"}).json
    assert (corrected["findings"][0]["note"], corrected["warnings"][0]["code"]) == (
        "the only woman on deck", "note.one_person",
    )  # fmt: skip
    assert portal.call("PATCH", f"{address}/findings/1", json={"note": ""}).json["findings"][0]["note"] is None
    assert portal.call("PATCH", f"{address}/findings/9", json={"note": ""}).status_code == 404
    assert portal.call("PATCH", f"{address}/findings/x", json={"note": ""}).status_code == 404
    named = portal.call("PATCH", address, json={"number": "C-5", "job": ""}).json
    assert (named["number"], named["cohort"]["job"], named["strength"]) == ("C-5", None, case["strength"])
    again = portal.post("/cases", sent, Idempotency_Key="one")
    assert (again.status_code, again.content_type, again.json["code"]) == (
        410, "application/problem+json", "idempotency.withdrawn",
    )  # fmt: skip
    assert portal.call("DELETE", address).status_code == 422
    assert portal.call("DELETE", f"{address}?reason=duplicate").status_code == 204
    assert portal.get(address).status_code == 404
    assert get_supplier.sync("S-1", client=portal.client).case_evidence == "none_recorded"
