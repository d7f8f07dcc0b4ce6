"""Error responses: problem objects for the API (RFC 9457) and one page for people.

Use cases raise ``DomainError``. Trouble with the database or the disk (``service/trouble.py``) is answered with 503, and logged
with its cause. Any other exception is a bug: the caller is given the request id but none of its text, and the log records the id
with the place where it was raised.
"""

from __future__ import annotations

from typing import Any

import orjson
import structlog
from flask import Flask, Response, g, make_response, render_template, request
from flask_babel import gettext as _
from flask_wtf.csrf import CSRFError
from werkzeug.exceptions import HTTPException, InternalServerError, SecurityError

from reports.formatting import format_number
from service.api import scim
from service.auth.middleware import find_page_to_return_to
from service.errors import DomainError, build_problem
from service.trouble import find_trouble

log = structlog.get_logger("service")


SCIM_ERROR = "urn:ietf:params:scim:api:messages:2.0:Error"  # RFC 7644, 3.12
# Error codes of HTTP errors.
CODES = {
    400: "request.bad",
    401: "sign_in.missing",
    403: "forbidden",
    404: "not_found",
    405: "method.not_allowed",
    406: "not_acceptable",
    408: "request.too_slow",
    412: "precondition.failed",
    413: "request.too_large",
    415: "media_type.unsupported",
    422: "request.invalid",
    429: "too_many_requests",
}


def register(app: Flask) -> None:
    """Register the error handlers. Call it last: a handler registered later would take precedence."""
    app.register_error_handler(DomainError, render_error)
    app.register_error_handler(HTTPException, _handle_http_error)
    app.register_error_handler(Exception, _handle_unexpected_error)


def is_api_request() -> bool:
    """Return whether the request is for the API, which answers with problem objects rather than pages."""
    return request.path.startswith("/api/") or request.endpoint == "metrics.show"


def render_error(error: DomainError) -> Response:
    """Return the response to a refused request: a problem object for the API, SCIM's own for SCIM, a page for people."""
    if request.path.startswith(f"{scim.PREFIX}/"):
        refused = {"schemas": [SCIM_ERROR], "status": str(error.status), "detail": error.detail}
        response = Response(orjson.dumps(refused), error.status, content_type=scim.MEDIA_TYPE)
    elif is_api_request():
        body = build_problem(error.code, error.status, error.detail, **error.extra)
        body["instance"] = f"urn:uuid:{g.request_id}"
        response = Response(orjson.dumps(body), error.status, content_type="application/problem+json")
    else:
        page = render_template(
            "error.html", error=error, title=_build_titles().get(error.status, _("Something went wrong"))
        )
        response = make_response(page, error.status)
    response.headers.update(error.headers)
    return response


def _build_titles() -> dict[int, str]:
    return {
        403: _("Access denied"),
        404: _("Page not found"),
        413: _("Too large"),
        429: _("Too many requests"),
        500: _("Server error"),
        503: _("Temporarily unavailable"),
    }


def _handle_http_error(error: HTTPException) -> Response:
    status = error.code or 500
    if isinstance(error, SecurityError):  # an unknown host: there is no address to build a page with
        return Response("Unknown host name.\n", 400, content_type="text/plain; charset=utf-8")
    if isinstance(error, CSRFError):
        return make_response(render_template("form_expired.html", return_to=find_page_to_return_to()), 400)
    if status >= 500:
        return _handle_unexpected_error(error)
    headers = {
        name: value
        for name, value in error.get_headers(request.environ)
        if name not in ("Content-Type", "Content-Length")
    }
    detail = {
        404: _("This page was not found, or you do not have access to it."),
        405: _("%(method)s is not allowed for this URL.", method=request.method),
        413: _describe_limit(),
        415: _("This URL does not accept this content type."),
        429: _("Too many requests. Wait a moment and try again."),
    }.get(status, _("The request is invalid."))
    code = CODES.get(status, f"http.{status}")
    extra: dict[str, Any] = {}
    if status == 413:
        extra = {"title": "Request too large"} | ({} if _is_small_enough() else {"limit": request.max_content_length})
    return render_error(DomainError(code, status, detail, headers=headers, **extra))


def _is_small_enough() -> bool:
    """Return whether the size of a request is accepted. If so, Werkzeug refused the number of its parts or their text."""
    most, size = request.max_content_length, request.content_length
    return most is not None and size is not None and size <= most


def _describe_limit() -> str:
    if _is_small_enough():
        text = _(
            "The request is too large: at most %(parts)s fields and files, with %(text)s bytes of text, are accepted.",
            parts=format_number(request.max_form_parts or 0),
            text=format_number(request.max_form_memory_size or 0),
        )
    else:
        text = _("The request is too large: at most %(most)s bytes are accepted here.", most=request.max_content_length)
    return str(text)


def _handle_unexpected_error(error: Exception) -> Response:
    if isinstance(error, InternalServerError) and isinstance(error.original_exception, Exception):
        error = error.original_exception  # what was raised after the view, such as by recording a read
    trouble = find_trouble(error)
    if trouble is not None:
        log.error("trouble", code=trouble.code, exc_info=error)
        return render_error(trouble)
    log.error("unexpected_error", exc_info=error)
    return render_error(
        DomainError("fault", 500, _("An internal error occurred. It has been logged with the ID of this request."))
    )
