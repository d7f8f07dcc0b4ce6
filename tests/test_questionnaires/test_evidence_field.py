"""Evidence in a cell or a JSON body: each piece is either valid or reported and left out."""

from datetime import date
from io import BytesIO

import pytest
from marshmallow import ValidationError
from openpyxl import load_workbook

from questionnaires.form import build_answers_schema
from questionnaires.parse.answer import EvidencePiece
from questionnaires.workbook import build_template
from tests.test_questionnaires.tables import SITE, build_sheet, get_answers, submit

AS_OF = date(2026, 9, 1)


def read_evidence(*cells: str):
    """Return the evidence of some sites, and the issues as (code, what was seen)."""
    rows = [["Supplier", "Evidence pieces"], *([f"Site {n}", cell] for n, cell in enumerate(cells))]
    submission = submit(build_sheet(rows), as_of=AS_OF)
    return get_answers(submission, "evidence"), [(issue.code, issue.seen) for issue in submission.issues]


def read_pieces(cell: str):
    """Return the pieces of one cell without issues."""
    (pieces,), issues = read_evidence(cell)
    assert issues == []
    return pieces


def test_the_parts_of_a_piece_may_be_in_any_order() -> None:
    piece = EvidencePiece("audit", "2026-03-01", "2027-03-01", ("papers", "contracts"), "SMETA-123")
    assert read_pieces("audit; 2026-03-01; covers papers, contracts; ref SMETA-123; until 2027-03-01") == (piece,)
    assert read_pieces("until 2027-03-01;ref SMETA-123; covers papers, contracts ;audit; 2026-03-01") == (piece,)


def test_pieces_in_a_cell_are_separated_by_line_breaks_or_bars() -> None:
    two = (EvidencePiece("document", "2026-03-01"), EvidencePiece("official", "2026-04-01"))
    assert read_pieces("document; 2026-03-01\nofficial; 2026-04-01") == two
    assert read_pieces("document; 2026-03-01 | inspection; 2026-04-01") == two
    assert read_pieces("document; 2026-03-01 | | document; 2026-03-01") == two[:1]


@pytest.mark.parametrize(
    ("cell", "piece"),
    [
        ("Auditoría; 2026-03-01; Ref: X-1", EvidencePiece("audit", "2026-03-01", source="X-1")),
        ("Zertifikat; vom 2026-01-05; gültig bis 2027-01-05", EvidencePiece("certificate", "2026-01-05", "2027-01-05")),
        ("監査; 2026年3月1日; 対象：papers", EvidencePiece("audit", "2026-03-01", covers=("papers",))),
        (
            "audit؛ 2026-03-01؛ covers: papers، contracts",
            EvidencePiece("audit", "2026-03-01", covers=("papers", "contracts")),
        ),
        ("syndicat; 1 March 2026", EvidencePiece("worker_voice", "2026-03-01")),
        ("SAQ", EvidencePiece("self_declared")),
        ("audit; 2026-03-01; covers all", EvidencePiece("audit", "2026-03-01")),
    ],
)
def test_kinds_and_parts_are_recognised_in_several_languages(cell: str, piece: EvidencePiece) -> None:
    assert read_pieces(cell) == (piece,)


def test_a_covered_question_is_named_by_its_id_title_or_header() -> None:
    title = SITE.by_id["papers"].title
    assert read_pieces(f"audit; 2026-03-01; covers {title.upper()}") == read_pieces("audit; 2026-03-01; covers papers")


def test_a_column_called_evidence_is_not_read_as_pieces() -> None:
    assert "evidence" not in SITE.headers
    assert SITE.headers["piecesofevidence"][1] == "evidence"


def test_blanks_are_no_answer_and_reserved_words_are_answers() -> None:
    assert read_evidence("n/a", "Declined to answer", "not applicable")[0] == [None, "declined", "cannot_apply"]


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
def test_a_piece_with_an_invalid_part_is_left_out_as_a_whole(part: str, code: str) -> None:
    start = "audit" if code == "evidence.date" and part[0] == "2" else "audit; 2026-03-01"
    (pieces,), issues = read_evidence(f"{start}; {part}\ndocument; 2026-02-01")
    assert pieces == (EvidencePiece("document", "2026-02-01"),)
    assert [issue_code for issue_code, _ in issues] == [code]


def test_every_unknown_part_is_reported() -> None:
    (pieces,), issues = read_evidence("audit; 2026-03-01; covers the weather; blah\nwhat; ever")
    assert pieces is None
    assert issues == [
        ("evidence.covers", "the weather"), ("evidence.part", "blah"), ("evidence.part", "what"), ("evidence.part", "ever"),
    ]  # fmt: skip


def test_a_piece_without_a_kind_is_left_out() -> None:
    assert read_evidence("2026-03-01")[1] == [("evidence.no_kind", "2026-03-01")]


def test_evidence_with_a_future_date_is_used_and_reported() -> None:
    (pieces,), issues = read_evidence("audit; 2027-03-01")
    assert pieces == (EvidencePiece("audit", "2027-03-01"),)
    assert issues == [("evidence.future", "2027-03-01")]


@pytest.mark.parametrize(
    "words",
    ["ref Maria Santos", "ref ana@mill.example", "ref +66 81 234 5678", "Mr Somchai Jaidee", "covers Maria Santos"],
)
def test_personal_data_is_neither_stored_nor_repeated(words: str) -> None:
    (pieces,), issues = read_evidence(f"audit; 2026-03-01; {words}")
    assert pieces is None
    assert issues == [("evidence.person", "(not shown)")]


def test_the_number_of_a_document_is_not_personal_data() -> None:
    for number in ("SMETA-123", "ZAA600045123", "BV-2026-000123456", "Report 2026-17"):
        assert read_pieces(f"audit; 2026-03-01; ref {number}")[0].source == number


def test_another_date_of_the_column_proves_the_order_of_day_and_month() -> None:
    pieces, issues = read_evidence("audit; 03/04/2026", "document; 25/04/2026")
    assert (pieces[0][0].date, issues) == ("2026-04-03", [])
    assert read_evidence("audit; 03/04/2026")[1] == [("date.ambiguous", "03/04/2026")]


def test_a_json_body_gives_the_same_pieces_as_a_cell() -> None:
    evidence = [{"grade": "audit", "date": "2026-03-01", "covers": ["papers"], "source": "SMETA-123"}]
    answers = build_answers_schema(SITE, AS_OF.isoformat()).load({"evidence": evidence})
    assert answers["evidence"] == read_pieces("audit; 2026-03-01; covers papers; ref SMETA-123")


@pytest.mark.parametrize(
    ("evidence", "code"),
    [
        ([{"grade": "audit", "colour": "red"}], "evidence.part"),
        ([{"grade": 3}], "field.type"),
        ([{"grade": "audit", "date": "2026-03"}], "evidence.date"),
        ([{"date": "2026-03-01"}], "evidence.no_kind"),
        (["audit"], "field.type"),
        (7, "field.type"),
    ],
)
def test_a_json_body_with_invalid_evidence_is_refused(evidence: object, code: str) -> None:
    with pytest.raises(ValidationError) as refused:
        build_answers_schema(SITE, AS_OF.isoformat()).load({"evidence": evidence})
    assert refused.value.messages_dict["evidence"]["code"] == code  # type: ignore[call-overload]


def test_the_workbook_explains_how_evidence_is_written() -> None:
    sheet = load_workbook(BytesIO(build_template(SITE)))["Sites"]
    note = next(cell.comment.text for cell in sheet[2] if cell.value == SITE.by_id["evidence"].title)
    assert "covers recruitment_fees" in note
    assert "certificate" in note
