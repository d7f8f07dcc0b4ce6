"""Find the question that a header names with a slip of the keys, or nearly."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from rapidfuzz.distance import OSA

from questionnaires.foreign_headers import load_foreign_headers
from questionnaires.form import Questionnaire
from questionnaires.text_normalize import find_nearest, fold_text

MIN_SIMILARITY = 86  # per cent, for a header to be proposed
SHORTEST_SLIP, LONG_HEADER = 3, 11  # letters of a word of a misspelt header; letters of one with up to two slips
# The questions of which a misspelt header is read unless the values contradict, and words that are no misspelt headers.
MISSPELT = frozenset(
    "name reference country region city address postal_code sector product parent facility_type registration_number"
    " licence_number workers_total workers_migrant workers_female female_pct migrant_pct latitude longitude".split()
)
OTHER_WORDS = frozenset({"factor", "factors", "plan", "plans", "estate", "stat", "stats", "planet", "ministry"})


def is_slip(header: str, question: str, form: Questionnaire) -> bool:
    """Return whether a header is one of a question with a slip of the keys: a letter left out, doubled, or swapped with the next.

    A letter that was replaced by another makes too many other words ("Patent", "Grade"), and so do other digits ("Address 2").
    """
    word = fold_text(header)
    if (
        question not in MISSPELT
        or word in OTHER_WORDS
        or any(len(part) < SHORTEST_SLIP for part in header.split() if part.casefold() not in ("of", "no"))
    ):
        return False
    allowed = 1 if len(word) < LONG_HEADER else 2
    known = [other for other, id_ in _list_headers(form) if id_ == question and other[0] == word[0]]
    return any(
        OSA.distance(word, other) <= allowed and _is_reordered(word, other)
        for other in known
        if len(other) > SHORTEST_SLIP
    )


def _is_reordered(word: str, other: str) -> bool:
    """Return whether a word has the letters of another, in another order or but for some that are missing or added."""
    letters, others = Counter(word), Counter(other)
    surplus, missing = letters - others, others - letters
    return not (surplus and missing) and not any(map(str.isdigit, (*surplus, *missing)))


def find_near_miss(header: str, form: Questionnaire, columns: Mapping[str, int], tied: Iterable[str]) -> str | None:
    """Return the question, still without a column, that a header may have been meant to name; None if there is none."""
    word = fold_text(header)
    if word in form.headers or len(word) < 4:
        return None
    free = [header for header, id_ in _list_headers(form) if id_ not in columns and id_ not in tied]
    nearest = find_nearest(word, free, MIN_SIMILARITY)
    return form.headers[nearest][1] if nearest else None


def _list_headers(form: Questionnaire) -> list[tuple[str, str]]:
    """Return the folded headers that one may be like, with their questions: none of ``lists/header_words.csv``, where too many
    words of many languages are alike.
    """
    foreign = load_foreign_headers().headers.get(form.kind, {})
    return [(header, id_) for header, (_, id_) in form.headers.items() if header not in foreign]
