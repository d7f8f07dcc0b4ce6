"""Tables of what people and programs sign in with besides passwords and keys: second factors, and identity providers."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from service.db.tables import Base, Owned, new_id


class SecondFactor(Owned, Base):
    """An authenticator app (``totp``) or a passkey of a user.

    ``secret``: of an app its encrypted key (service/secret_keys.py), of a passkey its public key. ``counter``: of an app the
    time step of the last code that was accepted, of a passkey its number of signatures.
    """

    __tablename__ = "second_factor"
    __table_args__ = (CheckConstraint("kind in ('totp','passkey')", name="valid_second_factor_kind"),)
    id: Mapped[str] = mapped_column(String(36), primary_key=True, default=new_id)
    user_id: Mapped[str] = mapped_column(String(36), ForeignKey("user.id", ondelete="CASCADE"), index=True)
    kind: Mapped[str] = mapped_column(String(10))
    name: Mapped[str] = mapped_column(String(60))
    secret: Mapped[str] = mapped_column(Text)
    credential_id: Mapped[str | None] = mapped_column(String(1400), unique=True)
    counter: Mapped[int] = mapped_column(BigInteger, default=0)
    created_at: Mapped[datetime]
    used_at: Mapped[datetime | None]


class RecoveryCode(Owned, Base):
    """A code that replaces a second factor once; only its hash is stored."""

    __tablename__ = "recovery_code"
    id: Mapped[str] = mapped_column(String(36), primary_key=True, default=new_id)
    user_id: Mapped[str] = mapped_column(String(36), ForeignKey("user.id", ondelete="CASCADE"), index=True)
    code_hash: Mapped[str] = mapped_column(String(64))
    used_at: Mapped[datetime | None]


class IdentityProvider(Owned, Base):
    """The OpenID Connect provider through which users of an organisation sign in.

    ``client_secret``: encrypted. ``roles``: the role of each group. ``required``: whether users must come through it;
    ``break_glass_id``: the admin who may still use a password then.
    """

    __tablename__ = "identity_provider"
    __table_args__ = (UniqueConstraint("organisation_id", name="one_provider_an_organisation"),)
    id: Mapped[str] = mapped_column(String(36), primary_key=True, default=new_id)
    name: Mapped[str] = mapped_column(String(80))
    issuer: Mapped[str] = mapped_column(String(500))
    client_id: Mapped[str] = mapped_column(String(200))
    client_secret: Mapped[str] = mapped_column(Text)
    group_claim: Mapped[str] = mapped_column(String(80))
    roles: Mapped[dict[str, Any]]
    required: Mapped[bool] = mapped_column(default=False)
    break_glass_id: Mapped[str | None] = mapped_column(String(36), ForeignKey("user.id", ondelete="SET NULL"))
    changed_at: Mapped[datetime]


class ProviderAccount(Owned, Base):
    """A user's account at the identity provider.

    ``refresh_token``: encrypted; None if the provider gives none. ``checked_at``: when the provider was last asked whether the
    account is still there; ``confirmed_at``: when it last said yes; ``refused_at``: when it said no, None if it has not.
    """

    __tablename__ = "provider_account"
    __table_args__ = (
        UniqueConstraint("provider_id", "subject", name="one_account_a_subject"),
        UniqueConstraint("user_id", name="one_account_a_user"),
    )
    id: Mapped[str] = mapped_column(String(36), primary_key=True, default=new_id)
    provider_id: Mapped[str] = mapped_column(
        String(36), ForeignKey("identity_provider.id", ondelete="CASCADE"), index=True
    )
    user_id: Mapped[str] = mapped_column(String(36), ForeignKey("user.id", ondelete="CASCADE"))
    subject: Mapped[str] = mapped_column(String(255))
    refresh_token: Mapped[str | None] = mapped_column(Text)
    checked_at: Mapped[datetime]
    confirmed_at: Mapped[datetime]
    refused_at: Mapped[datetime | None]


class AccessToken(Owned, Base):
    """A short-lived token of an API key; only its hash is stored."""

    __tablename__ = "access_token"
    id: Mapped[str] = mapped_column(String(36), primary_key=True, default=new_id)
    key_id: Mapped[str] = mapped_column(String(36), ForeignKey("api_key.id", ondelete="CASCADE"), index=True)
    token_hash: Mapped[str] = mapped_column(String(64), unique=True)
    scopes: Mapped[list[Any]]
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
