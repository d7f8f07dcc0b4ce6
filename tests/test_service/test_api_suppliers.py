"""Suppliers and agencies through the API: the gate, keeping, finding, paging, versions, erasing, merging, changes."""

import json
from datetime import timedelta
from pathlib import Path

import pytest
from callers import make_organisation
from flask import Flask
from jsonschema import Draft202012Validator
from portal import Portal, make_portal

from questionnaires.form import load_combined_form
from risk_models.model import load_models
from service.clock import now
from service.db.session import Database
from service.settings import Settings
from service.wiring.app import create_app

CONTRACT = json.loads(Path("service/assessment/assessment.schema.json").read_text(encoding="utf-8"))
LITTLE = {"country": "TH", "sector": "1020"}


@pytest.fixture
def portal(app: Flask, database: Database) -> Portal:
    return make_portal(app, make_organisation(database))


@pytest.fixture
def stranger(app: Flask, database: Database) -> Portal:
    return make_portal(app, make_organisation(database, "Quay Textiles"))


def well_answered(country: str = "NO", sector: str = "6201") -> dict[str, object]:
    """A supplier that gives the least worrying answer to every question that feeds a score, each confirmed by workers today."""
    models = {i.question: i.rule for model in load_models() if model.kind == "site" for i in model.indicators}
    body: dict[str, object] = {"country": country, "sector": [sector], "migrant_pct": 0, "uses_agencies": "no"}
    for question in load_combined_form("site").questions:
        rule = models.get(question.id)
        if rule is None or question.id in body:
            continue
        if question.type in ("choice", "yes_no"):
            offered = [choice.code for choice in question.choices] or ["yes", "no"]
            body[question.id] = min(offered, key=lambda code, rule=rule: rule.risk(code))
        elif question.type in ("number", "percent", "money"):
            low, high = question.min or 0, question.max or 60
            body[question.id] = min((low, high), key=lambda number, rule=rule: rule.risk(float(number)))
    covers = [question for question in body if question in models]
    piece = {"grade": "worker_voice", "date": now().date().isoformat(), "covers": covers}
    return body | {"evidence": [piece], "evidence_confirmed": True}


def test_the_gate_works_on_country_and_sector_alone_and_asks(portal: Portal):
    answer = portal.post("/assessments", LITTLE)
    assert answer.status_code == 200
    document = answer.json
    assert (document["decision"], document["level"], document["coverage"]) == ("ask", "insufficient_evidence", 0.0)
    assert {reason["code"] for reason in document["decision_reasons"]} >= {"evidence.insufficient", "core.open"}
    assert document["next_step"] == document["actions"][0]["id"]


def test_the_gate_gives_the_result_object_of_the_contract(portal: Portal):
    body = portal.post("/assessments", {**LITTLE, "name": "Blue Pier Cannery"}).json
    result = {name: value for name, value in body.items() if not name.startswith("decision")}
    Draft202012Validator({**CONTRACT["$defs"]["result"], "$defs": CONTRACT["$defs"]}).validate(result)
    assert sum(reason["points"] for reason in body["reasons"]) + body["uplift"] == pytest.approx(
        body["score"], abs=1e-9
    )


def test_the_gate_asks_where_nothing_at_all_is_said(portal: Portal):
    assert portal.post("/assessments", {}).json["decision"] == "ask"
    assert portal.post("/assessments", {"kind": "agency"}).json["decision"] == "ask"


def test_the_gate_lets_through_whoever_answers_well_in_a_place_of_little_risk(portal: Portal):
    body = portal.post("/assessments", well_answered()).json
    assert (body["decision"], [reason["code"] for reason in body["decision_reasons"]]) == ("proceed", ["answered"])
    claimed = portal.post("/assessments", {**well_answered(), "evidence_confirmed": False}).json
    assert (claimed["decision"], [reason["code"] for reason in claimed["decision_reasons"]]) == (
        "ask",
        ["worst_case.open"],
    )


