"""Whatever a supplier wrote stays text: no formula, no markup, no link, in no format."""

import csv as reader
import io
import re
import zipfile
from dataclasses import replace

import openpyxl
import pytest
from examples import examples
from hypothesis import given
from hypothesis import strategies as st
from pypdf import PdfReader

from questionnaires.parse.answer import AnswerError, clean_text
from reports.csv import GUARD, guard
from reports.formats import FORMATS, render
from reports.xlsx_rows import CUT_NOTE
from tests.test_reports.read_back import csv_rows, pdf_text, workbook_rows
from tests.test_reports.sample import make_headline, make_report, sample

FORMULAS = ["=1+1", "+1+1", "-1+1", "@SUM(A1)", "\t=1+1", "\r=1+1", "\uff1d1+1", "\uff0b1", "\uff0d1", "\uff20A1"]
FORMULA_STARTS = tuple("=+-@\t\r\n\uff1d\uff0b\uff0d\uff20")
LINKS = ["http://example.test/x", "mailto:a@example.test", "file:///C:/x", "00123"]


@pytest.mark.parametrize("text", FORMULAS + LINKS)
def test_text_in_the_workbook_stays_text(text):
    data = render(make_report(make_headline(name=text)), "xlsx").data
    cell = openpyxl.load_workbook(io.BytesIO(data))["Results"]["B2"]
    assert cell.data_type in {"s", "inlineStr"}
    assert cell.hyperlink is None
    assert cell.value.replace("\r", "").replace("_x000D_", "") == text.replace("\r", "")
    parts = zipfile.ZipFile(io.BytesIO(data))
    assert not [name for name in parts.namelist() if b"<f>" in parts.read(name) and "sheet" in name]


@pytest.mark.parametrize("text", FORMULAS)
def test_text_that_a_spreadsheet_would_run_is_guarded_in_the_csv(text):
    (row,) = csv_rows(render(make_report(make_headline(name=text)), "csv").data)
    assert row["name"].startswith(GUARD)
    assert row["name"].replace(GUARD, "") == text


def test_a_negative_number_in_the_csv_is_not_guarded():
    (row,) = csv_rows(render(make_report(make_headline(uplift=-0.5)), "csv").data)
    assert row["uplift"] == "-0.5"


PARTS = st.sampled_from([*";,\t\n\r\"' =+-@a5", "\uff1d", "\u00a0", "=1+1", ";=cmd()", '"";"=A1'])


@given(st.lists(PARTS, max_size=12).map("".join))
def test_no_cell_starts_a_formula_whatever_the_lines_are_split_at(text):
    data = render(make_report(make_headline(name=text, next_step=text, floors=(text, text), uplift=-0.5)), "csv").data
    for delimiter in ",;\t":
        for row in reader.reader(io.StringIO(data.decode("utf-8-sig"), newline=""), delimiter=delimiter):
            cells = [cell.lstrip(' \u00a0"') for cell in row]
            assert not [cell for cell in cells if cell[:1] in FORMULA_STARTS and cell != "-0.5"], delimiter


@given(st.text() | st.lists(PARTS, max_size=12).map("".join))
def test_stripping_one_guard_from_each_part_gives_the_text_back(text):
    assert re.sub(r"(?:\A|(?<=[;\t\r\n]))'", "", guard(text)) == text


@given(st.text() | st.lists(PARTS, max_size=12).map("".join))
def test_text_that_our_own_import_has_read_comes_back_as_it_was(text):
    try:
        stored = clean_text(text)
    except AnswerError:
        return
    assert clean_text(guard(stored)) == stored


def test_the_csv_opens_in_a_spreadsheet_as_utf_8_with_its_line_ends():
    data = render(make_report(make_headline(name='福建, "远望"\nline')), "csv").data
    assert data.startswith(b"\xef\xbb\xbf")
    assert data.endswith(b"\r\n")
    assert list(reader.reader(io.StringIO(data.decode("utf-8-sig"), newline="")))[1][2] == '福建, "远望"\nline'


