"""``diligence assess``: score the suppliers in spreadsheets, and write the assessment and its reports into a folder.

Exit status: 0 if every row was scored; 1 if some rows or files were rejected; 2 if nothing was usable, in which case nothing was
written.
"""

from __future__ import annotations

import argparse
import gc
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reports.formats import FORMATS as REPORT_FORMATS
from reports.formats import FULL_REPORT, SHORT_FORMATS
from service.commands import layouts, scorecards
from service.commands.files import UsageError, read_bytes, write_folder
from service.commands.reading import add_models_option, add_reading_options, parse_day, read_column_map, select_release

if TYPE_CHECKING:
    from reports.document import Report
    from risk_models.facts.facts import FactSnapshot
    from service.assessment.assess import AssessedBatch
    from service.imports.pipeline import ParsedUpload

SCORED, PARTIAL = 0, 1
FORMATS = ("json", *REPORT_FORMATS)  # assessment.json and the reports
WRITE_BUFFER = 1 << 17  # bytes of the document that are buffered


def add_commands(commands: Any) -> None:
    """Add the command ``assess``."""
    assess = commands.add_parser("assess", help="score the suppliers and agencies in spreadsheets and write reports")
    assess.add_argument("files", nargs="+", metavar="FILE", help="xlsx, xlsm, xls, ods, csv, tsv or json")
    assess.add_argument("--out", required=True, metavar="DIR", help="folder for the results")
    add_reading_options(assess)
    assess.add_argument(
        "--buyer",
        metavar="FILE",
        help="your answers about your own purchasing practices (form 'buyer'); they lead to findings but not to a "
        "score",
    )
    add_models_option(assess)
    assess.add_argument(
        "--evidence-confirmed",
        action="append",
        default=[],
        metavar="FILE",
        help="a file whose evidence you have checked and now confirm (can be repeated); evidence in returned "
        "forms remains claimed",
    )
    assess.add_argument(
        "--formats",
        default=",".join(FORMATS),
        metavar="LIST",
        help=f"comma-separated list of {', '.join(FORMATS)} (default: all)",
    )
    assess.add_argument(
        "--brief",
        action="store_true",
        help="also write the board brief, two pages on the decisions to be made (brief.pdf, brief.docx, brief.html)",
    )
    assess.add_argument(
        "--scorecard",
        metavar="REFERENCE",
        help="also write the scorecard for the supplier or agency with this reference or name, based "
        "only on its own answers (scorecard.pdf, scorecard.docx, scorecard.html)",
    )
    assess.add_argument(
        "--language", default="en", metavar="CODE", help="language of the scorecard, such as th (default: English)"
    )
    layouts.add_layout_options(assess)
    assess.set_defaults(run=_assess)


