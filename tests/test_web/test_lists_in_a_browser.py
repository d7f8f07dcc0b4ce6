"""Lists, bulk actions and search in a browser: by keyboard alone, without script, and how much of a list one screen shows."""

import re

import pytest
from playwright.sync_api import Browser, Page, expect
from test_web.conftest import ANA, Office, sign_in
from test_web.every_page import find_accessibility_faults


def test_a_large_screen_shows_twenty_suppliers_and_a_narrow_one_shows_cards(ana: Page) -> None:
    ana.set_viewport_size({"width": 1440, "height": 900})
    ana.goto("/suppliers")
    bottoms = ana.evaluate(
        "[...document.querySelectorAll('.table-suppliers tbody tr')].map((row) => row.getBoundingClientRect().bottom)"
    )
    assert sum(bottom <= 900 for bottom in bottoms) >= 20
    ana.set_viewport_size({"width": 390, "height": 844})
    card = ana.locator(".table-suppliers tbody tr").first
    assert card.bounding_box()["width"] <= 390
    for label in ("Confidence", "Answered", "Next step", "Review due"):
        expect(card.locator(f"td[data-label='{label}']")).to_be_visible()


def test_a_row_reached_by_keyboard_shows_the_texts_that_one_line_has_no_room_for(ana: Page) -> None:
    ana.set_viewport_size({"width": 1760, "height": 900})
    ana.goto("/suppliers")
    cut = "(cell) => cell.scrollWidth > cell.clientWidth"
    row = ana.locator(".table-suppliers tbody tr").first
    step = row.locator("td[data-label='Next step'] .clip")
    expect(step).to_have_attribute("title", re.compile("."))
    assert step.evaluate(cut)
    row.locator(".pick").focus()
    ana.keyboard.press("Tab")
    assert not step.evaluate(cut)


def test_where_a_window_has_no_room_for_the_next_step_the_title_of_the_row_names_it(ana: Page) -> None:
    ana.set_viewport_size({"width": 1440, "height": 900})
    ana.goto("/suppliers")
    row = ana.locator(".table-suppliers tbody tr").first
    step = row.locator("td[data-label='Next step'] .clip").get_attribute("title")
    expect(row.locator(".who-line")).to_have_attribute("title", re.compile(re.escape(f"Next step: {step}")))


def test_suppliers_are_selected_and_reassessed_by_keyboard_alone(ana: Page) -> None:
    ana.goto("/suppliers?country=VN")
    rows = ana.locator(".pick").count()
    assert rows >= 2
    bar = ana.locator("#selection")
    expect(bar).to_be_hidden()
    ana.locator("#select-all").focus()
    ana.keyboard.press("Space")
    expect(bar.locator(".bulk-count")).to_have_text(f"{rows} selected")
    assert find_accessibility_faults(ana, "a list with a selection") == []
    ana.locator(".pick").first.focus()
    ana.keyboard.press("Space")
    expect(bar.locator(".bulk-count")).to_have_text(f"{rows - 1} selected")
    ana.locator(".pick").nth(1).focus()
    ana.keyboard.press("Enter")  # leads to the first button of the bar
    expect(ana.locator(":focus")).to_have_text("Reassess")
    ana.keyboard.press("Enter")
    expect(ana.get_by_text(re.compile(rf"^{rows - 1} suppliers? reassessed\.$"))).to_be_visible()
    expect(ana).to_have_url(re.compile(r"/suppliers\?country=VN$"))


def test_workbooks_for_selected_suppliers_are_downloaded_to_send_them_by_hand(ana: Page) -> None:
    ana.goto("/suppliers?country=JP")
    ana.locator(".pick").first.check()
    ana.get_by_role("button", name="Send questionnaire").click()
    ana.get_by_role("link", name="Record requests and download workbooks").click()
    expect(ana.get_by_role("heading", name="Send a questionnaire to 1 supplier")).to_be_visible()
    assert find_accessibility_faults(ana, "send a questionnaire") == []
    assert "csrf" not in ana.url
    ana.get_by_label("Sent to").fill("Site manager")
    ana.get_by_role("button", name="Record 1 request").click()
    expect(ana.get_by_text("1 request recorded.")).to_be_visible()
    assert find_accessibility_faults(ana, "questionnaires to send") == []
    ana.reload()  # the menus that were opened to be looked at are closed again
    with ana.expect_download() as download:
        ana.get_by_role("link", name="Download form").click()
    assert download.value.suggested_filename.endswith(".xlsx")


