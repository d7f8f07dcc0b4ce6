"""Build the menu of every page from the pages that the user's role may open."""

from __future__ import annotations

from dataclasses import dataclass

from flask import current_app, g, request, url_for
from flask_babel import LazyString, lazy_gettext

from service.auth.access import ACCESS

Entries = tuple[tuple[str, LazyString], ...]
MENU: tuple[tuple[LazyString | str, Entries], ...] = (
    (
        "",
        (
            ("pages.portfolio", lazy_gettext("Portfolio")),
            ("pages.progress", lazy_gettext("Progress")),
            ("pages.suppliers", lazy_gettext("Suppliers")),
            ("pages.agencies", lazy_gettext("Recruitment agencies")),
            ("pages.campaigns", lazy_gettext("Questionnaires")),
            ("pages.actions", lazy_gettext("Actions")),
            ("pages.remediation", lazy_gettext("Remediation")),
            ("pages.approvals", lazy_gettext("Approvals")),
            ("pages.claimed_evidence", lazy_gettext("Evidence")),
            ("pages.cases", lazy_gettext("Cases")),
            ("pages.referrals", lazy_gettext("Referral directory")),
            ("pages.watchlists", lazy_gettext("Watchlists")),
        ),
    ),
    (
        lazy_gettext("Data"),
        (
            ("pages.upload", lazy_gettext("Upload")),
            ("pages.imports", lazy_gettext("Imports and jobs")),
            ("pages.identity", lazy_gettext("Same supplier?")),
            ("pages.schedules", lazy_gettext("Schedules")),
            ("systems.listing", lazy_gettext("Connected systems")),
            ("pages.languages", lazy_gettext("Languages")),
        ),
    ),
    (
        lazy_gettext("Our responsibility"),
        (
            ("pages.buyer", lazy_gettext("Our own practices")),
            ("pages.repayment", lazy_gettext("Fee repayment")),
        ),
    ),
    (
        lazy_gettext("Reference"),
        (
            ("pages.help", lazy_gettext("Help")),
            ("pages.method", lazy_gettext("Method")),
            ("pages.sources", lazy_gettext("Sources")),
        ),
    ),
    (
        lazy_gettext("Administration"),
        (
            ("users.listing", lazy_gettext("Users")),
            ("keys.listing", lazy_gettext("API keys")),
            ("pages.sender_keys", lazy_gettext("Signed answers")),
            ("webhooks.listing", lazy_gettext("Webhooks")),
            ("messages.listing", lazy_gettext("Messages")),
            ("audit.listing", lazy_gettext("Audit trail")),
            ("organisation.show", lazy_gettext("Organisation")),
            ("release.show", lazy_gettext("Method release")),
            ("status.show", lazy_gettext("System status")),
        ),
    ),
)
# Pages that are not in the menu belong to a menu entry, which is highlighted while they are open.
BELONGS_TO = {
    "pages.language": "pages.languages",
    "pages.save_language": "pages.languages",
    "pages.preview_language_file": "pages.languages",
    "pages.save_language_file": "pages.languages",
    "pages.site": "pages.suppliers",
    "pages.site_history": "pages.suppliers",
    "pages.site_activity": "pages.suppliers",
    "pages.what_if_site": "pages.suppliers",
    "pages.site_links": "pages.suppliers",
    "pages.site_review": "pages.suppliers",
    "pages.site_agreement": "pages.suppliers",
    "pages.site_notice": "pages.suppliers",
    "pages.site_surveys": "pages.suppliers",
    "pages.site_accounts": "pages.suppliers",
    "pages.site_exit": "pages.suppliers",
    "pages.new_requests": "pages.campaigns",
    "pages.sent_requests": "pages.campaigns",
    "pages.agency": "pages.agencies",
    "pages.agency_history": "pages.agencies",
    "pages.agency_activity": "pages.agencies",
    "pages.what_if_agency": "pages.agencies",
    "pages.agency_links": "pages.agencies",
    "pages.agency_review": "pages.agencies",
    "pages.agency_agreement": "pages.agencies",
    "pages.agency_notice": "pages.agencies",
    "pages.agency_surveys": "pages.agencies",
    "pages.agency_accounts": "pages.agencies",
    "pages.agency_exit": "pages.agencies",
    "pages.campaign": "pages.campaigns",
    "pages.new_campaign": "pages.campaigns",
    "pages.contacts": "pages.campaigns",
    "pages.one_import": "pages.imports",
    "pages.edition": "pages.imports",
    "pages.one_case": "pages.cases",
    "pages.survey": "pages.suppliers",
    "pages.one_referral": "pages.referrals",
    "pages.step": "pages.remediation",
    "pages.plan_workbook": "pages.remediation",
    "pages.preview_plan_workbook": "pages.remediation",
    "pages.save_plan_workbook": "pages.remediation",
    "pages.remedy_account": "pages.remediation",
    "pages.finding": "pages.remediation",
    "pages.watch": "pages.remediation",
    "pages.calendar": "pages.remediation",
    "pages.model": "pages.method",
    "systems.show": "systems.listing",
    "messages.show": "messages.listing",
    "users.sign_in": "users.listing",
    "sign_in_rules.show": "organisation.show",
    "mail_texts.listing": "messages.listing",
    "mail_texts.show": "messages.listing",
}


@dataclass(frozen=True, slots=True)
class Link:
    """One link of the menu.

    ``current`` is "page" for the page being shown, "true" for the entry that the page belongs to, and "" for all others.
    """

    address: str
    title: LazyString
    current: str


def list_menu() -> list[tuple[LazyString | str, list[Link]]]:
    """Return the menu groups with at least one link that the signed-in user may open; empty if nobody is signed in."""
    if g.get("caller") is None or g.caller.role is None:
        return []
    groups = [(title, [_build_link(*entry) for entry in entries if _is_open(entry[0])]) for title, entries in MENU]
    return [(title, links) for title, links in groups if links]


def _is_open(endpoint: str) -> bool:
    return endpoint in current_app.view_functions and ACCESS.may_open(g.caller.role, endpoint)


def _build_link(endpoint: str, title: LazyString) -> Link:
    belongs = BELONGS_TO.get(request.endpoint or "") == endpoint
    return Link(url_for(endpoint), title, "page" if request.endpoint == endpoint else "true" if belongs else "")


def get_home_url() -> str:
    """Return the page to open after signing in, unless another one was requested."""
    menu = list_menu()
    return menu[0][1][0].address if menu else url_for("account.password")
