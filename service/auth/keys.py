"""API keys: ``dk_<prefix>_<secret>``, shown once, stored as a hash, with scopes and an expiry date.

The prefix is stored unhashed: people recognise a key by it on the page.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from service.audit import record_event
from service.auth.access import ACCESS
from service.clock import now
from service.db.tables import ApiKey, Organisation
from service.errors import DomainError, not_found

PREFIX_ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"
# How often "last used" is written: once a minute, not with every request.
USED_EVERY = timedelta(minutes=1)


def create_key(
    session: Session, name: str, scopes: Sequence[str], days: int, by: str, longest: int = 365
) -> tuple[ApiKey, str]:
    """Create a key; return it with its text, which cannot be retrieved later.

    Raises DomainError: ``key.name``, ``key.scopes`` (none, or one that does not exist), ``key.days`` (1 to ``longest``).
    """
    if not 1 <= len(name.strip()) <= 200:
        raise DomainError("key.name", 422, "Enter a name of up to 200 characters for the key.")
    unknown = sorted(set(scopes) - ACCESS.scopes.keys())
    if not scopes or unknown:
        raise DomainError("key.scopes", 422, "Choose at least one scope from the list of scopes.", unknown=unknown)
    if not 1 <= days <= longest:
        raise DomainError("key.days", 422, f"Choose a lifetime of 1 to {longest} days for the key.")
    prefix = "".join(secrets.choice(PREFIX_ALPHABET) for _ in range(8))
    text = f"dk_{prefix}_{secrets.token_urlsafe(32)}"
    at = now()
    key = ApiKey(
        name=name.strip(),
        prefix=prefix,
        key_hash=_hash_key(text),
        scopes=sorted(set(scopes)),
        created_at=at,
        expires_at=at + timedelta(days=days),
    )
    session.add(key)
    session.flush()
    record_event(session, by, "key.created", "api_key", key.id, {"scopes": key.scopes, "days": days})
    return key, text


@dataclass(frozen=True, slots=True)
class ActiveKey:
    """A valid key and its organisation."""

    id: str
    name: str
    scopes: frozenset[str]
    used_at: datetime | None
    organisation_id: str
    organisation: str
    time_zone: str


# Built once, and selecting columns rather than rows, since every API request runs it. The hash has a unique index; the timing
# of the look-up could reveal something about a hash, but not about a key.
_SELECT_BY_HASH = (
    select(
        ApiKey.expires_at,
        ApiKey.id,
        ApiKey.name,
        ApiKey.scopes,
        ApiKey.used_at,
        Organisation.id,
        Organisation.name,
        Organisation.time_zone,
    )
    .join(Organisation, Organisation.id == ApiKey.organisation_id)
    .where(ApiKey.key_hash == bindparam("hash"), ApiKey.revoked_at.is_(None))
)


def find_key(session: Session, text: str) -> ActiveKey | None:
    """Find the API key with this text in any organisation; None if it does not exist, has expired or was revoked."""
    row = session.execute(_SELECT_BY_HASH, {"hash": _hash_key(text)}).first() if text.startswith("dk_") else None
    if row is None or row[0] <= now():
        return None
    _, key_id, name, scopes, used_at, *organisation = row
    return ActiveKey(key_id, name, frozenset(scopes), used_at, *organisation)


def revoke_key(session: Session, key_id: str, by: str) -> None:
    """Revoke a key permanently, with immediate effect. Raises DomainError ``not_found``."""
    key = session.get(ApiKey, key_id)
    if key is None:
        raise not_found()
    if key.revoked_at is None:
        key.revoked_at = now()
        record_event(session, by, "key.revoked", "api_key", key.id)


def list_keys(session: Session) -> Sequence[ApiKey]:
    """Return every key of the organisation, newest first."""
    return session.scalars(select(ApiKey).order_by(ApiKey.created_at.desc(), ApiKey.id)).all()


def _hash_key(text: str) -> str:
    # 32 random bytes cannot be guessed: no slow hash is needed.
    return hashlib.sha256(text.encode()).hexdigest()
