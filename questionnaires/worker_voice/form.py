"""Load the statements of worker voice with everything that workers read, and the languages that they may be used in."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from questionnaires.languages import ENGLISH, Language, list_languages, load_language

FOLDER = Path(__file__).parent
TRANSLATIONS = FOLDER / "translations"
NO_OPINION = ("not_known", "not_said")
ADVERSE_ANSWERS = {"true": ("true", "mostly_true"), "untrue": ("untrue", "mostly_untrue")}
OTHER = "other"  # the group of everybody who is in no other one
EVERYONE = "all"  # the only group of a survey without a cut


@dataclass(frozen=True)
class Statement:
    """A statement about the place where a worker works. See ``2026.1.toml`` for its parts."""

    id: str
    ask: str
    adverse: str
    indicator: str
    finding: str
    phase: str
    source: str

    @property
    def adverse_answers(self) -> Sequence[str]:
        """Return the answers that are a sign of risk."""
        return ADVERSE_ANSWERS[self.adverse]


@dataclass(frozen=True)
class Cut:
    """A way to divide workers into groups, asked as a question. ``groups``: titles by id; none where the survey names them."""

    id: str
    title: str
    ask: str
    other: str
    groups: Mapping[str, str]


@dataclass(frozen=True)
class WorkerVoiceForm:
    """The statements of one version, the answers to them by id, the other texts that workers read, and the cuts by id."""

    version: str
    statements: tuple[Statement, ...]
    answers: Mapping[str, str]
    texts: Mapping[str, str]
    cuts: Mapping[str, Cut]

    def list_texts(self) -> list[str]:
        """List every English text that workers read."""
        cuts = [text for cut in self.cuts.values() for text in (cut.ask, cut.other, *cut.groups.values())]
        return [*self.texts.values(), *self.answers.values(), *cuts, *(one.ask for one in self.statements)]

    def is_confirmed(self, language: Language) -> bool:
        """Return whether somebody has confirmed every text in a language. English is the original."""
        if language.code == ENGLISH:
            return True
        count = language.count(self.list_texts())
        return count.confirmed == count.total


def list_versions() -> list[str]:
    """List the versions of the statements, the newest last."""
    names = [path.stem for path in FOLDER.glob("2*.toml")]
    return sorted(names, key=lambda name: tuple(map(int, name.split("."))))


@cache
def load_worker_voice_form(version: str | None = None) -> WorkerVoiceForm:
    """Load a version of the statements, by default the newest."""
    path = FOLDER / f"{version or list_versions()[-1]}.toml"
    data = tomllib.loads(path.read_text(encoding="utf-8"))
    return WorkerVoiceForm(
        data["version"],
        tuple(Statement(**entry) for entry in data["statement"]),
        {entry["id"]: entry["title"] for entry in data["answer"]},
        data["text"],
        {entry["id"]: _build_cut(entry) for entry in data["cut"]},
    )


def _build_cut(entry: Mapping[str, object]) -> Cut:
    groups = {group["id"]: group["title"] for group in entry.get("group", ())}  # type: ignore[attr-defined]
    return Cut(str(entry["id"]), str(entry["title"]), str(entry["ask"]), str(entry["other"]), groups)


def load_voice_language(code: str) -> Language:
    """Load a language with the texts of worker voice. Raises :class:`DataFileError` if there is none."""
    return load_language(code, TRANSLATIONS)


def list_voice_languages() -> tuple[str, ...]:
    """List the languages that the texts are translated into, English first, whether they are confirmed or not."""
    return (ENGLISH, *list_languages(TRANSLATIONS))
