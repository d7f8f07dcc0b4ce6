"""Compare texts: fold a text to what is compared, and find the nearest of some words."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence

from rapidfuzz import fuzz, process
from rapidfuzz.distance import JaroWinkler

SIGNS = {
    "%": "percent",
    "&": "and",
    "#": "number",
    "<": "lessthan",
    "≤": "atmost",
    ">": "morethan",
    "≥": "atleast",
    "+": "plus",
    "№": "number",
}
LETTERS = {"đ": "d", "ð": "d", "ø": "o", "ł": "l", "æ": "ae", "œ": "oe", "þ": "th", "ı": "i", "ħ": "h"}
POINT = re.compile(r"(?<=[0-9])[.,](?=[0-9])")


class Folding(dict[int, str]):
    """What each character is folded to, worked out when it is first met; for ``str.translate``."""

    def __missing__(self, code: int) -> str:
        character = chr(code)
        spread = SIGNS.get(character) or LETTERS.get(character) or unicodedata.normalize("NFKD", character).casefold()
        kept = (
            c for c in spread if not "\u0300" <= c <= "\u036f" and (c.isalnum() or unicodedata.category(c)[0] == "M")
        )
        self[code] = unicodedata.normalize("NFC", "".join(kept))
        return self[code]


FOLDING = Folding()


def fold(text: str) -> str:
    """The text as it is compared: letters, digits and signs that mean something, without case, diacritics, blanks or
    punctuation.

    ``"% Migrant Workers"`` -> ``"percentmigrantworkers"``; a decimal sign is kept as a word, so 1.0 is not 10. A text
    of signs only is itself.
    """
    folded = text.casefold()
    if "." in folded or "," in folded:
        folded = POINT.sub("dot", folded)
    folded = folded.translate(FOLDING)
    return (folded if folded.isascii() else unicodedata.normalize("NFC", folded)) or text.strip()


def alike(text: str, words: Iterable[str], least: float) -> Sequence[str]:
    """Some of the words of four letters and more, the most alike first; ``least``: how alike, from 0 to 1."""
    long = [word for word in words if len(word) > 3]
    folded = fold(text)
    found = [
        word
        for word, _, _ in process.extract(folded, long, scorer=JaroWinkler.similarity, limit=12, score_cutoff=least)
    ]
    return sorted(found, key=lambda word: word[0] != folded[0])  # a first letter is seldom wrong


def nearest(text: str, words: Iterable[str], least: float) -> str | None:
    """The folded word most alike the folded text by edits, if any is at least so alike (0 to 100)."""
    found = process.extractOne(text, words, scorer=fuzz.ratio, score_cutoff=least)
    return found[0] if found else None