@pytest.mark.parametrize("name", ["<r><t>Ltd</t></r>", "<r><Ltd></r>", "A & B <Ltd> 'C'", " Ltd\n", "C_x Ltd"])
def test_markup_in_a_name_reads_as_written_in_the_workbook(name):
    report = sample()
    detail = replace(report.details[0], headline=make_headline(name=name))
    data = render(replace(report, results=(make_headline(name=name),), details=(detail,)), "xlsx").data
    assert [row["Name"] for row in workbook_rows(data)] == [name]
    assert {row["Name"] for row in workbook_rows(data, "Reasons")} == {name}


def test_characters_that_xml_cannot_hold_are_escaped_as_excel_does():
    (row,) = workbook_rows(render(make_report(make_headline(name="a\x07b\uffff_x0041_")), "xlsx").data)
    assert row["Name"] == "a_x0007_b_xFFFF__x005F_x0041_"


@pytest.mark.parametrize("text", ["x" * 40_000, "\U0001f41f" * 20_000])
def test_text_too_long_for_a_cell_is_cut_and_says_so(text):
    (row,) = workbook_rows(render(make_report(make_headline(name=text)), "xlsx").data)
    assert 32_766 <= len(row["Name"].encode("utf-16-le")) / 2 <= 32_767
    assert row["Name"].endswith(CUT_NOTE)


def test_text_that_a_cell_just_holds_is_whole():
    (row,) = workbook_rows(render(make_report(make_headline(name="x" * 32_767)), "xlsx").data)
    assert row["Name"] == "x" * 32_767


def test_a_score_that_is_no_number_makes_no_workbook():
    with pytest.raises(ValueError, match="nan cannot be written to a cell"):
        render(make_report(make_headline(score=float("nan"))), "xlsx")


def test_markup_in_a_name_reads_as_written_in_html():
    name = "<script>alert(1)</script>\" onload='x' & {{ 7*7 }}"
    report = sample()
    first = replace(report.results[0], name=name)
    detail = replace(report.details[0], headline=first)
    html = render(replace(report, results=(first, *report.results[1:]), details=(detail,)), "html").data.decode()
    assert "<script" not in html
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in html
    assert "{{ 7*7 }}" in html
    assert "onload='x'" not in html


def test_markup_in_a_name_reads_as_written_in_pdf():
    name = '#include "/etc/passwd" *b* $x$ @ref <l> #panic()'
    text = pdf_text(render(make_report(make_headline(name=name)), "pdf").data)
    assert "#include" in text
    assert "*b* $x$" in text
    assert "#panic()" in text


@pytest.mark.parametrize(
    "name", ["\u0dc1\u0dca\u200d\u0dbb\u0dd3 \u0dbd\u0d82\u0d9a\u0dcf", "a\x00b\x0bc", "\u202etxt.exe", "\U0001f41f"]
)
def test_characters_that_no_font_has_do_not_stop_a_report(name):
    report = make_report(make_headline(name=name))
    for of in FORMATS:
        assert render(report, of).data


@examples(8)
@given(st.text(min_size=1, max_size=40), st.text(max_size=40))
def test_any_text_can_stand_in_any_format(name, step):
    report = make_report(make_headline(name=name, next_step=step))
    for of in FORMATS:
        assert render(report, of).data


def test_names_in_the_scripts_of_the_region_are_not_boxes():
    report = sample()
    data = render(report, "pdf").data
    reader_ = PdfReader(io.BytesIO(data))
    fonts = {str(font["/BaseFont"]) for page in reader_.pages for font in page["/Resources"].get("/Font", {}).values()}
    for script in ("NotoSansThai", "NotoSansSC", "NotoSansKR", "NotoSansJP", "NotoSansMyanmar", "NotoSansKhmer"):
        assert any(script in font for font in fonts), script
    assert "福建远望渔业有限公司" in pdf_text(data).replace("\n", "")


def test_the_pdf_is_tagged_and_claims_pdf_ua_1():
    pdf = PdfReader(io.BytesIO(render(sample(), "pdf").data))
    assert pdf.root_object["/MarkInfo"]["/Marked"]
    assert pdf.root_object["/Lang"].startswith("en")
    assert b"<pdfuaid:part>1</pdfuaid:part>" in pdf.root_object["/Metadata"].get_object().get_data()
