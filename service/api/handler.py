"""The handling of every API request: it is counted, parsed as its route declares, run in a transaction, and answered.

Parameters and body are parsed strictly. The view runs in one transaction on the rows of the caller's organisation, once for
each Idempotency-Key, and the schema of the route serialises what it returns. An API framework would do all this, and handle
problem objects and strict JSON, in its own way.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

import orjson
from flask import Response, current_app, g, request
from sqlalchemy.orm import Session

from service.api import idempotency
from service.api.body import json_object
from service.api.responses import Reply, check_conditions, response
from service.api.route import Route
from service.api.schemas.base import ApiSchema, Resource, WrittenSchema
from service.api.validation import load_body, load_parameters
from service.auth.caller import get_caller, read_session, write_session
from service.auth.rate_limit import RateLimiter
from service.errors import DomainError

NO_PARAMETERS = ApiSchema()
WRITTEN = WrittenSchema()
GATES = ("api.assess", "api.decide_on_supplier", "api.decide_on_agency")


def handler(route: Route) -> Callable[..., Response]:
    """Return the function that handles the requests of a route."""

    def handle(**path: str) -> Response:
        arguments: dict[str, Any] = {**route.fixed, **path}
        query = load_parameters(route.query or NO_PARAMETERS)
        if route.query is not None:
            arguments["query"] = query
        if route.versioned:
            check_conditions()
        data: dict[str, Any] = {}
        if route.body is not None:
            data = json_object()
            arguments["body"] = data if isinstance(route.body, str) else load_body(route.body, data)
        if route.transaction == "own":
            own: Response = route.view(**arguments)
            return own
        key = idempotency.key_of_request() if request.method == "POST" else None
        if key and route.secret:
            raise DomainError(
                "idempotency.secret",
                400,
                "This response contains a secret and is not stored. Send the request without an Idempotency-Key.",
            )
        if route.prepare is not None:
            arguments.update(route.prepare())
        written = route.transaction == "write" or key
        with write_session() if written else read_session(snapshot=route.transaction == "read") as session:
            digest = idempotency.request_digest(*_list_parts(data)) if key else ""
            reply = idempotency.run_once(session, key, digest, lambda: _dumped(route, session, arguments))
        return response(reply)

    return handle


def _list_parts(data: Mapping[str, Any]) -> Iterator[bytes]:
    """Yield the body of a request: its JSON, and the parts of a multipart form, which the view can read again."""
    yield json.dumps(data, sort_keys=True).encode()
    for name, text in sorted(request.form.items()):
        yield f"{name}={text}".encode()
    for name, file in sorted(request.files.items()):
        yield f"{name}={file.filename}".encode() + file.read()
        file.seek(0)


def _dumped(route: Route, session: Session, arguments: dict[str, Any]) -> Reply:
    """Run the view of a route and return its reply, with the body in JSON form."""
    reply: Reply = route.view(session, **arguments)
    if route.reading and route.reading not in get_caller().scopes:
        return replace(reply, body=WRITTEN.dump(_identify(reply.body)))
    return replace(reply, body=route.response.dump(reply.body)) if isinstance(route.response, ApiSchema) else reply


def _identify(body: Any) -> dict[str, Any]:
    """Return what identifies the object in the body of a reply, without anything that its caller did not send."""
    values = body if isinstance(body, Mapping) else {}
    row = body
    if isinstance(body, Resource):
        values, row = body.computed, body.row
    found = {name: values.get(name, getattr(row, name, None)) for name in ("id", "version", "issues")}
    return {name: value for name, value in found.items() if value is not None}


def count_request() -> None:
    """Count the request towards the limit per minute of its key. Raises DomainError ``too_many_requests``, 429."""
    g.hit = None
    if g.caller is None:
        return
    limiter: RateLimiter = current_app.extensions["rate_limiter"]
    g.hit = limiter.hit(get_caller())
    if not g.hit.allowed:
        wait = {"Retry-After": str(g.hit.seconds)}
        raise DomainError(
            "too_many_requests", 429, f"An API key can make {g.hit.limit} requests per minute.", headers=wait
        )


def finish(answer: Response) -> Response:
    """Return the response with the rate-limit headers; if an onboarding check fails for any reason, its decision is ``ask``."""
    hit = g.get("hit")
    if hit is not None:
        values = {"Limit": hit.limit, "Remaining": hit.remaining, "Reset": hit.seconds}
        for name, value in values.items():  # the quota of jobs has said its own
            answer.headers.setdefault(f"RateLimit-{name}", str(value))
    if request.endpoint in GATES and answer.mimetype == "application/problem+json":
        answer.set_data(orjson.dumps({**orjson.loads(answer.get_data()), "decision": "ask"}))
    return answer
