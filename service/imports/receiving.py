"""Receive the files of an import and queue their preview.

An upload is acknowledged only after its bytes are safe and one transaction holds upload, import, job and audit event. An import
that says "confirm" in its choices goes straight through; any other waits for a person to look at its preview.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sqlalchemy.orm import Session

from questionnaires.sheet import FileRefused, Limits, check_file
from questionnaires.validation.personal_names import names_a_person, redact_file_names
from service.audit import record_event
from service.blob_store import BlobStore
from service.clock import now
from service.db.import_tables import Import, Upload
from service.db.session import Database
from service.errors import DomainError
from service.imports import editions
from service.jobs.kinds import READ_IMPORT
from service.jobs.quota import check_quota
from service.jobs.table import enqueue

SHORT_BYTES = 100_000  # size of all files of an import that is read in seconds; some 500 rows of a workbook
STATUS = {"upload.too_large": 413, "file.type_not_allowed": 415, "file.type_mismatch": 415}
CHOICES = (
    "kind",
    "country",
    "sector",
    "sheet",
    "columns",
    "layouts",
    "rows",
    "corrections",
    "by_hand",
    "date_order",
    "answered_by",
    "evidence_confirmed",
    "without_workers",
    "confirm",
    "on",
    "previous",
)


def receive_upload(
    db: Database,
    blobs: BlobStore,
    organisation_id: str,
    files: Sequence[tuple[str, bytes]],
    choices: Mapping[str, Any],
    by: str,
    limits: Limits,
    on_created: Callable[[Session, Import], None] | None = None,
    *,
    may_bring_cases: bool = False,
    max_waiting: int | None = None,
) -> Import:
    """Receive files and queue their preview. Raises DomainError (413, 415, 422) for what can be refused before reading, and
    ``jobs.too_many``, 429, if the organisation already has ``max_waiting`` jobs.

    ``on_created``: what else is written in the transaction that creates the import; ``may_bring_cases``: whether the sender
    may bring case records.
    """
    if not files:
        raise DomainError("file.missing", 422, "No file was uploaded.")
    unknown = sorted(set(choices) - set(CHOICES))
    if unknown:
        raise DomainError("field.unknown", 422, f"There is no option '{unknown[0]}'.")
    for name, data in files:
        try:
            check_file(data, name, limits)
        except FileRefused as refused:
            raise DomainError(
                refused.code, STATUS.get(refused.code, 422), f"{refused.detail} {refused.cure}".strip()
            ) from refused
    names = redact_file_names([name for name, _ in files])
    choices = redact_choices(choices, dict(zip((name for name, _ in files), names, strict=True)))
    with db.for_organisation(organisation_id, write=False) as session:
        editions.check_previous(session, choices)
        check_quota(session, max_waiting, lock=False)
    digests = [blobs.put(data) for _, data in files]
    at = now()
    size = sum(len(data) for _, data in files)
    with db.for_organisation(organisation_id) as session:
        check_quota(session, max_waiting)  # others may have arrived since
        uploads = [
            Upload(name=name, sha256=digest, size=len(data), created_by=by, created_at=at)
            for name, (_, data), digest in zip(names, files, digests, strict=True)
        ]
        session.add_all(uploads)
        session.flush()
        import_ = Import(
            uploads=[u.id for u in uploads], choices=dict(choices), state="waiting", created_by=by, created_at=at
        )
        session.add(import_)
        session.flush()
        payload = {"import_id": import_.id, "cases": may_bring_cases}
        enqueue(session, READ_IMPORT, payload, by, short=size <= SHORT_BYTES)
        record_event(
            session,
            by,
            "import.received",
            "import",
            import_.id,
            {"files": len(files), "bytes": size},
        )
        if on_created is not None:
            on_created(session, import_)
        return import_


def redact_choices(choices: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    """Return the options with the names under which the files are stored. Raises DomainError ``sheet.person_name``, 422, if the
    name of a sheet in them contains personal data.
    """
    columns = choices.get("columns")
    maps = columns if isinstance(columns, list) else []
    if any(
        names_a_person(str(sheet)) for sheet in (choices.get("sheet") or "", *(one.get("sheet", "") for one in maps))
    ):
        raise DomainError(
            "sheet.person_name",
            422,
            "The name of the sheet looks like personal data, which must not be stored. Rename the sheet, then upload the file "
            "again.",
        )
    if not maps:
        return dict(choices)
    renamed = [{**one, "file": names.get(one["file"], one["file"])} if one.get("file") else one for one in maps]
    return {**choices, "columns": renamed}
