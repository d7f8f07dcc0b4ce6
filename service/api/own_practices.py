"""API views of the buyer's own practices: they take answers by question id, and return findings with reasons and actions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy.orm import Session

from risk_models.buyer import find_practice_rules_in_force
from service.api.answers import load_answers
from service.api.responses import Reply, page_reply
from service.api.schemas.base import Resource
from service.api.suppliers import with_issues
from service.auth.caller import get_caller
from service.buyer import own_practices
from service.buyer.practice_findings import DescribedFinding
from service.clock import now, today
from service.db.buyer_tables import BuyerAnswers
from service.queries import lists


def get_own_practices(session: Session) -> Reply:
    """Return every unit with its findings, and each action once."""
    return Reply(_own_practices(session))


def put(session: Session, body: Mapping[str, Any]) -> Reply:
    """Store the answers of a unit, and return every unit."""
    answers, issues = load_answers(own_practices.FORM_ID, body)
    own_practices.save_answers(session, [answers], today(get_caller().time_zone), now(), get_caller().actor)
    return Reply(with_issues(_own_practices(session), issues))


def history(session: Session, query: Mapping[str, Any]) -> Reply:
    """Return the answers of all units, newest first."""
    return page_reply(lists.list_buyer_answers(session, **query), _answers)


def erase(session: Session, answers_id: str) -> Reply:
    """Erase a unit with all its answers."""
    own_practices.erase_unit(session, answers_id, get_caller().actor)
    return Reply(None, 204)


def _own_practices(session: Session) -> dict[str, Any]:
    on = today(get_caller().time_zone)
    rules, units = find_practice_rules_in_force(on), own_practices.list_units(session, on)
    _, steps = own_practices.build_report_lines(units)
    return {
        "on": on,
        "rules": rules,
        "units": [_answers(unit.record, findings=[_finding(each) for each in unit.findings]) for unit in units],
        "actions": [Resource(step, id=step.action) for step in steps],
    }


def _answers(answers: BuyerAnswers, **computed: Any) -> Resource:
    return Resource(answers, name=answers.answers.get("name"), **computed)


def _finding(explained: DescribedFinding) -> dict[str, Any]:
    practice = explained.finding.practice
    return {
        "practice": practice.id,
        "title": practice.title,
        "question": practice.question,
        "state": explained.finding.state,
        "value": explained.finding.value,
        "text": explained.text,
        "sources": practice.sources,
        "actions": [{"id": action.id, "due": due} for action, _, due in explained.actions],
    }
