"""The supplier table: search, filters, sort orders, pages, export to CSV and XLSX, and saved filters."""

from __future__ import annotations

import csv
import statistics
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from io import BytesIO, StringIO
from itertools import chain, islice
from typing import Any

import xlsxwriter
from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from reports.csv import guard
from reports.document import LEVELS
from reports.formats import FORMATS
from reports.xlsx_rows import write_row
from risk_models.action_library import Action, list_release_actions, load_actions
from service.db.count_triggers import CONFIDENCE, LOW_COVERAGE, OWN_STEPS, PLACES, STEPS
from service.db.pagination import build_order_by
from service.db.supplier_counts import list_counts
from service.db.tables import SavedFilter, Supplier
from service.errors import DomainError, not_found
from service.queries.supplier_filter import (
    INHERENT_LEVELS,
    QUEUE,
    SORTS,
    SupplierFilter,
    build_filter_conditions,
)
from service.queries.supplier_pages import ConfidenceSummary
from service.report_content.contact_gate import REFERRAL, list_later_contacts
from service.report_content.labels import format_level, get_country_name, get_sector_title
from service.suppliers.organisation_models import find_organisation_library

MEDIA_TYPES = {name: FORMATS[name].media_type for name in ("csv", "xlsx")}  # of the files a table is exported to
MAX_COLUMN_WIDTH = 45  # characters that a column of the workbook shows at most
EXPORTABLE = 100_000  # suppliers in an exported file: more would keep the interpreter busy for minutes
ROWS_AT_ONCE = 1_000  # rows that an export holds in memory
EXPORTED = (
    Supplier.kind, Supplier.reference, Supplier.name, Supplier.country, Supplier.sector, Supplier.level, Supplier.inherent_level,
    Supplier.up_to, Supplier.silent, Supplier.score, Supplier.best, Supplier.worst, Supplier.inherent, Supplier.practice,
    Supplier.practice_of, Supplier.coverage, Supplier.confidence, Supplier.next_step, Supplier.own_step, Supplier.review_due,
    Supplier.assessed_at, Supplier.model,
)  # fmt: skip


