"""The tasks of a bulk run, each for one partition, which any process can do: read a file, then score its agencies or its sites.

A task writes its files and then a record with their digests. Done again with the same input, it returns that record, so a run
that was interrupted continues where it stopped, and a task whose process was killed is simply done by another one.
"""

from __future__ import annotations

import hashlib
import pickle
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import date
from functools import lru_cache
from pathlib import Path
from typing import Any

import orjson

from questionnaires.issues import Issue, build_issue
from questionnaires.limits import FileRefused
from risk_models.facts.facts import FactSnapshot, load_facts
from risk_models.model import Model, list_models_up_to, load_models
from service.assessment.assess import AssessedBatch, Batch, assess_batch, compute_agency_scores
from service.assessment.export_json import ENGINE_VERSION, iter_result_json, list_used_models
from service.bulk.inputs import Partition, compute_file_digest, load_source
from service.bulk.outputs import write_issues, write_json, write_results, write_whole
from service.imports.issue_list import name_all_cells, read_all_cells
from service.imports.pipeline import Choices, NoUsableRows, parse_files

KINDS = {
    "agency": "agencies",
    "site": "sites",
}  # in the order in which they are scored, and the folders of their results
WORK = ".work"  # the folder of records, and of rows that have been read and not scored


class RunRefused(Exception):
    """The run cannot go on, whatever the other partitions are: one sentence that says why."""


@dataclass(frozen=True)
class BulkRun:
    """What all tasks of a run share: the folder that is written, and how files are read and rows scored.

    ``release``: the newest release of the models to use, None for all; ``rules``: the digest of the models and facts.
    """

    out: Path
    choices: Choices
    on: date
    release: str | None
    rules: str

    @property
    def work(self) -> Path:
        """Return the folder of records."""
        return self.out / WORK

    @property
    def key(self) -> str:
        """Return a digest of everything that results depend on beside the files."""
        return build_key(asdict(replace(self, out=Path())))


def build_key(*parts: Any) -> str:
    """Return a digest of values that JSON can hold."""
    return hashlib.sha256(orjson.dumps(parts, default=str, option=orjson.OPT_SORT_KEYS)).hexdigest()


@lru_cache(maxsize=1)
def load_rules(on: date, release: str | None) -> tuple[FactSnapshot, tuple[Model, ...]]:
    """Return the facts known on a day, and the models up to a release (None: all)."""
    models = load_models() if release is None else list_models_up_to(release)
    return load_facts().as_of(on), tuple(models)


def compute_rules_digest(on: date, release: str | None) -> str:
    """Return a digest of the engine, the models and the facts."""
    facts, models = load_rules(on, release)
    return build_key(ENGINE_VERSION, facts.digest, [(model.id, model.version, model.digest) for model in models])


def read_partition(run: BulkRun, partition: Partition) -> dict[str, Any]:
    """Read the file of a partition; return its record, with the ``input`` part of its assessment as ``received``.

    ``rows``: how many rows there are to score by kind. Raises RunRefused on a worker with other models or facts, and for
    case records and the buyer's own answers, which are not assessed in bulk.
    """
    if compute_rules_digest(run.on, run.release) != run.rules:
        raise RunRefused("a worker is running a different release of Diligence from this process.")
    sha256 = compute_file_digest(partition.path)
    key = build_key(run.key, partition.name, sha256)
    path = run.work / f"{partition.number}.read.json"
    if record := find_record(run, path, key):
        return record
    received, batches, issues = _parse(run, partition)
    for file in received["files"]:
        file |= {"name": partition.name, "sha256": sha256}
    outputs, rows = [], {}
    for kind in KINDS:
        if of_kind := [batch for batch in batches if batch.kind == kind]:
            target = get_rows_path(run, partition, kind)
            with write_whole(target) as work:
                work.write_bytes(pickle.dumps(of_kind, protocol=5))
            outputs.append(target)
            rows[kind] = sum(len(batch.rows) for batch in of_kind)
    table = run.out / "issues" / f"{partition.number}.parquet"
    if write_issues(table, issues):
        outputs.append(table)
    else:
        table.unlink()
    return write_record(run, path, outputs, {"key": key, "file": partition.name, "received": received, "rows": rows})


