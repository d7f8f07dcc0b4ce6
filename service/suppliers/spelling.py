"""Spell names in one way: abbreviations, Roman numbers, and words for a site of a company (``name_words.toml``)."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from functools import cache, lru_cache
from pathlib import Path
from typing import NamedTuple

from risk_models.screening.names import list_words, load_lexicon, split_name


class NameWords(NamedTuple):
    """The words of ``name_words.toml``, where each table is explained."""

    site_words: frozenset[str]
    remarks: tuple[str, ...]
    formerly: tuple[str, ...]
    small_words: frozenset[str]
    numerals: Mapping[str, str]
    legal_forms: Mapping[str, str]
    abbreviations: Mapping[str, str]
    company_kinds: Mapping[str, tuple[str, ...]]


@cache
def load_name_words() -> NameWords:
    """Return the words that are written in several ways."""
    data = tomllib.loads((Path(__file__).parent / "name_words.toml").read_text(encoding="utf-8"))
    site_words, remarks, formerly = (data.pop(name) for name in ("site_words", "remarks", "formerly"))
    small_words = frozenset(data.pop("small_words"))
    return NameWords(frozenset(site_words), tuple(remarks), tuple(formerly), small_words, **data)


@cache
def _compile_formerly() -> re.Pattern[str]:
    words = "|".join(map(re.escape, load_name_words().formerly))
    return re.compile(rf"[\s(\[,;-]+(?:{words})[\s:.]+", re.IGNORECASE)


@cache
def _compile_remarks() -> re.Pattern[str]:
    words = "|".join(word.replace(" ", r"\W+") for word in load_name_words().remarks)
    return re.compile(rf"\s*(?:\(\s*(?:{words})\s*\)|[-–,]\s*(?:{words})\s*$)", re.IGNORECASE)


@lru_cache(maxsize=100_000)
def list_known_names(name: str) -> tuple[str, ...]:
    """Return a name without remarks such as "(Head Office)", and the names that it says the company had earlier."""
    names = (_compile_remarks().sub("", one).strip(" *") for one in _compile_formerly().split(name))
    return tuple(one if "(" in one else one.rstrip(") ") for one in names if one) or (name,)


@lru_cache(maxsize=100_000)
def spell_out(name: str) -> str:
    """Return a whole name in Latin letters, with the abbreviations of its legal form written out."""
    forms = load_name_words().legal_forms
    return " ".join(filter(None, (forms.get(word, word) for word in list_words(name))))


@lru_cache(maxsize=100_000)
def get_core(name: str) -> tuple[str, ...]:
    """Return the words of a name that tell companies apart: without legal forms, the country that a branch adds, and words for a
    site; with its numbers.
    """
    known = load_name_words()
    spelt = [known.numerals.get(word) or known.abbreviations.get(word, word) for word in split_name(name)]
    core = [word for word in spelt if word not in load_lexicon().places and word not in known.site_words]
    return tuple(core or spelt)


@cache
def _list_company_kinds() -> list[tuple[str, str]]:
    kinds = load_name_words().company_kinds
    return sorted(((form, kind) for kind, forms in kinds.items() for form in forms), key=lambda one: -len(one[0]))


@lru_cache(maxsize=100_000)
def find_company_kind(name: str) -> str | None:
    """Return the kind of company by the legal form in a name: "partnership", "private" or "public"; None if it says none."""
    spelt, folded = f" {spell_out(name)} ", name.casefold()
    return next(
        (kind for form, kind in _list_company_kinds() if (f" {form} " in spelt if form.isascii() else form in folded)),
        None,
    )


@lru_cache(maxsize=100_000)
def list_joining_words(name: str) -> frozenset[str]:
    """Return the words of a name that join others in some language and may be names in another: van, von."""
    return load_lexicon().joiners.intersection(list_words(name)) - load_name_words().small_words
