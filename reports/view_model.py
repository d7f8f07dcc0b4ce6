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
from reports.detail_view import build_detail_view
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
from reports.formatting import format_bounded_score, format_count, format_date, format_score, format_share
from reports.sources import cited_sources, sources_in_case

Tree = dict[str, Any]

EAST_ASIAN = {"JP": "ja", "KR": "ko", "KP": "ko", "TW": "zh-Hant", "HK": "zh-Hant", "MO": "zh-Hant"}
OWNERS = {"supplier": "Supplier", "agency": "Recruitment agency", "buyer": "Buyer"}
BUYER_STATES = {"harm": "To change", "declined": "Left blank", "not_asked": "Not answered", "answered": "Nothing found"}
SEVERITIES = {"error": "Not scored", "warning": "Scored, with a doubt", "info": "For your information"}
# The four parts of the plan under the three business priorities of the Bali Process forum.
LEADS: dict[Priority, str] = {
    "1": "Fair recruitment and terms: the employer pays, workers hold their papers, wages and hours as promised.",
    "2": "Knowing who is in the chain: tiers, recruiters and their sub-agents, vessels, and the answers still missing.",
    "3a": "Stopping harm to people at risk now, and contracts, training and protection that keep it from returning.",
    "3b": "Ways to complain that workers trust, and remedy for those already harmed.",
}
COPY_NOTE = (
    "It rests on the supplier's own answers and on open facts alone: it would read the same whatever else is known to the buyer, "
    "whose own assessment may differ."
)
_MAX_NOT_CHECKED, _MAX_RANGES, _MAX_COMPANIES, _MAX_CASES, _MAX_ISSUES = 8, 12, 20, 40, 200
_MAX_EMERGENCIES = 5


