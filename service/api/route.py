"""The definition of an API route: everything needed to serve it and to describe it in the OpenAPI document."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Literal, NamedTuple, Self

from reports.formats import FORMATS
from service.api.schemas.base import ApiSchema


class FileTypes(NamedTuple):
    """A response that is a file of one of these media types."""

    media_types: tuple[str, ...]

    @classmethod
    def of(cls, *formats: str) -> Self:
        """Return the type of a file in any of these formats of ``reports.formats``, such as "xlsx"."""
        return cls(tuple(FORMATS[form].media_type for form in formats))


class Multipart(NamedTuple):
    """A multipart form: its parts, and the media types that its files may have."""

    parts: ApiSchema
    media_types: Mapping[str, tuple[str, ...]]


class Route(NamedTuple):
    """One route.

    ``transaction`` is the kind of transaction that its view runs in: "read" (on a snapshot), "latest" (each statement sees what
    was committed before it), "write", or "own" (the view opens its own or needs none). ``response`` describes what it returns;
    None for an empty body. ``body`` is the schema of a JSON body, or the name of a schema of answers
    (``answer_schema.components``), which the view loads; ``form`` a multipart form, which it reads itself. ``fixed``: arguments
    that the path fixes. ``secret``: the response contains a secret that is shown only once, so it is never stored under an
    Idempotency-Key. ``open``: anyone may call it. ``reading``: the scope without which a caller gets back only what identifies
    what was written (``WrittenSchema``), not the rest of the response. ``withholds``: what it reads may be withheld, with 409.
    ``former_path``: the path in an earlier release, which still works (docs/api.md, "Former paths").
    ``optional``: there may be nothing at this path, with 404, although it has no variables.
    ``prepare``: what is done before the transaction, such as reading a file, so that no lock is held for so long; it returns
    further arguments of the view.
    """

    method: str
    path: str
    name: str
    view: Callable[..., Any]
    summary: str
    response: ApiSchema | FileTypes | None
    statuses: tuple[int, ...] = (200,)
    transaction: Literal["read", "latest", "write", "own"] = "read"
    query: ApiSchema | None = None
    body: ApiSchema | str | None = None
    form: Multipart | None = None
    fixed: dict[str, str] = {}
    versioned: bool = False
    secret: bool = False
    open: bool = False
    reading: str = ""
    former_path: str = ""
    withholds: bool = False
    optional: bool = False
    prepare: Callable[[], Mapping[str, Any]] | None = None
