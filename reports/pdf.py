"""Render a report as a PDF: A4, tagged for screen readers (PDF/UA-1), with fonts for the scripts in which names are written."""

from reports.document import Report
from reports.typesetting import typeset
from reports.view_model import build_view_model

MAX_ROWS = 100
MAX_DETAILS = 5  # the number of results explained in full; the HTML page and the workbook explain more


def render(report: Report) -> bytes:
    """Return the PDF; the same report gives the same bytes. Raises FontsMissingError."""
    return typeset("report.typ", build_view_model(report, MAX_ROWS, MAX_DETAILS), report.on)
