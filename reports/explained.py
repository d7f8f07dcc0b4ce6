"""One result explained in words, for HTML and PDF alike."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from reports import charts
from reports.document import Detail, Floor, ModelUsed, Reason
from reports.formatting import points, score

Tree = dict[str, Any]

ANSWERS = (
    "Found",
    "Cannot be ruled out: asked and left blank, or the evidence has run out",
    "Other answers",
)


def explained(chart: str, detail: Detail, model: ModelUsed) -> Tree:
    """What a result is made of, in words: facts, answers under what they say, rules that hold it up, and the bars."""
    quiet = [reason for reason in detail.reasons if reason.state == "not_asked" and abs(reason.points) < 0.05]
    told = [reason for reason in detail.reasons if reason not in quiet]
    answers = [reason for reason in told if reason.kind == "answer"]
    evidence = _usual_evidence(answers)
    highest = max((floor.at_least for floor in detail.floors), default=0.0)
    lower = sorted((floor for floor in detail.floors if floor.at_least < highest), key=lambda floor: -floor.at_least)
    return {
        "chart": charts.bars(chart, detail, model),
        "facts": _once([_reason(reason) for reason in told if reason.kind == "context"]),
        "answers": _grouped([r if r.evidence != evidence else replace(r, evidence="") for r in answers]),
        "evidence": f"Evidence, where a line tells no other: {evidence}" if evidence else "",
        "not_asked": [reason.title for reason in quiet],
        "floors": _floors([floor for floor in detail.floors if floor.at_least == highest]),
        "floors_below": "; ".join(f"{floor.title} ({floor.at_least:g})" for floor in lower if not floor.open),
        "open_below": "; ".join(f"{floor.title} ({floor.at_least:g})" for floor in lower if floor.open),
        "silence": detail.silence,
        "uplift": points(detail.headline.uplift) if detail.headline.uplift else "",
        "steady": detail.steady,
    }


def _grouped(answers: Sequence[Reason]) -> list[Tree]:
    """The answers under what they say: found, not to be ruled out, the rest. Within each they stay in their order."""
    groups: dict[str, list[Reason]] = {title: [] for title in ANSWERS}
    found, open_, rest = groups.values()
    for reason in answers:
        (found if reason.harm else open_ if reason.state in ("declined", "expired") else rest).append(reason)
    return [{"title": title, "rows": [_reason(r) for r in rows]} for title, rows in groups.items() if rows]


def _floors(floors: Sequence[Floor]) -> list[Tree]:
    """Rules that hold the score up; where a sentence begins with its title, or as the one before, that is not said twice."""
    told, said = [], ""
    for floor in floors:
        text = floor.text.removeprefix(floor.title).lstrip(".: ")
        first, _, rest = text.partition(". ")
        text, said = (rest if rest and first == said else text), first
        told.append(
            {
                "title": floor.named,
                "text": text[:1].upper() + text[1:],
                "at_least": score(floor.at_least),
                "sources": list(floor.sources),
            }
        )
    return told


def _usual_evidence(answers: Sequence[Reason]) -> str:
    """The evidence behind most answers, where it stands behind several; it is then told once for all of them."""
    evidence, answered = max(
        Counter(r.evidence for r in answers if r.evidence).items(), key=lambda c: c[1], default=("", 0)
    )
    return evidence if answered > 1 else ""


def _once(rows: Sequence[Tree]) -> list[Tree]:
    """Rows in which words alike from one to the next stand once: several facts may be of one context and one source."""
    before = ({"text": "", "sources": []}, *rows)
    return [
        row
        | ({"text": ""} if row["text"] == above["text"] else {})
        | ({"sources": ["as above"]} if row["sources"] and row["sources"] == above["sources"] else {})
        for above, row in zip(before, rows, strict=False)
    ]


def _reason(reason: Reason) -> Tree:
    return {
        "title": reason.title,
        "text": reason.in_full,
        "state": reason.state.replace("_", " "),
        "value": reason.value,
        "points": points(reason.points),
        "tone": "" if abs(reason.points) < 0.05 else "up" if reason.points > 0 else "down",
        "sources": [*reason.sources, *([str(reason.year)] if reason.year else [])],
    }
