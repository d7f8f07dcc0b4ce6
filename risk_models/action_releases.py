"""Read the releases of the action library (``actions/RELEASED``), and find the one that a model uses.

Each folder in ``actions`` is a generation of the library, named after its first release. A later release in it is its content at
that time: the actions whose ``since`` is that release or an earlier one. Since the release named in its ``order.toml``, actions
are in the order of that file. In earlier releases they have no order, and they address what they addressed at that time. What a
later release may not change (states, days, owners, rules on contact with workers) needs a new generation; older plans stay
unchanged.
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


def parse_version(version: str) -> tuple[int, ...]:
    """Return a version as numbers, to be compared."""
    return tuple(int(part) for part in version.split("."))


def list_generations(folder: Path = ACTIONS_FOLDER) -> list[Path]:
    """Return the folders of the generations of the library, oldest first."""
    return sorted((order.parent for order in folder.glob("*/order.toml")), key=lambda path: parse_version(path.name))


def find_generation(release: str) -> Path:
    """Return the folder that a release of the library is in."""
    first, *later = list_generations()
    return [first, *(path for path in later if parse_version(path.name) <= parse_version(release))][-1]


def find_texts_release(release: str) -> str:
    """Return the newest release of the generation that a release is in: the one whose texts are shown and written."""
    generation = find_generation(release)
    releases = [*get_action_releases().values(), generation.name]
    return max((each for each in releases if find_generation(each) == generation), key=parse_version)


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
    # The newest generation is in use before it is released: its models are written with it.
    if release not in (*released, list_generations()[-1].name):
        fault = f"{release!r} is not a release of the action library; available: {', '.join(released)}"
        raise reader.build_error("actions", fault)
    return release
