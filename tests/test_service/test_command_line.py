"""The command line: files written, output, and exit status."""

import csv
import gc
import io
import json
import tomllib
from pathlib import Path
from typing import Any

import jsonschema
import openpyxl
import pytest

from questionnaires.form import load_form
from service import cli

SCHEMA = json.loads((Path(cli.__file__).parent / "assessment" / "assessment.schema.json").read_text(encoding="utf-8"))
SITES = [
    {
        "Supplier": "Blue Lagoon Seafoods",
        "Country": "Thailand",
        "Sector": "fishing",
        "Agencies": "Golden Bridge Manpower",
    },
    {"Supplier": "Dune Builders", "Country": "QA", "Sector": "construction", "Agencies": ""},
    {"Supplier": "Kalahari Fish", "Country": "NA", "Sector": "fishing; construction", "Agencies": ""},
    {"Supplier": "", "Country": "Norway", "Sector": "software", "Agencies": ""},
]
AGENCIES = [
    {"Agency name": "Golden Bridge Manpower", "Country": "Nepal"},
    {"Agency name": "Harbour Crew", "Country": "Narnia"},
]


def write(path: Path, rows: list[dict[str, str]]) -> Path:
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]))
    writer.writeheader()
    writer.writerows(rows)
    path.write_text(text.getvalue(), encoding="utf-8")
    return path


def assess(tmp_path: Path, *files: Path, formats: str = "json", **options: str) -> tuple[int, dict[str, Any] | None]:
    out = tmp_path / "out"
    options_list = [f"--{name.replace('_', '-')}={value}" for name, value in {"on": "2026-11-01", **options}.items()]
    status = cli.main(["assess", *map(str, files), "--out", str(out), "--formats", formats, *options_list])
    path = out / "assessment.json"
    return status, json.loads(path.read_text(encoding="utf-8")) if path.exists() else None


def test_garbage_is_collected_again_after_an_assessment(tmp_path: Path) -> None:
    file = tmp_path / "list.csv"
    file.write_text("name,country\nHarbour Foods,TH\n", encoding="utf-8")
    assert cli.main(["assess", str(file), "--out", str(tmp_path / "out"), "--formats", "json"]) == 0
    assert gc.isenabled()


def test_every_row_is_accounted_for_and_the_document_keeps_its_schema(tmp_path: Path) -> None:
    status, document = assess(tmp_path, write(tmp_path / "sites.csv", SITES))
    assert status == 1
    assert document is not None
    jsonschema.validate(document, SCHEMA, cls=jsonschema.Draft202012Validator)
    assert (document["input"]["rows"], document["input"]["accepted"], document["input"]["rejected"]) == (4, 3, 1)
    assert [r["name"] for r in document["results"]] == ["Blue Lagoon Seafoods", "Dune Builders", "Kalahari Fish"]
    assert [r["country"] for r in document["results"]] == ["TH", "QA", "NA"]
    assert [r["model"] for r in document["results"]][:2] == ["site_fishing", "site_construction"]
    assert [i["cell"] for i in document["input"]["issues"] if i["code"] == "row.no_name"] == ["A5"]


