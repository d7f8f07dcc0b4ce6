"""Tables of remediation: what was found at a supplier, what was agreed, and what came of it. They contain no names of workers.

Rows that belong to a supplier have its id twice: merging moves ``supplier_id`` to the supplier that remains, while ``record_id``
stays that of the record they were entered for. So uniqueness holds within a record, and undoing a merge takes them back.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from service.db.encrypted import Encrypted, EncryptedTexts
from service.db.tables import Base, Owned, new_id


class Finding(EncryptedTexts, Owned, Base):
    """Something that was found at a supplier and has to be put right: an indicator, a floor or a case.

    ``about``: the id of the indicator, floor or case; ``case_id`` repeats that of a case, which it is deleted with. ``cohort``:
    the group concerned, None for the whole place, and ``cohort_key`` its digest, "" for the whole place; the group of a case is
    described by the case alone. ``source_class`` and ``grade``: who said so, and how good the evidence is. ``worker_derived``: it
    is known from workers, so the supplier never sees it. ``scale``, ``scope``, ``irremediability``: severity, 1 to 4 each.
    ``raised_on``: the day of the newest assessment that found it.
    """

    __tablename__ = "finding"
    __table_args__ = (
        UniqueConstraint("record_id", "kind", "about", "cohort_key", name="one_finding_a_cohort"),
        CheckConstraint("kind in ('indicator','floor','case')", name="valid_finding_kind"),
        CheckConstraint(
            "state in ('open','consulted','disputed','accepted','remedied','closed','reopened')",
            name="valid_finding_state",
        ),
        CheckConstraint("involvement in ('caused','contributed','linked')", name="valid_involvement"),
        Index("finding_queue", "organisation_id", "state", "found_on", "id"),
    )
    id: Mapped[str] = mapped_column(String(36), primary_key=True, default=new_id)
    supplier_id: Mapped[str] = mapped_column(String(36), ForeignKey("supplier.id", ondelete="CASCADE"), index=True)
    record_id: Mapped[str] = mapped_column(String(36))
    kind: Mapped[str] = mapped_column(String(10))
    about: Mapped[str] = mapped_column(String(80))
    case_id: Mapped[str | None] = mapped_column(
        String(36), ForeignKey("case_record.id", ondelete="CASCADE"), index=True
    )
    cohort = Encrypted[dict[str, Any] | None]()
    cohort_key: Mapped[str] = mapped_column(String(64), default="")
    source_class: Mapped[str] = mapped_column(String(30))
    grade: Mapped[str | None] = mapped_column(String(30))
    found_on: Mapped[date]
    raised_on: Mapped[date]
    worker_derived: Mapped[bool]
    scale: Mapped[int | None]
    scope: Mapped[int | None]
    irremediability: Mapped[int | None]
    involvement: Mapped[str | None] = mapped_column(String(12))
    involvement_reason = Encrypted[str | None]()
    state: Mapped[str] = mapped_column(String(10), default="open")
    version: Mapped[int] = mapped_column(default=1)
    created_by: Mapped[str] = mapped_column(String(80))
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]


class PlanVersion(Owned, Base):
    """A version of the plan for a supplier, which is never changed: a new agreement is a new version. The newest one applies.

    ``agreed_how``: how the supplier agreed. ``spokesperson``: the kind of people who agreed for the workers, never a name.
    ``cost``: a decimal number as text; the shares are percentages of it.
    """

    __tablename__ = "plan_version"
    __table_args__ = (UniqueConstraint("record_id", "version", name="one_plan_a_version"),)
    id: Mapped[str] = mapped_column(String(36), primary_key=True, default=new_id)
    supplier_id: Mapped[str] = mapped_column(String(36), ForeignKey("supplier.id", ondelete="CASCADE"), index=True)
    record_id: Mapped[str] = mapped_column(String(36))
    version: Mapped[int]
    agreed_on: Mapped[date | None]
    agreed_how: Mapped[str | None] = mapped_column(String(30))
    workers_agreed_on: Mapped[date | None]
    spokesperson: Mapped[str | None] = mapped_column(String(30))
    cost: Mapped[str | None] = mapped_column(String(24))
    currency: Mapped[str | None] = mapped_column(String(3))
    employer_share: Mapped[int | None]
    agency_share: Mapped[int | None]
    buyer_share: Mapped[int | None]
    created_by: Mapped[str] = mapped_column(String(80))
    created_at: Mapped[datetime]


class Step(Owned, Base):
    """One step of the plan for a supplier: an action of the library, as it stood in the release with ``actions_digest``.

    ``party``: who has to act; ``owner_id``: the user who sees to it. ``needs_workers``: only people who spoke with workers can
    verify it. ``worker_derived``: only what workers said calls for it, so the supplier never sees it.
    """

    __tablename__ = "step"
    __table_args__ = (
        UniqueConstraint("record_id", "action", name="one_step_an_action"),
        CheckConstraint(
            "state in ('planned','agreed','in_progress','evidence_in','verified','rejected','closed','reopened','withheld')",
            name="valid_step_state",
        ),
        CheckConstraint("party in ('supplier','agency','buyer')", name="valid_party"),
        Index("step_queue", "organisation_id", "state", "due", "id"),
        Index("step_of_owner", "owner_id", "due"),
    )
    id: Mapped[str] = mapped_column(String(36), primary_key=True, default=new_id)
    supplier_id: Mapped[str] = mapped_column(String(36), ForeignKey("supplier.id", ondelete="CASCADE"), index=True)
    record_id: Mapped[str] = mapped_column(String(36))
    action: Mapped[str] = mapped_column(String(60))
    actions_release: Mapped[str] = mapped_column(String(20))
    actions_digest: Mapped[str] = mapped_column(String(64))
    party: Mapped[str] = mapped_column(String(10))
    owner_id: Mapped[str | None] = mapped_column(String(36), ForeignKey("user.id", ondelete="SET NULL"))
    due: Mapped[date]
    state: Mapped[str] = mapped_column(String(12), default="planned")
    safety: Mapped[bool]
    needs_workers: Mapped[bool]
    worker_derived: Mapped[bool]
    version: Mapped[int] = mapped_column(default=1)
    created_by: Mapped[str] = mapped_column(String(80))
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]


class StepFinding(Owned, Base):
    """A step that a finding calls for."""

    __tablename__ = "step_finding"
    __table_args__ = (UniqueConstraint("step_id", "finding_id", name="one_link_a_finding"),)
    id: Mapped[str] = mapped_column(String(36), primary_key=True, default=new_id)
    step_id: Mapped[str] = mapped_column(String(36), ForeignKey("step.id", ondelete="CASCADE"))
    finding_id: Mapped[str] = mapped_column(String(36), ForeignKey("finding.id", ondelete="CASCADE"), index=True)


class StepEvidence(EncryptedTexts, Owned, Base):
    """Evidence that a step was taken: a file in the blob store, or a reference to something kept elsewhere.

    ``worker_derived``: it says what workers said, so the supplier never sees it. ``person``: the user who submitted it, or who
    answered for the key that did; None for a supplier. ``personal_columns``: how many columns of a sheet have headers
    that indicate personal data; None for what is no sheet.
    """

    __tablename__ = "step_evidence"
    __table_args__ = (
        CheckConstraint(
            "kind in ('payment_proof','document','photo','interview_summary','official')", name="valid_evidence_kind"
        ),
        CheckConstraint("sha256 is not null or reference is not null", name="file_or_reference"),
    )
    id: Mapped[str] = mapped_column(String(36), primary_key=True, default=new_id)
    step_id: Mapped[str] = mapped_column(String(36), ForeignKey("step.id", ondelete="CASCADE"), index=True)
    kind: Mapped[str] = mapped_column(String(20))
    sha256: Mapped[str | None] = mapped_column(String(64))
    media_type: Mapped[str | None] = mapped_column(String(100))
    size: Mapped[int | None]
    reference = Encrypted[str | None]()
    period_from: Mapped[date | None]
    period_to: Mapped[date | None]
    cohort = Encrypted[dict[str, Any] | None]()
    worker_derived: Mapped[bool]
    personal_columns: Mapped[int | None]
    submitted_by: Mapped[str] = mapped_column(String(80))
    person: Mapped[str | None] = mapped_column(String(36))
    submitted_at: Mapped[datetime]


class StepVerification(EncryptedTexts, Owned, Base):
    """A check whether a step had its effect, by a user who neither owns the step nor submitted its evidence.

    ``source``: on whose word it rests. ``workers``: how many were spoken to on ``checked_on``, ``chosen_by``: who chose them,
    ``confirmed_percent``: how many of them confirm it.
    """

    __tablename__ = "step_verification"
    __table_args__ = (
        CheckConstraint("outcome in ('verified','rejected')", name="valid_verification"),
        CheckConstraint(
            "source in ('worker_voice','union_ngo','official','third_party','document')",
            name="valid_verification_source",
        ),
    )
    id: Mapped[str] = mapped_column(String(36), primary_key=True, default=new_id)
    step_id: Mapped[str] = mapped_column(String(36), ForeignKey("step.id", ondelete="CASCADE"), index=True)
    outcome: Mapped[str] = mapped_column(String(10))
    source: Mapped[str] = mapped_column(String(20))
    checked_on: Mapped[date]
    workers: Mapped[int | None]
    chosen_by: Mapped[str | None] = mapped_column(String(30))
    confirmed_percent: Mapped[int | None]
    asked_about_retaliation: Mapped[bool | None]
    reason = Encrypted[str | None]()
    verified_by: Mapped[str] = mapped_column(String(80))
    verified_at: Mapped[datetime]


class StepComment(EncryptedTexts, Owned, Base):
    """A comment on a step, for users only."""

    __tablename__ = "step_comment"
    id: Mapped[str] = mapped_column(String(36), primary_key=True, default=new_id)
    step_id: Mapped[str] = mapped_column(String(36), ForeignKey("step.id", ondelete="CASCADE"), index=True)
    text = Encrypted[str](nullable=False)
    created_by: Mapped[str] = mapped_column(String(80))
    created_at: Mapped[datetime]


class Transition(EncryptedTexts, Owned, Base):
    """A change of a finding or a step, which is only added: of its state, its due date or its owner (``field``), and why."""

    __tablename__ = "transition"
    __table_args__ = (
        CheckConstraint("field in ('state','due','owner')", name="valid_transition_field"),
        CheckConstraint("(finding_id is null) <> (step_id is null)", name="one_object"),
        Index("transition_of_finding", "finding_id", "at"),
        Index("transition_of_step", "step_id", "at"),
    )
    id: Mapped[str] = mapped_column(String(36), primary_key=True, default=new_id)
    finding_id: Mapped[str | None] = mapped_column(String(36), ForeignKey("finding.id", ondelete="CASCADE"))
    step_id: Mapped[str | None] = mapped_column(String(36), ForeignKey("step.id", ondelete="CASCADE"))
    field: Mapped[str] = mapped_column(String(10))
    from_value: Mapped[str | None] = mapped_column(String(40))
    to_value: Mapped[str | None] = mapped_column(String(40))
    reason = Encrypted[str | None]()
    actor: Mapped[str] = mapped_column(String(80))
    at: Mapped[datetime]


class Reply(EncryptedTexts, Owned, Base):
    """A supplier's right of reply: findings in words that are safe for the workers, when they were delivered, and the answer.

    ``delivered_how``: it was opened, or an officer noted how it was delivered. ``response``: what we answered.
    """

    __tablename__ = "reply"
    __table_args__ = (
        CheckConstraint("delivered_how in ('opened','noted')", name="valid_delivery"),
        CheckConstraint("(delivered_at is null) = (delivered_how is null)", name="delivered_somehow"),
        Index("reply_queue", "organisation_id", "due_at", "id"),
    )
    id: Mapped[str] = mapped_column(String(36), primary_key=True, default=new_id)
    supplier_id: Mapped[str] = mapped_column(String(36), ForeignKey("supplier.id", ondelete="CASCADE"), index=True)
    record_id: Mapped[str] = mapped_column(String(36))
    text = Encrypted[str](nullable=False)
    safety: Mapped[bool]
    sent_on: Mapped[date]
    due_at: Mapped[datetime]
    delivered_at: Mapped[datetime | None]
    delivered_how: Mapped[str | None] = mapped_column(String(10))
    delivery_note: Mapped[str | None] = mapped_column(String(300))
    delivery_noted_by: Mapped[str | None] = mapped_column(String(80))
    answer = Encrypted[str | None]()
    answered_at: Mapped[datetime | None]
    answered_by: Mapped[str | None] = mapped_column(String(80))
    response = Encrypted[str | None]()
    responded_by: Mapped[str | None] = mapped_column(String(80))
    version: Mapped[int] = mapped_column(default=1)
    created_by: Mapped[str] = mapped_column(String(80))
    created_at: Mapped[datetime]


class ReplyFinding(Owned, Base):
    """A finding that a supplier was asked about."""

    __tablename__ = "reply_finding"
    __table_args__ = (UniqueConstraint("reply_id", "finding_id", name="one_question_a_finding"),)
    id: Mapped[str] = mapped_column(String(36), primary_key=True, default=new_id)
    reply_id: Mapped[str] = mapped_column(String(36), ForeignKey("reply.id", ondelete="CASCADE"))
    finding_id: Mapped[str] = mapped_column(String(36), ForeignKey("finding.id", ondelete="CASCADE"), index=True)
