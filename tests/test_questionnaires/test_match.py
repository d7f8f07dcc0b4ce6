"""Which row is the header, which kind of sheet it is, which column answers what."""

import pytest

from questionnaires.issues import Unusable
from questionnaires.validation.match import cells_of, find_header, find_kind, match, read_map
from tests.test_questionnaires.tables import AGENCY, SITE, table

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
def test_the_header_is_found(layout):
    row, markdown = HEADERS[layout]
    assert find_header(table(markdown), FORMS.values()) == row


def test_a_column_map_tells_the_header_where_no_header_is_known():
    sheet = table("| Supplier list of 2026 | |\n| Firma | Ort |\n| Alpha | Ulm |")
    assert find_header(sheet, [SITE], {"name": "Firma"}) == 2


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
    with pytest.raises(Unusable) as caught:
        find_header(table(markdown), [SITE])
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
def test_the_kind_of_a_sheet_is_told_by_its_headers_and_its_name(headers, sheet, kind):
    assert find_kind(headers, sheet, FORMS) == kind


@pytest.mark.parametrize(
    "header",
    ["COUNTRY", "country / region", "Country/Region", " Cöuntry ", "country\u00a0/\u00a0region", "Jurisdiction"],
)
def test_a_header_is_known_whatever_its_case_blanks_and_marks(header):
    matched = match(table(f"| Supplier | {header} |\n| A | TH |"), 1, SITE)
    assert matched.columns == {"name": 0, "country": 1}


def test_a_share_is_not_a_number():
    matched = match(table("| Supplier | % Migrant Workers | Migrant Workers |\n| A | 3 | 4 |"), 1, SITE)
    assert (matched.columns["migrant_pct"], matched.columns["workers_migrant"]) == (1, 2)


def test_an_occupation_code_is_an_occupation():
    matched = match(table("| Supplier | NOC |\n| A | 6322-Cooks |"), 1, SITE)
    assert matched.columns == {"name": 0, "occupation": 1}


def test_a_header_we_do_not_know_is_listed():
    matched = match(table("| Supplier | Colour | | Country |\n| A | red | x | TH |"), 1, SITE)
    assert matched.unmapped == ("Colour",)


def test_a_header_spelt_almost_alike_is_proposed_and_not_taken():
    matched = match(table("| Supplier | Contry |\n| A | TH |"), 1, SITE)
    assert matched.columns == {"name": 0}
    assert [(i.code, i.cell, i.seen, i.expected) for i in matched.issues] == [
        ("schema.near_miss", "B1", "Contry", "Country")
    ]


def test_two_columns_for_one_question_are_a_tie_and_neither_is_read():
    matched = match(table("| Supplier | Jurisdiction | Country / Region |\n| A | TH | VN |"), 1, SITE)
    assert matched.columns == {"name": 0}
    assert matched.tied == {"country"}
    assert matched.unmapped == ("Jurisdiction", "Country / Region")
    (told,) = matched.issues
    assert (told.code, told.cells, told.expected) == ("schema.duplicate_column", ("B1", "C1"), "Country")
    assert "'Jurisdiction' (B1) and 'Country / Region' (C1)" in told.sentence()


def test_what_a_tie_left_open_is_not_proposed_to_a_third_column():
    matched = match(table("| Supplier | Jurisdiction | Country / Region | Contry |\n| A | TH | VN | TH |"), 1, SITE)
    assert [told.code for told in matched.issues] == ["schema.duplicate_column"]


@pytest.mark.parametrize(
    ("better", "worse"), [("name", "Site name"), ("Site name", "Supplier"), ("name", "Factory name")]
)
def test_an_id_goes_before_a_title_and_a_title_before_a_synonym(better, worse):
    matched = match(table(f"| {worse} | {better} |\n| A | B |"), 1, SITE)
    assert (matched.columns["name"], matched.unmapped) == (1, (worse,))


@pytest.mark.parametrize("header", ["Country", "Sector", "Reference", "Local name"])
def test_one_header_twice_for_what_a_row_is_or_where_is_unusable(header):
    with pytest.raises(Unusable) as caught:
        match(table(f"| Supplier | {header} | {header.upper()} |\n| A | TH | VN |"), 1, SITE)
    told = caught.value.issue
    assert (told.code, told.severity, told.cells) == ("schema.duplicate_column", "error", ("B1", "C1"))


def test_one_header_twice_elsewhere_leaves_its_question_unread():
    matched = match(table("| Supplier | Country | Workers | Workers |\n| A | TH | 5 | 50 |"), 1, SITE)
    assert (set(matched.columns), matched.tied) == ({"name", "country"}, {"workers_total"})


def test_a_tie_on_the_name_is_unusable():
    with pytest.raises(Unusable) as caught:
        match(table("| Supplier | Factory name | Reference |\n| A | B | 7 |"), 1, SITE)
    assert caught.value.issue.code == "schema.duplicate_column"


@pytest.mark.parametrize("header", ["Reference", "Local name"])
def test_a_reference_or_a_local_name_is_enough(header):
    assert match(table(f"| {header} | Country |\n| A | TH |"), 1, SITE).columns


def test_a_sheet_without_a_name_says_what_might_be_it():
    with pytest.raises(Unusable, match=r"'Suplier' \(A1\) is almost 'Site name'"):
        match(table("| Suplier | Country |\n| A | TH |"), 1, SITE)


def test_a_column_map_goes_before_the_words_of_the_headers():
    sheet = table("| Supplier | Firma | Country |\n| A | B | TH |")
    matched = match(sheet, 1, SITE, {"name": "firma"})
    assert matched.columns == {"name": 1, "country": 2}
    assert matched.unmapped == ("Supplier",)


def test_a_question_that_a_map_gives_no_header_is_read_from_no_column():
    sheet = table("| Supplier | Country |\n| Alpha | TH |")
    matched = match(sheet, 1, SITE, {"country": ""})
    assert (dict(matched.columns), matched.unmapped) == ({"name": 0}, ("Country",))
    with pytest.raises(Unusable):
        match(sheet, 1, SITE, {"no_such_question": ""})


def test_a_column_map_is_toml_or_json():
    assert read_map(b'name = "Firma"\n', "map.toml") == {"name": "Firma"}
    assert read_map(b'\xef\xbb\xbf{"name": "Firma"}', "MAP.JSON") == {"name": "Firma"}


def test_the_cells_of_a_row_are_its_texts():
    assert cells_of(table("| a | | c |\n| | | d |"), 2) == ["", "", "d"]
