"""The feed that a calendar program reads: the days on which steps are due, without what they are about or whom they concern.

Calendars are copied to telephones and to other companies' servers, so an entry contains only its day and the address of the step,
which takes a sign-in. Steps that are known only from workers are left out.
"""

from __future__ import annotations

from datetime import timedelta

from flask import Blueprint, Flask, Response, url_for
from flask_babel import gettext as _
from icalendar import Calendar, Event

from service.auth.caller import get_calendar, get_database
from service.clock import today
from service.db.remediation_tables import Step
from service.queries.remediation import list_days

pages = Blueprint("calendar", __name__)
REFRESH_EVERY = timedelta(hours=6)


def register(app: Flask) -> None:
    """Register the feed on the application."""
    app.register_blueprint(pages)


@pages.get("/calendar/<token>/steps.ics")
def show(token: str) -> Response:
    """Return the calendar of a link (RFC 5545)."""
    link = get_calendar()
    with get_database().for_organisation(link.organisation_id, write=False) as session:
        steps = list_days(session, today(), owner_id=link.user_id if link.scope == "mine" else None)
        calendar = Calendar()
        calendar.add("PRODID", "-//Diligence//Remediation//EN")
        calendar.add("VERSION", "2.0")
        calendar.add("REFRESH-INTERVAL", REFRESH_EVERY, parameters={"VALUE": "DURATION"})
        for step in steps:
            calendar.add_component(_build_entry(step))
    headers = {"Referrer-Policy": "no-referrer", "X-Robots-Tag": "noindex, nofollow"}
    return Response(calendar.to_ical(), content_type="text/calendar; charset=utf-8", headers=headers)


def _build_entry(step: Step) -> Event:
    entry = Event()
    entry.add("UID", step.id)
    entry.add("SUMMARY", _("Remediation step due"))
    entry.add("URL", url_for("pages.step", step_id=step.id, _external=True))
    entry.add("DTSTART", step.due)
    entry.add("DTSTAMP", step.updated_at)
    entry.add("LAST-MODIFIED", step.updated_at)
    entry.add("SEQUENCE", step.version)
    entry.add("TRANSP", "TRANSPARENT")
    return entry
