"""Case records contain no personal data: names, phone and document numbers and addresses are rejected, and never repeated."""

import csv
import io
import json
from datetime import date

import pytest
from examples import examples
from hypothesis import given
from hypothesis import strategies as st
from sheets import workbook

from questionnaires.form import load_form
from questionnaires.issues import ISSUES
from questionnaires.person_detection import detect_personal_column, detect_personal_data
from questionnaires.sheet import read_sheets
from questionnaires.validation.personal_data import redact_pii
from risk_models.cases.readings import read_case
from service.imports.pipeline import Choices, NoUsableRows, RedactedFile, parse_files

CASE = load_form("case")
AS_OF = date(2026, 6, 1)

NAMES = [
    "Mr. Lee",
    "Mrs Brown",
    "Sra. Gómez",
    "U Tin Win Maung",
    "Ko Min Thu",
    "Daw Khin",
    "Md. Rahim Uddin",
    "Nguyễn Văn A",
    "Siti Nurhaliza",
    "Maria dela Cruz",
    "ram bahadur tamang",
    "RAM BAHADUR TAMANG",
    "Captain Aung",
    "John",
    "told us by Somchai on deck",
    "a man named Xanthu said so",
    "daughter of Bishnu",
    "นายสมชาย ใจดี",
    "นางสาวมาลี",
    "ဦးတင်ဝင်း",
    "ဒေါ်ခင်",
    "राम बहादुर थापा",
    "श्री रमेश",
    "মোঃ করিম",
    "রহিমা বেগম",
    "陳大文先生",
    "王小姐",
    "田中さん",
    "김철수 씨",
    "محمد علي",
    "علي بن حسن",
    "السيد كريم",
    "Иванов Иван Петрович",
    "លោក សុខា",
    "திரு முருகன்",
    "አቶ ተስፋዬ",
    "ທ້າວ ບຸນມີ",
]
PHONES = [
    "+66 81 234 5678",
    "0066 81-234-5678",
    "081-234-5678",
    "๐๘๑ ๒๓๔ ๕๖๗๘",
    "(081) 234 5678",
    "call 9841 234567",
    "whatsapp: 98412-34567",
]
DOCUMENT_NUMBERS = [
    "A1234567",
    "passport no. 774411AB",
    "P1234567A",
    "12/KaMaYa(N)123456",
    "1-2345-67890-12-3",
    "1234 5678 9012",
    "110101199003074514",
    "S1234567D",
    "A123456(7)",
    "800101-14-5566",
    "12-34-56-78901",
    "护照 E12345678",
    "၁၂/ကမရ(နိုင်)၁၂၃၄၅၆",
]
ADDRESSES = ["worker@mail.example", "worker (at) mail.example", "wa.me/9779841", "facebook.com/someone"]

ALLOWED = [
    "Samut Sakhon",
    "Ho Chi Minh City",
    "San Jose",
    "Santa Maria",
    "Port Said",
    "St. Andrew",
    "Binh Duong",
    "Yang Zhou",
    "Ba Ria-Vung Tau",
    "Jebel Ali",
    "George Town",
    "Chattogram Export Processing Zone",
    "Jordan",
    "Georgia",
    "Chad",
    "Deck hand",
    "Deckhand",
    "Sewing Operator",
    "Machine Operator",
    "Domestic Worker",
    "Truck driver",
    "Cook",
    "Baker",
    "Mason",
    "Quality Control",
    "駕駛員",
    "운전기사",
    "作業員さん",
    "คนงานประมง",
    "นายจ้างยึดหนังสือเดินทาง",
    "นายหน้า",
    "คุณภาพอาหารไม่ดี",
    "ဒေါ်လာ ၅၀၀",
    "လုပ်ငန်းခွင်",
    "날씨가 나쁨",
    "お客様",
    "黎巴嫩",
    "working in خطر",
    "paid 120000000 VND to the broker",
    "THB 900000000",
    "BDT 350,000",
    "2023-05 to 2023-08",
    "2024-05-03",
    "01/02/2026",
    "told on 05.06.2026 and 07.08.2026",
    "2026-05-01/2026-06-01",
    "between 06:00 and 22:00",
    "12 workers",
    "300 km from port",
    "C-12",
    "CASE-0012",
    "2024-0012-33",
    "KTM-2024-017",
    "Line 3, Shift A",
    "Room 12, Block C",
    "In Progress",
    "High Risk",
    "ILO C029",
    "IMO",
    "The captain keeps all seaman books",
    "Saw the guards at the gate",
    "Called the police",
    "Told by the supervisor",
    "may not leave",
    "will be paid later",
    "Miss meals when sick",
    "passport withheld",
    "phone taken at night",
    "email account watched",
]
COMPANY_NAMES = [
    "Kumar Textiles Ltd",
    "Mohammad Ali Trading",
    "Ram Bahadur Overseas Pvt. Ltd.",
    "Blue Heron Seafoods",
    "Maria Cristina Garments",
    "Shree Ganesh Textiles",
    "Wong Kee",
    "Hassan & Sons",
]


