"""Files in, batches of answers out: which sheets are read, as what, and what must be said about them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
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
from service.assessment.assess import Batch
from service.case_reading.records import CaseRecord, link, readings_of, records_of, with_cases
from service.imports.duplicate_rows import ParsedSheet, list_duplicate_issues

KINDS = ("site", "agency", "case")
BUYER = "buyer"  # a workbook made from the buyer's own form; never guessed from headers


@dataclass(frozen=True)
class SheetMap:
    """Which header answers which question in one sheet; an empty ``file`` or ``sheet`` stands for any."""

    columns: Mapping[str, str]
    file: str = ""
    sheet: str = ""


@dataclass(frozen=True)
class Choices:
    """What the sender decided: each is None (or empty) where the file itself is to tell.

    ``columns``: question -> header for all sheets; of several sheets of a file an entry is meant for those that have the header.
    ``maps``: those of single sheets, which go before.
    """

    kind: str | None = None
    country: str | None = None
    sector: str | None = None
    sheet: str | None = None
    columns: Mapping[str, str] | None = None
    date_order: str | None = None
    buyer: str | None = None  # the file in which the buyer answers about itself
    maps: tuple[SheetMap, ...] = ()

    def for_file(self, file: str) -> Choices:
        """The choices for one file: the buyer's own is read as that, and what was chosen for suppliers is not meant for it."""
        return Choices(kind=BUYER, date_order=self.date_order) if file == self.buyer else self

    def columns_for_sheet(self, file: str, sheet: str) -> dict[str, str]:
        """The map meant for one sheet alone."""
        mine = [m.columns for m in self.maps if m.file in ("", file) and m.sheet in ("", sheet)]
        return {question: header for columns in mine for question, header in columns.items()}

    def to_options(self) -> dict[str, Any]:
        """As the contract keeps them; a choice not made is left out."""
        made = {
            "kind": self.kind,
            "country": self.country,
            "sector": self.sector,
            "sheet": self.sheet,
            "date_order": self.date_order,
            "buyer": self.buyer,
        }
        told: dict[str, Any] = {name: value for name, value in made.items() if value}
        if self.columns:
            told["map"] = dict(self.columns)
        return told


@dataclass(frozen=True)
class ParsedUpload:
    """Batches in the order of the files, the ``input`` part of the contract, the same issues as values, and counts per file.

    ``request_ids``: for each file and sheet that is a returned questionnaire, the id of the request. ``buyer_batches``: the answers
    of the buyer about itself; no supplier is among them, and they are not counted as rows. ``cases``: the case records, which
    the batches they are about know already.
    """

    batches: tuple[Batch, ...]
    received: dict[str, Any]
    issues: tuple[Issue, ...]
    files: tuple[dict[str, Any], ...]
    request_ids: Mapping[tuple[str, str], str]
    buyer_batches: tuple[Batch, ...] = ()
    cases: tuple[CaseRecord, ...] = ()


class NoUsableRows(Exception):
    """No row of any file can be scored: one sentence that says why and what to do, and every issue found on the way."""

    def __init__(self, sentence: str, issues: Sequence[Issue]) -> None:
        super().__init__(sentence)
        self.issues = tuple(issues)


