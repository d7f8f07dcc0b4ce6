"""What an officer does, in a browser: the pages, with and without script, by two organisations."""

import re
from pathlib import Path

import openpyxl
from playwright.sync_api import Browser, Page, expect
from pypdf import PdfReader
from sheets import workbook
from test_service.workbooks import build_workbook
from test_web.conftest import ANA, Office, sign_in
from test_web.every_page import find_accessibility_faults, list_page_addresses

MESSY = """
| Supplier list, second half of 2026 |                  |                |             |
| (confidential)                     |                  |                |             |
| Supplier name                      | Where it lies    | Sector         | Number of workers |
| Opal Net Works                     | Thailand         | Marine fishing | 120         |
| Quartz Canning                     | Viet Nam         | 1020           | many        |
| Slate Weaving                      | Bangladesh       | Garments       | 900         |
"""


def send(page: Page, name: str, data: bytes) -> None:
    """Sends a file through the page for uploads."""
    page.goto("/upload")
    page.set_input_files("#files", [{"name": name, "mimeType": "application/octet-stream", "buffer": data}])
    page.click("text=Check files")


def test_an_officer_uploads_a_messy_workbook_corrects_a_column_and_reads_the_results(ana: Page) -> None:
    send(ana, "messy.xlsx", workbook(MESSY))
    expect(ana.get_by_role("heading", name="Review the import")).to_be_visible()
    expect(ana.get_by_label("Headers in rows")).to_have_value("3")
    column = ana.get_by_label("Read Where it lies in Suppliers as")
    expect(column).to_have_value("")
    expect(ana.get_by_text("many").first).to_be_attached()  # the cell that could not be read, with its cure
    assert find_accessibility_faults(ana, "what was found") == []

    column.select_option("country")
    ana.click("text=Read the files again with these changes")
    expect(ana.get_by_text("your choice")).to_be_visible()
    expect(ana.get_by_label("Read Where it lies in Suppliers as")).to_have_value("country")

    ana.get_by_role("button", name="Assess 3 rows").click()
    expect(ana.get_by_role("heading", name="Import complete", exact=True)).to_be_visible()
    assert find_accessibility_faults(ana, "what came of it") == []
    ana.get_by_role("link", name="Slate Weaving").click()
    expect(ana.locator(".headline .place")).to_contain_text("Bangladesh")
    expect(ana.get_by_text("Draft – awaiting supplier response")).to_be_visible()
    expect(ana.locator(".headline .level")).to_contain_text("Insufficient evidence")


def test_a_file_is_uploaded_and_its_result_explained_by_keyboard_alone(ana: Page) -> None:
    ana.goto("/upload")
    press_on(ana, "Drop files here or choose them")  # Enter would open the dialog of the operating system
    sheet = workbook("| Supplier | Country |\n|---|---|\n| Marble Cordage | Viet Nam |")
    ana.set_input_files(":focus", [{"name": "keys.xlsx", "mimeType": "application/octet-stream", "buffer": sheet}])
    press_on(ana, "Check files")
    expect(ana.get_by_role("heading", name="Review the import")).to_be_visible()
    press_on(ana, "Assess 1 row")
    expect(ana.get_by_role("heading", name="Import complete", exact=True)).to_be_visible()
    press_on(ana, "Marble Cordage")
    expect(ana.locator(".headline .level")).to_contain_text("Insufficient evidence")
    reason = ana.locator("details.reason:not([open])").first
    reason.locator("summary").focus()
    ana.keyboard.press("Enter")
    expect(ana.locator("details.reason[open] .body").first).to_be_visible()
    press_on(ana, "Respondent")
    ana.keyboard.type("The works manager")
    press_on(ana, "Record request")
    expect(ana.get_by_text("Request recorded")).to_be_visible()


def test_a_list_grouped_by_country_says_so_and_fits_a_narrow_window(ana: Page) -> None:
    ana.set_viewport_size({"width": 390, "height": 844})
    rows = [["Company", "City", "Workers"], ["THAILAND"], ["Beryl Nets", "Bangkok", 120], ["Subtotal", None, 120]]
    send(ana, "grouped.xlsx", build_workbook(Grouped=[*rows, ["VIETNAM"], ["Topaz Foods", "Hai Phong", 300]]))
    expect(ana.get_by_text("Taken from the headings between the rows")).to_be_visible()
    assert find_accessibility_faults(ana, "a grouped list") == []


