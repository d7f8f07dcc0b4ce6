"""Tables of imports: uploaded files, what was read from them, and the columns that were chosen by hand."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, CheckConstraint, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from service.db.encrypted import Encrypted, EncryptedTexts
from service.db.tables import Base, Owned, new_id


class Upload(EncryptedTexts, Owned, Base):
    """An uploaded file; its bytes are in the blob store under their digest.

    ``redacted``: the bytes are its sheets without the notes in which personal data was detected, not the file itself.
    ``reading_sha256``: what was read from it for the preview of its import, until that is assessed
    (service/imports/stored_readings.py).
    """

    __tablename__ = "upload"
    id: Mapped[str] = mapped_column(String(36), primary_key=True, default=new_id)
    name = Encrypted[str](nullable=False)
    sha256: Mapped[str] = mapped_column(String(64))
    size: Mapped[int]
    redacted: Mapped[bool | None]
    reading_sha256: Mapped[str | None] = mapped_column(String(64))
    created_by: Mapped[str] = mapped_column(String(80))
    created_at: Mapped[datetime]


class Import(EncryptedTexts, Owned, Base):
    """An import of files: waiting -> previewed -> running -> done; or refused, failed, cancelled.

    ``uploads``: ids in order. ``choices``: options of the sender. ``choices_before``: those of the
    preview, while the files are read again with others. ``found``: sheets, headers, mapping, issues (the preview).
    ``needs_layout``: somebody has to say what the columns are. ``is_sample``: it is the sample list.
    ``problem``: why it was refused, as a problem object. ``undo``: what became of its suppliers when it was
    undone (service/imports/undo.py), None if it was not. ``edition``: the import that it was compared with, and how many
    suppliers are unchanged (service/imports/editions.py), None if it was compared with none.
    """

    __tablename__ = "import"
    __table_args__ = (
        CheckConstraint(
            "state in ('waiting','previewed','running','done','refused','failed','cancelled')", name="valid_state"
        ),
    )
    id: Mapped[str] = mapped_column(String(36), primary_key=True, default=new_id)
    uploads: Mapped[list[Any]]
    choices = Encrypted[dict[str, Any]](nullable=False)
    choices_before = Encrypted[dict[str, Any] | None]()
    state: Mapped[str] = mapped_column(String(12))
    needs_layout: Mapped[bool] = mapped_column(default=False, server_default=text("false"))
    is_sample: Mapped[bool] = mapped_column(default=False, server_default=text("false"))
    found = Encrypted[dict[str, Any] | None]()
    problem = Encrypted[dict[str, Any] | None]()
    undo: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    edition: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    rows: Mapped[int] = mapped_column(default=0)
    accepted: Mapped[int] = mapped_column(default=0)
    rejected: Mapped[int] = mapped_column(default=0)
    created_by: Mapped[str] = mapped_column(String(80))
    created_at: Mapped[datetime]
    finished_at: Mapped[datetime | None]


class ColumnMapping(Owned, Base):
    """What the columns of a layout were said to be by hand, for the next file with the same headers.

    ``fingerprint``: of the headers and the kind of a sheet (:mod:`service.imports.mappings`). ``headers``: those of the sheet
    without columns of personal data. ``columns``: question -> header, "" for a question that no column answers.
    """

    __tablename__ = "column_mapping"
    __table_args__ = (UniqueConstraint("organisation_id", "fingerprint", name="one_mapping_a_layout"),)
    id: Mapped[str] = mapped_column(String(36), primary_key=True, default=new_id)
    fingerprint: Mapped[str] = mapped_column(String(64))
    kind: Mapped[str] = mapped_column(String(10))
    headers: Mapped[list[Any]]
    columns: Mapped[dict[str, Any]]
    confirmed_by: Mapped[str] = mapped_column(String(80))
    confirmed_at: Mapped[datetime]
