"""Turn files into batches of answers: decide which sheets are read and as which kind, and collect their issues."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any, NamedTuple, Protocol

from questionnaires.issues import Issue, UnusableSheet, build_issue
from questionnaires.layout.document import Layout, TableLayout
from questionnaires.limits import FileRefused
from questionnaires.person_detection import MASK, is_certainly_name
from questionnaires.tables import BUYER, FileTables, Table, TableOptions, read_tables
from questionnaires.validation.personal_data import CASE_KIND
from questionnaires.validation.personal_names import names_a_person, redact_file_names
from questionnaires.validation.validate import Submission
from risk_models.answers import from_columns
from risk_models.facts.facts import load_facts
from risk_models.model import Model
from service.assessment.assess import Batch
from service.case_reading.records import (
    CaseRecord,
    add_case_evidence,
    link_to_suppliers,
    parse_case_records,
    read_case_records,
)
from service.imports.agency_sheets import leave_to_agencies
from service.imports.duplicate_rows import ParsedSheet, list_duplicate_issues
from service.imports.returned_rows import SentQuestionnaires, leave_out_strangers
from service.imports.unknown_goods import list_unknown_goods_issues
from service.imports.vouching import Vouching, vouch_for_sheet
from service.suppliers.identity import RowKey, identify_rows, take_identity

COUNTS = ("rows", "accepted", "rejected")


class ReadTables(Protocol):
    """What reads the tables of a file, as :func:`questionnaires.tables.read_tables` does."""

    def __call__(self, data: bytes, name: str, options: TableOptions, *, stored: bool = False) -> FileTables:
        """Return the tables of a file. Raises FileRefused and UnusableSheet."""
        ...


@dataclass(frozen=True)
class SheetMap:
    """The column map of one sheet: which header answers which question. An empty ``file`` or ``sheet`` stands for any."""

    columns: Mapping[str, str]
    file: str = ""
    sheet: str = ""


class RowChoice(NamedTuple):
    """A row that is read, or not, whatever its layout says; as the spreadsheet numbers it. An empty ``file`` or ``sheet`` stands
    for any.
    """

    row: int
    is_read: bool
    file: str = ""
    sheet: str = ""


class Correction(NamedTuple):
    """The text of the cells of a column, and the text that is read instead."""

    file: str
    sheet: str
    question: str
    seen: str
    text: str


@dataclass(frozen=True)
class Choices:
    """The options that the sender chose; each is None (or empty) if it is to be detected from the file. ``columns``: question
    -> header for all sheets; if a file has several sheets, an entry applies to those that have the header. ``maps``: the maps
    of individual sheets, which take precedence. ``remembered``: what columns were said to be in earlier files, applied where
    nothing is chosen. ``answered_by``: who filled in the sheets, "supplier" (they are returned
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
    remembered: tuple[SheetMap, ...] = ()
    vouching: Vouching | None = None  # whose evidence the buyer confirms
    answered_by: str | None = None
    layouts: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)  # by file, the layout of its sheets as JSON
    rows: tuple[RowChoice, ...] = ()
    corrections: tuple[Correction, ...] = ()
    names_all_cells: bool = False  # whether the issues name all their cells
    # How the organisation words texts of forms, in any language, by their English text.
    own_words: Mapping[str, Sequence[str]] = field(default_factory=dict)

    def for_file(self, file: str) -> Choices:
        """Return the choices for one file; the buyer's own file is read as such, and choices made for suppliers do not apply
        to it.
        """
        return Choices(kind=BUYER, date_order=self.date_order) if file == self.buyer else self

    def columns_for_sheet(self, file: str, sheet: str) -> dict[str, str]:
        """Return the columns chosen for one sheet alone."""
        return self.to_table_options(file).columns_for_sheet(sheet)

    def to_table_options(self, file: str, on: date | None = None) -> TableOptions:
        """Return the options with which the tables of a file are read, as of a day."""
        return TableOptions(
            as_of=on.isoformat() if on else "",
            kind=self.kind,
            country=self.country,
            sector=self.sector,
            sheet=self.sheet,
            columns=self.columns,
            maps=[(m.sheet, m.columns) for m in self.maps if m.file in ("", file)],
            remembered=[(m.sheet, m.columns) for m in self.remembered if m.file == file],
            date_order=self.date_order,
            answered_by=self.answered_by,
            layout=self.layouts.get(file),
            rows=[(row.sheet, row.row, row.is_read) for row in self.rows if row.file in ("", file)],
            corrections=[correction[1:] for correction in self.corrections if correction.file == file],
            names_all_cells=self.names_all_cells,
            own_words=self.own_words,
        )

    def to_options(self) -> dict[str, Any]:
        """Return the options as assessment.json stores them, without those that were not set.

        Layouts are without the values of columns, and nothing is said of sheets whose names contain personal data.
        """
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
        if rows := [row._asdict() for row in self.rows if not names_a_person(row.sheet)]:
            options_given["rows"] = rows
        if self.layouts:
            files = redact_file_names(list(self.layouts))
            layouts = zip(files, self.layouts.values(), strict=True)
            options_given["layouts"] = [_describe_layout(file, layout) for file, layout in layouts]
        if self.vouching:
            options_given["evidence_confirmed"] = (
                sorted(self.vouching.files) if self.vouching.files is not None else True
            )
        return options_given


