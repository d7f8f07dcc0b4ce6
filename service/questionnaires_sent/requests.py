"""Questionnaire requests: which version of which form was sent to which supplier, when, and whether it was returned.

The record tells two blanks apart: *not asked*, and *declined* (asked in a form that was returned, and left blank).
"""

from __future__ import annotations

import io
from collections.abc import Collection, Mapping, Sequence
from datetime import date, timedelta
from string import ascii_uppercase
from typing import Any, Final, NamedTuple

from openpyxl import load_workbook
from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE
from openpyxl.packaging.custom import StringProperty
from openpyxl.worksheet.worksheet import Worksheet
from sqlalchemy import select
from sqlalchemy.orm import Session

from questionnaires.form import Questionnaire, list_form_ids, list_versions, load_form
from questionnaires.languages import ENGLISH, list_sector_names, load_language
from questionnaires.lookups import load_countries, load_sectors
from questionnaires.parse.answer import RESERVED_ANSWERS
from questionnaires.sheet import STAMP_SHEET
from questionnaires.validation.returned_forms import QUESTIONS_SHOWN
from questionnaires.workbook import FIRST_ANSWER_ROW, HEADER_ROW, build_header_comment, build_template
from risk_models.answers import EVIDENCE
from service.audit import record_event
from service.clock import today
from service.db.import_tables import Import
from service.db.sorting import by_code_point
from service.db.tables import QuestionnaireRequest, Result, Supplier, new_id
from service.errors import DomainError, not_found
from service.questionnaires_sent.asked_back import note_return
from service.report_content.redaction import WORKER_DERIVED_QUESTIONS as REPORTS
from service.suppliers.identity import IDENTIFIERS
from service.suppliers.imposed_labour import is_labour_imposed
from service.suppliers.stored_answers import validate_stored

STATE_IMPOSED: Final = "asking.state_imposed"
UNSAFE = "unsafe"  # why a request is closed: a state turned out to impose the labour after it was sent
IMPOSED = (
    "State-imposed labour is documented here, and people may be punished for their answers, so no questionnaire is sent. "
    "Assess the supplier from outside, and decide whether to continue buying from it."
)
KIND_PLURALS = {"site": "sites", "agency": "agencies"}
ANSWER_PERIOD_DAYS = 14  # days after which a form that was not returned is overdue
# A supplier's identity, location and trade are filled in for it: its form is matched by them, and they are kept if it leaves
# them unchanged. Answers about its practice are not filled in, so that they do not influence what it answers.
IDENTITY_QUESTIONS = (
    "reference", "name", "name_local", "trade_name", "parent", "country", "region", "city", "address", "postal_code", "sector",
    "tax_number", "duns", "mmsi", "call_sign", "flag", *IDENTIFIERS,
)  # fmt: skip
# Its products are filled in as well, as a blank would decline what the buyer's list says. A change is reviewed like any answer.
PREFILLED_QUESTIONS = (*IDENTITY_QUESTIONS, "product")


def create_request(
    session: Session, supplier: Supplier, form_id: str, sent_to: str, sent_on: date, by: str, version: str | None = None
) -> QuestionnaireRequest:
    """Record that a form (by default its newest version) is sent to a supplier.

    Raises DomainError: 422 for an unknown form or version, a form for another kind of supplier, or an empty or overlong
    recipient; ``asking.state_imposed``, 409, where a state imposes the labour: places where answering is dangerous are assessed
    from outside (method, fourth release, section 10; RM-16).
    """
    form = _load_form(form_id, version, supplier.kind)
    if not 1 <= len(sent_to.strip()) <= 200:
        raise DomainError("asking.sent_to", 422, "Enter the recipient (at most 200 characters).")
    check_may_ask(session, supplier, sent_on)
    request = QuestionnaireRequest(
        id=new_id(),
        supplier_id=supplier.id,
        form=form.id,
        form_version=form.version,
        sent_to=sent_to.strip(),
        sent_on=sent_on,
        created_by=by,
    )
    session.add(request)
    details = {"asking": request.id, "form": form.id, "version": form.version}
    record_event(session, by, "form.sent", supplier.kind, supplier.id, details)
    return request


