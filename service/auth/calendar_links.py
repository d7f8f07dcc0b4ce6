"""Links for calendar programs, which cannot sign in: the address of a feed contains a random token, and the database its hash.

A link belongs to a user and opens one feed. It can be revoked, and opens nothing once its user has no access any more.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from service.audit import record_event
from service.clock import now
from service.db.account_tables import User
from service.db.calendar_tables import CalendarLink
from service.db.sign_in_tables import ProviderAccount
from service.errors import DomainError, not_found
from service.supplier_links.links import hash_token

CALENDAR = "calendar"  # purpose: the due days of steps
SCOPES = ("mine", "all")
MOST_LINKS = 10  # that are valid at the same time, for one user
REQUESTS_PER_MINUTE = 10


@dataclass(frozen=True, slots=True)
class ActiveCalendar:
    """A valid link of a user to a feed. ``account``: that of the user at an identity provider."""

    id: str
    user_id: str
    scope: str
    organisation_id: str
    account: ProviderAccount | None

    @property
    def actor(self) -> str:
        """Return the name under which the log records what is done through this link."""
        return f"calendar:{self.id}"


def create_link(session: Session, user_id: str, scope: str, by: str) -> str:
    """Create a link for a user; return its token, which cannot be retrieved later.

    Raises DomainError: ``calendar.scope``, 422; ``calendar.too_many``, 409.
    """
    if scope not in SCOPES:
        raise DomainError("calendar.scope", 422, f"Choose one of these: {', '.join(SCOPES)}.")
    # Locked until the transaction ends, so that two requests cannot both create the last link.
    session.scalars(select(User.id).where(User.id == user_id).with_for_update()).one()
    if sum(link.revoked_at is None for link in list_links(session, user_id)) >= MOST_LINKS:
        raise DomainError("calendar.too_many", 409, f"You already have {MOST_LINKS} calendar links. Revoke one first.")
    token = secrets.token_urlsafe(32)
    link = CalendarLink(user_id=user_id, scope=scope, token_hash=hash_token(token), created_at=now())
    session.add(link)
    session.flush()
    record_event(session, by, "calendar_link.created", "calendar_link", link.id, {"scope": scope})
    return token


def list_links(session: Session, user_id: str) -> Sequence[CalendarLink]:
    """Return every link of a user, newest first."""
    query = select(CalendarLink).where(CalendarLink.user_id == user_id)
    return session.scalars(query.order_by(CalendarLink.created_at.desc(), CalendarLink.id)).all()


def revoke_link(session: Session, user_id: str, calendar_link_id: str, by: str) -> None:
    """Revoke a link of a user permanently, with immediate effect. Raises DomainError ``not_found``, 404."""
    query = select(CalendarLink).where(CalendarLink.id == calendar_link_id, CalendarLink.user_id == user_id)
    link = session.scalars(query.with_for_update()).first()
    if link is None:
        raise not_found("Link not found.")
    if link.revoked_at is None:
        link.revoked_at = now()
        record_event(session, by, "calendar_link.revoked", "calendar_link", link.id)


def find_link(session: Session, token: str) -> ActiveCalendar | None:
    """Find the link with a token in any organisation; None if there is none, or if it was revoked or its user has no access."""
    query = (
        select(CalendarLink.id, CalendarLink.user_id, CalendarLink.scope, CalendarLink.organisation_id, ProviderAccount)
        .join(User, User.id == CalendarLink.user_id)
        .outerjoin(ProviderAccount, ProviderAccount.user_id == CalendarLink.user_id)
        .where(CalendarLink.token_hash == hash_token(token), CalendarLink.revoked_at.is_(None), User.active)
    )
    row = session.execute(query).first()
    return ActiveCalendar(*row) if row else None
