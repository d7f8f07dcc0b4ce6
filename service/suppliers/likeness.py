"""Say whether two suppliers may be the same, from names, country and addresses; a person decides.

The rule was tried on two editions of a public list of factories (docs/decisions.md): it proposes a pair if the names are the same
without legal forms and the addresses are alike, or if the addresses are the same and the names nearly so.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, Literal, NamedTuple, TypeVar

from questionnaires.parse.answer import RESERVED_ANSWERS
from risk_models.name_normalize import name_key
from risk_models.screening.names import compare_names, get_word_weight, split_name
from service.suppliers.addresses import AddressLikeness, compare_addresses, have_same_parts
from service.suppliers.identity import NUMBERS, REGISTERED, place_key
from service.suppliers.key_grades import (
    NAMES,
    ROW_NUMBER,
    find_weakness,
    have_different_places,
    is_other_name,
    may_be_another,
)
from service.suppliers.spelling import get_core, list_known_names, spell_out

Reason = Literal["same_name", "near_name", "same_address", "near_address", "same_city", "same_number"]
DIGITS = re.compile(r"\d+")
NEAR_NAME = 0.8  # similarity of names that are nearly the same (risk_models.screening.names)
NUMBERS_ALONE = ("imo", "lei")  # identifiers of which a supplier has one in the world
Candidate = TypeVar("Candidate")


class Likeness(NamedTuple):
    """Why two suppliers may be the same, and how alike they are, 0 to 1, for the order of the queue."""

    reasons: tuple[Reason, ...]
    score: float

    @property
    def rank(self) -> int:
        """Return how strong the reasons are: the same name counts more than a near one, and then the same place or number."""
        return 2 * ("same_name" in self.reasons) + ("same_address" in self.reasons or "same_number" in self.reasons)


def choose_best(candidates: Iterable[tuple[Candidate, Likeness]]) -> tuple[Candidate, Likeness] | None:
    """Return the candidate with the strongest reasons; None if there is none, or if several have equally strong ones."""
    ranked = sorted(candidates, key=lambda candidate: -candidate[1].rank)
    is_clear = len(ranked) == 1 or (len(ranked) > 1 and ranked[0][1].rank > ranked[1][1].rank)
    return ranked[0] if is_clear else None


def compare_suppliers(one: Mapping[str, Any], other: Mapping[str, Any]) -> Likeness | None:
    """Return why two suppliers of one kind may be the same; None if nothing suggests it, or if an identifier says otherwise."""
    if not one.get("country") or one.get("country") != other.get("country") or _have_other(NUMBERS_ALONE, one, other):
        return None
    names = [(a, b) for a in list_names(one) for b in list_names(other)]
    same = any(_is_same_core(a, b) for a, b in names)
    near = max((_compare_names(a, b) for a, b in names), default=0.0)
    if not same and near < NEAR_NAME:
        return None
    name: Reason = "same_name" if same else "near_name"
    same_digits = same or any(_have_same_digits(a, b) for a, b in names)
    if same_digits and _share_identifier(one, other):
        return Likeness((name, "same_number"), (near + 1.0) / 2)
    likeness = _compare_addresses(one, other)
    if _have_other(REGISTERED, one, other):  # a list may have changed from one register to another
        is_one_place = same and likeness is not None and likeness.is_same
        return Likeness(("same_name", "same_address"), 0.5) if is_one_place else None
    if likeness is None:
        same_city = same and bool(_text(one, "city")) and name_key(_text(one, "city")) == name_key(_text(other, "city"))
        return Likeness((name, "same_city"), 0.5) if same_city else None
    if same and likeness.is_alike:
        place: Reason = "same_address" if likeness.is_same else "near_address"
        return Likeness((name, place), (1.0 + likeness.percent / 100) / 2)
    if same_digits and likeness.is_same:
        return Likeness((name, "same_address"), (near + likeness.percent / 100) / 2)
    return None


def is_certain(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Return whether two rows are about one supplier beyond doubt, although their keys differ: they have the same name, country
    and place, or an identifier in common and nearly the same name, and no number says otherwise.

    Names may differ in abbreviations of the legal form, and addresses in their order and in words that tell no places apart.
    Lists gain and lose columns of numbers, and are written anew; nobody should be asked about every row then.
    """
    if not one.get("country") or one.get("country") != other.get("country") or have_other_numbers(one, other):
        return False
    if place_key(one) == place_key(other):
        cities = [name_key(_text(answers, "city")) for answers in (one, other)]
        return not all(cities) or cities[0] == cities[1] or bool(_text(one, "address"))
    names = [{spell_out(_text(answers, question)) for question in NAMES} - {""} for answers in (one, other)]
    if names[0] & names[1] and have_same_parts(_text(one, "address"), _text(other, "address")):
        return True
    likeness = compare_suppliers(one, other)
    return likeness is not None and "same_number" in likeness.reasons and not have_different_places(one, other)


