"""Show the first rows of a sheet as they are, so that a person can say what its columns are; never personal data.

Runs in the sandboxed process only (:mod:`questionnaires.sandbox`).
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain, islice

import numpy as np

from questionnaires.encoding import list_names
from questionnaires.form import Questionnaire, load_combined_form
from questionnaires.issues import UnusableSheet
from questionnaires.person_detection import MASK, detect_personal_data, is_certainly_name
from questionnaires.question import Question
from questionnaires.sheet import Column, Sheet
from questionnaires.tables import TABLE_KINDS
from questionnaires.text_normalize import fold_text
from questionnaires.validation.match import CASE_QUESTIONS, find_header_row, get_row_cells
from questionnaires.validation.personal_columns import drop_personal_columns
from questionnaires.validation.personal_data import CASE_KIND
from questionnaires.validation.personal_names import redact_sheet_names

MAX_ROWS, MAX_COLUMNS, MAX_TEXT = 8, 60, 60
SAMPLES = 3
DIFFERING_WORDS = 2  # that are shown of a text file in each encoding
SPELLED = {"name", "name_local", "city", "address"}  # questions from whose answers these are taken
HEAD_ROWS = 500  # of a sheet that was understood: enough to tell columns of personal data


@dataclass(frozen=True)
class LikelyEncoding:
    """One of several encodings in which a text file is likely, what it is called, and words of the file as they are in it."""

    encoding: str
    name: str
    words: tuple[str, ...]


@dataclass(frozen=True)
class SheetView:
    """The beginning of a sheet: its probable header row, its headers, some values of each column, and its first rows.

    ``row_numbers``: as the spreadsheet numbers them. ``encoding`` of a text file, and the ``encodings`` that are likely if there
    are several. A sheet that may hold case records shows its headers only.
    """

    name: str
    visible: bool
    n_rows: int
    header_row: int
    headers: tuple[str, ...] = ()
    samples: tuple[tuple[str, ...], ...] = ()
    row_numbers: tuple[int, ...] = ()
    first_rows: tuple[tuple[str, ...], ...] = ()
    encoding: str = ""
    encodings: tuple[LikelyEncoding, ...] = ()


def view_sheet(sheet: Sheet, chosen_row: int | None = None) -> tuple[SheetView, Sheet]:
    """Return the view of a sheet, and the sheet without its columns of personal data. ``chosen_row``: where its headers are said
    to be.
    """
    if not sheet.n_rows:
        return SheetView(sheet.name, sheet.visible, 0, 0), sheet
    forms = [load_combined_form(kind) for kind in TABLE_KINDS]
    try:
        header_row = find_header_row(sheet, forms)
    except UnusableSheet:
        header_row = sheet.first_row
    if chosen_row is not None and sheet.first_row <= chosen_row < sheet.first_row + sheet.n_rows:
        header_row = chosen_row
    questions = _find_questions(forms)
    headers = get_row_cells(sheet, header_row)
    is_of_cases = any(question.id in CASE_QUESTIONS for question in _list_answered(headers, questions) if question)
    if not is_of_cases:  # "Remarks" are asked of a case, and hold anything elsewhere
        questions = _find_questions([form for form in forms if form.kind != CASE_KIND])
    kept, _ = drop_personal_columns(sheet, header_row, questions)
    headers = get_row_cells(kept, header_row)[:MAX_COLUMNS]
    answered = _list_answered(headers, questions)
    hidden = {index for index, question in enumerate(answered) if question is not None and question.person}
    last = min(sheet.first_row + sheet.n_rows, header_row + MAX_ROWS)
    numbers = () if is_of_cases else tuple(range(max(sheet.first_row, header_row - 2), last))
    view = SheetView(
        sheet.name,
        sheet.visible,
        max(sheet.first_row + sheet.n_rows - 1 - header_row, 0),
        header_row,
        tuple(map(_show_header, headers)),
        tuple(
            () if is_of_cases or index in hidden else _list_samples(kept, index, header_row)
            for index in range(len(headers))
        ),
        numbers,
        tuple(
            _show_row(kept, row, hidden) if row > header_row else tuple(map(_show_header, _get_first_cells(kept, row)))
            for row in numbers
        ),
        sheet.encoding,
        _list_encodings(kept, headers, () if is_of_cases else answered),
    )
    return view, kept


def _list_encodings(
    sheet: Sheet, headers: Sequence[str], answered: Sequence[Question | None]
) -> tuple[LikelyEncoding, ...]:
    """List the encodings in which a text file is likely, with words of its headers and of names and places that differ."""
    words = list(islice(_iter_differing_words(sheet, headers, answered), DIFFERING_WORDS)) if sheet.encodings else []
    return tuple(
        LikelyEncoding(encoding, list_names([encoding]), tuple(spelled[index] for spelled in words))
        for index, encoding in enumerate(sheet.encodings)
    )


def _iter_differing_words(
    sheet: Sheet, headers: Sequence[str], answered: Sequence[Question | None]
) -> Iterator[list[str]]:
    """Yield the spelling of words in each of the likely encodings; none that may be about a person."""
    texts = [headers, *(sheet.columns[at].values for at, one in enumerate(answered) if one and one.id in SPELLED)]
    seen = set()
    for text in chain.from_iterable(texts):
        for word in text.split() if not text.isascii() else ():
            data = word.encode(sheet.encoding, "replace")
            spelled = [data.decode(encoding, "replace") for encoding in sheet.encodings]
            if word not in seen and len(set(spelled)) > 1 and MASK not in (_show(text), _show_header(text)):
                seen.add(word)
                yield [_show(one) for one in spelled]


def _find_questions(forms: Sequence[Questionnaire]) -> dict[str, Question]:
    """Return the questions of forms by the folded headers under which they are answered."""
    return {header: form.by_id[question] for form in forms for header, (_, question) in form.headers.items()}


def _list_answered(headers: Sequence[str], questions: Mapping[str, Question]) -> list[Question | None]:
    return [questions.get(fold_text(header)) if header else None for header in headers]


def _get_first_cells(sheet: Sheet, row: int) -> Sequence[str]:
    return get_row_cells(sheet, row)[:MAX_COLUMNS]


def _show_row(sheet: Sheet, row: int, hidden: Collection[int]) -> tuple[str, ...]:
    """Return the texts of a row; those of hidden columns, which are about persons, are masked."""
    texts = map(_show, _get_first_cells(sheet, row))
    return tuple(MASK if text and index in hidden else text for index, text in enumerate(texts))


def take_head(sheet: Sheet) -> Sheet:
    """Return a sheet with its first rows only."""
    if sheet.n_rows <= HEAD_ROWS:
        return sheet
    columns = []
    for column in sheet.columns:
        used, codes = np.unique(column.codes[:HEAD_ROWS], return_inverse=True)
        shift = int(len(used) and used[0] < 0)  # an empty cell is -1 and stays it
        values = tuple(column.values[code] for code in used.tolist() if code >= 0)
        columns.append(Column(values, (codes - shift).astype(np.int32)))
    return replace(sheet, n_rows=HEAD_ROWS, columns=tuple(columns))


def view_read_sheets(sheets: Sequence[Sheet], cleaned: Sequence[Sheet]) -> list[SheetView]:
    """Return the view of each sheet of a file that was read; ``cleaned``: those from which personal data was removed then.

    What was removed is not shown, whatever the first rows alone look like.
    """
    renamed, _ = redact_sheet_names(sheets)
    clean = {sheet.name: sheet for sheet in cleaned}
    heads = [take_head(replace(clean.get(sheet.name, sheet), visible=sheet.visible)) for sheet in renamed]
    return view_sheets(heads)[0]


def view_sheets(
    sheets: Sequence[Sheet], chosen_rows: Mapping[str, int] | None = None
) -> tuple[list[SheetView], list[Sheet] | None]:
    """Return the view of each sheet, and the sheets without personal data; None if there was none. ``chosen_rows``: by sheet,
    where its headers are said to be.
    """
    sheets, renamed = redact_sheet_names(sheets)
    pairs = [view_sheet(sheet, (chosen_rows or {}).get(sheet.name)) for sheet in sheets]
    is_changed = bool(renamed) or any(kept is not sheet for sheet, (_, kept) in zip(sheets, pairs, strict=True))
    return [view for view, _ in pairs], [kept for _, kept in pairs] if is_changed else None


def _show(text: str) -> str:
    """Return a text as it may be shown: cut, and masked where it looks like personal data."""
    short = " ".join(text.split())
    if short and detect_personal_data(short, company_name=True) is not None:
        return MASK
    return short if len(short) <= MAX_TEXT else f"{short[: MAX_TEXT - 1]}…"


def _show_header(text: str) -> str:
    """Return a text of the header, or above it, as it may be shown: a name of a person is no header."""
    return MASK if text and is_certainly_name(text) else _show(text)


def _list_samples(sheet: Sheet, index: int, header_row: int) -> tuple[str, ...]:
    column = sheet.columns[index]
    below = column.codes[header_row + 1 - sheet.first_row :][:50].tolist()
    texts = (_show(column.values[code]) for code in dict.fromkeys(below) if code >= 0)
    return tuple(islice(filter(None, texts), SAMPLES))
