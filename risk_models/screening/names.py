"""How alike two names are: as words without legal forms, in Latin letters, in any order.

Which words are legal forms, which many companies share, is data (``name_words.csv``); what a difference costs, too
(``screening.toml``).
"""

from __future__ import annotations

import csv
import re
import tomllib
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path

from anyascii import anyascii
from rapidfuzz.distance import OSA

SCREENING_FOLDER = Path(__file__).parent
WORD = re.compile("[a-z0-9]+")
DROPPED = str.maketrans("", "", ".'`\"")
AROUND = " \t.,;:-–—/\\«»“”\"'"
LONGEST = 24  # words of a name that are looked at; what is longer is no name


@dataclass(frozen=True)
class Rules:
    """``screening.toml``: see there what each says."""

    at_least: float
    at_least_abroad: float
    common: float
    place: float
    slip: float
    exact_up_to: int
    two_slips_from: int


@cache
def load_rules() -> Rules:
    """The rules in force."""
    return Rules(**tomllib.loads((SCREENING_FOLDER / "screening.toml").read_text(encoding="utf-8")))


@dataclass(frozen=True)
class Lexicon:
    """``name_words.csv``: legal forms as runs of words by their first, the longest first; legal forms of scripts that need
    no blanks; words that join others; and what a word weighs that does not weigh 1.
    """

    forms: Mapping[str, tuple[tuple[str, ...], ...]]
    affixes: tuple[str, ...]
    joiners: frozenset[str]
    weights: Mapping[str, float]


@cache
def load_lexicon() -> Lexicon:
    """The words as they are compared."""
    with (SCREENING_FOLDER / "name_words.csv").open(encoding="utf-8", newline="") as file:
        rows = [(row["word"], row["kind"]) for row in csv.DictReader(file)]
    forms: dict[str, list[tuple[str, ...]]] = {}
    for word, kind in rows:
        if kind == "form":
            forms.setdefault(word.split()[0], []).append(tuple(word.split()))
    weigh = {"common": load_rules().common, "place": load_rules().place}
    affixes = {_plain(word) for word, kind in rows if kind == "affix"}
    return Lexicon(
        {first: tuple(sorted(runs, key=len, reverse=True)) for first, runs in forms.items()},
        tuple(sorted(affixes, key=lambda affix: (-len(affix), affix))),
        frozenset(word for word, kind in rows if kind == "joiner"),
        {word: weigh[kind] for word, kind in rows if kind in weigh},
    )


def _plain(text: str) -> str:
    return unicodedata.normalize("NFKC", text).casefold().strip(AROUND)


def split_name(name: str) -> tuple[str, ...]:
    """The words of a name as they are compared: "บริษัท Blue Pier Foods จำกัด" and "BLUE PIER FOODS Co., Ltd." are both
    (blue, pier, foods).

    A name of legal forms alone keeps them; one without letters and digits has no words.
    """
    plain = _plain(name)
    latin = anyascii(_without_affixes(plain) or plain).lower().translate(DROPPED)
    found = _letters_joined(WORD.findall(latin)[:LONGEST])
    return tuple(_without_forms(found) or found)


def _without_affixes(text: str) -> str:
    if text.isascii():
        return text
    cut = True
    while cut:
        cut = False
        for affix in load_lexicon().affixes:
            shorter = text.removeprefix(affix).removesuffix(affix).strip(AROUND)
            cut = cut or shorter != text
            text = shorter
    return text


def _letters_joined(found: Sequence[str]) -> list[str]:
    """Single letters in a row are one word: S. A. is SA."""
    joined: list[str] = []
    single = False
    for word in found:
        letter = len(word) == 1 and word.isalpha()
        if letter and single:
            joined[-1] += word
        else:
            joined.append(word)
        single = letter
    return joined


def _without_forms(found: Sequence[str]) -> list[str]:
    known = load_lexicon()
    kept: list[str] = []
    at = 0
    while at < len(found):
        run = next((run for run in known.forms.get(found[at], ()) if tuple(found[at : at + len(run)]) == run), ())
        if not run and found[at] not in known.joiners:
            kept.append(found[at])
        at += len(run) or 1
    return kept


def get_word_weight(word: str) -> float:
    """How much a word tells of whose name it is in."""
    return load_lexicon().weights.get(word, 1.0)


def compare_words(a: str, b: str) -> float:
    """How far two words agree, 0 to 1: 1 where they are equal, 0 where more differs than a slip."""
    if a == b:
        return 1.0
    rule = load_rules()
    shortest, longest = sorted((len(a), len(b)))
    if shortest <= rule.exact_up_to or has_digit(a) or has_digit(b):
        return 0.0
    allowed = 2 if shortest >= rule.two_slips_from else 1
    distance = OSA.distance(a, b, score_cutoff=allowed)
    return 1.0 - rule.slip * distance / longest if distance <= allowed else 0.0


def has_digit(word: str) -> bool:
    """Whether a word is a number or holds one: such words agree only when equal."""
    return any(map(str.isdigit, word))


@dataclass(frozen=True)
class NameSimilarity:
    """How alike two names are, 0 to 1, and the pairs of words that agree, in the order of the first name."""

    score: float
    agreed: tuple[tuple[str, str], ...]


def compare_names(a: Sequence[str], b: Sequence[str]) -> NameSimilarity:
    """How alike two names are, as words: the weight of the words that agree, of the weight of all.

    Two neighbours that are one word in the other name agree with it. Names that both hold numbers, and not the same, are
    not alike: Star 8 is not Star 9.
    """
    numbers = [{word for word in one if has_digit(word)} for one in (a, b)]
    total = sum(map(get_word_weight, a)) + sum(map(get_word_weight, b))
    if not total or (all(numbers) and numbers[0] != numbers[1]):
        return NameSimilarity(0.0, ())
    if len(a) != len(b) and "".join(a) == "".join(b):
        return NameSimilarity(1.0, ((" ".join(a), " ".join(b)),))
    pairs: list[tuple[float, tuple[int, ...], tuple[int, ...]]] = [
        (agreed, (i,), (j,))
        for i, one in enumerate(a)
        for j, other in enumerate(b)
        if (agreed := compare_words(one, other))
    ]
    joined = {x + y: (i, i + 1) for i, (x, y) in enumerate(pairwise(a))}
    pairs += [(1.0, joined[other], (j,)) for j, other in enumerate(b) if other in joined]
    joined = {x + y: (j, j + 1) for j, (x, y) in enumerate(pairwise(b))}
    pairs += [(1.0, (i,), joined[one]) for i, one in enumerate(a) if one in joined]
    pairs.sort(key=lambda pair: (-pair[0], -len(pair[1]) - len(pair[2]), pair[1], pair[2]))
    used_a: set[int] = set()
    used_b: set[int] = set()
    agreeing = 0.0
    chosen: list[tuple[tuple[int, ...], tuple[int, ...]]] = []
    for agreed, of_a, of_b in pairs:
        if used_a.isdisjoint(of_a) and used_b.isdisjoint(of_b):
            used_a.update(of_a)
            used_b.update(of_b)
            agreeing += agreed * (sum(get_word_weight(a[i]) for i in of_a) + sum(get_word_weight(b[j]) for j in of_b))
            chosen.append((of_a, of_b))
    chosen.sort()
    told = tuple((" ".join(a[i] for i in of_a), " ".join(b[j] for j in of_b)) for of_a, of_b in chosen)
    return NameSimilarity(min(1.0, agreeing / total), told)
