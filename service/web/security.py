"""Pages on which users see how and where they are signed in, and on which admins see this for others and set the rules for it."""

from __future__ import annotations

from flask import Blueprint, Flask, Response, flash, make_response, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response as AnyResponse

import service.web.provider
import service.web.second_factor  # noqa: F401  both add their pages to those of the account
from service.audit import record_event
from service.auth import keys, providers, second_factors, sessions, sign_in_rules, users
from service.auth.access import ACCESS
from service.auth.caller import get_caller, get_settings, read_session, write_session
from service.auth.middleware import get_sign_in
from service.clock import now
from service.db.sign_in_tables import IdentityProvider
from service.db.tables import Organisation
from service.errors import DomainError
from service.web import account
from service.web.admin import user_pages
from service.web.passkey_forms import get_site

rule_pages = Blueprint("sign_in_rules", __name__, url_prefix="/organisation/sign-in")


def register(app: Flask) -> None:
    """Register the pages of one's own account and of the sign-in rules on the application."""
    app.register_blueprint(account.pages)
    app.register_blueprint(rule_pages)


@account.pages.get("/account", endpoint="security")
def show_own_sign_in() -> str:
    """Show where the user is signed in."""
    with read_session() as session:
        own = sessions.list_sessions(session, get_caller().id, get_settings())
        factors = second_factors.list_factors(session, get_caller().id)
        codes_left = second_factors.count_recovery_codes(session, get_caller().id)
    return render_template(
        "security.html", sessions=own, current_id=get_sign_in().id, factors=factors, codes_left=codes_left
    )


@account.pages.post("/account/sessions/<session_id>/end", endpoint="end_session")
def end_own_session(session_id: str) -> AnyResponse:
    """End one of the user's own sessions."""
    _end_session(get_caller().id, session_id)
    flash(_("Signed out of that browser."))
    return redirect(url_for("account.security"), 303)


@user_pages.get("/<user_id>", endpoint="sign_in")
def show_sign_in(user_id: str) -> str:
    """Show where a user is signed in."""
    with read_session() as session:
        user = users.get_user(session, user_id)
        started = sessions.list_sessions(session, user_id, get_settings())
        factors = second_factors.list_factors(session, user_id)
    return render_template("user.html", user=user, sessions=started, current_id=get_sign_in().id, factors=factors)


@user_pages.post("/<user_id>/sessions/<session_id>/end", endpoint="end_session")
def end_session(user_id: str, session_id: str) -> AnyResponse:
    """End one session of a user."""
    _end_session(user_id, session_id)
    flash(_("Signed out of that browser."))
    return redirect(url_for("users.sign_in", user_id=user_id), 303)


@user_pages.post("/<user_id>/second-factor/reset", endpoint="reset_second_factor")
def reset_second_factor(user_id: str) -> AnyResponse:
    """Remove the second factors of a user and sign them out everywhere."""
    with write_session() as session:
        second_factors.reset_factors(session, user_id, get_caller().actor)
    flash(_("Second factor removed. The user receives an email and can set up a new one after signing in."))
    return redirect(url_for("users.sign_in", user_id=user_id), 303)


@rule_pages.get("", endpoint="show")
def show_rules() -> Response:
    """Show how the users of the organisation sign in, and the form to change it."""
    return _render_rules()


@rule_pages.post("", endpoint="change")
def change_rules() -> AnyResponse:
    """Set when the sessions of the organisation's users end."""
    idle, hours = (_parse_number(request.form.get(name, "")) for name in ("idle_minutes", "session_hours"))
    try:
        with write_session() as session:
            sign_in_rules.set_session_limits(
                session, get_caller().organisation_id, idle, hours, get_settings(), get_caller().actor
            )
    except DomainError as error:
        return _render_rules(error)
    flash(_("Saved. The rules apply immediately."))
    return redirect(url_for("sign_in_rules.show"), 303)


