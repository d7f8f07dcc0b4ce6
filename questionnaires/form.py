"""Questionnaire forms: versioned files of questions (``forms/<form>/<version>.toml``), and the fields that parse their answers.

A form is data. A pack (``includes = "site"``) adds a sector's questions to the core. An invalid file is refused with the
name of the faulty item (:class:`~questionnaires.lookups.DataFileError`). ``README.md`` beside this file shows how to add a
question.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cache, cached_property
from pathlib import Path
from typing import Any

from marshmallow import Schema

from questionnaires.form_file import read_form_file
from questionnaires.lookups import DataFileError, load_common_words, load_header_words
from questionnaires.parse import types
from questionnaires.parse.answer import DECLINED, RESERVED_ANSWERS, AnswerField
from questionnaires.parse.evidence import EvidenceField
from questionnaires.parse.numbers import MoneyField, NumberField, PercentField
from questionnaires.text_normalize import fold_text

FORMS_DIR = Path(__file__).parent / "forms"
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
AUDIENCES = ("supplier", "buyer", "case_handler")
FORM_KEYS = {
    "id",
    "version",
    "title",
    "kind",
    "includes",
    "sources",
    "question",
    "method",
    "released",
    "audience",
    "sectors",
}
QUESTION_KEYS_OF_FILES = {"ours"}  # besides the fields of Question: what audience = "buyer" was called before 2026.4
CHOICE_KEYS = {"code", "title", "spellings"}
NOT_APPLICABLE_KEYS = {"when", "because", "sources"}
JUDGED_KINDS = ("site", "agency")  # forms about a supplier; "not applicable" in others is read as it is
COMPLETE_FROM = 4  # the method from which a returned form is complete or declined (method, fourth release, section 3)
DATE_QUESTIONS = ("form_returned", "answered_on", "evidence_date")  # the dates that tell the age of a row's answers
ID, TITLE, SYNONYM, LISTED = 0, 1, 2, 3  # how well a header names a question, best first


@dataclass(frozen=True)
class Choice:
    """One answer a question offers."""

    code: str
    title: str
    spellings: tuple[str, ...] = ()


Matches = tuple[tuple[str, tuple[str | float, ...]], ...]  # answers by question id, in hashable form


@dataclass(frozen=True)
class NotApplicable:
    """When a question may be answered "not applicable": if all questions of ``when`` have one of these answers (of several, no
    other); with the reason and the ids of its sources.
    """

    when: Matches
    because: str
    sources: tuple[str, ...]


@dataclass(frozen=True)
class Question:
    """One question; its ``id`` never changes.

    ``min`` and ``max`` are numbers, or ISO dates; a date's ``max`` may be ``"today"``. ``sources``: ids of the published rules it
    asks about, where no indicator carries them. ``audience``: who answers it ("supplier", "buyer" or "case_handler"); a form that
    is sent out asks its recipient only. ``may_decline``: it feeds no indicator, yet leads to facts (a flag, a product), so that
    "declined" is an answer. ``settled_by``: other questions any of whose answers settle it. ``asked_unless``: answers to other
    questions, any of which says that it does not apply. ``not_applicable``: when it may be answered so; None is never.
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
    audience: str = "supplier"
    may_decline: bool = False
    settled_by: tuple[str, ...] = ()
    asked_unless: Matches = ()
    not_applicable: NotApplicable | None = None
    synonyms: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    choices: tuple[Choice, ...] = ()

    @property
    def is_practice(self) -> bool:
        """Return whether suppliers answer it about their own practice, so that an indicator reads it."""
        return bool(self.feeds) and not self.person and self.audience == "supplier"

    @property
    def declinable(self) -> bool:
        """Return whether a blank in a returned form counts as declined: questions about practice or that lead to facts."""
        return self.is_practice or self.may_decline

    def build_choice_lookup(self) -> dict[str, str]:
        """Return the codes of the choices, by every folded word for them.

        A choice spelt "yes" or "no" is also named by the common words for it, in any language, except numbers (a 1 may
        count deaths) and words for "nothing here".
        """
        lookup = {
            fold_text(word): choice.code
            for choice in self.choices
            for word in (choice.code, choice.title, *choice.spellings)
        }
        common = load_common_words()
        yes_no = {
            word: meaning
            for word, meaning in common.yes_no.items()
            if word not in common.nothing and not word[0].isdigit()
        }
        return {word: lookup[meaning] for word, meaning in yes_no.items() if meaning in lookup} | lookup

    def build_field(
        self, as_of: str = "", headers: Mapping[str, tuple[int, str]] | None = None, **kwargs: Any
    ) -> AnswerField:
        """Build the field that parses an answer.

        ``as_of``: the ISO date after which a date is in the future, if the question forbids that. ``headers``: those of the
        form (:attr:`Questionnaire.headers`), by which evidence names the questions it covers.
        """
        if not self.feeds and self.type in ("text", "country", "sector"):
            kwargs["reserved"] = (DECLINED,) if self.may_decline else ()
        titles = tuple(choice.title for choice in self.choices)
        match self.type:
            case "number" | "money" | "percent":
                bounds = {"minimum": self.min, "maximum": self.max}
                kwargs |= {name: float(bound) for name, bound in bounds.items() if bound is not None}
                number_fields: dict[str, type[NumberField]] = {
                    "number": NumberField, "money": MoneyField, "percent": PercentField,
                }  # fmt: skip
                return number_fields[self.type](**kwargs)
            case "date":
                days = {"earliest": self.min, "latest": self.max}
                kwargs |= {name: str(day) for name, day in days.items() if day not in (None, "today")}
                # The method gives future answers no weight; without the date they would count as given today.
                keep_future = self.id in DATE_QUESTIONS
                return types.DateField(as_of=as_of if self.max == "today" else "", keep_future=keep_future, **kwargs)
            case "choice":
                return types.ChoiceField(choices=self.build_choice_lookup(), titles=titles, **kwargs)
            case "many":
                return types.MultiChoiceField(choices=self.build_choice_lookup(), titles=titles, **kwargs)
            case "country":
                unknown_code = "country.unknown" if self.id == "country" else "answer.unknown"
                return types.CountryField(unknown_code=unknown_code, **kwargs)
            case "countries":
                return types.CountriesField(**kwargs)
            case "sector":
                return types.SectorField(**kwargs)
            case "yes_no":
                return types.YesNoField(**kwargs)
            case "evidence":
                return EvidenceField(headers=headers or {}, as_of=as_of, **kwargs)
        return types.TextField(**kwargs)