def check_may_ask(session: Session, supplier: Supplier, on: date) -> None:
    """Raise DomainError ``asking.state_imposed``, 409, where a state imposes the labour: nobody may be asked there in writing."""
    if is_labour_imposed(session, supplier, on):
        raise DomainError(STATE_IMPOSED, 409, IMPOSED)


def _load_form(form_id: str, version: str | None, kind: str) -> Questionnaire:
    if form_id not in list_form_ids() or (version is not None and version not in list_versions(form_id)):
        raise DomainError("asking.form", 422, "This form or version does not exist.")
    form = load_form(form_id, version)
    if form.kind != kind:
        raise DomainError(
            "asking.form",
            422,
            f"This form is for {KIND_PLURALS.get(form.kind, form.kind)}, not for {KIND_PLURALS[kind]}.",
        )
    return form


def build_request_workbook(
    request: QuestionnaireRequest,
    supplier: Supplier,
    form: Questionnaire,
    answers: Mapping[str, str] | None = None,
    *,
    is_same_record: bool = True,
    is_for_return: bool = True,
) -> bytes:
    """Return the form as a workbook for one supplier, with its identity in the first row, and its reference and the id of the
    request in the stamp.

    ``answers``: texts by question to fill in besides, for a supplier's copy of what it answered. ``is_same_record``: whether
    the request was sent to this record. After a merge, nothing known about the other is filled in. ``is_for_return``: whether
    it comes back to this buyer; otherwise nothing identifies the request.
    """
    book = load_workbook(io.BytesIO(build_template(form, country=supplier.answers.get("country"), for_request=True)))
    sheet = next(sheet for sheet in book.worksheets if sheet.sheet_state == "visible" and sheet.title != "About")
    known = list_prefilled(supplier) if is_same_record else {}
    reference = supplier.reference if is_same_record else None
    filled = {**known, **(answers or {})}
    by_title = {question.title: question for question in form.questions}
    for column, header in enumerate(sheet[HEADER_ROW], 1):
        question = by_title[str(header.value)]
        header.comment = build_header_comment(question)  # openpyxl loses the size of a note when it reads one
        _write_text(sheet, FIRST_ANSWER_ROW, column, filled.get(question.id, ""))
    if is_for_return:
        stamp = book[STAMP_SHEET]
        for row, (name, text) in enumerate((("reference", reference or ""), ("asking", request.id)), stamp.max_row + 1):
            _write_text(stamp, row, 1, name)
            _write_text(stamp, row, 2, text)
        book.custom_doc_props.append(StringProperty(name="_asking", value=request.id))  # type: ignore[attr-defined]
    buffer = io.BytesIO()
    book.save(buffer)
    return buffer.getvalue()


def list_prefilled(supplier: Supplier, language: str = ENGLISH) -> dict[str, str]:
    """Return the texts with which the questions about a supplier's identity and trade are filled in for it; "" if not known.

    ``language``: of the names of countries and sectors. They are those that Diligence comes with, which are read back.
    """
    return {
        question: _format_answer(question, supplier.answers.get(question), language) for question in PREFILLED_QUESTIONS
    }


def _format_answer(question: str, answer: Any, language: str) -> str:
    """Return an answer as text that the form reader understands; "" if there is none."""
    if not answer or answer in RESERVED_ANSWERS:
        return ""
    if question == "sector":
        codes = [code for code in answer if code in load_sectors().names]
        names = list_sector_names(load_language(language))
        return f"{codes[0]} {names.get(codes[0], '')}".rstrip() if len(codes) == 1 else "; ".join(codes)
    return load_countries().list_names(language).get(answer, "") if question in ("country", "flag") else str(answer)


def _write_text(sheet: Worksheet, row: int, column: int, text: str) -> None:
    if not text:
        return
    cell = sheet.cell(row, column, ILLEGAL_CHARACTERS_RE.sub("", text))
    cell.data_type = "s"  # stored as text, even if it begins with "="


