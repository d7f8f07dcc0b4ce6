"""Columns whose values the database holds encrypted: texts about cases and about what workers said.

A value is encrypted with the newest secret key of the installation (``service/secret_keys.py``) for its organisation, table,
column and row, so that it can be decrypted nowhere else. Whatever does not go through the class of the table, such as a backup, a
dump or plain SQL, sees ``v1.KEY ID.CIPHERTEXT``.
"""

from __future__ import annotations

import hashlib
import hmac
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Self, TypeVar, cast, overload

import orjson
from sqlalchemy import ColumnElement, Text, event, func, select
from sqlalchemy.orm import Session, mapped_column
from sqlalchemy.orm.context import QueryContext

from service.db.tables import new_id
from service.secret_keys import FORMAT, KEY_ID, decrypt, derive_key, encrypt, get_key_id

PURPOSE = "stored text"  # of the key that encrypts values
Value = TypeVar("Value")


@dataclass(frozen=True)
class Unencrypted:
    """A value that was assigned and is encrypted when its row is written. No database driver accepts it as it is."""

    value: Any


class EncryptedTexts:
    """Mixed into the class of a table with encrypted columns. Its rows decrypt with the secret keys of their session."""

    id: Any
    organisation_id: Any
    secret_keys = tuple[bytes, ...]()


class Encrypted(Generic[Value]):
    """An encrypted column of text or JSON. On a row it is the decrypted value; None is stored as NULL.

    On the class it is this object, which no query accepts, since a database can neither compare nor sort what it cannot read;
    ``column`` tells whether there is a value. Reading raises UnknownKey and DamagedValue.
    """

    def __init__(self, *, nullable: bool = True) -> None:
        self.nullable = nullable

    def __set_name__(self, owner: type[Any], name: str) -> None:
        self.table, self.name, self.stored_as = str(owner.__tablename__), name, f"{name}_encrypted"
        self.owner = owner
        setattr(owner, self.stored_as, mapped_column(name, Text, nullable=self.nullable))
        COLUMNS[owner].append(self)

    @overload
    def __get__(self, row: None, owner: type[Any]) -> Self: ...

    @overload
    def __get__(self, row: Any, owner: type[Any]) -> Value: ...

    def __get__(self, row: Any, owner: type[Any]) -> Self | Value:
        if row is None:
            return self
        stored = getattr(row, self.stored_as)
        if isinstance(stored, Unencrypted):
            return cast(Value, stored.value)
        if stored is None:
            return cast(Value, None)
        known = _get_decrypted(row)
        if known.get(self.name, (None, None))[0] is not stored:
            known[self.name] = (stored, self.decrypt(stored, row.secret_keys, row.organisation_id, row.id))
        return cast(Value, known[self.name][1])

    def __set__(self, row: Any, value: Value) -> None:
        setattr(row, self.stored_as, None if value is None else Unencrypted(value))

    @property
    def column(self) -> ColumnElement[str | None]:
        """The column as it is stored."""
        return cast(ColumnElement[str | None], getattr(self.owner, self.stored_as))

    def encrypt(self, value: Any, secret_keys: Sequence[bytes], organisation_id: str, row_id: str) -> str:
        """Return a value as it is stored in a row."""
        return encrypt(secret_keys, orjson.dumps(value), PURPOSE, self._describe(organisation_id, row_id))

    def decrypt(self, stored: str, secret_keys: Sequence[bytes], organisation_id: str, row_id: str) -> Any:
        """Return the value that is stored in a row. Raises UnknownKey, DamagedValue."""
        return orjson.loads(decrypt(secret_keys, stored, PURPOSE, self._describe(organisation_id, row_id)))

    def _describe(self, organisation_id: str, row_id: str) -> str:
        return f"{organisation_id} {self.table}.{self.name} {row_id}"


COLUMNS: Mapping[type[Any], list[Encrypted[Any]]] = defaultdict(list)  # by the class of their table


def get_secret_keys(session: Session) -> tuple[bytes, ...]:
    """Return the secret keys with which a session encrypts (the first) and decrypts (all).

    Raises RuntimeError if its database was opened without them.
    """
    secret_keys: tuple[bytes, ...] = session.info.get("secret_keys", ())
    if not secret_keys:
        raise RuntimeError("the database was opened without the secret keys that encrypt this column")
    return secret_keys


def encrypt_row(session: Session, row: object) -> None:
    """Encrypt what was assigned to the encrypted columns of a row, before it is written."""
    for column in COLUMNS.get(type(row), ()):
        assigned = row.__dict__.get(column.stored_as)  # what was not loaded was not assigned either
        if isinstance(assigned, Unencrypted) and isinstance(row, EncryptedTexts):
            row.secret_keys, row.id = get_secret_keys(session), row.id or new_id()
            stored = column.encrypt(assigned.value, row.secret_keys, row.organisation_id, row.id)
            _get_decrypted(row)[column.name] = (stored, assigned.value)
            setattr(row, column.stored_as, stored)


def _get_decrypted(row: Any) -> dict[str, tuple[str, Any]]:
    """Return what was decrypted of a row, by column, with the stored text that it was decrypted from."""
    known: dict[str, tuple[str, Any]] = row.__dict__.setdefault("decrypted", {})
    return known


def find_unknown_key(session: Session, tables: Sequence[type[Any]], secret_keys: Sequence[bytes]) -> str | None:
    """Return the id of a key with which a text of these tables is encrypted and which is not among the secret keys, if any."""
    known = [f"{FORMAT}.{get_key_id(secret_key)}.%" for secret_key in secret_keys]
    for table in tables:
        for column in COLUMNS[table]:
            is_unknown = (column.column.not_like(prefix) for prefix in known)
            stored = session.scalars(select(column.column).where(*is_unknown).limit(1)).first()
            if stored is not None:
                return stored.split(".")[1] if stored.startswith(f"{FORMAT}.") else "unknown"
    return None


def list_key_ids(session: Session) -> list[str]:
    """Return the ids of the keys with which the texts of all tables are encrypted, sorted."""
    ids = set[str]()
    for columns in COLUMNS.values():
        for column in columns:
            prefix = func.substr(column.column, len(FORMAT) + 2, KEY_ID)
            ids.update(session.scalars(select(prefix).where(column.column.is_not(None)).distinct()))
    return sorted(ids)


def list_digests(secret_keys: Sequence[bytes], purpose: str, text: str) -> list[str]:
    """Return what a text is looked up by where it is stored encrypted: its digests with each secret key, newest first."""
    return [
        hmac.digest(derive_key(secret_key, purpose), text.encode(), hashlib.sha256).hex() for secret_key in secret_keys
    ]


@event.listens_for(EncryptedTexts, "load", propagate=True)
def _set_secret_keys(row: EncryptedTexts, context: QueryContext) -> None:
    row.secret_keys = context.session.info.get("secret_keys", ())