def parse_files(
    files: Sequence[tuple[str, bytes]],
    choices: Choices,
    on: date,
    progress: Callable[[str], None] = lambda _: None,
    *,
    allow_buyer_only: bool = False,
) -> ParsedUpload:
    """Reads, matches and checks files (name, bytes). Raises NothingUsable where no row can be scored.

    ``buyer_alone``: whether it is enough that the buyer answers about itself.
    """
    batches: list[Batch] = []
    buying: list[Batch] = []
    cases: list[CaseRecord] = []
    issues: list[Issue] = []
    told: list[dict[str, Any]] = []
    sentences: list[str] = []
    askings: dict[tuple[str, str], str] = {}
    read_as: list[ParsedSheet] = []
    total = {"rows": 0, "accepted": 0, "rejected": 0}
    for name, data in files:
        progress(f"reading {name}")
        entry: dict[str, Any] = {"name": name, "sha256": hashlib.sha256(data).hexdigest(), "sheets": []}
        counts = {"rows": 0, "accepted": 0, "rejected": 0}
        try:
            found = _read_tables(read_sheets(data, name), name, choices.for_file(name), on)
        except FileRefused as refused:
            issues.append(build_issue(refused.code, file=name, seen=refused.detail, cure=refused.cure))
            sentences.append(f"{name}: {refused.detail} {refused.cure}".strip())
            found = _FileTables([], [])
        except UnusableSheet as unusable:
            issues.append(unusable.issue)
            sentences.append(f"{name}: {unusable}")
            found = _FileTables([], [])
        issues.extend(found.issues)
        for sheet, kind, header_row, matched, submission in found.tables:
            entry["sheets"].append(
                {
                    "name": sheet.name,
                    "kind": kind,
                    "header_row": header_row,
                    "rows": submission.n_rows,
                    "columns": {question: matched.headers[at] for question, at in matched.columns.items()},
                    "unmapped": list(matched.unmapped),
                }
            )
            issues.extend(submission.issues)
            issues.extend(_missing_place_issues(sheet, kind, submission))
            if sheet.request_id:
                askings[name, sheet.name] = sheet.request_id
            group = buying if kind == BUYER else batches
            for count, value in (
                ("rows", submission.n_rows),
                ("accepted", submission.accepted),
                ("rejected", submission.rejected),
            ):
                counts[count] += value
                total[count] += value if group is batches else 0
            if submission.accepted:
                batch = Batch(kind, from_frame(submission.answers), name, sheet.name, submission.rows)
                if kind == personal_data.CASE_KIND:
                    cases.extend(records_of(batch))
                else:
                    group.append(batch)
                    read_as.append(ParsedSheet(batch, matched))
        told.append({**entry, **counts})
    if not total["accepted"] and not (allow_buyer_only and buying):
        if not sentences:
            errors = [i for i in issues if i.severity == "error"]
            sentences = [
                f"none of the {total['rows']} rows can be scored. "
                f"The first fault: {errors[0].describe() if errors else 'no row of data'}"
            ]
        raise NoUsableRows(" ".join(sentences), issues)
    issues.extend(told_of for kind in ("agency", "site") for told_of in list_duplicate_issues(read_as, kind, on))
    links = link(cases, batches)
    issues.extend(
        build_issue("case.unlinked", file=record.file, sheet=record.sheet, seen=record.case.id)
        for record, places in zip(cases, links, strict=True)
        if not places
    )
    known = with_cases(batches, readings_of(cases, on), links)
    received = {
        "files": [{key: file[key] for key in ("name", "sha256", "sheets")} for file in told],
        **total,
        "issues": [i.to_dict() for i in issues],
    }
    return ParsedUpload(known, received, tuple(issues), tuple(told), askings, tuple(buying), tuple(cases))


def _missing_place_issues(sheet: Sheet, kind: str, submission: Submission) -> list[Issue]:
    """That no row of a whole sheet says in which country, or in which sector, it is."""
    wanted = {"site": ("country", "sector"), "agency": ("country",)}.get(kind, ())
    told = submission.answers
    blank = [question for question in wanted if question not in told or not told[question].notna().any()]
    seen = f"{submission.accepted:,}"
    where = {"file": sheet.file, "sheet": sheet.name}
    return [build_issue(f"sheet.no_{question}", seen=seen, **where) for question in blank if submission.accepted]


class _Table(NamedTuple):
    """A sheet that is read: as which kind, with the headers in which row, and what it says."""

    sheet: Sheet
    kind: str
    header_row: int
    matched: ColumnMatch
    submission: Submission


@dataclass(frozen=True)
class _FileTables:
    """The tables of a file and the issues about its sheets."""

    tables: list[_Table]
    issues: list[Issue]


