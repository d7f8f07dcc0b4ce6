"""Assessment results: the object defined in ``service/assessment/assessment.schema.json``, and what the API adds to it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from marshmallow import fields

from reports.document import LEVELS
from service.api.fields import StrictChoice, StrictNumber
from service.api.schemas.base import ApiSchema
from service.report_content.redaction import RAISED_STATE, REDACTED

CONTRACT = Path(__file__).parents[2] / "assessment" / "assessment.schema.json"
KINDS = ("site", "agency")
DECISIONS = ("proceed", "ask", "hold")


def _list_optional_properties() -> frozenset[str]:
    """Return the properties that results of older methods do not have."""
    result = json.loads(CONTRACT.read_text(encoding="utf-8"))["$defs"]["result"]
    return frozenset(result["properties"]) - frozenset(result["required"])


def _properties_of_result() -> dict[str, Any]:
    """Return the JSON schema of each property of a result, including what callers without the scope cases:read get instead."""
    properties: dict[str, Any] = json.loads(CONTRACT.read_text(encoding="utf-8"))["$defs"]["result"]["properties"]
    reason = properties["reasons"]["items"]["properties"]
    reason["value"] = {}  # apispec reads "true" as a name
    reason["state"]["enum"].append(RAISED_STATE)
    properties["case_evidence"]["enum"].append(REDACTED)
    return properties


RESULT = _properties_of_result()
OPTIONAL = _list_optional_properties()


def of_contract(name: str) -> fields.Raw:
    """Return the field for a property of a result, which is returned exactly as in assessment.json."""
    return fields.Raw(metadata=RESULT[name])


class ReasonForDecisionSchema(ApiSchema):
    """A reason for the onboarding decision."""

    code = fields.String()
    text = fields.String()


class IssueSchema(ApiSchema):
    """An answer in the request that cannot be used, with the same issue code as for a sheet."""

    question = fields.String()
    code = fields.String()
    severity = fields.String()
    seen = fields.String()
    expected = fields.String()
    cure = fields.String()


def issues() -> fields.List[Any]:
    """Return the field that lists the answers that were sent but cannot be used."""
    about = (
        "Answers in the request that cannot be used, with the same issue codes as for a sheet. Included only in responses to "
        "requests that contain answers."
    )
    return fields.List(fields.Nested(IssueSchema), metadata={"description": about})


_ResultSchema = ApiSchema.from_dict({name: of_contract(name) for name in RESULT}, name="ResultSchema")


class DecidedResultSchema(_ResultSchema):  # type: ignore[valid-type, misc]
    """A result with the onboarding decision."""

    decision = StrictChoice(DECISIONS)
    decision_reasons = fields.List(fields.Nested(ReasonForDecisionSchema), metadata={"minItems": 1})


class AssessmentSchema(DecidedResultSchema):
    """A result with the onboarding decision and any answers that could not be used."""

    optional = OPTIONAL | {"issues"}

    issues = issues()


class ResultLineSchema(ApiSchema):
    """An earlier or current result, as returned in a supplier's history."""

    id = fields.String()
    cause = fields.String()
    model = fields.String()
    model_version = fields.String()
    level = StrictChoice(LEVELS)
    score = StrictNumber()
    best = StrictNumber()
    worst = StrictNumber()
    inherent = StrictNumber()
    inherent_level = fields.String()
    coverage = StrictNumber()
    confidence = StrictNumber()
    import_id = fields.String(allow_none=True)
    on = fields.Date()
    created_at = fields.DateTime()


class ContributionSchema(ApiSchema):
    """The change in score due to one reason."""

    title = fields.String()
    points = StrictNumber()


class ScoreChangeSchema(ApiSchema):
    """How a score has changed since the previous assessment. ``change`` is null for the first assessment."""

    id = fields.String()
    change = StrictNumber(allow_none=True)
    moves = fields.List(fields.Nested(ContributionSchema))
