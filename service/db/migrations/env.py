"""What Alembic runs for each of its commands: on the connection it is given, else on the database of the settings."""

from __future__ import annotations

import os
from typing import Literal

from alembic import context
from sqlalchemy import Connection

from service.db.session import open_engine
from service.db.tables import Base, UTCTime
from service.settings import from_environment


def _run(connection: Connection) -> None:
    context.configure(connection=connection, target_metadata=Base.metadata, render_item=_render_item, render_as_batch=True)
    with context.begin_transaction():
        context.run_migrations()


def _render_item(kind: str, item: object, _: object) -> str | Literal[False]:
    # A revision stands by itself: it does not change when a class of ours does.
    return "sa.DateTime(timezone=True)" if kind == "type" and isinstance(item, UTCTime) else False


given = context.config.attributes.get("connection")
if given is not None:
    _run(given)
else:
    with open_engine(from_environment(os.environ).database).begin() as opened:
        _run(opened)
