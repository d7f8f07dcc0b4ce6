"""Compute what each indicator says about each supplier, one block of indicators and suppliers at a time.

As everywhere in the engine, arrays have one row per indicator and one column per supplier (k, n).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from risk_models.engine.frame import (
    ANSWERED,
    DECLINED,
    EXPIRED,
    REPORTED,
    RULED_OUT,
    Codes,
    Flags,
    Floats,
    Frame,
)
from risk_models.model import Model

BLOCK_CELLS: Final = 8_192  # cells computed at once: all indicators of a few suppliers, or a few indicators of many
HARM_FROM: Final = 0.5  # the lowest r at which an answer admits harm


def compute_blocks(frame: Frame, model: Model) -> Iterator[IndicatorBlock]:
    """Yield the results of all indicators: as one block for a few suppliers, or indicator by indicator for many."""
    k, n = frame.risk.shape
    overruled = _find_overruled(frame, model)
    step = max(1, BLOCK_CELLS // max(1, n))
    for start in range(0, k, step):
        indicators = slice(start, min(k, start + step))
        yield _compute_block(frame, indicators, overruled[indicators], model)


@dataclass(frozen=True)
class IndicatorBlock:
    """The results of some indicators (a slice of the model's) for n suppliers, arrays (m, n).

    ``floor_risk``: the r that floors read; ``settled``: answered, declared not to apply or ruled out; ``confirmed``: settled by
    facts or with confirmed evidence; ``worst_given``: as ``worst``, with our own gaps at their point value. Numbers 1 or 0:
    ``asked``, anything was answered, declined or reported; ``covered``, it is answered; ``covered_or_reported``.
    """

    indicators: slice
    context: Floats
    state: Codes
    effective: Floats
    best: Floats
    worst: Floats
    worst_given: Floats
    harm: Flags
    declined: Flags
    reported: Flags
    settled: Flags
    confirmed: Flags
    belief: Floats
    floor_risk: Floats
    asked: Floats
    covered: Floats
    covered_or_reported: Floats


@dataclass(frozen=True)
class _BlockInputs:
    """The inputs of a block as flat arrays (m * n,), except for ``lowest_risk`` (m,) and ``shape`` (m, n).

    ``context_highs`` (1, m * n), since method 4 (2, m * n): the second takes our own gaps at their point value. ``risk``: r, 0
    where there is no answer; ``reassures``: an answer that lowers the risk as far as it is believed; ``counts``: an answer that
    says something, good or bad. ``documented`` and ``place_open``: None if they hold for no supplier.
    """

    shape: tuple[int, ...]
    context: Floats
    context_low: Floats
    context_highs: Floats
    lowest_risk: Floats
    risk: Floats
    belief: Floats
    answered: Flags
    admits: Flags
    reassures: Flags
    counts: Flags
    reported: Flags
    screened_out: Flags
    ruled_out: Flags
    declined: Flags
    expired: Flags
    documented: Flags | None
    place_open: Flags | None


@dataclass
class _BlockCells:
    """The results of a block while they are computed, flat (m * n,), ``worst`` as ``context_highs``; see IndicatorBlock."""

    effective: Floats
    best: Floats
    worst: Floats
    harm: Flags
    settled: Flags
    covered: Floats
    state: Codes
    floor_risk: Floats
    belief: Floats
    asked: Floats


_ZEROS = np.zeros(BLOCK_CELLS)


def _compute_block(frame: Frame, indicators: slice, overruled: Flags, model: Model) -> IndicatorBlock:
    """Return the table of method section 3 for some indicators; ``overruled``: whether harm overrules a screening question.

    Every cell is computed as answered or not asked, times 0 or 1 where a part does not apply: branching on random flags is far
    slower, and so is a product of a number and a flag. The few other cells are then overwritten.
    """
    inputs = _flatten_inputs(frame, indicators, overruled, model)
    cells = _compute_answered_cells(inputs)
    exceptional = inputs.expired | inputs.screened_out | inputs.declined | inputs.reported | inputs.ruled_out
    exceptions = np.flatnonzero(exceptional)
    if exceptions.size:
        cells.floor_risk = inputs.risk.copy()
        if (at := exceptions[inputs.expired[exceptions]]).size:
            _write_expired(cells, inputs, at)
        if (at := exceptions[inputs.screened_out[exceptions]]).size:
            _write_screened_out(cells, inputs, at, frame.screening_belief[indicators].ravel()[at])
        if (at := exceptions[inputs.declined[exceptions]]).size:
            _write_declined(cells, inputs, at)
        if (at := exceptions[inputs.reported[exceptions]]).size:
            report_risk, report_belief = (
                report[indicators].ravel()[at] for report in (frame.report_risk, frame.report_belief)
            )
            _write_reported(cells, inputs, at, report_risk, report_belief)
        if (at := exceptions[inputs.ruled_out[exceptions]]).size:
            _write_ruled_out(cells, inputs, at)
    if inputs.documented is not None:
        # Nothing said on site counts there, so no case is better than what is to be expected (method-4, section 5).
        np.maximum(cells.best, inputs.context_low * inputs.documented, out=cells.best)

    # The low and high values of an uncertain context may cross a score computed at its central value, but the range must always
    # contain the score.
    np.minimum(cells.best, cells.effective, out=cells.best)
    np.maximum(cells.worst, cells.effective, out=cells.worst)
    if inputs.place_open is not None:
        cells.worst[:, inputs.place_open & ~inputs.ruled_out] = 1.0  # in the worst case no answer counts
    covered_or_reported = cells.covered
    if inputs.reported.any():
        covered_or_reported = cells.covered.copy()
        covered_or_reported[inputs.reported] = 1.0
    arrays: dict[str, NDArray[Any]] = {
        "context": inputs.context,
        "state": cells.state,
        "effective": cells.effective,
        "best": cells.best,
        "worst": cells.worst[0],
        "worst_given": cells.worst[-1],
        "harm": cells.harm,
        "declined": inputs.declined,
        "reported": inputs.reported,
        "settled": cells.settled,
        "belief": cells.belief,
        "floor_risk": cells.floor_risk,
        "asked": cells.asked,
        "covered": cells.covered,
        "confirmed": _find_confirmed(frame, indicators, inputs),
    }
    shaped = {name: values.reshape(inputs.shape) for name, values in arrays.items()}
    same = covered_or_reported is cells.covered
    return IndicatorBlock(
        indicators=indicators,
        covered_or_reported=shaped["covered"] if same else covered_or_reported.reshape(inputs.shape),
        **shaped,
    )


def _find_confirmed(frame: Frame, indicators: slice, inputs: _BlockInputs) -> Flags:
    """Return where facts or confirmed evidence settle an indicator, flat (m * n,); False before method 4."""
    if frame.confirmed is None or frame.screening_confirmed is None:
        return np.zeros_like(inputs.answered)
    own = frame.confirmed[indicators].ravel() & inputs.answered & ~inputs.expired
    declared = frame.screening_confirmed[indicators].ravel() & inputs.screened_out
    confirmed: Flags = own | declared | inputs.ruled_out
    return confirmed


def _flatten_inputs(frame: Frame, indicators: slice, overruled: Flags, model: Model) -> _BlockInputs:
    row = frame.context_row[indicators]
    rows = row if len(row) > 1 else slice(int(row[0]), int(row[0]) + 1)  # one row is a view, several are a copy
    context = frame.context[rows]
    answered, reported = frame.answered[indicators].ravel(), frame.reported[indicators].ravel()
    risk = np.fmax(frame.risk[indicators].ravel(), _ZEROS[: context.size])
    admits = risk >= HARM_FROM
    # From ``unknown_from`` on, an answer below the level of harm means that nobody knows, so it does not reassure.
    reassures = answered & (risk < min(HARM_FROM, model.unknown_from))
    screened_out = (frame.screened_out[indicators] & ~overruled).ravel()
    ruled_out = frame.ruled_out[indicators].ravel() & ~reported
    declined = frame.declined[indicators].ravel() & ~screened_out
    if model.method > 1:
        declined &= ~ruled_out  # declining to answer about what cannot occur has no effect
    highs = [frame.context_high] if frame.context_high_given is None else [frame.context_high, frame.context_high_given]
    return _BlockInputs(
        shape=context.shape,
        context=context.ravel(),
        context_low=frame.context_low[rows].ravel(),
        context_highs=np.array([high[rows].ravel() for high in highs]),
        lowest_risk=frame.lowest_risk[indicators].ravel(),
        risk=risk,
        belief=frame.belief[indicators].ravel(),
        answered=answered,
        admits=admits,
        reassures=reassures,
        counts=reassures | admits if model.unknown_from < HARM_FROM else answered,
        reported=reported,
        screened_out=screened_out,
        ruled_out=ruled_out,
        declined=declined,
        expired=frame.expired[indicators].ravel() & answered & ~admits,
        documented=_repeat_flags(frame.documented, len(context)),
        place_open=_repeat_flags(frame.place_open, len(context)),
    )


def _repeat_flags(flags: Flags | None, times: int) -> Flags | None:
    """Return flags of suppliers (n,) for each of m indicators, flat (m * n,); None if there are none."""
    return np.tile(flags, times) if flags is not None and flags.any() else None


def _compute_answered_cells(inputs: _BlockInputs) -> _BlockCells:
    """Return every cell as answered or not asked. Evidence counts only for reassuring answers."""
    risk, context = inputs.risk, inputs.context
    reassuring_belief = inputs.reassures.astype(np.float64)
    reassuring_belief *= inputs.belief
    belief = inputs.counts.astype(np.float64)
    belief *= inputs.belief
    effective = context - risk
    effective *= reassuring_belief
    np.subtract(context, effective, out=effective)
    np.maximum(effective, risk, out=effective)
    worst = np.maximum(risk, inputs.context_highs)
    np.subtract(1.0, worst, out=worst)
    worst *= reassuring_belief
    np.subtract(1.0, worst, out=worst)
    asked = inputs.answered.astype(np.float64)
    best = risk.copy()
    if inputs.lowest_risk.any():
        best += np.minimum(inputs.context_low, np.repeat(inputs.lowest_risk, inputs.shape[1])) * ~inputs.answered
    return _BlockCells(
        effective=effective,
        best=best,
        worst=worst,
        harm=inputs.admits | inputs.reported,
        settled=inputs.answered.copy(),
        covered=asked.copy(),
        state=inputs.answered.astype(np.int8),  # NOT_ASKED or ANSWERED
        floor_risk=risk,
        belief=belief,
        asked=asked,
    )


def _write_expired(cells: _BlockCells, inputs: _BlockInputs, at: NDArray[np.intp]) -> None:
    lowest_risk = inputs.lowest_risk[at // inputs.shape[1]]
    cells.effective[at] = np.maximum(inputs.context[at], inputs.risk[at])
    cells.best[at] = np.minimum(inputs.context_low[at], lowest_risk)
    cells.worst[:, at] = 1.0
    cells.state[at], cells.settled[at], cells.covered[at], cells.belief[at] = EXPIRED, False, 0.0, 0.0


def _write_screened_out(cells: _BlockCells, inputs: _BlockInputs, at: NDArray[np.intp], belief: Floats) -> None:
    """Write the cells to which a declaration applies: it counts as an answer with r = 0 if this gives less than the cell's own
    answer."""
    context = inputs.context[at]
    cells.effective[at] = np.minimum(cells.effective[at], context - belief * context)
    cells.best[at] = np.minimum(cells.best[at], 0.0)
    cells.worst[:, at] = np.minimum(cells.worst[:, at], 1.0 - belief * (1.0 - inputs.context_highs[:, at]))
    cells.state[at], cells.settled[at], cells.covered[at] = ANSWERED, True, 1.0
    cells.belief[at] = np.maximum(cells.belief[at], belief)
    cells.asked[at] = 1.0
    cells.floor_risk[at] *= cells.harm[at]


def _write_declined(cells: _BlockCells, inputs: _BlockInputs, at: NDArray[np.intp]) -> None:
    cells.effective[at], cells.best[at] = 1.0, inputs.lowest_risk[at // inputs.shape[1]]
    cells.worst[:, at] = 1.0
    cells.state[at], cells.settled[at], cells.covered[at] = DECLINED, False, 0.0
    cells.belief[at], cells.asked[at] = 0.0, 1.0


def _write_reported(
    cells: _BlockCells, inputs: _BlockInputs, at: NDArray[np.intp], report_risk: Floats, report_belief: Floats
) -> None:
    """Write the cells with a report, which can raise a value but never replaces a higher one."""
    cells.effective[at] = np.maximum(np.maximum(report_risk, inputs.context[at]), cells.effective[at])
    cells.best[at] = np.maximum(report_risk, cells.best[at])
    cells.worst[:, at] = 1.0
    cells.state[at], cells.belief[at], cells.asked[at] = REPORTED, np.maximum(cells.belief[at], report_belief), 1.0
    cells.floor_risk[at] = np.fmax(cells.floor_risk[at], report_risk)


def _write_ruled_out(cells: _BlockCells, inputs: _BlockInputs, at: NDArray[np.intp]) -> None:
    """Write the cells that facts rule out, whatever the answer; only a report of harm contradicts the facts.

    Where labour is documented as imposed by a state, what is ruled out stays at its context (method-4, section 5).
    """
    documented = 0.0 if inputs.documented is None else inputs.documented[at]
    possibly = documented if inputs.place_open is None else documented + inputs.place_open[at]
    cells.effective[at], cells.best[at] = inputs.context[at] * documented, inputs.context_low[at] * documented
    cells.worst[:, at] = inputs.context_highs[:, at] * possibly
    cells.floor_risk[at] = 0.0
    cells.harm[at] = False
    cells.state[at], cells.settled[at], cells.covered[at] = RULED_OUT, True, 0.0
    cells.belief[at], cells.asked[at] = 0.0, 0.0


def _find_overruled(frame: Frame, model: Model) -> Flags:
    """Return where harm in an indicator behind a screening question overrules that question (k, n)."""
    position = {indicator.id: i for i, indicator in enumerate(model.indicators)}
    overruled = np.zeros(frame.risk.shape, dtype=bool)
    for question in model.screening_questions:
        behind = [position[indicator_id] for indicator_id in question.indicators]
        overruled[behind] |= ((frame.risk[behind] >= HARM_FROM) | frame.reported[behind]).any(axis=0)
    return overruled
