"""Tables of the outbox: messages that are to leave, each attempt to deliver one, webhook endpoints and edited mail texts."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, CheckConstraint, ForeignKey, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from service.db.tables import Base, Owned, new_id


class WebhookEndpoint(Owned, Base):
    """An address of the organisation's own systems to which events are posted. ``events``: the codes of those it gets.

    Its secret is not stored: it is derived from ``salt`` and the secret key of the installation, and ``secret_digest`` shows
    whether that key is still the same. ``previous_salt``: of the secret before the last rotation, which also signs until
    ``previous_until``. ``failing_since``: of the first delivery that failed after the last one that arrived.
    ``disabled_code``: why it gets nothing; None if it is in use.
    """

    __tablename__ = "webhook_endpoint"
    id: Mapped[str] = mapped_column(String(36), primary_key=True, default=new_id)
    url: Mapped[str] = mapped_column(Text)
    events: Mapped[list[Any]]
    salt: Mapped[str] = mapped_column(String(64))
    secret_digest: Mapped[str] = mapped_column(String(64))
    previous_salt: Mapped[str | None] = mapped_column(String(64))
    previous_until: Mapped[datetime | None]
    disabled_code: Mapped[str | None] = mapped_column(String(40))
    failing_since: Mapped[datetime | None]
    paused_until: Mapped[datetime | None]
    version: Mapped[int] = mapped_column(default=1)
    created_by: Mapped[str] = mapped_column(String(80))
    created_at: Mapped[datetime]


class Message(Owned, Base):
    """An email or a webhook call: queued -> sending -> sent; or failed, given_up, held.

    It is written in the transaction of its cause. ``occasion`` identifies the cause within its event, so that it is queued once
    for each recipient: a user, an endpoint or, for a letter, an address. ``payload``: ids, codes, numbers and dates.
    ``letter_values``: what else a letter says, such as a link; emptied once it was sent. ``attempts`` only rises: an attempt may
    record its end only if no later one has begun. ``message_id``: the Message-ID of an email, the same for each attempt.
    ``code``: how the last attempt ended, if not well.
    """

    __tablename__ = "message"
    __table_args__ = (
        UniqueConstraint("organisation_id", "event", "occasion", "kind", "recipient", name="one_message_an_occasion"),
        CheckConstraint("kind in ('mail','webhook')", name="valid_message_kind"),
        CheckConstraint("state in ('queued','sending','sent','failed','given_up','held')", name="valid_message_state"),
        Index("message_queue", "state", "next_attempt_at"),
        Index("messages_by_time", "organisation_id", "created_at", "id"),
    )
    id: Mapped[str] = mapped_column(String(36), primary_key=True, default=new_id)
    kind: Mapped[str] = mapped_column(String(10))
    event: Mapped[str] = mapped_column(String(40))
    occasion: Mapped[str] = mapped_column(String(200))
    recipient: Mapped[str] = mapped_column(String(254))
    user_id: Mapped[str | None] = mapped_column(String(36), ForeignKey("user.id", ondelete="CASCADE"), index=True)
    endpoint_id: Mapped[str | None] = mapped_column(
        String(36), ForeignKey("webhook_endpoint.id", ondelete="CASCADE"), index=True
    )
    supplier_id: Mapped[str | None] = mapped_column(
        String(36), ForeignKey("supplier.id", ondelete="CASCADE"), index=True
    )
    case_id: Mapped[str | None] = mapped_column(
        String(36), ForeignKey("case_record.id", ondelete="CASCADE"), index=True
    )
    payload: Mapped[dict[str, Any]]
    letter_values: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    language: Mapped[str] = mapped_column(String(35))
    message_id: Mapped[str | None] = mapped_column(String(320))
    state: Mapped[str] = mapped_column(String(10))
    attempts: Mapped[int] = mapped_column(default=0)
    next_attempt_at: Mapped[datetime]
    lease_until: Mapped[datetime | None]
    give_up_at: Mapped[datetime]
    code: Mapped[str | None] = mapped_column(String(60))
    created_at: Mapped[datetime]
    finished_at: Mapped[datetime | None]


class DeliveryAttempt(Owned, Base):
    """One attempt to deliver a message: the code and status of its end, and how long it took; nothing of what was said.

    ``number``: Message.attempts when it began. ``status``: of HTTP or SMTP, None if there was no reply.
    """

    __tablename__ = "delivery_attempt"
    __table_args__ = (UniqueConstraint("message_id", "number", name="one_attempt_a_number"),)
    id: Mapped[str] = mapped_column(String(36), primary_key=True, default=new_id)
    message_id: Mapped[str] = mapped_column(String(36), ForeignKey("message.id", ondelete="CASCADE"))
    number: Mapped[int]
    at: Mapped[datetime]
    code: Mapped[str] = mapped_column(String(60))
    status: Mapped[int | None]
    milliseconds: Mapped[int]


class MailText(Owned, Base):
    """The subject and the body of an event's mail in a language, as the organisation words them."""

    __tablename__ = "mail_text"
    __table_args__ = (UniqueConstraint("organisation_id", "event", "language", name="one_mail_text_a_language"),)
    id: Mapped[str] = mapped_column(String(36), primary_key=True, default=new_id)
    event: Mapped[str] = mapped_column(String(40))
    language: Mapped[str] = mapped_column(String(35))
    subject: Mapped[str] = mapped_column(Text)
    body: Mapped[str] = mapped_column(Text)
    changed_by: Mapped[str] = mapped_column(String(80))
    changed_at: Mapped[datetime]
