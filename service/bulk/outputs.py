"""What a bulk run writes: Parquet files of results and issues, and JSON records; each appears whole or not at all.

A result is a row with the members that people filter by, and ``result``, the JSON that assessment.json has for the supplier, byte
for byte. An issue is a row for each cell that it concerns. docs/operate.md lists the columns.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from questionnaires.issues import Issue

CHUNK_ROWS = 2_000  # rows of a Parquet file that are in memory at once
COMPRESSION = "zstd"
RESULTS = pa.schema(
    [
        *((name, pa.string()) for name in ("kind", "reference", "name", "country", "sector", "model", "level")),
        *((name, pa.float64()) for name in ("score", "best", "worst", "inherent")),
        ("inherent_level", pa.string()),
        *((name, pa.float64()) for name in ("coverage", "confidence")),
        ("file", pa.string()),
        ("sheet", pa.string()),
        ("row", pa.int64()),
        ("result", pa.string()),
    ]
)
ISSUES = pa.schema(
    [
        ("file", pa.string()),
        ("sheet", pa.string()),
        ("row", pa.int64()),
        *((name, pa.string()) for name in ("column", "header", "severity", "code", "seen", "expected", "cure")),
        ("more_rows", pa.int64()),
    ]
)
CELL = re.compile(r"(?:(?P<sheet>.*)!)?(?P<column>[A-Z]+)(?P<row>[0-9]+)", re.DOTALL)


@contextmanager
def write_whole(path: Path) -> Iterator[Path]:
    """Yield a path to write to, whose file takes the place of ``path`` at the end, or is removed if something fails."""
    path.parent.mkdir(parents=True, exist_ok=True)
    work = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        yield work
        with work.open("rb") as file:
            os.fsync(file.fileno())
        work.replace(path)
    finally:
        work.unlink(missing_ok=True)


def write_json(path: Path, content: Any) -> None:
    """Write a JSON file."""
    with write_whole(path) as work:
        work.write_bytes(orjson.dumps(content, option=orjson.OPT_INDENT_2) + b"\n")


def write_results(path: Path, results: Iterable[bytes]) -> int:
    """Write results, given as JSON, to a Parquet file and return their number; a chunk of them is in memory at once."""
    return _write_rows(path, RESULTS, map(_build_result_row, results))


def write_table(path: Path, schema: pa.Schema, rows: Iterable[Mapping[str, Any]]) -> int:
    """Write rows to a Parquet file and return their number; a chunk of them is in memory at once."""
    return _write_rows(path, schema, iter(rows))


def write_issues(path: Path, issues: Iterable[Issue]) -> int:
    """Write issues to a Parquet file, one row for each cell, and return the number of rows."""
    return _write_rows(path, ISSUES, (row for issue in issues for row in _list_issue_rows(issue)))


def read_results(path: Path) -> Iterator[bytes]:
    """Yield the JSON of each result in a Parquet file."""
    for batch in pq.ParquetFile(path).iter_batches(batch_size=CHUNK_ROWS, columns=["result"]):
        for result in batch.column(0):
            yield result.as_buffer().to_pybytes()


def _write_rows(path: Path, schema: pa.Schema, rows: Iterator[Mapping[str, Any]]) -> int:
    count = 0
    with write_whole(path) as work, pq.ParquetWriter(work, schema, compression=COMPRESSION) as writer:
        while chunk := list(islice(rows, CHUNK_ROWS)):
            writer.write_batch(pa.RecordBatch.from_pylist(chunk, schema=schema))
            count += len(chunk)
    return count


def _build_result_row(encoded: bytes) -> dict[str, Any]:
    result = orjson.loads(encoded)
    return {**result, **result["row"], "result": encoded.decode()}


def _list_issue_rows(issue: Issue) -> Sequence[dict[str, Any]]:
    """Return a row for each cell of an issue. Where it has no cells, or more rows than it names, the last row counts the rest."""
    texts = {name: getattr(issue, name) for name in ("header", "severity", "code", "seen", "expected", "cure")}
    rows = []
    for cell in issue.cells:
        match = CELL.fullmatch(cell)
        if match:
            sheet = match["sheet"] or issue.sheet
            place = {"file": issue.file, "sheet": sheet, "row": int(match["row"]), "column": match["column"]}
            rows.append({**place, **texts, "more_rows": 0})
    named = len({(row["sheet"], row["row"]) for row in rows})
    if named < issue.count:
        place = {"file": issue.file, "sheet": issue.sheet, "row": None, "column": None}
        rows.append({**place, **texts, "more_rows": issue.count - named if named else 0})
    return rows
