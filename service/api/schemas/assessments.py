"""Assessment results: the object defined in ``service/assessment/assessment.schema.json``, and what the API adds to it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from marshmallow import fields

from reports.document import LEVELS
from service.api.fields import (
    StrictBoolean,
    StrictChoice,
    StrictDay,
    StrictList,
    StrictNested,
    StrictNumber,
    StrictString,
)
from service.api.schemas.base import ApiSchema
from service.report_content.redaction import RAISED_STATE, REDACTED

CONTRACT = Path(__file__).parents[2] / "assessment" / "assessment.schema.json"
KINDS = ("site", "agency")
DECISIONS = ("proceed", "ask", "hold")
ANSWERS = ("proceed", "proceed_with_plan", "ask", "hold")
ID = "^[a-z0-9_]+$"  # of an indicator or an action


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


class NextStepOfDecisionSchema(ApiSchema):
    """The next step: an action ID and a description."""

    action = fields.String(allow_none=True)
    text = fields.String()


class DecisionDetailsSchema(ApiSchema):
    """The onboarding decision in its four-value form, with its reasons.

    `proceed` and `proceed_with_plan` allow orders to continue, `ask` means that answers are needed first, and `hold`
    means that no new orders should be placed.
    """

    answer = StrictChoice(ANSWERS)
    reasons = fields.List(fields.Nested(ReasonForDecisionSchema), metadata={"minItems": 1})
    ends_when = fields.String(
        allow_none=True, metadata={"description": "What would end the hold. Null for any other decision."}
    )
    meanwhile = fields.String(
        allow_none=True,
        metadata={
            "description": "What you still owe the supplier during a hold, such as payment for work already done."
        },
    )
    next_step = fields.Nested(NextStepOfDecisionSchema, allow_none=True)


class PlanStepSchema(ApiSchema):
    """A safety step in a plan, identified by its action ID."""

    action = StrictString(60, ID, required=True)
    state = StrictChoice(("done", "open"), required=True)


class CorrectivePlanSchema(ApiSchema):
    """A corrective action plan agreed with a supplier. `next_due` is the due date of its next step; leave it out once all steps
    are done.

    `covers` lists the indicators that the plan addresses (`case_records` covers findings in case records
    that do not affect any indicator). `steps` lists its safety steps.
    """

    agreed_on = StrictDay(required=True)
    covers = StrictList(StrictString(60, ID), 0, 200, required=True)
    steps = StrictList(StrictNested(PlanStepSchema), 0, 200, required=True)
    next_due = StrictDay(allow_none=True)


class DecisionRequestSchema(ApiSchema):
    """The plan agreed with a supplier, and the day on which the supplier was

    informed of the findings. Nothing is saved. Values that you omit are

    taken from the supplier's stored plan and letters; if both are known, the more cautious counts.
    """

    plan = StrictNested(CorrectivePlanSchema, allow_none=True)
    supplier_informed_on = StrictDay(allow_none=True)


class IssueSchema(ApiSchema):
    """An answer in the request that could not be used, with the same issue codes as for uploaded files."""

    question = fields.String()
    code = fields.String()
    severity = fields.String()
    seen = fields.String()
    expected = fields.String()
    cure = fields.String()


def issues() -> fields.List[Any]:
    """Return the field that lists the answers that were sent but cannot be used."""
    about = (
        "The answers in the request that could not be used, with the same issue codes as "
        "for uploaded files. Included only if the request contained answers."
    )
    return fields.List(fields.Nested(IssueSchema), metadata={"description": about})


_ResultSchema = ApiSchema.from_dict({name: of_contract(name) for name in RESULT}, name="ResultSchema")


def withheld() -> fields.String:
    """Return the field with the text that replaces steps that contact workers."""
    about = (
        "What is missing from the referral directory, if steps that involve contacting workers were left out for "
        "that reason. Null if no steps were left out."
    )
    return fields.String(allow_none=True, dump_only=True, metadata={"description": about})


class DecidedResultSchema(_ResultSchema):  # type: ignore[valid-type, misc]
    """A result with the onboarding decision."""

    optional = OPTIONAL

    decision = StrictChoice(DECISIONS)
    decision_reasons = fields.List(fields.Nested(ReasonForDecisionSchema), metadata={"minItems": 1})
    decision_details = fields.Nested(
        DecisionDetailsSchema,
        allow_none=True,
        metadata={
            "description": "The decision as one of four values. Null for results of models from before method 4."
        },
    )


class AssessmentSchema(DecidedResultSchema):
    """A result with the onboarding decision and any answers that could not be used."""

    optional = OPTIONAL | {"issues", "actions_withheld"}

    issues = issues()
    actions_withheld = withheld()


class ResultLineSchema(ApiSchema):
    """A current or earlier result in a supplier's history."""

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


class CountedStepSchema(ApiSchema):
    """A closed step whose outcome counts as evidence from this assessment on, or a reopened step whose outcome
    no longer counts."""

    step_id = fields.String()
    title = fields.String()
    counts = StrictBoolean()


class ScoreChangeSchema(ApiSchema):
    """How a score has changed since the previous assessment. ``change`` is null for the first assessment."""

    id = fields.String()
    change = StrictNumber(allow_none=True)
    moves = fields.List(fields.Nested(ContributionSchema))
    steps = fields.List(fields.Nested(CountedStepSchema))
    without_known_cause = StrictBoolean(metadata={"description": "Whether the level fell without a known cause."})
