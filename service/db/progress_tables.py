"""How the portfolio of an organisation was doing, day by day: figures only, which name no supplier and nobody."""

from __future__ import annotations

from datetime import date

from sqlalchemy import ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from service.db.tables import Base, Owned


class PortfolioFigure(Owned, Base):
    """A figure of the portfolio on a day.

    ``part``: what it is of: "" for everything, a level, a currency, or a group of steps such as ``priority:3a`` or ``stage:act``.
    ``for_everyone``: it leaves out steps that are known only from workers. ``value``: None where it would describe a group of
    fewer than ten workers to everyone.
    """

    __tablename__ = "portfolio_figure"
    organisation_id: Mapped[str] = mapped_column(
        String(36), ForeignKey("organisation.id", ondelete="CASCADE"), primary_key=True
    )
    on: Mapped[date] = mapped_column(primary_key=True)
    figure: Mapped[str] = mapped_column(String(30), primary_key=True)
    part: Mapped[str] = mapped_column(String(30), primary_key=True)
    for_everyone: Mapped[bool] = mapped_column(primary_key=True)
    value: Mapped[float | None]
