"""Decide on onboarding: what a procurement system should do with a supplier. In doubt it asks, and never proceeds.

Since method 4 there are four answers (method-4, section 9): proceed; proceed with a plan that is on time; ask; and hold, which
stops new orders, and is never given without harm that somebody reported or admitted. Before method 4 there are three.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np

from risk_models.action_library import Action
from risk_models.answers import EVIDENCE, from_rows
from risk_models.cases.rules import STRENGTHS
from risk_models.engine.frame import DECLINED, EXPIRED, NOT_ASKED, WORST_OF_LOW
from risk_models.facts.facts import FactSnapshot
from risk_models.model import Indicator, Model
from risk_models.transforms import get_best_answer
from service.assessment.assess import AssessedBatch, Block, assess_batch

RULES_FILE = Path(__file__).with_suffix(".toml")
FOUR_ANSWERS_SINCE: Final = 4  # the method from which on there are four answers
OPEN_STATES = ("not_asked", "declined", "expired")
OPEN_STATE_CODES = (NOT_ASKED, DECLINED, EXPIRED)
CASE_RECORDS: Final = "case_records"  # in `covers` of a plan: a case whose findings are no indicator of a model
ON_HARM: Final = 2  # the state of a floor that something admitted, reported or found has reached
ON_SILENCE: Final = 1
RAISED_TEXT = (
    "A concern has been raised. The information behind it is shown only to case handlers, officers and admins."
)
POSITION = np.zeros(1, dtype=np.intp)  # of the only supplier of a batch, in each of its blocks

ReasonText = tuple[str, str]  # code and sentence


@dataclass(frozen=True)
class CorrectivePlan:
    """A corrective action plan agreed with a supplier, as a request describes it.

    ``covers``: the ids of the indicators it addresses. ``steps``: whether each safety step, by the id of its action, is done.
    ``next_due``: when the next step is due; None once all are done.
    """

    agreed_on: date
    covers: tuple[str, ...]
    steps: Mapping[str, bool]
    next_due: date | None

    def is_late(self, on: date) -> bool:
        """Return whether a step is overdue on a day."""
        return self.next_due is not None and self.next_due < on

    def limit_to(self, other: CorrectivePlan) -> CorrectivePlan:
        """Return what holds by this plan and by another description of it: what either leaves open is open."""
        return CorrectivePlan(
            max(self.agreed_on, other.agreed_on),
            tuple(name for name in self.covers if name in other.covers),
            {name: is_done and other.steps.get(name, False) for name, is_done in self.steps.items()},
            min((due for due in (self.next_due, other.next_due) if due is not None), default=None),
        )


@dataclass(frozen=True)
class NextStep:
    """What to do next: the id of an action of the library, and what it is about."""

    action: str | None
    text: str


@dataclass(frozen=True)
class Decision:
    """The onboarding decision: an ``answer``, its reasons as code and sentence, and the next step.

    ``answer``: proceed, proceed_with_plan, ask or hold. ``ends_when`` says what ends a hold, ``meanwhile`` what is owed until
    then. ``four_answers``: it was made by the rules of method 4.
    """

    answer: str
    reasons: tuple[ReasonText, ...]
    next_step: NextStep | None
    ends_when: str | None = None
    meanwhile: str | None = None
    four_answers: bool = True

    @property
    def decision(self) -> str:
        """Return the answer as one of three: proceed, ask or hold. To proceed with a plan reads ask."""
        return "ask" if self.answer == "proceed_with_plan" else self.answer


@cache
def load_decision_rules() -> dict[str, Any]:
    """Load the numbers, lists and texts of the decision, each with its reason."""
    return tomllib.loads(RULES_FILE.read_text(encoding="utf-8"))


def decide(
    assessed: AssessedBatch,
    result: Mapping[str, Any],
    facts: FactSnapshot,
    on: date,
    plan: CorrectivePlan | None = None,
    supplier_informed_on: date | None = None,
    *,
    today: date | None = None,
    sees_worker_derived: bool = True,
    exited_on: date | None = None,
) -> Decision:
    """Return the decision on the only supplier of a batch, by the rules of the method of its model.

    ``result``: its result object; ``facts``: those it was assessed with. ``plan``: the one agreed with it, if any;
    ``supplier_informed_on``: when it was informed of the findings; ``today``: the day of the request, by default the day ``on``
    which it was assessed. ``exited_on``: the last day of the relationship, if an approved exit paper ends it. Without
    ``sees_worker_derived`` the answer is the same, but reasons and next step name only what the supplier's own answers say.
    """
    model = assessed.blocks[assessed.block_indexes[0]].model
    if model.method < FOUR_ANSWERS_SINCE:
        decision = decide_by_level(result, model)
    else:
        gate = _Gate(assessed, result, facts, on, today or on, plan, supplier_informed_on, sees_worker_derived)
        decision = gate.decide()
    return decision if exited_on is None else _decide_on_exited(decision, exited_on)


def _decide_on_exited(decision: Decision, exited_on: date) -> Decision:
    """Return the decision on a supplier that we have left: a hold stays one, and nothing else lets orders go on."""
    text = (
        f"An approved exit paper ends the relationship with this supplier on {exited_on.isoformat()}. Withdraw the paper "
        "before you place new orders."
    )
    answer = decision.answer if decision.answer == "hold" else "ask"
    return replace(decision, answer=answer, reasons=(("supplier.exited", text), *decision.reasons))


class _Harm(NamedTuple):
    """Harm that was admitted or reported: the indicator, whether the supplier admits it, and whether others reported it."""

    indicator: Indicator
    admitted: bool
    reported: bool


@dataclass(frozen=True)
class _Gate:
    """The rules of method-4, section 9, for one supplier; the fields are those of :func:`decide`."""

    assessed: AssessedBatch
    result: Mapping[str, Any]
    facts: FactSnapshot
    on: date
    today: date
    plan: CorrectivePlan | None
    supplier_informed_on: date | None
    sees_all: bool

    def decide(self) -> Decision:
        harms, conditions = _find_harms(self.assessed.blocks), self._list_conditions(self.assessed, self.result)
        has_harm = bool(harms) or _get_case(self.assessed) > 0
        if has_harm and (hold := self._find_hold(harms)):
            code, text, ends_when = hold
            reasons = ((code, text), *self._describe_harm(harms), *conditions)
            meanwhile = str(load_decision_rules()["hold"]["meanwhile"])
            return Decision("hold", reasons, self._get_first_step(), ends_when, meanwhile)
        next_step = self._get_next_step()
        if has_harm:
            faults = self._list_plan_faults(harms)
            if self.plan is not None and not faults:
                conditions = self._list_conditions_without(harms)
                if not conditions and not self._is_emergency(harms):
                    text = "An agreed plan covers every finding, its safety steps are done and no step is overdue."
                    return Decision(
                        "proceed_with_plan", ((("plan.on_time", text)), *self._describe_harm(harms)), next_step
                    )
            return Decision("ask", (*self._describe_harm(harms), *faults, *conditions), next_step)
        if conditions:
            return Decision("ask", tuple(conditions), next_step)
        return Decision("proceed", (_ANSWERED,), next_step)

    def _list_conditions(self, assessed: AssessedBatch, result: Mapping[str, Any]) -> list[ReasonText]:
        """Return why the supplier may not simply proceed, apart from harm; empty if nothing prevents it."""
        blocks = assessed.blocks
        level, coverage = result["level"], min(float(b.scores.coverage_without_reports[0]) for b in blocks)
        needed = max(block.model.insufficient_below for block in blocks)
        reasons: list[ReasonText] = []
        if any(block.scores.documented[0] for block in blocks):
            reasons.append(
                (
                    "state_imposed.documented",
                    "State-imposed labour is documented for this place, for these goods or for the state that "
                    "sends the workers. No answer, audit or plan at the site can resolve this.",
                )
            )
        if level == "insufficient_evidence":
            text = f"Too few key questions have been answered (inherent risk: {result['inherent_level']})."
            reasons.append(("evidence.insufficient", text))
        elif round(coverage, 12) < needed:
            reasons.append(("coverage.low", f"Only {coverage:.0%} of the key questions have been answered."))
        if level in ("high", "critical"):
            reasons.append((f"level.{level}", f"The level is {level.capitalize()}."))
        if result["country"] is None:
            reasons.append(("country.unknown", "The country of work is not known."))
        if result["sector"] is None:
            reasons.append(("sector.unknown", "The sector is not known."))
        if any(block.scores.place_open[0] for block in blocks):
            text = (
                "State-imposed labour is documented in a region of this country, and the supplier's region is not "
                "known."
            )
            reasons.append(("region.unknown", text))
        floors, states = assessed.get_floors(blocks[assessed.block_indexes[0]], POSITION)
        silent = [
            floor.title
            for floor, (state,) in zip(floors, states.tolist(), strict=True)
            if state == ON_SILENCE and not floor.declined_core  # the core questions are listed by themselves
        ]
        if silent:
            reasons.append(
                ("floor.unanswered", f"Cannot be ruled out, because questions were left blank: {silent[0]}.")
            )
        if open_questions := _list_open_questions(blocks):
            reasons.append(_describe_open_questions(open_questions))
        worst = max(float(block.scores.worst_given[0]) for block in blocks)
        if round(worst, 6) >= WORST_OF_LOW and not all(block.scores.core_confirmed[0] for block in blocks):
            text = (
                f"The worst-case score is {worst:.0f}. It must be below {WORST_OF_LOW:g}, or the evidence for every "
                "core question must be confirmed."
            )
            reasons.append(("worst_case.open", text))
        return reasons

    def _list_conditions_without(self, harms: Mapping[str, _Harm]) -> list[ReasonText]:
        """Return what would still prevent proceeding if each harm were a denial confirmed by workers."""
        batch = self.assessed.batch
        row = _deny(batch.answers.to_rows()[0], harms, self.on)
        denied = replace(batch, answers=from_rows([row]), case_evidence=None)
        models = [block.model for block in self.assessed.blocks]
        assessed = assess_batch(denied, self.facts, self.on, self.assessed.agency_scores, models)
        scores = assessed.blocks[assessed.block_indexes[0]].scores
        levels = {"level": scores.level, "inherent_level": scores.inherent_level}
        result = {**self.result, **{name: _LEVELS[int(codes[0])] for name, codes in levels.items()}}
        conditions = self._list_conditions(assessed, result)
        if _find_harms(assessed.blocks):  # harm that none of these answers explains
            conditions.insert(0, ("harm.on_record", "Other indicators of harm remain."))
        return conditions

    def _find_hold(self, harms: Mapping[str, _Harm]) -> tuple[str, str, str] | None:
        """Return why new orders are held, as code and sentence, and what ends that; None where they are not."""
        if self._is_emergency(harms):
            if not self.sees_all:
                return "hold.raised", RAISED_TEXT, "A case handler or officer can explain what ends the hold."
            # Where a state imposes the labour, nobody may ask its workers whether they are safe.
            ends_when = (
                "State-imposed labour is documented here, so do not contact anyone there. The hold ends once you have decided "
                "whether to continue buying from this supplier."
                if self.assessed.state_imposed[0]
                else "The hold ends when workers or an authority confirm that the people concerned are safe, and the case or "
                "report is closed."
            )
            reason = "Workers, an authority or case records report that people may be in danger now."
            return "emergency.reported", reason, ends_when
        if not self._had_its_days() or not self._is_at_critical_floor():
            return None
        if not self.sees_all and (_get_case(self.assessed) or not all(harm.admitted for harm in harms.values())):
            return "hold.raised", RAISED_TEXT, "A case handler or officer can explain what ends the hold."
        if self.plan is None:
            days = load_decision_rules()["supplier_days"]["days"]
            return (
                "plan.none",
                f"Serious harm was admitted or reported, the supplier has known about it for {days} days or more, and no plan "
                "has been agreed.",
                "The hold ends as soon as the supplier agrees to a plan that covers every finding.",
            )
        if self.plan.is_late(self.today):
            return (
                "plan.late",
                "Serious harm was admitted or reported, and a step in the plan is overdue.",
                "The hold ends as soon as the overdue steps are done.",
            )
        return None

    def _is_emergency(self, harms: Mapping[str, _Harm]) -> bool:
        named = load_decision_rules()["emergency"]["indicators"]
        is_reported = any(harm.reported and name in named for name, harm in harms.items())
        return _get_case(self.assessed) == STRENGTHS.index("emergency") or is_reported

    def _had_its_days(self) -> bool:
        days = load_decision_rules()["supplier_days"]["days"]
        return self.supplier_informed_on is not None and (self.today - self.supplier_informed_on).days >= days

    def _is_at_critical_floor(self) -> bool:
        block = self.assessed.blocks[self.assessed.block_indexes[0]]
        floors, states = self.assessed.get_floors(block, POSITION)
        return any(
            state == ON_HARM and floor.minimum_score >= block.model.levels["critical"]
            for floor, (state,) in zip(floors, states.tolist(), strict=True)
        )

    def _list_plan_faults(self, harms: Mapping[str, _Harm]) -> list[ReasonText]:
        """Return why the plan does not allow orders to continue; empty if it covers all findings, is safe and on time."""
        if self.plan is None:
            return [("plan.none", "No corrective action plan was submitted.")]
        faults: list[ReasonText] = []
        missing = [harm for name, harm in harms.items() if name not in self.plan.covers]
        if missing:
            titles = [harm.indicator.title for harm in missing if self.sees_all or harm.admitted]
            named = f": {'; '.join(titles)}" if titles else ""
            faults.append(("plan.not_covered", f"The plan does not cover every finding{named}."))
        elif not harms and CASE_RECORDS not in self.plan.covers:
            text = "The plan does not cover the findings in the case records." if self.sees_all else RAISED_TEXT
            faults.append(("plan.not_covered", text))
        required = self._list_safety_steps()
        open_ids = {name for name, is_done in self.plan.steps.items() if not is_done}
        undone = [action for action in required if not self.plan.steps.get(action.id)]
        if undone or open_ids:
            own = {action.id for action in self._list_safety_steps(own_answers_only=True)}
            titles = [f"{action.title} ({action.id})" for action in undone if self.sees_all or action.id in own]
            named = f": {'; '.join(titles)}" if titles else ""
            faults.append(("plan.safety_open", f"Not all safety steps are done{named}."))
        if self.plan.is_late(self.today):
            faults.append(("plan.late", "A step in the plan is overdue."))
        return faults

    def _list_safety_steps(self, *, own_answers_only: bool = False) -> list[Action]:
        plan = self.assessed.blocks[self.assessed.block_indexes[0]].plan
        plan = plan.own_answer_plan if own_answers_only else plan
        return [action for action, _ in plan.list_steps(0, self.on) if action.safety]

    def _describe_harm(self, harms: Mapping[str, _Harm]) -> tuple[ReasonText, ...]:
        titles = [harm.indicator.title for harm in harms.values() if self.sees_all or harm.admitted]
        if titles:
            return (("harm.on_record", f"Indicators consistent with harm: {'; '.join(titles)}."),)
        return (("harm.on_record", "Case records contain findings." if self.sees_all else RAISED_TEXT),)

    def _get_next_step(self) -> NextStep | None:
        if any(block.scores.documented[0] for block in self.assessed.blocks):
            documented = load_decision_rules()["documented"]
            return NextStep(documented["action"], documented["text"])
        return self._get_first_step()

    def _get_first_step(self) -> NextStep | None:
        plan = self.assessed.blocks[self.assessed.block_indexes[0]].plan
        steps = (plan if self.sees_all else plan.own_answer_plan).list_steps(0, self.on)
        return NextStep(steps[0][0].id, steps[0][0].title) if steps else None


_LEVELS: Final = ("low", "medium", "high", "critical", "insufficient_evidence")
_ANSWERED: Final = (
    "answered",
    "Every core question has been answered and no indicator raises the level. This does not clear the supplier: "
    "review it when the next review is due.",
)


def _get_case(assessed: AssessedBatch) -> int:
    return int(max(block.frame.case[0] for block in assessed.blocks))


def _find_harms(blocks: Sequence[Block]) -> dict[str, _Harm]:
    """Return harm that was admitted or reported, by indicator. A missing safeguard is no harm unless it is reported."""
    harms: dict[str, _Harm] = {}
    for block in blocks:
        cells, reported = block.compute_cells(POSITION), block.frame.reported[:, 0]
        for i, indicator in enumerate(block.model.indicators):
            if cells.harm[i, 0] and (not indicator.safeguard or reported[i]):
                admitted = bool(block.frame.risk[i, 0] >= 0.5)
                earlier = harms.get(indicator.id)
                harms[indicator.id] = _Harm(
                    indicator,
                    admitted or (earlier is not None and earlier.admitted),
                    bool(reported[i]) or (earlier is not None and earlier.reported),
                )
    return harms


def _deny(answers: Mapping[str, Any], harms: Mapping[str, _Harm], on: date) -> dict[str, Any]:
    """Return answers that deny each harm, with confirmed evidence of the day from workers, and without the reports of it."""
    row = dict(answers)
    for harm in harms.values():
        indicator = harm.indicator
        row[indicator.question] = get_best_answer(indicator.rule, on)
        for question, codes in {"reported_harms": (indicator.id,), **indicator.report_sources}.items():
            if isinstance(row.get(question), (list, tuple)):
                row[question] = [code for code in row[question] if code not in codes]
    questions = list(dict.fromkeys(harm.indicator.question for harm in harms.values()))
    confirmed = {"by": "workers", "on": on.isoformat(), "covers": questions}
    piece = {"grade": "worker_voice", "date": on.isoformat(), "covers": questions, "confirmed": confirmed}
    earlier = row.get(EVIDENCE)
    row[EVIDENCE] = [*(earlier if isinstance(earlier, (list, tuple)) else ()), piece]
    return row


def _list_open_questions(blocks: Sequence[Block]) -> list[str]:
    """Return the titles of the core questions that are not answered, or whose answer has expired."""
    titles: dict[str, str] = {}
    for block in blocks:
        states = block.compute_cells(POSITION).state[:, 0].tolist()
        for indicator, state in zip(block.model.indicators, states, strict=True):
            if indicator.core and state in OPEN_STATE_CODES:
                titles.setdefault(indicator.id, indicator.title)
    return list(titles.values())


def _describe_open_questions(titles: Sequence[str]) -> ReasonText:
    subject = (
        "1 core question is open:" if len(titles) == 1 else f"{len(titles)} core questions are open. The first is:"
    )
    return "core.open", f"{subject} {titles[0]}."


def decide_by_level(result: Mapping[str, Any], model: Model) -> Decision:
    """Return the decision by the rules before method 4: hold where critical, proceed where nothing is open, else ask.

    Proceeding requires a low or medium level, enough coverage and no open core question. Hold is not a refusal: engage the
    supplier first; ending the relationship is the last step (SAFE-8).
    """
    reasons: list[ReasonText] = []
    level, coverage = result["level"], result["coverage"]
    if level == "critical" or result["case_evidence"] == "emergency":
        reasons.append(
            (
                "level.critical",
                "There are indicators consistent with severe harm, or the country "
                "and sector risk is Critical. Act on this first.",
            )
        )
    if level == "insufficient_evidence":
        reasons.append(
            (
                "evidence.insufficient",
                f"Too few key questions have been answered (inherent risk: {result['inherent_level']}).",
            )
        )
    elif coverage < model.insufficient_below:
        reasons.append(("coverage.low", f"Only {coverage:.0%} of the key questions have been answered."))
    if level == "high":
        reasons.append(("level.high", "The level is High: agree corrective actions before placing new orders."))
    for question, text in (("country", "The country of work is not known."), ("sector", "The sector is not known.")):
        if result[question] is None:
            reasons.append((f"{question}.unknown", text))
    if open_questions := _list_open_core_questions(result["reasons"], model):
        reasons.append(_describe_open_questions(open_questions))
    answer = "proceed" if not reasons else "hold" if reasons[0][0] == "level.critical" else "ask"
    if answer == "proceed":
        reasons.append(_ANSWERED)
    step = result["next_step"]
    return Decision(answer, tuple(reasons), None if step is None else NextStep(step, ""), four_answers=False)


def _list_open_core_questions(reasons: Sequence[Mapping[str, Any]], model: Model) -> list[str]:
    core = {indicator.id: indicator.title for indicator in model.indicators if indicator.core}
    return [
        core[reason["indicator"]]
        for reason in reasons
        if reason["indicator"] in core and reason["state"] in OPEN_STATES
    ]
