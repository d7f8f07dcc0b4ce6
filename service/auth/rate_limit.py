"""A limit on the requests that an API key or a link makes per minute across all processes, with one database write for many
requests.

A counter in memory would allow the limit once for each process; a row written with each request would add a synchronous write
to every read, one after another. Instead, the row of the key or link grants requests in shares, each a twentieth of what is
left in the minute, and each process counts down its share in memory. The shares add up to the limit, whichever process holds
them. Only what a process has left of its share when the minute ends is lost, and this gets smaller as the limit is approached.
While the database cannot be written, each process counts by itself, so that reading remains possible.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from threading import Lock
from typing import Any, Protocol

from sqlalchemy.orm import Session

from service.clock import now
from service.db.session import Database

SHARES = 20
MOST_ROWS = 10_000  # keys or links that a process keeps in memory


class Limited(Protocol):
    """A caller whose requests are counted in its row."""

    @property
    def id(self) -> str:
        """Id of the row."""

    @property
    def organisation_id(self) -> str:
        """Id of its organisation."""


@dataclass(slots=True)
class _Share:
    """The share of this process for a key or link: its minute, how many requests are left in it, and how many all processes were
    granted.
    """

    minute: datetime
    left: int = 0
    granted: int = 0

    def spend(self) -> bool:
        """Use one request of the share; return whether any was left."""
        if self.left == 0:
            return False
        self.left -= 1
        return True


@dataclass(frozen=True, slots=True)
class Hit:
    """Whether a request may be made, and how many more before ``seconds`` have passed; ``remaining`` is the total for all
    processes.
    """

    allowed: bool
    limit: int
    remaining: int
    seconds: int


class RateLimiter:
    """Counts the requests of each row of a table (API keys or links), from the shares of this process."""

    def __init__(self, database: Database, limit: int, table: Any) -> None:
        self.database, self.limit, self.table = database, limit, table
        self.shares: dict[str, _Share] = {}
        self.lock = Lock()

    def hit(self, caller: Limited) -> Hit:
        """Count a request of a key or link, and return whether it may be made."""
        at = now()
        minute = at.replace(second=0, microsecond=0)
        with self.lock:
            share = self.shares.get(caller.id)
            if share is None or share.minute != minute:
                if len(self.shares) >= MOST_ROWS:
                    self.shares.clear()  # this loses shares but never exceeds a limit
                share = self.shares[caller.id] = _Share(minute)
            allowed = share.spend()
            exhausted = not allowed and share.granted < self.limit
        if exhausted:
            more, granted = self._next_share(caller, minute, share.granted)
            with self.lock:
                share.left, share.granted = share.left + more, max(share.granted, granted)
                allowed = share.spend()
        seconds = max(1, int((minute + timedelta(minutes=1) - at).total_seconds()) + 1)
        return Hit(allowed, self.limit, share.left + self.limit - share.granted if allowed else 0, seconds)

    def _next_share(self, caller: Limited, minute: datetime, already_granted: int) -> tuple[int, int]:
        """Return another share of the minute (0 if the limit is used up), and the total granted to all processes, this share
        included, as far as this process knows.
        """
        before = already_granted

        def take(session: Session) -> None:
            nonlocal before
            row = session.get_one(self.table, caller.id, with_for_update=True)
            before = max(before, row.requests_used if row.minute == minute else 0)
            row.minute, row.requests_used = minute, before + self._get_share(before)

        self.database.note(caller.organisation_id, take)
        share = self._get_share(before)
        return share, before + share

    def _get_share(self, granted: int) -> int:
        """Return how many requests the next share has, after so many were granted."""
        left = max(0, self.limit - granted)
        return min(left, max(1, left // SHARES))
