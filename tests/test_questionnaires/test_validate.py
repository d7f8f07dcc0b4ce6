"""From a sheet to answers: which rows are read, what is unknown, and what is said about it."""

from datetime import date

import numpy as np
import pandas as pd
import pytest
from examples import examples
from hypothesis import given
from hypothesis import strategies as st

from questionnaires.issues import Unusable
from tests.test_questionnaires.tables import codes, of_rows, said, submitted, table


def test_answers_are_categoricals_of_distinct_python_values():
    got = submitted(
        """| Supplier | Country  | Workers | Sector              | Agencies    | Contracts | Papers  |
           | Alpha    | Thailand | 120     | fishing; apparel    | Beta; Gamma | yes       | own     |
           | Delta    | TH       | 120.0   | apparel             |             | N/A       | company |
           | Epsilon  |          |         |                     |             | declined  | lost    |"""
    )
    assert said(got, "country") == ["TH", "TH", None]
    assert said(got, "workers_total") == [120.0, 120.0, None]
    assert said(got, "sector") == [("031", "14"), ("14",), None]
    assert said(got, "agencies") == [("Beta", "Gamma"), None, None]
    assert said(got, "contracts") == ["yes", None, "declined"]
    assert said(got, "papers") == ["worker", "employer", None]
    for question in got.answers:
        column = got.answers[question]
        assert isinstance(column.dtype, pd.CategoricalDtype)
        assert column.cat.categories.dtype == object
        assert len(set(column.cat.categories)) == len(column.cat.categories)


def test_rows_are_numbered_as_in_the_sheet():
    got = submitted(
        """| List of sites |         |
           | Supplier      | Country |
           | Alpha         | TH      |
           |               |         |
           | Beta          | Narnia  |
           | Gamma         | VN      |"""
    )
    assert got.rows.tolist() == [3, 6]
    assert got.answers.index.tolist() == [0, 1]
    assert (got.accepted, got.rejected, got.n_rows) == (2, 1, 3)


def test_a_question_without_a_column_has_none():
    assert list(submitted("| Supplier | Colour |\n| A | red |").answers) == ["name"]


def test_a_country_that_is_not_understood_rejects_the_row_and_blank_is_unknown():
    got = submitted("| Supplier | Country |\n| A | TH |\n| B | Narnia |\n| C | unknown |")
    assert said(got, "country") == ["TH", None]
    (told,) = got.issues
    assert (told.code, told.severity, told.cell, told.seen) == ("country.unknown", "error", "B3", "Narnia")
    assert "Namibia" in told.cure


def test_a_flag_that_is_not_understood_does_not():
    got = submitted("| Supplier | Flag |\n| A | ICCAT-RMA |\n| B | EU-ESP |")
    assert said(got, "flag") == [None, "ES"]
    assert [(i.code, i.severity) for i in got.issues] == [("answer.unknown", "warning")]


def test_a_row_needs_a_name_in_any_script_or_a_reference():
    got = submitted(
        """| Site name | Local name | Reference | Country |
           | Alpha     |            |           | TH      |
           |           | 阿爾法     |           | TH      |
           | -         |            | S-3       | TH      |
           | n/a       | \\u00a0     |           | TH      |"""
    )
    assert said(got, "name") == ["Alpha", "阿爾法", None]
    assert (got.accepted, got.rejected, codes(got)) == (3, 1, ["row.unnamed", "row.no_name"])


def test_a_name_that_cannot_be_read_is_no_name():
    got = submitted("| Supplier | Country |\n| A | TH |\n| B\\u0000 | TH |")
    assert (got.accepted, codes(got)) == (1, ["text.forbidden_character", "row.no_name"])


