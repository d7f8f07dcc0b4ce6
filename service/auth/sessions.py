"""Server-side sessions of signed-in users: the browser stores a random token, and the database stores its hash."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from sqlalchemy import delete, exists, or_, select, update
from sqlalchemy.orm import Session

from service.auth.sign_in_rules import SessionLimits, get_session_limits
from service.clock import now
from service.db.account_tables import SignIn, User
from service.db.sign_in_tables import ProviderAccount, SecondFactor
from service.db.tables import Organisation
from service.errors import not_found
from service.settings import Settings

# "Last seen" is written once a minute, not with every request.
SEEN_EVERY = timedelta(minutes=1)
# How long ago a user may have proved who they are when they do something that access.toml lists under [sign_in_again].
RECENT = timedelta(minutes=10)
# How a browser and a system are named in the list of sessions: the first that its User-Agent contains.
BROWSERS = {"Edg/": "Edge", "OPR/": "Opera", "Firefox/": "Firefox", "Chrome/": "Chrome", "Safari/": "Safari"}
SYSTEMS = {
    "iPhone": "iPhone", "iPad": "iPad", "Android": "Android", "Windows": "Windows", "Mac OS X": "macOS", "Linux": "Linux"
}  # fmt: skip


@dataclass(frozen=True)
class ProviderSignIn:
    """How a user came through an identity provider: account, session there, and ID token (encrypted).

    ``expires_at``: when the session ends at the latest, if the provider cannot be asked again.
    """

    account_id: str
    session_id: str | None
    id_token: str
    expires_at: datetime | None


def start_session(
    session: Session, user: User, settings: Settings, user_agent: str = "", provider: ProviderSignIn | None = None
) -> str:
    """Sign a user in and return the token for the cookie; sessions of all users that have certainly expired are deleted."""
    at = now()
    limits = get_session_limits(session.get_one(Organisation, user.organisation_id), settings)
    idle_since = at - timedelta(minutes=settings.idle_minutes)
    session.execute(delete(SignIn).where(or_(SignIn.expires_at <= at, SignIn.seen_at <= idle_since)))
    token = secrets.token_urlsafe(32)
    expires_at = at + limits.total
    session.add(
        SignIn(
            organisation_id=user.organisation_id,
            token_hash=_hash_token(token),
            user_id=user.id,
            created_at=at,
            seen_at=at,
            expires_at=min(expires_at, provider.expires_at) if provider and provider.expires_at else expires_at,
            authenticated_at=at,
            browser=describe_browser(user_agent),
            provider_account_id=provider.account_id if provider else None,
            provider_session=provider.session_id if provider else None,
            id_token=provider.id_token if provider else None,
        )
    )
    return token


class ActiveSession(NamedTuple):
    """A session that has not expired, with its user and organisation, and whether the user has a second factor.

    ``account``: the user's account at the identity provider, None for a session that did not come through one.
    """

    sign_in: SignIn
    user: User
    organisation: Organisation
    has_second_factor: bool
    account: ProviderAccount | None


def find_session(session: Session, token: str, settings: Settings) -> ActiveSession | None:
    """Return the session of a token; None if it is unknown or expired, or the user is inactive."""
    row = session.execute(
        select(SignIn, User, Organisation, exists().where(SecondFactor.user_id == User.id), ProviderAccount)
        .join(User, User.id == SignIn.user_id)
        .join(Organisation, Organisation.id == User.organisation_id)
        .outerjoin(ProviderAccount, ProviderAccount.id == SignIn.provider_account_id)
        .where(SignIn.token_hash == _hash_token(token), User.active)
    ).one_or_none()
    if row is None or _has_expired(row[0], get_session_limits(row[2], settings)):
        return None
    return ActiveSession(*row)


def list_sessions(session: Session, user_id: str, settings: Settings) -> Sequence[SignIn]:
    """Return the sessions of a user that have not expired, the one last used first."""
    user = session.get(User, user_id)
    if user is None:
        raise not_found()
    limits = get_session_limits(session.get_one(Organisation, user.organisation_id), settings)
    started = select(SignIn).where(SignIn.user_id == user_id).order_by(SignIn.seen_at.desc(), SignIn.id)
    return [each for each in session.scalars(started) if not _has_expired(each, limits)]


def is_recent(sign_in: SignIn) -> bool:
    """Return whether the user of a session proved who they are within the last ten minutes."""
    return sign_in.authenticated_at is not None and abs(now() - sign_in.authenticated_at) < RECENT


def renew_authentication(session: Session, token: str) -> str:
    """Record that the user of a session has just proved who they are; return the token that replaces the previous one."""
    renewed = secrets.token_urlsafe(32)
    values = {"token_hash": _hash_token(renewed), "authenticated_at": now()}
    session.execute(update(SignIn).where(SignIn.token_hash == _hash_token(token)).values(**values))
    return renewed


def end_session(session: Session, token: str) -> None:
    """End the session of a token."""
    session.execute(delete(SignIn).where(SignIn.token_hash == _hash_token(token)))


def end_one_session(session: Session, user_id: str, session_id: str) -> None:
    """End one session of a user by its id. Raises DomainError ``not_found``."""
    sign_in = session.scalars(select(SignIn).where(SignIn.id == session_id, SignIn.user_id == user_id)).first()
    if sign_in is None:
        raise not_found()
    session.delete(sign_in)


def end_all_sessions(session: Session, user_id: str) -> None:
    """End every session of a user."""
    session.execute(delete(SignIn).where(SignIn.user_id == user_id))


def describe_browser(user_agent: str) -> str | None:
    """Return a short description of a browser, such as "Firefox, Windows"; None if nothing in its User-Agent is known."""
    found = [next((name for mark, name in names.items() if mark in user_agent), None) for names in (BROWSERS, SYSTEMS)]
    return ", ".join(name for name in found if name) or None


def _has_expired(sign_in: SignIn, limits: SessionLimits) -> bool:
    at: datetime = now()
    ends = min(sign_in.expires_at, sign_in.created_at + limits.total, sign_in.seen_at + limits.idle)
    return ends <= at


def _hash_token(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
