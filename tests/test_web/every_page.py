"""Where each kind of page is, and what is wrong with a page for those who cannot see it, or see little of it."""

from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import Page

RULES = """() => axe.run({resultTypes: ["violations"], rules: {"color-contrast": {enabled: false}}})"""
# Contrast takes axe most of its time, and depends on the look of a text alone: its colour, size, weight and what is behind it.
# So each look is checked once, on the first page that has it. `known`: the looks that are well.
CONTRASTS = """async (known) => {
  const before = new Set(known), looks = new Map(), grounds = new Map([[null, ""]]);
  const ground = (element) => {
    if (!grounds.has(element)) {
      const style = getComputedStyle(element);
      const own = [style.backgroundColor, style.backgroundImage, style.opacity].join();
      grounds.set(element, ground(element.parentElement) + (own === "rgba(0, 0, 0, 0),none,1" ? "" : ` > ${own}`));
    }
    return grounds.get(element);
  };
  for (const element of document.body.querySelectorAll("*")) {
    // axe does not judge single characters, which may be signs.
    const isText = [...element.childNodes].some((node) => node.nodeType === Node.TEXT_NODE && node.data.trim().length > 1);
    if (!(isText || element.matches("input, select, textarea")) || !element.checkVisibility()) continue;
    const style = getComputedStyle(element);
    const look = [style.color, style.fontSize, style.fontWeight, ground(element)].join();
    if (before.has(look)) continue;
    before.add(look);
    looks.set(element, look);
  }
  if (!looks.size) return {well: [], faults: []};
  const options = {runOnly: ["color-contrast"], resultTypes: ["passes", "violations"], elementRef: true, selectors: false};
  const found = await axe.run([...looks.keys()], options);
  const nodes = (results) => results.flatMap((each) => each.nodes);
  return {
    well: nodes(found.passes).map((node) => looks.get(node.element)).filter(Boolean),
    faults: nodes(found.violations).map((node) => node.html.slice(0, 120)),
  };
}"""
_known_looks: set[str] = set()


def find_accessibility_faults(page: Page, name: str, *, colours: bool = True) -> list[tuple[str, str, str]]:
    """Return what is wrong with a page, with all its details open; without ``colours``, save the contrast of its texts."""
    page.evaluate("document.querySelectorAll('details').forEach((each) => { each.open = true })")
    faults = find_contrast_faults(page, name) if colours else []
    _load_axe(page)
    found = page.evaluate(RULES)
    assert found["passes"], "axe checked nothing"
    faults += [(name, each["id"], each["nodes"][0]["html"][:120]) for each in found["violations"]]
    if page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth"):
        faults.append((name, "runs out of the window", ""))
    wide = "[...document.querySelectorAll('.panel')].filter((each) => each.scrollWidth > each.clientWidth && "
    wide += "getComputedStyle(each).overflowX === 'visible').map((each) => each.innerText.slice(0, 60))"
    faults += [(name, "runs out of its panel", words) for words in page.evaluate(wide)]
    return faults


def find_contrast_faults(page: Page, name: str) -> list[tuple[str, str, str]]:
    """Return the texts of a page with too little contrast, one of each look that no page had before."""
    _load_axe(page)
    found = page.evaluate(CONTRASTS, sorted(_known_looks))
    _known_looks.update(found["well"])
    return [(name, "color-contrast", html) for html in found["faults"]]


def _load_axe(page: Page) -> None:
    if not page.evaluate("'axe' in window"):
        page.evaluate(AXE_SCRIPT)


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
