"""List the kinds of reports (KINDS) with their formats, and render a report.

The command line, the API and the pages offer them in this order. Each format has a module of the same name with a function
``render``, for a full report in this folder and for the others in ``short/``, where each kind has a module with a function
``build(report)``. A module is loaded only when it is first used, because `diligence --help` lists the formats without needing
fonts or a workbook library.
"""

from importlib import import_module
from typing import NamedTuple

from reports.document import Audience, Report
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


# The formats of reports of one or two pages.
SHORT_FORMATS: dict[str, Format] = {
    "pdf": FORMATS["pdf"],
    "docx": Format(
        "Word", "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
    ),  # for reports that are edited before they are sent
    "html": FORMATS["html"],
}


class Kind(NamedTuple):
    """A kind of report: its title for readers, its formats, and its audience if there is only one."""

    title: str
    formats: dict[str, Format]
    audience: Audience | None = None


FULL_REPORT = "report"
KINDS: dict[str, Kind] = {
    FULL_REPORT: Kind("Full report", FORMATS),
    "brief": Kind("Board brief", SHORT_FORMATS, "internal"),
    "scorecard": Kind("Scorecard for the supplier", SHORT_FORMATS, "supplier"),
}
ALL_FORMATS = FORMATS | SHORT_FORMATS


def render(report: Report, format: str, kind: str = FULL_REPORT) -> Rendered:  # noqa: A002  the word of the field
    """Return the report as a file, limited to what its audience may see. Raises KeyError for a kind or format not in KINDS."""
    media_type = KINDS[kind].formats[format].media_type
    content = for_audience(report)
    if kind == FULL_REPORT:
        data: bytes = import_module(f"reports.{format}").render(content)
    else:
        document = import_module(f"reports.short.{kind}").build(content)
        data = import_module(f"reports.short.{format}").render(document)
    return Rendered(data, media_type, f"{kind}.{format}")
