"""Tables of redress: what the workers of a supplier are owed and were paid. They contain numbers of workers and never a name.

Rows of a supplier have ``record_id`` as those of remediation do (``service/db/remediation_tables.py``). Amounts are decimal
numbers as text, with two decimals.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from sqlalchemy import JSON, CheckConstraint, ForeignKey, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from service.db.encrypted import Encrypted, EncryptedTexts
from service.db.tables import Base, Owned, new_id


class RemedyAccount(EncryptedTexts, Owned, Base):
    """A repayment calculation saved for a supplier: what its workers are owed, and what has been paid since.

    ``rules_version`` and ``rules_digest``: the rules of the calculation. ``complete``: nothing in its input was left out.
    ``low``, ``central`` and ``high``: what is owed; the instalments pay the central figure. ``cohorts``: each with its number of
    workers and what they are owed together. ``not_found``: workers who could not be found; ``measures``: what was done for
    them, as codes (service/remediation/redress.toml). ``still_owed``: why workers have not been paid.
    """

    __tablename__ = "remedy_account"
    id: Mapped[str] = mapped_column(String(36), primary_key=True, default=new_id)
    supplier_id: Mapped[str] = mapped_column(String(36), ForeignKey("supplier.id", ondelete="CASCADE"), index=True)
    record_id: Mapped[str] = mapped_column(String(36))
    rules_version: Mapped[str] = mapped_column(String(20))
    rules_digest: Mapped[str] = mapped_column(String(64))
    calculated_on: Mapped[date]
    deadline: Mapped[date]
    complete: Mapped[bool]
    currency: Mapped[str] = mapped_column(String(3))
    low: Mapped[str] = mapped_column(String(24))
    central: Mapped[str] = mapped_column(String(24))
    high: Mapped[str] = mapped_column(String(24))
    workers: Mapped[int]
    cohorts: Mapped[list[Any]] = mapped_column(JSON)
    not_found: Mapped[int] = mapped_column(default=0)
    measures: Mapped[list[Any]] = mapped_column(JSON)
    still_owed = Encrypted[str | None]()
    version: Mapped[int] = mapped_column(default=1)
    created_by: Mapped[str] = mapped_column(String(80))
    created_at: Mapped[datetime]


class RemedyInstalment(Owned, Base):
    """A payment that is due to the ``staff`` (current or past workers) of a cohort, and what shows that it was received.

    ``amount``: what is due; ``paid``: what was paid on ``paid_on`` to ``workers_paid`` workers, with ``proof``, a reference.
    ``paid_by`` recorded that, and ``person`` is the user who did so or who answers for the key. ``confirmed_*``: somebody else
    recorded that ``workers_asked`` workers were asked on ``confirmed_on``, and how many of these had been paid in full.
    """

    __tablename__ = "remedy_instalment"
    __table_args__ = (
        UniqueConstraint("account_id", "number", name="one_instalment_a_number"),
        CheckConstraint("(paid_on is null) = (paid is null)", name="paid_with_day"),
        CheckConstraint("confirmed_on is null or paid_on is not null", name="paid_before_confirmed"),
    )
    id: Mapped[str] = mapped_column(String(36), primary_key=True, default=new_id)
    account_id: Mapped[str] = mapped_column(String(36), ForeignKey("remedy_account.id", ondelete="CASCADE"))
    number: Mapped[int]
    due: Mapped[date]
    cohort: Mapped[str] = mapped_column(Text)
    staff: Mapped[str] = mapped_column(String(20))
    workers: Mapped[int]
    amount: Mapped[str] = mapped_column(String(24))
    paid_on: Mapped[date | None]
    paid: Mapped[str | None] = mapped_column(String(24))
    workers_paid: Mapped[int | None]
    proof: Mapped[str | None] = mapped_column(String(300))
    paid_by: Mapped[str | None] = mapped_column(String(80))
    person: Mapped[str | None] = mapped_column(String(36))
    confirmed_on: Mapped[date | None]
    confirmed_source: Mapped[str | None] = mapped_column(String(20))
    workers_asked: Mapped[int | None]
    workers_confirming: Mapped[int | None]
    confirmed_by: Mapped[str | None] = mapped_column(String(80))

    @property
    def is_confirmed(self) -> bool:
        """Whether workers were asked, and all of these had been paid in full."""
        return self.confirmed_on is not None and self.workers_confirming == self.workers_asked
