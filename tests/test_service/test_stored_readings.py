"""What was read for a preview is not read again when the import is confirmed, unless something has changed in between."""

import pytest
from callers import make_organisation
from flask import Flask
from portal import Portal, make_portal
from sheets import workbook
from sqlalchemy import update

from questionnaires import sandbox
from service.db.import_tables import Upload
from service.db.session import Database
from service.imports import stored_readings

LIST = """
    | Reference | Name | Country | Sector |
    |---|---|---|---|
    | S-1 | Blue Pier Foods | Thailand | 1020 |
    | S-2 | Red Quay | Thailand | 1020 |
    """


NAMES = ["Blue Pier Foods", "Red Quay"]


@pytest.fixture
def portal(app: Flask, database: Database) -> Portal:
    return make_portal(app, make_organisation(database))


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The tasks that the sandboxed process is given."""
    tasks: list[str] = []
    run = sandbox.run

    def record(task: str, *rest: object) -> bytes:
        tasks.append(task)
        return run(task, *rest)

    monkeypatch.setattr(sandbox, "run", record)
    return tasks


def preview(portal: Portal, name: str = "list.xlsx") -> str:
    return portal.import_file(name, workbook(LIST), confirm="false")["id"]


def confirm(portal: Portal, import_id: str) -> list[str]:
    """Confirm an import, and return the names of the suppliers that are stored then."""
    assert portal.post(f"/imports/{import_id}/confirm", {}).status_code == 202
    portal.work()
    assert portal.get(f"/imports/{import_id}").json["state"] == "done"
    return [portal.get(f"/suppliers/{reference}").json["answers"]["name"] for reference in ("S-1", "S-2")]


def count_stored_files(portal: Portal) -> int:
    return len(portal.app.extensions["blob_store"].list_digests())


def test_a_file_is_read_once_and_only_the_file_itself_stays_stored(portal: Portal, read: list[str]):
    import_id = preview(portal)
    assert count_stored_files(portal) == 2
    assert confirm(portal, import_id) == NAMES
    assert read == ["tables"]
    assert count_stored_files(portal) == 1


def test_a_file_is_read_again_if_its_reading_was_damaged(portal: Portal, read: list[str]):
    import_id = preview(portal)
    database: Database = portal.app.extensions["database"]
    with database.unscoped() as session:
        session.execute(update(Upload).values(reading_sha256=Upload.sha256))  # another file
    assert confirm(portal, import_id) == NAMES
    assert read == ["tables"] * 2


def test_a_file_is_read_again_by_another_version_of_the_program(
    portal: Portal, read: list[str], monkeypatch: pytest.MonkeyPatch
):
    import_id = preview(portal)
    monkeypatch.setattr(stored_readings, "get_program_digest", lambda: "another")
    assert confirm(portal, import_id) == NAMES
    assert read == ["tables"] * 2


def test_a_file_is_read_again_with_other_options(portal: Portal, read: list[str]):
    import_id = preview(portal)
    assert portal.post(f"/imports/{import_id}/confirm", {"columns": {"name_local": "Name"}}).status_code == 202
    portal.work()
    assert read == ["tables"] * 2
    assert count_stored_files(portal) == 1
