"""Idempotency-Key: a request that is sent again gets the first response and takes effect only once.

The response is stored in the same transaction as the effect, so that either both are stored or neither is. If two such requests
arrive at the same time, the second waits for the first (SQLite), or is refused and may be sent again (PostgreSQL, where both
reach the unique key): there are never two effects.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import timedelta
from http import HTTPStatus

import orjson
from flask import request
from sqlalchemy import delete, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from service.api.responses import Reply
from service.auth.caller import get_caller
from service.clock import now
from service.db.idempotency_tables import IdempotentResponse
from service.errors import DomainError

RETENTION = timedelta(hours=24)
LONGEST = 100


def key_of_request() -> str | None:
    """Return the Idempotency-Key of the request, combined with the API key that sent it; None if there is none.

    Raises DomainError ``idempotency.key``, 400.
    """
    given = request.headers.get("Idempotency-Key")
    if given is None:
        return None
    if not (1 <= len(given) <= LONGEST and given.isascii() and given.isprintable()):
        raise DomainError(
            "idempotency.key", 400, f"An Idempotency-Key must consist of 1 to {LONGEST} printable ASCII characters."
        )
    return f"{get_caller().id}:{given}"


def request_digest(*parts: bytes) -> str:
    """Return a digest of the request: its method, its path, and the parts of its body."""
    digest = hashlib.sha256(f"{request.method} {request.path}".encode())
    for part in parts:
        digest.update(hashlib.sha256(part).digest())
    return digest.hexdigest()


def run_once(session: Session, key: str | None, digest: str, effect: Callable[[], Reply]) -> Reply:
    """Run the effect and return its reply, or return the reply stored under the key without running the effect.

    Raises DomainError: ``idempotency.reused``, ``idempotency.at_work``.
    """
    if key is None:
        return effect()
    found = stored_reply(session, key, digest)
    if found is not None:
        return found
    reply = effect()
    store(session, key, digest, reply)
    return reply


def stored_reply(session: Session, key: str, digest: str) -> Reply | None:
    """Return the reply stored under a key, None if there is none. Raises DomainError ``idempotency.reused``, 422, if it belongs
    to a different request, and ``idempotency.withdrawn``, 410, if it was withdrawn with what it was about.
    """
    stored = session.scalars(
        select(IdempotentResponse).where(
            IdempotentResponse.key == key, IdempotentResponse.created_at > now() - RETENTION
        )
    ).first()
    if stored is None:
        return None
    if stored.request_hash != digest:
        raise DomainError("idempotency.reused", 422, "This Idempotency-Key was already used for a different request.")
    if stored.status == HTTPStatus.GONE:
        raise DomainError(
            "idempotency.withdrawn",
            HTTPStatus.GONE,
            "The request took effect, but its response was withdrawn because the object has since been corrected or "
            "deleted.",
        )
    return Reply(stored.body.encode(), stored.status, {**stored.headers, "Idempotency-Replayed": "true"})


def store(session: Session, key: str, digest: str, reply: Reply) -> None:
    """Store a reply in the same transaction as its effect, and delete replies that are more than a day old.

    Raises DomainError ``idempotency.at_work``, 409.
    """
    at = now()
    session.execute(delete(IdempotentResponse).where(IdempotentResponse.created_at <= at - RETENTION))
    session.add(
        IdempotentResponse(
            key=key,
            request_hash=digest,
            status=reply.status,
            body=orjson.dumps(reply.body).decode(),
            headers=dict(reply.headers),
            created_at=at,
        )
    )
    try:
        session.flush()
    except IntegrityError as error:
        raise DomainError(
            "idempotency.at_work",
            409,
            "A request with this Idempotency-Key is still being processed. Try again in a moment.",
        ) from error
