"""Turn a short report into dicts, lists and strings, as the templates of HTML and PDF read it."""

from typing import Any

from babel import Locale, dates

from reports.formatting import format_date
from reports.short.document import Block, Bullets, Cell, Paragraph, Picture, ShortDocument, Table, Tag

Tree = dict[str, Any]


def build_tree(document: ShortDocument) -> Tree:
    """Return the content of a short report; every block names its `type`."""
    return {
        "kind": document.full_kind,
        "logo": document.logo,
        "title": document.title,
        "headline": document.headline,
        "on": format_day(document),
        "draft": document.draft,
        "wording": document.wording,
        "language": document.language,
        "direction": _get_locale(document).text_direction,
        "sections": [
            {
                "title": section.title,
                "new_page": section.new_page,
                "blocks": [_build_block(block) for block in section.blocks],
            }
            for section in document.sections
        ],
    }


def format_day(document: ShortDocument) -> str:
    """Return the date of a report for running text, in other languages as the Unicode CLDR writes it."""
    locale = _get_locale(document)
    return format_date(document.on) if locale.language == "en" else str(dates.format_date(document.on, "long", locale))


def _get_locale(document: ShortDocument) -> Locale:
    return Locale.parse(document.language, sep="-")


def _build_block(block: Block) -> Tree:
    match block:
        case Paragraph(text):
            return {"type": "paragraph", "text": text}
        case Bullets(items):
            return {"type": "bullets", "items": list(items)}
        case Table(header, rows, widths):
            cells = [[_build_cell(cell) for cell in row] for row in rows]
            return {"type": "table", "header": list(header), "rows": cells, "widths": list(widths)}
        case Picture(drawing):
            return {"type": "picture", "drawing": drawing}


def _build_cell(cell: Cell) -> Tree | str:
    return cell._asdict() if isinstance(cell, Tag) else cell
