"""Test the versions of the case rules: each reads cases alike, in its own words, and a stored case names its version."""

import gzip
import json
from dataclasses import fields, is_dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from risk_models.cases.readings import CaseReading, read_case
from risk_models.cases.rules import CaseRules, find_case_rules_in_force, get_case_rules, list_case_rules
from risk_models.cases.sentences import FIRST_SENTENCES
from risk_models.facts.facts import load_facts
from service.case_reading.export_json import build_case_part, parse_case_record
from service.verify import find_discrepancies

FIRST, NEWEST = list_case_rules()[0], list_case_rules()[-1]
FROZEN = Path(__file__).parent / "frozen"
DOCUMENTS = [json.loads(gzip.decompress(path.read_bytes())) for path in sorted(FROZEN.glob("*cases*.json.gz"))]
CASES = [case for document in DOCUMENTS for case in document["cases"]]


def read_stored_case(stored: Any, rules: CaseRules) -> CaseReading:
    return read_case(parse_case_record(stored).case, date(2026, 11, 27), rules)


def without_sentences(reading: Any) -> Any:
    """Return a reading of a case without its sentences."""
    if is_dataclass(reading) and not isinstance(reading, type):
        return {f.name: without_sentences(getattr(reading, f.name)) for f in fields(reading) if f.name != "because"}
    if isinstance(reading, dict):
        return {key: without_sentences(value) for key, value in reading.items()}
    return [without_sentences(item) for item in reading] if isinstance(reading, tuple) else reading


def test_a_day_decides_which_rules_read_a_case() -> None:
    assert (FIRST.version, NEWEST.version) == ("2026.1", "2026.4")
    assert find_case_rules_in_force(date(2026, 1, 1)) is FIRST
    assert find_case_rules_in_force(NEWEST.effective) is NEWEST
    assert find_case_rules_in_force(NEWEST.effective - timedelta(days=1)) is FIRST


def test_unknown_rules_are_reported_by_name() -> None:
    with pytest.raises(LookupError, match=r"does not include the case rules 1999\.1"):
        get_case_rules("1999.1")


def test_the_newest_rules_replace_every_sentence_and_no_placeholder_is_lost() -> None:
    assert NEWEST.sentences.keys() == NEWEST.raw["sentence"].keys() == FIRST_SENTENCES.keys()
    assert FIRST.sentences == FIRST_SENTENCES


@pytest.mark.parametrize("stored", CASES, ids=lambda stored: stored["case"])
def test_the_newest_rules_read_a_case_alike_in_other_words(stored: Any) -> None:
    before, after = read_stored_case(stored, FIRST), read_stored_case(stored, NEWEST)
    assert without_sentences(after) == without_sentences(before)
    for old, new in zip(before.lists, after.lists, strict=True):
        assert new.forced_labour.because.startswith("Indicators of forced labour")
        assert new.trafficking.because != old.trafficking.because
        for dimension in (*old.dimensions, *new.dimensions):
            assert "{" not in dimension.because


def test_a_stored_case_is_recomputed_by_the_rules_that_it_names() -> None:
    document = DOCUMENTS[0]
    assert find_discrepancies(document, load_facts()) == []
    stored = document["cases"][0]
    record = parse_case_record(stored)
    reading = read_case(record.case, date.fromisoformat(document["assessment"]["on"]), NEWEST)
    renamed = build_case_part(record, reading, stored["linked"], NEWEST, "2026.3")
    assert renamed["rules"]["version"] == "2026.4"
    assert renamed["because"] != stored["because"] or renamed["readings"] != stored["readings"]
    document["cases"][0] = {**renamed, "rules": stored["rules"]}
    assert any("the case" in fault for fault in find_discrepancies(document, load_facts()))
    document["cases"][0] = stored


def test_the_class_of_a_case_is_described_in_the_words_of_its_rules() -> None:
    stored = CASES[0]
    record, reading = parse_case_record(stored), read_stored_case(stored, NEWEST)
    first, newest = (
        build_case_part(record, reading, [], rules, "2026.3")["readings"][0]["class"]["because"]
        for rules in (FIRST, NEWEST)
    )
    assert first.startswith("Published class")
    assert newest.startswith("Published class")
    assert first != newest
