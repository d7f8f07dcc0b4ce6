"""The action plan workbook: what is downloaded, what is sent, and what it changes."""

from __future__ import annotations

from marshmallow import fields

from service.api.fields import StrictChoice, StrictInteger, StrictList, StrictNested, StrictString
from service.api.schemas.base import ApiSchema
from service.api.schemas.remediation import PARTIES
from service.plan_workbook.columns import MOST_ROWS

YES_OR_NO = ("false", "true")


class PlanWorkbookQuerySchema(ApiSchema):
    """Which open steps the workbook contains.

    `from_workers` adds the steps known only from workers, if you have access to them.
    """

    supplier_id = StrictString(36)
    party = StrictChoice(PARTIES)
    from_workers = StrictChoice(YES_OR_NO)


class PlanWorkbookUploadSchema(ApiSchema):
    """The workbook to upload, and whether to show its changes without saving them (`preview`)."""

    file = fields.String(required=True, metadata={"format": "binary"})
    preview = fields.String(metadata={"enum": list(YES_OR_NO)})


class PlanWorkbookChangeSchema(ApiSchema):
    """A cell of the workbook that changes a step. `before` is empty if the value is new."""

    step_id = fields.String()
    row = StrictInteger(1)
    column = fields.String()
    before = fields.String()
    after = fields.String()


class StaleStepSchema(ApiSchema):
    """A row that was skipped because its step has changed since the workbook was downloaded."""

    row = StrictInteger(1)
    step_id = fields.String()


class PlanWorkbookChangesSchema(ApiSchema):
    """The changes in a workbook.

    `unchanged` is the number of rows without changes. `unread` lists the headers of columns that do not belong to the
    workbook.
    """

    changes = StrictList(StrictNested(PlanWorkbookChangeSchema))
    stale = StrictList(StrictNested(StaleStepSchema))
    unchanged = StrictInteger(0, MOST_ROWS)
    unread = StrictList(fields.String())


PLAN_WORKBOOK_UPLOAD = PlanWorkbookUploadSchema()
