"""Say what the columns of one sheet are taken for: the question that each answers, and how certain that is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from questionnaires.issues import Issue

IDENTIFYING_QUESTIONS = ("name", "name_local", "reference", "case_id")  # a row needs one of them


@dataclass(frozen=True)
class ColumnReading:
    """What a column is taken for: the question that it answers, or that it may answer, and how certain that is.

    ``confidence``: "sure", or "likely" where its header was understood in part or misspelt and the values agree; both are read.
    "ask": not read until someone says so. "" with the question "": nothing is known. ``samples``: up to three values, none of a
    column that may name persons.
    """

    column: int
    header: str
    question: str = ""
    confidence: str = ""
    samples: tuple[str, ...] = ()


@dataclass(frozen=True)
class ColumnMatch:
    """The columns by question id, all headers, the headers without a question, the questions with a tie, and the issues;
    ``readings`` say of each column what it is taken for.
    """

    columns: Mapping[str, int]
    headers: tuple[str, ...]
    unmapped: tuple[str, ...]
    tied: frozenset[str]
    issues: tuple[Issue, ...]
    readings: tuple[ColumnReading, ...] = ()
