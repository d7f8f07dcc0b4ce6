"""The pages of case records, in a browser: opened by hand and as a sheet, added to, closed; and what each role sees."""

from collections.abc import Iterator
from itertools import count

import pytest
from playwright.sync_api import Browser, Page, expect
from sheets import text
from sqlalchemy import select
from test_service.callers import make_user
from test_web.conftest import Office, sign_in
from test_web.every_page import find_accessibility_faults

from service.cases import closing
from service.cases import service as case_service
from service.clock import now
from service.db.case_tables import StoredCase

REFERRAL = "Have safe referral contacts ready before anyone contacts workers"
SAFETY = "Get anyone in danger to safety within six hours"
SPOKEN = "Make sure that no one suffers for speaking up"
HEADER = "| Case | Site reference | Nationality | Adults or children | Finding | Phase | Source | Note |"
SHEET = text(HEADER, "| CR-50 | S-016 | Nepal | Adults | Papers held by someone else | at work | Union | |")
NAMED = text(HEADER, "| told to Mr Somchai Jaidee | S-016 | Nepal | Adults | Violence | at work | Union | |")


def browser_of(chromium: Browser, office: Office, role: str) -> Iterator[Page]:
    """The browser of a user with a role."""
    email = f"{role}@harbour.example"
    make_user(office.database, office.harbour, role, email)
    context = chromium.new_context(base_url=office.address, viewport={"width": 1280, "height": 900})
    yield sign_in(context, office, email)
    context.close()


@pytest.fixture(scope="module")
def handler(chromium: Browser, office: Office) -> Iterator[Page]:
    yield from browser_of(chromium, office, "case_handler")


@pytest.fixture(scope="module")
def officer(chromium: Browser, office: Office) -> Iterator[Page]:
    yield from browser_of(chromium, office, "officer")


@pytest.fixture(scope="module")
def admin(chromium: Browser, office: Office) -> Iterator[Page]:
    yield from browser_of(chromium, office, "admin")


@pytest.fixture(scope="module")
def viewer(chromium: Browser, office: Office) -> Iterator[Page]:
    yield from browser_of(chromium, office, "viewer")


NUMBERS = count(40)
LOCKED_IN = {"finding": "locked_in", "phase": "work", "source": "grievance"}


@pytest.fixture
def case(office: Office, none_stays_open: None) -> str:
    """The number of a case that is an emergency at S-011."""
    answers = {"case_id": f"CR-{next(NUMBERS)}", "linked_reference": "S-011", "nationality": "MM"}
    with office.database.for_organisation(office.harbour) as session:
        case_service.open_case(session, answers, [LOCKED_IN], now().date(), now(), "user:web")
    return answers["case_id"]


@pytest.fixture(autouse=True)
def none_stays_open(office: Office) -> Iterator[None]:
    """No case that a test opened is open in the next."""
    yield
    with office.database.for_organisation(office.harbour) as session:
        for left in session.scalars(select(StoredCase.id).where(StoredCase.state == "open")).all():
            by_now = now().date(), now()
            check = closing.WorkerCheck(by_now[0], 3, "workers")
            proposed = closing.close_case(session, left, "remedied", *by_now, "user:web", check)
            if proposed.state == "open":
                read = proposed.closing["at"]
                closing.confirm_closing(session, left, *by_now, "user:web-2", is_approver=True, proposed_at=read)


def faults(page: Page, name: str) -> list[tuple[str, str, str]]:
    """The accessibility faults of a page, wide and narrow."""
    found = []
    for width in (390, 1280):
        page.set_viewport_size({"width": width, "height": 900})
        found += find_accessibility_faults(page, f"{name}, {width} wide", colours=width == 1280)
    return found


def site(page: Page, reference: str) -> None:
    """Goes to the page of a site."""
    page.goto(f"/suppliers?text={reference}")
    page.locator("td a.name").first.click()
    page.wait_for_url("**/suppliers/*")


def test_a_case_handler_opens_a_case_and_reads_the_urgent_steps(handler: Page) -> None:
    handler.goto("/")
    handler.get_by_role("link", name="Cases", exact=True).click()
    assert faults(handler, "cases, none") == []
    handler.get_by_label("Case", exact=True).fill("CR-39")
    handler.get_by_label("Reference of site or agency").fill("S-011")
    handler.get_by_label("Nationality").select_option("MM")
    handler.get_by_label("Finding").select_option("locked_in")
    handler.get_by_label("Phase").select_option("work")
    handler.get_by_label("Job").fill("Mr Somchai Jaidee")
    handler.get_by_label("Note").fill("gate chained at night")
    handler.get_by_role("button", name="Open case").click()
    expect(handler.get_by_role("alert")).to_contain_text("appears to contain a person's name")
    expect(handler.get_by_role("alert")).not_to_contain_text("Somchai")
    expect(handler.get_by_label("Reference of site or agency")).to_have_value("S-011")  # nothing has to be typed again
    assert faults(handler, "cases, refused") == []

    handler.get_by_label("Job").fill("Packer")
    handler.get_by_role("button", name="Open case").click()
    expect(handler.get_by_role("heading", name="Case CR-39")).to_be_visible()
    steps = handler.locator("section[aria-labelledby=first] details summary")
    for position, title in enumerate((REFERRAL, SAFETY)):
        expect(steps.nth(position)).to_contain_text(title)
        expect(steps.nth(position)).to_contain_text("within 6 hours")
        expect(steps.nth(position)).to_contain_text("5 hours left")
    expect(handler.locator("section[aria-labelledby=findings]")).to_contain_text("gate chained at night")
    assert faults(handler, "case, an emergency") == []


