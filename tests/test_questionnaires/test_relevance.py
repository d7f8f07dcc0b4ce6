"""Test the conditions under which a question is asked."""

from pathlib import Path
from types import SimpleNamespace
from typing import cast

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from questionnaires.form import load_form
from questionnaires.lookups import DataFileError
from questionnaires.question import Question
from questionnaires.relevance import (
    AllOf,
    AnyOf,
    Comparison,
    Condition,
    Not,
    RelevanceError,
    format_xlsform,
    is_relevant,
    iter_comparisons,
    parse_relevant,
)
from questionnaires.validation.context import AnswerColumn, ValidationContext
from questionnaires.validation.returned_forms import find_relevant

ANSWERS = {"housing": "crowded", "workers": 12.0, "camp": ("far", "heat"), "agencies": "declined"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("housing == 'crowded'", True),
        ("housing != 'crowded'", False),
        ("housing in ['crowded', 'unsafe']", True),
        ("housing not in ['crowded', 'unsafe']", False),
        ("housing not in ['good']", True),
        ("workers > 0", True),
        ("workers == 12 and workers <= 12", True),
        ("workers < 12 or housing == 'good'", False),
        ("camp == 'heat'", True),
        ("camp in ['clinic', 'far']", True),
        ("camp != 'heat'", False),
        ("not (housing == 'good' or workers >= 100)", True),
    ],
)
def test_a_condition_reads_like_the_sentence_it_stands_for(text: str, expected: bool) -> None:
    assert is_relevant(parse_relevant(text), ANSWERS) is expected


@pytest.mark.parametrize("question", ["agencies", "not_answered"])
@pytest.mark.parametrize("comparison", ["== 'no'", "!= 'no'", "in ['no']", "not in ['no']", "< 5", ">= 0", "!= 5"])
def test_a_blank_or_declined_answer_satisfies_no_comparison(question: str, comparison: str) -> None:
    condition = parse_relevant(f"{question} {comparison}")
    assert not is_relevant(condition, ANSWERS)
    assert is_relevant(Not(condition), ANSWERS)


@pytest.mark.parametrize(
    "text",
    [
        "", "housing", "housing ==", "'a' == 'b'", "housing == other", "1 < workers < 9", "housing in 'good'", "housing in []",
        "housing == ['good']", "workers < 'nine'", "housing == True", "housing == 'it''s' 'x\\'y'", "len(housing) == 4",
        "__import__('os')", "housing.x == 'a'", "not", "housing == 'a' if workers else 1", "(" * 500,
    ],
)  # fmt: skip
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(RelevanceError):
        parse_relevant(text)


@pytest.mark.parametrize(
    ("text", "xlsform"),
    [
        ("housing == 'provided'", "${housing} = 'provided'"),
        ("housing != 'provided'", "${housing} != '' and not(${housing} = 'provided')"),
        ("camp == 'heat'", "selected(${camp}, 'heat')"),
        ("camp in ['heat', 'far']", "(selected(${camp}, 'heat') or selected(${camp}, 'far'))"),
        ("not uses_agencies == 'no'", "not(${uses_agencies} = 'no')"),
        ("workers >= 2.5 or workers == 0", "${workers} >= 2.5 or ${workers} = 0"),
        ("a == 'x' and (b == 'y' or c == 'z')", "${a} = 'x' and (${b} = 'y' or ${c} = 'z')"),
        ("a == 'x' or b != 'y'", "${a} = 'x' or (${b} != '' and not(${b} = 'y'))"),
    ],
)
def test_conditions_are_written_as_xlsform_writes_them(text: str, xlsform: str) -> None:
    assert format_xlsform(parse_relevant(text), {"camp"}) == xlsform


codes, questions = st.sampled_from("xyz"), st.sampled_from("abc")
comparisons = st.one_of(
    st.builds(lambda q, o, v: Comparison(q, o, (v,)), questions, st.sampled_from(["==", "!="]), codes),
    st.builds(Comparison, questions, st.sampled_from(["in", "not in"]), st.lists(codes, min_size=1).map(tuple)),
)
conditions = st.recursive(
    comparisons,
    lambda part: st.one_of(
        part.map(Not),
        st.lists(part, min_size=2, max_size=3).map(tuple).map(AllOf),
        st.lists(part, min_size=2, max_size=3).map(tuple).map(AnyOf),
    ),
    max_leaves=6,
)


