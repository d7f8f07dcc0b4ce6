"""Answers as stored or sent, of one supplier and of several."""

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


def test_a_single_supplier_has_the_same_answers_as_among_others() -> None:
    single, from_several = from_rows([ROW]), from_rows([ROW, ROW]).take([1])
    assert single.to_rows() == from_several.to_rows() == [{question: a for question, a in ROW.items() if a is not None}]
    for question in ROW:
        first, second = single.column(question), from_several.column(question)
        assert first.values == second.values
        assert (first.codes.tolist(), first.codes.dtype) == (second.codes.tolist(), second.codes.dtype)


@pytest.mark.parametrize("rows", [1, 2])
def test_an_object_as_an_answer_is_refused(rows: int) -> None:
    with pytest.raises(TypeError):
        from_rows([{"name": {"given": "Invented", "mill": "Mill"}}] * rows)


def test_shared_codes_of_a_single_supplier_are_read_only() -> None:
    codes = from_rows([ROW]).column("name").codes
    with pytest.raises(ValueError, match="read-only"):
        codes[0] = -1
