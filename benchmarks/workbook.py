"""A supplier workbook of any size, the same on every machine: `python benchmarks/workbook.py 10000 out/suppliers.xlsx`.

Forty columns of the site form, headed by the titles of its questions: who and where (text that hardly repeats), how
many (numbers), and practice answers, of which every fifth is left blank. All of it is drawn from a seeded generator.
"""

import random
import sys
from datetime import date, timedelta
from pathlib import Path

import xlsxwriter

from questionnaires.form import Question, load_combined_form

SEED = 20260101
COLUMNS = 40
# What a buyer's own sheet has beside the practice answers.
DESCRIBED = (
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


def words(draw: random.Random, count: int) -> str:
    """A few invented words."""
    return " ".join("".join(draw.choices(SYLLABLES, k=draw.randint(2, 3))).capitalize() for _ in range(count))


def value(question: Question, draw: random.Random, row: int, agencies: list[str]) -> str | float | None:
    """One cell, as a buyer would write it."""
    texts = {
        "reference": lambda: f"S-{row:06d}",
        "name": lambda: f"{words(draw, 2)} {draw.choice(('Co., Ltd.', 'Sdn. Bhd.', 'PT', 'Pvt. Ltd.', 'S.A.'))}",
        "name_local": lambda: "".join(draw.choices(LOCAL, k=4)) + "有限公司",
        "parent": lambda: f"{words(draw, 1)} Group",
        "address": lambda: f"{draw.randint(1, 900)}/{draw.randint(1, 99)} {words(draw, 2)} Road",
        "postal_code": lambda: f"{draw.randint(10000, 99999)}",
        "agencies": lambda: "; ".join(draw.sample(agencies, draw.choice((1, 1, 2)))),
        "worker_origin_countries": lambda: ", ".join(draw.sample(ORIGINS, draw.choice((1, 1, 2, 3)))),
        "country": lambda: draw.choice(COUNTRIES),
        "sector": lambda: draw.choice(SECTORS),
        "workers_total": lambda: draw.randint(30, 4000),
        "workers_migrant": lambda: draw.randint(3, 25),
        "latitude": lambda: round(draw.uniform(-30, 40), 5),
        "longitude": lambda: round(draw.uniform(60, 140), 5),
        "tier": lambda: draw.randint(1, 3),
    }
    if question.id in texts:
        return texts[question.id]()
    if draw.random() < 0.2:
        return None
    if question.type in ("yes_no", "choice", "many"):
        titles = [choice.title for choice in question.choices] or ["Yes", "No"]
        # The first choice is the reassuring one, and the one that most sheets bring.
        return draw.choice(titles) if draw.random() < 0.3 else titles[0]
    if question.type == "date":
        return (date(2025, 10, 1) + timedelta(days=draw.randrange(300))).isoformat()
    if question.type == "percent":
        return draw.randint(0, 100)
    if question.type in ("number", "money"):
        return draw.randint(int(question.min or 0), min(int(question.max or 36), 36))
    return words(draw, 1)


def columns() -> list[Question]:
    """The questions of the sheet: what describes a supplier, then practice questions in the order they are asked."""
    form = load_combined_form("site")
    described = [form.by_id[name] for name in DESCRIBED]
    practice = [question for question in form.questions if question.feeds and question not in described]
    return (described + practice)[:COLUMNS]


def write(rows: int, path: Path) -> None:
    """The workbook: a header row and so many suppliers."""
    draw = random.Random(SEED)
    questions = columns()
    agencies = [f"{words(draw, 2)} Manpower" for _ in range(200)]
    with xlsxwriter.Workbook(path) as book:  # texts stand once and are shared, as Excel writes them
        sheet = book.add_worksheet("Suppliers")
        for column, question in enumerate(questions):
            sheet.write_string(0, column, question.title)
        for row in range(1, rows + 1):
            for column, question in enumerate(questions):
                cell = value(question, draw, row, agencies)
                if isinstance(cell, str):
                    sheet.write_string(row, column, cell)
                elif cell is not None:
                    sheet.write_number(row, column, cell)


if __name__ == "__main__":
    write(int(sys.argv[1]), Path(sys.argv[2]))