def test_a_file_is_validated_without_scores_and_returned_with_its_problems_marked(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sites, marked = write(tmp_path / "sites.csv", SITES), tmp_path / "new" / "marked.xlsx"
    assert cli.main(["validate", str(sites), "--marked", str(marked)]) == 1
    assert "3 of 4 rows can be used, 1 cannot." in capsys.readouterr().out
    sheet = openpyxl.load_workbook(marked)["sites"]
    assert [cell.value for cell in sheet["E"]][:2] == ["Result (Diligence)", "Accepted"]
    assert sheet["A5"].comment is not None
    sheet["A5"] = "Frost Software"
    sheet.parent.save(marked)
    assert cli.main(["validate", str(marked)]) == 0


def test_agencies_are_scored_before_the_sites_that_name_them(tmp_path: Path) -> None:
    sites, agencies = write(tmp_path / "sites.csv", SITES[:2]), write(tmp_path / "agencies.csv", AGENCIES[:1])
    _, document = assess(tmp_path, sites, agencies)
    assert document is not None
    assert [r["kind"] for r in document["results"]] == ["agency", "site", "site"]
    agency, site = document["results"][:2]
    agency_reasons = [x for x in site["reasons"] if x["indicator"] == "agency"]
    assert not agency_reasons or agency_reasons[0]["value"] == pytest.approx(agency["score"])


def test_all_issues_are_written_as_a_table_even_if_no_row_can_be_used(tmp_path: Path) -> None:
    rows = [
        {"Supplier": name, "Country": land}
        for name, land in (("Alder", "Narnia"), ("Birch", "Mordor"), ("Cedar", "=1+1"))
    ]
    sites, table = write(tmp_path / "sites.csv", rows), tmp_path / "issues.csv"
    assert cli.main(["validate", str(sites), "--issues-csv", str(table)]) == 1
    text = table.read_text(encoding="utf-8-sig")
    assert [line.split(",")[1] for line in text.splitlines()[1:]] == ["country.unknown"] * 3
    assert "Mordor" in text
    assert ",=1+1" not in text, "a spreadsheet would run it"


def test_an_unknown_country_is_rejected_with_its_cell_and_a_fix(tmp_path: Path) -> None:
    status, document = assess(tmp_path, write(tmp_path / "agencies.csv", AGENCIES))
    assert status == 1
    assert document is not None
    options_list = [i for i in document["input"]["issues"] if i["code"] == "country.unknown"]
    assert [(i["cell"], i["seen"]) for i in options_list] == [("B3", "Narnia")]
    assert options_list[0]["cure"] == "Enter the name of the country or its ISO code."


def test_defaults_serve_files_without_such_a_column_and_never_fill_blanks(tmp_path: Path) -> None:
    bare = write(tmp_path / "bare.csv", [{"Supplier": "Nameless Bay"}])
    _, document = assess(tmp_path, bare, country="HK", sector="0311")
    assert document is not None
    assert (document["results"][0]["country"], document["results"][0]["sector"]) == ("HK", "0311")
    blank = write(
        tmp_path / "blank.csv",
        [{"Supplier": "Nameless Bay", "Country": ""}, {"Supplier": "Other Bay", "Country": "TH"}],
    )
    _, document = assess(tmp_path, blank, country="HK")
    assert document is not None
    assert [r["country"] for r in document["results"]] == [None, "TH"]


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("empty.csv", b""),
        ("noise.xlsx", bytes(range(256)) * 40),
        ("header.csv", b"Supplier,Country\n"),
        ("poem.txt", b"roses are red\nviolets are blue\n"),
    ],
)
def test_nothing_usable_writes_nothing_and_says_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str, data: bytes
) -> None:
    (tmp_path / name).write_bytes(data)
    status, document = assess(tmp_path, tmp_path / name)
    output = capsys.readouterr()
    assert (status, document) == (2, None)
    assert not (tmp_path / "out").exists() or not list((tmp_path / "out").iterdir())
    assert output.err.startswith("diligence: ")
    assert "Traceback" not in output.err


def test_the_version_is_that_of_the_project_file(capsys: pytest.CaptureFixture[str]) -> None:
    project = tomllib.loads(Path("pyproject.toml").read_text(encoding="utf-8"))["project"]
    with pytest.raises(SystemExit):
        cli.main(["--version"])
    assert capsys.readouterr().out == f"diligence {project['version']}\n"


