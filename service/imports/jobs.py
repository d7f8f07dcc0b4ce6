"""Import files: receive, preview, confirm, assess and save.

An upload is acknowledged only after its bytes are safe and one transaction holds upload, import, job and audit event. A
preview comes before anything is scored; an import that says "confirm" in its choices goes straight through.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date
from functools import partial
from typing import Any

import structlog
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from questionnaires.issues import Issue, build_issue
from questionnaires.sheet import FileRefused, Limits, check_file
from questionnaires.validation import personal_columns, personal_data
from questionnaires.validation.personal_names import names_a_person, redact_file_names
from risk_models.model import Model
from service.audit import record_event
from service.blob_store import BlobStore
from service.buyer import own_practices
from service.cases import service as case_service
from service.clock import now
from service.db.session import Database
from service.db.tables import Import, Job, Result, Upload, new_id
from service.erasure.files import delete_files
from service.erasure.traces import delete_uploads
from service.errors import DomainError, build_problem
from service.imports import cases as import_cases
from service.imports import layouts, mappings
from service.imports.pipeline import Choices, NoUsableRows, ParsedUpload, RedactedFile, SheetMap, parse_files
from service.imports.supplier_rows import (
    SupplierRows,
    group_by_supplier,
    list_known_supplier_issues,
    match_groups,
)
from service.imports.vouching import Vouching
from service.jobs.kinds import ASSESS_IMPORT, FIND_SAME_SUPPLIERS, READ_IMPORT
from service.jobs.quota import check_quota
from service.jobs.table import MAX_ATTEMPTS, Cancelled, ClaimedJob, LostLease, Stopped, enqueue, job_transaction
from service.questionnaires_sent import requests as questionnaire_requests
from service.suppliers import identity
from service.suppliers import repository as suppliers
from service.suppliers.identity import supplier_key
from service.suppliers.merge_rules import get_risk_lookup, merge_duplicates
from service.suppliers.organisation_models import list_organisation_models
from service.suppliers.stored_answers import recheck_merged
from service.trouble import find_trouble
from service.watchlists.lists import request_screening

CHUNK = 500  # suppliers saved in one transaction
ATTEMPTS_TOGETHER = 2  # attempts at saving a chunk in one transaction; then its suppliers are saved one by one
MAX_UNSAVED = 20  # suppliers that an import leaves out because they cannot be saved; if there are more, it is not they
SHORT_BYTES = 100_000  # size of all files of an import that is read in seconds; some 500 rows of a workbook
log = structlog.get_logger("service.imports")

REDACTION_CODES = (
    personal_data.REMOVED_NOTE,
    personal_columns.DROPPED,
    "sheet.of_people",
)  # what is not kept of a file
STATUS = {"upload.too_large": 413, "file.type_not_allowed": 415, "file.type_mismatch": 415}
CHOICES = (
    "kind",
    "country",
    "sector",
    "sheet",
    "columns",
    "layouts",
    "by_hand",
    "date_order",
    "answered_by",
    "evidence_confirmed",
    "confirm",
    "on",
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
    choices = _redact_choices(choices, dict(zip((name for name, _ in files), names, strict=True)))
    with db.for_organisation(organisation_id, write=False) as session:
        check_quota(session, max_waiting)
    digests = [blobs.put(data) for _, data in files]
    at = now()
    size = sum(len(data) for _, data in files)
    with db.for_organisation(organisation_id) as session:
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


def _redact_choices(choices: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
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


def read_import(db: Database, blobs: BlobStore, claimed: ClaimedJob) -> None:
    """Run the preview job: store what was found, or why the import is refused; delete files that may not be stored."""
    import_id = claimed.payload["import_id"]
    if "removed" in claimed.checkpoint:  # refused by an earlier attempt that came no further
        _remove_blobs(db, blobs, claimed, claimed.checkpoint["removed"])
        return
    with db.for_organisation(claimed.organisation_id) as session:
        import_ = session.get_one(Import, import_id)
        files, previous_input = _load_files(session, blobs, import_), import_.found
        choices = {name: value for name, value in import_.choices.items() if name != "remembered"}
        models = list_organisation_models(session, _assessment_date(choices))
    may_bring = bool(claimed.payload.get("cases"))
    on = _assessment_date(choices)
    parse = partial(
        parse_files,
        files,
        on=on,
        allow_buyer_only=True,
        models=models,
        is_request=_find_requests(db, claimed.organisation_id),
    )
    earlier_notes = [issue for issue in (previous_input or {}).get("issues", ()) if issue["code"] in REDACTION_CODES]
    try:
        parsed, used = _parse_with_remembered(db, claimed, parse, choices)
    except NoUsableRows as error:
        refusal = import_cases.find_refusal(error.issues, (), may_bring_cases=may_bring)
        if refusal is not None or not layouts.may_be_asked(error, choices):
            _refuse_and_remove(db, blobs, claimed, refusal or to_problem(error))
            return
        _replace_with_redacted(db, blobs, claimed, error.redacted)
        if "before" in claimed.payload:
            _restore_preview(db, claimed, to_problem(error))
        else:
            _ask_for_layout(db, claimed, error, earlier_notes)
        return
    refusal = import_cases.find_refusal(parsed.issues, parsed.cases, may_bring_cases=may_bring)
    if refusal is not None:
        _refuse_and_remove(db, blobs, claimed, refusal)
        return
    _replace_with_redacted(db, blobs, claimed, parsed.redacted)
    lost_message = _describe_lost_sheets(parsed, previous_input or {}, claimed.payload.get("before"), choices)
    if lost_message:
        _restore_preview(
            db,
            claimed,
            build_problem("import.sheet_lost", 422, lost_message, issues=[i.to_dict() for i in parsed.issues[:50]]),
        )
        return
    with job_transaction(db, claimed, result={"state": "previewed"}) as session:
        import_ = session.get_one(Import, import_id)
        issues = import_cases.list_issues(session, parsed) if parsed.cases else parsed.received["issues"]
        import_.found = {
            **parsed.received,
            "layout": layouts.describe(parsed.seen),
            "remembered": used,
            "issues": [
                *issues,
                *earlier_notes,
                *(issue_.to_dict() for issue_ in list_known_supplier_issues(session, parsed)),
            ],
        }
        import_.rows, import_.accepted, import_.rejected = (
            parsed.received[k] for k in ("rows", "accepted", "rejected")
        )
        import_.choices, import_.state = choices, "previewed"
        if choices.get("confirm"):
            _start_assessment(session, import_, claimed.actor)


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
    laid_out = {
        (file, sheet["name"]) for file, layout in (choices.get("layouts") or {}).items() for sheet in layout["sheets"]
    }
    applied = [
        {"file": found.file, "sheet": found.sheet, "columns": dict(found.mapping.columns)}
        for found in remembered
        if (found.file, found.sheet) not in laid_out
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
        import_.found = {
            layouts.NEEDED: True,
            "files": layouts.list_files(error.seen),
            "layout": layouts.describe(error.seen),
            "issues": [*(issue.to_dict() for issue in error.issues), *earlier_notes],
        }
        import_.state, import_.problem = "previewed", to_problem(error)
        record_event(session, claimed.actor, "import.needs_layout", "import", import_.id, {})


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
    lost_sheets = sorted(sheets[0] - sheets[1])
    reasons = {(issue_.file, issue_.sheet): issue_.seen for issue_ in parsed.issues if issue_.code == "sheet.no_table"}
    return " ".join(
        f"The sheet '{sheet or file}' could not be read. {reasons.get((file, sheet), '')}"
        for file, sheet in lost_sheets
    )


def _restore_preview(db: Database, claimed: ClaimedJob, refusal: dict[str, Any]) -> None:
    """Restore the preview if changed options cannot be used; the import's problem says why, and which options were set."""
    with job_transaction(db, claimed, result={"state": "previewed"}) as session:
        import_ = session.get_one(Import, claimed.payload["import_id"])
        import_.problem = {**refusal, "choices": import_.choices}
        import_.choices, import_.state = claimed.payload["before"], "previewed"
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