def _read_tables(sheets: Sequence[Sheet], file: str, choices: Choices, on: date) -> _FileTables:
    """Every visible sheet that is a table of suppliers or agencies. Raises UnusableSheet where none is."""
    wanted = choices.sheet or _answer_sheet(sheets)
    chosen = [sheet for sheet in sheets if (sheet.name == wanted if wanted else sheet.visible)]
    issues: list[Issue] = []
    if choices.sheet and not chosen:
        names = ", ".join(f"'{sheet.name}'" for sheet in sheets)
        raise UnusableSheet(
            build_issue("sheet.unknown", file=file, seen=choices.sheet, expected=f"The file has {names}.")
        )
    hidden = [] if wanted else [sheet for sheet in sheets if not sheet.visible]
    issues.extend(build_issue("sheet.hidden", file=file, sheet=sheet.name, seen=sheet.name) for sheet in hidden)
    tables = []
    faults: list[UnusableSheet] = []
    headers = [_header_texts(sheet) if choices.columns and len(chosen) > 1 else None for sheet in chosen]
    somewhere = frozenset(text for texts in headers if texts is not None for text in texts)
    for sheet, texts in zip(chosen, headers, strict=True):
        for_all = {
            question: header
            for question, header in (choices.columns or {}).items()
            if texts is None or not header or fold_text(header) in texts or fold_text(header) not in somewhere
        }
        columns = for_all | choices.columns_for_sheet(file, sheet.name)
        try:
            tables.append(_read_table(sheet, replace(choices, columns=columns), on, one_of_several=len(chosen) > 1))
        except UnusableSheet as unusable:
            faults.append(unusable)
    if not tables:
        raise faults[0] if faults else UnusableSheet(build_issue("file.no_rows", file=file))
    # Notes and cover sheets are common: a sheet that is no table is passed over, and said, once another one is.
    issues.extend(build_issue("sheet.no_table", file=file, sheet=u.issue.sheet, seen=str(u)) for u in faults)
    return _FileTables(tables, issues)


def _header_texts(sheet: Sheet) -> frozenset[str]:
    """The texts, folded, of the rows among which the headers are."""
    last = min(sheet.first_row + sheet.n_rows, sheet.first_row + HEADER_SEARCH_ROWS)
    return frozenset(
        fold_text(text) for row in range(sheet.first_row, last) for text in get_row_cells(sheet, row) if text
    )


def _answer_sheet(sheets: Sequence[Sheet]) -> str | None:
    """The sheet to read of a workbook that was made from a template of ours; its other sheets explain and list."""
    stamp = next((sheet.stamp for sheet in sheets if sheet.stamp), None)
    if stamp is None or stamp.split()[0] not in list_form_ids():
        return None
    name = str(load_template_texts()["entity"][load_form(stamp.split()[0]).kind]["sheet"])
    return name if any(sheet.name == name for sheet in sheets) else None


def _is_country_list(submission: Submission) -> bool:
    """Whether a sheet of three rows or more says no more of them than names, nine in ten those of countries: a list beside the
    table.
    """
    if submission.accepted < 3 or "name" not in submission.answers or {"reference", "country"} & {*submission.answers}:
        return False
    names = submission.answers["name"]
    called = [fold_text(str(name)) in load_countries().by_word for name in names.cat.categories]
    return bool(names.notna().all()) and sum(called) >= 0.9 * len(called)


def _read_table(sheet: Sheet, choices: Choices, on: date, *, one_of_several: bool) -> _Table:
    kinds = (BUYER,) if BUYER in (choices.kind, (sheet.stamp or "").split(" ")[0]) else KINDS
    forms = {kind: load_combined_form(kind) for kind in kinds}
    wanted = [forms[choices.kind]] if choices.kind in forms else list(forms.values())
    header_row = find_header_row(sheet, wanted, choices.columns)
    headers = get_row_cells(sheet, header_row)
    kind = BUYER if BUYER in kinds else choices.kind or detect_kind(headers, sheet.name, forms)
    if one_of_several and choices.columns:  # what only another kind of sheet is asked is meant for that one
        elsewhere = {question for form in forms.values() for question in form.by_id} - forms[kind].by_id.keys()
        choices = replace(choices, columns={q: header for q, header in choices.columns.items() if q not in elsewhere})
    refusals: tuple[personal_data.RedactedCells, ...] = ()
    if kind == personal_data.CASE_KIND:
        sheet, refusals = personal_data.redact_pii(sheet, header_row, forms[kind], choices.columns)
    try:
        matched = match_columns(sheet, header_row, forms[kind], choices.columns)
    except UnusableSheet as unusable:
        if kind != personal_data.CASE_KIND:
            raise
        # What was taken for a header may be a row of anything: it is not repeated.
        raise UnusableSheet(replace(unusable.issue, seen="", cure=build_issue(unusable.issue.code).cure)) from None
    options = SheetOptions(choices.date_order, choices.country, choices.sector, on)
    submission = validate_sheet(sheet, header_row, matched, forms[kind], options, refusals)
    if _is_country_list(submission):
        raise UnusableSheet(build_issue("sheet.of_countries", file=sheet.file, sheet=sheet.name))
    return _Table(sheet, kind, header_row, matched, submission)
