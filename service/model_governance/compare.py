"""Compare two versions of the models on the same suppliers: whose level changes, and which rule causes it (method section 9)."""

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
from risk_models.model import Model, get_version_key, load_models
from service.assessment.assess import AssessedBatch, Batch, Block
from service.model_governance.rule_effects import (
    MIN_POINTS,
    RULE_TITLES,
    RuleEffect,
    Step,
    assess_steps,
    compute_effects,
    list_points,
)

MIN_CHANGE = 1e-6  # points


@dataclass(frozen=True)
class ChangeCause:
    """The cause of a difference between two versions: an indicator, a context, a floor or a rule of the level, and its points."""

    kind: str
    title: str
    points: float


@dataclass(frozen=True)
class LevelChange:
    """A supplier whose level changed: its row, both levels and scores, the main cause, and the effect of each rule."""

    kind: str
    name: str
    row: str
    level_before: str
    level_after: str
    score_before: float
    score_after: float
    cause: ChangeCause
    effects: tuple[RuleEffect, ...] = ()


@dataclass(frozen=True)
class RuleSummary:
    """What one rule does to a portfolio.

    ``raised``, ``lowered``: for how many suppliers it moves the score by at least MIN_POINTS; ``mean``: its points averaged over
    all ``suppliers``; ``moved``: for how many it is the main reason that the level changed.
    """

    rule: str
    raised: int
    lowered: int
    mean: float
    suppliers: int
    moved: int

    @property
    def title(self) -> str:
        """Return the title of the rule."""
        return RULE_TITLES[self.rule]


@dataclass(frozen=True)
class Comparison:
    """The comparison of two versions.

    ``matrix`` (5, 5): number of suppliers by level before (rows) and after (columns), in the order of LEVEL_NAMES.
    ``changed_score_count``: suppliers with the same level and another score. ``scored_by_one_count``: suppliers that only one of
    the two versions scores. ``changed_inherent_count``: those with insufficient evidence whose inherent level changes,
    and with it their place in the queue. ``rules``: what each rule of the later version does, see rule_effects.py.
    """

    matrix: NDArray[np.int64]
    rules: tuple[RuleSummary, ...]
    level_changes: tuple[LevelChange, ...]
    changed_score_count: int
    scored_by_one_count: int
    changed_inherent_count: int

    def to_dict(self) -> dict[str, Any]:
        """Return the comparison as JSON."""
        return {
            "levels": list(LEVEL_NAMES),
            "matrix": self.matrix.tolist(),
            "changed_score": self.changed_score_count,
            "scored_by_one_alone": self.scored_by_one_count,
            "changed_inherent_level": self.changed_inherent_count,
            "rules": [
                {
                    "rule": summary.rule,
                    "title": summary.title,
                    "raised": summary.raised,
                    "lowered": summary.lowered,
                    "mean_points": summary.mean,
                    "suppliers": summary.suppliers,
                    "level_changes": summary.moved,
                }
                for summary in self.rules
            ],
            "movers": [
                {
                    "kind": change.kind,
                    "name": change.name,
                    "row": change.row,
                    "level": [change.level_before, change.level_after],
                    "score": [change.score_before, change.score_after],
                    "by": {"kind": change.cause.kind, "title": change.cause.title, "points": change.cause.points},
                    "rules": [
                        {"rule": effect.rule, "points": effect.points, "sentence": effect.sentence}
                        for effect in change.effects
                    ],
                }
                for change in self.level_changes
            ],
        }


def load_models_at(version: str, on: date) -> tuple[Model, ...]:
    """Return the models at a version ("2026.2"); or one of them ("site_fishing@2026.2"), and all others as in force.

    They are treated as in force on the day, so that a version can be tried out before it comes into force. Raises LookupError
    if there is none.
    """
    name, _, number = version.rpartition("@")
    known = {model.version for model in load_models() if not name or model.id == name}
    if number not in known:
        versions = ", ".join(sorted(known)) or "none"
        raise LookupError(f"there is no version {number} of {name or 'any model'}; the versions are {versions}")
    newest: dict[str, Model] = {}
    for model in sorted(load_models(), key=lambda model: get_version_key(model.version)):
        at_most = get_version_key(model.version) <= get_version_key(number)
        if at_most if model.id == name or not name else model.effective <= on:
            newest[model.id] = replace(model, effective=min(model.effective, on))
    return tuple(newest.values())