def confirm_import(
    session: Session,
    import_id: str,
    choices: Mapping[str, Any],
    by: str,
    *,
    may_bring_cases: bool = False,
    max_waiting: int | None = None,
) -> Import:
    """Confirm a previewed import. With changed options the files are read again first; with the same ones they are assessed
    now. Raises DomainError: ``not_found``, ``import.state``, ``field.unknown``, ``jobs.too_many``.
    """
    import_ = get_import(session, import_id)
    if import_.state != "previewed":
        raise DomainError(
            "import.state", 409, f"The import is {import_.state}; only an import with a preview can be confirmed."
        )
    unknown = sorted(set(choices) - set(CHOICES))
    if unknown:
        raise DomainError("field.unknown", 422, f"There is no option '{unknown[0]}'.")
    check_quota(session, max_waiting)
    changed = {**import_.choices, **_redact_choices(choices, {})}
    if {k: v for k, v in changed.items() if k != "confirm"} != {
        k: v for k, v in import_.choices.items() if k != "confirm"
    }:
        payload = {"import_id": import_.id, "cases": may_bring_cases, "before": import_.choices}
        enqueue(session, READ_IMPORT, payload, by, short=_is_short(import_))
        import_.choices, import_.state, import_.problem = changed, "waiting", None
        record_event(session, by, "import.changed", "import", import_.id, {"choices": sorted(choices)})
    elif layouts.needs_layout(import_):
        raise DomainError("import.needs_layout", 409, "First specify what the columns of the file contain.")
    else:
        _start_assessment(session, import_, by)
    return import_


