"""Tell people and the organisation's systems what has become of a step or a letter, in the transaction in which it happens.

The user who sees to the step, or who wrote the letter, gets an email, except about what they have done themselves. What is known
only from workers is told without the supplier, and by mail only to a user who may see it.
"""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy.orm import Session

from service.db.account_tables import User
from service.db.exit_tables import ExitPaper
from service.db.remediation_tables import Reply, Step
from service.outbox.queue import Event, queue_events
from service.remediation.rules import Actor, load_rules


def queue_step_event(session: Session, step: Step, actor: Actor, **codes: str) -> None:
    """Queue that a step is now verified, closed or reopened. ``codes``: what events.toml lists for that, such as ``reason``."""
    payload = {"step_id": step.id, **codes}
    if not step.worker_derived:  # or an email that is forwarded would say where workers have spoken
        payload["supplier_id"] = step.supplier_id
    event = Event(
        code=f"step.{step.state}",
        occasion=f"{step.id} {step.version}",
        payload=payload,
        supplier_id=step.supplier_id,
        mail_to=_choose_owner(session, step, actor),
    )
    queue_events(session, event)


def queue_reply_event(session: Session, reply: Reply, finding_ids: Collection[str], actor: Actor) -> None:
    """Queue that a supplier has replied to a letter about these findings."""
    asked_by_user = reply.created_by.startswith("user:") and reply.created_by != actor.name
    event = Event(
        code="reply.received",
        occasion=reply.id,
        payload={"supplier_id": reply.supplier_id, "reply_id": reply.id, "finding_ids": sorted(finding_ids)},
        supplier_id=reply.supplier_id,
        mail_to=[reply.created_by.removeprefix("user:")] if asked_by_user else [],
    )
    queue_events(session, event)


def queue_exit_event(session: Session, paper: ExitPaper) -> None:
    """Queue that the exit paper of a supplier was approved."""
    payload = {"supplier_id": paper.supplier_id, "exit_paper_id": paper.id, "ends_on": str(paper.ends_on)}
    occasion = f"{paper.id} {paper.version}"
    queue_events(
        session, Event(code="supplier.exited", occasion=occasion, payload=payload, supplier_id=paper.supplier_id)
    )


def _choose_owner(session: Session, step: Step, actor: Actor) -> list[str]:
    """Return the id of the owner of a step, or nothing where an email would tell them no news or what they may not see."""
    owner = session.get(User, step.owner_id) if step.owner_id else None
    if owner is None or (actor.is_user and actor.person == owner.id):
        return []
    may_see = not step.worker_derived or owner.role in load_rules()["mail"]["worker_derived_roles"]
    return [owner.id] if may_see else []
