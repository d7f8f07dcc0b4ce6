"""Throttling of sign-ins: failures are counted in the database by account and by address, across all processes.

After some free attempts each further failure doubles the delay. Unknown accounts are counted like existing ones, so that a
delay reveals nothing.
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
    """An attempt that may proceed: the ids of its rows, and the keys they are counted under."""

    rows: tuple[int, ...]
    account: str
    address: str


@dataclass(frozen=True, slots=True)
class Blocked:
    """An attempt that is refused: the number of seconds to wait."""

    seconds: int


def register_attempt(database: Database, secret: bytes, email: str, address: str) -> AllowedAttempt | Blocked:
    """Record an attempt and return whether its password may be checked.

    It is recorded before the check, so that concurrent attempts see each other.
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
        ids = tuple(row.id for row in rows)
    with database.unscoped() as session:
        counts = session.execute(
            select(SignInAttempt.key, func.count(), func.max(SignInAttempt.at))
            .where(SignInAttempt.key.in_(keys), SignInAttempt.id.not_in(ids), SignInAttempt.at >= at - ATTEMPT_WINDOW)
            .group_by(SignInAttempt.key)
        ).all()
        until = [last + compute_delay(failures - keys[key]) for key, failures, last in counts]
        remaining = max((moment - at for moment in until), default=timedelta(0))
        if remaining > timedelta(0):
            session.execute(delete(SignInAttempt).where(SignInAttempt.id.in_(ids)))
            return Blocked(int(remaining.total_seconds()) + 1)
    account_key, address_key = keys
    return AllowedAttempt(ids, account_key, address_key)


def clear_failures(database: Database, allowed: AllowedAttempt) -> None:
    """Delete the failures of the account and this attempt. Those of the address stay: an attacker may own one account."""
    with database.unscoped() as session:
        session.execute(
            delete(SignInAttempt).where((SignInAttempt.key == allowed.account) | SignInAttempt.id.in_(allowed.rows))
        )


def compute_delay(excess: int) -> timedelta:
    """Return the delay after ``excess`` failures beyond the free ones: 1, 2, 4 ... seconds, at most a quarter of an hour."""
    return timedelta(0) if excess < 0 else min(timedelta(seconds=2.0 ** min(excess, 20)), MAX_DELAY)


def hash_key(secret: bytes, kind: str, value: str) -> str:
    """Return the key an account or address is counted under; it cannot be reversed without the secret key."""
    return hmac.new(secret, f"{kind}:{value.strip().lower()}".encode(), hashlib.sha256).hexdigest()


def normalize_address(address: str) -> str:
    """Return an address as it is counted: IPv6 addresses by their first 64 bits, which belong to one subscriber."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    return str(ipaddress.ip_network((parsed, 64), strict=False)) if parsed.version == 6 else str(parsed)
