"""Journals of an installation: files beside the database that only grow, one JSON object a line, without personal data.

They are kept outside backups on purpose. A database that is restored knows neither what was erased after the backup nor which
backups were made since.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import orjson

from service.durable_files import sync_folder

Entry = Mapping[str, Any]


class Journal:
    """A journal in a file, which the first entry creates, readable only by its owner."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def append(self, entries: Sequence[Entry]) -> None:
        """Append entries durably: they survive a power cut once this returns."""
        if not entries:
            return
        lines = b"".join(orjson.dumps(entry, option=orjson.OPT_APPEND_NEWLINE) for entry in entries)
        is_new = not self.path.exists()
        with os.fdopen(os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600), "r+b") as file:
            # What a process that was killed left of a line stays a line of its own, which is not read.
            if file.seek(0, os.SEEK_END) and not _ends_with_newline(file.fileno(), file.tell()):
                lines = b"\n" + lines
            file.write(lines)
            file.flush()
            os.fsync(file.fileno())
        if is_new:
            sync_folder(self.path.parent)

    def read(self) -> list[Entry]:
        """Return the entries in their order; a line that was not written completely is left out."""
        if not self.path.exists():
            return []
        entries: list[Entry] = []
        for line in self.path.read_bytes().splitlines():
            try:
                entry = orjson.loads(line)
            except orjson.JSONDecodeError:
                continue
            if isinstance(entry, dict):
                entries.append(entry)
        return entries


def _ends_with_newline(descriptor: int, size: int) -> bool:
    return os.pread(descriptor, 1, size - 1) == b"\n"
