"""Decide on onboarding: what a procurement system should do with a supplier. If in doubt, the decision is to ask, never to
proceed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from risk_models.model import Model

OPEN_STATES = ("not_asked", "declined", "expired")


@dataclass(frozen=True)
class Decision:
    """The onboarding decision: proceed, ask or hold, reasons as code and sentence, and the id of the first action."""

    decision: str
    reasons: tuple[tuple[str, str], ...]
    next_step: str | None


def decide(result: Mapping[str, Any], model: Model) -> Decision:
    """Return the decision on a result object: hold if it is critical, proceed if nothing is open, otherwise ask. Proceeding
    requires a low or medium level with enough coverage and no open core question. Hold is not a refusal: engage the supplier
    first; ending the relationship is the last step (SAFE-8).
    """
    reasons: list[tuple[str, str]] = []
    level, coverage = result["level"], result["coverage"]
    if level == "critical" or result["case_evidence"] == "emergency":
        reasons.append(
            (
                "level.critical",
                "There are indicators consistent with severe harm, or the country and sector risk is critical. "
                "Act on this first.",
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
    open_questions = _list_open_core_questions(result["reasons"], model)
    if open_questions:
        subject = (
            "1 core question is open:"
            if len(open_questions) == 1
            else f"{len(open_questions)} core questions are open. The first is:"
        )
        reasons.append(("core.open", f"{subject} {open_questions[0]}."))
    decision = "proceed" if not reasons else "hold" if reasons[0][0] == "level.critical" else "ask"
    if decision == "proceed":
        reasons.append(
            (
                "answered",
                "Every core question is answered and no indicator raises the level. This is not a clearance: "
                "review the supplier when due.",
            )
        )
    return Decision(decision, tuple(reasons), result["next_step"])


def _list_open_core_questions(reasons: Sequence[Mapping[str, Any]], model: Model) -> list[str]:
    core = {indicator.id: indicator.title for indicator in model.indicators if indicator.core}
    return [
        core[reason["indicator"]]
        for reason in reasons
        if reason["indicator"] in core and reason["state"] in OPEN_STATES
    ]
