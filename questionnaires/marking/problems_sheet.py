"""Write the sheet that lists the problems of a workbook, with a link to the first cell of each."""

from __future__ import annotations

from collections.abc import Sequence

from questionnaires.issues import Issue
from questionnaires.marking.marks import MAX_PROBLEMS
from questionnaires.marking.own_marks import PROBLEMS_TITLE, RESULT_HEADER
from questionnaires.marking.sheet_edit import FORMULA_LIKE, Restyle
from questionnaires.marking.xml_edit import escape_text
from questionnaires.sheet import cell_name

MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
HEADERS = ("Where", "Column", "Effect", "Problem", "Expected", "How to fix it", "Cells", "Other cells")
WIDTHS = (24, 24, 18, 60, 40, 60, 8, 40)
EFFECTS = {"error": "Row not used", "warning": "Value not used", "info": "For information"}
MAX_OTHER_CELLS = 20
HEADER_ROW = 4


def build_problems_sheet(problems: Sequence[Issue], restyle: Restyle, notice: str = "") -> bytes:
    """Return the sheet as a part of an .xlsx file. ``notice``: a sentence on what the workbook does not contain."""
    intro = (
        "Correct the marked cells, save the workbook and upload it again. "
        f"This sheet and the column '{RESULT_HEADER}' will be ignored."
    )
    first = HEADER_ROW + 1
    rows = [_row(1, [_cell(1, 0, PROBLEMS_TITLE, "<b/>")]), _row(2, [_cell(2, 0, f"{intro} {notice}".strip())])]
    rows.append(_row(HEADER_ROW, [_cell(HEADER_ROW, at, text, "<b/>") for at, text in enumerate(HEADERS)]))
    listed = problems[:MAX_PROBLEMS]
    rows += [_row(number, _describe(number, issue, restyle)) for number, issue in enumerate(listed, first)]
    if not problems:
        rows.append(_row(first, [_cell(first, 0, "No problems were found.")]))
    elif len(problems) > len(listed):
        more = f"{len(problems) - len(listed):,} more problems are not listed here. Their cells are marked."
        rows.append(_row(first + len(listed), [_cell(first + len(listed), 0, more)]))
    links = "".join(
        f'<hyperlink ref="A{number}" location="{escape_text(_locate(issue))}"/>'
        for number, issue in enumerate(listed, first)
        if issue.cell
    )
    columns = "".join(
        f'<col min="{at}" max="{at}" width="{width}" customWidth="1"/>' for at, width in enumerate(WIDTHS, 1)
    )
    return (
        f'<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n<worksheet xmlns="{MAIN}"><sheetViews>'
        f'<sheetView workbookViewId="0"><pane ySplit="{HEADER_ROW}" topLeftCell="A{first}" activePane="bottomLeft" '
        f'state="frozen"/></sheetView></sheetViews><cols>{columns}</cols><sheetData>{"".join(rows)}</sheetData>'
        f"{f'<hyperlinks>{links}</hyperlinks>' if links else ''}</worksheet>"
    ).encode()


def _row(number: int, cells: Sequence[str]) -> str:
    return f'<row r="{number}">{"".join(cells)}</row>'


def _cell(row: int, column: int, text: str, font: str = "", style: int = 0) -> str:
    run = f"<r><rPr>{font}</rPr>" if font else ""
    return (
        f'<c r="{cell_name(row, column)}" s="{style}" t="inlineStr"><is>{run}<t xml:space="preserve">{escape_text(text)}</t>'
        f"{'</r>' if font else ''}</is></c>"
    )


def _describe(row: int, issue: Issue, restyle: Restyle) -> list[str]:
    others = [cell for cell in issue.cells if cell != issue.cell]
    shown = ", ".join(others[:MAX_OTHER_CELLS])
    more = f" and {len(others) - MAX_OTHER_CELLS:,} more" if len(others) > MAX_OTHER_CELLS else ""
    texts = (
        issue.place or issue.file, issue.header, EFFECTS[issue.severity], issue.sentence, issue.expected, issue.cure,
        f"{issue.count:,}" if issue.cell else "", shown + more,
    )  # fmt: skip
    fill = issue.severity if issue.severity != "info" else ""
    link = '<color rgb="FF0B5394"/><u/>' if issue.cell else ""
    return [
        _cell(
            row, at, text, link if at == 0 else "", restyle(0, fill if at == 2 else "", text.startswith(FORMULA_LIKE))
        )
        for at, text in enumerate(texts)
        if text
    ]


def _locate(issue: Issue) -> str:
    sheet = issue.sheet.replace("'", "''")
    return f"'{sheet}'!{issue.cell}"
