"""`diligence models compare`, `sensitivity` and `validate`, as their user meets them."""

import json
import shutil
from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import pytest

from questionnaires.lookups import load_countries
from risk_models.answers import from_rows
from risk_models.engine.frame import LEVEL_NAMES
from risk_models.facts.facts import load_facts
from risk_models.model import load_models
from service import cli
from service.assessment.assess import Batch, assess_batch
from service.auth.accounts import create_organisation
from service.clock import now
from service.db.session import Database, open_engine
from service.model_governance import compare
from service.model_governance.compare import compare_models, load_models_at
from service.report_content.build import build_details
from service.suppliers import repository as suppliers

ON = date(2026, 11, 20)
FACTS = load_facts().as_of(ON)
SHEET = (
    "Supplier,Country,Sector,Do workers pay for the job?\nBlue Lagoon Seafoods,Thailand,1020,\nNordic "
    "Pier,Norway,6201,\n"
)


def batch(*rows: dict[str, object]) -> Batch:
    return Batch("site", from_rows(rows), "list.csv", "list", np.arange(2, 2 + len(rows)))


HELD = {"name": "Acme Mill", "country": "VN", "sector": ("1311",), "papers_retention": "until_end"}


def test_equal_versions_move_nobody() -> None:
    models = load_models_at("2026.1", ON)
    found = compare_models([batch(HELD, {**HELD, "country": "NO"})], FACTS, ON, models, models)
    assert found.level_changes == ()
    assert found.changed_score_count == found.scored_by_one_count == 0
    assert int(found.matrix.sum()) == int(np.trace(found.matrix)) == 2


def test_suppliers_that_move_are_listed_with_both_levels_and_the_rule_that_moved_them_most() -> None:
    before = load_models_at("2026.1", ON)
    general = next(m for m in before if m.id == "site_general")
    # The floor of a strong sign is lowered to nothing: what it held up falls.
    lower = replace(general, floors=tuple(replace(f, minimum_score=1.0) for f in general.floors))
    after = [lower if m.id == "site_general" else m for m in before]
    found = compare_models([batch({**HELD, "country": "NO"})], FACTS, ON, before, after)
    (mover,) = found.level_changes
    assert (mover.name, mover.row, mover.level_before) == ("Acme Mill", "list.csv/list/2", "high")
    assert mover.score_after < mover.score_before
    assert mover.cause.kind == "floor"
    assert mover.cause.points < 0
    row, column = (LEVEL_NAMES.index(level) for level in (mover.level_before, mover.level_after))
    assert found.matrix[row, column] == 1


def test_a_heavier_indicator_is_named_as_what_moved() -> None:
    before = load_models_at("2026.1", ON)
    general = next(m for m in before if m.id == "site_general")
    heavy = replace(
        general,
        indicators=tuple(replace(i, weight=900.0) if i.id == "papers_withheld" else i for i in general.indicators),
    )
    after = [heavy if m.id == "site_general" else m for m in before]
    (mover,) = compare_models([batch({**HELD, "country": "NO"})], FACTS, ON, before, after).level_changes
    assert (mover.cause.kind, mover.cause.title) == ("indicator", "Papers withheld")
    assert (mover.level_before, mover.level_after) == ("high", "critical")


def test_a_version_is_that_of_all_models_or_of_one_with_the_others_as_in_force() -> None:
    assert {m.version for m in load_models_at("2026.1", ON)} == {"2026.1"}
    one = {m.id: m.version for m in load_models_at("site_fishing@2026.1", ON)}
    assert one["site_fishing"] == "2026.1"
    in_force = {m.id: m.version for m in sorted(load_models(), key=lambda m: m.version) if m.effective <= ON}
    assert {k: v for k, v in one.items() if k != "site_fishing"} == {
        k: v for k, v in in_force.items() if k != "site_fishing"
    }
    with pytest.raises(LookupError, match="there is no version 1999 of any model"):
        load_models_at("1999", ON)


def test_versions_are_ordered_as_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    newest = next(m for m in load_models() if (m.id, m.version) == ("agency", "2026.3"))
    tenth = replace(newest, version="2026.10")
    monkeypatch.setattr(compare, "load_models", lambda: (tenth, *load_models()))
    versions = {m.id: m.version for m in load_models_at("2026.10", ON)}
    assert (versions["agency"], versions["site_fishing"]) == ("2026.10", "2026.9")


