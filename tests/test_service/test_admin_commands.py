"""Administration commands: output, effect and exit status of each."""

import re
import shlex
import shutil
import socket
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from full_organisation import count_organisations, read_all_rows
from portal import run_jobs
from sqlalchemy import Engine, select

from risk_models.model import get_version_key, load_models
from service import cli
from service.auth import keys
from service.blob_store.address import open_blob_store
from service.blob_store.folder import FolderStore
from service.clock import now, today
from service.commands.counts import format_counts
from service.db.account_tables import ApiKey, User
from service.db.buyer_tables import BuyerAnswers
from service.db.case_tables import StoredCase
from service.db.import_tables import Import
from service.db.job_tables import Job
from service.db.migrations import get_newest_revision, get_revision
from service.db.session import Database
from service.db.tables import Organisation, Supplier
from service.db.watchlist_tables import WatchlistMatch
from service.jobs import kinds
from service.journal import Journal
from service.queries import portfolio
from service.settings import Settings, describe_settings
from service.suppliers import organisation_models
from service.suppliers import repository as suppliers
from service.wiring import demo
from service.wiring.job_handlers import build_handlers
from service.wiring.processes import open_blobs, open_installation


@pytest.fixture(autouse=True)
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, quick_hashes: None) -> Path:
    """The data folder that the environment names."""
    monkeypatch.setenv("DILIGENCE_DATA", str(tmp_path / "data"))
    monkeypatch.setattr("service.log.configure_logging", lambda level: None)
    return tmp_path / "data"


@pytest.fixture
def installed(data: Path, migrated_data: Path) -> None:
    """Make the data folder that the environment names that of an installation."""
    shutil.copytree(migrated_data, data)


def run(*words: str, status: int = 0) -> None:
    """Runs a command, which ends with a status."""
    assert cli.main([*map(str, words)]) == status


OPENED: list[Database] = []


@pytest.fixture(autouse=True)
def closed() -> Iterator[None]:
    """Every database that a test opened is closed again."""
    yield
    while OPENED:
        OPENED.pop().engine.dispose()


def database(data: Path) -> Database:
    """The database in a data folder."""
    OPENED.append(open_installation(Settings(data=data)))
    return OPENED[-1]


def test_migrate_creates_the_database_and_says_so(data: Path, capsys: pytest.CaptureFixture[str]):
    run("migrate")
    run("migrate")
    assert capsys.readouterr().out.splitlines() == [
        f"The database was upgraded from empty to {get_newest_revision()}.",
        f"The database is already at version {get_newest_revision()}.",
    ]
    assert get_revision(database(data).engine) == get_newest_revision()
    assert data.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("part", ["web", "worker", "scheduler"])
def test_a_process_does_not_start_on_an_outdated_database(part: str, capsys: pytest.CaptureFixture[str]):
    run(part, status=69)
    assert "Run `diligence migrate`" in capsys.readouterr().err


@pytest.mark.usefixtures("installed")
def test_organisations_users_and_keys_are_created_and_secrets_are_shown_once(
    data: Path, capsys: pytest.CaptureFixture[str]
):
    run("organisations", "create", "Harbour Foods", "--time-zone", "Asia/Bangkok")
    capsys.readouterr()
    ana = ("--email", "Ana@harbour.example", "--name", "Ana", "--role", "admin")
    run("users", "create", "--organisation", "Harbour Foods", *ana)
    password = capsys.readouterr().out.split()[-1]
    run("keys", "create", "--organisation", "Harbour Foods", "--scopes", "assess,suppliers:read", "--days", "7")
    key = capsys.readouterr().out.strip()
    with database(data).unscoped() as session:
        ana = session.scalars(select(User)).one()
        assert (ana.email, ana.role, ana.must_change_password) == ("ana@harbour.example", "admin", True)
        assert keys.find_key(session, key) is not None
        stored = session.scalars(select(ApiKey)).one()
    assert stored.scopes == ["assess", "suppliers:read"]
    assert (stored.expires_at - now()).days in (6, 7)
    assert password not in repr(read_all_rows(database(data)))
    assert key not in repr(read_all_rows(database(data)))


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (["keys", "create", "--organisation", "Nobody", "--scopes", "assess"], "no organisation called Nobody"),
        (["keys", "create", "--organisation", "Harbour Foods", "--scopes", "all"], "at least one scope"),
        (["users", "create", "--organisation", "Harbour Foods", "--email", "x", "--name", "X"], "cannot be used"),
        (["organisations", "create", "Harbour Foods"], "already"),
        (["organisations", "create", "Hill Builders", "--time-zone", "Mars/Olympus"], "no time zone"),
        (["erase", "--organisation", "Nobody", "--yes"], "no organisation called Nobody"),
        (["restore", "nowhere.tar.gz"], "not a complete backup"),
        (["web", "--port", "eighty"], "whole number"),
    ],
)
@pytest.mark.usefixtures("installed")
def test_an_error_gives_one_sentence_and_status_2(words: list[str], error: str, capsys: pytest.CaptureFixture[str]):
    run("organisations", "create", "Harbour Foods")
    capsys.readouterr()
    run(*words, status=2)
    output = capsys.readouterr()
    assert error in output.err
    assert output.err.count("\n") == 1
    assert not output.out


