"""What needs me now: the whole portfolio of an organisation at one glance, from the headlines that suppliers keep."""

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
from service.case_reading.evidence import from_stored
from service.db.tables import Change, Result, Supplier
from service.report_content.labels import country_name, sector_title

KEPT = (Supplier.deleted_at.is_(None), Supplier.latest_id.is_not(None))
DIVISION = func.substr(Supplier.sector, 1, 2)
SHOWN = (
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
    """A supplier whose level moved, and when."""

    supplier: Supplier
    before: str
    after: str
    at: datetime
    cause: str


@dataclass(frozen=True)
class Overview:
    """The portfolio page: counts by level, the queue of insufficient evidence, cells and places for maps, movers, reviews."""

    counts: dict[str, int]
    kinds: dict[str, int]
    queue: Sequence[Supplier]
    worst: Sequence[Supplier]
    heat: tuple[Cell, ...]
    places: tuple[Place, ...]
    movers: tuple[LevelChange, ...]
    due: Sequence[Supplier]
    overdue: int


def get_overview(session: Session, today: date, at: datetime, queue_length: int = 10) -> Overview:
    """Everything the portfolio page shows, in a handful of queries."""
    order = (Supplier.rank, Supplier.inherent.desc(), Supplier.worst.desc(), Supplier.score.desc(), Supplier.id)
    counted = _counted(session, today)
    insufficient = select(Supplier).where(*KEPT, Supplier.level == "insufficient_evidence").order_by(*order)
    due = select(Supplier).where(*KEPT, Supplier.review_due <= today + timedelta(days=30))
    cells, places = _where(session, counted)
    return Overview(
        counts={level: sum(group.suppliers for group in counted if group.level == level) for level in LEVELS},
        kinds={kind: sum(group.suppliers for group in counted if group.kind == kind) for kind in ("site", "agency")},
        queue=session.scalars(insufficient.limit(queue_length)).all(),
        worst=session.scalars(select(Supplier).where(*KEPT).order_by(*order).limit(queue_length)).all(),
        heat=cells,
        places=places,
        movers=list_level_changes(session, at - timedelta(days=90)),
        due=session.scalars(due.order_by(Supplier.review_due, *order).limit(queue_length)).all(),
        overdue=sum(group.overdue for group in counted),
    )


def list_level_changes(session: Session, since: datetime, limit: int = 20) -> tuple[LevelChange, ...]:
    """Suppliers whose level moved since a moment, latest first; a first assessment is no move.

    First assessments are left out by the query: after a large upload they would fill it, and hide every move.
    """
    before = Change.data["from"].as_string()
    found = session.execute(
        select(Change, Supplier)
        .join(Supplier, Supplier.id == Change.supplier_id)
        .where(Change.kind == "level_moved", Change.at >= since, before.is_not(None), Supplier.deleted_at.is_(None))
        .order_by(Change.id.desc())
        .limit(limit)
    )
    return tuple(LevelChange(s, c.data["from"], c.data["to"], c.at, c.data.get("cause", "")) for c, s in found)


def list_places(session: Session, today: date) -> tuple[Place, ...]:
    """The worst of each country, as maps show it."""
    return _where(session, _counted(session, today))[1]


def _counted(session: Session, today: date) -> Sequence[Any]:
    """How many suppliers there are, and how many of them are overdue, by kind, level, country and division."""
    overdue = func.count().filter(Supplier.review_due < today).label("overdue")
    by = (Supplier.kind, Supplier.level, Supplier.country, DIVISION.label("division"))
    groups = select(*by, func.count().label("suppliers"), overdue).where(*KEPT).group_by(*by)
    return session.execute(groups).all()


def _where(session: Session, counted: Sequence[Any]) -> tuple[tuple[Cell, ...], tuple[Place, ...]]:
    """The worst of each country and sector, and of each country: its score where practice is known, else its inherent risk.

    The database picks them: it takes longer to hand over every supplier. Of equal values the first in the queue comes first.
    """
    worst_first = (Supplier.rank, Supplier.inherent.desc(), Supplier.score.desc(), Supplier.id)
    turn = func.row_number().over(partition_by=(Supplier.country, DIVISION), order_by=worst_first).label("turn")
    turns = select(Supplier.id, turn).where(*KEPT).subquery()
    worst = select(Supplier.country, DIVISION, *SHOWN).join(turns, turns.c.id == Supplier.id).where(turns.c.turn == 1)
    in_cells, in_countries = Counter[Any](), Counter[Any]()
    for group in counted:
        in_cells[group.country, group.division] += group.suppliers
        in_countries[group.country] += group.suppliers
    cells: list[Cell] = []
    places: dict[str, Place] = {}
    for row in session.execute(worst.order_by(*worst_first)):
        (country, sector), value = row[:2], _shown(row)
        name = country_name(country)
        cells.append(Cell(country, name, sector, sector_title(sector), results=in_cells[country, sector], **value))
        if country and country not in places:
            places[country] = Place(country, name, results=in_countries[country], **value)
    cells.sort(key=lambda cell: -cell.value)
    return tuple(cells), tuple(place for _, place in sorted(places.items()))


def _shown(worst: Any) -> dict[str, Any]:
    """Value, level, what is known, and whether the value is a bound or rests on blanks, of the worst of some suppliers."""
    level = worst.inherent_level if worst.level == "insufficient_evidence" else worst.level
    if worst.practice_of is None:
        return {"value": worst.inherent, "level": level, "known": "inherent"}
    doubt = {"up_to": worst.up_to, "silent": bool(worst.silent)}
    return {"value": worst.score, "level": level, "known": "practice"} | doubt


def batches(session: Session) -> list[Batch]:
    """All suppliers that are kept, agencies first, with what they answered last: to be assessed again as one portfolio."""
    found = []
    for kind in ("agency", "site"):
        latest = select(Supplier.answers, Result.case_evidence).join(Result, Result.id == Supplier.latest_id)
        kept = latest.where(Supplier.kind == kind, *KEPT)
        rows = session.execute(kept.order_by(Supplier.id)).all()
        if rows:
            answers = from_rows(row.answers for row in rows)
            cases = from_stored([row.case_evidence for row in rows])
            found.append(Batch(kind, answers, "", "", np.arange(1, len(rows) + 1), cases))
    return found
