"""Test case records on the command line: parsed with sites and agencies, written to every output, and recomputed."""

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
from service.case_reading.export_json import build_case_lines, list_first_steps
from service.case_reading.records import link_to_suppliers, list_case_data_faults, parse_case_records
from service.imports.pipeline import Choices, parse_files
from service.report_content.build import build_report
from tests.test_reports.read_back import html_text, workbook_rows

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


def build_row(case: str, finding: str, phase: str = "at work", **values: str) -> str:
    """Return a row of the sheet of cases as a line of a table."""
    cells = {"case": case, "finding": finding, "phase": phase, "age": "Adults", **values}
    return "| " + " | ".join(cells.get(column, "") for column in COLUMNS) + " |"


CREW = {"nationality": "Myanmar", "job": "Deckhand", "intake": "2025", "people": "12", "acts": "Recruited"}
INTERVIEW = {"source": "Worker interview", "date": "2026-02-01"}
PATTERN = [
    build_row("C-1", "Papers held by someone else", reference="S-1", found="yes", **CREW, **INTERVIEW),
    build_row("C-1", "Threatened with police, immigration or an absconding report", source="NGO", date="2026-02-01"),
    build_row("C-1", "Hours or days beyond law or agreement", **INTERVIEW),
    build_row("C-1", "Bad housing or food", **INTERVIEW),
    build_row("C-1", "Violence", found="no", **INTERVIEW),
]
EMERGENCY = [
    build_row(
        "C-2",
        "Locked in",
        reference="S-2",
        nationality="Nepal",
        job="Sewing operator",
        source="Grievance",
        date="2026-05-01",
    )
]
LINKED_BY_NAME = [
    build_row(
        "C-3", "Paid for the job", "recruitment", name="Clear Water Recruiting", nationality="Nepal", source="Union"
    )
]
UNLINKED = [build_row("C-4", "Violence", reference="S-99", nationality="Nepal", source="Audit", date="2026-05-01")]


def build_workbook(*rows: str) -> bytes:
    cases = "\n".join(["| " + " | ".join(COLUMNS.values()) + " |", *rows])
    return workbook(SITES, name="Sites", Agencies=AGENCIES, **({"Cases": cases} if rows else {}))


def run_assess(folder: Path, data: bytes, **options: str) -> tuple[int, dict[str, Any]]:
    (folder / "list.xlsx").write_bytes(data)
    arguments = [argument for name, value in options.items() for argument in (f"--{name}", value)]
    status = cli.main(
        ["assess", str(folder / "list.xlsx"), "--out", str(folder / "out"), "--on", "2026-06-01", *arguments]
    )
    path = folder / "out/assessment.json"
    return status, json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}


