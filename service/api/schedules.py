"""API views to create, read, change and delete schedules. ``service/schedules/service.py`` rejects invalid rules."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy.orm import Session

from service.api.responses import Reply, whole_list
from service.api.schemas.base import Resource
from service.auth.caller import get_caller
from service.clock import now
from service.schedules import service as schedules

Values = Mapping[str, Any]


def list_schedules(session: Session) -> Reply:
    """Return all schedules, the next one first."""
    return whole_list([_schedule(session, schedule.id) for schedule in schedules.list_schedules(session)])


def get_schedule(session: Session, schedule_id: str) -> Reply:
    """Return a schedule with its next five dates and its last runs."""
    return Reply(_schedule(session, schedule_id))


def create(session: Session, body: Values) -> Reply:
    """Create a schedule, and return it."""
    schedule = schedules.create_schedule(
        session,
        body["name"],
        body["rule"],
        body["time_zone"],
        get_caller().actor,
        report=body.get("report"),
        sees_worker_derived=get_caller().sees_worker_derived,
    )
    session.flush()
    return Reply(_schedule(session, schedule.id), 201, {"Location": f"/api/v1/schedules/{schedule.id}"})


def change(session: Session, schedule_id: str, body: Values) -> Reply:
    """Change the given fields of a schedule, and return it."""
    caller = get_caller()
    schedules.update_schedule(
        session, schedule_id, caller.actor, sees_worker_derived=caller.sees_worker_derived, **body
    )
    session.flush()
    return Reply(_schedule(session, schedule_id))


def delete(session: Session, schedule_id: str) -> Reply:
    """Delete a schedule."""
    schedules.delete_schedule(session, schedule_id, get_caller().actor)
    return Reply(None, 204)


def _schedule(session: Session, schedule_id: str) -> Resource:
    schedule = schedules.get_schedule(session, schedule_id)
    dates = schedules.list_next_dates(schedule.rule, schedule.time_zone, now()) if schedule.active else []
    return Resource(schedule, next_dates=dates, firings=schedules.list_runs(session, schedule, 5))