def summarize_confidence(session: Session, kind: str = "") -> ConfidenceSummary:
    """Summarise the confidence of all suppliers, or of those of a kind, from the counts."""
    counts = [count for count in list_counts(session, CONFIDENCE) if kind in ("", count.kind)]
    total = sum(count.n for count in counts)
    low_coverage = sum(count.n for count in counts if count.detail == LOW_COVERAGE)
    by_tenth = Counter[int]()
    for count in counts:
        by_tenth[int(count.value)] += count.n
    middle = sorted({(total - 1) // 2, total // 2}) if total else ()
    median = statistics.mean(_find_confidence(session, kind, by_tenth, at) for at in middle) if total else None
    return ConfidenceSummary(total, median, low_coverage)


def _find_confidence(session: Session, kind: str, by_tenth: Mapping[int, int], at: int) -> float:
    """Return the confidence at a position among all in ascending order. Each tenth of a point is a short range of the index."""
    for tenth in sorted(by_tenth):
        if at < by_tenth[tenth]:
            break
        at -= by_tenth[tenth]
    confidence = Supplier.confidence
    margin = 1e-6  # a tenth is exact when it is multiplied, as it was counted, and not when it is divided
    in_range = (confidence >= tenth / 10 - margin, confidence < (tenth + 1) / 10 + margin)
    exactly = (confidence * 10 >= tenth, confidence * 10 < tenth + 1)
    conditions = (*build_filter_conditions(SupplierFilter(kind=kind), date.min, ()), *in_range, *exactly)
    ends = [
        session.scalar(select(confidence).where(*conditions).order_by(order).limit(1)) or 0.0
        for order in (confidence, confidence.desc())
    ]
    if ends[0] == ends[1]:  # usually those who answered nothing
        return ends[0]
    return session.scalar(select(confidence).where(*conditions).order_by(confidence).offset(at).limit(1)) or 0.0


def has_suppliers(session: Session, filter_: SupplierFilter, on: date) -> bool:
    """Return whether any supplier matches a filter."""
    return session.scalar(select(Supplier.id).where(*build_filter_conditions(filter_, on)).limit(1)) is not None


def list_supplier_ids(session: Session, filter_: SupplierFilter, on: date) -> list[str]:
    """Return the ids of the suppliers that match a filter, in its sort order."""
    ids = select(Supplier.id).where(*build_filter_conditions(filter_, on))
    return list(session.scalars(ids.order_by(*build_order_by(SORTS[filter_.sort]))))


def count_suppliers_by_level(session: Session, filter_: SupplierFilter, on: date) -> dict[str, int]:
    """Return how many suppliers that match a filter are at each level; every level has an entry."""
    by_level = (
        select(Supplier.level, func.count()).where(*build_filter_conditions(filter_, on)).group_by(Supplier.level)
    )
    counts = dict(session.execute(by_level).all())
    return {level: counts.get(level, 0) for level in LEVELS}


def count_insufficient_by_inherent(session: Session, filter_: SupplierFilter, on: date) -> dict[str, int]:
    """Return how many suppliers with insufficient evidence that match a filter have each inherent level."""
    matching = (*build_filter_conditions(filter_, on), Supplier.level == "insufficient_evidence")
    by_inherent = select(Supplier.inherent_level, func.count()).where(*matching).group_by(Supplier.inherent_level)
    counts = dict(session.execute(by_inherent).all())
    return {level: counts.get(level, 0) for level in INHERENT_LEVELS}


@dataclass(frozen=True)
class FilterOptions:
    """Options of the country and sector filters, as (code, title) in the order of the titles."""

    countries: tuple[tuple[str, str], ...]
    sectors: tuple[tuple[str, str], ...]


def list_filter_options(session: Session, kind: str = "") -> FilterOptions:
    """Return the countries and divisions of the stored suppliers, with "unknown" if some supplier has none."""
    places = [count for count in list_counts(session, PLACES) if kind in ("", count.kind)]
    return FilterOptions(
        _sort_by_title({count.value or None for count in places}, get_country_name),
        _sort_by_title({count.detail or None for count in places}, get_sector_title),
    )


def _sort_by_title(codes: set[str | None], title: Any) -> tuple[tuple[str, str], ...]:
    pairs = ((code or "unknown", title(code)) for code in codes)
    return tuple(sorted(pairs, key=lambda pair: (pair[0] == "unknown", pair[1])))


def get_next_step(supplier: Any, *, own_answers_only: bool) -> str | None:
    """Return the id of the first action of a supplier (or of its row in a query), or on request the first one that its own
    answers alone require; None if none is due.
    """
    step: str | None = supplier.own_step if own_answers_only else supplier.next_step
    return REFERRAL if step in list_later_contacts() else step


def get_action_title(action_id: str | None) -> str:
    """Return the title of an action of the library, "" for None or an unknown id."""
    return next((action.title for action in load_actions() if action.id == action_id), "")


def get_level_text(supplier: Any) -> str:
    """Return the level of a supplier (or of its row in a query) in words."""
    silent = bool(supplier.silent)
    return format_level(
        supplier.level or "", supplier.inherent_level or "", up_to=supplier.up_to, unanswered_driven=silent
    )


COLUMNS: tuple[tuple[str, str], ...] = (
    ("kind", "Kind"), ("reference", "Reference"), ("name", "Name"), ("country", "Country"), ("sector", "Sector"),
    ("level", "Level"), ("score", "Score"), ("best", "Best"), ("worst", "Worst"), ("inherent", "Inherent"),
    ("practice", "Practice"), ("practice_of", "of"), ("coverage", "Coverage"), ("confidence", "Confidence"),
    ("next_step", "Next step"), ("review_due", "Review due"), ("assessed", "Assessed"), ("model", "Model"),
)  # fmt: skip


def iter_table_rows(session: Session, filter_: SupplierFilter, on: date) -> Iterator[list[Any]]:
    """Yield one row of cells for each supplier that matches a filter, in its sort order and in the columns of ``COLUMNS``."""
    query = select(*EXPORTED).where(*build_filter_conditions(filter_, on))
    titles = {action.id: action.title for action in load_actions()}
    rows = session.execute(
        query.order_by(*build_order_by(SORTS[filter_.sort])).execution_options(yield_per=ROWS_AT_ONCE)
    )
    for s in rows:
        step = get_next_step(s, own_answers_only=filter_.own_answers_only)
        yield [
            s.kind, s.reference or "", s.name, get_country_name(s.country), get_sector_title(s.sector), get_level_text(s),
            s.score, s.best, s.worst, s.inherent, s.practice, s.practice_of, s.coverage, s.confidence,
            titles.get(step or "", ""),
            s.review_due.isoformat() if s.review_due else "", s.assessed_at.date().isoformat() if s.assessed_at else "",
            s.model or "",
        ]  # fmt: skip


def export_table(session: Session, filter_: SupplierFilter, on: date, format: str) -> bytes:  # noqa: A002  the word of the field
    """Return the whole filtered table as the bytes of a "csv" or "xlsx" file.

    Raises DomainError: ``format.unknown``, and ``export.too_large`` for more than EXPORTABLE suppliers.
    """
    ids = select(Supplier.id).where(*build_filter_conditions(filter_, on)).limit(EXPORTABLE + 1).subquery()
    if (session.scalar(select(func.count()).select_from(ids)) or 0) > EXPORTABLE:
        detail = f"A file can contain at most {EXPORTABLE:,} suppliers, but more match. Filter the list, for example by country."
        raise DomainError("export.too_large", 422, detail)
    return write_table([title for _, title in COLUMNS], iter_table_rows(session, filter_, on), format)


def write_table(titles: Sequence[str], cells: Iterable[Sequence[Any]], format: str) -> bytes:  # noqa: A002  the word of the field
    """Return a table of suppliers as the bytes of a "csv" or "xlsx" file. Raises DomainError ``format.unknown``."""
    if format == "csv":
        text = StringIO()
        csv.writer(text, lineterminator="\r\n").writerows(
            chain([titles], ([guard(cell) for cell in row] for row in cells))
        )
        return text.getvalue().encode("utf-8-sig")
    if format == "xlsx":
        return _build_workbook(titles, iter(cells))
    raise DomainError("format.unknown", 422, "The list can be exported as CSV or XLSX.")


def _build_workbook(titles: Sequence[str], cells: Iterator[Sequence[Any]]) -> bytes:
    buffer = BytesIO()
    with xlsxwriter.Workbook(buffer, {"constant_memory": True}) as book:
        sheet, bold = book.add_worksheet("Suppliers"), book.add_format({"bold": True})
        first = list(islice(cells, ROWS_AT_ONCE))  # they decide how wide the columns are
        for column, values in enumerate(zip(titles, *first, strict=True)):
            longest = max(len(value) for value in values if isinstance(value, str))
            sheet.set_column(column, column, min(longest + 2, MAX_COLUMN_WIDTH))
        write_row(sheet, 0, titles, [bold] * len(titles))
        number = 0
        for number, row in enumerate(chain(first, cells), 1):
            write_row(sheet, number, row, [None] * len(row))
        sheet.freeze_panes(1, 3)
        sheet.autofilter(0, 0, max(number, 1), len(titles) - 1)
    return buffer.getvalue()


def save_filter(
    session: Session, user_id: str, name: str, filter_: SupplierFilter, *, replace: bool = False
) -> SavedFilter:
    """Save a filter under a name; with ``replace`` it may take the place of an earlier one with that name.

    Raises DomainError: ``filter.name``, ``filter.taken``.
    """
    if not 1 <= len(name.strip()) <= 100:
        raise DomainError("filter.name", 422, "Enter a name of up to 100 characters for the filter.")
    name = name.strip()
    named = select(SavedFilter).where(SavedFilter.user_id == user_id, SavedFilter.name == name)
    if replace and (earlier := session.scalars(named).first()) is not None:
        earlier.query = filter_.to_dict()
        return earlier
    saved = SavedFilter(user_id=user_id, name=name, query=filter_.to_dict())
    try:
        with session.begin_nested():
            session.add(saved)
    except IntegrityError as error:
        detail = "You already have a saved filter with this name."
        if (kind := session.scalars(named).one().query.get("kind", "")) != filter_.kind:
            other_list = "recruitment agencies" if kind == "agency" else "suppliers"
            detail = (
                f"You already have a filter with this name in the list of {other_list}. If you replace it, it "
                f"is removed from that list."
            )
        raise DomainError("filter.taken", 409, detail) from error
    return saved


def list_saved_filters(session: Session, user_id: str, kind: str | None = None) -> list[SavedFilter]:
    """Return the saved filters of a user by name, on request those of one kind of supplier only."""
    filters = session.scalars(select(SavedFilter).where(SavedFilter.user_id == user_id).order_by(SavedFilter.name))
    return [saved for saved in filters if kind is None or saved.query.get("kind", "") == kind]


def delete_filter(session: Session, user_id: str, filter_id: str) -> None:
    """Delete a saved filter of a user. Raises DomainError ``not_found``."""
    saved = session.scalars(
        select(SavedFilter).where(SavedFilter.id == filter_id, SavedFilter.user_id == user_id)
    ).first()
    if saved is None:
        raise not_found()
    session.delete(saved)


@dataclass(frozen=True)
class NextStep:
    """An action that is the next step for some suppliers: the few with the highest risk, and how many there are in total."""

    id: str
    suppliers: Sequence[Supplier]
    total: int


def list_next_steps(
    session: Session, on: date, suppliers_per_step: int = 5, *, own_answers_only: bool
) -> list[NextStep]:
    """Return the next steps of the whole portfolio in order of urgency, each with the worst suppliers it concerns.

    ``own_answers_only``: the steps that suppliers' own answers alone call for.
    """
    steps = []
    for step, total in count_next_steps(session, on, own_answers_only=own_answers_only).items():
        conditions = build_filter_conditions(SupplierFilter(), on, ())
        column = Supplier.own_step if own_answers_only else Supplier.next_step
        stored = (step, *list_later_contacts()) if step == REFERRAL else (step,)
        conditions.append(column.in_(stored))
        worst = select(Supplier).where(*conditions).order_by(*build_order_by(QUEUE)).limit(suppliers_per_step)
        steps.append(NextStep(step, session.scalars(worst).all(), total))
    return steps


def count_next_steps(session: Session, on: date, *, own_answers_only: bool) -> dict[str, int]:
    """Return for each action that is the next step of some supplier how many suppliers that is, the most urgent action first."""
    totals = Counter[str]()
    for count in list_counts(session, OWN_STEPS if own_answers_only else STEPS):
        if count.value:
            totals[REFERRAL if count.value in list_later_contacts() else count.value] += count.n
    last = (True, (True, len(totals)), "")
    library = load_actions_by_id(session, on).values()
    order = {action.id: (not action.safety, action.tie_break, action.id) for action in library}
    return {step: totals[step] for step in sorted(totals, key=lambda step: order.get(step, last))}


def load_actions_by_id(session: Session, on: date) -> Mapping[str, Action]:
    """Return the library of actions that the plans of the session's organisation use on a day, by id."""
    return {action.id: action for action in list_release_actions(find_organisation_library(session, on))}
