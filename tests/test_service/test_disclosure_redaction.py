"""Test that worker reports are visible to case handlers, officers and admins only: on pages, in the API and in reports."""

import io

import openpyxl
import pytest
from callers import make_browser, make_organisation, make_user, send
from flask import Flask
from portal import make_portal, run_jobs

from service.auth.access import ACCESS
from service.cases import service as case_service
from service.clock import now
from service.db.session import Database
from service.report_content import redaction

REPORTED = {
    "name": "Blue Pier Cannery", "country": "TH", "sector": ["1020"], "reported_harms": ["papers_withheld"],
    "reported_by": "workers", "evidence_grade": "worker_voice", "evidence_date": "2026-09-01",
}  # fmt: skip
REPORT_WORDS = ("eported by workers", '"worker_voice"', "reported_by")
ROLES_THAT_SEE = {"admin", "officer", "case_handler"}


@pytest.fixture
def organisation(app: Flask, database: Database) -> str:
    organisation = make_organisation(database)
    assert make_portal(app, organisation).put("/suppliers/S-1", REPORTED).status_code == 201
    return organisation


def get_reason(result: dict[str, object]) -> dict[str, object]:
    return next(reason for reason in result["reasons"] if reason["indicator"] == "papers_withheld")


def test_a_restricted_key_gets_a_raised_indicator_and_the_same_numbers(app: Flask, organisation: str):
    full = make_portal(app, organisation, "suppliers:read", "cases:read").get("/suppliers/S-1").json
    redacted = make_portal(app, organisation, "suppliers:read").get("/suppliers/S-1").json
    assert (get_reason(full)["state"], get_reason(redacted)["state"], get_reason(redacted)["value"]) == (
        "reported",
        "raised",
        None,
    )
    assert get_reason(full)["points"] == get_reason(redacted)["points"]
    assert full["answers"]["reported_by"] == "workers"
    assert not redacted["answers"].keys() & {*redaction.WORKER_DERIVED_QUESTIONS, "evidence_grade"}
    assert full["decision_details"]["answer"] == redacted["decision_details"]["answer"]
    assert (full["evidence"][0]["grade"], redacted["evidence"]) == ("worker_voice", [])
    redacted_fields = (
        "answers", "reasons", "case_evidence", "next_step", "actions", "evidence", "decision_details", "decision_reasons",
        "actions_withheld",
    )  # fmt: skip
    assert {name: value for name, value in full.items() if name not in redacted_fields} == {
        name: value for name, value in redacted.items() if name not in redacted_fields
    }


def test_worker_voice_evidence_is_removed_for_a_restricted_key(app: Flask, organisation: str):
    pieces = [
        {"grade": grade, "date": "2026-09-01", "covers": ["papers_retention"]} for grade in ("worker_voice", "document")
    ]
    answers = {"name": "Red Quay Foods", "country": "TH", "papers_retention": "never", "evidence": pieces}
    assert make_portal(app, organisation).put("/suppliers/S-2", answers).status_code == 201
    full, redacted = (
        make_portal(app, organisation, "suppliers:read", *extra_scopes)
        .get("/suppliers/S-2")
        .json["answers"]["evidence"]
        for extra_scopes in (["cases:read"], [])
    )
    assert [piece["grade"] for piece in full] == ["worker_voice", "document"]
    assert [piece["grade"] for piece in redacted] == ["document"]


@pytest.mark.parametrize("role", ["officer", "viewer"])
def test_worker_voice_evidence_is_named_only_to_roles_that_may_see_it(
    app: Flask, database: Database, organisation: str, role: str
):
    piece = {"grade": "worker_voice", "date": "2026-09-01"}
    answers = {"name": "Red Quay Foods", "country": "TH", "papers_retention": "never", "evidence": [piece]}
    make_portal(app, organisation).put("/suppliers/S-2", answers)
    page = make_browser(app, make_user(database, organisation, role)).get("/suppliers/S-2").get_data(as_text=True)
    assert ("Workers, union or NGO, 1 September 2026" in page) == (role in ROLES_THAT_SEE)


