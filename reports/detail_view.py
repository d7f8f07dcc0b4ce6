"""Explain one result in words, in the same way for HTML and PDF."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from reports import charts
from reports.document import Detail, Floor, ModelUsed, Reason
from reports.formatting import format_points, format_score

Tree = dict[str, Any]

ANSWER_GROUPS = (
    "Findings",
    "Cannot be ruled out: left blank, or the evidence has expired",
    "Other answers",
)


def build_detail_view(chart: str, detail: Detail, model: ModelUsed) -> Tree:
    """Return how a result is made up, in words: facts, grouped answers and minimum-score rules, with a chart of its points.

    `chart`: the id of the chart on the page.
    """
    not_asked = [reason for reason in detail.reasons if reason.state == "not_asked" and abs(reason.points) < 0.05]
    reasons = [reason for reason in detail.reasons if reason not in not_asked]
    answers = [reason for reason in reasons if reason.kind == "answer"]
    evidence = _usual_evidence(answers)
    highest = max((floor.at_least for floor in detail.floors), default=0.0)
    lower = sorted((floor for floor in detail.floors if floor.at_least < highest), key=lambda floor: -floor.at_least)
    return {
        "chart": charts.draw_contributions(chart, detail, model),
        "facts": _without_repeats([_reason_row(reason) for reason in reasons if reason.kind == "context"]),
        "answers": _grouped_answers([r if r.evidence != evidence else replace(r, evidence="") for r in answers]),
        "evidence": f"Evidence unless stated otherwise: {evidence}" if evidence else "",
        "not_asked": [reason.title for reason in not_asked],
        "floors": _floor_rows([floor for floor in detail.floors if floor.at_least == highest]),
        "floors_below": "; ".join(f"{floor.title} ({floor.at_least:g})" for floor in lower if not floor.open),
        "open_below": "; ".join(f"{floor.title} ({floor.at_least:g})" for floor in lower if floor.open),
        "unanswered_note": detail.unanswered_note,
        "uplift": format_points(detail.headline.uplift) if detail.headline.uplift else "",
        "stability_text": detail.stability_text,
    }


def _grouped_answers(answers: Sequence[Reason]) -> list[Tree]:
    """Return the answers in their original order, grouped as in ANSWER_GROUPS: found, cannot be ruled out, and others."""
    groups: dict[str, list[Reason]] = {title: [] for title in ANSWER_GROUPS}
    found, unresolved, rest = groups.values()
    for reason in answers:
        (found if reason.harm else unresolved if reason.state in ("declined", "expired") else rest).append(reason)
    return [{"title": title, "rows": [_reason_row(r) for r in group]} for title, group in groups.items() if group]


def _floor_rows(floors: Sequence[Floor]) -> list[Tree]:
    """Return the minimum-score rules. A text does not repeat its title or the first sentence of the text before it."""
    rows: list[Tree] = []
    sentence_before = ""
    for floor in floors:
        text = floor.text.removeprefix(floor.title).lstrip(".: ")
        sentence, _, rest = text.partition(". ")
        text = rest if rest and sentence == sentence_before else text
        sentence_before = sentence
        rows.append(
            {
                "title": floor.full_title,
                "text": text[:1].upper() + text[1:],
                "at_least": format_score(floor.at_least),
                "sources": list(floor.sources),
            }
        )
    return rows


def _usual_evidence(answers: Sequence[Reason]) -> str:
    """Return the most common evidence if several answers share it, so that it can be stated once for all; otherwise ""."""
    evidence, answered = max(
        Counter(r.evidence for r in answers if r.evidence).items(), key=lambda item: item[1], default=("", 0)
    )
    return evidence if answered > 1 else ""


def _without_repeats(rows: Sequence[Tree]) -> list[Tree]:
    """Return the rows, omitting texts and sources that repeat the row above: several facts may share a context and a source."""
    before = ({"text": "", "sources": []}, *rows)
    return [
        row
        | ({"text": ""} if row["text"] == above["text"] else {})
        | ({"sources": ["as above"]} if row["sources"] and row["sources"] == above["sources"] else {})
        for above, row in zip(before, rows, strict=False)
    ]


def _reason_row(reason: Reason) -> Tree:
    return {
        "title": reason.title,
        "text": reason.full_text,
        "state": reason.state.replace("_", " "),
        "value": reason.value,
        "points": format_points(reason.points),
        "tone": "" if abs(reason.points) < 0.05 else "up" if reason.points > 0 else "down",
        "sources": [*reason.sources, *([str(reason.year)] if reason.year else [])],
    }
