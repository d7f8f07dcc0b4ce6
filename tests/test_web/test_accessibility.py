"""Every page for those who cannot see it or see little of it: wide and narrow, light and dark, enlarged, printed, by keyboard."""

from collections.abc import Iterator
from typing import NamedTuple

import pytest
from patience import PATIENCE
from playwright.sync_api import Browser, BrowserContext, Page, StorageState, expect
from test_web.conftest import ANA, Office
from test_web.every_page import find_accessibility_faults, find_contrast_faults, list_page_addresses

SCHEMES = ("light", "dark")
WIDE, NARROW = {"width": 1440, "height": 900}, {"width": 390, "height": 844}
ENLARGED = {"width": 720, "height": 450}  # what the wide window shows at twice the size
# A ring is seen if it differs from what is behind it: the first painted element around a control.
FOCUS_CONTRASTS = """() => {
  const channel = (c) => (c /= 255) <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
  const luminance = ([r, g, b]) => 0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b);
  const numbers = (colour) => colour.match(/[\\d.]+/g).map(Number);
  const behind = (element) => {
    for (let each = element; each; each = each.parentElement) {
      const colour = numbers(getComputedStyle(each).backgroundColor);
      if (colour.length === 3 || colour[3] === 1) return colour;
    }
    return [255, 255, 255];
  };
  const ratio = (a, b) => {
    const [low, high] = [luminance(a), luminance(b)].sort((x, y) => x - y);
    return (high + 0.05) / (low + 0.05);
  };
  const results = [];
  const controls = "a[href], button, input:not([type=hidden]), select, summary, [tabindex='0']";
  for (const each of document.querySelectorAll(controls)) {
    if (!each.checkVisibility() || each.closest("svg")) continue;
    each.focus();
    if (document.activeElement !== each) continue;
    const style = getComputedStyle(each);
    const inside = parseFloat(style.outlineOffset) < 0;
    const ground = behind(inside ? each : each.parentElement);
    const contrast = style.outlineStyle === "none" ? 0 : ratio(numbers(style.outlineColor), ground);
    results.push([each.outerHTML.slice(0, 90), contrast]);
  }
  return results;
}"""
# Words that a line break cuts in two, save those too long for any line and those in code.
# Only of scripts with spaces between words: Thai and Chinese lines break elsewhere.
BROKEN_WORDS = """() => {
  const broken = [], range = document.createRange();
  const walker = document.createTreeWalker(document.querySelector("main"), NodeFilter.SHOW_TEXT);
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    if (!node.parentElement.checkVisibility() || node.parentElement.closest("code, .visually-hidden, option, svg")) continue;
    for (const found of node.data.matchAll(/[\\p{Script=Latin}\\p{N}]{3,24}/gu)) {
      range.setStart(node, found.index);
      range.setEnd(node, found.index + found[0].length);
      const tops = new Set([...range.getClientRects()].map((each) => Math.round(each.top)));
      if (tops.size > 1) broken.push(found[0]);
    }
  }
  return broken;
}"""
TEXT_CONTRASTS = """() => {
  const probe = document.createElement("canvas").getContext("2d");
  const channel = (c) => (c /= 255) <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
  const luminance = (colour) => {
    probe.fillStyle = colour;
    probe.fillRect(0, 0, 1, 1);
    const [r, g, b] = probe.getImageData(0, 0, 1, 1).data;
    return 0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b);
  };
  return [...document.querySelectorAll(".headline svg text, .waterfall svg text")].map((each) => {
    const colours = [getComputedStyle(each).fill, getComputedStyle(each.closest(".panel")).backgroundColor];
    const [low, high] = colours.map(luminance).sort((x, y) => x - y);
    return [each.textContent, (high + 0.05) / (low + 0.05)];
  });
}"""


@pytest.fixture(params=SCHEMES)
def page(
    chromium: Browser, office: Office, cookies: dict[str, StorageState], request: pytest.FixtureRequest
) -> Iterator[Page]:
    """Return Ana's browser, in each colour scheme."""
    context = _open_context(chromium, office, cookies[ANA], color_scheme=request.param)
    page = context.new_page()
    page.set_default_timeout(1000 * PATIENCE)
    yield page
    context.close()


def _open_context(chromium: Browser, office: Office, state: StorageState, **options: object) -> BrowserContext:
    return chromium.new_context(base_url=office.address, storage_state=state, **({"viewport": WIDE} | options))


class Findings(NamedTuple):
    """What was found on all pages: faults, what the security policy refused, and words that a line break cuts in two."""

    faults: list[tuple[str, str, str]]
    refused_by_policy: list[str]
    broken_words: dict[str, list[str]]


