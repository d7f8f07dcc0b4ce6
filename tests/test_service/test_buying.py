"""What a buyer answers about itself: read from its own form, told in its own part, and never part of a supplier's score."""

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
from risk_models.buyer import evaluate_practices, find_rules_in_force
from service import cli
from service.buyer.buying import buyer_lines
from service.imports.pipeline import Choices, NoUsableRows, parse_files
from service.model_governance.check import faults_of_models
from tests.sheets import workbook
from tests.test_reports.read_back import html_text, pdf_text, workbook_rows
from tests.test_reports.sample import sample

ON = date(2026, 11, 25)
SCHEMA = json.loads((Path(cli.__file__).parent / "assessment" / "assessment.schema.json").read_text(encoding="utf-8"))
FORM = load_form("buyer")
RULES = find_rules_in_force(ON)
TOLD = {
    "Business unit": "Invented Retail",
    "Prices and legal wages": "Some are below",
    "Cost of late changes": "Declined to answer",
    "Days from delivery to payment": 20,
    "Recruitment last looked at on": "2023-05-01",
}


def answered(path: Path, answers: dict[str, Any]) -> Path:
    """The buyer's form as a workbook, filled in."""
    book = openpyxl.load_workbook(io.BytesIO(build_template(FORM)))
    sheet = book["Buying"]
    column = {cell.value: cell.column for cell in sheet[2]}
    for title, answer in answers.items():
        sheet.cell(3, column[title], answer)
    book.save(path)
    return path


def suppliers(path: Path) -> Path:
    text = io.StringIO()
    csv.writer(text).writerows([["Supplier", "Country", "Sector"], ["Invented Stitching", "BD", "14"]])
    path.write_text(text.getvalue(), encoding="utf-8")
    return path


def assess(tmp_path: Path, *told: str) -> tuple[int, Path]:
    out = tmp_path / "out"
    sites = str(suppliers(tmp_path / "sites.csv"))
    return cli.main(["assess", sites, *told, "--out", str(out), f"--on={ON}", "--formats=json,html,xlsx"]), out


def states(answers: dict[str, Any], on: date = ON) -> dict[str, str]:
    return {found.practice.id: found.state for found in evaluate_practices(from_rows([answers]), RULES, on)[0]}


@pytest.mark.parametrize("named", [True, False], ids=["named", "found by its stamp"])
def test_the_buyers_form_gets_a_part_of_its_own_and_moves_no_supplier(tmp_path: Path, named: bool) -> None:
    own = str(answered(tmp_path / "ours.xlsx", TOLD))
    status, out = assess(tmp_path, *(["--buyer", own] if named else [own]))
    document = json.loads((out / "assessment.json").read_text(encoding="utf-8"))
    jsonschema.validate(document, SCHEMA, cls=jsonschema.Draft202012Validator)
    assert status == 0
    assert (document["input"]["rows"], document["input"]["accepted"]) == (1, 1)
    unit = document["buyer"]["units"][0]
    told = {found["practice"]: found["state"] for found in unit["findings"]}
    assert unit["name"] == "Invented Retail"
    assert told["price_below_cost"] == told["monitoring_old"] == "harm"
    assert (told["change_costs_passed_on"], told["paid_late"], told["peaks_steep"]) == (
        "declined",
        "answered",
        "not_asked",
    )
    assert cli.main(["verify", str(out / "assessment.json")]) == 0
    (tmp_path / "alone").mkdir()
    alone = json.loads((assess(tmp_path / "alone")[1] / "assessment.json").read_text(encoding="utf-8"))
    assert alone["results"] == document["results"]
    assert "buyer" not in alone


