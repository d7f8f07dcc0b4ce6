"""The token endpoint for OAuth 2.0 clients. Its answers are those of RFC 6749 (5.1 and 5.2), not problem details."""

from __future__ import annotations

import base64
import binascii
from urllib.parse import unquote

import structlog
from flask import Blueprint, Response, jsonify, request

from service.auth import access_tokens, keys, providers
from service.auth.caller import get_database, get_settings

pages = Blueprint("oauth", __name__, url_prefix="/api/v1/oauth")
log = structlog.get_logger("service")


class _Refused(Exception):
    def __init__(self, error: str, description: str, status: int = 400) -> None:
        super().__init__(error)
        self.error, self.description, self.status = error, description, status


@pages.post("/token")
def issue_token() -> Response:
    """Return an access token for the credentials of a client, which are those of an API key."""
    try:
        client_id, secret = _read_credentials()
        if request.form.get("grant_type") != "client_credentials":
            raise _Refused("unsupported_grant_type", "grant_type must be client_credentials.")
        with get_database().unscoped(write=False) as session:
            key = keys.find_key(session, secret)
        if key is None or client_id not in (keys.get_prefix(secret), f"dk_{keys.get_prefix(secret)}"):
            log.warning("token_refused")
            raise _Refused(
                "invalid_client", "The client ID or the client secret is wrong, or the key is no longer valid.", 401
            )
        if key.account is not None and not providers.check_account(get_database(), key.account, get_settings()):
            raise _Refused("invalid_client", "The owner of the key no longer has access.", 401)
        scopes = frozenset(request.form.get("scope", "").split()) or key.scopes
        if not scopes <= key.scopes:
            raise _Refused("invalid_scope", "The key does not have all of these scopes.")
    except _Refused as refused:
        answer = jsonify(error=refused.error, error_description=refused.description)
        answer.status_code = refused.status
        if refused.status == 401:
            answer.headers["WWW-Authenticate"] = 'Basic realm="diligence"'
        return answer
    with get_database().for_organisation(key.organisation_id) as session:
        token = access_tokens.issue_token(session, key, scopes)
    return jsonify(
        access_token=token,
        token_type="Bearer",
        expires_in=int(access_tokens.LIFETIME.total_seconds()),
        scope=" ".join(sorted(scopes)),
    )


def _read_credentials() -> tuple[str, str]:
    """Return the client's ID and secret, from the header (Basic) or the form, but not from both (RFC 6749, 2.3)."""
    scheme, _space, encoded = request.headers.get("Authorization", "").partition(" ")
    form = request.form
    if not scheme:
        return form.get("client_id", ""), form.get("client_secret", "")
    if scheme.lower() != "basic" or "client_secret" in form:
        raise _Refused("invalid_request", "Send the client ID and the secret either in the header or in the form.")
    try:
        client_id, _colon, secret = base64.b64decode(encoded, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError) as error:
        raise _Refused("invalid_client", "The Authorization header is malformed.", 401) from error
    return unquote(client_id), unquote(secret)