def test_a_workbook_comes_back_with_its_problems_marked_and_is_accepted_once_they_are_corrected(
    ana: Page, tmp_path: Path
) -> None:
    send(
        ana, "jade.xlsx", workbook("| Supplier | Country |", "| Jade Ropes | Thailand |", "| Jasper Nets | Atlantis |")
    )
    expect(ana.get_by_role("button", name="Assess 1 row")).to_be_visible()
    with ana.expect_download() as download:
        ana.get_by_role("link", name="Download the workbook with problems marked").click()
    assert download.value.suggested_filename == "jade_marked.xlsx"
    path = tmp_path / "jade.xlsx"
    download.value.save_as(path)
    book = openpyxl.load_workbook(path)
    assert "Atlantis" in book["Suppliers"]["B3"].comment.text
    book["Suppliers"]["B3"] = "Iceland"
    book.save(path)
    send(ana, "jade_marked.xlsx", path.read_bytes())
    ana.get_by_role("button", name="Assess 2 rows").click()
    expect(ana.get_by_text("2 suppliers scored")).to_be_visible()


def press_on(page: Page, name: str) -> None:
    """Reach a button, link or field with Tab, as it can be reached without a mouse, and press Enter on a button or link."""
    page.wait_for_load_state()
    for _ in range(200):
        page.keyboard.press("Tab")
        focused = page.locator(":focus")
        label = focused.evaluate("(each) => each.labels?.length ? each.labels[0].innerText : each.innerText")
        if (label or "").strip() == name:
            if focused.evaluate("(each) => each.tagName") != "INPUT":
                page.keyboard.press("Enter")
            return
    raise AssertionError(f"Tab does not lead to {name}")


TWO_SHEETS = {
    "Sites": """
        | Supplier | Where it lies |
        |---|---|
        | Slate Weaving | Bangladesh |
        """,
    "Agencies": """
        | Agency name | Nation state | E-mail |
        |---|---|---|
        | Fern Placement | Nepal | |
        """,
}


def open_details(page: Page) -> None:
    """Open what is folded, such as the columns that are not read."""
    page.evaluate("document.querySelectorAll('main details').forEach((each) => { each.open = true })")


def test_an_officer_corrects_a_column_in_each_of_two_sheets_and_a_wrong_choice_loses_nothing(ana: Page) -> None:
    send(
        ana, "two.xlsx", workbook(TWO_SHEETS["Sites"], name="Sites", Agencies=TWO_SHEETS["Agencies"], Notes="| seen |")
    )
    expect(ana.get_by_text("1 sheet will not be read:")).to_be_visible()
    expect(ana.get_by_text("the country and its risk are unknown. Rows affected: 1.").first).to_be_visible()
    again = ana.get_by_role("button", name="Read the files again with these changes")
    site = ana.get_by_label("Read Where it lies in Sites as")
    agency = ana.get_by_label("Read Nation state in Agencies as")
    named = ana.get_by_label("Read Agency name in Agencies as")

    open_details(ana)
    expect(ana.get_by_label("Read E-mail in Agencies as").locator("option:checked")).to_contain_text("(never read)")
    agency.select_option("name")
    again.click()
    expect(ana.get_by_role("alert")).to_contain_text("'Agency name' and 'Nation state'")
    expect(agency).to_have_value("name")

    open_details(ana)
    named.select_option("")
    agency.select_option("")
    again.click()
    expect(ana.get_by_role("alert")).to_contain_text("The sheet 'Agencies' could not be read")
    expect(named).to_have_value("")

    open_details(ana)
    named.select_option("name")
    agency.select_option("country")
    site.select_option("country")
    again.click()
    expect(ana.get_by_text("your choice")).to_have_count(3)
    expect(site).to_have_value("country")
    expect(agency).to_have_value("country")
    assert find_accessibility_faults(ana, "two sheets corrected") == []
    ana.get_by_role("button", name="Assess 2 rows").click()
    expect(ana.get_by_role("heading", name="Import complete", exact=True)).to_be_visible()
    expect(ana.get_by_role("link", name="Fern Placement")).to_be_visible()


