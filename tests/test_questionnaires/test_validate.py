"""Validating a sheet: which rows are read, which answers are unknown, and which issues are reported."""

from datetime import date

import numpy as np
import pytest
from examples import examples
from hypothesis import given
from hypothesis import strategies as st

from questionnaires.issues import UnusableSheet
from questionnaires.validation.match import match_columns
from questionnaires.validation.validate import SheetOptions, validate_sheet
from tests.test_questionnaires.tables import SITE, build_sheet, build_table, get_answers, get_issue_codes, submit


def test_answers_are_distinct_python_values_and_the_codes_of_the_rows():
    submission = submit(
        """| Supplier | Country  | Workers | Sector              | Agencies    | Contracts | Papers  |
           | Alpha    | Thailand | 120     | fishing; apparel    | Beta; Gamma | yes       | own     |
           | Delta    | TH       | 120.0   | apparel             |             | N/A       | company |
           | Epsilon  |          |         |                     |             | declined  | lost    |"""
    )
    assert get_answers(submission, "country") == ["TH", "TH", None]
    assert get_answers(submission, "workers_total") == [120.0, 120.0, None]
    assert get_answers(submission, "sector") == [("031", "14"), ("14",), None]
    assert get_answers(submission, "agencies") == [("Beta", "Gamma"), None, None]
    assert get_answers(submission, "contracts") == ["yes", None, "declined"]
    assert get_answers(submission, "papers") == ["worker", "employer", None]
    for question in submission.answers:
        column = submission.answers[question]
        assert len(set(column.values)) == len(column.values)


def test_rows_are_numbered_as_in_the_sheet():
    submission = submit(
        """| List of sites |         |
           | Supplier      | Country |
           | Alpha         | TH      |
           |               |         |
           | Beta          | Narnia  |
           | Gamma         | VN      |"""
    )
    assert submission.rows.tolist() == [3, 6]
    assert get_answers(submission, "country") == ["TH", "VN"]
    assert (submission.accepted, submission.rejected, submission.n_rows) == (2, 1, 3)


def test_a_question_without_a_column_has_no_answers():
    assert list(submit("| Supplier | Colour |\n| A | red |").answers) == ["name"]


def test_an_unknown_country_rejects_the_row_and_a_blank_one_does_not():
    submission = submit("| Supplier | Country |\n| A | TH |\n| B | Austrlia |\n| C | unknown |")
    assert get_answers(submission, "country") == ["TH", None]
    (issue,) = submission.issues
    assert (issue.code, issue.severity, issue.cell, issue.seen) == ("country.unknown", "error", "B3", "Austrlia")
    assert "Austria or Australia" in issue.cure


def test_an_unknown_flag_does_not_reject_the_row():
    submission = submit("| Supplier | Flag |\n| A | ICCAT-RMA |\n| B | EU-ESP |")
    assert get_answers(submission, "flag") == [None, "ES"]
    assert [(issue.code, issue.severity) for issue in submission.issues] == [("answer.unknown", "warning")]


def test_a_row_needs_a_name_in_any_script_or_a_reference():
    submission = submit(
        """| Site name | Local name | Reference | Country |
           | Alpha     |            |           | TH      |
           |           | 阿爾法     |           | TH      |
           | -         |            | S-3       | TH      |
           | n/a       | \\u00a0     |           | TH      |"""
    )
    assert get_answers(submission, "name") == ["Alpha", "阿爾法", None]
    assert (submission.accepted, submission.rejected, get_issue_codes(submission)) == (
        3,
        1,
        ["row.unnamed", "row.no_name"],
    )


def test_an_unreadable_name_counts_as_missing():
    submission = submit("| Supplier | Country |\n| A | TH |\n| B\\u0000 | TH |")
    assert (submission.accepted, get_issue_codes(submission)) == (1, ["text.forbidden_character", "row.no_name"])


def test_blank_rows_totals_and_notes_are_not_data_rows():
    submission = submit(
        """| Supplier | Workers | Note         |
           | Alpha    | 5       |              |
           |          |         |              |
           | Beta     | 7       |              |
           |          |         | as of May    |
           | Total    | 12      |              |
           |          |         | printed 2026 |"""
    )
    assert get_answers(submission, "name") == ["Alpha", "Beta"]
    assert [(issue.code, issue.cell, issue.count) for issue in submission.issues] == [
        ("row.outside", "C5", 2),
        ("row.total", "A6", 1),
    ]
    assert (submission.n_rows, submission.accepted) == (2, 2)


