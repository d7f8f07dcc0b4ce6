"""Rows of files that tell of one supplier: what a sender is told of them, with their cells."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date
from functools import partial
from typing import Any, NamedTuple

from questionnaires.form import Question
from questionnaires.issues import Issue, issue
from questionnaires.sheet import cell_name
from questionnaires.validation.match import NAMES, Matched
from service.assessment.assess import Batch
from service.suppliers.identity import supplier_keys, together
from service.suppliers.merge_rules import Practice, joined, practice

LISTED = 40  # suppliers of each code that are told of one by one; of the others the number


class Read(NamedTuple):
    """A batch and the columns that its answers stood in."""

    batch: Batch
    matched: Matched


_Told = tuple[int, Callable[[], Issue]]  # how many rows an issue is about, and what makes it


class _Place(NamedTuple):
    read: Read
    at: int

    @property
    def row(self) -> int:
        return int(self.read.batch.rows[self.at])


def issues_of(sheets: Sequence[Read], kind: str, on: date) -> list[Issue]:
    """What is to be said of suppliers of a kind that stand on several rows, of whichever files and sheets: that they are one,
    and which questions of practice their rows answer differently, by the models in force on a day.
    """
    of_kind = [sheet for sheet in sheets if sheet.batch.kind == kind]
    places = [_Place(sheet, j) for sheet in of_kind for j in range(len(sheet.batch.rows))]
    keys = [key for sheet in of_kind for key in supplier_keys(sheet.batch.answers)]
    groups = [group for group in together(keys) if len(group) > 1]
    if not groups:
        return []
    weighed = practice(kind, on)
    wanted = [at for group in groups for at in group]
    rows = dict(zip(wanted, _rows(of_kind, [places[at] for at in wanted]), strict=True))
    same: list[_Told] = []
    contradicted: list[_Told] = []
    for group in groups:
        told, where = [rows[at] for at in group], [places[at] for at in group]
        one = joined(told, weighed, kind)
        same.append((len(where), partial(_same, keys[group[0]], told, where, one.differing, weighed)))
        for q in one.contradicted:
            given = [(row[q], place) for row, place in zip(told, where, strict=True) if q in row]
            contradicted.append((len(given), partial(_contradicted, weighed.questions[q], given, one.answers[q])))
    return [*_first(contradicted, "answers"), *_first(same, "groups of rows")]


def _rows(sheets: Sequence[Read], places: Sequence[_Place]) -> list[dict[str, Any]]:
    """The answers of some rows, in their order."""
    found: dict[tuple[int, int], dict[str, Any]] = {}
    for sheet in sheets:
        wanted = [place.at for place in places if place.read is sheet]
        for at, row in zip(wanted, sheet.batch.answers.take(wanted).rows(), strict=True):
            found[id(sheet), at] = row
    return [found[id(place.read), place.at] for place in places]


def _same(
    key: str, rows: Sequence[dict[str, Any]], where: Sequence[_Place], differing: Sequence[str], weighed: Practice
) -> Issue:
    by = key.partition(":")[0].replace("ref", "reference")
    called = next((str(rows[0][question]) for question in (by, *NAMES) if rows[0].get(question)), "")
    titles = ", ".join(_title(weighed.questions.get(question), question) for question in differing)
    more = f"; they differ in: {titles}" if titles else ""
    title = "name, country and address" if by == "name" else _title(weighed.questions.get(by), by)
    return _issue("row.same_supplier", by, where, f"{_in_words(where)} ('{called}'{more})", title)


def _contradicted(question: Question, given: Sequence[tuple[Any, _Place]], stands: Any) -> Issue:
    said = ", ".join(f"'{_said(question, answer)}' ({_in_words([place])})" for answer, place in given[:5])
    seen = f"{said}; '{_said(question, stands)}' counts"
    return _issue("row.contradicted", question.id, [place for _, place in given], seen, "")


def _issue(code: str, question: str, where: Sequence[_Place], seen: str, expected: str) -> Issue:
    first = where[0].read
    cells = [_cell(place, question, first) for place in where[:10]]
    at = _column(first, question)
    batch = first.batch
    told = {"cell": cells[0], "cells": cells, "header": first.matched.headers[at], "count": len(where)}
    return issue(code, file=batch.file, sheet=batch.sheet, seen=seen, expected=expected, **told)


def _first(found: Sequence[_Told], what: str) -> list[Issue]:
    """The first of many issues of one code, and one that tells how many more there are."""
    listed = [tell() for _, tell in found[:LISTED]]
    rest = found[LISTED:]
    if rest:
        some = [tell() for _, tell in rest[:10]]
        places = {
            "file": some[0].file,
            "sheet": some[0].sheet,
            "cell": some[0].cell,
            "cells": [one.cell for one in some],
        }
        count = sum(rows for rows, _ in rest)
        seen = f"{len(rest):,} more {what}"
        listed.append(issue(some[0].code, seen=seen, expected="reference, number or name", count=count, **places))
    return listed


def _column(read: Read, question: str) -> int:
    """The column of a question; of one that was filled in from elsewhere, that of what names the row."""
    columns = read.matched.columns
    return next(columns[each] for each in (question, *NAMES, *columns) if each in columns)


def _cell(place: _Place, question: str, beside: Read) -> str:
    """The cell of a question in a row, with the sheet and file where these are others than those of ``beside``."""
    batch = place.read.batch
    cell = cell_name(place.row, _column(place.read, question))
    if place.read is beside:
        return cell
    return ": ".join(filter(None, (batch.file if batch.file != beside.batch.file else "", f"{batch.sheet}!{cell}")))


def _in_words(where: Sequence[_Place]) -> str:
    """Rows as one says them: "rows 2, 3 and 5", with the sheet where they stand in several."""
    several = len({id(place.read) for place in where}) > 1
    numbers = [f"{place.row} of '{place.read.batch.sheet}'" if several else str(place.row) for place in where]
    if len(numbers) > 6:
        numbers = [*numbers[:5], f"{len(numbers) - 5} more"]
    if len(numbers) == 1:
        return f"row {numbers[0]}"
    return f"rows {', '.join(numbers[:-1])} and {numbers[-1]}"


def _title(question: Question | None, otherwise: str) -> str:
    return otherwise if question is None else question.title


def _said(question: Question, answer: Any) -> str:
    titles = {choice.code: choice.title for choice in question.choices}
    each = answer if isinstance(answer, list) else [answer]
    return ", ".join(titles.get(str(one), str(one)) for one in each)
