"""Test that a supplier's copy is the same with and without reports, and has no steps of the buyer, in every format."""

import html
import io
import re
from dataclasses import replace
from datetime import date
from functools import cache

import openpyxl
import pytest
from callers import make_organisation
from flask import Flask
from portal import Portal, make_portal

from reports.document import Report
from reports.formats import FORMATS, SHORT_FORMATS, render
from reports.redaction import for_audience
from risk_models.action_library import Action, load_actions
from service.cases import service as case_service
from service.clock import now
from service.db.session import Database
from service.report_content.labels import build_step
from service.reporting import stored_reports
from service.suppliers import repository as suppliers
from tests.test_reports.read_back import pdf_text, read_text
from tests.test_reports.sample import headlines, make_detail, make_report

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
WORKER_VOICE_EVIDENCE = {
    "grade": "worker_voice",
    "date": "2026-10-10",
    "covers": ["papers_retention", "recruitment_fees"],
}


def extract_text(data: bytes, form: str) -> str:
    """Return the text of a report without blanks, since words are broken over lines where there is no room."""
    if form == "pdf":
        text = pdf_text(data)
    elif form == "xlsx":
        book = openpyxl.load_workbook(io.BytesIO(data))
        cells = (cell for sheet in book for row in sheet.iter_rows(values_only=True) for cell in row)
        text = " ".join(str(cell) for cell in cells if cell is not None)
    else:
        text = html.unescape(re.sub(r"<[^>]+>", " ", data.decode("utf-8-sig")))
    return normalise(text)


def normalise(text: str) -> str:
    return re.sub(r"[\s\u00ad]+", "", text)


def save_supplier(database: Database, organisation: str, kind: str, answers: dict[str, object]) -> str:
    with database.for_organisation(organisation) as session:
        return suppliers.save_supplier(session, kind, answers, ON, now(), "user:ana", "api")[0].id


def build_supplier_copy(database: Database, organisation: str, supplier_id: str) -> Report:
    with database.for_organisation(organisation, write=False) as session:
        return stored_reports.build_supplier_copy(session, supplier_id)


def open_case(database: Database, organisation: str) -> None:
    finding = {"finding": "locked_in", "phase": "work", "source": "grievance"}
    with database.for_organisation(organisation) as session:
        case_service.open_case(
            session, {"case_id": "C-77", "linked_reference": "S-1"}, [finding], ON, now(), "user:ana"
        )


REPORTED = {
    "reported by workers": ("site", {"reported_harms": ["violence", "papers_withheld"], "reported_by": "workers"}),
    "reported by an authority": ("site", {"reported_harms": ["wages_withheld"], "reported_by": "official"}),
    "all answers rest on what workers said": (
        "site",
        {"evidence_grade": "worker_voice", "evidence_date": "2026-10-10"},
    ),
    "some answers rest on what workers said": ("site", {"evidence": [WORKER_VOICE_EVIDENCE]}),
    "workers of its agency told": ("agency", {"worker_reported_items": ["placement"], "reported_harms": ["threats"]}),
    "a case": ("site", {}),
}


@pytest.mark.suite("sqlite")
@pytest.mark.parametrize("reported", REPORTED)
def test_a_suppliers_copy_is_the_same_with_and_without_reports(database: Database, reported: str):
    kind, report = REPORTED[reported]
    organisation = make_organisation(database)
    save_supplier(database, organisation, "agency", AGENCY)
    site = save_supplier(database, organisation, "site", CANNERY)
    before = build_supplier_copy(database, organisation, site)
    with database.for_organisation(organisation, write=False) as session:
        (result_before,) = stored_reports.build_internal_report(session, [site]).results
    agency = save_supplier(database, organisation, "agency", AGENCY | (report if kind == "agency" else {}))
    save_supplier(database, organisation, "site", CANNERY | (report if kind == "site" else {}))
    if reported == "a case":
        open_case(database, organisation)
    with database.for_organisation(organisation, write=False) as session:
        result_after = stored_reports.build_internal_report(session, [site]).results[0]
    assert (result_after.score, result_after.best, result_after.worst, result_after.confidence) != (
        result_before.score,
        result_before.best,
        result_before.worst,
        result_before.confidence,
    )
    after = build_supplier_copy(database, organisation, site)
    assert replace(after, on=before.on) == before
    assert build_supplier_copy(database, organisation, agency).results[0].case_evidence == "none recorded"
    for form in FORMATS:
        assert extract_text(render(after, form).data, form) == extract_text(render(before, form).data, form)
    for form in SHORT_FORMATS:
        assert render(replace(after, on=before.on), form, "scorecard") == render(before, form, "scorecard")


CANARIES = ("petrelword", "kittiwakeword", "shearwaterword")