def test_one_open_core_question_turns_proceed_into_ask(portal: Portal):
    body = well_answered()
    general = next(model for model in load_models() if model.id == "site_general")
    core = next(i.question for i in general.indicators if i.core and i.question in body)
    for answer in ({}, {core: "declined"}):
        decided = portal.post("/assessments", {**{q: a for q, a in body.items() if q != core}, **answer}).json
        assert decided["decision"] == "ask"
        assert "core.open" in {reason["code"] for reason in decided["decision_reasons"]}


def test_the_gate_holds_where_a_supplier_that_tells_of_grave_harm_had_its_days_and_agreed_no_plan(portal: Portal):
    body = well_answered()
    rules = {i.question: i.rule for m in load_models() if m.id == "site_general" for i in m.indicators}
    for question in load_combined_form("site").questions:
        if question.type == "choice" and question.id in rules:
            worst = max((c.code for c in question.choices), key=lambda code, q=question: rules[q.id].risk(code))
            body[question.id] = worst
    assert portal.post("/assessments", {**body, **LITTLE}).json["decision"] == "ask"
    informed = {"supplier_informed_on": (now().date() - timedelta(days=14)).isoformat()}
    assert portal.post("/assessments", {**body, **LITTLE, **informed}).json["decision"] == "hold"


def test_the_gate_keeps_nothing(portal: Portal):
    portal.post("/assessments", {**LITTLE, "reference": "S-1"})
    assert portal.get("/suppliers").json["items"] == []
    assert portal.get("/suppliers/S-1").status_code == 404
    assert portal.get("/changes").json["items"] == []


