"""Find the header row of a sheet, its kind, and the column of each question. A tie is reported, never guessed.

A header names a question by its id, its title or a synonym, compared folded. The better rank wins (id, then title, then
synonym); two columns of equal rank are a tie, and neither is read. A header with a similar spelling is proposed, never
accepted.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from questionnaires.form import Questionnaire
from questionnaires.issues import Issue, UnusableSheet, build_issue
from questionnaires.lookups import load_common_words
from questionnaires.sheet import Sheet
from questionnaires.text_normalize import find_nearest, fold_text

HEADER_SEARCH_ROWS = 50  # a header is among the first rows, or the sheet is not a table
IDENTIFYING_QUESTIONS = ("name", "name_local", "reference", "case_id")  # a row needs one of them
# The questions that say who a row is about and where: a sheet that has the same header twice for one of them is unusable.
UNIQUE_QUESTIONS = (*IDENTIFYING_QUESTIONS, "country", "sector")
CASE_QUESTIONS = {"case_id", "finding", "phase"}  # what only a sheet of case records asks
MIN_SIMILARITY = 86  # per cent, for a header to be proposed


@dataclass(frozen=True)
class ColumnMatch:
    """The columns by question id, all headers, the headers without a question, the questions with a tie, and the issues."""

    columns: Mapping[str, int]
    headers: tuple[str, ...]
    unmapped: tuple[str, ...]
    tied: frozenset[str]
    issues: tuple[Issue, ...]


def get_row_cells(sheet: Sheet, row: int) -> list[str]:
    """Return the texts of a row (as the spreadsheet numbers it), one per column; "" if a cell is empty."""
    index = row - sheet.first_row
    return [column.values[column.codes[index]].strip() if column.codes[index] >= 0 else "" for column in sheet.columns]


def find_header_row(sheet: Sheet, forms: Iterable[Questionnaire], column_map: Mapping[str, str] | None = None) -> int:
    """Return the number of the header row: the one that names most questions, then the one with most labels, then the first.

    Titles, key-value blocks, legends and group headings above it name fewer. Headers of the ``column_map`` (question: header)
    count first. Raises :class:`UnusableSheet` if no row has data under it, or no header is found.
    """
    mapped = set(map(fold_text, (column_map or {}).values()))
    known = [form.headers for form in forms]
    candidates = []
    last = sheet.first_row + sheet.n_rows - 1
    for row in range(sheet.first_row, min(last, sheet.first_row + HEADER_SEARCH_ROWS)):
        words = [fold_text(text) for text in get_row_cells(sheet, row) if text]
        labels = sum(not word[0].isdigit() for word in words)
        named = max((len({headers[word][1] for word in words if word in headers}) for headers in known), default=0)
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


def detect_kind(headers: Sequence[str], sheet_name: str, forms: Mapping[str, Questionnaire]) -> str:
    """Return the kind of a sheet: "agency", "site" or "case". ``forms``: the combined form of each kind.

    A sheet that has cases, findings and their phases holds case records. Else the only form in which a header is the name of
    the row decides; else a sheet name that mentions agencies; else the form that knows more of the headers, a site if they are
    equal.
    """
    words = [fold_text(header) for header in headers if header.strip()]
    questions_by_kind = {
        kind: {form.headers[word][1] for word in words if word in form.headers} for kind, form in forms.items()
    }
    if questions_by_kind.pop("case", set()) >= CASE_QUESTIONS:
        return "case"
    named = [kind for kind, questions in questions_by_kind.items() if questions & {"name", "name_local"}]
    if len(named) == 1:
        return named[0]
    if any(word in fold_text(sheet_name) for word in load_common_words().agencies):
        return "agency"
    return "agency" if len(questions_by_kind["agency"]) > len(questions_by_kind["site"]) else "site"


def match_columns(
    sheet: Sheet, header_row: int, form: Questionnaire, column_map: Mapping[str, str] | None = None
) -> ColumnMatch:
    """Match the columns of a sheet to the questions of a form.

    ``column_map`` (question: header, see :func:`parse_column_map`) goes before the words of the headers; a question whose header
    is "" is read from no column.

    Raises :class:`UnusableSheet` if no header is known, none is the name or reference of a row, two are its name, one header
    occurs twice for what a row is or where (no map could tell them apart), or the map names an unknown question or header.
    """
    headers = tuple(get_row_cells(sheet, header_row))
    words = [fold_text(header) if header else "" for header in headers]
    columns = apply_column_map(sheet, words, form, column_map or {})
    tied, issues = match_headers(sheet, header_row, form, column_map or {}, columns)
    ordered = {question: columns[question] for question in form.by_id if question in columns}
    for index, word in enumerate(words):
        intended = find_near_miss(word, form, ordered, tied) if word and index not in ordered.values() else None
        if intended:
            issues.append(
                build_issue("schema.near_miss", file=sheet.file, sheet=sheet.name, cell=sheet.name_cell(header_row, index),
                            header=headers[index], seen=headers[index], expected=form.by_id[intended].title)
            )  # fmt: skip
    if not any(question in ordered for question in IDENTIFYING_QUESTIONS):
        proposed = [
            f"'{issue.seen}' ({issue.cell}) is close to '{issue.expected}'."
            for issue in issues
            if issue.code == "schema.near_miss"
        ]
        code = "schema.no_name" if ordered else "schema.unmapped"
        raise UnusableSheet(
            build_issue(code, file=sheet.file, sheet=sheet.name, cell=sheet.name_cell(header_row, 0),
                        seen=", ".join(filter(None, headers))[:200],
                        cure=" ".join([build_issue(code).cure, *proposed[:3]]))
        )  # fmt: skip
    unmapped = tuple(header for index, header in enumerate(headers) if header and index not in ordered.values())
    return ColumnMatch(ordered, headers, unmapped, frozenset(tied), tuple(issues))


def match_headers(
    sheet: Sheet, header_row: int, form: Questionnaire, column_map: Mapping[str, str], columns: dict[str, int]
) -> tuple[set[str], list[Issue]]:
    """Add to ``columns`` the questions named by the headers that the map leaves; return the questions with a tie, and its issues.

    Raises :class:`UnusableSheet` for a tie that no map could resolve, or over the name of a row.
    """
    headers = get_row_cells(sheet, header_row)
    words = [fold_text(header) if header else "" for header in headers]
    claims: dict[str, list[tuple[int, int]]] = {}
    for index, word in enumerate(words):
        if word in form.headers and index not in columns.values():
            rank, question = form.headers[word]
            if question not in columns and question not in column_map:
                claims.setdefault(question, []).append((rank, index))
    issues: list[Issue] = []
    tied: set[str] = set()
    for question, claimed in claims.items():
        best = [index for rank, index in claimed if rank == min(claimed)[0]]
        if len(best) == 1:
            columns[question] = best[0]
            continue
        tied.add(question)
        cells = [sheet.name_cell(header_row, index) for index in best]
        seen = " and ".join(f"'{headers[index]}' ({cell})" for index, cell in zip(best, cells, strict=True))
        is_repeated = len({words[index] for index in best}) < len(best)
        issues.append(
            build_issue("schema.duplicate_column", file=sheet.file, sheet=sheet.name, cell=cells[0], cells=cells,
                        header=headers[best[0]], seen=seen, expected=form.by_id[question].title, count=len(best),
                        cure="Rename or remove all but one." if is_repeated else "")
        )  # fmt: skip
        if question == "name" or (is_repeated and question in UNIQUE_QUESTIONS):
            raise UnusableSheet(replace(issues[-1], severity="error"))
    return tied, issues


def find_near_miss(word: str, form: Questionnaire, columns: Mapping[str, int], tied: Iterable[str]) -> str | None:
    """Return the question, still without a column, that a header may have been meant to name; None if there is none."""
    if word in form.headers or len(word) < 4:
        return None
    free = [header for header, (_, id_) in form.headers.items() if id_ not in columns and id_ not in tied]
    nearest = find_nearest(word, free, MIN_SIMILARITY)
    return form.headers[nearest][1] if nearest else None


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
            expected = "The form has no question with this id."
        elif len(indices) != 1:
            expected = f"The sheet has {'no such header' if not indices else 'this header more than once'}."
        elif indices[0] in columns.values():
            expected = "The same header is assigned to two questions."
        else:
            columns[question] = indices[0]
            continue
        seen = f"{question} = {header}"
        raise UnusableSheet(build_issue("map.unknown", file=sheet.file, sheet=sheet.name, seen=seen, expected=expected))
    return columns


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