def test_a_note_that_may_point_to_one_person_is_saved_once_its_writer_confirms_it(case: str, handler: Page) -> None:
    handler.goto("/cases")
    handler.get_by_role("link", name=case, exact=True).click()
    add = handler.locator("section[aria-labelledby=add]")
    findings = handler.locator("section[aria-labelledby=findings]")
    add.get_by_label("Finding").select_option("violence")
    add.get_by_label("Note").fill("room 14, bed 12")
    add.get_by_role("button", name="Add finding").click()
    expect(handler.get_by_role("alert")).to_contain_text("may identify an individual")
    expect(findings).not_to_contain_text("bed 12")
    assert faults(handler, "case, note to confirm") == []
    add.get_by_label("Save it unchanged").check()
    add.get_by_role("button", name="Add finding").click()
    expect(findings).to_contain_text("bed 12")


def test_a_note_and_a_case_are_corrected_and_the_case_deleted(case: str, handler: Page) -> None:
    handler.goto("/cases")
    handler.get_by_role("link", name=case, exact=True).click()
    add = handler.locator("section[aria-labelledby=add]")
    findings = handler.locator("section[aria-labelledby=findings]")
    add.get_by_label("Finding").select_option("violence")
    add.get_by_label("Note").fill("hit in the packing hall")
    add.get_by_role("button", name="Add finding").click()
    findings.get_by_text("Correct the note").click()
    note = findings.get_by_label("Note on finding 2")
    note.fill("told by Mr Somchai Jaidee")
    findings.get_by_role("button", name="Save note").click()
    expect(handler.get_by_role("alert")).to_contain_text("appears to contain a person's name")
    note.fill("hit with a tool")
    findings.get_by_role("button", name="Save note").click()
    expect(findings).to_contain_text("hit with a tool")
    findings.get_by_text("Correct the note").click()
    findings.get_by_role("button", name="Remove note").click()
    expect(findings).not_to_contain_text("hit with a tool")
    expect(findings).to_contain_text("Violence")

    correct = handler.locator("section[aria-labelledby=correct]")
    correct.get_by_text("Change the description").click()
    correct.get_by_label("Job").fill("Sorter")
    correct.get_by_role("button", name="Save corrections").click()
    expect(handler.locator("main")).to_contain_text("Sorter")
    expect(handler.locator("section[aria-labelledby=delete]")).to_contain_text("An approver has to close this case")
    assert faults(handler, "case, corrections") == []


def test_a_case_is_deleted_for_a_reason(office: Office, handler: Page) -> None:
    number = f"CR-{next(NUMBERS)}"
    with office.database.for_organisation(office.harbour) as session:
        held = {"finding": "papers_held", "phase": "work"}
        case_service.open_case(session, {"case_id": number}, [held], now().date(), now(), "user:web")
    handler.goto("/cases")
    handler.get_by_role("link", name=number, exact=True).click()
    handler.get_by_label("It was recorded twice").check()
    handler.get_by_role("button", name="Delete case").click()
    expect(handler.get_by_text("Case deleted.")).to_be_visible()
    expect(handler.get_by_role("link", name=number, exact=True)).to_have_count(0)


def test_each_role_sees_the_supplier_of_a_case_as_far_as_it_may(
    case: str, handler: Page, officer: Page, viewer: Page
) -> None:
    texts = {}
    for name, page in (("handler", handler), ("officer", officer), ("viewer", viewer)):
        site(page, "S-011")
        texts[name] = page.locator("main").inner_text()
        assert faults(page, f"site, {name}") == []
        page.goto("/cases")
        expect(page.get_by_text(case, exact=True)).to_have_count(1 if name == "handler" else 0)
    assert all("Critical" in text for text in texts.values())
    assert {name for name, text in texts.items() if case in text} == {"handler"}
    # What the site itself admits calls for referral contacts, and everyone reads that. The steps of an emergency, their hours
    # and what is asked since somebody spoke would tell of the case.
    assert all(REFERRAL in text for text in texts.values())
    for of_the_case in (SAFETY, "within 6 hours", SPOKEN):
        assert {name for name, text in texts.items() if of_the_case in text} == {"handler", "officer"}
    assert {name for name, text in texts.items() if "Not shown" in text} == {"viewer"}
    assert {name for name, text in texts.items() if "show an emergency" in text} == {"handler", "officer"}


