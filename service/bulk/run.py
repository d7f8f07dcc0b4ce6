"""Run a bulk assessment: read all partitions, score the agencies, then the sites, and put together what was written."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from risk_models.model import get_model_version
from service.assessment.export_json import build_head
from service.bulk.cluster import Failure, Runner
from service.bulk.inputs import Partition
from service.bulk.outputs import read_results, write_json
from service.bulk.tasks import KINDS, BulkRun, add_scores, load_rules, read_partition, score_partition

COUNTS = ("rows", "accepted", "rejected")
Record = dict[str, Any]
# Called with what is being done, the partitions of that step that are done and their number, and the suppliers scored so far.
Report = Callable[[str, int, int, int], None]


@dataclass(frozen=True)
class Outcome:
    """What a run did: how many rows there were, how many were scored, and by file, why a partition failed."""

    rows: int
    scored: int
    rejected: int
    unusable: int  # files without a row that can be scored
    failed: Mapping[str, str]
    digest: str | None  # of the assessment; None if a partition failed


def run_assessment(run: BulkRun, partitions: Sequence[Partition], runner: Runner, report: Report) -> Outcome:
    """Assess all partitions and write the results, the issues, ``manifest.json`` and ``summary.json``.

    The summary is the assessment.json of these files without its results; it is written once no partition has failed. Called
    again, it does only what is missing. Raises RunRefused.
    """
    failed: dict[str, str] = {}
    read = read_all(run, partitions, runner, report, failed)
    scores: dict[str, float] = {}
    scored: dict[str, dict[int, Record]] = {}
    for kind in KINDS:
        scored[kind] = _score_all(run, partitions, kind, read, scores, runner, report, failed)
        for record in scored[kind].values():
            add_scores(scores, record["scores"])
    received = merge_received([read[index]["received"] for index in sorted(read)])
    write_manifest(run, partitions, [read, *scored.values()], failed)
    digest = None
    if not failed:
        digest = _write_summary(run, partitions, received, scored, report)
        remove_leftovers(run, [read, *scored.values()])
    return Outcome(
        rows=received["rows"],
        scored=sum(record["rows"] for records in scored.values() for record in records.values()),
        rejected=received["rejected"],
        unusable=sum(not record["rows"] for record in read.values()),
        failed=failed,
        digest=digest,
    )


def read_all(
    run: BulkRun, partitions: Sequence[Partition], runner: Runner, report: Report, failed: dict[str, str]
) -> dict[int, Record]:
    """Read all partitions and return their records by index. Those that fail are added to ``failed``, with the reason."""
    return run_step(
        "reading", read_partition, [(run, partition) for partition in partitions], partitions, runner, report, failed
    )


def _score_all(
    run: BulkRun,
    partitions: Sequence[Partition],
    kind: str,
    read: Mapping[int, Record],
    scores: Mapping[str, float],
    runner: Runner,
    report: Report,
    failed: dict[str, str],
) -> dict[int, Record]:
    with_rows = [partition for partition in partitions if kind in read.get(partition.index, {"rows": ()})["rows"]]
    jobs = [(run, partition, kind, read[partition.index]["key"]) for partition in with_rows]
    return run_step(f"scoring {KINDS[kind]}", score_partition, jobs, with_rows, runner, report, failed, dict(scores))


def run_step(
    name: str,
    task: Callable[..., Record],
    jobs: Sequence[Sequence[Any]],
    partitions: Sequence[Partition],
    runner: Runner,
    report: Report,
    failed: dict[str, str],
    *shared: Any,
) -> dict[int, Record]:
    """Do a task for each of some partitions and return the records by index; report each as it is done.

    ``jobs``: the arguments for each partition; ``shared``: those that are the same for all.
    """
    records: dict[int, Record] = {}
    suppliers = 0
    report(name, 0, len(jobs), 0)
    for done, (position, outcome) in enumerate(runner.run(task, jobs, *shared), start=1):
        if isinstance(outcome, Failure):
            failed[partitions[position].name] = outcome.reason
        else:
            records[partitions[position].index] = outcome
            rows = outcome["rows"]
            suppliers += rows if isinstance(rows, int) else sum(rows.values())
        report(name, done, len(jobs), suppliers)
    return records


def merge_received(parts: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the ``input`` part of all files, in their order."""
    counts = {count: sum(part[count] for part in parts) for count in COUNTS}
    lists = {name: [item for part in parts for item in part[name]] for name in ("files", "left_out", "issues")}
    return {"files": lists["files"], **counts, "left_out": lists["left_out"], "issues": lists["issues"]}


def write_manifest(
    run: BulkRun,
    partitions: Sequence[Partition],
    steps: Sequence[Mapping[int, Record]],
    failed: Mapping[str, str],
) -> None:
    """Write which files were read and written, each with its digest, and which partitions failed."""
    entries = []
    for partition in partitions:
        records = [records[partition.index] for records in steps if partition.index in records]
        outputs = {name: digest for record in records for name, digest in record["outputs"].items() if _is_result(name)}
        received = records[0]["received"] if records and "received" in records[0] else None
        entries.append(
            {
                "file": partition.name,
                "sha256": received["files"][0]["sha256"] if received else None,
                **{count: received[count] if received else None for count in COUNTS},
                "left_out": sum(group["count"] for group in received["left_out"]) if received else None,
                "outputs": outputs,
                "failed": failed.get(partition.name),
            }
        )
    write_json(run.out / "manifest.json", {"on": run.on.isoformat(), "rules": run.rules, "partitions": entries})


def _is_result(name: str) -> bool:
    """Return whether a file is a result of the run, not its work."""
    return not name.startswith(".")


def _write_summary(
    run: BulkRun,
    partitions: Sequence[Partition],
    received: Mapping[str, Any],
    scored: Mapping[str, Mapping[int, Record]],
    report: Report,
) -> str:
    """Write ``summary.json`` and return the digest of the assessment, as write_document computes it."""
    used = sorted(
        {tuple(model) for records in scored.values() for record in records.values() for model in record["models"]}
    )
    facts, _ = load_rules(run.on, run.release)
    models = [get_model_version(*model) for model in used]
    head = build_head(models, facts, run.on, run.choices.to_options(), received)
    digest = hashlib.sha256(orjson.dumps(head))
    tables = [
        run.out / "results" / KINDS[kind] / f"{partition.number}.parquet"
        for kind in KINDS
        for partition in partitions
        if partition.index in scored[kind]
    ]
    suppliers = 0
    for done, table in enumerate(tables):
        report("computing the digest", done, len(tables), suppliers)
        for result in read_results(table):
            digest.update(result)
            suppliers += 1
    write_json(run.out / "summary.json", {**head, "suppliers": suppliers, "digest": digest.hexdigest()})
    return digest.hexdigest()


def remove_leftovers(run: BulkRun, steps: Sequence[Mapping[int, Record]]) -> None:
    """Remove the records and rows of a complete run, and files of an earlier one that this one did not write."""
    written = {name for records in steps for record in records.values() for name in record["outputs"]}
    for folder in ("results", "issues", "changes"):
        for path in (run.out / folder).rglob("*"):  # also what killed processes left
            if path.is_file() and str(path.relative_to(run.out)) not in written:
                path.unlink()
    shutil.rmtree(run.work)


def prepare_folder(out: Path) -> None:
    """Create the output folder. A summary of an earlier run is removed: it does not describe what is about to be written."""
    out.mkdir(parents=True, exist_ok=True)
    (out / "summary.json").unlink(missing_ok=True)
