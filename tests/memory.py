"""Where the files of tests are kept: in memory where there is room, since a test would wait for the disk at each commit."""

import os
import shutil
from pathlib import Path

MEMORY = Path("/dev/shm")
ROOM = 1_000_000_000  # bytes


def find_memory() -> Path | None:
    """Return a folder in memory that has room and may hold programs, or None."""
    if not MEMORY.is_dir() or os.statvfs(MEMORY).f_flag & os.ST_NOEXEC:
        return None
    return MEMORY if shutil.disk_usage(MEMORY).free > ROOM else None
