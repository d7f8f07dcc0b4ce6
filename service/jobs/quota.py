"""The quota: how many jobs of an organisation may wait or run before it can request more.

It counts what people and their systems request: imports and reports. What follows from these, such as screening what was saved,
is never refused.
"""

from __future__ import annotations

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from service.db.job_tables import Job
from service.db.tables import Organisation
from service.errors import DomainError
from service.jobs.kinds import ASSESS_IMPORT, READ_IMPORT, RENDER_REPORT

COUNTED = (READ_IMPORT, ASSESS_IMPORT, RENDER_REPORT)
RETRY_SECONDS = 30


def check_quota(session: Session, max_waiting: int | None, *, lock: bool = True) -> None:
    """Raise DomainError ``jobs.too_many``, 429, if the organisation has ``max_waiting`` unfinished jobs (None: no limit).

    The caller's transaction queues the next one: until it ends, others that ask for the same organisation wait. Without ``lock``,
    requests that arrive at the same moment may all pass.
    """
    if max_waiting is None:
        return
    if lock:
        organisation = select(Organisation.id).where(Organisation.id == session.info["organisation_id"])
        session.execute(organisation.with_for_update(key_share=True))  # rows that refer to it can still be added
    unfinished = select(func.count(Job.id)).where(Job.kind.in_(COUNTED), Job.state.in_(("queued", "running")))
    waiting = session.scalars(unfinished).one()
    if waiting < max_waiting:
        return
    raise DomainError(
        "jobs.too_many",
        429,
        f"{waiting:,} of your organisation's uploads and reports are waiting or running; the limit is {max_waiting:,}. "
        "Wait until some of them are done, then try again.",
        headers={
            "Retry-After": str(RETRY_SECONDS),
            "RateLimit-Limit": str(max_waiting),
            "RateLimit-Remaining": "0",
            "RateLimit-Reset": str(RETRY_SECONDS),
        },
        title="Too many jobs are waiting",
        waiting=waiting,
        limit=max_waiting,
    )
