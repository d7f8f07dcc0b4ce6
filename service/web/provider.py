"""Signing in through the identity provider of an organisation (OpenID Connect)."""

from __future__ import annotations

import hmac
import secrets
from datetime import UTC, datetime
from typing import Any

import structlog
from flask import Response, make_response, redirect, request, session, url_for
from flask_babel import gettext as _
from sqlalchemy import select
from werkzeug.wrappers import Response as AnyResponse

from service.auth import providers
from service.auth.caller import get_database, get_settings
from service.auth.openid import ProviderRefused
from service.auth.provider_http import ProviderUnreachable
from service.auth.sessions import ProviderSignIn
from service.clock import now
from service.db.account_tables import User
from service.db.sign_in_tables import IdentityProvider
from service.errors import DomainError, not_found
from service.secret_keys import encrypt
from service.web.account import finish_sign_in, pages, render_sign_in_error
from service.web.passkey_forms import TIME_LIMIT, get_site

log = structlog.get_logger("service")


@pages.get("/sign-in/with/<provider_id>")
def start_provider(provider_id: str) -> AnyResponse:
    """Send the browser to an identity provider; with ``again``, the user has to prove there who they are even if signed in."""
    provider = _get_provider(provider_id)
    state, nonce, verifier = (secrets.token_urlsafe(48) for _ in range(3))
    try:
        client = providers.build_client(provider, get_settings())
        url = client.build_sign_in_url(_callback(), state, nonce, verifier, again="again" in request.args)
    except (ProviderUnreachable, ProviderRefused) as error:
        return _render_failure(provider, str(error))
    session["provider"] = {
        "id": provider.id,
        "state": state,
        "nonce": nonce,
        "verifier": verifier,
        "next": request.args.get("next", ""),
        "at": now().isoformat(),
    }
    return redirect(url, 303)


@pages.get("/sign-in/callback")
def finish_provider() -> AnyResponse:
    """Sign in whoever comes back from an identity provider with a code for this browser."""
    begun = session.pop("provider", None)
    if (
        not begun
        or not hmac.compare_digest(begun["state"].encode(), request.args.get("state", "").encode())
        or now() - datetime.fromisoformat(begun["at"]) > TIME_LIMIT
    ):
        return render_sign_in_error("", _("Signing in took too long or was started in another window. Try again."), 403)
    provider = _get_provider(begun["id"])
    if "code" not in request.args or request.args.get("iss", provider.issuer) != provider.issuer:
        return _render_failure(provider, request.args.get("error", "no_code")[:40])
    try:
        client = providers.build_client(provider, get_settings())
        tokens = client.exchange_code(request.args["code"], _callback(), begun["verifier"])
        claims = client.read_id_token(tokens, begun["nonce"])
        if provider.group_claim not in claims or "email" not in claims:
            claims = {**client.read_user_info(tokens, claims["sub"]), **claims}
    except (ProviderUnreachable, ProviderRefused) as error:
        return _render_failure(provider, str(error))
    try:
        with get_database().for_organisation(provider.organisation_id) as db_session:
            account = providers.admit(db_session, provider, claims, tokens, get_settings())
            user = db_session.get_one(User, account.user_id)
    except DomainError as error:
        log.warning("provider_sign_in_refused", code=error.code)
        return render_sign_in_error("", _(error.detail), error.status)
    secret_keys = get_settings().get_secret_keys()
    id_token = encrypt(secret_keys, tokens["id_token"].encode(), providers.ID_TOKEN_PURPOSE, account.id)
    ends = None if account.refresh_token else datetime.fromtimestamp(claims["exp"], UTC)
    came_by = ProviderSignIn(account.id, _read_session_id(claims), id_token, ends)
    return finish_sign_in(user, begun["next"], came_by)


@pages.post("/sign-in/back-channel-logout/<provider_id>")
def back_channel_logout(provider_id: str) -> Response:
    """End the sessions that a provider's logout token names (OpenID Connect Back-Channel Logout 1.0)."""
    provider = _get_provider(provider_id)
    try:
        client = providers.build_client(provider, get_settings())
        claims = client.read_logout_token(request.form.get("logout_token", ""))
    except (ProviderUnreachable, ProviderRefused) as error:
        log.warning("logout_token_refused", code=str(error))
        return make_response({"error": "invalid_request"}, 400)
    with get_database().for_organisation(provider.organisation_id) as db_session:
        providers.end_sessions_at_provider(db_session, provider.id, claims)
    return make_response("", 200)


def _get_provider(provider_id: str) -> IdentityProvider:
    with get_database().unscoped(write=False) as db_session:
        provider = db_session.scalars(select(IdentityProvider).where(IdentityProvider.id == provider_id)).first()
    if provider is None:
        raise not_found()
    return provider


def _callback() -> str:
    return f"{get_site().origin}{url_for('account.finish_provider')}"


def _read_session_id(claims: dict[str, Any]) -> str | None:
    session_id = claims.get("sid")
    return session_id[:255] if isinstance(session_id, str) else None


def _render_failure(provider: IdentityProvider, code: str) -> Response:
    log.warning("provider_sign_in_failed", code=code)
    error = _("You could not be signed in with %(name)s. Try again, or ask an admin.", name=provider.name)
    return render_sign_in_error("", error, 502)
