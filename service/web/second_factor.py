"""Pages for second factors: the second step of signing in, setting them up, and signing in with a passkey."""

from __future__ import annotations

from datetime import datetime

import segno
from flask import Response, flash, make_response, redirect, render_template, request, session, url_for
from flask_babel import gettext as _
from markupsafe import Markup
from werkzeug.wrappers import Response as AnyResponse

from service.auth import passkeys, second_factors, users
from service.auth.caller import get_caller, get_database, get_settings, read_session, write_session
from service.clock import now
from service.db.account_tables import User
from service.errors import DomainError
from service.secret_keys import DamagedValue, UnknownKey, decrypt, encrypt
from service.web.account import (
    accept_code,
    find_refusal,
    finish_confirmation,
    finish_sign_in,
    pages,
    render_confirmation,
    render_sign_in_error,
)
from service.web.navigation import get_home_url
from service.web.passkey_forms import (
    TIME_LIMIT,
    begin_passkey,
    check_passkey,
    get_site,
    remember_challenge,
    take_challenge,
)

PENDING_TOTP = "authenticator app to be added"


@pages.get("/sign-in/second-step", endpoint="second_step")
def show_second_step() -> AnyResponse:
    """Ask a user whose password was right for a code or a passkey."""
    if _find_pending_user() is None:
        return redirect(url_for("account.sign_in"), 303)
    return make_response(_render_second_step(None))


@pages.post("/sign-in/second-step")
def check_code() -> AnyResponse:
    """Sign in a user whose password was right with a code of their app or a recovery code."""
    user = _find_pending_user()
    if user is None:
        return redirect(url_for("account.sign_in"), 303)
    next_url = session["second_step"]["next"]
    try:
        accept_code(user, request.form.get("code", ""))
    except DomainError as error:
        return make_response(_render_second_step(error), error.status, error.headers)
    return finish_sign_in(user, next_url)


@pages.post("/sign-in/passkey", endpoint="enter_with_passkey")
def sign_in_with_passkey() -> AnyResponse:
    """Sign in whoever has signed the challenge of the sign-in page with a passkey."""
    try:
        user = check_passkey()
    except DomainError as error:
        return render_sign_in_error("", _(error.detail), error.status)
    refusal = find_refusal(user)
    if refusal is not None:
        return render_sign_in_error("", refusal, 403)
    return finish_sign_in(user, request.form.get("next", ""))


@pages.post("/sign-in/again/passkey")
def confirm_with_passkey() -> AnyResponse:
    """Record that the signed-in user has just proved who they are with a passkey."""
    next_url = request.form.get("next", "")
    try:
        if check_passkey().id != get_caller().id:
            raise DomainError("passkey.refused", 422, "This passkey belongs to another account.")
    except DomainError as error:
        return make_response(render_confirmation(next_url, error), error.status)
    return finish_confirmation(next_url)


@pages.get("/account/second-factor", endpoint="second_factor")
def show_setup() -> str:
    """Show how to set up an authenticator app or a passkey."""
    return _render_setup(None)


@pages.post("/account/second-factor/app")
def add_totp() -> AnyResponse:
    """Add an authenticator app that shows the right code, and show recovery codes."""
    secret_keys, by = get_settings().get_secret_keys(), get_caller().id
    try:
        secret = decrypt(secret_keys, session.get("pending_totp", ""), PENDING_TOTP, get_caller().id).decode()
    except (UnknownKey, DamagedValue):
        return make_response(_render_setup(None))
    try:
        with write_session() as db_session:
            second_factors.add_totp(db_session, by, secret, request.form.get("code", ""), secret_keys)
    except DomainError as error:
        return make_response(_render_setup(error), error.status)
    session.pop("pending_totp")
    return _finish_setup()


@pages.post("/account/second-factor/passkey")
def add_passkey() -> AnyResponse:
    """Add a passkey that the browser has created, and show recovery codes."""
    form = request.form
    try:
        challenge = take_challenge("new_passkey")
        with write_session() as db_session:
            passkeys.add_passkey(
                db_session, get_caller().id, form.get("name", ""), form.get("credential", ""), challenge, get_site()
            )
    except DomainError as error:
        return make_response(_render_setup(error), error.status)
    return _finish_setup()


@pages.post("/account/second-factors/<factor_id>/remove")
def remove_factor(factor_id: str) -> AnyResponse:
    """Remove one of the user's own second factors."""
    with write_session() as db_session:
        second_factors.remove_factor(db_session, get_caller().id, factor_id)
    flash(_("Removed."))
    return redirect(url_for("account.security"), 303)


@pages.post("/account/recovery-codes")
def renew_recovery_codes() -> Response:
    """Replace the user's own recovery codes; the new ones are shown only in this response."""
    with write_session() as db_session:
        codes = second_factors.replace_recovery_codes(db_session, get_caller().id)
    return make_response(render_template("recovery_codes.html", codes=codes, home_url=get_home_url()))


def _find_pending_user() -> User | None:
    """Return the user whose password was right in this browser a moment ago."""
    pending = session.get("second_step")
    if not pending or now() - datetime.fromisoformat(pending["at"]) > TIME_LIMIT:
        return None
    with get_database().unscoped(write=False) as db_session:
        user = db_session.get(User, pending["user"])
    return user if user is not None and user.active else None


def _render_second_step(error: DomainError | None) -> str:
    return render_template(
        "second_step.html",
        error=error,
        next_url=session["second_step"]["next"],
        passkey_options=begin_passkey(),
    )


def _render_setup(error: DomainError | None) -> str:
    secret_keys, site = get_settings().get_secret_keys(), get_site()
    with read_session() as db_session:
        user = users.get_user(db_session, get_caller().id)
        factors = second_factors.list_factors(db_session, user.id)
        options = None
        if site.may_have_passkeys:
            options, challenge = passkeys.build_creation_options(db_session, user, site)
            remember_challenge("new_passkey", challenge)
    try:
        secret = decrypt(secret_keys, session.get("pending_totp", ""), PENDING_TOTP, get_caller().id).decode()
    except (UnknownKey, DamagedValue):
        secret = second_factors.generate_totp_secret()
        session["pending_totp"] = encrypt(secret_keys, secret.encode(), PENDING_TOTP, user.id)
    code = segno.make(second_factors.build_totp_uri(secret, user.email), error="m")
    return render_template(
        "second_factor.html",
        error=error,
        is_first=not factors,
        has_app=any(factor.kind == "totp" for factor in factors),
        qr_code=Markup(code.svg_inline(border=3, light="#fff", omitsize=True)),
        secret=" ".join(secret[start : start + 4] for start in range(0, len(secret), 4)),
        passkey_options=options,
    )


def _finish_setup() -> AnyResponse:
    """Show recovery codes to a user who has none yet, and otherwise return to the page of the account."""
    with write_session() as db_session:
        if second_factors.count_recovery_codes(db_session, get_caller().id):
            flash(_("Added. You can use this passkey the next time you sign in."))
            return redirect(url_for("account.security"), 303)
        codes = second_factors.replace_recovery_codes(db_session, get_caller().id)
    return make_response(render_template("recovery_codes.html", codes=codes, home_url=get_home_url()))
