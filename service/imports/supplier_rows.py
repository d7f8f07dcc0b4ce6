"""Group the rows of an import by supplier, join those of merged suppliers, and say which suppliers are already stored."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session

from questionnaires.issues import Issue, build_issue
from questionnaires.parse.answer import RESERVED_ANSWERS
from service.assessment.assess import Batch
from service.db.session import chunks
from service.db.tables import Supplier
from service.imports.pipeline import ParsedUpload
from service.suppliers import identity
from service.suppliers.agency_links import collect_name_keys
from service.suppliers.identity import KEYED, group_by_key, rekey_to_survivor, supplier_keys
from service.suppliers.merge_rules import mask_with_practice


class SupplierRows(NamedTuple):
    """One supplier of an import: its key, all its rows (none: they were joined to those of the supplier it was merged into),
    the place of the first row, and for an agency the keys of all names they give it.
    """

    kind: str
    key: str
    rows: Sequence[Mapping[str, Any]]
    place: Mapping[str, Any]
    names: set[str]


def group_by_supplier(
    parsed: ParsedUpload, answers_of: Mapping[int, Sequence[Mapping[str, Any]]]
) -> list[SupplierRows]:
    """Group the rows of an import by supplier, agencies first, across files and sheets."""
    groups = []
    for kind in ("agency", "site"):
        batches = [batch for batch in parsed.batches if batch.kind == kind]
        places = [(batch, j) for batch in batches for j in range(len(batch.rows))]
        keys = [key for batch in batches for key in supplier_keys(batch.answers)]
        for positions in group_by_key(keys):
            batch, j = places[positions[0]]
            place = {"file": batch.file, "sheet": batch.sheet, "row": int(batch.rows[j])}
            rows = [answers_of[id(places[position][0])][places[position][1]] for position in positions]
            groups.append(
                SupplierRows(
                    kind, keys[positions[0]], rows, place, collect_name_keys(rows) if kind == "agency" else set()
                )
            )
    return groups


def join_merged_suppliers(session: Session, groups: Sequence[SupplierRows]) -> list[SupplierRows]:
    """Append the rows of merged suppliers to those of their survivors.

    The number of groups stays the same: the progress of an import is counted in it, whatever is merged in the meantime.
    """
    result, first = list(groups), {(group.kind, group.key): position for position, group in enumerate(groups)}
    for kind in ("agency", "site"):
        positions = [position for position, group in enumerate(groups) if group.kind == kind]
        merged = identity.find_merged(session, kind, [groups[position].key for position in positions])
        for position in positions if merged else ():
            group, survivor = groups[position], merged.get(groups[position].key)
            if survivor is None:
                continue
            rows = [rekey_to_survivor(survivor.answers, row) for row in group.rows]
            survivor_position = first.setdefault((kind, survivor.key), position)
            if survivor_position == position:
                result[position] = group._replace(key=survivor.key, rows=rows)
            else:
                survivor_rows = result[survivor_position]
                result[survivor_position] = survivor_rows._replace(
                    rows=[*survivor_rows.rows, *rows], names=survivor_rows.names | group.names
                )
                result[position] = group._replace(rows=())
    return result


def list_known_supplier_issues(session: Session, parsed: ParsedUpload) -> list[Issue]:
    """List how many suppliers of each sheet are already stored, and which of their answers are kept."""
    issues = []
    for batch in parsed.batches:
        keys = supplier_keys(batch.answers)
        merged = identity.find_merged(session, batch.kind, keys)
        if merged:
            seen = _describe_merged(batch, keys, merged)
            issues.append(build_issue("known.merged", file=batch.file, sheet=batch.sheet, seen=seen))
            keys = [merged[key].key if key in merged else key for key in keys]
        stored_keys: set[str] = set()
        for some in chunks(keys):
            query = select(Supplier.key).where(Supplier.kind == batch.kind, Supplier.key.in_(some))
            stored_keys.update(session.scalars(query))
        # A returned form contains answers or declined answers, even if it is entirely blank.
        came_back = (batch.file, batch.sheet) in parsed.request_ids
        has_answers = mask_with_practice(batch.answers, batch.kind) | came_back
        answered_keys = {key for key, says in zip(keys, has_answers.tolist(), strict=True) if says} & stored_keys
        for code, known in (("known.listed", stored_keys - answered_keys), ("known.answers", answered_keys)):
            if known:
                seen = f"{len(known):,} of {len(set(keys)):,} suppliers {'is' if len(known) == 1 else 'are'}"
                issues.append(build_issue(code, file=batch.file, sheet=batch.sheet, seen=seen))
    return issues


def _describe_merged(batch: Batch, keys: Sequence[str], merged: Mapping[str, Supplier]) -> str:
    """Describe which rows of a sheet name merged suppliers, and which suppliers they now mean: "'S-2' (now 'S-1')"."""
    listed = list(merged)[:5]
    rows = batch.answers.take([keys.index(key) for key in listed]).to_rows()
    pairs = [(_display_name(row), _display_name(merged[key].answers)) for key, row in zip(listed, rows, strict=True)]
    more = [f"{len(merged) - len(listed)} more"] if len(merged) > len(listed) else []
    return ", ".join([*(f"'{old}' (now '{survivor}')" for old, survivor in pairs), *more])


def _display_name(answers: Mapping[str, Any]) -> str:
    return next(
        (str(answers[question]) for question in KEYED if answers.get(question) not in (None, *RESERVED_ANSWERS)), ""
    )
