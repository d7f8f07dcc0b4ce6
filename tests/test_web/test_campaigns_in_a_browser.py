"""Asking many suppliers at once in a browser: four clicks from the list to a campaign that runs."""

import re
from collections.abc import Iterator
from datetime import timedelta

import pytest
from playwright.sync_api import Page, expect
from sqlalchemy import delete, select
from test_web.conftest import Office
from test_web.every_page import find_accessibility_faults

from service.clock import now
from service.db.campaign_tables import Campaign, SupplierContact
from service.db.tables import QuestionnaireRequest, Supplier


@pytest.fixture
def addresses(office: Office) -> Iterator[None]:
    """An address for each site, but for no agency. What the test adds goes again."""
    with office.database.for_organisation(office.harbour) as session:
        sites = session.scalars(select(Supplier).where(Supplier.kind == "site", Supplier.deleted_at.is_(None))).all()
        session.add_all(
            SupplierContact(
                supplier_id=site.id, email="office@cannery.example", confirmed_by="user:ana", confirmed_at=now()
            )
            for site in sites
        )
    yield
    with office.database.for_organisation(office.harbour) as session:
        session.execute(delete(Campaign))
        session.execute(delete(SupplierContact))
        session.execute(delete(QuestionnaireRequest).where(QuestionnaireRequest.due_on.is_not(None)))


@pytest.mark.usefixtures("addresses")
def test_four_clicks_lead_from_the_list_to_a_campaign_that_runs(ana: Page) -> None:
    ana.set_viewport_size({"width": 390, "height": 844})
    ana.goto("/suppliers?country=VN")
    ana.get_by_role("link", name="Send questionnaires to this list").click()
    # Other tests may have asked some of them: the preview says how many are left.
    asked = int(ana.get_by_role("heading", name=re.compile(r"suppliers? will be asked")).inner_text().split()[0])
    assert asked > 0
    assert find_accessibility_faults(ana, "preview of a campaign") == []
    ana.get_by_role("button", name=re.compile(f"^Start with {asked} suppliers?$")).click()  # there is no mail server
    expect(ana.get_by_text("The campaign has started.")).to_be_visible()
    expect(ana.get_by_role("heading", name=re.compile("^Questionnaires, "))).to_be_visible()
    expect(ana.locator("tbody tr").filter(has_not_text="Left out")).to_have_count(asked)
    assert find_accessibility_faults(ana, "board of a campaign") == []


@pytest.mark.usefixtures("addresses")
def test_a_campaign_can_be_paused_and_resumed_keeps_a_selection_and_ends(ana: Page, office: Office) -> None:
    ana.goto("/suppliers?country=VN")
    ana.get_by_role("link", name="Send questionnaires to this list").click()
    ana.get_by_role("button", name=re.compile("^Start with ")).click()
    ana.get_by_role("button", name="Pause", exact=True).click()
    expect(ana.get_by_text("The campaign is paused.")).to_be_visible()
    ana.get_by_role("button", name="Resume").click()
    expect(ana.get_by_text("The campaign has resumed.")).to_be_visible()
    first = ana.locator("tbody").get_by_role("checkbox").first
    first.check()
    ana.get_by_label("What to do").select_option("bounced")
    ana.get_by_role("button", name="Apply to the selected suppliers").click()
    expect(ana.get_by_text("Give the reason.")).to_be_visible()
    expect(first).to_be_checked()
    with office.database.for_organisation(office.harbour) as session:
        for campaign in session.scalars(select(Campaign)):
            campaign.due_on -= timedelta(days=60)
    ana.goto(ana.url.removesuffix("/suppliers"))
    expect(ana.get_by_role("heading", level=1)).to_contain_text("ended")
    expect(ana.get_by_role("button", name="Pause", exact=True)).to_have_count(0)
