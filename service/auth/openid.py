"""OpenID Connect: what we ask a provider and how its answers are checked (Core 1.0, Discovery 1.0, PKCE: RFC 7636).

What is signed counts only with an algorithm that uses a public key, so that nobody who knows the client's secret can forge it.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from threading import Lock
from typing import Any

from authlib.oauth2 import OAuth2Error
from authlib.oauth2.client import OAuth2Client
from authlib.oidc.core import CodeIDToken
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from service.auth.provider_http import ProviderSession, ProviderUnreachable
from service.clock import now

ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "Ed25519")
SCOPES = "openid profile email"
LEEWAY = 60  # seconds by which the clock of a provider may differ
METADATA_SECONDS = 600.0
# How often they are loaded at most, whatever strangers send, and how long a provider that does not answer is left alone.
RELOAD_SECONDS, REST_SECONDS = 60.0, 10.0
LISTS = ("scopes_supported", "token_endpoint_auth_methods_supported")  # in the metadata
LOGOUT_EVENT = "http://schemas.openid.net/event/backchannel-logout"
_loaded: dict[str, tuple[float, dict[str, Any], dict[str, Any]]] = {}
_failed: dict[str, float] = {}
_asking: Counter[str] = Counter()  # threads that wait for a provider to say whether a user may go on
MOST_ASKING = 2
_lock = Lock()


class ProviderRefused(Exception):
    """A provider refused a request or an account, or what it said does not hold. ``code`` is its own error, or ours."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@dataclass(frozen=True)
