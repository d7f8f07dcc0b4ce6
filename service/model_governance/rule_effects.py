"""Separate what each rule of a release does to a score: switch the rules on one after another, and take the differences.

The steps lead from the earlier release to the later one, so that the effects on a supplier add up to the change in its score. An
effect depends on what was switched on before it: where a state imposes labour, for example, no evidence counts, so that later
evidence rules change nothing there. The order is that of RULES.

A rule is switched off in the inputs: without the table of imposed labour, with the earlier contexts in place of the new ones,
with every "not applicable" believed, and with all evidence confirmed as if the buyer vouched for it. Rules of method 4 that the
earlier release has as well are never switched off.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

import numpy as np
from numpy.typing import NDArray

from questionnaires.form import load_combined_form
from risk_models.answers import EVIDENCE, Answers, from_rows
from risk_models.evidence import GRADE_TITLES
from risk_models.facts.facts import FactSnapshot
from risk_models.facts.inherent import UNKNOWN_PLACE
from risk_models.facts.state_imposed import GRADES
from risk_models.features import CANNOT_APPLY, NOT_APPLICABLE
from risk_models.model import Model
from service.assessment.assess import ROW_EVIDENCE_QUESTIONS, AssessedBatch, Batch, Block, assess, assess_batch

OTHER, FACTS, STATE_IMPOSED, NOT_APPLICABLE_RULE, EVIDENCE_RULE = RULES = (
    "other",
    "facts",
    "state_imposed",
    "not_applicable",
    "evidence",
)
NEWER_FACTS = "newer_facts"  # not a rule of a release: the same rules with facts that were published later
METHOD_OF_RULES = 4  # the method that introduced the rules on imposed labour, "not applicable" and evidence
RULE_TITLES: Mapping[str, str] = {
    EVIDENCE_RULE: "Evidence claimed, not confirmed",
    NOT_APPLICABLE_RULE: "“Not applicable” not accepted as an answer",
    STATE_IMPOSED: "State-imposed labour",
    FACTS: "Facts about the country and sector",
    OTHER: "Other rules",
    NEWER_FACTS: "Newer facts about the country and sector",
}
RULE_EXPLANATIONS: Mapping[str, str] = {
    EVIDENCE_RULE: (
        "Evidence counts once someone in your organisation has confirmed it. Until then, answers count as declarations. If "
        "you confirm the evidence you have seen, the score falls again."
    ),
    NOT_APPLICABLE_RULE: (
        "“Not applicable” is accepted only for questions that may genuinely not apply. Otherwise, the question counts as not "
        "asked. Ask the question again using the new form."
    ),
    STATE_IMPOSED: (
        "If state-imposed labour is documented, nothing a supplier says lowers its score, because workers cannot speak or refuse "
        "freely. If a source only names the government, the inherent risk rises slightly."
    ),
    FACTS: (
        "The inherent risk is based on different facts: each sector has its own facts, and governance is measured without "
        "indicators that rate police states as stable. The supplier did not cause this change."
    ),
    OTHER: "Weights, minimum-score rules, and how missing answers count.",
    NEWER_FACTS: "The inherent risk is based on facts that were published later. The supplier did not cause this change.",
}
MIN_POINTS = 0.05  # smaller effects are not shown: scores are displayed with one decimal
PLACE_OPEN = "The region was not given, and state-imposed labour is documented in one region of this country."


_Points = dict[str, tuple[float, str]]  # by id, with the title


@dataclass(frozen=True)
class RuleEffect:
    """What one rule does to the score of one supplier: its points, and a sentence that an officer can repeat to the supplier."""

    rule: str
    points: float
    sentence: str

    @property
    def title(self) -> str:
        """Return the title of the rule."""
        return RULE_TITLES[self.rule]


@dataclass(frozen=True)
class Step:
    """The suppliers assessed with the rules up to one switched on; ``rule`` is None for the release that comes first."""

    rule: str | None
    assessed: tuple[AssessedBatch, ...]


def assess_steps(
    batches: Sequence[Batch],
    facts: FactSnapshot,
    on: date,
    before: Sequence[Model],
    after: Sequence[Model],
    agency_scores: Sequence[Mapping[str, float]] | None = None,
) -> list[Step]:
    """Assess suppliers under the earlier release, then with each rule of the later one switched on in turn.

    The first step is the earlier release, the last one the later release. ``agency_scores``: those of each step, where the
    agencies were assessed before; by default the agencies are among the batches. Raises LookupError where a release has no
    model for a kind of supplier.
    """
    confirmed, both, without_table = batches, batches, facts
    if any(model.method < METHOD_OF_RULES for model in before):
        confirmed = [replace(batch, answers=_confirm_evidence(batch.answers)) for batch in batches]
        both = [replace(batch, answers=_believe_not_applicable(batch.answers)) for batch in confirmed]
        without_table = replace(facts, imposed_labour=())
    earlier_facts = [_with_contexts_of(model, before) for model in after]
    inputs: tuple[tuple[str | None, Sequence[Batch], FactSnapshot, Sequence[Model]], ...] = (
        (None, batches, facts, before),
        (OTHER, both, without_table, earlier_facts),
        (FACTS, both, without_table, after),
        (STATE_IMPOSED, both, facts, after),
        (NOT_APPLICABLE_RULE, confirmed, facts, after),
        (EVIDENCE_RULE, batches, facts, after),
    )
    if agency_scores is None:
        return [Step(rule, assess(rows, snapshot, on, models)) for rule, rows, snapshot, models in inputs]
    return [
        Step(rule, tuple(assess_batch(batch, snapshot, on, scores, models) for batch in rows))
        for (rule, rows, snapshot, models), scores in zip(inputs, agency_scores, strict=True)
    ]


def assess_facts_steps(
    batch: Batch,
    before: FactSnapshot,
    after: FactSnapshot,
    on: date,
    models: Sequence[Model],
    agency_scores: Sequence[Mapping[str, float]],
) -> list[Step]:
    """Assess suppliers with earlier facts and then with newer ones; the arguments as in :func:`assess_steps`."""
    steps = ((None, before), (NEWER_FACTS, after))
    return [
        Step(rule, (assess_batch(batch, facts, on, scores, models),))
        for (rule, facts), scores in zip(steps, agency_scores, strict=True)
    ]


def _with_contexts_of(model: Model, earlier: Sequence[Model]) -> Model:
    """Return a model with the contexts of its earlier version, the rules on what counts in them, and indicators that read
    those.
    """
    former = next((other for other in earlier if other.id == model.id), None)
    if former is None:
        return model
    sharper = {indicator.id: indicator.sharper_contexts for indicator in former.indicators}
    return replace(
        model,
        contexts=former.contexts,
        sharper_contexts=former.sharper_contexts,
        unrecognised_goods_blank=former.unrecognised_goods_blank,
        imposed_labour=former.imposed_labour or model.imposed_labour,
        indicators=tuple(
            replace(indicator, sharper_contexts=sharper.get(indicator.id, ())) for indicator in model.indicators
        ),
    )


def _believe_not_applicable(answers: Answers) -> Answers:
    """Return answers in which each "not applicable" of an older form is one that the form allows."""
    columns = {
        question: column._replace(
            values=tuple(NOT_APPLICABLE if value == CANNOT_APPLY else value for value in column.values)
        )
        if CANNOT_APPLY in column.values
        else column
        for question, column in answers.columns.items()
    }
    return Answers(answers.n, columns)


def _confirm_evidence(answers: Answers) -> Answers:
    """Return answers whose evidence counts as before there were confirmations: all of it, dated as it says."""
    if not {"evidence_grade", "evidence_date", EVIDENCE} & answers.columns.keys():
        return answers
    return from_rows([_confirm_row(row) for row in answers.to_rows()])


def _confirm_row(row: Mapping[str, Any]) -> dict[str, Any]:
    answered = [question for question in row if question not in ROW_EVIDENCE_QUESTIONS]
    graded = {"grade": row.get("evidence_grade"), "date": row.get("evidence_date")}
    pieces = [*(row.get(EVIDENCE) or ()), *([graded] if graded["grade"] in GRADE_TITLES and graded["date"] else [])]
    confirmed = [
        {**piece, "confirmed": {"by": "", "on": "", "covers": list(piece.get("covers") or answered)}}
        for piece in pieces
    ]
    dated = {**row} | ({EVIDENCE: confirmed} if confirmed else {})
    if row.get("evidence_date"):
        dated.setdefault("reported_on", row["evidence_date"])
        if not row.get("form_returned"):
            dated.setdefault("answered_on", row["evidence_date"])
    return dated


def compute_effects(
    steps: Sequence[Step], batch: int, selected: NDArray[np.bool_]
) -> dict[int, tuple[RuleEffect, ...]]:
    """Return the effects of each rule on the selected suppliers of a batch, by position, largest first.

    Effects that would be displayed as 0.0 are left out.
    """
    effects: dict[int, list[RuleEffect]] = {position: [] for position in np.flatnonzero(selected).tolist()}
    for earlier, later in zip(steps, steps[1:], strict=False):
        old, new = earlier.assessed[batch], later.assessed[batch]
        change = new.get_scores("total") - old.get_scores("total")
        changed = selected & (np.abs(change) >= MIN_POINTS)
        if not changed.any() or later.rule is None:
            continue
        explain = _Explainer(later.rule, old, new, changed)
        for position in np.flatnonzero(changed).tolist():
            effects[position].append(RuleEffect(later.rule, float(change[position]), explain.describe(position)))
    return {position: tuple(sorted(found, key=lambda e: -abs(e.points))) for position, found in effects.items()}


class _Explainer:
    """Describes in a sentence what a rule changed about the suppliers of a batch."""

    def __init__(self, rule: str, old: AssessedBatch, new: AssessedBatch, changed: NDArray[np.bool_]) -> None:
        self.rule, self.old, self.new = rule, old, new
        self.points = (
            [_collect_points(batch, changed, rule) for batch in (old, new)]
            if rule in (FACTS, NEWER_FACTS, OTHER)
            else []
        )

    def describe(self, position: int) -> str:
        """Return the sentence for one supplier, by its position in the batch."""
        block = self.new.blocks[self.new.block_indexes[position]]
        at = int(self.new.positions[position])
        if self.rule == EVIDENCE_RULE:
            return _describe_evidence(block.answers, at)
        if self.rule == NOT_APPLICABLE_RULE:
            return _describe_not_applicable(block, at)
        if self.rule == STATE_IMPOSED:
            return _describe_imposed_labour(block, at)
        return self._describe_points(position)

    def _describe_points(self, position: int) -> str:
        before, after = (points.get(position, {}) for points in self.points)
        changes = {key: after.get(key, (0.0, ""))[0] - before.get(key, (0.0, ""))[0] for key in before | after}
        titles = {key: title for points in (before, after) for key, (_, title) in points.items()}
        largest = sorted(changes.items(), key=lambda change: (-abs(change[1]), change[0]))[:3]
        listed = [f"{titles[key]} ({points:+.1f})" for key, points in largest if abs(points) >= MIN_POINTS]
        if not listed:
            return RULE_EXPLANATIONS[self.rule]
        return f"Largest changes in points: {'; '.join(listed)}."


def _describe_evidence(answers: Answers, position: int) -> str:
    row = answers.take([position]).to_rows()[0]
    pieces = [*(row.get(EVIDENCE) or ()), {"grade": row.get("evidence_grade")}]
    claimed = [
        str(piece["grade"]) for piece in pieces if piece.get("grade") in GRADE_TITLES and not piece.get("confirmed")
    ]
    titles = list(dict.fromkeys(GRADE_TITLES[grade] for grade in claimed if grade != "self_declared"))
    if titles:
        return f"Waiting for your confirmation: {', '.join(titles)}. This evidence counts once you have confirmed it."
    if any(piece.get("confirmed") for piece in pieces):
        return "Evidence counts only for the questions for which it was confirmed."
    return "The age of an answer now depends on the date of its form, not on the date of its evidence."


def _describe_not_applicable(block: Block, position: int) -> str:
    questions = load_combined_form(block.model.kind).by_id
    titles = [
        questions[question].title if question in questions else question
        for question, column in block.answers.columns.items()
        if column.codes[position] >= 0 and column.values[column.codes[position]] == CANNOT_APPLY
    ]
    shown = [*titles[:3], *([f"{len(titles) - 3} more"] if len(titles) > 3 else [])]
    return f"“Not applicable” counts as not asked: {'; '.join(shown)}."


def _describe_imposed_labour(block: Block, position: int) -> str:
    findings = block.imposed_labour
    if findings is None:
        return RULE_EXPLANATIONS[STATE_IMPOSED]
    if findings.row[position] < 0:
        return PLACE_OPEN if findings.place_open[position] else RULE_EXPLANATIONS[STATE_IMPOSED]
    row = findings.rows[int(findings.row[position])]
    if findings.grade[position] == GRADES.index("documented"):
        return f"State-imposed labour is documented here ({row.publisher}), so no answer or evidence lowers the score."
    return f"{row.publisher} names the government as imposing labour itself."


def _collect_points(batch: AssessedBatch, selected: NDArray[np.bool_], rule: str) -> dict[int, _Points]:
    """Return the points, each with its title, of the selected suppliers of a batch by their positions.

    Of facts these are the contexts, by their ids: a context may have another title in another release. Of other rules they are
    the indicators and the highest minimum-score rule.
    """
    collected: dict[int, _Points] = {}
    for block, batch_positions, positions in batch.iter_chunks():
        chosen = selected[batch_positions]
        if not chosen.any():
            continue
        titles = {context.id: context.title for context in block.model.all_contexts} | {
            UNKNOWN_PLACE: "Unknown country or sector"
        }
        contributions = block.compute_cells(positions[chosen]).contributions
        pairs = zip(batch_positions[chosen].tolist(), positions[chosen].tolist(), strict=True)
        for column, (batch_position, position) in enumerate(pairs):
            points = list_points(block, position, contributions[:, column])
            if rule in (FACTS, NEWER_FACTS):
                collected[batch_position] = {}
                for part in block.parts:
                    earlier = collected[batch_position].get(part.context, (0.0, ""))[0]
                    title = titles.get(part.context, part.context)
                    collected[batch_position][part.context] = (earlier + float(part.points[position]), title)
            else:
                collected[batch_position] = {
                    f"{kind} {title}": (value, title) for (kind, title), value in points.items() if kind != "context"
                }
    return collected


def list_points(block: Block, position: int, contributions: NDArray[np.float64]) -> dict[tuple[str, str], float]:
    """Return the points of one supplier of a block by kind and title; ``contributions``: those of its indicators (k,)."""
    scores, model = block.scores, block.model
    titles = {context.id: context.title for context in model.all_contexts} | {
        UNKNOWN_PLACE: "Unknown country or sector"
    }
    points: dict[tuple[str, str], float] = {}
    for part in block.parts:
        key = ("context", titles.get(part.context, part.context))
        points[key] = points.get(key, 0.0) + float(part.points[position])
    for indicator, contribution in zip(model.indicators, contributions.tolist(), strict=True):
        points["indicator", indicator.title] = contribution
    reached = [f for f, floor in enumerate(model.floors) if scores.floors[f, position] > 0]
    if reached and scores.uplift[position] > 0:
        highest = max(reached, key=lambda f: model.floors[f].minimum_score)
        points["floor", model.floors[highest].title] = float(scores.uplift[position])
    return points
