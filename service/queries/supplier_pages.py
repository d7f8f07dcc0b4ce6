"""Find one page of the suppliers that match a filter, however many there are, without reading all of them.

If few suppliers match, their sort values are read and sorted here. Otherwise the suppliers are read in the order of an index from
a cursor on (``supplier_scan.py``). Which of the two it is follows from the counts that are kept (``db/supplier_counts.py``).

A page that is read from an index can end before it is full, even empty, though more suppliers match: it says how far it has
searched.
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
    encode_position,
    reverse,
)
from service.db.supplier_counts import sum_counts
from service.db.supplier_words import fold_words, has_word, is_found_by
from service.db.tables import HAS_FALLEN, Result, Supplier
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
from service.queries.supplier_scan import Scan, count_first, scan, sort_in_database

FEW = 4_000  # suppliers that are sorted for a page, and counted
SEARCHED = 8_000  # suppliers that match one part of a filter, among which the few that match all of it are looked for
SORTED = 50_000  # suppliers that match one part of a filter, among which the database sorts those that match all of it
MANY = 2**31  # in place of a count that stopped at SEARCHED


@dataclass(frozen=True)
class ConfidenceSummary:
    """Confidence in the scores of a list of suppliers: their number, the median confidence (0 to 100, None for an empty list and
    for one of more than FEW suppliers that is not the whole portfolio), and how many have a coverage below one half.

    ``more``: whether ``total`` are only those counted, and there may be more.
    """

    total: int
    confidence: float | None
    low_coverage: int
    more: bool = False


@dataclass(frozen=True)
class Progress:
    """How far a search has come that fills page after page: how many suppliers it has read, of how many at most."""

    read: int
    total: int


@dataclass(frozen=True)
class SupplierPage:
    """A page of the supplier table: its suppliers, page number, number of pages (None if it is not known), and a confidence
    summary of the whole list.

    ``previous`` and ``next``: the query parameters of the pages before and after it, None if there is none. ``searched``: of a
    page that ends before it is full, though more suppliers may match; None otherwise.
    """

    suppliers: Sequence[Supplier]
    page: int
    pages: int | None
    confidence_summary: ConfidenceSummary
    previous: dict[str, Any] | None
    next: dict[str, Any] | None
    searched: Progress | None = None


@dataclass(frozen=True)
class Position:
    """Where a page of many suppliers begins: after a cursor, or before one, and the number it is shown under. ``read``: how many
    suppliers were read since a page was full.
    """

    page: int = 1
    after: str | None = None
    before: str | None = None
    read: int = 0


class Matches(NamedTuple):
    """What is known of the suppliers that match a filter: the fields whose index finds the fewest, how many these are (MANY if
    counting stopped at SEARCHED), how many match the whole filter (None: unknown), and whether they may be fewer.
    """

    filter_: SupplierFilter
    by_index: tuple[str, ...]
    found: int
    total: int | None
    narrowed: bool


def find_matches(session: Session, filter_: SupplierFilter, on: date) -> Matches:
    """Find out how many suppliers match each part of a filter, from the counts; words and imports only up to SEARCHED."""
    counted = _list_counted(filter_, on)
    parts: dict[tuple[str, ...], int] = {
        fields: sum_counts(session, facet, *conditions) for fields, facet, conditions in counted
    }
    if filter_.selected:
        parts["selected",] = filter_.selected.count(",") + 1
    if filter_.fell:
        parts["fell",] = count_up_to(session, select(Supplier.id).where(HAS_FALLEN))
    if filter_.imported:
        parts["imported",] = count_up_to(
            session, select(Result.supplier_id).where(Result.import_id == filter_.imported)
        )
    words: dict[str, int] = {}
    if filter_.text:
        words = {word: _count_found(session, word, filter_.kind) for word in fold_words(filter_.text)}
        rarest_first = sorted(words, key=lambda word: words[word])
        filter_ = replace(filter_, text=" ".join(rarest_first) or filter_.text)
        parts["text",] = words[rarest_first[0]] if rarest_first else 0
    by_index = min(parts, key=lambda fields: parts[fields])
    other_sector = filter_.sector != UNKNOWN and len(filter_.sector) not in (0, DIVISION)
    total = None
    if len(parts) == len(counted) == 1 and not other_sector:
        ((_, facet, conditions),) = counted
        total = sum_counts(session, facet, *conditions, *_of_kind(filter_))
    narrowed = other_sector or len(words) > 1 or len(parts) > 1 + ((("kind",) if filter_.kind else ()) in parts)
    return Matches(filter_, by_index, parts[by_index], total, narrowed)


def _list_counted(filter_: SupplierFilter, on: date) -> list[tuple[tuple[str, ...], str, list[ColumnElement[bool]]]]:
    """Return the parts of a filter that are counted: the fields, the facet of the counts, and the conditions on these.

    Their indexes find suppliers of both kinds, so both are counted; only a filter by nothing else counts one kind.
    """
    value, detail = SupplierCount.value, SupplierCount.detail
    parts: list[tuple[tuple[str, ...], str, list[ColumnElement[bool]]]] = []

    def add(facet: str, **conditions: ColumnElement[bool] | None) -> None:
        given = {field: condition for field, condition in conditions.items() if condition is not None}
        if given:
            parts.append((tuple(given), facet, list(given.values())))

    add(
        LEVELS,
        level=value == filter_.level if filter_.level else None,
        inherent_level=detail == filter_.inherent_level if filter_.inherent_level else None,
    )
    divided = len(filter_.sector) >= DIVISION
    add(
        PLACES,
        country=value == ("" if filter_.country == UNKNOWN else filter_.country) if filter_.country else None,
        sector=detail == ("" if filter_.sector == UNKNOWN else filter_.sector[:DIVISION]) if divided else None,
    )
    add(OWN_STEPS if filter_.own_answers_only else STEPS, step=value == filter_.step if filter_.step else None)
    if filter_.review:
        due = value < on.isoformat() if filter_.review == "overdue" else value <= (on + SOON).isoformat()
        parts.append((("review",), REVIEWS, [value != "", due]))
    if not parts:
        parts.append((("kind",) if filter_.kind else (), LEVELS, _of_kind(filter_)))
    return parts


def _of_kind(filter_: SupplierFilter) -> list[ColumnElement[bool]]:
    return [SupplierCount.kind == filter_.kind] if filter_.kind else []


def count_up_to(session: Session, ids: Any) -> int:
    """Return the number of rows of a query, MANY for more than SEARCHED."""
    count = session.scalar(select(func.count()).select_from(ids.limit(SEARCHED + 1).subquery())) or 0
    return count if count <= SEARCHED else MANY


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
    found = find_few(session, matches, on, SORTS[filter_.sort])
    if found is not None:
        return _cut_page(session, found, position.page)
    return _read_page(session, matches, on, position)


def _cut_page(session: Session, found: Sequence[Any], number: int) -> SupplierPage:
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


def find_few(session: Session, matches: Matches, on: date, order: Order) -> Sequence[Any] | None:
    """Return the ids, confidence, coverage and sort values of all suppliers that match, in order; None if they are many."""
    if matches.found > (SEARCHED if matches.narrowed else FEW):
        return None
    if matches.by_index == ("text",) and len(fold_words(matches.filter_.text)) > 1:
        # In one statement, PostgreSQL would read all suppliers before their words: it takes them for far fewer than they are.
        ids = session.scalars(select(find_by_words(matches.filter_, SEARCHED).c.id).distinct()).all()
        others = build_filter_conditions(replace(matches.filter_, text=""), on, ())
        found = _sort(session, (*others, Supplier.id.in_(ids)), order)
    else:
        found = _sort(session, build_filter_conditions(matches.filter_, on, matches.by_index), order)
    return found if len(found) <= FEW else None


def _sort(session: Session, conditions: Sequence[ColumnElement[bool]], order: Order) -> Sequence[Any]:
    """Return the suppliers that meet some conditions, in order, or FEW + 1 in no order if they are more than FEW."""
    columns = [column.label(f"sort{i}") for i, (column, _) in enumerate(order)]
    query = select(Supplier.id, Supplier.confidence, Supplier.coverage, *columns).where(*conditions)
    found = list(session.execute(query.limit(FEW + 1)))
    for i in reversed(range(len(order))):
        found.sort(key=lambda row: (row[3 + i] is not None, row[3 + i]), reverse=order[i][1] != ASCENDING)
    return found


def load_in_order(session: Session, ids: Sequence[str]) -> list[Supplier]:
    """Return suppliers in the order of their ids in a list."""
    found = {supplier.id: supplier for supplier in session.scalars(select(Supplier).where(Supplier.id.in_(ids)))}
    return [found[supplier_id] for supplier_id in ids if supplier_id in found]


def _read_page(session: Session, matches: Matches, on: date, position: Position) -> SupplierPage:
    order = SORTS[matches.filter_.sort]
    total, more = count_matches(session, matches, on)
    number = max(position.page, 1)
    after = None if position.after is None else decode_cursor(position.after, order)
    page = None
    if position.before is not None:
        page = _read_backward(session, matches, on, decode_cursor(position.before, order))
    if page is None:  # the first page, or a page after a cursor
        number = number if after is not None else 1
        page = _read_forward(session, matches, on, after)
    read = 0 if page.read is None else page.read + (position.read if after is not None else 0)
    progress = {"read": read} if read else {}
    return SupplierPage(
        load_in_order(session, page.ids),
        number,
        None if more else max(number, -(-total // PAGE)),
        ConfidenceSummary(total, None, 0, more=more),
        None if page.before is None else {"page": max(1, number - 1), "before": encode_position(page.before)},
        None if page.after is None else {"page": number + 1, "after": encode_position(page.after), **progress},
        Progress(read, sum_counts(session, LEVELS)) if read else None,
    )


class Read(NamedTuple):
    """The suppliers of a page, and the sort values before and after which the neighbouring pages lie (None: there is none).

    ``read``: of a page that ends before it is full, how many suppliers were read for it; None otherwise.
    """

    ids: Sequence[str]
    before: Sequence[Any] | None
    after: Sequence[Any] | None
    read: int | None


def _read_forward(session: Session, matches: Matches, on: date, after: Sequence[Any] | None) -> Read:
    found = read_matching(session, matches, on, SORTS[matches.filter_.sort], after, PAGE + 1)
    shown = found.positions[:PAGE]
    before = None if after is None else shown[0] if shown else found.last
    return Read(found.ids[:PAGE], before, _continue_after(found, PAGE), _get_interrupted(found))


def _read_backward(session: Session, matches: Matches, on: date, before: Sequence[Any]) -> Read | None:
    """Read the page before some sort values; None if it is not full because the list begins there."""
    order = reverse(SORTS[matches.filter_.sort])
    found = read_matching(session, matches, on, order, before, PAGE + 1)
    if found.ended and len(found.ids) < PAGE:
        return None
    shown = found.positions[:PAGE]
    after = shown[0] if shown else found.last
    return Read(found.ids[:PAGE][::-1], _continue_after(found, PAGE), after, _get_interrupted(found))


def _get_interrupted(found: Scan) -> int | None:
    return None if found.ended or len(found.ids) >= PAGE else found.read


def read_matching(
    session: Session, matches: Matches, on: date, order: Order, after: Sequence[Any] | None, limit: int
) -> Scan:
    """Return the first of many matching suppliers after some sort values (None: from the first).

    Where few of the suppliers that are read in order match, as with those of a country with low risk by score, the database
    sorts all that the filter's own index finds, unless these are too many.
    """
    found = scan(session, matches.filter_, matches.by_index, on, order, after, limit)
    if not found.ended and len(found.ids) < limit and matches.found <= SORTED:
        return sort_in_database(session, matches.filter_, matches.by_index, on, order, after, limit)
    return found


def _continue_after(read: Scan, limit: int) -> Sequence[Any] | None:
    """Return the sort values at which a page of a number of suppliers is continued; None at the end."""
    if len(read.ids) > limit:
        return read.positions[limit - 1]
    return None if read.ended else read.last


def count_matches(session: Session, matches: Matches, on: date) -> tuple[int, bool]:
    """Return how many of many suppliers match a filter, and whether these are only the ones counted: there may be more."""
    if matches.total is not None:
        return matches.total, False
    if matches.filter_.to_dict().keys() <= {"text", "kind", "sort"}:
        return session.scalar(select(func.count(find_by_words(matches.filter_).c.id.distinct()))) or 0, True
    return count_first(session, matches.filter_, matches.by_index, on), True


def find_by_words(filter_: SupplierFilter, most: int = FEW) -> Any:
    """Return the subquery of the ids of suppliers with all words of a text among the first ``most`` with the rarest of them."""
    first, *others = fold_words(filter_.text)
    rows = select(SupplierWord.supplier_id.label("id")).where(is_found_by(first, filter_.kind)).limit(most).subquery()
    return select(rows.c.id).where(*(has_word(word, rows.c.id) for word in others)).subquery()


def list_by_risk(
    session: Session, filter_: SupplierFilter, on: date, cursor: str | None, limit: int, *more: ColumnElement[bool]
) -> Page:
    """Return a page of suppliers, highest risk first, at a cursor. ``more``: conditions that only few suppliers meet.

    Raises DomainError ``cursor.unknown``.
    """
    after = None if cursor is None else decode_cursor(cursor, QUEUE)
    if more:
        found: Sequence[Any] | None = _sort(session, (*build_filter_conditions(filter_, on, ()), *more), QUEUE)
    else:
        matches = find_matches(session, filter_, on)
        found = find_few(session, matches, on, QUEUE)
    if found is not None:
        start = 0 if after is None else _count_until(found, after)
        end = start + limit
        ids, next_ = [row.id for row in found[start:end]], found[end - 1][3:] if len(found) > end else None
    else:
        read = read_matching(session, matches, on, QUEUE, after, limit + 1)
        ids, next_ = list(read.ids[:limit]), _continue_after(read, limit)
    return Page(tuple(load_in_order(session, ids)), None if next_ is None else encode_position(next_))


def _count_until(found: Sequence[Any], after: Sequence[Any]) -> int:
    """Count the rows of a sorted list up to some sort values."""

    def place(values: Sequence[Any]) -> tuple[Any, ...]:
        return tuple(
            value if direction == ASCENDING else -value for value, (_, direction) in zip(values, QUEUE, strict=True)
        )

    return sum(place(row[3:]) <= place(after) for row in found)
