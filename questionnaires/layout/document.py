"""The layout of a file as values and as a JSON object: its tables, their header rows, and the rows that are left out.

A layout is found for a file (:func:`questionnaires.layout.find.find_tables`) and taken back with corrections
(``TableOptions.layout``, ``--layout FILE``). What it says of a sheet is then followed without looking for anything:

- ``read``: whether the sheet is read at all. ``kind``, ``country``, ``sector``: what holds for all of its rows; null is detected.
- ``encoding`` of a text file; null is detected. ``encodings``: those that are likely, if there are several. One of them has to
  be chosen then; any other is not followed.
- ``header_rows``, ``rows``, ``columns`` of a table: where its headers and its rows are. ``direction``: "down" if each row is a
  supplier, "across" if each column is one; ``rows`` and ``header_rows`` of the latter count columns, and ``columns`` rows.
  ``header_rows`` of 0 and 0 say that the sheet has no headers: its columns are then called "Column A", "Column B" and so on.
- ``headers``: the question that each column answers; "" is a column that is not read, null is detected.
- ``left_out``: the rows that are no suppliers, by reason. Any row of the table that is moved out of it is read; any row that is
  added (with the reason "chosen") is not. ``asked``: rows that may be suppliers. They are not read before they are taken out.
- ``kind`` and ``kind_column`` of a table: a column that says of some rows that they are sites, and of others that they are
  agencies, makes two tables. The table of agencies has the rows that are said to be agencies, the table of sites all others.
- ``sections``: texts that answer a question for the rows below them. ``fill_down``: columns whose blank cells repeat the cell
  above.
- ``number`` of a table: from 0 in the order in which they are found; the sites and the agencies of one table have the same.
- ``set_aside``: what the first of the rows that are left out or asked about say. It is shown, and not followed.
- ``changes``: what a person said of the tables of a sheet by their number (from 0): the rows of their headers, and the questions
  of some columns. If the layout gives no tables, it changes those that are found.

A sheet that a layout does not name is looked at as if there were no layout. Rows are numbered as the spreadsheet numbers them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from itertools import chain
from typing import Any, Literal

from questionnaires.sheet import RowGroup, cell_name
from questionnaires.text_normalize import fold_text

Direction = Literal["down", "across"]
CHOSEN = "chosen"  # the reason of a row that the sender left out
VERSION = 1  # of the JSON object
NO_HEADERS = (0, 0)  # the header rows of a sheet that has none


class BadLayout(ValueError):
    """Raised for a JSON object that is no layout: where in it, and what was expected there."""


@dataclass(frozen=True)
class HeaderColumn:
    """A column of a table: its ``column`` (from 0), its header as it is read, the question that it answers ("" for none, None
    to detect it) and some of its values; none of a column of persons. ``confidence``: "sure", "likely", or "ask" where it is not
    read because nobody has said that it answers the question ``proposed``.
    """

    column: int
    header: str
    question: str | None = None
    samples: tuple[str, ...] = ()
    confidence: str = ""
    proposed: str = ""


@dataclass(frozen=True)
class Section:
    """A text that applies to the rows below it: its cell (row, column from 0), the question it answers and the first and last
    row it applies to.
    """

    row: int
    column: int
    question: str
    text: str
    rows: tuple[int, int]


@dataclass(frozen=True)
class RowExcerpt:
    """The number of a row, and the beginning of what it says."""

    row: int
    text: str


@dataclass(frozen=True)
class TableLayout:
    """One table of a sheet. ``rows``, ``columns``, ``header_rows``: first and last; columns count from 0."""

    header_rows: tuple[int, int]
    rows: tuple[int, int]
    columns: tuple[int, int]
    direction: Direction = "down"
    headers: tuple[HeaderColumn, ...] = ()
    sections: tuple[Section, ...] = ()
    fill_down: tuple[int, ...] = ()
    left_out: tuple[RowGroup, ...] = ()
    asked: tuple[RowGroup, ...] = ()
    kind: str | None = None
    kind_column: int | None = None
    set_aside: tuple[RowExcerpt, ...] = ()
    number: int = 0


@dataclass(frozen=True)
class TableChange:
    """What a person said of a table: its number, the first and last row of its headers (None as found), and the questions of
    some of its columns ("" for none).
    """

    table: int
    header_rows: tuple[int, int] | None = None
    headers: tuple[HeaderColumn, ...] = ()


@dataclass(frozen=True)
class SheetLayout:
    """One sheet: whether it is read, what holds for all of its rows, its tables, and what a person said of them."""

    name: str
    read: bool = True
    kind: str | None = None
    country: str | None = None
    sector: str | None = None
    tables: tuple[TableLayout, ...] = ()
    changes: tuple[TableChange, ...] = ()
    encoding: str | None = None
    encodings: tuple[str, ...] = ()

    @property
    def chosen_header_row(self) -> int | None:
        """Return the last row of the headers of its first table, if a person said where it is."""
        return next((change.header_rows[1] for change in self.changes if change.header_rows), None)

    @property
    def has_headers(self) -> bool:
        """Return whether the sheet has headers; a person has to say so if it has none."""
        places = [table.header_rows for table in self.tables] + [change.header_rows for change in self.changes]
        return NO_HEADERS not in places


@dataclass(frozen=True)
class Layout:
    """The sheets of one file."""

    file: str
    sheets: tuple[SheetLayout, ...] = field(default=())

    def find_sheet(self, name: str) -> SheetLayout | None:
        """Return the sheet of a name; None if the layout does not name it."""
        return next((sheet for sheet in self.sheets if sheet.name == name), None)

    @property
    def chosen_encoding(self) -> str:
        """Return the encoding that is chosen for a text file, which has one sheet; "" if none is."""
        return next((sheet.encoding for sheet in self.sheets if sheet.encoding), "")

    def with_changes(self, given: Layout) -> Layout:
        """Return the layout after what another one says of its sheets; the tables of those that it gives none for stay."""
        kept = {sheet.name: sheet for sheet in self.sheets}
        changed = {
            sheet.name: replace(sheet, tables=sheet.tables or kept.get(sheet.name, sheet).tables)
            for sheet in given.sheets
        }
        return replace(self, sheets=tuple((kept | changed).values()))

    def to_json(self) -> dict[str, Any]:
        """Return the layout as a JSON object."""
        return {"version": VERSION, **asdict(self, dict_factory=_to_object)}

    @classmethod
    def from_json(cls, content: Any) -> Layout:
        """Build a layout from its JSON object. Raises :class:`BadLayout`."""
        entry = _Entry("layout", content)
        if entry.take("version", int, VERSION) != VERSION:
            raise BadLayout(f"version: {VERSION} was expected.")
        return cls(entry.take("file", str, ""), tuple(map(_read_sheet, entry.list("sheets"))))


def name_headers(table: TableLayout) -> dict[int, str]:
    """Return the header of each column by which a layout maps it: one that is missing, or that another column has too, is told
    apart by the letter of its column.
    """
    words = [fold_text(item.header) for item in table.headers]
    named = {}
    for item, word in zip(table.headers, words, strict=True):
        letter = cell_name(1, item.column).rstrip("1")
        if item.header and (words.count(word) == 1 or item.question is None):
            named[item.column] = item.header
        elif item.header or item.question:
            named[item.column] = f"{item.header or 'Column'} ({letter})"
    return named


def name_column(column: int) -> str:
    """Return what a column (from 0) is called if it has no header: "Column A"."""
    return f"Column {cell_name(1, column).rstrip('1')}"


def list_rows(groups: Iterable[RowGroup]) -> Iterable[int]:
    """List the rows of groups."""
    return chain.from_iterable(range(first, last + 1) for group in groups for first, last in group.rows)


def _to_object(fields: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    return dict(fields)


class _Entry:
    """An object of the JSON, and where it is; whatever is taken from it has the expected type."""

    def __init__(self, place: str, content: Any) -> None:
        if not isinstance(content, Mapping):
            raise BadLayout(f"{place}: an object was expected.")
        self.place, self.content = place, content

    def take(self, name: str, kind: type | tuple[type, ...], default: Any = None) -> Any:
        """Return a value of the object. Raises :class:`BadLayout` if it has another type."""
        value = self.content.get(name, default)
        if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
            raise BadLayout(f"{self.place}.{name}: this value is not accepted here.")
        return value

    def span(self, name: str) -> tuple[int, int]:
        """Return a first and a last number."""
        return _read_span(f"{self.place}.{name}", self.take(name, (list, tuple)))

    def list(self, name: str) -> list[_Entry]:
        """Return the objects of a list; a missing list is empty."""
        return [
            _Entry(f"{self.place}.{name}[{number}]", item)
            for number, item in enumerate(self.take(name, (list, tuple), ()))
        ]


_TEXT = (str, type(None))


def _read_span(place: str, value: Any) -> tuple[int, int]:
    numbers = list(value) if isinstance(value, list | tuple) else []
    if len(numbers) != 2 or not all(type(number) is int for number in numbers) or not 0 <= numbers[0] <= numbers[1]:
        raise BadLayout(f"{place}: a first and a last number were expected.")
    return numbers[0], numbers[1]


def _read_sheet(entry: _Entry) -> SheetLayout:
    return SheetLayout(
        name=entry.take("name", str),
        read=entry.take("read", bool, True),
        kind=entry.take("kind", _TEXT),
        country=entry.take("country", _TEXT),
        sector=entry.take("sector", _TEXT),
        tables=tuple(map(_read_table, entry.list("tables"))),
        changes=tuple(map(_read_change, entry.list("changes"))),
        encoding=entry.take("encoding", _TEXT),
        encodings=tuple(map(str, entry.take("encodings", (list, tuple), ()))),
    )


def _read_change(entry: _Entry) -> TableChange:
    return TableChange(
        entry.take("table", int, 0),
        entry.span("header_rows") if entry.content.get("header_rows") is not None else None,
        _read_headers(entry),
    )


def _read_headers(entry: _Entry) -> tuple[HeaderColumn, ...]:
    return tuple(
        HeaderColumn(
            item.take("column", int),
            item.take("header", str, ""),
            item.take("question", _TEXT),
            tuple(map(str, item.take("samples", (list, tuple), ()))),
            item.take("confidence", str, ""),
            item.take("proposed", str, ""),
        )
        for item in entry.list("headers")
    )


def _read_table(entry: _Entry) -> TableLayout:
    direction = entry.take("direction", str, "down")
    if direction not in ("down", "across"):
        raise BadLayout(f"{entry.place}.direction: 'down' or 'across' was expected.")
    return TableLayout(
        header_rows=entry.span("header_rows"),
        rows=entry.span("rows"),
        columns=entry.span("columns"),
        direction=direction,
        headers=_read_headers(entry),
        sections=tuple(
            Section(
                item.take("row", int),
                item.take("column", int),
                item.take("question", str),
                item.take("text", str),
                item.span("rows"),
            )
            for item in entry.list("sections")
        ),
        fill_down=tuple(number for number in entry.take("fill_down", (list, tuple), ()) if type(number) is int),
        left_out=tuple(map(_read_group, entry.list("left_out"))),
        asked=tuple(map(_read_group, entry.list("asked"))),
        kind=entry.take("kind", _TEXT),
        kind_column=entry.take("kind_column", (int, type(None))),
        number=entry.take("number", int, 0),
        set_aside=tuple(
            RowExcerpt(item.take("row", int), item.take("text", str, "")) for item in entry.list("set_aside")
        ),
    )


def _read_group(entry: _Entry) -> RowGroup:
    ranges = entry.take("rows", (list, tuple), ())
    return RowGroup(
        entry.take("reason", str, CHOSEN), tuple(_read_span(f"{entry.place}.rows", value) for value in ranges)
    )
