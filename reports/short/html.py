"""Render a short report as one HTML file without scripts or external content."""

from reports.charts import FILLS, INKS
from reports.html import load_template
from reports.short.document import ShortDocument
from reports.short.tree import build_tree


def render(document: ShortDocument) -> bytes:
    """Return the page in UTF-8. The template escapes all text; the charts escape their own and are inserted as markup."""
    return load_template("short.html").render(page=build_tree(document), fills=FILLS, inks=INKS).encode()
