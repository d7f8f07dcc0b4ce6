"""Read ZIP archives that anybody may have made: within limits, and never to a folder."""

from __future__ import annotations

import hashlib
import zipfile
import zlib
from collections.abc import Mapping
from io import BytesIO
from typing import Any

UNDATED = (1980, 1, 1, 0, 0, 0)  # so that the same content gives the same bytes


class InvalidArchive(Exception):
    """Raised for a file that is not such an archive, or is damaged; the message is a clause that says why.

    ``is_too_large``: it, or a file in it, is larger than the limit.
    """

    def __init__(self, clause: str, *, is_too_large: bool = False) -> None:
        super().__init__(clause)
        self.is_too_large = is_too_large


def read_archive(data: bytes, limits: Mapping[str, int]) -> dict[str, bytes]:
    """Return the files of an archive by name. ``limits``: the names that it must contain, each with the most bytes it may have.

    Raises InvalidArchive if it contains others, is damaged, or is larger.
    """
    try:
        with zipfile.ZipFile(BytesIO(data)) as archive:
            if sorted(entry.filename for entry in archive.infolist()) != sorted(limits):
                *most, last = limits
                raise InvalidArchive(f"it must contain exactly {', '.join(most)} and {last}")
            return {name: _read_file(archive, name, limit) for name, limit in limits.items()}
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, OSError, ValueError, zlib.error) as error:
        raise InvalidArchive(f"the archive is damaged: {error}") from error


def write_archive(files: Mapping[str, bytes]) -> bytes:
    """Return an archive of files; the same files give the same bytes."""
    buffer = BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in files.items():
            archive.writestr(zipfile.ZipInfo(name, UNDATED), content, zipfile.ZIP_DEFLATED)
    return buffer.getvalue()


def describe_file(content: bytes) -> dict[str, Any]:
    """Return the size of a file and its SHA-256, as manifests list them."""
    return {"size": len(content), "sha256": hashlib.sha256(content).hexdigest()}


def _read_file(archive: zipfile.ZipFile, name: str, limit: int) -> bytes:
    """Return a file of an archive, whatever size the archive claims for it.

    Raises InvalidArchive if it has more bytes, or needs another method, which could ask for gigabytes of memory.
    """
    if archive.getinfo(name).compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise InvalidArchive(f"{name} is neither stored nor deflated")
    with archive.open(name) as file:
        content = file.read(limit + 1)
    if len(content) > limit:
        raise InvalidArchive(f"{name} is larger than {limit:,} bytes", is_too_large=True)
    return content
