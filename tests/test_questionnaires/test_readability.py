"""Test how hard questions are to read, and that two questions in one are noticed."""

import pytest

from questionnaires.readability import asks_two_things, compute_grade, count_syllables


@pytest.mark.parametrize(
    ("word", "syllables"),
    [
        ("cat", 1),
        ("made", 1),
        ("worker", 2),
        ("agency", 3),
        ("paid", 1),
        ("payment", 2),
        ("jobs", 1),
        ("38%", 1),
        ("table", 2),
    ],
)
def test_syllables_are_counted_by_groups_of_vowels(word: str, syllables: int) -> None:
    assert count_syllables(word) == syllables


def test_the_grade_is_that_of_flesch_and_kincaid() -> None:
    # Five words of one syllable in one sentence.
    assert compute_grade(["Who pays for the job?"]) == pytest.approx(0.39 * 5 + 11.8 * 1 - 15.59)
    # The mean over two sentences, in one text or in two.
    assert compute_grade(["Who pays? Who is paid?"]) == compute_grade(["Who pays?", "Who is paid?"])
    assert compute_grade([]) == 0


def test_long_words_and_long_sentences_are_harder() -> None:
    plain = compute_grade(["Who holds the papers?"])
    assert compute_grade(["Who administers identity documentation?"]) > plain
    assert compute_grade(["Who holds the papers of all the people who work on the site?"]) > plain


@pytest.mark.parametrize(
    "ask",
    [
        "Is it safe? Who says so?",
        "Are they free, and do they know?",
        "When and how are they paid?",
        "Is it a wage, or is it a loan?",
    ],
)
def test_two_questions_in_one_are_noticed(ask: str) -> None:
    assert asks_two_things(ask)


@pytest.mark.parametrize(
    "ask", ["Is it safe and clean?", "Who hires or places workers?", "Are agencies and brokers paid?"]
)
def test_one_question_about_two_words_is_one(ask: str) -> None:
    assert not asks_two_things(ask)
