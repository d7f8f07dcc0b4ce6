"""Build invented cohorts, rates and corridor costs for the tests of repayment."""

from datetime import date
from decimal import Decimal
from typing import Any

from risk_models.facts.facts import Fact, FactSnapshot, load_facts
from risk_models.repayment.calculation import Repayment, calculate_repayment
from risk_models.repayment.cohorts import Cohort, CohortAccount, FeeItem, Terms
from risk_models.repayment.exchange import Estimate, Period, Rates, parse_rates_file

ON = date(2026, 1, 1)
RATES = b"""date,currency,per_usd
2018-06-01,MYR,4.00
2018-06-20,MYR,5.00
2019-06-01,MYR,4.20
2020-02-01,MYR,4.00
2018-03-01,BDT,80
2018-09-01,BDT,100
2018-06-01,NPR,100
"""


def build_facts(**corridors: dict[str, float]) -> FactSnapshot:
    """Build a snapshot of these corridor facts alone, of the year 2020: ``build_facts(NP_MY={"repaid_myr": 6000})``; ANY is *."""
    rows = {
        (code.replace("_", ">").replace("ANY", "*"), name): Fact(
            value, 2018 if name == "cost_bdt" else 2020, "A survey"
        )
        for code, values in corridors.items()
        for name, value in values.items()
    }
    tables = {table: rows if table == "corridor" else {} for table in ("country", "sector", "corridor", "goods")}
    return FactSnapshot(ON, tables, load_facts().descriptions, {})


GLOVES = build_facts(
    BD_MY={"repaid_myr": 20_000},
    NP_MY={"repaid_myr": 6_000},
    MM_MY={"repaid_myr": 7_000},
    VN_MY={"repaid_myr": 6_000},
    ID_MY={"repaid_myr": 1_000},
)
NO_FACTS = build_facts()


def build_period(first: str, last: str = "") -> Period:
    """Build a period of one day, or from one day to another."""
    return Period(date.fromisoformat(first), date.fromisoformat(last or first))


def build_estimate(low: str, central: str, high: str) -> Estimate:
    """Build an estimate from three texts."""
    return Estimate(Decimal(low), Decimal(central), Decimal(high))


def build_item(amount: str | int, code: str = "RF1", currency: str = "USD", **fields: Any) -> FeeItem:
    """Build a fee reported by workers and paid by them, by default on 1 June 2018."""
    values = {"paid": build_period("2018-06-01"), "evidence": "worker_voice", "paid_by": "worker", **fields}
    values |= {name: Decimal(values[name]) for name in ("low", "high", "fair_value") if values.get(name) is not None}
    return FeeItem(code, Decimal(amount), currency, **values)


def build_cohort(*items: FeeItem, **fields: Any) -> Cohort:
    """Build a cohort of ten workers from Nepal in Malaysia, hired in 2018 and asked about every kind of fee."""
    hired = build_period("2018-01-01", "2018-12-31")
    values = {"id": "A", "origin": "NP", "destination": "MY", "hired": hired, "current": 10, "covers_all": True}
    return Cohort(**{**values, "items": items, **fields})


def build_rates(currency: str = "USD") -> Rates:
    """Build the rates above for USD; no rates for another currency."""
    return parse_rates_file(RATES, currency) if currency == "USD" else Rates(currency)


def calculate(*cohorts: Cohort, facts: FactSnapshot = NO_FACTS, currency: str = "USD", **terms: Any) -> Repayment:
    """Calculate the repayment of cohorts."""
    return calculate_repayment(cohorts, Terms(**{"on": ON, "rates": build_rates(currency), **terms}), facts)


def calculate_one(cohort: Cohort, **options: Any) -> CohortAccount:
    """Calculate the account of a single cohort."""
    return calculate(cohort, **options).cohorts[0]


def list_issue_codes(repayment: Repayment) -> list[str]:
    """Return the codes of the issues of a calculation."""
    return [issue.code for issue in repayment.issues]


def list_assumption_ids(repayment: Repayment) -> set[str]:
    """Return the ids of the assumptions of a calculation."""
    return {assumption.id for assumption in repayment.assumptions}
