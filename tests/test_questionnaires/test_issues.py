"""The catalogue of issues: every code occurs, and is reported with place and cure."""

from datetime import date

import numpy as np
import pytest
from marshmallow import ValidationError

from questionnaires.form import build_answers_schema
from questionnaires.issues import ISSUES, UnusableSheet, build_issue
from questionnaires.limits import REFUSALS
from questionnaires.validation.match import match_columns, parse_column_map
from tests.test_questionnaires.tables import SITE, build_sheet, build_table, get_answers, submit

REPORTED_FOR_RETURNED_FORMS = {  # test_complete_forms.py
    "answer.not_applicable", "answer.unsupported", "form.returned", "form.sender_unknown",
}  # fmt: skip
REPORTED_BY_SERVICE = {"sheet.hidden", "sheet.no_table", "sheet.of_countries", "sheet.unknown"} | {
    # tests/test_service, on merging answers, rows and suppliers
    *("known.listed", "known.answers", "row.same_supplier", "row.contradicted", "sheet.no_country", "sheet.no_sector"),
    "known.merged",
    *("product.unknown", "product.unrecognised"),
    "row.not_saved",
    "cell.corrected",  # tests/test_service/test_import_corrections.py
    # tests/test_service/test_weak_keys.py
    *("key.lost_digits", "key.other_name", "key.remark", "key.shared"),
    *("agency.not_asked", "row.other_supplier"),  # tests/test_service/test_returned_forms.py
    "workers.women",  # tests/test_service/test_api_rules.py
    # tests/test_service/test_evidence_confirmed.py
    *("evidence.names_no_question", "evidence.returned_form"),
    "evidence.from_workers",  # tests/test_service/test_api_evidence.py
}
# tests/test_questionnaires/test_watchlist.py
REPORTED_FOR_WATCHLISTS = {f"watchlist.{what}" for what in ("characters", "columns", "kind", "no_name", "twice")}

# tests/test_questionnaires/test_personal_data.py
REPORTED_FOR_CASES = {
    "case.conflict",
    "case.unlinked",
    "note.one_person",
    *("person.column", "sheet.of_people"),  # test_personal_columns.py
    "note.removed",
    *(f"person.{what}" for what in ("birth_date", "email", "identity_number", "name", "phone")),
}

# test_layout.py
REPORTED_FOR_LAYOUTS = {
    *(
        f"row.{reason}"
        for reason in ("title", "subtotal", "note", "page_mark", "section", "statement", "column_numbers")
    ),
    *(f"row.{reason}" for reason in ("line", "hidden", "filtered", "struck_out", "chosen")),
    *(f"row.asked_{what}_or_supplier" for what in ("sum", "note", "heading", "number")),
    "csv.encoding_unclear",  # tests/test_service/test_import_layout.py
    *("row.asked_example", "cell.ditto", "cell.merged", "cell.filled_down", "sheet.country_of_name"),
    *(
        "sheet.mixed_kinds",
        "sheet.split_kinds",
        "row.asked_kind",
        "row.asked_several",
        "sheet.of_options",
        "row.nameless",
    ),
}

