"""Rules that look at more than one answer, each with its cases; `test_validate.py` has those of whole sheets."""

import pytest

from questionnaires.form import load_combined_form, load_form
from questionnaires.validation.identifiers import is_imo, is_lei, is_mmsi, normalize_identifier
from questionnaires.validation.returned_forms import parse_form_version
from questionnaires.validation.rules import normalize_agency_count
from tests.test_questionnaires.tables import AGENCY, FORMS, SITE, build_sheet, get_answers, get_issue_codes, submit

# ---------------------------------------------------------------- identifiers


@pytest.mark.parametrize(
    ("number", "right"),
    [("9074729", True), ("9074728", False), ("907472", False), ("90747290", False), ("907472X", False), ("", False)],
)
def test_an_imo_number_has_seven_digits_of_which_the_last_checks_the_others(number: str, right: bool) -> None:
    assert is_imo(number) is right


@pytest.mark.parametrize(("number", "right"), [("567123456", True), ("56712345", False), ("56712345A", False)])
def test_an_mmsi_has_nine_digits(number: str, right: bool) -> None:
    assert is_mmsi(number) is right


@pytest.mark.parametrize(
    ("identifier", "right"),
    [
        ("529900T8BM49AURSDO55", True),
        ("529900T8BM49AURSDO54", False),
        ("529900T8BM49AURSDO5", False),
        ("529900T8BM49AURSDO-5", False),
    ],
)
def test_a_legal_entity_identifier_leaves_1_when_divided_by_97(identifier: str, right: bool) -> None:
    assert is_lei(identifier) is right


@pytest.mark.parametrize(
    ("text", "prefix", "plain"),
    [("IMO 9074729", "IMO", "9074729"), ("imo-9074729", "IMO", "9074729"), ("5299 00T8", "LEI", "529900T8")],
)
def test_an_identifier_is_read_without_blanks_signs_and_the_name_of_its_kind(
    text: str, prefix: str, plain: str
) -> None:
    assert normalize_identifier(text, prefix) == plain


@pytest.mark.parametrize("header", ["Reference", "IMO number", "Call sign", "LEI"])
@pytest.mark.parametrize("filler", ["0", "000", "0-0", "4SFXXXX"])
def test_zeros_and_masked_numbers_identify_nobody(header: str, filler: str) -> None:
    read = submit(build_sheet([["Supplier", header], ["A", filler]]))
    question = {"Reference": "reference", "IMO number": "imo", "Call sign": "call_sign", "LEI": "lei"}[header]
    assert (get_answers(read, question), get_issue_codes(read)) == ([None], ["placeholder"])


# ---------------------------------------------------------------- numbers of workers


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("Kite Placement: 60", "Kite Placement: 60"),
        ("Kite Placement (60)", "Kite Placement: 60"),
        ("Kite Placement = 1,200 workers", "Kite Placement: 1200"),
        ("Kite Placement: 1.200", "Kite Placement: 1200"),
        ("Kite Placement：12", "Kite Placement: 12"),
        ("Kite Placement: 12.5%", "Kite Placement: 12.5%"),
        ("Kite Placement: 12,5 %", "Kite Placement: 12.5%"),
        ("Kite Placement: 100%", "Kite Placement: 100%"),
        ("Kite Placement: 101%", ""),
        ("Kite Placement: 12.5", ""),
        ("Kite Placement", ""),
        (": 60", ""),
        ("Kite Placement: many", ""),
    ],
)
def test_an_agency_with_its_workers_is_read_as_a_number_or_a_share_of_at_most_all(text: str, read: str) -> None:
    assert normalize_agency_count(text) == read


def test_what_gives_no_number_for_an_agency_is_reported_and_left_out() -> None:
    read = submit(
        """| Supplier | Workers of each agency          |
           | A        | Kite Placement: 60; Fern Crew   |
           | B        | Fern Crew                       |
           | C        | Kite Placement (60)             |"""
    )
    assert get_answers(read, "workers_by_agency") == [("Kite Placement: 60",), None, ("Kite Placement: 60",)]
    assert [(issue.code, issue.cells, issue.seen) for issue in read.issues] == [
        ("workers_by_agency.unread", ("B2", "B3"), "Fern Crew")
    ]


@pytest.mark.parametrize("filler", ["9999", "99999", "999999", "9999999"])
def test_a_row_of_nines_is_no_number_of_migrants(filler: str) -> None:
    read = submit(f"| Supplier | Migrant workers |\n| A | {filler} |\n| B | 9998 |")
    assert get_answers(read, "workers_migrant") == [None, 9998.0]
    assert get_issue_codes(read) == ["placeholder", "workers.share_assumed"]


@pytest.mark.parametrize(("share", "stands"), [("45", 45.0), ("55", 55.0), ("44", 50.0), ("56", 56.0)], ids=str)
def test_a_share_within_five_points_of_the_numbers_is_used_and_otherwise_the_larger(share: str, stands: float) -> None:
    read = submit(
        build_sheet([["Supplier", "Workers", "Migrant workers", "% migrant workers"], ["A", "200", "100", share]])
    )
    assert get_answers(read, "migrant_pct") == [stands]
    assert get_issue_codes(read) == ([] if share in ("45", "55") else ["workers.share"])


