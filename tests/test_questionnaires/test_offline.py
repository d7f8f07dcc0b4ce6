"""Forms filled in without a connection: the same answers come back from a workbook, from Kobo and from ODK, in any language."""

import csv
import io
import json
import shutil
import subprocess
from dataclasses import replace
from itertools import groupby
from pathlib import Path
from typing import Any

import pytest
from examples import invariant
from hypothesis import given
from hypothesis import strategies as st
from openpyxl import load_workbook
from pyxform.validators.odk_validate import ODK_VALIDATE_PATH
from pyxform.xls2xform import convert
from test_voice_collected import FORM as VOICE
from test_voice_collected import TEXTS as VOICE_TEXTS

from questionnaires.form import Questionnaire, load_form
from questionnaires.languages import ENGLISH, Translation, list_languages, load_language
from questionnaires.limits import FileRefused
from questionnaires.offline.row_workbook import build_row_workbook
from questionnaires.offline.xlsform import DAY_QUESTION, VERSION_QUESTION, build_xlsform, get_type
from questionnaires.question import Question
from questionnaires.tables import TableOptions, read_tables
from questionnaires.workbook import list_outgoing_questions
from questionnaires.worker_voice.xlsform import build_voice_xlsform

FORM_IDS = ("site", "site_fishing", "site_construction", "site_domestic_work", "agency")
LANGUAGES = (ENGLISH, *sorted({"ar", "my", "th", "zh-Hans"} & {*list_languages()}))  # a few, because each takes time
OPTIONS = TableOptions(as_of="2026-11-28")
DAY = "2026-11-20"
RESERVED = {"not_applicable": "Not applicable", "declined": "Declined to answer"}


def list_questions(form: Questionnaire) -> list[Question]:
    return [question for question in list_outgoing_questions(form) if question.type != "evidence"]


def draw_codes(question: Question) -> st.SearchStrategy[tuple[str, ...]]:
    """Draw an answer as codes: several of them where the question takes several."""
    plain = {
        "text": ["Invented Works", "42 Harbour Road"],
        "number": ["0", "7", "250"],
        "money": ["1200"],
        "percent": ["0", "12.5", "100"],
        "date": ["2026-02-01"],
        "yes_no": ["yes", "no"],
        "country": ["TH", "NO"],
        "countries": ["NP", "BD", "MM"],
        "sector": ["0311", "4100", "9700"],
    }
    codes = [choice.code for choice in question.choices] or plain.get(question.type, ["Invented Works"])
    if question.type in ("many", "countries"):
        chosen = st.sets(st.sampled_from(codes), min_size=1, max_size=3)
        return chosen.map(lambda each: tuple(sorted(each, key=codes.index)))  # a column per choice has this order
    reserved = [*RESERVED] if question.choices and question.feeds else []
    return st.sampled_from([*codes, *reserved]).map(lambda code: (code,))


@st.composite
def fillings(draw: st.DrawFn, form: Questionnaire) -> dict[str, tuple[str, ...]]:
    """Draw the answers to some questions of a form; always who and where the supplier is, and one about its practice."""
    questions = {question.id: question for question in list_questions(form)}
    practice = draw(st.sampled_from([each.id for each in list_questions(form) if each.is_practice]))
    chosen = draw(st.sets(st.sampled_from(sorted(questions)), max_size=30)) | {"name", "country", practice}
    chosen -= {VERSION_QUESTION, DAY_QUESTION}
    return {each: draw(draw_codes(questions[each])) for each in questions if each in chosen}


def read_row(data: bytes, name: str) -> tuple[dict[str, Any], list[tuple[str, str]]]:
    """Return the answers of a file with one row, and its issues; without the day and the stamp, which only some files have."""
    (table,) = read_tables(data, name, OPTIONS).tables
    answers = {
        question: column.values[column.codes[0]]
        for question, column in table.submission.answers.items()
        if column.codes[0] >= 0 and question != DAY_QUESTION
    }
    issues = [(issue.code, issue.header) for issue in table.submission.issues if not issue.code.startswith("form.")]
    return answers, sorted(issues)


