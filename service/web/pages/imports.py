"""Pages for imports: upload files, preview and correct how they were read, confirm the import, and follow its progress."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from flask import Response, flash, make_response, redirect, render_template, request, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext, ngettext
from sqlalchemy import select
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as AnyResponse

from questionnaires.form import JUDGED_KINDS, list_form_ids, load_combined_form, load_form
from questionnaires.lookups import load_countries, load_sectors
from questionnaires.sheet import Limits
from questionnaires.workbook import build_template
from risk_models.facts.facts import load_facts
from risk_models.facts.goods import list_recognised_goods
from service.auth.access import ACCESS
from service.auth.caller import get_blob_store, get_caller, get_database, get_settings, read_session, write_session
from service.clock import now, today
from service.db.import_tables import Import
from service.db.job_tables import Job
from service.db.tables import Supplier
from service.erasure import imports as import_erasure
from service.errors import DomainError, not_found
from service.imports import cases as import_cases
from service.imports import (
    confirming,
    corrections,
    issue_list,
    layout_changes,
    layouts,
    mappings,
    marked,
    outcome,
    preview,
    receiving,
    records,
    sample,
    undo,
)
from service.jobs import kinds
from service.jobs import table as jobs
from service.queries import supplier_filter, supplier_list, supplier_pages
from service.queries.supplier_list import MEDIA_TYPES
from service.questionnaires_sent.form_files import LAYOUTS, build_form_file, load_form_languages
from service.web.downloads import build_download, read_form_layout
from service.web.holding_backups import find_holding_backups
from service.web.pages import import_layout
from service.web.pages.editions import describe_edition

JOB_TITLES = {
    kinds.READ_IMPORT: lazy_gettext("Reading files"),
    kinds.ASSESS_IMPORT: lazy_gettext("Assessing imported suppliers"),
    kinds.FIND_SAME_SUPPLIERS: lazy_gettext("Looking for suppliers that may be the same"),
    kinds.UNDO_IMPORT: lazy_gettext("Undoing an import"),
    kinds.RENDER_REPORT: lazy_gettext("Creating a report"),
    kinds.REVIEW_SUPPLIERS: lazy_gettext("Reassessing suppliers due for review"),
    kinds.PREVIEW_RELEASE: lazy_gettext("Previewing a method release"),
    kinds.REASSESS_ALL: lazy_gettext("Reassessing all suppliers using a new release"),
    kinds.FOLLOW_AGENCIES: lazy_gettext("Reassessing sites after a change in an agency's score"),
    kinds.COUNT_VERIFIED_STEPS: lazy_gettext("Reassessing a supplier after a step was closed or reopened"),
    kinds.STORE_FIGURES: lazy_gettext("Saving the day's figures"),
    kinds.LOAD_WATCHLIST: lazy_gettext("Importing a watchlist"),
    kinds.REMOVE_ERASED_BYTES: lazy_gettext("Removing files after an erasure"),
    kinds.SCREEN_SUPPLIERS: lazy_gettext("Screening suppliers against watchlists"),
    kinds.TAKE_FINDINGS: lazy_gettext("Recording findings and planning steps"),
    kinds.RUN_CAMPAIGN: lazy_gettext("Sending questionnaires and reminders"),
    kinds.ERASE_ORGANISATION: lazy_gettext("Erasing an organisation"),
}
LISTED_SUPPLIERS = 200  # of which something stays after an import was undone
CHOICES = ("kind", "country", "sector", "sheet", "date_order", "answered_by", "on")


def show_upload_form() -> Response:
    """Show the form to upload files."""
    return _render_upload_form(None)


def _render_upload_form(error: DomainError | None) -> Response:
    forms = [load_form(form_id) for form_id in list_form_ids()]
    page = render_template("upload.html", forms=forms, error=error, values=request.form, options=_list_options())
    return make_response(page, error.status if error else 200)


def _list_options() -> dict[str, Any]:
    """Return the countries and sectors that can be chosen as defaults, as pairs of code and title."""
    countries = sorted(load_countries().names.items(), key=lambda pair: pair[1])
    return {
        "countries": countries,
        "sectors": [(code, title) for code, title in load_sectors().names.items() if len(code) <= 2],
    }


def upload_files() -> AnyResponse:
    """Import the uploaded files; an error is shown above the form."""
    uploads = [file for file in request.files.getlist("files") if file.filename]
    max_files = get_settings().upload_files
    if len(uploads) > max_files:
        message = _("Upload at most %(most)s files at a time.", most=max_files)
        return _render_upload_form(DomainError("upload.too_many", 413, message))
    files = [(file.filename or "", file.read()) for file in uploads]
    try:
        caller = get_caller()
        confirmed = {"evidence_confirmed": caller.name} if request.form.get("evidence_confirmed") == "yes" else {}
        import_ = receiving.receive_upload(
            get_database(),
            get_blob_store(),
            caller.organisation_id,
            files,
            {**_parse_choices(), **confirmed},
            caller.actor,
            Limits(),
            may_bring_cases=caller.handles_cases,
            max_waiting=get_settings().waiting_jobs,
        )
    except DomainError as error:
        return _render_upload_form(error)
    return redirect(url_for("pages.one_import", import_id=import_.id), 303)


def _parse_choices() -> dict[str, Any]:
    choices = {name: request.form.get(name, "").strip() for name in CHOICES}
    return {name: value for name, value in choices.items() if value}


def download_template(form_id: str) -> Response:
    """Return an empty form, laid out as the query says: to send out, or with ``own_list`` as a list to fill in oneself.

    Raises DomainError, ``not_found``, for an unknown form.
    """
    if form_id not in list_form_ids():
        raise not_found()
    form = load_form(form_id)
    is_own_list = "own_list" in request.args and form.kind in JUDGED_KINDS
    on = today(get_caller().time_zone)
    goods = list_recognised_goods(load_facts().as_of(on))
    if is_own_list:
        workbook = build_template(form, country=_parse_country(), for_buyer=True, goods=goods)
        return build_download(workbook, MEDIA_TYPES["xlsx"], f"{form.id}_{form.version}_own_list.xlsx")
    layout, language = read_form_layout(LAYOUTS if form.kind in JUDGED_KINDS else LAYOUTS[:1])
    with read_session() as session:
        languages = load_form_languages(session, language)
    file = build_form_file(form, layout, on, languages=languages, country=_parse_country(), goods=goods)
    return build_download(file.data, file.media_type, file.name)


def _parse_country() -> str | None:
    """Return the country that a template is for, as the query says; None where it says nothing that is known."""
    return load_countries().find(request.args.get("country", ""))


def show_imports() -> str:
    """Show all imports and the latest jobs, newest first."""
    with read_session() as session:
        return render_template(
            "imports.html",
            job_titles=JOB_TITLES,
            imports=records.list_imports(session),
            jobs=jobs.list_jobs(session, limit=30),
            contains_cases=import_cases.contains_cases,
            get_state=layouts.get_state,
        )


def _get_import(session: Session, import_id: str) -> Import:
    return import_cases.check_access(records.get_import(session, import_id), reads_cases=get_caller().reads_cases)


def _get_import_to_confirm(session: Session, import_id: str) -> Import:
    """Return an import that the caller may confirm. Raises DomainError, ``forbidden``, if they may not upload suppliers."""
    import_ = _get_import(session, import_id)
    if not import_cases.contains_cases(import_) and not ACCESS.may_open(get_caller().role or "", "pages.send", "POST"):
        raise DomainError("forbidden", 403, _("Only users who can upload suppliers can confirm this import."))
    return import_


def show_import(import_id: str) -> Response:
    """Show the preview, the progress or the results of an import."""
    return _render_import(import_id, None)


def _render_import(import_id: str, error: DomainError | None) -> Response:
    on = today(get_caller().time_zone)
    with read_session() as session:
        import_ = _get_import(session, import_id)
        job = None if import_.undo else preview.get_current_job(session, import_)
        issues = (import_.found or import_.problem or {}).get("issues", ())
        data: dict[str, Any] = {
            "import_": import_,
            "state": layouts.get_state(import_),
            "error": error,
            "in_progress": _is_in_progress(import_, job),
            "job": job,
            "options": _list_options(),
            "contains_cases": import_cases.contains_cases(import_),
            "sheets": import_layout.list_sheet_forms(import_),
            "read_tables": [sheet for file in (import_.found or {}).get("files", ()) for sheet in file["sheets"]],
            "layout_version": _get_layout_version(import_),
            "entered": request.form if error is not None and "version" in request.form else None,
            "corrections": corrections.list_corrections(import_),
            "find_offer": partial(corrections.find_offer, import_),
            "issues": preview.group_issues(issues),
            "skipped_sheets": preview.list_skipped_sheets(issues),
            "values": _get_choice_values(import_, error),
            "confirmers": mappings.find_confirmers(
                session, [used["confirmed_by"] for used in (import_.found or {}).get("remembered", ())]
            ),
            "stored_files": [upload.name for upload in marked.list_uploads(session, import_)],
            "can_be_undone": undo.can_be_undone(import_, now()),
            "undo_until": undo.get_deadline(import_),
            "kept": _list_kept(session, import_),
            "compared": describe_edition(session, import_),
        }
        if import_.state == "done":
            counted = outcome.count_outcome(session, import_)
            data |= {"outcome": counted, "summary": _describe_outcome(counted)}
            filter_ = supplier_filter.SupplierFilter(imported=import_.id)
            data |= {
                "counts": supplier_list.count_suppliers_by_level(session, filter_, on),
                "insufficient_by_inherent": supplier_list.count_insufficient_by_inherent(session, filter_, on),
                "page": supplier_pages.get_supplier_page(session, filter_, on),
            }
    page = render_template("import.html", **data, **import_layout.build_helpers())
    return make_response(page, error.status if error else 200)


def _get_layout_version(import_: Import) -> str:
    """Return the version of the layout that a page shows; "" before the files were read."""
    return layouts.compute_version(layouts.build_layout(import_)) if "files" in (import_.found or {}) else ""


def show_progress(import_id: str) -> Response:
    """Return the progress bar of an import, which its page polls; the header HX-Refresh reloads the page at the end."""
    with read_session() as session:
        import_ = _get_import(session, import_id)
        job = None if import_.undo else preview.get_current_job(session, import_)
        in_progress = _is_in_progress(import_, job)
    headers = {} if in_progress else {"HX-Refresh": "true"}
    return make_response(render_template("import_progress.html", import_=import_, job=job), 200, headers)


def download_marked_file(import_id: str) -> Response:
    """Return a file of an import (``file`` in the query, if there are several) as a workbook with its problems marked."""
    with read_session() as session:
        file = marked.find_file(session, _get_import(session, import_id), request.args.get("file"))
    data = marked.mark_stored_file(get_blob_store(), file)
    return build_download(data, marked.MEDIA_TYPE, marked.name_marked_file(file.name))


def download_issues(import_id: str) -> Response:
    """Return all issues of an import as a CSV file, each with all its cells."""
    with read_session() as session:
        stored = issue_list.load_issues(session, get_blob_store(), _get_import(session, import_id))
        session.expunge(stored.import_)
    data = issue_list.build_csv(issue_list.list_all_issues(stored))
    return build_download(data, issue_list.MEDIA_TYPE, issue_list.FILE_NAME)


def correct_cells(import_id: str) -> AnyResponse:
    """Have all cells of a column with one text read as another text, or take that back; the files are read again."""
    change = {name: request.form.get(name, "") for name in (*corrections.PLACE, "text")}
    try:
        with write_session() as session:
            import_ = _get_import_to_confirm(session, import_id)
            caller = get_caller()
            confirming.confirm_import(
                session,
                import_id,
                corrections.change_corrections(import_, [change]),
                caller.actor,
                may_bring_cases=caller.handles_cases,
                max_waiting=get_settings().waiting_jobs,
            )
    except DomainError as error:
        if error.code == "not_found":
            raise
        return _render_import(import_id, error)
    return redirect(url_for("pages.one_import", import_id=import_id), 303)


def confirm_import(import_id: str) -> AnyResponse:
    """Confirm an import, so that its rows are assessed as shown in the preview."""
    with write_session() as session:
        _get_import_to_confirm(session, import_id)
        confirming.confirm_import(
            session,
            import_id,
            {},
            get_caller().actor,
            may_bring_cases=get_caller().handles_cases,
            max_waiting=get_settings().waiting_jobs,
        )
    return redirect(url_for("pages.one_import", import_id=import_id), 303)


def correct_import(import_id: str) -> AnyResponse:
    """Have the files of an import read again as the form says; an error is shown above the form."""
    try:
        with write_session() as session:
            import_ = _get_import_to_confirm(session, import_id)
            corrections, caller = _parse_corrections(import_), get_caller()
            confirming.confirm_import(
                session,
                import_id,
                corrections,
                caller.actor,
                may_bring_cases=caller.handles_cases,
                max_waiting=get_settings().waiting_jobs,
            )
    except DomainError as error:
        if error.code == "not_found":
            raise
        return _render_import(import_id, error)
    return redirect(url_for("pages.one_import", import_id=import_id), 303)


def _is_in_progress(import_: Import, job: Job | None) -> bool:
    return import_.undo["state"] == "running" if import_.undo else preview.is_in_progress(import_, job)


def undo_import(import_id: str) -> AnyResponse:
    """Undo an import. Raises DomainError: ``undo.state``, ``undo.cases``, ``undo.too_late``."""
    with write_session() as session:
        _get_import(session, import_id)
        undo.request_undo(session, import_id, now(), get_caller().actor)
    return redirect(url_for("pages.one_import", import_id=import_id), 303)


def _list_kept(session: Session, import_: Import) -> list[tuple[Supplier, Mapping[str, Any], list[str]]]:
    """List the suppliers of which something stays: each with why, and the titles of the questions that were answered since."""
    kept = {entry["supplier_id"]: entry for entry in (import_.undo or {}).get("kept", ())[:LISTED_SUPPLIERS]}
    found = session.scalars(select(Supplier).where(Supplier.id.in_(kept)).order_by(Supplier.sort_name, Supplier.id))
    titles = {kind: load_combined_form(kind).by_id for kind in JUDGED_KINDS}
    return [
        (one, kept[one.id], [titles[one.kind][question].title for question in kept[one.id]["questions"]])
        for one in found
    ]


def _get_choice_values(import_: Import, error: DomainError | None) -> Mapping[str, Any]:
    """Return the defaults for the form; those that could not be used stay so that they can be corrected."""
    if error is not None and request.method == "POST":
        return {name: request.form.get(name, "") for name in CHOICES}
    failed: Mapping[str, Any] | None = (import_.problem or {}).get("choices")
    return import_.choices if failed is None else failed


def _parse_corrections(import_: Import) -> dict[str, Any]:
    choices: dict[str, Any] = {
        name: request.form.get(name, "").strip() or None for name in CHOICES if name in request.form
    }
    changed: dict[str, Any] = {name: value for name, value in choices.items() if value != import_.choices.get(name)}
    if import_.state == "previewed" and request.form.get("version") != _get_layout_version(import_):
        message = _(
            "The files have been read again in the meantime. Check the new result, then make your changes again."
        )
        raise DomainError("precondition.failed", 412, message)
    changes = import_layout.parse_changes(request.form, import_layout.list_sheet_forms(import_))
    if changes:
        changed |= layout_changes.change_layout(import_, changes)
    if not changed:
        raise DomainError(
            "import.unchanged", 422, _("Nothing has changed: the files have already been read with these settings.")
        )
    return changed


def _describe_outcome(counted: outcome.Outcome) -> str:
    """Return one sentence on the outcome of an import; counts of zero are omitted."""
    suppliers, rows = f"{counted.suppliers:,}", f"{counted.unused_rows:,}"
    parts = []
    if counted.suppliers or not (counted.case_records or counted.own_units):
        parts.append(
            ngettext("%(count)s supplier scored", "%(count)s suppliers scored", counted.suppliers, count=suppliers)
        )
    if counted.case_records:
        parts.append(ngettext("%(num)s case record saved", "%(num)s case records saved", counted.case_records))
    if counted.own_units:
        parts.append(
            ngettext(
                "answers about our own practices saved for %(num)s business unit",
                "answers about our own practices saved for %(num)s business units",
                counted.own_units,
            )
        )
    if counted.unused_rows:
        parts.append(ngettext("%(count)s row not used", "%(count)s rows not used", counted.unused_rows, count=rows))
    sentence = ", ".join(parts)
    return f"{sentence[:1].upper()}{sentence[1:]}."


def load_sample() -> AnyResponse:
    """Load the sample list and show its progress. Raises DomainError ``sample.not_empty``."""
    caller = get_caller()
    import_ = sample.load_sample(get_database(), get_blob_store(), caller.organisation_id, caller.actor)
    return redirect(url_for("pages.one_import", import_id=import_.id), 303)


def remove_sample() -> AnyResponse:
    """Remove the sample list with its suppliers. Raises DomainError ``sample.loading``."""
    with write_session() as session:
        removal = sample.remove_sample(session, now(), get_caller().actor)
    message = ngettext("%(num)s sample supplier was removed.", "%(num)s sample suppliers were removed.", removal.erased)
    if removal.kept:
        message += " " + ngettext(
            "%(num)s other supplier was not removed and keeps its sample answers, because it also came from another source.",
            "%(num)s other suppliers were not removed and keep their sample answers, because they also came from another source.",
            removal.kept,
        )
    flash(message)
    return redirect(url_for("pages.portfolio"), 303)


def show_erase_confirmation(import_id: str) -> str:
    """Show what erasing an import would do, and ask to confirm it."""
    with read_session() as session:
        import_ = _get_import(session, import_id)
        preview = import_erasure.preview_import(session, import_)
        only_here = import_erasure.preview_import(session, import_, with_suppliers=True).erased["suppliers"]
    holding = find_holding_backups(preview)
    return render_template("erase_import.html", import_=import_, preview=preview, only_here=only_here, holding=holding)


def erase_import(import_id: str) -> AnyResponse:
    """Erase an import, and the suppliers that came only in it if wanted. Raises DomainError ``erasure.import_running``."""
    with write_session() as session:
        import_ = _get_import(session, import_id)
        with_suppliers = request.form.get("suppliers") == "erase"
        erased = import_erasure.erase_import(
            session, import_, now(), get_caller().actor, with_suppliers=with_suppliers
        ).erased
    message = _("The import and its files were erased. The audit trail shows who erased them and when.")
    if erased:
        message += " " + ngettext("%(num)s supplier was also erased.", "%(num)s suppliers were also erased.", erased)
    flash(message)
    return redirect(url_for("pages.imports"), 303)


def cancel_job(job_id: str) -> AnyResponse:
    """Cancel a job before its next step."""
    with write_session() as session:
        jobs.cancel_job(session, job_id, get_caller().actor)
    flash(_("The job will stop before its next step. Anything it has already done is kept."))
    return redirect(url_for("pages.imports"), 303)
