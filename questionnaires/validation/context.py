"""The state of a sheet while it is validated: its data rows, the answers of each column, and the issues recorded so far.

All work is done on the distinct values of a column and mapped back to its rows by their codes.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from questionnaires.issues import ISSUES, Issue, build_issue
from questionnaires.lookups import load_common_words
from questionnaires.parse.answer import AnswerError, AnswerField, Value, clean_text, make_legible
from questionnaires.sheet import RowGroup, Sheet, build_row_group
from questionnaires.text_normalize import fold_text
from questionnaires.validation.column_match import IDENTIFYING_QUESTIONS, ColumnMatch
from questionnaires.validation.column_values import list_ends
from questionnaires.validation.headers import PLACE_QUESTIONS
from questionnaires.validation.match import get_row_cells

Codes = npt.NDArray[np.int32]
Mask = npt.NDArray[np.bool_]
Indices = npt.NDArray[np.intp]

MAX_NAMED_CELLS = 5  # an issue names its first cells and counts the rest
MAX_MARKED_CELLS = 100_000  # or these, where every cell is to be marked
MAX_SEPARATE_ISSUES = 50  # issues of one code in one column are reported one by one up to here, the rest together
DECIDING_QUESTIONS = (*IDENTIFYING_QUESTIONS, "country")  # whether a row is read depends on them
INVISIBLE = " \t\r\n\v\f\xa0\u200b\ufeff\u3000"


@dataclass(frozen=True)
class IssueText:
    """The texts of an issue: what was seen, and the expectation and cure if the catalogue's do not fit.

    ``related_question``: the question whose cell in the same row belongs to the issue, for two answers that contradict.
    """

    seen: str = ""
    expected: str = ""
    cure: str = ""
    related_question: str = ""


OTHERS = IssueText("(others)")


@dataclass
class AnswerColumn:
    """The answers to one question: distinct values, and for each data row the number of its value, -1 for a blank."""

    values: list[Value]
    codes: Codes

    @property
    def answered(self) -> Mask:
        """Return which rows have an answer."""
        return self.codes >= 0

    def equals(self, value: Value) -> Mask:
        """Return which rows have exactly this answer."""
        return (
            self.codes == self.values.index(value)
            if value in self.values
            else np.zeros(len(self.codes), dtype=np.bool_)
        )

    def to_numbers(self) -> npt.NDArray[np.float64]:
        """Return the numbers of the rows; NaN if the answer is not a number."""
        value_numbers = [value if isinstance(value, float) else np.nan for value in self.values]
        numbers: npt.NDArray[np.float64] = np.array([*value_numbers, np.nan])[self.codes]
        return numbers

    def set_value(self, rows: Mask | Indices, value: Value) -> None:
        """Set the answer of some rows."""
        if value not in self.values:
            self.values.append(value)
        self.codes[rows] = self.values.index(value)

    def map_values(self, convert: Callable[[Value], Value]) -> None:
        """Replace each value by its converted form; values that become equal are merged."""
        numbers: dict[Value, int] = {}
        table = [numbers.setdefault(convert(value), len(numbers)) for value in self.values]
        self.values, self.codes = list(numbers), np.array([*table, -1], dtype=np.int32)[self.codes]

    def take(self, rows: Mask) -> AnswerColumn:
        """Return the answers of some rows, with only the values that they use."""
        codes = self.codes[rows]
        is_used = np.bincount(codes + 1, minlength=len(self.values) + 1)[1:] > 0
        renumbered = np.append(np.where(is_used, np.cumsum(is_used) - 1, -1), -1).astype(np.int32)
        return AnswerColumn(
            [value for value, used in zip(self.values, is_used, strict=True) if used], renumbered[codes]
        )


class ValidationContext:
    """The data rows of a sheet and their answers and issues; ``rejected`` marks the rows with an error.

    ``rows``: the indices of the data rows in the sheet (counted from its first row), where they are known beforehand. ``as_of``:
    the ISO date of the assessment, "" where it is unknown. ``candidates``: the indices among which the data rows are, where the
    layout of the sheet is known: no repeated header or row of totals is among them then. ``left_out``: the rows under the header
    that are none, by reason. ``names_all_cells``: whether every issue is reported on its own, with all its cells.
    ``corrections``: by question and text, the text that is read instead.
    """

    def __init__(
        self,
        sheet: Sheet,
        header_row: int,
        column_match: ColumnMatch,
        rows: Indices | None = None,
        as_of: str = "",
        candidates: Indices | None = None,
        *,
        names_all_cells: bool = False,
        corrections: Mapping[tuple[str, str], str] | None = None,
    ) -> None:
        self.sheet, self.header_row, self.column_match, self.as_of = sheet, header_row, column_match, as_of
        self.corrections = corrections or {}
        self.max_cells = MAX_MARKED_CELLS if names_all_cells else MAX_NAMED_CELLS
        self.max_separate = MAX_MARKED_CELLS if names_all_cells else MAX_SEPARATE_ISSUES
        self.answers: dict[str, AnswerColumn] = {}
        self.unreadable: dict[str, Mask] = {}  # by question, which rows have a cell that could not be read
        self.recorded: dict[tuple[str, int, IssueText], list[Indices]] = {}
        self.issue_counts: Counter[tuple[str, int]] = Counter()
        self.left_out: list[RowGroup] = []
        if rows is None:
            rows = self.find_data_rows(header_row - sheet.first_row, candidates)
        self.rows: Indices = rows
        self.rejected: Mask = np.zeros(len(self.rows), dtype=np.bool_)
        self.returned: Mask = np.zeros(len(self.rows), dtype=np.bool_)  # which rows are forms that a supplier returned
        formulas = (cell for cell in sheet.formulas if cell not in sheet.errors)
        self.errors, self.formulas = group_cells_by_column(sheet, sheet.errors), group_cells_by_column(sheet, formulas)
        self.reject_unreliable_rows(header_row)

    def get_column(self, question: str) -> AnswerColumn:
        """Return the answers to a question; a column of blanks, which is then part of the answers, where it has none."""
        return self.answers.setdefault(question, AnswerColumn([], np.full(len(self.rows), -1, dtype=np.int32)))

    def find_unreadable(self, question: str) -> Mask:
        """Return which rows have a cell for the question that could not be read."""
        return self.unreadable.get(question, np.zeros(len(self.rows), dtype=np.bool_))

    def get_cell_text(self, row: int, question: str) -> str:
        """Return what a data row says in the column of a question, as text; an answer without a column as it was worked out."""
        index = self.column_match.columns.get(question)
        if index is not None:
            column = self.sheet.columns[index]
            code = column.codes[self.rows[row]]
            return make_legible(column.values[code].strip()) if code >= 0 else ""
        answers = self.answers[question]
        return make_legible(str(answers.values[answers.codes[row]])) if answers.codes[row] >= 0 else ""

    def find_data_rows(self, header: int, candidates: Indices | None = None) -> Indices:
        """Return the indices of the data rows: those under the header that are not blank in all matched columns.

        A repeated header and the row of totals at the foot are not data; nor are rows of notes beside the matched columns.
        ``candidates``: the rows that are looked at, if a repeated header and totals are no longer among them.
        """
        columns, matched = self.sheet.columns, sorted(self.column_match.columns.values())
        filled = [
            np.array([*[value.strip(INVISIBLE) != "" for value in column.values], False])[column.codes]
            for column in columns
        ]
        data = np.logical_or.reduce([filled[index] for index in matched])
        outside = np.logical_or.reduce(filled) & ~data
        repeated = data & np.logical_and.reduce(
            [columns[index].codes == columns[index].codes[header] for index in matched]
        )
        if candidates is None:
            for mask in (data, outside, repeated):
                mask[: header + 1] = False
        else:
            is_candidate = np.zeros(len(data), dtype=np.bool_)
            is_candidate[candidates] = True
            data, outside, repeated = data & is_candidate, outside & is_candidate, np.zeros_like(data)
        rows = np.flatnonzero(data & ~repeated)
        totals = rows[-1:] if candidates is None and self.ends_with_totals(rows) else rows[:0]
        for code, indices in (
            ("row.repeated_header", np.flatnonzero(repeated)),
            ("row.outside", np.flatnonzero(outside)),
            ("row.total", totals),
        ):
            if len(indices):
                first = next(column for column, cells in enumerate(filled) if cells[indices[0]])
                seen = get_row_cells(self.sheet, self.sheet.first_row + int(indices[0]))[first]
                self.record(code, first, indices, IssueText(make_legible(seen)))
                reason = code.removeprefix("row.")
                self.left_out.append(build_row_group(reason, indices + self.sheet.first_row))
        return rows[: len(rows) - len(totals)]

    def ends_with_totals(self, rows: Indices) -> bool:
        """Return whether the last row is one of totals: its first cell is a word for that, and it has no country."""
        if len(rows) < 2:
            return False
        cells = get_row_cells(self.sheet, self.sheet.first_row + int(rows[-1]))
        first = next(cell for cell in cells if cell)
        country = self.column_match.columns.get("country")
        return fold_text(first) in load_common_words().totals and (country is None or cells[country] in ("", first))

    def read_column(self, question: str, field: AnswerField, date_order: str | None) -> None:
        """Parse the column of a question with its field, and report the errors."""
        index = self.column_match.columns[question]
        column = self.sheet.columns[index]
        cell_codes = column.codes[self.rows]
        self.record_errors_and_formulas(index)
        used = np.flatnonzero(np.bincount(cell_codes + 1, minlength=len(column.values) + 1)[1:])
        texts = self.split_shared_texts(question, [column.values[code] for code in used.tolist()])
        if any(corrected == question for corrected, _ in self.corrections):
            texts = self.correct_texts(question, texts, cell_codes, used)
        field, notice = field.fit_to_column(texts, date_order)
        answers, errors = field.parse_column(texts)
        numbers: dict[Value, int] = {}
        table = np.full(len(column.values) + 1, -1, dtype=np.int32)
        table[used] = [-1 if answer is None else numbers.setdefault(answer, len(numbers)) for answer in answers]
        self.answers[question] = AnswerColumn(list(numbers), table[cell_codes])
        unreadable = [used[position] for position in errors if answers[position] is None]
        self.unreadable[question] = np.isin(cell_codes, unreadable) | np.isin(self.rows, self.errors[index])
        if notice:
            self.record(notice.code, index, self.rows[cell_codes >= 0], IssueText(notice.seen))
        if errors:
            self.report_errors(question, index, errors, cell_codes, used)

    def correct_texts(self, question: str, texts: list[str], cell_codes: Codes, used: Indices) -> list[str]:
        """Return the texts of a column after the corrections that a person chose, and report each with its cells."""
        corrected = list(texts)
        for position, text in enumerate(texts):
            seen = quote_text(text)
            if (question, seen) in self.corrections:
                corrected[position] = self.corrections[question, seen]
                where = cell_codes == used[position]
                self.report("cell.corrected", question, where, IssueText(seen, expected=corrected[position]))
        return corrected

    def split_shared_texts(self, question: str, texts: list[str]) -> list[str]:
        """Return the part of each text that answers a question, in a column that also answers another: the country is its end."""
        columns = self.column_match.columns
        if question == "address" or question not in PLACE_QUESTIONS or columns.get("country") != columns[question]:
            return texts
        if list(columns.values()).count(columns[question]) < 2:
            return texts
        return list_ends(texts) if question == "country" else [text.rpartition(",")[0] or text for text in texts]

    def report_errors(
        self, question: str, index: int, errors: dict[int, AnswerError], cell_codes: Codes, used: Indices
    ) -> None:
        """Report the errors of a column, given by position among its ``used`` texts, with their rows."""
        order = np.argsort(cell_codes, kind="stable")
        ends = np.searchsorted(cell_codes[order], used, side="right")
        starts = np.searchsorted(cell_codes[order], used, side="left")
        for position, first in errors.items():
            where = order[starts[position] : ends[position]]
            for error in (first, *first.others):
                is_separate = self.issue_counts[error.code, index] < self.max_separate
                text = IssueText(error.seen, error.expected, error.cure) if is_separate else OTHERS
                self.report(error.code, question, where, text)

    def record_errors_and_formulas(self, index: int) -> None:
        """Record a column's cells with a spreadsheet error, which the reader left empty, and its formulas."""
        for code, cells in (("cell.error", self.errors), ("cell.formula", self.formulas)):
            where = np.flatnonzero(np.isin(self.rows, cells[index]))
            self.record(code, index, self.rows[where], IssueText())

    def reject_unreliable_rows(self, header_row: int) -> None:
        """Reject the rows that the reader found unreliable: their values may be in the wrong columns."""
        for fault in self.sheet.find_unreliable_rows(header_row):
            where = np.flatnonzero(self.rows == fault.row - self.sheet.first_row)
            self.record(fault.code, fault.column, self.rows[where], IssueText(make_legible(fault.seen)))
            self.rejected[where] = True

    def report(self, code: str, question: str, where: Indices | Mask, text: IssueText) -> None:
        """Record an issue of some data rows in a question's column. An error of the catalogue rejects the rows."""
        self.record(code, self.column_match.columns.get(question, -1), self.rows[where], text)
        if ISSUES[code].severity == "error":
            self.rejected[where] = True

    def record(self, code: str, column: int, rows: Indices, text: IssueText) -> None:
        """Record an issue of some rows of the sheet (counted from its first row); column -1 is none."""
        if not len(rows):
            return
        if (code, column, text) not in self.recorded:
            text = text if self.issue_counts[code, column] < self.max_separate else OTHERS
            self.issue_counts[code, column] += 1
        self.recorded.setdefault((code, column, text), []).append(rows)

    def build_issues(self) -> list[Issue]:
        """Build the recorded issues, in the order of their first cells."""
        sheet, entries = self.sheet, []
        rejected = self.rows[self.rejected]
        deciding = {index for question, index in self.column_match.columns.items() if question in DECIDING_QUESTIONS}
        for (code, column, text), recorded in self.recorded.items():
            rows = np.unique(np.concatenate(recorded))
            if (
                ISSUES[code].severity != "error" and column not in deciding
            ):  # of a row that is not read, only the reason matters
                rows = np.setdiff1d(rows, rejected, assume_unique=True)
                if not len(rows):
                    continue
            related = self.column_match.columns.get(text.related_question)
            columns = [max(column, 0), *([] if related is None else [related])]
            cells = [
                sheet.name_cell(sheet.first_row + int(row), index)
                for row in rows[: self.max_cells]
                for index in columns
            ]
            issue = build_issue(
                code, file=sheet.file, sheet=sheet.name, cell=cells[0], cells=cells, count=len(rows),
                header=self.column_match.headers[column] if column >= 0 else "",
                seen=text.seen, expected=text.expected, cure=text.cure,
            )  # fmt: skip
            entries.append((int(rows[0]), column, issue))
        return [issue for _, _, issue in sorted(entries, key=lambda entry: entry[:2])]


def quote_text(text: str) -> str:
    """Return the text of a cell as issues quote it."""
    try:
        return make_legible(clean_text(text))
    except AnswerError as error:
        return error.seen


def find_answered(columns: Iterable[AnswerColumn | None], n_rows: int) -> Mask:
    """Return which rows have an answer in any of the columns."""
    answered: Mask = np.zeros(n_rows, dtype=np.bool_)
    for column in columns:
        if column is not None:
            answered |= column.answered
    return answered


def group_cells_by_column(sheet: Sheet, cells: Iterable[tuple[int, int]]) -> defaultdict[int, list[int]]:
    """Return the rows of the cells (counted from the sheet's first row), by column."""
    rows: defaultdict[int, list[int]] = defaultdict(list)
    for row, column in cells:
        rows[column].append(row - sheet.first_row)
    return rows
