"""The evidence of one supplier as its page shows it: state, questions, and what prevents confirming it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from questionnaires.form import load_combined_form
from questionnaires.question import Question
from risk_models.evidence import GRADE_TITLES
from service.assessment.evidence_entries import SELF_DECLARED, EvidenceEntry, get_step_id, parse_day
from service.db.tables import Supplier
from service.suppliers.confirmations import Voucher, find_fault, list_confirmable_questions
from service.suppliers.evidence import list_visible_entries
from service.suppliers.merge_rules import get_risk_lookup

GRADES: Mapping[str, str] = {grade: title for grade, title in GRADE_TITLES.items() if grade != SELF_DECLARED}
NOT_ANSWERED = "None of the questions it covers has been answered."


@dataclass(frozen=True)
class EvidenceItem:
    """A piece of evidence as a supplier's page shows it.

    ``questions``: the answered ones that it can be confirmed for; ``ticked``: the ids of those it is confirmed for, or will be
    unless others are ticked; ``obstacle``: why it cannot be confirmed at all ("" where it can); ``dated``: its day;
    ``step_id``: the closed step that lends it, None for other evidence.
    """

    entry: EvidenceEntry
    questions: Sequence[Question]
    ticked: Sequence[str]
    obstacle: str
    dated: date | None
    confirmed_on: date | None
    step_id: str | None


def list_evidence_items(supplier: Supplier, on: date, *, sees_worker_derived: bool) -> list[EvidenceItem]:
    """Return the evidence of a supplier for its page."""
    form, lookup = load_combined_form(supplier.kind).by_id, get_risk_lookup(supplier.kind, on)
    items = []
    for entry in list_visible_entries(supplier, sees_worker_derived=sees_worker_derived):
        confirmable = list_confirmable_questions(supplier.answers, entry.piece, lookup)
        fault = find_fault(entry.piece, Voucher("", on, covers=tuple(confirmable)))
        confirmed = entry.confirmed or {}
        named = entry.is_whole_place or entry.piece.get("covers")
        items.append(
            EvidenceItem(
                entry,
                [form[question] for question in confirmable],
                confirmed.get("covers") or (confirmable if named else ()),
                fault.detail if fault else "" if confirmable else NOT_ANSWERED,
                parse_day(entry.piece.get("date")),
                parse_day(confirmed.get("on")),
                get_step_id(entry.piece),
            )
        )
    return items


def list_answered_questions(supplier: Supplier, on: date) -> list[Question]:
    """Return the questions a supplier answered that evidence can be confirmed for."""
    form, lookup = load_combined_form(supplier.kind).by_id, get_risk_lookup(supplier.kind, on)
    return [form[question] for question in lookup.list_confirmable_questions(supplier.answers)]
