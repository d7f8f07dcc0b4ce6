"""Links for suppliers, which have no account: the address of a page contains a random token, and the database stores its hash.

A link opens one thing (its purpose) about one supplier. It expires, can be revoked, and several people of a supplier may each
have one. Whoever has the address has access, so it is shown only once, as an API key is.
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
from service.clock import now
from service.db.link_tables import SupplierLink
from service.db.tables import Organisation, Supplier
from service.errors import DomainError, not_found

PLAN = "plan"  # purpose: the findings and the plan of a supplier, its replies and proofs
LONGEST_DAYS = 90
MOST_LINKS = 20  # that are valid at the same time, for one supplier
REQUESTS_PER_MINUTE = 60
# Functions rather than names, so that no link says who received it.
ADDRESSEES = {
    "management": "Owner or management",
    "site_manager": "Site or vessel manager",
    "human_resources": "Human resources",
    "compliance": "Compliance or sustainability",
    "recruitment": "Recruitment",
    "other": "Someone else",
}


@dataclass(frozen=True, slots=True)
class ActiveLink:
    """A valid link, the supplier that it is about, and the organisation that sent it."""

    id: str
    purpose: str
    supplier_id: str
    record_id: str
    opened_at: datetime | None
    organisation_id: str
    organisation: str
    time_zone: str

    @property
    def actor(self) -> str:
        """Its name in the audit trail."""
        return f"link:{self.id}"


def create_link(
    session: Session, supplier: Supplier, addressee: str, days: int, by: str, purpose: str = PLAN
) -> tuple[SupplierLink, str]:
    """Create a link for a supplier; return it with its token, which cannot be retrieved later.

    Raises DomainError, 422: ``link.addressee``; ``link.days`` (1 to LONGEST_DAYS); and ``link.too_many``, 409.
    """
    if addressee not in ADDRESSEES:
        raise DomainError("link.addressee", 422, f"Choose whom the link is for: {', '.join(ADDRESSEES)}.")
    if not 1 <= days <= LONGEST_DAYS:
        raise DomainError("link.days", 422, f"Choose how many days the link is valid, from 1 to {LONGEST_DAYS}.")
    at = now()
    # Locked until the transaction ends, so that two requests cannot both create the last link.
    session.scalars(select(Supplier.id).where(Supplier.id == supplier.id).with_for_update()).one()
    if sum(is_valid(link, at) for link in list_links(session, supplier.id)) >= MOST_LINKS:
        raise DomainError("link.too_many", 409, f"This supplier has {MOST_LINKS} valid links. Revoke one first.")
    token = secrets.token_urlsafe(32)
    link = SupplierLink(
        supplier_id=supplier.id,
        record_id=supplier.id,
        purpose=purpose,
        addressee=addressee,
        token_hash=hash_token(token),
        expires_at=at + timedelta(days=days),
        created_by=by,
        created_at=at,
    )
    session.add(link)
    session.flush()
    details = {"supplier": supplier.id, "purpose": purpose, "addressee": addressee, "days": days}
    record_event(session, by, "link.created", "supplier_link", link.id, details)
    return link, token


def list_links(session: Session, supplier_id: str) -> Sequence[SupplierLink]:
    """Return every link of a supplier, newest first."""
    query = select(SupplierLink).where(SupplierLink.supplier_id == supplier_id)
    return session.scalars(query.order_by(SupplierLink.created_at.desc(), SupplierLink.id)).all()


def is_valid(link: SupplierLink, at: datetime) -> bool:
    """Return whether a link opens anything: it was not revoked and has not expired."""
    return link.revoked_at is None and link.expires_at > at


def revoke_link(session: Session, supplier_id: str, link_id: str, by: str) -> None:
    """Revoke a link of a supplier permanently, with immediate effect. Raises DomainError ``not_found``, 404."""
    query = select(SupplierLink).where(SupplierLink.id == link_id, SupplierLink.supplier_id == supplier_id)
    link = session.scalars(query.with_for_update()).first()
    if link is None:
        raise not_found("Link not found.")
    if link.revoked_at is None:
        link.revoked_at = now()
        record_event(session, by, "link.revoked", "supplier_link", link.id)


def record_opening(session: Session, active: ActiveLink) -> None:
    """Record when a link was first opened. Later openings change nothing."""
    query = select(SupplierLink).where(SupplierLink.id == active.id).with_for_update()
    link = session.scalars(query.execution_options(populate_existing=True)).one()
    if link.opened_at is None:
        link.opened_at = now()
        record_event(session, active.actor, "link.opened", "supplier_link", link.id)


# The hash has a unique index; the timing of the look-up could reveal something about a hash, but not about a token.
_SELECT_BY_HASH = (
    select(
        SupplierLink.expires_at,
        SupplierLink.id,
        SupplierLink.purpose,
        SupplierLink.supplier_id,
        SupplierLink.record_id,
        SupplierLink.opened_at,
        Organisation.id,
        Organisation.name,
        Organisation.time_zone,
    )
    .join(Organisation, Organisation.id == SupplierLink.organisation_id)
    .where(SupplierLink.token_hash == bindparam("hash"), SupplierLink.revoked_at.is_(None))
)


def find_link(session: Session, token: str, purpose: str) -> ActiveLink | None:
    """Find the link with a token and purpose in any organisation; None if there is none, or it has expired or was revoked."""
    row = session.execute(_SELECT_BY_HASH, {"hash": hash_token(token)}).first()
    if row is None or row[0] <= now() or row.purpose != purpose:
        return None
    return ActiveLink(*row[1:])


def hash_token(token: str) -> str:
    """Return the hash under which the token of a link is stored."""
    # 32 random bytes cannot be guessed: no slow hash is needed.
    return hashlib.sha256(token.encode()).hexdigest()
