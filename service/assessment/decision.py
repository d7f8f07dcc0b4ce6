"""The onboarding gate: what a procurement system should do with a supplier. It fails to ask, never to proceed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from risk_models.model import Model

OPEN_STATES = ("not_asked", "declined", "expired")


@dataclass(frozen=True)
class Decision:
    """``decision``: proceed, ask or hold. ``reasons``: code and sentence for each. ``next_step``: id of the first action."""

    decision: str
    reasons: tuple[tuple[str, str], ...]
    next_step: str | None


def decide(result: Mapping[str, Any], model: Model) -> Decision:
    """Hold on critical; proceed on low or medium with enough asked and no core question open; ask otherwise.

    Hold is not a refusal: the supplier is to be engaged first, and leaving is the last step (SAFE-8).
    """
    reasons: list[tuple[str, str]] = []
    level, coverage = result["level"], result["coverage"]
    if level == "critical" or result["case_evidence"] == "emergency":
        reasons.append(
            (
                "level.critical",
                "Indicators consistent with grave harm, or a place and trade where it is usual: act on them first.",
            )
        )
    if level == "insufficient_evidence":
        reasons.append(
            ("evidence.insufficient", f"Not enough was asked and answered (inherent risk {result['inherent_level']}).")
        )
    elif coverage < model.insufficient_below:
        reasons.append(("coverage.low", f"Only {coverage:.0%} of what matters was answered."))
    if level == "high":
        reasons.append(("level.high", "The level is high: agree on the actions before new orders."))
    for question, text in (("country", "The country of work is not known."), ("sector", "The sector is not known.")):
        if result[question] is None:
            reasons.append((f"{question}.unknown", text))
    still_open = _open_core(result["reasons"], model)
    if still_open:
        reasons.append(("core.open", f"{len(still_open)} core questions are open, the first: {still_open[0]}."))
    decision = "proceed" if not reasons else "hold" if reasons[0][0] == "level.critical" else "ask"
    if decision == "proceed":
        reasons.append(
            (
                "answered",
                "Every core question is answered and no indicator holds the level up. This is no clearance: review when due.",
            )
        )
    return Decision(decision, tuple(reasons), result["next_step"])


def _open_core(reasons: Sequence[Mapping[str, Any]], model: Model) -> list[str]:
    core = {i.id: i.title for i in model.indicators if i.core}
    return [core[r["indicator"]] for r in reasons if r["indicator"] in core and r["state"] in OPEN_STATES]
