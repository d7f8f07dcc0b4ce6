"""Case records on the command line: read beside the sites and agencies they are about, told in every part, and recomputed."""

import json
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import openpyxl
import pytest
from sheets import workbook

from questionnaires.form import load_form
from reports.redaction import for_audience
from risk_models.answers import from_rows
from risk_models.cases.readings import CaseReading
from risk_models.facts.facts import load_facts
from service import cli
from service.assessment.assess import Batch, assess
from service.case_reading.export_json import case_lines, first_steps
from service.case_reading.records import faults_of_cases, link, records_of
from service.imports.pipeline import Choices, parse_files
from service.report_content.build import report_on

COLUMNS = {
    "case": "Case",
    "reference": "Reference of site or agency",
    "name": "Name of site or agency",
    "nationality": "Nationality",
    "job": "Job",
    "intake": "Intake from",
    "people": "Number of people",
    "age": "Adults or children",
    "acts": "How they came there",
    "finding": "Finding",
    "phase": "Phase",
    "found": "Found",
    "source": "Source",
    "date": "Date",
}
SITES = """
| Reference | Supplier | Country | Sector | Are papers held? |
|---|---|---|---|---|
| S-1 | Blue Heron Seafoods | TH | 0311 | |
| S-2 | Quiet Harbour Garments | BD | 1410 | |
| S-3 | Quiet Harbour Garments | BD | 1410 | |
"""
AGENCIES = """
| Agency name | Licence number | Country |
|---|---|---|
| Clear Water Recruiting | NP-77 | NP |
"""


def row(case: str, finding: str, phase: str = "at work", **told: str) -> str:
    """A row of the sheet of cases as a line of a table."""
    cells = {"case": case, "finding": finding, "phase": phase, "age": "Adults", **told}
    return "| " + " | ".join(cells.get(column, "") for column in COLUMNS) + " |"


CREW = {"nationality": "Myanmar", "job": "Deckhand", "intake": "2025", "people": "12", "acts": "Recruited"}
INTERVIEW = {"source": "Worker interview", "date": "2026-02-01"}
PATTERN = [
    row("C-1", "Papers held by someone else", reference="S-1", found="yes", **CREW, **INTERVIEW),
    row("C-1", "Threatened with police, immigration or an absconding report", source="NGO", date="2026-02-01"),
    row("C-1", "Hours or days beyond law or agreement", **INTERVIEW),
    row("C-1", "Bad housing or food", **INTERVIEW),
    row("C-1", "Violence", found="no", **INTERVIEW),
]
EMERGENCY = [
    row(
        "C-2",
        "Locked in",
        reference="S-2",
        nationality="Nepal",
        job="Sewing operator",
        source="Grievance",
        date="2026-05-01",
    )
]
BY_NAME = [
    row("C-3", "Paid for the job", "recruitment", name="Clear Water Recruiting", nationality="Nepal", source="Union")
]
UNLINKED = [row("C-4", "Violence", reference="S-99", nationality="Nepal", source="Audit", date="2026-05-01")]


def book(*rows: str) -> bytes:
    cases = "\n".join(["| " + " | ".join(COLUMNS.values()) + " |", *rows])
    return workbook(SITES, name="Sites", Agencies=AGENCIES, **({"Cases": cases} if rows else {}))


def assessed(folder: Path, data: bytes, **options: str) -> tuple[int, dict[str, Any]]:
    (folder / "list.xlsx").write_bytes(data)
    more = [part for name, value in options.items() for part in (f"--{name}", value)]
    status = cli.main(["assess", str(folder / "list.xlsx"), "--out", str(folder / "out"), "--on", "2026-06-01", *more])
    path = folder / "out/assessment.json"
    return status, json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    status, document = assessed(
        tmp_path_factory.mktemp("cases"), book(*PATTERN, *EMERGENCY, *BY_NAME, *UNLINKED), formats="json"
    )
    assert status == 0
    return document


