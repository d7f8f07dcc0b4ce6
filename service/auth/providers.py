"""The identity provider of an organisation, and the accounts of its users there.

A session or key of such a user is good for as long as the provider says so: on use, but at most every 45 seconds, it is asked for
new tokens. Once it refuses, the sessions end and the keys stop; when the user signs in through it again, the keys go on.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, cast
from urllib.parse import urlencode

import structlog
from sqlalchemy import CursorResult, delete, or_, select, update
from sqlalchemy.orm import Session

from service.audit import record_event
from service.auth import keys, sessions, users
from service.auth.access import ACCESS
from service.auth.openid import Client, ProviderRefused
from service.auth.provider_http import ProviderSession, ProviderUnreachable
from service.clock import now
from service.db.account_tables import ApiKey, SignIn, User
from service.db.session import Database
from service.db.sign_in_tables import IdentityProvider, ProviderAccount
from service.db.tables import new_id
from service.errors import DomainError, not_found
from service.secret_keys import DamagedValue, UnknownKey, decrypt, encrypt
from service.settings import Settings

SECRET_PURPOSE, REFRESH_PURPOSE, ID_TOKEN_PURPOSE = "client secret", "refresh token", "ID token"
CHECK_EVERY = timedelta(seconds=45)
# By which the clocks of two machines differ at most: a check that lies further ahead was made before a clock was set back.
MAX_SKEW = timedelta(minutes=10)
# For so long, users go on while their provider does not answer.
OFFLINE_GRACE = timedelta(minutes=15)
# Which role a user gets whose groups have several.
RANKED_ROLES = ("admin", "case_handler", "officer", "approver", "viewer")
MAX_GROUPS = 200
ACTOR = "system:identity_provider"
log = structlog.get_logger("service")


@dataclass(frozen=True)
class ProviderForm:
    """What an admin enters about a provider. ``client_secret``: None to keep the one that is stored."""

    name: str
    issuer: str
    client_id: str
    client_secret: str | None
    group_claim: str
    roles: Mapping[str, str]
    required: bool = False
    break_glass_id: str | None = None


def find_provider(session: Session) -> IdentityProvider | None:
    """Return the identity provider of the organisation, None if it has none."""
    return session.scalars(select(IdentityProvider)).first()


def find_only_provider(session: Session) -> IdentityProvider | None:
    """Return the identity provider of an installation with exactly one. With more, a list would say who its customers are."""
    found = session.scalars(select(IdentityProvider).limit(2)).all()
    return found[0] if len(found) == 1 else None


def save_provider(session: Session, form: ProviderForm, settings: Settings, by: str) -> IdentityProvider:
    """Save the identity provider of the organisation and return it. With another issuer or client, its accounts start afresh.

    Raises DomainError: ``provider.name``, ``provider.issuer``, ``provider.client``, ``provider.roles``, ``provider.break_glass``,
    422.
    """
    _check_form(session, form, settings)
    provider = find_provider(session)
    if provider is None:
        if not form.client_secret:
            raise DomainError("provider.client", 422, "Enter the client ID and the client secret from your provider.")
        provider = IdentityProvider(id=new_id())
        session.add(provider)
    elif (provider.issuer, provider.client_id) != (form.issuer, form.client_id):
        if not form.client_secret:  # nobody can have a stored secret sent somewhere else
            raise DomainError("provider.client", 422, "Enter the client secret again for the new issuer or client ID.")
        session.execute(delete(ProviderAccount).where(ProviderAccount.provider_id == provider.id))
    if form.client_secret:
        secret = form.client_secret.encode()
        provider.client_secret = encrypt(settings.get_secret_keys(), secret, SECRET_PURPOSE, provider.id)
    provider.name, provider.issuer, provider.client_id = form.name.strip(), form.issuer, form.client_id.strip()
    provider.group_claim, provider.roles = form.group_claim.strip() or "groups", dict(form.roles)
    provider.required, provider.break_glass_id = form.required, form.break_glass_id
    provider.changed_at = now()
    session.flush()
    details = {"required": int(form.required), "roles": sorted(set(form.roles.values()))}
    record_event(session, by, "provider.saved", "identity_provider", provider.id, details)
    return provider


def remove_provider(session: Session, by: str) -> None:
    """Remove the identity provider of the organisation; the sessions that came through it end.

    Raises DomainError ``not_found``.
    """
    provider = find_provider(session)
    if provider is None:
        raise not_found()
    session.delete(provider)
    record_event(session, by, "provider.removed", "identity_provider", provider.id)


def _check_form(session: Session, form: ProviderForm, settings: Settings) -> None:
    if not 1 <= len(form.name.strip()) <= 80:
        raise DomainError("provider.name", 422, "Enter a name of up to 80 characters for the provider.")
    try:
        if len(form.issuer) > 500:
            raise ValueError
        ProviderSession(settings.provider_hosts).check_url(form.issuer)
    except (DomainError, ValueError) as error:
        raise DomainError(
            "provider.issuer", 422, "Enter your provider's issuer: an address that begins with https://."
        ) from error
    if not 1 <= len(form.client_id.strip()) <= 200 or len(form.client_secret or "") > 500:
        raise DomainError("provider.client", 422, "Enter the client ID and the client secret from your provider.")
    if not form.roles or len(form.roles) > MAX_GROUPS or set(form.roles.values()) - ACCESS.roles.keys():
        raise DomainError(
            "provider.roles",
            422,
            f"Enter at least one group, and give it one of these roles: {', '.join(ACCESS.roles)}.",
        )
    admin = session.get(User, form.break_glass_id) if form.break_glass_id else None
    if (form.required or form.break_glass_id) and (admin is None or not admin.active or admin.role != "admin"):
        raise DomainError(
            "provider.break_glass", 422, "Choose an admin who can still sign in with a password if the provider fails."
        )


def build_client(provider: IdentityProvider, settings: Settings) -> Client:
    """Return Diligence as a client of a provider. Raises ProviderUnreachable if its secret cannot be read."""
    try:
        secret = decrypt(settings.get_secret_keys(), provider.client_secret, SECRET_PURPOSE, provider.id).decode()
    except (UnknownKey, DamagedValue) as error:
        raise ProviderUnreachable("client_secret") from error
    return Client(provider.issuer, provider.client_id, secret, ProviderSession(settings.provider_hosts))


def must_use_provider(session: Session, user: User) -> IdentityProvider | None:
    """Return the provider through which a user has to sign in, None if they may use a password or a passkey."""
    provider = session.scalars(
        select(IdentityProvider).where(
            IdentityProvider.organisation_id == user.organisation_id, IdentityProvider.required
        )
    ).first()
    return None if provider is None or provider.break_glass_id == user.id else provider


def choose_role(groups: Any, roles: Mapping[str, str]) -> str | None:
    """Return the highest role that a user's groups give, None if they give none."""
    listed = groups if isinstance(groups, list) else [groups]
    given = {roles[group] for group in listed if isinstance(group, str) and group in roles}
    return next((role for role in RANKED_ROLES if role in given), None)


