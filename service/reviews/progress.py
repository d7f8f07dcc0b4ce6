"""Store once a day how the portfolio of each organisation is doing (a job), so that pages can show it over time."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import delete, insert, select

from service.clock import now
from service.db.job_tables import Job
from service.db.progress_tables import PortfolioFigure
from service.db.session import Database
from service.db.tables import Organisation
from service.jobs.kinds import STORE_FIGURES
from service.jobs.table import ClaimedJob, enqueue, job_transaction
from service.queries.progress import compute_figures

ACTOR = "system:progress"


def queue_figures(db: Database, at: datetime) -> list[str]:
    """Queue the job for each organisation that has no figures of the day (UTC) and no such job; return the ids of the jobs."""
    on = at.date()
    with db.unscoped(write=False) as session:
        stored = select(PortfolioFigure.organisation_id).where(PortfolioFigure.on == on)
        waiting = session.scalars(select(Organisation.id).where(Organisation.id.not_in(stored))).all()
    jobs = []
    for organisation_id in waiting:
        with db.for_organisation(organisation_id) as session:
            unfinished = select(Job.id).where(Job.kind == STORE_FIGURES, Job.state.in_(("queued", "running")))
            if session.scalars(unfinished).first() is None:
                jobs.append(enqueue(session, STORE_FIGURES, {}, ACTOR).id)
    return jobs


def store_figures(db: Database, claimed: ClaimedJob) -> None:
    """Run the job. Figures of the day that are stored already are replaced."""
    at = now()
    on = at.date()
    with db.for_organisation(claimed.organisation_id, write=False) as session:
        rows = [
            {"on": on, "figure": figure, "part": part, "for_everyone": for_everyone, "value": value}
            for for_everyone in (True, False)
            for (figure, part), value in compute_figures(session, on, at, for_everyone=for_everyone).items()
        ]
    with job_transaction(db, claimed, result={"figures": len(rows)}) as session:
        session.execute(delete(PortfolioFigure).where(PortfolioFigure.on == on))
        session.execute(insert(PortfolioFigure), rows)
