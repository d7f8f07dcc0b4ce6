"""Which sources of the register a report cites: those whose ids it shows."""

import re
from collections.abc import Iterable, Sequence

from reports.document import CaseLine, Detail, Report, Source


def cited(report: Report, details: Sequence[Detail]) -> list[Source]:
    """The sources that the plans, the cases and some results explained name, in the order of the register."""
    lists = [step.sources for step in (*report.plan, *report.buyer_plan)] + [
        finding.sources for finding in report.buyer
    ]
    for detail in details:
        lists += [reason.sources for reason in detail.reasons] + [floor.sources for floor in detail.floors]
        lists += [step.sources for step in detail.steps]
    names = {name for names in lists for name in names}
    names.update(name for case in report.cases for name in named_in(case, report.sources))
    return [source for source in report.sources if source.id in names]


def named_in(case: CaseLine, sources: Iterable[Source]) -> list[str]:
    """The sources whose ids stand in the readings of a case ("CD01 strong"), in the order of the register."""
    words = set(re.findall(r"[\w-]+", " ".join(case.readings)))
    return [source.id for source in sources if source.id in words]
