"""The repayment calculator: rows of answers become cohorts, and cohorts become a document.

Nothing is stored: the input is returned with the result. The sheet, the API and the page all use the same rows, so they give
the same figures. The document is written as ``repayment.json``, shown on the page, and rendered as a workbook.
"""

from __future__ import annotations

import hashlib
import math
import unicodedata
from calendar import monthrange
from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any

from questionnaires.form import load_combined_form
from questionnaires.lookups import load_countries
from questionnaires.parse.answer import make_legible
from risk_models.facts.facts import load_facts
from risk_models.repayment.calculation import (
    Instalment,
    Repayment,
    TermsError,
    calculate_repayment,
    get_published_ratio,
)
from risk_models.repayment.cohorts import (
    RULES_FILE,
    AccountLine,
    Cohort,
    CohortAccount,
    FeeItem,
    RepaymentIssue,
    Terms,
    load_repayment_rules,
)
from risk_models.repayment.exchange import CURRENCY, NUMBER, Estimate, Period, Rates
from service.remediation.cohort_sheet import KIND, CohortRow, CohortSheet, NoUsableCohorts
from service.report_content.sources import load_sources

Document = dict[str, Any]
COHORT_QUESTIONS = (
    "origin_country", "country", "agency", "occupation", "hired_from", "hired_to", "workers_current", "workers_past",
    "left_on", "wage_month", "wage_currency", "zero_fee_from", "covers_all",
)  # fmt: skip
DAYS = ("on", "first_payment", "discovered", "past_since", "zero_fee_from")
NUMBERS = ("interest", "instalments", "management_figure")
TERMS = (*DAYS, *NUMBERS)
MAX_REASONS = 3
NO_ANSWER = (None, "declined", "cannot_apply")
WORDING = (
    "This is an estimate of what workers paid for their jobs, so that they can be repaid. It is not a verdict on any person or "
    "company, and no figure in it settles or limits a worker's claim."
)


def calculate_document(rows: Sequence[CohortRow], terms: Terms, sheet: CohortSheet | None = None) -> Document:
    """Calculate the repayment owed to cohorts and return it as a document.

    Raises :class:`~risk_models.repayment.calculation.TermsError`, and :class:`NoUsableCohorts` if nothing can be calculated.
    """
    cohorts, issues = build_cohorts(rows)
    repayment = calculate_repayment(cohorts, terms, load_facts().as_of(terms.on), issues)
    if not any(line.counted or line.to_cancel for account in repayment.cohorts for line in account.lines):
        reasons = dict.fromkeys(issue.describe() for issue in repayment.issues)
        raise NoUsableCohorts(" ".join(["There is nothing to calculate.", *list(reasons)[:MAX_REASONS]]))
    return build_document(repayment, sheet, len(rows))


def parse_terms(texts: Mapping[str, str], rates: Rates, today: date) -> Terms:
    """Parse the terms of a calculation from texts by name (TERMS); missing and empty ones get their default.

    Raises :class:`TermsError` for a text that is no valid date or number.
    """
    filled = {name: text.strip() for name, text in texts.items() if text.strip()}
    days = {name: _parse_day(name, filled[name]) for name in DAYS if name in filled}
    numbers = {name: _parse_number(name, filled[name]) for name in NUMBERS if name in filled}
    instalments = numbers.pop("instalments", Decimal(1))
    if instalments != instalments.to_integral_value():
        raise TermsError("Instalments must be a whole number.")
    return Terms(
        on=days.get("on", today),
        rates=rates,
        interest=numbers.get("interest", Decimal(0)),
        instalments=int(instalments),
        first_payment=days.get("first_payment"),
        discovered=days.get("discovered"),
        past_since=days.get("past_since"),
        zero_fee_from=days.get("zero_fee_from"),
        management=numbers.get("management_figure"),
    )


def parse_currency(text: str | None) -> str:
    """Parse the currency of a report (default USD). Raises :class:`TermsError` for an invalid code."""
    code = (text or "USD").strip()
    if not CURRENCY.fullmatch(code):
        raise TermsError(f"'{make_legible(code)}' is not a currency code: use three capital letters, such as USD.")
    return code


