"""Compare addresses, which hardly two lists write alike: by their telling words in any order, and by their numbers."""

from __future__ import annotations

import re
import tomllib
from functools import cache, lru_cache
from pathlib import Path
from typing import NamedTuple

from anyascii import anyascii
from rapidfuzz import fuzz

from risk_models.screening.names import load_lexicon
from service.suppliers.spelling import load_name_words

PART = re.compile(r"[a-z]+|[0-9]+")
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
def _load_ignored() -> frozenset[str]:
    """Return the words that tell no places apart (``address_words.toml``)."""
    data = tomllib.loads((Path(__file__).parent / "address_words.toml").read_text(encoding="utf-8"))
    return frozenset(data["ignored"])


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


def have_same_parts(one: str, other: str) -> bool:
    """Return whether two addresses have the same telling words in any order, the same single letters, and the same numbers in one
    order; postal codes may be missing. Plot 90-C is not plot 90-D, and lot 2 of block 3 not lot 3 of block 2.
    """
    words, numbers, postal = _list_parts(one)
    other_words, other_numbers, other_postal = _list_parts(other)
    same = (words, numbers) == (other_words, other_numbers)
    return bool(words and numbers) and same and (not postal or not other_postal or postal == other_postal)


@lru_cache(maxsize=50_000)
def _list_parts(text: str) -> tuple[frozenset[str], tuple[str, ...], frozenset[str]]:
    """Return the telling words and single letters of an address, its short numbers in their order, and its long ones."""
    ignored, numerals = _load_ignored(), load_name_words().numerals
    parts = [numerals.get(part, part) for part in PART.findall(anyascii(text).lower())]
    words = {part for part in parts if not part.isdigit()} - ignored - load_lexicon().places
    numbers = [part.lstrip("0") for part in parts if part.isdigit() and part.strip("0")]
    return (
        frozenset(words),
        tuple(number for number in numbers if len(number) < POSTAL),
        frozenset(number for number in numbers if len(number) >= POSTAL),
    )


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
