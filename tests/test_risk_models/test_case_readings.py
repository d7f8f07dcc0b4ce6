"""Readings of case records by the published rules: dimensions, stages, elements, both readings, and strength."""

from datetime import date

import pytest

from risk_models.cases.readings import Case, Finding, read_case
from risk_models.cases.rules import find_case_rules_in_force, list_case_rules

ON = date(2026, 6, 1)

# Findings of one indicator each, by the weight of the indicator in the adult list (strong, medium, weak).
DECEPTION = {
    "S": ["deceived_job"],
    "M": ["deceived_conditions", "deceived_housing", "deceived_wages"],
    "W": ["promised_schooling"],
}
VULNERABILITY = {"M": ["hardship_in_family_used", "poverty_used"], "W": ["beliefs_used", "crisis_at_home"]}
COERCION = {"S": ["papers_held", "violence"], "M": ["forced_tasks"], "W": ["threat_of_shame"]}


def build_case(*findings, people="adults", phase="work", **fields):
    """Build a case of findings given as an id (found in ``phase``) or as the fields of a Finding."""
    built = tuple(
        Finding(*((finding, phase) if isinstance(finding, str) else finding), place=f"Cases row {row}")
        for row, finding in enumerate(findings, 2)
    )
    return Case("C-1", built, people=people, **fields)


def read_by_list(*findings, **fields):
    """Read a case by the list for its people, by default the one for adults."""
    return read_case(build_case(*findings, **fields), ON).lists[0]


def pick_findings(weights, findings_by_weight):
    remaining = {weight: list(names) for weight, names in findings_by_weight.items()}
    return [remaining[weight].pop(0) for weight in weights]


def is_reached(dimension, weights, findings_by_weight, phase="recruitment"):
    findings = [(name, phase) for name in pick_findings(weights, findings_by_weight)]
    return read_by_list(*findings).dimensions[dimension - 1].best


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
def test_only_the_published_combinations_reach_a_dimension(weights, expected):
    assert is_reached(1, weights, DECEPTION) is expected


@pytest.mark.parametrize("weights", ["MWW", "WW"])
def test_weak_indicators_do_not_replace_medium_ones(weights):
    assert not is_reached(3, weights, VULNERABILITY)


@pytest.mark.parametrize(("weights", "rule"), [("SS", "RULE-a"), ("SM", "RULE-b"), ("SW", "RULE-b")])
def test_the_rule_that_reached_a_dimension_is_named(weights, rule):
    assert read_by_list(*pick_findings(weights, COERCION)).dimensions[4].rule == rule


def test_a_dimension_gives_its_indicators_rule_and_rows():
    because = read_by_list("papers_held", "threat_of_denunciation").dimensions[4].because
    for part in ("coercion at work", "RULE-b", "CD01 strong", "CD09 medium", "Cases row 2", "Cases row 3"):
        assert part in because


@pytest.mark.parametrize("finding", ["papers_held", "debt_bondage", "locked_in"])
def test_papers_debt_and_isolation_have_more_weight_at_work_than_at_recruitment(finding):
    with_threat = (finding, "threat_of_denunciation")
    assert read_by_list(*with_threat, phase="work").dimensions[4].best
    assert not read_by_list(*with_threat, phase="recruitment").dimensions[1].best


def test_two_findings_of_the_same_indicator_count_once():
    assert read_by_list("violence", "sexual_violence").dimensions[4].found == ("CD04",)
    assert not read_by_list("violence", "sexual_violence").dimensions[4].best


def test_disputed_weights_are_softer_at_best_and_as_published_at_worst():
    disputed = ("earlier_harm_used", "could_not_travel_alone", "beliefs_used")  # RV13, RV14 and a weak one
    dimension = read_by_list(*disputed, phase="recruitment").dimensions[2]
    assert (dimension.best, dimension.worst) == (False, True)
    assert "RV13" in dimension.because
    assert "disputed" in dimension.because


def test_bad_conditions_and_low_pay_are_strong_only_in_the_worst_reading_because_two_texts_differ():
    rules = next(rules for rules in list_case_rules() if rules.version == "2026.4")
    for name in ("EX02", "EX03", "EX04"):
        assert rules.weights[name].by_list == {"adult": "strong", "child": "strong"}
        assert rules.weights[name].softer == {"adult": "medium", "child": "medium"}
    reading = read_case(build_case("bad_housing", "hazardous_work"), ON, rules).lists[0]  # EX02 and EX03
    dimension = reading.dimensions[3]
    assert (dimension.best, dimension.worst) == (False, True)
    assert "disputed" in dimension.because


