"""Compare two versions of the models on a folder of files: the tasks for each partition, and their sum."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa

from risk_models.engine.frame import LEVEL_NAMES
from service.assessment.assess import compute_agency_scores
from service.bulk.cluster import Runner
from service.bulk.inputs import Partition
from service.bulk.outputs import write_json, write_table
from service.bulk.run import Record, Report, read_all, remove_leftovers, run_step, write_manifest
from service.bulk.tasks import KINDS, BulkRun, add_scores, build_key, find_record, load_rows, load_rules, write_record
from service.model_governance.compare import compare_steps, load_models_at
from service.model_governance.rule_effects import RULES, assess_steps

MAX_LISTED = 20  # level changes in the summary; all of them are in the folder changes
COUNTS = ("changed_score", "scored_by_one_alone", "changed_inherent_level")
RULE_COUNTS = ("raised", "lowered", "level_changes", "suppliers")
CHANGES = pa.schema(
    [
        *((name, pa.string()) for name in ("kind", "name", "row", "level_before", "level_after")),
        ("score_before", pa.float64()),
        ("score_after", pa.float64()),
        ("cause_kind", pa.string()),
        ("cause", pa.string()),
        ("cause_points", pa.float64()),
        *((f"points_{rule}", pa.float64()) for rule in RULES),
        ("reasons", pa.string()),
    ]
)
Document = dict[str, Any]


def run_comparison(
    run: BulkRun,
    before: str,
    after: str,
    partitions: Sequence[Partition],
    runner: Runner,
    report: Report,
) -> tuple[Document, Mapping[str, str]]:
    """Compare two versions on all partitions; return the comparison, and why partitions failed, by file.

    ``comparison.json`` is written once no partition has failed, and every supplier whose level changes in the folder ``changes``.
    Called again, it does only what is missing. Raises RunRefused, and LookupError for an unknown version.
    """
    for version in (before, after):
        load_models_at(version, run.on)
    failed: dict[str, str] = {}
    read = read_all(run, partitions, runner, report, failed)
    scores: list[dict[str, float]] = [{} for _ in range(len(RULES) + 1)]
    compared = []
    for kind, folder in KINDS.items():
        with_rows = [partition for partition in partitions if kind in read.get(partition.index, {"rows": ()})["rows"]]
        jobs = [(run, partition, kind, read[partition.index]["key"], before, after) for partition in with_rows]
        shared = [dict(of_step) for of_step in scores]
        compared.append(
            run_step(f"comparing {folder}", compare_partition, jobs, with_rows, runner, report, failed, shared)
        )
        for record in compared[-1].values():
            for of_step, more in zip(scores, record["scores"], strict=True):
                add_scores(of_step, more)
    parts = [record["comparison"] for records in compared for _, record in sorted(records.items())]
    document = {"before": before, "after": after, "on": run.on.isoformat(), **merge_comparisons(parts)}
    write_manifest(run, partitions, [read, *compared], failed)
    if not failed:
        write_json(run.out / "comparison.json", document)
        remove_leftovers(run, [read, *compared])
    return document, failed


def compare_partition(
    run: BulkRun,
    partition: Partition,
    kind: str,
    read_key: str,
    before: str,
    after: str,
    scores: Sequence[Mapping[str, float]],
) -> Record:
    """Compare two versions on the suppliers of one kind in a partition that was read; return the record.

    ``scores``: those of agencies with each rule switched on in turn, as in assess_steps. The record of agencies has theirs.
    """
    key = build_key(read_key, kind, before, after, scores)
    path = run.work / f"{partition.number}.{kind}.compared.json"
    if record := find_record(run, path, key):
        return record
    facts, _ = load_rules(run.on, run.release)
    old, new = (load_models_at(version, run.on) for version in (before, after))
    steps = assess_steps(load_rows(run, partition, kind), facts, run.on, old, new, None if kind == "agency" else scores)
    comparison = compare_steps(steps).to_dict()
    table = run.out / "changes" / KINDS[kind] / f"{partition.number}.parquet"
    write_table(table, CHANGES, map(_build_change_row, comparison["movers"]))
    comparison["movers"] = comparison["movers"][:MAX_LISTED]
    found = [compute_agency_scores(step.assessed) if kind == "agency" else {} for step in steps]
    details = {
        "key": key,
        "file": partition.name,
        "rows": sum(map(sum, comparison["matrix"])),
        "comparison": comparison,
        "scores": found,
    }
    return write_record(run, path, [table], details)


def _build_change_row(mover: Document) -> Document:
    points = {f"points_{effect['rule']}": effect["points"] for effect in mover["rules"]}
    return {
        **{name: mover[name] for name in ("kind", "name", "row")},
        **dict(
            zip(
                ("level_before", "level_after", "score_before", "score_after"),
                (*mover["level"], *mover["score"]),
                strict=True,
            )
        ),
        "cause_kind": mover["by"]["kind"],
        "cause": mover["by"]["title"],
        "cause_points": mover["by"]["points"],
        **points,
        "reasons": " ".join(effect["sentence"] for effect in mover["rules"]),
    }


def merge_comparisons(parts: Sequence[Document]) -> Document:
    """Return the sum of comparisons (Comparison.to_dict) of different suppliers, with the first level changes of all."""
    empty = [[0] * len(LEVEL_NAMES) for _ in LEVEL_NAMES]
    matrix = [
        [sum(cells) for cells in zip(*rows, strict=True)]
        for rows in zip(empty, *(part["matrix"] for part in parts), strict=True)
    ]
    movers = sorted(
        (mover for part in parts for mover in part["movers"]),
        key=lambda m: (-LEVEL_NAMES.index(m["level"][1]), -m["score"][1], m["name"], m["row"]),
    )
    rules = [_merge_rule(summaries) for summaries in zip(*(part["rules"] for part in parts), strict=True)]
    counts = {count: sum(part[count] for part in parts) for count in COUNTS}
    return {"levels": list(LEVEL_NAMES), "matrix": matrix, **counts, "rules": rules, "movers": movers[:MAX_LISTED]}


def _merge_rule(summaries: Sequence[Document]) -> Document:
    counts = {count: sum(summary[count] for summary in summaries) for count in RULE_COUNTS}
    points = sum(summary["mean_points"] * summary["suppliers"] for summary in summaries)
    return {**summaries[0], **counts, "mean_points": points / max(1, counts["suppliers"])}
