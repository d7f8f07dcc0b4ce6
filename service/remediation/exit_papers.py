"""Exit papers: ending the relationship with a supplier takes a paper that another person, an approver, has approved.

The paper says what was tried first, what leaving does to the workers, and how remedy is funded and paid afterwards. Only such a
paper makes a supplier one that we have left. It never names a worker.
"""

from __future__ import annotations

import tomllib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from functools import cache
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.orm import Session

from service.audit import record_event
from service.db.exit_tables import ExitPaper
from service.db.tables import Supplier
from service.errors import DomainError, not_found
from service.outbox.approvals import tell_approvers
from service.remediation.events import queue_exit_event
from service.remediation.plans import SPOKESPEOPLE
from service.remediation.rules import check_text, check_transition
from service.remediation.steps import Act

RULES_FILE = Path(__file__).with_name("exit.toml")
CHANGEABLE = ("draft", "returned")
TEXTS = {
    "effect": "the effect on workers",
    "remedy": "the funded remedy",
    "payment_after": "how remedy is paid after the exit",
    "reason": "the reason",
}
MAX_LEVERAGE, MAX_TRIED = 20, 500  # entries, and characters of each


@dataclass(frozen=True)
class Attempt:
    """A measure taken to change the situation, and its date."""

    on: date
    tried: str


@dataclass(frozen=True)
class ExitContent:
    """What a paper says: see :class:`service.db.exit_tables.ExitPaper`."""

    ground: str | None = None
    leverage: Sequence[Attempt] = ()
    effect: str | None = None
    remedy: str | None = None
    payment_after: str | None = None
    spokesperson: str | None = None
    consulted_on: date | None = None
    reason: str | None = None
    ends_on: date | None = None


@cache
def list_grounds() -> Mapping[str, Collection[str]]:
    """Return the grounds for ending a relationship by code, each with what a paper on it needs besides the texts."""
    rules = tomllib.loads(RULES_FILE.read_text(encoding="utf-8"))
    return {ground["code"]: ground["needs"] for ground in rules["ground"]}


def list_papers(session: Session, supplier_id: str) -> Sequence[ExitPaper]:
    """Return the exit papers about a supplier, newest first."""
    query = select(ExitPaper).where(ExitPaper.supplier_id == supplier_id)
    return session.scalars(query.order_by(ExitPaper.created_at.desc(), ExitPaper.id)).all()


def get_paper(session: Session, paper_id: str, *, version: int | None = None, lock: bool = True) -> ExitPaper:
    """Return a paper, locked until the transaction ends.

    ``version``: the one that the caller has seen, None for any. Raises DomainError: ``not_found``, 404; ``exit.changed``, 409.
    """
    query = select(ExitPaper).where(ExitPaper.id == paper_id)
    if lock:
        query = query.with_for_update()
    paper = session.scalars(query).first()
    if paper is None:
        raise not_found("Exit paper not found.")
    if version is not None and paper.version != version:
        raise DomainError(
            "exit.changed", 409, "This exit paper has changed since you opened it. Check the current version first."
        )
    return paper


def start_paper(session: Session, supplier: Supplier, content: ExitContent, act: Act) -> ExitPaper:
    """Save the draft of a paper about a supplier, and return it.

    Raises DomainError: ``exit.exists``, 409, if one is open or approved; and as :func:`change_paper` does.
    """
    session.scalars(select(Supplier.id).where(Supplier.id == supplier.id).with_for_update()).one()
    if any(paper.state != "withdrawn" for paper in list_papers(session, supplier.id)):
        raise DomainError(
            "exit.exists", 409, "There is already an exit paper for this supplier. Change or withdraw that paper."
        )
    paper = ExitPaper(
        supplier_id=supplier.id,
        record_id=supplier.id,
        state="draft",
        leverage=[],
        authors=[],
        created_by=act.actor.name,
        created_at=act.at,
        version=0,
    )
    _fill(paper, content, act)
    session.add(paper)
    session.flush()
    record_event(session, act.actor.name, "exit_paper.saved", "exit_paper", paper.id, {"supplier": supplier.id})
    return paper


