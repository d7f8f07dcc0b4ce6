"""API responses, pages of lists, and the version conditions in requests (ETag, If-Match, If-None-Match)."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol
from urllib.parse import urlencode

import orjson
from flask import Response, request

from service.db.pagination import Page
from service.errors import DomainError

TAG = r'(W/)?"[!#-~]{1,200}"'
TAGS = re.compile(rf"\*|{TAG}(\s*,\s*{TAG})*", re.ASCII)


@dataclass(frozen=True, slots=True)
class Reply:
    """A JSON body with its status, headers and version tag. ``body`` is what the schema of the route serialises, bytes that
    were serialised before, or None for an empty body.
    """

    body: Any
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    etag: str | None = None


class Versioned(Protocol):
    """A row that counts its changes."""

    id: str
    version: int


def build_etag(row: Versioned) -> str:
    """Return the version tag of a row."""
    return f"{row.id}-{row.version}"


def response(reply: Reply) -> Response:
    """Return the response to the current request; 304 if the caller already has this version."""
    data = b"" if reply.body is None else reply.body if isinstance(reply.body, bytes) else orjson.dumps(reply.body)
    made = Response(data, reply.status, dict(reply.headers))
    if reply.body is None:
        made.headers.pop("Content-Type", None)
    else:
        made.content_type = "application/json"
    if reply.etag is not None:
        made.set_etag(reply.etag)
        made.headers["Cache-Control"] = "private, no-cache"
        if request.method in ("GET", "HEAD") and request.if_none_match.contains_weak(reply.etag):
            made.status_code = 304
            made.set_data(b"")
            del made.headers["Content-Length"], made.headers["Content-Type"]
    return made


def next_page(cursor: object) -> str | None:
    """Return the address of the next page of the requested list; None if there is no cursor for it."""
    return None if cursor is None else f"{request.path}?{urlencode({**request.args.to_dict(), 'cursor': cursor})}"


def page_reply(page: Page, item: Callable[[Any], Any] = lambda row: row) -> Reply:
    """Return a page of a list, each row converted by ``item``; ``next`` and the Link header contain the address of the next
    page.
    """
    following = next_page(page.next_cursor)
    headers = {"Link": f'<{following}>; rel="next"'} if following else {}
    return Reply({"items": [item(row) for row in page.items], "next": following}, headers=headers)


def whole_list(items: list[Any]) -> Reply:
    """Return a list that fits on one page."""
    return Reply({"items": items, "next": None})


# The headers that a route with versions honours, by method; HEAD is treated like GET.
CONDITIONS = {
    "GET": ("If-None-Match",), "HEAD": ("If-None-Match",), "PUT": ("If-Match", "If-None-Match"), "DELETE": ("If-Match",),
    "PATCH": ("If-Match",),
}  # fmt: skip


def check_conditions() -> None:
    """Reject malformed tags in If-Match and If-None-Match: if one were ignored, the change it should protect would go
    unprotected.

    Raises DomainError ``precondition.malformed``, 400.
    """
    for name in CONDITIONS[request.method]:
        given = request.headers.get(name)
        if given is not None and not TAGS.fullmatch(given):
            raise DomainError(
                "precondition.malformed", 400, f"{name} must be * or a tag from an ETag header, in quotation marks."
            )


def check_version(current: str | None) -> None:
    """Check the request's If-Match and If-None-Match. ``current``: the tag of the stored object, None if there is none.

    Raises DomainError ``precondition.failed``, 412.
    """
    match, none_match = request.if_match, request.if_none_match
    if match and (current is None or not match.contains(current)):
        raise DomainError(
            "precondition.failed",
            412,
            "The object has changed: its current version is not the one given in If-Match. Read the object again.",
        )
    if none_match and current is not None and none_match.contains_weak(current):
        raise DomainError(
            "precondition.failed", 412, "The object already exists, but If-None-Match requires that it does not."
        )


def attachment(data: bytes, media_type: str, name: str) -> Response:
    """Return a file to be downloaded under a name rather than opened in the browser."""
    return Response(data, content_type=media_type, headers={"Content-Disposition": f'attachment; filename="{name}"'})
