"""Pages for signing in, signing out and changing one's own password."""

from __future__ import annotations

from datetime import timedelta
from urllib.parse import urlsplit

import structlog
from flask import Blueprint, Flask, Response, flash, make_response, redirect, render_template, request, session, url_for
from flask_babel import gettext as _
from sqlalchemy import select
from werkzeug.wrappers import Response as AnyResponse

from service.audit import record_event
from service.auth import middleware, passwords, sessions, throttle, users
from service.auth.caller import get_caller, get_database, get_settings, read_session, write_session
from service.db.account_tables import User
from service.errors import DomainError
from service.web.navigation import get_home_url

FAILURES_GROUPED = timedelta(hours=1)  # within which failed sign-ins of an account are one event in the audit trail
pages = Blueprint("account", __name__)
log = structlog.get_logger("service")


def register(app: Flask) -> None:
    """Register these pages on the application."""
    app.register_blueprint(pages)


@pages.get("/sign-in", endpoint="sign_in")
def show_sign_in_form() -> str:
    """Show the sign-in form; the parameter ``next`` is the page to open afterwards."""
    return render_template("sign_in.html", next_url=request.args.get("next", ""), email="", error=None)


@pages.post("/sign-in", endpoint="enter")
def sign_in() -> AnyResponse:
    """Sign a user in. Every failure gets the same response after the same work, whether or not the account exists."""
    email, password = users.normalize_email(request.form.get("email", "")), request.form.get("password", "")
    secret_keys = get_settings().get_secret_keys()
    secret = secret_keys[0]
    cookie = request.cookies.get(middleware.get_device_cookie_name(email), "")
    device = next(filter(None, (throttle.read_device_cookie(each, email, cookie) for each in secret_keys)), None)
    attempt = throttle.register_attempt(get_database(), secret, email, request.remote_addr or "", device)
    if isinstance(attempt, throttle.Blocked):
        return _render_sign_in_error(email, _format_wait(attempt), 429, {"Retry-After": str(attempt.seconds)})
    with get_database().unscoped(write=False) as db_session:
        user = db_session.scalar(select(User).where(User.email == email))
    password_matches = passwords.verify_password(password, user.password_hash if user else passwords.DUMMY_HASH)
    if user is None or not password_matches or not user.active:
        log.warning("sign_in_failed", account=attempt.account[:12], address=attempt.address[:12])
        if user is not None:
            _record_failure(user, attempt)
        return _render_sign_in_error(email, _("Incorrect email address or password."), 403)
    throttle.clear_failures(get_database(), attempt)
    if users.has_expired_password(user):
        expired = _("This temporary password has expired. Ask an admin in your organisation to reset your password.")
        return _render_sign_in_error(email, expired, 403)
    new_hash = passwords.hash_password(password) if passwords.needs_rehash(user.password_hash) else None
    old_token = request.cookies.get(middleware.get_cookie_name(), "")
    with get_database().unscoped() as db_session:
        sessions.end_session(db_session, old_token)
        token = sessions.start_session(db_session, user, get_settings())
        if new_hash:
            db_session.get_one(User, user.id).password_hash = new_hash
    with get_database().for_organisation(user.organisation_id) as db_session:
        record_event(db_session, f"user:{user.id}", "user.signed_in", "user", user.id)
        middleware.set_caller(db_session, user)
    session.clear()  # forms that were opened before signing in become invalid
    response = redirect(_get_local_url(request.form.get("next", "")) or get_home_url(), 303)
    middleware.set_cookie(response, token)
    if device is None:
        middleware.set_device_cookie(response, email, throttle.issue_device_cookie(secret, email))
    return response


@pages.post("/sign-out")
def sign_out() -> AnyResponse:
    """End the session of this browser."""
    with write_session() as db_session:
        sessions.end_session(db_session, request.cookies.get(middleware.get_cookie_name(), ""))
        record_event(db_session, get_caller().actor, "user.signed_out", "user", get_caller().id)
    return _finish_sign_out()


