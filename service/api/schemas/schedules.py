"""Schedules, which say when suppliers are reassessed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from marshmallow import ValidationError, fields

from reports.formats import ALL_FORMATS
from service.api.fields import (
    CODES,
    NOT_BLANK,
    StrictBoolean,
    StrictChoice,
    StrictInteger,
    StrictList,
    StrictNested,
    StrictString,
)
from service.api.schemas.base import ApiSchema, page_of
from service.schedules import service as schedules
from service.schedules.reports import MAX_RECIPIENTS, list_formats


def _rule(properties: Mapping[str, Any], *required: str) -> dict[str, Any]:
    """Return the JSON schema of one kind of rule."""
    time = {"type": "string", "pattern": f"^{schedules.TIME.pattern}$", "default": schedules.DEFAULT_TIME}
    return {
        "type": "object",
        "properties": {**properties, "time": time},
        "required": list(required),
        "additionalProperties": False,
    }


ROLLING, FIXED = ({"const": kind} for kind in schedules.KINDS)
OF_WEEK = {"enum": list(schedules.WEEKDAYS)}
OF_MONTH = {"type": "integer", "minimum": 1, "maximum": schedules.LAST_DAY}
RULES = {
    "RollingRule": _rule({"kind": ROLLING}, "kind"),
    "DailyRule": _rule({"kind": FIXED, "every": {"const": "day"}}, "kind", "every"),
    "WeeklyRule": _rule({"kind": FIXED, "every": {"const": "week"}, "day": OF_WEEK}, "kind", "every", "day"),
    "MonthlyRule": _rule(
        {"kind": FIXED, "every": {"enum": ["month", "quarter"]}, "day": OF_MONTH}, "kind", "every", "day"
    ),
}


class RuleFieldsSchema(ApiSchema):
    """The fields of a rule, whatever their values."""

    kind = StrictString(required=True)
    every = StrictString()
    day = fields.Raw(error_messages=CODES)
    time = StrictString()


RULE_FIELDS = RuleFieldsSchema()


class RuleField(fields.Raw):
    """The rule of a schedule. Any object with these fields passes this check, so that invalid rules can be
    rejected with their own error codes; the OpenAPI document shows which rules are valid.
    """

    default_error_messages = CODES

    def __init__(self, **options: Any) -> None:
        named = [{"$ref": f"#/components/schemas/{name}"} for name in RULES]
        super().__init__(metadata={"oneOf": named}, **options)

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> Any:
        if not isinstance(value, dict):
            raise ValidationError("field.type")
        return RULE_FIELDS.load(value)


class TimeZoneField(fields.String):
    """A time zone from the IANA time zone database. The database changes over time, so its names are not listed here."""

    default_error_messages = CODES

    def __init__(self, **options: Any) -> None:
        about = "An IANA time zone name, such as Asia/Bangkok."
        super().__init__(metadata={"format": "iana-time-zone", "description": about}, **options)


class ScheduledReportSchema(ApiSchema):
    """The report that a schedule sends, and the users who get an email with a link to it."""

    document = StrictChoice(list_formats(), required=True)
    format = StrictChoice(ALL_FORMATS, required=True)
    worker_derived = StrictBoolean()
    recipients = StrictList(StrictString(36), 1, MAX_RECIPIENTS, required=True)


class ScheduleRunSchema(ApiSchema):
    """A run of a schedule: the scheduled time, the actual time, and the number of runs missed before it."""

    slot = fields.DateTime()
    fired_at = fields.DateTime()
    missed = StrictInteger(0)
    job_id = fields.String(allow_none=True)


class ScheduleSchema(ApiSchema):
    """A schedule for reviews or for a report, with its next five dates and its most recent runs."""

    id = fields.String(dump_only=True)
    name = StrictString(required=True, documented_pattern=NOT_BLANK)
    rule = RuleField(required=True)
    report = StrictNested(ScheduledReportSchema(sent_as="NewScheduledReport"), allow_none=True)
    time_zone = TimeZoneField(required=True)
    active = StrictBoolean()
    next_dates = fields.List(fields.DateTime(), dump_only=True)
    firings = fields.List(fields.Nested(ScheduleRunSchema), dump_only=True)
    created_at = fields.DateTime(dump_only=True)


NEW_SCHEDULE = ScheduleSchema(exclude=("active",))
SCHEDULE_CHANGE = ScheduleSchema(partial=True, sent_as="ScheduleChange")
SCHEDULES = page_of(ScheduleSchema, "ScheduleList")
