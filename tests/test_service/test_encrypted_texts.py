"""Texts about cases and from workers are encrypted in the database, in stored files and in backups, whoever reads them there."""

import re
import tarfile
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from callers import make_browser, make_organisation, make_user, send
from databases import KINDS, SECRET_KEYS, Empty
from flask import Flask
from full_organisation import read_all_rows
from portal import Portal, make_portal
from sheets import workbook
from sqlalchemy import MetaData, insert, select, text, update
from sqlalchemy.exc import ArgumentError, StatementError
from test_case_imports import HEADER
from test_erasure import work
from test_migrations import open_old_database

from risk_models.name_normalize import name_key
from service.backup import BackupError, create_backup, restore_backup
from service.blob_store.folder import FolderStore
from service.cases.service import list_keys
from service.clock import now, today
from service.db.case_tables import StoredCase, StoredFinding
from service.db.encrypted import COLUMNS
from service.db.import_tables import Import
from service.db.job_tables import Job
from service.db.migrations import MissingKeys, migrate
from service.db.session import Database
from service.integrity.check import find_inconsistencies
from service.reencryption import Reencryption, reencrypt
from service.retaliation.rules import list_signs
from service.reviews.findings import queue_findings
from service.secret_keys import DamagedValue, UnknownKey
from service.settings import Settings
from service.wiring.app import connect, create_app
from service.wiring.processes import MissingSecretKey, check_secret_keys

WORD = "Wrenmoor"
LOCKED = {"finding": "locked_in", "phase": "work", "source": "grievance", "note": f"{WORD} gate"}
PAPERS = {"finding": "papers_held", "phase": "work", "source": "grievance", "note": f"{WORD} office"}
# The tables in which a case handler left the word below.
PLANTED = {
    "case_finding", "case_record", "idempotent", "import", "retaliation_check", "retaliation_watch", "step_comment",
    "step_evidence", "step_request", "transition", "upload",
}  # fmt: skip


@pytest.fixture
def served(served: Flask, database: Database, tmp_path: Path) -> Flask:
    """The application on each kind of database, with its files in a folder of their own."""
    connect(served, Settings(data=tmp_path / "data", plain_http=True), database)
    return served


def plant(app: Flask, database: Database) -> None:
    """Write the word in what a case handler can write, through the API and on pages."""
    organisation = make_organisation(database)
    portal = make_portal(app, organisation)
    portal.put("/suppliers/S-1", {"name": "Blue Pier Cannery", "country": "TH", "sector": ["1020"]})
    group = {"linked_reference": "S-1", "linked_name": f"{WORD} Foods", "job": f"{WORD} packer", "nationality": "MM"}
    opened = portal.post("/cases", {"number": f"{WORD}-1", **group, "findings": [LOCKED]}, Idempotency_Key="1")
    case = f"/cases/{opened.json['id']}"
    other = {"number": f"{WORD}-2", "linked_name": f"{WORD} Mill", "findings": [PAPERS]}
    assert portal.post("/cases", other, Idempotency_Key="2").status_code == 201
    assert portal.call("PATCH", case, json={"job": f"{WORD} loader"}).status_code == 200
    assert portal.call("PATCH", f"{case}/findings/1", json={"note": f"{WORD} door"}).status_code == 200
    row = f"| {WORD}-3 | {WORD}-S | Myanmar | {WORD} loader | Adults | Violence | at work | NGO | | {WORD} yard |"
    sent = portal.import_file(f"{WORD} cases.xlsx", workbook(HEADER, row), kind="case", confirm="false")
    assert sent["state"] == "previewed", sent
    queue_findings(database)
    work(portal)
    plant_on_pages(portal, database, organisation, case)


