"""Webhook endpoints of an organisation: where to, which events, and the secrets that sign what is sent.

A secret is the HMAC of the endpoint's id and a random salt under the secret key of the installation. So the database and its
backups hold nothing with which a call could be signed. If the secret key is another one, for instance after a restore, the digest
of the secret shows it, and the endpoint is disabled instead of signing with a secret that its receiver does not know.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets as random
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from service.audit import record_event
from service.clock import now
from service.db.outbox_tables import WebhookEndpoint
from service.errors import DomainError, not_found
from service.outbox.addresses import parse_url
from service.outbox.events import list_events

PREFIX = "whsec_"
OVERLAP = timedelta(days=1)  # for which the secret before a rotation also signs
MAX_ENDPOINTS = 20
FAILING_DAYS = 5  # after which an endpoint that takes nothing is disabled
# Why an endpoint gets nothing.
BY_HAND, FAILING, GONE, SECRET_LOST = "disabled_by_hand", "failing", "gone", "secret_lost"


class SecretLost(Exception):
    """The secret of an endpoint cannot be derived: the secret key of the installation is not the one it was made with."""


def list_endpoints(session: Session) -> Sequence[WebhookEndpoint]:
    """Return all endpoints, oldest first."""
    return session.scalars(select(WebhookEndpoint).order_by(WebhookEndpoint.created_at, WebhookEndpoint.id)).all()


def get_endpoint(session: Session, endpoint_id: str, *, lock: bool = False) -> WebhookEndpoint:
    """Return an endpoint by id, locked for update if asked. Raises DomainError, 404."""
    query = select(WebhookEndpoint).where(WebhookEndpoint.id == endpoint_id)
    endpoint = session.scalars(query.with_for_update() if lock else query).first()
    if endpoint is None:
        raise not_found("Webhook endpoint not found.")
    return endpoint


def create_endpoint(
    session: Session, url: str, events: Collection[str], secret_key: bytes, by: str, *, plain_http: bool = False
) -> tuple[WebhookEndpoint, str]:
    """Create an endpoint; return it with its secret as ``whsec_...``, which is shown only once.

    Raises DomainError: ``webhook.url``, ``webhook.events``, and ``webhook.too_many`` beyond ``MAX_ENDPOINTS``.
    """
    parse_url(url, plain_http=plain_http)
    if session.scalars(select(func.count(WebhookEndpoint.id))).one() >= MAX_ENDPOINTS:
        raise DomainError("webhook.too_many", 422, f"An organisation can have up to {MAX_ENDPOINTS} webhook endpoints.")
    endpoint = WebhookEndpoint(
        url=url, events=_check_events(events), salt="", secret_digest="", created_by=by, created_at=now()
    )
    session.add(endpoint)
    endpoint.salt = random.token_hex(32)
    session.flush()
    secret = _derive(endpoint.id, endpoint.salt, secret_key)
    endpoint.secret_digest = _digest(secret)
    record_event(session, by, "webhook.created", "webhook", endpoint.id, {"events": endpoint.events})
    return endpoint, format_secret(secret)


def change_endpoint(
    session: Session,
    endpoint_id: str,
    by: str,
    *,
    url: str | None = None,
    events: Collection[str] | None = None,
    enabled: bool | None = None,
    plain_http: bool = False,
) -> WebhookEndpoint:
    """Change what is given, and return the endpoint; enabling it forgets its failures.

    Raises DomainError: ``not_found``, ``webhook.url``, ``webhook.events``, and ``webhook.secret_lost``, 409, if the secret has to
    be rotated before the endpoint can be enabled.
    """
    endpoint = get_endpoint(session, endpoint_id, lock=True)
    if url is not None:
        parse_url(url, plain_http=plain_http)
        endpoint.url = url
    if events is not None:
        endpoint.events = _check_events(events)
    if enabled and endpoint.disabled_code == SECRET_LOST:
        raise DomainError(
            "webhook.secret_lost", 409, "The installation has a new secret key. Rotate this endpoint's secret first."
        )
    if enabled:
        endpoint.disabled_code = endpoint.failing_since = endpoint.paused_until = None
    if enabled is False:
        endpoint.disabled_code = BY_HAND
    endpoint.version += 1
    given = {"url": url, "events": events, "enabled": enabled}
    fields = [name for name, value in given.items() if value is not None]
    record_event(session, by, "webhook.changed", "webhook", endpoint.id, {"fields": fields})
    return endpoint


def rotate_secret(
    session: Session, endpoint_id: str, secret_keys: Sequence[bytes], by: str
) -> tuple[WebhookEndpoint, str]:
    """Give an endpoint a new secret and return both; for a day, its calls are signed with the former one as well.

    Raises DomainError, 404.
    """
    endpoint = get_endpoint(session, endpoint_id, lock=True)
    try:
        list_signing_secrets(endpoint, secret_keys, now())
        endpoint.previous_salt, endpoint.previous_until = endpoint.salt, now() + OVERLAP
    except SecretLost:
        endpoint.previous_salt = endpoint.previous_until = None
    endpoint.salt = random.token_hex(32)
    secret = _derive(endpoint.id, endpoint.salt, secret_keys[0])
    endpoint.secret_digest = _digest(secret)
    if endpoint.disabled_code == SECRET_LOST:
        endpoint.disabled_code = None
    endpoint.version += 1
    record_event(session, by, "webhook.secret_rotated", "webhook", endpoint.id)
    return endpoint, format_secret(secret)


def delete_endpoint(session: Session, endpoint_id: str, by: str) -> None:
    """Delete an endpoint with its messages. Raises DomainError, 404."""
    endpoint = get_endpoint(session, endpoint_id, lock=True)
    record_event(session, by, "webhook.deleted", "webhook", endpoint.id)
    session.delete(endpoint)


def list_signing_secrets(endpoint: WebhookEndpoint, secret_keys: Sequence[bytes], at: datetime) -> list[bytes]:
    """Return the secrets that sign a call at a moment: the current one and, for a day after a rotation, the one before it.

    The current one is derived from the secret key that was the newest when it was made. The one before it may be derived from any
    of them: a call has a signature for each, and one of them fits. Raises SecretLost.
    """
    candidates = (_derive(endpoint.id, endpoint.salt, secret_key) for secret_key in secret_keys)
    current = next((each for each in candidates if hmac.compare_digest(_digest(each), endpoint.secret_digest)), None)
    if current is None:
        raise SecretLost(endpoint.id)
    if endpoint.previous_salt is None or endpoint.previous_until is None or endpoint.previous_until <= at:
        return [current]
    return [current, *(_derive(endpoint.id, endpoint.previous_salt, secret_key) for secret_key in secret_keys)]


def format_secret(secret: bytes) -> str:
    """Return a secret as receivers enter it."""
    return PREFIX + base64.b64encode(secret).decode()


def _derive(endpoint_id: str, salt: str, secret_key: bytes) -> bytes:
    return hmac.digest(secret_key, f"webhook {endpoint_id} {salt}".encode(), hashlib.sha256)


def _digest(secret: bytes) -> str:
    return hashlib.sha256(secret).hexdigest()


def _check_events(events: Collection[str]) -> list[str]:
    known = list_events()
    if not events or not set(events) <= known.keys():
        raise DomainError("webhook.events", 422, f"Choose at least one of these events: {', '.join(known)}.")
    return [code for code in known if code in set(events)]
