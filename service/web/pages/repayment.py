"""The page that calculates what workers should be repaid for recruitment fees. Nothing is stored on the server.

The workbook is embedded in the page as a data URL, since it cannot be downloaded from the server afterwards.
"""

from __future__ import annotations

from base64 import b64encode

from flask import Response, make_response, render_template, request
from flask_babel import gettext as _

from reports.repayment import EVIDENCE, GROUPS, PAYERS, render
from risk_models.repayment.calculation import TermsError
from risk_models.repayment.exchange import Rates, RatesFileError, parse_rates_file
from service.auth.caller import get_caller
from service.clock import today
from service.errors import DomainError
from service.queries.supplier_list import MEDIA_TYPES
from service.remediation.cohort_sheet import NoUsableCohorts, read_cohorts
from service.remediation.fee_repayment import TERMS, Document, calculate_document, parse_currency, parse_terms
from service.report_content.sources import MARK_TITLES


def show_form() -> Response:
    """Show the form to upload cohorts and exchange rates."""
    return _render_page(None, None)


def calculate_repayment() -> Response:
    """Show the figures for the uploaded cohorts; an error is shown above the form."""
    try:
        return _render_page(calculate_uploaded(), None)
    except DomainError as error:
        return _render_page(None, error)


def calculate_uploaded() -> Document:
    """Calculate what the uploaded cohorts are owed. Raises DomainError ``repayment.impossible``, 422."""
    try:
        return _calculate()
    except (RatesFileError, TermsError, NoUsableCohorts) as error:
        raise DomainError("repayment.impossible", 422, str(error)) from error


def _calculate() -> Document:
    cohorts_file, rates_file = request.files.get("cohorts"), request.files.get("rates")
    if cohorts_file is None or not cohorts_file.filename:
        raise NoUsableCohorts(_("Choose a cohorts file."))
    currency = parse_currency(request.form.get("currency", "").strip() or None)
    rates = parse_rates_file(rates_file.read(), currency) if rates_file and rates_file.filename else Rates(currency)
    terms = parse_terms({name: request.form.get(name, "") for name in TERMS}, rates, today(get_caller().time_zone))
    cohorts = read_cohorts(cohorts_file.read(), cohorts_file.filename, terms.on)
    return calculate_document(cohorts.rows, terms, cohorts)


def _render_page(result: Document | None, error: DomainError | None) -> Response:
    workbook = None if result is None else f"data:{MEDIA_TYPES['xlsx']};base64,{b64encode(render(result)).decode()}"
    page = render_template(
        "repayment.html",
        result=result,
        workbook=workbook,
        error=error,
        values=request.form,
        labels={"evidence": EVIDENCE, "payers": PAYERS, "groups": GROUPS, "marks": MARK_TITLES},
    )
    return make_response(page, error.status if error else 200)
