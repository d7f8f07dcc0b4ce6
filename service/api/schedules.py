"""Schedules through the API: made, shown, changed, removed. What is no rule is refused by ``service/monitoring/schedules.py``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from marshmallow import ValidationError, fields
from sqlalchemy.orm import Session

from service.api import shown
from service.api.read import NOT_BLANK, WRONG, Flag, Strict, Word
from service.api.responses import Reply
from service.auth.caller import caller
from service.monitoring import schedules

Told = Mapping[str, Any]


def _rule(most: Mapping[str, Any], *required: str) -> dict[str, Any]:
    """One of the rules as the document shows them."""
    time = {"type": "string", "pattern": f"^{schedules.TIME.pattern}$", "default": schedules.MORNING}
    return {
        "type": "object",
        "properties": {**most, "time": time},
        "required": list(required),
        "additionalProperties": False,
    }


ROLLING, FIXED = ({"const": kind} for kind in schedules.KINDS)
OF_WEEK = {"enum": list(schedules.WEEKDAYS)}
OF_MONTH = {"type": "integer", "minimum": 1, "maximum": schedules.LAST_DAY}
RULES = [
    _rule({"kind": ROLLING}, "kind"),
    _rule({"kind": FIXED, "every": {"const": "day"}}, "kind", "every"),
    _rule({"kind": FIXED, "every": {"const": "week"}, "day": OF_WEEK}, "kind", "every", "day"),
    _rule({"kind": FIXED, "every": {"enum": ["month", "quarter"]}, "day": OF_MONTH}, "kind", "every", "day"),
]
_told: Any = {"kind": Word(required=True), "every": Word(), "day": fields.Raw(error_messages=WRONG), "time": Word()}
RULE = Strict.from_dict(_told)()


class Rule(fields.Raw):
    """The rule of a schedule. Whatever has its fields is read, so that what is no rule is refused by the use case with codes of
    its own; the document shows the few that are rules.
    """

    default_error_messages = WRONG

    def __init__(self, **more: Any) -> None:
        super().__init__(metadata={"oneOf": RULES}, **more)

    def _deserialize(self, value: Any, attr: str | None, data: Told | None, **kwargs: Any) -> Any:
        if not isinstance(value, dict):
            raise ValidationError("field.type")
        return RULE.load(value)


class Zone(fields.String):
    """A time zone. The list of them is IANA's and grows: the document names it and does not copy it."""

    default_error_messages = WRONG

    def __init__(self, **more: Any) -> None:
        about = "A name of the IANA list of time zones, such as Asia/Bangkok."
        super().__init__(metadata={"format": "iana-time-zone", "description": about}, **more)


_new: Any = {
    "name": Word(required=True, metadata=NOT_BLANK),
    "rule": Rule(required=True),
    "time_zone": Zone(required=True),
}
_change: Any = {"name": Word(metadata=NOT_BLANK), "rule": Rule(), "time_zone": Zone(), "active": Flag()}
NEW, CHANGE = Strict.from_dict(_new)(), Strict.from_dict(_change)()


def listing(session: Session) -> Reply:
    """All schedules, the next one first."""
    found = [_schedule(session, kept.id) for kept in schedules.listing(session)]
    return Reply({"items": found, "next": None})


def _schedule(session: Session, schedule_id: str) -> dict[str, Any]:
    kept = schedules.get(session, schedule_id)
    return shown.schedule(kept, list(schedules.firings(session, kept, 5)))


def one(session: Session, schedule_id: str) -> Reply:
    """A schedule with its next five dates and its last firings."""
    return Reply(_schedule(session, schedule_id))


def create(session: Session, body: Told) -> Reply:
    """A new schedule."""
    made = schedules.create(session, body["name"], body["rule"], body["time_zone"], caller().actor)
    session.flush()
    return Reply(_schedule(session, made.id), 201, {"Location": f"/api/v1/schedules/{made.id}"})


def change(session: Session, schedule_id: str, body: Told) -> Reply:
    """Changes what is given of a schedule."""
    schedules.update(session, schedule_id, caller().actor, **body)
    session.flush()
    return Reply(_schedule(session, schedule_id))


def delete(session: Session, schedule_id: str) -> Reply:
    """Removes a schedule."""
    schedules.delete(session, schedule_id, caller().actor)
    return Reply(None, 204)
