"""All routes of the API in one list, collected from the tables of its resources in ``resources/``."""

from __future__ import annotations

from functools import cache

import orjson
from flask import Blueprint, Flask, Response

from service.api import answer_bundles, handler, health, metrics, oauth, openapi, scim
from service.api.resources import (
    assessments,
    campaigns,
    cases,
    connected_systems,
    evidence,
    imports,
    languages,
    matching,
    method,
    organisation,
    outgoing,
    own_practices,
    portfolio,
    referrals,
    remediation,
    reports,
    schedules,
    suppliers,
    users,
    worker_surveys,
)
from service.api.route import Route
from service.auth.caller import get_settings
from service.settings import Settings

PREFIX = "/api/v1"


def _document() -> Response:
    return Response(document_bytes(get_settings()), content_type="application/json")


ROUTES: tuple[Route, ...] = (
    *assessments.ROUTES,
    *portfolio.ROUTES,
    *suppliers.build_routes("site"),
    *suppliers.build_routes("agency"),
    *campaigns.ROUTES,
    *evidence.ROUTES,
    *suppliers.ROUTES,
    *remediation.ROUTES,
    *worker_surveys.ROUTES,
    *cases.ROUTES,
    *matching.ROUTES,
    *own_practices.ROUTES,
    *imports.ROUTES,
    *reports.ROUTES,
    *languages.ROUTES,
    *referrals.ROUTES,
    *schedules.ROUTES,
    *method.ROUTES,
    *users.ROUTES,
    *connected_systems.ROUTES,
    *outgoing.ROUTES,
    *organisation.ROUTES,
    Route(
        "GET", "/openapi.json", "openapi", _document, "Get this OpenAPI document.", None, transaction="own", open=True
    ),
)


@cache
def document_bytes(limits: Settings) -> bytes:
    """Return the OpenAPI document of an installation with these settings, as JSON."""
    made = openapi.document(route for route in ROUTES if not route.open)
    # The only values that are not JSON already are the limits that this installation sets.
    return orjson.dumps(made, default=lambda limit: getattr(limits, limit.setting))


def register(app: Flask) -> None:
    """Register the API, its two health checks and the metrics with the application."""
    api = Blueprint("api", __name__, url_prefix=PREFIX)
    for route in ROUTES:
        view = handler.handler(route)
        for path in filter(None, (route.path, route.former_path)):
            api.add_url_rule(path, route.name, view, methods=[route.method])
    api.before_request(handler.count_request)
    api.after_request(handler.finish)
    app.register_blueprint(api)
    app.register_blueprint(health.pages)
    app.register_blueprint(answer_bundles.pages)
    app.register_blueprint(oauth.pages)
    app.register_blueprint(scim.pages)
    metrics.register(app)
