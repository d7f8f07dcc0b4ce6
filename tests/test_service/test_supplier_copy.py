"""A supplier's copy reads the same whether or not anybody told of it, and holds no step of the buyer's, in every format."""

import html
import io
import re
from dataclasses import replace
from datetime import date
from functools import cache

import openpyxl
import pytest
from callers import an_organisation
from flask import Flask
from portal import Portal, a_portal

from reports.document import Report
from reports.formats import FORMATS, render
from risk_models.plan import Action, load_actions
from service import report_jobs
from service.cases import service as case_service
from service.clock import now
from service.db.session import Database
from service.report_content.labels import build_step
from service.suppliers import repository as suppliers
from tests.test_reports.read_back import pdf_text
from tests.test_reports.sample import a_detail, a_report, headlines

ON = date(2026, 11, 20)
CANNERY = {
    "reference": "S-1", "name": "Blue Pier Cannery", "country": "TH", "sector": ["1020"], "agencies": ["Fig Manpower"],
    "workers_total": 400.0, "workers_migrant": 300.0, "papers_retention": "worker_holds", "recruitment_fees": "some",
    "violence": "none_known", "threats": "none_known", "form_version": "site 2026.2", "form_returned": "2026-10-01",
}  # fmt: skip
AGENCY = {
    "reference": "A-1", "name": "Fig Manpower", "country": "NP", "recruitment_fees": "none",
    "form_version": "agency 2026.2", "form_returned": "2026-10-01",
}  # fmt: skip
VOICE = {"grade": "worker_voice", "date": "2026-10-10", "covers": ["papers_retention", "recruitment_fees"]}


def extract_text(data: bytes, form: str) -> str:
    """All that a report says, without blanks, as letters are broken over lines where there is no room."""
    if form == "pdf":
        told = pdf_text(data)
    elif form == "xlsx":
        book = openpyxl.load_workbook(io.BytesIO(data))
        cells = (cell for sheet in book for row in sheet.iter_rows(values_only=True) for cell in row)
        told = " ".join(str(cell) for cell in cells if cell is not None)
    else:
        told = html.unescape(re.sub(r"<[^>]+>", " ", data.decode("utf-8-sig")))
    return normalise(told)


def normalise(text: str) -> str:
    return re.sub(r"[\s\u00ad]+", "", text)


def save_supplier(database: Database, organisation: str, kind: str, answers: dict[str, object]) -> str:
    with database.for_organisation(organisation) as session:
        return suppliers.save_supplier(session, kind, answers, ON, now(), "user:ana", "api")[0].id


def build_supplier_copy(database: Database, organisation: str, supplier_id: str) -> Report:
    with database.for_organisation(organisation, write=False) as session:
        return report_jobs.build_supplier_copy(session, supplier_id)


def open_case(database: Database, organisation: str) -> None:
    told = {"finding": "locked_in", "phase": "work", "source": "grievance"}
    with database.for_organisation(organisation) as session:
        case_service.open_case(session, {"case_id": "C-77", "linked_reference": "S-1"}, [told], ON, now(), "user:ana")


REPORTED = {
    "reported by workers": ("site", {"reported_harms": ["violence", "papers_withheld"], "reported_by": "workers"}),
    "reported by an authority": ("site", {"reported_harms": ["wages_withheld"], "reported_by": "official"}),
    "all answers rest on what workers said": (
        "site",
        {"evidence_grade": "worker_voice", "evidence_date": "2026-10-10"},
    ),
    "some answers rest on what workers said": ("site", {"evidence": [VOICE]}),
    "workers of its agency told": ("agency", {"worker_reported_items": ["placement"], "reported_harms": ["threats"]}),
    "a case": ("site", {}),
}


