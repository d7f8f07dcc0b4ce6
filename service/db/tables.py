"""The base of all tables, and the tables of organisations, suppliers, their results and the audit trail.

Every row of a customer belongs to an organisation; the session filters by it and fails closed. Times are UTC with a zone. Ids
are random (UUID 4, as text), so that they reveal nothing. Names of workers must not be stored.
"""

from __future__ import annotations

import os
import uuid
from datetime import UTC, date, datetime
from time import time_ns
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    CheckConstraint,
    ColumnElement,
    Computed,
    Date,
    DateTime,
    Float,
    ForeignKey,
    Index,
    Integer,
    String,
    Text,
    UniqueConstraint,
    literal_column,
    text,
)
from sqlalchemy.dialects import sqlite
from sqlalchemy.engine import Dialect
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlalchemy.types import TypeDecorator

from risk_models.model import get_newest_release
from service.clock import today


class UTCTime(TypeDecorator[datetime]):
    """A timestamp, always with a zone: SQLite returns naive times, so they are stored as UTC and get their zone back."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Convert a time to UTC. Raises ValueError for a time without a time zone."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a time must have a time zone")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Return the stored time with the UTC zone."""
        return value.replace(tzinfo=UTC) if value is not None and value.tzinfo is None else value


def key_text(length: int) -> String:
    """Return the type of a text that lists are sorted by: by code point, as SQLite does, whatever language PostgreSQL runs in."""
    return String(length).with_variant(String(length, collation="C"), "postgresql")


def new_id() -> str:
    """Return a random id."""
    return str(uuid.uuid4())


def new_ordered_id() -> str:
    """Return a random id that begins with the time in milliseconds (version 7, RFC 9562). New rows of a large table are then
    next to each other in its indexes by id, where each random id changes a page of its own.
    """
    time, digits = f"{time_ns() // 1_000_000:012x}", os.urandom(9).hex()
    return f"{time[:8]}-{time[8:]}-7{digits[:3]}-8{digits[3:6]}-{digits[6:]}"


SORT_NAME = 100  # characters of a name by which suppliers are sorted


class Base(DeclarativeBase):
    """Base class of every table."""

    type_annotation_map = {dict[str, Any]: JSON, list[Any]: JSON, datetime: UTCTime, date: Date}


class Organisation(Base):
    """An organisation, the customer that all other rows belong to.

    ``models_release``: the newest release of the models that it has accepted. ``next_models_release``: the one that applies
    from the day ``next_models_from`` on (service/suppliers/organisation_models.py). ``idle_minutes`` and ``session_hours``: when
    sessions end; None for the limits of the installation. ``second_factor_from``: from when its admins and case handlers need a
    second factor; None if they do not (service/auth/sign_in_rules.py).
    """

    __tablename__ = "organisation"
    id: Mapped[str] = mapped_column(String(36), primary_key=True, default=new_id)
    name: Mapped[str] = mapped_column(String(200), unique=True)
    time_zone: Mapped[str] = mapped_column(String(60), default="UTC")
    keep_months: Mapped[int] = mapped_column(Integer, default=84)
    models_release: Mapped[str] = mapped_column(
        String(20), default=lambda: get_newest_release(today()), server_default="2026.3"
    )
    next_models_release: Mapped[str | None] = mapped_column(String(20))
    next_models_from: Mapped[date | None]
    idle_minutes: Mapped[int | None]
    session_hours: Mapped[int | None]
    second_factor_from: Mapped[datetime | None]
    created_at: Mapped[datetime]


class Erasure(Base):
    """The record of an erased organisation, the only row that remains of it. ``counts``: rows of each table, and files."""

    __tablename__ = "erasure"
    id: Mapped[str] = mapped_column(String(36), primary_key=True, default=new_id)
    organisation_id: Mapped[str] = mapped_column(String(36))
    at: Mapped[datetime]
    actor: Mapped[str] = mapped_column(String(80))
    counts: Mapped[dict[str, Any]]


class Heartbeat(Base):
    """The last heartbeat of a loop (``service/heartbeats.py``), and the failure that it met last."""

    __tablename__ = "heartbeat"
    id: Mapped[str] = mapped_column(String(36), primary_key=True, default=new_id)
    loop: Mapped[str] = mapped_column(String(20))
    process: Mapped[str] = mapped_column(String(80))
    started_at: Mapped[datetime]
    at: Mapped[datetime]
    failures: Mapped[int]
    failed_at: Mapped[datetime | None]
    failure_id: Mapped[str | None] = mapped_column(String(36))


class Owned:
    """The owner of a row of a customer; the session adds a condition on it to every statement."""

    organisation_id: Mapped[str] = mapped_column(
        String(36), ForeignKey("organisation.id", ondelete="CASCADE"), index=True
    )


