"""Recognise the suppliers of a list whose keys are not stored, because the list gained or lost a column of numbers.

A supplier is found by the same reference in the list before, by the same name and place, or by another of its identifiers. What
is only likely is left to :mod:`service.identity.pairs`, which asks.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from service.db.import_tables import Import
from service.db.session import chunks
from service.db.tables import Result, Supplier
from service.identity.pairs import CHUNK, CandidateIndex, get_identity_of, load_suppliers
from service.imports.editions import Named, find_ids, find_previous, is_first
from service.imports.supplier_rows import SupplierRows
from service.suppliers.identity import is_place_key
from service.suppliers.key_grades import may_be_another
from service.suppliers.likeness import is_certain


def recognise(session: Session, import_: Import, groups: Sequence[SupplierRows]) -> list[SupplierRows]:
    """Give the groups of an import whose keys are not stored the keys of the suppliers that they are about beyond doubt.

    The number of groups stays the same: the progress of an import is counted in it.
    """
    if session.scalars(select(Supplier.id).limit(1)).first() is None:
        return list(groups)
    result = _recognise_by_reference(session, import_, groups)
    for kind in ("agency", "site"):
        _recognise_by_place_or_number(session, kind, result)
    return result


def _recognise_by_reference(session: Session, import_: Import, groups: Sequence[SupplierRows]) -> list[SupplierRows]:
    """Give groups the keys of the suppliers that the list before this one names by the same reference.

    This concerns references that several sources use for different companies: such a reference counts only within its source,
    and only if nothing contradicts it.
    """
    result = list(groups)
    by_reference = {
        (group.kind, str(group.rows[0]["reference"])): position
        for position, group in enumerate(groups)
        if group.rows and is_place_key(group.key) and group.rows[0].get("reference")
    }
    if not by_reference or is_first(session, import_):
        return result
    ids = {kind: find_ids(session, kind, [g.key for g in groups if g.kind == kind]) for kind in ("agency", "site")}
    named = [Named(ids[group.kind].get(group.key), group.kind, group.rows[0]) for group in groups if group.rows]
    previous = find_previous(session, import_, named)
    if previous is None:
        return result
    keys = {(group.kind, group.key) for group in groups}
    before = select(Result.supplier_id).where(Result.import_id == previous.id)
    for chunk in chunks(sorted({reference for _, reference in by_reference})):
        query = select(Supplier).where(Supplier.reference.in_(chunk), Supplier.id.in_(before))
        for supplier in session.scalars(query.order_by(Supplier.id)):
            position = by_reference.get((supplier.kind, str(supplier.reference)))
            if position is None or (supplier.kind, supplier.key) in keys or result[position].key in ids[supplier.kind]:
                continue
            if not may_be_another(supplier.answers, result[position].rows[0]):
                keys.add((supplier.kind, supplier.key))
                result[position] = result[position]._replace(key=supplier.key)
                del by_reference[supplier.kind, str(supplier.reference)]
    return result


def _recognise_by_place_or_number(session: Session, kind: str, groups: list[SupplierRows]) -> None:
    """Give groups of a kind the key of the one supplier with the same name and place, or the same identifier."""
    keys = [group.key for group in groups if group.kind == kind]
    stored = find_ids(session, kind, keys)
    unknown = [
        position
        for position, group in enumerate(groups)
        if group.kind == kind and group.rows and group.key not in stored
    ]
    named, index = set(stored.values()), CandidateIndex()
    claims: dict[str, list[int]] = {}
    found: dict[str, tuple[str, Any]] = {}  # the key and the reference of each supplier that was recognised
    for some in chunks(unknown, CHUNK):
        rows = [get_identity_of(_replace_reference(groups[position], groups[position].rows[0])) for position in some]
        candidates = [ids - named for ids in index.find(session, kind, rows)]
        suppliers = load_suppliers(session, sorted(set().union(*candidates)))
        for position, row, ids in zip(some, rows, candidates, strict=True):
            certain = [suppliers[one] for one in sorted(ids) if is_certain(row, suppliers[one].answers)]
            if len(certain) == 1:
                claims.setdefault(certain[0].id, []).append(position)
                found[certain[0].id] = certain[0].key, certain[0].answers.get("reference")
    for supplier_id, positions in claims.items():
        if len(positions) == 1:
            group, (key, reference) = groups[positions[0]], found[supplier_id]
            used = [_replace_reference(group, row, reference) for row in group.rows]
            gains_number = is_place_key(key) and not is_place_key(group.key)
            groups[positions[0]] = group._replace(key=key, rows=used, number_key=group.key if gains_number else None)


def _replace_reference(group: SupplierRows, row: Mapping[str, Any], reference: Any = None) -> Mapping[str, Any]:
    """Return a row with another reference, or without one, if its own identifies nobody or another supplier."""
    if not is_place_key(group.key) or not row.get("reference"):
        return row
    rest = {question: answer for question, answer in row.items() if question != "reference"}
    return rest if reference is None else {**rest, "reference": reference}
