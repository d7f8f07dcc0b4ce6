"""Run Alembic commands on the connection they are given, otherwise on the database of the settings."""

from __future__ import annotations

import os
from typing import Literal

from alembic import context
from sqlalchemy import Connection

from service.db.session import open_engine
from service.db.tables import Base, UTCTime
from service.settings import from_environment


def _run(connection: Connection) -> None:
    context.configure(
        connection=connection, target_metadata=Base.metadata, render_item=_render_item, render_as_batch=True
    )
    with context.begin_transaction():
        context.run_migrations()


def _render_item(kind: str, item: object, _: object) -> str | Literal[False]:
    # A revision is self-contained: it must not change when a class of the service does.
    return "sa.DateTime(timezone=True)" if kind == "type" and isinstance(item, UTCTime) else False


connection = context.config.attributes.get("connection")
if connection is not None:
    _run(connection)
else:
    with open_engine(from_environment(os.environ).owner_database).begin() as new_connection:
        _run(new_connection)
