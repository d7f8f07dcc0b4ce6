"""What cohorts of workers are owed back, through the API: rows and rates in, the whole calculation out. Nothing is kept."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from marshmallow import ValidationError, fields, validate
from sqlalchemy.orm import Session

from risk_models.exchange import BadRates, Rates, rates_of
from risk_models.repayment import BadTerms
from service.api import read
from service.api.openapi import answers_schema
from service.api.read import NOT_BLANK, WRONG, Day, Many, Named, Part, Strict, Whole, Word
from service.api.responses import Reply
from service.auth.caller import caller
from service.clock import today
from service.refusal import Refused
from service.repaying.cohort_sheet import KIND, NoCohorts, Row, person_said
from service.repaying.repayment import DAYS, TERMS, calculate, currency_of, terms_of

MOST_ROWS, MOST_RATES = 2_000, 20_000
ROW = answers_schema(KIND)
ROW["properties"]["reference"] |= {"type": "string", **NOT_BLANK}  # each row says which cohort it speaks of
ROW["required"] = ["reference"]


class Amount(fields.Float):
    """A number of the body from ``least`` to ``most``. It is held to them as it was sent, and turned into a decimal later: the
    double that JSON has for 0.01 is a little more than the decimal 0.01.
    """

    default_error_messages = WRONG

    def __init__(self, least: float, most: float, **more: Any) -> None:
        super().__init__(validate=validate.Range(least, most, error="field.value"), **more)

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> Any:
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise ValidationError("field.type")
        return value


def _decimal(number: float) -> str:
    return f"{Decimal(f'{number:.12g}'):f}"


_rate: Any = {
    "date": Day(required=True),
    "currency": Word(3, "^[A-Z]{3}$", required=True),
    "per_unit": Amount(1e-9, 1e11, required=True),
}
_body: Any = {
    "rows": Many(
        Named(keys=fields.String(), metadata=ROW),
        1,
        MOST_ROWS,
        required=True,
        metadata={"description": "The rows of the form `repayment`: one for each fee item of a cohort."},
    ),
    "rates": Many(
        Part(Strict.from_dict(_rate, name="RepaymentRate")()),
        0,
        MOST_RATES,
        load_default=list,
        metadata={"description": "How many units of a currency one unit of the report's currency bought on a day."},
    ),
    "currency": Word(3, "^[A-Z]{3}$", load_default="USD"),
    **{name: Day() for name in DAYS},
    "interest": Amount(0, 100),
    "instalments": Whole(1, 12),
    "management_figure": Amount(0.01, 1e11),
}
BODY = Strict.from_dict(_body)()


def work_out(session: Session, body: Mapping[str, Any]) -> Reply:
    """The calculation as it is written to ``repayment.json``."""
    told = {name: said if isinstance(said, str) else _decimal(said) for name, said in body.items() if name in TERMS}
    try:
        currency = currency_of(body["currency"])
        lines = {
            at: (each["date"], each["currency"], _decimal(each["per_unit"])) for at, each in enumerate(body["rates"], 1)
        }
        rates = rates_of(currency, lines) if lines else Rates(currency)
        terms = terms_of(told, rates, today(caller().time_zone))
        return Reply(calculate([_row(at, row) for at, row in enumerate(body["rows"], 1)], terms))
    except (BadRates, BadTerms, NoCohorts) as fault:
        raise Refused("repayment.impossible", 422, str(fault)) from fault


def _row(number: int, told: Mapping[str, Any]) -> Row:
    """The answers of a row, read as those of a sheet. Raises Refused, 422, that says which row."""
    try:
        answers = read.answers(KIND, told).answers
    except Refused as refused:
        raise Refused(refused.code, refused.status, f"Row {number}: {refused.detail}", **refused.extra) from refused
    if not answers.get("reference"):
        raise Refused("field.required", 422, f"Row {number}: reference: Each row says which cohort it speaks of.")
    found = person_said(answers)
    if found is not None:
        question, code = found
        raise Refused(code, 422, f"Row {number}: {question}: It looks like a person's. Cohorts are counted, not named.")
    return Row(answers, f"row {number}")
