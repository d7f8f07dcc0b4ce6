"""Deciding in a browser, by keyboard alone, whether two suppliers are the same."""

from datetime import date

from playwright.sync_api import Browser, expect
from test_service.callers import make_organisation, make_user
from test_web.conftest import Office, sign_in
from test_web.every_page import find_accessibility_faults

from service.clock import now
from service.identity.pairs import propose_pairs
from service.suppliers import repository as suppliers

LEA = "lea@pairs.example"


def test_pairs_are_decided_by_keyboard_alone(chromium: Browser, office: Office) -> None:
    organisation = make_organisation(office.database, "Pair Trading")
    make_user(office.database, organisation, "officer", LEA)
    with office.database.for_organisation(organisation) as session:
        for name in ("Alder Nets", "Birch Foods", "Cedar Toys"):
            place = {"name": name, "country": "TH", "sector": ["1020"]}
            for address in ("12 Dock Road, Samut Sakhon", "No. 12, Dock Rd, Samut Sakhon"):
                saved, _ = suppliers.save_supplier(
                    session, "site", {**place, "address": address}, date(2026, 11, 20), now(), "user:ana", "api"
                )
            assert propose_pairs(session, [saved.id]) == 1
    context = chromium.new_context(base_url=office.address)
    page = sign_in(context, office, LEA)
    page.goto("/same-supplier")
    pairs = page.locator(".pair")
    expect(pairs).to_have_count(3)
    assert find_accessibility_faults(page, "pairs of suppliers") == []
    page.get_by_role("link", name="3 pairs").click()
    expect(page.locator(".pick")).to_have_count(3)
    assert find_accessibility_faults(page, "pairs of suppliers together") == []
    page.goto("/same-supplier")
    expect(pairs.first).to_be_focused()
    page.keyboard.press("j")
    expect(pairs.nth(1)).to_be_focused()
    page.keyboard.press("y")
    expect(pairs).to_have_count(2)
    expect(page.locator("#merges")).to_be_visible()
    page.keyboard.press("n")
    expect(pairs).to_have_count(1)
    context.close()
