"""What the head of every page leads to: of these, the pages that exist and that the reader's role opens."""

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
# What is set up now and then stands behind one's name: the head of a page has room for what is used every day.
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
    """One entry; ``current`` if it is the page that is being shown."""

    address: str
    title: LazyString
    current: bool


def links(entries: tuple[tuple[str, LazyString], ...]) -> list[Link]:
    """The entries that are open to who is signed in; none for anybody else."""
    if g.get("caller") is None or g.caller.role is None:
        return []
    return [
        Link(url_for(endpoint), title, request.endpoint == endpoint)
        for endpoint, title in entries
        if endpoint in current_app.view_functions and ACCESS.may_open(g.caller.role, endpoint)
    ]


def home() -> str:
    """Where somebody lands who signed in without having asked for a page."""
    open_to_them = links(MAIN + ADMIN)
    return open_to_them[0].address if open_to_them else url_for("account.password")
