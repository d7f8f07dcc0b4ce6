"""Second factors: codes of an authenticator app (RFC 6238), and recovery codes for when it is lost. Passkeys: passkeys.py.

A code is accepted once, up to 30 seconds early or late.
"""

from __future__ import annotations

import base64
import hashlib
import re
import secrets
from collections.abc import Sequence
from typing import cast

from cryptography.hazmat.primitives.constant_time import bytes_eq
from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.twofactor.totp import TOTP
from sqlalchemy import CursorResult, delete, select, update
from sqlalchemy.orm import Session

from service.audit import record_event
from service.auth import sessions
from service.auth.access import ACCESS
from service.auth.passwords import ALPHABET
from service.auth.sign_in_rules import requires_second_factor
from service.auth.users import get_user
from service.clock import now
from service.db.account_tables import User
from service.db.sign_in_tables import RecoveryCode, SecondFactor
from service.db.tables import Organisation, new_id
from service.errors import DomainError, not_found
from service.outbox.queue import Event, queue_events
from service.secret_keys import DamagedValue, UnknownKey, decrypt, encrypt

TOTP_PURPOSE = "authenticator app"
STEP = 30  # seconds
ISSUER = "Diligence"
RECOVERY_CODES = 10
SEPARATOR = re.compile(r"[\s-]")
CODE_GROUPS = 6  # of four characters: 118 bits, so that a plain hash is enough (ASVS 5.0, 6.5.2)
MAX_FACTORS = 10  # of one user


def generate_totp_secret() -> str:
    """Return a new key for an authenticator app, in base 32 as apps take it."""
    return base64.b32encode(secrets.token_bytes(20)).decode()


def build_totp_uri(secret: str, email: str) -> str:
    """Return what the QR code for an authenticator app says."""
    return _build_totp(secret).get_provisioning_uri(email, ISSUER)


def add_totp(session: Session, user_id: str, secret: str, code: str, secret_keys: Sequence[bytes]) -> SecondFactor:
    """Add an authenticator app that has just shown ``code``, in place of an earlier one.

    Raises DomainError ``second_factor.code``, 422, for a code that does not fit.
    """
    step = _find_step(secret, _normalize(code), after=0)
    if step is None:
        raise _wrong_code()
    session.execute(delete(SecondFactor).where(SecondFactor.user_id == user_id, SecondFactor.kind == "totp"))
    encrypted = encrypt(secret_keys, secret.encode(), TOTP_PURPOSE, user_id)
    return add_factor(
        session, SecondFactor(user_id=user_id, kind="totp", name="Authenticator app", secret=encrypted, counter=step)
    )


def add_factor(session: Session, factor: SecondFactor) -> SecondFactor:
    """Save a second factor of a user and return it. Raises DomainError ``second_factor.too_many``, 409."""
    if len(list_factors(session, factor.user_id)) >= MAX_FACTORS:
        raise DomainError(
            "second_factor.too_many", 409, f"You can have at most {MAX_FACTORS} second factors. Remove one first."
        )
    factor.id, factor.created_at = new_id(), now()
    session.add(factor)
    session.flush()
    record_event(
        session, f"user:{factor.user_id}", "second_factor.added", "user", factor.user_id, {"kind": factor.kind}
    )
    return factor


def check_code(session: Session, user_id: str, code: str, secret_keys: Sequence[bytes]) -> None:
    """Accept a code of the user's authenticator app, or a recovery code; neither is accepted again.

    Raises DomainError ``second_factor.code``, 422.
    """
    typed = _normalize(code)
    app = session.scalars(
        select(SecondFactor).where(SecondFactor.user_id == user_id, SecondFactor.kind == "totp")
    ).first()
    if app is not None and len(typed) == 6 and _accept_totp(session, app, typed, secret_keys):
        return
    used = update(RecoveryCode).where(
        RecoveryCode.user_id == user_id, RecoveryCode.code_hash == _hash(typed), RecoveryCode.used_at.is_(None)
    )
    if cast(CursorResult[None], session.execute(used.values(used_at=now()))).rowcount != 1:
        raise _wrong_code()
    record_event(session, f"user:{user_id}", "second_factor.recovery_code_used", "user", user_id)