def write_csv(row: dict[str, str]) -> bytes:
    buffer = io.StringIO()
    csv.writer(buffer).writerows((row.keys(), row.values()))
    return buffer.getvalue().encode()


def as_list(form: Questionnaire, filling: dict[str, tuple[str, ...]]) -> bytes:
    """Return the answers as a plain list that names the form and the day of its return."""
    row = {question: "; ".join(codes) for question, codes in filling.items()}
    # Every question, so that the columns show what the list is about.
    row = {question.id: row.get(question.id, "") for question in list_outgoing_questions(form)}
    return write_csv({**row, VERSION_QUESTION: f"{form.id} {form.version}", DAY_QUESTION: DAY})


def name_sections(form: Questionnaire) -> dict[str, str]:
    """Return the group of each question in the XLSForm."""
    groups = enumerate(groupby(list_outgoing_questions(form), lambda question: question.section), 1)
    return {question.id: f"section_{number}" for number, (_, members) in groups for question in members}


def as_kobo_csv(form: Questionnaire, filling: dict[str, tuple[str, ...]]) -> bytes:
    """Return what Kobo exports with names, groups, and several answers in one column."""
    sections = name_sections(form)
    row = {"start": "2026-11-20T08:00:00", VERSION_QUESTION: f"{form.id} {form.version}", DAY_QUESTION: DAY}
    for question, codes in filling.items():
        row[f"{sections[question]}/{question}"] = " ".join(codes)
    return write_csv({**row, "__version__": "vK2", "_id": "71", "_uuid": "5f2c"})


def as_kobo_labels(form: Questionnaire, filling: dict[str, tuple[str, ...]], language: str) -> bytes:
    """Return what Kobo exports with labels in a language, and a column for each choice of several."""
    translated, translate = form.in_language(load_language(language)), load_language(language).translate
    row = {VERSION_QUESTION: f"{form.id} {form.version}", DAY_QUESTION: DAY}
    for question_id, codes in filling.items():
        question = translated.by_id[question_id]
        titles = {choice.code: choice.title for choice in question.choices} | {
            c: translate(t) for c, t in RESERVED.items()
        }
        if question.type == "yes_no":
            titles = {"yes": translate("Yes"), "no": translate("No")}
        if question.choices and get_type(question).startswith("select_multiple"):
            row |= {f"{question.ask}/{choice.title}": str(int(choice.code in codes)) for choice in question.choices}
        else:
            separator = " " if question.type in ("countries", "sector") else "; "
            row[question.ask] = separator.join(titles.get(code, code) for code in codes)
    return write_csv({**row, "__version__": "vK2", "_uuid": "5f2c"})


def as_odk_json(form: Questionnaire, filling: dict[str, tuple[str, ...]]) -> bytes:
    """Return what ODK Central exports."""
    sections = name_sections(form)
    record: dict[str, Any] = {"__id": "uuid:5f2c", "meta": {"instanceID": "uuid:5f2c"}, "__system": {"edits": 0}}
    record |= {VERSION_QUESTION: f"{form.id} {form.version}", DAY_QUESTION: DAY}
    for question, codes in filling.items():
        is_number = form.by_id[question].type in ("number", "money", "percent")
        value = float(codes[0]) if is_number else " ".join(codes)
        record.setdefault(sections[question], {})[question] = value
    return json.dumps({"value": [record]}).encode()


