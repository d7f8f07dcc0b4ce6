"""Retaliation watches: whether workers who spoke up have suffered for it."""

from __future__ import annotations

from marshmallow import fields

from service.api.fields import CurrentChoice, StrictChoice, StrictList, StrictNested, StrictString
from service.api.schemas.base import ApiSchema, PageQuerySchema, page_of
from service.retaliation.checks import RESULTS
from service.retaliation.watches import ENDED, OPEN


class RetaliationCheckSchema(ApiSchema):
    """A check during a retaliation watch: when it is due, and what it found. It contains figures for groups only."""

    id = fields.String()
    month = fields.Integer(
        metadata={"description": "The number of months after which the check is due; 0 for a repeated check."}
    )
    due = fields.Date()
    result = CurrentChoice(RESULTS, allow_none=True, metadata={"description": "Null until the result is recorded."})
    checked_on = fields.Date(allow_none=True)
    source = fields.String(
        allow_none=True, metadata={"description": "The kind of people who provided the information."}
    )
    workers = fields.Integer(allow_none=True, metadata={"description": "The number of workers spoken to."})
    chosen_by = fields.String(allow_none=True, metadata={"description": "Who chose the workers who were spoken to."})
    figures = fields.Dict(
        keys=fields.String(),
        values=fields.Integer(),
        allow_none=True,
        metadata={"description": "The number of workers affected by each sign of retaliation."},
    )
    reason = fields.String(
        allow_none=True, metadata={"description": "Why a check was not possible, or what was observed."}
    )


class RetaliationWatchSchema(ApiSchema):
    """A period of regular checks on whether workers suffer for what they reported. The supplier never sees it."""

    id = fields.String()
    supplier_id = fields.String()
    started_on = fields.Date()
    state = CurrentChoice((OPEN, ENDED))
    case_id = fields.String(
        allow_none=True, metadata={"description": "The case in which signs of retaliation were recorded."}
    )
    end_reason = fields.String(
        allow_none=True,
        metadata={
            "description": "Why an approver was asked to end the watch early. If the watch has ended, the approver agreed."
        },
    )
    ended_at = fields.DateTime(allow_none=True)
    checks = StrictList(StrictNested(RetaliationCheckSchema))
    version = fields.Integer()


class WatchQuerySchema(PageQuerySchema):
    """The parameters for listing retaliation watches."""

    supplier_id = StrictString(36)
    state = StrictChoice((OPEN, ENDED))


WATCH_PAGE = page_of(RetaliationWatchSchema, "RetaliationWatchPage")
