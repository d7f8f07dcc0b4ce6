"""API views for files: uploading imports and downloading reports."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import orjson
from flask import Response, request
from sqlalchemy.orm import Session

from questionnaires.form import load_combined_form
from questionnaires.issues import parse_issue
from questionnaires.parse.answer import AnswerError, make_legible
from questionnaires.parse.types import CountryField, DateField, SectorField
from questionnaires.sheet import Limits
from service.api import idempotency
from service.api.body import parse
from service.api.responses import Reply, attachment, check_version, page_reply, response
from service.api.schemas.base import Resource
from service.api.schemas.files import CHOICES, UPLOAD, ImportSchema
from service.api.vouching import check_may_vouch
from service.auth.caller import get_blob_store, get_caller, get_database, get_settings, read_session
from service.clock import now
from service.db.import_tables import Import
from service.errors import DomainError
from service.imports import cases as import_cases
from service.imports import (
    confirming,
    corrections,
    editions,
    issue_list,
    layout_changes,
    layouts,
    marked,
    receiving,
    records,
    undo,
)
from service.imports import preview as findings
from service.jobs import table as jobs
from service.queries import lists
from service.queries.supplier_filter import SupplierFilter
from service.queries.supplier_list import count_suppliers_by_level
from service.reporting import report_jobs

MOST_ISSUES = 500
IMPORT = ImportSchema()
TEXT_PARTS = UPLOAD.fields.keys() - {"file"}


def upload() -> Response:
    """Receive files for an import. Files that fail a check are rejected immediately; otherwise the response is 202, and jobs
    read and score the import. The import is created in its own transaction, once the bytes are stored safely; the reply for an
    Idempotency-Key is stored in the same transaction.
    """
    if request.mimetype != "multipart/form-data":
        raise DomainError("content_type", 415, "Send the files as multipart/form-data.")
    unknown = sorted(set(request.files) - {"file"})
    if unknown:
        raise DomainError("field.unknown", 422, f"{make_legible(unknown[0])}: Send each file in a field named 'file'.")
    files = [(file.filename or "", file.read()) for file in request.files.getlist("file")]
    if len(files) > get_settings().upload_files:
        raise DomainError(
            "upload.too_many_files", 413, f"An upload can contain at most {get_settings().upload_files} files."
        )
    choices = _choices_of_form()
    parts = [part for name, data in files for part in (name.encode("utf-8", "replace"), data)]
    digest = idempotency.request_digest(orjson.dumps(choices, option=orjson.OPT_SORT_KEYS), *parts)
    key = idempotency.key_of_request()
    if key is not None:
        with read_session() as session:
            stored = idempotency.stored_reply(session, key, digest)
        if stored is not None:
            return response(stored)
    replies: list[Reply] = []

    def answer(session: Session, import_: Import) -> None:
        location = {"Location": f"/api/v1/imports/{import_.id}"}
        replies.append(Reply(IMPORT.dump(_import(session, import_)), 202, location))
        if key is not None:
            idempotency.store(session, key, digest, replies[0])

    who = get_caller()
    receiving.receive_upload(
        get_database(),
        get_blob_store(),
        who.organisation_id,
        files,
        choices,
        who.actor,
        Limits(),
        answer,
        may_bring_cases=who.handles_cases,
        max_waiting=get_settings().waiting_jobs,
    )
    return response(replies[0])


def _choices_of_form() -> dict[str, Any]:
    """Return the options in the text parts of an upload. Raises DomainError, 422."""
    form = request.form.to_dict()
    unknown = sorted(form.keys() - TEXT_PARTS)
    if unknown:
        raise DomainError("field.unknown", 422, f"{make_legible(unknown[0])}: This field does not exist.")
    return choices_from({name: value for name, value in form.items() if value})


def choices_from(texts: Mapping[str, str]) -> dict[str, Any]:
    """Return the sender's options as an import stores them. The import is confirmed automatically unless ``confirm`` is false.

    Raises DomainError, 422.
    """
    for name, codes in CHOICES.items():
        if texts.get(name, codes[0]) not in codes:
            raise DomainError("field.value", 422, f"{name}: Enter {' or '.join(codes)}.")
    choices: dict[str, Any] = {
        name: texts[name] for name in ("kind", "date_order", "answered_by", "sheet", "previous") if name in texts
    }
    try:
        if "sheet" in texts:
            choices["sheet"] = _printable(texts["sheet"])
        if "default_country" in texts:
            choices["country"] = CountryField(reserved=()).parse(texts["default_country"])
        if "default_sector" in texts:
            choices["sector"] = ";".join(_sectors(texts["default_sector"]))
        if "on" in texts:
            choices["on"] = _day(texts["on"])
    except AnswerError as fault:
        raise DomainError(fault.code, 422, f"{fault.seen}: {fault.cure}") from fault
    if "columns" in texts:
        choices["columns"] = _columns(texts["columns"])
    if texts.get("evidence_confirmed") == "true":
        check_may_vouch()
        choices["evidence_confirmed"] = get_caller().name
        choices["without_workers"] = not get_caller().sees_worker_derived
    if texts.get("confirm") != "false":
        choices["confirm"] = True
    return {name: value for name, value in choices.items() if value}


def _sectors(text: str) -> tuple[str, ...]:
    codes = SectorField(reserved=()).parse(text)
    return tuple(map(str, codes)) if isinstance(codes, tuple) else ()


def _printable(text: str) -> str:
    if not text.isprintable():
        raise AnswerError("text.forbidden_character", text)
    return text


def _day(text: str) -> str:
    day = str(DateField(reserved=()).parse(text))
    if len(day) != 10:
        raise AnswerError("date.invalid", text)
    return day


def _columns(text: str) -> dict[str, str] | list[dict[str, Any]]:
    """Return the column map, question id -> header, or a list of such maps, one per sheet."""
    data = parse(text.encode("utf-8", "replace"))
    if isinstance(data, dict):
        return _column_map(data)
    if not isinstance(data, list) or not data:
        raise DomainError("field.type", 422, "columns: Send an object, or an array with one object per sheet.")
    for entry in data:
        if not isinstance(entry, dict) or not isinstance(entry.get("columns"), dict):
            raise DomainError(
                "field.type", 422, "columns: Each entry must be an object with the columns for one sheet."
            )
        if unknown := sorted(set(entry) - {"file", "sheet", "columns"}):
            raise DomainError(
                "field.unknown", 422, f"columns: An entry cannot have the field {make_legible(unknown[0])}."
            )
        names = [entry.get(name, "") for name in ("file", "sheet")]
        if not all(isinstance(name, str) and name.isprintable() for name in names):
            raise DomainError("field.type", 422, "columns: The file and the sheet in an entry must be strings.")
        _column_map(entry["columns"])
    return data


def _column_map(data: dict[str, Any]) -> dict[str, str]:
    known = {question.id for kind in CHOICES["kind"] for question in load_combined_form(kind).questions}
    for question, header in data.items():
        if question not in known:
            raise DomainError(
                "field.unknown", 422, f"columns: There is no question {make_legible(json.dumps(question))}."
            )
        if not isinstance(header, str) or not header.isprintable():
            raise DomainError("field.type", 422, f"columns: Enter the header of the column that answers {question}.")
    return data


def list_imports(session: Session, query: Mapping[str, Any]) -> Reply:
    """Return imports, newest first."""
    page = lists.list_imports(session, **query)
    return page_reply(page, lambda import_: Resource(import_, state=layouts.get_state(import_)))


def get_import(session: Session, import_id: str) -> Reply:
    """Return an import: its progress, what was found in its files, and its outcome."""
    return Reply(_import(session, _visible_import(session, import_id)))


def _visible_import(session: Session, import_id: str) -> Import:
    return import_cases.check_access(records.get_import(session, import_id), reads_cases=get_caller().reads_cases)


def confirm(session: Session, import_id: str, body: Mapping[str, Any]) -> Reply:
    """Confirm an import as previewed, or have its files read again with different options."""
    texts = dict(body)
    if "columns" in texts:
        texts["columns"] = json.dumps(texts["columns"])
    choices = choices_from(texts)
    _visible_import(session, import_id)
    import_ = confirming.confirm_import(
        session,
        import_id,
        choices,
        get_caller().actor,
        may_bring_cases=get_caller().handles_cases,
        max_waiting=get_settings().waiting_jobs,
    )
    session.flush()
    return Reply(_import(session, import_), 202)


def get_layout(session: Session, import_id: str) -> Reply:
    """Return how the files of an import were read."""
    layout = layouts.build_layout(_visible_import(session, import_id))
    return Reply(layout, etag=layouts.compute_version(layout))


def change_layout(session: Session, import_id: str, body: Mapping[str, Any]) -> Reply:
    """Have the files of an import read again with another layout."""
    import_ = _visible_import(session, import_id)
    check_version(layouts.compute_version(layouts.build_layout(import_)))
    who = get_caller()
    changed = confirming.confirm_import(
        session,
        import_id,
        layout_changes.change_layout(import_, body["sheets"])
        | corrections.replace_corrections(import_, body["sheets"]),
        who.actor,
        may_bring_cases=who.handles_cases,
        max_waiting=get_settings().waiting_jobs,
    )
    return Reply(layouts.build_layout(changed), 202)


def marked_file(import_id: str, query: Mapping[str, Any]) -> Response:
    """Return a file of an import as a workbook with its problems marked."""
    with read_session() as session:
        file = marked.find_file(session, _visible_import(session, import_id), query.get("file"))
    return attachment(
        marked.mark_stored_file(get_blob_store(), file), marked.MEDIA_TYPE, marked.name_marked_file(file.name)
    )


def issues_file(import_id: str) -> Response:
    """Return all issues of an import as a CSV file, each with all its cells."""
    with read_session() as session:
        stored = issue_list.load_issues(session, get_blob_store(), _visible_import(session, import_id))
        session.expunge(stored.import_)
    data = issue_list.build_csv(issue_list.list_all_issues(stored))
    return attachment(data, issue_list.MEDIA_TYPE, issue_list.FILE_NAME)


def undo_import(session: Session, import_id: str) -> Reply:
    """Request that an import be undone."""
    _visible_import(session, import_id)
    import_ = undo.request_undo(session, import_id, now(), get_caller().actor)
    session.flush()
    return Reply(_import(session, import_), 202)


def cancel(session: Session, import_id: str) -> Reply:
    """Request that the job of an import be cancelled."""
    import_ = _visible_import(session, import_id)
    job = findings.get_current_job(session, import_)
    if job is not None:
        jobs.cancel_job(session, job.id, get_caller().actor)
    return Reply(_import(session, import_), 202)


def _import(session: Session, import_: Import) -> Resource:
    preview = import_.found or {}
    issues = preview.get("issues", [])
    scored = SupplierFilter(imported=import_.id)
    return Resource(
        import_,
        state=layouts.get_state(import_),
        files=preview.get("files", []),
        job=findings.get_current_job(session, import_),
        counts=count_suppliers_by_level(session, scored, now().date()) if import_.state == "done" else None,
        issues=[_describe_issue(import_, issue) for issue in issues[:MOST_ISSUES]],
        issues_total=len(issues),
        issue_groups=[
            {
                "code": group.code,
                "severity": group.severity,
                "title": group.severity_title,
                "issues": len(group.lines) + group.more,
                "cells": group.cells,
            }
            for group in findings.group_issues(issues)
        ],
        left_out=preview.get("left_out", []),
        remembered=preview.get("remembered", []),
        edition=_edition(session, import_),
        undo_until=undo.get_deadline(import_) if undo.can_be_undone(import_, now()) else None,
    )


def _edition(session: Session, import_: Import) -> dict[str, Any] | None:
    """Return what an import was compared with, and the counts; None if nothing was found."""
    counts = editions.count_states(session, import_)
    if import_.edition is None and not any(counts.values()):
        return None
    return {"previous_id": import_.edition["previous_id"] if import_.edition else None, "counts": counts}


def _describe_issue(import_: Import, issue: Mapping[str, Any]) -> dict[str, Any]:
    """Return an issue with what it offers to correct, if it does."""
    offer = corrections.find_offer(import_, parse_issue(issue)) if import_.state == "previewed" else None
    return {**issue, **({"question": offer.question, "suggestions": list(offer.suggestions)} if offer else {})}


def cancel_job(session: Session, job_id: str) -> Reply:
    """Request the cancellation of a job, which then ends before it writes anything else."""
    return Reply(jobs.cancel_job(session, job_id, get_caller().actor), 202)


def report_file(job_id: str) -> Response:
    """Return a report as a file."""
    with read_session() as session:
        rendered = report_jobs.download_report(
            session, get_blob_store(), job_id, sees_worker_derived=get_caller().sees_worker_derived
        )
    sent = Response(rendered.data, content_type=rendered.media_type)
    sent.headers["Content-Disposition"] = f'attachment; filename="{rendered.file_name}"'
    # People open reports in a browser, so nothing in a report may be executed.
    sent.headers["Content-Security-Policy"] = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; sandbox"
    return sent
