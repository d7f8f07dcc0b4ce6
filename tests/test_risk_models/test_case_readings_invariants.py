"""What holds for every case record: more findings never lower a reading, and what is certain is possible."""

from datetime import date

from examples import examples
from hypothesis import given
from hypothesis import strategies as st

from risk_models.cases.readings import Case, Finding, read_case
from risk_models.cases.rules import ILO_INDICATORS, STRENGTHS, find_case_rules_in_force

ON = date(2026, 6, 1)
RULES = find_case_rules_in_force(ON)
PHASES = (*RULES.phases, None)  # None: not recorded
STATES = ["not_found", "not_asked", "found_alone", "found"]

finding = st.builds(
    Finding,
    st.sampled_from(sorted(RULES.findings)),
    st.sampled_from(PHASES),
    st.sampled_from([True, True, True, False]),
    on=st.sampled_from([None, "2026-01-05", "2024", "2025-09"]),
)
record = st.builds(
    Case,
    st.just("C-1"),
    st.lists(finding, max_size=8).map(tuple),
    st.sampled_from(["adults", "children", "both", None]),
    st.lists(st.sampled_from(["recruitment", "transfer", "harbouring", "nobody"]), max_size=2).map(tuple),
    st.lists(st.sampled_from(PHASES[:-1]), max_size=3, unique=True).map(tuple),
)
more = st.builds(
    Finding,
    st.sampled_from(sorted(RULES.findings)),
    st.sampled_from(PHASES),
    on=st.sampled_from([None, "2026-01-05", "2024"]),
)


def list_readings(case):
    """Return every reading of a case by list and name."""
    readings = {}
    for by_list in read_case(case, ON).lists:
        named = {f"dimension {dimension.number}": dimension for dimension in by_list.dimensions}
        named |= {f"stage {stage}": reading for stage, reading in by_list.stages.items()}
        named |= {name: getattr(by_list, name) for name in ("act", "means", "purpose", "forced_labour", "trafficking")}
        readings |= {(by_list.people, name): reading for name, reading in named.items()}
    return readings


@given(record, more)
@examples(120)
def test_one_more_finding_never_lowers_a_reading(case, new):
    richer = Case(case.id, (*case.findings, new), case.people, case.acts, case.phases_asked)
    before, after = list_readings(case), list_readings(richer)
    assert before.keys() == after.keys()
    for name, reading in before.items():
        assert after[name].best >= reading.best, name
        assert after[name].worst >= reading.worst, name


@given(record, more)
@examples(120)
def test_one_more_finding_never_lowers_strength_checklist_classes_or_indicators_set(case, new):
    before, after = (
        read_case(case, ON),
        read_case(Case(case.id, (*case.findings, new), case.people, case.acts, case.phases_asked), ON),
    )
    assert STRENGTHS.index(after.strength) >= STRENGTHS.index(before.strength)
    assert set(after.indicators) >= set(before.indicators)
    for list_before, list_after in zip(before.lists, after.lists, strict=True):
        assert all(after >= before for before, after in zip(list_before.classes, list_after.classes, strict=True))
    for line_before, line_after in zip(before.ilo, after.ilo, strict=True):
        if line_before.in_2012 == "found":
            assert line_after.in_2012 == "found"
        if line_before.in_2025 in ("found", "found_alone"):
            assert STATES.index(line_after.in_2025) >= STATES.index(line_before.in_2025)


@given(record)
@examples(120)
def test_the_worst_reading_is_never_below_the_best_and_the_checklist_is_complete(case):
    assert all(reading.worst >= reading.best for reading in list_readings(case).values())
    assert [line.id for line in read_case(case, ON).ilo] == list(ILO_INDICATORS)


@given(record, st.randoms(use_true_random=False))
@examples(60)
def test_the_order_of_findings_does_not_change_a_reading(case, random):
    shuffled = list(case.findings)
    random.shuffle(shuffled)
    other = Case(case.id, tuple(shuffled), case.people, case.acts, case.phases_asked)
    assert {k: (r.best, r.worst) for k, r in list_readings(case).items()} == {
        k: (r.best, r.worst) for k, r in list_readings(other).items()
    }
    assert read_case(case, ON).strength == read_case(other, ON).strength


@given(record)
@examples(60)
def test_asking_about_every_phase_only_narrows_readings(case):
    asked = Case(case.id, case.findings, case.people, case.acts, PHASES[:-1])
    for name, reading in list_readings(case).items():
        assert list_readings(asked)[name].best == reading.best
        assert list_readings(asked)[name].worst <= reading.worst
