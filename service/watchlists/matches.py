"""Watchlist matches: their details, and the decisions of people to confirm or dismiss them. A match is never a verdict.

Confirming a match says only that the supplier and the entry are the same party; it does not endorse what the list says about
the entry. Dismissing it says that they are two different parties. A decision holds until the supplier or the entry changes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import and_, exists, func, select, update
from sqlalchemy.orm import Session, aliased

from service.audit import record_event
from service.db import change_feed
from service.db.account_tables import User
from service.db.tables import Supplier
from service.db.watchlist_tables import Screening, Watchlist, WatchlistMatch
from service.errors import DomainError, not_found

DECISIONS = {"confirm": "confirmed", "dismiss": "dismissed"}
STATES = ("open", *DECISIONS.values())
MAX_NOTE = 2000


@dataclass(frozen=True)
class MatchDetail:
    """A match with its supplier, the name of its list, and the name of the person who decided ("" for an API key or without a
    decision).
    """

    match: WatchlistMatch
    supplier: Supplier
    watchlist: str
    by: str


def load_match_details(session: Session, matches: Iterable[WatchlistMatch]) -> list[MatchDetail]:
    """Return matches with their suppliers, list names and deciders, in the same order."""
    rows = list(matches)
    if not rows:  # as for most suppliers
        return []
    ids = {match.supplier_id for match in rows}
    suppliers = {supplier.id: supplier for supplier in session.scalars(select(Supplier).where(Supplier.id.in_(ids)))}
    lists = dict(session.execute(select(Watchlist.id, Watchlist.name)).all())
    users = {match.decided_by.partition(":")[2] for match in rows if match.decided_by}
    people = dict(session.execute(select(User.id, User.name).where(User.id.in_(users))).all())
    return [
        MatchDetail(
            match,
            suppliers[match.supplier_id],
            lists[match.watchlist_id],
            people.get((match.decided_by or "").partition(":")[2], ""),
        )
        for match in rows
    ]


def count_matches_by_state(session: Session) -> Mapping[str, int]:
    """Return how many current matches are in each state."""
    query = select(WatchlistMatch.state, func.count()).where(WatchlistMatch.found).group_by(WatchlistMatch.state)
    counts = dict(session.execute(query).all())
    return {state: counts.get(state, 0) for state in STATES}


@dataclass(frozen=True)
class ScreeningSummary:
    """The screening of a supplier: its matches, open ones first, and when it was last screened against each list."""

    matches: Sequence[MatchDetail]
    screened: Sequence[tuple[str, datetime]]


def summarize_screening(session: Session, supplier_id: str) -> ScreeningSummary:
    """Return the screening of a supplier; dismissed matches that are no longer found are left out."""
    query = select(WatchlistMatch).where(WatchlistMatch.supplier_id == supplier_id)
    matches = session.scalars(query.order_by(WatchlistMatch.found_at, WatchlistMatch.id)).all()
    current = sorted(
        (match for match in matches if match.found or match.state != "dismissed"), key=lambda m: STATES.index(m.state)
    )
    lists = select(Watchlist.name, Screening.at).join(Screening, Screening.watchlist_id == Watchlist.id)
    screened = session.execute(lists.where(Screening.supplier_id == supplier_id).order_by(Watchlist.name)).all()
    return ScreeningSummary(load_match_details(session, current), [(name, at) for name, at in screened])


def get_match(session: Session, match_id: str) -> WatchlistMatch:
    """Return a match by id, locked until the transaction ends. Raises DomainError, 404, for an unknown id."""
    match = session.scalars(select(WatchlistMatch).where(WatchlistMatch.id == match_id).with_for_update()).first()
    if match is None:
        raise not_found("Match not found.")
    return match


def decide_match(
    session: Session, match_id: str, decision: str, note: str, at: datetime, by: str, fingerprint: str | None = None
) -> WatchlistMatch:
    """Confirm or dismiss a match; a later decision replaces this one. ``fingerprint``: that of the match the caller saw.

    Raises DomainError: ``not_found``; ``match.decision``, ``match.note``, 422; ``match.changed``, 409.
    """
    match = get_match(session, match_id)
    if decision not in DECISIONS:
        raise DomainError("match.decision", 422, f"Choose one of these decisions: {', '.join(DECISIONS)}.")
    note = note.strip()
    if not 1 <= len(note) <= MAX_NOTE or "\0" in note:
        raise DomainError("match.note", 422, f"Describe what you compared in a note of up to {MAX_NOTE} characters.")
    if fingerprint is not None and fingerprint != match.fingerprint:
        raise DomainError(
            "match.changed", 409, "The supplier or the entry has changed in the meantime. Review the match again."
        )
    match.state, match.note, match.decided_by, match.decided_at = DECISIONS[decision], note, by, at
    data = {"match": match.id, "watchlist": match.watchlist_id, "by": match.why["by"], "state": match.state}
    change_feed.write(session, "watchlist_match", match.supplier_id, data, at)
    record_event(session, by, f"match.{match.state}", "watchlist_match", match.id, {"supplier": match.supplier_id})
    return match


def move_decisions(session: Session, source_id: str, target_id: str) -> None:
    """Move the decided matches of a merged supplier to its target, unless the target has a match with the same entry."""
    existing = aliased(WatchlistMatch)
    same = and_(existing.watchlist_id == WatchlistMatch.watchlist_id, existing.entry_key == WatchlistMatch.entry_key)
    is_free = ~exists().where(existing.supplier_id == target_id, same)
    decided = and_(WatchlistMatch.supplier_id == source_id, WatchlistMatch.state != "open", is_free)
    session.execute(
        update(WatchlistMatch).where(decided).values(supplier_id=target_id).execution_options(synchronize_session=False)
    )
