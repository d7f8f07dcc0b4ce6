"""The page that shows an admin whether the installation is at work: its loops, and the jobs that wait."""

from __future__ import annotations

from flask import Blueprint, Response, make_response, render_template

from service.auth.caller import get_database
from service.clock import now
from service.heartbeats import STALE, list_heartbeats
from service.jobs.lanes import measure_lanes

status_pages = Blueprint("status", __name__, url_prefix="/status")


@status_pages.get("", endpoint="show")
def show_status() -> Response:
    """Show the last heartbeat and failure of each loop, and the age of the oldest job of each lane."""
    database, stale_before = get_database(), now() - STALE
    heartbeats = sorted(
        list_heartbeats(database), key=lambda row: row.at < stale_before
    )  # those that stopped come last
    page = render_template(
        "status.html", heartbeats=heartbeats, lanes=measure_lanes(database), stale_before=stale_before
    )
    return make_response(page)
