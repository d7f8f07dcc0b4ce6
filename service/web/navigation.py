"""The links in the header of every page: the pages that exist and that the role of the user may open."""

from __future__ import annotations

from dataclasses import dataclass

from flask import current_app, g, request, url_for
from flask_babel import LazyString, lazy_gettext

from service.auth.access import ACCESS

MAIN: tuple[tuple[str, LazyString], ...] = (
    ("pages.portfolio", lazy_gettext("Portfolio")),
    ("pages.upload", lazy_gettext("Upload")),
    ("pages.suppliers", lazy_gettext("Suppliers")),
    ("pages.agencies", lazy_gettext("Agencies")),
    ("pages.actions", lazy_gettext("Actions")),
    ("pages.cases", lazy_gettext("Cases")),
    ("pages.repayment", lazy_gettext("Repayment")),
    ("pages.buyer", lazy_gettext("Our practices")),
    ("pages.method", lazy_gettext("Method")),
)
# Rarely used pages are in the menu under the user's name: the header has room only for what is used every day.
ADMIN: tuple[tuple[str, LazyString], ...] = (
    ("pages.schedules", lazy_gettext("Schedules")),
    ("pages.watchlists", lazy_gettext("Watchlists")),
    ("pages.imports", lazy_gettext("Imports and jobs")),
    ("users.listing", lazy_gettext("Users")),
    ("keys.listing", lazy_gettext("API keys")),
    ("audit.listing", lazy_gettext("Audit trail")),
    ("organisation.show", lazy_gettext("Organisation")),
)


@dataclass(frozen=True, slots=True)
class Link:
    """One link of the header; ``current`` if it leads to the page that is being shown."""

    address: str
    title: LazyString
    current: bool


def list_links(entries: tuple[tuple[str, LazyString], ...]) -> list[Link]:
    """Return the links that the signed-in user may open; none if nobody is signed in."""
    if g.get("caller") is None or g.caller.role is None:
        return []
    return [
        Link(url_for(endpoint), title, request.endpoint == endpoint)
        for endpoint, title in entries
        if endpoint in current_app.view_functions and ACCESS.may_open(g.caller.role, endpoint)
    ]


def get_home_url() -> str:
    """Return the page to open after signing in, unless another one was requested."""
    links = list_links(MAIN + ADMIN)
    return links[0].address if links else url_for("account.password")
