"""SCIM 2.0 at ``/scim/v2``, for identity providers. It is not in the OpenAPI document: RFC 7643 and 7644 describe it, and
``/scim/v2/Schemas`` says which attributes there are. Its answers, also to refused requests, are those of RFC 7644.
"""

from __future__ import annotations

from flask import Blueprint, Response, jsonify, request

from service.api import handler
from service.auth.caller import get_caller, get_database

PREFIX = "/scim/v2"
MEDIA_TYPE = "application/scim+json"
pages = Blueprint("scim", __name__, url_prefix=PREFIX)
pages.before_request(handler.count_request)
pages.after_request(handler.finish)


@pages.route("/<path:scim_path>", methods=["GET", "POST", "PUT", "PATCH", "DELETE"])
def handle(scim_path: str) -> Response:
    """Serve a SCIM request on the users and groups of the organisation of the API key."""
    # pydantic takes a second to load, and most installations have no SCIM.
    from scim2_models import InvalidValueException, SCIMException  # noqa: PLC0415
    from scim2_server.requests import ScimRequest  # noqa: PLC0415

    from service.auth.scim import server  # noqa: PLC0415

    asked = ScimRequest(
        method="GET" if request.method == "HEAD" else request.method,
        base_url=request.root_url.rstrip("/") + PREFIX,
        path=f"/{scim_path}",
        query=request.args.to_dict(),
        headers=list(request.headers.items()),
        body=request.get_data(),
    )
    caller = get_caller()
    try:
        if b"\\u0000" in asked.body or "\0" in str(asked.query):
            raise InvalidValueException(detail="A text must not contain the character U+0000.")
        with get_database().for_organisation(caller.organisation_id, write=request.method != "GET") as session:
            answer = server.handle(session, caller.actor, asked)
    except SCIMException as error:
        answer = server.build_error(error)
    response = jsonify(answer.body) if answer.body is not None else Response()
    response.status_code = answer.status
    response.headers.update(answer.headers)
    return response
