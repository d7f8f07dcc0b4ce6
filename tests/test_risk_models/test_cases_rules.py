"""What the published rules read in a case record: vectors, escalators, both readings, and the strength of the evidence."""

from datetime import date

import pytest

from risk_models.cases.readings import Case, Finding, read_case
from risk_models.cases.rules import load_case_rules

ON = date(2026, 6, 1)

# One finding each, by what it weighs in the adult list.
DECEPTION = {
    "S": ["deceived_job"],
    "M": ["deceived_conditions", "deceived_housing", "deceived_wages"],
    "W": ["promised_schooling"],
}
VULNERABILITY = {"M": ["hardship_in_family_used", "poverty_used"], "W": ["beliefs_used", "crisis_at_home"]}
COERCION = {"S": ["papers_held", "violence"], "M": ["forced_tasks"], "W": ["threat_of_shame"]}


def case(*findings, people="adults", phase="work", **more):
    told = tuple(
        Finding(*((what, phase) if isinstance(what, str) else what), place=f"Cases row {n}")
        for n, what in enumerate(findings, 2)
    )
    return Case("C-1", told, people=people, **more)


def reading(*findings, **more):
    """The record read by the list of its people, the one for adults unless told."""
    return read_case(case(*findings, **more), ON).lists[0]


def taken(weights, of):
    pools = {weight: list(names) for weight, names in of.items()}
    return [pools[weight].pop(0) for weight in weights]


def reached(dimension, weights, of, phase="recruitment"):
    return reading(*((name, phase) for name in taken(weights, of))).dimensions[dimension - 1].best


@pytest.mark.parametrize(
    ("weights", "expected"),
    [
        ("S", False),
        ("SW", True),
        ("SM", True),
        ("M", False),
        ("MM", False),
        ("MMM", True),
        ("MMW", True),
        ("MW", False),
        ("W", False),
    ],
)
def test_the_published_combinations_reach_a_dimension_and_no_other_do(weights, expected):
    assert reached(1, weights, DECEPTION) is expected


@pytest.mark.parametrize("weights", ["MWW", "WW"])
def test_weak_indicators_do_not_stand_in_for_medium_ones(weights):
    assert not reached(3, weights, VULNERABILITY)


@pytest.mark.parametrize(("weights", "rule"), [("SS", "RULE-a"), ("SM", "RULE-b"), ("SW", "RULE-b")])
def test_the_rule_that_reached_a_dimension_is_named(weights, rule):
    assert reading(*taken(weights, COERCION)).dimensions[4].rule == rule


def test_a_dimension_says_which_indicators_by_which_rule_from_which_rows():
    told = reading("papers_held", "threat_of_denunciation").dimensions[4].because
    for part in ("coercion at work", "RULE-b", "CD01 strong", "CD09 medium", "Cases row 2", "Cases row 3"):
        assert part in told


@pytest.mark.parametrize("finding", ["papers_held", "debt_bondage", "locked_in"])
def test_papers_debt_and_isolation_weigh_more_at_work_than_at_recruitment(finding):
    with_threat = (finding, "threat_of_denunciation")
    assert reading(*with_threat, phase="work").dimensions[4].best
    assert not reading(*with_threat, phase="recruitment").dimensions[1].best


def test_two_findings_that_are_one_indicator_count_once():
    assert reading("violence", "sexual_violence").dimensions[4].found == ("CD04",)
    assert not reading("violence", "sexual_violence").dimensions[4].best


def test_disputed_weights_are_tried_both_ways():
    disputed = ("earlier_harm_used", "could_not_travel_alone", "beliefs_used")  # RV13, RV14 and a weak one
    dimension = reading(*disputed, phase="recruitment").dimensions[2]
    assert (dimension.best, dimension.worst) == (False, True)
    assert "RV13" in dimension.because
    assert "disputed" in dimension.because


def test_what_was_not_asked_is_unknown_and_what_was_asked_in_full_is_not():
    dimension = reading("papers_held").dimensions[4]
    assert (dimension.best, dimension.worst, dimension.not_asked) == (False, True, 14)
    settled = reading("papers_held", asked=("work", "leaving")).dimensions[4]
    assert (settled.best, settled.worst, settled.not_asked) == (False, False, 0)


