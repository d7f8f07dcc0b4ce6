"""The process in which a web process has onboarding decisions made, so that they use another core.

Making a decision takes longer than all else that its request needs, and the threads of one Python process share one core. The
first decision starts the process. Until it has loaded models and facts, and whenever it fails, the web process decides itself.
"""

from __future__ import annotations

import os
import signal
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context, parent_process
from multiprocessing.connection import wait
from threading import Lock, Thread
from typing import Any

import structlog

from questionnaires.form import load_combined_form
from questionnaires.tables import TABLE_KINDS
from risk_models.facts.facts import load_facts
from risk_models.model import load_models
from service.report_content.decided import Onboarding, decide_onboarding

PATIENCE = 5.0  # seconds that a request waits for the process
# Decisions made at once in one process would compete for the interpreter at every call of numpy: each would take half as long
# again, and all of them would end later.
TURN = Lock()

log = structlog.get_logger("service")


def decide_here(supplier: Onboarding) -> dict[str, Any]:
    """Return the result of a supplier with the decision, made in this process."""
    with TURN:
        return decide_onboarding(supplier)


class DecisionProcess:
    """A process that makes decisions; if it dies, the next decision starts another one."""

    def __init__(self) -> None:
        self._changing = Lock()
        self._pool: ProcessPoolExecutor | None = None
        self._loaded: Future[None] | None = None

    def decide(self, supplier: Onboarding) -> dict[str, Any]:
        """Return the result of a supplier with the decision."""
        with self._changing:
            if self._pool is None:
                self._pool = ProcessPoolExecutor(1, get_context("spawn"))
                self._loaded = self._pool.submit(load_data)
            pool = self._pool
        if self._loaded is not None and not self._loaded.done():
            return decide_here(supplier)
        try:
            future = pool.submit(decide_onboarding, supplier)
            try:
                return future.result(PATIENCE)
            finally:
                future.cancel()  # nobody waits for it any longer
        except BrokenProcessPool:
            log.warning("decision_process_died")
            self._forget(pool)
        except TimeoutError:
            log.warning("decision_process_slow")
        except Exception:  # noqa: BLE001
            log.warning("decision_process_fault")  # what fails there fails here too, and is reported from here
        return decide_here(supplier)

    def close(self) -> None:
        """End the process."""
        if self._pool is not None:
            self._forget(self._pool)

    def _forget(self, pool: ProcessPoolExecutor) -> None:
        with self._changing:
            if self._pool is pool:
                self._pool = self._loaded = None
        pool.shutdown(wait=False, cancel_futures=True)


def load_data() -> None:
    """Prepare this process for decisions: load models, facts and forms, ignore interrupts, and end when its parent does."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # an interrupt is for the web process
    Thread(target=_end_with_parent, daemon=True).start()
    load_models()
    load_facts()
    for kind in TABLE_KINDS:
        load_combined_form(kind)


def _end_with_parent() -> None:
    """Wait for the end of the parent process, and end: a pool leaves its processes behind if it is killed."""
    parent = parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(0)
