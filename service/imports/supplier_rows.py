"""Group the rows of an import by supplier, join those of merged suppliers, and say which suppliers are already stored."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
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
from service.suppliers.identity import (
    KEYED,
    KnownSupplier,
    Matched,
    RowKey,
    group_by_key,
    has_suppliers,
    match_to_stored,
    rekey_to_survivor,
    take_identity,
)
from service.suppliers.merge_rules import mask_with_practice


class SupplierRows(NamedTuple):
    """One supplier of an import: its key, all its rows (none: they were joined to those of another group), the place of the
    first row, and for an agency the keys of all names they give it.

    ``doubtful``: see :class:`RowKey`. ``by_alias``: whether it is found by the key of a supplier that was merged into it.
    ``number_key``: the key by the number of its rows, of a supplier that is stored by its name and place. ``position``: among the
    suppliers of the import, in the order of its files. ``place_and_sector``: country and sector, as the files give them.
    """

    kind: str
    key: str
    rows: Sequence[Mapping[str, Any]]
    place: Mapping[str, Any]
    names: set[str]
    doubtful: str | None = None
    by_alias: bool = False
    number_key: str | None = None
    position: int = 0
    place_and_sector: tuple[str, str] = ("", "")


def group_by_supplier(
    parsed: ParsedUpload, answers_of: Mapping[int, Sequence[Mapping[str, Any]]]
) -> list[SupplierRows]:
    """Group the rows of an import by supplier, agencies first, across files and sheets."""
    groups: list[SupplierRows] = []
    for kind in ("agency", "site"):
        batches = [batch for batch in parsed.batches if batch.kind == kind]
        places = [(batch, j) for batch in batches for j in range(len(batch.rows))]
        row_keys = parsed.row_keys[kind]
        columns = [[text for batch in batches for text in _list_texts(batch, q)] for q in ("country", "sector")]
        places_and_sectors = list(zip(*columns, strict=True))
        for positions in group_by_key([row_key.key for row_key in row_keys]):
            batch, j = places[positions[0]]
            place = {"file": batch.file, "sheet": batch.sheet, "row": int(batch.rows[j])}
            rows = [answers_of[id(places[position][0])][places[position][1]] for position in positions]
            groups.append(
                SupplierRows(
                    kind,
                    row_keys[positions[0]].key,
                    rows,
                    place,
                    collect_name_keys(rows) if kind == "agency" else set(),
                    row_keys[positions[0]].doubtful,
                    position=len(groups),
                    place_and_sector=places_and_sectors[positions[0]],
                )
            )
    return groups


def _list_texts(batch: Batch, question: str) -> list[str]:
    values, codes = batch.answers.column(question)
    texts = [*map(str, values), ""]  # code -1 is the last one, which is no answer
    return [texts[code] for code in codes.tolist()]


def match_groups(session: Session, groups: Sequence[SupplierRows]) -> list[SupplierRows]:
    """Give the groups of an import the keys of the suppliers that are stored (:func:`match_to_stored`), and join those of
    merged suppliers.

    The number of groups stays the same: the progress of an import is counted in it, whatever is stored in the meantime.
    """
    result, first = list(groups), {(group.kind, group.key): position for position, group in enumerate(groups)}
    for kind in ("agency", "site"):
        of_kind = {RowKey(group.key, group.doubtful): group.rows[0] for group in groups if group.kind == kind}
        for key, stored_key in match_to_stored(session, kind, of_kind).keys.items():
            _move_rows(result, first, first[kind, key], stored_key)
    return join_merged_suppliers(session, result)


def _move_rows(
    groups: list[SupplierRows], first: dict[tuple[str, str], int], position: int, key: str, rows: Any = None
) -> None:
    """Move the rows of a group to the one with another key, or give it that key if there is none."""
    group = groups[position]
    rows = group.rows if rows is None else rows
    other = first.setdefault((group.kind, key), position)
    if other == position:
        groups[position] = group._replace(key=key, rows=rows)
    else:
        groups[other] = groups[other]._replace(
            rows=[*groups[other].rows, *rows], names=groups[other].names | group.names
        )
        groups[position] = group._replace(rows=())


def join_merged_suppliers(session: Session, groups: Sequence[SupplierRows]) -> list[SupplierRows]:
    """Append the rows of merged suppliers to those of their survivors.

    The number of groups stays the same.
    """
    result, first = (
        list(groups),
        {(group.kind, group.key): position for position, group in enumerate(groups) if group.rows},
    )
    for kind in ("agency", "site"):
        positions = [position for position, group in enumerate(groups) if group.kind == kind and group.rows]
        merged = identity.find_merged(session, kind, [groups[position].key for position in positions])
        for position in positions if merged else ():
            survivor = merged.get(groups[position].key)
            if survivor is not None:
                rows = [rekey_to_survivor(survivor.answers, row) for row in groups[position].rows]
                _move_rows(result, first, position, survivor.key, rows)
                result[position] = result[position]._replace(by_alias=True)
    return result


def list_known_supplier_issues(
    session: Session, parsed: ParsedUpload, recognised: Mapping[tuple[str, str], str]
) -> list[Issue]:
    """List how many suppliers of each sheet are already stored, which of their answers are kept, and whose number a supplier
    with another name has. ``recognised``: the keys of stored suppliers, by kind and the key that a row would have.
    """
    issues: list[Issue] = []
    if not has_suppliers(session):
        return issues
    for kind in ("agency", "site"):
        batches = [batch for batch in parsed.batches if batch.kind == kind]
        rows = [row for batch in batches for row in take_identity(batch.answers)]
        row_keys = parsed.row_keys[kind]
        matched = match_to_stored(session, kind, dict(zip(reversed(row_keys), reversed(rows), strict=True)))
        start = 0
        for batch in batches:
            end = start + len(batch.rows)
            keys = [matched.keys.get(row_key.key, row_key.key) for row_key in row_keys[start:end]]
            issues += _list_strangers(batch, keys, matched)
            keys = [recognised.get((kind, key), key) for key in keys]
            issues += _list_known(session, parsed, batch, keys, matched.stored_numbers)
            start = end
    return issues


def _list_strangers(batch: Batch, keys: Sequence[str], matched: Matched) -> list[Issue]:
    """List the rows of a sheet whose number a stored supplier with another name has: "'Birch' (stored: 'Alder')"."""
    strangers: dict[str, KnownSupplier] = {key: matched.strangers[key] for key in keys if key in matched.strangers}
    if not strangers:
        return []
    listed = list(strangers)[:5]
    rows = batch.answers.take([keys.index(key) for key in listed]).to_rows()
    pairs = [
        f"'{_get_name(row)}' (stored: '{_get_name(strangers[key].answers)}')"
        for key, row in zip(listed, rows, strict=True)
    ]
    more = [f"{len(strangers) - len(listed)} more"] if len(strangers) > len(listed) else []
    return [
        build_issue(
            "key.other_name", file=batch.file, sheet=batch.sheet, seen=", ".join([*pairs, *more]), count=len(strangers)
        )
    ]


def _list_known(
    session: Session, parsed: ParsedUpload, batch: Batch, keys: list[str], stored_numbers: Collection[str]
) -> list[Issue]:
    issues = []
    merged = identity.find_merged(session, batch.kind, keys)
    if merged:
        seen = _describe_merged(batch, keys, merged)
        issues.append(build_issue("known.merged", file=batch.file, sheet=batch.sheet, seen=seen))
        keys = [merged[key].key if key in merged else key for key in keys]
    stored_keys = {key for key in keys if key in stored_numbers}
    for some in chunks([key for key in keys if key not in stored_numbers]):
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


def _get_name(answers: Mapping[str, Any]) -> str:
    return str(answers.get("name") or answers.get("name_local") or "")


def _display_name(answers: Mapping[str, Any]) -> str:
    return next(
        (str(answers[question]) for question in KEYED if answers.get(question) not in (None, *RESERVED_ANSWERS)), ""
    )
