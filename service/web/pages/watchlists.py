"""The page for watchlists: the lists, the matches to review, and the decisions on them."""

from __future__ import annotations

from flask import Response, flash, make_response, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response as AnyResponse

from service.auth.caller import get_caller, read_session, write_session
from service.clock import now
from service.errors import DomainError
from service.queries import lists as listings
from service.watchlists import lists, matches


def show_watchlists() -> Response:
    """Show the lists and the matches with a status (by default the open ones)."""
    return _render_page(None)


def decide_match(match_id: str) -> AnyResponse:
    """Confirm or dismiss a match, and return to the page with the form."""
    form = request.form
    try:
        with write_session() as session:
            note, fingerprint = form.get("note", ""), form.get("fingerprint", "")
            match = matches.decide_match(
                session, match_id, form.get("decision", ""), note, now(), get_caller().actor, fingerprint
            )
            supplier = matches.load_match_details(session, [match])[0].supplier
    except DomainError as error:
        if error.status == 404:
            raise
        return _render_page(error)
    flash(_("Decision saved. You will be asked again only if the supplier or the entry changes."))
    if form.get("back") == "supplier":
        return redirect(url_for(f"pages.{supplier.kind}", supplier_id=supplier.id, _anchor="watchlists"), 303)
    return redirect(url_for("pages.watchlists"), 303)


def _render_page(error: DomainError | None) -> Response:
    state = request.args.get("state", "")
    state = state if state in matches.STATES else "open"
    with read_session() as session:
        page = listings.list_matches(session, state=state, cursor=request.args.get("cursor"))
        data = {
            "lists": lists.list_watchlists(session),
            "counts": matches.count_matches_by_state(session),
            "matches": matches.load_match_details(session, page.items),
        }
    html = render_template("watchlists.html", state=state, next_cursor=page.next_cursor, error=error, **data)
    return make_response(html, error.status if error else 200)
