"""Which backups still hold what is erased, and until when: those that ``diligence backup`` made, as its journal records them.

Copies made in other ways, such as snapshots of a disk, are not known.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from service.journal import Journal


@dataclass(frozen=True)
class RecordedBackup:
    """A backup that was made at a moment, and the path that it was written to."""

    at: datetime
    path: str


@dataclass(frozen=True)
class BackupsHolding:
    """The backups that may still hold an object, oldest first.

    ``days``: for how many days backups are kept, None if that is not known. ``until``: when the last of them is deleted, None
    if that is not known or there is none.
    """

    backups: tuple[RecordedBackup, ...]
    days: int | None
    until: datetime | None


def record_backup(journal: Journal, target: Path, at: datetime) -> None:
    """Record that a backup was made."""
    journal.append([{"at": at.isoformat(), "path": str(target.absolute())}])


def list_backups(journal: Journal) -> list[RecordedBackup]:
    """Return the backups that were recorded, oldest first."""
    backups = [RecordedBackup(datetime.fromisoformat(entry["at"]), str(entry["path"])) for entry in journal.read()]
    return sorted(backups, key=lambda backup: backup.at)


def find_backups_holding(journal: Journal, since: datetime, keep_days: int, at: datetime) -> BackupsHolding:
    """Return the backups made since a moment that are still kept.

    ``since``: when the object was first stored; ``keep_days``: for how many days backups are kept, 0 if that is not known.
    """
    oldest = at - timedelta(days=keep_days) if keep_days else since
    holding = tuple(backup for backup in list_backups(journal) if backup.at >= max(since, oldest))
    until = holding[-1].at + timedelta(days=keep_days) if holding and keep_days else None
    return BackupsHolding(holding, keep_days or None, until)