def test_every_row_is_accounted_for_and_empty_rows_totals_and_notes_are_none():
    got = submitted(
        """| Supplier | Workers | Note         |
           | Alpha    | 5       |              |
           |          |         |              |
           | Beta     | 7       |              |
           |          |         | as of May    |
           | Total    | 12      |              |
           |          |         | printed 2026 |"""
    )
    assert said(got, "name") == ["Alpha", "Beta"]
    assert [(i.code, i.cell, i.count) for i in got.issues] == [("row.outside", "C5", 2), ("row.total", "A6", 1)]
    assert (got.n_rows, got.accepted) == (2, 2)


@pytest.mark.parametrize("row", ["| Total | FR |", "| Totalis | |", "| Total Fitness | |"])
def test_a_site_may_be_called_much_like_a_total(row):
    assert submitted(f"| Supplier | Country |\n| A | TH |\n{row}").accepted == 2


def test_a_repeated_header_is_no_row():
    got = submitted("| Supplier | Country |\n| A | TH |\n| Supplier | Country |\n| B | VN |")
    assert (said(got, "name"), codes(got)) == (["A", "B"], ["row.repeated_header"])


def test_a_default_serves_a_sheet_that_has_no_such_column():
    got = submitted("| Supplier |\n| A |\n| B |", default_country="Hong Kong", default_sector="0311")
    assert said(got, "country") == ["HK", "HK"]
    assert said(got, "sector") == [("0311",), ("0311",)]


def test_a_default_never_fills_a_blank_or_settles_a_tie():
    got = submitted("| Supplier | Country |\n| A | |\n| B | TH |", default_country="HK")
    assert said(got, "country") == [None, "TH"]
    tied = submitted("| Supplier | Jurisdiction | Country / Region |\n| A | TH | VN |", default_country="HK")
    assert "country" not in tied.answers


@pytest.mark.parametrize("default", [{"default_country": "Narnia"}, {"default_sector": "wizardry"}])
def test_a_default_that_is_not_understood_is_unusable(default):
    with pytest.raises(Unusable):
        submitted("| Supplier |\n| A |", **default)


def test_naics_codes_say_the_sector_where_nothing_else_does():
    got = submitted("| Supplier | Sector | NAICS |\n| A | apparel | 114111 |\n| B | | 114111 |\n| C | | 999999 |")
    assert said(got, "sector") == [("14",), ("0311",), None]
    assert [(i.code, i.cell) for i in got.issues] == [("sector.unknown", "C4")]


@pytest.mark.parametrize("apart", ["; ", ", ", " / ", " "])
def test_of_several_naics_codes_the_one_that_is_not_known_is_told(apart):
    got = submitted(f"| Supplier | NAICS |\n| A | 114111{apart}236115 |\n| B | 114111{apart}999999 |")
    assert said(got, "sector") == [("0311", "41"), ("0311",)]
    assert [(i.code, i.cell, i.seen) for i in got.issues] == [("sector.unknown", "B3", "999999")]


def test_two_sectors_in_a_cell_are_both_read_and_a_strange_one_is_told_with_its_cell():
    got = submitted(
        "| Supplier | Sector |\n| A | 0311 Marine fishing; 4100 Building |\n| B | 0311 Marine fishing; 9999 Wizardry |"
    )
    assert said(got, "sector") == [("0311", "4100"), ("0311",)]
    assert [(i.code, i.cell, i.seen) for i in got.issues] == [("sector.unknown", "B3", "9999 Wizardry")]


def test_a_person_is_never_read():
    got = submitted("| Supplier | E-mail |\n| A | ann@example.org |\n| B | \\u0000 |")
    assert list(got.answers) == ["name"]
    assert got.issues == ()
    assert "example.org" not in repr(got)


def test_two_workers_all_of_them_migrants_are_a_placeholder():
    got = submitted(
        """| Supplier | Workers | % migrant workers |
           | A        | 2       | 100               |
           | B        | 20      | 100               |
           | C        | 2       | 50                |
           | D        | 2       | 100               |"""
    )
    assert said(got, "workers_total") == [None, 20.0, 2.0, None]
    assert said(got, "migrant_pct") == [None, 100.0, 50.0, None]
    assert [(i.code, i.cells, i.count) for i in got.issues] == [("placeholder", ("B2", "B5"), 2)]


