"""A form: what we ask, as a versioned file of questions (``forms/<form>/<version>.toml``), and the fields that read its
answers.

A form is data. A pack (``includes = "site"``) adds the questions of a sector to the core. A file with a fault is
refused by name (:class:`~questionnaires.lookups.BadFile`). ``README.md`` beside this file shows how to add a question.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cache, cached_property
from pathlib import Path
from typing import Any

from marshmallow import Schema

from questionnaires.lookups import BadFile, everyday
from questionnaires.parse import types
from questionnaires.parse.answer import DECLINED, RESERVED, Answer
from questionnaires.parse.evidence import Evidence
from questionnaires.parse.numbers import Money, Number, Percent
from questionnaires.text_normalize import fold

FORMS = Path(__file__).parent / "forms"
KINDS = ("site", "agency", "case", "repayment", "buyer")
TYPES = (
    "text",
    "number",
    "money",
    "percent",
    "date",
    "yes_no",
    "choice",
    "many",
    "country",
    "countries",
    "sector",
    "evidence",
)
FORM_KEYS = {"id", "version", "title", "kind", "includes", "sources", "question"}
CHOICE_KEYS = {"code", "title", "spellings"}
DATED = ("form_returned", "answered_on", "evidence_date")  # the days that say how old the answers of a row are
ID, TITLE, SYNONYM = 0, 1, 2  # how well a header names a question, best first


@dataclass(frozen=True)
class Choice:
    """One answer a question offers."""

    code: str
    title: str
    spellings: tuple[str, ...] = ()


@dataclass(frozen=True)
class Question:
    """One question; ``id`` is for life.

    ``min`` and ``max`` are numbers, or ISO days; a date's ``max`` may be ``"today"``. ``sources``: the published rules it
    asks about, by id, where no indicator carries them. ``ours``: the buyer answers it, not who gets the form.
    ``may_decline``: it feeds no indicator, yet leads to facts (a flag, a product): to decline it in so many words counts.
    """

    id: str
    section: str
    type: str
    title: str
    ask: str
    note: str = ""
    feeds: tuple[str, ...] = ()
    required: bool = False
    min: float | str | None = None
    max: float | str | None = None
    unit: str = ""
    person: bool = False
    ours: bool = False
    may_decline: bool = False
    synonyms: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    choices: tuple[Choice, ...] = ()

    @property
    def declinable(self) -> bool:
        """Whether it counts as declined where a form came back and it is blank: facts of a place can be found elsewhere."""
        return bool(self.feeds) and not self.person and not self.ours

    def answers(self) -> dict[str, str]:
        """Codes of the choices, by every folded word for them.

        A choice spelt "yes" or "no" is also meant by the everyday words for it, in any language, save numbers (a 1 may
        count deaths) and those that say "nothing here".
        """
        told = {
            fold(word): choice.code
            for choice in self.choices
            for word in (choice.code, choice.title, *choice.spellings)
        }
        words = {w: m for w, m in everyday().yes_no.items() if w not in everyday().nothing and not w[0].isdigit()}
        return {w: told[m] for w, m in words.items() if m in told} | told

    def field(self, on: str = "", headers: Mapping[str, tuple[int, str]] | None = None, **kwargs: Any) -> Answer:
        """The field that reads an answer.

        ``on``: the ISO day after which a date lies in the future, if the question minds. ``headers``: those of the form
        (:attr:`Questionnaire.headers`), by which evidence names the questions it covers.
        """
        if not self.feeds and self.type in ("text", "country", "sector"):
            kwargs["reserved"] = (DECLINED,) if self.may_decline else ()
        bounds = {"least": self.min, "most": self.max}
        titles = tuple(choice.title for choice in self.choices)
        match self.type:
            case "number" | "money" | "percent":
                kwargs |= {name: float(bound) for name, bound in bounds.items() if bound is not None}
                kinds: dict[str, type[Number]] = {"number": Number, "money": Money, "percent": Percent}
                return kinds[self.type](**kwargs)
            case "date":
                days = {name: str(day) for name, day in bounds.items() if day not in (None, "today")}
                late = self.id in DATED  # the method counts it 0, and would take a blank for today
                return types.Date(on=on if self.max == "today" else "", late=late, **days, **kwargs)
            case "choice":
                return types.Choice(choices=self.answers(), titles=titles, **kwargs)
            case "many":
                return types.Many(choices=self.answers(), titles=titles, **kwargs)
            case "country":
                return types.Country(strange="country.unknown" if self.id == "country" else "answer.unknown", **kwargs)
            case "countries":
                return types.Countries(**kwargs)
            case "sector":
                return types.Sector(**kwargs)
            case "yes_no":
                return types.YesNo(**kwargs)
            case "evidence":
                return Evidence(headers=headers or {}, on=on, **kwargs)
        return types.Text(**kwargs)


@dataclass(frozen=True)
class Questionnaire:
    """One version of a form, or several forms read together; questions in the order they are asked."""

    id: str
    version: str
    title: str
    kind: str
    questions: tuple[Question, ...]
    includes: str = ""
    sources: tuple[str, ...] = ()
    file: str = ""
    folder: Path = FORMS

    @cached_property
    def by_id(self) -> Mapping[str, Question]:
        """The questions by id."""
        return {question.id: question for question in self.questions}

    @cached_property
    def headers(self) -> Mapping[str, tuple[int, str]]:
        """Folded header -> (rank, question id); rank 0: the id, 1: the title, 2: a synonym.

        Raises :class:`BadFile` where one header would name two questions.
        """
        index: dict[str, tuple[int, str]] = {}
        for question in self.questions:
            # "Evidence" over a column of a buyer's own sheet names its kind alone, never pieces as we write them.
            ids = [question.id] if question.type != "evidence" else []
            for rank, words in ((ID, ids), (TITLE, [question.title]), (SYNONYM, question.synonyms)):
                for word in words:
                    other = index.setdefault(fold(word), (rank, question.id))[1]
                    if other != question.id:
                        raise BadFile(
                            self.file, question.id, f"the header '{word}' names {other} too", "Leave it to one of them."
                        )
        return index


def versions(form_id: str, folder: Path = FORMS) -> tuple[str, ...]:
    """The versions of a form, oldest first; empty if there is no such form."""
    found = [path.stem for path in (folder / form_id).glob("*.toml")]
    return tuple(sorted(found, key=lambda version: [int(part) for part in version.split(".")]))


def form_ids(folder: Path = FORMS) -> tuple[str, ...]:
    """The forms there are, by name."""
    return tuple(sorted(path.name for path in folder.iterdir() if versions(path.name, folder)))


@cache
def load(form_id: str, version: str | None = None, folder: Path = FORMS) -> Questionnaire:
    """A form (of the newest version unless told), with the questions of the form it includes first.

    Raises :class:`BadFile` if there is no such form or version, or its file has a fault.
    """
    known = versions(form_id, folder) if "/" not in form_id and form_id not in ("", ".", "..") else ()
    if not known or (version or known[-1]) not in known:
        there = f"The versions are {', '.join(known)}." if known else f"The forms are {', '.join(form_ids(folder))}."
        raise BadFile(f"forms/{form_id}", version or "(any version)", "there is no such form", there)
    path = folder / form_id / f"{version or known[-1]}.toml"
    form = replace(parsed(path.read_text(encoding="utf-8"), f"forms/{form_id}/{path.name}"), folder=folder)
    if (form.id, form.version) != (form_id, path.stem):
        raise BadFile(
            form.file, "id, version", f"they say {form.id} {form.version}", "They must be the folder and the file."
        )
    questions = joined(load(form.includes, None, folder), form) if form.includes else form.questions
    return checked(replace(form, questions=questions))


@cache
def load_reading_form(kind: str, folder: Path = FORMS) -> Questionnaire:
    """What a sheet of this kind ("site" or "agency") is read with: the core and all its packs together, of their newest
    versions.
    """
    core = load(kind, None, folder)
    for form_id in form_ids(folder):
        pack = load(form_id, None, folder)
        if pack.includes == kind:
            core = checked(replace(core, questions=joined(core, pack)))
    return core


def joined(core: Questionnaire, pack: Questionnaire) -> tuple[Question, ...]:
    """The questions of both, each once. Raises :class:`BadFile` where they ask the same id in two ways."""
    for question in pack.questions:
        if core.by_id.get(question.id, question) != question:
            raise BadFile(
                pack.file, question.id, f"{core.file} asks it otherwise", "Ask it in one form, or alike in both."
            )
    return core.questions + tuple(question for question in pack.questions if question.id not in core.by_id)


def checked(form: Questionnaire) -> Questionnaire:
    """The form, once its headers are known to name one question each."""
    _ = form.headers
    return form


class Body(Schema):
    """An API's answers to a form, by question id; a body with anything else is refused."""

    error_messages = {"unknown": "field.unknown", "type": "field.type"}


