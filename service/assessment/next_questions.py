"""Choose the questions that come next: first the core, then only what can still change a supplier's level.

The engine gives the bounds. For each model that scores the supplier, every open question is answered as well as possible, then as
badly as possible, with the facts and the other answers as they are. If the level is the same in both cases and now, no answer to
an open question can change it, and the form stops. Contradictions are not anticipated: a question that is not asked cannot
contradict anything. Core questions are asked in any case, and so are questions that lead to facts, whose effect has no bounds
here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any, Literal

import numpy as np

from questionnaires.form import Questionnaire
from questionnaires.question import Question
from questionnaires.relevance import is_relevant
from questionnaires.workbook import list_outgoing_questions
from risk_models.answers import from_rows
from risk_models.engine.frame import INSUFFICIENT, LEVEL_NAMES, Frame, take
from risk_models.engine.score import score
from risk_models.facts.facts import FactSnapshot
from risk_models.model import Model
from service.assessment.assess import Batch, Block, assess_batch

Reason = Literal["core", "facts", "practice"]
WORST_RISK = 1.0


@dataclass(frozen=True)
class NextQuestion:
    """A question to ask, and why: it is a core question, it leads to facts, or its answer can still change the level.

    ``points``: how far apart its best and its worst answer put the score, with everything else as it is.
    """

    id: str
    reason: Reason
    points: float


@dataclass(frozen=True)
class NextQuestions:
    """The questions that remain, in the order to ask them, and how long they take in minutes.

    ``left_out``: open questions that are not asked. ``level``: the level now; ``lowest_level`` and ``highest_level``: what
    answers to open questions about practice can make of it.
    """

    questions: tuple[NextQuestion, ...]
    left_out: tuple[str, ...]
    minutes: float
    level: str
    lowest_level: str
    highest_level: str

    @property
    def stopped(self) -> Literal["", "answered", "settled"]:
        """Return why nothing remains to be asked: everything was answered, or no answer can change the level; "" if not."""
        if self.questions:
            return ""
        return "settled" if self.left_out else "answered"


def choose_next_questions(
    form: Questionnaire,
    answers: Mapping[str, Any],
    facts: FactSnapshot,
    on: date,
    agency_scores: Mapping[str, float] | None = None,
    models: Sequence[Model] | None = None,
) -> NextQuestions:
    """Return the questions of a form that remain for a supplier with these answers, on a day.

    ``answers``: by question id, as the fields of the form return them, with those that the buyer has; "declined" is an answer.
    Raises LookupError if no model is in force.
    """
    batch = Batch(form.kind, from_rows([answers]), "", "", np.array([1]))
    blocks = assess_batch(batch, facts, on, agency_scores or {}, models).blocks
    asked = list_outgoing_questions(form, answers.get("country"))
    open_questions = [question for question in asked if is_open(question, answers)]
    points = _compute_points(blocks, open_questions)
    practice = frozenset(question.id for question in open_questions if question.is_practice)
    bounds = [_bound_level(block, practice) for block in blocks]
    now, lowest, highest = (max(levels) for levels in zip(*bounds, strict=True))
    # Without a country or a sector, a result can change in more ways than answers about practice can.
    is_placed = now != INSUFFICIENT and all(block.frame.place_known.all() for block in blocks)
    settled = is_placed and all(len(set(levels)) == 1 for levels in bounds)
    chosen = [
        NextQuestion(question.id, reason, points.get(question.id, 0.0))
        for question in open_questions
        if (reason := _find_reason(question, is_read=question.id in points, is_placed=is_placed, settled=settled))
    ]
    order: dict[Reason, int] = {"core": 0, "facts": 1, "practice": 2}
    # Core questions and facts come in the order of the form, the others by how much they can change.
    chosen.sort(key=lambda each: (order[each.reason], -each.points if each.reason == "practice" else 0))
    ids = {each.id for each in chosen}
    return NextQuestions(
        questions=tuple(chosen),
        left_out=tuple(question.id for question in open_questions if question.id not in ids),
        minutes=sum(form.by_id[each.id].expected_minutes for each in chosen),
        level=LEVEL_NAMES[now],
        lowest_level=LEVEL_NAMES[lowest],
        highest_level=LEVEL_NAMES[highest],
    )


def is_open(question: Question, answers: Mapping[str, Any]) -> bool:
    """Return whether a question applies, and has no answer yet, nor another that settles it."""
    if any(answers.get(each) not in (None, "") for each in (question.id, *question.settled_by)):
        return False
    return question.relevant is None or is_relevant(question.relevant, answers)


def _find_reason(question: Question, *, is_read: bool, is_placed: bool, settled: bool) -> Reason | None:
    """Return why an open question is asked, None if it is not; ``is_read``: by a model that scores the supplier.

    While the sector is unknown, an answer can bring in the model of a trade (method, section 2).
    """
    if question.core:
        return "core"
    if question.may_decline:
        return "facts"
    return "practice" if not settled and (is_read or (question.is_practice and not is_placed)) else None


def _bound_level(block: Block, practice: frozenset[str]) -> tuple[int, int, int]:
    """Return the level of a supplier now, with the best answers to open questions, and with the worst."""
    rows = _find_rows(block.model, practice)
    columns = take(block.frame, np.array([0, 0, 0]))
    levels = score(_answer(columns, [(rows, 1, 2)]), block.model)[0].level
    return int(levels[0]), int(levels[1]), int(levels[2])


def _compute_points(blocks: Sequence[Block], questions: Sequence[Question]) -> dict[str, float]:
    """Return how many points lie between the best and the worst answer to each question that a model reads."""
    points: dict[str, float] = {}
    for block in blocks:
        found = [(question.id, _find_rows(block.model, frozenset({question.id}))) for question in questions]
        read = [(question, rows) for question, rows in found if rows]
        if not read:
            continue
        columns = take(block.frame, np.zeros(2 * len(read), dtype=np.intp))
        cells = [(rows, 2 * number, 2 * number + 1) for number, (_, rows) in enumerate(read)]
        totals = score(_answer(columns, cells), block.model)[0].total
        for (question, _), best, worst in zip(read, totals[::2].tolist(), totals[1::2].tolist(), strict=True):
            points[question] = max(points.get(question, 0.0), worst - best)
    return points


def _find_rows(model: Model, questions: frozenset[str]) -> list[int]:
    return [row for row, indicator in enumerate(model.indicators) if indicator.question in questions]


def _answer(frame: Frame, cells: Sequence[tuple[Sequence[int], int, int]]) -> Frame:
    """Return a frame with answers to the indicators of some rows: the best ones in one column, the worst in another.

    The worst answer admits harm with certainty, which no answer exceeds, not even a refusal.
    """
    risk, answered = frame.risk.copy(), frame.answered.copy()
    for rows, best, worst in cells:
        risk[rows, best], risk[rows, worst] = frame.lowest_risk[rows, 0], WORST_RISK
        answered[np.ix_(rows, [best, worst])] = True
    return replace(frame, risk=risk, answered=answered)