def test_a_gate_that_breaks_says_ask_and_never_proceed(portal: Portal, monkeypatch: pytest.MonkeyPatch):
    def broken(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("service.report_content.decided.assess_batch", broken)
    answer = portal.post("/assessments", well_answered())
    assert (answer.status_code, answer.mimetype) == (500, "application/problem+json")
    assert (answer.json["code"], answer.json["decision"]) == ("fault", "ask")


def test_a_refused_gate_says_ask_too(portal: Portal):
    assert portal.post("/assessments", {"country": "Narnia"}).json["decision"] == "ask"


def test_the_gate_knows_the_agencies_that_are_kept(portal: Portal):
    portal.put("/agencies/A-1", {"name": "Swift Hands", "country": "NP"})
    place = {"country": "NO", "sector": "1020"}  # where recruitment through the agency is the larger risk
    named = portal.post("/assessments", {**place, "agencies": ["Swift Hands"]}).json
    agency = next(reason for reason in named["reasons"] if reason["indicator"] == "agency")
    assert agency["state"] == "known"
    assert agency["value"] == pytest.approx(portal.get("/agencies/A-1").json["score"])


def test_putting_a_supplier_keeps_it_under_its_reference(portal: Portal):
    response = portal.put("/suppliers/S-1", {"name": "Blue Pier Cannery", **LITTLE})
    assert (response.status_code, response.json["reference"], response.json["version"]) == (201, "S-1", 1)
    assert response.json["decision"] == "ask"
    by_reference, by_id = portal.get("/suppliers/S-1"), portal.call("GET", response.location.removeprefix("/api/v1"))
    assert by_reference.json == by_id.json == response.json
    again = portal.put("/suppliers/S-1", {"name": "Blue Pier Cannery", "country": "NO", "sector": "1020"})
    assert (again.status_code, again.json["id"], again.json["version"]) == (200, response.json["id"], 2)


def test_an_agency_is_put_and_found_alike(portal: Portal):
    assert portal.put("/agencies/A-1", {"name": "Swift Hands", "country": "NP"}).json["kind"] == "agency"
    assert portal.get("/agencies/A-1").json["model"] == "agency"
    assert portal.get("/suppliers/A-1").status_code == 404


def test_a_naics_code_replaces_a_sector_that_is_not_given(portal: Portal):
    assert portal.post("/assessments", {"country": "TH", "naics": "311710"}).json["sector"] == "1020"


def test_a_reference_in_the_body_must_be_the_one_in_the_address(portal: Portal):
    answer = portal.put("/suppliers/S-1", {"reference": "S-2", **LITTLE})
    assert (answer.status_code, answer.json["code"]) == (422, "field.read_only")
    assert portal.put("/suppliers/S-1", {"reference": "S-1", **LITTLE}).status_code == 201


def test_a_page_ends_where_the_next_begins(portal: Portal):
    for number, country in enumerate(["TH", "NO", "BD", "QA", "SE"]):
        portal.put(f"/suppliers/S-{number}", {"name": f"Site {number}", "country": country, "sector": "1020"})
    whole = [item["reference"] for item in portal.get("/suppliers").json["items"]]
    assert sorted(whole) == ["S-0", "S-1", "S-2", "S-3", "S-4"]
    assert walk(portal, "/suppliers?limit=2") == whole


def walk(portal: Portal, path: str) -> list[str]:
    found: list[str] = []
    following = path
    while following:
        answer = portal.get(following.removeprefix("/api/v1"))
        assert len(answer.json["items"]) <= 2
        found += [item["reference"] for item in answer.json["items"]]
        following = answer.json["next"]
        assert answer.headers.get("Link") == (f'<{following}>; rel="next"' if following else None)
    return found


def test_pages_stay_true_while_suppliers_come_move_and_go(portal: Portal):
    for number, country in enumerate(["TH", "NO", "BD", "QA", "SE", "MM"]):
        portal.put(f"/suppliers/S-{number}", {"name": f"Site {number}", "country": country, "sector": "1020"})
    whole = [item["reference"] for item in portal.get("/suppliers").json["items"]]
    first = portal.get("/suppliers?limit=2").json
    portal.put("/suppliers/N-1", {"name": "Newcomer", "country": "KP", "sector": "1020"})  # comes in before
    portal.call("DELETE", f"/suppliers/{whole[1]}")  # the very one that the cursor was made of
    second = portal.get(first["next"].removeprefix("/api/v1")).json
    assert [item["reference"] for item in second["items"]] == whole[2:4]


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ("country=NO", ["S-2"]),
        ("sector=10", ["S-1", "S-2"]),
        ("sector=14", ["S-3"]),
        ("text=pier", ["S-1"]),
        ("text=S-3", ["S-3"]),
        ("text=%25", []),
        ("level=critical", []),
        ("company=bluepiercannery", ["S-1"]),
    ],
)
def test_lists_are_narrowed(portal: Portal, asked: str, found: list[str]):
    portal.put("/suppliers/S-1", {"name": "Blue Pier Cannery", "country": "TH", "sector": "1020"})
    portal.put("/suppliers/S-2", {"name": "Cold Fjord", "country": "NO", "sector": "1020"})
    portal.put("/suppliers/S-3", {"name": "Needle Works", "country": "BD", "sector": "1410"})
    assert sorted(item["reference"] for item in portal.get(f"/suppliers?{asked}").json["items"]) == found


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        ("levle=high", "parameter.unknown"),
        ("level=awful", "parameter.value"),
        ("limit=0", "parameter.value"),
        ("limit=ten", "parameter.value"),
        ("limit=201", "parameter.value"),
        ("level=high&level=low", "parameter.value"),
        ("country=Thailand", "parameter.value"),
        ("text=%00", "parameter.value"),
    ],
)
def test_a_parameter_that_cannot_be_is_refused(portal: Portal, asked: str, code: str):
    answer = portal.get(f"/suppliers?{asked}")
    assert (answer.status_code, answer.json["code"], answer.mimetype) == (422, code, "application/problem+json")


@pytest.mark.parametrize("cursor", ["0", "AAAA", "WzEsMl0", "W251bGwsMSwxLDEsIngiXQ", "eyJhIjoxfQ"])
def test_a_cursor_that_nobody_gave_out_is_refused(portal: Portal, cursor: str):
    answer = portal.get(f"/suppliers?cursor={cursor}")
    assert (answer.status_code, answer.json["code"]) == (400, "cursor.unknown")


