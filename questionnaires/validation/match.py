"""Find the header row of a sheet, its kind, and the column of each question. A tie is reported, never guessed.

How headers and values are matched with questions is in ``column_matcher.py``.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from questionnaires.form import Questionnaire
from questionnaires.issues import UnusableSheet, build_issue
from questionnaires.lookups import load_common_words
from questionnaires.sheet import Sheet
from questionnaires.text_normalize import fold_text
from questionnaires.validation.column_match import IDENTIFYING_QUESTIONS, ColumnMatch
from questionnaires.validation.column_matcher import ColumnMatcher, contradicts
from questionnaires.validation.headers import NUMBERING, PLACE_QUESTIONS, read_headers
from questionnaires.validation.sheet_columns import SheetColumns, is_judged

HEADER_SEARCH_ROWS = 50  # a header is among the first rows, or the sheet is not a table
TITLE_ROWS = 5  # that are read as the title of a sheet
# In a header, these tell a list of suppliers from one of agencies.
SUPPLIER_WORDS = ("supplier", "vendor", "factory", "facility")
LICENCE_WORDS = ("licence", "license")
LICENCE_QUESTIONS = {
    "licence_number",
    "licence_status",
    "licence_expiry",
    "licence_since",
}  # what lists of agencies have
# What only lists of sites have.
SITE_QUESTIONS = frozenset(
    "product facility_type tier workers_line workers_female vessel_type vessel_length flag gear imo call_sign"
    " fleet_register_number".split()
)
CASE_QUESTIONS = {"case_id", "finding", "phase"}  # what only a sheet of case records asks


def get_row_cells(sheet: Sheet, row: int) -> list[str]:
    """Return the texts of a row (as the spreadsheet numbers it), one per column; "" if a cell is empty."""
    index = row - sheet.first_row
    return [column.values[column.codes[index]].strip() if column.codes[index] >= 0 else "" for column in sheet.columns]


def read_title(sheet: Sheet, header_row: int) -> str:
    """Return the texts above the headers."""
    rows = range(sheet.first_row, min(header_row, sheet.first_row + TITLE_ROWS))
    return " ".join(text for row in rows for text in get_row_cells(sheet, row) if text)


def find_header_row(sheet: Sheet, forms: Iterable[Questionnaire], column_map: Mapping[str, str] | None = None) -> int:
    """Return the number of the header row: the one that names most questions, then the one with most labels, then the first.

    Titles, key-value blocks, legends and group headings above it name fewer. Headers of the ``column_map`` (question: header)
    count first. Raises :class:`UnusableSheet` if no row has data under it, or no header is found.
    """
    mapped = set(map(fold_text, (column_map or {}).values()))
    forms = list(forms)
    known = [form.headers for form in forms]
    candidates = []
    last = sheet.first_row + sheet.n_rows - 1
    for row in range(sheet.first_row, min(last, sheet.first_row + HEADER_SEARCH_ROWS)):
        words = [fold_text(NUMBERING.sub("", text, count=1) or text) for text in get_row_cells(sheet, row) if text]
        labels = sum(not word[0].isdigit() for word in words)
        named = max((len({headers[word][1] for word in words if word in headers}) for headers in known), default=0)
        if named < 2:
            named = max(named, *(len(find_questions(get_row_cells(sheet, row), form)) for form in forms), 0)
        if named < 3 and labels < 0.6 * len(words):  # a row of data, one of whose texts happens to be a header
            named = 0
        if labels:
            candidates.append((len(mapped & set(words)), named, labels, row))
    if not candidates:
        texts = get_row_cells(sheet, sheet.first_row) if sheet.n_rows else []
        is_header = any(fold_text(text) in headers for text in texts if text for headers in (mapped, *known))
        code = "file.no_rows" if is_header or not any(texts) else "schema.unmapped"
        raise UnusableSheet(build_issue(code, file=sheet.file, sheet=sheet.name))
    most = max(candidate[:2] for candidate in candidates)
    best = [(labels, row) for *counts, labels, row in candidates if tuple(counts) == most]
    if any(most):
        return max(best, key=lambda candidate: (candidate[0], -candidate[1]))[1]
    # No header is known: a row of data below may contain more labels.
    enough = 0.8 * max(labels for labels, _ in best)
    return next(row for labels, row in best if labels >= enough)


def find_questions(headers: Sequence[str], form: Questionnaire) -> set[str]:
    """Return the questions of a form that the headers of a row ask, as far as they are understood in full."""
    readings = read_headers([header.strip() for header in headers], form)
    return {question for reading in readings if reading and not reading.doubtful for question in reading.questions}


def detect_kind(headers: Sequence[str], sheet_name: str, forms: Mapping[str, Questionnaire], title: str = "") -> str:
    """Return the kind of a sheet: "agency", "site" or "case". ``forms``: the combined form of each kind; ``title``: what is
    written above the headers.

    A sheet that has cases, findings and their phases holds case records. Else the only form in which a header is the name of
    the row decides; else a sheet name that mentions agencies; else a header that mentions suppliers; else it is a list of
    agencies if it has licences and nothing that only sites have, or if their form knows at least two more of the headers, or
    one more and a header mentions agencies or licences; but not if its title says that it lists sites ("Licensed contractors").
    """
    plain = {
        kind: {id_ for header in headers for id_ in find_questions([header], form)} for kind, form in forms.items()
    }
    named = [kind for kind, questions in plain.items() if questions & {"name", "name_local"} and kind != "case"]
    # A word of the sheet's own for what its rows are says nothing about their kind, if another header does.
    questions_by_kind = plain if named else {kind: find_questions(headers, form) for kind, form in forms.items()}
    if questions_by_kind.pop("case", set()) >= CASE_QUESTIONS:
        return "case"
    if len(named) == 1:
        return named[0]
    if any(word in fold_text(sheet_name) for word in load_common_words().agencies):
        return "agency"
    if any(word in fold_text(header) for header in headers for word in SUPPLIER_WORDS):
        return "site"
    titles = fold_text(f"{sheet_name} {title}")
    words = load_common_words()
    if any(word in titles for word in words.sites) and not any(word in titles for word in words.agencies):
        return "site"
    if questions_by_kind["agency"] & LICENCE_QUESTIONS and not questions_by_kind["site"] & SITE_QUESTIONS:
        return "agency"
    more = len(questions_by_kind["agency"]) - len(questions_by_kind["site"])
    agency_words = (*load_common_words().agencies, *LICENCE_WORDS)
    mentions_agencies = any(word in fold_text(header) for header in headers for word in agency_words)
    return "agency" if more > 1 or (more == 1 and mentions_agencies) else "site"


def match_columns(
    sheet: Sheet,
    header_row: int,
    form: Questionnaire,
    column_map: Mapping[str, str] | None = None,
    doubted: Mapping[str, int | None] | None = None,
) -> ColumnMatch:
    """Match the columns of a sheet to the questions of a form, by their headers and their values.

    ``column_map`` (question: header, see :func:`parse_column_map`) goes before the words of the headers; a question whose header
    is "" is read from no column. ``doubted``: the columns to ask about (:func:`find_doubted`).

    Raises :class:`UnusableSheet` if no header is known, none is the name or reference of a row, one header occurs twice for what
    a row is or where (no map could tell them apart), or the map names an unknown question or header.
    """
    matched = propose_columns(sheet, header_row, form, column_map, doubted)
    tie = next(
        (issue for issue in matched.issues if issue.code == "schema.duplicate_column" and issue.severity == "error"),
        None,
    )
    if tie:
        raise UnusableSheet(tie)
    if not any(question in matched.columns for question in IDENTIFYING_QUESTIONS):
        tie = next((issue for issue in matched.issues if issue.code == "schema.duplicate_column"), None)
        if tie and tie.expected == getattr(form.by_id.get("name"), "title", ""):
            raise UnusableSheet(replace(tie, severity="error"))
        proposed = [
            f"'{issue.seen}' ({issue.cell}) is close to '{issue.expected}'."
            for issue in matched.issues
            if issue.code == "schema.near_miss"
        ]
        code = "schema.no_name" if matched.columns else "schema.unmapped"
        raise UnusableSheet(
            build_issue(code, file=sheet.file, sheet=sheet.name, cell=sheet.name_cell(header_row, 0),
                        seen=", ".join(filter(None, matched.headers))[:200],
                        cure=" ".join([build_issue(code).cure, *proposed[:3]]))
        )  # fmt: skip
    return matched


def propose_columns(
    sheet: Sheet,
    header_row: int,
    form: Questionnaire,
    column_map: Mapping[str, str] | None = None,
    doubted: Mapping[str, int | None] | None = None,
) -> ColumnMatch:
    """Return what :func:`match_columns` returns, also for a sheet that is not usable as it is: what is missing must be asked.

    Raises :class:`UnusableSheet` if the map names an unknown question or header.
    """
    headers = tuple(get_row_cells(sheet, header_row))
    words = [fold_text(header) if header else "" for header in headers]
    mapped = apply_column_map(sheet, words, form, column_map or {})
    table = SheetColumns(sheet, header_row, headers, form)
    return ColumnMatcher(table, mapped, frozenset(column_map or {})).match(doubted or {})


def find_doubted(
    sheet: Sheet, header_row: int, form: Questionnaire, remembered: Mapping[str, str]
) -> dict[str, int | None]:
    """Return the questions whose remembered column does not fit: the column if its values contradict, None if it is not there."""
    words = [fold_text(header) if header else "" for header in get_row_cells(sheet, header_row)]
    doubted: dict[str, int | None] = {}
    for question, header in remembered.items():
        found = [index for index, word in enumerate(words) if word and word == fold_text(header)] if header else []
        if question not in form.by_id or (header and len(found) != 1):
            doubted[question] = None
        elif found and is_judged(sheet, form) and contradicts(sheet, header_row, form.by_id[question], found[0]):
            doubted[question] = found[0]
    return doubted


def apply_column_map(
    sheet: Sheet, words: Sequence[str], form: Questionnaire, column_map: Mapping[str, str]
) -> dict[str, int]:
    """Return the columns that a map names, by question.

    Raises :class:`UnusableSheet` if a question or header is unknown, or occurs twice.
    """
    columns: dict[str, int] = {}
    for question, header in column_map.items():
        if not header and question in form.by_id:
            continue
        indices = [index for index, word in enumerate(words) if word and word == fold_text(header)]
        if question not in form.by_id:
            expected = f"There is no such question. The questions are: {', '.join(form.by_id)}."
        elif len(indices) != 1:
            expected = f"The sheet has {'no such header' if not indices else 'this header more than once'}."
        elif indices[0] in columns.values() and not _may_share(question, indices[0], columns):
            expected = "The same header is assigned to two questions."
        else:
            columns[question] = indices[0]
            continue
        seen = f"{question} = {header}"
        raise UnusableSheet(build_issue("map.unknown", file=sheet.file, sheet=sheet.name, seen=seen, expected=expected))
    return columns


def _may_share(question: str, index: int, columns: Mapping[str, int]) -> bool:
    """Return whether a column may answer a question beside those it answers already: a city and its country in one cell."""
    return PLACE_QUESTIONS.issuperset({question, *(other for other in columns if columns[other] == index)})


def parse_column_map(data: bytes, name: str) -> dict[str, str]:
    """Parse a column map, question id: header, from TOML or (by its name) JSON. Raises :class:`UnusableSheet` for neither."""
    try:
        text = data.decode("utf-8-sig")
        column_map = json.loads(text) if name.lower().endswith(".json") else tomllib.loads(text)
    except (UnicodeDecodeError, json.JSONDecodeError, tomllib.TOMLDecodeError, RecursionError) as error:
        raise UnusableSheet(
            build_issue("map.unknown", file=name, seen=str(error), expected="The file is neither TOML nor JSON.")
        ) from error
    if not isinstance(column_map, dict) or not all(
        isinstance(header, str) and header.strip() for header in column_map.values()
    ):
        raise UnusableSheet(
            build_issue(
                "map.unknown",
                file=name,
                seen="something else",
                expected="A column map must be a table of questions and headers.",
            )
        )
    return column_map