@pytest.fixture(scope="module")
def document_with_cases(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    status, written = run_assess(
        tmp_path_factory.mktemp("cases"),
        build_workbook(*PATTERN, *EMERGENCY, *LINKED_BY_NAME, *UNLINKED),
        formats="json",
    )
    assert status == 0
    return written


@pytest.fixture(scope="module")
def document_without_cases(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return run_assess(tmp_path_factory.mktemp("plain"), build_workbook(), formats="json")[1]


def get_result(document: dict[str, Any], key: str) -> dict[str, Any]:
    return next(result for result in document["results"] if key in (result["reference"], result["name"]))


def get_case(document: dict[str, Any], name: str) -> dict[str, Any]:
    return next(case for case in document["cases"] if case["case"] == name)


def test_a_sheet_of_cases_is_distinguished_from_sites_and_agencies(document_with_cases: dict[str, Any]) -> None:
    assert [sheet["kind"] for sheet in document_with_cases["input"]["files"][0]["sheets"]] == ["site", "agency", "case"]
    assert document_with_cases["input"]["accepted"] == len(document_with_cases["results"]) + sum(
        len(c["row"]["rows"]) for c in document_with_cases["cases"]
    )


def test_the_document_follows_its_schema(
    document_with_cases: dict[str, Any], document_without_cases: dict[str, Any]
) -> None:
    schema = json.loads(
        (Path(cli.__file__).parent / "assessment" / "assessment.schema.json").read_text(encoding="utf-8")
    )
    jsonschema.validate(document_with_cases, schema)
    jsonschema.validate(document_without_cases, schema)
    assert document_without_cases["cases"] == []


def test_a_case_has_its_group_findings_readings_and_linked_rows(document_with_cases: dict[str, Any]) -> None:
    case = get_case(document_with_cases, "C-1")
    assert case["linked"] == [{"kind": "site", "file": "list.xlsx", "sheet": "Sites", "row": 2}]
    assert case["cohort"] == {
        "nationality": "MM",
        "job": "Deckhand",
        "intake_from": "2025",
        "intake_to": None,
        "people": 12.0,
        "age_group": "adults",
    }
    assert [finding["found"] for finding in case["findings"]] == [True, True, True, True, False]
    dimension = case["readings"][0]["dimensions"][4]
    assert (dimension["best"], dimension["rule"]) == (True, "RULE-b")
    assert "Cases row 2, Cases row 3" in dimension["because"]


def test_a_case_counts_in_the_result_of_its_supplier(
    document_with_cases: dict[str, Any], document_without_cases: dict[str, Any]
) -> None:
    before, after = get_result(document_without_cases, "S-1"), get_result(document_with_cases, "S-1")
    assert (before["case_evidence"], after["case_evidence"]) == ("none_recorded", "pattern")
    assert "case_pattern" in after["floors"]
    reported = {reason["indicator"] for reason in after["reasons"] if reason["state"] == "reported"}
    assert {"papers_withheld", "threats", "housing_poor"} <= reported
    assert "violence" not in reported
    assert after["score"] >= max(75.0, before["score"])
    assert after["level"] == "critical"
    assert after["answers"] == before["answers"]


def test_an_emergency_has_safety_steps_due_within_hours(document_with_cases: dict[str, Any]) -> None:
    result = get_result(document_with_cases, "S-2")
    assert result["case_evidence"] == "emergency"
    assert result["score"] >= 90
    assert result["next_step"] == "keep_people_safe"
    safety = {action["id"] for action in document_with_cases["actions"] if action["safety"]}
    assert result["actions"][0] == {"id": "keep_people_safe", "due": "2026-06-01"}
    assert {step["id"] for step in get_case(document_with_cases, "C-2")["first_steps"]} <= safety
    assert get_case(document_with_cases, "C-2")["first_steps"][0] == {"id": "keep_people_safe", "within_hours": 6.0}


def test_an_unlinked_case_is_reported_with_its_first_steps(document_with_cases: dict[str, Any]) -> None:
    assert get_case(document_with_cases, "C-4")["linked"] == []
    assert get_case(document_with_cases, "C-4")["first_steps"]
    assert [i["seen"] for i in document_with_cases["input"]["issues"] if i["code"] == "case.unlinked"] == ["C-4"]


def test_a_case_links_to_an_agency_by_name_and_reports_fees(document_with_cases: dict[str, Any]) -> None:
    agency = get_result(document_with_cases, "Clear Water Recruiting")
    assert agency["case_evidence"] == "signals"
    assert "worker_paid_fees" in {r["indicator"] for r in agency["reasons"] if r["state"] == "reported"}


def test_sites_without_a_case_score_as_before(
    document_with_cases: dict[str, Any], document_without_cases: dict[str, Any]
) -> None:
    assert get_result(document_with_cases, "S-3") == get_result(document_without_cases, "S-3")


def test_cases_are_never_merged(tmp_path: Path) -> None:
    halves = [PATTERN[0], PATTERN[3]]
    halves += [build_row("C-9", "Threatened with police, immigration or an absconding report", reference="S-1")]
    halves += [build_row("C-9", "Hours or days beyond law or agreement")]
    _, document = run_assess(tmp_path, build_workbook(*halves), formats="json")
    assert get_result(document, "S-1")["case_evidence"] == "signals"
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
        lambda d: get_result(d, "S-1").update(case_evidence="signals"),
        lambda d: get_result(d, "S-2").update(score=91.0),
    ],
)
def test_verify_recomputes_cases_and_reports_any_change(
    tmp_path: Path, document_with_cases: dict[str, Any], change: Any
) -> None:
    path = tmp_path / "assessment.json"
    path.write_text(json.dumps(document_with_cases, ensure_ascii=False), encoding="utf-8")
    assert cli.main(["verify", str(path)]) == 0
    changed = json.loads(path.read_text(encoding="utf-8"))
    change(changed)
    path.write_text(json.dumps(changed, ensure_ascii=False), encoding="utf-8")
    assert cli.main(["verify", str(path)]) == 1


def test_a_name_that_is_not_unique_links_to_no_supplier() -> None:
    def batch(kind: str, *rows: dict[str, Any]) -> Batch:
        return Batch(kind, from_rows(rows), "x.xlsx", kind, np.arange(len(rows)) + 2)

    sites = batch(
        "site", {"name": "Quiet Harbour"}, {"name": "Quiet Harbour"}, {"name": "Blue Heron", "imo": "9074729"}
    )
    records = parse_case_records(
        batch(
            "case",
            {"case_id": "1", "linked_name": "quiet harbour"},
            {"case_id": "2", "linked_name": "BLUE HERON"},
            {"case_id": "3", "linked_reference": "IMO 9074729"},
            {"case_id": "4"},
        )
    )
    assert link_to_suppliers(records, [sites]) == ((), ((0, 2),), ((0, 2),), ())


