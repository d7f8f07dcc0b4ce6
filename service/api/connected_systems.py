"""API views of connected systems: kinds, systems, pushes, files, and what they call suppliers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, cast

from flask import Response
from sqlalchemy.orm import Session

from service.api.responses import Reply, attachment, check_version, whole_list
from service.api.schemas.base import Resource
from service.auth.caller import get_caller, get_service_address, get_settings, read_session
from service.clock import now, today
from service.connected_systems import identifiers, systems
from service.connected_systems.files import FORMATS, MEDIA_TYPES, build_file
from service.connected_systems.hosts import Host, load_hosts
from service.connected_systems.systems import Credentials, SystemForm
from service.db.system_tables import ConnectedSystem, SystemIdentifier
from service.errors import not_found
from service.suppliers import repository as suppliers

Values = Mapping[str, Any]


def list_kinds(session: Session) -> Reply:
    """Return the kinds of systems that scores can be written to."""
    return whole_list([_kind(host) for host in load_hosts().values()])


def list_systems(session: Session) -> Reply:
    """Return all connected systems, oldest first."""
    return whole_list([_system(session, system) for system in systems.list_systems(session)])


def get_system(session: Session, system_id: str) -> Reply:
    """Return a connected system, without its credentials."""
    system = systems.get_system(session, system_id)
    return Reply(_system(session, system), etag=str(system.version))


def create_system(session: Session, body: Values) -> Reply:
    """Create a connected system."""
    settings, by = get_settings(), get_caller().actor
    given = {name: value for name, value in body.items() if name != "kind"}
    system = systems.create_system(
        session, body["kind"], _form(given), settings.get_secret_keys(), by, plain_http=settings.webhook_plain_http
    )
    return Reply(_system(session, system), 201, {"Location": f"/api/v1/connected-systems/{system.id}"})


def change_system(session: Session, system_id: str, body: Values) -> Reply:
    """Change the given fields of a connected system, and return it."""
    settings, by = get_settings(), get_caller().actor
    check_version(str(systems.get_system(session, system_id, lock=True).version))
    system = systems.change_system(
        session, system_id, _form(body), settings.get_secret_keys(), by, plain_http=settings.webhook_plain_http
    )
    session.flush()
    return Reply(_system(session, system), etag=str(system.version))


def delete_system(session: Session, system_id: str) -> Reply:
    """Delete a connected system, with its supplier identifiers."""
    check_version(str(systems.get_system(session, system_id, lock=True).version))
    systems.delete_system(session, system_id, get_caller().actor)
    return Reply(None, 204)


def push_now(session: Session, system_id: str, body: Values) -> Reply:
    """Have what differs pushed at once."""
    everything = body.get("everything", False)
    system = systems.push_now(session, system_id, get_caller().actor, everything=everything)
    session.flush()
    return Reply(_system(session, system), 202)


def list_pushes(session: Session, system_id: str) -> Reply:
    """Return the last attempts to push, newest first."""
    return whole_list(list(systems.list_pushes(session, systems.get_system(session, system_id))))


def list_refusals(session: Session, system_id: str) -> Reply:
    """Return the first hundred suppliers that the system did not take last time."""
    found = systems.list_refusals(session, systems.get_system(session, system_id))
    return whole_list([Resource(identifier, kind=one.kind, name=one.name) for identifier, one in found])


def download_file(system_id: str, format: str) -> Response:  # noqa: A002  the name in the address
    """Return the values of all suppliers that the system knows, as a file."""
    if format not in FORMATS:
        raise not_found("This format is not available.")
    on = today(get_caller().time_zone)
    with read_session() as session:
        system = systems.get_system(session, system_id)
        data = build_file(session, system, cast(Literal["csv", "jsonl"], format), get_service_address(), on)
    return attachment(data, MEDIA_TYPES[format], f"{system.kind}_{on.isoformat()}.{format}")


def upload_identifiers(session: Session, system_id: str, body: Values) -> Reply:
    """Set the identifiers of a CSV file, all or none."""
    return Reply(identifiers.import_identifiers(session, system_id, body["csv"], now(), get_caller().actor))


def list_identifiers(session: Session, kind: str, supplier_id: str) -> Reply:
    """Return what each connected system calls a supplier."""
    supplier = suppliers.get_supplier(session, kind, supplier_id)
    return whole_list([_identifier(row, system) for row, system in identifiers.list_identifiers(session, supplier)])


def put_identifier(session: Session, kind: str, supplier_id: str, system_id: str, body: Values) -> Reply:
    """Set what a connected system calls a supplier."""
    supplier = suppliers.get_supplier(session, kind, supplier_id)
    by = get_caller().actor
    row = identifiers.set_identifier(session, supplier, system_id, body["identifier"], now(), by)
    return Reply(_identifier(row, systems.get_system(session, system_id)))


def delete_identifier(session: Session, kind: str, supplier_id: str, system_id: str) -> Reply:
    """Remove what a connected system calls a supplier."""
    supplier = suppliers.get_supplier(session, kind, supplier_id)
    identifiers.remove_identifier(session, supplier, system_id, get_caller().actor)
    return Reply(None, 204)


def _form(body: Values) -> SystemForm:
    credentials = body.get("credentials")
    return SystemForm(**{**body, "credentials": Credentials(**credentials) if credentials else None})


def _kind(host: Host) -> Resource:
    return Resource(host, kinds=sorted(host.kinds), options=list(host.options.values()))


def _system(session: Session, system: ConnectedSystem) -> Resource:
    status = systems.get_status(session, system)
    return Resource(system, has_credentials=bool(system.credentials), **vars(status))


def _identifier(row: SystemIdentifier, system: ConnectedSystem) -> Resource:
    return Resource(row, system=system.name, waiting=row.due_since is not None)
