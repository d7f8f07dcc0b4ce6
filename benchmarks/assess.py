"""What assessing a large sheet costs: `python benchmarks/assess.py` prints ratios; README.md says what they mean.

Every run is a fresh process; the contestants take turns, and the median of each counts.
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

HERE = Path(__file__).resolve().parent
ON = "2026-09-01"
IMPORTED = (
    "time, service.assessment.assess, service.assessment.export_json, service.report_content.build, service.imports.pipeline, "
    "reports.formats"
)
MOST_READINGS = 10.0
MOST_BYTES = 250.0


@dataclass(frozen=True)
class Run:
    """CPU seconds and largest resident memory, in bytes, of a process and all it started."""

    cpu: float
    memory: int


def tree_memory(pid: int) -> int:
    """Resident bytes of a process and its descendants now; pages that they share count once for each."""
    total = 0
    for process in [pid, *descendants(pid)]:
        try:
            resident = Path(f"/proc/{process}/statm").read_text(encoding="ascii").split()[1]
        except OSError:  # it has ended meanwhile
            continue
        total += int(resident) * os.sysconf("SC_PAGE_SIZE")
    return total


def descendants(pid: int) -> list[int]:
    """Process ids of children, their children and so on."""
    try:
        tasks = list(Path(f"/proc/{pid}/task").iterdir())
        children = [int(child) for task in tasks for child in (task / "children").read_text(encoding="ascii").split()]
    except OSError:
        return []
    return children + [further for child in children for further in descendants(child)]


def run(command: list[str], watch: bool = False) -> Run:
    """One fresh process. ``watch`` samples its memory, which itself takes CPU: its time is then not to be used."""
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1", "NO_COLOR": "1"}
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    peak, ended = 0, threading.Event()

    def sample() -> None:
        nonlocal peak
        while not ended.is_set():
            peak = max(peak, tree_memory(process.pid))
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


def answers(path: Path, first_cut: bool) -> list[tuple[str, str, float]]:
    """Reference, level and score of every result."""
    document = json.loads(path.read_text(encoding="utf-8"))
    rows = document if first_cut else document["results"]
    return [(row["reference"], row["level"], round(row["score"], 6)) for row in rows]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--out", type=Path, default=HERE.parent / "out/benchmark")
    parser.add_argument("--without-first-cut", action="store_true", help="it takes a minute a round")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    many, one = options.out / "many.xlsx", options.out / "one.xlsx"
    workbook.write(options.rows, many)
    workbook.write(1, one)
    cells = options.rows * len(workbook.columns())

    diligence = str(Path(sys.executable).parent / "diligence")

    def assess(file: Path) -> list[str]:
        out = options.out / file.stem
        return [diligence, "assess", str(file), "--out", str(out), "--formats", "json,xlsx", "--on", ON]

    def read(file: Path) -> list[str]:
        return [sys.executable, str(HERE / "read.py"), str(file)]

    def read_safely(file: Path) -> list[str]:
        return [sys.executable, str(HERE / "read_safely.py"), str(file)]

    def first_cut(file: Path) -> list[str]:
        return [sys.executable, str(HERE / "first_cut.py"), str(file), str(options.out / f"first-cut-{file.stem}"), ON]

    # Before this process grows: one just started is as large as the one that started it.
    start = run([sys.executable, "-c", f"import {IMPORTED}; time.sleep(0.1)"], watch=True).memory
    peak = statistics.median(run(assess(many), watch=True).memory for _ in range(3))

    contestants = {"read": read, "read safely": read_safely, "assess": assess}
    if not options.without_first_cut:
        contestants["first cut"] = first_cut
        for command in (assess(many), first_cut(many)):
            run(command)
        ours = answers(options.out / "many/assessment.json", first_cut=False)
        theirs = answers(options.out / "first-cut-many/results.json", first_cut=True)
        differing = sum(a != b for a, b in zip(ours, theirs, strict=True))
        if differing:
            sys.exit(f"the first cut answers {differing} of {len(ours)} rows differently: nothing to compare")
        print(f"equal levels and scores on {len(ours):,} rows")

    times: dict[tuple[str, Path], list[float]] = {(name, file): [] for name in contestants for file in (many, one)}
    for number in range(options.rounds):
        for name, command in contestants.items():
            if name == "first cut" and number >= 3:  # it is slow, and its ratio is not close to anything
                continue
            for file in (many, one):
                times[name, file].append(run(command(file)).cpu)
    cpu = {name: statistics.median(times[name, many]) - statistics.median(times[name, one]) for name in contestants}

    print(f"{options.rows:,} rows x {len(workbook.columns())} columns, CPU less start-up, median of {options.rounds}")
    for name, seconds in cpu.items():
        spread = f"{min(times[name, many]):.2f} to {max(times[name, many]):.2f} s with start-up"
        print(f"  {name:12} {seconds:8.2f} s  {seconds / cpu['read']:7.1f} readings   ({spread})")
    print(f"  assess is {cpu['assess'] / cpu['read safely']:.1f} times the reading that it does itself")
    per_cell = (peak - start) / cells
    print(f"  memory over import: {(peak - start) / 1e6:.0f} MB, {per_cell:.0f} bytes a cell")
    kept = cpu["assess"] / cpu["read"] <= MOST_READINGS and per_cell <= MOST_BYTES
    print(f"  at most {MOST_READINGS:g} readings and {MOST_BYTES:g} bytes a cell: {'kept' if kept else 'NOT KEPT'}")
    sys.exit(0 if kept else 1)


if __name__ == "__main__":
    main()