def as_row_workbook(form: Questionnaire, filling: dict[str, tuple[str, ...]], language: str) -> bytes:
    """Return the workbook with a row per question, filled in with the texts of a language."""
    translated, translate = form.in_language(load_language(language)), load_language(language).translate
    filled = {}
    for question_id, codes in filling.items():
        question = translated.by_id[question_id]
        titles = {choice.code: choice.title for choice in question.choices} | {
            c: translate(t) for c, t in RESERVED.items()
        }
        filled[question_id] = "; ".join(titles.get(code, code) for code in codes)
    languages = [load_language(code) for code in dict.fromkeys((ENGLISH, language))]
    return build_row_workbook(form, list_outgoing_questions(form), languages, filled)


@invariant(6)
@given(st.data())
def test_the_same_answers_come_back_from_a_list_a_workbook_kobo_and_odk_in_any_language(data: st.DataObject):
    form = load_form(data.draw(st.sampled_from(FORM_IDS)))
    filling = data.draw(fillings(form))
    language = data.draw(st.sampled_from(LANGUAGES))
    expected = read_row(as_list(form, filling), "list.csv")
    assert expected[0].keys() >= {"name", "country"}
    assert read_row(as_row_workbook(form, filling, language), "form.xlsx") == expected
    assert read_row(as_kobo_csv(form, filling), "kobo.csv") == expected
    assert read_row(as_kobo_labels(form, filling, language), "labels.csv") == expected
    assert read_row(as_odk_json(form, filling), "odk.json") == expected


@pytest.mark.parametrize("form_id", FORM_IDS)
def test_each_form_is_converted_without_a_warning(form_id: str, tmp_path):
    path = tmp_path / "form.xlsx"
    path.write_bytes(build_xlsform(load_form(form_id), list(map(load_language, LANGUAGES))))
    converted = convert(xlsform=path)
    assert converted.warnings == []
    assert 'id="diligence_' in converted.xform


@pytest.mark.long
@pytest.mark.skipif(shutil.which("java") is None, reason="ODK Validate, which the wheel of pyxform carries, needs Java")
def test_odk_validate_accepts_each_form_and_worker_voice(tmp_path: Path):
    languages = list(map(load_language, LANGUAGES))
    forms = {form_id: build_xlsform(load_form(form_id), languages) for form_id in FORM_IDS}
    forms["worker_voice"] = build_voice_xlsform(VOICE, VOICE_TEXTS, "worker_voice_abc", has_recordings=True)
    paths = []
    for form_id, data in forms.items():
        (tmp_path / f"{form_id}.xlsx").write_bytes(data)
        paths.append(tmp_path / f"{form_id}.xml")
        paths[-1].write_text(convert(xlsform=tmp_path / f"{form_id}.xlsx").xform, encoding="utf-8")
    validated = subprocess.run(["java", "-jar", ODK_VALIDATE_PATH, *paths], capture_output=True, text=True, check=False)
    assert validated.returncode == 0, validated.stdout + validated.stderr
    assert validated.stdout.count("Xform is valid") + validated.stderr.count("Xform is valid") == len(forms)


def test_a_form_for_phones_asks_nothing_that_is_for_the_buyer_or_endangers_whoever_answers():
    survey = load_workbook(io.BytesIO(build_xlsform(load_form("site"))))["survey"]
    header, *rows = survey.iter_rows(values_only=True)
    questions = {row[header.index("name")]: dict(zip(header, row, strict=True)) for row in rows}
    assert {"reported_harms", "reported_by", "evidence_grade"}.isdisjoint(questions)
    assert "${country} = 'CN'" in questions["state_placement"]["relevant"]


def test_a_question_that_other_answers_make_irrelevant_is_greyed_out_in_the_workbook():
    form = load_form("site")
    question = next(each for each in list_questions(form) if each.relevant)
    sheet = load_workbook(io.BytesIO(build_row_workbook(form, list_questions(form))))["Questionnaire"]
    row = next(cell.row for cell in sheet["D"] if cell.value == question.id)
    (rule,) = next(each.rules for each in sheet.conditional_formatting if str(each.sqref) == f"A{row}:E{row}")
    assert rule.formula[0].startswith("NOT(")
    assert sheet.protection.sheet
    assert not sheet.cell(row, 5).protection.locked
    assert sheet.cell(row, 2).protection.locked


