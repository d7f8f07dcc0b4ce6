"""Encrypted backups: nothing can be read, changed or cut off without the key, and any of the keys restores them."""

import io
from pathlib import Path

import pytest
from databases import SECRET_KEYS, Empty
from full_organisation import AT, create_full_organisation, read_all_rows

from service.backup import BackupError, create_backup, restore_backup, verify_backup
from service.blob_store.folder import FolderStore
from service.db.session import Database
from service.encrypted_file import CHUNK, SALT, TAG, EncryptedFileError, EncryptedReader, EncryptedWriter

OLD, NEW = (b"a1" * 32, b"b2" * 32)
START = len(b"DILIGENCE ENCRYPTED 1\n") + 16 + SALT  # bytes of the header


def test_an_encrypted_backup_is_restored_with_its_key_and_with_no_other(sqlite: Empty, tmp_path: Path):
    blobs, file = FolderStore(tmp_path / "files"), tmp_path / "all.backup"
    with sqlite() as engine, sqlite() as other:
        create_full_organisation(Database(engine, SECRET_KEYS), blobs)
        counts = create_backup(Database(engine, SECRET_KEYS), blobs, file, AT, (OLD,))
        for keys in ((), (NEW,)):
            with pytest.raises(BackupError, match="encrypted"):
                verify_backup(file, keys)
        restored = FolderStore(tmp_path / "restored")
        assert restore_backup(Database(other, SECRET_KEYS), restored, file, AT, keys=(NEW, OLD)) == (counts, 0)
        rows, saved = (read_all_rows(Database(each, SECRET_KEYS)) for each in (other, engine))
        gone = {"system_event", "sign_in", "access_token"}
        assert {name: rows[name] for name in saved.keys() - gone} == {name: saved[name] for name in saved.keys() - gone}
        assert list(restored.list_digests()) == list(blobs.list_digests())
    assert file.read_bytes()[START:].find(b"\x1f\x8b\x08") != 0  # as the tar file in it would begin


def encrypt(data: bytes) -> bytes:
    file = io.BytesIO()
    with EncryptedWriter(file, OLD, "test") as writer:
        for start in range(0, len(data), 10_000):
            writer.write(data[start : start + 10_000])
    return file.getvalue()


def decrypt(data: bytes) -> bytes:
    with EncryptedReader(io.BytesIO(data), (OLD,), "test") as reader:
        return reader.read()


@pytest.mark.parametrize("size", [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK])
def test_a_file_of_any_size_is_decrypted_as_it_was(size: int):
    data = (b"what a worker said " * (size // 10 + 1))[:size]
    sealed = encrypt(data)
    assert decrypt(sealed) == data
    assert b"worker" not in sealed


CHUNK_BYTES = CHUNK + TAG


@pytest.mark.parametrize(
    "change",
    [
        lambda data: data[: START + CHUNK_BYTES],
        lambda data: data[:START],
        lambda data: data[:-1],
        lambda data: data[:START] + data[START + CHUNK_BYTES :],
        lambda data: data + data[-CHUNK_BYTES:],
        lambda data: data[:-1] + bytes([data[-1] ^ 1]),
        lambda data: data[: START - 1] + bytes([data[START - 1] ^ 1]) + data[START:],
        lambda data: (
            data[:START]
            + data[START + CHUNK_BYTES : START + 2 * CHUNK_BYTES]
            + data[START : START + CHUNK_BYTES]
            + data[START + 2 * CHUNK_BYTES :]
        ),
    ],
    ids=["cut off after a chunk", "only its header", "cut off", "first chunk gone", "last chunk twice", "changed", "other salt",
         "chunks swapped"],
)  # fmt: skip
def test_a_file_that_was_changed_or_cut_off_is_refused(change):
    sealed = encrypt(b"what a worker said " * 10_000)
    assert len(sealed) > START + 2 * CHUNK_BYTES
    with pytest.raises(EncryptedFileError):
        decrypt(change(sealed))