def test_a_version_that_is_there_already_is_not_sent_again(portal: Portal):
    tag = portal.put("/suppliers/S-1", LITTLE).headers["ETag"]
    unchanged = portal.get("/suppliers/S-1", If_None_Match=tag)
    assert (unchanged.status_code, unchanged.data, unchanged.headers["ETag"]) == (304, b"", tag)
    portal.put("/suppliers/S-1", {**LITTLE, "name": "Blue Pier Cannery"})
    assert portal.get("/suppliers/S-1", If_None_Match=tag).status_code == 200


def test_a_cache_on_the_way_may_weaken_the_tag_of_a_version(portal: Portal):
    tag = portal.put("/suppliers/S-1", LITTLE).headers["ETag"]
    assert portal.get("/suppliers/S-1", If_None_Match=f"W/{tag}").status_code == 304


def test_another_release_of_the_method_reads_the_same_supplier_as_another_version(
    portal: Portal, monkeypatch: pytest.MonkeyPatch
):
    tag = portal.put("/suppliers/S-1", LITTLE).headers["ETag"]
    monkeypatch.setattr("service.api.suppliers.ENGINE_VERSION", "2027.1")
    again = portal.get("/suppliers/S-1", If_None_Match=tag)
    assert again.status_code == 200
    assert again.headers["ETag"] != tag


def test_a_change_is_made_to_the_version_it_names_or_not_at_all(portal: Portal):
    tag = portal.put("/suppliers/S-1", LITTLE).headers["ETag"]
    assert portal.put("/suppliers/S-1", LITTLE, If_Match=tag).status_code == 200
    late = portal.put("/suppliers/S-1", {"country": "NO"}, If_Match=tag)
    assert (late.status_code, late.json["code"]) == (412, "precondition.failed")
    assert portal.get("/suppliers/S-1").json["country"] == "TH"
    assert portal.call("DELETE", "/suppliers/S-1", headers={"If-Match": tag}).status_code == 412
    assert portal.put("/suppliers/S-2", LITTLE, If_Match=tag).status_code == 412
    assert portal.put("/suppliers/S-1", LITTLE, If_None_Match="*").status_code == 412
    assert portal.put("/suppliers/S-2", LITTLE, If_None_Match="*").status_code == 201


def test_a_tag_without_its_quotes_is_refused_rather_than_passed_over(portal: Portal):
    answer = portal.put("/suppliers/S-1", LITTLE, If_Match="abc")
    assert (answer.status_code, answer.json["code"]) == (400, "precondition.malformed")


def test_the_history_shows_each_assessment_newest_first(portal: Portal):
    for country in ("TH", "NO", "BD"):
        portal.put("/suppliers/S-1", {"country": country, "sector": "1020"})
    first = portal.get("/suppliers/S-1/assessments?limit=2").json
    rest = portal.get(first["next"].removeprefix("/api/v1")).json
    lines = [*first["items"], *rest["items"]]
    assert [portal.get(f"/assessments/{line['id']}").json["country"] for line in lines] == ["BD", "NO", "TH"]
    assert rest["next"] is None


def test_an_erased_supplier_is_gone_with_its_results(portal: Portal):
    portal.put("/suppliers/S-1", LITTLE)
    result_id = portal.get("/suppliers/S-1/assessments").json["items"][0]["id"]
    assert portal.call("DELETE", "/suppliers/S-1").status_code == 204
    assert portal.get("/suppliers/S-1").status_code == portal.get(f"/assessments/{result_id}").status_code == 404
    assert portal.call("DELETE", "/suppliers/S-1").status_code == 404


def test_two_suppliers_that_are_one_are_merged(portal: Portal):
    portal.put("/suppliers/S-1", LITTLE)
    portal.put("/suppliers/S-2", LITTLE)
    merged = portal.post("/suppliers/S-1/merge", {"into": "S-2"})
    assert (merged.status_code, merged.json["reference"]) == (200, "S-2")
    assert portal.get("/suppliers/S-1").json == portal.get("/suppliers/S-2").json == merged.json
    body = portal.get("/suppliers/S-2/assessments").json["items"]
    assert [result["cause"] for result in body] == ["merge", "api", "api"]
    assert portal.post("/suppliers/S-2/merge", {"into": "S-2"}).json["code"] == "merge.impossible"
    assert portal.post("/suppliers/S-2/merge", {"into": "S-9"}).status_code == 404
    assert portal.post("/suppliers/S-2/merge", {}).json["code"] == "field.required"


