"""Tables of worker voice: surveys among the workers of a supplier, their unused codes, and counts of answers while they are open.

No row says who answered or when, and none holds the answers of one worker. A used code is deleted in the transaction that adds
the answers to the counts. Once a survey is closed, its codes and counts are deleted, and only the published figures stay. The
supplier never learns of a survey from this service.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from sqlalchemy import JSON, CheckConstraint, ForeignKey, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from service.db.tables import Base, Owned, new_id


class WorkerSurvey(Owned, Base):
    """A survey among the workers of a supplier.

    ``record_id``: as in remediation. ``form_version``: of the statements. ``address``: the last part of the address of its page.
    ``run_by`` and ``runner``: who hands out the codes, by kind and by name of the organisation. ``chosen_by``: who chose the
    workers that are asked. ``workers``: how many there are. ``cut`` and ``groups``: how the answers are divided, None and one
    group if they are not. ``codes_issued``: codes that were ever issued. ``closed_on`` and ``published``: when it was closed, and
    the figures of each statement that were published then. ``accepted``: what a case handler made of a statement, when and who.
    """

    __tablename__ = "worker_survey"
    __table_args__ = (
        CheckConstraint("state in ('open','closed')", name="valid_survey_state"),
        CheckConstraint("(state = 'closed') = (closed_on is not null)", name="survey_closed_on_a_day"),
    )
    id: Mapped[str] = mapped_column(String(36), primary_key=True, default=new_id)
    supplier_id: Mapped[str] = mapped_column(String(36), ForeignKey("supplier.id", ondelete="CASCADE"), index=True)
    record_id: Mapped[str] = mapped_column(String(36))
    form_version: Mapped[str] = mapped_column(String(20))
    address: Mapped[str] = mapped_column(String(20), unique=True)
    country: Mapped[str] = mapped_column(String(2))
    run_by: Mapped[str] = mapped_column(String(20))
    runner: Mapped[str] = mapped_column(String(100))
    chosen_by: Mapped[str] = mapped_column(String(30))
    languages: Mapped[list[Any]]
    workers: Mapped[int]
    cut: Mapped[str | None] = mapped_column(String(20))
    groups: Mapped[list[Any]]
    opens_on: Mapped[date]
    closes_on: Mapped[date]
    state: Mapped[str] = mapped_column(String(10), default="open")
    codes_issued: Mapped[int] = mapped_column(default=0)
    closed_on: Mapped[date | None]
    published: Mapped[list[Any] | None] = mapped_column(JSON(none_as_null=True))
    accepted: Mapped[dict[str, Any]]
    version: Mapped[int] = mapped_column(default=1)
    created_by: Mapped[str] = mapped_column(String(80))
    created_at: Mapped[datetime]


class SurveyCode(Owned, Base):
    """A code that nobody has used yet, as a hash. It is not known which worker has it."""

    __tablename__ = "survey_code"
    __table_args__ = (UniqueConstraint("survey_id", "code_hash", name="one_code_of_a_survey"),)
    id: Mapped[str] = mapped_column(String(36), primary_key=True, default=new_id)
    survey_id: Mapped[str] = mapped_column(String(36), ForeignKey("worker_survey.id", ondelete="CASCADE"))
    code_hash: Mapped[str] = mapped_column(String(64))


class SurveyCount(Owned, Base):
    """How many workers of a group gave an answer to a statement of an open survey. Rows exist from the beginning, with 0."""

    __tablename__ = "survey_count"
    __table_args__ = (UniqueConstraint("survey_id", "group", "statement", "answer", name="one_count_of_an_answer"),)
    id: Mapped[str] = mapped_column(String(36), primary_key=True, default=new_id)
    survey_id: Mapped[str] = mapped_column(String(36), ForeignKey("worker_survey.id", ondelete="CASCADE"))
    group: Mapped[str] = mapped_column(String(20))
    statement: Mapped[str] = mapped_column(String(40))
    answer: Mapped[str] = mapped_column(String(20))
    workers: Mapped[int] = mapped_column(default=0)
