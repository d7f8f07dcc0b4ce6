"""Divide words that are run together: "vendororganizationname", and all words of scripts without blanks ("供应商地址")."""

from __future__ import annotations

import re
from collections.abc import Callable

# Thai, Lao, Burmese, Khmer, kana, Chinese characters and Hangul.
UNSPACED = re.compile(r"[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")
MAX_LETTERS = 48  # of a word that is divided


def divide_word(word: str, is_known: Callable[[str], bool]) -> list[str]:
    """Return the known words that are run together in one, as few as possible; else the word alone."""
    if len(word) > MAX_LETTERS:
        return [word]
    best: list[list[str] | None] = [[]]  # by the number of letters: the words that they are
    for end in range(1, len(word) + 1):
        divided = [
            [*before, word[begin:end]]
            for begin, before in enumerate(best)
            if before is not None and is_known(word[begin:end])
        ]
        best.append(min(divided, key=len, default=None))
    return best[-1] or [word]
