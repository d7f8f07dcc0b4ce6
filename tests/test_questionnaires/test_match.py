"""Finding the header row, the kind of a sheet, and the column of each question."""

import pytest

from questionnaires.issues import UnusableSheet
from questionnaires.validation.match import detect_kind, find_header_row, get_row_cells, match_columns, parse_column_map
from tests.test_questionnaires.tables import AGENCY, SITE, build_table

FORMS = {"site": SITE, "agency": AGENCY}

HEADERS = {
    "at once": (1, "| Supplier | Country |\n| Alpha | TH |"),
    "under a title": (2, "| Data export: no filters | |\n| Supplier | Country |\n| Alpha | TH |"),
    "under a block of keys and values": (
        4,
        """| Reporting entity | Gamma GmbH | Snapshot | 2026-02-22 |
           | Scope | partner | | |
           | | | | |
           | Supplier | Supplier ID | jurisdiction | note |
           | Alpha | 7 | TH | x |""",
    ),
    "under a legend, after an empty column": (
        5,
        """| | Sources of lists | | |
           | | Legend | | |
           | | H1 | first half | |
           | | H2 | second half | |
           | | Supplier | As of | Comments |
           | | Alpha | 2017 | |
           | | Beta | 2018H1 | seen |""",
    ),
    "under a row of groups": (2, "| | Recruited | | |\n| Supplier | Men | Women | Total |\n| Alpha | 1 | 2 | 3 |"),
    "under a group that is itself a header": (
        2,
        "| Agency | | | |\n| Agency name | Men | Women | Total |\n| Alpha | 1 | 2 | 3 |",
    ),
    "in another script": (1, "| 管轄 | 企業名 | 所在地 |\n| 北 | アルファ | 札幌 |"),
    "although data below holds a word of a header": (
        1,
        "| Colour | Shape | Weight |\n| red | round | 4 |\n| Country | 3 | 4 |\n| blue | flat | 5 |",
    ),
}


@pytest.mark.parametrize("layout", HEADERS)
def test_the_header_row_is_found(layout):
    row, markdown = HEADERS[layout]
    assert find_header_row(build_table(markdown), FORMS.values()) == row


def test_a_column_map_identifies_the_header_row_where_no_header_is_known():
    sheet = build_table("| Supplier list of 2026 | |\n| Firma | Ort |\n| Alpha | Ulm |")
    assert find_header_row(sheet, [SITE], {"name": "Firma"}) == 2


@pytest.mark.parametrize(
    ("markdown", "code"),
    [
        ("| Supplier | Country |", "file.no_rows"),
        ("| | |\n| | |", "file.no_rows"),
        ("| 1 | 2 |\n| 3 | 4 |", "schema.unmapped"),
        ("| a line of something else |", "schema.unmapped"),
    ],
)
def test_a_sheet_without_rows_under_a_header_is_unusable(markdown, code):
    with pytest.raises(UnusableSheet) as caught:
        find_header_row(build_table(markdown), [SITE])
    assert caught.value.issue.code == code


@pytest.mark.parametrize(
    ("headers", "sheet", "kind"),
    [
        (["Supplier", "Country"], "Suppliers", "site"),
        (["Supplier", "Country", "Agencies", "Workers"], "Sheet1", "site"),
        (["Agency name", "Country"], "Sheet1", "agency"),
        (["Recruiter", "Licensed since", "Placement type"], "Sheet1", "agency"),
        (["name", "country"], "Sheet1", "site"),
        (["name", "country"], "Manning agents", "agency"),
        (["name", "Licensed since"], "Sheet1", "agency"),
        (["Supplier", "Country"], "Suppliers and agencies", "site"),
        (["Colour"], "Sheet1", "site"),
    ],
)
def test_the_kind_of_a_sheet_is_detected_by_its_headers_and_its_name(headers, sheet, kind):
    assert detect_kind(headers, sheet, FORMS) == kind


@pytest.mark.parametrize(
    "header",
    ["COUNTRY", "country / region", "Country/Region", " Cöuntry ", "country\u00a0/\u00a0region", "Jurisdiction"],
)
def test_a_header_is_recognised_whatever_its_case_blanks_and_punctuation(header):
    matched = match_columns(build_table(f"| Supplier | {header} |\n| A | TH |"), 1, SITE)
    assert matched.columns == {"name": 0, "country": 1}


def test_a_share_of_workers_is_not_taken_for_a_number_of_workers():
    matched = match_columns(build_table("| Supplier | % Migrant Workers | Migrant Workers |\n| A | 3 | 4 |"), 1, SITE)
    assert (matched.columns["migrant_pct"], matched.columns["workers_migrant"]) == (1, 2)


def test_a_column_of_occupation_codes_is_an_occupation():
    matched = match_columns(build_table("| Supplier | NOC |\n| A | 6322-Cooks |"), 1, SITE)
    assert matched.columns == {"name": 0, "occupation": 1}


def test_an_unknown_header_is_listed_as_unmapped():
    matched = match_columns(build_table("| Supplier | Colour | | Country |\n| A | red | x | TH |"), 1, SITE)
    assert matched.unmapped == ("Colour",)