@pytest.mark.parametrize("row", ["| Total | FR |", "| Totalis | |", "| Total Fitness | |"])
def test_a_site_with_a_name_like_a_total_is_a_data_row(row):
    assert submit(f"| Supplier | Country |\n| A | TH |\n{row}").accepted == 2


def test_a_repeated_header_is_not_a_data_row():
    submission = submit("| Supplier | Country |\n| A | TH |\n| Supplier | Country |\n| B | VN |")
    assert (get_answers(submission, "name"), get_issue_codes(submission)) == (["A", "B"], ["row.repeated_header"])


def test_a_default_applies_to_a_sheet_without_such_a_column():
    submission = submit("| Supplier |\n| A |\n| B |", default_country="Hong Kong", default_sector="0311")
    assert get_answers(submission, "country") == ["HK", "HK"]
    assert get_answers(submission, "sector") == [("0311",), ("0311",)]


def test_a_default_never_fills_a_blank_or_resolves_a_tie():
    submission = submit("| Supplier | Country |\n| A | |\n| B | TH |", default_country="HK")
    assert get_answers(submission, "country") == [None, "TH"]
    tied = submit("| Supplier | Jurisdiction | Country / Region |\n| A | TH | VN |", default_country="HK")
    assert "country" not in tied.answers


@pytest.mark.parametrize("default", [{"default_country": "Narnia"}, {"default_sector": "wizardry"}])
def test_an_unknown_default_is_refused(default):
    with pytest.raises(UnusableSheet):
        submit("| Supplier |\n| A |", **default)


def test_naics_codes_give_the_sector_where_it_is_blank():
    submission = submit("| Supplier | Sector | NAICS |\n| A | apparel | 114111 |\n| B | | 114111 |\n| C | | 999999 |")
    assert get_answers(submission, "sector") == [("14",), ("0311",), None]
    assert [(issue.code, issue.cell) for issue in submission.issues] == [("sector.unknown", "C4")]


@pytest.mark.parametrize("separator", ["; ", ", ", " / ", " "])
def test_an_unknown_code_among_several_naics_codes_is_reported(separator):
    submission = submit(f"| Supplier | NAICS |\n| A | 114111{separator}236115 |\n| B | 114111{separator}999999 |")
    assert get_answers(submission, "sector") == [("0311", "41"), ("0311",)]
    assert [(issue.code, issue.cell, issue.seen) for issue in submission.issues] == [("sector.unknown", "B3", "999999")]


def test_two_sectors_in_a_cell_are_both_read_and_an_unknown_one_is_reported():
    submission = submit(
        "| Supplier | Sector |\n| A | 0311 Marine fishing; 4100 Building |\n| B | 0311 Marine fishing; 9999 Wizardry |"
    )
    assert get_answers(submission, "sector") == [("0311", "4100"), ("0311",)]
    assert [(issue.code, issue.cell, issue.seen) for issue in submission.issues] == [
        ("sector.unknown", "B3", "9999 Wizardry")
    ]


def test_answers_about_a_person_are_never_read():
    submission = submit("| Supplier | E-mail |\n| A | ann@example.org |\n| B | \\u0000 |")
    assert list(submission.answers) == ["name"]
    assert submission.issues == ()
    assert "example.org" not in repr(submission)


def test_two_workers_all_of_them_migrants_are_a_placeholder():
    submission = submit(
        """| Supplier | Workers | % migrant workers |
           | A        | 2       | 100               |
           | B        | 20      | 100               |
           | C        | 2       | 50                |
           | D        | 2       | 100               |"""
    )
    assert get_answers(submission, "workers_total") == [None, 20.0, 2.0, None]
    assert get_answers(submission, "migrant_pct") == [None, 100.0, 50.0, None]
    assert [(issue.code, issue.cells, issue.count) for issue in submission.issues] == [("placeholder", ("B2", "B5"), 2)]


@pytest.mark.parametrize("filler", ["0", "9999", "999999"])
def test_zeros_and_nines_are_placeholders(filler):
    submission = submit(f"| Supplier | Workers |\n| A | {filler} |\n| B | 42 |")
    assert (get_answers(submission, "workers_total"), get_issue_codes(submission)) == ([None, 42.0], ["placeholder"])


def test_zero_migrants_is_an_answer():
    assert get_answers(submit("| Supplier | Workers | Migrant workers |\n| A | 42 | 0 |"), "workers_migrant") == [0.0]


