"""A column that was read wrongly is corrected, and the import confirmed, without a mouse."""

from playwright.sync_api import Browser, Locator, Page, expect
from sqlalchemy import select
from test_service.callers import make_organisation, make_user
from test_web.conftest import Office, sign_in

from service.db.tables import Supplier

KIM = "kim@keys.example"
FARTHEST = 120  # presses of Tab to anything on the page
IS_SEEN = "(({ outlineStyle, boxShadow }) => outlineStyle + boxShadow !== 'nonenone')(getComputedStyle(document.activeElement))"
LIST = b"Supplier,Country,Region\nBlue Pier Cannery,Thailand,Samut Sakhon\nHill Mill,Vietnam,Hue\n"


def tab_to(page: Page, wanted: Locator) -> None:
    """Press Tab until an element has the focus, which is always seen."""
    for _ in range(FARTHEST):
        page.keyboard.press("Tab")
        page.wait_for_function(IS_SEEN)  # on a busy machine a frame late
        if wanted.evaluate("one => one === document.activeElement"):
            return
    raise AssertionError("it is not reached by Tab")


def test_a_column_is_corrected_and_the_import_confirmed_by_keyboard_alone(chromium: Browser, office: Office) -> None:
    organisation = make_organisation(office.database, "Key Trading")
    make_user(office.database, organisation, "officer", KIM)
    context = chromium.new_context(base_url=office.address)
    page = sign_in(context, office, KIM)
    page.goto("/upload")
    page.locator("input[type=file]").set_input_files({"name": "list.csv", "mimeType": "text/csv", "buffer": LIST})
    tab_to(page, page.get_by_role("button", name="Check files"))
    page.keyboard.press("Enter")
    result = page.locator("#confirm")
    expect(result).to_be_focused()
    column = page.get_by_label("Read Region in")
    expect(column).to_have_value("region")
    tab_to(page, column)
    page.keyboard.type("City")
    expect(column).to_have_value("city")
    expect(column).to_be_focused()
    tab_to(page, page.get_by_role("button", name="Read the files again"))
    page.keyboard.press("Enter")
    expect(page.get_by_text("your choice")).to_be_visible()
    expect(result).to_be_focused()
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Assess 2 rows")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Import complete")).to_be_visible()
    with office.database.for_organisation(organisation, write=False) as session:
        cities = [supplier.answers["city"] for supplier in session.scalars(select(Supplier).order_by(Supplier.name))]
    assert cities == ["Samut Sakhon", "Hue"]
    context.close()
