"""Test agreements with suppliers, through the API and their page, and what they do to the onboarding decision."""

import re
from datetime import UTC, date, datetime, timedelta

import pytest
from callers import freeze_time, make_browser, make_organisation, make_user, send
from flask import Flask
from portal import make_portal
from sqlalchemy import select
from test_onboarding_decision import HELD_IN_DEBT, answer_well
from test_taking_findings import save
from werkzeug.test import TestResponse

from service.db.remediation_tables import Finding, PlanVersion, Step
from service.db.session import Database

pytestmark = pytest.mark.usefixtures("quick_hashes")
AT = datetime(2026, 11, 28, 12, tzinfo=UTC)  # the models of 2026.4 apply from this day
TODAY = AT.date()
AGREED = {"agreed_on": TODAY.isoformat(), "agreed_how": "meeting"}
WHOLE = {
    **AGREED, "workers_agreed_on": "2026-11-27", "spokesperson": "union",
    "cost": "12000.50", "currency": "THB", "employer_share": 80, "agency_share": 20, "buyer_share": 0,
}  # fmt: skip
SCOPES = ("suppliers:read", "remediation:read", "remediation:write")


class Case:
    """A site that admits to holding papers and to debt, and answers everything else well; and who sees to it."""

    def __init__(self, app: Flask, database: Database) -> None:
        self.database, self.id = database, make_organisation(database)
        with database.for_organisation(self.id) as session:
            self.site = save(session, {**answer_well(**HELD_IN_DEBT), "reference": "S-1"}, AT).id
        roles = {"ana": "officer", "vic": "viewer"}
        self.browsers = {name: make_browser(app, make_user(database, self.id, role)) for name, role in roles.items()}
        self.portal = make_portal(app, self.id, *SCOPES)
        self.app = app

    def put(self, body: object, **headers: str) -> TestResponse:
        return self.portal.put("/suppliers/S-1/plan", body, **headers)

    def read(self, name: str = "ana", more: str = "") -> str:
        response = self.browsers[name].get(f"/suppliers/{self.site}{more}")
        assert response.status_code == 200
        return response.get_data(as_text=True)

    def set_steps(self, due: date) -> None:
        """Agree every step, with those that protect people done, and a due date for the others."""
        with self.database.for_organisation(self.id) as session:
            for step in session.scalars(select(Step)):
                step.state, step.due = ("verified" if step.safety else "agreed"), due

    def decide(self, **body: object) -> tuple[str, set[str]]:
        answer = self.portal.post("/suppliers/S-1/decision", body)
        assert answer.status_code == 200, answer.json
        details = answer.json["decision_details"]
        return details["answer"], {reason["code"] for reason in details["reasons"]}


@pytest.fixture
def case(app: Flask, database: Database, monkeypatch: pytest.MonkeyPatch) -> Case:
    freeze_time(monkeypatch, AT)
    return Case(app, database)


def test_an_agreement_is_recorded_in_the_version_that_was_read(case: Case):
    assert case.portal.get("/suppliers/S-1/plan").status_code == 404
    first = case.put(AGREED)
    assert (first.status_code, first.json["version"], first.json["spokesperson"]) == (201, 1, None)
    second = case.put(WHOLE, If_Match=first.headers["ETag"])
    assert second.status_code == 200
    assert {name: second.json[name] for name in WHOLE} == WHOLE
    refused = case.put(AGREED, If_Match=first.headers["ETag"])
    assert (refused.status_code, refused.json["code"]) == (412, "precondition.failed")
    read = case.portal.get(f"/suppliers/{case.site}/plan")
    assert (read.json, read.headers["ETag"]) == (second.json, second.headers["ETag"])


def test_the_same_agreement_is_not_recorded_twice(case: Case):
    assert case.put(WHOLE).json == case.put(WHOLE).json
    with case.database.for_organisation(case.id, write=False) as session:
        assert len(session.scalars(select(PlanVersion)).all()) == 1


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"agreed_on": "2026-02-31"}, "field.value"),
        ({"agreed_on": "2026-11-29"}, "date.future"),
        ({"spokesperson": "the manager"}, "field.value"),
        ({"cost": "a lot"}, "plan.cost"),
        ({"employer_share": 90}, "plan.shares"),
        ({"name": "Aung"}, "field.unknown"),
    ],
)
def test_an_agreement_that_is_incomplete_is_refused(case: Case, changes: dict[str, object], code: str):
    refused = case.put({**WHOLE, **changes})
    assert (refused.status_code, refused.json["code"]) == (422, code)
    assert case.portal.get("/suppliers/S-1/plan").status_code == 404


