"""Idempotency-Key: a request that is sent again gets the answer of the first time, and has its effect once.

The answer is stored in the transaction of the effect, both or neither. Of two at once, the one that comes second waits for
the first (SQLite) or is told to come again (PostgreSQL, where both reach the unique key): never are there two effects.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import timedelta

import orjson
from flask import request
from sqlalchemy import delete, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from service.api.reply import Reply
from service.auth.caller import caller
from service.clock import now
from service.db.tables import Idempotent
from service.errors import DomainError

KEPT = timedelta(hours=24)
LONGEST = 100


def key_of_request() -> str | None:
    """The Idempotency-Key of the request, under the API key that sent it. Raises Refused ``idempotency.key``, 400."""
    given = request.headers.get("Idempotency-Key")
    if given is None:
        return None
    if not (1 <= len(given) <= LONGEST and given.isascii() and given.isprintable()):
        raise DomainError("idempotency.key", 400, f"An Idempotency-Key has 1 to {LONGEST} printable ASCII characters.")
    return f"{caller().id}:{given}"


def asked_for(*parts: bytes) -> str:
    """What was asked for, as a digest: method, address, and the parts of the body."""
    digest = hashlib.sha256(f"{request.method} {request.path}".encode())
    for part in parts:
        digest.update(hashlib.sha256(part).digest())
    return digest.hexdigest()


def once(session: Session, key: str | None, asked: str, effect: Callable[[], Reply]) -> Reply:
    """The reply of the effect, or that of the first time. Raises Refused: ``idempotency.reused``, ``idempotency.at_work``."""
    if key is None:
        return effect()
    found = replayed(session, key, asked)
    if found is not None:
        return found
    reply = effect()
    keep(session, key, asked, reply)
    return reply


def replayed(session: Session, key: str, asked: str) -> Reply | None:
    """The reply given under a key, None if there was none. Raises Refused ``idempotency.reused``, 422, for another request."""
    kept = session.scalars(
        select(Idempotent).where(Idempotent.key == key, Idempotent.created_at > now() - KEPT)
    ).first()
    if kept is None:
        return None
    if kept.request_hash != asked:
        raise DomainError("idempotency.reused", 422, "This Idempotency-Key was used for another request.")
    return Reply(kept.body.encode(), kept.status, {**kept.headers, "Idempotency-Replayed": "true"})


def keep(session: Session, key: str, asked: str, reply: Reply) -> None:
    """Stores a reply in the transaction of its effect, and forgets those whose day is over.

    Raises Refused ``idempotency.at_work``, 409.
    """
    at = now()
    session.execute(delete(Idempotent).where(Idempotent.created_at <= at - KEPT))
    session.add(
        Idempotent(
            key=key,
            request_hash=asked,
            status=reply.status,
            body=orjson.dumps(reply.body).decode(),
            headers=dict(reply.headers),
            created_at=at,
        )
    )
    try:
        session.flush()
    except IntegrityError as taken:
        raise DomainError(
            "idempotency.at_work", 409, "A request with this Idempotency-Key is at work. Send it again in a moment."
        ) from taken
