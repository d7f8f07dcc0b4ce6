"""How many requests an API key makes in a minute: never more than the limit over all processes, for one write in many requests.

A counter in memory would allow the limit once for each process; a row written with each request would cost every read a
synced write, in turn with all others. So the row of the key grants requests in shares of a twentieth of what is left of the
minute, and each process spends its share from memory. The sum of the shares is the limit, whichever process has them; what is
lost is what a process has left of its share when the minute ends, which gets smaller as the limit comes near.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from threading import Lock

from sqlalchemy import select

from service.auth.caller import Caller
from service.clock import now
from service.db.session import Database
from service.db.tables import ApiKey

SHARES = 20
MOST_KEYS = 10_000  # remembered in a process


@dataclass(slots=True)
class _Share:
    """What this process has for a key: of which minute, how many requests are left, and how many all processes were granted."""

    minute: datetime
    left: int = 0
    granted: int = 0

    def spend(self) -> bool:
        """Spend one request of the share; return whether there was one."""
        if self.left == 0:
            return False
        self.left -= 1
        return True


@dataclass(frozen=True, slots=True)
class Hit:
    """Whether a request may be made, and how many more before ``seconds`` are over; ``remaining`` is no share of this process."""

    allowed: bool
    limit: int
    remaining: int
    seconds: int


class RateLimiter:
    """Counts the requests of each key, from the shares of this process."""

    def __init__(self, database: Database, limit: int) -> None:
        self.database, self.limit = database, limit
        self.shares: dict[str, _Share] = {}
        self.lock = Lock()

    def hit(self, caller: Caller) -> Hit:
        """Count a request of a key, and return whether it may be made."""
        at = now()
        minute = at.replace(second=0, microsecond=0)
        with self.lock:
            share = self.shares.get(caller.id)
            if share is None or share.minute != minute:
                if len(self.shares) >= MOST_KEYS:
                    self.shares.clear()  # shares are lost, no limit is exceeded
                share = self.shares[caller.id] = _Share(minute)
            allowed = share.spend()
            exhausted = not allowed and share.granted < self.limit
        if exhausted:
            more, granted = self._next_share(caller, minute)
            with self.lock:
                share.left, share.granted = share.left + more, max(share.granted, granted)
                allowed = share.spend()
        seconds = max(1, int((minute + timedelta(minutes=1) - at).total_seconds()) + 1)
        return Hit(allowed, self.limit, share.left + self.limit - share.granted if allowed else 0, seconds)

    def _next_share(self, caller: Caller, minute: datetime) -> tuple[int, int]:
        """Return another share of the minute, 0 if it is used up, and how many requests all processes were granted with it."""
        with self.database.for_organisation(caller.organisation_id) as session:
            key = session.scalars(select(ApiKey).where(ApiKey.id == caller.id).with_for_update()).one()
            before = key.requests_used if key.minute == minute else 0
            share = min(self.limit - before, max(1, (self.limit - before) // SHARES))
            if share > 0:
                key.minute, key.requests_used = minute, before + share
            return max(share, 0), before + max(share, 0)
