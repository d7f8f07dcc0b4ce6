"""Columns of personal data are dropped from every sheet: nothing of them is read, stored or repeated, and an issue names them."""

from datetime import date

import pytest
from sheets import text, workbook

from service.imports.pipeline import Choices, NoUsableRows, RedactedFile, parse_files

AS_OF = date(2026, 6, 1)
SITES = ("| Reference | Supplier | Country | Sector |", "| S-1 | Blue Pier | TH | 1020 |", "| S-2 | Red Pier | TH | 1020 |",
         "| S-3 | Green Pier | TH | 1020 |", "| S-4 | Grey Pier | TH | 1020 |")  # fmt: skip
PASSPORTS = ("MB1234567", "P7654321", "EH0612345", "A8812345")
SECRETS = ("MB1234567", "7654321", "Zelwa", "1998", "Somchai", "98412")


def add_column(header: str, values: tuple[str, ...], lines: tuple[str, ...] = SITES) -> bytes:
    """Return a workbook of the sites with one more column."""
    return workbook(*(f"{line} {cell} |" for line, cell in zip(lines, (header, *values), strict=True)))


def parse(data: bytes, name: str = "list.xlsx", **choices: object):
    return parse_files([(name, data)], Choices(**choices), AS_OF)


def list_dropped(parsed: object) -> list[tuple[str, str, str]]:
    return [(issue.sheet, issue.header, issue.seen) for issue in parsed.issues if issue.code == "person.column"]


@pytest.mark.parametrize(
    ("header", "values", "kind"),
    [
        ("Worker name", ("Zelwa", "Qadiri", "Xanthu", "Brelu"), "names"),
        ("工人姓名", ("Zelwa", "Qadiri", "Xanthu", "Brelu"), "names"),
        ("Passport number", ("1234567", "x", "", "N/A"), "identity document numbers"),
        ("Hộ chiếu số", PASSPORTS, "identity document numbers"),
        ("Date of birth", ("1998-05-12", "12/05/1998", "1998", ""), "dates of birth"),
        ("出生日期", ("1998-05-12", "1998-05-12", "1998", ""), "dates of birth"),
        ("Worker phone", ("98412-34567", "", "", ""), "phone numbers"),
        ("Batch", PASSPORTS, "identity document numbers"),
        ("Remarks", ("Somchai Jaidee", "Ram Bahadur Thapa", "Maria Santos", "Md. Rahim Uddin"), "names"),
        ("Office", ("+66 81 234 5678", "+66 81 984 1200", "+66 81 111 2222", "081-234-5678"), "phone numbers"),
        ("Passports held by", PASSPORTS, "identity document numbers"),
        ("Auditor", ("Zelwa Brelu", "Qadiri Xanthu", "Zelwa Brelu", "Xanthu Brelu"), "names"),
        ("HRBP", ("Zelwa Brelu", "Qadiri Xanthu", "Xanthu Brelu", "Vornik Zelwa"), "names"),
        ("เจ้าของ", ("เซลวา เบรลู", "กาดิรี", "ซันทู เบรลู", "วอร์นิก"), "names"),
        ("Filled in by (name)", ("Zelwa Brelu", "Q. Xanthu", "", ""), "names"),
        ("मालिक का नाम (Owner)", ("ज़ेल्वा ब्रेलु", "क़ादिरी", "ज़ांथु ब्रेलु", "वोर्निक"), "names"),
        ("Resp. conformité", ("Zelwa Brelu", "Qadiri Xanthu", "Xanthu Brelu", "Vornik Zelwa"), "names"),
    ],
)
def test_a_column_of_personal_data_is_dropped_and_its_rows_are_read(header: str, values: tuple[str, ...], kind: str):
    parsed = parse(add_column(header, values))
    assert list_dropped(parsed) == [("Suppliers", header, kind)]
    assert parsed.received["accepted"] == 4
    for secret in (value for value in values if len(value) > 4):
        assert secret not in repr(parsed)
        assert secret.encode() not in parsed.redacted[0]


