"""Results count the evidence that is claimed and confirmed, for readers who may see evidence."""

from dataclasses import replace

import numpy as np
import pytest

from reports.document import Report
from reports.formats import render
from reports.redaction import for_audience
from risk_models.answers import Confirmation, EvidencePiece, from_rows
from service.assessment.assess import Batch, assess
from service.report_content.build import build_report
from service.report_content.redaction import redact_report
from tests.test_reports.read_back import csv_rows, workbook_rows
from tests.test_service.answers import FACTS, ON

CLAIMED = EvidencePiece("audit", "2026-09-01")
CONFIRMED = EvidencePiece("document", "2026-08-01", confirmation=Confirmation("A", "2026-10-01", None, ("violence",)))
ROWS = [
    {"name": "Mill", "country": "VN", "sector": ("14",), "evidence": (CLAIMED, CONFIRMED)},
    {"name": "Shed", "country": "VN", "sector": ("14",), "evidence_grade": "audit", "evidence_date": "2026-09-01"},
    {"name": "Yard", "country": "VN", "sector": ("14",), "evidence_grade": "self_declared"},
]
COUNTS = {"Mill": (1, 1), "Shed": (1, 0), "Yard": (0, 0)}


@pytest.fixture
def report() -> Report:
    batch = Batch("site", from_rows(ROWS), "list.csv", "list", np.arange(2, 5))
    return build_report(assess([batch], FACTS, ON), FACTS, ON, [], [], "Suppliers")


def test_the_csv_counts_evidence_after_the_columns_it_always_had(report: Report) -> None:
    rows = csv_rows(render(report, "csv").data)
    assert list(rows[0])[-3:] == ["row", "evidence_claimed", "evidence_confirmed"]
    found = {row["name"]: (int(row["evidence_claimed"]), int(row["evidence_confirmed"])) for row in rows}
    assert found == COUNTS


def test_the_workbook_counts_evidence_as_numbers(report: Report) -> None:
    rows = workbook_rows(render(report, "xlsx").data)
    assert list(rows[0])[-2:] == ["Evidence claimed", "Evidence confirmed"]
    assert {row["Name"]: (row["Evidence claimed"], row["Evidence confirmed"]) for row in rows} == COUNTS


def test_readers_who_may_not_see_evidence_get_no_counts(report: Report) -> None:
    supplier = for_audience(replace(report, audience="supplier", plan=()))
    for redacted in (redact_report(report), supplier):
        assert {row["evidence_claimed"] for row in csv_rows(render(redacted, "csv").data)} == {""}
        assert "Evidence claimed" not in workbook_rows(render(redacted, "xlsx").data)[0]
