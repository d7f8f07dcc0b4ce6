"""Authentication of every request, access checks by access.toml (which fail closed), and CSRF protection.

A request through a link needs no CSRF token: nobody can forge one without the token in its address. So suppliers get no cookie.
"""

from __future__ import annotations

import hashlib
import re
from urllib.parse import urlsplit

import structlog
from flask import Flask, Response, abort, current_app, g, redirect, request, url_for
from flask_babel import gettext as _
from flask_wtf.csrf import CSRFProtect
from sqlalchemy import update
from sqlalchemy.orm import Session
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response as AnyResponse

from service.audit import record_event
from service.auth import (
    access_tokens,
    calendar_links,
    keys,
    providers,
    second_factors,
    sessions,
    survey_links,
    throttle,
)
from service.auth.access import ACCESS, format_route
from service.auth.calendar_links import ActiveCalendar
from service.auth.caller import Caller, get_database, get_settings
from service.auth.rate_limit import RateLimiter
from service.auth.throttle import DEVICE_LIFETIME
from service.clock import now
from service.db.account_tables import ApiKey, SignIn, User
from service.db.tables import Organisation
from service.errors import DomainError
from service.supplier_links import links
from service.supplier_links.links import ActiveLink

# Pages that a user with a one-time password may call before setting their own.
BEFORE_OWN_PASSWORD = ("account.password", "account.change_password", "account.sign_out")
# Pages that a user who needs a second factor may call before setting one up.
BEFORE_SECOND_FACTOR = (
    *BEFORE_OWN_PASSWORD, "account.second_factor", "account.add_totp", "account.add_passkey", "account.confirm",
    "account.confirm_password",
)  # fmt: skip
OBJECT_ID = re.compile(r"<(\w+_id)>")
NUL = "\0"  # PostgreSQL can neither store a NUL nor search for one
csrf = CSRFProtect()


class UnlistedRoute(LookupError):
    """A route without a line in access.toml."""


def register(app: Flask) -> None:
    """Authenticate every request of an application before its route is called."""
    app.config["WTF_CSRF_CHECK_DEFAULT"] = False  # checked below, after the caller is known
    csrf.init_app(app)
    app.before_request(_authenticate)
    app.after_request(_record_read)


def _authenticate() -> AnyResponse | None:
    g.caller = g.link = g.calendar = g.survey = None
    if request.endpoint is None:
        return None  # no such address or method: the router refuses it
    if NUL in request.path:
        abort(404)
    route = format_route(request.method, request.endpoint)
    response = None
    if route in ACCESS.api:
        _authenticate_key(ACCESS.api[route])
    elif route in ACCESS.pages:
        response = _authenticate_session(ACCESS.pages[route])
    elif ACCESS.links.get(route) == survey_links.SURVEY:
        _find_survey()
    elif route in ACCESS.links:
        _authenticate_link(ACCESS.links[route])
    elif route in ACCESS.open:
        csrf.protect()
    elif route in ACCESS.machines:
        pass  # its view checks the credential in the body; there is no cookie that another site could use
    else:
        raise UnlistedRoute(route)
    if g.caller is not None:
        structlog.contextvars.bind_contextvars(actor=g.caller.actor, organisation=g.caller.organisation_id)
    if response is None and route not in ACCESS.api:
        _refuse_nul()
    return response


def _record_read(response: Response) -> Response:
    """Record a read that the audit trail has to show before its response is sent: what cannot be recorded is not handed out."""
    action = ACCESS.audited_reads.get(format_route(request.method, request.endpoint)) if request.endpoint else None
    if action is not None and response.status_code == 200 and g.caller is not None:
        named = [str((request.view_args or {})[name]) for name in OBJECT_ID.findall(str(request.url_rule))]
        with get_database().for_organisation(g.caller.organisation_id) as session:
            record_event(session, g.caller.actor, action, action.partition(".")[0], named[-1] if named else "all")
    return response


def _refuse_nul() -> None:
    """Refuse a page's fields with a NUL; the API checks its own fields."""
    if any(NUL in text for _name, texts in request.values.lists() for text in texts):
        abort(400)


def get_cookie_name() -> str:
    """Return the name of the session cookie. Its prefix makes browsers refuse cookies set by other hosts."""
    return "diligence" if get_settings().plain_http else "__Host-diligence"


