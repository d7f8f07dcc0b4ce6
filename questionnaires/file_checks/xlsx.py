"""The gate of an .xlsx workbook: every part looked at before the reader sees it, and the marks of its cells."""

from __future__ import annotations

import posixpath
import re
from array import array
from collections.abc import Callable, Iterator, Mapping
from itertools import chain

from questionnaires.file_checks.archive import contents, inflate
from questionnaires.file_checks.cell_flags import NO_RESULT, Marks, column_of, mark, shown_as
from questionnaires.file_checks.xml import DEFINITIONS, LONGEST_TEXT, End, Markup, Plain, Start, has
from questionnaires.limits import Limits, Refused

ACTIVE = re.compile("macroenabled|vbaproject|macrosheet|activex|oleobject", re.IGNORECASE)
LIVE_LINK = re.compile(rb"<(?:\w+:)?(?:dde|ole)Link\b")
REFERENCE = re.compile(r"([A-Za-z]{1,7})([0-9]{1,10})")
PERCENT_FORMATS = {"9": "%", "10": "%"}  # built in: 0% and 0.00%
MOST_STYLES = 100

# What nearly every row looks like; @ stands for the prefix of the elements, STYLES for the styles that say something. In a
# quiet row no cell is an error, a formula or in such a style; group 2 is there if the row is not quiet. A group inside of
# what is possessive would lose its span (CPython), and what is not possessive could be tried in ever more ways.
TEXT = rb'(?:<@t(?: xml:space="preserve")?+>[^<]*+</@t>|<@t ?/>)'
STRINGS = rb"(?:<@si>" + TEXT + rb'(?:<@phoneticPr(?: \w+="\w*")*+ ?/>)?+</@si>|<@si ?/>)++'
VALUE = rb"(?:<@v>[^<]*+</@v>|<@v ?/>|<@is>" + TEXT + rb"</@is>)?+</@c>"
QUIET = (
    rb'<@c r="[A-Z]{1,3}\1"(?: s="(?!(?:STYLES)")\d{1,5}"| t="(?:s|n|b|str|inlineStr)"| [cv]m="\d{1,5}")*+ ?'
    rb"(?:/>|>" + VALUE + rb")"
)
CELL = (
    rb'<@c r="[A-Z]{1,3}\1"(?: s="\d{1,5}"| t="(?:s|n|b|str|inlineStr|e)"| [cv]m="\d{1,5}")*+ ?(?:/>|>'
    rb'(?:<@f(?: \w+="[^"<&]*+")*+ ?(?:/>|>[^<]*+</@f>))?+' + VALUE + rb")"
)
ROW = (
    rb'<@row r="([1-9]\d{0,6})"(?: [\w:]+="[^"<&]*+")*+ ?(?:/>|>'
    rb"(?:(?:" + QUIET + rb")*+</@row>|(?:" + CELL + rb")*+</@row>()))"
)
FILLED = rb'<@c r="([A-Z]+)\d+"[^<>]*+(?<!/)>(?!</)'
STYLED = rb'<@c r="([A-Z]+)\d+"[^<>]*? s="(STYLES)"'
FORMULA_OR_NOT = rb"(?:<@f[^<>]*+(?:(?<=/)>|>[^<]*+</@f>))"
ERROR = rb'<@c r="([A-Z]+)\d+"[^<>]*? t="e"[^<>]*+>' + FORMULA_OR_NOT + rb"?+<@v>([^<]*+)<"
FORMULA = rb'<@c r="([A-Z]+)\d+"([^<>]*+)>' + FORMULA_OR_NOT + rb"(</@c>|<@v ?/>|<@v></)?+"
SHARED = rb' t="s"[^<>]*+>' + FORMULA_OR_NOT + rb"?+<@v>(\d{1,9})<"


