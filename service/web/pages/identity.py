"""The page of identity: pairs of suppliers to decide about, recent merges to undo, and suppliers under weak keys."""

from __future__ import annotations

from flask import Response, flash, make_response, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response as AnyResponse

from service.auth.caller import get_caller, read_session, write_session
from service.clock import now
from service.errors import DomainError
from service.identity import decisions, pairs, weak_keys
from service.queries import lists


def show_pairs() -> Response:
    """Show the pairs that wait for a decision."""
    return _render_page(None)


def decide_pair(proposal_id: str) -> AnyResponse:
    """Merge the suppliers of a pair, or remember that they are different."""
    form = request.form
    try:
        with write_session() as session:
            kept = decisions.decide_pair(
                session,
                proposal_id,
                form.get("decision", ""),
                now(),
                get_caller().actor,
                fingerprint=form.get("fingerprint"),
            )
    except DomainError as error:
        if error.status == 404:
            raise
        return _render_page(error)
    flash(_("Merged. You can undo this below.") if kept else _("Saved as two different suppliers."))
    return redirect(url_for("pages.identity"), 303)


def undo_merge(merge_id: str) -> AnyResponse:
    """Separate two suppliers that were merged."""
    try:
        with write_session() as session:
            kept, _back = decisions.undo_merge(session, merge_id, now(), get_caller().actor)
    except DomainError as error:
        if error.status == 404:
            raise
        return _render_page(error)
    flash(_("The two suppliers are separate again, each with its own results and cases."))
    return redirect(url_for(f"pages.{kept.kind}", supplier_id=kept.id), 303)


def _render_page(error: DomainError | None) -> Response:
    with read_session() as session:
        page = lists.list_proposals(session, state="open", cursor=request.args.get("cursor"), limit=20)
        suppliers = pairs.list_suppliers_of(session, page.items)
        data = {
            "pairs": [(pair, suppliers[pair.first_id], suppliers[pair.second_id]) for pair in page.items],
            "fingerprints": {
                pair.id: pairs.compute_fingerprint(suppliers[pair.first_id], suppliers[pair.second_id])
                for pair in page.items
            },
            "open_count": decisions.count_open(session),
            "merges": decisions.list_recent_merges(session),
            "weakly_keyed": weak_keys.list_weakly_keyed(session),
        }
    html = render_template("identity.html", next_cursor=page.next_cursor, error=error, **data)
    return make_response(html, error.status if error else 200)
