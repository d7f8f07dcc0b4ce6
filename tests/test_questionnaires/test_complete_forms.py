"""Returned forms are complete or declined; "not applicable" needs another answer to show it; plain lists decline nothing."""

import io
from datetime import date

import pytest
from openpyxl import Workbook, load_workbook

from questionnaires.form import list_form_ids, list_versions, load_combined_form, load_form
from questionnaires.sheet import Sheet, read_sheets
from questionnaires.validation.json_answers import validate_answers
from questionnaires.validation.match import find_header_row, match_columns
from questionnaires.validation.returned_forms import load_sensitive_questions
from questionnaires.validation.validate import SheetOptions, Submission, validate_sheet
from questionnaires.workbook import build_template, list_outgoing_questions
from tests.test_questionnaires.tables import get_answers, get_issue_codes, submit

SITE, AGENCY = load_combined_form("site"), load_combined_form("agency")
TODAY = date(2026, 11, 28)
CORE = load_form("site", "2026.4")
EARLIER = load_form("site", "2026.2")
CONTEXT = {"product", "worker_origin_countries", "migrant_pct", "agencies", "region"}


def submit_form(table: str, form=SITE, **options: object) -> Submission:
    return submit(table, form, as_of=TODAY, **options)


def list_declined(submission: Submission, row: int = 0) -> set[str]:
    return {question for question in submission.answers if get_answers(submission, question)[row] == "declined"}


def validate_template(data: bytes, **options: object) -> Submission:
    sheet = next(sheet for sheet in read_sheets(data, "back.xlsx") if sheet.name == "Sites")
    return validate_site_sheet(sheet, **options)


def validate_site_sheet(sheet: Sheet, **options: object) -> Submission:
    header = find_header_row(sheet, [SITE, AGENCY])
    return validate_sheet(sheet, header, match_columns(sheet, header, SITE), SITE, SheetOptions(as_of=TODAY, **options))


def fill_template(version: str = "2026.4", **answers: str) -> bytes:
    """Return the template of a site, with a name and answers in its first row."""
    book = load_workbook(io.BytesIO(build_template(load_form("site", version))))
    titles = {question.title: question.id for question in load_form("site", version).questions}
    for cell in book["Sites"][2]:
        answer = {"name": "Invented Cannery", "country": "Thailand", **answers}.get(titles[cell.value])
        if answer:
            book["Sites"].cell(3, cell.column, answer)
    buffer = io.BytesIO()
    book.save(buffer)
    return buffer.getvalue()


# ---------------------------------------------------------------- which rows are returned forms


@pytest.mark.parametrize("day", ["2026-11-20", "last spring", "31/31/2026", "2100-01-01"])
def test_a_row_with_a_day_of_return_is_complete_or_declined_even_if_the_day_cannot_be_read(day: str) -> None:
    read = submit_form(f"| Name | Form and version | Form returned on |\n| A | site 2026.4 | {day} |")
    assert list_declined(read) == {q.id for q in CORE.questions if q.is_practice} | CONTEXT


@pytest.mark.parametrize(("answered_on", "expected"), [("2026-11-20", "2026-11-20"), ("", TODAY.isoformat())])
def test_the_stamp_tells_a_returned_form_where_cells_about_it_cannot_be_read(answered_on: str, expected: str) -> None:
    book = load_workbook(io.BytesIO(fill_template(papers_retention="worker", answered_on=answered_on)))
    sheet = book["Sites"]
    for column, cells in enumerate(
        (("Form and version", "our own"), ("Form returned on", "last spring")), sheet.max_column + 1
    ):
        for row, value in enumerate(cells, 2):
            sheet.cell(row, column, value)
    buffer = io.BytesIO()
    book.save(buffer)
    read = validate_template(buffer.getvalue())
    assert get_answers(read, "form_version") == ["site 2026.4"]
    assert get_answers(read, "form_returned") == [expected]


def test_a_template_of_2026_4_that_answers_a_question_about_practice_is_a_returned_form() -> None:
    read = validate_template(fill_template(papers_retention="worker"))
    assert "movement" in list_declined(read)
    assert (get_answers(read, "form_version"), get_answers(read, "form_returned")) == (["site 2026.4"], ["2026-11-28"])
    assert "form.returned" in get_issue_codes(read)


def test_the_answers_of_a_template_are_as_old_as_the_sender_says() -> None:
    read = validate_template(fill_template(papers_retention="worker", answered_on="2026-03-01"))
    assert get_answers(read, "form_returned") == ["2026-03-01"]


def test_an_unreadable_answer_in_a_template_answers_a_question_too() -> None:
    assert "papers_retention" in list_declined(validate_template(fill_template(papers_retention="ask Bo")))


def test_a_template_that_answers_no_question_about_practice_is_a_list() -> None:
    read = validate_template(fill_template(product="shrimp"))
    assert (list_declined(read), get_issue_codes(read)) == (set(), [])


