"""Test versions of a form that state only what they change in an earlier one."""

from pathlib import Path

import pytest

from questionnaires.form import load_form
from questionnaires.lookups import DataFileError

FIRST = """
id = "toy"
version = "1.1"
title = "Toy"
kind = "site"
method = 4
sources = ["S"]

[[question]]
id = "name"
section = "S"
type = "text"
title = "Name"
ask = "Name?"

[[question]]
id = "papers"
section = "S"
type = "choice"
title = "Papers"
ask = "Who holds them?"
feeds = ["papers_withheld"]
synonyms = ["Documents"]
not_applicable = { when = { name = ["x"] }, because = "There are none.", sources = ["S"] }
choices = [{ code = "worker", title = "The worker", spellings = ["own"] }, { code = "held", title = "Held" }]
"""
SECOND = """
version = "1.2"
revises = "1.1"

[[question]]
id = "papers"
title = "Identity documents"
not_applicable = { because = "Workers need none here." }
choices = [{ code = "held", title = "The employer holds them" }, { code = "locker", title = "In a locker" }]

[[question]]
id = "hours"
section = "S"
type = "number"
title = "Hours"
ask = "How many?"
"""


def write_versions(folder: Path, second: str = SECOND) -> Path:
    """Write both versions of the form, and return the folder of forms."""
    (folder / "toy").mkdir()
    for version, text in (("1.1", FIRST), ("1.2", second)):
        (folder / "toy" / f"{version}.toml").write_text(text, encoding="utf-8")
    return folder


def test_a_revision_keeps_whatever_it_does_not_state(tmp_path: Path) -> None:
    folder = write_versions(tmp_path)
    first, second = load_form("toy", "1.1", folder), load_form("toy", "1.2", folder)
    assert (second.version, second.title, second.method, second.sources) == ("1.2", "Toy", 4, ("S",))
    assert [question.id for question in second.questions] == ["name", "papers", "hours"]
    assert second.by_id["name"] == first.by_id["name"]
    before, after = first.by_id["papers"], second.by_id["papers"]
    assert (after.ask, after.feeds) == (before.ask, before.feeds)
    assert before.not_applicable is not None
    assert after.not_applicable is not None
    assert after.not_applicable.because == "Workers need none here."
    assert after.not_applicable.when == before.not_applicable.when


def test_replaced_titles_are_still_recognised(tmp_path: Path) -> None:
    papers = load_form("toy", "1.2", write_versions(tmp_path)).by_id["papers"]
    assert (papers.title, papers.synonyms) == ("Identity documents", ("Documents", "Papers"))
    assert [(choice.code, choice.title) for choice in papers.choices] == [
        ("worker", "The worker"),
        ("held", "The employer holds them"),
        ("locker", "In a locker"),
    ]
    lookup = papers.build_choice_lookup()
    assert {lookup[word] for word in ("held", "theemployerholdsthem")} == {"held"}
    assert lookup["own"] == "worker"


@pytest.mark.parametrize("version", ["1.0", "1.2"])
def test_a_revision_of_a_version_that_is_not_there_is_refused(tmp_path: Path, version: str) -> None:
    folder = write_versions(tmp_path, SECOND.replace('revises = "1.1"', f'revises = "{version}"'))
    with pytest.raises(DataFileError, match=f"forms/toy/1.2.toml: revises: there is no version {version}"):
        load_form("toy", "1.2", folder)
