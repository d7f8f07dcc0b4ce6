"""Matches as people meet them: shown with their reasons, confirmed or dismissed with a note, never a verdict.

To confirm says that the supplier and the entry are one and the same, and no more; what the list says of the entry is the
list's. To dismiss says that they are two. Both stand until either of the two changes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import and_, exists, func, select, update
from sqlalchemy.orm import Session, aliased

from service.audit import record_event
from service.db import change_feed
from service.db.tables import Supplier, User
from service.db.watchlist_tables import Screening, Watchlist, WatchlistMatch
from service.errors import DomainError, not_found

DECISIONS = {"confirm": "confirmed", "dismiss": "dismissed"}
STATES = ("open", *DECISIONS.values())
MAX_NOTE = 2000


@dataclass(frozen=True)
class MatchDetail:
    """A match with the supplier it is of, the name of its list, and the name of who decided ("" for a key, or nobody)."""

    match: WatchlistMatch
    supplier: Supplier
    watchlist: str
    by: str


def load_details(session: Session, matches: Iterable[WatchlistMatch]) -> list[MatchDetail]:
    """Matches with what a reader has to know beside them, in their order."""
    found = list(matches)
    ids = {match.supplier_id for match in found}
    suppliers = {kept.id: kept for kept in session.scalars(select(Supplier).where(Supplier.id.in_(ids)))}
    lists = dict(session.execute(select(Watchlist.id, Watchlist.name)).all())
    users = {match.decided_by.partition(":")[2] for match in found if match.decided_by}
    people = dict(session.execute(select(User.id, User.name).where(User.id.in_(users))).all())
    return [
        MatchDetail(
            match,
            suppliers[match.supplier_id],
            lists[match.watchlist_id],
            people.get((match.decided_by or "").partition(":")[2], ""),
        )
        for match in found
    ]


def count_by_state(session: Session) -> Mapping[str, int]:
    """How many matches that are still found stand in each state."""
    query = select(WatchlistMatch.state, func.count()).where(WatchlistMatch.found).group_by(WatchlistMatch.state)
    told = dict(session.execute(query).all())
    return {state: told.get(state, 0) for state in STATES}


@dataclass(frozen=True)
class ScreeningSummary:
    """What screening says of a supplier: its matches, open ones first, and when it was screened against which list."""

    matches: Sequence[MatchDetail]
    screened: Sequence[tuple[str, datetime]]


def summarize_screening(session: Session, supplier_id: str) -> ScreeningSummary:
    """All that is known; a dismissed match that is not found any more is left out."""
    query = select(WatchlistMatch).where(WatchlistMatch.supplier_id == supplier_id)
    found = session.scalars(query.order_by(WatchlistMatch.found_at, WatchlistMatch.id)).all()
    told = sorted(
        (match for match in found if match.found or match.state != "dismissed"), key=lambda m: STATES.index(m.state)
    )
    lists = select(Watchlist.name, Screening.at).join(Screening, Screening.watchlist_id == Watchlist.id)
    screened = session.execute(lists.where(Screening.supplier_id == supplier_id).order_by(Watchlist.name)).all()
    return ScreeningSummary(load_details(session, told), [(name, at) for name, at in screened])


def get_match(session: Session, match_id: str) -> WatchlistMatch:
    """A match by id. Raises Refused, 404, where there is none."""
    found = session.scalars(select(WatchlistMatch).where(WatchlistMatch.id == match_id).with_for_update()).first()
    if found is None:
        raise not_found("There is no such match.")
    return found


def decide_match(
    session: Session, match_id: str, decision: str, note: str, at: datetime, by: str, fingerprint: str | None = None
) -> WatchlistMatch:
    """Confirms or dismisses a match; another decision later takes its place. ``fingerprint``: of what the caller saw.

    Raises Refused: ``not_found``; ``match.decision``, ``match.note``, 422; ``match.changed``, 409.
    """
    match = get_match(session, match_id)
    if decision not in DECISIONS:
        raise DomainError("match.decision", 422, f"A match is decided by one of: {', '.join(DECISIONS)}.")
    note = note.strip()
    if not 1 <= len(note) <= MAX_NOTE or "\0" in note:
        raise DomainError("match.note", 422, f"Say in a note of up to {MAX_NOTE} letters what you compared.")
    if fingerprint is not None and fingerprint != match.fingerprint:
        raise DomainError(
            "match.changed", 409, "The supplier or the entry has changed meanwhile. Look at the match again."
        )
    match.state, match.note, match.decided_by, match.decided_at = DECISIONS[decision], note, by, at
    told = {"match": match.id, "watchlist": match.watchlist_id, "by": match.why["by"], "state": match.state}
    change_feed.write(session, "watchlist_match", match.supplier_id, told, at)
    record_event(session, by, f"match.{match.state}", "watchlist_match", match.id, {"supplier": match.supplier_id})
    return match


def move_decisions(session: Session, source_id: str, target_id: str) -> None:
    """One supplier turns out to be another: what people decided of it goes along, unless the other has its own."""
    theirs = aliased(WatchlistMatch)
    same = and_(theirs.watchlist_id == WatchlistMatch.watchlist_id, theirs.entry_key == WatchlistMatch.entry_key)
    free = ~exists().where(theirs.supplier_id == target_id, same)
    decided = and_(WatchlistMatch.supplier_id == source_id, WatchlistMatch.state != "open", free)
    session.execute(
        update(WatchlistMatch).where(decided).values(supplier_id=target_id).execution_options(synchronize_session=False)
    )
