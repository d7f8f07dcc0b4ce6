"""What a supplier may see of a report (method section 8): nothing that could point at a worker, no small group.

A supplier's copy of a detail lists what its own answers say must change. Everything else (facts, reassuring answers,
what workers, unions or officials told) becomes one line that every supplier's copy has, so that neither the line nor
an answer missing from the list betrays anything; the numbers from which it could be worked out (inherent risk,
practice points, uplift) are left out. The score itself stays: a supplier who knows the model could still notice that
it is higher than its own answers alone would make it.
"""

from dataclasses import replace
from datetime import date

from reports.document import Detail, Headline, Reason, Report, Step

SMALL_GROUP = 10
SET_ASIDE = "Country, trade and other evidence, not itemised in this copy"


def as_seen(report: Report) -> Report:
    """The report as its audience may see it; an internal one unchanged."""
    if report.audience == "internal":
        return report
    steps = own_steps(report.plan)
    return replace(
        report,
        results=tuple(_headline(headline, steps) for headline in report.results),
        details=tuple(_detail(detail) for detail in report.details),
        plan=steps,
        cases=(),
        heat=(),  # these show inherent risks, and the buyer's other suppliers
        places=(),
        buyer=(),
        buyer_plan=(),
    )


def own_steps(steps: tuple[Step, ...]) -> tuple[Step, ...]:
    """The steps that a supplier's own answers call for, each by the day that they alone would set."""
    own = [
        step if step.own_due is None else replace(step, due=step.own_due, within_hours=step.own_within_hours)
        for step in steps
        if not step.from_workers
    ]
    return tuple(sorted(own, key=lambda step: (not step.safety, step.due or date.max)))


def _headline(headline: Headline, steps: tuple[Step, ...]) -> Headline:
    return replace(
        headline,
        next_step=steps[0].title if steps else "",
        inherent=None,
        practice_points=None,
        practice_of=None,
        uplift=None,
        case_evidence="not shown in this copy",
        floors=(),
    )


def _detail(detail: Detail) -> Detail:
    shown = tuple(replace(reason, evidence="") for reason in detail.reasons if _may_be_seen(reason))
    hidden = detail.headline.score - sum(reason.points for reason in shown)
    rest = Reason(
        kind="context",
        title=SET_ASIDE,
        text="This line holds the points of everything that is not listed here.",
        state="",
        value="",
        points=hidden,
    )
    steps = own_steps(detail.steps)
    return Detail(
        headline=_headline(detail.headline, steps),
        reasons=(rest, *shown),
        floors=tuple(floor for floor in detail.floors if not floor.from_workers),
        steps=steps,
    )


def _may_be_seen(reason: Reason) -> bool:
    small = reason.workers is not None and reason.workers < SMALL_GROUP
    return reason.kind == "answer" and reason.points > 0 and not reason.from_workers and not small
