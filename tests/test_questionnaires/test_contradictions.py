"""Answers of one row that deny each other: the denial is unknown, what tells of risk stands, and both cells are told."""

import pytest

from questionnaires.form import form_ids, load, load_reading_form
from questionnaires.validation.contradictions import declared
from tests.test_questionnaires.tables import said, submitted

AGENCY, SITE = load_reading_form("agency"), load_reading_form("site")


def a_row(form, **cells):
    return submitted(f"| Name | {' | '.join(cells)} |\n| A | {' | '.join(cells.values())} |", form)


@pytest.mark.parametrize(
    ("form", "denied", "denial", "telling", "told"),
    [
        (AGENCY, "fee_kinds", "None of them", "recruitment_fees", "Some workers pay, or pay a part"),
        (AGENCY, "fee_kinds", "does not apply", "recruitment_fees", "workers pay"),
        (AGENCY, "recruitment_fees", "employer pays", "fee_kinds", "agency fee; held from wages"),
        (AGENCY, "recruitment_fees", "none, checked with workers", "fee_kinds", "placement fee"),
        (AGENCY, "fees_lawful_locally", "Workers pay nothing", "recruitment_fees", "some workers"),
        (AGENCY, "fees_lawful_locally", "zero", "related_costs", "visa, airfare"),
        (AGENCY, "fees_lawful_locally", "zero", "illegitimate_charges", "deposit"),
        (AGENCY, "fees_repaid", "none found", "recruitment_fees", "yes"),
        (SITE, "fees_repaid", "none found", "recruitment_fees", "costs only"),
    ],
)
def test_nobody_pays_beside_somebody_who_pays_is_unknown_and_told_in_the_senders_words(
    form, denied, denial, telling, told
):
    got = a_row(form, **{denied: denial, telling: told})
    assert said(got, denied) == [None]
    assert said(got, telling) != [None]
    (issue,) = got.issues
    assert (issue.code, issue.cells, issue.seen) == ("answer.contradicted", ("B2", "C2"), denial)
    assert f"'{told}' under *{telling}*" in issue.sentence()


@pytest.mark.parametrize(
    ("form", "cells"),
    [
        (AGENCY, {"recruitment_fees": "some workers", "fee_kinds": "placement fee"}),
        (AGENCY, {"recruitment_fees": "employer pays", "fee_kinds": "None of them"}),
        (AGENCY, {"recruitment_fees": "employer pays", "related_costs": "visa"}),
        (AGENCY, {"recruitment_fees": "repaid", "fee_kinds": "placement fee", "fees_repaid": "in full"}),
        (AGENCY, {"recruitment_fees": "declined", "fee_kinds": "None of them"}),
        (AGENCY, {"fees_lawful_locally": "zero", "illegitimate_charges": "kickbacks"}),
        (SITE, {"recruitment_fees": "employer pays", "fees_repaid": "in full"}),
    ],
)
def test_answers_that_can_both_be_true_are_left_as_they_are(form, cells):
    got = a_row(form, **cells)
    assert all(said(got, question) != [None] for question in cells)
    assert got.issues == ()


def test_every_contradiction_names_questions_and_choices_that_are_asked():
    for each in declared():
        asked = {q.id: q for form in form_ids() if load(form).kind in each.kinds for q in load(form).questions}
        for question, choices in {each.question: each.denies - {"cannot_apply"}, **each.told_by}.items():
            assert choices <= {choice.code for choice in asked[question].choices}
        assert each.because
        assert each.sources
