"""Pages for case records: the list, one case with its readings, and the forms to change, correct and delete it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, datetime
from typing import Any

from flask import Response, flash, make_response, redirect, render_template, request, url_for
from flask_babel import gettext as _
from flask_babel import ngettext
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as AnyResponse

from questionnaires.form import load_form
from questionnaires.lookups import load_countries
from questionnaires.question import Question
from questionnaires.sheet import Limits
from questionnaires.validation.personal_data import IDENTIFYING_NOTE
from risk_models.cases.rules import STRENGTHS, list_case_rules
from service.auth.caller import get_blob_store, get_caller, get_database, get_settings, read_session, write_session
from service.case_reading.worker_selection import CHOSEN_BY
from service.cases import closing, corrections
from service.cases import service as case_service
from service.cases.closing import WorkerCheck
from service.clock import now, today
from service.db.account_tables import User
from service.db.case_tables import StoredCase
from service.db.tables import Supplier
from service.erasure import erase as erasure
from service.errors import DomainError
from service.imports import receiving
from service.queries import lists, watches
from service.remediation.steps import build_act
from service.web.holding_backups import find_holding_backups

STATES = ("open", "closed")


def show_cases() -> Response:
    """Show the cases with a status (by default the open ones), strongest evidence first."""
    return _render_cases(None)


def _render_cases(error: DomainError | None) -> Response:
    state = request.args.get("state", "")
    state = state if state in STATES else "open"
    with read_session() as session:
        page = lists.list_cases(session, state=state, cursor=request.args.get("cursor"))
        supplier_ids = {case.supplier_id for case in page.items if case.supplier_id}
        suppliers = {supplier_id: session.get(Supplier, supplier_id) for supplier_id in supplier_ids}
    html = render_template(
        "cases.html",
        state=state,
        cases=page.items,
        next_cursor=page.next_cursor,
        suppliers=suppliers,
        error=error,
        values=request.form,
        **_get_labels(),
    )
    return make_response(html, error.status if error else 200)


def _get_labels() -> dict[str, Any]:
    """Return the labels for the templates: the questions of the form, and titles by code."""
    form, rules = load_form(case_service.FORM_ID), list_case_rules()[-1]
    return {
        "questions": {question.id: question for question in form.questions},
        "countries": sorted(load_countries().names.items(), key=lambda pair: pair[1]),
        "choice_title": _get_choice_title,
        "strengths": STRENGTHS,
        "outcomes": closing.list_outcomes(),
        "chosen_by": CHOSEN_BY,
        "dimensions": {dimension["number"]: dimension["title"] for dimension in rules.raw["dimension"]},
        "phases": rules.phases,
    }


def _get_choice_title(question: Question, code: str | None) -> str:
    """Return the title of a choice, or its code if the question has no such choice."""
    return next((choice.title for choice in question.choices if choice.code == code), code or "")


def open_case() -> AnyResponse:
    """Open a case from the form; an error is shown above the form."""
    answers: dict[str, Any] = _parse_fields(case_service.CASE_QUESTIONS)
    for name in ("acts", "asked_in_full"):
        answers[name] = request.form.getlist(name)
    if "people" in answers and answers["people"].isascii() and answers["people"].isdigit():
        answers["people"] = int(answers["people"])
    finding = _parse_fields(case_service.FINDING_QUESTIONS)
    try:
        _check_note_confirmed(finding)
        with write_session() as session:
            case = case_service.open_case(
                session, answers, [finding] if "finding" in finding else [], *_get_change_context()
            )
    except DomainError as error:
        return _render_cases(error)
    flash(_("Case opened."))
    _flash_removed_note(finding)
    return redirect(url_for("pages.one_case", case_id=case.id), 303)


def upload_cases() -> AnyResponse:
    """Import sheets of case records."""
    files = [(file.filename or "", file.read()) for file in request.files.getlist("files") if file.filename]
    if len(files) > get_settings().upload_files:
        return _render_cases(
            DomainError(
                "upload.too_many", 413, _("Upload at most %(most)s files at a time.", most=get_settings().upload_files)
            )
        )
    caller = get_caller()
    try:
        import_ = receiving.receive_upload(
            get_database(),
            get_blob_store(),
            caller.organisation_id,
            files,
            {"kind": "case"},
            caller.actor,
            Limits(),
            may_bring_cases=caller.handles_cases,
            max_waiting=get_settings().waiting_jobs,
        )
    except DomainError as error:
        return _render_cases(error)
    return redirect(url_for("pages.one_import", import_id=import_.id), 303)


def show_case(case_id: str) -> Response:
    """Show a case: the group, the findings, the readings and the urgent steps."""
    return _render_case(case_id, None)


def _render_case(case_id: str, error: DomainError | None, corrected_number: int | None = None) -> Response:
    with read_session() as session:
        case = case_service.get_case(session, case_id)
        detail = case_service.get_case_detail(session, case, today(get_caller().time_zone))
        two_users = case.state == "open" and closing.needs_two_users(session, case)
        proposed_by = _get_proposer_name(session, case)
        watch = watches.get_open_watch(session, case.supplier_id) if case.supplier_id else None
    html = render_template(
        "case.html",
        detail=detail,
        two_users=two_users,
        proposed_by=proposed_by,
        watch=watch,
        is_approver=_is_approver(),
        is_own_proposal=case.closing is not None and case.closing["by"] == get_caller().actor,
        today=today(get_caller().time_zone),
        error=error,
        corrected_number=corrected_number,
        deletion_reasons=corrections.DELETION_REASONS,
        time_left=format_time_left,
        values=request.form,
        **_get_labels(),
    )
    return make_response(html, error.status if error else 200)


def _get_proposer_name(session: Session, case: StoredCase) -> str:
    """Return the name of the user who proposed closing a case; "" if nobody did, or if an API key did."""
    if case.closing is None or not closing.is_user(case.closing["by"]):
        return ""
    user = session.get(User, case.closing["by"].partition(":")[2])
    return user.name if user else str(_("a user who no longer has an account"))


def format_time_left(deadline: datetime) -> str:
    """Return the time left until a deadline, or the time since it, in words."""
    hours = (deadline - now()).total_seconds() / 3600
    if hours >= 48:
        return str(_("%(days)s days left", days=int(hours // 24)))
    if hours >= 1:
        return str(ngettext("%(num)s hour left", "%(num)s hours left", int(hours)))
    if hours > 0:
        return str(_("less than an hour left"))
    return str(ngettext("overdue by %(num)s hour", "overdue by %(num)s hours", int(-hours)))


def add_finding(case_id: str) -> AnyResponse:
    """Add a finding to a case; an error is shown above the form."""
    finding = _parse_fields(case_service.FINDING_QUESTIONS)
    try:
        _check_note_confirmed(finding)
        with write_session() as session:
            case_service.add_finding(session, case_id, finding, *_get_change_context())
    except DomainError as error:
        if error.code == "not_found":
            raise
        return _render_case(case_id, error)
    flash(_("Finding added. The supplier concerned has been reassessed."))
    _flash_removed_note(finding)
    return redirect(url_for("pages.one_case", case_id=case_id), 303)


def correct_note(case_id: str, number: int) -> AnyResponse:
    """Replace or remove the note of a finding; an error is shown above the findings."""
    note = request.form.get("note", "").strip() if "remove" not in request.form else ""
    try:
        _check_note_confirmed({"note": note})
        with write_session() as session:
            corrections.correct_note(session, case_id, number, note, *_get_change_context())
    except DomainError as error:
        if error.code == "not_found":
            raise
        return _render_case(case_id, error, corrected_number=number)
    flash(_("Note saved.") if note else _("Note removed. The finding still counts."))
    return redirect(url_for("pages.one_case", case_id=case_id), 303)


def correct_case(case_id: str) -> AnyResponse:
    """Correct the texts that describe a case; an error is shown above the form."""
    changes: dict[str, Any] = {name: request.form.get(name, "").strip() or None for name in corrections.CORRECTABLE}
    if changes["people"] and changes["people"].isascii() and changes["people"].isdigit():
        changes["people"] = int(changes["people"])
    try:
        with write_session() as session:
            corrections.correct_case(session, case_id, changes, *_get_change_context())
    except DomainError as error:
        if error.code == "not_found":
            raise
        return _render_case(case_id, error)
    flash(_("Case corrected."))
    return redirect(url_for("pages.one_case", case_id=case_id), 303)


def confirm_deletion(case_id: str) -> str:
    """Show what deleting a case would delete, and ask for the reason."""
    with read_session() as session:
        case = case_service.get_case(session, case_id)
        preview = erasure.preview_case(session, case)
    reasons, holding = corrections.DELETION_REASONS, find_holding_backups(preview)
    return render_template("erase_case.html", case=case, preview=preview, holding=holding, deletion_reasons=reasons)


def delete_case(case_id: str) -> AnyResponse:
    """Delete a case for a reason; an error is shown above the form."""
    try:
        with write_session() as session:
            erasure.erase_case(session, case_id, request.form.get("reason", ""), *_get_change_context())
    except DomainError as error:
        if error.code == "not_found":
            raise
        return _render_case(case_id, error)
    flash(_("Case deleted. The supplier concerned has been reassessed."))
    return redirect(url_for("pages.cases"), 303)


def _check_note_confirmed(finding: Mapping[str, Any]) -> None:
    """Raise DomainError ``note.one_person`` for a note that may point to one person, unless its writer has confirmed it."""
    if case_service.find_identifying_note(finding) is not None and request.form.get("note_confirmed") != "yes":
        raise DomainError(
            IDENTIFYING_NOTE,
            422,
            _(
                "Nothing has been saved yet, because the note may identify an individual. Make the note more general, or "
                "confirm that it could describe several people."
            ),
        )


def close_case(case_id: str) -> AnyResponse:
    """Close a case with an outcome, or propose closing an emergency; an error is shown above the form."""
    return _change_closing(
        case_id,
        lambda session: closing.close_case(
            session, case_id, request.form.get("outcome", ""), *_get_change_context(), _parse_check()
        ),
    )


def confirm_closing(case_id: str) -> AnyResponse:
    """Close an emergency as another user proposed; an error is shown above the form."""
    proposed_at = request.form.get("proposed_at", "")
    return _change_closing(
        case_id,
        lambda session: closing.confirm_closing(
            session, case_id, *_get_change_context(), is_approver=_is_approver(), proposed_at=proposed_at
        ),
    )


def _change_closing(case_id: str, change: Callable[[Session], StoredCase]) -> AnyResponse:
    try:
        with write_session() as session:
            is_closed = change(session).state == "closed"
    except DomainError as error:
        if error.code == "not_found":
            raise
        return _render_case(case_id, error)
    flash(
        _("Case closed.") if is_closed else _("Proposal recorded. The case stays open until an approver confirms it.")
    )
    return redirect(url_for("pages.one_case", case_id=case_id), 303)


def _is_approver() -> bool:
    return build_act(get_caller(), now()).actor.is_approver


def _parse_check() -> WorkerCheck | None:
    """Return the check behind the proposal to close an emergency; None if a field is blank or cannot be read."""
    try:
        return WorkerCheck(
            date.fromisoformat(request.form.get("checked_on", "")),
            int(request.form.get("workers", "")),
            request.form.get("chosen_by", ""),
        )
    except ValueError:
        return None


def _flash_removed_note(finding: Mapping[str, Any]) -> None:
    if case_service.find_removed_note(finding) is not None:
        flash(_("The note looked like it contained personal data. The finding was saved without it."))


def _parse_fields(names: tuple[str, ...]) -> dict[str, Any]:
    """Return the fields of the form that are not blank."""
    fields = {name: request.form.get(name, "").strip() for name in names}
    return {name: value for name, value in fields.items() if value}


def _get_change_context() -> tuple[date, datetime, str]:
    """Return the date, the time and the user to record for a change."""
    return today(get_caller().time_zone), now(), get_caller().actor