def test_a_filled_template_is_parsed_as_cases(tmp_path: Path) -> None:
    path = tmp_path / "cases.xlsx"
    assert cli.main(["template", "case", "--out", str(path)]) == 0
    filled = openpyxl.load_workbook(path)
    sheet = filled["Cases"]
    values = {
        "Case": "C-1",
        "Finding": "Papers held by someone else",
        "Phase": "Work and life there",
        "Found": "Yes",
        "Source": "Union or NGO",
    }
    for cell in sheet[2]:
        if cell.value in values:
            sheet.cell(3, cell.column, values[cell.value])
    filled.save(path)
    assert cli.main(["assess", str(path), "--kind", "case", "--out", str(tmp_path / "out"), "--on", "2026-06-01"]) == 0
    document = json.loads((tmp_path / "out/assessment.json").read_text(encoding="utf-8"))
    assert document["results"] == []
    assert [(case["case"], case["strength"], case["findings"][0]["source"]) for case in document["cases"]] == [
        ("C-1", "signals", "union_or_ngo")
    ]
    assert cli.main(["verify", str(tmp_path / "out/assessment.json")]) == 0


def test_an_emergency_where_a_state_imposes_the_labour_sends_nobody_to_the_workers(tmp_path: Path) -> None:
    sites = "| Reference | Supplier | Country | Region | Sector | Product |\n"
    sites += "| S-2 | Quiet Harbour Yarn | CN | Xinjiang | 1311 | cotton yarn |"
    cases = "\n".join(["| " + " | ".join(COLUMNS.values()) + " |", *EMERGENCY])
    _, document = run_assess(tmp_path, workbook(sites, name="Sites", Cases=cases), on="2026-11-29", formats="json,html")
    (case,) = document["cases"]
    assert case["strength"] == "emergency"
    assert [step["id"] for step in case["first_steps"]] == ["help_through_others"]
    page = next((tmp_path / "out").glob("*.html")).read_text(encoding="utf-8")
    assert "to safety within six hours" not in page
    path = tmp_path / "out/assessment.json"
    assert cli.main(["verify", str(path)]) == 0
    case["first_steps"] = [{"id": "prepare_referral", "within_hours": 6.0}]
    path.write_text(json.dumps(document), encoding="utf-8")
    assert cli.main(["verify", str(path)]) == 1


def test_internal_reports_show_cases(tmp_path: Path) -> None:
    run_assess(tmp_path, build_workbook(*PATTERN), formats="html,xlsx,pdf")
    page = next((tmp_path / "out").glob("*.html")).read_text(encoding="utf-8")
    assert "C-1: pattern" in page
    assert "RULE-b" in page
    rows = list(openpyxl.load_workbook(next((tmp_path / "out").glob("*.xlsx")))["Cases"].iter_rows(values_only=True))
    assert rows[1][:2] == ("C-1", "Blue Heron Seafoods")


def test_a_report_with_cases_cannot_become_a_suppliers_copy(report_with_a_case: Any) -> None:
    assert report_with_a_case.cases
    with pytest.raises(ValueError, match="own answers"):
        for_audience(report_with_a_case)
    with pytest.raises(ValueError, match="own answers"):
        for_audience(replace(report_with_a_case, cases=()))


@pytest.fixture
def report_with_a_case() -> Any:
    on = date(2026, 6, 1)
    parsed = parse_files([("list.xlsx", build_workbook(*PATTERN))], Choices(), on)
    facts = load_facts().as_of(on)
    assessed = assess(parsed.batches, facts, on)
    report = build_report(assessed, facts, on, parsed.files, parsed.issues, "A list")
    return replace(report, audience="supplier", cases=build_case_lines(parsed.cases, assessed, on, "2026.3"))


def test_case_form_lists_and_models_are_consistent() -> None:
    # Whether released rules are unchanged is tested in tests/test_released.py.
    assert [fault for fault in list_case_data_faults() if "RELEASED" not in fault] == []
    assert len(load_form("case").by_id["finding"].choices) > 80


@pytest.mark.parametrize("library", ["2026.3", "2026.4"])
def test_a_case_has_only_safety_steps(library: str) -> None:
    assert list_first_steps(CaseReading((), (), "none_recorded", (), (), ()), library) == []
    days = [days for _, days in list_first_steps(CaseReading((), (), "emergency", (), (), ()), library)]
    assert days == sorted(days)
    assert days[0] < 1


def test_a_report_does_not_single_out_a_group_of_fewer_than_ten(tmp_path: Path) -> None:
    small = CREW | {"job": "Net mender", "nationality": "Indonesia", "people": "9"}
    rows = (
        build_row("C-5", "Violence", reference="S-1", **small, **INTERVIEW),
        build_row("C-6", "Violence", reference="S-1", **CREW, **INTERVIEW),
        build_row("C-7", "Violence", reference="S-2", **CREW | {"job": "Welder", "people": ""}, **INTERVIEW),
    )
    run_assess(tmp_path, build_workbook(*rows), formats="html,xlsx")
    page = html_text((tmp_path / "out/report.html").read_bytes())
    groups = {row["Case"]: row["Group"] for row in workbook_rows((tmp_path / "out/report.xlsx").read_bytes(), "Cases")}
    assert groups == {
        "C-5": "fewer than 10 people, adults",
        "C-6": "Myanmar, Deckhand, 2025, 12 people, adults",
        "C-7": "number of people not recorded, adults",
    }
    assert all(group in page for group in groups.values())
    for attribute in ("Net mender", "Indonesia", "9 people", "Welder"):
        assert attribute not in page