def test_a_header_with_a_similar_spelling_is_proposed_and_not_accepted():
    matched = match_columns(build_table("| Supplier | Cauntry name |\n| A | TH |"), 1, SITE)
    assert matched.columns == {"name": 0}
    assert [(issue.code, issue.cell, issue.seen, issue.expected) for issue in matched.issues] == [
        ("schema.near_miss", "B1", "Cauntry name", "Country")
    ]


def test_two_columns_for_one_question_are_a_tie_and_neither_is_read():
    matched = match_columns(build_table("| Supplier | Jurisdiction | Country / Region |\n| A | TH | VN |"), 1, SITE)
    assert matched.columns == {"name": 0}
    assert matched.tied == {"country"}
    assert matched.unmapped == ("Jurisdiction", "Country / Region")
    (issue,) = matched.issues
    assert (issue.code, issue.cells, issue.expected) == ("schema.duplicate_column", ("B1", "C1"), "Country")
    assert "'Jurisdiction' (B1) and 'Country / Region' (C1)" in issue.describe()


def test_a_question_with_a_tie_is_not_proposed_for_a_third_column():
    matched = match_columns(
        build_table("| Supplier | Jurisdiction | Country / Region | Cauntry name |\n| A | TH | VN | TH |"), 1, SITE
    )
    assert [issue.code for issue in matched.issues] == ["schema.duplicate_column"]


@pytest.mark.parametrize(
    ("better", "worse"), [("name", "Site name"), ("Site name", "Supplier"), ("name", "Factory name")]
)
def test_an_id_goes_before_a_title_and_a_title_before_a_synonym(better, worse):
    matched = match_columns(build_table(f"| {worse} | {better} |\n| A | B |"), 1, SITE)
    assert (matched.columns["name"], matched.unmapped) == (1, (worse,))


@pytest.mark.parametrize("header", ["Country", "Sector", "Reference", "Local name"])
def test_a_repeated_header_for_identity_country_or_sector_is_unusable(header):
    with pytest.raises(UnusableSheet) as caught:
        match_columns(build_table(f"| Supplier | {header} | {header.upper()} |\n| A | TH | VN |"), 1, SITE)
    issue = caught.value.issue
    assert (issue.code, issue.severity, issue.cells) == ("schema.duplicate_column", "error", ("B1", "C1"))


def test_any_other_repeated_header_leaves_its_question_unread():
    matched = match_columns(build_table("| Supplier | Country | Workers | Workers |\n| A | TH | 5 | 50 |"), 1, SITE)
    assert (set(matched.columns), matched.tied) == ({"name", "country"}, {"workers_total"})


def test_a_tie_over_the_name_is_unusable_without_a_reference():
    with pytest.raises(UnusableSheet) as caught:
        match_columns(build_table("| Supplier | 企業名 | Country |\n| A | B | TH |"), 1, SITE)
    assert caught.value.issue.code == "schema.duplicate_column"


def test_a_tie_over_the_name_is_asked_about_where_a_reference_tells_the_rows_apart():
    matched = match_columns(build_table("| Supplier | 企業名 | Reference |\n| A | B | 7 |"), 1, SITE)
    assert (dict(matched.columns), matched.tied) == ({"reference": 2}, {"name"})
    assert [reading.confidence for reading in matched.readings] == ["ask", "ask", "sure"]


def test_a_factory_goes_before_its_vendor_as_the_name_of_a_site():
    matched = match_columns(build_table("| Supplier | Factory name | Reference |\n| A | B | 7 |"), 1, SITE)
    assert (matched.columns["name"], matched.unmapped) == (1, ("Supplier",))


@pytest.mark.parametrize("header", ["Reference", "Local name"])
def test_a_reference_or_a_local_name_identifies_a_row(header):
    assert match_columns(build_table(f"| {header} | Country |\n| A | TH |"), 1, SITE).columns


def test_a_sheet_without_a_name_proposes_the_header_that_may_be_meant():
    with pytest.raises(UnusableSheet, match=r"'Sapplier' \(A1\) is close to 'Site name'"):
        match_columns(build_table("| Sapplier | Country |\n| A | TH |"), 1, SITE)


def test_a_column_map_takes_precedence_over_the_words_of_the_headers():
    sheet = build_table("| Supplier | Firma | Country |\n| A | B | TH |")
    matched = match_columns(sheet, 1, SITE, {"name": "firma"})
    assert matched.columns == {"name": 1, "country": 2}
    assert matched.unmapped == ("Supplier",)


def test_a_question_mapped_to_no_header_is_read_from_no_column():
    sheet = build_table("| Supplier | Country |\n| Alpha | TH |")
    matched = match_columns(sheet, 1, SITE, {"country": ""})
    assert (dict(matched.columns), matched.unmapped) == ({"name": 0}, ("Country",))
    with pytest.raises(UnusableSheet):
        match_columns(sheet, 1, SITE, {"no_such_question": ""})


def test_a_column_map_can_be_toml_or_json():
    assert parse_column_map(b'name = "Firma"\n', "map.toml") == {"name": "Firma"}
    assert parse_column_map(b'\xef\xbb\xbf{"name": "Firma"}', "MAP.JSON") == {"name": "Firma"}


def test_the_cells_of_a_row_are_its_texts_and_blanks():
    assert get_row_cells(build_table("| a | | c |\n| | | d |"), 2) == ["", "", "d"]
