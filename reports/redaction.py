"""What a supplier may see of a report (method section 8): its own answers, open facts, its own steps, and nothing else.

A supplier's copy is made of an assessment of the supplier's own answers alone, so score, range, confidence and level are what
they would be had nobody else reported anything: no number in it can betray that somebody did. What rests on workers, unions,
NGOs, officials or case records is therefore refused here, not left out line by line.

What remains is narrowed once more. It lists only steps that are the supplier's or the agency's own to do, without what proves
them: the buyer's protect people, and both they and its visits and calls work while nobody expects them. Of the answers it
lists what must change; all else (facts, reassuring answers, small groups) is one line that every copy has, so that an answer
missing from the list betrays nothing. Where the rows were read from is left out: the name of a file may reveal who was asked.
"""

from dataclasses import replace
from datetime import date, timedelta

from reports.document import Detail, Headline, Reason, Report, Step

SMALL_GROUP = 10
REMAINDER_TITLE = "Country, sector and other information, not itemised in this copy"
WITHHELD = "not shown in this copy"


def for_audience(report: Report) -> Report:
    """Return the report as its audience may see it; an internal one unchanged.

    Raises ValueError for a supplier's copy of what rests on more than the supplier's own answers.
    """
    if report.audience == "internal":
        return report
    if not _rests_on_own_answers(report):
        raise ValueError(
            "a supplier's copy may use only the supplier's own answers; these results also use what others reported"
        )
    plan = _supplier_steps(report.plan)
    return replace(
        report,
        results=tuple(_redact_headline(headline, plan) for headline in report.results),
        details=tuple(_redact_detail(detail) for detail in report.details),
        plan=plan,
        cases=(),
        heat=(),  # these show inherent risks, and the buyer's other suppliers
        places=(),
        files=(),
        issues=(),
        buyer=(),
        buyer_plan=(),
    )


def steps_from_own_answers(steps: tuple[Step, ...]) -> tuple[Step, ...]:
    """Return the steps that a supplier's own answers call for, each by the day that they alone would set, the first due first."""
    own = [
        step if step.own_due is None else replace(step, due=step.own_due, within_hours=step.own_within_hours)
        for step in steps
        if not step.from_workers
    ]
    return tuple(sorted(own, key=_due_order))  # what is due on one day stays in the order of the plan


def _due_order(step: Step) -> tuple[bool, date]:
    """Return a sort key: what keeps people safe comes first, then what is due first; part of a day counts as one."""
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
    )


def _redact_detail(detail: Detail) -> Detail:
    visible = tuple(replace(reason, evidence="") for reason in detail.reasons if _is_visible(reason))
    remainder = Reason(
        kind="context",
        title=REMAINDER_TITLE,
        text="These points come from everything that is not listed here.",
        state="",
        value="",
        points=detail.headline.score - sum(reason.points for reason in visible),
    )
    steps = _supplier_steps(detail.steps)
    headline = _redact_headline(detail.headline, steps)
    return Detail(headline=headline, reasons=(remainder, *visible), floors=detail.floors, steps=steps)


def _is_visible(reason: Reason) -> bool:
    small = reason.workers is not None and reason.workers < SMALL_GROUP
    return reason.kind == "answer" and reason.points > 0 and not small