def change_paper(session: Session, paper: ExitPaper, content: ExitContent, act: Act) -> None:
    """Change what a locked paper says, until it is submitted.

    Raises DomainError: ``exit.not_changeable``, 409; ``evidence.nobody``, 403, for a key that nobody answers for;
    ``exit.ground``, ``exit.leverage``, ``exit.consulted``, ``date.future``, ``text.too_long``, ``person.*``, 422.
    """
    if paper.state not in CHANGEABLE:
        raise DomainError("exit.not_changeable", 409, "Only drafts and returned papers can be changed.")
    _fill(paper, content, act)
    record_event(session, act.actor.name, "exit_paper.saved", "exit_paper", paper.id, {"supplier": paper.supplier_id})
    session.flush()


def _fill(paper: ExitPaper, content: ExitContent, act: Act) -> None:
    if act.actor.person is None:
        raise DomainError(
            "evidence.nobody",
            403,
            "This API key does not belong to any user, so it cannot be used to write an exit paper.",
        )
    _check_content(content, act)
    for name, value in asdict(content).items():
        if name != "leverage":
            setattr(paper, name, (value.strip() or None) if isinstance(value, str) else value)
    paper.leverage = [{"on": each.on.isoformat(), "tried": each.tried.strip()} for each in content.leverage]
    _add_author(paper, act)
    paper.version += 1


def _add_author(paper: ExitPaper, act: Act) -> None:
    if act.actor.person not in paper.authors:
        paper.authors = [*paper.authors, act.actor.person]


def _check_content(content: ExitContent, act: Act) -> None:
    if content.ground and content.ground not in list_grounds():
        raise DomainError("exit.ground", 422, f"Choose one of these grounds: {', '.join(list_grounds())}.")
    for text in TEXTS:
        check_text(getattr(content, text))
    if len(content.leverage) > MAX_LEVERAGE or not all(each.tried.strip() for each in content.leverage):
        raise DomainError(
            "exit.leverage", 422, f"Enter up to {MAX_LEVERAGE} measures that were tried, each with its date."
        )
    for each in content.leverage:
        check_text(each.tried, MAX_TRIED)
        if each.on > act.on:
            raise DomainError("date.future", 422, "The date of a measure that was tried cannot be in the future.")
    if content.spokesperson and content.spokesperson not in SPOKESPEOPLE:
        raise DomainError("exit.consulted", 422, f"Choose who spoke for the workers: {', '.join(SPOKESPEOPLE)}.")
    if bool(content.spokesperson) != (content.consulted_on is not None):
        raise DomainError("exit.consulted", 422, "Enter who spoke for the workers, and when they were consulted.")
    if content.consulted_on is not None and content.consulted_on > act.on:
        raise DomainError("date.future", 422, "The date of the consultation cannot be in the future.")


def change_state(session: Session, paper: ExitPaper, state: str, reason: str | None, act: Act) -> None:
    """Submit, approve, return or withdraw a locked paper.

    Raises DomainError as :func:`service.remediation.rules.check_transition` does, and ``exit.incomplete``, 422, for a paper that
    is submitted without all that it needs.
    """
    is_author = act.actor.person in paper.authors
    last_actor = act.actor.name if is_author else None
    check_transition("exit_paper", paper.state, state, act.actor, reason=reason, safety=True, last_actor=last_actor)
    if state in ("submitted", "approved"):
        _check_complete(paper)
    before, paper.state = paper.state, state
    if state == "submitted":
        _add_author(paper, act)
        paper.submitted_by, paper.submitted_at, paper.response = act.actor.name, act.at, None
        paper.decided_by = paper.decided_at = None
        tell_approvers(session, "exit_paper", paper.id, act.at, supplier_id=paper.supplier_id)
    else:
        paper.decided_by, paper.decided_at = act.actor.name, act.at
        paper.response = (reason or "").strip() or None
    paper.version += 1
    details = {"from": before, "to": state}
    record_event(session, act.actor.name, "exit_paper.state_changed", "exit_paper", paper.id, details)
    if state == "approved":
        queue_exit_event(session, paper)
    session.flush()


def _check_complete(paper: ExitPaper) -> None:
    missing = [title for name, title in TEXTS.items() if not getattr(paper, name)]
    needs = list_grounds().get(paper.ground or "", ())
    if not paper.ground:
        missing.append("the ground")
    if "leverage" in needs and not paper.leverage:
        missing.append("what was tried first")
    if "consulted" in needs and paper.consulted_on is None:
        missing.append("which workers' representatives were consulted, and when")
    if paper.ends_on is None:
        missing.append("the last day")
    if missing:
        raise DomainError("exit.incomplete", 422, f"The exit paper is not complete yet. Missing: {'; '.join(missing)}.")
