"""The HTTP server: waitress, with limits that hold before a request reaches the application.

A stranger can open connections, send slowly, send much, or not read the answer. None of this may keep others from being
answered: bodies are limited by route while they arrive, whoever is too slow is disconnected, and when there are too many
connections, the one that has been silent longest makes room for the next.
"""

from __future__ import annotations

import copy
import signal
import socket
import time
from collections.abc import Callable
from functools import partial
from threading import Lock
from typing import Any

import structlog
from flask import Flask
from waitress import wasyncore
from waitress.adjustments import Adjustments
from waitress.channel import HTTPChannel
from waitress.parser import HTTPRequestParser
from waitress.server import TcpWSGIServer
from waitress.task import ThreadedTaskDispatcher
from waitress.utilities import Error, RequestEntityTooLarge

from service.settings import Settings
from service.wiring.body_limits import find_limit

THREADS = 8  # requests that a web process handles at the same time
MOST_CONNECTIONS = 500
MOST_HEADER_BYTES = 65_536
MEMORY_BYTES = 262_144  # of a body that are kept in memory; the rest goes to a temporary file
IDLE_SECONDS = 60  # without a byte in either direction
HEADER_SECONDS = 20  # in which the head of a request must have arrived
SLOWEST = 1_000  # bytes per second of a body, once HEADER_SECONDS have passed
LINGER_SECONDS = (
    10  # for which a body that was refused is still read and thrown away, so that the sender gets the answer
)
CLEANUP_SECONDS = 5
TURN_SECONDS = 0.2  # for which the server waits for something to happen before it looks whether it is to stop

log = structlog.get_logger("service")


class BodiesHeld:
    """The bytes of all bodies that have arrived and not been handled yet. ``most`` bounds them, on disk and in memory."""

    def __init__(self, most: int) -> None:
        self.most, self.bytes, self.lock = most, 0, Lock()

    def add(self, count: int) -> bool:
        """Add to the bytes that are held; return whether there is room for them."""
        with self.lock:
            self.bytes += count
            return self.bytes <= self.most


class _NoRoom(Error):  # type: ignore[misc]
    """The answer to a body for which there is no room at the moment."""

    code, reason = 503, "Service Unavailable"

    def to_response(self, ident: str | None = None) -> tuple[str, list[tuple[str, str]], bytes]:
        """Return the answer as the server sends it."""
        body = (
            b'{"type":"urn:diligence:problem:uploads.busy","title":"Too many uploads at once","status":503,'
            b'"detail":"The service is currently receiving too many files. Try again shortly.","code":"uploads.busy"}'
        )
        headers = [("Content-Type", "application/problem+json"), ("Retry-After", "10"), ("Cache-Control", "no-store")]
        return "503 Service Unavailable", headers, body


class RequestParser(HTTPRequestParser):  # type: ignore[misc]
    """Receives one request.

    Of a body that is too long for its route nothing is kept: the request goes to the application at once, without its body,
    and the application refuses it by its Content-Length.
    """

    adj: Adjustments
    error: Error | None

    def __init__(self, find_limit: Callable[[str, str], int], held: BodiesHeld, adj: Adjustments) -> None:
        super().__init__(adj)
        self.find_limit, self.held, self.counted = find_limit, held, 0
        self.began, self.refused = time.monotonic(), False

    def parse_header(self, header_plus: bytes) -> None:
        """Parse the head of the request, and look up the limit of its route."""
        super().parse_header(header_plus)
        if self.chunked or self.content_length:
            self.adj = copy.copy(self.adj)
            self.adj.max_request_body_size = self.find_limit(self.command, self.path) + 1

    def received(self, data: bytes) -> int:
        """Take in some bytes; return how many belong to this request."""
        consumed: int = super().received(data)
        arrived = self.body_bytes_received - self.counted
        self.counted = self.body_bytes_received
        if isinstance(self.error, RequestEntityTooLarge):
            self._leave_to_application()
        elif not self.held.add(arrived) and self.error is None:
            self.error, self.completed, self.refused = _NoRoom(""), True, True
            self.close()  # at once, so that those who were here before go on
        return consumed

    def _leave_to_application(self) -> None:
        self.error, self.refused = None, True
        self.close()
        self.headers["CONTENT_LENGTH"] = str(max(self.content_length, self.body_bytes_received))
        self.headers["CONNECTION"] = "close"
        self.expect_continue = False

    def close(self) -> None:
        """Close the request and discard its body."""
        super().close()
        self.body_rcv = None
        self.held.add(-self.counted)
        self.counted = 0

    def is_overdue(self, now: float) -> bool:
        """Return whether the rest of the request should have arrived by now."""
        seconds = now - self.began - HEADER_SECONDS
        if not self.headers_finished:
            return seconds > 0
        return bool(self.body_bytes_received < seconds * SLOWEST)


