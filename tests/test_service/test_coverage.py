"""Every published indicator lives somewhere or is left out for a reason, and docs/coverage.md says where."""

from dataclasses import replace
from pathlib import Path

import pytest

from service import cli
from service.model_governance.coverage import (
    CITATION_KINDS,
    build_page,
    index_citations,
    list_coverage_faults,
    list_required_sources,
    load_exclusions,
)

DOCS = Path(__file__).parents[2] / "docs"
FAMILIES = "FL FLS DR CR RV EX CD VD HI HP FRP RF RC RX IR C188 C189 SF MC SD".split()


def test_every_published_id_lives_somewhere_or_is_left_out_for_a_reason() -> None:
    assert list_coverage_faults() == []


def test_the_families_are_whole() -> None:
    counts = {family: len(sources) for family, sources in list_required_sources(load_exclusions()).items()}
    assert list(counts) == FAMILIES
    published = {"DR": 10, "CR": 10, "RV": 16, "EX": 9, "CD": 15, "VD": 7, "HI": 22, "HP": 18, "FRP": 13, "RF": 4, "RC": 7,
                 "RX": 3, "IR": 7, "C188": 11, "C189": 11, "SF": 20 + 12 + 15, "MC": 5, "SD": 65, "FLS": 5}  # fmt: skip
    assert published.items() <= counts.items()
    assert {f"FL{n:02}" for n in range(1, 12)} <= {source.id for source in list_required_sources(load_exclusions())["FL"]}


def test_an_id_that_lives_nowhere_is_told_by_name() -> None:
    told = load_exclusions()
    without = replace(told, because={i: why for i, why in told.reasons.items() if i != "FRP03"})
    assert list_coverage_faults(without) == ["FRP03 lives nowhere and is not excused"]


def test_an_excuse_for_what_lives_and_one_for_no_id_are_told() -> None:
    told = load_exclusions()
    more = replace(told, because={**told.reasons, "SF-F01": "Not asked.", "SF-F99": "There is none."})
    found = list_coverage_faults(more)
    assert len(found) == 2
    assert found[0].startswith("SF-F01 is excused, and lives in indicator ")
    assert found[1] == "SF-F99 is excused, and is no id of these families"


def test_what_carries_an_id_is_named_with_its_model_unless_it_is_every_one_of_its_kind() -> None:
    assert index_citations()["SF-F03"]["indicator"] == "`position_gaps` (site_fishing)"
    assert "`papers_withheld`" in index_citations()["FL07"]["indicator"]
    assert "(" not in index_citations()["FL05"]["indicator"]
    assert index_citations()["SF-D15"]["question"] == "`household_link`"
    assert "`decide_state_imposed`" in index_citations()["RM-16"]["action"]
    assert "case records" in index_citations()["DR09"]
    assert {kind for there in index_citations().values() for kind in there} == set(CITATION_KINDS)


def test_every_reason_for_leaving_out_is_a_sentence() -> None:
    for because in load_exclusions().reasons.values():
        assert because.endswith(".")
        assert len(because.split()) > 8


def test_the_page_is_what_the_command_writes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["models", "coverage", "--out", str(tmp_path / "new" / "coverage.md")]) == 0
    written = (tmp_path / "new" / "coverage.md").read_text(encoding="utf-8")
    assert written == build_page() == (DOCS / "coverage.md").read_text(encoding="utf-8")
    assert cli.main(["models", "coverage"]) == 0
    assert capsys.readouterr().out == written
