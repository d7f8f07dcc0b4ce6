"""Put a report into words: order, wording and rounding are decided once, so that HTML and PDF say the same.

`build_view_model(report, rows, explain)` returns the content of the templates as a tree of dicts, lists and strings. Everything
in it is plain text, except the charts, which are drawings. Scores and points are rounded to a tenth, so a list of rounded points
may differ from its total by a tenth.
"""

import statistics
import unicodedata
from collections import Counter
from collections.abc import Sequence
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
    Source,
    Step,
)
from reports.formatting import (
    format_bounded_score,
    format_count,
    format_date,
    format_range,
    format_score,
    format_share,
    format_short_date,
)
from reports.progress_view import build_progress_view
from reports.sources import cited_sources, sources_in_case
from reports.summary import summarise_confidence, summarise_report

Tree = dict[str, Any]

EAST_ASIAN = {"JP": "ja", "KR": "ko", "KP": "ko", "TW": "zh-Hant", "HK": "zh-Hant", "MO": "zh-Hant"}
OWNERS = {"supplier": "Supplier", "agency": "Recruitment agency", "buyer": "Buyer"}
BUYER_STATES = {
    "harm": "Change needed",
    "declined": "Left blank",
    "not_asked": "Not answered",
    "answered": "No finding",
}
SEVERITIES = {"error": "Not scored", "warning": "Scored with a warning", "info": "For information"}
ASKED = "row.asked_"  # codes of rows that are not read until the sender has decided what they are
# The four parts of the plan, grouped by the three business priorities of the Bali Process forum.
LEADS: dict[Priority, str] = {
    "1": "Fair recruitment and employment: the employer pays recruitment costs, workers keep their own documents, "
    "and wages and hours are as promised.",
    "2": "Knowing who is in the supply chain (tiers, recruiters and their sub-agents, vessels) and getting the "
    "answers that are still missing.",
    "3a": "Stopping harm to people at risk now, and preventing it from happening again through "
    "contracts, training and protection.",
    "3b": "Grievance channels that workers trust, and remedy for those already harmed.",
}
_MAX_NOT_CHECKED, _MAX_RANGES, _MAX_COMPANIES, _MAX_CASES, _MAX_ISSUES = 8, 12, 20, 40, 200
_MAX_STORY, _MAX_OVERVIEW = 10, 24  # the suppliers and actions before the annexes of the PDF


def build_view_model(report: Report, rows: int, explain: int) -> Tree:
    """Return the content of a report in words, with at most `rows` results in its tables, `explain` of them explained."""
    sources = cited_sources(report, report.details[:explain])
    none = ModelUsed("", "", "", "", 0)  # a report on case records alone contains no scores
    model = max(report.models, key=lambda used: used.results, default=none)
    return {
        **_view_cover(report),
        **_view_figures(report, model),
        **_view_suppliers(report, rows, explain, model, sources),
        **_view_plan(report),
        **_view_references(report, sources),
    }


def _view_cover(report: Report) -> Tree:
    """Return what the report is, for whom and of which day, and its summary."""
    return {
        "title": report.title,
        "sender": f"{report.sender} · " if report.sender not in ("", report.title) else "",
        "logo": report.logo,
        "draft": report.draft,
        "audience": "Internal" if report.audience == "internal" else "Copy for the supplier",
        "on": format_date(report.on),
        "engine": report.engine,
        "facts_digest": report.facts_digest,
        "facts": report.facts_digest[:12],
        "wording": report.wording,
        "summary": summarise_report(report),
    }


def _view_figures(report: Report, model: ModelUsed) -> Tree:
    """Return the figures and charts about all suppliers, and what was not checked."""
    by_level = dict.fromkeys(LEVELS, 0) | Counter(headline.level for headline in report.results)
    more = len(report.not_checked) - _MAX_NOT_CHECKED
    return {
        "figures": _key_figures(report, by_level),
        "confidence_sentences": summarise_confidence(report.results),
        "not_checked": [_not_checked_row(question) for question in report.not_checked[:_MAX_NOT_CHECKED]],
        "not_checked_more": f"The workbook (sheet Summary) lists {format_count(more, 'more question')}."
        if more > 0
        else "",
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
    }


