"""The data that case records are read by: whole, sourced, marked, and free of verdicts."""

import re
import tomllib
from collections import Counter
from datetime import date

import pytest

from risk_models.cases.readings import Case, Finding, read_case
from risk_models.cases.rules import CASES_FOLDER, ILO_INDICATORS, LISTS, RULE_FILES, load_case_rules
from risk_models.model import load_all

MARKS = {"seen", "seen_in_part", "memory_high", "memory_medium", "memory_low", "own"}
VERDICTS = (
    r"guilt\w*|criminals?|convict\w*|perpetrator\w*|traffickers?|victims?|offend\w*|slave\w*|culprit\w*|abusers?|illegal\w*|"
    r"confirmed|proven|proved|established that|is trafficking|is forced labour|has committed|commits|violat\w*|"
    r"fraudster\w*|cleared"
)
WEIGHTS = {"strong": 3, "medium": 2, "weak": 1}
RULES = load_case_rules()


def entries():
    for name in RULE_FILES:
        for key, told in tomllib.loads((CASES_FOLDER / name).read_text(encoding="utf-8")).items():
            for entry in told if isinstance(told, list) else [told]:
                if isinstance(entry, dict):
                    yield f"{name} {key} {entry.get('id', '')}", entry


def standards():
    folder = CASES_FOLDER.parent / "standards"
    return {
        rule["id"] for file in folder.glob("*.toml") for rule in tomllib.loads(file.read_text(encoding="utf-8"))["rule"]
    }


def held(people):
    return {w.id: w.by_list[people] for w in RULES.weights.values() if people in w.by_list}


def test_the_lists_hold_as_many_indicators_as_were_published():
    assert [len(held(people)) for people in LISTS] == [67, 65]
    assert list(Counter(w.dimension for w in RULES.weights.values()).values()) == [10, 10, 16, 9, 15, 7]
    assert Counter(limb.limb for limb in RULES.limbs.values()) == {"involuntariness": 22, "penalty": 18}


def test_the_list_for_children_differs_where_it_was_published_to():
    adult, child = held("adult"), held("child")
    assert adult.keys() - child.keys() == {"RV07", "EX06"}
    assert "weak" not in child.values()
    assert {i for i in child if adult[i] == "medium" and child[i] == "strong"} == {
        "CR02",
        "CR04",
        "CR07",
        "CD05",
        "CD06",
        "CD11",
        "CD12",
    }
    assert (adult["DR10"], child["DR10"]) == ("weak", "strong")
    assert all(WEIGHTS[child[i]] >= WEIGHTS[adult[i]] for i in child)


def test_every_indicator_of_every_list_is_read_in_a_finding():
    assert all(RULES.cells_by_indicator[name] for name in (*RULES.weights, *RULES.limbs, *ILO_INDICATORS))


def test_a_finding_in_one_phase_is_one_indicator_a_dimension():
    for finding in RULES.findings.values():
        for ids in finding.indicators_by_phase.values():
            dimensions = [RULES.weights[name].dimension for name in ids if name in RULES.weights]
            assert len(dimensions) == len(set(dimensions)), finding.id


def test_every_entry_says_where_it_is_from_and_how_sure_that_is():
    for name, entry in entries():
        assert entry.get("source"), name
        assert entry.get("mark") in MARKS, name


def test_ids_given_as_a_source_stand_among_the_standards():
    there = standards()
    named = {source for _, entry in entries() if isinstance(entry["source"], list) for source in entry["source"]}
    assert named <= there


def test_what_a_finding_sets_is_an_indicator_of_a_model():
    there = {indicator.id for model in load_all() for indicator in model.indicators}
    set_here = {name for finding in RULES.findings.values() for name in finding.indicators}
    assert set_here <= there
    assert set(RULES.raw["child_harm"]["indicators"]) <= there


def texts(told):
    if isinstance(told, str):
        yield told
    elif isinstance(told, dict):
        yield from (text for value in told.values() for text in texts(value))
    elif isinstance(told, list):
        yield from (text for value in told for text in texts(value))


@pytest.mark.parametrize(
    "file",
    [*(CASES_FOLDER / name for name in RULE_FILES), CASES_FOLDER.parents[1] / "questionnaires/forms/case/2026.1.toml"],
    ids=str,
)
def test_no_text_is_a_verdict(file):
    found = [
        text
        for text in texts(tomllib.loads(file.read_text(encoding="utf-8")))
        if re.search(rf"\b({VERDICTS})\b", text, re.I)
    ]
    assert [text for text in found if not text.startswith("Operational indicators of trafficking")] == []


def test_no_reason_is_a_verdict():
    everything = tuple(
        Finding(what, phase) for what, known in RULES.findings.items() for phase in known.indicators_by_phase
    )
    for people in ("adults", "children", "both", None):
        told = read_case(Case("C-1", everything, people, ("harbouring",)), date(2026, 6, 1))
        said = [*told.because]
        for each in told.lists:
            said += [
                r.because
                for r in (
                    *each.dimensions,
                    *each.stages.values(),
                    each.act,
                    each.means,
                    each.purpose,
                    each.forced_labour,
                    each.trafficking,
                )
            ]
        assert not [text for text in said if re.search(rf"\b({VERDICTS})\b", text, re.I)]


def test_an_indicator_weighs_more_at_work_than_at_recruitment_where_the_same_fact_was_published_twice():
    for finding in ("papers_held", "debt_bondage", "locked_in", "cut_off", "movement_limited"):
        weights = {
            phase: max(WEIGHTS[RULES.weights[i].by_list["adult"]] for i in ids if i in RULES.weights)
            for phase, ids in RULES.findings[finding].indicators_by_phase.items()
        }
        assert weights["work"] > weights["recruitment"], finding
