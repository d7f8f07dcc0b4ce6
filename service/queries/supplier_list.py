"""The supplier table: search, filters, sort orders, pages, export to CSV and XLSX, and saved filters."""

from __future__ import annotations

import csv
import re
import statistics
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from io import BytesIO, StringIO
from typing import Any

import xlsxwriter
from sqlalchemy import ColumnElement, func, or_, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from questionnaires.parse.answer import INVISIBLE
from reports.csv import guard
from reports.document import LEVELS
from reports.formats import FORMATS
from reports.xlsx_rows import write_row
from risk_models.action_library import Action, list_release_actions, load_actions
from service.db.sorting import by_code_point
from service.db.tables import MergedKey, Result, SavedFilter, Supplier
from service.errors import DomainError, not_found
from service.report_content.labels import format_level, get_country_name, get_sector_title
from service.suppliers.organisation_models import find_organisation_library

MEDIA_TYPES = {name: FORMATS[name].media_type for name in ("csv", "xlsx")}  # of the files a table is exported to
PAGE = 50  # suppliers on a page of the list, and at most so many can be selected for a bulk action
MAX_COLUMN_WIDTH = 45  # characters that a column of the workbook shows at most
REVIEWS = ("overdue", "soon")
SOON = timedelta(days=30)
INHERENT_LEVELS = tuple(level for level in LEVELS if level != "insufficient_evidence")
SELECTED_ID = re.compile(r"[0-9a-f-]{36}")
NOTHING_SELECTED = "none"  # an id that no supplier has
KEY = (Supplier.kind, Supplier.key)  # ties end here, so that the order is the same on every database
QUEUE = (Supplier.rank, Supplier.inherent.desc(), Supplier.worst.desc(), Supplier.score.desc(), *KEY)
SORTS: Mapping[str, tuple[Any, ...]] = {
    "queue": QUEUE,
    "name": (by_code_point(func.lower(Supplier.name)), *KEY),
    "country": (Supplier.country.nulls_first(), *QUEUE),
    "score": (Supplier.score.desc(), *KEY),
    "range": ((Supplier.worst - Supplier.best).desc(), *KEY),
    "confidence": (Supplier.confidence, *KEY),
    "coverage": (Supplier.coverage, *KEY),
    "review": (Supplier.review_due.nulls_first(), *QUEUE),
}


@dataclass(frozen=True)
class SupplierFilter:
    """The filters and sort order of a supplier list; an empty field does not filter. ``unknown`` means no country or sector.

    ``selected``: ids of the suppliers ticked in the list, joined by commas.
    ``own_answers_only``: next steps are those that suppliers' own answers alone call for (service/report_content/redaction.py).
    """

    kind: str = ""
    text: str = ""
    level: str = ""
    inherent_level: str = ""
    country: str = ""
    sector: str = ""
    review: str = ""
    step: str = ""
    imported: str = ""
    selected: str = ""
    sort: str = "queue"
    own_answers_only: bool = False

    def to_dict(self) -> dict[str, str]:
        """Return the fields that differ from the default, as query parameters and saved filters hold them."""
        filled = {name: value for name, value in vars(self).items() if value and name != "own_answers_only"}
        return {name: value for name, value in filled.items() if (name, value) != ("sort", "queue")}


def parse_filter(values: Mapping[str, str], *, own_answers_only: bool) -> SupplierFilter:
    """Parse query parameters or a saved filter; unknown names are ignored and invalid values count as empty.

    A selection without a valid id selects no supplier, so that it never exports or reports the whole list.
    """
    names = [name for name in SupplierFilter.__dataclass_fields__ if name != "own_answers_only"]
    fields = {name: str(values.get(name, "")).strip()[:200] for name in names}
    allowed_values: Mapping[str, Sequence[str]] = {
        "kind": ("site", "agency"),
        "level": LEVELS,
        "inherent_level": INHERENT_LEVELS,
        "review": REVIEWS,
        "sort": tuple(SORTS),
    }
    for name, allowed in allowed_values.items():
        if fields[name] not in allowed:
            fields[name] = ""
    fields["text"] = clean_search_text(fields["text"])
    selection = str(values.get("selected", "")).strip()
    fields["selected"] = ",".join(SELECTED_ID.findall(selection)[:PAGE]) or (NOTHING_SELECTED if selection else "")
    return SupplierFilter(**{**fields, "sort": fields["sort"] or "queue"}, own_answers_only=own_answers_only)


def clean_search_text(text: str) -> str:
    """Normalise a search text in the same way as stored names: to NFC, without repeated spaces or invisible marks."""
    return " ".join(unicodedata.normalize("NFC", INVISIBLE.sub("", text)).split())


