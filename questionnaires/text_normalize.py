"""Compare texts: fold a text to the form that is compared, and find similar words."""

from __future__ import annotations

import re
import tomllib
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from pathlib import Path

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


class FoldingTable(dict[int, str | None]):
    """What each character is folded to, computed at its first use; None for nothing, which ``str.translate`` does fastest."""

    def __missing__(self, code: int) -> str | None:
        character = chr(code)
        folded = SIGNS.get(character) or LETTERS.get(character) or unicodedata.normalize("NFKD", character).casefold()
        significant = (
            c for c in folded if not "\u0300" <= c <= "\u036f" and (c.isalnum() or unicodedata.category(c)[0] == "M")
        )
        self[code] = unicodedata.normalize("NFC", "".join(significant)) or None
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


BETWEEN_WORDS = re.compile(r"[\s_.\-]+")
TOKEN = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")  # of a word in ASCII: "EmpName" is two
SINGULAR = (
    (re.compile(r"(?<=..)ies$"), "y"),
    (re.compile(r"(?<=ss|sh|ch)es$"), ""),
    (re.compile(r"(?<=..[^sui])s$"), ""),
)


def list_tokens(text: str) -> list[str]:
    """Return the words of a text, folded; names in code such as "EmpName" are several."""
    words = BETWEEN_WORDS.split(unicodedata.normalize("NFC", text))
    tokens = (token for word in words for token in (TOKEN.findall(word) if word.isascii() else [word]))
    return [folded for token in tokens if (folded := fold_text(token))]


def find_singular(word: str) -> str:
    """Return an English word in the singular, as far as its ending shows that: two words are compared by it, none is shown.

    Some plurals ask something else: numbers are counted, and a number is one that a thing has.
    """
    if word in ("countries", "numbers"):
        return word
    return next((ending.sub(short, word) for ending, short in SINGULAR if ending.search(word)), word)


LETTERS_ONLY = re.compile(r"[^\W\d_]+")
LATIN = re.compile(r"[A-Za-z\u00C0-\u024F]")
FILLERS = "\u115f\u1160\u2800\u3164\uffa0"  # letters and signs that look like nothing


class VisibleTable(dict[int, str]):
    """What each character looks like, computed at its first use; for ``str.translate``.

    Invisible characters become nothing, dashes a hyphen, dots a full stop, and digits of any script 0 to 9.
    """

    def __missing__(self, code: int) -> str:
        character = chr(code)
        category = unicodedata.category(character)
        is_mark = "\u0300" <= character <= "\u036f" or "\ufe00" <= character <= "\ufe0f" or code >= 0xE0100
        if category == "Cf" or is_mark or character in FILLERS:
            visible = ""
        elif category == "Pd" or character == "\u2212":
            visible = "-"
        elif category == "Cc":
            visible = " "
        else:
            digit = unicodedata.decimal(character, None)
            visible = character if digit is None else str(digit)
        self[code] = "." if character in "\u00b7\u2022\u2219" else visible
        return self[code]


VISIBLE = VisibleTable()


@cache
def load_look_alikes() -> Mapping[int, str]:
    """Load ``lists/look_alikes.toml``: the Latin letter that each Cyrillic or Greek letter looks like, for ``str.translate``."""
    data = tomllib.loads((Path(__file__).parent / "lists" / "look_alikes.toml").read_text(encoding="utf-8"))
    return str.maketrans({letter: latin for script in data.values() for letter, latin in script.items()})


def reveal_text(text: str) -> tuple[str, ...]:
    """Return the ways in which a person may read a text: without invisible characters, and in compatibility form (NFKC).

    The first has Latin letters for the Cyrillic and Greek ones that look like them, in words that mix the scripts. The second,
    if it differs, has them in all words.
    """
    if text.isascii() and text.isprintable():
        return (text,)
    visible = unicodedata.normalize("NFKC", text).translate(VISIBLE)
    look_alikes = load_look_alikes()
    mixed = LETTERS_ONLY.sub(lambda word: word[0].translate(look_alikes) if LATIN.search(word[0]) else word[0], visible)
    return tuple(dict.fromkeys((mixed, visible.translate(look_alikes))))


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