def test_a_file_with_unknown_headers_is_shown_and_read_once_its_columns_are_chosen(ana: Page) -> None:
    send(ana, "odd.xlsx", workbook("| Alpha | Beta | Passport number |", "| Topaz Mill | Peru | X1234567 |"))
    expect(ana.get_by_role("heading", name="Specify what the columns contain")).to_be_visible()
    expect(ana.get_by_role("cell", name="Topaz Mill").first).to_be_visible()
    assert "X1234567" not in ana.content()
    assert find_accessibility_faults(ana, "a file that is not understood") == []
    ana.get_by_label("Read Alpha in Suppliers as").select_option("name")
    ana.get_by_label("Read Beta in Suppliers as").select_option("country")
    ana.get_by_role("button", name="Read the file with these columns").click()
    ana.get_by_role("button", name="Assess 1 row").click()
    expect(ana.get_by_role("link", name="Topaz Mill")).to_be_visible()


def test_a_refused_file_says_why_and_leads_back_to_another(ana: Page) -> None:
    send(ana, "notes.xlsx", b"this is no workbook")
    expect(ana.get_by_role("alert")).to_be_visible()
    expect(ana.get_by_role("button", name="Check files")).to_be_visible()


def test_each_reason_shows_its_value_state_source_and_date_when_it_is_opened(ana: Page) -> None:
    ana.goto("/suppliers?text=S-002")
    ana.locator("td a.name[href^='/suppliers/']").first.click()
    ana.evaluate("document.querySelectorAll('#why ~ details.more').forEach((each) => { each.open = true })")
    answered = ana.locator("section[aria-labelledby=why] details.reason", has=ana.get_by_text("answered", exact=True))
    reason = answered.first
    expect(reason.locator(".body")).to_be_hidden()
    reason.locator("summary").click()
    for words in ("Source", "Answered", "15 Sep 2026", "Risk value"):
        expect(reason.locator(".body")).to_contain_text(words)


def test_the_report_of_a_supplier_comes_as_a_pdf_that_names_it(ana: Page, tmp_path: Path) -> None:
    ana.goto("/suppliers?text=S-002")
    ana.locator("td a.name[href^='/suppliers/']").first.click()
    name, score = ana.locator("h1").inner_text(), ana.locator(".score b").inner_text()
    ana.get_by_role("button", name="Create report").click()
    expect(ana.get_by_role("heading", name="Your report is ready")).to_be_visible()
    expect(ana.get_by_role("link", name=f"Back to {name}")).to_be_visible()
    with ana.expect_download() as download:
        ana.get_by_role("link", name="Download report").click()
    download.value.save_as(tmp_path / "report.pdf")
    text = "".join(page.extract_text() for page in PdfReader(tmp_path / "report.pdf").pages)
    assert name in text
    assert score in text


def test_a_schedule_shows_its_next_five_dates_in_its_own_time_zone(ana: Page) -> None:
    ana.goto("/schedules")
    ana.fill("#name", "Monday review")
    ana.check("#fixed")
    ana.select_option("#every", "week")
    ana.select_option("#time_zone", "Asia/Tokyo")
    ana.fill("#time", "07:30")
    ana.get_by_role("button", name="Create schedule").click()
    section = ana.locator("section", has=ana.get_by_role("heading", name="Monday review"))
    dates = section.locator("ol.dates li")
    expect(dates).to_have_count(5)
    assert all(re.fullmatch(r"Mon \d+ \w+ \d{4}, 07:30", text) for text in dates.all_inner_texts())
    section.get_by_role("button", name="Pause Monday review").click()
    expect(section.get_by_text("paused", exact=True)).to_be_visible()


def test_the_table_is_filtered_while_typing_and_exported_as_shown(ana: Page, tmp_path: Path) -> None:
    ana.goto("/suppliers")
    ana.locator("#text").press_sequentially("amber")
    expect(ana.locator("#results tbody tr").first).to_contain_text("Amber")
    ana.wait_for_url(re.compile("text=amber"))
    names = ana.locator("#results tbody tr a.name").all_inner_texts()
    ana.locator("summary", has_text="Export").click()
    with ana.expect_download() as download:
        ana.get_by_role("link", name="Export CSV").click()
    download.value.save_as(tmp_path / "table.csv")
    lines = (tmp_path / "table.csv").read_text(encoding="utf-8-sig").splitlines()
    assert [line.split(",")[2] for line in lines[1:]] == names