@dataclass(frozen=True)
class Questionnaire:
    """One version of a form, or several forms combined; questions in the order they are asked.

    ``method``: the release of the method whose rules for returned forms it states. ``released``: the ISO date of its release.
    ``audience``: who fills it in. ``sectors``: the beginnings of the ISIC codes that a pack is for.
    """

    id: str
    version: str
    title: str
    kind: str
    questions: tuple[Question, ...]
    includes: str = ""
    sources: tuple[str, ...] = ()
    method: int = 1
    released: str = ""
    audience: str = "supplier"
    sectors: tuple[str, ...] = ()
    file: str = ""
    folder: Path = FORMS_DIR

    @cached_property
    def by_id(self) -> Mapping[str, Question]:
        """Return the questions by id."""
        return {question.id: question for question in self.questions}

    def offers_not_applicable(self, question: Question) -> bool:
        """Return whether the form offers "not applicable" to a question: where it can be true, in forms about a supplier."""
        is_judged = self.method >= COMPLETE_FROM and self.kind in JUDGED_KINDS
        return bool(question.feeds) and (not is_judged or question.not_applicable is not None)

    @cached_property
    def headers(self) -> Mapping[str, tuple[int, str]]:
        """Return folded header -> (rank, question id); rank 0: the id, 1: the title, 2: a synonym, 3: in ``lists/headers.toml``.

        Raises :class:`DataFileError` if one header would name two questions.
        """
        headers: dict[str, tuple[int, str]] = {}
        for question in self.questions:
            # A column "Evidence" of a buyer's own sheet names only the kind of evidence, never pieces in our notation.
            ids = [question.id] if question.type != "evidence" else []
            for rank, words in ((ID, ids), (TITLE, [question.title]), (SYNONYM, question.synonyms)):
                for word in words:
                    named_id = headers.setdefault(fold_text(word), (rank, question.id))[1]
                    if named_id != question.id:
                        raise DataFileError(
                            self.file,
                            question.id,
                            f"the header '{word}' also names {named_id}",
                            "Use it for only one of them.",
                        )
        for word, question_id in load_header_words().headers.get(self.kind, {}).items():
            if question_id in self.by_id:
                headers.setdefault(word, (LISTED, question_id))
        return headers