def admit(
    session: Session,
    provider: IdentityProvider,
    claims: Mapping[str, Any],
    tokens: Mapping[str, Any],
    settings: Settings,
) -> ProviderAccount:
    """Return the account of whoever the provider has signed in; a user is created for them if there is none.

    Raises DomainError: ``provider.no_role``, 403, if their groups give no role; ``provider.inactive``, 403, if an admin has ended
    their access; ``provider.email``, 403, if their address cannot be used or belongs to a user whom they are not known to be.
    """
    role = choose_role(claims.get(provider.group_claim), provider.roles)
    if role is None:
        raise DomainError(
            "provider.no_role",
            403,
            "None of your groups has a role in Diligence. Ask an admin to give one of them a role.",
        )
    subject, by, at = str(claims["sub"])[:255], ACTOR, now()
    account = session.scalars(
        select(ProviderAccount).where(ProviderAccount.provider_id == provider.id, ProviderAccount.subject == subject)
    ).first()
    if account is None:
        user = _find_or_create_user(session, claims, role, by)
        # Somebody who left and came back has the same address and another subject.
        account = session.scalars(select(ProviderAccount).where(ProviderAccount.user_id == user.id)).first()
        if account is None:
            account = ProviderAccount(id=new_id(), provider_id=provider.id, user_id=user.id)
            session.add(account)
        account.subject = subject
        record_event(session, by, "user.linked", "user", user.id)
    user = session.get_one(User, account.user_id)
    if not user.active:
        raise DomainError("provider.inactive", 403, "An admin has ended your access to Diligence.")
    if user.role != role:
        try:
            users.change_role(session, user.id, role, by)
        except DomainError as error:
            if error.code not in ("user.last_admin", "user.break_glass"):
                raise
    if account.refused_at is not None:
        _restart_keys(session, user, account.refused_at, by)
    refresh = tokens.get("refresh_token")
    account.refresh_token = None
    if refresh:
        secret_keys = settings.get_secret_keys()
        account.refresh_token = encrypt(secret_keys, str(refresh).encode(), REFRESH_PURPOSE, account.id)
    account.checked_at, account.confirmed_at, account.refused_at = at, at, None
    session.flush()
    return account


