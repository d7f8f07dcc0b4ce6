"""The table of a buyer's own practices, with the answers of each unit for every time that it answered."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from sqlalchemy import Index, String
from sqlalchemy.orm import Mapped, mapped_column

from service.db.tables import Base, Owned, new_id


class BuyerAnswers(Owned, Base):
    """Answers of a unit of the organisation about its own practices; the newest row of a unit counts.

    ``unit``: the key of its name, "" for one without. ``on``: the date of the answers. ``import_id``: the import they came
    in; None if they were typed or sent through the API.
    """

    __tablename__ = "buyer_answers"
    __table_args__ = (Index("newest_of_unit", "organisation_id", "unit", "created_at"),)
    id: Mapped[str] = mapped_column(String(36), primary_key=True, default=new_id)
    unit: Mapped[str] = mapped_column(String(300))
    form_version: Mapped[str] = mapped_column(String(20))
    answers: Mapped[dict[str, Any]]
    on: Mapped[date]
    import_id: Mapped[str | None] = mapped_column(String(36))
    created_by: Mapped[str] = mapped_column(String(80))
    created_at: Mapped[datetime]
