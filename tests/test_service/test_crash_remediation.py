"""A process is killed (SIGKILL) at any write of a change of a step: the change is made with all that belongs to it, or not."""

import os
import subprocess
import sys

import mortal_user
import pytest
from callers import make_organisation, make_user
from examples import TIMES
from processes import ROOT
from sqlalchemy import func, select
from test_reminders import add_steps

from service.clock import now
from service.db.outbox_tables import Message
from service.db.remediation_tables import Step, StepEvidence, StepVerification, Transition
from service.db.session import Database
from service.db.tables import AuditEvent
from service.outbox import endpoints

EVERY = 3 if TIMES == 1 else 1  # of the writes of a change, so many are skipped in the suite: none with --long
CHANGES = ("evidence", "verify", "close", "reopen")


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
    url = database.engine.url.render_as_string(hide_password=False)
    user = subprocess.Popen(
        [sys.executable, mortal_user.__file__, url, organisation_id, step_id, *users],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    for change in CHANGES:
        before, number, outcome = read_stored(database, step_id), 1 - EVERY, "killed"
        while outcome == "killed":
            number += EVERY
            user.stdin.write(f"{change} write {number}\n")
            user.stdin.flush()
            outcome = user.stdout.readline().strip()
            if outcome == "killed":
                assert read_stored(database, step_id) == before, (change, number)
        assert outcome == "ended"
        assert number > 3
        after = read_stored(database, step_id)
        assert (after["version"], after["transition"]) == (before["version"] + 1, before["transition"] + 1)
    user.stdin.close()
    user.stdout.close()
    assert user.wait() == 0
    assert after == {
        "state": "reopened", "version": 5, "transition": 4, "step_evidence": 1, "step_verification": 1, "message": 3,
        "audit_event": 5,
    }  # fmt: skip
