"""Released facts are frozen: tables grow at their end, and the facts of every release can be restored."""

import shutil
from datetime import date
from pathlib import Path

import numpy as np
import pytest

from risk_models.answers import from_rows
from risk_models.facts import releases
from risk_models.facts.facts import FACTS_FOLDER, load_facts
from risk_models.facts.inherent import compute_inherent_risk
from risk_models.model import Model, load_models

ON = date(2026, 10, 15)
LATER = 'TH,tip_tier,3,2026,2026-09-30,"Invented, later edition"\n'


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the facts with one release, which tests may change."""
    copy = tmp_path / "facts"
    shutil.copytree(FACTS_FOLDER, copy)
    _write_releases(copy, releases.build_current_release("2026.1", copy))
    return copy


def _write_releases(folder: Path, *listed: releases.FactRelease) -> None:
    lines = [f"{release.name} {' '.join(map(str, release.lines))} {release.digest}" for release in listed]
    (folder / "RELEASED").write_text("# editions\n" + "\n".join(lines) + "\n", encoding="utf-8")
    _clear_caches()


def _clear_caches() -> None:
    load_facts.cache_clear()
    releases.load_releases.cache_clear()


def _append(folder: Path, table: str, line: str) -> None:
    with (folder / f"{table}.csv").open("a", encoding="utf-8") as file:
        file.write(line)
    _clear_caches()


def test_the_shipped_facts_match_their_releases() -> None:
    assert releases.load_releases()[0].name == "2026.1"
    assert [fault for fault in releases.list_release_faults() if "has been changed" in fault] == []


def test_a_release_can_be_restored_after_rows_were_added(folder: Path) -> None:
    before = load_facts(folder).as_of(ON)
    _append(folder, "country", LATER)
    current = load_facts(folder)
    assert current.as_of(ON).get_value("country", "TH", "tip_tier") == 3
    assert current.as_of(ON).digest != before.digest
    restored = releases.find_snapshot_by_digest(current, releases.load_releases(folder), before.digest, ON)
    assert restored is not None
    assert restored.get_value("country", "TH", "tip_tier") == before.get_value("country", "TH", "tip_tier") != 3
    assert (restored.digest, restored.on) == (before.digest, ON)


def test_a_digest_of_no_release_gives_no_facts(folder: Path) -> None:
    assert releases.find_snapshot_by_digest(load_facts(folder), releases.load_releases(folder), "0" * 64, ON) is None


def test_a_release_includes_the_words_of_goods(folder: Path) -> None:
    before = load_facts(folder).as_of(ON)
    _append(folder, "goods_words", "invented_good,an invented good,,\n")
    restored = releases.find_snapshot_by_digest(load_facts(folder), releases.load_releases(folder), before.digest, ON)
    assert restored is not None
    assert restored.find_goods("an invented good") == ()
    assert load_facts(folder).as_of(ON).find_goods("an invented good") == ("invented_good",)


def test_unreleased_rows_are_a_fault_that_gives_the_line_to_release_them(folder: Path) -> None:
    assert releases.list_release_faults(folder) == []
    _append(folder, "country", LATER)
    (fault,) = releases.list_release_faults(folder)
    name, *lines, digest = fault.rpartition(": ")[2].split()
    release = releases.FactRelease(name, tuple(map(int, lines)), digest)
    _write_releases(folder, *releases.load_releases(folder), release)
    assert releases.list_release_faults(folder) == []


@pytest.mark.parametrize("table", ["country", "sector", "corridor", "goods", "goods_words"])
def test_a_changed_line_of_a_release_is_a_fault(folder: Path, table: str) -> None:
    file = folder / f"{table}.csv"
    lines = file.read_text(encoding="utf-8").splitlines(keepends=True)
    last = lines[5].rstrip("\n")
    file.write_text(
        "".join([*lines[:5], f"{last} \n" if table != "goods_words" else f"{last}9\n", *lines[6:]]), encoding="utf-8"
    )
    _clear_caches()
    assert [
        fault
        for fault in releases.list_release_faults(folder)
        if "release 2026.1 has been changed since it was released" in fault
    ]


def test_a_changed_use_of_a_fact_is_a_fault(folder: Path) -> None:
    file = folder / "facts.toml"
    text = file.read_text(encoding="utf-8")
    assert 'use = "note"' in text
    file.write_text(text.replace('use = "note"', 'use = "exposure"', 1), encoding="utf-8")
    _clear_caches()
    assert releases.list_release_faults(folder)


def test_a_release_holds_nothing_of_files_that_came_after_it(folder: Path) -> None:
    current = releases.build_current_release("2026.2", folder)
    old = releases.FactRelease("2026.1", current.lines[:5], current.digest)
    restored = releases.restrict_to_release(load_facts(folder), old)
    snapshot = restored.as_of(date(2026, 12, 1))
    assert load_facts(folder).as_of(date(2026, 12, 1)).is_known_anywhere("vdem_rule_of_law")
    assert not snapshot.is_known_anywhere("vdem_rule_of_law")
    assert (snapshot.imposed_labour, snapshot.regions) == ((), ())


@pytest.mark.parametrize("file", ["country_vdem", "state_imposed", "regions"])
def test_a_release_includes_the_files_that_came_later(folder: Path, file: str) -> None:
    lines = {
        "country_vdem": 'TH,vdem_rule_of_law,0.9,2026,2026-09-30,"Invented, later edition"\n',
        "state_imposed": "invented,documented,TH,,,,,2026-01-01,,2026-01-01,Invented,Invented,\n",
        "regions": "TH,invented,Invented,Invented Town,\n",
    }
    before = load_facts(folder).as_of(ON)
    _append(folder, file, lines[file])
    current = load_facts(folder).as_of(ON)
    assert current.digest != before.digest
    restored = releases.find_snapshot_by_digest(load_facts(folder), releases.load_releases(folder), before.digest, ON)
    assert restored is not None
    assert restored.digest == before.digest
    (fault,) = releases.list_release_faults(folder)
    assert "some rows belong to no release" in fault


def test_assessments_under_the_earlier_releases_still_find_their_facts() -> None:
    day = date(2026, 11, 25)
    for release in releases.load_releases():
        snapshot = releases.restrict_to_release(load_facts(), release).as_of(day)
        found = releases.find_snapshot_by_digest(load_facts(), releases.load_releases(), snapshot.digest, day)
        assert found is not None
        assert found.digest == snapshot.digest
        if len(release.lines) == 5:
            assert not found.is_known_anywhere("tied_law_domestic")


@pytest.mark.parametrize("model", [m for m in load_models() if m.method < 4], ids=lambda m: f"{m.id} {m.version}")
def test_models_of_earlier_methods_score_the_same_on_the_facts_of_method_4(model: Model) -> None:
    """New facts have new names, and none of them moves a gap that an earlier model fills."""
    day, released = date(2026, 12, 1), next(r for r in releases.load_releases() if r.name == "2026.2")
    now, then = load_facts().as_of(day), releases.restrict_to_release(load_facts(), released).as_of(day)
    context = {"worker_origin_countries": ("BD", "NP"), "migrant_pct": 40.0}
    rows = [
        {
            "country": code,
            "flag": code,
            "destination_countries": (code,),
            "sector": (sector,),
            "product": product,
            **context,
        }
        for code in now.get_country_table().index
        for sector, product in (("0311", "fish"), ("1410", "cotton garments"), ("41", "bricks"))
    ]
    one, other = (compute_inherent_risk(from_rows(rows), model, facts, {}) for facts in (now, then))
    for name in ("context", "context_low", "context_high"):
        assert np.array_equal(getattr(one, name), getattr(other, name)), name
