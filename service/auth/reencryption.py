"""Encrypt credentials and what people sign in with again, with the newest secret key, so that an older one can be removed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from sqlalchemy import select

from service.auth.providers import ID_TOKEN_PURPOSE, REFRESH_PURPOSE, SECRET_PURPOSE
from service.auth.second_factors import TOTP_PURPOSE
from service.db.account_tables import SignIn
from service.db.session import Database
from service.db.sign_in_tables import IdentityProvider, ProviderAccount, SecondFactor
from service.db.system_tables import ConnectedSystem
from service.outbox.pushes import CREDENTIALS_PURPOSE
from service.secret_keys import DamagedValue, UnknownKey, decrypt, encrypt, is_encrypted_with_newest

PORTION = 200  # rows that are locked at once


class EncryptedColumn(NamedTuple):
    """A column of encrypted values: their purpose, and the column with the id that they belong to."""

    table: type[Any]
    column: str
    purpose: str
    belongs_to: str


COLUMNS = (
    EncryptedColumn(SecondFactor, "secret", TOTP_PURPOSE, "user_id"),
    EncryptedColumn(IdentityProvider, "client_secret", SECRET_PURPOSE, "id"),
    EncryptedColumn(ProviderAccount, "refresh_token", REFRESH_PURPOSE, "id"),
    EncryptedColumn(ConnectedSystem, "credentials", CREDENTIALS_PURPOSE, "id"),
    EncryptedColumn(SignIn, "id_token", ID_TOKEN_PURPOSE, "provider_account_id"),
)


@dataclass
class Reencryption:
    """How many values were encrypted again, and how many no secret key can decrypt any more."""

    changed: int = 0
    unreadable: int = 0


def reencrypt(db: Database, secret_keys: Sequence[bytes]) -> Reencryption:
    """Encrypt every value of an older secret key with the newest one, a portion of rows in each transaction.

    It can be interrupted and called again. Values that no key decrypts stay as they are.
    """
    done = Reencryption()
    for column in COLUMNS:
        last: str | None = ""
        while last is not None:
            last = _reencrypt_portion(db, secret_keys, column, last, done)
    return done


def _reencrypt_portion(
    db: Database, secret_keys: Sequence[bytes], column: EncryptedColumn, after: str, done: Reencryption
) -> str | None:
    """Encrypt the values of the next rows again; return the id of the last one, None if there are no more."""
    with db.unscoped() as session:
        rows = select(column.table).where(column.table.id > after).order_by(column.table.id).limit(PORTION)
        found = session.scalars(rows.with_for_update()).all()
        for row, value in _iterate_values(found, column):
            if is_encrypted_with_newest(secret_keys, value):
                continue
            belongs_to = getattr(row, column.belongs_to)
            try:
                data = decrypt(secret_keys, value, column.purpose, belongs_to)
            except (UnknownKey, DamagedValue):
                done.unreadable += 1
                continue
            setattr(row, column.column, encrypt(secret_keys, data, column.purpose, belongs_to))
            done.changed += 1
        return found[-1].id if len(found) == PORTION else None


def _iterate_values(rows: Sequence[Any], column: EncryptedColumn) -> Iterator[tuple[Any, str]]:
    for row in rows:
        value = getattr(row, column.column)
        if value and not (column.table is SecondFactor and row.kind != "totp"):  # a passkey has a public key
            yield row, value