def test_all_workers_are_migrants_where_there_are_more_migrants_than_workers():
    submission = submit("| Supplier | Workers | Migrant workers |\n| A | 10 | 20 |\n| B | 10 | 10 |")
    assert get_answers(submission, "workers_total") == [None, 10.0]
    assert get_answers(submission, "workers_migrant") == [20.0, 10.0]
    assert get_answers(submission, "migrant_pct") == [100.0, 100.0]
    issues = [(issue.code, issue.cell, issue.seen) for issue in submission.issues if issue.severity != "info"]
    assert issues == [("workers.contradiction", "C2", "20 of 10")]


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        ("9074729", "9074729"),
        ("IMO 9074729", "9074729"),
        ("9074728", None),
        ("907472", None),
        ("0", None),
        ("0.0", None),
    ],
)
def test_an_imo_number_with_a_wrong_check_digit_is_unknown(number, expected):
    submission = submit(f"| Supplier | IMO number |\n| A | {number} |\n| B | IMO9074729 |")
    assert get_answers(submission, "imo") == [expected, "9074729"]
    assert len(submission.issues) == (expected is None)


def test_a_reference_on_rows_of_two_countries_rejects_all_its_rows_in_any_order():
    rows = ["| SUP-9 | A | TH |", "| sup-9 | A | US |", "| \\uff33UP-9 | A | VN |", "| S-1 | B | TH |", "| S-1 | B | |"]
    for order in (rows, rows[::-1]):
        submission = submit("| Reference | Supplier | Country |\n" + "\n".join(order))
        assert (get_answers(submission, "reference"), submission.rejected) == (["S-1", "S-1"], 3)
        assert [(issue.code, issue.count) for issue in submission.issues] == [("row.conflict", 3)]


@pytest.mark.parametrize(
    ("address", "country", "flagged"),
    [
        ("5 Long Road, Hwaseong, Korea", "United States", True),
        ("5 Long Road, Hwaseong, Korea 445-120", "United States", True),
        ("5 Long Road, Hwaseong, Korea", "South Korea", False),
        ("5 Long Road, Atlanta, Georgia", "United States", False),
        ("5 Long Road, Los Angeles, CA", "United States", False),
        ("5 Long Road, Albuquerque, New Mexico", "United States", False),
        ("9 Queen's Road, Hong Kong", "China", False),
        ("5 Long Road, Hwaseong, Korea", "", False),
    ],
)
def test_an_address_in_another_country_is_reported_and_not_changed(address, country, flagged):
    submission = submit(build_sheet([["Supplier", "Country", "Address"], ["A", country, address]]))
    assert get_issue_codes(submission) == ["country.contradicted"] * flagged
    assert get_answers(submission, "address") == [address]
    if flagged:
        assert get_answers(submission, "country") == ["US"]
        assert "South Korea" in submission.issues[0].describe()
        assert "United States" in submission.issues[0].describe()


def test_a_blank_in_a_returned_form_is_declined():
    submission = submit(
        """| Supplier | Country | Papers | Months at sea | Form version      | Form returned |
           | A        |         |        |               | site 2026.1       | 2026-02-01    |
           | B        | TH      | own    |               | site_fishing 2026.1 | 2026-02-01  |
           | C        | TH      |        |               | 2026.1            |               |
           | D        | TH      |        |               |                   |               |"""
    )
    assert get_answers(submission, "papers") == ["declined", "worker", None, None]
    assert get_answers(submission, "months_at_sea") == [None, "declined", None, None]
    assert get_answers(submission, "country") == [None, "TH", "TH", "TH"]
    assert get_issue_codes(submission) == []


@pytest.mark.parametrize("version", ["agency 2026.1", "site 1999.7", "our own list", ""])
def test_a_returned_form_of_unknown_version_is_the_latest_and_asked_whatever_has_a_column(version):
    submission = submit(
        f"""| Supplier | Papers | Months at sea | Form version | Form returned |
            | A        |        |               | {version}    | 2026-02-01    |
            | B        |        |               | {version}    |               |"""
    )
    assert (get_answers(submission, "papers"), get_answers(submission, "months_at_sea")) == (
        ["declined", None],
        ["declined", None],
    )
    code = "form.unknown_version" if version else "form.no_version"
    assert [(issue.code, issue.cell, issue.count) for issue in submission.issues] == [(code, "D2", 1)]


