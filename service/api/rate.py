"""How many requests an API key makes in a minute: never more than the limit over all processes, for one write in many requests.

A counter in memory would allow the limit once for each process; a row written with each request would cost every read a
synced write, in turn with all others. So the row of the key hands out requests in shares of a twentieth of what is left of
the minute, and each process spends its share from memory. The sum of the shares is the limit, whoever holds them; what is lost
is what a process has left of its share when the minute ends, which gets smaller as the limit comes near.
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
class _Held:
    """What this process holds for a key: of which minute, its own requests, and how many all processes have taken."""

    minute: datetime
    own: int = 0
    taken: int = 0


@dataclass(frozen=True, slots=True)
class Left:
    """Whether a request may be made, and how many more before ``seconds`` are over; ``remaining`` promises no share of others."""

    allowed: bool
    limit: int
    remaining: int
    seconds: int


class Allowances:
    """The shares that this process holds."""

    def __init__(self, database: Database, limit: int) -> None:
        self.database, self.limit = database, limit
        self.held: dict[str, _Held] = {}
        self.lock = Lock()

    def spend(self, caller: Caller) -> Left:
        """Counts a request of a key."""
        at = now()
        minute = at.replace(second=0, microsecond=0)
        with self.lock:
            held = self.held.get(caller.id)
            if held is None or held.minute != minute:
                if len(self.held) >= MOST_KEYS:
                    self.held.clear()  # shares are lost, no limit is exceeded
                held = self.held[caller.id] = _Held(minute)
            spent = self._from(held)
            ask = not spent and held.taken < self.limit
        if ask:
            share, taken = self._share(caller, minute)
            with self.lock:
                held.own, held.taken = held.own + share, max(held.taken, taken)
                spent = self._from(held)
        seconds = max(1, int((minute + timedelta(minutes=1) - at).total_seconds()) + 1)
        return Left(spent, self.limit, held.own + self.limit - held.taken if spent else 0, seconds)

    def _from(self, held: _Held) -> bool:
        if held.own == 0:
            return False
        held.own -= 1
        return True

    def _share(self, caller: Caller, minute: datetime) -> tuple[int, int]:
        """A share of the minute, none if it is used up; and how many requests were handed out with it."""
        with self.database.of(caller.organisation_id) as session:
            key = session.scalars(select(ApiKey).where(ApiKey.id == caller.id).with_for_update()).one()
            before = key.taken if key.minute == minute else 0
            share = min(self.limit - before, max(1, (self.limit - before) // SHARES))
            if share > 0:
                key.minute, key.taken = minute, before + share
            return max(share, 0), before + max(share, 0)
