"""File access of commands: read files, and write folders completely or not at all."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class UsageError(Exception):
    """The command cannot be run as given: one sentence for the user, exit status 2."""


def read_bytes(path: Path) -> bytes:
    """Return the bytes of a file. Raises UsageError if it cannot be read."""
    try:
        return path.read_bytes()
    except FileNotFoundError as error:
        raise UsageError(f"there is no file {path}.") from error
    except IsADirectoryError as error:
        raise UsageError(f"{path} is a folder; specify the files in it.") from error
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}.") from error


def make_folder(folder: Path) -> None:
    """Create a folder if it does not exist. Raises UsageError if it cannot be created."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"the folder {folder} cannot be created: {error.strerror}.") from error


@contextmanager
def write_folder(out: Path) -> Iterator[Path]:
    """Yield a working folder whose files are moved to ``out`` together at the end, or not at all."""
    make_folder(out)
    try:
        work = Path(tempfile.mkdtemp(prefix=".writing-", dir=out))
    except OSError as error:
        raise UsageError(f"{out} cannot be written to: {error.strerror}.") from error
    try:
        yield work
        for file in work.iterdir():
            file.replace(out / file.name)
    finally:
        shutil.rmtree(work, ignore_errors=True)