def _parse(run: BulkRun, partition: Partition) -> tuple[dict[str, Any], Sequence[Batch], Sequence[Issue]]:
    """Return the ``input`` part, the batches and all issues of a file, each issue with all its cells."""
    _, models = load_rules(run.on, run.release)
    try:
        name, data = load_source(partition)
    except FileRefused as error:
        issue = build_issue(error.code, file=partition.name, seen=error.detail, cure=error.cure)
        files = [{"name": partition.name, "sha256": "", "sheets": []}]
        counts = {"rows": 0, "accepted": 0, "rejected": 0, "left_out": []}
        return {"files": files, **counts, "issues": [issue.to_dict()]}, (), (issue,)
    try:
        parsed = parse_files([(name, data)], run.choices, run.on, allow_buyer_only=True, models=models)
        if parsed.cases or parsed.buyer_batches:
            raise RunRefused(f"{partition.name} contains case records or your own answers. Use `diligence assess`.")
        received, batches, issues = parsed.received, parsed.batches, parsed.issues
    except NoUsableRows as error:
        received, batches, issues = dict(error.received), (), error.issues
    listed = issues if name_all_cells(issues) else read_all_cells([(name, data)], run.choices, run.on, issues)
    if name == partition.name:
        return received, batches, listed
    return (
        {
            **received,
            "left_out": [{**group, "file": partition.name} for group in received["left_out"]],
            "issues": [{**issue, "file": partition.name} for issue in received["issues"]],
        },
        [replace(batch, file=partition.name) for batch in batches],
        [replace(issue, file=partition.name) for issue in listed],
    )


def score_partition(
    run: BulkRun, partition: Partition, kind: str, read_key: str, scores: Mapping[str, float]
) -> dict[str, Any]:
    """Score the suppliers of one kind in a partition that was read; return the record.

    ``scores``: those of agencies, for sites. The record of agencies has theirs, by every name they have; ``models``: the id and
    version of each model that scored a supplier.
    """
    key = build_key(read_key, kind, scores)
    path = run.work / f"{partition.number}.{kind}.json"
    if record := find_record(run, path, key):
        return record
    facts, models = load_rules(run.on, run.release)
    found: dict[str, float] = {}
    used: set[tuple[str, str]] = set()

    def iter_results() -> Iterator[bytes]:
        for batch in load_rows(run, partition, kind):
            assessed = assess_batch(batch, facts, run.on, scores, models)
            used.update((model.id, model.version) for model in list_used_models([assessed]))
            if kind == "agency":
                merge_scores(found, [assessed])
            yield from iter_result_json(assessed, run.on)

    table = run.out / "results" / KINDS[kind] / f"{partition.number}.parquet"
    count = write_results(table, iter_results())
    details = {"key": key, "file": partition.name, "rows": count, "models": sorted(used), "scores": found}
    return write_record(run, path, [table], details)


def merge_scores(scores: dict[str, float], assessed: Sequence[AssessedBatch]) -> None:
    """Add the scores of agencies by their names; of several agencies with one name, the highest."""
    add_scores(scores, compute_agency_scores(assessed))


def add_scores(scores: dict[str, float], more: Mapping[str, float]) -> None:
    """Add scores by name; of two with one name, the higher counts."""
    for name, score in more.items():
        scores[name] = max(scores.get(name, -1.0), score)


def get_rows_path(run: BulkRun, partition: Partition, kind: str) -> Path:
    """Return where the rows of a partition that were read are stored until the run is complete."""
    return run.work / f"{partition.number}.{kind}.rows"


def load_rows(run: BulkRun, partition: Partition, kind: str) -> Sequence[Batch]:
    """Return the batches of one kind in a partition that was read."""
    batches: Sequence[Batch] = pickle.loads(get_rows_path(run, partition, kind).read_bytes())
    return batches


def find_record(run: BulkRun, path: Path, key: str) -> dict[str, Any] | None:
    """Return the record of a task that was done with the same input; None if there is none, or if one of its files differs."""
    try:
        record: dict[str, Any] = orjson.loads(path.read_bytes())
        is_same = record["key"] == key and all(
            compute_file_digest(run.out / name) == sha256 for name, sha256 in record["outputs"].items()
        )
    except (OSError, orjson.JSONDecodeError):
        return None
    return record if is_same else None


def write_record(run: BulkRun, path: Path, outputs: Sequence[Path], details: Mapping[str, Any]) -> dict[str, Any]:
    """Write and return the record of a task that is done."""
    digests = {str(output.relative_to(run.out)): compute_file_digest(output) for output in outputs}
    record = {**details, "outputs": digests}
    write_json(path, record)
    return record
