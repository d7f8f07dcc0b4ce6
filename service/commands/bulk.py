"""``diligence bulk``: assess a folder of files, or compare models on it, on several processes or machines.

It needs the extra ``bulk`` (Dask and pyarrow). Exit status: 0 if every row was scored; 1 if rows were rejected, or a file could
not be used or failed; 2 if nothing was usable.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from service.commands.files import UsageError, make_folder
from service.commands.reading import add_models_option, add_reading_options, parse_day, read_column_map, select_release

if TYPE_CHECKING:
    from service.bulk.cluster import Runner
    from service.bulk.run import Report
    from service.bulk.tasks import BulkRun

DONE, PARTIAL = 0, 1
MAX_LISTED = 20  # partitions that failed


def add_commands(commands: Any) -> None:
    """Add the commands ``bulk assess`` and ``bulk compare``."""
    about = "assess a folder of files on several processes or machines (requires the extra 'bulk')"
    bulk = commands.add_parser("bulk", help=about, description=about).add_subparsers(
        required=True, metavar="assess | compare"
    )
    about = (
        "score all suppliers and agencies in a folder and write the results as Parquet; continues a run that was "
        "interrupted"
    )
    assess = bulk.add_parser("assess", help=about, description=about)
    assess.add_argument(
        "folder", metavar="FOLDER", help="Parquet, CSV or other spreadsheet files of at most 200,000 rows each"
    )
    _add_run_options(assess)
    add_models_option(assess)
    assess.set_defaults(run=_assess)
    about = "assess a folder under two versions of the models and show whose level changes, and why"
    compare = bulk.add_parser("compare", help=about, description=about)
    compare.add_argument(
        "before", metavar="A", help="a version of all models (2026.1), or of one model (site_fishing@2026.1)"
    )
    compare.add_argument("after", metavar="B")
    compare.add_argument("folder", metavar="FOLDER", help="input files, as for `bulk assess`")
    _add_run_options(compare)
    compare.set_defaults(run=_compare)


def _add_run_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--out", required=True, metavar="DIR", help="folder for the results")
    parser.add_argument(
        "--scheduler",
        metavar="ADDRESS",
        help="address of a Dask scheduler, such as tcp://scheduler:8786; its workers need access to the same folders",
    )
    parser.add_argument(
        "--workers",
        type=int,
        default=os.cpu_count() or 1,
        metavar="N",
        help="number of processes on this machine, without a scheduler (default: one per core; 0: only this process)",
    )
    add_reading_options(parser)


def _assess(arguments: argparse.Namespace) -> int:
    with _open_run(arguments, arguments.models) as (run, partitions, runner, report):
        from service.bulk.run import run_assessment

        outcome = run_assessment(run, partitions, runner, report)
    _print_failures(outcome.failed)
    if not outcome.scored:
        raise UsageError("none of the rows can be scored; see the 'issues' folder for the reasons.")
    print(f"{outcome.scored} of {outcome.rows} rows scored, {outcome.rejected} rejected. Written to {arguments.out}.")
    if outcome.digest is not None:
        print(f"Digest of the assessment: {outcome.digest}")
    return PARTIAL if outcome.rejected or outcome.unusable or outcome.failed else DONE


def _compare(arguments: argparse.Namespace) -> int:
    from service.commands.models import print_comparison

    with _open_run(arguments, None) as (run, partitions, runner, report):
        from service.bulk.compare import run_comparison

        try:
            document, failed = run_comparison(run, arguments.before, arguments.after, partitions, runner, report)
        except LookupError as error:
            raise UsageError(f"{error.args[0]}.") from error
    _print_failures(failed)
    if not sum(map(sum, document["matrix"])):
        raise UsageError("none of the rows can be scored; see the 'issues' folder for the reasons.")
    print_comparison(document, "see the 'changes' folder")
    return PARTIAL if failed else DONE


def _print_failures(failed: Mapping[str, str]) -> None:
    for name, reason in list(failed.items())[:MAX_LISTED]:
        print(f"- {name}: not assessed: {reason}.", file=sys.stderr)
    if failed:
        print(
            f"diligence: {len(failed)} files failed; run the same command again to retry only those.", file=sys.stderr
        )


@contextmanager
def _open_run(arguments: argparse.Namespace, release: str | None) -> Iterator[tuple[BulkRun, Any, Runner, Report]]:
    """Yield the run, its partitions, where its tasks are done, and what reports its progress. Raises UsageError."""
    try:
        from service.bulk.cluster import open_runner
        from service.bulk.inputs import InputFolderError, list_partitions
        from service.bulk.run import prepare_folder
        from service.bulk.tasks import BulkRun, RunRefused, compute_rules_digest
    except ModuleNotFoundError as error:
        raise UsageError(f"bulk assessment requires the package {error.name}: install diligence[bulk].") from error
    from questionnaires.issues import UnusableSheet
    from service.imports.pipeline import Choices

    on = parse_day(arguments.on)
    select_release(release, on)
    if arguments.workers < 0:
        raise UsageError("--workers takes a number of processes, or 0 for this process alone.")
    out = Path(arguments.out).resolve()
    try:
        partitions = list_partitions(Path(arguments.folder).resolve())
        columns = read_column_map(arguments.map)
    except InputFolderError as error:
        raise UsageError(str(error)) from error
    except UnusableSheet as error:
        raise UsageError(str(error)) from error
    choices = Choices(
        arguments.kind, arguments.country, arguments.sector, arguments.sheet, columns, arguments.date_order,
        answered_by=arguments.answered_by,
    )  # fmt: skip
    run = BulkRun(out, choices, on, release, compute_rules_digest(on, release))
    make_folder(out)
    prepare_folder(out)
    try:
        with (
            _show_progress() as report,
            open_runner(arguments.scheduler, arguments.workers, run.work / "dask") as runner,
        ):
            yield run, partitions, runner, report
    except RunRefused as error:
        raise UsageError(str(error)) from error
    except OSError as error:
        if arguments.scheduler is None:
            raise
        raise UsageError(f"the scheduler {arguments.scheduler} is not responding.") from error


@contextmanager
def _show_progress() -> Iterator[Report]:
    """Yield a function that shows how far a run is: a progress bar on a terminal, nothing elsewhere."""
    if not sys.stderr.isatty():
        yield lambda step, done, of, suppliers: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("files, {task.fields[suppliers]:,} suppliers"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("starting", total=None, suppliers=0)
        yield lambda step, done, of, suppliers: progress.update(
            task, description=step, completed=done, total=of, suppliers=suppliers
        )