@pytest.fixture(scope="module")
def findings(chromium: Browser, office: Office, cookies: dict[str, StorageState]) -> Findings:
    """Look at every page in each width and colour scheme, one after another: opening a page takes longer than most of it."""
    findings = Findings([], [], {})
    # Without motion, colours change at once where the scheme does.
    context = _open_context(chromium, office, cookies[ANA], reduced_motion="reduce")
    page = context.new_page()
    page.set_default_timeout(1000 * PATIENCE)
    refused = findings.refused_by_policy
    page.on("console", lambda message: refused.append(message.text) if message.type == "error" else None)
    for name, path in list_page_addresses(page).items():
        page.emulate_media(color_scheme="light")
        page.set_viewport_size(WIDE)
        assert page.goto(path).status == 200, name
        findings.faults.extend(find_accessibility_faults(page, name))
        page.emulate_media(color_scheme="dark")
        findings.faults.extend(find_contrast_faults(page, f"{name}, dark"))
        page.set_viewport_size(ENLARGED)
        broken = page.evaluate(BROKEN_WORDS)
        page.set_viewport_size(NARROW)
        findings.faults.extend(find_accessibility_faults(page, f"{name}, narrow", colours=False))
        if broken := broken + page.evaluate(BROKEN_WORDS):
            findings.broken_words[name] = broken
    context.close()
    return findings


def test_no_page_has_accessibility_faults_or_overflows_in_any_width_or_scheme(findings: Findings) -> None:
    assert findings.faults == []
    assert findings.refused_by_policy == []


def test_a_text_of_too_little_contrast_is_found_on_every_page_that_has_it(page: Page) -> None:
    for _ in range(2):
        page.set_content("<p>Legible</p><div style='background: #555'><p style='color: #999'>Hardly legible</p></div>")
        assert [html for _, _, html in find_contrast_faults(page, "a page")] == [
            '<p style="color: #999">Hardly legible</p>'
        ]


def test_no_word_is_broken_in_two_when_pages_are_enlarged_or_narrow(findings: Findings) -> None:
    assert findings.broken_words == {}


def test_the_focus_ring_is_seen_on_every_ground(page: Page) -> None:
    addresses = list_page_addresses(page)
    for name in ("portfolio", "suppliers", "site", "upload"):
        page.goto(addresses[name])
        page.keyboard.press("Tab")  # from here on the browser shows where the focus is
        contrasts = page.evaluate(FOCUS_CONTRASTS)
        assert len(contrasts) > 20
        assert [found for found in contrasts if found[1] < 3] == [], name


def test_letters_in_charts_are_legible(page: Page) -> None:
    page.goto(list_page_addresses(page)["site"])
    contrasts = page.evaluate(TEXT_CONTRASTS)
    assert len(contrasts) > 8
    assert [found for found in contrasts if found[1] < 4.5] == []


@pytest.mark.parametrize("script", [True, False])
def test_the_menu_is_complete_in_a_narrow_window(
    chromium: Browser, office: Office, cookies: dict[str, StorageState], script: bool
) -> None:
    context = _open_context(chromium, office, cookies[ANA], java_script_enabled=script)
    page = context.new_page()
    page.set_default_timeout(1000 * PATIENCE)
    page.goto("/suppliers")
    menu = page.get_by_role("navigation", name="Main")
    wide = menu.get_by_role("link").all_inner_texts()
    assert {"Portfolio", "Suppliers", "Watchlists", "Sources"} <= set(wide)
    page.set_viewport_size({"width": 390, "height": 844})
    expect(menu).to_be_hidden()
    page.get_by_role("button", name="Menu", exact=True).click()
    assert menu.get_by_role("link").all_inner_texts() == wide
    menu.get_by_role("link", name="Sources").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("ources")
    context.close()


def test_print_leaves_out_what_paper_cannot_do_and_keeps_the_colours_of_levels(page: Page) -> None:
    page.goto(list_page_addresses(page)["site"])
    page.emulate_media(media="print")
    for hidden in (".top", ".side", ".onpage", "form"):
        for each in page.locator(hidden).all():
            expect(each).to_be_hidden()
    folded = page.locator("details.reason:not([open])").last
    expect(folded.locator(".pairs")).to_be_visible()
    expect(page.locator(".headline .level")).to_have_css("print-color-adjust", "exact")
    expect(page.locator("body")).to_have_css("background-color", "rgb(255, 255, 255)")
    expect(page.locator("h1")).to_have_css("color", "rgb(29, 36, 43)")
    page.goto("/suppliers")
    filters = page.locator("form:has(#level)")
    assert filters.evaluate("one => one.getClientRects().length") == 0, "they leave no empty space"


def test_the_maps_show_the_countries_as_links_to_their_suppliers(page: Page) -> None:
    page.goto("/")
    page.locator(".maps").scroll_into_view_if_needed()
    country = page.locator("#asia-pacific a", has=page.locator("title", has_text="Thailand"))
    expect(country.first).to_have_attribute("href", "/suppliers?country=TH")
    assert find_accessibility_faults(page, "maps") == []


def test_every_page_can_be_walked_by_keyboard_from_its_first_link(ana: Page) -> None:
    ana.goto("/suppliers")
    ana.keyboard.press("Tab")
    expect(ana.locator(":focus")).to_have_text("Skip to main content")
    ana.keyboard.press("Enter")
    ana.keyboard.press("Tab")
    inside = ana.evaluate("document.getElementById('main').contains(document.activeElement)")
    assert inside