def set_cookie(response: AnyResponse, token: str) -> None:
    """Set the session cookie of a response to a token."""
    response.set_cookie(
        get_cookie_name(), token, secure=not get_settings().plain_http, httponly=True, samesite="Lax", path="/"
    )


def clear_cookie(response: AnyResponse) -> None:
    """Delete the session cookie."""
    response.delete_cookie(
        get_cookie_name(), secure=not get_settings().plain_http, httponly=True, samesite="Lax", path="/"
    )


def get_device_cookie_name(email: str) -> str:
    """Return the name of the cookie that makes a browser a known device of an account (service/auth/throttle.py)."""
    account = hashlib.sha256(email.encode()).hexdigest()[:12]
    return f"{get_cookie_name()}-device-{account}"


def set_device_cookie(response: AnyResponse, email: str, value: str) -> None:
    """Make the browser a known device of an account."""
    response.set_cookie(
        get_device_cookie_name(email),
        value,
        max_age=DEVICE_LIFETIME,
        secure=not get_settings().plain_http,
        httponly=True,
        samesite="Lax",
        path="/",
    )


def _authenticate_session(roles: frozenset[str]) -> AnyResponse | None:
    """Authenticate a signed-in user with one of the roles, or return a redirect to the sign-in page."""
    token = request.cookies.get(get_cookie_name(), "")
    row = None
    if token:
        with get_database().unscoped(write=False) as session:
            row = sessions.find_session(session, token, get_settings())
    if row is None:
        return _redirect_to_sign_in()
    sign_in, user, organisation, has_second_factor, account = row
    if account is not None and not providers.check_account(get_database(), account, get_settings()):
        return _redirect_to_sign_in()
    g.caller, g.sign_in, g.must_change_password = _build_caller(user, organisation), sign_in, user.must_change_password
    _update_seen_at(sign_in)
    csrf.protect()
    if user.must_change_password and request.endpoint not in BEFORE_OWN_PASSWORD:
        return _redirect(url_for("account.password"))
    # The provider is responsible for the second factor of those who come through it.
    lacks_second_factor = account is None and not has_second_factor and second_factors.needs_factor(user, organisation)
    if lacks_second_factor and request.endpoint not in BEFORE_SECOND_FACTOR:
        return _redirect(url_for("account.second_factor"))
    if user.role not in roles:
        raise DomainError(
            "forbidden",
            403,
            _("Your role does not have access to this page. An admin in your organisation can change your role."),
        )
    if format_route(request.method, request.endpoint or "") in ACCESS.sign_in_again and not sessions.is_recent(sign_in):
        return _redirect(url_for("account.confirm", next=find_page_to_return_to()))
    return None


def find_page_to_return_to() -> str | None:
    """Return the page to open once the user has signed in or confirmed who they are: this one, or the one whose form was sent."""
    if request.method == "GET":
        return request.full_path.rstrip("?")
    try:
        form = urlsplit(request.referrer or "")
        if form.netloc != request.host:
            return None
        current_app.url_map.bind(request.host).match(form.path, method="GET")
    except (ValueError, HTTPException):  # no address, or that of an error, which cannot be opened again
        return None
    return f"{form.path}?{form.query}".rstrip("?")


def _build_caller(user: User, organisation: Organisation) -> Caller:
    return Caller(
        organisation.id, organisation.name, organisation.time_zone, f"user:{user.id}", user.name, role=user.role
    )


def set_caller(session: Session, user: User) -> None:
    """Make a user who has just signed in the caller of the current request."""
    g.caller = _build_caller(user, session.get_one(Organisation, user.organisation_id))


def get_sign_in() -> SignIn:
    """Return the session of the signed-in user. Raises AttributeError on a route for anybody else."""
    sign_in: SignIn = g.sign_in
    return sign_in


def must_change_password() -> bool:
    """Return whether the caller signed in with a one-time password."""
    return bool(g.must_change_password)


def _redirect_to_sign_in() -> AnyResponse:
    # A fragment of a page is not a page to return to after signing in.
    next_path = None if request.headers.get("HX-Request") else find_page_to_return_to()
    return _redirect(url_for("account.sign_in", next=next_path))


