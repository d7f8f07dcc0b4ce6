"""Look up the words of headers in languages other than English (``lists/header_words.csv``)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache

from questionnaires.lookups import DataFileError, read_list
from questionnaires.text_normalize import fold_text

LISTED_KINDS = ("site", "agency")  # of the sheets whose headers are listed
# By what a row of the list means: the kinds of sheet in whose headers its words may stand beside those of a question.
AROUND = {
    "around": LISTED_KINDS,
    "of_company": LISTED_KINDS,
    "of_site": ("site",),
    "of_supplier": ("site",),
    "of_agency": ("agency",),
}
PEOPLE = "people."
# Letters that people often write plain, or with the keyboard of the other language: alef with hamza, and yeh and kaf of Persian.
PLAIN_ALEF = str.maketrans("أإآ", "ااا")
ARABIC_LETTERS = str.maketrans("یک", "يك")


@dataclass(frozen=True)
class ForeignHeaders:
    """The words of ``lists/header_words.csv``, folded.

    ``headers``: by kind of sheet, the question of each header. ``around``: by kind, the words that may stand before or after it:
    particles, and whose it is ("Adresse de l'usine"). ``site_words``, ``supplier_words``: those of them for sites, and for those
    who supply. ``bare_ids``: words for any number or code ("Cód."); ``id_owners``: those beside one that say that it
    is that of a row ("Code usine"). ``people``: what each word says in a header about people, as in ``lists/headers.toml``;
    ``adjectives`` need a noun.
    """

    headers: Mapping[str, dict[str, str]]
    around: Mapping[str, frozenset[str]]
    site_words: frozenset[str]
    supplier_words: frozenset[str]
    id_owners: frozenset[str]
    bare_ids: frozenset[str]
    people: dict[str, str]
    adjectives: frozenset[str]


@cache
def load_foreign_headers() -> ForeignHeaders:
    """Load ``lists/header_words.csv``. Raises :class:`DataFileError` if one word would mean two things."""
    headers: dict[str, dict[str, str]] = {kind: {} for kind in LISTED_KINDS}
    around: dict[str, set[str]] = {kind: set() for kind in LISTED_KINDS}
    owners: dict[str, set[str]] = {meaning: set() for meaning in AROUND}
    people: dict[str, str] = {}
    bare_ids: set[str] = set()
    adjectives: set[str] = set()
    for row in read_list("header_words.csv"):
        meaning, words = (
            row["means"],
            {spelt for text in row["words"].split("|") for spelt in _list_spellings(fold_text(text))},
        )
        if meaning in AROUND:
            owners[meaning].update(words)
            for kind in AROUND[meaning]:
                around[kind].update(words)
        elif meaning == "people.adjectives":
            adjectives.update(words)
        elif meaning.startswith(PEOPLE):
            _add_words(people, words, meaning.removeprefix(PEOPLE), row)
        else:
            if meaning == "bare_id":
                meaning = "reference"
                bare_ids.update(words)
            for kind in (row["sheet"],) if row["sheet"] else LISTED_KINDS:
                _add_words(headers[kind], words, meaning, row)
    return ForeignHeaders(
        headers=headers,
        around={kind: frozenset(words) for kind, words in around.items()},
        site_words=frozenset(word for word in owners["of_site"] if len(word) > 1),
        supplier_words=frozenset(word for word in owners["of_supplier"] | owners["of_company"] if len(word) > 1),
        id_owners=frozenset(owners["of_site"] | owners["of_supplier"] | owners["around"]),
        bare_ids=frozenset(bare_ids),
        people=people,
        adjectives=frozenset(adjectives),
    )


def _list_spellings(word: str) -> set[str]:
    return {word, word.translate(PLAIN_ALEF), word.translate(ARABIC_LETTERS)} if "\u0600" < word < "\u0700" else {word}


def _add_words(meanings: dict[str, str], words: Iterable[str], meaning: str, row: Mapping[str, str]) -> None:
    for word in words:
        if meanings.setdefault(word, meaning) != meaning:
            fault = f"the word '{word}' ({row['language']}) also means {meanings[word]}"
            raise DataFileError("lists/header_words.csv", meaning, fault, "Use it for only one of them.")
