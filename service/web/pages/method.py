"""How scores come about: models, weights, reasons, facts and sources, as they are in force today."""

from __future__ import annotations

from flask import render_template

from risk_models.facts.facts import load_facts
from risk_models.model import Model
from service.assessment import models_in_force
from service.auth.caller import get_caller
from service.clock import today
from service.errors import not_found
from service.queries.supplier_list import load_actions_by_id
from service.report_content import sources
from service.report_content.build import LIMITATIONS, METHOD_NOTES
from service.report_content.labels import get_sector_title


def overview() -> str:
    """The method in words, the models, the facts, the actions."""
    on = today(get_caller().time_zone)
    facts = load_facts().as_of(on)
    return render_template(
        "method.html",
        method=METHOD_NOTES,
        limits=LIMITATIONS,
        models=_models(),
        facts=sorted(facts.descriptions.values(), key=lambda fact: (fact.use != "scored", fact.id)),
        digest=facts.digest,
        actions=sorted(
            load_actions_by_id().values(), key=lambda action: (action.priority, not action.safety, action.id)
        ),
        on=on,
    )


def one(model_id: str) -> str:
    """A model: every indicator, context, gate and floor. Raises Refused ``not_found``."""
    model = next((model for model in _models() if model.id == model_id), None)
    if model is None:
        raise not_found()
    facts = load_facts().as_of(today(get_caller().time_zone))
    trades = [get_sector_title(prefix) for prefix in model.serves if prefix]
    return render_template("model.html", model=model, trades=trades, fact_title=facts.get_title)


def register() -> str:
    """Every source that a rule, a weight or an action refers to."""
    return render_template("sources.html", families=sources.load_source_families(), marks=sources.MARK_TITLES)


def _models() -> list[Model]:
    return models_in_force.list_models_in_force(today(get_caller().time_zone))
