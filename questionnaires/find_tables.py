"""Find the tables among the sheets of a file and read them: their layout, their kind, and the valid answers of their rows.

Runs in the sandboxed process only (:mod:`questionnaires.sandbox`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date
from itertools import islice
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from questionnaires.form import Questionnaire, list_form_ids, load_combined_form, load_form
from questionnaires.issues import Issue, UnusableSheet, build_issue
from questionnaires.layout.apply import LaidOutTable, add_header_row, carry_back, lay_out_table
from questionnaires.layout.document import (
    HeaderColumn,
    Layout,
    RowExcerpt,
    SheetLayout,
    TableLayout,
    list_rows,
    name_headers,
)
from questionnaires.layout.find import change_tables, find_country_of_name
from questionnaires.layout.find import find_tables as find_layout_tables
from questionnaires.layout.headers import Headers
from questionnaires.layout.option_lists import lists_options
from questionnaires.layout.report import list_layout_issues
from questionnaires.lookups import load_countries
from questionnaires.parse.answer import make_legible
from questionnaires.person_detection import (
    MASK,
    are_names_of_persons,
    detect_personal_data,
    is_certainly_name,
    names_a_role,
)
from questionnaires.question import Question
from questionnaires.sheet import Column, Sheet, encode_sheets
from questionnaires.tables import BUYER, COHORTS, KINDS, FileTables, Table, TableOptions
from questionnaires.text_normalize import fold_text
from questionnaires.validation.column_claims import VESSEL_QUESTIONS
from questionnaires.validation.column_match import IDENTIFYING_QUESTIONS, ColumnMatch, ColumnReading
from questionnaires.validation.column_values import sample_texts
from questionnaires.validation.headers import read_headers
from questionnaires.validation.match import (
    HEADER_SEARCH_ROWS,
    detect_kind,
    find_doubted,
    find_header_row,
    get_row_cells,
    match_columns,
    propose_columns,
)
from questionnaires.validation.personal_columns import drop_personal_columns, find_people_beside_names
from questionnaires.validation.personal_data import CASE_KIND, REMOVED_NOTE, RedactedCells, redact_pii
from questionnaires.validation.personal_names import redact_sheet_names
from questionnaires.validation.validate import SheetOptions, Submission, validate_sheet
from questionnaires.workbook import load_template_texts

SAMPLED_KINDS = ("site", "agency")  # kinds of which the texts of rows may be shown
SAMPLES, MAX_SAMPLE = 3, 60  # values of a column that a layout shows, and characters of each
MAX_COVER_ROWS = 5  # of a title page
MAX_SET_ASIDE, SHOWN_CELLS = 100, 4  # rows that are set aside and shown, and cells of each


def find_tables(sheets: Sequence[Sheet], file: str, options: TableOptions) -> FileTables:
    """Return the tables among the sheets of a file. Raises :class:`UnusableSheet` if there is none."""
    if not options.is_request:
        sheets = [replace(sheet, request_id=None) for sheet in sheets]
    sheets, renamed = (sheets, {}) if options.keeps_sheet_names else redact_sheet_names(sheets)
    options = options.with_renamed_sheets(renamed)
    sheet_name = options.sheet or _find_answer_sheet(sheets)
    layout = Layout.from_json(options.layout) if options.layout is not None else Layout(file)
    sheets = [_add_missing_headers(sheet, layout) for sheet in sheets]
    named = {sheet.name: sheet.read for sheet in layout.sheets}
    chosen = [
        sheet for sheet in sheets if (sheet.name == sheet_name if sheet_name else named.get(sheet.name, sheet.visible))
    ]
    issues: list[Issue] = []
    if options.sheet and not chosen:
        names = ", ".join(f"'{sheet.name}'" for sheet in sheets)
        raise UnusableSheet(
            build_issue("sheet.unknown", file=file, seen=options.sheet, expected=f"The file contains {names}.")
        )
    hidden = [] if sheet_name else [sheet for sheet in sheets if sheet not in chosen and not sheet.visible]
    issues.extend(build_issue("sheet.hidden", file=file, sheet=sheet.name, seen=sheet.name) for sheet in hidden)
    faults: list[UnusableSheet] = []
    places: list[_TablePlace] = []
    headers = [_find_header_texts(sheet) if options.columns and len(chosen) > 1 else None for sheet in chosen]
    all_texts = frozenset(text for texts in headers if texts is not None for text in texts)
    for sheet, texts in zip(chosen, headers, strict=True):
        shared_columns = {
            question: header
            for question, header in (options.columns or {}).items()
            if texts is None or not header or fold_text(header) in texts or fold_text(header) not in all_texts
        }
        chosen_columns = shared_columns | options.columns_for_sheet(sheet.name)
        remembered = _list_unchosen(options.remembered_for_sheet(sheet.name), chosen_columns)
        sheet_options = replace(options, columns=remembered | chosen_columns, remembered=[(sheet.name, remembered)])
        try:
            places += _find_places(sheet, layout.find_sheet(sheet.name), sheet_options)
        except UnusableSheet as unusable:
            faults.append(unusable)
    found: list[_FoundTable] = []
    for place in places:
        try:
            found.append(_find_table(place, among_several=len(places) > 1))
        except UnusableSheet as unusable:
            faults.append(unusable)
    covers = [item for item in found if item.table.sheet not in named and _may_be_cover(item)]
    if len(covers) < len(found):
        found = [item for item in found if item not in covers]
        faults += [UnusableSheet(build_issue("schema.no_name", file=file, sheet=item.table.sheet)) for item in covers]
    if not found:
        raise faults[0] if faults else UnusableSheet(build_issue("file.no_rows", file=file))
    # Notes and cover sheets are common: if one sheet is a table, the sheets that are not are skipped, and this is reported.
    for fault in (unusable.issue for unusable in faults):
        reason = replace(fault, sheet="").describe()
        issues.append(build_issue("sheet.no_table", file=file, sheet=fault.sheet, seen=reason))
    others = [sheet for sheet in sheets if all(sheet.name != item.table.sheet for item in found)]
    hidden_columns = [issue for sheet in others for issue in _find_personal_columns(sheet)]
    issues.extend(hidden_columns)
    lost_notes = bool(renamed) or bool(hidden_columns) or any(item.table.lost_notes for item in found)
    full_layout = _collect_layout(file, sheets, found)
    redacted = _encode_redacted(sheets, found, full_layout) if lost_notes else None
    return FileTables(tuple(item.table for item in found), tuple(issues), redacted, full_layout)


def _add_missing_headers(sheet: Sheet, layout: Layout) -> Sheet:
    described = layout.find_sheet(sheet.name)
    return sheet if described is None or described.has_headers else add_header_row(sheet)


def _list_unchosen(columns: Mapping[str, str], chosen: Mapping[str, str]) -> dict[str, str]:
    """Return what is remembered, or laid out, of questions and headers about which nothing else is chosen."""
    headers = {fold_text(header) for header in chosen.values() if header}
    return {
        question: header
        for question, header in columns.items()
        if question not in chosen and (not header or fold_text(header) not in headers)
    }


class _TablePlace(NamedTuple):
    """A table that was found in a sheet, and the options with which it is read."""

    sheet: Sheet
    layout: SheetLayout
    table: TableLayout
    options: TableOptions


class _FoundTable(NamedTuple):
    """A table that was read: its place, the table as it was laid out, and the sheet of it without personal data."""

    place: _TablePlace
    laid_out: LaidOutTable
    sheet: Sheet
    table: Table


def _may_be_cover(item: _FoundTable) -> bool:
    """Return whether a table may be a title ("Our suppliers") with a few remarks below ("as of May"): beside other tables it is
    not read, since remarks would become suppliers.
    """
    read = [reading for reading in item.table.matched.readings if reading.question and reading.confidence != "ask"]
    is_title = len(read) == 1 and (read[0].question, read[0].confidence) == ("name", "likely")
    return is_title and len(item.laid_out.rows) <= MAX_COVER_ROWS


def _find_places(sheet: Sheet, layout: SheetLayout | None, options: TableOptions) -> list[_TablePlace]:
    """Return the tables of a sheet, as its layout says or as they are found. Raises UnusableSheet."""
    given = layout or SheetLayout(sheet.name)
    if not given.read:
        return []
    known = _find_known_headers(sheet, replace(options, kind=given.kind or options.kind))
    tables: Sequence[TableLayout] = given.tables
    if not tables:
        try:
            tables = find_layout_tables(sheet, known)
        except UnusableSheet:
            if all(change.header_rows is None for change in given.changes):
                raise
    if given.changes:
        tables = change_tables(sheet, tables, given.changes, known)
    place = replace(
        given,
        country=given.country or options.country or find_country_of_name(sheet),
        sector=given.sector or options.sector,
        tables=tuple(tables),
        changes=(),
    )
    return [_TablePlace(sheet, place, table, options) for table in tables]


def _list_kinds(sheet: Sheet, kind: str | None) -> tuple[str, ...]:
    """List the kinds that a sheet may be of; one that is not guessed stands alone."""
    if kind == COHORTS:
        return (COHORTS,)
    form_id = (sheet.stamp or "").split(" ")[0]
    if BUYER in (kind, form_id):
        return (BUYER,)
    stamped = load_form(form_id).kind if form_id in list_form_ids() else ""
    return (stamped,) if stamped in SAMPLED_KINDS and kind in (None, stamped) else KINDS


def _find_known_headers(sheet: Sheet, options: TableOptions) -> Headers:
    """Return the headers that may occur in a sheet: those of the forms of its kind, and those that the sender mapped."""
    kinds = _list_kinds(sheet, options.kind)
    chosen = [options.kind] if options.kind in kinds else kinds
    return Headers([load_combined_form(str(kind)) for kind in chosen], options.columns)


def _collect_layout(file: str, sheets: Sequence[Sheet], found: Sequence[_FoundTable]) -> Layout:
    """Return the layout of all sheets of a file as it was read, with the questions that the columns answer."""
    layouts = []
    for sheet in sheets:
        members = [item for item in found if item.place.sheet is sheet]
        tables = tuple(_describe_table(item) for item in members)
        kinds = {item.table.kind for item in members}
        first = members[0].place.layout if members else SheetLayout(sheet.name)
        layouts.append(
            replace(first, read=bool(members), kind=kinds.pop() if len(kinds) == 1 else first.kind, tables=tables)
        )
    return Layout(file, tuple(layouts))


def find_layout(sheets: Sequence[Sheet], file: str, options: TableOptions) -> Layout:
    """Return the layout of all sheets of a file, also of those that are not read as they are: the questions of their columns must
    be chosen. Hidden sheets are among them.
    """
    layouts = []
    given = Layout.from_json(options.layout) if options.layout is not None else Layout(file)
    for sheet in (_add_missing_headers(each, given) for each in sheets):
        chosen = given.find_sheet(sheet.name)
        columns = {**(options.columns or {}), **options.columns_for_sheet(sheet.name)}
        try:
            found = find_tables([replace(sheet, visible=True)], file, replace(options, sheet=None, columns=columns))
            (layout,) = found.layout.sheets
            layouts.append(replace(layout, read=sheet.visible))
        except UnusableSheet:
            layouts.append(_describe_unmapped(sheet, chosen, replace(options, columns=None)))
    return Layout(file, tuple(layouts))


def _describe_unmapped(sheet: Sheet, chosen: SheetLayout | None, options: TableOptions) -> SheetLayout:
    """Return the layout of a sheet whose columns are not understood: its headers, and values that are not of persons."""
    try:
        places = _find_places(sheet, replace(chosen, read=True) if chosen else None, options)
    except UnusableSheet:
        return SheetLayout(sheet.name, read=False)
    tables = []
    for place in places:
        laid_out = lay_out_table(sheet, place.table, _find_known_headers(sheet, options), {})
        shown, _ = drop_personal_columns(laid_out.sheet, laid_out.header_row, {})
        headers = get_row_cells(shown, laid_out.header_row)
        tables.append(_describe_proposals(place, laid_out, shown, headers))
    layout = places[0].layout if places else SheetLayout(sheet.name)
    return replace(layout, read=False, tables=tuple(tables))


def _describe_proposals(
    place: _TablePlace, laid_out: LaidOutTable, sheet: Sheet, headers: Sequence[str]
) -> TableLayout:
    """Return the layout of a table that cannot be read yet, with the questions of those columns that are understood."""
    forms = {kind: load_combined_form(kind) for kind in _list_kinds(sheet, place.options.kind) if kind in SAMPLED_KINDS}
    if not forms:
        return _describe_headers(place.table, laid_out, sheet, headers, {}, shows=True)
    kind = place.options.kind if place.options.kind in forms else detect_kind(headers, sheet.name, forms)
    matched = propose_columns(sheet, laid_out.header_row, forms[kind])
    question_of = {index: question for question, index in matched.columns.items()}
    table = _describe_headers(place.table, laid_out, sheet, headers, question_of, shows=True)
    return _hide_samples_of_persons(_add_confidence(table, matched), forms[kind], question_of)


def _describe_table(item: _FoundTable) -> TableLayout:
    """Return the layout of a table with its headers, the questions they answer, and some values; none of case records."""
    question_of = {index: question for question, index in item.table.matched.columns.items()}
    form = load_combined_form(item.table.kind)
    shows = item.table.kind in SAMPLED_KINDS
    headers = item.table.matched.headers
    table = _describe_headers(item.place.table, item.laid_out, item.sheet, headers, question_of, shows=shows)
    return _hide_samples_of_persons(_add_confidence(table, item.table.matched), form, question_of)


def _hide_samples_of_persons(table: TableLayout, form: Questionnaire, question_of: Mapping[int, str]) -> TableLayout:
    """Return the layout of a table without values of columns that are about persons."""

    def is_personal(header: HeaderColumn) -> bool:
        question = question_of.get(header.column, header.proposed)
        if question and form.by_id[question].person:
            return True
        return (
            header.column not in question_of
            and bool(header.samples)
            and (names_a_role(header.header) or (not header.proposed and are_names_of_persons(header.samples)))
        )

    headers = (replace(header, samples=()) if is_personal(header) else header for header in table.headers)
    return replace(table, headers=tuple(headers))


def _add_confidence(table: TableLayout, matched: ColumnMatch) -> TableLayout:
    """Return the layout of a table with how sure each column is, and what those may answer that are asked about."""
    readings = {reading.column: reading for reading in matched.readings}
    unread = ColumnReading(-1, "")

    def describe(header: HeaderColumn) -> HeaderColumn:
        reading = readings.get(header.column, unread)
        proposed = reading.question if reading.confidence == "ask" else ""
        return replace(header, confidence=reading.confidence, proposed=proposed)

    return replace(table, headers=tuple(map(describe, table.headers)))


def _describe_headers(
    table: TableLayout,
    laid_out: LaidOutTable,
    sheet: Sheet,
    headers: Sequence[str],
    question_of: Mapping[int, str],
    *,
    shows: bool,
) -> TableLayout:
    """Return the layout of a table with its headers and the questions of their columns; ``shows``: whether with some values."""
    described = []
    for index, header in enumerate(headers):
        samples = _list_samples(sheet.columns[index], laid_out.rows) if shows else ()
        if index not in sheet.origins and (header or samples):
            question = question_of.get(index, "")
            shown = header if question or not is_certainly_name(header) else MASK
            described.append(HeaderColumn(index, shown, question, samples))
    return replace(
        table,
        headers=tuple(described),
        left_out=laid_out.left_out,
        asked=laid_out.asked,
        set_aside=_list_set_aside(sheet, laid_out) if shows else (),
    )


def _list_set_aside(sheet: Sheet, laid_out: LaidOutTable) -> tuple[RowExcerpt, ...]:
    """Return the beginning of the rows that are left out or asked about, without cells that look like personal data."""
    excerpts = []
    for row in islice(list_rows((*laid_out.left_out, *laid_out.asked)), MAX_SET_ASIDE):
        cells = [text for text in get_row_cells(sheet, row) if text][:SHOWN_CELLS]
        shown = (
            MASK if detect_personal_data(text, company_name=True) else make_legible(text)[:MAX_SAMPLE] for text in cells
        )
        excerpts.append(RowExcerpt(row, " · ".join(shown)))
    return tuple(excerpts)


def _list_samples(column: Column, rows: npt.NDArray[np.intp]) -> tuple[str, ...]:
    """Return the first values of a column in some rows, but none that looks like personal data."""
    texts = (
        column.values[code].strip()[:MAX_SAMPLE]
        for code in dict.fromkeys(column.codes[rows[:50]].tolist())
        if code >= 0
    )
    shown = (text for text in texts if text and detect_personal_data(text, company_name=True) is None)
    return tuple(islice(shown, SAMPLES))


def _encode_redacted(sheets: Sequence[Sheet], found: Sequence[_FoundTable], layout: Layout) -> bytes:
    """Return the sheets that are read, without what was removed from them, and the layout by which they are read again."""
    kept = []
    for sheet in sheets:
        members = [item for item in found if item.place.sheet is sheet]
        if members:
            pairs = [(item.laid_out.sheet, item.sheet) for item in members]
            kept.append(carry_back(sheet, pairs))
    stripped = [
        SheetLayout(sheet.name, tables=tuple(replace(table, headers=(), set_aside=()) for table in sheet.tables))
        for sheet in layout.sheets
        if sheet.read
    ]
    return encode_sheets(kept, Layout(layout.file, tuple(stripped)).to_json())


def _find_personal_columns(sheet: Sheet) -> tuple[Issue, ...]:
    """Return the issues of the columns of personal data in a sheet that is not read: it is not stored then."""
    forms = [load_combined_form(kind) for kind in KINDS]
    try:
        header_row = find_header_row(sheet, forms)
    except UnusableSheet:
        return ()
    questions = {header: form.by_id[question] for form in forms for header, (_, question) in form.headers.items()}
    return drop_personal_columns(sheet, header_row, questions)[1]


def _find_header_texts(sheet: Sheet) -> frozenset[str]:
    """Return the folded texts of the rows that are searched for headers."""
    last = min(sheet.first_row + sheet.n_rows, sheet.first_row + HEADER_SEARCH_ROWS)
    return frozenset(
        fold_text(text) for row in range(sheet.first_row, last) for text in get_row_cells(sheet, row) if text
    )


def _find_answer_sheet(sheets: Sequence[Sheet]) -> str | None:
    """Return the name of the sheet to read in a workbook made from our template (its other sheets explain and list); None
    elsewhere.
    """
    stamp = next((sheet.stamp for sheet in sheets if sheet.stamp), None)
    if stamp is None or stamp.split()[0] not in list_form_ids():
        return None
    name = str(load_template_texts()["entity"][load_form(stamp.split()[0]).kind]["sheet"])
    return name if any(sheet.name == name for sheet in sheets) else None


def _find_table(place: _TablePlace, *, among_several: bool) -> _FoundTable:
    """Read a table of a sheet; personal data is removed from it if its kind allows none. Raises UnusableSheet."""
    original, layout, table, options = place
    options = replace(options, kind=layout.kind or options.kind)
    known = _find_known_headers(original, options)
    kinds = _list_kinds(original, options.kind)
    forms = {kind: load_combined_form(kind) for kind in kinds}
    laid_out = lay_out_table(original, table, known, options.rows_of_sheet(original.name))
    sheet, header_row = laid_out.sheet, laid_out.header_row
    headers = get_row_cells(sheet, header_row)
    chosen = options.kind or table.kind
    kind = kinds[0] if len(kinds) == 1 else chosen or detect_kind(headers, sheet.name, forms)
    remembered = options.remembered_for_sheet(original.name)
    chosen_columns = {
        question: header for question, header in (options.columns or {}).items() if question not in remembered
    }
    chosen_columns |= _list_unchosen(_list_chosen_columns(table, known, forms[kind]), chosen_columns)
    remembered = _list_unchosen(remembered, chosen_columns)
    columns = remembered | chosen_columns
    if table.kind is not None:
        columns = _skip_kind_column(headers, table, forms[kind]) | _find_shared_columns(headers, forms, kind) | columns
    if (
        among_several and columns
    ):  # what only another kind of sheet asks, or only another table has, is meant for that one
        other_questions = {question for form in forms.values() for question in form.by_id} - forms[kind].by_id.keys()
        columns = {question: header for question, header in columns.items() if question not in other_questions}
    doubted = find_doubted(sheet, header_row, forms[kind], remembered)
    columns = {question: header for question, header in columns.items() if question not in doubted}
    questions = _find_questions_by_header(headers, forms[kind], columns)
    dropped: tuple[Issue, ...] = ()
    if kind != COHORTS:  # a column of personal data rejects a sheet of cohorts
        sheet, dropped = drop_personal_columns(sheet, header_row, questions)
    redacted: tuple[RedactedCells, ...] = ()
    if kind in (CASE_KIND, COHORTS):
        sheet, redacted = redact_pii(sheet, header_row, forms[kind], columns, spares_findings=kind == CASE_KIND)
    try:
        matched = match_columns(sheet, header_row, forms[kind], columns, doubted)
    except UnusableSheet as unusable:
        if kind != CASE_KIND:
            raise
        # The supposed header may be a row of any data, so it is not repeated.
        raise UnusableSheet(replace(unusable.issue, seen="", cure=build_issue(unusable.issue.code).cure)) from None
    name_index = matched.columns.get("name")
    people = ""
    if name_index is not None:
        names = sample_texts(sheet.columns[name_index], header_row - sheet.first_row)
        people = find_people_beside_names(headers[name_index], names, dropped)
    if people:
        raise UnusableSheet(build_issue("sheet.of_people", file=sheet.file, sheet=sheet.name, seen=people))
    if (
        name_index is not None
        and kind in SAMPLED_KINDS
        and lists_options(sheet.columns[name_index], header_row - sheet.first_row, forms[kind])
    ):
        raise UnusableSheet(
            build_issue("sheet.of_options", file=sheet.file, sheet=sheet.name, seen=headers[name_index])
        )
    as_of = date.fromisoformat(options.as_of)
    sheet_options = SheetOptions(
        options.date_order,
        layout.country,
        layout.sector,
        as_of,
        options.answered_by,
        options.names_all_cells,
        options.corrections_for_sheet(original.name),
    )
    submission = validate_sheet(sheet, header_row, matched, forms[kind], sheet_options, redacted, laid_out.rows)
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
    return _FoundTable(
        place,
        laid_out,
        sheet,
        Table(sheet.name, kind, header_row, matched, submission, sheet.request_id, lost_notes, sheet.is_transposed),
    )


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