@pytest.fixture(scope="module")
def without(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return assessed(tmp_path_factory.mktemp("plain"), book(), formats="json")[1]


def result(document: dict[str, Any], key: str) -> dict[str, Any]:
    return next(r for r in document["results"] if key in (r["reference"], r["name"]))


def case(document: dict[str, Any], name: str) -> dict[str, Any]:
    return next(c for c in document["cases"] if c["case"] == name)


def test_a_sheet_of_cases_is_told_apart_from_sites_and_agencies(told: dict[str, Any]) -> None:
    assert [sheet["kind"] for sheet in told["input"]["files"][0]["sheets"]] == ["site", "agency", "case"]
    assert told["input"]["accepted"] == len(told["results"]) + sum(len(c["row"]["rows"]) for c in told["cases"])


def test_the_document_follows_its_schema(told: dict[str, Any], without: dict[str, Any]) -> None:
    schema = json.loads(
        (Path(cli.__file__).parent / "assessment" / "assessment.schema.json").read_text(encoding="utf-8")
    )
    jsonschema.validate(told, schema)
    jsonschema.validate(without, schema)
    assert without["cases"] == []


def test_a_case_tells_its_group_findings_readings_and_what_it_is_about(told: dict[str, Any]) -> None:
    one = case(told, "C-1")
    assert one["linked"] == [{"kind": "site", "file": "list.xlsx", "sheet": "Sites", "row": 2}]
    assert one["cohort"] == {
        "nationality": "MM",
        "job": "Deckhand",
        "intake_from": "2025",
        "intake_to": None,
        "people": 12.0,
        "age_group": "adults",
    }
    assert [f["found"] for f in one["findings"]] == [True, True, True, True, False]
    dimension = one["readings"][0]["dimensions"][4]
    assert (dimension["best"], dimension["rule"]) == (True, "RULE-b")
    assert "Cases row 2, Cases row 3" in dimension["because"]


def test_what_a_case_says_reaches_the_result_it_is_about(told: dict[str, Any], without: dict[str, Any]) -> None:
    before, after = result(without, "S-1"), result(told, "S-1")
    assert (before["case_evidence"], after["case_evidence"]) == ("none_recorded", "pattern")
    assert "case_pattern" in after["floors"]
    reported = {r["indicator"] for r in after["reasons"] if r["state"] == "reported"}
    assert {"papers_withheld", "threats", "housing_poor"} <= reported
    assert "violence" not in reported
    assert after["score"] >= max(75.0, before["score"])
    assert after["level"] == "critical"
    assert after["answers"] == before["answers"]


def test_an_emergency_puts_people_first_with_hours_on_the_clock(told: dict[str, Any]) -> None:
    held = result(told, "S-2")
    assert held["case_evidence"] == "emergency"
    assert held["score"] >= 90
    assert held["next_step"] == "keep_people_safe"
    safety = {action["id"] for action in told["actions"] if action["safety"]}
    assert held["actions"][0] == {"id": "keep_people_safe", "due": "2026-06-01"}
    assert {step["id"] for step in case(told, "C-2")["first_steps"]} <= safety
    assert case(told, "C-2")["first_steps"][0] == {"id": "keep_people_safe", "within_hours": 6.0}


def test_a_case_about_nobody_in_the_files_is_told_with_its_first_steps(told: dict[str, Any]) -> None:
    assert case(told, "C-4")["linked"] == []
    assert case(told, "C-4")["first_steps"]
    assert [i["seen"] for i in told["input"]["issues"] if i["code"] == "case.unlinked"] == ["C-4"]


def test_an_agency_is_found_by_its_name_and_hears_of_fees(told: dict[str, Any]) -> None:
    agency = result(told, "Clear Water Recruiting")
    assert agency["case_evidence"] == "signals"
    assert "worker_paid_fees" in {r["indicator"] for r in agency["reasons"] if r["state"] == "reported"}


def test_sites_without_a_case_score_as_before(told: dict[str, Any], without: dict[str, Any]) -> None:
    assert result(told, "S-3") == result(without, "S-3")


def test_cases_are_never_put_together(tmp_path: Path) -> None:
    halves = [PATTERN[0], PATTERN[3]]
    halves += [row("C-9", "Threatened with police, immigration or an absconding report", reference="S-1")]
    halves += [row("C-9", "Hours or days beyond law or agreement")]
    _, document = assessed(tmp_path, book(*halves), formats="json")
    assert result(document, "S-1")["case_evidence"] == "signals"
    assert [c["strength"] for c in document["cases"]] == ["signals", "signals"]


@pytest.mark.parametrize(
    "change",
    [
        lambda d: d["cases"][0].update(strength="signals"),
        lambda d: d["cases"][0]["readings"][0]["dimensions"][4].update(best=False),
        lambda d: d["cases"][0]["findings"][0].update(found=False),
        lambda d: d["cases"][0]["cohort"].update(age_group="children"),
        lambda d: d["cases"][0].update(linked=[]),
        lambda d: d["cases"][0].update(linked_reference="S-2"),
        lambda d: d["cases"].pop(),
        lambda d: d.update(cases=3),
        lambda d: result(d, "S-1").update(case_evidence="signals"),
        lambda d: result(d, "S-2").update(score=91.0),
    ],
)
def test_verify_recomputes_cases_and_objects_to_any_change(tmp_path: Path, told: dict[str, Any], change: Any) -> None:
    path = tmp_path / "assessment.json"
    path.write_text(json.dumps(told, ensure_ascii=False), encoding="utf-8")
    assert cli.main(["verify", str(path)]) == 0
    changed = json.loads(path.read_text(encoding="utf-8"))
    change(changed)
    path.write_text(json.dumps(changed, ensure_ascii=False), encoding="utf-8")
    assert cli.main(["verify", str(path)]) == 1


def test_a_name_that_several_bear_links_to_none_of_them() -> None:
    def batch(kind: str, *rows: dict[str, Any]) -> Batch:
        return Batch(kind, from_rows(rows), "x.xlsx", kind, np.arange(len(rows)) + 2)

    sites = batch(
        "site", {"name": "Quiet Harbour"}, {"name": "Quiet Harbour"}, {"name": "Blue Heron", "imo": "9074729"}
    )
    records = records_of(
        batch(
            "case",
            {"case_id": "1", "linked_name": "quiet harbour"},
            {"case_id": "2", "linked_name": "BLUE HERON"},
            {"case_id": "3", "linked_reference": "IMO 9074729"},
            {"case_id": "4"},
        )
    )
    assert link(records, [sites]) == ((), ((0, 2),), ((0, 2),), ())


def test_the_template_comes_back_as_cases(tmp_path: Path) -> None:
    path = tmp_path / "cases.xlsx"
    assert cli.main(["template", "case", "--out", str(path)]) == 0
    filled = openpyxl.load_workbook(path)
    sheet = filled["Cases"]
    told = {
        "Case": "C-1",
        "Finding": "Papers held by someone else",
        "Phase": "Work and life there",
        "Found": "Yes",
        "Source": "Union or NGO",
    }
    for cell in sheet[2]:
        if cell.value in told:
            sheet.cell(3, cell.column, told[cell.value])
    filled.save(path)
    assert cli.main(["assess", str(path), "--kind", "case", "--out", str(tmp_path / "out"), "--on", "2026-06-01"]) == 0
    document = json.loads((tmp_path / "out/assessment.json").read_text(encoding="utf-8"))
    assert document["results"] == []
    assert [(c["case"], c["strength"], c["findings"][0]["source"]) for c in document["cases"]] == [
        ("C-1", "signals", "union_or_ngo")
    ]
    assert cli.main(["verify", str(tmp_path / "out/assessment.json")]) == 0


def test_reports_show_cases_to_internal_readers_alone(tmp_path: Path) -> None:
    assessed(tmp_path, book(*PATTERN), formats="html,xlsx,pdf")
    page = next((tmp_path / "out").glob("*.html")).read_text(encoding="utf-8")
    assert "C-1: pattern" in page
    assert "RULE-b" in page
    rows = list(openpyxl.load_workbook(next((tmp_path / "out").glob("*.xlsx")))["Cases"].iter_rows(values_only=True))
    assert rows[1][:2] == ("C-1", "Blue Heron Seafoods")


def test_a_report_that_rests_on_cases_is_no_suppliers_copy(report_with_a_case: Any) -> None:
    assert report_with_a_case.cases
    with pytest.raises(ValueError, match="own answers"):
        for_audience(report_with_a_case)
    with pytest.raises(ValueError, match="own answers"):
        for_audience(replace(report_with_a_case, cases=()))


@pytest.fixture
def report_with_a_case() -> Any:
    on = date(2026, 6, 1)
    taken = parse_files([("list.xlsx", book(*PATTERN))], Choices(), on)
    facts = load_facts().as_of(on)
    report = report_on(assess(taken.batches, facts, on), facts, on, taken.files, taken.issues, "A list")
    return replace(report, audience="supplier", cases=case_lines(taken.cases, taken.batches, on))


def test_form_lists_and_models_fit() -> None:
    assert faults_of_cases() == []
    assert len(load_form("case").by_id["finding"].choices) > 80


def test_only_steps_for_the_safety_of_people_stand_with_a_case() -> None:
    assert first_steps(CaseReading((), (), "none_recorded", (), (), ())) == []
    days = [days for _, days in first_steps(CaseReading((), (), "emergency", (), (), ()))]
    assert days == sorted(days)
    assert days[0] < 1
