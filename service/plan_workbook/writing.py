"""Write the action plan workbook: the steps with drop-down lists for what can be filled in, and how to do that.

Text is written as text, so nothing in it becomes a formula or a link. The list of a state offers the states that may follow it,
and the list of owners the users who can be given a step.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from io import BytesIO

import xlsxwriter
from sqlalchemy import not_, select
from sqlalchemy.orm import Session
from xlsxwriter.utility import xl_range_abs
from xlsxwriter.worksheet import Worksheet

from reports.document import Logo
from reports.xlsx import insert_logo
from reports.xlsx_rows import Value, write_row
from service.db.remediation_tables import Step
from service.db.tables import Supplier
from service.errors import DomainError
from service.plan_workbook.columns import (
    ADDED,
    EVIDENCE_KINDS,
    FILLED_IN,
    MOST_ROWS,
    NOBODY,
    PARTIES,
    SHEET,
    STATES,
    TITLES,
    Exported,
    Owners,
    load_owners,
)
from service.queries.remediation import OPEN_STATES, get_suppliers
from service.referrals.readiness import load_gate
from service.remediation import withholding
from service.remediation.rules import list_next_states
from service.remediation.steps import Act, get_action
from service.report_content.labels import get_country_name

WIDTHS = {
    "supplier": 30, "reference": 16, "country": 16, "action": 36, "do": 60, "proof": 48, "party": 11, "safety": 10,
    "from_workers": 11, "state": 22, "owner": 22, "due": 12, "reason": 36, "done": 48, "evidence_kind": 24,
    "evidence_reference": 30,
}  # fmt: skip
LISTS = "_lists"
DAY, EARLIEST = "yyyy-mm-dd", 40_000  # a day number of spreadsheets: in 2009
GREY, YELLOW, PALE = "#e4e8ec", "#ffe08a", "#fff8e1"
HOW_TO = (
    "Fill in the yellow columns of the sheet 'Steps', then upload the file in Diligence under "
    "Remediation, Action plan workbook. You will see every change before it is saved.",
    "State: choose from the list in the cell. It offers only the possible next states. Steps are verified on their own "
    "pages, by a second user.",
    "Owner: choose from the list. Due: a new date requires a reason in the same row. "
    "Only an approver or an admin can postpone a step that protects people.",
    "What was done: this text is added to the step as a comment, which the supplier never sees.",
    "Kind of evidence, Where the evidence is kept: fill in both columns to submit evidence. The step then waits for "
    "verification.",
    "Do not enter anyone's name. Formulas are not read.",
    "Rows can be sorted, filtered and deleted. Missing or unchanged rows have no effect.",
    "If someone else has changed a step since this file was downloaded, your changes to that step are listed but "
    "not saved.",
)
CAUTION = "This file contains steps that are known only from workers. Do not forward it."


def write_workbook(
    session: Session,
    act: Act,
    *,
    supplier_id: str | None = None,
    party: str | None = None,
    from_workers: bool = False,
    logo: Logo | None = None,
) -> bytes:
    """Return the open steps as a workbook: those that protect people first, then by due date.

    ``from_workers``: also the steps that are known only from workers, if the caller may see them. Steps that contact workers
    where the referral directory is not ready are left out. Raises DomainError ``plan_workbook.too_many``, 422.
    """
    from_workers = from_workers and act.sees_worker_derived
    steps = _load_steps(session, act, supplier_id, party, from_workers=from_workers)
    suppliers, owners = get_suppliers(session, steps), load_owners(session)
    fields = [field for field in TITLES if from_workers or field != "from_workers"]
    buffer = BytesIO()
    with xlsxwriter.Workbook(buffer) as book:
        book.set_properties({"title": "Action plan", "author": "Diligence"})
        sheet = book.add_worksheet(SHEET)
        _write_header(book, sheet, fields)
        formats = _build_formats(book, fields)
        for number, step in enumerate(steps, 1):
            values = _list_values(step, suppliers[step.supplier_id], owners)
            write_row(sheet, number, [values[field] for field in fields], formats)
        sheet.autofilter(0, 0, len(steps), len(fields) - 1)
        how_to = _write_how_to(book, [*HOW_TO, CAUTION] if from_workers else HOW_TO)
        if logo:
            insert_logo(how_to, 1, logo)
        _add_checks(sheet, fields, steps, _write_lists(book, owners))
    return buffer.getvalue()


def _load_steps(
    session: Session, act: Act, supplier_id: str | None, party: str | None, *, from_workers: bool
) -> Sequence[Step]:
    query = select(Step).where(Step.state.in_(OPEN_STATES))
    if not from_workers:
        query = query.where(Step.worker_derived.is_(False))
    if supplier_id is not None:
        query = query.where(Step.supplier_id == supplier_id)
    if party is not None:
        query = query.where(Step.party == party)
    query = query.where(not_(withholding.build_condition(session, load_gate(session, act.on))))
    steps = session.scalars(query.order_by(Step.safety.desc(), Step.due, Step.id).limit(MOST_ROWS + 1)).all()
    if len(steps) > MOST_ROWS:
        detail = (
            f"A workbook can have at most {MOST_ROWS:,} steps. Download the steps of one supplier or one party instead."
        )
        raise DomainError("plan_workbook.too_many", 422, detail)
    return steps


def _list_values(step: Step, supplier: Supplier, owners: Owners) -> Mapping[str, Value]:
    action = get_action(step)
    return {
        "supplier": supplier.name or supplier.reference,
        "reference": supplier.reference,
        "country": get_country_name(supplier.country),
        "action": action.title,
        "do": action.do,
        "proof": action.proof,
        "party": PARTIES[step.party],
        "safety": "yes" if step.safety else "",
        "from_workers": "yes" if step.worker_derived else "",
        "state": STATES[step.state],
        "owner": owners.names.get(step.owner_id or "", NOBODY),
        "due": step.due,
        "reason": "",
        **dict.fromkeys(ADDED, ""),
        "step_id": step.id,
        "exported": Exported.of(step).format(),
    }


def _write_header(book: xlsxwriter.Workbook, sheet: Worksheet, fields: Sequence[str]) -> None:
    """Write the titles of the columns and set their widths. The last two, which only the reader needs, are hidden."""
    heading = {"bold": True, "valign": "top", "text_wrap": True, "bottom": 1}
    given, to_fill = (book.add_format({**heading, "bg_color": colour}) for colour in (GREY, YELLOW))
    write_row(
        sheet, 0, [TITLES[field] for field in fields], [to_fill if field in FILLED_IN else given for field in fields]
    )
    for column, field in enumerate(fields):
        sheet.set_column(column, column, WIDTHS.get(field), None, {"hidden": field not in WIDTHS})
    sheet.freeze_panes(1, 1)
    sheet.repeat_rows(0)
    sheet.set_landscape()
    sheet.set_paper(9)
    sheet.fit_to_pages(1, 0)


def _build_formats(book: xlsxwriter.Workbook, fields: Sequence[str]) -> list[xlsxwriter.format.Format]:
    """Return the format of the cells of each column: dates as dates, everything else as text, what is filled in with a colour."""
    shared = {"valign": "top", "text_wrap": True}
    coloured = {"bg_color": PALE, "border": 1, "border_color": GREY}
    by_kind = {
        (code, is_filled_in): book.add_format({**shared, **(coloured if is_filled_in else {}), "num_format": code})
        for code in ("@", DAY)
        for is_filled_in in (False, True)
    }
    return [by_kind[DAY if field == "due" else "@", field in FILLED_IN] for field in fields]


def _write_lists(book: xlsxwriter.Workbook, owners: Owners) -> Mapping[str, str]:
    """Write the drop-down lists to a hidden sheet, one a column; return the range of each as a formula names it."""
    lists = {
        **{state: [state, *list_next_states("step", state)] for state in OPEN_STATES},
        "owner": [NOBODY, *(owners.names[id_] for id_ in owners.active)],
        "evidence_kind": list(EVIDENCE_KINDS.values()),
    }
    sheet = book.add_worksheet(LISTS)
    sheet.hide()
    ranges = {}
    for column, (name, entries) in enumerate(lists.items()):
        for row, entry in enumerate(entries):
            sheet.write_string(row, column, STATES.get(entry, entry))
        ranges[name] = f"='{LISTS}'!{xl_range_abs(0, column, len(entries) - 1, column)}"
    return ranges


def _add_checks(sheet: Worksheet, fields: Sequence[str], steps: Sequence[Step], ranges: Mapping[str, str]) -> None:
    """Add the drop-down lists of the cells to fill in, and the check that a date is one."""
    state, last = fields.index("state"), max(len(steps), 1)
    for number, step in enumerate(steps, 1):
        _add_list(sheet, number, number, state, ranges[step.state])
    for field in ("owner", "evidence_kind"):
        _add_list(sheet, 1, last, fields.index(field), ranges[field])
    due = fields.index("due")
    wrong = {"error_title": TITLES["due"], "error_message": "Please enter the date as YYYY-MM-DD."}
    sheet.data_validation(
        1, due, last, due, {"validate": "date", "criteria": ">", "value": EARLIEST, "ignore_blank": False, **wrong}
    )


def _add_list(sheet: Worksheet, first: int, last: int, column: int, source: str) -> None:
    wrong = {"error_title": "Not in the list", "error_message": "Please choose an entry from the list."}
    sheet.data_validation(first, column, last, column, {"validate": "list", "source": source, **wrong})


def _write_how_to(book: xlsxwriter.Workbook, sentences: Sequence[str]) -> Worksheet:
    sheet = book.add_worksheet("How to fill it in")
    sheet.hide_gridlines(2)
    sheet.set_column(0, 0, 100)
    sheet.set_paper(9)
    title, text = (
        book.add_format({"bold": True, "font_size": 16}),
        book.add_format({"text_wrap": True, "valign": "top"}),
    )
    for row, sentence in enumerate(("Action plan", *sentences)):
        sheet.write_string(row, 0, sentence, text if row else title)
    return sheet
