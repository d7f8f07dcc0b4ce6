"""Compare addresses, which hardly two lists write alike: by their telling words in any order, and by their numbers."""

from __future__ import annotations

import re
import tomllib
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from functools import cache, lru_cache
from itertools import permutations, product
from pathlib import Path
from typing import NamedTuple

from anyascii import anyascii
from rapidfuzz import fuzz

from risk_models.screening.names import compare_words, load_lexicon
from service.suppliers.spelling import load_name_words

PART = re.compile(r"[a-z]+|[0-9]+")
ELISION = re.compile(r"\b[dl](?=')")  # before a vowel: rue de l'Industrie
POST_BOX = re.compile(r"\bp\.? ?o\.? ?box(?: ?no\.?)?[ :#-]*([0-9]+)")  # where letters are left, and nobody works
POSTAL = 4  # digits from which a number may be a postal code, which a whole town shares
ALIKE = 60.0  # share of alike words, in percent, from which two addresses may be one place
SAME = 88.0  # the same, from which two addresses are one place


class Address(NamedTuple):
    """The telling words and the numbers of an address; ``long_numbers`` may be postal codes."""

    words: str
    numbers: frozenset[str]
    long_numbers: frozenset[str]


class AddressLikeness(NamedTuple):
    """How alike two addresses are, in percent, and whether they share a number (None: one of them has none)."""

    percent: float
    shares_number: bool | None

    @property
    def is_alike(self) -> bool:
        """Return whether the addresses may be one place."""
        return self.percent >= ALIKE and self.shares_number is not False

    @property
    def is_same(self) -> bool:
        """Return whether the addresses are one place, written differently."""
        return self.percent >= SAME and self.shares_number is not False


@cache
def _load_words() -> Mapping[str, tuple[str, ...]]:
    return tomllib.loads((Path(__file__).parent / "address_words.toml").read_text(encoding="utf-8"))


@cache
def _load_ignored() -> frozenset[str]:
    """Return the words that tell no places apart (``address_words.toml``)."""
    return frozenset(_load_words()["ignored"])


@lru_cache(maxsize=50_000)
def split_address(text: str) -> Address:
    """Return the telling words of an address in Latin letters, and its numbers without leading zeros.

    An address that has only words of ``address_words.toml`` and names of countries keeps them.
    """
    ignored, numerals, countries = _load_ignored(), load_name_words().numerals, load_lexicon().places
    parts = [numerals.get(part, part) for part in PART.findall(anyascii(text).lower())]
    words = sorted({part for part in parts if not part.isdigit() and len(part) > 1})
    telling = [word for word in words if word not in ignored and word not in countries]
    numbers = {part.lstrip("0") for part in parts if part.isdigit()} - {""}
    short = frozenset(number for number in numbers if len(number) < POSTAL)
    return Address(" ".join(telling or words), short, frozenset(numbers - short))


class _Parts(NamedTuple):
    """The telling words and single letters of an address, its short numbers in their order, its long ones, and its post boxes."""

    words: frozenset[str]
    letters: frozenset[str]
    numbers: tuple[str, ...]
    long_numbers: frozenset[str]
    boxes: frozenset[str]


def have_same_parts(one: str, other: str) -> bool:
    """Return whether two addresses have the same telling words in any order, the same single letters, and the same numbers in one
    order; postal codes and post boxes may be missing. Plot 90-C is not plot 90-D, and lot 2 of block 3 not lot 3 of block 2.
    """
    a, b = _list_parts(one), _list_parts(other)
    is_named = bool((a.words or a.letters) and a.numbers)
    return is_named and a[:3] == b[:3] and _may_be_one(a.long_numbers, b.long_numbers) and _may_be_one(a.boxes, b.boxes)


def _may_be_one(some: frozenset[str], others: frozenset[str]) -> bool:
    return not some or not others or some == others


