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
    database = get_database()
    page = render_template(
        "status.html", heartbeats=list_heartbeats(database), lanes=measure_lanes(database), stale_before=now() - STALE
    )
    return make_response(page)
