"""API views of the method: its description, the facts, the models with weights and reasons, the actions and the sources."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

from sqlalchemy.orm import Session

from risk_models.action_library import Action
from risk_models.facts.facts import load_facts
from risk_models.model import get_model_in_force
from service.api.responses import Reply, whole_list
from service.api.schemas.base import Resource
from service.assessment.export_json import build_actions_part, build_models_part
from service.assessment.models_in_force import list_models_in_force
from service.auth.caller import get_caller
from service.clock import today
from service.errors import not_found
from service.queries import supplier_list
from service.report_content import sources
from service.report_content.build import LIMITATIONS, METHOD_NOTES
from service.suppliers.organisation_models import list_organisation_models

OF_FACT = ("id", "title", "unit", "publisher", "licence", "reference", "use", "read")


def action_texts(action: Action) -> Mapping[str, Any]:
    """Return the texts of an action in the library, as they appear in assessment.json."""
    return build_actions_part([action])[0]


def get_method(session: Session) -> Reply:
    """Return a description of the method, the facts with their publishers, and the action library."""
    facts = load_facts().as_of(_today())
    descriptions = sorted(facts.descriptions.values(), key=lambda fact: (fact.use != "scored", fact.id))
    return Reply(
        {
            "method": METHOD_NOTES,
            "limits": LIMITATIONS,
            "facts_digest": facts.digest,
            "facts": [{name: getattr(fact, name) for name in OF_FACT} for fact in descriptions],
            "actions": build_actions_part(list(supplier_list.load_actions_by_id(session, _today()).values())),
        }
    )


def list_models(session: Session) -> Reply:
    """Return the models that the organisation uses today."""
    return whole_list(list_models_in_force(_today(), list_organisation_models(session, _today())))


def get_model(session: Session, model_id: str) -> Reply:
    """Return a complete model: indicators with weights, reasons and sources; contexts, gates, floors and the credibility of
    evidence.
    """
    try:
        model = get_model_in_force(model_id, _today(), list_organisation_models(session, _today()))
    except LookupError as error:
        raise not_found("Model not found.") from error
    whole = build_models_part([model])[0]
    of_indicators = {
        i.id: {"weight_because": i.weight_because, "harm": i.harm, "ilo": list(i.ilo), "strong": i.severe}
        for i in model.indicators
    }
    lifts = {c.id: {"lift": c.lift, "where_known": c.only_where_known} for c in model.contexts}
    no_lift = {"lift": None, "where_known": False}
    gates = [
        {"id": g.id, "title": g.title, "because": g.because, "question": g.question, "indicators": list(g.indicators)}
        for g in model.screening_questions
    ]
    return Reply(
        Resource(
            model,
            indicators=[{**indicator, **of_indicators[indicator["id"]]} for indicator in whole["indicators"]],
            contexts=[{**context, **lifts.get(context["id"], no_lift)} for context in whole["contexts"]],
            floors=whole["floors"],
            gates=gates,
            credibility={grade: {"q": c.q, "months": c.months} for grade, c in model.credibility.items()},
        )
    )


def list_sources(session: Session) -> Reply:
    """Return every source that a rule, a weight or an action cites: its title, its publisher, and how well it was checked."""
    return whole_list(
        [Resource(source, seen=sources.MARK_TITLES[source.mark]) for source in sources.load_sources().values()]
    )


def _today() -> date:
    return today(get_caller().time_zone)
