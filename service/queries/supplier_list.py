"""The table of suppliers as an officer looks at it: searched, filtered, sorted, in pages; taken away as shown; kept by name."""

from __future__ import annotations

import csv
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from io import BytesIO, StringIO
from typing import Any

import xlsxwriter
from sqlalchemy import ColumnElement, func, or_, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from reports.csv import guard
from reports.document import LEVELS
from reports.formats import FORMATS
from reports.xlsx_rows import write_row
from risk_models.plan import Action, load_actions
from service.db.tables import MergedKey, Result, SavedFilter, Supplier
from service.errors import DomainError, not_found
from service.report_content.labels import country_name, level_words, sector_title

MEDIA_TYPES = {name: FORMATS[name].media_type for name in ("csv", "xlsx")}  # of the files a table is exported to
PAGE = 50
WIDEST = 45  # characters that a column of the workbook shows at most
REVIEWS = ("overdue", "soon")
SOON = timedelta(days=30)
QUEUE = (Supplier.rank, Supplier.inherent.desc(), Supplier.worst.desc(), Supplier.score.desc(), Supplier.id)
SORTS: Mapping[str, tuple[Any, ...]] = {
    "queue": QUEUE,
    "name": (func.lower(Supplier.name), Supplier.id),
    "country": (Supplier.country, *QUEUE),
    "score": (Supplier.score.desc(), Supplier.id),
    "range": ((Supplier.worst - Supplier.best).desc(), Supplier.id),
    "confidence": (Supplier.confidence, Supplier.id),
    "coverage": (Supplier.coverage, Supplier.id),
    "review": (Supplier.review_due, *QUEUE),
}


@dataclass(frozen=True)
class SupplierFilter:
    """What is to be shown; an empty field wants all. ``unknown`` stands for no country or no sector.

    ``own``: steps are those that suppliers' own answers alone call for (service/report_content/redaction.py).
    """

    kind: str = ""
    text: str = ""
    level: str = ""
    country: str = ""
    sector: str = ""
    review: str = ""
    step: str = ""
    imported: str = ""
    sort: str = "queue"
    own: bool = False

    def to_dict(self) -> dict[str, str]:
        """The fields that say something: what an address carries and what is kept of a saved filter."""
        told = {name: value for name, value in vars(self).items() if value and name != "own"}
        return {name: value for name, value in told.items() if (name, value) != ("sort", "queue")}


def parse_filter(values: Mapping[str, str], *, own: bool) -> SupplierFilter:
    """What an address or a saved filter wants, for who looks at it; what it cannot mean is left out."""
    known = {name: str(values.get(name, "")).strip()[:200] for name in SupplierFilter.__dataclass_fields__ if name != "own"}
    for name, values in (("kind", ("site", "agency")), ("level", LEVELS), ("review", REVIEWS), ("sort", tuple(SORTS))):
        if known[name] not in values:
            known[name] = ""
    return SupplierFilter(**{**known, "sort": known["sort"] or "queue"}, own=own)


@dataclass(frozen=True)
class ConfidenceSummary:
    """How sure some suppliers' scores are: the median confidence (0 to 100, None where there is nobody), and of how many
    less than half of what matters was asked and answered.
    """

    total: int
    confidence: float | None
    thin: int


@dataclass(frozen=True)
class SupplierPage:
    """A page of the table: the suppliers, which page of how many, and how sure all that is wanted is."""

    suppliers: Sequence[Supplier]
    page: int
    pages: int
    sure: ConfidenceSummary


