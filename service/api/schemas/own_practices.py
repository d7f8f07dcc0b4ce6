"""The buyer's own practices: the answers, findings and actions of its units."""

from __future__ import annotations

from marshmallow import fields

from risk_models.buyer import FINDING_STATES
from service.api.fields import StrictChoice
from service.api.schemas.assessments import issues
from service.api.schemas.base import ApiSchema, page_of


class UnitResponseSchema(ApiSchema):
    """Answers from one of the buyer's own units."""

    id = fields.String()
    form_version = fields.String()
    answers = fields.Dict()
    import_id = fields.String(allow_none=True)
    created_by = fields.String()
    on = fields.Date()
    created_at = fields.DateTime()
    name = fields.String(allow_none=True)


UNIT_RESPONSE_PAGE = page_of(UnitResponseSchema, "UnitResponsePage")


class DueActionSchema(ApiSchema):
    """An action and its due date."""

    id = fields.String()
    due = fields.Date()


class PracticeSchema(ApiSchema):
    """A practice of one of the buyer's own units, and the finding about it."""

    practice = fields.String()
    title = fields.String()
    question = fields.String()
    state = StrictChoice((*FINDING_STATES, "answered"))
    value = fields.Raw()
    text = fields.String()
    sources = fields.List(fields.String())
    actions = fields.List(fields.Nested(DueActionSchema))


class UnitSchema(UnitResponseSchema):
    """One of the buyer's own units, with its findings."""

    findings = fields.List(fields.Nested(PracticeSchema))


class RulesSchema(ApiSchema):
    """The rules used to interpret the buyer's answers."""

    version = fields.String()
    digest = fields.String()
    title = fields.String()


class OwnActionSchema(ApiSchema):
    """An action for the buyer to take."""

    id = fields.String()
    title = fields.String()
    do = fields.String()
    owner = fields.String()
    priority = fields.String()
    stage = fields.String()
    with_workers = fields.String()
    proof = fields.String()
    due = fields.Date(allow_none=True)
    sources = fields.List(fields.String())


class OwnPracticesSchema(ApiSchema):
    """The buyer's own practices. They never change a supplier's score."""

    optional = frozenset({"issues"})

    on = fields.Date()
    rules = fields.Nested(RulesSchema)
    units = fields.List(fields.Nested(UnitSchema))
    actions = fields.List(fields.Nested(OwnActionSchema))
    issues = issues()
