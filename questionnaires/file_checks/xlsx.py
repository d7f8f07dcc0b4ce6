"""Examine every part of an .xlsx workbook before it is read, and return the flags of its cells."""

from __future__ import annotations

import posixpath
import re
from array import array
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from itertools import chain

from questionnaires.file_checks.archive import inflate, read_contents
from questionnaires.file_checks.cell_flags import NO_RESULT, CellFlags, add_flag, column_index, parse_number_format
from questionnaires.file_checks.xml import (
    DEFINITIONS,
    MAX_CELL_TEXT,
    PlainElements,
    SafeXmlParser,
    StartHandler,
    TextHandler,
    contains,
)
from questionnaires.limits import FileRefused, Limits

MACRO_ENABLED_WORKBOOK = "application/vnd.ms-excel.sheet.macroEnabled.main+xml"
ACTIVE = re.compile("macroenabled|vbaproject|macrosheet|activex|oleobject", re.IGNORECASE)
LIVE_LINK = re.compile(rb"<(?:\w+:)?(?:dde|ole)Link\b")
ROW_NUMBER = re.compile("[0-9]{1,10}")
CELL_REFERENCE = re.compile(r"([A-Za-z]{1,7})([0-9]{1,10})")
RANGE = re.compile(r"\$?([A-Za-z]{1,3})\$?([0-9]{1,7}):\$?([A-Za-z]{1,3})\$?([0-9]{1,7})")
HIDDEN_ROW = re.compile(rb'<[^<>]*? hidden="(?:1|true)"')
PERCENT_FORMATS = {"9": "%", "10": "%"}  # built in: 0% and 0.00%
MAX_STYLES = 100

# What nearly every row looks like; @ stands for the prefix of the elements, STYLES for the styles that are flagged. No cell of
# an unflagged row is an error, a formula or in such a style; group 2 is set if the row has flagged cells. A group inside a
# possessive part would lose its span (CPython), and what is not possessive could be tried in exponentially many ways.
TEXT_ELEMENT = rb'(?:<@t(?: xml:space="preserve")?+>[^<]*+</@t>|<@t ?/>)'
SHARED_STRINGS = rb"(?:<@si>" + TEXT_ELEMENT + rb'(?:<@phoneticPr(?: \w+="\w*")*+ ?/>)?+</@si>|<@si ?/>)++'
CELL_VALUE = rb"(?:<@v>[^<]*+</@v>|<@v ?/>|<@is>" + TEXT_ELEMENT + rb"</@is>)?+</@c>"
UNFLAGGED_CELL = (
    rb'<@c r="[A-Z]{1,3}\1"(?: s="(?!(?:STYLES)")\d{1,5}"| t="(?:s|n|b|str|inlineStr)"| [cv]m="\d{1,5}")*+ ?'
    rb"(?:/>|>" + CELL_VALUE + rb")"
)
ANY_CELL = (
    rb'<@c r="[A-Z]{1,3}\1"(?: s="\d{1,5}"| t="(?:s|n|b|str|inlineStr|e)"| [cv]m="\d{1,5}")*+ ?(?:/>|>'
    rb'(?:<@f(?: \w+="[^"<&]*+")*+ ?(?:/>|>[^<]*+</@f>))?+' + CELL_VALUE + rb")"
)
ROW = (
    rb'<@row r="([1-9]\d{0,6})"(?: [\w:]+="[^"<&]*+")*+ ?(?:/>|>'
    rb"(?:(?:" + UNFLAGGED_CELL + rb")*+</@row>|(?:" + ANY_CELL + rb")*+</@row>()))"
)
FILLED_CELL = rb'<@c r="([A-Z]+)\d+"[^<>]*+(?<!/)>(?!</)'
STYLED_CELL = rb'<@c r="([A-Z]+)\d+"[^<>]*? s="(STYLES)"'
FORMULA_ELEMENT = rb"(?:<@f[^<>]*+(?:(?<=/)>|>[^<]*+</@f>))"
ERROR_CELL = rb'<@c r="([A-Z]+)\d+"[^<>]*? t="e"[^<>]*+>' + FORMULA_ELEMENT + rb"?+<@v>([^<]*+)<"
FORMULA_CELL = rb'<@c r="([A-Z]+)\d+"([^<>]*+)>' + FORMULA_ELEMENT + rb"(</@c>|<@v ?/>|<@v></)?+"
SHARED_TEXT = rb' t="s"[^<>]*+>' + FORMULA_ELEMENT + rb"?+<@v>\+?(\d{1,19})<"