def _start_assessment(session: Session, import_: Import, by: str) -> None:
    import_.state, import_.problem = "running", None
    mappings.remember_columns(session, import_, layouts.list_chosen(import_), by)
    enqueue(session, ASSESS_IMPORT, {"import_id": import_.id}, by, short=_is_short(import_))
    record_event(session, by, "import.confirmed", "import", import_.id, {"rows": import_.accepted})


def _is_short(import_: Import) -> bool:
    """Return whether an import that has a preview is assessed in seconds: within one chunk, as far as its rows tell."""
    return import_.accepted <= CHUNK


def assess_import(db: Database, blobs: BlobStore, claimed: ClaimedJob) -> None:
    """Run the assessment job: assess and save the suppliers of an import, agencies first, in chunks that are saved whole or
    not at all.

    A chunk that could not be saved is saved supplier by supplier at later attempts; a supplier that still cannot be saved at the
    last attempt is left out and reported, so that it does not keep the others from being saved.
    """
    import_id = claimed.payload["import_id"]
    with db.for_organisation(claimed.organisation_id) as session:
        import_ = session.get_one(Import, import_id)
        files, choices = _load_files(session, blobs, import_), dict(import_.choices)
        on = get_assessment_date(import_)
        models = list_organisation_models(session, on)
    is_request = _find_requests(db, claimed.organisation_id)
    parsed: ParsedUpload = parse_files(
        files, parse_choices(choices), on, allow_buyer_only=True, models=models, is_request=is_request
    )
    checkpoint = dict(claimed.checkpoint)
    if parsed.cases and "cases" not in checkpoint:
        with job_transaction(db, claimed, checkpoint=checkpoint) as session:
            stored_cases = case_service.save_cases(session, parsed.cases, on, now(), claimed.actor, import_id)
            checkpoint["cases"] = [case.id for case in stored_cases]
    done = int(checkpoint.get("rows", 0))
    answers_of = {id(batch): batch.answers.to_rows() for batch in parsed.batches}
    if parsed.request_ids:
        checkpoint["forms"] = True
        with job_transaction(db, claimed, checkpoint=checkpoint) as session:
            _apply_returned_forms(session, parsed, answers_of, on, claimed.actor)
    suppliers_rows = group_by_supplier(parsed, answers_of)
    with db.for_organisation(claimed.organisation_id, write=False) as session:
        suppliers_rows[done:] = match_groups(session, suppliers_rows[done:])
    one_by_one_until = done + CHUNK if claimed.attempt > ATTEMPTS_TOGETHER else done
    while done < len(suppliers_rows):
        kind = suppliers_rows[done].kind
        size = 1 if done < one_by_one_until else CHUNK
        chunk = [supplier for supplier in suppliers_rows[done : done + size] if supplier.kind == kind]
        done += len(chunk)
        checkpoint["rows"] = done
        progress = done / len(suppliers_rows)
        try:
            with job_transaction(db, claimed, checkpoint=checkpoint, progress=progress) as session:
                origin = suppliers.Origin(on, now(), claimed.actor, "import", import_id)
                _save_chunk(session, kind, chunk, origin, models)
        except (LostLease, Cancelled, Stopped):
            raise
        except Exception as error:
            unsaved = checkpoint.get("unsaved", ())
            if len(chunk) > 1 or claimed.attempt < MAX_ATTEMPTS or len(unsaved) == MAX_UNSAVED or find_trouble(error):
                raise
            bug = new_id()
            log.error("supplier_not_saved", job=claimed.id, bug=bug, exc_info=error)
            checkpoint["unsaved"] = [*unsaved, {"place": chunk[0].place, "rows": len(chunk[0].rows), "bug": bug}]
            with job_transaction(db, claimed, checkpoint=checkpoint, progress=progress):
                pass
    unsaved_rows = sum(supplier["rows"] for supplier in checkpoint.get("unsaved", ()))
    with job_transaction(db, claimed, result={"rows": parsed.received["accepted"] - unsaved_rows}) as session:
        import_ = session.get_one(Import, import_id)
        import_.state, import_.finished_at = "done", now()
        _report_unsaved(import_, checkpoint.get("unsaved", ()))
        if parsed.cases:  # the files are no longer needed; the next purge deletes them
            delete_uploads(session, import_)
        import_cases.link_and_reassess(session, checkpoint.get("cases", ()), import_id, on, now(), claimed.actor)
        request_screening(session, claimed.actor, import_id=import_id)
        enqueue(session, FIND_SAME_SUPPLIERS, {"import_id": import_id}, claimed.actor, short=_is_short(import_))
        own = [row for batch in parsed.buyer_batches for row in batch.answers.to_rows()]
        own_practices.save_answers(session, own, on, now(), claimed.actor, import_id)
        record_event(session, claimed.actor, "import.done", "import", import_id, {"rows": import_.accepted})