def test_a_finding_asked_about_and_absent_closes_its_own_indicator_only():
    alone = reading("papers_held").dimensions[4]
    asked = reading(
        "papers_held", ("forced_against_others", "work", False), ("forced_against_others", "leaving", False)
    ).dimensions[4]
    assert asked.not_asked == alone.not_asked - 1
    assert asked.worst


def test_one_source_that_found_it_stands_against_one_that_did_not():
    dimension = reading(("papers_held", "work", False), "papers_held", "threat_of_denunciation").dimensions[4]
    assert dimension.best


def test_a_finding_without_a_phase_is_kept_and_left_open():
    told = read_case(case(("papers_held", None), "threat_of_denunciation"), ON)
    assert told.unplaced_findings == ("papers_held",)
    assert (told.lists[0].dimensions[4].best, told.lists[0].dimensions[4].worst) == (False, True)
    assert "papers_withheld" in told.indicators


def test_a_finding_that_can_be_in_one_phase_alone_is_read_there_whenever_it_was_told():
    assert reading(("deceived_job", "work")).dimensions[0].found == ("DR01",)
    assert reading(("deceived_job", None)).dimensions[0].found == ("DR01",)


def test_how_people_came_is_unknown_until_it_was_asked():
    assert (reading("papers_held").act.best, reading("papers_held").act.worst) == (False, True)
    assert not reading("papers_held", acts=("nobody",)).act.worst


EXPLOITED, COERCED = ("long_hours", "bad_housing"), ("papers_held", "threat_of_denunciation")
DECEIVED = (("deceived_job", "recruitment"), ("deceived_wages", "recruitment"))


def test_a_child_needs_act_and_exploitation_and_no_means():
    told = {"acts": ("recruitment",), "asked": ("recruitment", "work", "leaving")}
    assert reading(*EXPLOITED, people="children", **told).trafficking.best
    assert not reading(*EXPLOITED, people="adults", **told).trafficking.worst


def test_an_adult_needs_act_means_and_purpose():
    assert reading(*DECEIVED, *EXPLOITED).trafficking.best
    assert not reading(*DECEIVED).trafficking.best
    assert not reading(*EXPLOITED, acts=("recruitment",)).trafficking.best


def test_abuse_at_work_is_a_means_only_where_people_were_handed_over_housed_or_received():
    assert not reading(*EXPLOITED, *COERCED, acts=("recruitment",)).trafficking.best
    assert reading(*EXPLOITED, *COERCED, acts=("harbouring",)).trafficking.best


def test_nobody_who_came_by_themselves_was_trafficked_even_at_worst():
    alone = reading(*EXPLOITED, *COERCED, acts=("nobody",), asked=("recruitment", "work", "leaving"))
    assert (alone.trafficking.worst, alone.forced_labour.best) == (False, True)


def test_forced_labour_and_trafficking_are_two_readings():
    told = reading(*EXPLOITED, *COERCED)
    assert (told.forced_labour.best, told.trafficking.best) == (True, False)


@pytest.mark.parametrize(
    ("findings", "expected"),
    [
        ((), "CASE-0"),
        (EXPLOITED, "CASE-1"),
        ((*DECEIVED, *EXPLOITED), "CASE-2"),
        ((*DECEIVED, *EXPLOITED, *COERCED), "CASE-3"),
    ],
)
def test_the_published_classes_are_told(findings, expected):
    assert reading(*findings).classes[0] == expected


@pytest.mark.parametrize(
    ("findings", "expected"),
    [
        (("forced_overtime", "threat_of_dismissal"), True),  # strong with medium
        (("depends_on_employer", "threat_of_denunciation"), True),  # medium with strong
        (("depends_on_employer", "threat_of_dismissal"), False),  # medium with medium
        (("forced_overtime", "on_call"), False),  # two of one limb
        (("locked_in",), False),  # one fact is not both limbs
        (("locked_in", "movement_limited"), True),
    ],
)
def test_forced_labour_by_stage_needs_two_limbs_of_different_findings_one_strong(findings, expected):
    assert reading(*findings).stages["work"].best is expected


def test_limbs_of_different_stages_are_not_put_together():
    told = reading(("threat_of_denunciation", "recruitment"), ("forced_overtime", "work"))
    assert not any(stage.best for stage in told.stages.values())


