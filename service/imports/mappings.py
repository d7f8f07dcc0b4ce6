"""Mappings of columns that were confirmed by hand, remembered per organisation for the next file with the same headers.

Kept are the headers of a sheet and the questions that they answer: no values, and no headers of columns of personal data. A
mapping is looked up by the fingerprint of the headers and the kind of the sheet. A choice in the import itself goes before it,
and a column whose values contradict it is asked about again (:func:`questionnaires.validation.match.find_doubted`).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session

from questionnaires.form import load_combined_form
from questionnaires.person_detection import MASK, detect_personal_column, detect_personal_data
from questionnaires.text_normalize import fold_text
from questionnaires.validation.personal_columns import DROPPED
from service.audit import record_event
from service.clock import now
from service.db.account_tables import User
from service.db.import_tables import ColumnMapping, Import
from service.errors import DomainError
from service.imports.pipeline import FileView

KINDS = ("site", "agency", "buyer")  # not of case records
COMPARED = 50  # characters of a header that are compared: long ones are cut where a sheet is only shown
NO_TABLE = "site"  # the kind of a sheet that was not understood, until somebody says another


class SheetMapping(NamedTuple):
    """A remembered mapping and the sheet of an import that it fits."""

    file: str
    sheet: str
    mapping: ColumnMapping

    def describe(self, columns: Mapping[str, str]) -> dict[str, Any]:
        """Return it as an import stores and shows it, with those of its columns that were used."""
        return {
            "file": self.file,
            "sheet": self.sheet,
            "mapping_id": self.mapping.id,
            "confirmed_at": self.mapping.confirmed_at.isoformat(),
            "confirmed_by": self.mapping.confirmed_by,
            "columns": dict(columns),
        }


def compute_fingerprint(headers: Iterable[str], kind: str) -> str:
    """Return the fingerprint of the headers of a sheet, in any order, and its kind."""
    words = {fold_text(" ".join(header.split())[:COMPARED]) for header in headers if not _is_personal(header)}
    return hashlib.sha256("\n".join([kind, *sorted(words - {"", MASK})]).encode()).hexdigest()


def _is_personal(header: str) -> bool:
    return detect_personal_column(header) is not None or detect_personal_data(header) is not None


def find_remembered(session: Session, seen: Mapping[str, FileView], kind: str | None) -> list[SheetMapping]:
    """Return the remembered mapping of each sheet that has one. ``kind``: the one that was chosen for the files."""
    candidates = {
        (file, view["name"], fingerprint): None
        for file, content in seen.items()
        for view in content.views
        for fingerprint in _list_fingerprints(content, view, kind)
    }
    wanted = {fingerprint for _, _, fingerprint in candidates}
    statement = select(ColumnMapping).where(ColumnMapping.fingerprint.in_(wanted))
    stored = {mapping.fingerprint: mapping for mapping in session.scalars(statement)} if wanted else {}
    found: dict[tuple[str, str], SheetMapping] = {}
    for file, sheet, fingerprint in candidates:
        if fingerprint in stored:
            found.setdefault((file, sheet), SheetMapping(file, sheet, stored[fingerprint]))
    return list(found.values())


def _list_fingerprints(content: FileView, view: Mapping[str, Any], kind: str | None) -> Iterable[str]:
    """Yield the fingerprints of what may be the headers of a sheet: those that were read, then each of its first rows."""
    read = next((sheet for sheet in content.sheets if sheet["name"] == view["name"]), None)
    if read is not None and read["kind"] in KINDS:
        yield compute_fingerprint(_list_headers(read), read["kind"])
    for headers in (view["headers"], *view["first_rows"]):
        if any(headers):
            yield compute_fingerprint(headers, read["kind"] if read is not None else kind or NO_TABLE)


def _list_headers(sheet: Mapping[str, Any]) -> list[str]:
    return list(dict.fromkeys([*sheet["columns"].values(), *sheet["unmapped"]]))


def list_used(remembered: Sequence[SheetMapping], seen: Mapping[str, FileView]) -> list[dict[str, Any]]:
    """List the remembered mappings that were used when files were read, with the columns that were read as remembered."""
    used = []
    for found in remembered:
        read = next((sheet for sheet in seen[found.file].sheets if sheet["name"] == found.sheet), None)
        if read is None:
            continue
        columns = {
            question: header
            for question, header in found.mapping.columns.items()
            if fold_text(read["columns"].get(question, "")) == fold_text(header)
        }
        if columns:
            used.append(found.describe(columns))
    return used


def remember_columns(
    session: Session, import_: Import, chosen: Mapping[tuple[str, str], Mapping[str, str]], by: str
) -> None:
    """Remember the columns that were chosen by hand in an import that is confirmed. ``chosen``: by file and sheet, question ->
    header ("" for a question that no column answers).
    """
    found = import_.found or {}
    dropped = {
        (issue["file"], issue["sheet"], issue["header"])
        for issue in found.get("issues", ())
        if issue["code"] == DROPPED
    }
    for file in found.get("files", ()):
        for sheet in file["sheets"]:
            place = (file["name"], sheet["name"])
            columns = _keep_what_was_read(sheet, chosen.get(place, {}))
            # "Column A" of one list without headers says nothing of the next.
            if columns and sheet["kind"] in KINDS and sheet.get("header_row") != 0:
                headers = [
                    header
                    for header in _list_headers(sheet)
                    if (*place, header) not in dropped and (not _is_personal(header) or header in columns.values())
                ]
                _store(
                    session,
                    sheet["kind"],
                    headers,
                    compute_fingerprint(_list_headers(sheet), sheet["kind"]),
                    columns,
                    by,
                )


def _keep_what_was_read(sheet: Mapping[str, Any], chosen: Mapping[str, str]) -> dict[str, str]:
    """Return the choices for a sheet that it was read with, with the headers as they are in it."""
    form, read = load_combined_form(sheet["kind"]), sheet["columns"]
    return {
        question: read.get(question, "")
        for question, header in chosen.items()
        if question in form.by_id
        and not form.by_id[question].person
        and fold_text(read.get(question, "")) == fold_text(header)
    }


def _store(
    session: Session, kind: str, headers: Sequence[str], fingerprint: str, columns: Mapping[str, str], by: str
) -> None:
    mapping = session.scalars(select(ColumnMapping).where(ColumnMapping.fingerprint == fingerprint)).first()
    if mapping is None:
        mapping = ColumnMapping(kind=kind, fingerprint=fingerprint, columns={})
        session.add(mapping)
    earlier = {
        question: header for question, header in mapping.columns.items() if not header or header not in columns.values()
    }
    mapping.headers, mapping.columns = list(headers), {**earlier, **columns}
    mapping.confirmed_by, mapping.confirmed_at = by, now()
    session.flush()
    record_event(session, by, "mapping.remembered", "column_mapping", mapping.id, {"questions": sorted(columns)})


def list_mappings(session: Session) -> Sequence[ColumnMapping]:
    """List the remembered mappings, the latest first."""
    return session.scalars(select(ColumnMapping).order_by(ColumnMapping.confirmed_at.desc(), ColumnMapping.id)).all()


def delete_mapping(session: Session, mapping_id: str, by: str) -> None:
    """Forget a mapping. Raises DomainError, 404, if there is none of this id."""
    mapping = session.scalars(select(ColumnMapping).where(ColumnMapping.id == mapping_id)).first()
    if mapping is None:
        raise DomainError("not_found", 404, "Column mapping not found.")
    session.delete(mapping)
    record_event(session, by, "mapping.deleted", "column_mapping", mapping_id, {})


def find_confirmers(session: Session, actors: Iterable[str]) -> dict[str, str]:
    """Return the names of the users among some actors."""
    ids = {actor.removeprefix("user:") for actor in actors if actor.startswith("user:")}
    users = session.execute(select(User.id, User.name).where(User.id.in_(ids))).all() if ids else ()
    return {f"user:{user_id}": name for user_id, name in users}