def _describe_layout(file: str, layout: Mapping[str, Any]) -> dict[str, Any]:
    """Return the layout of a file without values, and without the sheets whose names contain personal data."""
    found = Layout.from_json(layout)
    sheets = [
        replace(sheet, tables=tuple(_drop_samples(table) for table in sheet.tables))
        for sheet in found.sheets
        if not names_a_person(sheet.name)
    ]
    return Layout(file, tuple(sheets)).to_json()


def _drop_samples(table: TableLayout) -> TableLayout:
    return replace(table, headers=tuple(replace(header, samples=()) for header in table.headers), set_aside=())


class FileView(NamedTuple):
    """How a file was read: its layout as JSON, empty if no table was found in it, and how its sheets begin."""

    layout: Mapping[str, Any]
    views: Sequence[Mapping[str, Any]]
    sheets: Sequence[Mapping[str, Any]]  # its tables, as the ``input`` part lists them


@dataclass(frozen=True)
class ParsedUpload:
    """The batches of an upload in file order, the ``input`` part of the contract, the same issues as values, and counts per
    file.

    ``row_keys``: for each kind of supplier, the keys of the rows of its batches. ``request_ids``: for each file and sheet that is
    a returned questionnaire, the id of the request. ``buyer_batches``: the answers of the buyer about itself; no supplier is
    among them, and they are not counted as rows. ``cases``: the case records; the batches they concern already include their
    evidence. ``redacted``: for each file (its position) from whose notes personal data was removed, the bytes to store in its
    stead. ``seen``: by file, how it was read.
    """

    batches: tuple[Batch, ...]
    row_keys: Mapping[str, Sequence[RowKey]]
    received: dict[str, Any]
    issues: tuple[Issue, ...]
    files: tuple[dict[str, Any], ...]
    request_ids: Mapping[tuple[str, str], str]
    buyer_batches: tuple[Batch, ...] = ()
    cases: tuple[CaseRecord, ...] = ()
    redacted: Mapping[int, bytes] = field(default_factory=dict)
    seen: Mapping[str, FileView] = field(default_factory=dict)


