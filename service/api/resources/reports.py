"""The routes of reports."""

from __future__ import annotations

from reports.formats import ALL_FORMATS
from service.api import files, reports
from service.api.route import FileTypes, Route
from service.api.schemas.base import PageQuerySchema
from service.api.schemas.files import REPORT_PAGE, ReportSchema
from service.reporting.scorecards import MEDIA_TYPE as SCORECARDS_TYPE

REPORT_FILE = FileTypes((*(form.media_type for form in ALL_FORMATS.values()), SCORECARDS_TYPE))

ROUTES: tuple[Route, ...] = (
    Route("POST", "/reports", "request_report", reports.request_report,
          "Request a report on one supplier, or on all suppliers that match a filter.",
          ReportSchema(), (202,), "write", body=ReportSchema()),
    Route("GET", "/reports", "list_reports", reports.list_reports, "List reports, newest first.", REPORT_PAGE,
          query=PageQuerySchema()),
    Route("GET", "/reports/<job_id>", "get_report", reports.get_report, "Get the progress of a report.", ReportSchema()),
    Route("GET", "/reports/<job_id>/file", "download_report", files.report_file, "Download a report.", REPORT_FILE,
          transaction="own"),
)  # fmt: skip
