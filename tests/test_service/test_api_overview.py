"""The portfolio, what to do, the table, connections, asking and the method, through the API."""

from datetime import UTC, datetime
from io import BytesIO

import pytest
from callers import freeze_time, make_organisation
from flask import Flask
from openpyxl import load_workbook
from portal import Portal, make_portal

from questionnaires.form import load_form
from service.db.session import Database

CANNERY = {"name": "Blue Pier Cannery", "country": "TH", "sector": ["1020"]}


@pytest.fixture
def portal(app: Flask, database: Database) -> Portal:
    return make_portal(app, make_organisation(database))


@pytest.fixture
def stranger(app: Flask, database: Database) -> Portal:
    return make_portal(app, make_organisation(database, "Quay Textiles"))


def test_the_portfolio_counts_queues_maps_and_tells_who_moved_and_why(portal: Portal):
    portal.put("/suppliers/S-1", CANNERY)
    portal.put("/suppliers/S-1", {**CANNERY, "reported_harms": ["papers_withheld"], "reported_by": "workers"})
    portal.put("/suppliers/S-2", {**CANNERY, "country": "NO"})
    body = portal.get("/portfolio").json
    levels = [portal.get(f"/suppliers/{name}").json["level"] for name in ("S-1", "S-2")]
    assert body["counts"] == {level: levels.count(level) for level in body["counts"]}
    assert body["kinds"] == {"site": 2, "agency": 0}
    assert (
        {cell["country"] for cell in body["heat_map"]} == {place["country"] for place in body["places"]} == {"TH", "NO"}
    )
    (mover,) = body["movers"]
    assert (mover["supplier"]["reference"], mover["from"]) == ("S-1", "insufficient_evidence")
    assert mover["moves"][0]["points"] > 0


def test_what_rests_on_blanks_is_told_in_lists_on_the_maps_and_of_the_supplier_itself(portal: Portal):
    blanks = dict.fromkeys(("papers_retention", "worker_debt", "recruitment_fees", "threats", "violence"), "declined")
    portal.put("/suppliers/S-1", CANNERY | blanks)
    portal.put("/suppliers/S-2", {**CANNERY, "country": "NO", "papers_retention": "declined", "violence": "none_known"})
    portal.put("/suppliers/S-3", {**CANNERY, "country": "DE", "papers_retention": "until_end"})
    expected = {"TH": (True, True), "NO": (False, True), "DE": (False, False)}  # a bound, rests on blanks
    body = portal.get("/portfolio").json
    for lines in (body["heat_map"], body["places"], body["worst"], portal.get("/suppliers").json["items"]):
        assert {line["country"]: (line["up_to"], line["silent"]) for line in lines} == expected
    whole = [portal.get(f"/suppliers/S-{n}").json for n in (1, 2, 3)]
    assert [(one["up_to"], one["silent"]) for one in whole] == [*expected.values()]


def test_what_to_do_first_comes_with_whom_it_concerns(portal: Portal):
    portal.put("/suppliers/S-1", CANNERY)
    step = portal.get("/actions").json["items"][0]
    assert (step["total"], step["suppliers"][0]["reference"]) == (1, "S-1")
    assert step["action"]["id"] == portal.get("/suppliers/S-1").json["next_step"]
    assert step["action"]["proof"]


def test_the_table_comes_as_a_file_as_the_filter_says(portal: Portal):
    portal.put("/suppliers/S-1", CANNERY)
    portal.put("/suppliers/S-2", {**CANNERY, "name": "Fjord Foods", "country": "NO"})
    text = portal.get("/table?country=NO").get_data(as_text=True)
    assert "Fjord Foods" in text
    assert "Blue Pier" not in text
    book = load_workbook(BytesIO(portal.get("/table?format=xlsx&sort=name").get_data()))
    assert [row[2] for row in book.active.iter_rows(values_only=True)] == ["Name", "Blue Pier Cannery", "Fjord Foods"]


@pytest.mark.parametrize("name", ["<r><x></r>", "=1+1", "http://example.test/x", "007"])
def test_a_name_in_the_table_stays_text(portal: Portal, name: str):
    portal.put("/suppliers/S-1", {**CANNERY, "name": name})
    book = load_workbook(BytesIO(portal.get("/table?format=xlsx").get_data()))
    cell = book.active.cell(2, 3)
    assert (cell.value, cell.data_type, cell.hyperlink) == (name, "s", None)


def test_a_list_is_narrowed_as_the_page_narrows_it(portal: Portal):
    portal.put("/suppliers/S-1", CANNERY)
    portal.put("/suppliers/S-2", {"name": "Nowhere Foods"})
    step = portal.get("/suppliers/S-1").json["next_step"]
    assert [one["reference"] for one in portal.get("/suppliers?country=unknown").json["items"]] == ["S-2"]
    assert "S-1" in [one["reference"] for one in portal.get(f"/suppliers?step={step}").json["items"]]
    assert portal.get("/suppliers?review=overdue").json["items"] == []


def test_agencies_sites_and_corridors_hang_together(portal: Portal):
    portal.put("/agencies/A-1", {"name": "Swift Hands", "country": "NP", "destination_countries": ["TH"]})
    named = {"agencies": ["Swift Hands", "Nobody Knows"], "worker_origin_countries": ["NP"]}
    portal.put("/suppliers/S-1", {**CANNERY, **named})
    of_site, of_agency = portal.get("/suppliers/S-1/others").json, portal.get("/agencies/A-1/others").json
    found = {one["named"]: one["agency"] and one["agency"]["reference"] for one in of_site["agencies"]}
    assert found == {"Swift Hands": "A-1", "Nobody Knows": None}
    assert of_site["corridors"] == [{"from": "Nepal", "to": "Thailand"}]
    assert [site["reference"] for site in of_agency["sites"]] == ["S-1"]


