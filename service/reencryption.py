"""Encrypt texts, files, credentials and what people sign in with again with the newest secret key, to remove an older one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from sqlalchemy import or_, select

from service.auth.providers import ID_TOKEN_PURPOSE, REFRESH_PURPOSE, SECRET_PURPOSE
from service.auth.second_factors import TOTP_PURPOSE
from service.blob_store import BlobStore, ChangedBlob, LockedBlob, MissingBlob
from service.cases.service import list_keys
from service.db import encrypted
from service.db.account_tables import SignIn
from service.db.case_tables import StoredCase
from service.db.session import Database
from service.db.sign_in_tables import IdentityProvider, ProviderAccount, SecondFactor
from service.db.system_tables import ConnectedSystem
from service.outbox.pushes import CREDENTIALS_PURPOSE
from service.secret_keys import (
    FORMAT,
    DamagedValue,
    UnknownKey,
    decrypt,
    encrypt,
    get_key_id,
    is_encrypted_with_newest,
)

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
    """How many values and files were encrypted again, and how many no secret key can decrypt any more."""

    changed: int = 0
    unreadable: int = 0


def reencrypt(db: Database, blobs: BlobStore) -> Reencryption:
    """Encrypt every value and file of an older secret key with the newest one, a portion of rows in each transaction.

    It can be interrupted and called again. What no key decrypts stays as it is.
    """
    done = Reencryption()
    for column in COLUMNS:
        last: str | None = ""
        while last is not None:
            last = _reencrypt_portion(db, db.secret_keys, column, last, done)
    for table in encrypted.COLUMNS:
        last = ""
        while last is not None:
            last = _reencrypt_texts(db, table, last, done)
    reencrypt_files(blobs, done)
    return done


def reencrypt_files(blobs: BlobStore, done: Reencryption | None = None) -> None:
    """Encrypt every stored file that is not encrypted with the newest secret key, and count them in ``done``."""
    done = done or Reencryption()
    for digest in blobs.list_digests():
        try:
            done.changed += blobs.reencrypt(digest)
        except MissingBlob:  # deleted since it was listed
            continue
        except (ChangedBlob, LockedBlob):
            done.unreadable += 1


def _reencrypt_texts(db: Database, table: type[Any], after: str, done: Reencryption) -> str | None:
    """Encrypt the next texts of a table again; return the id of the last row, None if there are no more."""
    columns, newest = encrypted.COLUMNS[table], f"{FORMAT}.{get_key_id(db.secret_keys[0])}.%"
    is_older = or_(*(column.column.not_like(newest) for column in columns))
    with db.unscoped() as session:
        rows = select(table).where(table.id > after, is_older).order_by(table.id).limit(PORTION)
        found = session.scalars(rows.with_for_update()).all()
        for row in found:
            try:
                values = {column.name: getattr(row, column.name) for column in columns}
            except (UnknownKey, DamagedValue):
                done.unreadable += 1
                continue
            for name, value in values.items():
                setattr(row, name, value)
            if isinstance(row, StoredCase):
                row.key = list_keys(db.secret_keys, row.organisation_id, row.number)[0]
            done.changed += 1
        return found[-1].id if len(found) == PORTION else None


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