@contextmanager
def _without_garbage_collection() -> Iterator[None]:
    """Search for no reference cycles: a run that creates millions of small objects and then ends has no use for it."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


@_without_garbage_collection()
def _assess(arguments: argparse.Namespace) -> int:
    from questionnaires.issues import UnusableSheet
    from risk_models.facts.facts import load_facts
    from service.assessment.assess import assess
    from service.assessment.export_json import write_document
    from service.assessment.models_in_force import find_library_release
    from service.buyer.practice_findings import build_buyer_part
    from service.case_reading.export_json import build_cases_part
    from service.imports.pipeline import Choices, NoUsableRows, parse_files
    from service.imports.vouching import Vouching

    on = parse_day(arguments.on)
    models = select_release(arguments.models, on)
    if arguments.language != "en":
        scorecards.check_language(arguments.language, arguments.scorecard)
    formats = tuple(f.strip() for f in arguments.formats.split(",") if f.strip())
    if not formats or not set(formats) <= set(FORMATS):
        raise UsageError(
            f"--formats requires a comma-separated list of {', '.join(FORMATS)}, not '{arguments.formats}'."
        )
    paths = [*arguments.files, *([arguments.buyer] if arguments.buyer else [])]
    files = [(Path(path).name, read_bytes(Path(path))) for path in paths]
    confirmed = _find_confirmed_files(arguments.evidence_confirmed, arguments.files)
    with _show_progress() as say:
        try:
            columns = read_column_map(arguments.map)
            choices = Choices(
                arguments.kind, arguments.country, arguments.sector, arguments.sheet, columns, arguments.date_order,
                Path(arguments.buyer).name if arguments.buyer else None, answered_by=arguments.answered_by,
                vouching=Vouching("the buyer", confirmed) if confirmed else None,
                layouts=layouts.read_layouts(arguments.layout, [name for name, _ in files]),
                rows=layouts.read_row_choices(arguments),
            )  # fmt: skip
            parsed = parse_files(files, choices, on, say, models=models)
        except (NoUsableRows, UnusableSheet) as error:
            raise UsageError(str(error)) from error
        say("scoring")
        facts = load_facts().as_of(on)
        try:
            assessed = assess(parsed.batches, facts, on, models)
            library = find_library_release(on, (block.model for batch in assessed for block in batch.blocks))
            buyer = build_buyer_part(parsed.buyer_batches, on, library)
        except LookupError as error:
            raise UsageError(f"{error.args[0]}.") from error
        copy = None
        if arguments.scorecard is not None:
            copy = scorecards.build_scorecard_copy(
                parsed.batches, arguments.scorecard, arguments.language, facts, on, models
            )
        out = Path(arguments.out)
        with write_folder(out) as folder:
            if "json" in formats:
                say("writing json")
                with (folder / "assessment.json").open("wb", buffering=WRITE_BUFFER) as file:
                    cases = build_cases_part(parsed.cases, assessed, on, library)
                    write_document(file, assessed, facts, on, choices.to_options(), parsed.received, buyer, cases)
            wanted = [(FULL_REPORT, format_) for format_ in formats if format_ != "json"]
            wanted += [("brief", format_) for format_ in SHORT_FORMATS] if arguments.brief else []
            if wanted:
                _write_reports(folder, wanted, _build_report(parsed, assessed, facts, on), say)
            if copy is not None:
                _write_reports(folder, [("scorecard", format_) for format_ in SHORT_FORMATS], copy, say)
    received = parsed.received
    print(
        f"{received['accepted']} of {received['rows']} rows scored, {received['rejected']} rejected. Written to {out}."
    )
    if parsed.cases:
        print(f"Case records read: {len(parsed.cases)}.")
    questions = [issue for issue in parsed.issues if issue.code == "form.sender_unknown"]  # the answer changes results
    for issue in [*questions, *[issue for issue in parsed.issues if issue.severity == "error"][:5]]:
        print(f"- {issue.describe()}", file=sys.stderr)
    has_unused_file = any(not file["accepted"] for file in parsed.files)
    return PARTIAL if received["rejected"] or has_unused_file else SCORED


def _find_confirmed_files(confirmed: Sequence[str], files: Sequence[str]) -> frozenset[str]:
    """Return the names of the files whose evidence is confirmed. Raises UsageError for one that is not among the files."""
    paths = {Path(path).resolve() for path in confirmed}
    if unknown := [path for path in confirmed if Path(path).resolve() not in {Path(file).resolve() for file in files}]:
        raise UsageError(f"--evidence-confirmed: {unknown[0]} is not one of the files to assess.")
    names = frozenset(path.name for path in paths)
    if twins := [file for file in files if Path(file).name in names and Path(file).resolve() not in paths]:
        raise UsageError(f"rename {twins[0]}: it has the same name as the file whose evidence is confirmed.")
    return names


def _build_report(parsed: ParsedUpload, assessed: Sequence[AssessedBatch], facts: FactSnapshot, on: date) -> Report:
    """Return the internal report on all suppliers in the files."""
    from service.assessment.models_in_force import find_library_release
    from service.buyer.practice_findings import build_buyer_lines
    from service.case_reading.export_json import build_case_lines
    from service.report_content.build import build_report

    title = "Forced labour and ethical recruitment: supplier assessment"
    report = build_report(assessed, facts, on, parsed.files, parsed.issues, title)
    library = find_library_release(on, (block.model for batch in assessed for block in batch.blocks))
    findings, steps = build_buyer_lines(parsed.buyer_batches, on, library)
    case_findings = build_case_lines(parsed.cases, assessed, on, library)
    return replace(report, buyer=findings, buyer_plan=steps, cases=case_findings)


def _write_reports(folder: Path, wanted: Sequence[tuple[str, str]], report: Report, say: Callable[[str], None]) -> None:
    """Write a report into a folder, in each kind and format that is ``wanted``."""
    from reports.formats import render

    for kind, format_ in wanted:
        say(f"writing {kind}.{format_}")
        rendered = render(report, format_, kind)
        (folder / rendered.file_name).write_bytes(rendered.data)


@contextmanager
def _show_progress() -> Iterator[Callable[[str], None]]:
    """Yield a function that shows a progress text: a progress bar on a terminal, nothing elsewhere."""
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("starting", total=None)
        yield lambda text: progress.update(task, description=text)
