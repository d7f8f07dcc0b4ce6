"""`diligence health`, by which Docker, Compose and Kubernetes learn whether a process does its work."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import pytest
from callers import freeze_time

from service import heartbeats
from service.cli import main
from service.clock import now
from service.db.session import Database
from service.heartbeats import Pulse


@contextmanager
def serving(statuses: dict[str, int]) -> Iterator[int]:
    """A web server that answers each host name with a status; its port."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            known = self.path == "/health/ready" and statuses.get(self.headers["Host"].partition(":")[0])
            self.send_response(known or 400)
            self.end_headers()

        def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_port
        server.shutdown()


@pytest.mark.parametrize(("status", "exit_status"), [(200, 0), (503, 1)])
def test_a_web_server_is_healthy_as_long_as_it_can_serve_requests(
    status: int, exit_status: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DILIGENCE_HOST", "0.0.0.0")
    with serving({"127.0.0.1": status}) as port:
        monkeypatch.setenv("DILIGENCE_PORT", str(port))
        assert main(["health"]) == exit_status


def test_a_web_server_is_asked_under_a_host_name_that_it_accepts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DILIGENCE_HOSTS", "diligence.example, other.example")
    with serving({"diligence.example": 200}) as port:
        monkeypatch.setenv("DILIGENCE_PORT", str(port))
        assert main(["health"]) == 0


def test_a_web_server_that_does_not_answer_is_not_healthy(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with serving({}) as port:
        pass
    monkeypatch.setenv("DILIGENCE_PORT", str(port))
    assert main(["health"]) == 1
    assert "The web server is not responding" in capsys.readouterr().err


@pytest.mark.parametrize("process", ["worker", "scheduler"])
def test_a_process_is_healthy_for_two_minutes_after_its_own_heartbeat(
    process: str, database: Database, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    address = database.engine.url.render_as_string(hide_password=False)
    monkeypatch.setenv("DILIGENCE_DATABASE_URL", address)
    at, other = now(), "scheduler" if process == "worker" else "worker"
    Pulse(database, other).write()
    assert main(["health", process]) == 1

    monkeypatch.setattr(heartbeats, "get_host_name", lambda: "another-container")
    Pulse(database, process).write()
    monkeypatch.undo()
    monkeypatch.setenv("DILIGENCE_DATABASE_URL", address)
    assert main(["health", process]) == 1
    assert f"The {process} has not written a heartbeat" in capsys.readouterr().err

    Pulse(database, process).write()
    assert main(["health", process]) == 0
    freeze_time(monkeypatch, at + timedelta(minutes=3))
    assert main(["health", process]) == 1


def test_a_process_whose_database_cannot_be_read_is_not_healthy(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DILIGENCE_DATABASE_URL", "sqlite:////nowhere/diligence.db")
    assert main(["health", "worker"]) == 1
    assert "The database cannot be read" in capsys.readouterr().err