def test_a_changed_finding_about_the_buyer_is_objected_to(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _, out = assess(tmp_path, "--buyer", str(answered(tmp_path / "ours.xlsx", TOLD)))
    path = out / "assessment.json"
    document = json.loads(path.read_text(encoding="utf-8"))
    document["buyer"]["units"][0]["findings"][0]["state"] = "answered"
    path.write_text(json.dumps(document), encoding="utf-8")
    assert cli.main(["verify", str(path)]) == 1
    assert "the buyer's unit 1" in capsys.readouterr().err


def test_a_report_says_what_we_do_to_this_with_our_own_actions(tmp_path: Path) -> None:
    _, out = assess(tmp_path, "--buyer", str(answered(tmp_path / "ours.xlsx", TOLD)))
    page = html_text((out / "report.html").read_bytes())
    assert "What we as buyer do to this" in page
    assert "Whether prices cover legal wages: Some are below." in page
    assert "Pay a price that covers legal wages" in page
    rows = workbook_rows((out / "report.xlsx").read_bytes(), "Buyer")
    assert [row["State"] for row in rows[:3]] == ["To change", "To change", "Left blank"]


@pytest.mark.parametrize("name", ["html", "pdf", "xlsx"])
def test_no_suppliers_copy_shows_what_the_buyer_said_of_itself(name: str, tmp_path: Path) -> None:
    batch = parse_files(
        [("b.xlsx", answered(tmp_path / "b.xlsx", TOLD).read_bytes()), SITE_FILE], Choices(), ON
    ).buyer_batches
    lines, steps = buyer_lines(batch, ON)
    for audience in ("internal", "supplier"):
        data = render(replace(sample(audience), buyer=lines, buyer_plan=steps), name).data
        shown = {
            "html": html_text,
            "pdf": pdf_text,
            "xlsx": lambda d: str(openpyxl.load_workbook(io.BytesIO(d)).sheetnames),
        }
        heading = "Buyer" if name == "xlsx" else "What we as buyer do"
        assert (heading in shown[name](data)) is (audience == "internal")


SITE_FILE = ("s.xlsx", workbook("| Supplier | Country | Sector |", "| Invented Stitching | BD | 14 |"))


def test_the_buyers_form_alone_scores_nobody_and_says_so(tmp_path: Path) -> None:
    with pytest.raises(NoUsableRows):
        parse_files([("b.xlsx", answered(tmp_path / "b.xlsx", TOLD).read_bytes())], Choices(), ON)


def test_an_old_look_at_recruitment_is_a_finding_and_a_fresh_one_is_not() -> None:
    assert states({"recruitment_monitored_on": "2025-11-24"})["monitoring_old"] == "harm"
    assert states({"recruitment_monitored_on": "2025-11-26"})["monitoring_old"] == "answered"


def test_a_lawful_fee_that_a_buyer_lets_pass_is_a_finding() -> None:
    assert states({"fees_allowed": "where_lawful"})["fees_let_pass"] == "harm"
    assert states({"fees_allowed": "nobody_repaid"})["fees_let_pass"] == "answered"


def test_a_buyer_that_said_nothing_is_told_of_everything_it_was_not_asked() -> None:
    assert set(states({"name": "Invented Retail"}).values()) == {"not_asked"}


@examples(30)
@given(st.floats(0, 100), st.floats(0, 100))
def test_more_orders_changed_is_never_a_lesser_finding(one: float, other: float) -> None:
    fewer, more = (states({"orders_changed_pct": x})["orders_changed"] == "harm" for x in sorted((one, other)))
    assert fewer <= more


def test_every_finding_about_the_buyer_has_an_action_and_reads_a_question() -> None:
    assert not [fault for fault in faults_of_models() if "buyer" in fault]


def test_what_the_buyer_is_to_answer_is_never_the_agencys_silence() -> None:
    sheet = workbook(
        "| Agency name | Country | How you checked it | Orientation before departure | Form and version | Form returned on |",
        "| Invented Manpower | NP | | | agency 2026.2 | 2026-11-20 |",
    )
    row = parse_files([("a.xlsx", sheet)], Choices(), ON).batches[0].answers.to_rows()[0]
    assert row["orientation"] == "declined"
    assert "buyer_check_method" not in row
