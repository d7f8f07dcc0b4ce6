"""What workers reported: open to case handlers, officers and admins and closed to others, on pages, in the API, in reports."""

import io

import openpyxl
import pytest
from callers import a_browser, a_user, an_organisation, send
from flask import Flask
from portal import a_portal, work_off

from service.auth.access import ACCESS
from service.blob_store import Blobs
from service.cases import service as case_service
from service.clock import now
from service.db.session import Database
from service.report_content import redaction

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
    assert not closed["answers"].keys() & {*redaction.ANSWERS, "evidence_grade"}
    hidden = ("answers", "reasons", "case_evidence", "next_step", "actions")
    assert {name: value for name, value in sees.items() if name not in hidden} == {
        name: value for name, value in closed.items() if name not in hidden
    }


def test_a_raised_indicator_bears_no_answer_of_the_supplier_whatever_it_answered(app: Flask, ours: str):
    both = {**REPORTED, "papers_retention": "worker_holds"}
    assert a_portal(app, ours).put("/suppliers/S-2", both).status_code == 201
    sees = reason(a_portal(app, ours, "suppliers:read", "cases:read").get("/suppliers/S-2").json)
    closed = reason(a_portal(app, ours, "suppliers:read").get("/suppliers/S-2").json)
    assert (sees["state"], sees["value"]) == ("reported", "worker_holds")
    assert (closed["state"], closed["value"]) == ("raised", None)


def test_of_the_pieces_of_evidence_those_that_are_what_workers_said_are_left_out(app: Flask, ours: str):
    pieces = [
        {"grade": grade, "date": "2026-09-01", "covers": ["papers_retention"]} for grade in ("worker_voice", "document")
    ]
    told = {"name": "Red Quay Foods", "country": "TH", "papers_retention": "never", "evidence": pieces}
    assert a_portal(app, ours).put("/suppliers/S-2", told).status_code == 201
    sees, closed = (
        a_portal(app, ours, "suppliers:read", *more).get("/suppliers/S-2").json["answers"]["evidence"]
        for more in (["cases:read"], [])
    )
    assert [piece["grade"] for piece in sees] == ["worker_voice", "document"]
    assert [piece["grade"] for piece in closed] == ["document"]


@pytest.mark.parametrize("role", ["officer", "viewer"])
def test_what_stands_behind_an_answer_is_named_to_those_who_may_see_what_workers_said(
    app: Flask, database: Database, ours: str, role: str
):
    piece = {"grade": "worker_voice", "date": "2026-09-01"}
    told = {"name": "Red Quay Foods", "country": "TH", "papers_retention": "never", "evidence": [piece]}
    a_portal(app, ours).put("/suppliers/S-2", told)
    page = a_browser(app, a_user(database, ours, role)).get("/suppliers/S-2").get_data(as_text=True)
    assert ("Workers, union or NGO of 1 September 2026" in page) == (role in SEE)


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
    assert (">reported</span>" in page) == (role in SEE)
    assert (">raised</span>" in page) == (role not in SEE)
    assert (redaction.SENTENCE in page) == (role not in SEE)


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
    handed = closed.get(f"/reports/{of[1]}/file")
    assert handed.status_code == 200
    assert b"eported by workers" not in handed.get_data()


SAFETY = "Find out today whether anyone is in danger"
OF_A_CASE = (
    "C-77",
    "Case records show",
    "old in case records",
    "case_emergency",
    "case_pattern",
    '"emergency"',
    "keep_people_safe",
    SAFETY,
)
NOBODY_SEES = ("gate chained",)  # the words of a finding are shown on the page of its case alone
PLAIN = {"name": "Quiet Harbour Foods", "country": "TH", "sector": ["1020"]}


@pytest.fixture
def held(app: Flask, database: Database) -> tuple[str, str]:
    """An organisation with a site that is in no danger by its own answers, and in an emergency by a case; and the site's id."""
    organisation = an_organisation(database)
    supplier = a_portal(app, organisation).put("/suppliers/S-7", PLAIN).json["id"]
    told = {"finding": "locked_in", "phase": "work", "source": "grievance", "note": "gate chained"}
    case = {"case_id": "C-77", "linked_reference": "S-7"}
    with database.of(organisation) as session:
        case_service.open_case(session, case, [told], now().date(), now(), "user:ana")
    return organisation, supplier


