"""Compare two names as words in Latin letters, in any order and without legal forms.

The legal forms and the words shared by many companies are data (``name_words.csv``), as are the costs of differences
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
IGNORED_SIGNS = str.maketrans("", "", ".'`\"")
SURROUNDING_SIGNS = " \t.,;:-–—/\\«»“”\"'"
MESSRS = re.compile(r"^m/s\b")  # as firms in South Asia write it before their names
MAX_WORDS = 24  # the maximum number of words that are compared; a longer text is not a name


@dataclass(frozen=True)
class ScreeningRules:
    """The parameters in ``screening.toml``, where each is explained."""

    at_least: float
    at_least_abroad: float
    common: float
    place: float
    slip: float
    exact_up_to: int
    two_slips_from: int


@cache
def load_screening_rules() -> ScreeningRules:
    """Return the parameters in force."""
    return ScreeningRules(**tomllib.loads((SCREENING_FOLDER / "screening.toml").read_text(encoding="utf-8")))


@dataclass(frozen=True)
class Lexicon:
    """The words of ``name_words.csv``.

    ``forms``: legal forms, as sequences of words by their first word, the longest first; ``affixes``: legal forms in scripts
    without spaces; ``joiners``: words that join others; ``places``: names of countries; ``weights``: of words with a weight
    other than 1.
    """

    forms: Mapping[str, tuple[tuple[str, ...], ...]]
    affixes: tuple[str, ...]
    joiners: frozenset[str]
    places: frozenset[str]
    weights: Mapping[str, float]


@cache
def load_lexicon() -> Lexicon:
    """Return the words of ``name_words.csv``, in the form in which they are compared."""
    with (SCREENING_FOLDER / "name_words.csv").open(encoding="utf-8", newline="") as file:
        rows = [(row["word"], row["kind"]) for row in csv.DictReader(file)]
    forms: dict[str, list[tuple[str, ...]]] = {}
    for word, kind in rows:
        if kind == "form":
            forms.setdefault(word.split()[0], []).append(tuple(word.split()))
    weight_by_kind = {"common": load_screening_rules().common, "place": load_screening_rules().place}
    affixes = {_fold(word) for word, kind in rows if kind == "affix"}
    return Lexicon(
        {first: tuple(sorted(runs, key=len, reverse=True)) for first, runs in forms.items()},
        tuple(sorted(affixes, key=lambda affix: (-len(affix), affix))),
        frozenset(word for word, kind in rows if kind == "joiner"),
        frozenset(word for word, kind in rows if kind == "place"),
        {word: weight_by_kind[kind] for word, kind in rows if kind in weight_by_kind},
    )


def _fold(text: str) -> str:
    return unicodedata.normalize("NFKC", text).casefold().strip(SURROUNDING_SIGNS)


def split_name(name: str) -> tuple[str, ...]:
    """Split a name into the words by which it is compared.

    "บริษัท Blue Pier Foods จำกัด" and "BLUE PIER FOODS Co., Ltd." both give (blue, pier, foods). A name that consists only of
    legal forms keeps them; a name without letters or digits gives no words.
    """
    folded = _fold(name)
    words = _find_words(_strip_affixes(folded) or folded)
    return tuple(_remove_legal_forms(words) or words)


def list_words(name: str) -> list[str]:
    """List all words of a name in Latin letters, with those of its legal form."""
    return _find_words(_fold(name))


def _find_words(folded: str) -> list[str]:
    latin = anyascii(MESSRS.sub("messrs", folded)).lower().translate(IGNORED_SIGNS)
    return _join_single_letters(WORD.findall(latin)[:MAX_WORDS])


def _strip_affixes(text: str) -> str:
    if text.isascii():
        return text
    affixes = load_lexicon().affixes
    while text.startswith(affixes) or text.endswith(affixes):
        for affix in affixes:
            text = text.removeprefix(affix).removesuffix(affix).strip(SURROUNDING_SIGNS)
    return text


def _join_single_letters(words: Sequence[str]) -> list[str]:
    """Join consecutive single letters into one word: S. A. becomes SA."""
    result: list[str] = []
    previous_is_letter = False
    for word in words:
        is_letter = len(word) == 1 and word.isalpha()
        if is_letter and previous_is_letter:
            result[-1] += word
        else:
            result.append(word)
        previous_is_letter = is_letter
    return result


def _remove_legal_forms(words: Sequence[str]) -> list[str]:
    lexicon = load_lexicon()
    result: list[str] = []
    i = 0
    while i < len(words):
        form = next((form for form in lexicon.forms.get(words[i], ()) if tuple(words[i : i + len(form)]) == form), ())
        if not form and words[i] not in lexicon.joiners:
            result.append(words[i])
        i += len(form) or 1
    return result


def get_word_weight(word: str) -> float:
    """Return how distinctive a word is in a name: 1 for most words, less for common words and place names."""
    return load_lexicon().weights.get(word, 1.0)


def compare_words(a: str, b: str) -> float:
    """Return how far two words agree: 1 if they are equal, 0 if they differ by more than a typing error, otherwise a value in
    between."""
    if a == b:
        return 1.0
    rules = load_screening_rules()
    shortest, longest = sorted((len(a), len(b)))
    if shortest <= rules.exact_up_to or has_digit(a) or has_digit(b):
        return 0.0
    allowed = 2 if shortest >= rules.two_slips_from else 1
    distance = OSA.distance(a, b, score_cutoff=allowed)
    return 1.0 - rules.slip * distance / longest if distance <= allowed else 0.0


def has_digit(word: str) -> bool:
    """Return whether a word contains a digit; such words agree only if they are equal."""
    return any(map(str.isdigit, word))


@dataclass(frozen=True)
class NameSimilarity:
    """The similarity of two names, 0 to 1, and the pairs of words that agree, in the order of the first name."""

    score: float
    agreed: tuple[tuple[str, str], ...]


def compare_names(a: Sequence[str], b: Sequence[str]) -> NameSimilarity:
    """Compare two names given as words: return the weight of the words that agree as a share of the weight of all words.

    Two neighbouring words that are one word in the other name agree with it. Names with different numbers have a similarity of
    0: Star 8 is not Star 9.
    """
    numbers = [{word for word in words if has_digit(word)} for words in (a, b)]
    total = sum(map(get_word_weight, a)) + sum(map(get_word_weight, b))
    if not total or (all(numbers) and numbers[0] != numbers[1]):
        return NameSimilarity(0.0, ())
    if len(a) != len(b) and "".join(a) == "".join(b):
        return NameSimilarity(1.0, ((" ".join(a), " ".join(b)),))
    used_a: set[int] = set()
    used_b: set[int] = set()
    agreeing_weight = 0.0
    chosen: list[tuple[tuple[int, ...], tuple[int, ...]]] = []
    for agreement, in_a, in_b in _list_word_pairs(a, b):
        if used_a.isdisjoint(in_a) and used_b.isdisjoint(in_b):
            used_a.update(in_a)
            used_b.update(in_b)
            weight = sum(get_word_weight(a[i]) for i in in_a) + sum(get_word_weight(b[j]) for j in in_b)
            agreeing_weight += agreement * weight
            chosen.append((in_a, in_b))
    chosen.sort()
    agreed = tuple((" ".join(a[i] for i in in_a), " ".join(b[j] for j in in_b)) for in_a, in_b in chosen)
    return NameSimilarity(min(1.0, agreeing_weight / total), agreed)


def _list_word_pairs(a: Sequence[str], b: Sequence[str]) -> list[tuple[float, tuple[int, ...], tuple[int, ...]]]:
    """Return the pairs of words that agree, best first, with their agreement and positions in each name (two for joined
    words)."""
    pairs: list[tuple[float, tuple[int, ...], tuple[int, ...]]] = [
        (agreement, (i,), (j,))
        for i, word_a in enumerate(a)
        for j, word_b in enumerate(b)
        if (agreement := compare_words(word_a, word_b))
    ]
    joined = {x + y: (i, i + 1) for i, (x, y) in enumerate(pairwise(a))}
    pairs += [(1.0, joined[word], (j,)) for j, word in enumerate(b) if word in joined]
    joined = {x + y: (j, j + 1) for j, (x, y) in enumerate(pairwise(b))}
    pairs += [(1.0, (i,), joined[word]) for i, word in enumerate(a) if word in joined]
    return sorted(pairs, key=lambda pair: (-pair[0], -len(pair[1]) - len(pair[2]), pair[1], pair[2]))
