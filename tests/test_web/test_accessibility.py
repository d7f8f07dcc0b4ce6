"""Every page for those who cannot see it, who have no mouse, and in narrow windows."""

import pytest
from playwright.sync_api import Page, expect
from test_web.every_page import find_accessibility_faults, list_page_addresses


@pytest.mark.parametrize("width", [1280, 360])
def test_no_page_has_accessibility_faults_or_overflows_a_narrow_window(ana: Page, width: int) -> None:
    faults, refused_by_policy = [], []
    ana.on("console", lambda message: refused_by_policy.append(message.text) if message.type == "error" else None)
    for name, path in list_page_addresses(ana).items():
        ana.set_viewport_size({"width": width, "height": 900})
        assert ana.goto(path).status == 200, name
        faults += find_accessibility_faults(ana, name)
    assert faults == []
    assert refused_by_policy == []


def test_every_page_can_be_walked_by_keyboard_from_its_first_link(ana: Page) -> None:
    ana.goto("/suppliers")
    ana.keyboard.press("Tab")
    expect(ana.locator(":focus")).to_have_text("Skip to main content")
    ana.keyboard.press("Enter")
    ana.keyboard.press("Tab")
    inside = ana.evaluate("document.getElementById('main').contains(document.activeElement)")
    assert inside
