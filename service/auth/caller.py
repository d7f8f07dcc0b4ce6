"""Who calls, and the rows they may touch: what every page and every API route starts from."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass

from flask import current_app, g
from sqlalchemy.orm import Session

from service.auth.access import ACCESS
from service.blob_store import BlobStore
from service.db.session import Database
from service.settings import Settings


@dataclass(frozen=True, slots=True)
class Caller:
    """A person or a machine of an organisation.

    ``actor`` is what the audit trail calls them: ``user:<id>`` or ``key:<id>``. A person has a role and no scopes, a key
    has scopes and no role.
    """

    organisation_id: str
    organisation: str
    time_zone: str
    actor: str
    name: str
    role: str | None = None
    scopes: frozenset[str] = frozenset()

    @property
    def id(self) -> str:
        """The id of the user or the key."""
        return self.actor.partition(":")[2]

    @property
    def sees_worker_derived(self) -> bool:
        """Whether they are shown who reported what."""
        return ACCESS.sees_worker_derived(self.role, self.scopes)

    @property
    def handles_cases(self) -> bool:
        """Whether they may record cases."""
        return ACCESS.handles_cases(self.role, self.scopes)

    @property
    def reads_cases(self) -> bool:
        """Whether they may read case records themselves, and imports of them."""
        return ACCESS.reads_cases(self.role, self.scopes)


def get_caller() -> Caller:
    """Who calls. Raises LookupError on a route that is open to all."""
    found: Caller | None = g.get("caller")
    if found is None:
        raise LookupError("nobody is known to call an open route")
    return found


def read_session(*, snapshot: bool = True) -> AbstractContextManager[Session]:
    """The rows of the caller's organisation, to read, waiting for no writer: a snapshot unless told (Database.of)."""
    return get_database().for_organisation(get_caller().organisation_id, write=False, snapshot=snapshot)


def write_session() -> AbstractContextManager[Session]:
    """The rows of the caller's organisation, to change: one transaction, committed at the end."""
    return get_database().for_organisation(get_caller().organisation_id)


def get_database() -> Database:
    """The database of this application."""
    found: Database = current_app.extensions["database"]
    return found


def get_settings() -> Settings:
    """The settings of this application."""
    found: Settings = current_app.extensions["settings"]
    return found


def get_blob_store() -> BlobStore:
    """Where the bytes of files and reports of this application are kept."""
    return BlobStore(get_settings().files)