def _parse_day(name: str, text: str) -> date:
    try:
        if len(text) == 10:
            return date.fromisoformat(text)
    except ValueError:
        pass
    raise TermsError(
        f"{name.replace('_', ' ').capitalize()}: '{make_legible(text)}' is not a date written as YYYY-MM-DD."
    )


def _parse_number(name: str, text: str) -> Decimal:
    if not NUMBER.fullmatch(text):
        raise TermsError(
            f"{name.replace('_', ' ').capitalize()}: '{make_legible(text)}' is not a valid number. Example: 1250.50."
        )
    return Decimal(text)


def build_cohorts(rows: Sequence[CohortRow]) -> tuple[list[Cohort], list[RepaymentIssue]]:
    """Build the cohorts of rows, in the order of their first row; rows of a cohort that contradict each other are an issue."""
    groups: dict[str, list[CohortRow]] = {}
    for row in rows:
        key = unicodedata.normalize("NFKC", str(row.answers.get("reference", ""))).casefold()
        groups.setdefault(key, []).append(row)
    cohorts, issues = [], []
    for group in groups.values():
        name, conflicts = str(group[0].answers.get("reference", "")), _find_conflicts(group)
        if conflicts:
            titles = ", ".join(load_combined_form(KIND).by_id[question].title for question in conflicts)
            issues.append(RepaymentIssue("cohort.conflict", name, titles, group[0].place))
            continue
        items = [_build_item(row, name, issues) for row in group if row.answers.keys() & {"item", "amount"}]
        answers = _merge_cohort_answers(group)
        cohorts.append(_build_cohort(name, answers, tuple(item for item in items if item is not None), issues))
    return cohorts, issues


def _get_answer(answers: Mapping[str, Any], question: str) -> Any:
    value = answers.get(question)
    return None if value in NO_ANSWER else value


def _merge_cohort_answers(group: Sequence[CohortRow]) -> dict[str, Any]:
    """Merge the answers of the rows of a cohort about the cohort as a whole."""
    answers = ((question, _get_answer(row.answers, question)) for row in group for question in COHORT_QUESTIONS)
    return {question: value for question, value in answers if value is not None}


def _find_conflicts(group: Sequence[CohortRow]) -> list[str]:
    """Return the cohort questions that the rows of a cohort answer differently."""
    values = {
        question: {value for row in group if (value := _get_answer(row.answers, question)) is not None}
        for question in COHORT_QUESTIONS
    }
    return [question for question, distinct in values.items() if len(distinct) > 1]


def _build_cohort(
    name: str, answers: Mapping[str, Any], items: tuple[FeeItem, ...], issues: list[RepaymentIssue]
) -> Cohort:
    left_on, zero_fee_from = parse_period(answers.get("left_on")), parse_period(answers.get("zero_fee_from"))
    return Cohort(
        id=name,
        origin=answers.get("origin_country", ""),
        destination=answers.get("country", ""),
        agency=answers.get("agency", ""),
        job=answers.get("occupation", ""),
        hired=_build_period(answers.get("hired_from"), answers.get("hired_to"), name, "", issues),
        current=_parse_count(answers.get("workers_current")),
        past=_parse_count(answers.get("workers_past")),
        left=left_on,
        wage=_parse_decimal(answers.get("wage_month")),
        wage_currency=_normalize_currency(answers.get("wage_currency")),
        zero_fee_from=zero_fee_from.first if zero_fee_from else None,
        covers_all=answers.get("covers_all") == "yes",
        items=items,
    )


def _build_item(row: CohortRow, cohort: str, issues: list[RepaymentIssue]) -> FeeItem | None:
    """Build the fee item of a row; return None and add an issue if a part of it is missing."""
    answers = {question: _get_answer(row.answers, question) for question in row.answers}
    item, amount, currency = (
        answers.get("item"),
        _parse_decimal(answers.get("amount")),
        _normalize_currency(answers.get("currency")),
    )
    missing = [
        name for name, value in (("item", item), ("amount", amount), ("currency", currency)) if value in (None, "")
    ]
    if missing or item is None or amount is None:
        issues.append(RepaymentIssue("item.incomplete", cohort, ", ".join(missing), row.place))
        return None
    return FeeItem(
        item=item,
        amount=amount,
        currency=currency,
        paid=_build_period(answers.get("paid_from"), answers.get("paid_to"), cohort, row.place, issues),
        evidence=answers.get("evidence_grade") or "",
        paid_by=answers.get("paid_by") or "",
        low=_parse_decimal(answers.get("amount_low")),
        high=_parse_decimal(answers.get("amount_high")),
        fair_value=_parse_decimal(answers.get("fair_value")),
        place=row.place,
    )


