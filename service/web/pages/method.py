"""Pages of the method: the models, weights, facts and sources that the organisation uses today."""

from __future__ import annotations

from flask import render_template

from risk_models.facts.facts import load_facts
from risk_models.model import Model, find_coming_model
from service.assessment.models_in_force import list_models_in_force
from service.auth.caller import get_caller, read_session
from service.clock import today
from service.errors import not_found
from service.queries.supplier_list import load_actions_by_id
from service.report_content import sources
from service.report_content.build import LIMITATIONS, METHOD_NOTES
from service.report_content.labels import get_sector_title
from service.suppliers.organisation_models import list_organisation_models


def show_method() -> str:
    """Show the method: its description, models, facts and actions."""
    on = today(get_caller().time_zone)
    facts = load_facts().as_of(on)
    with read_session() as session:
        library = load_actions_by_id(session, on)
    return render_template(
        "method.html",
        method=METHOD_NOTES,
        limits=LIMITATIONS,
        families=sources.load_source_families(),
        models=_list_models(),
        coming=find_coming_model(on),
        facts=sorted(facts.descriptions.values(), key=lambda fact: (fact.use != "scored", fact.id)),
        digest=facts.digest,
        actions=sorted(library.values(), key=lambda action: (action.priority, not action.safety, action.id)),
        on=on,
    )


def show_model(model_id: str) -> str:
    """Show a model with its indicators, contexts, gates and floors. Raises DomainError, ``not_found``."""
    model = next((model for model in _list_models() if model.id == model_id), None)
    if model is None:
        raise not_found()
    facts = load_facts().as_of(today(get_caller().time_zone))
    sector_titles = [get_sector_title(prefix) for prefix in model.serves if prefix]
    return render_template("model.html", model=model, sector_titles=sector_titles, fact_title=facts.get_title)


def show_sources() -> str:
    """Show all sources cited by rules, weights and actions."""
    return render_template("sources.html", families=sources.load_source_families(), mark_titles=sources.MARK_TITLES)


def _list_models() -> list[Model]:
    on = today(get_caller().time_zone)
    with read_session() as session:
        return list_models_in_force(on, list_organisation_models(session, on))
