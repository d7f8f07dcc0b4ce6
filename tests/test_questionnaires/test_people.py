"""Case records hold no person: names, telephone numbers, papers and addresses are refused in many scripts, and never repeated."""

import json
from datetime import date

import pytest
from sheets import workbook

from questionnaires.form import load
from questionnaires.issues import ISSUES
from questionnaires.person_detection import column_of_persons, person_in
from questionnaires.sheet import read
from questionnaires.validation.personal_data import without_people
from service.imports.pipeline import Choices, NothingUsable, take_in

CASE = load("case")
ON = date(2026, 6, 1)

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
PAPERS = [
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

FINE = [
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
FIRMS = [
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
        *((text, "person.identity_number") for text in PAPERS),
        *((text, "person.email") for text in ADDRESSES),
    ],
)
def test_a_person_is_seen(text, code):
    assert person_in(text) == code


@pytest.mark.parametrize(
    "text", ["Mr. Lee", "Nguyễn Văn A", "นายสมชาย ใจดี", "+66 81 234 5678", "A1234567", "worker@mail.example"]
)
def test_a_person_is_seen_inside_a_sentence(text):
    assert person_in(f"the report of May says that {text} was asked twice")


@pytest.mark.parametrize("text", FINE)
def test_places_jobs_sums_and_plain_words_pass(text):
    assert person_in(text) is None


@pytest.mark.parametrize("text", FIRMS)
def test_a_firm_may_bear_a_name_where_firms_are_asked_for(text):
    assert person_in(text, firm=True) is None


@pytest.mark.parametrize("text", ["Mrs Lee", "Blue Heron +66 81 234 5678", "office@heron.example"])
def test_the_column_of_firms_holds_no_person_either(text):
    assert person_in(text, firm=True)


def test_a_reference_may_be_a_long_number_and_no_telephone_number():
    assert person_in("0105536000123", reference=True) is None
    assert person_in("V1234567", reference=True) is None
    assert person_in("+66 81 234 5678", reference=True) == "person.phone"


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
def test_a_header_says_that_its_column_holds_persons(header, code):
    assert column_of_persons(header) == code


def sheet_of(*rows, header="| Case | Site name | Nationality | Job | Finding | Phase | Note | Remarks by office |"):
    return workbook(header, *rows, name="Cases")


def taken(data, **choices):
    return take_in([("cases.xlsx", data)], Choices(**choices), ON)


GOOD = "| C-1 | Kumar Textiles Ltd | Nepal | Sewing operator | Violence | work | hit with a tool | Samut Sakhon |"


def test_a_sheet_without_persons_is_read():
    found = taken(sheet_of(GOOD))
    assert found.received["accepted"] == 1
    assert not [issue for issue in found.issues if issue.code.startswith("person.")]


@pytest.mark.parametrize(
    ("row", "cell", "code", "secret"),
    [
        (
            "| C-2 | Kumar Textiles Ltd | Nepal | Cook | Violence | work | told by Somchai | |",
            "G3",
            "person.name",
            "Somchai",
        ),
        (
            "| C-2 | Kumar Textiles Ltd | Nepal | Cook | Violence | work | | Somchai Jaidee |",
            "H3",
            "person.name",
            "Somchai",
        ),
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
def test_a_row_with_a_person_is_refused_wherever_it_stands_and_nothing_of_it_is_repeated(row, cell, code, secret):
    found = taken(sheet_of(GOOD, row))
    told = [issue for issue in found.issues if issue.code == code]
    assert [(issue.cell, issue.severity, issue.seen) for issue in told] == [(cell, "error", "")]
    assert told[0].expected == ISSUES[code].expected
    assert told[0].cure
    assert (found.received["accepted"], found.received["rejected"]) == (1, 1)
    assert [record.case.id for record in found.cases] == ["C-1"]
    assert secret not in json.dumps(found.received, ensure_ascii=False)
    assert secret not in repr(found)


def test_every_cell_of_a_column_of_names_is_refused_whatever_it_holds():
    header = "| Case | Finding | Phase | Worker name |"
    found = taken(sheet_of("| C-1 | Violence | work | |", "| C-2 | Violence | work | Zzyx Qwerty |", header=header))
    assert [(i.code, i.cell) for i in found.issues if i.severity == "error"] == [("person.name", "D3")]
    assert "Zzyx" not in repr(found)


def test_what_stands_above_the_header_or_in_it_is_refused_too():
    book = workbook(
        "| Told to Mrs Brown | | | |",
        "| Case | Finding | Phase | ask worker@mail.example |",
        "| C-1 | Violence | work | x |",
        name="Cases",
    )
    found = taken(book)
    assert {(i.code, i.cell) for i in found.issues if i.severity == "error"} == {
        ("person.name", "A1"),
        ("person.email", "D2"),
    }
    assert "Brown" not in repr(found)
    assert "worker@" not in repr(found)


@pytest.mark.parametrize(
    ("header", "refused"), [("Mr Lee", True), ("John Smith", True), ("Grace", False), ("Rose water", False)]
)
def test_a_header_that_can_be_nothing_but_a_name_is_refused(header, refused):
    book = workbook(f"| Case | Finding | Phase | {header} |", "| C-1 | Violence | work | x |", name="Cases")
    found = taken(book)
    assert {i.cell for i in found.issues if i.code == "person.name"} == ({"D1"} if refused else set())
    assert (header in repr(found)) != refused


def test_a_sheet_that_is_no_table_is_not_repeated_when_cases_were_asked_for():
    book = workbook("| Xan Ruda | told | much |", "| Somchai | more | again |", name="Cases")
    with pytest.raises(NothingUsable) as refused:
        taken(book, kind="case")
    assert "Somchai" not in str(refused.value)
    assert "Ruda" not in str(refused.value)
    assert "Ruda" not in repr(refused.value.issues)


def test_answers_that_are_no_text_are_read_as_what_they_are():
    header = "| Case | Finding | Phase | Date | Number of people |"
    found = taken(sheet_of("| C-1 | Violence | work | 2026-05-03 | 12 |", header=header))
    assert found.received["rejected"] == 0


def test_what_is_taken_out_is_gone_from_the_sheet():
    sheet = read(sheet_of("| C-2 | | | | Violence | work | told by Somchai | |"), "cases.xlsx")[0]
    cleaned, refusals = without_people(sheet, 1, CASE)
    assert [(r.code, r.column, r.places.tolist()) for r in refusals] == [("person.name", 6, [1])]
    assert not any("Somchai" in value for column in cleaned.columns for value in column.values)


def test_two_groups_under_one_number_are_not_put_together():
    rows = [
        "| C-1 | X | Nepal | Cook | Violence | work | | |",
        "| C-1 | X | Myanmar | Cook | Locked in | work | | |",
        "| C-2 | X | Nepal | Cook | Locked in | work | | |",
    ]
    found = taken(sheet_of(*rows))
    assert [(i.code, i.seen, i.count) for i in found.issues if i.severity == "error"] == [("case.conflict", "C-1", 2)]
    assert [record.case.id for record in found.cases] == ["C-2"]
