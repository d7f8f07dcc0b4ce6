"""A report set in words: order, wording and rounding, once for HTML and PDF, so that both say the same.

`build_view_model(report, rows, explain)` gives a tree of dicts, lists and strings, the content of the templates. Everything in
it is plain text, save the charts, which are drawings. Scores and points are rounded to a tenth, so a list of points may miss its
sum by one.
"""

import statistics
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from itertools import groupby
from typing import Any

from reports import charts, maps
from reports.document import (
    LEVEL_TITLES,
    LEVELS,
    PRIORITIES,
    BuyerFinding,
    Company,
    Headline,
    IssueLine,
    Level,
    ModelUsed,
    NotChecked,
    Priority,
    Report,
    Step,
)
from reports.explained import explained
from reports.formatting import bounded, counted, day, score, share
from reports.sources import cited, named_in

Tree = dict[str, Any]

EAST_ASIAN = {"JP": "ja", "KR": "ko", "KP": "ko", "TW": "zh-Hant", "HK": "zh-Hant", "MO": "zh-Hant"}
OWNERS = {"supplier": "Supplier", "agency": "Recruitment agency", "buyer": "Buyer"}
BUYER_STATES = {"harm": "To change", "declined": "Left blank", "not_asked": "Not answered", "answered": "Nothing found"}
KINDS = {"site": "Sites", "agency": "Recruitment agencies"}
SEVERITIES = {"error": "Not scored", "warning": "Scored, with a doubt", "info": "For your information"}
# The four parts of the plan under the three business priorities of the Bali Process forum.
LEADS: dict[Priority, str] = {
    "1": "Fair recruitment and terms: the employer pays, workers hold their papers, wages and hours as promised.",
    "2": "Knowing who is in the chain: tiers, recruiters and their sub-agents, vessels, and the answers still missing.",
    "3a": "Stopping harm to people at risk now, and contracts, training and protection that keep it from returning.",
    "3b": "Ways to complain that workers trust, and remedy for those already harmed.",
}
COPY = (
    "It rests on the supplier's own answers and on open facts alone: it would read the same whatever else is known to the buyer, "
    "whose own assessment may differ."
)
_CHECKED_SHOWN, _RANGES_SHOWN, _COMPANIES_SHOWN, _CASES_SHOWN, _ISSUES_SHOWN = 8, 12, 20, 40, 200
_EMERGENCIES_NAMED = 5