@lru_cache(maxsize=50_000)
def _list_parts(text: str) -> _Parts:
    ignored, numerals = _load_ignored(), load_name_words().numerals
    folded = anyascii(text).lower()
    parts = [numerals.get(part, part) for part in _split(POST_BOX.sub(" ", folded))]
    words = {part for part in parts if not part.isdigit()} - ignored - load_lexicon().places
    numbers = [part.lstrip("0") for part in parts if part.isdigit() and part.strip("0")]
    return _Parts(
        frozenset(word for word in words if len(word) > 1),
        frozenset(word for word in words if len(word) == 1),
        tuple(number for number in numbers if len(number) < POSTAL),
        frozenset(number for number in numbers if len(number) >= POSTAL),
        frozenset(POST_BOX.findall(folded)),
    )


def _split(folded: str) -> Iterator[str]:
    """Yield the words and numbers of an address, words without the ending that says what kind of road it is."""
    for part in PART.findall(ELISION.sub(" ", folded)):
        ending = next((one for one in _load_words()["endings"] if len(part) > len(one) + 2 and part.endswith(one)), "")
        yield part.removesuffix(ending)


class Overlap(NamedTuple):
    """How far two addresses of perhaps one place say the same: whether all numbers are the same, and how many both have."""

    has_same_numbers: bool
    shared_numbers: int


def overlap_addresses(one: str, other: str, place: str = "", other_place: str = "") -> Overlap | None:
    """Return how far two addresses say the same if one has only words and numbers that the other has too; None if each says
    something that the other does not.

    ``place``, ``other_place``: names of the city, region and country that are known beside each; one address may have them.
    """
    a, b = _list_parts(one), _list_parts(other)
    known, other_known = a.words | _list_parts(place).words, b.words | _list_parts(other_place).words
    if not known & other_known or not _may_be_one(a.boxes, b.boxes):
        return None
    if a.long_numbers and b.long_numbers and not a.long_numbers & b.long_numbers:
        return None
    if not _occur_in(a.words, other_known) and not _occur_in(b.words, known):
        return None
    fewer, more = sorted((Counter(a.numbers), Counter(b.numbers)), key=Counter.total)
    if not fewer <= more or not (a.letters <= b.letters or b.letters <= a.letters):
        return None
    if not fewer and not a.words & b.words:
        return None
    has_same_order = a.numbers == b.numbers or len(set(a.numbers)) == 1
    return Overlap(bool(fewer) and fewer == more and has_same_order and a.letters == b.letters, fewer.total())


def may_be_one_city(one: str, other: str) -> bool:
    """Return whether nothing says that two cities are two: one is not known, or they share a word."""
    words, others = _list_parts(one).words, _list_parts(other).words
    return not words or not others or any(compare_words(a, b) > 0 for a, b in product(words, others))


def _occur_in(words: Collection[str], others: Collection[str]) -> bool:
    """Return whether all words occur among others, perhaps with a typing error, or written as two words or as one."""
    missing = set(words) - set(others)
    if not missing:
        return True
    joined = {a + b for a, b in permutations(others, 2)}
    missing -= joined
    missing -= {word for pair in permutations(missing, 2) if "".join(pair) in others for word in pair}
    unmatched = set(others) - set(words)
    return all(any(compare_words(word, other) > 0 for other in unmatched) for word in missing)


def compare_addresses(one: str, other: str) -> AddressLikeness | None:
    """Return how alike two addresses are; None if one of them says nothing.

    Parts are left out or added in another edition of a list, so words that both have count. The numbers of houses and plots
    count; postal codes only where an address has no other number.
    """
    a, b = split_address(one), split_address(other)
    if not (a.words or a.numbers or a.long_numbers) or not (b.words or b.numbers or b.long_numbers):
        return None
    kinds = ((a.numbers, b.numbers), (a.long_numbers, b.long_numbers))
    shares = next((bool(some & others) for some, others in kinds if some and others), None)
    if not a.words or not b.words:
        return AddressLikeness(100.0, True) if shares else None
    percent = max(fuzz.token_set_ratio(a.words, b.words) * 0.95, fuzz.token_sort_ratio(a.words, b.words))
    return AddressLikeness(percent, shares)