def test_a_template_before_2026_4_declines_nothing_until_the_importer_says_who_filled_it_in() -> None:
    data = fill_template("2026.2", papers_retention="worker")
    read = validate_template(data)
    assert (list_declined(read), get_issue_codes(read)) == (set(), ["form.sender_unknown"])
    assert get_issue_codes(validate_template(data, answered_by="buyer")) == []
    assert "movement" in list_declined(validate_template(data, answered_by="supplier"))


def test_the_importer_may_say_that_a_returned_form_is_its_own_list() -> None:
    assert list_declined(validate_template(fill_template(papers_retention="worker"), answered_by="buyer")) == set()


def test_headers_alone_do_not_make_a_form_but_the_importer_is_asked() -> None:
    titles = [question.title for question in CORE.questions if question.is_practice][:12]
    read = submit_form(f"| Name | {' | '.join(titles)} |\n| A |{' |' * 11} Yes |")
    assert (list_declined(read), "form.sender_unknown" in get_issue_codes(read)) == (set(), True)


@pytest.mark.parametrize("kept", ["hidden sheet", "line above the headers", "sheet made visible"])
def test_the_stamp_of_a_template_survives(kept: str) -> None:
    book = load_workbook(io.BytesIO(fill_template(papers_retention="worker")))
    if kept == "line above the headers":  # as where only the sheet of answers is saved
        copy = Workbook()
        for row in book["Sites"].iter_rows(values_only=True):
            copy.active.append(row)
        copy.active.title = "Sites"
        book = copy
    elif kept == "hidden sheet":
        book["Sites"]["A1"] = "Site"
    else:
        book["Sites"]["A1"], book["_form"].sheet_state = "Site", "visible"
    buffer = io.BytesIO()
    book.save(buffer)
    assert "movement" in list_declined(validate_template(buffer.getvalue()))


# ---------------------------------------------------------------- what is declined


def test_a_form_before_2026_4_does_not_decline_numbers_and_place() -> None:
    read = submit_form("| Name | Form and version | Form returned on |\n| A | site 2026.2 | 2026-11-20 |")
    practice = {q.id for q in EARLIER.questions if q.feeds}
    assert list_declined(read) == practice | {"product", "worker_origin_countries", "agencies"}


@pytest.mark.parametrize(
    ("answers", "settled"),
    [
        ({"Migrant workers": "0"}, {"migrant_pct", "worker_origin_countries"}),
        ({"Share of migrant workers, %": "0%"}, {"migrant_pct", "worker_origin_countries"}),
        ({"Migrant workers": "4"}, {"migrant_pct"}),
        ({"Migrant workers": "4", "Total workers": "8"}, {"migrant_pct"}),
        ({"Agencies or brokers used": "No", "Brokers of local workers": "-"}, set()),
        ({"City": "Bangkok"}, {"region"}),
        ({"Postal code": "10110"}, {"region"}),
        ({"Products": "shrimp"}, {"product"}),
    ],
)
def test_context_that_other_answers_settle_is_not_declined(answers: dict[str, str], settled: set[str]) -> None:
    cells = {"Name": "A", "Form and version": "site 2026.4", "Form returned on": "2026-11-20", **answers}
    read = submit_form(f"| {' | '.join(cells)} |\n| {' | '.join(cells.values())} |")
    assert CONTEXT - list_declined(read) == settled


def test_questions_behind_a_declared_gate_are_not_declined() -> None:
    brokers = CORE.by_id["local_brokers"].title
    read = submit_form(
        f"| Name | Agencies or brokers used | {brokers} | Form and version | Form returned on |\n"
        "| A | No | none | site 2026.4 | 2026-11-20 |"
    )
    assert get_answers(read, "uses_agencies") == ["no"]
    assert not {"agencies", "agency_checks", "months_since_monitoring"} & list_declined(read)


@pytest.mark.parametrize(("sector", "declines"), [("0311", True), ("1020", False), ("032", False)])
def test_a_form_whose_version_is_missing_asked_what_its_trade_is_asked(sector: str, declines: bool) -> None:
    read = submit_form(f"| Name | Sector | Form returned on |\n| A | {sector} | 2026-11-28 |")
    assert ("months_at_sea" in list_declined(read)) is declines


def test_a_form_whose_version_is_missing_is_the_latest_by_the_day_of_its_return() -> None:
    read = submit_form("| Name | Form returned on |\n| A | 2026-11-28 |\n| B | 2026-10-01 |")
    assert "region" in list_declined(read, 0)
    assert "region" not in list_declined(read, 1)


@pytest.mark.parametrize(("country", "is_declined"), [("China", False), ("Thailand", True)])
def test_a_sensitive_question_is_not_declined_where_answering_is_dangerous(country: str, is_declined: bool) -> None:
    read = submit_form(
        f"| Name | Country | Form and version | Form returned on |\n| A | {country} | site 2026.4 | 2026-11-20 |"
    )
    assert ("state_placement" in list_declined(read)) is is_declined


# ---------------------------------------------------------------- outgoing forms