def test_the_wording_of_a_reviewer_is_in_the_workbook_and_the_xlsform_and_is_read_when_it_comes_back():
    form, shipped = load_form("site"), load_language("th")
    question = next(each for each in list_questions(form) if each.type == "choice" and each.core)
    first, second = question.choices[:2]
    # Worded the other way round, which only the codes in the workbook itself can tell.
    reworded = {first.title: shipped.translate(second.title), second.title: "คำตอบอีกข้อหนึ่ง", question.ask: "คำถามของเรา"}
    own = replace(
        shipped, texts={**shipped.texts, **{english: Translation(text) for english, text in reworded.items()}}
    )
    filled = {"name": "Invented Works", "country": "Thailand", question.id: reworded[first.title]}
    data = build_row_workbook(form, list_outgoing_questions(form), [own], filled)
    sheet = load_workbook(io.BytesIO(data))["Questionnaire"]
    assert "คำถามของเรา" in [cell.value for cell in sheet["B"]]
    assert read_row(data, "form.xlsx")[0][question.id] == first.code
    filled[question.id] = reworded[second.title]
    data = build_row_workbook(form, list_outgoing_questions(form), [own], filled)
    assert read_row(data, "form.xlsx")[0][question.id] == second.code
    choices = load_workbook(io.BytesIO(build_xlsform(form, [own])))["choices"]
    assert (question.id, first.code, reworded[first.title]) in choices.iter_rows(max_col=3, values_only=True)


def test_labels_of_an_export_in_the_words_of_an_organisation_are_read():
    form = load_form("site_construction")
    one = next(each for each in list_questions(form) if each.type == "choice" and each.core)
    several = form.by_id["camp_faults"]
    own_words = {
        one.ask: ["คำถามของเรา"],
        one.choices[0].title: ["คำตอบของเรา"],
        several.choices[1].title: ["ตัวเลือกของเรา"],
        "Oil palm, coconut and olive growing": ["สวนปาล์มของเรา"],
    }
    row = {VERSION_QUESTION: f"{form.id} {form.version}", "name": "Invented Works", "country": "TH"}
    row |= {"คำถามของเรา": "คำตอบของเรา", f"{several.ask}/ตัวเลือกของเรา": "1", "sector/0126 สวนปาล์มของเรา": "1"}
    data = write_csv({**row, "__version__": "vK2", "_uuid": "5f2c"})
    (table,) = read_tables(data, "export.csv", replace(OPTIONS, own_words=own_words)).tables
    read = {question: column.values for question, column in table.submission.answers.items()}
    assert read[one.id] == [one.choices[0].code]
    assert read[several.id] == [(several.choices[1].code,)]
    assert read["sector"] == [("0126",)]


def test_sectors_and_countries_to_choose_from_are_named_in_every_language_and_read_by_these_names():
    form, languages = load_form("site"), [load_language(code) for code in ("th", "km")]
    book = load_workbook(io.BytesIO(build_xlsform(form, languages)))
    choices = {(row[0], row[1]): row[2:] for row in book["choices"].iter_rows(values_only=True)}
    assert choices["sector", "0311"] == ("0311 การประมงทะเล", "0311 នេសាទសមុទ្រ")
    assert choices["country", "NP"] == ("เนปาล", "នេប៉ាល់")
    assert ("sector", "7722") not in choices, "which has no name in Khmer"
    row = {VERSION_QUESTION: f"{form.id} {form.version}", "name": "Invented Works", "country": "TH"}
    origins = form.by_id["worker_origin_countries"].ask
    row |= {
        "sector": "0311 การประมงทะเล 1020 ការកែច្នៃត្រី និងអាហារសមុទ្រ",
        f"{origins}/เนปาล": "1",
        f"{origins}/เมียนมา (พม่า)": "1",
    }
    answers, issues = read_row(write_csv({**row, "__version__": "vK2", "_uuid": "5f2c"}), "export.csv")
    assert (answers["sector"], set(answers["worker_origin_countries"])) == (("0311", "1020"), {"NP", "MM"})
    assert not [issue for issue in issues if issue[1] in ("sector", "worker_origin_countries")]


