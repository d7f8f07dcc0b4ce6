"""Measure the assessment of a large sheet: `python benchmarks/assess.py` prints ratios; README.md explains them.

Every run is a new process. The programs run in turn, and the median of the runs of each program is shown.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path

import workbook

BENCHMARKS = Path(__file__).resolve().parent
DAY = "2026-09-01"
IMPORTS = (
    "time, service.assessment.assess, service.assessment.export_json, service.report_content.build, service.imports.pipeline, "
    "reports.formats"
)
MOST_READINGS = 10.0
MOST_BYTES = 250.0


@dataclass(frozen=True)
class Run:
    """How many CPU seconds and, at most, how many bytes of resident memory a process and its descendants used."""

    cpu: float
    memory: int


def read_tree_memory(pid: int) -> int:
    """Return how many bytes of memory a process and its descendants use now. Shared pages are counted for each process."""
    total = 0
    for process in [pid, *list_descendants(pid)]:
        try:
            resident = Path(f"/proc/{process}/statm").read_text(encoding="ascii").split()[1]
        except OSError:  # the process has ended in the meantime
            continue
        total += int(resident) * os.sysconf("SC_PAGE_SIZE")
    return total


def list_descendants(pid: int) -> list[int]:
    """Return the IDs of all processes that a process started, directly or indirectly."""
    try:
        tasks = list(Path(f"/proc/{pid}/task").iterdir())
        children = [int(child) for task in tasks for child in (task / "children").read_text(encoding="ascii").split()]
    except OSError:
        return []
    return children + [descendant for child in children for descendant in list_descendants(child)]


def run(command: list[str], watch: bool = False) -> Run:
    """Run a command in a new process. If ``watch`` is true, its memory is sampled. Sampling uses CPU, so ignore the time."""
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1", "NO_COLOR": "1"}
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    peak, ended = 0, threading.Event()

    def sample() -> None:
        nonlocal peak
        while not ended.is_set():
            peak = max(peak, read_tree_memory(process.pid))
            time.sleep(0.005)

    watcher = threading.Thread(target=sample)
    if watch:
        watcher.start()
    message = process.stderr.read() if process.stderr else b""
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    ended.set()
    if watch:
        watcher.join()
    if process.returncode:
        sys.exit(f"{' '.join(command)}: exit {process.returncode}\n{message.decode()}")
    return Run(usage.ru_utime + usage.ru_stime, peak)


def read_results(path: Path, first_cut: bool) -> list[tuple[str, str, float]]:
    """Return the reference, level and score of each result."""
    document = json.loads(path.read_text(encoding="utf-8"))
    rows = document if first_cut else document["results"]
    return [(row["reference"], row["level"], round(row["score"], 6)) for row in rows]


def main() -> None:
    """Run the benchmark and print its results. The exit status is 1 if a limit is exceeded."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--out", type=Path, default=BENCHMARKS.parent / "out/benchmark")
    parser.add_argument(
        "--without-first-cut",
        action="store_true",
        help="skip the first-cut pipeline, which takes about a minute per round",
    )
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    many_rows, one_row = options.out / "many.xlsx", options.out / "one.xlsx"
    workbook.write_workbook(options.rows, many_rows)
    workbook.write_workbook(1, one_row)
    cells = options.rows * len(workbook.list_columns())

    diligence = str(Path(sys.executable).parent / "diligence")

    def assess(file: Path) -> list[str]:
        out = options.out / file.stem
        return [diligence, "assess", str(file), "--out", str(out), "--formats", "json,xlsx", "--on", DAY]

    def read(file: Path) -> list[str]:
        return [sys.executable, str(BENCHMARKS / "read.py"), str(file)]

    def read_safely(file: Path) -> list[str]:
        return [sys.executable, str(BENCHMARKS / "read_safely.py"), str(file)]

    def first_cut(file: Path) -> list[str]:
        return [
            sys.executable,
            str(BENCHMARKS / "first_cut.py"),
            str(file),
            str(options.out / f"first-cut-{file.stem}"),
            DAY,
        ]

    # Memory is measured before this process grows, because a new process starts out as large as its parent.
    start = run([sys.executable, "-c", f"import {IMPORTS}; time.sleep(0.1)"], watch=True).memory
    peak = statistics.median(run(assess(many_rows), watch=True).memory for _ in range(3))

    contestants = {"read": read, "read safely": read_safely, "assess": assess}
    if not options.without_first_cut:
        contestants["first cut"] = first_cut
        for command in (assess(many_rows), first_cut(many_rows)):
            run(command)
        results = read_results(options.out / "many/assessment.json", first_cut=False)
        first_cut_results = read_results(options.out / "first-cut-many/results.json", first_cut=True)
        differing = sum(result != other for result, other in zip(results, first_cut_results, strict=True))
        if differing:
            sys.exit(
                f"The first cut gives different results for {differing} of {len(results)} rows, so nothing can be compared."
            )
        print(f"Both programs give {len(results):,} rows the same levels and scores")

    times: dict[tuple[str, Path], list[float]] = {
        (name, file): [] for name in contestants for file in (many_rows, one_row)
    }
    for number in range(options.rounds):
        for name, command in contestants.items():
            if name == "first cut" and number >= 3:  # it is slow, and its ratio is far from any limit
                continue
            for file in (many_rows, one_row):
                times[name, file].append(run(command(file)).cpu)
    cpu = {
        name: statistics.median(times[name, many_rows]) - statistics.median(times[name, one_row])
        for name in contestants
    }

    print(
        f"{options.rows:,} rows x {len(workbook.list_columns())} columns: "
        f"CPU time without start-up, median of {options.rounds} runs"
    )
    for name, seconds in cpu.items():
        spread = f"{min(times[name, many_rows]):.2f} to {max(times[name, many_rows]):.2f} s including start-up"
        print(f"  {name:12} {seconds:8.2f} s  {seconds / cpu['read']:7.1f} x read   ({spread})")
    print(f"  assess takes {cpu['assess'] / cpu['read safely']:.1f} times as long as reading the file safely")
    per_cell = (peak - start) / cells
    print(f"  memory in addition to the imports: {(peak - start) / 1e6:.0f} MB ({per_cell:.0f} bytes per cell)")
    within_limits = cpu["assess"] / cpu["read"] <= MOST_READINGS and per_cell <= MOST_BYTES
    print(
        f"  targets (at most {MOST_READINGS:g} x read, {MOST_BYTES:g} bytes per cell): {'met' if within_limits else 'NOT MET'}"
    )
    sys.exit(0 if within_limits else 1)


if __name__ == "__main__":
    main()
