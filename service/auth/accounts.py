"""Create organisations, users and API keys for the command line; the functions return secrets that are shown once."""

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

ACTOR = "system:command_line"


def create_organisation(database: Database, name: str, time_zone: str = "UTC") -> str:
    """Create an organisation and return its id.

    Raises DomainError: ``organisation.name``, ``organisation.taken``, ``time_zone.unknown``.
    """
    if not 1 <= len(name.strip()) <= 200:
        raise DomainError("organisation.name", 422, "Enter a name of up to 200 characters for the organisation.")
    if time_zone not in available_timezones():
        raise DomainError(
            "time_zone.unknown", 422, f"There is no time zone called {time_zone}. Use a name such as Asia/Bangkok."
        )
    organisation = Organisation(id=new_id(), name=name.strip(), time_zone=time_zone, created_at=now())
    try:
        with database.for_organisation(organisation.id) as session:
            session.add(organisation)
            session.flush()
            record_event(session, ACTOR, "organisation.created", "organisation", organisation.id)
    except IntegrityError as error:
        raise DomainError("organisation.taken", 409, f"There is already an organisation called {name}.") from error
    return organisation.id


def create_user(database: Database, organisation: str, email: str, name: str, role: str) -> str:
    """Create a user of an organisation (by name or id); return a one-time password. Raises as users.create_user."""
    with database.for_organisation(find_organisation(database, organisation)) as session:
        _user, password = users.create_user(session, email, name, role, ACTOR)
    return password


def create_key(
    database: Database, organisation: str, name: str, scopes: Sequence[str], days: int, longest: int = 365
) -> str:
    """Create an API key of an organisation (by name or id) and return its text. Raises as keys.create_key."""
    with database.for_organisation(find_organisation(database, organisation)) as session:
        _key, text = keys.create_key(session, name, scopes, days, ACTOR, longest)
    return text


def find_organisation(database: Database, name_or_id: str) -> str:
    """Return the id of an organisation by its name or id. Raises DomainError ``organisation.unknown``."""
    with database.unscoped(write=False) as session:
        organisation_id = _find_organisation_id(session, name_or_id)
    if organisation_id is None:
        raise DomainError("organisation.unknown", 404, f"There is no organisation called {name_or_id}.")
    return organisation_id


def _find_organisation_id(session: Session, named: str) -> str | None:
    return session.scalar(select(Organisation.id).where((Organisation.name == named) | (Organisation.id == named)))
