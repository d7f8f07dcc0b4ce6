"""Answers and context in, points out: the arithmetic of the method, section 3.

Arrays have one row per indicator and one column per supplier (k, n), so that a column of suppliers lies together in memory.
Sums run over the indicators in model order, one after the other: the same inputs give the same number to the last bit,
alone or in a batch, on any machine. No exp, no log, no matrix product, no sum of fractions over an axis.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from risk_models.model import LEVELS, Floor, Model

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
Codes = NDArray[np.int8]

STATES: Final = ("not_asked", "answered", "reported", "declined", "expired", "ruled_out")
NOT_ASKED, ANSWERED, REPORTED, DECLINED, EXPIRED, RULED_OUT = range(6)
INSUFFICIENT: Final = len(LEVELS)
LEVEL_NAMES: Final = (*LEVELS, "insufficient_evidence")
IN_HAND: Final = 16_384  # answers that are worked out at once, of some indicators and all suppliers


@dataclass(frozen=True)
class Frame:
    """What a model reads of n suppliers: all (k, n) unless said otherwise.

    ``risk`` r of the answer, NaN where there is none; ``least`` r of the best answer, (k, 1); ``belief`` q of its evidence;
    ``context`` c with ``context_low`` and ``context_high``; ``answered``, ``declined``, ``expired``, ``ruled_out`` flags of the
    indicator's own answer; ``report`` r of a report by workers or officials, NaN where none, and its ``report_belief``;
    ``gated``: declared not to apply by a gate question, with the evidence of the declaration ``gate_belief``.
    Per supplier (n,): ``inherent_known`` share of context facts known, ``place_known`` country and sector known,
    ``case`` 0 none recorded, 1 signals, 2 pattern, 3 emergency.
    """

    risk: Floats
    least: Floats
    belief: Floats
    context: Floats
    context_low: Floats
    context_high: Floats
    answered: Flags
    declined: Flags
    expired: Flags
    ruled_out: Flags
    report: Floats
    report_belief: Floats
    gated: Flags
    gate_belief: Floats
    inherent_known: Floats
    place_known: Flags
    case: Codes


@dataclass(frozen=True)
class Scores:
    """What the method makes of a frame. (k, n): ``state`` (see STATES), ``effective`` e, ``moves`` in points, ``harms``.

    Points of scores are 0..100. ``floors`` (f, n): 0 not reached, 1 reached by what was declined alone ("cannot be ruled out"),
    2 reached by what was admitted, reported or found. ``level`` and ``inherent_level`` index LEVEL_NAMES. ``capped``: the
    score would be critical, but only through declined answers: shown as "up to". ``asked`` is false where ``practice`` is none.
    """

    state: Codes
    effective: Floats
    moves: Floats
    harms: Flags
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


@dataclass(frozen=True)
class _Rows:
    """Some indicators of all suppliers, worked out: (m, n) each."""

    state: Codes
    effective: Floats
    best: Floats
    worst: Floats
    harm: Flags
    covers: Flags
    covers_without_report: Flags
    belief: Floats
    floor_found: Floats
    floor_shown: Floats
    floor_worst: Floats
    declined: Flags


def _indicators(frame: Frame, i: slice, overruled: Flags) -> _Rows:
    """The table of method section 3 for some indicators; ``overruled`` where harm found elsewhere overrules a gate."""
    c, low, high = frame.context[i], frame.context_low[i], frame.context_high[i]
    q, least = frame.belief[i], frame.least[i]
    reported = ~np.isnan(frame.report[i])
    own = frame.answered[i]
    r = np.where(own, frame.risk[i], 0.0)
    admits = own & (r >= 0.5)
    harm = admits | reported
    gated = frame.gated[i] & ~overruled
    declined = frame.declined[i] & ~gated
    expired = own & ~admits & frame.expired[i]
    reassures = own & ~admits & ~expired

    # Without a report: not asked first, then each state over it.
    e = np.where(reassures, np.where(r < c, c - q * (c - r), r), c)
    best = np.where(reassures, r, np.minimum(low, least))
    worst = np.where(reassures, 1.0 - q * (1.0 - np.maximum(r, high)), 1.0)
    e = np.where(expired, np.maximum(c, r), e)
    e, best = np.where(admits, np.maximum(r, c), e), np.where(admits, r, best)
    e, best, worst = (np.where(declined, value, now) for value, now in ((1.0, e), (least, best), (1.0, worst)))

    # A gate ("no migrants here") is an answer with r = 0; it counts wherever it gives less than the indicator's own.
    gate_q = frame.gate_belief[i]
    e = np.where(gated, np.minimum(e, c - gate_q * c), e)
    best = np.where(gated, np.minimum(best, 0.0), best)
    worst = np.where(gated, np.minimum(worst, 1.0 - gate_q * (1.0 - high)), worst)

    # A report raises, never replaces a higher value.
    report = np.where(reported, frame.report[i], 0.0)
    e = np.where(reported, np.maximum(np.maximum(report, c), e), e)
    best = np.where(reported, np.maximum(report, best), best)
    worst = np.where(reported, 1.0, worst)

    # Facts rule an indicator out whatever its answer says; only a report of harm speaks against the facts.
    out = frame.ruled_out[i] & ~reported
    harm &= ~out
    e, best, worst = (np.where(out, 0.0, value) for value in (e, best, worst))
    # Low and high of an uncertain context may cross a score taken at its point: the range always holds the score.
    best, worst = np.minimum(best, e), np.maximum(worst, e)

    covers_without_report = ((own & ~expired) | gated) & ~declined & ~out
    covers = covers_without_report | reported
    state = np.full(c.shape, NOT_ASKED, dtype=np.int8)
    for code, where in (
        (EXPIRED, expired),
        (ANSWERED, covers_without_report),
        (DECLINED, declined),
        (REPORTED, reported),
        (RULED_OUT, out),
    ):
        state[where] = code

    known_q = np.where(own & ~expired, q, 0.0)
    known_q = np.where(gated, np.maximum(known_q, gate_q), known_q)
    known_q = np.where(reported, np.maximum(known_q, frame.report_belief[i]), known_q)
    found = np.where(gated & ~harm, 0.0, np.maximum(r, report))
    found = np.where(out, 0.0, found)
    shown = np.where(declined, 1.0, found)
    silent = ~covers_without_report & ~out
    return _Rows(
        state=state,
        effective=e,
        best=best,
        worst=worst,
        harm=harm,
        covers=covers,
        covers_without_report=covers_without_report,
        belief=np.where(covers, known_q, 0.0),
        floor_found=found,
        floor_shown=shown,
        floor_worst=np.where(harm | silent, 1.0, shown),
        declined=declined,
    )


def _overruled(frame: Frame, model: Model) -> Flags:
    """For each indicator behind a gate (k, n): where harm was found in any indicator of that gate."""
    position = {indicator.id: i for i, indicator in enumerate(model.indicators)}
    overruled = np.zeros(frame.risk.shape, dtype=bool)
    for gate in model.gates:
        behind = [position[name] for name in gate.indicators]
        with_harm = frame.answered[behind] & (np.nan_to_num(frame.risk[behind]) >= 0.5)
        overruled[behind] |= (with_harm | ~np.isnan(frame.report[behind])).any(axis=0)
    return overruled


def _added(so_far: Floats, rows: Floats) -> Floats:
    """A sum with rows (m, n) added one after another, so that it is the same to the last bit for one supplier and for many."""
    for row in rows:
        so_far = so_far + row
    return so_far


def score(frame: Frame, model: Model) -> Scores:
    """Scores of the n suppliers of a frame under a model.

    ``base + moves + uplift = total`` to 1e-9 and ``best <= total <= worst`` for each. Source of the rules: docs/method.md.
    """
    k, n = frame.risk.shape
    if k != len(model.indicators):
        raise ValueError(f"the frame has {k} indicators, {model.id} {model.version} has {len(model.indicators)}")
    base, best, worst, raised = (np.zeros(n) for _ in range(4))
    practice, practice_of, covered, covered_alone, believed = (np.zeros(n) for _ in range(5))
    state = np.empty((k, n), dtype=np.int8)
    effective, moves, harms = np.empty((k, n)), np.empty((k, n)), np.empty((k, n), dtype=bool)
    any_harm, core_declined = np.zeros(n, dtype=bool), np.zeros(n, dtype=bool)
    core_settled = np.ones(n, dtype=bool)
    found, shown, at_worst = np.zeros((3, len(model.floors), n), dtype=np.int16)
    strong_report = {f.id for f in model.floors if f.any and all(i.strong for i in model.indicators if i.id in f.any)}
    overruled = _overruled(frame, model)
    shares = np.array([[indicator.weight / model.weight] for indicator in model.indicators])
    core = np.array([indicator.core for indicator in model.indicators])

    # All indicators at once for a few suppliers, one after another for many: what is in hand stays small.
    step = max(1, IN_HAND // max(1, n))
    for start in range(0, k, step):
        i = slice(start, min(k, start + step))
        row, share = _indicators(frame, i, overruled[i]), shares[i]
        context = frame.context[i]
        moves[i] = 100.0 * share * (row.effective - context)
        base, raised = _added(base, 100.0 * share * context), _added(raised, moves[i])
        best, worst = _added(best, 100.0 * share * row.best), _added(worst, 100.0 * share * row.worst)
        asked = (row.state != NOT_ASKED) & (row.state != RULED_OUT)
        practice = _added(practice, np.where(asked, 100.0 * share * row.effective, 0.0))
        practice_of = _added(practice_of, np.where(asked, 100.0 * share, 0.0))
        covered = _added(covered, np.where(row.covers, share, 0.0))
        covered_alone = _added(covered_alone, np.where(row.covers_without_report, share, 0.0))
        believed = _added(believed, np.where(row.covers, share * row.belief, 0.0))
        state[i], effective[i], harms[i] = row.state, row.effective, row.harm
        any_harm |= row.harm.any(axis=0)
        core_declined |= row.declined[core[i]].any(axis=0)
        core_settled &= (row.covers_without_report | (row.state == RULED_OUT))[core[i]].all(axis=0)
        reported = row.state == REPORTED
        for f, floor in enumerate(model.floors):
            for j, indicator in enumerate(model.indicators[i]):
                if indicator.id in floor.any:
                    # A strong sign acts on any report of it; other floors read the risk alone.
                    by_report = reported[j] if floor.id in strong_report else False
                    found[f] += (row.floor_found[j] >= floor.from_risk) | by_report
                    shown[f] += (row.floor_shown[j] >= floor.from_risk) | by_report
                    at_worst[f] += (row.floor_worst[j] >= floor.from_risk) | by_report

    floors = np.zeros((len(model.floors), n), dtype=np.int8)
    floor_best, floor_shown, floor_worst = np.zeros(n), np.zeros(n), np.zeros(n)
    for f, floor in enumerate(model.floors):
        by_fact, by_silence, by_worst = _reached(
            floor, frame, found[f], shown[f], at_worst[f], core_declined, core_settled
        )
        floors[f] = np.where(by_fact, 2, np.where(by_silence, 1, 0))
        for value, reached in (
            (floor_best, by_fact),
            (floor_shown, by_fact | by_silence),
            (floor_worst, by_fact | by_silence | by_worst),
        ):
            np.maximum(value, np.where(reached, floor.at_least, 0.0), out=value)

    plain = base + raised
    total = np.maximum(plain, floor_shown)
    # The sums above and the total are added in different orders: the range gives way by the last bits, the score does not.
    best = np.minimum(np.maximum(best, floor_best), total)
    worst = np.maximum(np.minimum(np.maximum(worst, floor_worst), 100.0), total)
    any_harm |= frame.case >= 1
    inherent_level = _threshold(base, model)
    level, capped = _level(
        model, frame, total, worst, inherent_level, any_harm, core_declined, core_settled, covered_alone
    )
    return Scores(
        state=state,
        effective=effective,
        moves=moves,
        harms=harms,
        base=base,
        uplift=total - plain,
        total=total,
        best=best,
        worst=worst,
        level=level,
        inherent_level=inherent_level,
        floors=floors,
        capped=capped,
        harm=any_harm,
        asked=practice_of > 0,
        practice=practice,
        practice_of=practice_of,
        coverage=np.minimum(covered, 1.0),
        confidence=100.0 * (0.3 * frame.inherent_known + 0.7 * believed),
    )


def _reached(
    floor: Floor,
    frame: Frame,
    found: NDArray[np.int16],
    shown: NDArray[np.int16],
    at_worst: NDArray[np.int16],
    core_declined: Flags,
    core_settled: Flags,
) -> tuple[Flags, Flags, Flags]:
    """Where a floor acts: by what was found, by what was declined, and at worst."""
    if floor.case is not None:
        by_case = frame.case >= ("none_recorded", "signals", "pattern", "emergency").index(floor.case)
        return by_case, by_case, by_case
    if floor.declined_core:
        return np.zeros_like(core_declined), core_declined, ~core_settled
    return found >= floor.count, shown >= floor.count, at_worst >= floor.count


def _threshold(points: Floats, model: Model) -> Codes:
    """The level of a number of points, read off 6 decimals, bounds inclusive."""
    rounded = np.round(points, 6)
    level = np.zeros(points.shape, dtype=np.int8)
    for name, bound in model.levels.items():
        level[rounded >= bound] = LEVELS.index(name)
    return level


def _level(
    model: Model,
    frame: Frame,
    total: Floats,
    worst: Floats,
    inherent_level: Codes,
    harm: Flags,
    core_declined: Flags,
    core_settled: Flags,
    coverage_without_reports: Floats,
) -> tuple[Codes, Flags]:
    """The level in words (index of LEVEL_NAMES), and where it was held at high because only declined answers made it critical."""
    low, medium, high, critical = range(4)
    level = _threshold(total, model)
    level[(level == low) & ~((np.round(worst, 6) < 75) & core_settled)] = medium
    capped = (level == critical) & ~harm & (inherent_level < critical)
    level[capped] = high
    silent = (np.round(coverage_without_reports, 12) < model.insufficient_below) | ~frame.place_known
    lifted = harm | core_declined
    level = np.where(silent & lifted, np.maximum(level, inherent_level), level).astype(np.int8)
    level[silent & ~lifted] = INSUFFICIENT
    return level, capped & (level != INSUFFICIENT)


def queue_rank(level: Codes, inherent_level: Codes) -> Codes:
    """Where a level stands in a list, 0 first: insufficient evidence comes right after the level of its inherent risk."""
    worst_first = 2 * (len(LEVELS) - 1 - np.where(level == INSUFFICIENT, inherent_level, level))
    rank: Codes = (worst_first + (level == INSUFFICIENT)).astype(np.int8)
    return rank