CASES = {
    "answer.unknown": "| Supplier | Papers |\n| A | somewhere |",
    "workers.share_assumed": "| Supplier | Migrant workers |\n| A | 4 |",
    "answer.contradicted": "| Supplier | Agencies used | Agencies |\n| A | no | Kite Placement |",
    "country.elsewhere": "| Supplier | City | State or province | Country |\n| A | Ash | E | Fiji |\n| B | Ash | E | Tonga |",
    "country.unknown": "| Supplier | Country |\n| A | Narnia |",
    "country.ambiguous": "| Supplier | Country |\n| A | Thailand |\n| B | NA |",
    "country.all_counted": "| Supplier | Countries of origin |\n| A | Nepal; Korea |",
    "country.is_region": "| Supplier | Country |\n| A | Xinjiang |",
    "country.read_as": "| Supplier | Country |\n| A | Tailand |",
    "schema.read_as": "| Supplier | Contry |\n| A | Fiji |\n| B | Peru |\n| C | Oman |",
    "schema.unclear": "| Supplier | Country (head office) |\n| A | Fiji |",
    "schema.values": "| Supplier | Jurisdiction |\n| A | Red |\n| B | Blue |\n| C | Green |",
    "country.city": "| Supplier | City | Country |\n| A | Phnom Penh | Thailand |",
    "country.settled": "| Supplier | City | Country |\n| A | Urumqi | Hong Kong |",
    "country.shared_name": "| Supplier | Country |\n| A | Korea |",
    "country.contradicted": "| Supplier | Country | Address |\n| A | US | 5 Long Road, Suwon, Korea |",
    "date.ambiguous": "| Supplier | Last visit |\n| A | 03/04/2020 |",
    "date.calendar": "| Supplier | Last visit |\n| A | 1 พ.ค. 2567 |",
    "date.calendar_unclear": "| Supplier | Last visit |\n| A | 2079-10-05 |",
    "date.future": "| Supplier | Last visit |\n| A | 2027-01-01 |",
    "date.invalid": "| Supplier | Last visit |\n| A | last spring |",
    "date.part": "| Supplier | Form returned |\n| A | 2019 |",
    "date.range": "| Supplier | Last visit |\n| A | 1066-10-14 |",
    "date.serial": "| Supplier | Last visit |\n| A | 43657 |",
    "evidence.covers": "| Supplier | Evidence pieces |\n| A | audit; covers the weather |",
    "evidence.date": "| Supplier | Evidence pieces |\n| A | audit; 2026-03 |",
    "evidence.expiry": "| Supplier | Evidence pieces |\n| A | audit; 2026-03-01; until 2025-03-01 |",
    "evidence.future": "| Supplier | Evidence pieces |\n| A | audit; 2027-03-01 |",
    "evidence.long": f"| Supplier | Evidence pieces |\n| A | audit; ref {'7' * 121} |",
    "evidence.no_kind": "| Supplier | Evidence pieces |\n| A | 2026-03-01 |",
    "evidence.part": "| Supplier | Evidence pieces |\n| A | audit; glanced at |",
    "evidence.person": "| Supplier | Evidence pieces |\n| A | audit; ref ana@mill.example |",
    "evidence.undated": "| Supplier | Evidence pieces |\n| A | audit; ref SMETA-123 |",
    "evidence.twice": "| Supplier | Evidence pieces |\n| A | audit; document |",
    "identifier.invalid": "| Supplier | IMO number |\n| A | 9074728 |",
    "number.ambiguous": "| Supplier | Workers |\n| A | 1,234 |",
    "number.invalid": "| Supplier | Workers |\n| A | about fifty |",
    "number.range": "| Supplier | Workers |\n| A | -3 |",
    "percent.ambiguous": "| Supplier | % migrant workers |\n| A | 1 |",
    "percent.share": "| Supplier | % migrant workers |\n| A | 0.45 |",
    "sector.unknown": "| Supplier | Sector |\n| A | 6322-Cooks |",
    "text.forbidden_character": "| Supplier | Occupation |\n| A | wel\\u0007der |",
    "placeholder": "| Supplier | Workers |\n| A | 9999 |",
    "row.conflict": "| Reference | Country |\n| S1 | TH |\n| S1 | VN |",
    "row.no_name": "| Supplier | Country |\n| A | TH |\n| | TH |",
    "row.unnamed": "| Reference | Supplier |\n| S1 | |",
    "row.outside": "| Supplier | Remark |\n| A | |\n| | as of May |",
    "row.repeated_header": "| Supplier | Country |\n| A | TH |\n| Supplier | Country |\n| B | TH |",
    "row.total": "| Supplier | Workers |\n| A | 12 |\n| B | 30 |\n| Total | 42 |",
    "workers_by_agency.unread": "| Supplier | Agencies | Workers of each agency |\n| A | Kite Placement | Kite Placement |",
    "workers.contradiction": "| Supplier | Workers | Migrant workers |\n| A | 10 | 20 |",
    "workers.share": "| Supplier | Workers | Migrant workers | % migrant workers |\n| A | 100 | 10 | 60% |",
    "workers.share_counted": "| Supplier | Workers | Migrant workers |\n| A | 200 | 150 |",
    "form.no_version": "| Supplier | Form version | Form returned |\n| A | | 2026-01-05 |",
    "form.returned_unread": "| Supplier | Form version | Form returned |\n| A | 2026.1 | in spring |",
    "form.unknown_version": "| Supplier | Form version | Form returned |\n| A | 1999.7 | 2026-01-05 |",
    "schema.duplicate_column": "| Supplier | Jurisdiction | Country / Region |\n| A | TH | VN |",
    "schema.near_miss": "| Supplier | Cauntry name |\n| A | TH |",
}
UNUSABLE = {
    "file.no_rows": "| Supplier | Country |\n| | \\u00a0 |",
    "schema.no_name": "| Country | Workers |\n| TH | 5 |",
    "schema.unmapped": "| Colour | Shape |\n| red | round |",
}
BODIES = {
    "field.type": {"name": ["A"]},
    "field.unknown": {"name": "A", "score": 0},
}


@pytest.mark.parametrize("code", CASES)
def test_an_issue_of_a_sheet_is_reported_with_cell_and_fix(code):
    issue = next(issue for issue in submit(CASES[code], as_of=date(2026, 9, 1)).issues if issue.code == code)
    assert issue.cell
    assert issue.place == f"Suppliers!{issue.cell}"
    assert issue.place in issue.describe()
    assert issue.cure


@pytest.mark.parametrize("code", UNUSABLE)
def test_an_unusable_sheet_is_refused_with_the_reason(code):
    with pytest.raises(UnusableSheet) as caught:
        submit(UNUSABLE[code])
    assert caught.value.issue.code == code
    assert caught.value.issue.cure in str(caught.value)


@pytest.mark.parametrize("code", BODIES)
def test_an_invalid_json_body_is_refused_with_the_code(code):
    with pytest.raises(ValidationError) as caught:
        build_answers_schema(SITE).load(BODIES[code])
    assert code in str(caught.value.messages)