def get_page(session: Session, filter_: SupplierFilter, on: date, page: int = 1) -> SupplierPage:
    """A page of what is wanted; a page beyond the last is the last."""
    sure = summarize_confidence(session, filter_, on)
    pages = max(1, -(-sure.total // PAGE))
    page = min(max(page, 1), pages)
    found = select(Supplier).where(*build_conditions(filter_, on)).order_by(*SORTS[filter_.sort])
    return SupplierPage(session.scalars(found.limit(PAGE).offset(PAGE * (page - 1))).all(), page, pages, sure)


def summarize_confidence(session: Session, wanted: SupplierFilter, on: date) -> ConfidenceSummary:
    """How sure the scores are of all that is wanted, counted by the database: ten thousand rows take long to hand over."""
    among = build_conditions(wanted, on)
    confidence, coverage = (func.coalesce(column, 0.0) for column in (Supplier.confidence, Supplier.coverage))
    counted = select(func.count(), func.count().filter(coverage < 0.5)).select_from(Supplier).where(*among)
    total, thin = session.execute(counted).one()
    middle = select(confidence).where(*among).order_by(confidence).offset((total - 1) // 2).limit(2 - total % 2)
    median = statistics.median(session.scalars(middle)) if total else None
    return ConfidenceSummary(total, median, thin)


def list_ids(session: Session, wanted: SupplierFilter, on: date) -> list[str]:
    """The ids of everything that is wanted, in its order."""
    return list(session.scalars(select(Supplier.id).where(*build_conditions(wanted, on)).order_by(*SORTS[wanted.sort])))


def count_by_level(session: Session, wanted: SupplierFilter, on: date) -> dict[str, int]:
    """How many of what is wanted stand at each level."""
    by_level = select(Supplier.level, func.count()).where(*build_conditions(wanted, on)).group_by(Supplier.level)
    found = dict(session.execute(by_level).all())
    return {level: found.get(level, 0) for level in LEVELS}


def build_conditions(wanted: SupplierFilter, on: date) -> list[ColumnElement[bool]]:
    """What a supplier must be to be among what is wanted."""
    chosen: list[ColumnElement[bool]] = [Supplier.deleted_at.is_(None), Supplier.latest_id.is_not(None)]
    if wanted.text:
        named = (Supplier.name, Supplier.reference)
        old = select(MergedKey.supplier_id).where(MergedKey.named.icontains(wanted.text, autoescape=True))
        bearing = [column.icontains(wanted.text, autoescape=True) for column in named]
        chosen.append(or_(*bearing, Supplier.id.in_(old)))
    if wanted.sector:
        unknown = wanted.sector == "unknown"
        chosen.append(
            Supplier.sector.is_(None) if unknown else Supplier.sector.startswith(wanted.sector, autoescape=True)
        )
    if wanted.country:
        chosen.append(Supplier.country == (None if wanted.country == "unknown" else wanted.country))
    if wanted.kind:
        chosen.append(Supplier.kind == wanted.kind)
    if wanted.level:
        chosen.append(Supplier.level == wanted.level)
    if wanted.step:
        chosen.append((Supplier.own_step if wanted.own else Supplier.next_step) == wanted.step)
    if wanted.review:
        chosen.append(Supplier.review_due < on if wanted.review == "overdue" else Supplier.review_due <= on + SOON)
    if wanted.imported:
        chosen.append(Supplier.id.in_(select(Result.supplier_id).where(Result.import_id == wanted.imported)))
    return chosen


@dataclass(frozen=True)
class FilterOptions:
    """What the filters offer: countries and sectors that there are, as (code, title) in the order of the titles."""

    countries: tuple[tuple[str, str], ...]
    sectors: tuple[tuple[str, str], ...]


def list_filter_options(session: Session, kind: str = "") -> FilterOptions:
    """The countries and divisions of the suppliers kept; "unknown" among them where one is not known."""
    query = select(Supplier.country, Supplier.sector).where(*build_conditions(SupplierFilter(kind=kind), date.max)).distinct()
    rows = session.execute(query).all()
    return FilterOptions(
        _titled({row[0] for row in rows}, country_name),
        _titled({row[1][:2] if row[1] else None for row in rows}, sector_title),
    )


def _titled(codes: set[str | None], title: Any) -> tuple[tuple[str, str], ...]:
    pairs = ((code or "unknown", title(code)) for code in codes)
    return tuple(sorted(pairs, key=lambda pair: (pair[0] == "unknown", pair[1])))


def get_next_step(supplier: Supplier, *, own: bool) -> str | None:
    """The id of the first action called for at a supplier; ``own``: by its own answers alone."""
    return supplier.own_step if own else supplier.next_step


def get_action_title(action_id: str | None) -> str:
    """The title of an action of the library; nothing where none is called for."""
    return next((action.title for action in load_actions() if action.id == action_id), "")


def get_level_text(supplier: Supplier) -> str:
    """The level of a supplier as a reader meets it."""
    silent = bool(supplier.silent)
    return level_words(supplier.level or "", supplier.inherent_level or "", up_to=supplier.up_to, silent=silent)


COLUMNS: tuple[tuple[str, str], ...] = (
    ("kind", "Kind"), ("reference", "Reference"), ("name", "Name"), ("country", "Country"), ("sector", "Sector"),
    ("level", "Level"), ("score", "Score"), ("best", "Best"), ("worst", "Worst"), ("inherent", "Inherent"),
    ("practice", "Practice"), ("practice_of", "of"), ("coverage", "Coverage"), ("confidence", "Confidence"),
    ("next_step", "Next step"), ("review_due", "Review due"), ("assessed", "Assessed"), ("model", "Model"),
)  # fmt: skip


def build_rows(session: Session, wanted: SupplierFilter, on: date) -> list[list[Any]]:
    """Everything that is wanted, in its order, one row a supplier, as COLUMNS name them."""
    found = session.scalars(select(Supplier).where(*build_conditions(wanted, on)).order_by(*SORTS[wanted.sort]))
    return [
        [
            s.kind, s.reference or "", s.name, country_name(s.country), sector_title(s.sector), get_level_text(s), s.score,
            s.best, s.worst, s.inherent, s.practice, s.practice_of, s.coverage, s.confidence,
            get_action_title(get_next_step(s, own=wanted.own)),
            s.review_due.isoformat() if s.review_due else "", s.assessed_at.date().isoformat() if s.assessed_at else "",
            s.model or "",
        ]
        for s in found
    ]  # fmt: skip


def export_table(session: Session, wanted: SupplierFilter, on: date, format: str) -> bytes:  # noqa: A002  the word of the field
    """The table as shown, whole, as "csv" or "xlsx". Raises Refused for any other format."""
    titles, cells = [title for _, title in COLUMNS], build_rows(session, wanted, on)
    if format == "csv":
        text = StringIO()
        csv.writer(text, lineterminator="\r\n").writerows([titles, *([guard(cell) for cell in row] for row in cells)])
        return text.getvalue().encode("utf-8-sig")
    if format == "xlsx":
        return _workbook(titles, cells)
    raise DomainError("format.unknown", 422, "A table is taken away as csv or xlsx.")


def _workbook(titles: Sequence[str], cells: Sequence[Sequence[Any]]) -> bytes:
    held = BytesIO()
    with xlsxwriter.Workbook(held, {"constant_memory": True}) as book:
        sheet, bold = book.add_worksheet("Suppliers"), book.add_format({"bold": True})
        for column, values in enumerate(zip(titles, *cells, strict=True)):
            longest = max(len(value) for value in values if isinstance(value, str))
            sheet.set_column(column, column, min(longest + 2, WIDEST))
        write_row(sheet, 0, titles, [bold] * len(titles))
        for number, row in enumerate(cells, 1):
            write_row(sheet, number, row, [None] * len(row))
        sheet.freeze_panes(1, 3)
        sheet.autofilter(0, 0, max(len(cells), 1), len(titles) - 1)
    return held.getvalue()


def save_filter(session: Session, user_id: str, name: str, wanted: SupplierFilter) -> SavedFilter:
    """Keeps a filter under a name. Raises Refused: ``filter.name``, ``filter.taken``."""
    if not 1 <= len(name.strip()) <= 100:
        raise DomainError("filter.name", 422, "A filter is kept under a name of up to 100 letters.")
    kept = SavedFilter(user_id=user_id, name=name.strip(), query=wanted.to_dict())
    try:
        with session.begin_nested():
            session.add(kept)
    except IntegrityError as taken:
        raise DomainError("filter.taken", 409, "You keep another filter under this name.") from taken
    return kept


def list_saved_filters(session: Session, user_id: str, kind: str | None = None) -> list[SavedFilter]:
    """The filters a user keeps, by name; those for the table of one kind where it is told."""
    found = session.scalars(select(SavedFilter).where(SavedFilter.user_id == user_id).order_by(SavedFilter.name))
    return [kept for kept in found if kind is None or kept.query.get("kind", "") == kind]


def delete_filter(session: Session, user_id: str, filter_id: str) -> None:
    """Removes a filter of a user. Raises Refused ``not_found``."""
    kept = session.scalars(
        select(SavedFilter).where(SavedFilter.id == filter_id, SavedFilter.user_id == user_id)
    ).first()
    if kept is None:
        raise not_found()
    session.delete(kept)


@dataclass(frozen=True)
class NextStep:
    """An action that is the first thing to do for some suppliers, and the worst few of them."""

    id: str
    suppliers: Sequence[Supplier]
    total: int


def list_next_steps(session: Session, on: date, named: int = 5, *, own: bool) -> list[NextStep]:
    """What is to be done first, over the whole portfolio: each action with the suppliers it concerns, worst first.

    ``own``: by suppliers' own answers alone.
    """
    first = Supplier.own_step if own else Supplier.next_step
    by_step = select(first, func.count()).where(*build_conditions(SupplierFilter(), on)).group_by(first)
    totals = {step: count for step, count in session.execute(by_step) if step}
    last = (True, (True, len(totals)), "")
    order = {action.id: (not action.safety, action.rank, action.id) for action in load_actions()}
    found = []
    for step in sorted(totals, key=lambda step: order.get(step, last)):
        members = select(Supplier).where(*build_conditions(SupplierFilter(step=step, own=own), on)).order_by(*QUEUE).limit(named)
        found.append(NextStep(step, session.scalars(members).all(), totals[step]))
    return found


def load_actions_by_id() -> Mapping[str, Action]:
    """The library of actions, by id."""
    return {action.id: action for action in load_actions()}
