"""The repayment calculator: the request with rows and rates, and the calculation (``service/remediation/fee_repayment.py``)."""

from __future__ import annotations

from typing import Any

from marshmallow import fields

from service.api.fields import (
    StrictBoolean,
    StrictChoice,
    StrictDay,
    StrictDict,
    StrictInteger,
    StrictList,
    StrictNested,
    StrictNumber,
    StrictString,
)
from service.api.schemas.base import ApiSchema

MOST_ROWS, MOST_RATES = 2_000, 20_000
AMOUNT = r"^-?[0-9]+\.[0-9]{2}$"
CURRENCY = "^[A-Z]{3}$"


class RepaymentRateSchema(ApiSchema):
    """An exchange rate: the number of units of a currency per unit of the report's currency on a given day."""

    date = StrictDay(required=True)
    currency = StrictString(3, CURRENCY, required=True)
    per_unit = StrictNumber(1e-9, 1e11, required=True)


class RepaymentRequestSchema(ApiSchema):
    """Rows of the ``repayment`` form, exchange rates and terms."""

    rows = StrictList(
        StrictDict(keys=fields.String(), metadata={"allOf": [{"$ref": "#/components/schemas/RepaymentRow"}]}),
        1,
        MOST_ROWS,
        required=True,
        metadata={"description": "The rows of the `repayment` form: one for each fee item in a cohort."},
    )
    rates = StrictList(
        StrictNested(RepaymentRateSchema),
        0,
        MOST_RATES,
        load_default=list,
        metadata={
            "description": "Exchange rates: units of each currency per unit of the report's currency on a given day."
        },
    )
    currency = StrictString(3, CURRENCY, load_default="USD")
    on = StrictDay()
    first_payment = StrictDay()
    discovered = StrictDay()
    past_since = StrictDay()
    zero_fee_from = StrictDay()
    interest = StrictNumber(0, 100)
    instalments = StrictInteger(1, 12)
    management_figure = StrictNumber(0.01, 1e11)


def money(**options: Any) -> fields.String:
    """Return the field for an amount of money, which is a string with two decimals."""
    return fields.String(metadata={"pattern": AMOUNT}, **options)


class AmountRangeSchema(ApiSchema):
    """An amount: its lower and upper bounds, and the central estimate."""

    low = money()
    central = money()
    high = money()


class RepaymentRulesSchema(ApiSchema):
    """The rules used for a repayment calculation."""

    version = fields.String()
    sha256 = fields.String()


class RepaymentTermsSchema(ApiSchema):
    """The terms of a repayment calculation."""

    interest = fields.String()
    instalments = StrictInteger(0)
    first_payment = fields.String(metadata={"format": "date"})
    discovered = fields.String(metadata={"format": "date"})
    deadline = fields.String(metadata={"format": "date"})
    past_since = fields.String(allow_none=True, metadata={"format": "date"})
    zero_fee_from = fields.String(allow_none=True, metadata={"format": "date"})


class RepaymentInputSchema(ApiSchema):
    """The rows in the request, and the number of rows that were used."""

    file = fields.String(allow_none=True)
    sha256 = fields.String(allow_none=True)
    sheet = fields.String(allow_none=True)
    rows = StrictInteger(0)
    accepted = StrictInteger(0)
    issues = fields.List(fields.Dict())


class WorkerCountsSchema(ApiSchema):
    """The number of workers who are owed money, and the number of workers left out of the calculation."""

    current = StrictInteger(0)
    past = StrictInteger(0)
    past_left_out = StrictInteger(0)


class ManagementFigureSchema(ApiSchema):
    """The figure given by management, and how it compares with the result."""

    figure = money(allow_none=True)
    ratio = fields.String(allow_none=True)
    published_ratio = fields.String()


class FeeItemSchema(ApiSchema):
    """A fee or cost that workers in a cohort paid."""

    item = fields.String()
    title = fields.String()
    told = fields.String()
    paid_from = fields.String(allow_none=True, metadata={"format": "date"})
    paid_to = fields.String(allow_none=True, metadata={"format": "date"})
    evidence = fields.String()
    paid_by = fields.String()
    rate = fields.String(allow_none=True)
    counted = StrictBoolean()
    to_cancel = StrictBoolean()
    principal = fields.Nested(AmountRangeSchema)
    interest = fields.Nested(AmountRangeSchema)
    why = fields.String()
    place = fields.String()


