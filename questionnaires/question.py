"""One question of a form: what it asks, whom and when; the field that parses its answers; reading it from the file of a form."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from questionnaires.lookups import DataFileError, load_common_words
from questionnaires.parse import types
from questionnaires.parse.answer import DECLINED, RESERVED_ANSWERS, AnswerField
from questionnaires.parse.evidence import EvidenceField
from questionnaires.parse.numbers import MoneyField, NumberField, PercentField
from questionnaires.relevance import AnyOf, Comparison, Condition, Not, RelevanceError, parse_relevant
from questionnaires.text_normalize import fold_text

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
WORDS_PER_MINUTE = 200
AUDIENCES = ("supplier", "buyer", "case_handler")
# Keys of earlier forms: ours = true means audience = "buyer"; asked_unless lists the answers that make a question irrelevant.
EARLIER_KEYS = {"ours", "asked_unless"}
CHOICE_KEYS = {"code", "title", "spellings"}
NOT_APPLICABLE_KEYS = {"when", "because", "sources"}
DATE_QUESTIONS = ("form_returned", "answered_on", "evidence_date")  # the dates that tell the age of a row's answers


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
    "declined" is an answer. ``settled_by``: other questions any of whose answers settle it. ``relevant``: the condition on
    other answers under which it is asked; None is always. ``not_applicable``: when it may be answered so; None is never.
    ``core``: it is asked first, of everyone. ``why``: why it is asked, where it feeds no indicator. ``evidence_wanted``: what
    would support an answer. ``minutes``: how long it takes to answer, where that is longer than to read it.
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
    relevant: Condition | None = None
    not_applicable: NotApplicable | None = None
    core: bool = False
    why: str = ""
    evidence_wanted: str = ""
    minutes: float = 0
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

    @property
    def reading_minutes(self) -> float:
        """Return how long it takes to read the question, its note and its choices, in minutes."""
        return sum(len(text.split()) for text in self.list_texts()) / WORDS_PER_MINUTE

    @property
    def expected_minutes(self) -> float:
        """Return how long it takes to answer, in minutes: as the form says, at least the time to read it."""
        return max(self.minutes, self.reading_minutes)

    def list_codes(self) -> frozenset[str] | None:
        """Return the codes of its possible answers; None if it has no list of them."""
        if self.type == "yes_no":
            return frozenset({"yes", "no"})
        return frozenset(choice.code for choice in self.choices) if self.choices else None

    def list_texts(self) -> list[str]:
        """List the texts that its reader sees: the question, its note, and its choices."""
        return [text for text in (self.ask, self.note, *(choice.title for choice in self.choices)) if text]

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


def parse_question(data: Mapping[str, Any], file: str) -> Question:
    """Parse one question of a file. Raises :class:`DataFileError`."""
    item = str(data.get("id") or data.get("title") or "a question")
    reject_unknown_keys(data, {*Question.__dataclass_fields__, *EARLIER_KEYS}, file, item)
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
    values = {key: value for key, value in data.items() if key not in EARLIER_KEYS}
    if data.get("ours"):
        values["audience"] = "buyer"
    if values["audience"] not in AUDIENCES:
        raise DataFileError(
            file, item, f"is for the audience '{values['audience']}'", f"The audiences are {', '.join(AUDIENCES)}."
        )
    if "not_applicable" in data:
        values["not_applicable"] = parse_not_applicable(data["not_applicable"], file, item)
    values["relevant"] = parse_condition(data, file, item)
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


def parse_condition(data: Mapping[str, Any], file: str, item: str) -> Condition | None:
    """Parse when a question is asked (``relevant``, or ``asked_unless`` of earlier forms). Raises :class:`DataFileError`."""
    if "relevant" not in data:
        matches = parse_matches(data.get("asked_unless", {}), file, item)
        exempt = tuple(Comparison(question, "in", answers) for question, answers in matches)
        return Not(AnyOf(exempt) if len(exempt) > 1 else exempt[0]) if exempt else None
    try:
        return parse_relevant(data["relevant"])
    except RelevanceError as error:
        raise DataFileError(
            file, item, f"has a condition that {error}", "Write relevant = \"question == 'code'\"; see README.md."
        ) from error


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
