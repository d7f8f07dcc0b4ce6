"""The table of responses to requests that may be sent again."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from service.db.encrypted import Encrypted, EncryptedTexts
from service.db.tables import Base, Owned, new_id


class IdempotentResponse(EncryptedTexts, Owned, Base):
    """The response to a request with an Idempotency-Key, stored in the transaction of its effect."""

    __tablename__ = "idempotent"
    __table_args__ = (UniqueConstraint("organisation_id", "key", name="one_answer_a_key"),)
    id: Mapped[str] = mapped_column(String(36), primary_key=True, default=new_id)
    key: Mapped[str] = mapped_column(String(200))
    request_hash: Mapped[str] = mapped_column(String(64))
    status: Mapped[int]
    body = Encrypted[str](nullable=False)
    headers: Mapped[dict[str, Any]]
    created_at: Mapped[datetime]