def test_the_start_page_begins_with_people_who_may_be_in_danger_now(
    case: str, handler: Page, officer: Page, viewer: Page
) -> None:
    for name, page in (("handler", handler), ("officer", officer), ("viewer", viewer)):
        page.goto("/")
        first = page.locator("section[aria-labelledby=danger]")
        expect(first).to_have_count(0 if name == "viewer" else 1)
        expect(page.get_by_role("link", name=f"Case {case}")).to_have_count(1 if name == "handler" else 0)
        if name != "viewer":
            expect(first).to_contain_text(REFERRAL)
            expect(first).to_contain_text("5 hours left")
        assert faults(page, f"portfolio, {name}") == []


def test_a_finding_is_added_and_two_users_close_the_emergency(case: str, handler: Page, admin: Page) -> None:
    handler.goto("/cases")
    handler.get_by_role("link", name=case).click()
    handler.get_by_label("Finding", exact=True).select_option("papers_held")
    handler.get_by_label("Date", exact=True).fill("yesterday")
    handler.get_by_role("button", name="Add finding").click()
    expect(handler.get_by_role("alert")).to_contain_text("Date")
    handler.get_by_label("Date", exact=True).fill("2026-10")
    handler.get_by_role("button", name="Add finding").click()
    expect(handler.locator("section[aria-labelledby=findings] tbody tr")).to_have_count(2)
    expect(
        handler.get_by_text("These findings are not used in the results below, because no phase was specified:")
    ).to_be_visible()
    handler.get_by_label("Remedied, as the people concerned confirm").check()
    handler.get_by_label("Date on which someone spoke to the workers").fill(now().date().isoformat())
    handler.get_by_label("Number of workers spoken to").fill("7")
    handler.get_by_label("Who chose these workers").select_option("management")
    handler.get_by_role("button", name="Propose closing").click()
    expect(handler.get_by_role("alert")).to_contain_text("may not be able to speak freely")
    expect(handler.get_by_label("Number of workers spoken to")).to_have_value("7")
    handler.get_by_label("Who chose these workers").select_option("workers")
    handler.get_by_role("button", name="Propose closing").click()
    expect(handler.get_by_text("A different user (an approver or admin) has to confirm this.")).to_be_visible()
    expect(handler.get_by_role("button", name="Confirm and close case")).to_have_count(0)
    expect(handler.get_by_text("Protect people first")).to_be_visible()
    assert faults(handler, "case, proposed") == []
    admin.goto("/cases")
    admin.get_by_role("link", name=case).click()
    assert faults(admin, "case, to be confirmed") == []
    admin.get_by_role("button", name="Confirm and close case").click()
    expect(admin.get_by_text("An approver closed this case, as proposed by another user.")).to_be_visible()
    handler.reload()
    expect(handler.get_by_text("Protect people first")).to_have_count(0)
    assert faults(handler, "case, closed") == []
    handler.goto("/cases?state=closed")
    expect(handler.get_by_role("link", name=case)).to_be_visible()
    handler.goto("/")
    expect(handler.locator("section[aria-labelledby=danger]")).to_have_count(0)
    site(handler, "S-011")
    expect(handler.locator(".figures")).to_contain_text("None recorded")
    expect(handler.locator(".timeline")).to_contain_text("90.0")  # as it was while the case was open


def sent(page: Page, name: str, data: bytes) -> None:
    page.goto("/cases")
    page.set_input_files("#files", [{"name": name, "mimeType": "text/csv", "buffer": data}])
    page.get_by_role("button", name="Check files").click()


def test_a_sheet_of_cases_is_previewed_confirmed_and_saved(handler: Page, officer: Page) -> None:
    sent(handler, "october.csv", SHEET)
    expect(handler.get_by_role("heading", name="Review the import")).to_be_visible()
    assert faults(handler, "sheet of cases, looked at") == []
    handler.locator("section[aria-labelledby=confirm] button").click()
    expect(handler.get_by_text("1 case record saved")).to_be_visible()
    assert faults(handler, "sheet of cases, kept") == []
    handler.get_by_role("link", name="View cases").click()
    expect(handler.get_by_role("link", name="CR-50")).to_be_visible()
    officer.goto("/imports")
    expect(officer.get_by_text("case records", exact=True)).to_be_visible()
    expect(officer.get_by_text("october.csv")).to_have_count(0)
    assert faults(officer, "imports, one of them closed") == []


def test_a_sheet_in_which_a_person_can_be_read_is_refused_with_its_cell_and_fix(handler: Page) -> None:
    sent(handler, "november.csv", NAMED)
    expect(handler.get_by_role("heading", name="This upload could not be imported")).to_be_visible()
    expect(handler.locator("main")).to_contain_text("No copy of the file has been kept.")
    expect(handler.locator("main")).to_contain_text("A2")
    expect(handler.locator("main")).to_contain_text("refer to the person by role")
    expect(handler.locator("main")).not_to_contain_text("Somchai")
    assert faults(handler, "sheet of cases, refused") == []
