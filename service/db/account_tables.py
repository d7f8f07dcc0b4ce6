"""Tables of accounts: users, their sign-ins, failed attempts, API keys, and the logo of an organisation."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, String, Text, UniqueConstraint
from sqlalchemy.dialects import sqlite
from sqlalchemy.orm import Mapped, mapped_column

from service.db.tables import Base, Owned, new_id


class User(Owned, Base):
    """A person who signs in. ``password_expires_at``: the end of a one-time password, None once they have chosen their own."""

    __tablename__ = "user"
    __table_args__ = (
        CheckConstraint("role in ('admin','officer','viewer','approver','case_handler')", name="valid_role"),
    )
    id: Mapped[str] = mapped_column(String(36), primary_key=True, default=new_id)
    email: Mapped[str] = mapped_column(String(254), unique=True)
    name: Mapped[str] = mapped_column(String(200))
    password_hash: Mapped[str] = mapped_column(String(200))
    role: Mapped[str] = mapped_column(String(20))
    active: Mapped[bool] = mapped_column(default=True)
    must_change_password: Mapped[bool] = mapped_column(default=False)
    password_expires_at: Mapped[datetime | None]
    created_at: Mapped[datetime]


class SignIn(Owned, Base):
    """A signed-in browser: the cookie contains a random token, and this row contains its hash.

    ``authenticated_at``: when the user last proved who they are, at sign-in or since. ``browser``: a short description of it.
    ``provider_account_id``, ``provider_session`` and ``id_token`` (encrypted): how the user came through an identity provider.
    """

    __tablename__ = "sign_in"
    id: Mapped[str] = mapped_column(String(36), primary_key=True, default=new_id)
    token_hash: Mapped[str] = mapped_column(String(64), unique=True)
    user_id: Mapped[str] = mapped_column(String(36), ForeignKey("user.id", ondelete="CASCADE"))
    created_at: Mapped[datetime]
    seen_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    authenticated_at: Mapped[datetime | None]
    browser: Mapped[str | None] = mapped_column(String(80))
    provider_account_id: Mapped[str | None] = mapped_column(
        String(36), ForeignKey("provider_account.id", ondelete="CASCADE"), index=True
    )
    provider_session: Mapped[str | None] = mapped_column(String(255))
    id_token: Mapped[str | None] = mapped_column(Text)


class SignInAttempt(Base):
    """A failed sign-in, by hashed email and IP address, for throttling. It has no owner: the account may not exist."""

    __tablename__ = "sign_in_attempt"
    id: Mapped[int] = mapped_column(BigInteger().with_variant(sqlite.INTEGER(), "sqlite"), primary_key=True)
    key: Mapped[str] = mapped_column(String(64), index=True)
    at: Mapped[datetime]


class ApiKey(Owned, Base):
    """An API key for programs: it is shown once and stored as a hash.

    ``owner_id``: the user who answers for it, None for a key that was created on the command line. ``stopped_at``: when that user
    lost access; the key works again once it is handed over to somebody else.
    """

    __tablename__ = "api_key"
    id: Mapped[str] = mapped_column(String(36), primary_key=True, default=new_id)
    name: Mapped[str] = mapped_column(String(200))
    prefix: Mapped[str] = mapped_column(String(12))
    key_hash: Mapped[str] = mapped_column(String(64), unique=True)
    scopes: Mapped[list[Any]]
    owner_id: Mapped[str | None] = mapped_column(String(36), ForeignKey("user.id", ondelete="CASCADE"), index=True)
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    revoked_at: Mapped[datetime | None]
    stopped_at: Mapped[datetime | None]
    used_at: Mapped[datetime | None]
    minute: Mapped[
        datetime | None
    ]  # in which ``requests_used`` requests were handed out to the processes that serve it
    requests_used: Mapped[int] = mapped_column("taken", default=0)


class StoredLogo(Owned, Base):
    """The logo of an organisation: a PNG in the file store, drawn anew from what was uploaded."""

    __tablename__ = "logo"
    __table_args__ = (UniqueConstraint("organisation_id", name="one_logo_an_organisation"),)
    id: Mapped[str] = mapped_column(String(36), primary_key=True, default=new_id)
    sha256: Mapped[str] = mapped_column(String(64))
    width: Mapped[int]
    height: Mapped[int]
    uploaded_by: Mapped[str] = mapped_column(String(80))
    uploaded_at: Mapped[datetime]
