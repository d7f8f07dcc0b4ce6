"""Read the files of an import: the job that makes its preview, before anything is scored."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

from sqlalchemy.orm import Session

from questionnaires.issues import Issue
from questionnaires.validation import personal_columns, personal_data
from service.audit import record_event
from service.blob_store import BlobStore
from service.clock import now
from service.db.import_tables import Import, Upload
from service.db.session import Database
from service.erasure.files import delete_files
from service.erasure.traces import delete_uploads
from service.errors import build_problem
from service.imports import cases as import_cases
from service.imports import editions, layouts, mappings
from service.imports.confirming import start_assessment
from service.imports.pipeline import Choices, NoUsableRows, ParsedUpload, parse_files
from service.imports.recognising import recognise
from service.imports.records import (
    load_files,
    parse_assessment_date,
    parse_choices,
)
from service.imports.returned_rows import SentQuestionnaires
from service.imports.stored_readings import StoredReadings, load_readings, replace_readings
from service.imports.supplier_rows import (
    group_by_supplier,
    list_known_supplier_issues,
    match_groups,
)
from service.jobs.table import ClaimedJob, job_transaction
from service.suppliers.identity import has_suppliers
from service.suppliers.organisation_models import list_organisation_models
from service.translations.review import list_own_words

FOUND_ANEW = ("remembered", "own_words")  # choices that are made whenever files are read
REDACTION_CODES = (
    personal_data.REMOVED_NOTE,
    personal_columns.DROPPED,
    "sheet.of_people",
)  # what is not kept of a file


class _Input(NamedTuple):
    """What an import is read with: its choices and those before they were changed, what was found with these, and the issues of
    what was removed from its files.
    """

    choices: dict[str, Any]
    choices_before: Mapping[str, Any] | None
    found: Mapping[str, Any]
    removed: Sequence[Mapping[str, Any]]


def read_import(db: Database, blobs: BlobStore, claimed: ClaimedJob) -> None:
    """Run the preview job: store what was found, or why the import is refused; delete files that may not be stored."""
    if "removed" in claimed.checkpoint:  # refused by an earlier attempt that came no further
        _remove_blobs(db, blobs, claimed, claimed.checkpoint["removed"])
        return
    with db.for_organisation(claimed.organisation_id) as session:
        import_ = session.get_one(Import, claimed.payload["import_id"])
        files, given = load_files(session, blobs, import_), _load_input(session, import_)
        readings = load_readings(session, blobs, import_)
        on = parse_assessment_date(given.choices)
        models = list_organisation_models(session, on)
    may_bring = bool(claimed.payload.get("cases"))
    parse = partial(
        parse_files,
        files,
        on=on,
        allow_buyer_only=True,
        models=models,
        sent=SentQuestionnaires(db, claimed.organisation_id),
        read=readings.read,
    )
    try:
        parsed, used = _parse_with_remembered(db, claimed, parse, given.choices)
    except NoUsableRows as error:
        refusal = import_cases.find_refusal(error.issues, (), may_bring_cases=may_bring)
        if refusal is not None or not layouts.may_be_asked(error, given.choices):
            _refuse_and_remove(db, blobs, claimed, refusal or to_problem(error))
            return
        _replace_with_redacted(db, blobs, claimed, error.redacted)
        if given.choices_before is not None:
            _restore_preview(db, claimed, to_problem(error), error)
        else:
            _ask_for_layout(db, claimed, error, given.removed)
        return
    refusal = import_cases.find_refusal(parsed.issues, parsed.cases, may_bring_cases=may_bring)
    if refusal is not None:
        _refuse_and_remove(db, blobs, claimed, refusal)
        return
    _replace_with_redacted(db, blobs, claimed, parsed.redacted)
    lost_message = _describe_lost_sheets(parsed, given.found, given.choices_before, given.choices)
    if lost_message:
        issues = [issue.to_dict() for issue in parsed.issues[:50]]
        _restore_preview(db, claimed, build_problem("import.sheet_lost", 422, lost_message, issues=issues))
        return
    delete_files(db, blobs, _store_preview(db, claimed, given, parsed, used, readings))


def _load_input(session: Session, import_: Import) -> _Input:
    choices = {name: value for name, value in import_.choices.items() if name not in FOUND_ANEW}
    if own_words := list_own_words(session):
        choices["own_words"] = own_words
    found = import_.found or {}
    removed = [issue for issue in found.get("issues", ()) if issue["code"] in REDACTION_CODES]
    return _Input(choices, import_.choices_before, found, removed)


def _store_preview(
    db: Database,
    claimed: ClaimedJob,
    given: _Input,
    parsed: ParsedUpload,
    used: Sequence[Mapping[str, Any]],
    readings: StoredReadings,
) -> list[str]:
    """Store what was found in the files of an import, and return the digests of earlier readings, which are no longer needed."""
    is_confirmed, stored_readings = bool(given.choices.get("confirm")), readings.put_new()
    edition, recognised = (None, {}) if is_confirmed else _preview_edition(db, claimed, parsed)
    with job_transaction(db, claimed, result={"state": "previewed"}) as session:
        import_ = session.get_one(Import, claimed.payload["import_id"])
        issues = import_cases.list_issues(session, parsed) if parsed.cases else parsed.received["issues"]
        known = [issue.to_dict() for issue in list_known_supplier_issues(session, parsed, recognised)]
        import_.found = {
            **parsed.received,
            "layout": layouts.describe(parsed.seen),
            "remembered": used,
            "issues": [*issues, *given.removed, *known],
        }
        import_.rows, import_.accepted, import_.rejected = (
            parsed.received[count] for count in ("rows", "accepted", "rejected")
        )
        import_.choices, import_.choices_before, import_.state = given.choices, None, "previewed"
        import_.needs_layout = False
        replaced = replace_readings(session, import_, {**readings.stored, **stored_readings})
        if edition is not None:
            editions.store(session, import_, edition)
        if is_confirmed:
            start_assessment(session, import_, claimed.actor)
    return replaced


def _preview_edition(
    db: Database, claimed: ClaimedJob, parsed: ParsedUpload
) -> tuple[editions.Edition, dict[tuple[str, str], str]]:
    """Return how the list differs from the one before it, as far as can be said before it is confirmed; and the keys of the
    suppliers that its rows were recognised as, by kind and the key that they would have.
    """
    with db.for_organisation(claimed.organisation_id, write=False) as session:
        if not has_suppliers(session):
            return editions.NOTHING, {}
        answers_of = {id(batch): batch.answers.to_rows() for batch in parsed.batches}
        import_ = session.get_one(Import, claimed.payload["import_id"])
        matched = match_groups(session, group_by_supplier(parsed, answers_of))
        groups = recognise(session, import_, matched)
        recognised = {
            (before.kind, before.key): after.key
            for before, after in zip(matched, groups, strict=True)
            if before.key != after.key
        }
        return editions.compare(session, import_, groups, is_preview=True), recognised


def _parse_with_remembered(
    db: Database, claimed: ClaimedJob, parse: Callable[[Choices], ParsedUpload], choices: dict[str, Any]
) -> tuple[ParsedUpload, list[dict[str, Any]]]:
    """Parse files, with the columns that are remembered for their sheets. These are added to the choices, and those that were
    used are returned. Raises NoUsableRows.
    """
    parsed, failure = None, None
    try:
        parsed = parse(parse_choices(choices))
    except NoUsableRows as error:
        failure = error
    seen = parsed.seen if parsed else failure.seen if failure else {}
    with db.for_organisation(claimed.organisation_id, write=False) as session:
        remembered = mappings.find_remembered(session, seen, choices.get("kind"))
    applied = [
        {"file": found.file, "sheet": found.sheet, "columns": dict(found.mapping.columns)} for found in remembered
    ]
    if applied:
        choices["remembered"] = applied
        parsed = parse(parse_choices(choices))
    if parsed is None:
        raise failure or NoUsableRows("", ())
    return parsed, mappings.list_used(remembered, parsed.seen)


def _ask_for_layout(
    db: Database, claimed: ClaimedJob, error: NoUsableRows, earlier_notes: Sequence[Mapping[str, Any]]
) -> None:
    """Let an import wait until somebody says what the columns of its files are."""
    with job_transaction(db, claimed, result={"state": layouts.NEEDED}) as session:
        import_ = session.get_one(Import, claimed.payload["import_id"])
        import_.needs_layout, import_.found = True, _describe_unread(error, earlier_notes)
        import_.state, import_.problem = "previewed", to_problem(error)
        record_event(session, claimed.actor, "import.needs_layout", "import", import_.id, {})


def _describe_unread(error: NoUsableRows, earlier_notes: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return what is stored of files whose columns are not understood."""
    return {
        "files": layouts.list_files(error.seen),
        "layout": layouts.describe(error.seen),
        "issues": [*(issue.to_dict() for issue in error.issues), *earlier_notes],
    }


