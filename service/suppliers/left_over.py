"""Pair what two editions of a list leave over: a supplier that is gone may be a new one that was renamed or has moved.

Nothing else in the register suggests these pairs, since either the name or the address is another one. On the list itself,
though, one disappeared and the other appeared; so they are asked about, if there is only one of each.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from service.suppliers.addresses import compare_addresses, split_address
from service.suppliers.likeness import Reason, get_cores, have_other_numbers

MOST = 2000  # suppliers of a kind that are new, and that are gone; in longer lists, nothing is paired in this way
MAX_PARTNERS = 40  # suppliers with a name or a number in the address; what more have tells nothing
Answers = Mapping[str, Any]


class LeftOver(NamedTuple):
    """The positions of a new supplier and of one that is gone, and why they may be the same."""

    new: int
    gone: int
    reason: Reason


def pair_left_over(new: Sequence[Answers], gone: Sequence[Answers]) -> list[LeftOver]:
    """Pair new suppliers with those that are gone: first by the same name, then by the same address.

    A pair needs the same country and no number that says otherwise, and neither may have another partner.
    """
    if not 0 < len(new) <= MOST or not 0 < len(gone) <= MOST:
        return []
    named = _pair("same_name", dict(enumerate(new)), dict(enumerate(gone)), _list_names, lambda one, other: True)
    rest_new = {at: answers for at, answers in enumerate(new) if at not in {pair.new for pair in named}}
    rest_gone = {at: answers for at, answers in enumerate(gone) if at not in {pair.gone for pair in named}}
    return [*named, *_pair("same_address", rest_new, rest_gone, _list_numbers, _have_same_address)]


def _pair(
    reason: Reason,
    new: Mapping[int, Answers],
    gone: Mapping[int, Answers],
    list_keys: Callable[[Answers], Iterable[Hashable]],
    are_alike: Callable[[Answers, Answers], bool],
) -> list[LeftOver]:
    """Pair those of which each is the only partner of the other. Candidates share a key."""
    by_key: dict[Hashable, set[int]] = defaultdict(set)
    for at, answers in gone.items():
        for key in list_keys(answers):
            by_key[key].add(at)
    partners: dict[int, list[int]] = {}
    for at, answers in new.items():
        sharing = (by_key[key] for key in list_keys(answers) if len(by_key[key]) <= MAX_PARTNERS)
        partners[at] = [
            other
            for other in sorted(set().union(*sharing))
            if are_alike(answers, gone[other]) and not have_other_numbers(answers, gone[other])
        ]
    wanted = Counter(other for others in partners.values() for other in others)
    return [
        LeftOver(at, others[0], reason)
        for at, others in partners.items()
        if len(others) == 1 and wanted[others[0]] == 1
    ]


def _list_names(answers: Answers) -> Iterable[Hashable]:
    return [(answers["country"], core) for core in get_cores(answers)] if answers.get("country") else []


def _list_numbers(answers: Answers) -> Iterable[Hashable]:
    address = answers.get("address")
    numbers = split_address(address).numbers if isinstance(address, str) and answers.get("country") else ()
    return [(answers["country"], number) for number in numbers]


def _have_same_address(one: Answers, other: Answers) -> bool:
    """Return whether two addresses are one place; all numbers of the one with fewer must be those of the other."""
    texts = str(one["address"]), str(other["address"])
    numbers = [split_address(text).numbers for text in texts]
    likeness = compare_addresses(*texts)
    is_within = numbers[0] <= numbers[1] or numbers[1] <= numbers[0]
    return is_within and likeness is not None and likeness.is_same
