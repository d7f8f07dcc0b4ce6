"""Pages for signing in, signing out and changing one's own password."""

from __future__ import annotations

from datetime import timedelta

import structlog
from flask import Blueprint, Response, flash, g, make_response, redirect, render_template, request, session, url_for
from flask_babel import gettext as _
from sqlalchemy import select
from werkzeug.wrappers import Response as AnyResponse

from service.audit import record_event
from service.auth import middleware, passwords, providers, second_factors, sessions, throttle, users
from service.auth.caller import get_caller, get_database, get_settings, read_session, write_session
from service.clock import now
from service.db.account_tables import User
from service.db.sign_in_tables import ProviderAccount
from service.errors import DomainError
from service.web.navigation import get_home_url
from service.web.passkey_forms import begin_passkey, get_site

FAILURES_GROUPED = timedelta(hours=1)  # within which failed sign-ins of an account are one event in the audit trail
pages = Blueprint("account", __name__)
log = structlog.get_logger("service")


@pages.get("/sign-in", endpoint="sign_in")
def show_sign_in_form() -> str:
    """Show the sign-in form; the parameter ``next`` is the page to open afterwards."""
    return _render_sign_in(request.args.get("next", ""))


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
        return render_sign_in_error(email, _format_wait(attempt), 429, {"Retry-After": str(attempt.seconds)})
    with get_database().unscoped(write=False) as db_session:
        user = db_session.scalar(select(User).where(User.email == email))
    password_matches = passwords.verify_password(password, user.password_hash if user else passwords.DUMMY_HASH)
    if user is None or not password_matches or not user.active:
        log.warning("sign_in_failed", account=attempt.account[:12], address=attempt.address[:12])
        record_failure(user, attempt)
        return render_sign_in_error(email, _("Incorrect email address or password."), 403)
    throttle.clear_failures(get_database(), attempt)
    if users.has_expired_password(user):
        expired = _("This temporary password has expired. Ask an admin in your organisation to reset your password.")
        return render_sign_in_error(email, expired, 403)
    refusal = find_refusal(user)
    if refusal is not None:
        return render_sign_in_error(email, refusal, 403)
    new_hash = passwords.hash_password(password) if passwords.needs_rehash(user.password_hash) else None
    with get_database().unscoped(write=new_hash is not None) as db_session:
        if new_hash:
            db_session.get_one(User, user.id).password_hash = new_hash
        has_factors = bool(second_factors.list_factors(db_session, user.id))
    next_url = request.form.get("next", "")
    if not has_factors:
        return finish_sign_in(user, next_url)
    session["second_step"] = {"user": user.id, "at": now().isoformat(), "next": next_url}
    return redirect(url_for("account.second_step"), 303)


def find_refusal(user: User) -> str | None:
    """Return why a user may not sign in without the identity provider of their organisation; None if they may."""
    with get_database().unscoped(write=False) as db_session:
        provider = providers.must_use_provider(db_session, user)
    if provider is None:
        return None
    return str(_("Your organisation signs in through %(name)s. Use that button instead.", name=provider.name))


def finish_sign_in(user: User, next_url: str, provider: sessions.ProviderSignIn | None = None) -> AnyResponse:
    """Start a session of a user who has proved who they are, here or at a provider, and open the page that they wanted."""
    secret = get_settings().get_secret_key()
    cookie = request.cookies.get(middleware.get_device_cookie_name(user.email), "")
    old_token = request.cookies.get(middleware.get_cookie_name(), "")
    with get_database().unscoped() as db_session:
        sessions.end_session(db_session, old_token)
        token = sessions.start_session(db_session, user, get_settings(), request.user_agent.string, provider)
    with get_database().for_organisation(user.organisation_id) as db_session:
        details = {"through": "provider" if provider else "here"}
        record_event(db_session, f"user:{user.id}", "user.signed_in", "user", user.id, details)
        middleware.set_caller(db_session, user)
    session.clear()  # forms that were opened before signing in become invalid
    response = redirect(get_local_url(next_url) or get_home_url(), 303)
    middleware.set_cookie(response, token)
    if throttle.read_device_cookie(secret, user.email, cookie) is None:
        middleware.set_device_cookie(response, user.email, throttle.issue_device_cookie(secret, user.email))
    return response


@pages.post("/sign-out")
def sign_out() -> AnyResponse:
    """End the session of this browser."""
    with write_session() as db_session:
        sessions.end_session(db_session, request.cookies.get(middleware.get_cookie_name(), ""))
        record_event(db_session, get_caller().actor, "user.signed_out", "user", get_caller().id)
    back = f"{get_site().origin}{url_for('account.sign_in')}"
    elsewhere = providers.build_sign_out_url(get_database(), middleware.get_sign_in(), get_settings(), back)
    if elsewhere is None:
        return _finish_sign_out()
    name, url = elsewhere
    g.caller = None  # the page has no menu any more
    session.clear()
    # Not a redirect: the policy of the page that was left allows forms to lead to this site only.
    response = make_response(
        render_template("signed_out.html", provider=name, url=url), 200, {"Refresh": f"0; url={url}"}
    )
    middleware.clear_cookie(response)
    return response


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
    try:
        check_password(user, current)
    except DomainError as error:
        return _render_password_error(error)
    if new != request.form.get("again", ""):
        return _render_password_error(DomainError("password.differs", 422, _("The new passwords do not match.")))
    if new == current:
        return _render_password_error(
            DomainError("password.same", 422, _("Choose a password that is different from your current one."))
        )
    try:
        with write_session() as db_session:
            users.change_password(db_session, user.id, new)
            token = sessions.start_session(db_session, user, get_settings(), request.user_agent.string)
    except DomainError as error:
        return _render_password_error(error)
    session.clear()
    flash(_("Password changed. You have been signed out of all other browsers."))
    response = redirect(get_home_url(), 303)
    middleware.set_cookie(response, token)
    return response


