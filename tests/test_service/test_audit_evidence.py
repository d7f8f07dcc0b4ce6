"""Checkpoints outside the database, and what `diligence audit` says about an audit trail that was tampered with or exported."""

import json
from io import BytesIO
from pathlib import Path

import pytest
from callers import make_organisation
from openpyxl import load_workbook
from sqlalchemy import select, update
from stored_keys import SECRET_KEYS
from test_audit_chain import cut_off, record, tamper

from service import cli
from service.audit import list_actor_names, record_event
from service.audit_chain import SYSTEM, digest_details, record_system_event
from service.audit_evidence.breaks import check_chains
from service.audit_evidence.checkpoints import CheckpointWriter, list_public_keys, read_checkpoints
from service.audit_evidence.export import ExportFilter, export_lines, export_workbook, iterate_events
from service.clock import now
from service.db.audit_tables import AuditChain
from service.db.migrations import migrate
from service.db.outbox_tables import Message
from service.db.session import Database, open_engine
from service.journal import Journal
from service.outbox import endpoints
from service.secret_keys import list_signing_keys
from service.settings import Settings

OLD, NEW = (b"a1" * 32, b"b2" * 32)
NAME = "Harbour Foods"


def test_a_checkpoint_is_written_for_each_chain_that_has_grown_and_sent_to_endpoints_that_take_it(
    database: Database, tmp_path: Path
):
    organisation_id = make_organisation(database)
    make_organisation(database, "Nothing happens here")
    with database.for_organisation(organisation_id) as session:
        endpoints.create_endpoint(session, "https://evidence.example/in", ["audit.checkpoint"], OLD, "user:ana")
    with database.unscoped() as session:
        record_system_event(session, "system:restore", "backup.restored", "backup", "1", {})
    writer = CheckpointWriter(database, Journal(tmp_path / "checkpoints.jsonl"), [OLD])
    assert [(each.chain, each.length) for each in writer.write(now())] == [(organisation_id, 1), (SYSTEM, 1)]
    assert writer.write(now()) == []
    record(database, organisation_id, "1", "2")
    with database.unscoped() as session:  # somebody pretends that more was signed
        session.execute(
            update(AuditChain).where(AuditChain.organisation_id == organisation_id).values(signed_length=99)
        )
    assert [(each.chain, each.length) for each in writer.write(now())] == [(organisation_id, 3)]
    assert writer.write(now()) == []
    with database.unscoped(write=False) as session:
        end = session.get_one(AuditChain, organisation_id)
        calls = [{"data": payload} for payload in session.scalars(select(Message.payload).order_by(Message.created_at))]
    lines = Journal(tmp_path / "checkpoints.jsonl").read()
    assert [line["length"] for line in lines] == [1, 1, 3]
    # A newer key was added since: what the older one signed is accepted, from the file and as it was called.
    accepted = list_public_keys(list_signing_keys([NEW, OLD]))
    marks, forged = read_checkpoints([*lines, *calls], accepted)
    assert (marks[organisation_id][3], forged) == (end.hash, [])
    with database.unscoped(write=False) as session:
        assert [found for check in check_chains(session, marks) for found in check.breaks] == []
    assert len(calls) == 2


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"length": 2}, "audit.checkpoint_forged"),
        ({"signature": "?"}, "audit.checkpoint_forged"),
        ({"hash": None}, "audit.checkpoint_forged"),
        ({"key": "0123456789abcdef"}, "audit.unknown_key"),
    ],
)
def test_a_checkpoint_that_was_changed_or_signed_by_somebody_else_proves_nothing(
    sqlite_database: Database, tmp_path: Path, change: dict[str, object], code: str
):
    make_organisation(sqlite_database)
    with sqlite_database.unscoped() as session:
        record_system_event(session, "system:restore", "backup.restored", "backup", "1", {})
    keys = list_signing_keys([OLD])
    journal = Journal(tmp_path / "checkpoints.jsonl")
    CheckpointWriter(sqlite_database, journal, [OLD]).write(now())
    marks, (found,) = read_checkpoints([{**journal.read()[-1], **change}], list_public_keys(keys))
    assert (marks, found.code) == ({}, code)


@pytest.fixture
def sqlite_database(sqlite):
    with sqlite() as engine:
        yield Database(engine, SECRET_KEYS)


def test_the_command_finds_a_trail_that_was_cut_off_by_the_checkpoints_and_names_the_first_event(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    settings = Settings(data=tmp_path / "data", audit_checkpoints=str(tmp_path / "elsewhere.jsonl"))
    settings.data.mkdir()
    monkeypatch.setenv("DILIGENCE_DATA", str(settings.data))
    monkeypatch.setenv("DILIGENCE_AUDIT_CHECKPOINTS", settings.audit_checkpoints)
    monkeypatch.setattr("service.log.configure_logging", lambda level: None)

    def run(*words: str) -> tuple[int, str]:
        status = cli.main(["audit", *words])
        return status, capsys.readouterr().out

    with Database(open_engine(settings.database)) as db:
        migrate(db.engine)
        organisation_id = make_organisation(db, NAME)
        record(db, organisation_id, *"123456")
        status, said = run("verify")
        assert (status, "There are no checkpoints" in said) == (0, True)
        assert run("checkpoint")[0] == 0
        assert run("verify") == (0, "Events: 6. Details erased: 0. Checkpoints: 1. Problems: 0.\n")
        tamper(db, *cut_off(organisation_id))
        status, said = run("verify")
        assert (status, said.splitlines()[0]) == (
            1, f"audit.cut_off: {organisation_id}, A checkpoint was signed for 6 events, but only 4 are left."
        )  # fmt: skip
        out = tmp_path / "trail.jsonl"
        assert run("export", "--organisation", NAME, "--since", "2020-01-01", "--out", str(out))[0] == 0
    assert [json.loads(line)["number"] for line in out.read_text().splitlines()] == [1, 2, 3, 4]
    assert run("export", "--organisation", NAME, "--out", str(tmp_path / "trail.pdf"))[0] == 2
    assert run("verify", "--checkpoints", str(tmp_path / "missing"))[0] == 2


def test_an_export_says_what_a_value_was_and_is_and_can_be_recalculated(database: Database):
    organisation_id = make_organisation(database)
    with database.for_organisation(organisation_id) as session:
        changed = {"from": "open", "to": "done", "files": ["a", "b"]}
        record_event(session, "user:ana", "step.state_changed", "step", "=1+1", changed)
    with database.for_organisation(organisation_id, write=False) as session:
        events = list(iterate_events(session, ExportFilter(), {**list_actor_names(session), "user:ana": "=Ana()"}))
    (line,) = map(json.loads, export_lines(iter(events)).splitlines())
    assert digest_details(line["salt"], line["details"]) == line["digest"]
    sheet = load_workbook(BytesIO(export_workbook(iter(events)))).active
    heading, row = sheet.iter_rows()
    cells = dict(zip([cell.value for cell in heading], row, strict=True))
    assert [cells[name].value for name in ("Before", "After", "Other details")] == ["open", "done", "files: a, b"]
    assert [(cells[name].value, cells[name].data_type) for name in ("Name", "Object")] == [
        ("=Ana()", "s"),
        ("=1+1", "s"),
    ]
