"""The releases of the action library (``actions/RELEASED``), and which of them a model reads.

A release of the library is what it held then: the actions whose ``since`` is that release or an earlier one; from the release on
that ``actions/order.toml`` names in the order of that file, before it in the order and with the addresses they had.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

from risk_models.data_file import DataFileReader, list_released_lines

ACTIONS = Path(__file__).parent / "actions"
NAMED_AFTER = date(2026, 11, 26)  # models in force until then name no release: they were released together with it


def action_releases(folder: Path = ACTIONS) -> dict[str, str]:
    """Return the release by the digest of its texts (``actions_digest`` of service/assessment/export_json.py), oldest first."""
    return {digest: version for version, digest in list_released_lines(folder)}


def release_read_by(model: Mapping[str, Any], reader: DataFileReader) -> str:
    """Return the release that a model reads: the one in its key ``actions``, or its own version where it need name none.

    Raises the fault of the reader where none is named, or one that was not released.
    """
    if "actions" not in model and reader.require(model, "effective", "model", date) <= NAMED_AFTER:
        return str(reader.require(model, "version", "model", str))
    named, known = str(reader.require(model, "actions", "model", str)), list(action_releases().values())
    if named not in known:
        raise reader.build_error("actions", f"{named!r} is no release of the action library; there are {', '.join(known)}")
    return named