def build_view_model(report: Report, rows: int, explain: int) -> Tree:
    """Return the content of a report in words, with at most `rows` results in its tables and `explain` of them in full."""
    by_level = dict.fromkeys(LEVELS, 0) | Counter(headline.level for headline in report.results)
    sources = cited_sources(report, report.details[:explain])
    none = ModelUsed("", "", "", "", 0)  # a report on case records alone scores nothing
    model = max(report.models, key=lambda used: used.results, default=none)
    models = {used.id: used for used in report.models}
    total = len(report.results)
    more = len(report.not_checked) - _MAX_NOT_CHECKED
    return {
        "title": report.title,
        "draft": report.draft,
        "audience": "Internal" if report.audience == "internal" else "Supplier's copy",
        "on": format_date(report.on),
        "engine": report.engine,
        "facts_digest": report.facts_digest,
        "facts": report.facts_digest[:12],
        "wording": report.wording,
        "summary": summary_sentences(report),
        "figures": _key_figures(report, by_level),
        "confidence_sentences": confidence_sentences(report.results),
        "not_checked": [_not_checked_row(question) for question in report.not_checked[:_MAX_NOT_CHECKED]],
        "not_checked_more": f"and {format_count(more, 'more question')}; the workbook lists them." if more > 0 else "",
        "levels": _level_rows(report.results, by_level),
        "counts": charts.draw_level_counts("levels", by_level),
        "ranges": charts.draw_ranges("ranges", report.results[:_MAX_RANGES], model),
        "heat": charts.draw_heat_map("heat", report.heat) if report.heat else None,
        "maps": [
            maps.draw_map(chart, report.places, view)
            for chart, view in (("world", maps.WORLD), ("asia-pacific", maps.ASIA_PACIFIC))
        ]
        if report.places
        else [],
        "borders": maps.BORDERS,
        "cases": [
            asdict(case)
            | {"findings": format_count(case.findings, "finding"), "sources": sources_in_case(case, sources)}
            for case in report.cases[:_MAX_CASES]
        ],
        "cases_more": f"{len(report.cases):,} cases are in the workbook (sheet Cases)."
        if len(report.cases) > _MAX_CASES
        else "",
        "companies": [_company_row(company) for company in report.companies[:_MAX_COMPANIES]],
        "queue": [_result_row(place, headline) for place, headline in enumerate(report.results[:rows], 1)],
        "queue_more": f"The worst {rows:,} of {total:,} results are shown. All of them, one a row, are in the workbook "
        "(sheet Results) and in the CSV file of this report."
        if total > rows
        else "",
        "any_steps": bool(report.plan),
        "urgent": [_step_view(step) for step in report.plan if step.safety],
        "priorities": [
            {
                "id": id_,
                "title": title,
                "lead": LEADS[id_],
                "steps": [_step_view(step) for step in report.plan if step.priority == id_],
            }
            for id_, title in PRIORITIES.items()
        ],
        "details": [
            _result_row(0, detail.headline)
            | build_detail_view(f"result-{place}", detail, models.get(detail.headline.model, model))
            | {"steps": [_step_view(step, detail.headline) for step in detail.steps]}
            for place, detail in enumerate(report.details[:explain], 1)
        ],
        "details_more": f"The worst {explain} are explained here; the worst {len(report.details)} in the workbook "
        "(sheet Reasons), and all in assessment.json."
        if len(report.details) > explain
        else "",
        "buyer": [_buyer_row(finding) for finding in report.buyer if finding.state != "answered"],
        "buyer_clear": [
            f"{unit}: {practices}" if unit else practices for unit, practices in _clear_practices(report.buyer).items()
        ],
        "buyer_steps": [_step_view(step) for step in report.buyer_plan],
        "issues": _issue_groups(report.issues),
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


def count_by_level(results: Iterable[Headline]) -> dict[Level, int]:
    """Return how many results have each level, every level of LEVELS among them."""
    counts = Counter(headline.level for headline in results)
    return {level: counts[level] for level in LEVELS}


def summary_sentences(report: Report) -> list[str]:
    """Return what was assessed and what came out, in sentences."""
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
    sentences = [
        f"This copy covers {covered}. {COPY_NOTE}"
        if report.audience == "supplier"
        else f"This report covers {covered or 'no supplier'}, read from {format_count(len(report.files), 'file')}."
    ]
    if report.cases:
        sentences.append(f"It holds {format_count(len(report.cases), 'case record')}, told for internal readers alone.")
    emergencies = [
        f"{case.case} about {case.about}" if case.about else case.case
        for case in report.cases
        if case.strength == "emergency"
    ]
    if emergencies:
        rest = len(emergencies) - _MAX_EMERGENCIES
        named = ", ".join(emergencies[:_MAX_EMERGENCIES]) + (f" and {rest:,} more" if rest > 0 else "")
        sentences.append(
            f"{format_count(len(emergencies), 'case')} may mean that people are in danger now: begin there, within hours: "
            f"{named}."
        )
    if rejected:
        sentences.append(f"{format_count(rejected, 'row')} could not be scored; the issues say why and how to mend it.")
    urgent, insufficient = by_level["critical"] + by_level["high"], by_level["insufficient_evidence"]
    if len(report.results) == 1 and not insufficient:
        sentences.append(f"It stands at {report.results[0].level_text.lower()}.")
    elif urgent:
        verb, them = ("stands", "it") if urgent == 1 else ("stand", "them, in this order")
        sentences.append(f"{urgent:,} of {len(report.results):,} {verb} at critical or high: begin with {them}.")
    if insufficient:
        whom = "it" if len(report.results) == 1 else f"{insufficient:,}"
        they = "it stands in the queue by the risk of its"
        if insufficient > 1:
            they = "they stand in the queue by the risk of their"
        sentences.append(
            f"For {whom} the evidence is insufficient: too little was asked or told. That is not a low level; {they} place and "
            "trade."
        )
    return sentences


def _key_figures(report: Report, by_level: dict[Level, int]) -> list[Tree]:
    if len(report.results) == 1:
        (only,) = report.results
        return [
            {"label": "Score", "value": format_bounded_score(only), "note": ""},
            {"label": "The truth may lie", "value": f"{only.best:.0f} to {only.worst:.0f}", "note": ""},
            {"label": "Known from answers", "value": format_share(only.coverage), "note": ""},
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


def confidence_sentences(results: Sequence[Headline]) -> list[str]:
    """Return how sure the results are, in sentences; none without results."""
    if not results:
        return []
    if len(results) == 1:
        (only,) = results
        return [
            f"Confidence is {only.confidence:.0f} of 100; {format_share(only.coverage)} of what the model asks is known from "
            "answers.",
            f"The truth may lie anywhere from {only.best:.0f} to {only.worst:.0f}.",
        ]
    confidence = sorted(headline.confidence for headline in results)
    low, high = confidence[len(confidence) // 4], confidence[(3 * len(confidence)) // 4]
    low_coverage = sum(headline.coverage < 0.5 for headline in results)
    width = statistics.median(headline.worst - headline.best for headline in results)
    return [
        f"Confidence is {statistics.median(confidence):.0f} of 100 at the median; the middle half of the results lies "
        f"between {low:.0f} and {high:.0f}.",
        f"For {low_coverage:,} of {len(results):,} results less than half of what the model asks is known from answers.",
        f"The truth may lie anywhere in the range of a score, {width:.0f} points wide at the median.",
    ]


def _not_checked_row(question: NotChecked) -> Tree:
    unasked = question.unasked / question.of if question.of else 0.0
    several = question.of > 1
    return {
        "title": question.title,
        "width": round(100 * unasked) if several else 0,
        "text": f"not asked in {question.unasked:,} of {question.of:,} ({format_share(unasked)})" if several else "",
    }


def _level_rows(results: Sequence[Headline], by_level: dict[Level, int]) -> list[Tree]:
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


def _company_row(company: Company) -> Tree:
    return {
        "name": company.name,
        "sites": f"{company.sites:,}",
        "level": company.worst_level,
        "level_text": company.worst_text,
        "spread": f"{format_score(company.lowest)} to {format_score(company.highest)}",
    }


def _result_row(place: int, headline: Headline) -> Tree:
    practice = ""
    if headline.practice_points is not None and headline.practice_of is not None:
        practice = f"{headline.practice_points:.0f} of at most {headline.practice_of:.0f} points"
    return {
        "place": f"{place:,}",
        "kind": "Site" if headline.kind == "site" else "Agency",
        "reference": headline.reference,
        "name": headline.name,
        "language": _name_language(headline),
        "country": headline.country_name,
        "sector": headline.sector_title,
        "level": headline.level,
        "level_text": headline.level_text[:1].upper() + headline.level_text[1:],
        "score": format_bounded_score(headline),
        "range": f"{format_score(headline.best)} to {format_score(headline.worst)}",
        "inherent": format_score(headline.inherent),
        "inherent_level": LEVEL_TITLES[headline.inherent_level],
        "practice": practice,
        "case_evidence": headline.case_evidence,
        "coverage": format_share(headline.coverage),
        "confidence": f"{headline.confidence:.0f}",
        "floors": "; ".join(headline.floors),
        "next_step": headline.next_step,
        "row": headline.place,
        "model": headline.model,
    }


def _name_language(headline: Headline) -> str:
    """Return the language to draw a name's Han characters in, as a BCP 47 tag; empty for a name without any."""
    east_asian = any(unicodedata.east_asian_width(character) in "WF" for character in headline.name)
    return EAST_ASIAN.get(headline.country or "", "zh-Hans") if east_asian else ""


def _step_view(step: Step, of: Headline | None = None) -> Tree:
    """Return an action in words; in the plan ``of`` an agency, what a supplier would do is the agency's to do."""
    if step.within_hours is not None:
        when = f"within {step.within_hours:g} hours"
    else:
        when = f"by {format_date(step.due)}" if step.due else "no date set"
    concerned = ", ".join(step.names)
    if step.suppliers > len(step.names):
        concerned = f"{concerned} and {step.suppliers - len(step.names):,} more" if concerned else ""
    return asdict(step) | {
        "due": when[:1].upper() + when[1:],
        "owner": OWNERS["agency" if of and of.kind == "agency" and step.owner == "supplier" else step.owner],
        "stage": step.stage.capitalize(),
        "sources": list(step.sources),
        "concerns": format_count(step.suppliers, "result") if step.suppliers else "",
        "names": concerned,
        "within_hours": "",
    }


def _buyer_row(finding: BuyerFinding) -> Tree:
    return {
        "unit": finding.unit,
        "title": finding.title,
        "text": finding.text,
        "state": BUYER_STATES[finding.state],
        "actions": "; ".join(finding.actions),
        "sources": list(finding.sources),
    }


def _clear_practices(findings: Sequence[BuyerFinding]) -> dict[str, str]:
    """Return by unit the practices that were asked about and in which nothing was found."""
    titles_by_unit: dict[str, list[str]] = {}
    for finding in findings:
        if finding.state == "answered":
            titles_by_unit.setdefault(finding.unit, []).append(finding.title)
    return {unit: "; ".join(titles) for unit, titles in titles_by_unit.items()}


def _issue_groups(issues: Sequence[IssueLine]) -> list[Tree]:
    """Return the issues by severity, then by kind of fault, the commonest first."""
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
            "lines": [asdict(line) | {"place": _issue_location(line)} for line in lines[:_MAX_ISSUES]],
            "more": max(len(lines) - _MAX_ISSUES, 0),
        }
        for (severity, code), lines in groups.items()
    ]
    return sorted(found, key=lambda group: (list(SEVERITIES).index(group["severity"]), -group["cells"], group["code"]))


def _issue_location(issue: IssueLine) -> str:
    return "!".join(part for part in (issue.sheet, issue.cells) if part) or issue.file
