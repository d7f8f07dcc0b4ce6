"""The texts of forms in other languages: ``translations/<language>.toml``, by their English text.

A text is a draft until somebody has confirmed it: their role and the day are recorded with it. A text that changes in English is
missing in the other languages until it is translated again, so a translation never says something else than its question.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

from questionnaires.lookups import TRANSLATIONS_DIR, DataFileError, load_sectors, read_translations
from questionnaires.question import Choice, Question

ENGLISH = "en"
YES_NO = ("Yes", "No")
DIRECTIONS = ("ltr", "rtl")
KEYS = {"code", "name", "english_name", "direction", "draft", "confirmed"}
CONFIRMATION_KEYS = {"by", "on", "texts"}


@dataclass(frozen=True)
class Translation:
    """A text in another language; a draft unless ``confirmed_by`` (a role, never a name) and ``confirmed_on`` are given."""

    text: str
    confirmed_by: str = ""
    confirmed_on: date | None = None

    @property
    def is_confirmed(self) -> bool:
        """Return whether somebody has confirmed the text."""
        return self.confirmed_on is not None


@dataclass(frozen=True)
class TranslationCount:
    """How many of some texts are translated, and how many of these are confirmed; the others appear in English."""

    total: int
    translated: int
    confirmed: int

    @property
    def missing(self) -> int:
        """Return how many texts appear in English."""
        return self.total - self.translated


@dataclass(frozen=True)
class Language:
    """A language: its code (BCP 47), its own and its English name, the direction of its script, its texts by English text."""

    code: str
    name: str
    english_name: str
    direction: str
    texts: Mapping[str, Translation]

    def translate(self, english: str) -> str:
        """Return a text in the language; in English where there is no translation."""
        translation = self.texts.get(english)
        return translation.text if translation else english

    def translate_question(self, question: Question) -> Question:
        """Return a question in the language. The English words for it are still understood in what is returned."""
        na = question.not_applicable
        return replace(
            question,
            section=self.translate(question.section),
            title=self.translate(question.title),
            ask=self.translate(question.ask),
            note=self.translate(question.note),
            evidence_wanted=self.translate(question.evidence_wanted),
            unit=self.translate(question.unit),
            not_applicable=na and replace(na, because=self.translate(na.because)),
            synonyms=(*question.synonyms, question.title),
            choices=tuple(map(self._translate_choice, question.choices)),
        )

    def _translate_choice(self, choice: Choice) -> Choice:
        return replace(choice, title=self.translate(choice.title), spellings=(*choice.spellings, choice.title))

    def count(self, texts: Iterable[str]) -> TranslationCount:
        """Count how many of some English texts are translated; each different text counts once."""
        distinct = {text for text in texts if text}
        found = [self.texts[text] for text in distinct if text in self.texts]
        return TranslationCount(len(distinct), len(found), sum(each.is_confirmed for each in found))


ENGLISH_LANGUAGE = Language(ENGLISH, "English", "English", "ltr", {})


def list_form_texts(questions: Iterable[Question]) -> list[str]:
    """List the English texts of questions that a translation has to contain."""
    texts = []
    for question in questions:
        texts += [question.section, question.title, question.evidence_wanted, question.unit, *question.list_texts()]
        texts += YES_NO if question.type == "yes_no" else ()
        texts += [question.not_applicable.because] if question.not_applicable else []
    return list(filter(None, texts))


def list_sector_names(language: Language) -> Mapping[str, str]:
    """Return the names of the sectors that have one in a language, by code, in the order of ISIC.

    All have one in English and in the languages into which forms are translated completely. The others name the divisions and the
    groups and classes whose risk differs most from theirs.
    """
    names = load_sectors().names
    if language.code == ENGLISH:
        return names
    return {code: language.texts[name].text for code, name in names.items() if name in language.texts}


@cache
def list_languages(folder: Path = TRANSLATIONS_DIR) -> tuple[str, ...]:
    """List the codes of the languages that forms are translated into, in alphabetical order; English is not among them."""
    return tuple(sorted(path.stem for path in folder.glob("*.toml")))


@cache
def load_language(code: str, folder: Path = TRANSLATIONS_DIR) -> Language:
    """Load a language with its texts. Raises :class:`DataFileError` if there is none, or its file is invalid."""
    if code == ENGLISH:
        return ENGLISH_LANGUAGE
    path, file = folder / f"{code}.toml", f"translations/{code}.toml"
    if code not in list_languages(folder):
        raise DataFileError(
            file, code, "there is no such language", f"The languages are {', '.join(list_languages(folder))}."
        )
    try:
        data = read_translations(path)
    except tomllib.TOMLDecodeError as error:
        raise DataFileError(file, "the file", f"is not valid TOML: {error}", "Correct the line given above.") from error
    return build_language(data, code, file)


def build_language(data: Mapping[str, Any], code: str, file: str) -> Language:
    """Build a language from the content of its file. Raises :class:`DataFileError`."""
    unknown = sorted(data.keys() - KEYS)
    if unknown or data.get("code") != code or not data.get("name") or not data.get("english_name"):
        fault = f"has unknown keys: {', '.join(unknown)}" if unknown else "lacks its code or a name"
        raise DataFileError(file, code, fault, f"The keys are {', '.join(sorted(KEYS))}.")
    direction = data.get("direction", "ltr")
    if direction not in DIRECTIONS:
        raise DataFileError(file, "direction", f"is '{direction}'", "Write ltr or rtl.")
    texts = {english: Translation(text) for english, text in data.get("draft", {}).items()}
    for confirmation in data.get("confirmed", ()):
        if confirmation.keys() != CONFIRMATION_KEYS or not confirmation["by"] or type(confirmation["on"]) is not date:
            raise DataFileError(
                file,
                "confirmed",
                "does not say who confirmed the texts, or when",
                "Enter 'by' (a role), 'on' (a date) and 'texts'.",
            )
        for english, text in confirmation["texts"].items():
            texts[english] = Translation(text, confirmation["by"], confirmation["on"])
    empty = next(
        (english for english, each in texts.items() if not isinstance(each.text, str) or not each.text.strip()), None
    )
    if empty is not None:
        raise DataFileError(file, empty, "has an empty translation", "Leave it out instead.")
    return Language(code, data["name"], data["english_name"], direction, texts)
