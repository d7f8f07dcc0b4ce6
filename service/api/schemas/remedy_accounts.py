"""Remedy accounts: what workers are owed, what they were paid, and what they have confirmed."""

from __future__ import annotations

from marshmallow import fields

from service.api.fields import StrictChoice, StrictDay, StrictInteger, StrictList, StrictNested, StrictString
from service.api.schemas.base import ApiSchema, page_of
from service.api.schemas.repayment import AmountRangeSchema, money
from service.remediation.redress_rules import load_redress_rules
from service.remediation.rules import MAX_REASON
from service.remediation.steps import MAX_REFERENCE

MEASURES = tuple(load_redress_rules()["account"]["measures"])
STAFF = ("current", "past", "all")


class RemedyCohortSchema(ApiSchema):
    """A group of workers, and the total they are owed."""

    cohort = fields.String()
    origin = fields.String(allow_none=True)
    destination = fields.String(allow_none=True)
    workers = fields.Integer()
    owed = fields.Nested(AmountRangeSchema)


class RemedyInstalmentSchema(ApiSchema):
    """A payment due, the amount paid, and what workers report about it."""

    number = fields.Integer()
    due = fields.Date()
    cohort = fields.String(metadata={"description": "Empty if the payment is not broken down by cohort."})
    staff = StrictChoice(STAFF)
    workers = fields.Integer()
    amount = money()
    paid_on = fields.Date(allow_none=True)
    paid = money(allow_none=True)
    workers_paid = fields.Integer(allow_none=True)
    proof = fields.String(allow_none=True)
    confirmed_on = fields.Date(allow_none=True)
    confirmed_source = fields.String(allow_none=True)
    workers_asked = fields.Integer(allow_none=True)
    workers_confirming = fields.Integer(allow_none=True)


class RemedyAccountSchema(ApiSchema):
    """A repayment calculation saved for a supplier: what its workers are owed, and what has been paid since."""

    id = fields.String()
    supplier_id = fields.String()
    rules_version = fields.String()
    rules_digest = fields.String()
    calculated_on = fields.Date()
    deadline = fields.Date()
    complete = fields.Boolean(metadata={"description": "True if no input to the calculation was left out."})
    currency = fields.String()
    owed = fields.Nested(
        AmountRangeSchema, metadata={"description": "The central figure is the one paid in instalments."}
    )
    paid = money()
    confirmed = fields.String(
        metadata={"description": "The share of the workers asked about each payment who had received it in full."}
    )
    workers = fields.Integer()
    workers_paid = fields.Integer(
        metadata={"description": "The number of workers who were paid each of their instalments in full."}
    )
    workers_owed = fields.Integer()
    not_found = fields.Integer()
    measures = StrictList(StrictChoice(MEASURES))
    still_owed = fields.String(allow_none=True, metadata={"description": "Why workers are still owed money."})
    cohorts = StrictList(StrictNested(RemedyCohortSchema))
    instalments = StrictList(StrictNested(RemedyInstalmentSchema))
    version = fields.Integer()
    created_at = fields.DateTime()


class RemedyAccountChangeSchema(ApiSchema):
    """The number of workers who could not be found, what was done for them, and why workers are still owed money
    (empty if none are).
    """

    not_found = StrictInteger(0)
    measures = StrictList(StrictChoice(MEASURES), 0, len(MEASURES))
    still_owed = StrictString(MAX_REASON, shortest=0)


class PaymentSchema(ApiSchema):
    """The payment of an instalment: the date, the amount, the number of workers who received it, and where the proof is kept."""

    paid_on = StrictDay(required=True)
    amount = StrictString(24, "^[0-9]{1,12}([.][0-9]{1,2})?$", required=True)
    workers = StrictInteger(1, required=True)
    proof = StrictString(MAX_REFERENCE, required=True)


REMEDY_ACCOUNTS = page_of(RemedyAccountSchema, "RemedyAccountList")
