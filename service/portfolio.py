"""What needs me now: the whole portfolio of an organisation at one glance, from the headlines that suppliers keep."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

import numpy as np
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from reports.document import LEVELS, Cell, Place
from risk_models.answers import from_rows
from service.assess import Batch
from service.case_evidence import from_kept
from service.db.tables import Change, Result, Supplier
from service.wording import country_name, sector_title


@dataclass(frozen=True)
class Mover:
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
    movers: tuple[Mover, ...]
    due: Sequence[Supplier]
    overdue: int


def overview(session: Session, today: date, at: datetime, queue_length: int = 10) -> Overview:
    """Everything the portfolio page shows, in a handful of queries."""
    kept = (Supplier.deleted_at.is_(None), Supplier.latest_id.is_not(None))
    order = (Supplier.rank, Supplier.inherent.desc(), Supplier.worst.desc(), Supplier.score.desc(), Supplier.id)
    by_level = dict(session.execute(select(Supplier.level, func.count()).where(*kept).group_by(Supplier.level)).all())
    by_kind = dict(session.execute(select(Supplier.kind, func.count()).where(*kept).group_by(Supplier.kind)).all())
    insufficient = select(Supplier).where(*kept, Supplier.level == "insufficient_evidence").order_by(*order)
    due = select(Supplier).where(*kept, Supplier.review_due <= today + timedelta(days=30))
    cells, places = _where(session, kept)
    return Overview(
        counts={level: by_level.get(level, 0) for level in LEVELS},
        kinds={kind: by_kind.get(kind, 0) for kind in ("site", "agency")},
        queue=session.scalars(insufficient.limit(queue_length)).all(),
        worst=session.scalars(select(Supplier).where(*kept).order_by(*order).limit(queue_length)).all(),
        heat=cells,
        places=places,
        movers=movers(session, at - timedelta(days=90)),
        due=session.scalars(due.order_by(Supplier.review_due, *order).limit(queue_length)).all(),
        overdue=session.scalar(select(func.count()).select_from(Supplier).where(*kept, Supplier.review_due < today))
        or 0,
    )


def movers(session: Session, since: datetime, limit: int = 20) -> tuple[Mover, ...]:
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
    return tuple(Mover(s, c.data["from"], c.data["to"], c.at, c.data.get("cause", "")) for c, s in found)


def _where(session: Session, kept: tuple[Any, ...]) -> tuple[tuple[Cell, ...], tuple[Place, ...]]:
    """The worst of each country and sector, and of each country: its score where practice is known, else its inherent risk."""
    columns = (
        Supplier.country,
        Supplier.sector,
        Supplier.level,
        Supplier.inherent_level,
        Supplier.rank,
        Supplier.inherent,
        Supplier.score,
        Supplier.practice_of,
        Supplier.up_to,
        Supplier.silent,
    )
    rows = session.execute(select(*columns).where(*kept)).all()
    cells: dict[tuple[str | None, str | None], list[Any]] = {}
    places: dict[str, list[Any]] = {}
    for row in rows:
        country, sector = row[0], row[1]
        cells.setdefault((country, sector[:2] if sector else None), []).append(row)
        if country:
            places.setdefault(country, []).append(row)
    heat = tuple(
        Cell(country, country_name(country), sector, sector_title(sector), results=len(members), **_shown(members))
        for (country, sector), members in cells.items()
    )
    on_map = tuple(
        Place(country, country_name(country), results=len(members), **_shown(members))
        for country, members in sorted(places.items())
    )
    return tuple(sorted(heat, key=lambda cell: -cell.value)), on_map


def _shown(members: Sequence[Any]) -> dict[str, Any]:
    """Value, level, what is known, and whether the value is a bound or rests on blanks, of the worst of some suppliers."""
    worst = min(members, key=lambda row: (row.rank, -row.inherent, -row.score))
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
        kept = latest.where(Supplier.kind == kind, Supplier.deleted_at.is_(None), Supplier.latest_id.is_not(None))
        rows = session.execute(kept.order_by(Supplier.id)).all()
        if rows:
            answers = from_rows(row.answers for row in rows)
            cases = from_kept([row.case_evidence for row in rows])
            found.append(Batch(kind, answers, "", "", np.arange(1, len(rows) + 1), cases))
    return found
