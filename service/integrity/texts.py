"""Checks that the encrypted columns can be decrypted."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import select

from service.db.encrypted import COLUMNS
from service.integrity.finding import Finding, Installation
from service.secret_keys import DamagedValue, UnknownKey

PORTION = 500  # rows that are read at once
ADD_KEY = "Add this key to the secret key file again."
RESTORE = "It has been changed, or it belongs to another row. Restore it from a backup."


def find_unreadable_texts(installation: Installation) -> Iterator[Finding]:
    """Yield each encrypted text that cannot be decrypted. All of them are read."""
    with installation.db.unscoped(write=False) as session:
        for table, columns in COLUMNS.items():
            rows = session.scalars(select(table).order_by(table.id).execution_options(yield_per=PORTION))
            for row in rows:
                for column in columns:
                    about = f"{column.table} {row.id}, {column.name}"
                    try:
                        getattr(row, column.name)
                    except UnknownKey as error:
                        yield Finding("text.key_missing", about, f"{str(error).capitalize()}. {ADD_KEY}")
                    except DamagedValue:
                        yield Finding("text.changed", about, f"The text cannot be decrypted. {RESTORE}")
