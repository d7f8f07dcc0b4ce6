"""Codes in words, as a reader meets them: countries, sectors, answers, levels."""

from __future__ import annotations

from questionnaires.form import Questionnaire
from questionnaires.words import countries, sectors
from reports.document import LEVEL_TITLES


def country_name(code: str | None) -> str:
    """The English name of a country, "Country unknown" where there is none."""
    return "Country unknown" if code is None else countries().names.get(code, code)


def sector_title(code: str | None) -> str:
    """The title of an ISIC code, "Sector unknown" where there is none."""
    return "Sector unknown" if code is None else sectors().names.get(code, code)


def answer_words(form: Questionnaire, question: str, answer: object) -> str:
    """An answer as its form words it: titles for codes, names for countries and sectors."""
    if isinstance(answer, (list, tuple)):
        return ", ".join(answer_words(form, question, each) for each in answer)
    asked = form.by_id.get(question)
    if answer == "declined":
        return "asked and left blank"
    if answer == "cannot_apply":
        return "does not apply"
    if isinstance(answer, float):
        return f"{answer:g}"
    if asked is None:
        return str(answer)
    if asked.type in ("country", "countries"):
        return country_name(str(answer))
    if asked.type == "sector":
        return sector_title(str(answer))
    return next((choice.title for choice in asked.choices if choice.code == answer), str(answer))


def level_words(level: str, inherent_level: str, *, up_to: bool) -> str:
    """The level as a reader meets it."""
    if level == "insufficient_evidence":
        return f"Insufficient evidence, inherent {inherent_level}"
    words = LEVEL_TITLES[level]  # type: ignore[index]
    return f"{words}: critical cannot be ruled out" if up_to else words
