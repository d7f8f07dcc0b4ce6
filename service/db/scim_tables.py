"""Tables of what an identity provider has provisioned through SCIM: users, groups and their members."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from service.db.tables import Base, Owned, new_id


class ProvisionedUser(Owned, Base):
    """A user as the identity provider has described them.

    ``user_name``: in lower case, to be found by. ``attributes``: what the provider sent of what we ask for. ``access``:
    ``given``; ``waiting`` as long as no group gives a role; ``ended`` if the provider says that the user is not active.
    """

    __tablename__ = "provisioned_user"
    __table_args__ = (
        CheckConstraint("access in ('given','waiting','ended')", name="valid_provisioned_access"),
        UniqueConstraint("user_id", name="one_provisioned_user"),
        UniqueConstraint("organisation_id", "user_name", name="one_user_a_user_name"),
    )
    id: Mapped[str] = mapped_column(String(36), primary_key=True, default=new_id)
    user_id: Mapped[str] = mapped_column(String(36), ForeignKey("user.id", ondelete="CASCADE"))
    user_name: Mapped[str] = mapped_column(String(255))
    external_id: Mapped[str | None] = mapped_column(String(255))
    attributes: Mapped[dict[str, Any]]
    access: Mapped[str] = mapped_column(String(10))
    changed_at: Mapped[datetime]


class ProvisionedGroup(Owned, Base):
    """A group of the identity provider. Its name or its external ID gives its members a role (``IdentityProvider.roles``)."""

    __tablename__ = "provisioned_group"
    __table_args__ = (UniqueConstraint("organisation_id", "display_name", name="one_group_a_name"),)
    id: Mapped[str] = mapped_column(String(36), primary_key=True, default=new_id)
    display_name: Mapped[str] = mapped_column(String(255))
    external_id: Mapped[str | None] = mapped_column(String(255))
    created_at: Mapped[datetime]
    changed_at: Mapped[datetime]


class ProvisionedMember(Owned, Base):
    """A user in a group of the identity provider."""

    __tablename__ = "provisioned_member"
    __table_args__ = (UniqueConstraint("group_id", "user_id", name="one_membership"),)
    id: Mapped[str] = mapped_column(String(36), primary_key=True, default=new_id)
    group_id: Mapped[str] = mapped_column(
        String(36), ForeignKey("provisioned_group.id", ondelete="CASCADE"), index=True
    )
    user_id: Mapped[str] = mapped_column(String(36), ForeignKey("user.id", ondelete="CASCADE"), index=True)
