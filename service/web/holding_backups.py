"""Find the backups that still hold what a page offers to erase."""

from __future__ import annotations

from service.auth.caller import get_settings
from service.clock import now
from service.erasure.backups import BackupsHolding, find_backups_holding
from service.erasure.erase import Preview
from service.journal import Journal


def find_holding_backups(preview: Preview) -> BackupsHolding:
    """Return the backups that still hold an object, as far as they are recorded, and until when."""
    settings = get_settings()
    return find_backups_holding(Journal(settings.backup_journal), preview.since, settings.backup_days, now())
