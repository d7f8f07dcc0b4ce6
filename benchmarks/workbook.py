"""Write a supplier workbook of any size, identical on every machine: `python benchmarks/workbook.py 10000 out/suppliers.xlsx`.

It has forty columns from the site form, with the titles of the questions as headers: names and places (text that is rarely
repeated), numbers, and answers about practice, a fifth of which are left blank. All values come from a random generator with a
fixed seed.
"""

import random
import sys
from datetime import date, timedelta
from pathlib import Path

import xlsxwriter

from questionnaires.form import load_combined_form
from questionnaires.question import Question

SEED = 20260101
COLUMNS = 40
# The columns of a typical buyer's sheet, apart from answers about practice.
DESCRIPTIVE_COLUMNS = (
    "reference name name_local parent tier country region city address postal_code sector product occupation "
    "facility_type latitude longitude workers_total workers_migrant female_pct agencies worker_origin_countries "
    "answered_on evidence_grade evidence_date"
).split()
COUNTRIES = (
    "Thailand,Vietnam,Indonesia,Bangladesh,India,China,Malaysia,Pakistan,Cambodia,Sri Lanka,Turkey,Mexico,Brazil,"
    "Portugal,TH,VN,MY,TW,QA,JO,MU,KR,JP,PH"
).split(",")
ORIGINS = ("Myanmar", "Nepal", "Cambodia", "Bangladesh", "Indonesia", "Philippines", "India", "Viet Nam", "Sri Lanka")
SECTORS = "1020 1410 1520 2610 2220 3100 4100 4290 0311 0312 2813 1311 9700 0113".split()
SYLLABLES = "ban dor fel gan hal jun kem lor min nar pel ros san tam ul vin wel yar zen".split()
LOCAL = "安邦成大東方福光海和華金利明南平榮三盛泰天同新興永裕源正中"


def draw_words(rng: random.Random, count: int) -> str:
    """Return a few invented words."""
    return " ".join("".join(rng.choices(SYLLABLES, k=rng.randint(2, 3))).capitalize() for _ in range(count))


def draw_cell(question: Question, rng: random.Random, row: int, agencies: list[str]) -> str | float | None:
    """Return the value of one cell as a buyer would write it, or None if the cell is blank."""
    generators = {
        "reference": lambda: f"S-{row:06d}",
        "name": lambda: f"{draw_words(rng, 2)} {rng.choice(('Co., Ltd.', 'Sdn. Bhd.', 'PT', 'Pvt. Ltd.', 'S.A.'))}",
        "name_local": lambda: "".join(rng.choices(LOCAL, k=4)) + "有限公司",
        "parent": lambda: f"{draw_words(rng, 1)} Group",
        "address": lambda: f"{rng.randint(1, 900)}/{rng.randint(1, 99)} {draw_words(rng, 2)} Road",
        "postal_code": lambda: f"{rng.randint(10000, 99999)}",
        "agencies": lambda: "; ".join(rng.sample(agencies, rng.choice((1, 1, 2)))),
        "worker_origin_countries": lambda: ", ".join(rng.sample(ORIGINS, rng.choice((1, 1, 2, 3)))),
        "country": lambda: rng.choice(COUNTRIES),
        "sector": lambda: rng.choice(SECTORS),
        "workers_total": lambda: rng.randint(30, 4000),
        "workers_migrant": lambda: rng.randint(3, 25),
        "latitude": lambda: round(rng.uniform(-30, 40), 5),
        "longitude": lambda: round(rng.uniform(60, 140), 5),
        "tier": lambda: rng.randint(1, 3),
    }
    if question.id in generators:
        return generators[question.id]()
    if rng.random() < 0.2:
        return None
    if question.type in ("yes_no", "choice", "many"):
        titles = [choice.title for choice in question.choices] or ["Yes", "No"]
        # The first choice is the reassuring one, which is also the most frequent in real sheets.
        return rng.choice(titles) if rng.random() < 0.3 else titles[0]
    if question.type == "date":
        return (date(2025, 10, 1) + timedelta(days=rng.randrange(300))).isoformat()
    if question.type == "percent":
        return rng.randint(0, 100)
    if question.type in ("number", "money"):
        return rng.randint(int(question.min or 0), min(int(question.max or 36), 36))
    return draw_words(rng, 1)


def list_columns() -> list[Question]:
    """Return the questions in the sheet: those that describe a supplier, then those about practice in the order of the form."""
    form = load_combined_form("site")
    descriptive = [form.by_id[name] for name in DESCRIPTIVE_COLUMNS]
    practice = [question for question in form.questions if question.feeds and question not in descriptive]
    return (descriptive + practice)[:COLUMNS]


def write_workbook(rows: int, path: Path) -> None:
    """Write a workbook with a header row and the given number of suppliers."""
    rng = random.Random(SEED)
    questions = list_columns()
    agencies = [f"{draw_words(rng, 2)} Manpower" for _ in range(200)]
    with xlsxwriter.Workbook(path) as book:  # with shared strings, as in Excel files
        sheet = book.add_worksheet("Suppliers")
        for column, question in enumerate(questions):
            sheet.write_string(0, column, question.title)
        for row in range(1, rows + 1):
            for column, question in enumerate(questions):
                cell = draw_cell(question, rng, row, agencies)
                if isinstance(cell, str):
                    sheet.write_string(row, column, cell)
                elif cell is not None:
                    sheet.write_number(row, column, cell)


if __name__ == "__main__":
    write_workbook(int(sys.argv[1]), Path(sys.argv[2]))
