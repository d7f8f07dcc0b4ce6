"""Format codes for readers: countries, sectors, answers, levels, actions."""

from __future__ import annotations

from datetime import date

from babel import Locale
from babel.dates import format_date

from questionnaires.form import Questionnaire
from questionnaires.languages import ENGLISH
from questionnaires.lookups import load_countries, load_sectors
from questionnaires.parse.answer import CANNOT_APPLY, NOT_APPLICABLE
from reports.document import LEVEL_TITLES, Step
from reports.formatting import format_amount, format_iso_date
from risk_models.action_library import Action
from risk_models.answers import EvidencePiece, parse_piece
from risk_models.evidence import GRADE_TITLES
from risk_models.explain import Reason, describe_own_answer
from risk_models.facts.facts import FactSnapshot, get_description_id
from risk_models.model import Model

MEASURED_TYPES = ("number", "percent", "money", "date")  # question types whose answers need the title of the question


def get_country_name(code: str | None) -> str:
    """Return the English name of a country, "Country unknown" if there is none."""
    return "Country unknown" if code is None else load_countries().names.get(code, code)


def get_sector_title(code: str | None) -> str:
    """Return the title of an ISIC code, "Sector unknown" if there is none."""
    return "Sector unknown" if code is None else load_sectors().names.get(code, code)


def format_answer(form: Questionnaire, question: str, answer: object) -> str:
    """Return an answer in the words of its form, and in its language but for evidence and for what was not answered.

    Codes become titles, countries and sectors names; numbers get their unit, and dates are spelled out; evidence becomes its
    grade, date and source.
    """
    if isinstance(answer, (dict, EvidencePiece)):
        piece = answer if isinstance(answer, EvidencePiece) else parse_piece(answer)
        return " ".join(
            filter(
                None,
                (
                    GRADE_TITLES[piece.grade],
                    format_iso_date(piece.date) if piece.date else "",
                    f"({piece.source})" if piece.source else "",
                ),
            )
        )
    if isinstance(answer, (list, tuple)):
        return ", ".join(format_answer(form, question, item) for item in answer)
    asked_question = form.by_id.get(question)
    if answer == "declined":
        return "left blank"
    if answer in (CANNOT_APPLY, NOT_APPLICABLE):
        return "does not apply"
    if isinstance(answer, float):
        if asked_question and asked_question.type == "percent":
            return f"{format_amount(answer)}%"
        unit = asked_question.unit if asked_question else ""
        return f"{format_amount(answer)} {unit.removesuffix('s') if answer == 1 else unit}".rstrip()
    if asked_question is None:
        return str(answer)
    language = form.language
    if asked_question.type in ("country", "countries"):
        return load_countries().list_names(language.code).get(str(answer)) or get_country_name(str(answer))
    if asked_question.type == "sector":
        return language.translate(get_sector_title(str(answer)))
    if asked_question.type == "date":
        return _format_date(str(answer), language.code)
    return next((choice.title for choice in asked_question.choices if choice.code == answer), str(answer))


def _format_date(text: str, language: str) -> str:
    if language == ENGLISH:
        return format_iso_date(text)
    return str(format_date(date.fromisoformat(text), locale=Locale.parse(language, sep="-")))


def format_reason_value(reason: Reason, model: Model, form: Questionnaire, facts: FactSnapshot) -> str:
    """Return the value of a reason in a form that can be understood on its own.

    Facts get their unit, numbers and dates the title of their question; a report comes before the supplier's own answer.
    """
    if reason.kind == "context":
        single_facts = {
            sharper.id: sharper.facts[0].fact for sharper in model.sharper_contexts if len(sharper.facts) == 1
        }
        return _format_fact(reason.value, single_facts.get(reason.id, reason.id), form, facts) if reason.value else ""
    question = form.by_id.get(reason.question)
    answer_text = (
        f"{question.title}: {reason.value}"
        if question and question.type in MEASURED_TYPES and reason.value
        else reason.value
    )
    if not reason.reported:
        return answer_text
    return ". ".join(
        filter(None, (reason.reported, answer_text and describe_own_answer(model.kind, reason.answer, answer_text)))
    )


def _format_fact(value: str, fact: str, form: Questionnaire, facts: FactSnapshot) -> str:
    """Return the value of a fact with its unit."""
    question, description = (
        form.by_id.get(fact.removeprefix("answer.")),
        facts.descriptions.get(get_description_id(fact)),
    )
    if fact == "agency":
        return f"score {value} out of 100"
    if question and question.type == "percent":
        return f"{value}%"
    return f"{value} ({description.unit})" if description else value


def format_level(level: str, inherent_level: str, *, up_to: bool, unanswered_driven: bool = False) -> str:
    """Return the level in words.

    ``up_to``: critical cannot be ruled out; ``unanswered_driven``: mainly questions that were left blank raise the score.
    """
    if level == "insufficient_evidence":
        return f"{LEVEL_TITLES[level]} (inherent risk: {LEVEL_TITLES[inherent_level]})"  # type: ignore[index]
    title = LEVEL_TITLES[level]  # type: ignore[index]
    if up_to:
        return f"{title} (Critical cannot be ruled out)"
    return f"{title} (mainly because of questions left blank)" if unanswered_driven else title


def build_step(action: Action, due: date, days: float, suppliers: int = 0, names: tuple[str, ...] = ()) -> Step:
    """Return an action as a step of a report. ``days``: within which it is due; ``suppliers``: how many it concerns."""
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
