"""The web application: pages for people and an API for programs, built on the same use cases."""

from __future__ import annotations

import hashlib
import time
import uuid
from collections.abc import Callable
from functools import cache
from pathlib import Path

import structlog
from flask import Flask, Response, g, request
from flask.sessions import SecureCookieSessionInterface
from flask_babel import Babel
from itsdangerous import URLSafeTimedSerializer
from jinja2 import StrictUndefined
from werkzeug.middleware.proxy_fix import ProxyFix

from service import api
from service.api.health import ReadinessCheck
from service.auth import calendar_links, caller, middleware
from service.auth.rate_limit import RateLimiter
from service.blob_store.address import open_blob_store
from service.db.account_tables import ApiKey
from service.db.calendar_tables import CalendarLink
from service.db.link_tables import SupplierLink
from service.db.session import Database, open_database
from service.decision_process import decide_here
from service.heartbeats import Pulse
from service.settings import Settings
from service.supplier_links import links
from service.web import (
    admin,
    calendar_feed,
    navigation,
    questionnaire,
    resumable_uploads,
    routes,
    security,
    shared_plan,
    supplier_texts,
    voice,
)
from service.wiring import error_handlers
from service.wiring.body_limits import get_limit

# Functions that register all routes on the application.
BLUEPRINTS: tuple[Callable[[Flask], None], ...] = (
    security.register,
    admin.register,
    routes.register,
    shared_plan.register,
    questionnaire.register,
    resumable_uploads.register,
    calendar_feed.register,
    voice.register,
    api.register,
)

# Nothing inline, nothing from other origins; Bootstrap's style sheet uses images at data: addresses.
CONTENT_SECURITY = "; ".join(
    (
        "default-src 'self'",
        "img-src 'self' data:",
        "object-src 'none'",
        "base-uri 'none'",
        "form-action 'self'",
        "frame-ancestors 'none'",
    )
)
HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
LANGUAGES = ("en-GB",)
log = structlog.get_logger("service")


def create_app(settings: Settings, database: Database | None = None) -> Flask:
    """Create the application with all its routes; it opens the database of the settings unless it is given one."""
    app = Flask("service", static_folder=None, template_folder="web/templates")
    app.config.update(
        WTF_CSRF_TIME_LIMIT=None,
        MAX_FORM_PARTS=1_000,
        PROVIDE_AUTOMATIC_OPTIONS=False,
        SEND_FILE_MAX_AGE_DEFAULT=3600,
        BABEL_DEFAULT_LOCALE="en_GB",
        BABEL_TRANSLATION_DIRECTORIES="web/translations",
    )
    app.static_folder = (
        "web/static"  # set here: given to Flask() it would add its route before the application is configured
    )
    app.add_url_rule("/static/<path:filename>", "static", app.send_static_file)
    app.url_defaults(_version_static_file)
    app.jinja_env.undefined = StrictUndefined
    app.jinja_env.globals.update(list_menu=navigation.list_menu)
    app.session_interface = FormSessions()
    Babel(app, locale_selector=_select_language, timezone_selector=_select_time_zone)
    app.before_request(_start_request)
    middleware.register(app)
    for register in BLUEPRINTS:
        register(app)
    app.after_request(_finish_response)
    error_handlers.register(app)  # last: a handler registered later would take precedence
    if database is None:
        database = open_database(settings.system_database, settings.database, settings.open_secret_keys())
    connect(app, settings, database)
    proxies = settings.proxies
    app.wsgi_app = ProxyFix(app.wsgi_app, x_for=proxies, x_proto=proxies, x_host=proxies)  # type: ignore[method-assign]
    return app