@pytest.mark.parametrize("filler", ["0", "9999", "999999"])
def test_noughts_and_nines_are_placeholders(filler):
    got = submitted(f"| Supplier | Workers |\n| A | {filler} |\n| B | 42 |")
    assert (said(got, "workers_total"), codes(got)) == ([None, 42.0], ["placeholder"])


def test_no_migrants_is_an_answer():
    assert said(submitted("| Supplier | Workers | Migrant workers |\n| A | 42 | 0 |"), "workers_migrant") == [0.0]


def test_more_migrants_than_workers_are_both_unknown():
    got = submitted("| Supplier | Workers | Migrant workers |\n| A | 10 | 20 |\n| B | 10 | 10 |")
    assert (said(got, "workers_total"), said(got, "workers_migrant")) == ([None, 10.0], [None, 10.0])
    told = [(i.code, i.cell, i.seen) for i in got.issues if i.severity != "info"]
    assert told == [("workers.contradiction", "C2", "20 of 10")]


@pytest.mark.parametrize(
    ("number", "read"),
    [
        ("9074729", "9074729"),
        ("IMO 9074729", "9074729"),
        ("9074728", None),
        ("907472", None),
        ("0", None),
        ("0.0", None),
    ],
)
def test_an_imo_number_has_a_check_digit(number, read):
    got = submitted(f"| Supplier | IMO number |\n| A | {number} |\n| B | IMO9074729 |")
    assert said(got, "imo") == [read, "9074729"]
    assert len(got.issues) == (read is None)


def test_a_reference_on_rows_of_two_countries_rejects_them_all_whatever_their_order():
    rows = ["| SUP-9 | A | TH |", "| sup-9 | A | US |", "| \\uff33UP-9 | A | VN |", "| S-1 | B | TH |", "| S-1 | B | |"]
    for order in (rows, rows[::-1]):
        got = submitted("| Reference | Supplier | Country |\n" + "\n".join(order))
        assert (said(got, "reference"), got.rejected) == (["S-1", "S-1"], 3)
        assert [(i.code, i.count) for i in got.issues] == [("row.conflict", 3)]


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
def test_an_address_in_another_country_is_told_and_nothing_changed(address, country, flagged):
    got = submitted(of_rows([["Supplier", "Country", "Address"], ["A", country, address]]))
    assert codes(got) == ["country.contradicted"] * flagged
    assert said(got, "address") == [address]
    if flagged:
        assert said(got, "country") == ["US"]
        assert "South Korea" in got.issues[0].sentence()
        assert "United States" in got.issues[0].sentence()


def test_a_blank_in_a_form_that_came_back_is_declined():
    got = submitted(
        """| Supplier | Country | Papers | Months at sea | Form version      | Form returned |
           | A        |         |        |               | site 2026.1       | 2026-02-01    |
           | B        | TH      | own    |               | site_fishing 2026.1 | 2026-02-01  |
           | C        | TH      |        |               | 2026.1            |               |
           | D        | TH      |        |               |                   |               |"""
    )
    assert said(got, "papers") == ["declined", "worker", None, None]
    assert said(got, "months_at_sea") == [None, "declined", None, None]
    assert said(got, "country") == [None, "TH", "TH", "TH"]
    assert codes(got) == []


@pytest.mark.parametrize("version", ["agency 2026.1", "site 1999.7", "our own list", ""])
def test_a_form_that_came_back_in_a_version_not_known_asked_whatever_has_a_column(version):
    got = submitted(
        f"""| Supplier | Papers | Months at sea | Form version | Form returned |
            | A        |        |               | {version}    | 2026-02-01    |
            | B        |        |               | {version}    |               |"""
    )
    assert (said(got, "papers"), said(got, "months_at_sea")) == (["declined", None], ["declined", None])
    code = "form.unknown_version" if version else "form.no_version"
    assert [(i.code, i.cell, i.count) for i in got.issues] == [(code, "D2", 1)]


