"""Answers of n suppliers as models read them: per question its distinct answers once, and for each supplier which one.

Rules are applied to distinct answers and spread by their codes, which is what makes a large sheet cheap. A frame of
categorical columns (what a sheet gives) and rows of JSON (what is stored) both become this.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Codes = NDArray[np.int32]
Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

DECLINED = "declined"  # the answer of who was asked and left it blank, or said so
EVIDENCE = "evidence"  # the question whose answers are pieces of evidence
CASE_HARMS = "case_harms"  # asked in no form: the indicators that case records set
CASE_TOLD = "case_told"  # nor is this: the day of their newest finding


class Piece(NamedTuple):
    """One piece of evidence (see risk_models/evidence.py). In a frame it may be any tuple of these five."""

    grade: str
    date: str | None = None
    expires: str | None = None
    covers: tuple[str, ...] = ()
    source: str | None = None


class Column(NamedTuple):
    """The distinct answers to one question, and per supplier the position of its own; -1 where nothing was said."""

    values: tuple[object, ...]
    codes: Codes


@dataclass(frozen=True)
class Answers:
    """The answers of ``n`` suppliers, by question id."""

    n: int
    columns: Mapping[str, Column]

    def __len__(self) -> int:
        return self.n

    def column(self, question: str) -> Column:
        """The answers to a question; to one that nobody was asked, nothing."""
        found = self.columns.get(question)
        return found if found is not None else self._nothing

    @cached_property
    def _nothing(self) -> Column:
        codes = np.full(self.n, -1, dtype=np.int32)
        codes.setflags(write=False)  # every question that nobody was asked shares it
        return Column((), codes)

    def take(self, positions: NDArray[np.intp] | Sequence[int]) -> Answers:
        """Some of the suppliers, in the order given, with the distinct answers that they use."""
        picked = np.asarray(positions, dtype=np.intp)
        columns = {}
        for question, column in self.columns.items():
            codes = column.codes[picked]
            used = np.zeros(len(column.values) + 1, dtype=bool)
            used[codes] = True  # code -1 marks the last place, which stands for nothing
            kept = np.flatnonzero(used[:-1])
            again = np.full(len(column.values) + 1, -1, dtype=np.int32)
            again[kept] = np.arange(len(kept), dtype=np.int32)
            columns[question] = Column(tuple(column.values[k] for k in kept.tolist()), again[codes])
        return Answers(len(picked), columns)

    def without(self, answer: object) -> Answers:
        """The same where nobody gave this answer: whoever did has said nothing."""
        columns = {
            question: Column(column.values, np.where(column.codes == column.values.index(answer), -1, column.codes))
            if answer in column.values
            else column
            for question, column in self.columns.items()
        }
        return Answers(self.n, columns)

    def rows(self) -> list[dict[str, Any]]:
        """The answers supplier by supplier as JSON values: tuples as lists, pieces of evidence as objects, blanks left out."""
        rows: list[dict[str, Any]] = [{} for _ in range(self.n)]
        for question, column in self.columns.items():
            values = [as_json(value) for value in column.values]
            for row, code in zip(rows, column.codes.tolist(), strict=True):
                if code >= 0:
                    row[question] = values[code]
        return rows


def as_json(value: Any) -> Any:
    """An answer as JSON has it: tuples as lists, a piece of evidence as an object of what it says."""
    if isinstance(value, Piece):
        return {name: as_json(said) for name, said in value._asdict().items() if said not in (None, ())}
    return [as_json(each) for each in value] if isinstance(value, tuple) else value


def _held(question: str, value: Any) -> Any:
    """An answer as it is held: lists as tuples, evidence as pieces, whether it comes as objects or as tuples."""
    if question == EVIDENCE and isinstance(value, list | tuple):
        told = [
            piece if isinstance(piece, Mapping) else dict(zip(Piece._fields, piece, strict=True)) for piece in value
        ]
        return tuple(Piece(**{**piece, "covers": tuple(piece.get("covers") or ())}) for piece in told)
    return tuple(value) if isinstance(value, list) else value


_FIRST, _NONE = (np.array([code], dtype=np.int32) for code in (0, -1))
for _code in (_FIRST, _NONE):
    _code.setflags(write=False)  # every question to one supplier shares it


def _alone(value: object) -> Column:
    """The answer of one supplier; null is nothing. Raises TypeError for what no answer can be, as it does among several."""
    hash(value)
    return Column((), _NONE) if value is None else Column((value,), _FIRST)


def said(answers: Answers, question: str, values: Sequence[object]) -> Flags:
    """Where the answer to a question is one of these values."""
    column = answers.column(question)
    flags: Flags = np.array([*(answer in values for answer in column.values), False], dtype=np.bool_)[column.codes]
    return flags


def spread(answers: Answers, question: str, value_of: Callable[[object], float], missing: float) -> Floats:
    """One number per supplier, worked out once per distinct answer; ``missing`` where nothing was said."""
    column = answers.column(question)
    return np.array([value_of(answer) for answer in column.values] + [missing], dtype=np.float64)[column.codes]


def spread_all(answers: Answers, wanted: Sequence[tuple[str, Callable[[object], float]]], missing: float) -> Floats:
    """The same for several questions, each with what makes its numbers: (m, n), looked up in one table."""
    table, first = [], []
    for question, value_of in wanted:
        table.append(missing)
        first.append(len(table))  # code -1 lies before the values of its question
        table += [value_of(answer) for answer in answers.column(question).values]
    codes = np.array([answers.column(question).codes for question, _ in wanted], dtype=np.int32).reshape(
        -1, len(answers)
    )
    numbers: Floats = np.array(table, dtype=np.float64)[codes + np.array(first, dtype=np.int32)[:, None]]
    return numbers


def combinations(*codes: Codes) -> tuple[list[tuple[int, ...]], NDArray[np.intp]]:
    """The distinct combinations of the codes of a few questions, and per supplier which one it has."""
    seen: dict[tuple[int, ...], int] = {}
    which = [seen.setdefault(row, len(seen)) for row in zip(*(column.tolist() for column in codes), strict=True)]
    return list(seen), np.array(which, dtype=np.intp)


def from_frame(frame: pd.DataFrame) -> Answers:
    """The answers of a sheet: a frame with a categorical column for each question."""
    columns = {}
    for question in frame.columns:
        column = frame[question].cat
        codes = column.codes.to_numpy().astype(np.int32)
        values = tuple(column.categories)
        if question == EVIDENCE:
            values = tuple(_held(EVIDENCE, value) for value in values)
        columns[str(question)] = Column(values, codes)
    return Answers(len(frame), columns)


def from_rows(rows: Iterable[Mapping[str, Any]]) -> Answers:
    """The answers of suppliers as stored or sent: JSON values by question id; lists become tuples, null is nothing."""
    told = list(rows)
    if len(told) == 1:  # the onboarding gate waits for it: every answer is the first and only one
        return Answers(1, {question: _alone(_held(question, value)) for question, value in told[0].items()})
    distinct: dict[str, dict[Any, int]] = {question: {} for row in told for question in row}
    codes = [
        [
            -1 if (value := row.get(question)) is None else number.setdefault(_held(question, value), len(number))
            for row in told
        ]
        for question, number in distinct.items()
    ]
    table = np.array(codes, dtype=np.int32).reshape(len(distinct), len(told))
    columns = {
        question: Column(tuple(number), row) for (question, number), row in zip(distinct.items(), table, strict=True)
    }
    return Answers(len(told), columns)
