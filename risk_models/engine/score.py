"""Compute scores from answers and contexts: the arithmetic of the method, section 3.

Arrays have one row per indicator and one column per supplier (k, n), so that the suppliers of one indicator are contiguous in
memory. Sums run over the indicators in model order, one after the other: the same inputs give the same number to the last bit,
whether alone or in a batch, on any machine. The code uses no exp, no log, no matrix products and no sums of fractions over an
axis.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np
from numpy.typing import NDArray

from risk_models.engine.blocks import IndicatorBlock, compute_blocks
from risk_models.engine.floors import (
    build_floor_inputs,
    count_signals,
    evaluate_floors,
    mark_signals,
    select_floor_inputs,
)
from risk_models.engine.frame import (
    INSUFFICIENT,
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

CHUNK_SIZE: Final = 2_048  # suppliers whose cells are in memory at once; a block then has four of their indicators


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
