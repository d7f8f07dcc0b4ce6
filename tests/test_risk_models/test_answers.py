"""Answers as stored or sent, one supplier alone and among others."""

from typing import Any

import pytest

from risk_models.answers import from_rows

ROW: dict[str, Any] = {
    "name": "Invented Mill",
    "migrant_pct": 40.0,
    "agencies": ["Swift Hands", "Quay Crew"],
    "wage_delay": None,
    "evidence": [{"grade": "audit", "date": "2026-03-01", "covers": ["wage_delay"]}],
}


def test_one_supplier_alone_has_the_answers_that_it_has_among_others() -> None:
    alone, among = from_rows([ROW]), from_rows([ROW, ROW]).take([1])
    assert alone.to_rows() == among.to_rows() == [{q: said for q, said in ROW.items() if said is not None}]
    for question in ROW:
        one, other = alone.column(question), among.column(question)
        assert (one.values, one.codes.tolist(), one.codes.dtype) == (
            other.values,
            other.codes.tolist(),
            other.codes.dtype,
        )


@pytest.mark.parametrize("rows", [1, 2])
def test_an_object_in_the_place_of_an_answer_is_refused(rows: int) -> None:
    with pytest.raises(TypeError):
        from_rows([{"name": {"given": "Invented", "mill": "Mill"}}] * rows)


def test_nobody_changes_an_answer_that_others_may_share() -> None:
    codes = from_rows([ROW]).column("name").codes
    with pytest.raises(ValueError, match="read-only"):
        codes[0] = -1
