"""The repayment calculator in the API: it takes rows and rates, and returns the whole calculation. Nothing is stored."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from sqlalchemy.orm import Session

from risk_models.repayment.calculation import TermsError
from risk_models.repayment.exchange import Rates, RatesFileError, parse_rates
from service.api.answers import load_answers
from service.api.responses import Reply
from service.auth.caller import get_caller
from service.clock import today
from service.errors import DomainError
from service.remediation.cohort_sheet import KIND, CohortRow, NoUsableCohorts, find_personal_data
from service.remediation.fee_repayment import TERMS, Document, calculate_document, parse_currency, parse_terms


def work_out(session: Session, body: Mapping[str, Any]) -> Reply:
    """Return the calculation as it is written to ``repayment.json``. Raises DomainError as :func:`calculate` does."""
    return Reply(calculate(body))


def calculate(body: Mapping[str, Any]) -> Document:
    """Calculate what the cohorts in a request are owed. Raises DomainError, 422: ``repayment.impossible``, and for answers."""
    given = {
        name: value if isinstance(value, str) else _decimal(value) for name, value in body.items() if name in TERMS
    }
    try:
        currency = parse_currency(body["currency"])
        lines = {
            at: (rate["date"], rate["currency"], _decimal(rate["per_unit"])) for at, rate in enumerate(body["rates"], 1)
        }
        rates = parse_rates(currency, lines) if lines else Rates(currency)
        terms = parse_terms(given, rates, today(get_caller().time_zone))
        return calculate_document([_row(at, answers) for at, answers in enumerate(body["rows"], 1)], terms)
    except (RatesFileError, TermsError, NoUsableCohorts) as error:
        raise DomainError("repayment.impossible", 422, str(error)) from error


def _decimal(number: float) -> str:
    return f"{Decimal(f'{number:.12g}'):f}"


def _row(number: int, data: Mapping[str, Any]) -> CohortRow:
    """Return the answers of a row, parsed like those of a sheet. Raises DomainError, 422, with the number of the row."""
    try:
        answers = load_answers(KIND, data).answers
    except DomainError as refused:
        raise DomainError(refused.code, refused.status, f"Row {number}: {refused.detail}", **refused.extra) from refused
    if not answers.get("reference"):
        raise DomainError("field.required", 422, f"Row {number}: reference: Enter the cohort that the row belongs to.")
    person = find_personal_data(answers)
    if person is not None:
        question, code = person
        raise DomainError(
            code, 422, f"Row {number}: {question}: This looks like personal data. Cohorts must not identify workers."
        )
    return CohortRow(answers, f"row {number}")
