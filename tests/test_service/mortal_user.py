"""A process that changes a step as users do, and whose children kill themselves on request.

    python mortal_user.py URL ORGANISATION STEP OWNER VERIFIER

Each line of its input is a change and what the child that makes it dies of, such as "verify write 2", or "verify never". The
process writes how the child ended.
"""

import os
import sys
from collections.abc import Callable

from dying import die_at
from sqlalchemy.orm import Session
from stored_keys import SECRET_KEYS

from service.clock import now
from service.db.remediation_tables import Step
from service.db.session import Database, open_engine
from service.log import configure_logging
from service.remediation import steps, verification
from service.remediation.rules import Actor
from service.remediation.steps import Act, Evidence
from service.remediation.verification import Check


def main(url: str, organisation: str, step_id: str, owner: str, verifier: str) -> None:
    """The process itself."""
    configure_logging()
    at = now()
    ana, ben = (
        Act(Actor(f"user:{user}", "officer", user), at.date(), at, sees_worker_derived=True)
        for user in (owner, verifier)
    )
    heard = Check("union_ngo", at.date(), 8, "worker_organisation", 100, asked_about_retaliation=True)
    changes: dict[str, Callable[[Session, Step], object]] = {
        "evidence": lambda session, step: steps.add_evidence(session, step, Evidence("document", "Report 7"), ana),
        "verify": lambda session, step: verification.verify_step(session, step, heard, ben),
        "close": lambda session, step: steps.change_state(session, step, "closed", None, ana),
        "reopen": lambda session, step: steps.change_state(session, step, "reopened", "It is back.", ana),
    }
    for line in sys.stdin:
        change, what, *number = line.split()
        child = os.fork()
        if child == 0:
            engine = open_engine(url)
            if number:
                die_at(engine, what, int(number[0]))
            with Database(engine, SECRET_KEYS).for_organisation(organisation) as session:
                changes[change](session, steps.get_step(session, step_id, ana))
            os._exit(0)
        _, status = os.waitpid(child, 0)
        sys.stdout.write("killed\n" if os.WIFSIGNALED(status) else "ended\n" if status == 0 else "failed\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
