"""Read what a supplier's own workbook says about agencies: it names them, but does not answer for them.

Answers count only for the one who gives them (method, fourth release, section 4). Otherwise a supplier could improve the answers
of an agency that it uses, and thereby its own score, or decline questions that the agency was never asked.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from questionnaires.form import load_combined_form
from questionnaires.issues import Issue, build_issue
from questionnaires.validation.returned_forms import SUPPLIER
from service.imports.duplicate_rows import ParsedSheet
from service.suppliers.identity import IDENTITY, PLACE

NAMED_BY = (*IDENTITY, *PLACE)


def leave_to_agencies(sheets: Sequence[ParsedSheet], answered_by: str | None) -> tuple[list[ParsedSheet], list[Issue]]:
    """Return the sheets of a file, and an issue for each sheet about agencies that a supplier filled in beside its own.

    ``answered_by``: who filled in the file. Of such a sheet, only the names, numbers and addresses of the agencies are read.
    """
    if answered_by != SUPPLIER or all(sheet.batch.kind != "site" for sheet in sheets):
        return list(sheets), []
    limited, issues = [], []
    for sheet in sheets:
        answers = sheet.batch.answers
        dropped = [question for question in sheet.matched.columns if question not in NAMED_BY]
        if sheet.batch.kind == "agency" and dropped:
            kept = {question: column for question, column in answers.columns.items() if question in NAMED_BY}
            batch = replace(sheet.batch, answers=replace(answers, columns=kept))
            issues.append(_build_issue(sheet, dropped))
            limited.append(ParsedSheet(batch, sheet.matched))
        else:
            limited.append(sheet)
    return limited, issues


def _build_issue(sheet: ParsedSheet, dropped: Sequence[str]) -> Issue:
    titles = load_combined_form("agency").by_id
    column = sheet.matched.columns[dropped[0]]
    answered = np.any([sheet.batch.answers.column(question).codes >= 0 for question in dropped], axis=0)
    return build_issue(
        "agency.not_asked",
        file=sheet.batch.file,
        sheet=sheet.batch.sheet,
        header=sheet.matched.headers[column],
        seen=", ".join(titles[question].title for question in dropped if question in titles),
        count=int(answered.sum()),
    )
