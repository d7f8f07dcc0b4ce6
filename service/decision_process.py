"""The process in which a web process has onboarding decisions made, so that they use another core.

Making a decision takes longer than all else that its request needs, and the threads of one Python process share one core. Each
request takes a connection to the process for itself and waits; the process serves the connections in turn. It holds no secrets
and opens neither files nor a database: all that a decision depends on is sent to it, and it returns JSON. If it fails, the web
process decides itself.
"""

from __future__ import annotations

import gc
import os
import signal
import subprocess
import sys
from multiprocessing import Pipe
from multiprocessing.connection import Connection, wait
from pathlib import Path
from queue import SimpleQueue
from threading import Lock
from typing import Any

import orjson
import structlog

from questionnaires.form import load_combined_form
from questionnaires.tables import KINDS
from risk_models.facts.facts import load_facts
from risk_models.model import load_models
from service.report_content.decided import Onboarding, decide_onboarding

CODE = "import sys; sys.path[:] = sys.argv[2:]; from service.decision_process import serve; serve(sys.argv[1])"
PATIENCE = 5.0  # seconds for an answer, before the process is given up
READY = b"ready"
# Decisions made at once in one process would compete for the interpreter at every call of numpy: each would take half as long
# again, and all of them would end later.
TURN = Lock()

log = structlog.get_logger("service")


def decide_here(supplier: Onboarding) -> dict[str, Any]:
    """Return the result of a supplier with the decision, made in this process."""
    with TURN:
        return decide_onboarding(supplier)


class DecisionProcess:
    """A process that makes decisions, and ``connections`` to it: how many requests may wait for it at once.

    The first decision starts it. Until it has loaded models and facts, and if it fails, decisions are made in this process.
    """

    def __init__(self, connections: int) -> None:
        self.connections, self.is_running, self.has_failed = connections, False, False
        self._starting = Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._started: list[Connection] = []
        self._idle: SimpleQueue[Connection] = SimpleQueue()

    def decide(self, supplier: Onboarding) -> dict[str, Any]:
        """Return the result of a supplier with the decision."""
        found = self._ask(supplier) if self.is_running or self._is_ready() else None
        return decide_here(supplier) if found is None else found

    def _is_ready(self) -> bool:
        if self.has_failed or not self._starting.acquire(blocking=False):
            return False
        try:
            if self._process is None:
                self._start()
            elif not self.is_running and self._started[0].poll():
                for connection in self._started:
                    connection.recv_bytes()  # that it is ready; EOFError if it has ended
                    self._idle.put(connection)
                self.is_running = True
        except (OSError, EOFError) as error:
            self._give_up(error)
        finally:
            self._starting.release()
        return self.is_running

    def _start(self) -> None:
        pairs = [Pipe() for _ in range(self.connections)]
        self._started = [ours for ours, _ in pairs]
        numbers = [theirs.fileno() for _, theirs in pairs]
        environment = {key: value for key, value in os.environ.items() if key == "LD_LIBRARY_PATH"}
        path = [str(Path(__file__).parents[1]), *filter(None, sys.path)]
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-c", CODE, ",".join(map(str, numbers)), *path],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            pass_fds=numbers,
            env={**environment, "OPENBLAS_NUM_THREADS": "1"},
            cwd="/",
        )
        for _, theirs in pairs:
            theirs.close()

    def close(self) -> None:
        """End the process; from now on decisions are made in this one."""
        self.is_running, self.has_failed = False, True
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def _ask(self, supplier: Onboarding) -> dict[str, Any] | None:
        connection = self._idle.get()
        try:
            connection.send(supplier)
            if not connection.poll(PATIENCE):
                raise TimeoutError("the process did not answer in time")
            answer: dict[str, Any] | None = orjson.loads(connection.recv_bytes())
        except (OSError, EOFError) as error:
            self._give_up(error)
            connection.close()  # an answer that comes late must not reach the next request
            return None
        finally:
            self._idle.put(connection)
        return answer

    def _give_up(self, error: Exception) -> None:
        log.warning("decision_process_failed", reason=type(error).__name__)
        self.close()


def serve(numbers: str) -> None:
    """Make decisions for whoever is at the other end of the connections with these file numbers, until all are closed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # an interrupt is for the web process, whose end ends this process
    connections: list[Any] = [Connection(int(number)) for number in numbers.split(",")]
    load_models()
    load_facts()
    for kind in KINDS:
        load_combined_form(kind)
    gc.collect()
    gc.freeze()
    for connection in connections:
        connection.send_bytes(READY)
    while connections:
        waiting: list[Any] = wait(connections)
        for connection in waiting:
            try:
                connection.send_bytes(orjson.dumps(_answer(connection.recv())))
            except (EOFError, OSError):
                connections.remove(connection)


def _answer(supplier: Onboarding) -> dict[str, Any] | None:
    """Return the result with the decision; None for a fault, which then occurs and is reported in the web process."""
    try:
        return decide_onboarding(supplier)
    except Exception:  # noqa: BLE001
        return None
