"""Which row is the header, which kind of sheet it is, and which column answers which question. A tie is told, never
guessed.

A header names a question by its id, its title or a synonym, compared folded. The better rank wins (id, then title, then
synonym); two columns of equal rank are a tie, and neither is read. A header spelt almost alike is proposed, never
taken.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from questionnaires.form import Questionnaire
from questionnaires.issues import Issue, Unusable, issue
from questionnaires.lookups import everyday
from questionnaires.sheet import Sheet, cell_name
from questionnaires.text_normalize import fold, nearest

ROWS_LOOKED_AT = 50  # a header lies among the first rows, or the sheet is not a table
NAMES = ("name", "name_local", "reference", "case_id")  # a row needs one of them
STANDS_ON = (*NAMES, "country", "sector")  # what a row is, and where: one header twice for it is no table
OF_A_CASE = {"case_id", "finding", "phase"}  # what only a sheet of case records asks
ALIKE = 86  # per cent of letters in common for a header to be proposed


@dataclass(frozen=True)
class Matched:
    """Columns by question id; headers that answer no question; questions that two columns answer; what must be said."""

    columns: Mapping[str, int]
    headers: tuple[str, ...]
    unmapped: tuple[str, ...]
    tied: frozenset[str]
    issues: tuple[Issue, ...]


def cells_of(sheet: Sheet, row: int) -> list[str]:
    """The texts of a row (Excel's number), one a column; "" where a cell is empty."""
    at = row - sheet.first_row
    return [column.values[column.codes[at]].strip() if column.codes[at] >= 0 else "" for column in sheet.columns]


def find_header(sheet: Sheet, forms: Iterable[Questionnaire], chosen: Mapping[str, str] | None = None) -> int:
    """The row (Excel's number) of the headers: the one that names most questions, then the one with most labels, then
    the first.

    Titles, key-value blocks, legends and group headings above it name fewer. ``chosen`` (question: header) counts
    first. Raises :class:`Unusable` if there is no row with data under it, or no header is in sight.
    """
    wanted = set(map(fold, (chosen or {}).values()))
    known = [form.headers for form in forms]
    found = []
    last = sheet.first_row + sheet.n_rows - 1
    for row in range(sheet.first_row, min(last, sheet.first_row + ROWS_LOOKED_AT)):
        words = [fold(text) for text in cells_of(sheet, row) if text]
        labels = sum(not word[0].isdigit() for word in words)
        named = max((len({headers[word][1] for word in words if word in headers}) for headers in known), default=0)
        if named < 3 and labels < 0.6 * len(words):  # a row of data, one of whose texts happens to be a header
            named = 0
        if labels:
            found.append((len(wanted & set(words)), named, labels, row))
    if not found:
        texts = cells_of(sheet, sheet.first_row) if sheet.n_rows else []
        is_header = any(fold(text) in headers for text in texts if text for headers in (wanted, *known))
        code = "file.no_rows" if is_header or not any(texts) else "schema.unmapped"
        raise Unusable(issue(code, file=sheet.file, sheet=sheet.name))
    most = max(each[:2] for each in found)
    best = [(labels, row) for *named, labels, row in found if tuple(named) == most]
    if any(most):
        return max(best, key=lambda each: (each[0], -each[1]))[1]
    enough = 0.8 * max(labels for labels, _ in best)  # nothing was understood: data below may have a label more
    return next(row for labels, row in best if labels >= enough)


def find_kind(headers: Sequence[str], sheet_name: str, forms: Mapping[str, Questionnaire]) -> str:
    """ "agency", "site" or "case". ``forms``: the reading form of each.

    A sheet that has cases, findings and their phases holds case records. Else the only form in which a header is the name of
    the row decides; else a sheet's name that speaks of agencies; else the form that understands more of the headers, a site
    if they are equal.
    """
    words = [fold(header) for header in headers if header.strip()]
    read = {kind: {form.headers[word][1] for word in words if word in form.headers} for kind, form in forms.items()}
    if read.pop("case", set()) >= OF_A_CASE:
        return "case"
    named = [kind for kind, questions in read.items() if questions & {"name", "name_local"}]
    if len(named) == 1:
        return named[0]
    if any(word in fold(sheet_name) for word in everyday().agencies):
        return "agency"
    return "agency" if len(read["agency"]) > len(read["site"]) else "site"


def match(sheet: Sheet, header_row: int, form: Questionnaire, chosen: Mapping[str, str] | None = None) -> Matched:
    """The column of each question. ``chosen`` (question: header, see :func:`read_map`) goes before the headers' own
    words; a question whose header is "" is read from no column.

    Raises :class:`Unusable` if no header is understood, none is the name or reference of a row, two are its name, one header
    stands twice for what a row is or where (no map could tell them apart), or ``chosen`` names a question or header that is
    not there.
    """
    headers = tuple(cells_of(sheet, header_row))
    words = [fold(header) if header else "" for header in headers]
    columns = taken(sheet, words, form, chosen or {})
    claims: dict[str, list[tuple[int, int]]] = {}
    for at, word in enumerate(words):
        if word in form.headers and at not in columns.values():
            rank, question = form.headers[word]
            if question not in columns and question not in (chosen or {}):
                claims.setdefault(question, []).append((rank, at))
    issues: list[Issue] = []
    tied: set[str] = set()
    for question, claimed in claims.items():
        equal = [at for rank, at in claimed if rank == min(claimed)[0]]
        if len(equal) == 1:
            columns[question] = equal[0]
            continue
        tied.add(question)
        cells = [cell_name(header_row, at) for at in equal]
        both = " and ".join(f"'{headers[at]}' ({cell})" for at, cell in zip(equal, cells, strict=True))
        alike = len({words[at] for at in equal}) < len(equal)
        issues.append(
            issue("schema.duplicate_column", file=sheet.file, sheet=sheet.name, cell=cells[0], cells=cells,
                  header=headers[equal[0]], seen=both, expected=form.by_id[question].title, count=len(equal),
                  cure="Rename or remove all but one." if alike else "")
        )  # fmt: skip
        if question == "name" or (alike and question in STANDS_ON):
            raise Unusable(replace(issues[-1], severity="error"))
    order = {question: columns[question] for question in form.by_id if question in columns}
    for at, word in enumerate(words):
        meant = missed(word, form, order, tied) if word and at not in order.values() else None
        if meant:
            issues.append(
                issue("schema.near_miss", file=sheet.file, sheet=sheet.name, cell=cell_name(header_row, at),
                      header=headers[at], seen=headers[at], expected=form.by_id[meant].title)
            )  # fmt: skip
    if not any(question in order for question in NAMES):
        proposed = [
            f"'{told.seen}' ({told.cell}) is almost '{told.expected}'."
            for told in issues
            if told.code == "schema.near_miss"
        ]
        code = "schema.no_name" if order else "schema.unmapped"
        raise Unusable(
            issue(code, file=sheet.file, sheet=sheet.name, cell=cell_name(header_row, 0),
                  seen=", ".join(filter(None, headers))[:200], cure=" ".join([issue(code).cure, *proposed[:3]]))
        )  # fmt: skip
    unmapped = tuple(header for at, header in enumerate(headers) if header and at not in order.values())
    return Matched(order, headers, unmapped, frozenset(tied), tuple(issues))


def missed(word: str, form: Questionnaire, columns: Mapping[str, int], tied: Iterable[str]) -> str | None:
    """The question, still without a column, that a header may have meant to name."""
    if word in form.headers or len(word) < 4:
        return None
    free = [known for known, (_, question) in form.headers.items() if question not in columns and question not in tied]
    near = nearest(word, free, ALIKE)
    return form.headers[near][1] if near else None


def taken(sheet: Sheet, words: Sequence[str], form: Questionnaire, chosen: Mapping[str, str]) -> dict[str, int]:
    """The columns that a map names.

    Raises :class:`Unusable` where a question or header is not there, or is there twice.
    """
    columns: dict[str, int] = {}
    for question, header in chosen.items():
        if not header and question in form.by_id:
            continue
        found = [at for at, word in enumerate(words) if word and word == fold(header)]
        if question not in form.by_id:
            expected = "The ids of questions are listed by the form."
        elif len(found) != 1:
            expected = f"The sheet has {'no such header' if not found else 'that header twice'}."
        elif found[0] in columns.values():
            expected = "It names one header for two questions."
        else:
            columns[question] = found[0]
            continue
        raise Unusable(
            issue("map.unknown", file=sheet.file, sheet=sheet.name, seen=f"{question} = {header}", expected=expected)
        )
    return columns


def read_map(data: bytes, name: str) -> dict[str, str]:
    """A column map, question id: header, from TOML or (by its name) JSON. Raises :class:`Unusable` if it is neither."""
    try:
        text = data.decode("utf-8-sig")
        told = json.loads(text) if name.lower().endswith(".json") else tomllib.loads(text)
    except (UnicodeDecodeError, json.JSONDecodeError, tomllib.TOMLDecodeError, RecursionError) as error:
        raise Unusable(
            issue("map.unknown", file=name, seen=str(error), expected="It is neither TOML nor JSON.")
        ) from error
    if not isinstance(told, dict) or not all(isinstance(header, str) and header.strip() for header in told.values()):
        raise Unusable(issue("map.unknown", file=name, seen="something else", expected="A map is a table of texts."))
    return told