class AuditEvent(Owned, Base):
    """Who did what to which object. Append-only: the database refuses changes and deletion, except the erasure
    of its details (``audit_triggers.py``).
    """

    __tablename__ = "audit_event"
    __table_args__ = (Index("audit_events_of_object", "object_id"),)
    id: Mapped[int] = mapped_column(BigInteger().with_variant(sqlite.INTEGER(), "sqlite"), primary_key=True)
    at: Mapped[datetime]
    actor: Mapped[str] = mapped_column(String(80))
    action: Mapped[str] = mapped_column(String(60))
    object_type: Mapped[str] = mapped_column(String(40))
    object_id: Mapped[str] = mapped_column(String(80))
    details: Mapped[dict[str, Any]]


def _computed(type_: Any, expression: str) -> Any:
    """Return a column that the database computes. It is loaded only when it is read."""
    return mapped_column(type_, Computed(expression, persisted=True), deferred=True)


class Supplier(Owned, Base):
    """A site or an agency, identified by its key (its own reference, or else an identifier, or else name, country and address),
    and by the keys of suppliers that were merged into it (MergedKey).

    ``latest_id`` points to its newest result; the summary columns repeat that result, so that lists need no join. ``ended_on``:
    when somebody said that it no longer supplies, because it was missing from a list; a later list that names it clears this.
    ``fell_on``: when its level fell without a known cause (service/suppliers/level_changes.py).
    """

    __tablename__ = "supplier"
    __table_args__ = (
        UniqueConstraint("organisation_id", "kind", "key", name="one_supplier_a_key"),
        CheckConstraint("kind in ('site','agency')", name="valid_kind"),
    )
    __mapper_args__ = {"eager_defaults": False}
    organisation_id: Mapped[str] = mapped_column(
        String(36), ForeignKey("organisation.id", ondelete="CASCADE")
    )  # the first column of other indexes
    id: Mapped[str] = mapped_column(String(36), primary_key=True, default=new_ordered_id)
    kind: Mapped[str] = mapped_column(String(8))
    key: Mapped[str] = mapped_column(key_text(300))
    reference: Mapped[str | None] = mapped_column(String(300))
    name: Mapped[str] = mapped_column(Text)
    sort_name: Mapped[str] = mapped_column(key_text(SORT_NAME), default="", server_default=text("''"))
    company_key: Mapped[str] = mapped_column(key_text(300))
    country: Mapped[str | None] = mapped_column(String(2))
    sector: Mapped[str | None] = mapped_column(String(4))
    answers: Mapped[dict[str, Any]]
    form_answers: Mapped[dict[str, Any] | None]  # of the last returned form, unchanged
    latest_id: Mapped[str | None] = mapped_column(String(36))
    level: Mapped[str | None] = mapped_column(String(24))
    inherent_level: Mapped[str | None] = mapped_column(String(24))
    rank: Mapped[int | None]
    score: Mapped[float | None]
    best: Mapped[float | None]
    worst: Mapped[float | None]
    inherent: Mapped[float | None]
    confidence: Mapped[float | None]
    coverage: Mapped[float | None]
    practice: Mapped[float | None]
    practice_of: Mapped[float | None]
    model: Mapped[str | None] = mapped_column(String(40))
    next_step: Mapped[str | None] = mapped_column(String(60))
    own_step: Mapped[str | None] = mapped_column(String(60))
    up_to: Mapped[bool] = mapped_column(default=False)
    silent: Mapped[bool | None]  # None: assessed before this was stored
    findings_of: Mapped[str | None] = mapped_column(String(36))  # the result that its findings were last taken from
    assessed_at: Mapped[datetime | None]
    review_due: Mapped[date | None]
    ended_on: Mapped[date | None]
    fell_on: Mapped[date | None]
    version: Mapped[int] = mapped_column(default=1)
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    deleted_at: Mapped[datetime | None]
    # What lists are filtered and sorted by. They are columns, since with row security PostgreSQL looks up an expression in an
    # index only if none of its functions could leak a value. "" has the same position in the indexes of every database.
    place: Mapped[str] = _computed(String(2), "coalesce(country, '')")
    division: Mapped[str] = _computed(String(4), "coalesce(substr(sector, 1, 2), '')")
    spread: Mapped[float | None] = _computed(Float, "worst - best")


