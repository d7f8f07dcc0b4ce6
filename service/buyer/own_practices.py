"""Store and list the answers of a buyer's units about their own practices, evaluated by the rules in force.

A unit is identified by its name; its newest answers count and earlier ones stay as its history. No score of a supplier depends on
them (service/buyer/practice_findings.py).
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
from service.audit import record_event
from service.buyer.practice_findings import DescribedFinding, build_unit_lines, describe_findings
from service.db.buyer_tables import BuyerAnswers
from service.errors import not_found
from service.suppliers.organisation_models import find_organisation_library

FORM_ID = "buyer"
ISO_DATE_LENGTH = len("2026-11-25")


@dataclass(frozen=True)
class Unit:
    """A unit of the buyer: its newest answers, and the findings on all practices."""

    record: BuyerAnswers
    findings: tuple[DescribedFinding, ...]

    @property
    def name(self) -> str:
        """Return the name of the unit as it was given, "" if none was given."""
        return str(self.record.answers.get("name") or "")


def save_answers(
    session: Session, rows: Iterable[Mapping[str, Any]], on: date, at: datetime, by: str, import_id: str | None = None
) -> list[BuyerAnswers]:
    """Save validated answers of units about themselves, and return the stored rows; if a unit has several rows, the last one
    counts.

    ``on``: the date of answers that do not give one. Earlier answers of a unit stay as its history.
    """
    version = load_form(FORM_ID).version
    saved = []
    for unit, answers in {name_key(str(row.get("name") or ""))[:300]: dict(row) for row in rows}.items():
        answered_on = str(answers.get("answered_on") or "")
        day = date.fromisoformat(answered_on) if len(answered_on) == ISO_DATE_LENGTH else on
        columns = {"unit": unit, "form_version": version, "answers": answers, "on": day, "import_id": import_id}
        saved.append(BuyerAnswers(**columns, created_by=by, created_at=at))
    session.add_all(saved)
    session.flush()
    for row in saved:
        record_event(session, by, "buyer.answered", "buyer", row.id, {"import": import_id} if import_id else {})
    return saved


def list_units(session: Session, on: date) -> tuple[Unit, ...]:
    """Return all units in the order of their names, evaluated on a day."""
    newest: dict[str, BuyerAnswers] = {}
    order = (BuyerAnswers.created_at.desc(), BuyerAnswers.id)
    for row in session.scalars(select(BuyerAnswers).order_by(*order)):
        newest.setdefault(row.unit, row)
    rows = [newest[unit] for unit in sorted(newest)]
    library = find_organisation_library(session, on)
    findings = describe_findings([(row.answers, row.on) for row in rows], on, library)
    return tuple(Unit(row, unit_findings) for row, unit_findings in zip(rows, findings, strict=True))


def build_report_lines(units: Sequence[Unit]) -> tuple[tuple[BuyerFinding, ...], tuple[Step, ...]]:
    """Return the findings for a page or report, harm first, and each action once, earliest due date first."""
    return build_unit_lines([(unit.name, unit.findings) for unit in units])


def erase_unit(session: Session, answers_id: str, by: str) -> None:
    """Erase a unit, given the id of any of its answers, with its whole history. Raises DomainError ``not_found``."""
    row = session.scalars(select(BuyerAnswers).where(BuyerAnswers.id == answers_id)).first()
    if row is None:
        raise not_found("Unit not found.")
    session.execute(delete(BuyerAnswers).where(BuyerAnswers.unit == row.unit))
    record_event(session, by, "buyer.erased", "buyer", answers_id, {})
