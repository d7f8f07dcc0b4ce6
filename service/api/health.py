"""Health checks for monitoring: whether the process is running, and whether it can serve requests. They are open to everyone
and reveal nothing else.
"""

from __future__ import annotations

import tempfile
import time
from threading import Lock

import orjson
import structlog
from flask import Blueprint, Response, current_app

from service.auth.caller import get_settings
from service.heartbeats import Pulse
from service.trouble import find_trouble

READY_SECONDS = 5.0  # for which the outcome of a check is used again: it writes, and anybody may ask for it
pages = Blueprint("health", __name__, url_prefix="/health")
log = structlog.get_logger("service.health")


class ReadinessCheck:
    """Checks whether the database and the data folder can be written, at most once every ``READY_SECONDS``."""

    def __init__(self, pulse: Pulse) -> None:
        self.pulse = pulse
        self.lock, self.checked_at, self.ready = Lock(), float("-inf"), False

    def is_ready(self) -> bool:
        """Return whether requests can be served. Callers that come during a check get the outcome of the last one: if they
        waited, many of them would take all threads.
        """
        if time.monotonic() - self.checked_at >= READY_SECONDS and self.lock.acquire(blocking=False):
            try:
                self.ready = self._check()
                self.checked_at = time.monotonic()
            finally:
                self.lock.release()
        return self.ready

    def _check(self) -> bool:
        try:
            self.pulse.write()
            with tempfile.TemporaryFile(dir=get_settings().data) as file:
                file.write(b"ready")
                file.flush()
        except Exception as error:  # a bug makes the service just as unable to serve
            trouble = find_trouble(error)
            log.error("not_ready", code=trouble.code if trouble else "fault", exc_info=error)
            return False
        return True


@pages.get("/live")
def live() -> Response:
    """Return 200, which shows that the process is running."""
    return _status("live", 200)


@pages.get("/ready")
def ready() -> Response:
    """Return 200 if the database and the data folder can be read and written, otherwise 503."""
    check: ReadinessCheck = current_app.extensions["readiness"]
    return _status("ready", 200) if check.is_ready() else _status("unavailable", 503)


def _status(status: str, code: int) -> Response:
    return Response(orjson.dumps({"status": status}), code, content_type="application/json")
