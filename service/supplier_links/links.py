"""Links for suppliers, which have no account: the address of a page contains a random token, and the database stores its hash.

A link opens one thing (its purpose) about one supplier: its plan, or one questionnaire. It expires, can be revoked, and several
people of a supplier may each have one. Whoever answers a questionnaire can hand one section of it to a colleague through a
narrower link, which ends with its own. Whoever has the address has access, so it is shown only once, as an API key is.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, bindparam, delete, or_, select
from sqlalchemy.orm import Session, aliased

from service.audit import record_event
from service.clock import now
from service.db.link_tables import SupplierLink, UnfinishedUpload
from service.db.tables import Organisation, QuestionnaireRequest, Supplier
from service.errors import DomainError, not_found

PLAN = "plan"  # purpose: the findings and the plan of a supplier, its replies and proofs
QUESTIONNAIRE = "questionnaire"  # purpose: one questionnaire that the supplier was sent, to answer it
LONGEST_DAYS = 90
MOST_LINKS = 20  # that are valid at the same time, for one supplier
MOST_SECTION_LINKS = 20  # to sections of one questionnaire, that are valid at the same time
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
    """A valid link, the supplier that it is about, and the organisation that sent it.

    ``asking_id``: the questionnaire request that it opens; ``section``: the only section of it that it opens, None for all.
    """

    id: str
    purpose: str
    supplier_id: str
    record_id: str
    opened_at: datetime | None
    organisation_id: str
    organisation: str
    time_zone: str
    addressee: str
    expires_at: datetime
    asking_id: str | None
    section: str | None

    @property
    def actor(self) -> str:
        """Return the name under which the audit trail records what is done through this link."""
        return f"link:{self.id}"


def create_link(session: Session, supplier: Supplier, addressee: str, days: int, by: str) -> tuple[SupplierLink, str]:
    """Create a link to the plan of a supplier; return it with its token, which cannot be retrieved later.

    Raises DomainError, 422: ``link.addressee``; ``link.days`` (1 to LONGEST_DAYS); and ``link.too_many``, 409.
    """
    if not 1 <= days <= LONGEST_DAYS:
        raise _build_days_error()
    link = SupplierLink(
        supplier_id=supplier.id, purpose=PLAN, addressee=addressee, expires_at=now() + timedelta(days=days)
    )
    return _save_link(session, link, by)


def create_questionnaire_link(
    session: Session, request: QuestionnaireRequest, addressee: str, expires_at: datetime, by: str
) -> tuple[SupplierLink, str]:
    """Create a link through which a questionnaire is answered; return it with its token, which cannot be retrieved later.

    Raises DomainError, 422: ``link.addressee``; ``link.days`` (in the future, at most LONGEST_DAYS away); and 409:
    ``link.too_many``; ``link.returned`` if the questionnaire was already returned.
    """
    if not timedelta(0) < expires_at - now() <= timedelta(days=LONGEST_DAYS):
        raise _build_days_error()
    if request.returned_on is not None:
        raise DomainError("link.returned", 409, "This questionnaire has already been returned. Send a new one instead.")
    link = SupplierLink(
        supplier_id=request.supplier_id,
        purpose=QUESTIONNAIRE,
        addressee=addressee,
        expires_at=expires_at,
        asking_id=request.id,
    )
    return _save_link(session, link, by)


def create_section_link(session: Session, parent: ActiveLink, addressee: str, section: str) -> tuple[SupplierLink, str]:
    """Create a link to one section of a questionnaire for a colleague of whoever answers it; return it with its token.

    It expires with the link that it was made through, and is revoked with it. Raises DomainError: ``link.addressee``, 422;
    ``link.too_many``, 409.
    """
    link = SupplierLink(
        supplier_id=parent.supplier_id,
        record_id=parent.record_id,
        purpose=QUESTIONNAIRE,
        addressee=addressee,
        expires_at=parent.expires_at,
        asking_id=parent.asking_id,
        section=section,
        parent_id=parent.id,
    )
    return _save_link(session, link, parent.actor)


def _build_days_error() -> DomainError:
    return DomainError("link.days", 422, f"Choose how many days the link is valid, from 1 to {LONGEST_DAYS}.")


def _save_link(session: Session, link: SupplierLink, by: str) -> tuple[SupplierLink, str]:
    if link.addressee not in ADDRESSEES:
        raise DomainError(
            "link.addressee", 422, "Choose who the link is for: %(choices)s.", values={"choices": ", ".join(ADDRESSEES)}
        )
    # Locked until the transaction ends, so that two requests cannot both create the last link.
    session.scalars(select(Supplier.id).where(Supplier.id == link.supplier_id).with_for_update()).one()
    at = now()
    valid = [one for one in list_links(session, link.supplier_id) if is_valid(one, at)]
    most = MOST_SECTION_LINKS if link.parent_id else MOST_LINKS
    if sum(one.parent_id == link.parent_id for one in valid) >= most:
        raise DomainError(
            "link.too_many", 409, "There are already %(most)s active links. Revoke one first.", values={"most": most}
        )
    token = secrets.token_urlsafe(32)
    link.token_hash, link.created_by, link.created_at = hash_token(token), by, at
    link.record_id = link.record_id or link.supplier_id
    session.add(link)
    session.flush()
    details = {"supplier": link.supplier_id, "purpose": link.purpose, "addressee": link.addressee}
    if link.asking_id:
        details |= {"asking": link.asking_id}
    record_event(session, by, "link.created", "supplier_link", link.id, details)
    return link, token


def list_links(session: Session, supplier_id: str) -> Sequence[SupplierLink]:
    """Return every link of a supplier, newest first."""
    query = select(SupplierLink).where(SupplierLink.supplier_id == supplier_id)
    return session.scalars(query.order_by(SupplierLink.created_at.desc(), SupplierLink.id)).all()


def is_valid(link: SupplierLink, at: datetime) -> bool:
    """Return whether a link opens anything: it was not revoked and has not expired."""
    return link.revoked_at is None and link.expires_at > at


def list_section_links(session: Session, parent_id: str) -> Sequence[SupplierLink]:
    """Return the links to sections that were made through a link, newest first."""
    query = select(SupplierLink).where(SupplierLink.parent_id == parent_id)
    return session.scalars(query.order_by(SupplierLink.created_at.desc(), SupplierLink.id)).all()


def revoke_link(session: Session, supplier_id: str, link_id: str, by: str) -> None:
    """Revoke a link of a supplier permanently, with immediate effect. Raises DomainError ``not_found``, 404."""
    _revoke(session, SupplierLink.supplier_id == supplier_id, link_id, by)


def revoke_section_link(session: Session, parent: ActiveLink, link_id: str) -> None:
    """Revoke a link to a section that was made through another link. Raises DomainError ``not_found``, 404."""
    _revoke(session, SupplierLink.parent_id == parent.id, link_id, parent.actor)


def revoke_request_links(session: Session, asking_id: str, by: str) -> None:
    """Revoke every link to a questionnaire, also those to its sections."""
    query = select(SupplierLink).where(SupplierLink.asking_id == asking_id, SupplierLink.revoked_at.is_(None))
    _end(session, session.scalars(query.with_for_update()).all(), by)


def _revoke(session: Session, condition: ColumnElement[bool], link_id: str, by: str) -> None:
    """Revoke a link, and with it the links to sections that were made through it."""
    link = session.scalars(select(SupplierLink).where(SupplierLink.id == link_id, condition).with_for_update()).first()
    if link is None:
        raise not_found("Link not found.")
    with_sections = select(SupplierLink).where(or_(SupplierLink.id == link_id, SupplierLink.parent_id == link_id))
    _end(session, session.scalars(with_sections.where(SupplierLink.revoked_at.is_(None))).all(), by)


def _end(session: Session, links: Sequence[SupplierLink], by: str) -> None:
    """Revoke links that are valid, and give up the files that were being sent through them."""
    for link in links:
        link.revoked_at = now()
        session.execute(delete(UnfinishedUpload).where(UnfinishedUpload.link_id == link.id))
        record_event(session, by, "link.revoked", "supplier_link", link.id)


def record_opening(session: Session, active: ActiveLink) -> None:
    """Record when a link was first opened. Later openings change nothing."""
    query = select(SupplierLink).where(SupplierLink.id == active.id).with_for_update()
    link = session.scalars(query).one()
    if link.opened_at is None:
        link.opened_at = now()
        record_event(session, active.actor, "link.opened", "supplier_link", link.id)


# The hash has a unique index; the timing of the look-up could reveal something about a hash, but not about a token.
_PARENT = aliased(SupplierLink)
_SELECT_BY_HASH = (
    select(
        SupplierLink.token_hash,
        SupplierLink.id,
        SupplierLink.purpose,
        SupplierLink.supplier_id,
        SupplierLink.record_id,
        SupplierLink.opened_at,
        Organisation.id,
        Organisation.name,
        Organisation.time_zone,
        SupplierLink.addressee,
        SupplierLink.expires_at,
        SupplierLink.asking_id,
        SupplierLink.section,
    )
    .join(Organisation, Organisation.id == SupplierLink.organisation_id)
    # A link to a section ends with its parent, even if it was made while that was being revoked.
    .outerjoin(_PARENT, _PARENT.id == SupplierLink.parent_id)
    .where(
        SupplierLink.token_hash == bindparam("hash"), SupplierLink.revoked_at.is_(None), _PARENT.revoked_at.is_(None)
    )
)


def find_link(session: Session, token: str, purpose: str) -> ActiveLink | None:
    """Find the link with a token and purpose in any organisation; None if there is none, or it has expired or was revoked."""
    row = session.execute(_SELECT_BY_HASH, {"hash": hash_token(token)}).first()
    if row is None or row.expires_at <= now() or row.purpose != purpose:
        return None
    values: tuple[Any, ...] = tuple(row)
    return ActiveLink(*values[1:])


def check_link(session: Session, active: ActiveLink) -> None:
    """Lock a link that was found before, so that it cannot be revoked before what was done through it is committed.

    Raises DomainError ``not_found``, 404, if the link, or the one through which it was made, was revoked or erased meanwhile, or
    has expired.
    """
    parent_ended = select(_PARENT.revoked_at).where(_PARENT.id == SupplierLink.parent_id).scalar_subquery()
    query = select(SupplierLink.revoked_at, SupplierLink.expires_at, parent_ended).where(SupplierLink.id == active.id)
    row = session.execute(query.with_for_update(of=SupplierLink)).first()
    if row is None or row.expires_at <= now() or row[0] is not None or row[2] is not None:
        raise not_found("Page not found.")


def hash_token(token: str) -> str:
    """Return the hash under which the token of a link is stored."""
    # 32 random bytes cannot be guessed: no slow hash is needed.
    return hashlib.sha256(token.encode()).hexdigest()
