"""Signing in with a passkey, in a browser with a virtual authenticator, and through an identity provider."""

import pytest
from patience import PATIENCE
from playwright.sync_api import Browser, Page, expect
from test_service.callers import PASSWORD, make_organisation, make_user
from test_service.openid_provider import run_provider
from test_web.conftest import Office

from service.auth import sign_in_rules

AUTHENTICATOR = {
    "protocol": "ctap2",
    "transport": "internal",
    "hasResidentKey": True,
    "hasUserVerification": True,
    "isUserVerified": True,
    "automaticPresenceSimulation": True,
}


def open_page(chromium: Browser, office: Office) -> Page:
    """A browser with an authenticator. Passkeys are for names, so the service is called localhost here."""
    context = chromium.new_context(base_url=office.address.replace("127.0.0.1", "localhost"))
    page = context.new_page()
    page.set_default_timeout(1000 * PATIENCE)
    devices = context.new_cdp_session(page)
    devices.send("WebAuthn.enable")
    devices.send("WebAuthn.addVirtualAuthenticator", {"options": AUTHENTICATOR})
    return page


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # the provider uses what its own libraries have deprecated
def test_an_admin_signs_in_with_a_passkey_and_a_colleague_through_the_provider(
    chromium: Browser, office: Office
) -> None:
    organisation = make_organisation(office.database, "Passkey Trading")
    make_user(office.database, organisation, "admin", "kim@passkey.example", "Kim Park")
    with office.database.for_organisation(organisation) as session:
        sign_in_rules.set_second_factor(session, organisation, True, "user:kim")
    page = open_page(chromium, office)
    page.goto("/sign-in")
    page.get_by_label("Email address").fill("kim@passkey.example")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()
    expect(page.get_by_role("heading", name="Set up a second factor")).to_be_visible()
    page.get_by_label("Name (for example, of the device)").fill("Kim's laptop")
    page.get_by_role("button", name="Create a passkey").click()
    expect(page.locator(".recovery-codes li")).to_have_count(10)
    page.get_by_role("link", name="I have saved these codes").click()
    page.locator(".who summary").click()
    page.get_by_role("button", name="Sign out", exact=True).click()
    page.get_by_role("button", name="Sign in with a passkey").click()
    page.wait_for_url("**/")
    page.goto("/account")
    expect(page.get_by_text("Kim's laptop")).to_be_visible()
    with run_provider() as provider:
        provider.set_user("lee", email="lee@passkey.example", name="Lee Ito", groups=["buyers"])
        page.goto("/organisation/sign-in")
        page.get_by_label("Name on the sign-in button").fill("Passkey ID")
        page.get_by_label("Issuer").fill(provider.issuer)
        page.get_by_label("Client ID").fill("diligence")
        page.get_by_label("Client secret").fill("a secret of the client")
        page.get_by_label("Groups with the role officer").fill("buyers")
        page.locator("#provider ~ form").get_by_role("button", name="Save").click()
        expect(page.get_by_text("Try signing in this way in another browser")).to_be_visible()
        colleague = open_page(chromium, office)
        colleague.goto("/sign-in?next=/agencies")
        colleague.get_by_role("link", name="Sign in with Passkey ID").click()
        colleague.get_by_placeholder("sub").fill("lee")
        colleague.get_by_role("button", name="Authorize").click()
        colleague.wait_for_url("**/agencies")
        colleague.locator(".who summary").click()
        expect(colleague.get_by_text("Lee Ito")).to_be_visible()
        colleague.get_by_role("button", name="Sign out", exact=True).click()
        colleague.wait_for_url(f"{provider.issuer}/oauth2/end_session?**")
        colleague.context.close()
        page.get_by_role("button", name="Remove single sign-on").click()
        expect(page.get_by_text("Single sign-on removed")).to_be_visible()
    page.context.close()