def examine(data: bytes, limits: Limits) -> list[Marks]:
    """The marks of every sheet of a workbook, in its order; a sheet of charts has none.

    Looks at every part, whether it will be read or not. Raises Refused.
    """
    parts = Parts(data, limits)
    parts.check_types()
    targets, listed, styles = parts.targets(), parts.listed(), parts.styles()
    strings = Strings(parts.read("xl/sharedStrings.xml") if parts.has("xl/sharedStrings.xml") else None)
    marks: list[Marks] = []
    cells = text = 0
    for kind, target in (targets.get(identity, ("worksheet", "")) for identity in listed):
        sheet = Sheet(limits, styles)
        if kind == "worksheet":
            sheet.read(parts.read(target))
            size = sheet.marks.rows * sheet.marks.columns
            cells += size
            if size * strings.longest + text > limits.all_text:  # could be too much: count
                text += strings.used(parts.read(target))
            else:
                text += size * strings.longest
        if cells > limits.cells:
            raise Refused("limit.cells", f"It spans {cells:,}.")
        if text > limits.all_text:
            raise Refused("archive.expands_too_large", "Its cells repeat long texts.")
        marks.append(sheet.marks)
    parts.check_unread()
    return marks


class Parts:
    """The parts of a workbook, and which of them were looked at."""

    def __init__(self, data: bytes, limits: Limits) -> None:
        self.data, self.limits = data, limits
        self.parts = {name.casefold(): part for name, part in contents(data, limits).items()}
        self.seen: set[str] = set()

    def has(self, name: str) -> bool:
        """Whether there is a part of this name."""
        return name.casefold() in self.parts

    def read(self, name: str) -> Iterator[bytes]:
        """The bytes of a part; raises Refused if it is not there."""
        self.seen.add(name.casefold())
        if not self.has(name):
            raise Refused("file.corrupt", f"It has no part '{name[:80]}'.")
        return inflate(self.data, self.parts[name.casefold()])

    def check_types(self) -> None:
        """Refuses a workbook whose table of types speaks of macros, or that is no workbook."""

        def start(name: str, attributes: Mapping[str, str]) -> None:
            kind = attributes.get("ContentType", "")
            if ACTIVE.search(kind):
                raise Refused("file.active_content")
            if attributes.get("PartName", "").casefold() == "/xl/workbook.xml" and "spreadsheetml" not in kind:
                raise Refused("file.type_mismatch")

        Markup(start).read(self.read("[Content_Types].xml"))

    def targets(self) -> dict[str, tuple[str, str]]:
        """By identity: what a part of the workbook is, and its name."""
        found = {}

        def start(name: str, attributes: Mapping[str, str]) -> None:
            if name == "Relationship" and attributes.get("TargetMode") != "External":
                target = attributes.get("Target", "")
                path = target.removeprefix("/")
                if path == target and not path.startswith("xl/"):
                    path = posixpath.normpath(f"xl/{target}")
                found[attributes.get("Id", "")] = (attributes.get("Type", "").rpartition("/")[2], path)

        Markup(start).read(self.read("xl/_rels/workbook.xml.rels"))
        return found

    def listed(self) -> list[str]:
        """The identities of the sheets, in the order of the workbook."""
        found: list[str] = []

        def start(name: str, attributes: Mapping[str, str]) -> None:
            if name == "sheet":
                found.append(next((value for key, value in attributes.items() if key.endswith(":id")), ""))

        Markup(start).read(self.read("xl/workbook.xml"))
        if len(found) > self.limits.sheets:
            raise Refused("limit.sheets", f"{self.limits.sheets} are read at most.")
        return found

    def styles(self) -> dict[str, str]:
        """The styles of cells that show numbers in a way that says something, and the way."""
        formats = dict(PERCENT_FORMATS)
        found: dict[str, str] = {}
        inside: list[str] = []
        count = 0

        def start(name: str, attributes: Mapping[str, str]) -> None:
            nonlocal count
            if name == "numFmt" and inside[-1:] == ["numFmts"]:
                formats[attributes.get("numFmtId", "")] = shown_as(attributes.get("formatCode", ""))
            elif name == "xf" and inside[-1:] == ["cellXfs"]:
                if way := formats.get(attributes.get("numFmtId", "")):
                    found[str(count)] = way
                count += 1
            inside.append(name)

        def end(name: str) -> None:
            inside.pop()

        if self.has("xl/styles.xml"):
            Markup(start, end).read(self.read("xl/styles.xml"))
        return found

    def check_unread(self) -> None:
        """Refuses what the parts that are not read may hide: definitions, and links to other programs."""
        for name in sorted(self.parts.keys() - self.seen):
            if name.endswith((".xml", ".rels", ".vml")) and has(self.read(name), DEFINITIONS):
                raise Refused("xml.dtd_forbidden")
            if name.startswith("xl/externallinks/") and has(self.read(name), LIVE_LINK):
                raise Refused("file.active_content", "It links to another program.")


