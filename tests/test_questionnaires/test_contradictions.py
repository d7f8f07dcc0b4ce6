"""Contradictory answers of one row: the denial becomes unknown, the answer that reveals risk counts, both cells are reported."""

from datetime import date

import pytest

from questionnaires.form import list_form_ids, load_combined_form, load_form
from questionnaires.validation.contradictions import load_contradictions
from tests.test_questionnaires.tables import get_answers, submit

AGENCY, SITE = load_combined_form("agency"), load_combined_form("site")


def submit_row(form, **cells):
    table = f"| Name | {' | '.join(cells)} |\n| A | {' | '.join(cells.values())} |"
    return submit(table, form, as_of=date(2026, 11, 28))


@pytest.mark.parametrize(
    ("form", "denied", "denial", "revealing", "answer"),
    [
        (AGENCY, "fee_kinds", "None of them", "recruitment_fees", "Some workers pay, or pay a part"),
        (AGENCY, "recruitment_fees", "repaid", "fee_kinds", "placement fee"),
        (AGENCY, "fees_repaid", "in full", "fee_kinds", "placement fee"),
        (AGENCY, "licence_status", "valid", "licence_expiry", "2026-01-31"),
        (AGENCY, "licence_status", "pending", "licence_expiry", "2026-01-31"),
        (AGENCY, "recruitment_fees", "employer pays", "fee_kinds", "agency fee; held from wages"),
        (AGENCY, "recruitment_fees", "none, checked with workers", "fee_kinds", "placement fee"),
        (AGENCY, "fees_lawful_locally", "Workers pay nothing", "recruitment_fees", "some workers"),
        (AGENCY, "fees_lawful_locally", "zero", "related_costs", "visa, airfare"),
        (AGENCY, "fees_lawful_locally", "zero", "illegitimate_charges", "deposit"),
        (AGENCY, "fees_repaid", "none found", "recruitment_fees", "yes"),
        (SITE, "fees_repaid", "none found", "recruitment_fees", "costs only"),
    ],
)
def test_a_denial_of_fees_that_another_answer_contradicts_is_unknown_and_quoted(
    form, denied, denial, revealing, answer
):
    submission = submit_row(form, **{denied: denial, revealing: answer})
    assert get_answers(submission, denied) == [None]
    assert get_answers(submission, revealing) != [None]
    (issue,) = submission.issues
    assert (issue.code, issue.cells, issue.seen) == ("answer.contradicted", ("B2", "C2"), denial)
    assert f"'{answer}' under *{revealing}*" in issue.describe()


@pytest.mark.parametrize(
    ("form", "cells"),
    [
        (AGENCY, {"recruitment_fees": "some workers", "fee_kinds": "placement fee"}),
        (AGENCY, {"recruitment_fees": "employer pays", "fee_kinds": "None of them"}),
        (AGENCY, {"recruitment_fees": "employer pays", "related_costs": "visa"}),
        (AGENCY, {"recruitment_fees": "some workers", "fees_lawful_locally": "lawful"}),
        (AGENCY, {"licence_status": "valid", "licence_expiry": "2027-01-31"}),
        (AGENCY, {"licence_status": "expired", "licence_expiry": "2026-01-31"}),
        (AGENCY, {"recruitment_fees": "declined", "fee_kinds": "None of them"}),
        (AGENCY, {"fees_lawful_locally": "zero", "illegitimate_charges": "kickbacks"}),
        (SITE, {"recruitment_fees": "employer pays", "fees_repaid": "in full"}),
    ],
)
def test_answers_that_can_both_be_true_are_not_changed(form, cells):
    submission = submit_row(form, **cells)
    assert all(get_answers(submission, question) != [None] for question in cells)
    assert submission.issues == ()


def test_every_contradiction_names_questions_and_choices_that_are_asked():
    for contradiction in load_contradictions():
        forms = [load_form(form) for form in list_form_ids() if load_form(form).kind in contradiction.kinds]
        questions = {question.id: question for form in forms for question in form.questions}
        denials = {contradiction.question: contradiction.denies}
        for question, condition in {**denials, **contradiction.contradicted_by}.items():
            offered = {"yes", "no"} if questions[question].type == "yes_no" else set()
            assert condition.choices <= offered | {choice.code for choice in questions[question].choices}
        assert contradiction.because
        assert contradiction.sources


@pytest.mark.parametrize(
    ("cells", "stands"),
    [
        ({"country": "Thailand", "destination_countries": "Qatar"}, False),
        ({"country": "Thailand", "worker_origin_countries": "Myanmar"}, False),
        ({"destination_countries": "Qatar", "worker_origin_countries": "Nepal"}, False),
        ({"country": "Sweden", "destination_countries": "Norway", "worker_origin_countries": "Norway"}, True),
        ({"country": "Thailand", "destination_countries": "Thailand"}, True),
        ({"destination_countries": "Qatar"}, False),
        ({"country": "Thailand"}, True),
    ],
)
def test_an_agency_that_places_workers_abroad_places_migrants(cells, stands):
    submission = submit_row(AGENCY, workers_migrant="0", **cells)
    assert (get_answers(submission, "workers_migrant") == [0.0]) == stands
    assert ("answer.contradicted" in [issue.code for issue in submission.issues]) == (not stands)
