"""A process is killed (SIGKILL) at any write of a change of a step: the change is made with all that belongs to it, or not."""

from collections.abc import Callable

import pytest
from callers import make_organisation, make_user
from dying import run_until
from examples import TIMES
from sqlalchemy import func, select
from sqlalchemy.orm import Session
from test_reminders import add_steps

from service.clock import now
from service.db.outbox_tables import Message
from service.db.remediation_tables import Step, StepEvidence, StepVerification, Transition
from service.db.session import Database
from service.db.tables import AuditEvent
from service.outbox import endpoints
from service.remediation import steps, verification
from service.remediation.rules import Actor
from service.remediation.steps import Act, Evidence
from service.remediation.verification import Check

EVERY = 3 if TIMES == 1 else 1  # of the writes of a change, so many are skipped in the suite: none with --long


def list_changes(step_id: str, owner: str, verifier: str) -> dict[str, Callable[[Session], object]]:
    """The changes that two users make to a step, in order."""
    at = now()
    ana, ben = (
        Act(Actor(f"user:{user}", "officer", user), at.date(), at, sees_worker_derived=True)
        for user in (owner, verifier)
    )

    def get_step(session: Session) -> Step:
        return steps.get_step(session, step_id, ana)

    check = Check("union_ngo", at.date(), 8, "worker_organisation", 100, asked_about_retaliation=True)
    return {
        "evidence": lambda session: steps.add_evidence(
            session, get_step(session), Evidence("document", "Report 7"), ana
        ),
        "verify": lambda session: verification.verify_step(session, get_step(session), check, ben),
        "close": lambda session: steps.change_state(session, get_step(session), "closed", None, ana),
        "reopen": lambda session: steps.change_state(session, get_step(session), "reopened", "It is back.", ana),
    }


def read_stored(database: Database, step_id: str) -> dict[str, object]:
    """The state of a step, and how many rows belong to it."""
    with database.unscoped(write=False) as session:
        step = session.get_one(Step, step_id)
        of_step = {table: table.step_id == step_id for table in (StepEvidence, StepVerification, Transition)}
        of_step |= {AuditEvent: AuditEvent.object_id == step_id, Message: Message.occasion.startswith(step_id)}
        counts = {
            table.__tablename__: session.scalars(select(func.count()).select_from(table).where(condition)).one()
            for table, condition in of_step.items()
        }
        return {"state": step.state, "version": step.version, **counts}


@pytest.mark.fault
@pytest.mark.suite("postgresql")
def test_a_change_of_a_step_that_is_killed_at_any_write_has_not_begun(database: Database):
    organisation_id = make_organisation(database)
    users = [make_user(database, organisation_id) for _ in range(2)]
    with database.for_organisation(organisation_id) as session:
        endpoints.create_endpoint(
            session,
            "https://erp.example/",
            ["step.verified", "step.closed", "step.reopened"],
            b"k" * 32,
            "user:ana",
        )
    (step_id,) = add_steps(database, organisation_id, due=now().date(), created_at=now())
    for name, change in list_changes(step_id, *users).items():

        def make_change(db: Database, change=change) -> None:
            with db.for_organisation(organisation_id) as session:
                change(session)

        before, number, outcome = read_stored(database, step_id), 1 - EVERY, "killed"
        while outcome == "killed":
            number += EVERY
            outcome = run_until(database, f"write {number}", make_change)
            if outcome == "killed":
                assert read_stored(database, step_id) == before, (name, number)
        assert outcome == "ended"
        assert number > 3
        after = read_stored(database, step_id)
        assert (after["version"], after["transition"]) == (before["version"] + 1, before["transition"] + 1)
    assert after == {
        "state": "reopened", "version": 5, "transition": 4, "step_evidence": 1, "step_verification": 1, "message": 3,
        "audit_event": 5,
    }  # fmt: skip
