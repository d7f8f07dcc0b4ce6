"""Save the suppliers of an import: the job that assesses its rows once it is confirmed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from operator import attrgetter
from typing import Any

import structlog
from sqlalchemy.orm import Session

from questionnaires.issues import build_issue
from risk_models.model import Model
from service.audit import record_event
from service.blob_store import BlobStore
from service.buyer import own_practices
from service.cases import service as case_service
from service.clock import now
from service.db.import_tables import Import
from service.db.session import Database
from service.db.tables import new_id
from service.erasure.files import delete_files
from service.erasure.traces import delete_uploads
from service.imports import cases as import_cases
from service.imports import editions
from service.imports.pipeline import ParsedUpload, parse_files
from service.imports.recognising import recognise
from service.imports.records import (
    get_assessment_date,
    load_files,
    parse_choices,
)
from service.imports.returned_rows import SentQuestionnaires
from service.imports.stored_readings import load_readings, replace_readings
from service.imports.supplier_rows import (
    SupplierRows,
    group_by_supplier,
    match_groups,
)
from service.jobs.kinds import FIND_SAME_SUPPLIERS
from service.jobs.table import MAX_ATTEMPTS, Cancelled, ClaimedJob, LostLease, Stopped, enqueue, job_transaction
from service.questionnaires_sent import requests as questionnaire_requests
from service.questionnaires_sent.asked_back import list_asked_back
from service.suppliers import identity
from service.suppliers import repository as suppliers
from service.suppliers.imposed_labour import keep_documented_labour
from service.suppliers.merge_rules import get_risk_lookup, merge_duplicates
from service.suppliers.organisation_models import list_organisation_models
from service.suppliers.stored_answers import recheck_merged
from service.trouble import find_trouble
from service.watchlists.lists import request_screening

CHUNK = 2000  # suppliers saved in one transaction
ATTEMPTS_TOGETHER = 2  # attempts at saving a chunk in one transaction; then its suppliers are saved one by one
MAX_UNSAVED = 20  # suppliers that an import leaves out because they cannot be saved; if there are more, it is not they
log = structlog.get_logger("service.imports")


def assess_import(db: Database, blobs: BlobStore, claimed: ClaimedJob) -> None:
    """Run the assessment job: assess and save the suppliers of an import, agencies first, in chunks that are saved whole or
    not at all.

    A chunk that could not be saved is saved supplier by supplier at later attempts; a supplier that still cannot be saved at the
    last attempt is left out and reported, so that it does not keep the others from being saved.
    """
    import_id = claimed.payload["import_id"]
    with db.for_organisation(claimed.organisation_id) as session:
        import_ = session.get_one(Import, import_id)
        files, choices = load_files(session, blobs, import_), dict(import_.choices)
        readings = load_readings(session, blobs, import_)
        on = get_assessment_date(import_)
        models = list_organisation_models(session, on)
    parsed: ParsedUpload = parse_files(
        files,
        parse_choices(choices),
        on,
        allow_buyer_only=True,
        models=models,
        sent=SentQuestionnaires(db, claimed.organisation_id),
        read=readings.read,
    )
    checkpoint = dict(claimed.checkpoint)
    if parsed.cases and "cases" not in checkpoint:
        with job_transaction(db, claimed, checkpoint=checkpoint) as session:
            stored_cases = case_service.save_cases(session, parsed.cases, on, now(), claimed.actor, import_id)
            checkpoint["cases"] = [case.id for case in stored_cases]
    groups = _group_rows(db, claimed, checkpoint, parsed, on)
    _save_groups(db, claimed, checkpoint, groups, on, models)
    _finish(db, blobs, claimed, checkpoint, parsed, groups, on)


def _group_rows(
    db: Database, claimed: ClaimedJob, checkpoint: dict[str, Any], parsed: ParsedUpload, on: date
) -> list[SupplierRows]:
    """Group the rows of an import by the suppliers that they are about, in the same order at each attempt: agencies first, then
    by country and sector.

    Suppliers with similar risks are then saved together. Most indexes of suppliers are ordered by risk, and a transaction writes
    each page of an index that it changes as a whole.
    """
    answers_of = {id(batch): batch.answers.to_rows() for batch in parsed.batches}
    if parsed.request_ids:
        checkpoint["forms"] = True
        with job_transaction(db, claimed, checkpoint=checkpoint) as session:
            _apply_returned_forms(session, parsed, answers_of, on, claimed.actor)
    groups, done = group_by_supplier(parsed, answers_of), int(checkpoint.get("rows", 0))
    if not done:
        checkpoint["by_place"] = True  # an import that began under an earlier version goes on in the order of its files
    in_saving_order = sorted(groups, key=_get_saving_order) if checkpoint.get("by_place") else groups
    rank = {group.position: rank for rank, group in enumerate(in_saving_order)}
    saved = [group for group in groups if rank[group.position] < done]
    rest = [
        group for group in groups if rank[group.position] >= done
    ]  # no row moves from these to those that are saved
    with db.for_organisation(claimed.organisation_id, write=False) as session:
        matched = [*match_groups(session, saved), *match_groups(session, rest)]
        matched.sort(key=attrgetter("position"))
        recognised = recognise(session, session.get_one(Import, claimed.payload["import_id"]), matched)
    return sorted(recognised, key=lambda group: rank[group.position])


def _get_saving_order(group: SupplierRows) -> tuple[bool, tuple[str, str]]:
    return group.kind != "agency", group.place_and_sector


def _save_groups(
    db: Database,
    claimed: ClaimedJob,
    checkpoint: dict[str, Any],
    groups: Sequence[SupplierRows],
    on: date,
    models: Sequence[Model],
) -> None:
    """Save groups from where an earlier attempt ended, and note in the checkpoint which of them could not be saved."""
    done = int(checkpoint.get("rows", 0))
    one_by_one_until = done + CHUNK if claimed.attempt > ATTEMPTS_TOGETHER else done
    while done < len(groups):
        kind = groups[done].kind
        size = 1 if done < one_by_one_until else CHUNK
        chunk = [group for group in groups[done : done + size] if group.kind == kind]
        done += len(chunk)
        checkpoint["rows"] = done
        progress = done / len(groups)
        try:
            with job_transaction(db, claimed, checkpoint=checkpoint, progress=progress) as session:
                origin = suppliers.Origin(on, now(), claimed.actor, "import", claimed.payload["import_id"])
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


def _finish(
    db: Database,
    blobs: BlobStore,
    claimed: ClaimedJob,
    checkpoint: Mapping[str, Any],
    parsed: ParsedUpload,
    groups: Sequence[SupplierRows],
    on: date,
) -> None:
    """End an import whose suppliers are saved, and queue the jobs that follow from them."""
    import_id, unsaved = claimed.payload["import_id"], checkpoint.get("unsaved", ())
    in_file_order = sorted(groups, key=attrgetter("position"))
    groups = [group._replace(key=group.number_key or group.key) for group in in_file_order]
    with db.for_organisation(claimed.organisation_id, write=False) as session:
        edition = editions.compare(session, session.get_one(Import, import_id), groups, is_preview=False)
    rows = parsed.received["accepted"] - sum(supplier["rows"] for supplier in unsaved)
    with job_transaction(db, claimed, result={"rows": rows}) as session:
        import_ = session.get_one(Import, import_id)
        import_.state, import_.finished_at = "done", now()
        unused = replace_readings(session, import_, {})
        editions.store(session, import_, edition)
        _report_unsaved(import_, unsaved)
        if parsed.cases:  # the files are no longer needed; the next purge deletes them
            delete_uploads(session, import_)
        import_cases.link_and_reassess(session, checkpoint.get("cases", ()), import_id, on, now(), claimed.actor)
        request_screening(session, claimed.actor, import_id=import_id)
        enqueue(session, FIND_SAME_SUPPLIERS, {"import_id": import_id}, claimed.actor, short=is_short(import_))
        own = [row for batch in parsed.buyer_batches for row in batch.answers.to_rows()]
        own_practices.save_answers(session, own, on, now(), claimed.actor, import_id)
        record_event(session, claimed.actor, "import.done", "import", import_id, {"rows": import_.accepted})
    delete_files(db, blobs, unused)


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
            answers = keep_documented_labour(kind, supplier.rows, answers, origin.on)
        incoming.append(suppliers.IncomingSupplier(answers, supplier.place, supplier.key, supplier.names))
    if incoming:
        suppliers.save_suppliers(session, kind, incoming, origin)
        identity.rekey(session, kind, {one.key: one.number_key for one in chunk if one.number_key})


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


def _apply_returned_forms(
    session: Session, parsed: ParsedUpload, answers_of: Mapping[int, list[dict[str, Any]]], on: date, by: str
) -> None:
    """Complete the answers of returned questionnaires from their requests: a blank in a returned form was declined.

    All rows of such a sheet are about the supplier that was asked (:mod:`service.imports.returned_rows`).
    """
    for batch in parsed.batches:
        asking_id = parsed.request_ids.get((batch.file, batch.sheet))
        request_and_supplier = (
            None if asking_id is None else questionnaire_requests.receive_returned_form(session, asking_id, by, on)
        )
        if request_and_supplier is None:
            continue
        request, supplier = request_and_supplier
        asked_back = list_asked_back(session, request.id)
        for answers in answers_of[id(batch)]:
            complete = (
                questionnaire_requests.complete_asked_back(supplier, asked_back, answers, on)
                if asked_back
                else questionnaire_requests.complete_returned_answers(request, answers, on)
            )
            answers.clear()
            answers.update(complete)


def is_short(import_: Import) -> bool:
    """Return whether an import that has a preview is assessed in seconds: within one chunk, as far as its rows tell."""
    return import_.accepted <= CHUNK
