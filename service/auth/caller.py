"""The caller of a request, database sessions on the rows of its organisation, and the services of the application."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass

from flask import current_app, g, request
from sqlalchemy.orm import Session

from service.auth.access import ACCESS
from service.auth.calendar_links import ActiveCalendar
from service.auth.survey_links import SurveyLink
from service.blob_store import BlobStore
from service.db.session import Database
from service.settings import Settings
from service.supplier_links.links import ActiveLink


@dataclass(frozen=True, slots=True)
class Caller:
    """A user or an API key of an organisation.

    ``actor`` is its name in the audit trail: ``user:<id>`` or ``key:<id>``. A user has a role and no scopes, a key has
    scopes and no role.
    """

    organisation_id: str
    organisation: str
    time_zone: str
    actor: str
    name: str
    role: str | None = None
    scopes: frozenset[str] = frozenset()
    key_owner_id: str | None = None

    @property
    def id(self) -> str:
        """Id of the user or the key."""
        return self.actor.partition(":")[2]

    @property
    def owner_id(self) -> str | None:
        """Id of the user who answers for what the caller creates: the user, or the owner of the key."""
        return self.id if self.role else self.key_owner_id

    @property
    def grantable_scopes(self) -> frozenset[str]:
        """Return the scopes that the caller may give to a new key: no more than the caller has."""
        return ACCESS.role_scopes[self.role] if self.role else self.scopes

    @property
    def sees_worker_derived(self) -> bool:
        """Whether the caller sees who reported what."""
        return ACCESS.sees_worker_derived(self.role, self.scopes)

    @property
    def handles_cases(self) -> bool:
        """Whether the caller may record cases."""
        return ACCESS.handles_cases(self.role, self.scopes)

    @property
    def reads_cases(self) -> bool:
        """Whether the caller may read case records, and imports of them."""
        return ACCESS.reads_cases(self.role, self.scopes)


def get_caller() -> Caller:
    """Return the caller of the current request. Raises LookupError on a route that is open to all."""
    caller: Caller | None = g.get("caller")
    if caller is None:
        raise LookupError("the caller of an open route is unknown")
    return caller


def get_link() -> ActiveLink:
    """Return the link through which a supplier makes the current request. Raises LookupError on a route that is not for links."""
    link: ActiveLink | None = g.get("link")
    if link is None:
        raise LookupError("this route is not for links")
    return link


def get_calendar() -> ActiveCalendar:
    """Return the calendar link of the current request. Raises LookupError on a route that is not for calendars."""
    calendar: ActiveCalendar | None = g.get("calendar")
    if calendar is None:
        raise LookupError("this route is not for calendars")
    return calendar


def get_survey_link() -> SurveyLink:
    """Return the survey whose page a worker has opened. Raises LookupError on a route that is not for surveys."""
    survey: SurveyLink | None = g.get("survey")
    if survey is None:
        raise LookupError("this route is not for surveys")
    return survey


def read_session(*, snapshot: bool = True) -> AbstractContextManager[Session]:
    """Open a read-only session on the caller's organisation, by default on a snapshot (Database.for_organisation)."""
    return get_database().for_organisation(get_caller().organisation_id, write=False, snapshot=snapshot)


def write_session() -> AbstractContextManager[Session]:
    """Open a session that writes to the caller's organisation: one transaction, committed at the end."""
    return get_database().for_organisation(get_caller().organisation_id)


def get_database() -> Database:
    """Return the database of the application."""
    database: Database = current_app.extensions["database"]
    return database


def get_settings() -> Settings:
    """Return the settings of the application."""
    settings: Settings = current_app.extensions["settings"]
    return settings


def get_service_address() -> str:
    """Return the address of the service for links: that of the settings or, if there is none, the one of this request."""
    return get_settings().address or request.host_url.rstrip("/")


def get_blob_store() -> BlobStore:
    """Return the store of uploaded files and reports."""
    blobs: BlobStore = current_app.extensions["blob_store"]
    return blobs
