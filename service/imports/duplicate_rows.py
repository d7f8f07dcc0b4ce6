"""Report the rows of an upload that belong to the same supplier, with their cells."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date
from functools import partial
from typing import Any, NamedTuple

from questionnaires.issues import Issue, build_issue
from questionnaires.question import Question
from questionnaires.sheet import cell_name
from questionnaires.validation.column_match import IDENTIFYING_QUESTIONS, ColumnMatch
from risk_models.model import Model
from service.assessment.assess import Batch
from service.suppliers.identity import RowKey, get_key_question, group_by_key
from service.suppliers.key_grades import LOST_DIGITS, find_weakness
from service.suppliers.merge_rules import RiskLookup, get_risk_lookup, merge_duplicates

LISTED_SUPPLIERS = 40  # suppliers of each code that are listed one by one; the others are only counted


class ParsedSheet(NamedTuple):
    """A batch, and the columns its answers were read from."""

    batch: Batch
    matched: ColumnMatch


# The number of rows that an issue concerns, and the function that builds it.
_PendingIssue = tuple[int, Callable[[], Issue]]


class _Place(NamedTuple):
    read: ParsedSheet
    at: int

    @property
    def row(self) -> int:
        return int(self.read.batch.rows[self.at])


def list_duplicate_issues(
    sheets: Sequence[ParsedSheet],
    kind: str,
    row_keys: Sequence[RowKey],
    on: date,
    models: tuple[Model, ...] | None = None,
) -> list[Issue]:
    """List the issues of suppliers that occur in several rows, in any sheets of one kind: that the rows describe one supplier,
    and which questions about practice they answer differently, according to the models in force on a day (among ``models``, by
    default all). ``row_keys``: the keys of the rows of all sheets.
    """
    places = [_Place(sheet, j) for sheet in sheets for j in range(len(sheet.batch.rows))]
    keys = [row_key.key for row_key in row_keys]
    weak = _list_weak_numbers(row_keys, places)
    groups = [group for group in group_by_key(keys) if len(group) > 1]
    if not groups:
        return weak
    risk_lookup = get_risk_lookup(kind, on, models)
    positions = [position for group in groups for position in group]
    rows = dict(zip(positions, _load_rows(sheets, [places[position] for position in positions]), strict=True))
    same_supplier: list[_PendingIssue] = []
    contradicted: list[_PendingIssue] = []
    for group in groups:
        group_rows, group_places = [rows[position] for position in group], [places[position] for position in group]
        merged = merge_duplicates(group_rows, risk_lookup, kind)
        same_supplier.append(
            (
                len(group_places),
                partial(_same_supplier_issue, keys[group[0]], group_rows, group_places, merged.differing, risk_lookup),
            )
        )
        for question in merged.contradicted:
            answers_given = [
                (row[question], place) for row, place in zip(group_rows, group_places, strict=True) if question in row
            ]
            contradicted.append(
                (
                    len(answers_given),
                    partial(
                        _contradiction_issue, risk_lookup.questions[question], answers_given, merged.answers[question]
                    ),
                )
            )
    return [*_limit_issues(contradicted, "answers"), *_limit_issues(same_supplier, "groups of rows"), *weak]


def _list_weak_numbers(row_keys: Sequence[RowKey], places: Sequence[_Place]) -> list[Issue]:
    """List the entries that were not used to recognise a supplier: remarks in place of a number, and shared numbers."""
    found: dict[tuple[str, str], list[_Place]] = {}
    for row_key, place in zip(row_keys, places, strict=True):
        if row_key.doubtful is not None:
            question = get_key_question(row_key.doubtful)
            values, codes = place.read.batch.answers.column(question)
            found.setdefault((question, str(values[codes[place.at]])), []).append(place)
    pending: dict[str, list[_PendingIssue]] = {}
    for (question, text), where in found.items():
        why = find_weakness(question, text)
        code = "key.shared" if why is None else "key.lost_digits" if why == LOST_DIGITS else "key.remark"
        pending.setdefault(code, []).append((len(where), partial(_issue, code, question, where, text, "")))
    return [issue for of_code in pending.values() for issue in _limit_issues(of_code, "entries")]


def _load_rows(sheets: Sequence[ParsedSheet], places: Sequence[_Place]) -> list[dict[str, Any]]:
    """Return the answers of rows, in their order."""
    rows: dict[tuple[int, int], dict[str, Any]] = {}
    for sheet in sheets:
        positions = [place.at for place in places if place.read is sheet]
        for position, row in zip(positions, sheet.batch.answers.take(positions).to_rows(), strict=True):
            rows[id(sheet), position] = row
    return [rows[id(place.read), place.at] for place in places]


def _same_supplier_issue(
    key: str,
    rows: Sequence[dict[str, Any]],
    places: Sequence[_Place],
    differing: Sequence[str],
    risk_lookup: RiskLookup,
) -> Issue:
    by = key.partition(":")[0].replace("ref", "reference")
    name = next((str(rows[0][question]) for question in (by, *IDENTIFYING_QUESTIONS) if rows[0].get(question)), "")
    titles = ", ".join(_title(risk_lookup.questions.get(question), question) for question in differing)
    more = f"; they differ in: {titles}" if titles else ""
    title = "name, country and address" if by == "name" else _title(risk_lookup.questions.get(by), by)
    return _issue("row.same_supplier", by, places, f"{_describe_rows(places)} ('{name}'{more})", title)


def _contradiction_issue(question: Question, answers_given: Sequence[tuple[Any, _Place]], counted: Any) -> Issue:
    listing = ", ".join(
        f"'{_format_answer(question, answer)}' ({_describe_rows([place])})" for answer, place in answers_given[:5]
    )
    seen = f"{listing}; '{_format_answer(question, counted)}' counts"
    return _issue("row.contradicted", question.id, [place for _, place in answers_given], seen, "")


def _issue(code: str, question: str, places: Sequence[_Place], seen: str, expected: str) -> Issue:
    first = places[0].read
    cells = [_cell_reference(place, question, first) for place in places[:10]]
    at = _find_column(first, question)
    batch = first.batch
    details = {"cell": cells[0], "cells": cells, "header": first.matched.headers[at], "count": len(places)}
    return build_issue(code, file=batch.file, sheet=batch.sheet, seen=seen, expected=expected, **details)


def _limit_issues(pending: Sequence[_PendingIssue], what: str) -> list[Issue]:
    """Return the first issues of one code, and one that counts the rest."""
    listed = [tell() for _, tell in pending[:LISTED_SUPPLIERS]]
    rest = pending[LISTED_SUPPLIERS:]
    if rest:
        sample = [tell() for _, tell in rest[:10]]
        places = {
            "file": sample[0].file,
            "sheet": sample[0].sheet,
            "cell": sample[0].cell,
            "cells": [issue_.cell for issue_ in sample],
        }
        count = sum(rows for rows, _ in rest)
        seen = f"{len(rest):,} more {what}"
        listed.append(
            build_issue(sample[0].code, seen=seen, expected="reference, number or name", count=count, **places)
        )
    return listed


def _find_column(read: ParsedSheet, question: str) -> int:
    """Return the column of a question; if the answer was filled in from elsewhere, the column that names the row."""
    columns = read.matched.columns
    return next(
        columns[candidate] for candidate in (question, *IDENTIFYING_QUESTIONS, *columns) if candidate in columns
    )


def _cell_reference(place: _Place, question: str, first_sheet: ParsedSheet) -> str:
    """Return the cell of a question in a row, with sheet and file if they differ from those of ``first_sheet``."""
    batch = place.read.batch
    cell = cell_name(place.row, _find_column(place.read, question))
    if place.read is first_sheet:
        return cell
    return ": ".join(
        filter(None, (batch.file if batch.file != first_sheet.batch.file else "", f"{batch.sheet}!{cell}"))
    )


def _describe_rows(places: Sequence[_Place]) -> str:
    """Describe rows as "rows 2, 3 and 5", with the sheet if there are several."""
    several = len({id(place.read) for place in places}) > 1
    numbers = [f"{place.row} of '{place.read.batch.sheet}'" if several else str(place.row) for place in places]
    if len(numbers) > 6:
        numbers = [*numbers[:5], f"{len(numbers) - 5} more"]
    if len(numbers) == 1:
        return f"row {numbers[0]}"
    return f"rows {', '.join(numbers[:-1])} and {numbers[-1]}"


def _title(question: Question | None, otherwise: str) -> str:
    return otherwise if question is None else question.title


def _format_answer(question: Question, answer: Any) -> str:
    titles = {choice.code: choice.title for choice in question.choices}
    values = answer if isinstance(answer, list) else [answer]
    return ", ".join(titles.get(str(value), str(value)) for value in values)
