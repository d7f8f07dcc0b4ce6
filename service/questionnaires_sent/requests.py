"""Asking suppliers: which version of which form went to whom and when, and whether it came back.

The record tells two blanks apart: *not asked*, and *declined* (asked in a form that came back, and left blank).
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from string import ascii_uppercase
from typing import Any, NamedTuple

from openpyxl import load_workbook
from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE
from openpyxl.packaging.custom import StringProperty
from openpyxl.worksheet.worksheet import Worksheet
from sqlalchemy import select
from sqlalchemy.orm import Session

from questionnaires.form import Questionnaire, list_form_ids, list_versions, load_form
from questionnaires.lookups import load_countries, load_sectors
from questionnaires.parse.answer import RESERVED_ANSWERS
from questionnaires.sheet import STAMP_SHEET
from questionnaires.workbook import FIRST_ANSWER_ROW, HEADER_ROW, build_header_comment, build_template
from service.audit import record
from service.clock import today
from service.db.tables import QuestionnaireRequest, Import, Result, Supplier, new_id
from service.errors import DomainError, not_found
from service.report_content.redaction import ANSWERS as REPORTS
from service.suppliers.identity import IDENTIFIERS

ANSWER_DAYS = 14  # after which a form that did not come back is asked after
# What is known of who and where a supplier is, and of its trade, is filled in for it: it is found again by that, and what it
# leaves as it stands is not lost. What is known of its practice is not: it must not be led.
FILLED_IN = (
    "reference", "name", "name_local", "trade_name", "parent", "country", "region", "city", "address", "postal_code", "sector",
    "tax_number", "duns", "mmsi", "call_sign", "flag", *IDENTIFIERS,
)  # fmt: skip


def ask(
    session: Session, supplier: Supplier, form_id: str, sent_to: str, sent_on: date, by: str, version: str | None = None
) -> tuple[QuestionnaireRequest, bytes]:
    """Records that a form (of its newest version unless told) goes to a supplier; gives it as the bytes of a workbook.

    The workbook bears the supplier's reference and the id of the record. Raises Refused, 422, for what cannot be asked.
    """
    form = _form(form_id, version, supplier.kind)
    if not 1 <= len(sent_to.strip()) <= 200:
        raise DomainError("asking.sent_to", 422, "Say in 1 to 200 letters to whom the form goes.")
    asking = QuestionnaireRequest(
        id=new_id(),
        supplier_id=supplier.id,
        form=form.id,
        form_version=form.version,
        sent_to=sent_to.strip(),
        sent_on=sent_on,
        created_by=by,
    )
    session.add(asking)
    told = {"asking": asking.id, "form": form.id, "version": form.version}
    record(session, by, "form.sent", supplier.kind, supplier.id, told)
    return asking, workbook(asking, supplier, form)


def _form(form_id: str, version: str | None, kind: str) -> Questionnaire:
    if form_id not in list_form_ids() or (version is not None and version not in list_versions(form_id)):
        raise DomainError("asking.form", 422, "There is no such form, or no such version of it.")
    form = load_form(form_id, version)
    if form.kind != kind:
        raise DomainError("asking.form", 422, f"That form is for a {form.kind}, and this is a {kind}.")
    return form


def workbook(asking: QuestionnaireRequest, supplier: Supplier, form: Questionnaire) -> bytes:
    """The form as a workbook for one supplier: who it is stands in the first row, and which asking it is in the stamp."""
    book = load_workbook(io.BytesIO(build_template(form, for_request=True)))
    sheet = next(sheet for sheet in book.worksheets if sheet.sheet_state == "visible" and sheet.title != "About")
    filled = {question: _in_words(question, supplier.answers.get(question)) for question in FILLED_IN}
    filled["form_version"] = f"{form.id} {form.version}"
    of_title = {question.title: question for question in form.questions}
    for at, header in enumerate(sheet[HEADER_ROW], 1):
        question = of_title[str(header.value)]
        header.comment = build_header_comment(question)  # openpyxl forgets the size of the note when it reads it
        _write(sheet, FIRST_ANSWER_ROW, at, filled.get(question.id, ""))
    stamp = book[STAMP_SHEET]
    for row, (name, text) in enumerate(
        (("reference", supplier.reference or ""), ("asking", asking.id)), stamp.max_row + 1
    ):
        _write(stamp, row, 1, name)
        _write(stamp, row, 2, text)
    book.custom_doc_props.append(StringProperty(name="_asking", value=asking.id))  # type: ignore[attr-defined]
    held = io.BytesIO()
    book.save(held)
    return held.getvalue()


def _in_words(question: str, answer: Any) -> str:
    """An answer as it is written into a form, and read out of it again; "" where there is none."""
    if not answer or answer in RESERVED_ANSWERS:
        return ""
    if question == "sector":
        codes = [code for code in answer if code in load_sectors().names]
        return f"{codes[0]} {load_sectors().names[codes[0]]}" if len(codes) == 1 else "; ".join(codes)
    return load_countries().names.get(answer, "") if question in ("country", "flag") else str(answer)


def _write(sheet: Worksheet, row: int, column: int, text: str) -> None:
    if not text:
        return
    cell = sheet.cell(row, column, ILLEGAL_CHARACTERS_RE.sub("", text))
    cell.data_type = "s"  # a text, though it begin with "="


def mark_returned(session: Session, asking_id: str, on: date, by: str) -> QuestionnaireRequest:
    """Records that a form came back.

    Raises Refused: 404 where there is no such asking, 422 for a day before it was sent or still to come (everywhere on earth).
    """
    asking = session.scalars(select(QuestionnaireRequest).where(QuestionnaireRequest.id == asking_id)).first()
    if asking is None:
        raise not_found("There is no such asking.")
    if on < asking.sent_on:
        raise DomainError("asking.returned_on", 422, "It cannot have come back before it was sent.")
    if on > today("Etc/GMT-14"):
        raise DomainError("asking.returned_on", 422, "It cannot have come back on a day that is still to come.")
    asking.returned_on = on
    record(session, by, "form.returned", "asking", asking.id, {"on": on.isoformat()})
    return asking


def get(session: Session, supplier: Supplier, asking_id: str) -> QuestionnaireRequest:
    """A record of asking of a supplier. Raises Refused, 404, where there is none."""
    query = select(QuestionnaireRequest).where(QuestionnaireRequest.id == asking_id, QuestionnaireRequest.supplier_id == supplier.id)
    asking = session.scalars(query).first()
    if asking is None:
        raise not_found("There is no such asking.")
    return asking


def of_supplier(session: Session, supplier: Supplier) -> Sequence[QuestionnaireRequest]:
    """What a supplier was asked, newest first."""
    query = select(QuestionnaireRequest).where(QuestionnaireRequest.supplier_id == supplier.id)
    return session.scalars(query.order_by(QuestionnaireRequest.sent_on.desc(), QuestionnaireRequest.id)).all()


def overdue(session: Session, on: date, days: int = ANSWER_DAYS, limit: int = 50) -> list[tuple[QuestionnaireRequest, Supplier]]:
    """What has been out for so many days or longer and did not come back, the longest first."""
    query = (
        select(QuestionnaireRequest, Supplier)
        .join(Supplier, Supplier.id == QuestionnaireRequest.supplier_id)
        .where(QuestionnaireRequest.returned_on.is_(None), QuestionnaireRequest.sent_on <= on - timedelta(days=days), Supplier.deleted_at.is_(None))
    )
    found = session.execute(query.order_by(QuestionnaireRequest.sent_on, QuestionnaireRequest.id).limit(limit))
    return [(asking, supplier) for asking, supplier in found]


def of_returned_form(session: Session, asking_id: str, by: str, on: date) -> tuple[QuestionnaireRequest, Supplier] | None:
    """The record of asking that a form which came back bears, and who was asked; None where this organisation has no such record.

    The record is marked as returned, on this day unless it was before; a form that is sent in again stays returned when it was.
    """
    asking = session.scalars(select(QuestionnaireRequest).where(QuestionnaireRequest.id == asking_id).with_for_update()).first()
    if asking is None:
        return None
    if asking.returned_on is None:
        mark_returned(session, asking.id, max(min(on, today()), asking.sent_on), by)
    return asking, session.get_one(Supplier, asking.supplier_id)


def answers_of_returned(asking: QuestionnaireRequest, answers: Mapping[str, Any]) -> dict[str, Any]:
    """The answers in a form that came back: what it asked and is blank was declined (Question.declinable).

    What could not be read counts as blank, as it does in a row that bears its own form_returned: an answer that nobody
    understands may not cost less than none. The issue of its cell says how to mend it.
    """
    whole = {question: said for question, said in answers.items() if said not in (None, "", [], ())}
    for question in load_form(asking.form, asking.form_version).questions:
        if question.declinable:
            whole.setdefault(question.id, "declined")
    told = {"form_version": f"{asking.form} {asking.form_version}", "form_returned": str(asking.returned_on)}
    return {**whole, **told}


class Unread(NamedTuple):
    """A cell of which no answer could be taken: where it stands, under which header, and what was seen in it."""

    place: str
    header: str
    seen: str


def unread(session: Session, result: Result) -> list[Unread]:
    """The cells of the row a result was read from that gave no answer, as far as the issues of its import name them (of many
    alike they name the first). What others reported is left out: not everybody may see it.
    """
    kept = session.get(Import, result.import_id) if result.import_id else None
    file, sheet, row = (result.place.get(name, "") for name in ("file", "sheet", "row"))
    found: Mapping[str, Any] = (kept.found if kept else None) or {}
    columns = {
        header: question
        for received in found.get("files", ())
        if received["name"] == file
        for one in received["sheets"]
        if one["name"] == sheet
        for question, header in one["columns"].items()
    }
    return [
        Unread(f"{sheet}!{cell}" if sheet else cell, issue["header"], issue["seen"])
        for issue in found.get("issues", ())
        if (issue["file"], issue["sheet"]) == (file, sheet) and _open(columns.get(issue["header"]), result.answers)
        for cell in issue["cells"]
        if cell.lstrip(ascii_uppercase) == str(row)
    ]


def _open(question: str | None, answers: Mapping[str, Any]) -> bool:
    """Whether it is a question to which nothing is known, or which counts as declined."""
    return question is not None and question not in REPORTS and answers.get(question) in (None, "declined")
