"""Recognise the suppliers of a list whose keys are not stored, because the list gained, lost or changed a column of numbers, or
writes names and addresses in another way.

A supplier is found by the same reference in the list before, by the same name and place, by another of its identifiers, or
because it can be nobody else on the two lists (:mod:`service.suppliers.rewritten`). What is only likely is left to
:mod:`service.identity.pairs`, which asks.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session

from service.db.import_tables import Import
from service.db.session import chunks
from service.db.tables import Result, Supplier
from service.identity.pairs import CHUNK, CandidateIndex, get_identity_of, load_suppliers
from service.imports.editions import Named, find_ids, find_previous, is_first
from service.imports.supplier_rows import SupplierRows
from service.suppliers.editions import KEPT_REFERENCES
from service.suppliers.identity import get_key_question, is_place_key
from service.suppliers.key_grades import may_be_another
from service.suppliers.likeness import is_certain
from service.suppliers.rewritten import match_rewritten


class _Previous(NamedTuple):
    """The suppliers of the list before, and whether this one numbers them anew, so that its references contradict nobody."""

    ids: frozenset[str]
    is_renumbered: bool


def recognise(session: Session, import_: Import, groups: Sequence[SupplierRows]) -> list[SupplierRows]:
    """Give the groups of an import whose keys are not stored the keys of the suppliers that they are about beyond doubt.

    The number of groups stays the same: the progress of an import is counted in it.
    """
    result = list(groups)
    if session.scalars(select(Supplier.id).limit(1)).first() is None:
        return result
    ids = {kind: find_ids(session, kind, [g.key for g in groups if g.kind == kind]) for kind in ("agency", "site")}
    if all(not group.rows or group.key in ids[group.kind] for group in groups):
        return result
    previous = _find_previous(session, import_, groups, ids)
    if previous is not None:
        _recognise_by_reference(session, previous, ids, result)
    for kind in ("agency", "site"):
        _recognise_by_place_or_number(
            session, kind, result, is_renumbered=previous is not None and previous.is_renumbered
        )
        if previous is not None:
            _recognise_rewritten(session, kind, previous, result)
    return result


def _find_previous(
    session: Session, import_: Import, groups: Sequence[SupplierRows], ids: Mapping[str, Mapping[str, str]]
) -> _Previous | None:
    """Return the suppliers of the list before this one; None if there is none."""
    if is_first(session, import_):
        return None
    named = [Named(ids[group.kind].get(group.key), group.kind, group.rows[0]) for group in groups if group.rows]
    previous = find_previous(session, import_, named)
    if previous is None:
        return None
    before = session.scalars(select(Result.supplier_id).where(Result.import_id == previous.id).distinct())
    saved = set(session.scalars(select(Result.supplier_id).where(Result.import_id == import_.id)))  # before a restart
    found = [ids[group.kind].get(group.key) for group in groups if get_key_question(group.key) == "reference"]
    known = sum(one is not None and one not in saved for one in found)
    return _Previous(frozenset(before), known < KEPT_REFERENCES * len(found))


def _recognise_by_reference(
    session: Session, previous: _Previous, ids: Mapping[str, Mapping[str, str]], groups: list[SupplierRows]
) -> None:
    """Give groups the keys of the suppliers that the list before this one names by the same reference.

    This concerns references that several sources use for different companies: such a reference counts only within its source,
    and only if nothing contradicts it.
    """
    by_reference = {
        (group.kind, str(group.rows[0]["reference"])): position
        for position, group in enumerate(groups)
        if group.rows and is_place_key(group.key) and group.rows[0].get("reference")
    }
    keys = {(group.kind, group.key) for group in groups}
    for chunk in chunks(sorted({reference for _, reference in by_reference})):
        query = select(Supplier).where(Supplier.reference.in_(chunk))
        for supplier in session.scalars(query.order_by(Supplier.id)):
            position = by_reference.get((supplier.kind, str(supplier.reference)))
            if position is None or supplier.id not in previous.ids or (supplier.kind, supplier.key) in keys:
                continue
            if groups[position].key in ids[supplier.kind] or may_be_another(supplier.answers, groups[position].rows[0]):
                continue
            keys.add((supplier.kind, supplier.key))
            groups[position] = groups[position]._replace(key=supplier.key)
            del by_reference[supplier.kind, str(supplier.reference)]


def _recognise_by_place_or_number(
    session: Session, kind: str, groups: list[SupplierRows], *, is_renumbered: bool
) -> None:
    """Give groups of a kind the key of the one supplier with the same name and place, or the same identifier."""
    stored, unknown = _list_unknown(session, kind, groups)
    named, index = set(stored.values()), CandidateIndex()
    claims: dict[str, list[int]] = {}
    found: dict[str, Supplier] = {}
    for some in chunks(unknown, CHUNK):
        rows = [get_identity_of(_leave_out_reference(groups[position], is_renumbered)) for position in some]
        candidates = [ids - named for ids in index.find(session, kind, rows)]
        suppliers = load_suppliers(session, sorted(set().union(*candidates)))
        for position, row, ids in zip(some, rows, candidates, strict=True):
            certain = [suppliers[one] for one in sorted(ids) if is_certain(row, suppliers[one].answers)]
            if len(certain) == 1:
                claims.setdefault(certain[0].id, []).append(position)
                found[certain[0].id] = certain[0]
    for supplier_id, positions in claims.items():
        if len(positions) == 1:
            groups[positions[0]] = _name(groups[positions[0]], found[supplier_id], is_renumbered)


def _recognise_rewritten(session: Session, kind: str, previous: _Previous, groups: list[SupplierRows]) -> None:
    """Give groups of a kind the keys of the suppliers of the list before that they must be about."""
    stored, unknown = _list_unknown(session, kind, groups)
    named, index = set(stored.values()), CandidateIndex()
    rows = {position: _leave_out_reference(groups[position], previous.is_renumbered) for position in unknown}
    candidates: dict[int, set[str]] = {}
    suppliers: dict[str, Supplier] = {}
    for some in chunks(unknown, CHUNK):
        candidates |= zip(some, index.find(session, kind, [rows[position] for position in some]), strict=True)
        new = set().union(*(candidates[position] for position in some)) - suppliers.keys()
        suppliers |= load_suppliers(session, sorted(new))
    rows |= {
        position: group.rows[0]
        for position, group in enumerate(groups)
        if candidates and group.kind == kind and group.rows and position not in rows
    }
    taken_ids = named | (suppliers.keys() - previous.ids)
    answers = {supplier_id: supplier.answers for supplier_id, supplier in suppliers.items()}
    matched = match_rewritten(rows, answers, candidates, (rows.keys() - set(unknown), taken_ids))
    for position, supplier_id in matched.items():
        groups[position] = _name(groups[position], suppliers[supplier_id], previous.is_renumbered)


def _list_unknown(session: Session, kind: str, groups: Sequence[SupplierRows]) -> tuple[dict[str, str], list[int]]:
    """Return the ids of the suppliers that groups of a kind name, by key, and the positions of those that name none."""
    stored = find_ids(session, kind, [group.key for group in groups if group.kind == kind])
    return stored, [
        position
        for position, group in enumerate(groups)
        if group.kind == kind and group.rows and group.key not in stored
    ]


def _name(group: SupplierRows, supplier: Supplier, is_renumbered: bool) -> SupplierRows:
    """Return a group with the key of the supplier that it is about, which gets the number of the group if it had none or if the
    list is numbered anew.
    """
    rows = group.rows
    if is_place_key(group.key):
        rows = [_replace_reference(row, supplier.answers.get("reference")) for row in group.rows]
    has_old_reference = is_renumbered and get_key_question(supplier.key) == get_key_question(group.key) == "reference"
    gains_number = not is_place_key(group.key) and (is_place_key(supplier.key) or has_old_reference)
    return group._replace(key=supplier.key, rows=rows, number_key=group.key if gains_number else None)


def _leave_out_reference(group: SupplierRows, is_renumbered: bool) -> Mapping[str, Any]:
    """Return the first row of a group, without its reference if that identifies nobody, another supplier, or nobody as yet."""
    row = group.rows[0]
    return _replace_reference(row) if is_renumbered or is_place_key(group.key) else row


def _replace_reference(row: Mapping[str, Any], reference: Any = None) -> Mapping[str, Any]:
    """Return a row with another reference if it has one, or without it."""
    if not row.get("reference"):
        return row
    rest = {question: answer for question, answer in row.items() if question != "reference"}
    return rest if reference is None else {**rest, "reference": reference}