class NoUsableRows(Exception):
    """No row of any file can be scored: one sentence that says why and what to do, and every issue that was found.

    ``received``: the ``input`` part; ``seen``: by file, what is in it, if all files could be read and others can say what their
    columns are; ``redacted``: as in :class:`ParsedUpload`.
    """

    def __init__(
        self,
        sentence: str,
        issues: Sequence[Issue],
        seen: Mapping[str, FileView] | None = None,
        redacted: Mapping[int, bytes] | None = None,
        received: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(sentence)
        self.issues, self.seen, self.redacted = tuple(issues), seen or {}, redacted or {}
        self.received = received or {}


class RedactedFile(NamedTuple):
    """A file that was stored without the notes that contained personal data (``ParsedUpload.redacted``)."""

    data: bytes


def parse_files(
    files: Sequence[tuple[str, bytes | RedactedFile]],
    choices: Choices,
    on: date,
    progress: Callable[[str], None] = lambda _: None,
    *,
    allow_buyer_only: bool = False,
    models: tuple[Model, ...] | None = None,
    sent: SentQuestionnaires | None = None,
    read: ReadTables = read_tables,
) -> ParsedUpload:
    """Parse, match and validate files (name, bytes). Raises NoUsableRows if no row can be scored.

    ``allow_buyer_only``: whether files with nothing but the buyer's own answers are accepted. ``models``: those that say which
    of two answers counts, by default all. ``sent``: the questionnaires that were sent, if these are known. ``read``: what reads
    the tables of a file.
    """
    parsed: list[_ParsedFile] = []
    for name, data in files:
        progress(f"reading {name}")
        parsed.append(_parse_file(name, data, choices.for_file(name), on, sent, read))
    issues = [issue for file in parsed for issue in file.issues]
    total: dict[str, Any] = {count: sum(file.counts(buyer=False)[count] for file in parsed) for count in COUNTS}
    total["left_out"] = _list_left_out(parsed)
    sheets = [sheet for file in parsed for sheet in file.sheets]
    buyer_batches = [sheet.batch for sheet in sheets if sheet.batch.kind == BUYER]
    entries = [{**file.entry, **file.counts()} for file in parsed]
    if not total["accepted"] and not (allow_buyer_only and buyer_batches):
        seen = {file.entry["name"]: file.view for file in parsed if file.view is not None}
        is_readable = all(file.view is not None for file in parsed)
        raise NoUsableRows(
            _explain_nothing_usable(parsed, issues, total["rows"]),
            issues,
            seen if is_readable else None,
            _list_redacted(parsed),
            _build_received(entries, total, issues),
        )
    case_sheets = [sheet for sheet in sheets if sheet.batch.kind == CASE_KIND]
    cases = [record for sheet in case_sheets for record in parse_case_records(sheet.batch)]
    row_keys = {}
    for kind in ("agency", "site"):
        of_kind = [sheet for sheet in sheets if sheet.batch.kind == kind]
        row_keys[kind] = identify_rows([row for sheet in of_kind for row in take_identity(sheet.batch.answers)])
        issues.extend(list_duplicate_issues(of_kind, kind, row_keys[kind], on, models))
    batches = [sheet.batch for sheet in sheets if sheet.batch.kind in row_keys]
    links = link_to_suppliers(cases, batches)
    issues.extend(
        build_issue("case.unlinked", file=record.file, sheet=record.sheet, seen=record.case.id)
        for record, places in zip(cases, links, strict=True)
        if not places
    )
    return ParsedUpload(
        batches=add_case_evidence(batches, read_case_records(cases, on), links),
        row_keys=row_keys,
        received=_build_received(entries, total, issues),
        issues=tuple(issues),
        files=tuple(entries),
        request_ids={
            (file.entry["name"], table.sheet): table.request_id
            for file in parsed
            for table in file.tables
            if table.request_id
        },
        buyer_batches=tuple(buyer_batches),
        cases=tuple(cases),
        redacted=_list_redacted(parsed),
        seen={file.entry["name"]: file.view for file in parsed if file.view is not None},
    )


def _build_received(
    entries: Sequence[Mapping[str, Any]], total: Mapping[str, Any], issues: Sequence[Issue]
) -> dict[str, Any]:
    """Return the ``input`` part of the contract."""
    return {
        "files": [{key: entry[key] for key in ("name", "sha256", "sheets")} for entry in entries],
        **total,
        "issues": [issue.to_dict() for issue in issues],
    }


def _list_redacted(files: Sequence[_ParsedFile]) -> dict[int, bytes]:
    """Return what to store in the stead of files with personal data, by position."""
    return {position: file.redacted for position, file in enumerate(files) if file.redacted is not None}


@dataclass(frozen=True)
class _ParsedFile:
    """One file: its entry in the ``input`` part, its tables with the sheets that have accepted rows, its issues, the sentence
    that says why it could not be read ("" if it could), and the bytes to store in its stead (None if it is stored as it is).
    """

    entry: dict[str, Any]
    tables: Sequence[Table]
    sheets: Sequence[ParsedSheet]
    issues: Sequence[Issue]
    failure: str = ""
    redacted: bytes | None = None
    view: FileView | None = None  # None if it could not be read

    def counts(self, *, buyer: bool = True) -> dict[str, int]:
        """Count its rows: all, accepted, rejected; with or without those of the buyer itself."""
        submissions = [table.submission for table in self.tables if buyer or table.kind != BUYER]
        return {
            "rows": sum(submission.n_rows for submission in submissions),
            "accepted": sum(submission.accepted for submission in submissions),
            "rejected": sum(submission.rejected for submission in submissions),
        }


def _parse_file(
    name: str,
    data: bytes | RedactedFile,
    choices: Choices,
    on: date,
    sent: SentQuestionnaires | None,
    read: ReadTables,
) -> _ParsedFile:
    """Parse one file; one that cannot be read gives an issue and no tables."""
    content = data.data if isinstance(data, RedactedFile) else data
    entry: dict[str, Any] = {"name": name, "sha256": hashlib.sha256(content).hexdigest(), "sheets": []}
    stored = isinstance(data, RedactedFile)
    try:
        found = _read_tables(content, name, choices.to_table_options(name, on), sent, read, stored=stored)
    except FileRefused as error:
        issue = build_issue(error.code, file=name, seen=error.detail, cure=error.cure)
        return _ParsedFile(entry, (), (), [issue], f"{name}: {error.detail} {error.cure}".strip())
    except UnusableSheet as error:
        view = FileView({}, error.views, [])
        return _ParsedFile(entry, (), (), [error.issue], f"{name}: {error}", error.redacted, view)
    issues = list(found.issues)
    sheets: list[ParsedSheet] = []
    for sheet, kind, header_row, matched, submission, *_ in found.tables:
        entry["sheets"].append(
            {
                "name": sheet,
                "kind": kind,
                "header_row": header_row,
                "rows": submission.n_rows,
                "columns": {question: matched.headers[index] for question, index in matched.columns.items()},
                "unmapped": [MASK if is_certainly_name(header) else header for header in matched.unmapped],
            }
        )
        issues += [*submission.issues, *_missing_place_issues(name, sheet, kind, submission)]
        if submission.accepted:
            answers = from_columns(submission.accepted, submission.answers)
            parsed = ParsedSheet(Batch(kind, answers, name, sheet, submission.rows), matched)
            if choices.vouching and choices.vouching.covers_file(name) and kind in ("site", "agency"):
                parsed, more = vouch_for_sheet(parsed, choices.vouching.build_voucher(name, on), submission.returned)
                issues += more
            issues += list_unknown_goods_issues(parsed, load_facts().as_of(on))
            sheets.append(parsed)
    sheets, more = leave_to_agencies(sheets, choices.answered_by)
    issues += more
    view = FileView(found.layout.to_json(), found.views, entry["sheets"])
    return _ParsedFile(entry, found.tables, sheets, issues, redacted=found.redacted, view=view)


def _read_tables(
    data: bytes,
    name: str,
    options: TableOptions,
    sent: SentQuestionnaires | None,
    read: ReadTables,
    *,
    stored: bool,
) -> FileTables:
    """Read the tables of a file. A workbook that names a request we do not know is read again, as a plain list; of a returned
    questionnaire, only the rows about the supplier that was asked are kept.
    """
    found = read(data, name, options, stored=stored)
    if sent is None:
        return found
    if not all(table.request_id is None or sent.has(table.request_id) for table in found.tables):
        return read(data, name, replace(options, is_request=False), stored=stored)
    return leave_out_strangers(name, found, sent)


def _list_left_out(files: Sequence[_ParsedFile]) -> list[dict[str, Any]]:
    """List the rows that are no suppliers, or may be none: for each reason in a sheet, their number and the first and last rows
    of their ranges, as the spreadsheet numbers them. With the accepted and rejected rows, these are all rows that are neither
    blank nor headers.
    """
    return [
        {
            "file": file.entry["name"],
            "sheet": table.sheet,
            "reason": group.reason,
            "count": group.count,
            "rows": [list(span) for span in group.rows],
        }
        for file in files
        for table in file.tables
        if table.kind != BUYER
        for group in table.submission.left_out
    ]


def _explain_nothing_usable(files: Sequence[_ParsedFile], issues: Sequence[Issue], rows: int) -> str:
    """Say in one sentence why no row can be scored: each file that could not be read, otherwise the first error."""
    failures = [file.failure for file in files if file.failure]
    if failures:
        return " ".join(failures)
    errors = [issue for issue in issues if issue.severity == "error"]
    first = errors[0].describe() if errors else "there are no data rows."
    return f"none of the {rows} rows can be scored. First problem: {first}"


def _missing_place_issues(file: str, sheet: str, kind: str, submission: Submission) -> list[Issue]:
    """Return an issue if no row of a sheet gives a country, and one if no row gives a sector."""
    required = {"site": ("country", "sector"), "agency": ("country",)}.get(kind, ())
    answers = submission.answers
    blank = [question for question in required if question not in answers or not answers[question].answered.any()]
    seen = f"{submission.accepted:,}"
    place = {"file": file, "sheet": sheet}
    return [build_issue(f"sheet.no_{question}", seen=seen, **place) for question in blank if submission.accepted]
