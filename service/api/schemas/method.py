"""The method: its description, models, facts, actions, sources and forms."""

from __future__ import annotations

from marshmallow import fields

from service.api.fields import StrictNumber
from service.api.schemas.base import ApiSchema, page_of


class MethodSchema(ApiSchema):
    """A description of the method, the facts, and the action library."""

    method = fields.List(fields.String())
    limits = fields.List(fields.String())
    facts_digest = fields.String()
    facts = fields.List(fields.Dict())
    actions = fields.List(fields.Dict())


class ModelLineSchema(ApiSchema):
    """A model, as returned in a list."""

    id = fields.String()
    version = fields.String()
    title = fields.String()
    kind = fields.String()
    effective = fields.Date()
    serves = fields.List(fields.String())
    levels = fields.Dict()
    digest = fields.String()


class ModelSchema(ModelLineSchema):
    """A model with its weights, reasons, rules and sources."""

    indicators = fields.List(fields.Dict())
    contexts = fields.List(fields.Dict())
    floors = fields.List(fields.Dict())
    gates = fields.List(fields.Dict())
    insufficient_below = StrictNumber()
    reported = StrictNumber(attribute="reported_risk")
    review_months = fields.Dict()
    credibility = fields.Dict()


MODELS = page_of(ModelLineSchema, "ModelList")


class SourceSchema(ApiSchema):
    """A cited rule or publication, and how it was checked."""

    id = fields.String()
    title = fields.String()
    publisher = fields.String()
    mark = fields.String()
    seen = fields.String()


SOURCES = page_of(SourceSchema, "SourceList")
