"""What tests of the service stand on: a database of their own, made in `tmp_path`, and the application over it.

`database` is each kind of database in turn. People, keys and browsers are made by the functions of `callers.py`.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask

from service.app import create_app
from service.audit import ddl
from service.db.session import Database, open_engine
from service.db.tables import Base
from service.settings import Settings


@pytest.fixture(params=["sqlite"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """An empty database with every table and trigger."""
    engine = open_engine(f"{request.param}:///{tmp_path / 'test.db'}")
    Base.metadata.create_all(engine)
    with engine.begin() as connection:
        for statement in ddl(engine.dialect.name):
            connection.exec_driver_sql(statement)
    yield Database(engine)
    engine.dispose()


@pytest.fixture
def app(database: Database, tmp_path: Path) -> Flask:
    """The application over that database, as it is served without TLS on this machine."""
    return create_app(Settings(data=tmp_path, plain_http=True), database)