def examine(data: bytes, limits: Limits, *, may_hold_macros: bool = False) -> list[CellFlags]:
    """Return the cell flags of every sheet of a workbook, in its order; a chart sheet has none.

    Examines every part, whether it will be read or not. ``may_hold_macros``: the workbook may be of the type that may hold macros
    (.xlsm); one that does hold any is refused all the same. Raises FileRefused.
    """
    package = Package(data, limits)
    package.check_content_types(may_hold_macros=may_hold_macros)
    targets, sheet_ids, (displays, struck) = package.get_targets(), package.list_sheet_ids(), package.read_styles()
    strings = SharedStrings(package.read("xl/sharedStrings.xml") if package.has("xl/sharedStrings.xml") else None)
    flags: list[CellFlags] = []
    cells = text = 0
    for kind, target in (targets.get(sheet_id, ("worksheet", "")) for sheet_id in sheet_ids):
        scanner = SheetScanner(limits, displays, struck, strings.lengths)
        if kind == "worksheet":
            scanner.read(package.read(target))
            cells += scanner.flags.n_rows * scanner.flags.n_columns
            text += scanner.shared_text
        if cells > limits.cells:
            raise FileRefused("limit.cells", f"It spans {cells:,} cells.")
        if text > limits.all_text:
            raise FileRefused("archive.expands_too_large", "Too many cells repeat the same long text.")
        flags.append(scanner.flags)
    package.check_unread_parts()
    return flags


