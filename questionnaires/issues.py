"""What can be wrong with a sheet, as values: code, place, what was seen, what was expected, and the cure.

A fault of the sender's data is never raised. The one exception is :class:`Unusable`: nothing in the sheet can be used,
and the issue it carries says why.
"""

from __future__ import annotations

import tomllib
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from questionnaires.limits import REFUSALS

Severity = Literal["error", "warning", "info"]


@dataclass(frozen=True)
class Kind:
    """One code of the catalogue: how grave it is, the sentence it is told in, what was expected, and how to mend it.

    ``error``: the row (or the sheet) is not used. ``warning``: the value is not used, the row is. ``info``: how we read
    it.
    """

    severity: Severity
    message: str
    expected: str
    cure: str


@dataclass(frozen=True)
class Issue:
    """One fault, or several alike: the same code, column and text are told once, with the first cells and a count."""

    code: str
    severity: Severity
    file: str = ""
    sheet: str = ""
    cell: str = ""
    cells: tuple[str, ...] = ()
    header: str = ""
    seen: str = ""
    expected: str = ""
    cure: str = ""
    count: int = 1

    @property
    def place(self) -> str:
        """Where it is, as a spreadsheet writes it: ``Suppliers!B3``."""
        return "!".join(part for part in (self.sheet, self.cell) if part)

    def sentence(self) -> str:
        """The whole fault in one or two sentences, for a reader."""
        message = ISSUES[self.code].message.format(
            seen=self.seen, header=self.header, expected=self.expected, count=self.count
        )
        where = " ".join(part for part in (self.place, f"*{self.header}*" if self.header else "") if part)
        more = f" ({self.count} cells)" if self.count > 1 else ""
        return f"{where}{more}: {message} {self.cure}".strip() if where else f"{message} {self.cure}".strip()

    def to_dict(self) -> dict[str, Any]:
        """The fields by name, with lists for tuples: what is written as JSON."""
        return {**asdict(self), "cells": list(self.cells)}


class Unusable(Exception):
    """Nothing in this sheet can be used; ``issue`` says why and how to mend it."""

    def __init__(self, issue: Issue) -> None:
        super().__init__(issue.sentence())
        self.issue = issue


def issue(code: str, **told: Any) -> Issue:
    """An issue of the catalogue. Expectation and cure are the catalogue's unless told."""
    kind = ISSUES[code]
    told["expected"] = told.get("expected") or kind.expected
    told["cure"] = told.get("cure") or kind.cure
    told["cells"] = tuple(told.get("cells") or ([told["cell"]] if told.get("cell") else []))
    return Issue(code=code, severity=kind.severity, **told)


CATALOGUE = Path(__file__).parent / "lists" / "issues.toml"
ISSUES: dict[str, Kind] = {
    **{code: Kind("error", "{seen}", "a file that can be read", cure) for code, (_, cure) in REFUSALS.items()},
    **{code: Kind(**told) for code, told in tomllib.loads(CATALOGUE.read_text(encoding="utf-8")).items()},
}
