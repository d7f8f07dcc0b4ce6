"""The log: one JSON object per line, on standard error. It never contains what a cell, a form or an answer says.

Lines carry codes, counts and ids. For an exception, they give its type and where it was raised, but not its message, since
messages quote values.
"""

from __future__ import annotations

import logging
import sys
import traceback
from collections.abc import MutableMapping
from typing import Any, TextIO

import orjson
import structlog


def configure_logging(level: str = "INFO", stream: TextIO | None = None) -> None:
    """Send the log of this service and its libraries to a stream (by default standard error), in one format."""
    shared: list[structlog.types.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        replace_exception,
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
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, _render_json],
            keep_exc_info=False,
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level)
    # A line that cannot be written is dropped: what Python prints instead would quote the error.
    logging.raiseExceptions = False
    # The service logs each request itself; werkzeug would log the address with its query. The other two log every step.
    for name in ("werkzeug", "alembic", "apscheduler"):
        logging.getLogger(name).setLevel(logging.WARNING)


def _render_json(_: object, __: str, line: MutableMapping[str, Any]) -> str:
    return orjson.dumps(line, default=lambda value: type(value).__name__).decode()


def replace_exception(_: object, __: str, line: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Replace an exception by its type and stack frames, innermost last, followed by those of its causes."""
    exc_info = line.pop("exc_info", None)
    error = exc_info if isinstance(exc_info, BaseException) else exc_info[1] if isinstance(exc_info, tuple) else None
    if exc_info is True:
        error = sys.exception()
    if error is not None:
        line["error"] = list(_describe_chain(error))
    return line


def _describe_chain(error: BaseException) -> list[dict[str, Any]]:
    chain: list[dict[str, Any]] = []
    seen: set[int] = set()
    step: BaseException | None = error
    while step is not None and id(step) not in seen:
        seen.add(id(step))
        frames = traceback.extract_tb(step.__traceback__)
        chain.append({"type": type(step).__qualname__, "at": [f"{f.filename}:{f.lineno} {f.name}" for f in frames]})
        step = step.__cause__ or step.__context__
    return chain
