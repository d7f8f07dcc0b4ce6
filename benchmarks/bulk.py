"""Assess invented suppliers in bulk with one and with two workers; docs: benchmarks/README.md.

    .venv/bin/python benchmarks/bulk.py [--rows 200000] [--partition-rows 25000] [--questions 20] [--workers 1 2]
        [--folder DIR]

The files are written partition by partition, and stay in DIR if one is given, so that a run of many rows can be interrupted and
continued. Every number that a row has follows from its own number, so the same rows are written each time.
"""

import argparse
import hashlib
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import psutil
import pyarrow as pa
import pyarrow.parquet as pq

from questionnaires.form import load_form

AGENCIES = 2_000
COUNTRIES = ("TH", "VN", "MY", "BD", "IN", "CN", "ID", "TR", "MX", "NO")
SECTORS = ("1020", "1311", "1410", "0311", "4100", "2610", "6201")
SAMPLE_SECONDS = 0.5


def write_input(folder: Path, rows: int, partition_rows: int, questions: int) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    write_agencies(folder / "agencies.parquet")
    for index, start in enumerate(range(0, rows, partition_rows)):
        path = folder / f"sites-{index:05d}.parquet"
        if not path.exists():
            write_sites(path, start, min(partition_rows, rows - start), questions)


def write_agencies(path: Path) -> None:
    rng = np.random.default_rng(0)
    table = {"Recruitment agency": [f"Invented Agency {number}" for number in range(AGENCIES)]}
    write_table(path, {**table, "Country": rng.choice(COUNTRIES, AGENCIES)})


def write_sites(path: Path, start: int, count: int, questions: int) -> None:
    """Write sites with so many multiple-choice questions answered, or left blank in one row in four."""
    rng = np.random.default_rng(start + 1)
    numbers = range(start, start + count)
    table = {
        "Reference": [f"S-{number:08d}" for number in numbers],
        "Supplier": [f"Invented Works {number}" for number in numbers],
        "Country": rng.choice(COUNTRIES, count),
        "Sector": rng.choice(SECTORS, count),
        "Number of workers": rng.integers(5, 3_000, count),
        "Agencies and labour suppliers": [f"Invented Agency {number}" for number in rng.integers(0, AGENCIES, count)],
    }
    asked = [q for q in load_form("site").questions if q.choices and q.core and not q.person][:questions]
    for question in asked:
        titles = np.array([*(choice.title for choice in question.choices), ""])
        shares = [*[0.75 / len(question.choices)] * len(question.choices), 0.25]
        table[question.title] = rng.choice(titles, count, p=shares)
    write_table(path, table)


def write_table(path: Path, table: dict[str, object]) -> None:
    work = path.with_suffix(".tmp")
    pq.write_table(pa.table({name: pa.array(list(column)) for name, column in table.items()}), work)
    work.replace(path)


def measure(folder: Path, out: Path, workers: int) -> tuple[float, float, float, float]:
    """Return wall and CPU seconds, and the largest memory of one process and of all together in bytes."""
    command = [sys.executable, "-m", "service.cli", "bulk", "assess", str(folder), "--out", str(out)]
    start = time.perf_counter()
    process = subprocess.Popen([*command, "--workers", str(workers), "--on", "2026-11-28"])
    largest = total = 0
    while not (ended := os.wait4(process.pid, os.WNOHANG))[0]:
        sizes = list(list_memory(process.pid))
        largest, total = max([largest, *sizes]), max(total, sum(sizes))
        time.sleep(SAMPLE_SECONDS)
    if ended[1]:
        sys.exit("The run failed.")
    return time.perf_counter() - start, ended[2].ru_utime + ended[2].ru_stime, largest, total


def list_memory(pid: int) -> list[int]:
    """Return the memory that each process of a tree has for itself, in bytes."""
    try:
        parent = psutil.Process(pid)
        return [process.memory_info().rss for process in (parent, *parent.children(recursive=True))]
    except psutil.Error:
        return []


def digest_results(out: Path) -> str:
    digest = hashlib.sha256()
    for path in sorted((out / "results").rglob("*.parquet")):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=200_000)
    parser.add_argument("--partition-rows", type=int, default=25_000)
    parser.add_argument("--questions", type=int, default=20, help="how many multiple-choice questions a row answers")
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--folder", type=Path, help="keep input and results here")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = arguments.folder or Path(temporary)
        write_input(folder / "in", arguments.rows, arguments.partition_rows, arguments.questions)
        digests = set()
        for workers in arguments.workers:
            out = folder / f"out-{workers}"
            wall, cpu, largest, total = measure(folder / "in", out, workers)
            digests.add(digest_results(out))
            size = sum(path.stat().st_size for path in out.rglob("*.parquet"))
            print(
                f"{workers} workers: {wall:.0f} s, {cpu:.0f} s of CPU, {arguments.rows / cpu:.0f} rows per second of CPU; "
                f"at most {largest / 1e6:.0f} MB in one process and {total / 1e6:.0f} MB in all; "
                f"{size / arguments.rows:.0f} bytes per row on disk"
            )
        print("The results are the same." if len(digests) == 1 else "The results differ.")


if __name__ == "__main__":
    main()
