"""Compute scores from answers and contexts: the arithmetic of the method, section 3.

Arrays have one row per indicator and one column per supplier (k, n), so that the suppliers of one indicator are contiguous in
memory. Sums run over the indicators in model order, one after the other: the same inputs give the same number to the last bit,
whether alone or in a batch, on any machine. The code uses no exp, no log, no matrix products and no sums of fractions over an
axis.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from risk_models.engine.floors import (
    build_floor_inputs,
    count_signals,
    evaluate_floors,
    mark_signals,
    select_floor_inputs,
)
from risk_models.engine.frame import (
    ANSWERED,
    DECLINED,
    EXPIRED,
    INSUFFICIENT,
    REPORTED,
    RULED_OUT,
    WORST_OF_LOW,
    Cells,
    Codes,
    Flags,
    Floats,
    Frame,
    Scores,
    empty_cells,
    empty_scores,
    get_weight_shares,
    take,
)
from risk_models.model import LEVELS, Model

BLOCK_CELLS: Final = (
    8_192  # the number of cells computed at once: all indicators of a few suppliers, or a few indicators of many
)
CHUNK_SIZE: Final = (
    2_048  # the number of suppliers whose cells are in memory at once; a block then has four of their indicators
)
HARM_FROM: Final = 0.5  # the lowest r at which an answer admits harm


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


def score(frame: Frame, model: Model) -> tuple[Scores, Cells]:
    """Score the n suppliers of a frame under a model; return their scores and the results of each indicator.

    For each supplier ``best <= total <= worst``, and ``base + contributions + uplift = total`` to 1e-9. Raises ValueError if the
    frame does not have the indicators of the model. Source of the rules: docs/method.md.
    """
    n = frame.risk.shape[1]
    scores, cells = empty_scores(frame, model), empty_cells(frame, model)
    if n <= CHUNK_SIZE:  # creating the slices takes a sixth of the time needed to score one supplier
        _score_chunk(frame, model, scores, cells)
        return scores, cells
    for suppliers in _list_chunks(n):
        _score_chunk(take(frame, suppliers), model, take(scores, suppliers), take(cells, suppliers))
    return scores, cells


def score_in_chunks(frame: Frame, model: Model) -> tuple[Scores, Iterator[tuple[slice, Cells]]]:
    """Score many suppliers in chunks, because their cells would take several times as much memory as their scores.

    Returns the scores, which are filled in while the caller iterates over the chunks, and the chunks, each with the suppliers it
    contains and their cells. The first chunk raises ValueError in the same cases as :func:`score`.
    """
    scores = empty_scores(frame, model)

    def iterate_chunks() -> Iterator[tuple[slice, Cells]]:
        for suppliers in _list_chunks(frame.risk.shape[1]):
            chunk = take(frame, suppliers)
            cells = empty_cells(chunk, model)
            _score_chunk(chunk, model, take(scores, suppliers), cells)
            yield suppliers, cells

    return scores, iterate_chunks()


def _list_chunks(supplier_count: int) -> Iterator[slice]:
    for start in range(0, supplier_count, CHUNK_SIZE):
        yield slice(start, min(supplier_count, start + CHUNK_SIZE))


def compute_blocks(frame: Frame, model: Model) -> Iterator[IndicatorBlock]:
    """Yield the results of all indicators: as one block for a few suppliers, or indicator by indicator for many."""
    k, n = frame.risk.shape
    overruled = _find_overruled(frame, model)
    step = max(1, BLOCK_CELLS // max(1, n))
    for start in range(0, k, step):
        indicators = slice(start, min(k, start + step))
        yield _compute_block(frame, indicators, overruled[indicators], model)


class _Totals:
    """The totals over all indicators for n suppliers: sums (n,), flags (n,), and signals of floors (3, s, n)."""

    def __init__(self, model: Model, scores: Scores, n: int) -> None:
        self.base, self.best, self.worst, self.worst_given, self.contributions = np.zeros((5, n))
        self.practice, self.practice_of, self.covered_or_reported, self.covered, self.believed = np.zeros((5, n))
        *self.products, self.lowest, self.highest = scores.moments
        scores.moments[:], self.lowest[:] = 0.0, 1.0
        self.harm, self.core_declined = np.zeros(n, dtype=bool), np.zeros(n, dtype=bool)
        self.core_settled, self.core_confirmed = np.ones((2, n), dtype=bool)
        # Found, declined or found, bad in the worst case.
        self.signals = np.zeros((3, len(build_floor_inputs(model).floor), n), dtype=bool)

    def add_numbers(self, block: IndicatorBlock, share: Floats) -> None:
        """Add the numbers of a block; ``share`` (m, 1): the share of each indicator in the total weight."""
        points = 100.0 * share
        contributions = block.effective - block.context
        contributions *= points
        asked = points * block.asked
        covered = share * block.covered
        e, c = share * block.effective, share * block.context
        all_covered = block.covered is block.covered_or_reported
        products = (e * block.effective, e * block.context, c * block.context, e * block.covered, c * block.covered)
        _add_rows(
            (self.base, points * block.context),
            (self.contributions, contributions),
            (self.best, points * block.best),
            (self.worst, points * block.worst),
            (self.worst_given, points * block.worst_given),
            (self.practice, asked * block.effective),
            (self.practice_of, asked),
            (self.covered, covered),
            (self.covered_or_reported, covered if all_covered else share * block.covered_or_reported),
            (self.believed, share * block.belief),
            *zip(self.products, products, strict=True),
        )
        np.minimum(self.lowest, block.effective.min(axis=0), out=self.lowest)
        np.maximum(self.highest, block.effective.max(axis=0), out=self.highest)

    def add_flags(self, block: IndicatorBlock, core: NDArray[np.bool_], safeguard: Flags) -> None:
        """Add the flags of a block; ``core`` (m,) and ``safeguard`` (m, 1): whether its indicators are core questions or
        safeguards."""
        # A missing safeguard is a finding but not harm to anyone, unless someone reports it.
        self.harm |= (block.harm & (~safeguard | block.reported)).any(axis=0)
        if core.any():
            self.core_declined |= block.declined[core].any(axis=0)
            self.core_settled &= block.settled[core].all(axis=0)
            self.core_confirmed &= block.confirmed[core].all(axis=0)

    def mark_signals(self, block: IndicatorBlock, model: Model) -> None:
        """Mark the signals of floors that the indicators of a block trigger."""
        inputs = select_floor_inputs(model, block.indicators.start, block.indicators.stop)
        if not len(inputs.signal):
            return
        rows = inputs.indicator - block.indicators.start
        found = (block.floor_risk[rows] >= inputs.min_risk) | (block.reported[rows] & inputs.by_report)
        unsettled = block.harm[rows] | block.declined[rows] | ~block.settled[rows]
        mark_signals(self.signals, inputs.signal, np.array([found, found | block.declined[rows], found | unsettled]))


def _score_chunk(frame: Frame, model: Model, scores: Scores, cells: Cells) -> None:
    """Fill in the scores and the cells of at most CHUNK_SIZE suppliers."""
    k, n = frame.risk.shape
    if k != len(model.indicators):
        raise ValueError(f"the frame has {k} indicators, {model.id} {model.version} has {len(model.indicators)}")
    shares = get_weight_shares(model)
    core = np.array([indicator.core for indicator in model.indicators])
    safeguard = np.array([[indicator.safeguard] for indicator in model.indicators])
    totals = _Totals(model, scores, n)
    for block in compute_blocks(frame, model):
        i = block.indicators
        cells.state[i], cells.effective[i], cells.harm[i] = block.state, block.effective, block.harm
        totals.add_numbers(block, shares[i])
        totals.add_flags(block, core[i], safeguard[i])
        totals.mark_signals(block, model)
    _write_scores(frame, model, totals, scores)


def _write_scores(frame: Frame, model: Model, totals: _Totals, scores: Scores) -> None:
    counts = count_signals(totals.signals, build_floor_inputs(model).floor, len(model.floors))
    by_finding, by_declined, in_worst_case = evaluate_floors(
        model, counts, frame.case, totals.core_declined, totals.core_settled
    )
    by_declined |= by_finding
    in_worst_case |= by_declined
    scores.floors[:] = by_finding.astype(np.int8) + by_declined
    minimum = np.array([floor.minimum_score for floor in model.floors])[:, None]
    best_floor, floor_points, worst_floor = (
        (minimum * reached).max(axis=0, initial=0.0) for reached in (by_finding, by_declined, in_worst_case)
    )

    without_floors = totals.base + totals.contributions
    total = np.maximum(without_floors, floor_points)
    if (
        model.method >= 4
    ):  # everything declined may add up to a last bit over 100; earlier results stay as they are, to the bit
        total = np.minimum(total, 100.0)
    scores.base[:], scores.total[:] = totals.base, total
    scores.uplift[:] = np.maximum(total - without_floors, 0.0)
    # The sums above and the total are added in different orders, so the last bits of the range, not of the score, are adjusted.
    scores.best[:] = np.minimum(np.maximum(totals.best, best_floor), scores.total)
    scores.worst[:] = np.maximum(np.minimum(np.maximum(totals.worst, worst_floor), 100.0), scores.total)
    scores.worst_given[:] = np.maximum(np.minimum(np.maximum(totals.worst_given, worst_floor), 100.0), scores.total)
    scores.floor_points[:], scores.worst_floor_points[:] = floor_points, worst_floor
    scores.harm[:] = totals.harm | (frame.case >= 1)
    scores.core_declined[:], scores.core_settled[:] = totals.core_declined, totals.core_settled
    scores.core_confirmed[:] = totals.core_confirmed
    scores.documented[:] = False if frame.documented is None else frame.documented
    scores.place_open[:] = False if frame.place_open is None else frame.place_open
    scores.practice[:], scores.practice_of[:] = totals.practice, totals.practice_of
    scores.asked[:] = totals.practice_of > 0
    scores.coverage[:] = np.minimum(totals.covered_or_reported, 1.0)
    scores.coverage_without_reports[:] = totals.covered
    scores.confidence[:] = 100.0 * (0.3 * frame.inherent_known + 0.7 * totals.believed)
    scores.inherent_level[:] = assign_levels(totals.base, model)
    scores.level[:], scores.capped[:] = _assign_shown_levels(model, frame, scores)


def _add_rows(*sums: tuple[Floats, Floats]) -> None:
    """Add the rows (m, n) of each sum (n,) one after another, so that the result is the same to the last bit for one supplier or
    many."""
    m, n = sums[0][1].shape
    if m > n:  # for few suppliers, a cumulative sum adds the rows in the same order in one call
        stacked = np.empty((len(sums), m + 1, n))
        for layer, (subtotal, rows) in zip(stacked, sums, strict=True):
            layer[0], layer[1:] = subtotal, rows
        for (subtotal, _), total in zip(sums, np.add.accumulate(stacked, axis=1)[:, -1], strict=True):
            subtotal[:] = total
        return
    for subtotal, rows in sums:
        for row in rows:
            np.add(subtotal, row, out=subtotal)


def assign_levels(points: Floats, model: Model) -> Codes:
    """Return the level for each number of points (index of LEVELS), rounded to 6 decimals; lower bounds are inclusive."""
    rounded = np.round(points, 6)
    level = np.zeros(points.shape, dtype=np.int8)
    for name, bound in model.levels.items():
        level[rounded >= bound] = LEVELS.index(name)
    return level


def _assign_shown_levels(model: Model, frame: Frame, scores: Scores) -> tuple[Codes, Flags]:
    """Return the level shown (index of LEVEL_NAMES), and whether it is capped because only declined answers would make it
    critical."""
    low, medium, high, critical = range(4)
    inherent_level = scores.inherent_level
    inherent_level = np.where(
        frame.critical_by_declined & ~scores.harm, np.minimum(inherent_level, high), inherent_level
    )
    level = assign_levels(scores.total, model)
    # Where all core answers are confirmed, a gap in our own tables keeps nobody from low (method-4, section 8).
    worst = np.where(scores.core_confirmed, scores.worst_given, scores.worst)
    level[(level == low) & ~((np.round(worst, 6) < WORST_OF_LOW) & scores.core_settled & ~scores.place_open)] = medium
    capped = (level == critical) & ~scores.harm & (inherent_level < critical)
    level[capped] = high
    low_coverage = (np.round(scores.coverage_without_reports, 12) < model.insufficient_below) | ~frame.place_known
    has_level_anyway = scores.harm | scores.core_declined
    raised_level = np.maximum(level, inherent_level)
    level = np.where(low_coverage & has_level_anyway, raised_level, level).astype(np.int8)
    level[low_coverage & ~has_level_anyway] = INSUFFICIENT
    return level, capped & (level != INSUFFICIENT)


def compute_queue_rank(level: Codes, inherent_level: Codes) -> Codes:
    """Return the rank of each level in a list, starting at 0; insufficient evidence comes after the level of its inherent
    risk."""
    worst_first = 2 * (len(LEVELS) - 1 - np.where(level == INSUFFICIENT, inherent_level, level))
    rank: Codes = (worst_first + (level == INSUFFICIENT)).astype(np.int8)
    return rank
