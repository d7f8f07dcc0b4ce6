"""Test the worker notice: whom it names, when there is none, and that it gives away nothing that workers reported."""

from datetime import timedelta
from io import BytesIO
from typing import Any

import pypdf
import pytest
from callers import make_browser, make_organisation, make_user
from flask import Flask
from portal import make_portal
from sqlalchemy.orm import Session
from test_referral_directory import AT, HELPLINE, NEEDED
from test_taking_findings import SITE, save

from reports.short.document import Bullets, ShortDocument, Table
from service.clock import today
from service.db.remediation_tables import Step
from service.db.session import Database
from service.db.tables import Supplier
from service.errors import DomainError
from service.referrals import contacts
from service.worker_notice.notice import build_notice, list_notice_languages, render_notice


def add(session: Session, kind: str, name: str, days_ago: int = 0, **values: Any) -> None:
    on = today()
    contact = {**HELPLINE, "kind": kind, "name": name, **values}
    contacts.add_contact(session, contact, on - timedelta(days=days_ago), on, AT, "user:ana")


def complete_directory(session: Session, country: str = "TH") -> None:
    for kind in NEEDED:
        add(session, kind, f"First {kind} in {country}", country=country)


def list_texts(document: ShortDocument) -> str:
    texts = [document.kind, document.title, document.headline, document.wording]
    for section in document.sections:
        for block in section.blocks:
            if isinstance(block, Bullets):
                texts += block.items
            elif isinstance(block, Table):
                texts += [cell for row in block.rows for cell in row]
    return "\n".join(texts)


@pytest.fixture
def organisation(sqlite_database: Database) -> str:
    return make_organisation(sqlite_database)


def test_there_is_no_notice_until_the_directory_of_the_country_is_complete(
    sqlite_database: Database, organisation: str
):
    with sqlite_database.for_organisation(organisation) as session:
        site = save(session, SITE)
        add(session, "hotline", "Harbour Helpline")
        with pytest.raises(DomainError, match="Add them to the referral directory") as refused:
            build_notice(session, site, today())
        assert refused.value.code == "notice.no_help"
        site.answers = {key: value for key, value in SITE.items() if key != "country"}
        with pytest.raises(DomainError, match="it is not known which country the workers are in"):
            build_notice(session, site, today())


def test_a_notice_names_only_contacts_that_were_called_lately_and_no_consulate(
    sqlite_database: Database, organisation: str
):
    with sqlite_database.for_organisation(organisation) as session:
        site = save(session, SITE)
        complete_directory(session)
        complete_directory(session, "KH")
        add(session, "hotline", "Second Line", not_safe_for=["undocumented"], note="Ask for the night desk.")
        add(session, "hotline", "Third Line", days_ago=10)
        add(session, "ngo", "Silent Aid", days_ago=91)
        add(session, "consulate", "Consulate of Myanmar")
        notice = build_notice(session, site, today())
    shown = list_texts(notice.document)
    assert "First shelter in TH (shelter)" in shown
    assert "Second Line (hotline). Might not be safe for: people without papers" in shown
    assert "Burmese, Khmer; every day, 8 to 20" in shown
    for left_out in ("Third Line", "Silent Aid", "Consulate", "in KH", "night desk"):
        assert left_out not in shown


def test_repayment_is_mentioned_only_if_it_was_agreed_and_is_not_known_from_workers_only(
    sqlite_database: Database, organisation: str
):
    def mentions(session: Session, site: Supplier) -> bool:
        return "workers get back what they paid" in list_texts(build_notice(session, site, today()).document)

    with sqlite_database.for_organisation(organisation) as session:
        site = save(session, SITE)
        complete_directory(session)
        step = make_step(site)
        session.add(step)
        session.flush()
        assert not mentions(session, site)
        step.state = "agreed"
        session.flush()
        assert mentions(session, site)
        step.worker_derived = True
        session.flush()
        assert not mentions(session, site)


def make_step(site: Supplier) -> Step:
    flags = {"safety": False, "needs_workers": True, "worker_derived": False}
    library = {"action": "repay_workers", "actions_release": "2026.4", "actions_digest": "0" * 64, "party": "supplier"}
    made = {"created_by": "user:ana", "created_at": AT, "updated_at": AT, "due": AT.date()}
    return Step(supplier_id=site.id, record_id=site.id, **library, **flags, **made)


def test_the_notice_is_one_tagged_page_in_each_language(sqlite_database: Database, organisation: str):
    with sqlite_database.for_organisation(organisation) as session:
        site = save(session, SITE)
        complete_directory(session)
        for kind in ("ngo", "port_mission"):
            add(session, kind, f"The Apostleship and Mission to Seafarers, {kind}", not_safe_for=["refugees", "women"])
        notices = [build_notice(session, site, today(), language=language) for language in list_notice_languages()]
    printed = [notice for notice in notices if notice.document.language != "si"]
    assert len(printed) == 17
    for notice in printed:
        read = pypdf.PdfReader(BytesIO(render_notice(notice, "pdf").data))
        assert len(read.pages) == 1 + (notice.document.language == "ta")  # whose words are long
        assert read.trailer["/Root"]["/MarkInfo"]["/Marked"]
    (sinhala,) = [notice for notice in notices if notice not in printed]
    assert "ඔබේ අයිතිවාසිකම්" in render_notice(sinhala, "html").data.decode()
    with pytest.raises(DomainError, match="no font for its script"):
        render_notice(sinhala, "pdf")


def test_pages_and_api_offer_the_notice_or_say_what_is_missing(app: Flask, database: Database):
    organisation = make_organisation(database)
    browser = make_browser(app, make_user(database, organisation))
    portal = make_portal(app, organisation, "remediation:read")
    with database.for_organisation(organisation) as session:
        site = save(session, SITE).id
    page = f"/suppliers/{site}/worker-notice"
    assert "Steps that involve contacting workers in Thailand are not shown" in browser.get(page).get_data(as_text=True)
    assert browser.get(f"{page}.pdf").status_code == 409
    assert portal.get(page).json["code"] == "notice.no_help"
    with database.for_organisation(organisation) as session:
        complete_directory(session)
    assert "First hotline in TH" in browser.get(page).get_data(as_text=True)
    assert browser.get(f"{page}.pdf").mimetype == "application/pdf"
    assert browser.get(f"{page}.docx").status_code == 422
    assert "First hotline in TH" in portal.get(f"{page}?format=html").get_data(as_text=True)
    assert portal.get(f"{page}?country=KH").json["code"] == "notice.country"