def _text(answers: Mapping[str, Any], question: str) -> str:
    value = answers.get(question)
    return value if isinstance(value, str) and value not in RESERVED_ANSWERS else ""


def list_names(answers: Mapping[str, Any]) -> list[str]:
    """List the names of a supplier, with those that it says it had earlier."""
    texts = [text for text in (_text(answers, question) for question in NAMES) if name_key(text)]
    return [name for text in texts for name in list_known_names(text) if name_key(name)]


def get_cores(answers: Mapping[str, Any]) -> set[tuple[str, ...]]:
    """Return the names of a supplier without legal forms, as sorted words, save those that many companies share."""
    cores = {get_core(name) for name in list_names(answers)}
    return {tuple(sorted(core)) for core in cores if any(get_word_weight(word) >= 1.0 for word in core)}


def have_other_numbers(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Return whether a number says that two suppliers are two: both have an identifier of one kind, or a reference that is not
    the number of a row, and these differ.
    """
    references = {name_key(text) for answers in (one, other) if (text := _text(answers, "reference"))}
    if len(references) > 1 and not any(ROW_NUMBER.fullmatch(text) for text in references):
        return True
    return _have_other((*NUMBERS_ALONE, *REGISTERED), one, other)


def _is_same_core(one: str, other: str) -> bool:
    """Return whether two names are the same (:func:`service.suppliers.spelling.get_core`)."""
    a, b = get_core(one), get_core(other)
    return sorted(a) == sorted(b) or "".join(a) == "".join(b)


def _compare_names(one: str, other: str) -> float:
    return compare_names(get_core(one), get_core(other)).score


def _have_same_digits(one: str, other: str) -> bool:
    a, b = (DIGITS.findall(" ".join(get_core(name))) for name in (one, other))
    return sorted(a) == sorted(b)


def _compare_addresses(one: Mapping[str, Any], other: Mapping[str, Any]) -> AddressLikeness | None:
    texts = _text(one, "address"), _text(other, "address")
    return compare_addresses(*texts) if all(texts) else None


def _share_identifier(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Return whether both have the same actual identifier of one kind. References may be those of two buyers."""
    return any(
        _number(one, question) and _number(one, question) == _number(other, question)
        for question in (*NUMBERS_ALONE, *REGISTERED)
    )


def _have_other(questions: Iterable[str], one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Return whether both have an actual identifier of one kind, and the identifiers differ."""
    numbers = ((_number(one, question), _number(other, question)) for question in questions)
    return any(a != b for a, b in numbers if a and b)


def _number(answers: Mapping[str, Any], question: str) -> str:
    """Return an actual number as it is compared: without the leading zeros that a spreadsheet may have dropped."""
    text = _text(answers, question)
    return name_key(text).lstrip("0") if text and find_weakness(question, text) is None else ""


def list_shared_numbers(one: Mapping[str, Any], other: Mapping[str, Any]) -> list[str]:
    """List the questions to which two suppliers give the same actual number, although their names differ.

    What may be the number of a row says nothing under another name; under the same name at another place, it does.
    """
    same_country = one.get("country") == other.get("country")
    shared = [
        question
        for question in NUMBERS
        if (question not in REGISTERED or same_country)
        and _number(one, question)
        and _number(one, question) == _number(other, question)
    ]
    has_other_name = any(is_other_name(a, b) for a in list_names(one) for b in list_names(other))
    has_other_name = has_other_name or may_be_another(one, other)
    if "reference" in shared and ROW_NUMBER.fullmatch(_text(one, "reference")):
        if has_other_name:
            shared.remove("reference")
        elif have_different_places(one, other):
            return shared
    return shared if has_other_name else []


def list_telling_words(answers: Mapping[str, Any], most: int = 3) -> list[str]:
    """List the words of the names that tell most suppliers apart, the longest first."""
    words = {word for name in list_names(answers) for word in split_name(name) if get_word_weight(word) >= 1.0}
    return sorted(words, key=lambda word: (-len(word), word))[:most]