class Document:
    """A part in which plain pieces repeat: its bytes, and the forms of the pieces with the prefix its elements have."""

    def __init__(self, pieces: Iterator[bytes], root: bytes, styles: Mapping[str, str]) -> None:
        first = next(pieces, b"")
        found = re.search(rb"<(\w{1,20}:)?" + root + rb"[\s>]", first)
        self.pieces = chain([first], pieces)
        self.prefix = found[1] or b"" if found else b""
        # So many styles that to try them all would be slow: then any may say something.
        self.styles = "|".join(styles).encode() or b"-" if len(styles) <= MOST_STYLES else rb"\d{1,5}"

    def form(self, form: bytes) -> re.Pattern[bytes]:
        """A form, compiled."""
        return re.compile(form.replace(b"@", self.prefix).replace(b"STYLES", self.styles))

    def read(
        self, start: Start, end: End, text: End, tag: bytes, form: bytes, tell: Callable[[re.Match[bytes]], None]
    ) -> None:
        """Reads it; what repeats is the element ``tag``."""
        name = self.prefix + tag
        Markup(start, end, text, Plain(b"<" + name, b"</" + name + b">", self.form(form), tell)).read(self.pieces)


class Strings:
    """The texts that cells share: how long each is, and the longest."""

    def __init__(self, pieces: Iterator[bytes] | None) -> None:
        self.lengths = array("i")
        self.now = 0
        if pieces:
            document = Document(pieces, b"sst", {})
            self.ends = b"</" + document.prefix + b"si>"
            document.read(self.start, self.end, self.text, b"si", STRINGS, self.plain)
        self.longest = max(self.lengths, default=0)

    def plain(self, run: re.Match[bytes]) -> None:
        """A run of plain texts; with its tags each counts as a little longer than it is."""
        self.lengths.extend(map(len, run[0].split(self.ends)[:-1]))

    def start(self, name: str, attributes: Mapping[str, str]) -> None:
        """A text begins."""
        if name == "si":
            self.now = 0

    def text(self, text: str) -> None:
        """A piece of a text."""
        self.now += len(text)
        if self.now > LONGEST_TEXT:
            raise Refused("limit.cell_text")

    def end(self, name: str) -> None:
        """A text ends."""
        if name == "si":
            self.lengths.append(self.now)

    def used(self, pieces: Iterator[bytes]) -> int:
        """The length of all texts together as the cells of a sheet use them."""
        document = Document(pieces, b"worksheet", {})
        form, ends = document.form(SHARED), b"</" + document.prefix + b"row>"
        total, held = 0, b""
        for piece in document.pieces:
            whole, ended, held = (held + piece).rpartition(ends)
            total += sum(self.lengths[index] for index in map(int, form.findall(whole)) if index < len(self.lengths))
        return total


