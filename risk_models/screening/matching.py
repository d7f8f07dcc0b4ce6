"""Match companies, agencies, vessels and owners with the entries of a watchlist: by identifiers first, then by name.

A match provides context and a next step, never a verdict: it states that two records may describe the same party, and why.
Identifiers are assumed to be valid: whoever creates a :class:`Party` or a :class:`ListedParty` has checked their digits. A list
contains only what its publisher put in it, so the absence of a match proves nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, pairwise
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from risk_models.screening.names import (
    NameSimilarity,
    compare_names,
    get_word_weight,
    has_digit,
    load_screening_rules,
    split_name,
)

Kind = Literal["company", "agency", "vessel", "person", ""]
Role = Literal["site", "agency", "vessel", "parent", "owner", "operator"]
MatchKind = Literal["imo", "lei", "licence", "name"]
Countries = Literal["agree", "differ", "unknown"]
Int64s = npt.NDArray[np.int64]

# The kinds of entry that are compared by name with a party in each role; an entry without a kind is compared with all.
COMPARED: Mapping[Role, frozenset[Kind]] = {
    "site": frozenset({"company", "agency"}),
    "agency": frozenset({"company", "agency"}),
    "vessel": frozenset({"vessel"}),
    "parent": frozenset({"company", "agency", "person"}),
    "owner": frozenset({"company", "agency", "person"}),
    "operator": frozenset({"company", "agency", "person"}),
}
MATCH_KINDS: tuple[MatchKind, ...] = ("imo", "lei", "licence", "name")
ROLES: tuple[Role, ...] = tuple(COMPARED)
JOINED_WORD_WEIGHT = 2.0  # the highest weight of a word that is written as two words in the other name
INDEX_TOLERANCE = (
    0.15  # the amount by which the index may underestimate two names with a common word, misspelt in one of them
)


@dataclass(frozen=True, slots=True)
class ListedParty:
    """An entry of a watchlist: its key in the list, its kind ("" if the list does not state it), names and identifiers.

    ``countries``: ISO 3166-1 alpha-2. ``licences``: licence and registration numbers, valid in those countries only.
    """

    key: str
    kind: Kind
    names: tuple[str, ...]
    countries: tuple[str, ...] = ()
    imo: str = ""
    lei: str = ""
    licences: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Party:
    """A party to be screened and its role for the supplier. The other fields are the same as in :class:`ListedParty`."""

    role: Role
    names: tuple[str, ...]
    countries: tuple[str, ...] = ()
    imo: str = ""
    lei: str = ""
    licences: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Match:
    """A possible match of a party with an entry, and why: the identifier they share, or the similarity of their names.

    ``given`` and ``listed``: the two most similar names; ``score`` 0 to 1; ``agreed``: the pairs of words that agree.
    """

    key: str
    by: MatchKind
    role: Role
    given: str
    listed: str
    score: float
    agreed: tuple[tuple[str, str], ...]
    countries: Countries

    @property
    def rank(self) -> tuple[int, float, int, str, str]:
        """Return the sort key that puts the strongest match first."""
        return MATCH_KINDS.index(self.by), -self.score, ROLES.index(self.role), self.given, self.listed


def normalize_number(number: str) -> str:
    """Return a licence or registration number for comparison; "" if it has fewer than 4 characters or no digit."""
    plain = "".join(filter(str.isalnum, number)).casefold()
    return plain if len(plain) >= 4 and has_digit(plain) else ""


class WatchlistIndex:
    """An index of a watchlist for screening.

    It looks up words that are equal or differ by one letter, and neighbouring words joined together. Only names that share enough
    of these words are compared. Indexing 50,000 entries takes about a second, screening one name less than 5 ms.
    """

    def __init__(self, entries: Iterable[ListedParty]) -> None:
        self._entries = list(entries)
        self._by_identifier: dict[tuple[MatchKind, str, str], list[int]] = {}
        self._names: list[tuple[int, str, tuple[str, ...]]] = []  # entry, name, words
        for position, entry in enumerate(self._entries):
            for identifier in _list_identifiers(entry):
                self._by_identifier.setdefault(identifier, []).append(position)
            by_words = {
                split_name(name): name for name in reversed(entry.names)
            }  # the first of names with the same words
            self._names += [(position, name, words) for words, name in reversed(by_words.items()) if words]
        self._weights = np.array([sum(map(get_word_weight, words)) for _, _, words in self._names])
        vocabulary = sorted({word for _, _, words in self._names for word in words})
        self._vocabulary = {word: i for i, word in enumerate(vocabulary)}
        self._names_by_word = Postings(
            (self._vocabulary[word], i) for i, (_, _, words) in enumerate(self._names) for word in words
        )
        self._words_by_deletion = Postings(
            (hash(key), i) for word, i in self._vocabulary.items() for key in _list_deletions(word)
        )
        self._names_by_joined_words = Postings(
            (hash(joined), i) for i, (_, _, words) in enumerate(self._names) for joined, _ in _join_words(words)
        )

    def screen(self, parties: Sequence[Party]) -> list[Match]:
        """Return the entries that match any of the parties, each once with its strongest match, in the order of their keys."""
        best: dict[str, Match] = {}
        for party in parties:
            for match in self._iter_matches(party):
                previous = best.get(match.key)
                if previous is None or match.rank < previous.rank:
                    best[match.key] = match
        return [best[key] for key in sorted(best)]

    def _iter_matches(self, party: Party) -> Iterator[Match]:
        identified: set[int] = set()
        for identifier in _list_identifiers(party):
            for position in self._by_identifier.get(identifier, ()):
                entry = self._entries[position]
                if position not in identified:
                    identified.add(position)
                    given, listed, likeness = _find_most_similar(party.names, entry.names)
                    countries = _compare_countries(party, entry)
                    yield Match(
                        entry.key, identifier[0], party.role, given, listed, likeness.score, likeness.agreed, countries
                    )
        rules = load_screening_rules()
        for name in party.names:
            words = split_name(name)
            for i in self._find_candidates(words):
                position, listed, listed_words = self._names[i]
                entry = self._entries[position]
                comparable = not entry.kind or entry.kind in COMPARED[party.role]
                if position in identified or not comparable or _has_conflicting_identifier(party, entry):
                    continue
                countries = _compare_countries(party, entry)
                likeness = compare_names(words, listed_words)
                if likeness.score >= (rules.at_least_abroad if countries == "differ" else rules.at_least):
                    yield Match(entry.key, "name", party.role, name, listed, likeness.score, likeness.agreed, countries)

    def _find_candidates(self, words: Sequence[str]) -> list[int]:
        """Return the positions of the names that share enough words with a name to be worth comparing."""
        if not words or not self._names:
            return []
        own_weight = sum(map(get_word_weight, words))
        shared = np.zeros(len(self._names))
        for word in set(words):
            similar = {int(i) for key in _list_deletions(word) for i in self._words_by_deletion.get(hash(key))}
            for i in sorted(similar | self._find_exact(word)):
                shared[self._names_by_word.get(i)] += get_word_weight(word)
            shared[self._names_by_joined_words.get(hash(word))] += JOINED_WORD_WEIGHT
        for joined, weight in _join_words(words):
            for i in self._find_exact(joined):
                shared[self._names_by_word.get(i)] += weight
            shared[self._names_by_joined_words.get(hash(joined))] += weight
        enough = 2 * shared >= (load_screening_rules().at_least - INDEX_TOLERANCE) * (own_weight + self._weights)
        return [int(i) for i in np.flatnonzero(enough)]

    def _find_exact(self, word: str) -> set[int]:
        return {self._vocabulary[word]} if word in self._vocabulary else set()


class Postings:
    """Lists of integers by key, packed into two arrays: a dictionary of lists takes ten times the memory."""

    def __init__(self, pairs: Iterable[tuple[int, int]]) -> None:
        table: Int64s = np.fromiter(chain.from_iterable(pairs), np.int64).reshape(-1, 2)
        table = table[np.lexsort((table[:, 1], table[:, 0]))]
        first = np.ones(len(table), bool)
        first[1:] = (table[1:] != table[:-1]).any(axis=1)
        self._keys: Int64s = table[first, 0]
        self._values: Int64s = table[first, 1]

    def get(self, key: int) -> Int64s:
        """Return the integers stored for a key in ascending order, without duplicates."""
        begin, end = (np.searchsorted(self._keys, key, side) for side in ("left", "right"))
        return self._values[begin:end]


def _list_deletions(word: str) -> tuple[str, ...]:
    """Return the word, and its variants with one letter removed. Two words that differ by one letter share at least one of
    these."""
    if len(word) <= load_screening_rules().exact_up_to or has_digit(word):
        return ()
    return (word, *{word[:i] + word[i + 1 :] for i in range(len(word))})


def _join_words(words: Sequence[str]) -> list[tuple[str, float]]:
    """Return neighbouring words joined together, and all words joined if there are more than two, with the sums of their
    weights."""
    pairs = [(x + y, get_word_weight(x) + get_word_weight(y)) for x, y in pairwise(words)]
    return [*pairs, ("".join(words), sum(map(get_word_weight, words)))] if len(words) > 2 else pairs


def _list_identifiers(party: ListedParty | Party) -> list[tuple[MatchKind, str, str]]:
    """Return the identifiers of an entry or a party: kind, country of validity ("" for the whole world), number."""
    worldwide: list[tuple[MatchKind, str, str]] = [("imo", "", party.imo), ("lei", "", party.lei)]
    numbers = sorted({normalize_number(number) for number in party.licences})
    return [identifier for identifier in worldwide if identifier[2]] + [
        ("licence", country, number) for country in sorted(party.countries) for number in numbers if number
    ]


def _has_conflicting_identifier(party: Party, entry: ListedParty) -> bool:
    """Return whether both have an IMO number or an LEI but the numbers differ; they are then different parties, whatever their
    names."""
    return any(a and b and a != b for a, b in ((party.imo, entry.imo), (party.lei, entry.lei)))


def _compare_countries(party: Party, entry: ListedParty) -> Countries:
    if not party.countries or not entry.countries:
        return "unknown"
    return "agree" if set(party.countries) & set(entry.countries) else "differ"


def _find_most_similar(given: Sequence[str], listed: Sequence[str]) -> tuple[str, str, NameSimilarity]:
    """Return the most similar pair of names; empty names if one side has none."""
    pairs: list[tuple[Any, ...]] = [(a, b, compare_names(split_name(a), split_name(b))) for a in given for b in listed]
    best = max(pairs, key=lambda pair: pair[2].score, default=None)
    return (best[0], best[1], best[2]) if best else ((*given, "")[0], (*listed, "")[0], NameSimilarity(0.0, ()))
