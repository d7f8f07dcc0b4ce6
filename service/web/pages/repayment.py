"""What workers are owed back: cohorts and rates in, the figures and the workbook out. Nothing is kept on the server.

The workbook goes out within the page it is shown on, since there is no place it could be fetched from afterwards.
"""

from __future__ import annotations

from base64 import b64encode
from typing import Any

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
from service.remediation.fee_repayment import TERMS, calculate_document, parse_currency, parse_terms
from service.report_content.sources import MARK_TITLES


def form() -> Response:
    """The form to send cohorts and rates with."""
    return _page(None, None)


def work_out() -> Response:
    """The figures of what was sent; what is wrong with it is said above the form."""
    try:
        return _page(_calculated(), None)
    except (RatesFileError, TermsError, NoUsableCohorts) as fault:
        return _page(None, DomainError("repayment.impossible", 422, str(fault)))


def _calculated() -> dict[str, Any]:
    cohorts, rates_file = request.files.get("cohorts"), request.files.get("rates")
    if cohorts is None or not cohorts.filename:
        raise NoUsableCohorts(_("Choose the sheet of cohorts."))
    currency = parse_currency(request.form.get("currency", "").strip() or None)
    rates = parse_rates_file(rates_file.read(), currency) if rates_file and rates_file.filename else Rates(currency)
    terms = parse_terms({name: request.form.get(name, "") for name in TERMS}, rates, today(get_caller().time_zone))
    sent = read_cohorts(cohorts.read(), cohorts.filename, terms.on)
    return calculate_document(sent.rows, terms, sent)


def _page(told: dict[str, Any] | None, refused: DomainError | None) -> Response:
    workbook = None if told is None else f"data:{MEDIA_TYPES['xlsx']};base64,{b64encode(render(told)).decode()}"
    page = render_template(
        "repayment.html",
        told=told,
        workbook=workbook,
        refused=refused,
        given=request.form,
        on=today(get_caller().time_zone),
        words={"evidence": EVIDENCE, "payers": PAYERS, "groups": GROUPS, "marks": MARK_TITLES},
    )
    return make_response(page, refused.status if refused else 200)
