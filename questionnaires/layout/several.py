"""Find cells of names in which several suppliers stand: "Alder Nets Ltd; Birch Foods Ltd".

Only a semicolon, an upright stroke or a line break divides a cell. Names of one company or site have commas, slashes and "and" in
them, also between two legal forms: "Alder Nets Co., Ltd. (Songkhla)", "Alder Farms Inc. / Birch Farms Inc.".
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

from questionnaires.layout.grid import BLANK, Indices
from questionnaires.lookups import load_common_words
from questionnaires.person_detection import has_legal_form
from questionnaires.sheet import Column
from questionnaires.text_normalize import fold_text

ENTITY = re.compile(r"&#?\w{1,8};")
BETWEEN_NAMES = re.compile(r"[;；؛|｜]")
LINE_BREAK = re.compile(r"[\n\r\v\x85\u2028]")
SEPARATOR = re.compile("|".join((BETWEEN_NAMES.pattern, LINE_BREAK.pattern)))
NUMBERING = re.compile(r"\(?\d{1,2}[.)]\s{0,3}")
WORD = re.compile(r"[^\W_]+")
LETTERS = re.compile(r"[^\W\d_]{2,100}")
DIGIT = re.compile(r"\d")
LATIN = re.compile(r"[A-Za-z]")
LONGEST = 500  # characters; a longer text is no name


def find_several(column: Column, rows: Indices) -> Indices:
    """Return which rows (counted from the first) have several suppliers in a column of names."""
    several = [code for code, text in enumerate(column.values) if SEPARATOR.search(text) and names_several(text)]
    return rows[np.isin(column.codes[rows], several)] if several else rows[:0]


def names_several(text: str) -> bool:
    """Return whether a text is the names of several suppliers rather than the name of one."""
    if len(text) > LONGEST:
        return False
    text = ENTITY.sub("&", text).strip(BLANK) if "&" in text else text.strip(BLANK)
    if BETWEEN_NAMES.search(text):
        return _count_alike(_divide(BETWEEN_NAMES, text)) > 1
    if LINE_BREAK.search(text):
        lines = _divide(LINE_BREAK, text)
        return _count_alike(lines) > 1 and _are_names(lines)
    return False


def _divide(separator: re.Pattern[str], text: str) -> list[str]:
    """Return the parts of a text. One that is only a legal form ("Co., Ltd") or in brackets belongs to the part before it."""
    parts: list[str] = []
    for part in (piece.strip(BLANK) for piece in separator.split(text)):
        words = WORD.findall(part)
        is_rest = part[:1] in "(（[" or all(fold_text(word) in load_common_words().legal_forms for word in words)
        if parts and words and is_rest:
            parts[-1] += f" {part}"
        elif LETTERS.search(part):
            parts.append(part)
    return parts


def _count_alike(parts: Sequence[str]) -> int:
    """Return how many parts are in one script: a name is often followed by the same name in another one."""
    latin = sum(LATIN.search(part) is not None for part in parts)
    return max(latin, len(parts) - latin)


def _are_names(lines: Sequence[str]) -> bool:
    """Return whether each line of a cell is a name, and not the rest of one or an address."""
    if all(NUMBERING.match(line) for line in lines):
        return True
    forms = [has_legal_form(line) for line in lines]
    is_one = forms[-1] and not any(forms[:-1])  # "Alder Fishing", "Nets Ltd"
    words = [WORD.findall(line) for line in lines]
    return all(forms) or (not is_one and all(len(found) > 1 for found in words) and not any(map(DIGIT.search, lines)))
