"""The pages of identity: pairs of suppliers to decide about, one by one or in groups, merges, and suppliers under weak keys."""

from __future__ import annotations

from flask import Response, flash, make_response, redirect, render_template, request, url_for
from flask_babel import gettext as _
from flask_babel import ngettext
from sqlalchemy import select
from werkzeug.wrappers import Response as AnyResponse

from service.auth.caller import get_caller, read_session, write_session
from service.clock import now
from service.db.identity_tables import IdentityProposal
from service.errors import DomainError
from service.identity import decisions, groups, pairs, weak_keys
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
    flash(
        _("Merged. You can undo this below.")
        if kept
        else _("Saved as two different suppliers. You can undo this below.")
    )
    return redirect(url_for("pages.identity"), 303)


def reopen_pair(proposal_id: str) -> AnyResponse:
    """Propose a pair again that was marked as different."""
    try:
        with write_session() as session:
            decisions.reopen_pair(session, proposal_id, now(), get_caller().actor)
    except DomainError as error:
        if error.status == 404:
            raise
        return _render_page(error)
    flash(_("The pair is back at the top of the list."))
    return redirect(url_for("pages.identity"), 303)


def show_group() -> Response:
    """Show the pairs of a group, to decide on all of them or on some."""
    return _render_group(request.args.get("group", ""), None)


def decide_group() -> AnyResponse:
    """Merge the suppliers of each selected pair of a group, or remember that they are different."""
    form = request.form
    seen = {proposal_id: form.get(f"fingerprint-{proposal_id}") for proposal_id in form.getlist("pair")}
    try:
        with write_session() as session:
            decided = decisions.decide_pairs(session, seen, form.get("decision", ""), now(), get_caller().actor)
    except DomainError as error:
        return _render_group(form.get("group", ""), error)
    flash(ngettext("Your decision was saved for %(num)s pair.", "Your decision was saved for %(num)s pairs.", decided))
    return redirect(url_for("pages.identity"), 303)


def _render_group(name: str, error: DomainError | None) -> Response:
    with read_session() as session:
        found = next((one for one in groups.group_open_pairs(session) if one.name == name), None)
        ids = found.proposal_ids[: decisions.MOST_TOGETHER] if found else []
        chosen = session.scalars(select(IdentityProposal).where(IdentityProposal.id.in_(ids))).all()
        suppliers = pairs.list_suppliers_of(session, chosen)
        compared = [(pair, suppliers[pair.first_id], suppliers[pair.second_id]) for pair in chosen]
        compared.sort(key=lambda one: (one[1].sort_name, one[0].id))
        fingerprints = {pair.id: pairs.compute_fingerprint(first, second) for pair, first, second in compared}
    html = render_template("identity_group.html", group=found, pairs=compared, fingerprints=fingerprints, error=error)
    return make_response(html, error.status if error else 200)


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
        different = decisions.list_recently_different(session)
        suppliers = pairs.list_suppliers_of(session, [*page.items, *different])
        merges = decisions.list_recent_merges(session)
        data = {
            "pairs": [(pair, suppliers[pair.first_id], suppliers[pair.second_id]) for pair in page.items],
            "fingerprints": {
                pair.id: pairs.compute_fingerprint(suppliers[pair.first_id], suppliers[pair.second_id])
                for pair in page.items
            },
            "groups": groups.group_open_pairs(session),
            "open_count": decisions.count_open(session),
            "merges": merges,
            "different": [(pair, suppliers[pair.first_id], suppliers[pair.second_id]) for pair in different],
            "remaining": pairs.load_suppliers(session, sorted({merge.supplier_id for merge in merges})),
            "weakly_keyed": weak_keys.list_weakly_keyed(session),
        }
    html = render_template("identity.html", next_cursor=page.next_cursor, error=error, **data)
    return make_response(html, error.status if error else 200)
