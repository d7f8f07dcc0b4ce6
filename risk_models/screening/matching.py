"""Which entries of a watchlist a company, agency, vessel or owner may be: by identifiers first, then by name.

A match is context and a next step, never a verdict: it says that two entries of two lists may speak of one and the same, and
why. Identifiers are taken as right: whoever makes a :class:`Party` or an :class:`Entry` has checked their digits. A list holds
what its publisher put there: that nothing matches proves no absence.
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
    has_digit,
    compare_names,
    load_rules,
    get_word_weight,
    split_name,
)

Kind = Literal["company", "agency", "vessel", "person", ""]
Role = Literal["site", "agency", "vessel", "parent", "owner", "operator"]
By = Literal["imo", "lei", "licence", "name"]
Countries = Literal["agree", "differ", "unknown"]
Whole = npt.NDArray[np.int64]

# What an entry may be that is compared by name with one in such a role; an entry that does not say what it is may be anything.
COMPARED: Mapping[Role, frozenset[Kind]] = {
    "site": frozenset({"company", "agency"}),
    "agency": frozenset({"company", "agency"}),
    "vessel": frozenset({"vessel"}),
    "parent": frozenset({"company", "agency", "person"}),
    "owner": frozenset({"company", "agency", "person"}),
    "operator": frozenset({"company", "agency", "person"}),
}
MATCH_KINDS: tuple[By, ...] = ("imo", "lei", "licence", "name")
ROLES: tuple[Role, ...] = tuple(COMPARED)
TWO = 2.0  # a word that is two in the other name weighs what they do, at most
ROOM = 0.15  # by how much the quick look at an index may undervalue two names that hold a common word and a slip of it


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry of a list: its key in the list, what it is ("" where the list does not say), its names, and what identifies it.

    ``countries``: ISO 3166-1 alpha-2. ``licences``: licence and registration numbers, valid in those countries alone.
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
    """Somebody a buyer told of, in a role: the fields are those of an entry."""

    role: Role
    names: tuple[str, ...]
    countries: tuple[str, ...] = ()
    imo: str = ""
    lei: str = ""
    licences: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Match:
    """A party may be an entry, and why: which identifier they share, or how alike which two names are.

    ``given`` and ``listed``: the two names that are most alike; ``score`` 0 to 1; ``agreed``: the words that agree, as pairs.
    """

    key: str
    by: By
    role: Role
    given: str
    listed: str
    score: float
    agreed: tuple[tuple[str, str], ...]
    countries: Countries

    @property
    def rank(self) -> tuple[int, float, int, str, str]:
        """The strongest first."""
        return MATCH_KINDS.index(self.by), -self.score, ROLES.index(self.role), self.given, self.listed


def normalize_number(number: str) -> str:
    """A licence or registration number as it is compared; "" for one that tells too little: it has 4 signs and a digit."""
    plain = "".join(filter(str.isalnum, number)).casefold()
    return plain if len(plain) >= 4 and has_digit(plain) else ""


class Watchlist:
    """A list, ready to be screened against.

    Looked up are words that are equal or one letter off, and neighbouring words as one; only what shares enough of them is
    compared. 50,000 entries take about a second to get ready, and one name a fraction of 5 ms.
    """

    def __init__(self, entries: Iterable[Entry]) -> None:
        self._entries = list(entries)
        self._by_number: dict[tuple[By, str, str], list[int]] = {}
        self._names: list[tuple[int, str, tuple[str, ...]]] = []  # entry, name, words
        for at, entry in enumerate(self._entries):
            for which in _identifiers(entry):
                self._by_number.setdefault(which, []).append(at)
            spelt = {split_name(name): name for name in reversed(entry.names)}  # of names with the same words the first
            self._names += [(at, name, found) for found, name in reversed(spelt.items()) if found]
        self._weights = np.array([sum(map(get_word_weight, found)) for _, _, found in self._names])
        self._vocabulary = {word: i for i, word in enumerate(sorted({w for _, _, found in self._names for w in found}))}
        self._holding = Postings(
            (self._vocabulary[word], at) for at, (_, _, found) in enumerate(self._names) for word in found
        )
        self._near = Postings((hash(key), i) for word, i in self._vocabulary.items() for key in _near(word))
        self._joined = Postings(
            (hash(join), at) for at, (_, _, found) in enumerate(self._names) for join, _ in _joins(found)
        )

    def screen(self, parties: Sequence[Party]) -> list[Match]:
        """The entries that any of the parties may be, each once with its strongest reason, in the order of their keys."""
        found: dict[str, Match] = {}
        for party in parties:
            for match in self._matches(party):
                kept = found.get(match.key)
                if kept is None or match.rank < kept.rank:
                    found[match.key] = match
        return [found[key] for key in sorted(found)]

    def _matches(self, party: Party) -> Iterator[Match]:
        identified: set[int] = set()
        for which in _identifiers(party):
            for at in self._by_number.get(which, ()):
                entry = self._entries[at]
                if at not in identified:
                    identified.add(at)
                    given, listed, alike = _most_alike(party.names, entry.names)
                    countries = _countries(party, entry)
                    yield Match(entry.key, which[0], party.role, given, listed, alike.score, alike.agreed, countries)
        rule = load_rules()
        for name in party.names:
            told = split_name(name)
            for i in self._candidates(told):
                at, listed, found = self._names[i]
                entry = self._entries[at]
                comparable = not entry.kind or entry.kind in COMPARED[party.role]
                if at in identified or not comparable or _contradicted(party, entry):
                    continue
                countries = _countries(party, entry)
                alike = compare_names(told, found)
                if alike.score >= (rule.at_least_abroad if countries == "differ" else rule.at_least):
                    yield Match(entry.key, "name", party.role, name, listed, alike.score, alike.agreed, countries)

    def _candidates(self, told: Sequence[str]) -> list[int]:
        """The names that share enough of their words with a name to be worth comparing."""
        if not told or not self._names:
            return []
        own = sum(map(get_word_weight, told))
        shared = np.zeros(len(self._names))
        for word in set(told):
            for i in sorted({int(i) for key in _near(word) for i in self._near.get(hash(key))} | self._exactly(word)):
                shared[self._holding.get(i)] += get_word_weight(word)
            shared[self._joined.get(hash(word))] += TWO
        for join, weighs in _joins(told):
            for i in self._exactly(join):
                shared[self._holding.get(i)] += weighs
            shared[self._joined.get(hash(join))] += weighs
        enough = 2 * shared >= (load_rules().at_least - ROOM) * (own + self._weights)
        return [int(i) for i in np.flatnonzero(enough)]

    def _exactly(self, word: str) -> set[int]:
        return {self._vocabulary[word]} if word in self._vocabulary else set()


class Postings:
    """Numbers by key, packed: what takes a dictionary of lists ten times the room."""

    def __init__(self, pairs: Iterable[tuple[int, int]]) -> None:
        table: Whole = np.fromiter(chain.from_iterable(pairs), np.int64).reshape(-1, 2)
        table = table[np.lexsort((table[:, 1], table[:, 0]))]
        first = np.ones(len(table), bool)
        first[1:] = (table[1:] != table[:-1]).any(axis=1)
        self._keys: Whole = table[first, 0]
        self._values: Whole = table[first, 1]

    def get(self, key: int) -> Whole:
        """The numbers under a key, each once, rising."""
        begin, end = (np.searchsorted(self._keys, key, side) for side in ("left", "right"))
        return self._values[begin:end]


def _near(word: str) -> tuple[str, ...]:
    """The word, and the word without each of its letters: two words that are one slip apart share one of these."""
    if len(word) <= load_rules().exact_up_to or has_digit(word):
        return ()
    return (word, *{word[:i] + word[i + 1 :] for i in range(len(word))})


def _joins(found: Sequence[str]) -> list[tuple[str, float]]:
    """Neighbouring words as one, and all of more than two as one, each with what its words weigh."""
    pairs = [(x + y, get_word_weight(x) + get_word_weight(y)) for x, y in pairwise(found)]
    return [*pairs, ("".join(found), sum(map(get_word_weight, found)))] if len(found) > 2 else pairs


def _identifiers(one: Entry | Party) -> list[tuple[By, str, str]]:
    """What identifies an entry or a party: the kind of number, the country it is valid in ("" for the world), the number."""
    world: list[tuple[By, str, str]] = [("imo", "", one.imo), ("lei", "", one.lei)]
    numbers = sorted({normalize_number(number) for number in one.licences})
    return [which for which in world if which[2]] + [
        ("licence", country, number) for country in sorted(one.countries) for number in numbers if number
    ]


def _contradicted(party: Party, entry: Entry) -> bool:
    """Both have an IMO number, or both an LEI, and not the same: they are two, whatever their names."""
    return any(a and b and a != b for a, b in ((party.imo, entry.imo), (party.lei, entry.lei)))


def _countries(party: Party, entry: Entry) -> Countries:
    if not party.countries or not entry.countries:
        return "unknown"
    return "agree" if set(party.countries) & set(entry.countries) else "differ"


def _most_alike(given: Sequence[str], listed: Sequence[str]) -> tuple[str, str, NameSimilarity]:
    """The pair of names that are most alike; empty names where one side has none."""
    pairs: list[tuple[Any, ...]] = [(a, b, compare_names(split_name(a), split_name(b))) for a in given for b in listed]
    best = max(pairs, key=lambda pair: pair[2].score, default=None)
    return (best[0], best[1], best[2]) if best else ((*given, "")[0], (*listed, "")[0], NameSimilarity(0.0, ()))
