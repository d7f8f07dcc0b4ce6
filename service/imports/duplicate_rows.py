"""Rows of files that tell of one supplier: what a sender is told of them, with their cells."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date
from functools import partial
from typing import Any, NamedTuple

from questionnaires.form import Question
from questionnaires.issues import Issue, build_issue
from questionnaires.sheet import cell_name
from questionnaires.validation.match import IDENTIFYING_QUESTIONS, ColumnMatch
from service.assessment.assess import Batch
from service.suppliers.identity import group_by_key, supplier_keys
from service.suppliers.merge_rules import RiskLookup, get_risk_lookup, merge_duplicates

LISTED_SUPPLIERS = 40  # suppliers of each code that are told of one by one; of the others the number


class ParsedSheet(NamedTuple):
    """A batch and the columns that its answers stood in."""

    batch: Batch
    matched: ColumnMatch


_PendingIssue = tuple[int, Callable[[], Issue]]  # how many rows an issue is about, and what makes it


class _Place(NamedTuple):
    read: ParsedSheet
    at: int

    @property
    def row(self) -> int:
        return int(self.read.batch.rows[self.at])


def list_duplicate_issues(sheets: Sequence[ParsedSheet], kind: str, on: date) -> list[Issue]:
    """What is to be said of suppliers of a kind that stand on several rows, of whichever files and sheets: that they are one,
    and which questions of practice their rows answer differently, by the models in force on a day.
    """
    of_kind = [sheet for sheet in sheets if sheet.batch.kind == kind]
    places = [_Place(sheet, j) for sheet in of_kind for j in range(len(sheet.batch.rows))]
    keys = [key for sheet in of_kind for key in supplier_keys(sheet.batch.answers)]
    groups = [group for group in group_by_key(keys) if len(group) > 1]
    if not groups:
        return []
    weighed = get_risk_lookup(kind, on)
    wanted = [at for group in groups for at in group]
    rows = dict(zip(wanted, _load_rows(of_kind, [places[at] for at in wanted]), strict=True))
    same: list[_PendingIssue] = []
    contradicted: list[_PendingIssue] = []
    for group in groups:
        told, where = [rows[at] for at in group], [places[at] for at in group]
        one = merge_duplicates(told, weighed, kind)
        same.append((len(where), partial(_same_supplier_issue, keys[group[0]], told, where, one.differing, weighed)))
        for q in one.contradicted:
            given = [(row[q], place) for row, place in zip(told, where, strict=True) if q in row]
            contradicted.append(
                (len(given), partial(_contradiction_issue, weighed.questions[q], given, one.answers[q]))
            )
    return [*_limit_issues(contradicted, "answers"), *_limit_issues(same, "groups of rows")]


def _load_rows(sheets: Sequence[ParsedSheet], places: Sequence[_Place]) -> list[dict[str, Any]]:
    """The answers of some rows, in their order."""
    found: dict[tuple[int, int], dict[str, Any]] = {}
    for sheet in sheets:
        wanted = [place.at for place in places if place.read is sheet]
        for at, row in zip(wanted, sheet.batch.answers.take(wanted).to_rows(), strict=True):
            found[id(sheet), at] = row
    return [found[id(place.read), place.at] for place in places]


def _same_supplier_issue(
    key: str, rows: Sequence[dict[str, Any]], where: Sequence[_Place], differing: Sequence[str], weighed: RiskLookup
) -> Issue:
    by = key.partition(":")[0].replace("ref", "reference")
    called = next((str(rows[0][question]) for question in (by, *IDENTIFYING_QUESTIONS) if rows[0].get(question)), "")
    titles = ", ".join(_title(weighed.questions.get(question), question) for question in differing)
    more = f"; they differ in: {titles}" if titles else ""
    title = "name, country and address" if by == "name" else _title(weighed.questions.get(by), by)
    return _issue("row.same_supplier", by, where, f"{_describe_rows(where)} ('{called}'{more})", title)


def _contradiction_issue(question: Question, given: Sequence[tuple[Any, _Place]], stands: Any) -> Issue:
    said = ", ".join(f"'{_format_answer(question, answer)}' ({_describe_rows([place])})" for answer, place in given[:5])
    seen = f"{said}; '{_format_answer(question, stands)}' counts"
    return _issue("row.contradicted", question.id, [place for _, place in given], seen, "")


def _issue(code: str, question: str, where: Sequence[_Place], seen: str, expected: str) -> Issue:
    first = where[0].read
    cells = [_cell_reference(place, question, first) for place in where[:10]]
    at = _find_column(first, question)
    batch = first.batch
    told = {"cell": cells[0], "cells": cells, "header": first.matched.headers[at], "count": len(where)}
    return build_issue(code, file=batch.file, sheet=batch.sheet, seen=seen, expected=expected, **told)


def _limit_issues(found: Sequence[_PendingIssue], what: str) -> list[Issue]:
    """The first of many issues of one code, and one that tells how many more there are."""
    listed = [tell() for _, tell in found[:LISTED_SUPPLIERS]]
    rest = found[LISTED_SUPPLIERS:]
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
        listed.append(build_issue(some[0].code, seen=seen, expected="reference, number or name", count=count, **places))
    return listed


def _find_column(read: ParsedSheet, question: str) -> int:
    """The column of a question; of one that was filled in from elsewhere, that of what names the row."""
    columns = read.matched.columns
    return next(columns[each] for each in (question, *IDENTIFYING_QUESTIONS, *columns) if each in columns)


def _cell_reference(place: _Place, question: str, beside: ParsedSheet) -> str:
    """The cell of a question in a row, with the sheet and file where these are others than those of ``beside``."""
    batch = place.read.batch
    cell = cell_name(place.row, _find_column(place.read, question))
    if place.read is beside:
        return cell
    return ": ".join(filter(None, (batch.file if batch.file != beside.batch.file else "", f"{batch.sheet}!{cell}")))


def _describe_rows(where: Sequence[_Place]) -> str:
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


def _format_answer(question: Question, answer: Any) -> str:
    titles = {choice.code: choice.title for choice in question.choices}
    each = answer if isinstance(answer, list) else [answer]
    return ", ".join(titles.get(str(one), str(one)) for one in each)
