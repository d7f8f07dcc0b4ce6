"""The layout of sheets: what each row is, which headers its columns have, and that nothing is lost on the way."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from questionnaires.find_tables import find_tables
from questionnaires.layout.document import BadLayout, Layout
from questionnaires.tables import TableOptions
from tests.test_questionnaires.grids import (
    TODAY,
    GridCase,
    list_answers,
    list_classes,
    load_grids,
    parse_grid,
    read_grid,
)
from tests.test_questionnaires.tables import build_sheet

GRIDS = load_grids()


@pytest.mark.parametrize("case", GRIDS, ids=lambda case: case.name)
def test_a_sheet_is_laid_out_as_its_grid_says(case: GridCase):
    found = read_grid(case)
    assert list_classes(case, found) == case.classes
    for key, value in case.expected.items():
        values = [text.strip() for text in value.split(",")]
        codes = {issue.code: issue for table in found.tables for issue in table.submission.issues}
        if key == "issues":
            assert set(values) <= codes.keys()
        elif key == "kinds":
            assert [table.kind for table in found.tables] == values
        elif key == "headers":
            assert [header for header in found.tables[0].matched.headers if header] == values
        elif key == "cells":
            assert list(codes[values[0]].cells) == values[1:]
        else:
            assert (key, list_answers(found, key)) == (key, values)


@pytest.mark.parametrize("case", GRIDS, ids=lambda case: case.name)
def test_every_row_of_a_grid_is_a_header_or_is_counted_once(case: GridCase):
    found = read_grid(case)
    if any(table.is_across for table in found.tables):
        return
    counted = [
        (table.submission.accepted + table.submission.rejected, sum(group.count for group in table.submission.left_out))
        for table in found.tables
    ]
    headers = {
        row
        for sheet in found.layout.sheets
        for table in sheet.tables
        for row in range(table.header_rows[0], table.header_rows[1] + 1)
    }
    filled = [row for row, cells in enumerate(case.rows, 1) if any(cells) and row not in headers]
    spans = {table.columns for sheet in found.layout.sheets for table in sheet.tables}
    if len(spans) == 1:  # tables side by side share their rows
        assert sum(map(sum, counted)) == len(filled)


def forget_confidence(layout: Layout) -> object:
    """Return a layout without how sure its columns are: what was handed back is decided."""
    document = layout.to_json()
    for header in (header for sheet in document["sheets"] for table in sheet["tables"] for header in table["headers"]):
        header.update(confidence="", proposed="")
    return document


@pytest.mark.parametrize("case", GRIDS, ids=lambda case: case.name)
def test_a_layout_that_is_handed_back_unchanged_changes_nothing(case: GridCase):
    found = read_grid(case)
    layout = json.loads(json.dumps(found.layout.to_json()))
    again = read_grid(case, layout=layout)
    assert forget_confidence(again.layout) == forget_confidence(found.layout)
    assert list_classes(case, again) == list_classes(case, found)
    assert [table.matched.columns for table in again.tables] == [table.matched.columns for table in found.tables]


PLAIN = parse_grid("""
A plain list
| header | Supplier | Country | Total workers |
| + | Alder Nets | Thailand | 5 |
| subtotal | Subtotal Thailand | | 5 |
| ?heading_or_supplier | Tier 2 suppliers | | |
| + | Birch Foods | | 50 |
""")


def get_issue_codes(found) -> list[str]:
    return [issue.code for table in found.tables for issue in table.submission.issues]


def test_every_issue_of_a_layout_occurs_in_a_grid():
    codes = {code for case in GRIDS for code in get_issue_codes(read_grid(case))}
    assert codes >= {"row.line", "row.statement", "row.column_numbers", "row.struck_out", "row.asked_example"}
    assert codes >= {f"row.asked_{what}_or_supplier" for what in ("sum", "note", "heading", "number")}


def test_a_row_that_was_left_out_or_asked_is_read_if_the_sender_says_so():
    found = read_grid(PLAIN, rows=[("Suppliers", 3, True), ("", 4, True)])
    assert list_classes(PLAIN, found) == ["header", "+", "+", "+", "+"]


def test_a_row_is_left_out_if_the_sender_says_so():
    found = read_grid(PLAIN, rows=[("Suppliers", 2, False)])
    assert list_classes(PLAIN, found) == ["header", "chosen", "subtotal", "?heading_or_supplier", "+"]
    assert "row.chosen" in get_issue_codes(found)


def test_rows_that_are_moved_in_the_layout_are_read_or_left_out():
    layout = read_grid(PLAIN).layout.to_json()
    (table,) = layout["sheets"][0]["tables"]
    table["left_out"], table["asked"] = [{"reason": "chosen", "rows": [[5, 5]]}], []
    assert list_classes(PLAIN, read_grid(PLAIN, layout=layout)) == ["header", "+", "+", "+", "chosen"]


MIXED = parse_grid("""
Sites and agencies
| header | Supplier | Country | Type |
| + | Alder Nets | Thailand | Factory |
| + | Kite Placement | Nepal | Agency |
| ?kind | Elm Trading | India | Agent |
| + | Linden Manpower | Nepal | Agency |
""")


def count_rows(found) -> int:
    return sum(
        table.submission.accepted + table.submission.rejected + sum(group.count for group in table.submission.left_out)
        for table in found.tables
    )


def test_an_agency_among_sites_is_left_out_or_read_once_if_the_sender_says_so():
    found = read_grid(MIXED, rows=[("", 3, False), ("", 4, True)])
    assert list_classes(MIXED, found) == ["header", "+", "chosen", "+", "+"]
    assert list_answers(found, "name") == ["Alder Nets", "Elm Trading", "Linden Manpower"]
    assert count_rows(found) == 4


def test_sites_and_agencies_in_one_table_stay_one_if_the_sender_chose_their_kind():
    found = read_grid(MIXED, kind="site")
    assert [table.kind for table in found.tables] == ["site"]
    assert "sheet.mixed_kinds" in get_issue_codes(found)


def test_sites_and_agencies_of_one_table_are_both_of_the_kind_that_a_layout_gives_the_sheet():
    layout = read_grid(MIXED).layout.to_json()
    layout["sheets"][0]["kind"] = "site"
    found = read_grid(MIXED, layout=layout)
    assert {table.kind for table in found.tables} == {"site"}
    assert count_rows(found) == 4


def test_blank_cells_are_filled_down_where_the_layout_says_so():
    layout = read_grid(PLAIN).layout.to_json()
    layout["sheets"][0]["tables"][0]["fill_down"] = [1]
    found = read_grid(PLAIN, layout=layout)
    assert list_answers(found, "country") == ["TH", "TH"]
    assert "cell.filled_down" in get_issue_codes(found)


def test_a_column_answers_the_question_that_the_layout_gives_it():
    layout = read_grid(PLAIN).layout.to_json()
    headers = layout["sheets"][0]["tables"][0]["headers"]
    headers[2]["question"] = ""
    found = read_grid(PLAIN, layout=layout)
    assert "workers_total" not in found.tables[0].matched.columns
    headers[2]["question"] = "workers_migrant"
    assert read_grid(PLAIN, layout=layout).tables[0].matched.columns["workers_migrant"] == 2


def test_the_header_row_is_the_one_that_the_layout_gives():
    sheet = build_sheet([["Firm", "Place"], ["Supplier", "Country"], ["Alder Nets", "Thailand"]])
    table = {"header_rows": [1, 1], "rows": [1, 3], "columns": [0, 1]}
    table["headers"] = [{"column": 0, "header": "Firm", "question": "name"}, {"column": 1, "header": "Place"}]
    layout = {"sheets": [{"name": "Suppliers", "tables": [table]}]}
    found = find_tables([sheet], "list.xlsx", TableOptions(TODAY, layout=layout))
    assert list_answers(found, "name") == ["Supplier", "Alder Nets"]


def test_a_sheet_that_the_layout_does_not_read_is_not_read():
    sheets = [build_sheet([["Supplier"], [name]], name) for name in ("One", "Two")]
    layout = {"sheets": [{"name": "One", "read": False}]}
    found = find_tables(sheets, "list.xlsx", TableOptions(TODAY, layout=layout))
    assert [table.sheet for table in found.tables] == ["Two"]


@pytest.mark.parametrize(
    "options",
    [
        ["Yes", "No", "Not applicable"],
        ["Ja", "Nein"],
        ["Trawler", "Longliner", "Other"],
        ["Yes", "No", "Unknown", "N/A"],
    ],
)
def test_a_sheet_of_answer_options_is_not_read_and_the_reason_is_stated(options):
    sheets = [
        build_sheet([["Supplier"], ["Alder Nets"]]),
        build_sheet([["Factory"], *([text] for text in options)], "Lists"),
    ]
    found = find_tables(sheets, "list.xlsx", TableOptions(TODAY))
    assert [table.sheet for table in found.tables] == ["Suppliers"]
    reasons = [issue.seen for issue in found.issues if issue.code == "sheet.no_table"]
    assert ["answer options" in reason for reason in reasons] == [True]
    assert not reasons[0].startswith("Lists")  # the issue names the sheet already


def test_suppliers_with_odd_names_are_not_answer_options():
    names = ["Yes", "Trawler", "Alder Nets"]
    found = find_tables([build_sheet([["Supplier"], *([name] for name in names)])], "list.xlsx", TableOptions(TODAY))
    assert list_answers(found, "name") == names


@pytest.mark.parametrize("key", ["country", "sector", "kind"])
def test_what_a_layout_says_of_a_sheet_holds_for_its_rows(key):
    sheet = build_sheet([["Company", "City"], ["Alder Nets", "Trat"]])
    value = {"country": "TH", "sector": "031", "kind": "agency"}[key]
    layout = {"sheets": [{"name": "Suppliers", key: value}]}
    found = find_tables([sheet], "list.xlsx", TableOptions(TODAY, layout=layout))
    assert value in (found.tables[0].kind if key == "kind" else list_answers(found, key)[0])


@pytest.mark.parametrize(
    "content",
    [
        [],
        {"version": 2},
        {"sheets": {}},
        {"sheets": [{"name": 3}]},
        {"sheets": [{"name": "S", "tables": [{"header_rows": [2, 1], "rows": [1, 2], "columns": [0, 1]}]}]},
        {"sheets": [{"name": "S", "tables": [{"header_rows": [1, 1], "rows": [1, 2], "columns": ["A", "B"]}]}]},
    ],
)
def test_what_is_no_layout_is_refused(content):
    with pytest.raises(BadLayout):
        Layout.from_json(content)


def test_a_layout_shows_no_values_of_a_column_of_persons():
    rows = [["Supplier", "Country", "Colour"], *([f"Alder {n}", "TH", f"somchai{n}@example.org"] for n in range(4))]
    found = find_tables([build_sheet(rows)], "list.xlsx", TableOptions(TODAY))
    samples = {item.header: item.samples for item in found.layout.sheets[0].tables[0].headers}
    assert samples["Supplier"] == ("Alder 0", "Alder 1", "Alder 2")
    assert "somchai" not in str(found.layout)


texts = st.sampled_from(
    ["Alder Nets", "Birch Foods", "Thailand", "Total", "Note: x", "5", "Page 1", "", "", '"', "none"]
)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.lists(texts, min_size=4, max_size=4), min_size=1, max_size=8))
def test_every_row_that_is_not_blank_is_accepted_rejected_or_left_out(rows):
    sheet = build_sheet([["Supplier", "Country", "Total workers", "City"], ["Cedar Shoes", "TH", "5", "Trat"], *rows])
    (table,) = find_tables([sheet], "list.xlsx", TableOptions(TODAY)).tables
    left_out = sum(group.count for group in table.submission.left_out)
    filled = sum(any(row) for row in rows) + 1
    assert table.submission.accepted + table.submission.rejected + left_out == filled


@settings(max_examples=40, deadline=None)
@given(st.sampled_from(GRIDS), st.data())
def test_blank_rows_within_a_list_change_nothing(case, data):
    if case.above or "" in case.classes or case.classes.count("header") != 1:
        return
    first = case.classes.index("header") + 1
    at = data.draw(st.integers(first, len(case.rows)))
    if at < len(case.rows) and case.classes[at] == "column_numbers":
        return
    blank = GridCase(case.name, [*case.classes[:at], "", *case.classes[at:]], [*case.rows[:at], [], *case.rows[at:]])
    assert list_classes(blank, read_grid(blank)) == blank.classes


@settings(max_examples=40, deadline=None)
@given(st.sampled_from(GRIDS), st.integers(0, 4))
def test_blank_columns_change_nothing(case, at):
    if case.above or case.classes.count("header") != 1:
        return
    moved = GridCase(case.name, case.classes, [[*row[:at], "", *row[at:]] for row in case.rows])
    assert list_classes(moved, read_grid(moved)) == case.classes