@pytest.mark.parametrize("form_id", ["site", "site_fishing", "site_construction", "site_domestic_work", "agency"])
def test_no_version_of_an_outgoing_form_asks_what_others_reported_or_what_the_buyer_answers(form_id: str) -> None:
    for version in list_versions(form_id):
        asked = {question.id for question in list_outgoing_questions(load_form(form_id, version))}
        assert not asked & {
            "reported_harms", "reported_by", "reported_on", "worker_reported_items", "evidence_grade", "evidence_date",
            "form_version", "form_returned", "buyer_checked_on", "buyer_check_method", "buyer_check_workers",
        }  # fmt: skip
        assert {"name", "country", "papers_retention"} <= asked


def test_an_outgoing_form_leaves_out_what_endangers_its_recipient() -> None:
    for question, countries in load_sensitive_questions().items():
        for country in (*countries, "TH", None):
            asked = {asked.id for asked in list_outgoing_questions(CORE, country)}
            assert (question in asked) is (country not in countries)


@pytest.mark.parametrize("form_id", list_form_ids())
def test_a_buyers_own_sheet_may_have_every_question(form_id: str) -> None:
    combined = load_combined_form(load_form(form_id).kind)
    assert load_form(form_id).by_id.keys() <= combined.by_id.keys()
    assert load_form(form_id, "2026.4").method == 4


# ---------------------------------------------------------------- not applicable


@pytest.mark.parametrize(
    ("cells", "answer"),
    [
        ({"camp_faults": "not applicable", "housing": "Not provided (workers find their own homes)"}, "not_applicable"),
        ({"camp_faults": "not applicable", "housing": "crowded"}, None),
        ({"camp_faults": "not applicable"}, None),
        ({"camp_faults": "not applicable", "housing": "declined"}, None),
        # contradicted, so that the condition is not met
        ({"camp_faults": "not applicable", "housing": "not_provided", "persons_per_room": "12"}, None),
        ({"papers_retention": "not applicable"}, None),
    ],
)
def test_not_applicable_is_an_answer_only_where_another_answer_shows_it(
    cells: dict[str, str], answer: str | None
) -> None:
    read = submit_form(f"| Name | {' | '.join(cells)} |\n| A | {' | '.join(cells.values())} |")
    question = next(iter(cells))
    assert get_answers(read, question) == [answer]
    assert ("answer.not_applicable" in get_issue_codes(read)) is (answer is None)


@pytest.mark.parametrize(("version", "answer"), [("2026.4", "declined"), ("2026.2", "cannot_apply")])
def test_not_applicable_where_it_is_not_allowed_is_declined_in_a_form_and_not_asked_in_earlier_ones(
    version: str, answer: str
) -> None:
    read = submit_form(
        f"| Name | papers_retention | Form and version | Form returned on |\n"
        f"| A | not applicable | site {version} | 2026-11-20 |"
    )
    assert get_answers(read, "papers_retention") == [answer]


def test_what_does_not_apply_by_another_answer_needs_no_correction() -> None:
    read = submit_form("| Name | uses_agencies | agency_checks |\n| A | no | not applicable |")
    assert (get_answers(read, "agency_checks"), get_issue_codes(read)) == ([None], [])


# ---------------------------------------------------------------- denials that only silence supports


def test_a_denial_in_a_returned_form_needs_the_answer_that_could_contradict_it() -> None:
    row = {"name": "A", "freedom_to_resign": "free", "form_version": "site 2026.4", "form_returned": "2026-11-20"}
    told = {"worker_debt": "none", "family_debt": "none", "working_conditions": "good"}
    valid, issues = validate_answers(SITE, {**row, **told}, "2026-11-28")
    assert valid["freedom_to_resign"] == "free"
    for question in told:
        valid, issues = validate_answers(SITE, {**row, **told, question: None}, "2026-11-28")
        assert valid["freedom_to_resign"] == "declined"
        assert "answer.unsupported" in [issue.code for issue in issues]
    assert validate_answers(SITE, {"freedom_to_resign": "free"}, "2026-11-28")[0] == {"freedom_to_resign": "free"}


def test_denials_fall_one_after_another_until_nothing_changes() -> None:
    row = {"name": "A", "form_version": "site_fishing 2026.4", "form_returned": "2026-11-20", "crew_deposit": "none"}
    # Pay that is withheld contradicts that there is no deposit, and without that answer "no fees" rests on silence.
    contradicted = {**row, "wage_payment": "part_held", "recruitment_fees": "none"}
    valid, _ = validate_answers(SITE, contradicted, "2026-11-28")
    assert (valid["crew_deposit"], valid["recruitment_fees"], valid["wage_payment"]) == (
        "declined",
        "declined",
        "part_held",
    )


def test_a_report_beside_a_denial_is_no_contradiction() -> None:
    row = {"name": "A", "recruitment_fees": "none", "reported_harms": ("worker_paid_fees",), "reported_by": "workers"}
    assert validate_answers(SITE, row, "2026-11-28") == (row, ())
