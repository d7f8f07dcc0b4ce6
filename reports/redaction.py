"""What a supplier may see of a report (method section 8): its own answers, open facts, its own steps, and nothing else.

A supplier's copy is made of an assessment of the supplier's own answers alone, so score, range, confidence and level are what
they would be had nobody else said anything: no number in it can betray that somebody did. What rests on workers, unions,
NGOs, officials or case records is therefore refused here, not left out line by line.

What remains is narrowed once more. Only steps that are the supplier's or the agency's own to do are shown, without what proves
them: the buyer's protect people, and both they and its visits and calls work while nobody expects them. Of the answers it
lists what must change; all else (facts, reassuring answers, small groups) is one line that every copy has, so that an answer
missing from the list betrays nothing. Where the rows were read from is left out: the name of a file may tell who was asked.
"""

from dataclasses import replace
from datetime import date, timedelta

from reports.document import Detail, Headline, Reason, Report, Step

SMALL_GROUP = 10
SET_ASIDE = "Country, trade and other evidence, not itemised in this copy"
NOT_SHOWN = "not shown in this copy"


def for_audience(report: Report) -> Report:
    """The report as its audience may see it; an internal one unchanged.

    Raises ValueError for a supplier's copy of what rests on more than the supplier's own answers.
    """
    if report.audience == "internal":
        return report
    if not _of_own_answers(report):
        raise ValueError(
            "a supplier's copy is made of the supplier's own answers: these results rest on what others told"
        )
    steps = _its_own_to_do(report.plan)
    return replace(
        report,
        results=tuple(_headline(headline, steps) for headline in report.results),
        details=tuple(_detail(detail) for detail in report.details),
        plan=steps,
        cases=(),
        heat=(),  # these show inherent risks, and the buyer's other suppliers
        places=(),
        files=(),
        issues=(),
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
    return tuple(sorted(own, key=_turn))  # what is due on one day stays in the order of the plan


def _turn(step: Step) -> tuple[bool, date]:
    """What keeps people safe comes first, then what is due first; part of a day counts as one."""
    due = step.due or date.max
    return not step.safety, due + timedelta(days=1) if step.within_hours else due


def _its_own_to_do(steps: tuple[Step, ...]) -> tuple[Step, ...]:
    return tuple(replace(step, proof="") for step in steps if step.owner != "buyer")


def _of_own_answers(report: Report) -> bool:
    parts = [
        report.plan,
        *(part for detail in report.details for part in (detail.reasons, detail.floors, detail.steps)),
    ]
    headlines = [*report.results, *(detail.headline for detail in report.details)]
    return not (
        report.cases
        or any(one.from_workers for part in parts for one in part)
        or any(headline.case_evidence not in ("none recorded", NOT_SHOWN) for headline in headlines)
    )


def _headline(headline: Headline, steps: tuple[Step, ...]) -> Headline:
    return replace(
        headline,
        next_step=steps[0].title if steps else "",
        inherent=None,
        practice_points=None,
        practice_of=None,
        uplift=None,
        case_evidence=NOT_SHOWN,
        floors=(),
        file="",
        sheet="",
        row=0,
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
    steps = _its_own_to_do(detail.steps)
    return Detail(headline=_headline(detail.headline, steps), reasons=(rest, *shown), floors=detail.floors, steps=steps)


def _may_be_seen(reason: Reason) -> bool:
    small = reason.workers is not None and reason.workers < SMALL_GROUP
    return reason.kind == "answer" and reason.points > 0 and not small
