"""The requests that each kind of system takes, and what its answers say about each supplier (sources: hosts.toml)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from service.connected_systems.calls import Caller, Reply
from service.outbox.exchange import CallFailed
from service.outbox.outcome import Outcome

REFUSED = (400, 409, 413, 422)  # what was sent is wrong; any other failure is about the system or the sign-in
MAX_TEXT = 300
UNREADABLE = "answer_unreadable"
COUPA_FEED = "/api/supplier_risk_aware_feed"


@dataclass(frozen=True)
class Item:
    """What is sent about a supplier: what the system calls it, and its fields."""

    identifier: str
    record: Mapping[str, Any]


@dataclass(frozen=True)
class Refusal:
    """Why a system refused a supplier: a code, and its own words."""

    code: str
    text: str


@dataclass(frozen=True)
class Delivered:
    """How a request ended. ``sent``: the system took all suppliers but those in ``refusals``, by identifier. ``failed``: it
    refused the request as a whole, and ``text`` says why in its own words.
    """

    outcome: Outcome
    refusals: Mapping[str, Refusal] = field(default_factory=dict)
    text: str = ""


def send(caller: Caller, items: Sequence[Item]) -> Delivered:
    """Send suppliers to a system in one go, at most as many as it takes in a request; return how that ended."""
    try:
        return SENDERS[caller.system.kind](caller, items)
    except CallFailed as error:
        return Delivered(Outcome("retry", error.code))


def _send_to_ariba(caller: Caller, items: Sequence[Item]) -> Delivered:
    """Update custom fields (PATCH /suppliers). The names within the body could not be checked in public documentation."""
    suppliers = [
        {
            "smVendorId": item.identifier,
            "customFields": [{"name": name, "value": value} for name, value in item.record.items()],
        }
        for item in items
    ]
    path = f"/suppliers?{urlencode({'realm': caller.system.options['realm']})}"
    reply = caller.request("PATCH", path, {"suppliers": suppliers})
    if not _is_success(reply):
        return _judge(reply)
    errors = reply.body.get("errors") if isinstance(reply.body, dict) else None
    refusals = {
        str(error.get("smVendorId", "") if isinstance(error, dict) else ""): Refusal("refused", _describe(error))
        for error in (errors if isinstance(errors, list) else [])
    }
    if refusals.keys() - {item.identifier for item in items}:  # none counts as accepted while an error may be about it
        return Delivered(Outcome("failed", "refused", reply.status), text=_describe(errors))
    return Delivered(_build_sent(reply), refusals)


def _send_to_coupa(caller: Caller, items: Sequence[Item]) -> Delivered:
    """Update the risk feed of one supplier, or create it."""
    (item,) = items
    found = caller.request("GET", f"{COUPA_FEED}?{urlencode({'supplier[number]': item.identifier, 'limit': 1})}")
    if not _is_success(found) and found.status != 404:
        return _judge(found)
    feeds = found.body if isinstance(found.body, list) else []
    if feeds and isinstance(feeds[0], dict) and isinstance(feeds[0].get("id"), int):
        reply = caller.request("PUT", f"{COUPA_FEED}/{feeds[0]['id']}", dict(item.record))
    else:
        reply = caller.request("POST", COUPA_FEED, {"supplier": {"number": item.identifier}, **item.record})
    return Delivered(_build_sent(reply)) if _is_success(reply) else _judge(reply)


def _send_to_servicenow(caller: Caller, items: Sequence[Item]) -> Delivered:
    """Insert one row into the import set table; the transform map of the instance takes it from there."""
    (item,) = items
    options = caller.system.options
    # The Import Set API takes texts only; one that is missing is an empty text.
    row = {name: "" if value is None else value for name, value in item.record.items()}
    body = {options["identifier_field"]: item.identifier, **row}
    reply = caller.request("POST", f"/api/now/import/{options['table']}", body)
    if not _is_success(reply):
        return _judge(reply)
    results = reply.body.get("result") if isinstance(reply.body, dict) else None
    if not isinstance(results, list) or not all(isinstance(result, dict) for result in results):
        return Delivered(Outcome("retry", UNREADABLE, reply.status))
    errors = [result for result in results if result.get("status") == "error"]
    refusals = {item.identifier: Refusal("refused", _describe(errors[0]))} if errors else {}
    return Delivered(_build_sent(reply), refusals)


def _send_to_salesforce(caller: Caller, items: Sequence[Item]) -> Delivered:
    """Upsert records by their external ID; each has a result of its own, in the order of the request."""
    options = caller.system.options
    records = [
        {"attributes": {"type": options["object"]}, options["external_id"]: item.identifier, **item.record}
        for item in items
    ]
    path = f"/services/data/v{options['api_version']}/composite/sobjects/{options['object']}/{options['external_id']}"
    reply = caller.request("PATCH", path, {"allOrNone": False, "records": records})
    if not _is_success(reply):
        return _judge(reply)
    results = reply.body if isinstance(reply.body, list) else []
    if len(results) != len(items) or not all(isinstance(result, dict) for result in results):
        return Delivered(Outcome("retry", UNREADABLE, reply.status))
    refusals = {
        item.identifier: Refusal("refused", _describe(result.get("errors")))
        for item, result in zip(items, results, strict=True)
        if result.get("success") is not True
    }
    return Delivered(_build_sent(reply), refusals)


SENDERS: Mapping[str, Callable[[Caller, Sequence[Item]], Delivered]] = {
    "ariba": _send_to_ariba,
    "coupa": _send_to_coupa,
    "servicenow": _send_to_servicenow,
    "salesforce": _send_to_salesforce,
}


def _is_success(reply: Reply) -> bool:
    return 200 <= reply.status < 300


def _build_sent(reply: Reply) -> Outcome:
    return Outcome("sent", f"http.{reply.status}", reply.status)


def _judge(reply: Reply) -> Delivered:
    """Return what an answer that is no success means for all suppliers of the request."""
    code = f"http.{reply.status}"
    if reply.status in REFUSED:
        return Delivered(Outcome("failed", code, reply.status), text=_describe(reply.body))
    return Delivered(Outcome("retry", code, reply.status, reply.wait))


def _describe(body: Any) -> str:
    """Return the first sentence in an error of a system, without line breaks and control characters; "" without one."""
    if isinstance(body, list):
        return next((text for text in map(_describe, body) if text), "")
    if isinstance(body, dict):
        for name in ("error_message", "message", "detail", "status_message", "errors", "error"):
            text = _describe(body.get(name))
            if text:
                return text
        return ""
    return "".join(c if c.isprintable() else " " for c in body)[:MAX_TEXT].strip() if isinstance(body, str) else ""