def is_half_saved(checkpoint: Mapping[str, Any]) -> bool:
    """Return whether the assessment job has saved anything: the import is then finished, not given up."""
    saved = int(checkpoint.get("rows", 0)) - len(checkpoint.get("unsaved", ()))
    return saved > 0 or "cases" in checkpoint or "forms" in checkpoint


def _save_chunk(
    session: Session, kind: str, chunk: Sequence[SupplierRows], origin: suppliers.Origin, models: Sequence[Model]
) -> None:
    risk_lookup = get_risk_lookup(kind, origin.on, models)
    incoming = []
    for supplier in chunk:
        if not supplier.rows:  # joined to those of the supplier it was merged into
            continue
        answers = merge_duplicates(supplier.rows, risk_lookup, kind).answers
        if len(supplier.rows) > 1:
            answers = recheck_merged(kind, answers, origin.on)
        incoming.append(suppliers.IncomingSupplier(answers, supplier.place, supplier.key, supplier.names))
    if incoming:
        suppliers.save_suppliers(session, kind, incoming, origin)


def _report_unsaved(import_: Import, unsaved: Sequence[Mapping[str, Any]]) -> None:
    """Add to the issues of an import which suppliers could not be saved, and count their rows as rejected."""
    if not unsaved:
        return
    issues = [
        build_issue(
            "row.not_saved",
            file=supplier["place"]["file"],
            sheet=supplier["place"]["sheet"],
            cell=f"A{supplier['place']['row']}",
            seen=supplier["bug"],
        ).to_dict()
        for supplier in unsaved
    ]
    rows = sum(supplier["rows"] for supplier in unsaved)
    found = import_.found or {}
    import_.found = {**found, "issues": [*issues, *found.get("issues", ())]}
    import_.accepted, import_.rejected = import_.accepted - rows, import_.rejected + rows


def _find_requests(db: Database, organisation_id: str) -> Callable[[str], bool]:
    """Return what says whether an organisation has a questionnaire request of an id: another's form counts as a plain list."""

    def is_request(request_id: str) -> bool:
        with db.for_organisation(organisation_id, write=False) as session:
            return questionnaire_requests.exists(session, request_id)

    return is_request


def _apply_returned_forms(
    session: Session, parsed: ParsedUpload, answers_of: Mapping[int, list[dict[str, Any]]], on: date, by: str
) -> None:
    """Complete the answers of returned questionnaires from their requests: a blank in a returned form was declined.

    This applies only to the supplier the form was sent to, not to any other row: a short list declines nothing.
    """
    for batch in parsed.batches:
        asking_id = parsed.request_ids.get((batch.file, batch.sheet))
        request_and_supplier = (
            None if asking_id is None else questionnaire_requests.receive_returned_form(session, asking_id, by, on)
        )
        if request_and_supplier is None or request_and_supplier[1].kind != batch.kind:
            continue
        request, supplier = request_and_supplier
        its_keys = {supplier.key, *(old.key for old in identity.list_aliases(session, supplier))}
        for answers in answers_of[id(batch)]:
            if supplier_key(answers) in its_keys:
                complete = questionnaire_requests.complete_returned_answers(request, answers, on)
                answers.clear()
                answers.update(complete)