@pytest.mark.parametrize("data", [b"name = ", b"\xff\xfe", b"name = 3"])
def test_a_column_map_that_is_not_a_table_of_texts_is_refused(data):
    with pytest.raises(UnusableSheet) as caught:
        parse_column_map(data, "map.toml")
    assert caught.value.issue.code == "map.unknown"


@pytest.mark.parametrize("kind", ["errors", "formulas"])
def test_cells_with_errors_and_formulas_are_reported(kind):
    sheet = build_table("| Supplier | Workers |\n| A | 5 |", **{kind: {(2, 1): ""}})
    issues = submit(sheet).issues
    assert [(issue.code, issue.cell) for issue in issues] == [
        ("cell.error" if kind == "errors" else "cell.formula", "B2")
    ]


@pytest.mark.parametrize(
    ("code", "fields"),
    [
        ("csv.field_count", {"widths": np.array([2, 3, 2], dtype=np.int32)}),
        ("csv.quoting", {"misquoted": (2,)}),
        ("limit.cell_text", {"cell_text": 4}),
    ],
)
def test_a_row_that_the_reader_found_unreliable_is_rejected(code, fields):
    submission = submit(build_sheet([["Supplier", "Occupation"], ["A", "welder", "x"], ["B", "cook", ""]], **fields))
    errors = [(issue.code, issue.cell[1:]) for issue in submission.issues if issue.severity == "error"]
    assert errors[-1] == (code, "2")
    assert get_answers(submission, "name") == ["B"]


def test_every_code_of_the_catalogue_is_tested():
    elsewhere = {"map.unknown", "cell.error", "cell.formula", "field.required", "csv.field_count", "csv.quoting"}
    tested = {
        *CASES,
        *UNUSABLE,
        *BODIES,
        *elsewhere,
        *REPORTED_BY_SERVICE,
        *REPORTED_FOR_RETURNED_FORMS,
        *REPORTED_FOR_WATCHLISTS,
        *REPORTED_FOR_CASES,
        *REPORTED_FOR_LAYOUTS,
    }
    assert tested == ISSUES.keys() - REFUSALS.keys()


def test_a_missing_required_answer_is_refused():
    field = SITE.by_id["name"].build_field(required=True)
    with pytest.raises(ValidationError, match="field.required"):
        type(build_answers_schema(SITE)).from_dict({"name": field})().load({})


def test_equal_issues_are_reported_once_with_their_first_cells_and_a_count():
    rows = "\n".join("| A | Narnia |" for _ in range(9))
    issues = submit(f"| Supplier | Country |\n| B | TH |\n{rows}").issues
    assert [(issue.code, issue.cell, issue.cells, issue.count) for issue in issues] == [
        ("country.unknown", "B3", ("B3", "B4", "B5", "B6", "B7"), 9)
    ]


def test_many_different_issues_of_one_column_are_merged_after_the_first_fifty():
    rows = "\n".join(f"| A{n} | land {n} |" for n in range(300))
    submission = submit(f"| Supplier | Country |\n| B | TH |\n{rows}")
    issues = [issue for issue in submission.issues if issue.code == "country.unknown"]
    assert len(issues) == 51
    assert sum(issue.count for issue in issues) == 300


def test_an_issue_is_serialised_as_plain_data():
    data = build_issue("country.unknown", file="f.csv", sheet="S", cell="B3", header="Country", seen="Narnia").to_dict()
    assert data == {
        "code": "country.unknown", "severity": "error", "file": "f.csv", "sheet": "S", "cell": "B3", "cells": ["B3"],
        "header": "Country", "seen": "Narnia", "expected": ISSUES["country.unknown"].expected,
        "cure": ISSUES["country.unknown"].cure, "count": 1,
    }  # fmt: skip


def test_the_description_of_an_issue_names_the_place_what_was_seen_and_the_fix():
    issue = build_issue(
        "country.unknown", sheet="Suppliers", cell="D17", header="Country", seen="Narnia", cure="Did you mean Namibia?"
    )
    assert (
        issue.describe()
        == "Suppliers!D17 *Country*: 'Narnia' is not a recognised country; the row was not read. Did you mean Namibia?"
    )


def test_a_column_map_with_an_unknown_or_ambiguous_name_is_refused():
    sheet = build_table("| Firm | Firm | Land |\n| A | B | TH |")
    for column_map in (
        {"nonsense": "Firm"},
        {"name": "Company"},
        {"name": "Firm"},
        {"name": "Land", "country": "Land"},
    ):
        with pytest.raises(UnusableSheet) as caught:
            match_columns(sheet, 1, SITE, column_map)
        assert caught.value.issue.code == "map.unknown"


def test_a_row_that_is_not_read_has_no_issue_but_what_rejects_it():
    submission = submit("| Supplier | Country | Workers |\n| A | Narnia | about fifty |\n| B | TH | many |")
    assert [(issue.code, issue.cells) for issue in submission.issues] == [
        ("country.unknown", ("B2",)),
        ("number.invalid", ("C3",)),
    ]