def test_a_plan_on_time_lets_orders_go_on_and_a_late_one_does_not(case: Case):
    case.set_steps(TODAY + timedelta(days=30))
    assert case.decide()[0] == "ask"
    case.put(AGREED)
    answer, codes = case.decide()
    assert (answer, "plan.on_time" in codes) == ("proceed_with_plan", True)
    assert "Proceed with the agreed plan" in case.read()
    case.set_steps(TODAY - timedelta(days=1))
    answer, codes = case.decide()
    assert (answer, "plan.late" in codes) == ("ask", True)
    answer, codes = case.decide(supplier_informed_on="2026-10-01")
    assert (answer, "plan.late" in codes) == ("hold", True)
    assert "A step in the plan is overdue." in case.read()


def test_a_request_makes_no_stored_plan_look_better(case: Case):
    case.set_steps(TODAY - timedelta(days=1))
    case.put(AGREED)
    sent = {"agreed_on": AGREED["agreed_on"], "covers": ["papers_withheld", "debt_bondage"]}
    sent["steps"] = [
        {"action": step, "state": "done"} for step in ("prepare_referral", "reach_people", "return_papers")
    ]
    answer, codes = case.decide(supplier_informed_on="2026-10-01", plan=sent)
    assert (answer, "plan.late" in codes) == ("hold", True)
    case.set_steps(TODAY + timedelta(days=30))
    answer, codes = case.decide(plan={**sent, "covers": ["papers_withheld"]})
    assert (answer, "plan.not_covered" in codes) == ("ask", True)


def test_a_supplier_is_read_with_the_decision_that_its_plan_leads_to(case: Case):
    case.set_steps(TODAY + timedelta(days=30))
    before = case.portal.get("/suppliers/S-1")
    assert before.json["decision_details"]["answer"] == "ask"
    case.put(AGREED)
    after = case.portal.get("/suppliers/S-1", If_None_Match=before.headers["ETag"])
    assert (after.status_code, after.json["decision_details"]["answer"]) == (200, "proceed_with_plan")
    unchanged = case.portal.get("/suppliers/S-1", If_None_Match=after.headers["ETag"])
    assert unchanged.status_code == 304


def test_an_agreement_entered_on_its_page_is_shown_with_findings_and_steps(case: Case):
    page = case.read()
    assert "Nothing has been agreed yet." in page
    form = case.read(more="/agreement")
    version = re.search(r'name="version" value="(\d+)"', form)[1]
    path, fields = f"/suppliers/{case.site}/agreement", {"version": version, **WHOLE, "currency": "thb"}
    refused = send(case.browsers["ana"], path, **{**fields, "agreed_how": ""})
    assert refused.status_code == 422
    assert 'value="12000.50"' in refused.get_data(as_text=True)
    assert send(case.browsers["ana"], path, **fields).status_code == 303
    stale = send(case.browsers["ana"], path, **fields)
    assert "Another agreement has been recorded" in stale.get_data(as_text=True)
    page = case.read("vic")
    for shown in ("12000.50 THB", "At a meeting", "A union", "Employer 80%, Agency 20%, Us 0%", "Planned", "Open"):
        assert shown in page
    assert "Save agreement" not in case.read("vic", "/agreement")


def test_what_is_known_from_workers_is_shown_only_to_those_who_may_see_it(case: Case):
    with case.database.for_organisation(case.id) as session:
        finding = session.scalars(select(Finding).where(Finding.about == "debt_bondage")).one()
        finding.worker_derived, finding.scale = True, 4
        hidden = session.scalars(select(Step).where(Step.action == "return_papers")).one()
        hidden.worker_derived = True
        path = f"/remediation/steps/{hidden.id}"
    assert (path in case.read(), "Scale: 4 of 4" in case.read()) == (True, True)
    assert (path in case.read("vic"), "Scale: 4 of 4" in case.read("vic")) == (False, False)


def test_steps_that_contact_workers_wait_for_the_referral_directory(case: Case):
    with case.database.for_organisation(case.id) as session:
        steps = {step.action: step for step in session.scalars(select(Step))}
        contact, plain = steps["return_papers"], next(step for step in steps.values() if step.action != "return_papers")
        plain.action, plain.due = "private_interviews", TODAY + timedelta(days=30)
        paths = [f"/remediation/steps/{step.id}" for step in (contact, plain)]
    page = case.read()
    assert [path in page for path in paths] == [True, False]
    assert "are not shown until the referral directory has" in page