def test_an_agency_is_told_with_the_sites_and_workers_it_reaches(portal: Portal):
    portal.put("/agencies/A-1", {"name": "Swift Hands", "licence_number": "NP-77", "country": "NP"})
    assert portal.get("/agencies/A-1/others").json["reach"] == {"sites": 0, "tell": 0, "workers": 0}
    for number, told in enumerate(
        (
            {"agencies": ["Swift Hands", "Other"], "workers_by_agency": ["SWIFT HANDS: 60", "Other: 500"]},
            {"agencies": ["NP-77"], "workers_total": 200, "workers_by_agency": ["NP-77: 15%"]},
            {"agencies": ["Swift Hands"], "workers_by_agency": ["Swift Hands: 15%"]},  # of how many, it does not say
            {"agencies": ["Other"], "workers_by_agency": ["Other: 7"]},
        )
    ):
        assert portal.put(f"/suppliers/S-{number}", {**CANNERY, **told}).status_code == 201
    assert portal.get("/agencies/A-1/others").json["reach"] == {"sites": 3, "tell": 2, "workers": 90}
    assert portal.get("/suppliers/S-1/others").json["reach"] is None


def test_what_moved_a_score_is_told_of_each_assessment(portal: Portal):
    portal.put("/suppliers/S-1", CANNERY)
    portal.put("/suppliers/S-1", {**CANNERY, "country": "NO"})
    last, first = portal.get("/suppliers/S-1/assessments").json["items"]
    moved = portal.get(f"/assessments/{last['id']}/moves").json
    assert moved["change"] == pytest.approx(last["score"] - first["score"])
    assert sum(move["points"] for move in moved["moves"]) == pytest.approx(moved["change"], abs=1e-4)
    assert portal.get(f"/assessments/{first['id']}/moves").json["change"] is None


def test_asking_is_recorded_fetched_and_marked_as_returned(portal: Portal, stranger: Portal):
    portal.put("/suppliers/S-1", CANNERY)
    response = portal.post("/suppliers/S-1/askings", {"form": "site", "sent_to": "the desk"})
    assert (response.status_code, response.json["form_version"]) == (201, load_form("site").version)
    book = load_workbook(BytesIO(portal.get(response.location.removeprefix("/api/v1")).get_data()))
    assert dict(book["_form"].values)["asking"] == response.json["id"]
    back = f"/suppliers/S-1/askings/{response.json['id']}/returned"
    assert portal.post(back, {"on": "2020-01-01"}).json["code"] == "asking.returned_on"
    assert portal.post(back, {}).json["returned_on"] == response.json["sent_on"]
    assert portal.get("/suppliers/S-1/askings").json["items"][0]["returned_on"] == response.json["sent_on"]
    portal.put("/suppliers/S-2", CANNERY)
    assert portal.post(f"/suppliers/S-2/askings/{response.json['id']}/returned", {}).status_code == 404
    assert stranger.get("/suppliers/S-1/askings").status_code == 404


def test_a_form_comes_back_today_where_the_organisation_is(
    app: Flask, database: Database, monkeypatch: pytest.MonkeyPatch
):
    freeze_time(monkeypatch, datetime(2026, 11, 1, 12, 0, tzinfo=UTC))
    portal = make_portal(
        app, make_organisation(database, "Kiritimati Foods", "Pacific/Kiritimati")
    )  # where it is 2 November
    portal.put("/suppliers/S-1", CANNERY)
    body = portal.post("/suppliers/S-1/askings", {"form": "site", "sent_to": "the desk"}).json
    back = portal.post(f"/suppliers/S-1/askings/{body['id']}/returned", {}).json
    assert (body["sent_on"], back["returned_on"]) == ("2026-11-02", "2026-11-02")


def test_the_forms_are_listed_and_fetched_empty(portal: Portal):
    forms = portal.get("/forms").json["items"]
    assert {"site", "agency"} <= {form["id"] for form in forms}
    for form in forms:
        assert load_workbook(BytesIO(portal.get(f"/forms/{form['id']}/template").get_data()))["_form"]
    assert portal.get("/forms/none/template").status_code == 404


def test_a_model_is_told_whole_and_every_source_it_names_is_in_the_register(portal: Portal):
    sources = {source["id"]: source for source in portal.get("/sources").json["items"]}
    for line in portal.get("/models").json["items"]:
        model = portal.get(f"/models/{line['id']}").json
        assert model["digest"] == line["digest"]
        for part in ("indicators", "contexts", "floors"):
            assert all(sources[name]["title"] for item in model[part] for name in item["sources"])
        assert all(item["weight_because"] for item in model["indicators"])
    assert portal.get("/models/none").status_code == 404
    assert {fact["id"] for fact in portal.get("/method").json["facts"]} >= {"country.wgi_rule_of_law"}


def test_jobs_are_listed_and_cancelled(portal: Portal):
    portal.send("a.csv", b"Name,Country\nBlue Pier,Thailand\n")
    (job,) = portal.get("/jobs").json["items"]
    assert (job["kind"], job["state"]) == ("read_import", "queued")
    assert portal.post(f"/jobs/{job['id']}/cancel").status_code == 202
    assert portal.post("/jobs/none/cancel").status_code == 404
