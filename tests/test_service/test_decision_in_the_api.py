"""The onboarding decision through the API: four answers under models of method 4, the plan that a request brings."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from callers import make_organisation
from flask import Flask
from portal import Portal, make_portal

from risk_models.model import Model, load_models
from service.clock import now
from service.db.session import Database
from service.report_content import decided
from service.suppliers.organisation_models import list_release_models
from tests.test_service.test_onboarding_decision import HELD_IN_DEBT, PLACE

TODAY = now().date()


@pytest.fixture
def portal(app: Flask, database: Database, monkeypatch: pytest.MonkeyPatch) -> Portal:
    """Return a caller whose organisation uses the models of 2026.4."""
    monkeypatch.setattr(decided, "list_models_up_to", lambda _: list_models_of_method_4())
    return make_portal(app, make_organisation(database))


def list_models_of_method_4() -> tuple[Model, ...]:
    return tuple(replace(model, effective=TODAY) for model in load_models() if model.version == "2026.4")


def admit(**more: Any) -> dict[str, Any]:
    """Return a body that admits serious harm."""
    return {**PLACE, "answered_on": TODAY.isoformat(), **HELD_IN_DEBT, **more}


def agree_plan(**changes: Any) -> dict[str, Any]:
    plan = {"agreed_on": TODAY.isoformat(), "covers": ["papers_withheld", "debt_bondage"], "steps": []}
    return {**plan, "next_due": (TODAY + timedelta(days=30)).isoformat(), **changes}


def test_the_decision_has_four_answers_and_the_old_field_three(portal: Portal):
    body = portal.post("/assessments", admit()).json
    details = body["decision_details"]
    assert (body["decision"], details["answer"]) == ("ask", "ask")
    assert body["decision_reasons"] == details["reasons"]
    assert {"harm.on_record", "plan.none"} <= {reason["code"] for reason in details["reasons"]}
    assert (details["ends_when"], details["meanwhile"]) == (None, None)
    assert details["next_step"].keys() == {"action", "text"}


def test_serious_harm_without_a_plan_holds_once_the_supplier_had_its_days(portal: Portal):
    long_ago = (TODAY - timedelta(days=20)).isoformat()
    body = portal.post("/assessments", admit(supplier_informed_on=long_ago)).json
    assert (body["decision"], body["decision_details"]["answer"]) == ("hold", "hold")
    assert "plan" in body["decision_details"]["ends_when"]
    assert "Pay in full" in body["decision_details"]["meanwhile"]
    planned = portal.post("/assessments", admit(supplier_informed_on=long_ago, plan=agree_plan())).json
    assert planned["decision"] == "ask"
    assert "plan.safety_open" in {reason["code"] for reason in planned["decision_reasons"]}


@pytest.mark.parametrize(
    ("request_", "field", "code"),
    [
        ({"supplier_informed_on": (TODAY + timedelta(days=3)).isoformat()}, "supplier_informed_on", "date.future"),
        ({"supplier_informed_on": "2026-02-31"}, "supplier_informed_on", "field.value"),
        ({"plan": agree_plan(agreed_on=(TODAY + timedelta(days=3)).isoformat())}, "plan.agreed_on", "date.future"),
        ({"plan": {"agreed_on": "2026-10-01"}}, "plan", "field.required"),
        ({"plan": agree_plan(steps=[{"action": "return_papers", "state": "nearly"}])}, "plan", "field.value"),
        ({"plan": agree_plan(owner="us")}, "plan", "field.unknown"),
    ],
)
def test_a_plan_that_cannot_be_read_is_refused(portal: Portal, request_: dict[str, Any], field: str, code: str):
    for path, body in (("/assessments", admit(**request_)), ("/suppliers/S-1/decision", request_)):
        portal.put("/suppliers/S-1", PLACE)
        answer = portal.post(path, body)
        assert (answer.status_code, answer.json["code"]) == (422, code), path
        assert field in answer.json["detail"]
        assert answer.json["decision"] == "ask"


def test_a_result_of_an_older_model_has_three_answers_only(
    app: Flask, database: Database, monkeypatch: pytest.MonkeyPatch
):
    older = list_release_models("2026.3")
    assert all(model.method < 4 for model in older)
    monkeypatch.setattr(decided, "list_models_up_to", lambda _: older)
    portal = make_portal(app, make_organisation(database))
    body = portal.post("/assessments", {**PLACE, "evidence": [], "sector": "1020", "country": "TH"}).json
    assert body["decision"] == "ask"
    assert body["decision_details"] is None


def test_a_stored_supplier_is_decided_on_with_a_plan_and_nothing_is_saved(portal: Portal):
    before = portal.put("/suppliers/S-1", {**PLACE, "papers_retention": "held"}).json
    after = portal.post("/suppliers/S-1/decision", {"plan": agree_plan()}).json
    assert (after["id"], after["version"]) == (before["id"], before["version"])
    assert portal.get("/suppliers/S-1/assessments").json["items"][1:] == []
