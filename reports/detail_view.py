"""Explain one result in words, in the same way for HTML and PDF."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from reports import charts
from reports.document import LEAST_POINTS, Detail, Floor, ModelUsed, Reason
from reports.formatting import format_points, format_score

Tree = dict[str, Any]

# The titles of the groups of answers; what was not asked is listed apart.
GROUP_TITLES = {
    "finding": "Findings",
    "unresolved": "Cannot be ruled out: left blank, or the evidence has expired",
    "other": "Other answers",
}


def build_detail_view(chart: str, detail: Detail, model: ModelUsed) -> Tree:
    """Return how a result is made up, in words: facts, grouped answers and minimum-score rules, with a chart of its points.

    `chart`: the id of the chart on the page.
    """
    not_asked = [reason for reason in detail.changeable if reason.group == "not_asked"]
    answers = [reason for reason in detail.changeable if reason.group != "not_asked"]
    evidence = _usual_evidence(answers)
    highest = max((floor.at_least for floor in detail.floors), default=0.0)
    lower = sorted((floor for floor in detail.floors if floor.at_least < highest), key=lambda floor: -floor.at_least)
    return {
        "chart": charts.draw_contributions(chart, detail, model),
        "facts": _without_repeats([_reason_row(reason) for reason in detail.fixed]),
        "facts_title": _describe_fixed(detail),
        "answers": _group_answers([r if r.evidence != evidence else replace(r, evidence="") for r in answers]),
        "answers_title": _describe_changeable(detail),
        "evidence": f"Evidence unless stated otherwise: {evidence}" if evidence else "",
        "not_asked": [reason.title for reason in not_asked],
        "helps": list(detail.helps),
        "floors": _floor_rows([floor for floor in detail.floors if floor.at_least == highest]),
        "floors_below": "; ".join(f"{floor.title} ({floor.at_least:g})" for floor in lower if not floor.open),
        "open_below": "; ".join(f"{floor.title} ({floor.at_least:g})" for floor in lower if floor.open),
        "unanswered_note": detail.unanswered_note,
        "uplift": format_points(detail.headline.uplift) if detail.headline.uplift else "",
        "stability_text": detail.stability_text,
    }


def _describe_fixed(detail: Detail) -> str:
    """Return the heading of the facts, with the points that they make up."""
    if detail.headline.inherent is None:  # a supplier's copy, which sums up all else in one line
        return "Country, sector and other information"
    points = format_score(detail.fixed_points)
    return f"What the supplier cannot change: country, sector, law and goods ({points} points)"


def _describe_changeable(detail: Detail) -> str:
    """Return the heading of the answers: what they and a rule add or take off, and the most that the score could fall.

    With the points of the facts, those in the heading add up to the score.
    """
    title = "What the supplier can change: its answers, their evidence and its agencies"
    if detail.headline.inherent is None:
        return title
    now = f"{format_points(detail.answer_points)} points now"
    if detail.headline.uplift:
        now += f", and {format_points(detail.headline.uplift)} from a minimum-score rule"
    return f"{title} ({now}; could fall by up to {format_score(detail.could_win)})"


def _group_answers(answers: Sequence[Reason]) -> list[Tree]:
    """Return the answers in their order, grouped as in GROUP_TITLES."""
    groups = [(title, [_reason_row(r) for r in answers if r.group == group]) for group, title in GROUP_TITLES.items()]
    return [{"title": title, "rows": rows} for title, rows in groups if rows]


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
        "could_win": format_score(reason.could_win) if reason.could_win >= LEAST_POINTS else "",
        "tone": "" if abs(reason.points) < 0.05 else "up" if reason.points > 0 else "down",
        "sources": [*reason.sources, *([str(reason.year)] if reason.year else [])],
    }
