"""``diligence repay``: files written, output, and exit status."""

import io
import json
import zipfile
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import cohorts
import openpyxl
import pytest
from api_contract import validator
from sheets import workbook

from risk_models.evidence import GRADE_TITLES
from service import cli
from service.remediation import cohort_sheet


def repay(tmp_path: Path, data: bytes, *options: str, rates: bytes | None = cohorts.RATES) -> tuple[int, Any]:
    """The exit status, and the document if one was written."""
    tmp_path.mkdir(exist_ok=True)
    (tmp_path / "cohorts.xlsx").write_bytes(data)
    document = ["repay", str(tmp_path / "cohorts.xlsx"), "--out", str(tmp_path / "out"), "--on", "2026-01-01", *options]
    if rates is not None:
        (tmp_path / "rates.csv").write_bytes(rates)
        document += ["--rates", str(tmp_path / "rates.csv")]
    status = cli.main(document)
    path = tmp_path / "out" / "repayment.json"
    return status, json.loads(path.read_text(encoding="utf-8")) if path.exists() else None


def book(tmp_path: Path) -> openpyxl.Workbook:
    """The workbook that was written."""
    return openpyxl.load_workbook(tmp_path / "out" / "repayment.xlsx")


def test_a_sheet_of_cohorts_becomes_a_workbook_and_a_document_with_the_same_figures(
    tmp_path: Path, capsys: Any
) -> None:
    status, document = repay(tmp_path, cohorts.sheet())
    assert status == 0
    validator("Repayment").validate(document)
    assert document["total"]["central"] == cohorts.TOTAL
    assert [item["per_worker"]["central"] for item in document["cohorts"]] == ["125.00", "750.00"]
    assert "14 workers" not in capsys.readouterr().out  # 12 and 4
    written = book(tmp_path)
    assert written.sheetnames == ["Summary", "Cohorts", "Items", "Instalments", "Assumptions", "Reconciliation"]
    totals = {row[0].value: row[2].value for row in written["Summary"].iter_rows(max_col=3)}
    assert totals["Owed to workers"] == float(cohorts.TOTAL)
    items = list(written["Items"].iter_rows(min_row=2, values_only=True))
    heads = [cell.value for cell in written["Items"][1]]
    assert sum(row[heads.index("Total (central estimate)")] for row in items) == float(cohorts.TOTAL)
    paid = written["Instalments"].iter_rows(min_row=2, values_only=True)
    assert sum(row[6] for row in paid) == float(cohorts.TOTAL)
    differences = [row for row in written["Reconciliation"].iter_rows(values_only=True) if row[0] == "Difference"]
    assert len(differences) == 4
    assert all(figure == 0 for row in differences for figure in row[2:5])


def test_the_days_in_the_workbook_are_those_of_the_document(tmp_path: Path) -> None:
    _, document = repay(tmp_path, cohorts.sheet(), "--instalments", "3")
    written = book(tmp_path)
    summary = {row[0].value: row[1].value for row in written["Summary"].iter_rows(max_col=2)}
    days = {"Calculated as of": document["on"], "Deadline": document["terms"]["deadline"]}
    assert {name: f"{summary[name]:%Y-%m-%d}" for name in days} == days
    heads = [cell.value for cell in written["Instalments"][1]]
    due = [row[heads.index("Due")] for row in written["Instalments"].iter_rows(min_row=2, values_only=True)]
    assert [f"{day:%Y-%m-%d}" for day in due] == [each["due"] for each in document["instalments"]]


def test_every_assumption_is_listed_with_its_source_in_both(tmp_path: Path) -> None:
    _, document = repay(tmp_path, cohorts.sheet())
    listed = {row[0] for row in book(tmp_path)["Assumptions"].iter_rows(min_row=2, values_only=True)}
    assert listed == {item["id"] for item in document["assumptions"]}
    assert {"after_policy", "rates", "deadline", "corridor_fact", "same_scale"} <= listed
    assert all(item["sources"] for item in document["assumptions"])
    named = {name for item in document["assumptions"] for name in item["sources"] if name.startswith("RP-")}
    assert named <= document["sources"].keys()