def _find_or_create_user(session: Session, claims: Mapping[str, Any], role: str, by: str) -> User:
    """Return the user with the address that the provider has verified, or a new one whose password nobody knows."""
    email = users.normalize_email(str(claims.get("email", "")))
    user = session.scalars(select(User).where(User.email == email)).first()
    if user is not None and claims.get("email_verified") is True:
        return user
    try:
        created, _password = users.create_user(session, email, str(claims.get("name") or email)[:200], role, by)
    except DomainError as error:
        raise DomainError(
            "provider.email", 403, "Your identity provider sent an email address that cannot be used. Ask an admin."
        ) from error
    created.must_change_password, created.password_expires_at = False, None
    return created


def _restart_keys(session: Session, user: User, stopped_at: datetime, by: str) -> None:
    own = select(ApiKey).where(ApiKey.owner_id == user.id, ApiKey.stopped_at == stopped_at, ApiKey.revoked_at.is_(None))
    for key in session.scalars(own.order_by(ApiKey.created_at, ApiKey.id)):
        if ACCESS.may_own_keys(user.role) and ACCESS.role_scopes[user.role].issuperset(key.scopes):
            key.stopped_at = None
            record_event(session, by, "key.restarted", "api_key", key.id)


def check_account(database: Database, account: ProviderAccount, settings: Settings) -> bool:
    """Return whether a user may go on, as far as the provider has said; ask it if the last answer is 45 seconds old.

    One request asks for all that come at the same time. Raises DomainError ``provider.unreachable``, 503, if the provider has not
    answered for 15 minutes.
    """
    at = now()
    if account.refused_at is not None:
        return False
    if account.refresh_token is None:
        return True
    is_recent = at - CHECK_EVERY < account.checked_at <= at + MAX_SKEW
    if not is_recent and _claim_check(database, account, at):
        try:
            _ask(database, account, settings)
        except ProviderRefused as error:
            if error.code == "invalid_grant":
                with database.for_organisation(account.organisation_id) as session:
                    refuse(session, account.id)
                return False
            log.warning("provider_refused", code=error.code)
        except (ProviderUnreachable, UnknownKey, DamagedValue) as error:
            log.warning("provider_unreachable", code=str(error))
        else:
            return True
    if at - account.confirmed_at > OFFLINE_GRACE + CHECK_EVERY:
        raise DomainError(
            "provider.unreachable",
            503,
            "Your organisation's identity provider is not responding. Try again in a minute.",
            headers={"Retry-After": "60"},
        )
    return True


