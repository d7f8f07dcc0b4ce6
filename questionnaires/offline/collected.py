"""Read what KoboToolbox and ODK export of a form of ours (:mod:`questionnaires.offline.xlsform`).

An export has a row per submission. Its headers are names or labels, in the language of whoever exported it, with or without the
groups they are in; of a question with several answers it has one column, a column per choice, or both. Here each header becomes
the id of its question and each answer its code, in the cell where it was. Every other sheet stays as it is.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cache
from itertools import combinations
from types import MappingProxyType
from typing import NamedTuple

import numpy as np

from questionnaires.form import Questionnaire, list_form_ids, list_versions, load_form, parse_version
from questionnaires.lookups import LISTS_DIR
from questionnaires.offline.labels import (
    SEPARATOR,
    OwnWords,
    list_own_codes,
    list_own_labels,
    load_codes_by_label,
    load_questions_by_label,
    make_answer_reader,
)
from questionnaires.offline.xlsform import VERSION_QUESTION
from questionnaires.sheet import Codes, Column, Sheet
from questionnaires.text_normalize import fold_text

NAME = re.compile(r"[A-Za-z_][\w.]*(?:[/-][\w.]+)*", re.ASCII)  # of a field, with its groups: "/" in Kobo, "-" in ODK
PART = re.compile("[/-]")  # between the groups of a field
VERSION = re.compile(r"(\w{1,40}) ([0-9]{4}\.[0-9]{1,3})", re.ASCII)
NO_WORDS: OwnWords = MappingProxyType({})
MAX_HEADER, MAX_PARTS = 2_000, 12  # characters of a header, and its parts between slashes


@cache
def load_export_words() -> Mapping[str, frozenset[str]]:
    """Load ``lists/collected.toml``: the headers that Kobo and ODK add, and the texts of a choice that was chosen."""
    data = tomllib.loads((LISTS_DIR / "collected.toml").read_text(encoding="utf-8"))
    return {name: frozenset(words) for name, words in data.items()}


class Header(NamedTuple):
    """What a header of an export means: the question, and for a column of one choice that choice's code."""

    question: str
    choice: str = ""


def read_export(sheet: Sheet, own_words: OwnWords = NO_WORDS) -> Sheet:
    """Return a sheet that Kobo or ODK exported with ids as headers and codes as answers; any other sheet as it is.

    ``own_words``: how the organisation words the texts of forms.
    """
    headers = [next(_list_cells(column), "") for column in sheet.columns]
    if not load_export_words()["signs"] & set(headers):
        return sheet
    names = [NAME.fullmatch(header) is not None and PART.split(header)[-1] for header in headers]
    if VERSION_QUESTION not in names:
        return sheet
    versions = _find_versions(sheet.columns[names.index(VERSION_QUESTION)])
    if not versions:
        return sheet
    form = load_form(*max(versions, key=lambda version: parse_version(version[1])))
    questions = {**load_questions_by_label(form.id, form.version), **list_own_labels(form, own_words)}
    meanings = [_find_meaning(header, form, questions, own_words) for header in headers]
    columns = [
        _read_column(column, header, meaning, form, own_words)
        for column, header, meaning in zip(sheet.columns, headers, meanings, strict=True)
    ]
    for question in {meaning.question for meaning in meanings if meaning and meaning.choice}:
        _join_choices(columns, meanings, question)
    stamp = " ".join(versions[0]) if len(versions) == 1 else None
    return replace(sheet, columns=tuple(columns), stamp=stamp)


def _find_versions(column: Column) -> list[tuple[str, str]]:
    """Find the forms, and their versions, that a column of an export names; empty if they are of different kinds."""
    found = [(match[1], match[2]) for text in column.values if (match := VERSION.fullmatch(text.strip()))]
    known = [
        (form_id, version)
        for form_id, version in found
        if form_id in list_form_ids() and version in list_versions(form_id)
    ]
    return known if len({form_id for form_id, _ in known}) == 1 else []


def _find_meaning(header: str, form: Questionnaire, questions: Mapping[str, str], own_words: OwnWords) -> Header | None:
    """Return what a header means; None if it is not about the supplier or not known."""
    if len(header) > MAX_HEADER:
        return None
    parts = PART.split(header) if NAME.fullmatch(header) else header.split("/")
    if len(parts) > MAX_PARTS:
        return None
    for first, end in sorted(combinations(range(len(parts) + 1), 2), key=lambda span: (-span[1], span[0])):
        question = questions.get(fold_text("/".join(parts[first:end])))
        rest = "/".join(parts[end:])
        if question and not rest:
            return Header(question)
        code = question and _find_code(rest, question, form, own_words)
        if question and code:
            return Header(question, code)
    return None


def _find_code(text: str, question: str, form: Questionnaire, own_words: OwnWords) -> str | None:
    own = list_own_codes(form.by_id[question], own_words)
    return own.get(fold_text(text)) or load_codes_by_label(form.id, form.version, question).get(fold_text(text))


def _read_column(
    column: Column, header: str, meaning: Header | None, form: Questionnaire, own_words: OwnWords
) -> Column:
    """Return a column with the id of its question as header and codes as answers; emptied where it describes the submission."""
    if meaning is None:
        is_described = PART.split(header)[0] in load_export_words()["described"]
        return Column((), np.full(len(column.codes), -1, np.int32)) if is_described else column
    if meaning.choice:
        chosen = load_export_words()["chosen"]
        return _change(column, "", lambda text: meaning.choice if text.strip().casefold() in chosen else "")
    question = form.by_id[meaning.question]
    return _change(column, question.id, make_answer_reader(question, form, list_own_codes(question, own_words)))


def _change(column: Column, header: str, read: Callable[[str], str]) -> Column:
    """Return a column with another header, and each text below it read anew; "" is an empty cell."""
    texts = [read(text) for text in column.values]
    return _build_column([header, *(texts[code] if code >= 0 else "" for code in column.codes[1:].tolist())])


def _build_column(cells: Sequence[str]) -> Column:
    numbers = {text: number for number, text in enumerate(dict.fromkeys(filter(None, cells)))}
    codes: Codes = np.array([numbers.get(text, -1) for text in cells], np.int32)
    return Column(tuple(numbers), codes)


def _join_choices(columns: list[Column], meanings: Sequence[Header | None], question: str) -> None:
    """Put the columns of the choices of a question together in the first of them, unless the export also has them in one."""
    parts = [
        index for index, meaning in enumerate(meanings) if meaning and meaning.question == question and meaning.choice
    ]
    empty = Column((), np.full(len(columns[parts[0]].codes), -1, np.int32))
    rows = list(zip(*(_list_cells(columns[index]) for index in parts), strict=True))
    for index in parts:
        columns[index] = empty
    if Header(question) not in meanings:
        joined = [SEPARATOR.join(filter(None, row)) for row in rows]
        columns[parts[0]] = _build_column([question, *joined[1:]])


def _list_cells(column: Column) -> Iterator[str]:
    for code in column.codes.tolist():
        yield column.values[code] if code >= 0 else ""
