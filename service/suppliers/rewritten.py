"""Match the rows of a new edition of a list with the suppliers of the edition before it, although it writes them in another way.

A name without its legal form, or an address in another order, is not enough by itself: two companies may share both. The two
editions say more. A supplier that is gone from the list and a row that is new on it are one if nothing contradicts it, and if
neither could be anybody else on either list.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Hashable, Mapping, Sequence
from enum import IntEnum
from itertools import product
from math import cos, hypot, radians
from typing import Any, TypeVar

from babel import Locale
from rapidfuzz.distance import OSA

from risk_models.name_normalize import name_key
from service.suppliers.addresses import compare_addresses, may_be_one_city, overlap_addresses
from service.suppliers.likeness import have_other_numbers, list_names
from service.suppliers.spelling import find_company_kind, get_core, list_joining_words

Answers = Mapping[str, Any]
Key = TypeVar("Key", bound=Hashable)
OTHER_REGISTERS = ("tax_number", "duns")  # numbers of which a company has one, though no supplier is stored under them
NEAR_KM, FAR_KM = 1.0, 25.0  # up to which coordinates are one place, and from which they are two
KM_PER_DEGREE = 111.2
SLIP_FROM = 5  # letters of a word from which one slip leaves it the same word
SINGULAR_FROM = 5


class Match(IntEnum):
    """How well a row matches a supplier: ``POSSIBLE`` is a question for a person; ``ONLY_SITE`` is certain if the company has no
    other site on either list and nobody else matches; ``ONLY_MATCH`` is certain if nobody else matches.
    """

    NONE = 0
    POSSIBLE = 1
    ONLY_SITE = 2
    ONLY_MATCH = 3


def match_rewritten(
    rows: Mapping[int, Answers],
    stored: Mapping[str, Answers],
    candidates: Mapping[int, Collection[str]],
    taken: tuple[Collection[int], Collection[str]] = ((), ()),
) -> dict[int, str]:
    """Return the ids of the suppliers that rows of a new edition are about beyond doubt, by the positions of the rows.

    ``rows``, ``stored``: the two editions, as far as the companies of the rows are concerned; ``candidates``: the suppliers that
    each row may be about; ``taken``: the rows that name a stored supplier by themselves, and these suppliers. They can only be
    somebody else, who makes a match doubtful.
    """
    taken_rows, taken_ids = (frozenset(some) for some in taken)
    found = [
        (position, one, match)
        for position, ids in candidates.items()
        for one in ids
        if position not in taken_rows and (match := compare_rewritten(rows[position], stored[one])) != Match.NONE
    ]
    of_row, of_stored = Counter(position for position, _, _ in found), Counter(one for _, one, _ in found)
    sites = _list_sites(rows), _list_sites(stored)
    result = {}
    for position, one, match in found:
        row, supplier = rows[position], stored[one]
        if match == Match.POSSIBLE or one in taken_ids or of_row[position] > 1 or of_stored[one] > 1:
            continue
        others = {at for company in _list_companies(supplier) for at in sites[0].get(company, ())} - {position}
        others_stored = {at for company in _list_companies(row) for at in sites[1].get(company, ())} - {one}
        is_rivalled = any(compare_rewritten(rows[at], supplier) for at in others & taken_rows)
        if not is_rivalled and (match == Match.ONLY_MATCH or not (others or others_stored)):
            result[position] = one
    return result


def _list_sites(edition: Mapping[Key, Answers]) -> dict[tuple[str, str], set[Key]]:
    """Return the suppliers of each company of an edition, by country and name."""
    sites: dict[tuple[str, str], set[Key]] = {}
    for key, answers in edition.items():
        for company in _list_companies(answers):
            sites.setdefault(company, set()).add(key)
    return sites


def _list_companies(answers: Answers) -> set[tuple[str, str]]:
    country = str(answers.get("country") or "")
    return {(country, "".join(sorted(map(_to_singular, get_core(name))))) for name in list_names(answers)}


def compare_rewritten(row: Answers, stored: Answers) -> Match:
    """Return how well a row of a new edition matches a supplier of the edition before."""
    if not row.get("country") or row.get("country") != stored.get("country") or _are_two(row, stored):
        return Match.NONE
    pairs = list(product(list_names(row), list_names(stored)))
    is_same = any(_is_same_core(get_core(one), get_core(other)) for one, other in pairs)
    if not is_same and not any(_is_slip(get_core(one), get_core(other)) for one, other in pairs):
        return Match.NONE
    place = _compare_places(row, stored)
    is_sure = any(_may_be_one(one, other) for one, other in pairs) and (is_same or place == Match.ONLY_MATCH)
    return place if is_sure else min(place, Match.POSSIBLE)


def _are_two(one: Answers, other: Answers) -> bool:
    """Return whether a number, or places far apart, say that two suppliers are two."""
    numbers = [(name_key(str(one.get(q) or "")), name_key(str(other.get(q) or ""))) for q in OTHER_REGISTERS]
    distance = _measure_distance(one, other)
    far = distance is not None and distance > FAR_KM
    return far or any(a and b and a != b for a, b in numbers) or have_other_numbers(one, other)


def _measure_distance(one: Answers, other: Answers) -> float | None:
    """Return how far two suppliers are apart, in km; None unless both have coordinates."""
    values = [answers.get(question) for answers in (one, other) for question in ("latitude", "longitude")]
    if not all(isinstance(value, int | float) for value in values):
        return None
    a, b, c, d = map(float, values)  # type: ignore[arg-type]
    return KM_PER_DEGREE * hypot(a - c, (b - d) * cos(radians((a + c) / 2)))


def _compare_places(one: Answers, other: Answers) -> Match:
    """Return how certain a match of two suppliers of the same name is by their places."""
    addresses, cities = ([_text(answers, question) for answers in (one, other)] for question in ("address", "city"))
    if not all(addresses):
        return Match.ONLY_SITE if all(cities) and name_key(cities[0]) == name_key(cities[1]) else Match.POSSIBLE
    overlap = overlap_addresses(addresses[0], addresses[1], _name_place(one), _name_place(other))
    likeness = compare_addresses(*addresses)
    if overlap is None and (likeness is None or not likeness.is_alike):
        return Match.NONE
    if not may_be_one_city(*cities):
        return Match.POSSIBLE
    if overlap is not None:
        return Match.ONLY_MATCH if overlap.has_same_numbers or overlap.shared_numbers else Match.ONLY_SITE
    return Match.ONLY_SITE if _is_supported(one, other) else Match.POSSIBLE


def _name_place(answers: Answers) -> str:
    """Return the names of the place that a list may give beside an address, or in it."""
    country = Locale("en").territories.get(str(answers.get("country")), "")
    return " ".join((_text(answers, "city"), _text(answers, "region"), country))


def _is_supported(one: Answers, other: Answers) -> bool:
    """Return whether more than names and addresses says that two suppliers are one."""
    distance = _measure_distance(one, other)
    same = [
        question
        for question in ("postal_code", "parent", "product", "workers_total")
        if one.get(question) and _fold(one[question]) == _fold(other.get(question))
    ]
    return (distance is not None and distance <= NEAR_KM) or "postal_code" in same or len(same) > 1


def _text(answers: Answers, question: str) -> str:
    value = answers.get(question)
    return value if isinstance(value, str) else ""


def _fold(value: Any) -> Any:
    return name_key(value) if isinstance(value, str) else value


def _may_be_one(one: str, other: str) -> bool:
    """Return whether two names may be one as far as legal forms and joining words go: a public and a private company are two."""
    kinds = find_company_kind(one), find_company_kind(other)
    return (kinds[0] == kinds[1] or None in kinds) and list_joining_words(one) == list_joining_words(other)


def _is_same_core(one: Sequence[str], other: Sequence[str]) -> bool:
    a, b = sorted(map(_to_singular, one)), sorted(map(_to_singular, other))
    return a == b or "".join(map(_to_singular, one)) == "".join(map(_to_singular, other))


def _to_singular(word: str) -> str:
    """Return a word without the s that lists add and leave out: garment, garments."""
    return word[:-1] if len(word) > SINGULAR_FROM and word.endswith("s") and not word.endswith("ss") else word


def _is_slip(one: Sequence[str], other: Sequence[str]) -> bool:
    """Return whether two names differ in one letter of one word."""
    a, b = Counter(map(_to_singular, one)), Counter(map(_to_singular, other))
    left, right = list((a - b).elements()), list((b - a).elements())
    if len(left) != 1 or len(right) != 1 or any(map(str.isdigit, left[0] + right[0])):
        return False
    return min(len(left[0]), len(right[0])) >= SLIP_FROM and OSA.distance(left[0], right[0], score_cutoff=1) <= 1
