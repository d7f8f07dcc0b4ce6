"""The people of an organisation: made by an admin, who hands over a password for one sign-in."""

from __future__ import annotations

import re
from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from service.audit import record_event
from service.auth import passwords, sessions
from service.auth.access import ACCESS
from service.clock import now
from service.db.tables import User
from service.errors import DomainError, not_found

_SIGN = r"\s\x00-\x1f\x7f-\x9f\ufffe\uffff"
EMAIL = re.compile(rf"[^@{_SIGN}]{{1,64}}@[^@.{_SIGN}]+(\.[^@.{_SIGN}]+)+")
EMAIL_OR_BLANKS = rf"^\s*{EMAIL.pattern}\s*$"  # as it may be sent: normal_email cuts the blanks


def create_user(session: Session, email: str, name: str, role: str, by: str) -> tuple[User, str]:
    """A new user and the password for the first sign-in, which is told here and never again.

    Raises Refused: ``user.email``, ``user.email_taken`` (by somebody of this organisation), ``user.name``, ``user.role``. An
    address that signs in for another organisation is refused like one that is misspelt: who else is here is nobody's business.
    """
    email, name = normalize_email(email), name.strip()
    if not EMAIL.fullmatch(email) or len(email) > 254:
        raise _build_email_error()
    if not 1 <= len(name) <= 200:
        raise DomainError("user.name", 422, "A user needs a name of up to 200 letters.")
    _check_role(role)
    password = passwords.generate_one_time_password()
    user = User(
        email=email,
        name=name,
        password_hash=passwords.hash_password(password),
        role=role,
        active=True,
        must_change_password=True,
        created_at=now(),
    )
    try:
        with session.begin_nested():
            session.add(user)
    except IntegrityError as taken:
        if session.scalar(select(User.id).where(User.email == email)) is None:
            raise _build_email_error() from taken
        raise DomainError("user.email_taken", 409, "This e-mail address signs in already.") from taken
    record_event(session, by, "user.created", "user", user.id, {"role": role})
    return user, password


def change_role(session: Session, user_id: str, role: str, by: str) -> None:
    """Gives a user another role from the next request on. Raises Refused: ``not_found``, ``user.role``, ``user.last_admin``."""
    _check_role(role)
    user = get_user(session, user_id)
    if user.role == role:
        return
    _check_not_last_admin(session, user)
    record_event(session, by, "user.role_changed", "user", user.id, {"from": user.role, "to": role})
    user.role = role


def deactivate(session: Session, user_id: str, by: str) -> None:
    """Ends a user's access at once, sign-ins included. Raises Refused: ``not_found``, ``user.last_admin``."""
    user = get_user(session, user_id)
    if user.active:
        _check_not_last_admin(session, user)
        user.active = False
        sessions.end_all_sessions(session, user.id)
        record_event(session, by, "user.deactivated", "user", user.id)


def activate(session: Session, user_id: str, by: str) -> None:
    """Gives a user access again, with the password they had. Raises Refused ``not_found``."""
    user = get_user(session, user_id)
    if not user.active:
        user.active = True
        record_event(session, by, "user.activated", "user", user.id)


def reset_password(session: Session, user_id: str, by: str) -> str:
    """A new password for one sign-in, told here and never again; ends the user's sign-ins. Raises Refused ``not_found``."""
    password = passwords.generate_one_time_password()
    kept = passwords.hash_password(password)  # before the transaction opens: nobody waits for it
    user = get_user(session, user_id)
    user.password_hash, user.must_change_password = kept, True
    sessions.end_all_sessions(session, user.id)
    record_event(session, by, "user.password_reset", "user", user.id)
    return password


def change_password(session: Session, user_id: str, new: str) -> None:
    """A user's own new password; ends every sign-in of theirs. Raises Refused with the code of the fault."""
    kept = passwords.hash_password(new)  # before the transaction opens: nobody waits for it
    user = get_user(session, user_id)
    fault = passwords.find_fault(new, user.email, user.name)
    if fault is not None:
        raise DomainError(fault, 422, passwords.FAULTS[fault])
    user.password_hash, user.must_change_password = kept, False
    sessions.end_all_sessions(session, user.id)
    record_event(session, f"user:{user.id}", "user.password_changed", "user", user.id)


def list_users(session: Session) -> Sequence[User]:
    """Every user of the organisation: those with access first, by name."""
    return session.scalars(select(User).order_by(User.active.desc(), User.name, User.id)).all()


def get_user(session: Session, user_id: str) -> User:
    """A user of the organisation. Raises Refused ``not_found``."""
    user = session.get(User, user_id)
    if user is None:
        raise not_found()
    return user


def normalize_email(email: str) -> str:
    """An e-mail address as it is kept and compared."""
    return email.strip().lower()


def _build_email_error() -> DomainError:
    return DomainError("user.email", 422, "This e-mail address cannot be used: check it, or give another.")


def _check_role(role: str) -> None:
    if role not in ACCESS.roles:
        raise DomainError("user.role", 422, f"A role is one of {', '.join(ACCESS.roles)}.")


def _check_not_last_admin(session: Session, user: User) -> None:
    """An organisation without an admin could never have one again."""
    if user.role != "admin" or not user.active:
        return
    # Locked, so that of two admins who demote each other at once one stays.
    admins = session.scalars(select(User.id).where(User.role == "admin", User.active).with_for_update()).all()
    if set(admins) <= {user.id}:
        raise DomainError("user.last_admin", 409, "The last admin stays: make somebody else an admin first.")