class Channel(HTTPChannel):  # type: ignore[misc]
    """A connection. After a body was refused, it is read on for a while: closed at once, it would be reset, and its sender would
    not see the answer.
    """

    request: RequestParser | None

    def __init__(self, parser_class: Callable[[Adjustments], RequestParser], *arguments: Any, **options: Any) -> None:
        self.parser_class = parser_class
        self.opened, self.lingers_until, self.refused = time.monotonic(), 0.0, False
        self.unsent, self.unsent_since = 0, 0.0
        super().__init__(*arguments, **options)

    def received(self, data: bytes) -> bool:
        """Take in some bytes."""
        taken: bool = super().received(data)
        self.refused = self.refused or any(request.refused for request in self.requests)
        return taken

    def is_idle(self) -> bool:
        """Return whether nothing is being received, handled or sent."""
        return not (self.requests or self.total_outbufs_len or (self.request and self.request.headers_finished))

    def is_overdue(self, now: float) -> bool:
        """Return whether the other side is too slow, in sending or in reading."""
        if self.lingers_until:
            return now > self.lingers_until
        if self.total_outbufs_len:
            if self.total_outbufs_len != self.unsent:
                self.unsent, self.unsent_since = self.total_outbufs_len, now
            return now - self.unsent_since > IDLE_SECONDS
        return self.request is not None and not self.requests and self.request.is_overdue(now)

    def readable(self) -> bool:
        """Return whether bytes from the other side are wanted."""
        return bool(self.lingers_until or super().readable())

    def writable(self) -> bool:
        """Return whether there are bytes for the other side."""
        return bool(not self.lingers_until and super().writable())

    def handle_read(self) -> None:
        """Receive bytes, or throw them away."""
        if not self.lingers_until:
            super().handle_read()
            return
        try:
            self.recv(self.adj.recv_bytes)  # closes the connection at its end
        except OSError:
            self.handle_close()

    def handle_close(self) -> None:
        """Close the connection, or only the way out if the other side is still sending a body that was refused."""
        if self.refused and self.connected and not self.lingers_until:
            self.lingers_until = time.monotonic() + LINGER_SECONDS
            self.will_close = self.close_when_flushed = False
            try:
                self.socket.shutdown(socket.SHUT_WR)
                return
            except OSError:
                pass
        if self.request is not None:
            self.request.close()
            self.request = None
        super().handle_close()


class Listener(TcpWSGIServer):  # type: ignore[misc]
    """Accepts connections at one address."""

    channel_class: Callable[..., Channel]


