"""Limit a report to what a supplier may see (method section 8): its own answers, public facts, its own steps, and nothing else.

A supplier's copy is made from an assessment of the supplier's own answers alone. Its score, range, confidence and level are what
they would be if no one else had reported anything, so no number in it can reveal that someone did. Anything based on workers,
unions, NGOs, officials or case records is therefore refused here rather than removed line by line.

What remains is narrowed further. The copy lists only the steps that are the responsibility of the supplier or the agency, and
omits the proof required: the buyer's own steps protect people, and they, like the buyer's visits and calls, work only if no one
expects them. It lists the public facts about the place and trade, the questions that are open, and of the answers those that must
change. Everything else (reassuring answers, small groups, minimum-score rules) is summarised in one line that every copy has, so
that an answer missing from the list reveals nothing. A scorecard names the reassuring answers too, without their points: they are
the supplier's own, and it is made from nothing else. The location of the uploaded rows is omitted, because a file name may reveal
who was asked.
"""

from dataclasses import replace
from datetime import date, timedelta

from reports.document import LEAST_POINTS, Detail, Headline, Reason, Report, Step

SMALL_GROUP = 10
REMAINDER_TITLE = "Other answers and rules, not itemised in this copy"
OPEN_STATES = ("not_asked", "declined", "expired")
WITHHELD = "not shown in this copy"


def for_audience(report: Report) -> Report:
    """Return the report limited to what its audience may see; an internal report is unchanged.

    Raises ValueError for a supplier's copy that is based on more than the supplier's own answers.
    """
    if report.audience == "internal":
        return report
    if not _rests_on_own_answers(report):
        raise ValueError(
            "a supplier's copy can use only the supplier's own answers; these results also use what others reported"
        )
    plan = _supplier_steps(report.plan)
    return replace(
        report,
        results=tuple(_redact_headline(headline, plan) for headline in report.results),
        details=tuple(_redact_detail(detail) for detail in report.details),
        plan=plan,
        cases=(),
        heat=(),  # these would show inherent risks and the buyer's other suppliers
        places=(),
        files=(),
        issues=(),
        buyer=(),
        buyer_plan=(),
        changes=None,
        progress=None,
    )


def steps_from_own_answers(steps: tuple[Step, ...]) -> tuple[Step, ...]:
    """Return the steps that a supplier's own answers call for, due when those answers alone require it, in order of due date."""
    own = [
        step if step.own_due is None else replace(step, due=step.own_due, within_hours=step.own_within_hours)
        for step in steps
        if not step.from_workers
    ]
    return tuple(sorted(own, key=_due_order))  # steps due on the same day stay in the order of the plan


def _due_order(step: Step) -> tuple[bool, date]:
    """Return a sort key: steps that keep people safe come first, then those due first; part of a day counts as a whole day."""
    due = step.due or date.max
    return not step.safety, due + timedelta(days=1) if step.within_hours else due


def _supplier_steps(steps: tuple[Step, ...]) -> tuple[Step, ...]:
    return tuple(replace(step, proof="") for step in steps if step.owner != "buyer")


def _rests_on_own_answers(report: Report) -> bool:
    groups = [
        report.plan,
        *(group for detail in report.details for group in (detail.reasons, detail.floors, detail.steps)),
    ]
    headlines = [*report.results, *(detail.headline for detail in report.details)]
    return not (
        report.cases
        or any(item.from_workers for group in groups for item in group)
        or any(headline.case_evidence not in ("none recorded", WITHHELD) for headline in headlines)
    )


def _redact_headline(headline: Headline, steps: tuple[Step, ...]) -> Headline:
    return replace(
        headline,
        next_step=steps[0].title if steps else "",
        inherent=None,
        practice_points=None,
        practice_of=None,
        uplift=None,
        case_evidence=WITHHELD,
        floors=(),
        file="",
        sheet="",
        row=0,
        evidence_claimed=None,
        evidence_confirmed=None,
        workers=None,
    )


def _redact_detail(detail: Detail) -> Detail:
    visible = tuple(replace(reason, evidence="") for reason in detail.reasons if _is_visible(reason))
    remainder = Reason(
        kind="context",
        title=REMAINDER_TITLE,
        text="These points come from all the items that are not listed here.",
        state="",
        value="",
        points=detail.headline.score - sum(reason.points for reason in visible),
    )
    steps = _supplier_steps(detail.steps)
    headline = _redact_headline(detail.headline, steps)
    reasons = (remainder, *visible)
    strengths = tuple(reason.text for reason in sorted(filter(_is_strength, detail.reasons), key=lambda r: r.points))
    return Detail(
        headline, reasons, detail.floors, steps, helps=detail.helps, strengths=strengths, withheld=detail.withheld
    )


def _is_strength(reason: Reason) -> bool:
    return (
        reason.kind == "answer"
        and reason.state == "answered"
        and reason.points <= -LEAST_POINTS
        and not _is_closed(reason)
    )


def _is_closed(reason: Reason) -> bool:
    """Return whether a reason is never shown to a supplier: the question is not for it, or the answer is about a few people."""
    return reason.withheld or (reason.workers is not None and reason.workers < SMALL_GROUP)


def _is_visible(reason: Reason) -> bool:
    if reason.kind == "context":
        return not reason.withheld
    return (reason.points > 0 or reason.harm or reason.state in OPEN_STATES) and not _is_closed(reason)
