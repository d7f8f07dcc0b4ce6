"""Keys of other installations whose signed answers are accepted. Whoever accepts one vouches for the sender, not for answers."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from service.audit import record_event
from service.clock import now
from service.db.bundle_tables import AcceptedKey
from service.errors import DomainError, not_found
from service.secret_keys import KEY_BYTES, fingerprint

LONGEST_NAME = 100


def list_accepted_keys(session: Session) -> Sequence[AcceptedKey]:
    """Return the keys that were accepted, also those that were revoked, newest first."""
    return session.scalars(select(AcceptedKey).order_by(AcceptedKey.accepted_at.desc(), AcceptedKey.id)).all()


def accept_key(session: Session, public_key: str, name: str, by: str) -> AcceptedKey:
    """Accept the public key (32 bytes in Base64) of an installation with a name, after its fingerprint was compared.

    Raises DomainError: ``key.invalid``, ``key.name``, 422; ``key.known``, 409, for one that was accepted or revoked before.
    """
    try:
        data = base64.b64decode(public_key.strip(), validate=True)
    except (ValueError, binascii.Error) as error:
        raise _build_invalid() from error
    if len(data) != KEY_BYTES:
        raise _build_invalid()
    if not 1 <= len(name.strip()) <= LONGEST_NAME or not name.isprintable():
        detail = f"Enter the name of the key's owner (at most {LONGEST_NAME} characters)."
        raise DomainError("key.name", 422, detail)
    print_of = fingerprint(data)
    if session.scalars(select(AcceptedKey.id).where(AcceptedKey.fingerprint == print_of)).first() is not None:
        raise DomainError(
            "key.known", 409, "This key has already been accepted. A revoked key cannot be accepted again."
        )
    key = AcceptedKey(
        name=name.strip(),
        public_key=base64.b64encode(data).decode(),
        fingerprint=print_of,
        accepted_by=by,
        accepted_at=now(),
    )
    session.add(key)
    session.flush()
    record_event(session, by, "sender_key.accepted", "accepted_key", key.id, {"fingerprint": print_of})
    return key


def revoke_key(session: Session, key_id: str, by: str) -> AcceptedKey:
    """Revoke an accepted key for good: nothing more is imported with it, and what was imported stays. Raises DomainError
    ``not_found``, 404.
    """
    key = session.scalars(select(AcceptedKey).where(AcceptedKey.id == key_id).with_for_update()).first()
    if key is None:
        raise not_found("Key not found.")
    if key.revoked_at is None:
        key.revoked_at, key.revoked_by = now(), by
        record_event(session, by, "sender_key.revoked", "accepted_key", key.id)
    return key


def _build_invalid() -> DomainError:
    detail = f"This is not a public key. Enter {KEY_BYTES} bytes in Base64, as shown by the other installation."
    return DomainError("key.invalid", 422, detail)
