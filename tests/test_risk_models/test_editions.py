"""Released facts are frozen: tables grow at their end, and what an edition held can be had again."""

import shutil
from datetime import date
from pathlib import Path

import pytest

from risk_models.facts import releases
from risk_models.facts.facts import FACTS_FOLDER, load_facts

ON = date(2026, 10, 15)
LATER = 'TH,tip_tier,3,2026,2026-09-30,"Invented, later edition"\n'


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Facts of our own with one edition; they may be changed."""
    here = tmp_path / "facts"
    shutil.copytree(FACTS_FOLDER, here)
    edition = releases.build_current_release("2026.1", here)
    _release(here, edition)
    return here


def _release(folder: Path, *kept: releases.FactRelease) -> None:
    lines = [f"{each.name} {' '.join(map(str, each.lines))} {each.digest}" for each in kept]
    (folder / "RELEASED").write_text("# editions\n" + "\n".join(lines) + "\n", encoding="utf-8")
    _forget()


def _forget() -> None:
    load_facts.cache_clear()
    releases.load_releases.cache_clear()


def _append(folder: Path, table: str, line: str) -> None:
    with (folder / f"{table}.csv").open("a", encoding="utf-8") as file:
        file.write(line)
    _forget()


def test_the_facts_that_ship_are_those_of_their_editions() -> None:
    assert releases.load_releases()[0].name == "2026.1"
    assert [fault for fault in releases.list_release_faults() if "has been changed" in fault] == []


def test_an_edition_is_had_again_after_rows_were_added(folder: Path) -> None:
    before = load_facts(folder).as_of(ON)
    _append(folder, "country", LATER)
    now = load_facts(folder)
    assert now.as_of(ON).get_value("country", "TH", "tip_tier") == 3
    assert now.as_of(ON).digest != before.digest
    again = releases.find_snapshot_by_digest(now, releases.load_releases(folder), before.digest, ON)
    assert again is not None
    assert again.get_value("country", "TH", "tip_tier") == before.get_value("country", "TH", "tip_tier") != 3
    assert (again.digest, again.on) == (before.digest, ON)


def test_facts_that_no_edition_held_are_not_had(folder: Path) -> None:
    assert releases.find_snapshot_by_digest(load_facts(folder), releases.load_releases(folder), "0" * 64, ON) is None


def test_words_of_goods_belong_to_an_edition(folder: Path) -> None:
    before = load_facts(folder).as_of(ON)
    _append(folder, "goods_words", "invented_good,an invented good,,\n")
    again = releases.find_snapshot_by_digest(load_facts(folder), releases.load_releases(folder), before.digest, ON)
    assert again is not None
    assert again.find_goods("an invented good") == ()
    assert load_facts(folder).as_of(ON).find_goods("an invented good") == ("invented_good",)


def test_rows_that_no_edition_has_are_told_with_the_line_that_would_release_them(folder: Path) -> None:
    assert releases.list_release_faults(folder) == []
    _append(folder, "country", LATER)
    (fault,) = releases.list_release_faults(folder)
    name, *lines, digest = fault.rpartition(": ")[2].split()
    edition = releases.FactRelease(name, tuple(map(int, lines)), digest)
    _release(folder, *releases.load_releases(folder), edition)
    assert releases.list_release_faults(folder) == []


@pytest.mark.parametrize("table", ["country", "sector", "corridor", "goods", "goods_words"])
def test_a_changed_line_of_an_edition_is_found(folder: Path, table: str) -> None:
    file = folder / f"{table}.csv"
    lines = file.read_text(encoding="utf-8").splitlines(keepends=True)
    last = lines[5].rstrip("\n")
    file.write_text(
        "".join([*lines[:5], f"{last} \n" if table != "goods_words" else f"{last}9\n", *lines[6:]]), encoding="utf-8"
    )
    _forget()
    assert [
        fault for fault in releases.list_release_faults(folder) if "2026.1 was released and has been changed" in fault
    ]


def test_a_fact_that_comes_to_be_read_otherwise_is_found(folder: Path) -> None:
    file = folder / "facts.toml"
    text = file.read_text(encoding="utf-8")
    assert 'use = "note"' in text
    file.write_text(text.replace('use = "note"', 'use = "exposure"', 1), encoding="utf-8")
    _forget()
    assert releases.list_release_faults(folder)