def read_xlsform(text: str, answers: dict[str, str]) -> bool:
    """Evaluate an expression as XPath does, where a blank answer is the empty text."""
    for question in "abc":
        text = text.replace(f"${{{question}}}", repr(answers.get(question, "")))
    return bool(eval(text.replace(" = ", " == ").replace("not(", "not (")))


@given(conditions, st.dictionaries(questions, codes))
def test_an_xlsform_asks_the_same_questions(condition: Condition, answers: dict[str, str]) -> None:
    assert read_xlsform(format_xlsform(condition), answers) == is_relevant(condition, answers)


@given(conditions, st.lists(st.dictionaries(questions, codes), min_size=1, max_size=4))
def test_the_rows_of_a_sheet_are_read_like_single_answers(condition: Condition, rows: list[dict[str, str]]) -> None:
    columns = {
        question: AnswerColumn(
            list("xyz"), np.array(["xyz".find(row.get(question, "?")) for row in rows], dtype=np.int32)
        )
        for question in "ab"  # the sheet has no column for the third
    }
    context = cast(ValidationContext, SimpleNamespace(answers=columns, rows=np.arange(len(rows))))
    given_answers = [{question: answer for question, answer in row.items() if question != "c"} for row in rows]
    assert find_relevant(context, condition).tolist() == [is_relevant(condition, row) for row in given_answers]
    assert find_relevant(context, None).all(), "a question without a condition is asked everywhere"


FORM = """
id = "toy"
version = "1.1"
title = "Toy"
kind = "site"

[[question]]
id = "housing"
section = "S"
type = "choice"
title = "Housing"
ask = "What is it like?"
choices = [{ code = "none", title = "There is none" }, { code = "good", title = "Good" }]

[[question]]
id = "people"
section = "S"
type = "number"
title = "People"
ask = "How many?"
"""


def load_people(folder: Path, *versions: str) -> Question:
    """Write versions of the form, the first with these lines at its end; return the question about people in the newest."""
    (folder / "toy").mkdir()
    for number, text in enumerate(versions, 1):
        (folder / "toy" / f"1.{number}.toml").write_text(FORM + text if number == 1 else text, encoding="utf-8")
    return load_form("toy", None, folder).by_id["people"]


def test_a_form_states_when_a_question_is_asked(tmp_path: Path) -> None:
    people = load_people(tmp_path, "relevant = \"housing != 'none'\"")
    assert people.relevant == parse_relevant("housing != 'none'")


def test_answers_that_earlier_forms_list_make_a_question_irrelevant(tmp_path: Path) -> None:
    relevant = load_people(tmp_path, 'asked_unless = { housing = ["none"], people = [0] }').relevant
    assert relevant is not None
    assert [comparison.question for comparison in iter_comparisons(relevant)] == ["housing", "people"]
    assert is_relevant(relevant, {})
    assert is_relevant(relevant, {"housing": "good", "people": 1.0})
    assert not is_relevant(relevant, {"housing": "none"})
    assert not is_relevant(relevant, {"people": 0.0})


def test_a_later_version_replaces_the_condition(tmp_path: Path) -> None:
    later = """
version = "1.2"
revises = "1.1"

[[question]]
id = "people"
relevant = "housing == 'good'"
"""
    people = load_people(tmp_path, 'asked_unless = { housing = ["none"] }', later)
    assert people.relevant == parse_relevant("housing == 'good'")


@pytest.mark.parametrize(
    ("relevant", "fault"),
    [
        ("housing ==", "people: has a condition that cannot be read"),
        ("camp == 'far'", "people: depends on camp in .*, which the form does not ask"),
        ("housing in ['good', 'fine']", "people: depends on housing in .*, which the form does not ask"),
    ],
)
def test_a_condition_that_cannot_be_met_is_refused(relevant: str, fault: str, tmp_path: Path) -> None:
    with pytest.raises(DataFileError, match=fault):
        load_people(tmp_path, f'relevant = "{relevant}"')
