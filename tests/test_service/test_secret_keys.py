"""Keys derived from the secret keys of an installation: signing, encryption, and what a newer key changes."""

import os
import random
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import rotating
from callers import make_organisation
from examples import TIMES
from processes import ROOT

from service import secret_keys, settings
from service.clock import now
from service.connected_systems.systems import Credentials, SystemForm, create_system, read_credentials
from service.db.session import Database
from service.outbox import endpoints
from service.secret_keys import DamagedValue, UnknownKey, decrypt, encrypt, is_signed, list_signing_keys
from service.settings import SettingError, Settings
from service.wiring.processes import open_channels, open_checkpoints, open_pusher

OLD, NEW = (b"a1" * 32, b"b2" * 32)


def test_a_signature_names_its_key_and_is_checked_after_a_newer_key_was_added():
    (before,) = list_signing_keys([OLD])
    signature = before.sign(b"42 events")
    newest, older = list_signing_keys([NEW, OLD])
    assert (older.id, newest.id != older.id) == (before.id, True)
    assert is_signed(older.public_key, b"42 events", signature)
    assert not is_signed(older.public_key, b"43 events", signature)
    assert not is_signed(newest.public_key, b"42 events", signature)
    assert not is_signed(b"short", b"42 events", signature)


def test_what_an_older_key_encrypted_is_read_until_that_key_is_removed():
    value = encrypt([OLD], b"a note", "case text", "case-1")
    assert b"a note" not in value.encode()
    assert decrypt([NEW, OLD], value, "case text", "case-1") == b"a note"
    assert not secret_keys.is_encrypted_with_newest([NEW, OLD], value)
    with pytest.raises(UnknownKey):
        decrypt([NEW], value, "case text", "case-1")


@pytest.mark.parametrize(
    ("purpose", "row", "change"),
    [
        ("case text", "case-2", ""),
        ("another", "case-1", ""),
        ("case text", "case-1", "!"),
        ("case text", "case-1", "AAAA"),
    ],
)
def test_an_encrypted_value_that_was_moved_or_changed_is_refused(purpose: str, row: str, change: str):
    value = encrypt([OLD], b"a note", "case text", "case-1")
    with pytest.raises(DamagedValue):
        decrypt([OLD], value[: len(value) - len(change)] + change, purpose, row)


def test_the_file_of_the_secret_keys_may_hold_several_newest_first(tmp_path: Path):
    settings = Settings(data=tmp_path)
    (first,) = settings.get_secret_keys()
    path = tmp_path / "secret-key"
    path.write_bytes(NEW + b"\n" + first + b"\n")
    assert (settings.get_secret_key(), settings.get_secret_keys()) == (NEW, (NEW, first))
    assert settings.add_secret_key() == 3
    newest, *older = settings.get_secret_keys()
    assert (len(newest), older, path.stat().st_mode & 0o777) == (64, [NEW, first], 0o600)
    other = Settings(data=tmp_path / "other", secret_key_file=str(tmp_path / "short"))
    other.secret_keys_path.write_bytes(NEW + b"\nshort\n")
    with pytest.raises(SettingError, match="at least 32 characters"):
        other.get_secret_keys()


def test_of_keys_that_are_added_at_the_same_time_none_is_lost(tmp_path: Path):
    settings = Settings(data=tmp_path)
    (first,) = settings.get_secret_keys()
    with ThreadPoolExecutor(8) as pool:
        counts = [adding.result() for adding in [pool.submit(settings.add_secret_key) for _ in range(8)]]
    assert sorted(counts) == list(range(2, 10))
    *added, last = settings.get_secret_keys()
    assert (len(set(added)), last) == (8, first)


@pytest.mark.fault
def test_a_rotation_that_is_killed_loses_no_key_and_leaves_no_draft_for_the_next_start(tmp_path: Path):
    kept = Settings(data=tmp_path).get_secret_keys()
    draws = random.Random(9)
    for _ in range(2 if TIMES == 1 else 40):
        with subprocess.Popen(
            [sys.executable, rotating.__file__, str(tmp_path)],
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdout=subprocess.PIPE,
            text=True,
        ) as process:
            process.stdout.readline()
            time.sleep(draws.uniform(0, 0.02))
            process.kill()
        keys = Settings(data=tmp_path).get_secret_keys()
        assert keys[-len(kept) :] == kept
        assert len(keys) > len(kept)
        kept = keys
    draft = tmp_path / "secret-key.draft"
    draft.write_bytes(NEW + b"\n" + b"\n".join(kept))
    settings._key_files.clear()  # as in a new process
    assert Settings(data=tmp_path).get_secret_keys() == kept
    assert [path.name for path in tmp_path.iterdir()] == ["secret-key"]


def test_a_key_that_is_added_to_the_file_is_used_without_a_restart(tmp_path: Path):
    settings = Settings(data=tmp_path)
    keys = settings.open_secret_keys()
    (first,) = keys
    settings.add_secret_key()
    assert (len(keys), keys[0] == first, keys[1]) == (2, False, first)


def test_a_process_whose_key_file_disappears_goes_on_with_its_keys_and_creates_no_other(tmp_path: Path):
    keys = Settings(data=tmp_path).get_secret_keys()
    path = Settings(data=tmp_path).secret_keys_path
    path.unlink()
    assert Settings(data=tmp_path).get_secret_keys() == keys
    assert not path.exists()


def test_whatever_a_worker_reads_follows_the_key_that_a_web_server_already_uses(
    sqlite_database: Database, tmp_path: Path
):
    settings = Settings(data=tmp_path)
    organisation_id = make_organisation(sqlite_database)
    receivers, pusher = open_channels(settings), open_pusher(settings)
    checkpoints = open_checkpoints(settings, sqlite_database)
    settings.add_secret_key()
    newest, older = settings.get_secret_keys()
    with sqlite_database.for_organisation(organisation_id) as session:
        endpoint, _ = endpoints.create_endpoint(session, "https://a.example/", ["level.changed"], newest, "user:ana")
        assert endpoints.list_signing_secrets(endpoint, receivers.secret_keys, now())
        credentials = Credentials("oauth2", "diligence", "a secret")
        form = SystemForm(address="https://coupa.example", options={"scope": "core"}, credentials=credentials)
        system = create_system(session, "coupa", form, [newest], "user:ana")
        assert read_credentials(system, pusher.secret_keys) == credentials
    (written,) = checkpoints.write(now())
    assert written.key == list_signing_keys([newest])[0].id
