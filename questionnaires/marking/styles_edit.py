"""Add the fills of marked cells to the styles of an .xlsx file: each marked cell keeps its style and has another fill."""

from __future__ import annotations

from questionnaires.marking.xml_edit import (
    Element,
    NotEditable,
    Splice,
    add_prefix,
    apply_splices,
    get_prefix,
    scan,
    set_attributes,
)

FILLS = {"error": "FFFAD4D2", "warning": "FFFDEAC3"}  # light enough for black text; no palette of a program has them


class StyleSheet:
    """The styles of a workbook and those that are added: :meth:`restyle` gives their numbers, :meth:`edit` the new part."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.styles: list[bytes] = []
        self.marked: set[int] = set()
        self.added: dict[tuple[int, str, bool], int] = {}
        self.ends: dict[str, int] = {}
        self.starts: dict[str, Element] = {}
        self._path: list[str] = []
        self._begin = self._n_fills = 0
        self._fill_is_ours = False
        self._our_fills: set[str] = set()
        scan(data, self._start, self._end)
        if not self.styles or self.starts.keys() != {"cellXfs", "fills"}:
            raise NotEditable
        self.prefix = get_prefix(data, self.starts["cellXfs"])

    def _start(self, element: Element) -> None:
        parent = self._path[-1] if self._path else ""
        self._path.append(element.name)
        if element.name in ("cellXfs", "fills"):
            self.starts[element.name] = element
        elif element.name == "fgColor" and element.attributes.get("rgb") in FILLS.values():
            self._our_fills.add(str(self._n_fills))
        elif element.name == "xf" and parent == "cellXfs":
            self._begin = element.start
            if element.attributes.get("fillId") in self._our_fills:
                self.marked.add(len(self.styles))

    def _end(self, name: str, at: int, after: int) -> None:
        self._path.pop()
        parent = self._path[-1] if self._path else ""
        if name == "fill" and parent == "fills":
            self._n_fills += 1
        elif name == "xf" and parent == "cellXfs":
            self.styles.append(self.data[self._begin : after])
        elif name in ("cellXfs", "fills") and parent == "styleSheet":
            self.ends[name] = at
            if at == after:
                raise NotEditable

    def restyle(self, style: int, severity: str, quoted: bool) -> int:
        """Return the number of a style with the fill of a severity instead ("" for none), and as text where it is quoted."""
        if not severity and not quoted and style not in self.marked:
            return style
        key = (style if style < len(self.styles) else 0, severity, quoted)
        return self.added.setdefault(key, len(self.styles) + len(self.added))

    def edit(self) -> bytes:
        """Return the part with the added styles and their fills."""
        fills = "".join(
            f'<@fill><@patternFill patternType="solid"><@fgColor rgb="{colour}"/><@bgColor indexed="64"/></@patternFill></@fill>'
            for colour in FILLS.values()
        )
        styles = b"".join(self._build_style(*key) for key in self.added)
        splices = [
            *self._append("fills", add_prefix(fills, self.prefix), self._n_fills + len(FILLS)),
            *self._append("cellXfs", styles, len(self.styles) + len(self.added)),
        ]
        return b"".join(apply_splices(self.data, splices))

    def _append(self, name: str, elements: bytes, count: int) -> list[Splice]:
        element, end = self.starts[name], self.ends[name]
        tag = set_attributes(self.data[element.start : element.end], count=str(count))
        return [Splice(element.start, element.end, tag), Splice(end, end, elements)]

    def _build_style(self, style: int, severity: str, quoted: bool) -> bytes:
        whole = self.styles[style]
        end = whole.index(b">") + 1
        fill = self._n_fills + list(FILLS).index(severity) if severity else 0
        tag = set_attributes(whole[:end], fillId=str(fill), applyFill="1", **({"quotePrefix": "1"} if quoted else {}))
        return tag + whole[end:]
