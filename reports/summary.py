"""The summary of a report in sentences: how many suppliers have which level, what is urgent, and how sure the results are."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Iterable, Sequence

from reports.document import (
    LEVELS,
    Headline,
    Level,
    Report,
)
from reports.formatting import (
    format_count,
    format_range,
    format_share,
)

_MAX_EMERGENCIES = 5
COPY_NOTE = (
    "It is based only on the supplier's own answers and on public data. Nothing else that the "
    "buyer knows affects its content, and the buyer's own assessment may differ."
)


def count_by_level(results: Iterable[Headline]) -> dict[Level, int]:
    """Return the number of results at each level, including levels without any."""
    counts = Counter(headline.level for headline in results)
    return {level: counts[level] for level in LEVELS}


def summarise_report(report: Report) -> list[str]:
    """Return sentences about what was assessed and what the results are."""
    by_level = count_by_level(report.results)
    kinds = Counter(headline.kind for headline in report.results)
    covered = " and ".join(
        text
        for text in (
            format_count(kinds["site"], "site") if kinds["site"] else "",
            format_count(kinds["agency"], "recruitment agency", "recruitment agencies") if kinds["agency"] else "",
        )
        if text
    )
    rejected = sum(file.rejected for file in report.files)
    if len(report.results) == 1:
        (only,) = report.results
        called = only.name or only.reference
        covered = f"the {covered.removeprefix('1 ')} {called}" if called else covered
    source = f", based on {format_count(len(report.files), 'file')}" if report.files else ""
    sentences = [
        f"This copy covers {covered}. {COPY_NOTE}"
        if report.audience == "supplier"
        else f"This report covers {covered or 'no suppliers'}{source}."
    ]
    if report.cases:
        sentences.append(f"It includes {format_count(len(report.cases), 'case record')} (internal only).")
    emergencies = [
        f"{case.case} about {case.about}" if case.about else case.case
        for case in report.cases
        if case.strength == "emergency"
    ]
    if emergencies:
        rest = len(emergencies) - _MAX_EMERGENCIES
        named = ", ".join(emergencies[:_MAX_EMERGENCIES]) + (f" and {rest:,} more" if rest > 0 else "")
        suggest, them = ("suggests", "it") if len(emergencies) == 1 else ("suggest", "them")
        sentences.append(
            f"{format_count(len(emergencies), 'case')} {suggest} that people may be in danger now; act on {them} first, within "
            f"hours: {named}."
        )
    if rejected:
        sentences.append(f"{format_count(rejected, 'row')} could not be scored; “Issues” explains what to fix.")
    urgent, insufficient = by_level["critical"] + by_level["high"], by_level["insufficient_evidence"]
    if len(report.results) == 1 and not insufficient:
        sentences.append(f"It is rated {report.results[0].level_text}.")
    elif urgent:
        verb, them = ("is", "it first") if urgent == 1 else ("are", "them first, in the order shown")
        sentences.append(
            f"{urgent:,} of {len(report.results):,} suppliers {verb} rated Critical or High; act on {them}."
        )
    if insufficient:
        subject, not_cleared = (
            f"{format_count(insufficient, 'supplier')} is",
            "It is not cleared; send it a questionnaire.",
        )
        if len(report.results) == 1:
            subject = "It is"
        elif insufficient > 1:
            subject = f"{insufficient:,} suppliers are"
            not_cleared = "They are not cleared; send them a questionnaire, highest inherent risk first."
        sentences.append(f"{subject} rated Insufficient evidence: too little is known to set a level. {not_cleared}")
    return sentences


def summarise_confidence(results: Sequence[Headline]) -> list[str]:
    """Return sentences about the confidence in the results; none if there are no results."""
    if not results:
        return []
    if len(results) == 1:
        (only,) = results
        return [
            f"Confidence: {only.confidence:.0f}/100. {format_share(only.coverage)} of the key questions have been "
            "answered.",
            f"Likely range: {format_range(only.best, only.worst)}, from the best to the worst case that the answers "
            "allow.",
        ]
    confidence = sorted(headline.confidence for headline in results)
    low, high = confidence[len(confidence) // 4], confidence[(3 * len(confidence)) // 4]
    low_coverage = sum(headline.coverage < 0.5 for headline in results)
    have = "has" if low_coverage == 1 else "have"
    width = statistics.median(headline.worst - headline.best for headline in results)
    middle = f"{low:.0f}" if f"{low:.0f}" == f"{high:.0f}" else f"between {low:.0f} and {high:.0f}"
    return [
        f"Median confidence: {statistics.median(confidence):.0f}/100. For the middle half of suppliers it is {middle}.",
        f"{low_coverage:,} of {len(results):,} suppliers {have} answered fewer than half of the key questions.",
        f"The median likely range is {width:.0f} points wide, from the best to the worst case that the answers allow.",
    ]
