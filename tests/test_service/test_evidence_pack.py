"""An evidence pack can be checked from itself alone: it is the same each time, and whatever is changed in it is noticed."""

import io
import zipfile
from pathlib import Path

import orjson
import pytest
from test_case_records import EMERGENCY, PATTERN, build_workbook, run_assess

from risk_models.facts.facts import load_facts
from service import archives, cli, evidence_pack
from service.evidence_pack import ASSESSMENT, DECISIONS, MANIFEST, InvalidPack, build_pack, find_pack_discrepancies


@pytest.fixture(scope="module")
def assessment(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An assessment with an emergency and a pattern of cases."""
    folder = tmp_path_factory.mktemp("pack")
    run_assess(folder, build_workbook(*PATTERN, *EMERGENCY), formats="json")
    return folder / "out/assessment.json"


@pytest.fixture(scope="module")
def pack(assessment: Path) -> bytes:
    return build_pack(assessment.read_bytes(), load_facts())


def read_files(pack: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(pack)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def write_files(files: dict[str, bytes], compression: int = zipfile.ZIP_DEFLATED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def seal(files: dict[str, bytes]) -> bytes:
    """Return a pack of these files whose manifest agrees with them, as a forger would write it."""
    manifest = orjson.loads(files[MANIFEST])
    manifest["files"] = [{"name": name, **archives.describe_file(files[name])} for name in (ASSESSMENT, DECISIONS)]
    return write_files(files | {MANIFEST: orjson.dumps(manifest)})


def test_a_pack_is_written_and_verified_on_the_command_line(
    assessment: Path, pack: bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "packs/one.zip"
    assert cli.main(["pack", str(assessment), "--out", str(out)]) == 0
    assert out.read_bytes() == pack
    assert cli.main(["verify", str(out)]) == 0
    assert "Every number and decision was recomputed, and all are identical." in capsys.readouterr().out


def test_a_pack_contains_the_decision_on_every_result_and_its_reasons(pack: bytes) -> None:
    files = read_files(pack)
    decisions, results = orjson.loads(files[DECISIONS]), orjson.loads(files[ASSESSMENT])["results"]
    assert [decision["reference"] for decision in decisions] == [result["reference"] for result in results]
    (held,) = [decision for decision in decisions if decision["reference"] == "S-2"]
    assert held["answer"] == "hold"
    assert held["reasons"][0]["code"] == "level.critical"  # by the rules in force on its day


def test_a_pack_for_others_is_the_same_with_and_without_cases(assessment: Path, tmp_path: Path) -> None:
    run_assess(tmp_path, build_workbook(), formats="json")
    without, out = tmp_path / "out/assessment.json", tmp_path / "external.zip"
    assert cli.main(["pack", str(assessment), "--external", "--out", str(out)]) == 0
    assert out.read_bytes() == build_pack(without.read_bytes(), load_facts(), "external")
    assert cli.main(["verify", str(out)]) == 0
    files = read_files(out.read_bytes())
    assert orjson.loads(files[MANIFEST])["audience"] == "external"
    document = orjson.loads(files[ASSESSMENT])
    assert (document["cases"], document["input"]["files"], document["input"]["issues"]) == ([], [], [])


def test_an_internal_pack_that_claims_to_be_for_others_is_noticed(pack: bytes) -> None:
    files = read_files(pack)
    manifest = orjson.loads(files[MANIFEST]) | {"audience": "external"}
    (discrepancy,) = find_pack_discrepancies(write_files(files | {MANIFEST: orjson.dumps(manifest)}), load_facts())
    assert "more than the suppliers' own answers" in discrepancy


@pytest.mark.parametrize("name", [ASSESSMENT, DECISIONS])
def test_a_file_that_was_changed_is_noticed(pack: bytes, name: str) -> None:
    files = read_files(pack)
    with pytest.raises(InvalidPack, match=f"{name} has been changed"):
        find_pack_discrepancies(write_files(files | {name: files[name] + b" "}), load_facts())


def test_a_decision_or_score_that_was_changed_with_its_hash_is_noticed(pack: bytes) -> None:
    files = read_files(pack)
    forged = files[DECISIONS].replace(b'"hold"', b'"proceed"')
    assert find_pack_discrepancies(seal(files | {DECISIONS: forged}), load_facts()) == [
        "the decisions do not follow from the assessment"
    ]
    document = orjson.loads(files[ASSESSMENT])
    document["results"][0]["score"] += 1
    assert find_pack_discrepancies(seal(files | {ASSESSMENT: orjson.dumps(document)}), load_facts())


def test_a_manifest_that_names_other_models_is_noticed(pack: bytes) -> None:
    files = read_files(pack)
    manifest = orjson.loads(files[MANIFEST]) | {"models": []}
    changed = write_files(files | {MANIFEST: orjson.dumps(manifest)})
    assert "different models" in find_pack_discrepancies(changed, load_facts())[0]


def test_a_hostile_archive_is_refused_and_nothing_is_unpacked(
    pack: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = read_files(pack)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(evidence_pack, "MAX_SIZE", 1_000_000)
    hostile = {
        "another file": write_files(files | {"../../escape.txt": b"x"}),
        "no decisions": write_files({name: files[name] for name in (MANIFEST, ASSESSMENT)}),
        "a bomb": write_files(files | {ASSESSMENT: b"0" * 5_000_000}),
        "no manifest": write_files(files | {MANIFEST: b"[]"}),
        "another format": write_files(files | {MANIFEST: b'{"format": "x", "files": []}'}),
        "cut short": pack[: len(pack) // 2],
        "flipped": pack.replace(b"PK\x03\x04", b"PK\x03\x05"),
        "a workbook": write_files({"[Content_Types].xml": b"<x/>"}),
    }
    for data in hostile.values():
        with pytest.raises(InvalidPack):
            find_pack_discrepancies(data, load_facts())
    assert list(tmp_path.iterdir()) == []


def test_an_assessment_that_cannot_be_reproduced_is_not_packed(assessment: Path) -> None:
    document = orjson.loads(assessment.read_bytes())
    document["results"][0]["score"] += 1
    with pytest.raises(InvalidPack, match="cannot be reproduced"):
        build_pack(orjson.dumps(document), load_facts())