def test_an_agency_form_that_came_back_with_both_numbers_of_workers_is_read() -> None:
    returned = submit(
        """| Agency         | workers_total | workers_migrant | form_version  | form_returned |
           | Kite Placement | 200           | 150             | agency 2026.2 | 2026-02-01    |""",
        form=load_combined_form("agency"),
    )
    assert get_answers(returned, "workers_migrant") == [150.0]
    assert "migrant_pct" not in returned.answers, "the form does not ask for a share"
    assert get_issue_codes(returned) == []


# ---------------------------------------------------------------- places


def test_one_reference_in_one_country_is_one_supplier_however_often_it_occurs() -> None:
    read = submit("| Reference | Supplier | Country |\n| S-1 | A | TH |\n| S-1 | B | Thailand |")
    assert (get_answers(read, "country"), read.rejected, get_issue_codes(read)) == (["TH", "TH"], 0, [])


@pytest.mark.parametrize(
    ("end", "other"), [("UAE", True), ("USA", True), ("CHN", False), ("TH", False), ("Oman", True)]
)
def test_an_address_ends_in_a_country_by_its_name_and_by_no_code_but_uae_and_usa(end: str, other: bool) -> None:
    read = submit(build_sheet([["Supplier", "Country", "Address"], ["A", "Viet Nam", f"5 Long Road, {end}"]]))
    assert get_issue_codes(read) == ["country.contradicted"] * other


# ---------------------------------------------------------------- days


@pytest.mark.parametrize("header", ["Form returned", "Answers of", "Evidence of"])
@pytest.mark.parametrize(("written", "day"), [("2019", "2019-01-01"), ("2019-03", "2019-03-01")])
def test_a_year_or_a_month_that_dates_the_answers_is_its_first_day(header: str, written: str, day: str) -> None:
    read = submit(f"| Supplier | {header} |\n| A | {written} |")
    question = {"Form returned": "form_returned", "Answers of": "answered_on", "Evidence of": "evidence_date"}[header]
    codes = [code for code in get_issue_codes(read) if code != "form.no_version"]
    assert (get_answers(read, question), codes) == ([day], ["date.part"])


def test_a_year_that_dates_nothing_of_the_row_stays_a_year() -> None:
    assert get_answers(submit("| Supplier | Last visit |\n| A | 2019 |"), "visited") == ["2019"]


# ---------------------------------------------------------------- forms that came back


@pytest.mark.parametrize(
    ("sent", "asks"),
    [
        ("2026.1", "papers"),
        ("site 2026.1", "papers"),
        ("site/2026.1", "papers"),
        ("site_fishing 2026.1", "months_at_sea"),
    ],
)
def test_the_version_that_was_sent_says_which_questions_it_asked(sent: str, asks: str) -> None:
    version = parse_form_version(sent, SITE)
    assert version is not None
    assert asks in load_form(*version, FORMS).by_id


@pytest.mark.parametrize("sent", ["agency 2026.1", "site 1999.1", "our own list", "", "2026"])
def test_a_form_of_another_kind_or_a_version_that_never_was_is_no_version(sent: str) -> None:
    assert parse_form_version(sent, SITE) is None


def test_the_core_form_did_not_ask_what_only_a_pack_asks() -> None:
    version = parse_form_version("2026.1", SITE)
    assert version is not None
    assert "months_at_sea" not in load_form(*version, FORMS).by_id
    assert parse_form_version("2026.1", AGENCY) is not None


@pytest.mark.parametrize("returned", ["", "not applicable"])
def test_a_blank_in_a_form_that_did_not_come_back_was_not_declined(returned: str) -> None:
    read = submit(f"| Supplier | Papers | Form version | Form returned |\n| A | | site 2026.1 | {returned} |")
    assert get_answers(read, "papers") == [None]


def test_what_is_no_question_of_practice_is_never_declined_by_a_blank() -> None:
    read = submit(
        """| Supplier | Country | Agencies | Papers | Form version | Form returned |
           | A        |         |          |        | site 2026.1  | 2026-02-01    |"""
    )
    assert [get_answers(read, question) for question in ("country", "agencies", "papers")] == [
        [None],
        [None],
        ["declined"],
    ]


# ---------------------------------------------------------------- case records

CASE = load_combined_form("case")
HEADER = ["Case", "Reference of site or agency", "Nationality", "Finding"]


@pytest.mark.parametrize(
    ("nationalities", "conflict"),
    [(("Myanmar", "Nepal"), True), (("Myanmar", "myanmar"), False), (("Myanmar", ""), False)],
)
def test_the_rows_of_a_case_speak_of_one_group_of_workers(nationalities: tuple[str, str], conflict: bool) -> None:
    rows = [["C-1", "S-1", nationality, "Locked in"] for nationality in nationalities]
    read = submit(build_sheet([HEADER, *rows, ["C-2", "S-1", "Nepal", "Locked in"]], "Cases"), form=CASE)
    assert ("case.conflict" in get_issue_codes(read)) is conflict
    assert get_answers(read, "case_id") == (["C-2"] if conflict else ["C-1", "C-1", "C-2"])
