"""What-if analysis through the API: for internal readers only, and nothing is stored."""

import pytest
from callers import make_organisation
from diligence_client.api.agencies import put_agency
from diligence_client.api.suppliers import get_supplier, list_supplier_assessments, put_supplier, what_if_supplier
from diligence_client.models import AgencyAnswers, SiteAnswers, SiteWhatIfChange, WhatIf
from flask import Flask
from portal import Portal, make_portal

from service.db.session import Database

HARMED = {
    "name": "Blue Pier Mill", "country": "TH", "sector": ["1410"], "papers_retention": "held", "violence": "open",
    "recruitment_fees": "all", "answered_on": "2026-10-01",
}  # fmt: skip


@pytest.fixture
def portal(app: Flask, database: Database) -> Portal:
    response = make_portal(app, make_organisation(database))
    assert response.put("/suppliers/S-1", HARMED).status_code == 201
    return response


def try_change(portal: Portal, reference: str = "S-1", **change: object) -> WhatIf:
    return what_if_supplier.sync(reference, client=portal.client, body=SiteWhatIfChange(**change))


def test_a_changed_answer_changes_points_and_nothing_is_stored(portal: Portal) -> None:
    before = get_supplier.sync("S-1", client=portal.client)
    reply = try_change(portal, answers=SiteAnswers(papers_retention="worker_holds"))
    assert reply.before.score == before.score
    (move,) = [move for move in reply.moves if move.title == "Identity documents withheld"]
    assert move.after < move.before
    assert get_supplier.sync("S-1", client=portal.client) == before
    assert len(list_supplier_assessments.sync("S-1", client=portal.client).items) == 1


def test_null_counts_as_not_asked(portal: Portal) -> None:
    (move,) = [
        move for move in try_change(portal, answers=SiteAnswers(violence=None)).moves if move.title == "Violence"
    ]
    assert move.state_after == "not_asked"


def test_the_fewest_actions_can_be_tried_as_they_are_named(portal: Portal) -> None:
    fewest = try_change(portal).fewest
    after = try_change(portal, actions=fewest.actions, evidence_grade="worker_voice").after
    assert (after.level, after.score) == (fewest.level, pytest.approx(fewest.score))


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"answers": {"papers_retention": "in a drawer"}}, "answer.unknown"),
        ({"answers": {"colour": "red"}}, "field.unknown"),
        ({"answers": {"country": "VN"}}, "what_if.impossible"),
        ({"actions": ["end_everything"]}, "what_if.impossible"),
        ({"evidence_grade": "hearsay"}, "field.value"),
        ({"colour": "red"}, "field.unknown"),
    ],
)
def test_an_invalid_what_if_request_is_refused(portal: Portal, body: object, code: str) -> None:
    reply = portal.post("/suppliers/S-1/what-if", body)
    assert (reply.status_code, reply.json["code"]) == (422, code)


def test_an_unknown_supplier_cannot_be_tried(portal: Portal) -> None:
    assert portal.post("/suppliers/S-9/what-if", {}).status_code == 404
    assert portal.post("/agencies/S-1/what-if", {}).status_code == 404


def test_a_key_without_worker_reports_cannot_infer_them_from_what_if(portal: Portal) -> None:
    outside = make_portal(portal.app, make_organisation(portal.app.extensions["database"], "Quay"), "suppliers:read")
    assert outside.post("/suppliers/S-1/what-if", {}).status_code == 403


def test_a_stored_agency_can_replace_another(portal: Portal) -> None:
    agency = AgencyAnswers(name="Fern Placement", country="TH", destination_countries=["TH"])
    put_agency.sync("A-1", client=portal.client, body=agency)
    site = SiteAnswers(name="Fjord Mill", country="NO", sector=["62"], agencies=["Unknown Hands"])
    put_supplier.sync("S-2", client=portal.client, body=site)
    reply = try_change(portal, "S-2", answers=SiteAnswers(agencies=["Fern Placement"]))
    assert reply.after.score > reply.before.score
    assert [move.title for move in reply.moves] == ["Highest-scoring agency named"]
