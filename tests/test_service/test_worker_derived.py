"""What workers reported: open to case handlers, officers and admins and closed to others, on pages, in the API, in reports."""

import pytest
from callers import a_browser, a_user, an_organisation, send
from flask import Flask
from portal import a_portal, work_off

from service import worker_derived
from service.auth.access import ACCESS
from service.db.session import Database
from service.files import Blobs

REPORTED = {
    "name": "Blue Pier Cannery", "country": "TH", "sector": ["1020"], "reported_harms": ["papers_withheld"],
    "reported_by": "workers", "evidence_grade": "worker_voice", "evidence_date": "2026-09-01",
}  # fmt: skip
WORDS = ("eported by workers", '"worker_voice"', "reported_by")
SEE = {"admin", "officer", "case_handler"}


@pytest.fixture
def ours(app: Flask, database: Database) -> str:
    organisation = an_organisation(database)
    assert a_portal(app, organisation).put("/suppliers/S-1", REPORTED).status_code == 201
    return organisation


def reason(answer: dict[str, object]) -> dict[str, object]:
    return next(r for r in answer["reasons"] if r["indicator"] == "papers_withheld")


def test_a_key_that_may_not_see_it_gets_that_an_indicator_is_raised_and_the_same_numbers(app: Flask, ours: str):
    sees = a_portal(app, ours, "suppliers:read", "cases:read").get("/suppliers/S-1").json
    closed = a_portal(app, ours, "suppliers:read").get("/suppliers/S-1").json
    assert (reason(sees)["state"], reason(closed)["state"], reason(closed)["value"]) == ("reported", "raised", None)
    assert reason(sees)["points"] == reason(closed)["points"]
    assert sees["answers"]["reported_by"] == "workers"
    assert not closed["answers"].keys() & {*worker_derived.ANSWERS, "evidence_grade"}
    assert {name: value for name, value in sees.items() if name not in ("answers", "reasons")} == {
        name: value for name, value in closed.items() if name not in ("answers", "reasons")
    }


def test_no_answer_of_the_api_tells_it_to_a_key_that_may_not_see_it(app: Flask, ours: str):
    scopes = ACCESS.scopes.keys() - {ACCESS.worker_derived_scope}
    portal = a_portal(app, ours, *scopes)
    result = portal.get("/suppliers/S-1/assessments").json["items"][0]["id"]
    answers = [portal.get(f"/assessments/{result}"), portal.get("/suppliers/S-1"), portal.get("/portfolio")]
    answers += [portal.put("/suppliers/S-1", REPORTED), portal.get(f"/assessments/{result}/moves")]
    for answer in answers:
        assert answer.status_code == 200
        text = answer.get_data(as_text=True)
        assert [word for word in (*WORDS, '"reported"') if word in text] == []


@pytest.mark.parametrize("role", ACCESS.roles)
def test_a_page_shows_it_to_the_roles_that_may_see_it(app: Flask, database: Database, ours: str, role: str):
    page = a_browser(app, a_user(database, ours, role)).get("/suppliers/S-1").get_data(as_text=True)
    assert ("Reported by workers" in page) == (role in SEE)
    assert (worker_derived.SENTENCE in page) == (role not in SEE)


@pytest.mark.parametrize("form", ["html", "csv", "xlsx"])
def test_a_report_is_made_for_who_asks_and_handed_to_nobody_who_may_not_see_it(
    app: Flask, database: Database, ours: str, form: str
):
    blobs = Blobs(app.extensions["settings"].files)
    supplier = a_portal(app, ours).get("/suppliers/S-1").json["id"]
    officer, viewer = (a_browser(app, a_user(database, ours, role)) for role in ("officer", "viewer"))
    asked = {"format": form, "supplier_id": supplier}
    whole, closed = (send(client, "/reports", **asked).location for client in (officer, viewer))
    work_off(database, blobs)
    assert viewer.get(f"{whole}/file").status_code == 403
    assert officer.get(f"{whole}/file").status_code == officer.get(f"{closed}/file").status_code == 200
    handed = viewer.get(f"{closed}/file")
    assert handed.status_code == 200
    if form == "html":
        assert b"eported by workers" in officer.get(f"{whole}/file").get_data()
        assert b"eported by workers" not in handed.get_data()


def test_the_api_hands_out_a_report_by_the_same_rule(app: Flask, database: Database, ours: str):
    sees, closed = a_portal(app, ours, "reports:read", "cases:read"), a_portal(app, ours, "reports:read")
    of = [portal.post("/reports", {"format": "html"}).json["id"] for portal in (sees, closed)]
    work_off(database, Blobs(app.extensions["settings"].files))
    assert [sees.get(f"/reports/{one}/file").status_code for one in of] == [200, 200]
    refused = closed.get(f"/reports/{of[0]}/file")
    assert (refused.status_code, refused.json["code"]) == (403, "report.closed")
    assert b"eported by workers" not in closed.get(f"/reports/{of[1]}/file").get_data()
