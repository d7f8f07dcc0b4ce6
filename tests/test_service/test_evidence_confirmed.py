"""Evidence in files on the command line: claimed, and confirmed by the buyer who vouches for a file."""

import csv
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from examples import invariant
from fourth_release import fourth_release_in_force
from hypothesis import given
from hypothesis import strategies as st

from service.cli import main

HEADERS = {
    "reference": "Reference", "name": "Supplier", "country": "Country", "sector": "Sector",
    "papers_retention": "papers_retention", "recruitment_fees": "recruitment_fees", "wage_payment": "wage_payment",
    "evidence_grade": "evidence_grade", "evidence_date": "evidence_date", "evidence": "Evidence pieces",
    "form_version": "form_version", "form_returned": "form_returned",
}  # fmt: skip
SAFE = {"papers_retention": "worker_holds", "recruitment_fees": "none", "wage_payment": "on_time"}
ON = "2026-12-01"
RESULT = ("score", "best", "worst", "level", "confidence", "coverage")


@pytest.fixture(autouse=True, scope="module")
def _method_4() -> Iterator[None]:
    with fourth_release_in_force():
        yield


def write(path: Path, *rows: dict) -> str:
    """A file of sites that answer the same."""
    questions = [
        question for question in HEADERS if any(question in row for row in ({"name", "country", "sector"}, *rows))
    ]
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow([HEADERS[question] for question in questions])
        for number, row in enumerate(rows):
            site = {"name": f"Mill {number}", "country": "TH", "sector": "1410", **row}
            writer.writerow([site.get(question, "") for question in questions])
    return str(path)


def assess(folder: Path, *files: str, confirmed: str | None = None) -> dict:
    more = ["--evidence-confirmed", confirmed] if confirmed else []
    assert main(["assess", *files, "--out", str(folder / "out"), "--on", ON, "--formats", "json", *more]) == 0
    return json.loads((folder / "out" / "assessment.json").read_bytes())


def numbers(document: dict) -> list[tuple]:
    return [tuple(result[name] for name in RESULT) for result in document["results"]]


def codes(document: dict) -> list[str]:
    return [issue["code"] for issue in document["input"]["issues"] if issue["code"].startswith("evidence.")]


def test_a_grade_in_a_sheet_gains_nothing_until_the_buyer_vouches_for_the_file(tmp_path: Path):
    plain = assess(tmp_path, write(tmp_path / "a.csv", SAFE))
    graded = write(tmp_path / "b.csv", {**SAFE, "evidence_grade": "audit", "evidence_date": "2026-10-01"})
    assert numbers(assess(tmp_path, graded)) == numbers(plain)
    document = assess(tmp_path, graded, confirmed=graded)
    assert numbers(document)[0][0] < numbers(plain)[0][0]
    (piece,) = document["results"][0]["answers"]["evidence"]
    assert set(piece["confirmed"].pop("covers")) == SAFE.keys()
    assert piece["confirmed"] == {"by": "the buyer", "on": ON, "reference": "b.csv"}
    assert document["assessment"]["options"]["evidence_confirmed"] == ["b.csv"]


def test_a_vouched_assessment_verifies(tmp_path: Path):
    graded = write(tmp_path / "b.csv", {**SAFE, "evidence": "audit; 2026-10-01; ref SMETA-123"})
    assess(tmp_path, graded, confirmed=graded)
    assert main(["verify", str(tmp_path / "out" / "assessment.json")]) == 0


def test_it_vouches_for_that_file_alone(tmp_path: Path):
    row = {**SAFE, "evidence_grade": "audit", "evidence_date": "2026-10-01"}
    first = write(tmp_path / "a.csv", {**row, "reference": "S-1"})
    second = write(tmp_path / "b.csv", {**row, "reference": "S-2"})
    scores = [score for score, *_ in numbers(assess(tmp_path, first, second, confirmed=second))]
    assert scores[1] < scores[0]


def test_rows_that_are_returned_forms_stay_claimed(tmp_path: Path):
    row = {**SAFE, "evidence_grade": "audit", "evidence_date": "2026-10-01"}
    returned = {"form_version": "site 2026.2", "form_returned": "2026-10-02"}
    file = write(tmp_path / "a.csv", {**row, **returned, "reference": "S-1"}, {**row, "reference": "S-2"})
    document = assess(tmp_path, file, confirmed=file)
    assert codes(document) == ["evidence.returned_form"]
    issue = next(issue for issue in document["input"]["issues"] if issue["code"] == "evidence.returned_form")
    assert issue["cell"].endswith("2")
    assert ["evidence" in result["answers"] for result in document["results"]] == [False, True]


def test_a_day_of_return_that_cannot_be_read_still_makes_a_returned_form(tmp_path: Path):
    row = {**SAFE, "evidence_grade": "audit", "evidence_date": "2026-10-01"}
    file = write(tmp_path / "a.csv", {**row, "form_version": "site 2026.2", "form_returned": "in spring"})
    document = assess(tmp_path, file, confirmed=file)
    assert codes(document) == ["evidence.returned_form"]
    assert "evidence" not in document["results"][0]["answers"]


def test_evidence_that_names_no_question_stays_claimed_unless_it_is_an_audit(tmp_path: Path):
    lines = ("document; 2026-10-01", "worker voice; 2026-10-01; covers papers_retention", "audit; ref A-1")
    file = write(
        tmp_path / "a.csv", *({**SAFE, "evidence": line, "reference": f"S-{n}"} for n, line in enumerate(lines))
    )
    document = assess(tmp_path, file, confirmed=file)
    assert sorted(codes(document)) == ["evidence.names_no_question", "evidence.undated"]
    pieces = [result["answers"]["evidence"][0].get("confirmed", {}).get("covers") for result in document["results"]]
    assert pieces == [None, ["papers_retention"], None]


def test_a_file_that_is_not_assessed_cannot_be_vouched_for(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    file = write(tmp_path / "a.csv", SAFE)
    (tmp_path / "other").mkdir()
    twin = write(tmp_path / "other" / "a.csv", SAFE)
    out = ["--out", str(tmp_path / "out")]
    assert main(["assess", file, *out, "--evidence-confirmed", str(tmp_path / "b.csv")]) == 2
    assert "is not one of the files to assess" in capsys.readouterr().err
    assert main(["assess", file, twin, *out, "--evidence-confirmed", file]) == 2
    assert "rename" in capsys.readouterr().err


GRADES = ["self-declared", "document", "audit", "certificate", "worker voice", "official"]


@invariant(10)
@given(grade=st.sampled_from(GRADES), day=st.sampled_from(["", "2020-01-01", "2026-11-01", "2027-01-01"]))
def test_no_claim_in_a_sheet_changes_score_range_or_level(
    tmp_path_factory: pytest.TempPathFactory, grade: str, day: str
):
    folder = tmp_path_factory.mktemp("claims")
    piece = f"{grade}; {day}" if day else grade
    rows = [
        {**SAFE, "reference": "S-1"},
        {**SAFE, "reference": "S-2", "evidence": piece},
        {**SAFE, "reference": "S-3", "evidence_grade": grade.replace(" ", "_").replace("-", "_"), "evidence_date": day},
    ]
    plain, *claimed = numbers(assess(folder, write(folder / "a.csv", *rows)))
    assert claimed == [plain, plain]
