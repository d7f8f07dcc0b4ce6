"""List the formats of a report (FORMATS) and render a report in one of them.

The command line, the API and the pages offer the formats in FORMATS, in this order. Each format has a module of the same name
with a function ``render(report) -> bytes``. The module is loaded only when a report is first rendered in that format, because
`diligence --help` lists the formats without needing fonts or a workbook library.
"""

from importlib import import_module
from typing import NamedTuple

from reports.document import Report
from reports.redaction import for_audience


class Format(NamedTuple):
    """The name of a format for readers, and the media type of its files."""

    title: str
    media_type: str


class Rendered(NamedTuple):
    """A report as a file."""

    data: bytes
    media_type: str
    file_name: str


FORMATS: dict[str, Format] = {
    "pdf": Format("PDF", "application/pdf"),  # A4, tagged for screen readers (PDF/UA-1), for printing and sharing
    "xlsx": Format(
        "Excel", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
    ),  # for sorting and filtering
    "html": Format("HTML", "text/html; charset=utf-8"),  # one file without scripts, for any screen and for printing
    "csv": Format("CSV", "text/csv; charset=utf-8"),  # contains every field of every result, for other programs
}


def render(report: Report, format: str) -> Rendered:  # noqa: A002  the word of the field
    """Return the report as a file in one of FORMATS, limited to what its audience may see. Raises KeyError for other formats."""
    media_type = FORMATS[format].media_type
    data: bytes = import_module(f"reports.{format}").render(for_audience(report))
    return Rendered(data, media_type, f"report.{format}")