def mark_form_returned(session: Session, request_id: str, on: date, by: str) -> QuestionnaireRequest:
    """Record that a form was returned.

    Raises DomainError: 404 for an unknown request, 422 for a day before it was sent or in the future in every time zone.
    """
    request = session.scalars(select(QuestionnaireRequest).where(QuestionnaireRequest.id == request_id)).first()
    if request is None:
        raise not_found("Questionnaire request not found.")
    if on < request.sent_on:
        raise DomainError(
            "asking.returned_on",
            422,
            "The return date cannot be earlier than the date on which the questionnaire was sent.",
        )
    if on > today("Etc/GMT-14"):
        raise DomainError("asking.returned_on", 422, "The return date cannot be in the future.")
    request.returned_on = on
    note_return(session, request, by)
    record_event(session, by, "form.returned", "asking", request.id, {"on": on.isoformat()})
    return request


def get_request(session: Session, supplier: Supplier, request_id: str) -> QuestionnaireRequest:
    """Return a questionnaire request of a supplier. Raises DomainError, 404, if there is none."""
    query = select(QuestionnaireRequest).where(
        QuestionnaireRequest.id == request_id, QuestionnaireRequest.supplier_id == supplier.id
    )
    request = session.scalars(query).first()
    if request is None:
        raise not_found("Questionnaire request not found.")
    return request


def get_open_request(session: Session, supplier: Supplier, request_id: str, on: date) -> QuestionnaireRequest:
    """Return a questionnaire request of a supplier to which it may still be asked to reply.

    Raises DomainError: ``not_found``, 404; and 409: ``asking.closed``, if nobody waits for it any more; ``asking.state_imposed``.
    """
    request = get_request(session, supplier, request_id)
    if request.closed_as is not None:
        raise DomainError("asking.closed", 409, "This request was closed. Send a new questionnaire instead.")
    check_may_ask(session, supplier, on)
    return request


def get_due_day(request: QuestionnaireRequest) -> date:
    """Return the day by which a questionnaire should be returned."""
    return request.due_on or request.sent_on + timedelta(days=ANSWER_PERIOD_DAYS)


def list_requests(session: Session, supplier: Supplier) -> Sequence[QuestionnaireRequest]:
    """Return the questionnaire requests of a supplier, newest first."""
    query = select(QuestionnaireRequest).where(QuestionnaireRequest.supplier_id == supplier.id)
    return session.scalars(query.order_by(QuestionnaireRequest.sent_on.desc(), QuestionnaireRequest.id)).all()


def list_requests_by_id(session: Session, ids: Sequence[str]) -> list[tuple[QuestionnaireRequest, Supplier]]:
    """Return the requests with some ids, each with its supplier, by name; unknown ids are left out."""
    query = (
        select(QuestionnaireRequest, Supplier)
        .join(Supplier, Supplier.id == QuestionnaireRequest.supplier_id)
        .where(QuestionnaireRequest.id.in_(ids), Supplier.deleted_at.is_(None))
    )
    order = (by_code_point(Supplier.name), Supplier.kind, Supplier.key, QuestionnaireRequest.sent_on)
    return [(sent, supplier) for sent, supplier in session.execute(query.order_by(*order, QuestionnaireRequest.id))]


def receive_returned_form(
    session: Session, request_id: str, by: str, on: date
) -> tuple[QuestionnaireRequest, Supplier] | None:
    """Mark the request that a returned form carries as returned, and return it with its supplier; None for an unknown id.

    The day of return is ``on``, never before the day it was sent; a form that is uploaded again keeps its first day of return.
    """
    request = session.scalars(
        select(QuestionnaireRequest).where(QuestionnaireRequest.id == request_id).with_for_update()
    ).first()
    if request is None:
        return None
    if request.returned_on is None:
        mark_form_returned(session, request.id, max(min(on, today()), request.sent_on), by)
    return request, session.get_one(Supplier, request.supplier_id)