def _accept_totp(session: Session, app: SecondFactor, code: str, secret_keys: Sequence[bytes]) -> bool:
    try:
        secret = decrypt(secret_keys, app.secret, TOTP_PURPOSE, app.user_id).decode()
    except (UnknownKey, DamagedValue):  # its secret key is gone: recovery codes still work
        return False
    step = _find_step(secret, code, app.counter)
    if step is None:
        return False
    # The condition makes sure that two requests with the same code do not both succeed.
    accept = update(SecondFactor).where(SecondFactor.id == app.id, SecondFactor.counter < step)
    return cast(CursorResult[None], session.execute(accept.values(counter=step, used_at=now()))).rowcount == 1


def _find_step(secret: str, code: str, after: int) -> int | None:
    """Return the time step of a code that is due now, a step ago or a step later, but after the last one accepted."""
    current, totp = int(now().timestamp()) // STEP, _build_totp(secret)
    for step in (current - 1, current, current + 1):
        if step > after and bytes_eq(totp.generate(step * STEP), code.encode()):
            return step
    return None


def _build_totp(secret: str) -> TOTP:
    return TOTP(base64.b32decode(secret), 6, SHA1(), STEP)


def replace_recovery_codes(session: Session, user_id: str) -> list[str]:
    """Replace the recovery codes of a user and return the new ones, which cannot be retrieved later."""
    session.execute(delete(RecoveryCode).where(RecoveryCode.user_id == user_id))
    codes = [
        "-".join("".join(secrets.choice(ALPHABET) for _ in range(4)) for _ in range(CODE_GROUPS))
        for _ in range(RECOVERY_CODES)
    ]
    session.add_all(RecoveryCode(user_id=user_id, code_hash=_hash(_normalize(code))) for code in codes)
    record_event(session, f"user:{user_id}", "second_factor.recovery_codes_replaced", "user", user_id)
    return codes


def count_recovery_codes(session: Session, user_id: str) -> int:
    """Return how many recovery codes of a user have not been used."""
    unused = select(RecoveryCode.id).where(RecoveryCode.user_id == user_id, RecoveryCode.used_at.is_(None))
    return len(session.scalars(unused).all())


def list_factors(session: Session, user_id: str) -> Sequence[SecondFactor]:
    """Return the second factors of a user, the oldest first."""
    own = select(SecondFactor).where(SecondFactor.user_id == user_id)
    return session.scalars(own.order_by(SecondFactor.created_at, SecondFactor.id)).all()


def remove_factor(session: Session, user_id: str, factor_id: str) -> None:
    """Remove a second factor of a user, and the recovery codes with the last one.

    Raises DomainError: ``not_found``; ``second_factor.required``, 409, for the last one of a user who needs one.
    """
    own = {factor.id: factor for factor in list_factors(session, user_id)}
    if factor_id not in own:
        raise not_found()
    user = get_user(session, user_id)
    if len(own) == 1:
        if needs_factor(user, session.get_one(Organisation, user.organisation_id)):
            raise DomainError(
                "second_factor.required",
                409,
                "Your role requires a second factor. Add another one before you remove this one.",
            )
        session.execute(delete(RecoveryCode).where(RecoveryCode.user_id == user_id))
    session.delete(own[factor_id])
    record_event(session, f"user:{user_id}", "second_factor.removed", "user", user_id, {"kind": own[factor_id].kind})


def reset_factors(session: Session, user_id: str, by: str) -> None:
    """Remove all second factors and recovery codes of a user, end their sessions, and tell them by email.

    Raises DomainError ``not_found``.
    """
    user = get_user(session, user_id)
    session.execute(delete(SecondFactor).where(SecondFactor.user_id == user.id))
    session.execute(delete(RecoveryCode).where(RecoveryCode.user_id == user.id))
    sessions.end_all_sessions(session, user.id)
    record_event(session, by, "second_factor.reset", "user", user.id)
    queue_events(
        session,
        Event(code="second_factor.reset", occasion=new_id(), payload={"user_id": user.id}, mail_to=[user.id]),
    )


def needs_factor(user: User, organisation: Organisation) -> bool:
    """Return whether a user may not go on without a second factor."""
    return user.role in ACCESS.second_factor_roles and requires_second_factor(organisation, now())


def _normalize(code: str) -> str:
    return SEPARATOR.sub("", code[:200]).lower()[:100]


def _hash(code: str) -> str:
    return hashlib.sha256(code.encode()).hexdigest()


def _wrong_code() -> DomainError:
    return DomainError(
        "second_factor.code", 422, "This code is wrong or has already been used. Enter the code that is shown now."
    )
