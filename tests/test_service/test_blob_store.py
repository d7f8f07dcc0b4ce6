"""The blob store proves what it holds, in a folder and in a bucket of a real S3 server; a process that is killed at any moment
leaves nothing behind that is not cleaned up.
"""

import io
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from hashlib import sha256
from pathlib import Path
from threading import Event, Thread

import obstore
import pytest
import s3_server
from examples import TIMES
from patience import wait_until
from processes import ROOT

from service.blob_store import BlobStore, BlobStoreUnavailable, ChangedBlob, MissingBlob
from service.blob_store import s3 as s3_store
from service.blob_store.address import open_blob_store
from service.blob_store.folder import FolderStore
from service.blob_store.s3 import S3Store
from service.clock import now

LIST = b"name,country\nHarbour Foods,TH\n"
DIGEST = sha256(LIST).hexdigest()
HOUR = timedelta(hours=1)
KINDS = ("folder", "s3")


@pytest.fixture(scope="module")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """What tells a client where the S3 server of this run is. The bucket exists: the server creates one with its first object."""
    with s3_server.started(tmp_path_factory.mktemp("s3")) as variables, pytest.MonkeyPatch.context() as environment:
        for name, value in variables.items():
            environment.setenv(name, value)
        open_blob_store("s3://diligence/first").put(LIST)
        yield variables


