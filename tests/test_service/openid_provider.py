"""A real OpenID Connect provider (oidc-provider-mock, built on Authlib), served over HTTP, which also insists on PKCE."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from io import BytesIO
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, urlsplit

import flask
import httpx
from authlib.oauth2.rfc7636 import create_s256_code_challenge
from joserfc import jwt
from joserfc.jwk import RSAKey
from werkzeug.serving import make_server
from werkzeug.wrappers import Request, Response


@dataclass
class Provider:
    """A running provider: its issuer, and what it was asked. ``challenges``: the PKCE challenge of each code."""

    issuer: str = ""
    challenges: dict[str, str] = field(default_factory=dict)
    signing_key: Any = None

    def set_user(self, subject: str, **claims: object) -> None:
        """Add a person, or change what is said about them."""
        httpx.put(f"{self.issuer}/users/{subject}", json=claims).raise_for_status()

    def remove_user(self, subject: str) -> None:
        """Take back every token of somebody who has left."""
        httpx.post(f"{self.issuer}/users/{subject}/revoke-tokens").raise_for_status()

    def consent(self, url: str, subject: str) -> str:
        """Sign in at the provider as a person does; the address that it sends the browser back to."""
        answer = httpx.post(url, data={"sub": subject})
        assert answer.status_code == 302, answer.text
        return answer.headers["location"]

    def sign(self, claims: dict[str, Any]) -> str:
        """A token that the provider has signed."""
        return jwt.encode({"alg": "RS256", "kid": self.signing_key.kid}, claims, self.signing_key)


class InsistOnPkce:
    """Refuses a token for a code whose verifier does not fit its challenge: the provider itself does not look."""

    def __init__(self, app: Any, provider: Provider) -> None:
        self.app, self.provider = app, provider

    def __call__(self, environ: Any, start_response: Any) -> Any:
        body = Request(environ).get_data()
        environ["wsgi.input"] = BytesIO(body)
        request = Request({**environ, "wsgi.input": BytesIO(body)})
        if request.path == "/oauth2/token" and request.form.get("grant_type") == "authorization_code":
            challenge = create_s256_code_challenge(request.form.get("code_verifier", ""))
            if self.provider.challenges.pop(request.form["code"], None) != challenge:
                return Response("PKCE", 400)(environ, start_response)
        response = Response.from_app(self.app, environ)
        if request.path == "/oauth2/authorize" and (location := response.headers.get("location")):
            (code,) = parse_qs(urlsplit(location).query).get("code", [""])
            assert request.args["code_challenge_method"] == "S256"
            self.provider.challenges[code] = request.args["code_challenge"]
        return response(environ, start_response)


@contextmanager
def run_provider() -> Iterator[Provider]:
    """A provider at an address of this machine, without anybody in it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it uses what its own libraries have deprecated
        import oidc_provider_mock  # noqa: PLC0415
    provider = Provider()
    app = oidc_provider_mock.app(require_nonce=True)

    @app.before_request
    def remember_key() -> None:
        key = flask.g.oidc_provider_mock_storage.jwk.as_dict(is_private=True)
        provider.signing_key = RSAKey.import_key(key)

    server = make_server("localhost", 0, InsistOnPkce(app.wsgi_app, provider), threaded=True)
    provider.issuer = f"http://localhost:{server.server_port}"
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield provider
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
