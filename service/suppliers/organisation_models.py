"""Which models assess the suppliers of an organisation: those up to the newest release that it has accepted.

A release is a version of the models (2026.4). A new organisation starts with the newest release in force. A later release applies
to it only from a day that an admin sets, so that no level moves before somebody has seen which ones will.
"""

from __future__ import annotations

from datetime import date

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from risk_models.model import Model, get_newest_release, get_version_key, list_models_up_to, load_models
from service.assessment.models_in_force import find_library_release, list_models_in_force
from service.audit import record_event
from service.db.tables import Organisation
from service.errors import DomainError

# Built once: each onboarding decision asks for it, and a statement of its own would be built and inspected each time.
_BY_ID = select(Organisation).where(Organisation.id == bindparam("id"))


def get_organisation(session: Session, *, lock: bool = False) -> Organisation:
    """Return the organisation that a session is scoped to; ``lock``: nobody else may change it meanwhile."""
    organisation_id = session.info["organisation_id"]
    if lock:
        return session.get_one(Organisation, organisation_id, with_for_update=True)
    return session.scalars(_BY_ID, {"id": organisation_id}).one()


def get_release_on(organisation: Organisation, on: date) -> str:
    """Return the newest release of the models that an organisation uses on a day."""
    if organisation.next_models_release and organisation.next_models_from and organisation.next_models_from <= on:
        return organisation.next_models_release
    return organisation.models_release


def list_release_models(release: str) -> tuple[Model, ...]:
    """Return the models to choose from for an organisation that uses a release."""
    return list_models_up_to(release, load_models())


def list_organisation_models(session: Session, on: date) -> tuple[Model, ...]:
    """Return the models to choose from when suppliers of the session's organisation are assessed as of a day."""
    return list_release_models(get_release_on(get_organisation(session), on))


def find_organisation_library(session: Session, on: date) -> str:
    """Return the release of the action library for steps that belong to no supplier, such as those of a case."""
    return find_library_release(on, list_current_models(session, on))


def list_current_models(session: Session, on: date) -> list[Model]:
    """Return the version of each model that the session's organisation uses on a day."""
    return list_models_in_force(on, list_organisation_models(session, on))


def find_next_release(organisation: Organisation, today: date) -> str | None:
    """Return the newest release in force today if the organisation does not use it yet; None if it does."""
    newest = get_newest_release(today, load_models())
    current = get_release_on(organisation, today)
    return newest if get_version_key(newest) > get_version_key(current) else None


def set_next_release(session: Session, release: str, day: date, today: date, by: str) -> Organisation:
    """Set the day from which the next release applies. You can change it until that day.

    Raises DomainError, 409: ``release.unknown`` for any release but the next one, ``release.day`` for a day before today.
    """
    organisation = get_organisation(session, lock=True)
    if release != find_next_release(organisation, today):
        raise DomainError("release.unknown", 409, f"This organisation cannot move to release {release}.")
    if day < today:
        raise DomainError("release.day", 409, "Choose today or a later date; results from earlier dates do not change.")
    previous = _get_planned_day(organisation, today)
    organisation.models_release = get_release_on(organisation, today)
    organisation.next_models_release, organisation.next_models_from = release, day
    details = {"from": organisation.models_release, "to": release, "day": day.isoformat()}
    if previous is not None:
        details["day_before"] = previous.isoformat()
    record_event(session, by, "organisation.release_set", "organisation", organisation.id, details)
    return organisation


def cancel_next_release(session: Session, today: date, by: str) -> Organisation:
    """Remove the day from which the next release applies. Raises DomainError ``release.not_set``, 409, where none is to come."""
    organisation = get_organisation(session, lock=True)
    day = _get_planned_day(organisation, today)
    if day is None:
        raise DomainError("release.not_set", 409, "No day has been set, or that day has already passed.")
    details = {"release": organisation.next_models_release, "day": day.isoformat()}
    organisation.next_models_release = organisation.next_models_from = None
    record_event(session, by, "organisation.release_cancelled", "organisation", organisation.id, details)
    return organisation


def _get_planned_day(organisation: Organisation, today: date) -> date | None:
    """Return the day from which the next release applies if it is still to come."""
    day = organisation.next_models_from
    return day if day is not None and day > today else None