@pytest.mark.parametrize("told", REPORTED)
def test_a_suppliers_copy_is_alike_whether_or_not_somebody_told(database: Database, told: str):
    kind, report = REPORTED[told]
    organisation = an_organisation(database)
    save_supplier(database, organisation, "agency", AGENCY)
    site = save_supplier(database, organisation, "site", CANNERY)
    before = build_supplier_copy(database, organisation, site)
    with database.for_organisation(organisation, write=False) as session:
        (was,) = report_jobs.build_internal_report(session, [site]).results
    agency = save_supplier(database, organisation, "agency", AGENCY | (report if kind == "agency" else {}))
    save_supplier(database, organisation, "site", CANNERY | (report if kind == "site" else {}))
    if told == "a case":
        open_case(database, organisation)
    with database.for_organisation(organisation, write=False) as session:
        now_ = report_jobs.build_internal_report(session, [site]).results[0]
    assert (now_.score, now_.best, now_.worst, now_.confidence) != (was.score, was.best, was.worst, was.confidence)
    after = build_supplier_copy(database, organisation, site)
    assert replace(after, on=before.on) == before
    assert build_supplier_copy(database, organisation, agency).results[0].case_evidence == "none recorded"
    for form in FORMATS:
        assert extract_text(render(after, form).data, form) == extract_text(render(before, form).data, form)


def test_the_api_hands_out_the_same_copy_with_a_report_and_without(app: Flask, database: Database):
    portal = a_portal(app, an_organisation(database))
    files = {}
    for told in ({}, {"reported_harms": ["violence"], "reported_by": "workers"}):
        supplier = portal.put("/suppliers/S-1", CANNERY | told).json["id"]
        files[bool(told)] = {form: download_report(portal, database, supplier, form) for form in FORMATS}
    for form in FORMATS:
        assert extract_text(files[True][form], form) == extract_text(files[False][form], form)
    assert b"Blue Pier Cannery" in files[True]["csv"]


def download_report(portal: Portal, database: Database, supplier: str, form: str) -> bytes:
    asked = {"format": form, "supplier_id": supplier, "audience": "supplier"}
    made = portal.post("/reports", asked).json["id"]
    portal.work()
    return portal.get(f"/reports/{made}/file").get_data()


def test_answers_that_are_the_workers_and_came_in_no_form_of_its_own_are_not_the_suppliers(database: Database):
    organisation = an_organisation(database)
    listed = {name: said for name, said in CANNERY.items() if name not in ("form_returned", "form_version")}
    told = listed | {"papers_retention": "held"}
    site = save_supplier(
        database, organisation, "site", told | {"evidence": [{**VOICE, "covers": ["papers_retention"]}]}
    )
    titles = {
        reason.title: reason.state for reason in build_supplier_copy(database, organisation, site).details[0].reasons
    }
    assert (titles["Papers withheld"], titles["Workers pay for the job"]) == ("not_asked", "answered")
    site = save_supplier(database, organisation, "site", told)
    titles = {
        reason.title: reason.state for reason in build_supplier_copy(database, organisation, site).details[0].reasons
    }
    assert titles["Papers withheld"] == "answered"


@pytest.mark.parametrize("evidence", [{"evidence_grade": "worker_voice", "evidence_date": "2026-11-02"}, {}])
def test_what_came_in_after_its_form_came_back_is_not_the_suppliers(database: Database, evidence: dict[str, str]):
    organisation = an_organisation(database)
    site = save_supplier(database, organisation, "site", CANNERY | {"migrant_pct": 75.0})
    before = build_supplier_copy(database, organisation, site)
    listed = {name: CANNERY[name] for name in ("reference", "name", "country", "sector", "agencies")}
    save_supplier(database, organisation, "site", listed | {"papers_retention": "held", "violence": "open"} | evidence)
    with database.for_organisation(organisation, write=False) as session:
        reasons = report_jobs.build_internal_report(session, [site]).details[0].reasons
    was, now_ = ({r.title: r.value for r in told} for told in (before.details[0].reasons, reasons))
    assert (was["Violence"], now_["Violence"]) == ("None known", "Yes, not yet remedied")
    assert replace(build_supplier_copy(database, organisation, site), on=before.on) == before


