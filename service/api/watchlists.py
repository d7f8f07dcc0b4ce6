"""API views for watchlists: the lists, the matches, and the decisions on matches."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from sqlalchemy.orm import Session

from service.api.responses import Reply, page_reply, whole_list
from service.api.schemas.base import Resource
from service.auth.caller import get_caller
from service.clock import now
from service.db.watchlist_tables import Watchlist
from service.queries import lists as listings
from service.watchlists import lists, matches

Values = Mapping[str, Any]


def list_watchlists(session: Session) -> Reply:
    """Return the lists, by name."""
    return whole_list([_watchlist(watchlist) for watchlist in lists.list_watchlists(session)])


def _watchlist(watchlist: Watchlist) -> Resource:
    counts = watchlist.file_summary
    return Resource(
        watchlist,
        rows=counts.get("rows", 0),
        rejected=counts.get("rejected", 0),
        left_out=counts.get("left_out", {}),
    )


def list_matches(session: Session, query: Values) -> Reply:
    """Return matches in a state, newest first."""
    page = listings.list_matches(session, **query)
    return page_reply(replace(page, items=tuple(matches.load_match_details(session, page.items))), _match)


def decide(session: Session, match_id: str, body: Values) -> Reply:
    """Confirm or dismiss a match, and return it."""
    match = matches.decide_match(
        session, match_id, body["decision"], body["note"], now(), get_caller().actor, body.get("fingerprint")
    )
    session.flush()
    return Reply(_match(matches.load_match_details(session, [match])[0]))


def _match(view: matches.MatchDetail) -> Resource:
    match, supplier = view.match, view.supplier
    return Resource(
        match,
        kind=supplier.kind,
        name=supplier.name,
        reference=supplier.reference,
        watchlist=view.watchlist,
        entry={"key": match.entry_key, **match.content},
    )
