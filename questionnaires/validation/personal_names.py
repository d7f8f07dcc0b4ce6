"""Replace the names of files and sheets that contain personal data, such as "Maria Santos passport.xlsx".

These names stand beside every issue and in every preview, so they are searched like a cell, and replaced before anything is
stored: by "file 1.xlsx" and "sheet 2", counted as the sender sees them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import PurePath

from questionnaires.person_detection import detect_personal_data
from questionnaires.sheet import Sheet

MAX_NAME = 255  # characters of a name that are searched


def names_a_person(name: str) -> bool:
    """Return whether the name of a file, without its ending, or of a sheet contains personal data."""
    words = "".join(character if character.isalnum() else " " for character in name[:MAX_NAME])
    return detect_personal_data(words) is not None


def redact_file_names(names: Sequence[str]) -> list[str]:
    """Return the names of files; one that contains personal data is replaced by its number, with its ending."""
    redacted = []
    for number, name in enumerate(names, start=1):
        path = PurePath(name)
        redacted.append(f"file {number}{path.suffix}" if names_a_person(path.stem) else name)
    return redacted


def redact_sheet_names(sheets: Sequence[Sheet]) -> tuple[tuple[Sheet, ...], dict[str, str]]:
    """Return the sheets of a file, and for each name with personal data the name that replaces it."""
    renamed = {
        sheet.name: f"sheet {number}" for number, sheet in enumerate(sheets, start=1) if names_a_person(sheet.name)
    }
    return tuple(replace(sheet, name=renamed.get(sheet.name, sheet.name)) for sheet in sheets), renamed
