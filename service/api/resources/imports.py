"""The routes of imports, and the jobs that run them."""

from __future__ import annotations

from service.api import column_mappings, editions, erasure, files, overview
from service.api.route import FileTypes, Multipart, Route
from service.api.schemas.base import PageQuerySchema
from service.api.schemas.editions import EDITION_PAGE, EditionQuerySchema, GoneDecidedSchema, GoneDecisionSchema
from service.api.schemas.erasure import ErasurePreviewSchema, ImportErasureQuerySchema
from service.api.schemas.files import (
    COLUMN_MAPPINGS,
    IMPORT_PAGE,
    JOB_PAGE,
    SPREADSHEETS,
    UPLOAD,
    ImportConfirmationSchema,
    ImportQuerySchema,
    ImportSchema,
    JobSchema,
    LayoutChangeSchema,
    LayoutSchema,
    MarkedFileQuerySchema,
)

ROUTES: tuple[Route, ...] = (
    Route("POST", "/imports", "upload_files", files.upload,
          "Upload files to be read and scored in the background.", ImportSchema(),
          (202,), "own", form=Multipart(UPLOAD, {"file": SPREADSHEETS})),
    Route("GET", "/imports", "list_imports", files.list_imports, "List imports, newest first.", IMPORT_PAGE,
          query=ImportQuerySchema()),
    Route("GET", "/imports/<import_id>", "get_import", files.get_import,
          "Get the progress of an import and what was found in its files.",
          ImportSchema()),
    Route("POST", "/imports/<import_id>/confirm", "confirm_import", files.confirm,
          "Confirm an import: score it as previewed, or read it again with different options.", ImportSchema(), (202,), "write",
          body=ImportConfirmationSchema()),
    Route("GET", "/imports/<import_id>/layout", "get_layout", files.get_layout,
          "Show how the files of an import were read: sheets, header rows, columns with sample values, and rows left out.",
          LayoutSchema(), (200, 304), versioned=True),
    Route("PATCH", "/imports/<import_id>/layout", "change_layout", files.change_layout,
          "Change how the files of an import are read. They are read again in the background.", LayoutSchema(), (202,), "write",
          body=LayoutChangeSchema(), versioned=True),
    Route("GET", "/imports/<import_id>/edition", "list_edition_entries", editions.list_entries,
          "List the differences from the previous list: suppliers that are new, changed, renamed, moved, doubtful or gone.",
          EDITION_PAGE, query=EditionQuerySchema()),
    Route("POST", "/imports/<import_id>/edition/gone", "decide_gone_suppliers", editions.decide_gone,
          "Record a decision about suppliers that are no longer on a list. Nothing is deleted.", GoneDecidedSchema(),
          transaction="write", body=GoneDecisionSchema()),
    Route("GET", "/imports/<import_id>/marked.xlsx", "download_marked_file", files.marked_file,
          "Download a file of an import as a workbook with the problems marked in it.", FileTypes.of("xlsx"), transaction="own",
          query=MarkedFileQuerySchema()),
    Route("GET", "/imports/<import_id>/issues.csv", "download_issues", files.issues_file,
          "Download all issues of an import, each with all its cells.", FileTypes.of("csv"), transaction="own"),
    Route("POST", "/imports/<import_id>/undo", "undo_import", files.undo_import,
          "Undo an import: remove what it created, and restore what it changed.", ImportSchema(), (202,), "write"),
    Route("POST", "/imports/<import_id>/cancel", "cancel_import", files.cancel, "Request the cancellation of an import.",
          ImportSchema(), (202,), "write"),
    Route("GET", "/imports/<import_id>/erasure", "preview_import_erasure", erasure.preview_import,
          "Preview what erasing an import would do, and which backups contain it. Nothing is erased.", ErasurePreviewSchema(),
          query=ImportErasureQuerySchema()),
    Route("DELETE", "/imports/<import_id>", "erase_import", erasure.erase_import,
          "Erase an import: its files, their names, and the issues found in them. By default, suppliers are kept.",
          None, (204,), "write", query=ImportErasureQuerySchema()),
    Route("GET", "/column-mappings", "list_column_mappings", column_mappings.list_mappings,
          "List the column mappings remembered from earlier files, which are used for files with the same headers.",
          COLUMN_MAPPINGS),
    Route("DELETE", "/column-mappings/<mapping_id>", "delete_column_mapping", column_mappings.delete_mapping,
          "Delete a remembered column mapping.", None, (204,), "write"),
    Route("GET", "/jobs", "list_jobs", overview.list_jobs, "List current and past jobs, newest first.", JOB_PAGE,
          query=PageQuerySchema()),
    Route("POST", "/jobs/<job_id>/cancel", "cancel_job", files.cancel_job, "Request the cancellation of a job.",
          JobSchema(), (202,), "write"),
)  # fmt: skip