@pytest.mark.parametrize(
    "day", ["2026-09-02", "31/31/2026", "last week", "1066-10-14", "03/04/2026", "2026-02-01", "#N/A"]
)
def test_a_day_of_return_that_cannot_be_right_does_not_make_silence_cheaper(day):
    sheet = "| Supplier | Papers | Months at sea | Form version | Form returned |\n| A | | | site 2026.1 | {} |"
    errors = {(2, 4): day} if day == "#N/A" else {}
    got = submitted(table(sheet.format("" if errors else day), errors=errors), on=date(2026, 9, 1))
    assert (said(got, "papers"), said(got, "months_at_sea")) == (["declined"], [None])
    told = [i for i in got.issues if i.code in ("form.returned_unread", "date.future")]
    assert [(i.cell, i.header) for i in told] == ([] if day == "2026-02-01" else [("E2", "Form returned")])


@pytest.mark.parametrize("header", ["Form returned", "answered_on", "Evidence of"])
@pytest.mark.parametrize(
    ("cell", "read", "code"),
    [
        ("2026-09-02", "2026-09-02", "date.future"),
        ("2019", "2019-01-01", "date.part"),
        ("2019-03", "2019-03-01", "date.part"),
        ("2026-08-31", "2026-08-31", None),
        ("last spring", None, "date.invalid"),
    ],
)
def test_a_day_that_dates_the_answers_is_whole_and_kept_though_it_lies_ahead(header, cell, read, code):
    got = submitted(f"| Supplier | {header} |\n| A | {cell} |", on=date(2026, 9, 1))
    question = {"Form returned": "form_returned", "Evidence of": "evidence_date"}.get(header, header)
    assert (said(got, question), codes(got)) == ([read], [code] if code else [])


@pytest.mark.parametrize("day", ["", "n/a", "-", "not applicable"])
def test_a_form_that_did_not_come_back_declined_nothing(day):
    got = submitted(f"| Supplier | Papers | Form version | Form returned |\n| A | | site 2026.1 | {day} |")
    assert (said(got, "papers"), codes(got)) == ([None], [])


def test_no_agency_beside_one_that_is_named_is_unknown():
    got = submitted(
        """| Supplier | Agencies used | Agencies       | Workers of each agency |
           | A        | no            | Kite Placement |                        |
           | B        | no            |                | Kite Placement: 4      |
           | C        | no            | n/a            |                        |
           | D        | no            | declined       |                        |
           | E        | yes           | Kite Placement |                        |"""
    )
    assert said(got, "uses_agencies") == [None, None, "no", "no", "yes"]
    assert said(got, "agencies")[0] == ("Kite Placement",)
    told = [(i.code, i.cells, i.seen) for i in got.issues]
    assert told == [("answer.contradicted", ("B2", "C2"), "no"), ("answer.contradicted", ("B3", "D3"), "no")]
    assert "'Kite Placement' under *Agencies*" in got.issues[0].sentence()


@pytest.mark.parametrize(
    ("country", "count", "share", "origins", "left"),
    [
        ("TH", "0", "30%", "", (None, 30.0)),
        ("TH", "0", "", "Myanmar", (None, None)),
        ("TH", "0", "0%", "Thailand; Myanmar", (None, None)),
        ("TH", "0", "0%", "Thailand", (0.0, 0.0)),
        ("TH", "0", "0%", "", (0.0, 0.0)),
        ("", "0", "", "Myanmar", (None, None)),
        ("TH", "8", "", "Myanmar", (8.0, None)),
        ("TH", "8", "0%", "", (8.0, None)),
    ],
)
def test_no_migrants_beside_migrants_is_unknown(country, count, share, origins, left):
    header = ["Supplier", "Country", "Migrant workers", "% migrant workers", "worker_origin_countries"]
    got = submitted(of_rows([header, ["A", country, count, share, origins], ["B", "TH", "", "2.5%", ""]]))
    assert (said(got, "workers_migrant")[0], said(got, "migrant_pct")[0]) == left
    denied = {"C": count == "0" and left[0] is None, "D": share == "0%" and left[1] is None}
    told = [i.cells for i in got.issues if i.code == "answer.contradicted"]
    assert [cells[0] for cells in told] == [f"{column}2" for column in denied if denied[column]]
    assert all(cells[1] in ("C2", "D2", "E2") for cells in told)


