"""The command that shows how a file would be read, and the options by which its layout is corrected."""

import json
from pathlib import Path

import jsonschema
import pytest
from sheets import workbook

from service import cli

SCHEMA = json.loads((Path(cli.__file__).parent / "assessment" / "assessment.schema.json").read_text(encoding="utf-8"))

ROWS = (
    "| Our suppliers | | |",
    "| Supplier | Country | Total workers |",
    "| Alder Nets | Thailand | 5 |",
    "| Subtotal Thailand | | 5 |",
    "| Tier 2 suppliers | | |",
    "| Birch Foods | Viet Nam | 50 |",
)


@pytest.fixture(scope="module")
def file(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("inspect") / "list.xlsx"
    path.write_bytes(workbook(*ROWS, name="Suppliers"))
    return path


def assess(file: Path, out: Path, *options: str) -> dict:
    cli.main(["assess", str(file), "--out", str(out), "--formats", "json", "--on", "2026-11-01", *options])
    return json.loads((out / "assessment.json").read_text(encoding="utf-8"))


def test_a_file_is_shown_with_its_columns_and_the_rows_that_are_left_out(file, capsys):
    assert cli.main(["inspect", str(file)]) == 0
    shown = capsys.readouterr().out
    assert "headers in rows 2, table in rows 1 to 6" in shown
    assert "A  Supplier -> name   [Alder Nets; Birch Foods]" in shown
    assert "left out, subtotal: rows 4" in shown
    assert "to be decided, heading or supplier: rows 5" in shown


def test_a_layout_that_is_printed_and_handed_back_is_followed(file, capsys, tmp_path):
    cli.main(["inspect", str(file), "--json"])
    layout = json.loads(capsys.readouterr().out)
    layout["sheets"][0]["tables"][0]["asked"] = []
    corrected = tmp_path / "layout.json"
    corrected.write_text(json.dumps(layout), encoding="utf-8")
    document = assess(file, tmp_path / "out", "--layout", str(corrected))
    assert [result["name"] for result in document["results"]] == ["Alder Nets", "Tier 2 suppliers", "Birch Foods"]
    corrected.write_text(json.dumps(document["assessment"]["options"]["layouts"]), encoding="utf-8")
    again = assess(file, tmp_path / "again", "--layout", str(corrected))
    assert (again["results"], again["assessment"]) == (document["results"], document["assessment"])
    assert "Alder" not in str(document["assessment"]["options"])


def test_the_document_lists_the_rows_that_are_left_out(file, tmp_path):
    document = assess(file, tmp_path / "out", "--read-row", "Suppliers!4", "--leave-out-row", "6")
    assert [(entry["reason"], entry["rows"]) for entry in document["input"]["left_out"]] == [
        ("title", [[1, 1]]),
        ("chosen", [[6, 6]]),
        ("asked_heading_or_supplier", [[5, 5]]),
    ]
    assert [result["name"] for result in document["results"]] == ["Alder Nets", "Subtotal Thailand"]
    assert [(row["sheet"], row["row"], row["is_read"]) for row in document["assessment"]["options"]["rows"]] == [
        ("Suppliers", 4, True),
        ("", 6, False),
    ]
    jsonschema.validate(document, SCHEMA, cls=jsonschema.Draft202012Validator)
    assert cli.main(["verify", str(tmp_path / "out" / "assessment.json")]) == 0


def test_a_file_whose_columns_must_be_chosen_is_shown_with_its_headers(capsys, tmp_path):
    path = tmp_path / "list.csv"
    path.write_text("Moniker,Hue\nAlder Nets Ltd,red\n", encoding="utf-8")
    assert cli.main(["inspect", str(path)]) == 1
    assert "A  Moniker -> not read   [Alder Nets Ltd]" in capsys.readouterr().out


def test_the_encoding_of_a_text_file_is_chosen_in_the_layout_if_two_are_likely(capsys, tmp_path):
    path, corrected = tmp_path / "list.csv", tmp_path / "layout.json"
    path.write_bytes("Supplier,Country\nCantù Tessuti,Italy\n".encode("cp1252"))
    assert cli.main(["assess", str(path), "--out", str(tmp_path / "out")]) != 0
    refusal = capsys.readouterr().err
    assert "Western European (Windows-1252) or Central European (Windows-1250)" in refusal
    assert "--layout" in refusal
    assert cli.main(["inspect", str(path), "--json"]) == 1
    layout = json.loads(capsys.readouterr().out)
    assert (layout["sheets"][0]["encoding"], layout["sheets"][0]["encodings"]) == (None, ["cp1252", "cp1250"])
    layout["sheets"][0]["encoding"] = "cp1252"
    corrected.write_text(json.dumps(layout), encoding="utf-8")
    document = assess(path, tmp_path / "out", "--layout", str(corrected))
    assert [result["name"] for result in document["results"]] == ["Cantù Tessuti"]
    corrected.write_text(json.dumps(document["assessment"]["options"]["layouts"]), encoding="utf-8")
    assert assess(path, tmp_path / "again", "--layout", str(corrected))["results"] == document["results"]


def test_a_column_that_is_chosen_in_the_layout_is_read(capsys, tmp_path):
    path, corrected = tmp_path / "list.csv", tmp_path / "layout.json"
    path.write_text("Moniker,Hue\nAlder Nets Ltd,red\n", encoding="utf-8")
    cli.main(["inspect", str(path), "--json"])
    layout = json.loads(capsys.readouterr().out)
    layout["sheets"][0]["read"] = True
    layout["sheets"][0]["tables"][0]["headers"][0]["question"] = "name"
    corrected.write_text(json.dumps(layout), encoding="utf-8")
    document = assess(path, tmp_path / "out", "--layout", str(corrected))
    assert [result["name"] for result in document["results"]] == ["Alder Nets Ltd"]


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--layout", "{folder}/nothing.json"], "there is no file"),
        (["--layout", "{folder}/bad.json"], "is not a layout"),
        (["--read-row", "Suppliers!first"], "requires a row, such as 12"),
    ],
)
def test_a_layout_or_row_that_cannot_be_used_is_refused_with_one_sentence(file, capsys, tmp_path, options, sentence):
    (tmp_path / "bad.json").write_text('{"sheets": 3}', encoding="utf-8")
    assert cli.main(["inspect", str(file), *(option.format(folder=tmp_path) for option in options)]) == 2
    assert sentence in capsys.readouterr().err
