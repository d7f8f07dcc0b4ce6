"""Pair what two editions of a list leave over: who is gone may be who is new, renamed, moved, or written in another script.

Nothing else in the register suggests these pairs, since either the name or the address is another one. On the list itself,
though, one disappeared and the other appeared; so they are asked about, if there is only one of each.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from rapidfuzz import fuzz

from risk_models.screening.names import split_name
from service.suppliers.addresses import compare_addresses, split_address
from service.suppliers.key_grades import is_latin
from service.suppliers.likeness import Reason, get_cores, have_other_numbers

MOST = 2000  # suppliers of a kind that are new, and that are gone; in longer lists, nothing is paired in this way
MAX_PARTNERS = 40  # suppliers with a name or a number in the address; what more have tells nothing
Answers = Mapping[str, Any]


class LeftOver(NamedTuple):
    """The positions of a new supplier and of one that is gone, and why they may be the same."""

    new: int
    gone: int
    reason: Reason


def pair_left_over(new: Sequence[Answers], gone: Sequence[Answers], *, is_renumbered: bool = False) -> list[LeftOver]:
    """Pair new suppliers with those that are gone: by the same name, by the same address, and where one is written in Latin
    letters and the other is not, by the numbers of the address.

    A pair needs the same country and no number that says otherwise, and neither may have another partner. ``is_renumbered``: the
    references of the two editions have nothing to do with each other.
    """
    if not 0 < len(new) <= MOST or not 0 < len(gone) <= MOST:
        return []
    if is_renumbered:
        new = [{**answers, "reference": None} for answers in new]
    rest_new, rest_gone = dict(enumerate(new)), dict(enumerate(gone))
    pairs: list[LeftOver] = []
    for reason, list_keys, compare in RULES:
        found = _pair(rest_new, rest_gone, list_keys, compare)
        for at, other in found:
            del rest_new[at], rest_gone[other]
        pairs += [LeftOver(at, other, reason) for at, other in found]
    return pairs


def _pair(
    new: Mapping[int, Answers],
    gone: Mapping[int, Answers],
    list_keys: Callable[[Answers], Iterable[Hashable]],
    compare: Callable[[Answers, Answers], float | None],
) -> list[tuple[int, int]]:
    """Pair those of which each is the other's best partner, with no equal beside it. Candidates share a key."""
    by_key: dict[Hashable, set[int]] = defaultdict(set)
    for at, answers in gone.items():
        for key in list_keys(answers):
            by_key[key].add(at)
    of_new: dict[int, list[tuple[float, int]]] = defaultdict(list)
    of_gone: dict[int, list[tuple[float, int]]] = defaultdict(list)
    for at, answers in new.items():
        sharing = (by_key[key] for key in list_keys(answers) if len(by_key[key]) <= MAX_PARTNERS)
        for other in sorted(set().union(*sharing)):
            alike = compare(answers, gone[other])
            if alike is not None and not have_other_numbers(answers, gone[other]):
                of_new[at].append((alike, other))
                of_gone[other].append((alike, at))
    best = ((at, _get_best(partners)) for at, partners in of_new.items())
    return [(at, other) for at, other in best if other is not None and _get_best(of_gone[other]) == at]


def _get_best(partners: Sequence[tuple[float, int]]) -> int | None:
    """Return the partner that is most alike; None if two are equally so."""
    ranked = sorted(partners, reverse=True)
    return ranked[0][1] if len(ranked) == 1 or ranked[0][0] > ranked[1][0] else None


def _list_names(answers: Answers) -> Iterable[Hashable]:
    return [(answers["country"], core) for core in get_cores(answers)] if answers.get("country") else []


def _list_numbers(answers: Answers) -> Iterable[Hashable]:
    address = answers.get("address")
    numbers = split_address(address).numbers if isinstance(address, str) and answers.get("country") else ()
    return [(answers["country"], number) for number in numbers]


def _compare_names(one: Answers, other: Answers) -> float:
    return 0.0  # they share a name, by which they were found


def _compare_addresses(one: Answers, other: Answers) -> float | None:
    """Return a number if two addresses are one place; all numbers of the one with fewer must be those of the other."""
    texts = str(one["address"]), str(other["address"])
    numbers = [split_address(text).numbers for text in texts]
    likeness = compare_addresses(*texts)
    is_within = numbers[0] <= numbers[1] or numbers[1] <= numbers[0]
    return 0.0 if is_within and likeness is not None and likeness.is_same else None


def _list_all_numbers(answers: Answers) -> Iterable[Hashable]:
    """Return the country with all numbers of the address."""
    address = answers.get("address")
    numbers = split_address(address).numbers if isinstance(address, str) and answers.get("country") else None
    return [(answers["country"], numbers)] if numbers else []


def _compare_scripts(one: Answers, other: Answers) -> float | None:
    """Return how alike two names sound, 0 to 100, and 50 more if the numbers of workers are the same; None if both names are
    written in Latin letters, or neither is.
    """
    names = [str(answers.get("name") or "") for answers in (one, other)]
    if is_latin(names[0]) == is_latin(names[1]):
        return None
    has_same_workers = one.get("workers_total") and one["workers_total"] == other.get("workers_total")
    return fuzz.partial_ratio(*("".join(split_name(name)) for name in names)) + (50.0 if has_same_workers else 0.0)


RULES: tuple[
    tuple[Reason, Callable[[Answers], Iterable[Hashable]], Callable[[Answers, Answers], float | None]], ...
] = (
    ("same_name", _list_names, _compare_names),
    ("same_address", _list_numbers, _compare_addresses),
    ("near_address", _list_all_numbers, _compare_scripts),
)