@pytest.mark.parametrize(
    ("text", "code"),
    [
        *((text, "person.name") for text in NAMES),
        *((text, "person.phone") for text in PHONES),
        *((text, "person.identity_number") for text in DOCUMENT_NUMBERS),
        *((text, "person.email") for text in ADDRESSES),
    ],
)
def test_personal_data_is_detected(text, code):
    assert detect_personal_data(text) == code


@pytest.mark.parametrize(
    "text", ["Mr. Lee", "Nguyễn Văn A", "นายสมชาย ใจดี", "+66 81 234 5678", "A1234567", "worker@mail.example"]
)
def test_personal_data_is_detected_inside_a_sentence(text):
    assert detect_personal_data(f"the report of May says that {text} was asked twice")


@pytest.mark.parametrize("text", ["Großhandel: told by Mr Xan", "Straße 5, Ms Bir", "İzmir, Mr Xan"])
def test_a_name_is_detected_after_a_letter_that_is_two_in_lower_case(text):
    assert detect_personal_data(text) == "person.name"


@pytest.mark.parametrize("text", ALLOWED)
def test_places_jobs_amounts_and_ordinary_words_are_allowed(text):
    assert detect_personal_data(text) is None


@pytest.mark.parametrize("text", COMPANY_NAMES)
def test_a_company_may_have_the_name_of_a_person(text):
    assert detect_personal_data(text, company_name=True) is None


@pytest.mark.parametrize("text", ["Mrs Lee", "Blue Heron +66 81 234 5678", "office@heron.example"])
def test_personal_data_in_a_company_name_is_detected(text):
    assert detect_personal_data(text, company_name=True)


def test_a_reference_may_be_a_long_number_but_not_a_phone_number():
    assert detect_personal_data("0105536000123", reference=True) is None
    assert detect_personal_data("V1234567", reference=True) is None
    assert detect_personal_data("+66 81 234 5678", reference=True) == "person.phone"


@pytest.mark.parametrize(
    ("header", "code"),
    [
        ("Worker name", "person.name"),
        ("Name", "person.name"),
        ("姓名", "person.name"),
        ("Phone", "person.phone"),
        ("WhatsApp number", "person.phone"),
        ("Passport No.", "person.identity_number"),
        ("E-mail", "person.email"),
        ("Site name", None),
        ("Finding", None),
        ("Notes", None),
        ("Line", None),
    ],
)
def test_a_header_that_announces_personal_data_is_detected(header, code):
    assert detect_personal_column(header) == code


def build_case_workbook(
    *rows, header="| Case | Site name | Nationality | Job | Finding | Phase | Note | Remarks by office |"
):
    return workbook(header, *rows, name="Cases")


def parse_case_file(data, **choices):
    return parse_files([("cases.xlsx", data)], Choices(**choices), AS_OF)


VALID_ROW = "| C-1 | Kumar Textiles Ltd | Nepal | Sewing operator | Violence | work | hit with a tool | Samut Sakhon |"


def test_a_sheet_without_personal_data_is_read():
    parsed = parse_case_file(build_case_workbook(VALID_ROW))
    assert parsed.received["accepted"] == 1
    assert not [issue for issue in parsed.issues if issue.code.startswith("person.")]


