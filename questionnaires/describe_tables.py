"""Describe tables to whoever maps their columns: their headers, what these are taken for, a few values, and rows left out.

What looks like personal data is not shown. Runs in the sandboxed process only (:mod:`questionnaires.sandbox`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import islice

import numpy as np
import numpy.typing as npt

from questionnaires.form import Questionnaire, load_combined_form
from questionnaires.layout.apply import LaidOutTable
from questionnaires.layout.document import (
    HeaderColumn,
    RowExcerpt,
    TableLayout,
    list_rows,
)
from questionnaires.parse.answer import make_legible
from questionnaires.person_detection import (
    MASK,
    are_names_of_persons,
    detect_personal_data,
    has_company_word,
    is_certainly_name,
    names_a_role,
)
from questionnaires.read_table import (
    SAMPLED_KINDS,
    FoundTable,
    TablePlace,
    list_kinds,
)
from questionnaires.sheet import Column, Sheet
from questionnaires.validation.column_match import ColumnMatch, ColumnReading
from questionnaires.validation.headers import is_bare_name
from questionnaires.validation.match import (
    detect_kind,
    get_row_cells,
    propose_columns,
    read_title,
)

SAMPLES, MAX_SAMPLE = 3, 60  # values of a column that a layout shows, and characters of each
MAX_SET_ASIDE, SHOWN_CELLS = 100, 4  # rows that are set aside and shown, and cells of each


def describe_table(item: FoundTable) -> TableLayout:
    """Return the layout of a table with its headers, the questions they answer, and some values; none of case records."""
    question_of = {index: question for question, index in item.table.matched.columns.items()}
    form = load_combined_form(item.table.kind)
    shows = item.table.kind in SAMPLED_KINDS
    headers = item.table.matched.headers
    table = _describe_headers(item.place.table, item.laid_out, item.sheet, headers, question_of, shows=shows)
    return _hide_samples_of_persons(_add_confidence(table, item.table.matched), form, question_of)


def describe_proposals(place: TablePlace, laid_out: LaidOutTable, sheet: Sheet, headers: Sequence[str]) -> TableLayout:
    """Return the layout of a table that cannot be read yet, with the questions of those columns that are understood."""
    forms = {kind: load_combined_form(kind) for kind in list_kinds(sheet, place.options.kind) if kind in SAMPLED_KINDS}
    if not forms:
        return _describe_headers(place.table, laid_out, sheet, headers, {}, shows=True)
    title = read_title(place.sheet, laid_out.header_row)
    kind = place.options.kind if place.options.kind in forms else detect_kind(headers, sheet.name, forms, title)
    matched = propose_columns(sheet, laid_out.header_row, forms[kind])
    question_of = {index: question for question, index in matched.columns.items()}
    table = _describe_headers(place.table, laid_out, sheet, headers, question_of, shows=True)
    return _hide_samples_of_persons(_add_confidence(table, matched), forms[kind], question_of)


def _hide_samples_of_persons(table: TableLayout, form: Questionnaire, question_of: Mapping[int, str]) -> TableLayout:
    """Return the layout of a table without values of columns that are about persons."""

    def is_personal(header: HeaderColumn) -> bool:
        question = question_of.get(header.column, header.proposed)
        if question and form.by_id[question].person:
            return True
        return (
            header.column not in question_of
            and bool(header.samples)
            and (
                names_a_role(header.header)
                or (not header.proposed and are_names_of_persons(header.samples))
                or (is_bare_name(header.header, form) and not all(map(has_company_word, header.samples)))
            )
        )

    headers = (replace(header, samples=()) if is_personal(header) else header for header in table.headers)
    return replace(table, headers=tuple(headers))


def _add_confidence(table: TableLayout, matched: ColumnMatch) -> TableLayout:
    """Return the layout of a table with how sure each column is, and what those may answer that are asked about."""
    readings = {reading.column: reading for reading in matched.readings}
    unread = ColumnReading(-1, "")

    def describe(header: HeaderColumn) -> HeaderColumn:
        reading = readings.get(header.column, unread)
        proposed = reading.question if reading.confidence == "ask" else ""
        return replace(header, confidence=reading.confidence, proposed=proposed)

    return replace(table, headers=tuple(map(describe, table.headers)))


def _describe_headers(
    table: TableLayout,
    laid_out: LaidOutTable,
    sheet: Sheet,
    headers: Sequence[str],
    question_of: Mapping[int, str],
    *,
    shows: bool,
) -> TableLayout:
    """Return the layout of a table with its headers and the questions of their columns; ``shows``: whether with some values."""
    described = []
    for index, header in enumerate(headers):
        samples = _list_samples(sheet.columns[index], laid_out.rows) if shows else ()
        if index not in sheet.origins and (header or samples):
            question = question_of.get(index, "")
            shown = header if question or not is_certainly_name(header) else MASK
            described.append(HeaderColumn(index, shown, question, samples))
    return replace(
        table,
        headers=tuple(described),
        left_out=laid_out.left_out,
        asked=laid_out.asked,
        set_aside=_list_set_aside(sheet, laid_out) if shows else (),
    )


def _list_set_aside(sheet: Sheet, laid_out: LaidOutTable) -> tuple[RowExcerpt, ...]:
    """Return the beginning of the rows that are left out or asked about, without cells that look like personal data."""
    excerpts = []
    for row in islice(list_rows((*laid_out.left_out, *laid_out.asked)), MAX_SET_ASIDE):
        cells = [text for text in get_row_cells(sheet, row) if text][:SHOWN_CELLS]
        shown = (
            MASK if detect_personal_data(text, company_name=True) else make_legible(text)[:MAX_SAMPLE] for text in cells
        )
        excerpts.append(RowExcerpt(row, " · ".join(shown)))
    return tuple(excerpts)


def _list_samples(column: Column, rows: npt.NDArray[np.intp]) -> tuple[str, ...]:
    """Return the first values of a column in some rows, but none that looks like personal data."""
    texts = (
        column.values[code].strip()[:MAX_SAMPLE]
        for code in dict.fromkeys(column.codes[rows[:50]].tolist())
        if code >= 0
    )
    shown = (text for text in texts if text and detect_personal_data(text, company_name=True) is None)
    return tuple(islice(shown, SAMPLES))