@pages.get("/sign-in/again", endpoint="confirm")
def show_confirmation() -> str:
    """Ask a signed-in user for the password; the parameter ``next`` is the page to open afterwards."""
    return render_confirmation(request.args.get("next", ""), None)


@pages.post("/sign-in/again", endpoint="confirm_password")
def confirm() -> AnyResponse:
    """Record that the signed-in user has just proved who they are."""
    with read_session() as db_session:
        user = users.get_user(db_session, get_caller().id)
    next_url = request.form.get("next", "")
    try:
        check_password(user, request.form.get("password", ""))
        with read_session() as db_session:
            has_factors = bool(second_factors.list_factors(db_session, user.id))
        if has_factors:
            accept_code(user, request.form.get("code", ""))
    except DomainError as error:
        return make_response(render_confirmation(next_url, error), error.status, error.headers)
    return finish_confirmation(next_url)


def finish_confirmation(next_url: str) -> AnyResponse:
    """Renew the session of a user who has just proved who they are, and open the page that they wanted."""
    with write_session() as db_session:
        token = sessions.renew_authentication(db_session, request.cookies.get(middleware.get_cookie_name(), ""))
        record_event(db_session, get_caller().actor, "user.confirmed_identity", "user", get_caller().id)
    response = redirect(get_local_url(next_url) or get_home_url(), 303)
    middleware.set_cookie(response, token)
    return response


def check_password(user: User, password: str) -> None:
    """Check the password of a signed-in user: someone at an unattended browser must not be able to guess it here either.

    Raises DomainError: ``password.wrong``, ``sign_in.wait``.
    """
    attempt = check_throttle(user, f"signed in as {user.id}")
    if not passwords.verify_password(password, user.password_hash):
        raise DomainError("password.wrong", 422, _("Your current password is incorrect."))
    throttle.clear_failures(get_database(), attempt)


def accept_code(user: User, code: str) -> None:
    """Check a code of a user, throttled like a password but for all their browsers together.

    Raises DomainError: ``second_factor.code``, ``sign_in.wait``.
    """
    attempt = check_throttle(user, f"second factor of {user.id}")
    try:
        with get_database().for_organisation(user.organisation_id) as db_session:
            second_factors.check_code(db_session, user.id, code, get_settings().get_secret_keys())
    except DomainError:
        record_failure(user, attempt)
        raise
    throttle.clear_failures(get_database(), attempt)


def check_throttle(user: User, counted_as: str) -> throttle.AllowedAttempt:
    """Register an attempt of a user that is counted by itself, wherever it comes from. Raises DomainError ``sign_in.wait``."""
    secret, address = get_settings().get_secret_key(), request.remote_addr or ""
    attempt = throttle.register_attempt(get_database(), secret, user.email, address, counted_as)
    if isinstance(attempt, throttle.Blocked):
        raise DomainError("sign_in.wait", 429, _format_wait(attempt), headers={"Retry-After": str(attempt.seconds)})
    return attempt


def render_confirmation(next_url: str, error: DomainError | None) -> str:
    """Return the page that asks a signed-in user to prove who they are."""
    with read_session() as db_session:
        email = users.get_user(db_session, get_caller().id).email
        account_id = middleware.get_sign_in().provider_account_id
        account = db_session.get(ProviderAccount, account_id) if account_id else None
        kinds = {factor.kind for factor in second_factors.list_factors(db_session, get_caller().id)}
    return render_template(
        "confirm.html",
        next_url=next_url,
        email=email,
        error=error,
        provider_id=account.provider_id if account else None,
        needs_code=bool(kinds),
        passkey_options=begin_passkey() if "passkey" in kinds else None,
    )


def record_failure(user: User | None, attempt: throttle.AllowedAttempt) -> None:
    """Record a failed sign-in of an existing user. Under attack, the 10th, 100th and 1,000th failure within an hour stand for
    those between, so that nobody can fill the audit trail. For an account that does not exist (None), as much is written.
    """
    failures = throttle.count_failures(get_database(), attempt, FAILURES_GROUPED)
    if failures not in (1, 10, 100, 1_000):
        return
    if user is None:
        throttle.write_again(get_database(), attempt)
    else:
        with get_database().for_organisation(user.organisation_id) as db_session:
            details = {"failures": failures, "address": attempt.address[:12]}
            record_event(db_session, "system:sign_in", "user.sign_in_failed", "user", user.id, details)


def _format_wait(blocked: throttle.Blocked) -> str:
    return str(_("Too many attempts. Try again in %(seconds)s seconds.", seconds=blocked.seconds))


def get_local_url(url: str) -> str | None:
    """Return the address if it leads to a page of this site, None otherwise."""
    is_local = url.startswith("/") and not url.startswith(("//", "/\\")) and url.isprintable()
    return url if is_local else None


def render_sign_in_error(email: str, error: str, status: int, headers: dict[str, str] | None = None) -> Response:
    """Return the sign-in page with an error."""
    return make_response(_render_sign_in(request.form.get("next", ""), email, error), status, headers or {})


def _render_sign_in(next_url: str, email: str = "", error: str | None = None) -> str:
    with get_database().unscoped(write=False) as db_session:
        only_provider = providers.find_only_provider(db_session)
    return render_template(
        "sign_in.html",
        next_url=next_url,
        email=email,
        error=error,
        passkey_options=begin_passkey(),
        provider=only_provider,
    )


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
