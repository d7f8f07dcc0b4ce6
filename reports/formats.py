"""The formats a report comes in: the one registry, and `render`.

The command line, the API and the pages offer what FORMATS holds, in its order. The module of a format has the format's name
and a function ``render(report) -> bytes``; it is loaded when a report is first rendered in it, since `diligence --help` lists the
formats and needs neither fonts nor a writer of workbooks.
"""

from importlib import import_module
from typing import NamedTuple

from reports.document import Report
from reports.redaction import for_audience


class Format(NamedTuple):
    """What readers call a format, and the media type of its files."""

    title: str
    media_type: str


class Rendered(NamedTuple):
    """A report as a file."""

    data: bytes
    media_type: str
    file_name: str


FORMATS: dict[str, Format] = {
    "pdf": Format("PDF", "application/pdf"),  # A4, tagged for screen readers (PDF/UA-1), to hand round
    "xlsx": Format("Excel", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),  # to sort and filter
    "html": Format("HTML", "text/html; charset=utf-8"),  # one file without script, for any screen, and to print
    "csv": Format("CSV", "text/csv; charset=utf-8"),  # every field of every result, for other programs
}


def render(report: Report, format: str) -> Rendered:  # noqa: A002  the word of the field
    """Return the report, as its audience may see it, as a file in a format of FORMATS. Raises KeyError for any other."""
    media_type = FORMATS[format].media_type
    data: bytes = import_module(f"reports.{format}").render(for_audience(report))
    return Rendered(data, media_type, f"report.{format}")