def _view_suppliers(report: Report, rows: int, explain: int, model: ModelUsed, sources: Sequence[Source]) -> Tree:
    """Return the case records, the table of results, and the results that are explained."""
    models = {used.id: used for used in report.models}
    total = len(report.results)
    explained = {
        _get_key(detail.headline): f"explained-{place}" for place, detail in enumerate(report.details[:explain], 1)
    }
    return {
        "cases": [
            asdict(case)
            | {"findings": format_count(case.findings, "finding"), "sources": sources_in_case(case, sources)}
            for case in report.cases[:_MAX_CASES]
        ],
        "cases_more": f"The first {_MAX_CASES} of {len(report.cases):,} case records are shown; the workbook (sheet Cases) "
        "lists all of them."
        if len(report.cases) > _MAX_CASES
        else "",
        "companies": [_company_row(company) for company in report.companies[:_MAX_COMPANIES]],
        "queue": [
            _result_row(place, headline) | {"explained": explained.get(_get_key(headline), "")}
            for place, headline in enumerate(report.results[:rows], 1)
        ],
        "queue_more": f"The first {rows:,} of {total:,} suppliers are shown; the workbook (sheet Results) and the CSV file "
        "list all of them."
        if total > rows
        else "",
        "details": [
            _result_row(0, detail.headline)
            | build_detail_view(f"result-{place}", detail, models.get(detail.headline.model, model))
            | {"steps": [_step_view(step, detail.headline) for step in detail.steps], "explained": f"explained-{place}"}
            for place, detail in enumerate(report.details[:explain], 1)
        ],
        "details_more": f"The first {explain} suppliers are explained here. The workbook (sheet Reasons) explains the first "
        f"{len(report.details)}, and assessment.json explains all of them."
        if len(report.details) > explain
        else "",
    }


def _view_plan(report: Report) -> Tree:
    """Return the actions, by priority, and those of the buyer itself."""
    is_only = len(report.results) == 1
    return {
        "in_story": _MAX_STORY,
        "overview": [
            _step_view(step) | {"count": f"{step.suppliers:,}" if step.suppliers else "–"}
            for step in report.plan[:_MAX_OVERVIEW]
        ],
        "overview_more": f"The first {_MAX_OVERVIEW} of {len(report.plan):,} actions are shown; the annex describes all of them."
        if len(report.plan) > _MAX_OVERVIEW
        else "",
        "progress": build_progress_view(report.progress) if report.progress else None,
        "any_steps": bool(report.plan),
        "withheld": report.withheld,
        "urgent": [_step_view(step, is_only=is_only) for step in report.plan if step.safety],
        "priorities": [
            {
                "id": id_,
                "title": title,
                "lead": LEADS[id_],
                "steps": [_step_view(step, is_only=is_only) for step in report.plan if step.priority == id_],
            }
            for id_, title in PRIORITIES.items()
        ],
        "buyer": [_buyer_row(finding) for finding in report.buyer if finding.state != "answered"],
        "buyer_clear": [
            f"{unit}: {practices}" if unit else practices for unit, practices in _clear_practices(report.buyer).items()
        ],
        "buyer_steps": [_step_view(step) for step in report.buyer_plan],
    }


def _view_references(report: Report, sources: Sequence[Source]) -> Tree:
    """Return the issues of the files, the method and its limits, and the sources, files and models used."""
    return {
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
                "levels": f"Medium from {used.medium_from:g}, High from {used.high_from:g}, "
                f"Critical from {used.critical_from:g}",
            }
            for used in report.models
        ],
    }


def _get_key(headline: Headline) -> tuple[str, str, str, float]:
    """Return what tells a result from the others of a report."""
    return headline.kind, headline.reference, headline.name, round(headline.score, 6)


def _key_figures(report: Report, by_level: dict[Level, int]) -> list[Tree]:
    if len(report.results) == 1:
        (only,) = report.results
        return [
            {"label": "Score", "value": format_bounded_score(only), "note": ""},
            {"label": "Likely range", "value": format_range(only.best, only.worst), "note": ""},
            {"label": "Key questions answered", "value": format_share(only.coverage), "note": ""},
            {"label": "Confidence", "value": f"{only.confidence:.0f}/100", "note": ""},
        ]
    confidence = statistics.median(h.confidence for h in report.results) if report.results else 0.0
    figures = [
        ("Suppliers assessed", f"{len(report.results):,}", ""),
        ("Critical or High", f"{by_level['critical'] + by_level['high']:,}", ""),
        ("Insufficient evidence", f"{by_level['insufficient_evidence']:,}", ""),
        ("Median confidence", f"{confidence:.0f}/100", ""),
    ]
    return [{"label": label, "value": value, "note": note} for label, value, note in figures]