class Package:
    """The parts of a workbook, and which of them have been examined."""

    def __init__(self, data: bytes, limits: Limits) -> None:
        self.data, self.limits = data, limits
        self.parts = {name.casefold(): part for name, part in read_contents(data, limits).items()}
        self.examined: set[str] = set()

    def has(self, name: str) -> bool:
        """Return whether there is a part of this name."""
        return name.casefold() in self.parts

    def read(self, name: str) -> Iterator[bytes]:
        """Return the bytes of a part, chunk by chunk. Raises FileRefused if it is missing."""
        self.examined.add(name.casefold())
        if not self.has(name):
            raise FileRefused("file.corrupt", f"The workbook has no part called '{name[:80]}'.")
        return inflate(self.data, self.parts[name.casefold()])

    def check_content_types(self, *, may_hold_macros: bool = False) -> None:
        """Refuse a package whose table of content types mentions macros, or that is not a workbook.

        ``may_hold_macros``: the workbook itself, and no other part, may have the type of those that may.
        """

        def handle_start(name: str, attributes: Mapping[str, str]) -> None:
            content_type = attributes.get("ContentType", "")
            is_workbook = attributes.get("PartName", "").casefold() == "/xl/workbook.xml"
            if may_hold_macros and is_workbook and content_type == MACRO_ENABLED_WORKBOOK:
                return
            if ACTIVE.search(content_type):
                raise FileRefused("file.active_content")
            if is_workbook and "spreadsheetml" not in content_type:
                raise FileRefused("file.type_mismatch")

        SafeXmlParser(handle_start).read(self.read("[Content_Types].xml"))

    def get_targets(self) -> dict[str, tuple[str, str]]:
        """Return type and name of the parts of the workbook, by relationship id."""
        targets = {}

        def handle_start(name: str, attributes: Mapping[str, str]) -> None:
            if name == "Relationship" and attributes.get("TargetMode") != "External":
                target = attributes.get("Target", "")
                path = target.removeprefix("/")
                if path == target and not path.startswith("xl/"):
                    path = posixpath.normpath(f"xl/{target}")
                targets[attributes.get("Id", "")] = (attributes.get("Type", "").rpartition("/")[2], path)

        SafeXmlParser(handle_start).read(self.read("xl/_rels/workbook.xml.rels"))
        return targets

    def list_sheet_ids(self) -> list[str]:
        """List the relationship ids of the sheets, in the order of the workbook."""
        sheet_ids: list[str] = []

        def handle_start(name: str, attributes: Mapping[str, str]) -> None:
            if name == "sheet":
                sheet_ids.append(next((value for key, value in attributes.items() if key.endswith(":id")), ""))

        SafeXmlParser(handle_start).read(self.read("xl/workbook.xml"))
        if len(sheet_ids) > self.limits.sheets:
            raise FileRefused("limit.sheets", f"The maximum is {self.limits.sheets} sheets.")
        return sheet_ids

    def read_styles(self) -> tuple[dict[str, str], frozenset[str]]:
        """Return how numbers are displayed ("%", "000"), by the number of the cell style, for the styles where it matters; and
        the styles that strike the text out.
        """
        formats = dict(PERCENT_FORMATS)
        struck_fonts: set[str] = set()
        struck_styles: set[str] = set()
        n_fonts = 0
        displays: dict[str, str] = {}
        open_elements: list[str] = []
        count = 0

        def handle_start(name: str, attributes: Mapping[str, str]) -> None:
            nonlocal count, n_fonts
            if name == "font" and open_elements[-1:] == ["fonts"]:
                n_fonts += 1
            elif name == "strike" and open_elements[-2:] == ["fonts", "font"]:
                if attributes.get("val", "1") not in ("0", "false"):
                    struck_fonts.add(str(n_fonts - 1))
            elif name == "numFmt" and open_elements[-1:] == ["numFmts"]:
                formats[attributes.get("numFmtId", "")] = parse_number_format(attributes.get("formatCode", ""))
            elif name == "xf" and open_elements[-1:] == ["cellXfs"]:
                if display := formats.get(attributes.get("numFmtId", "")):
                    displays[str(count)] = display
                if attributes.get("fontId") in struck_fonts:
                    struck_styles.add(str(count))
                count += 1
            open_elements.append(name)

        def handle_end(name: str) -> None:
            open_elements.pop()

        if self.has("xl/styles.xml"):
            SafeXmlParser(handle_start, handle_end).read(self.read("xl/styles.xml"))
        return displays, frozenset(struck_styles)

    def check_unread_parts(self) -> None:
        """Refuse the workbook if a part that is not read hides definitions or links to other programs."""
        for name in sorted(self.parts.keys() - self.examined):
            if name.endswith((".xml", ".rels", ".vml")) and contains(self.read(name), DEFINITIONS):
                raise FileRefused("xml.dtd_forbidden")
            if name.startswith("xl/externallinks/") and contains(self.read(name), LIVE_LINK):
                raise FileRefused("file.active_content", "The workbook links to another program.")


class RepetitivePart:
    """A part in which plain elements repeat: its bytes, and their patterns with the prefix that its elements have."""

    def __init__(self, chunks: Iterator[bytes], root: bytes, styles: Collection[str]) -> None:
        first = next(chunks, b"")
        match = re.search(rb"<(\w{1,20}:)?" + root + rb"[\s>]", first)
        self.chunks = chain([first], chunks)
        self.prefix = match[1] or b"" if match else b""
        # So many styles would be slow to try one by one, so any style is treated as possibly flagged.
        self.styles = "|".join(styles).encode() or b"-" if len(styles) <= MAX_STYLES else rb"\d{1,5}"

    def compile(self, pattern: bytes) -> re.Pattern[bytes]:
        """Compile a pattern with the prefix and the styles of this part."""
        return re.compile(pattern.replace(b"@", self.prefix).replace(b"STYLES", self.styles))

    def read(
        self,
        start: StartHandler,
        end: TextHandler,
        text: TextHandler,
        tag: bytes,
        pattern: bytes,
        handle_plain: Callable[[re.Match[bytes]], None],
    ) -> None:
        """Parse the part; ``tag`` names the element that repeats."""
        name = self.prefix + tag
        plain = PlainElements(b"<" + name, b"</" + name + b">", self.compile(pattern), handle_plain)
        SafeXmlParser(start, end, text, plain).read(self.chunks)