def make_store(kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> BlobStore:
    if kind == "folder":
        return open_blob_store((tmp_path / "blobs").as_uri())
    for name, value in request.getfixturevalue("s3").items():
        request.getfixturevalue("monkeypatch").setenv(name, value)
    return open_blob_store(f"s3://diligence/{tmp_path.name}")


@pytest.fixture(params=KINDS)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> BlobStore:
    """An empty store of each kind in turn."""
    return make_store(request.param, request, tmp_path)


def damage(store: BlobStore, digest: str, data: bytes) -> None:
    """Changes a stored file behind the store's back."""
    if isinstance(store, FolderStore):
        (store.folder / digest[:2] / digest).write_bytes(data)
    else:
        for copy in list_objects(store):
            obstore.put(store.bucket, copy, data, use_multipart=False)


def list_objects(store: S3Store) -> list[str]:
    return sorted(entry["path"] for page in obstore.list(store.bucket) for entry in page)


def test_what_is_stored_is_returned_under_its_sha256(store: BlobStore):
    assert store.put(LIST) == DIGEST
    assert store.get(DIGEST) == LIST
    assert store.list_digests() == (DIGEST,)
    with store.open(DIGEST) as file:
        assert file.read() == LIST


def test_a_large_file_goes_in_and_out_as_a_stream(store: BlobStore):
    large = os.urandom(12_000_000)
    digest = store.put(io.BytesIO(large))
    assert digest == sha256(large).hexdigest()
    with store.open(digest) as file:
        assert file.read(5) == large[:5]
        assert sha256(large[:5] + file.read()).hexdigest() == digest


def test_an_empty_file_is_stored_too(store: BlobStore):
    assert store.get(store.put(b"")) == b""


def test_a_file_that_was_never_stored_is_missing(store: BlobStore):
    for read in (store.get, store.open):
        with pytest.raises(MissingBlob, match=DIGEST[:12]):
            read(DIGEST)


@pytest.mark.parametrize("changed", [LIST[:-1], LIST.replace(b"TH", b"NO"), b""])
def test_a_file_whose_bytes_were_changed_is_never_returned(store: BlobStore, changed: bytes):
    store.put(LIST)
    damage(store, DIGEST, changed)
    for read in (store.get, store.open):
        with pytest.raises(ChangedBlob, match=DIGEST[:12]):
            read(DIGEST)


def test_storing_the_same_bytes_again_replaces_a_damaged_copy(store: BlobStore):
    store.put(LIST)
    damage(store, DIGEST, b"rubbish")
    assert store.put(LIST) == DIGEST
    assert store.get(DIGEST) == LIST
    assert store.list_leftovers() == ()


def test_a_deleted_file_is_gone_and_deleting_it_again_changes_nothing(store: BlobStore):
    other = store.put(b"another list")
    store.put(LIST)
    for _ in range(2):
        assert store.delete_unless_put_since(DIGEST, now() + HOUR)
        with pytest.raises(MissingBlob):
            store.get(DIGEST)
    assert store.list_digests() == (other,)


def test_a_file_that_was_stored_again_since_is_not_deleted(store: BlobStore):
    store.put(LIST)
    before = now()
    store.put(LIST)
    assert not store.delete_unless_put_since(DIGEST, before)
    assert store.get(DIGEST) == LIST


def test_a_damaged_file_can_be_deleted(store: BlobStore):
    store.put(LIST)
    damage(store, DIGEST, b"rubbish")
    assert store.delete_unless_put_since(DIGEST, now() + HOUR)
    assert store.list_digests() == ()


@pytest.mark.fault
def test_a_file_that_is_stored_while_others_delete_it_is_there_afterwards(store: BlobStore):
    """Every round, four threads store the same file while two delete what was stored before the round."""

    def delete_until(moment: datetime, stop: Event) -> None:
        while not stop.is_set():
            store.delete_unless_put_since(DIGEST, moment)

    for _ in range(8 * TIMES):
        stop, moment = Event(), now()
        deleters = [Thread(target=delete_until, args=(moment, stop)) for _ in range(2)]
        for thread in deleters:
            thread.start()
        with ThreadPoolExecutor(4) as pool:
            assert set(pool.map(store.put, [LIST] * 4)) == {DIGEST}
            assert store.get(DIGEST) == LIST
        stop.set()
        for thread in deleters:
            thread.join()
        assert store.get(DIGEST) == LIST
        store.clean()
        assert store.get(DIGEST) == LIST


def test_only_a_digest_is_ever_a_name(store: BlobStore):
    for name in ("../../etc/passwd", DIGEST[:-1], DIGEST.upper(), "", f"{DIGEST}\n"):
        for use in (store.get, store.open, lambda digest: store.delete_unless_put_since(digest, now())):
            with pytest.raises(ValueError, match="hexadecimal"):
                use(name)


def test_nothing_is_cleaned_away_that_is_in_use(store: BlobStore):
    store.put(LIST)
    assert (store.list_leftovers(), store.clean()) == ((), 0)
    assert store.get(DIGEST) == LIST


@pytest.mark.parametrize("address", ["", "data/blobs", "http://bucket/a", "s3://", "file://server/share", "s3:bucket"])
def test_an_address_that_is_not_of_a_store_is_refused(address: str):
    with pytest.raises(ValueError, match="file:///FOLDER or s3://BUCKET/PREFIX"):
        open_blob_store(address)


# In a folder: killed processes, and the order of writing


KILLED = """
import os, signal, sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from service.blob_store.folder import FolderStore

store, operation, steps = FolderStore(Path(sys.argv[1])), sys.argv[2], int(sys.argv[3])

def count(event, arguments):
    global steps
    if event in {"open", "os.mkdir", "fcntl.flock", "os.rename", "os.utime", "os.remove"}:
        steps -= 1
        if not steps:
            os.kill(os.getpid(), signal.SIGKILL)

sys.addaudithook(count)
if operation == "put":
    store.put(b"x" * 3_000_000)
else:
    store.delete_unless_put_since(sys.argv[4], datetime.now(UTC) + timedelta(hours=1))
"""


def run_killed(folder: Path, operation: str, step: int, *arguments: str) -> bool:
    """Runs an operation in a process that is killed before a step; whether there was such a step."""
    command = [sys.executable, "-c", KILLED, str(folder), operation, str(step), *arguments]
    ended = subprocess.run(command, env={**os.environ, "PYTHONPATH": str(ROOT)}, check=False)
    assert ended.returncode in (0, -signal.SIGKILL)
    return ended.returncode != 0


@pytest.mark.fault
def test_an_upload_that_is_killed_at_any_step_leaves_the_whole_file_or_a_leftover_that_is_cleaned(tmp_path: Path):
    step = 1
    while run_killed(tmp_path / str(step), "put", step):
        store = FolderStore(tmp_path / str(step))
        for digest in store.list_digests():
            assert store.get(digest) == b"x" * 3_000_000
        store.clean()
        files = [path.name for path in store.folder.rglob("*") if path.is_file()]
        assert set(files) <= {*store.list_digests(), "lock"}
        assert store.get(store.put(b"x" * 3_000_000)) == b"x" * 3_000_000
        step += 1
    assert step > 5


@pytest.mark.fault
def test_a_deletion_that_is_killed_at_any_step_leaves_the_whole_file_or_nothing(tmp_path: Path):
    step = 1
    while True:
        store = FolderStore(tmp_path / str(step))
        store.put(LIST)
        was_killed = run_killed(store.folder, "delete", step, DIGEST)
        assert store.list_leftovers() == ()
        assert store.list_digests() == () or store.get(DIGEST) == LIST
        assert store.delete_unless_put_since(DIGEST, now() + HOUR)
        if not was_killed:
            break
        step += 1
    assert step > 2


class Paused(io.BytesIO):
    """A file that is sent slowly: its second half comes when the test says so."""

    def __init__(self) -> None:
        super().__init__(LIST)
        self.began, self.goes_on = Event(), Event()

    def read(self, size: int | None = -1) -> bytes:
        if self.tell():
            self.began.set()
            assert self.goes_on.wait(60)
        return super().read(10)


def test_a_file_that_is_sent_slowly_counts_as_stored_when_it_is_complete(tmp_path: Path):
    store, slow = FolderStore(tmp_path), Paused()
    sender = Thread(target=store.put, args=(slow,))
    sender.start()
    assert slow.began.wait(60)
    before = now()
    slow.goes_on.set()
    sender.join()
    assert not store.delete_unless_put_since(DIGEST, before)
    assert store.get(DIGEST) == LIST


def test_a_draft_that_is_being_written_is_not_a_leftover(tmp_path: Path):
    store, slow = FolderStore(tmp_path), Paused()
    sender = Thread(target=store.put, args=(slow,))
    sender.start()
    assert slow.began.wait(60)
    assert (store.list_leftovers(), store.clean()) == ((), 0)
    slow.goes_on.set()
    sender.join()
    assert store.get(DIGEST) == LIST


def test_leftovers_of_earlier_releases_are_cleaned_and_what_was_moved_aside_comes_back(tmp_path: Path):
    store = FolderStore(tmp_path)
    kept, moved = store.put(b"kept"), store.put(LIST)
    (tmp_path / kept[:2] / "tmpb3x9").write_bytes(b"half an upl")
    (tmp_path / kept[:2] / f"{kept}.gone").write_bytes(b"kept")
    (tmp_path / moved[:2] / moved).rename(tmp_path / moved[:2] / f"{moved}.gone")
    assert len(store.list_leftovers()) == 3
    assert store.clean() == 3
    assert store.list_leftovers() == ()
    assert (store.get(kept), store.get(moved)) == (b"kept", LIST)
    assert store.list_digests() == tuple(sorted([kept, moved]))


def record_calls(monkeypatch: pytest.MonkeyPatch, calls: list[tuple[str, str]]) -> None:
    """Records in order which files and folders are synced and renamed."""
    fsync, replace = os.fsync, Path.replace

    def record_fsync(handle: int) -> None:
        calls.append(("fsync", os.readlink(f"/proc/self/fd/{handle}")))
        fsync(handle)

    def record_replace(path: Path, target: Path) -> Path:
        calls.append(("rename", str(target)))
        return replace(path, target)

    monkeypatch.setattr(os, "fsync", record_fsync)
    monkeypatch.setattr(Path, "replace", record_replace)


def test_a_file_is_synced_before_it_is_renamed_and_its_folders_after(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    store, calls = FolderStore(tmp_path), []
    record_calls(monkeypatch, calls)
    store.put(LIST)
    assert calls[0][0] == "fsync"
    assert tuple(calls[1:]) == (
        ("rename", str(tmp_path / DIGEST[:2] / DIGEST)),
        ("fsync", str(tmp_path / DIGEST[:2])),
        ("fsync", str(tmp_path)),
    )


def test_a_file_that_is_there_already_is_confirmed_only_once_its_name_is_synced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    store, calls = FolderStore(tmp_path), []
    store.put(LIST)
    record_calls(monkeypatch, calls)
    store.put(LIST)
    assert calls[1:] == [("fsync", str(tmp_path / DIGEST[:2])), ("fsync", str(tmp_path))]


def test_a_deletion_is_synced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    store, calls = FolderStore(tmp_path), []
    store.put(LIST)
    record_calls(monkeypatch, calls)
    assert store.delete_unless_put_since(DIGEST, now() + HOUR)
    assert calls == [("fsync", str(tmp_path / DIGEST[:2]))]


# On S3: copies, and a service that does not answer


@pytest.fixture
def bucket(request: pytest.FixtureRequest, tmp_path: Path) -> S3Store:
    store = make_store("s3", request, tmp_path)
    assert isinstance(store, S3Store)
    return store


def test_a_file_that_is_stored_again_has_one_copy_in_the_bucket(bucket: S3Store):
    for _ in range(3):
        bucket.put(LIST)
    assert len(list_objects(bucket)) == 1


def test_an_older_copy_that_a_killed_process_left_is_a_leftover(bucket: S3Store):
    obstore.put(bucket.bucket, f"{DIGEST}/{1:020}-00000000", b"damaged", use_multipart=False)
    bucket.put(b"another list")
    obstore.put(bucket.bucket, f"{DIGEST}/{2:020}-00000000", LIST, use_multipart=False)
    assert bucket.list_leftovers() == (f"{DIGEST}/{1:020}-00000000",)
    assert bucket.get(DIGEST) == LIST
    assert bucket.clean() == 1
    assert bucket.get(DIGEST) == LIST
    assert len(bucket.list_digests()) == 2


def test_a_damaged_newest_copy_does_not_hide_an_intact_one(bucket: S3Store):
    obstore.put(bucket.bucket, f"{DIGEST}/{1:020}-00000000", LIST, use_multipart=False)
    obstore.put(bucket.bucket, f"{DIGEST}/{2:020}-00000000", b"damaged", use_multipart=False)
    assert bucket.get(DIGEST) == LIST


def test_other_objects_in_the_bucket_are_left_alone(bucket: S3Store):
    obstore.put(bucket.bucket, "readme.txt", b"not ours", use_multipart=False)
    bucket.put(LIST)
    assert (bucket.list_digests(), bucket.clean()) == ((DIGEST,), 0)
    assert "readme.txt" in list_objects(bucket)


@pytest.mark.parametrize(
    "variables",
    [
        {"AWS_ENDPOINT_URL": "http://127.0.0.1:9"},
        {"AWS_SECRET_ACCESS_KEY": "wrong"},
    ],
    ids=["nobody listens", "wrong key"],
)
def test_a_service_that_cannot_be_used_is_not_taken_for_an_empty_one(
    s3: dict[str, str], monkeypatch: pytest.MonkeyPatch, variables: dict[str, str]
):
    for name, value in {**s3, **variables}.items():
        monkeypatch.setenv(name, value)
    store = open_blob_store("s3://diligence/away")
    uses: tuple[Callable[[], object], ...] = (
        lambda: store.put(LIST),
        lambda: store.get(DIGEST),
        lambda: store.delete_unless_put_since(DIGEST, now()),
        store.list_digests,
        store.clean,
    )
    for use in uses:
        with pytest.raises(BlobStoreUnavailable) as caught:
            use()
        assert "wrong" not in str(caught.value)
        assert "\n" not in str(caught.value)


@pytest.mark.fault
def test_a_service_that_accepts_connections_and_never_answers_is_reported_within_five_seconds(
    monkeypatch: pytest.MonkeyPatch,
):
    assert s3_store.RETRY_SECONDS + max(s3_store.CONNECT_SECONDS, s3_store.ANSWER_SECONDS) < 5
    with socket.create_server(("127.0.0.1", 0)) as silent:
        variables = {"AWS_ENDPOINT_URL": f"http://127.0.0.1:{silent.getsockname()[1]}", "AWS_REGION": "us-east-1"}
        for name, value in {**variables, "AWS_ACCESS_KEY_ID": "invented", "AWS_SECRET_ACCESS_KEY": "invented"}.items():
            monkeypatch.setenv(name, value)
        store = open_blob_store("s3://diligence/silent")
        with pytest.raises(BlobStoreUnavailable):
            store.put(LIST)
        with pytest.raises(BlobStoreUnavailable):
            store.get(DIGEST)


@pytest.mark.fault
def test_what_was_stored_survives_a_kill_of_the_s3_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    folder = tmp_path / "server"
    folder.mkdir()
    with s3_server.started(folder) as variables:
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        digests = [open_blob_store("s3://diligence/kept").put(b"list %d" % number) for number in range(20)]
    with s3_server.started(folder) as variables:
        monkeypatch.setenv("AWS_ENDPOINT_URL", variables["AWS_ENDPOINT_URL"])
        store = open_blob_store("s3://diligence/kept")
        wait_until(lambda: all(can_read(store, digest) for digest in digests))  # its parts find each other again
        assert [store.get(digest) for digest in digests] == [b"list %d" % number for number in range(20)]
        assert store.list_digests() == tuple(sorted(digests))


def can_read(store: BlobStore, digest: str) -> bool:
    try:
        return bool(store.get(digest))
    except BlobStoreUnavailable:
        return False
