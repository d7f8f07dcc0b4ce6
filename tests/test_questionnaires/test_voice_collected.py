"""Worker voice with KoboToolbox and ODK: the form asks for nothing but answers, and every export gives the same ones back."""

import csv
import io
import json
from collections.abc import Mapping

import pytest
from openpyxl import load_workbook
from pyxform.xls2xform import convert

from questionnaires.worker_voice.collected import UnreadableExport, read_submissions
from questionnaires.worker_voice.form import load_voice_language, load_worker_voice_form
from questionnaires.worker_voice.xlsform import NOTES, SurveyTexts, build_voice_xlsform, list_recordings

FORM = load_worker_voice_form()
GROUPS = {"woman": "Woman", "man": "Man", "other": "Neither, or I would rather not say"}
# Whatever a phone or a person could be recognised by (xlsform.org, "Metadata").
METADATA = {
    "start",
    "end",
    "today",
    "deviceid",
    "phonenumber",
    "username",
    "email",
    "audit",
    "geopoint",
    "start-geopoint",
}
METADATA |= {"background-audio", "image", "audio", "video", "file", "barcode", "time", "date", "datetime", "integer"}
ROW = {"agreed": "yes", "code": "ACDEF-GHJKL", "group": "woman", "own_papers": "mostly_true", "debt": "not_said"}
ANSWERS = {"own_papers": "mostly_true", "debt": "not_said"}


def get_texts(code: str) -> SurveyTexts:
    language = load_voice_language(code)
    notes = {name: language.translate(FORM.texts[name]) for name in NOTES}
    groups = {group: language.translate(title) for group, title in GROUPS.items()}
    return SurveyTexts(language, notes, language.translate(FORM.cuts["gender"].ask), groups)


TEXTS = [get_texts("en"), get_texts("th")]


def write_csv(row: Mapping[str, object], delimiter: str = ",") -> bytes:
    buffer = io.StringIO()
    csv.writer(buffer, delimiter=delimiter).writerows((row.keys(), row.values()))
    return buffer.getvalue().encode()


def read(data: bytes, name: str = "export.csv") -> dict[str, object]:
    (one,) = read_submissions(data, name, FORM, TEXTS, 100)
    return {"agreed": one.agreed, "code": one.code, "group": one.group, "answers": one.answers}


EXPECTED = {"agreed": True, "code": "ACDEF-GHJKL", "group": "woman", "answers": ANSWERS}


def test_the_form_asks_for_a_code_a_group_and_answers_and_nothing_by_which_anybody_could_be_recognised(tmp_path):
    path = tmp_path / "form.xlsx"
    path.write_bytes(build_voice_xlsform(FORM, TEXTS, "worker_voice_abc", has_recordings=True))
    assert convert(xlsform=path).warnings == []
    header, *rows = load_workbook(path)["survey"].iter_rows(values_only=True)
    types = [str(row[header.index("type")]).split(" ")[0] for row in rows]
    assert METADATA.isdisjoint(types)
    assert types.count("text") == 1, "only the code is typed, and only in its form"
    code = next(dict(zip(header, row, strict=True)) for row in rows if "text" in row)
    assert code["constraint"].startswith("regex(")
    assert types.count("select_one") == 2 + len(FORM.statements)
    recordings = {row[header.index("media::audio::ไทย (th)")] for row in rows} - {None, ""}
    listed = [one for one in list_recordings(FORM, [each.language for each in TEXTS]) if one.language == "th"]
    assert recordings == {one.file for one in listed}
    assert listed[0].text == load_voice_language("th").translate(FORM.statements[0].ask)


def test_the_same_answers_come_back_from_kobo_and_odk_with_names_or_labels_in_any_language():
    assert read(write_csv(ROW)) == EXPECTED
    kobo = {
        "_submission_time": "2026-11-29T08:00:00",
        "username": "invented.person",
        "_uuid": "5f2c",
        "before/agreed": "yes",
    }
    kobo |= {f"statements/{name}": value for name, value in ROW.items() if name != "agreed"}
    assert read(write_csv(kobo, ";")) == EXPECTED
    odk = {"SubmissionDate": "2026-11-29", "before-agreed": "yes", "KEY": "uuid:5f2c"}
    odk |= {f"statements-{name}": value for name, value in ROW.items() if name != "agreed"}
    assert read(write_csv(odk)) == EXPECTED
    record = {"__id": "uuid:5f2c", "before": {"agreed": "yes"}, "statements": {**ROW, "agreed": None}}
    del record["statements"]["agreed"]
    assert read(json.dumps({"value": [record]}).encode(), "export.json") == EXPECTED
    for each in TEXTS:
        translate = each.language.translate
        labels = {translate(FORM.texts["voluntary"]): translate(FORM.texts["consent"])}
        labels |= {translate(FORM.texts["code"]): ROW["code"], each.group_question: each.groups["woman"]}
        statements = {one.id: translate(one.ask) for one in FORM.statements}
        labels |= {statements[name]: translate(FORM.answers[answer]) for name, answer in ANSWERS.items()}
        assert read(write_csv(labels)) == EXPECTED


@pytest.mark.parametrize(
    ("data", "name", "reason"),
    [
        (b"code,country\nACDEF-GHJKL,TH\n", "export.csv", "has no column for the code"),
        (b"own_papers\ntrue\n", "export.csv", "has no column for the code"),
        (b"", "export.csv", "cannot be read"),
        (b'code,own_papers\n"A,true\n', "export.csv", "damaged"),
        (b'{"value": [', "export.json", "damaged"),
        (b"code,own_papers\n" + b"A,true\n" * 101, "export.csv", "maximum is 100"),
        (b"PK\x03\x04", "export.xlsx", "Only CSV and JSON"),
        (b'[{"country": -1' + b"0" * 400 + b"}]", "export.json", "has no column for the code"),
        (b"[" * 100_000, "export.json", "damaged"),
    ],
)
def test_a_file_that_is_no_export_of_this_form_is_refused(data: bytes, name: str, reason: str):
    with pytest.raises(UnreadableExport, match=reason):
        read_submissions(data, name, FORM, TEXTS, 100)


def test_an_answer_that_the_form_does_not_have_and_a_missing_consent_are_seen():
    (one,) = read_submissions(write_csv({**ROW, "agreed": "", "debt": "perhaps"}), "export.csv", FORM, TEXTS, 100)
    assert not one.agreed
    assert one.answers == {"own_papers": "mostly_true"}
    assert one.row == 2