def test_findings_are_unknown_unless_their_phase_was_asked_about_in_full():
    dimension = read_by_list("papers_held").dimensions[4]
    assert (dimension.best, dimension.worst, dimension.not_asked) == (False, True, 14)
    asked = read_by_list("papers_held", phases_asked=("work", "leaving")).dimensions[4]
    assert (asked.best, asked.worst, asked.not_asked) == (False, False, 0)


def test_a_finding_recorded_as_absent_settles_only_its_own_indicator():
    not_asked = read_by_list("papers_held").dimensions[4]
    asked = read_by_list(
        "papers_held", ("forced_against_others", "work", False), ("forced_against_others", "leaving", False)
    ).dimensions[4]
    assert asked.not_asked == not_asked.not_asked - 1
    assert asked.worst


def test_a_finding_of_one_source_counts_although_another_did_not_find_it():
    dimension = read_by_list(("papers_held", "work", False), "papers_held", "threat_of_denunciation").dimensions[4]
    assert dimension.best


def test_a_finding_without_a_phase_is_listed_and_its_indicator_stays_open():
    reading = read_case(build_case(("papers_held", None), "threat_of_denunciation"), ON)
    assert reading.unplaced_findings == ("papers_held",)
    assert (reading.lists[0].dimensions[4].best, reading.lists[0].dimensions[4].worst) == (False, True)
    assert "papers_withheld" in reading.indicators


def test_a_finding_with_only_one_possible_phase_is_read_in_that_phase():
    assert read_by_list(("deceived_job", "work")).dimensions[0].found == ("DR01",)
    assert read_by_list(("deceived_job", None)).dimensions[0].found == ("DR01",)


def test_the_act_is_unknown_until_it_was_asked_about():
    assert (read_by_list("papers_held").act.best, read_by_list("papers_held").act.worst) == (False, True)
    assert not read_by_list("papers_held", acts=("nobody",)).act.worst


EXPLOITED, COERCED = ("long_hours", "bad_housing"), ("papers_held", "threat_of_denunciation")
DECEIVED = (("deceived_job", "recruitment"), ("deceived_wages", "recruitment"))


def test_trafficking_of_a_child_needs_act_and_exploitation_but_no_means():
    recruited = {"acts": ("recruitment",), "phases_asked": ("recruitment", "work", "leaving")}
    assert read_by_list(*EXPLOITED, people="children", **recruited).trafficking.best
    assert not read_by_list(*EXPLOITED, people="adults", **recruited).trafficking.worst


def test_trafficking_of_an_adult_needs_act_means_and_purpose():
    assert read_by_list(*DECEIVED, *EXPLOITED).trafficking.best
    assert not read_by_list(*DECEIVED).trafficking.best
    assert not read_by_list(*EXPLOITED, acts=("recruitment",)).trafficking.best


def test_abuse_at_work_is_a_means_only_where_people_were_received_or_housed():
    assert not read_by_list(*EXPLOITED, *COERCED, acts=("recruitment",)).trafficking.best
    assert read_by_list(*EXPLOITED, *COERCED, acts=("harbouring",)).trafficking.best


def test_people_who_came_by_themselves_were_not_trafficked_even_at_worst():
    reading = read_by_list(*EXPLOITED, *COERCED, acts=("nobody",), phases_asked=("recruitment", "work", "leaving"))
    assert (reading.trafficking.worst, reading.forced_labour.best) == (False, True)


def test_forced_labour_and_trafficking_are_read_separately():
    reading = read_by_list(*EXPLOITED, *COERCED)
    assert (reading.forced_labour.best, reading.trafficking.best) == (True, False)


@pytest.mark.parametrize(
    ("findings", "expected"),
    [
        ((), "CASE-0"),
        (EXPLOITED, "CASE-1"),
        ((*DECEIVED, *EXPLOITED), "CASE-2"),
        ((*DECEIVED, *EXPLOITED, *COERCED), "CASE-3"),
    ],
)
def test_a_case_has_the_published_class(findings, expected):
    assert read_by_list(*findings).classes[0] == expected


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
def test_forced_labour_in_a_stage_needs_both_limbs_from_different_findings_one_strong(findings, expected):
    assert read_by_list(*findings).stages["work"].best is expected