def _redirect(address: str) -> AnyResponse:
    # htmx would follow the redirect and insert the page into a fragment: this header makes the browser go there instead.
    if request.headers.get("HX-Request"):
        return Response(status=401, headers={"HX-Redirect": address})
    return redirect(address, 303)


def _update_seen_at(sign_in: SignIn) -> None:
    if now() - sign_in.seen_at >= sessions.SEEN_EVERY:
        seen = update(SignIn).where(SignIn.id == sign_in.id).values(seen_at=now())
        get_database().note(sign_in.organisation_id, lambda session: session.execute(seen))


def _authenticate_link(purpose: str) -> None:
    """Authenticate the link whose token is in the address. Every token that opens nothing gets the same answer."""
    token = str((request.view_args or {})["token"])
    is_calendar = purpose == calendar_links.CALENDAR
    link: ActiveLink | ActiveCalendar | None
    with get_database().unscoped(write=False) as session:
        link = calendar_links.find_link(session, token) if is_calendar else links.find_link(session, token, purpose)
    if isinstance(link, ActiveCalendar) and link.account is not None:
        link = link if providers.check_account(get_database(), link.account, get_settings()) else None
    if link is None:
        blocked = throttle.register_unknown_link(
            get_database(), get_settings().get_secret_key(), request.remote_addr or ""
        )
        if blocked is not None:
            raise _too_many_requests(blocked.seconds)
        abort(404)
    if is_calendar:
        g.calendar = link
    else:
        g.link = link
    structlog.contextvars.bind_contextvars(actor=link.actor, organisation=link.organisation_id)
    limiter: RateLimiter = current_app.extensions["calendar_limiter" if is_calendar else "link_limiter"]
    hit = limiter.hit(link)
    if not hit.allowed:
        raise _too_many_requests(hit.seconds)


def _find_survey() -> None:
    """Find the survey whose address a worker opens. Nothing is counted or written, since that would show when workers answer: an
    address is no secret, and a code is too long to be guessed.
    """
    address = str((request.view_args or {})["address"])
    with get_database().unscoped(write=False) as session:
        g.survey = survey_links.find_survey(session, address)
    if g.survey is None:
        abort(404)


def _too_many_requests(seconds: int) -> DomainError:
    detail = _("Too many requests. Wait a moment and try again.")
    return DomainError("too_many_requests", 429, detail, headers={"Retry-After": str(seconds)})


def _authenticate_key(scope: str) -> None:
    """Authenticate an API key with a scope. Cookies are not accepted, so that pages of other sites cannot call the API."""
    scheme, _space, text = request.headers.get("Authorization", "").partition(" ")
    challenge = {"WWW-Authenticate": 'Bearer realm="diligence"'}
    if scheme.lower() != "bearer" or not text.strip():
        raise DomainError(
            "key.missing", 401, "Send an API key in the header: Authorization: Bearer dk_...", headers=challenge
        )
    key = access_tokens.find_token(get_database(), text.strip())
    if key is None:
        with get_database().unscoped(write=False) as session:
            key = keys.find_key(session, text.strip())
    if key is not None and key.account is not None:
        key = key if providers.check_account(get_database(), key.account, get_settings()) else None
    if key is None:
        challenge["WWW-Authenticate"] += ', error="invalid_token"'
        raise DomainError(
            "key.invalid",
            401,
            "This API key or token does not exist, has expired or was revoked, or its owner no longer has access.",
            headers=challenge,
        )
    g.caller = Caller(
        key.organisation_id,
        key.organisation,
        key.time_zone,
        f"key:{key.id}",
        key.name,
        scopes=key.scopes,
        key_owner_id=key.owner_id,
    )
    if key.used_at is None or now() - key.used_at >= keys.USED_EVERY:
        used = update(ApiKey).where(ApiKey.id == key.id).values(used_at=now())
        get_database().note(key.organisation_id, lambda session: session.execute(used))
    if scope not in g.caller.scopes:
        challenge["WWW-Authenticate"] += f', error="insufficient_scope", scope="{scope}"'
        raise DomainError(
            "key.scope",
            403,
            f"This request requires an API key with the scope {scope}.",
            headers=challenge,
            scope=scope,
        )