@pytest.mark.parametrize(
    "day", ["2026-09-02", "31/31/2026", "last week", "1066-10-14", "03/04/2026", "2026-02-01", "#N/A"]
)
def test_an_invalid_return_date_does_not_excuse_blanks(day):
    sheet = "| Supplier | Papers | Months at sea | Form version | Form returned |\n| A | | | site 2026.1 | {} |"
    errors = {(2, 4): day} if day == "#N/A" else {}
    submission = submit(build_table(sheet.format("" if errors else day), errors=errors), as_of=date(2026, 9, 1))
    assert (get_answers(submission, "papers"), get_answers(submission, "months_at_sea")) == (["declined"], [None])
    issues = [issue for issue in submission.issues if issue.code in ("form.returned_unread", "date.future")]
    assert [(issue.cell, issue.header) for issue in issues] == (
        [] if day == "2026-02-01" else [("E2", "Form returned")]
    )


@pytest.mark.parametrize("header", ["Form returned", "answered_on", "Evidence of"])
@pytest.mark.parametrize(
    ("cell", "expected", "code"),
    [
        ("2026-09-02", "2026-09-02", "date.future"),
        ("2019", "2019-01-01", "date.part"),
        ("2019-03", "2019-03-01", "date.part"),
        ("2026-08-31", "2026-08-31", None),
        ("last spring", None, "date.invalid"),
    ],
)
def test_a_date_of_answers_is_completed_and_used_even_in_the_future(header, cell, expected, code):
    submission = submit(f"| Supplier | {header} |\n| A | {cell} |", as_of=date(2026, 9, 1))
    question = {"Form returned": "form_returned", "Evidence of": "evidence_date"}.get(header, header)
    codes = [code for code in get_issue_codes(submission) if not code.startswith("form.")]
    if code == "date.invalid" and question == "form_returned":
        expected = (
            "2026-09-01"  # a form came back, on a day that nobody can read: its answers are of the day of the import
        )
    assert (get_answers(submission, question), codes) == ([expected], [code] if code else [])


@pytest.mark.parametrize("day", ["", "n/a", "-", "not applicable"])
def test_nothing_is_declined_in_a_form_that_was_not_returned(day):
    submission = submit(f"| Supplier | Papers | Form version | Form returned |\n| A | | site 2026.1 | {day} |")
    assert (get_answers(submission, "papers"), get_issue_codes(submission)) == ([None], [])


def test_no_agency_is_unknown_where_an_agency_is_named():
    submission = submit(
        """| Supplier | Agencies used | Agencies       | Workers of each agency |
           | A        | no            | Kite Placement |                        |
           | B        | no            |                | Kite Placement: 4      |
           | C        | no            | n/a            |                        |
           | D        | no            | declined       |                        |
           | E        | yes           | Kite Placement |                        |"""
    )
    assert get_answers(submission, "uses_agencies") == [None, None, "no", "no", "yes"]
    assert get_answers(submission, "agencies")[0] == ("Kite Placement",)
    issues = [(issue.code, issue.cells, issue.seen) for issue in submission.issues]
    assert issues == [("answer.contradicted", ("B2", "C2"), "no"), ("answer.contradicted", ("B3", "D3"), "no")]
    assert "'Kite Placement' under *Agencies*" in submission.issues[0].describe()


@pytest.mark.parametrize(
    ("country", "count", "share", "origins", "expected"),
    [
        ("TH", "0", "30%", "", (None, 30.0)),
        ("TH", "0", "", "Myanmar", (None, None)),
        ("TH", "0", "0%", "Thailand; Myanmar", (None, None)),
        ("TH", "0", "0%", "Thailand", (0.0, 0.0)),
        ("TH", "0", "0%", "", (0.0, 0.0)),
        ("", "0", "", "Myanmar", (None, None)),
        ("TH", "8", "", "Myanmar", (8.0, 100.0)),
        ("TH", "8", "0%", "", (8.0, 100.0)),
    ],
)
def test_no_migrants_is_unknown_where_another_answer_reveals_migrants(country, count, share, origins, expected):
    header = ["Supplier", "Country", "Migrant workers", "% migrant workers", "worker_origin_countries"]
    submission = submit(build_sheet([header, ["A", country, count, share, origins], ["B", "TH", "", "2.5%", ""]]))
    assert (get_answers(submission, "workers_migrant")[0], get_answers(submission, "migrant_pct")[0]) == expected
    denied = {"C": count == "0" and expected[0] is None, "D": share == "0%" and expected[1] != 0.0}
    cells_by_issue = [issue.cells for issue in submission.issues if issue.code == "answer.contradicted"]
    assert [cells[0] for cells in cells_by_issue] == [f"{column}2" for column in denied if denied[column]]
    assert all(cells[1] in ("C2", "D2", "E2") for cells in cells_by_issue)