def build_view_model(report: Report, rows: int, explain: int) -> Tree:
    """The content of a report in words, with at most `rows` results in its tables and `explain` of them in full."""
    by_level = dict.fromkeys(LEVELS, 0) | Counter(headline.level for headline in report.results)
    sources = cited(report, report.details[:explain])
    none = ModelUsed("", "", "", "", 0)  # a report on case records alone scores nothing
    model = max(report.models, key=lambda used: used.results, default=none)
    models = {used.id: used for used in report.models}
    total = len(report.results)
    more = len(report.not_checked) - _CHECKED_SHOWN
    return {
        "title": report.title,
        "draft": report.draft,
        "audience": "Internal" if report.audience == "internal" else "Supplier's copy",
        "on": day(report.on),
        "engine": report.engine,
        "facts_digest": report.facts_digest,
        "facts": report.facts_digest[:12],
        "wording": report.wording,
        "summary": summary(report),
        "figures": _figures(report, by_level),
        "sure": sure(report.results),
        "not_checked": [_not_checked(question) for question in report.not_checked[:_CHECKED_SHOWN]],
        "not_checked_more": f"and {counted(more, 'more question')}; the workbook lists them." if more > 0 else "",
        "levels": _levels(report.results, by_level),
        "counts": charts.counts("levels", by_level),
        "ranges": charts.ranges("ranges", report.results[:_RANGES_SHOWN], model),
        "heat": charts.heat("heat", report.heat) if report.heat else None,
        "maps": [
            maps.choropleth(chart, report.places, view)
            for chart, view in (("world", maps.WORLD), ("asia-pacific", maps.ASIA_PACIFIC))
        ]
        if report.places
        else [],
        "borders": maps.BORDERS,
        "cases": [
            asdict(case) | {"findings": counted(case.findings, "finding"), "sources": named_in(case, sources)}
            for case in report.cases[:_CASES_SHOWN]
        ],
        "cases_more": f"{len(report.cases):,} cases are in the workbook (sheet Cases)."
        if len(report.cases) > _CASES_SHOWN
        else "",
        "companies": [_company(company) for company in report.companies[:_COMPANIES_SHOWN]],
        "queue": [_row(place, headline) for place, headline in enumerate(report.results[:rows], 1)],
        "queue_more": f"The worst {rows:,} of {total:,} results are shown. All of them, one a row, are in the workbook "
        "(sheet Results) and in the CSV file of this report."
        if total > rows
        else "",
        "any_steps": bool(report.plan),
        "urgent": [_step(step) for step in report.plan if step.safety],
        "priorities": [
            {
                "id": id_,
                "title": title,
                "lead": LEADS[id_],
                "steps": [_step(step) for step in report.plan if step.priority == id_],
            }
            for id_, title in PRIORITIES.items()
        ],
        "details": [
            _row(0, detail.headline)
            | explained(f"result-{place}", detail, models.get(detail.headline.model, model))
            | {"steps": [_step(step, detail.headline) for step in detail.steps]}
            for place, detail in enumerate(report.details[:explain], 1)
        ],
        "details_more": f"The worst {explain} are explained here; the worst {len(report.details)} in the workbook "
        "(sheet Reasons), and all in assessment.json."
        if len(report.details) > explain
        else "",
        "buyer": [_buyer(finding) for finding in report.buyer if finding.state != "answered"],
        "buyer_clear": [
            f"{unit}: {practices}" if unit else practices for unit, practices in _clear(report.buyer).items()
        ],
        "buyer_steps": [_step(step) for step in report.buyer_plan],
        "issues": _issues(report.issues),
        "method": list(report.method),
        "limits": list(report.limits),
        "sources": [
            {"publisher": publisher, "rows": [asdict(source) for source in theirs]}
            for publisher, theirs in groupby(sources, key=lambda source: source.publisher)
        ],
        "anchors": {source.id: f"source-{source.id.replace(' ', '-')}" for source in sources},
        "files": [asdict(file) | {"sheets": ", ".join(file.sheets)} for file in report.files],
        "models": [
            {
                "title": used.title,
                "id": f"{used.id} {used.version}",
                "digest": used.digest,
                "results": f"{used.results:,}",
                "levels": f"medium from {used.medium_from:g}, high from {used.high_from:g}, "
                f"critical from {used.critical_from:g}",
            }
            for used in report.models
        ],
    }


def levels(results: Iterable[Headline]) -> dict[Level, int]:
    """How many results stand at each level."""
    counts = Counter(headline.level for headline in results)
    return {level: counts[level] for level in LEVELS}


def summary(report: Report) -> list[str]:
    """What was assessed and what came out, in sentences."""
    by_level = levels(report.results)
    kinds = Counter(headline.kind for headline in report.results)
    covered = " and ".join(
        text
        for text in (
            counted(kinds["site"], "site") if kinds["site"] else "",
            counted(kinds["agency"], "recruitment agency", "recruitment agencies") if kinds["agency"] else "",
        )
        if text
    )
    rejected = sum(file.rejected for file in report.files)
    if len(report.results) == 1:
        (only,) = report.results
        called = only.name or only.reference
        covered = f"the {covered.removeprefix('1 ')} {called}" if called else covered
    said = [
        f"This copy covers {covered}. {COPY}"
        if report.audience == "supplier"
        else f"This report covers {covered or 'no supplier'}, read from {counted(len(report.files), 'file')}."
    ]
    if report.cases:
        said.append(f"It holds {counted(len(report.cases), 'case record')}, told for internal readers alone.")
    in_danger = [
        f"{case.case} about {case.about}" if case.about else case.case
        for case in report.cases
        if case.strength == "emergency"
    ]
    if in_danger:
        rest = len(in_danger) - _EMERGENCIES_NAMED
        named = ", ".join(in_danger[:_EMERGENCIES_NAMED]) + (f" and {rest:,} more" if rest > 0 else "")
        said.append(
            f"{counted(len(in_danger), 'case')} may mean that people are in danger now: begin there, within hours: {named}."
        )
    if rejected:
        said.append(f"{counted(rejected, 'row')} could not be scored; the issues say why and how to mend it.")
    urgent, thin = by_level["critical"] + by_level["high"], by_level["insufficient_evidence"]
    if len(report.results) == 1 and not thin:
        said.append(f"It stands at {report.results[0].level_text.lower()}.")
    elif urgent:
        stand, them = ("stands", "it") if urgent == 1 else ("stand", "them, in this order")
        said.append(f"{urgent:,} of {len(report.results):,} {stand} at critical or high: begin with {them}.")
    if thin:
        whom = "it" if len(report.results) == 1 else f"{thin:,}"
        they = (
            "it stands in the queue by the risk of its" if thin == 1 else "they stand in the queue by the risk of their"
        )
        said.append(
            f"For {whom} the evidence is insufficient: too little was asked or told. That is not a low level; {they} place and "
            "trade."
        )
    return said


