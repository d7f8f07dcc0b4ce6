"""How the users of an organisation sign in: when their sessions end, and whether they need a second factor."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import NamedTuple

from sqlalchemy.orm import Session

from service.audit import record_event
from service.clock import now
from service.db.tables import Organisation
from service.errors import DomainError
from service.settings import Settings

SHORTEST_IDLE = 5  # minutes


class SessionLimits(NamedTuple):
    """How long a session lasts: without being used, and in all."""

    idle: timedelta
    total: timedelta


def get_session_limits(organisation: Organisation, settings: Settings) -> SessionLimits:
    """Return how long the sessions of an organisation last: no longer than the installation allows."""
    idle = min(organisation.idle_minutes or settings.idle_minutes, settings.idle_minutes)
    hours = min(organisation.session_hours or settings.sign_in_hours, settings.sign_in_hours)
    return SessionLimits(timedelta(minutes=idle), timedelta(hours=hours))


def set_session_limits(
    session: Session, organisation_id: str, idle: int, hours: int, settings: Settings, by: str
) -> None:
    """Set after how many minutes without use and how many hours in all the sessions of an organisation end.

    It applies to running sessions too. Raises DomainError ``sign_in.session_limits``, 422, for less than 5 minutes or an hour,
    and for more than the installation allows.
    """
    if not (SHORTEST_IDLE <= idle <= settings.idle_minutes and 1 <= hours <= settings.sign_in_hours):
        raise DomainError(
            "sign_in.session_limits",
            422,
            f"Sessions must end after {SHORTEST_IDLE} to {settings.idle_minutes} minutes of "
            f"inactivity, and after 1 to {settings.sign_in_hours} hours in total.",
        )
    organisation = session.get_one(Organisation, organisation_id)
    organisation.idle_minutes, organisation.session_hours = idle, hours
    details = {"idle_minutes": idle, "hours": hours}
    record_event(session, by, "sign_in.session_limits_changed", "organisation", organisation_id, details)


def set_second_factor(session: Session, organisation_id: str, required: bool, by: str) -> None:
    """Set whether the admins and case handlers of an organisation need a second factor, from the next request on."""
    organisation = session.get_one(Organisation, organisation_id)
    if required == requires_second_factor(organisation, now()):
        return
    organisation.second_factor_from = now() if required else None
    record_event(
        session, by, "sign_in.second_factor_changed", "organisation", organisation_id, {"required": int(required)}
    )


def requires_second_factor(organisation: Organisation, at: datetime) -> bool:
    """Return whether the admins and case handlers of an organisation need a second factor at a moment."""
    return organisation.second_factor_from is not None and organisation.second_factor_from <= at
