"""Test forms that asked only some of their questions: what was not shown was not asked, and what was left blank was declined."""

from datetime import date

import pytest

from questionnaires.form import load_combined_form, load_form
from questionnaires.validation.json_answers import validate_answers
from questionnaires.validation.text_answers import validate_texts
from tests.test_questionnaires.tables import get_answers, submit

SITE = load_combined_form("site")
RETURNED = {"name": "Invented Works", "country": "TH", "form_version": "site 2026.6", "form_returned": "2026-11-20"}
SHOWN = ("name", "country", "papers_retention", "movement")


def find_declined(**answers: object) -> set[str]:
    """Return the questions of a returned form that were declined."""
    valid, _ = validate_answers(SITE, {**RETURNED, "papers_retention": "held", **answers}, "2026-11-28")
    return {question for question, answer in valid.items() if answer == "declined"}


def test_a_question_that_was_not_shown_is_not_declined() -> None:
    assert find_declined(questions_shown=SHOWN) == {"movement"}


def test_a_form_that_does_not_say_what_it_showed_asked_everything() -> None:
    assert {"movement", "worker_debt", "violence", "product"} <= find_declined()


def test_what_was_shown_is_recorded_so_that_a_later_check_reads_it_alike() -> None:
    valid, _ = validate_answers(SITE, {**RETURNED, "questions_shown": SHOWN}, "2026-11-28")
    assert validate_answers(SITE, valid, "2026-12-20")[0] == valid


@pytest.mark.parametrize("shown", ["name; papers_retention; movement", "name;movement"])
def test_a_page_says_what_it_showed(shown: str) -> None:
    cells = {"name": "Invented Works", "country": "Thailand", "form_returned": "2026-11-20", "questions_shown": shown}
    read = validate_texts(load_form("site", "2026.6"), cells, date(2026, 11, 28))
    declined = {question for question, column in read.answers.items() if column.values == ["declined"]}
    assert "movement" in declined
    assert declined <= {"papers_retention", "movement"}


def test_a_file_cannot_say_that_questions_were_not_shown() -> None:
    submission = submit(
        """
        | Site name      | Country | Form and version | Form returned on | Questions shown | papers_retention |
        | Invented Works | TH      | site 2026.6      | 2026-11-20       | name; country   | worker_holds     |
        """,
        SITE,
    )
    assert get_answers(submission, "papers_retention") == ["worker_holds"]
    assert get_answers(submission, "movement") == get_answers(submission, "worker_debt") == ["declined"]
    assert "questions_shown" not in submission.answers
