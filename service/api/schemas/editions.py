"""How a list differs from the one before it."""

from __future__ import annotations

from marshmallow import fields

from service.api.fields import StrictChoice, StrictInteger, StrictList, StrictString
from service.api.schemas.assessments import KINDS
from service.api.schemas.base import ApiSchema, PageQuerySchema, page_of
from service.api.schemas.identity import REASONS
from service.imports.editions import DECISIONS, STATES


class EditionCountsSchema(ApiSchema):
    """How many suppliers of a list are in each state, compared with the list before it."""

    new = StrictInteger(0)
    changed = StrictInteger(0)
    renamed = StrictInteger(0)
    moved = StrictInteger(0)
    doubtful = StrictInteger(0)
    gone = StrictInteger(0)
    unchanged = StrictInteger(0)


class EditionSchema(ApiSchema):
    """What an import was compared with, and the outcome. Without an earlier list, only doubtful rows of a preview are counted."""

    previous_id = fields.String(
        allow_none=True, metadata={"description": "The ID of the import with the list before it."}
    )
    counts = fields.Nested(EditionCountsSchema)


class ChangedAnswerSchema(ApiSchema):
    """A difference between two lists: the question, and what each list says; null for an empty cell."""

    question = fields.String()
    before = fields.Raw(allow_none=True)
    after = fields.Raw(allow_none=True)


class EditionEntrySchema(ApiSchema):
    """A supplier in which a list differs from the one before it."""

    id = fields.String()
    kind = StrictChoice(KINDS)
    state = StrictChoice(STATES)
    name = fields.String()
    supplier_id = fields.String(
        allow_none=True, metadata={"description": "Null for a new supplier of an import that is not confirmed."}
    )
    before_id = fields.String(
        allow_none=True,
        metadata={
            "description": "The stored supplier that a `doubtful` one may be; if the two were merged, the remaining one."
        },
    )
    reasons = fields.List(
        StrictChoice(REASONS), metadata={"description": "For `doubtful`: why the two may be the same."}
    )
    changes = fields.List(fields.Nested(ChangedAnswerSchema))
    decision = StrictChoice(DECISIONS, allow_none=True)
    decided_by = fields.String(allow_none=True)
    decided_at = fields.DateTime(allow_none=True)


EDITION_PAGE = page_of(EditionEntrySchema, "EditionPage")


class EditionQuerySchema(PageQuerySchema):
    """The parameters for listing the differences between two lists."""

    state = StrictChoice(STATES)


class GoneDecisionSchema(ApiSchema):
    """The decision about suppliers that are no longer on a list: `kept`, or `ended` if they no longer supply you."""

    entries = StrictList(StrictString(36), required=True, metadata={"minItems": 1, "maxItems": 200})
    decision = StrictChoice(DECISIONS, required=True)


class GoneDecidedSchema(ApiSchema):
    """How many suppliers a decision was recorded for."""

    decided = StrictInteger(0)
