"""Who did what about a supplier: in sentences, filtered, as a file and through the API, and nothing that a reader may not see."""

import json

from callers import make_browser, make_organisation, make_user
from flask import Flask
from portal import make_portal
from sqlalchemy import select
from test_erasure import work

from service.audit import record_event
from service.db.account_tables import User
from service.db.remediation_tables import Finding, Step
from service.db.session import Database
from service.db.tables import Supplier
from service.reviews.findings import queue_findings

TEXT = {"as_text": True}
LOCKED = {"finding": "locked_in", "phase": "work", "source": "grievance", "found_on": "2026-10-30"}
CASE = {"number": "C-1", "linked_reference": "S-1", "people": 12, "acts": ["transport"], "findings": [LOCKED]}


def test_a_reader_sees_who_did_what_but_nothing_that_only_workers_said(app: Flask, database: Database):
    organisation_id = make_organisation(database)
    portal = make_portal(app, organisation_id)
    officer, viewer = (make_browser(app, make_user(database, organisation_id, role)) for role in ("officer", "viewer"))
    for reference in ("S-1", "S-2"):
        portal.put(f"/suppliers/{reference}", {"name": "Blue Pier", "country": "TH", "sector": ["1020"]})
    portal.post("/suppliers/S-1/questionnaires", {"form": "site", "sent_to": "Site"})
    case = portal.post("/cases", CASE)
    assert case.status_code == 201, case.text
    queue_findings(database)
    work(portal)
    with database.for_organisation(organisation_id) as session:
        site = session.scalars(select(Supplier).where(Supplier.reference == "S-1")).one()
        finding = session.scalars(select(Finding).where(Finding.supplier_id == site.id, Finding.worker_derived)).first()
        for user_id, name in session.execute(select(User.id, User.name).where(User.role == "officer")):
            changed = {"from": "open", "to": "in_progress"}
            record_event(session, f"user:{user_id}", "finding.state_changed", "finding", finding.id, changed)
            who = name
    page = officer.get(f"/suppliers/{site.id}/activity").get_data(**TEXT)
    assert f"{who} changed the state of a finding from open to in progress." in page
    assert "API key" in page
    assert "saved answers and assessed the supplier" in page
    assert "opened a case record" not in page  # officers do not handle cases
    filtered = officer.get(f"/suppliers/{site.id}/activity?object_type=finding").get_data(**TEXT)
    assert ("a finding" in filtered, "saved answers" in filtered) == (True, False)
    assert "saved answers" not in officer.get(f"/suppliers/{site.id}/activity?until=2020-01-01").get_data(**TEXT)
    seen = viewer.get(f"/suppliers/{site.id}/activity").get_data(**TEXT)
    assert "saved answers and assessed the supplier" in seen
    assert not [
        word for word in ("finding", "case record", "reassessed", "retaliation") if f" {word}" in seen.split("<ul")[-1]
    ]
    assert viewer.get(f"/suppliers/{site.id}/activity.jsonl").status_code == 403
    lines = [
        json.loads(line) for line in officer.get(f"/suppliers/{site.id}/activity.jsonl").get_data(**TEXT).splitlines()
    ]
    assert {"finding", "site"} <= {line["object_type"] for line in lines}
    assert "case" not in {line["object_type"] for line in lines}
    assert officer.get(f"/suppliers/{site.id}/activity.xlsx").data.startswith(b"PK")
    assert officer.get(f"/suppliers/{site.id}/activity.pdf").status_code == 404
    with database.unscoped(write=False) as session:
        assert session.scalars(select(Step.id)).all()  # there was something to leave out
    everything = portal.get(f"/suppliers/{site.id}/activity?limit=200").json["items"]
    assert {"case", "finding", "site"} <= {event["object_type"] for event in everything}
    assert portal.get("/suppliers/S-2/activity").json["items"][0]["object_type"] == "site"
