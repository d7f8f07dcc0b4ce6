"""The repayment calculator as a use case: rows of answers become cohorts, cohorts become a document.

Nothing is kept: what goes in comes back with the result. The sheet, the API and the page give the same rows, so that they
come to the same figures; the document is what is written as ``repayment.json``, shown, and made into a workbook.
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
from risk_models.repayment.calculation import Repayment, TermsError, calculate_repayment, get_published_ratio
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
from service.remediation.cohort_sheet import KIND, NoUsableCohorts, CohortRow, CohortSheet
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
    "An estimate of what workers paid for their jobs, for repayment to them. It is no verdict about a person or a company, and "
    "no figure in it releases anybody from a claim."
)


def calculate_document(rows: Sequence[CohortRow], terms: Terms, sheet: CohortSheet | None = None) -> Document:
    """The whole calculation as a document.

    Raises :class:`~risk_models.repayment.calculation.TermsError`, and :class:`NoCohorts` where no cohort has anything to calculate with.
    """
    cohorts, faults = build_cohorts(rows)
    made = calculate_repayment(cohorts, terms, load_facts().as_of(terms.on), faults)
    if not any(line.counted or line.to_cancel for each in made.cohorts for line in each.lines):
        why = dict.fromkeys(fault.describe() for fault in made.issues)
        raise NoUsableCohorts(" ".join(["Nothing can be calculated.", *list(why)[:MAX_REASONS]]))
    return build_document(made, sheet, len(rows))


def parse_terms(texts: Mapping[str, str], rates: Rates, today: date) -> Terms:
    """The terms that texts say, by name (TERMS); what is not there or empty is as it usually is.

    Raises :class:`TermsError` for a text that is no day or number.
    """
    given = {name: text.strip() for name, text in texts.items() if text.strip()}
    days = {name: _parse_day(name, given[name]) for name in DAYS if name in given}
    numbers = {name: _parse_number(name, given[name]) for name in NUMBERS if name in given}
    instalments = numbers.pop("instalments", Decimal(1))
    if instalments != instalments.to_integral_value():
        raise TermsError("Instalments are a whole number.")
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
    """The currency of a report. Raises :class:`TermsError` for a text that is no code of one."""
    code = (text or "USD").strip()
    if not CURRENCY.fullmatch(code):
        raise TermsError(f"A currency is three capital letters, such as USD; '{make_legible(code)}' is something else.")
    return code


def _parse_day(name: str, text: str) -> date:
    try:
        if len(text) == 10:
            return date.fromisoformat(text)
    except ValueError:
        pass
    raise TermsError(f"{name.replace('_', ' ').capitalize()}: '{make_legible(text)}' is no day written YYYY-MM-DD.")


def _parse_number(name: str, text: str) -> Decimal:
    if not NUMBER.fullmatch(text):
        raise TermsError(f"{name.replace('_', ' ').capitalize()}: '{make_legible(text)}' is no number such as 1250.50.")
    return Decimal(text)


def build_cohorts(rows: Sequence[CohortRow]) -> tuple[list[Cohort], list[RepaymentIssue]]:
    """The cohorts that rows speak of, in the order in which they first stand; rows that contradict each other are a fault."""
    groups: dict[str, list[CohortRow]] = {}
    for row in rows:
        key = unicodedata.normalize("NFKC", str(row.answers.get("reference", ""))).casefold()
        groups.setdefault(key, []).append(row)
    cohorts, faults = [], []
    for group in groups.values():
        name, told, differs = str(group[0].answers.get("reference", "")), _merge_cohort_answers(group), _find_conflicts(group)
        if differs:
            titles = ", ".join(load_combined_form(KIND).by_id[question].title for question in differs)
            faults.append(RepaymentIssue("cohort.conflict", name, titles, group[0].place))
            continue
        items = [_build_item(row, name, faults) for row in group if row.answers.keys() & {"item", "amount"}]
        cohorts.append(_build_cohort(name, told, tuple(item for item in items if item is not None), faults))
    return cohorts, faults


def _get_answer(answers: Mapping[str, Any], question: str) -> Any:
    value = answers.get(question)
    return None if value in NO_ANSWER else value


def _merge_cohort_answers(group: Sequence[CohortRow]) -> dict[str, Any]:
    """What the rows of a cohort say of it."""
    said = ((question, _get_answer(row.answers, question)) for row in group for question in COHORT_QUESTIONS)
    return {question: value for question, value in said if value is not None}


def _find_conflicts(group: Sequence[CohortRow]) -> list[str]:
    """The questions of a cohort that its rows answer in different ways."""
    values = {
        question: {value for row in group if (value := _get_answer(row.answers, question)) is not None}
        for question in COHORT_QUESTIONS
    }
    return [question for question, found in values.items() if len(found) > 1]


def _build_cohort(name: str, told: Mapping[str, Any], items: tuple[FeeItem, ...], faults: list[RepaymentIssue]) -> Cohort:
    left, policy = parse_period(told.get("left_on")), parse_period(told.get("zero_fee_from"))
    return Cohort(
        id=name,
        origin=told.get("origin_country", ""),
        destination=told.get("country", ""),
        agency=told.get("agency", ""),
        job=told.get("occupation", ""),
        hired=_build_period(told.get("hired_from"), told.get("hired_to"), name, "", faults),
        current=_parse_count(told.get("workers_current")),
        past=_parse_count(told.get("workers_past")),
        left=left,
        wage=_parse_decimal(told.get("wage_month")),
        wage_currency=_normalize_currency(told.get("wage_currency")),
        zero_fee_from=policy.first if policy else None,
        covers_all=told.get("covers_all") == "yes",
        items=items,
    )


def _build_item(row: CohortRow, cohort: str, faults: list[RepaymentIssue]) -> FeeItem | None:
    """The fee item of a row; None, and a fault, where something of it is missing."""
    said = {question: _get_answer(row.answers, question) for question in row.answers}
    item, amount, currency = said.get("item"), _parse_decimal(said.get("amount")), _normalize_currency(said.get("currency"))
    missing = [
        name for name, value in (("item", item), ("amount", amount), ("currency", currency)) if value in (None, "")
    ]
    if missing or item is None or amount is None:
        faults.append(RepaymentIssue("item.incomplete", cohort, ", ".join(missing), row.place))
        return None
    return FeeItem(
        item=item,
        amount=amount,
        currency=currency,
        paid=_build_period(said.get("paid_from"), said.get("paid_to"), cohort, row.place, faults),
        evidence=said.get("evidence_grade") or "",
        paid_by=said.get("paid_by") or "",
        low=_parse_decimal(said.get("amount_low")),
        high=_parse_decimal(said.get("amount_high")),
        fair_value=_parse_decimal(said.get("fair_value")),
        place=row.place,
    )


def _build_period(
    first: str | None, last: str | None, cohort: str, place: str, faults: list[RepaymentIssue]
) -> Period | None:
    begin, end = parse_period(first or last), parse_period(last or first)
    if begin is None or end is None:
        return None
    if end.last < begin.first:
        faults.append(RepaymentIssue("cohort.period", cohort, f"{first} to {last}", place))
        return None
    return Period(begin.first, end.last)


def parse_period(text: str | None) -> Period | None:
    """The days of a day, a month (YYYY-MM) or a year (YYYY)."""
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
    """The number as it was written, not as the machine holds it."""
    return None if value is None else Decimal(f"{value:.15g}")


def _parse_count(value: float | None) -> int | None:
    return None if value is None else math.ceil(value)


def _normalize_currency(text: str | None) -> str:
    code = (text or "").strip().upper()
    return code if CURRENCY.fullmatch(code) else ""


def build_document(repayment: Repayment, sheet: CohortSheet | None, n_rows: int) -> Document:
    """A calculation as JSON holds it: amounts as texts with two digits, days as ISO texts, readings as low, central, high."""
    terms, issues = repayment.terms, sheet.issues if sheet else ()
    used = {source for told in (*repayment.assumptions, *_load_steps()) for source in _get_sources(told)}
    return {
        "title": "Repayment of recruitment fees and related costs",
        "wording": WORDING,
        "rules": {"version": load_repayment_rules()["version"], "sha256": hashlib.sha256(RULES_FILE.read_bytes()).hexdigest()},
        "on": terms.on.isoformat(),
        "currency": terms.rates.currency,
        "terms": {
            "interest": f"{terms.interest:f}",
            "instalments": terms.instalments,
            "first_payment": (terms.first_payment or terms.on).isoformat(),
            "discovered": (terms.discovered or terms.on).isoformat(),
            "deadline": repayment.deadline.isoformat(),
            "past_since": _format_day(terms.past_since),
            "zero_fee_from": _format_day(terms.zero_fee_from),
        },
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
            "current": sum(each.current for each in repayment.cohorts),
            "past": sum(each.past for each in repayment.cohorts),
            "past_left_out": sum(each.past_excluded for each in repayment.cohorts),
        },
        "management": {
            "figure": None if terms.management is None else f"{terms.management:.2f}",
            "ratio": None if repayment.ratio is None else f"{repayment.ratio}",
            "published_ratio": f"{get_published_ratio()}",
        },
        "cohorts": [_format_cohort(each) for each in repayment.cohorts],
        "instalments": [
            {
                "number": each.number, "due": each.due.isoformat(), "cohort": each.cohort, "group": each.group,
                "workers": each.workers, "per_worker": _format_money(each.per_worker), "amount": _format_money(each.amount),
                "in_time": each.in_time,
            }
            for each in repayment.instalments
        ],
        "assumptions": [
            {"id": each.id, "text": each.text, "sources": list(each.sources), "cohorts": list(each.cohorts)}
            for each in repayment.assumptions
        ],
        "steps": [{"text": step["text"], "sources": step["sources"]} for step in _load_steps()],
        "faults": [
            {
                "code": fault.code, "severity": fault.severity, "cohort": fault.cohort, "place": fault.place,
                "text": fault.describe(),
            }
            for fault in repayment.issues
        ],
        "reconciliation": [
            {"kind": each.kind, "title": each.title, **_format_estimate(each.amount)} for each in repayment.reconciliation
        ],
        "sources": {
            name: {"title": source.title, "publisher": source.publisher, "mark": source.mark}
            for name, source in sorted(load_sources().items())
            if name in used
        },
    }  # fmt: skip


def _load_steps() -> Sequence[Mapping[str, Any]]:
    return load_repayment_rules()["step"]  # type: ignore[no-any-return]


def _get_sources(told: Any) -> Sequence[str]:
    return told["sources"] if isinstance(told, dict) else told.sources  # type: ignore[no-any-return]


def _format_cohort(each: CohortAccount) -> Document:
    cohort, known = each.cohort, each.known_cost
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
        "current": each.current,
        "past": each.past,
        "past_left_out": each.past_excluded,
        "weight": f"{each.weight:.2f}",
        "known_cost": None if known is None else _format_estimate(known.cost),
        "known_share": None if known is None else _format_estimate(known.share),
        "months_of_wage": None if each.months_of_earnings is None else f"{each.months_of_earnings}",
        "over_a_month": None if each.months_of_earnings is None else each.months_of_earnings > 1,
        "complete": each.complete,
        "fees": _format_estimate(each.fees),
        "per_worker": _format_estimate(each.per_worker),
        "total": _format_estimate(each.total),
        "to_cancel": _format_estimate(each.to_cancel),
        "items": [_format_line(line) for line in each.lines],
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


def _format_estimate(reading: Estimate) -> Document:
    return {"low": _format_money(reading.low), "central": _format_money(reading.central), "high": _format_money(reading.high)}


def _format_money(amount: Decimal) -> str:
    """Two digits; 0.00 has no sign."""
    return f"{amount + 0:.2f}" if amount else "0.00"


def _format_rate(rate: Decimal) -> str:
    """At most six digits after the point."""
    return f"{rate:.6f}".rstrip("0").rstrip(".")


def _format_day(day: date | None) -> str | None:
    return None if day is None else day.isoformat()
