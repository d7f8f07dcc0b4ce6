"""Answers and context in, points out: the arithmetic of the method, section 3.

Arrays have one row per indicator and one column per supplier (k, n), so that a column of suppliers lies together in memory.
Sums run over the indicators in model order, one after the other: the same inputs give the same number to the last bit,
alone or in a batch, on any machine. No exp, no log, no matrix product, no sum of fractions over an axis.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from risk_models.engine.floors import counted, mark, reached, readings_of, readings_within
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

BLOCK_CELLS: Final = 8_192  # cells that are worked out at once: all indicators of a few suppliers, or a few of many
CHUNK_SIZE: Final = 2_048  # suppliers whose cells are held at once: four of their indicators are in hand


@dataclass(frozen=True)
class Block:
    """Some indicators ``i`` of n suppliers, worked out: (m, n) each.

    ``found``: the r that floors read; ``settled``: answered, declared not to apply or ruled out. 1 or 0: ``asked``, anything was
    said or reported; ``covers``, it is answered; ``covers_or_reported``.
    """

    i: slice

    context: Floats
    state: Codes
    effective: Floats
    best: Floats
    worst: Floats
    harm: Flags
    declined: Flags
    reported: Flags
    settled: Flags
    belief: Floats
    found: Floats
    asked: Floats
    covers: Floats
    covers_or_reported: Floats


_NOTHING = np.zeros(BLOCK_CELLS)


def _tile(frame: Frame, i: slice, overruled: Flags, model: Model) -> Block:
    """The table of method section 3 for some indicators; ``overruled`` where harm found elsewhere overrules a gate.

    The model's ``silent_from``: from this r on an answer short of harm says that nobody looked, and reassures nobody. Every cell
    is worked out as answered or not asked, times 0 or 1 where a part does not apply (a choice by flags that come at random costs
    a processor far more, and so does a product of a number and a flag). What few cells are is written over it, where they are.
    """
    row = frame.context_of[i]
    of_row = row if len(row) > 1 else slice(int(row[0]), int(row[0]) + 1)  # of one a view, of several a copy
    context = frame.context[of_row]
    c, low, high = context.ravel(), frame.context_low[of_row].ravel(), frame.context_high[of_row].ravel()
    shape, n, least = context.shape, context.shape[1], frame.least[i].ravel()
    own, reported, q = frame.answered[i].ravel(), frame.reported[i].ravel(), frame.belief[i].ravel()
    r = np.fmax(frame.risk[i].ravel(), _NOTHING[: c.size])  # 0 where there is no answer
    admits = r >= 0.5
    assures = own & (r < min(0.5, model.silent_from))
    heard = assures | admits if model.silent_from < 0.5 else own
    gated = (frame.gated[i] & ~overruled).ravel()
    out = frame.ruled_out[i].ravel() & ~reported
    declined = frame.declined[i].ravel() & ~gated
    if model.method > 1:
        declined &= ~out  # silence about what cannot be here holds nothing back
    expired = frame.expired[i].ravel() & own & ~admits

    # Evidence counts for a reassuring answer alone; with none, the same lines serve what is admitted and not asked.
    reassuring_q = assures.astype(np.float64)
    reassuring_q *= q
    known_q = heard.astype(np.float64)
    known_q *= q
    e = c - r
    e *= reassuring_q
    np.subtract(c, e, out=e)
    np.maximum(e, r, out=e)
    worst = np.maximum(r, high)
    np.subtract(1.0, worst, out=worst)
    worst *= reassuring_q
    np.subtract(1.0, worst, out=worst)
    asked = own.astype(np.float64)
    best = r.copy()
    if least.any():
        best += np.minimum(low, np.repeat(least, n)) * ~own
    harm = admits | reported
    settled = own.copy()
    covers = asked.copy()
    state = own.astype(np.int8)  # answered or not asked
    found = r

    few = np.flatnonzero(expired | gated | declined | reported | out)
    if few.size:
        found = r.copy()
    if (at := few[expired[few]]).size:
        e[at], best[at], worst[at] = np.maximum(c[at], r[at]), np.minimum(low[at], least[at // n]), 1.0
        state[at], settled[at], covers[at], known_q[at] = EXPIRED, False, 0.0, 0.0
    if (at := few[gated[few]]).size:
        # A gate ("no migrants here") is an answer with r = 0; it counts wherever it gives less than the indicator's own.
        gate_q, usual = frame.gate_belief[i].ravel()[at], c[at]
        e[at], best[at] = np.minimum(e[at], usual - gate_q * usual), np.minimum(best[at], 0.0)
        worst[at] = np.minimum(worst[at], 1.0 - gate_q * (1.0 - high[at]))
        state[at], settled[at], covers[at], known_q[at] = ANSWERED, True, 1.0, np.maximum(known_q[at], gate_q)
        asked[at] = 1.0
        found[at] *= harm[at]
    if (at := few[declined[few]]).size:
        e[at], best[at], worst[at] = 1.0, least[at // n], 1.0
        state[at], settled[at], covers[at], known_q[at], asked[at] = DECLINED, False, 0.0, 0.0, 1.0
    if (at := few[reported[few]]).size:
        # A report raises, never replaces a higher value.
        report, report_q = (of[i].ravel()[at] for of in (frame.report, frame.report_belief))
        e[at], best[at], worst[at] = np.maximum(np.maximum(report, c[at]), e[at]), np.maximum(report, best[at]), 1.0
        state[at], known_q[at], asked[at] = REPORTED, np.maximum(known_q[at], report_q), 1.0
        found[at] = np.fmax(found[at], report)
    if (at := few[out[few]]).size:
        # Facts rule an indicator out whatever its answer says; only a report of harm speaks against the facts.
        e[at], best[at], worst[at], found[at], harm[at] = 0.0, 0.0, 0.0, 0.0, False
        state[at], settled[at], covers[at], known_q[at], asked[at] = RULED_OUT, True, 0.0, 0.0, 0.0

    # Low and high of an uncertain context may cross a score taken at its point: the range always holds the score.
    np.minimum(best, e, out=best)
    np.maximum(worst, e, out=worst)
    covers_or_reported = covers
    if reported.any():
        covers_or_reported = covers.copy()
        covers_or_reported[reported] = 1.0
    worked: dict[str, NDArray[Any]] = {
        "state": state,
        "effective": e,
        "best": best,
        "worst": worst,
        "harm": harm,
        "declined": declined,
        "reported": reported,
        "settled": settled,
        "belief": known_q,
        "found": found,
        "asked": asked,
        "covers": covers,
        "covers_or_reported": covers_or_reported,
    }
    return Block(i=i, context=context, **{name: values.reshape(shape) for name, values in worked.items()})


def _overruled(frame: Frame, model: Model) -> Flags:
    """For each indicator behind a gate (k, n): where harm was found in any indicator of that gate."""
    position = {indicator.id: i for i, indicator in enumerate(model.indicators)}
    overruled = np.zeros(frame.risk.shape, dtype=bool)
    for gate in model.gates:
        behind = [position[name] for name in gate.indicators]
        overruled[behind] |= ((frame.risk[behind] >= 0.5) | frame.reported[behind]).any(axis=0)
    return overruled


def score(frame: Frame, model: Model) -> tuple[Scores, Cells]:
    """Score the n suppliers of a frame under a model: their scores, and what each indicator comes to.

    For each supplier ``best <= total <= worst``, and ``base + moves + uplift = total`` to 1e-9. Raises ValueError where the frame
    has other indicators than the model. Source of the rules: docs/method.md.
    """
    n = frame.risk.shape[1]
    scores, cells = empty_scores(frame, model), empty_cells(frame, model)
    if n <= CHUNK_SIZE:  # making slices takes a sixth of the time of scoring one supplier
        _score(frame, model, scores, cells)
        return scores, cells
    for here in _portions(n):
        _score(take(frame, here), model, take(scores, here), take(cells, here))
    return scores, cells


def score_in_chunks(frame: Frame, model: Model) -> tuple[Scores, Iterator[tuple[slice, Cells]]]:
    """Score many suppliers, whose cells would take several times the memory of their scores.

    Returns the scores, which are written as the portions are gone through, and the portions: which suppliers each is of, with
    their cells. The first portion raises ValueError where score does.
    """
    scores = empty_scores(frame, model)

    def portions() -> Iterator[tuple[slice, Cells]]:
        for here in _portions(frame.risk.shape[1]):
            part = take(frame, here)
            cells = empty_cells(part, model)
            _score(part, model, take(scores, here), cells)
            yield here, cells

    return scores, portions()


def _portions(suppliers: int) -> Iterator[slice]:
    for start in range(0, suppliers, CHUNK_SIZE):
        yield slice(start, min(suppliers, start + CHUNK_SIZE))


def compute_blocks(frame: Frame, model: Model) -> Iterator[Block]:
    """The indicators of some suppliers worked out: all at once of a few suppliers, one after another of many."""
    k, n = frame.risk.shape
    overruled = _overruled(frame, model)
    step = max(1, BLOCK_CELLS // max(1, n))
    for start in range(0, k, step):
        i = slice(start, min(k, start + step))
        yield _tile(frame, i, overruled[i], model)


def _score(frame: Frame, model: Model, scores: Scores, cells: Cells) -> None:
    """Write the scores and the cells of at most PORTION suppliers."""
    k, n = frame.risk.shape
    if k != len(model.indicators):
        raise ValueError(f"the frame has {k} indicators, {model.id} {model.version} has {len(model.indicators)}")
    base, best, worst, raised = np.zeros((4, n))
    practice, practice_of, covered, covered_alone, believed = np.zeros((5, n))
    *products, lowest, highest = scores.moments
    scores.moments[:], lowest[:] = 0.0, 1.0
    any_harm, core_declined, core_settled = np.zeros(n, dtype=bool), np.zeros(n, dtype=bool), np.ones(n, dtype=bool)
    share_of = get_weight_shares(model)
    core = np.array([indicator.core for indicator in model.indicators])
    safeguard = np.array([[indicator.safeguard] for indicator in model.indicators])
    readings = readings_of(model)
    signs = np.zeros((3, len(readings.floor), n), dtype=bool)  # found, declined or found, bad at worst

    for tile in compute_blocks(frame, model):
        i, share = tile.i, share_of[tile.i]
        points = 100.0 * share
        cells.state[i], cells.effective[i], cells.harms[i] = tile.state, tile.effective, tile.harm
        moved = tile.effective - tile.context
        moved *= points
        asked = points * tile.asked
        covers = share * tile.covers
        e, c = share * tile.effective, share * tile.context
        _add(
            (base, points * tile.context),
            (raised, moved),
            (best, points * tile.best),
            (worst, points * tile.worst),
            (practice, asked * tile.effective),
            (practice_of, asked),
            (covered_alone, covers),
            (covered, covers if tile.covers is tile.covers_or_reported else share * tile.covers_or_reported),
            (believed, share * tile.belief),
            *zip(
                products,
                (e * tile.effective, e * tile.context, c * tile.context, e * tile.covers, c * tile.covers),
                strict=True,
            ),
        )
        np.minimum(lowest, tile.effective.min(axis=0), out=lowest)
        np.maximum(highest, tile.effective.max(axis=0), out=highest)
        # A safeguard that is missing is a finding, not harm to anyone, unless somebody reports it.
        any_harm |= (tile.harm & (~safeguard[i] | tile.reported)).any(axis=0)
        if core[i].any():
            core_declined |= tile.declined[core[i]].any(axis=0)
            core_settled &= tile.settled[core[i]].all(axis=0)
        read = readings_within(model, i.start, i.stop)
        if len(read.sign):
            j = read.indicator - i.start
            hit = (tile.found[j] >= read.from_risk) | (tile.reported[j] & read.by_report)
            unsure = tile.harm[j] | tile.declined[j] | ~tile.settled[j]
            mark(signs, read.sign, np.array([hit, hit | tile.declined[j], hit | unsure]))

    counts = counted(signs, readings.floor, len(model.floors))
    by_fact, by_silence, by_worst = reached(model, counts, frame.case, core_declined, core_settled)
    by_silence |= by_fact
    by_worst |= by_silence
    scores.floors[:] = by_fact.astype(np.int8) + by_silence
    at_least = np.array([floor.minimum_score for floor in model.floors])[:, None]
    floor_best, floor_shown, floor_worst = (
        (at_least * reached).max(axis=0, initial=0.0) for reached in (by_fact, by_silence, by_worst)
    )

    plain = base + raised
    scores.base[:], scores.total[:] = base, np.maximum(plain, floor_shown)
    scores.uplift[:] = scores.total - plain
    # The sums above and the total are added in different orders: the range gives way by the last bits, the score does not.
    scores.best[:] = np.minimum(np.maximum(best, floor_best), scores.total)
    scores.worst[:] = np.maximum(np.minimum(np.maximum(worst, floor_worst), 100.0), scores.total)
    scores.floor[:], scores.floor_worst[:] = floor_shown, floor_worst
    scores.harm[:], scores.core_declined[:], scores.core_settled[:] = (
        any_harm | (frame.case >= 1),
        core_declined,
        core_settled,
    )
    scores.practice[:], scores.practice_of[:], scores.asked[:] = practice, practice_of, practice_of > 0
    scores.coverage[:], scores.coverage_alone[:] = np.minimum(covered, 1.0), covered_alone
    scores.confidence[:] = 100.0 * (0.3 * frame.inherent_known + 0.7 * believed)
    scores.inherent_level[:] = assign_levels(base, model)
    scores.level[:], scores.capped[:] = _level(model, frame, scores)


def _add(*sums: tuple[Floats, Floats]) -> None:
    """Adds to each sum (n,) its rows (m, n), one after another: it is the same to the last bit for one supplier and for many."""
    m, n = sums[0][1].shape
    if m > n:  # few suppliers: an accumulated sum runs down the rows in the same order, in one call
        stacked = np.empty((len(sums), m + 1, n))
        for each, (so_far, rows) in zip(stacked, sums, strict=True):
            each[0], each[1:] = so_far, rows
        for (so_far, _), total in zip(sums, np.add.accumulate(stacked, axis=1)[:, -1], strict=True):
            so_far[:] = total
        return
    for so_far, rows in sums:
        for row in rows:
            np.add(so_far, row, out=so_far)


def assign_levels(points: Floats, model: Model) -> Codes:
    """The level of a number of points, read off 6 decimals, bounds inclusive."""
    rounded = np.round(points, 6)
    level = np.zeros(points.shape, dtype=np.int8)
    for name, bound in model.levels.items():
        level[rounded >= bound] = LEVELS.index(name)
    return level


def _level(model: Model, frame: Frame, scores: Scores) -> tuple[Codes, Flags]:
    """The level in words (index of LEVEL_NAMES), and where it was held at high because only declined answers made it critical."""
    low, medium, high, critical = range(4)
    inherent_level = scores.inherent_level
    inherent_level = np.where(
        frame.critical_by_silence & ~scores.harm, np.minimum(inherent_level, high), inherent_level
    )
    level = assign_levels(scores.total, model)
    level[(level == low) & ~((np.round(scores.worst, 6) < WORST_OF_LOW) & scores.core_settled)] = medium
    capped = (level == critical) & ~scores.harm & (inherent_level < critical)
    level[capped] = high
    silent = (np.round(scores.coverage_alone, 12) < model.insufficient_below) | ~frame.place_known
    lifted = scores.harm | scores.core_declined
    level = np.where(silent & lifted, np.maximum(level, inherent_level), level).astype(np.int8)
    level[silent & ~lifted] = INSUFFICIENT
    return level, capped & (level != INSUFFICIENT)


def compute_queue_rank(level: Codes, inherent_level: Codes) -> Codes:
    """Where a level stands in a list, 0 first: insufficient evidence comes right after the level of its inherent risk."""
    worst_first = 2 * (len(LEVELS) - 1 - np.where(level == INSUFFICIENT, inherent_level, level))
    rank: Codes = (worst_first + (level == INSUFFICIENT)).astype(np.int8)
    return rank