@pytest.mark.parametrize(
    ("row", "cell", "code", "secret"),
    [
        (
            "| C-2 | Kumar Textiles Ltd | Nepal | Ram Bahadur Thapa | Violence | work | | |",
            "D3",
            "person.name",
            "Bahadur",
        ),
        ("| C-2 | Kumar Textiles Ltd | Nepal | Cook | Somchai was beaten | work | | |", "E3", "person.name", "Somchai"),
        (
            "| A1234567 | Kumar Textiles Ltd | Nepal | Cook | Violence | work | | |",
            "A3",
            "person.identity_number",
            "A1234567",
        ),
        (
            "| C-2 | Kumar Textiles Ltd | Nepal | Cook | Violence | +66 81 234 5678 | | |",
            "F3",
            "person.phone",
            "234 5678",
        ),
        (
            "| C-2 | Kumar Textiles Ltd | +66 81 234 5678 | Cook | Violence | work | | |",
            "C3",
            "person.phone",
            "234 5678",
        ),
        ("| C-2 | office@heron.example | Nepal | Cook | Violence | work | | |", "B3", "person.email", "heron"),
    ],
)
def test_a_row_with_personal_data_in_any_column_that_is_read_is_rejected_and_not_repeated(row, cell, code, secret):
    parsed = parse_case_file(build_case_workbook(VALID_ROW, row))
    issues = [issue for issue in parsed.issues if issue.code == code]
    assert [(issue.cell, issue.severity, issue.seen) for issue in issues] == [(cell, "error", "")]
    assert issues[0].expected == ISSUES[code].expected
    assert issues[0].cure
    assert (parsed.received["accepted"], parsed.received["rejected"]) == (1, 1)
    assert [record.case.id for record in parsed.cases] == ["C-1"]
    assert secret not in json.dumps(parsed.received, ensure_ascii=False)
    assert secret not in repr(parsed)


@pytest.mark.parametrize(
    ("note", "remarks", "cell"), [("told by Somchai", "", "G3"), ("", "Somchai Jaidee, +66 81 234 5678", "H3")]
)
def test_personal_data_in_a_note_costs_the_note_and_never_the_finding(note, remarks, cell):
    row = f"| C-2 | Kumar Textiles Ltd | Nepal | Cook | Violence | work | {note} | {remarks} |"
    parsed = parse_case_file(build_case_workbook(VALID_ROW, row))
    (issue,) = (issue for issue in parsed.issues if issue.code == "note.removed")
    assert (issue.cell, issue.severity, issue.seen) == (cell, "warning", "")
    assert parsed.received["accepted"] == 2
    assert [(record.case.findings[0].finding_id, record.notes[0]) for record in parsed.cases][1] == ("violence", None)
    assert "Somchai" not in repr(parsed)


def test_a_note_that_points_to_one_person_is_kept_and_reported_without_its_text():
    row = "| C-2 | Kumar Textiles Ltd | Nepal | Cook | Violence | work | room 14, bed 12 | bed 12 |"
    parsed = parse_case_file(build_case_workbook(VALID_ROW, row))
    (issue,) = (issue for issue in parsed.issues if issue.code.startswith("note."))
    assert (issue.code, issue.cell, issue.severity, issue.seen) == ("note.one_person", "G3", "warning", "")
    assert [record.notes for record in parsed.cases] == [("hit with a tool",), ("room 14, bed 12",)]
    assert parsed.redacted == {}


PIECES = st.sampled_from(
    [
        "Somchai Jaidee", "Mr Nguyen Van Anh", "told by Maria Santos", "+66 81 234 5678", "passport A1234567",
        "somchai.j@mail.example", "gate chained at night", "the supervisor", "hit with a tool", "12 men", "=1+1", "'; --",
        "\u0e2a\u0e21\u0e0a\u0e32\u0e22", "named Xan", "s/o Bir",
    ]
)  # fmt: skip
NOTES = st.lists(
    PIECES | st.text(st.characters(exclude_categories=["C"], exclude_characters="|"), max_size=20), max_size=4
)
FINDINGS = ["Violence", "Locked in", "Papers held by someone else", "Wages withheld"]
NOTES_A_SHEET = 100


@examples(6)  # each of a hundred notes; with --long, 6,000 of them
@given(st.lists(NOTES.map(" ".join), min_size=NOTES_A_SHEET, max_size=NOTES_A_SHEET))
def test_redacting_a_note_never_lowers_a_case(notes):
    header = "Case,Reference,Adults or children,Finding,Phase,Date,Note,Remarks"
    readings = []
    for texts in (notes, [""] * NOTES_A_SHEET):
        buffer = io.StringIO()
        rows = csv.writer(buffer)
        rows.writerow(header.split(","))
        for number, note in enumerate(texts):
            finding = FINDINGS[number % len(FINDINGS)]
            rows.writerow([f"C-{number}", "S-1", "Adults", finding, "at work", "2026-10-01", note, note[::-1]])
        parsed = parse_files([("cases.csv", buffer.getvalue().encode())], Choices(kind="case"), AS_OF)
        readings.append([(record.case.id, *read_strength(record)) for record in parsed.cases])
    assert readings[0] == readings[1]


