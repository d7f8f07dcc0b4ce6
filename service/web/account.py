"""Signing in and out, and one's own password."""

from __future__ import annotations

from urllib.parse import urlsplit

import structlog
from flask import Blueprint, Flask, Response, flash, make_response, redirect, render_template, request, session, url_for
from flask_babel import gettext as _
from sqlalchemy import select
from werkzeug.wrappers import Response as AnyResponse

from service.audit import record_event
from service.auth import middleware, passwords, sessions, throttle, users
from service.auth.caller import get_caller, get_database, get_settings, read_session, write_session
from service.db.tables import User
from service.errors import DomainError
from service.web.navigation import home

pages = Blueprint("account", __name__)
log = structlog.get_logger("service")


def register(app: Flask) -> None:
    """Puts these pages on the application."""
    app.register_blueprint(pages)


@pages.get("/sign-in")
def sign_in() -> str:
    """The form to sign in with; ``next`` is the page that was asked for."""
    return render_template("sign_in.html", wanted=request.args.get("next", ""), email="", said=None)


@pages.post("/sign-in")
def enter() -> AnyResponse:
    """Signs in. Every failure gets one answer after the same work, whether or not there is such an account."""
    email, password = users.normalize_email(request.form.get("email", "")), request.form.get("password", "")
    attempt = _attempt(email)
    if isinstance(attempt, throttle.Blocked):
        return _sign_in_again(email, _too_many(attempt), 429, {"Retry-After": str(attempt.seconds)})
    with get_database().unscoped(write=False) as rows:
        user = rows.scalar(select(User).where(User.email == email))
    fits = passwords.verify_password(password, user.password_hash if user else passwords.DUMMY_HASH)
    if user is None or not fits or not user.active:
        log.warning("sign_in_failed", account=attempt.account[:12], address=attempt.address[:12])
        return _sign_in_again(email, _("The e-mail address or the password is wrong."), 403)
    throttle.clear_failures(get_database(), attempt)
    renewed = passwords.hash_password(password) if passwords.needs_rehash(user.password_hash) else None
    before = request.cookies.get(middleware.get_cookie_name(), "")
    with get_database().unscoped() as rows:
        sessions.end_session(rows, before)
        token = sessions.start_session(rows, user, get_settings())
        if renewed:
            rows.get_one(User, user.id).password_hash = renewed
    with get_database().for_organisation(user.organisation_id) as rows:
        record_event(rows, f"user:{user.id}", "user.signed_in", "user", user.id)
        middleware.set_caller(rows, user)
    session.clear()  # forms that were open before belonged to nobody
    response = redirect(_own(request.form.get("next", "")) or home(), 303)
    middleware.set_cookie(response, token)
    return response


@pages.post("/sign-out")
def sign_out() -> AnyResponse:
    """Ends this sign-in."""
    with write_session() as rows:
        sessions.end_session(rows, request.cookies.get(middleware.get_cookie_name(), ""))
        record_event(rows, get_caller().actor, "user.signed_out", "user", get_caller().id)
    return _signed_out()


@pages.post("/sign-out-everywhere")
def sign_out_everywhere() -> AnyResponse:
    """Ends every sign-in of this user, in whatever browser."""
    with write_session() as rows:
        sessions.end_all_sessions(rows, get_caller().id)
        record_event(rows, get_caller().actor, "user.signed_out_everywhere", "user", get_caller().id)
    return _signed_out()


@pages.get("/password")
def password() -> str:
    """The form to change one's own password."""
    return _password_form(None)


@pages.post("/password")
def change_password() -> AnyResponse:
    """Changes one's own password, ends every other sign-in and starts this one anew."""
    current, new = request.form.get("current", ""), request.form.get("new", "")
    with read_session() as rows:
        user = users.get_user(rows, get_caller().id)
    attempt = _attempt(user.email)  # whoever finds a browser signed in must not guess here either
    if isinstance(attempt, throttle.Blocked):
        refused = DomainError("sign_in.wait", 429, _too_many(attempt), headers={"Retry-After": str(attempt.seconds)})
        return _password_again(refused)
    if not passwords.verify_password(current, user.password_hash):
        return _password_again(DomainError("password.wrong", 422, _("The current password is wrong.")))
    throttle.clear_failures(get_database(), attempt)
    if new != request.form.get("again", ""):
        return _password_again(DomainError("password.differs", 422, _("The two new passwords differ.")))
    if new == current:
        return _password_again(DomainError("password.same", 422, _("The new password is the current one.")))
    try:
        with write_session() as rows:
            users.change_password(rows, user.id, new)
            token = sessions.start_session(rows, user, get_settings())
    except DomainError as refused:
        return _password_again(refused)
    session.clear()
    flash(_("Your password is changed. Other browsers have been signed out."))
    response = redirect(home(), 303)
    middleware.set_cookie(response, token)
    return response


def _attempt(email: str) -> throttle.AllowedAttempt | throttle.Blocked:
    return throttle.register_attempt(get_database(), get_settings().get_secret_key(), email, request.remote_addr or "")


def _too_many(wait: throttle.Blocked) -> str:
    return str(_("Too many attempts. Try again in %(seconds)s seconds.", seconds=wait.seconds))


def _own(wanted: str) -> str | None:
    """A page of ours that was asked for before signing in; None for an address that leads elsewhere."""
    parts = urlsplit(wanted)
    local = wanted.startswith("/") and not wanted.startswith(("//", "/\\")) and wanted.isprintable()
    return wanted if local and not parts.scheme and not parts.netloc else None


def _sign_in_again(email: str, said: str, status: int, headers: dict[str, str] | None = None) -> Response:
    page = render_template("sign_in.html", wanted=request.form.get("next", ""), email=email, said=said)
    return make_response(page, status, headers or {})


def _password_form(refused: DomainError | None) -> str:
    with read_session() as rows:
        email = users.get_user(rows, get_caller().id).email
    return render_template(
        "password.html",
        email=email,
        refused=refused,
        shortest=passwords.MIN_LENGTH,
        forced=middleware.must_change_password(),
    )


def _password_again(refused: DomainError) -> Response:
    return make_response(_password_form(refused), refused.status, refused.headers)


def _signed_out() -> AnyResponse:
    session.clear()
    response = redirect(url_for("account.sign_in"), 303)
    middleware.clear_cookie(response)
    return response
