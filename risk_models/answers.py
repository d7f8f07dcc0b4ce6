"""Store the answers of n suppliers for models: each distinct value of a question once, and for each supplier which value applies.

Rules are applied to the distinct values and mapped to suppliers by code, which is what makes a large sheet cheap. A frame of
categorical columns (from a sheet) and rows of JSON (as stored) are both converted to this.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

Codes = NDArray[np.int32]
Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

DECLINED = "declined"  # the answer of a supplier that was asked but left the question blank, or declined to answer
EVIDENCE = "evidence"  # the question whose answers are pieces of evidence
CASE_HARMS = "case_harms"  # not in any form: the indicators that case records set
CASE_DATE = "case_told"  # not in any form either: the date of the newest finding in these records


PLAIN_TYPES = frozenset((str, int, float, bool))  # of answers that are the same in JSON and in columns


class Confirmation(NamedTuple):
    """The buyer's confirmation of a piece of evidence: by whom, on which ISO day, its reference, and for which questions."""

    by: str
    on: str
    reference: str | None = None
    covers: tuple[str, ...] = ()


class EvidencePiece(NamedTuple):
    """One piece of evidence (see risk_models/evidence.py). In a frame it may be any tuple of these six.

    Without a confirmation it is claimed: since method 4 it then counts for nothing.
    """

    grade: str
    date: str | None = None
    expires: str | None = None
    covers: tuple[str, ...] = ()
    source: str | None = None
    confirmation: Confirmation | None = None  # JSON: confirmed


class Column(NamedTuple):
    """The distinct answers to one question, and for each supplier the position of its answer, or -1 if it gave none."""

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
        """Return the answers to a question, or an empty column if the question is not included."""
        column = self.columns.get(question)
        return column if column is not None else self._empty_column

    @cached_property
    def _empty_column(self) -> Column:
        codes = np.full(self.n, -1, dtype=np.int32)
        codes.setflags(write=False)  # shared by every question without answers
        return Column((), codes)

    def take(self, positions: NDArray[np.intp] | Sequence[int]) -> Answers:
        """Return the answers of some suppliers, in the order given, with only the distinct values that they use."""
        selected = np.asarray(positions, dtype=np.intp)
        columns = {}
        for question, column in self.columns.items():
            codes = column.codes[selected]
            used = np.zeros(len(column.values) + 1, dtype=bool)
            used[codes] = True  # code -1 marks the last position, which is no answer
            old_codes = np.flatnonzero(used[:-1])
            new_codes = np.full(len(column.values) + 1, -1, dtype=np.int32)
            new_codes[old_codes] = np.arange(len(old_codes), dtype=np.int32)
            columns[question] = Column(tuple(column.values[code] for code in old_codes.tolist()), new_codes[codes])
        return Answers(len(selected), columns)

    def drop_answer(self, answer: object) -> Answers:
        """Return the answers with every occurrence of one answer removed, as if its question had not been answered."""
        columns = {
            question: Column(column.values, np.where(column.codes == column.values.index(answer), -1, column.codes))
            if answer in column.values
            else column
            for question, column in self.columns.items()
        }
        return Answers(self.n, columns)

    def to_rows(self) -> list[dict[str, Any]]:
        """Return the answers supplier by supplier as JSON values: lists for tuples, objects for evidence, blanks left out."""
        rows: list[dict[str, Any]] = [{} for _ in range(self.n)]
        for question, column in self.columns.items():
            values = column.values
            if not PLAIN_TYPES.issuperset(map(type, values)):
                values = tuple(map(to_json_value, values))
            for row, code in zip(rows, column.codes.tolist(), strict=True):
                if code >= 0:
                    row[question] = values[code]
        return rows


def to_json_value(value: Any) -> Any:
    """Return an answer as a JSON value: a list for a tuple, an object without empty fields for a piece of evidence."""
    if type(value) in PLAIN_TYPES:  # most answers
        return value
    if isinstance(value, EvidencePiece | Confirmation):
        fields = value._asdict()
        if "confirmation" in fields:
            fields["confirmed"] = fields.pop("confirmation")
        return {name: to_json_value(field) for name, field in fields.items() if field not in (None, ())}
    return [to_json_value(item) for item in value] if isinstance(value, tuple) else value


def parse_piece(piece: Mapping[str, Any] | Sequence[Any]) -> EvidencePiece:
    """Return a piece of evidence given as an object or as a tuple."""
    if not isinstance(piece, Mapping):
        fields = dict(zip(EvidencePiece._fields, piece, strict=False))
        confirmation = fields.get("confirmation")
        return EvidencePiece(**{**fields, "confirmation": Confirmation(*confirmation) if confirmation else None})
    given = {**piece, "covers": tuple(piece.get("covers") or ())}
    confirmed = given.pop("confirmed", None)
    if confirmed:
        given["confirmation"] = Confirmation(**{**confirmed, "covers": tuple(confirmed.get("covers") or ())})
    return EvidencePiece(**given)