def test_a_missing_file_is_reported_plainly(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert assess(tmp_path, tmp_path / "absent.csv")[0] == 2
    assert f"there is no file {tmp_path / 'absent.csv'}" in capsys.readouterr().err


def test_one_bad_file_among_good_ones_is_reported_and_the_rest_is_scored(tmp_path: Path) -> None:
    (tmp_path / "bad.xlsx").write_bytes(b"PK\x03\x04 nothing")
    status, document = assess(tmp_path, write(tmp_path / "sites.csv", SITES[:1]), tmp_path / "bad.xlsx")
    assert status == 1
    assert document is not None
    assert [f["name"] for f in document["input"]["files"]] == ["sites.csv", "bad.xlsx"]
    assert any(i["file"] == "bad.xlsx" and i["severity"] == "error" for i in document["input"]["issues"])


def test_a_list_of_countries_is_no_table_of_sites(tmp_path: Path) -> None:
    sites = [{"Supplier": name, "Code": str(at)} for at, name in enumerate(("Thailand", "Malaysia", "Japan"))]
    status, document = assess(
        tmp_path, write(tmp_path / "sites.csv", SITES[:1]), write(tmp_path / "country.csv", sites)
    )
    assert (status, document["input"]["rows"]) == (1, 1)
    assert [i["code"] for i in document["input"]["issues"] if i["file"] == "country.csv"] == ["sheet.of_countries"]
    sites[0]["Supplier"] = "Blue Pier Cannery"
    assert assess(tmp_path, write(tmp_path / "mixed.csv", sites))[0] == 0


def test_an_internal_error_shows_an_id_and_no_traceback(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr("service.imports.pipeline.parse_files", lambda *_, **__: 1 / 0)
    status, _ = assess(tmp_path, write(tmp_path / "sites.csv", SITES[:1]))
    output = capsys.readouterr().err
    assert status == 70
    assert "ZeroDivisionError" not in output
    record = next(tmp_path.glob("diligence-bug-*.log"))
    assert record.stem.rsplit("-", 1)[1] in output
    assert "ZeroDivisionError" in record.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "change",
    [
        lambda d: d["results"][0].update(score=d["results"][0]["score"] + 1e-12),
        lambda d: d["results"][0]["reasons"][0].update(points=d["results"][0]["reasons"][0]["points"] * 2),
        lambda d: d["results"][1].update(level="low"),
        lambda d: d["results"][1].update(confidence=99.0),
        lambda d: d["results"][0]["answers"].update(country="NO"),
        lambda d: d["results"][0]["actions"].pop(),
        lambda d: d["results"].pop(),
        lambda d: d["assessment"]["models"][0]["indicators"][0].update(weight=0.5),
        lambda d: d["assessment"].update(facts_digest="0" * 64),
        lambda d: d["input"].update(accepted=99),
        lambda d: d["results"][0].update(answers=None),
        lambda d: d.update(results=3),
    ],
)
def test_verify_detects_any_change(tmp_path: Path, capsys: pytest.CaptureFixture[str], change: Any) -> None:
    _, document = assess(tmp_path, write(tmp_path / "sites.csv", SITES[:2]))
    path = tmp_path / "out/assessment.json"
    assert cli.main(["verify", str(path)]) == 0
    change(document)
    path.write_text(json.dumps(document, ensure_ascii=False), encoding="utf-8")
    assert cli.main(["verify", str(path)]) == 1
    assert capsys.readouterr().err.strip()


def test_verify_reports_what_is_wrong_with_a_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "x.json").write_text("[1, 2]", encoding="utf-8")
    assert cli.main(["verify", str(tmp_path / "x.json")]) == 2
    assert "is not an assessment" in capsys.readouterr().err


def test_a_column_map_takes_precedence_over_headers(tmp_path: Path) -> None:
    sheet = write(tmp_path / "odd.csv", [{"Wer": "Blue Lagoon Seafoods", "Wo": "TH"}])
    (tmp_path / "map.toml").write_text('name = "Wer"\ncountry = "Wo"\n', encoding="utf-8")
    _, document = assess(tmp_path, sheet, map=str(tmp_path / "map.toml"))
    assert document is not None
    assert (document["results"][0]["name"], document["results"][0]["country"]) == ("Blue Lagoon Seafoods", "TH")
    assert document["input"]["files"][0]["sheets"][0]["columns"] == {"name": "Wer", "country": "Wo"}


def test_every_format_is_written_and_holds_the_same_scores(tmp_path: Path) -> None:
    status, document = assess(tmp_path, write(tmp_path / "sites.csv", SITES[:3]), formats="json,xlsx,pdf,html,csv")
    assert status == 0
    assert document is not None
    written = {path.suffix for path in (tmp_path / "out").iterdir()}
    assert written == {".json", ".xlsx", ".pdf", ".html", ".csv"}
    scores = sorted(round(r["score"], 1) for r in document["results"])
    book = openpyxl.load_workbook(next((tmp_path / "out").glob("*.xlsx")), read_only=True)
    rows = list(book["Results"].iter_rows(values_only=True))
    header = next(i for i, row in enumerate(rows) if "Score" in row)
    column = rows[header].index("Score")
    assert (
        sorted(round(float(row[column]), 1) for row in rows[header + 1 :] if isinstance(row[column], (int, float)))
        == scores
    )


def test_facts_show_where_a_state_imposes_labour_and_as_what_it_counts(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["facts", "show", "China"]) == 0
    china = capsys.readouterr().out
    assert "State-imposed labour (documented): region xinjiang." in china
    assert "State-imposed labour (named): anywhere." in china
    assert cli.main(["facts", "show", "Cuba"]) == 0
    assert "(documented): sector 86. Source: United States Department of State" in capsys.readouterr().out


