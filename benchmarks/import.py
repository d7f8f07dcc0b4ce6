"""Measure the import of a large list into the register: `python benchmarks/import.py` prints ratios; README.md explains them.

The list is imported twice into an empty SQLite database, without changes: as a new list, and as one that comes again.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import workbook
from assess import list_descendants, run

from questionnaires.limits import Limits
from service.auth.accounts import create_organisation
from service.blob_store import BlobStore
from service.db.import_tables import Import
from service.db.migrations import migrate
from service.db.session import Database
from service.db.tables import new_id
from service.imports import editions
from service.imports.receiving import receive_upload
from service.jobs.kinds import ASSESS_IMPORT, FIND_SAME_SUPPLIERS, READ_IMPORT, SCREEN_SUPPLIERS
from service.jobs.table import claim_job
from service.jobs.worker import run_job
from service.settings import Settings
from service.wiring.job_handlers import build_handlers
from service.wiring.processes import open_blobs, open_installation, preload_data

BENCHMARKS = Path(__file__).resolve().parent
PHASES = {READ_IMPORT: "preview", ASSESS_IMPORT: "saving", FIND_SAME_SUPPLIERS: "pairs", SCREEN_SUPPLIERS: "screening"}
MOST_READINGS = 15.0  # for preview and saving together
MOST_AGAIN = 1.0  # the same list again, compared with a new one
Phases = dict[str, float]


def main() -> None:
    """Run the benchmark and print its results. The exit status is 1 if a limit is exceeded."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument(
        "--only",
        type=Path,
        nargs=2,
        metavar=("MANY", "ONE"),
        help="import these files twice, and print the CPU seconds that each phase of the first takes longer as JSON",
    )
    options = parser.parse_args()
    if options.only:
        print(json.dumps(measure_imports(*options.only)))
        return
    with tempfile.TemporaryDirectory() as name:
        many_rows, one_row = Path(name) / "many.xlsx", Path(name) / "one.xlsx"
        workbook.write_workbook(options.rows, many_rows)
        workbook.write_workbook(1, one_row)
        readings, imports = [], []
        for _ in range(options.rounds):
            readings.append(read(many_rows) - read(one_row))
            imports.append(run_imports(many_rows, one_row))
    reading = statistics.median(readings)
    print(
        f"{options.rows:,} rows x {len(workbook.list_columns())} columns: CPU time without start-up, median of rounds"
    )
    print(f"  read {reading:31.2f} s      1.0 x read")
    totals = []
    for number, title in enumerate(("a new list", "the same list again")):
        medians = {phase: statistics.median(one[number][phase] for one in imports) for phase in PHASES.values()}
        for phase, seconds in medians.items():
            print(f"  {title:16} {phase:10}{seconds:9.2f} s   {seconds / reading:6.1f} x read")
        totals.append(medians["preview"] + medians["saving"])
        print(
            f"  {title:16} {'in all':10}{totals[-1]:9.2f} s   {totals[-1] / reading:6.1f} x read (preview and saving)"
        )
    within_limits = totals[0] / reading <= MOST_READINGS and totals[1] / totals[0] <= MOST_AGAIN
    print(f"  the same list again takes {totals[1] / totals[0]:.2f} times as long as a new one")
    print(
        f"  targets (at most {MOST_READINGS:g} x read, again at most {MOST_AGAIN:g} times a new list): "
        f"{'met' if within_limits else 'NOT MET'}"
    )
    sys.exit(0 if within_limits else 1)


def read(file: Path) -> float:
    """Return the CPU seconds of the baseline on a file."""
    return run([sys.executable, str(BENCHMARKS / "read.py"), str(file)]).cpu


def run_imports(many_rows: Path, one_row: Path) -> list[Phases]:
    """Return what :func:`measure_imports` returns, measured in a new process."""
    command = [sys.executable, __file__, "--only", str(many_rows), str(one_row)]
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1"}
    printed = subprocess.run(command, env=environment, check=True, stdout=subprocess.PIPE).stdout.splitlines()
    result: list[Phases] = json.loads(printed[-1])  # after the log
    return result


def measure_imports(many_rows: Path, one_row: Path) -> list[Phases]:
    """Import a file twice, and return the CPU seconds of the phases of each import without those that a list of one row takes.

    That list is imported first, so that what is done once in a process is not counted.
    """
    with tempfile.TemporaryDirectory() as name, open_installation(Settings(data=Path(name))) as database:
        migrate(database.engine)
        preload_data()  # as a worker does
        blobs = open_blobs(Settings(data=Path(name)))
        _, one, many = (import_twice(database, blobs, file) for file in (one_row, one_row, many_rows))
    return [{phase: total[phase] - fixed[phase] for phase in total} for total, fixed in zip(many, one, strict=True)]


def import_twice(database: Database, blobs: BlobStore, file: Path) -> list[Phases]:
    """Import a file twice into an empty register, and return the CPU seconds of the phases of each import.

    Exits if not every row became a supplier, or if the second import finds a difference.
    """
    organisation_id = create_organisation(database, f"Harbour Foods {new_id()}")
    imports = [import_file(database, blobs, organisation_id, file) for _ in range(2)]
    with database.for_organisation(organisation_id) as session:
        for import_id, _ in imports:
            import_ = session.get_one(Import, import_id)
            counts = editions.count_states(session, import_)
            if import_.state != "done" or not import_.accepted or any(counts.pop(state) for state in [*counts][:-1]):
                sys.exit(f"{import_.state}: {import_.accepted} of {import_.rows} rows, {counts}")
    return [phases for _, phases in imports]


def import_file(database: Database, blobs: BlobStore, organisation_id: str, file: Path) -> tuple[str, Phases]:
    """Import a file, with all jobs that follow; return the id of the import and the CPU seconds of each phase."""
    files, choices = [(file.name, file.read_bytes())], {"confirm": True}
    import_ = receive_upload(database, blobs, organisation_id, files, choices, "system:benchmark", Limits())
    handlers: Any = build_handlers(blobs)
    phases = dict.fromkeys(PHASES.values(), 0.0)
    while (claimed := claim_job(database, "benchmark", kinds=handlers)) is not None:
        before = get_cpu_time()
        run_job(database, claimed, handlers[claimed.kind])
        if claimed.kind in PHASES:
            phases[PHASES[claimed.kind]] += get_cpu_time() - before
    return import_.id, phases


def get_cpu_time() -> float:
    """Return the CPU seconds of this process and of all that it started."""
    ticks = 0
    for process in list_descendants(os.getpid()):
        fields = Path(f"/proc/{process}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
        ticks += sum(map(int, fields[11:15]))  # its own time, and that of its children that have ended
    return time.process_time() + ticks / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    main()
