"""Failed sign-ins, counted in the database: by account and by address, whatever process they reached.

After some failures each further one doubles the wait. An account that does not exist is counted like one that does, so
that nothing can be learnt from being made to wait.
"""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import delete, func, select

from service.clock import now
from service.db.session import Database
from service.db.tables import SignInAttempt

ACCOUNT_FREE_ATTEMPTS, ADDRESS_FREE_ATTEMPTS = 5, 20
MAX_DELAY = timedelta(minutes=15)
ATTEMPT_WINDOW = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class AllowedAttempt:
    """An attempt that was let through: ids of its rows, and the keys they are counted under."""

    rows: tuple[int, ...]
    account: str
    address: str


@dataclass(frozen=True, slots=True)
class Blocked:
    """An attempt that was not let through: how many seconds to wait."""

    seconds: int


def register_attempt(database: Database, secret: bytes, email: str, address: str) -> AllowedAttempt | Blocked:
    """Writes an attempt down and says whether its password may be looked at.

    It is written before anything is compared: of many attempts at once each sees the others.
    """
    at = now()
    keys = {
        hash_key(secret, "account", email): ACCOUNT_FREE_ATTEMPTS,
        hash_key(secret, "address", normalize_address(address)): ADDRESS_FREE_ATTEMPTS,
    }
    with database.unscoped() as session:
        session.execute(delete(SignInAttempt).where(SignInAttempt.at < at - ATTEMPT_WINDOW))
        rows = [SignInAttempt(key=key, at=at) for key in keys]
        session.add_all(rows)
        session.flush()
        ours = tuple(row.id for row in rows)
    with database.unscoped() as session:
        counted = session.execute(
            select(SignInAttempt.key, func.count(), func.max(SignInAttempt.at))
            .where(SignInAttempt.key.in_(keys), SignInAttempt.id.not_in(ours), SignInAttempt.at >= at - ATTEMPT_WINDOW)
            .group_by(SignInAttempt.key)
        ).all()
        until = [last + compute_delay(failures - keys[key]) for key, failures, last in counted]
        left = max((moment - at for moment in until), default=timedelta(0))
        if left > timedelta(0):
            session.execute(delete(SignInAttempt).where(SignInAttempt.id.in_(ours)))
            return Blocked(int(left.total_seconds()) + 1)
    account, of_address = keys
    return AllowedAttempt(ours, account, of_address)


def clear_failures(database: Database, allowed: AllowedAttempt) -> None:
    """Forgets the failures of the account, and this attempt. Those of the address stand: its owner may have one account."""
    with database.unscoped() as session:
        session.execute(
            delete(SignInAttempt).where((SignInAttempt.key == allowed.account) | SignInAttempt.id.in_(allowed.rows))
        )


def compute_delay(excess: int) -> timedelta:
    """How long to wait after so many failures more than are free: 1, 2, 4 ... seconds, at most a quarter of an hour."""
    return timedelta(0) if excess < 0 else min(timedelta(seconds=2.0 ** min(excess, 20)), MAX_DELAY)


def hash_key(secret: bytes, kind: str, value: str) -> str:
    """What an account or an address is counted under: it cannot be turned back without the secret key."""
    return hmac.new(secret, f"{kind}:{value.strip().lower()}".encode(), hashlib.sha256).hexdigest()


def normalize_address(address: str) -> str:
    """An address as it is counted: one of IPv6 by its first 64 bits, which one subscriber has to himself."""
    try:
        read = ipaddress.ip_address(address)
    except ValueError:
        return address
    return str(ipaddress.ip_network((read, 64), strict=False)) if read.version == 6 else str(read)
