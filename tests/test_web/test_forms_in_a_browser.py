"""Forms whose session ends before they are sent, and buttons that are clicked twice."""

from playwright.sync_api import Browser, expect
from sqlalchemy import func, select
from test_service.callers import PASSWORD, make_organisation, make_user
from test_web.conftest import Office, sign_in

from service.clock import now
from service.db.link_tables import SupplierLink
from service.suppliers import repository as suppliers

MIA, EFFECT = "mia@forms.example", "80 workers would lose their permits."


def test_nothing_typed_is_lost_when_the_session_ends_and_nothing_is_sent_twice(
    chromium: Browser, office: Office
) -> None:
    organisation = make_organisation(office.database, "Form Trading")
    make_user(office.database, organisation, "officer", MIA)
    site = {"name": "Blue Pier Cannery", "country": "TH", "sector": ["1020"]}
    with office.database.for_organisation(organisation) as session:
        supplier, _ = suppliers.save_supplier(session, "site", site, now().date(), now(), "user:ana", "api")
    context = chromium.new_context(base_url=office.address)
    page = sign_in(context, office, MIA)

    page.goto(f"/suppliers/{supplier.id}/exit")
    page.fill("#effect", EFFECT)
    page.locator("#ground-state_imposed").check()
    context.clear_cookies()
    page.get_by_role("button", name="Save draft").click()
    page.fill("#email", MIA)
    page.fill("#password", PASSWORD)
    page.keyboard.press("Enter")
    expect(page.locator("#effect")).to_have_value(EFFECT)
    expect(page.locator("#ground-state_imposed")).to_be_checked()
    expect(page.get_by_text("filled in again")).to_be_visible()
    page.get_by_role("button", name="Save draft").click()
    expect(page.get_by_text("Exit paper saved.")).to_be_visible()
    expect(page.get_by_text("filled in again")).to_have_count(0)

    page.goto(f"/suppliers/{supplier.id}/links")
    page.get_by_role("button", name="Create link").dblclick()
    expect(page.locator("#shown-once")).to_be_visible()
    with office.database.for_organisation(organisation, write=False) as session:
        assert session.scalar(select(func.count()).select_from(SupplierLink)) == 1
    context.close()
