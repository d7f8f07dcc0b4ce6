"""The page for review schedules: their next dates and latest runs, and the forms to change them."""

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

HIDDEN_ZONES = ("Etc/", "posix", "right", "SystemV")


def show_schedules() -> Response:
    """Show all schedules with their next five dates, and the form to create one."""
    return _render_page(None)


def create_schedule() -> AnyResponse:
    """Create a schedule; an error is shown above the form."""
    form = request.form
    try:
        with write_session() as session:
            schedules.create_schedule(
                session, form.get("name", ""), _parse_rule(), form.get("time_zone", ""), get_caller().actor
            )
    except DomainError as error:
        return _render_page(error)
    flash(_("Schedule created. Its next runs are listed below."))
    return redirect(url_for("pages.schedules"), 303)


def update_schedule(schedule_id: str) -> AnyResponse:
    """Pause or resume a schedule."""
    active = request.form.get("active") == "yes"
    with write_session() as session:
        schedules.update_schedule(session, schedule_id, get_caller().actor, active=active)
    flash(_("Schedule resumed.") if active else _("Schedule paused."))
    return redirect(url_for("pages.schedules"), 303)


def delete_schedule(schedule_id: str) -> AnyResponse:
    """Delete a schedule."""
    with write_session() as session:
        schedules.delete_schedule(session, schedule_id, get_caller().actor)
    flash(_("Schedule removed."))
    return redirect(url_for("pages.schedules"), 303)


def _parse_rule() -> dict[str, Any]:
    """Return the rule in the form, without fields that this kind of rule does not have."""
    form = request.form
    rule: dict[str, Any] = {"kind": form.get("kind", ""), "time": form.get("time", "")}
    if rule["kind"] == "fixed":
        rule["every"] = form.get("every", "")
        if rule["every"] == "week":
            rule["day"] = form.get("weekday", "")
        elif rule["every"] != "day":
            day = form.get("day", "")
            rule["day"] = int(day) if day.isascii() and day.isdigit() and len(day) < 4 else 0
    return rule


def _render_page(error: DomainError | None) -> Response:
    at = now()
    with read_session() as session:
        rows = [
            (
                schedule,
                schedules.list_next_dates(schedule.rule, schedule.time_zone, at),
                schedules.list_runs(session, schedule, limit=5),
            )
            for schedule in schedules.list_schedules(session)
        ]
    page = render_template(
        "schedules.html",
        schedules=rows,
        zones=[zone for zone in sorted(available_timezones()) if "/" in zone and not zone.startswith(HIDDEN_ZONES)],
        weekdays=schedules.WEEKDAYS,
        error=error,
        values=request.form,
    )
    return make_response(page, error.status if error else 200)
