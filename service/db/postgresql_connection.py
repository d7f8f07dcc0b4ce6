"""Connections to PostgreSQL that notice when the server has stopped answering.

A server whose process or machine is suspended keeps its connections open and sends nothing. ``statement_timeout`` does not end
such a wait, since the server itself keeps it, nor does ``tcp_user_timeout``: the other kernel still confirms what it receives.
A connection that has waited for a while therefore asks over a second one whether the server is still at work for it.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any, NoReturn, TypeVar

import psycopg
from psycopg.abc import PQGen

T = TypeVar("T")
CONNECT_SECONDS = 2  # how long the second connection waits for the server; psycopg allows no less
# How long a server that did not answer is not asked again. Otherwise every request would wait for it anew.
PAUSE_SECONDS = 5.0
SILENT = "the server has stopped answering"
IS_IDLE = "SELECT state LIKE 'idle%%' FROM pg_stat_activity WHERE pid = %s"


@dataclass
class Server:
    """The server of an engine: after how many seconds of silence a connection asks, how many seconds a statement may take (0: any
    time), and until when the server counts as silent.
    """

    patience: float
    max_statement: float
    silent_until: float = 0.0

    def connect(self, *arguments: Any, **options: Any) -> WatchfulConnection:
        """Return a new connection. Raises psycopg.OperationalError."""
        if self.is_silent():
            raise psycopg.OperationalError(SILENT)
        try:
            connection = WatchfulConnection.connect(*arguments, **options)
        except psycopg.errors.ConnectionTimeout:
            self.note_silence()
            raise
        connection.server = self
        return connection

    def is_silent(self) -> bool:
        """Return whether the server did not answer a moment ago."""
        return time.monotonic() < self.silent_until

    def note_silence(self) -> None:
        """Count the server as silent for a while."""
        self.silent_until = time.monotonic() + PAUSE_SECONDS


class WatchfulConnection(psycopg.Connection[Any]):
    """A connection that fails where the server has stopped answering. A statement that takes long is waited for."""

    server: Server | None = None

    def wait(self, gen: PQGen[T], *arguments: Any, **options: Any) -> T:
        """Return what a command returns. Raises psycopg.OperationalError, and closes the connection, if the server is silent."""
        return super().wait(gen if self.server is None else self._watch(gen, self.server), *arguments, **options)

    def _watch(self, gen: PQGen[T], server: Server) -> PQGen[T]:
        """Run a generator of psycopg, which is told what its connection is ready for, or after a tenth of a second: nothing."""
        started = heard = time.monotonic()
        is_idle = False
        try:
            awaited = next(gen)
            while True:
                is_ready = yield awaited
                moment = time.monotonic()
                if is_ready:
                    heard, is_idle = moment, False
                elif is_idle:  # and nothing has arrived since
                    self._give_up("the server has not started a statement")
                elif moment - heard > server.patience:
                    is_idle = self._ask_server(server, moment - started)
                    heard = time.monotonic()
                awaited = gen.send(is_ready)
        except StopIteration as end:
            return end.value  # type: ignore[no-any-return]

    def _ask_server(self, server: Server, waited: float) -> bool:
        """Return whether the server's process for this connection is idle: it has answered, or not read what was sent to it.

        Gives up if the server is silent, or should have ended the statement itself.
        """
        if server.is_silent():
            self._give_up(SILENT)
        if 0 < server.max_statement < waited - server.patience:
            self._give_up("the server has not finished a statement in time")
        options: dict[str, Any] = {"connect_timeout": CONNECT_SECONDS, "password": self.info.password or None}
        options |= {"hostaddr": self.info.hostaddr} if self.info.hostaddr else {}
        asked = time.monotonic()
        try:
            with _Question.connect(self.info.dsn, **options) as connection:
                row = connection.execute(IS_IDLE, (self.info.backend_pid,)).fetchone()
        except psycopg.OperationalError:
            if time.monotonic() - asked < CONNECT_SECONDS:
                return False  # it answered, if only to refuse another connection
            server.note_silence()
            self._give_up(SILENT)
        return bool(row and row[0])

    def _give_up(self, reason: str) -> NoReturn:
        self.close()
        raise psycopg.OperationalError(reason)


class _Question(psycopg.Connection[Any]):
    """A connection that waits for each answer no longer than for the connection."""

    def wait(self, gen: PQGen[T], *_: Any, **__: Any) -> T:
        return super().wait(gen, timeout=CONNECT_SECONDS)
