"""Users of an organisation: an admin creates them and gives each of them a one-time password."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import timedelta

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from service.audit import record_event
from service.auth import keys, passwords, sessions
from service.auth.access import ACCESS
from service.clock import now
from service.db.account_tables import User
from service.db.sign_in_tables import IdentityProvider
from service.errors import DomainError, not_found
from service.settings import ONE_TIME_PASSWORD_HOURS

_SIGN = r"\s\x00-\x1f\x7f-\x9f\ufffe\uffff"
EMAIL = re.compile(rf"[^@{_SIGN}]{{1,64}}@[^@.{_SIGN}]+(\.[^@.{_SIGN}]+)+")
EMAIL_OR_BLANKS = rf"^\s*{EMAIL.pattern}\s*$"  # as it may be sent: normalize_email strips the blanks


def create_user(
    session: Session, email: str, name: str, role: str, by: str, hours: int = ONE_TIME_PASSWORD_HOURS
) -> tuple[User, str]:
    """Create a user; return it with the password for the first sign-in, which ends after ``hours`` and cannot be retrieved later.

    Raises DomainError: ``user.email``, ``user.email_taken`` (by a user of this organisation), ``user.name``, ``user.role``. An
    address of a user of another organisation is refused like an invalid one, so that it reveals nothing about others.
    """
    email, name = normalize_email(email), name.strip()
    _check_person(email, name)
    _check_role(role)
    password = passwords.generate_one_time_password()
    user = User(
        email=email,
        name=name,
        password_hash=passwords.hash_password(password),
        role=role,
        active=True,
        must_change_password=True,
        password_expires_at=now() + timedelta(hours=hours),
        created_at=now(),
    )
    try:
        with session.begin_nested():
            session.add(user)
    except IntegrityError as error:
        raise _build_taken_error(session, email) from error
    record_event(session, by, "user.created", "user", user.id, {"role": role})
    return user, password


def change_role(session: Session, user_id: str, role: str, by: str) -> None:
    """Change the role of a user from the next request on. Their API keys stop unless the new role may create keys.

    Raises DomainError: ``not_found``, ``user.role``, ``user.last_admin``, ``user.break_glass``.
    """
    _check_role(role)
    user = get_user(session, user_id)
    if user.role == role:
        return
    _check_not_last_admin(session, user)
    _check_not_break_glass(session, user)
    record_event(session, by, "user.role_changed", "user", user.id, {"from": user.role, "to": role})
    user.role = role
    if not ACCESS.may_own_keys(role):
        keys.stop_keys(session, user.id, by)


def rename_user(session: Session, user_id: str, email: str, name: str, by: str) -> None:
    """Change the email address and the name of a user. Raises DomainError: ``not_found``, and as :func:`create_user`."""
    user = get_user(session, user_id)
    email, name = normalize_email(email), name.strip()
    changed = [field for field, new in (("email", email), ("name", name)) if new != getattr(user, field)]
    if not changed:
        return
    _check_person(email, name)
    try:
        with session.begin_nested():
            user.email, user.name = email, name
    except IntegrityError as error:
        raise _build_taken_error(session, email) from error
    record_event(session, by, "user.renamed", "user", user.id, {"changed": changed})


def deactivate(session: Session, user_id: str, by: str) -> None:
    """Deactivate a user; their sessions end and their API keys stop at once.

    Raises DomainError: ``not_found``, ``user.last_admin``, ``user.break_glass``.
    """
    user = get_user(session, user_id)
    if user.active:
        _check_not_last_admin(session, user)
        _check_not_break_glass(session, user)
        user.active = False
        sessions.end_all_sessions(session, user.id)
        record_event(session, by, "user.deactivated", "user", user.id)
        keys.stop_keys(session, user.id, by)


def activate(session: Session, user_id: str, by: str) -> None:
    """Reactivate a user with the password they had. Raises DomainError ``not_found``."""
    user = get_user(session, user_id)
    if not user.active:
        user.active = True
        record_event(session, by, "user.activated", "user", user.id)


def reset_password(session: Session, user_id: str, by: str, hours: int = ONE_TIME_PASSWORD_HOURS) -> str:
    """Set and return a one-time password that ends after ``hours``, and end the user's sessions.

    Raises DomainError ``not_found``.
    """
    password = passwords.generate_one_time_password()
    password_hash = passwords.hash_password(password)  # before the transaction opens: hashing is slow
    user = get_user(session, user_id)
    user.password_hash, user.must_change_password = password_hash, True
    user.password_expires_at = now() + timedelta(hours=hours)
    sessions.end_all_sessions(session, user.id)
    record_event(session, by, "user.password_reset", "user", user.id)
    return password


def change_password(session: Session, user_id: str, new: str) -> None:
    """Set a password that the user chose, and end all their sessions. Raises DomainError with the code of the fault."""
    password_hash = passwords.hash_password(new)  # before the transaction opens: hashing is slow
    user = get_user(session, user_id)
    code = passwords.find_password_fault(new, user.email, user.name)
    if code is not None:
        raise DomainError(code, 422, passwords.FAULTS[code])
    user.password_hash, user.must_change_password, user.password_expires_at = password_hash, False, None
    sessions.end_all_sessions(session, user.id)
    record_event(session, f"user:{user.id}", "user.password_changed", "user", user.id)


def has_expired_password(user: User) -> bool:
    """Return whether the password of a user is a one-time password whose time is over."""
    return user.password_expires_at is not None and user.password_expires_at <= now()


def list_users(session: Session) -> Sequence[User]:
    """Return every user of the organisation: active ones first, by name."""
    return session.scalars(select(User).order_by(User.active.desc(), User.name, User.id)).all()


def get_user(session: Session, user_id: str) -> User:
    """Return a user of the organisation. Raises DomainError ``not_found``."""
    user = session.get(User, user_id)
    if user is None:
        raise not_found()
    return user


def normalize_email(email: str) -> str:
    """Return an e-mail address as it is stored and compared."""
    return email.strip().lower()


def _build_email_error() -> DomainError:
    return DomainError("user.email", 422, "This email address cannot be used. Check it or use a different one.")


def _build_taken_error(session: Session, email: str) -> DomainError:
    if session.scalar(select(User.id).where(User.email == email)) is None:
        return _build_email_error()
    return DomainError("user.email_taken", 409, "There is already a user with this email address.")


def _check_person(email: str, name: str) -> None:
    if not EMAIL.fullmatch(email) or len(email) > 254:
        raise _build_email_error()
    if not 1 <= len(name) <= 200:
        raise DomainError("user.name", 422, "Enter a name of up to 200 characters.")


def _check_role(role: str) -> None:
    if role not in ACCESS.roles:
        raise DomainError("user.role", 422, f"Choose one of these roles: {', '.join(ACCESS.roles)}.")


def _check_not_last_admin(session: Session, user: User) -> None:
    """Raise DomainError ``user.last_admin`` for the last active admin: without one an organisation could never have one again."""
    if user.role != "admin" or not user.active:
        return
    # Locked, so that two admins who demote each other at once cannot both succeed.
    admins = session.scalars(select(User.id).where(User.role == "admin", User.active).with_for_update()).all()
    if set(admins) <= {user.id}:
        raise DomainError("user.last_admin", 409, "This is the last admin. Make another user an admin first.")


def _check_not_break_glass(session: Session, user: User) -> None:
    """Raise DomainError ``user.break_glass`` for the only admin who can sign in if the identity provider fails."""
    chosen = select(IdentityProvider.id).where(IdentityProvider.required, IdentityProvider.break_glass_id == user.id)
    if session.scalar(chosen) is not None:
        raise DomainError(
            "user.break_glass",
            409,
            "This admin can sign in if the identity provider fails. Choose another one in the sign-in rules first.",
        )