def test_a_filter_is_saved_under_a_name_and_deleted(ana: Page) -> None:
    ana.goto("/suppliers?country=TH&level=high")
    ana.get_by_text("Save filter").click()
    ana.fill("#filter-name", "Thai, high")
    ana.get_by_role("button", name="Save", exact=True).click()
    ana.goto("/suppliers")
    ana.get_by_role("link", name="Thai, high").click()
    assert "country=TH" in ana.url
    assert "level=high" in ana.url
    ana.get_by_role("button", name="Delete the saved filter Thai, high").click()
    expect(ana.get_by_role("link", name="Thai, high")).to_have_count(0)


def test_a_request_is_recorded_and_stays_a_draft_until_the_answers_are_uploaded(ana: Page, tmp_path: Path) -> None:
    ana.goto("/suppliers?text=S-006")
    ana.locator("td a.name[href^='/suppliers/']").first.click()
    expect(ana.get_by_text("Draft – awaiting supplier response")).to_be_visible()
    ana.fill("#sent-to", "Site office")
    ana.get_by_role("button", name="Record request").click()
    with ana.expect_download() as download:
        ana.get_by_role("link", name="Download questionnaire").click()
    download.value.save_as(tmp_path / "form.xlsx")
    assert (tmp_path / "form.xlsx").stat().st_size > 5_000
    ana.get_by_role("button", name="Mark as returned").click()
    expect(ana.get_by_text("The questionnaire is marked as returned. Upload it", exact=False)).to_be_visible()
    # Without the answers, the supplier has not responded yet (method-4, section 10).
    expect(ana.get_by_text("Draft – awaiting supplier response")).to_be_visible()


def test_merging_and_erasing_a_supplier_require_confirmation(ana: Page) -> None:
    twins = "\n".join(
        ["| Reference | Supplier name | Country |", "| X-1 | Twin Mills | Japan |", "| X-2 | Twin Mills | Japan |"]
    )
    send(ana, "twins.xlsx", workbook(twins))
    ana.get_by_role("button", name="Assess 2 rows").click()
    expect(ana.get_by_role("heading", name="Import complete", exact=True)).to_be_visible()
    ana.goto("/suppliers?text=X-1")
    ana.locator("td a.name").click()
    ana.get_by_role("link", name="Merge with another").click()
    ana.get_by_label(re.compile("Twin Mills")).check()
    ana.get_by_role("button", name="Merge", exact=True).click()
    expect(ana.locator(".timeline > li")).to_have_count(3)
    expect(ana.locator(".timeline > li").first).to_contain_text("merged with another supplier")
    assert find_accessibility_faults(ana, "a supplier that another was merged into") == []
    ana.reload()
    ana.get_by_text("Also known as: X-1").click()
    ana.get_by_role("button", name="Remove alias X-1").click()
    expect(ana.get_by_text("Also known as")).to_have_count(0)
    ana.get_by_role("link", name="Erase").click()
    ana.get_by_role("button", name="Erase permanently").click()
    ana.goto("/suppliers?text=Twin")
    expect(ana.get_by_text("No suppliers match these filters.")).to_be_visible()


def test_another_organisation_gets_the_same_response_as_for_an_unknown_supplier(ana: Page, eve: Page) -> None:
    there = {name: path for name, path in list_page_addresses(ana).items() if re.search("[0-9a-f]{8}-", path)}
    ana.goto("/imports")
    there["import"] = ana.locator("main td a[href^='/imports/']").first.get_attribute("href") or ""
    expect(eve.get_by_role("heading", name="No suppliers yet")).to_be_visible()
    for path in there.values():
        assert ana.goto(path).status == 200
        refused, nothing = eve.goto(path), None
        text = re.sub("[0-9a-f-]{36}", "", eve.locator("main").inner_text())
        nothing = eve.goto(re.sub("[0-9a-f]{8}-", "00000000-", path))
        assert (refused.status, text) == (nothing.status, re.sub("[0-9a-f-]{36}", "", eve.locator("main").inner_text()))
        assert refused.status == 404


def test_files_are_imported_without_javascript(chromium: Browser, office: Office) -> None:
    context = chromium.new_context(base_url=office.address, java_script_enabled=False)
    page = sign_in(context, office, ANA)
    send(page, "plain.csv", b"Supplier name,Country\nTopaz Farm,New Zealand\n")
    button = page.get_by_role("button", name="Assess 1 row")
    expect(button).to_be_visible()  # the page renews itself
    button.click()
    expect(page.get_by_role("heading", name="Import complete", exact=True)).to_be_visible()
    context.close()
