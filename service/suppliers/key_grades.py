"""Grade what may identify a supplier: what is no number at all, and whether two names can be those of one supplier.

A check-digit identifier (LEI, IMO) identifies one party in the world, a licence or registration number one in its country, the
buyer's reference one of the buyer's suppliers. A remark in place of a number, and a number that lost its last digits in a
spreadsheet, identify nobody (``weak_keys.toml``).
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from functools import cache, lru_cache
from itertools import product
from pathlib import Path
from typing import Any, TypeGuard

from questionnaires.parse.answer import RESERVED_ANSWERS
from risk_models.name_normalize import name_key
from risk_models.screening.names import compare_names, split_name
from service.suppliers.addresses import compare_addresses

WEAK_KEYS = Path(__file__).parent / "weak_keys.toml"
SPREADSHEET_NUMBER = re.compile(r"[0-9][.,][0-9]{1,14}[eE]\+?[0-9]{1,3}|[0-9][eE]\+[0-9]{1,3}", re.ASCII)
ROW_NUMBER = re.compile(r"[1-9][0-9]{0,3}", re.ASCII)  # a reference that may be the number of a row
LOST_DIGITS = "shown by a spreadsheet without its last digits"
NO_DIGIT = "without a digit"
NUMBERED = ("licence_number", "registration_number")  # a number without any digit is a remark in some language
SHORTEST_REMARK = 3  # letters; a shorter reference ("NA", "Y") may be a code of the buyer
PHRASE = 4  # letters from which a phrase counts at the beginning of a longer entry
NAMES = ("name", "name_local", "trade_name")
OTHER = 0.5  # similarity below which two names are those of different companies
NEAR = 0.8  # similarity from which two names are nearly the same


@cache
def _load_remarks() -> Mapping[str, str]:
    """Return the remarks in the form in which they are compared, each with why it identifies nobody."""
    groups = tomllib.loads(WEAK_KEYS.read_text(encoding="utf-8"))["remark"]
    return {name_key(word): group["reason"] for group in groups for word in group["words"]}


def list_remark_keys() -> list[str]:
    """List the remarks in the form in which they are parts of keys."""
    return [key for key in _load_remarks() if key]


@cache
def _load_phrases() -> tuple[tuple[str, str], ...]:
    return tuple((word, why) for word, why in _load_remarks().items() if len(word) >= PHRASE)


@lru_cache(maxsize=100_000)
def find_weakness(question: str, text: str) -> str | None:
    """Return why an entry identifies nobody, in a few words; None if it may identify a supplier."""
    key = name_key(text)
    if not key:
        return NO_DIGIT
    if question == "reference" and key.isascii() and len(key) < SHORTEST_REMARK:
        return None
    if why := _load_remarks().get(key):
        return why
    if SPREADSHEET_NUMBER.fullmatch(text.strip()):
        return LOST_DIGITS
    if question not in NUMBERED:
        return None
    if not any(map(str.isdigit, key)):
        return NO_DIGIT
    # A registration number may begin with letters; a phrase that ends where the digits begin is a remark with a date.
    words = key.rstrip("0123456789")
    return next((why for phrase, why in _load_phrases() if words == phrase), None)


def have_different_names(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Return whether two suppliers are clearly named differently: no name of one resembles one of the other.

    Without a name on either side, and where the names are in different scripts, nothing is clear.
    """
    return _are_all_different(_compare_names(one, other))


def _compare_names(one: Mapping[str, Any], other: Mapping[str, Any]) -> list[float | None]:
    """Return the similarity of each name of one supplier to each of another."""
    return [_compare(a, b) for a, b in product(_list_names(one), _list_names(other))]


def _are_all_different(similarities: Sequence[float | None]) -> bool:
    return bool(similarities) and all(similarity is not None and similarity < OTHER for similarity in similarities)


def _list_names(answers: Mapping[str, Any]) -> list[str]:
    return [text for question in NAMES if _is_name(text := answers.get(question))]


def _is_name(text: Any) -> TypeGuard[str]:
    return isinstance(text, str) and text not in RESERVED_ANSWERS and bool(name_key(text))


def may_be_another(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Return whether two suppliers with one number may be two: they are clearly named differently, or their names are only
    partly alike and their addresses are those of different places. Numbers of lists are given away again, and row numbers are
    taken for references.
    """
    if any(one.get(question) == other.get(question) and _is_name(one.get(question)) for question in NAMES):
        return False
    similarities = _compare_names(one, other)
    if _are_all_different(similarities):
        return True
    if not similarities or any(similarity is None or similarity >= NEAR for similarity in similarities):
        return False
    return have_different_places(one, other)


def have_different_places(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Return whether both suppliers have an address, and these are not alike."""
    texts = [one.get("address"), other.get("address")]
    if not all(isinstance(text, str) and text not in RESERVED_ANSWERS for text in texts):
        return False
    likeness = compare_addresses(*map(str, texts))
    return likeness is not None and not likeness.is_alike


def is_other_name(one: str, other: str) -> bool:
    """Return whether two names are clearly those of different companies: in one script, with hardly a word in common."""
    similarity = _compare(one, other)
    return similarity is not None and similarity < OTHER


@lru_cache(maxsize=100_000)
def _compare(one: str, other: str) -> float | None:
    """Return the similarity of two names, 0 to 1; None for names in different scripts, which cannot be compared."""
    if name_key(one) == name_key(other):
        return 1.0
    if is_latin(one) != is_latin(other):
        return None
    return compare_names(split_name(one), split_name(other)).score


def is_latin(text: str) -> bool:
    """Return whether a text has Latin letters."""
    return any("a" <= letter <= "z" for letter in text.casefold())


def share_several_names(rows: Iterable[Mapping[str, Any]]) -> bool:
    """Return whether rows with one number are named clearly differently."""
    different: dict[tuple[str, ...], Mapping[str, Any]] = {}
    for row in rows:
        different.setdefault(tuple(_list_names(row)), row)
    named = [row for names, row in different.items() if names]
    return any(have_different_names(named[0], row) for row in named[1:])
