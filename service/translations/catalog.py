"""The texts that suppliers and workers read, and the translations that Diligence comes with: drafts until somebody confirms them.

Those of forms are in ``questionnaires/translations``, those of worker surveys in ``questionnaires/worker_voice``, and all others
in ``suppliers.pot`` and ``locale/<language>.po`` (gettext).
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import cache, cached_property
from io import BytesIO
from pathlib import Path
from typing import Literal, cast

from babel import Locale
from babel.messages import Catalog, Message
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.support import NullTranslations, Translations

from questionnaires.form import JUDGED_KINDS, list_form_ids, load_form
from questionnaires.languages import (
    ENGLISH,
    Language,
    Translation,
    list_form_texts,
    list_languages,
    load_language,
)
from questionnaires.lookups import TRANSLATIONS_DIR, load_sectors
from questionnaires.workbook import UNIVERSAL_ANSWERS, list_fixed_texts, list_outgoing_questions
from questionnaires.worker_voice.form import TRANSLATIONS as VOICE_TRANSLATIONS
from questionnaires.worker_voice.form import load_worker_voice_form

FOLDER = Path(__file__).parent
State = Literal["draft", "back_translated", "confirmed"]
STATES: tuple[State, ...] = ("draft", "back_translated", "confirmed")
Kind = Literal["forms", "sectors", "answers", "pages", "mails", "plans", "scorecards", "notices", "voice"]
KINDS: tuple[Kind, ...] = ("forms", "sectors", "answers", "pages", "mails", "plans", "scorecards", "notices", "voice")
PLACEHOLDER = re.compile(r"%\(\w+\)s|\{\w*\}")
NUMBER = "%(num)s"


@dataclass(frozen=True)
class Text:
    """An English text of a kind. ``plural``: its plural form, "" if it has none; ``comment``: what a translator has to know."""

    kind: Kind
    english: str
    plural: str = ""
    comment: str = field(default="", compare=False)

    @cached_property
    def key(self) -> str:
        """Return what identifies the text; it changes with the English."""
        return hashlib.sha256("\0".join((self.kind, self.english, self.plural)).encode()).hexdigest()

    @property
    def context(self) -> str | None:
        """Return its context in a PO file (msgctxt)."""
        return None if self.kind == "pages" else self.kind


@dataclass(frozen=True)
class Wording:
    """A translation: one form for each plural of the language, or a single one, and how far it was checked, by whom and when.

    ``reviewer``: a role, never a name. ``is_own``: worded by the organisation.
    """

    forms: tuple[str, ...]
    state: State = "draft"
    reviewer: str = ""
    on: date | None = None
    is_own: bool = False


@dataclass(frozen=True)
class Count:
    """How many of some texts appear in English, and how many translations were checked how far."""

    total: int
    states: Mapping[State, int]

    @property
    def missing(self) -> int:
        """Return how many texts appear in English."""
        return self.total - sum(self.states.values())


@dataclass(frozen=True)
class Texts:
    """What is read in one language: the translations that Diligence comes with, and an organisation's in their place."""

    code: str
    wordings: Mapping[tuple[str, str], Wording]

    @property
    def locale(self) -> Locale:
        """Return the locale of its dates, numbers and plurals."""
        return get_locale(self.code)

    @property
    def direction(self) -> str:
        """Return the direction of its script: ltr or rtl."""
        return self.locale.text_direction

    def find(self, text: Text) -> Wording | None:
        """Return the translation of a text; None if it appears in English."""
        return self.wordings.get((text.kind, text.english))

    def translate(self, kind: Kind, english: str) -> str:
        """Return a text in the language; in English where there is no translation."""
        wording = self.wordings.get((kind, english))
        return wording.forms[0] if wording else english

    def is_confirmed(self, texts: Iterable[Text]) -> bool:
        """Return whether each text is confirmed; English needs no confirmation."""
        return self.code == ENGLISH or all(
            wording is not None and wording.state == "confirmed" for wording in map(self.find, texts)
        )

    def count(self, texts: Collection[Text]) -> Count:
        """Count how many of some texts are translated, and how far their translations were checked."""
        states = Counter(wording.state for wording in map(self.find, texts) if wording)
        return Count(len(texts), {state: states[state] for state in STATES})

    @cached_property
    def form_language(self) -> Language:
        """Return the language of the questions, and of the sectors to choose from."""
        return self._build_language("forms", "sectors")

    @cached_property
    def voice_language(self) -> Language:
        """Return the language of the statements of worker surveys."""
        return self._build_language("voice")

    def _build_language(self, *kinds: Kind) -> Language:
        if self.code == ENGLISH:
            return load_language(ENGLISH)
        texts = {
            english: Translation(one.forms[0], one.reviewer, one.on if one.state == "confirmed" else None)
            for (kind, english), one in self.wordings.items()
            if kind in kinds
        }
        return Language(self.code, get_name(self.code), self.locale.english_name or "", self.direction, texts)

    @cached_property
    def gettext(self) -> NullTranslations:
        """Return the translations of the texts of pages, for gettext."""
        catalog = Catalog(locale=str(self.locale))
        for text in list_texts("pages"):
            if wording := self.find(text):
                if text.plural:
                    catalog.add((text.english, text.plural), pad_forms(wording.forms, catalog.num_plurals))
                else:
                    catalog.add(text.english, wording.forms[0])
        file = BytesIO()
        write_mo(file, catalog)
        file.seek(0)
        return Translations(file)