def test_limbs_of_different_stages_are_not_combined():
    reading = read_by_list(("threat_of_denunciation", "recruitment"), ("forced_overtime", "work"))
    assert not any(stage.best for stage in reading.stages.values())


def test_the_work_of_a_child_is_forced_by_any_penalty_or_by_the_bondage_of_its_parents():
    assert read_by_list("threat_of_dismissal", people="children").forced_labour.best
    assert read_by_list("parents_in_bondage", people="children").forced_labour.best
    assert not read_by_list("threat_of_dismissal", people="adults").forced_labour.best


def test_a_penalty_that_was_not_asked_about_stays_possible_for_a_child():
    rules = find_case_rules_in_force(ON)
    free = {name for name, limb in rules.limbs.items() if limb.limb == "involuntariness"}
    free |= {weight.id for weight in rules.weights.values() if weight.dimension == 4}
    absent = [
        (f.id, phase, False)
        for f in rules.findings.values()
        for phase, ids in f.indicators_by_phase.items()
        if free & set(ids)
    ]
    assert not read_by_list(*absent, people="adults").forced_labour.worst
    assert read_by_list(*absent, people="children").forced_labour.worst
    assert not read_by_list(*absent, people="children", phases_asked=tuple(rules.phases)).forced_labour.worst


def read_checklist(*findings, **fields):
    return {line.id: line for line in read_case(build_case(*findings, **fields), ON).ilo}


def test_the_checklist_has_the_eleven_ilo_indicators_and_the_state():
    lines = read_checklist("papers_held", phases_asked=("work", "leaving"))
    assert len(lines) == 12
    assert (lines["FL07"].in_2012, lines["FL05"].in_2012) == ("found", "not_asked")
    assert read_checklist("papers_held", phases_asked=("recruitment", "work", "leaving"))["FL05"].in_2012 == "not_found"


def test_the_revision_of_2025_adds_fees_and_ties_bad_conditions_to_not_being_able_to_leave():
    assert (read_checklist("fees_paid")["FL09"].in_2012, read_checklist("fees_paid")["FL09"].in_2025) == (
        "not_asked",
        "found",
    )
    assert read_checklist("bad_housing")["FL10"].in_2025 == "found_alone"
    assert read_checklist("bad_housing", "papers_held")["FL10"].in_2025 == "found"
    assert read_checklist("bad_housing")["FL10"].in_2012 == "found"
    assert read_checklist("tied_status")["FL01"].stressed == ("tied_status",)


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
def test_the_strength_is_that_of_the_strongest_rule_met(findings, strength):
    reading = read_case(build_case(*findings), ON)
    assert reading.strength == strength
    assert bool(reading.because) == (strength != "none_recorded")


def test_violence_long_ago_is_a_signal_and_no_emergency():
    def read_strength(found_on):
        return read_case(build_case(("violence", "work", True, None, found_on)), ON).strength

    assert {read_strength(day) for day in ("2025-12-01", "2025-07", "2025", None)} == {"emergency"}
    assert {read_strength(day) for day in ("2024-03-01", "2023-12", "2023")} == {"signals"}


def test_exploitation_of_children_is_an_emergency_and_sets_the_child_indicators():
    reading = read_case(build_case(*EXPLOITED, people="children", acts=("recruitment",)), ON)
    assert reading.strength == "emergency"
    assert {"child_labour", "under_18_aboard"} <= set(reading.indicators)
    assert "child_labour" not in read_case(build_case(*EXPLOITED), ON).indicators


def test_a_case_of_unknown_age_is_read_by_both_lists_and_decided_by_the_adult_list():
    reading = read_case(build_case(*EXPLOITED, people=None, acts=("recruitment",)), ON)
    assert [list_reading.people for list_reading in reading.lists] == ["adult", "child"]
    assert reading.lists[1].trafficking.best
    assert reading.strength == "signals"


def test_coercion_at_work_alone_asks_for_a_check_now():
    assert any("check on the people" in reason for reason in read_case(build_case(*COERCED), ON).because)


def test_a_reading_names_weights_known_only_from_memory():
    assert "From memory" in read_by_list("forced_overtime", "threat_of_dismissal").stages["work"].because


def test_an_undefined_finding_raises_a_key_error():
    with pytest.raises(KeyError):
        read_case(build_case("gossip"), ON)