def test_no_api_response_reveals_a_report_to_a_restricted_key(app: Flask, organisation: str):
    scopes = ACCESS.scopes.keys() - {ACCESS.worker_derived_scope}
    portal = make_portal(app, organisation, *scopes)
    result_id = portal.get("/suppliers/S-1/assessments").json["items"][0]["id"]
    responses = [portal.get(f"/assessments/{result_id}"), portal.get("/suppliers/S-1"), portal.get("/portfolio")]
    responses += [portal.put("/suppliers/S-1", REPORTED), portal.get(f"/assessments/{result_id}/moves")]
    for response in responses:
        assert response.status_code == 200
        text = response.get_data(as_text=True)
        assert [word for word in (*REPORT_WORDS, '"reported"') if word in text] == []


@pytest.mark.parametrize("role", ACCESS.roles)
def test_pages_show_reports_only_to_roles_that_may_see_them(
    app: Flask, database: Database, organisation: str, role: str
):
    page = make_browser(app, make_user(database, organisation, role)).get("/suppliers/S-1").get_data(as_text=True)
    assert ("Reported by workers" in page) == (role in ROLES_THAT_SEE)
    assert (">reported</span>" in page) == (role in ROLES_THAT_SEE)
    assert (">raised</span>" in page) == (role not in ROLES_THAT_SEE)
    assert (redaction.RAISED_TEXT in page) == (role not in ROLES_THAT_SEE)


@pytest.mark.parametrize("form", ["html", "csv", "xlsx"])
def test_a_full_report_cannot_be_downloaded_by_a_restricted_user(
    app: Flask, database: Database, organisation: str, form: str
):
    blobs = app.extensions["blob_store"]
    supplier = make_portal(app, organisation).get("/suppliers/S-1").json["id"]
    officer, viewer = (make_browser(app, make_user(database, organisation, role)) for role in ("officer", "viewer"))
    request = {"format": form, "supplier_id": supplier}
    full, redacted = (send(client, "/reports", **request).location for client in (officer, viewer))
    run_jobs(database, blobs)
    assert viewer.get(f"{full}/file").status_code == 403
    assert officer.get(f"{full}/file").status_code == officer.get(f"{redacted}/file").status_code == 200
    response = viewer.get(f"{redacted}/file")
    assert response.status_code == 200
    if form == "html":
        assert b"eported by workers" in officer.get(f"{full}/file").get_data()
        assert b"eported by workers" not in response.get_data()


def test_a_full_report_cannot_be_downloaded_with_a_restricted_key(app: Flask, database: Database, organisation: str):
    full_portal, restricted_portal = (
        make_portal(app, organisation, "reports:read", "cases:read"),
        make_portal(app, organisation, "reports:read"),
    )
    report_ids = [portal.post("/reports", {"format": "html"}).json["id"] for portal in (full_portal, restricted_portal)]
    run_jobs(database, app.extensions["blob_store"])
    assert [full_portal.get(f"/reports/{report_id}/file").status_code for report_id in report_ids] == [200, 200]
    denied = restricted_portal.get(f"/reports/{report_ids[0]}/file")
    assert (denied.status_code, denied.json["code"]) == (403, "report.closed")
    response = restricted_portal.get(f"/reports/{report_ids[1]}/file")
    assert response.status_code == 200
    assert b"eported by workers" not in response.get_data()


SAFETY = "Have safe referral contacts ready before anyone contacts workers"  # the first step of the case
CASE_WORDS = (
    "C-77",
    "Case records show",
    "eported in case records",
    "case_emergency",
    "case_pattern",
    '"emergency"',
    "keep_people_safe",
    SAFETY,
)
FINDING_WORDS = ("gate chained",)  # the text of a finding appears only on the page of its case
PLAIN = {"name": "Quiet Harbour Foods", "country": "TH", "sector": ["1020"]}


@pytest.fixture
def organisation_and_site(app: Flask, database: Database) -> tuple[str, str]:
    """Return an organisation and the id of its site, which has harmless answers and an emergency case."""
    organisation = make_organisation(database)
    supplier = make_portal(app, organisation).put("/suppliers/S-7", PLAIN).json["id"]
    finding = {"finding": "locked_in", "phase": "work", "source": "grievance", "note": "gate chained"}
    case = {"case_id": "C-77", "linked_reference": "S-7"}
    with database.for_organisation(organisation) as session:
        case_service.open_case(session, case, [finding], now().date(), now(), "user:ana")
    return organisation, supplier


def find_words(text: str, words: tuple[str, ...] = (*CASE_WORDS, *FINDING_WORDS, *REPORT_WORDS)) -> list[str]:
    return [word for word in words if word in text]


