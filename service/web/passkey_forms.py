"""Forms with a passkey: the challenge that a page gives to the browser, and the signature that comes back."""

from __future__ import annotations

import base64
from datetime import datetime, timedelta
from urllib.parse import urlsplit

from flask import request, session

from service.auth import passkeys
from service.auth.caller import get_database, get_settings
from service.auth.passkeys import Site
from service.clock import now
from service.db.account_tables import User
from service.errors import DomainError

TIME_LIMIT = timedelta(minutes=10)  # for the second step and for using a passkey


def get_site() -> Site:
    """Return the site that passkeys are bound to: the address of the settings, or else the one that was called."""
    address = urlsplit(get_settings().address or request.host_url)
    return Site(address.hostname or "", f"{address.scheme}://{address.netloc}")


def begin_passkey() -> str | None:
    """Return options with which a page asks for a passkey, and remember their challenge; None if this site cannot have any."""
    site = get_site()
    if not site.may_have_passkeys:
        return None
    options, challenge = passkeys.build_request_options(site)
    remember_challenge("passkey", challenge)
    return options


def check_passkey() -> User:
    """Return the user whose passkey signed the challenge of this form. Raises DomainError ``passkey.refused``, 422."""
    challenge = take_challenge("passkey")
    with get_database().unscoped() as db_session:
        return passkeys.check_passkey(db_session, request.form.get("credential", ""), challenge, get_site())


def remember_challenge(name: str, challenge: bytes) -> None:
    """Store a challenge in the signed cookie of this browser until its form is sent."""
    session[name] = [base64.b64encode(challenge).decode(), now().isoformat()]


def take_challenge(name: str) -> bytes:
    """Return the challenge that this browser was given, once. Raises DomainError ``passkey.refused``."""
    text, at = session.pop(name, ["", ""])
    if not text or now() - datetime.fromisoformat(at) > TIME_LIMIT:
        raise DomainError("passkey.refused", 422, "This took too long. Try again.")
    return base64.b64decode(text)
