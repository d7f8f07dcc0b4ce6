"""Render a short report as a PDF: A4, tagged for screen readers (PDF/UA-1)."""

from reports.short.document import ShortDocument
from reports.short.tree import build_tree
from reports.typesetting import typeset


def render(document: ShortDocument) -> bytes:
    """Return the PDF; the same document gives the same bytes. Raises FontsMissingError."""
    return typeset("short.typ", build_tree(document), document.on)
