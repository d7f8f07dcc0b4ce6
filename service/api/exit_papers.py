"""API views of exit papers. Submitting a paper and deciding on it take a person, on the pages."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy.orm import Session

from service.api.body import parse_day
from service.api.responses import Reply, build_etag, check_version, whole_list
from service.auth.caller import get_caller
from service.clock import now
from service.remediation import exit_papers
from service.remediation.exit_papers import Attempt, ExitContent
from service.remediation.steps import build_act
from service.suppliers import repository as suppliers

Values = Mapping[str, Any]
DAYS = ("consulted_on", "ends_on")


def list_papers(session: Session, kind: str, supplier_id: str) -> Reply:
    """Return the exit papers about a supplier, newest first."""
    supplier = suppliers.get_supplier(session, kind, supplier_id)
    return whole_list(list(exit_papers.list_papers(session, supplier.id)))


def start_paper(session: Session, kind: str, supplier_id: str, body: Values) -> Reply:
    """Save the draft of an exit paper about a supplier."""
    supplier = suppliers.get_supplier(session, kind, supplier_id)
    paper = exit_papers.start_paper(session, supplier, _parse(body), build_act(get_caller(), now()))
    return Reply(paper, 201, etag=build_etag(paper))


def get_paper(session: Session, exit_paper_id: str) -> Reply:
    """Return an exit paper."""
    paper = exit_papers.get_paper(session, exit_paper_id, lock=False)
    return Reply(paper, etag=build_etag(paper))


def put_paper(session: Session, exit_paper_id: str, body: Values) -> Reply:
    """Change what a draft, or a paper that was returned, says."""
    paper = exit_papers.get_paper(session, exit_paper_id)
    check_version(build_etag(paper))
    exit_papers.change_paper(session, paper, _parse(body), build_act(get_caller(), now()))
    return Reply(paper, etag=build_etag(paper))


def _parse(body: Values) -> ExitContent:
    attempts = [Attempt(parse_day("leverage.on", each["on"]), each["tried"]) for each in body.get("leverage", ())]
    days = {name: parse_day(name, body[name]) for name in DAYS if body.get(name)}
    return ExitContent(**{**body, **days, "leverage": attempts})
