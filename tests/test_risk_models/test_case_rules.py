"""The data of the rules for case records: complete, sourced, marked, and free of verdicts."""

import re
import tomllib
from collections import Counter
from datetime import date

import pytest

from risk_models.cases.readings import Case, Finding, read_case
from risk_models.cases.rules import (
    CASES_FOLDER,
    ILO_INDICATORS,
    LISTS,
    RULE_FILES,
    list_case_rules,
)
from risk_models.model import load_models

MARKS = {"seen", "seen_in_part", "memory_high", "memory_medium", "memory_low", "own"}
VERDICTS = (
    r"guilt\w*|criminals?|convict\w*|perpetrator\w*|traffickers?|victims?|offend\w*|slave\w*|culprit\w*|abusers?|illegal\w*|"
    r"confirmed|proven|proved|established that|is trafficking|is forced labour|has committed|commits|violat\w*|"
    r"fraudster\w*|cleared"
)
WEIGHTS = {"strong": 3, "medium": 2, "weak": 1}
VERSIONS = [rules.version for rules in list_case_rules()]
RULES = list_case_rules()[-1]


def iter_entries():
    for name in RULE_FILES:
        for key, value in tomllib.loads((CASES_FOLDER / RULES.version / name).read_text(encoding="utf-8")).items():
            for entry in value if isinstance(value, list) else [value]:
                if isinstance(entry, dict) and key != "sentence":
                    yield f"{name} {key} {entry.get('id', '')}", entry


def list_standards():
    folder = CASES_FOLDER.parent / "standards"
    return {
        rule["id"] for file in folder.glob("*.toml") for rule in tomllib.loads(file.read_text(encoding="utf-8"))["rule"]
    }


def get_weights(people):
    return {w.id: w.by_list[people] for w in RULES.weights.values() if people in w.by_list}


def test_the_lists_hold_as_many_indicators_as_were_published():
    assert [len(get_weights(people)) for people in LISTS] == [67, 65]
    assert list(Counter(w.dimension for w in RULES.weights.values()).values()) == [10, 10, 16, 9, 15, 7]
    assert Counter(limb.limb for limb in RULES.limbs.values()) == {"involuntariness": 22, "penalty": 18}


def test_the_list_for_children_differs_from_that_for_adults_as_published():
    adult, child = get_weights("adult"), get_weights("child")
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


def test_every_indicator_of_every_list_is_shown_by_a_finding():
    assert all(RULES.cells_by_indicator[name] for name in (*RULES.weights, *RULES.limbs, *ILO_INDICATORS))


def test_a_finding_in_one_phase_shows_at_most_one_indicator_of_each_dimension():
    for finding in RULES.findings.values():
        for ids in finding.indicators_by_phase.values():
            dimensions = [RULES.weights[name].dimension for name in ids if name in RULES.weights]
            assert len(dimensions) == len(set(dimensions)), finding.id


def test_every_entry_has_a_source_and_a_mark():
    for name, entry in iter_entries():
        assert entry.get("source"), name
        assert entry.get("mark") in MARKS, name


def test_ids_given_as_a_source_are_among_the_standards():
    cited = {source for _, entry in iter_entries() if isinstance(entry["source"], list) for source in entry["source"]}
    assert cited <= list_standards()


def test_findings_set_only_indicators_of_a_model():
    existing = {indicator.id for model in load_models() for indicator in model.indicators}
    set_by_findings = {name for finding in RULES.findings.values() for name in finding.indicators}
    assert set_by_findings <= existing
    assert set(RULES.raw["child_harm"]["indicators"]) <= existing


def iter_texts(data):
    if isinstance(data, str):
        yield data
    elif isinstance(data, dict):
        yield from (text for value in data.values() for text in iter_texts(value))
    elif isinstance(data, list):
        yield from (text for value in data for text in iter_texts(value))


@pytest.mark.parametrize(
    "file",
    [
        *(CASES_FOLDER / version / name for version in VERSIONS for name in RULE_FILES),
        CASES_FOLDER.parents[1] / "questionnaires/forms/case/2026.1.toml",
    ],
    ids=str,
)
def test_no_text_is_a_verdict(file):
    found = [
        text
        for text in iter_texts(tomllib.loads(file.read_text(encoding="utf-8")))
        if re.search(rf"\b({VERDICTS})\b", text, re.I)
    ]
    assert [text for text in found if not text.startswith("Operational indicators of trafficking")] == []


def test_no_reason_is_a_verdict():
    all_findings = tuple(
        Finding(finding_id, phase)
        for finding_id, definition in RULES.findings.items()
        for phase in definition.indicators_by_phase
    )
    for people in ("adults", "children", "both", None):
        case_reading = read_case(Case("C-1", all_findings, people, ("harbouring",)), date(2026, 6, 1), RULES)
        reasons = [*case_reading.because]
        for by_list in case_reading.lists:
            reasons += [
                reading.because
                for reading in (
                    *by_list.dimensions,
                    *by_list.stages.values(),
                    by_list.act,
                    by_list.means,
                    by_list.purpose,
                    by_list.forced_labour,
                    by_list.trafficking,
                )
            ]
        assert not [text for text in reasons if re.search(rf"\b({VERDICTS})\b", text, re.I)]


def test_a_finding_published_for_both_phases_has_more_weight_at_work_than_at_recruitment():
    for finding in ("papers_held", "debt_bondage", "locked_in", "cut_off", "movement_limited"):
        weights = {
            phase: max(WEIGHTS[RULES.weights[i].by_list["adult"]] for i in ids if i in RULES.weights)
            for phase, ids in RULES.findings[finding].indicators_by_phase.items()
        }
        assert weights["work"] > weights["recruitment"], finding
