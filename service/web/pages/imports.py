"""Files on their way in: sent, looked at, corrected, confirmed, followed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from flask import Response, flash, make_response, redirect, render_template, request, url_for
from flask_babel import gettext as _
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as AnyResponse

from questionnaires.form import list_form_ids, load_form
from questionnaires.lookups import load_countries, load_sectors
from questionnaires.sheet import Limits
from questionnaires.workbook import build_template
from service.auth.access import ACCESS
from service.auth.caller import get_blob_store, get_caller, get_database, get_settings, read_session, write_session
from service.clock import today
from service.db.tables import Import
from service.errors import DomainError, not_found
from service.imports import cases as import_cases
from service.imports import jobs as import_jobs
from service.imports import preview
from service.jobs import table as jobs
from service.queries import supplier_list
from service.queries.supplier_list import MEDIA_TYPES
from service.web.pages.suppliers import as_file

CHOICES = ("kind", "country", "sector", "sheet", "date_order", "on")


def form() -> Response:
    """The form to send files with."""
    return _form(None)


def _form(refused: DomainError | None) -> Response:
    forms = [load_form(form_id) for form_id in list_form_ids()]
    page = render_template("upload.html", forms=forms, refused=refused, given=request.form, offered=_offered())
    return make_response(page, refused.status if refused else 200)


def _offered() -> dict[str, Any]:
    named = sorted(load_countries().names.items(), key=lambda pair: pair[1])
    return {
        "countries": named,
        "sectors": [(code, title) for code, title in load_sectors().names.items() if len(code) <= 2],
    }


def send() -> AnyResponse:
    """Takes files in; what the door refuses is said above the form."""
    sent = [file for file in request.files.getlist("files") if file.filename]
    most = get_settings().upload_files
    if len(sent) > most:
        return _form(DomainError("upload.too_many", 413, _("Send at most %(most)s files at once.", most=most)))
    files = [(file.filename or "", file.read()) for file in sent]
    try:
        who, cases = get_caller(), get_caller().handles_cases
        taken = import_jobs.receive_upload(
            get_database(),
            get_blob_store(),
            who.organisation_id,
            files,
            _choices(),
            who.actor,
            Limits(),
            may_bring_cases=cases,
        )
    except DomainError as refused:
        return _form(refused)
    return redirect(url_for("pages.one_import", import_id=taken.id), 303)


def _choices() -> dict[str, Any]:
    told = {name: request.form.get(name, "").strip() for name in CHOICES}
    return {name: value for name, value in told.items() if value}


def template_of(form_id: str) -> Response:
    """A form as an empty workbook. Raises Refused ``not_found``."""
    if form_id not in list_form_ids():
        raise not_found()
    asked = load_form(form_id)
    return as_file(build_template(asked), MEDIA_TYPES["xlsx"], f"{asked.id}_{asked.version}.xlsx")


def listing() -> str:
    """Everything that was sent, newest first, and what is at work."""
    with read_session() as session:
        told = {"imports": import_jobs.list_imports(session), "jobs": jobs.list_jobs(session, limit=30)}
        return render_template("imports.html", **told, holds_cases=import_cases.contains_cases)


def _open(session: Session, import_id: str) -> Import:
    return import_cases.check_access(import_jobs.get_import(session, import_id), reads_cases=get_caller().reads_cases)


def _to_confirm(session: Session, import_id: str) -> Import:
    """An import that the caller may decide on: of case records, or of suppliers by who may send those."""
    taken = _open(session, import_id)
    if not import_cases.contains_cases(taken) and not ACCESS.may_open(get_caller().role or "", "pages.send", "POST"):
        raise DomainError("forbidden", 403, _("It is for those who bring suppliers."))
    return taken


def one(import_id: str) -> Response:
    """An import: what was found, how far it is, or what came of it."""
    return _one(import_id, None)


def _one(import_id: str, refused: DomainError | None, answers: Sequence[preview.ColumnChoice] = ()) -> Response:
    on = today(get_caller().time_zone)
    with read_session() as session:
        taken = _open(session, import_id)
        job = preview.get_current_job(session, taken)
        told: dict[str, Any] = {
            "taken": taken,
            "refused": refused,
            "at_work": preview.is_in_progress(taken, job),
            "job": job,
            "offered": _offered(),
            "of_cases": import_cases.contains_cases(taken),
        }
        issues = (taken.found or taken.problem or {}).get("issues", ())
        told |= {
            "tables": preview.list_tables(taken),
            "issues": preview.group_issues(issues),
            "questions": preview.list_questions,
        }
        told |= {"tried": preview.list_failed_choices(taken, answers), "left_out": preview.list_skipped_sheets(issues)}
        told["given"] = _given(taken, refused)
        if taken.state == "done":
            wanted = supplier_list.SupplierFilter(imported=taken.id)
            told |= {
                "counts": supplier_list.count_by_level(session, wanted, on),
                "shown": supplier_list.get_page(session, wanted, on),
            }
    return make_response(render_template("import.html", **told), refused.status if refused else 200)


def progress(import_id: str) -> Response:
    """How far an import is, for the part of its page that is renewed; tells the page to start anew once it is over."""
    with read_session() as session:
        taken = _open(session, import_id)
        job = preview.get_current_job(session, taken)
    over = {} if preview.is_in_progress(taken, job) else {"HX-Refresh": "true"}
    return make_response(render_template("progress.html", taken=taken, job=job), 200, over)


def confirm(import_id: str) -> AnyResponse:
    """Scores what was found as it was shown."""
    with write_session() as session:
        _to_confirm(session, import_id)
        import_jobs.confirm_import(
            session, import_id, {}, get_caller().actor, may_bring_cases=get_caller().handles_cases
        )
    return redirect(url_for("pages.one_import", import_id=import_id), 303)


def correct(import_id: str) -> AnyResponse:
    """Has the files read again with other choices: columns that answer other questions, other defaults."""
    try:
        with write_session() as session:
            taken = _to_confirm(session, import_id)
            cases = get_caller().handles_cases
            import_jobs.confirm_import(
                session, import_id, _corrections(taken), get_caller().actor, may_bring_cases=cases
            )
    except DomainError as refused:
        if refused.code == "not_found":
            raise
        return _one(import_id, refused, _answers())
    return redirect(url_for("pages.one_import", import_id=import_id), 303)


def _answers() -> list[preview.ColumnChoice]:
    """What each column of each sheet was said to answer."""
    told = (request.form.getlist(name) for name in ("file", "sheet_of", "header", "question"))
    return list(zip(*told, strict=False))


def _given(taken: Import, refused: DomainError | None) -> Mapping[str, Any]:
    """The other choices as they are to be shown: those that could not be used stay, so that they can be mended."""
    if refused is not None and request.method == "POST":
        return {name: request.form.get(name, "") for name in CHOICES}
    tried: Mapping[str, Any] | None = (taken.problem or {}).get("choices")
    return taken.choices if tried is None else tried


def _corrections(taken: Import) -> dict[str, Any]:
    choices: dict[str, Any] = {n: request.form.get(n, "").strip() or None for n in CHOICES if n in request.form}
    columns = preview.build_column_maps(taken, _answers())
    changed: dict[str, Any] = {name: value for name, value in choices.items() if value != taken.choices.get(name)}
    if columns != preview.build_column_maps(taken, ()):
        changed["columns"] = columns
    if not changed:
        raise DomainError(
            "import.unchanged", 422, _("Nothing was changed: the files have been read like this already.")
        )
    return changed


def cancel_job(job_id: str) -> AnyResponse:
    """Asks for a job to be cancelled."""
    with write_session() as session:
        jobs.cancel_job(session, job_id, get_caller().actor)
    flash(_("It will be cancelled before its next step. What is done already stays."))
    return redirect(url_for("pages.imports"), 303)
