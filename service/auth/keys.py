"""API keys: ``dk_<prefix>_<secret>``, shown once, stored as a hash, with scopes and an expiry date.

The prefix is stored unhashed: people recognise a key by it on the page. A key belongs to the user who created it, and stops when
that user loses access; an admin can hand it over to somebody else.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from service.audit import record_event
from service.auth.access import ACCESS
from service.clock import now
from service.db.account_tables import ApiKey, User
from service.db.sign_in_tables import ProviderAccount
from service.db.tables import Organisation
from service.errors import DomainError, not_found

PREFIX_ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"
# How often "last used" is written: once a minute, not with every request.
USED_EVERY = timedelta(minutes=1)


def create_key(
    session: Session,
    name: str,
    scopes: Sequence[str],
    days: int,
    by: str,
    longest: int = 365,
    *,
    grantable: Collection[str] = ACCESS.scopes,
    owner_id: str | None = None,
) -> tuple[ApiKey, str]:
    """Create a key; return it with its text, which cannot be retrieved later.

    ``grantable``: the scopes that its maker may give. ``owner_id``: the user who answers for it, and with whose access it ends.
    Raises DomainError: ``key.name``, ``key.scopes`` (none, or one that does not exist), ``key.days`` (1 to ``longest``),
    ``key.scope_not_grantable``, ``key.owner``.
    """
    if not 1 <= len(name.strip()) <= 200:
        raise DomainError("key.name", 422, "Enter a name of up to 200 characters for the key.")
    unknown = sorted(set(scopes) - ACCESS.scopes.keys())
    if not scopes or unknown:
        raise DomainError("key.scopes", 422, "Choose at least one scope from the list of scopes.", unknown=unknown)
    if not 1 <= days <= longest:
        raise DomainError("key.days", 422, f"Choose a lifetime of 1 to {longest} days for the key.")
    if excess := sorted(set(scopes) - set(grantable)):
        raise DomainError(
            "key.scope_not_grantable",
            403,
            f"You cannot give a key scopes that you do not have: {', '.join(excess)}.",
            scopes=excess,
        )
    if owner_id is not None:
        _check_owner(session, owner_id, scopes)
    prefix = "".join(secrets.choice(PREFIX_ALPHABET) for _ in range(8))
    text = f"dk_{prefix}_{secrets.token_urlsafe(32)}"
    at = now()
    key = ApiKey(
        name=name.strip(),
        prefix=prefix,
        key_hash=_hash_key(text),
        scopes=sorted(set(scopes)),
        owner_id=owner_id,
        created_at=at,
        expires_at=at + timedelta(days=days),
    )
    session.add(key)
    session.flush()
    record_event(session, by, "key.created", "api_key", key.id, {"scopes": key.scopes, "days": days})
    return key, text


@dataclass(frozen=True, slots=True)
class ActiveKey:
    """A valid key and its organisation. ``account``: that of its owner at an identity provider."""

    id: str
    name: str
    scopes: frozenset[str]
    used_at: datetime | None
    organisation_id: str
    organisation: str
    time_zone: str
    owner_id: str | None
    account: ProviderAccount | None = None


# Built once, and selecting columns rather than rows, since every API request runs it. The hash has a unique index; the timing
# of the look-up could reveal something about a hash, but not about a key.
_SELECT_ACTIVE = (
    select(
        ApiKey.expires_at,
        ApiKey.id,
        ApiKey.name,
        ApiKey.scopes,
        ApiKey.used_at,
        Organisation.id,
        Organisation.name,
        Organisation.time_zone,
        ApiKey.owner_id,
        ProviderAccount,
    )
    .outerjoin(ProviderAccount, ProviderAccount.user_id == ApiKey.owner_id)
    .join(Organisation, Organisation.id == ApiKey.organisation_id)
    .where(ApiKey.revoked_at.is_(None), ApiKey.stopped_at.is_(None))
)
_SELECT_BY_HASH = _SELECT_ACTIVE.where(ApiKey.key_hash == bindparam("hash"))
_SELECT_BY_ID = _SELECT_ACTIVE.where(ApiKey.id == bindparam("id"))


def find_key(session: Session, text: str) -> ActiveKey | None:
    """Find the API key with this text in any organisation; None if it does not exist, has expired, stopped or was revoked."""
    row = session.execute(_SELECT_BY_HASH, {"hash": _hash_key(text)}).first() if text.startswith("dk_") else None
    return _build_active_key(row)


def find_key_by_id(session: Session, key_id: str) -> ActiveKey | None:
    """Find the API key with this id in any organisation; None as for :func:`find_key`."""
    return _build_active_key(session.execute(_SELECT_BY_ID, {"id": key_id}).first())


def get_prefix(text: str) -> str:
    """Return the prefix of a key by its text, which is the client ID where the key is used as an OAuth client."""
    return text.removeprefix("dk_").partition("_")[0]


def _build_active_key(row: Sequence[Any] | None) -> ActiveKey | None:
    if row is None or row[0] <= now():
        return None
    _, key_id, name, scopes, used_at, *rest = row
    return ActiveKey(key_id, name, frozenset(scopes), used_at, *rest)


def revoke_key(session: Session, key_id: str, by: str) -> None:
    """Revoke a key permanently, with immediate effect. Raises DomainError ``not_found``."""
    key = session.get(ApiKey, key_id)
    if key is None:
        raise not_found()
    if key.revoked_at is None:
        key.revoked_at = now()
        record_event(session, by, "key.revoked", "api_key", key.id)


def stop_keys(session: Session, owner_id: str, by: str) -> datetime:
    """Stop the keys of a user who loses access, from the next request on, until they are handed over to somebody else.

    Return the moment that is recorded for all of them.
    """
    at = now()
    running = select(ApiKey).where(
        ApiKey.owner_id == owner_id, ApiKey.stopped_at.is_(None), ApiKey.revoked_at.is_(None)
    )
    for key in session.scalars(running.order_by(ApiKey.created_at, ApiKey.id).with_for_update()):
        key.stopped_at = at
        record_event(session, by, "key.stopped", "api_key", key.id, {"owner": owner_id})
    return at


def hand_over_key(session: Session, key_id: str, owner_id: str, by: str) -> ApiKey:
    """Make another user the owner of a key, with the same text and scopes, and return it; if it had stopped, it works again.

    Raises DomainError: ``not_found``; ``key.ended``, 409, for a key that has expired or was revoked; ``key.owner``, 409.
    """
    key = session.scalars(select(ApiKey).where(ApiKey.id == key_id).with_for_update()).first()
    if key is None:
        raise not_found()
    if key.revoked_at is not None or key.expires_at <= now():
        raise DomainError("key.ended", 409, "This key has expired or was revoked. Create a new one.")
    _check_owner(session, owner_id, key.scopes)
    details = {"from": key.owner_id, "to": owner_id}
    key.owner_id, key.stopped_at = owner_id, None
    record_event(session, by, "key.handed_over", "api_key", key.id, details)
    return key


def _check_owner(session: Session, owner_id: str, scopes: Sequence[str]) -> None:
    """Raise DomainError ``key.owner``, 409, unless a user may answer for a key with these scopes.

    The user is locked until the transaction ends, so that a key cannot outlive an access that ends at the same moment.
    """
    query = select(User).where(User.id == owner_id).with_for_update(read=True)
    owner = session.scalars(query).first()
    if owner is None or not owner.active:
        raise DomainError("key.owner", 409, "Choose an active user of your organisation as the owner of the key.")
    if excess := sorted(set(scopes) - ACCESS.role_scopes[owner.role]):
        raise DomainError(
            "key.owner",
            409,
            f"This user's role does not include all the scopes of the key: {', '.join(excess)}.",
        )


def list_keys(session: Session) -> Sequence[ApiKey]:
    """Return every key of the organisation, newest first."""
    return session.scalars(select(ApiKey).order_by(ApiKey.created_at.desc(), ApiKey.id)).all()


def _hash_key(text: str) -> str:
    # 32 random bytes cannot be guessed: no slow hash is needed.
    return hashlib.sha256(text.encode()).hexdigest()
