"""Codes in words, as a reader meets them: countries, sectors, answers, levels, actions."""

from __future__ import annotations

from datetime import date

from questionnaires.form import Questionnaire
from questionnaires.lookups import load_countries, load_sectors
from reports.document import LEVEL_TITLES, Step
from risk_models.answers import EvidencePiece
from risk_models.evidence import GRADE_TITLES
from risk_models.explain import Reason, own_side
from risk_models.facts.facts import FactSnapshot, get_description_id
from risk_models.model import Model
from risk_models.plan import Action

MEASURED = ("number", "percent", "money", "date")  # questions whose answer says nothing without their words


def country_name(code: str | None) -> str:
    """The English name of a country, "Country unknown" where there is none."""
    return "Country unknown" if code is None else load_countries().names.get(code, code)


def sector_title(code: str | None) -> str:
    """The title of an ISIC code, "Sector unknown" where there is none."""
    return "Sector unknown" if code is None else load_sectors().names.get(code, code)


def answer_words(form: Questionnaire, question: str, answer: object) -> str:
    """An answer as its form words it: titles for codes, names for countries and sectors, numbers with their unit, evidence by
    kind and date.
    """
    if isinstance(answer, (dict, EvidencePiece)):
        piece = answer if isinstance(answer, EvidencePiece) else EvidencePiece(**answer)
        return " ".join(
            filter(None, (GRADE_TITLES[piece.grade], piece.date, f"({piece.source})" if piece.source else ""))
        )
    if isinstance(answer, (list, tuple)):
        return ", ".join(answer_words(form, question, each) for each in answer)
    asked = form.by_id.get(question)
    if answer == "declined":
        return "asked and left blank"
    if answer == "cannot_apply":
        return "does not apply"
    if isinstance(answer, float):
        unit = asked.unit if asked else ""
        return f"{answer:g} {unit.removesuffix('s') if answer == 1 else unit}".rstrip()
    if asked is None:
        return str(answer)
    if asked.type in ("country", "countries"):
        return country_name(str(answer))
    if asked.type == "sector":
        return sector_title(str(answer))
    return next((choice.title for choice in asked.choices if choice.code == answer), str(answer))


def value_of(reason: Reason, model: Model, form: Questionnaire, facts: FactSnapshot) -> str:
    """The value of a reason as it may stand alone: a fact with its unit, a number or a day with the words of its question, and
    what was reported before what the supplier itself answered.
    """
    if reason.kind == "context":
        only = {sharper.id: sharper.facts[0].fact for sharper in model.sharper if len(sharper.facts) == 1}
        return _of_fact(reason.value, only.get(reason.id, reason.id), form, facts) if reason.value else ""
    asked = form.by_id.get(reason.question)
    said = f"{asked.title}: {reason.value}" if asked and asked.type in MEASURED and reason.value else reason.value
    if not reason.reported:
        return said
    return ". ".join(filter(None, (reason.reported, said and own_side(model.kind, reason.answer, said))))


def _of_fact(value: str, fact: str, form: Questionnaire, facts: FactSnapshot) -> str:
    """The value of a fact with its unit."""
    asked, about = form.by_id.get(fact.removeprefix("answer.")), facts.descriptions.get(get_description_id(fact))
    if fact == "agency":
        return f"score {value} of 100"
    if asked and asked.type == "percent":
        return f"{value}%"
    return f"{value} ({about.unit})" if about else value


def level_words(level: str, inherent_level: str, *, up_to: bool, silent: bool = False) -> str:
    """The level as a reader meets it. ``silent``: most of what holds the score up are questions that were left blank."""
    if level == "insufficient_evidence":
        return f"Insufficient evidence, inherent {inherent_level}"
    words = LEVEL_TITLES[level]  # type: ignore[index]
    if up_to:
        return f"{words}: critical cannot be ruled out"
    return f"{words}: most of it cannot be ruled out" if silent else words


def step(action: Action, due: date, days: float, suppliers: int = 0, names: tuple[str, ...] = ()) -> Step:
    """An action as a report shows it, due on a day, within so many days."""
    return Step(
        action=action.id,
        title=action.title,
        do=action.do,
        priority=action.priority,  # type: ignore[arg-type]
        stage=action.stage,  # type: ignore[arg-type]
        owner=action.owner,  # type: ignore[arg-type]
        due=due,
        within_hours=24 * days if days < 3 else None,
        safety=action.safety,
        with_workers=action.with_workers,
        proof=action.proof,
        sources=action.sources,
        suppliers=suppliers,
        names=names,
    )
