"""Connected systems of an organisation: where they are, how Diligence signs in, and which of their fields get which values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import orjson
from sqlalchemy import CursorResult, delete, func, null, select, update
from sqlalchemy.orm import Session

from service.audit import record_event
from service.clock import now
from service.connected_systems.hosts import Host, check_mapping, check_options, get_host
from service.db.system_tables import ConnectedSystem, SystemIdentifier, SystemPush
from service.db.tables import Supplier, new_id
from service.errors import DomainError, not_found
from service.outbox.addresses import parse_url
from service.outbox.pushes import CREDENTIALS_PURPOSE, mark_system
from service.secret_keys import DamagedValue, UnknownKey, decrypt, encrypt

MAX_SYSTEMS = 20
MAX_SECRET = 500  # characters
PUSHES_SHOWN, REFUSALS_SHOWN = 20, 100


@dataclass(frozen=True)
class Credentials:
    """How to sign in: a client ID and secret (OAuth 2.0), or a user name and password. ``api_key``: the application key that SAP
    Ariba wants besides; "" for others.
    """

    sign_in: str
    client_id: str
    secret: str
    api_key: str = ""


@dataclass(frozen=True, kw_only=True)
class SystemForm:
    """What is entered about a system; None leaves what is stored. ``credentials``: None to keep those that are stored."""

    name: str | None = None
    address: str | None = None
    options: Mapping[str, str] | None = None
    mapping: Mapping[str, str] | None = None
    credentials: Credentials | None = None
    enabled: bool | None = None


@dataclass(frozen=True)
class Status:
    """How pushing to a system goes: suppliers that it knows, that wait, and that it refused; and when it last took one."""

    known: int
    waiting: int
    refused: int
    last_sent_at: datetime | None


class CredentialsLost(Exception):
    """The credentials of a system cannot be read: no secret key of the installation decrypts them, or none were entered."""


def list_systems(session: Session) -> Sequence[ConnectedSystem]:
    """Return all systems, oldest first."""
    return session.scalars(select(ConnectedSystem).order_by(ConnectedSystem.created_at, ConnectedSystem.id)).all()


def get_system(session: Session, system_id: str, *, lock: bool = False) -> ConnectedSystem:
    """Return a system by id, locked for update if asked. Raises DomainError, 404."""
    query = select(ConnectedSystem).where(ConnectedSystem.id == system_id)
    system = session.scalars(query.with_for_update() if lock else query).first()
    if system is None:
        raise not_found("Connected system not found.")
    return system


def create_system(
    session: Session, kind: str, form: SystemForm, secret_keys: Sequence[bytes], by: str, *, plain_http: bool = False
) -> ConnectedSystem:
    """Create a system, with the default mapping of its kind unless one is given; return it. It is not enabled unless asked.

    Raises DomainError: ``system.name``, ``system.address``, ``system.option``, ``system.mapping``, ``system.credentials``,
    ``system.too_many``, 422, and ``not_found``.
    """
    host = get_host(kind)
    if session.scalars(select(func.count(ConnectedSystem.id))).one() >= MAX_SYSTEMS:
        raise DomainError("system.too_many", 422, f"An organisation can have up to {MAX_SYSTEMS} connected systems.")
    system = ConnectedSystem(
        id=new_id(), kind=kind, name="", address="", mapping=dict(host.mapping), created_by=by, created_at=now()
    )
    given = SystemForm(
        name=form.name or host.title,
        address=form.address or "",
        options=form.options or {},
        mapping=form.mapping,
        credentials=form.credentials,
        enabled=form.enabled,
    )
    _apply(system, host, given, secret_keys, plain_http=plain_http)
    session.add(system)
    session.flush()
    record_event(session, by, "connected_system.created", "connected_system", system.id, {"kind": kind})
    return system


def change_system(
    session: Session,
    system_id: str,
    form: SystemForm,
    secret_keys: Sequence[bytes],
    by: str,
    *,
    plain_http: bool = False,
) -> ConnectedSystem:
    """Change what is given, and return the system; its suppliers are then pushed again where values differ.

    Raises DomainError as :func:`create_system` does.
    """
    system = get_system(session, system_id, lock=True)
    _apply(system, get_host(system.kind), form, secret_keys, plain_http=plain_http)
    system.version += 1
    system.failing_since = system.paused_until = system.code = None
    mark_system(session, system.id, now())
    fields = [name for name, value in vars(form).items() if value is not None]
    record_event(session, by, "connected_system.changed", "connected_system", system.id, {"fields": fields})
    return system


def delete_system(session: Session, system_id: str, by: str) -> None:
    """Delete a system with the identifiers of its suppliers; the values that it has stay there. Raises DomainError, 404."""
    system = get_system(session, system_id, lock=True)
    record_event(session, by, "connected_system.deleted", "connected_system", system.id)
    session.delete(system)


def push_now(session: Session, system_id: str, by: str, *, everything: bool = False) -> ConnectedSystem:
    """Have what differs pushed at once, also what was refused before; ``everything``: also what does not differ.

    Raises DomainError: ``not_found``, and ``system.disabled``, 409.
    """
    system = get_system(session, system_id, lock=True)
    if not system.enabled:
        raise DomainError("system.disabled", 409, "Enable the connected system first.")
    system.paused_until = None
    if everything:
        of_system = update(SystemIdentifier).where(SystemIdentifier.system_id == system.id)
        session.execute(of_system.values(sent=null()).execution_options(synchronize_session=False))
    mark_system(session, system.id, now())
    record_event(session, by, "connected_system.pushed", "connected_system", system.id, {"everything": int(everything)})
    return system


def get_status(session: Session, system: ConnectedSystem) -> Status:
    """Return how pushing to a system goes."""
    of_system = SystemIdentifier.system_id == system.id
    columns = (
        func.count(SystemIdentifier.id),
        func.count(SystemIdentifier.due_since),
        func.count(SystemIdentifier.refused_code),
        func.max(SystemIdentifier.sent_at),
    )
    return Status(*session.execute(select(*columns).where(of_system)).one())


def list_pushes(session: Session, system: ConnectedSystem, limit: int = PUSHES_SHOWN) -> Sequence[SystemPush]:
    """Return the last attempts to push to a system, newest first."""
    query = select(SystemPush).where(SystemPush.system_id == system.id)
    return session.scalars(query.order_by(SystemPush.number.desc()).limit(limit)).all()


def list_refusals(session: Session, system: ConnectedSystem) -> Sequence[tuple[SystemIdentifier, Supplier]]:
    """Return the first hundred suppliers whose values a system refused last, each with its identifier, newest refusal first."""
    query = (
        select(SystemIdentifier, Supplier)
        .join(Supplier, Supplier.id == SystemIdentifier.supplier_id)
        .where(SystemIdentifier.system_id == system.id, SystemIdentifier.refused_code.is_not(None))
        .order_by(SystemIdentifier.refused_at.desc(), SystemIdentifier.id)
    )
    return [(identifier, supplier) for identifier, supplier in session.execute(query.limit(REFUSALS_SHOWN))]


def read_credentials(system: ConnectedSystem, secret_keys: Sequence[bytes]) -> Credentials:
    """Return the credentials of a system. Raises CredentialsLost."""
    try:
        data = decrypt(secret_keys, system.credentials, CREDENTIALS_PURPOSE, system.id)
    except (UnknownKey, DamagedValue) as error:
        raise CredentialsLost(system.id) from error
    return Credentials(**orjson.loads(data))


def purge_pushes(session: Session, before: datetime) -> int:
    """Delete the attempts to push that were made before a moment; return how many."""
    removed = session.execute(delete(SystemPush).where(SystemPush.at < before))
    assert isinstance(removed, CursorResult)
    return removed.rowcount


def _apply(
    system: ConnectedSystem, host: Host, form: SystemForm, secret_keys: Sequence[bytes], *, plain_http: bool
) -> None:
    if form.name is not None:
        if not 1 <= len(form.name.strip()) <= 100 or not form.name.isprintable():
            raise DomainError("system.name", 422, "Enter a name of up to 100 characters.")
        system.name = form.name.strip()
    receivers = _list_receivers(system)
    if form.options is not None:
        system.options = check_options(host, {**(system.options or {}), **form.options})
    if form.address is not None:
        system.address = form.address.rstrip("/")
    if _list_receivers(system) != receivers or not system.address:
        for address in _list_receivers(system):
            _check_address(address, plain_http=plain_http)
        system.credentials = ""  # nobody can have stored credentials sent somewhere else
    if form.mapping is not None:
        system.mapping = check_mapping(host, form.mapping)
    if form.credentials is not None:
        _check_credentials(host, form.credentials)
        data = orjson.dumps(form.credentials)
        system.credentials = encrypt(secret_keys, data, CREDENTIALS_PURPOSE, system.id)
    if form.enabled and not system.credentials:
        raise DomainError("system.credentials", 422, "Enter the credentials before you enable the connected system.")
    if form.enabled is not None or not system.credentials:
        system.enabled = bool(form.enabled) and bool(system.credentials)


def _list_receivers(system: ConnectedSystem) -> list[str]:
    """Return the addresses to which the credentials of a system are sent."""
    token_address = (system.options or {}).get("token_address")
    return [system.address, *([token_address] if token_address else [])]


def _check_address(address: str, *, plain_http: bool) -> None:
    try:
        parts = parse_url(address, plain_http=plain_http)
    except DomainError as error:
        raise DomainError("system.address", 422, error.detail) from error
    if parts.query:
        raise DomainError("system.address", 422, "Enter the address without the question mark and anything after it.")


def _check_credentials(host: Host, credentials: Credentials) -> None:
    entered = (credentials.client_id, credentials.secret)
    if credentials.sign_in not in host.sign_in:
        raise DomainError("system.credentials", 422, f"For {host.title}, sign in with {' or '.join(host.sign_in)}.")
    if not all(1 <= len(text) <= MAX_SECRET and text.isprintable() for text in entered):
        raise DomainError("system.credentials", 422, "Enter the client ID and secret, or the user name and password.")
    api_key = credentials.api_key
    if len(api_key) > MAX_SECRET or not api_key.isprintable() or bool(api_key) != host.needs_api_key:
        sentence = "needs an application key" if host.needs_api_key else "does not use an application key"
        raise DomainError("system.credentials", 422, f"{host.title} {sentence}.")
