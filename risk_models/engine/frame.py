"""Define the arrays that the engine reads and the arrays that it fills.

Arrays have one row per indicator and one column per supplier (k, n), so that the suppliers of one indicator are contiguous in
memory.
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
DTYPES: Final[dict[str, type[np.generic]]] = {"Floats": np.float64, "Flags": np.bool_, "Codes": np.int8}

STATES: Final = ("not_asked", "answered", "reported", "declined", "expired", "ruled_out")
NOT_ASKED, ANSWERED, REPORTED, DECLINED, EXPIRED, RULED_OUT = range(6)
INSUFFICIENT: Final = len(LEVELS)
WORST_OF_LOW: Final = 75.0  # the level Low requires a worst case below this value
LEVEL_NAMES: Final = (*LEVELS, "insufficient_evidence")


@dataclass(frozen=True)
class Frame:
    """The inputs of a model for n suppliers: arrays (k, n) unless stated otherwise.

    ``risk``: r of the answer, NaN if there is none; ``lowest_risk``: r of the best possible answer, (k, 1); ``belief``: q of the
    evidence for the answer. ``answered``, ``declined``, ``expired``, ``ruled_out``: flags of the indicator's own answer.
    ``reported``: by workers or officials, with ``report_risk`` r and ``report_belief`` q. ``screened_out``: a screening question
    declares that the indicator does not apply, with ``screening_belief`` q of the evidence for that declaration. Most indicators
    share a context: ``context`` c, ``context_low`` and ``context_high`` have a row for each distinct one, (m, n), and
    ``context_row`` (k,) gives the row of each indicator.
    ``context_high_given``: as ``context_high``, with our own gaps at their point value. ``confirmed``: evidence confirmed by the
    buyer supports the answer; ``screening_confirmed``: the same of the declaration. All are None before method 4.
    Per supplier (n,): ``inherent_known``, the share of context facts that are known; ``place_known``, country and sector are
    known; ``critical_by_declined``, the inherent risk is critical only because declined facts count as the worst there are;
    ``case``: 0 none recorded, 1 signals, 2 pattern, 3 emergency; ``documented``: labour imposed by a state is documented there,
    so that no answer counts; ``place_open``: it may be, as the place was not given. The last two are None before method 4.
    """

    risk: Floats
    lowest_risk: Floats
    belief: Floats
    context: Floats
    context_low: Floats
    context_high: Floats
    context_row: NDArray[np.intp]
    answered: Flags
    declined: Flags
    expired: Flags
    ruled_out: Flags
    reported: Flags
    report_risk: Floats
    report_belief: Floats
    screened_out: Flags
    screening_belief: Floats
    inherent_known: Floats
    place_known: Flags
    critical_by_declined: Flags
    case: Codes
    context_high_given: Floats | None = None
    confirmed: Flags | None = None
    screening_confirmed: Flags | None = None
    documented: Flags | None = None
    place_open: Flags | None = None


# For the robustness of each supplier: weighted means of the products of effective risk e, context c and "covered by its own
# answer", then the smallest and the largest e of all indicators.
MOMENTS: Final = ("ee", "ec", "cc", "e_covered", "c_covered", "lowest", "highest")


@dataclass(frozen=True)
class Scores:
    """The results of a model for n suppliers as arrays (n,). For the results of each indicator, see Cells.

    Scores are points 0..100. ``base``: of the inherent risk; ``uplift``: what floors add; ``best`` and ``worst``: the range of
    ``total``. ``floors`` (f, n): 0 not reached, 1 reached only through declined answers ("cannot be ruled out"), 2 reached
    through what was admitted, reported or found. ``floor_points`` and ``worst_floor_points``: the highest minimum score of the
    floors reached, shown and in the worst case. ``level`` and ``inherent_level`` index LEVEL_NAMES. ``capped``: the score would
    be critical, but only through declined answers; it is shown as "up to". ``practice``: the points of what was asked, out of
    ``practice_of``; ``asked``: anything was asked or reported. ``core_declined``, ``core_settled``: any core question declined,
    all of them answered or ruled out; ``core_confirmed``: all of them ruled out, or answered with confirmed evidence.
    ``worst_given``: the worst case with our own gaps at their point value; ``documented`` and ``place_open`` as in Frame. Before
    method 4 these are False, and ``worst_given`` is ``worst``. ``coverage_without_reports``: coverage by own answers alone.
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
    floor_points: Floats
    worst_floor_points: Floats
    core_declined: Flags
    core_settled: Flags
    core_confirmed: Flags
    worst_given: Floats
    documented: Flags
    place_open: Flags
    coverage_without_reports: Floats
    moments: Floats


@dataclass(frozen=True)
class Cells:
    """The results of each indicator of each supplier (k, n): ``state`` (see STATES), effective risk ``effective``, ``harm``.

    ``context`` and ``context_row`` are those of the frame. ``share``: the share of each indicator in the total weight (k, 1).
    """

    context: Floats
    context_row: NDArray[np.intp]
    share: Floats
    state: Codes
    effective: Floats
    harm: Flags

    @property
    def contexts(self) -> Floats:
        """Return the context of each indicator (k, n)."""
        return self.context[self.context_row]

    @property
    def contributions(self) -> Floats:
        """Return the points by which each indicator moves a score away from the inherent risk (k, n)."""
        return 100.0 * self.share * (self.effective - self.contexts)


Arrays = TypeVar("Arrays", Frame, Scores, Cells)
PER_INDICATOR: Final = ("lowest_risk", "context_row", "share")  # the fields with the same value for all suppliers


def empty_scores(frame: Frame, model: Model) -> Scores:
    """Allocate arrays for the scores of the suppliers in a frame."""
    n = frame.risk.shape[1]
    shapes = {"floors": (len(model.floors), n), "moments": (len(MOMENTS), n)}
    arrays: dict[str, Any] = {
        field.name: np.empty(shapes.get(field.name, (n,)), DTYPES[str(field.type)]) for field in fields(Scores)
    }
    return Scores(**arrays)


def empty_cells(frame: Frame, model: Model) -> Cells:
    """Allocate arrays for the cells of the suppliers in a frame."""
    shape = frame.risk.shape
    return Cells(
        context=frame.context,
        context_row=frame.context_row,
        share=get_weight_shares(model),
        state=np.empty(shape, dtype=np.int8),
        effective=np.empty(shape),
        harm=np.empty(shape, dtype=np.bool_),
    )


def take(arrays: Arrays, suppliers: slice | NDArray[np.intp]) -> Arrays:
    """Return the same arrays for some of the suppliers (positions); for a slice they are views, not copies."""
    names = [field.name for field in fields(arrays) if field.name not in PER_INDICATOR]
    values = {name: value for name in names if (value := getattr(arrays, name)) is not None}
    return replace(arrays, **{name: value[..., suppliers] for name, value in values.items()})


@lru_cache(maxsize=64)
def get_weight_shares(model: Model) -> Floats:
    """Return the share of each indicator in the total weight (k, 1), read-only."""
    share = np.array([[indicator.weight / model.total_weight] for indicator in model.indicators])
    share.flags.writeable = False
    return share
