"""Stored numbers to sentences, when somebody reads them. An explanation is the score: its points add up to the number shown."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from risk_models.facts import FactsOn
from risk_models.inherent import UNKNOWN_PLACE
from risk_models.model import Floor, Indicator, Model

Stored = Mapping[str, object]


@dataclass(frozen=True)
class Reason:
    """One reason in words: points moved the score by that much (context reasons build the inherent risk)."""

    id: str
    kind: str
    title: str
    text: str
    state: str
    value: str
    effective: float | None
    context: float | None
    points: float
    sources: tuple[str, ...]
    year: int | None = None


def explain(
    model: Model, facts: FactsOn, country: str | None, stored: Sequence[Stored], title_of: Callable[[str, object], str]
) -> tuple[Reason, ...]:
    """The stored reasons of one supplier as sentences.

    ``stored``: the ``reasons`` of a result. ``title_of(question, answer)``: the words of an answer, from its questionnaire.
    """
    indicators = {indicator.id: indicator for indicator in model.indicators}
    contexts = {c.id: c for c in model.contexts} | {fact.fact: c for c in model.contexts for fact in c.facts}
    sharper = {s.id: s for s in model.sharper}
    reasons: list[Reason] = []
    for entry in stored:
        name, state, points = str(entry["indicator"]), str(entry["state"]), _number(entry["points"]) or 0.0
        e, c = _number(entry.get("e")), _number(entry.get("c"))
        if entry["kind"] == "answer":
            indicator = indicators[name]
            value = entry.get("value")
            said = "" if value is None else title_of(indicator.question, value)
            text = sentence(indicator, state, said, e or 0.0, harm=_is_harm(indicator, state, value))
            reasons.append(Reason(name, "answer", indicator.title, text, state, said, e, c, points, indicator.sources))
        elif name == UNKNOWN_PLACE:
            text = (
                "The country or the sector is not known. Three quarters of all places and trades in the fact table would "
                "score lower than the value taken here; the range covers all of them."
            )
            reasons.append(
                Reason(name, "context", "Country or sector unknown", text, state, "", e, c, points, ("EN-4",))
            )
        elif name == "agency":
            text = "The score of the worst agency named here, as the usual level for recruitment through it."
            reasons.append(
                Reason(
                    name,
                    "context",
                    "Worst agency named",
                    text,
                    state,
                    _shown(entry.get("value")),
                    e,
                    c,
                    points,
                    ("SD-64", "SD-65"),
                )
            )
        elif name in sharper:
            rule = sharper[name]
            reasons.append(
                Reason(
                    name,
                    "context",
                    rule.title,
                    _with_state(rule.because, state),
                    state,
                    _shown(entry.get("value")),
                    e,
                    c,
                    points,
                    rule.sources,
                )
            )
        else:
            rule_of = contexts[name]
            title = rule_of.title if name.startswith("answer.") else facts.title(name)
            source, year = rule_of.sources, None
            seen = facts.value("country", country or "", name.split(".", 1)[1]) if name.startswith("country.") else None
            if seen is not None:
                source, year = (seen.source, *rule_of.sources), seen.year
            reasons.append(
                Reason(
                    name,
                    "context",
                    title,
                    _with_state(rule_of.because, state),
                    state,
                    _shown(entry.get("value")),
                    e,
                    c,
                    points,
                    source,
                    year,
                )
            )
    return tuple(reasons)


def sentence(indicator: Indicator, state: str, said: str, effective: float, *, harm: bool) -> str:
    """What an officer would say of one indicator. Never a verdict: harm reads "indicators consistent with ..."."""
    if state == "not_asked":
        return "Not asked: taken as usual for such a place and trade."
    if state == "declined":
        return "Asked, and the form came back with this left blank: it cannot be ruled out."
    if state == "ruled_out":
        return "Ruled out by the facts about this site."
    if state == "reported":
        return f"Reported by workers or officials. {indicator.harm}"
    told = indicator.because.replace("{value}", said or "does not apply here")
    if harm:
        return f"{told} {indicator.harm}"
    if state == "expired":
        return f"{told} The evidence is past its shelf life, so it no longer reassures."
    return told


def floor_sentence(floor: Floor, *, ruled_out_not: bool) -> str:
    """Why a floor holds the score up; ``ruled_out_not`` where only declined answers reached it."""
    if ruled_out_not:
        return f"{floor.title}: cannot be ruled out, since questions were asked and left blank. {floor.because}"
    return f"{floor.title}. {floor.because}"


def _is_harm(indicator: Indicator, state: str, value: object) -> bool:
    answer = tuple(value) if isinstance(value, list) else value
    return state == "reported" or (state in ("answered", "expired") and indicator.rule.risk(answer) >= 0.5)


def _with_state(because: str, state: str) -> str:
    if state == "filled":
        return f"{because} We hold no figure for this country: the value is taken from the countries most like it (our gap)."
    if state == "unknown":
        return f"{because} Not known here; it adds nothing to the score and its whole share to the worst case."
    if state == "declined":
        return f"{because} Asked and left blank: taken at the top of its scale."
    return because


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, (int, float)) else None


def _shown(value: object) -> str:
    number = _number(value)
    return "" if number is None else f"{number:.4g}"
