"""A buyer's own practices as an organisation keeps them: answered by its units, with their past, read by the rules of the day.

A unit is found again by its name, and its newest answers count. No supplier's score reads them (service/buyer/buying.py).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from questionnaires.form import load_form
from reports.document import BuyerFinding, Step
from risk_models.name_normalize import name_key
from service.audit import record
from service.buyer.buying import Told, lines_of, told_of
from service.db.buyer_tables import BuyerAnswers
from service.errors import not_found

FORM = "buyer"
FULL_DAY = len("2026-11-25")


@dataclass(frozen=True)
class Unit:
    """A unit: the answers that count, and every practice as it stands."""

    kept: BuyerAnswers
    told: tuple[Told, ...]

    @property
    def name(self) -> str:
        """Its name as it gave it, "" where it gave none."""
        return str(self.kept.answers.get("name") or "")


def keep(
    session: Session, rows: Iterable[Mapping[str, Any]], on: date, at: datetime, by: str, import_id: str | None = None
) -> list[BuyerAnswers]:
    """Keeps what units answered about themselves; of several rows of one unit the last stands, and earlier answers stay as its
    past.

    ``on``: the day they speak of where they do not say it. Answers are validated already.
    """
    version = load_form(FORM).version
    kept = []
    for unit, answers in {name_key(str(row.get("name") or ""))[:300]: dict(row) for row in rows}.items():
        answered = str(answers.get("answered_on") or "")
        day = date.fromisoformat(answered) if len(answered) == FULL_DAY else on
        of = {"unit": unit, "form_version": version, "answers": answers, "on": day, "import_id": import_id}
        kept.append(BuyerAnswers(**of, created_by=by, created_at=at))
    session.add_all(kept)
    session.flush()
    for row in kept:
        record(session, by, "buyer.answered", "buyer", row.id, {"import": import_id} if import_id else {})
    return kept


def units(session: Session, on: date) -> tuple[Unit, ...]:
    """Every unit by name, as it stands on a day."""
    newest: dict[str, BuyerAnswers] = {}
    order = (BuyerAnswers.created_at.desc(), BuyerAnswers.id)
    for row in session.scalars(select(BuyerAnswers).order_by(*order)):
        newest.setdefault(row.unit, row)
    kept = [newest[unit] for unit in sorted(newest)]
    told = told_of([(row.answers, row.on) for row in kept], on)
    return tuple(Unit(row, lines) for row, lines in zip(kept, told, strict=True))


def lines(found: Sequence[Unit]) -> tuple[tuple[BuyerFinding, ...], tuple[Step, ...]]:
    """What a page or a report says of the units: findings first; and each action once, soonest first."""
    return lines_of([(unit.name, unit.told) for unit in found])


def erase(session: Session, answers_id: str, by: str) -> None:
    """Erases the unit that these answers are of, with all it ever answered. Raises Refused ``not_found``."""
    row = session.scalars(select(BuyerAnswers).where(BuyerAnswers.id == answers_id)).first()
    if row is None:
        raise not_found("There is no such unit.")
    session.execute(delete(BuyerAnswers).where(BuyerAnswers.unit == row.unit))
    record(session, by, "buyer.erased", "buyer", answers_id, {})