def test_assumptions_name_grades_of_evidence_and_dates_as_people_do(tmp_path: Path) -> None:
    _, document = repay(tmp_path, cohorts.sheet())
    texts = {item["id"]: item["text"] for item in document["assumptions"]}
    assert texts["evidence"].startswith(tuple(f"{title}: " for title in GRADE_TITLES.values()))
    assert texts["deadline"].endswith(f"{date.fromisoformat(document['terms']['deadline']):%-d %b %Y}.")


def test_lodging_and_food_count_above_a_fair_value_and_an_open_debt_is_cancelled(tmp_path: Path, capsys: Any) -> None:
    headers = (*cohorts.HEADERS, "Fair value")
    rows = (
        f"{cohorts.NP_18} |",
        "NP-18 | | | | | | | | | board and lodging | 200 | MYR | 2018-06-01 | workers | wage deduction | 120",
        "NP-18 | | | | | | | | | board and lodging | 100 | MYR | 2018-06-01 | workers | still owed | 60",
    )
    status, document = repay(tmp_path, cohorts.sheet(*rows, headers=headers))
    assert status == 0
    assert (
        document["cohorts"][0]["per_worker"]["central"] == "120.00"
    )  # 400 and what goes beyond 120, at 4 to the dollar
    assert (document["total"]["central"], document["to_cancel"]["central"]) == ("1440.00", "120.00")
    assert "Debts to cancel: USD 120.00." in capsys.readouterr().out
    written = book(tmp_path)
    summary = {row[0].value: row[2].value for row in written["Summary"].iter_rows(max_col=3)}
    assert summary["Workers' debts to cancel (neither paid out nor included in the amount owed)"] == 120
    heads = [cell.value for cell in written["Items"][1]]
    counted = [row[heads.index("Counted")] for row in written["Items"].iter_rows(min_row=2, values_only=True)]
    assert counted == ["yes", "yes", "to cancel"]
    validator("Repayment").validate(document)


def test_each_option_changes_its_part_of_the_result(tmp_path: Path) -> None:
    _, document = repay(
        tmp_path, cohorts.sheet(), "--interest", "10", "--instalments", "3", "--discovered", "2025-11-01",
        "--management-figure", "10000", "--first-payment", "2026-01-15", "--past-since", "2020-01-01",
    )  # fmt: skip
    assert document["terms"] == {
        "interest": "10", "instalments": 3, "first_payment": "2026-01-15", "discovered": "2025-11-01",
        "deadline": "2026-01-30", "past_since": "2020-01-01", "zero_fee_from": None,
    }  # fmt: skip
    assert document["management"] == {"figure": "10000.00", "ratio": "0.45", "published_ratio": "2.57"}
    assert Decimal(document["interest"]["central"]) > 0
    assert document["uplift"]["central"] == "5500.00"
    assert {item["number"]: item["in_time"] for item in document["instalments"]} == {1: True, 2: False, 3: False}


def test_unusable_rows_are_reported_and_the_rest_is_calculated(tmp_path: Path, capsys: Any) -> None:
    no_rate = cohorts.MEDICAL.replace("2018-06-15", "2015-01-01")
    status, document = repay(tmp_path, cohorts.sheet(cohorts.NP_18, no_rate, cohorts.NP_19))
    assert status == 1
    assert not document["complete"]
    assert document["total"]["central"] == "4200.00"
    assert [(entry["code"], entry["place"]) for entry in document["faults"]] == [("rate.missing", "Cohorts, row 3")]
    assert "MYR on 2015-01-01" in capsys.readouterr().err
    assert any("MYR on 2015-01-01" in str(cell.value) for row in book(tmp_path)["Summary"] for cell in row)


@pytest.mark.parametrize("row", [cohorts.MEDICAL.replace("MYR", "ringgit"), cohorts.MEDICAL.replace("100", "much")])
def test_an_item_without_an_amount_or_a_currency_is_not_counted(tmp_path: Path, row: str) -> None:
    status, document = repay(tmp_path, cohorts.sheet(cohorts.NP_18, row, cohorts.NP_19))
    assert (status, document["total"]["central"]) == (1, "4200.00")
    assert [entry["code"] for entry in document["faults"]] == ["item.incomplete"]


