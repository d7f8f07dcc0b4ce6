"""Test the buyer's answers about itself: parsed from its form, written to their own part, never part of a supplier's score."""

import csv
import io
import json
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import jsonschema
import openpyxl
import pytest
from examples import examples
from hypothesis import given
from hypothesis import strategies as st

from questionnaires.form import load_form
from questionnaires.workbook import build_template
from reports.formats import render
from risk_models.answers import from_rows
from risk_models.buyer import evaluate_practices, find_practice_rules_in_force
from service import cli
from service.buyer.practice_findings import build_buyer_lines
from service.imports.pipeline import Choices, NoUsableRows, parse_files
from service.model_governance.check import list_model_faults
from tests.sheets import workbook
from tests.test_reports.read_back import html_text, pdf_text, workbook_rows
from tests.test_reports.sample import sample

ON = date(2026, 11, 25)
SCHEMA = json.loads((Path(cli.__file__).parent / "assessment" / "assessment.schema.json").read_text(encoding="utf-8"))
FORM = load_form("buyer")
RULES = find_practice_rules_in_force(ON)
SHEET_ANSWERS = {
    "Business unit": "Invented Retail",
    "Prices and legal wages": "Some are below",
    "Cost of late changes": "Declined to answer",
    "Days from delivery to payment": 20,
    "Recruitment last checked on": "2023-05-01",
}


def fill_form(path: Path, answers: dict[str, Any]) -> Path:
    """Write the buyer's form as a workbook, filled in."""
    book = openpyxl.load_workbook(io.BytesIO(build_template(FORM)))
    sheet = book["Buying"]
    column = {cell.value: cell.column for cell in sheet[2]}
    for title, answer in answers.items():
        sheet.cell(3, column[title], answer)
    book.save(path)
    return path


def write_supplier_file(path: Path) -> Path:
    text = io.StringIO()
    csv.writer(text).writerows([["Supplier", "Country", "Sector"], ["Invented Stitching", "BD", "14"]])
    path.write_text(text.getvalue(), encoding="utf-8")
    return path


def assess(tmp_path: Path, *arguments: str) -> tuple[int, Path]:
    out = tmp_path / "out"
    sites = str(write_supplier_file(tmp_path / "sites.csv"))
    return cli.main(["assess", sites, *arguments, "--out", str(out), f"--on={ON}", "--formats=json,html,xlsx"]), out


def get_states(answers: dict[str, Any], on: date = ON) -> dict[str, str]:
    return {finding.practice.id: finding.state for finding in evaluate_practices(from_rows([answers]), RULES, on)[0]}


@pytest.mark.parametrize("by_option", [True, False], ids=["named", "found by its stamp"])
def test_the_buyers_form_has_its_own_part_and_changes_no_supplier(tmp_path: Path, by_option: bool) -> None:
    form_path = str(fill_form(tmp_path / "ours.xlsx", SHEET_ANSWERS))
    status, out = assess(tmp_path, *(["--buyer", form_path] if by_option else [form_path]))
    document = json.loads((out / "assessment.json").read_text(encoding="utf-8"))
    jsonschema.validate(document, SCHEMA, cls=jsonschema.Draft202012Validator)
    assert status == 0
    assert (document["input"]["rows"], document["input"]["accepted"]) == (1, 1)
    unit = document["buyer"]["units"][0]
    states = {finding["practice"]: finding["state"] for finding in unit["findings"]}
    assert unit["name"] == "Invented Retail"
    assert states["price_below_cost"] == states["monitoring_old"] == "harm"
    assert (states["change_costs_passed_on"], states["paid_late"], states["peaks_steep"]) == (
        "declined",
        "answered",
        "not_asked",
    )
    assert cli.main(["verify", str(out / "assessment.json")]) == 0
    (tmp_path / "alone").mkdir()
    document_without_buyer = json.loads((assess(tmp_path / "alone")[1] / "assessment.json").read_text(encoding="utf-8"))
    assert document_without_buyer["results"] == document["results"]
    assert "buyer" not in document_without_buyer