def _replace_with_redacted(db: Database, blobs: BlobStore, claimed: ClaimedJob, redacted: Mapping[int, bytes]) -> None:
    """Store files without the notes that contained personal data, and delete the files themselves.

    The findings beside these notes are read from what is stored instead. ``redacted``: the bytes of each, by position.
    """
    if not redacted:
        return
    digests = {position: blobs.put(data) for position, data in redacted.items()}
    replaced = []
    with job_transaction(db, claimed, checkpoint=dict(claimed.checkpoint)) as session:
        import_ = session.get_one(Import, claimed.payload["import_id"])
        for position, data in redacted.items():
            upload = session.get_one(Upload, import_.uploads[position])
            replaced.append(upload.sha256)
            upload.sha256, upload.size, upload.redacted = digests[position], len(data), True
    delete_files(db, blobs, replaced)


def _describe_lost_sheets(
    parsed: ParsedUpload,
    previous_input: Mapping[str, Any],
    previous_choices: Mapping[str, Any] | None,
    choices: Mapping[str, Any],
) -> str:
    """Describe which sheets can no longer be read with changed options, and why; "" if there are none, or if the sender named
    the one sheet to read.
    """
    if previous_choices is None or choices.get("sheet") != previous_choices.get("sheet"):
        return ""
    sheets = [
        {(file["name"], sheet["name"]) for file in files for sheet in file["sheets"]}
        for files in (previous_input.get("files", ()), parsed.files)
    ]
    lost_sheets = sorted(
        place for place in sheets[0] - sheets[1] if layouts.find_said(choices, *place).get("read", True)
    )
    reasons = {(issue_.file, issue_.sheet): issue_.seen for issue_ in parsed.issues if issue_.code == "sheet.no_table"}
    return " ".join(
        f"The sheet '{sheet or file}' could not be read. {reasons.get((file, sheet), '')}"
        for file, sheet in lost_sheets
    )


