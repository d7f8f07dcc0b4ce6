"""Signed-in requests to a connected system: OAuth 2.0 client credentials (RFC 6749, 4.4) or basic authentication."""

from __future__ import annotations

import base64
import time
from dataclasses import dataclass
from threading import Lock
from typing import Any
from urllib.parse import quote_plus, urlencode

import orjson

from service.connected_systems.hosts import Host
from service.connected_systems.systems import Credentials
from service.db.system_tables import ConnectedSystem
from service.outbox.exchange import Answer, CallFailed, Receiving, exchange

MAX_ANSWER = 2_000_000  # bytes
TOKEN_SECONDS, MARGIN = 600.0, 60.0  # of a token that does not say how long it lasts; before its end it is renewed
_tokens: dict[tuple[str, int], tuple[str, float]] = {}  # by system and version: a change of credentials needs another
_lock = Lock()


@dataclass(frozen=True)
class Reply:
    """The answer of a system: status, seconds that it asks to wait, and its JSON value, None if it has none."""

    status: int
    wait: float
    body: Any


@dataclass(frozen=True)
class Caller:
    """Makes requests to a connected system."""

    system: ConnectedSystem
    host: Host
    credentials: Credentials
    receiving: Receiving

    def request(self, method: str, path: str, body: Any = None) -> Reply:
        """Make a request and return the reply; a token that is no longer accepted is renewed once.

        Raises CallFailed, with ``sign_in_refused`` if the credentials are refused.
        """
        data = None if body is None else orjson.dumps(body)
        url = self.system.address + path
        answer = exchange(method, url, data, self._build_headers(), self.receiving, MAX_ANSWER)
        if answer.status == 401 and self.credentials.sign_in == "oauth2":
            self._forget_token()
            answer = exchange(method, url, data, self._build_headers(), self.receiving, MAX_ANSWER)
        return Reply(answer.status, answer.wait, _parse(answer))

    def _build_headers(self) -> dict[str, str]:
        headers = {"Accept": "application/json", "Content-Type": "application/json", "User-Agent": "Diligence"}
        if self.credentials.sign_in == "basic":
            headers["Authorization"] = _build_basic(self.credentials.client_id, self.credentials.secret)
        else:
            headers["Authorization"] = f"Bearer {self._get_token()}"
        if self.credentials.api_key:
            headers["apiKey"] = self.credentials.api_key
        return headers

    def _get_token(self) -> str:
        key = self.system.id, self.system.version
        with _lock:
            token, expires_at = _tokens.get(key, ("", 0.0))
        if token and time.monotonic() < expires_at:
            return token
        token, seconds = self._fetch_token()
        with _lock:
            _tokens[key] = token, time.monotonic() + max(seconds - MARGIN, 0.0)
        return token

    def _forget_token(self) -> None:
        with _lock:
            _tokens.pop((self.system.id, self.system.version), None)

    def _fetch_token(self) -> tuple[str, float]:
        """Return a new token and for how many seconds it lasts."""
        client_id, secret = self.credentials.client_id, self.credentials.secret
        form = {"grant_type": "client_credentials"}
        headers = {"Accept": "application/json", "Content-Type": "application/x-www-form-urlencoded"}
        if self.host.token_sign_in == "basic":
            headers["Authorization"] = _build_basic(quote_plus(client_id), quote_plus(secret))  # RFC 6749, 2.3.1
        else:
            form |= {"client_id": client_id, "client_secret": secret}
        if self.system.options.get("scope"):
            form["scope"] = self.system.options["scope"]
        url = self.system.options.get("token_address") or self.system.address + self.host.token_path
        answer = exchange("POST", url, urlencode(form).encode(), headers, self.receiving, MAX_ANSWER)
        body = _parse(answer)
        if answer.status in (400, 401, 403):
            raise CallFailed("sign_in_refused")
        if answer.status != 200 or not isinstance(body, dict) or not isinstance(body.get("access_token"), str):
            raise CallFailed("sign_in_failed")
        seconds = body.get("expires_in")
        return body["access_token"], float(seconds) if isinstance(seconds, int | float) else TOKEN_SECONDS


def _build_basic(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def _parse(answer: Answer) -> Any:
    try:
        return orjson.loads(answer.content)
    except ValueError:
        return None
