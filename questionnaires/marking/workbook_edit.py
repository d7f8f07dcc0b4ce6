"""Mark a workbook (.xlsx): fill and annotate cells, add the results and the list of problems, and keep all else as it is."""

from __future__ import annotations

import posixpath
from collections.abc import Iterable
from io import BytesIO
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

from questionnaires.marking.marks import Marks, SheetMarks
from questionnaires.marking.notes import Notes
from questionnaires.marking.problems_sheet import build_problems_sheet
from questionnaires.marking.sheet_edit import RELATIONSHIPS, SheetEditor
from questionnaires.marking.styles_edit import StyleSheet
from questionnaires.marking.xml_edit import (
    Element,
    NotEditable,
    Splice,
    append_to_root,
    apply_splices,
    check_well_formed,
    escape_text,
    get_prefix,
    scan,
)

WORKBOOK, CONTENT_TYPES = "xl/workbook.xml", "[Content_Types].xml"
EMPTY_RELATIONSHIPS = (
    b'<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
    b'<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"></Relationships>'
)
SPREADSHEET_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml"
DRAWING_TYPE = "application/vnd.openxmlformats-officedocument.vmlDrawing"
OWN_ID = "rIdDiligence"
PROBLEMS_NAMES = ("Problems", "Problems (Diligence)", *(f"Problems (Diligence {number})" for number in range(2, 100)))
MADE = (1980, 1, 1, 0, 0, 0)  # of each part: the same input gives the same bytes


def mark_workbook(data: bytes, marks: Marks, problems_sheet: str | None, notice: str = "") -> bytes:
    """Return a workbook with marks. ``problems_sheet``: the sheet of an earlier marking, which is replaced.

    The workbook was examined before. Raises NotEditable for one that lacks what every spreadsheet program writes.
    """
    workbook = _Workbook(data)
    for name, sheet_marks in marks.sheets.items():
        if name != problems_sheet:
            workbook.mark_sheet(name, sheet_marks)
    workbook.write_problems(build_problems_sheet(marks.problems, workbook.styles.restyle, notice), problems_sheet)
    return workbook.save()


