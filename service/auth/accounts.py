"""Create organisations, users and API keys for the command line; the functions return secrets that are shown once."""

from __future__ import annotations

from collections.abc import Sequence
from zoneinfo import available_timezones

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from service.audit import record_event
from service.auth import keys, second_factors, users
from service.clock import now
from service.db.account_tables import ApiKey, User
from service.db.session import Database
from service.db.tables import Organisation, new_id
from service.errors import DomainError
from service.settings import ONE_TIME_PASSWORD_HOURS

ACTOR = "system:command_line"


def create_organisation(database: Database, name: str, time_zone: str = "UTC", *, second_factor: bool = True) -> str:
    """Create an organisation and return its id. ``second_factor``: whether its admins and case handlers need one.

    Raises DomainError: ``organisation.name``, ``organisation.taken``, ``time_zone.unknown``.
    """
    if not 1 <= len(name.strip()) <= 200:
        raise DomainError("organisation.name", 422, "Enter a name of up to 200 characters for the organisation.")
    if time_zone not in available_timezones():
        raise DomainError(
            "time_zone.unknown", 422, f"There is no time zone called {time_zone}. Use a name such as Asia/Bangkok."
        )
    at = now()
    organisation = Organisation(
        id=new_id(),
        name=name.strip(),
        time_zone=time_zone,
        created_at=at,
        second_factor_from=at if second_factor else None,
    )
    try:
        with database.for_organisation(organisation.id) as session:
            session.add(organisation)
            session.flush()
            record_event(session, ACTOR, "organisation.created", "organisation", organisation.id)
    except IntegrityError as error:
        raise DomainError("organisation.taken", 409, f"There is already an organisation called {name}.") from error
    return organisation.id


def create_user(
    database: Database, organisation: str, email: str, name: str, role: str, hours: int = ONE_TIME_PASSWORD_HOURS
) -> str:
    """Create a user of an organisation (by name or id); return a one-time password. Raises as users.create_user."""
    with database.for_organisation(find_organisation(database, organisation)) as session:
        _user, password = users.create_user(session, email, name, role, ACTOR, hours)
    return password


def reset_password(database: Database, organisation: str, email: str, hours: int = ONE_TIME_PASSWORD_HOURS) -> str:
    """Give a user of an organisation a new one-time password and return it; the user's sessions end.

    Raises DomainError ``user.unknown``.
    """
    with database.for_organisation(find_organisation(database, organisation)) as session:
        return users.reset_password(session, _find_user_id(session, email), ACTOR, hours)


def create_key(
    database: Database,
    organisation: str,
    name: str,
    scopes: Sequence[str],
    days: int,
    longest: int = 365,
    owner: str | None = None,
) -> str:
    """Create an API key of an organisation (by name or id) and return its text; it ends with the access of its owner (an email
    address) if it has one. Raises as keys.create_key, and DomainError ``user.unknown``.
    """
    with database.for_organisation(find_organisation(database, organisation)) as session:
        owner_id = None if owner is None else _find_user_id(session, owner)
        _key, text = keys.create_key(session, name, scopes, days, ACTOR, longest, owner_id=owner_id)
    return text


def hand_over_key(database: Database, organisation: str, prefix: str, owner: str) -> None:
    """Make a user (by email address) the owner of the key with a prefix, as the page and the key itself show it.

    Raises as keys.hand_over_key, and DomainError: ``key.unknown``, ``user.unknown``.
    """
    named = prefix.removeprefix("dk_").partition("_")[0]
    with database.for_organisation(find_organisation(database, organisation)) as session:
        key_id = session.scalar(select(ApiKey.id).where((ApiKey.prefix == named) | (ApiKey.id == prefix)))
        if key_id is None:
            raise DomainError("key.unknown", 404, f"{organisation} has no API key that begins with dk_{named}_.")
        keys.hand_over_key(session, key_id, _find_user_id(session, owner), ACTOR)


def reset_second_factor(database: Database, organisation: str, email: str) -> None:
    """Remove the second factors of a user of an organisation. Raises DomainError ``user.unknown``."""
    with database.for_organisation(find_organisation(database, organisation)) as session:
        second_factors.reset_factors(session, _find_user_id(session, email), ACTOR)


def _find_user_id(session: Session, email: str) -> str:
    user_id = session.scalar(select(User.id).where(User.email == users.normalize_email(email)))
    if user_id is None:
        raise DomainError("user.unknown", 404, f"There is no user with the email address {email}.")
    return user_id


def find_organisation(database: Database, name_or_id: str) -> str:
    """Return the id of an organisation by its name or id. Raises DomainError ``organisation.unknown``."""
    with database.unscoped(write=False) as session:
        organisation_id = _find_organisation_id(session, name_or_id)
    if organisation_id is None:
        raise DomainError("organisation.unknown", 404, f"There is no organisation called {name_or_id}.")
    return organisation_id


def _find_organisation_id(session: Session, named: str) -> str | None:
    return session.scalar(select(Organisation.id).where((Organisation.name == named) | (Organisation.id == named)))
