"""How tests wait for what other threads and processes do: as long as it takes, but not for ever.

No test asks how long something took. What never happens fails after PATIENCE, which is far more than any of it takes on a
machine that is busy with something else.
"""

import os
import time
from collections.abc import Callable

PATIENCE = float(os.environ.get("PATIENCE", "300"))  # seconds


def wait_until(condition: Callable[[], object]) -> None:
    """Returns as soon as a condition holds; fails where it never does."""
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, f"it did not come about within {PATIENCE:.0f} seconds"
        time.sleep(0.02)
