"""Tables of background work: jobs, schedules, and the runs of schedules."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, CheckConstraint, ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from service.db.tables import Base, Owned, new_id


class Schedule(Owned, Base):
    """When suppliers are reassessed: rolling (by level, from the last review) or on fixed days, in its own time zone.

    ``report``: what is sent on those days instead (service/schedules/reports.py), None if suppliers are reassessed.
    """

    __tablename__ = "schedule"
    id: Mapped[str] = mapped_column(String(36), primary_key=True, default=new_id)
    name: Mapped[str] = mapped_column(String(200))
    rule: Mapped[dict[str, Any]]
    report: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    time_zone: Mapped[str] = mapped_column(String(60))
    next_due: Mapped[datetime] = mapped_column(index=True)
    active: Mapped[bool] = mapped_column(default=True)
    created_by: Mapped[str] = mapped_column(String(80))
    created_at: Mapped[datetime]


class ScheduleRun(Owned, Base):
    """A run of a schedule for a scheduled time (``slot``): unique, and written in one transaction with its job. ``missed``
    counts the later scheduled times that it made up for, and ``last_slot`` is the last of them (None: there are none); they do
    not come again, even if the clock is set back before them. ``job_id``: None if the run needs no job.
    """

    __tablename__ = "firing"
    __table_args__ = (UniqueConstraint("schedule_id", "slot", name="one_firing_a_slot"),)
    id: Mapped[str] = mapped_column(String(36), primary_key=True, default=new_id)
    schedule_id: Mapped[str] = mapped_column(String(36), ForeignKey("schedule.id", ondelete="CASCADE"))
    slot: Mapped[datetime]
    last_slot: Mapped[datetime | None]
    fired_at: Mapped[datetime]
    missed: Mapped[int] = mapped_column(default=0)
    job_id: Mapped[str | None] = mapped_column(String(36))


class Job(Owned, Base):
    """A background job, run at least once; its effects are written once, guarded by ``fence``, which rises with every claim.

    ``attempt`` counts since the last checkpoint. ``turn`` numbers the claims of all jobs: whose lane and organisation had the
    last turn waits.
    """

    __tablename__ = "job"
    __table_args__ = (
        CheckConstraint("state in ('queued','running','done','failed','cancelled')", name="valid_job_state"),
        Index("job_queue", "state", "not_before"),
        Index("job_turn", "turn"),
        Index("job_turn_of_lane", "lane", "turn"),
        Index("job_turn_of_organisation", "lane", "organisation_id", "turn"),
    )
    id: Mapped[str] = mapped_column(String(36), primary_key=True, default=new_id)
    kind: Mapped[str] = mapped_column(String(30))
    lane: Mapped[str] = mapped_column(String(20), server_default="short")
    turn: Mapped[int] = mapped_column(default=0, server_default="0")
    payload: Mapped[dict[str, Any]]
    state: Mapped[str] = mapped_column(String(12), default="queued")
    owner: Mapped[str | None] = mapped_column(String(80))
    fence: Mapped[int] = mapped_column(default=0)
    attempt: Mapped[int] = mapped_column(default=0)
    lease_until: Mapped[datetime | None]
    not_before: Mapped[datetime]
    checkpoint: Mapped[dict[str, Any]] = mapped_column(default=dict)
    progress: Mapped[float] = mapped_column(default=0.0)
    message: Mapped[str] = mapped_column(String(200), default="")
    cancel: Mapped[bool] = mapped_column(default=False)
    result: Mapped[dict[str, Any] | None] = mapped_column(JSON)
    created_by: Mapped[str] = mapped_column(String(80))
    created_at: Mapped[datetime]
    finished_at: Mapped[datetime | None]
