"""Turn files into batches of answers: decide which sheets are read and as which kind, and collect their issues."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any, NamedTuple

from questionnaires.form import list_form_ids, load_combined_form, load_form
from questionnaires.issues import Issue, UnusableSheet, build_issue
from questionnaires.lookups import load_countries
from questionnaires.sheet import FileRefused, Sheet, read_sheets
from questionnaires.text_normalize import fold_text
from questionnaires.validation import personal_data
from questionnaires.validation.match import (
    HEADER_SEARCH_ROWS,
    ColumnMatch,
    detect_kind,
    find_header_row,
    get_row_cells,
    match_columns,
)
from questionnaires.validation.validate import SheetOptions, Submission, validate_sheet
from questionnaires.workbook import load_template_texts
from risk_models.answers import from_frame
from risk_models.model import Model
from service.assessment.assess import Batch
from service.case_reading.records import (
    CaseRecord,
    add_case_evidence,
    link_to_suppliers,
    parse_case_records,
    read_case_records,
)
from service.imports.duplicate_rows import ParsedSheet, list_duplicate_issues
from service.imports.vouching import Vouching, build_reference, vouch_for_sheet
from service.suppliers.confirmations import Voucher

KINDS = ("site", "agency", "case")
BUYER = "buyer"  # a workbook made from the buyer's own form; never guessed from headers
COUNTS = ("rows", "accepted", "rejected")


@dataclass(frozen=True)
class SheetMap:
    """The column map of one sheet: which header answers which question. An empty ``file`` or ``sheet`` stands for any."""

    columns: Mapping[str, str]
    file: str = ""
    sheet: str = ""


@dataclass(frozen=True)
class Choices:
    """The options that the sender chose; each is None (or empty) if it is to be detected from the file. ``columns``: question
    -> header for all sheets; if a file has several sheets, an entry applies to those that have the header. ``maps``: the maps
    of individual sheets, which take precedence. ``answered_by``: who filled in the sheets, "supplier" (they are returned
    forms) or "buyer" (a list of the importer's own).
    """

    kind: str | None = None
    country: str | None = None
    sector: str | None = None
    sheet: str | None = None
    columns: Mapping[str, str] | None = None
    date_order: str | None = None
    buyer: str | None = None  # the file with the buyer's own answers
    maps: tuple[SheetMap, ...] = ()
    vouching: Vouching | None = None  # whose evidence the buyer confirms
    answered_by: str | None = None

    def for_file(self, file: str) -> Choices:
        """Return the choices for one file; the buyer's own file is read as such, and choices made for suppliers do not apply
        to it.
        """
        return Choices(kind=BUYER, date_order=self.date_order) if file == self.buyer else self

    def columns_for_sheet(self, file: str, sheet: str) -> dict[str, str]:
        """Return the columns chosen for one sheet alone."""
        columns_by_map = [m.columns for m in self.maps if m.file in ("", file) and m.sheet in ("", sheet)]
        return {question: header for columns in columns_by_map for question, header in columns.items()}

    def to_options(self) -> dict[str, Any]:
        """Return the options as assessment.json stores them, without those that were not set."""
        options = {
            "kind": self.kind,
            "country": self.country,
            "sector": self.sector,
            "sheet": self.sheet,
            "date_order": self.date_order,
            "buyer": self.buyer,
            "answered_by": self.answered_by,
        }
        options_given: dict[str, Any] = {name: value for name, value in options.items() if value}
        if self.columns:
            options_given["map"] = dict(self.columns)
        if self.vouching:
            options_given["evidence_confirmed"] = (
                sorted(self.vouching.files) if self.vouching.files is not None else True
            )
        return options_given


@dataclass(frozen=True)
class ParsedUpload:
    """The batches of an upload in file order, the ``input`` part of the contract, the same issues as values, and counts per
    file.

    ``request_ids``: for each file and sheet that is a returned questionnaire, the id of the request. ``buyer_batches``: the
    answers of the buyer about itself; no supplier is among them, and they are not counted as rows. ``cases``: the case records;
    the batches they concern already include their evidence. ``redacted``: the sheets of each file (its position) from which notes
    with personal data were removed.
    """

    batches: tuple[Batch, ...]
    received: dict[str, Any]
    issues: tuple[Issue, ...]
    files: tuple[dict[str, Any], ...]
    request_ids: Mapping[tuple[str, str], str]
    buyer_batches: tuple[Batch, ...] = ()
    cases: tuple[CaseRecord, ...] = ()
    redacted: Mapping[int, tuple[Sheet, ...]] = field(default_factory=dict)


class NoUsableRows(Exception):
    """No row of any file can be scored: one sentence that says why and what to do, and every issue that was found."""

    def __init__(self, sentence: str, issues: Sequence[Issue]) -> None:
        super().__init__(sentence)
        self.issues = tuple(issues)


class RedactedFile(NamedTuple):
    """A file that is stored as its sheets, without the notes that contained personal data; ``sha256`` is the digest of these."""

    sha256: str
    sheets: tuple[Sheet, ...]


class _Table(NamedTuple):
    """A sheet that is read: its kind, the row of its headers, its content, and whether notes were removed from it."""

    sheet: Sheet
    kind: str
    header_row: int
    matched: ColumnMatch
    submission: Submission
    lost_notes: bool


def parse_files(
    files: Sequence[tuple[str, bytes | RedactedFile]],
    choices: Choices,
    on: date,
    progress: Callable[[str], None] = lambda _: None,
    *,
    allow_buyer_only: bool = False,
    models: tuple[Model, ...] | None = None,
    is_request: Callable[[str], bool] = lambda _: True,
) -> ParsedUpload:
    """Parse, match and validate files (name, bytes). Raises NoUsableRows if no row can be scored.

    ``allow_buyer_only``: whether files with nothing but the buyer's own answers are accepted. ``models``: those that say which
    of two answers counts, by default all. ``is_request``: whether a questionnaire request of this id is known; by default,
    every one is.
    """
    parsed: list[_ParsedFile] = []
    for name, data in files:
        progress(f"reading {name}")
        parsed.append(_parse_file(name, data, choices.for_file(name), on, is_request))
    issues = [issue for file in parsed for issue in file.issues]
    total = {count: sum(file.counts(buyer=False)[count] for file in parsed) for count in COUNTS}
    sheets = [sheet for file in parsed for sheet in file.sheets]
    buyer_batches = [sheet.batch for sheet in sheets if sheet.batch.kind == BUYER]
    if not total["accepted"] and not (allow_buyer_only and buyer_batches):
        raise NoUsableRows(_explain_nothing_usable(parsed, issues, total["rows"]), issues)
    case_sheets = [sheet for sheet in sheets if sheet.batch.kind == personal_data.CASE_KIND]
    cases = [record for sheet in case_sheets for record in parse_case_records(sheet.batch)]
    supplier_sheets = [sheet for sheet in sheets if sheet.batch.kind in ("agency", "site")]
    for kind in ("agency", "site"):
        issues.extend(list_duplicate_issues(supplier_sheets, kind, on, models))
    batches = [sheet.batch for sheet in supplier_sheets]
    links = link_to_suppliers(cases, batches)
    issues.extend(
        build_issue("case.unlinked", file=record.file, sheet=record.sheet, seen=record.case.id)
        for record, places in zip(cases, links, strict=True)
        if not places
    )
    entries = [{**file.entry, **file.counts()} for file in parsed]
    return ParsedUpload(
        batches=add_case_evidence(batches, read_case_records(cases, on), links),
        received={
            "files": [{key: entry[key] for key in ("name", "sha256", "sheets")} for entry in entries],
            **total,
            "issues": [issue.to_dict() for issue in issues],
        },
        issues=tuple(issues),
        files=tuple(entries),
        request_ids={
            (file.entry["name"], table.sheet.name): table.sheet.request_id
            for file in parsed
            for table in file.tables
            if table.sheet.request_id
        },
        buyer_batches=tuple(buyer_batches),
        cases=tuple(cases),
        redacted={
            position: tuple(table.sheet for table in file.tables)
            for position, file in enumerate(parsed)
            if any(table.lost_notes for table in file.tables)
        },
    )


@dataclass(frozen=True)
class _ParsedFile:
    """One file: its entry in the ``input`` part, its tables with the sheets that have accepted rows, its issues, and the sentence
    that says why it could not be read ("" if it could).
    """

    entry: dict[str, Any]
    tables: Sequence[_Table]
    sheets: Sequence[ParsedSheet]
    issues: Sequence[Issue]
    failure: str = ""

    def counts(self, *, buyer: bool = True) -> dict[str, int]:
        """Count its rows: all, accepted, rejected; with or without those of the buyer itself."""
        submissions = [table.submission for table in self.tables if buyer or table.kind != BUYER]
        return {
            "rows": sum(submission.n_rows for submission in submissions),
            "accepted": sum(submission.accepted for submission in submissions),
            "rejected": sum(submission.rejected for submission in submissions),
        }


def _parse_file(
    name: str, data: bytes | RedactedFile, choices: Choices, on: date, is_request: Callable[[str], bool]
) -> _ParsedFile:
    """Parse one file; one that cannot be read gives an issue and no tables."""
    sha256 = data.sha256 if isinstance(data, RedactedFile) else hashlib.sha256(data).hexdigest()
    entry: dict[str, Any] = {"name": name, "sha256": sha256, "sheets": []}
    try:
        all_sheets = data.sheets if isinstance(data, RedactedFile) else read_sheets(data, name)
        sheets_read = [
            sheet if sheet.request_id is None or is_request(sheet.request_id) else replace(sheet, request_id=None)
            for sheet in all_sheets
        ]
        tables, sheet_issues = _read_tables(sheets_read, name, choices, on)
    except FileRefused as error:
        issue = build_issue(error.code, file=name, seen=error.detail, cure=error.cure)
        return _ParsedFile(entry, (), (), [issue], f"{name}: {error.detail} {error.cure}".strip())
    except UnusableSheet as error:
        return _ParsedFile(entry, (), (), [error.issue], f"{name}: {error}")
    issues = list(sheet_issues)
    sheets: list[ParsedSheet] = []
    for sheet, kind, header_row, matched, submission, _ in tables:
        entry["sheets"].append(
            {
                "name": sheet.name,
                "kind": kind,
                "header_row": header_row,
                "rows": submission.n_rows,
                "columns": {question: matched.headers[index] for question, index in matched.columns.items()},
                "unmapped": list(matched.unmapped),
            }
        )
        issues += [*submission.issues, *_missing_place_issues(sheet, kind, submission)]
        if submission.accepted:
            parsed = ParsedSheet(
                Batch(kind, from_frame(submission.answers), name, sheet.name, submission.rows), matched
            )
            if choices.vouching and choices.vouching.covers_file(name) and kind in ("site", "agency"):
                voucher = Voucher(choices.vouching.by, on, build_reference(name))
                parsed, more = vouch_for_sheet(parsed, voucher, submission.returned)
                issues += more
            sheets.append(parsed)
    return _ParsedFile(entry, tables, sheets, issues)


def _explain_nothing_usable(files: Sequence[_ParsedFile], issues: Sequence[Issue], rows: int) -> str:
    """Say in one sentence why no row can be scored: each file that could not be read, otherwise the first error."""
    failures = [file.failure for file in files if file.failure]
    if failures:
        return " ".join(failures)
    errors = [issue for issue in issues if issue.severity == "error"]
    first = errors[0].describe() if errors else "there are no data rows."
    return f"none of the {rows} rows can be scored. First problem: {first}"


def _missing_place_issues(sheet: Sheet, kind: str, submission: Submission) -> list[Issue]:
    """Return an issue if no row of a sheet gives a country, and one if no row gives a sector."""
    required = {"site": ("country", "sector"), "agency": ("country",)}.get(kind, ())
    answers = submission.answers
    blank = [question for question in required if question not in answers or not answers[question].notna().any()]
    seen = f"{submission.accepted:,}"
    place = {"file": sheet.file, "sheet": sheet.name}
    return [build_issue(f"sheet.no_{question}", seen=seen, **place) for question in blank if submission.accepted]


def _read_tables(sheets: Sequence[Sheet], file: str, choices: Choices, on: date) -> tuple[list[_Table], list[Issue]]:
    """Return every visible sheet that is a table of suppliers or agencies. Raises UnusableSheet if there is none."""
    sheet_name = choices.sheet or _answer_sheet(sheets)
    chosen = [sheet for sheet in sheets if (sheet.name == sheet_name if sheet_name else sheet.visible)]
    issues: list[Issue] = []
    if choices.sheet and not chosen:
        names = ", ".join(f"'{sheet.name}'" for sheet in sheets)
        raise UnusableSheet(
            build_issue("sheet.unknown", file=file, seen=choices.sheet, expected=f"The file contains {names}.")
        )
    hidden = [] if sheet_name else [sheet for sheet in sheets if not sheet.visible]
    issues.extend(build_issue("sheet.hidden", file=file, sheet=sheet.name, seen=sheet.name) for sheet in hidden)
    tables = []
    faults: list[UnusableSheet] = []
    headers = [_header_texts(sheet) if choices.columns and len(chosen) > 1 else None for sheet in chosen]
    all_texts = frozenset(text for texts in headers if texts is not None for text in texts)
    for sheet, texts in zip(chosen, headers, strict=True):
        shared_columns = {
            question: header
            for question, header in (choices.columns or {}).items()
            if texts is None or not header or fold_text(header) in texts or fold_text(header) not in all_texts
        }
        columns = shared_columns | choices.columns_for_sheet(file, sheet.name)
        try:
            tables.append(_read_table(sheet, replace(choices, columns=columns), on, among_several=len(chosen) > 1))
        except UnusableSheet as unusable:
            faults.append(unusable)
    if not tables:
        raise faults[0] if faults else UnusableSheet(build_issue("file.no_rows", file=file))
    # Notes and cover sheets are common: if one sheet is a table, the sheets that are not are skipped, and this is reported.
    issues.extend(build_issue("sheet.no_table", file=file, sheet=u.issue.sheet, seen=str(u)) for u in faults)
    return tables, issues


def _header_texts(sheet: Sheet) -> frozenset[str]:
    """Return the folded texts of the rows that are searched for headers."""
    last = min(sheet.first_row + sheet.n_rows, sheet.first_row + HEADER_SEARCH_ROWS)
    return frozenset(
        fold_text(text) for row in range(sheet.first_row, last) for text in get_row_cells(sheet, row) if text
    )


def _answer_sheet(sheets: Sequence[Sheet]) -> str | None:
    """Return the name of the sheet to read in a workbook made from our template (its other sheets explain and list); None
    elsewhere.
    """
    stamp = next((sheet.stamp for sheet in sheets if sheet.stamp), None)
    if stamp is None or stamp.split()[0] not in list_form_ids():
        return None
    name = str(load_template_texts()["entity"][load_form(stamp.split()[0]).kind]["sheet"])
    return name if any(sheet.name == name for sheet in sheets) else None


def _is_country_list(submission: Submission) -> bool:
    """Return whether a sheet of three or more rows contains only names, nine in ten of them names of countries: a list for
    reference, not a table of suppliers.
    """
    if submission.accepted < 3 or "name" not in submission.answers or {"reference", "country"} & {*submission.answers}:
        return False
    names = submission.answers["name"]
    are_countries = [fold_text(str(name)) in load_countries().by_word for name in names.cat.categories]
    return bool(names.notna().all()) and sum(are_countries) >= 0.9 * len(are_countries)


def _read_table(sheet: Sheet, choices: Choices, on: date, *, among_several: bool) -> _Table:
    kinds = (BUYER,) if BUYER in (choices.kind, (sheet.stamp or "").split(" ")[0]) else KINDS
    forms = {kind: load_combined_form(kind) for kind in kinds}
    candidate_forms = [forms[choices.kind]] if choices.kind in forms else list(forms.values())
    header_row = find_header_row(sheet, candidate_forms, choices.columns)
    headers = get_row_cells(sheet, header_row)
    kind = BUYER if BUYER in kinds else choices.kind or detect_kind(headers, sheet.name, forms)
    if among_several and choices.columns:  # a question that only another kind of sheet has is meant for that sheet
        other_questions = {question for form in forms.values() for question in form.by_id} - forms[kind].by_id.keys()
        choices = replace(
            choices, columns={q: header for q, header in choices.columns.items() if q not in other_questions}
        )
    refusals: tuple[personal_data.RedactedCells, ...] = ()
    if kind == personal_data.CASE_KIND:
        sheet, refusals = personal_data.redact_pii(
            sheet, header_row, forms[kind], choices.columns, spares_findings=True
        )
    try:
        matched = match_columns(sheet, header_row, forms[kind], choices.columns)
    except UnusableSheet as unusable:
        if kind != personal_data.CASE_KIND:
            raise
        # The supposed header may be a row of any data, so it is not repeated.
        raise UnusableSheet(replace(unusable.issue, seen="", cure=build_issue(unusable.issue.code).cure)) from None
    options = SheetOptions(choices.date_order, choices.country, choices.sector, on, choices.answered_by)
    submission = validate_sheet(sheet, header_row, matched, forms[kind], options, refusals)
    if _is_country_list(submission):
        raise UnusableSheet(build_issue("sheet.of_countries", file=sheet.file, sheet=sheet.name))
    lost_notes = any(cells.code == personal_data.REMOVED_NOTE for cells in refusals)
    return _Table(sheet, kind, header_row, matched, submission, lost_notes)