def compare_models(
    batches: Sequence[Batch], facts: FactSnapshot, on: date, before: Sequence[Model], after: Sequence[Model]
) -> Comparison:
    """Assess the same suppliers under both versions and compare them; level changes are sorted highest risk first.

    Raises LookupError if a version has no model for a kind of supplier.
    """
    return compare_steps(assess_steps(batches, facts, on, before, after))


def compare_steps(steps: Sequence[Step]) -> Comparison:
    """Compare the first step, the earlier version, with the last one; level changes are sorted highest risk first."""
    matrix = np.zeros((len(LEVEL_NAMES), len(LEVEL_NAMES)), dtype=np.int64)
    level_changes: list[LevelChange] = []
    changed_score_count = scored_by_one_count = changed_inherent = 0
    for index, (old, new) in enumerate(zip(steps[0].assessed, steps[-1].assessed, strict=True)):
        scored_by_both = (old.block_indexes >= 0) & (new.block_indexes >= 0)
        scored_by_one_count += int(((old.block_indexes >= 0) != (new.block_indexes >= 0)).sum())
        levels, totals = ([batch.get_scores(name) for batch in (old, new)] for name in ("level", "total"))
        np.add.at(matrix, (levels[0][scored_by_both].astype(np.intp), levels[1][scored_by_both].astype(np.intp)), 1)
        level_changed = scored_by_both & (levels[0] != levels[1])
        changed_score_count += int(
            (scored_by_both & ~level_changed & (np.abs(totals[1] - totals[0]) > MIN_CHANGE)).sum()
        )
        inherent_changed = old.get_scores("inherent_level") != new.get_scores("inherent_level")
        changed_inherent += int(
            (scored_by_both & ~level_changed & (levels[1] == INSUFFICIENT) & inherent_changed).sum()
        )
        scored_before, scored_after = _collect_scored(old, level_changed), _collect_scored(new, level_changed)
        effects = compute_effects(steps, index, level_changed)
        level_changes += [
            _build_level_change(new.batch, position, scored_before[position], scored_after[position], effects[position])
            for position in np.flatnonzero(level_changed).tolist()
        ]
    level_changes.sort(key=lambda m: (-LEVEL_NAMES.index(m.level_after), -m.score_after, m.name, m.row))
    rules = summarize_rules(steps, [find_main_rule(change) for change in level_changes])
    return Comparison(matrix, rules, tuple(level_changes), changed_score_count, scored_by_one_count, changed_inherent)


def find_main_rule(change: LevelChange) -> str | None:
    """Return the rule that moves the score most in the direction in which the level changed; None where none does."""
    direction = LEVEL_NAMES.index(change.level_after) - LEVEL_NAMES.index(change.level_before)
    in_direction = [effect for effect in change.effects if effect.points * direction > 0]
    return max(in_direction, key=lambda effect: abs(effect.points)).rule if in_direction else None


def summarize_rules(steps: Sequence[Step], main_rules: Sequence[str | None]) -> tuple[RuleSummary, ...]:
    """Return what each rule does to all suppliers; ``main_rules``: the main rule of each change of level."""
    summaries: list[RuleSummary] = []
    for earlier, later in zip(steps, steps[1:], strict=False):
        changes = np.concatenate(
            [
                new.get_scores("total") - old.get_scores("total")
                for old, new in zip(earlier.assessed, later.assessed, strict=True)
            ]
            or [np.zeros(0)]
        )
        changes = changes[~np.isnan(changes)]
        rule = str(later.rule)
        summaries.append(
            RuleSummary(
                rule,
                int((changes >= MIN_POINTS).sum()),
                int((changes <= -MIN_POINTS).sum()),
                float(changes.mean()) if len(changes) else 0.0,
                len(changes),
                main_rules.count(rule),
            )
        )
    return tuple(reversed(summaries))


