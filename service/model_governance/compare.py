"""Two versions of the models on the same suppliers: who moves, and by which rule (method section 9)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from risk_models.engine.frame import INSUFFICIENT, LEVEL_NAMES, STATES, WORST_OF_LOW
from risk_models.engine.score import assign_levels
from risk_models.facts.facts import FactSnapshot
from risk_models.facts.inherent import UNKNOWN_PLACE
from risk_models.model import Model, load_all
from service.assessment.assess import AssessedBatch, Batch, Block, assess

SMALL = 1e-6  # points


@dataclass(frozen=True)
class Rule:
    """What tells two versions apart for one supplier: an indicator, a context, a floor or a rule of the level, and its points."""

    kind: str
    title: str
    points: float


@dataclass(frozen=True)
class Mover:
    """A supplier whose level moved: where its row stands, both levels and scores, and the rule that moved it most."""

    kind: str
    name: str
    row: str
    before: str
    after: str
    score_before: float
    score_after: float
    by: Rule


@dataclass(frozen=True)
class Comparison:
    """``matrix`` (5, 5): suppliers by level before (rows) and after, as in LEVEL_NAMES. ``apart``: suppliers that only one of
    the two versions scores. ``changed``: suppliers of equal level whose score moved."""

    matrix: NDArray[np.int64]
    movers: tuple[Mover, ...]
    changed: int
    apart: int

    def to_dict(self) -> dict[str, Any]:
        """As JSON keeps it."""
        return {
            "levels": list(LEVEL_NAMES),
            "matrix": self.matrix.tolist(),
            "changed_score": self.changed,
            "scored_by_one_alone": self.apart,
            "movers": [
                {
                    "kind": m.kind,
                    "name": m.name,
                    "row": m.row,
                    "level": [m.before, m.after],
                    "score": [m.score_before, m.score_after],
                    "by": {"kind": m.by.kind, "title": m.by.title, "points": m.by.points},
                }
                for m in self.movers
            ],
        }


def models_at(version: str, on: date) -> tuple[Model, ...]:
    """The models as they stood at a version ("2026.2"); or one of them at it ("site_fishing@2026.2"), all others as in force.

    They count as in force on the day, so that a version can be tried before it is. Raises LookupError where there is none.
    """
    name, _, number = version.rpartition("@")
    known = {m.version for m in load_all() if not name or m.id == name}
    if number not in known:
        there = ", ".join(sorted(known)) or "none"
        raise LookupError(f"there is no version {number} of {name or 'any model'}; there are {there}")
    newest: dict[str, Model] = {}
    for model in sorted(load_all(), key=lambda m: m.version):
        if model.version <= number if model.id == name or not name else model.effective <= on:
            newest[model.id] = replace(model, effective=min(model.effective, on))
    return tuple(newest.values())


def compare(
    batches: Sequence[Batch], facts: FactSnapshot, on: date, before: Sequence[Model], after: Sequence[Model]
) -> Comparison:
    """The same suppliers assessed under both, movers worst first. Raises LookupError where one scores none of a kind."""
    matrix = np.zeros((len(LEVEL_NAMES), len(LEVEL_NAMES)), dtype=np.int64)
    movers: list[Mover] = []
    changed = apart = 0
    for old, new in zip(assess(batches, facts, on, before), assess(batches, facts, on, after), strict=True):
        both = (old.block_indexes >= 0) & (new.block_indexes >= 0)
        apart += int(((old.block_indexes >= 0) != (new.block_indexes >= 0)).sum())
        levels, totals = ([part.get_scores(name) for part in (old, new)] for name in ("level", "total"))
        np.add.at(matrix, (levels[0][both].astype(np.intp), levels[1][both].astype(np.intp)), 1)
        moved = both & (levels[0] != levels[1])
        changed += int((both & ~moved & (np.abs(totals[1] - totals[0]) > SMALL)).sum())
        before_of, after_of = _scored(old, moved), _scored(new, moved)
        movers += [_mover(new.batch, j, before_of[j], after_of[j]) for j in np.flatnonzero(moved).tolist()]
    movers.sort(key=lambda m: (-LEVEL_NAMES.index(m.after), -m.score_after, m.name, m.row))
    return Comparison(matrix, tuple(movers), changed, apart)


class _Scored(NamedTuple):
    """A supplier where a model scored it: the block, its place there, and of each indicator (k,) by how many points it moves the
    score, and in which state its answer is (see STATES).
    """

    block: Block
    at: int
    moves: NDArray[np.float64]
    state: NDArray[np.int8]


def _scored(part: AssessedBatch, wanted: NDArray[np.bool_]) -> dict[int, _Scored]:
    """Some suppliers of a batch, by where they stand in it."""
    found: dict[int, _Scored] = {}
    for block, mine, pick in part.iter_chunks():
        here = wanted[mine]
        cells = block.compute_cells(pick[here])
        columns = zip(pick[here].tolist(), cells.moves.T, cells.state.T, strict=True)
        found |= {j: _Scored(block, *of) for j, of in zip(mine[here].tolist(), columns, strict=True)}
    return found


def _mover(batch: Batch, j: int, before: _Scored, after: _Scored) -> Mover:
    (a, p, *_), (b, q, *_) = before, after
    names = (b.answers.column(question) for question in ("name", "name_local", "reference"))
    told = [str(column.values[code]) for column in names if (code := int(column.codes[q])) >= 0]
    return Mover(
        b.model.kind,
        told[0] if told else "",
        "/".join(filter(None, (batch.file, batch.sheet, str(batch.rows[j])))),
        LEVEL_NAMES[a.scores.level[p]],
        LEVEL_NAMES[b.scores.level[q]],
        float(a.scores.total[p]),
        float(b.scores.total[q]),
        _moved_by(before, after),
    )


def _moved_by(before: _Scored, after: _Scored) -> Rule:
    """The rule of the level that moved it; where the score crossed a bound, the largest change of points that way."""
    (a, p, *_), (b, q, *_) = before, after
    old, new = a.scores, b.scores
    levels = int(old.level[p]), int(new.level[q])
    if INSUFFICIENT in levels:
        share = 100 * float(new.coverage_alone[q] - old.coverage_alone[p])
        return Rule("level", "Share of the weight that was answered, in points of 100", share)
    crossed = (int(assign_levels(s.total[j : j + 1], m)[0]) for s, j, m in ((old, p, a.model), (new, q, b.model)))
    if len(set(crossed)) == 1:
        return Rule("level", _rule_of_level(after if levels[1] else before), 0.0)
    points_before, points_after = _points(before), _points(after)
    way = 1.0 if levels[1] > levels[0] else -1.0
    changes = {key: points_after.get(key, 0.0) - points_before.get(key, 0.0) for key in points_before | points_after}
    (kind, title), points = max(changes.items(), key=lambda change: (way * change[1], change[0]))
    return Rule(kind, title, points)


def _rule_of_level(of: _Scored) -> str:
    """Why a level is another one than the score alone says."""
    scores, j = of.block.scores, of.at
    if not scores.core_settled[j]:
        open_ = [
            indicator.title
            for indicator, state in zip(of.block.model.indicators, of.state.tolist(), strict=True)
            if indicator.core and STATES[state] not in ("answered", "ruled_out")
        ]
        return f"Low needs every core question answered: {'; '.join(open_[:3])}"
    if scores.worst[j] >= WORST_OF_LOW and scores.level[j] == LEVEL_NAMES.index("medium"):
        return f"Low needs a worst case below {WORST_OF_LOW:g}"
    return "Critical needs harm, or a critical inherent risk; short of evidence, no level is below the inherent one"


def _points(of: _Scored) -> dict[tuple[str, str], float]:
    """Everything a score is made of, by its title: contexts, indicators, and the highest floor that holds it up."""
    scores, model, j = of.block.scores, of.block.model, of.at
    titles = {context.id: context.title for context in model.every_context} | {
        UNKNOWN_PLACE: "Unknown country or sector"
    }
    points: dict[tuple[str, str], float] = {}
    for part in of.block.parts:
        key = ("context", titles.get(part.context, part.context))
        points[key] = points.get(key, 0.0) + float(part.points[j])
    for indicator, by in zip(model.indicators, of.moves.tolist(), strict=True):
        points["indicator", indicator.title] = by
    reached = [f for f, floor in enumerate(model.floors) if scores.floors[f, j] > 0]
    if reached and scores.uplift[j] > 0:
        highest = max(reached, key=lambda f: model.floors[f].minimum_score)
        points["floor", model.floors[highest].title] = float(scores.uplift[j])
    return points
