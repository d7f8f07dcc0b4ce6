"""Test that every published indicator is covered or excluded for a reason, and that docs/coverage.md is up to date."""

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


def test_every_published_id_is_covered_or_excluded() -> None:
    assert list_coverage_faults() == []


def test_all_families_are_complete() -> None:
    counts = {family: len(sources) for family, sources in list_required_sources(load_exclusions()).items()}
    assert list(counts) == FAMILIES
    published = {"DR": 10, "CR": 10, "RV": 16, "EX": 9, "CD": 15, "VD": 7, "HI": 22, "HP": 18, "FRP": 13, "RF": 4, "RC": 7,
                 "RX": 3, "IR": 7, "C188": 11, "C189": 11, "SF": 20 + 12 + 15, "MC": 5, "SD": 65, "FLS": 5}  # fmt: skip
    assert published.items() <= counts.items()
    assert {f"FL{n:02}" for n in range(1, 12)} <= {
        source.id for source in list_required_sources(load_exclusions())["FL"]
    }


def test_an_id_that_is_neither_covered_nor_excluded_is_reported() -> None:
    exclusions = load_exclusions()
    changed = replace(
        exclusions,
        reasons={source_id: reason for source_id, reason in exclusions.reasons.items() if source_id != "FRP03"},
    )
    assert list_coverage_faults(changed) == ["FRP03 is not covered, and no reason is given"]


def test_exclusions_of_covered_and_unknown_ids_are_reported() -> None:
    exclusions = load_exclusions()
    changed = replace(exclusions, reasons={**exclusions.reasons, "SF-F01": "Not asked.", "SF-F99": "There is none."})
    faults = list_coverage_faults(changed)
    assert len(faults) == 2
    assert faults[0].startswith("SF-F01 is excluded but is covered by indicator ")
    assert faults[1] == "SF-F99 is excluded but does not exist in these families"


def test_citations_name_their_models_unless_they_are_all_of_their_kind() -> None:
    assert index_citations()["SF-F03"]["indicator"] == "`position_gaps` (site_fishing)"
    assert "`papers_withheld`" in index_citations()["FL07"]["indicator"]
    assert "(" not in index_citations()["FL05"]["indicator"]
    assert index_citations()["SF-D15"]["question"] == "`household_link`"
    assert "`decide_state_imposed`" in index_citations()["RM-16"]["action"]
    assert "case records" in index_citations()["DR09"]
    assert {kind for by_kind in index_citations().values() for kind in by_kind} == set(CITATION_KINDS)


def test_every_reason_for_an_exclusion_is_a_sentence() -> None:
    for reason in load_exclusions().reasons.values():
        assert reason.endswith(".")
        assert len(reason.split()) > 8


def test_the_page_is_what_the_command_writes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["models", "coverage", "--out", str(tmp_path / "new" / "coverage.md")]) == 0
    written = (tmp_path / "new" / "coverage.md").read_text(encoding="utf-8")
    assert written == build_page() == (DOCS / "coverage.md").read_text(encoding="utf-8")
    assert cli.main(["models", "coverage"]) == 0
    assert capsys.readouterr().out == written