def test_harm_that_workers_told_of_before_its_form_came_back_is_not_the_suppliers(database: Database):
    organisation = an_organisation(database)
    listed = {name: CANNERY[name] for name in ("reference", "name", "country", "sector", "agencies")}
    survey = {"violence": "open", "evidence_grade": "worker_voice", "evidence_date": "2026-09-02"}
    site = save_supplier(database, organisation, "site", listed | survey)
    save_supplier(database, organisation, "site", CANNERY | {"violence": "declined"})
    with database.for_organisation(organisation, write=False) as session:
        whole = report_jobs.build_internal_report(session, [site])
    made = (whole, build_supplier_copy(database, organisation, site))
    (heard, told) = [next(r.state for r in of.details[0].reasons if r.title == "Violence") for of in made]
    assert (heard, told) == ("answered", "declined")  # harm that was told stays, and the supplier said nothing of it


def test_what_the_buyer_says_of_its_own_checks_is_not_in_an_agencys_copy(database: Database):
    organisation = an_organisation(database)
    agency = save_supplier(
        database, organisation, "agency", AGENCY | {"buyer_check_method": "workers", "buyer_check_workers": 3.0}
    )
    copy = build_supplier_copy(database, organisation, agency)
    states = {reason.title: reason.state for reason in copy.details[0].reasons}
    with database.for_organisation(organisation, write=False) as session:
        whole = report_jobs.build_internal_report(session, [agency])
    told = {reason.title: reason.state for reason in whole.details[0].reasons}
    assert {told[title] for title in told if told[title] != states[title]} == {"answered"}
    buyers = "The buyer's own last check is old"
    assert buyers in {question.title for question in whole.not_checked}
    assert buyers not in {question.title for question in copy.not_checked}


def test_a_supplier_hears_in_its_copy_that_it_is_of_its_own_answers(database: Database):
    organisation = an_organisation(database)
    copy = build_supplier_copy(database, organisation, save_supplier(database, organisation, "site", CANNERY))
    for form in FORMATS.keys() - {"csv"}:
        assert normalise("It rests on the supplier's own answers and on open facts alone") in extract_text(
            render(copy, form).data, form
        )


@cache
def render_copy_with_all_actions(form: str) -> str:
    """A supplier's copy of a report that calls for every action there is, in words."""
    steps = tuple(build_step(action, ON, 30, 1, ("Blue Pier Cannery",)) for action in load_actions())
    headline = headlines("supplier")[0]
    detail = replace(a_detail(headline, "supplier"), steps=steps)
    report = a_report(detail.headline, audience="supplier", details=(detail,), plan=steps)
    return extract_text(render(report, form).data, form)


def list_texts(action: Action) -> list[str]:
    return [normalise(text) for text in (action.title, action.do, action.with_workers)]


@pytest.mark.parametrize("form", sorted(FORMATS))
def test_no_text_of_a_step_of_the_buyers_is_in_a_suppliers_copy(form: str):
    told = render_copy_with_all_actions(form)
    buyers = [action for action in load_actions() if action.owner == "buyer"]
    assert buyers
    assert [action.id for action in buyers if any(text in told for text in list_texts(action))] == []
    if form != "csv":  # which holds no more than the next step
        own = [action for action in load_actions() if action.owner != "buyer"]
        assert [action.id for action in own if not all(text in told for text in list_texts(action))] == []


@pytest.mark.parametrize("form", sorted(FORMATS))
def test_how_a_step_is_found_to_have_worked_is_in_no_suppliers_copy(form: str):
    told = render_copy_with_all_actions(form)
    assert [action.id for action in load_actions() if normalise(action.proof) in told] == []
    assert "unannounced" not in told


def test_no_step_of_the_suppliers_own_tells_that_somebody_spoke():
    told = render_copy_with_all_actions("html").casefold()
    phrases = (
        "what was told",
        "suspected to have been told",
        "having spoken",
        "who said what",
        "suffered for speaking",
    )
    assert [phrase for phrase in phrases if normalise(phrase) in told] == []
