"""Define a report of one or two pages as data, so that every format shows the same content in the same order.

All texts are plain text: no format interprets markup in them.
"""

from dataclasses import dataclass
from datetime import date
from typing import NamedTuple

from reports.charts import Drawing
from reports.document import WORDING, Level, Logo


class Tag(NamedTuple):
    """A cell of a table that shows a level in its colour, with the words for it."""

    level: Level
    text: str


Cell = str | Tag


@dataclass(frozen=True, slots=True)
class Paragraph:
    """A paragraph of running text."""

    text: str


@dataclass(frozen=True, slots=True)
class Bullets:
    """A list of short texts."""

    items: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Table:
    """A table with one header row. `widths`: of the columns, relative to each other."""

    header: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    widths: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Picture:
    """A chart; its description is read out where it cannot be seen."""

    drawing: Drawing


Block = Paragraph | Bullets | Table | Picture


@dataclass(frozen=True, slots=True)
class Section:
    """A heading and what stands under it. `new_page`: it begins the second page where there are pages."""

    title: str
    blocks: tuple[Block, ...]
    new_page: bool = False


@dataclass(frozen=True, slots=True)
class ShortDocument:
    """A report of one or two pages. `kind`: what it is and for whom, as a reader sees it above the title.

    `headline`: the one sentence to read if nothing else is read. `draft` is empty once the supplier has responded.
    `language`: the code (BCP 47) of the language of its texts. `sender`: the organisation whose report it is, with its `logo`.
    """

    kind: str
    title: str
    headline: str
    on: date
    sections: tuple[Section, ...]
    draft: str = ""
    wording: str = WORDING
    language: str = "en"
    sender: str = ""
    logo: Logo | None = None

    @property
    def full_kind(self) -> str:
        """Return what it is, after the name of the sender if that is not said anyway."""
        is_named = not self.sender or self.sender == self.title or self.sender in self.kind
        return self.kind if is_named else f"{self.sender} · {self.kind}"