def plant_on_pages(portal: Portal, database: Database, organisation: str, case: str) -> None:
    """Write the word in a proposal to close the case, in steps, in evidence from workers and in a retaliation watch."""
    browser, approver = (
        make_browser(portal.app, make_user(database, organisation, role)) for role in ("admin", "approver")
    )

    def fill_in(client: Any, path: str, **fields: object) -> None:
        assert send(client, path, **fields).status_code == 303, path

    check = {"checked_on": today().isoformat(), "workers": "7", "chosen_by": "workers", "outcome": "remedied"}
    fill_in(browser, f"{case}/close", **check)
    proposed_at = re.search(r'name="proposed_at" value="([^"]+)"', approver.get("/approvals").get_data(as_text=True))
    fill_in(approver, f"/approvals{case}", decision="decline", reason=f"{WORD} shift", proposed_at=proposed_at[1])
    steps = portal.get("/steps").json["items"]
    step = next(one for one in steps if one["worker_derived"] and one["safety"])
    path, version = f"/remediation/steps/{step['id']}", step["version"]
    fill_in(browser, f"{path}/comments", text=f"{WORD} comment", version=version)
    file = (BytesIO(f"{WORD},7\n".encode()), "interviews.csv")
    fill_in(browser, f"{path}/evidence", kind="interview_summary", file=file, reference="", version=version)
    version = portal.get(f"/steps/{step['id']}").json["version"]
    summary = {"kind": "interview_summary", "reference": f"{WORD} interviews"}
    fill_in(browser, f"{path}/evidence", **summary, version=version)
    version = portal.get(f"/steps/{step['id']}").json["version"]
    fill_in(browser, f"{path}/requests", request="withheld", reason=f"{WORD} danger", version=version)
    finding = next(one for one in portal.get("/findings").json["items"] if one["kind"] == "case")
    disputed = portal.call("PATCH", f"/findings/{finding['id']}", json={"state": "disputed", "reason": f"{WORD} doubt"})
    assert disputed.status_code == 200, disputed.text
    one = portal.get("/retaliation-watches").json["items"][0]
    watched = f"/retaliation-watches/{one['id']}"
    result = {"check": one["checks"][0]["id"], "checked_on": today().isoformat(), "result": "signs"}
    figures = {f"sign-{sign}": "1" for sign in list_signs()}
    said = {"source": "union_ngo", "reason": f"{WORD} check"}
    fill_in(browser, f"{watched}/checks", **result, **figures, **said, version=one["version"])
    version = portal.get(watched).json["version"]
    fill_in(browser, f"{watched}/ending", reason=f"{WORD} end", version=version)


def read_stored_bytes(database: Database, folder: Path) -> Iterator[tuple[str, bytes]]:
    """Yield the bytes of a database and of the files in a folder, and the name of each."""
    if database.engine.dialect.name == "sqlite":
        file = Path(str(database.engine.url.database))
        yield from ((path.name, path.read_bytes()) for path in file.parent.glob(f"{file.name}*"))
    with database.engine.connect() as connection:
        for table in read_all_rows(database):
            yield table, repr(connection.execute(text(f'SELECT * FROM "{table}"')).all()).encode()
    for path in folder.rglob("*"):
        if path.is_file():
            yield path.name, path.read_bytes()


def read_backup(file: Path) -> bytes:
    with tarfile.open(file) as tar:
        return b"".join(tar.extractfile(entry).read() for entry in tar)


