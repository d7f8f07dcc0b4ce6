"""Test the API of findings and steps: what a key may read and change, and what takes people."""

import pytest
from callers import make_organisation, make_user
from flask import Flask
from portal import make_portal
from sqlalchemy import select
from test_taking_findings import HELD, SITE, save

from service.db.remediation_tables import Finding, Step
from service.db.session import Database

SCOPES = ("remediation:read", "remediation:write")


class Plan:
    """A site with findings and steps, and the portal that works on them."""

    def __init__(self, app: Flask, database: Database) -> None:
        self.id = make_organisation(database)
        self.officer = make_user(database, self.id)
        with database.for_organisation(self.id) as session:
            self.site = save(session, {**SITE, **HELD}).id
            self.finding = session.scalars(select(Finding.id).where(Finding.about == "papers_withheld")).one()
            self.step = session.scalars(select(Step.id).where(Step.action == "return_papers")).one()
            hidden = session.scalars(select(Step).where(Step.id != self.step)).first()
            hidden.worker_derived, self.hidden = True, hidden.id
        self.portal = make_portal(app, self.id, *SCOPES)


@pytest.fixture
def plan(app: Flask, database: Database) -> Plan:
    return Plan(app, database)


def test_findings_and_steps_are_listed_as_far_as_the_key_may_see_them(plan: Plan):
    findings = plan.portal.get(f"/findings?supplier_id={plan.site}").json["items"]
    assert plan.finding in {finding["id"] for finding in findings}
    steps = plan.portal.get("/steps").json["items"]
    assert plan.hidden not in {step["id"] for step in steps}
    assert plan.portal.get(f"/steps/{plan.hidden}").status_code == 404
    (step,) = [step for step in steps if step["id"] == plan.step]
    assert plan.finding in step["findings"]
    safety = [step["safety"] for step in steps]
    assert safety == sorted(safety, reverse=True)


def test_a_step_changes_only_in_the_version_that_was_read(plan: Plan):
    read = plan.portal.get(f"/steps/{plan.step}")
    body = {"owner_id": plan.officer, "state": "agreed"}
    changed = plan.portal.call("PATCH", f"/steps/{plan.step}", json=body, headers={"If-Match": read.headers["ETag"]})
    assert (changed.status_code, changed.json["state"], changed.json["owner_id"]) == (200, "agreed", plan.officer)
    again = plan.portal.call("PATCH", f"/steps/{plan.step}", json=body, headers={"If-Match": read.headers["ETag"]})
    assert (again.status_code, again.json["code"]) == (412, "precondition.failed")
    moved = plan.portal.call("PATCH", f"/steps/{plan.step}", json={"due": "2030-01-01"})
    assert (moved.status_code, moved.json["code"]) == (422, "transition.reason")


@pytest.mark.parametrize(("state", "code"), [("verified", "transition.not_allowed"), ("closed", "transition.by_key")])
def test_a_key_neither_verifies_nor_closes_a_step(plan: Plan, database: Database, state: str, code: str):
    with database.for_organisation(plan.id) as session:
        session.get_one(Step, plan.step).state = "evidence_in" if state == "verified" else "verified"
    refused = plan.portal.call("PATCH", f"/steps/{plan.step}", json={"state": state})
    assert refused.json["code"] == code


def test_a_key_that_nobody_answers_for_submits_no_evidence(plan: Plan):
    body = {"kind": "document", "reference": "Receipts 1 to 80"}
    refused = plan.portal.post(f"/steps/{plan.step}/evidence", body)
    assert (refused.status_code, refused.json["code"]) == (403, "evidence.nobody")


def test_a_finding_is_described_and_disputed_with_a_reason(plan: Plan):
    path = f"/findings/{plan.finding}"
    assert plan.portal.call("PATCH", path, json={"scale": 3}).json["scale"] == 3
    assert plan.portal.call("PATCH", path, json={"state": "disputed"}).json["code"] == "transition.reason"
    disputed = plan.portal.call("PATCH", path, json={"state": "disputed", "reason": "It is another site."})
    assert disputed.json["state"] == "disputed"
    assert plan.portal.call("PATCH", path, json={"state": "closed", "reason": "It is."}).json["code"] == (
        "transition.by_key"
    )
