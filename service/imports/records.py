"""Load imports with their options and files as they are stored."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from service.blob_store import BlobStore
from service.clock import now
from service.db.import_tables import Import, Upload
from service.errors import DomainError
from service.imports.pipeline import Choices, Correction, RedactedFile, RowChoice, SheetMap
from service.imports.vouching import Vouching


def get_import(session: Session, import_id: str, *, lock: bool = False) -> Import:
    """Return an import by id, locked until the transaction ends if asked. Raises DomainError, 404, if there is none."""
    query = select(Import).where(Import.id == import_id)
    import_ = session.scalars(query.with_for_update() if lock else query).first()
    if import_ is None:
        raise DomainError("not_found", 404, "Import not found.")
    return import_


def list_imports(session: Session, limit: int = 50) -> Sequence[Import]:
    """List imports, newest first."""
    return session.scalars(select(Import).order_by(Import.created_at.desc(), Import.id).limit(limit)).all()


def parse_choices(choices: Mapping[str, Any]) -> Choices:
    """Parse the stored choices. ``columns``: one map for all sheets, or a list of maps for individual sheets.

    ``evidence_confirmed``: the name of the sender who confirms the evidence in the files, ``without_workers``: except
    that from workers, which the sender may not see.
    """
    names = ("kind", "country", "sector", "sheet", "date_order", "answered_by")
    options: dict[str, Any] = {name: choices.get(name) or None for name in names}
    if choices.get("evidence_confirmed"):
        options["vouching"] = Vouching(
            choices["evidence_confirmed"], sees_worker_derived=not choices.get("without_workers")
        )
    options["layouts"] = choices.get("layouts") or {}
    options["own_words"] = choices.get("own_words") or {}
    options["rows"] = tuple(
        RowChoice(row, is_read, one["file"], one["sheet"])
        for one in choices.get("rows") or ()
        for ranges, is_read in ((one["read"], True), (one["left_out"], False))
        for first, last in ranges
        for row in range(first, last + 1)
    )
    options["remembered"] = tuple(SheetMap(**column_map) for column_map in choices.get("remembered", ()))
    options["corrections"] = tuple(Correction(**correction) for correction in choices.get("corrections") or ())
    columns = choices.get("columns") or {}
    if isinstance(columns, list):
        return Choices(**options, maps=tuple(SheetMap(**column_map) for column_map in columns))
    return Choices(**options, columns=columns or None)


def get_assessment_date(import_: Import) -> date:
    """Return the day as of which an import is assessed."""
    return parse_assessment_date(import_.choices) if import_.choices.get("on") else import_.created_at.date()


def parse_assessment_date(choices: Mapping[str, Any]) -> date:
    """Return the day that the options name for an assessment; today if they name none."""
    return date.fromisoformat(choices["on"]) if choices.get("on") else now().date()


def load_files(session: Session, blobs: BlobStore, import_: Import) -> list[tuple[str, bytes | RedactedFile]]:
    """Return the names and bytes of the files of an import, in the order in which they were sent."""
    uploads = {u.id: u for u in session.scalars(select(Upload).where(Upload.id.in_(import_.uploads)))}
    return [(uploads[i].name, _load_file(blobs, uploads[i])) for i in import_.uploads]


def _load_file(blobs: BlobStore, upload: Upload) -> bytes | RedactedFile:
    data = blobs.get(upload.sha256)
    return RedactedFile(data) if upload.redacted else data