def _build_period(
    first: str | None, last: str | None, cohort: str, place: str, issues: list[RepaymentIssue]
) -> Period | None:
    start, end = parse_period(first or last), parse_period(last or first)
    if start is None or end is None:
        return None
    if end.last < start.first:
        issues.append(RepaymentIssue("cohort.period", cohort, f"{first} to {last}", place))
        return None
    return Period(start.first, end.last)


def parse_period(text: str | None) -> Period | None:
    """Return the period of a day, a month (YYYY-MM) or a year (YYYY)."""
    if text is None:
        return None
    parts = [int(part) for part in text.split("-")]
    year, month = parts[0], parts[1] if len(parts) > 1 else None
    if len(parts) == 3:
        return Period(date(*parts), date(*parts))
    if month is not None:
        return Period(date(year, month, 1), date(year, month, monthrange(year, month)[1]))
    return Period(date(year, 1, 1), date(year, 12, 31))


def _parse_decimal(value: float | None) -> Decimal | None:
    """Return the number as it was written, without binary rounding."""
    return None if value is None else Decimal(f"{value:.15g}")


def _parse_count(value: float | None) -> int | None:
    return None if value is None else math.ceil(value)


def _normalize_currency(text: str | None) -> str:
    code = (text or "").strip().upper()
    return code if CURRENCY.fullmatch(code) else ""


def build_document(repayment: Repayment, sheet: CohortSheet | None, n_rows: int) -> Document:
    """Return a calculation as a JSON document: amounts as texts with two decimals, ISO dates, estimates as low, central, high."""
    terms, issues = repayment.terms, sheet.issues if sheet else ()
    used = {source for entry in (*repayment.assumptions, *_load_steps()) for source in _get_sources(entry)}
    return {
        "title": "Repayment of recruitment fees and related costs",
        "wording": WORDING,
        "rules": {"version": load_repayment_rules()["version"], "sha256": hashlib.sha256(RULES_FILE.read_bytes()).hexdigest()},
        "on": terms.on.isoformat(),
        "currency": terms.rates.currency,
        "terms": _format_terms(terms, repayment.deadline),
        "input": {
            "file": sheet.name if sheet else None,
            "sha256": sheet.sha256 if sheet else None,
            "sheet": sheet.sheet if sheet else None,
            "rows": sheet.n_rows if sheet else n_rows,
            "accepted": n_rows,
            "issues": [{**issue.to_dict(), "text": issue.describe()} for issue in issues],
        },
        "complete": repayment.complete and not any(issue.severity == "error" for issue in issues),
        "total": _format_estimate(repayment.total),
        "fees": _format_estimate(repayment.fees),
        "interest": _format_estimate(repayment.interest),
        "uplift": _format_estimate(repayment.uplift),
        "repaid": _format_estimate(repayment.repaid),
        "to_cancel": _format_estimate(repayment.to_cancel),
        "workers": {
            "current": sum(account.current for account in repayment.cohorts),
            "past": sum(account.past for account in repayment.cohorts),
            "past_left_out": sum(account.past_excluded for account in repayment.cohorts),
        },
        "management": {
            "figure": None if terms.management is None else f"{terms.management:.2f}",
            "ratio": None if repayment.ratio is None else f"{repayment.ratio}",
            "published_ratio": f"{get_published_ratio()}",
        },
        "cohorts": [_format_cohort(account) for account in repayment.cohorts],
        "instalments": [_format_instalment(instalment) for instalment in repayment.instalments],
        "assumptions": [
            {
                "id": assumption.id, "text": assumption.text, "sources": list(assumption.sources),
                "cohorts": list(assumption.cohorts),
            }
            for assumption in repayment.assumptions
        ],
        "steps": [{"text": step["text"], "sources": step["sources"]} for step in _load_steps()],
        "faults": [
            {
                "code": issue.code, "severity": issue.severity, "cohort": issue.cohort, "place": issue.place,
                "text": issue.describe(),
            }
            for issue in repayment.issues
        ],
        "reconciliation": [
            {"kind": line.kind, "title": line.title, **_format_estimate(line.amount)} for line in repayment.reconciliation
        ],
        "sources": {
            name: {"title": source.title, "publisher": source.publisher, "mark": source.mark}
            for name, source in sorted(load_sources().items())
            if name in used
        },
    }  # fmt: skip