def _not_checked_row(question: NotChecked) -> Tree:
    unasked = question.unasked / question.of if question.of else 0.0
    several = question.of > 1
    return {
        "title": question.title,
        "width": round(100 * unasked) if several else 0,
        "text": f"not asked in {question.unasked:,} of {question.of:,} assessments ({format_share(unasked)})"
        if several
        else "",
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
        "spread": format_range(company.lowest, company.highest),
    }


def _result_row(place: int, headline: Headline) -> Tree:
    practice = ""
    if headline.practice_points is not None and headline.practice_of is not None:
        practice = f"{headline.practice_points:.0f} of a possible {headline.practice_of:.0f} risk points"
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
        "range": format_range(headline.best, headline.worst),
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
    """Return the language in which to draw the Han characters of a name, as a BCP 47 tag; empty for a name without any."""
    east_asian = any(unicodedata.east_asian_width(character) in "WF" for character in headline.name)
    return EAST_ASIAN.get(headline.country or "", "zh-Hans") if east_asian else ""


def _step_view(step: Step, of: Headline | None = None, *, is_only: bool = False) -> Tree:
    """Return an action in words. In a plan ``of`` an agency, the steps of a supplier are the agency's responsibility.

    ``is_only``: the report is about one supplier, which is not named again with each action.
    """
    if step.within_hours is not None:
        when = f"within {step.within_hours:g} hours"
    else:
        when = f"by {format_short_date(step.due)}" if step.due else "no due date"
    concerned = ", ".join(step.names)
    if step.suppliers > len(step.names):
        concerned = f"{concerned} and {step.suppliers - len(step.names):,} more" if concerned else ""
    return asdict(step) | {
        "due": when[:1].upper() + when[1:],
        "owner": OWNERS["agency" if of and of.kind == "agency" and step.owner == "supplier" else step.owner],
        "stage": step.stage.capitalize(),
        "sources": list(step.sources),
        "concerns": format_count(step.suppliers, "supplier") if step.suppliers and not is_only else "",
        "names": "" if is_only else concerned,
        "within_hours": "",
        "own_due": "",
        "own_within_hours": "",
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
    """Return, for each unit, the practices that were answered without a finding."""
    titles_by_unit: dict[str, list[str]] = {}
    for finding in findings:
        if finding.state == "answered":
            titles_by_unit.setdefault(finding.unit, []).append(finding.title)
    return {unit: "; ".join(titles) for unit, titles in titles_by_unit.items()}


def title_severity(severity: str, code: str) -> str:
    """Return in words what became of the rows with an issue."""
    return "Not read until decided" if code.startswith(ASKED) else SEVERITIES[severity]


def _issue_groups(issues: Sequence[IssueLine]) -> list[Tree]:
    """Return the issues sorted by severity, then grouped by kind, the most frequent first."""
    groups: dict[tuple[str, str], list[IssueLine]] = {}
    for issue in issues:
        groups.setdefault((issue.severity, issue.code), []).append(issue)
    found = [
        {
            "severity": severity,
            "severity_title": title_severity(severity, code),
            "code": code,
            "message": lines[0].message,
            "cells": sum(line.count for line in lines),
            "occurrences": format_count(sum(line.count for line in lines), "occurrence"),
            "lines": [asdict(line) | {"place": _issue_location(line)} for line in lines[:_MAX_ISSUES]],
            "more": max(len(lines) - _MAX_ISSUES, 0),
        }
        for (severity, code), lines in groups.items()
    ]
    return sorted(found, key=lambda group: (list(SEVERITIES).index(group["severity"]), -group["cells"], group["code"]))


def _issue_location(issue: IssueLine) -> str:
    return "!".join(part for part in (issue.sheet, issue.cells) if part) or issue.file
