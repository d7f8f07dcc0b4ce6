"""Where each kind of page is, and what is wrong with a page for those who cannot see it, or see little of it."""

from typing import Any

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

# Colour schemes differ in colours alone, and widths in all but colours: one rule or all but one saves most of the time.
COLOURS: dict[str, Any] = {"runOnly": ["color-contrast"]}
ALL_BUT_COLOURS: dict[str, Any] = {"rules": {"color-contrast": {"enabled": False}}}


def find_accessibility_faults(page: Page, name: str, **options: Any) -> list[tuple[str, str, str]]:
    """Return what is wrong with a page, with all its details open. ``options`` are those of axe."""
    page.evaluate("document.querySelectorAll('details').forEach((each) => { each.open = true })")
    # What is well is not described in full, which halves the time.
    found = Axe().run(page, options={"resultTypes": ["violations"], **options}).response
    assert found["passes"], "axe checked nothing"
    faults = [(name, each["id"], each["nodes"][0]["html"][:120]) for each in found["violations"]]
    if page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth"):
        faults.append((name, "runs out of the window", ""))
    wide = "[...document.querySelectorAll('.panel')].filter((each) => each.scrollWidth > each.clientWidth && "
    wide += "getComputedStyle(each).overflowX === 'visible').map((each) => each.innerText.slice(0, 60))"
    faults += [(name, "runs out of its panel", words) for words in page.evaluate(wide)]
    return faults


def list_page_addresses(page: Page) -> dict[str, str]:
    """A page of each kind, with a site and an agency that are there."""
    page.goto("/agencies")
    agency = page.locator("td a.name").first.get_attribute("href")
    page.goto("/suppliers?level=insufficient_evidence")
    unknown = page.locator("td a.name[href^='/suppliers/']").first.get_attribute("href")
    page.goto("/suppliers?text=S-002")
    site = page.locator("td a.name[href^='/suppliers/']").first.get_attribute("href")
    page.goto("/connected-systems")
    system = page.locator("td a[href^='/connected-systems/']").first.get_attribute("href")
    named = {
        "connected system": system,
        "portfolio": "/",
        "agency": agency,
        "site": site,
        "site of which little is known": unknown,
    }
    named |= {
        "what if": f"{site}/what-if",
        "merge": f"{site}/merge",
        "repayment to workers": f"{site}/remedy-accounts",
        "erase": f"{site}/erase",
        "model": "/method/site_general",
        "sources": "/method/sources",
        "history": f"{site}/history",
        "search": "/search?q=amber",
        "send a questionnaire": f"/questionnaires/new?selected={site.removeprefix('/suppliers/')}",
    }
    plain = (
        "suppliers",
        "agencies",
        "actions",
        "evidence",
        "upload",
        "imports",
        "schedules",
        "watchlists",
        "same-supplier",
        "our-practices",
        "method",
        "organisation",
        "organisation/release",
        "status",
        "cases",
        "campaigns",
        "campaigns/new",
        "campaigns/contacts",
        "repayment",
        "referrals",
        "users",
        "keys",
        "sender-keys",
        "audit",
        "messages",
        "webhooks",
        "connected-systems",
        "mail-texts",
        "help",
        "sign-in",
    )
    return named | {path: f"/{path}" for path in plain}
