"""Who answers for an API key, when it stopped, and until when a one-time password can be used."""

from __future__ import annotations

from datetime import timedelta

import sqlalchemy as sa
from alembic import op

from service.clock import now

revision = "0014"
down_revision = "0013"

GRACE = timedelta(hours=72)


def upgrade() -> None:
    """From 0013. A key belongs to the user who created it, as the audit trail says; keys of users who have left stop.

    One-time passwords that nobody has used yet end three days after the upgrade.
    """
    op.add_column("user", sa.Column("password_expires_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("api_key", sa.Column("stopped_at", sa.DateTime(timezone=True), nullable=True))
    with op.batch_alter_table("api_key") as batch:
        batch.add_column(sa.Column("owner_id", sa.String(36), nullable=True))
        batch.create_foreign_key("owner_of_key", "user", ["owner_id"], ["id"], ondelete="CASCADE")
        batch.create_index("ix_api_key_owner_id", ["owner_id"])
    connection, at = op.get_bind(), now()
    schema = sa.MetaData()
    schema.reflect(connection, only=("user", "api_key", "audit_event"))
    user, key, event = (schema.tables[name] for name in ("user", "api_key", "audit_event"))
    connection.execute(sa.update(user).where(user.c.must_change_password).values(password_expires_at=at + GRACE))
    users = {row.id: row for row in connection.execute(sa.select(user.c.id, user.c.active, user.c.role))}
    created = sa.select(event.c.object_id, event.c.actor).where(
        event.c.action == "key.created", event.c.object_type == "api_key"
    )
    owners: dict[str, str] = {}
    for key_id, actor in connection.execute(created.order_by(event.c.id)):
        kind, _, maker = actor.partition(":")
        owner = maker if kind == "user" else owners.get(maker)  # a key that another key created has the same owner
        if owner is not None and owner in users:
            owners[key_id] = owner
    for key_id, owner in owners.items():
        has_left = not users[owner].active or users[owner].role != "admin"
        values = {"owner_id": owner, "stopped_at": at if has_left else None}
        connection.execute(sa.update(key).where(key.c.id == key_id).values(**values))