@pytest.mark.parametrize(
    ("total", "count", "share", "expected"),
    [
        ("200", "150", "10%", 75.0),
        ("200", "150", "0%", 75.0),
        ("200", "20", "60%", 60.0),
        ("200", "150", "72%", 72.0),
        ("", "150", "10%", 10.0),
        ("7", "", "", None),
    ],
)
def test_the_larger_of_the_reported_and_the_computed_share_of_migrants_is_used(total, count, share, expected):
    header = ["Supplier", "Workers", "Migrant workers", "% migrant workers"]
    submission = submit(build_sheet([header, ["A", total, count, share], ["B", "", "", "2.5%"]]))
    assert get_answers(submission, "migrant_pct") == [expected, 2.5]
    issues = [(issue.code, issue.cells) for issue in submission.issues]
    differs = total and share and float(share[:-1]) not in (72.0,)
    assert issues == ([("workers.share", ("D2", "C2"))] if differs else [])


def test_a_blank_share_of_migrants_is_computed_from_the_numbers():
    submission = submit(
        """| Supplier | Workers | Migrant workers | % migrant workers |
           | A        | 7       | 3               |                   |
           | B        | 7       | 0               |                   |
           | C        | 7       |                 |                   |
           | D        |         | 3               |                   |
           | E        | 7       | 3               | declined          |
           | F        | 7       | 9               |                   |"""
    )
    assert get_answers(submission, "migrant_pct") == [42.9, 0.0, None, 100.0, "declined", 100.0]
    (issue,) = (issue for issue in submission.issues if issue.code == "workers.share_counted")
    assert (issue.severity, issue.count, issue.cells[:2]) == ("info", 2, ("C2", "B2"))


def test_the_share_of_migrants_is_computed_where_it_has_no_column():
    submission = submit("| Supplier | Workers | Migrant workers |\n| A | 200 | 150 |\n| B | 200 | |")
    assert get_answers(submission, "migrant_pct") == [75.0, None]


@pytest.mark.parametrize(
    ("place", "flagged"), [("Cambodia", True), ("Monaco", True), ("Thailand", False), ("MC", False), ("Maurice", False)]
)
@pytest.mark.parametrize("header", ["City", "State or province"])
def test_a_city_or_region_named_like_another_country_is_reported(header, place, flagged):
    submission = submit(f"| Supplier | Country | {header} |\n| A | Thailand | {place} |")
    assert [(issue.code, issue.cells) for issue in submission.issues] == [
        ("country.contradicted", ("C2", "B2"))
    ] * flagged
    assert get_answers(submission, "country") == ["TH"]


def test_places_without_city_or_region_are_not_compared():
    submission = submit(
        """| Supplier | City       | State or province | Country |
           | A        |            | East              | Fiji    |
           | B        | Port Ash   |                   | Tonga   |"""
    )
    assert get_issue_codes(submission) == []


def test_a_place_that_is_in_another_country_in_more_rows_is_reported_and_not_changed():
    submission = submit(
        """| Supplier | City       | State or province | Country |
           | A        | Santa Vera | Los Altos         | Mexico  |
           | B        | Santa Vera | Los Altos         | Monaco  |
           | C        | SANTA VERA | los altos         | Mexico  |
           | D        | Port Ash   | East              | Fiji    |
           | E        | Port Ash   | East              | Tonga   |
           | F        | Port Ash   |                   | Samoa   |"""
    )
    assert get_answers(submission, "country") == ["MX", "MC", "MX", "FJ", "TO", "WS"]
    issues = [
        (issue.cells, issue.seen, issue.expected) for issue in submission.issues if issue.code == "country.elsewhere"
    ]
    assert issues == [
        (("B3", "D3"), "Santa Vera, Los Altos", "Mexico"),
        (("B5", "D5"), "Port Ash, East", "Tonga"),
        (("B6", "D6"), "Port Ash, East", "Fiji"),
    ]


def test_a_question_without_a_column_is_declined_in_a_returned_form_and_in_no_other_list():
    submission = submit("| Supplier | Form version | Form returned |\n| A | 2026.1 | 2026-02-01 |")
    assert get_answers(submission, "papers") == ["declined"]
    assert "papers" not in submit("| Supplier | Form version |\n| A | 2026.1 |").answers


