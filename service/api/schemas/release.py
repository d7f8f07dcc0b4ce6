"""The release of the models that an organisation uses, and the preview of the next one."""

from __future__ import annotations

from marshmallow import fields

from reports.document import LEVELS
from service.api.fields import StrictChoice, StrictDay, StrictInteger, StrictNested, StrictNumber, StrictString
from service.api.schemas.assessments import KINDS
from service.api.schemas.base import ApiSchema
from service.api.schemas.files import JOB_STATES
from service.api.schemas.suppliers import TABLE_FORMATS
from service.model_governance.rule_effects import NEWER_FACTS, RULES

RELEASE_PATTERN = r"^[0-9]{4}\.[0-9]{1,3}$"
AVAILABLE = {"description": "The newest release in force if the organisation is not using it yet; otherwise null."}
OUTDATED = {"description": "The number of suppliers last assessed under a release other than the one in use."}
OUTDATED_FACTS = {
    "description": "The number of suppliers last assessed under the release in use, but with facts that are out of date."
}
PLANNED = {"description": "The release that will apply from `day`. Null from that day on, or if no day has been set."}
MATRIX = {
    "description": "The number of suppliers by level before (rows) and after (columns), in the order of `levels`."
}


class ReleaseDaySchema(ApiSchema):
    """The next release, and the day from which it applies."""

    release = StrictString(20, RELEASE_PATTERN, required=True)
    day = StrictDay(required=True)


class RuleEffectSchema(ApiSchema):
    """How one rule affects a supplier's score. The points for all rules add up to the change in its score."""

    rule = StrictChoice((*RULES, NEWER_FACTS))
    points = StrictNumber()
    sentence = fields.String()


class ReleaseMoveSchema(ApiSchema):
    """A supplier that would move to another level, and the reasons."""

    id = fields.String()
    kind = StrictChoice(KINDS)
    reference = fields.String(allow_none=True)
    name = fields.String()
    country = fields.String(allow_none=True)
    level_before = StrictChoice(LEVELS)
    level_after = StrictChoice(LEVELS)
    score_before = StrictNumber()
    score_after = StrictNumber()
    reasons = fields.List(fields.Nested(RuleEffectSchema))


class RuleSummarySchema(ApiSchema):
    """How one rule affects the portfolio: the number of scores that rise and fall, and the number of levels that
    change mainly because of it.
    """

    rule = StrictChoice((*RULES, NEWER_FACTS))
    title = fields.String()
    explanation = fields.String()
    raised = StrictInteger(0)
    lowered = StrictInteger(0)
    level_changes = StrictInteger(0)


class ReleaseSummarySchema(ApiSchema):
    """What would change under the next release, calculated for one day."""

    current = fields.String()
    release = fields.String()
    on = fields.String()
    levels = fields.List(fields.String())
    matrix = fields.List(fields.List(fields.Integer()), metadata=MATRIX)
    total = StrictInteger(0)
    level_changes = StrictInteger(0)
    score_changes = StrictInteger(0)
    rules = fields.List(fields.Nested(RuleSummarySchema))


class ReleasePreviewSchema(ApiSchema):
    """A preview of the next release: its progress and, once it is ready, the suppliers whose level
    would change. At most 200 suppliers are listed; the file contains all of them.
    """

    id = fields.String()
    state = StrictChoice(JOB_STATES)
    progress = StrictNumber()
    message = fields.String()
    created_at = fields.DateTime()
    summary = StrictNested(ReleaseSummarySchema, allow_none=True)
    moved = fields.List(fields.Nested(ReleaseMoveSchema))


class ReleaseSchema(ApiSchema):
    """The release of the models in use, and the day from which the next one applies."""

    current = fields.String()
    available = fields.String(allow_none=True, metadata=AVAILABLE)
    release = fields.String(allow_none=True, metadata=PLANNED)
    day = fields.String(allow_none=True, metadata={"format": "date"})
    outdated = fields.Integer(metadata=OUTDATED)
    outdated_facts = fields.Integer(metadata=OUTDATED_FACTS)
    preview = StrictNested(ReleasePreviewSchema, allow_none=True)


class PreviewFileQuerySchema(ApiSchema):
    """The format of the file."""

    format = StrictChoice(TABLE_FORMATS, load_default="csv")