ENGLISH_TEXTS = Texts(ENGLISH, {})


def pad_forms(forms: Sequence[str], count: int) -> tuple[str, ...]:
    """Return as many forms of the plural as a language has, the last one for those that are missing."""
    return (*forms, *[forms[-1]] * count)[:count]


@cache
def get_locale(code: str) -> Locale:
    """Return the locale of a language."""
    return Locale.parse(code.replace("-", "_"))


def get_name(code: str) -> str:
    """Return the name of a language in that language."""
    return load_language(code).name if code in list_languages() else get_locale(code).get_display_name() or code


@cache
def list_text_languages() -> tuple[str, ...]:
    """List the codes of the languages that texts are translated into, in alphabetical order; English is not among them."""
    ours = {path.stem for path in (FOLDER / "locale").glob("*.po")}
    return tuple(sorted(ours | {*list_languages(), *list_languages(VOICE_TRANSLATIONS)}))


@cache
def list_texts(kind: Kind | None = None) -> tuple[Text, ...]:
    """List the English texts of a kind, or all, in the order of their kinds."""
    if kind is not None:
        return tuple(text for text in list_texts() if text.kind == kind)
    found = dict.fromkeys((*_list_form_texts(), *_list_sectors(), *_read_template(), *_list_voice_texts()))
    return tuple(sorted(found, key=lambda text: KINDS.index(text.kind)))


@cache
def get_texts_by_key() -> Mapping[str, Text]:
    """Return all texts by their key."""
    return {text.key: text for text in list_texts()}


def _list_form_texts() -> Iterable[Text]:
    for form in map(load_form, list_form_ids()):
        if form.kind in JUDGED_KINDS:
            for question in list_outgoing_questions(form):
                for english in list_form_texts([question]):
                    yield Text("forms", english, comment=f"{form.id}: {question.id}")
            yield Text("forms", form.title, comment=f"Title of the form {form.id}")
    for english in UNIVERSAL_ANSWERS:
        yield Text("forms", english, comment="Shown next to the choices of a question")
    for english in list_fixed_texts():
        yield Text("forms", english, comment="Shown next to the questions in downloadable forms")


def _list_sectors() -> Iterable[Text]:
    for code, english in load_sectors().names.items():
        yield Text("sectors", english, comment=f"Sector {code} (ISIC Rev.4)")


def _list_voice_texts() -> Iterable[Text]:
    for english in load_worker_voice_form().list_texts():
        yield Text("voice", english, comment="Shown to workers in a survey")


def _read_template() -> Iterable[Text]:
    for message in _read_po(FOLDER / "suppliers.pot", None):
        if message.id:
            english, plural = message.id if isinstance(message.id, tuple | list) else (message.id, "")
            yield Text(cast("Kind", message.context or "pages"), english, plural, "; ".join(message.auto_comments))


def _read_po(path: Path, locale: Locale | None) -> Catalog:
    with path.open("rb") as file:
        return read_po(file, locale=str(locale) if locale else None)


def get_forms(message: Message) -> tuple[str, ...]:
    """Return the translation of an entry of a PO file: one form for each plural, or a single one; "" is missing."""
    return (message.string,) if isinstance(message.string, str) else tuple(message.string or ("",))


@cache
def load_shipped_texts(code: str) -> Texts:
    """Load the translations that Diligence comes with. Those of forms and surveys may be confirmed; all others are drafts."""
    wordings: dict[tuple[str, str], Wording] = {}
    sectors = frozenset(load_sectors().names.values())
    for of_folder, folder in (("forms", TRANSLATIONS_DIR), ("voice", VOICE_TRANSLATIONS)):
        if code in list_languages(folder):
            for english, one in load_language(code, folder).texts.items():
                kind = "sectors" if of_folder == "forms" and english in sectors else of_folder
                state: State = "confirmed" if one.is_confirmed else "draft"
                wordings[kind, english] = Wording((one.text,), state, one.confirmed_by, one.confirmed_on)
    path = FOLDER / "locale" / f"{code}.po"
    for message in _read_po(path, get_locale(code)) if path.exists() else ():
        english = message.id[0] if isinstance(message.id, tuple | list) else message.id
        forms = get_forms(message)
        if english and all(forms):
            wordings[message.context or "pages", english] = Wording(forms)
    return Texts(code, wordings)


def find_fault(text: Text, forms: Sequence[str]) -> str:
    """Return what is wrong with a translation of a text, as a sentence; "" if nothing is.

    Its placeholders have to be those of the English; a form of the plural may leave out the number.
    """
    if not forms or any(not form.strip() for form in forms):
        return "The translation is empty."
    expected = set(PLACEHOLDER.findall(text.english)) | set(PLACEHOLDER.findall(text.plural))
    optional = {NUMBER} if text.plural else set()
    for form in forms:
        found = set(PLACEHOLDER.findall(form))
        if wrong := sorted(found - expected):
            return f"{', '.join(wrong)} is not a placeholder in this text."
        if lacking := sorted(expected - found - optional):
            return f"The placeholder {', '.join(lacking)} is missing."
        if text.kind == "pages" and "%" in PLACEHOLDER.sub("", form):
            return "A percent sign cannot be used here. Write the word instead."
        if text.kind in ("answers", "mails", "scorecards", "notices", "voice") and set("{}") & set(
            PLACEHOLDER.sub("", form)
        ):
            return "Braces can be used only for placeholders."
        if "\n" in form and "\n" not in text.english:
            return "The translation must be on one line, like the English."
    return ""
