"""Server-side sessions of signed-in users: the browser stores a random token, and the database stores its hash."""

from __future__ import annotations

import hashlib
import secrets
from datetime import timedelta

from sqlalchemy import ColumnElement, delete, or_, select
from sqlalchemy.orm import Session

from service.clock import now
from service.db.account_tables import SignIn, User
from service.db.tables import Organisation
from service.settings import Settings

# "Last seen" is written once a minute, not with every request.
SEEN_EVERY = timedelta(minutes=1)


def start_session(session: Session, user: User, settings: Settings) -> str:
    """Sign a user in and return the token for the cookie; expired sessions of all users are deleted."""
    at = now()
    session.execute(delete(SignIn).where(_is_expired(settings)))
    token = secrets.token_urlsafe(32)
    session.add(
        SignIn(
            organisation_id=user.organisation_id,
            token_hash=_hash_token(token),
            user_id=user.id,
            created_at=at,
            seen_at=at,
            expires_at=at + timedelta(hours=settings.sign_in_hours),
        )
    )
    return token


def find_session(session: Session, token: str, settings: Settings) -> tuple[SignIn, User, Organisation] | None:
    """Return the session of a token, with its user and organisation; None if it is unknown or expired, or the user is
    inactive.
    """
    row = session.execute(
        select(SignIn, User, Organisation)
        .join(User, User.id == SignIn.user_id)
        .join(Organisation, Organisation.id == User.organisation_id)
        .where(SignIn.token_hash == _hash_token(token), User.active, ~_is_expired(settings))
    ).one_or_none()
    return None if row is None else (row[0], row[1], row[2])


def end_session(session: Session, token: str) -> None:
    """End the session of a token."""
    session.execute(delete(SignIn).where(SignIn.token_hash == _hash_token(token)))


def end_all_sessions(session: Session, user_id: str) -> None:
    """End every session of a user."""
    session.execute(delete(SignIn).where(SignIn.user_id == user_id))


def _is_expired(settings: Settings) -> ColumnElement[bool]:
    at = now()
    return or_(SignIn.expires_at <= at, SignIn.seen_at <= at - timedelta(minutes=settings.idle_minutes))


def _hash_token(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
