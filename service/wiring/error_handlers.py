"""What a caller is told when something cannot be: one shape for the API (RFC 9457) and one page for people.

A use case raises ``Refused``. Whatever else arrives here is a fault of ours: the caller gets an id and nothing of its text,
the log gets the id with where it happened.
"""

from __future__ import annotations

import orjson
import structlog
from flask import Flask, Response, g, make_response, render_template, request
from flask_babel import gettext as _
from flask_wtf.csrf import CSRFError
from werkzeug.exceptions import HTTPException, SecurityError

from service.errors import DomainError, build_problem

log = structlog.get_logger("service")

# What HTTP refuses by itself, in our codes.
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
    """Every error of this application in the shape of its face. Call it last: a later handler would win."""
    app.register_error_handler(DomainError, render_error)
    app.register_error_handler(HTTPException, _handle_http_error)
    app.register_error_handler(Exception, _handle_unexpected_error)


def is_api_request() -> bool:
    """Whether the request came to the API and wants a problem object rather than a page."""
    return request.path.startswith("/api/")


def render_error(refused: DomainError) -> Response:
    """The answer to a refused request: a problem object for the API, a page for people."""
    if is_api_request():
        body = build_problem(refused.code, refused.status, refused.detail, **refused.extra)
        body["instance"] = f"urn:uuid:{g.request_id}"
        response = Response(orjson.dumps(body), refused.status, content_type="application/problem+json")
    else:
        page = render_template(
            "error.html", refused=refused, title=_build_titles().get(refused.status, _("That did not work"))
        )
        response = make_response(page, refused.status)
    response.headers.update(refused.headers)
    return response


def _build_titles() -> dict[int, str]:
    return {
        403: _("Not open to you"),
        404: _("Nothing here"),
        413: _("Too large"),
        429: _("Too many attempts"),
        500: _("A fault of ours"),
        503: _("Not available just now"),
    }


def _handle_http_error(error: HTTPException) -> Response:
    status = error.code or 500
    if isinstance(error, SecurityError):  # the host is not ours: there is no address to build a page with
        return Response(
            "This service does not answer to that host name.\n", 400, content_type="text/plain; charset=utf-8"
        )
    if isinstance(error, CSRFError):
        return render_error(
            DomainError("form.stale", 400, _("This form has become stale. Go back, reload the page and send it again."))
        )
    if status >= 500:
        return _handle_unexpected_error(error)
    kept = {
        name: value
        for name, value in error.get_headers(request.environ)
        if name not in ("Content-Type", "Content-Length")
    }
    detail = {
        404: _("There is nothing at this address, or it is not yours to see."),
        405: _("This address does not take %(method)s.", method=request.method),
        413: _("The request is larger than this service takes."),
        415: _("The body is of a type that this address does not take."),
        429: _("Too many requests. Wait a while and try again."),
    }.get(status, _("The request cannot be understood."))
    return render_error(DomainError(CODES.get(status, f"http.{status}"), status, detail, headers=kept))


def _handle_unexpected_error(error: Exception) -> Response:
    log.error("our_fault", exc_info=error)
    return render_error(
        DomainError(
            "fault", 500, _("Something went wrong on our side. It has been logged under the id of this request.")
        )
    )
