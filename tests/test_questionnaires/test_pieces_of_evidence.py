"""Evidence in a cell or a body: pieces, each whole or told and left out."""

from datetime import date
from io import BytesIO

import pytest
from marshmallow import ValidationError
from openpyxl import load_workbook

from questionnaires.form import schema
from questionnaires.parse.answer import Piece
from questionnaires.workbook import template
from tests.test_questionnaires.tables import SITE, of_rows, said, submitted

ON = date(2026, 9, 1)


def read(*cells: str):
    """The evidence of some sites, and the issues as (code, what was seen)."""
    rows = [["Supplier", "Evidence pieces"], *([f"Site {n}", cell] for n, cell in enumerate(cells))]
    submission = submitted(of_rows(rows), on=ON)
    return said(submission, "evidence"), [(told.code, told.seen) for told in submission.issues]


def pieces(cell: str):
    """What one cell gives, when nothing is said against it."""
    (found,), issues = read(cell)
    assert issues == []
    return found


def test_a_piece_tells_kind_date_expiry_cover_and_reference_in_any_order() -> None:
    whole = Piece("audit", "2026-03-01", "2027-03-01", ("papers", "contracts"), "SMETA-123")
    assert pieces("audit; 2026-03-01; covers papers, contracts; ref SMETA-123; until 2027-03-01") == (whole,)
    assert pieces("until 2027-03-01;ref SMETA-123; covers papers, contracts ;audit; 2026-03-01") == (whole,)


def test_a_cell_holds_a_piece_a_line_or_between_bars() -> None:
    two = (Piece("document", "2026-03-01"), Piece("official", "2026-04-01"))
    assert pieces("document; 2026-03-01\nofficial; 2026-04-01") == two
    assert pieces("document; 2026-03-01 | inspection; 2026-04-01") == two
    assert pieces("document; 2026-03-01 | | document; 2026-03-01") == two[:1]


@pytest.mark.parametrize(
    ("cell", "piece"),
    [
        ("Auditoría; 2026-03-01; Ref: X-1", Piece("audit", "2026-03-01", source="X-1")),
        ("Zertifikat; vom 2026-01-05; gültig bis 2027-01-05", Piece("certificate", "2026-01-05", "2027-01-05")),
        ("監査; 2026年3月1日; 対象：papers", Piece("audit", "2026-03-01", covers=("papers",))),
        ("syndicat; 1 March 2026", Piece("worker_voice", "2026-03-01")),
        ("SAQ", Piece("self_declared")),
        ("audit; 2026-03-01; covers all", Piece("audit", "2026-03-01")),
    ],
)
def test_kinds_and_parts_are_known_in_several_languages(cell: str, piece: Piece) -> None:
    assert pieces(cell) == (piece,)


def test_what_is_covered_is_named_by_the_id_title_or_header_of_a_question() -> None:
    title = SITE.by_id["papers"].title
    assert pieces(f"audit; 2026-03-01; covers {title.upper()}") == pieces("audit; 2026-03-01; covers papers")


def test_a_column_called_evidence_is_not_taken_for_pieces() -> None:
    assert "evidence" not in SITE.headers
    assert SITE.headers["piecesofevidence"][1] == "evidence"


def test_a_blank_says_nothing_and_the_reserved_words_are_answers() -> None:
    assert read("n/a", "Declined to answer", "not applicable")[0] == [None, "declined", "cannot_apply"]


@pytest.mark.parametrize(
    ("part", "code"),
    [
        ("covers the weather", "evidence.covers"),
        ("2026-03", "evidence.date"),
        ("until spring", "evidence.date"),
        ("document", "evidence.twice"),
        ("something else", "evidence.part"),
        ("until 2025-01-01", "evidence.expiry"),
        ("ref " + "x" * 121, "evidence.long"),
    ],
)
def test_a_piece_with_a_part_that_is_not_understood_is_not_kept_by_halves(part: str, code: str) -> None:
    start = "audit" if code == "evidence.date" and part[0] == "2" else "audit; 2026-03-01"
    (found,), issues = read(f"{start}; {part}\ndocument; 2026-02-01")
    assert found == (Piece("document", "2026-02-01"),)
    assert [told for told, _ in issues] == [code]


def test_every_part_that_is_not_understood_is_told() -> None:
    (found,), issues = read("audit; 2026-03-01; covers the weather; blah\nwhat; ever")
    assert found is None
    assert issues == [
        ("evidence.covers", "the weather"), ("evidence.part", "blah"), ("evidence.part", "what"), ("evidence.part", "ever"),
    ]  # fmt: skip


def test_a_piece_without_a_kind_is_not_kept() -> None:
    assert read("2026-03-01")[1] == [("evidence.no_kind", "2026-03-01")]


def test_evidence_of_a_future_day_is_kept_and_told() -> None:
    (found,), issues = read("audit; 2027-03-01")
    assert found == (Piece("audit", "2027-03-01"),)
    assert issues == [("evidence.future", "2027-03-01")]


@pytest.mark.parametrize(
    "words",
    ["ref Maria Santos", "ref ana@mill.example", "ref +66 81 234 5678", "Mr Somchai Jaidee", "covers Maria Santos"],
)
def test_a_person_is_neither_kept_nor_repeated(words: str) -> None:
    (found,), issues = read(f"audit; 2026-03-01; {words}")
    assert found is None
    assert issues == [("evidence.person", "(not shown)")]


def test_the_number_of_a_document_is_no_person() -> None:
    for number in ("SMETA-123", "ZAA600045123", "BV-2026-000123456", "Report 2026-17"):
        assert pieces(f"audit; 2026-03-01; ref {number}")[0].source == number


def test_another_date_of_the_column_tells_which_comes_first() -> None:
    found, issues = read("audit; 03/04/2026", "document; 25/04/2026")
    assert (found[0][0].date, issues) == ("2026-04-03", [])
    assert read("audit; 03/04/2026")[1] == [("date.ambiguous", "03/04/2026")]


def test_a_body_gives_the_same_pieces_as_objects() -> None:
    told = [{"grade": "audit", "date": "2026-03-01", "covers": ["papers"], "source": "SMETA-123"}]
    read = schema(SITE, ON.isoformat()).load({"evidence": told})
    assert read["evidence"] == pieces("audit; 2026-03-01; covers papers; ref SMETA-123")


@pytest.mark.parametrize(
    ("told", "code"),
    [
        ([{"grade": "audit", "colour": "red"}], "evidence.part"),
        ([{"grade": 3}], "field.type"),
        ([{"grade": "audit", "date": "2026-03"}], "evidence.date"),
        ([{"date": "2026-03-01"}], "evidence.no_kind"),
        (["audit"], "field.type"),
        (7, "field.type"),
    ],
)
def test_a_body_that_says_something_else_is_refused(told: object, code: str) -> None:
    with pytest.raises(ValidationError) as refused:
        schema(SITE, ON.isoformat()).load({"evidence": told})
    assert refused.value.messages_dict["evidence"]["code"] == code  # type: ignore[call-overload]


def test_the_workbook_says_how_evidence_is_written() -> None:
    sheet = load_workbook(BytesIO(template(SITE)))["Sites"]
    note = next(cell.comment.text for cell in sheet[2] if cell.value == SITE.by_id["evidence"].title)
    assert "covers recruitment_fees" in note
    assert "certificate" in note
