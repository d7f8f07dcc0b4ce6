"""Find the sources in the register that a report cites, which are those whose ids appear in the report."""

import re
from collections.abc import Iterable, Sequence

from reports.document import CaseLine, Detail, Report, Source


def cited_sources(report: Report, details: Sequence[Detail]) -> list[Source]:
    """Return the sources cited in the plans, the cases and the given explained results, in the order of the register."""
    lists = [step.sources for step in (*report.plan, *report.buyer_plan)] + [
        finding.sources for finding in report.buyer
    ]
    for detail in details:
        lists += [reason.sources for reason in detail.reasons] + [floor.sources for floor in detail.floors]
        lists += [step.sources for step in detail.steps]
    ids = {source_id for ids in lists for source_id in ids}
    ids.update(source_id for case in report.cases for source_id in sources_in_case(case, report.sources))
    return [source for source in report.sources if source.id in ids]


def sources_in_case(case: CaseLine, sources: Iterable[Source]) -> list[str]:
    """Return the ids of the sources cited in the readings of a case (such as "CD01 strong"), in the order of the register."""
    words = set(re.findall(r"[\w-]+", " ".join(case.readings)))
    return [source.id for source in sources if source.id in words]
