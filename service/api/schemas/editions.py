"""How a list differs from the one before it."""

from __future__ import annotations

from marshmallow import fields

from service.api.fields import StrictChoice, StrictInteger, StrictList, StrictString
from service.api.schemas.assessments import KINDS
from service.api.schemas.base import ApiSchema, PageQuerySchema, page_of
from service.api.schemas.identity import REASONS
from service.imports.editions import DECISIONS, STATES


class EditionCountsSchema(ApiSchema):
    """The number of suppliers on a list in each state, compared with the previous list."""

    new = StrictInteger(0)
    changed = StrictInteger(0)
    renamed = StrictInteger(0)
    moved = StrictInteger(0)
    doubtful = StrictInteger(0)
    gone = StrictInteger(0)
    unchanged = StrictInteger(0)


class EditionSchema(ApiSchema):
    """The list that an import was compared with, and the outcome.

    If there is no previous list, only the doubtful rows of a preview are counted.
    """

    previous_id = fields.String(
        allow_none=True, metadata={"description": "The ID of the import that contains the previous list."}
    )
    counts = fields.Nested(EditionCountsSchema)


class ChangedAnswerSchema(ApiSchema):
    """A difference between two lists: the question and the answer in each list. Null means that the cell is empty."""

    question = fields.String()
    before = fields.Raw(allow_none=True)
    after = fields.Raw(allow_none=True)


class EditionEntrySchema(ApiSchema):
    """A supplier whose entry differs between a list and the previous one."""

    id = fields.String()
    kind = StrictChoice(KINDS)
    state = StrictChoice(STATES)
    name = fields.String()
    supplier_id = fields.String(
        allow_none=True, metadata={"description": "Null for a new supplier if the import has not been confirmed."}
    )
    before_id = fields.String(
        allow_none=True,
        metadata={
            "description": "The stored supplier that a `doubtful` entry may refer to or, if the two have been merged, the one "
            "that remains."
        },
    )
    reasons = fields.List(
        StrictChoice(REASONS),
        metadata={"description": "Why a `doubtful` entry and the stored supplier may be the same."},
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
    """The decision about suppliers that are no longer on a list: `kept` if they still supply you, otherwise `ended`."""

    entries = StrictList(StrictString(36), required=True, metadata={"minItems": 1, "maxItems": 200})
    decision = StrictChoice(DECISIONS, required=True)


class GoneDecidedSchema(ApiSchema):
    """The number of suppliers for which the decision was recorded."""

    decided = StrictInteger(0)