def _normalize_value(question: str, value: Any) -> Any:
    """Return an answer in hashable form: tuples for lists, EvidencePieces for evidence given as objects or as tuples."""
    if question == EVIDENCE and isinstance(value, list | tuple):
        return tuple(parse_piece(item) for item in value)
    return tuple(value) if isinstance(value, list) else value


_FIRST, _NONE = (np.array([code], dtype=np.int32) for code in (0, -1))
for _code in (_FIRST, _NONE):
    _code.setflags(write=False)  # shared by every question to a single supplier


def _build_single_column(value: object) -> Column:
    """Return a column with one supplier's answer; None means no answer. Raises TypeError for a value that cannot be hashed."""
    hash(value)
    return Column((), _NONE) if value is None else Column((value,), _FIRST)


def is_answer_in(answers: Answers, question: str, values: Sequence[object]) -> Flags:
    """Return for each supplier whether the answer to a question is one of these values (n,)."""
    column = answers.column(question)
    flags: Flags = np.array([*(answer in values for answer in column.values), False], dtype=np.bool_)[column.codes]
    return flags


def map_answers(answers: Answers, question: str, function: Callable[[object], float], missing: float) -> Floats:
    """Return one number per supplier (n,), computed once per distinct answer, or ``missing`` if there is no answer."""
    column = answers.column(question)
    return np.array([function(answer) for answer in column.values] + [missing], dtype=np.float64)[column.codes]


def map_questions(
    answers: Answers, functions: Sequence[tuple[str, Callable[[object], float]]], missing: float
) -> Floats:
    """Map the answers to m questions to numbers (m, n), each with its own function; ``missing`` if there is no answer.

    All are looked up in one table.
    """
    table, first = [], []
    for question, function in functions:
        table.append(missing)
        first.append(len(table))  # code -1 is the position before the values of its question
        table += [function(answer) for answer in answers.column(question).values]
    codes = np.array([answers.column(question).codes for question, _ in functions], dtype=np.int32).reshape(
        -1, len(answers)
    )
    numbers: Floats = np.array(table, dtype=np.float64)[codes + np.array(first, dtype=np.int32)[:, None]]
    return numbers


def find_combinations(*codes: Codes) -> tuple[list[tuple[int, ...]], NDArray[np.intp]]:
    """Return the distinct combinations of codes in several columns, and for each supplier the position of its combination."""
    seen: dict[tuple[int, ...], int] = {}
    which = [seen.setdefault(row, len(seen)) for row in zip(*(column.tolist() for column in codes), strict=True)]
    return list(seen), np.array(which, dtype=np.intp)


class AnswerColumn(Protocol):
    """The distinct answers to a question, and the code of each supplier's, as a sheet has them."""

    @property
    def values(self) -> Sequence[Any]:
        """Return the distinct answers."""

    @property
    def codes(self) -> Codes:
        """Return the number of each supplier's answer; -1 if it gave none."""


def from_columns(n: int, columns: Mapping[str, AnswerColumn]) -> Answers:
    """Build Answers from the columns of a sheet: for each question its distinct answers, and the code of each supplier's."""
    return Answers(
        n,
        {
            question: Column(_normalize_values(question, column.values), column.codes)
            for question, column in columns.items()
        },
    )


def _normalize_values(question: str, values: Sequence[Any]) -> tuple[Any, ...]:
    if question != EVIDENCE and PLAIN_TYPES.issuperset(map(type, values)):
        return tuple(values)
    return tuple(_normalize_value(question, value) for value in values)


def from_rows(rows: Iterable[Mapping[str, Any]]) -> Answers:
    """Build Answers from rows as stored or sent: JSON values by question id; lists become tuples, null is no answer."""
    suppliers = list(rows)
    if len(suppliers) == 1:  # a short cut for the onboarding decision, which assesses one supplier at a time
        answers = suppliers[0].items()
        return Answers(
            1, {question: _build_single_column(_normalize_value(question, value)) for question, value in answers}
        )
    questions: dict[str, None] = {}
    for row in suppliers:
        if not row.keys() <= questions.keys():  # most rows answer what those before them do
            questions |= dict.fromkeys(row)
    return Answers(
        len(suppliers),
        {question: _encode_column(question, [row.get(question) for row in suppliers]) for question in questions},
    )


class _CodeByValue(dict[Any, int]):
    """The code of each distinct answer, which gets the next one when it is first looked up; -1 for None."""

    def __missing__(self, value: Any) -> int:
        code = self[value] = len(self) - 1
        return code


def _encode_column(question: str, answers: Sequence[Any]) -> Column:
    """Return a column of answers in hashable form or as JSON values."""
    try:
        if question == EVIDENCE:
            raise TypeError  # its tuples are pieces of evidence as well
        code_by_value = _CodeByValue({None: -1})
        codes = list(map(code_by_value.__getitem__, answers))
    except TypeError:  # a list
        code_by_value = _CodeByValue({None: -1})
        codes = [code_by_value[_normalize_value(question, answer)] for answer in answers]
    return Column(tuple(code_by_value)[1:], np.array(codes, dtype=np.int32))
