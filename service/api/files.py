"""Files through the API: imports on their way in, reports on their way out."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import orjson
from flask import Response, request
from sqlalchemy.orm import Session

from questionnaires.answer import Fault, legible
from questionnaires.form import load_reading_form
from questionnaires.sheet import Limits
from questionnaires.types import Country, Date, Sector
from service.api import idempotency, shown
from service.api.body import parse
from service.api.responses import Reply, response
from service.api.views import listed
from service.auth.caller import blobs, caller, database, reading, settings
from service.cases import case_intake
from service.db.tables import Import
from service.jobs import table as jobs
from service.refusal import Refused
from service.register import listings
from service.reporting import report_jobs
from service.taking_in import findings, imports

FIELDS = ("kind", "default_country", "default_sector", "sheet", "date_order", "columns", "on", "confirm")
WORDS = {"kind": (*shown.PLURALS, "buyer", "case"), "date_order": ("dmy", "mdy"), "confirm": ("true", "false")}


def send() -> Response:
    """Takes files in. What the door can tell is refused at once; else 202, and the import reads and scores itself.

    The effect has its own transaction, after the bytes are safe; the reply under an Idempotency-Key is stored in it.
    """
    if request.mimetype != "multipart/form-data":
        raise Refused("content_type", 415, "Send the files as multipart/form-data.")
    strange = sorted(set(request.files) - {"file"})
    if strange:
        raise Refused("field.unknown", 422, f"{legible(strange[0])}: Send each file in a field called 'file'.")
    files = [(file.filename or "", file.read()) for file in request.files.getlist("file")]
    if len(files) > settings().upload_files:
        raise Refused("upload.too_many_files", 413, f"One upload has at most {settings().upload_files} files.")
    choices = _choices()
    told = [part for name, data in files for part in (name.encode("utf-8", "replace"), data)]
    asked = idempotency.request_digest(orjson.dumps(choices, option=orjson.OPT_SORT_KEYS), *told)
    key = idempotency.key_of_request()
    if key is not None:
        with reading() as session:
            found = idempotency.stored_reply(session, key, asked)
        if found is not None:
            return response(found)
    replies: list[Reply] = []

    def also(session: Session, taken: Import) -> None:
        replies.append(Reply(shown.import_(session, taken), 202, {"Location": f"/api/v1/imports/{taken.id}"}))
        if key is not None:
            idempotency.store(session, key, asked, replies[0])

    who = caller()
    sent = (who.organisation_id, files, choices, who.actor, Limits(), also)
    imports.receive(database(), blobs(), *sent, cases=who.handles_cases)
    return response(replies[0])


def _choices() -> dict[str, Any]:
    """The fields beside the files, as the reader takes them. Raises Refused, 422."""
    told = request.form.to_dict()
    strange = sorted(set(told) - set(FIELDS))
    if strange:
        raise Refused("field.unknown", 422, f"{legible(strange[0])}: There is no such field here.")
    return choices_of({name: value for name, value in told.items() if value})


def choices_of(told: Mapping[str, str]) -> dict[str, Any]:
    """What the sender decided. An import of the API confirms itself unless told otherwise."""
    for name, words in WORDS.items():
        if told.get(name, words[0]) not in words:
            raise Refused("field.value", 422, f"{name}: It is {' or '.join(words)}.")
    made: dict[str, Any] = {name: told[name] for name in ("kind", "date_order", "sheet") if name in told}
    try:
        if "sheet" in told:
            made["sheet"] = _clean(told["sheet"])
        if "default_country" in told:
            made["country"] = Country(reserved=()).read(told["default_country"])
        if "default_sector" in told:
            made["sector"] = ";".join(map(str, _sectors(told["default_sector"])))
        if "on" in told:
            made["on"] = _day(told["on"])
    except Fault as fault:
        raise Refused(fault.code, 422, f"{fault.seen}: {fault.cure}") from fault
    if "columns" in told:
        made["columns"] = _columns(told["columns"])
    if told.get("confirm") != "false":
        made["confirm"] = True
    return {name: value for name, value in made.items() if value}


def _sectors(text: str) -> tuple[str, ...]:
    codes = Sector(reserved=()).read(text)
    return tuple(map(str, codes)) if isinstance(codes, tuple) else ()


def _clean(text: str) -> str:
    if not text.isprintable():
        raise Fault("text.forbidden_character", text)
    return text


def _day(text: str) -> str:
    day = str(Date(reserved=()).read(text))
    if len(day) != 10:
        raise Fault("date.invalid", text)
    return day


def _columns(text: str) -> dict[str, str] | list[dict[str, Any]]:
    """Which column answers which question: a JSON object, question id -> header; or an array of such maps of one sheet each."""
    told = parse(text.encode("utf-8", "replace"))
    if isinstance(told, dict):
        return _column_map(told)
    if not isinstance(told, list) or not told:
        raise Refused("field.type", 422, "columns: Send an object, or an array with one for each sheet.")
    for each in told:
        if not isinstance(each, dict) or not isinstance(each.get("columns"), dict):
            raise Refused("field.type", 422, "columns: Each entry is an object with the columns of one sheet.")
        if strange := sorted(set(each) - {"file", "sheet", "columns"}):
            raise Refused("field.unknown", 422, f"columns: An entry has no {legible(strange[0])}.")
        if not all(
            isinstance(each.get(name, ""), str) and each.get(name, "").isprintable() for name in ("file", "sheet")
        ):
            raise Refused("field.type", 422, "columns: Name the file and the sheet of an entry as texts.")
        _column_map(each["columns"])
    return told


def _column_map(told: dict[str, Any]) -> dict[str, str]:
    known = {question.id for kind in WORDS["kind"] for question in load_reading_form(kind).questions}
    for question, header in told.items():
        if question not in known:
            raise Refused("field.unknown", 422, f"columns: There is no question {legible(json.dumps(question))}.")
        if not isinstance(header, str) or not header.isprintable():
            raise Refused("field.type", 422, f"columns: Say the header of the column that answers {question}.")
    return told


def list_imports(session: Session, query: Mapping[str, Any]) -> Reply:
    """Imports, newest first."""
    return listed(listings.imports(session, **query), shown.import_line)


def one_import(session: Session, import_id: str) -> Reply:
    """An import: how far it is, what was found, what came of it."""
    return Reply(shown.import_(session, _import(session, import_id)))


def _import(session: Session, import_id: str) -> Import:
    return case_intake.open_to(imports.get(session, import_id), reads_cases=caller().reads_cases)


def confirm(session: Session, import_id: str, body: Mapping[str, Any]) -> Reply:
    """Has an import scored as it was found, or read again with other choices."""
    told = dict(body)
    columns = told.pop("columns", None)
    choices = choices_of({**told, **({} if columns is None else {"columns": json.dumps(columns)})})
    _import(session, import_id)
    taken = imports.confirm(session, import_id, choices, caller().actor, cases=caller().handles_cases)
    session.flush()
    return Reply(shown.import_(session, taken), 202)


def cancel(session: Session, import_id: str) -> Reply:
    """Asks for the job of an import to be cancelled."""
    taken = _import(session, import_id)
    job = findings.progress(session, taken)
    if job is not None:
        jobs.cancel(session, job.id, caller().actor)
    return Reply(shown.import_(session, taken), 202)


def cancel_job(session: Session, job_id: str) -> Reply:
    """Asks for a job to be cancelled: it ends before its next effect."""
    return Reply(shown.job(jobs.cancel(session, job_id, caller().actor)), 202)


def report_file(job_id: str) -> Response:
    """A report as a file."""
    with reading() as session:
        rendered = report_jobs.fetch(session, blobs(), job_id, sees_worker_derived=caller().sees_worker_derived)
    sent = Response(rendered.data, content_type=rendered.media_type)
    sent.headers["Content-Disposition"] = f'attachment; filename="{rendered.file_name}"'
    # A report is opened by people: nothing in it may run, wherever it is shown.
    sent.headers["Content-Security-Policy"] = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; sandbox"
    return sent
