"""What connected systems call suppliers: set one by one or imported from a CSV file, as a whole or not at all."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from io import StringIO
from typing import Any

from sqlalchemy import and_, delete, select
from sqlalchemy.orm import Session

from questionnaires.parse.answer import FORMULA_GUARD
from questionnaires.text_normalize import fold_text
from service.audit import record_event
from service.connected_systems.systems import get_system
from service.db.session import chunks
from service.db.system_tables import ConnectedSystem, SystemIdentifier
from service.db.tables import Supplier
from service.errors import DomainError, not_found
from service.suppliers.identity import find_suppliers, get_number_key

MAX_IDENTIFIER = 200
MOST_ROWS, MOST_FAULTS = 50_000, 50
DELIMITERS = ",;\t"
KINDS = {"": ("site", "agency"), "site": ("site",), "supplier": ("site",), "agency": ("agency",)}


@dataclass(frozen=True)
class ImportCounts:
    """How many identifiers a file set for the first time and changed, and how many were set already."""

    added: int
    changed: int
    unchanged: int


def list_identifiers(session: Session, supplier: Supplier) -> Sequence[tuple[SystemIdentifier, ConnectedSystem]]:
    """Return what each connected system calls a supplier, in the order of the systems."""
    query = (
        select(SystemIdentifier, ConnectedSystem)
        .join(ConnectedSystem, ConnectedSystem.id == SystemIdentifier.system_id)
        .where(SystemIdentifier.supplier_id == supplier.id)
        .order_by(ConnectedSystem.created_at, ConnectedSystem.id, SystemIdentifier.identifier)
    )
    return [(identifier, system) for identifier, system in session.execute(query)]


def list_by_system(session: Session, supplier_id: str) -> dict[ConnectedSystem, list[SystemIdentifier]]:
    """Return every connected system, oldest first, with what it calls a supplier: nothing, if it does not know it."""
    belongs = and_(SystemIdentifier.system_id == ConnectedSystem.id, SystemIdentifier.supplier_id == supplier_id)
    query = select(ConnectedSystem, SystemIdentifier).outerjoin(SystemIdentifier, belongs)
    query = query.order_by(ConnectedSystem.created_at, ConnectedSystem.id, SystemIdentifier.identifier)
    found: dict[ConnectedSystem, list[SystemIdentifier]] = {}
    for system, identifier in session.execute(query):
        found.setdefault(system, []).extend([identifier] if identifier is not None else [])
    return found


def set_identifier(
    session: Session, supplier: Supplier, system_id: str, identifier: str, at: datetime, by: str
) -> SystemIdentifier:
    """Set what a system calls a supplier, in the place of what it called it before; return it. It is then pushed.

    Raises DomainError: ``not_found``; ``system.identifier``, 422; ``system.identifier_used``, 409.
    """
    system = get_system(session, system_id, lock=True)
    text = identifier.strip()
    _check_identifier(text)
    stored = session.scalars(_select(system.id).where(SystemIdentifier.identifier == text)).first()
    if stored is not None and stored.supplier_id != supplier.id:
        raise DomainError(
            "system.identifier_used", 409, f"Another supplier already has this identifier in {system.name}."
        )
    others = delete(SystemIdentifier).where(
        SystemIdentifier.system_id == system.id,
        SystemIdentifier.supplier_id == supplier.id,
        SystemIdentifier.identifier != text,
    )
    session.execute(others)
    if stored is None:
        stored = _build(system.id, supplier.id, text, at, by)
        session.add(stored)
        session.flush()
    record_event(session, by, "system_identifier.set", supplier.kind, supplier.id, {"system": system.id})
    return stored


def remove_identifier(session: Session, supplier: Supplier, system_id: str, by: str) -> None:
    """Remove what a system calls a supplier: nothing more is pushed about it. Raises DomainError, 404."""
    system = get_system(session, system_id)
    stored = session.scalars(_select(system.id).where(SystemIdentifier.supplier_id == supplier.id)).all()
    if not stored:
        raise not_found("This supplier does not have an identifier in that system.")
    for identifier in stored:
        session.delete(identifier)
    record_event(session, by, "system_identifier.removed", supplier.kind, supplier.id, {"system": system.id})


def import_identifiers(session: Session, system_id: str, text: str, at: datetime, by: str) -> ImportCounts:
    """Set the identifiers of a CSV file with the columns reference, identifier and, if needed, kind ("site" or "agency").

    Raises DomainError: ``not_found``, and ``system.identifier_file``, 422: it names line, column, value and the fix, in
    ``faults`` for each of up to 50, and nothing is saved.
    """
    system = get_system(session, system_id, lock=True)
    lines = _read_lines(text)
    holders: dict[str, str] = {}  # supplier by identifier
    before: dict[str, set[str]] = {}  # identifiers by supplier: several after a merge
    for stored in session.scalars(_select(system.id)):
        holders[stored.identifier] = stored.supplier_id
        before.setdefault(stored.supplier_id, set()).add(stored.identifier)
    found = _find_suppliers(session, [line["reference"] for _, line in lines])
    faults: list[dict[str, Any]] = []
    rows: dict[str, str] = {}  # identifier by supplier
    line_of: dict[str, int] = {}  # by identifier
    for number, line in lines:
        supplier_id, fault = _match(line, found)
        identifier = line["identifier"]
        if fault is None and not _is_identifier(identifier):
            fault = ("identifier", "system.identifier", f"Enter up to {MAX_IDENTIFIER} characters.")
        if fault is None and line_of.setdefault(identifier, number) != number:
            fault = ("identifier", "system.identifier_twice", f"It is also in line {line_of[identifier]}.")
        if fault is None and rows.setdefault(supplier_id, identifier) != identifier:
            fault = (
                "reference",
                "system.supplier_twice",
                "An earlier line gives this supplier a different identifier.",
            )
        if fault is not None:
            faults.append(_describe(number, line, *fault))
    for identifier in rows.values():
        if holders.get(identifier, "") not in rows and identifier in holders:
            fix = "A supplier that is not in the file already has this identifier. Change that supplier's identifier first."
            line = {"reference": "", "identifier": identifier}
            faults.append(_describe(line_of[identifier], line, "identifier", "system.identifier_used", fix))
    if faults:
        more = f" {len(faults) - 1} more problems are listed." if len(faults) > 1 else ""
        raise _refuse(f"Nothing was saved. {faults[0]['text']}{more}", faults[:MOST_FAULTS])
    changed = {id_: identifier for id_, identifier in rows.items() if before.get(id_) != {identifier}}
    for chunk in chunks(sorted(changed)):
        session.execute(
            delete(SystemIdentifier)
            .where(SystemIdentifier.system_id == system.id, SystemIdentifier.supplier_id.in_(chunk))
            .execution_options(synchronize_session="fetch")
        )
    session.add_all(_build(system.id, id_, identifier, at, by) for id_, identifier in sorted(changed.items()))
    session.flush()
    added = len(changed.keys() - before.keys())
    counts = ImportCounts(added, len(changed) - added, len(rows) - len(changed))
    record_event(session, by, "system_identifiers.imported", "connected_system", system.id, vars(counts))
    return counts


def _select(system_id: str) -> Any:
    return select(SystemIdentifier).where(SystemIdentifier.system_id == system_id)


def _build(system_id: str, supplier_id: str, identifier: str, at: datetime, by: str) -> SystemIdentifier:
    return SystemIdentifier(
        system_id=system_id, supplier_id=supplier_id, identifier=identifier, due_since=at, set_by=by, set_at=at
    )


def _is_identifier(text: str) -> bool:
    return 1 <= len(text) <= MAX_IDENTIFIER and text.isprintable()


def _check_identifier(text: str) -> None:
    if not _is_identifier(text):
        raise DomainError("system.identifier", 422, f"Enter an identifier of up to {MAX_IDENTIFIER} characters.")


def _read_lines(text: str) -> list[tuple[int, dict[str, str]]]:
    """Return the lines below the header row, with their numbers; cells by column."""
    first = text.split("\n", 1)[0]
    try:
        body = StringIO(text.removeprefix("\ufeff"), newline="")
        lines = list(csv.reader(body, delimiter=max(DELIMITERS, key=first.count), strict=True))
    except csv.Error as error:
        raise _refuse(f"The file is not valid CSV ({error}). Save it as 'CSV UTF-8' and upload it again.") from error
    columns = [fold_text(cell) for cell in lines[0]] if lines else []
    if not {"reference", "identifier"} <= set(columns) <= {"reference", "identifier", "kind"}:
        raise _refuse("The first row must contain these headers: reference, identifier and, optionally, kind.")
    rows = [
        (number, {"kind": "", "reference": "", "identifier": ""} | dict(zip(columns, map(_clean, line), strict=False)))
        for number, line in enumerate(lines[1:], 2)
        if any(cell.strip() for cell in line)
    ]
    if not rows:
        raise _refuse("The file has no lines below its header row.")
    if len(rows) > MOST_ROWS:
        raise _refuse(f"A file can have at most {MOST_ROWS:,} lines. Split it into several files.")
    return rows


def _clean(cell: str) -> str:
    return FORMULA_GUARD.sub("", cell).strip()


def _find_suppliers(session: Session, references: Sequence[str]) -> dict[tuple[str, str], str]:
    """Return the ids of suppliers by kind and reference, folded as their keys are."""
    keys = sorted({_build_key(reference) for reference in references})
    return {
        (kind, key): supplier.id
        for kind in ("site", "agency")
        for chunk in chunks(keys)
        for key, supplier in find_suppliers(session, kind, chunk).items()
        if supplier.deleted_at is None
    }


def _build_key(reference: str) -> str:
    return get_number_key({}, "reference", reference)


def _match(line: Mapping[str, str], found: Mapping[tuple[str, str], str]) -> tuple[str, tuple[str, str, str] | None]:
    """Return the id of the supplier that a line is about, or what is wrong with it: column, code and fix."""
    kinds = KINDS.get(fold_text(line["kind"]))
    if kinds is None:
        return "", ("kind", "system.kind", "Enter site or agency, or leave the cell empty.")
    key = _build_key(line["reference"])
    ids = [found[kind, key] for kind in kinds if (kind, key) in found]
    if not ids:
        return "", ("reference", "system.unknown_reference", "No supplier has this reference.")
    if len(ids) > 1:
        return "", ("kind", "system.kind", "Both a supplier and an agency have this reference. Specify the kind.")
    return ids[0], None


def _describe(number: int, line: Mapping[str, str], column: str, code: str, fix: str) -> dict[str, Any]:
    seen = line[column][:60]
    return {
        "line": number,
        "column": column,
        "code": code,
        "seen": seen,
        "fix": fix,
        "text": f"Line {number}, column {column}: '{seen}'. {fix}",
    }


def _refuse(detail: str, faults: Sequence[Mapping[str, Any]] = ()) -> DomainError:
    more: dict[str, Any] = {"faults": faults} if faults else {}
    return DomainError("system.identifier_file", 422, detail, **more)
