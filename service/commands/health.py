"""``diligence health``: whether the process in a container does its work, for Docker, Compose and Kubernetes.

It loads as little as it can, because it runs every half minute. Exit status: 0 if the process does its work, 1 if not, with one
sentence that says what was seen.
"""

from __future__ import annotations

import argparse
import os
import sys
from http.client import HTTPConnection, HTTPException
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from service.settings import Settings

HEALTHY, NOT_HEALTHY = 0, 1
ANSWER_SECONDS = 5.0
EVERY_ADDRESS = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # where a server can be reached that listens on all


def add_commands(commands: Any) -> None:
    """Add this command to a parser's commands."""
    about = "check the web server, worker or scheduler of this machine or container"
    parser: argparse.ArgumentParser = commands.add_parser("health", help=about, description=about)
    parser.add_argument(
        "process",
        nargs="?",
        choices=("web", "worker", "scheduler"),
        default="web",
        help="web (default): check that it can serve requests; worker or scheduler: check that it has written a heartbeat "
        "in the last two minutes",
    )
    parser.set_defaults(run=_check_health)


def _check_health(arguments: argparse.Namespace) -> int:
    from sqlalchemy.exc import SQLAlchemyError

    from service.settings import SettingError, from_environment

    try:
        settings = from_environment(os.environ)
        fault = (
            _ask_web_server(settings) if arguments.process == "web" else _find_heartbeat(settings, arguments.process)
        )
    except SettingError as error:
        fault = str(error)
    except SQLAlchemyError as error:
        fault = f"The database cannot be read ({type(error).__name__})."
    if fault is None:
        return HEALTHY
    print(f"diligence: {fault}", file=sys.stderr)
    return NOT_HEALTHY


def _ask_web_server(settings: Settings) -> str | None:
    """Return why the web server cannot serve requests, None if it can."""
    connection = HTTPConnection(EVERY_ADDRESS.get(settings.host, settings.host), settings.port, timeout=ANSWER_SECONDS)
    try:
        connection.request("GET", "/health/ready", headers={"Host": settings.hosts[0]} if settings.hosts else {})
        status = connection.getresponse().status
    except (OSError, HTTPException) as error:
        return f"The web server is not responding ({type(error).__name__})."
    finally:
        connection.close()
    return None if status == 200 else f"The web server cannot serve requests (status {status})."


def _find_heartbeat(settings: Settings, process: str) -> str | None:
    """Return that a process has written no heartbeat lately, None if it has."""
    from service.db.session import open_database
    from service.heartbeats import is_beating

    with open_database(settings.system_database, settings.database) as db:
        return (
            None if is_beating(db, process) else f"The {process} has not written a heartbeat in the last two minutes."
        )