class Server:
    """The listeners of a web process, and the threads that handle requests."""

    def __init__(self, app: Flask, settings: Settings) -> None:
        adjustments = Adjustments(
            host=settings.host,
            port=settings.port,
            threads=THREADS,
            ident="",
            # Headers of proxies are read by the application, if proxies are configured.
            clear_untrusted_proxy_headers=not settings.proxies,
            max_request_header_size=MOST_HEADER_BYTES,
            inbuf_overflow=MEMORY_BYTES,
            connection_limit=2 * MOST_CONNECTIONS,
            channel_timeout=IDLE_SECONDS,
            cleanup_interval=CLEANUP_SECONDS,
            channel_request_lookahead=1,  # notices a client that leaves: its request is not handled if it has not begun
            asyncore_use_poll=True,
            log_socket_errors=False,
        )
        self.map: dict[int, Any] = {}
        self.stopping = False
        self.next_cleanup = 0.0
        self.turn_began = 0.0
        self.dispatcher = ThreadedTaskDispatcher()
        self.dispatcher.set_thread_count(THREADS)
        self.held = BodiesHeld(4 * settings.upload_bytes)
        parser = partial(RequestParser, partial(find_limit, app), self.held)
        self.listeners: list[Listener] = []
        try:
            for address in adjustments.listen:
                listener = Listener(app, self.map, dispatcher=self.dispatcher, adj=adjustments, sockinfo=address)
                listener.channel_class = partial(Channel, parser)
                self.listeners.append(listener)
        except OSError:  # the address is in use or not of this machine
            self.dispatcher.shutdown(timeout=1)
            wasyncore.close_all(self.map)
            raise
        self.port = int(self.listeners[0].effective_port)

    def run(self, grace_seconds: float) -> None:
        """Serve until ``stop``. Then accept no more connections, finish the requests that have arrived, and return after at most
        ``grace_seconds``.
        """
        while not self.stopping:
            self._take_turn()
        for listener in self.listeners:
            wasyncore.dispatcher.close(listener)
        deadline = time.monotonic() + grace_seconds
        while time.monotonic() < deadline and self._drain():
            self._take_turn()
        self.dispatcher.shutdown(timeout=1)
        wasyncore.close_all(self.map)

    def stop(self) -> None:
        """Make ``run`` return. May be called by a signal handler or another thread.

        It only sets a flag, which ``run`` reads between turns: whatever would wake it up may be closed by then.
        """
        self.stopping = True

    def stop_on_signals(self) -> None:
        """Stop on SIGINT and SIGTERM. A process that a shell starts in the background ignores SIGINT until then."""
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: self.stop())

    def list_channels(self) -> list[Channel]:
        """Return the open connections of all listeners."""
        return [each for each in self.map.values() if isinstance(each, Channel)]

    def _take_turn(self) -> None:
        """Wait for something to happen, and handle it.

        Connections are closed before the wait, never in it: the number of a closed socket goes to the next client that connects,
        which would then be closed for what happened to the one before it.
        """
        self._make_room()
        self.turn_began = now = time.monotonic()
        if now >= self.next_cleanup:
            self.next_cleanup = now + CLEANUP_SECONDS
            self._disconnect_overdue(now)
        wasyncore.loop(timeout=TURN_SECONDS, use_poll=True, map=self.map, count=1)

    def _make_room(self) -> None:
        """Disconnect those that have been silent longest if there are too many connections.

        Whoever connected in the last turn is spared: what they sent has not been read yet, so they would seem the most silent
        after a turn in which all others sent something.
        """
        channels = self.list_channels()
        too_many = len(channels) - MOST_CONNECTIONS + 1
        if too_many > 0:
            waiting = [each for each in channels if not each.requests and each.opened < self.turn_began]
            for channel in sorted(waiting, key=lambda channel: channel.last_activity)[:too_many]:
                channel.handle_close()

    def _disconnect_overdue(self, now: float) -> None:
        for channel in self.list_channels():
            if channel.is_overdue(now):
                channel.handle_close()

    def _drain(self) -> bool:
        """Close the connections on which nothing is under way; return whether any are left."""
        for channel in self.list_channels():
            if channel.is_idle():
                channel.handle_close()
        return any(not channel.lingers_until for channel in self.list_channels())