def _format_terms(terms: Terms, deadline: date) -> Document:
    return {
        "interest": f"{terms.interest:f}",
        "instalments": terms.instalments,
        "first_payment": (terms.first_payment or terms.on).isoformat(),
        "discovered": (terms.discovered or terms.on).isoformat(),
        "deadline": deadline.isoformat(),
        "past_since": _format_day(terms.past_since),
        "zero_fee_from": _format_day(terms.zero_fee_from),
    }


def _format_instalment(instalment: Instalment) -> Document:
    return {
        "number": instalment.number,
        "due": instalment.due.isoformat(),
        "cohort": instalment.cohort,
        "group": instalment.group,
        "workers": instalment.workers,
        "per_worker": _format_money(instalment.per_worker),
        "amount": _format_money(instalment.amount),
        "in_time": instalment.in_time,
    }


def _load_steps() -> Sequence[Mapping[str, Any]]:
    return load_repayment_rules()["step"]  # type: ignore[no-any-return]


def _get_sources(entry: Any) -> Sequence[str]:
    return entry["sources"] if isinstance(entry, dict) else entry.sources  # type: ignore[no-any-return]


def _format_cohort(account: CohortAccount) -> Document:
    cohort, known_cost = account.cohort, account.known_cost
    names = load_countries().names
    return {
        "cohort": cohort.id,
        "origin": cohort.origin or None,
        "origin_name": names.get(cohort.origin),
        "destination": cohort.destination or None,
        "destination_name": names.get(cohort.destination),
        "agency": cohort.agency,
        "job": cohort.job,
        "hired_from": _format_day(cohort.hired.first if cohort.hired else None),
        "hired_to": _format_day(cohort.hired.last if cohort.hired else None),
        "current": account.current,
        "past": account.past,
        "past_left_out": account.past_excluded,
        "weight": f"{account.weight:.2f}",
        "known_cost": None if known_cost is None else _format_estimate(known_cost.cost),
        "known_share": None if known_cost is None else _format_estimate(known_cost.share),
        "months_of_wage": None if account.months_of_earnings is None else f"{account.months_of_earnings}",
        "over_a_month": None if account.months_of_earnings is None else account.months_of_earnings > 1,
        "complete": account.complete,
        "fees": _format_estimate(account.fees),
        "per_worker": _format_estimate(account.per_worker),
        "total": _format_estimate(account.total),
        "to_cancel": _format_estimate(account.to_cancel),
        "items": [_format_line(line) for line in account.lines],
    }


def _format_line(line: AccountLine) -> Document:
    paid = line.paid
    return {
        "item": line.item,
        "title": line.title,
        "told": line.amount_text,
        "paid_from": _format_day(paid.first if paid else None),
        "paid_to": _format_day(paid.last if paid else None),
        "evidence": line.evidence,
        "paid_by": line.paid_by,
        "rate": None if line.rate is None else _format_rate(line.rate.central),
        "counted": line.counted,
        "to_cancel": line.to_cancel,
        "principal": _format_estimate(line.principal),
        "interest": _format_estimate(line.interest),
        "why": line.reason,
        "place": line.place,
    }


def _format_estimate(estimate: Estimate) -> Document:
    return {
        "low": _format_money(estimate.low),
        "central": _format_money(estimate.central),
        "high": _format_money(estimate.high),
    }


def _format_money(amount: Decimal) -> str:
    """Format an amount with two decimals; zero has no sign."""
    return f"{amount + 0:.2f}" if amount else "0.00"


def _format_rate(rate: Decimal) -> str:
    """Format a rate with at most six decimals."""
    return f"{rate:.6f}".rstrip("0").rstrip(".")


def _format_day(day: date | None) -> str | None:
    return None if day is None else day.isoformat()
