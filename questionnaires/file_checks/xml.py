"""XML read with an eye on it: no definitions of its own, no depth, no endless tags; and what is plain passed over at speed."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import NamedTuple
from xml.parsers import expat

from questionnaires.limits import Refused

DEEPEST, MOST_ATTRIBUTES, MOST_ELEMENTS, LONGEST_TAG = 100, 256, 5_000_000, 2_000_000
DEFINITIONS = re.compile(rb"<!(?:DOCTYPE|ENTITY)")

LONGEST_TEXT = 1_000_000  # characters of one cell

Start = Callable[[str, dict[str, str]], None]
End = Callable[[str], None]


class Plain(NamedTuple):
    """Pieces that need no closer look: where one may begin and end, the form it has, and who is told of each.

    Whatever has exactly the form is whole and balanced, so that the rest is the same document without it.
    """

    begins: bytes
    ends: bytes
    form: re.Pattern[bytes]
    tell: Callable[[re.Match[bytes]], None]


class Markup:
    """Reads XML piece by piece, and tells of elements by their name without prefix.

    Raises Refused for definitions (DTD), depth, and whatever makes a reader slow; ``file.corrupt`` for what is not XML.
    """

    def __init__(
        self, start: Start, end: End | None = None, text: End | None = None, plain: Plain | None = None
    ) -> None:
        self.start, self.end, self.plain = start, end, plain
        self.depth = self.elements = self.unclosed = 0
        self.held = b""
        self.parser = expat.ParserCreate()
        self.parser.buffer_text = True
        self.parser.StartElementHandler = self.opened
        self.parser.EndElementHandler = self.closed
        self.parser.CharacterDataHandler = text
        self.parser.StartDoctypeDeclHandler = self.defined
        self.parser.XmlDeclHandler = self.declared
        if hasattr(self.parser, "SetReparseDeferralEnabled"):
            self.parser.SetReparseDeferralEnabled(False)  # what was fed is told before the next plain piece is

    def read(self, pieces: Iterable[bytes]) -> None:
        """Reads a whole document."""
        for piece in pieces:
            self.held = self.pass_over(self.held + piece, self.plain) if self.plain else self.look_at(piece)
        self.look_at(self.held, last=True)

    def pass_over(self, held: bytes, plain: Plain) -> bytes:
        """Tells of the plain pieces and looks at the rest; what may still become a plain piece is handed back."""
        at, match = 0, plain.form.match
        while True:
            if found := match(held, at):
                plain.tell(found)
                at = found.end()
            elif not held.startswith(plain.begins, at):
                begin = held.find(plain.begins, at)
                if begin < 0:
                    begin = max(at, len(held) - len(plain.begins))
                    self.look_at(held[at:begin])
                    return held[begin:]
                self.look_at(held[at:begin])
                at = begin
            else:
                end = held.find(plain.ends, at)
                if end < 0 and len(held) - at < LONGEST_TAG:
                    return held[at:]
                end = end + len(plain.ends) if end >= 0 else len(held)
                self.look_at(held[at:end])
                at = end

    def look_at(self, piece: bytes, *, last: bool = False) -> bytes:
        """Parses a piece."""
        opened, closed = piece.rfind(b"<"), piece.rfind(b">")
        if opened > closed:
            self.unclosed = len(piece) - opened
        elif closed >= 0:
            self.unclosed = 0
        elif self.unclosed:
            self.unclosed += len(piece)
        if self.unclosed > LONGEST_TAG:
            raise Refused("xml.too_complex")
        try:
            self.parser.Parse(piece, last)
        except expat.ExpatError:
            raise Refused("file.corrupt", "A part of it is not well-formed.") from None
        return b""

    def opened(self, name: str, attributes: dict[str, str]) -> None:
        """An element begins."""
        self.depth += 1
        self.elements += 1
        if self.depth > DEEPEST:
            raise Refused("xml.too_deep")
        if len(attributes) > MOST_ATTRIBUTES or self.elements > MOST_ELEMENTS:
            raise Refused("xml.too_complex")
        self.start(name.rpartition(":")[2], attributes)

    def closed(self, name: str) -> None:
        """An element ends."""
        self.depth -= 1
        if self.end:
            self.end(name.rpartition(":")[2])

    def defined(self, *_: object) -> None:
        """A document type begins."""
        raise Refused("xml.dtd_forbidden")

    def declared(self, version: str, encoding: str | None, standalone: int) -> None:
        """The first line tells the encoding: the reader behind the gate knows one only."""
        if encoding and encoding.casefold() not in ("utf-8", "utf8", "us-ascii", "ascii"):
            raise Refused("file.corrupt", f"A part of it is written in {encoding[:20]}.")


def has(pieces: Iterable[bytes], pattern: re.Pattern[bytes]) -> bool:
    """Whether something stands in a part that is not read otherwise."""
    tail = b""
    for piece in pieces:
        if pattern.search(tail + piece):
            return True
        tail = piece[-64:]
    return False