@cache
def _find_versions(folder: Path) -> Mapping[str, tuple[str, ...]]:
    """Find the versions of every form in a folder, oldest first. Only once: a sandboxed process can list no folder."""
    names = {path.name: [file.stem for file in path.glob("*.toml")] for path in sorted(folder.iterdir())}
    return {form_id: tuple(sorted(versions, key=parse_version)) for form_id, versions in names.items() if versions}


def list_versions(form_id: str, folder: Path = FORMS_DIR) -> tuple[str, ...]:
    """List the versions of a form, oldest first; empty if there is no such form."""
    return _find_versions(folder).get(form_id, ())


def parse_version(version: str) -> list[int]:
    """Return the parts of a version as numbers, by which versions are ordered."""
    return [int(part) for part in version.split(".")]


def list_form_ids(folder: Path = FORMS_DIR) -> tuple[str, ...]:
    """List the ids of all forms, in alphabetical order."""
    return tuple(_find_versions(folder))


def load_form(form_id: str, version: str | None = None, folder: Path = FORMS_DIR) -> Questionnaire:
    """Load a form (by default its newest version), preceded by the questions of the form it includes.

    Raises :class:`DataFileError` if there is no such form or version, or its file is invalid.
    """
    versions = list_versions(form_id, folder)
    if not versions or (version or versions[-1]) not in versions:
        available = (
            f"The versions are {', '.join(versions)}."
            if versions
            else f"The forms are {', '.join(list_form_ids(folder))}."
        )
        raise DataFileError(f"forms/{form_id}", version or "(any version)", "there is no such form", available)
    return _load_version(form_id, version or versions[-1], folder)


@cache
def _load_version(form_id: str, version: str, folder: Path) -> Questionnaire:
    path = folder / form_id / f"{version}.toml"
    form = replace(build_form(read_form_file(path), f"forms/{form_id}/{path.name}"), folder=folder)
    if (form.id, form.version) != (form_id, path.stem):
        raise DataFileError(
            form.file,
            "id, version",
            f"are {form.id} {form.version}",
            "They must match the names of the folder and the file.",
        )
    if form.includes:
        form = replace(form, questions=merge_questions(load_core(form, folder), form))
    return check_headers(form)


def load_core(pack: Questionnaire, folder: Path = FORMS_DIR) -> Questionnaire:
    """Load the form that a pack includes: the newest for the newest version of the pack, else the newest of its own time."""
    versions = list_versions(pack.includes, folder)
    earlier = [version for version in versions if parse_version(version) <= parse_version(pack.version)]
    is_newest = pack.version == list_versions(pack.id, folder)[-1]
    return load_form(pack.includes, None if is_newest or not earlier else earlier[-1], folder)


@cache
def load_combined_form(kind: str, folder: Path = FORMS_DIR) -> Questionnaire:
    """Load the form that sheets of a kind ("site" or "agency") are read with: the core and all its packs, newest versions."""
    combined = load_form(kind, None, folder)
    for form_id in list_form_ids(folder):
        pack = load_form(form_id, None, folder)
        if pack.includes == kind:
            combined = check_headers(replace(combined, questions=merge_questions(combined, pack)))
    return combined


