"""Watchlists through the API: the lists, the matches, and what people decide on them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from sqlalchemy.orm import Session

from service.api import shown
from service.api.responses import Reply
from service.api.views import listed
from service.auth.caller import caller
from service.clock import now
from service.register import listings
from service.watchlists import lists, matches
from service.watchlists.matches import Shown

Told = Mapping[str, Any]


def list_all(session: Session) -> Reply:
    """The lists, by name."""
    items = [
        {
            "id": kept.id,
            "name": kept.name,
            "entries": kept.entries,
            "rows": kept.told.get("rows", 0),
            "rejected": kept.told.get("rejected", 0),
            "left_out": kept.told.get("left_out", {}),
            "imported_at": shown.moment(kept.imported_at),
        }
        for kept in lists.listing(session)
    ]
    return Reply({"items": items, "next": None})


def list_matches(session: Session, query: Told) -> Reply:
    """Matches in a state, newest first."""
    page = listings.matches(session, **query)
    return listed(replace(page, items=tuple(matches.shown(session, page.items))), _match)


def decide(session: Session, match_id: str, body: Told) -> Reply:
    """Confirms or dismisses a match."""
    told = (body["decision"], body["note"], now(), caller().actor, body.get("fingerprint"))
    match = matches.decide(session, match_id, *told)
    session.flush()
    return Reply(_match(matches.shown(session, [match])[0]))


def _match(one: Shown) -> dict[str, Any]:
    match = one.match
    names = ("id", "supplier_id", "state", "found", "fingerprint", "note", "decided_by")
    entry = {"key": match.entry_key, **match.content}
    return {
        **{name: getattr(match, name) for name in names},
        "kind": one.supplier.kind,
        "name": one.supplier.name,
        "reference": one.supplier.reference,
        "watchlist": one.watchlist,
        "why": match.why,
        "entry": entry,
        "found_at": shown.moment(match.found_at),
        "decided_at": shown.moment(match.decided_at),
    }