def test_models_and_facts_are_printed_and_pass_their_checks(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["models", "check"]) == 0
    assert cli.main(["facts", "check"]) == 0
    assert cli.main(["models", "list"]) == 0
    assert cli.main(["models", "show", "site_fishing"]) == 0
    assert cli.main(["facts", "show", "Thailand"]) == 0
    output = capsys.readouterr().out
    assert "site_domestic_work" in output
    assert "Rule of law" in output or "rule of law" in output


def test_an_unknown_country_gets_a_suggestion(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["facts", "show", "Thalland"]) == 2
    assert "Did you mean Thailand" in capsys.readouterr().err


def test_a_form_is_not_printed_in_a_script_without_a_font(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "form.pdf"
    assert cli.main(["template", "site", "--layout", "pdf", "--language", "si", "--out", str(path)]) == 2
    assert "no PDF in Sinhala" in capsys.readouterr().err
    assert not path.exists()


@pytest.mark.parametrize("form", ["site", "site_fishing", "site_construction", "site_domestic_work", "agency"])
def test_a_template_is_a_workbook_that_can_be_assessed_when_filled(tmp_path: Path, form: str) -> None:
    path = tmp_path / "form.xlsx"
    assert cli.main(["template", form, "--out", str(path)]) == 0
    book = openpyxl.load_workbook(path)
    titles = {
        load_form(form).by_id[question].title: answer
        for question, answer in (("name", "Blue Lagoon"), ("country", "Thailand"))
    }
    cells = [
        cell for sheet in book.worksheets for row in sheet.iter_rows(max_row=5) for cell in row if cell.value in titles
    ]
    for cell in cells:
        if cell.parent.sheet_state == "visible":
            cell.offset(row=1).value = titles[str(cell.value)]
    book.save(path)
    status, document = assess(tmp_path, path)
    assert status == 0
    assert document is not None
    assert document["results"][0]["country"] == "TH"
    assert document["results"][0]["kind"] == ("agency" if form == "agency" else "site")


def test_the_importer_is_asked_who_filled_in_a_sheet_with_the_headers_of_a_questionnaire(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    titles = [question.title for question in load_form("site").questions if question.is_practice][:12]
    answers = dict.fromkeys(titles, "") | {titles[-1]: "Yes"}
    file = write(tmp_path / "filled.csv", [{"Name": "Invented Mill", "Country": "TH", **answers}])
    cli.main(["assess", str(file), "--out", str(tmp_path / "out"), "--formats", "json"])
    assert "specify who filled it in" in capsys.readouterr().err
    cli.main(["assess", str(file), "--out", str(tmp_path / "own"), "--formats", "json", "--answered-by", "buyer"])
    assert "specify who filled it in" not in capsys.readouterr().err


def test_the_scorecard_of_one_supplier_is_written_with_the_other_results(tmp_path: Path) -> None:
    status, _ = assess(tmp_path, write(tmp_path / "sites.csv", SITES[:3]), scorecard="dune builders")
    assert status == 0
    assert {file.name for file in (tmp_path / "out").iterdir()} == {
        "assessment.json", "scorecard.pdf", "scorecard.docx", "scorecard.html",
    }  # fmt: skip
    page = (tmp_path / "out/scorecard.html").read_text(encoding="utf-8")
    assert "Dune Builders" in page
    assert "Kalahari Fish" not in page


def test_the_scorecard_is_in_the_language_that_is_asked_for(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sites = write(tmp_path / "sites.csv", SITES[:3])
    assert assess(tmp_path, sites, scorecard="dune builders", language="th")[0] == 0
    page = (tmp_path / "out/scorecard.html").read_text(encoding="utf-8")
    assert 'lang="th"' in page
    assert "ความเสี่ยง" in page
    assert "Managed risk" not in page
    for refused, because in (
        ({"scorecard": "x", "language": "xx"}, "languages of scorecards"),
        ({"language": "th"}, "Add --scorecard"),
    ):
        assert assess(tmp_path, sites, **refused)[0] == 2
        assert because in capsys.readouterr().err


@pytest.mark.parametrize(("wanted", "because"), [("Nobody", "has the reference or name"), ("Dune Builders", "2 rows")])
def test_without_exactly_one_such_supplier_no_file_is_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], wanted: str, because: str
) -> None:
    twice = [SITES[1] | {"Country": "QA"}, SITES[1] | {"Country": "AE"}]
    status, document = assess(tmp_path, write(tmp_path / "sites.csv", twice), scorecard=wanted)
    assert (status, document) == (2, None)
    assert because in capsys.readouterr().err