def merge_questions(core: Questionnaire, pack: Questionnaire) -> tuple[Question, ...]:
    """Merge the questions of both, each once. Raises :class:`DataFileError` if they define one id in two ways."""
    for question in pack.questions:
        if core.by_id.get(question.id, question) != question:
            raise DataFileError(
                pack.file,
                question.id,
                f"{core.file} asks it differently",
                "Ask it in one form only, or identically in both.",
            )
    return core.questions + tuple(question for question in pack.questions if question.id not in core.by_id)


def check_headers(form: Questionnaire) -> Questionnaire:
    """Return the form. Raises :class:`DataFileError` if one of its headers names two questions."""
    _ = form.headers
    return form


class AnswersSchema(Schema):
    """The schema of an API's answers to a form, by question id; a body with any other key is refused."""

    error_messages = {"unknown": "field.unknown", "type": "field.type"}


def build_answers_schema(form: Questionnaire, as_of: str = "") -> Schema:
    """Build the schema of one entity's answers as JSON, from the same fields that parse sheets, by question id.

    Questions about a person are not in it, and unknown fields are refused. ``build_answers_schema(form).load(body)`` returns the
    answers, or raises marshmallow's ``ValidationError`` with, by question, a dict of code, seen, expected and cure (or the bare
    code of the catalogue).
    """
    answer_fields = {
        question.id: question.build_field(as_of, form.headers, required=question.required)
        for question in form.questions
        if not question.person
    }
    return AnswersSchema.from_dict(answer_fields, name=f"{form.id}_answers")()  # type: ignore[arg-type]


def build_form(data: Mapping[str, Any], file: str) -> Questionnaire:
    """Build a form from the content of its file. Raises :class:`DataFileError`."""
    for key in ("id", "version", "title", "kind", "question"):
        if not data.get(key):
            raise DataFileError(file, key, "is missing", "Every form has an id, version, title, kind and questions.")
    reject_unknown_keys(data, FORM_KEYS, file, "the form")
    if data["kind"] not in KINDS:
        raise DataFileError(file, "kind", f"is '{data['kind']}'", f"It must be one of {', '.join(KINDS)}.")
    audience = data.get("audience", "supplier")
    questions = tuple(parse_question({"audience": audience, **item}, file) for item in data["question"])
    for name, values in (
        ("id", [question.id for question in questions]),
        ("title", [question.title for question in questions]),
    ):
        duplicate = next((value for value in values if values.count(value) > 1), None)
        if duplicate:
            raise DataFileError(
                file,
                duplicate,
                f"is the {name} of two questions",
                f"Give each question a different {name}.",
            )
    return Questionnaire(
        data["id"],
        data["version"],
        data["title"],
        data["kind"],
        questions,
        data.get("includes", ""),
        tuple(data.get("sources", ())),
        data.get("method", 1),
        data.get("released", ""),
        audience,
        tuple(data.get("sectors", ())),
        file,
    )


