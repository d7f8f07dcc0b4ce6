"""Which floors hold: named rules that count signs at work, hear declined core questions, or read the strength of case records.

A sign is told by one indicator or by any of several (risk_models.model.Floor). Each is read in three ways: what was found, what
was declined or found, and what is bad at worst.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from risk_models.answers import Flags, Floats
from risk_models.model import CASES, Model


@dataclass(frozen=True)
class Readings:
    """Which sign of a floor reads which indicator, (m,) in the order of the signs; from what r on, and whether any report acts,
    (m, 1). ``floor``: the floor of each sign (s,), in the order of the floors.
    """

    floor: NDArray[np.intp]
    sign: NDArray[np.intp]
    indicator: NDArray[np.intp]
    from_risk: Floats
    by_report: Flags


@lru_cache(maxsize=64)
def readings_of(model: Model) -> Readings:
    """What the floors of a model read. A strong sign acts on any report of it; other floors read the risk alone."""
    strong = {indicator.id for indicator in model.indicators if indicator.severe}
    at = {indicator.id: i for i, indicator in enumerate(model.indicators)}
    signs = [(f, floor, sign) for f, floor in enumerate(model.floors) for sign in floor.signals]
    read = [(s, at[name], floor) for s, (_, floor, sign) in enumerate(signs) for name in sign]
    return Readings(
        np.array([f for f, _, _ in signs], dtype=np.intp),
        np.array([s for s, _, _ in read], dtype=np.intp),
        np.array([i for _, i, _ in read], dtype=np.intp),
        np.array([floor.min_risk for _, _, floor in read])[:, None],
        np.array([strong.issuperset(floor.indicator_ids) for _, _, floor in read], dtype=bool)[:, None],
    )


@lru_cache(maxsize=1024)
def readings_within(model: Model, start: int, stop: int) -> Readings:
    """What the floors of a model read of its indicators from one up to another."""
    of = readings_of(model)
    here = np.flatnonzero((of.indicator >= start) & (of.indicator < stop))
    return Readings(of.floor, of.sign[here], of.indicator[here], of.from_risk[here], of.by_report[here])


def mark(so_far: Flags, sign: NDArray[np.intp], flags: Flags) -> None:
    """Marks the signs of which any row holds: ``flags`` (3, m, n) with the sign of each row, in the order of the signs."""
    if flags.shape[2] > len(sign):  # many suppliers, few rows
        for row, s in enumerate(sign.tolist()):
            so_far[:, s] |= flags[:, row]
        return
    first = np.flatnonzero(np.append(True, sign[1:] != sign[:-1]))
    so_far[:, sign[first]] |= np.logical_or.reduceat(flags, first, axis=1)


def counted(signs: Flags, floor: NDArray[np.intp], floors: int) -> NDArray[np.int16]:
    """How many of its signs each floor has (3, f, n): ``signs`` (3, s, n) with the floor of each, in the order of the floors."""
    count = np.zeros((3, floors, signs.shape[2]), dtype=np.int16)
    if signs.shape[2] > len(floor):
        for s, f in enumerate(floor.tolist()):
            count[:, f] += signs[:, s]
    elif len(floor):
        first = np.flatnonzero(np.append(True, floor[1:] != floor[:-1]))
        count[:, floor[first]] = np.add.reduceat(signs, first, axis=1, dtype=np.int16)
    return count


def reached(
    model: Model, counts: NDArray[np.int16], case: NDArray[np.int8], core_declined: Flags, core_settled: Flags
) -> tuple[Flags, Flags, Flags]:
    """Where each floor acts (f, n): by what was found, by what was declined, and at worst.

    ``counts`` (3, f, n): how many of its signs were found, declined or found, and bad at worst; ``case`` (n,) as in Frame.
    """
    needed = np.array([floor.min_signals for floor in model.floors])[:, None]
    by_fact, by_silence, by_worst = (count >= needed for count in counts)
    for f, floor in enumerate(model.floors):
        if floor.case is not None:
            by_case = case >= CASES.index(floor.case)
            by_fact[f] = by_silence[f] = by_worst[f] = by_case
        elif floor.declined_core:
            by_fact[f], by_silence[f], by_worst[f] = False, core_declined, ~core_settled
    return by_fact, by_silence, by_worst
