"""Encrypt the texts of cases, of what workers said and of imports, and find cases by a keyed digest of their number.

``fill`` encrypts the stored texts in portions with the newest secret key: a migration that is interrupted continues with those
that are not encrypted yet.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import re
from collections.abc import Mapping, Sequence
from typing import Any

import orjson
import sqlalchemy as sa
from alembic import op
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from service.db.migrations import MissingKeys

revision = "0048"
down_revision = "0049"

PORTION = 500  # rows
ENCRYPTED = "v1.________________.%"  # as LIKE sees it: v1.KEY ID.CIPHERTEXT
TEXTS: Mapping[str, Sequence[str]] = {
    "case_record": ("number", "linked_reference", "linked_name"),
    "case_finding": ("note",),
    "retaliation_watch": ("end_reason", "end_response"),
    "retaliation_check": ("reason",),
    "finding": ("involvement_reason",),
    "step_evidence": ("reference",),
    "step_verification": ("reason",),
    "step_comment": ("text",),
    "step_request": ("reason", "response"),
    "transition": ("reason",),
    "reply": ("text", "answer", "response"),
    "exit_paper": ("effect", "remedy", "payment_after", "reason", "response"),
    "remedy_account": ("still_owed",),
    "upload": ("name",),
    "import": (),
    "idempotent": ("body",),
}
DOCUMENTS: Mapping[str, Sequence[str]] = {
    "case_record": ("cohort", "closing", "closing_declined"),
    "case_finding": ("place",),
    "retaliation_check": ("figures",),
    "finding": ("cohort",),
    "step_evidence": ("cohort",),
    "exit_paper": ("leverage",),
    "import": ("choices", "found", "problem"),
}
JOB = sa.table(
    "job", *(sa.column(name) for name in ("id", "organisation_id", "kind", "state")), sa.column("payload", sa.JSON)
)
IMPORT = sa.table("import", sa.column("id"), sa.column("choices_before"))
NO_KEYS = "This version encrypts the texts of cases, and the migration was given no secret key."


def fill(connection: sa.Connection) -> bool:
    """Encrypt the next texts; return whether there were any. Raises MissingKeys."""
    _prepare(connection)
    secret_keys: Sequence[bytes] = connection.get_execution_options().get("secret_keys", ())
    return any(_fill_table(connection, table, secret_keys) for table in TEXTS) or _fill_jobs(connection, secret_keys)


def upgrade() -> None:
    """Upgrade from 0049."""
    connection = op.get_bind()
    _prepare(connection)
    if connection.dialect.name == "postgresql":
        op.alter_column("case_record", "key", type_=sa.String(64))
    else:
        _declare_types(connection, {"case_record": {"key": "VARCHAR(64)"}})


def _prepare(connection: sa.Connection) -> None:
    """Make room for encrypted texts, unless that was done before."""
    inspector = sa.inspect(connection)
    if "needs_layout" in {column["name"] for column in inspector.get_columns("import")}:
        return
    for name in ("needs_layout", "is_sample"):
        connection.exec_driver_sql(f'ALTER TABLE "import" ADD COLUMN {name} BOOLEAN DEFAULT false NOT NULL')
    connection.exec_driver_sql('ALTER TABLE "import" ADD COLUMN choices_before TEXT')
    narrow: dict[str, dict[str, str]] = {}
    for table, texts in TEXTS.items():
        types = {column["name"]: column["type"] for column in inspector.get_columns(table)}
        names = (*texts, *DOCUMENTS.get(table, ()))
        narrow[table] = {name: "TEXT" for name in names if not isinstance(types[name], sa.Text)}
    if connection.dialect.name == "sqlite":
        _declare_types(connection, narrow)
        return
    for table, columns in narrow.items():
        if columns:
            changes = (f'ALTER COLUMN "{name}" TYPE text USING "{name}"::text' for name in columns)
            connection.exec_driver_sql(f'ALTER TABLE "{table}" {", ".join(changes)}')


def _declare_types(connection: sa.Connection, types: Mapping[str, Mapping[str, str]]) -> None:
    """Change the declared types of columns on SQLite, where the stored values do not depend on them: rebuilding a table would
    delete what refers to its rows (sqlite.org/lang_altertable.html, section 7).
    """
    version = connection.exec_driver_sql("PRAGMA schema_version").scalar_one()
    connection.exec_driver_sql("PRAGMA writable_schema = ON")
    for table, columns in types.items():
        of_table = {"table": table}
        query = sa.text("SELECT sql FROM sqlite_master WHERE type = 'table' AND name = :table")
        sql: str = connection.execute(query, of_table).scalar_one()
        for name, type_ in columns.items():
            sql, count = re.subn(rf'([,(]\s*"?{name}"?) (JSON|VARCHAR\(\d+\))', rf"\1 {type_}", sql)
            if count != 1:
                raise RuntimeError(f"the column {table}.{name} is not declared as expected")
        update = sa.text("UPDATE sqlite_master SET sql = :sql WHERE type = 'table' AND name = :table")
        connection.execute(update, {"sql": sql, **of_table})
    connection.exec_driver_sql(f"PRAGMA schema_version = {version + 1}")
    connection.exec_driver_sql("PRAGMA writable_schema = OFF")


def _fill_table(connection: sa.Connection, name: str, secret_keys: Sequence[bytes]) -> bool:
    texts, documents = TEXTS[name], DOCUMENTS.get(name, ())
    extra = {"case_record": ("key",), "import": ("needs_layout", "is_sample")}.get(name, ())
    table = sa.table(name, *(sa.column(column) for column in ("id", "organisation_id", *texts, *documents, *extra)))
    wanted = [table.c[column].not_like(ENCRYPTED) for column in (*texts, *documents)]  # not true of NULL
    rows = connection.execute(sa.select(table).where(sa.or_(*wanted)).limit(PORTION)).mappings().all()
    if rows and not secret_keys:
        raise MissingKeys(NO_KEYS)
    for row in rows:
        changes: dict[str, Any] = {}
        for column in (*texts, *documents):
            text = row[column]
            if text is None or (text.startswith("v1.") and text[19:20] == "."):
                continue
            data = text.encode() if column in documents else orjson.dumps(text)
            belongs_to = f"{row['organisation_id']} {name}.{column} {row['id']}"
            is_nothing = column in documents and text == "null"
            changes[column] = None if is_nothing else _encrypt(secret_keys[0], data, belongs_to)
        if "number" in changes:
            digested = f"{row['organisation_id']} {row['key']}".encode()
            key = _derive_key(secret_keys[0], "case number")
            changes["key"] = hmac.digest(key, digested, hashlib.sha256).hex()
        if name == "import":
            found, choices = (orjson.loads(row[column] or "null") or {} for column in ("found", "choices"))
            changes |= {"needs_layout": bool(found.get("needs_layout")), "is_sample": bool(choices.get("sample"))}
        connection.execute(sa.update(table).where(table.c.id == row["id"]).values(changes))
    return bool(rows)


def _fill_jobs(connection: sa.Connection, secret_keys: Sequence[bytes]) -> bool:
    """Move the options that an import had before they were changed from the parameters of its job to the import."""
    has_options = sa.cast(JOB.c.payload, sa.Text).like('%"before":{%')
    query = sa.select(JOB).where(JOB.c.kind == "read_import", has_options).limit(PORTION)
    rows = connection.execute(query).all()
    if rows and not secret_keys:
        raise MissingKeys(NO_KEYS)
    for row in rows:
        payload = dict(row.payload)
        options = orjson.dumps(payload.pop("before"))
        if row.state in ("queued", "running"):
            belongs_to = f"{row.organisation_id} import.choices_before {payload['import_id']}"
            values = {"choices_before": _encrypt(secret_keys[0], options, belongs_to)}
            connection.execute(sa.update(IMPORT).where(IMPORT.c.id == payload["import_id"]).values(values))
        connection.execute(sa.update(JOB).where(JOB.c.id == row.id).values(payload=payload))
    return bool(rows)


def _encrypt(secret_key: bytes, data: bytes, belongs_to: str) -> str:
    """Return data as service/secret_keys.py encrypts it, in the format v1."""
    nonce = os.urandom(12)
    sealed = AESGCM(_derive_key(secret_key, "stored text")).encrypt(nonce, data, belongs_to.encode())
    key_id = hashlib.sha256(_derive_key(secret_key, "key id")).hexdigest()[:16]
    return f"v1.{key_id}.{base64.urlsafe_b64encode(nonce + sealed).decode()}"


def _derive_key(secret_key: bytes, purpose: str) -> bytes:
    return HKDF(SHA256(), 32, salt=None, info=f"diligence {purpose}".encode()).derive(secret_key)