class Sheet:
    """A sheet while it is looked at."""

    def __init__(self, limits: Limits, styles: Mapping[str, str]) -> None:
        self.limits, self.styles = limits, styles
        self.marks = Marks()
        self.row = self.cell_row = self.column = 0
        self.cell: Mapping[str, str] = {}
        self.within = self.value = ""
        self.formula = self.filled = self.in_cell = False

    def read(self, pieces: Iterator[bytes]) -> None:
        """Looks at the whole sheet."""
        document = Document(pieces, b"worksheet", self.styles)
        self.find_filled, self.find_styled = document.form(FILLED).findall, document.form(STYLED).findall
        self.find_errors, self.find_formulas = document.form(ERROR).findall, document.form(FORMULA).findall
        self.cell_begins, self.cell_ends = b"<" + document.prefix + b'c r="', b"</" + document.prefix + b"c>"
        self.formula_begins = b"<" + document.prefix + b"f"
        document.read(self.start, self.end, self.text, b"row", ROW, self.plain)

    def plain(self, found: re.Match[bytes]) -> None:
        """A plain row."""
        row, held, begin, end = int(found[1]), found.string, found.start(), found.end()
        self.row = row
        last = held.rfind(self.cell_begins, begin, end)
        if last < 0:
            return
        letters = held[last + len(self.cell_begins) : last + len(self.cell_begins) + 3].rstrip(b"0123456789")
        if column_of(letters) < self.marks.columns and held.find(self.cell_ends, begin, end) > 0:
            self.marks.filled(row, 0, self.limits)
        elif filled := self.find_filled(held, begin, end):
            self.marks.filled(row, max(map(column_of, filled)), self.limits)
        if found[2] is None:
            return
        for letters, style in self.find_styled(held, begin, end) if self.styles else ():
            if way := self.styles.get(style.decode()):
                mark(self.marks.shown, column_of(letters), way, row)
        if held.find(b' t="e"', begin, end) > 0:
            for letters, text in self.find_errors(held, begin, end):
                mark(self.marks.errors, column_of(letters), text.decode(), row)
        if held.find(self.formula_begins, begin, end) > 0:
            for letters, attributes, no_result in self.find_formulas(held, begin, end):
                mark(self.marks.formulas, column_of(letters), "", row)
                if no_result and b' t="str"' not in attributes:
                    mark(self.marks.errors, column_of(letters), NO_RESULT, row)

    def start(self, name: str, attributes: Mapping[str, str]) -> None:
        """An element of a row that is not plain."""
        if name == "row":
            number = attributes.get("r", str(self.row + 1))
            if not re.fullmatch("[0-9]{1,10}", number):
                raise Refused("file.corrupt", f"'{number[:20]}' is not a row.")
            self.row = int(number)
            self.column = -1
        elif name == "c":
            if self.in_cell:
                raise Refused("file.corrupt", "A cell lies in a cell.")
            self.in_cell = True
            self.cell, self.value, self.formula, self.filled = attributes, "", False, False
            place = REFERENCE.fullmatch(attributes.get("r", ""))
            if place is None and "r" in attributes:
                raise Refused("file.corrupt", f"'{attributes['r'][:20]}' is not a cell.")
            self.column = column_of(place[1].encode()) if place else self.column + 1
            self.cell_row = int(place[2]) if place else self.row
        elif name == "f":
            self.formula = True
        elif name in ("v", "is"):
            self.filled = True
        self.within = name

    def text(self, text: str) -> None:
        """A piece of text."""
        if self.within in ("v", "t"):
            self.value += text
            if len(self.value) > LONGEST_TEXT:
                raise Refused("limit.cell_text")

    def end(self, name: str) -> None:
        """A cell ends."""
        self.within = ""
        if name != "c":
            return
        self.in_cell = False
        if self.filled:
            self.marks.filled(self.cell_row, self.column, self.limits)
        if way := self.styles.get(self.cell.get("s", "")):
            mark(self.marks.shown, self.column, way, self.cell_row)
        if self.cell.get("t") == "e":
            mark(self.marks.errors, self.column, self.value, self.cell_row)
        if self.formula:
            mark(self.marks.formulas, self.column, "", self.cell_row)
            if not self.value and self.cell.get("t") != "str":
                mark(self.marks.errors, self.column, NO_RESULT, self.cell_row)
