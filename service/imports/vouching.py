"""Confirm the evidence in the sheets of a file that the buyer vouches for; rows that are returned forms stay claimed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from questionnaires.issues import Issue, build_issue
from questionnaires.parse.evidence import MAX_SOURCE_LENGTH, contains_personal_data
from questionnaires.sheet import cell_name
from risk_models.answers import EVIDENCE, Column, parse_piece
from service.imports.duplicate_rows import ParsedSheet
from service.suppliers.confirmations import Voucher, vouch_for_row
from service.suppliers.merge_rules import get_risk_lookup

MAX_NAMED_CELLS = 5  # an issue names its first cells and counts the rest


class Vouching(NamedTuple):
    """Who vouches for the evidence in which files of an upload (None: in all of them), and whether that includes evidence from
    workers.
    """

    by: str
    files: frozenset[str] | None = None
    sees_worker_derived: bool = True

    def covers_file(self, name: str) -> bool:
        """Return whether the evidence in a file is vouched for."""
        return self.files is None or name in self.files

    def build_voucher(self, file: str, on: date) -> Voucher:
        """Return how the evidence in a file is confirmed on a day."""
        return Voucher(self.by, on, build_reference(file), sees_worker_derived=self.sees_worker_derived)


def build_reference(file: str) -> str | None:
    """Return the name of a file as the reference of its confirmations; None where it may identify a person."""
    return None if len(file) > MAX_SOURCE_LENGTH or contains_personal_data(file, reference=True) else file


def vouch_for_sheet(
    sheet: ParsedSheet, voucher: Voucher, returned: NDArray[np.bool_]
) -> tuple[ParsedSheet, list[Issue]]:
    """Return a sheet with its evidence confirmed, and the issues of the rows whose evidence stays claimed.

    ``returned``: which rows are returned forms.
    """
    batch, lookup = sheet.batch, get_risk_lookup(sheet.batch.kind, voucher.on)
    codes_of: dict[Any, int] = {}
    codes = np.full(len(batch.rows), -1, dtype=np.int32)
    claimed: dict[tuple[str, str], list[int]] = {}
    for position, row in enumerate(batch.answers.to_rows()):
        vouched = vouch_for_row(row, voucher, lookup, is_returned=bool(returned[position]))
        for each in vouched.claimed:
            claimed.setdefault(each, []).append(int(batch.rows[position]))
        if pieces := vouched.answers.get(EVIDENCE):
            codes[position] = codes_of.setdefault(tuple(map(parse_piece, pieces)), len(codes_of))
    columns = {**batch.answers.columns, **({EVIDENCE: Column(tuple(codes_of), codes)} if codes_of else {})}
    confirmed = replace(batch, answers=replace(batch.answers, columns=columns))
    issues = [_build_issue(sheet, code, seen, rows) for (code, seen), rows in claimed.items()]
    return ParsedSheet(confirmed, sheet.matched), issues


def _build_issue(sheet: ParsedSheet, code: str, seen: str, rows: Sequence[int]) -> Issue:
    question = next((name for name in (EVIDENCE, "evidence_grade") if name in sheet.matched.columns), EVIDENCE)
    column = sheet.matched.columns.get(question)
    cells = [cell_name(row, column or 0) for row in rows]
    return build_issue(
        code,
        file=sheet.batch.file,
        sheet=sheet.batch.sheet,
        cell=cells[0],
        cells=tuple(cells[:MAX_NAMED_CELLS]),
        header=sheet.matched.headers[column] if column is not None else question,
        seen=seen,
        count=len(rows),
    )
