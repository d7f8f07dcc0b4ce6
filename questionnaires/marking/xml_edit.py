"""Change a few places of an XML document and leave every other byte as it is.

Documents that were written by other programs keep what they alone understand this way: a library that parses a workbook and
writes it again loses pictures, results of formulas and extensions. All documents were examined before (``file_checks``).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple
from xml.parsers import expat
from xml.sax.saxutils import escape

ATTRIBUTE = re.compile(rb"\s{1,20}([\w:.-]{1,60})\s{0,20}=\s{0,20}(?:\"[^\"]*+\"|'[^']*+')")
CLOSING_TAG = re.compile(rb"</(?:([\w.-]{1,40}):)?[\w.-]{1,60}\s{0,20}>\s{0,1000}\Z")
FORBIDDEN = {code: "\ufffd" for code in (*range(32), 0xFFFE, 0xFFFF, *range(0xD800, 0xE000)) if code not in (9, 10, 13)}
PIECE = 1 << 20  # bytes that are copied at a time


class Splice(NamedTuple):
    """Bytes that replace those from ``start`` to ``end``."""

    start: int
    end: int
    replacement: bytes


class Element(NamedTuple):
    """An element as it occurs: its name without prefix, its attributes, and where its start tag begins and ends."""

    name: str
    attributes: dict[str, str]
    start: int
    end: int


class NotEditable(Exception):
    """Raised for a workbook that lacks a part or an element to which something is to be added."""


def scan(data: bytes, start: Callable[[Element], None], end: Callable[[str, int, int], None]) -> None:
    """Call ``start`` for each element, and ``end`` with its name, the place where its content ends, and where it ends itself.

    These places are the same for an empty element (``<c/>``), which has no room for content. Raises NotEditable for what is not
    well-formed.
    """
    parser = expat.ParserCreate()
    open_elements: list[Element] = []

    def handle_start(name: str, attributes: dict[str, str]) -> None:
        begin = parser.CurrentByteIndex
        element = Element(name.rpartition(":")[2], attributes, begin, data.index(b">", begin) + 1)
        open_elements.append(element)
        start(element)

    def handle_end(name: str) -> None:
        element, at = open_elements.pop(), parser.CurrentByteIndex
        is_empty = data[element.end - 2 : element.end] == b"/>"
        end(element.name, at, at if is_empty else data.index(b">", at) + 1)

    parser.StartElementHandler, parser.EndElementHandler = handle_start, handle_end
    try:
        parser.Parse(data, True)
    except (expat.ExpatError, ValueError):  # not XML, or a number that is none
        raise NotEditable from None


def check_well_formed(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Yield the pieces of a document. Raises NotEditable as soon as it is not well-formed."""
    parser = expat.ParserCreate()
    try:
        for piece in pieces:
            parser.Parse(piece, False)
            yield piece
        parser.Parse(b"", True)
    except expat.ExpatError:
        raise NotEditable from None


def apply_splices(data: bytes, splices: Iterable[Splice]) -> Iterator[bytes]:
    """Yield the document with its splices, in pieces. Splices do not overlap; those at one place keep their order."""
    position = 0
    for splice in sorted(splices, key=lambda splice: splice.start):
        yield from _pieces(data, position, splice.start)
        yield splice.replacement
        position = splice.end
    yield from _pieces(data, position, len(data))


def _pieces(data: bytes, start: int, end: int) -> Iterator[bytes]:
    for begin in range(start, end, PIECE):
        yield data[begin : min(begin + PIECE, end)]


def append_to_root(data: bytes, elements: Iterable[str]) -> bytes:
    """Return a document with elements added at the end of its root; ``<@`` stands for ``<`` and the prefix of the root."""
    match = CLOSING_TAG.search(data, max(len(data) - 1200, 0))
    if match is None:
        raise NotEditable
    return data[: match.start()] + add_prefix("".join(elements), match[1] or b"") + data[match.start() :]


def add_prefix(text: str, prefix: bytes) -> bytes:
    """Return elements as bytes, with the prefix (b"" for none) in place of each ``@`` that follows ``<`` or ``</``."""
    given = prefix.decode() + ":" if prefix else ""
    return text.replace("<@", f"<{given}").replace("</@", f"</{given}").encode()


def get_prefix(data: bytes, element: Element) -> bytes:
    """Return the prefix of an element as it is written, b"" for none."""
    tag = data[element.start + 1 : element.end]
    head = tag[: tag.index(element.name.encode())]
    return head.rstrip(b":")


def set_attributes(tag: bytes, **values: str | None) -> bytes:
    """Return a start tag with attributes set, or removed where the value is None."""
    tag = ATTRIBUTE.sub(lambda match: b"" if match[1].decode() in values else match[0], tag)
    closing = b"/>" if tag.endswith(b"/>") else b">"
    added = "".join(f' {name}="{value}"' for name, value in values.items() if value is not None)
    return tag.removesuffix(closing).rstrip() + added.encode() + closing


def escape_text(text: str) -> str:
    """Return text as XML: characters that XML does not allow are replaced by the replacement character."""
    return escape(text.translate(FORBIDDEN), {'"': "&quot;", "\r": "&#13;"})