class CohortSchema(ApiSchema):
    """What the workers in a cohort are owed."""

    cohort = fields.String()
    origin = fields.String(allow_none=True)
    origin_name = fields.String(allow_none=True)
    destination = fields.String(allow_none=True)
    destination_name = fields.String(allow_none=True)
    agency = fields.String()
    job = fields.String()
    hired_from = fields.String(allow_none=True, metadata={"format": "date"})
    hired_to = fields.String(allow_none=True, metadata={"format": "date"})
    current = StrictInteger(0)
    past = StrictInteger(0)
    past_left_out = StrictInteger(0)
    weight = fields.String()
    known_cost = fields.Nested(AmountRangeSchema, allow_none=True)
    known_share = fields.Nested(AmountRangeSchema, allow_none=True)
    months_of_wage = fields.String(allow_none=True)
    over_a_month = StrictBoolean(allow_none=True)
    complete = StrictBoolean()
    fees = fields.Nested(AmountRangeSchema)
    per_worker = fields.Nested(AmountRangeSchema)
    total = fields.Nested(AmountRangeSchema)
    to_cancel = fields.Nested(AmountRangeSchema)
    items = fields.List(fields.Nested(FeeItemSchema))


class InstalmentSchema(ApiSchema):
    """A payment and its due date."""

    number = StrictInteger(0)
    due = fields.String(metadata={"format": "date"})
    cohort = fields.String()
    group = StrictChoice(("current", "past", "not told apart"))
    workers = StrictInteger(0)
    per_worker = money()
    amount = money()
    in_time = StrictBoolean()


class AssumptionSchema(ApiSchema):
    """An assumption behind the calculation, the cohorts it concerns, and its sources."""

    id = fields.String()
    text = fields.String()
    sources = fields.List(fields.String())
    cohorts = fields.List(fields.String())


class RepaymentStepSchema(ApiSchema):
    """A step to take towards repayment, and its sources."""

    text = fields.String()
    sources = fields.List(fields.String())


class FaultSchema(ApiSchema):
    """A row or cohort that could not be counted exactly as it was sent."""

    code = fields.String()
    severity = StrictChoice(("error", "warning"))
    cohort = fields.String()
    place = fields.String()
    text = fields.String()


class CheckSchema(ApiSchema):
    """A line in the reconciliation of the calculation."""

    kind = StrictChoice(("item", "cohort", "part", "sum", "difference"))
    title = fields.String()
    low = money()
    central = money()
    high = money()


class RepaymentSchema(ApiSchema):
    """A calculation of what workers are owed. Amounts are strings with two decimals, in the currency of the report."""

    title = fields.String()
    wording = fields.String()
    rules = fields.Nested(RepaymentRulesSchema)
    on = fields.String(metadata={"format": "date"})
    currency = fields.String()
    terms = fields.Nested(RepaymentTermsSchema)
    input = fields.Nested(RepaymentInputSchema)
    complete = StrictBoolean()
    total = fields.Nested(AmountRangeSchema)
    fees = fields.Nested(AmountRangeSchema)
    interest = fields.Nested(AmountRangeSchema)
    uplift = fields.Nested(AmountRangeSchema)
    repaid = fields.Nested(AmountRangeSchema)
    to_cancel = fields.Nested(AmountRangeSchema)
    workers = fields.Nested(WorkerCountsSchema)
    management = fields.Nested(ManagementFigureSchema)
    cohorts = fields.List(fields.Nested(CohortSchema))
    instalments = fields.List(fields.Nested(InstalmentSchema))
    assumptions = fields.List(fields.Nested(AssumptionSchema))
    steps = fields.List(fields.Nested(RepaymentStepSchema))
    faults = fields.List(fields.Nested(FaultSchema))
    reconciliation = fields.List(fields.Nested(CheckSchema))
    sources = fields.Dict()