class _Workbook:
    """The parts of a workbook, those that were changed, and its sheets by name."""

    def __init__(self, data: bytes) -> None:
        self.archive = ZipFile(BytesIO(data))
        self.names = {name.casefold(): name for name in self.archive.namelist()}
        self.changed: dict[str, Iterable[bytes]] = {}
        self.types: list[str] = []
        targets = self._read_relationships(WORKBOOK)
        self.sheets: dict[str, str] = {}
        self.sheet_numbers = [0]
        self.sheets_end = 0
        self.sheet_prefix = b""
        workbook = self._read(WORKBOOK)

        def handle_start(element: Element) -> None:
            if element.name == "sheet":
                key = next((value for key, value in element.attributes.items() if key.endswith(":id")), "")
                self.sheets[element.attributes.get("name", "")] = targets.get(key, ("", ""))[1]
                self.sheet_numbers.append(int(element.attributes.get("sheetId", "0")))
                self.sheet_prefix = get_prefix(workbook, element)

        def handle_end(name: str, at: int, after: int) -> None:
            if name == "sheets" and at < after:
                self.sheets_end = at

        scan(workbook, handle_start, handle_end)
        self.styles_path = next((path for kind, path in targets.values() if kind == "styles"), "")
        self.styles = StyleSheet(self._read(self.styles_path))

    def _has(self, path: str) -> bool:
        return path.casefold() in self.names

    def _read(self, path: str) -> bytes:
        if not self._has(path):
            raise NotEditable
        return self.archive.read(self.names[path.casefold()])

    def _read_relationships(self, path: str) -> dict[str, tuple[str, str]]:
        """Return type and path of what a part refers to, by relationship id."""
        targets: dict[str, tuple[str, str]] = {}

        def handle_start(element: Element) -> None:
            given = element.attributes
            if element.name == "Relationship" and given.get("TargetMode") != "External":
                target = posixpath.join(posixpath.dirname(path), given.get("Target", ""))
                kind = given.get("Type", "").rpartition("/")[2]
                targets[given.get("Id", "")] = (kind, posixpath.normpath(target).lstrip("/"))

        if self._has(_relationships_of(path)):
            scan(self._read(_relationships_of(path)), handle_start, lambda name, at, after: None)
        return targets

    def _relate(self, path: str, added: Iterable[tuple[str, str, str]]) -> None:
        """Add relationships (id, type, target from the root) to a part."""
        own = _relationships_of(path)
        elements = [
            f'<@Relationship Id="{key}" Type="{RELATIONSHIPS}/{kind}" Target="/{target}"/>'
            for key, kind, target in added
        ]
        if elements:
            self.changed[own] = [append_to_root(self._read(own) if self._has(own) else EMPTY_RELATIONSHIPS, elements)]

    def mark_sheet(self, name: str, marks: SheetMarks) -> None:
        """Mark the cells of a sheet and write its results. A sheet that this package does not hold is passed over."""
        path = self.sheets.get(name, "")
        targets = self._read_relationships(path)
        notes_path = next((target for kind, target in targets.values() if kind == "comments"), "")
        if not path or not (marks.cells or marks.results or notes_path):
            return
        data = self._read(path)
        texts = {place: mark.note for place, mark in marks.cells.items() if mark.note}
        drawing = f"{OWN_ID}Drawing" if texts else None
        editor = SheetEditor(data, marks, self.styles.restyle, frozenset(self.styles.marked), drawing)
        self.changed[path] = apply_splices(data, editor.edit())
        if texts or notes_path:
            self._write_notes(path, targets, editor.drawing_id or "", notes_path, texts)

    def _write_notes(
        self,
        path: str,
        targets: dict[str, tuple[str, str]],
        drawing_id: str,
        notes_path: str,
        texts: dict[tuple[int, int], str],
    ) -> None:
        drawing_path = targets.get(drawing_id, ("", ""))[1]
        notes = Notes(
            self._read(notes_path) if notes_path else None, self._read(drawing_path) if drawing_path else None
        )
        if not texts and not notes.earlier:
            return
        number = list(self.sheets.values()).index(path) + 1
        added = []
        if not notes_path:
            notes_path = f"xl/commentsDiligence{number}.xml"
            added.append((f"{OWN_ID}Notes", "comments", notes_path))
            self._declare(notes_path, f"{SPREADSHEET_TYPE}.comments+xml")
        if not drawing_path:
            drawing_path = f"xl/drawings/vmlDrawingDiligence{number}.vml"
            added.append((drawing_id, "vmlDrawing", drawing_path))
            self._declare(drawing_path, DRAWING_TYPE)
        self._relate(path, added)
        content, drawing = notes.add(texts)
        self.changed |= {notes_path: [content], drawing_path: [drawing]}

    def _declare(self, path: str, content_type: str) -> None:
        self.types.append(f'<@Override PartName="/{path}" ContentType="{content_type}"/>')

    def write_problems(self, sheet: bytes, existing: str | None) -> None:
        """Add the list of problems as the last sheet, or put it in the place of an earlier one."""
        if existing is not None and self.sheets.get(existing):
            self.changed[self.sheets[existing]] = [sheet]
            return
        if not self.sheets_end:
            raise NotEditable
        path = "xl/worksheets/sheetDiligence.xml"
        taken = {name.casefold() for name in self.sheets}
        name = next(name for name in PROBLEMS_NAMES if name.casefold() not in taken)
        prefix = self.sheet_prefix.decode() + ":" if self.sheet_prefix else ""
        element = (
            f'<{prefix}sheet xmlns:r="{RELATIONSHIPS}" name="{escape_text(name)}" sheetId="{max(self.sheet_numbers) + 1}" '
            f'r:id="{OWN_ID}Problems"/>'
        ).encode()
        splice = Splice(self.sheets_end, self.sheets_end, element)
        self.changed[WORKBOOK] = apply_splices(self._read(WORKBOOK), [splice])
        self.changed[path] = [sheet]
        self._relate(WORKBOOK, [(f"{OWN_ID}Problems", "worksheet", path)])
        self._declare(path, f"{SPREADSHEET_TYPE}.worksheet+xml")

    def save(self) -> bytes:
        """Return the workbook as a file."""
        self.changed[self.styles_path] = [self.styles.edit()]
        if self.types:
            self.changed[CONTENT_TYPES] = [append_to_root(self._read(CONTENT_TYPES), self.types)]
        changed = {self.names.get(path.casefold(), path): pieces for path, pieces in self.changed.items()}
        buffer = BytesIO()
        with ZipFile(buffer, "w", ZIP_DEFLATED, compresslevel=3) as archive:
            for name in dict.fromkeys([*self.archive.namelist(), *changed]):
                info = ZipInfo(name, MADE)
                info.compress_type = ZIP_DEFLATED
                with archive.open(info, "w") as part:
                    for piece in check_well_formed(changed[name]) if name in changed else [self.archive.read(name)]:
                        part.write(piece)
        return buffer.getvalue()


def _relationships_of(path: str) -> str:
    folder, _, name = path.rpartition("/")
    return f"{folder}/_rels/{name}.rels"
