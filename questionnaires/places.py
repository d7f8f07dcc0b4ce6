"""Recognise the regions of countries that a text names (``lists/region.csv``)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import NamedTuple

from questionnaires.lookups import Region, load_countries, load_regions
from questionnaires.text_normalize import fold_text

WORD = re.compile(r"[^\W_]+")
UNSPACED = re.compile("[\u3400-\u9fff]")
PARTS = re.compile(r"[,;/()|、，；（）]")
# What makes a name that of a street, which may be in any city: Canton Road is in Hong Kong.
STREETS = frozenset("road rd street st avenue ave boulevard lane lu jie dadao".split())
DIRECTIONS = frozenset("north south east west middle central".split())
NO_STREET = "(?![东南西北中東]{0,2}(?:路|街|大道|道|巷))"


class RegionIndex(NamedTuple):
    """Regions by the folded words of their names, those with names written without blanks, and the most words of a name."""

    by_words: Mapping[tuple[str, ...], Region]
    by_unspaced: Sequence[tuple[re.Pattern[str], Region]]
    longest: int


@cache
def build_region_index(*, with_places: bool) -> RegionIndex:
    """Build the index of the listed regions, of their own names or also of the places in them."""
    by_words: dict[tuple[str, ...], Region] = {}
    by_unspaced = []
    for region in load_regions():
        for name in (*region.names, *(region.places if with_places else ())):
            if UNSPACED.search(name):
                by_unspaced.append((re.compile(re.escape(name) + NO_STREET), region))
            else:
                by_words[split_words(name)] = region
    return RegionIndex(by_words, by_unspaced, max(map(len, by_words)))


def split_words(text: str) -> tuple[str, ...]:
    """Return the folded words of a text."""
    if text.isascii():
        return tuple(WORD.findall(text.casefold()))
    return tuple(map(fold_text, WORD.findall(text)))


def find_regions(text: str, *, with_places: bool) -> tuple[Region, ...]:
    """Return the listed regions that a text names, by their own names or also, ``with_places``, by the places in them."""
    return tuple(dict.fromkeys(_iter_regions(text, build_region_index(with_places=with_places))))


def names_region_that_outweighs_all(text: object, country: object) -> bool:
    """Return whether an answer on the place names a listed region that counts over any other place (``lists/region.csv``).

    A city in it is such a name only in a row of its country: elsewhere, cities of the same name are too common.
    """
    named = find_regions(text, with_places=True) if isinstance(text, str) else ()
    own = find_regions(text, with_places=False) if isinstance(text, str) else ()
    return any(region.outweighs_all and (region in own or region.country == country) for region in named)


def find_region_named_as_country(text: str) -> Region | None:
    """Return the region that a text gives as a country; None if it names none, several, or another country beside it."""
    found = find_regions(text, with_places=False)
    countries = {load_countries().find(part) for part in PARTS.split(text)} - {None}
    return found[0] if len(found) == 1 and countries <= {found[0].country} else None


def _iter_regions(text: str, index: RegionIndex) -> Iterator[Region]:
    words = split_words(text)
    for start in range(len(words)):
        for end in range(start + 1, min(start + index.longest, len(words)) + 1):
            region = index.by_words.get(words[start:end])
            if region is not None and not _is_street(words[end : end + 2]):
                yield region
    if UNSPACED.search(text):
        yield from (region for name, region in index.by_unspaced if name.search(text))


def _is_street(words: Sequence[str]) -> bool:
    """Return whether the words after a name make it that of a street."""
    return bool(words) and (words[0] in STREETS or (words[0] in DIRECTIONS and words[-1] in STREETS))
