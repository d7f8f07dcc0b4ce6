"""The page for schedules of reviews and reports: their next dates and latest runs, and the forms to change them."""

from __future__ import annotations

from typing import Any
from zoneinfo import available_timezones

from flask import Response, flash, make_response, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response as AnyResponse

from reports.formats import ALL_FORMATS
from service.auth import users
from service.auth.caller import get_caller, read_session, write_session
from service.clock import now
from service.errors import DomainError
from service.schedules import service as schedules
from service.schedules.reports import list_formats

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
                session,
                form.get("name", ""),
                _parse_rule(),
                form.get("time_zone", ""),
                get_caller().actor,
                report=_parse_report() if form.get("report") else None,
                sees_worker_derived=get_caller().sees_worker_derived,
            )
    except DomainError as error:
        return _render_page(error)
    flash(_("Schedule created. Its next runs are listed below."))
    return redirect(url_for("pages.schedules"), 303)


def update_schedule(schedule_id: str) -> AnyResponse:
    """Pause or resume a schedule, or change who gets its report; an error is shown at the top of the page."""
    if "recipients_of" in request.form:
        return _change_recipients(schedule_id)
    active = request.form.get("active") == "yes"
    with write_session() as session:
        schedules.update_schedule(session, schedule_id, get_caller().actor, active=active)
    flash(_("Schedule resumed.") if active else _("Schedule paused."))
    return redirect(url_for("pages.schedules"), 303)


def _change_recipients(schedule_id: str) -> AnyResponse:
    caller = get_caller()
    try:
        with write_session() as session:
            report = schedules.get_schedule(session, schedule_id).report or {}
            changed = {**report, "recipients": request.form.getlist("recipients")}
            schedules.update_schedule(
                session, schedule_id, caller.actor, report=changed, sees_worker_derived=caller.sees_worker_derived
            )
    except DomainError as error:
        return _render_page(error)
    flash(_("Recipients changed."))
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


def _parse_report() -> dict[str, Any]:
    """Return the report in the form."""
    document, _dot, format_ = request.form.get("report", "").partition(".")
    return {
        "document": document,
        "format": format_,
        "worker_derived": request.form.get("worker_derived") == "yes",
        "recipients": request.form.getlist("recipients"),
    }


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
        people = [user for user in users.list_users(session) if user.active]
    page = render_template(
        "schedules.html",
        schedules=rows,
        zones=[zone for zone in sorted(available_timezones()) if "/" in zone and not zone.startswith(HIDDEN_ZONES)],
        weekdays=schedules.WEEKDAYS,
        sees_worker_derived=get_caller().sees_worker_derived,
        people=people,
        formats={
            (document, format_): ALL_FORMATS[format_].title
            for document, formats in list_formats().items()
            for format_ in formats
        },
        error=error,
        values=request.form,
    )
    return make_response(page, error.status if error else 200)
