"""Watchlists: the lists, the matches that wait for somebody, and what is decided on them."""

from __future__ import annotations

from flask import Response, flash, make_response, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response as AnyResponse

from service.auth.caller import get_caller, read_session, write_session
from service.clock import now
from service.errors import DomainError
from service.queries import lists as listings
from service.watchlists import lists, matches


def listing() -> Response:
    """The lists, and the matches in a state: those that are open, unless told."""
    return _page(None)


def decide(match_id: str) -> AnyResponse:
    """Confirms or dismisses a match, and goes back to where the form stood."""
    told = request.form
    try:
        with write_session() as session:
            note, seen = told.get("note", ""), told.get("fingerprint", "")
            match = matches.decide_match(
                session, match_id, told.get("decision", ""), note, now(), get_caller().actor, seen
            )
            supplier = matches.load_details(session, [match])[0].supplier
    except DomainError as refused:
        if refused.status == 404:
            raise
        return _page(refused)
    flash(_("Recorded. Nobody is asked again while neither the supplier nor the entry changes."))
    if told.get("back") == "supplier":
        return redirect(url_for(f"pages.{supplier.kind}", supplier_id=supplier.id, _anchor="watchlists"), 303)
    return redirect(url_for("pages.watchlists"), 303)


def _page(refused: DomainError | None) -> Response:
    state = request.args.get("state", "")
    state = state if state in matches.STATES else "open"
    with read_session() as session:
        page = listings.list_matches(session, state=state, cursor=request.args.get("cursor"))
        told = {
            "lists": lists.list_watchlists(session),
            "counts": matches.count_by_state(session),
            "matches": matches.load_details(session, page.items),
        }
    page_shown = render_template("watchlists.html", state=state, next=page.next_cursor, refused=refused, **told)
    return make_response(page_shown, refused.status if refused else 200)