def test_no_word_from_workers_is_in_a_scorecard(database: Database):
    organisation = make_organisation(database)
    petrel, kittiwake, shearwater = CANARIES
    reported = {
        "reported_harms": ["violence", "papers_withheld"],
        "reported_by": "workers",
        "evidence": [WORKER_VOICE_EVIDENCE | {"source": petrel}],
    }
    site = save_supplier(database, organisation, "site", CANNERY | reported)
    save_supplier(database, organisation, "site", CANNERY | {"reference": "S-2", "name": shearwater})
    with database.for_organisation(organisation) as session:
        finding = {"finding": "locked_in", "phase": "work", "source": "grievance", "note": kittiwake}
        case = {"case_id": kittiwake, "linked_reference": "S-1", "job": kittiwake}
        case_service.open_case(session, case, [finding], ON, now(), "user:ana")
        internal = stored_reports.build_internal_report(session, [site])
    assert petrel in extract_text(render(internal, "html").data, "html")
    copy = build_supplier_copy(database, organisation, site)
    for form in SHORT_FORMATS:
        text = read_text(render(copy, form, "scorecard").data, form)
        assert "Blue Pier Cannery" in text
        assert [word for word in (*CANARIES, "worker voice", "eported by") if word in text] == []


def test_the_copy_from_the_api_is_the_same_with_and_without_reports(app: Flask, database: Database):
    portal = make_portal(app, make_organisation(database))
    files = {}
    for report in ({}, {"reported_harms": ["violence"], "reported_by": "workers"}):
        supplier = portal.put("/suppliers/S-1", CANNERY | report).json["id"]
        files[bool(report)] = {form: download_report(portal, database, supplier, form) for form in FORMATS}
    for form in FORMATS:
        assert extract_text(files[True][form], form) == extract_text(files[False][form], form)
    assert b"Blue Pier Cannery" in files[True]["csv"]


def download_report(portal: Portal, database: Database, supplier: str, form: str) -> bytes:
    request = {"format": form, "supplier_id": supplier, "audience": "supplier"}
    report_id = portal.post("/reports", request).json["id"]
    portal.work()
    return portal.get(f"/reports/{report_id}/file").get_data()


def test_a_copy_is_never_empty(database: Database):
    organisation = make_organisation(database)
    listed = {name: CANNERY[name] for name in ("reference", "name", "country", "sector")}
    site = save_supplier(database, organisation, "site", listed)
    copy = for_audience(build_supplier_copy(database, organisation, site))
    (detail,) = copy.details
    facts = [reason for reason in detail.reasons if reason.kind == "context" and reason.points and reason.sources]
    assert len(facts) > 3
    assert len([reason for reason in detail.reasons if reason.state == "not_asked"]) > 20
    assert any("answer the remaining questions" in text for text in detail.helps)
    assert any("evidence" in text for text in detail.helps)
    for form in ("html", "pdf"):
        text = extract_text(render(build_supplier_copy(database, organisation, site), form).data, form)
        for expected in ("What would help", facts[0].title, "Not asked"):
            assert normalise(expected) in text


def test_a_copy_does_not_ask_what_is_dangerous_to_answer(database: Database):
    organisation = make_organisation(database)
    copies = []
    for country in ("CN", "TH"):
        site = save_supplier(database, organisation, "site", CANNERY | {"country": country, "reference": country})
        copies.append(for_audience(build_supplier_copy(database, organisation, site)))
    sensitive = "Labour imposed by a state"
    asked = [{r.title for r in copy.details[0].reasons if r.kind == "answer"} for copy in copies]
    assert [sensitive in titles for titles in asked] == [False, True]
    assert sensitive not in {question.title for question in copies[0].not_checked}


def test_what_would_help_says_nothing_of_what_others_reported(database: Database):
    organisation = make_organisation(database)
    told = {"reported_harms": ["violence"], "reported_by": "workers"}
    helps = []
    for report in ({}, told):
        site = save_supplier(database, organisation, "site", CANNERY | {"movement": "declined"} | report)
        helps.append(build_supplier_copy(database, organisation, site).details[0].helps)
    assert helps[0] == helps[1]
    assert any("left blank" in text for text in helps[0])
    assert any("findings" in text for text in helps[0])  # fees, which it admits


def test_worker_voice_answers_outside_a_returned_form_are_not_in_the_copy(database: Database):
    organisation = make_organisation(database)
    sheet_answers = {name: answer for name, answer in CANNERY.items() if name not in ("form_returned", "form_version")}
    answers = sheet_answers | {"papers_retention": "held"}
    site = save_supplier(
        database,
        organisation,
        "site",
        answers | {"evidence": [{**WORKER_VOICE_EVIDENCE, "covers": ["papers_retention"]}]},
    )
    titles = {
        reason.title: reason.state for reason in build_supplier_copy(database, organisation, site).details[0].reasons
    }
    assert (titles["Papers withheld"], titles["Workers pay for the job"]) == ("not_asked", "answered")
    site = save_supplier(database, organisation, "site", answers)
    titles = {
        reason.title: reason.state for reason in build_supplier_copy(database, organisation, site).details[0].reasons
    }
    assert titles["Papers withheld"] == "answered"


