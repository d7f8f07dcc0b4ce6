"""Requests to systems of others: to an address that was checked, with an end however slowly they speak, and never redirected."""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime
from http.client import HTTPException
from threading import Event, Timer
from urllib.parse import SplitResult

from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import HTTPError, NewConnectionError
from urllib3.exceptions import TimeoutError as SilenceError

from service.errors import DomainError
from service.outbox.addresses import AddressRefused, parse_url, resolve

SILENCE_SECONDS, TOTAL_SECONDS = 10.0, 20.0  # without an answer, and in all, from the look-up of the name
PORTS = {"http": 80, "https": 443}
MAX_WAIT = 4 * 3600.0  # seconds of a Retry-After that are respected


@dataclass(frozen=True)
class Receiving:
    """Which receivers the operator allows: without TLS, and in networks that are not public."""

    plain_http: bool = False
    networks: Sequence[str] = ()


@dataclass(frozen=True)
class Answer:
    """What a receiver answered: the status of HTTP, the seconds that it asks to wait, and as much of the body as was read."""

    status: int
    wait: float
    content: bytes


class CallFailed(Exception):
    """There is no answer to a request. ``code`` says why."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


def exchange(
    method: str, url: str, body: bytes | None, headers: Mapping[str, str], receiving: Receiving, max_body: int = 0
) -> Answer:
    """Make a request and return the answer, with up to ``max_body`` bytes of its body.

    Raises CallFailed ``webhook.url``, ``unresolved``, ``address_refused``, ``unreachable``, ``timeout``, ``tls`` or ``too_long``.
    """
    began = time.monotonic()
    try:
        parts = parse_url(url, plain_http=receiving.plain_http)
        port = parts.port or PORTS[parts.scheme]
        address = resolve(str(parts.hostname), port, receiving.networks, SILENCE_SECONDS)
        connection = prepare_connection(parts, address, port, SILENCE_SECONDS)
    except (DomainError, AddressRefused) as error:
        raise CallFailed(error.code) from error
    hung_up = Event()
    end = Timer(began + TOTAL_SECONDS - time.monotonic(), hang_up, [connection, hung_up])
    end.start()
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    try:
        connect(connection, hung_up)
        connection.request(method, path, body, {"Host": parts.netloc, **headers}, preload_content=False)
        response = connection.getresponse()
        content = response.read(max_body + 1) if max_body else b""
        wait = read_wait(response.headers.get("Retry-After", ""), response.headers.get("Date", ""))
    except NewConnectionError as error:
        raise CallFailed("unreachable") from error
    except (SilenceError, TimeoutError) as error:
        raise CallFailed("timeout") from error
    except ssl.SSLError as error:
        raise CallFailed("timeout" if hung_up.is_set() else "tls") from error
    except (HTTPError, HTTPException, OSError, ValueError) as error:
        raise CallFailed("timeout" if hung_up.is_set() else "unreachable") from error
    finally:
        end.cancel()
        connection.close()
    if len(content) > max_body:
        raise CallFailed("too_long")
    return Answer(response.status, wait, content)


def read_wait(retry_after: str, date: str) -> float:
    """Return the seconds that a Retry-After asks to wait (RFC 9110, 10.2.3), at most four hours; 0 for one that says nothing.

    ``date``: the Date of the same answer, by which a moment is measured, whatever the clock here shows.
    """
    if retry_after.isascii() and retry_after.isdigit() and len(retry_after) < 7:
        return min(float(retry_after), MAX_WAIT)
    try:
        at: datetime = parsedate_to_datetime(retry_after)
        return min(max((at - parsedate_to_datetime(date)).total_seconds(), 0.0), MAX_WAIT)
    except (ValueError, TypeError):  # TypeError: one of the two has no zone
        return 0.0


def prepare_connection(parts: SplitResult, address: str, port: int, silence: float) -> HTTPConnection:
    """Return a connection to an IP address that expects the certificate of the host that was resolved to it."""
    if parts.scheme == "http":
        return HTTPConnection(address, port, timeout=silence)
    return HTTPSConnection(
        address,
        port,
        timeout=silence,
        ssl_context=ssl.create_default_context(),
        server_hostname=parts.hostname,
    )


def connect(connection: HTTPConnection, hung_up: Event) -> None:
    """Open a connection. Raises TimeoutError if the call should have ended by then: no other thread can end a TLS handshake."""
    connection.connect()
    if hung_up.is_set():
        raise TimeoutError


def hang_up(connection: HTTPConnection, hung_up: Event) -> None:
    """End a call from another thread: whatever it waits for then fails."""
    hung_up.set()
    connected = connection.sock
    if connected is not None:
        with suppress(OSError):
            connected.shutdown(socket.SHUT_RDWR)
