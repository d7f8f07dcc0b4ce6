"""The issues a sheet can have, as values: code, place, what was seen, what was expected, and the cure.

Problems of the sender's data are collected, not raised. The one exception is :class:`UnusableSheet`: nothing in the sheet can
be used, and the issue it carries says why.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from questionnaires.limits import REFUSALS

Severity = Literal["error", "warning", "info"]


@dataclass(frozen=True)
class IssueKind:
    """One code of the catalogue: its severity, the template of its message, what was expected, and how to fix it.

    ``error``: the row (or the sheet) is not used. ``warning``: the value is not used, the row is. ``info``: how the value was
    read.
    """

    severity: Severity
    message: str
    expected: str
    cure: str


@dataclass(frozen=True)
class Issue:
    """One problem, or several alike: the same code, column and text are reported once, with the first cells and a count."""

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
        """Return where the issue is, as a spreadsheet writes it: ``Suppliers!B3``."""
        return "!".join(part for part in (self.sheet, self.cell) if part)

    @property
    def message(self) -> str:
        """Return what is wrong, without place and cure."""
        return ISSUES[self.code].message.format(
            seen=self.seen, header=self.header, expected=self.expected, count=self.count
        )

    @property
    def sentence(self) -> str:
        """Return what is wrong as a sentence on its own."""
        return self.message[:1].upper() + self.message[1:]

    def describe(self) -> str:
        """Return the whole issue in one or two sentences, for a reader."""
        location = " ".join(part for part in (self.place, f"*{self.header}*" if self.header else "") if part)
        repeats = f" ({self.count} cells)" if self.count > 1 else ""
        text = f"{self.message} {self.cure}"
        return f"{location}{repeats}: {text}".strip() if location else text.strip()

    def to_dict(self) -> dict[str, Any]:
        """Return the fields by name, with lists for tuples, as they are written to JSON."""
        return {**asdict(self), "cells": list(self.cells)}


def parse_issue(fields: Mapping[str, Any]) -> Issue:
    """Return an issue from its fields as :meth:`Issue.to_dict` gives them."""
    return Issue(**{**fields, "cells": tuple(fields["cells"])})


class UnusableSheet(Exception):
    """Raised when nothing in a sheet can be used; ``issue`` says why and how to fix it.

    For a whole file, ``views`` shows its sheets as they are (:class:`~questionnaires.sheet_view.SheetView`, by field), and
    ``redacted`` is what to store in its stead, as in :class:`~questionnaires.tables.FileTables`.
    """

    def __init__(self, issue: Issue, views: Sequence[Mapping[str, Any]] = (), redacted: bytes | None = None) -> None:
        super().__init__(issue.describe())
        self.issue, self.views, self.redacted = issue, views, redacted


def build_issue(code: str, **fields: Any) -> Issue:
    """Build an issue of the catalogue from the fields of :class:`Issue`; expectation and cure default to the catalogue's."""
    kind = ISSUES[code]
    fields["expected"] = fields.get("expected") or kind.expected
    fields["cure"] = fields.get("cure") or kind.cure
    fields["cells"] = tuple(fields.get("cells") or ([fields["cell"]] if fields.get("cell") else []))
    return Issue(code=code, severity=kind.severity, **fields)


CATALOGUE = Path(__file__).parent / "lists" / "issues.toml"
ISSUES: dict[str, IssueKind] = {
    **{code: IssueKind("error", "{seen}", "a file that can be read", cure) for code, (_, cure) in REFUSALS.items()},
    **{code: IssueKind(**entry) for code, entry in tomllib.loads(CATALOGUE.read_text(encoding="utf-8")).items()},
}
