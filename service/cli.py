"""The command line. ``diligence --help`` lists the commands; docs/command-line.md explains them. Exit status: 0 if every row
was scored; 1 if some rows were rejected and the rest were scored and written (or a check failed); 2 if nothing was usable and
nothing was written, in which case one sentence on standard error says why; 70 if an internal error occurred, which is logged
with an id.
"""

from __future__ import annotations

import argparse
import gc
import os
import sys
import tempfile
import traceback
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import date
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from reports.formats import FORMATS as REPORT_FORMATS
from reports.formats import FULL_REPORT, SHORT_FORMATS
from service.commands import admin, bulk, forms, health, layouts, models, packs, repay, scorecards, validate
from service.commands.files import UsageError, make_folder, read_bytes, write_folder
from service.commands.reading import add_models_option, add_reading_options, parse_day, read_column_map, select_release

if TYPE_CHECKING:
    from reports.document import Report
    from risk_models.facts.facts import FactSnapshot
    from service.assessment.assess import AssessedBatch
    from service.imports.pipeline import ParsedUpload

EXIT_SCORED, EXIT_PARTIAL, EXIT_NOTHING, EXIT_INTERNAL_ERROR = 0, 1, 2, 70
FORMATS = ("json", *REPORT_FORMATS)  # assessment.json and the reports
WRITE_BUFFER = 1 << 17  # bytes of the document that are buffered


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command and return its exit status; an internal error is logged under an id, never shown as a traceback."""
    try:
        arguments = _build_parser().parse_args(argv)
        return int(arguments.run(arguments))
    except UsageError as error:
        print(f"diligence: {error}", file=sys.stderr)
        return EXIT_NOTHING
    except KeyboardInterrupt:
        print("diligence: stopped; no files were written", file=sys.stderr)
        return 130
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_PARTIAL
    except Exception:  # noqa: BLE001  the outermost frame: whatever arrives here is a bug
        return _report_internal_error()


def _report_internal_error() -> int:
    bug = uuid.uuid4().hex[:12]
    log = Path(tempfile.gettempdir()) / f"diligence-bug-{bug}.log"
    log.write_text(traceback.format_exc(), encoding="utf-8")
    print(
        f"diligence: internal error (id {bug}). This is a bug in Diligence: please report it with the file {log}.",
        file=sys.stderr,
    )
    return EXIT_INTERNAL_ERROR


def _build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="diligence",
        description="Score suppliers and recruitment agencies for the risk of forced labour and unethical recruitment.",
    )
    parser.add_argument("--version", action="version", version=f"diligence {version('diligence')}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

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
        help="a file whose evidence you have checked and are confirming (can be repeated); evidence in returned "
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
        help="also write the scorecard of the supplier or agency with this reference or name, based "
        "only on its own answers (scorecard.pdf, scorecard.docx, scorecard.html)",
    )
    assess.add_argument(
        "--language", default="en", metavar="CODE", help="language of the scorecard, such as th (default: English)"
    )
    layouts.add_layout_options(assess)
    assess.set_defaults(run=_assess)

    validate.add_commands(commands)
    layouts.add_commands(commands)

    bulk.add_commands(commands)
    health.add_commands(commands)
    packs.add_commands(commands)
    verify = commands.add_parser(
        "verify", help="recompute an assessment or an evidence pack from its own file and compare the results"
    )
    verify.add_argument("file", metavar="FILE", help="assessment.json or an evidence pack")
    verify.set_defaults(run=_verify_assessment)

    template = commands.add_parser("template", help="write a blank questionnaire as a workbook")
    template.add_argument(
        "form",
        metavar="FORM",
        help="site, agency, case, repayment, buyer, or a sector form such as site_fishing",
    )
    template.add_argument(
        "--country",
        metavar="ISO2",
        help="country to which the questionnaire is sent; questions that would be dangerous to answer there are left "
        "out",
    )
    template.add_argument(
        "--own-list",
        action="store_true",
        help="write a list of sites or agencies for you to fill in yourself; it also "
        "contains the questions for buyers, and a blank counts as not asked",
    )
    template.add_argument(
        "--layout",
        choices=("table", "questions", "xlsform", "pdf"),
        default="table",
        help="table: a row per supplier; questions: a row per question; xlsform: for KoboToolbox and ODK; pdf: for "
        "printing",
    )
    template.add_argument(
        "--language",
        default="en",
        metavar="CODE",
        help="language of the PDF; in other layouts, this language comes first",
    )
    template.add_argument("--out", required=True, metavar="F")
    template.set_defaults(run=_write_template)

    forms.add_commands(commands)
    models.add_commands(commands)
    facts = commands.add_parser("facts", help="check or show the country facts").add_subparsers(
        required=True, metavar="check | show"
    )
    facts.add_parser("check", help="check that every fact has a source, a licence and a plausible value").set_defaults(
        run=_check_facts
    )
    show = facts.add_parser(
        "show", help='print the facts about a country, or about a migration corridor such as "NP>QA"'
    )
    show.add_argument("country", metavar="COUNTRY")
    show.set_defaults(run=_show_facts)
    admin.add_commands(commands)
    repay.add_commands(commands)
    return parser


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
    return EXIT_PARTIAL if received["rejected"] or has_unused_file else EXIT_SCORED


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


def _verify_assessment(arguments: argparse.Namespace) -> int:
    from risk_models.facts.facts import load_facts
    from service.answer_bundles.format import has_signature
    from service.evidence_pack import is_pack
    from service.verify import InvalidAssessmentFile, find_discrepancies, parse_document

    data = read_bytes(Path(arguments.file))
    if has_signature(data):
        return packs.verify_bundle(data, arguments.file)
    if is_pack(data):
        return packs.verify_pack(data, arguments.file)
    try:
        document = parse_document(data)
    except InvalidAssessmentFile as error:
        raise UsageError(f"{arguments.file}: {error}.") from error
    discrepancies = find_discrepancies(document, load_facts())
    for discrepancy in discrepancies:
        print(discrepancy, file=sys.stderr)
    if not discrepancies:
        print(f"{len(document['results'])} results were recomputed from their answers; every number is identical.")
    return EXIT_PARTIAL if discrepancies else EXIT_SCORED


def _write_template(arguments: argparse.Namespace) -> int:
    from questionnaires.form import load_form
    from questionnaires.languages import load_language
    from questionnaires.lookups import DataFileError, load_countries
    from questionnaires.workbook import build_template, list_outgoing_questions, list_own_questions
    from risk_models.facts.facts import load_facts
    from risk_models.facts.goods import list_recognised_goods
    from service.errors import DomainError
    from service.questionnaires_sent.form_files import build_form_file, list_form_languages

    try:
        form = load_form(arguments.form)
    except DataFileError as error:
        raise UsageError(f"there is no form '{arguments.form}'. {error.cure}") from error
    country = load_countries().find(arguments.country) if arguments.country else None
    if arguments.country and country is None:
        raise UsageError(f"'{arguments.country}' is not a country.")
    if arguments.own_list and form.kind not in ("site", "agency"):
        raise UsageError(f"--own-list is for lists of sites or agencies, and the form '{form.id}' is neither.")
    if arguments.layout != "table" and (arguments.own_list or form.kind not in ("site", "agency")):
        raise UsageError(f"--layout {arguments.layout} is for forms that suppliers fill in.")
    if arguments.language not in list_form_languages():
        raise UsageError(f"--language: the languages are {', '.join(list_form_languages())}.")
    out, on = Path(arguments.out), date.today()
    make_folder(out.parent)
    goods = list_recognised_goods(load_facts().as_of(on))
    if arguments.own_list:
        data = build_template(form, country=country, for_buyer=True, goods=goods)
    else:
        try:
            languages = sorted(
                map(load_language, list_form_languages()), key=lambda one: one.code != arguments.language
            )
            data = build_form_file(form, arguments.layout, on, languages=languages, country=country, goods=goods).data
        except DomainError as error:
            raise UsageError(str(error)) from error
    out.write_bytes(data)
    asked = len(list_own_questions(form) if arguments.own_list else list_outgoing_questions(form, country))
    print(f"{form.title}, version {form.version}: {asked} questions. Written to {out}.")
    return EXIT_SCORED


def _check_facts(arguments: argparse.Namespace) -> int:
    from service.model_governance.check import list_fact_faults

    return _print_faults(list_fact_faults())


def _print_faults(faults: Sequence[str]) -> int:
    for fault in faults:
        print(fault, file=sys.stderr)
    print("No problems found." if not faults else f"Problems found: {len(faults)}.")
    return EXIT_PARTIAL if faults else EXIT_SCORED


def _show_facts(arguments: argparse.Namespace) -> int:
    from questionnaires.lookups import load_countries
    from risk_models.facts.facts import load_facts

    codes = []
    for text in arguments.country.split(">")[:2]:
        code = load_countries().find(text.strip())
        if code is None:
            similar = load_countries().suggest(text)
            hint = f" Did you mean {' or '.join(similar)}?" if similar else ""
            raise UsageError(f"'{text}' is not a recognised country.{hint}")
        codes.append(code)
    facts = load_facts().as_of(date.today())
    print(" to ".join(f"{load_countries().names[code]} ({code})" for code in codes))
    if len(codes) == 1:
        rows = [("", f"country.{name}", fact) for name, fact in facts.list_country_facts(codes[0])]
    else:
        rows = [(f"{code:<6}", f"corridor.{name}", fact) for code, name, fact in facts.list_corridor_facts(*codes)]
    for code, name, fact in rows:
        print(
            f"  {code}{facts.get_title(name):<60} {fact.value:>10.4g}  {fact.year or '':<4}  "
            f"{facts.get_use(name):<8}  {fact.source}"
        )
    for row in facts.imposed_labour if len(codes) == 1 else ():
        if codes[0] in (row.country, row.sender):
            scope = {
                "region": row.region,
                "sector": row.sector,
                "good": row.good,
                "workers sent by": row.sender,
                "in": row.country,
            }
            described = ", ".join(
                f"{name} {value}" for name, value in scope.items() if value not in ("", "*", codes[0])
            )
            print(
                f"  State-imposed labour ({row.grade}): {described or 'anywhere'}. Source: {row.publisher}, "
                f"{row.source}"
            )
    return EXIT_SCORED


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


if __name__ == "__main__":
    sys.exit(main())
