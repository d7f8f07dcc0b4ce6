"""What a change would do to a supplier."""

from __future__ import annotations

from marshmallow import fields

from risk_models.evidence import GRADE_TITLES
from service.api.fields import StrictBoolean, StrictChoice, StrictDict, StrictList, StrictNumber, StrictString
from service.api.schemas.base import ApiSchema
from service.api.schemas.evidence import PIECE_ID
from service.suppliers.evidence import MAX_PIECES


class WhatIfStateSchema(ApiSchema):
    """The state of a supplier before or after a change."""

    level = fields.String()
    score = StrictNumber()
    best = StrictNumber()
    worst = StrictNumber()
    confidence = StrictNumber()
    floors = fields.List(fields.String())


class WhatIfMoveSchema(ApiSchema):
    """A reason whose points or state would differ after the change."""

    kind = fields.String()
    title = fields.String()
    before = StrictNumber()
    after = StrictNumber()
    state_before = fields.String()
    state_after = fields.String()


class FewestActionsSchema(ApiSchema):
    """The smallest set of actions that would change the level."""

    level = fields.String()
    score = StrictNumber()
    moves_level = StrictBoolean()
    actions = fields.List(fields.String())


class WhatIfSchema(ApiSchema):
    """A supplier before and after a change, and the smallest set of actions that would change its level."""

    before = fields.Nested(WhatIfStateSchema)
    after = fields.Nested(WhatIfStateSchema)
    moves = fields.List(fields.Nested(WhatIfMoveSchema))
    supposed_confirmed = fields.List(
        fields.String(),
        metadata={"description": "The evidence that you are assumed to have confirmed for this result."},
    )
    if_confirmed = fields.Nested(
        WhatIfStateSchema,
        allow_none=True,
        metadata={
            "description": "The result if you confirmed all claimed evidence that lists its questions or is an audit; null if "
            "there is no such evidence, or if the model counts evidence without confirmation."
        },
    )
    fewest = fields.Nested(FewestActionsSchema)


def what_if_change(kind: str) -> ApiSchema:
    """Return the schema of what may be changed of a supplier of a kind."""
    answers_of_kind = [{"$ref": f"#/components/schemas/{kind.capitalize()}Answers"}]

    class WhatIfChangeSchema(ApiSchema):
        """The changes to try out: changed answers, actions treated as done, and the evidence grade used for both."""

        answers = StrictDict(keys=fields.String(), metadata={"allOf": answers_of_kind})
        actions = StrictList(StrictString(60, "^[a-z0-9_]+$"), 0, 100)
        evidence_grade = StrictChoice(GRADE_TITLES)
        evidence_confirmed = StrictList(StrictString(20, PIECE_ID), 0, MAX_PIECES)

    return WhatIfChangeSchema(sent_as=f"{kind.capitalize()}WhatIfChange")
