"""Give the file of an import back as a workbook with its problems marked, for the sender to correct and upload again."""

from __future__ import annotations

from datetime import date
from pathlib import PurePath
from typing import Any, NamedTuple

from sqlalchemy.orm import Session

from questionnaires.issues import Issue, parse_issue
from questionnaires.marking.marked_file import mark_file
from service.blob_store import BlobStore
from service.db.import_tables import Import, Upload
from service.errors import DomainError, not_found
from service.imports.records import get_assessment_date, parse_choices

MEDIA_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


class StoredFile(NamedTuple):
    """A file of an import as it is stored, with what is needed to read it as the import did."""

    name: str
    sha256: str
    redacted: bool
    choices: dict[str, Any]
    on: date
    issues: tuple[Issue, ...]


def find_file(session: Session, import_: Import, name: str | None = None) -> StoredFile:
    """Return a file of an import; ``name`` is only needed if there are several.

    Raises DomainError: ``import.file_deleted``, 410, if none is stored any more; ``file.ambiguous``, 422; ``not_found``.
    """
    uploads = list_uploads(session, import_)
    if not uploads:
        detail = "The files of this import are no longer stored, so they cannot be returned with their problems marked."
        raise DomainError("import.file_deleted", 410, detail)
    if name is None and len(uploads) > 1:
        names = ", ".join(f"'{upload.name}'" for upload in uploads)
        raise DomainError("file.ambiguous", 422, f"This import has several files. Choose one of them: {names}.")
    upload = next((upload for upload in uploads if name in (None, upload.name)), None)
    if upload is None:
        raise not_found("This import has no file with that name.")
    issues = tuple(map(parse_issue, (import_.found or import_.problem or {}).get("issues", ())))
    return StoredFile(
        upload.name, upload.sha256, bool(upload.redacted), dict(import_.choices), get_assessment_date(import_), issues
    )


def list_uploads(session: Session, import_: Import) -> list[Upload]:
    """List the files of an import that are still stored, in the order in which they were sent."""
    return [session.get_one(Upload, upload_id) for upload_id in import_.uploads]


def mark_stored_file(blobs: BlobStore, file: StoredFile) -> bytes:
    """Return a file as a workbook with its problems marked. It is read again, which takes as long as its first reading."""
    options = parse_choices(file.choices).to_table_options(file.name, file.on)
    return mark_file(blobs.get(file.sha256), file.name, options, file.issues, stored=file.redacted)


def name_marked_file(name: str) -> str:
    """Return the name of a marked workbook: that of the file if a header can hold it, always as .xlsx."""
    stem = PurePath(name).stem
    return f"{stem}_marked.xlsx" if stem.isascii() else "marked.xlsx"
