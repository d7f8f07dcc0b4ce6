"""Add notes to cells of an .xlsx file: a part with their texts and a drawing with their shapes, new or as the sheet has them."""

from __future__ import annotations

import re
from collections.abc import Mapping

from questionnaires.marking.marks import parse_cell
from questionnaires.marking.xml_edit import (
    Element,
    NotEditable,
    Splice,
    add_prefix,
    apply_splices,
    escape_text,
    get_prefix,
    scan,
)
from questionnaires.sheet import cell_name

AUTHOR = "Diligence"
MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
EMPTY_NOTES = (
    f'<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n<comments xmlns="{MAIN}"><authors></authors>'
    "<commentList></commentList></comments>"
).encode()
SHAPE_TYPE = (
    '<v:shapetype id="_x0000_t202" coordsize="21600,21600" o:spt="202" path="m,l,21600r21600,l21600,xe">'
    '<v:stroke joinstyle="miter"/><v:path gradientshapeok="t" o:connecttype="rect"/></v:shapetype>'
)
EMPTY_DRAWING = (
    '<xml xmlns:v="urn:schemas-microsoft-com:vml" xmlns:o="urn:schemas-microsoft-com:office:office" '
    f'xmlns:x="urn:schemas-microsoft-com:office:excel">{SHAPE_TYPE}</xml>'
).encode()
SHAPE_PLACE = re.compile(rb"<x:(Row|Column)>\s{0,20}(\d{1,7})\s{0,20}</x:\1>")
SHAPE_START, SHAPE_END, DRAWING_END = b"<v:shape ", b"</v:shape>", b"</xml>"


class Notes:
    """The notes of one sheet and their drawing; those of an earlier marking are replaced, those of the sender stay."""

    def __init__(self, notes: bytes | None, drawing: bytes | None) -> None:
        self.data, self.drawing = notes or EMPTY_NOTES, drawing or EMPTY_DRAWING
        self.authors: list[str] = []
        self.cells: set[tuple[int, int]] = set()  # those that the sender's notes are on
        self.earlier: set[tuple[int, int]] = set()  # those with notes of an earlier marking
        self.splices: list[Splice] = []
        self.ends: dict[str, int] = {}
        self._author_start = 0
        self._is_earlier = -1
        self.prefix = b""
        scan(self.data, self._start, self._end)

    def _start(self, element: Element) -> None:
        if element.name == "comments":
            self.prefix = get_prefix(self.data, element)
        elif element.name == "author":
            self._author_start = element.end
        elif element.name == "comment" and (place := parse_cell(element.attributes.get("ref", ""))):
            author = int(element.attributes.get("authorId", "0"))
            if self.authors[author : author + 1] == [AUTHOR]:
                self.earlier.add(place)
                self._is_earlier = element.start
            else:
                self.cells.add(place)

    def _end(self, name: str, at: int, after: int) -> None:
        if name == "author":
            self.authors.append(self.data[self._author_start : at].decode(errors="replace").strip())
        elif name == "comment" and self._is_earlier >= 0:
            self.splices.append(Splice(self._is_earlier, after, b""))
            self._is_earlier = -1
        elif at == after and name in ("authors", "commentList"):
            raise NotEditable
        self.ends[name] = at

    def add(self, texts: Mapping[tuple[int, int], str]) -> tuple[bytes, bytes]:
        """Return the parts with notes of these texts added; a cell that has a note of the sender keeps that one alone.

        Raises NotEditable for a part without authors or notes.
        """
        added = {place: text for place, text in texts.items() if place not in self.cells}
        author = len(self.authors)
        elements = "".join(
            f'<@comment ref="{cell_name(*place)}" authorId="{author}"><@text><@t xml:space="preserve">{escape_text(text)}</@t>'
            "</@text></@comment>"
            for place, text in added.items()
        )
        additions = {"authors": f"<@author>{AUTHOR}</@author>", "commentList": elements}
        if not additions.keys() <= self.ends.keys():
            raise NotEditable
        splices = [
            Splice(self.ends[name], self.ends[name], add_prefix(text, self.prefix)) for name, text in additions.items()
        ]
        splices += self.splices
        return b"".join(apply_splices(self.data, splices)), self._draw(added)

    def _draw(self, places: Mapping[tuple[int, int], str]) -> bytes:
        drawing = self._remove_earlier_shapes()
        head, end, tail = drawing.rpartition(DRAWING_END)
        shapes = "".join(_build_shape(row, column) for row, column in places)
        missing = "" if b'id="_x0000_t202"' in head else SHAPE_TYPE
        return head + (missing + shapes).encode() + end + tail

    def _remove_earlier_shapes(self) -> bytes:
        kept, position = [], 0
        while (start := self.drawing.find(SHAPE_START, position)) >= 0:
            end = self.drawing.find(SHAPE_END, start)
            if end < 0:
                break
            end += len(SHAPE_END)
            place = dict(SHAPE_PLACE.findall(self.drawing, start, end))
            at = (int(place.get(b"Row", b"-2")) + 1, int(place.get(b"Column", b"-1")))
            kept.append(self.drawing[position : start if at in self.earlier else end])
            position = end
        return b"".join([*kept, self.drawing[position:]])


def _build_shape(row: int, column: int) -> str:
    """Return the hidden box of a note, beside its cell."""
    anchor = f"{column + 1}, 15, {max(row - 2, 0)}, 10, {column + 5}, 15, {max(row - 2, 0) + 8}, 4"
    return (
        f'<v:shape id="diligence_{cell_name(row, column)}" type="#_x0000_t202" style="position:absolute;visibility:hidden" '
        'fillcolor="#ffffe1" o:insetmode="auto"><v:fill color2="#ffffe1"/><v:path o:connecttype="none"/>'
        '<v:textbox style="mso-direction-alt:auto"><div style="text-align:left"></div></v:textbox>'
        '<x:ClientData ObjectType="Note"><x:MoveWithCells/><x:SizeWithCells/>'
        f"<x:Anchor>{anchor}</x:Anchor><x:AutoFill>False</x:AutoFill><x:Row>{row - 1}</x:Row><x:Column>{column}</x:Column>"
        "</x:ClientData></v:shape>"
    )
