"""Text files: their encoding, their delimiter, and which of their lines are rows."""

from array import array

import pytest
from hypothesis import given
from hypothesis import strategies as st

from questionnaires.delimited import (
    DelimitedText,
    MisquotedText,
    decode_table,
    iter_records,
    iter_records_leniently,
    iter_rows,
)
from questionnaires.encoding import decode_text
from questionnaires.limits import FileRefused, Limits

HEADER = "Supplier,Country,Notes\r\n"


def read_rows(data: bytes | str, kind: str = "csv", **limits: int) -> list[list[str]]:
    """Return the rows of a text file."""
    table = decode_table(data.encode() if isinstance(data, str) else data, kind)
    return list(iter_rows(iter_records(table, Limits(**limits)), Limits(**limits), array("i")))


def get_refusal_code(data: bytes | str, **limits: int) -> str:
    """Return the code with which a text file is refused."""
    with pytest.raises(FileRefused) as caught:
        read_rows(data, **limits)
    return caught.value.code


# Encodings


@pytest.mark.parametrize(
    ("line", "encoding"),
    [
        ("Société Générale – €,FR,Peña «à»", "cp1252"),
        ("Müller Nähmaschinen,AT,Straße", "cp1252"),
        ("Güneş Tekstil,TR,İstanbul Şişli", "cp1254"),
        ("บริษัท ไทยยูเนี่ยน จำกัด,TH,สมุทรสาคร", "cp874"),
        ("台灣電子股份有限公司,TW,台北市中山區", "big5"),
        ("日本製造株式会社,JP,東京都港区あいち", "cp932"),
        ("深圳市电子有限公司,CN,广东省深圳市", "gb18030"),
        ("삼성물산 주식회사,KR,서울특별시", "cp949"),
    ],
)
def test_the_encoding_is_detected_by_which_characters_are_likely(line, encoding):
    assert decode_text((HEADER + line).encode(encoding)) == (HEADER + line, encoding, ())


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
def test_a_byte_order_mark_decides_the_encoding_and_is_not_part_of_the_text(encoding):
    assert read_rows((HEADER + "海の幸,JP,é").encode(encoding))[0][0] == "Supplier"
    assert read_rows((HEADER + "海の幸,JP,é").encode(encoding))[1] == ["海の幸", "JP", "é"]


@pytest.mark.parametrize(
    "data",
    [
        "Café\n".encode() + "Café\n".encode("cp1252"),  # two at once
        b"a,b\n\xc3\x28,\xf0\x28\x8c\xbc,\xed\xa0\x80\n",  # broken UTF-8
        "한국".encode("cp949"),  # too short to tell
        b"\xff\xfea",
    ],
)
def test_an_uncertain_encoding_is_not_guessed(data):
    assert get_refusal_code(data) == "csv.encoding"


def test_a_nul_character_is_refused():
    assert get_refusal_code(b"Supplier,Country\nBlue\0Lagoon,TH\n") == "csv.nul"
    assert get_refusal_code("Blue\0Lagoon,TH\n".encode("utf-16")) == "csv.nul"


# Delimiters


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_delimiter_that_splits_every_line_alike_is_detected(delimiter):
    lines = [["Supplier", "Country", "Notes"], ["Lagoon, Ltd; Co", "TH", "a|b"], ["Dune", "QA", ""]]
    quoted = "\n".join(delimiter.join(f'"{cell}"' if delimiter in cell else cell for cell in line) for line in lines)
    assert read_rows(quoted) == lines


def test_decimal_commas_do_not_split_a_table_of_semicolons():
    assert read_rows("Supplier;Fee;Wage\nA;12,5;1.145,00\nB;3,5;900,00\n")[1] == ["A", "12,5", "1.145,00"]


def test_a_line_that_names_the_delimiter_is_not_a_row():
    assert read_rows("sep=;\r\nSupplier;Country\r\nA, Ltd;TH\r\n") == [["Supplier", "Country"], ["A, Ltd", "TH"]]


def test_a_single_column_is_a_table():
    assert read_rows("Supplier\nA\nB\n") == [["Supplier"], ["A"], ["B"]]


# Lines and rows


@pytest.mark.parametrize("ending", ["\n", "\r\n", "\r"])
def test_all_three_line_endings_are_read(ending):
    assert read_rows(ending.join(["a,b", "1,2", "3,4", ""])) == [["a", "b"], ["1", "2"], ["3", "4"]]


def test_a_quoted_cell_keeps_its_line_breaks_and_stays_one_row():
    notes = "line1\r\nline2\nline3\rline4\u2028line5\x85line6"
    assert read_rows(f'a,b\n1,"{notes}"\n2,x\n') == [["a", "b"], ["1", notes], ["2", "x"]]


def test_blank_lines_are_empty_rows_except_at_the_end():
    widths = array("i")
    table = decode_table(b"\n\na,b\n,,\n1,2\n \n,\n\n", "csv")
    assert list(iter_rows(iter_records(table, Limits()), Limits(), widths)) == [[], [], ["a", "b"], [], ["1", "2"]]
    assert widths.tolist() == [0, 0, 2, 0, 2]


def test_a_file_of_blank_lines_is_empty():
    assert get_refusal_code("\r\n\r\n  \r\n") == "file.empty"


def test_a_text_over_the_limits_is_refused():
    assert get_refusal_code("a,b\n" * 12, rows=10) == "limit.rows"
    assert get_refusal_code("," * 1000, columns=999) == "limit.columns"
    assert get_refusal_code("a," + "x" * 1001, longest_text=1000) == "limit.cell_text"


# Quotation marks


def test_a_quotation_mark_that_is_never_closed_is_refused():
    assert get_refusal_code(HEADER + 'A,"never closed,x\r\n' + "B,TH,x\r\n" * 100) == "csv.unterminated_quote"


def test_a_misquoted_cell_is_left_as_written_and_its_row_is_recorded():
    text = 'a,b\n1,"a"b"c"\n"x ""y""","two\nlines"\n"never closed,z\n"4",5\n'
    with pytest.raises(MisquotedText):
        read_rows(text)
    misquoted = array("i")
    records = list(iter_records_leniently(DelimitedText(text, "utf-8", ","), Limits(), misquoted))
    assert records == [["a", "b"], ["1", '"a"b"c"'], ['x "y"', "two\nlines"], ['"never closed', "z"], ["4", "5"]]
    assert misquoted.tolist() == [2, 4]


def test_a_quotation_mark_inside_a_cell_belongs_to_its_text():
    assert read_rows('a,b\n1,Ac"me" Ltd\n')[1] == ["1", 'Ac"me" Ltd']


@given(st.lists(st.lists(st.text('ab", \n', max_size=4), min_size=2, max_size=3), min_size=1, max_size=5))
def test_correct_quoting_is_read_alike_strictly_and_leniently(lines):
    written = "".join(",".join('"' + cell.replace('"', '""') + '"' for cell in line) + "\r\n" for line in lines)
    misquoted = array("i")
    table = DelimitedText(written, "utf-8", ",")
    assert list(iter_records_leniently(table, Limits(), misquoted)) == list(iter_records(table, Limits())) == lines
    assert not misquoted
