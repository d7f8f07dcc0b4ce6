"""Findings and the steps that they call for."""

from __future__ import annotations

from marshmallow import fields

from risk_models.action_library import PRIORITIES
from service.api.fields import CurrentChoice, StrictChoice, StrictDay, StrictInteger, StrictList, StrictString
from service.api.schemas.assessments import withheld
from service.api.schemas.base import ApiSchema, PageQuerySchema, page_of
from service.remediation.findings import INVOLVEMENT
from service.remediation.rules import FINDING_STATES, MAX_REASON, STEP_STATES
from service.remediation.steps import EVIDENCE_KINDS, MAX_REFERENCE

PARTIES = ("supplier", "agency", "buyer")
FINDING_KINDS = ("indicator", "floor", "case")


class RemediationFindingSchema(ApiSchema):
    """Something that was found at a supplier and has to be put right. `about` is the ID of the indicator, rule or case."""

    id = fields.String()
    supplier_id = fields.String()
    kind = CurrentChoice(FINDING_KINDS)
    about = fields.String()
    source_class = fields.String()
    grade = fields.String(allow_none=True)
    found_on = fields.Date()
    raised_on = fields.Date(metadata={"description": "The date of the latest assessment that identified the finding."})
    worker_derived = fields.Boolean(
        metadata={"description": "True if the finding is known only from workers. The supplier never sees it."}
    )
    scale = StrictInteger(1, 4, allow_none=True)
    scope = StrictInteger(1, 4, allow_none=True)
    irremediability = StrictInteger(1, 4, allow_none=True)
    involvement = CurrentChoice(INVOLVEMENT, allow_none=True)
    state = CurrentChoice(FINDING_STATES)
    version = fields.Integer()
    updated_at = fields.DateTime()


class FindingChangeSchema(ApiSchema):
    """A change to a finding: its state, its severity or your involvement, and the reason."""

    state = StrictChoice(FINDING_STATES)
    scale = StrictInteger(1, 4)
    scope = StrictInteger(1, 4)
    irremediability = StrictInteger(1, 4)
    involvement = StrictChoice(INVOLVEMENT)
    reason = StrictString(MAX_REASON)


class RemediationStepSchema(ApiSchema):
    """A step to be taken because of findings: an action from the library, with its owner, due date and state."""

    id = fields.String()
    supplier_id = fields.String()
    action = fields.String()
    actions_release = fields.String()
    party = CurrentChoice(PARTIES)
    owner_id = fields.String(allow_none=True)
    due = fields.Date()
    state = CurrentChoice(STEP_STATES)
    safety = fields.Boolean()
    needs_workers = fields.Boolean(
        metadata={"description": "True if the step can be verified only by asking workers or someone independent."}
    )
    worker_derived = fields.Boolean(
        metadata={"description": "True if the step is based only on what workers said. The supplier never sees it."}
    )
    findings = StrictList(fields.String())
    version = fields.Integer()
    updated_at = fields.DateTime()


class StepChangeSchema(ApiSchema):
    """A change to a step, and the reason, which is required for a new date.

    Only a person can verify or close a step, on its page.
    """

    state = StrictChoice(STEP_STATES)
    due = StrictDay()
    owner_id = StrictString(
        36, shortest=0, metadata={"description": "The ID of a user, or an empty string for no owner."}
    )
    reason = StrictString(MAX_REASON)


class StepEvidenceSchema(ApiSchema):
    """Evidence that a step was taken: its kind and its location."""

    kind = StrictChoice(EVIDENCE_KINDS, required=True)
    reference = StrictString(MAX_REFERENCE, required=True)
    period_from = StrictDay()
    period_to = StrictDay()


FINDING_CHANGE = FindingChangeSchema()
STEP_CHANGE = StepChangeSchema()
STEP_EVIDENCE = StepEvidenceSchema(sent_as="StepEvidence")
FINDING_PAGE = page_of(RemediationFindingSchema, "FindingPage")
STEP_PAGE = page_of(RemediationStepSchema, "StepPage", withheld=withheld())


class FindingQuerySchema(PageQuerySchema):
    """The parameters for listing findings."""

    supplier_id = StrictString(36)
    state = StrictChoice(FINDING_STATES)


class StepQuerySchema(PageQuerySchema):
    """The parameters for listing steps."""

    supplier_id = StrictString(36)
    state = StrictChoice(STEP_STATES)
    party = StrictChoice(PARTIES)
    priority = StrictChoice(PRIORITIES, metadata={"description": "The Bali Process priority of the action."})
    owner_id = StrictString(36)