@pages.post("/sign-out-everywhere")
def sign_out_everywhere() -> AnyResponse:
    """End all sessions of this user, in all browsers."""
    with write_session() as db_session:
        sessions.end_all_sessions(db_session, get_caller().id)
        record_event(db_session, get_caller().actor, "user.signed_out_everywhere", "user", get_caller().id)
    return _finish_sign_out()


@pages.get("/password", endpoint="password")
def show_password_form() -> str:
    """Show the form to change one's own password."""
    return _render_password_form(None)


@pages.post("/password")
def change_password() -> AnyResponse:
    """Change one's own password, end every other session and start a new one in this browser."""
    current, new = request.form.get("current", ""), request.form.get("new", "")
    with read_session() as db_session:
        user = users.get_user(db_session, get_caller().id)
    # Someone using an unattended browser must not be able to guess passwords here either.
    attempt = throttle.register_attempt(
        get_database(),
        get_settings().get_secret_key(),
        user.email,
        request.remote_addr or "",
        f"signed in as {user.id}",
    )
    if isinstance(attempt, throttle.Blocked):
        error = DomainError("sign_in.wait", 429, _format_wait(attempt), headers={"Retry-After": str(attempt.seconds)})
        return _render_password_error(error)
    if not passwords.verify_password(current, user.password_hash):
        return _render_password_error(DomainError("password.wrong", 422, _("Your current password is incorrect.")))
    throttle.clear_failures(get_database(), attempt)
    if new != request.form.get("again", ""):
        return _render_password_error(DomainError("password.differs", 422, _("The new passwords do not match.")))
    if new == current:
        return _render_password_error(
            DomainError("password.same", 422, _("Choose a password that is different from your current one."))
        )
    try:
        with write_session() as db_session:
            users.change_password(db_session, user.id, new)
            token = sessions.start_session(db_session, user, get_settings())
    except DomainError as error:
        return _render_password_error(error)
    session.clear()
    flash(_("Password changed. You have been signed out of all other browsers."))
    response = redirect(get_home_url(), 303)
    middleware.set_cookie(response, token)
    return response


def _record_failure(user: User, attempt: throttle.AllowedAttempt) -> None:
    """Record a failed sign-in of an existing user. Under attack, the 10th, 100th and 1,000th failure within an hour stand for
    those between, so that nobody can fill the audit trail.
    """
    failures = throttle.count_failures(get_database(), attempt, FAILURES_GROUPED)
    if failures in (1, 10, 100, 1_000):
        with get_database().for_organisation(user.organisation_id) as db_session:
            details = {"failures": failures, "address": attempt.address[:12]}
            record_event(db_session, "system:sign_in", "user.sign_in_failed", "user", user.id, details)


def _format_wait(blocked: throttle.Blocked) -> str:
    return str(_("Too many attempts. Try again in %(seconds)s seconds.", seconds=blocked.seconds))


def _get_local_url(url: str) -> str | None:
    """Return the address if it leads to a page of this site, None otherwise."""
    parts = urlsplit(url)
    local = url.startswith("/") and not url.startswith(("//", "/\\")) and url.isprintable()
    return url if local and not parts.scheme and not parts.netloc else None


def _render_sign_in_error(email: str, error: str, status: int, headers: dict[str, str] | None = None) -> Response:
    page = render_template("sign_in.html", next_url=request.form.get("next", ""), email=email, error=error)
    return make_response(page, status, headers or {})


def _render_password_form(error: DomainError | None) -> str:
    with read_session() as db_session:
        email = users.get_user(db_session, get_caller().id).email
    return render_template(
        "password.html",
        email=email,
        error=error,
        min_length=passwords.MIN_LENGTH,
        must_change=middleware.must_change_password(),
    )


def _render_password_error(error: DomainError) -> Response:
    return make_response(_render_password_form(error), error.status, error.headers)


def _finish_sign_out() -> AnyResponse:
    session.clear()
    response = redirect(url_for("account.sign_in"), 303)
    middleware.clear_cookie(response)
    return response