class SharedStrings:
    """The texts that cells share: the length of each, by its number."""

    def __init__(self, chunks: Iterator[bytes] | None) -> None:
        self.lengths = array("i")
        self.current_length = 0
        if chunks:
            part = RepetitivePart(chunks, b"sst", {})
            self.start_tag = b"<" + part.prefix + b"si"
            part.read(
                self.handle_start, self.handle_end, self.handle_text, b"si", SHARED_STRINGS, self.handle_plain_texts
            )

    def handle_plain_texts(self, run: re.Match[bytes]) -> None:
        """Measure a run of plain texts; each counts as slightly longer than it is, because its tags are included."""
        self.lengths.extend(map(len, run[0].split(self.start_tag)[1:]))

    def handle_start(self, name: str, attributes: Mapping[str, str]) -> None:
        """Start a text."""
        if name == "si":
            self.current_length = 0

    def handle_text(self, text: str) -> None:
        """Measure a piece of the current text."""
        self.current_length += len(text)
        if self.current_length > MAX_CELL_TEXT:
            raise FileRefused("limit.cell_text")

    def handle_end(self, name: str) -> None:
        """Finish a text."""
        if name == "si":
            self.lengths.append(self.current_length)


class SheetScanner:
    """Collects the flags of one sheet's cells and rows, and the length of all shared texts, each as often as cells use it."""

    def __init__(self, limits: Limits, displays: Mapping[str, str], struck: frozenset[str], texts: array[int]) -> None:
        self.limits, self.displays, self.struck, self.texts = limits, displays, struck, texts
        self.shared_text = 0
        self.styles = displays.keys() | struck
        self.filter = ""
        self.flags = CellFlags()
        self.row = self.cell_row = self.column = 0
        self.cell: Mapping[str, str] = {}
        self.element = self.value = ""
        self.formula = self.filled = self.in_cell = False

    def read(self, chunks: Iterator[bytes]) -> None:
        """Scan the whole sheet."""
        part = RepetitivePart(chunks, b"worksheet", sorted(self.styles))
        self.find_filled, self.find_styled = part.compile(FILLED_CELL).findall, part.compile(STYLED_CELL).findall
        self.find_shared_texts = part.compile(SHARED_TEXT).findall
        self.find_errors, self.find_formulas = part.compile(ERROR_CELL).findall, part.compile(FORMULA_CELL).findall
        self.cell_start, self.cell_end = b"<" + part.prefix + b'c r="', b"</" + part.prefix + b"c>"
        self.formula_start = b"<" + part.prefix + b"f"
        part.read(self.handle_start, self.handle_end, self.handle_text, b"row", ROW, self.handle_plain_row)

    def handle_plain_row(self, match: re.Match[bytes]) -> None:
        """Measure a row, and flag its cells, by its markup alone."""
        row, data, begin, end = int(match[1]), match.string, match.start(), match.end()
        self.row = row
        if data.find(b" hidden=", begin, data.find(b">", begin)) > 0 and HIDDEN_ROW.match(data, begin, end):
            self.flags.hidden.append(row)
        last = data.rfind(self.cell_start, begin, end)
        if last < 0:
            return
        letters = data[last + len(self.cell_start) : last + len(self.cell_start) + 3].rstrip(b"0123456789")
        if column_index(letters) < self.flags.n_columns and data.find(self.cell_end, begin, end) > 0:
            self.flags.add_filled_cell(row, 0, self.limits)
        elif filled := self.find_filled(data, begin, end):
            self.flags.add_filled_cell(row, max(map(column_index, filled)), self.limits)
        if numbers := self.find_shared_texts(data, begin, end):
            self.add_shared_texts([*map(int, numbers)])
        if match[2] is None:
            return
        for letters, style in self.find_styled(data, begin, end) if self.styles else ():
            if style.decode() in self.struck:
                add_flag(self.flags.struck, column_index(letters), "", row)
            if display := self.displays.get(style.decode()):
                add_flag(self.flags.displays, column_index(letters), display, row)
        if data.find(b' t="e"', begin, end) > 0:
            for letters, text in self.find_errors(data, begin, end):
                add_flag(self.flags.errors, column_index(letters), text.decode(), row)
        if data.find(self.formula_start, begin, end) > 0:
            for letters, attributes, no_result in self.find_formulas(data, begin, end):
                add_flag(self.flags.formulas, column_index(letters), "", row)
                if no_result and b' t="str"' not in attributes:
                    add_flag(self.flags.errors, column_index(letters), NO_RESULT, row)

    def add_shared_texts(self, numbers: Sequence[int]) -> None:
        """Measure shared texts. Refuse one that does not exist: the reading library would take the last one for it."""
        if max(numbers) >= len(self.texts):
            raise FileRefused(
                "file.corrupt", f"A cell refers to shared text {max(numbers)}, but there are only {len(self.texts)}."
            )
        self.shared_text += sum(map(self.texts.__getitem__, numbers))

    def handle_start(self, name: str, attributes: Mapping[str, str]) -> None:
        """Start an element of a row that is not plain. Raises FileRefused for a row or cell without a valid position."""
        if name == "row":
            number = attributes.get("r", str(self.row + 1))
            if not ROW_NUMBER.fullmatch(number):
                raise FileRefused("file.corrupt", f"'{number[:20]}' is not a row number.")
            self.row = int(number)
            self.column = -1
            if attributes.get("hidden") in ("1", "true"):
                self.flags.hidden.append(self.row)
        elif name == "c":
            if self.in_cell:
                raise FileRefused("file.corrupt", "A cell is nested in another cell.")
            self.in_cell = True
            self.cell, self.value, self.formula, self.filled = attributes, "", False, False
            reference = CELL_REFERENCE.fullmatch(attributes.get("r", ""))
            if reference is None and "r" in attributes:
                raise FileRefused("file.corrupt", f"'{attributes['r'][:20]}' is not a cell reference.")
            self.column = column_index(reference[1].encode()) if reference else self.column + 1
            self.cell_row = int(reference[2]) if reference else self.row
        elif name == "f":
            self.formula = True
        elif name in ("v", "is"):
            self.filled = True
        elif name == "mergeCell":
            self.add_range(attributes.get("ref", ""))
        elif name == "autoFilter":
            self.filter = attributes.get("ref", "")
        elif name == "filterColumn" and (found := RANGE.fullmatch(self.filter)):
            self.flags.filters.append((int(found[2]), int(found[4])))
            self.filter = ""
        self.element = name

    def add_range(self, reference: str) -> None:
        """Add a merged range."""
        if found := RANGE.fullmatch(reference):
            first, last = int(found[2]), int(found[4])
            self.flags.merged.append((first, column_index(found[1].encode()), last, column_index(found[3].encode())))

    def handle_text(self, text: str) -> None:
        """Add text to the value of the current cell."""
        if self.element in ("v", "t"):
            self.value += text
            if len(self.value) > MAX_CELL_TEXT:
                raise FileRefused("limit.cell_text")

    def handle_end(self, name: str) -> None:
        """Measure and flag a cell at its end."""
        self.element = ""
        if name != "c":
            return
        self.in_cell = False
        if self.filled:
            self.flags.add_filled_cell(self.cell_row, self.column, self.limits)
        if display := self.displays.get(self.cell.get("s", "")):
            add_flag(self.flags.displays, self.column, display, self.cell_row)
        if self.filled and self.cell.get("s", "") in self.struck:
            add_flag(self.flags.struck, self.column, "", self.cell_row)
        number = self.value.strip().removeprefix("+")
        if self.cell.get("t") == "s" and number.isdecimal():
            self.add_shared_texts([int(number[:20])])
        if self.cell.get("t") == "e":
            add_flag(self.flags.errors, self.column, self.value, self.cell_row)
        if self.formula:
            add_flag(self.flags.formulas, self.column, "", self.cell_row)
            if not self.value and self.cell.get("t") != "str":
                add_flag(self.flags.errors, self.column, NO_RESULT, self.cell_row)