KEY = (Supplier.kind, Supplier.key)
QUEUE = (
    Supplier.rank,
    Supplier.inherent.desc(),
    Supplier.worst.desc(),
    Supplier.score.desc(),
    *KEY,
)
# Every order and every filter of the lists has an index: no page reads more rows than it shows, or than match a rare filter.
INDEXES: dict[str, tuple[Any, ...]] = {
    "supplier_queue": QUEUE,
    "supplier_queue_of_kind": (Supplier.kind, *QUEUE[:-2], Supplier.key),
    "supplier_queue_of_level": (Supplier.level, *QUEUE),
    "supplier_queue_of_inherent_level": (Supplier.inherent_level, *QUEUE),
    "supplier_queue_of_place": (Supplier.place, *QUEUE),
    "supplier_queue_of_division": (Supplier.division, *QUEUE),
    "supplier_queue_of_step": (Supplier.next_step, *QUEUE),
    "supplier_queue_of_own_step": (Supplier.own_step, *QUEUE),
    "supplier_queue_of_review": (Supplier.review_due, *QUEUE),
    "supplier_of_company": (Supplier.company_key,),
    "supplier_cell": (
        Supplier.place,
        Supplier.division,
        Supplier.rank,
        Supplier.inherent.desc(),
        Supplier.score.desc(),
        *KEY,
    ),
    "supplier_by_name": (Supplier.sort_name, *KEY),
    "supplier_by_score": (Supplier.score.desc(), *KEY),
    "supplier_by_range": (Supplier.spread.desc(), *KEY),
    "supplier_by_confidence": (Supplier.confidence, *KEY),
    "supplier_by_coverage": (Supplier.coverage, *KEY),
}
for name, columns in INDEXES.items():
    Index(name, Supplier.organisation_id, *columns)
# As text, which both databases understand: the index is used only by a query with the very same condition. It has no type, since
# SQLAlchemy adds "= 1" to a condition of type Boolean on SQLite, which makes it another condition.
HAS_EVIDENCE: ColumnElement[bool] = literal_column(
    "((answers -> 'evidence') IS NOT NULL OR (answers -> 'evidence_grade') IS NOT NULL)"
)
Index(
    "supplier_with_evidence", Supplier.organisation_id, *QUEUE, postgresql_where=HAS_EVIDENCE, sqlite_where=HAS_EVIDENCE
)

WITHOUT_FINDINGS: ColumnElement[bool] = literal_column(
    "(latest_id IS NOT NULL AND (findings_of IS NULL OR findings_of <> latest_id))"
)
Index(
    "supplier_without_findings",
    Supplier.organisation_id,
    Supplier.id,
    postgresql_where=WITHOUT_FINDINGS,
    sqlite_where=WITHOUT_FINDINGS,
)

HAS_FALLEN: ColumnElement[bool] = literal_column("(fell_on IS NOT NULL)")
Index("supplier_fallen", Supplier.organisation_id, *QUEUE, postgresql_where=HAS_FALLEN, sqlite_where=HAS_FALLEN)


class MergedKey(Owned, Base):
    """An alias: the key of a supplier that was merged into another, which it now identifies. No supplier has it as its own key.

    ``named``: the reference, number or name and place that the key was built from, for display.
    """

    __tablename__ = "merged_key"
    __table_args__ = (UniqueConstraint("organisation_id", "kind", "key", name="one_merged_supplier_a_key"),)
    id: Mapped[str] = mapped_column(String(36), primary_key=True, default=new_id)
    supplier_id: Mapped[str] = mapped_column(String(36), ForeignKey("supplier.id", ondelete="CASCADE"), index=True)
    kind: Mapped[str] = mapped_column(String(8))
    key: Mapped[str] = mapped_column(key_text(300))
    named: Mapped[str] = mapped_column(Text)
    merged_at: Mapped[datetime]


class Engagement(Owned, Base):
    """A site that uses an agency, identified by the key of a name, reference or licence number (risk_models.name_normalize)."""

    __tablename__ = "engagement"
    __table_args__ = (UniqueConstraint("site_id", "agency_key", name="one_engagement_a_name"),)
    id: Mapped[str] = mapped_column(String(36), primary_key=True, default=new_ordered_id)
    site_id: Mapped[str] = mapped_column(String(36), ForeignKey("supplier.id", ondelete="CASCADE"))
    agency_key: Mapped[str] = mapped_column(String(300), index=True)
    named: Mapped[str] = mapped_column(Text)


class AgencyName(Owned, Base):
    """A key that identifies an assessed agency: of one of its names, its reference or its licence number."""

    __tablename__ = "agency_name"
    __table_args__ = (UniqueConstraint("agency_id", "key", name="one_name_a_key"),)
    id: Mapped[str] = mapped_column(String(36), primary_key=True, default=new_ordered_id)
    agency_id: Mapped[str] = mapped_column(String(36), ForeignKey("supplier.id", ondelete="CASCADE"))
    key: Mapped[str] = mapped_column(String(300), index=True)