def _restore_preview(
    db: Database, claimed: ClaimedJob, refusal: dict[str, Any], error: NoUsableRows | None = None
) -> None:
    """Restore the preview if changed options cannot be used; the import's problem says why, and which options were set.

    Sheets that nobody could read before are shown as they look under the headers that were chosen (``error``).
    """
    with job_transaction(db, claimed, result={"state": "previewed"}) as session:
        import_ = session.get_one(Import, claimed.payload["import_id"])
        if error is not None and import_.needs_layout and import_.found is not None:
            notes = [issue for issue in import_.found["issues"] if issue["code"] in REDACTION_CODES]
            import_.found = _describe_unread(error, notes)
        import_.problem = {**refusal, "choices": import_.choices}
        if import_.choices_before is not None:
            import_.choices, import_.choices_before = import_.choices_before, None
        import_.state = "previewed"
        record_event(session, claimed.actor, "import.unchanged", "import", import_.id, {"code": refusal["code"]})


def _refuse(session: Session, claimed: ClaimedJob, refusal: dict[str, Any]) -> Import:
    import_ = session.get_one(Import, claimed.payload["import_id"])
    import_.state, import_.finished_at, import_.problem = "refused", now(), refusal
    record_event(session, claimed.actor, "import.refused", "import", import_.id, {"code": refusal["code"]})
    return import_


def _refuse_and_remove(db: Database, blobs: BlobStore, claimed: ClaimedJob, refusal: dict[str, Any]) -> None:
    """Refuse an import. The job ends only once its files are deleted."""
    removed: dict[str, Any] = {}
    with job_transaction(db, claimed, checkpoint=removed) as session:
        removed["removed"] = delete_uploads(session, _refuse(session, claimed, refusal))
    _remove_blobs(db, blobs, claimed, removed["removed"])


def _remove_blobs(db: Database, blobs: BlobStore, claimed: ClaimedJob, digests: Sequence[str]) -> None:
    delete_files(db, blobs, digests)
    with job_transaction(db, claimed, result={"state": "refused"}):
        pass


def to_problem(error: NoUsableRows) -> dict[str, Any]:
    """Return a problem object (RFC 9457) that says why nothing could be used, with every issue."""
    first: Issue | None = next((i for i in error.issues if i.severity == "error"), None)
    code = first.code if first else "file.no_rows"
    issues = [i.to_dict() for i in error.issues[:50]]
    return build_problem(code, 422, str(error), title="This file cannot be used", issues=issues)