def schema(form: Questionnaire, on: str = "") -> Schema:
    """The schema of one entity's answers as JSON: the fields that read sheets, by question id; unknown fields are
    refused.

    Questions about a person are not in it. ``schema(form).load(body)`` gives the answers, or raises marshmallow's
    ``ValidationError`` with, by question, a dict of code, seen, expected and cure (or the bare code of the catalogue).
    """
    asked = {q.id: q.field(on, form.headers, required=q.required) for q in form.questions if not q.person}
    return Body.from_dict(asked, name=f"{form.id}_answers")()  # type: ignore[arg-type]


def parsed(text: str, file: str) -> Questionnaire:
    """The form a file's text says. Raises :class:`BadFile`."""
    try:
        told = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise BadFile(file, "the file", f"is not TOML: {error}", "Mend the line it names.") from error
    for key in ("id", "version", "title", "kind", "question"):
        if not told.get(key):
            raise BadFile(file, key, "is missing", "Every form has an id, version, title, kind and questions.")
    known_keys(told, FORM_KEYS, file, "the form")
    if told["kind"] not in KINDS:
        raise BadFile(file, "kind", f"is '{told['kind']}'", f"It is one of {', '.join(KINDS)}.")
    questions = tuple(question(item, file) for item in told["question"])
    for name, values in (("id", [q.id for q in questions]), ("title", [q.title for q in questions])):
        twice = next((value for value in values if values.count(value) > 1), None)
        if twice:
            raise BadFile(
                file,
                twice,
                f"is the {name} of two questions",
                f"Give each question {'an id' if name == 'id' else 'a title'} of its own.",
            )
    return Questionnaire(
        told["id"],
        told["version"],
        told["title"],
        told["kind"],
        questions,
        told.get("includes", ""),
        tuple(told.get("sources", ())),
        file,
    )


