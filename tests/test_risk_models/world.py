"""Define an invented world: facts of a few countries, trades, corridors and goods, and a model that reads them."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import date

from risk_models.facts.facts import Fact, FactDescription, FactSnapshot, Good
from risk_models.model import Context, Model, ScaledFact, SharperContext
from risk_models.transforms import Ramp
from tests.test_risk_models.suppliers import TOY

ON = date(2026, 9, 1)
SOURCE = "An invented almanac"

# No figure on crises is known for DD, and nothing that is scored for EE.
COUNTRIES = {
    "AA": {"law": 2.0, "crises": 4.0, "card": 0.0},
    "BB": {"law": 8.0, "crises": 6.0},
    "CC": {"law": 9.0, "crises": 10.0, "card": 1.0},
    "DD": {"law": 6.0},
    "EE": {"islands": 7.0},
}
SECTORS = {"10": 0.4, "1020": 0.6, "41": 0.2, "78": 0.5, "97": 1.0}
CORRIDORS = {
    "NN>AA": {"cost": 4.0, "protection": 6.0},
    "NN>*": {"cost": 2.0},
    "*>BB": {"cost": 8.0, "protection": 9.0, "tied": 1.0},
    "*>CC": {"tied": 0.0},
    "PP>AA": {"cost": 1.0, "protection": 3.0},
    "PP>BB": {"protection": 2.0},
}
LISTED = {"AA/shrimp": {"listed": 1.0}, "BB/shrimp": {"listed": 3.0}, "BB/cotton": {"listed": 2.0}}
GOODS = {"shrimp": Good(("shrimp", "prawns"), (), ()), "cotton": Good(("cotton",), (), ())}


def build_description(table: str, name: str) -> FactDescription:
    """Return the description of a fact: scored, except for the number of islands; the card is known of some countries only."""
    use = "note" if name == "islands" else "scored"
    return FactDescription(
        id=f"{table}.{name}",
        title=f"The title of {name}",
        unit="points",
        publisher=SOURCE,
        licence="CC BY 4.0",
        reference="",
        lowest=0.0,
        highest=10.0,
        riskier_when_higher=True,
        use=use,
        partial=name == "card",
        read="As it says.",
    )


def build_facts(countries: Mapping[str, Mapping[str, float]] = COUNTRIES) -> FactSnapshot:
    """Return the facts of the invented world, or of one with other countries."""
    rows = {
        "country": countries,
        "sector": {code: {"hazard": hazard} for code, hazard in SECTORS.items()},
        "corridor": CORRIDORS,
        "goods": LISTED,
    }
    tables = {
        table: {(code, name): Fact(value, 2024, SOURCE) for code, row in values.items() for name, value in row.items()}
        for table, values in rows.items()
    }
    descriptions = {
        f"{table}.{name}": build_description(table, name) for table, facts in tables.items() for _, name in facts
    }
    return FactSnapshot(ON, tables, descriptions, GOODS)


FACTS = build_facts()


def build_scaled_fact(fact: str, zero: float = 0.0, one: float = 10.0) -> ScaledFact:
    """Return a fact scaled from 0 at ``zero`` to 1 at ``one``."""
    return ScaledFact(fact, Ramp(zero, one))


def build_context(name: str, lift: float, *facts: ScaledFact, only_where_known: bool = False) -> Context:
    """Return one step of the inherent risk."""
    return Context(name, f"The title of {name}", f"Because of {name}.", ("EN-1",), facts, lift, only_where_known)


def build_sharper_context(name: str, *facts: ScaledFact) -> SharperContext:
    """Return a context more specific than the inherent risk."""
    return SharperContext(name, f"The title of {name}", f"Because of {name}.", ("CF13",), facts)


GOVERNANCE = build_context("governance", 0.5, build_scaled_fact("country.law"), build_scaled_fact("country.crises"))
TRADE = build_context("trade", 0.5, build_scaled_fact("sector.hazard", 0.0, 1.0))
MIGRANTS = build_context("migrants", 0.2, build_scaled_fact("answer.migrant_pct", 0.0, 100.0), only_where_known=True)
FEES = build_sharper_context("corridor_fees", build_scaled_fact("corridor.cost"))
# Of the toy model only the indicator "fees" (weight 4 of 23) names sharper contexts: the corridor and the worst agency.
SITE: Model = replace(TOY, contexts=(GOVERNANCE, TRADE, MIGRANTS), sharper_contexts=(FEES,))
AGENCY: Model = replace(SITE, kind="agency")