def test_the_work_of_a_child_is_forced_by_any_penalty_or_by_the_bondage_of_its_parents():
    assert reading("threat_of_dismissal", people="children").forced_labour.best
    assert reading("parents_in_bondage", people="children").forced_labour.best
    assert not reading("threat_of_dismissal", people="adults").forced_labour.best


def test_for_a_child_a_penalty_that_was_not_asked_about_stays_possible():
    rules = load_case_rules()
    free = {name for name, limb in rules.limbs.items() if limb.limb == "involuntariness"}
    free |= {weight.id for weight in rules.weights.values() if weight.dimension == 4}
    absent = [
        (f.id, phase, False)
        for f in rules.findings.values()
        for phase, ids in f.indicators_by_phase.items()
        if free & set(ids)
    ]
    assert not reading(*absent, people="adults").forced_labour.worst
    assert reading(*absent, people="children").forced_labour.worst
    assert not reading(*absent, people="children", asked=tuple(rules.phases)).forced_labour.worst


def checklist(*findings, **more):
    return {line.id: line for line in read_case(case(*findings, **more), ON).ilo}


def test_the_ilo_indicators_are_a_checklist_of_eleven_and_the_state():
    lines = checklist("papers_held", asked=("work", "leaving"))
    assert len(lines) == 12
    assert (lines["FL07"].in_2012, lines["FL05"].in_2012) == ("found", "not_asked")
    assert checklist("papers_held", asked=("recruitment", "work", "leaving"))["FL05"].in_2012 == "not_found"


def test_the_revision_of_2025_adds_fees_and_ties_bad_conditions_to_not_being_able_to_leave():
    assert (checklist("fees_paid")["FL09"].in_2012, checklist("fees_paid")["FL09"].in_2025) == ("not_asked", "found")
    assert checklist("bad_housing")["FL10"].in_2025 == "found_alone"
    assert checklist("bad_housing", "papers_held")["FL10"].in_2025 == "found"
    assert checklist("bad_housing")["FL10"].in_2012 == "found"
    assert checklist("tied_status")["FL01"].stressed == ("tied_status",)


@pytest.mark.parametrize(
    ("findings", "strength"),
    [
        ((), "none_recorded"),
        ((("papers_held", "work", False),), "none_recorded"),
        (("papers_held",), "signals"),
        ((*EXPLOITED, *COERCED), "pattern"),
        (("violence",), "emergency"),
    ],
)
def test_the_strength_of_the_evidence_is_the_strongest_rule_met(findings, strength):
    told = read_case(case(*findings), ON)
    assert told.strength == strength
    assert bool(told.because) == (strength != "none_recorded")


def test_danger_long_past_is_no_emergency_and_stays_a_signal():
    def told(day):
        return read_case(case(("violence", "work", True, None, day)), ON).strength

    assert told("2025-12-01") == told("2025-07") == told("2025") == told(None) == "emergency"
    assert told("2024-03-01") == told("2023-12") == told("2023") == "signals"


def test_children_who_are_exploited_are_an_emergency_and_set_the_child_indicators():
    told = read_case(case(*EXPLOITED, people="children", acts=("recruitment",)), ON)
    assert told.strength == "emergency"
    assert {"child_labour", "under_18_aboard"} <= set(told.indicators)
    assert "child_labour" not in read_case(case(*EXPLOITED), ON).indicators


def test_an_age_that_nobody_knows_is_read_both_ways_and_settled_by_the_adult_list():
    told = read_case(case(*EXPLOITED, people=None, acts=("recruitment",)), ON)
    assert [each.people for each in told.lists] == ["adult", "child"]
    assert told.lists[1].trafficking.best
    assert told.strength == "signals"


def test_coercion_at_work_alone_asks_for_a_check_now():
    assert any("check on the people" in said for said in read_case(case(*COERCED), ON).because)


def test_weights_known_from_memory_are_said_to_be():
    assert "From memory" in reading("forced_overtime", "threat_of_dismissal").stages["work"].because


def test_a_finding_that_is_not_in_the_list_is_our_mistake():
    with pytest.raises(KeyError):
        read_case(case("gossip"), ON)