def question(told: Mapping[str, Any], file: str) -> Question:
    """One question of a file. Raises :class:`BadFile`."""
    item = str(told.get("id") or told.get("title") or "a question")
    known_keys(told, set(Question.__dataclass_fields__), file, item)
    for key in ("id", "section", "type", "title", "ask"):
        if not isinstance(told.get(key), str) or not told[key].strip():
            raise BadFile(file, item, f"has no {key}", "Every question has an id, section, type, title and ask.")
    if told["type"] not in TYPES:
        raise BadFile(file, item, f"is of type '{told['type']}'", f"The types are {', '.join(TYPES)}.")
    if not (item.isidentifier() and item.islower() and item.isascii()):
        raise BadFile(file, item, "is not an id", "Write it in small letters, digits and underscores.")
    choices = tuple(choice(offered, file, item) for offered in told.get("choices", ()))
    if bool(choices) > (told["type"] in ("choice", "many")) or (told["type"] == "choice" and not choices):
        raise BadFile(
            file,
            item,
            f"is of type {told['type']}, with {len(choices)} choices",
            "A choice has choices, many may have; no other.",
        )
    lists = {key: tuple(told.get(key, ())) for key in ("feeds", "synonyms", "sources")}
    asked = Question(**{**told, **lists, "choices": choices})
    if told["type"] == "many" and any(sign in offered.title for offered in choices for sign in ";|"):
        raise BadFile(file, item, "has a choice with ; or | in its title", "These stand between several answers.")
    words: dict[str, str] = {}
    for offered in choices:
        for word in (offered.code, offered.title, *offered.spellings):
            if words.setdefault(fold(word), offered.code) != offered.code:
                raise BadFile(
                    file, item, f"'{word}' means {words[fold(word)]} and {offered.code}", "Leave it to one of them."
                )
            if fold(word) in everyday().reserved:
                raise BadFile(
                    file, item, f"'{word}' means {everyday().reserved[fold(word)]} everywhere", "Leave it out."
                )
    return asked


def choice(told: Mapping[str, Any], file: str, item: str) -> Choice:
    """One choice of a question. Raises :class:`BadFile`."""
    known_keys(told, CHOICE_KEYS, file, item)
    if not told.get("code") or not told.get("title") or told["code"] in RESERVED:
        raise BadFile(
            file, item, "has a choice without code or title, or with a reserved code", f"Not {' or '.join(RESERVED)}."
        )
    return Choice(told["code"], told["title"], tuple(told.get("spellings", ())))


def known_keys(told: Mapping[str, Any], known: Iterable[str], file: str, item: str) -> None:
    """Raises :class:`BadFile` for a key that means nothing."""
    strange = sorted(set(told) - set(known))
    if strange:
        raise BadFile(file, item, f"has {', '.join(strange)}", f"The keys are {', '.join(sorted(known))}.")
