"""What holds of every case record: more findings never lower a reading, and what is certain is possible."""

from datetime import date

from examples import examples
from hypothesis import given
from hypothesis import strategies as st

from risk_models.cases.readings import Case, Finding, read
from risk_models.cases.rules import ILO, STRENGTHS, case_rules

ON = date(2026, 6, 1)
PHASES = (*case_rules().phases, None)  # None: not told
STATES = ["not_found", "not_asked", "found_alone", "found"]

finding = st.builds(
    Finding,
    st.sampled_from(sorted(case_rules().findings)),
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
    st.sampled_from(sorted(case_rules().findings)),
    st.sampled_from(PHASES),
    on=st.sampled_from([None, "2026-01-05", "2024"]),
)


def all_readings(case):
    """Every reading of a record by name."""
    told = {}
    for each in read(case, ON).lists:
        named = {f"dimension {d.number}": d for d in each.dimensions} | {
            f"stage {k}": v for k, v in each.stages.items()
        }
        named |= {name: getattr(each, name) for name in ("act", "means", "purpose", "forced_labour", "trafficking")}
        told |= {(each.people, name): reading for name, reading in named.items()}
    return told


@given(record, more)
@examples(120)
def test_one_more_finding_never_lowers_a_reading(case, one):
    richer = Case(case.id, (*case.findings, one), case.people, case.acts, case.asked)
    before, after = all_readings(case), all_readings(richer)
    assert before.keys() == after.keys()
    for name, reading in before.items():
        assert after[name].best >= reading.best, name
        assert after[name].worst >= reading.worst, name


@given(record, more)
@examples(120)
def test_one_more_finding_never_lowers_strength_checklist_classes_or_what_a_model_hears(case, one):
    before, after = read(case, ON), read(Case(case.id, (*case.findings, one), case.people, case.acts, case.asked), ON)
    assert STRENGTHS.index(after.strength) >= STRENGTHS.index(before.strength)
    assert set(after.indicators) >= set(before.indicators)
    for old, new in zip(before.lists, after.lists, strict=True):
        assert all(after >= before for before, after in zip(old.classes, new.classes, strict=True))
    for old, new in zip(before.ilo, after.ilo, strict=True):
        if old.in_2012 == "found":
            assert new.in_2012 == "found"
        if old.in_2025 in ("found", "found_alone"):
            assert STATES.index(new.in_2025) >= STATES.index(old.in_2025)


@given(record)
@examples(120)
def test_what_is_recorded_is_possible_and_every_line_is_there(case):
    assert all(reading.worst >= reading.best for reading in all_readings(case).values())
    assert [line.id for line in read(case, ON).ilo] == list(ILO)


@given(record, st.randoms(use_true_random=False))
@examples(60)
def test_the_order_of_findings_changes_no_reading(case, random):
    shuffled = list(case.findings)
    random.shuffle(shuffled)
    other = Case(case.id, tuple(shuffled), case.people, case.acts, case.asked)
    assert {k: (r.best, r.worst) for k, r in all_readings(case).items()} == {
        k: (r.best, r.worst) for k, r in all_readings(other).items()
    }
    assert read(case, ON).strength == read(other, ON).strength


@given(record)
@examples(60)
def test_asking_in_full_only_narrows(case):
    asked = Case(case.id, case.findings, case.people, case.acts, PHASES[:-1])
    for name, reading in all_readings(case).items():
        assert all_readings(asked)[name].best == reading.best
        assert all_readings(asked)[name].worst <= reading.worst
