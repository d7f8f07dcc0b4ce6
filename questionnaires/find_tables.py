"""Find the tables among the sheets of a file and read them: their layout, their kind, and the valid answers of their rows.

Runs in the sandboxed process only (:mod:`questionnaires.sandbox`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from questionnaires.describe_tables import describe_proposals, describe_table
from questionnaires.encoding import list_names
from questionnaires.form import list_form_ids, load_combined_form, load_form
from questionnaires.issues import Issue, UnusableSheet, build_issue
from questionnaires.layout.apply import add_header_row, carry_back, lay_out_table
from questionnaires.layout.document import (
    Layout,
    SheetLayout,
    TableLayout,
)
from questionnaires.layout.find import change_tables, find_country_of_name
from questionnaires.layout.find import find_tables as find_layout_tables
from questionnaires.read_table import (
    FoundTable,
    TablePlace,
    find_known_headers,
    list_unchosen,
    read_table,
)
from questionnaires.sheet import Sheet, encode_sheets
from questionnaires.tables import TABLE_KINDS, FileTables, TableOptions
from questionnaires.text_normalize import fold_text
from questionnaires.validation.match import (
    HEADER_SEARCH_ROWS,
    find_header_row,
    get_row_cells,
)
from questionnaires.validation.personal_columns import drop_personal_columns
from questionnaires.validation.personal_names import redact_sheet_names
from questionnaires.workbook import load_template_texts

MAX_COVER_ROWS = 5  # of a title page


def refuse_unclear_encoding(sheets: Sequence[Sheet], layout: Mapping[str, Any] | None) -> None:
    """Raise UnusableSheet for a text file that is likely in several encodings, if its layout chooses none of them."""
    chosen = Layout.from_json(layout or {}).chosen_encoding
    for sheet in sheets:
        if sheet.encodings and chosen not in sheet.encodings:
            names = list_names(sheet.encodings)
            raise UnusableSheet(build_issue("csv.encoding_unclear", file=sheet.file, sheet=sheet.name, seen=names))


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
    places: list[TablePlace] = []
    headers = [_find_header_texts(sheet) if options.columns and len(chosen) > 1 else None for sheet in chosen]
    all_texts = frozenset(text for texts in headers if texts is not None for text in texts)
    for sheet, texts in zip(chosen, headers, strict=True):
        shared_columns = {
            question: header
            for question, header in (options.columns or {}).items()
            if texts is None or not header or fold_text(header) in texts or fold_text(header) not in all_texts
        }
        chosen_columns = shared_columns | options.columns_for_sheet(sheet.name)
        remembered = list_unchosen(options.remembered_for_sheet(sheet.name), chosen_columns)
        sheet_options = replace(options, columns=remembered | chosen_columns, remembered=[(sheet.name, remembered)])
        try:
            places += _find_places(sheet, layout.find_sheet(sheet.name), sheet_options)
        except UnusableSheet as unusable:
            faults.append(unusable)
    found: list[FoundTable] = []
    for place in places:
        try:
            found.append(read_table(place, among_several=len(places) > 1))
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


def _may_be_cover(item: FoundTable) -> bool:
    """Return whether a table may be a title ("Our suppliers") with a few remarks below ("as of May"): beside other tables it is
    not read, since remarks would become suppliers.
    """
    read = [reading for reading in item.table.matched.readings if reading.question and reading.confidence != "ask"]
    is_title = len(read) == 1 and (read[0].question, read[0].confidence) == ("name", "likely")
    return is_title and len(item.laid_out.rows) <= MAX_COVER_ROWS


def _find_places(sheet: Sheet, layout: SheetLayout | None, options: TableOptions) -> list[TablePlace]:
    """Return the tables of a sheet, as its layout says or as they are found. Raises UnusableSheet."""
    given = layout or SheetLayout(sheet.name)
    if not given.read:
        return []
    known = find_known_headers(sheet, replace(options, kind=given.kind or options.kind))
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
    return [TablePlace(sheet, place, table, options) for table in tables]


def _collect_layout(file: str, sheets: Sequence[Sheet], found: Sequence[FoundTable]) -> Layout:
    """Return the layout of all sheets of a file as it was read, with the questions that the columns answer."""
    layouts = []
    for sheet in sheets:
        members = [item for item in found if item.place.sheet is sheet]
        tables = tuple(describe_table(item) for item in members)
        kinds = {item.table.kind for item in members}
        first = members[0].place.layout if members else SheetLayout(sheet.name)
        layouts.append(
            replace(
                first,
                read=bool(members),
                kind=kinds.pop() if len(kinds) == 1 else first.kind,
                tables=tables,
                encoding=sheet.encoding or None,
                encodings=sheet.encodings,
            )
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
        if sheet.encodings and given.chosen_encoding not in sheet.encodings:
            # Its headers may be spelled differently, so that its tables are found once it is chosen.
            layouts[-1] = SheetLayout(sheet.name, read=sheet.visible, encodings=sheet.encodings)
    return Layout(file, tuple(layouts))


def _describe_unmapped(sheet: Sheet, chosen: SheetLayout | None, options: TableOptions) -> SheetLayout:
    """Return the layout of a sheet whose columns are not understood: its headers, and values that are not of persons."""
    try:
        places = _find_places(sheet, replace(chosen, read=True) if chosen else None, options)
    except UnusableSheet:
        return SheetLayout(sheet.name, read=False, encoding=sheet.encoding or None, encodings=sheet.encodings)
    tables = []
    for place in places:
        laid_out = lay_out_table(sheet, place.table, find_known_headers(sheet, options), {})
        shown, _ = drop_personal_columns(laid_out.sheet, laid_out.header_row, {})
        headers = get_row_cells(shown, laid_out.header_row)
        tables.append(describe_proposals(place, laid_out, shown, headers))
    layout = places[0].layout if places else SheetLayout(sheet.name)
    return replace(
        layout,
        read=False,
        tables=tuple(tables),
        encoding=sheet.encoding or None,
        encodings=sheet.encodings,
    )


def _encode_redacted(sheets: Sequence[Sheet], found: Sequence[FoundTable], layout: Layout) -> bytes:
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
    forms = [load_combined_form(kind) for kind in TABLE_KINDS]
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
