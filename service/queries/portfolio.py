"""The portfolio of an organisation on one page, from the summary columns of its suppliers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

import numpy as np
from sqlalchemy import func, select
from sqlalchemy.orm import Session, aliased

from reports.document import LEVELS as LEVEL_NAMES
from reports.document import Cell, Place
from risk_models.answers import from_rows
from service.assessment.assess import Batch
from service.case_reading.evidence import decode_case_evidence
from service.db.count_triggers import LEVELS, PLACES
from service.db.derived_tables import SupplierCount
from service.db.pagination import build_order_by
from service.db.supplier_counts import count_overdue, list_counts
from service.db.tables import Change, Result, Supplier
from service.queries.supplier_filter import INHERENT_LEVELS, INSUFFICIENT, QUEUE
from service.report_content.labels import get_country_name, get_sector_title

ASSESSED = (Supplier.deleted_at.is_(None), Supplier.latest_id.is_not(None))
DIVISION = func.substr(Supplier.sector, 1, 2)
WORST_COLUMNS = (
    Supplier.level,
    Supplier.inherent_level,
    Supplier.inherent,
    Supplier.score,
    Supplier.practice_of,
    Supplier.up_to,
    Supplier.silent,
)


@dataclass(frozen=True)
class LevelChange:
    """A supplier whose level changed, from what to what, when, and why; ``is_unexplained``: it fell without a known cause."""

    supplier: Supplier
    before: str
    after: str
    at: datetime
    cause: str
    is_unexplained: bool


@dataclass(frozen=True)
class Overview:
    """The portfolio page: counts by level, suppliers with insufficient evidence, map data, level changes and reviews.

    ``insufficient_by_inherent``: the suppliers with insufficient evidence, counted by their inherent level.
    """

    counts: dict[str, int]
    insufficient_by_inherent: dict[str, int]
    kinds: dict[str, int]
    queue: Sequence[Supplier]
    worst: Sequence[Supplier]
    heat: tuple[Cell, ...]
    places: tuple[Place, ...]
    level_changes: tuple[LevelChange, ...]
    due: Sequence[Supplier]
    overdue: int


def get_portfolio_overview(session: Session, today: date, at: datetime, queue_length: int = 10) -> Overview:
    """Return the data of the portfolio page, in a handful of queries."""
    order = build_order_by(QUEUE)
    counted = list_counts(session, LEVELS)
    insufficient = select(Supplier).where(*ASSESSED, Supplier.level == INSUFFICIENT).order_by(*order)
    due = select(Supplier).where(*ASSESSED, Supplier.review_due <= today + timedelta(days=30))
    cells, places = _find_worst_by_place(session)
    return Overview(
        counts={level: sum(count.n for count in counted if count.value == level) for level in LEVEL_NAMES},
        insufficient_by_inherent={
            level: sum(count.n for count in counted if (count.value, count.detail) == (INSUFFICIENT, level))
            for level in INHERENT_LEVELS
        },
        kinds={kind: sum(count.n for count in counted if count.kind == kind) for kind in ("site", "agency")},
        queue=session.scalars(insufficient.limit(queue_length)).all(),
        worst=session.scalars(select(Supplier).where(*ASSESSED).order_by(*order).limit(queue_length)).all(),
        heat=cells,
        places=places,
        level_changes=list_level_changes(session, at - timedelta(days=90)),
        due=session.scalars(due.order_by(Supplier.review_due, *order).limit(queue_length)).all(),
        overdue=count_overdue(session, today),
    )


def list_level_changes(session: Session, since: datetime, limit: int = 20) -> tuple[LevelChange, ...]:
    """Return the level changes since a moment, latest first; a first assessment is not a change.

    The query leaves out first assessments: after a large upload they would fill the limit and hide every change.
    """
    rows = session.execute(
        select(Change, Supplier)
        .join(Supplier, Supplier.id == Change.supplier_id)
        .where(Change.level_before.is_not(None), Change.at >= since, Supplier.deleted_at.is_(None))
        .order_by(Change.at.desc(), Change.id.desc())
        .limit(limit)
    )
    return tuple(
        LevelChange(
            supplier,
            str(change.level_before),
            change.data["to"],
            change.at,
            change.data.get("cause", ""),
            bool(change.data.get("without_known_cause")),
        )
        for change, supplier in rows
    )


def list_places(session: Session) -> tuple[Place, ...]:
    """Return the worst supplier of each country, for maps."""
    return _find_worst_by_place(session)[1]


def _find_worst_by_place(session: Session) -> tuple[tuple[Cell, ...], tuple[Place, ...]]:
    """Return the worst supplier of each country and sector, and of each country: its score if practice is known, otherwise its
    inherent risk.

    The counts tell which cells there are, and an index begins each cell with its worst. Ties go to the first key.
    """
    counted = list_counts(session, PLACES)
    place, division = SupplierCount.value.label("place"), SupplierCount.detail.label("division")
    cell = select(place, division).where(SupplierCount.facet == PLACES).distinct().subquery()
    member = aliased(Supplier)
    first = (
        select(member.id)
        .where(member.place == cell.c.place, member.division == cell.c.division)
        .where(member.deleted_at.is_(None), member.latest_id.is_not(None))
        .order_by(member.rank, member.inherent.desc(), member.score.desc(), member.kind, member.key)
        .limit(1)
        .correlate(cell)
        .scalar_subquery()
    )
    # Materialized, so that it is worked out once for each cell and not for each supplier.
    firsts = select(first.label("id")).select_from(cell).cte("firsts").prefix_with("MATERIALIZED")
    worst = select(Supplier.country, DIVISION, *WORST_COLUMNS).join(firsts, Supplier.id == firsts.c.id)
    worst_first = (Supplier.rank, Supplier.inherent.desc(), Supplier.score.desc(), Supplier.kind, Supplier.key)
    in_cells, in_countries = Counter[Any](), Counter[Any]()
    for count in counted:
        in_cells[count.value or None, count.detail or None] += count.n
        in_countries[count.value or None] += count.n
    cells: list[Cell] = []
    places: dict[str, Place] = {}
    for row in session.execute(worst.order_by(*worst_first)):
        (country, sector), value = row[:2], _describe_worst(row)
        name = get_country_name(country)
        cells.append(Cell(country, name, sector, get_sector_title(sector), results=in_cells[country, sector], **value))
        if country and country not in places:
            places[country] = Place(country, name, results=in_countries[country], **value)
    cells.sort(key=lambda cell: (-cell.value, cell.country or "", cell.sector or ""))
    return tuple(cells), tuple(place for _, place in sorted(places.items()))


def _describe_worst(worst: Any) -> dict[str, Any]:
    """Return value, level, what is known, and whether the value is an upper bound or driven by missing answers."""
    level = worst.inherent_level if worst.level == "insufficient_evidence" else worst.level
    if worst.practice_of is None:
        return {"value": worst.inherent, "level": level, "known": "inherent"}
    doubt = {"up_to": worst.up_to, "silent": bool(worst.silent)}
    return {"value": worst.score, "level": level, "known": "practice"} | doubt


def build_batches(session: Session) -> list[Batch]:
    """Build batches of all stored suppliers with their latest answers, agencies first, to assess them as one portfolio."""
    batches = []
    for kind in ("agency", "site"):
        latest = select(Supplier.answers, Result.case_evidence).join(Result, Result.id == Supplier.latest_id)
        query = latest.where(Supplier.kind == kind, *ASSESSED)
        rows = session.execute(query.order_by(Supplier.key)).all()
        if rows:
            answers = from_rows(row.answers for row in rows)
            cases = decode_case_evidence([row.case_evidence for row in rows])
            batches.append(Batch(kind, answers, "", "", np.arange(1, len(rows) + 1), cases))
    return batches
