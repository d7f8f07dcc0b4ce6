"""How hard a question is to read, and whether it asks two things."""

from __future__ import annotations

import re
from collections.abc import Iterable

SENTENCE_END = re.compile(r"(?<=[.!?:;])\s+|\n")
WORD_BREAK = re.compile(r"[\s/]+")
VOWELS = re.compile(r"[aeiouy]+")
SILENT_ENDING = re.compile(r"(?<!l)e$|(?<![td])ed$")
# A second question begins with "and" or "or", and a verb or question word of its own: "Is it safe, and who checks it?"
SECOND_QUESTION = re.compile(
    r"\b(?:and|or) (?:do|does|did|is|are|was|were|has|have|had|can|could|may|how|when|what|which|where|who|why)\b"
)
NOT_A_LETTER = re.compile(r"[^a-z]")


def compute_grade(texts: Iterable[str]) -> float:
    """Return the school year in which texts can be read, by the formula of Flesch and Kincaid (1975); 0 for no words.

    Syllables are counted as groups of vowels, so that the grade is rather too high than too low.
    """
    sentences = [
        [word for word in WORD_BREAK.split(sentence) if any(map(str.isalnum, word))]
        for text in texts
        for sentence in SENTENCE_END.split(text)
    ]
    words = [word for sentence in sentences for word in sentence]
    if not words:
        return 0.0
    n_sentences = sum(bool(sentence) for sentence in sentences)
    return 0.39 * len(words) / n_sentences + 11.8 * sum(map(count_syllables, words)) / len(words) - 15.59


def count_syllables(word: str) -> int:
    """Return about how many syllables an English word has, at least 1."""
    letters = NOT_A_LETTER.sub("", word.lower())
    groups = len(VOWELS.findall(letters))
    return max(1, groups - bool(groups > 1 and SILENT_ENDING.search(letters)))


def asks_two_things(ask: str) -> bool:
    """Return whether the text of a question contains two questions."""
    return ask.count("?") > 1 or SECOND_QUESTION.search(ask.lower()) is not None
