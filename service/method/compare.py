"""Two versions of the models on the same suppliers: who moves, and by which rule (method section 9)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

import numpy as np
from numpy.typing import NDArray

from risk_models.facts import FactsOn
from risk_models.frame import INSUFFICIENT, LEVEL_NAMES, STATES, WORST_OF_LOW
from risk_models.inherent import UNKNOWN_PLACE
from risk_models.model import Model, load_all
from risk_models.score import threshold
from service.assessing.assess import Assessed, Batch, Block, assess

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
    batches: Sequence[Batch], facts: FactsOn, on: date, before: Sequence[Model], after: Sequence[Model]
) -> Comparison:
    """The same suppliers assessed under both, movers worst first. Raises LookupError where one scores none of a kind."""
    matrix = np.zeros((len(LEVEL_NAMES), len(LEVEL_NAMES)), dtype=np.int64)
    movers: list[Mover] = []
    changed = apart = 0
    for old, new in zip(assess(batches, facts, on, before), assess(batches, facts, on, after), strict=True):
        both = (old.block >= 0) & (new.block >= 0)
        apart += int(((old.block >= 0) != (new.block >= 0)).sum())
        levels, totals = ([part.each(name) for part in (old, new)] for name in ("level", "total"))
        np.add.at(matrix, (levels[0][both].astype(np.intp), levels[1][both].astype(np.intp)), 1)
        moved = both & (levels[0] != levels[1])
        changed += int((both & ~moved & (np.abs(totals[1] - totals[0]) > SMALL)).sum())
        movers += [_mover(old, new, j) for j in np.flatnonzero(moved).tolist()]
    movers.sort(key=lambda m: (-LEVEL_NAMES.index(m.after), -m.score_after, m.name, m.row))
    return Comparison(matrix, tuple(movers), changed, apart)


def _mover(old: Assessed, new: Assessed, j: int) -> Mover:
    (a, p), (b, q) = ((part.blocks[part.block[j]], int(part.position[j])) for part in (old, new))
    batch = new.batch
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
        _moved_by(a, p, b, q),
    )


def _moved_by(a: Block, p: int, b: Block, q: int) -> Rule:
    """The rule of the level that moved it; where the score crossed a bound, the largest change of points that way."""
    old, new = a.scores, b.scores
    levels = int(old.level[p]), int(new.level[q])
    if INSUFFICIENT in levels:
        share = 100 * float(new.coverage_alone[q] - old.coverage_alone[p])
        return Rule("level", "Share of the weight that was answered, in points of 100", share)
    crossed = (int(threshold(s.total[j : j + 1], m)[0]) for s, j, m in ((old, p, a.model), (new, q, b.model)))
    if len(set(crossed)) == 1:
        return Rule("level", _rule_of_level(b if levels[1] else a, q if levels[1] else p), 0.0)
    before, after = _points(a, p), _points(b, q)
    way = 1.0 if levels[1] > levels[0] else -1.0
    changes = {key: after.get(key, 0.0) - before.get(key, 0.0) for key in before | after}
    (kind, title), points = max(changes.items(), key=lambda change: (way * change[1], change[0]))
    return Rule(kind, title, points)


def _rule_of_level(block: Block, j: int) -> str:
    """Why a level is another one than the score alone says."""
    scores = block.scores
    if not scores.core_settled[j]:
        state = block.cells_of(np.array([j])).state[:, 0]
        open_ = [
            indicator.title
            for i, indicator in enumerate(block.model.indicators)
            if indicator.core and STATES[state[i]] not in ("answered", "ruled_out")
        ]
        return f"Low needs every core question answered: {'; '.join(open_[:3])}"
    if scores.worst[j] >= WORST_OF_LOW and scores.level[j] == LEVEL_NAMES.index("medium"):
        return f"Low needs a worst case below {WORST_OF_LOW:g}"
    return "Critical needs harm, or a critical inherent risk; short of evidence, no level is below the inherent one"


def _points(block: Block, position: int) -> dict[tuple[str, str], float]:
    """Everything a score is made of, by its title: contexts, indicators, and the highest floor that holds it up."""
    scores, model = block.scores, block.model
    titles = {context.id: context.title for context in model.every_context} | {
        UNKNOWN_PLACE: "Unknown country or sector"
    }
    points: dict[tuple[str, str], float] = {}
    for part in block.parts:
        key = ("context", titles.get(part.context, part.context))
        points[key] = points.get(key, 0.0) + float(part.points[position])
    moves = block.cells_of(np.array([position])).moves[:, 0]
    for indicator, by in zip(model.indicators, moves.tolist(), strict=True):
        points["indicator", indicator.title] = by
    reached = [f for f, floor in enumerate(model.floors) if scores.floors[f, position] > 0]
    if reached and scores.uplift[position] > 0:
        highest = max(reached, key=lambda f: model.floors[f].at_least)
        points["floor", model.floors[highest].title] = float(scores.uplift[position])
    return points