@rule_pages.post("/second-factor", endpoint="change_second_factor")
def change_second_factor() -> AnyResponse:
    """Set whether admins and case handlers need a second factor."""
    required = request.form.get("required") == "yes"
    with write_session() as session:
        sign_in_rules.set_second_factor(session, get_caller().organisation_id, required, get_caller().actor)
    flash(_("Saved. The rules apply immediately."))
    return redirect(url_for("sign_in_rules.show"), 303)


@rule_pages.post("/provider", endpoint="save_provider")
def save_provider() -> AnyResponse:
    """Save the identity provider through which the organisation's users sign in."""
    form = request.form
    roles = {
        group.strip(): role
        for role in reversed(providers.RANKED_ROLES)  # a group that is named twice gives the higher role
        for group in form.get(f"groups-{role}", "").split(",")
        if group.strip()
    }
    entered = providers.ProviderForm(
        name=form.get("name", ""),
        issuer=form.get("issuer", "").strip(),
        client_id=form.get("client_id", ""),
        client_secret=form.get("client_secret") or None,
        group_claim=form.get("group_claim", "")[:80],
        roles=roles,
        required=form.get("required") == "yes",
        break_glass_id=form.get("break_glass_id") or None,
    )
    try:
        with write_session() as session:
            providers.save_provider(session, entered, get_settings(), get_caller().actor)
    except DomainError as error:
        return _render_rules(error)
    flash(_("Saved. Try signing in this way in another browser before you require it."))
    return redirect(url_for("sign_in_rules.show"), 303)


@rule_pages.post("/provider/remove", endpoint="remove_provider")
def remove_provider() -> AnyResponse:
    """Remove the identity provider of the organisation."""
    with write_session() as session:
        providers.remove_provider(session, get_caller().actor)
    flash(_("Single sign-on removed. Users sign in with a password again."))
    return redirect(url_for("sign_in_rules.show"), 303)


def _end_session(user_id: str, session_id: str) -> None:
    with write_session() as session:
        sessions.end_one_session(session, user_id, session_id)
        record_event(session, get_caller().actor, "session.ended", "user", user_id, {"session": session_id})


def _parse_number(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 5 else 0


def _render_rules(error: DomainError | None = None) -> Response:
    with read_session() as session:
        organisation = session.get_one(Organisation, get_caller().organisation_id)
        provider = providers.find_provider(session)
        admins = [user for user in users.list_users(session) if user.active and user.role == "admin"]
        last_scim_call = max(
            (k.used_at for k in keys.list_keys(session) if k.used_at and "scim" in k.scopes), default=None
        )
    groups: dict[str, list[str]] = {}
    for group, role in sorted(provider.roles.items()) if provider else ():
        groups.setdefault(role, []).append(group)
    limits = sign_in_rules.get_session_limits(organisation, get_settings())
    page = render_template(
        "sign_in_rules.html",
        limits=limits,
        required=sign_in_rules.requires_second_factor(organisation, now()),
        required_from=organisation.second_factor_from,
        longest=get_settings(),
        shortest_idle=sign_in_rules.SHORTEST_IDLE,
        provider=provider,
        groups=groups,
        roles=ACCESS.roles,
        admins=admins,
        addresses=_list_addresses(provider),
        last_scim_call=last_scim_call,
        error=error,
        values=request.form,
    )
    return make_response(page, error.status if error else 200)


def _list_addresses(provider: IdentityProvider | None) -> dict[str, str]:
    """Return the addresses that an admin registers with the identity provider."""
    origin = get_site().origin
    addresses = {"callback": origin + url_for("account.finish_provider")}
    if provider is not None:
        addresses["sign_in"] = origin + url_for("account.start_provider", provider_id=provider.id)
        addresses["back_channel"] = origin + url_for("account.back_channel_logout", provider_id=provider.id)
        addresses["scim"] = origin + url_for("scim.handle", scim_path="").rstrip("/")
    return addresses
