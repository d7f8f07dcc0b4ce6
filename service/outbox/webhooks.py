"""Webhook calls as Standard Webhooks 1.0 describes them: signed, posted to an address that was checked, and never redirected."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Mapping, Sequence
from datetime import datetime

import orjson

from service.db.outbox_tables import Message
from service.outbox.exchange import Answer, CallFailed, Receiving, exchange
from service.outbox.outcome import Outcome

GONE = 410  # the receiver wants no more calls (Standard Webhooks, "Response status codes")


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

    The body of the response is not read. However slowly a receiver speaks, the call ends after 20 seconds.
    """
    try:
        return _judge(exchange("POST", url, body, headers, receiving))
    except CallFailed as error:
        return Outcome("retry", error.code)


def _judge(answer: Answer) -> Outcome:
    code = f"http.{answer.status}"
    if 200 <= answer.status < 300:
        return Outcome("sent", code, answer.status)
    if answer.status == GONE:
        return Outcome("failed", code, answer.status)
    return Outcome("retry", code, answer.status, answer.wait)
