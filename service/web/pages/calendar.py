"""The page on which users make and revoke the links of their calendars."""

from __future__ import annotations

from flask import Response, flash, make_response, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response as AnyResponse

from service.auth import calendar_links
from service.auth.caller import get_caller, read_session, write_session
from service.errors import DomainError


def show_calendar() -> Response:
    """Show the calendar links of the user, and the form to create one."""
    return _render()


def create_link() -> Response:
    """Create a calendar link. Its address is shown only in this response."""
    try:
        with write_session() as session:
            token = calendar_links.create_link(
                session, get_caller().id, request.form.get("scope", ""), get_caller().actor
            )
    except DomainError as error:
        return _render(error=error)
    return _render(address=url_for("calendar.show", token=token, _external=True))


def revoke_link(calendar_link_id: str) -> AnyResponse:
    """Revoke a calendar link; it takes effect at once."""
    with write_session() as session:
        calendar_links.revoke_link(session, get_caller().id, calendar_link_id, get_caller().actor)
    flash(_("Link revoked."))
    return redirect(url_for("pages.calendar"), 303)


def _render(*, error: DomainError | None = None, address: str = "") -> Response:
    with read_session() as session:
        links = calendar_links.list_links(session, get_caller().id)
    page = render_template("calendar.html", links=links, address=address, error=error)
    return make_response(page, error.status if error else 200)
