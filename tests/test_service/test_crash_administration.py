"""`diligence check --repair` and `diligence secret-key reencrypt` are killed (SIGKILL) at any write and run again.

Nothing is lost, and in the end it is as if they had not been killed.
"""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import mortal_administrator
import pytest
import test_integrity
from callers import make_user
from full_organisation import read_all_rows
from processes import ROOT
from sqlalchemy import select
from stored_keys import SECRET_KEYS
from test_integrity import find, list_files

from service.auth.second_factors import TOTP_PURPOSE
from service.blob_store.folder import FolderStore
from service.clock import now
from service.db.account_tables import User
from service.db.session import Database
from service.db.sign_in_tables import SecondFactor
from service.reencryption import Reencryption, reencrypt
from service.secret_keys import decrypt, encrypt

pytestmark = [pytest.mark.fault, pytest.mark.long]
NEW_KEY = "the newer secret key of these databases"
harbour = test_integrity.harbour
PLANTS = (
    test_integrity.plant_unused_file,
    test_integrity.plant_draft,
    test_integrity.plant_result_without_supplier,
    test_integrity.plant_running_job_without_lease,
    test_integrity.plant_entries_of_no_edition,
    test_integrity.plant_missing_trigger,
    test_integrity.plant_wrong_count,
)


@contextmanager
def administrator(database: Database, blobs: FolderStore) -> Iterator[Callable[[str], str]]:
    """Yields a function that runs a command in a child process, and returns how the child ended."""
    url = database.engine.url.render_as_string(hide_password=False)
    process = subprocess.Popen(
        [sys.executable, mortal_administrator.__file__, url, str(blobs.folder), NEW_KEY],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )

    def run(command: str) -> str:
        process.stdin.write(f"{command}\n")
        process.stdin.flush()
        return process.stdout.readline().strip()

    with process:
        yield run
        process.stdin.close()


@pytest.mark.parametrize("what", ["write", "sync"])
def test_a_repair_that_is_killed_anywhere_is_completed_by_the_next(
    database: Database, blobs: FolderStore, harbour: str, what: str
):
    rows, files = dict(read_all_rows(database)), list_files(blobs)
    for plant in PLANTS:
        plant(database, blobs)
    left, number, kills = set(find(database, blobs)), 0, 0
    assert len(left) == len(PLANTS)
    with administrator(database, blobs) as run:
        while number := number + 1:
            outcome = run(f"repair {what} {number}")
            assert set(find(database, blobs)) <= left, number
            if outcome != "killed":
                break
            kills += 1
    assert outcome == "ended"
    assert kills
    assert find(database, blobs) == []
    assert (read_all_rows(database), list_files(blobs)) == (rows, files)


@pytest.mark.parametrize("what", ["write", "sync"])
def test_what_is_encrypted_again_can_be_read_at_any_moment_though_the_command_is_killed(
    database: Database, blobs: FolderStore, harbour: str, what: str
):
    make_user(database, harbour, "admin")
    with database.for_organisation(harbour) as session:
        user_id = session.scalars(select(User.id)).one()
        for name in ("App", "Other"):
            secret = encrypt(SECRET_KEYS, name.encode(), TOTP_PURPOSE, user_id)
            session.add(SecondFactor(user_id=user_id, kind="totp", name=name, secret=secret, created_at=now()))
    both = (NEW_KEY.encode(), *SECRET_KEYS)
    files = {digest: blobs.get(digest) for digest in blobs.list_digests()}

    def read_all(keys: tuple[bytes, ...]) -> None:
        opened = FolderStore(blobs.folder, keys)
        assert {digest: opened.get(digest) for digest in opened.list_digests()} == files
        with database.for_organisation(harbour, write=False) as session:
            for factor in session.scalars(select(SecondFactor)):
                assert decrypt(keys, factor.secret, TOTP_PURPOSE, user_id) == factor.name.encode()

    number = kills = 0
    with administrator(database, blobs) as run:
        while run(f"reencrypt {what} {(number := number + 1)}") == "killed":
            kills += 1
            read_all(both)
    assert kills
    read_all(both[:1])
    database.secret_keys = both
    assert reencrypt(database, FolderStore(blobs.folder, both)) == Reencryption()
