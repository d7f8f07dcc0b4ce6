"""Read one table of a sheet: the kind of its rows, the questions of its columns, and the valid answers, without personal data.

Runs in the sandboxed process only (:mod:`questionnaires.sandbox`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date
from typing import NamedTuple

from questionnaires.form import Questionnaire, list_form_ids, load_combined_form, load_form
from questionnaires.issues import Issue, UnusableSheet, build_issue
from questionnaires.layout.apply import LaidOutTable, lay_out_table
from questionnaires.layout.document import (
    SheetLayout,
    TableLayout,
    name_headers,
)
from questionnaires.layout.find import find_country_of_name
from questionnaires.layout.headers import Headers
from questionnaires.layout.option_lists import lists_options
from questionnaires.layout.report import list_layout_issues
from questionnaires.lookups import load_countries
from questionnaires.person_detection import (
    names_a_role,
)
from questionnaires.question import Question
from questionnaires.sheet import Sheet
from questionnaires.tables import BUYER, COHORTS, TABLE_KINDS, Table, TableOptions
from questionnaires.text_normalize import fold_text
from questionnaires.validation.column_claims import VESSEL_QUESTIONS
from questionnaires.validation.column_match import IDENTIFYING_QUESTIONS, ColumnMatch
from questionnaires.validation.column_values import sample_texts
from questionnaires.validation.headers import read_headers
from questionnaires.validation.match import (
    detect_kind,
    find_doubted,
    get_row_cells,
    match_columns,
    read_title,
)
from questionnaires.validation.personal_columns import drop_personal_columns, find_people_beside_names
from questionnaires.validation.personal_data import CASE_KIND, REMOVED_NOTE, RedactedCells, redact_pii
from questionnaires.validation.validate import SheetOptions, Submission, validate_sheet

SAMPLED_KINDS = ("site", "agency")  # kinds of which the texts of rows may be shown


class TablePlace(NamedTuple):
    """A table that was found in a sheet, and the options with which it is read."""

    sheet: Sheet
    layout: SheetLayout
    table: TableLayout
    options: TableOptions


class FoundTable(NamedTuple):
    """A table that was read: its place, the table as it was laid out, and the sheet of it without personal data."""

    place: TablePlace
    laid_out: LaidOutTable
    sheet: Sheet
    table: Table


def list_kinds(sheet: Sheet, kind: str | None) -> tuple[str, ...]:
    """List the kinds that a sheet may be of; one that is not guessed stands alone."""
    if kind == COHORTS:
        return (COHORTS,)
    form_id = (sheet.stamp or "").split(" ")[0]
    if BUYER in (kind, form_id):
        return (BUYER,)
    stamped = load_form(form_id).kind if form_id in list_form_ids() else ""
    return (stamped,) if stamped in SAMPLED_KINDS and kind in (None, stamped) else TABLE_KINDS


def find_known_headers(sheet: Sheet, options: TableOptions) -> Headers:
    """Return the headers that may occur in a sheet: those of the forms of its kind, and those that the sender mapped."""
    kinds = list_kinds(sheet, options.kind)
    chosen = [options.kind] if options.kind in kinds else kinds
    return Headers([load_combined_form(str(kind)) for kind in chosen], options.columns)


def list_unchosen(columns: Mapping[str, str], chosen: Mapping[str, str]) -> dict[str, str]:
    """Return what is remembered, or laid out, of questions and headers about which nothing else is chosen."""
    headers = {fold_text(header) for header in chosen.values() if header}
    return {
        question: header
        for question, header in columns.items()
        if question not in chosen and (not header or fold_text(header) not in headers)
    }


def read_table(place: TablePlace, *, among_several: bool) -> FoundTable:
    """Read a table of a sheet; personal data is removed from it if its kind allows none. Raises UnusableSheet."""
    original, layout, table, options = place
    options = replace(options, kind=layout.kind or options.kind)
    known = find_known_headers(original, options)
    kinds = list_kinds(original, options.kind)
    forms = {kind: load_combined_form(kind) for kind in kinds}
    laid_out = lay_out_table(original, table, known, options.rows_of_sheet(original.name))
    header_row = laid_out.header_row
    headers = get_row_cells(laid_out.sheet, header_row)
    chosen_kind = options.kind or table.kind
    title = read_title(original, header_row)
    kind = kinds[0] if len(kinds) == 1 else chosen_kind or detect_kind(headers, original.name, forms, title)
    form = forms[kind]
    columns, remembered = _choose_columns(table, options, original.name, known, form)
    if table.kind is not None:
        columns = _skip_kind_column(headers, table, form) | _find_shared_columns(headers, forms, kind) | columns
    if among_several:
        columns = _leave_to_other_kinds(columns, forms, kind)
    doubted = find_doubted(laid_out.sheet, header_row, form, remembered)
    columns = {question: header for question, header in columns.items() if question not in doubted}
    sheet, dropped, redacted = _remove_personal_data(laid_out, headers, form, columns)
    matched = _match_columns(sheet, header_row, form, columns, doubted)
    _refuse_lists_of_others(sheet, header_row, headers, matched, form, dropped)
    sheet_options = SheetOptions(
        options.date_order,
        layout.country,
        layout.sector,
        date.fromisoformat(options.as_of),
        options.answered_by,
        options.names_all_cells,
        options.corrections_for_sheet(original.name),
    )
    submission = validate_sheet(sheet, header_row, matched, form, sheet_options, redacted, laid_out.rows)
    if _is_country_list(submission):
        raise UnusableSheet(build_issue("sheet.of_countries", file=sheet.file, sheet=sheet.name))
    issues = [*dropped, *list_layout_issues(original, laid_out, kind, quotes=kind in SAMPLED_KINDS)]
    is_of_name = "country" not in matched.columns and layout.country == find_country_of_name(original)
    if is_of_name and not options.country and "country" in submission.answers:
        issues.append(_report_country_of_name(sheet, str(layout.country)))
    asked = [replace(group, reason=f"asked_{group.reason}") for group in laid_out.asked]
    submission = replace(
        submission,
        issues=(*issues, *submission.issues),
        left_out=(*laid_out.left_out, *asked, *submission.left_out),
    )
    lost_notes = bool(dropped) or any(cells.code == REMOVED_NOTE for cells in redacted)
    return FoundTable(
        place,
        laid_out,
        sheet,
        Table(sheet.name, kind, header_row, matched, submission, sheet.request_id, lost_notes, sheet.is_transposed),
    )


def _choose_columns(
    table: TableLayout, options: TableOptions, sheet_name: str, known: Headers, form: Questionnaire
) -> tuple[dict[str, str], dict[str, str]]:
    """Return the columns that are chosen or remembered, question -> header, and those of them that are only remembered."""
    remembered = options.remembered_for_sheet(sheet_name)
    chosen = {question: header for question, header in (options.columns or {}).items() if question not in remembered}
    chosen |= list_unchosen(_list_chosen_columns(table, known, form), chosen)
    remembered = list_unchosen(remembered, chosen)
    return remembered | chosen, remembered


def _leave_to_other_kinds(columns: Mapping[str, str], forms: Mapping[str, Questionnaire], kind: str) -> dict[str, str]:
    """Return the chosen columns without those that only another kind of table asks for: they are meant for that one."""
    others = {question for form in forms.values() for question in form.by_id} - forms[kind].by_id.keys()
    return {question: header for question, header in columns.items() if question not in others}


def _remove_personal_data(
    laid_out: LaidOutTable, headers: Sequence[str], form: Questionnaire, columns: Mapping[str, str]
) -> tuple[Sheet, tuple[Issue, ...], tuple[RedactedCells, ...]]:
    """Return the sheet of a table without personal data, the issues of the columns that were dropped, and the cells changed."""
    sheet = laid_out.sheet
    dropped: tuple[Issue, ...] = ()
    redacted: tuple[RedactedCells, ...] = ()
    if form.kind != COHORTS:  # a column of personal data rejects a sheet of cohorts
        questions = _find_questions_by_header(headers, form, columns)
        sheet, dropped = drop_personal_columns(sheet, laid_out.header_row, questions)
    if form.kind in (CASE_KIND, COHORTS):
        spares_findings = form.kind == CASE_KIND
        sheet, redacted = redact_pii(sheet, laid_out.header_row, form, columns, spares_findings=spares_findings)
    return sheet, dropped, redacted


def _match_columns(
    sheet: Sheet, header_row: int, form: Questionnaire, columns: Mapping[str, str], doubted: Mapping[str, int | None]
) -> ColumnMatch:
    """Match the columns of a table with the questions of its form. Raises UnusableSheet."""
    try:
        return match_columns(sheet, header_row, form, columns, doubted)
    except UnusableSheet as unusable:
        if form.kind != CASE_KIND:
            raise
        # The supposed header may be a row of any data, so it is not repeated.
        raise UnusableSheet(replace(unusable.issue, seen="", cure=build_issue(unusable.issue.code).cure)) from None


def _refuse_lists_of_others(
    sheet: Sheet,
    header_row: int,
    headers: Sequence[str],
    matched: ColumnMatch,
    form: Questionnaire,
    dropped: Sequence[Issue],
) -> None:
    """Raise UnusableSheet for a table whose names are those of people, or the options of a question."""
    name_index = matched.columns.get("name")
    if name_index is None:
        return
    header, column, first = headers[name_index], sheet.columns[name_index], header_row - sheet.first_row
    people = find_people_beside_names(header, sample_texts(column, first), dropped)
    if people:
        raise UnusableSheet(build_issue("sheet.of_people", file=sheet.file, sheet=sheet.name, seen=people))
    if form.kind in SAMPLED_KINDS and lists_options(column, first, form):
        raise UnusableSheet(build_issue("sheet.of_options", file=sheet.file, sheet=sheet.name, seen=header))


def _report_country_of_name(sheet: Sheet, country: str) -> Issue:
    """Return the issue of a sheet that is in the country of its name."""
    name = load_countries().names.get(country, country)
    return build_issue("sheet.country_of_name", file=sheet.file, sheet=sheet.name, seen=sheet.name, expected=name)


def _list_chosen_columns(table: TableLayout, known: Headers, form: Questionnaire) -> dict[str, str]:
    """Return the columns that a layout gives: question -> header, "" for a question whose column is not to be read."""
    headers = name_headers(table)
    given = {item.question: headers[item.column] for item in table.headers if item.question in form.by_id}
    unread = {
        question: ""
        for item in table.headers
        if item.question is not None
        for question in known.find(headers.get(item.column, ""))
        if question in form.by_id
    }
    return unread | {str(question): header for question, header in given.items()}


def _skip_kind_column(headers: Sequence[str], table: TableLayout, form: Questionnaire) -> dict[str, str]:
    """Return the question that the header of a column of kinds names ("Category") as one without a column, unless others do."""
    readings = read_headers(headers, form)
    own = readings[table.kind_column] if table.kind_column is not None else None
    others = {question for reading in readings if reading and reading is not own for question in reading.questions}
    return {} if own is None else {question: "" for question in own.questions if question not in others}


def _find_shared_columns(headers: Sequence[str], forms: Mapping[str, Questionnaire], kind: str) -> dict[str, str]:
    """Return by question the headers under which sites and agencies of one table say what they are, where only the form of the
    other kind knows the header: "Supplier" is the name of an agency too.
    """
    own, *others = forms[kind], *(form for other, form in forms.items() if other not in (kind, CASE_KIND))
    known = _find_questions_by_header(headers, own, {})
    asked = {question.id for question in known.values()}
    found: dict[str, str] = {}
    for header in headers:
        for question in (_find_questions_by_header([header], form, {}).get(fold_text(header)) for form in others):
            if question and question.id in IDENTIFYING_QUESTIONS and question.id in own.by_id.keys() - asked:
                found.setdefault(question.id, header)
    return found


def _find_questions_by_header(
    headers: Sequence[str], form: Questionnaire, columns: Mapping[str, str]
) -> dict[str, Question]:
    """Return by folded header the question that its column answers, as far as the header or the chosen columns say."""
    readings = [
        (header, reading) for header, reading in zip(headers, read_headers(headers, form), strict=True) if header
    ]
    chosen = ((question, header) for question, header in columns.items() if header and question in form.by_id)
    # "Filled in by (name)" and the "Owner" of a factory are persons, if they look like that.
    has_vessels = any(reading and not VESSEL_QUESTIONS.isdisjoint(reading.questions) for _, reading in readings)
    known = (
        (header, reading.questions[0])
        for header, reading in readings
        if reading
        and (has_vessels or not ((reading.doubtful or reading.questions == ("owner",)) and names_a_role(header)))
    )
    return {fold_text(header): form.by_id[question] for header, question in known} | {
        fold_text(header): form.by_id[question] for question, header in chosen
    }


def _is_country_list(submission: Submission) -> bool:
    """Return whether a sheet of three or more rows contains only names, nine in ten of them names of countries: a list for
    reference, not a table of suppliers.
    """
    if submission.accepted < 3 or "name" not in submission.answers or {"reference", "country"} & {*submission.answers}:
        return False
    names = submission.answers["name"]
    are_countries = [fold_text(str(name)) in load_countries().by_word for name in names.values]
    return bool(names.answered.all()) and sum(are_countries) >= 0.9 * len(are_countries)
