"""Find one page of the suppliers that match a filter, however many there are, without reading all of them.

If few suppliers match, their sort values are read and sorted here. Otherwise the suppliers are read in the order of an index from
a cursor on, until the page is full. Which of the two it is follows from the counts that are kept (``db/supplier_counts.py``).
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from service.db.count_triggers import LEVELS, OWN_STEPS, PLACES, REVIEWS, STEPS
from service.db.derived_tables import SupplierCount, SupplierWord
from service.db.pagination import (
    ASCENDING,
    Order,
    Page,
    decode_cursor,
    encode_cursor,
    read_after,
    reverse,
)
from service.db.supplier_counts import sum_counts
from service.db.supplier_words import fold_words, has_word, is_found_by
from service.db.tables import Result, Supplier
from service.queries.supplier_filter import (
    DIVISION,
    PAGE,
    QUEUE,
    SOON,
    SORTS,
    UNKNOWN,
    SupplierFilter,
    build_filter_conditions,
)

FEW = (
    10_000  # suppliers that are sorted for a page; of more, a free combination of filters says only that there are more
)
QUEUES = (
    "level",
    "inherent_level",
    "country",
    "sector",
    "step",
    "kind",
)  # fields with an index in the order of the queue


@dataclass(frozen=True)
class ConfidenceSummary:
    """Confidence in the scores of a list of suppliers: their number, the median confidence (0 to 100, None for an empty list and
    for one of more than FEW suppliers that is not the whole portfolio), and how many have a coverage below one half.

    ``more``: whether there are more than ``total``.
    """

    total: int
    confidence: float | None
    low_coverage: int
    more: bool = False


@dataclass(frozen=True)
class SupplierPage:
    """A page of the supplier table: its suppliers, page number, number of pages (None if it is not known), and a confidence
    summary of the whole list.

    ``previous`` and ``next``: the query parameters of the pages before and after it, None if there is none.
    """

    suppliers: Sequence[Supplier]
    page: int
    pages: int | None
    confidence_summary: ConfidenceSummary
    previous: dict[str, Any] | None
    next: dict[str, Any] | None


@dataclass(frozen=True)
class Position:
    """Where a page of many suppliers begins: after a cursor, or before one, and the number it is shown under."""

    page: int = 1
    after: str | None = None
    before: str | None = None


class Matches(NamedTuple):
    """What is known of the suppliers that match a filter: the fields whose index finds the fewest, how many these are (more than
    FEW: at least so many), and how many match the whole filter (None: unknown).
    """

    filter_: SupplierFilter
    by_index: tuple[str, ...]
    found: int
    total: int | None


def find_matches(session: Session, filter_: SupplierFilter, on: date) -> Matches:
    """Find out how many suppliers match each part of a filter, from the counts; words and imports are counted up to FEW."""
    parts: dict[tuple[str, ...], int] = {
        fields: sum_counts(session, facet, *conditions) for fields, facet, conditions in _list_counted(filter_, on)
    }
    counted = len(parts)
    if filter_.selected:
        parts["selected",] = filter_.selected.count(",") + 1
    if filter_.imported:
        parts["imported",] = count_up_to(
            session, select(Result.supplier_id).where(Result.import_id == filter_.imported)
        )
    if filter_.text:
        words = {word: _count_found(session, word, filter_.kind) for word in fold_words(filter_.text)}
        rarest_first = sorted(words, key=lambda word: words[word])
        filter_ = replace(filter_, text=" ".join(rarest_first) or filter_.text)
        parts["text",] = words[rarest_first[0]] if rarest_first else 0
    by_index = min(parts, key=lambda fields: parts[fields])
    exact = len(parts) == counted == 1
    return Matches(filter_, by_index, parts[by_index], parts[by_index] if exact else None)


def _list_counted(filter_: SupplierFilter, on: date) -> list[tuple[tuple[str, ...], str, list[ColumnElement[bool]]]]:
    """Return the parts of a filter that are counted: the fields, the facet of the counts, and the conditions on these."""
    kind = [SupplierCount.kind == filter_.kind] if filter_.kind else []
    value, detail = SupplierCount.value, SupplierCount.detail
    parts: list[tuple[tuple[str, ...], str, list[ColumnElement[bool]]]] = []

    def add(facet: str, **conditions: ColumnElement[bool] | None) -> None:
        given = {field: condition for field, condition in conditions.items() if condition is not None}
        if given:
            parts.append((tuple(given), facet, [*given.values(), *kind]))

    add(
        LEVELS,
        level=value == filter_.level if filter_.level else None,
        inherent_level=detail == filter_.inherent_level if filter_.inherent_level else None,
    )
    divided = filter_.sector == UNKNOWN or len(filter_.sector) == DIVISION
    add(
        PLACES,
        country=value == ("" if filter_.country == UNKNOWN else filter_.country) if filter_.country else None,
        sector=detail == ("" if filter_.sector == UNKNOWN else filter_.sector) if divided else None,
    )
    add(OWN_STEPS if filter_.own_answers_only else STEPS, step=value == filter_.step if filter_.step else None)
    if filter_.review:
        due = value < on.isoformat() if filter_.review == "overdue" else value <= (on + SOON).isoformat()
        parts.append((("review",), REVIEWS, [value != "", due, *kind]))
    if not parts:
        parts.append((("kind",) if filter_.kind else (), LEVELS, kind))
    return parts


def count_up_to(session: Session, ids: Any) -> int:
    """Return the number of rows of a query, at most FEW + 1."""
    return session.scalar(select(func.count()).select_from(ids.limit(FEW + 1).subquery())) or 0


def _count_found(session: Session, word: str, kind: str) -> int:
    return count_up_to(session, select(SupplierWord.supplier_id).where(is_found_by(word, kind)))


def get_supplier_page(
    session: Session, filter_: SupplierFilter, on: date, position: Position = Position()
) -> SupplierPage:
    """Return a page of the suppliers that match a filter, in its sort order.

    Of few suppliers it is the page of the given number, the last for a number beyond it; of many it is the page at the cursor.
    Raises DomainError ``cursor.unknown``.
    """
    matches = find_matches(session, filter_, on)
    if matches.found <= FEW:
        return _cut_page(session, matches, on, position.page)
    return _read_page(session, matches, on, position)


def _cut_page(session: Session, matches: Matches, on: date, number: int) -> SupplierPage:
    found = sort_few(session, matches, on, SORTS[matches.filter_.sort])
    pages = max(1, -(-len(found) // PAGE))
    number = min(max(number, 1), pages)
    ids = [row.id for row in found[PAGE * (number - 1) : PAGE * number]]
    return SupplierPage(
        load_in_order(session, ids),
        number,
        pages,
        _summarize(found),
        {"page": number - 1} if number > 1 else None,
        {"page": number + 1} if number < pages else None,
    )


def _summarize(found: Sequence[Any]) -> ConfidenceSummary:
    median = statistics.median(row.confidence or 0.0 for row in found) if found else None
    return ConfidenceSummary(len(found), median, sum((row.coverage or 0.0) < 0.5 for row in found))


def sort_few(session: Session, matches: Matches, on: date, order: Order, *more: ColumnElement[bool]) -> Sequence[Any]:
    """Return the ids, confidence, coverage and sort values of all suppliers that match, in order."""
    columns = [column.label(f"sort{i}") for i, (column, _) in enumerate(order)]
    conditions = build_filter_conditions(matches.filter_, on, matches.by_index)
    query = select(Supplier.id, Supplier.confidence, Supplier.coverage, *columns).where(*conditions, *more)
    found = list(session.execute(query))
    for i in reversed(range(len(order))):
        found.sort(key=lambda row: (row[3 + i] is not None, row[3 + i]), reverse=order[i][1] != ASCENDING)
    return found


def load_in_order(session: Session, ids: Sequence[str]) -> list[Supplier]:
    """Return suppliers in the order of their ids in a list."""
    found = {supplier.id: supplier for supplier in session.scalars(select(Supplier).where(Supplier.id.in_(ids)))}
    return [found[supplier_id] for supplier_id in ids if supplier_id in found]


def select_many(matches: Matches, on: date, order: Order) -> Any:
    """Return the query of many suppliers that match, to be read in an order that has an index."""
    fields = matches.by_index
    by_index: tuple[str, ...] = ()
    if order[0][0] is QUEUE[0][0]:
        by_index = next(((field,) for field in QUEUES if field in fields), ("kind",) if matches.filter_.kind else ())
    elif fields == ("review",) and order[0][0] is SORTS["review"][0][0]:
        by_index = fields
    return select(Supplier).where(*build_filter_conditions(matches.filter_, on, by_index))


def _read_page(session: Session, matches: Matches, on: date, position: Position) -> SupplierPage:
    order = SORTS[matches.filter_.sort]
    query = select_many(matches, on, order)
    total, more = count_matches(session, matches, on) if matches.total is None else (matches.total, False)
    rows: Sequence[Any] = ()
    number = max(position.page, 1)
    if position.before is not None:
        rows = read_after(session, query, reverse(order), decode_cursor(position.before, order), PAGE + 1)[::-1]
        more_before, more_after = len(rows) > PAGE, True
        rows = rows[-PAGE:]
    if len(rows) < PAGE:  # the first page, or a page after a cursor
        after = None if position.after is None else decode_cursor(position.after, order)
        number = number if after is not None else 1
        rows = read_after(session, query, order, after, PAGE + 1)
        more_before, more_after = after is not None, len(rows) > PAGE
        rows = rows[:PAGE]
    return SupplierPage(
        rows,
        number,
        None if more else max(number, -(-total // PAGE)),
        ConfidenceSummary(total, None, 0, more=more),
        {"page": max(1, number - 1), "before": encode_cursor(rows[0], order)} if more_before and rows else None,
        {"page": number + 1, "after": encode_cursor(rows[-1], order)} if more_after and rows else None,
    )


def count_matches(session: Session, matches: Matches, on: date) -> tuple[int, bool]:
    """Count the suppliers that match a combination of filters up to FEW; return whether there may be more."""
    filter_ = matches.filter_
    if filter_.to_dict().keys() <= {"text", "kind", "sort"}:
        return _count_by_words(session, filter_)
    conditions = build_filter_conditions(filter_, on, matches.by_index)
    count = count_up_to(session, select(Supplier.id).where(*conditions))
    return min(count, FEW), count > FEW


def _count_by_words(session: Session, filter_: SupplierFilter) -> tuple[int, bool]:
    """Count the suppliers with all words of a text among the first with the rarest of them."""
    first, *others = fold_words(filter_.text)
    limit = 2 * FEW  # a supplier may have two words that begin alike
    rows = select(SupplierWord.supplier_id.label("id")).where(is_found_by(first, filter_.kind)).limit(limit).subquery()
    count = select(func.count(rows.c.id.distinct())).where(*(has_word(word, rows.c.id) for word in others))
    read, found = (int(session.scalar(each) or 0) for each in (select(func.count()).select_from(rows), count))
    return min(found, FEW), read == limit or found > FEW


def list_by_risk(
    session: Session, filter_: SupplierFilter, on: date, cursor: str | None, limit: int, *more: ColumnElement[bool]
) -> Page:
    """Return a page of suppliers, highest risk first, at a cursor. ``more``: conditions that only few suppliers meet.

    Raises DomainError ``cursor.unknown``.
    """
    after = None if cursor is None else decode_cursor(cursor, QUEUE)
    matches = find_matches(session, filter_, on)
    if more:
        matches = matches._replace(by_index=(), found=0)
    if matches.found > FEW:
        rows = read_after(session, select_many(matches, on, QUEUE), QUEUE, after, limit + 1)
    else:
        found = sort_few(session, matches, on, QUEUE, *more)
        start = 0 if after is None else _count_until(found, after)
        rows = load_in_order(session, [row.id for row in found[start : start + limit + 1]])
    return Page(tuple(rows[:limit]), encode_cursor(rows[limit - 1], QUEUE) if len(rows) > limit else None)


def _count_until(found: Sequence[Any], after: Sequence[Any]) -> int:
    """Count the rows of a sorted list up to some sort values."""

    def place(values: Sequence[Any]) -> tuple[Any, ...]:
        return tuple(
            value if direction == ASCENDING else -value for value, (_, direction) in zip(values, QUEUE, strict=True)
        )

    return sum(place(row[3:]) <= place(after) for row in found)
