"""Compare texts: fold a text to the form that is compared, and find similar words."""

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


class FoldingTable(dict[int, str]):
    """What each character is folded to, computed at its first use; for ``str.translate``."""

    def __missing__(self, code: int) -> str:
        character = chr(code)
        folded = SIGNS.get(character) or LETTERS.get(character) or unicodedata.normalize("NFKD", character).casefold()
        significant = (
            c for c in folded if not "\u0300" <= c <= "\u036f" and (c.isalnum() or unicodedata.category(c)[0] == "M")
        )
        self[code] = unicodedata.normalize("NFC", "".join(significant))
        return self[code]


FOLDING = FoldingTable()


def fold_text(text: str) -> str:
    """Return the text in the form that is compared: letters, digits and meaningful signs, without case, diacritics, blanks or
    punctuation.

    ``"% Migrant Workers"`` -> ``"percentmigrantworkers"``; a decimal sign becomes a word, so that 1.0 is not 10. A text of
    punctuation only is returned as it is.
    """
    folded = text.casefold()
    if "." in folded or "," in folded:
        folded = POINT.sub("dot", folded)
    folded = folded.translate(FOLDING)
    return (folded if folded.isascii() else unicodedata.normalize("NFC", folded)) or text.strip()


def find_similar(text: str, words: Iterable[str], min_similarity: float) -> Sequence[str]:
    """Return at most twelve folded words (of four letters and more) similar to a text, best first; similarity is 0 to 1."""
    long_words = [word for word in words if len(word) > 3]
    folded = fold_text(text)
    matches = process.extract(folded, long_words, scorer=JaroWinkler.similarity, limit=12, score_cutoff=min_similarity)
    return sorted(
        (word for word, _, _ in matches), key=lambda word: word[0] != folded[0]
    )  # the first letter is rarely wrong


def find_nearest(text: str, words: Iterable[str], min_similarity: float) -> str | None:
    """Return the folded word nearest to a folded text by edits, or None if none is similar enough (0 to 100)."""
    match = process.extractOne(text, words, scorer=fuzz.ratio, score_cutoff=min_similarity)
    return match[0] if match else None
