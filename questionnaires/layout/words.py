"""The words by which a row shows that it is no supplier, or that it repeats the row above (``lists/layout.toml``)."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache

from questionnaires.lookups import LISTS_DIR
from questionnaires.text_normalize import fold_text


@dataclass(frozen=True)
class LayoutWords:
    """``lists/layout.toml`` and the words for sums of ``lists/words.toml``, folded and compiled.

    ``dittos``: every spelling of a mark or word for the cell above; ``short_dittos``: those that may also be the code of a
    country. ``sums``: what begins or ends a row of a sum, in small letters. ``labels``: the question by the label of a heading.
    ``short_countries``: names of sheets that are countries, in capital letters; ``around_countries``: words beside a country.
    """

    dittos: frozenset[str]
    short_dittos: frozenset[str]
    sums: re.Pattern[str]
    totals: frozenset[str]
    subtotals: frozenset[str]
    counted: frozenset[str]
    notes: frozenset[str]
    guidance: frozenset[str]
    pages: re.Pattern[str]
    nothing_listed: frozenset[str]
    world_regions: frozenset[str]
    headings: frozenset[str]
    short_countries: frozenset[str]
    around_countries: frozenset[str]
    labels: Mapping[str, str]
    examples: frozenset[str]
    company_forms: frozenset[str]
    kind_columns: frozenset[str]
    kinds: Mapping[str, str]


@cache
def load_layout_words() -> LayoutWords:
    """Load the words of ``lists/layout.toml`` and the sums of ``lists/words.toml``."""
    data = tomllib.loads((LISTS_DIR / "layout.toml").read_text(encoding="utf-8"))
    totals = tomllib.loads((LISTS_DIR / "words.toml").read_text(encoding="utf-8"))["totals"]
    dittos = frozenset(data["ditto_signs"]) | _list_spellings(data["ditto"])
    sums = "|".join(map(re.escape, sorted((*totals, *data["subtotals"]), key=len, reverse=True)))
    page, of = ("|".join(map(re.escape, sorted(data[name], key=len, reverse=True))) for name in ("pages", "page_of"))
    number = r"[0-9]{1,5}"
    return LayoutWords(
        dittos=dittos,
        short_dittos=frozenset(text for text in dittos if text.isalpha() and text.isascii() and len(text) <= 3),
        sums=re.compile(rf"\W{{0,3}}(?:{sums})(?!\w)|.{{1,60}}?\W(?:{sums})\W{{0,3}}\Z"),
        totals=_fold(totals),
        subtotals=_fold(data["subtotals"]),
        counted=_fold(data["counted"]),
        notes=_fold(data["notes"]),
        guidance=_fold(data["guidance"]),
        pages=re.compile(
            rf"\W{{0,3}}(?:(?:{page})[\s.:]{{0,3}}{number}(?:\s?(?:{page}))?|{number}\s?(?:{page}))"
            rf"(?:\s?(?:{of})\s?{number})?\W{{0,3}}"
            rf"|{number}\s?(?:/|of|von|de)\s?{number}|[-–—]\s?{number}\s?[-–—]"
        ),
        nothing_listed=_fold(data["nothing_listed"]),
        world_regions=_fold(data["world_regions"]),
        headings=_fold(data["headings"]),
        short_countries=frozenset(data["short_countries"]),
        around_countries=_fold(data["around_countries"]),
        labels={fold_text(word): question for question, words in data["section_labels"].items() for word in words},
        examples=_fold(data["examples"]),
        company_forms=_fold(data["company_forms"]),
        kind_columns=_fold(data["kind_columns"]),
        kinds={fold_text(word): kind for kind, words in data["kind_words"].items() for word in words},
    )


def _fold(words: Iterable[str]) -> frozenset[str]:
    return frozenset(map(fold_text, words))


def _list_spellings(words: Iterable[str]) -> frozenset[str]:
    """List the ways to write words: in small and capital letters, in brackets or between hyphens, with a full stop or without."""
    cased = {
        spelling for word in words for spelling in (word, word.lower(), word.upper(), word.capitalize(), word.title())
    }
    return frozenset(
        form
        for text in cased
        for form in (text, f"{text}.", f"-{text}-", f"- {text} -", f"({text})", f"“{text}”", f'"{text}"', f"{text} ")
    )
