"""Short-lived access tokens of API keys, for programs that speak OAuth 2.0 (client credentials, RFC 6749, 4.4).

The client is an API key: its prefix is the client ID and the key itself the secret. A token has at most the scopes of its key,
and ends with it.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Collection
from dataclasses import replace
from datetime import timedelta

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from service.audit import record_event
from service.auth.keys import ActiveKey, find_key_by_id
from service.clock import now
from service.db.session import Database
from service.db.sign_in_tables import AccessToken

LIFETIME = timedelta(minutes=15)
PREFIX = "dt_"


def issue_token(session: Session, key: ActiveKey, scopes: Collection[str]) -> str:
    """Return a new token of a key with these scopes, which the key has; its expired tokens are deleted."""
    at = now()
    session.execute(delete(AccessToken).where(AccessToken.key_id == key.id, AccessToken.expires_at <= at))
    text = PREFIX + secrets.token_urlsafe(32)
    session.add(
        AccessToken(
            key_id=key.id, token_hash=_hash(text), scopes=sorted(scopes), created_at=at, expires_at=at + LIFETIME
        )
    )
    record_event(session, f"key:{key.id}", "token.issued", "api_key", key.id, {"scopes": sorted(scopes)})
    return text


def find_token(database: Database, text: str) -> ActiveKey | None:
    """Return the key of a token, with the scopes of the token; None if the token or its key does not exist or has ended."""
    if not text.startswith(PREFIX):
        return None
    with database.unscoped(write=False) as session:
        token = session.scalars(select(AccessToken).where(AccessToken.token_hash == _hash(text))).first()
        if token is None or token.expires_at <= now():
            return None
        key = find_key_by_id(session, token.key_id)
    return None if key is None else replace(key, scopes=key.scopes & frozenset(token.scopes))


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