@pytest.mark.fault
def test_no_word_of_a_case_is_in_the_database_the_files_or_a_backup_and_all_are_readable_with_a_new_key(
    served: Flask, database: Database, request: pytest.FixtureRequest, tmp_path: Path
):
    plant(served, database)
    blobs = served.extensions["blob_store"]
    rows = read_all_rows(database)
    assert {name for name, found in rows.items() if WORD in repr(found)} >= PLANTED
    assert any(WORD.encode() in blobs.get(digest) for digest in blobs.list_digests())
    create_backup(database, blobs, tmp_path / "all.tar.gz", now())
    assert WORD.encode() not in read_backup(tmp_path / "all.tar.gz")
    in_bytes = [name for name, data in read_stored_bytes(database, tmp_path) if WORD.lower().encode() in data.lower()]
    assert in_bytes == []

    empty: Empty = request.getfixturevalue(database.engine.dialect.name)
    new = b"the newest secret key of this test"
    with empty() as engine:
        with pytest.raises(BackupError, match="Add the line with this key"):
            restore_backup(Database(engine, [new]), FolderStore(tmp_path / "lost"), tmp_path / "all.tar.gz", now())
        keys = (new, *SECRET_KEYS)
        target, files = Database(engine, keys), FolderStore(tmp_path / "restored", keys)
        restore_backup(target, files, tmp_path / "all.tar.gz", now())
        done = reencrypt(target, files)
        assert (done.changed >= len(PLANTED), done.unreadable) == (True, 0)
        assert reencrypt(target, files) == Reencryption()
        target.secret_keys = files.secret_keys = (new,)
        check_secret_keys(target, Settings(data=tmp_path))
        assert {name for name, found in read_all_rows(target).items() if WORD in repr(found)} >= PLANTED
        codes = {finding.code for finding in find_inconsistencies(target, files, now())}
        assert not codes & {"text.key_missing", "text.changed", "stored_file.key_missing", "stored_file.changed"}
        assert {files.get(digest) for digest in files.list_digests()} <= {
            blobs.get(one) for one in blobs.list_digests()
        }
        organisation = str(rows["organisation"][0]["id"])
        with target.for_organisation(organisation) as session:
            assert len(session.scalars(select(StoredCase)).all()) == len(rows["case_record"])
        portal = make_portal(create_app(Settings(data=tmp_path / "later", plain_http=True), target), organisation)
        again = portal.post("/cases", {"number": f"{WORD.upper()}-1", "findings": []})
        assert (again.status_code, again.json["code"]) == (409, "case.taken"), (
            "cases are found by the digest of a number"
        )


def make_case(database: Database, number: str, note: str) -> str:
    """Return the id of a new case with one finding."""
    group = {
        "cohort": {},
        "acts": [],
        "asked_in_full": [],
        "strength_since": now(),
        "created_by": "",
        "created_at": now(),
    }
    organisation_id = make_organisation(database, number)
    with database.unscoped() as session:
        case = StoredCase(organisation_id=organisation_id, number=number, key=number, **group)
        session.add(case)
        session.flush()
        finding = {"finding": "violence", "found": True, "number": 1, "created_by": "", "created_at": now()}
        owner = {"organisation_id": case.organisation_id, "case_id": case.id}
        session.add(StoredFinding(note=note, **owner, **finding))
        return case.id


def test_a_text_that_was_changed_or_moved_to_another_row_or_column_cannot_be_read(sqlite_database: Database):
    ids = [make_case(sqlite_database, number, note) for number, note in (("A-1", "gate"), ("B-1", "yard"))]

    def find_problem(statement: str) -> list[str]:
        with sqlite_database.engine.begin() as connection:
            connection.exec_driver_sql(statement)
        blobs = FolderStore(Path(str(sqlite_database.engine.url.database)).parent / "blobs")
        return [one.about for one in find_inconsistencies(sqlite_database, blobs, now()) if one.code == "text.changed"]

    with sqlite_database.unscoped(write=False) as session:
        first, second = session.scalars(select(StoredFinding).order_by(StoredFinding.case_id != ids[0]))
        assert [first.note, second.note] == ["gate", "yard"]
    other = f"(SELECT note FROM case_finding WHERE id = '{second.id}')"
    assert find_problem(f"UPDATE case_finding SET note = {other} WHERE id = '{first.id}'") == [
        f"case_finding {first.id}, note"
    ]
    assert f"case_finding {second.id}, place" in find_problem("UPDATE case_finding SET place = note")
    flipped = "substr(note, 1, 60) || CASE substr(note, 61, 1) WHEN 'A' THEN 'B' ELSE 'A' END || substr(note, 62)"
    assert f"case_finding {second.id}, note" in find_problem(f"UPDATE case_finding SET note = {flipped}")
    with sqlite_database.unscoped(write=False) as session, pytest.raises(DamagedValue):
        _ = session.get_one(StoredFinding, second.id).note


def test_a_text_is_encrypted_before_it_is_written_and_no_query_compares_it(sqlite_database: Database):
    case_id = make_case(sqlite_database, "A-1", "gate")
    with sqlite_database.unscoped() as session:
        finding = session.scalars(select(StoredFinding)).one()
        finding.note = "yard"
        assert finding.note == "yard"
        session.flush()
        assert finding.note == "yard"
        finding.note = None
    with sqlite_database.unscoped(write=False) as session:
        assert session.scalars(select(StoredFinding)).one().note is None
        assert session.get_one(StoredCase, case_id).number == "A-1"
        with pytest.raises(ArgumentError):
            session.scalars(select(StoredFinding.note))
    unencrypted = {StoredCase.number.column: StoredCase(number="A-2").number_encrypted}
    with pytest.raises(StatementError), sqlite_database.unscoped() as session:
        session.execute(update(StoredCase).values(unencrypted))