@pytest.mark.parametrize(
    ("header", "values"),
    [
        ("Contact email", ("a@one.example", "b@two.example", "c@three.example", "d@four.example")),
        ("Passport policy", ("kept by workers", "kept by workers", "safe", "")),
        ("Worker", ("120", "40", "1,200", "")),
        ("Vendor code", ("V1000001", "V1000002", "V1000003", "V1000004")),
        ("Lieferantennummer", ("1000234567", "2000234568", "3000234569", "4000234570")),
        ("Parent company", ("Kumar Textiles Ltd", "Mohammad Ali Trading", "Ram Bahadur Overseas Pvt", "Maria Santos Garments")),
        ("Auditor", ("SGS", "Zelwa Certification Services", "Brelu Audit Ltd", "UL")),
        ("HR policy", ("yes", "no", "in preparation", "yes")),
        ("Turnover", ("120000000 THB", "240000000 THB", "90000000 THB", "")),
        ("Last audit", ("2026-01-02", "2026-02-03", "2025-12-12", "")),
    ],
)  # fmt: skip
def test_an_ordinary_column_is_kept(header: str, values: tuple[str, ...]):
    parsed = parse(add_column(header, values))
    assert list_dropped(parsed) == []
    assert parsed.redacted == {}


def test_a_case_sheet_loses_the_column_of_names_and_none_of_its_findings():
    book = workbook(
        "| Case | Finding | Phase | Worker name |", "| C-1 | Violence | work | Zelwa |", "| C-2 | Violence | work | |",
        name="Cases",
    )  # fmt: skip
    parsed = parse(book)
    assert list_dropped(parsed) == [("Cases", "Worker name", "names")]
    assert [record.case.id for record in parsed.cases] == ["C-1", "C-2"]
    assert "Zelwa" not in repr(parsed)


def test_own_practices_lose_a_column_of_names():
    parsed = parse_files(
        [("own.csv", text("| Business unit | Worker name |", "| Outdoor | Zelwa |"))], Choices(kind="buyer"), AS_OF,
        allow_buyer_only=True,
    )  # fmt: skip
    assert list_dropped(parsed) == [("own", "Worker name", "names")]
    assert "Zelwa" not in repr(parsed)


def test_a_list_of_people_is_not_read_as_a_list_of_suppliers():
    rows = ("| Name | Passport no | Country |", *(f"| Zelwa {number} | {number} | NP |" for number in PASSPORTS))
    with pytest.raises(NoUsableRows) as caught:
        parse(workbook(*rows))
    assert [issue.code for issue in caught.value.issues] == ["sheet.of_people"]
    assert "Zelwa" not in repr(caught.value.issues)


def test_companies_beside_their_bank_accounts_are_no_list_of_people():
    rows = (
        "| Name | Bank | Country |",
        *(f"| Zelwa {number} GmbH | DE00{number} | DE |" for number in range(123_456, 123_460)),
    )
    assert parse(workbook(*rows)).received["accepted"] == 4


def test_a_sheet_of_people_that_is_not_read_is_reported_and_not_stored():
    people = "\n".join(("| No | Worker name | Passport no |", "| 1 | Zelwa | MB1234567 |", "| 2 | Qadiri | P7654321 |"))
    parsed = parse(workbook(*SITES, name="Sites", People=people))
    assert {(sheet, header) for sheet, header, _ in list_dropped(parsed)} == {
        ("People", "Worker name"), ("People", "Passport no"),
    }  # fmt: skip
    assert parsed.received["accepted"] == 4
    assert not [secret for secret in SECRETS if secret.encode() in parsed.redacted[0] or secret in repr(parsed)]


def test_the_copy_without_the_column_is_read_as_the_file_was():
    parsed = parse(add_column("Worker name", ("Zelwa", "Qadiri", "Xanthu", "Brelu")))
    again = parse_files([("list.xlsx", RedactedFile(parsed.redacted[0]))], Choices(), AS_OF)
    assert [batch.answers.to_rows() for batch in again.batches] == [batch.answers.to_rows() for batch in parsed.batches]
    assert list_dropped(again) == []


def test_what_was_dropped_is_not_shown_although_the_first_rows_alone_would_not_tell():
    """Of the first 500 rows fewer than eight in ten are names, of all rows nearly all."""
    names = ("Somchai Jaidee", "Ram Bahadur Thapa", "Maria Santos", "Md. Rahim Uddin")
    cells = [
        *names,
        *(f"gate {number}" for number in range(2)),
        *[""] * 500,
        *(f"Maria Santos {c}" for c in "abcdefgh"),
    ]
    lines = (SITES[0], *(f"| S-{number} | Blue Pier {number} | TH | 1020 |" for number in range(len(cells))))
    parsed = parse(add_column("Remarks", tuple(cells), lines))
    assert list_dropped(parsed) == [("Suppliers", "Remarks", "names")]
    assert not [name for name in names if name in repr(parsed.seen)]


def test_a_header_that_is_the_name_of_a_person_is_not_recorded_with_the_layout():
    parsed = parse(add_column("John Smith", ("x", "y", "", "")))
    assert "Reference" in repr(parsed.seen)
    assert "John Smith" not in repr((parsed.seen, parsed.issues, parsed.received))