def _claim_check(database: Database, account: ProviderAccount, at: datetime) -> bool:
    checked_at = ProviderAccount.checked_at
    is_due = or_(checked_at <= at - CHECK_EVERY, checked_at > at + MAX_SKEW)
    claim = update(ProviderAccount).where(ProviderAccount.id == account.id, is_due)
    with database.for_organisation(account.organisation_id) as session:
        return cast(CursorResult[None], session.execute(claim.values(checked_at=at))).rowcount == 1


def _ask(database: Database, account: ProviderAccount, settings: Settings) -> None:
    secret_keys = settings.get_secret_keys()
    with database.for_organisation(account.organisation_id, write=False) as session:
        client = build_client(session.get_one(IdentityProvider, account.provider_id), settings)
    tokens = client.refresh(decrypt(secret_keys, str(account.refresh_token), REFRESH_PURPOSE, account.id).decode())
    with database.for_organisation(account.organisation_id) as session:
        confirmed = session.get_one(ProviderAccount, account.id)
        confirmed.confirmed_at = now()
        if tokens.get("refresh_token"):
            confirmed.refresh_token = encrypt(
                secret_keys, str(tokens["refresh_token"]).encode(), REFRESH_PURPOSE, account.id
            )


def refuse(session: Session, account_id: str) -> None:
    """End the sessions and stop the keys of a user whom the provider no longer knows."""
    account = session.get_one(ProviderAccount, account_id)
    if account.refused_at is not None:
        return
    by = ACTOR
    sessions.end_all_sessions(session, account.user_id)
    account.refused_at = keys.stop_keys(session, account.user_id, by)
    record_event(session, by, "user.refused_by_provider", "user", account.user_id)


def end_sessions_at_provider(session: Session, provider_id: str, claims: Mapping[str, Any]) -> None:
    """End the sessions that a logout token names: one by ``sid``, or all of a subject (Back-Channel Logout 1.0, 2.7)."""
    accounts = select(ProviderAccount.id).where(ProviderAccount.provider_id == provider_id)
    if "sub" in claims:
        accounts = accounts.where(ProviderAccount.subject == str(claims["sub"]))
    of_account = SignIn.provider_account_id.in_(accounts)
    query = select(SignIn).where(of_account).order_by(SignIn.created_at, SignIn.id)
    if "sid" in claims:
        query = query.where(SignIn.provider_session == str(claims["sid"]))
    for sign_in in session.scalars(query):
        record_event(session, ACTOR, "session.ended", "user", sign_in.user_id, {"session": sign_in.id})
        session.delete(sign_in)


def build_sign_out_url(database: Database, sign_in: SignIn, settings: Settings, back: str) -> tuple[str, str] | None:
    """Return the name of the provider through which a session came, and the address that ends the user's session there and then
    opens ``back`` (RP-Initiated Logout 1.0).

    None if the session came another way, or if the provider has no such address or does not answer.
    """
    if sign_in.provider_account_id is None:
        return None
    with database.for_organisation(sign_in.organisation_id, write=False) as session:
        account = session.get_one(ProviderAccount, sign_in.provider_account_id)
        provider = session.get_one(IdentityProvider, account.provider_id)
    try:
        client = build_client(provider, settings)
        address = client.load_metadata()[0].get("end_session_endpoint")
        hint = decrypt(settings.get_secret_keys(), str(sign_in.id_token), ID_TOKEN_PURPOSE, account.id).decode()
        client.session.check_url(str(address))
    except (ProviderUnreachable, UnknownKey, DamagedValue, DomainError):
        return None
    fields = {"id_token_hint": hint, "client_id": client.client_id, "post_logout_redirect_uri": back}
    return provider.name, f"{address}{'&' if '?' in str(address) else '?'}{urlencode(fields)}"
