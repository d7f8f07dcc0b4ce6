"""Write a repayment calculation as a workbook: Summary, Cohorts, Items, Instalments, Assumptions and Reconciliation.

The input is a calculation's document (``repayment.json``). Text is written as text, so nothing in it becomes a formula, a
link or a number. Amounts are numbers, rounded to the cent. The same document always gives the same bytes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from io import BytesIO
from typing import Any

import xlsxwriter
from xlsxwriter.format import Format
from xlsxwriter.worksheet import Worksheet

from reports.xlsx_rows import Value, write_row

Document = Mapping[str, Any]
Row = Sequence[Value | Decimal]
MONEY, COUNT, DAY = "#,##0.00", "#,##0", "d mmm yyyy"
READINGS = ("low", "central", "high")
GROUPS = {"current": "Current workers", "past": "Past workers", "not told apart": "Not broken down by cohort"}
EVIDENCE = {
    "self_declared": "Statement by the employer or agency",
    "document": "Receipts or documents",
    "audit": "Independent audit",
    "worker_voice": "Interviews with workers, a union or an NGO",
    "official": "Finding by an authority",
}
PAYERS = {
    "worker": "Worker", "deducted": "Deducted from wages", "employer": "Employer", "agency": "Agency",
    "owed": "Not yet paid (still owed)", "not_known": "Not known",
}  # fmt: skip


def _estimate_columns(title: str, width: float) -> tuple[tuple[str, float], ...]:
    """Return the columns of an estimate: its low, central and high figures."""
    return tuple((f"{title} ({name} estimate)", width) for name in READINGS)


COHORTS = (
    ("Cohort", 16), ("Origin", 16), ("Destination", 16), ("Agency", 14), ("Job", 16), ("Hired from", 11), ("Hired to", 11),
    ("Current workers", 9), ("Past workers", 9), ("Past workers excluded", 9), ("Weight of evidence", 10),
    *_estimate_columns("Known cost", 13), ("Share counted", 9), ("Months of earnings", 10),
    *_estimate_columns("Fees per worker", 13), *_estimate_columns("Owed per worker", 13),
    *_estimate_columns("Owed in total", 16), *_estimate_columns("Debt to cancel per worker", 13), ("Complete", 10),
)  # fmt: skip
ITEMS = (
    ("Cohort", 16), ("Class", 9), ("Fee item", 36), ("Amount stated", 18), ("Paid from", 11), ("Paid to", 11), ("Evidence", 26),
    ("Paid by", 16), ("Rate", 12), ("Counted", 9), *_estimate_columns("Per worker", 13),
    *_estimate_columns("Interest", 12), ("Workers", 9), *_estimate_columns("Total", 16), ("Note", 34), ("Source row", 18),
)  # fmt: skip
INSTALMENTS = (
    ("Payment", 9), ("Due", 12), ("Cohort", 18), ("Paid to", 26), ("Workers", 9), ("Per worker", 14), ("Amount", 16),
    ("Before the deadline", 11),
)  # fmt: skip
ASSUMPTIONS = (("ID", 26), ("Assumption", 90), ("Cohorts", 30), ("Sources", 46), ("What the sources say", 70))
RECONCILIATION = (("", 14), ("Amount", 60), ("Low", 18), ("Central", 18), ("High", 18))
KINDS = {"item": "Item", "cohort": "Cohort", "part": "Part", "sum": "Sum", "difference": "Difference"}


def render(calculation: Document) -> bytes:
    """Return the workbook of a calculation; the same document gives the same bytes."""
    buffer = BytesIO()
    on = date.fromisoformat(calculation["on"])
    with xlsxwriter.Workbook(buffer, {"constant_memory": True}) as book:
        # Uses the date of the calculation rather than today's, so that the same workbook can be created again, byte for byte.
        created = datetime(on.year, on.month, on.day)  # noqa: DTZ001
        book.set_properties({"title": calculation["title"], "comments": calculation["wording"], "created": created})
        _write_summary(book, calculation)
        _write_table(book, "Cohorts", COHORTS, _cohort_rows(calculation))
        _write_table(book, "Items", ITEMS, _item_rows(calculation))
        _write_table(book, "Instalments", INSTALMENTS, _instalment_rows(calculation))
        _write_table(book, "Assumptions", ASSUMPTIONS, _assumption_rows(calculation))
        _write_table(
            book, "Reconciliation", RECONCILIATION, _reconciliation_rows(calculation), bold_rows=("Sum", "Difference")
        )
    return buffer.getvalue()


def amounts(reading: Mapping[str, str] | None) -> tuple[Decimal | None, ...]:
    """Return the low, central and high figures as numbers, or three times None if there is no figure."""
    return tuple(None if reading is None else Decimal(reading[name]) for name in READINGS)


def _write_summary(book: xlsxwriter.Workbook, calculation: Document) -> None:
    """Write the Summary sheet: the first row is the title, and each row after a blank one is a heading."""
    sheet = book.add_worksheet("Summary")
    sheet.hide_gridlines(2)
    sheet.set_column(0, 0, 64)
    sheet.set_column(1, 3, 20)
    sheet.set_paper(9)
    sheet.fit_to_pages(1, 0)
    plain = _formats_by_type(book)
    title = plain | {str: book.add_format({"bold": True, "font_size": 16, "num_format": "@"})}
    heading = plain | {str: book.add_format({"bold": True, "top": 1, "text_wrap": True, "num_format": "@"})}
    after_blank = False
    for place, row in enumerate(_summary_rows(calculation)):
        _write_row(sheet, place, row, title if place == 0 else heading if after_blank else plain)
        after_blank = not row


def _summary_rows(calculation: Document) -> Iterator[Row]:
    terms, workers, management = calculation["terms"], calculation["workers"], calculation["management"]
    yield (calculation["title"],)
    yield (calculation["wording"],)
    if not calculation["complete"]:
        yield ("Incomplete: some of the data provided is not included in these figures. See the list below.",)
    yield ("Calculated as of", date.fromisoformat(calculation["on"]))
    yield ()
    yield (f"Amounts in {calculation['currency']}", "Low", "Central", "High")
    yield ("Fees and costs that workers paid", *amounts(calculation["fees"]))
    yield ("Interest on these fees and costs", *amounts(calculation["interest"]))
    yield ("Raised to management's own figure", *amounts(calculation["uplift"]))
    yield ("Already repaid, as far as the evidence shows", *amounts(calculation["repaid"]))
    yield ("Owed to workers", *amounts(calculation["total"]))
    if Decimal(calculation["to_cancel"]["high"]):
        yield (
            "Workers' debts to cancel (neither paid out nor included in the amount owed)",
            *amounts(calculation["to_cancel"]),
        )
    yield ()
    yield ("Workers", "Number")
    yield ("Current workers", workers["current"])
    yield ("Past workers", workers["past"])
    yield ("Past workers excluded by the cut-off date", workers["past_left_out"])
    yield ()
    yield ("Payment", "")
    yield ("Deadline", date.fromisoformat(terms["deadline"]))
    yield ("First payment", date.fromisoformat(terms["first_payment"]))
    yield ("Instalments", terms["instalments"])
    yield ("Interest, % per year", Decimal(terms["interest"]))
    if management["figure"] is not None:
        yield ()
        yield ("Management's own figure", "")
        yield ("Figure stated by management (a minimum, never an estimate)", Decimal(management["figure"]))
        yield ("Central figure for fees as a multiple of management's figure", Decimal(management["ratio"]))
        yield (
            "Multiple found by the independent check in the published case",
            Decimal(management["published_ratio"]),
        )
    yield ()
    yield ("Steps to take alongside the repayment", "Sources")
    for step in calculation["steps"]:
        yield (step["text"], ", ".join(step["sources"]))
    if calculation["faults"] or calculation["input"]["issues"]:
        yield ()
        yield ("Data that could not be used or had to be interpreted", "Location", "Cohort")
        for fault in calculation["faults"]:
            yield (fault["text"], fault["place"], fault["cohort"])
        for issue in calculation["input"]["issues"]:
            yield (issue["text"],)


def _date(text: str | None) -> date | None:
    return None if text is None else date.fromisoformat(text)


def _cohort_rows(calculation: Document) -> Iterator[Row]:
    for each in calculation["cohorts"]:
        share = each["known_share"]
        yield (
            each["cohort"], each["origin_name"], each["destination_name"], each["agency"], each["job"],
            _date(each["hired_from"]), _date(each["hired_to"]), each["current"], each["past"], each["past_left_out"],
            Decimal(each["weight"]), *amounts(each["known_cost"]), None if share is None else Decimal(share["central"]),
            None if each["months_of_wage"] is None else Decimal(each["months_of_wage"]), *amounts(each["fees"]),
            *amounts(each["per_worker"]), *amounts(each["total"]), *amounts(each["to_cancel"]),
            "yes" if each["complete"] else "no",
        )  # fmt: skip


def _item_rows(calculation: Document) -> Iterator[Row]:
    for each in calculation["cohorts"]:
        workers = each["current"] + each["past"]
        for line in each["items"]:
            principal, interest = amounts(line["principal"]), amounts(line["interest"])
            both = [
                one + two for one, two in zip(principal, interest, strict=True) if one is not None and two is not None
            ]
            yield (
                each["cohort"], line["item"], line["title"], line["told"], _date(line["paid_from"]), _date(line["paid_to"]),
                EVIDENCE.get(line["evidence"], ""), PAYERS.get(line["paid_by"], ""), line["rate"],
                "to cancel" if line["to_cancel"] else "yes" if line["counted"] else "no", *principal, *interest, workers,
                *(amount * workers if line["counted"] else Decimal(0) for amount in both), line["why"], line["place"],
            )  # fmt: skip


def _instalment_rows(calculation: Document) -> Iterator[Row]:
    for each in calculation["instalments"]:
        yield (
            each["number"], _date(each["due"]), each["cohort"], GROUPS[each["group"]], each["workers"],
            Decimal(each["per_worker"]), Decimal(each["amount"]), "yes" if each["in_time"] else "no",
        )  # fmt: skip


def _assumption_rows(calculation: Document) -> Iterator[Row]:
    titles = {name: source["title"] for name, source in calculation["sources"].items()}
    for each in calculation["assumptions"]:
        quoted = "\n".join(f"{name}: {titles[name]}" for name in each["sources"] if name in titles)
        yield (each["id"], each["text"], ", ".join(each["cohorts"]) or "all", "; ".join(each["sources"]), quoted)


def _reconciliation_rows(calculation: Document) -> Iterator[Row]:
    for each in calculation["reconciliation"]:
        yield (KINDS[each["kind"]], each["title"], *amounts(each))


def _write_table(
    book: xlsxwriter.Workbook,
    name: str,
    columns: Sequence[tuple[str, float]],
    rows: Iterable[Row],
    bold_rows: Sequence[str] = (),
) -> None:
    """Write a sheet of rows below a header row with filters; rows whose first cell is one of ``bold_rows`` are in bold."""
    sheet = book.add_worksheet(name)
    heading = book.add_format({"bold": True, "valign": "top", "text_wrap": True, "bottom": 1, "bg_color": "#eef1f4"})
    for column, (_, width) in enumerate(columns):
        sheet.set_column(column, column, width)
    write_row(sheet, 0, [title for title, _ in columns], [heading] * len(columns))
    sheet.freeze_panes(1, 1)
    sheet.repeat_rows(0)
    sheet.set_landscape()
    sheet.set_paper(9)
    sheet.fit_to_pages(1, 0)
    plain, bold = _formats_by_type(book), _formats_by_type(book, bold=True)
    last = 0
    for last, row in enumerate(rows, 1):
        _write_row(sheet, last, row, bold if row[0] in bold_rows else plain)
    sheet.autofilter(0, 0, last, len(columns) - 1)


def _formats_by_type(book: xlsxwriter.Workbook, **more: bool) -> dict[type, Format]:
    """Return the cell format for each type of value."""
    top = {"valign": "top", **more}
    texts = book.add_format({**top, "text_wrap": True, "num_format": "@"})
    codes = {Decimal: MONEY, int: COUNT, date: DAY}
    return {str: texts, **{kind: book.add_format({**top, "num_format": code}) for kind, code in codes.items()}}


def _write_row(sheet: Worksheet, place: int, row: Row, formats: dict[type, Format]) -> None:
    values = [float(value) if isinstance(value, Decimal) else value for value in row]
    write_row(sheet, place, values, [formats.get(type(value)) for value in row])
