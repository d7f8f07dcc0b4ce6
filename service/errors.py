"""A request that cannot be, as a value to raise: what use cases know of errors. Its answers are made in ``service/errors.py``."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any


class DomainError(Exception):
    """A request that cannot be: a ``code`` for machines, the HTTP ``status``, one or two sentences, and more members.

    The code is for life and is made of words in lower case with dots between; ``extra`` are further members of the problem
    object (RFC 9457, section 3.2). ``headers`` go out with the answer.
    """

    def __init__(
        self, code: str, status: int, detail: str = "", *, headers: dict[str, str] | None = None, **extra: Any
    ) -> None:
        super().__init__(detail or code)
        self.code, self.status, self.detail, self.extra = code, status, detail, extra
        self.headers = headers or {}


def not_found(what: str = "") -> DomainError:
    """What is not there, and what belongs to another organisation: the two look the same."""
    return DomainError("not_found", 404, what or "There is no such thing here.")


def build_problem(code: str, status: int, detail: str, **extra: Any) -> dict[str, Any]:
    """The problem object of RFC 9457; also what an import keeps that was refused after its answer was given."""
    return {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
        "code": code,
        **extra,
    }