@pytest.mark.parametrize("role", ACCESS.roles)
def test_pages_reveal_a_case_only_to_roles_that_may_see_it(
    app: Flask, database: Database, organisation_and_site: tuple[str, str], role: str
):
    organisation, supplier = organisation_and_site
    client = make_browser(app, make_user(database, organisation, role))
    pages = {
        path: client.get(path).get_data(as_text=True)
        for path in (
            "/",
            "/suppliers",
            "/actions",
            f"/suppliers/{supplier}",
            "/suppliers.csv",
            "/suppliers?step=prepare_referral",
        )
    }
    full = role in ROLES_THAT_SEE
    for path in ("/", "/suppliers", "/actions", f"/suppliers/{supplier}", "/suppliers.csv"):
        assert (SAFETY in pages[path]) == full, path
        assert "Send the questionnaire" in pages[path] or full, path
    assert ("Quiet Harbour" in pages["/suppliers?step=prepare_referral"]) == full
    assert ("Case records show an emergency" in pages[f"/suppliers/{supplier}"]) == full
    assert ("C-77" in pages[f"/suppliers/{supplier}"]) == (role in {"admin", "case_handler"})
    pages.pop("/suppliers?step=prepare_referral")
    assert full or [word for page in pages.values() for word in find_words(page)] == []


def test_the_api_reveals_a_case_only_to_keys_that_may_see_it(app: Flask, organisation_and_site: tuple[str, str]):
    organisation, _supplier = organisation_and_site
    restricted_portal = make_portal(app, organisation, *(ACCESS.scopes.keys() - {"cases:read", "cases:write"}))
    full_portal = make_portal(app, organisation)
    result_id = full_portal.get("/suppliers/S-7/assessments").json["items"][0]["id"]
    paths = [
        "/suppliers/S-7",
        f"/assessments/{result_id}",
        "/suppliers",
        "/portfolio",
        "/actions",
        "/table",
        "/changes",
    ]
    paths += ["/companies", f"/assessments/{result_id}/moves", "/suppliers/S-7/assessments", "/suppliers/S-7/others"]
    for path in paths:
        response = restricted_portal.get(path)
        assert (response.status_code, find_words(response.get_data(as_text=True))) == (200, []), path
    assert restricted_portal.get("/suppliers?step=prepare_referral").json["items"] == []
    assert len(full_portal.get("/suppliers?step=prepare_referral").json["items"]) == 1
    full, redacted = (portal.get("/suppliers/S-7").json for portal in (full_portal, restricted_portal))
    assert (full["case_evidence"], redacted["case_evidence"]) == ("emergency", "not_shown")
    assert (full["level"], full["score"], full["decision"]) == (
        redacted["level"],
        redacted["score"],
        redacted["decision"],
    )
    only_for_the_case = {"keep_people_safe", "open_doors"}
    assert only_for_the_case <= {step["id"] for step in full["actions"]}
    assert only_for_the_case.isdisjoint(step["id"] for step in redacted["actions"])
    assert (full["next_step"], redacted["next_step"]) == ("prepare_referral", "ask")


@pytest.mark.parametrize("scope", ["one", "all"])
@pytest.mark.parametrize("form", ["html", "csv", "xlsx"])
def test_a_report_reveals_a_case_only_to_readers_who_may_see_it(
    app: Flask, database: Database, organisation_and_site: tuple[str, str], form: str, scope: str
):
    organisation, supplier = organisation_and_site
    request = {"format": form, **({"supplier_id": supplier} if scope == "one" else {})}
    clients = [make_browser(app, make_user(database, organisation, role)) for role in ("officer", "approver")]
    locations = [send(client, "/reports", **request).location for client in clients]
    run_jobs(database, app.extensions["blob_store"])
    full, redacted = (
        extract_text(client.get(f"{location}/file").get_data(), form)
        for client, location in zip(clients, locations, strict=True)
    )
    assert SAFETY in full
    assert "emergency" in full
    assert find_words(redacted, (*CASE_WORDS, *FINDING_WORDS, "emergency")) == []


def extract_text(data: bytes, form: str) -> str:
    """Return the text of a report."""
    if form != "xlsx":
        return data.decode("utf-8-sig")
    book = openpyxl.load_workbook(io.BytesIO(data))
    return repr([list(sheet.iter_rows(values_only=True)) for sheet in book])
