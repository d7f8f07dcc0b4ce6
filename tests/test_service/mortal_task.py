"""A task of a bulk run that kills its process the first time it is done."""

import os
import signal
from pathlib import Path
from typing import Any


def die_once(folder: Path, number: int) -> dict[str, Any]:
    """Return the number and the process; kill the process on the first call for number 1."""
    marker = folder / f"{number}"
    if number == 1 and not marker.exists():
        marker.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return {"number": number, "process": os.getpid()}
