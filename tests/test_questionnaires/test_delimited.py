"""Text files: in which characters, parted by which sign, and which of their lines are rows."""

from array import array

import pytest
from hypothesis import given
from hypothesis import strategies as st

from questionnaires.delimited import Misquoted, Table, loosely, rows, strictly, table
from questionnaires.encoding import decode
from questionnaires.limits import Limits, Refused

HEADER = "Supplier,Country,Notes\r\n"


def read(data: bytes | str, kind: str = "csv", **limits: int) -> list[list[str]]:
    """The rows of a text file."""
    found = table(data.encode() if isinstance(data, str) else data, kind)
    return list(rows(strictly(found, Limits(**limits)), Limits(**limits), array("i")))


def refusal(data: bytes | str, **limits: int) -> str:
    """The code with which a text file is refused."""
    with pytest.raises(Refused) as caught:
        read(data, **limits)
    return caught.value.code


# Characters


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
def test_characters_are_told_by_what_they_would_say(line, encoding):
    text, found = decode((HEADER + line).encode(encoding))
    assert (text, found) == (HEADER + line, encoding)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
def test_marks_at_the_beginning_are_believed_and_not_read(encoding):
    assert read((HEADER + "海の幸,JP,é").encode(encoding))[0][0] == "Supplier"
    assert read((HEADER + "海の幸,JP,é").encode(encoding))[1] == ["海の幸", "JP", "é"]


@pytest.mark.parametrize(
    "data",
    [
        "Café\n".encode() + "Café\n".encode("cp1252"),  # two at once
        b"a,b\n\xc3\x28,\xf0\x28\x8c\xbc,\xed\xa0\x80\n",  # broken UTF-8
        "a,b\n".encode("utf-16-be"),  # no mark
        "Łódź,Spółka,Białystok\n".encode("cp1250"),
        "한국".encode("cp949"),  # too short to tell
        b"\xff\xfea",
    ],
)
def test_characters_that_cannot_be_told_are_not_guessed(data):
    assert refusal(data) == "csv.encoding"


def test_a_nul_among_the_characters_is_refused():
    assert refusal(b"Supplier,Country\nBlue\0Lagoon,TH\n") == "csv.nul"
    assert refusal("Blue\0Lagoon,TH\n".encode("utf-16")) == "csv.nul"


# The sign between fields


@pytest.mark.parametrize("sign", [",", ";", "\t", "|"])
def test_the_sign_that_parts_every_line_alike_is_found(sign):
    lines = [["Supplier", "Country", "Notes"], ["Lagoon, Ltd; Co", "TH", "a|b"], ["Dune", "QA", ""]]
    quoted = "\n".join(sign.join(f'"{cell}"' if sign in cell else cell for cell in line) for line in lines)
    assert read(quoted) == lines


def test_decimal_commas_do_not_part_a_table_of_semicolons():
    assert read("Supplier;Fee;Wage\nA;12,5;1.145,00\nB;3,5;900,00\n")[1] == ["A", "12,5", "1.145,00"]


def test_a_line_that_names_the_sign_is_for_excel_and_no_row():
    assert read("sep=;\r\nSupplier;Country\r\nA, Ltd;TH\r\n") == [["Supplier", "Country"], ["A, Ltd", "TH"]]


def test_one_column_is_a_table_too():
    assert read("Supplier\nA\nB\n") == [["Supplier"], ["A"], ["B"]]


# Lines and rows


@pytest.mark.parametrize("ending", ["\n", "\r\n", "\r"])
def test_lines_may_end_in_three_ways(ending):
    assert read(ending.join(["a,b", "1,2", "3,4", ""])) == [["a", "b"], ["1", "2"], ["3", "4"]]


def test_a_quoted_cell_keeps_its_line_breaks_and_is_one_row():
    notes = "line1\r\nline2\nline3\rline4\u2028line5\x85line6"
    assert read(f'a,b\n1,"{notes}"\n2,x\n') == [["a", "b"], ["1", notes], ["2", "x"]]


def test_blank_lines_are_rows_and_those_at_the_end_are_not():
    widths = array("i")
    found = rows(strictly(table(b"\n\na,b\n,,\n1,2\n \n,\n\n", "csv"), Limits()), Limits(), widths)
    assert list(found) == [[], [], ["a", "b"], [], ["1", "2"]]
    assert widths.tolist() == [0, 0, 2, 0, 2]


def test_a_file_of_blank_lines_is_empty():
    assert refusal("\r\n\r\n  \r\n") == "file.empty"


def test_a_text_is_measured_while_it_is_read():
    assert refusal("a,b\n" * 11, rows=10) == "limit.rows"
    assert refusal("," * 1000, columns=999) == "limit.columns"
    assert refusal("a," + "x" * 1001, longest_text=1000) == "limit.cell_text"


# Quotation marks


def test_a_quotation_mark_that_never_closes_is_refused_not_swallowed():
    assert refusal(HEADER + 'A,"never closed,x\r\n' + "B,TH,x\r\n" * 100) == "csv.unterminated_quote"


def test_a_wrongly_quoted_cell_stands_as_written_and_its_row_is_noted():
    text = 'a,b\n1,"a"b"c"\n"x ""y""","two\nlines"\n"never closed,z\n"4",5\n'
    with pytest.raises(Misquoted):
        read(text)
    misquoted = array("i")
    found = list(loosely(Table(text, "utf-8", ","), Limits(), misquoted))
    assert found == [["a", "b"], ["1", '"a"b"c"'], ['x "y"', "two\nlines"], ['"never closed', "z"], ["4", "5"]]
    assert misquoted.tolist() == [2, 4]


def test_a_quotation_mark_inside_a_cell_is_a_part_of_it():
    assert read('a,b\n1,Ac"me" Ltd\n')[1] == ["1", 'Ac"me" Ltd']


@given(st.lists(st.lists(st.text('ab", \n', max_size=4), min_size=2, max_size=3), min_size=1, max_size=5))
def test_what_is_quoted_rightly_is_read_alike_in_both_ways(lines):
    written = "".join(",".join('"' + cell.replace('"', '""') + '"' for cell in line) + "\r\n" for line in lines)
    misquoted = array("i")
    found = Table(written, "utf-8", ",")
    assert list(loosely(found, Limits(), misquoted)) == list(strictly(found, Limits())) == lines
    assert not misquoted
