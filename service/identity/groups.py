"""Group the pairs that wait for a decision: a list that writes all names in another way asks one question, not a hundred."""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session

from service.db.identity_tables import IdentityProposal

MOST_GROUPED = 5000  # open pairs that are grouped, the newest
LEAST = 3  # pairs of a group


class PairGroup(NamedTuple):
    """Open pairs of one kind of supplier that were proposed for the same reasons, the newest first."""

    kind: str
    reasons: tuple[str, ...]
    proposal_ids: list[str]

    @property
    def name(self) -> str:
        """Return the name of the group in the addresses of its page."""
        return ".".join((self.kind, *self.reasons))


def group_open_pairs(session: Session) -> list[PairGroup]:
    """Return the groups of open pairs, the largest first.

    A supplier that is in two open pairs is decided about by itself, since only one of the two can be right.
    """
    query = select(IdentityProposal).where(IdentityProposal.state == "open")
    latest = query.order_by(IdentityProposal.found_at.desc(), IdentityProposal.id).limit(MOST_GROUPED)
    pairs = session.scalars(latest).all()
    times = Counter(supplier_id for pair in pairs for supplier_id in (pair.first_id, pair.second_id))
    groups: dict[tuple[str, tuple[str, ...]], list[str]] = {}
    for pair in pairs:
        if times[pair.first_id] == times[pair.second_id] == 1:
            groups.setdefault((pair.kind, tuple(pair.reasons)), []).append(pair.id)
    found = [PairGroup(kind, reasons, ids) for (kind, reasons), ids in groups.items() if len(ids) >= LEAST]
    return sorted(found, key=lambda group: (-len(group.proposal_ids), group.name))
