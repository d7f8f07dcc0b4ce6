"""Parse XML defensively: no definitions, limited depth and size; and skip plain, repeated elements quickly."""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable, Iterable
from typing import NamedTuple
from xml.parsers import expat

from questionnaires.limits import FileRefused

MAX_DEPTH, MAX_ATTRIBUTES, MAX_ELEMENTS, MAX_TAG_BYTES = 100, 256, 5_000_000, 2_000_000
DEFINITIONS = re.compile(rb"<!(?:DOCTYPE|ENTITY)")

# What XML 1.0 does not allow (section 2.2), as bytes of UTF-8 and as references by number.
FORBIDDEN_BYTES = bytes({*range(32)} - {*b"\t\n\r"})
NONCHARACTER = re.compile(rb"\xef\xbf[\xbe\xbf]")
FORBIDDEN_REFERENCE = re.compile(
    rb"&#(?:x0{0,8}(?:[0-8bcef]|1[0-9a-f]|fff[ef]|d[89a-f]..)|0{0,8}(?:[0-8]|1[124-9]|2[0-9]|3[01]|6553[45]));",
    re.IGNORECASE,
)
LONGEST_REFERENCE = 20

MAX_CELL_TEXT = 1_000_000  # characters of one cell

StartHandler = Callable[[str, dict[str, str]], None]
TextHandler = Callable[[str], None]


class PlainElements(NamedTuple):
    """Elements that need no parsing: where one may start and end, the pattern it matches, and the function that handles each.

    Whatever matches the whole pattern is complete and balanced, so that the rest is a well-formed document without it.
    """

    start_tag: bytes
    end_tag: bytes
    pattern: re.Pattern[bytes]
    handle: Callable[[re.Match[bytes]], None]


class SafeXmlParser:
    """Parses XML chunk by chunk, and calls handlers for its elements, by their name without prefix.

    Raises FileRefused for definitions (DTD), too much depth, and anything that makes a parser slow; ``file.corrupt`` for what
    is not XML.
    """

    def __init__(
        self,
        start: StartHandler,
        end: TextHandler | None = None,
        text: TextHandler | None = None,
        plain: PlainElements | None = None,
    ) -> None:
        self.start, self.end, self.plain = start, end, plain
        self.depth = self.elements = self.unclosed = 0
        self.pending = b""
        self.parser = expat.ParserCreate()
        self.parser.buffer_text = True
        self.parser.StartElementHandler = self.handle_start
        self.parser.EndElementHandler = self.handle_end
        self.parser.CharacterDataHandler = text
        self.parser.StartDoctypeDeclHandler = self.refuse_doctype
        self.parser.XmlDeclHandler = self.check_declaration
        if hasattr(self.parser, "SetReparseDeferralEnabled"):
            self.parser.SetReparseDeferralEnabled(False)  # handlers run before the next plain element is handled

    def read(self, chunks: Iterable[bytes]) -> None:
        """Parse a whole document."""
        tail = b""
        for number, chunk in enumerate(chunks):
            if number == 0 and chunk.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
                raise FileRefused("file.corrupt", "One of its parts is encoded as UTF-16.")
            refuse_forbidden_characters(tail + chunk)
            tail = chunk[-LONGEST_REFERENCE:]
            self.pending = self.skip_plain(self.pending + chunk, self.plain) if self.plain else self.parse(chunk)
        self.parse(self.pending, last=True)

    def skip_plain(self, data: bytes, plain: PlainElements) -> bytes:
        """Handle the plain elements and parse the rest; return the bytes that may still become a plain element."""
        position, match = 0, plain.pattern.match
        while True:
            if matched := match(data, position):
                plain.handle(matched)
                position = matched.end()
            elif not data.startswith(plain.start_tag, position):
                begin = data.find(plain.start_tag, position)
                if begin < 0:
                    begin = max(position, len(data) - len(plain.start_tag))
                    self.parse(data[position:begin])
                    return data[begin:]
                self.parse(data[position:begin])
                position = begin
            else:
                end = data.find(plain.end_tag, position)
                if end < 0 and len(data) - position < MAX_TAG_BYTES:
                    return data[position:]
                end = end + len(plain.end_tag) if end >= 0 else len(data)
                self.parse(data[position:end])
                position = end

    def parse(self, chunk: bytes, *, last: bool = False) -> bytes:
        """Parse a chunk and return what is left of it: nothing. Raises FileRefused for a tag that does not end."""
        opened, closed = chunk.rfind(b"<"), chunk.rfind(b">")
        if opened > closed:
            self.unclosed = len(chunk) - opened
        elif closed >= 0:
            self.unclosed = 0
        elif self.unclosed:
            self.unclosed += len(chunk)
        if self.unclosed > MAX_TAG_BYTES:
            raise FileRefused("xml.too_complex")
        try:
            self.parser.Parse(chunk, last)
        except expat.ExpatError:
            raise FileRefused("file.corrupt", "One of its parts is not well-formed XML.") from None
        return b""

    def handle_start(self, name: str, attributes: dict[str, str]) -> None:
        """Check depth and size at the start of an element and pass it on."""
        self.depth += 1
        self.elements += 1
        if self.depth > MAX_DEPTH:
            raise FileRefused("xml.too_deep")
        if len(attributes) > MAX_ATTRIBUTES or self.elements > MAX_ELEMENTS:
            raise FileRefused("xml.too_complex")
        self.start(name.rpartition(":")[2], attributes)

    def handle_end(self, name: str) -> None:
        """Pass on the end of an element."""
        self.depth -= 1
        if self.end:
            self.end(name.rpartition(":")[2])

    def refuse_doctype(self, *_: object) -> None:
        """Refuse a document with a document type definition."""
        raise FileRefused("xml.dtd_forbidden")

    def check_declaration(self, version: str, encoding: str | None, standalone: int) -> None:
        """Refuse a declared encoding other than UTF-8: the reading library knows no other."""
        if encoding and encoding.casefold() not in ("utf-8", "utf8", "us-ascii", "ascii"):
            raise FileRefused("file.corrupt", f"One of its parts is encoded as {encoding[:20]}.")


def refuse_forbidden_characters(data: bytes) -> None:
    """Raise FileRefused for control characters: plain elements are not parsed, and would let them through."""
    has_bytes = len(data.translate(None, FORBIDDEN_BYTES)) < len(data)
    has_references = b"&#" in data and FORBIDDEN_REFERENCE.search(data) is not None
    if has_bytes or has_references or NONCHARACTER.search(data):
        raise FileRefused("xml.forbidden_character")


def contains(chunks: Iterable[bytes], pattern: re.Pattern[bytes]) -> bool:
    """Return whether a pattern (of at most 64 bytes) occurs in a part that is not parsed."""
    tail = b""
    for chunk in chunks:
        if pattern.search(tail + chunk):
            return True
        tail = chunk[-64:]
    return False
