"""The log: one JSON object a line, on standard error. It never holds what stood in a cell, a form or an answer.

Lines carry codes, counts and ids. Of an exception they carry its type and where it was raised, not its message: messages
quote the value at fault.
"""

from __future__ import annotations

import logging
import sys
import traceback
from collections.abc import MutableMapping
from typing import Any, TextIO

import orjson
import structlog


def set_up(level: str = "INFO", stream: TextIO | None = None) -> None:
    """Sends our lines and those of the libraries to a stream, standard error unless told, in one shape."""
    shared: list[structlog.types.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        place_of_error,
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, _as_json],
            keep_exc_info=False,
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level)
    # A line that cannot be written is let go: what Python prints instead would quote the error.
    logging.raiseExceptions = False
    # One line for each request is ours; theirs would quote the address with its query. The other two tell every step.
    for name in ("werkzeug", "alembic", "apscheduler"):
        logging.getLogger(name).setLevel(logging.WARNING)


def _as_json(_: object, __: str, line: MutableMapping[str, Any]) -> str:
    return orjson.dumps(line, default=lambda value: type(value).__name__).decode()


def place_of_error(_: object, __: str, line: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Replaces an exception by its type and the places it came through, innermost last, and those of its causes."""
    given = line.pop("exc_info", None)
    error = given if isinstance(given, BaseException) else given[1] if isinstance(given, tuple) else None
    if given is True:
        error = sys.exception()
    if error is not None:
        line["error"] = list(_chain(error))
    return line


def _chain(error: BaseException) -> list[dict[str, Any]]:
    chain: list[dict[str, Any]] = []
    seen: set[int] = set()
    step: BaseException | None = error
    while step is not None and id(step) not in seen:
        seen.add(id(step))
        frames = traceback.extract_tb(step.__traceback__)
        chain.append({"type": type(step).__qualname__, "at": [f"{f.filename}:{f.lineno} {f.name}" for f in frames]})
        step = step.__cause__ or step.__context__
    return chain
