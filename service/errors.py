"""The error that use cases raise for a request they refuse. ``service/wiring/error_handlers.py`` turns it into a response."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

PROBLEM_TYPES = "urn:diligence:problem:"


class DomainError(Exception):
    """A refused request: a ``code`` for machines, the HTTP ``status``, a ``detail`` of one or two sentences, and more members.

    Codes are lower-case words separated by dots, and never change; ``extra`` holds further members of the problem object
    (RFC 9457, section 3.2), or a ``title`` of its own. ``headers`` are sent with the response. ``values`` take the place of
    ``%(name)s`` in the detail, so that it can be translated: ``template`` is the detail without them.
    """

    def __init__(
        self,
        code: str,
        status: int,
        detail: str = "",
        *,
        values: Mapping[str, object] | None = None,
        headers: dict[str, str] | None = None,
        **extra: Any,
    ) -> None:
        self.template, self.values = detail, values or {}
        detail = detail % values if values else detail
        super().__init__(detail or code)
        self.code, self.status, self.detail, self.extra = code, status, detail, extra
        self.headers = headers or {}


def not_found(detail: str = "") -> DomainError:
    """Build the error for an object that does not exist or belongs to another organisation; callers cannot tell which."""
    return DomainError("not_found", 404, detail or "Not found.")


def build_problem(code: str, status: int, detail: str, **extra: Any) -> dict[str, Any]:
    """Build a problem object (RFC 9457) whose type is that of its code; an import that fails after its response was sent stores
    one too.
    """
    return {
        "type": PROBLEM_TYPES + code,
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
        "code": code,
        **extra,
    }
