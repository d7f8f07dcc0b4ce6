"""Test that a model file with a fault is rejected, with the file, the item and the fault in the message."""

from datetime import date
from pathlib import Path

import pytest

from risk_models.data_file import DataFileError
from risk_models.model import get_model_in_force, load_model
from tests.test_risk_models.suppliers import TOY

TEXT = (Path(__file__).parent / "toy.toml").read_text(encoding="utf-8")


def load_invalid(tmp_path: Path, old: str, new: str) -> str:
    assert old in TEXT
    path = tmp_path / "toy" / "1.toml"
    path.parent.mkdir()
    path.write_text(TEXT.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(DataFileError) as error:
        load_model(path)
    return str(error.value)


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ('id = "papers"', 'id = "fees"', "indicator 'fees': appears twice"),
        ("weight = 5", "weight = 0", "weight must be above 0"),
        ('weight_because = "Nothing is graver."', "", "'weight_because' is missing"),
        ('sources = ["FL09"]', "sources = []", "indicator 'fees': at least one source is required"),
        ("some = 0.6", "some = 1.6", "the risk of 'some' must be between 0 and 1, but is 1.6"),
        ("ramp = { from = 48, to = 80 }", "ramp = { from = 48, to = 48 }", "'from' and 'to' must differ"),
        ("steps = [[3, 0.6], [6, 0.9]]", "steps = [[6, 0.9], [3, 0.6]]", "'steps' must be in ascending order"),
        ('sharper = ["corridor_fees", "agency"]', 'sharper = ["nowhere"]', "names the sharper context 'nowhere'"),
        (
            'any = ["papers", "violence"]\ncount = 2',
            'any = ["papers"]\ncount = 2',
            "'count' 2 is above the number of signals, 1",
        ),
        ('any = ["fees", "wages"]', 'any = ["fees", "ghost"]', "names the indicator 'ghost'"),
        (
            'any = [["fees", "wages"], "papers"]',
            'any = [["fees", "wages", "papers"]]',
            "'count' 2 is above the number of signals, 1",
        ),
        ('any = [["fees", "wages"], "papers"]', 'any = [[], "papers"]', "the list 'any' is empty"),
        ('any = [["fees", "wages"], "papers"]', 'any = [["fees", 3], "papers"]', "'any' must be a list of texts"),
        (
            "some = 0.6",
            "some = 0.6 }\nconfirmed = { some = 0.7",
            "'confirmed' 'some' must be a choice, with a risk below",
        ),
        (
            "some = 0.6",
            "some = 0.6 }\nconfirmed = { ghost = 0.1",
            "'confirmed' 'ghost' must be a choice, with a risk below",
        ),
        (
            'reads = "answer.recruitment_fees"',
            'reads = "country.tip_tier"',
            "an indicator must read exactly one answer",
        ),
        ('weight = 2\nweight_because = "Far', 'weight = 200\nweight_because = "Far', "more than a fifth of the weight"),
        ("insufficient_below = 0.5", 'insufficient_below = 0.5\nmood = "good"', "unknown key 'mood'"),
        ("high = 50", "high = 20", "levels: must be in ascending order"),
        ("method = 3", "method = 5", "'method' is 5, not one of 1, 2, 3, 4"),
        ("official = { q = 0.80, months = 24 }", "", "credibility: must contain exactly"),
        ('case = "pattern"', 'case = "hunch"', "'case' has an invalid value: 'hunch'"),
        (
            'lift = 0.5\nfacts = [{ fact = "sector',
            'largest = true\nlift = 0.5\nfacts = [{ fact = "sector',
            "'largest' and 'share'",
        ),
        (
            'fact = "sector.hazard", from = 0, to = 1',
            'fact = "sector.hazard", from = 0, to = 1, share = [{ fact = "answer.migrant_pct", from = 0, to = 1 }]',
            "'largest' and 'share'",
        ),
        (
            'fact = "answer.migrant_pct", from = 0, to = 100',
            'fact = "answer.migrant_pct", from = 0, to = 100, share = []',
            "at least one fact is required",
        ),
    ],
)
def test_an_invalid_model_is_rejected_with_file_item_and_fault(tmp_path: Path, old: str, new: str, fault: str) -> None:
    message = load_invalid(tmp_path, old, new)
    assert message.startswith("toy/1.toml: ")
    assert fault in message


def test_duplicate_keys_are_rejected(tmp_path: Path) -> None:
    assert "not valid TOML" in load_invalid(tmp_path, 'kind = "site"', 'kind = "site"\nkind = "agency"')


def test_the_version_in_force_is_the_latest_that_is_effective(tmp_path: Path) -> None:
    for version, day in (("1", "2026-01-01"), ("2", "2026-07-01")):
        path = tmp_path / f"{version}.toml"
        path.write_text(
            TEXT.replace('version = "1"', f'version = "{version}"').replace("2026-01-01", day), encoding="utf-8"
        )
    models = [load_model(path) for path in sorted(tmp_path.glob("*.toml"))]
    assert get_model_in_force("toy", date(2026, 6, 30), models).version == "1"
    assert get_model_in_force("toy", date(2026, 7, 1), models).version == "2"
    with pytest.raises(LookupError, match="no version of the model toy is in force on 2025-12-31"):
        get_model_in_force("toy", date(2025, 12, 31), models)


def test_a_changed_file_has_another_digest(tmp_path: Path) -> None:
    path = tmp_path / "toy.toml"
    path.write_text(TEXT + "\n# a word\n", encoding="utf-8")
    assert load_model(path).digest != TOY.digest
