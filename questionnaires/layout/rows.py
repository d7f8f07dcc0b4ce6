"""Class the rows of a table: suppliers, rows that are left out with a reason, and rows that are asked about.

Only rows that look different are examined: those with few filled cells, those that begin like a sum, and those that the
spreadsheet marks. Any other row is a supplier, as it always was.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np

from questionnaires.layout.grid import Grid, Indices, Mask
from questionnaires.layout.sections import find_section
from questionnaires.layout.words import LayoutWords, load_layout_words
from questionnaires.lookups import load_common_words, load_countries
from questionnaires.text_normalize import fold_text

RowClass = Literal["left_out", "ask"]
SPARSE_SHARE = 0.4  # of the cells of a usual row, up to which a row is examined
SPARSE_CELLS = 4
MAX_FEW = 2  # filled cells of a note, a page mark or a heading
LABEL_COLUMNS = 3  # the first filled columns, in one of which a row says that it is a sum
SENTENCE = 8  # words
COPYRIGHT = re.compile(r"(?:©|\(c\)|copyright)\s*\S", re.IGNORECASE)
FOOTNOTE = re.compile(r"(?:\*{1,4}|[†‡§¹²³⁴⁵⁶]|\[\d{1,2}\]|\(\d{1,2}\)|\d{1,2}\))\s*\S")
NUMBER = re.compile(r"[-+(]?[$€£¥]?\s?[\d.,'\s]{1,30}\s?[%)]?|n/?a|-{1,3}|–|—", re.IGNORECASE)
RULE = re.compile(r"[\W_]+")
WORD = re.compile(r"[^\W_]+")
OR = re.compile(r"[/|()]")
LABEL_END = re.compile(r"[:：.]")
COUNTED = re.compile(r"[^\W\d_]+")
YEAR_OR_DATE = re.compile(
    r"(?:fy|cy|q[1-4]|h[12]|year|año|année|jahr|tahun|năm|ปี)?[\s\-/.]{0,3}(?:19|20|25)\d\d(?:\s?[-/–]\s?(?:\d\d){1,2})?(?:\s?年)?",
    re.IGNORECASE,
)


class Finding(NamedTuple):
    """What a row is: its class and the reason for it."""

    row_class: RowClass
    reason: str


SUBTOTAL = Finding("left_out", "subtotal")


@dataclass(frozen=True)
class TableRows:
    """The rows of a table (from 0): where the table is, and its columns of headers, and of names if they are known."""

    grid: Grid
    header: int  # the last header row
    last: int
    headers: Mapping[int, str]
    name_column: int | None
    country_column: int | None = None

    @property
    def first_columns(self) -> tuple[int | None, ...]:
        """Return the columns in which a row begins that says what it is: the first, and that of names."""
        return (min(self.headers, default=None), self.name_column)

    @property
    def rows(self) -> Indices:
        """Return the rows under the headers that are not blank."""
        rows = np.flatnonzero(self.grid.counts[: self.last + 1])
        return rows[rows > self.header]


def classify_rows(table: TableRows) -> dict[int, Finding]:
    """Return what the rows under the headers are, for those that are no suppliers or may be none."""
    rows = table.rows
    if not len(rows):
        return {}
    grid, words = table.grid, load_layout_words()
    fuller = rows[grid.counts[rows] > 1]
    usual = float(np.percentile(grid.counts[fuller], 50, method="higher")) if len(fuller) else 1.0
    sparse = grid.counts <= max(1, min(SPARSE_CELLS, usual * SPARSE_SHARE), MAX_FEW if usual > MAX_FEW else 1)
    examined = rows[sparse[rows] | _find_sums(table, words)[rows] | _find_numbering(table)[rows]]
    findings: dict[int, Finding] = {}
    classifier = RowClassifier(table, usual, words)
    for row in examined.tolist():
        finding = classifier.classify(row)
        if finding is not None:
            findings[row] = finding
    if usual > MAX_FEW:
        findings |= _find_last_lines(table, findings, classifier)
        findings |= _find_lone_names(table, findings, classifier)
    for row, reason in _iter_marked_rows(table):
        findings[row] = Finding("left_out", reason)
    return findings | _find_totals(table, findings)


def _find_last_lines(
    table: TableRows, findings: Mapping[int, Finding], classifier: RowClassifier
) -> dict[int, Finding]:
    """Return the lines of one text at the end of a table that may be anything: who sent it, or a supplier without details."""
    lines: dict[int, Finding] = {}
    for row in table.rows[::-1].tolist():
        if table.grid.counts[row] > 1:
            break
        ((column, text),) = table.grid.get_cells(row).items()
        if column in table.first_columns and row not in findings and not classifier.is_company(text):
            lines[row] = Finding("ask", "note_or_supplier")
    return lines


def _find_lone_names(
    table: TableRows, findings: Mapping[int, Finding], classifier: RowClassifier
) -> dict[int, Finding]:
    """Return the rows of a name alone that may be headings: in capital letters unlike the others, or the first row and one more,
    each above rows of several cells.
    """
    lone: dict[int, str] = {}
    columns: set[int] = set()
    for row in table.rows[table.grid.counts[table.rows] == 1].tolist():
        ((column, text),) = table.grid.get_cells(row).items()
        if row not in findings and column in table.first_columns and not classifier.is_company(text):
            lone[row] = text
            columns.add(column)
    if len(columns) != 1:
        return {}
    rows = [row for row in table.rows.tolist() if row not in findings]
    if 2 * len(lone) >= len(rows):
        return {}
    names = table.grid.sheet.columns[columns.pop()]
    others = {names.values[code] for code in names.codes[[row for row in rows if row not in lone]] if code >= 0}
    is_unlike = 2 * sum(map(str.isupper, others)) < len(others)
    above = [row for row, below in itertools.pairwise(rows) if row in lone and below not in lone]
    are_headings = len(lone) > 1 and rows[0] in lone and len(above) == len(lone)
    asked = [row for row, text in lone.items() if are_headings or (is_unlike and text.isupper() and row in above)]
    return dict.fromkeys(asked, Finding("ask", "heading_or_supplier"))


def find_group_columns(table: TableRows, findings: Mapping[int, Finding]) -> tuple[int, ...]:
    """Return the column whose texts stand only in the first row of each group, if each group ends with its sum: "China" above
    blank cells and "China total".
    """
    columns: set[int] = set()
    for row, finding in findings.items():
        if finding.reason not in ("subtotal", "total"):
            continue
        column, text = next(iter(table.grid.get_cells(row).items()))
        if not strip_sum(text):
            continue
        above = np.flatnonzero(table.grid.filled[table.header + 1 : row, column])
        if not len(above):
            return ()
        group = table.grid.get_cells(table.header + 1 + int(above[-1]))[column]
        if fold_text(strip_sum(text)) != fold_text(group):
            return ()
        columns.add(column)
    return tuple(columns) if len(columns) == 1 and columns != {table.name_column} else ()


def strip_sum(text: str) -> str:
    """Return a text without the words for sums."""
    words = load_layout_words()
    sums = words.totals | words.subtotals | {"grand", "sub", "overall"}
    return " ".join(word for word in WORD.findall(text) if fold_text(word) not in sums)


def _find_totals(table: TableRows, findings: Mapping[int, Finding]) -> dict[int, Finding]:
    """Return the sums that no supplier follows and that are of no part: they are totals."""
    last_supplier = max((int(row) for row in table.rows if int(row) not in findings), default=table.header)
    totals = {}
    for row, finding in findings.items():
        if finding.reason == "subtotal" and row > last_supplier:
            text = next(iter(table.grid.get_cells(row).values()))
            if not any(word in fold_text(text) for word in load_layout_words().subtotals):
                totals[row] = Finding("left_out", "total")
    return totals


def _find_sums(table: TableRows, words: LayoutWords) -> Mask:
    """Return which rows begin or end like a sum, or are a line, in one of the first columns."""
    grid = table.grid
    found: Mask = np.zeros(len(grid.counts), dtype=np.bool_)
    columns = sorted(
        {*list(table.headers)[:LABEL_COLUMNS], *([] if table.name_column is None else [table.name_column])}
    )
    for index in columns:
        column = grid.sheet.columns[index]
        texts = (value.strip().casefold() for value in column.values)
        sums = [words.sums.match(text) is not None or RULE.fullmatch(text) is not None for text in texts]
        found |= np.array([*sums, False])[column.codes]
    return found


def _find_numbering(table: TableRows) -> Mask:
    """Return the row right under the headers, which may number the columns."""
    found: Mask = np.zeros(len(table.grid.counts), dtype=np.bool_)
    found[table.rows[:1]] = True
    return found


def _iter_marked_rows(table: TableRows) -> Iterator[tuple[int, str]]:
    """Yield the rows that the spreadsheet hides, or strikes out, with the reason."""
    grid, marks = table.grid, table.grid.sheet.marks
    data = set(table.rows.tolist())
    hidden = {row - grid.sheet.first_row for row in marks.hidden} & data
    for row in sorted(hidden):
        number = grid.number(row)
        yield row, "filtered" if any(first < number <= last for first, last in marks.filters) else "hidden"
    struck: Mask = np.zeros_like(grid.filled) if marks.struck else np.zeros((0, 0), dtype=np.bool_)
    for column, rows in marks.struck.items():
        if column < struck.shape[1]:
            indices = np.array(rows, dtype=np.intp) - grid.sheet.first_row
            struck[indices[(indices >= 0) & (indices < len(struck))], column] = True
    if not struck.size:
        return
    struck &= grid.filled
    share = struck.sum(axis=1) >= np.maximum(grid.counts * 0.8, 1)
    if table.name_column is not None:  # a name that is struck out is enough
        share |= struck[:, table.name_column]
    yield from ((row, "struck_out") for row in np.flatnonzero(share).tolist() if row in data and row not in hidden)


class RowClassifier:
    """Classes single rows of one table. ``usual``: the number of filled cells of a usual row."""

    def __init__(self, table: TableRows, usual: float, words: LayoutWords) -> None:
        self.table, self.grid, self.usual, self.words = table, table.grid, usual, words
        self.countries, self.common = load_countries(), load_common_words()
        self.first_row = int(table.rows[0])
        self.header_words = {fold_text(text) for text in table.headers.values()}

    def classify(self, row: int) -> Finding | None:
        """Return what a row is; None for a supplier."""
        cells = self.grid.get_cells(row)
        texts = list(cells.values())
        text = texts[0]
        is_few = len(cells) <= MAX_FEW and len(cells) <= max(1.0, self.usual - 1)
        if row == self.first_row and self._numbers_columns(texts):
            return Finding("left_out", "column_numbers")
        if row == self.first_row and self._says_how_to_fill_in(texts):
            return Finding("left_out", "note")
        if all(RULE.fullmatch(value) for value in texts) and len(texts) > 1:
            return Finding("left_out", "line")
        if is_few and self.words.pages.fullmatch(text.casefold()):
            return Finding("left_out", "page_mark")
        if reason := self._find_sum(cells):
            return reason
        if not is_few:
            return None
        if self._is_statement(cells):
            return Finding("left_out", "statement")
        if self._is_section(row, cells) and not self._is_list_of_countries():
            return Finding("left_out", "section")
        if finding := self._find_note(cells):
            return finding
        return self._find_heading(row, cells)

    def _numbers_columns(self, texts: list[str]) -> bool:
        """Return whether a row under the headers numbers the columns: (1), (2), (3), or a, b, c."""
        bare = [RULE.sub("", text).casefold() for text in texts]
        numbers = [str(number) for number in range(1, len(bare) + 1)]
        letters = [chr(ord("a") + number) for number in range(len(bare))] if len(bare) <= 26 else []
        return len(bare) >= 3 and bare in (numbers, letters)

    def _says_how_to_fill_in(self, texts: list[str]) -> bool:
        """Return whether a row under the headers says what to write into each column: "Pick one", "Y or N", "Number"."""
        return len(texts) >= 3 and 2 * sum(fold_text(text) in self.words.guidance for text in texts) > len(texts)

    def _find_sum(self, cells: Mapping[int, str]) -> Finding | None:
        """Return what to do with a row that is a sum: its word, a country or a count beside it, and otherwise only numbers."""
        column, text = next(
            (
                (column, text)
                for column, text in cells.items()
                if self.words.sums.match(text.casefold()) and not NUMBER.fullmatch(text)
            ),
            (-1, ""),
        )
        if column < 0:
            return None
        others = [other for place, other in cells.items() if place != column]
        is_only_numbers = all(NUMBER.fullmatch(other) or fold_text(other) in self.common.nothing for other in others)
        label = fold_text(text)
        labels = {fold_text(part) for part in OR.split(text)} - {""}  # "Tổng cộng / Total"
        if label in self.words.totals or labels <= self.words.totals | self.words.subtotals:
            # The existing rule for the last row accepts its label in any column before the country.
            return SUBTOTAL if is_only_numbers or len(others) < self.usual / 2 else None
        rest = strip_sum(text)
        if self._is_counted(rest):
            return SUBTOTAL if is_only_numbers or self._repeats(rest, others) else None
        if not is_only_numbers or self.is_company(text):
            return None if others and not is_only_numbers else (Finding("ask", "sum_or_supplier") if others else None)
        return Finding("ask", "sum_or_supplier")

    def _names_country(self, text: str) -> bool:
        return bool(text) and (self.countries.find(text) is not None or bool(self.countries.find_sharing(text)))

    def _is_counted(self, rest: str) -> bool:
        """Return whether what stands beside the word for a sum is what was summed up: a country, or what is counted."""
        if not rest or self._names_country(rest) or fold_text(rest) in self.words.world_regions:
            return True
        parts = [word for word in WORD.findall(rest) if not word.isdigit()]
        return all(fold_text(part) in self.words.counted or self._names_country(part) for part in parts)

    def _repeats(self, rest: str, others: list[str]) -> bool:
        """Return whether the other texts of a row repeat the country of a sum."""
        return all(NUMBER.fullmatch(other) or fold_text(other) == fold_text(rest) for other in others)

    def _is_statement(self, cells: Mapping[int, str]) -> bool:
        """Return whether a row only says that there is nothing to list."""
        if any(word in self.header_words for word in map(fold_text, cells.values())):
            return False
        texts = [fold_text(text.rstrip(".! ")) for text in cells.values()]
        said = [text in self.words.nothing_listed for text in texts]
        blank = [text in self.common.nothing for text in texts]
        is_alone = all(a or b for a, b in zip(said, blank, strict=True))
        return is_alone and (any(said) or (len(texts) == 1 and self.usual > 1))

    def _is_section(self, row: int, cells: Mapping[int, str]) -> bool:
        """Return whether a row is a heading; a country with a number is none if it is in the column for it: a name is missing."""
        if len(cells) > 1 and self.table.country_column in cells:
            return False
        return find_section(self.grid, row) is not None

    def _is_list_of_countries(self) -> bool:
        """Return whether nearly every row of the table is the name of a country alone: then these are its rows, not headings."""
        if self.usual > MAX_FEW:
            return False
        rows = self.table.rows
        if len(rows) < 3:
            return self.usual <= 1
        sample = rows[:60].tolist()
        return sum(find_section(self.grid, row) is not None for row in sample) > 0.5 * len(sample)

    def _find_note(self, cells: Mapping[int, str]) -> Finding | None:
        """Return what to do with a row with one text, or a label and a text, that is a note."""
        text = next(iter(cells.values()))
        start = LABEL_END.split(text, maxsplit=1)[0]
        has_colon = len(start) < len(text) and text[len(start)] in ":："
        label = fold_text(RULE.sub(" ", start))
        is_label = label in self.words.notes
        if is_label and (has_colon or (len(cells) == 1 and start == text) or (len(cells) == 2 and self.usual > 3)):
            return Finding("left_out", "note")
        if is_label and len(WORD.findall(text)) > 3:
            return Finding("left_out", "note")
        if COPYRIGHT.match(text) and len(cells) == 1:
            return Finding("left_out", "note")
        if self.usual < 2 and not has_colon:
            return None
        n_words = len(WORD.findall(text))
        is_long = n_words >= SENTENCE or (not text.isascii() and len(text) >= 30 and text.endswith(("。", ".")))
        if is_long and len(cells) == 1:
            return Finding("ask", "note_or_supplier") if self.is_company(text) else Finding("left_out", "note")
        if FOOTNOTE.match(text) and len(cells) == 1:
            return Finding("left_out", "note") if n_words > 4 else Finding("ask", "note_or_supplier")
        first_word = fold_text(WORD.findall(text)[0]) if n_words else ""
        if first_word in self.words.examples or label in self.words.examples:
            return Finding("ask", "example")
        return None

    def _find_heading(self, row: int, cells: Mapping[int, str]) -> Finding | None:
        """Return whether a row with a single text is a heading: merged across the table, a year, or a part of a list."""
        if len(cells) > 1 or self.usual < 2:
            return None
        ((column, text),) = cells.items()
        width = self.grid.merged.get((row, column), (row, column))[1] - column + 1
        if width > 1 and width >= 0.5 * len(self.table.headers):
            return Finding("left_out", "section")
        if YEAR_OR_DATE.fullmatch(text) and self.usual > 2:
            return Finding("left_out", "section")
        if text.endswith((":", "：")):
            return Finding("left_out", "section")
        if NUMBER.fullmatch(text) and column == self.table.name_column:
            return Finding("ask", "number_or_supplier")
        known = {fold_text(word) for word in COUNTED.findall(text)}
        if known & self.words.headings and not self.is_company(text):
            return Finding("ask", "heading_or_supplier")
        return None

    def is_company(self, text: str) -> bool:
        """Return whether a text has a word that companies have in their names."""
        return any(fold_text(word) in self.words.company_forms for word in COUNTED.findall(text)) or any(
            form in text for form in ("公司", "会社", "會社", "회사", "บริษัท")
        )