def told_of(text: str, words: tuple[str, ...] = (*OF_A_CASE, *NOBODY_SEES, *WORDS)) -> list[str]:
    return [word for word in words if word in text]


@pytest.mark.parametrize("role", ACCESS.roles)
def test_pages_tell_of_a_case_to_the_roles_that_may_see_it_and_to_no_other(
    app: Flask, database: Database, held: tuple[str, str], role: str
):
    organisation, supplier = held
    client = a_browser(app, a_user(database, organisation, role))
    pages = {
        path: client.get(path).get_data(as_text=True)
        for path in (
            "/",
            "/suppliers",
            "/actions",
            f"/suppliers/{supplier}",
            "/suppliers.csv",
            "/suppliers?step=keep_people_safe",
        )
    }
    sees = role in SEE
    for path in ("/", "/suppliers", "/actions", f"/suppliers/{supplier}", "/suppliers.csv"):
        assert (SAFETY in pages[path]) == sees, path
        assert "Ask: send the questionnaire" in pages[path] or sees, path
    assert ("Quiet Harbour" in pages["/suppliers?step=keep_people_safe"]) == sees
    assert ("Case records show an emergency" in pages[f"/suppliers/{supplier}"]) == sees
    assert ("C-77" in pages[f"/suppliers/{supplier}"]) == (role in {"admin", "case_handler"})
    pages.pop("/suppliers?step=keep_people_safe")
    assert sees or [word for page in pages.values() for word in told_of(page)] == []


def test_the_api_tells_of_a_case_to_a_key_that_may_see_it_and_to_no_other(app: Flask, held: tuple[str, str]):
    organisation, _supplier = held
    closed = a_portal(app, organisation, *(ACCESS.scopes.keys() - {"cases:read", "cases:write"}))
    whole = a_portal(app, organisation)
    result = whole.get("/suppliers/S-7/assessments").json["items"][0]["id"]
    paths = ["/suppliers/S-7", f"/assessments/{result}", "/suppliers", "/portfolio", "/actions", "/table", "/changes"]
    paths += ["/companies", f"/assessments/{result}/moves", "/suppliers/S-7/assessments", "/suppliers/S-7/others"]
    for path in paths:
        answer = closed.get(path)
        assert (answer.status_code, told_of(answer.get_data(as_text=True))) == (200, []), path
    assert closed.get("/suppliers?step=keep_people_safe").json["items"] == []
    assert len(whole.get("/suppliers?step=keep_people_safe").json["items"]) == 1
    sees, hidden = (portal.get("/suppliers/S-7").json for portal in (whole, closed))
    assert (sees["case_evidence"], hidden["case_evidence"]) == ("emergency", "not_shown")
    assert (sees["level"], sees["score"], sees["decision"]) == (hidden["level"], hidden["score"], hidden["decision"])
    only_for_the_case = {"keep_people_safe", "no_retaliation", "open_doors", "remedy_plan"}
    assert only_for_the_case <= {step["id"] for step in sees["actions"]}
    assert only_for_the_case.isdisjoint(step["id"] for step in hidden["actions"])
    assert (sees["next_step"], hidden["next_step"]) == ("keep_people_safe", "ask")


@pytest.mark.parametrize("of", ["one", "all"])
@pytest.mark.parametrize("form", ["html", "csv", "xlsx"])
def test_a_report_tells_of_a_case_to_whom_it_is_made_for(
    app: Flask, database: Database, held: tuple[str, str], form: str, of: str
):
    organisation, supplier = held
    asked = {"format": form, **({"supplier_id": supplier} if of == "one" else {})}
    clients = [a_browser(app, a_user(database, organisation, role)) for role in ("officer", "approver")]
    made = [send(client, "/reports", **asked).location for client in clients]
    work_off(database, Blobs(app.extensions["settings"].files))
    sees, closed = (_text(client.get(f"{at}/file").get_data(), form) for client, at in zip(clients, made, strict=True))
    assert SAFETY in sees
    assert "emergency" in sees
    assert told_of(closed, (*OF_A_CASE, *NOBODY_SEES, "emergency")) == []


def _text(data: bytes, form: str) -> str:
    """What a report says."""
    if form != "xlsx":
        return data.decode("utf-8-sig")
    book = openpyxl.load_workbook(io.BytesIO(data))
    return repr([list(sheet.iter_rows(values_only=True)) for sheet in book])
