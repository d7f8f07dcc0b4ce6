"""A supplier on a small telephone answers a questionnaire through its link, with and without scripts, and with a colleague."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from patience import PATIENCE, wait_until
from playwright.sync_api import Browser, Page, Route, expect
from test_service.callers import make_organisation, make_user
from test_web.conftest import Office

from service.clock import now
from service.questionnaires_sent.requests import create_request
from service.supplier_links import links
from service.suppliers import repository as suppliers

SMALL = {"width": 320, "height": 640}
QUESTIONS = 25


def send_questionnaire(office: Office, name: str) -> str:
    """Send a supplier a questionnaire; return the token of its link."""
    organisation, at = make_organisation(office.database, name), now()
    officer = f"user:{make_user(office.database, organisation)}"
    known = {"name": "Blue Pier Cannery", "reference": "S-1", "country": "TH", "sector": ["1020"]}
    with office.database.for_organisation(organisation) as session:
        supplier, _ = suppliers.save_supplier(session, "site", known, at.date(), at, officer, "import")
        request = create_request(session, supplier, "site", "the manager", at.date(), officer)
        session.flush()
        until = at + timedelta(days=30)
        _link, token = links.create_questionnaire_link(session, request, "site_manager", until, officer)
    return token


@pytest.fixture
def phone(chromium: Browser, office: Office) -> Iterator[Page]:
    """The page of a telephone whose browser runs no scripts."""
    context = chromium.new_context(base_url=office.address, java_script_enabled=False, viewport=SMALL)
    page = context.new_page()
    page.set_default_timeout(1000 * PATIENCE)
    yield page
    assert context.cookies() == []
    context.close()


def answer_page(page: Page, left: int) -> int:
    """Answer up to so many questions of a section; return how many were answered."""
    answered = 0
    for question in page.locator(".question:not([hidden])").all():
        if answered == left:
            break
        choices, text = (
            question.locator("input[type=radio]"),
            question.locator("input:not([type=hidden], [type=radio])"),
        )
        if choices.count():
            choices.first.check()
        elif text.count() == 1 and text.input_value() == "":
            text.fill("5" if text.get_attribute("inputmode") == "decimal" else "Nepal")
        else:
            continue
        answered += 1
    assert page.evaluate("document.documentElement.scrollWidth") <= SMALL["width"]
    return answered


def test_a_questionnaire_is_answered_handed_over_and_finished_on_a_small_screen_without_scripts(
    phone: Page, office: Office
) -> None:
    token = send_questionnaire(office, "Phone Trading")
    phone.goto(f"/questionnaire/{token}")
    phone.get_by_role("button", name="Continue").click()
    recruitment = phone.get_by_role("listitem").filter(has=phone.get_by_role("link", name="Recruitment"))
    recruitment.get_by_text("Ask a colleague").click()
    recruitment.get_by_label("Who will answer this section?").select_option("recruitment")
    recruitment.get_by_role("button", name="Create link").click()
    handed_over = phone.get_by_label("Link", exact=True).input_value()

    phone.goto(handed_over)
    phone.get_by_role("button", name="Continue").click()
    answered = answer_page(phone, QUESTIONS)
    phone.get_by_role("button", name="Save", exact=True).click()
    expect(phone.get_by_text("Your answers are saved.")).to_be_visible()

    phone.goto(f"/questionnaire/{token}")
    expect(recruitment).to_contain_text("opened")
    for title in phone.locator(".sections > li > a").all_inner_texts():
        phone.get_by_role("link", name=title, exact=True).click()
        answered += answer_page(phone, QUESTIONS - answered)
        phone.get_by_role("button", name="Save and go to all sections").click()
        phone.goto(f"/questionnaire/{token}")
    assert answered == QUESTIONS
    phone.get_by_role("link", name="Check and submit").click()
    phone.get_by_role("checkbox").check()
    phone.get_by_role("button", name="Submit questionnaire").click()
    expect(phone.get_by_role("heading", name="The questionnaire has been submitted")).to_be_visible()
    expect(phone.get_by_role("heading", name="Your result")).to_be_visible()
    phone.goto(handed_over)
    expect(phone.get_by_role("heading", name="The questionnaire has been submitted")).to_be_visible()


def test_each_answer_is_saved_as_soon_as_it_is_given_where_scripts_run(chromium: Browser, office: Office) -> None:
    token = send_questionnaire(office, "Script Trading")
    context = chromium.new_context(base_url=office.address, viewport=SMALL)
    page = context.new_page()
    page.set_default_timeout(1000 * PATIENCE)
    page.goto(f"/questionnaire/{token}")
    page.get_by_role("button", name="Continue").click()
    page.get_by_role("link", name="Workforce").click()
    page.wait_for_load_state()  # until the script runs
    total = page.get_by_label("How many people work here")
    total.fill("a few")
    total.blur()
    expect(page.get_by_text("'a few' is not a number.")).to_be_visible()
    total.fill("120")
    total.blur()
    expect(page.get_by_text("'a few' is not a number.")).to_have_count(0)
    page.reload()
    expect(total).to_have_value("120")
    context.close()


def test_a_file_goes_on_where_it_stopped_after_the_line_broke_and_the_page_was_reloaded(
    chromium: Browser, office: Office, tmp_path: Path
) -> None:
    token = send_questionnaire(office, "Slow Trading")
    document = tmp_path / "certificate.pdf"
    document.write_bytes(b"%PDF-1.4\n" + b"0" * 2_000_000 + b"\n%%EOF")
    context = chromium.new_context(base_url=office.address, viewport=SMALL)
    page = context.new_page()
    page.set_default_timeout(1000 * PATIENCE)
    offsets: list[int] = []  # of the pieces that the browser sent
    lost = {1, 3, 4, 5, 6, 7, 8, 9}  # of them

    def break_line(route: Route) -> None:
        if route.request.method != "PATCH":
            route.continue_()
            return
        offsets.append(int(route.request.headers["upload-offset"]))
        route.abort("connectionreset") if len(offsets) - 1 in lost else route.continue_()

    def choose() -> None:
        page.get_by_label("Kind").select_option("certificate")
        page.get_by_label("Date of the document").fill("2026-01-02")
        page.get_by_label("File", exact=True).set_input_files(document)
        page.get_by_role("button", name="Send file").click()

    page.route("**/uploads/*", break_line)
    page.goto(f"/questionnaire/{token}")
    page.get_by_role("button", name="Continue").click()
    page.goto(f"/questionnaire/{token}/questions/recruitment_fees/files")
    choose()
    expect(page.get_by_text("Waiting for the connection.")).to_be_visible()
    wait_until(lambda: len(offsets) > 3 or page.wait_for_timeout(50))
    assert offsets[0] == 0 < offsets[1] == offsets[2] < offsets[3], "only the piece that was lost is sent again"
    page.reload()
    expect(page.get_by_text("A file was only partly uploaded.")).to_be_visible()
    lost.clear()
    before = len(offsets)
    choose()
    expect(page.get_by_text("Certificate, 2 Jan 2026")).to_be_visible()
    assert offsets[before] >= offsets[3]
    expect(page.get_by_text("A file was only partly uploaded.")).to_have_count(0)
    assert page.evaluate("document.documentElement.scrollWidth") <= SMALL["width"]
    context.close()