def on_failure(session: Session, job: Job) -> None:
    """End an import whose job has failed or was cancelled, and say what of it was saved.

    A failed job has saved nothing, unless the import itself turned out to be at fault; a cancelled one may have. What was saved
    stays, each supplier whole, and is screened as after any import.
    """
    import_ = session.get(Import, job.payload["import_id"])
    if import_ is not None and import_.state in ("waiting", "running"):
        import_.state, import_.finished_at = "cancelled" if job.state == "cancelled" else "failed", now()
        is_failed, saved = import_.state == "failed", _count_saved(session, import_.id)
        if is_half_saved(job.checkpoint):
            cases, on = job.checkpoint.get("cases", ()), get_assessment_date(import_)
            import_cases.link_and_reassess(session, cases, import_.id, on, now(), job.created_by)
            request_screening(session, job.created_by, import_id=import_.id)
            enqueue(session, FIND_SAME_SUPPLIERS, {"import_id": import_.id}, job.created_by)
        detail = f"{job.message} {_describe_saved(saved)}"
        import_.problem = build_problem(f"import.{import_.state}", 500 if is_failed else 409, detail, saved=saved)
        record_event(session, job.created_by, f"import.{import_.state}", "import", import_.id, {"job": job.id})


def _count_saved(session: Session, import_id: str) -> int:
    """Return how many suppliers an import has saved."""
    saved = select(func.count(func.distinct(Result.supplier_id))).where(Result.import_id == import_id)
    return session.scalars(saved).one()


def _describe_saved(saved: int) -> str:
    if not saved:
        return "Nothing was saved."
    return (
        f"Suppliers already saved: {saved:,}; each is complete. Upload the file again to save the others. "
        "Nothing is stored twice."
    )


def get_import(session: Session, import_id: str) -> Import:
    """Return an import by id. Raises DomainError, 404, if there is none."""
    import_ = session.scalars(select(Import).where(Import.id == import_id)).first()
    if import_ is None:
        raise DomainError("not_found", 404, "Import not found.")
    return import_


def list_imports(session: Session, limit: int = 50) -> Sequence[Import]:
    """List imports, newest first."""
    return session.scalars(select(Import).order_by(Import.created_at.desc(), Import.id).limit(limit)).all()


def parse_choices(choices: Mapping[str, Any]) -> Choices:
    """Parse the stored choices. ``columns``: one map for all sheets, or a list of maps for individual sheets.

    ``evidence_confirmed``: the name of the sender who confirms the evidence in the files.
    """
    names = ("kind", "country", "sector", "sheet", "date_order", "answered_by")
    options: dict[str, Any] = {name: choices.get(name) or None for name in names}
    if choices.get("evidence_confirmed"):
        options["vouching"] = Vouching(choices["evidence_confirmed"])
    options["layouts"] = choices.get("layouts") or {}
    options["remembered"] = tuple(SheetMap(**column_map) for column_map in choices.get("remembered", ()))
    columns = choices.get("columns") or {}
    if isinstance(columns, list):
        return Choices(**options, maps=tuple(SheetMap(**column_map) for column_map in columns))
    return Choices(**options, columns=columns or None)


def to_problem(error: NoUsableRows) -> dict[str, Any]:
    """Return a problem object (RFC 9457) that says why nothing could be used, with every issue."""
    first: Issue | None = next((i for i in error.issues if i.severity == "error"), None)
    code = first.code if first else "file.no_rows"
    issues = [i.to_dict() for i in error.issues[:50]]
    return build_problem(code, 422, str(error), title="This file cannot be used", issues=issues)


def _load_files(session: Session, blobs: BlobStore, import_: Import) -> list[tuple[str, bytes | RedactedFile]]:
    uploads = {u.id: u for u in session.scalars(select(Upload).where(Upload.id.in_(import_.uploads)))}
    return [(uploads[i].name, _load_file(blobs, uploads[i])) for i in import_.uploads]


def _load_file(blobs: BlobStore, upload: Upload) -> bytes | RedactedFile:
    data = blobs.get(upload.sha256)
    return RedactedFile(data) if upload.redacted else data


def get_assessment_date(import_: Import) -> date:
    """Return the day as of which an import is assessed."""
    return _assessment_date(import_.choices) if import_.choices.get("on") else import_.created_at.date()


def _assessment_date(choices: Mapping[str, Any]) -> date:
    return date.fromisoformat(choices["on"]) if choices.get("on") else now().date()