def test_rows_of_a_cohort_that_contradict_each_other_keep_it_out(tmp_path: Path) -> None:
    second = cohorts.MEDICAL.replace("NP-18 | |", "np-18 | India |")
    status, document = repay(tmp_path, cohorts.sheet(cohorts.NP_18, second, cohorts.NP_19))
    assert (status, [item["cohort"] for item in document["cohorts"]]) == (1, ["NP-19"])
    assert "Origin" in document["faults"][0]["text"]


@pytest.mark.parametrize("header", ["Worker name", "Passport No", "Phone", "Employee ID", "Date of birth", "E-mail"])
def test_a_column_of_personal_data_rejects_the_sheet(tmp_path: Path, capsys: Any, header: str) -> None:
    rows = [f"{row} | Xyz" for row in cohorts.ROWS]
    assert repay(tmp_path, cohorts.sheet(*rows, headers=(*cohorts.HEADERS, header))) == (2, None)
    output = capsys.readouterr().err
    assert header in output
    assert "Remove the column" in output
    assert "Xyz" not in output


@pytest.mark.parametrize("output", ["Mr Aung Kyaw Zaw", "+60 12-345 6789", "thiri@mail.example", "passport A12345678"])
@pytest.mark.parametrize("column", ["Remark", "Job", "Evidence"])
def test_a_cell_with_personal_data_rejects_its_row_and_is_never_repeated(
    tmp_path: Path, capsys: Any, output: str, column: str
) -> None:
    headers = cohorts.HEADERS if column in cohorts.HEADERS else (*cohorts.HEADERS, column)
    rows = [f"{row} |" if column not in cohorts.HEADERS else row for row in cohorts.ROWS]
    cells = [*map(str.strip, rows[2].split("|"))]
    cells[headers.index(column)] = output
    status, document = repay(tmp_path, cohorts.sheet(rows[0], rows[1], " | ".join(cells), headers=headers))
    assert status == 1
    assert [issue["code"].split(".")[0] for issue in document["input"]["issues"] if issue["cell"].endswith("4")] == [
        "person"
    ]
    assert not document["complete"]
    assert [item["cohort"] for item in document["cohorts"]] == ["NP-18"]
    cell_texts = capsys.readouterr()
    package = zipfile.ZipFile(io.BytesIO((tmp_path / "out" / "repayment.xlsx").read_bytes()))
    whole = "".join(package.read(part).decode() for part in package.namelist())
    for stored in (json.dumps(document), cell_texts.out, cell_texts.err, whole):
        assert output not in stored
        assert output.rsplit(maxsplit=1)[-1] not in stored


def test_other_sheets_are_skipped_and_never_repeated(tmp_path: Path, capsys: Any) -> None:
    status, document = repay(
        tmp_path, workbook("| Contact | Telephone |", "| Xyz | 1 |", name="Notes", Cohorts=cohorts.TABLE)
    )
    assert (status, document["total"]["central"]) == (0, cohorts.TOTAL)
    assert repay(tmp_path / "other", workbook("| Ma Thiri Aung | +95 9 123 456 789 |", "| 1 | 2 |")) == (2, None)
    assert "Thiri" not in capsys.readouterr().err


def test_a_header_spelt_almost_right_is_proposed(tmp_path: Path, capsys: Any) -> None:
    assert repay(tmp_path, cohorts.sheet(headers=("Cohort X", *cohorts.HEADERS[1:]))) == (2, None)
    assert "is close to 'Cohort'" in capsys.readouterr().err


def test_text_in_the_workbook_never_becomes_a_formula(tmp_path: Path) -> None:
    row = cohorts.NP_18.replace("NP-18", "'=1+1")  # as a CSV export guards it
    _, document = repay(tmp_path, cohorts.sheet(row, cohorts.NP_19))
    assert document["cohorts"][0]["cohort"] == "=1+1"
    cells = [cell for sheet in book(tmp_path) for row in sheet for cell in row]
    assert {cell.data_type for cell in cells} <= {"s", "n", "d"}
    assert any(cell.value == "=1+1" for cell in cells)


def test_columns_are_wide_enough_for_their_cells(tmp_path: Path) -> None:
    repay(tmp_path, cohorts.sheet(), "--management-figure", "123456789")
    for sheet in book(tmp_path):
        widths = {at: item.width for item in sheet.column_dimensions.values() for at in range(item.min, item.max + 1)}
        for column in sheet.iter_cols(min_row=2):
            width = widths[column[0].column]
            numbers = [f"{cell.value:,.2f}" for cell in column if isinstance(cell.value, float | int)]
            assert all(len(number) < width for number in numbers), (sheet.title, column[0].column_letter)


