"""Files on their way in: received, looked at, confirmed, assessed and kept.

An upload is acknowledged only after its bytes are safe and one transaction holds upload, import, job and audit event. What is
found is shown before anything is scored; an import that says "confirm" in its choices goes straight through.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date
from typing import Any, NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session

from questionnaires.issues import Issue, build_issue
from questionnaires.parse.answer import RESERVED_ANSWERS
from questionnaires.sheet import FileRefused, Limits, check_file
from questionnaires.validation import personal_data
from service.assessment.assess import Batch
from service.audit import record
from service.blob_store import BlobStore
from service.buyer import own_practices
from service.cases import service as case_service
from service.clock import now
from service.db.session import Database
from service.db.tables import Import, Job, Supplier, Upload
from service.errors import DomainError, build_problem
from service.imports import cases as import_cases
from service.imports.pipeline import Choices, NoUsableRows, ParsedUpload, SheetMap, parse_files
from service.jobs.kinds import ASSESS_IMPORT, READ_IMPORT
from service.jobs.table import ClaimedJob, effect, enqueue
from service.questionnaires_sent import requests as questionnaire_requests
from service.suppliers import identity
from service.suppliers import repository as suppliers
from service.suppliers.agency_links import collect_name_keys
from service.suppliers.identity import KEYED, group_by_key, rekey_to_survivor, supplier_key, supplier_keys
from service.suppliers.merge_rules import get_risk_lookup, mask_with_practice, merge_duplicates
from service.watchlists.lists import ask_to_screen

CHUNK = 500
STATUS = {"upload.too_large": 413, "file.type_not_allowed": 415, "file.type_mismatch": 415}
CHOICES = ("kind", "country", "sector", "sheet", "columns", "date_order", "confirm", "on")


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
) -> Import:
    """Takes files in. Raises Refused (413, 415, 422) for what the door can tell; else the import waits to be read.

    ``also``: what else is written in the transaction that holds the import; ``cases``: whether who sends it may bring case
    records.
    """
    if not files:
        raise DomainError("file.missing", 422, "No file was sent.")
    unknown = sorted(set(choices) - set(CHOICES))
    if unknown:
        raise DomainError("field.unknown", 422, f"There is no choice '{unknown[0]}'.")
    for name, data in files:
        try:
            check_file(data, name, limits)
        except FileRefused as refused:
            raise DomainError(
                refused.code, STATUS.get(refused.code, 422), f"{refused.detail} {refused.cure}".strip()
            ) from refused
    digests = [blobs.put(data) for _, data in files]
    at = now()
    with db.for_organisation(organisation_id) as session:
        uploads = [
            Upload(name=name, sha256=digest, size=len(data), created_by=by, created_at=at)
            for (name, data), digest in zip(files, digests, strict=True)
        ]
        session.add_all(uploads)
        session.flush()
        taken = Import(
            uploads=[u.id for u in uploads], choices=dict(choices), state="waiting", created_by=by, created_at=at
        )
        session.add(taken)
        session.flush()
        enqueue(session, READ_IMPORT, {"import_id": taken.id, "cases": may_bring_cases}, by)
        record(
            session,
            by,
            "import.received",
            "import",
            taken.id,
            {"files": len(files), "bytes": sum(len(d) for _, d in files)},
        )
        if on_created is not None:
            on_created(session, taken)
        return taken


def read_import(db: Database, blobs: BlobStore, claimed: ClaimedJob) -> None:
    """The job that looks at an import: what was found, or why it is refused. What may not be kept goes out of the store."""
    import_id = claimed.payload["import_id"]
    if "removed" in claimed.checkpoint:  # refused by an earlier attempt that came no further
        _remove_blobs(db, blobs, claimed, claimed.checkpoint["removed"])
        return
    with db.for_organisation(claimed.organisation_id) as session:
        taken = session.get_one(Import, import_id)
        files, choices, found_before = _load_files(session, blobs, taken), dict(taken.choices), taken.found
    may_bring = bool(claimed.payload.get("cases"))
    try:
        found = parse_files(files, parse_choices(choices), _assessment_date(choices), allow_buyer_only=True)
    except NoUsableRows as nothing:
        refusal = import_cases.find_refusal(nothing.issues, (), may_bring_cases=may_bring)
        if refusal is None and choices.get("kind") == personal_data.CASE_KIND:
            refusal = to_problem(nothing)  # what cannot be read was not searched for persons either
        if refusal is not None:
            _refuse_and_remove(db, blobs, claimed, refusal)
        elif "before" in claimed.payload:
            _restore_preview(db, claimed, to_problem(nothing))
        else:
            with effect(db, claimed, result={"state": "refused"}) as session:
                _refuse(session, claimed, to_problem(nothing))
        return
    refusal = import_cases.find_refusal(found.issues, found.cases, may_bring_cases=may_bring)
    if refusal is not None:
        _refuse_and_remove(db, blobs, claimed, refusal)
        return
    lost = _describe_lost_sheets(found, found_before or {}, claimed.payload.get("before"), choices)
    if lost:
        _restore_preview(
            db, claimed, build_problem("import.sheet_lost", 422, lost, issues=[i.to_dict() for i in found.issues[:50]])
        )
        return
    with effect(db, claimed, result={"state": "previewed"}) as session:
        taken = session.get_one(Import, import_id)
        issues = import_cases.list_issues(session, found) if found.cases else found.received["issues"]
        taken.found = {
            **found.received,
            "issues": [*issues, *(told.to_dict() for told in _list_known_supplier_issues(session, found))],
        }
        taken.rows, taken.accepted, taken.rejected = (found.received[k] for k in ("rows", "accepted", "rejected"))
        taken.state = "previewed"
        if choices.get("confirm"):
            _start_assessment(session, taken, claimed.actor)


def _describe_lost_sheets(
    found: ParsedUpload, found_before: Mapping[str, Any], before: Mapping[str, Any] | None, choices: Mapping[str, Any]
) -> str:
    """Which sheets that were read before are not read with other choices, and why; "" where none is lost, or where the sender
    named the one sheet to read.
    """
    if before is None or choices.get("sheet") != before.get("sheet"):
        return ""
    sheets = [
        {(file["name"], sheet["name"]) for file in files for sheet in file["sheets"]}
        for files in (found_before.get("files", ()), found.files)
    ]
    lost = sorted(sheets[0] - sheets[1])
    why = {(told.file, told.sheet): told.seen for told in found.issues if told.code == "sheet.no_table"}
    return " ".join(
        f"The sheet '{sheet or file}' would not be read. {why.get((file, sheet), '')}" for file, sheet in lost
    )


def _restore_preview(db: Database, claimed: ClaimedJob, refusal: dict[str, Any]) -> None:
    """Leaves an import as it was found before choices that cannot be used; its problem says why, and what was chosen."""
    with effect(db, claimed, result={"state": "previewed"}) as session:
        taken = session.get_one(Import, claimed.payload["import_id"])
        taken.problem = {**refusal, "choices": taken.choices}
        taken.choices, taken.state = claimed.payload["before"], "previewed"
        record(session, claimed.actor, "import.unchanged", "import", taken.id, {"code": refusal["code"]})


def _refuse(session: Session, claimed: ClaimedJob, refusal: dict[str, Any]) -> Import:
    taken = session.get_one(Import, claimed.payload["import_id"])
    taken.state, taken.finished_at, taken.problem = "refused", now(), refusal
    record(session, claimed.actor, "import.refused", "import", taken.id, {"code": refusal["code"]})
    return taken


def _refuse_and_remove(db: Database, blobs: BlobStore, claimed: ClaimedJob, refusal: dict[str, Any]) -> None:
    """Refuses an import whose files may not stay. The job ends only once they are gone."""
    removed: dict[str, Any] = {}
    with effect(db, claimed, checkpoint=removed) as session:
        removed["removed"] = import_cases.detach_uploads(session, _refuse(session, claimed, refusal))
    _remove_blobs(db, blobs, claimed, removed["removed"])


def _remove_blobs(db: Database, blobs: BlobStore, claimed: ClaimedJob, digests: Sequence[str]) -> None:
    import_cases.delete_blobs(db, blobs, digests)
    with effect(db, claimed, result={"state": "refused"}):
        pass


def confirm_import(
    session: Session, import_id: str, choices: Mapping[str, Any], by: str, *, may_bring_cases: bool = False
) -> Import:
    """The sender has seen what was found. Other choices than before are read again first; the same ones are scored now."""
    taken = get_import(session, import_id)
    if taken.state != "previewed":
        raise DomainError(
            "import.state", 409, f"The import is {taken.state}; only one that was looked at can be confirmed."
        )
    unknown = sorted(set(choices) - set(CHOICES))
    if unknown:
        raise DomainError("field.unknown", 422, f"There is no choice '{unknown[0]}'.")
    changed = {**taken.choices, **choices}
    if {k: v for k, v in changed.items() if k != "confirm"} != {
        k: v for k, v in taken.choices.items() if k != "confirm"
    }:
        enqueue(session, READ_IMPORT, {"import_id": taken.id, "cases": may_bring_cases, "before": taken.choices}, by)
        taken.choices, taken.state, taken.problem = changed, "waiting", None
        record(session, by, "import.changed", "import", taken.id, {"choices": sorted(choices)})
    else:
        _start_assessment(session, taken, by)
    return taken


def _start_assessment(session: Session, taken: Import, by: str) -> None:
    taken.state, taken.problem = "running", None
    enqueue(session, ASSESS_IMPORT, {"import_id": taken.id}, by)
    record(session, by, "import.confirmed", "import", taken.id, {"rows": taken.accepted})


def assess_import(db: Database, blobs: BlobStore, claimed: ClaimedJob) -> None:
    """The job that scores an import and keeps its suppliers, agencies first, in chunks that are each kept or not at all."""
    import_id = claimed.payload["import_id"]
    with db.for_organisation(claimed.organisation_id) as session:
        taken = session.get_one(Import, import_id)
        files, choices = _load_files(session, blobs, taken), dict(taken.choices)
        on = _assessment_date(choices) if choices.get("on") else taken.created_at.date()
    found: ParsedUpload = parse_files(files, parse_choices(choices), on, allow_buyer_only=True)
    so_far = dict(claimed.checkpoint)
    if found.cases and "cases" not in so_far:
        with effect(db, claimed, checkpoint=so_far) as session:
            kept = case_service.keep(session, found.cases, on, now(), claimed.actor, import_id)
            so_far["cases"] = [case.id for case in kept]
    done = int(so_far.get("rows", 0))
    answers_of = {id(batch): batch.answers.to_rows() for batch in found.batches}
    if found.request_ids:
        with effect(db, claimed) as session:
            _apply_returned_forms(session, found, answers_of, on, claimed.actor)
    told = _group_by_supplier(found, answers_of)
    with db.for_organisation(claimed.organisation_id, write=False) as session:
        told[done:] = _join_merged_suppliers(session, told[done:])
    while done < len(told):
        kind = told[done].kind
        chunk = [one for one in told[done : done + CHUNK] if one.kind == kind]
        so_far["rows"] = done + len(chunk)
        chunk = [one for one in chunk if one.rows]
        weighed = get_risk_lookup(kind, on)
        answers = [merge_duplicates(one.rows, weighed, kind).answers for one in chunk]
        incoming = [
            suppliers.IncomingSupplier(row, one.place, one.key, one.names)
            for one, row in zip(chunk, answers, strict=True)
        ]
        with effect(db, claimed, checkpoint=so_far, progress=so_far["rows"] / len(told)) as session:
            if incoming:
                origin = suppliers.Origin(on, now(), claimed.actor, "import", import_id)
                suppliers.save_suppliers(session, kind, incoming, origin)
        done = so_far["rows"]
    with effect(db, claimed, result={"rows": found.received["accepted"]}) as session:
        taken = session.get_one(Import, import_id)
        taken.state, taken.finished_at = "done", now()
        if found.cases:  # nobody needs the files any more: what no net has caught goes with the next tidying
            import_cases.detach_uploads(session, taken)
        import_cases.link_and_reassess(session, so_far.get("cases", ()), import_id, on, now(), claimed.actor)
        ask_to_screen(session, claimed.actor, import_id=import_id)
        own = [row for batch in found.buyer_batches for row in batch.answers.to_rows()]
        own_practices.keep(session, own, on, now(), claimed.actor, import_id)
        record(session, claimed.actor, "import.done", "import", import_id, {"rows": found.received["accepted"]})


class _SupplierRows(NamedTuple):
    """A supplier of an import: what it is found again by, all rows that tell of it (none: they stand with another, into which it
    was merged), the place of the first of them, and of an agency the keys of all names that they bear.
    """

    kind: str
    key: str
    rows: Sequence[Mapping[str, Any]]
    place: Mapping[str, Any]
    names: set[str]


def _group_by_supplier(
    found: ParsedUpload, answers_of: Mapping[int, Sequence[Mapping[str, Any]]]
) -> list[_SupplierRows]:
    """The suppliers of an import, agencies first, each with all its rows, in whichever files and sheets they stand."""
    told = []
    for kind in ("agency", "site"):
        batches = [batch for batch in found.batches if batch.kind == kind]
        places = [(batch, j) for batch in batches for j in range(len(batch.rows))]
        keys = [key for batch in batches for key in supplier_keys(batch.answers)]
        for group in group_by_key(keys):
            batch, j = places[group[0]]
            place = {"file": batch.file, "sheet": batch.sheet, "row": int(batch.rows[j])}
            rows = [answers_of[id(places[at][0])][places[at][1]] for at in group]
            told.append(
                _SupplierRows(kind, keys[group[0]], rows, place, collect_name_keys(rows) if kind == "agency" else set())
            )
    return told


def _join_merged_suppliers(session: Session, told: Sequence[_SupplierRows]) -> list[_SupplierRows]:
    """The same, where rows that name a supplier which was merged stand with those of the one it was merged into, behind its own.

    There are as many as before: how far an import is, is told by their number, whatever is merged meanwhile.
    """
    result, first = list(told), {(one.kind, one.key): at for at, one in enumerate(told)}
    for kind in ("agency", "site"):
        of_kind = [at for at, one in enumerate(told) if one.kind == kind]
        merged = identity.find_merged(session, kind, [told[at].key for at in of_kind])
        for at in of_kind if merged else ():
            one, kept = told[at], merged.get(told[at].key)
            if kept is None:
                continue
            rows = [rekey_to_survivor(kept.answers, row) for row in one.rows]
            own = first.setdefault((kind, kept.key), at)
            if own == at:
                result[at] = one._replace(key=kept.key, rows=rows)
            else:
                there = result[own]
                result[own] = there._replace(rows=[*there.rows, *rows], names=there.names | one.names)
                result[at] = one._replace(rows=())
    return result


def _list_known_supplier_issues(session: Session, found: ParsedUpload) -> list[Issue]:
    """How many suppliers of each sheet are kept already, and what of their answers stays."""
    told = []
    for batch in found.batches:
        keys = supplier_keys(batch.answers)
        merged = identity.find_merged(session, batch.kind, keys)
        if merged:
            seen = _describe_merged(batch, keys, merged)
            told.append(build_issue("known.merged", file=batch.file, sheet=batch.sheet, seen=seen))
            keys = [merged[key].key if key in merged else key for key in keys]
        there: set[str] = set()
        for start in range(0, len(keys), CHUNK):
            query = select(Supplier.key).where(
                Supplier.kind == batch.kind, Supplier.key.in_(keys[start : start + CHUNK])
            )
            there.update(session.scalars(query))
        # A form that came back answers or declines, even where all of it is blank.
        came_back = (batch.file, batch.sheet) in found.request_ids
        asked = mask_with_practice(batch.answers, batch.kind) | came_back
        anew = {key for key, says in zip(keys, asked.tolist(), strict=True) if says} & there
        for code, known in (("known.listed", there - anew), ("known.answers", anew)):
            if known:
                seen = f"{len(known):,} of {len(set(keys)):,} suppliers {'is' if len(known) == 1 else 'are'}"
                told.append(build_issue(code, file=batch.file, sheet=batch.sheet, seen=seen))
    return told


def _describe_merged(batch: Batch, keys: Sequence[str], merged: Mapping[str, Supplier]) -> str:
    """Which rows of a sheet name suppliers that were merged, and whom they are taken for: "'S-2' (now 'S-1')"."""
    some = list(merged)[:5]
    rows = batch.answers.take([keys.index(key) for key in some]).to_rows()
    pairs = [(_display_name(row), _display_name(merged[key].answers)) for key, row in zip(some, rows, strict=True)]
    more = [f"{len(merged) - len(some)} more"] if len(merged) > len(some) else []
    return ", ".join([*(f"'{old}' (now '{kept}')" for old, kept in pairs), *more])


def _display_name(answers: Mapping[str, Any]) -> str:
    return next(
        (str(answers[question]) for question in KEYED if answers.get(question) not in (None, *RESERVED_ANSWERS)), ""
    )


def _apply_returned_forms(
    session: Session, found: ParsedUpload, answers_of: Mapping[int, list[dict[str, Any]]], on: date, by: str
) -> None:
    """Joins the record of asking to the answers of who was asked: what is blank in a form that came back was declined.

    That holds for the supplier the form went to, and for no other row: a list of suppliers refuses nothing by being short.
    """
    for batch in found.batches:
        asking_id = found.request_ids.get((batch.file, batch.sheet))
        asked = None if asking_id is None else questionnaire_requests.of_returned_form(session, asking_id, by, on)
        if asked is None or asked[1].kind != batch.kind:
            continue
        asking, supplier = asked
        its_keys = {supplier.key, *(old.key for old in identity.list_aliases(session, supplier))}
        for answers in answers_of[id(batch)]:
            if supplier_key(answers) in its_keys:
                answers.update(questionnaire_requests.answers_of_returned(asking, answers))


def on_failure(session: Session, job: Job) -> None:
    """A job of an import came to no end: so does the import. What was kept already stays."""
    taken = session.get(Import, job.payload["import_id"])
    if taken is not None and taken.state in ("waiting", "running"):
        taken.state, taken.finished_at = "cancelled" if job.state == "cancelled" else "failed", now()
        taken.problem = build_problem(f"import.{taken.state}", 500 if taken.state == "failed" else 409, job.message)
        record(session, job.created_by, f"import.{taken.state}", "import", taken.id, {"job": job.id})


def get_import(session: Session, import_id: str) -> Import:
    """An import by id. Raises Refused, 404, where there is none."""
    taken = session.scalars(select(Import).where(Import.id == import_id)).first()
    if taken is None:
        raise DomainError("not_found", 404, "There is no such import.")
    return taken


def list_imports(session: Session, limit: int = 50) -> Sequence[Import]:
    """Imports, newest first."""
    return session.scalars(select(Import).order_by(Import.created_at.desc(), Import.id).limit(limit)).all()


def parse_choices(choices: Mapping[str, Any]) -> Choices:
    """What the sender decided, as the reader takes it. ``columns``: a map for all sheets, or a list of maps of one sheet each."""
    names = ("kind", "country", "sector", "sheet", "date_order")
    told: dict[str, Any] = {name: choices.get(name) or None for name in names}
    columns = choices.get("columns") or {}
    if isinstance(columns, list):
        return Choices(**told, maps=tuple(SheetMap(**each) for each in columns))
    return Choices(**told, columns=columns or None)


def to_problem(nothing: NoUsableRows) -> dict[str, Any]:
    """Why nothing could be used, as an API caller gets it (RFC 9457), with every issue found on the way."""
    first: Issue | None = next((i for i in nothing.issues if i.severity == "error"), None)
    code = first.code if first else "file.no_rows"
    return {
        "type": f"urn:diligence:problem:{code}",
        "title": "The file cannot be used",
        "status": 422,
        "code": code,
        "detail": str(nothing),
        "issues": [i.to_dict() for i in nothing.issues[:50]],
    }


def _load_files(session: Session, blobs: BlobStore, taken: Import) -> list[tuple[str, bytes]]:
    uploads = {u.id: u for u in session.scalars(select(Upload).where(Upload.id.in_(taken.uploads)))}
    return [(uploads[i].name, blobs.get(uploads[i].sha256)) for i in taken.uploads]


def _assessment_date(choices: Mapping[str, Any]) -> date:
    return date.fromisoformat(choices["on"]) if choices.get("on") else now().date()
