"""What if, through the API: changed answers, agencies or actions in, moved points out. Nothing is kept."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from marshmallow import Schema, fields
from sqlalchemy.orm import Session

from reports.document import Detail
from risk_models.evidence import TITLES
from service.api import read
from service.api.read import Many, Named, OneOf, Strict, Word
from service.api.responses import Reply
from service.assessing.what_if import Fewest, fewest_actions, ground, what_if
from service.db.tables import Result
from service.refusal import Refused, not_found
from service.register import suppliers

MOVE = ("kind", "title", "before", "after", "state_before", "state_after")


def body(kind: str) -> Schema:
    """What may be changed: answers to the questions of a kind, actions, the grade of the evidence."""
    asked: Any = {
        "answers": Named(
            keys=fields.String(), metadata={"allOf": [{"$ref": f"#/components/schemas/{kind.capitalize()}Answers"}]}
        ),
        "actions": Many(Word(60, "^[a-z0-9_]+$"), 0, 100),
        "evidence_grade": OneOf(TITLES),
    }
    return Strict.from_dict(asked)()


def try_it(session: Session, kind: str, supplier_id: str, body: Mapping[str, Any]) -> Reply:
    """A supplier before and after a change, and the fewest actions that would move its level."""
    kept = suppliers.get(session, kind, supplier_id)
    result = session.get(Result, kept.latest_id) if kept.latest_id else None
    if result is None:
        raise not_found(f"There is no such {kind}.")
    told = body.get("answers", {})
    changed = read.answers(kind, told).answers | {q: None for q, said in told.items() if said is None}
    scores = suppliers.scores_of_agencies(session, [changed]) if "agencies" in changed else None
    grade, stands = body.get("evidence_grade"), ground(result)
    try:
        made = what_if(stands, changed, body.get("actions", ()), grade, scores)
    except ValueError as fault:
        raise Refused("what_if.impossible", 422, f"{fault}.") from fault
    return Reply(
        {
            "before": _standing(made.before),
            "after": _standing(made.after),
            "moves": [{name: getattr(move, name) for name in MOVE} for move in made.moves],
            "fewest": _fewest(fewest_actions(stands, grade) if grade else fewest_actions(stands)),
        }
    )


def _standing(detail: Detail) -> dict[str, Any]:
    told = {name: getattr(detail.headline, name) for name in ("level", "score", "best", "worst", "confidence")}
    return {**told, "floors": list(detail.headline.floors)}


def _fewest(found: Fewest) -> dict[str, Any]:
    told = {name: getattr(found, name) for name in ("level", "score", "moves_level")}
    return {**told, "actions": [action.id for action in found.actions]}
