"""API views of the referral directory: contacts, the directory as a CSV file, and what is missing in each country."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

from flask import Response
from sqlalchemy.orm import Session

from service.api.responses import Reply, attachment, build_etag, check_version, whole_list
from service.auth.caller import get_caller, read_session
from service.clock import now, today
from service.db.referral_tables import ReferralContact
from service.errors import DomainError
from service.referrals import contact_file, contacts, readiness

Values = Mapping[str, Any]


def list_contacts(session: Session) -> Reply:
    """Return all contacts by country, kind and name."""
    return whole_list(list(contacts.list_contacts(session)))


def get_contact(session: Session, contact_id: str) -> Reply:
    """Return a contact."""
    contact = contacts.get_contact(session, contact_id)
    return Reply(contact, etag=build_etag(contact))


def add_contact(session: Session, body: Values) -> Reply:
    """Add a contact, which has not been called yet, and return it."""
    contact = contacts.add_contact(session, body, None, _today(), now(), get_caller().actor)
    return Reply(contact, 201, {"Location": f"/api/v1/referral-contacts/{contact.id}"}, build_etag(contact))


def change_contact(session: Session, contact_id: str, body: Values) -> Reply:
    """Change the given fields of a contact, and return it."""
    contact = _get_checked(session, contact_id)
    contacts.change_contact(session, contact, body, get_caller().actor)
    return Reply(contact, etag=build_etag(contact))


def confirm_contact(session: Session, contact_id: str, body: Values) -> Reply:
    """Record a call to a contact, and return it."""
    try:
        called_on = date.fromisoformat(body["called_on"])
    except ValueError as fault:
        raise DomainError("field.value", 422, "called_on: Enter a date as YYYY-MM-DD.") from fault
    contact = contacts.get_contact(session, contact_id, lock=True)
    contacts.confirm_contact(session, contact, called_on, _today(), get_caller().actor)
    return Reply(contact)


def delete_contact(session: Session, contact_id: str) -> Reply:
    """Delete a contact."""
    contacts.delete_contact(session, _get_checked(session, contact_id), get_caller().actor)
    return Reply(None, 204)


def _get_checked(session: Session, contact_id: str) -> ReferralContact:
    contact = contacts.get_contact(session, contact_id, lock=True)
    check_version(build_etag(contact))
    return contact


def download_contacts() -> Response:
    """Return the directory as a CSV file."""
    with read_session() as session:
        data = contact_file.write_contacts(session)
    return attachment(data, "text/csv; charset=utf-8", f"referral_directory_{_today().isoformat()}.csv")


def upload_contacts(session: Session, body: Values) -> Reply:
    """Take over the contacts of a CSV file, and return how many were added and changed."""
    return Reply(contact_file.import_contacts(session, body["csv"].encode(), _today(), now(), get_caller().actor))


def list_readiness(session: Session) -> Reply:
    """Return what the directory lacks in each country with suppliers or contacts."""
    return whole_list(readiness.list_readiness(session, _today()))


def _today() -> date:
    return today(get_caller().time_zone)