def test_the_words_beside_the_questions_are_in_the_language_of_the_reader_and_run_from_right_to_left_in_arabic():
    form, arabic = load_form("site"), load_language("ar")
    sheet = load_workbook(io.BytesIO(build_row_workbook(form, list_questions(form), [arabic])))["Questionnaire"]
    assert [sheet.cell(4, column).value for column in (2, 3, 5)] == ["السؤال", "شرح", "الإجابة"]
    assert sheet.sheet_view.rightToLeft
    survey = load_workbook(io.BytesIO(build_xlsform(form, [arabic])))["survey"]
    header, *rows = survey.iter_rows(values_only=True)
    messages = {row[header.index("constraint_message::العربية (ar)")] for row in rows}
    assert "نسبة مئوية، من 0 إلى 100" in messages


def test_a_cell_of_the_workbook_that_cannot_be_read_is_named_as_its_reader_sees_it():
    form = load_form("site")
    data = build_row_workbook(form, list_questions(form), filled={"name": "Invented Works", "country": "Atlantis"})
    sheet = load_workbook(io.BytesIO(data))["Questionnaire"]
    row = next(cell.row for cell in sheet["D"] if cell.value == "country")
    (table,) = read_tables(data, "form.xlsx", OPTIONS).tables
    (issue,) = [issue for issue in table.submission.issues if issue.header == "country"]
    assert (issue.cell, issue.seen) == (f"E{row}", "Atlantis")


def test_an_export_that_names_an_agency_form_is_about_agencies_however_few_answers_it_has():
    row = {"section_1/name": "Invented Works", "section_1/country": "TH", "_uuid": "5f2c"}
    data = write_csv({**row, VERSION_QUESTION: f"agency {load_form('agency').version}", DAY_QUESTION: DAY})
    (table,) = read_tables(data, "kobo.csv", OPTIONS).tables
    assert table.kind == "agency"


def test_who_sent_an_export_is_not_stored():
    form = load_form("site")
    row = {"name": "Invented Works", "country": "TH", "sector": "14", "username": "invented.person", "_uuid": "5f2c"}
    row |= {"SubmitterName": "Invented Person", VERSION_QUESTION: f"site {form.version}", DAY_QUESTION: DAY}
    found = read_tables(write_csv(row), "kobo.csv", OPTIONS)
    assert found.redacted is not None
    assert b"nvented" in found.redacted
    assert b"nvented.person" not in found.redacted
    assert b"nvented Person" not in found.redacted


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b'{"value": [', "json.corrupt"),
        (b"[1, 2]", "json.not_a_table"),
        (b"[]", "json.not_a_table"),
        (b'{"a":' * 9 + b"1" + b"}" * 9, "json.not_a_table"),
        (b"[" * 100_000, "json.corrupt"),
        (b"name;country", "file.type_mismatch"),
    ],
)
def test_json_that_is_no_table_is_refused(content: bytes, code: str):
    with pytest.raises(FileRefused) as refused:
        read_tables(content, "list.json", OPTIONS)
    assert refused.value.code == code


def test_a_list_of_suppliers_as_json_is_read_like_any_list():
    records = [
        {"name": "Invented Works", "address": {"country": "Thailand", "city": "Songkhla"}},
        {"name": "Second Invented Works"},
    ]
    (table,) = read_tables(json.dumps({"items": records}).encode(), "list.json", OPTIONS).tables
    answers = table.submission.answers
    assert answers["name"].values == ["Invented Works", "Second Invented Works"]
    assert answers["name"].codes.tolist() == [0, 1]
