"""Evaluate floors: minimum-score rules on signals, on declined core questions, or on the strength of case records.

A signal is one indicator, or several that report the same fact (risk_models.model.Floor). Signals are counted in three ways:
those found, those declined or found, and those that are bad in the worst case.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from risk_models.answers import Flags, Floats
from risk_models.model import CASES, Model


@dataclass(frozen=True)
class FloorInputs:
    """The indicators that the signals of floors read, with one row for each pair, ordered by signal.

    ``signal``, ``indicator`` (m,): positions; ``min_risk`` (m, 1): the lowest r at which the indicator counts; ``by_report`` (m,
    1): whether any report of it counts. ``floor`` (s,): the floor of each signal, ordered by floor.
    """

    floor: NDArray[np.intp]
    signal: NDArray[np.intp]
    indicator: NDArray[np.intp]
    min_risk: Floats
    by_report: Flags


@lru_cache(maxsize=64)
def build_floor_inputs(model: Model) -> FloorInputs:
    """Return what the floors of a model read.

    For a floor that reads only severe indicators, any report counts; other floors read only the risk.
    """
    severe = {indicator.id for indicator in model.indicators if indicator.severe}
    position = {indicator.id: i for i, indicator in enumerate(model.indicators)}
    signals = [(f, floor, signal) for f, floor in enumerate(model.floors) for signal in floor.signals]
    rows = [(s, position[name], floor) for s, (_, floor, signal) in enumerate(signals) for name in signal]
    return FloorInputs(
        np.array([f for f, _, _ in signals], dtype=np.intp),
        np.array([s for s, _, _ in rows], dtype=np.intp),
        np.array([i for _, i, _ in rows], dtype=np.intp),
        np.array([floor.min_risk for _, _, floor in rows])[:, None],
        np.array([severe.issuperset(floor.indicator_ids) for _, _, floor in rows], dtype=bool)[:, None],
    )


@lru_cache(maxsize=1024)
def select_floor_inputs(model: Model, start: int, stop: int) -> FloorInputs:
    """Return what the floors of a model read from its indicators at positions ``start`` up to ``stop``."""
    inputs = build_floor_inputs(model)
    rows = np.flatnonzero((inputs.indicator >= start) & (inputs.indicator < stop))
    return FloorInputs(
        inputs.floor, inputs.signal[rows], inputs.indicator[rows], inputs.min_risk[rows], inputs.by_report[rows]
    )


def mark_signals(marked: Flags, signal: NDArray[np.intp], flags: Flags) -> None:
    """Mark, in ``marked`` (3, s, n), the signals for which any row is set.

    ``flags`` (3, m, n): the rows; ``signal`` (m,): the signal of each row, in ascending order.
    """
    if flags.shape[2] > len(signal):  # many suppliers, few rows
        for row, s in enumerate(signal.tolist()):
            marked[:, s] |= flags[:, row]
        return
    first = np.flatnonzero(np.append(True, signal[1:] != signal[:-1]))
    marked[:, signal[first]] |= np.logical_or.reduceat(flags, first, axis=1)


def count_signals(signals: Flags, floor: NDArray[np.intp], floors: int) -> NDArray[np.int16]:
    """Return the number of marked signals of each floor (3, f, n).

    ``signals`` (3, s, n): which are marked; ``floor`` (s,): the floor of each signal, in ascending order; ``floors``: how many.
    """
    count = np.zeros((3, floors, signals.shape[2]), dtype=np.int16)
    if signals.shape[2] > len(floor):
        for s, f in enumerate(floor.tolist()):
            count[:, f] += signals[:, s]
    elif len(floor):
        first = np.flatnonzero(np.append(True, floor[1:] != floor[:-1]))
        count[:, floor[first]] = np.add.reduceat(signals, first, axis=1, dtype=np.int16)
    return count


def evaluate_floors(
    model: Model, counts: NDArray[np.int16], case: NDArray[np.int8], core_declined: Flags, core_settled: Flags
) -> tuple[Flags, Flags, Flags]:
    """Return for which suppliers each floor is reached (f, n): by what was found, by what was declined, and in the worst case.

    ``counts`` (3, f, n): how many of its signals were found, declined or found, and bad in the worst case; ``case`` (n,) as in
    Frame.
    """
    needed = np.array([floor.min_signals for floor in model.floors])[:, None]
    by_finding, by_declined, in_worst_case = (count >= needed for count in counts)
    for f, floor in enumerate(model.floors):
        if floor.case is not None:
            by_case = case >= CASES.index(floor.case)
            by_finding[f] = by_declined[f] = in_worst_case[f] = by_case
        elif floor.declined_core:
            by_finding[f], by_declined[f], in_worst_case[f] = False, core_declined, ~core_settled
    return by_finding, by_declined, in_worst_case