def test_the_service_does_not_start_without_the_key_of_the_texts_and_says_which_is_missing(
    sqlite_database: Database, tmp_path: Path
):
    make_case(sqlite_database, "A-1", "gate")
    settings = Settings(data=tmp_path)
    with pytest.raises(MissingSecretKey, match=f"which is not in {settings.secret_keys_path}"):
        check_secret_keys(Database(sqlite_database.engine, settings.get_secret_keys()), settings)
    with Database(sqlite_database.engine, settings.get_secret_keys()).unscoped(write=False) as session:
        finding = session.scalars(select(StoredFinding)).one()
    with pytest.raises(UnknownKey):
        _ = finding.note


@pytest.mark.filterwarnings("ignore:Skipped unsupported reflection:sqlalchemy.exc.SAWarning")
@pytest.mark.parametrize("kind", KINDS)
def test_texts_from_before_are_encrypted_by_an_upgrade_which_needs_the_secret_key(
    request: pytest.FixtureRequest, kind: str, tmp_path: Path
):
    with open_old_database(request, kind, tmp_path, "0043") as engine:
        before = MetaData()
        before.reflect(engine)
        made = {"organisation_id": "ours", "created_by": "user:ana", "created_at": now()}
        case = {
            "number": "C-7",
            "key": name_key("C-7"),
            "cohort": {"job": f"{WORD} packer"},
            "acts": [],
            "asked_in_full": [],
        }
        finding = {"case_id": "case", "number": 1, "finding": "violence", "found": True, "note": f"{WORD} gate"}
        choices = {"sheet": f"{WORD} 2026", "sample": True}
        found = {"needs_layout": True, "issues": [f"{WORD} yard"]}
        counts = {"uploads": [], "rows": 0, "accepted": 0, "rejected": 0}
        job = {
            "kind": "read_import",
            "lane": "short",
            "state": "queued",
            "checkpoint": {},
            "message": "",
            "cancel": False,
        }
        numbers = dict.fromkeys(("fence", "attempt", "progress", "turn"), 0)
        rows = {
            "case_record": {
                "id": "case",
                "strength": 0,
                "strength_since": now(),
                "state": "open",
                "closing": None,
                **case,
            },
            "case_finding": {"id": "finding", "place": None, **finding},
            "import": {"id": "import", "choices": choices, "found": found, "state": "previewed", **counts},
            "job": {
                "id": "job",
                "payload": {"import_id": "import", "before": choices},
                "not_before": now(),
                **job,
                **numbers,
            },
        }
        with engine.begin() as connection:
            for table, values in rows.items():
                connection.execute(insert(before.tables[table]).values(**values, **made))
        with pytest.raises(MissingKeys):
            migrate(engine)
        migrate(engine, secret_keys=SECRET_KEYS)
        database = Database(engine, SECRET_KEYS)
        assert [name for name, data in read_stored_bytes(database, tmp_path / "none") if WORD.encode() in data] == []
        with database.for_organisation("ours", write=False) as session:
            stored, import_ = session.get_one(StoredCase, "case"), session.get_one(Import, "import")
            assert (stored.number, stored.cohort, stored.closing) == ("C-7", case["cohort"], None)
            assert stored.key == list_keys(SECRET_KEYS, "ours", "c-7")[0]
            assert session.get_one(StoredFinding, "finding").note == finding["note"]
            assert (import_.found, import_.choices, import_.choices_before) == (found, choices, choices)
            assert (import_.needs_layout, import_.is_sample) == (True, True)
            assert session.get_one(Job, "job").payload == {"import_id": "import"}


def test_every_encrypted_column_is_named_in_the_threat_model():
    page = Path("docs/security.md").read_text(encoding="utf-8")
    named = {column.table for columns in COLUMNS.values() for column in columns}
    assert {name for name in named if f"`{name}`" not in page} == set()
