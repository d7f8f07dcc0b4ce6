"""Facts about corridors: the law at both ends on any day, its source and mark; nothing from memory is scored."""

from datetime import date

import pytest

from risk_models.facts.facts import load_facts

FACTS = load_facts()
ON = FACTS.as_of(date(2026, 11, 25))
TIED = ("tied_status", "tied_employer", "tied_exit_consent", "tied_exit_offence")
DAYS = [date(2024, 12, 30), date(2024, 12, 31), date(2025, 6, 30), date(2025, 7, 1), date(2026, 11, 25)]


@pytest.mark.parametrize("on", DAYS)
def test_the_law_at_a_destination_is_the_law_of_the_country_on_any_day(on: date) -> None:
    known = FACTS.as_of(on)
    for fact in (*TIED, *(f"{name}_note" for name in TIED), "tied_domestic_carve_out_note"):
        by_country = {code: value for (code, name), value in known.tables["country"].items() if name == fact}
        by_destination = {
            code.removeprefix("*>"): value for (code, name), value in known.tables["corridor"].items() if name == fact
        }
        assert by_destination == by_country, fact


def test_a_new_exit_permit_counts_from_its_day() -> None:
    before, after = (FACTS.as_of(day).get_value("corridor", "*>KW", "tied_exit_consent") for day in DAYS[2:4])
    assert (before, after) == (0.5, 1.0)


def test_facts_from_memory_are_notes_and_never_scored() -> None:
    for (_, name), fact in ON.tables["corridor"].items():
        if "memory" in fact.source.lower():
            assert name.endswith("_note")
        if name.endswith("_note"):
            assert ON.get_use(f"corridor.{name}") == "note"


@pytest.mark.parametrize(
    ("corridor", "fact", "value"),
    [
        ("BD>*", "fee_rule_origin", 1),
        ("*>SG", "fee_rule_destination", 1),
        ("PH>*", "fee_cap_months_note", 1),
        ("*>QA", "fee_rule_destination_note", 0),
        ("ID>SA", "deployment_ban_note", 0.5),
    ],
)
def test_the_rule_on_fees_is_a_fact_of_the_end_that_makes_it(corridor: str, fact: str, value: float) -> None:
    rule = ON.get_fact("corridor", corridor, fact)
    assert rule is not None
    assert rule.value == value
    assert rule.source


def test_rules_on_fees_are_not_scored_because_a_lawful_fee_is_still_a_debt() -> None:
    rules = [fact for fact in ON.descriptions if fact.startswith(("corridor.fee_", "corridor.deployment_"))]
    assert rules
    assert {ON.get_use(fact) for fact in rules} == {"note"}


def test_a_fact_of_a_destination_has_the_description_of_the_corridor_fact() -> None:
    assert ON.get_title("destination.tied_status") == ON.get_title("corridor.tied_status")
    assert ON.get_use("destination.tied_status") == "scored"


def test_the_number_of_migrants_is_exposure_with_its_licence() -> None:
    description = ON.descriptions["corridor.migrant_stock"]
    assert (description.use, description.licence) == ("exposure", "CC BY 3.0 IGO")
    assert ON.get_value("corridor", "IN>AE", "migrant_stock") == 3419875