class Result(Owned, Base):
    """One assessment of one supplier. Inputs and totals are stored; reasons are recomputed when they are read.

    ``given``: the questions that somebody answered, where answers came in about a supplier that was stored already.
    ``case_evidence``: the evidence of its case records on that day (service/suppliers/case_evidence.py), None without any.
    """

    __tablename__ = "result"
    __table_args__ = (
        Index("result_of_supplier", "supplier_id", "created_at"),
        Index("result_of_import", "organisation_id", "import_id", "supplier_id"),
    )
    organisation_id: Mapped[str] = mapped_column(
        String(36), ForeignKey("organisation.id", ondelete="CASCADE")
    )  # the first column of other indexes
    id: Mapped[str] = mapped_column(String(36), primary_key=True, default=new_ordered_id)
    supplier_id: Mapped[str] = mapped_column(String(36), ForeignKey("supplier.id", ondelete="CASCADE"))
    import_id: Mapped[str | None] = mapped_column(String(36))
    cause: Mapped[str] = mapped_column(String(20))
    on: Mapped[date]
    engine: Mapped[str] = mapped_column(String(20))
    model: Mapped[str] = mapped_column(String(40))
    model_version: Mapped[str] = mapped_column(String(20))
    facts_digest: Mapped[str] = mapped_column(String(64))
    answers: Mapped[dict[str, Any]]
    given: Mapped[list[Any] | None] = mapped_column(JSON(none_as_null=True))
    agency_scores: Mapped[dict[str, Any]]
    case_evidence: Mapped[dict[str, Any] | None] = mapped_column(JSON)
    place: Mapped[dict[str, Any]]
    level: Mapped[str] = mapped_column(String(24))
    inherent_level: Mapped[str] = mapped_column(String(24))
    score: Mapped[float] = mapped_column(Float)
    best: Mapped[float] = mapped_column(Float)
    worst: Mapped[float] = mapped_column(Float)
    inherent: Mapped[float] = mapped_column(Float)
    confidence: Mapped[float] = mapped_column(Float)
    coverage: Mapped[float] = mapped_column(Float)
    created_at: Mapped[datetime]


class QuestionnaireRequest(Owned, Base):
    """A questionnaire sent to a supplier: form version, recipient, dates. If it was returned, its blanks count as "declined".

    ``due_on``: the day by which a campaign asks for it. ``asked``: how many questions its pages show, None before they were first
    opened; ``answered``: how many of these have an answer that can be read. ``language``: the one that whoever answers it chose.
    ``submitted_at``: when it was returned through a link, and ``submitted_by`` the link. Of a request for clarification,
    ``reminded_at``: when the supplier was last reminded. ``closed_as``: why no reply to it, or to a
    questionnaire that was stopped, is expected any more.
    """

    __tablename__ = "asking"
    id: Mapped[str] = mapped_column(String(36), primary_key=True, default=new_id)
    supplier_id: Mapped[str] = mapped_column(String(36), ForeignKey("supplier.id", ondelete="CASCADE"), index=True)
    form: Mapped[str] = mapped_column(String(40))
    form_version: Mapped[str] = mapped_column(String(20))
    sent_to: Mapped[str] = mapped_column(String(200))
    sent_on: Mapped[date]
    due_on: Mapped[date | None]
    asked: Mapped[int | None]
    answered: Mapped[int] = mapped_column(default=0, server_default=text("0"))
    language: Mapped[str | None] = mapped_column(String(35))
    returned_on: Mapped[date | None]
    submitted_at: Mapped[datetime | None]
    submitted_by: Mapped[str | None] = mapped_column(String(80))
    reminded_at: Mapped[datetime | None]
    closed_as: Mapped[str | None] = mapped_column(String(10))
    created_by: Mapped[str] = mapped_column(String(80))


class Change(Owned, Base):
    """An entry of the change feed (``GET /changes``), written in the transaction of its cause, in the order of ``id``.

    ``level_before``: of a supplier that was assessed before and whose level changed.
    """

    __tablename__ = "change"
    id: Mapped[int] = mapped_column(BigInteger().with_variant(sqlite.INTEGER(), "sqlite"), primary_key=True)
    at: Mapped[datetime]
    kind: Mapped[str] = mapped_column(String(20))
    supplier_id: Mapped[str] = mapped_column(String(36))
    data: Mapped[dict[str, Any]]
    level_before: Mapped[str | None] = mapped_column(String(24))


Index(
    "level_changes",
    Change.organisation_id,
    Change.at.desc(),
    Change.id.desc(),
    postgresql_where=Change.level_before.is_not(None),
    sqlite_where=Change.level_before.is_not(None),
)


class SavedFilter(Owned, Base):
    """A portfolio filter that a user saved."""

    __tablename__ = "saved_filter"
    __table_args__ = (UniqueConstraint("user_id", "name", name="one_filter_a_name"),)
    id: Mapped[str] = mapped_column(String(36), primary_key=True, default=new_id)
    user_id: Mapped[str] = mapped_column(String(36), ForeignKey("user.id", ondelete="CASCADE"))
    name: Mapped[str] = mapped_column(String(100))
    query: Mapped[dict[str, Any]]