def test_the_search_box_is_reached_with_a_slash_and_its_results_by_keyboard(ana: Page) -> None:
    ana.goto("/method")
    ana.keyboard.press("/")
    expect(ana.locator("#site-search")).to_be_focused()
    ana.keyboard.type("amber")
    ana.keyboard.press("Enter")
    expect(ana.get_by_role("heading", name="Search results for “amber”")).to_be_visible()
    expect(ana.get_by_role("heading", name=re.compile("^Suppliers"))).to_be_visible()
    expect(ana.get_by_role("heading", name=re.compile("^Recruitment agencies"))).to_be_visible()
    assert find_accessibility_faults(ana, "search results") == []
    ana.locator("#main").focus()
    ana.keyboard.press("Tab")
    ana.keyboard.press("Enter")
    expect(ana.locator("h1")).to_contain_text("Amber")


def test_a_slash_in_a_field_is_a_letter(ana: Page) -> None:
    ana.goto("/suppliers")
    ana.locator("#text").press_sequentially("a/b")
    expect(ana.locator("#text")).to_have_value("a/b")


def test_back_shows_the_filter_with_its_list_and_the_browser_stores_no_page(ana: Page) -> None:
    ana.goto("/suppliers")
    for text in ("amber", "coral"):
        ana.fill("#text", text)
        ana.wait_for_url(f"**text={text}**")
    ana.go_back()
    ana.wait_for_url("**text=amber**")
    expect(ana.locator("#text")).to_have_value("amber")
    expect(ana.locator(".who-line").first).to_contain_text("Amber")
    assert ana.evaluate("sessionStorage.getItem('htmx-history-cache')") is None


def test_saving_under_a_name_in_use_offers_to_replace_or_rename(ana: Page) -> None:
    def save(query: str) -> None:
        ana.goto(f"/suppliers?{query}")
        ana.get_by_text("Save filter").click()
        ana.fill("#filter-name", "Watch closely")
        ana.get_by_role("button", name="Save", exact=True).click()

    save("country=TH")
    save("country=MY")
    expect(ana.get_by_role("alert")).to_contain_text("already have a saved filter")
    assert find_accessibility_faults(ana, "a filter name in use") == []
    ana.get_by_role("button", name="Replace “Watch closely”").click()
    expect(ana.get_by_text("Filter saved.")).to_be_visible()
    ana.goto("/suppliers")
    ana.get_by_role("link", name="Watch closely").click()
    assert "country=MY" in ana.url

    save("country=QA")
    ana.get_by_label("A different name for the filter").fill("Watch closely too")
    ana.get_by_role("button", name="Save under this name").click()
    for name, country in (("Watch closely too", "QA"), ("Watch closely", "MY")):
        ana.goto("/suppliers")
        ana.get_by_role("link", name=name, exact=True).click()
        assert f"country={country}" in ana.url
        ana.get_by_role("button", name=f"Delete the saved filter {name}", exact=True).click()


@pytest.fixture
def plain(chromium: Browser, office: Office) -> Page:
    """Ana's browser without JavaScript."""
    context = chromium.new_context(base_url=office.address, java_script_enabled=False)
    yield sign_in(context, office, ANA)
    context.close()


def test_bulk_actions_and_search_work_without_javascript(plain: Page) -> None:
    plain.goto("/suppliers?country=BD")
    expect(plain.get_by_role("button", name="Reassess")).to_be_hidden()
    plain.locator(".pick").first.check()
    plain.get_by_role("button", name="Reassess").click()
    expect(plain.get_by_text("1 supplier reassessed.")).to_be_visible()
    plain.locator("#site-search").fill("amber")
    plain.locator("#site-search").press("Enter")
    expect(plain.get_by_role("heading", name="Search results for “amber”")).to_be_visible()
