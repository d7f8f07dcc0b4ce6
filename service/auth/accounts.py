"""What the command line does to organisations, users and keys: plain functions that return what is to be shown, once."""

from __future__ import annotations

from collections.abc import Sequence
from zoneinfo import available_timezones

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from service.audit import record_event
from service.auth import keys, users
from service.clock import now
from service.db.session import Database
from service.db.tables import Organisation, new_id
from service.errors import DomainError

BY = "system:command_line"


def create_organisation(database: Database, name: str, time_zone: str = "UTC") -> str:
    """A new organisation; its id. Raises Refused: ``organisation.name``, ``organisation.taken``, ``time_zone.unknown``."""
    if not 1 <= len(name.strip()) <= 200:
        raise DomainError("organisation.name", 422, "An organisation needs a name of up to 200 letters.")
    if time_zone not in available_timezones():
        raise DomainError(
            "time_zone.unknown", 422, f"There is no time zone called {time_zone}: say Asia/Bangkok, for example."
        )
    organisation = Organisation(id=new_id(), name=name.strip(), time_zone=time_zone, created_at=now())
    try:
        with database.for_organisation(organisation.id) as session:
            session.add(organisation)
            session.flush()
            record_event(session, BY, "organisation.created", "organisation", organisation.id)
    except IntegrityError as taken:
        raise DomainError("organisation.taken", 409, f"There is an organisation called {name} already.") from taken
    return organisation.id


def create_user(database: Database, organisation: str, email: str, name: str, role: str) -> str:
    """A new user of an organisation (by name or id); the password for their first sign-in. Raises Refused as users.create."""
    with database.for_organisation(find_organisation(database, organisation)) as session:
        _user, password = users.create_user(session, email, name, role, BY)
    return password


def create_key(
    database: Database, organisation: str, name: str, scopes: Sequence[str], days: int, longest: int = 365
) -> str:
    """A new API key of an organisation (by name or id); its text. Raises Refused as keys.create."""
    with database.for_organisation(find_organisation(database, organisation)) as session:
        _key, text = keys.create_key(session, name, scopes, days, BY, longest)
    return text


def find_organisation(database: Database, name_or_id: str) -> str:
    """The id of an organisation by its name or id. Raises Refused ``organisation.unknown``."""
    with database.unscoped(write=False) as session:
        found = _find_organisation_id(session, name_or_id)
    if found is None:
        raise DomainError("organisation.unknown", 404, f"There is no organisation called {name_or_id}.")
    return found


def _find_organisation_id(session: Session, named: str) -> str | None:
    return session.scalar(select(Organisation.id).where((Organisation.name == named) | (Organisation.id == named)))
