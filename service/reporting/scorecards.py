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

from questionnaires.languages import ENGLISH
from reports.document import Logo
from reports.formats import render
from service.audit import record_event
from service.blob_store import BlobStore
from service.campaigns.contacts import get_contact
from service.campaigns.rules import find_language
from service.clock import today
from service.db.session import Database
from service.db.tables import Supplier
from service.erasure.files import delete_files
from service.errors import DomainError
from service.jobs.table import ClaimedJob, job_transaction
from service.queries.supplier_filter import parse_filter
from service.queries.supplier_list import list_supplier_ids
from service.questionnaires_sent.form_files import UNPRINTED_LANGUAGES
from service.reporting import stored_reports
from service.reporting.logos import load_logo
from service.translations.catalog import list_text_languages, list_texts
from service.translations.review import load_all_texts

PORTION = 25  # scorecards rendered between two checkpoints
MEDIA_TYPE = "application/zip"
SCORECARD_LANGUAGES = (ENGLISH, *(code for code in list_text_languages() if code not in UNPRINTED_LANGUAGES))
OF_SUPPLIER = "supplier"  # each scorecard in the language of its supplier
MAX_NAME = 60  # characters of a supplier's name in the name of its file
_UNDATED = (1980, 1, 1, 0, 0, 0)  # so that the same scorecards give the same archive

File = tuple[str, bytes]


def choose_language(session: Session, supplier_id: str, wanted: str) -> str:
    """Return the language of a scorecard: the one that is wanted, or for ``OF_SUPPLIER`` that of the supplier.

    This is the language of its contact or of its country, if most of the texts of scorecards are translated into it.
    """
    supplier = session.get(Supplier, supplier_id) if wanted == OF_SUPPLIER else None
    if supplier is None:
        return ENGLISH if wanted == OF_SUPPLIER else wanted
    words = list_texts("scorecards")
    translated = {
        code
        for code, texts in load_all_texts(session).items()
        if code not in UNPRINTED_LANGUAGES and texts.count(words).missing < len(words) / 2
    }
    contact = get_contact(session, supplier_id)
    return find_language(supplier.answers.get("country"), contact.language if contact else None, translated)


def render_scorecards(db: Database, blobs: BlobStore, claimed: ClaimedJob) -> None:
    """Render the scorecard of every supplier that matches the filter of a requested report, and store the archive."""
    format_, wanted = claimed.payload["format"], claimed.payload.get("language", ENGLISH)
    ids: Sequence[str] = claimed.checkpoint.get("ids") or _list_suppliers(db, claimed)
    parts: list[str] = list(claimed.checkpoint.get("parts", ()))
    for start in range(len(parts) * PORTION, len(ids), PORTION):
        with db.for_organisation(claimed.organisation_id, write=False) as session:
            logo = load_logo(session, blobs)
            files = list(_render_portion(session, ids[start : start + PORTION], start, format_, wanted, logo))
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
    session: Session, ids: Sequence[str], start: int, format_: str, wanted: str, logo: Logo | None
) -> Iterator[File]:
    """Yield the files of some suppliers, numbered from ``start``; a supplier that was deleted meanwhile has none. ``wanted``: the
    language, as in :func:`choose_language`.
    """
    for number, supplier_id in enumerate(ids, start + 1):
        try:
            language = choose_language(session, supplier_id, wanted)
            copy = stored_reports.build_supplier_copy(session, supplier_id, language)
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