class _ScoredSupplier(NamedTuple):
    """A supplier in the block where it was scored; for each indicator (k,) its points and the state of its answer (STATES)."""

    block: Block
    position: int
    points: NDArray[np.float64]
    state: NDArray[np.int8]


def _collect_scored(batch: AssessedBatch, selected: NDArray[np.bool_]) -> dict[int, _ScoredSupplier]:
    """Return the selected suppliers of a batch by their positions in it."""
    scored: dict[int, _ScoredSupplier] = {}
    for block, batch_positions, positions in batch.iter_chunks():
        is_selected = selected[batch_positions]
        cells = block.compute_cells(positions[is_selected])
        columns = zip(positions[is_selected].tolist(), cells.contributions.T, cells.state.T, strict=True)
        scored |= {
            position: _ScoredSupplier(block, *values)
            for position, values in zip(batch_positions[is_selected].tolist(), columns, strict=True)
        }
    return scored


def _build_level_change(
    batch: Batch, row_index: int, before: _ScoredSupplier, after: _ScoredSupplier, effects: tuple[RuleEffect, ...]
) -> LevelChange:
    (block_before, position_before, *_), (block_after, position_after, *_) = before, after
    names = (block_after.answers.column(question) for question in ("name", "name_local", "reference"))
    names_given = [str(column.values[code]) for column in names if (code := int(column.codes[position_after])) >= 0]
    return LevelChange(
        block_after.model.kind,
        names_given[0] if names_given else "",
        "/".join(filter(None, (batch.file, batch.sheet, str(batch.rows[row_index])))),
        LEVEL_NAMES[block_before.scores.level[position_before]],
        LEVEL_NAMES[block_after.scores.level[position_after]],
        float(block_before.scores.total[position_before]),
        float(block_after.scores.total[position_after]),
        _find_cause(before, after),
        effects,
    )


def _find_cause(before: _ScoredSupplier, after: _ScoredSupplier) -> ChangeCause:
    """Return the rule that changed the level; if the score crossed a bound, the largest change of points in that direction."""
    (block_before, position_before, *_), (block_after, position_after, *_) = before, after
    old, new = block_before.scores, block_after.scores
    levels = int(old.level[position_before]), int(new.level[position_after])
    if INSUFFICIENT in levels:
        share = 100 * float(
            new.coverage_without_reports[position_after] - old.coverage_without_reports[position_before]
        )
        return ChangeCause("level", "Change in the share answered (percentage points)", share)
    levels_by_score = (
        int(assign_levels(s.total[j : j + 1], m)[0])
        for s, j, m in ((old, position_before, block_before.model), (new, position_after, block_after.model))
    )
    if len(set(levels_by_score)) == 1:
        return ChangeCause("level", _describe_level_rule(after if levels[1] else before), 0.0)
    points_before, points_after = (
        list_points(supplier.block, supplier.position, supplier.points) for supplier in (before, after)
    )
    direction = 1.0 if levels[1] > levels[0] else -1.0
    changes = {key: points_after.get(key, 0.0) - points_before.get(key, 0.0) for key in points_before | points_after}
    (kind, title), points = max(changes.items(), key=lambda change: (direction * change[1], change[0]))
    return ChangeCause(kind, title, points)


def _describe_level_rule(supplier: _ScoredSupplier) -> str:
    """Return the rule by which a level differs from the one of the score alone."""
    scores, position = supplier.block.scores, supplier.position
    if not scores.core_settled[position]:
        open_questions = [
            indicator.title
            for indicator, state in zip(supplier.block.model.indicators, supplier.state.tolist(), strict=True)
            if indicator.core and STATES[state] not in ("answered", "ruled_out")
        ]
        return f"A Low rating requires an answer to every core question: {'; '.join(open_questions[:3])}"
    if scores.worst[position] >= WORST_OF_LOW and scores.level[position] == LEVEL_NAMES.index("medium"):
        return f"A Low rating requires a worst case below {WORST_OF_LOW:g}"
    return (
        "A Critical rating requires harm or a critical inherent risk; with insufficient evidence, the level is never below the "
        "inherent level"
    )
