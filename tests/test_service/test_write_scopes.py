"""A key that may write but not read gets back what identifies the object that it changed, and nothing else about it."""

import pytest
from callers import make_organisation
from flask import Flask
from portal import Portal, make_portal

from service.db.session import Database

SITE = {"name": "Blue Pier", "country": "TH", "sector": ["1020"]}
CASE = {"number": "C-1", "linked_reference": "S-1", "people": 12, "findings": [{"finding": "locked_in"}]}
UNIT = {"name": "Buying office"}


@pytest.fixture
def reader(app: Flask, database: Database) -> Portal:
    """A portal with every scope, whose organisation has a supplier."""
    portal = make_portal(app, make_organisation(database))
    assert portal.put("/suppliers/S-1", SITE).status_code == 201
    return portal


def make_writer(app: Flask, reader: Portal, scope: str) -> Portal:
    """A portal of the same organisation whose key has one scope."""
    made = reader.post("/keys", {"name": "Writer", "scopes": [scope], "days": 30}).json
    return Portal(app, {"Authorization": f"Bearer {made['key']}"})


def test_a_supplier_is_written_without_its_score_being_read(app: Flask, reader: Portal):
    writer, stored = make_writer(app, reader, "suppliers:write"), reader.get("/suppliers/S-1").json
    changed = writer.put("/suppliers/S-1", {**SITE, "name": "Blue Pier Cannery"})
    assert changed.status_code == 200
    assert changed.json.keys() == {"id", "version"}
    assert (changed.json["id"], changed.json["version"]) == (stored["id"], stored["version"] + 1)
    assert changed.headers["ETag"] == reader.get("/suppliers/S-1").headers["ETag"]
    assert writer.put("/suppliers/S-2", SITE).json.keys() == {"id", "version"}
    assert writer.post("/suppliers/S-2/merge", {"into": "S-1"}).json.keys() == {"id", "version"}
    assert writer.put("/buyer", UNIT).json == {}
    assert reader.put("/suppliers/S-1", SITE).json["score"] == reader.get("/suppliers/S-1").json["score"]


def test_a_case_is_recorded_without_its_records_being_read(app: Flask, reader: Portal):
    writer = make_writer(app, reader, "cases:write")
    opened = writer.post("/cases", CASE)
    assert (opened.status_code, opened.json) == (201, {"id": reader.get("/cases").json["items"][0]["id"]})
    path = f"/cases/{opened.json['id']}"
    assert writer.post(f"{path}/findings", {"finding": "violence"}).json == opened.json
    assert writer.call("PATCH", path, json={"job": "Welder"}).json == opened.json
    assert writer.call("PATCH", f"{path}/findings/1", json={"note": ""}).json == opened.json
    assert writer.get(path).status_code == 403
    assert len(reader.get(path).json["findings"]) == 2


def test_evidence_is_confirmed_without_the_other_pieces_being_read(app: Flask, reader: Portal):
    piece = {"grade": "audit", "date": "2026-05-01", "source": "SMETA-123", "covers": ["papers_retention"]}
    assert (
        reader.put("/suppliers/S-1", {**SITE, "papers_retention": "worker_holds", "evidence": [piece]}).status_code
        == 200
    )
    path = f"/suppliers/S-1/evidence/{reader.get('/suppliers/S-1/evidence').json['items'][0]['id']}"
    writer = make_writer(app, reader, "evidence:confirm")
    assert writer.post(f"{path}/confirm", {}).json == {}
    assert reader.get("/suppliers/S-1/evidence").json["items"][0]["state"] == "confirmed"
    assert writer.post(f"{path}/withdraw", {}).json == {}
    assert writer.post("/suppliers/S-1/evidence", piece).json == {}
    assert writer.get("/suppliers/S-1/evidence").status_code == 403
