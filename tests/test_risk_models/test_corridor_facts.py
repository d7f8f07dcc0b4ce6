"""What is known of corridors: the law at both ends as it was, its source and mark; nothing from memory is ever scored."""

from datetime import date

import pytest

from risk_models.facts.facts import load_facts

FACTS = load_facts()
ON = FACTS.as_of(date(2026, 11, 25))
TIED = ("tied_status", "tied_employer", "tied_exit_consent", "tied_exit_offence")
DAYS = [date(2024, 12, 30), date(2024, 12, 31), date(2025, 6, 30), date(2025, 7, 1), date(2026, 11, 25)]


@pytest.mark.parametrize("on", DAYS)
def test_the_law_at_a_destination_is_that_of_the_country_on_any_day(on: date) -> None:
    known = FACTS.as_of(on)
    for fact in (*TIED, *(f"{name}_note" for name in TIED), "tied_domestic_carve_out_note"):
        of_country = {code: told for (code, name), told in known.tables["country"].items() if name == fact}
        of_corridor = {
            code.removeprefix("*>"): told for (code, name), told in known.tables["corridor"].items() if name == fact
        }
        assert of_corridor == of_country, fact


def test_an_exit_permit_brought_in_later_counts_from_its_day() -> None:
    before, after = (FACTS.as_of(day).get_value("corridor", "*>KW", "tied_exit_consent") for day in DAYS[2:4])
    assert (before, after) == (0.5, 1.0)


def test_what_is_from_memory_says_so_and_is_never_scored() -> None:
    for (_, fact), told in ON.tables["corridor"].items():
        if "memory" in told.source.lower():
            assert fact.endswith("_note")
        if fact.endswith("_note"):
            assert ON.get_use(f"corridor.{fact}") == "note"


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
def test_the_rule_on_fees_is_told_for_the_end_that_makes_it(corridor: str, fact: str, value: float) -> None:
    told = ON.get_fact("corridor", corridor, fact)
    assert told is not None
    assert told.value == value
    assert told.source


def test_no_rule_on_fees_is_scored_since_a_lawful_fee_is_still_a_debt() -> None:
    rules = [fact for fact in ON.descriptions if fact.startswith(("corridor.fee_", "corridor.deployment_"))]
    assert rules
    assert {ON.get_use(fact) for fact in rules} == {"note"}


def test_a_destination_is_described_as_the_corridors_that_lead_there() -> None:
    assert ON.get_title("destination.tied_status") == ON.get_title("corridor.tied_status")
    assert ON.get_use("destination.tied_status") == "scored"


def test_how_many_people_live_there_is_exposure_under_its_licence() -> None:
    about = ON.descriptions["corridor.migrant_stock"]
    assert (about.use, about.licence) == ("exposure", "CC BY 3.0 IGO")
    assert ON.get_value("corridor", "IN>AE", "migrant_stock") == 3419875
