"""Questionnaire forms: versioned files of questions (``forms/<form>/<version>.toml``), and the fields that parse their answers.

A form is data. A pack (``includes = "site"``) adds a sector's questions to the core. An invalid file is refused with the
name of the faulty item (:class:`~questionnaires.lookups.DataFileError`). ``README.md`` beside this file shows how to add a
question.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache, cached_property
from pathlib import Path
from typing import Any

from marshmallow import Schema

from questionnaires.form_file import read_form_file
from questionnaires.header_words import load_header_words
from questionnaires.languages import ENGLISH_LANGUAGE, Language
from questionnaires.lookups import DataFileError
from questionnaires.question import Question, parse_question, reject_unknown_keys
from questionnaires.relevance import iter_comparisons
from questionnaires.text_normalize import fold_text

FORMS_DIR = Path(__file__).parent / "forms"
KINDS = ("site", "agency", "case", "repayment", "buyer")
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
    "choice_order",
}
JUDGED_KINDS = ("site", "agency")  # forms about a supplier; "not applicable" in others is read as it is
COMPLETE_FROM = 4  # the method from which a returned form is complete or declined (method, fourth release, section 3)
ALPHABETICAL = "alphabetical"  # the order of choices that says nothing about which is best
ID, TITLE, SYNONYM, LISTED = 0, 1, 2, 3  # how well a header names a question, best first


@dataclass(frozen=True)
class Questionnaire:
    """One version of a form, or several forms combined; questions in the order they are asked.

    ``method``: the release of the method whose rules for returned forms it states. ``released``: the ISO date of its release.
    ``audience``: who fills it in. ``sectors``: the beginnings of the ISIC codes that a pack is for. ``language``: that of its
    texts.
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
    language: Language = ENGLISH_LANGUAGE

    def __hash__(self) -> int:
        """Return a hash of what tells forms apart; one of all questions would take longer than what is looked up by it."""
        return hash((self.id, self.version, self.language.code))

    def in_language(self, language: Language) -> Questionnaire:
        """Return the form, which is in English, in another language; untranslated texts stay in English."""
        if language.code == self.language.code:
            return self
        questions = tuple(map(language.translate_question, self.questions))
        return replace(self, title=language.translate(self.title), questions=questions, language=language)

    @cached_property
    def core_questions(self) -> tuple[Question, ...]:
        """Return the questions that everyone is asked first."""
        return tuple(question for question in self.questions if question.core)

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

    @cached_property
    def header_keys(self) -> Mapping[str, str]:
        """Return the question of each header in English by what is compared of its words (:meth:`HeaderWords.build_key`).

        Questions with choices are not among them, unless they are listed: other systems have no columns for those.
        """
        plain = [question for question in self.questions if question.type not in ("choice", "many")]
        own = [(text, question.id) for question in plain for text in (question.title, *question.synonyms)]
        words = load_header_words()
        listed = [(text, id_) for text, id_ in words.texts.get(self.kind, {}).items() if id_ in self.by_id]
        return words.map_keys([*own, *listed])


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
    return check_headers(check_conditions(form))


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
                f"{core.file} asks this question differently",
                "Ask the question in one form only, or use the same wording in both.",
            )
    return core.questions + tuple(question for question in pack.questions if question.id not in core.by_id)


def check_headers(form: Questionnaire) -> Questionnaire:
    """Return the form. Raises :class:`DataFileError` if one of its headers names two questions."""
    _ = form.headers
    return form


def check_conditions(form: Questionnaire) -> Questionnaire:
    """Return the form. Raises :class:`DataFileError` if a question depends on an answer that the form does not offer."""
    for question in form.questions:
        for comparison in iter_comparisons(question.relevant) if question.relevant else ():
            other = form.by_id.get(comparison.question)
            offered = other.list_codes() if other else None
            if other and (offered is None or offered.issuperset(comparison.values)):
                continue
            missing = f"{comparison.question} in {list(comparison.values)}"
            raise DataFileError(
                form.file, question.id, f"depends on {missing}, which the form does not ask", "Correct its condition."
            )
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
    if data.get("choice_order") == ALPHABETICAL:
        questions = tuple(map(sort_choices, questions))
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


def sort_choices(question: Question) -> Question:
    """Return a question whose choices are in alphabetical order, if an indicator reads it."""
    choices = sorted(question.choices, key=lambda choice: fold_text(choice.title))
    return replace(question, choices=tuple(choices)) if question.feeds else question