def read_strength(record):
    reading = read_case(record.case, AS_OF)
    return reading.strength, reading.indicators


def test_sheets_without_their_notes_are_stored_and_read_as_they_were():
    rows = (VALID_ROW, "| C-2 | Kumar Textiles Ltd | Nepal | Cook | Violence | work | told by Somchai | |")
    parsed = parse_case_file(build_case_workbook(*rows))
    stored = parsed.redacted[0]
    assert b"Somchai" not in stored
    again = parse_files([("cases.xlsx", RedactedFile(stored))], Choices(), AS_OF)
    assert again.cases == parsed.cases
    assert not [issue for issue in again.issues if issue.code == "note.removed"]


def test_personal_data_above_or_in_the_header_is_rejected():
    book = workbook(
        "| Told to Mrs Brown | | | |",
        "| Case | Finding | Phase | ask worker@mail.example |",
        "| C-1 | Violence | work | x |",
        name="Cases",
    )
    parsed = parse_case_file(book)
    assert {(issue.code, issue.cell) for issue in parsed.issues if issue.severity == "error"} == {
        ("person.name", "A1"),
        ("person.email", "D2"),
    }
    assert "Brown" not in repr(parsed)
    assert "worker@" not in repr(parsed)


@pytest.mark.parametrize(
    ("header", "rejected"), [("Mr Lee", True), ("John Smith", True), ("Grace", False), ("Rose water", False)]
)
def test_a_header_that_can_only_be_a_name_is_rejected(header, rejected):
    book = workbook(f"| Case | Finding | Phase | {header} |", "| C-1 | Violence | work | x |", name="Cases")
    parsed = parse_case_file(book)
    assert {issue.cell for issue in parsed.issues if issue.code == "person.name"} == ({"D1"} if rejected else set())
    assert (header in repr(parsed)) != rejected


def test_an_unusable_case_sheet_is_not_quoted_in_the_error():
    book = workbook("| Xan Ruda | told | much |", "| Somchai | more | again |", name="Cases")
    with pytest.raises(NoUsableRows) as caught:
        parse_case_file(book, kind="case")
    assert "Somchai" not in str(caught.value)
    assert "Ruda" not in str(caught.value)
    assert "Ruda" not in repr(caught.value.issues)


def test_the_identifier_of_a_record_is_no_number_of_a_person():
    assert detect_personal_data("Worker survey 00082952-c54d-4d10-a3de-f181af93d246") is None
    assert detect_personal_data("Worker survey 12345678-1234-4123-8123-123456789012") is None
    assert detect_personal_data("Worker survey 00829512345") == "person.phone"


def test_dates_and_numbers_are_not_taken_for_personal_data():
    header = "| Case | Finding | Phase | Date | Number of people |"
    parsed = parse_case_file(build_case_workbook("| C-1 | Violence | work | 2026-05-03 | 12 |", header=header))
    assert parsed.received["rejected"] == 0


def test_redacted_texts_are_removed_from_the_sheet():
    sheet = read_sheets(build_case_workbook("| C-2 | | | | Violence | work | told by Somchai | |"), "cases.xlsx")[0]
    cleaned, redacted = redact_pii(sheet, 1, CASE)
    assert [(cells.code, cells.column, cells.rows.tolist()) for cells in redacted] == [("person.name", 6, [1])]
    assert not any("Somchai" in value for column in cleaned.columns for value in column.values)


def test_different_groups_under_one_case_number_are_rejected():
    rows = [
        "| C-1 | X | Nepal | Cook | Violence | work | | |",
        "| C-1 | X | Myanmar | Cook | Locked in | work | | |",
        "| C-2 | X | Nepal | Cook | Locked in | work | | |",
    ]
    parsed = parse_case_file(build_case_workbook(*rows))
    assert [(issue.code, issue.seen, issue.count) for issue in parsed.issues if issue.severity == "error"] == [
        ("case.conflict", "C-1", 2)
    ]
    assert [record.case.id for record in parsed.cases] == ["C-2"]
