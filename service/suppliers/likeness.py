"""Say whether two suppliers may be the same, from names, country and addresses; a person decides.

The rule was tried on two editions of a public list of factories (docs/decisions.md): it proposes a pair if the names are the same
without legal forms and the addresses are alike, or if the addresses are the same and the names nearly so.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Literal, NamedTuple

from anyascii import anyascii
from rapidfuzz import fuzz

from questionnaires.parse.answer import RESERVED_ANSWERS
from risk_models.name_normalize import name_key
from risk_models.screening.names import compare_names, get_word_weight, split_name
from service.suppliers.identity import NUMBERS, REGISTERED
from service.suppliers.key_grades import NAMES, find_weakness, is_other_name

Reason = Literal["same_name", "near_name", "same_address", "near_address", "same_city", "same_number"]
ADDRESS_WORD = re.compile(r"[a-z]+|[0-9]+")
DIGITS = re.compile(r"\d+")
NEAR_NAME = 0.8  # similarity of names that are nearly the same (risk_models.screening.names)
ALIKE_ADDRESS = 60.0  # share of alike words, in percent, from which two addresses may be one place
SAME_ADDRESS = 88.0  # the same, from which two addresses are one place
NUMBERS_ALONE = ("imo", "lei")  # identifiers of which a supplier has one in the world


class Likeness(NamedTuple):
    """Why two suppliers may be the same, and how alike they are, 0 to 1, for the order of the queue."""

    reasons: tuple[Reason, ...]
    score: float


class Address(NamedTuple):
    """The words and the numbers of an address, cleaned."""

    words: str
    numbers: frozenset[str]


@lru_cache(maxsize=50_000)
def split_address(text: str) -> Address:
    """Return the words of an address in Latin letters, and its numbers without leading zeros."""
    parts = ADDRESS_WORD.findall(anyascii(text).lower())
    words = sorted({part for part in parts if not part.isdigit() and len(part) > 1})
    return Address(" ".join(words), frozenset(part.lstrip("0") for part in parts if part.isdigit()) - {""})


def compare_suppliers(one: Mapping[str, Any], other: Mapping[str, Any]) -> Likeness | None:
    """Return why two suppliers of one kind may be the same; None if nothing suggests it, or if an identifier says otherwise."""
    if not one.get("country") or one.get("country") != other.get("country") or _have_other_numbers(one, other):
        return None
    names = [(a, b) for a in _list_names(one) for b in _list_names(other)]
    same = any(_is_same_core(a, b) for a, b in names)
    near = max((_compare_names(a, b) for a, b in names), default=0.0)
    if not same and near < NEAR_NAME:
        return None
    name: Reason = "same_name" if same else "near_name"
    likeness = _compare_addresses(one, other)
    if likeness is None:
        same_city = same and bool(_text(one, "city")) and name_key(_text(one, "city")) == name_key(_text(other, "city"))
        return Likeness((name, "same_city"), 0.5) if same_city else None
    address, share_number = likeness
    if same and address >= ALIKE_ADDRESS and share_number is not False:
        place: Reason = "same_address" if address >= SAME_ADDRESS else "near_address"
        return Likeness((name, place), (1.0 + address / 100) / 2)
    if address >= SAME_ADDRESS and share_number is not False and any(_have_same_digits(a, b) for a, b in names):
        return Likeness((name, "same_address"), (near + address / 100) / 2)
    return None


def _text(answers: Mapping[str, Any], question: str) -> str:
    value = answers.get(question)
    return value if isinstance(value, str) and value not in RESERVED_ANSWERS else ""


def _list_names(answers: Mapping[str, Any]) -> list[str]:
    return [text for text in (_text(answers, question) for question in NAMES) if name_key(text)]


def _is_same_core(one: str, other: str) -> bool:
    """Return whether two names are the same without legal forms, and say enough to tell companies apart."""
    a, b = split_name(one), split_name(other)
    return sorted(a) == sorted(b) or "".join(a) == "".join(b)


def _compare_names(one: str, other: str) -> float:
    return compare_names(split_name(one), split_name(other)).score


def _have_same_digits(one: str, other: str) -> bool:
    a, b = (DIGITS.findall(name) for name in (one, other))
    return sorted(a) == sorted(b)


def _compare_addresses(one: Mapping[str, Any], other: Mapping[str, Any]) -> tuple[float, bool | None] | None:
    """Return how alike two addresses are, in percent, and whether they share a number (None: one has none); None without both."""
    texts = _text(one, "address"), _text(other, "address")
    if not all(texts):
        return None
    a, b = map(split_address, texts)
    shares = bool(a.numbers & b.numbers) if a.numbers and b.numbers else None
    if not a.words or not b.words:
        return (100.0, True) if shares else None
    # Parts of an address are left out or added in another edition; words that both have count.
    return max(fuzz.token_set_ratio(a.words, b.words) * 0.95, fuzz.token_sort_ratio(a.words, b.words)), shares


def _have_other_numbers(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Return whether both have an actual identifier of one kind, and the identifiers differ. References may differ."""
    return any(
        a != b
        for a, b in ((_number(one, question), _number(other, question)) for question in (*NUMBERS_ALONE, *REGISTERED))
        if a and b
    )


def _number(answers: Mapping[str, Any], question: str) -> str:
    text = _text(answers, question)
    return name_key(text) if text and find_weakness(question, text) is None else ""


def list_shared_numbers(one: Mapping[str, Any], other: Mapping[str, Any]) -> list[str]:
    """List the questions to which two suppliers give the same actual number, although their names differ."""
    same_country = one.get("country") == other.get("country")
    shared = [
        question
        for question in NUMBERS
        if (question not in REGISTERED or same_country)
        and _number(one, question)
        and _number(one, question) == _number(other, question)
    ]
    return shared if any(is_other_name(a, b) for a in _list_names(one) for b in _list_names(other)) else []


def list_telling_words(answers: Mapping[str, Any], most: int = 3) -> list[str]:
    """List the words of the names that tell most suppliers apart, the longest first."""
    words = {word for name in _list_names(answers) for word in split_name(name) if get_word_weight(word) >= 1.0}
    return sorted(words, key=lambda word: (-len(word), word))[:most]