@pytest.mark.parametrize(
    ("total", "count", "share", "left"),
    [
        ("200", "150", "10%", 75.0),
        ("200", "150", "0%", 75.0),
        ("200", "20", "60%", 60.0),
        ("200", "150", "72%", 72.0),
        ("", "150", "10%", 10.0),
        ("7", "", "", None),
    ],
)
def test_of_a_share_of_migrants_and_the_numbers_the_larger_stands(total, count, share, left):
    header = ["Supplier", "Workers", "Migrant workers", "% migrant workers"]
    got = submitted(of_rows([header, ["A", total, count, share], ["B", "", "", "2.5%"]]))
    assert said(got, "migrant_pct") == [left, 2.5]
    told = [(i.code, i.cells) for i in got.issues]
    apart = total and share and float(share[:-1]) not in (72.0,)
    assert told == ([("workers.share", ("D2", "C2"))] if apart else [])


def test_a_share_of_migrants_that_is_left_blank_is_what_the_numbers_make():
    got = submitted(
        """| Supplier | Workers | Migrant workers | % migrant workers |
           | A        | 7       | 3               |                   |
           | B        | 7       | 0               |                   |
           | C        | 7       |                 |                   |
           | D        |         | 3               |                   |
           | E        | 7       | 3               | declined          |
           | F        | 7       | 9               |                   |"""
    )
    assert said(got, "migrant_pct") == [42.9, 0.0, None, None, "declined", None]
    (told,) = (i for i in got.issues if i.code == "workers.share_counted")
    assert (told.severity, told.count, told.cells[:2]) == ("info", 2, ("C2", "B2"))


def test_numbers_of_workers_make_a_share_of_migrants_where_there_is_no_column_for_it():
    got = submitted("| Supplier | Workers | Migrant workers |\n| A | 200 | 150 |\n| B | 200 | |")
    assert said(got, "migrant_pct") == [75.0, None]


@pytest.mark.parametrize(
    ("place", "flagged"), [("Cambodia", True), ("Monaco", True), ("Thailand", False), ("MC", False), ("Maurice", False)]
)
@pytest.mark.parametrize("header", ["City", "State or province"])
def test_a_city_or_region_that_is_another_country_is_told(header, place, flagged):
    got = submitted(f"| Supplier | Country | {header} |\n| A | Thailand | {place} |")
    assert [(i.code, i.cells) for i in got.issues] == [("country.contradicted", ("C2", "B2"))] * flagged
    assert said(got, "country") == ["TH"]


def test_places_of_which_none_is_whole_are_not_compared():
    got = submitted(
        """| Supplier | City       | State or province | Country |
           | A        |            | East              | Fiji    |
           | B        | Port Ash   |                   | Tonga   |"""
    )
    assert codes(got) == []


def test_a_place_that_lies_in_another_country_in_more_rows_is_told_and_nothing_changed():
    got = submitted(
        """| Supplier | City       | State or province | Country |
           | A        | Santa Vera | Los Altos         | Mexico  |
           | B        | Santa Vera | Los Altos         | Monaco  |
           | C        | SANTA VERA | los altos         | Mexico  |
           | D        | Port Ash   | East              | Fiji    |
           | E        | Port Ash   | East              | Tonga   |
           | F        | Port Ash   |                   | Samoa   |"""
    )
    assert said(got, "country") == ["MX", "MC", "MX", "FJ", "TO", "WS"]
    told = [(i.cells, i.seen, i.expected) for i in got.issues if i.code == "country.elsewhere"]
    assert told == [
        (("B3", "D3"), "Santa Vera, Los Altos", "Mexico"),
        (("B5", "D5"), "Port Ash, East", "Tonga"),
        (("B6", "D6"), "Port Ash, East", "Fiji"),
    ]


