"""`diligence bulk`: many files are assessed partition by partition, as one process would, and an interrupted run goes on."""

import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq
import pytest
from mortal_task import die_once
from sheets import text

from risk_models.model import Model
from service.bulk.cluster import Failure, InProcess, Task, open_runner
from service.bulk.inputs import list_partitions
from service.bulk.run import Outcome, run_assessment
from service.bulk.tasks import BulkRun, compute_rules_digest
from service.cli import main
from service.imports.pipeline import Choices
from service.model_governance.compare import load_models_at

ON = date(2026, 11, 20)
AGENCIES = text(
    "| Recruitment agency | Country | Do workers pay for the job? | Licence number |",
    "| Himal Manpower | NP | yes | L-1 |",
    "| Straits Recruiters | SG | no | L-2 |",
)
SITES = text(
    "| Supplier | Country | Sector | Agencies and labour suppliers | Number of workers |",
    "| Blue Lagoon Seafoods | TH | 1020 | Himal Manpower | 210 |",
    "| Nordic Pier | NO | 6201 |  | 12 |",
    "| Lost Harbour | Atlantis | 1020 |  | 40 |",
)
MORE_SITES = text(
    "| Supplier | Country | Sector | Agencies and labour suppliers | Number of workers |",
    "| Coral Mill | MY | 1311 | Straits Recruiters; Himal Manpower | many |",
    "| Delta Works | VN | 1410 |  | 75 |",
    "| Total |  |  |  | 75 |",
)
FILES = {"b_agencies.csv": AGENCIES, "a_sites.csv": SITES, "c_sites.csv": MORE_SITES}


def write_files(folder: Path, files: dict[str, bytes]) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, data in files.items():
        (folder / name).write_bytes(data)
    return folder


def assess_in_bulk(folder: Path, out: Path, *options: str) -> int:
    return main(["bulk", "assess", str(folder), "--out", str(out), "--workers", "0", "--on", ON.isoformat(), *options])


def assess_at_once(folder: Path, out: Path) -> dict[str, Any]:
    files = sorted(map(str, folder.iterdir()))
    main(["assess", *files, "--out", str(out), "--formats", "json", "--on", ON.isoformat()])
    document: dict[str, Any] = json.loads((out / "assessment.json").read_bytes())
    return document


def list_results(out: Path) -> list[dict[str, Any]]:
    tables = [path for kind in ("agencies", "sites") for path in sorted((out / "results" / kind).glob("*.parquet"))]
    return [json.loads(result) for path in tables for result in pq.read_table(path)["result"].to_pylist()]


def read_bytes(out: Path) -> dict[str, bytes]:
    return {str(path.relative_to(out)): path.read_bytes() for path in out.rglob("*") if path.is_file()}


def start_run(folder: Path, out: Path, runner: InProcess) -> Outcome:
    out.mkdir(exist_ok=True)
    run = BulkRun(out, Choices(), ON, None, compute_rules_digest(ON, None))
    return run_assessment(run, list_partitions(folder), runner, lambda *_: None)


def test_results_and_digest_are_those_of_assessing_all_files_at_once(tmp_path: Path) -> None:
    folder = write_files(tmp_path / "in", FILES)
    expected = assess_at_once(folder, tmp_path / "once")
    assert assess_in_bulk(folder, tmp_path / "bulk") == 1  # a row is rejected
    summary = json.loads((tmp_path / "bulk" / "summary.json").read_bytes())
    assert list_results(tmp_path / "bulk") == expected["results"]
    assert summary["input"] == expected["input"]
    assert summary["digest"] == expected["digest"]


def test_every_row_is_accepted_rejected_or_left_out_and_the_reason_has_its_place(tmp_path: Path) -> None:
    folder = write_files(tmp_path / "in", FILES)
    assess_in_bulk(folder, tmp_path / "out")
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_bytes())
    counts = {e["file"]: [e[c] for c in ("rows", "accepted", "rejected", "left_out")] for e in manifest["partitions"]}
    assert counts == {"a_sites.csv": [3, 2, 1, 0], "b_agencies.csv": [2, 2, 0, 0], "c_sites.csv": [2, 2, 0, 1]}
    issues = pq.read_table(tmp_path / "out" / "issues").to_pylist()
    places = {(i["file"], i["row"], i["column"], i["code"]) for i in issues if i["severity"] != "info"}
    assert ("a_sites.csv", 4, "B", "country.unknown") in places
    assert ("c_sites.csv", 2, "E", "number.invalid") in places


def test_a_parquet_file_is_assessed_as_the_csv_file_of_its_rows(tmp_path: Path) -> None:
    names = {"b_agencies": AGENCIES, "a_sites": SITES}
    expected = assess_at_once(
        write_files(tmp_path / "csv", {f"{name}.csv": data for name, data in names.items()}), tmp_path / "once"
    )
    folder = tmp_path / "parquet"
    folder.mkdir()
    for name, data in names.items():
        table = pa_csv.read_csv(pa.BufferReader(data))  # with numbers as numbers
        pq.write_table(table, folder / f"{name}.parquet")
    assess_in_bulk(folder, tmp_path / "out")
    results = list_results(tmp_path / "out")
    assert {result["row"]["file"] for result in results} == {"a_sites.parquet", "b_agencies.parquet"}
    for result in (*results, *expected["results"]):
        del result["row"]["file"]
    assert results == expected["results"]