@pytest.mark.parametrize("evidence", [{"evidence_grade": "worker_voice", "evidence_date": "2026-11-02"}, {}])
def test_answers_that_arrive_after_the_returned_form_are_not_in_the_copy(database: Database, evidence: dict[str, str]):
    organisation = make_organisation(database)
    site = save_supplier(database, organisation, "site", CANNERY | {"migrant_pct": 75.0})
    before = build_supplier_copy(database, organisation, site)
    sheet_answers = {name: CANNERY[name] for name in ("reference", "name", "country", "sector", "agencies")}
    save_supplier(
        database, organisation, "site", sheet_answers | {"papers_retention": "held", "violence": "open"} | evidence
    )
    with database.for_organisation(organisation, write=False) as session:
        reasons = stored_reports.build_internal_report(session, [site]).details[0].reasons
    values_before, values_after = (
        {r.title: r.value for r in reasons_of} for reasons_of in (before.details[0].reasons, reasons)
    )
    assert (values_before["Violence"], values_after["Violence"]) == ("None known", "Yes, and not yet remedied")
    assert replace(build_supplier_copy(database, organisation, site), on=before.on) == before


def test_harm_reported_by_workers_before_the_returned_form_is_not_in_the_copy(database: Database):
    organisation = make_organisation(database)
    sheet_answers = {name: CANNERY[name] for name in ("reference", "name", "country", "sector", "agencies")}
    worker_survey = {"violence": "open", "evidence_grade": "worker_voice", "evidence_date": "2026-09-02"}
    site = save_supplier(database, organisation, "site", sheet_answers | worker_survey)
    save_supplier(database, organisation, "site", CANNERY | {"violence": "declined"})
    with database.for_organisation(organisation, write=False) as session:
        full_report = stored_reports.build_internal_report(session, [site])
    reports = (full_report, build_supplier_copy(database, organisation, site))
    (full_state, copy_state) = [
        next(r.state for r in report.details[0].reasons if r.title == "Violence") for report in reports
    ]
    assert (full_state, copy_state) == (
        "answered",
        "declined",
    )  # harm that was told stays, and the supplier said nothing of it


def test_the_buyers_own_checks_are_not_in_an_agencys_copy(database: Database):
    organisation = make_organisation(database)
    agency = save_supplier(
        database, organisation, "agency", AGENCY | {"buyer_check_method": "workers", "buyer_check_workers": 3.0}
    )
    copy = build_supplier_copy(database, organisation, agency)
    states = {reason.title: reason.state for reason in copy.details[0].reasons}
    with database.for_organisation(organisation, write=False) as session:
        full_report = stored_reports.build_internal_report(session, [agency])
    full_states = {reason.title: reason.state for reason in full_report.details[0].reasons}
    assert {full_states[title] for title in full_states if full_states[title] != states[title]} == {"answered"}
    title_of_check = "The buyer's own last check is old"
    assert title_of_check in {question.title for question in full_report.not_checked}
    assert title_of_check not in {question.title for question in copy.not_checked}


def test_the_copy_says_that_it_rests_on_the_suppliers_own_answers(database: Database):
    organisation = make_organisation(database)
    copy = build_supplier_copy(database, organisation, save_supplier(database, organisation, "site", CANNERY))
    for form in FORMATS.keys() - {"csv"}:
        assert normalise("It is based only on the supplier's own answers and on public data") in extract_text(
            render(copy, form).data, form
        )


@cache
def render_copy_with_all_actions(form: str) -> str:
    """Return the text of a supplier's copy of a report with every action."""
    steps = tuple(build_step(action, ON, 30, 1, ("Blue Pier Cannery",)) for action in load_actions())
    headline = headlines("supplier")[0]
    detail = replace(make_detail(headline, "supplier"), steps=steps)
    report = make_report(detail.headline, audience="supplier", details=(detail,), plan=steps)
    return extract_text(render(report, form).data, form)


def list_texts(action: Action) -> list[str]:
    return [normalise(text) for text in (action.title, action.do, action.with_workers)]


@pytest.mark.parametrize("form", sorted(FORMATS))
def test_the_buyers_steps_are_not_in_the_copy(form: str):
    text = render_copy_with_all_actions(form)
    buyer_actions = [action for action in load_actions() if action.owner == "buyer"]
    assert buyer_actions
    assert [
        action.id for action in buyer_actions if any(action_text in text for action_text in list_texts(action))
    ] == []
    if form != "csv":  # which holds no more than the next step
        supplier_actions = [action for action in load_actions() if action.owner != "buyer"]
        assert [
            action.id
            for action in supplier_actions
            if not all(action_text in text for action_text in list_texts(action))
        ] == []


@pytest.mark.parametrize("form", sorted(FORMATS))
def test_the_proof_of_steps_is_not_in_the_copy(form: str):
    text = render_copy_with_all_actions(form)
    assert [action.id for action in load_actions() if normalise(action.proof) in text] == []
    assert "unannounced" not in text


def test_the_suppliers_steps_do_not_reveal_that_anyone_spoke():
    text = render_copy_with_all_actions("html").casefold()
    phrases = (
        "what was told",
        "suspected to have been told",
        "having spoken",
        "who said what",
        "suffered for speaking",
    )
    assert [phrase for phrase in phrases if normalise(phrase) in text] == []