def test_a_question_without_a_column_was_not_declined():
    got = submitted("| Supplier | Form version | Form returned |\n| A | 2026.1 | 2026-02-01 |")
    assert "papers" not in got.answers


def test_cells_with_a_spreadsheet_error_are_missing_and_formulas_are_told():
    sheet = table(
        "| Supplier | Workers | Colour |\n| A | 5 | |\n| B | | x |",
        errors={(3, 1): "#N/A", (2, 2): "#N/A"},
        formulas=((2, 1), (3, 1)),
    )
    got = submitted(sheet)
    assert said(got, "workers_total") == [5.0, None]
    told = [(i.code, i.severity, i.cell, i.count) for i in got.issues]
    assert told == [("cell.formula", "info", "B2", 1), ("cell.error", "warning", "B3", 1)]


@pytest.mark.parametrize(
    ("header", "text", "read"),
    [
        ("LEI", "529900T8BM49AURSDO55", "529900T8BM49AURSDO55"),
        ("LEI", "529900T8BM49AURSDO56", None),
        ("Call sign", "4SFXXXX", None),
        ("Call sign", "4SF1234", "4SF1234"),
    ],
)
def test_an_identifier_that_is_masked_or_fails_its_check_is_unknown(header, text, read):
    got = submitted(f"| Supplier | {header} |\n| A | {text} |")
    assert said(got, "lei" if header == "LEI" else "call_sign") == [read]


def test_declined_is_an_answer_only_to_a_question_of_practice_or_a_figure():
    got = submitted(
        "| Supplier | Country | Occupation | Workers | Papers |\n| A | declined | declined | declined | declined |"
    )
    answers = {question: said(got, question)[0] for question in ("country", "occupation", "workers_total", "papers")}
    assert answers == {"country": None, "occupation": None, "workers_total": "declined", "papers": "declined"}


def test_dates_are_read_in_the_order_told_and_not_after_the_day():
    markdown = "| Supplier | Last visit |\n| A | 03/04/2026 |"
    assert said(submitted(markdown, date_order="dmy"), "visited") == ["2026-04-03"]
    assert said(submitted(markdown, date_order="mdy"), "visited") == ["2026-03-04"]
    assert said(submitted(markdown, date_order="dmy", on=date(2026, 4, 1)), "visited") == [None]


def test_a_column_of_shares_is_told_once():
    got = submitted("| Supplier | % migrant workers |\n| A | 0.45 |\n| B | 1 |\n| C | 0 |")
    assert said(got, "migrant_pct") == [45.0, 100.0, 0.0]
    assert [(i.code, i.cell, i.count) for i in got.issues] == [("percent.share", "B2", 3)]


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


@given(st.lists(st.lists(CELLS, min_size=6, max_size=6), min_size=1, max_size=12))
@examples(60)
def test_every_row_is_accepted_or_rejected_alone_as_among_others(rows):
    header = ["Supplier", "Country", "Workers", "Migrant workers", "Contracts", "Papers"]
    filled = [row for row in rows if any(cell.strip("\u00a0") for cell in row)]
    if not filled:
        return
    together = submitted(of_rows([header, *filled]))
    assert together.accepted + together.rejected == together.n_rows == len(filled)
    assert len(together.rows) == len(together.answers) == together.accepted
    # The country column alone reads "NA" by what stands beside it; all else is the same for a row on its own.
    for row, at in zip(filled, range(2, len(filled) + 2), strict=True):
        alone = submitted(of_rows([header, row]))
        assert (alone.accepted == 1) == (at in together.rows)
        if alone.accepted and "1,234" not in row:
            where = int(np.flatnonzero(together.rows == at)[0])
            for question in alone.answers:
                assert said(alone, question) == [said(together, question)[where]]
