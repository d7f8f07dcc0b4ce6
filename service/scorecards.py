"""Render the scorecards of many suppliers as one job that continues where it was interrupted: a ZIP archive with a file for each.

The suppliers are listed once. After each portion, its files are put into the blob store as an archive of their own, and the
checkpoint of the job names it; at the end, the portions are joined. A portion is deleted with the job that it belongs to
(service/erasure/files.py), or when something in it is erased, upon which the job starts again.
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from io import BytesIO
from tempfile import TemporaryFile
from typing import BinaryIO

from sqlalchemy.orm import Session

from reports.document import Logo
from reports.formats import render
from service import stored_reports
from service.audit import record_event
from service.blob_store import BlobStore
from service.clock import today
from service.db.session import Database
from service.erasure.files import delete_files
from service.errors import DomainError
from service.jobs.table import ClaimedJob, job_transaction
from service.logos import load_logo
from service.queries.supplier_filter import parse_filter
from service.queries.supplier_list import list_supplier_ids

PORTION = 25  # scorecards rendered between two checkpoints
MEDIA_TYPE = "application/zip"
MAX_NAME = 60  # characters of a supplier's name in the name of its file
_UNDATED = (1980, 1, 1, 0, 0, 0)  # so that the same scorecards give the same archive

File = tuple[str, bytes]


def render_scorecards(db: Database, blobs: BlobStore, claimed: ClaimedJob) -> None:
    """Render the scorecard of every supplier that matches the filter of a requested report, and store the archive."""
    format_ = claimed.payload["format"]
    ids: Sequence[str] = claimed.checkpoint.get("ids") or _list_suppliers(db, claimed)
    parts: list[str] = list(claimed.checkpoint.get("parts", ()))
    for start in range(len(parts) * PORTION, len(ids), PORTION):
        with db.for_organisation(claimed.organisation_id, write=False) as session:
            logo = load_logo(session, blobs)
            files = list(_render_portion(session, ids[start : start + PORTION], start, format_, logo))
        parts.append(blobs.put(_build_archive(files)))
        progress = 0.99 * min(start + PORTION, len(ids)) / len(ids)
        with job_transaction(db, claimed, checkpoint={"ids": list(ids), "parts": parts}, progress=progress):
            pass
    with TemporaryFile() as joined:
        count = _write_archive(joined, (file for part in parts for file in _read_archive(blobs, part)))
        size = joined.tell()
        joined.seek(0)
        result = {
            "sha256": blobs.put(joined),
            "media_type": MEDIA_TYPE,
            "file_name": f"scorecards_{today().isoformat()}.zip",
            "size": size,
            "results": count,
        }
    with job_transaction(db, claimed, checkpoint={}, progress=1.0, result=result) as session:
        record_event(
            session, claimed.actor, "report.made", "job", claimed.id, {"document": "scorecard", "format": format_}
        )
    delete_files(db, blobs, parts)


def _list_suppliers(db: Database, claimed: ClaimedJob) -> list[str]:
    with db.for_organisation(claimed.organisation_id, write=False) as session:
        filter_ = parse_filter(claimed.payload["wanted"], own_answers_only=True)
        return list(list_supplier_ids(session, filter_, today()))


def _render_portion(
    session: Session, ids: Sequence[str], start: int, format_: str, logo: Logo | None
) -> Iterator[File]:
    """Yield the files of some suppliers, numbered from ``start``; a supplier that was deleted meanwhile has none."""
    for number, supplier_id in enumerate(ids, start + 1):
        try:
            copy = stored_reports.build_supplier_copy(session, supplier_id)
        except DomainError as error:
            if error.code != "report.empty":
                raise
            continue
        data = render(replace(copy, logo=logo), format_, "scorecard").data
        yield f"{number:04d}_{_build_file_name(copy.title)}.{format_}", data


def _build_file_name(name: str) -> str:
    """Return the letters and digits of a name, in any script, so that no file system or archive takes it for a path."""
    return "".join(character if character.isalnum() else "_" for character in name)[:MAX_NAME].strip("_") or "supplier"


def _build_archive(files: Iterable[File]) -> bytes:
    buffer = BytesIO()
    _write_archive(buffer, files)
    return buffer.getvalue()


def _write_archive(target: BinaryIO, files: Iterable[File]) -> int:
    """Write files to an archive and return their number."""
    count = 0
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for count, (name, data) in enumerate(files, 1):  # noqa: B007  the last number is the result
            archive.writestr(zipfile.ZipInfo(name, _UNDATED), data, zipfile.ZIP_DEFLATED)
    return count


def _read_archive(blobs: BlobStore, digest: str) -> Iterator[File]:
    with zipfile.ZipFile(BytesIO(blobs.get(digest))) as archive:
        for name in archive.namelist():
            yield name, archive.read(name)