def test_verify_reports_a_changed_finding_about_the_buyer(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _, out = assess(tmp_path, "--buyer", str(fill_form(tmp_path / "ours.xlsx", SHEET_ANSWERS)))
    path = out / "assessment.json"
    document = json.loads(path.read_text(encoding="utf-8"))
    document["buyer"]["units"][0]["findings"][0]["state"] = "answered"
    path.write_text(json.dumps(document), encoding="utf-8")
    assert cli.main(["verify", str(path)]) == 1
    assert "the practices of unit 1" in capsys.readouterr().err


def test_a_report_shows_findings_and_actions_about_the_buyer(tmp_path: Path) -> None:
    _, out = assess(tmp_path, "--buyer", str(fill_form(tmp_path / "ours.xlsx", SHEET_ANSWERS)))
    page = html_text((out / "report.html").read_bytes())
    assert "How our own purchasing practices contribute" in page
    assert "Whether prices cover legal wages: " in page
    assert "Pay a price that covers legal wages" in page
    rows = workbook_rows((out / "report.xlsx").read_bytes(), "Buyer")
    assert [row["State"] for row in rows[:3]] == ["Change needed", "Change needed", "Left blank"]


@pytest.mark.parametrize("name", ["html", "pdf", "xlsx"])
def test_a_suppliers_copy_does_not_show_the_buyers_answers(name: str, tmp_path: Path) -> None:
    batches = parse_files(
        [("b.xlsx", fill_form(tmp_path / "b.xlsx", SHEET_ANSWERS).read_bytes()), SITE_FILE], Choices(), ON
    ).buyer_batches
    lines, steps = build_buyer_lines(batches, ON, "2026.3")
    for audience in ("internal", "supplier"):
        data = render(replace(sample(audience), buyer=lines, buyer_plan=steps), name).data
        readers = {
            "html": html_text,
            "pdf": pdf_text,
            "xlsx": lambda data: str(openpyxl.load_workbook(io.BytesIO(data)).sheetnames),
        }
        heading = "buyer" if name == "xlsx" else "how our own purchasing practices"
        assert (heading in readers[name](data).lower()) is (audience == "internal")


SITE_FILE = ("s.xlsx", workbook("| Supplier | Country | Sector |", "| Invented Stitching | BD | 14 |"))


def test_the_buyers_form_alone_is_rejected(tmp_path: Path) -> None:
    with pytest.raises(NoUsableRows):
        parse_files([("b.xlsx", fill_form(tmp_path / "b.xlsx", SHEET_ANSWERS).read_bytes())], Choices(), ON)


def test_an_old_check_of_recruitment_is_a_finding_and_a_recent_one_is_not() -> None:
    assert get_states({"recruitment_monitored_on": "2025-11-24"})["monitoring_old"] == "harm"
    assert get_states({"recruitment_monitored_on": "2025-11-26"})["monitoring_old"] == "answered"


def test_allowing_lawful_fees_is_a_finding() -> None:
    assert get_states({"fees_allowed": "where_lawful"})["fees_let_pass"] == "harm"
    assert get_states({"fees_allowed": "nobody_repaid"})["fees_let_pass"] == "answered"


def test_without_answers_every_practice_is_not_asked() -> None:
    assert set(get_states({"name": "Invented Retail"}).values()) == {"not_asked"}


@examples(30)
@given(st.floats(0, 100), st.floats(0, 100))
def test_a_higher_share_of_changed_orders_is_never_a_lesser_finding(share: float, other_share: float) -> None:
    lower, higher = (
        get_states({"orders_changed_pct": x})["orders_changed"] == "harm" for x in sorted((share, other_share))
    )
    assert lower <= higher


def test_every_finding_about_the_buyer_has_an_action_and_a_question() -> None:
    assert not [fault for fault in list_model_faults() if "buyer" in fault]


def test_blank_questions_for_the_buyer_do_not_count_as_declined_by_the_agency() -> None:
    sheet = workbook(
        "| Agency name | Country | How you checked it | Orientation before departure | Form and version | Form returned on |",
        "| Invented Manpower | NP | | | agency 2026.2 | 2026-11-20 |",
    )
    row = parse_files([("a.xlsx", sheet)], Choices(), ON).batches[0].answers.to_rows()[0]
    assert row["orientation"] == "declined"
    assert "buyer_check_method" not in row