def test_companies_gather_the_sites_of_one_name(portal: Portal):
    portal.put("/suppliers/S-1", {"name": "Blue Pier", "country": "TH", "sector": "1020"})
    portal.put("/suppliers/S-2", {"name": "BLUE PIER", "country": "NO", "sector": "1020"})
    portal.put("/suppliers/S-3", {"name": "Cold Fjord", "country": "NO", "sector": "1020"})
    first = portal.get("/companies?limit=1").json
    assert [(c["sites"], c["countries"], c["worst"]["reference"]) for c in first["items"]] == [(2, ["NO", "TH"], "S-1")]
    rest = portal.get(first["next"].removeprefix("/api/v1")).json
    assert [(c["name"], c["sites"]) for c in rest["items"]] == [("Cold Fjord", 1)]


def test_changes_are_read_on_from_the_cursor_each_once(portal: Portal):
    portal.put("/suppliers/S-1", LITTLE)
    first = portal.get("/changes").json
    assert [change["kind"] for change in first["items"]] == ["level_moved"]
    assert portal.get(f"/changes?since={first['cursor']}").json == {"items": [], "cursor": first["cursor"]}
    portal.call("DELETE", "/suppliers/S-1")
    assert [c["kind"] for c in portal.get(f"/changes?since={first['cursor']}").json["items"]] == ["deleted"]
    assert portal.get("/changes?since=soon").status_code == 422


def test_changes_are_read_on_each_kind_of_database(database: Database, tmp_path: Path):
    portal = make_portal(create_app(Settings(data=tmp_path, plain_http=True), database), make_organisation(database))
    portal.put("/suppliers/S-1", LITTLE)
    assert [change["kind"] for change in portal.get("/changes").json["items"]] == ["level_moved"]


def test_two_organisations_see_nothing_of_each_other(portal: Portal, stranger: Portal):
    portal.put("/suppliers/S-1", {"name": "Blue Pier", **LITTLE})
    body = portal.get("/suppliers/S-1").json
    for path in ("/suppliers", "/companies", "/changes", "/suppliers?text=Blue"):
        assert stranger.get(path).json["items"] == []
    refused, none = stranger.get(f"/suppliers/{body['id']}"), stranger.get("/suppliers/nothing-at-all")
    assert refused.status_code == none.status_code == 404
    assert {**refused.json, "instance": ""} == {**none.json, "instance": ""}
    assert stranger.put("/suppliers/S-1", LITTLE).status_code == 201  # their own S-1
    assert portal.get("/suppliers/S-1").json == body
    result_id = portal.get("/suppliers/S-1/assessments").json["items"][0]["id"]
    assert stranger.get(f"/assessments/{result_id}").status_code == 404


def test_a_key_opens_what_its_scope_says_and_no_more(app: Flask, database: Database):
    gate = make_portal(app, make_organisation(database, "Pier Retail"), "assess")
    assert gate.post("/assessments", LITTLE).status_code == 200
    assert gate.get("/suppliers").json["code"] == "key.scope"


def test_the_health_of_the_service_is_open_to_all_and_says_nothing_else(app: Flask, tmp_path: Path):
    client = app.test_client()
    assert client.get("/health/live").json == {"status": "live"}
    assert client.get("/health/ready").json == {"status": "ready"}
    elsewhere = create_app(Settings(data=tmp_path / "elsewhere", plain_http=True))
    empty = elsewhere.test_client()
    with elsewhere.extensions["database"]:
        ready = empty.get("/health/ready")
        assert (ready.status_code, ready.json) == (503, {"status": "unavailable"})
        assert empty.get("/health/live").status_code == 200