def _figures(report: Report, by_level: dict[Level, int]) -> list[Tree]:
    if len(report.results) == 1:
        (only,) = report.results
        return [
            {"label": "Score", "value": bounded(only), "note": ""},
            {"label": "The truth may lie", "value": f"{only.best:.0f} to {only.worst:.0f}", "note": ""},
            {"label": "Known from answers", "value": share(only.coverage), "note": ""},
            {"label": "Confidence", "value": f"{only.confidence:.0f}", "note": "of 100"},
        ]
    confidence = statistics.median(h.confidence for h in report.results) if report.results else 0.0
    figures = [
        ("Results", f"{len(report.results):,}", ""),
        ("Critical or high", f"{by_level['critical'] + by_level['high']:,}", ""),
        ("Insufficient evidence", f"{by_level['insufficient_evidence']:,}", ""),
        ("Median confidence", f"{confidence:.0f}", "of 100"),
    ]
    return [{"label": label, "value": value, "note": note} for label, value, note in figures]


def sure(results: Sequence[Headline]) -> list[str]:
    """How sure the results are, in sentences."""
    if not results:
        return []
    if len(results) == 1:
        (only,) = results
        return [
            f"Confidence is {only.confidence:.0f} of 100; {share(only.coverage)} of what the model asks is known from answers.",
            f"The truth may lie anywhere from {only.best:.0f} to {only.worst:.0f}.",
        ]
    confidence = sorted(headline.confidence for headline in results)
    low, high = confidence[len(confidence) // 4], confidence[(3 * len(confidence)) // 4]
    thin = sum(headline.coverage < 0.5 for headline in results)
    wide = statistics.median(headline.worst - headline.best for headline in results)
    return [
        f"Confidence is {statistics.median(confidence):.0f} of 100 at the median; the middle half of the results lies "
        f"between {low:.0f} and {high:.0f}.",
        f"For {thin:,} of {len(results):,} results less than half of what the model asks is known from answers.",
        f"The truth may lie anywhere in the range of a score, {wide:.0f} points wide at the median.",
    ]


def _not_checked(question: NotChecked) -> Tree:
    unasked = question.unasked / question.of if question.of else 0.0
    several = question.of > 1
    return {
        "title": question.title,
        "width": round(100 * unasked) if several else 0,
        "told": f"not asked in {question.unasked:,} of {question.of:,} ({share(unasked)})" if several else "",
    }


def _levels(results: Sequence[Headline], by_level: dict[Level, int]) -> list[Tree]:
    by_kind = Counter((headline.level, headline.kind) for headline in results)
    return [
        {
            "level": level,
            "title": LEVEL_TITLES[level],
            "all": f"{by_level[level]:,}",
            "sites": f"{by_kind[level, 'site']:,}",
            "agencies": f"{by_kind[level, 'agency']:,}",
        }
        for level in LEVELS
    ]


def _company(company: Company) -> Tree:
    return {
        "name": company.name,
        "sites": f"{company.sites:,}",
        "level": company.worst_level,
        "level_text": company.worst_text,
        "spread": f"{score(company.lowest)} to {score(company.highest)}",
    }


def _row(place: int, headline: Headline) -> Tree:
    practice = ""
    if headline.practice_points is not None and headline.practice_of is not None:
        practice = f"{headline.practice_points:.0f} of at most {headline.practice_of:.0f} points"
    return {
        "place": f"{place:,}",
        "kind": "Site" if headline.kind == "site" else "Agency",
        "reference": headline.reference,
        "name": headline.name,
        "language": _language(headline),
        "country": headline.country_name,
        "sector": headline.sector_title,
        "level": headline.level,
        "level_text": headline.level_text[:1].upper() + headline.level_text[1:],
        "score": bounded(headline),
        "range": f"{score(headline.best)} to {score(headline.worst)}",
        "inherent": score(headline.inherent),
        "inherent_level": LEVEL_TITLES[headline.inherent_level],
        "practice": practice,
        "case_evidence": headline.case_evidence,
        "coverage": share(headline.coverage),
        "confidence": f"{headline.confidence:.0f}",
        "floors": "; ".join(headline.floors),
        "next_step": headline.next_step,
        "row": headline.place,
        "model": headline.model,
    }


def _language(headline: Headline) -> str:
    """The language to draw a name's Han characters in, as a BCP 47 tag; empty for a name without any."""
    east_asian = any(unicodedata.east_asian_width(character) in "WF" for character in headline.name)
    return EAST_ASIAN.get(headline.country or "", "zh-Hans") if east_asian else ""


def _step(step: Step, of: Headline | None = None) -> Tree:
    """An action in words; in the plan ``of`` an agency, what a supplier would do is the agency's to do."""
    if step.within_hours is not None:
        when = f"within {step.within_hours:g} hours"
    else:
        when = f"by {day(step.due)}" if step.due else "no date set"
    concerned = ", ".join(step.names)
    if step.suppliers > len(step.names):
        concerned = f"{concerned} and {step.suppliers - len(step.names):,} more" if concerned else ""
    return asdict(step) | {
        "due": when[:1].upper() + when[1:],
        "owner": OWNERS["agency" if of and of.kind == "agency" and step.owner == "supplier" else step.owner],
        "stage": step.stage.capitalize(),
        "sources": list(step.sources),
        "concerns": counted(step.suppliers, "result") if step.suppliers else "",
        "names": concerned,
        "within_hours": "",
    }


def _buyer(finding: BuyerFinding) -> Tree:
    return {
        "unit": finding.unit,
        "title": finding.title,
        "text": finding.text,
        "state": BUYER_STATES[finding.state],
        "actions": "; ".join(finding.actions),
        "sources": list(finding.sources),
    }


def _clear(findings: Sequence[BuyerFinding]) -> dict[str, str]:
    """By unit the practices that were asked about and in which nothing was found."""
    told: dict[str, list[str]] = {}
    for finding in findings:
        if finding.state == "answered":
            told.setdefault(finding.unit, []).append(finding.title)
    return {unit: "; ".join(titles) for unit, titles in told.items()}


def _issues(issues: Sequence[IssueLine]) -> list[Tree]:
    """By severity, then by kind of fault, the commonest first."""
    groups: dict[tuple[str, str], list[IssueLine]] = {}
    for issue in issues:
        groups.setdefault((issue.severity, issue.code), []).append(issue)
    found = [
        {
            "severity": severity,
            "severity_title": SEVERITIES[severity],
            "code": code,
            "message": lines[0].message,
            "cells": sum(line.count for line in lines),
            "lines": [asdict(line) | {"place": _place(line)} for line in lines[:_ISSUES_SHOWN]],
            "more": max(len(lines) - _ISSUES_SHOWN, 0),
        }
        for (severity, code), lines in groups.items()
    ]
    return sorted(found, key=lambda group: (list(SEVERITIES).index(group["severity"]), -group["cells"], group["code"]))


def _place(issue: IssueLine) -> str:
    return "!".join(part for part in (issue.sheet, issue.cells) if part) or issue.file
