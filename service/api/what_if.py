"""API view of the what-if analysis: it takes changed answers, agencies or actions, and returns what would change. Nothing is
stored.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy.orm import Session

from service.api.answers import load_answers
from service.api.responses import Reply
from service.api.schemas.base import Resource
from service.api.vouching import FIELD
from service.db.tables import Result
from service.errors import DomainError, not_found
from service.queries.what_if import compute_if_confirmed, compute_what_if, find_fewest_actions, load_baseline
from service.suppliers import repository as suppliers


def try_change(session: Session, kind: str, supplier_id: str, body: Mapping[str, Any]) -> Reply:
    """Return a supplier before and after a change, and the smallest set of actions that would change its level."""
    supplier = suppliers.get_supplier(session, kind, supplier_id)
    result = session.get(Result, supplier.latest_id) if supplier.latest_id else None
    if result is None:
        raise not_found(f"{kind.capitalize()} not found.")
    data = dict(body.get("answers", {}))
    data.pop(FIELD, None)  # nothing is saved: what is sent is treated as confirmed in any case
    removed = {question: None for question, answer in data.items() if answer is None}
    changed = load_answers(kind, data).answers | removed
    scores = suppliers.get_agency_scores(session, [changed]) if "agencies" in changed else None
    grade, basis = body.get("evidence_grade"), load_baseline(session, result)
    try:
        comparison = compute_what_if(
            basis, changed, body.get("actions", ()), grade, scores, body.get("evidence_confirmed", ())
        )
        confirmed = compute_if_confirmed(basis)
    except ValueError as error:
        raise DomainError("what_if.impossible", 422, f"{error}.") from error
    fewest = find_fewest_actions(basis, grade) if grade else find_fewest_actions(basis)
    return Reply(
        {
            "before": comparison.before.headline,
            "after": comparison.after.headline,
            "moves": comparison.changes,
            "supposed_confirmed": comparison.supposed,
            "if_confirmed": confirmed.after.headline if confirmed else None,
            "fewest": Resource(
                fewest, moves_level=fewest.changes_level, actions=[action.id for action in fewest.actions]
            ),
        }
    )
