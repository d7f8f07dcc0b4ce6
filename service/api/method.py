"""How scores come about, through the API: the method in words, facts, models with weights and reasons, actions, sources."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

from sqlalchemy.orm import Session

from risk_models.facts import load as load_facts
from risk_models.model import Model, in_force
from risk_models.plan import Action
from service.api.responses import Reply
from service.assessing.contract import actions_part, models_part
from service.auth.caller import caller
from service.clock import today
from service.method import models, sources
from service.refusal import not_found
from service.register import supplier_list
from service.reporting.explained import LIMITS, METHOD


def action(of: Action) -> Mapping[str, Any]:
    """An action of the library, as the contract tells it."""
    return actions_part([of])[0]


def show(session: Session) -> Reply:
    """The method in words, the facts with who publishes them, and the library of actions."""
    facts = load_facts().as_of(_on())
    told = ("id", "title", "unit", "publisher", "licence", "reference", "use", "read")
    found = sorted(facts.descriptions.values(), key=lambda fact: (fact.use != "scored", fact.id))
    return Reply(
        {
            "method": list(METHOD),
            "limits": list(LIMITS),
            "facts_digest": facts.digest,
            "facts": [{name: getattr(fact, name) for name in told} for fact in found],
            "actions": actions_part(list(supplier_list.actions().values())),
        }
    )


def listing(session: Session) -> Reply:
    """The models that are in force today."""
    return Reply({"items": [_line(model) for model in models.in_force_on(_on())], "next": None})


def _line(model: Model) -> dict[str, Any]:
    return {
        "id": model.id,
        "version": model.version,
        "title": model.title,
        "kind": model.kind,
        "effective": model.effective.isoformat(),
        "serves": list(model.serves),
        "levels": dict(model.levels),
        "digest": model.digest,
    }


def one(session: Session, model_id: str) -> Reply:
    """A model whole: indicators with weight, reason and sources, contexts, gates, floors, credibility of evidence."""
    try:
        model = in_force(model_id, _on())
    except LookupError as fault:
        raise not_found("There is no such model.") from fault
    whole = models_part([model])[0]
    told = {
        i.id: {"weight_because": i.weight_because, "harm": i.harm, "ilo": list(i.ilo), "strong": i.strong}
        for i in model.indicators
    }
    lifts = {c.id: {"lift": c.lift, "where_known": c.where_known} for c in model.contexts}
    sharper = {"lift": None, "where_known": False}
    contexts = [{**context, **lifts.get(context["id"], sharper)} for context in whole["contexts"]]
    gates = [
        {"id": g.id, "title": g.title, "because": g.because, "question": g.question, "indicators": list(g.indicators)}
        for g in model.gates
    ]
    return Reply(
        {
            **_line(model),
            "indicators": [{**indicator, **told[indicator["id"]]} for indicator in whole["indicators"]],
            "contexts": contexts,
            "floors": whole["floors"],
            "gates": gates,
            "insufficient_below": model.insufficient_below,
            "reported": model.reported,
            "review_months": dict(model.review_months),
            "credibility": {grade: {"q": c.q, "months": c.months} for grade, c in model.credibility.items()},
        }
    )


def register(session: Session) -> Reply:
    """Every source that a rule, a weight or an action refers to: title, publisher, and how well it was seen."""
    items = [vars(source) | {"seen": sources.MARKS[source.mark]} for source in sources.register().values()]
    return Reply({"items": items, "next": None})


def _on() -> date:
    return today(caller().time_zone)
