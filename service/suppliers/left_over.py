"""Pair what two editions of a list leave over: a supplier that is gone may be a new one that was renamed or has moved.

Nothing else in the register suggests these pairs, since either the name or the address is another one. On the list itself,
though, one disappeared and the other appeared; so they are asked about, if there is only one of each.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from service.suppliers.addresses import compare_addresses, split_address
from service.suppliers.likeness import Reason, get_cores, have_other_numbers

MOST = 2000  # suppliers of a kind that are new, and that are gone; in longer lists, nothing is paired in this way
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
    pairs: list[LeftOver] = []
    ways: tuple[tuple[Reason, Callable[[Answers], Iterable[Hashable]], Callable[[Answers, Answers], bool]], ...] = (
        ("same_name", _list_names, lambda one, other: True),
        ("same_address", _list_numbers, _have_same_address),
    )
    for reason, list_keys, are_alike in ways:
        taken_new, taken_gone = {pair.new for pair in pairs}, {pair.gone for pair in pairs}
        gone_by_key = defaultdict(set)
        for position, answers in enumerate(gone):
            for key in list_keys(answers) if position not in taken_gone else ():
                gone_by_key[key].add(position)
        partners: dict[int, set[int]] = {}
        for position, answers in enumerate(new):
            if position not in taken_new:
                candidates = set().union(*(gone_by_key.get(key, set()) for key in list_keys(answers)))
                partners[position] = {
                    other
                    for other in candidates
                    if are_alike(answers, gone[other]) and not have_other_numbers(answers, gone[other])
                }
        wanted = [other for found in partners.values() for other in found]
        pairs += [
            LeftOver(position, other, reason)
            for position, found in partners.items()
            for other in found
            if len(found) == 1 and wanted.count(other) == 1
        ]
    return pairs


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
