"""A supplier on a small telephone whose browser runs no scripts: it opens its link, replies and sends proof."""

from datetime import timedelta

from patience import PATIENCE
from playwright.sync_api import Browser, expect
from test_service.callers import make_organisation, make_user
from test_service.sample_objects import make_finding, make_step, make_supplier
from test_web.conftest import Office

from service.clock import now
from service.remediation import replies
from service.remediation.rules import Actor
from service.remediation.steps import Act
from service.supplier_links import links


def test_a_supplier_replies_and_sends_proof_on_a_small_screen_without_scripts(
    chromium: Browser, office: Office
) -> None:
    organisation = make_organisation(office.database, "Link Trading")
    officer = make_user(office.database, organisation)
    with office.database.for_organisation(organisation) as session:
        supplier = make_supplier(session, {})
        session.add(supplier)
        session.flush()
        ids = {"supplier_id": supplier.id}
        finding = make_finding(session, ids)
        session.add_all([finding, make_step(session, ids)])
        session.flush()
        act = Act(Actor(f"user:{officer}", "officer", officer), now().date(), now(), sees_worker_derived=True)
        replies.ask_for_reply(session, supplier, [finding], "Workers may have paid fees.", act)
        _link, token = links.create_link(session, supplier, "site_manager", 30, f"user:{officer}")
    viewport = {"width": 320, "height": 640}
    context = chromium.new_context(base_url=office.address, java_script_enabled=False, viewport=viewport)
    page = context.new_page()
    page.set_default_timeout(1000 * PATIENCE)
    page.goto(f"/shared/{token}")
    page.get_by_role("button", name="Continue").click()
    expect(page.get_by_text("Workers may have paid fees.")).to_be_visible()
    page.get_by_label("We dispute this finding").check()
    page.get_by_label("Reason or comment").fill("The agency paid.")
    page.get_by_role("button", name="Send reply").click()
    expect(page.get_by_text("Your reply has been sent.")).to_be_visible()
    page.get_by_text("Propose another date", exact=True).click()
    page.get_by_label("New date").fill((now().date() + timedelta(days=60)).isoformat())
    page.get_by_label("Reason", exact=True).fill("The bank is slow.")
    page.get_by_role("button", name="Send proposal").click()
    expect(page.get_by_text("Your proposal has been sent.")).to_be_visible()
    receipt = {"name": "receipt.csv", "mimeType": "text/csv", "buffer": b"month,paid\nMay,300\n"}
    page.get_by_label("File", exact=True).set_input_files(receipt)
    page.get_by_role("button", name="Send file").click()
    expect(page.get_by_text("1 file received")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= viewport["width"]
    assert context.cookies() == []
    context.close()
