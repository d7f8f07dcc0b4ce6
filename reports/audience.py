"""What a supplier may see of a report (method section 8): nothing that could point at a worker, no small group.

A supplier's copy of a detail lists what its own answers say must change. Everything else (facts, reassuring answers,
what workers, unions or officials told) becomes one line that every supplier's copy has, so that neither the line nor
an answer missing from the list betrays anything; the numbers from which it could be worked out (inherent risk,
practice points, uplift) are left out. The score itself stays: a supplier who knows the model could still notice that
it is higher than its own answers alone would make it.
"""

from dataclasses import replace

from reports.document import Detail, Headline, Reason, Report

SMALL_GROUP = 10
SET_ASIDE = "Country, trade and other evidence, not itemised in this copy"


def as_seen(report: Report) -> Report:
    """The report as its audience may see it; an internal one unchanged."""
    if report.audience == "internal":
        return report
    return replace(
        report,
        results=tuple(_headline(headline) for headline in report.results),
        details=tuple(_detail(detail) for detail in report.details),
        plan=tuple(step for step in report.plan if not step.from_workers),
        heat=(),  # these show inherent risks, and the buyer's other suppliers
        places=(),
    )


def _headline(headline: Headline) -> Headline:
    return replace(
        headline,
        inherent=None,
        practice_points=None,
        practice_of=None,
        uplift=None,
        case_evidence="not shown in this copy",
        floors=(),
    )


def _detail(detail: Detail) -> Detail:
    shown = tuple(reason for reason in detail.reasons if _may_be_seen(reason))
    hidden = detail.headline.score - sum(reason.points for reason in shown)
    rest = Reason(
        kind="context",
        title=SET_ASIDE,
        text="This line holds the points of everything that is not listed here.",
        state="",
        value="",
        points=hidden,
    )
    return Detail(
        headline=_headline(detail.headline),
        reasons=(rest, *shown),
        floors=tuple(floor for floor in detail.floors if not floor.from_workers),
        steps=tuple(step for step in detail.steps if not step.from_workers),
    )


def _may_be_seen(reason: Reason) -> bool:
    small = reason.workers is not None and reason.workers < SMALL_GROUP
    return reason.kind == "answer" and reason.points > 0 and not reason.from_workers and not small
