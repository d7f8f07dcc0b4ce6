"""Find the tables of a sheet: stacked, side by side or across, with their header rows, and what each of their rows is."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np

from questionnaires.issues import UnusableSheet, build_issue
from questionnaires.layout.apply import transpose
from questionnaires.layout.document import HeaderColumn, Section, TableChange, TableLayout
from questionnaires.layout.grid import Grid, Mask, build_grid, crop
from questionnaires.layout.headers import Headers, find_header_rows, join_headers
from questionnaires.layout.kinds import AGENCY, SITE, find_kind_column, read_kinds
from questionnaires.layout.rows import Finding, RowClass, TableRows, classify_rows, find_group_columns
from questionnaires.layout.sections import find_section, find_title_country
from questionnaires.layout.several import find_several
from questionnaires.layout.words import load_layout_words
from questionnaires.lookups import load_countries
from questionnaires.sheet import RowGroup, Sheet, build_row_group
from questionnaires.text_normalize import fold_text
from questionnaires.validation.column_match import IDENTIFYING_QUESTIONS
from questionnaires.validation.match import detect_kind, find_header_row

NAMES = {"name", "name_local"}
REPEATED_SHARE = 0.8  # of the headers, in a row that repeats them
MAX_HEADERS_TRIED = 500  # rows below blank rows that are tried as the headers of another table
FORM_ROWS, FORM_COLUMNS = 500, 100  # the largest form that is read across
MAX_TITLES_COMPARED = 2_000  # rows with as many cells as a title
NUMBERS = re.compile(r"[0-9]+")
NAME_PART = re.compile(r"[^\W\d_]+(?:['’.&-][^\W\d_]+)*")
YEAR = re.compile(r"[\s_\-]{1,3}(?:19|20)\d\d")
LEFT_OUT: RowClass = "left_out"
ASK: RowClass = "ask"
COUNTRY = "country"


def change_tables(
    sheet: Sheet, tables: Sequence[TableLayout], changes: Iterable[TableChange], known: Headers
) -> list[TableLayout]:
    """Return the tables of a sheet after what a person said of them. Under other headers the rows of a table are classified anew.

    Raises :class:`UnusableSheet` if the headers are said to be in rows that the sheet does not have.
    """
    changed: dict[int, list[TableLayout]] = {}
    for table in tables:
        changed.setdefault(table.number, []).append(table)
    for change in changes:
        members = changed.get(change.table, [])
        if change.header_rows and (not members or change.header_rows != members[0].header_rows):
            found = _find_table_under(sheet, change.header_rows, members[0] if members else None, known)
            members = [replace(table, number=change.table) for table in found]
        changed[change.table] = [
            replace(table, headers=_choose_questions(sheet, table, change, known)) for table in members
        ]
    return [table for number in sorted(changed) for table in changed[number]]


def _find_table_under(
    sheet: Sheet, header_rows: tuple[int, int], before: TableLayout | None, known: Headers
) -> list[TableLayout]:
    """Return the table whose headers are in some rows, within the cells of the table ``before`` that was found instead."""
    first, last = (row - sheet.first_row for row in header_rows)
    if first < 0 or last >= sheet.n_rows or (before and before.direction == "across"):
        raise UnusableSheet(build_issue("file.no_rows", file=sheet.file, sheet=sheet.name))
    span, columns = (0, sheet.n_rows - 1), (0, len(sheet.columns) - 1)
    if before:
        top, end = (row - sheet.first_row for row in before.rows)
        span, columns = (min(top, first), max(end, last)), before.columns
    grid = build_grid(crop(sheet, (0, sheet.first_row + sheet.n_rows), columns))
    return _split_by_kind(grid, _find_table(grid, (first, last), span, columns, known))


def _choose_questions(
    sheet: Sheet, table: TableLayout, change: TableChange, known: Headers
) -> tuple[HeaderColumn, ...]:
    """Return the columns of a table with the questions that were chosen for some; the others are detected."""
    grid = build_grid(transpose(sheet) if table.direction == "across" else sheet)
    first, last = (row - grid.sheet.first_row for row in table.header_rows)
    chosen = {item.column: item.question for item in change.headers}
    texts = dict.fromkeys(chosen, "") | join_headers(grid, (first, last), known)
    given = {item.column: item.question for item in table.headers} | chosen
    return tuple(HeaderColumn(column, text, given.get(column)) for column, text in sorted(texts.items()))


def find_country_of_name(sheet: Sheet) -> str | None:
    """Return the country after which a sheet of a workbook is named; None if it is named after none, or is a text file."""
    if sheet.encoding:
        return None
    words, countries = load_layout_words(), load_countries()
    name = YEAR.sub("", sheet.name).strip()
    bare = " ".join(part for part in NAME_PART.findall(name) if fold_text(part) not in words.around_countries)
    certain = [text for text in (name, bare) if len(fold_text(text)) > 3 or text in words.short_countries]
    return next((code for text in certain if (code := countries.find(text))), None)


def find_tables(sheet: Sheet, known: Headers) -> list[TableLayout]:
    """Return the tables of a sheet, from left to right and from the top. Raises :class:`UnusableSheet` if there is none."""
    across = find_table_across(sheet, known)
    if across is not None:
        return [across]
    grid = build_grid(sheet)
    header = find_header_row(sheet, known.forms, known.columns) - sheet.first_row
    spans = list(_iter_column_spans(grid, header, known))
    tables: list[TableLayout] = []
    for columns in spans:
        part = sheet if len(spans) == 1 else crop(sheet, (0, sheet.first_row + sheet.n_rows), columns)
        part_grid = grid if part is sheet else Grid(part)
        part_header = header if part is sheet else find_header_row(part, known.forms, known.columns) - sheet.first_row
        tables += _find_stacked(part_grid, part_header, columns, known)
    numbers: dict[object, int] = {}
    places = [(table.header_rows, table.columns) for table in tables]  # the same for the sites and the agencies of one
    return [
        replace(table, number=numbers.setdefault(place, len(numbers)))
        for table, place in zip(tables, places, strict=True)
    ]


def _iter_column_spans(grid: Grid, header: int, known: Headers) -> Iterator[tuple[int, int]]:
    """Yield the first and last column of each of the tables that stand side by side; all columns if there is one table."""
    cells = grid.get_cells(header)
    whole = (0, len(grid.sheet.columns) - 1)
    understood = {column: found for column, text in cells.items() if (found := known.find(text))}
    identifying = [column for column, found in understood.items() if "name" in found]
    starts = [0]
    if len(identifying) > 1:
        words = [fold_text(text) for text in cells.values()]
        columns = list(cells)
        first = words.index(fold_text(cells[identifying[0]]))
        period = next(
            (
                length
                for length in range(2, len(words) // 2 + 1)
                if words[:length] == words[length : 2 * length] and first < length
            ),
            0,
        )
        if period:
            starts += [columns[at] for at in range(period, len(words) - 1, period) if words[at] == words[0]]
        else:
            empty: Mask = np.logical_not(grid.filled.any(axis=0))
            gaps = [column for column in columns[1:] if empty[column - 1]]
            # A gap begins a table if the columns up to the next gap have a name and one more header that is understood.
            for gap, end in zip(gaps, [*gaps, whole[1] + 1][1:], strict=True):
                within = [column for column in understood if gap <= column < end]
                starts += [gap] if len(within) > 1 and set(within) & set(identifying) else []
    spans = [(first, last - 1) for first, last in zip(starts, [*starts[1:], whole[1] + 1], strict=True)]
    named = [sum(first <= name <= last for name in identifying) for first, last in spans]
    yield from spans if len(spans) > 1 and all(named) else [whole]


def _find_stacked(grid: Grid, header: int, columns: tuple[int, int], known: Headers) -> list[TableLayout]:
    """Return the tables of a grid that stand one above the other; ``header``: the row of the headers that names most."""
    first_header = find_header_rows(grid, header, known)
    below = [find_header_rows(grid, row, known) for row in _iter_other_headers(grid, first_header, known)]
    starts = sorted({first_header, *below})
    tables = []
    top = 0
    for position, rows in enumerate(starts):
        end = len(grid.counts) - 1
        if position + 1 < len(starts):
            end = _find_end(grid, rows[1], starts[position + 1][0])
        tables += _split_by_kind(grid, _find_table(grid, rows, (top, end), columns, known))
        top = end + 1
    return tables


def _split_by_kind(grid: Grid, table: TableLayout) -> list[TableLayout]:
    """Return a table as that of its sites and that of its agencies, if a column says of its rows what they are."""
    if table.kind_column is None:
        return [table]
    first, last = (row - grid.sheet.first_row for row in (table.header_rows[1] + 1, table.rows[1]))
    said = read_kinds(grid.sheet.columns[table.kind_column])[first : last + 1]
    return [replace(table, kind=kind) for kind in (SITE, AGENCY) if kind in said]


def _iter_other_headers(grid: Grid, first: tuple[int, int], known: Headers) -> Iterator[int]:
    """Yield the rows that are the headers of another table than the first: labels of two questions, one of them what a row is,
    at the top of the sheet, or under a blank row or a title.
    """
    counts = grid.counts
    alone = np.flatnonzero(counts <= 1)
    below = [row + 1 for row in alone.tolist() if row + 1 < len(counts) and counts[row + 1] > 1]
    candidates = [*np.flatnonzero(counts > 1)[:1].tolist(), *below]
    headers = grid.get_words(first[1])
    if not _names_rows(grid, first[1], known) and not _names_rows(grid, first[0], known):
        return  # what is below a form or a text is more of it
    for row in candidates[:MAX_HEADERS_TRIED]:
        if first[0] <= row <= first[1]:
            continue
        equal = sum(headers.get(column) == word for column, word in grid.get_words(row).items())
        if _names_rows(grid, row, known) and (equal < REPEATED_SHARE * len(headers) or row < first[0]):
            yield row


def _names_rows(grid: Grid, row: int, known: Headers) -> bool:
    """Return whether a row has the headers of a table: labels of two questions or more, one of which says what a row is."""
    texts = grid.get_cells(row).values()
    named = [found for text in texts if (found := known.find(text))]
    is_identifying = any(found & set(IDENTIFYING_QUESTIONS) for found in named)
    return len(named) > 1 and is_identifying and not any(text[0].isdigit() for text in texts)


def _find_end(grid: Grid, header: int, following: int) -> int:
    """Return the last row of a table above the headers of another: a title between a blank row and these belongs to them."""
    row = following - 1
    while row > header and grid.counts[row]:
        row -= 1
    return row if row > header else following - 1


def _find_table(
    grid: Grid, header_rows: tuple[int, int], span: tuple[int, int], columns: tuple[int, int], known: Headers
) -> TableLayout:
    """Return the layout of one table: ``span`` are its first row, with what stands above the headers, and its last."""
    headers = join_headers(grid, header_rows, known)
    questions = {column: known.read(text) for column, text in headers.items()}
    named = next((column for column, found in questions.items() if found & NAMES), None)
    if named is None:
        named = next((column for column, found in questions.items() if found & set(IDENTIFYING_QUESTIONS)), None)
    country = next((column for column, found in questions.items() if COUNTRY in found), None)
    table = TableRows(grid, header_rows[1], span[1], headers, named, country)
    findings: dict[int, Finding] = {}
    if not grid.sheet.stamp:  # the lines above the headers of our own form are part of it
        above = [row for row in range(span[0], header_rows[0]) if grid.counts[row]]
        findings |= {row: Finding(LEFT_OUT, "title") for row in above}
    findings |= classify_rows(table)
    repeated = _find_repeated_headers(grid, header_rows)
    rows = table.rows
    findings |= {int(row): Finding(LEFT_OUT, "repeated_header") for row in rows[repeated[rows]]}
    findings |= {row: Finding(LEFT_OUT, "repeated_header") for row in _find_repeated_titles(grid, span[0], table)}
    kind_column = _find_kind_column(table, findings, known)
    if named is not None and questions[named] & NAMES and _is_of_suppliers(table, known):
        several = find_several(grid.sheet.columns[named], rows)
        findings |= {int(row): Finding(ASK, "several") for row in several if int(row) not in findings}
    return TableLayout(
        header_rows=(grid.number(header_rows[0]), grid.number(header_rows[1])),
        rows=(grid.number(span[0]), grid.number(span[1])),
        columns=columns,
        sections=tuple(_iter_sections(table, findings)),
        left_out=_group(grid, findings, LEFT_OUT),
        asked=_group(grid, findings, ASK),
        kind_column=kind_column,
        fill_down=find_group_columns(table, findings),
    )


def _find_kind_column(table: TableRows, findings: dict[int, Finding], known: Headers) -> int | None:
    """Return the column that tells the sites of a table from its agencies, if that is not known of all of them; add the rows of
    which it says neither to the findings.
    """
    sheet = table.grid.sheet
    if len(known.forms) == 1 or sheet.stamp:
        return None
    rows = table.rows[~np.isin(table.rows, list(findings))]
    column = find_kind_column(sheet, table.headers, rows)
    if column is None or not _is_of_suppliers(table, known):
        return None
    is_unclear = ~np.isin(read_kinds(sheet.columns[column])[rows], (SITE, AGENCY))
    findings |= {int(row): Finding(ASK, "kind") for row in rows[is_unclear]}
    return column


def _is_of_suppliers(table: TableRows, known: Headers) -> bool:
    """Return whether the rows of a table are sites or agencies, and not case records or anything else."""
    forms = {form.kind: form for form in known.forms}
    kinds = [*forms] if len(forms) == 1 else [detect_kind(list(table.headers.values()), table.grid.sheet.name, forms)]
    return kinds[0] in (SITE, AGENCY)


def _find_repeated_headers(grid: Grid, header_rows: tuple[int, int]) -> Mask:
    """Return which rows repeat one of the header rows."""
    found: Mask = np.zeros(len(grid.counts), dtype=np.bool_)
    for header in range(header_rows[0], header_rows[1] + 1):
        filled = np.flatnonzero(grid.filled[header]).tolist()
        if not filled:
            continue
        equal = np.zeros(len(grid.counts), dtype=np.int64)
        for index in filled:
            codes = grid.sheet.columns[index].codes
            equal += codes == codes[header]
        found |= (equal >= max(1, REPEATED_SHARE * len(filled))) & (grid.counts <= len(filled) + 1)
    found[: header_rows[1] + 1] = False
    return found


def _find_repeated_titles(grid: Grid, first: int, table: TableRows) -> list[int]:
    """Return the rows that repeat a line above the headers but for its numbers: the head of each page of a printed list."""
    titles = {_mask_numbers(grid, row) for row in range(first, table.header) if grid.counts[row]}
    rows = table.rows[np.isin(table.rows, np.flatnonzero(np.isin(grid.counts, [len(title) for title in titles])))]
    return [row for row in rows[:MAX_TITLES_COMPARED].tolist() if _mask_numbers(grid, row) in titles]


def _mask_numbers(grid: Grid, row: int) -> tuple[tuple[int, str], ...]:
    return tuple((column, NUMBERS.sub("0", text.casefold())) for column, text in grid.get_cells(row).items())


def _iter_sections(table: TableRows, findings: Mapping[int, Finding]) -> Iterator[Section]:
    """Yield the headings that answer a question for the rows below them, as far as the next heading of the question."""
    grid, header, last = table.grid, table.header, table.last
    headings = []
    for row in sorted(findings):
        is_title = findings[row].reason == "title" and row < header
        heading = find_section(grid, row) if is_title or findings[row].reason == "section" else None
        if heading is None and is_title and table.country_column is None:
            heading = find_title_country(grid, row)
        if heading is not None and heading.question:
            headings.append((row, heading))
    for position, (row, heading) in enumerate(headings):
        following = [other for other, next_ in headings[position + 1 :] if next_.question == heading.question]
        end = min([*(other - 1 for other in following), last])
        if end > max(row, header):
            rows = (grid.number(max(row, header) + 1), grid.number(end))
            yield Section(grid.number(row), heading.column, heading.question, heading.text, rows)


def _group(grid: Grid, findings: Mapping[int, Finding], row_class: str) -> tuple[RowGroup, ...]:
    """Return the rows of a class by reason, in the order of their first rows."""
    rows: dict[str, list[int]] = {}
    for row in sorted(findings):
        if findings[row].row_class == row_class:
            rows.setdefault(findings[row].reason, []).append(grid.number(row))
    return tuple(build_row_group(reason, members) for reason, members in rows.items())


def find_table_across(sheet: Sheet, known: Headers) -> TableLayout | None:
    """Return the layout of a form in which each column is a supplier and the questions stand one below the other; None if the
    sheet is none.
    """
    if sheet.n_rows > FORM_ROWS or not 2 <= len(sheet.columns) <= FORM_COLUMNS or sheet.n_rows < 3:
        return None
    turned = transpose(sheet)
    grid = Grid(turned)
    filled = np.flatnonzero(grid.counts)[:3].tolist()
    named = {row: [text for text in grid.get_cells(row).values() if known.find(text)] for row in filled}
    best = max(filled, key=lambda row: len(named[row]), default=-1)
    labels = named.get(best, [])
    names_rows = any(known.find(text) & set(IDENTIFYING_QUESTIONS) for text in labels)
    if len(labels) < 3 or not names_rows or best + 1 >= len(grid.counts):
        return None
    try:
        header = find_header_row(sheet, known.forms, known.columns) - sheet.first_row
        if sum(bool(known.find(text)) for text in Grid(sheet).get_cells(header).values()) >= 2:
            return None
    except UnusableSheet:
        pass
    if 3 * len(labels) < int(grid.counts[best]) or not grid.counts[best + 1 :].any():
        return None
    layout = _find_table(grid, (best, best), (best, len(grid.counts) - 1), (0, len(turned.columns) - 1), known)
    return replace(layout, direction="across", left_out=(), asked=(), sections=())
