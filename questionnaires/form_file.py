"""Read the file of a form: complete, or a revision that states only what it changes in an earlier version (``revises``).

A revision names the version that it revises and contains the questions that it changes, each with its id and the changed keys;
choices are changed by code in the same way, and new questions and choices come at the end. Synonyms and spellings are added to
the earlier ones, and a title that is replaced becomes one of them: forms sent out with the old words are still recognised.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from questionnaires.lookups import DataFileError


def read_form_file(path: Path) -> dict[str, Any]:
    """Return the content of a form's file, complete. Raises :class:`DataFileError`."""
    file = f"forms/{path.parent.name}/{path.name}"
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise DataFileError(file, "the file", f"is not valid TOML: {error}", "Correct the line given above.") from error
    if "revises" not in data:
        return data
    revised = path.with_name(f"{data.pop('revises')}.toml")
    if not revised.exists() or revised == path:
        raise DataFileError(file, "revises", f"there is no version {revised.stem}", "Name an earlier version.")
    earlier = read_form_file(revised)
    questions = _revise_entries(earlier["question"], data.get("question", ()), "id", "synonyms")
    return {**earlier, **data, "question": questions}


def _revise_entries(
    earlier: Sequence[Mapping[str, Any]], changes: Sequence[Mapping[str, Any]], key: str, words: str
) -> list[Mapping[str, Any]]:
    """Return questions or choices with their changes; ``key`` identifies an entry, and ``words`` keeps its replaced titles."""
    revised = {entry[key]: entry for entry in earlier}
    for change in changes:
        name = change.get(key)
        revised[name] = _revise_entry(revised.get(name, {}), change, words)
    return list(revised.values())


def _revise_entry(earlier: Mapping[str, Any], change: Mapping[str, Any], words: str) -> dict[str, Any]:
    revised = {**earlier, **change}
    if "choices" in earlier and "choices" in change:
        revised["choices"] = _revise_entries(earlier["choices"], change["choices"], "code", "spellings")
    if "not_applicable" in earlier:
        revised["not_applicable"] = {**earlier["not_applicable"], **change.get("not_applicable", {})}
    replaced = [earlier["title"]] if "title" in earlier and earlier["title"] != revised["title"] else []
    if added := [*change.get(words, ()), *replaced]:
        revised[words] = [*earlier.get(words, ()), *added]
    return revised
