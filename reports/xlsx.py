"""Write a report as a workbook: Summary, Results (one row per result), Reasons, Actions, Issues, Method and Sources.

Text is written as text, so nothing in it becomes a formula, a link or a number, whatever it begins with. Text too long for a cell
is shortened and marked as such. Numbers are written as numbers, in full precision. Rows are written one by one, so that memory
use stays low.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import date, datetime
from io import BytesIO
from operator import attrgetter
from typing import Any

import xlsxwriter
from xlsxwriter.format import Format
from xlsxwriter.worksheet import Worksheet

from reports.charts import FILLS, INKS
from reports.document import LEVEL_TITLES, LEVELS, PRIORITIES, Headline, Logo, Report
from reports.sources import cited_sources
from reports.summary import count_by_level, summarise_confidence, summarise_report
from reports.view_model import BUYER_STATES, OWNERS
from reports.xlsx_progress import write_progress
from reports.xlsx_rows import Value, write_row

Row = tuple[Value, ...]
# Title, width, format ("text", "plain" or a number format), and the function that returns the value.
Column = tuple[str, float, str, Callable[[Headline], Any]]

KIND: Column = ("Kind", 8, "text", attrgetter("kind"))
ROW: Column = ("Row", 8, "plain", lambda headline: headline.row or None)
PLACE: Column = ("Uploaded row", 40, "text", attrgetter("place"))
COLUMNS: tuple[Column, ...] = (
    ("Reference", 14, "text", attrgetter("reference")),
    ("Name", 36, "text", attrgetter("name")),
    ("Country", 20, "text", attrgetter("country_name")),
    ("Sector", 28, "text", attrgetter("sector_title")),
    ("Level", 34, "text", attrgetter("level_text")),
    ("Score", 8, "0.0", attrgetter("score")),
    ("Best", 8, "0.0", attrgetter("best")),
    ("Worst", 8, "0.0", attrgetter("worst")),
    ("Inherent risk", 9, "0.0", attrgetter("inherent")),
    ("Practice", 9, "0.0", attrgetter("practice_points")),
    ("Practice (maximum)", 9, "0.0", attrgetter("practice_of")),
    ("Confidence", 10, "0", attrgetter("confidence")),
    ("Minimum-score rules", 30, "text", lambda headline: "; ".join(headline.floors)),
    ("Next step", 48, "text", attrgetter("next_step")),
)


EVIDENCE: tuple[Column, ...] = (
    ("Evidence claimed", 10, "0", attrgetter("evidence_claimed")),
    ("Evidence confirmed", 10, "0", attrgetter("evidence_confirmed")),
)


def result_columns(results: Sequence[Headline]) -> tuple[Column, ...]:
    """Return the columns these results need: the kind if there are two, the file and sheet of a row if there are several, and
    the counts of evidence if the reader may see them.
    """
    kind = (KIND,) if len({headline.kind for headline in results}) > 1 else ()
    place = PLACE if len({(headline.file, headline.sheet) for headline in results}) > 1 else ROW
    evidence = EVIDENCE if any(headline.evidence_claimed is not None for headline in results) else ()
    return (*kind, *COLUMNS, place, *evidence)


LOGO_PIXELS = (200.0, 60.0)
POINTS, DATE = "+0.00;-0.00;0.00", "d mmm yyyy"


def render(report: Report) -> bytes:
    """Return the workbook; the same report always gives the same bytes."""
    buffer = BytesIO()
    with xlsxwriter.Workbook(buffer, {"constant_memory": True}) as book:
        # Uses the date of the report rather than today's, so that the same workbook can be created again, byte for byte.
        created = datetime(report.on.year, report.on.month, report.on.day)  # noqa: DTZ001
        book.set_properties({"title": report.title, "comments": report.draft, "created": created})
        summary = _write_text_sheet(book, "Summary", _summary_rows(report))
        if report.logo:
            insert_logo(summary, 3, report.logo)
        _write_results(book, report.results)
        _write_table(book, "Reasons", _REASONS, _reason_rows(report))
        _write_table(book, "Actions", _ACTIONS, _action_rows(report))
        if report.progress:
            write_progress(book, report.progress)
        if report.cases:
            _write_table(book, "Cases", _CASES, _case_rows(report))
        if report.buyer:
            _write_table(book, "Buyer", _BUYER, _buyer_rows(report))
        _write_table(book, "Issues", _ISSUES, _issue_rows(report))
        _write_text_sheet(book, "Method", _method_rows(report))
        if report.sources:
            _write_table(book, "Sources", _SOURCES, _source_rows(report))
    return buffer.getvalue()


def _write_results(book: xlsxwriter.Workbook, results: Sequence[Headline]) -> None:
    """Write one row per result. Colours come from one conditional format per level for the whole column, not from cell styles."""
    columns = result_columns(results)
    sheet = _add_table_sheet(book, "Results", [(title, width) for title, width, _, _ in columns])
    codes = {code for _, _, code, _ in columns} - {"text", "plain"}
    format_of = {code: book.add_format({"num_format": code}) for code in sorted(codes)}
    formats = [format_of.get(code) for _, _, code, _ in columns]
    getters = [get for *_, get in columns]
    row = 0
    for row, headline in enumerate(results, 1):
        write_row(sheet, row, [get(headline) for get in getters], formats)
    sheet.autofilter(0, 0, row, len(columns) - 1)
    column = [title for title, *_ in columns].index("Level")
    for name in LEVELS:
        colours = book.add_format({"bg_color": FILLS[name], "font_color": INKS[name]})
        rule = {"type": "text", "criteria": "begins with", "value": LEVEL_TITLES[name], "format": colours}
        sheet.conditional_format(1, column, max(row, 1), column, rule)


_REASONS = (
    ("Reference", 14), ("Name", 30), ("Kind", 9), ("Reason", 34), ("Explanation", 60), ("State", 12), ("Value", 20),
    ("Points", 9), ("Effective risk", 9), ("Context risk", 9), ("Sources", 18), ("Year", 7),
)  # fmt: skip
_ACTIONS = (
    ("Priority", 8), ("Priority title", 26), ("Action", 36), ("What to do", 60), ("Owner", 18), ("Due", 12),
    ("Within hours", 8), ("Safety first", 8), ("Stage", 13), ("Involving workers", 40), ("Closed when", 40), ("Suppliers", 8),
    ("Including", 40), ("Sources", 18),
)  # fmt: skip
_CASES = (
    ("Case", 16), ("About", 36), ("Group", 44), ("Case evidence", 16), ("Findings", 9), ("Result under the published rules", 100),
)  # fmt: skip
_BUYER = (
    ("Unit", 24), ("Practice", 36), ("State", 14), ("Explanation", 60), ("What to do", 60), ("Sources", 18),
)  # fmt: skip
_ISSUES = (
    ("Severity", 9), ("Code", 22), ("Issue", 40), ("File", 20), ("Sheet", 16), ("Cells", 18), ("Column", 20),
    ("Found", 28), ("Expected", 28), ("How to fix it", 44), ("Count", 8),
)  # fmt: skip


_SOURCES = (("ID", 12), ("What it says", 100), ("Publisher", 40), ("Caution", 50))


def _reason_rows(report: Report) -> Iterator[Row]:
    """Yield the reasons for each explained result, including points added by rules, so that all points add up to the score."""
    for detail in report.details:
        who = (detail.headline.reference, detail.headline.name)
        for r in detail.reasons:
            if r.state == "not_asked" and not r.points:
                continue  # questions that were not asked are listed once, in the summary
            sources = ", ".join(r.sources)
            yield (
                *who,
                "fact" if r.kind == "context" else r.kind,
                r.title,
                r.full_text,
                r.state.replace("_", " "),
                r.value,
                r.points,
                r.e,
                r.c,
                sources,
                r.year,
            )
        if detail.headline.uplift:
            titles, texts = (
                "; ".join(floor.full_title for floor in detail.floors),
                " ".join(f.text for f in detail.floors),
            )
            yield (*who, "rule", titles, texts, "", "", detail.headline.uplift, None, None, "", None)


def _action_rows(report: Report) -> Iterator[Row]:
    for s in report.plan:
        yield (
            s.priority, PRIORITIES[s.priority], s.title, s.do, OWNERS[s.owner], s.due, s.within_hours,
            "yes" if s.safety else "", s.stage, s.with_workers, s.proof, s.suppliers, ", ".join(s.names),
            ", ".join(s.sources),
        )  # fmt: skip


def _case_rows(report: Report) -> Iterator[Row]:
    for c in report.cases:
        yield (c.case, c.about, c.group, c.strength, c.findings, "\n".join(c.readings))


def _buyer_rows(report: Report) -> Iterator[Row]:
    for f in report.buyer:
        yield (f.unit, f.title, BUYER_STATES[f.state], f.text, "; ".join(f.actions), ", ".join(f.sources))


def _issue_rows(report: Report) -> Iterator[Row]:
    for i in report.issues:
        yield (i.severity, i.code, i.message, i.file, i.sheet, i.cells, i.header, i.seen, i.expected, i.cure, i.count)


def _source_rows(report: Report) -> Iterator[Row]:
    for s in cited_sources(report, report.details):
        yield (s.id, s.title, s.publisher, s.caution)


def _summary_rows(report: Report) -> Iterator[Row]:
    yield (report.title,)
    yield (report.draft,)
    if report.sender not in ("", report.title):
        yield ("Organisation", report.sender)
    yield ("Date", report.on)
    for sentence in (*summarise_report(report), *summarise_confidence(report.results), report.wording):
        yield (sentence,)
    if report.withheld:
        yield (report.withheld,)
    yield ()
    yield ("Suppliers by level", "Suppliers")
    for level, n in count_by_level(report.results).items():
        yield (LEVEL_TITLES[level], n)
    yield ()
    yield ("Not checked: questions that were not asked", "Suppliers not asked", "All suppliers")
    for question in report.not_checked:
        yield (question.title, question.unasked, question.of)


def _method_rows(report: Report) -> Iterator[Row]:
    yield ("Method and sources",)
    for sentence in (*report.method, *report.limits, report.wording):
        yield (sentence,)
    yield ()
    yield ("Versions used", "Version", "Digest", "Suppliers")
    yield ("Engine", report.engine)
    yield ("Facts", "", report.facts_digest)
    for m in report.models:
        yield (f"Model: {m.title}", f"{m.id} {m.version}", m.digest, m.results)
    if not report.files:
        return
    yield ()
    yield ("Source files", "Sheets", "Checksum (SHA-256)", "Rows", "Used", "Not used")
    for f in report.files:
        yield (f.name, ", ".join(f.sheets), f.sha256, f.rows, f.accepted, f.rejected)


def insert_logo(sheet: Worksheet, column: int, logo: Logo) -> None:
    """Put a logo at the top of a sheet, to the right of its texts."""
    width, height = logo.fit(*LOGO_PIXELS)
    scale = {"x_scale": width / logo.width, "y_scale": height / logo.height}
    options = {"image_data": BytesIO(logo.png), "description": logo.text, "object_position": 3, **scale}
    sheet.insert_image(0, column, "logo.png", options)


def _write_table(
    book: xlsxwriter.Workbook, name: str, columns: Sequence[tuple[str, float]], rows: Iterable[Row]
) -> None:
    """Write a sheet of rows below a header row with filters."""
    sheet = _add_table_sheet(book, name, columns)
    formats = _formats_by_type(book)
    last = 0
    for last, row in enumerate(rows, 1):
        write_row(sheet, last, row, [formats.get(type(value)) for value in row])
    sheet.autofilter(0, 0, last, len(columns) - 1)


def _write_text_sheet(book: xlsxwriter.Workbook, name: str, rows: Iterable[Row]) -> Worksheet:
    """Write a sheet of text, and return it: the first row is the title, and each row after a blank one is a heading."""
    sheet = book.add_worksheet(name)
    sheet.hide_gridlines(2)
    sheet.set_column(0, 0, 90)
    sheet.set_column(1, 5, 18)
    sheet.set_paper(9)
    sheet.fit_to_pages(1, 0)
    plain = _formats_by_type(book)
    title = plain | {str: book.add_format({"bold": True, "font_size": 16})}
    heading = plain | {str: book.add_format({"bold": True, "top": 1})}
    after_blank = False
    for place, row in enumerate(rows):
        formats = title if place == 0 else heading if after_blank else plain
        write_row(sheet, place, row, [formats.get(type(value)) for value in row])
        after_blank = not row
    return sheet


def _add_table_sheet(book: xlsxwriter.Workbook, name: str, columns: Sequence[tuple[str, float]]) -> Worksheet:
    sheet = book.add_worksheet(name)
    heading = book.add_format({"bold": True, "valign": "top", "text_wrap": True, "bottom": 1, "bg_color": "#eef1f4"})
    for column, (_, width) in enumerate(columns):
        sheet.set_column(column, column, width)
    write_row(sheet, 0, [title for title, _ in columns], [heading] * len(columns))
    sheet.freeze_panes(1, 3 if name == "Results" else 2)
    sheet.repeat_rows(0)
    sheet.set_landscape()
    sheet.set_paper(9)
    sheet.fit_to_pages(1, 0)
    return sheet


def _formats_by_type(book: xlsxwriter.Workbook) -> dict[type, Format]:
    """Return the cell format for each type of value in the sheets of text."""
    top = {"valign": "top", "text_wrap": True}
    codes = {str: "@", float: POINTS, int: "0", date: DATE}
    return {kind: book.add_format(top | {"num_format": code}) for kind, code in codes.items()}
