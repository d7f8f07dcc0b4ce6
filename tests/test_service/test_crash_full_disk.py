"""A full disk: the effects of a job are written completely or not at all, and it goes on once there is room again."""

import resource
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from callers import make_organisation
from patience import wait_until
from processes import counted, job, started
from stored_keys import SECRET_KEYS

from service.db.session import Database, open_engine
from service.db.tables import Base
from service.jobs.table import enqueue

pytestmark = pytest.mark.fault

SIZE, ROOM = 16_000_000, 600_000  # bytes of the disk, and of those left on it
EFFECT = 100_000  # bytes that an effect writes


@contextmanager
def small_disk(folder: Path) -> Iterator[bool]:
    """A folder that is a disk of its own (tmpfs); False where mounting is not allowed, and it is an ordinary folder."""
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "tmpfs", folder], check=False, capture_output=True
    )
    try:
        yield mounted.returncode == 0
    finally:
        if mounted.returncode == 0:
            subprocess.run(["umount", "--lazy", folder], check=True)


def fill(folder: Path, whole_disk: bool, pid: int) -> Callable[[], None]:
    """Leaves ROOM on the disk, or lets the files of a process grow by no more than that; gives what makes room again."""
    if whole_disk:
        ballast = folder / "ballast"
        used = sum(file.stat().st_blocks * 512 for file in folder.iterdir())
        ballast.write_bytes(b"x" * (SIZE - used - ROOM))
        return ballast.unlink
    _, hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (ROOM, hard))

    def again() -> None:
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (hard, hard))

    return again


def test_a_job_on_a_full_disk_keeps_whole_effects_only_and_ends_once_there_is_room(tmp_path: Path):
    folder, log = tmp_path / "disk", tmp_path / "log"
    with small_disk(folder) as is_a_disk, log.open("w") as into:
        engine = open_engine(f"sqlite:///{folder / 'test.db'}")
        Base.metadata.create_all(engine)
        database = Database(engine, SECRET_KEYS)
        organisation_id = make_organisation(database)
        with started("work", database, 1, log=into) as worker:
            wait_until(lambda: b"worker_begun" in log.read_bytes())
            make_room = fill(folder, is_a_disk, worker.pid)
            with database.for_organisation(organisation_id) as session:
                job_id = enqueue(session, "count", {"of": 20, "bytes": EFFECT}, "user:1").id
            wait_until(lambda: b'"event":"trouble"' in log.read_bytes())
            stored, so_far = counted(database, job_id), job(database, job_id)
            assert 0 < len(stored) < 20
            assert stored == list(range(so_far.checkpoint["counted"]))
            assert so_far.state in ("queued", "running")
            with engine.connect() as connection:
                assert connection.exec_driver_sql("PRAGMA integrity_check").scalar() == "ok"
            make_room()
            wait_until(lambda: job(database, job_id).state == "done")
        assert counted(database, job_id) == list(range(20))
        engine.dispose()