class Client:
    """Diligence as a client of a provider."""

    issuer: str
    client_id: str
    client_secret: str
    session: ProviderSession

    def load_metadata(self, *, fresh: bool = False) -> tuple[dict[str, Any], dict[str, Any]]:
        """Return the metadata of the provider and its keys, which are at most ten minutes old.

        Raises ProviderUnreachable, also if the metadata are those of another issuer.
        """
        with _lock:
            loaded, failed_at = _loaded.get(self.issuer), _failed.get(self.issuer)
        at = time.monotonic()
        if loaded is not None and at - loaded[0] < (RELOAD_SECONDS if fresh else METADATA_SECONDS):
            return loaded[1], loaded[2]
        if failed_at is not None and at - failed_at < REST_SECONDS:
            raise ProviderUnreachable("resting")
        try:
            metadata, keys = self._fetch_metadata()
        except ProviderUnreachable:
            with _lock:
                _failed[self.issuer] = at
            raise
        with _lock:
            _loaded[self.issuer] = (at, metadata, keys)
        return metadata, keys

    def _fetch_metadata(self) -> tuple[dict[str, Any], dict[str, Any]]:
        metadata = self.session.get_json(f"{self.issuer.rstrip('/')}/.well-known/openid-configuration")
        needed = ("authorization_endpoint", "token_endpoint", "jwks_uri")
        if metadata.get("issuer") != self.issuer or not all(isinstance(metadata.get(name), str) for name in needed):
            raise ProviderUnreachable("issuer")
        if not all(isinstance(metadata.get(name, []), list) for name in LISTS):
            raise ProviderUnreachable("metadata")
        return metadata, self.session.get_json(metadata["jwks_uri"])

    def build_sign_in_url(self, redirect_uri: str, state: str, nonce: str, verifier: str, *, again: bool) -> str:
        """Return the address at which the provider asks the user to sign in; ``again``: even if they have just done so."""
        metadata = self.load_metadata()[0]
        scopes = SCOPES
        if "offline_access" in metadata.get("scopes_supported", ()):
            scopes += " offline_access"
        more = {"prompt": "login"} if again else {}
        url, _state = self._build(redirect_uri, scopes).create_authorization_url(
            metadata["authorization_endpoint"], state=state, nonce=nonce, code_verifier=verifier, **more
        )
        return str(url)

    def exchange_code(self, code: str, redirect_uri: str, verifier: str) -> dict[str, Any]:
        """Return the tokens for a code. Raises ProviderRefused, ProviderUnreachable."""
        metadata = self.load_metadata()[0]
        return self._ask(
            lambda client: client.fetch_token(
                metadata["token_endpoint"], code=code, code_verifier=verifier, grant_type="authorization_code"
            ),
            redirect_uri,
        )

    def refresh(self, refresh_token: str) -> dict[str, Any]:
        """Return new tokens for a refresh token. Raises ProviderRefused (``invalid_grant``), ProviderUnreachable.

        A provider that does not answer must not keep those of other organisations waiting: only so many threads ask it at once,
        and it is left alone for a while.
        """
        with self._take_turn():
            metadata = self.load_metadata()[0]
            return self._ask(lambda client: client.refresh_token(metadata["token_endpoint"], refresh_token))

    @contextmanager
    def _take_turn(self) -> Iterator[None]:
        with _lock:
            failed_at = _failed.get(self.issuer)
            if failed_at is not None and time.monotonic() - failed_at < REST_SECONDS:
                raise ProviderUnreachable("resting")
            if _asking[self.issuer] >= MOST_ASKING:
                raise ProviderUnreachable("busy")
            _asking[self.issuer] += 1
        try:
            yield
        except ProviderUnreachable:
            with _lock:
                _failed[self.issuer] = time.monotonic()
            raise
        finally:
            with _lock:
                _asking[self.issuer] -= 1

    def read_id_token(self, tokens: dict[str, Any], nonce: str) -> dict[str, Any]:
        """Return the claims of the ID token among the tokens. Raises ProviderRefused ``id_token``, ProviderUnreachable."""
        token = self._decode(str(tokens.get("id_token", "")))
        options = {
            "iss": {"essential": True, "value": self.issuer},
            "aud": {"essential": True, "value": self.client_id},
        }
        params = {"nonce": nonce, "client_id": self.client_id, "access_token": tokens.get("access_token")}
        try:
            claims = CodeIDToken(token.claims, token.header, options, params)
            claims.validate(leeway=LEEWAY)
            datetime.fromtimestamp(claims["exp"], UTC)
        except (JoseError, OAuth2Error, ValueError, TypeError, OverflowError, OSError) as error:
            raise ProviderRefused("id_token") from error
        return dict(claims)

    def read_user_info(self, tokens: dict[str, Any], subject: str) -> dict[str, Any]:
        """Return what the provider says about the user at its userinfo endpoint; nothing if it has none.

        Raises ProviderRefused ``user_info`` if it is about somebody else, ProviderUnreachable.
        """
        metadata = self.load_metadata()[0]
        if "userinfo_endpoint" not in metadata or "access_token" not in tokens:
            return {}
        header = {"Authorization": f"Bearer {tokens['access_token']}"}
        said = self.session.get_json(metadata["userinfo_endpoint"], header)
        if said.get("sub") != subject:
            raise ProviderRefused("user_info")
        return said

    def read_logout_token(self, text: str) -> dict[str, Any]:
        """Return the claims of a logout token (Back-Channel Logout 1.0, 2.6). Raises ProviderRefused, ProviderUnreachable."""
        token = self._decode(text)
        registry = jwt.JWTClaimsRegistry(
            leeway=LEEWAY,
            iss={"essential": True, "value": self.issuer},
            aud={"essential": True, "value": self.client_id},
            iat={"essential": True},
        )
        try:
            registry.validate(token.claims)
        except (JoseError, ValueError, TypeError) as error:
            raise ProviderRefused("logout_token") from error
        claims, events = token.claims, token.claims.get("events")
        is_old = now().timestamp() - float(claims["iat"]) > METADATA_SECONDS
        says_whom = isinstance(claims.get("sub"), str) or isinstance(claims.get("sid"), str)
        if is_old or "nonce" in claims or not says_whom or not isinstance(events, dict) or LOGOUT_EVENT not in events:
            raise ProviderRefused("logout_token")
        return dict(claims)

    def _decode(self, text: str) -> jwt.Token:
        for fresh in (False, True):  # a key that is not known may be new
            keys = self.load_metadata(fresh=fresh)[1]
            try:
                return jwt.decode(text, KeySet.import_key_set(keys), algorithms=ALGORITHMS)  # type: ignore[arg-type]
            except (JoseError, ValueError, TypeError, KeyError) as error:
                if fresh:
                    raise ProviderRefused("signature") from error
        raise AssertionError

    def _build(self, redirect_uri: str | None = None, scope: str | None = None) -> Any:
        metadata = self.load_metadata()[0]
        offered = metadata.get("token_endpoint_auth_methods_supported", ["client_secret_basic"])
        method = "client_secret_basic" if "client_secret_basic" in offered else "client_secret_post"
        return OAuth2Client(
            self.session,
            self.client_id,
            self.client_secret,
            token_endpoint_auth_method=method,
            redirect_uri=redirect_uri,
            scope=scope,
            code_challenge_method="S256",
        )

    def _ask(self, ask: Any, redirect_uri: str | None = None) -> dict[str, Any]:
        try:
            return dict(ask(self._build(redirect_uri)))
        except OAuth2Error as error:
            raise ProviderRefused(str(error.error)) from error
        except (ValueError, TypeError, KeyError) as error:
            raise ProviderUnreachable("no_tokens") from error
