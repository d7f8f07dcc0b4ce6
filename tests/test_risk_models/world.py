"""An invented world: facts of a few countries, trades, corridors and goods, and a model that reads them, to follow by hand."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import date

from risk_models.facts.facts import Fact, FactDescription, FactSnapshot, Good
from risk_models.model import Context, Model, ScaledFact, SharperContext
from risk_models.transforms import Ramp
from tests.test_risk_models.suppliers import TOY

ON = date(2026, 9, 1)
SOURCE = "An invented almanac"

# Of Dunland no figure on crises is known, of the Empty Isles nothing that is scored.
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


def described(table: str, name: str) -> FactDescription:
    """What a fact is: scored, but for how many islands there are; which country has a card is not known of all."""
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


def facts_on(countries: Mapping[str, Mapping[str, float]] = COUNTRIES) -> FactSnapshot:
    """The facts of the invented world, or of one with other countries."""
    rows = {
        "country": countries,
        "sector": {code: {"hazard": hazard} for code, hazard in SECTORS.items()},
        "corridor": CORRIDORS,
        "goods": LISTED,
    }
    tables = {
        table: {(code, name): Fact(value, 2024, SOURCE) for code, row in of.items() for name, value in row.items()}
        for table, of in rows.items()
    }
    descriptions = {f"{table}.{name}": described(table, name) for table, of in tables.items() for _, name in of}
    return FactSnapshot(ON, tables, descriptions, GOODS)


FACTS = facts_on()


def scaled(fact: str, zero: float = 0.0, one: float = 10.0) -> ScaledFact:
    """A fact read from 0 at ``zero`` to 1 at ``one``."""
    return ScaledFact(fact, Ramp(zero, one))


def context(name: str, lift: float, *facts: ScaledFact, where_known: bool = False) -> Context:
    """One step of the inherent risk."""
    return Context(name, f"The title of {name}", f"Because of {name}.", ("EN-1",), facts, lift, where_known)


def sharper(name: str, *facts: ScaledFact) -> SharperContext:
    """A context sharper than the inherent risk."""
    return SharperContext(name, f"The title of {name}", f"Because of {name}.", ("CF13",), facts)


GOVERNANCE = context("governance", 0.5, scaled("country.law"), scaled("country.crises"))
TRADE = context("trade", 0.5, scaled("sector.hazard", 0.0, 1.0))
MIGRANTS = context("migrants", 0.2, scaled("answer.migrant_pct", 0.0, 100.0), where_known=True)
FEES = sharper("corridor_fees", scaled("corridor.cost"))
# Of the toy model the indicator "fees" (weight 4 of 23) names the corridor and the worst agency; the others name nothing.
SITE: Model = replace(TOY, contexts=(GOVERNANCE, TRADE, MIGRANTS), sharper=(FEES,))
AGENCY: Model = replace(SITE, kind="agency")
