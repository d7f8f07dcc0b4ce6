"""The buyer's own practices through the API: answers by question id in, findings with reasons and actions out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy.orm import Session

from risk_models.buyer import in_force
from service.api import read, shown
from service.api.responses import Reply
from service.api.views import listed
from service.auth.caller import caller
from service.buyer import own_practices
from service.buyer.buying import Told
from service.clock import now, today
from service.db.buyer_tables import BuyerAnswers
from service.register import listings


def show(session: Session) -> Reply:
    """Every unit with its findings, and each action once."""
    return Reply(_shown(session))


def put(session: Session, body: Mapping[str, Any]) -> Reply:
    """Keeps the answers of a unit."""
    answers, issues = read.answers(own_practices.FORM, body)
    own_practices.keep(session, [answers], today(caller().time_zone), now(), caller().actor)
    return Reply({**_shown(session), **({"issues": issues} if issues else {})})


def history(session: Session, query: Mapping[str, Any]) -> Reply:
    """What units answered, newest first."""
    return listed(listings.buyer_answers(session, **query), _answers)


def erase(session: Session, answers_id: str) -> Reply:
    """Erases a unit with its past."""
    own_practices.erase(session, answers_id, caller().actor)
    return Reply(None, 204)


def _shown(session: Session) -> dict[str, Any]:
    on = today(caller().time_zone)
    rules, found = in_force(on), own_practices.units(session, on)
    _, steps = own_practices.lines(found)
    names = ("title", "do", "owner", "priority", "stage", "with_workers", "proof")
    return {
        "on": on.isoformat(),
        "rules": {"version": rules.version, "digest": rules.digest, "title": rules.title},
        "units": [{**_answers(unit.kept), "findings": [_finding(each) for each in unit.told]} for unit in found],
        "actions": [
            {
                "id": step.action,
                **{name: getattr(step, name) for name in names},
                "due": step.due.isoformat() if step.due else None,
                "sources": list(step.sources),
            }
            for step in steps
        ],
    }


def _answers(kept: BuyerAnswers) -> dict[str, Any]:
    told = {name: getattr(kept, name) for name in ("id", "form_version", "answers", "import_id", "created_by")}
    times = {"on": kept.on.isoformat(), "created_at": shown.moment(kept.created_at)}
    return {**told, **times, "name": kept.answers.get("name")}


def _finding(told: Told) -> dict[str, Any]:
    practice = told.finding.practice
    return {
        "practice": practice.id,
        "title": practice.title,
        "question": practice.question,
        "state": told.finding.state,
        "value": told.finding.value,
        "text": told.text,
        "sources": list(practice.sources),
        "actions": [{"id": action.id, "due": due.isoformat()} for action, _, due in told.actions],
    }
