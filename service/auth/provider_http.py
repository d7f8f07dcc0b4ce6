"""Requests to identity providers: only to addresses that webhooks may reach too, or to hosts that the operator names.

An admin of an organisation enters the address of a provider. It must not lead to machines that only this one can reach.
"""

from __future__ import annotations

import ssl
import time
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from http.client import HTTPException
from threading import Event, Timer
from typing import Any
from urllib.parse import SplitResult, urlencode

import orjson
from urllib3.exceptions import HTTPError

from service.errors import DomainError
from service.outbox.addresses import AddressRefused, parse_url, resolve
from service.outbox.exchange import PORTS, connect, hang_up, prepare_connection
from service.settings import LOOPBACK

TOTAL_SECONDS = 5.0  # for a request: somebody is waiting for it
MAX_BODY = 1_000_000  # bytes
ANY_NETWORK = ("0.0.0.0/0", "::/0")


class ProviderUnreachable(Exception):
    """A provider did not answer, may not be asked, or gave an answer that is not one."""


@dataclass(frozen=True)
class Answer:
    """The answer of a provider, with the methods that Authlib expects of one."""

    status_code: int
    content: bytes

    def json(self) -> Any:
        """Return the JSON value of the body. Raises ValueError."""
        return orjson.loads(self.content)

    def raise_for_status(self) -> None:
        """Raise ProviderUnreachable unless the status is 2xx."""
        if not 200 <= self.status_code < 300:
            raise ProviderUnreachable(f"http.{self.status_code}")


@dataclass(frozen=True)
class ProviderSession:
    """Makes requests to providers; ``internal_hosts`` may have private addresses, and those of this machine need no TLS."""

    internal_hosts: tuple[str, ...] = ()

    def check_url(self, url: str) -> SplitResult:
        """Return the parts of an address. Raises DomainError ``webhook.url`` for one that may never be asked."""
        host = parse_url(url, plain_http=True).hostname
        return parse_url(url, plain_http=host in LOOPBACK and host in self.internal_hosts)

    def get_json(self, url: str, headers: Mapping[str, str] | None = None) -> dict[str, Any]:
        """Return the JSON object at an address. Raises ProviderUnreachable."""
        answer = self.request("GET", url, {"Accept": "application/json", **(headers or {})})
        answer.raise_for_status()
        try:
            value = answer.json()
        except ValueError as error:
            raise ProviderUnreachable("no_json") from error
        if not isinstance(value, dict):
            raise ProviderUnreachable("no_json")
        return value

    def post(self, url: str, data: Any = None, headers: Any = None, auth: Any = None, **_: object) -> Answer:
        """Post a form as Authlib's client does, with the client's own authentication. Raises ProviderUnreachable."""
        body = urlencode(data) if isinstance(data, dict) else str(data or "")
        if auth is not None:
            url, headers, body = auth.prepare("POST", url, dict(headers or {}), body)
        return self.request("POST", url, headers or {}, body.encode())

    def request(self, method: str, url: str, headers: Mapping[str, str], body: bytes | None = None) -> Answer:
        """Make a request to an address that has been checked; redirects are not followed. Raises ProviderUnreachable."""
        began = time.monotonic()
        try:
            parts = self.check_url(url)
            host, port = str(parts.hostname), parts.port or PORTS[parts.scheme]
            networks = ANY_NETWORK if host in self.internal_hosts else ()
            address = resolve(host, port, networks, TOTAL_SECONDS)
            connection = prepare_connection(parts, address, port, TOTAL_SECONDS)
        except (DomainError, AddressRefused) as error:
            raise ProviderUnreachable(error.code) from error
        hung_up = Event()
        end = Timer(began + TOTAL_SECONDS - time.monotonic(), hang_up, [connection, hung_up])
        end.start()
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        try:
            with closing(connection):
                connect(connection, hung_up)
                connection.request(method, path, body, {"Host": parts.netloc, **headers}, preload_content=False)
                response = connection.getresponse()
                content = response.read(MAX_BODY + 1)
        except (HTTPError, HTTPException, ssl.SSLError, OSError, ValueError) as error:
            raise ProviderUnreachable("unreachable") from error
        finally:
            end.cancel()
        if len(content) > MAX_BODY:
            raise ProviderUnreachable("too_long")
        return Answer(response.status, content)
