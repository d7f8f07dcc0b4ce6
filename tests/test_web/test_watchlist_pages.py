"""A match in a browser: found, read, decided on, and not asked again; all of it is accessible."""

from pathlib import Path

from patience import wait_until
from playwright.sync_api import Page, expect
from sqlalchemy import select
from test_service.watchlist_helpers import import_watchlist
from test_web.conftest import Office
from test_web.every_page import find_accessibility_faults

from service.blob_store.folder import FolderStore
from service.db.tables import Supplier


def test_an_officer_reads_why_and_decides_with_a_note(ana: Page, office: Office) -> None:
    with office.database.for_organisation(office.harbour, write=False) as session:
        agency = session.scalars(select(Supplier).where(Supplier.kind == "agency").order_by(Supplier.key)).first()
    reason = "Fees, see https://list.example/agencies/suspended-in-the-year-2026/and-not-yet-let-in-again"
    row = f"{agency.name} Co., Ltd.;agency;{agency.country};;;;Suspended agencies;{reason}"
    folder = Path(office.database.engine.url.database).parent
    blobs = FolderStore(folder / "blobs", office.database.secret_keys)
    import_watchlist(office.database, blobs, office.harbour, row, work=False)
    match = ana.locator("section.panel", has=ana.get_by_role("heading", name=agency.name))
    wait_until(lambda: ana.goto("/watchlists") and match.count())
    expect(match.get_by_text("The countries match.")).to_be_visible()
    assert find_accessibility_faults(ana, "watchlists") == []
    match.get_by_label("What you compared").fill("Another address and other owners.")
    match.get_by_role("button", name="Not a match").click()
    expect(ana.get_by_text("You will be asked again only if the supplier or the entry changes.")).to_be_visible()
    expect(match).to_have_count(0)
    ana.get_by_role("link", name="Dismissed (1)").click()
    expect(ana.get_by_text("Another address and other owners.")).to_be_visible()
    ana.get_by_role("heading", name=agency.name).get_by_role("link").click()
    expect(ana.locator("section", has=ana.locator("#watchlists")).get_by_text("dismissed")).to_be_visible()
    assert find_accessibility_faults(ana, "agency with a match") == []
