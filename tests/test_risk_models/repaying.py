"""Cohorts, rates and known costs of corridors, all invented, for the tests of repayment."""

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


def facts(**known: dict[str, float]) -> FactSnapshot:
    """Nothing known but these facts of corridors, of the year 2020: ``facts(NP_MY={"repaid_myr": 6000})``; ANY for *."""
    rows = {
        (code.replace("_", ">").replace("ANY", "*"), name): Fact(
            value, 2018 if name == "cost_bdt" else 2020, "A survey"
        )
        for code, told in known.items()
        for name, value in told.items()
    }
    tables = {table: rows if table == "corridor" else {} for table in ("country", "sector", "corridor", "goods")}
    return FactSnapshot(ON, tables, load_facts().descriptions, {})


GLOVES = facts(
    BD_MY={"repaid_myr": 20_000},
    NP_MY={"repaid_myr": 6_000},
    MM_MY={"repaid_myr": 7_000},
    VN_MY={"repaid_myr": 6_000},
    ID_MY={"repaid_myr": 1_000},
)
NOTHING_KNOWN = facts()


def paid(first: str, last: str = "") -> Period:
    """A day, or the days from one to another."""
    return Period(date.fromisoformat(first), date.fromisoformat(last or first))


def reading(low: str, central: str, high: str) -> Estimate:
    """A reading as it is written."""
    return Estimate(Decimal(low), Decimal(central), Decimal(high))


def item(amount: str | int, code: str = "RF1", currency: str = "USD", **more: Any) -> FeeItem:
    """What a worker told that they paid, on 1 June 2018 unless told."""
    told = {"paid": paid("2018-06-01"), "evidence": "worker_voice", "paid_by": "worker", **more}
    told |= {name: Decimal(told[name]) for name in ("low", "high", "fair") if told.get(name) is not None}
    return FeeItem(code, Decimal(amount), currency, **told)


def cohort(*items: FeeItem, **more: Any) -> Cohort:
    """Ten workers from Nepal in Malaysia, hired in 2018, who were asked about everything."""
    told = {"id": "A", "origin": "NP", "destination": "MY", "hired": paid("2018-01-01", "2018-12-31"), "current": 10}
    return Cohort(**{**told, "covers_all": True, "items": items, **more})


def rates(currency: str = "USD") -> Rates:
    """The rates above; none but the currency's own where it is another."""
    return parse_rates_file(RATES, currency) if currency == "USD" else Rates(currency)


def made(*cohorts: Cohort, known: FactSnapshot = NOTHING_KNOWN, currency: str = "USD", **terms: Any) -> Repayment:
    """The calculation of cohorts."""
    return calculate_repayment(cohorts, Terms(**{"on": ON, "rates": rates(currency), **terms}), known)


def alone(one: Cohort, **more: Any) -> CohortAccount:
    """What a cohort by itself is owed."""
    return made(one, **more).cohorts[0]


def codes(told: Repayment) -> list[str]:
    """The codes of its faults."""
    return [fault.code for fault in told.issues]


def assumed(told: Repayment) -> set[str]:
    """The ids of its assumptions."""
    return {assumption.id for assumption in told.assumptions}
