"""A finding from its report to its closing and back: an officer, a second user and the supplier, each in a browser."""

from datetime import datetime, timedelta

from patience import PATIENCE
from playwright.sync_api import Browser, BrowserContext, Page, expect
from sqlalchemy import select
from sqlalchemy.orm import Session
from test_service.callers import make_organisation, make_user
from test_web.conftest import Office, sign_in

from service.clock import now
from service.db.remediation_tables import Finding, Step
from service.db.tables import Supplier
from service.reviews.findings import recompute, take_findings
from service.suppliers import repository

SITE = {"reference": "S-1", "name": "Blue Pier Cannery", "country": "TH", "sector": ["1020"], "workers": 300.0}
OFFICER, SECOND = "officer@pier.example", "second@pier.example"


def save(session: Session, papers: str, at: datetime) -> str:
    """Save that the papers are held, or that workers hold them; assess the site, take its findings, and return its id."""
    incoming = [repository.IncomingSupplier({**SITE, "papers_retention": papers})]
    repository.save_suppliers(session, "site", incoming, repository.Origin(at.date(), at, "user:ana", "import"))
    (site,) = session.scalars(select(Supplier.id))
    take_findings(session, recompute(session, [site]), at)
    return site


def open_supplier_browser(chromium: Browser, office: Office, link: str) -> tuple[BrowserContext, Page]:
    context = chromium.new_context(base_url=office.address, java_script_enabled=False)
    page = context.new_page()
    page.set_default_timeout(1000 * PATIENCE)
    page.goto(link)
    return context, page


def test_a_finding_is_answered_remedied_closed_scored_anew_and_reopened(chromium: Browser, office: Office) -> None:
    organisation = make_organisation(office.database, "Pier Trading")
    make_user(office.database, organisation, "officer", OFFICER, "Ana")
    make_user(office.database, organisation, "case_handler", SECOND, "Ben")
    with office.database.for_organisation(organisation) as session:
        supplier = save(session, "held", now())
        finding = session.scalars(select(Finding.id).where(Finding.about == "papers_withheld")).one()
        step = session.scalars(select(Step.id).where(Step.action == "return_papers")).one()
    officers, seconds = (chromium.new_context(base_url=office.address) for _ in range(2))
    officer, second = sign_in(officers, office, OFFICER), sign_in(seconds, office, SECOND)

    officer.goto(f"/suppliers/{supplier}/links")
    officer.get_by_role("button", name="Create link").click()
    link = officer.locator("#shown-once").input_value()
    officer.get_by_role("button", name="Ask for a reply").click()
    expect(officer.get_by_text("not delivered yet")).to_be_visible()

    suppliers, outside = open_supplier_browser(chromium, office, link)
    outside.get_by_role("button", name="Continue").click()
    for accept in outside.get_by_label("We accept this finding").all():
        accept.check()
    outside.get_by_role("button", name="Send reply").click()
    expect(outside.get_by_text("Your reply has been sent.")).to_be_visible()
    outside.get_by_role("button", name="Agree to all proposed steps").click()
    expect(outside.get_by_text("Your agreement has been recorded.")).to_be_visible()
    receipt = {"name": "receipts.csv", "mimeType": "text/csv", "buffer": b"returned on,passports\n2026-11-01,80\n"}
    proof = outside.locator(f"section[id='{step}']")
    proof.get_by_label("File", exact=True).set_input_files(receipt)
    proof.get_by_role("button", name="Send file").click()
    expect(outside.get_by_text("1 file received")).to_be_visible()

    second.goto("/remediation?view=to_verify")
    second.locator(f"a[href='/remediation/steps/{step}']").click()
    with second.expect_download() as download:
        second.locator("section[aria-labelledby=evidence] a").click()
    assert download.value.suggested_filename.startswith("return_papers_")
    second.locator("#source").select_option("union_ngo")
    second.locator("#checked_on").fill(now().date().isoformat())
    second.locator("#workers").fill("8")
    second.locator("#chosen_by").select_option("worker_organisation")
    second.locator("#confirmed_percent").fill("100")
    second.locator("#asked_about_retaliation").check()
    second.get_by_role("button", name="Verify step").click()
    expect(second.get_by_text("8 workers were spoken to.")).to_be_visible()

    with office.database.for_organisation(organisation) as session:  # the other steps are verified in the same way
        for other in session.scalars(select(Step).where(Step.id != step)):
            other.state = "verified"
    change_finding(officer, step, "remedied")
    change_finding(second, step, "closed")
    officer.goto(f"/remediation/findings/{finding}")
    expect(officer.locator("section[aria-labelledby=history]")).to_contain_text("Remedied → Closed")
    expect(officer.locator("section[aria-labelledby=history]")).to_contain_text("Ben")
    officer.goto(f"/suppliers/{supplier}")
    held = officer.locator(".figures").inner_text()

    with office.database.for_organisation(organisation) as session:  # new answers: the papers are with the workers
        save(session, "worker_holds", now() + timedelta(days=1))
    officer.reload()
    assert officer.locator(".figures").inner_text() != held
    with office.database.for_organisation(organisation) as session:  # and then they are held again
        save(session, "held", now() + timedelta(days=2))
    officer.goto(f"/remediation/findings/{finding}")
    expect(officer.locator("section[aria-labelledby=history]")).to_contain_text("Closed → Reopened")
    outside.reload()
    # The supplier sees it as done until a user starts it again: its reopening could show that workers have spoken.
    expect(proof).to_contain_text("Done")
    for context in (officers, seconds, suppliers):
        context.close()


def change_finding(page: Page, step: str, state: str) -> None:
    """Change the state of the finding that a step is for, on the page of the step."""
    page.goto(f"/remediation/steps/{step}")
    page.get_by_text("Change the state of this finding").first.click()
    findings = page.locator("section[aria-labelledby=findings]")
    findings.get_by_label("New state").first.select_option(state)
    findings.get_by_label("Reason").first.fill("Eight workers confirm it.")
    findings.get_by_role("button", name="Save").first.click()
    expect(page.get_by_text("Saved.")).to_be_visible()
