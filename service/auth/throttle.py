"""Throttling of sign-ins: failures are counted in the database, across all processes, and make further attempts wait.

Nobody can lock out somebody else (OWASP, "Slow down online guessing attacks with device cookies"). A browser in which an account
has signed in before proves it with a cookie, and only its own failures count. For all other browsers, failures are counted in
three ways: by account and address together, where delays become long, and, with delays so short that others still get a turn, by
account (guesses from many addresses) and by address (guesses at many accounts). Unknown accounts are counted like existing ones,
so that a delay reveals nothing.
"""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import secrets
from dataclasses import dataclass
from datetime import timedelta
from typing import NamedTuple

from itsdangerous import BadSignature, URLSafeTimedSerializer
from sqlalchemy import delete, func, select, update

from service.clock import now
from service.db.account_tables import SignInAttempt
from service.db.session import Database

ATTEMPT_WINDOW = timedelta(hours=24)
DEVICE_LIFETIME = timedelta(days=180)


class Limit(NamedTuple):
    """So many failures in a day are free; each further one doubles the delay, up to the longest."""

    free: int
    longest: timedelta


OWN = Limit(5, timedelta(minutes=15))  # of a known device, or of an address that tries one account
ACCOUNT = Limit(500, timedelta(minutes=1))  # of all unknown devices that try one account: about 2,000 guesses a day
ADDRESS = Limit(100, timedelta(seconds=5))  # of all unknown devices of one address, which may be that of a whole office


@dataclass(frozen=True, slots=True)
class AllowedAttempt:
    """An attempt that may proceed: the ids of its rows, and the keys it is counted under: ``own``, ``account``, ``address``."""

    rows: tuple[int, ...]
    own: str
    account: str
    address: str


@dataclass(frozen=True, slots=True)
class Blocked:
    """An attempt that is refused: the number of seconds to wait."""

    seconds: int


def register_attempt(
    database: Database, secret: bytes, email: str, address: str, device: str | None = None
) -> AllowedAttempt | Blocked:
    """Record an attempt and return whether its password may be checked. ``device``: the known device it comes from, if any.

    It is recorded before the check, so that concurrent attempts see each other.
    """
    at = now()
    by_account = hash_key(secret, "account", email)
    by_address = hash_key(secret, "address", normalize_address(address))
    own = hash_key(secret, "device", device) if device else hash_key(secret, "pair", by_account + by_address)
    limits = {own: OWN} if device else {own: OWN, by_account: ACCOUNT, by_address: ADDRESS}
    with database.unscoped() as session:
        session.execute(delete(SignInAttempt).where(SignInAttempt.at < at - ATTEMPT_WINDOW))
        rows = [SignInAttempt(key=key, at=at) for key in (own, by_account, by_address)]
        session.add_all(rows)
        session.flush()
        ids = tuple(row.id for row in rows)
    with database.unscoped() as session:
        counts = session.execute(
            select(SignInAttempt.key, func.count(), func.max(SignInAttempt.at))
            .where(SignInAttempt.key.in_(limits), SignInAttempt.id.not_in(ids), SignInAttempt.at >= at - ATTEMPT_WINDOW)
            .group_by(SignInAttempt.key)
        ).all()
        # A failure that seems to lie ahead happened at the same time, or before the clock was set back.
        until = [min(last, at) + compute_delay(failures, limits[key]) for key, failures, last in counts]
        remaining = max((moment - at for moment in until), default=timedelta(0))
        if remaining > timedelta(0):
            session.execute(delete(SignInAttempt).where(SignInAttempt.id.in_(ids)))
            return Blocked(int(remaining.total_seconds()) + 1)
    return AllowedAttempt(ids, own, by_account, by_address)


def register_unknown_link(database: Database, secret: bytes, address: str) -> Blocked | None:
    """Record that an address asked for a link that does not exist, and return how long it has to wait, if it has to.

    Tokens cannot be guessed (service/supplier_links/links.py): this keeps those who try from filling the database with questions.
    """
    at = now()
    key = hash_key(secret, "link", normalize_address(address))
    with database.unscoped() as session:
        session.execute(delete(SignInAttempt).where(SignInAttempt.at < at - ATTEMPT_WINDOW))
        failures, last = session.execute(
            select(func.count(), func.max(SignInAttempt.at)).where(
                SignInAttempt.key == key, SignInAttempt.at >= at - ATTEMPT_WINDOW
            )
        ).one()
        remaining = min(last, at) + compute_delay(failures, ADDRESS) - at if last else timedelta(0)
        if remaining > timedelta(0):
            return Blocked(int(remaining.total_seconds()) + 1)
        session.add(SignInAttempt(key=key, at=at))
    return None


def clear_failures(database: Database, allowed: AllowedAttempt) -> None:
    """Delete this attempt and the failures of its own device, or of its address with this account.

    The other failures of the account and of the address stay: they may be those of an attacker.
    """
    with database.unscoped() as session:
        session.execute(
            delete(SignInAttempt).where((SignInAttempt.key == allowed.own) | SignInAttempt.id.in_(allowed.rows))
        )


def count_failures(database: Database, attempt: AllowedAttempt, within: timedelta) -> int:
    """Return the number of a failed attempt among those at its account within a time, from 1; each has a number of its own."""
    with database.unscoped(write=False) as session:
        failed = select(func.count()).where(
            SignInAttempt.key == attempt.account,
            SignInAttempt.at > now() - within,
            SignInAttempt.id <= max(attempt.rows),
        )
        return session.scalars(failed).one()


def write_again(database: Database, attempt: AllowedAttempt) -> None:
    """Write the rows of an attempt again, which changes nothing: how long an answer takes must not say whose account exists."""
    rows = update(SignInAttempt).where(SignInAttempt.id.in_(attempt.rows))
    with database.unscoped() as session:
        session.execute(rows.values(at=SignInAttempt.at), execution_options={"synchronize_session": False})


def compute_delay(failures: int, limit: Limit) -> timedelta:
    """Return the delay after so many failures: none for the free ones, then 1, 2, 4 ... seconds, up to the longest."""
    excess = failures - limit.free
    return timedelta(0) if excess < 0 else min(timedelta(seconds=2.0 ** min(excess, 20)), limit.longest)


def issue_device_cookie(secret: bytes, email: str) -> str:
    """Return the value of the cookie by which a browser proves that an account has signed in with it."""
    return _sign_devices(secret).dumps([hash_key(secret, "account", email), secrets.token_urlsafe(12)])


def read_device_cookie(secret: bytes, email: str, cookie: str) -> str | None:
    """Return the name of the known device that a cookie proves, None if it is of another account, forged or too old."""
    try:
        account, device = _sign_devices(secret).loads(cookie, max_age=int(DEVICE_LIFETIME.total_seconds()))
    except (BadSignature, TypeError, ValueError):
        return None
    return str(device) if account == hash_key(secret, "account", email) else None


def _sign_devices(secret: bytes) -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer(secret, salt="known device")


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
