"""Keys derived from the secret keys of an installation: signing, encryption, and what a newer key changes."""

from pathlib import Path

import pytest

from service import secret_keys
from service.secret_keys import DamagedValue, UnknownKey, decrypt, encrypt, is_signed, list_signing_keys
from service.settings import SettingError, Settings

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
    path.write_bytes(NEW + b"\nshort\n")
    with pytest.raises(SettingError, match="at least 32 characters"):
        settings.get_secret_keys()


def test_a_key_that_is_added_to_the_file_is_used_without_a_restart(tmp_path: Path):
    settings = Settings(data=tmp_path)
    keys = settings.open_secret_keys()
    (first,) = keys
    settings.add_secret_key()
    assert (len(keys), keys[0] == first, keys[1]) == (2, False, first)