def parse_question(data: Mapping[str, Any], file: str) -> Question:
    """Parse one question of a file. Raises :class:`DataFileError`."""
    item = str(data.get("id") or data.get("title") or "a question")
    reject_unknown_keys(data, {*Question.__dataclass_fields__, *QUESTION_KEYS_OF_FILES}, file, item)
    for key in ("id", "section", "type", "title", "ask"):
        if not isinstance(data.get(key), str) or not data[key].strip():
            raise DataFileError(file, item, f"has no {key}", "Every question has an id, section, type, title and ask.")
    if data["type"] not in TYPES:
        raise DataFileError(file, item, f"is of type '{data['type']}'", f"The types are {', '.join(TYPES)}.")
    if not (item.isidentifier() and item.islower() and item.isascii()):
        raise DataFileError(file, item, "is not a valid id", "Use lower-case letters, digits and underscores only.")
    choices = tuple(parse_choice(choice, file, item) for choice in data.get("choices", ()))
    if bool(choices) > (data["type"] in ("choice", "many")) or (data["type"] == "choice" and not choices):
        raise DataFileError(
            file,
            item,
            f"is of type {data['type']} and has {len(choices)} choices",
            "A question of type choice needs choices, a question of type many can have them, and no other type can.",
        )
    lists = {key: tuple(data.get(key, ())) for key in ("feeds", "synonyms", "sources", "settled_by")}
    values = {key: value for key, value in data.items() if key not in QUESTION_KEYS_OF_FILES}
    if data.get("ours"):
        values["audience"] = "buyer"
    if values["audience"] not in AUDIENCES:
        raise DataFileError(
            file, item, f"is for the audience '{values['audience']}'", f"The audiences are {', '.join(AUDIENCES)}."
        )
    if "not_applicable" in data:
        values["not_applicable"] = parse_not_applicable(data["not_applicable"], file, item)
    values["asked_unless"] = parse_matches(data.get("asked_unless", {}), file, item)
    question = Question(**{**values, **lists, "choices": choices})
    if data["type"] == "many" and any(sign in choice.title for choice in choices for sign in ";|"):
        raise DataFileError(
            file, item, "has a choice with ; or | in its title", "These characters separate several answers."
        )
    check_spellings(choices, file, item)
    return question


def parse_not_applicable(data: Mapping[str, Any], file: str, item: str) -> NotApplicable:
    """Parse when a question may be answered "not applicable". Raises :class:`DataFileError`."""
    reject_unknown_keys(data, NOT_APPLICABLE_KEYS, file, f"{item}.not_applicable")
    if not data.get("when") or not data.get("because") or not data.get("sources"):
        raise DataFileError(
            file,
            item,
            "has an incomplete not_applicable",
            "It needs a condition (when), a reason (because) and sources.",
        )
    return NotApplicable(parse_matches(data["when"], file, item), data["because"], tuple(data["sources"]))


def parse_matches(data: Mapping[str, Any], file: str, item: str) -> Matches:
    """Parse answers by question id; numbers are compared as the answers of sheets are, as floats."""
    if not all(isinstance(answers, list) and answers for answers in data.values()):
        raise DataFileError(file, item, "has a condition that is not a list of answers", "Write question = [answers].")
    return tuple(
        (question, tuple(float(answer) if isinstance(answer, int) else answer for answer in answers))
        for question, answers in data.items()
    )


def check_spellings(choices: Iterable[Choice], file: str, item: str) -> None:
    """Raise :class:`DataFileError` if one word names two choices of a question, or has a reserved meaning."""
    codes: dict[str, str] = {}
    reserved = load_common_words().reserved
    for choice in choices:
        for word in (choice.code, choice.title, *choice.spellings):
            folded = fold_text(word)
            if codes.setdefault(folded, choice.code) != choice.code:
                raise DataFileError(
                    file,
                    item,
                    f"'{word}' means both {codes[folded]} and {choice.code}",
                    "Use it for only one of them.",
                )
            if folded in reserved:
                raise DataFileError(
                    file, item, f"'{word}' means {reserved[folded]} in every question", "Use a different word."
                )


def parse_choice(data: Mapping[str, Any], file: str, item: str) -> Choice:
    """Parse one choice of a question. Raises :class:`DataFileError`."""
    reject_unknown_keys(data, CHOICE_KEYS, file, item)
    if not data.get("code") or not data.get("title") or data["code"] in RESERVED_ANSWERS:
        raise DataFileError(
            file,
            item,
            "has a choice without a code or title, or with a reserved code",
            f"The code cannot be {' or '.join(RESERVED_ANSWERS)}.",
        )
    return Choice(data["code"], data["title"], tuple(data.get("spellings", ())))


def reject_unknown_keys(data: Mapping[str, Any], known: Iterable[str], file: str, item: str) -> None:
    """Raise :class:`DataFileError` if a table has a key that has no meaning."""
    unknown = sorted(set(data) - set(known))
    if unknown:
        raise DataFileError(
            file, item, f"has unknown keys: {', '.join(unknown)}", f"The keys are {', '.join(sorted(known))}."
        )
