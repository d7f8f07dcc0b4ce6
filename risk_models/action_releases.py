"""Read the releases of the action library (``actions/RELEASED``), and find the one that a model uses.

A release of the library is its content at that time: the actions whose ``since`` is that release or an earlier one. Since the
release named in ``actions/order.toml``, actions are in the order of that file. In earlier releases they have no order, and they
address what they addressed at that time.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

from risk_models.data_file import DataFileReader, list_released_lines

ACTIONS_FOLDER = Path(__file__).parent / "actions"
# Models effective until this day need not name a release: each was released together with its version of the library.
RELEASE_NAMED_AFTER = date(2026, 11, 26)


def get_action_releases(folder: Path = ACTIONS_FOLDER) -> dict[str, str]:
    """Return the releases, oldest first, by digest of their texts (``compute_actions_digest`` in assessment/export_json.py)."""
    return {digest: version for version, digest in list_released_lines(folder)}


def read_action_release(model: Mapping[str, Any], reader: DataFileReader) -> str:
    """Return the release that a model uses: the one in its key ``actions``, or its own version if it does not have to name one.

    Raises the reader's DataFileError if a required name is missing, or if there is no release with that name.
    """
    if "actions" not in model and reader.require(model, "effective", "model", date) <= RELEASE_NAMED_AFTER:
        return str(reader.require(model, "version", "model", str))
    release, released = str(reader.require(model, "actions", "model", str)), list(get_action_releases().values())
    if release not in released:
        fault = f"{release!r} is not a release of the action library; available: {', '.join(released)}"
        raise reader.build_error("actions", fault)
    return release
