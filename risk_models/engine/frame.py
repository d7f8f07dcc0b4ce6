"""What the engine reads of suppliers and what it makes of them.

Arrays have one row per indicator and one column per supplier (k, n), so that a column of suppliers lies together in memory.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from functools import lru_cache
from typing import Any, Final, TypeVar

import numpy as np
from numpy.typing import NDArray

from risk_models.model import LEVELS, Model

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
Codes = NDArray[np.int8]
# What kind of number each of these names stands for.
KINDS: Final[dict[str, type[np.generic]]] = {"Floats": np.float64, "Flags": np.bool_, "Codes": np.int8}

STATES: Final = ("not_asked", "answered", "reported", "declined", "expired", "ruled_out")
NOT_ASKED, ANSWERED, REPORTED, DECLINED, EXPIRED, RULED_OUT = range(6)
INSUFFICIENT: Final = len(LEVELS)
WORST_OF_LOW: Final = 75.0  # "low" needs a worst case below this
LEVEL_NAMES: Final = (*LEVELS, "insufficient_evidence")


@dataclass(frozen=True)
class Frame:
    """What a model reads of n suppliers: all (k, n) unless said otherwise.

    ``risk`` r of the answer, NaN where there is none; ``least`` r of the best answer, (k, 1); ``belief`` q of its evidence;
    ``answered``, ``declined``, ``expired``, ``ruled_out`` flags of the indicator's own answer; ``reported`` by workers or
    officials, there ``report`` r and ``report_belief``; ``gated``: declared not to apply by a gate question, with the evidence of
    the declaration ``gate_belief``. Most indicators share a context: ``context`` c with ``context_low`` and ``context_high`` has
    a row for each that differs, (m, n), and ``context_of`` (k,) says which row an indicator has.
    Per supplier (n,): ``inherent_known`` share of context facts known, ``place_known`` country and sector known,
    ``critical_by_silence`` the inherent risk is critical only because facts that were declined count as the worst there are,
    ``case`` 0 none recorded, 1 signals, 2 pattern, 3 emergency.
    """

    risk: Floats
    least: Floats
    belief: Floats
    context: Floats
    context_low: Floats
    context_high: Floats
    context_of: NDArray[np.intp]
    answered: Flags
    declined: Flags
    expired: Flags
    ruled_out: Flags
    reported: Flags
    report: Floats
    report_belief: Floats
    gated: Flags
    gate_belief: Floats
    inherent_known: Floats
    place_known: Flags
    critical_by_silence: Flags
    case: Codes


# Of each supplier, which steadiness reads: weighted means of the products of effective risk e, context c and "its own answer
# covers it", and how far e reaches over the indicators.
MOMENTS: Final = ("ee", "ec", "cc", "e_covered", "c_covered", "lowest", "highest")


@dataclass(frozen=True)
class Scores:
    """What the method makes of a frame, supplier by supplier (n,); see Cells for what each indicator comes to.

    Points of scores are 0..100. ``floors`` (f, n): 0 not reached, 1 reached by what was declined alone ("cannot be ruled out"),
    2 reached by what was admitted, reported or found. ``level`` and ``inherent_level`` index LEVEL_NAMES. ``capped``: the
    score would be critical, but only through declined answers: shown as "up to". ``asked`` is false where ``practice`` is none.
    ``floor`` and ``floor_worst``: the points that floors reached hold the score and its worst case at. ``core_declined``,
    ``core_settled``: any core question declined, all of them answered or ruled out. ``coverage_alone``: coverage without reports.
    ``moments`` (7, n): see MOMENTS.
    """

    base: Floats
    uplift: Floats
    total: Floats
    best: Floats
    worst: Floats
    level: Codes
    inherent_level: Codes
    floors: Codes
    capped: Flags
    harm: Flags
    asked: Flags
    practice: Floats
    practice_of: Floats
    coverage: Floats
    confidence: Floats
    floor: Floats
    floor_worst: Floats
    core_declined: Flags
    core_settled: Flags
    coverage_alone: Floats
    moments: Floats


@dataclass(frozen=True)
class Cells:
    """What each indicator of each supplier comes to (k, n): ``state`` (see STATES), ``effective`` e, ``harms``.

    ``context`` and ``context_of`` are those of the frame, ``share`` the share of each indicator in the weight of all (k, 1).
    """

    context: Floats
    context_of: NDArray[np.intp]
    share: Floats
    state: Codes
    effective: Floats
    harms: Flags

    @property
    def contexts(self) -> Floats:
        """The context of each indicator (k, n)."""
        return self.context[self.context_of]

    @property
    def moves(self) -> Floats:
        """By how many points each indicator moves a score away from the inherent risk (k, n)."""
        return 100.0 * self.share * (self.effective - self.contexts)


Arrays = TypeVar("Arrays", Frame, Scores, Cells)


def empty_scores(frame: Frame, model: Model) -> Scores:
    """Allocate the scores of the suppliers of a frame, which are to be written."""
    n = frame.risk.shape[1]
    shapes = {"floors": (len(model.floors), n), "moments": (len(MOMENTS), n)}
    arrays: dict[str, Any] = {f.name: np.empty(shapes.get(f.name, (n,)), KINDS[str(f.type)]) for f in fields(Scores)}
    return Scores(**arrays)


def empty_cells(frame: Frame, model: Model) -> Cells:
    """Allocate the cells of the suppliers of a frame, which are to be written."""
    shape = frame.risk.shape
    return Cells(
        context=frame.context,
        context_of=frame.context_of,
        share=get_weight_shares(model),
        state=np.empty(shape, dtype=np.int8),
        effective=np.empty(shape),
        harms=np.empty(shape, dtype=np.bool_),
    )


def take(arrays: Arrays, positions: slice | NDArray[np.intp]) -> Arrays:
    """The same of some suppliers; of a slice of them a view, not a copy."""
    arrays = {f.name: getattr(arrays, f.name) for f in fields(arrays)}
    return replace(
        arrays, **{name: array[..., positions] for name, array in arrays.items() if name not in ("least", "context_of", "share")}
    )


@lru_cache(maxsize=64)
def get_weight_shares(model: Model) -> Floats:
    """The share of each indicator in the weight of all (k, 1), to be read alone."""
    share = np.array([[indicator.weight / model.weight] for indicator in model.indicators])
    share.flags.writeable = False
    return share