def connect(app: Flask, settings: Settings, database: Database) -> None:
    """Give an application its settings, its database and its files, and what counts requests and heartbeats there.

    The routes do not depend on them. An application that is connected again forgets what it was connected to before; only how
    many proxies it is behind is settled when it is created.
    """
    database.secret_keys = database.secret_keys or settings.open_secret_keys()
    cookie = {"SECURE": not settings.plain_http, "HTTPONLY": True, "SAMESITE": "Lax", "PATH": "/"}
    app.config.update({f"SESSION_COOKIE_{name}": value for name, value in cookie.items()})
    app.config.update(
        # Flask's own session holds the CSRF secret and nothing else; sign-ins are stored in the database.
        SESSION_COOKIE_NAME="diligence-form" if settings.plain_http else "__Host-diligence-form",
        MAX_CONTENT_LENGTH=settings.upload_bytes,
        TRUSTED_HOSTS=list(settings.hosts) or None,
    )
    app.extensions.update(
        settings=settings,
        database=database,
        blob_store=open_blob_store(settings.blob_store, database.secret_keys),
        decide=decide_here,
        rate_limiter=RateLimiter(database, settings.api_per_minute, ApiKey),
        link_limiter=RateLimiter(database, links.REQUESTS_PER_MINUTE, SupplierLink),
        calendar_limiter=RateLimiter(database, calendar_links.REQUESTS_PER_MINUTE, CalendarLink),
        readiness=ReadinessCheck(Pulse(database, "web")),
    )


class FormSessions(SecureCookieSessionInterface):
    """Signs the session of forms with the newest secret key at each moment, and accepts what the older ones signed."""

    def get_signing_serializer(self, app: Flask) -> URLSafeTimedSerializer | None:
        """Return what signs and checks the cookie of the session."""
        newest, *older = app.extensions["database"].secret_keys
        app.config.update(
            SECRET_KEY=newest,
            SECRET_KEY_FALLBACKS=older,
            WTF_CSRF_SECRET_KEY=[*reversed(older), newest],  # itsdangerous signs with the last one
        )
        return super().get_signing_serializer(app)


def _select_language() -> str:
    if request.blueprint in supplier_texts.BLUEPRINTS:
        return supplier_texts.select_locale()
    return (request.accept_languages.best_match(LANGUAGES) or LANGUAGES[0]).replace("-", "_")


def _version_static_file(endpoint: str, values: dict[str, object]) -> None:
    """Add a version to the addresses of static files: after an upgrade, no browser may show new pages with old styles."""
    if endpoint == "static":
        values["v"] = _hash_static_files()


@cache
def _hash_static_files() -> str:
    files = sorted((Path(__file__).parents[1] / "web/static").iterdir())
    return hashlib.sha256(b"".join(file.read_bytes() for file in files if file.is_file())).hexdigest()[:8]


def _select_time_zone() -> str:
    who = g.get("caller") or g.get("link")  # a supplier's link has the time zone of the organisation that sent it
    return who.time_zone if who is not None else "UTC"


def _start_request() -> None:
    g.started, g.request_id = time.perf_counter(), str(uuid.uuid4())
    structlog.contextvars.clear_contextvars()
    structlog.contextvars.bind_contextvars(request_id=g.request_id)
    if request.blueprint in supplier_texts.BLUEPRINTS:
        supplier_texts.use_translations()
    request.max_content_length = get_limit(caller.get_settings(), request.endpoint)
    if request.endpoint in ("pages.save_plan_workbook", "pages.save_language_file"):  # what its preview has shown
        request.max_form_memory_size = request.max_content_length


def _finish_response(response: Response) -> Response:
    """Add the headers that every response has, and log the request."""
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
    if not caller.get_settings().plain_http:
        response.headers.setdefault("Strict-Transport-Security", "max-age=31536000")
    response.headers.setdefault("Cache-Control", "no-store")  # static files have their own
    response.headers["X-Request-Id"] = g.request_id
    if request.blueprint == voice.pages.name:
        return response  # not even when somebody opened these pages is kept
    log.info(
        "request",
        method=request.method,
        route=str(request.url_rule) if request.url_rule else None,  # not the address: it may contain a name
        status=response.status_code,
        milliseconds=round(1000 * (time.perf_counter() - g.started), 1),
    )
    return response
