"""When suppliers are reviewed: schedules, their next dates, and those that were missed."""

from __future__ import annotations

from typing import Any
from zoneinfo import available_timezones

from flask import Response, flash, make_response, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response as AnyResponse

from service.auth.caller import get_caller, read_session, write_session
from service.clock import now
from service.errors import DomainError
from service.schedules import service as schedules

NEVER_CHOSEN = ("Etc/", "posix", "right", "SystemV")


def listing() -> Response:
    """Every schedule with its next five dates, and the form for one more."""
    return _page(None)


def create() -> AnyResponse:
    """A new schedule."""
    told = request.form
    try:
        with write_session() as session:
            schedules.create_schedule(
                session, told.get("name", ""), _rule(), told.get("time_zone", ""), get_caller().actor
            )
    except DomainError as refused:
        return _page(refused)
    flash(_("The schedule is made. Its next dates stand below."))
    return redirect(url_for("pages.schedules"), 303)


def change(schedule_id: str) -> AnyResponse:
    """Pauses a schedule, or has it go on."""
    active = request.form.get("active") == "yes"
    with write_session() as session:
        schedules.update_schedule(session, schedule_id, get_caller().actor, active=active)
    flash(_("The schedule goes on.") if active else _("The schedule is paused."))
    return redirect(url_for("pages.schedules"), 303)


def delete(schedule_id: str) -> AnyResponse:
    """Removes a schedule."""
    with write_session() as session:
        schedules.delete_schedule(session, schedule_id, get_caller().actor)
    flash(_("The schedule is removed."))
    return redirect(url_for("pages.schedules"), 303)


def _rule() -> dict[str, Any]:
    """The rule that the form says; fields that such a rule does not have are left out."""
    told = request.form
    rule: dict[str, Any] = {"kind": told.get("kind", ""), "time": told.get("time", "")}
    if rule["kind"] == "fixed":
        rule["every"] = told.get("every", "")
        if rule["every"] == "week":
            rule["day"] = told.get("weekday", "")
        elif rule["every"] != "day":
            day = told.get("day", "")
            rule["day"] = int(day) if day.isascii() and day.isdigit() and len(day) < 4 else 0
    return rule


def _page(refused: DomainError | None) -> Response:
    at = now()
    with read_session() as session:
        shown = [
            (
                schedule,
                schedules.list_next_dates(schedule.rule, schedule.time_zone, at),
                schedules.list_runs(session, schedule, limit=5),
            )
            for schedule in schedules.list_schedules(session)
        ]
    page = render_template(
        "schedules.html",
        schedules=shown,
        zones=[zone for zone in sorted(available_timezones()) if "/" in zone and not zone.startswith(NEVER_CHOSEN)],
        weekdays=schedules.WEEKDAYS,
        refused=refused,
        given=request.form,
    )
    return make_response(page, refused.status if refused else 200)