def test_an_interrupted_run_goes_on_where_it_stopped_and_writes_the_same_bytes(tmp_path: Path) -> None:
    class Interrupted(InProcess):
        def run(self, task: Task, jobs: Sequence[Sequence[Any]], *shared: Any) -> Iterator[tuple[int, Any | Failure]]:
            if task.__name__ == "score_partition" and "site" in jobs[0]:
                yield from super().run(task, jobs[:1], *shared)
                raise KeyboardInterrupt
            yield from super().run(task, jobs, *shared)

    folder, out = write_files(tmp_path / "in", FILES), tmp_path / "out"
    with pytest.raises(KeyboardInterrupt):
        start_run(folder, out, Interrupted())
    done = {path: path.stat().st_ino for path in out.rglob("*.parquet")}
    assert not (out / "summary.json").exists()
    assert sorted(path.parent.name for path in done if "results" in path.parts) == ["agencies", "sites"]
    (out / "results" / "sites" / ".00002.parquet.17").write_bytes(b"what a killed process left")
    start_run(folder, out, InProcess())
    assert {path: path.stat().st_ino for path in done} == done  # not written again
    start_run(folder, tmp_path / "at_once", InProcess())
    assert read_bytes(out) == read_bytes(tmp_path / "at_once")


def test_a_partition_that_fails_costs_only_itself_and_is_retried(tmp_path: Path) -> None:
    class Failing(InProcess):
        def run(self, task: Task, jobs: Sequence[Sequence[Any]], *shared: Any) -> Iterator[tuple[int, Any | Failure]]:
            for position, outcome in super().run(task, jobs, *shared):
                is_second = jobs[position][1].index == 2
                yield position, Failure("the processes working on it were killed") if is_second else outcome

    folder, out = write_files(tmp_path / "in", FILES), tmp_path / "out"
    outcome = start_run(folder, out, Failing())
    assert (outcome.scored, list(outcome.failed), outcome.digest) == (4, ["c_sites.csv"], None)
    assert not (out / "summary.json").exists()
    assert start_run(folder, out, InProcess()).scored == 6
    assert len(list_results(out)) == 6


def test_a_file_that_changed_is_assessed_again_and_what_is_left_of_the_old_one_is_removed(tmp_path: Path) -> None:
    folder, out = write_files(tmp_path / "in", FILES), tmp_path / "out"
    start_run(folder, out, InProcess())
    (folder / "c_sites.csv").unlink()
    write_files(folder, {"b_agencies.csv": AGENCIES.replace(b"NP,yes", b"NP,no")})
    start_run(folder, out, InProcess())
    start_run(folder, tmp_path / "anew", InProcess())
    assert read_bytes(out) == read_bytes(tmp_path / "anew")


def test_case_records_are_refused_because_their_evidence_would_be_lost(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cases = text("| Case | Site reference | Finding |", "| C-1 | S-1 | Passport or other papers kept by someone else |")
    folder = write_files(tmp_path / "in", {"cases.csv": cases, "sites.csv": SITES})
    capsys.readouterr()
    assert assess_in_bulk(folder, tmp_path / "out", "--kind", "case") == 2
    assert "cases.csv contains case records" in capsys.readouterr().err


def test_a_folder_is_refused_with_a_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_files(tmp_path / "in" / "nested", {})
    assert assess_in_bulk(tmp_path / "in", tmp_path / "out") == 2
    assert "put all files directly into" in capsys.readouterr().err


def test_versions_are_compared_as_on_all_files_at_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def load_models(version: str, on: date) -> tuple[Model, ...]:
        """Return models under which, in the later version, no rule sets a minimum score."""
        models = load_models_at("2026.2", on)
        lower = [replace(m, floors=tuple(replace(f, minimum_score=1.0) for f in m.floors)) for m in models]
        return tuple(lower if version == "2026.3" else models)

    for module in ("service.model_governance.compare", "service.bulk.compare"):
        monkeypatch.setattr(f"{module}.load_models_at", load_models)
    header = "| Supplier | Country | Sector | Who holds workers' identity documents |"
    rows = [
        f"| Mill {n} | NO | 1311 | {'They are held until a debt is paid or the contract ends' if n % 2 else ''} |"
        for n in range(6)
    ]
    lists = {"a.csv": text(header, *rows[:4]), "b.csv": text(header, *rows[4:]), "c.csv": AGENCIES}
    folder, day = write_files(tmp_path / "in", lists), ON.isoformat()
    main(["models", "compare", "2026.2", "2026.3", *sorted(map(str, folder.iterdir())), "--on", day])
    expected = capsys.readouterr().out
    out = tmp_path / "out"
    main(["bulk", "compare", "2026.2", "2026.3", str(folder), "--out", str(out), "--workers", "0", "--on", day])
    assert capsys.readouterr().out.replace("see the 'changes' folder", "use --out for the full list") == expected
    changes = pq.read_table(out / "changes").to_pylist()
    assert sorted(change["name"] for change in changes if change["kind"] == "site") == ["Mill 1", "Mill 3", "Mill 5"]
    document = json.loads((out / "comparison.json").read_bytes())
    assert [change["level_before"] for change in changes] == [mover["level"][0] for mover in document["movers"]]


def test_work_of_a_killed_worker_is_done_by_another(tmp_path: Path) -> None:
    with open_runner(None, 1, tmp_path / "dask") as runner:
        outcomes = dict(runner.run(die_once, [(tmp_path, 0), (tmp_path, 1)]))
    assert [outcomes[position]["number"] for position in (0, 1)] == [0, 1]
    assert outcomes[1]["process"] != os.getpid()
