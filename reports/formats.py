"""The formats a report comes in: the one registry, and `render`."""

from collections.abc import Callable
from typing import NamedTuple

from reports import csv, html, pdf, xlsx
from reports.document import Report
from reports.redaction import for_audience


class Format(NamedTuple):
    """How a report becomes bytes, and what they are."""

    render: Callable[[Report], bytes]
    media_type: str


class Rendered(NamedTuple):
    """A report as a file."""

    data: bytes
    media_type: str
    file_name: str


FORMATS: dict[str, Format] = {
    "html": Format(html.render, "text/html; charset=utf-8"),
    "pdf": Format(pdf.render, "application/pdf"),
    "xlsx": Format(xlsx.render, "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
    "csv": Format(csv.render, "text/csv; charset=utf-8"),
}


def render(report: Report, format: str) -> Rendered:  # noqa: A002  the word of the field
    """The report, as its audience may see it, in a format of FORMATS. Raises KeyError for any other."""
    chosen = FORMATS[format]
    return Rendered(chosen.render(for_audience(report)), chosen.media_type, f"report.{format}")