@pytest.mark.parametrize("part", ["web", "serve"])
@pytest.mark.usefixtures("installed")
def test_a_port_in_use_is_reported(part: str, capsys: pytest.CaptureFixture[str]):
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        run(part, "--port", port, status=2)
    assert capsys.readouterr().err == (
        f"diligence: Cannot listen on 127.0.0.1, port {port} (Address already in use). Choose another port with --port.\n"
    )


def test_pages_without_tls_are_served_on_the_loopback_address_only(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("DILIGENCE_PLAIN_HTTP", "1")
    run("serve", "--host", "0.0.0.0", status=2)
    assert "Without TLS" in capsys.readouterr().err


@pytest.mark.usefixtures("installed")
def test_the_demo_is_loaded_once_like_a_real_upload(data: Path):
    db, blobs = database(data), open_blobs(Settings(data=data))
    first = demo.load_demo(db, blobs)
    second = demo.load_demo(db, blobs)
    with db.unscoped(write=False) as session:
        assert [import_.state for import_ in session.scalars(select(Import))] == ["done"]
        assert {job.state for job in session.scalars(select(Job))} == {"done"}
        stored = session.scalars(select(Supplier)).all()
        assert {supplier.kind for supplier in stored} == {"site", "agency"}
        assert len({supplier.level for supplier in stored}) >= 3
        assert portfolio.list_level_changes(
            session, now() - timedelta(days=90)
        )  # some have moved since an earlier assessment
        assert all(case.supplier_id for case in session.scalars(select(StoredCase)))
        assert session.scalars(select(StoredCase.id)).first()
        assert session.scalars(select(BuyerAnswers.id)).first()
        assert session.scalars(select(WatchlistMatch.id)).first()
    assert count_organisations(db) == 1
    # No user has signed in yet, so no user is left without a password.
    assert first.password
    assert second.password
    assert first.password != second.password


@pytest.mark.usefixtures("installed")
def test_a_chosen_password_of_the_demo_user_stays(data: Path):
    db, blobs = database(data), open_blobs(Settings(data=data))
    demo.load_demo(db, blobs)
    with db.unscoped() as session:
        user = session.scalars(select(User)).one()
        user.must_change_password = False
        chosen = user.password_hash
    assert demo.load_demo(db, blobs).password is None
    with db.unscoped(write=False) as session:
        assert session.scalars(select(User)).one().password_hash == chosen


@pytest.mark.usefixtures("installed")
def test_a_backup_is_restored_in_another_installation(data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    demo.load_demo(database(data), open_blobs(Settings(data=data)))
    run("backup", tmp_path / "monday.tar.gz")
    run("restore", tmp_path / "monday.tar.gz", "--data", tmp_path / "other", status=2)
    assert "Add the line with this key" in capsys.readouterr().err
    shutil.copy(data / "secret-key", tmp_path / "other" / "secret-key")
    run("restore", tmp_path / "monday.tar.gz", "--data", tmp_path / "other")
    there, here = read_all_rows(database(tmp_path / "other")), read_all_rows(database(data))
    assert [event["action"] for event in there.pop("system_event")] == ["backup.restored"]
    assert there == {name: rows for name, rows in here.items() if name != "system_event"}
    assert "Backup restored and checked" in capsys.readouterr().out
    run("restore", tmp_path / "monday.tar.gz", "--data", tmp_path / "other", status=2)
    run("backup", tmp_path / "monday.tar.gz", status=2)


def test_files_are_copied_from_another_store_except_those_that_were_changed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    old, new = open_blob_store((tmp_path / "old").as_uri()), open_blobs(Settings(data=tmp_path / "data"))
    kept, changed = old.put(b"kept"), old.put(b"changed")
    run("copy-files", (tmp_path / "old").as_uri())
    assert new.list_digests() == tuple(sorted([kept, changed]))
    (tmp_path / "old" / changed[:2] / changed).write_bytes(b"rubbish")
    capsys.readouterr()
    run("copy-files", (tmp_path / "old").as_uri(), status=1)
    output = capsys.readouterr()
    assert output.out == "1 of 2 files were copied and checked.\n"
    assert changed[:12] in output.err
    assert new.get(changed) == b"changed"
    run("copy-files", "old", status=2)


@pytest.mark.usefixtures("installed")
def test_an_organisation_is_erased_only_with_yes(data: Path, capsys: pytest.CaptureFixture[str]):
    run("organisations", "create", "Harbour Foods")
    run("erase", "--organisation", "Harbour Foods", status=1)
    assert "Nothing has been erased" in capsys.readouterr().out
    assert count_organisations(database(data)) == 1
    run("erase", "--organisation", "Harbour Foods", "--yes")
    assert count_organisations(database(data)) == 0


@pytest.mark.usefixtures("installed")
def test_one_object_is_erased_after_a_preview_that_names_its_backups_and_a_restore_does_not_bring_it_back(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    run("organisations", "create", "Harbour Foods")
    name = ("--organisation", "Harbour Foods")
    with database(data).unscoped() as session:
        organisation_id = session.scalars(select(Organisation.id)).one()
    with database(data).for_organisation(organisation_id) as session:
        answers = {"reference": "S-1", "name": "Blue Pier Cannery", "country": "TH", "sector": ["1020"]}
        suppliers.save_supplier(session, "site", answers, today("UTC"), now(), "user:1", "api")
    backup = tmp_path / "monday.tar.gz"
    run("backup", backup)
    run("erase", *name, "--supplier", "S-1", status=1)
    shown = capsys.readouterr().out
    assert "erased: 1 result\n" in shown
    assert "backups that still contain it, for an unknown period: set DILIGENCE_BACKUP_DAYS" in shown
    assert str(backup) in shown
    monkeypatch.setenv("DILIGENCE_BACKUP_DAYS", "30")
    run("erase", *name, "--supplier", "S-1", "--yes")
    assert f"until {now() + timedelta(days=30):%Y-%m-%d}" in capsys.readouterr().out
    erasures = Journal(Settings(data=data).erasure_journal)
    blobs = open_blobs(Settings(data=data))
    run_jobs(database(data), blobs, build_handlers(blobs, erasures))

    run("restore", backup, "--data", tmp_path / "other", "--erasures", erasures.path)
    assert "Erasures made after the backup and applied again: 1." in capsys.readouterr().out
    assert read_all_rows(database(tmp_path / "other"))["supplier"] == []
    run("check", "--data", tmp_path / "other")
    run("restore", backup, "--data", tmp_path / "third")
    assert "there is no record of erasures" in capsys.readouterr().out
    assert len(read_all_rows(database(tmp_path / "third"))["supplier"]) == 1


def test_help_answers_without_loading_the_service(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    for heavy in ("service.wiring.processes", "service.backup", "service.errors"):
        monkeypatch.setitem(sys.modules, heavy, None)
    with pytest.raises(SystemExit):
        cli.main(["--help"])
    assert "restore" in capsys.readouterr().out


STORED_KINDS = {
    "read_import", "assess_import", "render_report", "review_suppliers", "follow_agencies", "load_watchlist", "screen_suppliers",
}  # fmt: skip


def test_jobs_queued_by_an_earlier_release_still_have_handlers(tmp_path: Path):
    assert build_handlers(FolderStore(tmp_path)).keys() >= STORED_KINDS


def test_every_kind_of_job_has_a_handler(tmp_path: Path):
    code = [path.read_text(encoding="utf-8") for path in Path(cli.__file__).parent.rglob("*.py")]
    requested = {name for text in code for name in re.findall(r"\benqueue\(\s*session,\s*([^,\s]+),", text)}
    assert {getattr(kinds, name) for name in requested} == build_handlers(FolderStore(tmp_path)).keys()


GUIDE = (Path(cli.__file__).parents[1] / "docs" / "operate.md").read_text(encoding="utf-8")


def test_the_guide_lists_every_setting_with_its_default():
    for name, default, about in describe_settings():
        output_lines = f"`{default}`" if default else ""
        assert f"| `{name}` | {output_lines} | {about} |" in GUIDE


@pytest.mark.parametrize("line", re.findall(r"^    (diligence [^#\n&]+)", GUIDE, re.MULTILINE))
def test_every_command_in_the_guide_exists(line: str):
    words = shlex.split(line)[1:]
    assert callable(cli._build_parser().parse_args(words).run)


@pytest.mark.usefixtures("installed")
def test_a_command_closes_every_connection_that_it_opens(data: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    opened: list[Database] = []
    begin = Database.__init__

    def counted(self: Database, engine: Engine, *more: Any) -> None:
        begin(self, engine, *more)
        opened.append(self)

    monkeypatch.setattr(Database, "__init__", counted)
    name = ("--organisation", "Harbour Foods")
    for words in (
        ("organisations", "create", "Harbour Foods"), ("users", "create", *name, "--email", "a@b.example", "--name", "A"),
        ("keys", "create", *name, "--scopes", "assess"), ("backup", tmp_path / "a.tar.gz"), ("erase", *name, "--yes"),
        ("restore", tmp_path / "a.tar.gz", "--data", tmp_path / "other"),
    ):  # fmt: skip
        run(*words)
    assert len(opened) == 7  # a restore migrates first
    assert [database.engine.pool.checkedin() for database in opened] == [0] * 7  # type: ignore[attr-defined]


@pytest.mark.usefixtures("installed")
def test_the_release_of_an_organisation_is_shown_previewed_planned_and_cancelled(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    on = today()
    models = tuple(
        replace(model, effective=on) if model.version == "2026.4" else model
        for model in load_models()
        if get_version_key(model.version) <= (2026, 4)
    )
    monkeypatch.setattr(organisation_models, "load_models", lambda: models)
    run("organisations", "create", "Harbour Foods")
    named = ("--organisation", "Harbour Foods")
    with database(data).unscoped() as session:
        organisation = session.scalars(select(Organisation)).one()
        organisation.models_release = "2026.3"
    with database(data).for_organisation(organisation.id) as session:
        mill = {"name": "Acme Mill", "country": "TM", "sector": ["0116"]}
        suppliers.save_supplier(session, "site", mill, on, now(), "user:1", "api")
    capsys.readouterr()
    run("release", "show", *named)
    assert capsys.readouterr().out == "In use: 2026.3\nAvailable: 2026.4; no date is set\n"
    run("release", "preview", *named, "--out", tmp_path / "preview.csv")
    assert "of 1 suppliers would move to another level under 2026.4" in capsys.readouterr().out
    assert "Acme Mill" in (tmp_path / "preview.csv").read_text(encoding="utf-8-sig")
    run("release", "preview", *named, "--out", tmp_path / "preview.doc", status=2)
    day = (on + timedelta(days=30)).isoformat()
    run("release", "set", *named, "2026.4", day)
    capsys.readouterr()
    run("release", "show", *named)
    assert capsys.readouterr().out == f"In use: 2026.3\nFrom {day}: 2026.4\n"
    run("release", "cancel", *named)
    run("release", "cancel", *named, status=2)
    run("release", "set", *named, "2026.4", "soon", status=2)
    run("release", "set", *named, "2026.4", on.isoformat())
    capsys.readouterr()
    run("release", "show", *named)
    assert capsys.readouterr().out == "In use: 2026.4\nSuppliers last assessed using another release: 1\n"
    run("release", "preview", *named, status=2)
    run("release", "reassess", *named)
    with database(data).unscoped(write=False) as session:
        assert session.scalars(select(Job.kind)).all() == [kinds.REASSESS_ALL]


def test_counts_are_printed_with_the_singular_or_plural_of_what_is_counted():
    counts = {"results": 1, "supplier": 2, "agency_name": 2, "api_key": 2, "replies": 1, "step_evidence": 3, "cases": 0}
    expected = "1 result, 2 suppliers, 2 agency names, 2 api keys, 1 reply, 3 step evidence"
    assert format_counts(counts) == expected
    assert format_counts({"cases": 0}) == "nothing"
