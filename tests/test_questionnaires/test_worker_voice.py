"""Test worker voice: its statements and languages, and that nothing withheld can be worked out from what is published."""

from dataclasses import replace
from datetime import date
from string import Formatter

import pytest
from numpy.random import Generator, default_rng

from questionnaires.languages import Translation, list_languages, load_language
from questionnaires.readability import asks_two_things, compute_grade
from questionnaires.worker_voice.form import (
    ADVERSE_ANSWERS,
    NO_OPINION,
    TRANSLATIONS,
    list_voice_languages,
    load_voice_language,
    load_worker_voice_form,
)
from questionnaires.worker_voice.publication import Figure, publish
from risk_models.cases.rules import list_case_rules
from risk_models.model import load_models

FORM = load_worker_voice_form()
OTHERS = list_languages(TRANSLATIONS)


# ---------------------------------------------------------------- the statements


def test_there_are_18_statements_with_five_points_and_two_ways_not_to_say():
    assert len({statement.id for statement in FORM.statements}) == 18
    assert len(FORM.answers) == 7
    assert set(FORM.answers) >= {*NO_OPINION, *ADVERSE_ANSWERS["true"], *ADVERSE_ANSWERS["untrue"]}


def test_a_child_of_twelve_can_read_everything_that_workers_read():
    assert [statement.ask for statement in FORM.statements if compute_grade([statement.ask]) > 6] == []
    assert [text for text in FORM.list_texts() if len(text.split()) > 1 and compute_grade([text]) > 6] == []
    assert not any(asks_two_things(statement.ask) for statement in FORM.statements)


def test_each_statement_is_about_an_indicator_and_a_finding_with_its_source():
    indicators = {one.id for model in load_models() if model.kind == "site" for one in model.indicators}
    findings = list_case_rules()[-1].findings
    for statement in FORM.statements:
        finding = findings[statement.finding]
        assert statement.indicator in indicators
        assert statement.indicator in finding.indicators
        assert statement.phase in finding.indicators_by_phase
        assert statement.source in {*finding.indicators_by_phase[statement.phase], *finding.ilo}


# ---------------------------------------------------------------- languages


def list_placeholders(text: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(text) if name}


@pytest.mark.parametrize("code", OTHERS)
def test_every_text_is_translated_with_the_same_placeholders(code: str):
    language = load_voice_language(code)
    assert [text for text in FORM.list_texts() if text not in language.texts] == []
    assert set(language.texts) <= set(FORM.list_texts())
    differing = [
        text for text in FORM.list_texts() if list_placeholders(text) != list_placeholders(language.translate(text))
    ]
    assert differing == []


@pytest.mark.parametrize("code", OTHERS)
def test_a_language_is_locked_until_each_of_its_texts_is_confirmed(code: str):
    draft = load_language(code, TRANSLATIONS)
    assert not FORM.is_confirmed(draft)
    confirmed = {text: Translation(each.text, "reviewer", date(2026, 11, 1)) for text, each in draft.texts.items()}
    assert FORM.is_confirmed(replace(draft, texts=confirmed))
    last = FORM.statements[-1].ask
    assert not FORM.is_confirmed(replace(draft, texts={**confirmed, last: draft.texts[last]}))
    assert not FORM.is_confirmed(replace(draft, texts={one: confirmed[one] for one in confirmed if one != last}))


def test_english_is_the_original_and_needs_no_confirmation():
    assert list_voice_languages()[0] == "en"
    assert FORM.is_confirmed(load_voice_language("en"))


# ---------------------------------------------------------------- what is published


def publish_group(answered: int, adverse: int) -> bool:
    (published,) = publish([Figure("violence", "all", answered, adverse)])
    return bool(published.figures)


def test_a_figure_of_fewer_than_ten_workers_is_withheld():
    assert not publish_group(9, 4)
    assert publish_group(10, 4)


def test_a_unanimous_figure_of_fewer_than_fifteen_workers_is_withheld():
    assert not publish_group(14, 0)
    assert not publish_group(14, 14)
    assert publish_group(15, 0)
    assert publish_group(15, 15)
    assert publish_group(14, 13)


def test_the_only_sum_is_that_of_published_groups():
    (published,) = publish(
        [Figure("violence", "NP", 20, 5), Figure("violence", "BD", 30, 6), Figure("violence", "other", 3, 1)]
    )
    assert (published.answered, published.adverse, published.withheld) == (50, 11, ("other",))
    assert published.share == 11 / 50


def test_what_is_withheld_in_one_group_does_not_depend_on_the_others():
    small = Figure("violence", "other", 4, 4)
    for more in ((40, 0), (40, 40), (40, 7), (9, 2)):
        (published,) = publish([Figure("violence", "NP", *more), small])
        assert "other" in published.withheld
        assert ("NP" in published.withheld) == (more[0] < 10)


def draw_survey(random: Generator, groups: int) -> list[Figure]:
    """The figures of a survey with small, large and unanimous groups."""
    figures = []
    for statement in ("violence", "debt"):
        for group in map(str, range(groups)):
            answered = int(random.choice([random.integers(0, 10), random.integers(8, 17), random.integers(10, 80)]))
            adverse = int(random.choice([0, answered, random.integers(0, answered + 1)]))
            figures.append(Figure(statement, group, answered, adverse))
    return figures


def list_recovered(surveys: list[list[Figure]]) -> list[Figure]:
    """The withheld figures that somebody who sees everything published, and knows these rules, can work out.

    One is safe if other numbers of workers, and other numbers of adverse answers, would have led to the same publication. No
    attack then tells them apart: neither subtraction, nor linear algebra, nor knowledge of how figures are withheld.
    """
    published = [publish(survey) for survey in surveys]
    recovered = []
    for place, survey in enumerate(surveys):
        for position, true in enumerate(survey):
            if not true.is_too_few:
                continue
            possible = [
                (answered, adverse)
                for answered, adverse in ((0, 0), (1, 1), (8, 3), (9, 4), (12, 12))
                if publish(
                    [*survey[:position], replace(true, answered=answered, adverse=adverse), *survey[position + 1 :]]
                )
                == published[place]
            ]
            if not any(one != true.answered for one, _ in possible) or not any(
                one != true.adverse for _, one in possible
            ):
                recovered.append(true)
    return recovered


def attack(number: int) -> tuple[int, int]:
    """Attack so many suppliers with up to three surveys; how many figures were withheld, and how many were recovered."""
    random, withheld, recovered = default_rng(19), 0, 0
    for _ in range(number):
        groups = int(random.integers(1, 7))
        surveys = [draw_survey(random, groups) for _ in range(int(random.integers(1, 4)))]
        withheld += sum(figure.is_too_few for survey in surveys for figure in survey)
        recovered += len(list_recovered(surveys))
    return withheld, recovered


def test_no_withheld_figure_can_be_recovered_from_all_that_is_published():
    withheld, recovered = attack(150)
    assert withheld > 300
    assert recovered == 0


@pytest.mark.long
def test_no_withheld_figure_of_ten_thousand_suppliers_can_be_recovered():
    assert attack(10_000)[1] == 0