def test_markup_in_a_name_stays_text(tmp_path: Path) -> None:
    _, document = repay(tmp_path, cohorts.sheet(cohorts.NP_18.replace("NP-18", "<r><x></r>")))
    assert document["cohorts"][0]["cohort"] == "<r><x></r>"
    assert book(tmp_path)["Cohorts"]["A2"].value == "<r><x></r>"


def test_the_same_sheet_gives_the_same_bytes(tmp_path: Path) -> None:
    data = cohorts.sheet()
    repay(tmp_path, data)
    assert book(tmp_path).properties.created.date().isoformat() == "2026-01-01"
    first = [(tmp_path / "out" / name).read_bytes() for name in ("repayment.xlsx", "repayment.json")]
    repay(tmp_path, data)
    assert [(tmp_path / "out" / name).read_bytes() for name in ("repayment.xlsx", "repayment.json")] == first


@pytest.mark.parametrize(
    ("options", "output"),
    [
        (["--currency", "dollar"], "three capital letters"), (["--interest", "abc"], "not a valid number"),
        (["--interest", "101"], "0 and 100%"), (["--instalments", "13"],
            "1 (a lump sum"), (["--instalments", "1.5"], "whole"),
        (["--on", "2026-02-30"], "YYYY-MM-DD"), (["--first-payment", "2020-01-01"], "first payment"),
        (["--currency", "EUR"], "per_eur"), (["--sheet", "Nowhere"], "no sheet 'Nowhere'"),
    ],
)  # fmt: skip
def test_an_invalid_request_gives_one_sentence_and_status_2(
    tmp_path: Path, capsys: Any, options: list[str], output: str
) -> None:
    assert repay(tmp_path, cohorts.sheet(), *options) == (2, None)
    document = capsys.readouterr().err
    assert output in document
    assert "Traceback" not in document
    assert document.count("\n") == 1


@pytest.mark.parametrize("data", [b"", b"nothing", cohorts.sheet("a | b", headers=("Colour", "Taste"))])
def test_a_file_without_cohorts_gives_one_sentence_and_status_2(tmp_path: Path, capsys: Any, data: bytes) -> None:
    assert repay(tmp_path, data) == (2, None)
    assert capsys.readouterr().err.startswith("diligence: ")


def test_a_sheet_that_takes_too_long_is_refused(tmp_path: Path, capsys: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cohort_sheet, "MAX_ROWS", 3)
    assert repay(tmp_path, cohorts.sheet())[0] == 0
    assert repay(tmp_path / "more", cohorts.sheet(*cohorts.ROWS, cohorts.MEDICAL)) == (2, None)
    assert "at most 3 rows" in capsys.readouterr().err


def test_nothing_to_calculate_with_is_status_2_and_says_what_is_missing(tmp_path: Path, capsys: Any) -> None:
    assert repay(tmp_path, cohorts.sheet(), rates=None) == (2, None)
    assert "There is no exchange rate for MYR" in capsys.readouterr().err


def test_the_template_filled_in_is_read_back(tmp_path: Path) -> None:
    assert cli.main(["template", "repayment", "--out", str(tmp_path / "form.xlsx")]) == 0
    form = openpyxl.load_workbook(tmp_path / "form.xlsx")
    option = {cell.value: cell.column for cell in form["Cohorts"][2]}
    document = {row[1].value: row[2].value for row in form["About"].iter_rows(max_col=3)}
    assert "what workers are owed" in document["What this is for"]
    assert "on the sheet 'Cohorts'" in document["How to fill it in"]
    assert not {"Name of worker", "Number of a worker"} & option.keys()
    for row, line in enumerate(cohorts.ROWS, 3):
        for header, value in zip(cohorts.HEADERS, map(str.strip, line.split("|")), strict=True):
            form["Cohorts"].cell(row, option[header], int(value) if value.isdigit() else value or None)
    buffer = io.BytesIO()
    form.save(buffer)
    status, document = repay(tmp_path, buffer.getvalue())
    assert (status, document["total"]["central"]) == (0, cohorts.TOTAL)
