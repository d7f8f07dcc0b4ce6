"""Turn the columns of a sheet into validated answers; every issue is reported with its cell and cure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

import numpy as np
import numpy.typing as npt

from questionnaires.form import Questionnaire
from questionnaires.issues import Issue, UnusableSheet, build_issue
from questionnaires.lookups import load_countries, load_sectors
from questionnaires.parse.answer import AnswerError, Value
from questionnaires.parse.types import SectorField
from questionnaires.sheet import RowGroup, Sheet, build_row_group
from questionnaires.validation.column_match import IDENTIFYING_QUESTIONS, ColumnMatch
from questionnaires.validation.context import AnswerColumn, Indices, IssueText, Mask, ValidationContext, find_answered
from questionnaires.validation.personal_data import RedactedCells
from questionnaires.validation.rules import apply_rules

LEFTOVER_SHARE = 0.4  # of the values of a usual row, up to which a row without a name is a leftover of the table
LEFTOVER_CELLS = 2  # values of a usual row, up to which no row has few


@dataclass(frozen=True)
class SheetOptions:
    """What the uploader states about a whole sheet.

    ``date_order``: "dmy" or "mdy" for its dates. ``default_country`` (a country) and ``default_sector`` (a sector) apply to a
    sheet that has no such column. ``as_of``: the assessment date, after which a date is in the future. ``answered_by``:
    "supplier" for returned forms, "buyer" for a list of one's own; None where the sheet itself is to show it.
    ``names_all_cells``: whether the issues name all their cells, not only the first. ``corrections``: by question and text of a
    cell (as issues quote it), the text that is read instead.
    """

    date_order: str | None = None
    default_country: str | None = None
    default_sector: str | None = None
    as_of: date | None = None
    answered_by: str | None = None
    names_all_cells: bool = False
    corrections: Mapping[tuple[str, str], str] = field(default_factory=dict)


@dataclass(frozen=True)
class Submission:
    """The validated content of a sheet.

    ``answers``: those of the accepted rows, for each question that has a column in the sheet or a default. ``rows``: the number
    of each accepted row in the spreadsheet; ``returned``: which of them are forms that a supplier returned.
    ``accepted + rejected = n_rows``, the data rows; ``left_out`` are the others, by reason.
    """

    answers: Mapping[str, AnswerColumn]
    rows: npt.NDArray[np.int64]
    returned: npt.NDArray[np.bool_]
    issues: tuple[Issue, ...]
    accepted: int
    rejected: int
    n_rows: int
    left_out: tuple[RowGroup, ...] = ()


def validate_sheet(
    sheet: Sheet,
    header_row: int,
    column_match: ColumnMatch,
    form: Questionnaire,
    options: SheetOptions | None = None,
    redacted: Sequence[RedactedCells] = (),
    candidates: Indices | None = None,
) -> Submission:
    """Validate a sheet whose header is in ``header_row``; return its answers and the issues, those of matching first.

    A row with neither a name (in any script) nor a reference is rejected, or left out if it has hardly anything else. A row is
    also rejected if its country is present and unknown, or if its reference is also on a row of another country; any other value
    that is not understood becomes unknown, with an issue.
    Answers to questions about a person are not read. ``redacted``: cells removed from the sheet beforehand
    (:func:`~questionnaires.validation.personal_data.redact_pii`); their rows are rejected, unless it was a note.
    ``candidates``: the rows (counted from the sheet's first) among which the data rows are, where its layout is known. Raises
    :class:`UnusableSheet` if the sheet has no data rows or a default is unknown.
    """
    options = options or SheetOptions()
    as_of = options.as_of.isoformat() if options.as_of else ""
    context = ValidationContext(
        sheet,
        header_row,
        column_match,
        as_of=as_of,
        candidates=candidates,
        names_all_cells=options.names_all_cells,
        corrections=options.corrections,
    )
    if not len(context.rows):
        raise UnusableSheet(build_issue("file.no_rows", file=sheet.file, sheet=sheet.name))
    for cells in redacted:
        context.record(cells.code, cells.column, cells.rows, IssueText())
        if cells.rejects_rows:
            context.rejected |= np.isin(context.rows, cells.rows)
    for question in column_match.columns:
        if not form.by_id[question].person:
            answer_field = form.by_id[question].build_field(as_of, form.headers)
            context.read_column(question, answer_field, options.date_order)
    fill_derived_answers(context, options)
    apply_rules(context, form, options.answered_by)
    omitted = reject_nameless_rows(context)
    accepted = ~context.rejected
    answers = {
        question: context.answers[question].take(accepted) for question in form.by_id if question in context.answers
    }
    return Submission(
        answers=answers,
        rows=context.rows[accepted].astype(np.int64) + sheet.first_row,
        returned=context.returned[accepted],
        issues=(*column_match.issues, *context.build_issues()),
        accepted=int(accepted.sum()),
        rejected=int((context.rejected & ~omitted).sum()),
        n_rows=int((~omitted).sum()),
        left_out=tuple(context.left_out),
    )


def reject_nameless_rows(context: ValidationContext) -> Mask:
    """Reject rows without a name or reference, and warn of rows with a reference only, if the sheet has names.

    Return the rows that are left out instead, because they have hardly anything else either.
    """
    columns, n_rows = context.column_match.columns, len(context.rows)
    nameless = ~find_answered((context.answers.get(question) for question in IDENTIFYING_QUESTIONS), n_rows)
    named = find_answered((context.answers.get(question) for question in ("name", "name_local")), n_rows)
    if "name" in columns:
        context.report("row.unnamed", "name", ~named & ~nameless, IssueText())
    first = next(question for question in IDENTIFYING_QUESTIONS if question in columns)
    omitted = nameless & find_leftovers(context, nameless)
    context.report("row.no_name", first, nameless & ~omitted, IssueText())
    if omitted.any():
        rows = context.rows[omitted]
        context.record("row.nameless", columns[first], rows, IssueText())
        context.left_out.append(build_row_group("nameless", rows + context.sheet.first_row))
        context.rejected |= omitted
    return omitted


def find_leftovers(context: ValidationContext, nameless: Mask) -> Mask:
    """Return which rows have so few values, compared with those that have names, that they are leftovers of a table: a country
    that was filled in down to the last row of the sheet, or a zero. None is part of a returned form, or rejected otherwise.
    """
    if not nameless.any() or nameless.all():
        return np.zeros_like(nameless)
    matched = (context.sheet.columns[index].codes[context.rows] >= 0 for index in context.column_match.columns.values())
    counts = np.sum(list(matched), axis=0)
    usual = float(np.median(counts[~nameless]))
    is_few: Mask = (counts <= LEFTOVER_SHARE * usual) & (usual > LEFTOVER_CELLS)
    for question in IDENTIFYING_QUESTIONS:
        is_few &= ~context.find_unreadable(question)
    return is_few & ~context.returned & ~context.rejected


def fill_derived_answers(context: ValidationContext, options: SheetOptions) -> None:
    """Fill in answers that follow from others or apply to the whole sheet: local name, NAICS codes, default country and sector.

    Raises :class:`UnusableSheet` if a default is unknown.
    """
    answers, n_rows = context.answers, len(context.rows)
    if "name_local" in answers:
        name = answers.setdefault("name", build_empty_column(n_rows))
        fill_blanks(name, AnswerColumn(list(answers["name_local"].values), answers["name_local"].codes))
    if "naics" in answers:
        fill_blanks(answers.setdefault("sector", build_empty_column(n_rows)), convert_naics_column(context))
    missing = {"country", "sector"} - answers.keys() - context.column_match.tied
    if options.default_country and "country" in missing:
        code = load_countries().find(options.default_country)
        if code is None:
            raise UnusableSheet(build_issue("country.unknown", seen=options.default_country))
        answers["country"] = AnswerColumn([code], np.zeros(n_rows, dtype=np.int32))
    if options.default_sector and "sector" in missing:
        try:
            codes: Value = SectorField().parse(options.default_sector) or ()
        except AnswerError as error:
            raise UnusableSheet(build_issue("sector.unknown", seen=error.seen, cure=error.cure)) from error
        answers["sector"] = AnswerColumn([codes], np.zeros(n_rows, dtype=np.int32))


def build_empty_column(n_rows: int) -> AnswerColumn:
    """Build a column of blanks."""
    return AnswerColumn([], np.full(n_rows, -1, dtype=np.int32))


def fill_blanks(answers: AnswerColumn, substitutes: AnswerColumn) -> None:
    """Fill the blanks of a column with the answers of another."""
    numbers = {value: number for number, value in enumerate(answers.values)}
    table = [numbers.setdefault(value, len(numbers)) for value in substitutes.values]
    substitute_codes = np.array([*table, -1], dtype=np.int32)[substitutes.codes]
    answers.values = list(numbers)
    answers.codes = np.where(answers.answered, answers.codes, substitute_codes)


NAICS_SEPARATORS = re.compile(r"[;|]|(?<![,/\s])[,/\s]++(?=[0-9])")  # a line break within a cell has become a blank


def convert_naics_column(context: ValidationContext) -> AnswerColumn:
    """Return the ISIC codes of the NAICS codes in the rows; codes that are in no list are reported."""
    naics = context.answers["naics"]
    values: list[Value] = []
    table = []
    for code, text in enumerate(map(str, naics.values)):
        parts = {part.strip(): load_sectors().convert_naics(part.strip()) for part in NAICS_SEPARATORS.split(text)}
        codes = tuple(dict.fromkeys(isic for part_codes in parts.values() for isic in part_codes))
        unknown = ", ".join(part for part, part_codes in parts.items() if part and not part_codes)
        if unknown or not codes:
            context.report("sector.unknown", "naics", naics.codes == code, IssueText(unknown or text))
        table.append(len(values) if codes else -1)
        values += [codes] if codes else []
    column = AnswerColumn(values, np.array([*table, -1], dtype=np.int32)[naics.codes])
    column.map_values(lambda value: value)  # equal sectors of different codes become one value
    return column
