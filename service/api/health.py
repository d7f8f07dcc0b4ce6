"""Health checks for monitoring: whether the process is running, and whether it can serve requests. They are open to everyone
and reveal nothing else.
"""

from __future__ import annotations

import orjson
from flask import Blueprint, Response
from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError

from service.auth.caller import get_database
from service.db.tables import Organisation

pages = Blueprint("health", __name__, url_prefix="/health")


@pages.get("/live")
def live() -> Response:
    """Return 200, which shows that the process is running."""
    return _status("live", 200)


@pages.get("/ready")
def ready() -> Response:
    """Return 200 if the database responds and has its tables, otherwise 503."""
    try:
        with get_database().unscoped(write=False) as session:
            session.scalars(select(Organisation.id).limit(1)).all()
    except SQLAlchemyError:
        return _status("unavailable", 503)
    return _status("ready", 200)


def _status(status: str, code: int) -> Response:
    return Response(orjson.dumps({"status": status}), code, content_type="application/json")
