"""The door that every request goes through: who calls, may they, and did they mean it. It reads access.toml and fails closed."""

from __future__ import annotations

import structlog
from flask import Flask, Response, g, redirect, request, url_for
from flask_babel import gettext as _
from flask_wtf.csrf import CSRFProtect
from sqlalchemy import update
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as AnyResponse

from service.auth import keys, sessions
from service.auth.access import ACCESS, format_route
from service.auth.caller import Caller, get_database, get_settings
from service.clock import now
from service.db.tables import ApiKey, Organisation, SignIn, User
from service.errors import DomainError

# What somebody with a one-time password may do before they have set their own.
BEFORE_OWN_PASSWORD = ("account.password", "account.change_password", "account.sign_out")
csrf = CSRFProtect()


class UnlistedRoute(LookupError):
    """A route without a line in access.toml."""


def register(app: Flask) -> None:
    """Puts the door before every route of an application."""
    app.config["WTF_CSRF_CHECK_DEFAULT"] = False  # asked below, after it is known who calls
    csrf.init_app(app)
    app.before_request(_authenticate)


def _authenticate() -> AnyResponse | None:
    g.caller = None
    if request.endpoint is None:
        return None  # no such address or method: refused by the router after this
    route = format_route(request.method, request.endpoint)
    answer = None
    if route in ACCESS.api:
        _authenticate_key(ACCESS.api[route])
    elif route in ACCESS.pages:
        answer = _authenticate_session(ACCESS.pages[route])
    elif route in ACCESS.open:
        csrf.protect()
    else:
        raise UnlistedRoute(route)
    if g.caller is not None:
        structlog.contextvars.bind_contextvars(actor=g.caller.actor, organisation=g.caller.organisation_id)
    return answer


def get_cookie_name() -> str:
    """Name of the cookie that holds the token. The prefix makes browsers refuse one that was set by anybody else."""
    return "diligence" if get_settings().plain_http else "__Host-diligence"


def set_cookie(response: AnyResponse, token: str) -> None:
    """Hands the token of a sign-in to the browser."""
    response.set_cookie(get_cookie_name(), token, secure=not get_settings().plain_http, httponly=True, samesite="Lax", path="/")


def clear_cookie(response: AnyResponse) -> None:
    """Takes the token back."""
    response.delete_cookie(get_cookie_name(), secure=not get_settings().plain_http, httponly=True, samesite="Lax", path="/")


def _authenticate_session(roles: frozenset[str]) -> AnyResponse | None:
    """Lets a signed-in person of one of the roles through, or says where to sign in."""
    token = request.cookies.get(get_cookie_name(), "")
    found = None
    if token:
        with get_database().unscoped(write=False) as session:
            found = sessions.find_session(session, token, get_settings())
    if found is None:
        return _redirect_to_sign_in()
    sign_in, user, organisation = found
    g.caller, g.must_change_password = _build_caller(user, organisation), user.must_change_password
    _update_seen_at(sign_in)
    csrf.protect()
    if user.must_change_password and request.endpoint not in BEFORE_OWN_PASSWORD:
        return _redirect(url_for("account.password"))
    if user.role not in roles:
        raise DomainError(
            "forbidden", 403, _("Your role does not open this page. An admin of your organisation can change it.")
        )
    return None


def _build_caller(user: User, organisation: Organisation) -> Caller:
    return Caller(
        organisation.id, organisation.name, organisation.time_zone, f"user:{user.id}", user.name, role=user.role
    )


def set_caller(session: Session, user: User) -> None:
    """Makes a user who has just signed in the caller of the request that is under way."""
    g.caller = _build_caller(user, session.get_one(Organisation, user.organisation_id))


def must_change_password() -> bool:
    """Whether the caller came with a password for one sign-in."""
    return bool(g.must_change_password)


def _redirect_to_sign_in() -> AnyResponse:
    wanted = request.full_path.rstrip("?") if request.method == "GET" else None
    if request.headers.get("HX-Request"):
        wanted = None  # a part of a page is no place to come back to
    return _redirect(url_for("account.sign_in", next=wanted))


def _redirect(address: str) -> AnyResponse:
    # htmx would follow a redirect silently and put the page into a part of the other: it is told to go there instead.
    if request.headers.get("HX-Request"):
        return Response(status=401, headers={"HX-Redirect": address})
    return redirect(address, 303)


def _update_seen_at(sign_in: SignIn) -> None:
    if now() - sign_in.seen_at >= sessions.SEEN_EVERY:
        with get_database().for_organisation(sign_in.organisation_id) as session:
            session.execute(update(SignIn).where(SignIn.id == sign_in.id).values(seen_at=now()))


def _authenticate_key(scope: str) -> None:
    """Lets a key with a scope through. Cookies never open the API, so that no page of a stranger can call it."""
    scheme, _space, text = request.headers.get("Authorization", "").partition(" ")
    challenge = {"WWW-Authenticate": 'Bearer realm="diligence"'}
    if scheme.lower() != "bearer" or not text.strip():
        raise DomainError("key.missing", 401, "Send an API key: Authorization: Bearer dk_...", headers=challenge)
    with get_database().unscoped(write=False) as session:
        key = keys.find_key(session, text.strip())
    if key is None:
        challenge["WWW-Authenticate"] += ', error="invalid_token"'
        raise DomainError("key.invalid", 401, "There is no such key, or it has ended.", headers=challenge)
    g.caller = Caller(
        key.organisation_id, key.organisation, key.time_zone, f"key:{key.id}", key.name, scopes=key.scopes
    )
    if key.used_at is None or now() - key.used_at >= keys.USED_EVERY:
        with get_database().for_organisation(key.organisation_id) as session:
            session.execute(update(ApiKey).where(ApiKey.id == key.id).values(used_at=now()))
    if scope not in g.caller.scopes:
        challenge["WWW-Authenticate"] += f', error="insufficient_scope", scope="{scope}"'
        raise DomainError("key.scope", 403, f"This needs a key with the scope {scope}.", headers=challenge, scope=scope)
