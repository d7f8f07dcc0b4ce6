"""The portfolio of an organisation on one page, from the summary columns of its suppliers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

import numpy as np
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from reports.document import LEVELS, Cell, Place
from risk_models.answers import from_rows
from service.assessment.assess import Batch
from service.case_reading.evidence import decode_case_evidence
from service.db.tables import Change, Result, Supplier
from service.queries.supplier_list import INHERENT_LEVELS, KEY, QUEUE
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
    """A supplier whose level changed, from what to what, when, and why."""

    supplier: Supplier
    before: str
    after: str
    at: datetime
    cause: str


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
    counted = _count_groups(session, today)
    insufficient = select(Supplier).where(*ASSESSED, Supplier.level == "insufficient_evidence").order_by(*QUEUE)
    due = select(Supplier).where(*ASSESSED, Supplier.review_due <= today + timedelta(days=30))
    cells, places = _find_worst_by_place(session, counted)
    return Overview(
        counts={level: sum(group.suppliers for group in counted if group.level == level) for level in LEVELS},
        insufficient_by_inherent={
            level: sum(
                group.suppliers
                for group in counted
                if group.level == "insufficient_evidence" and group.inherent_level == level
            )
            for level in INHERENT_LEVELS
        },
        kinds={kind: sum(group.suppliers for group in counted if group.kind == kind) for kind in ("site", "agency")},
        queue=session.scalars(insufficient.limit(queue_length)).all(),
        worst=session.scalars(select(Supplier).where(*ASSESSED).order_by(*QUEUE).limit(queue_length)).all(),
        heat=cells,
        places=places,
        level_changes=list_level_changes(session, at - timedelta(days=90)),
        due=session.scalars(due.order_by(Supplier.review_due, *QUEUE).limit(queue_length)).all(),
        overdue=sum(group.overdue for group in counted),
    )


def list_level_changes(session: Session, since: datetime, limit: int = 20) -> tuple[LevelChange, ...]:
    """Return the level changes since a moment, latest first; a first assessment is not a change.

    The query leaves out first assessments: after a large upload they would fill the limit and hide every change.
    """
    before = Change.data["from"].as_string()
    rows = session.execute(
        select(Change, Supplier)
        .join(Supplier, Supplier.id == Change.supplier_id)
        .where(Change.kind == "level_moved", Change.at >= since, before.is_not(None), Supplier.deleted_at.is_(None))
        .order_by(Change.id.desc())
        .limit(limit)
    )
    return tuple(
        LevelChange(supplier, change.data["from"], change.data["to"], change.at, change.data.get("cause", ""))
        for change, supplier in rows
    )


def list_places(session: Session, today: date) -> tuple[Place, ...]:
    """Return the worst supplier of each country, for maps."""
    return _find_worst_by_place(session, _count_groups(session, today))[1]


def _count_groups(session: Session, today: date) -> Sequence[Any]:
    """Count suppliers, and those overdue for review, by kind, level, inherent level, country and division."""
    overdue = func.count().filter(Supplier.review_due < today).label("overdue")
    by = (Supplier.kind, Supplier.level, Supplier.inherent_level, Supplier.country, DIVISION.label("division"))
    groups = select(*by, func.count().label("suppliers"), overdue).where(*ASSESSED).group_by(*by)
    return session.execute(groups).all()


def _find_worst_by_place(session: Session, counted: Sequence[Any]) -> tuple[tuple[Cell, ...], tuple[Place, ...]]:
    """Return the worst supplier of each country and sector, and of each country: its score if practice is known, otherwise its
    inherent risk.

    The database picks them, since fetching every supplier takes longer. Ties go to the first in the queue.
    """
    worst_first = (Supplier.rank, Supplier.inherent.desc(), Supplier.score.desc(), *KEY)
    turn = func.row_number().over(partition_by=(Supplier.country, DIVISION), order_by=worst_first).label("turn")
    turns = select(Supplier.id, turn).where(*ASSESSED).subquery()
    worst = (
        select(Supplier.country, DIVISION, *WORST_COLUMNS)
        .join(turns, turns.c.id == Supplier.id)
        .where(turns.c.turn == 1)
    )
    in_cells, in_countries = Counter[Any](), Counter[Any]()
    for group in counted:
        in_cells[group.country, group.division] += group.suppliers
        in_countries[group.country] += group.suppliers
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