def test_the_command_compares_a_sheet_and_writes_all_of_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sheet, out = tmp_path / "list.csv", tmp_path / "moved.json"
    sheet.write_text(SHEET, encoding="utf-8")
    assert cli.main(["models", "compare", "2026.1", "2026.1", str(sheet), "--on", "2026-11-20", "--out", str(out)]) == 0
    assert "The level changes for 0 of 2 suppliers" in capsys.readouterr().out
    document = json.loads(out.read_text(encoding="utf-8"))
    assert np.sum(document["matrix"]) == 2
    assert document["movers"] == []


def test_an_assessment_is_compared_like_the_sheet_it_was_made_from(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sheet = tmp_path / "list.csv"
    sheet.write_text(SHEET, encoding="utf-8")
    cli.main(["assess", str(sheet), "--out", str(tmp_path), "--formats", "json", "--on", "2026-11-20"])
    capsys.readouterr()
    outputs = []
    for file in (sheet, tmp_path / "assessment.json"):
        assert cli.main(["models", "compare", "2026.1", "2026.1", str(file), "--on", "2026-11-20"]) == 0
        outputs.append(capsys.readouterr().out)
    assert outputs[0] == outputs[1]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["compare", "2026.1", "1999", "FILE"], "there is no version 1999"),
        (["compare", "2026.1", "2026.1"], "specify spreadsheets"),
        (["compare", "2026.1", "2026.1", "absent.csv"], "cannot be read"),
        (["sensitivity", "FILE", "--on", "soon"], "requires a date"),
    ],
)
def test_what_cannot_be_done_is_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], sentence: str
) -> None:
    sheet = tmp_path / "list.csv"
    sheet.write_text(SHEET, encoding="utf-8")
    assert cli.main(["models", *(str(sheet) if a == "FILE" else a for a in arguments)]) == 2
    output = capsys.readouterr()
    assert sentence in output.err
    assert output.out == ""


def test_sensitivity_prints_stability_ranks_and_the_most_influential_weights(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sheet = tmp_path / "list.csv"
    sheet.write_text(SHEET, encoding="utf-8")
    assert cli.main(["models", "sensitivity", str(sheet), "--on", "2026-11-20"]) == 0
    output = capsys.readouterr().out
    for part in ("Stability:", "Least stable:", "Highest scores", "Most influential weights", "Blue Lagoon"):
        assert part in output


def test_the_stability_of_an_explained_supplier_is_stated_where_anything_was_asked() -> None:
    asked, bare = build_details(
        assess_batch(batch(HELD, {"country": "VN", "sector": ("1311",)}), FACTS, ON, {}), FACTS, ON
    )
    assert asked.steadiness is not None
    assert asked.stability_text.startswith("The level is the same in ")
    assert (bare.steadiness, bare.stability_text) == (None, "")


def test_the_validation_that_is_published_is_that_of_these_facts_and_models(tmp_path: Path) -> None:
    out = tmp_path / "validation.md"
    assert cli.main(["models", "validate", "--out", str(out)]) == 0
    published = Path(__file__).resolve().parents[2] / "docs" / "validation.md"
    # After a change: diligence models validate --out docs/validation.md
    assert out.read_bytes() == published.read_bytes()
    assert load_countries().names["MY"] in out.read_text(encoding="utf-8")


def test_a_portfolio_is_compared_as_it_is_kept(
    tmp_path: Path, migrated_data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(migrated_data, tmp_path, dirs_exist_ok=True)
    data = ["--data", str(tmp_path)]
    database = Database(open_engine(f"sqlite:///{tmp_path / 'diligence.db'}"))
    with database.for_organisation(create_organisation(database, "Harbour Foods")) as session:
        for reference, country in (("S-1", "VN"), ("S-2", "NO")):
            answers = {**HELD, "sector": ["1311"], "reference": reference, "country": country}
            suppliers.save_supplier(session, "site", answers, ON, now(), "system:test", "api")
    database.engine.dispose()
    command = ["models", "compare", "2026.1", "2026.1", "--portfolio", "Harbour Foods", *data]
    assert cli.main(command) == 0
    assert "The level changes for 0 of 2 suppliers" in capsys.readouterr().out
    assert cli.main([*command[:-3], "Nobody", *data]) == 2
    assert "no organisation called Nobody" in capsys.readouterr().err
