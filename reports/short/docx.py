"""Render a short report as a Word file, for readers who edit it: real headings, tables with a header row, pictures with a text.

The same document gives the same bytes: python-docx stamps files with the time, so the archive is written again without it.
"""

from __future__ import annotations

import zipfile
from datetime import date, datetime
from io import BytesIO
from typing import TYPE_CHECKING

import docx
from docx.enum.text import WD_BREAK
from docx.oxml import OxmlElement
from docx.oxml.ns import qn
from docx.shared import Mm, Pt, RGBColor

from reports.charts import FILLS, INKS, Drawing, keep_xml_characters
from reports.document import Logo
from reports.short.document import Block, Bullets, Paragraph, Picture, ShortDocument, Table, Tag
from reports.short.tree import format_day
from reports.typesetting import LOGO_SIZE, draw_png

if TYPE_CHECKING:
    from docx.document import Document
    from docx.table import _Cell

FONT = "Arial"
INK, QUIET = RGBColor(0x1D, 0x24, 0x2B), RGBColor(0x56, 0x61, 0x6B)
SIZES = {"Normal": 10, "Title": 14, "Heading 1": 12, "List Bullet": 10, "Subtitle": 16, "Caption": 8}
TEXT_WIDTH, PICTURE_WIDTH = Mm(174), Mm(130)
_UNDATED = (1980, 1, 1, 0, 0, 0)


def render(document: ShortDocument) -> bytes:
    """Return the Word file. Raises FontsMissingError, since its chart is drawn with the fonts of the PDF."""
    book = docx.Document()
    _set_up(book, document)
    if document.logo:
        _add_logo(book, document.logo)
    _add_text(book, f"{document.full_kind} · {format_day(document)}", "Caption")
    _add_text(book, document.title, "Title")
    if document.draft:
        book.add_paragraph().add_run(document.draft).bold = True
    _add_text(book, document.headline, "Subtitle")
    for section in document.sections:
        if section.new_page:
            book.add_paragraph().add_run().add_break(WD_BREAK.PAGE)
        book.add_heading(keep_xml_characters(section.title), 1)
        for block in section.blocks:
            _add_block(book, block)
    _add_text(book, document.wording, "Caption")
    return _save(book)


def _set_up(book: Document, document: ShortDocument) -> None:
    page = book.sections[0]
    page.page_width, page.page_height = Mm(210), Mm(297)
    page.left_margin = page.right_margin = Mm(18)
    page.top_margin = page.bottom_margin = Mm(16)
    for name, size in SIZES.items():
        style = book.styles[name]
        style.font.name, style.font.size, style.font.italic = FONT, Pt(size), False
        style.font.color.rgb = QUIET if name == "Caption" else INK
        style.font.bold = name in ("Title", "Heading 1", "Subtitle")
        style.element.get_or_add_rPr().get_or_add_rFonts().set(qn("w:eastAsia"), FONT)
        style.paragraph_format.space_after = Pt(4)
    properties = book.core_properties
    properties.title = keep_xml_characters(f"{document.title}, {document.kind}")[:255]
    properties.author, properties.comments = "Diligence", ""
    properties.language = "en-GB" if document.language == "en" else document.language
    properties.created = properties.modified = _at_midnight(document.on)


def _at_midnight(on: date) -> datetime:
    return datetime(on.year, on.month, on.day)  # noqa: DTZ001  the format has no time zone


def _add_block(book: Document, block: Block) -> None:
    match block:
        case Paragraph(text):
            _add_text(book, text, "Normal")
        case Bullets(items):
            for item in items:
                _add_text(book, item, "List Bullet")
        case Table():
            _add_table(book, block)
        case Picture(drawing):
            _add_picture(book, drawing)


def _add_text(book: Document, text: str, style: str) -> None:
    book.add_paragraph(keep_xml_characters(text), style)


def _add_table(book: Document, block: Table) -> None:
    table = book.add_table(rows=1 + len(block.rows), cols=len(block.header))
    table.style = "Light List"
    table.autofit = False
    header = OxmlElement("w:tblHeader")  # repeated on every page, and read out as the header
    header.set(qn("w:val"), "true")
    table.rows[0]._tr.get_or_add_trPr().append(header)
    for row, cells in zip(table.rows, (block.header, *block.rows), strict=True):
        for cell, content, width in zip(row.cells, cells, block.widths, strict=True):
            cell.width = int(TEXT_WIDTH * width / sum(block.widths))
            run = cell.paragraphs[0].add_run(keep_xml_characters(content.text if isinstance(content, Tag) else content))
            run.font.size = Pt(9)
            if isinstance(content, Tag):
                _shade(cell, FILLS[content.level])
                run.font.color.rgb = RGBColor.from_string(INKS[content.level].removeprefix("#"))
    book.add_paragraph()


def _shade(cell: _Cell, fill: str) -> None:
    shading = OxmlElement("w:shd")
    for name, value in (("val", "clear"), ("color", "auto"), ("fill", fill.removeprefix("#"))):
        shading.set(qn(f"w:{name}"), value)
    cell._tc.get_or_add_tcPr().append(shading)


def _add_picture(book: Document, drawing: Drawing) -> None:
    shape = book.add_picture(BytesIO(draw_png(drawing)), width=PICTURE_WIDTH)
    described = shape._inline.docPr
    described.set("title", keep_xml_characters(drawing.title))
    described.set("descr", keep_xml_characters(drawing.description))


def _add_logo(book: Document, logo: Logo) -> None:
    width, height = (Mm(length) for length in logo.fit(*LOGO_SIZE))
    shape = book.add_picture(BytesIO(logo.png), width, height)
    shape._inline.docPr.set("descr", keep_xml_characters(logo.text))


def _save(book: Document) -> bytes:
    dated, undated = BytesIO(), BytesIO()
    book.save(dated)
    with zipfile.ZipFile(dated) as source, zipfile.ZipFile(undated, "w", zipfile.ZIP_DEFLATED) as target:
        for name in source.namelist():
            target.writestr(zipfile.ZipInfo(name, _UNDATED), source.read(name), zipfile.ZIP_DEFLATED)
    return undated.getvalue()
