"""A backup is complete, can be restored into any database, and detects missing or changed parts."""

import io
import tarfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import orjson
import pytest
from databases import KINDS, SECRET_KEYS, Empty
from full_organisation import AT, create_full_organisation, read_all_rows
from sqlalchemy import delete

from service import backup
from service.audit import record_event
from service.auth import keys
from service.backup import BackupError, create_backup, restore_backup, verify_backup
from service.blob_store import BlobStore
from service.blob_store.folder import FolderStore
from service.db.session import Database
from service.db.tables import Organisation


@pytest.fixture(params=KINDS)
def target(request: pytest.FixtureRequest) -> Iterator[Database]:
    """A second, empty database, of each kind in turn."""
    empty: Empty = request.getfixturevalue(request.param)
    with empty() as engine:
        yield Database(engine, SECRET_KEYS)


def test_a_backup_restored_anywhere_holds_every_row_and_file(
    database: Database, target: Database, blobs: BlobStore, tmp_path: Path
):
    create_full_organisation(database, blobs)
    create_full_organisation(database, blobs, "Hill Builders")
    counts = create_backup(database, blobs, tmp_path / "all.tar.gz", AT)
    restored = FolderStore(tmp_path / "restored")
    assert restore_backup(target, restored, tmp_path / "all.tar.gz", AT) == (counts, 0)
    rows = dict(read_all_rows(target))
    assert [event["action"] for event in rows.pop("system_event")] == ["backup.restored"]
    signed_in = {"sign_in": [], "access_token": []}  # nobody is, after a restore
    assert rows | {"system_event": []} == read_all_rows(database) | signed_in
    assert [restored.get(digest) for digest in blobs.list_digests()] == [
        blobs.get(digest) for digest in blobs.list_digests()
    ]
    assert counts["files"] == 7  # a shared upload, and of both a report, a logo and an answer
    assert (counts["supplier"], counts["organisation"]) == (8, 2)


def test_sequences_of_a_restored_database_continue_after_the_last_id(
    database: Database, target: Database, blobs: BlobStore, tmp_path: Path
):
    organisation_id = create_full_organisation(database, blobs)
    create_backup(database, blobs, tmp_path / "all.tar.gz", AT)
    restore_backup(target, blobs, tmp_path / "all.tar.gz", AT)
    with target.for_organisation(organisation_id) as session:
        record_event(session, "user:ana", "key.revoked", "api_key", "1")
        keys.create_key(session, "Portal", ["assess"], 30, "user:ana")
    assert len(read_all_rows(target)["audit_event"]) == len(read_all_rows(database)["audit_event"]) + 2