@dataclass(frozen=True)
class ConfidenceSummary:
    """Confidence in the scores of a list of suppliers: their number, the median confidence (0 to 100, None for an empty list),
    and how many have a coverage below one half.
    """

    total: int
    confidence: float | None
    low_coverage: int


@dataclass(frozen=True)
class SupplierPage:
    """A page of the supplier table: its suppliers, page number, number of pages, and a confidence summary of the whole list."""

    suppliers: Sequence[Supplier]
    page: int
    pages: int
    confidence_summary: ConfidenceSummary


def get_supplier_page(session: Session, filter_: SupplierFilter, on: date, page: int = 1) -> SupplierPage:
    """Return a page of the suppliers that match a filter; a page beyond the last gives the last."""
    summary = summarize_confidence(session, filter_, on)
    pages = max(1, -(-summary.total // PAGE))
    page = min(max(page, 1), pages)
    query = select(Supplier).where(*build_filter_conditions(filter_, on)).order_by(*SORTS[filter_.sort])
    return SupplierPage(session.scalars(query.limit(PAGE).offset(PAGE * (page - 1))).all(), page, pages, summary)


def summarize_confidence(session: Session, filter_: SupplierFilter, on: date) -> ConfidenceSummary:
    """Summarise the confidence of the suppliers that match a filter. The database counts: fetching 10,000 rows is slow."""
    matching = build_filter_conditions(filter_, on)
    confidence, coverage = (func.coalesce(column, 0.0) for column in (Supplier.confidence, Supplier.coverage))
    counts = select(func.count(), func.count().filter(coverage < 0.5)).select_from(Supplier).where(*matching)
    total, low_coverage = session.execute(counts).one()
    middle = select(confidence).where(*matching).order_by(confidence).offset((total - 1) // 2).limit(2 - total % 2)
    median = statistics.median(session.scalars(middle)) if total else None
    return ConfidenceSummary(total, median, low_coverage)


def list_supplier_ids(session: Session, filter_: SupplierFilter, on: date) -> list[str]:
    """Return the ids of the suppliers that match a filter, in its sort order."""
    return list(
        session.scalars(select(Supplier.id).where(*build_filter_conditions(filter_, on)).order_by(*SORTS[filter_.sort]))
    )


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


def build_filter_conditions(filter_: SupplierFilter, on: date) -> list[ColumnElement[bool]]:
    """Build the SQL conditions of a filter. Only suppliers that are assessed and not deleted match."""
    chosen: list[ColumnElement[bool]] = [Supplier.deleted_at.is_(None), Supplier.latest_id.is_not(None)]
    if filter_.text:
        merged = select(MergedKey.supplier_id).where(MergedKey.named.icontains(filter_.text, autoescape=True))
        matches = [column.icontains(filter_.text, autoescape=True) for column in (Supplier.name, Supplier.reference)]
        chosen.append(or_(*matches, Supplier.id.in_(merged)))
    if filter_.sector:
        unknown = filter_.sector == "unknown"
        chosen.append(
            Supplier.sector.is_(None) if unknown else Supplier.sector.startswith(filter_.sector, autoescape=True)
        )
    if filter_.country:
        chosen.append(Supplier.country == (None if filter_.country == "unknown" else filter_.country))
    if filter_.kind:
        chosen.append(Supplier.kind == filter_.kind)
    if filter_.level:
        chosen.append(Supplier.level == filter_.level)
    if filter_.inherent_level:
        chosen.append(Supplier.inherent_level == filter_.inherent_level)
    if filter_.selected:
        chosen.append(Supplier.id.in_(filter_.selected.split(",")))
    if filter_.step:
        chosen.append((Supplier.own_step if filter_.own_answers_only else Supplier.next_step) == filter_.step)
    if filter_.review:
        chosen.append(Supplier.review_due < on if filter_.review == "overdue" else Supplier.review_due <= on + SOON)
    if filter_.imported:
        chosen.append(Supplier.id.in_(select(Result.supplier_id).where(Result.import_id == filter_.imported)))
    return chosen


@dataclass(frozen=True)
class FilterOptions:
    """Options of the country and sector filters, as (code, title) in the order of the titles."""

    countries: tuple[tuple[str, str], ...]
    sectors: tuple[tuple[str, str], ...]


def list_filter_options(session: Session, kind: str = "") -> FilterOptions:
    """Return the countries and divisions of the stored suppliers, with "unknown" if some supplier has none."""
    query = (
        select(Supplier.country, Supplier.sector)
        .where(*build_filter_conditions(SupplierFilter(kind=kind), date.max))
        .distinct()
    )
    rows = session.execute(query).all()
    return FilterOptions(
        _sort_by_title({row[0] for row in rows}, get_country_name),
        _sort_by_title({row[1][:2] if row[1] else None for row in rows}, get_sector_title),
    )


def _sort_by_title(codes: set[str | None], title: Any) -> tuple[tuple[str, str], ...]:
    pairs = ((code or "unknown", title(code)) for code in codes)
    return tuple(sorted(pairs, key=lambda pair: (pair[0] == "unknown", pair[1])))


def get_next_step(supplier: Supplier, *, own_answers_only: bool) -> str | None:
    """Return the id of a supplier's first action, or on request the first one that its own answers alone require; None if none
    is due.
    """
    return supplier.own_step if own_answers_only else supplier.next_step


def get_action_title(action_id: str | None) -> str:
    """Return the title of an action of the library, "" for None or an unknown id."""
    return next((action.title for action in load_actions() if action.id == action_id), "")


def get_level_text(supplier: Supplier) -> str:
    """Return the level of a supplier in words."""
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


def build_table_rows(session: Session, filter_: SupplierFilter, on: date) -> list[list[Any]]:
    """Return one row of cells for each supplier that matches a filter, in its sort order and in the columns of ``COLUMNS``."""
    suppliers = session.scalars(
        select(Supplier).where(*build_filter_conditions(filter_, on)).order_by(*SORTS[filter_.sort])
    )
    return [
        [
            s.kind, s.reference or "", s.name, get_country_name(s.country), get_sector_title(s.sector), get_level_text(s),
            s.score, s.best, s.worst, s.inherent, s.practice, s.practice_of, s.coverage, s.confidence,
            get_action_title(get_next_step(s, own_answers_only=filter_.own_answers_only)),
            s.review_due.isoformat() if s.review_due else "", s.assessed_at.date().isoformat() if s.assessed_at else "",
            s.model or "",
        ]
        for s in suppliers
    ]  # fmt: skip


def export_table(session: Session, filter_: SupplierFilter, on: date, format: str) -> bytes:  # noqa: A002  the word of the field
    """Return the whole filtered table as the bytes of a "csv" or "xlsx" file. Raises DomainError ``format.unknown``."""
    return write_table([title for _, title in COLUMNS], build_table_rows(session, filter_, on), format)


def write_table(titles: Sequence[str], cells: Sequence[Sequence[Any]], format: str) -> bytes:  # noqa: A002  the word of the field
    """Return a table of suppliers as the bytes of a "csv" or "xlsx" file. Raises DomainError ``format.unknown``."""
    if format == "csv":
        text = StringIO()
        csv.writer(text, lineterminator="\r\n").writerows([titles, *([guard(cell) for cell in row] for row in cells)])
        return text.getvalue().encode("utf-8-sig")
    if format == "xlsx":
        return _build_workbook(titles, cells)
    raise DomainError("format.unknown", 422, "The list can be exported as CSV or XLSX.")


def _build_workbook(titles: Sequence[str], cells: Sequence[Sequence[Any]]) -> bytes:
    buffer = BytesIO()
    with xlsxwriter.Workbook(buffer, {"constant_memory": True}) as book:
        sheet, bold = book.add_worksheet("Suppliers"), book.add_format({"bold": True})
        for column, values in enumerate(zip(titles, *cells, strict=True)):
            longest = max(len(value) for value in values if isinstance(value, str))
            sheet.set_column(column, column, min(longest + 2, MAX_COLUMN_WIDTH))
        write_row(sheet, 0, titles, [bold] * len(titles))
        for number, row in enumerate(cells, 1):
            write_row(sheet, number, row, [None] * len(row))
        sheet.freeze_panes(1, 3)
        sheet.autofilter(0, 0, max(len(cells), 1), len(titles) - 1)
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
                f"You already have a filter with this name in the list of {other_list}. Replacing it removes it there."
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
        conditions = build_filter_conditions(SupplierFilter(step=step, own_answers_only=own_answers_only), on)
        worst = select(Supplier).where(*conditions).order_by(*QUEUE).limit(suppliers_per_step)
        steps.append(NextStep(step, session.scalars(worst).all(), total))
    return steps


def count_next_steps(session: Session, on: date, *, own_answers_only: bool) -> dict[str, int]:
    """Return for each action that is the next step of some supplier how many suppliers that is, the most urgent action first."""
    first = Supplier.own_step if own_answers_only else Supplier.next_step
    by_step = select(first, func.count()).where(*build_filter_conditions(SupplierFilter(), on)).group_by(first)
    totals = {step: count for step, count in session.execute(by_step) if step}
    last = (True, (True, len(totals)), "")
    library = load_actions_by_id(session, on).values()
    order = {action.id: (not action.safety, action.tie_break, action.id) for action in library}
    return {step: totals[step] for step in sorted(totals, key=lambda step: order.get(step, last))}


def load_actions_by_id(session: Session, on: date) -> Mapping[str, Action]:
    """Return the library of actions that the plans of the session's organisation use on a day, by id."""
    return {action.id: action for action in list_release_actions(find_organisation_library(session, on))}