def test_cells_with_a_spreadsheet_error_are_blank_and_formulas_are_reported():
    sheet = build_table(
        "| Supplier | Workers | Colour |\n| A | 5 | |\n| B | | x |",
        errors={(3, 1): "#N/A", (2, 2): "#N/A"},
        formulas=((2, 1), (3, 1)),
    )
    submission = submit(sheet)
    assert get_answers(submission, "workers_total") == [5.0, None]
    issues = [(issue.code, issue.severity, issue.cell, issue.count) for issue in submission.issues]
    assert issues == [("cell.formula", "info", "B2", 1), ("cell.error", "warning", "B3", 1)]


@pytest.mark.parametrize(
    ("header", "text", "expected"),
    [
        ("LEI", "529900T8BM49AURSDO55", "529900T8BM49AURSDO55"),
        ("LEI", "529900T8BM49AURSDO56", None),
        ("Call sign", "4SFXXXX", None),
        ("Call sign", "4SF1234", "4SF1234"),
    ],
)
def test_an_identifier_that_is_masked_or_fails_its_check_is_unknown(header, text, expected):
    submission = submit(f"| Supplier | {header} |\n| A | {text} |")
    assert get_answers(submission, "lei" if header == "LEI" else "call_sign") == [expected]


def test_declined_is_an_answer_only_to_questions_about_practices_or_figures():
    submission = submit(
        "| Supplier | Country | Occupation | Workers | Papers |\n| A | declined | declined | declined | declined |"
    )
    answers = {
        question: get_answers(submission, question)[0]
        for question in ("country", "occupation", "workers_total", "papers")
    }
    assert answers == {"country": None, "occupation": None, "workers_total": "declined", "papers": "declined"}


def test_dates_are_read_in_the_given_order_and_not_after_the_assessment_date():
    markdown = "| Supplier | Last visit |\n| A | 03/04/2026 |"
    assert get_answers(submit(markdown, date_order="dmy"), "visited") == ["2026-04-03"]
    assert get_answers(submit(markdown, date_order="mdy"), "visited") == ["2026-03-04"]
    assert get_answers(submit(markdown, date_order="dmy", as_of=date(2026, 4, 1)), "visited") == [None]


def test_a_column_of_shares_is_reported_once():
    submission = submit("| Supplier | % migrant workers |\n| A | 0.45 |\n| B | 1 |\n| C | 0 |")
    assert get_answers(submission, "migrant_pct") == [45.0, 100.0, 0.0]
    assert [(issue.code, issue.cell, issue.count) for issue in submission.issues] == [("percent.share", "B2", 3)]


CELLS = st.sampled_from(
    [
        "",
        "Alpha",
        "Thailand",
        "NA",
        "Narnia",
        "12",
        "1,234",
        "0",
        "declined",
        "n/a",
        "yes",
        "own",
        "A\x00",
        "2 of 3",
        "9999",
        "\u00a0",
    ]
)


def submit_decided(sheet):
    """Validate a sheet whose columns somebody has decided on: what its values say about its columns does not count."""
    questions = ("name", "country", "workers_total", "workers_migrant", "contracts", "papers")
    headers = ("Supplier", "Country", "Workers", "Migrant workers", "Contracts", "Papers")
    matched = match_columns(sheet, 1, SITE, dict(zip(questions, headers, strict=True)))
    return validate_sheet(sheet, 1, matched, SITE, SheetOptions())


@given(st.lists(st.lists(CELLS, min_size=6, max_size=6), min_size=1, max_size=12))
@examples(60)
def test_every_row_is_accepted_or_rejected_alone_as_among_others(rows):
    header = ["Supplier", "Country", "Workers", "Migrant workers", "Contracts", "Papers"]
    filled = [row for row in rows if any(cell.strip("\u00a0") for cell in row)]
    if not filled:
        return
    together = submit_decided(build_sheet([header, *filled]))
    assert together.accepted + together.rejected == together.n_rows == len(filled)
    assert len(together.rows) == len(get_answers(together, "name")) == together.accepted
    # The country column alone reads "NA" by what stands beside it; all else is the same for a row on its own.
    for row, row_number in zip(filled, range(2, len(filled) + 2), strict=True):
        alone = submit_decided(build_sheet([header, row]))
        assert (alone.accepted == 1) == (row_number in together.rows)
        if alone.accepted and "1,234" not in row:
            where = int(np.flatnonzero(together.rows == row_number)[0])
            for question in alone.answers:
                assert get_answers(alone, question) == [get_answers(together, question)[where]]
