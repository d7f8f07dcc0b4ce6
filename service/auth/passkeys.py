"""Passkeys (WebAuthn Level 3): a user proves who they are with a device that checks their fingerprint, face or PIN.

A passkey is bound to the host name of the service and is two factors in one, so it signs in without a password.
"""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import ip_address

from sqlalchemy import select
from sqlalchemy.orm import Session
from webauthn import (
    base64url_to_bytes,
    generate_authentication_options,
    generate_registration_options,
    options_to_json,
    verify_authentication_response,
    verify_registration_response,
)
from webauthn.helpers import bytes_to_base64url, parse_authentication_credential_json
from webauthn.helpers.exceptions import WebAuthnException
from webauthn.helpers.structs import (
    AuthenticatorSelectionCriteria,
    PublicKeyCredentialDescriptor,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from service.auth.second_factors import add_factor, list_factors
from service.clock import now
from service.db.account_tables import User
from service.db.sign_in_tables import SecondFactor
from service.errors import DomainError

MAX_NAME = 60


@dataclass(frozen=True, slots=True)
class Site:
    """The site that passkeys are for: its host name, and its origin as the browser reports it."""

    host: str
    origin: str

    @property
    def may_have_passkeys(self) -> bool:
        """Whether browsers create passkeys for this site: not for an IP address."""
        try:
            ip_address(self.host.strip("[]"))
        except ValueError:
            return True
        return False


def build_creation_options(session: Session, user: User, site: Site) -> tuple[str, bytes]:
    """Return the options for a new passkey of a user, as JSON for the browser, and their challenge."""
    known = [
        PublicKeyCredentialDescriptor(id=base64url_to_bytes(str(factor.credential_id)))
        for factor in list_factors(session, user.id)
        if factor.kind == "passkey"
    ]
    options = generate_registration_options(
        rp_id=site.host,
        rp_name="Diligence",
        user_id=user.id.encode(),
        user_name=user.email,
        user_display_name=user.name,
        exclude_credentials=known,
        authenticator_selection=AuthenticatorSelectionCriteria(
            resident_key=ResidentKeyRequirement.REQUIRED, user_verification=UserVerificationRequirement.REQUIRED
        ),
    )
    return options_to_json(options), options.challenge


def add_passkey(session: Session, user_id: str, name: str, credential: str, challenge: bytes, site: Site) -> None:
    """Add the passkey that a browser has created for a challenge. Raises DomainError ``passkey.refused``, 422."""
    try:
        created = verify_registration_response(
            credential=credential,
            expected_challenge=challenge,
            expected_rp_id=site.host,
            expected_origin=site.origin,
            require_user_verification=True,
        )
    except (WebAuthnException, ValueError, KeyError, TypeError) as error:
        raise _refuse() from error
    credential_id = bytes_to_base64url(created.credential_id)
    if _find_factor(session, credential_id) is not None:
        raise _refuse()
    add_factor(
        session,
        SecondFactor(
            user_id=user_id,
            kind="passkey",
            name=name.strip()[:MAX_NAME] or "Passkey",
            secret=bytes_to_base64url(created.credential_public_key),
            credential_id=credential_id,
            counter=created.sign_count,
        ),
    )


def build_request_options(site: Site) -> tuple[str, bytes]:
    """Return the options for signing in with any passkey of this site, as JSON for the browser, and their challenge."""
    options = generate_authentication_options(rp_id=site.host, user_verification=UserVerificationRequirement.REQUIRED)
    return options_to_json(options), options.challenge


def check_passkey(session: Session, credential: str, challenge: bytes, site: Site) -> User:
    """Return the active user whose passkey signed a challenge. Raises DomainError ``passkey.refused``, 422."""
    try:
        parsed = parse_authentication_credential_json(credential)
        factor = _find_factor(session, bytes_to_base64url(parsed.raw_id))
        if factor is None:
            raise _refuse()
        checked = verify_authentication_response(
            credential=parsed,
            expected_challenge=challenge,
            expected_rp_id=site.host,
            expected_origin=site.origin,
            credential_public_key=base64url_to_bytes(factor.secret),
            credential_current_sign_count=factor.counter,
            require_user_verification=True,
        )
    except (WebAuthnException, ValueError, KeyError, TypeError) as error:
        raise _refuse() from error
    user = session.get_one(User, factor.user_id)
    if not user.active:
        raise _refuse()
    factor.counter, factor.used_at = checked.new_sign_count, now()
    return user


def _find_factor(session: Session, credential_id: str) -> SecondFactor | None:
    return session.scalars(select(SecondFactor).where(SecondFactor.credential_id == credential_id)).first()


def _refuse() -> DomainError:
    return DomainError("passkey.refused", 422, "This passkey could not be used. Try again, or sign in another way.")
