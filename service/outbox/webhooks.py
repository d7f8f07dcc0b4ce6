"""Webhook calls as Standard Webhooks 1.0 describes them: signed, posted to an address that was checked, and never redirected."""

from __future__ import annotations

import base64
import hashlib
import hmac
import socket
import ssl
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from http.client import HTTPException
from threading import Event, Timer
from urllib.parse import SplitResult

import orjson
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import HTTPError, NewConnectionError
from urllib3.exceptions import TimeoutError as SilenceError

from service.db.outbox_tables import Message
from service.errors import DomainError
from service.outbox.addresses import AddressRefused, parse_url, resolve
from service.outbox.outcome import Outcome

SILENCE_SECONDS, TOTAL_SECONDS = 10.0, 20.0  # without an answer, and in all
PORTS = {"http": 80, "https": 443}
GONE = 410  # the receiver wants no more calls (Standard Webhooks, "Response status codes")
MAX_WAIT = 4 * 3600.0  # seconds of a Retry-After that are respected


@dataclass(frozen=True)
class Receiving:
    """Which receivers the operator allows: without TLS, and in networks that are not public."""

    plain_http: bool = False
    networks: Sequence[str] = ()


def build_body(message: Message) -> bytes:
    """Return the body of a call: the event, when it happened and what it carries, the same for each attempt."""
    return orjson.dumps({"type": message.event, "timestamp": message.created_at.isoformat(), "data": message.payload})


def build_headers(message_id: str, body: bytes, secrets: Sequence[bytes], at: datetime) -> dict[str, str]:
    """Return the headers that identify and sign a call made at a moment, with a signature for each secret."""
    timestamp = str(int(at.timestamp()))
    signed = b".".join((message_id.encode(), timestamp.encode(), body))
    signatures = [base64.b64encode(hmac.digest(secret, signed, hashlib.sha256)).decode() for secret in secrets]
    return {
        "Content-Type": "application/json",
        "User-Agent": "Diligence",
        "webhook-id": message_id,
        "webhook-timestamp": timestamp,
        "webhook-signature": " ".join(f"v1,{signature}" for signature in signatures),
    }


def post(url: str, body: bytes, headers: Mapping[str, str], receiving: Receiving) -> Outcome:
    """Post a call; return how that ended. Only a status of 2xx counts as received, and 410 as a refusal for ever.

    The body of the response is not read. However slowly a receiver speaks, the call ends after ``TOTAL_SECONDS``.
    """
    try:
        parts = parse_url(url, plain_http=receiving.plain_http)
        port = parts.port or PORTS[parts.scheme]
        connection = prepare_connection(parts, resolve(str(parts.hostname), port, receiving.networks), port)
    except DomainError as error:
        return Outcome("retry", error.code)
    except AddressRefused as error:
        return Outcome("retry", error.code)
    hung_up = Event()
    end = Timer(TOTAL_SECONDS, hang_up, [connection, hung_up])
    end.start()
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    try:
        connection.request("POST", path, body, {"Host": parts.netloc, **headers}, preload_content=False)
        response = connection.getresponse()
        return _judge(response.status, response.headers.get("Retry-After", ""))
    except NewConnectionError:
        return Outcome("retry", "unreachable")
    except (SilenceError, TimeoutError):
        return Outcome("retry", "timeout")
    except ssl.SSLError:
        return Outcome("retry", "timeout" if hung_up.is_set() else "tls")
    except (HTTPError, HTTPException, OSError, ValueError):
        return Outcome("retry", "timeout" if hung_up.is_set() else "unreachable")
    finally:
        end.cancel()
        connection.close()


def prepare_connection(parts: SplitResult, address: str, port: int, silence: float = SILENCE_SECONDS) -> HTTPConnection:
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


def hang_up(connection: HTTPConnection, hung_up: Event) -> None:
    """End a call from another thread: whatever it waits for then fails."""
    hung_up.set()
    connected = connection.sock
    if connected is not None:
        with suppress(OSError):
            connected.shutdown(socket.SHUT_RDWR)


def _judge(status: int, retry_after: str) -> Outcome:
    code = f"http.{status}"
    if 200 <= status < 300:
        return Outcome("sent", code, status)
    if status == GONE:
        return Outcome("failed", code, status)
    wait = float(retry_after) if retry_after.isascii() and retry_after.isdigit() and len(retry_after) < 7 else 0.0
    return Outcome("retry", code, status, min(wait, MAX_WAIT))