def find_request(session: Session, request_id: object) -> tuple[QuestionnaireRequest, Supplier] | None:
    """Return the questionnaire request of an id with its supplier; None if there is none."""
    if not isinstance(request_id, str):
        return None
    query = select(QuestionnaireRequest, Supplier).join(Supplier, Supplier.id == QuestionnaireRequest.supplier_id)
    row = session.execute(query.where(QuestionnaireRequest.id == request_id)).first()
    return None if row is None else (row[0], row[1])


def exists(session: Session, request_id: str) -> bool:
    """Return whether there is a questionnaire request of this id."""
    query = select(QuestionnaireRequest.id).where(QuestionnaireRequest.id == request_id)
    return session.scalars(query).first() is not None


def complete_returned_answers(request: QuestionnaireRequest, answers: Mapping[str, Any], on: date) -> dict[str, Any]:
    """Return the answers of a returned form: what it asked, applies and has no valid answer is "declined"
    (``questionnaires/validation/returned_forms.py``).

    Answers that could not be read count as blank: an unreadable answer must not cost less than a missing one. The issue of its
    cell says how to fix it.
    """
    form = {"form_version": f"{request.form} {request.form_version}", "form_returned": str(request.returned_on)}
    return validate_stored(load_form(request.form).kind, {**answers, **form}, on)


def complete_asked_back(
    supplier: Supplier, asked_back: Collection[str], answers: Mapping[str, Any], on: date
) -> dict[str, Any]:
    """Return the last form that a supplier returned with its new answers to what was asked back; a blank declines.

    The rest stays as it was, and as old: an answer that is put right makes no other answer newer. Rules that compare answers are
    applied to the whole form again.
    """
    known = {question: supplier.answers[question] for question in IDENTITY_QUESTIONS if question in supplier.answers}
    earlier = {**(supplier.form_answers or supplier.answers), **known}
    shown = earlier.get(QUESTIONS_SHOWN)
    for question in asked_back:
        earlier.pop(question, None)
    new = {question: answers[question] for question in asked_back if answers.get(question) is not None}
    pieces = list(earlier.get(EVIDENCE) or ())
    pieces += [piece for piece in answers.get(EVIDENCE) or () if piece not in pieces]
    return validate_stored(
        supplier.kind,
        earlier
        | new
        | ({EVIDENCE: pieces} if pieces else {})
        | ({QUESTIONS_SHOWN: sorted({*shown, *asked_back})} if shown else {}),
        on,
    )


class UnreadCell(NamedTuple):
    """A cell from which no answer could be read: its place ("Sheet!B4"), its header and its text."""

    place: str
    header: str
    text: str


def list_unread_cells(session: Session, result: Result) -> list[UnreadCell]:
    """Return the cells of the row of a result that gave no answer, as far as the issues of its import list them (of many equal
    issues they list the first cells). Cells with reports of workers are left out: not everybody may see them.
    """
    import_ = session.get(Import, result.import_id) if result.import_id else None
    file, sheet, row = (result.place.get(name, "") for name in ("file", "sheet", "row"))
    preview: Mapping[str, Any] = (import_.found if import_ else None) or {}
    columns = {
        header: question
        for received in preview.get("files", ())
        if received["name"] == file
        for sheet_summary in received["sheets"]
        if sheet_summary["name"] == sheet
        for question, header in sheet_summary["columns"].items()
    }
    return [
        UnreadCell(f"{sheet}!{cell}" if sheet else cell, issue["header"], issue["seen"])
        for issue in preview.get("issues", ())
        if (issue["file"], issue["sheet"]) == (file, sheet)
        and _is_unanswered(columns.get(issue["header"]), result.answers)
        for cell in issue["cells"]
        if cell.lstrip(ascii_uppercase) == str(row)
    ]


def _is_unanswered(question: str | None, answers: Mapping[str, Any]) -> bool:
    """Return whether a question has no answer or counts as declined."""
    return question is not None and question not in REPORTS and answers.get(question) in (None, "declined")
