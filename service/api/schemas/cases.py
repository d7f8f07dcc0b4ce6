"""Case records: what was found about one group of people, without personal data."""

from __future__ import annotations

from marshmallow import fields

from questionnaires.form import load_form
from risk_models.cases.rules import STRENGTHS
from service.api.fields import (
    CurrentChoice,
    StrictBoolean,
    StrictChoice,
    StrictDay,
    StrictInteger,
    StrictList,
    StrictNested,
    StrictNumber,
    StrictString,
)
from service.api.schemas.assessments import IssueSchema, withheld
from service.api.schemas.base import ApiSchema, PageQuerySchema, page_of
from service.case_reading.worker_selection import CHOSEN_BY
from service.cases import closing, corrections
from service.cases import service as case_service

STATES = ("open", "closed")
PART_OF_DAY = "^[0-9]{4}(-[0-9]{2}){0,2}$"
LONGEST = case_service.MAX_LENGTHS


def _codes(question: str) -> tuple[str, ...]:
    return tuple(choice.code for choice in load_form(case_service.FORM_ID).by_id[question].choices)


class FindingSchema(ApiSchema):
    """A finding in a case: what was looked for, and whether it was found."""

    number = StrictInteger(0, dump_only=True)
    finding = CurrentChoice(_codes("finding"), required=True)
    phase = CurrentChoice(_codes("phase"), allow_none=True)
    found = StrictBoolean(load_default=True)
    source = CurrentChoice(_codes("source"), allow_none=True)
    found_on = StrictString(10, PART_OF_DAY, allow_none=True)
    note = StrictString(LONGEST["note"], allow_none=True)
    recorded_at = fields.DateTime(attribute="created_at", dump_only=True)


class FirstStepSchema(ApiSchema):
    """One of the first steps to take in a case, and when it is due."""

    id = fields.String()
    within_hours = StrictNumber()
    by = fields.DateTime()


class CaseClosingSchema(ApiSchema):
    """Details of the closure of a case. For an emergency, all fields are
    required: when someone spoke to workers, how many, and who chose them.
    The request then only proposes the closure: a user has to adopt the
    proposal, and an approver has to confirm it.
    """

    outcome = CurrentChoice(closing.list_outcomes(), required=True)
    checked_on = StrictDay()
    workers = StrictInteger(
        0,
        100_000,
        metadata={"description": "The number of workers spoken to. 0 is allowed only for a case entered by mistake."},
    )
    chosen_by = CurrentChoice(CHOSEN_BY, metadata={"description": "Who chose the workers who were spoken to."})


class ProposedClosingSchema(ApiSchema):
    """A proposal to close an emergency, not yet confirmed by an approver."""

    outcome = fields.String()
    checked_on = fields.Date()
    workers = StrictInteger(0)
    chosen_by = fields.String()
    by = fields.String(metadata={"description": "The user (`user:...`) or API key (`key:...`) that proposed it."})
    at = fields.DateTime()


class CaseLineSchema(ApiSchema):
    """A case record, as returned in a list."""

    id = fields.String(dump_only=True)
    number = StrictString(LONGEST["case_id"], required=True)
    state = StrictChoice(STATES, dump_only=True)
    outcome = CurrentChoice(closing.list_outcomes(), required=True, allow_none=True)
    supplier_id = fields.String(dump_only=True, allow_none=True)
    linked_reference = StrictString(LONGEST["linked_reference"], allow_none=True)
    linked_name = StrictString(LONGEST["linked_name"], allow_none=True)
    strength = StrictChoice(STRENGTHS, dump_only=True)
    created_at = fields.DateTime(dump_only=True)
    closed_at = fields.DateTime(dump_only=True, allow_none=True)
    closing = fields.Nested(
        ProposedClosingSchema,
        dump_only=True,
        allow_none=True,
        metadata={"description": "A proposal to close the emergency, not yet confirmed by an approver."},
    )


class CaseSchema(CaseLineSchema):
    """What was found about one group of people, and how the

    rules interpret it. A case is never a verdict and

    never contains personal data.
    """

    optional = frozenset({"issues", "warnings"})

    nationality = StrictString(2, "^[A-Z]{2}$", load_only=True)
    job = StrictString(LONGEST["job"], load_only=True)
    intake_from = StrictString(10, PART_OF_DAY, load_only=True)
    intake_to = StrictString(10, PART_OF_DAY, load_only=True)
    people = StrictInteger(1, 100_000, load_only=True)
    age_group = CurrentChoice(_codes("age_group"), load_only=True)
    rules = fields.Dict(dump_only=True)
    cohort = fields.Dict(dump_only=True)
    acts = StrictList(CurrentChoice(_codes("acts")), 0, 20)
    asked_in_full = StrictList(CurrentChoice(_codes("asked_in_full")), 0, 20)
    because = fields.List(fields.String(), dump_only=True)
    indicators = fields.List(fields.String(), dump_only=True)
    not_placed = fields.List(fields.String(), dump_only=True)
    readings = fields.List(fields.Dict(), dump_only=True)
    ilo_indicators = fields.List(fields.Dict(), dump_only=True)
    first_steps = fields.List(fields.Nested(FirstStepSchema), dump_only=True)
    withheld = withheld()
    findings = StrictList(StrictNested(FindingSchema), 0, 200, load_default=list)
    issues = fields.List(
        fields.Nested(IssueSchema),
        dump_only=True,
        metadata={
            "description": "The notes in the request that contained personal data. The findings were saved without these "
            "notes."
        },
    )
    warnings = fields.List(
        fields.Nested(IssueSchema),
        dump_only=True,
        metadata={"description": "The notes in the request that were saved but may identify an individual."},
    )


class CaseCorrectionSchema(ApiSchema):
    """The texts of a case that can be corrected. Fields that you omit are not changed; an empty string removes the text."""

    number = StrictString(LONGEST["case_id"])
    linked_reference = StrictString(LONGEST["linked_reference"], shortest=0)
    linked_name = StrictString(LONGEST["linked_name"], shortest=0)
    nationality = StrictString(2, "^([A-Z]{2})?$", shortest=0)
    job = StrictString(LONGEST["job"], shortest=0)
    intake_from = StrictString(10, f"{PART_OF_DAY}|^$", shortest=0)
    intake_to = StrictString(10, f"{PART_OF_DAY}|^$", shortest=0)
    people = StrictInteger(1, 100_000)


class NoteCorrectionSchema(ApiSchema):
    """The new note for a finding. An empty string removes the note."""

    note = StrictString(LONGEST["note"], shortest=0, required=True)


class CaseDeletionQuerySchema(ApiSchema):
    """The reason for deleting a case."""

    reason = StrictChoice(tuple(corrections.DELETION_REASONS), required=True)


NEW_CASE = CaseSchema(exclude=("outcome",))
CASE_CLOSING = CaseClosingSchema(sent_as="CaseClosing")
CASE_CORRECTION = CaseCorrectionSchema()
NOTE_CORRECTION = NoteCorrectionSchema()
CASE_PAGE = page_of(CaseLineSchema, "CasePage")


class CaseQuerySchema(PageQuerySchema):
    """The parameters for listing cases."""

    state = StrictChoice(STATES)
    supplier_id = StrictString(36)