def test_a_backup_is_a_snapshot_of_one_moment(
    database: Database, blobs: BlobStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    # While tables are read one after another, another organisation comes in.
    create_full_organisation(database, blobs)
    add = backup._add_rows
    came = []

    def add_and_write(*counts: object) -> backup.Tally:
        if not came:
            came.append(1)
            tally = add(*counts)
            create_full_organisation(database, blobs, "Late Foods", b"late")
            return tally
        return add(*counts)

    monkeypatch.setattr(backup, "_add_rows", add_and_write)
    counts = create_backup(database, blobs, tmp_path / "all.tar.gz", AT)
    assert (counts["organisation"], counts["upload"], counts["files"]) == (1, 1, 4)


def test_a_backup_never_overwrites_another(database: Database, blobs: BlobStore, tmp_path: Path):
    (tmp_path / "all.tar.gz").write_bytes(b"the only one there is")
    with pytest.raises(BackupError, match="never overwrites"):
        create_backup(database, blobs, tmp_path / "all.tar.gz", AT)
    assert (tmp_path / "all.tar.gz").read_bytes() == b"the only one there is"


def test_only_its_owner_can_read_a_backup(sqlite: Empty, blobs: BlobStore, tmp_path: Path):
    with sqlite() as engine:
        create_backup(Database(engine, SECRET_KEYS), blobs, tmp_path / "all.tar.gz", AT)
    assert (tmp_path / "all.tar.gz").stat().st_mode & 0o777 == 0o600


@pytest.mark.fault
@pytest.mark.parametrize("what", ["missing from", "changed in"])
def test_a_backup_with_a_missing_or_changed_upload_fails(sqlite: Empty, blobs: FolderStore, tmp_path: Path, what: str):
    with sqlite() as engine:
        create_full_organisation(Database(engine, SECRET_KEYS), blobs)
        file = blobs.folder / blobs.list_digests()[0][:2] / blobs.list_digests()[0]
        if what == "missing from":
            file.unlink()
        else:
            file.write_bytes(b"changed")
        with pytest.raises(BackupError, match=f"{what} the file store"):
            create_backup(Database(engine, SECRET_KEYS), blobs, tmp_path / "all.tar.gz", AT)
    assert [path.name for path in tmp_path.glob("all*")] == []


@contextmanager
def make_backup(empty: Empty, blobs: BlobStore, folder: Path) -> Iterator[Path]:
    with empty() as engine:
        create_full_organisation(Database(engine, SECRET_KEYS), blobs)
        create_backup(Database(engine, SECRET_KEYS), blobs, folder / "all.tar.gz", AT)
        yield folder / "all.tar.gz"


def changed(source: Path, change: Callable[[str, bytes], bytes | None]) -> None:
    """Writes a backup again, each member as a function gives it (None: left out)."""
    with tarfile.open(source) as tar:
        members = {entry.name: tar.extractfile(entry).read() for entry in tar}
    with tarfile.open(source, "w:gz") as tar:
        for name, data in members.items():
            alter = change(name, data)
            if alter is not None:
                entry = tarfile.TarInfo(name)
                entry.size = len(alter)
                tar.addfile(entry, io.BytesIO(alter))


CHANGES: dict[str, Callable[[str, bytes], bytes | None]] = {
    "a row is gone": lambda name, data: b"" if name == "rows/supplier.jsonl" else data,
    "a row was changed": lambda name, data: data.replace(b'"TH"', b'"MY"') if name == "rows/supplier.jsonl" else data,
    "a row is there twice": lambda name, data: data * 2 if name == "rows/organisation.jsonl" else data,
    "a table is gone": lambda name, data: None if name == "rows/audit_event.jsonl" else data,
    "a file is gone": lambda name, data: None if name.startswith("files/") else data,
    "a file was changed": lambda name, data: data + b"x" if name.startswith("files/") else data,
    "the manifest is gone": lambda name, data: None if name == "manifest.json" else data,
    "it is of another kind": lambda name, data: b'{"format": 99}' if name == "manifest.json" else data,
}


@pytest.mark.fault
@pytest.mark.parametrize("what", CHANGES)
def test_a_changed_backup_is_detected_and_nothing_is_restored(
    sqlite: Empty, blobs: BlobStore, tmp_path: Path, what: str
):
    with make_backup(sqlite, blobs, tmp_path) as file, sqlite() as engine:
        changed(file, CHANGES[what])
        with pytest.raises(BackupError):
            restore_backup(Database(engine, SECRET_KEYS), FolderStore(tmp_path / "restored"), file, AT)
        assert not any(read_all_rows(Database(engine, SECRET_KEYS)).values())


@pytest.mark.fault
@pytest.mark.parametrize("length", [0, 100, 2000])
def test_a_truncated_backup_is_detected(sqlite: Empty, blobs: BlobStore, tmp_path: Path, length: int):
    with make_backup(sqlite, blobs, tmp_path) as file:
        file.write_bytes(file.read_bytes()[:length])
        with pytest.raises(BackupError):
            verify_backup(file)


def test_a_backup_goes_into_an_empty_database_only(sqlite: Empty, blobs: BlobStore, tmp_path: Path):
    with make_backup(sqlite, blobs, tmp_path) as file, sqlite() as engine:
        create_full_organisation(Database(engine, SECRET_KEYS), blobs, "Hill Builders")
        before = read_all_rows(Database(engine, SECRET_KEYS))
        with pytest.raises(BackupError, match="not empty"):
            restore_backup(Database(engine, SECRET_KEYS), blobs, file, AT)
        assert read_all_rows(Database(engine, SECRET_KEYS)) == before


def test_a_backup_of_another_schema_is_refused_with_what_to_do(sqlite: Empty, blobs: BlobStore, tmp_path: Path):
    def older(name: str, data: bytes) -> bytes:
        return orjson.dumps({**orjson.loads(data), "revision": "0000"}) if name == "manifest.json" else data

    with make_backup(sqlite, blobs, tmp_path) as file, sqlite() as engine:
        changed(file, older)
        with pytest.raises(BackupError, match="Restore it with the release that wrote it"):
            restore_backup(Database(engine, SECRET_KEYS), blobs, file, AT)


def test_rows_that_do_not_read_back_as_saved_are_not_restored(
    sqlite: Empty, blobs: BlobStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    with make_backup(sqlite, blobs, tmp_path) as file, sqlite() as engine:
        insert = backup._insert_rows

        def lose_one(session: object, table: object, lines: object) -> None:
            insert(session, table, lines)
            if table.name == "sign_in":
                session.execute(delete(table))

        monkeypatch.setattr(backup, "_insert_rows", lose_one)
        with pytest.raises(BackupError, match="sign_in does not match what was saved"):
            restore_backup(Database(engine, SECRET_KEYS), FolderStore(tmp_path / "restored"), file, AT)
        assert not any(read_all_rows(Database(engine, SECRET_KEYS)).values())


def test_the_sample_has_something_in_every_table(sqlite: Empty, blobs: BlobStore):
    # Else a table that is not saved would not be missed above.
    with sqlite() as engine:
        create_full_organisation(Database(engine, SECRET_KEYS), blobs)
        empty = {name for name, table_rows in read_all_rows(Database(engine, SECRET_KEYS)).items() if not table_rows}
    assert empty == {"erasure", "heartbeat", "sign_in_attempt", "system_event"}
    assert Organisation.__tablename__ not in empty
